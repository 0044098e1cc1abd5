/* model.h - what the actions of `cull model` share. */
#ifndef CULL_CLI_MODEL_H
#define CULL_CLI_MODEL_H
#include "cli.h"
#include "cull/model.h"
#include "cull/surgery.h"

/* Shape of the input and number of outputs from --input and --outputs; start from --start. */
int model_opts(cli *c, cull_model_opts *o);
int model_open(cli *c, const char *what, const cull_model_opts *o, cull_model **out);
bool is_weights(const char *path);
/* "32x32x3" */
const char *model_shape(int rank, const int64_t *dim, char buf[80]);
const char *with_commas(int64_t v, char buf[32]);
void say_shape_json(const char *key, int rank, const int64_t *dim);

int model_train(cli *c);
int model_eval(cli *c);
int model_prune(cli *c);
/* prune --audit: the rows of cull/surgery_audit.h, of m that was cut so (model_audit.c) */
int audit_cut(cli *c, cull_model *m, const cull_surgery *s, const bool *keep);
int apply_channels(cli *c); /* of cull apply */
int model_ticket(cli *c);
#endif

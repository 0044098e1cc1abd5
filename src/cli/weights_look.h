/* weights_look.h - cull weights stat, diff, verify. */
#ifndef CULL_CLI_WEIGHTS_LOOK_H
#define CULL_CLI_WEIGHTS_LOOK_H
#include "cli.h"
#include "cull/checkpoint_look.h"

/* The verb that the inputs begin with is run, *rc = its exit code; false: they begin with none. */
bool weights_look(cli *c, int *rc);
int weights_diff(cli *c);

/* Shared by the verbs. */
const char *look_number(double v, char buf[32]); /* six digits */
const char *look_shape(const cull_tensor *t, char buf[208]);
void look_shape_json(const cull_tensor *t);
/* A name as wide as `wide`, what steers terminals as '?'. */
void look_name(const char *s, int wide);
int look_width(const cull_checkpoint *ck);
#endif

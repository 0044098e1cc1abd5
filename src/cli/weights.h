/* weights.h - what cull weights has beside its methods: packed files and masks. */
#ifndef CULL_CLI_WEIGHTS_H
#define CULL_CLI_WEIGHTS_H
#include "cli.h"
#include "cull/weights.h"

/* Whether --store and --mask are for this method and these files; before anything is computed. Sets how p's result is stored. */
int weights_storing(cli *c, cull_weights_problem *p);
/* The method's result to -o, as --store and --mask want it. */
int weights_result(cli *c, const cull_opts *opts, const cull_weights_problem *p,
                   cull_weights_report *r);
/* The greedy soup, where a program stands behind "--". */
int weights_soup(cli *c, const cull_opts *opts, const cull_weights_problem *p,
                 cull_weights_report *r);
int run_weights_pack(cli *c);
int run_weights_unpack(cli *c);
int run_weights_mask(cli *c);
int apply_mask(cli *c);     /* of cull apply */
int apply_manifest(cli *c); /* of cull apply */
#endif

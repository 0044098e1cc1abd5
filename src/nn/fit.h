/* fit.h - inside of fitting: a model over data sets as a problem of training. */
#ifndef CULL__NN_FIT_H
#define CULL__NN_FIT_H
#include "cull/fit.h"
#include "io/parts.h"

/* size, smoothing, batch and shards of o. */
cull_status cull__fit_check(cull_ctx *cx, const cull_fit_opts *o);
/* q's loss over shards of `batch` rows at most, and its metric; in scratch of cx. n, row, val_n and val_row
 * are q's own, and checked. m, d and o must outlive it. */
cull_status cull__fit_problem(cull_ctx *cx, cull_model *m, const cull_fit_data *d,
                              const cull_fit_opts *o, int64_t batch, cull_train_problem *q);
/* Where o names a folder, cx's loops keep checkpoints there; `run`: more lines of whose they are. Else *out is NULL. */
cull_status cull__fit_keep_in(cull_ctx *cx, const cull_model *m, const cull_fit_data *d,
                              const cull_fit_opts *o, const char *what, const char *run,
                              cull__parts **out);
/* After s: closed, and where all went well what a finished run need not keep is removed. Returns s, or why not. */
cull_status cull__fit_kept(cull_ctx *cx, cull__parts *parts, cull_status s);
/* Of the description, the data, and what is made of both. */
uint64_t cull__fit_hash(const cull_model *m, const cull_fit_data *d, const cull_fit_opts *o);
#endif

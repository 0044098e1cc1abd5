/* search_table.h - tables of every design of a space, and methods of task search run on them. */
#ifndef CULL__CLAIM_SEARCH_TABLE_H
#define CULL__CLAIM_SEARCH_TABLE_H
#include "claim/claim.h"
#include "cull/search.h"

/* A csv with a row for each of base^digits designs: its column `arch` holds the digits. */
enum { CULL__TABLE_COLUMNS = 4 };
typedef struct {
    const char *file; /* within the data folder, or its folder `nas` */
    int digits, base, columns, costs;
    const char *column
        [CULL__TABLE_COLUMNS]; /* accuracies in percent; the last `costs` are numbers from 0, minimised */
} cull__search_file;
/* NAS-Bench-Macro (Su et al. 2021): accuracy of the mean, then of each of three seeds. */
extern const cull__search_file cull__macro;
/* The same: accuracy of the mean, then number of parameters and FLOPs. */
extern const cull__search_file cull__macro_costs;
/* The same: accuracy of the mean, FLOPs. */
extern const cull__search_file cull__macro_flops;
/* NAS-Bench-201 (Dong and Yang 2020): validation accuracy on CIFAR-10, CIFAR-100, ImageNet16-120; on CIFAR-10 after 12
 * epochs. */
extern const cull__search_file cull__nb201, cull__nb201_short;

typedef struct {
    const cull__search_file *of;
    int64_t designs;
    double *value[CULL__TABLE_COLUMNS]; /* designs: by the number that its digits are; scratch */
    cull_space *space;                  /* a category for each digit */
} cull__search_table;
/* The path of such a file. ENODATA: it is not there. */
cull_status cull__nas_path(cull_ctx *cx, const char *dir, const char *file, char *path,
                           size_t size);
cull_status cull__search_table_open(cull_ctx *cx, const char *dir, const cull__search_file *of,
                                    cull__search_table *t);
void cull__search_table_close(cull__search_table *t);
/* fn of the table, which is there only that long. */
typedef cull_status cull__search_table_fn(cull_ctx *cx, const cull__search_table *t, int seeds,
                                          cull_claim_result *out);
cull_status cull__search_table_with(cull_ctx *cx, const char *dir, const cull__search_file *of,
                                    cull__search_table_fn *fn, int seeds, cull_claim_result *out);

/* A method with options "name=value name=value"; objectives are columns `first` and those after it. */
typedef struct {
    const char *method, *options;
    int64_t trials;
    int first, objectives;
    cull_again again;
} cull__search_plan;
/* Seed i is that of cx and i more. best, mean (seeds): of the first objective over what was evaluated; last (seeds,
 * objectives): the last designs, in order; log (seeds, trials): all of them. Each may be NULL. */
typedef struct {
    double *best, *mean;
    int64_t *last, *log;
} cull__search_runs;
cull_status cull__search_table_run(cull_ctx *cx, const cull__search_table *t,
                                   const cull__search_plan *p, int seeds,
                                   const cull__search_runs *out);
/* Of runs on cull__macro_flops: share (budgets, seeds) of the volume of all designs, accuracy and FLOPs within 85 % and 106 M,
 * that the first budget[b] designs of each seed have. */
cull_status cull__search_table_shares(cull_ctx *cx, const cull__search_table *t,
                                      const cull__search_plan *p, int seeds, const int64_t *budget,
                                      int budgets, double *share);
#endif

/* search_bench.h - a table of known results in memory, and methods of task search run on it. See cull/bench.h. */
#ifndef CULL__CLAIM_SEARCH_BENCH_H
#define CULL__CLAIM_SEARCH_BENCH_H
#include "base/base.h"
#include "cull/bench.h"
#include "cull/space.h"

typedef struct {
    const cull_bench_table *about;
    cull_space *space; /* categories and ordinals alone, no conditions */
    int64_t points;    /* of the space; */
    const int32_t *
        row; /* the first parameter slowest: the design that each is; -1 = none. NULL: the point's number */
    int64_t designs;
    const double *value, *test; /* designs; test NULL = none */
    const double *second;       /* designs, minimised; NULL = one objective */
    bool minimize;
    bool ratio;   /* regret is log10(value / best), else scale times the difference */
    double scale; /* of values to points */
    double best, worst;
    /* Of two objectives, as cull__bench_measured has them; both 0 until cull__bench_ready: the worst in the table by each. */
    double reference[2];
    int64_t front; /* designs in the front, of equal ones the first; */
    double volume; /* what it dominates within `reference` */
} cull__bench_problem;

/* Points that the space has: the product over its parameters. */
int64_t cull__bench_points(const cull_space *s);
int64_t cull__bench_point(const cull_space *s, const double *x); /* the number of one */
/* Fills points, best, worst, designs where there is no `row`, what two objectives have; the rest is there. */
cull_status cull__bench_ready(cull_ctx *cx, cull__bench_problem *p);
double cull__bench_regret(const cull__bench_problem *p, double value); /* 0 at the best */
/* A design's two objectives, both minimised, a ratio by its log10. */
void cull__bench_measured(const cull__bench_problem *p, int64_t design, double v[2]);
/* As cull_bench_search. */
cull_status cull__bench_run(cull_ctx *cx, const cull__bench_problem *p, const cull_bench_opts *o,
                            cull_bench **out);

/* Named tables, read; arrays are scratch (search_bench_tables.c). */
cull_status cull__bench_named(cull_ctx *cx, const char *table, const cull_bench_table **t);
cull_status cull__bench_open(cull_ctx *cx, const cull_bench_table *t, const char *dir,
                             cull__bench_problem *p);
/* Files whose rows name designs (search_bench_rows.c). A column for each parameter of the space and one of values, or two
 * (`second` NULL = one), positive, to be minimised: */
cull_status cull__bench_listed(cull_ctx *cx, const char *path, const char *space, const char *value,
                               const char *second, cull__bench_problem *p);
/* Nets on graphs (NAS-Bench-Graph, Qin et al. 2022): `link`, four operations, a validation and a test share. `few`: five of the
 * nine operations. Designs that are one net under another name have the row of that. */
cull_status cull__bench_graph(cull_ctx *cx, const char *path, bool few, const char *value,
                              const char *test, cull__bench_problem *p);
/* What micro3 nets get right of 2,000 tests, by trainings with seeds 1 and 2; as in share/micro3.csv. */
extern const uint16_t cull__micro3_right[125][2];
#endif

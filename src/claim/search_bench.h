/* search_bench.h - a table of every design in memory, and methods of task search run on it. See cull/bench.h. */
#ifndef CULL__CLAIM_SEARCH_BENCH_H
#define CULL__CLAIM_SEARCH_BENCH_H
#include "base/base.h"
#include "cull/bench.h"
#include "cull/space.h"

typedef struct {
    const cull_bench_table *about;
    cull_space *space; /* categories and ordinals alone, no conditions */
    int64_t designs;
    const double *value, *test; /* designs, the first parameter slowest; test NULL = none */
    bool minimize;
    bool ratio;   /* regret is log10(value / best), else scale times the difference */
    double scale; /* of values to points */
    double best;
} cull__bench_problem;

/* Fills designs and best; the rest is there. */
cull_status cull__bench_ready(cull_ctx *cx, cull__bench_problem *p);
double cull__bench_regret(const cull__bench_problem *p, double value); /* 0 at the best */
/* As cull_bench_search. */
cull_status cull__bench_run(cull_ctx *cx, const cull__bench_problem *p, const cull_bench_opts *o,
                            cull_bench **out);

/* Named tables, read; arrays are scratch (search_bench_tables.c). */
cull_status cull__bench_open(cull_ctx *cx, const cull_bench_table *t, const char *dir,
                             cull__bench_problem *p);
/* What micro3 nets get right of 2,000 tests, by trainings with seeds 1 and 2; as in share/micro3.csv. */
extern const uint16_t cull__micro3_right[125][2];
#endif

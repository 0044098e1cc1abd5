/* cull/bench.h - methods of task search on tables of known results: every method, over seeds, beside random search.
 *
 *     cull_bench_opts o = CULL_BENCH_OPTS;
 *     o.data_dir = "data";
 *     status = cull_bench_search(cx, "nb201-c10", &o, &b);    // b->line[i].cell[j]: method i after b->at[j] evaluations
 *
 * A run asks no design twice, and is that of `cull search --seed S --method M` on the table. A point that the table does
 * not have fails, which is an evaluation as well. What counts after so many evaluations is the design that is best by the
 * value that was told: its regret is how far that value is from the table's best, in points (100 of the value where it is
 * a share) or, of errors and times that span decades, log10 of the ratio. Where all have failed, it is that of the
 * table's worst.
 *
 * Tables of two objectives run the methods that take several. What counts after so many evaluations is all of them: the regret
 * is the share that they lack of the volume that the table's front dominates within a reference point (Zitzler and Thiele
 * 1998), 1 where all have failed. The point is the worst in the table by each objective, of nas-bench-macro-flops 85 % and 106
 * MFLOPs. Times are taken by their logarithm; scales do not matter, as a ratio of volumes has none. */
#ifndef CULL_BENCH_H
#define CULL_BENCH_H
#include "cull/method.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const char *name;   /* "nb201-c10" */
    const char *about;  /* one line: what is told, and what the test value is */
    const char *file;   /* within the data folder; "" = comes with the library */
    const char *unit;   /* of regret: "points", "log10" or "volume" */
    const char *second; /* a second objective, minimised: "logic"; NULL = there is one alone */
} cull_bench_table;
CULL_API int cull_bench_count(void);
CULL_API const cull_bench_table *cull_bench_at(int i); /* NULL outside */
/* NULL when there is none; *near (if given) is then the nearest, or NULL. */
CULL_API const cull_bench_table *cull_bench_find(const char *name, const char **near);

enum { CULL_BENCH_BUDGETS = 8 };
typedef struct {
    size_t size;
    const char *data_dir; /* NULL = "/usr/share/datasets"; its folder nas is looked into as well */
    const cull_method *const
        *method;                  /* NULL = all of task search; random-search runs in any case */
    const cull_opts *const *opts; /* of each method; NULL, or one that is NULL: as by default */
    const char *const
        *name; /* what to call each, "tpe:gamma=0.2"; NULL = its slug. Two of one name are one */
    int methods;
    int seeds; /* the ctx's and those after it: 2 or more */
    int budgets;
    int64_t
        at[CULL_BENCH_BUDGETS]; /* evaluations, rising; the last is the budget that methods know */
} cull_bench_opts;
/* clang-format off */
#define CULL_BENCH_OPTS \
    {.size = sizeof(cull_bench_opts), .seeds = 50, .budgets = 3, .at = {50, 100, 200}}
/* clang-format on */

typedef struct {
    double regret, lo, hi; /* mean over seeds; 95 %: percentiles of a bootstrap (Efron 1979) */
    double test;           /* mean test value of those designs; NaN where the table has none */
    /* Random search's mean regret less this one, and Welch's p of both sides that they are equal. Methods share seeds, and
     * so some draws, which makes the test a cautious one. NaN of random search itself. */
    double gain, p;
} cull_bench_cell;
enum { CULL_BENCH_NAME = 120 };
typedef struct {
    const cull_method *method;
    char name[CULL_BENCH_NAME];
    char why[240]; /* it does not fit the table; "" = it ran */
    double
        ask_us; /* processor's microseconds of an ask and a tell, mean over all: not the same twice */
    cull_bench_cell cell[CULL_BENCH_BUDGETS];
    double *regret, *test; /* (budgets, seeds) */
} cull_bench_line;
typedef struct {
    const cull_bench_table *table;
    int64_t designs; /* that the table has */
    double best;     /* the table's, as told; of two objectives by the first */
    /* Of two objectives: how many designs no other dominates, and the reference point, as told. */
    int64_t front;
    double reference[2];
    int seeds, budgets, lines;
    int64_t at[CULL_BENCH_BUDGETS];
    cull_bench_line *line; /* random search first, then in the order asked for */
    void *mem_;
} cull_bench;
/* Methods and seeds side by side, the same bits for any number of threads but for ask_us. CULL_EINPUT: no table of that name,
 * budgets that do not rise; CULL_ENODATA: its file is not there. A method that fails on its way is a failure of all. */
CULL_API cull_status cull_bench_search(cull_ctx *cx, const char *table, const cull_bench_opts *o,
                                       cull_bench **out) CULL_CHECKED;
CULL_API void cull_bench_free(cull_bench *b);
/* A table itself as one line of JSON, for programs that are compared on it: name, unit, space (text), parameters (name,
 * kind, values), whether it is minimised, whether regret is a ratio, else times what, best, worst; value and test of
 * every point of the space, the first parameter slowest, null where it has none; of two objectives also the name of the second,
 * its values, the reference point (minimised, of a ratio its log10) and the front's volume within it. Free with cull_text_free. */
CULL_API cull_status cull_bench_json(cull_ctx *cx, const char *table, const char *data_dir,
                                     char **out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

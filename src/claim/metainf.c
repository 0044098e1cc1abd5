/* metainf's check: which method of task search to run on a table, learnt from what all did on other tables.
 *
 * The paper selects ways to serve language models, whose timings it does not ship; what cull can run at any time is its own searchers.
 * A workload is a table of known results and a number of evaluations; a method's value is the logarithm of random search's mean
 * regret over its own. Features are known before a run: sizes, kinds of parameters, evaluations. Every table is left out in turn
 * with all its workloads; a harder figure leaves out all tables of one source. */
#include "claim/claim.h"
#include "claim/search_bench.h"
#include "num/num.h"
#include "score/meta.h"

#include <math.h>
#include <string.h>

enum { TABLES = 64, BUDGETS = 3, ROWS = TABLES * BUDGETS, D = 8, WAYS = 9, RUNS = 20, DRAWS = 500 };
static const int64_t AT[BUDGETS] = {20, 50, 100};
static const char *const SLUG[WAYS - 1] = {"tpe",          "regularized-evolution",
                                           "local-search", "annealing",
                                           "quasi-random", "ant-colony",
                                           "uct",          "reinforce"};

typedef struct {
    int64_t n;
    double x[ROWS * D], v[WAYS * ROWS]; /* v (WAYS, n) once all tables are there */
    double by_row[ROWS * WAYS];
    int32_t table[ROWS], source[ROWS];
    int32_t tables, sources;
    const char *source_name[TABLES];
} world;

/* ---- workloads ---- */

static void features(const cull__bench_problem *p, int64_t at, double *x)
{
    int params = cull_space_params(p->space);
    double levels = 0, most = 0, ordered = 0, points = (double)p->points;
    for (int i = 0; i < params; i++) {
        const cull_space_param *q = cull_space_at(p->space, i);
        double n = log((double)(q->n > 1 ? q->n : 2));
        levels += n / params;
        most = fmax(most, n);
        ordered += (double)(q->kind == CULL_SPACE_ORDINAL || q->kind == CULL_SPACE_INT) / params;
    }
    const double all[D] = {log(points), params,   levels,          most,
                           ordered,     p->ratio, log((double)at), log((double)at / points)};
    memcpy(x, all, sizeof all);
}

static int32_t source_of(world *w, const char *name)
{
    size_t n = strcspn(name, "-");
    for (int32_t s = 0; s < w->sources; s++)
        if (strcspn(w->source_name[s], "-") == n && !strncmp(w->source_name[s], name, n)) return s;
    w->source_name[w->sources] = name;
    return w->sources++;
}

static cull_status add_table(cull_ctx *cx, const cull_bench_table *t, const char *dir, world *w)
{
    const cull_method *m[WAYS - 1];
    cull_bench_opts o = CULL_BENCH_OPTS;
    cull__bench_problem p = {0};
    cull_bench *b = NULL;
    for (int k = 0; k < WAYS - 1; k++) m[k] = cull_method_find(SLUG[k], NULL);
    o.method = m, o.methods = WAYS - 1, o.seeds = RUNS, o.budgets = BUDGETS;
    memcpy(o.at, AT, sizeof AT);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__bench_open(cx, t, dir, &p);
    if (s == CULL_OK) s = cull__bench_run(cx, &p, &o, &b);
    for (int j = 0; s == CULL_OK && j < BUDGETS && w->n < ROWS; j++, w->n++) {
        features(&p, AT[j], w->x + w->n * D);
        w->table[w->n] = w->tables;
        w->source[w->n] = source_of(w, t->name);
        for (int k = 0; k < WAYS; k++) { /* what does not run is as good as random search */
            double unit = p.ratio ? 1e-3 : 1e-2, random = b->line[0].cell[j].regret + unit;
            double own = *b->line[k].why ? random : b->line[k].cell[j].regret + unit;
            w->by_row[w->n * WAYS + k] = log(random / own);
        }
    }
    w->tables += s == CULL_OK;
    cull_bench_free(b);
    cull_space_free(p.space);
    cull__release(cx, mark);
    return s;
}

static cull_status gather(cull_ctx *cx, const char *dir, world *w)
{
    memset(w, 0, sizeof *w);
    for (int i = 0; i < cull_bench_count() && w->tables < TABLES; i++) {
        if (cull_bench_at(i)->second) continue; /* few methods take two objectives */
        CULL_TRY(cull__tick(cx, i, cull_bench_count()));
        cull_status s = add_table(cx, cull_bench_at(i), dir, w);
        if (s != CULL_OK && s != CULL_ENODATA) return s;
    }
    for (int64_t i = 0; i < w->n; i++)
        for (int k = 0; k < WAYS; k++) w->v[k * w->n + i] = w->by_row[i * WAYS + k];
    if (w->tables >= 8) return CULL_OK;
    return cull__fail(cx, CULL_ENODATA,
                      "%d tables of `cull bench search` are there; 8 are needed: name the folder "
                      "that holds them by --data",
                      (int)w->tables);
}

/* ---- figures ---- */

typedef struct {
    double gap, lo, hi, right; /* closed gap and its interval; share of rows with the best way */
    double got[ROWS];
} verdict;

static int best_of(const double *v, int64_t n, int64_t i)
{
    int best = 0;
    for (int k = 1; k < WAYS; k++)
        if (v[k * n + i] > v[best * n + i]) best = k;
    return best;
}

/* Of tables pick[0..m): (ours - single) / (ideal - single); single is what is best on average over these. */
static double gap_of(const world *w, const double *got, const int64_t *pick, int64_t m)
{
    double single[WAYS] = {0}, ours = 0, ideal = 0, most = -INFINITY;
    for (int64_t t = 0; t < m; t++)
        for (int j = 0; j < BUDGETS; j++) {
            int64_t i = pick[t] * BUDGETS + j;
            ours += got[i];
            ideal += w->v[best_of(w->v, w->n, i) * w->n + i];
            for (int k = 0; k < WAYS; k++) single[k] += w->v[k * w->n + i];
        }
    for (int k = 0; k < WAYS; k++) most = fmax(most, single[k]);
    return ideal > most ? (ours - most) / (ideal - most) : 0;
}

static cull_status judge(cull_ctx *cx, const world *w, const double *x, int kind,
                         const int32_t *fold, int32_t folds, verdict *out)
{
    cull__meta_rows r = {.n = w->n, .d = D, .ways = WAYS, .x = x, .v = w->v};
    cull__meta_opts o = {.kind = kind, .predictor = CULL_PREDICT_BOOST, .rounds = 200, .depth = 4};
    double *score, draw[DRAWS];
    int64_t pick[TABLES];
    cull_rng rng = cull__rng(cx, 5);
    o.rate = 0.1, o.rank = 5, o.l2 = 1e-3, o.stream = 1;
    CULL_TRY(CULL_TMP(cx, score, WAYS * w->n));
    CULL_TRY(cull__meta_cross(cx, &r, &o, fold, folds, score));
    out->right = 0;
    for (int64_t i = 0; i < w->n; i++) {
        out->got[i] = w->v[best_of(score, w->n, i) * w->n + i];
        out->right += (out->got[i] == w->v[best_of(w->v, w->n, i) * w->n + i]) / (double)w->n;
    }
    for (int32_t t = 0; t < w->tables; t++) pick[t] = t;
    out->gap = gap_of(w, out->got, pick, w->tables);
    for (int b = 0; b < DRAWS; b++) {
        for (int32_t t = 0; t < w->tables; t++) pick[t] = cull__rng_below(&rng, w->tables);
        draw[b] = gap_of(w, out->got, pick, w->tables);
    }
    CULL_TRY(cull__quantile(cx, draw, DRAWS, 0.025, &out->lo));
    return cull__quantile(cx, draw, DRAWS, 0.975, &out->hi);
}

/* Features of another workload each: the same numbers, which say nothing. */
static void shuffle(cull_ctx *cx, const world *w, double *x)
{
    int64_t order[ROWS];
    cull_rng r = cull__rng(cx, 6);
    for (int64_t i = 0; i < w->n; i++) order[i] = i;
    cull__rng_shuffle(&r, order, w->n);
    for (int64_t i = 0; i < w->n; i++) memcpy(x + i * D, w->x + order[i] * D, D * sizeof *x);
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    static const char *const name[CULL__METAS] = {"closed gap, one predictor (metainf)",
                                                  "closed gap, a predictor for each method",
                                                  "closed gap, ALORS",
                                                  "closed gap, ISAC",
                                                  "closed gap, forests of pairs",
                                                  "closed gap, best of the other tables"};
    static const char *const top[2] = {
        "share of workloads with the best method, metainf",
        "share of workloads with the best method, best of the others"};
    world *w;
    verdict *v;
    double *x;
    (void)seeds;
    CULL_TRY(CULL_TMP(cx, w, 1));
    CULL_TRY(CULL_TMP(cx, v, CULL__METAS + 2));
    CULL_TRY(CULL_TMP(cx, x, ROWS * D));
    CULL_TRY(gather(cx, data_dir, w));
    for (int kind = 0; kind < CULL__METAS; kind++)
        CULL_TRY(judge(cx, w, w->x, kind, w->table, w->tables, v + kind));
    shuffle(cx, w, x);
    verdict *blind = v + CULL__METAS, *far = blind + 1, *us = v + CULL__META_JOINT;
    CULL_TRY(judge(cx, w, x, CULL__META_JOINT, w->table, w->tables, blind));
    CULL_TRY(judge(cx, w, w->x, CULL__META_JOINT, w->source, w->sources, far));
    cull__claim_add_line(out, "closed gap between the single best and the best for each workload",
                         us->gap, us->lo, us->hi, false, 0.5);
    cull__claim_add_line(out, "closed gap where features are shuffled", blind->gap, blind->lo,
                         blind->hi, true, 0.05);
    cull__claim_add_line(out, "closed gap above that of ISAC", us->gap - v[CULL__META_ISAC].gap,
                         NAN, NAN, false, 0);
    cull__claim_add_line(out, "closed gap above that of ALORS", us->gap - v[CULL__META_ALORS].gap,
                         NAN, NAN, false, 0);
    for (int kind = 0; kind < CULL__METAS; kind++)
        cull__claim_add_figure(out, name[kind], v[kind].gap, v[kind].lo, v[kind].hi);
    cull__claim_add_figure(out, "closed gap, all tables of a source left out", far->gap, far->lo,
                           far->hi);
    cull__claim_add_figure(out, top[0], us->right, NAN, NAN);
    cull__claim_add_figure(out, top[1], v[CULL__META_SINGLE].right, NAN, NAN);
    cull__claim_add_figure(out, "tables", w->tables, NAN, NAN);
    out->note = "workloads are cull's own searches, few and unlike one another; the paper's, ways "
                "to serve a language model, "
                "are not measured here; intervals: bootstrap over tables";
    return CULL_OK;
}

const cull__claim cull__claim_metainf = {
    .about = {.slug = "metainf",
              .claim = "one predictor over features and methods chooses better for a new workload "
                       "than the method that is best on average, and than ISAC and ALORS",
              .setting = "tables of `cull bench search`, 9 methods that learn in microseconds, 20 "
                         "runs, 20, 50 and 100 evaluations; each table left out in turn"},
    .seeds = 1,
    .run = run,
};

/* router's check: calls of a weak and of a strong language model, by the question's words alone.
 *
 * (a) RouteLLM's published outcomes of Mixtral-8x7B and GPT-4 on 14042 questions of MMLU and 1319 of GSM8K. Two thirds of the
 * questions teach a router, which then ranks the others by how much more GPT-4 is worth; figures are RouteLLM's: how much of the
 * gap between the two is recovered, on average over all shares of calls of GPT-4 (APGR), and which share recovers 50 and
 * 80 % of it (CPT). Chance recovers half. (b) Six models on GSM8K at nominal costs. The paper's own routers learn from preferences of
 * people, and are judged on questions unlike those; these learn from outcomes of the same benchmarks. */
#define _GNU_SOURCE
#include "score/router.h"
#include "choose/route.h"
#include "claim/claim.h"
#include "cull/corpus.h"
#include "cull/embed.h"
#include "num/num.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 64, DRAWS = 200, MODELS = 6, DIM = 128 };

/* ---- questions ---- */

typedef struct {
    int64_t n;
    int models;
    double *x, *quality, *cost; /* (n, DIM), (models, n), (models, n) */
    int32_t *part;              /* n: 0 = GSM8K, 1 = MMLU */
} table;

static cull_status path_of(cull_ctx *cx, const char *dir, const char *name, char *path, size_t size)
{
    int n = snprintf(path, size, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= size)
        return cull__fail(cx, CULL_EINPUT, "the data directory's name is too long");
    if (access(path, R_OK) == 0) return CULL_OK;
    return cull__fail(cx, CULL_ENODATA,
                      "%s is not there: no package has it; put the file there, and name the "
                      "folder above by --data",
                      path);
}

/* Texts of c as DIM numbers; they are learnt from all texts, of which no outcome is looked at. */
static cull_status embed(cull_ctx *cx, const cull_corpus *c, double **x)
{
    cull_embed_opts o = CULL_EMBED_OPTS;
    cull_embed *e;
    cull_pool *p = NULL;
    float row[DIM];
    int64_t n = cull_corpus_n(c);
    o.dim = DIM;
    CULL_TRY(CULL_TMP(cx, *x, n * DIM));
    CULL_TRY(cull_embed_fit(cx, c, &o, &e));
    cull_status s = cull_embed_apply(cx, e, c, &p);
    cull_embed_free(e);
    for (int64_t i = 0; s == CULL_OK && i < n; i++) {
        const float *v = cull_pool_rows(p, i, i + 1, row);
        for (int j = 0; j < DIM; j++) (*x)[i * DIM + j] = (double)v[j];
    }
    cull_pool_free(p);
    return s;
}

static cull_status open_text(cull_ctx *cx, const char *path, const char *text, const char *group,
                             const char *const *columns, int count, cull_corpus **out)
{
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = &path, o.npaths = 1, o.text = text, o.group = group;
    o.columns = columns, o.ncolumns = count;
    return cull_corpus_open(cx, &o, out);
}

static cull_status columns_of(cull_ctx *cx, const cull_corpus *c, const char *const *name,
                              const double *each, table *t)
{
    CULL_TRY(CULL_TMP(cx, t->quality, t->models * t->n));
    CULL_TRY(CULL_TMP(cx, t->cost, t->models * t->n));
    for (int k = 0; k < t->models; k++) {
        const double *v = cull_table_col(cull_corpus_table(c), name[k]);
        if (!v) return cull__fail(cx, CULL_EINPUT, "there is no column '%s'", name[k]);
        for (int64_t i = 0; i < t->n; i++) {
            t->quality[k * t->n + i] = v[i];
            t->cost[k * t->n + i] = each[k];
        }
    }
    return CULL_OK;
}

static cull_status two_models(cull_ctx *cx, const char *dir, table *t)
{
    static const char *const name[] = {"weak", "strong"};
    static const double each[] = {0, 1};
    char path[512];
    cull_corpus *c;
    int32_t parts;
    CULL_TRY(path_of(cx, dir, "routing/routellm_mixtral_gpt4.jsonl.gz", path, sizeof path));
    CULL_TRY(open_text(cx, path, "q", "b", name, 2, &c));
    *t = (table){.n = cull_corpus_n(c), .models = 2};
    cull_status s = columns_of(cx, c, name, each, t);
    if (s == CULL_OK) s = embed(cx, c, &t->x);
    if (s == CULL_OK) s = CULL_TMP(cx, t->part, t->n);
    for (int64_t i = 0; s == CULL_OK && i < t->n; i++) /* MMLU has a name for each subject */
        t->part[i] =
            strcmp(cull_corpus_group_name(c, cull_corpus_group(c, &parts)[i]), "gsm8k") != 0;
    cull_corpus_free(c);
    return s;
}

static cull_status six_models(cull_ctx *cx, const char *dir, table *t)
{
    static const char *const name[] = {"gpt3_6b_ft",    "gpt3_6b_ver",  "gpt3_175b_ft",
                                       "gpt3_175b_ver", "mixtral_8x7b", "gpt4_1106"};
    static const double each[] = {1, 2, 20, 40, 4, 60};
    char path[512], text[512];
    cull_corpus *c, *q;
    CULL_TRY(path_of(cx, dir, "routing/gsm8k_six_models.csv.gz", path, sizeof path));
    CULL_TRY(path_of(cx, dir, "instruct/gsm8k_test.jsonl.gz", text, sizeof text));
    CULL_TRY(open_text(cx, path, "", NULL, name, MODELS, &c));
    *t = (table){.n = cull_corpus_n(c), .models = MODELS};
    cull_status s = columns_of(cx, c, name, each, t);
    cull_corpus_free(c);
    CULL_TRY(s);
    CULL_TRY(open_text(cx, text, "question", NULL, NULL, 0, &q));
    s = cull_corpus_n(q) == t->n
            ? embed(cx, q, &t->x)
            : cull__fail(cx, CULL_EINPUT, "%s: there must be %d questions", text, (int)t->n);
    cull_corpus_free(q);
    return s;
}

/* ---- a split ---- */

typedef struct {
    int64_t n, train;
    int64_t *order;
    double *worth; /* (models, n - train) of the rows behind the first `train` */
} split;

static cull_status predict(cull_ctx *cx, const table *t, const split *s, int kind)
{
    double *x, *q;
    int64_t n = s->train, m = s->n - n;
    CULL_TRY(CULL_TMP(cx, x, s->n * DIM));
    CULL_TRY(CULL_TMP(cx, q, t->models * n));
    for (int64_t i = 0; i < s->n; i++)
        memcpy(x + i * DIM, t->x + s->order[i] * DIM, DIM * sizeof *x);
    for (int k = 0; k < t->models; k++)
        for (int64_t i = 0; i < n; i++) q[k * n + i] = t->quality[k * t->n + s->order[i]];
    cull__router_rows r = {.n = n, .d = DIM, .models = t->models, .x = x, .quality = q};
    cull__router_opts o = {.kind = kind, .neighbours = 40, .rounds = 60, .depth = 3, .l2 = 10};
    o.rate = 0.1, o.stream = 1;
    return cull__router_say(cx, &r, &o, x + n * DIM, m, s->worth);
}

/* Of the test rows pick[0..m): the curve by these numbers, and its figures between the first model and the last. */
static cull_status curve_of(cull_ctx *cx, const table *t, const split *s, const double *worth,
                            const int64_t *pick, int64_t m, bool on, cull__route_curve *c,
                            double *quality)
{
    double *w, *known, *cost;
    int64_t all = s->n - s->train;
    CULL_TRY(CULL_TMP(cx, w, t->models * m));
    CULL_TRY(CULL_TMP(cx, known, t->models * m));
    CULL_TRY(CULL_TMP(cx, cost, t->models * m));
    for (int k = 0; k < t->models; k++) {
        quality[k] = 0;
        for (int64_t i = 0; i < m; i++) {
            int64_t row = s->order[s->train + pick[i]];
            w[k * m + i] = worth[k * all + pick[i]];
            known[k * m + i] = t->quality[k * t->n + row];
            cost[k * m + i] = t->cost[k * t->n + row];
            quality[k] += known[k * m + i] / (double)m;
        }
    }
    cull__route_rows r = {.n = m, .models = t->models, .worth = w, .cost = cost};
    return cull__route_curve_of(cx, &r, known, on, c);
}

static cull_status figures_of(cull_ctx *cx, const table *t, const split *s, const double *worth,
                              const int64_t *pick, int64_t m, cull__route_figures *f)
{
    cull__route_curve c;
    double q[2];
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(curve_of(cx, t, s, worth, pick, m, true, &c, q));
    cull__route_judge(&c, 0, q[0], 1, q[1], f);
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- (a) ---- */

enum { CHANCE = CULL__ROUTERS, ORACLE, WAYS, WHOLE = 0, PARTS = 3 };
typedef struct {
    double area[WAYS][PARTS][MOST], half[WAYS][MOST], most[WAYS][MOST];
    double lo[WAYS][MOST], hi[WAYS][MOST]; /* of area */
} figures;

/* The middle 95 % of the recovered share over test rows drawn anew. */
static cull_status bootstrap(cull_ctx *cx, const table *t, const split *s, const double *worth,
                             const int64_t *pick, int64_t m, double *lo, double *hi)
{
    double v[DRAWS];
    int64_t *draw;
    cull_rng r = cull__rng(cx, 77);
    CULL_TRY(CULL_TMP(cx, draw, m));
    for (int b = 0; b < DRAWS; b++) {
        cull__route_figures f;
        for (int64_t i = 0; i < m; i++) draw[i] = pick[cull__rng_below(&r, m)];
        CULL_TRY(figures_of(cx, t, s, worth, draw, m, &f));
        CULL_TRY(cull__tick(cx, b, DRAWS));
        v[b] = f.recovered;
    }
    CULL_TRY(cull__quantile(cx, v, DRAWS, 0.025, lo));
    return cull__quantile(cx, v, DRAWS, 0.975, hi);
}

static cull_status one_way(cull_ctx *cx, const table *t, const split *s, int way, int i, figures *v)
{
    int64_t m = s->n - s->train, *pick;
    cull_rng r = cull__rng(cx, 78);
    CULL_TRY(CULL_TMP(cx, pick, m));
    if (way < CULL__ROUTERS) CULL_TRY(predict(cx, t, s, way));
    for (int k = 0; way >= CULL__ROUTERS && k < t->models; k++)
        for (int64_t j = 0; j < m; j++)
            s->worth[k * m + j] =
                way == CHANCE ? cull__rng_unit(&r) : t->quality[k * t->n + s->order[s->train + j]];
    for (int part = 0; part < PARTS; part++) { /* all rows, then those of each benchmark */
        cull__route_figures f;
        int64_t count = 0;
        for (int64_t j = 0; j < m; j++)
            if (part == WHOLE || t->part[s->order[s->train + j]] == part - 1) pick[count++] = j;
        CULL_TRY(figures_of(cx, t, s, s->worth, pick, count, &f));
        v->area[way][part][i] = f.recovered;
        if (part != WHOLE) continue;
        v->half[way][i] = f.cost50, v->most[way][i] = f.cost80;
        CULL_TRY(bootstrap(cx, t, s, s->worth, pick, m, &v->lo[way][i], &v->hi[way][i]));
    }
    return CULL_OK;
}

static cull_status deal(cull_ctx *cx, const table *t, split *s)
{
    cull_rng r = cull__rng(cx, 1000);
    *s = (split){.n = t->n, .train = t->n * 2 / 3};
    CULL_TRY(CULL_TMP(cx, s->order, t->n));
    CULL_TRY(CULL_TMP(cx, s->worth, t->models * (t->n - s->train)));
    for (int64_t i = 0; i < t->n; i++) s->order[i] = i;
    cull__rng_shuffle(&r, s->order, t->n);
    return CULL_OK;
}

/* ---- (b) ---- */

enum { AFFORDED = 3, KNN_SIX = 0, LINEAR_SIX, MIXED, BEST_SIX, SIXES };
static const double AFFORD[AFFORDED] = {3, 15, 30};

/* Quality for each mean cost: by neighbours, by logistic regressions, by the best mix of models by chance, by who knows. */
static cull_status six(cull_ctx *cx, const table *t, int i, double (*v)[AFFORDED][MOST])
{
    split s;
    double q[MODELS];
    CULL_TRY(deal(cx, t, &s));
    int64_t m = s.n - s.train, *pick;
    CULL_TRY(CULL_TMP(cx, pick, m));
    for (int64_t j = 0; j < m; j++) pick[j] = j;
    for (int way = 0; way < SIXES; way++) {
        cull__route_curve c;
        if (way == KNN_SIX) CULL_TRY(predict(cx, t, &s, CULL__ROUTER_KNN));
        if (way == LINEAR_SIX) CULL_TRY(predict(cx, t, &s, CULL__ROUTER_LOGISTIC));
        for (int k = 0; way >= MIXED && k < MODELS; k++)
            for (int64_t j = 0; j < m; j++) {
                s.worth[k * m + j] = t->quality[k * t->n + s.order[s.train + j]];
                if (way == MIXED) s.worth[k * m + j] = q[k]; /* all rows alike */
            }
        CULL_TRY(curve_of(cx, t, &s, s.worth, pick, m, false, &c, q));
        for (int b = 0; b < AFFORDED; b++) v[way][b][i] = cull__route_quality_at(&c, AFFORD[b]);
    }
    return CULL_OK;
}

/* ---- together ---- */

static void show(cull_claim_result *out, const figures *v, int seeds)
{
    static const char *const area[WAYS] = {
        "APGR, neighbours",    "APGR, logistic regressions", "APGR, ridge regressions",
        "APGR, boosted trees", "APGR, calls by chance",      "APGR, who knows the outcomes"};
    static const char *const half[WAYS] = {
        "CPT(50 %), neighbours",        "CPT(50 %), logistic regressions",
        "CPT(50 %), ridge regressions", "CPT(50 %), boosted trees",
        "CPT(50 %), calls by chance",   "CPT(50 %), who knows the outcomes"};
    static const char *const most[WAYS] = {
        "CPT(80 %), neighbours",        "CPT(80 %), logistic regressions",
        "CPT(80 %), ridge regressions", "CPT(80 %), boosted trees",
        "CPT(80 %), calls by chance",   "CPT(80 %), who knows the outcomes"};
    static const char *const part[CULL__ROUTERS][2] = {
        {"APGR within GSM8K, neighbours", "APGR within MMLU, neighbours"},
        {"APGR within GSM8K, logistic regressions", "APGR within MMLU, logistic regressions"},
        {"APGR within GSM8K, ridge regressions", "APGR within MMLU, ridge regressions"},
        {"APGR within GSM8K, boosted trees", "APGR within MMLU, boosted trees"}};
    for (int way = 0; way < WAYS; way++)
        cull__claim_add_figure(out, area[way], cull__mean(v->area[way][WHOLE], seeds),
                               cull__mean(v->lo[way], seeds), cull__mean(v->hi[way], seeds));
    for (int way = 0; way < WAYS; way++) cull__claim_figure(out, half[way], v->half[way]);
    for (int way = 0; way < WAYS; way++) cull__claim_figure(out, most[way], v->most[way]);
    for (int way = 0; way < CULL__ROUTERS; way++)
        for (int p = 0; p < 2; p++) cull__claim_figure(out, part[way][p], v->area[way][p + 1]);
}

static void show_six(cull_claim_result *out, double (*v)[AFFORDED][MOST])
{
    static const char *const name[SIXES][AFFORDED] = {
        {"six models: quality at cost 3, neighbours", "at cost 15, neighbours",
         "at cost 30, neighbours"},
        {"six models: quality at cost 3, logistic regressions", "at cost 15, logistic regressions",
         "at cost 30, logistic regressions"},
        {"six models: quality at cost 3, the best mix by chance",
         "at cost 15, the best mix by chance", "at cost 30, the best mix by chance"},
        {"six models: quality at cost 3, who knows the outcomes",
         "at cost 15, who knows the outcomes", "at cost 30, who knows the outcomes"}};
    for (int way = 0; way < SIXES; way++)
        for (int b = 0; b < AFFORDED; b++) cull__claim_figure(out, name[way][b], v[way][b]);
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    figures *v;
    table two, more;
    double(*sixes)[AFFORDED][MOST];
    CULL_TRY(CULL_TMP0(cx, v, 1));
    CULL_TRY(CULL_TMP0(cx, sixes, SIXES));
    CULL_TRY(two_models(cx, data_dir, &two));
    CULL_TRY(six_models(cx, data_dir, &more));
    uint64_t first = cull_ctx_seed(cx);
    for (int i = 0; i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        split s;
        cull_ctx_reseed(cx, first + (uint64_t)i);
        CULL_TRY(deal(cx, &two, &s));
        for (int way = 0; way < WAYS; way++) {
            cull__mark_t inner = cull__mark(cx);
            CULL_TRY(one_way(cx, &two, &s, way, i, v));
            cull__release(cx, inner);
        }
        CULL_TRY(six(cx, &more, i, sixes));
        cull__release(cx, mark);
    }
    cull__claim_line(out, "APGR of logistic regressions (chance: 0.5)",
                     v->area[CULL__ROUTER_LOGISTIC][WHOLE], false, 0.52, true);
    cull__claim_line(out, "share of calls that recovers half the gap, logistic regressions",
                     v->half[CULL__ROUTER_LOGISTIC], true, 0.48, false);
    show(out, v, seeds);
    show_six(out, sixes);
    out->note =
        "intervals of APGR are bootstraps over test rows (mean over splits), those of other "
        "figures are over splits, which share rows; costs of the six models are nominal: "
        "1, 2, 4 (Mixtral), 20, 40, 60 (GPT-4); text features are learnt from all "
        "questions, outcomes from two thirds";
    return CULL_OK;
}

const cull__claim cull__claim_router = {
    .about = {.slug = "router",
              .claim = "routing by the words of a question recovers more of the gap between a weak "
                       "and a strong model than chance, for the same calls of the strong one",
              .setting = "RouteLLM's outcomes of Mixtral-8x7B and GPT-4 (MMLU, GSM8K), six models "
                         "on GSM8K; hashed words by SVD, 128 numbers; two thirds taught, 5 splits"},
    .seeds = 5,
    .run = run,
};

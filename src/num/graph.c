/* graph.c - the k nearest rows of every row: exactly, or by way of lists (lists.c) as far as a measured
 * recall allows.
 *
 * How many lists to look into is settled before the search. Of a sampled row the true k nearest are
 * known, and the search is exact within its lists: so it will find those, and only those, of them whose
 * list it looks into. The place of that list in the order of lists is all that the recall at any number
 * of lists depends on, and the recall that is told is the one that the search has for these rows. */
#include "num/graph.h"
#include "num/kmeans.h"

#include <inttypes.h>
#include <string.h>

enum { QUERIES = 4096, GRAIN = 1024, SAMPLED = 1000, SAMPLE_GRAIN = 128, LEAST = 1024 };
static const uint64_t STREAM = 0x67726170;
static const double WORTH = 0.5; /* a share of the pool, beyond which all of it is looked at */

static int64_t lists_of(int64_t n) { return (int64_t)(2 * sqrt((double)n)); }

static bool approximate(int64_t n, int64_t k, const cull__graph_opts *o)
{
    return o->recall < 1 && n >= LEAST && k < n;
}

/* ---- exact, by products with the whole pool ---- */

static cull_status exact_block(cull_ctx *cx, const cull_pool *p, const cull__graph_opts *o,
                               int64_t lo, int64_t hi, cull__graph *g)
{
    int64_t d = cull_pool_d(p), m = hi - lo, *idx;
    float *buf;
    double *score;
    CULL_TRY(CULL_TMP(cx, buf, m * d));
    CULL_TRY(CULL_TMP(cx, idx, m * g->k));
    CULL_TRY(CULL_TMP(cx, score, m * g->k));
    CULL_TRY(cull__pool_topk(cx, p, cull_pool_rows(p, lo, hi, buf), m, g->k,
                             o->rule.rule == CULL__COSINE, o->skip, idx, score, g->found + lo));
    for (int64_t i = 0; i < m; i++)
        for (int64_t k = 0; k < g->k; k++) {
            bool there = k < g->found[lo + i];
            g->who[(lo + i) * g->k + k] = (int32_t)idx[i * g->k + k];
            g->how[(lo + i) * g->k + k] = there ? (float)score[i * g->k + k] : 0;
        }
    return CULL_OK;
}

static cull_status exact(cull_ctx *cx, const cull_pool *p, const cull__graph_opts *o,
                         cull__graph *g)
{
    cull_status s = CULL_OK;
    for (int64_t lo = 0; s == CULL_OK && lo < g->n; lo += QUERIES) {
        int64_t hi = g->n - lo < QUERIES ? g->n : lo + QUERIES;
        cull__mark_t mark = cull__mark(cx);
        cull__span(cx, (double)lo, (double)hi, (double)g->n);
        s = exact_block(cx, p, o, lo, hi, g);
        cull__release(cx, mark);
    }
    cull__span(cx, 0, 0, 0);
    return s;
}

/* ---- by lists ---- */

typedef struct {
    const cull__lists *l;
    const int32_t *query;
    int64_t probe;
    int32_t *who;
    float *how;
    int64_t *found;
} part;

static cull_status near_part(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const part *a = arg;
    int64_t k = a->l->k;
    (void)chunk;
    return cull__lists_near(cx, a->l, a->query + lo, hi - lo, a->probe, a->who + lo * k,
                            a->how + lo * k, a->found + lo);
}

static cull_status near_all(cull_ctx *cx, const part *a, int64_t n, int64_t grain)
{
    uint64_t k = (uint64_t)a->l->k, rows = (uint64_t)n, step = (uint64_t)grain;
    const cull__piece piece[] = {{a->who, step * k * sizeof *a->who, rows * k * sizeof *a->who},
                                 {a->how, step * k * sizeof *a->how, rows * k * sizeof *a->how},
                                 {a->found, step * sizeof *a->found, rows * sizeof *a->found}};
    return cull__spread(cx, "nearest rows", n, grain, near_part, (void *)a, piece, 3);
}

/* Results stand in order of lists: bring each to its row's place, along the cycles of that order. */
static cull_status in_order(cull_ctx *cx, int32_t *row, cull__graph *g)
{
    cull__mark_t mark = cull__mark(cx);
    size_t who = (size_t)g->k * sizeof *g->who, how = (size_t)g->k * sizeof *g->how;
    int32_t *held_who, *next_who;
    float *held_how, *next_how;
    CULL_TRY(CULL_TMP(cx, held_who, g->k));
    CULL_TRY(CULL_TMP(cx, next_who, g->k));
    CULL_TRY(CULL_TMP(cx, held_how, g->k));
    CULL_TRY(CULL_TMP(cx, next_how, g->k));
    for (int64_t i = 0; i < g->n; i++) {
        if (row[i] < 0) continue; /* is in its place */
        memcpy(held_who, g->who + i * g->k, who);
        memcpy(held_how, g->how + i * g->k, how);
        int64_t at = i, found = g->found[i];
        do {
            int64_t to = row[at], next = g->found[to];
            row[at] = ~row[at];
            memcpy(next_who, g->who + to * g->k, who);
            memcpy(next_how, g->how + to * g->k, how);
            memcpy(g->who + to * g->k, held_who, who);
            memcpy(g->how + to * g->k, held_how, how);
            g->found[to] = found;
            found = next;
            int32_t *t = held_who;
            held_who = next_who, next_who = t;
            float *u = held_how;
            held_how = next_how, next_how = u;
            at = to;
        } while (row[at] >= 0);
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- the recall ---- */

typedef struct {
    const cull__lists *l;
    const int32_t *query;
    int64_t m;
    int32_t *who, *place; /* (m, k): the true nearest; how many lists it takes to find each */
    float *how;
    int64_t *found;
    int64_t *rows; /* (m, lists): what is looked at in the first of a row's lists */
    double *part;  /* m */
} sample;

static cull_status places(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const sample *s = arg;
    const cull__lists *l = s->l;
    cull__ranked *order;
    int32_t *place;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, order, l->lists));
    CULL_TRY(CULL_TMP(cx, place, l->lists));
    for (int64_t i = lo; i < hi; i++) {
        cull__lists_order(l, l->list[s->query[i]], order);
        int64_t least = cull__lists_least(l, order), rows = 0;
        for (int64_t a = 0; a < l->lists; a++) {
            place[order[a].i] = (int32_t)(a < least ? 1 : a + 1);
            rows += l->has[order[a].i];
            s->rows[i * l->lists + a] = rows;
        }
        for (int64_t t = 0; t < s->found[i]; t++)
            s->place[i * l->k + t] = place[l->list[s->who[i * l->k + t]]];
    }
    return CULL_OK;
}

/* The recall with so many lists, and its interval over rows. */
static void recall_at(const sample *s, int64_t probe, cull__graph *g)
{
    for (int64_t i = 0; i < s->m; i++) {
        int64_t hits = 0;
        for (int64_t t = 0; t < s->found[i]; t++) hits += s->place[i * s->l->k + t] <= probe;
        s->part[i] = s->found[i] ? (double)hits / (double)s->found[i] : 1;
    }
    g->probe = probe;
    g->recall = cull__mean(s->part, s->m);
    cull__t_interval(s->part, s->m, &g->low, &g->high);
    g->high = fmin(g->high, 1);
}

static double share_at(const sample *s, int64_t probe)
{
    double rows = 0;
    for (int64_t i = 0; i < s->m; i++)
        rows += (double)s->rows[i * s->l->lists + probe - 1] / (double)s->m;
    return rows / (double)s->l->n;
}

/* The fewest lists, in steps of an eighth, whose recall is high enough. */
static void choose_probe(const sample *s, double recall, cull__graph *g)
{
    int64_t all = s->l->lists;
    for (int64_t probe = 1;; probe += probe / 8 + 1) {
        bool last = probe >= all || share_at(s, probe) > WORTH;
        recall_at(s, last ? all : probe, g);
        if (last || g->low >= recall) return;
    }
}

/* How alike to each sampled row is what its list leaves out: the best of the true nearest that is not
 * found, or else no more than the last of them. */
static void missing(const sample *s, cull__graph *g)
{
    for (int64_t i = 0; i < s->m; i++) {
        int64_t t = 0, last = s->found[i] - 1;
        while (t < last && s->place[i * g->k + t] <= g->probe) t++;
        g->sample[i] = s->query[i];
        g->missing[i] = s->found[i] == g->k ? s->how[i * g->k + t] : 0;
    }
}

static int64_t sample_size(int64_t n, int64_t k)
{
    double m = fmin(SAMPLED, 0x1p24 / (double)k);
    return m < 16 ? 16 : m < (double)n ? (int64_t)m : n;
}

static cull_status sample_new(cull_ctx *cx, const cull__lists *l, int64_t m, sample *s)
{
    int64_t *row;
    int32_t *query;
    cull_rng r = cull__rng(cx, STREAM);
    *s = (sample){.l = l, .m = m};
    CULL_TRY(CULL_TMP(cx, query, m));
    CULL_TRY(CULL_TMP(cx, s->who, m * l->k));
    CULL_TRY(CULL_TMP(cx, s->how, m * l->k));
    CULL_TRY(CULL_TMP(cx, s->place, m * l->k));
    CULL_TRY(CULL_TMP(cx, s->found, m));
    CULL_TRY(CULL_TMP(cx, s->rows, m * l->lists));
    CULL_TRY(CULL_TMP(cx, s->part, m));
    CULL_TRY(CULL_TMP(cx, row, m));
    cull__kmeans_sample(&r, l->n, m, row);
    for (int64_t i = 0; i < m; i++) query[i] = (int32_t)row[i];
    s->query = query;
    return CULL_OK;
}

static cull_status measure(cull_ctx *cx, const cull__lists *l, double recall, cull__graph *g)
{
    sample s;
    CULL_TRY(sample_new(cx, l, g->sampled, &s));
    part a = {l, s.query, l->lists, s.who, s.how, s.found};
    CULL_TRY(near_all(cx, &a, s.m, SAMPLE_GRAIN));
    CULL_TRY(cull__for(cx, s.m, SAMPLE_GRAIN, places, &s));
    choose_probe(&s, recall, g);
    missing(&s, g);
    return CULL_OK;
}

static cull_status by_lists(cull_ctx *cx, const cull_pool *p, const cull__graph_opts *o,
                            int64_t lists, cull__graph *g)
{
    cull__lists l;
    CULL_TRY(cull__lists_new(cx, p, o->rule, o->skip, g->k, lists, &l));
    g->probe = lists;
    if (lists > 1) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(measure(cx, &l, o->recall, g));
        cull__release(cx, mark);
    }
    if (g->probe == lists && lists > 1 && o->rule.rule != CULL__RBF) return exact(cx, p, o, g);
    part a = {&l, l.row, g->probe, g->who, g->how, g->found};
    CULL_TRY(near_all(cx, &a, g->n, GRAIN));
    return in_order(cx, l.row, g);
}

/* ---- the function ---- */

static cull_status make(cull_ctx *cx, const cull_pool *p, const cull__graph_opts *o, cull__graph *g)
{
    if (!approximate(g->n, g->k, o) && o->rule.rule != CULL__RBF) return exact(cx, p, o, g);
    CULL_TRY(by_lists(cx, p, o, approximate(g->n, g->k, o) ? lists_of(g->n) : 1, g));
    if (g->probe < g->lists) return CULL_OK;
    g->lists = g->probe = g->sampled = 0; /* all were looked into */
    g->recall = g->low = g->high = 1;
    return CULL_OK;
}

/* A graph that is whole is kept: what follows may take long too, or be what was killed. */
static cull_status find_or_make(cull_ctx *cx, const cull_pool *p, const cull__graph_opts *o,
                                cull__graph *g)
{
    uint64_t edges = (uint64_t)g->n * (uint64_t)g->k, sampled = (uint64_t)g->sampled;
    struct {
        int64_t lists, probe, sampled;
        double recall, low, high;
    } is;
    cull__loop loop;
    const cull__piece all[] = {{&is, 0, sizeof is},
                               {g->found, 0, (uint64_t)g->n * sizeof *g->found},
                               {g->who, 0, edges * sizeof *g->who},
                               {g->how, 0, edges * sizeof *g->how},
                               {g->sample, 0, sampled * sizeof *g->sample},
                               {g->missing, 0, sampled * sizeof *g->missing}};
    int pieces = g->sampled ? 6 : 4;
    int64_t step;
    bool found;
    CULL_TRY(cull__loop_find(cx, "neighbours", &loop, &step, all, pieces, &found));
    if (!found) {
        cull__mark_t mark = cull__mark(cx);
        const char *phase = cull__phase(cx, "nearest rows");
        cull_status s = make(cx, p, o, g);
        cull__phase(cx, phase);
        cull__release(cx, mark);
        CULL_TRY(s);
        is.lists = g->lists, is.probe = g->probe, is.sampled = g->sampled;
        is.recall = g->recall, is.low = g->low, is.high = g->high;
        return cull__loop_keep(cx, &loop, 1, true, all, pieces);
    }
    g->lists = is.lists, g->probe = is.probe, g->sampled = is.sampled;
    g->recall = is.recall, g->low = is.low, g->high = is.high;
    return CULL_OK;
}

cull_status cull__graph_new(cull_ctx *cx, const cull_pool *p, const cull__graph_opts *o,
                            cull__graph *g)
{
    *g = (cull__graph){.n = cull_pool_n(p), .k = o->k, .recall = 1, .low = 1, .high = 1};
    if (g->n > INT32_MAX)
        return cull__fail(cx, CULL_EINPUT, "a graph of %" PRId64 " rows; it takes at most %d", g->n,
                          INT32_MAX);
    CULL_TRY(CULL_TMP0(cx, g->found, g->n));
    CULL_TRY(CULL_TMP(cx, g->who, g->n * g->k));
    CULL_TRY(CULL_TMP(cx, g->how, g->n * g->k));
    if (approximate(g->n, g->k, o)) {
        g->lists = lists_of(g->n);
        g->sampled = sample_size(g->n, g->k);
        CULL_TRY(CULL_TMP(cx, g->sample, g->sampled));
        CULL_TRY(CULL_TMP(cx, g->missing, g->sampled));
    }
    return g->n && g->k ? find_or_make(cx, p, o, g) : CULL_OK;
}

uint64_t cull__graph_bytes(int64_t n, int64_t d, cull_dtype dtype, const cull__graph_opts *o,
                           int workers, double *flops)
{
    bool some = approximate(n, o->k, o), lists = some || o->rule.rule == CULL__RBF;
    int64_t m = n < QUERIES ? n : QUERIES, l = some ? lists_of(n) : 1;
    double k = (double)o->k, rows = (double)n, of = (double)d, making = 0, look;
    double pass =
        (double)m * (4 * of + 16 * k) + (double)cull__topk_bytes(n, d, dtype, m, o->k, workers);
    double kept = 8 * rows + 8 * rows * k, s = some ? (double)sample_size(n, o->k) : 0;
    look = workers * cull__lists_near_bytes(n, d, o->k, l) + 16 * k;
    if (some) kept += 12 * s;
    if (lists)
        making =
            cull__lists_bytes(n, d, dtype, l, workers) + s * (12 * k + 8 * (double)l + 28) + look;
    if (some && o->rule.rule != CULL__RBF) making += pass;
    if (!lists) making = pass;
    /* of lists: the clusters, the sample, and a sixteenth of the pool, to name one */
    if (flops) *flops = 2 * rows * of * (some ? s + (double)l + rows / 16 : rows);
    return (uint64_t)(kept + making);
}

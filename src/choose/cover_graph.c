/* cover_graph.c - a graph of nearest neighbours for coverage (greedy.h): whom each candidate covers, and what
 * the edges that it lacks can hide. */
#include "choose/greedy.h"
#include "cull/data.h"
#include "num/graph.h"

#include <math.h>

enum { EXACT = 100000 }; /* rows up to which neighbours are exact unless otherwise asked */

int64_t cull__cover_degree(const cull_data_problem *p, const cull__cover_opts *o)
{
    int64_t k = o->neighbours;
    if (k < 0) k = p->n > 20000 ? 200 : 0;
    return k < p->n ? k : 0;
}

static cull__graph_opts opts_of(const cull_data_problem *p, const cull__cover_opts *o)
{
    cull__graph_opts g = {.rule = {o->similarity, o->gamma}, .k = cull__cover_degree(p, o)};
    g.recall = o->recall > 0 ? o->recall : p->n > EXACT ? 0.95 : 1;
    return g;
}

/* From the lists of covered rows to those of candidates; what is not above 0 covers nothing. */
static void turn(cull__cover *c, const cull__graph *g)
{
    int64_t *next = c->start + 1; /* becomes the starts once all is placed */
    for (int64_t j = 0; j < c->r; j++) {
        for (int64_t k = 0; k < g->found[j]; k++)
            if (g->how[j * g->k + k] > 0) c->start[g->who[j * g->k + k] + 2]++;
    }
    for (int64_t i = 2; i <= c->n; i++) c->start[i] += c->start[i - 1];
    for (int64_t j = 0; j < c->r; j++)
        for (int64_t k = 0; k < g->found[j]; k++) {
            float s = g->how[j * g->k + k];
            if (!(s > 0)) continue;
            int64_t e = next[g->who[j * g->k + k]]++;
            c->who[e] = (int32_t)j;
            c->how[e] = s;
        }
}

/* Exact lists bound what every row lacks; others, what the sampled rows do. */
static void lacking(const cull__graph *g, cull__cover *c)
{
    c->lacks = g->sampled ? g->sampled : c->r;
    for (int64_t j = 0; j < c->lacks; j++) {
        int64_t last = g->sampled ? 0 : j * g->k + g->k - 1;
        c->most[j] = g->sampled ? g->missing[j] : g->found[j] == g->k ? g->how[last] : 0;
        c->most[j] = fmaxf(c->most[j], 0);
        if (g->sampled) c->lacking[j] = (int32_t)g->sample[j];
    }
    if (!g->sampled) c->lacking = NULL;
}

static void tell_recall(cull_ctx *cx, const cull__graph *g)
{
    if (!g->sampled) return;
    cull__remark(cx,
                 "Neighbours are approximate: %.2f%% of the true ones are found (95 %% interval "
                 "%.2f to %.2f, from %lld sampled examples), in the nearest %lld of %lld lists.",
                 100 * g->recall, 100 * g->low, 100 * g->high, (long long)g->sampled,
                 (long long)g->probe, (long long)g->lists);
    cull__log(cx, CULL_LOG_INFO, "%s", cull__remarked(cx));
}

cull_status cull__cover_graph(cull_ctx *cx, const cull_data_problem *p, const cull__cover_opts *o,
                              cull__cover *c)
{
    cull__graph g;
    cull__graph_opts go = opts_of(p, o);
    uint8_t *skip = NULL;
    CULL_TRY(CULL_TMP0(cx, c->start, c->n + 2));
    CULL_TRY(CULL_TMP(cx, c->who, c->r * go.k));
    CULL_TRY(CULL_TMP(cx, c->how, c->r * go.k));
    CULL_TRY(CULL_TMP(cx, c->most, c->r));
    CULL_TRY(CULL_TMP(cx, c->lacking, c->r));
    cull__mark_t mark = cull__mark(cx);
    if (p->avoid) CULL_TRY(CULL_TMP(cx, skip, p->n));
    for (int64_t i = 0; skip && i < p->n; i++) skip[i] = p->avoid[i] && !(p->have && p->have[i]);
    go.rule = c->rule;
    go.skip = skip;
    CULL_TRY(cull__graph_new(cx, p->pool, &go, &g));
    turn(c, &g);
    lacking(&g, c);
    tell_recall(cx, &g);
    cull__release(cx, mark);
    return CULL_OK;
}

/* What all rows lack, from those whose lack is known, with a 95 % interval. */
static cull_status hidden(cull_ctx *cx, const cull__cover *c, double *mean, double *low,
                          double *high)
{
    cull__mark_t mark = cull__mark(cx);
    double *lack;
    CULL_TRY(CULL_TMP(cx, lack, c->lacks));
    for (int64_t s = 0; s < c->lacks; s++)
        lack[s] = fmax((double)c->most[s] - (double)c->state[c->lacking[s]], 0);
    *mean = cull__mean(lack, c->lacks);
    cull__t_interval(lack, c->lacks, low, high);
    cull__release(cx, mark);
    return CULL_OK;
}

/* For j, a candidate without an edge to it is no nearer than the last that has one: with all pairs
 * nothing that was chosen would cover j by more than the larger of that and what covers it now. */
cull_status cull__cover_tell(cull_ctx *cx, const char *who, const cull__cover *c)
{
    double sum = 0, r = (double)c->r, least = 1e-300, mean, low, high, all = 0;
    for (int64_t j = 0; j < c->r; j++) {
        sum += (double)c->state[j];
        if (c->most && !c->lacking && c->most[j] > c->state[j])
            all += (double)(c->most[j] - c->state[j]);
    }
    double part = 100 / fmax(sum, least);
    cull__log(cx, CULL_LOG_INFO, "%s: covers %.6g of %g", who, sum, r);
    if (c->most && !c->lacking)
        cull__log(cx, CULL_LOG_INFO, "%s: neighbours that were left out hide at most %.6g (%.2f%%)",
                  who, all, all * part);
    if (!c->lacking) return CULL_OK;
    CULL_TRY(hidden(cx, c, &mean, &low, &high));
    cull__log(
        cx, CULL_LOG_INFO,
        "%s: neighbours that were left out hide at most %.2f%% (%.2f%% to %.2f%%), an estimate "
        "from %lld examples",
        who, mean * r * part, fmax(low, 0) * r * part, high * r * part, (long long)c->lacks);
    return CULL_OK;
}

uint64_t cull__cover_graph_plan(const cull_data_problem *p, const cull__cover_opts *o, int threads,
                                uint64_t later, double *flops)
{
    cull__graph_opts go = opts_of(p, o);
    double r = (double)p->n, edges = r * (double)go.k;
    double making = (double)cull__graph_bytes(p->n, cull_pool_d(p->pool), cull_pool_dtype(p->pool),
                                              &go, threads, flops);
    if (p->avoid) making += r;
    return (uint64_t)(16 * r + 8 * edges + fmax(making, (double)later));
}

/* rounds.c - draws over clusters in rounds: shares by weight, and new weights from feedback. */
#include "choose/choose.h"

#include <math.h>
#include <string.h>

/* Rows by cluster: those of j are row[start[j] .. start[j+1]). */
typedef struct {
    int64_t k, *start, *row;
} segments;

static cull_status by_cluster(cull_ctx *cx, const int32_t *assign, int64_t n, int64_t k,
                              segments *s)
{
    s->k = k;
    CULL_TRY(CULL_TMP0(cx, s->start, k + 2));
    CULL_TRY(CULL_TMP(cx, s->row, n));
    int64_t *next = s->start + 1; /* becomes the starts once all rows are placed */
    for (int64_t i = 0; i < n; i++) s->start[assign[i] + 2]++;
    for (int64_t j = 2; j <= k; j++) s->start[j] += s->start[j - 1];
    for (int64_t i = 0; i < n; i++) s->row[next[assign[i]]++] = i;
    return CULL_OK;
}

/* The rows of each cluster in the order in which they would be drawn. */
static cull_status draw_order(cull_ctx *cx, cull_rng *r, const double *logw, segments *s)
{
    for (int64_t j = 0; j < s->k; j++) {
        cull__mark_t mark = cull__mark(cx);
        int64_t n = s->start[j + 1] - s->start[j], *row = s->row + s->start[j], *order, *old;
        double *key;
        CULL_TRY(cull__tick(cx, (double)j, (double)s->k));
        CULL_TRY(CULL_TMP(cx, key, n));
        CULL_TRY(CULL_TMP(cx, order, n));
        CULL_TRY(CULL_TMP(cx, old, n));
        for (int64_t i = 0; i < n; i++) key[i] = (logw ? logw[row[i]] : 0) + cull__rng_gumbel(r);
        CULL_TRY(cull__order(cx, key, n, order));
        memcpy(old, row, (size_t)n * sizeof *row);
        for (int64_t i = 0; i < n; i++) row[i] = old[order[i]];
        cull__release(cx, mark);
    }
    return CULL_OK;
}

/* Clusters take turns, each giving its next row that fits into its share, until no share is left. */
static void deal(cull__taker *t, const segments *s, const double *share, const double *logw,
                 double *given, int64_t *at, int64_t *turn)
{
    int64_t active = 0;
    for (int64_t j = 0; j < s->k; j++) {
        given[j] = 0;
        at[j] = s->start[j];
        if (share[j] > 0 && at[j] < s->start[j + 1]) turn[active++] = j;
    }
    while (active > 0 && !cull__taker_full(t)) {
        int64_t still = 0;
        for (int64_t a = 0; a < active; a++) {
            int64_t j = turn[a];
            bool took = false;
            while (!took && at[j] < s->start[j + 1]) {
                int64_t i = s->row[at[j]++];
                double c = t->cost ? t->cost[i] : 1;
                took = given[j] + c <= share[j] && cull__take(t, i, logw ? logw[i] : 0, (int32_t)j);
                if (took) given[j] += c;
            }
            if (took && given[j] < share[j]) turn[still++] = j;
        }
        active = still;
    }
}

/* Shares of what is left, in units of cost. Costs that are not all 1 are apportioned on a grid of
 * 2^-40 of the whole. */
static cull_status shares(cull_ctx *cx, const cull__taker *t, const segments *s,
                          const double *weight, double *share, int64_t *cap, int64_t *whole)
{
    double left = t->budget - t->spent, scale = t->cost ? 0x1p40 / left : 1;
    int64_t total = (int64_t)floor(left * scale);
    for (int64_t j = 0; j < s->k; j++) {
        double sum = 0;
        for (int64_t a = s->start[j]; a < s->start[j + 1]; a++)
            if (cull__can_take(t, s->row[a])) sum += t->cost ? t->cost[s->row[a]] : 1;
        double units = ceil(sum * scale);
        cap[j] = units < (double)total ? (int64_t)units : total;
    }
    CULL_TRY(cull__apportion(cx, weight, cap, s->k, total, whole));
    for (int64_t j = 0; j < s->k; j++)
        share[j] = (double)whole[j] / scale * (t->cost ? 1 + 1e-9 : 1);
    return CULL_OK;
}

cull_status cull__cluster_draw(cull_ctx *cx, cull__taker *t, cull_rng *r, const int32_t *assign,
                               int64_t k, const double *weight, const double *logw, double budget)
{
    cull__mark_t mark = cull__mark(cx);
    segments s;
    double *share, *given, whole_budget = t->budget;
    int64_t *cap, *at, *turn, *whole;
    CULL_TRY(by_cluster(cx, assign, t->n, k, &s));
    CULL_TRY(draw_order(cx, r, logw, &s));
    CULL_TRY(CULL_TMP(cx, share, k));
    CULL_TRY(CULL_TMP(cx, given, k));
    CULL_TRY(CULL_TMP(cx, cap, k));
    CULL_TRY(CULL_TMP(cx, at, k));
    CULL_TRY(CULL_TMP(cx, turn, k));
    CULL_TRY(CULL_TMP(cx, whole, k));
    if (t->spent + budget < t->budget) t->budget = t->spent + budget;
    cull_status status = CULL_OK;
    for (int64_t before = -1; status == CULL_OK && !cull__taker_full(t) && before < t->count;) {
        before = t->count;
        status = shares(cx, t, &s, weight, share, cap, whole);
        if (status == CULL_OK) deal(t, &s, share, logw, given, at, turn);
        if (status == CULL_OK && before == t->count) { /* no share holds a row: whoever fits */
            for (int64_t j = 0; j < k; j++) share[j] = INFINITY;
            deal(t, &s, share, logw, given, at, turn);
        }
    }
    t->budget = whole_budget;
    cull__release(cx, mark);
    return status;
}

cull_status cull__cluster_reweigh(cull_ctx *cx, const int32_t *assign, int64_t k,
                                  const int64_t *idx, const double *value, int64_t m,
                                  double temperature, double *weight)
{
    cull__mark_t mark = cull__mark(cx);
    double *sum, all = 0, most = -INFINITY, norm = 0;
    int64_t *count, told = 0;
    CULL_TRY(CULL_TMP0(cx, sum, k));
    CULL_TRY(CULL_TMP0(cx, count, k));
    for (int64_t i = 0; i < m; i++) {
        sum[assign[idx[i]]] += value[i];
        count[assign[idx[i]]]++;
    }
    for (int64_t j = 0; j < k; j++)
        if (count[j]) all += sum[j] /= (double)count[j], told++;
    for (int64_t j = 0; j < k; j++) {
        if (!count[j]) sum[j] = told ? all / (double)told : 0;
        if (sum[j] > most) most = sum[j];
    }
    for (int64_t j = 0; j < k; j++) /* the shift by the largest cancels in the norm */
        norm += weight[j] *= exp((sum[j] - most) / temperature);
    for (int64_t j = 0; j < k; j++) weight[j] = norm > 0 ? weight[j] / norm : 1.0 / (double)k;
    cull__release(cx, mark);
    return CULL_OK;
}

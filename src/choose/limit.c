/* limit.c - learn then test, and conformal risk control, along a path (limit.h). */
#include "choose/limit.h"
#include "choose/conform.h"
#include "cull/risk.h"

#include <math.h>

enum { SHUFFLE = 611 };

/* Rows group by group: those of g are row[from[g]] .. row[from[g + 1] - 1], in an order by chance: a file may be sorted by what
 * is lost, and bets go by the order. */
typedef struct {
    int64_t *row, *from;
    int32_t groups;
    double *part; /* n: losses in that order, brought to 0 .. 1 */
} sorted;

static cull_status sort_rows(cull_ctx *cx, const cull__limit *l, sorted *s)
{
    s->groups = l->group ? l->groups : 1;
    cull_rng r = cull__rng(cx, SHUFFLE);
    int64_t *order;
    CULL_TRY(CULL_TMP(cx, order, l->n));
    CULL_TRY(CULL_TMP(cx, s->row, l->n));
    CULL_TRY(CULL_TMP(cx, s->part, l->n));
    CULL_TRY(CULL_TMP0(cx, s->from, s->groups + 2));
    for (int64_t i = 0; i < l->n; i++) order[i] = i;
    cull__rng_shuffle(&r, order, l->n);
    for (int64_t i = 0; i < l->n; i++) s->from[(l->group ? l->group[i] : 0) + 2]++;
    for (int32_t g = 0; g < s->groups; g++) s->from[g + 2] += s->from[g + 1];
    for (int64_t i = 0; i < l->n; i++)
        s->row[s->from[(l->group ? l->group[order[i]] : 0) + 1]++] = order[i];
    return CULL_OK;
}

static double p_of(const cull__limit *l, const double *v, int64_t n)
{
    const double wide = 1 - l->low, level = (l->level - l->low) / wide;
    int64_t hits = 0;
    bool binary = l->low == 0;
    for (int64_t i = 0; i < n; i++) binary &= v[i] == 0 || v[i] == 1, hits += v[i] == 1;
    if (n == 0) return 1; /* nothing is shown */
    return binary ? cull_risk_binomial(hits, n, level) : cull_risk_betting(v, n, level, l->delta);
}

static double largest_p(const cull__limit *l, const sorted *s, const double *loss)
{
    double most = 0;
    for (int64_t j = 0; j < l->n; j++)
        s->part[j] = fmin(fmax((loss[s->row[j]] - l->low) / (1 - l->low), 0), 1);
    for (int32_t g = 0; g < s->groups; g++)
        most = fmax(most, p_of(l, s->part + s->from[g], s->from[g + 1] - s->from[g]));
    return most;
}

/* Conformal risk control's (n mean + 1) / (n + 1), of the group where it is largest; worst (n): each row's largest loss so far. */
static double largest_bound(const sorted *s, const double *worst)
{
    double most = 0;
    for (int32_t g = 0; g < s->groups; g++) {
        double sum = 1;
        for (int64_t j = s->from[g]; j < s->from[g + 1]; j++) sum += worst[s->row[j]];
        most = fmax(most, sum / (double)(s->from[g + 1] - s->from[g] + 1));
    }
    return most;
}

cull_status cull__limit_along(cull_ctx *cx, const cull__limit *l, int64_t places,
                              cull__limit_loss *loss, void *arg, int64_t *held, double *first)
{
    cull__mark_t mark = cull__mark(cx);
    const double level = (l->delta > 0 ? l->delta : l->level) * CULL__REACHED;
    double *now, *worst;
    sorted s;
    *held = 0, *first = 1;
    CULL_TRY(sort_rows(cx, l, &s));
    CULL_TRY(CULL_TMP(cx, now, l->n));
    CULL_TRY(CULL_TMP0(cx, worst, l->n));
    for (; *held < places; ++*held) {
        CULL_TRY(cull__tick(cx, (double)*held, (double)places));
        CULL_TRY(loss(cx, arg, *held, now));
        for (int64_t i = 0; i < l->n; i++) worst[i] = fmax(worst[i], now[i]);
        *first = l->delta > 0 ? largest_p(l, &s, now) : largest_bound(&s, worst);
        if (!(*first <= level)) break;
    }
    cull__release(cx, mark);
    return CULL_OK;
}

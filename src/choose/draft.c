/* draft.c - rounds of speculative decoding counted over a trace (draft.h). */
#include "choose/draft.h"

#include <math.h>
#include <string.h>

static cull_status chances_fit(cull_ctx *cx, const char *what, const double *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!(v[i] >= 0 && v[i] <= 1))
            return cull__fail(cx, CULL_EINPUT, "%s of token %lld is %g; it must be 0 to 1", what,
                              (long long)i, v[i]);
    return CULL_OK;
}

cull_status cull__trace_fits(cull_ctx *cx, const cull__trace *t)
{
    if (t->n < 1) return cull__fail(cx, CULL_EINPUT, "a trace needs a token");
    CULL_TRY(chances_fit(cx, "the acceptance", t->taken, t->n));
    return t->said ? chances_fit(cx, "the predicted acceptance", t->said, t->n) : CULL_OK;
}

cull_status cull__draft_policy_fits(cull_ctx *cx, const cull__trace *t, const cull__draft_policy *p)
{
    if (!(p->least >= 1 && p->least <= p->most && p->most <= CULL__DRAFT_MOST))
        return cull__fail(cx, CULL_EOPTION,
                          "%d to %d tokens a round; it must be 1 to %d, the lesser first", p->least,
                          p->most, CULL__DRAFT_MOST);
    if (p->rule == CULL__DRAFT_SCHEDULE && !(p->start >= p->least && p->start <= p->most))
        return cull__fail(cx, CULL_EOPTION, "the first round has %d tokens; it must be %d to %d",
                          p->start, p->least, p->most);
    if (p->rule != CULL__DRAFT_PRODUCT && p->rule != CULL__DRAFT_LAST) return CULL_OK;
    if (!t->said)
        return cull__fail(cx, CULL_EOPTION,
                          "this rule needs predicted acceptances, and the trace has none");
    if (isnan(p->tau) || p->lag < 0 || p->lag > 1)
        return cull__fail(cx, CULL_EOPTION, "tau is %g and the lag %d; it must be a number, 0 or 1",
                          p->tau, p->lag);
    return CULL_OK;
}

cull_status cull__draft_cost_fits(cull_ctx *cx, const cull__draft_cost *c)
{
    if (c->draft > 0 && c->target > 0 && isfinite(c->draft) && isfinite(c->target)) return CULL_OK;
    return cull__fail(cx, CULL_EOPTION,
                      "a draft pass costs %g and a target pass %g; both must be above 0", c->draft,
                      c->target);
}

double cull__draft_speed(const cull__draft_count *c, const cull__draft_cost *cost)
{
    return c->tokens * cost->target / (c->drafts * cost->draft + c->rounds * cost->target);
}

void cull__draft_draw(cull_rng *r, const double *taken, int64_t n, double *out)
{
    for (int64_t i = 0; i < n; i++) out[i] = cull__rng_unit(r) < taken[i];
}

/* Tokens of a round that begins at `at`, `most` being what it may have and the trace has left; pass[k] = the
 * chance that the first k are accepted. */
static int draft(const cull__trace *t, const cull__draft_policy *p, int64_t at, int most,
                 double *pass)
{
    const double *taken = t->taken + at, *said = t->said ? t->said + at : NULL;
    double whole = 1;
    int k = 0;
    pass[0] = 1;
    for (;;) {
        pass[k + 1] = pass[k] * taken[k];
        if (++k == most) return k;
        if (p->rule == CULL__DRAFT_FIXED || k <= p->lag) continue;
        double s = said[k - 1 - p->lag];
        whole *= s;
        if (k < p->least) continue;
        if (p->rule == CULL__DRAFT_PRODUCT ? 1 - whole >= p->tau : s < p->tau) return k;
    }
}

static double tokens_of(const double *pass, int k)
{
    double sum = 0;
    for (int i = 0; i <= k; i++) sum += pass[i];
    return sum;
}

static void add(cull__draft_count *c, double weight, double tokens, int drafts)
{
    c->tokens += weight * tokens;
    c->drafts += weight * drafts;
    c->rounds += weight;
}

static int left(const cull__trace *t, int64_t at, int most)
{
    return t->n - at < most ? (int)(t->n - at) : most;
}

int cull__draft_length(const cull__trace *t, const cull__draft_policy *p, int64_t at)
{
    double pass[CULL__DRAFT_MOST + 1];
    return draft(t, p, at, left(t, at, p->most), pass);
}

/* Positions from here to most + 1 further on, in a ring: a round goes no farther. */
enum { RING = 2 * CULL__DRAFT_MOST };

static void count_plain(const cull__trace *t, const cull__draft_policy *p, int64_t width,
                        cull__draft_count *block, cull__draft_count *sum)
{
    double begin[RING] = {1}, pass[CULL__DRAFT_MOST + 1];
    for (int64_t at = 0; at < t->n; at++) {
        double w = begin[at & (RING - 1)];
        begin[at & (RING - 1)] = 0;
        if (w == 0) continue;
        int k = draft(t, p, at, left(t, at, p->most), pass);
        double tokens = tokens_of(pass, k);
        add(sum, w, tokens, k);
        if (block) add(&block[at / width], w, tokens, k);
        for (int i = 0; i < k; i++) begin[(at + i + 1) & (RING - 1)] += w * (pass[i] - pass[i + 1]);
        begin[(at + k + 1) & (RING - 1)] += w * pass[k];
    }
}

/* The same where a round's length hangs on those before: begin[position][length]. */
static void count_schedule(const cull__trace *t, const cull__draft_policy *p, int64_t width,
                           cull__draft_count *block, cull__draft_count *sum)
{
    double begin[RING][CULL__DRAFT_MOST + 1], pass[CULL__DRAFT_MOST + 1];
    cull__draft_policy all = {.rule = CULL__DRAFT_FIXED};
    memset(begin, 0, sizeof begin);
    begin[0][p->start] = 1;
    for (int64_t at = 0; at < t->n; at++) {
        double *here = begin[at & (RING - 1)];
        draft(t, &all, at, left(t, at, p->most), pass);
        for (int length = p->least; length <= p->most; length++) {
            double w = here[length];
            if (w == 0) continue;
            int k = left(t, at, length), tokens = 0;
            int up = length + 2 < p->most ? length + 2 : p->most;
            int down = length > p->least ? length - 1 : p->least;
            double sum_of = tokens_of(pass, k);
            add(sum, w, sum_of, k);
            if (block) add(&block[at / width], w, sum_of, k);
            for (; tokens < k; tokens++)
                begin[(at + tokens + 1) & (RING - 1)][down] +=
                    w * (pass[tokens] - pass[tokens + 1]);
            begin[(at + k + 1) & (RING - 1)][up] += w * pass[k];
        }
        memset(here, 0, sizeof begin[0]);
    }
}

void cull__draft_count_up(const cull__trace *t, const cull__draft_policy *p, int64_t blocks,
                          cull__draft_count *block, cull__draft_count *sum)
{
    int64_t width = blocks ? (t->n + blocks - 1) / blocks : t->n;
    *sum = (cull__draft_count){0};
    for (int64_t b = 0; b < blocks; b++) block[b] = *sum;
    if (p->rule == CULL__DRAFT_SCHEDULE)
        count_schedule(t, p, width, blocks ? block : NULL, sum);
    else
        count_plain(t, p, width, blocks ? block : NULL, sum);
}

/* trust_check.c - decisions against the truth that became known later. */
#include "base/base.h"
#include "cull/risk.h"
#include "cull/trust.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const double REFUTES = 0.025;

/* What goes wrong, out of how many. */
typedef struct {
    int64_t wrong, of;
    double sum; /* for power */
    int64_t sought;
} count;

static bool looked_for(double truth, double above)
{
    return isnan(above) ? truth == 1 : truth > above;
}

/* Of a selection of rows that are looked for: what was kept and is none of them. Of accepted answers: wrong ones. */
static void count_kept(const cull_decisions *d, const cull_outcomes *o, double above, count *c)
{
    for (int64_t i = 0; i < o->n; i++) {
        bool good = d->label ? d->label[i] == o->truth[i] : looked_for(o->truth[i], above);
        c->of += d->keep[i];
        c->wrong += d->keep[i] && !good;
        c->sought += good;
        c->sum += d->keep[i] && good;
    }
    c->sum = c->sought ? c->sum / (double)c->sought : NAN;
}

static void count_missed(const cull_decisions *d, const cull_outcomes *o, count *c)
{
    double size = 0;
    for (int64_t i = 0; i < o->n; i++) {
        double y = o->truth[i];
        c->of++;
        if (d->set) {
            c->wrong += !d->set[i * d->classes + (int64_t)y];
            for (int32_t k = 0; k < d->classes; k++) size += d->set[i * d->classes + k];
        } else {
            c->wrong += !(y >= d->lo[i] && y <= d->hi[i]);
            size += d->hi[i] - d->lo[i];
        }
    }
    c->sum = size / (double)o->n;
}

/* P(Binomial(n, share) >= hits) */
static double at_least(int64_t hits, int64_t n, double share)
{
    return hits <= 0 ? 1 : cull_risk_binomial(n - hits, n, 1 - share);
}

/* Of calibration rows so many stand beyond the threshold that decides, as the level has it. */
static double chance(const cull_guarantee *g, const count *c, int64_t rows)
{
    if (g->delta > 0) return at_least(c->wrong, c->of, g->level);
    double before = floor(g->level * (double)c->of * (double)(g->n + 1) / (double)rows);
    return at_least(c->wrong, c->wrong + (int64_t)before, (double)rows / (double)(rows + g->n));
}

cull_status cull_trust_check(cull_ctx *cx, const cull_policy *p, const cull_decisions *d,
                             const cull_outcomes *rows, cull_trust_verdict *out)
{
    const cull_guarantee *g = cull_policy_guaranteed(p);
    const double *above = cull_policy_get(p, "above", NULL, NULL);
    count c = {0};
    *out = (cull_trust_verdict){.bounds = g ? g->bounds : NULL, .level = g ? g->level : NAN};
    if (g && !strncmp(g->bounds, "miscoverage", 11))
        out->bounds = "miscoverage"; /* what is counted is of all rows, whatever it is held in */
    if (d->n != rows->n || !rows->truth)
        return cull__fail(cx, CULL_EINPUT,
                          rows->truth ? "decisions are about other rows than the truth is"
                                      : "a check wants the truth of rows (--truth)");
    if (cull_policy_text(
            p, "unchecked")) /* a method whose guarantee is not about single rows says why */
        return cull__fail(cx, CULL_EINPUT, "%s", cull_policy_text(p, "unchecked"));
    if (!d->keep && !d->set && !d->lo)
        return cull__fail(cx, CULL_EINPUT, "there is no decision that a truth could refute");
    for (int64_t i = 0; i < rows->n; i++)
        if (isnan(rows->truth[i]) ||
            (d->set && !(rows->truth[i] >= 0 && rows->truth[i] < d->classes &&
                         rows->truth[i] == floor(rows->truth[i]))))
            return cull__fail(cx, CULL_EINPUT, "row %" PRId64 ": the truth is %g; it must be %s", i,
                              rows->truth[i], d->set ? "a class of the sets" : "a number");
    if (d->keep)
        count_kept(d, rows, above ? *above : NAN, &c);
    else
        count_missed(d, rows, &c);
    out->kept = c.of;
    if (g && !strncmp(g->bounds, "share of rows", 13)) c.of = rows->n; /* accepted or not */
    out->rows = rows->n;
    out->power = c.sum;
    out->reached = c.of ? (double)c.wrong / (double)c.of : 0;
    cull_risk_interval(c.wrong, c.of > 0 ? c.of : 1, 0.95, &out->lo, &out->hi);
    out->p = g && c.of > 0 && g->level > 0 && g->level < 1 ? chance(g, &c, rows->n) : NAN;
    out->refuted = out->p < REFUTES;
    return CULL_OK;
}

bool cull_trust_calibrates(const cull_policy *p) { return cull_policy_text(p, "calibrates"); }

static cull_status reliability(cull_ctx *cx, const cull_decisions *d, const cull_outcomes *rows,
                               cull_reliability *out)
{
    enum { STREAM = 72 };
    uint8_t *hit;
    CULL_TRY(CULL_TMP(cx, hit, rows->n));
    for (int64_t i = 0; i < rows->n; i++) {
        double y = rows->truth[i];
        if (d->label ? isnan(y) : y != 0 && y != 1)
            return cull__fail(cx, CULL_EINPUT, "row %" PRId64 ": the truth is %g; it must be %s", i,
                              y, d->label ? "a class" : "0 or 1");
        hit[i] = d->label ? d->label[i] == y : y == 1;
    }
    return cull_reliability_of(cx, d->score, hit, rows->n, STREAM, out);
}

cull_status cull_trust_reliability(cull_ctx *cx, const cull_policy *p, const cull_decisions *d,
                                   const cull_outcomes *rows, cull_reliability *out)
{
    *out = (cull_reliability){0};
    if (!cull_trust_calibrates(p) || !d->score)
        return cull__fail(cx, CULL_EINPUT, "the policy is of %s, which gives no probabilities",
                          cull_policy_method(p)->slug);
    if (d->n != rows->n || !rows->truth)
        return cull__fail(cx, CULL_EINPUT,
                          rows->truth ? "decisions are about other rows than the truth is"
                                      : "a check wants the truth of rows (--truth)");
    cull__mark_t mark = cull__mark(cx);
    cull_status s = reliability(cx, d, rows, out);
    cull__release(cx, mark);
    return s;
}

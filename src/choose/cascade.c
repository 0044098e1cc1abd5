/* cascade.c - the doors of cascades: the front, a point of it, rows that go through one (cull/cascade.h). */
#include "choose/cascade.h"

#include <math.h>
#include <string.h>

void cull_cascade_front_free(cull_cascade_front *f)
{
    if (!f) return;
    cull__free(f->mem_);
    memset(f, 0, sizeof *f);
}

static cull_status options(cull_ctx *cx, const cull_cascade_opts *o)
{
    if (o->stages < 1 || o->stages > 3)
        return cull__fail(cx, CULL_EOPTION, "stages is %d; it must be in 1 .. 3", o->stages);
    if (!(o->delay >= 0))
        return cull__fail(cx, CULL_EOPTION, "delay is %g; it must be 0 or more", o->delay);
    return CULL_OK;
}

/* Sums become means, a key a cascade. */
static void unfold(const cull__cascade_rows *r, const cull__stand *s, cull_cascade *out)
{
    int who[3] = {(int)(s->key >> 40 & 4095), (int)(s->key >> 28 & 4095),
                  (int)(s->key >> 16 & 4095)};
    int grid[2] = {(int)(s->key >> 8 & 255), (int)(s->key & 255)};
    *out = (cull_cascade){.stages = (int32_t)(s->key >> 52)};
    out->cost = ldexp(s->cost, -r->cost_places) / (double)r->n;
    out->quality = ldexp(s->quality, -r->quality_places) / (double)r->n;
    for (int i = 0; i < out->stages; i++) {
        out->model[i] = who[i];
        out->threshold[i] =
            i + 1 == out->stages ? -INFINITY : r->at[(int64_t)who[i] * 256 + grid[i]];
    }
}

static cull_status hand_out(cull_ctx *cx, const cull__cascade_rows *r, const cull__stands *f,
                            cull_cascade_front *out)
{
    CULL_TRY(CULL_ALLOC(cx, out->at, f->n));
    out->mem_ = out->at;
    out->n = f->n;
    out->looked = f->looked;
    for (int64_t i = 0; i < f->n; i++) unfold(r, &f->at[i], &out->at[i]);
    return CULL_OK;
}

/* Costs that can be on a front lie between the cheapest model's and three times the dearest one's. */
static void costs_between(const cull__cascade_rows *r, double *lo, double *hi)
{
    *lo = INFINITY;
    *hi = 0;
    for (int k = 0; k < r->models; k++) {
        double c = r->cost ? r->cost[k] * (double)r->n : r->total[r->models + k];
        if (c > 0) *lo = fmin(*lo, c);
        *hi += c;
    }
    if (*hi == 0) *lo = *hi = 1;
}

static cull_status fit(cull_ctx *cx, const cull_cascade_table *t, const cull_cascade_opts *o,
                       cull_cascade_front *out)
{
    cull__cascade_rows r;
    cull__stands f;
    double lo, hi;
    CULL_TRY(cull__cascade_check(cx, t, o->quantiles));
    CULL_TRY(cull__cascade_read(cx, t, o->quantiles, &r));
    r.stages = o->stages;
    if (o->delay > 0 && !t->delay)
        return cull__fail(cx, CULL_EINPUT,
                          "a delay of at most %g is asked for, and no model's delay is known",
                          o->delay);
    if (o->delay > 0) r.delay = t->delay;
    r.most = o->delay;
    costs_between(&r, &lo, &hi);
    CULL_TRY(cull__stands_new(cx, &f, lo, hi));
    cull_status s = cull__cascade_enumerate(cx, &r, &f);
    if (s == CULL_OK) s = hand_out(cx, &r, &f, out);
    cull__stands_free(&f);
    return s;
}

cull_status cull_cascade_fit(cull_ctx *cx, const cull_cascade_table *t,
                             const cull_cascade_opts *opts, cull_cascade_front *out)
{
    static const cull_cascade_opts as_given = CULL_CASCADE_OPTS;
    memset(out, 0, sizeof *out);
    if (!opts) opts = &as_given;
    CULL_TRY(options(cx, opts));
    const char *phase = cull__phase(cx, "cascades");
    cull__mark_t mark = cull__mark(cx);
    cull_status s = fit(cx, t, opts, out);
    cull__release(cx, mark);
    cull__phase(cx, phase);
    return s;
}

cull_status cull_cascade_plan(cull_ctx *cx, const cull_cascade_table *t,
                              const cull_cascade_opts *opts, cull_plan *out)
{
    static const cull_cascade_opts as_given = CULL_CASCADE_OPTS;
    *out = (cull_plan){0};
    if (!opts) opts = &as_given;
    CULL_TRY(options(cx, opts));
    if (t->n < 1 || t->models < 1 || t->n > INT32_MAX || t->models > CULL__CASCADE_MODELS)
        return cull__fail(cx, CULL_EINPUT, "a cascade of %lld rows and %d models", (long long)t->n,
                          t->models);
    double n = (double)t->n, k = t->models, grid = fmin(opts->quantiles - 1, n - 1);
    int width = t->cost_each ? 2 * t->models : t->models;
    uint64_t rows = (uint64_t)t->n * ((uint64_t)width * 8 + (uint64_t)t->models);
    int workers = t->models < cull_ctx_threads(cx) ? t->models : cull_ctx_threads(cx);
    uint64_t sorting = (uint64_t)t->n * 2 * 16, /* is over when the rest begins */
        work =
            cull__cascade_enumerate_bytes(t->n, t->models, width, opts->stages > 2 ? workers : 0);
    out->bytes = rows + (uint64_t)t->models * (256 * 8 + 24) + (work > sorting ? work : sorting);
    out->passes = 1;
    if (opts->stages > 1) out->flops += k * width * (n + grid);
    if (opts->stages > 2)
        out->flops += k * (k - 1) * (2 * n * width + grid * grid * (width + 2 * k));
    return CULL_OK;
}

int64_t cull_cascade_within(const cull_cascade_front *f, double cost)
{
    int64_t lo = 0, hi = f->n; /* those before lo cost no more, those from hi on more */
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (f->at[mid].cost <= cost)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo - 1;
}

int64_t cull_cascade_reaching(const cull_cascade_front *f, double quality)
{
    int64_t lo = 0, hi = f->n; /* those before lo fall short, those from hi on do not */
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (f->at[mid].quality >= quality)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo < f->n ? lo : -1;
}

void cull_cascade_route(const cull_cascade *c, const double *confidence, int64_t n, uint8_t *stage)
{
    enum { ROWS = 1024 }; /* whose answers stay at hand while the stages go by */
    for (int64_t lo = 0; lo < n; lo += ROWS) {
        int64_t hi = n - lo < ROWS ? n : lo + ROWS;
        memset(stage + lo, c->stages - 1, (size_t)(hi - lo));
        for (int s = c->stages - 2; s >= 0; s--) {
            const double *v = confidence + s * n;
            for (int64_t i = lo; i < hi; i++)
                stage[i] = v[i] >= c->threshold[s] ? (uint8_t)s : stage[i];
        }
    }
}

static cull_status judge(cull_ctx *cx, const cull_cascade_table *t, const cull_cascade *c,
                         double *cost, double *quality, double *share)
{
    int64_t answered[CULL_CASCADE_STAGES] = {0};
    *cost = *quality = 0;
    for (int64_t i = 0; i < t->n; i++)
        for (int s = 0;; s++) {
            int64_t k = c->model[s], at = k * t->n + i;
            *cost += t->cost[t->cost_each ? at : k];
            if (s + 1 < c->stages && !(t->confidence[at] >= c->threshold[s])) continue;
            *quality += t->quality[at];
            answered[s]++;
            break;
        }
    *cost /= (double)t->n;
    *quality /= (double)t->n;
    for (int s = 0; share && s < c->stages; s++) share[s] = (double)answered[s] / (double)t->n;
    return cull__tick(cx, 1, 1);
}

cull_status cull_cascade_judge(cull_ctx *cx, const cull_cascade_table *t, const cull_cascade *c,
                               double *cost, double *quality, double *share)
{
    CULL_TRY(cull__cascade_check(cx, t, 2));
    if (c->stages < 1 || c->stages > CULL_CASCADE_STAGES)
        return cull__fail(cx, CULL_EINPUT, "a cascade of %d stages; it has 1 to %d", c->stages,
                          CULL_CASCADE_STAGES);
    for (int s = 0; s < c->stages; s++)
        if (c->model[s] < 0 || c->model[s] >= t->models)
            return cull__fail(cx, CULL_EINPUT, "stage %d is model %d of %d", s, c->model[s],
                              t->models);
    return judge(cx, t, c, cost, quality, share);
}

/* sets.c - how strange classes are of rows, and sets of those that are not (cull/sets.h). */
#include "cull/sets.h"
#include "num/block.h"
#include "num/num.h"
#include "score/confidence.h"

#include <math.h>

enum { GRAIN = 256 };

typedef struct {
    const cull_class_rows *r;
    const cull_set_opts *o;
    const int32_t *label;
    double *v;
    const double *q;
    int64_t row_step, class_step;
    uint8_t *set;
} work;

static cull_status opts_fit(cull_ctx *cx, const cull_set_opts *o)
{
    if ((int)o->score < 0 || o->score > CULL_SET_TOP)
        return cull__fail(cx, CULL_EOPTION, "there is no score %d of sets; there are 0 to %d",
                          (int)o->score, CULL_SET_TOP);
    if (o->score == CULL_SET_RAPS && !(o->lambda >= 0 && isfinite(o->lambda) && o->k >= 0))
        return cull__fail(cx, CULL_EOPTION, "lambda %g and k %lld; neither may be below 0",
                          o->lambda, (long long)o->k);
    return CULL_OK;
}

/* The share of its own probability with which a row's class counts. What the row holds is in it: by its number alone, who
 * decides about one row at a time would draw once for all of them. */
static double share_of(const cull_ctx *cx, const work *w, int64_t row)
{
    if (!w->o->randomised) return 1;
    const size_t wide = (size_t)w->r->classes * cull_dtype_size(w->r->dtype);
    const char *holds = (const char *)w->r->v + (size_t)row * wide;
    const uint64_t name[3] = {w->o->stream, (uint64_t)(w->o->first + row),
                              cull__hash64(holds, wide, 0)};
    cull_rng r = cull__rng(cx, cull__hash64(name, sizeof name, 0));
    return cull__rng_unit(&r);
}

/* Of one of so many classes, of probability p; `rank` of them are likelier, of probability `before` in all. */
static double strange(const cull_set_opts *o, double p, double before, int64_t rank,
                      int64_t classes, double share)
{
    if (o->score == CULL_SET_LAC) return 1 - p;
    if (o->score == CULL_SET_TOP) return (double)(rank + 1);
    /* down to the last class it is 1: rounding must not tell rows apart that tie there */
    double v = rank + 1 == classes ? 1 - (1 - share) * p : before + share * p;
    if (o->score == CULL_SET_RAPS && rank + 1 > o->k) v += o->lambda * (double)(rank + 1 - o->k);
    return v;
}

/* Classes of p in order, likeliest first. */
static void in_order(const double *p, int64_t k, cull__ranked *by)
{
    for (int64_t c = 0; c < k; c++) by[c] = (cull__ranked){p[c], c};
    cull__rank_sort(by, k);
}

/* v: as in the order, so that calibration and test rows round alike. */
static cull_status score_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *w = arg;
    const int64_t k = w->r->classes;
    double *p;
    cull__ranked *by;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, p, k));
    CULL_TRY(CULL_TMP(cx, by, k));
    for (int64_t row = lo; row < hi; row++) {
        double before = 0;
        int64_t rank = 0, y = w->label[row];
        cull__class_proba(w->r, row, 1, p);
        if (w->o->score != CULL_SET_LAC) {
            in_order(p, k, by);
            for (; by[rank].i != y; rank++) before += by[rank].v;
        }
        w->v[row] = strange(w->o, p[y], before, rank, k, share_of(cx, w, row));
    }
    return cull__tick(cx, (double)hi, 0);
}

cull_status cull_set_scores(cull_ctx *cx, const cull_class_rows *r, const int32_t *label,
                            const cull_set_opts *o, double *v)
{
    work w = {.r = r, .o = o, .label = label, .v = v};
    CULL_TRY(opts_fit(cx, o));
    CULL_TRY(cull_class_check(cx, r, 0));
    CULL_TRY(cull__class_labels_fit(cx, r, label));
    return cull__for(cx, r->n, GRAIN, score_some, &w);
}

static cull_status member_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const work *w = arg;
    const int64_t k = w->r->classes;
    double *p;
    cull__ranked *by;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, p, k));
    CULL_TRY(CULL_TMP(cx, by, k));
    for (int64_t row = lo; row < hi; row++) {
        double before = 0, share = share_of(cx, w, row);
        cull__class_proba(w->r, row, 1, p);
        in_order(p, k, by);
        for (int64_t rank = 0; rank < k; rank++) {
            int64_t c = by[rank].i;
            double q = w->q[row * w->row_step + c * w->class_step];
            w->set[row * k + c] = strange(w->o, p[c], before, rank, k, share) <= q;
            before += p[c];
        }
    }
    return cull__tick(cx, (double)hi, 0);
}

cull_status cull_set_members(cull_ctx *cx, const cull_class_rows *r, const cull_set_opts *o,
                             const double *q, int64_t row_step, int64_t class_step, uint8_t *set)
{
    work w = {.r = r, .o = o, .q = q, .row_step = row_step, .class_step = class_step, .set = set};
    CULL_TRY(opts_fit(cx, o));
    CULL_TRY(cull_class_check(cx, r, 0));
    return cull__for(cx, r->n, GRAIN, member_some, &w);
}

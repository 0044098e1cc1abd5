/* held.c - rows kept to test a limit to the risk on, and what is promised then (held.h). */
#include "score/held.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

cull_status cull__held_split(cull_ctx *cx, const cull_outcomes *o, double hold,
                             cull_outcomes *learn, cull_outcomes *test)
{
    int64_t *row, *part, n[2] = {0};
    uint8_t *half;
    CULL_TRY(CULL_TMP(cx, row, o->n));
    CULL_TRY(CULL_TMP(cx, part, 2 * o->n));
    CULL_TRY(CULL_TMP(cx, half, o->n));
    for (int64_t i = 0; i < o->n; i++) row[i] = i;
    cull__outcomes_split(cx, o, row, o->n, hold, half);
    for (int64_t i = 0; i < o->n; i++) {
        bool whole = true;
        for (int k = 0; k < o->models; k++) {
            double q = o->quality[k * o->n + i];
            whole &= !isnan(q);
            if (q < 0 || q > 1)
                return cull__fail(cx, CULL_EINPUT,
                                  "row %" PRId64 ": the quality of a model is %g; a limit to the "
                                  "risk needs it in 0 .. 1",
                                  i, q);
        }
        if (!half[i] || whole) part[half[i] * o->n + n[half[i]]++] = i;
    }
    if (n[0] < 4 || n[1] < 1)
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " rows are too few to learn from some and test on others",
                          o->n);
    CULL_TRY(cull_outcomes_gather(cx, o, part, n[0], learn));
    return cull_outcomes_gather(cx, o, part + o->n, n[1], test);
}

double cull__held_quality(const cull_outcomes *o, int k)
{
    double sum = 0, n = 0;
    for (int64_t i = 0; i < o->n; i++) {
        double q = o->quality[k * o->n + i];
        if (!isnan(q)) sum += q, n++;
    }
    return n > 0 ? sum / n : -INFINITY;
}

cull_status cull__held_reference(cull_ctx *cx, const cull_outcomes *o, int64_t reference, int *out)
{
    *out = (int)reference - 1;
    if (reference > o->models)
        return cull__fail(cx, CULL_EINPUT, "reference %" PRId64 ": there are %d models", reference,
                          o->models);
    if (reference) return CULL_OK;
    *out = 0;
    for (int k = 1; k < o->models; k++)
        if (cull__held_quality(o, k) > cull__held_quality(o, *out)) *out = k;
    return CULL_OK;
}

cull_status cull__held_groups(cull_ctx *cx, const cull_outcomes *o, bool groups)
{
    if (!groups || o->group) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "groups: the rows have none (--group)");
}

cull_status cull__held_promise(cull_ctx *cx, const cull_compute_problem *p, bool groups,
                               int reference, int64_t n, cull_policy *out)
{
    char name[64] = "", each[400] = "", bounds[520];
    if (reference >= 0) {
        const char *whole = cull_policy_model(out, reference);
        cull__quote(whole, strlen(whole), name, sizeof name);
    }
    if (groups) cull__outcomes_groups(p->rows, each, sizeof each);
    snprintf(bounds, sizeof bounds, "%s%s%s%s", reference < 0 ? "risk" : "quality lost against ",
             name, groups ? " in " : "", each);
    return cull_policy_guarantee(
        cx, out,
        &(cull_guarantee){.bounds = bounds,
                          .level = p->risk,
                          .delta = p->delta,
                          .assumes = p->delta > 0
                                         ? "the rows tested on and those to come are independent "
                                           "and of one distribution"
                                         : "the rows tested on and those to come are exchangeable",
                          .n = n});
}

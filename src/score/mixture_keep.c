/* mixture_keep.c - the gate of a mixture as numbers of a policy (mixture.h). */
#include "score/mixture.h"

#include <inttypes.h>
#include <string.h>

static const char *const WEIGHT[] = {"gate.0.weight", "gate.1.weight"};
static const char *const BIAS[] = {"gate.0.bias", "gate.1.bias"};

cull_status cull__gate_put(cull_ctx *cx, cull_policy *out, const cull__gate *g)
{
    CULL_TRY(cull_policy_put(cx, out, "gate.mean", 1, g->d, g->mean));
    CULL_TRY(cull_policy_put(cx, out, "gate.scale", 1, g->d, g->scale));
    for (int l = 0; l < cull__gate_layers(g); l++) {
        int64_t wide = cull__gate_in(g, l), high = cull__gate_out(g, l);
        CULL_TRY(cull_policy_put(cx, out, WEIGHT[l], high, wide, g->w[l]));
        CULL_TRY(cull_policy_put(cx, out, BIAS[l], 1, high, g->b[l]));
    }
    return CULL_OK;
}

cull_status cull__gate_get(cull_ctx *cx, const cull_policy *p, int64_t d, cull__gate *g)
{
    int64_t hidden = 0, cols;
    int k = cull_policy_models(p);
    const double *v;
    if (cull_policy_get(p, WEIGHT[1], NULL, NULL)) cull_policy_get(p, WEIGHT[0], &hidden, &cols);
    const double *mean = cull_policy_get(p, "gate.mean", NULL, &cols);
    if (mean && cols != d)
        return cull__fail(cx, CULL_EINPUT,
                          "the rows have %" PRId64 " features, the policy was fitted on %" PRId64,
                          d, cols);
    CULL_TRY(cull_policy_need(cx, p, "gate.mean", 1, d, &mean));
    CULL_TRY(cull__gate_new(cx, d, hidden, k, g));
    memcpy(g->mean, mean, (size_t)d * sizeof *mean);
    CULL_TRY(cull_policy_need(cx, p, "gate.scale", 1, d, &v));
    memcpy(g->scale, v, (size_t)d * sizeof *v);
    for (int l = 0; l < cull__gate_layers(g); l++) {
        int64_t wide = cull__gate_in(g, l), high = cull__gate_out(g, l);
        CULL_TRY(cull_policy_need(cx, p, WEIGHT[l], high, wide, &v));
        memcpy(g->w[l], v, (size_t)(high * wide) * sizeof *v);
        CULL_TRY(cull_policy_need(cx, p, BIAS[l], 1, high, &v));
        memcpy(g->b[l], v, (size_t)high * sizeof *v);
    }
    return CULL_OK;
}

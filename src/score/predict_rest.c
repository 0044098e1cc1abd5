/* predict_rest.c - kinds of predictors that are not there yet. */
#include "score/predict.h"

static cull_status none(cull_ctx *cx, const cull__samples *t, const cull_predict_opts *o,
                        uint64_t stream, void **out)
{
    (void)t, (void)stream, (void)out;
    return cull__fail(cx, CULL_ENODATA, "predictors of kind %s are not there yet",
                      cull_predict_name(o->kind));
}

const cull__predictor cull__predict_svr = {.name = "svr", .fit = none};
const cull__predictor cull__predict_boost = {.name = "boost", .fit = none};
const cull__predictor cull__predict_forest = {.name = "forest", .fit = none};
const cull__predictor cull__predict_mlp = {.name = "mlp", .fit = none};

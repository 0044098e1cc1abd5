/* outcomes.c - how sure models are of rows of outcomes (outcomes.h). */
#include "score/outcomes.h"

#include <string.h>

cull_status cull__outcomes_sure(cull_ctx *cx, const cull_outcomes *o, int k, cull_sure sure,
                                int64_t lo, int64_t n, double *score, int32_t *label)
{
    if (o->score) memcpy(score, o->score + k * o->n + lo, (size_t)n * sizeof *score);
    if (o->score && o->out && label) score = NULL; /* the labels alone are wanted */
    if (o->score && score) {
        for (int64_t i = 0; label && i < n; i++) label[i] = -1;
        return CULL_OK;
    }
    cull_class_rows rows = {.v = o->out[k] + lo * o->classes,
                            .dtype = CULL_F32,
                            .proba = o->outputs == CULL_PROBABILITIES,
                            .n = n,
                            .classes = o->classes};
    return cull_class_sure(cx, &rows, score ? sure : CULL_SURE_TOP, 1, score, label);
}

/* outcomes.c - how sure models are of rows of outcomes, their probabilities, rows' features (outcomes.h). */
#include "score/outcomes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
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

cull_status cull__outcomes_features(cull_ctx *cx, const cull_outcomes *o, double **x, int64_t *d)
{
    int64_t wide = 0, at = 0;
    for (int m = 0; m < o->xs; m++) wide += o->d[m];
    CULL_TRY(CULL_TMP(cx, *x, o->n * wide));
    for (int m = 0; m < o->xs; at += o->d[m++])
        for (int64_t i = 0; i < o->n; i++)
            for (int64_t j = 0; j < o->d[m]; j++) {
                double v = (double)o->x[m][i * o->d[m] + j];
                if (!isfinite(v))
                    return cull__fail(cx, CULL_EINPUT,
                                      "%s: feature %" PRId64 " of row %" PRId64
                                      " is %g; it must be finite",
                                      o->where ? o->where : "the rows", at + j, i, v);
                (*x)[i * wide + at + j] = v;
            }
    *d = wide;
    return CULL_OK;
}

void cull__outcomes_proba(const cull_outcomes *o, int k, int64_t i, double *p)
{
    const float *v = o->out[k] + i * o->classes;
    double sum = 0;
    for (int32_t c = 0; c < o->classes; c++) sum += p[c] = (double)v[c];
    if (o->outputs == CULL_LOGITS)
        cull_softmax(p, o->classes, 1, p);
    else
        for (int32_t c = 0; c < o->classes; c++) p[c] /= sum;
}

void cull__outcomes_split(cull_ctx *cx, const cull_outcomes *o, const int64_t *row, int64_t n,
                          double hold, uint8_t *half)
{
    cull_rng r = cull__rng(cx, 1);
    for (int64_t j = 0; j < n; j++) {
        cull_rng own = cull__rng(cx, o->hash ? o->hash[row[j]] : 0);
        half[j] = cull__rng_unit(o->hash ? &own : &r) < hold;
    }
}

const char *cull__outcomes_groups(const cull_outcomes *o, char *buf, size_t size)
{
    enum { NAMED = 8, WIDE = 40 };
    char name[WIDE];
    size_t at = (size_t)snprintf(buf, size, "each of %d groups (", o->groups);
    for (int32_t g = 0; g < o->groups && g < NAMED && at + WIDE + 8 < size; g++) {
        const char *own = o->group_name ? o->group_name[g] : NULL;
        if (own)
            cull__quote(own, strlen(own), name, sizeof name);
        else
            snprintf(name, sizeof name, "%d", g);
        bool more = g + 1 == NAMED && o->groups > NAMED;
        at += (size_t)snprintf(buf + at, size - at, "%s%s%s", g ? ", " : "", name,
                               more ? ", ..." : "");
    }
    snprintf(buf + at, size - at, ")");
    return buf;
}

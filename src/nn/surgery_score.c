/* surgery_score.c - how much channels matter: the size of their filters, the scales of their batch norms, chance. */
#include "nn/surgery.h"

#include <math.h>
#include <string.h>

typedef cull__model_layer layer;

/* One number for each channel that layer i makes. */
static void sizes(const cull_surgery *s, int i, cull_channel_score of, double *out)
{
    const layer *l = s->m->layer + i;
    const cull_param *p = cull_params_at(s->m->params, l->param[0]);
    const float *v = cull_params_value(s->m->params) + p->at;
    int64_t n = s->at[i + 1] - s->at[i], each = p->n / n;
    for (int64_t c = 0; c < n; c++) {
        double sum = 0;
        for (int64_t k = 0; k < each; k++) {
            double w = (double)v[c * each + k];
            sum += of == CULL_CHANNEL_L2 ? w * w : fabs(w);
        }
        out[c] = of == CULL_CHANNEL_L2 ? sqrt(sum) : sum;
    }
}

/* The share of layer i's sum that each unit has, added. */
static void add_shares(const cull_surgery *s, int i, const double *size, double *score)
{
    int64_t n = s->at[i + 1] - s->at[i];
    double all = 0;
    for (int64_t c = 0; c < n; c++) all += size[c];
    for (int64_t c = 0; c < n; c++)
        score[s->unit[s->at[i] + c]] += all > 0 ? size[c] / all : 1 / (double)n;
}

/* One number for each unit. */
static void draw(const cull_ctx *cx, const cull_surgery *s, double *drawn)
{
    for (int64_t g = 0; g < s->groups; g++) {
        const cull__surgery_group *k = s->group + g;
        cull_rng r = cull__rng(cx, cull__hash64(k->name, strlen(k->name), 0));
        for (int64_t u = 0; u < k->width; u++) drawn[k->first + u] = cull__rng_unit(&r);
    }
}

static int64_t widest(const cull_surgery *s)
{
    int64_t most = 1;
    for (int64_t i = 0; i < s->m->layers; i++)
        if (s->at[i + 1] - s->at[i] > most) most = s->at[i + 1] - s->at[i];
    return most;
}

static cull_status measure(cull_ctx *cx, const cull_surgery *s, cull_channel_score of,
                           double *score)
{
    bool norms = of == CULL_CHANNEL_NORM, *seen;
    double *size, *drawn;
    CULL_TRY(CULL_TMP(cx, size, widest(s)));
    CULL_TRY(CULL_TMP0(cx, seen, s->units));
    CULL_TRY(CULL_TMP(cx, drawn, s->units));
    draw(cx, s, drawn);
    for (int64_t u = 0; u < s->units; u++) score[u] = 0;
    for (int i = 1; i < s->m->layers; i++) {
        cull__cuts kind = cull__surgery_kind(s->m->layer + i);
        const int32_t *unit = s->unit + s->at[i];
        int64_t n = s->at[i + 1] - s->at[i];
        if (kind == CULL__CUTS_NOT || (kind == CULL__CUTS_NORM) != norms) continue;
        for (int64_t c = 0; c < n && of == CULL_CHANNEL_RANDOM; c++) size[c] = drawn[unit[c]];
        if (of != CULL_CHANNEL_RANDOM) sizes(s, i, of, size);
        add_shares(s, i, size, score);
        for (int64_t c = 0; c < n; c++) seen[unit[c]] = true;
    }
    for (int64_t u = 0; norms && u < s->units; u++)
        if (!seen[u]) score[u] = NAN;
    return CULL_OK;
}

static cull_status has_numbers(cull_ctx *cx, const cull_surgery *s)
{
    return s->m->params
               ? CULL_OK
               : cull__fail(cx, CULL_EINPUT, "a model of shapes only has no parameters to go by");
}

cull_status cull_surgery_score(cull_ctx *cx, const cull_surgery *s, cull_channel_score of,
                               double *score)
{
    if (of < CULL_CHANNEL_L1 || of > CULL_CHANNEL_RANDOM)
        return cull__fail(cx, CULL_EOPTION, "there is no score %d of channels", (int)of);
    if (of != CULL_CHANNEL_RANDOM) CULL_TRY(has_numbers(cx, s));
    cull__mark_t mark = cull__mark(cx);
    cull_status status = measure(cx, s, of, score);
    cull__release(cx, mark);
    return status;
}

cull_status cull__surgery_gamma(cull_ctx *cx, const cull_surgery *s, double *gamma)
{
    double *size;
    int64_t *count;
    CULL_TRY(has_numbers(cx, s));
    CULL_TRY(CULL_TMP(cx, size, widest(s)));
    CULL_TRY(CULL_TMP0(cx, count, s->units));
    for (int64_t u = 0; u < s->units; u++) gamma[u] = 0;
    for (int i = 1; i < s->m->layers; i++) {
        if (cull__surgery_kind(s->m->layer + i) != CULL__CUTS_NORM) continue;
        sizes(s, i, CULL_CHANNEL_NORM, size);
        for (int64_t c = s->at[i]; c < s->at[i + 1]; c++) {
            gamma[s->unit[c]] += size[c - s->at[i]];
            count[s->unit[c]]++;
        }
    }
    for (int64_t u = 0; u < s->units; u++) gamma[u] = count[u] ? gamma[u] / (double)count[u] : NAN;
    return CULL_OK;
}

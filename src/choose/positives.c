/* positives.c - the calibration rows of a choice of positive rows, to a policy and back. */
#include "choose/positives.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* What a policy calls them. */
#define SCORES "negative.scores"
#define WEIGHTS "negative.weights"
#define OTHERS "positive" /* their number, their weight */

static cull_status from_classes(cull_ctx *cx, const cull_outcomes *rows, double *v)
{
    double *p;
    CULL_TRY(CULL_TMP(cx, p, rows->classes));
    for (int k = 0; k < rows->models; k++)
        for (int64_t i = 0; i < rows->n; i++) {
            const float *z = rows->out[k] + i * rows->classes;
            for (int32_t c = 0; c < rows->classes; c++) p[c] = (double)z[c];
            if (rows->outputs == CULL_LOGITS) {
                /* its log odds, which do not end at 1 */
                double most = -INFINITY, sum = 0;
                for (int32_t c = 0; c < rows->classes; c++)
                    if (c != 1 && p[c] > most) most = p[c];
                for (int32_t c = 0; c < rows->classes; c++)
                    if (c != 1) sum += exp(p[c] - most);
                v[k * rows->n + i] = most + log(sum) - p[1];
            } else {
                v[k * rows->n + i] = -p[1];
            }
        }
    return CULL_OK;
}

cull_status cull__positives_scores(cull_ctx *cx, const cull_outcomes *rows, double above,
                                   const double **score)
{
    double *v;
    const char *where = rows->where ? rows->where : "the rows";
    CULL_TRY(CULL_TMP(cx, v, rows->models * rows->n));
    *score = v;
    if (!rows->score) {
        if (!isnan(above) || rows->classes < 2)
            return cull__fail(
                cx, CULL_EINPUT,
                "%s: outputs of %d classes stand for truth 1 alone; rows of a truth above "
                "a number need a score (--score)",
                where, (int)rows->classes);
        return from_classes(cx, rows, v);
    }
    for (int64_t i = 0; i < rows->models * rows->n; i++) {
        if (isnan(rows->score[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: model %" PRId64 " has no score for row %" PRId64, where,
                              i / rows->n + 1, i % rows->n);
        v[i] = -rows->score[i];
    }
    return CULL_OK;
}

static bool is_positive(const cull_trust_problem *p, int64_t i)
{
    return isnan(p->above) ? p->rows->truth[i] == 1 : p->rows->truth[i] > p->above;
}

cull_status cull__positives_keep(cull_ctx *cx, const cull_trust_problem *p, int from, int to,
                                 bool weighted, cull_policy *out)
{
    const cull_outcomes *rows = p->rows;
    const double *score;
    double *v, *w, others[2] = {0};
    int64_t negative = 0, at = 0;
    CULL_TRY(cull__positives_scores(cx, rows, p->above, &score));
    for (int64_t i = 0; i < rows->n; i++) negative += !is_positive(p, i);
    CULL_TRY(CULL_TMP(cx, v, (to - from) * negative));
    CULL_TRY(CULL_TMP(cx, w, negative));
    for (int64_t i = 0; i < rows->n; i++) {
        double weight = weighted ? rows->weight[i] : 1;
        if (is_positive(p, i)) {
            others[0] += 1;
            others[1] += weight;
            continue;
        }
        for (int k = from; k < to; k++) v[(k - from) * negative + at] = score[k * rows->n + i];
        w[at++] = weight;
    }
    CULL_TRY(cull_policy_put(cx, out, SCORES, to - from, negative, v));
    if (weighted) CULL_TRY(cull_policy_put(cx, out, WEIGHTS, 1, negative, w));
    CULL_TRY(cull_policy_put(cx, out, OTHERS, 1, 2, others));
    return cull_policy_note(cx, out,
                            "%" PRId64 " calibration rows, of which %" PRId64 " are positive",
                            rows->n, rows->n - negative);
}

/* Positive rows have infinity; with weights one of them stands for all. */
cull_status cull__positives_read(cull_ctx *cx, const cull_policy *p, cull__positives *out)
{
    int64_t models, negative, n;
    const double *v, *w, *others;
    CULL_TRY(cull_policy_need_number(cx, p, "level", &out->level));
    CULL_TRY(cull_policy_need_number(cx, p, "above", &out->above));
    CULL_TRY(cull_policy_need(cx, p, SCORES, -1, -1, &v));
    CULL_TRY(cull_policy_need(cx, p, OTHERS, 1, 2, &others));
    v = cull_policy_get(p, SCORES, &models, &negative);
    w = cull_policy_get(p, WEIGHTS, NULL, NULL);
    if (w) CULL_TRY(cull_policy_need(cx, p, WEIGHTS, 1, negative, &w));
    if (models < 1 || models > CULL_MODELS || !(others[0] >= 0 && others[0] < 2147483647.) ||
        !(others[1] >= 0))
        return cull__fail(cx, CULL_EINPUT,
                          "the policy is damaged: %" PRId64 " models, %g positive rows", models,
                          others[0]);
    int64_t more = w ? 1 : (int64_t)others[0];
    n = negative + more;
    out->models = (int)models;
    out->n = n;
    out->w = NULL;
    CULL_TRY(CULL_TMP(cx, out->v, models * n));
    if (w) CULL_TRY(CULL_TMP(cx, out->w, n));
    for (int64_t k = 0; k < models; k++) {
        if (negative) memcpy(out->v + k * n, v + k * negative, (size_t)negative * sizeof *v);
        for (int64_t i = negative; i < n; i++) out->v[k * n + i] = INFINITY;
    }
    if (w && negative) memcpy(out->w, w, (size_t)negative * sizeof *w);
    if (w) out->w[negative] = others[1];
    return CULL_OK;
}

uint64_t cull__positives_stream(const cull_outcomes *rows, bool weighted)
{
    const size_t n = (size_t)rows->n, models = (size_t)rows->models;
    uint64_t h = 0;
    if (!n) return h;
    if (rows->score) h = cull__hash64(rows->score, models * n * sizeof *rows->score, h);
    for (size_t k = 0; !rows->score && k < models; k++)
        h = cull__hash64(rows->out[k], n * (size_t)rows->classes * sizeof **rows->out, h);
    return weighted ? cull__hash64(rows->weight, n * sizeof *rows->weight, h) : h;
}

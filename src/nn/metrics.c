/* metrics.c - how good predictions of classes and of numbers are. */
#include "cull/train.h"
#include "num/num.h"

#include <inttypes.h>
#include <math.h>

enum { TOP = 5, BINS = 15 };

/* ---- classes ---- */

typedef struct {
    const float *score;
    const int32_t *label;
    int64_t n, classes;
    double *confidence, *one; /* of each row: that of the class predicted; scores of one class */
    uint8_t *hit;
    double hits, top, nll, brier;
} predictions;

static cull_status check(cull_ctx *cx, const predictions *t)
{
    if (t->n < 1 || t->classes < 2)
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " rows of %" PRId64 " classes; there must be 1 and 2 or more",
                          t->n, t->classes);
    for (int64_t i = 0; i < t->n; i++)
        if (t->label[i] < 0 || t->label[i] >= t->classes)
            return cull__fail(cx, CULL_EINPUT,
                              "the label of row %" PRId64 " is %" PRId32
                              "; it must be 0 to %" PRId64,
                              i, t->label[i], t->classes - 1);
    for (int64_t i = 0; i < t->n * t->classes; i++)
        if (!isfinite(t->score[i]))
            return cull__fail(cx, CULL_EINPUT,
                              "the score of class %" PRId64 " in row %" PRId64 " is %g",
                              i % t->classes, i / t->classes, (double)t->score[i]);
    return CULL_OK;
}

static void one_row(predictions *t, int64_t i, int64_t *confusion)
{
    const float *v = t->score + i * t->classes;
    int64_t best = 0, label = t->label[i], before = 0;
    double sum = 0, off = 0;
    for (int64_t c = 1; c < t->classes; c++)
        if (v[c] > v[best]) best = c;
    for (int64_t c = 0; c < t->classes; c++) {
        sum += exp((double)v[c] - (double)v[best]);
        before += v[c] > v[label] || (v[c] == v[label] && c < label);
    }
    for (int64_t c = 0; c < t->classes; c++) {
        double p = exp((double)v[c] - (double)v[best]) / sum - (c == label);
        off += p * p;
    }
    t->confidence[i] = 1 / sum;
    t->hit[i] = best == label;
    t->hits += t->hit[i];
    t->top += before < TOP;
    t->nll += log(sum) + (double)v[best] - (double)v[label];
    t->brier += off;
    if (confusion) confusion[label * t->classes + best]++;
}

/* Class c against the rest, by the logarithm of its probability. */
static cull_status one_auc(cull_ctx *cx, predictions *t, int64_t c, double *out)
{
    for (int64_t i = 0; i < t->n; i++) {
        const float *v = t->score + i * t->classes;
        double sum = 0, top = (double)v[0];
        for (int64_t k = 1; k < t->classes; k++) top = fmax(top, (double)v[k]);
        for (int64_t k = 0; k < t->classes; k++) sum += exp((double)v[k] - top);
        t->one[i] =
            t->classes == 2 ? (double)v[c] - (double)v[1 - c] : (double)v[c] - top - log(sum);
        t->hit[i] = t->label[i] == c;
    }
    return cull__auc(cx, t->one, t->hit, t->n, out);
}

static cull_status classes(cull_ctx *cx, predictions *t, cull_class_metrics *out,
                           int64_t *confusion)
{
    double sum = 0, auc, n = (double)t->n;
    CULL_TRY(CULL_TMP(cx, t->confidence, t->n));
    CULL_TRY(CULL_TMP(cx, t->one, t->n));
    CULL_TRY(CULL_TMP(cx, t->hit, t->n));
    for (int64_t i = 0; confusion && i < t->classes * t->classes; i++) confusion[i] = 0;
    for (int64_t i = 0; i < t->n; i++) one_row(t, i, confusion);
    double ece = cull__ece(t->confidence, t->hit, t->n, BINS);
    for (int64_t c = t->classes == 2; c < t->classes; c++) {
        CULL_TRY(one_auc(cx, t, c, &auc));
        sum += auc;
    }
    *out = (cull_class_metrics){.accuracy = t->hits / n,
                                .top5 = t->top / n,
                                .auc = t->classes == 2 ? sum : sum / (double)t->classes,
                                .nll = t->nll / n,
                                .ece = ece,
                                .brier = t->brier / n};
    return CULL_OK;
}

cull_status cull_metrics_classes(cull_ctx *cx, const float *score, const int32_t *label, int64_t n,
                                 int64_t count, cull_class_metrics *out, int64_t *confusion)
{
    predictions t = {.score = score, .label = label, .n = n, .classes = count};
    CULL_TRY(check(cx, &t));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = classes(cx, &t, out, confusion);
    cull__release(cx, mark);
    return s;
}

/* ---- numbers ---- */

static cull_status numbers(cull_ctx *cx, const float *predicted, const float *target, int64_t n,
                           cull_number_metrics *out)
{
    double *a, *b, error = 0, spread = 0;
    CULL_TRY(CULL_TMP(cx, a, n));
    CULL_TRY(CULL_TMP(cx, b, n));
    for (int64_t i = 0; i < n; i++) {
        a[i] = (double)predicted[i];
        b[i] = (double)target[i];
    }
    double mean = cull__mean(b, n);
    for (int64_t i = 0; i < n; i++) {
        error += (a[i] - b[i]) * (a[i] - b[i]);
        spread += (b[i] - mean) * (b[i] - mean);
    }
    out->mse = error / (double)n;
    out->r2 = spread > 0 ? 1 - error / spread : NAN;
    return cull__kendall(cx, a, b, n, &out->kendall);
}

cull_status cull_metrics_numbers(cull_ctx *cx, const float *predicted, const float *target,
                                 int64_t n, cull_number_metrics *out)
{
    if (n < 1) return cull__fail(cx, CULL_EINPUT, "there are no predictions");
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(predicted[i]) || !isfinite(target[i]))
            return cull__fail(cx, CULL_EINPUT, "row %" PRId64 " is predicted as %g and was %g", i,
                              (double)predicted[i], (double)target[i]);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = numbers(cx, predicted, target, n, out);
    cull__release(cx, mark);
    return s;
}

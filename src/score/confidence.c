/* confidence.c - rows of logits or probabilities: softmax, how sure a row is, how well that fits (cull/confidence.h). */
#include "score/confidence.h"
#include "num/num.h"

#include <math.h>
#include <string.h>

static const char *const NAMES[CULL_SURES] = {"top",  "margin", "entropy",
                                              "odds", "logit",  "energy"};

const char *cull_sure_name(cull_sure s) { return (int)s >= 0 && s < CULL_SURES ? NAMES[s] : ""; }

enum { GRAIN = 256, BINS = 15 };

/* ---- one row ---- */
static double largest(const double *z, int64_t k)
{
    double most = -INFINITY;
    for (int64_t i = 0; i < k; i++) most = z[i] > most ? z[i] : most;
    return most;
}

void cull_softmax(const double *z, int64_t k, double temperature, double *p)
{
    double most = largest(z, k), sum = 0;
    for (int64_t i = 0; i < k; i++) sum += p[i] = exp((z[i] - most) / temperature);
    for (int64_t i = 0; i < k; i++) p[i] /= sum;
}

void cull_log_softmax(const double *z, int64_t k, double temperature, double *p)
{
    double most = largest(z, k), sum = 0;
    for (int64_t i = 0; i < k; i++) sum += exp((z[i] - most) / temperature);
    double log_sum = log(sum);
    for (int64_t i = 0; i < k; i++) p[i] = (z[i] - most) / temperature - log_sum;
}

static void row_of(const cull_class_rows *r, int64_t row, double *z)
{
    const int64_t k = r->classes, at = row * k;
    if (r->dtype == CULL_F64)
        memcpy(z, (const double *)r->v + at, (size_t)k * sizeof *z);
    else
        for (int64_t i = 0; i < k; i++) z[i] = ((const float *)r->v)[at + i];
}

/* Row as logits: those of probabilities are their logarithms. */
static void logits_of(const cull_class_rows *r, int64_t row, double *z)
{
    row_of(r, row, z);
    if (!r->proba) return;
    for (int64_t i = 0; i < r->classes; i++) z[i] = log(z[i]);
}

void cull__class_proba(const cull_class_rows *r, int64_t row, double temperature, double *p)
{
    if (!r->proba || temperature != 1) {
        logits_of(r, row, p);
        cull_softmax(p, r->classes, temperature, p);
        return;
    }
    double sum = 0;
    row_of(r, row, p);
    for (int64_t i = 0; i < r->classes; i++) sum += p[i];
    for (int64_t i = 0; i < r->classes; i++) p[i] /= sum;
}

/* ---- checks ---- */
static cull_status shape_fits(cull_ctx *cx, const cull_class_rows *r)
{
    if (r->dtype != CULL_F32 && r->dtype != CULL_F64)
        return cull__fail(cx, CULL_EINPUT, "rows of classes are of type %s; f32 or f64 is read",
                          cull_dtype_name(r->dtype));
    if (r->n < 1 || r->classes < 1 || r->classes > INT32_MAX || !r->v)
        return cull__fail(cx, CULL_EINPUT,
                          "%lld rows of %lld classes; at least one of each is needed",
                          (long long)r->n, (long long)r->classes);
    return CULL_OK;
}

static cull_status temperature_fits(cull_ctx *cx, double t)
{
    if (t > 0 && isfinite(t)) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "a temperature of %g; it must be finite and above 0", t);
}

typedef struct {
    const cull_class_rows *r;
    double tolerance;
} checking;

static cull_status row_proba_fits(cull_ctx *cx, const double *p, int64_t k, int64_t row, double tol)
{
    double sum = 0;
    for (int64_t i = 0; i < k; i++) sum += p[i];
    for (int64_t i = 0; i < k; i++)
        if (!(p[i] >= 0 && isfinite(p[i])))
            return cull__fail(cx, CULL_EINPUT,
                              "row %lld: the probability of class %lld is %g; it must be 0 to 1%s",
                              (long long)row, (long long)i, p[i],
                              p[i] < 0 ? " (are these logits?)" : "");
    if (fabs(sum - 1) <= tol) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "row %lld: its probabilities sum to %.9g; they must sum to 1, to within %g%s",
                      (long long)row, sum, tol,
                      largest(p, k) > 1 + tol ? " (are these logits?)" : "");
}

static cull_status check_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const checking *c = arg;
    const int64_t k = c->r->classes;
    double *z;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, z, k));
    for (int64_t row = lo; row < hi; row++) {
        row_of(c->r, row, z);
        if (c->r->proba) {
            CULL_TRY(row_proba_fits(cx, z, k, row, c->tolerance));
            continue;
        }
        for (int64_t i = 0; i < k; i++)
            if (isnan(z[i]) || z[i] == INFINITY)
                return cull__fail(
                    cx, CULL_EINPUT,
                    "row %lld: the logit of class %lld is %g; it must be finite, or -inf where a "
                    "class cannot be",
                    (long long)row, (long long)i, z[i]);
        if (largest(z, k) == -INFINITY)
            return cull__fail(cx, CULL_EINPUT,
                              "row %lld: all its logits are -inf; one must be finite",
                              (long long)row);
    }
    return cull__tick(cx, (double)hi, 0);
}

cull_status cull_class_check(cull_ctx *cx, const cull_class_rows *r, double tolerance)
{
    CULL_TRY(shape_fits(cx, r));
    checking c = {r, tolerance > 0 ? tolerance : 1e-3};
    return cull__for(cx, r->n, GRAIN, check_some, &c);
}

/* ---- probabilities and sureness of all rows ---- */
typedef struct {
    const cull_class_rows *r;
    cull_sure sure;
    double temperature;
    double *proba, *score;
    int32_t *label;
} working;

static cull_status proba_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const working *w = arg;
    (void)chunk;
    for (int64_t row = lo; row < hi; row++)
        cull__class_proba(w->r, row, w->temperature, w->proba + row * w->r->classes);
    return cull__tick(cx, (double)hi, 0);
}

cull_status cull_class_proba(cull_ctx *cx, const cull_class_rows *r, double temperature,
                             double *out)
{
    CULL_TRY(temperature_fits(cx, temperature));
    CULL_TRY(cull_class_check(cx, r, 0));
    working w = {.r = r, .temperature = temperature, .proba = out};
    return cull__for(cx, r->n, GRAIN, proba_some, &w);
}

/* The first of the largest. */
static int64_t top_of(const double *z, int64_t k)
{
    int64_t top = 0;
    for (int64_t i = 1; i < k; i++)
        if (z[i] > z[top]) top = i;
    return top;
}

static double second(const double *p, int64_t k, int64_t top)
{
    double most = 0;
    for (int64_t i = 0; i < k; i++)
        if (i != top && p[i] > most) most = p[i];
    return most;
}

/* log p / (1 - p): the logit of the top less the log of the sum of exp of all others. */
static double odds(const double *z, int64_t k, int64_t top, double temperature)
{
    double sum = 0, next = -INFINITY;
    for (int64_t i = 0; i < k; i++)
        if (i != top && z[i] > next) next = z[i];
    if (next == -INFINITY) return INFINITY;
    for (int64_t i = 0; i < k; i++)
        if (i != top) sum += exp((z[i] - next) / temperature);
    return (z[top] - next) / temperature - log(sum);
}

static double minus_entropy(const double *z, int64_t k, double temperature, double *lp)
{
    double sum = 0;
    cull_log_softmax(z, k, temperature, lp);
    for (int64_t i = 0; i < k; i++)
        if (lp[i] > -INFINITY) sum += exp(lp[i]) * lp[i];
    return sum;
}

static double energy(const double *z, int64_t k, double temperature)
{
    double most = largest(z, k), sum = 0;
    for (int64_t i = 0; i < k; i++) sum += exp((z[i] - most) / temperature);
    return most + temperature * log(sum);
}

/* z: logits, which may be overwritten; p: room for k. */
static double sure_of(const working *w, const double *z, int64_t k, int64_t top, double *p)
{
    switch (w->sure) {
    case CULL_SURE_ODDS: return odds(z, k, top, w->temperature);
    case CULL_SURE_ENTROPY: return minus_entropy(z, k, w->temperature, p);
    case CULL_SURE_LOGIT: return z[top];
    case CULL_SURE_ENERGY: return energy(z, k, w->temperature);
    default: break;
    }
    cull_softmax(z, k, w->temperature, p);
    return w->sure == CULL_SURE_TOP ? p[top] : p[top] - second(p, k, top);
}

static cull_status sure_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const working *w = arg;
    const int64_t k = w->r->classes;
    double *z;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, z, 2 * k));
    for (int64_t row = lo; row < hi; row++) {
        row_of(w->r, row, z);
        int64_t top = top_of(z, k);
        if (w->label) w->label[row] = (int32_t)top;
        if (!w->score) continue;
        if (w->r->proba) logits_of(w->r, row, z);
        w->score[row] = sure_of(w, z, k, top, z + k);
    }
    return cull__tick(cx, (double)hi, 0);
}

cull_status cull_class_sure(cull_ctx *cx, const cull_class_rows *r, cull_sure s, double temperature,
                            double *score, int32_t *label)
{
    CULL_TRY(temperature_fits(cx, temperature));
    if ((int)s < 0 || s >= CULL_SURES)
        return cull__fail(cx, CULL_EINPUT, "there is no sureness %d; there are 0 to %d", (int)s,
                          CULL_SURES - 1);
    if (r->proba && (s == CULL_SURE_LOGIT || s == CULL_SURE_ENERGY))
        return cull__fail(
            cx, CULL_EINPUT,
            "%s is of logits, and the rows are probabilities; take top, margin, entropy "
            "or odds",
            NAMES[s]);
    CULL_TRY(cull_class_check(cx, r, 0));
    working w = {.r = r, .sure = s, .temperature = temperature, .score = score, .label = label};
    return cull__for(cx, r->n, GRAIN, sure_some, &w);
}

/* ---- how well rows fit their labels ---- */
typedef struct {
    const cull_class_rows *r;
    const int32_t *label;
    double temperature;
    double *top, *sum; /* (n) top probability; (chunks, 2) log loss and Brier */
    double *loss;      /* (n) 1 where the answer is wrong */
    uint8_t *hit;
} judging;

static cull_status judge_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const judging *j = arg;
    const int64_t k = j->r->classes;
    double *z, log_loss = 0, brier = 0;
    CULL_TRY(CULL_TMP(cx, z, 2 * k));
    for (int64_t row = lo; row < hi; row++) {
        double *p = z + k, off = 0;
        int64_t y = j->label[row];
        cull__class_proba(j->r, row, j->temperature, p);
        logits_of(j->r, row, z);
        int64_t top = top_of(z, k);
        cull_log_softmax(z, k, j->temperature, z);
        for (int64_t i = 0; i < k; i++) off += (p[i] - (i == y)) * (p[i] - (i == y));
        j->top[row] = p[top] < 1 ? p[top] : 1;
        j->hit[row] = top == y;
        j->loss[row] = top != y;
        log_loss -= z[y];
        brier += off;
    }
    j->sum[2 * chunk] = log_loss;
    j->sum[2 * chunk + 1] = brier;
    return cull__tick(cx, (double)hi, 0);
}

cull_status cull__class_labels_fit(cull_ctx *cx, const cull_class_rows *r, const int32_t *label)
{
    for (int64_t i = 0; i < r->n; i++)
        if (label[i] < 0 || label[i] >= r->classes)
            return cull__fail(cx, CULL_EINPUT, "row %lld: its label is %d; it must be 0 to %lld",
                              (long long)i, (int)label[i], (long long)r->classes - 1);
    return CULL_OK;
}

static cull_status judge(cull_ctx *cx, judging *j, cull_sure sure, cull_class_fit *out)
{
    const int64_t n = j->r->n, chunks = (n + GRAIN - 1) / GRAIN;
    double *score, sum[2] = {0, 0}, wrong = 0;
    CULL_TRY(CULL_TMP(cx, j->top, n));
    CULL_TRY(CULL_TMP(cx, j->loss, n));
    CULL_TRY(CULL_TMP(cx, j->hit, n));
    CULL_TRY(CULL_TMP(cx, j->sum, 2 * chunks));
    CULL_TRY(CULL_TMP(cx, score, n));
    CULL_TRY(cull_class_sure(cx, j->r, sure, j->temperature, score, NULL));
    CULL_TRY(cull__for(cx, n, GRAIN, judge_some, j));
    for (int64_t c = 0; c < chunks; c++) {
        sum[0] += j->sum[2 * c];
        sum[1] += j->sum[2 * c + 1];
    }
    for (int64_t i = 0; i < n; i++) wrong += j->loss[i];
    out->accuracy = 1 - wrong / (double)n;
    out->log_loss = sum[0] / (double)n;
    out->brier = sum[1] / (double)n;
    CULL_TRY(cull_calibration_error(cx, j->top, j->hit, n, BINS, false, &out->ece));
    CULL_TRY(cull_calibration_error(cx, j->top, j->hit, n, BINS, true, &out->ece_mass));
    CULL_TRY(cull_auroc(cx, score, j->hit, n, &out->auroc));
    CULL_TRY(cull_fpr_at_tpr(cx, score, j->hit, n, .95, &out->fpr_95));
    return cull_risk_area(cx, score, j->loss, n, &out->aurc, &out->e_aurc);
}

cull_status cull_class_judge(cull_ctx *cx, const cull_class_rows *r, const int32_t *label,
                             double temperature, cull_sure score, cull_class_fit *out)
{
    memset(out, 0, sizeof *out);
    CULL_TRY(shape_fits(cx, r));
    CULL_TRY(cull__class_labels_fit(cx, r, label));
    judging j = {.r = r, .label = label, .temperature = temperature};
    cull__mark_t mark = cull__mark(cx);
    cull_status s = judge(cx, &j, score, out);
    cull__release(cx, mark);
    return s;
}

/* ---- temperature ---- */
enum { STEPS = 200 };
static const double LEAST = 0.01, MOST = 100; /* temperatures */

typedef struct {
    const cull_class_rows *r;
    const int32_t *label;
    double b;    /* 1 / temperature */
    double *sum; /* (chunks, 2): first and second derivative of the loss by b */
} slopes;

/* The loss of a row is log sum exp(b z) - b z_y: its derivative is E z - z_y, the second the variance of z. */
static cull_status slope_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const slopes *w = arg;
    const int64_t k = w->r->classes;
    double *z, first = 0, bend = 0;
    CULL_TRY(CULL_TMP(cx, z, 2 * k));
    for (int64_t row = lo; row < hi; row++) {
        double *p = z + k, mean = 0, var = 0;
        logits_of(w->r, row, z);
        double y = z[w->label[row]];
        if (y == -INFINITY)
            return cull__fail(cx, CULL_EINPUT,
                              "row %lld: its label %d has probability 0; no temperature mends that",
                              (long long)row, (int)w->label[row]);
        cull_softmax(z, k, 1 / w->b, p);
        /* from the label's logit: rows of any height keep their digits */
        for (int64_t i = 0; i < k; i++)
            if (p[i] > 0) mean += p[i] * (z[i] - y);
        for (int64_t i = 0; i < k; i++)
            if (p[i] > 0) var += p[i] * (z[i] - y - mean) * (z[i] - y - mean);
        first += mean;
        bend += var;
    }
    w->sum[2 * chunk] = first;
    w->sum[2 * chunk + 1] = bend;
    return cull__tick(cx, (double)hi, 0);
}

static cull_status slope_at(cull_ctx *cx, slopes *w, double b, double *first, double *bend)
{
    const int64_t chunks = (w->r->n + GRAIN - 1) / GRAIN;
    w->b = b;
    *first = *bend = 0;
    CULL_TRY(cull__for(cx, w->r->n, GRAIN, slope_some, w));
    for (int64_t c = 0; c < chunks; c++) {
        *first += w->sum[2 * c];
        *bend += w->sum[2 * c + 1];
    }
    return CULL_OK;
}

static cull_status newton(cull_ctx *cx, slopes *w, double *temperature, bool *ended)
{
    double lo = 1 / MOST, hi = 1 / LEAST, b = 1, first, bend, low;
    CULL_TRY(CULL_TMP(cx, w->sum, 2 * ((w->r->n + GRAIN - 1) / GRAIN)));
    CULL_TRY(slope_at(cx, w, hi, &first, &bend));
    CULL_TRY(slope_at(cx, w, lo, &low, &bend));
    if (first == 0 && low == 0) return CULL_OK; /* rows without any difference: all are as good */
    *ended = first <= 0 || low >= 0;
    *temperature = first <= 0 ? LEAST : MOST;
    if (*ended) return CULL_OK;
    for (int i = 0; i < STEPS && hi - lo > 1e-15 * hi; i++) {
        CULL_TRY(slope_at(cx, w, b, &first, &bend));
        *(first > 0 ? &hi : &lo) = b;
        double next = b - first / bend;
        if (!(next > lo && next < hi)) next = sqrt(lo * hi);
        bool still = fabs(next - b) <= 1e-14 * b;
        b = next;
        if (still || first == 0) break;
    }
    *temperature = 1 / b;
    return CULL_OK;
}

cull_status cull_temperature_fit(cull_ctx *cx, const cull_class_rows *r, const int32_t *label,
                                 double *temperature, bool *ended)
{
    *temperature = 1;
    *ended = false;
    CULL_TRY(cull_class_check(cx, r, 0));
    CULL_TRY(cull__class_labels_fit(cx, r, label));
    slopes w = {.r = r, .label = label};
    cull__mark_t mark = cull__mark(cx);
    cull_status s = newton(cx, &w, temperature, ended);
    cull__release(cx, mark);
    return s;
}

/* kern_loss.c - losses and their slopes; see dense.h. */
#include "nn/dense.h"
#include "nn/lanes.h"
#include "nn/vmath.h"

enum { PIECE = 512 };

/* Values of a piece are kept for their sum over lanes; pieces are added up in double. */
#define EACH(name, value, slope)                                                                   \
    static double name(float *restrict q, const float *restrict x_, const float *restrict y_,      \
                       int64_t n, float a, float b)                                                \
    {                                                                                              \
        float v[PIECE];                                                                            \
        double total = 0;                                                                          \
        (void)b;                                                                                   \
        for (int64_t at = 0; at < n; at += PIECE) {                                                \
            const int64_t m = n - at < PIECE ? n - at : PIECE;                                     \
            for (int64_t i = 0; i < m; i++) {                                                      \
                const float x = x_[at + i], y = y_[at + i];                                        \
                v[i] = (value);                                                                    \
                q[at + i] = a * (slope);                                                           \
            }                                                                                      \
            total += (double)cull__run_sum(v, m);                                                  \
        }                                                                                          \
        return (double)a * total;                                                                  \
    }

static inline float sign(float d) { return (d > 0 ? 1.f : 0.f) - (d < 0 ? 1.f : 0.f); }
static inline float clip(float d, float most) { return d > most ? most : d < -most ? -most : d; }
static inline float huber_of(float d, float delta)
{
    float e = fabsf(d), in = .5f * d * d, out = delta * (e - .5f * delta);
    return e < delta ? in : out;
}
static inline float bce_of(float x, float y, float positive)
{
    float l = cull__log1pf(cull__expf(-fabsf(x))), up = x > 0 ? x : 0, down = x < 0 ? -x : 0;
    return (1 - y) * (up + l) + positive * y * (down + l);
}

EACH(mse, (x - y) * (x - y), 2 * (x - y))
EACH(mae, fabsf(x - y), sign(x - y))
EACH(huber, huber_of(x - y, b), clip(x - y, b))
EACH(bce, bce_of(x, y, b), (1 - y) * cull__sigmoidf(x) - b * y * cull__sigmoidf(-x))
EACH(hinge, b - y * x > 0 ? b - y * x : 0, b - y * x > 0 ? -y : 0)

static double kl(float *restrict q, const float *restrict p, const float *restrict x, int64_t n,
                 float a)
{
    float v[PIECE];
    double total = 0;
    for (int64_t at = 0; at < n; at += PIECE) {
        const int64_t m = n - at < PIECE ? n - at : PIECE;
        for (int64_t i = 0; i < m; i++) {
            const float lp = p[at + i], lx = x[at + i], e = cull__expf(lp), d = e * (lp - lx);
            q[at + i] = a * (cull__expf(lx) - e);
            v[i] = e > 0 ? d : 0;
        }
        total += (double)cull__run_sum(v, m);
    }
    return (double)a * total;
}

static double soft(float *restrict q, const float *restrict target, const float *restrict x,
                   int64_t n, float a)
{
    float v[PIECE];
    double total = 0;
    const float all = (float)cull__lane_sum(target, n);
    for (int64_t at = 0; at < n; at += PIECE) {
        const int64_t m = n - at < PIECE ? n - at : PIECE;
        for (int64_t i = 0; i < m; i++) {
            const float y = target[at + i], d = y * x[at + i];
            q[at + i] = a * (cull__expf(x[at + i]) * all - y);
            v[i] = y == 0 ? 0 : -d;
        }
        total += (double)cull__run_sum(v, m);
    }
    return (double)a * total;
}

/* One i against all j, whose slopes go to s. Returns i's loss; *pairs, *slope are added to. */
static double against(float *restrict s, const float *restrict x, const float *restrict t,
                      int64_t n, int64_t i, float margin, double *pairs, double *slope)
{
    float v[PIECE], c[PIECE], g[PIECE];
    const float xi = x[i], ti = t[i];
    double total = 0;
    for (int64_t at = 0; at < n; at += PIECE) {
        const int64_t m = n - at < PIECE ? n - at : PIECE;
        for (int64_t j = 0; j < m; j++) c[j] = ti > t[at + j] ? 1.f : 0.f;
        if (margin < 0)
            for (int64_t j = 0; j < m; j++) {
                const float d = x[at + j] - xi;
                v[j] = c[j] * cull__softplusf(d);
                g[j] = c[j] * cull__sigmoidf(d);
            }
        else
            for (int64_t j = 0; j < m; j++) {
                const float d = margin + x[at + j] - xi;
                v[j] = c[j] * (d > 0 ? d : 0);
                g[j] = c[j] * (d > 0 ? 1.f : 0.f);
            }
        for (int64_t j = 0; j < m; j++) s[at + j] += g[j];
        *pairs += (double)cull__run_sum(c, m);
        *slope += (double)cull__run_sum(g, m);
        total += (double)cull__run_sum(v, m);
    }
    return total;
}

static double rank(float *q, const float *x, const float *target, int64_t n, float a, float margin)
{
    double total = 0, pairs = 0;
    for (int64_t j = 0; j < n; j++) q[j] = 0;
    for (int64_t i = 0; i < n; i++) {
        double slope = 0;
        total += against(q, x, target, n, i, margin, &pairs, &slope);
        q[i] -= (float)slope;
    }
    const double by = pairs > 0 ? (double)a / pairs : 0;
    for (int64_t j = 0; j < n; j++) q[j] *= (float)by;
    return total * by;
}

static double cosine(float *restrict q, float *restrict r, const float *restrict x,
                     const float *restrict y, int64_t n, float a)
{
    const double least = 1e-16; /* of squared lengths: a row of zeros has cosine 0 */
    double xx = cull__lane_dot(x, x, n), yy = cull__lane_dot(y, y, n);
    xx = xx > least ? xx : least, yy = yy > least ? yy : least;
    const double by = 1 / sqrt(xx * yy), cos = cull__lane_dot(x, y, n) * by;
    const float both = (float)(-(double)a * by), own_x = (float)((double)a * cos / xx);
    const float own_y = (float)((double)a * cos / yy);
    for (int64_t i = 0; i < n; i++) q[i] = both * y[i] + own_x * x[i];
    for (int64_t i = 0; i < n; i++) r[i] = both * x[i] + own_y * y[i];
    return (double)a * (1 - cos);
}

const cull__loss_kern CULL__TABLE(loss) = {
    .each =
        {
#define X(name) name,
            CULL__LOSSES(X)
#undef X
        },
    .kl = kl,
    .soft = soft,
    .rank = rank,
    .cosine = cosine,
};

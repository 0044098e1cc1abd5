/* slerp - a point on the arc between two models (Shoemake 1985)
 *
 * Chooses   for each tensor, as one vector, the point at t of the way from the first model to the second along the arc between
 *           their directions. Computed in f64 and rounded to f32 once.
 * Idea      A mean of two vectors is shorter than they are; a point on the arc is not.
 * Reads     two models of the same names and shapes.
 * Deviates  Where the directions are nearly one or opposite (|cosine| above 0.9995) the point is on the line between them, as in
 *           the common tools. The lengths themselves are not on an arc: coefficients are applied to the vectors as they are. A
 *           tensor with an infinite number has no direction, and is refused where those tools make all of it NaN.
 * Cost      two passes, O(n); a block of each model in memory.
 * Example   cull weights slerp --t 0.3 a b -o between
 */
#include "base/base.h"
#include "cull/weights.h"
#include "num/blend.h"

#include <math.h>

typedef struct {
    double t;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, t, 0.5, 0, 1, "how far from the first model to the second"), CULL_OPT_END};

typedef struct {
    const cull_weights_work *w;
    const cull_weights_item *it;
    double (*sum)[3]; /* of each chunk: squares of one, of the other, products */
} sums;
enum { LANES = 8 };

static cull_status add(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const sums *p = arg;
    double sum[3][LANES] = {{0}};
    int64_t n = hi - lo, pad = -n & (LANES - 1);
    float *x, *y;
    CULL_TRY(CULL_TMP(cx, x, n + pad));
    CULL_TRY(CULL_TMP(cx, y, n + pad));
    CULL_TRY(cull_weights_read(cx, p->w, p->it, 0, lo, n, x));
    CULL_TRY(cull_weights_read(cx, p->w, p->it, 1, lo, n, y));
    for (int64_t i = n; i < n + pad; i++) x[i] = y[i] = 0;
    for (int64_t i = 0; i < n; i += LANES)
        for (int k = 0; k < LANES; k++) {
            double a = x[i + k], b = y[i + k];
            sum[0][k] += a * a, sum[1][k] += b * b, sum[2][k] += a * b;
        }
    for (int j = 0; j < 3; j++) {
        p->sum[chunk][j] = 0;
        for (int k = 0; k < LANES; k++) p->sum[chunk][j] += sum[j][k];
    }
    return CULL_OK;
}

/* What the two are multiplied with. */
static cull_status tensor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          void *state, void **own)
{
    sums p = {.w = w, .it = it};
    int64_t chunks = (it->t.n + CULL_WEIGHTS_BLOCK - 1) / CULL_WEIGHTS_BLOCK;
    double all[3] = {0}, t = ((const opts *)it->opts[0])->t;
    double *by;
    (void)state;
    CULL_TRY(CULL_TMP(cx, by, 2));
    CULL_TRY(CULL_TMP(cx, p.sum, chunks));
    CULL_TRY(cull__for(cx, it->t.n, CULL_WEIGHTS_BLOCK, add, &p));
    for (int64_t c = 0; c < chunks; c++)
        for (int j = 0; j < 3; j++) all[j] += p.sum[c][j];
    for (int s = 0; s < 2; s++)
        if (!isfinite(all[s])) CULL_TRY(cull_weights_finite(cx, w, it, s));
    double a = sqrt(all[0]), b = sqrt(all[1]);
    double dot = all[2] / (a > 1e-8 ? a : 1) / (b > 1e-8 ? b : 1);
    if (fabs(dot) > 0.9995) {
        by[0] = 1 - t, by[1] = t;
    } else {
        double theta = acos(dot);
        by[0] = sin((1 - t) * theta) / sin(theta);
        by[1] = sin(t * theta) / sin(theta);
    }
    *own = by;
    return CULL_OK;
}

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *state, const void *own, int64_t from, int64_t n, float *out)
{
    const double *by = own;
    float *y;
    (void)state;
    CULL_TRY(CULL_TMP(cx, y, n));
    CULL_TRY(cull_weights_read(cx, w, it, 0, from, n, out));
    CULL_TRY(cull_weights_read(cx, w, it, 1, from, n, y));
    cull__blend_of(cx)->mix(out, by[0], y, by[1], n);
    return CULL_OK;
}

static void plan(const cull_weights_work *w, int threads, uint64_t *bytes, double *passes)
{
    (void)w, (void)threads;
    *bytes = 0;
    *passes = 1;
}

static const cull_weights_fns fns = {.needs = CULL_WEIGHTS_NO_BASE,
                                     .least = 2,
                                     .most = 2,
                                     .tensor = tensor,
                                     .block = block,
                                     .plan = plan};
const cull_method cull__method_slerp = {
    .slug = "slerp",
    .title = "a point on the arc between two models",
    .paper = "Shoemake 1985, Animating Rotation with Quaternion Curves",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 2,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};

/* predictors: the door, ridge against its normal equations, Gaussian processes against differences; what odd
 * inputs, threads and failing memory do. */
#include "cull/predict.h"
#include "score/predict.h"
#include "test.h"

enum { N = 57, D = 5, M = 33 };

typedef struct {
    double x[N * D], y[N], weight[N], q[M * D];
} rows;

/* Column 3 does not vary; answers far from 0. */
static void make(rows *r)
{
    cull_rng g = cull__rng_seeded(5, 6);
    for (int i = 0; i < N * D; i++) r->x[i] = i % D == 3 ? 7.5 : 3 * cull__rng_normal(&g) + i % D;
    for (int i = 0; i < M * D; i++) r->q[i] = i % D == 3 ? 7.5 : 3 * cull__rng_normal(&g);
    for (int i = 0; i < N; i++) {
        const double *x = r->x + i * D;
        r->y[i] = 1000 + 2.385 * x[0] - x[1] + sin(x[2]) + 0.3 * cull__rng_normal(&g);
        r->weight[i] = 0.2 + cull__rng_unit(&g);
    }
}

static cull_predict_opts of(cull_predict_kind k)
{
    cull_predict_opts o = CULL_PREDICT_OPTS;
    o.kind = k;
    o.epochs = 20;
    return o;
}

static bool built(cull_predict_kind k)
{
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    cull_predict_opts o = of(k);
    cull_predictor *p = NULL;
    cull_status s =
        cull_predictor_fit(cx, (double[]){0, 1, 2}, (double[]){0, 1, 3}, NULL, 3, 1, &o, 1, &p);
    cull_predictor_free(p);
    cull_ctx_free(cx);
    return s != CULL_ENODATA;
}

/* ---- ridge ---- */

/* a x = b by elimination. */
static void solve(long double *a, long double *b, int n)
{
    for (int k = 0; k < n; k++) {
        int top = k;
        for (int i = k; i < n; i++)
            if (fabsl(a[i * n + k]) > fabsl(a[top * n + k])) top = i;
        for (int j = 0; j < n; j++) {
            long double t = a[k * n + j];
            a[k * n + j] = a[top * n + j], a[top * n + j] = t;
        }
        long double t = b[k];
        b[k] = b[top], b[top] = t;
        for (int i = k + 1; i < n; i++) {
            long double f = a[i * n + k] / a[k * n + k];
            for (int j = k; j < n; j++) a[i * n + j] -= f * a[k * n + j];
            b[i] -= f * b[k];
        }
    }
    for (int k = n - 1; k >= 0; k--) {
        for (int j = k + 1; j < n; j++) b[k] -= a[k * n + j] * b[j];
        b[k] /= a[k * n + k];
    }
}

/* What the normal equations say of q, and (X^T X + l2)^-1 over it, with everything scaled by hand. l2 is in
 * units of n rows of variance 1. */
static void normal_equations(const double *x, const double *y, int n, int d, double l2,
                             const double *q, int m, double *mean, double *spread)
{
    long double a[2 * D * 2 * D], b[2 * D], mid[2 * D], sd[2 * D], ym = 0, ys = 0, left = 0;
    long double inverse[2 * D][2 * D], freedom = 1, w[2 * D];
    for (int i = 0; i < n; i++) ym += y[i] / (long double)n;
    for (int i = 0; i < n; i++) ys += (y[i] - ym) * (y[i] - ym) / n;
    ys = sqrtl(ys);
    for (int c = 0; c < d; c++) {
        mid[c] = sd[c] = 0;
        for (int i = 0; i < n; i++) mid[c] += x[i * d + c] / (long double)n;
        for (int i = 0; i < n; i++) sd[c] += (x[i * d + c] - mid[c]) * (x[i * d + c] - mid[c]) / n;
        sd[c] = sqrtl(sd[c]);
    }
#define Z(v, i, c) (((v)[(i)*d + (c)] - mid[c]) / sd[c])
    for (int k = -1; k < d; k++) { /* -1: the weights; k: a column of the inverse */
        memset(b, 0, sizeof b);
        memset(a, 0, sizeof a);
        for (int r = 0; r < d; r++)
            for (int c = 0; c < d; c++)
                for (int i = 0; i < n; i++) a[r * d + c] += Z(x, i, r) * Z(x, i, c);
        for (int r = 0; r < d; r++) {
            if (k >= 0) freedom += r == k ? 1 : 0;
            a[r * d + r] += l2;
            for (int i = 0; k < 0 && i < n; i++) b[r] += Z(x, i, r) * (y[i] - ym) / ys;
        }
        if (k >= 0) b[k] = 1;
        solve(a, b, d);
        for (int r = 0; r < d; r++) k < 0 ? (w[r] = b[r]) : (inverse[k][r] = b[r]);
        if (k >= 0) freedom -= l2 * b[k]; /* tr(A (A + l2)^-1) = d - l2 tr (A + l2)^-1 */
    }
    for (int i = 0; i < n; i++) {
        long double e = (y[i] - ym) / ys;
        for (int c = 0; c < d; c++) e -= w[c] * Z(x, i, c);
        left += e * e;
    }
    for (int i = 0; i < m; i++) {
        long double s = 0, v = 1.L / n;
        for (int c = 0; c < d; c++) s += w[c] * Z(q, i, c);
        for (int r = 0; r < d; r++)
            for (int c = 0; c < d; c++) v += Z(q, i, r) * inverse[r][c] * Z(q, i, c);
        mean[i] = (double)(s * ys + ym);
        spread[i] = (double)(sqrtl(v * left / (n - freedom)) * ys);
    }
}

/* Rows before columns, and the other way round, where directions without rows count too. */
static void ridge(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    static rows r;
    make(&r);
    for (int wide = 0; wide < 2; wide++) {
        int n = wide ? 4 : N, d = 4;
        double x[N * 7], q[M * 7], mean[M], spread[M], want[M], wide_of[M];
        cull_rng g = cull__rng_seeded(9, 9);
        if (wide) d = 7;
        for (int i = 0; i < n * d; i++) x[i] = cull__rng_normal(&g) + (i % d == 2);
        for (int i = 0; i < M * d; i++) q[i] = cull__rng_normal(&g);
        for (double l2 = 0.01; l2 < 200; l2 *= 37) {
            cull_predict_opts o = of(CULL_PREDICT_RIDGE);
            cull_predictor *p;
            o.l2 = l2;
            ok(cx, cull_predictor_fit(cx, x, r.y, NULL, n, d, &o, 1, &p));
            ok(cx, cull_predictor_say(cx, p, q, M, mean, spread));
            normal_equations(x, r.y, n, d, l2, q, M, want, wide_of);
            for (int i = 0; i < M; i++) {
                assert_true(fabs(mean[i] - want[i]) < 1e-9);
                assert_true(fabs(spread[i] - wide_of[i]) < 1e-8 * wide_of[i]);
            }
            cull_predictor_free(p);
        }
    }
    cull_ctx_free(cx);
}

/* Of few rows: no l2 of a coarse grid is better, where each row is left out by hand. More directions than rows, near as
 * many, and few. */
static void left_out(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    enum { ROWS = 24, MOST = 40 };
    const int cols[3] = {40, 23, 8};
    for (int k = 0; k < 3; k++) {
        int d = cols[k];
        double x[ROWS * MOST], y[ROWS], mean[ROWS], all[ROWS], best = INFINITY, at = 0;
        cull_predict_opts o = of(CULL_PREDICT_RIDGE);
        cull_predictor *p;
        cull_rng g = cull__rng_seeded(31, (uint64_t)k);
        for (int i = 0; i < ROWS * d; i++) x[i] = cull__rng_normal(&g);
        for (int i = 0; i < ROWS; i++) {
            y[i] = 0.8 * cull__rng_normal(&g);
            for (int c = 0; c < 5; c++) y[i] += x[i * d + c];
        }
        /* by hand the moments are of the other rows alone, which the formula does not do: so the two are asked to
         * say about the same, not quite */
        for (double l2 = 1e-6 * ROWS; l2 < 1e4 * ROWS; l2 *= 10) {
            double sum = 0;
            for (int i = 0; i < ROWS; i++) {
                double w[ROWS], said;
                for (int j = 0; j < ROWS; j++) w[j] = j != i;
                o.l2 = l2;
                ok(cx, cull_predictor_fit(cx, x, y, w, ROWS, d, &o, 1, &p));
                ok(cx, cull_predictor_say(cx, p, x + i * d, 1, &said, NULL));
                cull_predictor_free(p);
                sum += (said - y[i]) * (said - y[i]);
            }
            if (sum < best) best = sum, at = l2;
        }
        o.l2 = at;
        ok(cx, cull_predictor_fit(cx, x, y, NULL, ROWS, d, &o, 1, &p));
        ok(cx, cull_predictor_say(cx, p, x, ROWS, all, NULL));
        cull_predictor_free(p);
        o.l2 = 0;
        ok(cx, cull_predictor_fit(cx, x, y, NULL, ROWS, d, &o, 1, &p));
        ok(cx, cull_predictor_say(cx, p, x, ROWS, mean, NULL));
        cull_predictor_free(p);
        double apart = 0, size = 0;
        for (int i = 0; i < ROWS; i++)
            apart += (mean[i] - all[i]) * (mean[i] - all[i]), size += y[i] * y[i];
        if (!(apart < 0.05 * size)) /* a grid of tenths by hand, of eighths of that here */
            fail_msg("%d columns: l2 %g by hand; apart by %g of %g", d, at, apart, size);
    }
    cull_ctx_free(cx);
}

/* Generalised cross-validation, of many rows: noise is shrunk to nothing, a line not at all. */
static void penalty(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    enum { ROWS = 300, COLS = 20 };
    static double x[ROWS * COLS], line[ROWS], noise[ROWS], mean[ROWS];
    cull_rng g = cull__rng_seeded(3, 1);
    for (int i = 0; i < ROWS * COLS; i++) x[i] = cull__rng_normal(&g);
    for (int i = 0; i < ROWS; i++) {
        noise[i] = cull__rng_normal(&g);
        line[i] = 4;
        for (int c = 0; c < COLS; c++) line[i] += (c - 7) * x[i * COLS + c];
    }
    cull_predict_opts o = of(CULL_PREDICT_RIDGE);
    cull_predictor *p;
    ok(cx, cull_predictor_fit(cx, x, line, NULL, ROWS, COLS, &o, 1, &p));
    ok(cx, cull_predictor_say(cx, p, x, ROWS, mean, NULL));
    for (int i = 0; i < ROWS; i++) assert_true(fabs(mean[i] - line[i]) < 1e-4);
    cull_predictor_free(p);
    ok(cx, cull_predictor_fit(cx, x, noise, NULL, ROWS, COLS, &o, 1, &p));
    ok(cx, cull_predictor_say(cx, p, x, ROWS, mean, NULL));
    double sq = 0;
    for (int i = 0; i < ROWS; i++) sq += mean[i] * mean[i] / ROWS;
    assert_true(sq < 0.5 * COLS / ROWS); /* least squares would leave COLS / ROWS */
    cull_predictor_free(p);
    cull_ctx_free(cx);
}

/* ---- gradients ---- */

static void gradients(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    static rows r;
    make(&r);
    const cull_predict_kind k[] = {CULL_PREDICT_RIDGE, CULL_PREDICT_GP, CULL_PREDICT_SVR,
                                   CULL_PREDICT_MLP};
    static const int64_t two[D] = {3, 3, 3, 5, 8};
    for (int i = 0; i < 7; i++) {
        cull_predict_opts o = of(i < 4 ? k[i] : CULL_PREDICT_GP);
        cull_predictor *p;
        double mean[M * D], spread[M * D], a[2 * M], b[2 * M];
        o.sparse = i == 4, o.isotropic = i == 5, o.members = 2;
        o.group = i == 6 ? two : NULL;
        if (!built(o.kind)) continue;
        ok(cx, cull_predictor_fit(cx, r.x, r.y, r.weight, N, D, &o, 1, &p));
        ok(cx, cull_predictor_gradient(cx, p, r.q, M, mean, spread));
        bool coarse = o.kind == CULL_PREDICT_MLP; /* f32, and kinks between the two points */
        double h = coarse ? 1e-3 : 1e-5, tolerance = coarse ? 2e-2 : 1e-6;
        int wrong = 0;
        for (int c = 0; c < D; c++) {
            double q[M * D];
            for (int s = 0; s < 2; s++) {
                memcpy(q, r.q, sizeof q);
                for (int j = 0; j < M; j++) q[j * D + c] += s ? h : -h;
                ok(cx, cull_predictor_say(cx, p, q, M, a + s * M, b + s * M));
            }
            for (int j = 0; j < M; j++) {
                double da = (a[M + j] - a[j]) / (2 * h), db = (b[M + j] - b[j]) / (2 * h);
                wrong += !(fabs(mean[j * D + c] - da) <= tolerance);
                if (o.kind != CULL_PREDICT_SVR)
                    wrong += !(fabs(spread[j * D + c] - db) <= tolerance);
                else
                    assert_true(isnan(spread[j * D + c]));
                if (c == 3) assert_true(mean[j * D + c] == 0);
            }
        }
        if (wrong > (coarse ? M * D / 10 : 0))
            fail_msg("%s (%d): %d derivatives are wrong", cull_predict_name(o.kind), i, wrong);
        cull_predictor_free(p);
    }
    cull_ctx_free(cx);
}

/* Of the likelihood and of the priors, by differences. */
static void likelihood(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    static rows r;
    make(&r);
    for (int i = 0; i < N; i++) r.y[i] -= 1000;
    cull__samples t = {.x = r.x, .y = r.y, .weight = r.weight, .n = N, .d = D};
    static const int64_t group[D] = {0, 1, 1, 1, 2};
    for (int kind = 0; kind < 32; kind++) {
        cull__gp_form f = {.isotropic = kind & 1,
                           .sparse = kind & 2,
                           .level = kind & 8 ? 0.7 : 0,
                           .rough = kind & 16};
        if (kind & 4) f.group = group, f.groups = 3;
        int64_t size = cull__gp_size(&f, D);
        double theta[2 + 1 + D], g[2 + 1 + D], none[2 + 1 + D], lo, hi, at;
        for (int i = 0; i < size; i++) theta[i] = 0.3 * i - 0.7;
        ok(cx, cull__gp_loss(cx, &t, &f, theta, true, &at, g));
        for (int i = 0; i < size; i++) {
            double was = theta[i], h = 1e-5;
            theta[i] = was + h;
            ok(cx, cull__gp_loss(cx, &t, &f, theta, true, &hi, none));
            theta[i] = was - h;
            ok(cx, cull__gp_loss(cx, &t, &f, theta, true, &lo, none));
            theta[i] = was;
            double want = (hi - lo) / (2 * h);
            if (!(fabs(g[i] - want) < 1e-5 * (1 + fabs(want))))
                fail_msg("form %d, number %d: %g, not %g", kind, i, g[i], want);
        }
    }
    cull_ctx_free(cx);
}

/* Groups of one feature change nothing, one group is one length. Of two forms the likelier counts for what it takes: one
 * length where all features matter alike, several where one of them alone does. */
static void groups(void **state)
{
    (void)state;
    enum { ROWS = 60, COLS = 4, FORMS = 5 };
    static const int64_t each[COLS] = {0, 2, 3, 7}, one[COLS] = {1, 1, 1, 1},
                         falls[COLS] = {1, 1, 0, 4};
    static const double q[COLS] = {0.3, 0.6, 0.2, 0.5};
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    double x[ROWS * COLS], y[2][ROWS], mean[2][FORMS], spread[2][FORMS];
    cull_rng g = cull__rng_seeded(8, 2);
    for (int i = 0; i < ROWS; i++) {
        double *v = x + i * COLS;
        for (int c = 0; c < COLS; c++) v[c] = cull__rng_unit(&g);
        y[0][i] = sin(2 * v[0]) + sin(2 * v[1]) + sin(2 * v[2]) + sin(2 * v[3]);
        y[1][i] = sin(9 * v[0]);
    }
    cull_predict_opts o = of(CULL_PREDICT_GP);
    cull_predictor *p;
    for (int t = 0; t < 2; t++)
        for (int k = 0; k < FORMS; k++) {
            o.group = k == 1 ? each : k == 3 ? one : NULL;
            o.isotropic = k == 2, o.either = k == 4;
            ok(cx, cull_predictor_fit(cx, x, y[t], NULL, ROWS, COLS, &o, 1, &p));
            ok(cx, cull_predictor_say(cx, p, q, 1, &mean[t][k], &spread[t][k]));
            cull_predictor_free(p);
        }
    for (int t = 0; t < 2; t++) {
        assert_true(mean[t][0] == mean[t][1] && spread[t][0] == spread[t][1]);
        assert_true(mean[t][2] == mean[t][3] && spread[t][2] == spread[t][3]);
    }
    assert_true(mean[0][4] == mean[0][2] && spread[0][4] == spread[0][2]);
    assert_true(mean[1][4] != mean[1][2]);
    /* that one found no other maximum than several lengths find by themselves */
    assert_true(fabs(mean[1][4] - sin(2.7)) < 1e-2 && spread[1][4] < 0.2 * spread[1][2]);
    o.group = falls;
    refused(cx, cull_predictor_fit(cx, x, y[0], NULL, ROWS, COLS, &o, 1, &p), CULL_EOPTION,
            "group[2] is below the one before it");
    cull_ctx_free(cx);
}

/* SAAS's priors leave out what does not count: of 30 features two do. */
static void sparse(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    enum { ROWS = 60, COLS = 30, ASKED = 200 };
    static double x[ROWS * COLS], y[ROWS], q[ASKED * COLS], mean[ASKED], spread[ASKED];
    double error[2];
    cull_rng g = cull__rng_seeded(8, 1);
    for (int i = 0; i < ROWS * COLS; i++) x[i] = cull__rng_unit(&g);
    for (int i = 0; i < ASKED * COLS; i++) q[i] = cull__rng_unit(&g);
    for (int i = 0; i < ROWS; i++) y[i] = sin(5 * x[i * COLS + 4]) + x[i * COLS + 9];
    for (int s = 0; s < 2; s++) {
        cull_predict_opts o = of(CULL_PREDICT_GP);
        cull_predictor *p;
        o.sparse = s;
        ok(cx, cull_predictor_fit(cx, x, y, NULL, ROWS, COLS, &o, 1, &p));
        ok(cx, cull_predictor_say(cx, p, q, ASKED, mean, spread));
        error[s] = 0;
        for (int i = 0; i < ASKED; i++) {
            double e = mean[i] - sin(5 * q[i * COLS + 4]) - q[i * COLS + 9];
            error[s] += e * e / ASKED;
        }
        cull_predictor_free(p);
    }
    if (!(sqrt(error[1]) < 0.1 && error[1] < error[0]))
        fail_msg("root mean squared error %g, without %g", sqrt(error[1]), sqrt(error[0]));
    cull_ctx_free(cx);
}

/* Nine tenths and more of fresh answers lie within two and a half spreads, and the spread is smaller near rows. */
static void spread_is_fair(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    enum { ROWS = 80 };
    double x[ROWS], y[ROWS], q[ROWS], mean[ROWS], spread[ROWS], far[1], unsure[1];
    cull_rng g = cull__rng_seeded(4, 4);
    for (int i = 0; i < ROWS; i++) {
        x[i] = 10 * cull__rng_unit(&g), q[i] = 10 * cull__rng_unit(&g);
        y[i] = sin(x[i]) + 0.2 * cull__rng_normal(&g);
    }
    cull_predict_opts o = of(CULL_PREDICT_GP);
    cull_predictor *p;
    ok(cx, cull_predictor_fit(cx, x, y, NULL, ROWS, 1, &o, 1, &p));
    ok(cx, cull_predictor_say(cx, p, q, ROWS, mean, spread));
    ok(cx, cull_predictor_say(cx, p, (double[]){30}, 1, far, unsure));
    int in = 0;
    for (int i = 0; i < ROWS; i++) {
        in += fabs(mean[i] - sin(q[i])) < 2.5 * spread[i];
        assert_true(spread[i] < 0.4 && spread[i] < unsure[0]);
    }
    assert_true(in >= ROWS * 9 / 10);
    cull_predictor_free(p);
    cull_ctx_free(cx);
}

/* Far from all rows a process says their mean; where it has a level to learn it says what each neighbourhood counts for
 * once, not each row, and doubts it the more. */
static void level(void **state)
{
    (void)state;
    enum { ROWS = 41 };
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    double x[ROWS], y[ROWS], mean[2], spread[2];
    for (int i = 0; i < ROWS; i++) x[i] = i < ROWS - 1 ? 0.002 * i : 40, y[i] = sin(60 * x[i]);
    y[ROWS - 1] = 3;
    cull_predict_opts o = of(CULL_PREDICT_GP);
    cull_predictor *p;
    for (int k = 0; k < 2; k++) {
        o.level = 4 * k;
        ok(cx, cull_predictor_fit(cx, x, y, NULL, ROWS, 1, &o, 1, &p));
        ok(cx, cull_predictor_say(cx, p, (double[]){-400}, 1, mean + k, spread + k));
        cull_predictor_free(p);
    }
    double all = 0;
    for (int i = 0; i < ROWS; i++) all += y[i] / ROWS;
    assert_true(fabs(mean[0] - all) < 1e-3);
    assert_true(mean[1] > mean[0] + 0.3 && mean[1] < 3 && spread[1] > spread[0]);
    cull_ctx_free(cx);
}

/* ---- what all kinds keep ---- */

static void all_finite(const char *what, cull_predict_kind k, const double *v, int n)
{
    for (int i = 0; i < n; i++)
        if (!isfinite(v[i])) fail_msg("%s: %s[%d] is %g", cull_predict_name(k), what, i, v[i]);
}

static void odd_inputs(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    static rows r;
    make(&r);
    for (int k = 0; k < CULL_PREDICTORS; k++)
        for (int odd = 0; odd < 9; odd++) {
            cull_predict_opts o = of((cull_predict_kind)k);
            cull_predictor *p;
            double x[N * D], y[N], q[M * D], mean[M], spread[M];
            int n = N, d = D;
            if (!built(o.kind)) continue;
            memcpy(x, r.x, sizeof x), memcpy(y, r.y, sizeof y), memcpy(q, r.q, sizeof q);
            for (int i = 0; i < N; i++) {
                if (odd == 0) y[i] = 4.25;                                     /* one answer */
                if (odd == 4) memcpy(x + i * D, x, D * sizeof *x);             /* one row */
                if (odd == 5) memcpy(x + i * D, x + i / 3 * D, D * sizeof *x); /* copies */
                if (odd == 6) y[i] = i % 2 ? 1.7e308 : -1.7e308;
            }
            if (odd == 1) n = 2;
            if (odd == 2) d = 0;
            if (odd == 3) n = 2, d = 1;
            for (int i = 0; odd == 7 && i < N * D; i++) x[i] *= 1e305;
            for (int i = 0; odd == 8 && i < M * D; i++) q[i] = i % 2 ? -1.7e308 : 1.7e308;
            ok(cx, cull_predictor_fit(cx, x, y, NULL, n, d, &o, 1, &p));
            ok(cx, cull_predictor_say(cx, p, q, M, mean, spread));
            all_finite("mean", o.kind, mean, M);
            bool spreads =
                k == CULL_PREDICT_RIDGE || k == CULL_PREDICT_GP || k == CULL_PREDICT_FOREST;
            if (spreads && odd != 6 && odd != 8) all_finite("spread", o.kind, spread, M);
            for (int i = 0; odd == 0 && i < M; i++) assert_true(fabs(mean[i] - 4.25) < 1e-12);
            cull_predictor_free(p);
        }
    cull_ctx_free(cx);
}

/* Rows are drawn without repeats, in their order, each as often as any other; all where they are few. */
static void drawing(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    enum { ROWS = 40, MOST = 15, TIMES = 2000 };
    double x[ROWS], y[ROWS], w[ROWS];
    int seen[ROWS] = {0};
    cull__samples t = {.x = x, .y = y, .weight = w, .n = ROWS, .d = 1}, s;
    for (int i = 0; i < ROWS; i++) x[i] = i, y[i] = 2 * i, w[i] = 3 * i;
    for (int k = 0; k < TIMES; k++) {
        cull__mark_t mark = cull__mark(cx);
        ok(cx, cull__samples_draw(cx, &t, MOST, (uint64_t)k, &s));
        assert_int_equal(s.n, MOST);
        for (int i = 0; i < MOST; i++) {
            assert_true(s.y[i] == 2 * s.x[i] && s.weight[i] == 3 * s.x[i]);
            assert_true(!i || s.x[i] > s.x[i - 1]);
            seen[(int)s.x[i]]++;
        }
        cull__release(cx, mark);
    }
    /* 750 of a binomial with deviation 22: five of those */
    for (int i = 0; i < ROWS; i++) assert_true(abs(seen[i] - TIMES * MOST / ROWS) < 110);
    ok(cx, cull__samples_draw(cx, &t, ROWS, 1, &s));
    assert_ptr_equal(s.x, x);
    cull_ctx_free(cx);
}

/* The same bits for any number of threads, and for a row asked alone to rounding. */
static void threads(void **state)
{
    (void)state;
    enum { ROWS = 700 };
    static double q[ROWS * D], mean[3][ROWS], spread[3][ROWS];
    static rows r;
    make(&r);
    cull_rng g = cull__rng_seeded(2, 2);
    for (int i = 0; i < ROWS * D; i++) q[i] = 3 * cull__rng_normal(&g);
    for (int k = 0; k < CULL_PREDICTORS; k++) {
        cull_predict_opts o = of((cull_predict_kind)k);
        o.members = 2;
        if (!built(o.kind)) continue;
        for (int t = 0; t < 3; t++) {
            cull_ctx *cx = hooked_ctx(&(hooks){0}, t + 1);
            cull_predictor *p;
            double one[1];
            ok(cx, cull_predictor_fit(cx, r.x, r.y, r.weight, N, D, &o, 1, &p));
            ok(cx, cull_predictor_say(cx, p, q, ROWS, mean[t], spread[t]));
            ok(cx, cull_predictor_say(cx, p, q + 5 * D, 1, one, NULL));
            assert_true(fabs(one[0] - mean[t][5]) < 1e-4);
            cull_predictor_free(p);
            cull_ctx_free(cx);
            if (memcmp(mean[0], mean[t], sizeof mean[0]) ||
                memcmp(spread[0], spread[t], sizeof spread[0]))
                fail_msg("%s: other bits with %d threads", cull_predict_name(o.kind), t + 1);
        }
    }
}

static void memory(void **state)
{
    (void)state;
    static rows r;
    make(&r);
    for (int k = 0; k < CULL_PREDICTORS; k++) {
        cull_predict_opts o = of((cull_predict_kind)k);
        o.epochs = 2, o.hidden[0] = 8, o.rounds = 3;
        if (!built(o.kind) || k == CULL_PREDICT_AUTO) continue;
        if (k == CULL_PREDICT_MLP) /* from free rows */
            o.free_x = r.q, o.free_y = r.y, o.free_n = M, o.free_m = 1;
        long at = 0;
        for (bool done = false; !done;) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 1);
            cull_predictor *p;
            double mean[M], spread[M];
            h.fail_at = h.calls + ++at;
            cull_status s = cull_predictor_fit(cx, r.x, r.y, r.weight, 20, D, &o, 1, &p);
            if (s == CULL_OK) s = cull_predictor_say(cx, p, r.q, M, mean, spread);
            done = h.calls < h.fail_at;
            assert_int_equal(s, done ? CULL_OK : CULL_ENOMEM);
            cull_predictor_free(p);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
        assert_true(at > 4);
    }
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    cull_predictor *p;
    double x[6] = {1, 2, 3, 4, 5, 6}, y[3] = {1, 2, 4}, w[3] = {1, -1, 1}, out[6];
    cull_predict_opts o = of(CULL_PREDICT_RIDGE);
    refused(cx, cull_predictor_fit(cx, x, y, NULL, 1, 2, &o, 1, &p), CULL_EINPUT,
            "2 rows are the least");
    refused(cx, cull_predictor_fit(cx, x, y, w, 3, 2, &o, 1, &p), CULL_EINPUT,
            "the weight of row 1 is -1");
    w[1] = w[0] = w[2] = 0;
    refused(cx, cull_predictor_fit(cx, x, y, w, 3, 2, &o, 1, &p), CULL_EINPUT, "no row");
    y[2] = NAN;
    refused(cx, cull_predictor_fit(cx, x, y, NULL, 3, 2, &o, 1, &p), CULL_EINPUT,
            "y: row 2, column 0 is not finite");
    y[2] = 3, x[3] = INFINITY;
    refused(cx, cull_predictor_fit(cx, x, y, NULL, 3, 2, &o, 1, &p), CULL_EINPUT,
            "x: row 1, column 1 is not finite");
    x[3] = 9, o.l2 = -1;
    refused(cx, cull_predictor_fit(cx, x, y, NULL, 3, 2, &o, 1, &p), CULL_EOPTION, "l2 is -1");
    o.l2 = 0, o.kind = CULL_PREDICTORS;
    refused(cx, cull_predictor_fit(cx, x, y, NULL, 3, 2, &o, 1, &p), CULL_EOPTION, "no kind 7");
    o.kind = CULL_PREDICT_RIDGE, o.free_n = 3;
    refused(cx, cull_predictor_fit(cx, x, y, NULL, 3, 2, &o, 1, &p), CULL_EOPTION, "free_n is 3");
    o.free_n = 0;
    ok(cx, cull_predictor_fit(cx, x, y, NULL, 3, 2, &o, 1, &p));
    refused(cx, cull_predictor_shap(cx, p, x, 2, out), CULL_EINPUT, "not of kind ridge");
    x[1] = NAN;
    refused(cx, cull_predictor_say(cx, p, x, 2, out, NULL), CULL_EINPUT, "row 0, column 1");
    cull_predictor_free(p);
    assert_string_equal(cull_predict_name(CULL_PREDICT_AUTO), "auto");
    assert_null(cull_predict_name(CULL_PREDICTORS));
    cull_ctx_free(cx);
}

/* Below 20 rows ridge; a weight of 0 is a row less. */
static void choosing(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 2);
    static rows r;
    make(&r);
    cull_predict_opts o = of(CULL_PREDICT_AUTO);
    cull_predictor *p;
    double mean[M], want[M], zero[N] = {0};
    ok(cx, cull_predictor_fit(cx, r.x, r.y, NULL, 19, D, &o, 1, &p));
    assert_int_equal(cull_predictor_kind(p), CULL_PREDICT_RIDGE);
    assert_true(isnan(cull_predictor_tau(p, CULL_PREDICT_RIDGE)));
    ok(cx, cull_predictor_say(cx, p, r.q, M, want, NULL));
    cull_predictor_free(p);
    for (int i = 0; i < 19; i++) zero[i] = 3;
    o.kind = CULL_PREDICT_RIDGE;
    ok(cx, cull_predictor_fit(cx, r.x, r.y, zero, N, D, &o, 1, &p));
    ok(cx, cull_predictor_say(cx, p, r.q, M, mean, NULL));
    for (int i = 0; i < M; i++) assert_true(fabs(mean[i] - want[i]) < 1e-9);
    cull_predictor_free(p);
    o.kind = CULL_PREDICT_AUTO;
    ok(cx, cull_predictor_fit(cx, r.x, r.y, NULL, N, D, &o, 1, &p));
    cull_predict_kind k = cull_predictor_kind(p);
    for (int i = 1; i < CULL_PREDICTORS; i++)
        assert_false(cull_predictor_tau(p, (cull_predict_kind)i) > cull_predictor_tau(p, k));
    assert_true(cull_predictor_tau(p, k) > 0.8);
    cull_predictor_free(p);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ridge),     cmocka_unit_test(penalty),        cmocka_unit_test(left_out),
        cmocka_unit_test(gradients), cmocka_unit_test(likelihood),     cmocka_unit_test(sparse),
        cmocka_unit_test(groups),    cmocka_unit_test(spread_is_fair), cmocka_unit_test(odd_inputs),
        cmocka_unit_test(drawing),   cmocka_unit_test(threads),        cmocka_unit_test(memory),
        cmocka_unit_test(refusals),  cmocka_unit_test(choosing),       cmocka_unit_test(level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

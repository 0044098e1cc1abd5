/* quickselection: the strengths that a plain dense autoencoder in f64 finds, step by step; and what the
 * door, threads, memory and lost runs leave as they are. */
#include "test.h"

#include "base/base.h"
#include "cull/feature.h"

enum { N = 23, D = 11, H = 7 };

static cull_opts *options(cull_ctx *cx, const char *text)
{
    const cull_method *m = cull_method_find("quickselection", NULL);
    cull_opts *o;
    char name[32], value[32];
    int used;
    ok(cx, cull_opts_new(cx, m, &o));
    for (; sscanf(text, "%31[^=]=%31s%n", name, value, &used) == 2;
         text += used + (text[used] == ' '))
        ok(cx, cull_opts_set(cx, o, name, value));
    return o;
}

static cull_status select_by(cull_ctx *cx, const cull_feature_problem *p, const char *text,
                             cull_feature_pick *k)
{
    const cull_method *m = cull_method_find("quickselection", NULL);
    cull_opts *o = options(cx, text);
    cull_status s = cull_feature_select(cx, m, o, p, k);
    cull_opts_free(o);
    return s;
}

static void fill(float *x, int64_t n, uint64_t seed)
{
    cull_rng r = cull__rng_seeded(seed, 1);
    for (int64_t i = 0; i < n; i++) x[i] = (float)(cull__rng_normal(&r) * (double)(1 + i % 5) + 3);
}

/* ---- the dense autoencoder ----
 * All rows are one batch, there is no noise, no dropout, and every position has a link, so that
 * nothing is random but the first weights: those of two layers, in the order in which they are drawn. */
typedef struct {
    double w1[D][H], w2[H][D], b1[H], b2[D], v1[D][H], v2[H][D], u1[H], u2[D];
} dense;

/* Links lie row by row of the wider side, columns here. */
static void begin(dense *a, uint64_t seed, int64_t draws)
{
    memset(a, 0, sizeof *a);
    cull_rng r = cull__rng_seeded(seed, UINT64_C(1) << 48);
    for (int layer = 0; layer < 2; layer++) {
        uint8_t hit[D][H] = {{0}};
        for (int64_t i = 0; i < draws; i++) {
            int64_t at = cull__rng_below(&r, D * H);
            hit[at / H][at % H] = 1;
        }
        for (int i = 0; i < D; i++)
            for (int j = 0; j < H; j++) {
                assert_true(hit[i][j]);
                double w = (double)(float)(cull__rng_normal(&r) * 0.1);
                *(layer ? &a->w2[j][i] : &a->w1[i][j]) = w;
            }
    }
}

static void move(double *w, double *v, double gradient)
{
    *v = 0.9 * *v - 0.05 * gradient;
    *w += *v - 0.003 * *w;
}

/* Mean over the rows of half the squared error: its gradient by way of two layers. */
static void step(dense *a, double x[N][D], bool tangent)
{
    static double h[N][H], e[N][D], g[N][H];
    for (int n = 0; n < N; n++) {
        for (int j = 0; j < H; j++) {
            double z = a->b1[j];
            for (int i = 0; i < D; i++) z += x[n][i] * a->w1[i][j];
            h[n][j] = 1 / (1 + exp(-z));
        }
        for (int i = 0; i < D; i++) {
            double z = a->b2[i];
            for (int j = 0; j < H; j++) z += h[n][j] * a->w2[j][i];
            double y = tangent ? tanh(z) : z;
            e[n][i] = (y - x[n][i]) * (tangent ? 1 - y * y : 1);
        }
        for (int j = 0; j < H; j++) {
            g[n][j] = 0;
            for (int i = 0; i < D; i++) g[n][j] += a->w2[j][i] * e[n][i];
            g[n][j] *= h[n][j] * (1 - h[n][j]);
        }
    }
    for (int i = 0; i < D; i++) {
        double s = 0;
        for (int n = 0; n < N; n++) s += e[n][i] / N;
        move(&a->b2[i], &a->u2[i], s);
        for (int j = 0; j < H; j++) {
            double s1 = 0, s2 = 0;
            for (int n = 0; n < N; n++) s1 += x[n][i] * g[n][j] / N, s2 += h[n][j] * e[n][i] / N;
            move(&a->w1[i][j], &a->v1[i][j], s1);
            move(&a->w2[j][i], &a->v2[j][i], s2);
        }
    }
    for (int j = 0; j < H; j++) {
        double s = 0;
        for (int n = 0; n < N; n++) s += g[n][j] / N;
        move(&a->b1[j], &a->u1[j], s);
    }
}

static double loss(const dense *a, double x[N][D])
{
    double sum = 0;
    for (int n = 0; n < N; n++) {
        double h[H];
        for (int j = 0; j < H; j++) {
            double z = a->b1[j];
            for (int i = 0; i < D; i++) z += x[n][i] * a->w1[i][j];
            h[j] = 1 / (1 + exp(-z));
        }
        for (int i = 0; i < D; i++) {
            double z = a->b2[i];
            for (int j = 0; j < H; j++) z += h[j] * a->w2[j][i];
            sum += (z - x[n][i]) * (z - x[n][i]) / (2 * N);
        }
    }
    return sum;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What is left of w1 once a share zeta of each sign is gone, by a sort. */
static void strengths(const dense *a, double zeta, double out[D])
{
    double least[2] = {0, 0};
    for (int negative = 0; zeta > 0 && negative < 2; negative++) {
        double v[D * H];
        int n = 0;
        for (int k = 0; k < D * H; k++) {
            double w = a->w1[k / H][k % H];
            if (negative ? w < 0 : w > 0) v[n++] = fabs(w);
        }
        qsort(v, (size_t)n, sizeof *v, by_size);
        least[negative] = v[(int)(zeta * n)];
    }
    for (int i = 0; i < D; i++) {
        out[i] = 0;
        for (int j = 0; j < H; j++) {
            double w = a->w1[i][j];
            if (fabs(w) > least[w < 0]) out[i] += fabs(w);
        }
    }
}

static void scaled(const float *x, bool ends, double out[N][D])
{
    for (int i = 0; i < D; i++) {
        double mean = 0, var = 0, lo = INFINITY, hi = -INFINITY;
        for (int n = 0; n < N; n++) {
            double v = (double)x[n * D + i];
            mean += v / N, lo = fmin(lo, v), hi = fmax(hi, v);
        }
        for (int n = 0; n < N; n++) var += pow((double)x[n * D + i] - mean, 2) / N;
        for (int n = 0; n < N; n++)
            out[n][i] = ends ? ((double)x[n * D + i] - lo) / (hi - lo)
                             : ((double)x[n * D + i] - mean) / sqrt(var);
    }
}

static void as_dense(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        int steps;
        double zeta;
        bool tangent, ends;
    } run[] = {{"epochs=2 zeta=0", 1, 0, false, false},
               {"epochs=2 zeta=0.3", 1, 0.3, false, false},
               {"epochs=31 zeta=0", 30, 0, false, false},
               {"epochs=6 zeta=0 scale=min-max", 5, 0, false, true},
               {"epochs=6 zeta=0 activation=tanh", 5, 0, true, false}};
    float x[N * D];
    double z[N][D], want[D];
    fill(x, N * D, 4);
    for (int k = 0; k < 5; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 2);
        cull_pool *pool;
        cull_feature_pick pick;
        dense a;
        char text[200];
        cull_ctx_reseed(cx, 77);
        ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, &pool));
        cull_feature_problem p = {.n = N, .d = D, .x = pool, .budget = 4};
        snprintf(text, sizeof text,
                 "%s hidden=7 epsilon=100 noise=0 dropout=0 rate=0.05 momentum=0.9 decay=0.003",
                 run[k].options);
        ok(cx, select_by(cx, &p, text, &pick));
        begin(&a, 77, 100 * (D + H));
        scaled(x, run[k].ends, z);
        for (int s = 0; s < run[k].steps; s++) step(&a, z, run[k].tangent);
        strengths(&a, run[k].zeta, want);
        for (int i = 0; i < D; i++) /* f32 beside f64, 30 steps at most */
            if (!(fabs(pick.score[i] - want[i]) <= 1e-5))
                fail_msg("%s: column %d has %.9g, not %.9g", run[k].options, i, pick.score[i],
                         want[i]);
        assert_int_equal(pick.pick.n, 4);
        for (int i = 0; i < D; i++) assert_true(pick.score[i] <= pick.score[pick.pick.idx[0]]);
        cull_feature_pick_free(&pick);
        cull_pool_free(pool);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

/* The plain autoencoder above goes down its loss: its gradient is that of finite differences. */
static void gradient(void **state)
{
    (void)state;
    float x[N * D];
    double z[N][D];
    dense a, b;
    fill(x, N * D, 4);
    scaled(x, false, z);
    begin(&a, 77, 100 * (D + H));
    b = a;
    step(&b, z, false);
    for (int k = 0; k < D * H; k++) {
        int i = k / H, j = k % H;
        double *at[] = {&a.w1[i][j], &a.w2[j][i], &a.b1[j], &a.b2[i]};
        double push[] = {b.v1[i][j], b.v2[j][i], b.u1[j], b.u2[i]};
        for (int w = 0; w < 4; w++) {
            double was = *at[w], up, down;
            *at[w] = was + 1e-5, up = loss(&a, z);
            *at[w] = was - 1e-5, down = loss(&a, z);
            *at[w] = was;
            assert_true(fabs((up - down) / 2e-5 + push[w] / 0.05) < 1e-7);
        }
    }
}

/* 120 columns of which 30 follow three hidden causes: those are what it learns first. */
enum { ROWS = 530, COLUMNS = 120, TRUE = 30 };
static void causes(float *x, uint64_t seed)
{
    cull_rng r = cull__rng_seeded(seed, 1);
    for (int i = 0; i < ROWS; i++) {
        double c[3];
        for (int k = 0; k < 3; k++) c[k] = cull__rng_normal(&r);
        for (int f = 0; f < COLUMNS; f++) {
            double e = cull__rng_normal(&r);
            x[i * COLUMNS + f] = (float)(f % 4 == 1 ? c[f % 3] + 0.3 * e : e);
        }
    }
}
static const char small[] = "hidden=200 epochs=30";

static void finds(void **state)
{
    (void)state;
    static float x[ROWS * COLUMNS];
    causes(x, 9);
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_pool *pool;
    cull_feature_pick k;
    ok(cx, cull_pool_from(cx, x, CULL_F32, ROWS, COLUMNS, &pool));
    cull_feature_problem p = {.n = ROWS, .d = COLUMNS, .x = pool, .budget = TRUE};
    ok(cx, select_by(cx, &p, small, &k));
    int right = 0;
    for (int i = 0; i < TRUE; i++) right += k.pick.idx[i] % 4 == 1;
    assert_true(right >= 20); /* at random 7.5, and above 15 less than once in 1000 */

    cull_feature_pick_free(&k);
    cull_pool_free(pool);
    cull_ctx_free(cx);
}

/* One thread or more, the lowest instruction set, f64 rows: the same bits. */
static void bits(void **state)
{
    (void)state;
    static float x[ROWS * COLUMNS];
    static double wide[ROWS * COLUMNS];
    causes(x, 3);
    for (int i = 0; i < ROWS * COLUMNS; i++) wide[i] = (double)x[i];
    cull_feature_pick k;
    int64_t idx[12];
    double score[COLUMNS];
    for (int run = 0; run < 5; run++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = run == 1 ? 2 : run == 2 ? 5 : 1;
        o.isa = run == 3 ? LEAST_ISA : NULL;
        o.seed = 6;
        cull_ctx *cx = cull_ctx_new(&o);
        cull_pool *pool;
        if (run == 4)
            ok(cx, cull_pool_from(cx, wide, CULL_F64, ROWS, COLUMNS, &pool));
        else
            ok(cx, cull_pool_from(cx, x, CULL_F32, ROWS, COLUMNS, &pool));
        cull_feature_problem p = {.n = ROWS, .d = COLUMNS, .x = pool, .budget = 12};
        ok(cx, select_by(cx, &p, "hidden=33 epochs=4 batch=77", &k));
        assert_int_equal(k.pick.n, 12);
        if (run == 0) {
            memcpy(idx, k.pick.idx, sizeof idx);
            memcpy(score, k.score, sizeof score);
        }
        assert_memory_equal(k.pick.idx, idx, sizeof idx);
        assert_memory_equal(k.score, score, sizeof score);
        cull_feature_pick_free(&k);
        cull_pool_free(pool);
        cull_ctx_free(cx);
    }
}

/* What the network is without: constant columns, and avoided ones, whatever stands in them. */
static void left_out(void **state)
{
    (void)state;
    static float x[ROWS * COLUMNS], y[ROWS * (COLUMNS + 2)];
    causes(x, 3);
    uint8_t avoid[COLUMNS + 2] = {0};
    avoid[7] = 1;
    for (int i = 0; i < ROWS; i++) {
        float *to = y + i * (COLUMNS + 2);
        memcpy(to, x + i * COLUMNS, 7 * sizeof *to);
        to[7] = NAN;
        memcpy(to + 8, x + i * COLUMNS + 7, (COLUMNS - 7) * sizeof *to);
        to[COLUMNS + 1] = 0.1f;
    }
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_pool *a, *b;
    cull_feature_pick k, l;
    ok(cx, cull_pool_from(cx, x, CULL_F32, ROWS, COLUMNS, &a));
    ok(cx, cull_pool_from(cx, y, CULL_F32, ROWS, COLUMNS + 2, &b));
    cull_feature_problem p = {.n = ROWS, .d = COLUMNS, .x = a, .budget = 500};
    cull_feature_problem q = {.n = ROWS, .d = COLUMNS + 2, .x = b, .budget = 500, .avoid = avoid};
    ok(cx, select_by(cx, &p, "hidden=33 epochs=3", &k));
    ok(cx, select_by(cx, &q, "hidden=33 epochs=3", &l));
    assert_int_equal(l.pick.n, COLUMNS);
    assert_true(isnan(l.score[7]) && isnan(l.score[COLUMNS + 1]));
    for (int c = 0; c < COLUMNS; c++) {
        assert_int_equal(l.pick.idx[c], k.pick.idx[c] + (k.pick.idx[c] >= 7));
        assert_true(l.score[c + (c >= 7)] == k.score[c]);
    }
    cull_feature_pick_free(&l);
    avoid[7] = 0;
    y[7] = 1; /* else the column is missing as a whole, which is no error */
    refused(cx, select_by(cx, &q, "epochs=2", &l), CULL_EINPUT, "no value in column c7");
    cull_feature_pick_free(&k);
    cull_pool_free(a);
    cull_pool_free(b);
    for (int i = 0; i < 6; i++) y[i] = 2;
    ok(cx, cull_pool_from(cx, y, CULL_F32, 2, 3, &b)); /* nothing varies */
    p = (cull_feature_problem){.n = 2, .d = 3, .x = b, .budget = 2};
    ok(cx, select_by(cx, &p, "epochs=2", &k));
    assert_true(k.pick.n == 0 && isnan(k.score[0]) && isnan(k.score[2]));
    cull_feature_pick_free(&k);
    cull_pool_free(b);
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    static float x[ROWS * COLUMNS];
    causes(x, 3);
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_pool *pool;
    cull_feature_pick k;
    int32_t levels[COLUMNS] = {0, 0, 3};
    ok(cx, cull_pool_from(cx, x, CULL_F32, ROWS, COLUMNS, &pool));
    cull_feature_problem p = {.n = ROWS, .d = COLUMNS, .x = pool, .budget = 5};
    refused(cx, select_by(cx, &p, "hidden=20 epochs=40 rate=50", &k), CULL_EINPUT,
            "grew beyond all bounds in epoch");
    p.levels = levels;
    refused(cx, select_by(cx, &p, "epochs=2", &k), CULL_EINPUT, "c2 is categorical");
    cull_pool_free(pool);
    cull_ctx_free(cx);
}

/* Any allocation may fail, any tick may stop it, and the plan knows what it holds. */
static void failing(void **state)
{
    (void)state;
    static float x[ROWS * COLUMNS];
    causes(x, 3);
    cull_feature_problem p = {.n = ROWS, .d = COLUMNS, .budget = 5};
    for (long k = 1, stop = 1; k || stop;) {
        hooks h = {.fail_at = k, .stop_at = k ? 0 : stop};
        cull_ctx *cx = hooked_ctx(&h, 2);
        cull_feature_pick pick = {0};
        cull_pool *pool = NULL;
        cull_status s = CULL_ENOMEM;
        const cull_method *m = cull_method_find("quickselection", NULL);
        cull_opts *o = NULL;
        if (cx) s = cull_pool_from(cx, x, CULL_F32, ROWS, COLUMNS, &pool);
        if (s == CULL_OK) s = cull_opts_new(cx, m, &o);
        if (s == CULL_OK) s = cull_opts_set(cx, o, "epochs", "3");
        if (s == CULL_OK) s = cull_opts_set(cx, o, "hidden", "31");
        p.x = pool;
        if (s == CULL_OK) s = cull_feature_select(cx, m, o, &p, &pick);
        bool hit = k ? h.calls >= k : h.ticks >= stop;
        assert_int_equal(s, !hit ? CULL_OK : k ? CULL_ENOMEM : CULL_ECANCEL);
        cull_feature_pick_free(&pick);
        cull_opts_free(o);
        cull_pool_free(pool);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (k)
            k = hit ? k + 1 : 0;
        else
            stop = hit ? stop + 17 : 0;
    }
}

static void planned(void **state)
{
    (void)state;
    enum { BIG = 700 };
    float *x = malloc(ROWS * BIG * sizeof *x);
    fill(x, ROWS * BIG, 8);
    for (int run = 0; run < 2; run++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.threads = 1 + run;
        cull_ctx *cx = cull_ctx_new(&o);
        cull_pool *pool;
        cull_plan plan;
        cull_feature_pick k;
        ok(cx, cull_pool_from(cx, x, CULL_F32, ROWS, BIG, &pool));
        cull_feature_problem p = {.n = ROWS, .d = BIG, .x = pool, .budget = 5};
        cull_opts *opt = options(cx, "epochs=2 hidden=300");
        ok(cx, cull_feature_plan(cx, cull_opts_method(opt), opt, &p, &plan));
        ok(cx, cull_feature_select(cx, cull_opts_method(opt), opt, &p, &k));
        double peak = (double)cull_ctx_peak(cx), said = (double)plan.bytes;
        if (!(peak < 1.1 * said && peak > 0.85 * said))
            fail_msg("%g bytes, planned %g", peak, said);
        cull_feature_pick_free(&k);
        cull_opts_free(opt);
        cull_pool_free(pool);
        cull_ctx_free(cx);
    }
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_dense), cmocka_unit_test(gradient), cmocka_unit_test(finds),
        cmocka_unit_test(bits),     cmocka_unit_test(left_out), cmocka_unit_test(refusals),
        cmocka_unit_test(failing),  cmocka_unit_test(planned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

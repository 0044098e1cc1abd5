/* lowrank.c - truncated singular value decompositions against one-sided Jacobi rotations. */
#include "repr/lowrank.h"
#include "base/base.h"
#include "test.h"

/* Squared singular values, descending, of a (m, n), m >= n, by Hestenes' rotations of its columns. */
static void jacobi(const float *a, int64_t m, int64_t n, double *square)
{
    double *x = malloc((size_t)(m * n) * sizeof *x);
    for (int64_t i = 0; i < m * n; i++) x[i] = a[i];
    for (int sweep = 0; sweep < 30; sweep++)
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++) {
                double pp = 0, qq = 0, pq = 0;
                for (int64_t i = 0; i < m; i++) {
                    pp += x[i * n + p] * x[i * n + p];
                    qq += x[i * n + q] * x[i * n + q];
                    pq += x[i * n + p] * x[i * n + q];
                }
                if (pq == 0 || fabs(pq) < 1e-15 * sqrt(pp * qq)) continue;
                double tau = (qq - pp) / (2 * pq);
                double t = (tau < 0 ? -1 : 1) / (fabs(tau) + sqrt(1 + tau * tau));
                double c = 1 / sqrt(1 + t * t), s = c * t;
                for (int64_t i = 0; i < m; i++) {
                    double u = x[i * n + p], v = x[i * n + q];
                    x[i * n + p] = c * u - s * v;
                    x[i * n + q] = s * u + c * v;
                }
            }
    for (int64_t j = 0; j < n; j++) {
        square[j] = 0;
        for (int64_t i = 0; i < m; i++) square[j] += x[i * n + j] * x[i * n + j];
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++)
            if (square[j] > square[i]) {
                double t = square[i];
                square[i] = square[j], square[j] = t;
            }
    free(x);
}

/* Numbers whose singular values fall by `fall` from one to the next. */
static void fill(cull_rng *r, float *a, int64_t m, int64_t n, double fall)
{
    int64_t d = m < n ? m : n;
    double *x = calloc((size_t)(m * n), sizeof *x);
    double scale = 1;
    for (int64_t k = 0; k < d; k++, scale *= fall) {
        double u[600], v[600];
        for (int64_t i = 0; i < m; i++) u[i] = cull__rng_normal(r);
        for (int64_t j = 0; j < n; j++) v[j] = cull__rng_normal(r);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) x[i * n + j] += scale * u[i] * v[j];
    }
    for (int64_t i = 0; i < m * n; i++) a[i] = (float)x[i];
    free(x);
}

static double error2(const float *a, const float *u, const float *v, int64_t m, int64_t n,
                     int64_t r)
{
    double e = 0;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double s = a[i * n + j];
            for (int64_t k = 0; k < r; k++) s -= (double)u[i * r + k] * v[k * n + j];
            e += s * s;
        }
    return e;
}

enum { M = 301, N = 47 };
static float A[M * N], T[M * N], U[M * N], V[N * M];
static double SQ[N], SIGMA[N];

/* What is beyond the rank, plus the rounding of f32 factors: 2^-24 of each of two, N terms. */
static double floor2(double all) { return all * 4e-13; }

static void exact_answers(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(3, 0);
    fill(&r, A, M, N, 0.9);
    jacobi(A, M, N, SQ);
    for (int64_t i = 0; i < M; i++)
        for (int64_t j = 0; j < N; j++) T[j * M + i] = A[i * N + j];
    for (int64_t rank = 1; rank <= N; rank += 23)
        for (int wide = 0; wide < 2; wide++) {
            cull__lowrank_opts o = {.rank = rank, .exact = 512};
            cull__lowrank_fit f;
            int64_t m = wide ? N : M, n = wide ? M : N;
            ok(cx, cull__lowrank(cx, wide ? T : A, m, n, &o, U, V, SIGMA, &f));
            double all = 0, beyond = 0;
            for (int64_t j = 0; j < N; j++) all += SQ[j];
            for (int64_t j = rank; j < N; j++) beyond += SQ[j];
            assert_true(f.exact && f.rank == rank);
            assert_true(fabs(f.all - all) < 1e-9 * all);
            assert_true(fabs(f.all - f.kept - beyond) < 1e-9 * all);
            for (int64_t j = 0; j < rank; j++)
                assert_true(fabs(SIGMA[j] * SIGMA[j] - SQ[j]) < 1e-9 * all);
            double e = error2(wide ? T : A, U, V, m, n, rank);
            assert_true(fabs(e - beyond) < 1e-9 * all + floor2(all));
        }
    cull_ctx_free(cx);
}

enum { BIG = 333, BIG_RANK = 9 };
static float B[BIG * 257], BU[BIG * BIG_RANK], BV[257 * BIG_RANK];

static void rank_by_energy(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(4, 0);
    fill(&r, A, M, N, 0.7);
    jacobi(A, M, N, SQ);
    double all = 0, sum = 0;
    int64_t want = 0;
    for (int64_t j = 0; j < N; j++) all += SQ[j];
    while (sum < 0.97 * all) sum += SQ[want++];
    cull__lowrank_opts o = {.rank = N, .energy = 0.97, .exact = 512};
    cull__lowrank_fit f;
    ok(cx, cull__lowrank(cx, A, M, N, &o, U, V, SIGMA, &f));
    assert_int_equal(f.rank, want);
    memset(A, 0, sizeof A);
    ok(cx, cull__lowrank(cx, A, M, N, &o, U, V, SIGMA, &f));
    assert_int_equal(f.rank, 0);
    assert_true(f.all == 0 && f.kept == 0);

    static double square[257], sigma[BIG_RANK];
    fill(&r, B, BIG, 257, 0.6);
    jacobi(B, BIG, 257, square);
    all = 0, sum = 0, want = 0;
    for (int64_t j = 0; j < 257; j++) all += square[j];
    while (sum < 0.97 * all) sum += square[want++];
    o.exact = 64, o.rank = BIG_RANK, o.iterations = 3;
    ok(cx, cull__lowrank(cx, B, BIG, 257, &o, BU, BV, sigma, &f));
    assert_true(!f.exact && want < BIG_RANK);
    assert_int_equal(f.rank, want);
    o.energy = 1 - 1e-12; /* not within rank 9: all of it is taken, and the fit says what is held */
    ok(cx, cull__lowrank(cx, B, BIG, 257, &o, BU, BV, sigma, &f));
    assert_int_equal(f.rank, BIG_RANK);
    assert_true(f.kept < o.energy * f.all);
    cull_ctx_free(cx);
}

/* The random subspace holds nearly what the best one holds, and says truly how much. */
static void subspace_answers(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static double square[257], sigma[BIG_RANK];
    cull_rng r = cull__rng_seeded(5, 0);
    fill(&r, B, BIG, 257, 0.85);
    jacobi(B, BIG, 257, square);
    double all = 0, beyond = 0;
    for (int64_t j = 0; j < 257; j++) all += square[j];
    for (int64_t j = BIG_RANK; j < 257; j++) beyond += square[j];
    cull__lowrank_opts o = {.rank = BIG_RANK, .exact = 64, .iterations = 2};
    cull__lowrank_fit f;
    ok(cx, cull__lowrank(cx, B, BIG, 257, &o, BU, BV, sigma, &f));
    assert_true(!f.exact && f.rank == BIG_RANK);
    double said = f.all - f.kept, e = error2(B, BU, BV, BIG, 257, BIG_RANK);
    assert_true(fabs(said - e) < 1e-5 * all); /* products in f32 */
    assert_true(said > beyond - 1e-5 * all && said < 1.02 * beyond);
    /* another stream is another subspace, the same one is the same */
    static float again[BIG * BIG_RANK];
    ok(cx, cull__lowrank(cx, B, BIG, 257, &o, again, BV, sigma, &f));
    assert_memory_equal(again, BU, sizeof BU);
    o.stream = 1;
    ok(cx, cull__lowrank(cx, B, BIG, 257, &o, again, BV, sigma, &f));
    assert_memory_not_equal(again, BU, sizeof BU);
    cull_ctx_free(cx);
}

static void same_bits_for_any_threads(void **state)
{
    (void)state;
    static float u[2][BIG * BIG_RANK], v[2][257 * BIG_RANK];
    static double sigma[2][BIG_RANK];
    cull_rng r = cull__rng_seeded(6, 0);
    fill(&r, B, BIG, 257, 0.95);
    for (int64_t limit = 64; limit <= 512; limit += 448) {
        for (int t = 0; t < 2; t++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, t + 1);
            cull__lowrank_opts o = {.rank = BIG_RANK, .exact = limit, .iterations = 2};
            cull__lowrank_fit f;
            ok(cx, cull__lowrank(cx, B, BIG, 257, &o, u[t], v[t], sigma[t], &f));
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
        assert_memory_equal(u[0], u[1], sizeof u[0]);
        assert_memory_equal(v[0], v[1], sizeof v[0]);
        assert_memory_equal(sigma[0], sigma[1], sizeof sigma[0]);
    }
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__lowrank_opts o = {.rank = 0, .exact = 64};
    cull__lowrank_fit f;
    refused(cx, cull__lowrank(cx, A, M, N, &o, U, V, SIGMA, &f), CULL_EOPTION, "rank 0");
    o.rank = N + 1;
    refused(cx, cull__lowrank(cx, A, M, N, &o, U, V, SIGMA, &f), CULL_EOPTION, "1 to 47");
    o.rank = 3;
    A[5] = NAN;
    refused(cx, cull__lowrank(cx, A, M, N, &o, U, V, SIGMA, &f), CULL_EINPUT, "not all finite");
    A[5] = 0;
    cull_ctx_free(cx);
    for (int64_t limit = 16; limit <= 64; limit += 48)
        for (long at = 1; at < 60; at++) {
            hooks h = {.fail_at = at};
            cx = hooked_ctx(&h, 1);
            if (!cx) continue;
            o.exact = limit;
            cull_status s = cull__lowrank(cx, A, M, N, &o, U, V, SIGMA, &f);
            assert_true(s == CULL_OK || s == CULL_ENOMEM);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            if (h.calls < at) break;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_answers),    cmocka_unit_test(rank_by_energy),
        cmocka_unit_test(subspace_answers), cmocka_unit_test(same_bits_for_any_threads),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

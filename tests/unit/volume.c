/* volume: what fronts cover against inclusion and exclusion, cells counted one by one, and known fronts. */
#include "test.h"

#include "base/base.h"
#include "cull/front.h"

#include <unistd.h>

static const double two[8] = {2, 2, 2, 2, 2, 2, 2, 2};

/* Over all subsets of the boxes, (-1)^(size - 1) times the volume that they share. */
static double by_subsets(const double *v, int n, int m, const double *ref, int but)
{
    double total = 0;
    for (unsigned set = 1; set < 1u << n; set++) {
        if (but >= 0 && (set >> but & 1)) continue;
        double share = 1;
        for (int d = 0; d < m; d++) {
            double most = -INFINITY;
            for (int i = 0; i < n; i++)
                if (set >> i & 1) most = fmax(most, v[i * m + d]);
            share *= fmax(ref[d] - most, 0);
        }
        total += __builtin_popcount(set) % 2 ? share : -share;
    }
    return total;
}

static void subsets(void **state)
{
    (void)state;
    enum { N = 9 };
    double v[N * 8], ref[8], each[N];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(31, 0);
    for (int m = 1; m <= 8; m++)
        for (int round = 0; round < 24; round++) {
            int n = round < 4 ? round : N;
            for (int d = 0; d < m; d++) ref[d] = 1 + 0.25 * d;
            for (int i = 0; i < n * m;
                 i++) /* every other round has ties; some lie on or beyond ref */
                v[i] = round % 2 ? 0.25 * (double)cull__rng_below(&r, 6) - 0.25
                                 : 1.05 * cull__rng_unit(&r);
            double volume, want = by_subsets(v, n, m, ref, -1);
            ok(cx, cull_front_volume(cx, v, n, m, ref, &volume, each));
            /* 2^9 terms of up to ref's box, each rounded m times */
            double tol = 1e-15 * 512 * by_subsets((const double[8]){0}, 1, m, ref, -1) + 1e-300;
            assert_true(fabs(volume - want) < tol);
            for (int i = 0; i < n; i++)
                assert_true(fabs(each[i] - (want - by_subsets(v, n, m, ref, i))) < 2 * tol);
            double alone;
            ok(cx, cull_front_volume(cx, v, n, m, ref, &alone, NULL));
            assert_true(alone == volume);
        }
    cull_ctx_free(cx);
}

/* Whole numbers: cells of a grid of `side` that some row covers, less those that none but row i does. */
static void cells(void **state)
{
    (void)state;
    static const struct {
        int m, side, n, kind;
    } shape[] = {{2, 200, 150, 0}, {2, 40, 300, 0}, {2, 300, 200, 1}, {3, 30, 120, 0},
                 {3, 40, 500, 1},  {3, 8, 400, 0},  {4, 12, 70, 0},   {4, 14, 150, 1},
                 {5, 7, 60, 0},    {5, 8, 80, 1},   {6, 5, 40, 0},    {6, 6, 60, 1},
                 {7, 4, 40, 1},    {8, 3, 40, 0}};
    static double v[4096], each[512], lost[512];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(32, 0);
    for (size_t c = 0; c < sizeof shape / sizeof *shape; c++) {
        int m = shape[c].m, side = shape[c].side, n = shape[c].n;
        for (int i = 0; i < n; i++) {
            int sum = 0;
            for (int d = 0; d < m; d++) v[i * m + d] = (double)cull__rng_below(&r, side + 1);
            for (int d = 0; d + 1 < m; d++) sum += (int)v[i * m + d];
            if (shape[c].kind == 1) /* about a plane: most are not dominated */
                v[i * m + m - 1] = fmax(0, (m - 1) * side / 2. + side / 2. - sum);
        }
        for (int i = 0; i < n * m; i++) v[i] -= 3; /* ref is side - 3 */
        double ref[8], volume, total = 0;
        for (int d = 0; d < m; d++) ref[d] = side - 3;
        memset(lost, 0, sizeof lost);
        int64_t count = 1;
        for (int d = 0; d < m; d++) count *= side;
        for (int64_t cell = 0; cell < count; cell++) {
            int holders = 0, who = 0;
            for (int i = 0; i < n && holders < 2; i++) {
                bool in = true;
                int64_t left = cell;
                for (int d = 0; d < m && in; d++, left /= side)
                    in = v[i * m + d] <= (double)(left % side) - 3;
                if (in) who = i;
                holders += in;
            }
            total += holders > 0;
            if (holders == 1) lost[who]++;
        }
        ok(cx, cull_front_volume(cx, v, n, m, ref, &volume, each));
        assert_true(volume == total); /* whole numbers below 2^53: exact */
        for (int i = 0; i < n; i++) assert_true(each[i] == lost[i]);
    }
    cull_ctx_free(cx);
}

/* 3-D rows that only three objectives tell apart: the volume is (3-D volume) times the rest's depth, which goes
 * through the other algorithms; and the order of objectives and rows is nothing. */
static void agree(void **state)
{
    (void)state;
    enum { N = 700 };
    static double v[N * 3], w[N * 8], u[N * 3];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(33, 0);
    for (int kind = 0; kind < 3; kind++) {
        int n = kind == 1 ? N : 80;
        for (int i = 0; i < n; i++) {
            double sum = 0;
            for (int d = 0; d < 3; d++) sum += v[i * 3 + d] = fabs(cull__rng_normal(&r)) + 1e-3;
            for (int d = 0; d < 3; d++)
                v[i * 3 + d] = kind == 2 ? fmin(v[i * 3 + d], 1.9) : v[i * 3 + d] / sum;
        }
        double v3, volume;
        ok(cx, cull_front_volume(cx, v, n, 3, two, &v3, NULL));
        for (int i = 0; i < n; i++)
            for (int d = 0; d < 3; d++) u[(n - 1 - i) * 3 + (d + 1) % 3] = v[i * 3 + d];
        ok(cx, cull_front_volume(cx, u, n, 3, two, &volume, NULL));
        assert_true(fabs(volume - v3) < 1e-12);
        for (int m = 4; m <= (kind == 1 ? 4 : 8); m++)
            for (int first = 0; first < 3; first++) { /* where the three stand among m */
                for (int i = 0; i < n; i++)
                    for (int d = 0; d < m; d++) {
                        int at = (d + first) % m;
                        w[i * m + d] = at < 3 ? v[i * 3 + at] : 1.5;
                    }
                ok(cx, cull_front_volume(cx, w, n, m, two, &volume, NULL));
                double want = v3 * pow(0.5, m - 3);
                assert_true(fabs(volume - want) < 1e-12 * want);
            }
    }
    cull_ctx_free(cx);
}

static void shares_are_losses(void **state)
{
    (void)state;
    enum { N = 60 };
    double v[N * 6], without[N * 6], each[N], volume, less;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(34, 0);
    for (int m = 2; m <= 6; m++) {
        for (int i = 0; i < N; i++) {
            double sum = 0;
            for (int d = 0; d < m; d++) sum += v[i * m + d] = fabs(cull__rng_normal(&r));
            for (int d = 0; d < m; d++) v[i * m + d] /= i % 3 ? sum : 2;
        }
        memcpy(v + 7 * m, v + 5 * m, (size_t)m * sizeof *v); /* equal rows: neither is missed */
        ok(cx, cull_front_volume(cx, v, N, m, two, &volume, each));
        assert_true(each[7] == 0 && each[5] == 0);
        for (int i = 0; i < N; i++) {
            memcpy(without, v, (size_t)(i * m) * sizeof *v);
            memcpy(without + i * m, v + (i + 1) * m, (size_t)((N - 1 - i) * m) * sizeof *v);
            ok(cx, cull_front_volume(cx, without, N - 1, m, two, &less, NULL));
            assert_true(fabs(each[i] - (volume - less)) < 1e-12 * volume);
        }
    }
    cull_ctx_free(cx);
}

static void drawn(void **state)
{
    (void)state;
    enum { N = 40 };
    double v[N * 12], ref[12], volume, exact, error;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(35, 0);
    for (int few = 0; few < 2; few++) /* boxes that overlap much, and thin ones that hardly do */
        for (int m = 2; m <= 7; m++) {
            for (int i = 0; i < N * m; i++) v[i] = cull__rng_unit(&r);
            for (int i = 0; i < N && few; i++) v[i * m + i % m] = -20;
            for (int d = 0; d < m; d++) ref[d] = 1.01;
            ok(cx, cull_front_volume(cx, v, N, m, ref, &exact, NULL));
            double worst = 0;
            for (uint64_t k = 0; k < 20; k++) {
                ok(cx, cull_front_volume_drawn(cx, v, N, m, ref, 5000, k, &volume, &error));
                worst = fmax(worst, fabs(volume - exact) / error);
                assert_true(error < 0.1 * exact);
            }
            /* of 20 normal deviates: above 5 once in 10^5 tries, below 0.5 once in 10^8 */
            assert_true(worst < 5 && worst > 0.5);
        }
    /* one row of twelve objectives is its own box exactly */
    for (int d = 0; d < 12; d++) v[d] = 0.25 * d;
    for (int d = 0; d < 12; d++) ref[d] = 5;
    double want = 1;
    for (int d = 0; d < 12; d++) want *= 5 - 0.25 * d;
    ok(cx, cull_front_volume_drawn(cx, v, 1, 12, ref, 100, 0, &volume, &error));
    assert_true(fabs(volume - want) < 1e-14 * want && error == 0);
    ok(cx, cull_front_volume_drawn(cx, v, 0, 12, ref, 100, 0, &volume, &error));
    assert_true(volume == 0 && error == 0);
    refused(cx, cull_front_volume_drawn(cx, v, 1, 12, ref, 1, 0, &volume, &error), CULL_EINPUT,
            "1 draws");
    cull_ctx_free(cx);
}

static void edges(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double volume = 7, each[6];
    /* on the reference, beyond it, NaN and infinity: they add nothing */
    const double v[] = {2, 0, 0, 3, 0, 2, NAN, 0, INFINITY, 1, 1, 1};
    ok(cx, cull_front_volume(cx, v, 6, 2, two, &volume, each));
    assert_true(volume == 1 && each[5] == 1);
    for (int i = 0; i < 5; i++) assert_true(each[i] == 0);
    ok(cx, cull_front_volume(cx, v, 0, 2, two, &volume, each));
    assert_true(volume == 0);
    const double low[] = {0, 1, -INFINITY, 1, -1e308, 1};
    refused(cx, cull_front_volume(cx, low, 2, 2, two, &volume, NULL), CULL_EINPUT,
            "row 1, objective 0 is -inf");
    refused(cx, cull_front_volume(cx, low, 2, 2, (const double[]){NAN, 1}, &volume, NULL),
            CULL_EINPUT, "reference point is nan");
    const double deep[] = {-1e200, -1e200};
    refused(cx, cull_front_volume(cx, deep, 1, 2, two, &volume, NULL), CULL_EINPUT, "beyond all");
    refused(cx, cull_front_volume_drawn(cx, deep, 1, 2, two, 9, 0, &volume, each), CULL_EINPUT,
            "beyond all");
    refused(cx, cull_front_volume(cx, v, 1, 9, two, &volume, NULL), CULL_EINPUT, "up to 8");
    refused(cx, cull_front_volume(cx, v, 1, 0, two, &volume, NULL), CULL_EINPUT, "0 objectives");
    cull_ctx_free(cx);
}

static void threads_and_memory(void **state)
{
    (void)state;
    enum { N = 45 };
    double v[N * 6], volume[2], drawn_[2], error, each[2][N];
    long calls = 0;
    cull_rng r = cull__rng_seeded(36, 0);
    for (int m = 2; m <= 6; m++) {
        for (int i = 0; i < N * m; i++) v[i] = cull__rng_unit(&r);
        for (int t = 0; t < 2; t++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, t + 1);
            h.calls = 0;
            ok(cx, cull_front_volume(cx, v, N, m, two, volume + t, each[t]));
            ok(cx, cull_front_volume_drawn(cx, v, N, m, two, 5000, 3, drawn_ + t, &error));
            if (t == 0) calls = h.calls;
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
        assert_memory_equal(volume, volume + 1, sizeof *volume);
        assert_memory_equal(drawn_, drawn_ + 1, sizeof *drawn_);
        assert_memory_equal(each[0], each[1], sizeof *each);
        assert_true(calls > 0);
        for (long k = 1; k <= calls; k++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 1);
            h.calls = 0;
            h.fail_at = k;
            cull_status s = cull_front_volume(cx, v, N, m, two, volume, each[0]);
            if (s == CULL_OK)
                s = cull_front_volume_drawn(cx, v, N, m, two, 5000, 3, drawn_, &error);
            assert_int_equal(s, CULL_ENOMEM);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
    }
    hooks h = {.stop_at = 3};
    cull_ctx *cx = hooked_ctx(&h, 1);
    refused(cx, cull_front_volume(cx, v, N, 6, two, volume, NULL), CULL_ECANCEL, "");
    cull_ctx_free(cx);
}

/* ---- fronts of test problems, whose volumes others computed ---- */
static const char *data_dir(void)
{
    const char *given = getenv("CULL_DATA");
    return given ? given : CULL_SOURCE_DIR "/../shared/data";
}

static int64_t read_front(const char *name, double *v, int64_t room)
{
    char path[1024], line[256];
    snprintf(path, sizeof path, "%s/nas/pareto_fronts/%s.csv", data_dir(), name);
    FILE *f = fopen(path, "r");
    int64_t n = 0;
    if (!f) {
        print_message("skipped: no %s (CULL_DATA says where data lies)\n", path);
        skip();
    }
    while (n < room && fgets(line, sizeof line, f))
        n += sscanf(line, "%lf,%lf", v + n * 2, v + n * 2 + 1) == 2;
    fclose(f);
    return n;
}

static void known_fronts(void **state)
{
    (void)state;
    /* each objective brought to 0..1, reference (1.1, 1.1): figures of the data's README, to their digits */
    static const struct {
        const char *name;
        double volume, tol;
    } known[] = {{"ZDT1", .87616, 6e-6},    {"ZDT2", .54283, 6e-6},    {"ZDT3", .72729, 6e-6},
                 {"ZDT6", .61591, 6e-6},    {"DTLZ1_2D", .7095, 6e-5}, {"DTLZ3_2D", .4241, 6e-5},
                 {"DTLZ5_2D", .4243, 6e-5}, {"DTLZ7_2D", .5471, 6e-5}, {"WFG1_2D", .8466, 6e-5},
                 {"WFG2_2D", .7743, 6e-5},  {"WFG3_2D", .7075, 6e-5},  {"WFG4_2D", .4320, 6e-5},
                 {"WFG5_2D", .4441, 6e-5},  {"WFG9_2D", .4557, 6e-5},  {"RE21", .8886, 6e-5},
                 {"RE22", .7628, 6e-5},     {"RE23", 1.1636, 6e-5},    {"RE24", 1.1713, 6e-5},
                 {"RE25", 1.0812, 6e-5}};
    enum { ROOM = 4096 };
    static double v[ROOM * 2];
    const double ref[2] = {1.1, 1.1};
    (void)read_front(known[0].name, v, ROOM); /* skips before anything is held */
    cull_ctx *cx = cull_ctx_new(NULL);
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        int64_t n = read_front(known[k].name, v, ROOM);
        double volume, lo[2] = {INFINITY, INFINITY}, hi[2] = {-INFINITY, -INFINITY};
        assert_true(n > 10);
        for (int64_t i = 0; i < 2 * n; i++) {
            lo[i % 2] = fmin(lo[i % 2], v[i]);
            hi[i % 2] = fmax(hi[i % 2], v[i]);
        }
        for (int64_t i = 0; i < 2 * n; i++) v[i] = (v[i] - lo[i % 2]) / (hi[i % 2] - lo[i % 2]);
        ok(cx, cull_front_volume(cx, v, n, 2, ref, &volume, NULL));
        if (fabs(volume - known[k].volume) > known[k].tol)
            fail_msg("%s: %.8f, not %g", known[k].name, volume, known[k].volume);
    }
    /* closed forms of dense fronts: 1 - sqrt(x), 1 - x^2 */
    int64_t n = 0;
    for (; n < ROOM; n++) {
        double x = (double)n / (ROOM - 1);
        v[2 * n] = x * x; /* dense where the front is steep */
        v[2 * n + 1] = 1 - x;
    }
    double volume;
    ok(cx, cull_front_volume(cx, v, n, 2, ref, &volume, NULL));
    assert_true(fabs(volume - (2. / 3 + .1 + .1 + .01)) < 2e-4); /* steps of 1 / 4096 */
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(subsets),
                                       cmocka_unit_test(cells),
                                       cmocka_unit_test(agree),
                                       cmocka_unit_test(shares_are_losses),
                                       cmocka_unit_test(drawn),
                                       cmocka_unit_test(edges),
                                       cmocka_unit_test(threads_and_memory),
                                       cmocka_unit_test(known_fronts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

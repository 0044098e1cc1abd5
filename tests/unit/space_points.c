/* unit.space_points - points of spaces: drawn, counted, gone through, moved, encoded; against brute force over whole grids
 * and rules of activity written out by hand. */
#include "cull/report.h"
#include "space/space.h"
#include "test.h"

static cull_space *from(cull_ctx *cx, const char *text)
{
    cull_space *s;
    ok(cx, cull_space_from(cx, text, strlen(text), "s", &s));
    return s;
}

static bool same(const double *a, const double *b, int64_t n)
{
    for (int64_t j = 0; j < n; j++)
        if (a[j] != b[j] && !(isnan(a[j]) && isnan(b[j]))) return false;
    return true;
}

/* ---- small random spaces, and all of their points by brute force ---- */

static void put(char *t, const char *fmt, ...)
{
    va_list va;
    va_start(va, fmt);
    vsprintf(t + strlen(t), fmt, va);
    va_end(va);
}

static void random_list(char *t, cull_rng *r, int depth, int *serial, int most)
{
    int n = 1 + (int)cull__rng_below(r, most), first = -1;
    for (int k = 0; k < n; k++) {
        int id = (*serial)++;
        int64_t what = cull__rng_below(r, depth ? 8 : 5);
        bool whole = what == 0;
        switch (what) {
        case 0: put(t, "p%d = int(1, %d)", id, 1 + (int)cull__rng_below(r, 3)); break;
        case 1: put(t, "p%d = one(a, b, c)", id); break;
        case 2: put(t, "p%d = ordinal(1, 2)", id); break;
        case 3: put(t, "p%d = permutation(3)", id); break;
        case 4: put(t, "p%d = subset(%d..2 of 3)", id, (int)cull__rng_below(r, 3)); break;
        case 5:
            put(t, "p%d = or { x { ", id);
            random_list(t, r, depth - 1, serial, 2);
            put(t, "} y z { ");
            random_list(t, r, depth - 1, serial, 1);
            put(t, "} }");
            break;
        case 6:
            put(t, "p%d = optional { ", id);
            random_list(t, r, depth - 1, serial, 2);
            put(t, "}");
            break;
        default:
            put(t, "p%d = repeat(%d..2%s) { ", id, (int)cull__rng_below(r, 2),
                cull__rng_below(r, 3) ? "" : ", tied");
            random_list(t, r, depth - 1, serial, 1);
            put(t, "}");
        }
        if (first >= 0 && cull__rng_below(r, 2)) put(t, " if p%d > 1", first);
        if (whole && first < 0) first = id;
        put(t, "\n");
    }
}

typedef struct {
    const cull_space *s;
    double x[64];
    int64_t points, kept, order;
    double *list; /* of the kept ones, or NULL */
} brute;

/* Every value of every number, then what check says. */
static void all_numbers(brute *b, cull_ctx *cx, int i, int64_t j)
{
    const cull_space *s = b->s;
    if (i == cull_space_params(s)) {
        b->points++;
        bool kept = cull_space_allows(s, b->x);
        if (kept != (cull_space_check(cx, s, b->x) == CULL_OK)) fail_msg("%s", cull_error(cx));
        if (kept && b->list)
            memcpy(b->list + b->kept * cull_space_width(s), b->x,
                   (size_t)cull_space_width(s) * sizeof *b->x);
        b->kept += kept;
        return;
    }
    const cull_space_param *p = cull_space_at(s, i);
    if (!j && !cull_space_active(s, b->x, i)) {
        for (int64_t k = 0; k < p->width; k++) b->x[p->at + k] = NAN;
        all_numbers(b, cx, i + 1, 0);
        return;
    }
    if (j == p->width) {
        int64_t sum = 0, seen = 0;
        for (int64_t k = 0; k < p->width; k++) {
            sum += p->kind == CULL_SPACE_SUBSET && b->x[p->at + k] == 1;
            seen |= INT64_C(1) << (int64_t)b->x[p->at + k];
        }
        if (p->kind == CULL_SPACE_SUBSET && (sum < p->least || sum > p->most)) return;
        if (p->kind == CULL_SPACE_PERMUTATION && seen != (1 << p->n) - 1) return;
        all_numbers(b, cx, i + 1, 0);
        return;
    }
    int64_t n = p->kind == CULL_SPACE_SUBSET ? 2 : p->n;
    for (int64_t v = 0; v < n; v++) {
        b->x[p->at + j] = p->kind == CULL_SPACE_INT ? p->lo + (double)v * p->step : (double)v;
        all_numbers(b, cx, i, j + 1);
    }
}

static void check_walk(cull_ctx *cx, const cull_space *s, int64_t kept)
{
    int64_t n = 0, width = cull_space_width(s);
    double x[64], before[64];
    for (bool more = cull__space_first(s, x); more; more = cull__space_next(s, x), n++) {
        ok(cx, cull_space_check(cx, s, x));
        if (n) assert_false(same(x, before, width));
        memcpy(before, x, sizeof x);
    }
    assert_int_equal(n, kept);
}

static void test_counts(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(5, 0);
    int tried = 0, conditional = 0;
    for (int k = 0; k < 1500; k++) {
        char t[4000] = "";
        int serial = 0;
        cull_space *s;
        random_list(t, &r, 2, &serial, 3);
        cull_status st = cull_space_from(cx, t, strlen(t), "s", &s);
        if (st != CULL_OK) { /* int(1, 1) > 1 is never so */
            assert_non_null(strstr(cull_error(cx), "never active"));
            continue;
        }
        double lg;
        bool exact;
        int64_t n = cull_space_count(cx, s, &lg, &exact);
        assert_true(exact);
        if (n > 20000 || cull_space_width(s) > 64) {
            cull_space_free(s);
            continue;
        }
        brute b = {.s = s};
        all_numbers(&b, cx, 0, 0);
        if (b.points != n) fail_msg("%s counted %d, is %d", t, (int)n, (int)b.points);
        assert_true(fabs(lg - log10((double)n)) < 1e-12);
        check_walk(cx, s, b.kept);
        tried++;
        conditional += strstr(t, " if ") != NULL;
        cull_space_free(s);
    }
    if (tried < 500 || conditional < 100) fail_msg("%d, %d", tried, conditional);
    cull_ctx_free(cx);
}

static void test_large_counts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t n;
        double lg;
    } cases[] = {
        {"a = int(1, 9, step=2) b = permutation(20)", -1, 19.085091},     /* 5 * 20! */
        {"b = permutation(20)", INT64_C(2432902008176640000), 18.386124}, /* 20! */
        {"k = subset(30 of 60)", INT64_C(118264581564861424), 17.072855},
        {"k = subset(0..200 of 200)", -1, 60.205999}, /* 2^200 */
        {"a = real(0, 1)", -1, INFINITY},
        {"a = real(1, 1) m = simplex(x)", 1, 0},
        /* copies with conditions within, independent of one another: (255 + 2)^1 + ... + (255 + 2)^4 */
        {"r = repeat(1..4) { w = int(0, 255) a = one(x, y) if w == 3 }",
         257 + 257 * 257 + 257 * 257 * 257 + INT64_C(257) * 257 * 257 * 257, 9.641432},
    };
    cull_ctx *cx = cull_ctx_new(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cull_space *s = from(cx, cases[i].text);
        double lg;
        bool exact;
        assert_true(cull_space_count(cx, s, &lg, &exact) == cases[i].n);
        assert_true(exact);
        assert_true(lg == cases[i].lg || fabs(lg - cases[i].lg) < 1e-5);
        cull_space_free(s);
    }
    cull_ctx_free(cx);
}

/* ---- constraints: the walk and the count keep them, draws are the draws of values given that they hold ---- */

/* Chance of a statistic of chi-square with df degrees beyond which one in about 30000 fair draws lies (Wilson and
 * Hilferty 1931, 4 standard deviations). */
static double chi_limit(double df)
{
    return df * pow(1 - 2 / (9 * df) + 4 * sqrt(2 / (9 * df)), 3);
}

static double chance_of(const cull_space *s, const double *x)
{
    double c = 1;
    for (int i = 0; i < cull_space_params(s); i++) {
        const cull_space_param *p = cull_space_at(s, i);
        if (isnan(x[p->at])) continue;
        if (p->kind == CULL_SPACE_INT && p->log)
            c *= log((x[p->at] + 0.5) / (x[p->at] - 0.5)) / log((p->hi + 0.5) / (p->lo - 0.5));
        else if (p->kind == CULL_SPACE_SUBSET)
            c /= 6; /* 1 or 2 of 3 */
        else
            c /= p->kind == CULL_SPACE_PERMUTATION ? 6 : (double)p->n;
    }
    return c;
}

static void check_draws(cull_ctx *cx, const char *text)
{
    enum { DRAWS = 60000 };
    cull_space *s = from(cx, text);
    int64_t width = cull_space_width(s);
    brute b = {.s = s};
    b.list = malloc(100000 * sizeof *b.list);
    all_numbers(&b, cx, 0, 0);
    bool exact;
    assert_true(cull_space_count(cx, s, NULL, &exact) == b.kept && exact);
    check_walk(cx, s, b.kept);
    double *seen = calloc((size_t)b.kept, sizeof *seen), sum = 0, chi = 0, x[64];
    for (int k = 0; k < DRAWS; k++) {
        ok(cx, cull_space_draw(cx, s, (uint64_t)k, x));
        int64_t j = 0;
        while (j < b.kept && !same(x, b.list + j * width, width)) j++;
        assert_true(j < b.kept);
        seen[j]++;
    }
    for (int64_t j = 0; j < b.kept; j++) sum += chance_of(s, b.list + j * width);
    for (int64_t j = 0; j < b.kept; j++) {
        double want = DRAWS * chance_of(s, b.list + j * width) / sum;
        assert_true(want > 5);
        chi += (seen[j] - want) * (seen[j] - want) / want;
    }
    if (chi > chi_limit((double)b.kept - 1)) fail_msg("%s: chi-square %g", text, chi);
    free(seen);
    free(b.list);
    cull_space_free(s);
}

static void test_draws(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    check_draws(cx, "a = int(1, 9, log) b = or { x { c = one(p, q) } y z { d = permutation(3) } }");
    check_draws(cx, "k = subset(1..2 of 3) o = ordinal(1, 2, 3) if k.1 or k.2");
    check_draws(cx, "a = int(1, 20) b = int(1, 20, log) require a + b == 21"); /* one in twenty */
    check_draws(cx, "a = int(1, 60) b = int(1, 60) require a - b >= 57 and b < 3"); /* listed */
    check_draws(cx, "a = repeat(0..2) { b = int(1, 6) forbid b > 3 } c = one(x, y)\n"
                    "forbid a.1.b == a.2.b and c == x");
    cull_ctx_free(cx);
}

static void test_truth(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    /* what speaks of an inactive parameter is unknown: forbid wants truth, require wants no falsehood */
    static const struct {
        const char *rule, *kept; /* of the points off, on1, on2: '1' where it is kept */
    } cases[] = {
        {"forbid m.b == 1", "101"},          {"require m.b == 1", "110"},
        {"forbid not m.b == 1", "110"},      {"require not m.b == 1", "101"},
        {"forbid m and m.b == 1", "101"},    {"require m and m.b == 1", "010"},
        {"forbid not m or m.b == 1", "001"}, {"require m.b + 1 > 2 or m", "111"},
        {"forbid m.b in {2, 2}", "110"},     {"require -m.b * 2 / 4 == -1", "101"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        snprintf(text, sizeof text, "m = optional { b = int(1, 2) } %s", cases[i].rule);
        cull_space *s = from(cx, text);
        const double points[3][2] = {{0, NAN}, {1, 1}, {1, 2}};
        for (int k = 0; k < 3; k++)
            if (cull_space_allows(s, points[k]) != (cases[i].kept[k] == '1'))
                fail_msg("%s: point %d", cases[i].rule, k);
        cull_space_free(s);
    }
    cull_ctx_free(cx);
}

/* ---- keys ---- */

static void test_keys(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, "a = int(-1, 3) b = one(x, y) k = subset(3) o = permutation(3)\n"
                             "m = optional { c = int(1, 3) }");
    /* the same, grown: other order, new values, a new optional */
    cull_space *t = from(cx, "o = permutation(3) b = one(w, y, x) a = int(-1, 9) k = subset(3)\n"
                             "m = optional { c = int(1, 3) } new = optional { d = int(1, 2) }");
    enum { MOST = 4000 };
    static cull_key seen[MOST];
    int n = 0;
    double x[64], y[64];
    for (bool more = cull__space_first(s, x); more; more = cull__space_next(s, x)) {
        char *text;
        assert_true(n < MOST);
        seen[n] = cull_space_key(s, x);
        ok(cx, cull_space_format(cx, s, x, &text));
        char grown[300];
        snprintf(grown, sizeof grown, "%s new=no", text);
        ok(cx, cull_space_parse(cx, t, grown, y));
        cull_key other = cull_space_key(t, y);
        assert_memory_equal(&other, seen + n++, sizeof other);
        cull_text_free(text);
    }
    assert_int_equal(n, 5 * 2 * 8 * 6 * 4);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++)
            assert_true(seen[i].word[0] != seen[k].word[0] && seen[i].word[1] != seen[k].word[1]);
    double zero[] = {0, 0, 0, 0, 0, 0, 1, 2, 0, NAN}, minus[10];
    memcpy(minus, zero, sizeof zero);
    minus[0] = -0.0;
    cull_key a = cull_space_key(s, zero), b = cull_space_key(s, minus);
    assert_memory_equal(&a, &b, sizeof a);
    cull_space_free(s);
    cull_space_free(t);
    cull_ctx_free(cx);
}

/* ---- moves ---- */

static const char mixed[] =
    "lr = real(1e-4, 1, log) n = int(1, 200, log) size = ordinal(s, m, l) act = one(a, b, c)\n"
    "opt = or { sgd { mom = real(0, 0.9) } adam { b2 = real(0.9, 0.99) eps = real(1, 2) } }\n"
    "blk = repeat(1..3) { w = int(1, 9) drop = real(0, 1) if w > 4 }\n"
    "perm = permutation(a, b, c, d) sub = subset(1..3 of 5) mix = simplex(3)\n"
    "forbid lr > 0.5 and opt == adam  require blk.1.w + blk.2.w < 15\n";

static void test_moves(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, mixed);
    int64_t width = cull_space_width(s);
    double x[64], z[64], y[64];
    cull_rng r = cull__rng_seeded(1, 1);
    int changed[64] = {0};
    const cull__sbx bred[] = {{15, 20, 0, false}, {0, 0, 0.5, true}, {15, 20, 0.02, true}};
    for (int k = 0; k < 4000; k++) {
        const cull__mutation o = {.rate = k % 3 ? 0 : 0.5, .sd = 0.1, .near = k % 2};
        ok(cx, cull__space_draw(cx, s, &r, x));
        ok(cx, cull__space_draw(cx, s, &r, z));
        ok(cx, cull__space_mutate(cx, s, &o, &r, x, y));
        ok(cx, cull_space_check(cx, s, y));
        assert_false(same(x, y, width));
        for (int i = 0; i < cull_space_params(s); i++) {
            const cull_space_param *p = cull_space_at(s, i);
            changed[i] += !same(x + p->at, y + p->at, p->width);
        }
        ok(cx, cull__space_cross(cx, s, &r, x, z, y));
        ok(cx, cull_space_check(cx, s, y));
        for (int i = 0; i < cull_space_params(s); i++) {
            const cull_space_param *p = cull_space_at(s, i);
            if (p->kind == CULL_SPACE_PERMUTATION || isnan(y[p->at])) continue;
            bool mine = same(y + p->at, x + p->at, p->width),
                 other = same(y + p->at, z + p->at, p->width);
            assert_true(mine || other || (isnan(x[p->at]) && isnan(z[p->at])));
        }
        ok(cx, cull__space_cross(cx, s, &r, x, x, y));
        assert_true(same(x, y, width));
        ok(cx, cull__space_sbx(cx, s, &bred[k % 3], &r, x, z, y));
        ok(cx, cull_space_check(cx, s, y));
    }
    for (int i = 0; i < cull_space_params(s); i++) assert_true(changed[i] > 40);
    cull_space_free(s);
    /* nothing can change: the point itself */
    s = from(cx, "a = one(x) r = repeat(2) { b = int(3, 3) k = subset(2 of 2) }");
    const cull__mutation plain = {0};
    ok(cx, cull__space_draw(cx, s, &r, x));
    ok(cx, cull__space_mutate(cx, s, &plain, &r, x, y));
    assert_true(same(x, y, cull_space_width(s)));
    cull_space_free(s);
    cull_ctx_free(cx);
}

/* Children of SBX have the parents' mean, as the operator is symmetric away from the bounds. */
static void test_sbx(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, "a = real(0, 1)");
    cull_rng r = cull__rng_seeded(2, 1);
    const cull__sbx by = {15, 1e9, 0, false};
    const double x = 0.45, z = 0.55;
    double y, sum = 0, square = 0;
    enum { N = 20000 };
    for (int k = 0; k < N; k++) {
        ok(cx, cull__space_sbx(cx, s, &by, &r, &x, &z, &y));
        sum += y;
        square += (y - 0.5) * (y - 0.5);
    }
    double sd = sqrt(square / N);
    assert_true(fabs(sum / N - 0.5) < 4 * sd / sqrt(N)); /* four standard errors */
    assert_true(sd > 0.045 && sd < 0.06);                /* eta 15: children near parents */
    cull_space_free(s);
    cull_ctx_free(cx);
}

/* Each parameter mutates, or comes from the other parent, by itself: how many do is binomial. */
static void test_rates(void **state)
{
    (void)state;
    enum { N = 8000, P = 70 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, "r = repeat(70) { a = real(0, 1) }");
    cull_rng r = cull__rng_seeded(4, 1);
    assert_int_equal(cull_space_width(s), P + 1); /* how many copies is the first */
    const double given[] = {0, 0.25, 1e-12}, rate[] = {1. / P, 0.25, 0.5};
    for (int what = 0; what < 3; what++) {
        const cull__sbx by = {1e6, 20, given[what], false};
        double x[P + 1] = {P}, z[P + 1] = {P}, y[P + 1], sum = 0, square = 0, p = rate[what],
                     v = P * p * (1 - p);
        for (int j = 1; j <= P; j++) x[j] = 0.4, z[j] = what == 2 ? 0.6 : 0.4;
        for (int k = 0; k < N; k++) {
            double n = 0;
            ok(cx, cull__space_sbx(cx, s, &by, &r, x, z, y));
            for (int j = 1; j <= P; j++) n += fabs(y[j] - 0.4) > (what == 2 ? 0.1 : 1e-9);
            sum += n, square += n * n;
        }
        double mean = sum / N, variance = square / N - mean * mean;
        assert_true(fabs(mean - P * p) < 4 * sqrt(v / N)); /* four standard errors */
        assert_true(fabs(variance / v - 1) < 4 * sqrt((2 + 1 / v) / N));
    }
    cull_space_free(s);
    cull_ctx_free(cx);
}

/* On integers, categories too: steps that stay within a third of the range come to nothing. */
static void test_rounded(void **state)
{
    (void)state;
    enum { N = 40000 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(3, 1);
    const char *const text[] = {"a = one(p, q, r)", "a = ordinal(1, 2, 4)", "a = int(0, 2)"};
    for (int k = 0; k < 3; k++) {
        cull_space *s = from(cx, text[k]);
        cull__sbx by = {15, 20, 1, true};
        int count[3][3] = {0}, crossed[3] = {0};
        double y;
        for (int i = 0; i < N; i++)
            for (int from = 0; from < 3; from++) {
                double x = from;
                ok(cx, cull__space_sbx(cx, s, &by, &r, &x, &x, &y));
                count[from][(int)y]++;
            }
        by.rate = 1e-9;
        for (int i = 0; i < N; i++) {
            ok(cx, cull__space_sbx(cx, s, &by, &r, &(double){0}, &(double){2}, &y));
            crossed[(int)y]++;
        }
        /* a step of more than a sixth: (1 - 1/6)^(20 + 1), half of them either way */
        double p = pow(5. / 6, 21) / 2, sd = sqrt(N * p);
        assert_true(count[0][2] == 0 && count[2][0] == 0);
        assert_true(fabs(count[0][1] - N * p) < 4 * sd && fabs(count[2][1] - N * p) < 4 * sd);
        assert_true(fabs(count[1][0] - N * p) < 4 * sd && fabs(count[1][2] - N * p) < 4 * sd);
        /* crossed half the time, and then near either parent */
        assert_true(crossed[1] < N / 100 && fabs(crossed[2] - N / 4.) < 4 * sqrt(N * 3. / 16));
        cull_space_free(s);
    }
    cull_ctx_free(cx);
}

typedef struct {
    cull_ctx *cx;
    const cull_space *s;
    const double *x;
    int64_t n;
    cull_key key[2000];
} neighbours;

static bool on_neighbour(void *user, const double *y, int changed)
{
    neighbours *n = user;
    const cull_space_param *p = cull_space_at(n->s, changed);
    ok(n->cx, cull_space_check(n->cx, n->s, y));
    assert_false(same(n->x + p->at, y + p->at, p->width));
    assert_true(same(n->x, y, p->at));
    n->key[n->n] = cull_space_key(n->s, y);
    for (int64_t k = 0; k < n->n; k++)
        assert_memory_not_equal(&n->key[k], &n->key[n->n], sizeof *n->key);
    return ++n->n < 2000;
}

static void test_neighbours(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static neighbours n;
    double x[64];
    static const struct {
        const char *text, *point;
        int64_t n;
    } cases[] = {
        {"a = int(1, 9) b = one(x, y, z)", "a=3 b=y", 8 + 2},
        {"a = real(0, 1)", "a=0.5", 4},
        {"a = real(0, 1)", "a=0.0001", 3}, /* the bound, and two steps up */
        {"a = real(0, 1)", "a=1", 2},
        {"a = int(1, 1000)", "a=500", 4},
        {"k = subset(1..2 of 4)", "k=1+2", 2 * 2 + 2},
        {"k = subset(2 of 4)", "k=1+2", 4},
        {"o = permutation(4)", "o=1>2>3>4", 6},
        {"m = simplex(2)", "m=0.5/0.5", 4},
        {"m = simplex(3)", "m=0.9375000000000002/0.0625/0", 6}, /* no share is above 1 */
        {"a = or { x { b = int(1, 3) } y { c = int(1, 5) } }", "a=x a.x.b=2", 1 + 2},
        {"a = int(1, 3) b = int(1, 3) forbid a == b", "a=1 b=2", 1 + 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cull_space *s = from(cx, cases[i].text);
        ok(cx, cull_space_parse(cx, s, cases[i].point, x));
        n = (neighbours){.cx = cx, .s = s, .x = x};
        ok(cx, cull__space_neighbours(cx, s, x, 2, INT64_MAX, NULL, on_neighbour, &n));
        if (n.n != cases[i].n) fail_msg("%s: %d neighbours", cases[i].text, (int)n.n);
        cull_space_free(s);
    }
    cull_space *s = from(cx, mixed);
    for (uint64_t k = 0; k < 50; k++) {
        ok(cx, cull_space_draw(cx, s, k, x));
        n = (neighbours){.cx = cx, .s = s, .x = x};
        ok(cx, cull__space_neighbours(cx, s, x, 2, INT64_MAX, NULL, on_neighbour, &n));
        assert_true(n.n > 20 && n.n < 2000);
    }
    cull_space_free(s);
    cull_ctx_free(cx);
}

/* Of more than `most` so many are handed out, none twice, each as likely as any other. */
static void test_some_neighbours(void **state)
{
    (void)state;
    enum { MOST = 7, RUNS = 4000, IN = 2, OUT = 3, ALL = IN * (1 + OUT) + OUT + 15 + 5 + 4 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, "k = subset(1..4 of 5) o = permutation(6) c = one(a, b, c, d, e, f)\n"
                             "r = real(0, 1)");
    double x[64], handed = 0, count[ALL] = {0};
    static neighbours all, some;
    cull_rng r = cull__rng_seeded(3, 0);
    ok(cx, cull_space_parse(cx, s, "k=1+3 o=1>2>3>4>5>6 c=b r=0.5", x));
    all = (neighbours){.cx = cx, .s = s, .x = x};
    ok(cx, cull__space_neighbours(cx, s, x, 2, INT64_MAX, NULL, on_neighbour, &all));
    assert_int_equal(all.n, ALL);
    for (int run = 0; run < RUNS; run++) {
        some = (neighbours){.cx = cx, .s = s, .x = x};
        ok(cx, cull__space_neighbours(cx, s, x, 2, MOST, &r, on_neighbour, &some));
        assert_true(some.n > MOST / 2 && some.n <= MOST);
        handed += (double)some.n;
        for (int64_t i = 0, k = 0; i < some.n; i++, count[k++]++) /* they come in order */
            while (memcmp(&some.key[i], &all.key[k], sizeof *all.key)) assert_true(++k < ALL);
    }
    for (int64_t k = 0; k < ALL; k++) {
        double mean = handed / ALL, sd = sqrt(mean);
        if (fabs(count[k] - mean) > 4 * sd) fail_msg("%d: %g of %g", (int)k, count[k], mean);
    }
    cull_space_free(s);
    cull_ctx_free(cx);
}

static bool on_any(void *user, const double *y, int changed)
{
    (void)y, (void)changed;
    return ++*(int64_t *)user < 1000000;
}

/* A hundred million of them are not gone through. */
static void test_many_neighbours(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, "o = permutation(2000) k = subset(20000) r = real(0, 1)");
    double *x = malloc((size_t)cull_space_width(s) * sizeof *x);
    int64_t n = 0;
    cull_rng r = cull__rng_seeded(3, 0);
    ok(cx, cull_space_draw(cx, s, 1, x));
    ok(cx, cull__space_neighbours(cx, s, x, 2, 1000, &r, on_any, &n));
    assert_int_equal(n, 1000);
    free(x);
    cull_space_free(s);
    cull_ctx_free(cx);
}

/* ---- features ---- */

static void test_features(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(cx, "a = real(0, 10) b = one(p, q, r) m = optional { n = int(1, 4) }\n"
                             "o = permutation(3) k = subset(2) z = ordinal(7, 8, 9)");
    double x[64], f[100];
    ok(cx, cull_space_parse(cx, s, "a=2.5 b=q m=yes m.n=3 o=2>3>1 k=2 z=9", x));
    const double onehot[] = {0.25, 0, 1, 0, 0, 1, 0.625, 1, 1, 0, 0.5, 0, 1, 1};
    const double flat[] = {0.25, 0.5, 0.75, 0.625, 0.5, 2.5 / 3, 0.5 / 3, 0, 1, 2.5 / 3};
    const double levels[] = {0.25, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1,
                             0,    0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 1};
    const struct {
        cull_encode e;
        const double *want;
        int64_t n;
    } cases[] = {{CULL_ENCODE_ONEHOT, onehot, sizeof onehot / sizeof *onehot},
                 {CULL_ENCODE_FLAT, flat, sizeof flat / sizeof *flat},
                 {CULL_ENCODE_LEVELS, levels, sizeof levels / sizeof *levels}};
    for (int c = 0; c < 3; c++) {
        assert_int_equal(cull_space_features(s, cases[c].e), cases[c].n);
        cull_space_encode(s, cases[c].e, x, f);
        for (int64_t j = 0; j < cases[c].n; j++)
            if (fabs(f[j] - cases[c].want[j]) > 1e-15) fail_msg("%d: feature %d", c, (int)j);
    }
    int64_t value;
    assert_int_equal(cull_space_feature(s, CULL_ENCODE_ONEHOT, 2, &value), 1);
    assert_int_equal(value, 1);
    assert_int_equal(cull_space_feature(s, CULL_ENCODE_ONEHOT, 7, &value), 3);
    assert_int_equal(value, -1);
    assert_int_equal(cull_space_feature(s, CULL_ENCODE_LEVELS, 15, &value), 4);
    assert_int_equal(value, 2);
    assert_int_equal(cull_space_feature(s, CULL_ENCODE_FLAT, 8, &value), 5);
    assert_int_equal(cull_space_feature(s, CULL_ENCODE_FLAT, 10, &value), -1);
    ok(cx, cull_space_parse(cx, s, "a=2.5 b=q m=no o=2>3>1 k=2 z=9", x));
    cull_space_encode(s, CULL_ENCODE_ONEHOT, x, f);
    assert_true(f[4] == 1 && f[5] == 0 && f[6] == 0.5 && f[7] == 0);
    cull_space_encode(s, CULL_ENCODE_FLAT, x, f);
    assert_true(f[3] == -1);
    cull_space_free(s);
    cull_ctx_free(cx);
}

static void test_scale(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *s = from(
        cx,
        "a = real(1e-5, 0.1, log) b = int(1, 1000, log) c = int(-5, 70, step=3)\n"
        "d = ordinal(x, y, z) e = real(-1, 3) f = real(2, 2)\n"
        "g = real(1e-300, 1e300, log) h = real(4.9e-324, 1.7e308, log) " /* their ratios are infinite */
        "i = simplex(1)");
    for (int i = 0; i < cull_space_params(s); i++) {
        const cull_space_param *p = cull_space_at(s, i);
        double last = -INFINITY;
        for (int k = 0; k <= 1000; k++) {
            double v = cull__space_from_unit(p, k / 1000.0), u = cull__space_to_unit(p, v);
            assert_true(v >= last && u >= 0 && u <= 1);
            assert_true(fabs(cull__space_from_unit(p, u) - v) <= 1e-12 * fabs(v) + 0x1p-1074);
            last = v;
        }
        if (p->kind == CULL_SPACE_REAL || p->kind == CULL_SPACE_INT) {
            assert_true(cull__space_from_unit(p, 0) == p->lo && last == p->hi);
            assert_true(cull__space_from_unit(p, -3) == p->lo);
        }
    }
    assert_true(cull__space_from_unit(cull_space_at(s, 8), 0.5) == 1); /* its only share is all */
    assert_true(fabs(cull__space_from_unit(cull_space_at(s, 0), 0.5) - 1e-3) < 1e-15);
    assert_true(fabs(cull__space_to_unit(cull_space_at(s, 6), 1e150) - 0.75) < 1e-15);
    assert_true(fabs(cull__space_to_unit(cull_space_at(s, 6), 1e-299) - 1.0 / 600) < 1e-15);
    assert_true(fabs(cull__space_from_unit(cull_space_at(s, 6), 0.25) - 1e-150) < 1e-162);
    cull_space_free(s);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_large_counts),
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_truth),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_sbx),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_rounded),
        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_some_neighbours),
        cmocka_unit_test(test_many_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

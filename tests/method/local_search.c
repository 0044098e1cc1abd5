/* local_search.c - local-search against a climb written down plainly: where it stands, which
 * neighbours are left. */
#include "searching.h"

enum { D = 4, K = 4, N = 256 };
static int id(const double *x)
{
    int i = 0;
    for (int j = 0; j < D; j++) i = i * K + (int)x[j];
    return i;
}

static int apart(int a, int b)
{
    int d = 0;
    for (int j = 0; j < D; j++, a /= K, b /= K) d += a % K != b % K;
    return d;
}

typedef struct {
    double value[N];
    bool told[N];
    int at;
} climb;

static void move_on(climb *c, bool first)
{
    for (bool again = true; again && c->at >= 0;) {
        int best = c->at, left = 0;
        for (int i = 0; i < N; i++) {
            if (apart(i, c->at) != 1) continue;
            left += !c->told[i];
            if (c->told[i] && c->value[i] < c->value[best]) best = i;
        }
        again = best != c->at && (first || !left);
        if (again) c->at = best;
        if (!again && !left && best == c->at) c->at = -1; /* the next one told is a start */
    }
}

static void every_step(bool first)
{
    int restarts = 0, steps = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_ctx_reseed(cx, seed);
        cull_space *sp = space_of_many(cx, D, "one(a, b, c, d)");
        cull_search_problem p = {.space = sp};
        cull_study *s = study_of(cx, &p, "local-search",
                                 WITH(first ? "improvement=first" : "improvement=best"));
        climb c = {.at = -1};
        for (int n = 0; n < 150; n++) {
            cull_trial t = asked(cx, s);
            int i = id(t.x);
            assert_false(c.told[i]);
            if (c.at >= 0) assert_int_equal(apart(i, c.at), 1);
            c.value[i] = rugged(t.x, D), c.told[i] = true;
            int before = c.at;
            if (c.at < 0) c.at = i, restarts++;
            move_on(&c, first);
            steps += before >= 0 && c.at >= 0 && c.at != before;
            answer(cx, s, t.number, &c.value[i]);
        }
        cull_study_free(s);
        cull_space_free(sp);
        cull_ctx_free(cx);
    }
    assert_true(restarts > 20 && steps > 40); /* so that both were seen */
}

static void the_first_better_one(void **state) { (void)state, every_step(true); }
static void the_best_of_all(void **state) { (void)state, every_step(false); }

/* One optimum, many workers: it is found without a restart, and what failed is never stood on. */
static void one_optimum(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of_many(cx, 8, "int(0, 9)");
    cull_search_problem p = {.space = sp};
    cull_study *s = study_of(cx, &p, "local-search", NULL);
    int64_t run[5], n = 0;
    double best = INFINITY;
    for (int k = 0; k < 500 && best > 0; k++) {
        cull_trial t;
        while (n < 5) run[n++] = asked(cx, s).number;
        ok(cx, cull_study_trial(s, run[0], &t));
        double v = 0;
        for (int j = 0; j < 8; j++) v += fabs(t.x[j] - j);
        if (t.x[0] == 5) {
            failed(cx, s, t.number);
        } else {
            answer(cx, s, t.number, &v);
            best = fmin(best, v);
        }
        memmove(run, run + 1, 4 * sizeof *run), n--;
    }
    assert_true(best == 0); /* 72 neighbours of each; random points come to 8 or so */
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* Where there are very many neighbours, some of them are tried: all differ in one value. */
static void very_many(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of(cx, "a = permutation(1500) b = permutation(1500)");
    cull_search_problem p = {.space = sp};
    cull_study *s = study_of(cx, &p, "local-search", NULL);
    double *at = malloc(3000 * sizeof *at), best = INFINITY;
    int near = 0, last = 0;
    for (int k = 0; k < 40; k++) {
        cull_trial t = asked(cx, s);
        double v = 0;
        for (int j = 0; j < 1500; j++) v += fabs(t.x[j] - j) + fabs(t.x[1500 + j] - j);
        near += k > 0 && distance(at, t.x, 3000) == 2;
        if (v < best) {
            best = v, last = k;
            memcpy(at, t.x, 3000 * sizeof *at);
        }
        answer(cx, s, t.number, &v);
    }
    assert_int_equal(near, 39);
    assert_true(last > 5);
    free(at);
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_better_one),
                                       cmocka_unit_test(the_best_of_all),
                                       cmocka_unit_test(one_optimum), cmocka_unit_test(very_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

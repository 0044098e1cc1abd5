/* nsga2.c - nsga2 against brute force: who survives, and of whom the children are. */
#include "searching.h"

#include "search/parts.h"

/* ---- the oracle: ranks by peeling, crowding by its definition ---- */
typedef struct {
    int n, m;
    double v[300][3], violation[300], crowd[300];
    int rank[300];
} plain;

static bool dominates(const plain *q, int a, int b)
{
    if (q->violation[a] != q->violation[b]) return q->violation[a] < q->violation[b];
    bool somewhere = false;
    for (int j = 0; j < q->m; j++) {
        if (q->v[a][j] > q->v[b][j]) return false;
        somewhere |= q->v[a][j] < q->v[b][j];
    }
    return somewhere;
}

static void judge(plain *q)
{
    for (int i = 0; i < q->n; i++) q->rank[i] = -1, q->crowd[i] = 0;
    for (int r = 0, left = q->n; left; r++) {
        bool front[300];
        for (int i = 0; i < q->n; i++) {
            front[i] = q->rank[i] < 0;
            for (int k = 0; k < q->n; k++) front[i] &= q->rank[k] >= 0 || !dominates(q, k, i);
        }
        for (int i = 0; i < q->n; i++)
            if (front[i]) q->rank[i] = r, left--;
    }
    for (int i = 0; i < q->n; i++)
        for (int j = 0; j < q->m;
             j++) { /* values are distinct: the next above and below in its rank */
            double lo = -INFINITY, hi = INFINITY, least = q->v[i][j], most = q->v[i][j];
            for (int k = 0; k < q->n; k++) {
                if (q->rank[k] != q->rank[i]) continue;
                double x = q->v[k][j];
                least = fmin(least, x), most = fmax(most, x);
                if (x < q->v[i][j]) lo = fmax(lo, x);
                if (x > q->v[i][j]) hi = fmin(hi, x);
            }
            q->crowd[i] += isinf(lo) || isinf(hi) ? INFINITY : (hi - lo) / (most - least);
        }
}

/* Kept: everyone who has fewer than `keep` before it, by rank and then by crowding. */
static int before(const plain *q, int i)
{
    int n = 0;
    for (int k = 0; k < q->n; k++)
        n += q->rank[k] != q->rank[i] ? q->rank[k] < q->rank[i] : q->crowd[k] > q->crowd[i];
    return n;
}

static void survivors(void **state)
{
    (void)state;
    static plain q;
    static double value[300 * 3], crowd[300];
    int64_t idx[300];
    int32_t rank[300];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng(cx, 77);
    for (int round = 0; round < 60; round++) {
        q.n = 3 + (int)cull__rng_below(&r, 297), q.m = 2 + round % 2;
        for (int i = 0; i < q.n; i++) {
            for (int j = 0; j < q.m; j++) value[i * q.m + j] = q.v[i][j] = cull__rng_unit(&r);
            q.violation[i] = round % 3 ? 0 : (double)cull__rng_below(&r, 3) / 2;
        }
        judge(&q);
        int keep = 1 + (int)cull__rng_below(&r, q.n), kept = 0;
        cull__contest rows = {q.m, q.n, keep, value, q.violation};
        ok(cx, cull__survive_crowded(cx, &rows, idx, rank, crowd));
        for (int k = 0; k < keep; k++) {
            int i = (int)idx[k];
            assert_true(k == 0 || idx[k] > idx[k - 1]);
            assert_int_equal(rank[k], q.rank[i]);
            assert_true(before(&q, i) < keep); /* ends of a rank are equal: INFINITY, any of them */
        }
        for (int i = 0; i < q.n; i++) { /* nobody is left out who comes before enough others */
            int behind = 0, in = 0;
            for (int k = 0; k < q.n; k++)
                behind += q.rank[k] != q.rank[i] ? q.rank[k] > q.rank[i] : q.crowd[k] < q.crowd[i];
            for (int k = 0; k < keep; k++) in |= idx[k] == i;
            kept += in;
            if (q.n - behind <= keep) assert_true(in);
        }
        assert_int_equal(kept, keep);
        plain *s = malloc(sizeof *s); /* the crowding of those kept is among themselves */
        s->n = keep, s->m = q.m;
        for (int k = 0; k < keep; k++) {
            memcpy(s->v[k], q.v[idx[k]], sizeof s->v[k]);
            s->violation[k] = q.violation[idx[k]];
        }
        judge(s);
        for (int k = 0; k < keep; k++)
            assert_true(s->crowd[k] == crowd[k] || fabs(s->crowd[k] - crowd[k]) < 1e-9);
        free(s);
    }
    cull_ctx_free(cx);
}

/* Without crossover a child is one member of the population, a value or so changed: random designs
 * of 60 bits differ in 30. So whose child it is can be seen, and the members are known from brute
 * force. */
enum { W = 60, P = 7, GENERATIONS = 12 };
static void children_of_the_population(void **state)
{
    (void)state;
    static double x[P * GENERATIONS][W], v[P * GENERATIONS][2];
    int member[2 * P], n = 0, told = 0;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of_many(cx, W, "one(a, b)");
    cull_search_problem p = {.space = sp, .objectives = 2};
    cull_study *s = study_of(cx, &p, "nsga2", WITH("population=7", "mate=0"));
    for (int g = 0, parents = 0; g < GENERATIONS; g++, parents = 0) {
        int come = 0;
        bool used[2 * P] = {0};
        for (int k = 0; k < P; k++, told++) {
            cull_trial t = asked(cx, s);
            memcpy(x[told], t.x, sizeof x[told]);
            int near = -1;
            for (int i = 0; i < n; i++)
                if (near < 0 ||
                    distance(x[told], x[member[i]], W) < distance(x[told], x[member[near]], W))
                    near = i;
            if (g) assert_true(distance(x[told], x[member[near]], W) < 9), used[near] = true;
            v[told][0] = sin(1.3 * told * told), v[told][1] = cos(2.7 * told * told + 1);
            if (told % 6 == 4) {
                failed(cx, s, t.number);
            } else {
                answer(cx, s, t.number, v[told]);
                member[n + come++] = told;
            }
        }
        for (int i = 0; i < n; i++) parents += used[i];
        if (g) assert_true(parents > 1);
        plain *q = malloc(sizeof *q);
        q->n = n + come, q->m = 2;
        for (int i = 0; i < q->n; i++) {
            q->violation[i] = 0;
            memcpy(q->v[i], v[member[i]], sizeof v[0]);
        }
        judge(q);
        int kept = 0;
        for (int i = 0; i < q->n; i++) {
            int first = before(q, i); /* of equals the ones told first */
            for (int k = 0; k < i; k++)
                first += q->rank[k] == q->rank[i] && q->crowd[k] == q->crowd[i];
            if (first < P) member[kept++] = member[i];
        }
        n = kept;
        free(q);
    }
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

/* ZDT1 (Zitzler, Deb and Thiele 2000): the front is g = 1, where f2 = 1 - sqrt(f1). */
static void a_known_front(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of_many(cx, 30, "real(0, 1)");
    cull_search_problem p = {.space = sp, .objectives = 2, .trials = 10000};
    cull_study *s = study_of(cx, &p, "nsga2", WITH("population=100"));
    double worst = 0, lo = 1, hi = 0;
    while (!cull_study_done(s)) {
        cull_trial t = asked(cx, s);
        double g = 1, v[2];
        for (int j = 1; j < 30; j++) g += 9 * t.x[j] / 29;
        v[0] = t.x[0], v[1] = g * (1 - sqrt(v[0] / g));
        answer(cx, s, t.number, v);
    }
    int64_t *idx = malloc(10000 * sizeof *idx), n;
    ok(cx, cull_study_best(s, idx, &n));
    for (int64_t i = 0; i < n; i++) {
        cull_trial t;
        ok(cx, cull_study_trial(s, idx[i], &t));
        worst = fmax(worst, t.value[1] - (1 - sqrt(t.value[0])));
        lo = fmin(lo, t.value[0]), hi = fmax(hi, t.value[0]);
    }
    /* random points are 2.5 above it and more; the ends are reached */
    assert_true(n > 50 && worst < 0.2 && lo < 0.02 && hi > 0.95);
    free(idx);
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(survivors),
                                       cmocka_unit_test(children_of_the_population),
                                       cmocka_unit_test(a_known_front)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

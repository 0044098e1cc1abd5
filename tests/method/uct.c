/* uct.c - uct against a tree kept by hand: which designs its rule allows at every step. */
#include "searching.h"

/* A design as a path of keys of nodes: "/", "/1", "/12"; with bisection a letter a half. */
typedef struct {
    int values, depth;
    bool bisect;
    int nodes;
    struct {
        char key[24];
        int n;
        double sum;
        bool expanded;
    } node[4000];
    double seen[400];
    int told;
} tree;

static int find(tree *t, const char *key)
{
    for (int i = 0; i < t->nodes; i++)
        if (!strcmp(t->node[i].key, key)) return i;
    return -1;
}

static int add(tree *t, const char *key)
{
    snprintf(t->node[t->nodes].key, sizeof t->node[0].key, "%s", key);
    t->node[t->nodes].n = 0, t->node[t->nodes].sum = 0, t->node[t->nodes].expanded = false;
    return t->nodes++;
}

/* Keys of the path of x, root first; ways[i]: children of the i-th. */
static int path(const tree *t, const double *x, char key[][24], int *ways)
{
    int n = 0;
    strcpy(key[n++], "/");
    for (int d = 0; d < t->depth; d++) {
        int lo = 0, hi = t->values;
        while (hi - lo > 1) {
            int to = (int)x[d], mid = (lo + hi) / 2;
            ways[n - 1] = t->bisect ? 2 : t->values;
            snprintf(key[n], 24, "%.20s%c", key[n - 1],
                     t->bisect ? (to >= mid ? 'b' : 'a') : '0' + to);
            n++;
            if (!t->bisect) break;
            if (to >= mid)
                lo = mid;
            else
                hi = mid;
        }
    }
    return n;
}

static double deviation(const tree *t)
{
    double mean = 0, square = 0;
    for (int i = 0; i < t->told; i++) mean += t->seen[i] / t->told;
    for (int i = 0; i < t->told; i++) square += (t->seen[i] - mean) * (t->seen[i] - mean);
    return t->told > 1 ? sqrt(square / (t->told - 1)) : 0;
}

static double worth(tree *t, int up, int child, double c)
{
    if (t->node[child].n == 0) return INFINITY;
    return -t->node[child].sum / t->node[child].n +
           c * deviation(t) * sqrt(2 * log(t->node[up].n) / t->node[child].n);
}

/* The path goes where the rule says, as long as there are children. */
static void allowed(tree *t, const double *x, double c)
{
    char key[32][24], other[24];
    int ways[32], n = path(t, x, key, ways);
    for (int i = 0; i + 1 < n && t->node[find(t, key[i])].expanded; i++) {
        int up = find(t, key[i]);
        double own = worth(t, up, find(t, key[i + 1]), c);
        for (int k = 0; k < ways[i]; k++) {
            snprintf(other, sizeof other, "%.20s%c", key[i], (t->bisect ? 'a' : '0') + k);
            assert_true(own >= worth(t, up, find(t, other), c) - 1e-12);
        }
    }
}

static void tell(tree *t, const double *x, double value)
{
    char key[32][24], child[24];
    int ways[32], n = path(t, x, key, ways);
    t->seen[t->told++] = value;
    for (int i = 0; i < n; i++) {
        int at = find(t, key[i]);
        t->node[at].n++, t->node[at].sum += value;
        if (t->node[at].expanded || i + 1 == n) continue;
        t->node[at].expanded = true;
        for (int k = 0; k < ways[i]; k++) {
            snprintf(child, sizeof child, "%.20s%c", key[i], (t->bisect ? 'a' : '0') + k);
            add(t, child);
        }
        break;
    }
}

static void every_step(int depth, int values, const char *c, bool bisect)
{
    static tree t;
    char kind[64];
    snprintf(kind, sizeof kind, "int(0, %d)", values - 1);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_ctx_reseed(cx, seed);
        cull_space *sp = space_of_many(cx, depth, kind);
        cull_search_problem p = {.space = sp, .again = CULL_AGAIN_PAID};
        char opt[32];
        snprintf(opt, sizeof opt, "c=%s", c);
        cull_study *s = study_of(cx, &p, "uct", WITH(opt, bisect ? "bisect=true" : "bisect=false"));
        t.values = values, t.depth = depth, t.bisect = bisect, t.nodes = t.told = 0;
        add(&t, "/");
        for (int k = 0; k < 150; k++) {
            cull_trial trial = asked(cx, s);
            double v = rugged(trial.x, depth) + 0.3 * sin(7.1 * k);
            allowed(&t, trial.x, atof(c));
            tell(&t, trial.x, v);
            answer(cx, s, trial.number, &v);
        }
        cull_study_free(s);
        cull_space_free(sp);
        cull_ctx_free(cx);
    }
}

static void two_by_two(void **state) { (void)state, every_step(2, 2, "0.7", false); }
static void three_of_four(void **state) { (void)state, every_step(3, 4, "0.31", false); }
static void halves_of_five(void **state) { (void)state, every_step(2, 5, "0.5", true); }

/* The first two designs of one parameter of 5 values by halves: 2 of 5 values are in the first
 * half. Below the tree a value is as likely as any: after one design the root has halves, and 5
 * values come 1/4 1/4 1/6 1/6 1/6. */
static void below_the_tree(void **state)
{
    (void)state;
    int first[5] = {0}, second[5] = {0}, n = 3000;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_ctx_reseed(cx, seed);
        cull_space *sp = space_of(cx, "a = int(0, 4)\n");
        cull_search_problem p = {.space = sp, .again = CULL_AGAIN_PAID};
        cull_study *s = study_of(cx, &p, "uct", WITH("bisect=true"));
        cull_trial t = asked(cx, s);
        first[(int)t.x[0]]++;
        answer(cx, s, t.number, &(double){1});
        second[(int)asked(cx, s).x[0]]++;
        cull_study_free(s);
        cull_space_free(sp);
        cull_ctx_free(cx);
    }
    for (int k = 0; k < 5; k++) {
        double want = k < 2 ? 0.25 : 1 / 6.0;
        assert_true(fabs(first[k] - n / 5.0) < 4 * sqrt(n * 0.2 * 0.8));
        assert_true(fabs(second[k] - n * want) < 4 * sqrt(n * want * (1 - want)));
    }
}

/* While designs run, others are asked elsewhere: the four children of the root first. */
static void workers_spread(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_space *sp = space_of_many(cx, 3, "one(a, b, c, d)");
    cull_search_problem p = {.space = sp};
    cull_study *s = study_of(cx, &p, "uct", NULL);
    answer(cx, s, asked(cx, s).number, &(double){1});
    int hit[4] = {0};
    for (int k = 0; k < 4; k++) hit[(int)asked(cx, s).x[0]]++;
    for (int k = 0; k < 4; k++) assert_int_equal(hit[k], 1);
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_by_two), cmocka_unit_test(three_of_four),
        cmocka_unit_test(halves_of_five), cmocka_unit_test(below_the_tree),
        cmocka_unit_test(workers_spread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

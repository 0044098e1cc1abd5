/* subset_search: branch and bound against all subsets and against knapsacks by dynamic programming; greedy against its definition. */
#include "test.h"

#include "base/base.h"
#include "choose/subset_search.h"

enum { MOST = 12 };

/* Losses by table, without any order in them; bounds are the least of the sets they stand for, less some slack. */
typedef struct {
    int n;
    double loss[1 << MOST], slack[1 << MOST];
    int asked[1 << MOST];
    uint64_t apart; /* two items that are not allowed together; 0 = any */
    uint64_t odd;   /* this set's loss is NaN, 0 = none */
} world;

static cull_status loss_of(cull_ctx *cx, void *arg, uint64_t set, double *out)
{
    world *w = arg;
    (void)cx;
    w->asked[set]++;
    *out = w->odd && set == w->odd ? NAN : w->loss[set];
    return CULL_OK;
}

static cull_status bound_of(cull_ctx *cx, void *arg, uint64_t in, uint64_t rest, double *out)
{
    world *w = arg;
    (void)cx;
    *out = w->loss[in];
    for (uint64_t s = rest; s; s = (s - 1) & rest) *out = fmin(*out, w->loss[in | s]);
    *out -= w->slack[in ^ rest];
    return CULL_OK;
}

static bool allowed(void *arg, uint64_t set)
{
    world *w = arg;
    return (set & w->apart) != w->apart;
}

static int items(uint64_t set)
{
    int k = 0;
    for (; set; set >>= 1) k += set & 1;
    return k;
}

static bool may(const cull__subset_problem *p, const world *w, uint64_t set)
{
    if (items(set) < p->least || (set & p->must) != p->must) return false;
    if (p->allowed && (set & w->apart) == w->apart) return false;
    for (int b = 0; b < p->budgets; b++) {
        double sum = 0, top = 0;
        for (int i = 0; i < p->n; i++)
            if (set >> i & 1) {
                sum += p->budget[b].cost[i];
                top = fmax(top, p->budget[b].cost[i]);
            }
        if ((p->budget[b].widest ? top : sum) > p->budget[b].most * (1 + 1e-12)) return false;
    }
    return true;
}

static void make(cull_rng *r, world *w, int n, double slack)
{
    memset(w, 0, sizeof *w);
    w->n = n;
    for (int s = 0; s < 1 << n; s++) {
        w->loss[s] = cull__rng_normal(r) - 0.3 * items((uint64_t)s);
        w->slack[s] = slack * cull__rng_unit(r);
    }
}

/* A problem of every kind over w: cost (3, MOST), budget (3). */
static cull__subset_problem problem(cull_rng *r, world *w, double *cost,
                                    cull__subset_budget *budget)
{
    cull__subset_problem p = {.n = w->n, .loss = loss_of, .bound = bound_of, .arg = w};
    for (int i = 0; i < 3 * MOST; i++) cost[i] = 0.1 + cull__rng_unit(r);
    for (int b = 0; b < 3; b++) {
        bool widest = b == 1;
        double most = widest ? 0.5 + 0.6 * cull__rng_unit(r) : 0.6 * w->n * cull__rng_unit(r);
        budget[b] = (cull__subset_budget){cost + b * MOST, most, widest};
    }
    p.budget = budget;
    p.budgets = (int)cull__rng_below(r, 4);
    p.least = (int)cull__rng_below(r, 3);
    if (p.least > p.n) p.least = p.n;
    if (cull__rng_below(r, 4) == 0) p.must = UINT64_C(1) << cull__rng_below(r, w->n);
    if (cull__rng_below(r, 3) == 0 && w->n > 1) {
        w->apart = 3u << cull__rng_below(r, w->n - 1);
        p.allowed = allowed;
    }
    if (cull__rng_below(r, 2)) p.from = (uint64_t)cull__rng_below(r, 1 << w->n);
    return p;
}

static double best_of_all(const cull__subset_problem *p, const world *w, uint64_t *set)
{
    double best = INFINITY;
    *set = 0;
    for (uint64_t s = 0; s < (uint64_t)1 << p->n; s++)
        if (may(p, w, s) && w->loss[s] < best) {
            best = w->loss[s];
            *set = s;
        }
    return best;
}

static void search_is_exact(void **state)
{
    (void)state;
    static world w;
    double cost[3 * MOST];
    cull__subset_budget budget[3];
    cull__subset_answer a;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(31, 0);
    int pruned = 0, could = 0, none = 0;
    for (int t = 0; t < 1200; t++) {
        int n = 1 + (int)cull__rng_below(&r, t % 8 ? 8 : MOST);
        make(&r, &w, n, t % 3);
        cull__subset_problem p = problem(&r, &w, cost, budget);
        if (t % 5 == 0) p.bound = NULL;
        uint64_t set;
        double best = best_of_all(&p, &w, &set);
        ok(cx, cull__subset_search(cx, &p, &a));
        assert_true(a.loss == best && a.lower == best);
        assert_int_equal(a.set, set);
        int64_t asked = 0, most = 0;
        for (uint64_t s = 0; s < (uint64_t)1 << n; s++) {
            assert_true(w.asked[s] <= 1);
            assert_true(!w.asked[s] || may(&p, &w, s));
            asked += w.asked[s];
            most += may(&p, &w, s);
        }
        assert_int_equal(a.losses, asked);
        if (!p.bound) assert_int_equal(a.bounds, 0);
        could += p.bound && most > 8;
        pruned += p.bound && most > 8 && asked < most;
        none += most == 0;
    }
    assert_true(could > 200 && 10 * pruned > 9 * could); /* bounds spare losses */
    assert_true(none > 5); /* there were worlds without an allowed set */
    cull_ctx_free(cx);
}

/* With bounds that are exact only sets on the way to the best one are measured: the first is the best. */
static void exact_bounds_measure_once(void **state)
{
    (void)state;
    static world w;
    cull__subset_answer a;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(32, 0);
    for (int t = 0; t < 50; t++) {
        make(&r, &w, 9, 0);
        cull__subset_problem p = {.n = 9, .least = 1, .loss = loss_of, .bound = bound_of};
        p.arg = &w;
        w.loss[0] = 9; /* not allowed, and no reason to think better of the others */
        ok(cx, cull__subset_search(cx, &p, &a));
        assert_int_equal(a.losses, 1);
    }
    cull_ctx_free(cx);
}

static void a_limit_leaves_a_gap(void **state)
{
    (void)state;
    static world w;
    double cost[3 * MOST];
    cull__subset_budget budget[3];
    cull__subset_answer a;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(33, 0);
    int open = 0;
    for (int t = 0; t < 300; t++) {
        make(&r, &w, 8, 2);
        cull__subset_problem p = problem(&r, &w, cost, budget);
        p.limit = 1 + cull__rng_below(&r, 6);
        uint64_t set;
        double best = best_of_all(&p, &w, &set);
        ok(cx, cull__subset_search(cx, &p, &a));
        assert_true(a.losses <= p.limit);
        assert_true(a.lower <= best && best <= a.loss);
        open += a.lower < a.loss;
    }
    assert_true(open > 100);
    cull_ctx_free(cx);
}

/* ---- knapsacks of up to 64 items ---- */

typedef struct {
    int n;
    double value[64], weight[64], room;
    int order[64]; /* by value for weight, falling */
} sack;

static cull_status sack_loss(cull_ctx *cx, void *arg, uint64_t set, double *out)
{
    sack *k = arg;
    (void)cx;
    *out = 0;
    for (int i = 0; i < k->n; i++)
        if (set >> i & 1) *out -= k->value[i];
    return CULL_OK;
}

/* The last item is taken in part (Dantzig). */
static cull_status sack_bound(cull_ctx *cx, void *arg, uint64_t in, uint64_t rest, double *out)
{
    sack *k = arg;
    double room = k->room;
    sack_loss(cx, arg, in, out);
    for (int i = 0; i < k->n; i++)
        if (in >> i & 1) room -= k->weight[i];
    for (int j = 0; j < k->n && room > 0; j++) {
        int i = k->order[j];
        if (!(rest >> i & 1)) continue;
        *out -= k->value[i] * fmin(1, room / k->weight[i]);
        room -= k->weight[i];
    }
    return CULL_OK;
}

static void knapsacks(void **state)
{
    (void)state;
    sack k;
    cull__subset_answer a;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(34, 0);
    for (int t = 0; t < 40; t++) {
        k.n = t % 2 ? 64 : 1 + (int)cull__rng_below(&r, 64);
        k.room = (double)(20 + cull__rng_below(&r, 400));
        for (int i = 0; i < k.n; i++) {
            k.value[i] = (double)(1 + cull__rng_below(&r, 99));
            k.weight[i] = (double)(1 + cull__rng_below(&r, 60));
            int j = i;
            for (; j > 0 &&
                   k.value[k.order[j - 1]] * k.weight[i] < k.value[i] * k.weight[k.order[j - 1]];
                 j--)
                k.order[j] = k.order[j - 1];
            k.order[j] = i;
        }
        double best[512] = {0};
        for (int i = 0; i < k.n; i++)
            for (int c = (int)k.room; c >= (int)k.weight[i]; c--)
                best[c] = fmax(best[c], best[c - (int)k.weight[i]] + k.value[i]);
        cull__subset_budget b = {k.weight, k.room, false};
        cull__subset_problem p = {.n = k.n,
                                  .budget = &b,
                                  .budgets = 1,
                                  .loss = sack_loss,
                                  .bound = sack_bound,
                                  .arg = &k};
        ok(cx, cull__subset_search(cx, &p, &a));
        assert_true(a.loss == -best[(int)k.room]);
        assert_true(cull__subset_fits(&p, a.set));
    }
    cull_ctx_free(cx);
}

/* ---- greedy ---- */

static double greedy_by_definition(const cull__subset_problem *p, const world *w, bool back)
{
    uint64_t s = back ? ((uint64_t)1 << p->n) - 1 : p->must;
    double best = INFINITY;
    cull__subset_problem loose = *p; /* what a step keeps to: budgets, on the way up */
    loose.least = 0;
    if (!back && !may(&loose, w, s)) return best;
    if (may(p, w, s)) best = w->loss[s];
    for (;;) {
        uint64_t to = s;
        for (int i = 0; i < p->n; i++) {
            uint64_t x = s ^ ((uint64_t)1 << i);
            if ((x < s) != back || (p->must >> i & 1)) continue;
            if (!back && !may(&loose, w, x)) continue;
            if (to == s || w->loss[x] < w->loss[to]) to = x;
            if (may(p, w, x)) best = fmin(best, w->loss[x]);
        }
        if (to == s) return best;
        s = to;
        if (back && items(s) <= p->least) return best;
    }
}

static void greedy_as_defined(void **state)
{
    (void)state;
    static world w;
    double cost[3 * MOST];
    cull__subset_budget budget[3];
    cull__subset_answer a;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(35, 0);
    int missed[2] = {0};
    for (int t = 0; t < 600; t++) {
        make(&r, &w, 1 + (int)cull__rng_below(&r, 8), 0);
        cull__subset_problem p = problem(&r, &w, cost, budget);
        uint64_t set;
        double best = best_of_all(&p, &w, &set);
        for (int back = 0; back < 2; back++) {
            ok(cx, cull__subset_greedy(cx, &p, back, &a));
            double want = greedy_by_definition(&p, &w, back);
            if (items((1u << p.n) - 1) <= p.least && back) want = a.loss; /* nothing to leave out */
            assert_true(a.loss == want);
            assert_true(a.loss == INFINITY ? a.set == 0 : may(&p, &w, a.set));
            assert_true(a.losses <= p.n * (p.n + 1) / 2 + 1);
            missed[back] += a.loss > best;
        }
    }
    assert_true(missed[0] > 50 && missed[1] > 50);
    cull_ctx_free(cx);
}

static void budgets_add_up(void **state)
{
    (void)state;
    double cost[3] = {0.1, 0.2, INFINITY};
    cull__subset_budget b = {cost, 0.3, false};
    cull__subset_problem p = {.n = 3, .budget = &b, .budgets = 1};
    assert_true(cull__subset_fits(&p, 3)); /* .1 + .2 is more than .3 by rounding alone */
    assert_false(cull__subset_fits(&p, 4));
    b.most = INFINITY;
    assert_true(cull__subset_fits(&p, 3));
    assert_false(cull__subset_fits(&p, 4));
    b.most = 0.29999;
    assert_false(cull__subset_fits(&p, 3));
    b.most = 0.25;
    b.widest = true;
    assert_true(cull__subset_fits(&p, 3));
    b.most = 0.15;
    assert_false(cull__subset_fits(&p, 3));
}

static void wrong_input(void **state)
{
    (void)state;
    static world w;
    double cost[3 * MOST];
    cull__subset_budget budget[3];
    cull__subset_answer a;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(36, 0);
    make(&r, &w, 5, 1);
    cull__subset_problem good = problem(&r, &w, cost, budget), p;
    good.budgets = 3;
    good.must = good.from = 0;
    good.allowed = NULL;
    p = good;
    p.n = 65;
    refused(cx, cull__subset_search(cx, &p, &a), CULL_EINPUT, "65 items");
    p = good;
    p.must = 32;
    refused(cx, cull__subset_search(cx, &p, &a), CULL_EINPUT, "none of the 5");
    p = good;
    p.least = 6;
    refused(cx, cull__subset_greedy(cx, &p, false, &a), CULL_EINPUT, "at least 6 of 5");
    budget[2].most = NAN;
    refused(cx, cull__subset_search(cx, &good, &a), CULL_EINPUT, "budget 2 is nan");
    budget[2].most = 9;
    cost[2 * MOST + 4] = -1;
    refused(cx, cull__subset_search(cx, &good, &a), CULL_EINPUT, "item 4 costs -1 of budget 2");
    cost[2 * MOST + 4] = 1;
    good.budgets = 0;
    good.bound = NULL;
    w.odd = 9;
    refused(cx, cull__subset_search(cx, &good, &a), CULL_EINPUT, "the loss of set 9");
    cull_ctx_free(cx);
}

static void memory_and_stops(void **state)
{
    (void)state;
    static world w;
    cull__subset_answer a;
    cull_rng r = cull__rng_seeded(37, 0);
    make(&r, &w, 10, 2);
    cull__subset_problem p = {.n = 10, .loss = loss_of, .bound = bound_of, .arg = &w};
    for (int stops = 0; stops < 2; stops++)
        for (long k = 1;; k++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 1);
            long held = h.live, before = h.calls;
            if (stops)
                h.stop_at = k;
            else
                h.fail_at = before + k;
            cull_status s = cull__subset_search(cx, &p, &a);
            assert_int_equal(h.live, held);
            bool met = stops ? h.ticks >= k : h.calls >= before + k;
            assert_int_equal(s, !met ? CULL_OK : stops ? CULL_ECANCEL : CULL_ENOMEM);
            cull_ctx_free(cx);
            if (!met || k == 200) {
                assert_true(k > 2);
                break;
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_is_exact),      cmocka_unit_test(exact_bounds_measure_once),
        cmocka_unit_test(a_limit_leaves_a_gap), cmocka_unit_test(knapsacks),
        cmocka_unit_test(greedy_as_defined),    cmocka_unit_test(budgets_add_up),
        cmocka_unit_test(wrong_input),          cmocka_unit_test(memory_and_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* cmim: against a greedy choice that finds every entropy again, pair by pair. */
#include "table.h"

static double score_of(const coded *k, const int *member, int members, int c)
{
    double least = k->relevance[c];
    for (int i = 0; i < members; i++)
        least = fmin(least, plain_given(k->code[c], k->y, k->code[member[i]]));
    return fmax(least, 0); /* but for rounding */
}

static void greedy(void **state)
{
    (void)state;
    for (int way = 0; way < 8; way++) {
        bool width = way & 1, numbers = way & 2, costs = way & 4;
        const char *set[] = {"binning",  width ? "width" : "frequency", "bins", "4",
                             "per-cost", costs ? "yes" : "no",          NULL};
        cull_ctx *cx = cull_ctx_new(NULL);
        table *t = table_new(cx, true, true, numbers);
        coded *plain = coded_new(t, 4, width);
        cull_feature_pick k;
        int member[D] = {HELD}, members = 1;
        double spent = 0;
        t->p.cost = costs ? t->cost : NULL;
        t->p.have = way < 6 ? t->have : NULL;
        if (!t->p.have) members = 0;
        select_by(cx, "cmim", set, &t->p, &k);
        for (int64_t i = 0; i < k.pick.n; i++) {
            int best = -1, got = (int)k.pick.idx[i];
            double most = -INFINITY;
            for (int c = 0; c < D; c++) {
                bool out = isnan(plain->relevance[c]);
                for (int j = 0; j < members; j++) out |= member[j] == c;
                if (out || spent + (costs ? t->cost[c] : 1) > t->p.budget) continue;
                double s = score_of(plain, member, members, c);
                if (costs) s = s >= 0 ? s / t->cost[c] : s * t->cost[c];
                if (best < 0 || s > most) best = c, most = s;
            }
            assert_int_equal(got, best);
            double own = score_of(plain, member, members, got);
            assert_true(close_to(k.pick.score[i], own, 1e-12));
            assert_true(k.score[got] == k.pick.score[i]);
            spent += costs ? t->cost[got] : 1;
            member[members++] = got;
        }
        assert_true(k.pick.n >= 3);
        for (int c = 0; c < D; c++) { /* the others: an upper bound */
            bool in = false;
            for (int j = 0; j < members; j++) in |= member[j] == c;
            if (in) continue;
            if (isnan(plain->relevance[c])) {
                assert_true(isnan(k.score[c]));
                continue;
            }
            assert_true(k.score[c] >= score_of(plain, member, members, c) - 1e-12);
            assert_true(k.score[c] <= plain->relevance[c] + 1e-12);
        }
        cull_feature_pick_free(&k);
        holds_up("cmim", set, &t->p);
        free(plain);
        table_free(t);
        cull_ctx_free(cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(greedy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

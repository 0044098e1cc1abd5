/* fcbf: against the definition, with every entropy found again. */
#include "table.h"

static double uncertainty(const int *a, const int *b)
{
    double both = plain_entropy(a, NULL, NULL, N) + plain_entropy(b, NULL, NULL, N);
    return 2 * plain_mutual(a, b) / both;
}

static void predominant(void **state)
{
    (void)state;
    int rejected = 0, irrelevant = 0;
    for (int way = 0; way < 8; way++) {
        bool numbers = way & 1, costs = way & 2, held = way & 4;
        const char *set[] = {"bins", "5", "delta", numbers ? "0.02" : "0.05", NULL};
        double delta = numbers ? 0.02 : 0.05, su[D], spent = 0;
        cull_ctx *cx = cull_ctx_new(NULL);
        table *t = table_new(cx, true, true, numbers);
        coded *plain = coded_new(t, 5, false);
        cull_feature_pick k;
        int order[D], n = 0, verdict[D] = {0}, kept[D], keeps = 0;
        t->p.cost = costs ? t->cost : NULL;
        t->p.budget = costs ? 4 : INFINITY;
        t->p.have = held ? t->have : NULL;
        for (int c = 0; c < D; c++) {
            su[c] = isnan(plain->relevance[c]) ? NAN : uncertainty(plain->code[c], plain->y);
            if (!(su[c] >= delta)) {
                irrelevant += !isnan(su[c]);
                continue;
            }
            int at = n++;
            for (; at > 0 && su[order[at - 1]] < su[c]; at--) order[at] = order[at - 1];
            order[at] = c;
            verdict[c] = CULL_TENTATIVE;
        }
        if (held) verdict[HELD] = CULL_TENTATIVE;
        for (int pass = held ? 0 : 1; pass < 2; pass++) /* what is held comes first */
            for (int i = 0; i < n; i++) {
                int c = order[i];
                bool has = held && c == HELD;
                if (has == pass || verdict[c] != CULL_TENTATIVE) continue;
                double cost = costs ? t->cost[c] : 1;
                if (!has && spent + cost > t->p.budget) continue;
                if (!has) spent += cost, verdict[c] = CULL_CONFIRMED, kept[keeps++] = c;
                for (int j = 0; j < n; j++) {
                    int q = order[j];
                    if (q == c || verdict[q] != CULL_TENTATIVE || (held && q == HELD)) continue;
                    if (su[q] > su[c] || uncertainty(plain->code[c], plain->code[q]) < su[q])
                        continue;
                    verdict[q] = CULL_REJECTED;
                    rejected++;
                }
            }
        select_by(cx, "fcbf", set, &t->p, &k);
        assert_int_equal(k.pick.n, keeps);
        for (int i = 0; i < keeps; i++) {
            assert_int_equal(k.pick.idx[i], kept[i]);
            assert_true(k.pick.score[i] == k.score[kept[i]]);
        }
        for (int c = 0; c < D; c++) {
            assert_true(close_to(k.score[c], su[c], 1e-12));
            assert_int_equal(k.verdict[c], verdict[c]);
        }
        cull_feature_pick_free(&k);
        holds_up("fcbf", set, &t->p);
        free(plain);
        table_free(t);
        cull_ctx_free(cx);
    }
    assert_true(rejected > 0 && irrelevant > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(predominant)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

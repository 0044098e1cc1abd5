/* tfidf-mean: the order is that of the cosine to the mean, and what shares no word comes last. */
#include "textfile.h"

#include "cull/data.h"
#include "cull/embed.h"

static void nearest(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static const char *const pool[] = {
        "the apple and the pear",
        "a socket binds to a port",
        "grapes grow on old vines",
        "bind the socket to an port",
        "the pear tree",
        "open a socket then bind it",
        "plum fig cherry",
        "routes and packets",
        "the old port of the town",
    };
    static const char *const target[] = {"bind a socket to a port", "a socket listens on a port"};
    enum { N = 9 };
    textfile a = textfile_new(cx, pool, N), b = textfile_new(cx, target, 2);
    cull_data_problem p = {.n = N, .text = a.corpus, .target_text = b.corpus, .budget = N};
    cull_embed_opts o = CULL_EMBED_OPTS;
    double score[N];
    cull_pick k;
    ok(cx, cull_corpus_tfidf(cx, a.corpus, b.corpus, &o, score));
    ok(cx, cull_data_pick(cx, cull_method_find("tfidf-mean", NULL), NULL, &p, &k));
    assert_int_equal(k.n, N);
    for (int i = 0; i < N; i++) {
        assert_true(k.score[i] == score[k.idx[i]]);
        assert_true(i == 0 || k.score[i] < k.score[i - 1] ||
                    (k.score[i] == k.score[i - 1] && k.idx[i] > k.idx[i - 1]));
        assert_true(k.score[i] >= 0 && k.score[i] <= 1 + 1e-6);
    }
    assert_int_equal(k.idx[0], 1);
    for (int i = 0; i < 3; i++) /* the three about sockets lead */
        assert_true(k.idx[i] == 1 || k.idx[i] == 3 || k.idx[i] == 5);
    assert_true(k.score[N - 1] == 0); /* no word in common */
    cull_pick_free(&k);
    textfile_free(&a), textfile_free(&b);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nearest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

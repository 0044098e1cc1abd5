/* minhash: estimates against true Jaccard similarities, the chance to be compared, which stays. */
#include "textfile.h"

#include "base/base.h"
#include "cull/data.h"

enum { N = 300, WORDS = 60 };

static cull_pick pick(cull_ctx *cx, const cull_data_problem *p, const char *const *set)
{
    const cull_method *method = cull_method_find("minhash", NULL);
    cull_opts *o;
    cull_pick k;
    ok(cx, cull_opts_new(cx, method, &o));
    for (; *set; set += 2) ok(cx, cull_opts_set(cx, o, set[0], set[1]));
    ok(cx, cull_data_pick(cx, method, o, p, &k));
    cull_opts_free(o);
    return k;
}

static char *text_of(const int *word, int n)
{
    char *s = malloc((size_t)n * 12 + 1), *at = s;
    *s = 0;
    for (int i = 0; i < n; i++) at += sprintf(at, "%sw%d", i ? (i % 7 ? " " : ", ") : "", word[i]);
    return s;
}

/* Shared 3-grams over all of both, as sets. */
static double jaccard(const int *a, int n, const int *b, int m)
{
    int both = 0, own = 0, other = 0;
    for (int side = 0; side < 2; side++) {
        const int *x = side ? b : a, *y = side ? a : b;
        int xn = side ? m : n, yn = side ? n : m;
        for (int i = 0; i + 3 <= xn; i++) {
            bool before = false, there = false;
            for (int j = 0; j < i; j++) before |= !memcmp(x + i, x + j, 3 * sizeof *x);
            for (int j = 0; j + 3 <= yn; j++) there |= !memcmp(x + i, y + j, 3 * sizeof *x);
            if (before) continue;
            if (side)
                other++;
            else
                own++, both += there;
        }
    }
    return (double)both / (own + other - both);
}

static void estimates(void **state)
{
    (void)state;
    static int word[N][2 * WORDS], len[N];
    char *text[N];
    cull_rng r = cull__rng_seeded(4, 4);
    for (int i = 0; i < N; i++) {
        int from = i % 3 == 2 ? (int)cull__rng_below(&r, i) : -1;
        len[i] = from < 0 ? WORDS + (int)cull__rng_below(&r, WORDS) : len[from];
        for (int k = 0; k < len[i]; k++)
            word[i][k] = from < 0 ? (int)cull__rng_below(&r, 50000) : word[from][k];
        for (int k = 0; from >= 0 && k < i % 4; k++) /* a few words are others */
            word[i][cull__rng_below(&r, len[i])] = (int)cull__rng_below(&r, 50000);
        text[i] = text_of(word[i], len[i]);
    }
    cull_ctx *cx = cull_ctx_new(NULL);
    textfile f = textfile_new(cx, (const char *const *)text, N);
    cull_data_problem p = {.n = N, .text = f.corpus, .budget = N};
    const char *const set[] = {"ngram", "3", "bands", "200", "rows", "3", "threshold", "0.6", NULL};
    cull_pick k = pick(cx, &p, set);
    double off = 0;
    int gone = 0;
    for (int i = 0; i < N; i++) {
        int to = (int)k.stands[i];
        if (to != i) {
            double j = jaccard(word[i], len[i], word[to], len[to]);
            gone++;
            off += fabs(j - (double)k.like[i]);
            assert_true(j > 0.45 && fabs(j - (double)k.like[i]) < 0.1);
        }
        for (int j = 0; j < i; j++) /* whoever stays has no copy before it that stays */
            if (to == i && k.stands[j] == j)
                assert_true(jaccard(word[i], len[i], word[j], len[j]) < 0.75);
    }
    assert_true(gone > N / 5 && off / gone < 0.02); /* 600 values: 0.02 at most, as a rule */
    cull_pick_free(&k);
    textfile_free(&f);
    cull_ctx_free(cx);
    for (int i = 0; i < N; i++) free(text[i]);
}

/* Pairs of sets with a similarity of 2/3 meet in a band with a chance of 0.427. */
static void curve(void **state)
{
    (void)state;
    enum { PAIRS = 800 };
    static char *text[2 * PAIRS];
    int word[100], found = 0;
    for (int i = 0; i < 2 * PAIRS; i++) {
        for (int k = 0; k < 100; k++) word[k] = i / 2 * 1000 + (k < 80 ? k : 100 * (1 + i % 2) + k);
        text[i] = text_of(word, 100);
    }
    cull_ctx *cx = cull_ctx_new(NULL);
    textfile f = textfile_new(cx, (const char *const *)text, 2 * PAIRS);
    cull_data_problem p = {.n = 2 * PAIRS, .text = f.corpus, .budget = 2 * PAIRS};
    const char *const set[] = {"ngram", "1", "threshold", "0.01", NULL};
    cull_pick k = pick(cx, &p, set);
    for (int i = 0; i < 2 * PAIRS; i++) {
        if (k.stands[i] == i) continue;
        assert_int_equal(k.stands[i], i - 1);
        found++;
    }
    assert_true(fabs((double)found / PAIRS - 0.427) < 4 * sqrt(0.427 * 0.573 / PAIRS));
    cull_pick_free(&k);
    textfile_free(&f);
    cull_ctx_free(cx);
    for (int i = 0; i < 2 * PAIRS; i++) free(text[i]);
}

static void which(void **state)
{
    (void)state;
    static const char *const text[] = {"a b c d e f g h i j k l",
                                       "A b c, d e f g h i j k l!",
                                       "a b c d e f g h i j k l m",
                                       "",
                                       "...",
                                       "one two",
                                       "One two",
                                       "one two three"};
    cull_ctx *cx = cull_ctx_new(NULL);
    textfile f = textfile_new(cx, text, 8);
    cull_data_problem p = {.n = 8, .text = f.corpus, .budget = 8};
    const char *const first[] = {"threshold", "0.7", "rows", "2", NULL};
    const char *const longest[] = {"threshold", "0.7", "rows", "2", "keep", "longest", NULL};
    cull_pick k = pick(cx, &p, first);
    const int64_t want[] = {0, 0, 0, 3, 4, 5, 5, 7}, other[] = {2, 2, 2, 3, 4, 5, 5, 7};
    assert_memory_equal(k.stands, want, sizeof want);
    cull_pick_free(&k);
    k = pick(cx, &p, longest);
    assert_memory_equal(k.stands, other, sizeof other);
    assert_string_equal(k.stays, "longest");
    cull_pick_free(&k);
    textfile_free(&f);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(estimates), cmocka_unit_test(curve),
                                       cmocka_unit_test(which)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

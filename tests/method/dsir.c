/* dsir: log weights against plain counts of words and pairs, and the draw against the weights. */
#include "textfile.h"

#include <ctype.h>

#include "base/base.h"
#include "cull/data.h"

enum { N = 60, T = 9, WORDS = 14, MOST = 4096 };

static char *sentence(cull_rng *r, int lean)
{
    static const char *const word[WORDS] = {"socket", "packet", "Bind",  "port",  "route",
                                            "the",    "a",      "of",    "apple", "pear",
                                            "Plum",   "fig",    "grape", "tree"};
    char *s = calloc(1, 512);
    int n = 4 + (int)cull__rng_below(r, 12);
    for (int i = 0; i < n; i++) {
        int64_t w = cull__rng_below(r, WORDS);
        if (lean && cull__rng_below(r, 2)) w = lean > 0 ? w % 5 : 8 + w % 6;
        strcat(s, word[w]);
        strcat(s, i % 5 == 4 ? ", " : " ");
    }
    return s;
}

/* Counts by the text of each word and each pair: no hashing. */
typedef struct {
    int n;
    char gram[MOST][40];
    double count[MOST];
} bag;

static void add(bag *b, const char *gram)
{
    int i = 0;
    while (i < b->n && strcmp(b->gram[i], gram)) i++;
    if (i == b->n) snprintf(b->gram[b->n++], sizeof b->gram[0], "%s", gram);
    b->count[i]++;
}

static void grams(bag *b, const char *text)
{
    char word[20] = "", last[20] = "", pair[40];
    for (size_t i = 0, n = 0;; i++) {
        if (isalnum((unsigned char)text[i])) {
            word[n++] = (char)tolower((unsigned char)text[i]);
            word[n] = 0;
            continue;
        }
        if (n) {
            add(b, word);
            snprintf(pair, sizeof pair, "%s %s", last, word);
            if (*last) add(b, pair);
            memcpy(last, word, sizeof last);
            n = 0;
        }
        if (!text[i]) return;
    }
}

static double probability(const bag *b, const char *gram, double alpha, double buckets)
{
    double sum = 0, c = 0;
    for (int i = 0; i < b->n; i++) {
        sum += b->count[i];
        if (!strcmp(b->gram[i], gram)) c = b->count[i];
    }
    return (c + alpha) / (sum + alpha * buckets);
}

static void weights(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng(cx, 6);
    char *pool[N], *target[T];
    static bag all, aim;
    double want[N];
    memset(&all, 0, sizeof all), memset(&aim, 0, sizeof aim);
    for (int i = 0; i < N; i++) grams(&all, pool[i] = sentence(&r, i % 3 - 1));
    for (int i = 0; i < T; i++) grams(&aim, target[i] = sentence(&r, 1));
    for (int i = 0; i < N; i++) {
        bag own = {0};
        grams(&own, pool[i]);
        want[i] = 0;
        for (int g = 0; g < own.n; g++)
            want[i] += own.count[g] * (log(probability(&aim, own.gram[g], 0.5, 1 << 24)) -
                                       log(probability(&all, own.gram[g], 0.5, 1 << 24)));
    }
    textfile a = textfile_new(cx, (const char *const *)pool, N);
    textfile b = textfile_new(cx, (const char *const *)target, T);
    const cull_method *m = cull_method_find("dsir", NULL);
    cull_data_problem p = {.n = N, .text = a.corpus, .target_text = b.corpus, .budget = N};
    cull_opts *o;
    cull_pick k;
    ok(cx, cull_opts_new(cx, m, &o));
    ok(cx, cull_opts_set(cx, o, "buckets", "16777216")); /* no two n-grams share a bucket */
    ok(cx, cull_opts_set(cx, o, "alpha", "0.5"));
    ok(cx, cull_opts_set(cx, o, "sample", "false"));
    ok(cx, cull_data_pick(cx, m, o, &p, &k));
    for (int64_t i = 0; i < N; i++) {
        assert_true(fabs(k.score[i] - want[k.idx[i]]) < 1e-9 * (1 + fabs(want[k.idx[i]])));
        assert_true(i == 0 || k.score[i] <= k.score[i - 1]);
    }
    cull_pick_free(&k);
    cull_opts_free(o);
    textfile_free(&a), textfile_free(&b);
    for (int i = 0; i < N; i++) free(pool[i]);
    for (int i = 0; i < T; i++) free(target[i]);
    cull_ctx_free(cx);
}

/* The first of three is drawn in proportion to its weight. */
static void draw(void **state)
{
    (void)state;
    cull_ctx_opts one = CULL_CTX_OPTS;
    one.threads = 1;
    cull_ctx *cx = cull_ctx_new(&one);
    static const char *const pool[] = {"socket pear", "socket port", "pear fig"},
                             *const target[] = {"socket fig"};
    textfile a = textfile_new(cx, pool, 3), b = textfile_new(cx, target, 1);
    const cull_method *m = cull_method_find("dsir", NULL);
    cull_data_problem p = {.n = 3, .text = a.corpus, .target_text = b.corpus, .budget = 3};
    enum { DRAWS = 1500 };
    double count[3] = {0}, weight[3], sum = 0, chi = 0;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        cull_pick k;
        cull_ctx_reseed(cx, seed);
        ok(cx, cull_data_pick(cx, m, NULL, &p, &k));
        count[k.idx[0]]++;
        for (int i = 0; i < 3; i++) weight[k.idx[i]] = exp(k.score[i]);
        cull_pick_free(&k);
    }
    for (int i = 0; i < 3; i++) sum += weight[i];
    for (int i = 0; i < 3; i++) {
        double expect = DRAWS * weight[i] / sum;
        chi += (count[i] - expect) * (count[i] - expect) / expect;
    }
    assert_true(chi < 13.9); /* 2 degrees of freedom, p = 0.001 */
    assert_true(weight[0] != weight[1]);
    textfile_free(&a), textfile_free(&b);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(weights), cmocka_unit_test(draw)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

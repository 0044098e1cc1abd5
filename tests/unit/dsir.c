/* DSIR: counts of n-grams by string, in the test, against the library's hashed ones. */
#include "test.h"

#include <unistd.h>

#include "cull/corpus.h"
#include "repr/repr.h"
#include "score/score.h"

typedef struct {
    int n;
    char text[400][256], path[64];
    cull_corpus *c;
} texts;

enum { WORDS = 14 };

static uint32_t next(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*s >> 33);
}

/* Words w0 .. w13, the low ones likelier, the more so the larger `skew`; text 7 is empty, and so is
 * the only one of n = -1. */
static texts *make_texts(cull_ctx *cx, int n, unsigned skew, uint64_t seed)
{
    texts *t = calloc(1, sizeof *t);
    t->n = n < 0 ? 1 : n;
    strcpy(t->path, "/tmp/cull-dsir-XXXXXX");
    FILE *f = fdopen(mkstemp(t->path), "w");
    for (int i = 0; i < t->n; i++) {
        for (unsigned k = i == 7 || n < 0 ? 0 : 1 + next(&seed) % 30; k; k--) {
            uint32_t a = next(&seed) % WORDS;
            for (unsigned s = 0; s < skew; s++) {
                uint32_t b = next(&seed) % WORDS;
                a = a < b ? a : b;
            }
            sprintf(t->text[i] + strlen(t->text[i]), next(&seed) % 2 ? "w%u " : "W%u. ", a);
        }
        fprintf(f, "{\"text\": \"%s\"}\n", t->text[i]);
    }
    fclose(f);
    const char *path = t->path;
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = &path;
    o.npaths = 1;
    o.format = "jsonl";
    o.text = "text";
    ok(cx, cull_corpus_open(cx, &o, &t->c));
    return t;
}

static void free_texts(texts *t)
{
    cull_corpus_free(t->c);
    unlink(t->path);
    free(t);
}

/* Counts by number of the word, pair by pair: no hash.. */
typedef struct {
    double one[WORDS], two[WORDS][WORDS], total;
} table;

static int words_of(const char *s, int *w)
{
    int n = 0;
    for (; *s; s++)
        if (*s == 'w' || *s == 'W') w[n++] = atoi(s + 1);
    return n;
}

static void count(const texts *t, table *k)
{
    memset(k, 0, sizeof *k);
    for (int i = 0; i < t->n; i++) {
        int w[64], n = words_of(t->text[i], w);
        for (int j = 0; j < n; j++) {
            k->one[w[j]]++, k->total++;
            if (j) k->two[w[j - 1]][w[j]]++, k->total++;
        }
    }
}

/* With so many buckets that no two n-grams meet, buckets are n-grams. */
static void reference(void **state)
{
    (void)state;
    enum { BUCKETS = 1 << 20 };
    const double alpha = 1e-6;
    double out[3][400];
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        texts *pool = make_texts(cx, 400, 1, 1), *target = make_texts(cx, 40, 4, 2);
        ok(cx, cull__dsir(cx, pool->c, target->c, BUCKETS, alpha, out[threads]));
        if (threads == 1) {
            static table p, t;
            double likely = 0, unlikely = 0;
            count(pool, &p);
            count(target, &t);
            for (int i = 0; i < pool->n; i++) {
                int w[64], n = words_of(pool->text[i], w);
                double want = 0;
                for (int j = 0; j < n; j++) {
                    double zt = t.total + alpha * BUCKETS, zp = p.total + alpha * BUCKETS;
                    want += log((t.one[w[j]] + alpha) / zt) - log((p.one[w[j]] + alpha) / zp);
                    if (j)
                        want += log((t.two[w[j - 1]][w[j]] + alpha) / zt) -
                                log((p.two[w[j - 1]][w[j]] + alpha) / zp);
                }
                assert_true(fabs(want - out[1][i]) < 1e-8 * (1 + fabs(want)));
                if (want > 0) likely++;
                if (want < 0) unlikely++;
            }
            assert_true(likely > 3 && unlikely > 20);
            assert_true(out[1][7] == 0);
        }
        free_texts(pool), free_texts(target);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(out[1], out[2], sizeof out[1]);
}

static void edges(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    texts *pool = make_texts(cx, 20, 1, 1), *none = make_texts(cx, -1, 1, 1);
    double out[20];
    ok(cx, cull__dsir(cx, pool->c, pool->c, 10000, 1, out)); /* the target is the pool */
    for (int i = 0; i < 20; i++) assert_true(fabs(out[i]) < 1e-12);
    ok(cx, cull__dsir(cx, pool->c, pool->c, 1, 1, out));
    refused(cx, cull__dsir(cx, pool->c, none->c, 100, 1, out), CULL_EINPUT,
            "there is no word in the target");
    refused(cx, cull__dsir(cx, pool->c, pool->c, 0, 1, out), CULL_EOPTION, "buckets is 0; it must");
    refused(cx, cull__dsir(cx, pool->c, pool->c, 9, 0, out), CULL_EOPTION, "alpha is 0; it must");
    refused(cx, cull__dsir(cx, pool->c, pool->c, 9, NAN, out), CULL_EOPTION, "alpha is nan");
    free_texts(pool), free_texts(none);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void failures(void **state)
{
    (void)state;
    for (int stop = 0; stop < 2; stop++) {
        bool done = false;
        for (long k = 1; !done; k++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 2);
            texts *pool = make_texts(cx, 300, 1, 1);
            double out[300];
            long *counter = stop ? &h.ticks : &h.calls;
            *counter = 0;
            *(stop ? &h.stop_at : &h.fail_at) = k;
            cull_status s = cull__dsir(cx, pool->c, pool->c, 1000, 1, out);
            done = *counter < k;
            if (done) ok(cx, s);
            if (s != CULL_OK) assert_int_equal(s, stop ? CULL_ECANCEL : CULL_ENOMEM);
            free_texts(pool);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference),
        cmocka_unit_test(edges),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

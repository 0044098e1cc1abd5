/* overlap: words against a slow reading of their definition, overlap and copies against sets of
 * strings. */
#include "test.h"

#include <unistd.h>

#include "cull/corpus.h"
#include "repr/repr.h"

/* ---- words ---- */

typedef struct {
    char word[400][300];
    uint64_t hash[400];
    int n;
} words;

static void note(void *arg, uint64_t hash, const char *at, size_t n)
{
    words *w = arg;
    assert_true(w->n < 400 && n < 300);
    memcpy(w->word[w->n], at, n);
    w->word[w->n][n] = 0;
    w->hash[w->n++] = hash;
}

static void definition(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want; /* the words, with '|' between them */
    } t[] = {
        {"", ""},
        {"  ,.; ", ""},
        {"a", "a|"},
        {"Hello, World! x2", "Hello|World|x2|"},
        {"don't stop", "don|t|stop|"},
        {"caf\xc3\xa9 \xc3\x89T\xc3\x89", "caf\xc3\xa9|\xc3\x89T\xc3\x89|"},
        {"a\xe2\x80\x94"
         "b \xc2\xab"
         "c\xc2\xbb",
         "a|b|c|"},                                /* dash, guillemets */
        {"x\xe3\x80\x82y\xef\xbc\x8cz", "x|y|z|"}, /* CJK full stop, comma */
        {"\xe6\x97\xa5\xe6\x9c\xac"
         "go",
         "\xe6\x97\xa5|\xe6\x9c\xac|go|"}, /* Han: one by one */
        {"go\xe6\x97\xa5", "go|\xe6\x97\xa5|"},
        {"\xed\x95\x9c\xea\xb5\xad", "\xed\x95\x9c\xea\xb5\xad|"}, /* Hangul has spaces */
        {"\xd0\xbf\xd1\x80\xd0\xb8 \xd0\xb2", "\xd0\xbf\xd1\x80\xd0\xb8|\xd0\xb2|"},
        {"a\xf0\x9f\x98\x80"
         "b",
         "a|b|"}, /* an emoji */
        {"ok\xff\xfe"
         "bad\xc3",
         "ok|bad|"}, /* no UTF-8 */
        {"abcdefg\xc3\xa1z abcdefgh abcdefghi", "abcdefg\xc3\xa1z|abcdefgh|abcdefghi|"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        words w = {.n = 0};
        char got[512] = "";
        cull__words(t[i].text, strlen(t[i].text), note, &w);
        for (int k = 0; k < w.n; k++) strcat(strcat(got, w.word[k]), "|");
        if (strcmp(got, t[i].want)) fail_msg("'%s': %s, not %s", t[i].text, got, t[i].want);
    }
}

/* Random ASCII and accents: runs by a loop of isalnum; equal hashes for equal lower-cased words. */
static void random_words(void **state)
{
    (void)state;
    cull_rng r = cull__rng_seeded(9, 9);
    static const char set[] = "aAbBzZ059 .,-_@[`{/:";
    for (int round = 0; round < 20000; round++) {
        char text[300], up[300];
        size_t n = (size_t)cull__rng_below(&r, round % 50 == 0 ? 290 : 40);
        bool letters = round % 3 == 0; /* long words */
        for (size_t i = 0; i < n; i++) {
            text[i] = set[cull__rng_below(&r, letters ? 9 : 20)];
            if (i && cull__rng_below(&r, 8) == 0) {
                bool accent = (text[i - 1] & 0x80) == 0;
                if (accent && i + 1 < n) text[i] = '\xc3', text[++i] = '\xa1';
            }
        }
        char *copy = malloc(n ? n : 1); /* exact: a read past the end shows */
        if (n) memcpy(copy, text, n);
        words *w = calloc(2, sizeof *w);
        cull__words(copy, n, note, w);
        int k = 0;
        for (size_t i = 0; i < n;) {
            size_t from = i;
            while (i < n && ((text[i] & 0x80) || strchr("aAbBzZ059", text[i]))) i++;
            if (i > from) {
                assert_true(k < w->n);
                assert_int_equal(strlen(w->word[k]), i - from);
                assert_memory_equal(w->word[k], text + from, i - from);
                k++;
            } else {
                i++;
            }
        }
        assert_int_equal(k, w->n);
        for (size_t i = 0; i < n; i++)
            up[i] = text[i] >= 'a' && text[i] <= 'z' ? text[i] - 32 : text[i];
        cull__words(up, n, note, w + 1);
        assert_int_equal(w[0].n, w[1].n);
        for (int a = 0; a < w[0].n; a++) {
            assert_true(w[0].hash[a] == w[1].hash[a]);
            for (int b = 0; b < a && b < 20; b++)
                assert_true((w->hash[a] == w->hash[b]) == !strcasecmp(w->word[a], w->word[b]));
        }
        uint64_t some[3] = {0};
        assert_int_equal(cull__word_hashes(copy, n, some, 2), w->n);
        assert_true(!some[2] && (w->n < 1 || some[0] == w->hash[0]));
        free(copy);
        free(w);
    }
}

/* ---- texts with planted overlaps ---- */

enum { POOL = 1500, EVAL = 40, MOST = 40 };

static char dir[64];

static cull_corpus *corpus_of(cull_ctx *cx, char (*text)[600], int n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/XXXXXX", dir); /* it stays for the passes */
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    for (int i = 0; i < n; i++) fprintf(f, "{\"text\":\"%s\"}\n", text[i]);
    fclose(f);
    const char *p = path;
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    cull_corpus *c;
    o.paths = &p, o.npaths = 1;
    o.format = "jsonl";
    ok(cx, cull_corpus_open(cx, &o, &c));
    return c;
}

static void random_text(cull_rng *r, char *out, int count, int vocabulary)
{
    *out = 0;
    for (int i = 0; i < count; i++)
        sprintf(out + strlen(out), "%s%s%d", i ? (i % 5 ? " " : ", ") : "", i % 3 ? "w" : "W",
                (int)cull__rng_below(r, vocabulary));
}

/* The words of a text as lower-cased strings; the texts above only. */
static int split(const char *text, char (*out)[16])
{
    int n = 0;
    for (const char *p = text; *p;) {
        size_t k = strcspn(p, " ,");
        if (k) {
            snprintf(out[n], 16, "%.*s", (int)k, p);
            out[n][0] = 'w';
            n++;
        }
        p += k + (p[k] != 0);
    }
    return n;
}

static bool same(char (*a)[16], char (*b)[16], int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(a[i], b[i])) return false;
    return true;
}

typedef struct {
    char pool[POOL][600], eval[EVAL][600];
    char pw[POOL][MOST][16], ew[EVAL][MOST][16];
    int pn[POOL], en[EVAL];
} planted;

static planted *plant(void)
{
    planted *t = calloc(1, sizeof *t);
    cull_rng r = cull__rng_seeded(21, 3);
    for (int i = 0; i < EVAL; i++) random_text(&r, t->eval[i], 1 + i % 30, 40);
    for (int i = 0; i < POOL; i++) {
        random_text(&r, t->pool[i], (int)cull__rng_below(&r, 30), 40);
        int e = (int)cull__rng_below(&r, EVAL);
        if (i % 4 == 0 && strlen(t->pool[i]) + strlen(t->eval[e]) < 300) /* within */
            strcat(strcat(t->pool[i], " "), t->eval[e]);
        if (i % 9 == 0) strcpy(t->pool[i], t->eval[e]);
    }
    for (int i = 0; i < POOL; i++) {
        char w[100][16];
        t->pn[i] = split(t->pool[i], w);
        if (t->pn[i] > MOST) { /* keep to what the arrays hold */
            t->pn[i] = MOST;
            t->pool[i][0] = 0;
            for (int k = 0; k < MOST; k++) strcat(strcat(t->pool[i], k ? " " : ""), w[k]);
        }
        memcpy(t->pw[i], w, sizeof t->pw[i]);
    }
    for (int i = 0; i < EVAL; i++) t->en[i] = split(t->eval[i], t->ew[i]);
    return t;
}

static void against_eval(void **state)
{
    (void)state;
    planted *t = plant();
    static const int ngrams[] = {3, 8, 13};
    static const double shares[] = {0, 0.5, 1};
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        cull_corpus *c = corpus_of(cx, t->pool, POOL), *e = corpus_of(cx, t->eval, EVAL);
        for (int a = 0; a < 3; a++) {
            for (int b = 0; b < 3; b++) {
                int n = ngrams[a], hits = 0;
                uint8_t avoid[POOL];
                cull_overlaps got;
                ok(cx, cull_corpus_overlap(cx, c, e, n, shares[b], avoid, &got));
                for (int i = 0; i < POOL; i++) {
                    int shared = 0, first = -1, total = t->pn[i] - n + 1, at = -1, len = 0;
                    if (total < 1) total = 1;
                    for (int p = 0; p < t->pn[i]; p++) {
                        bool here = false;
                        for (int j = 0; j < EVAL; j++) {
                            int m = t->en[j] < n ? t->en[j] : n;
                            if ((m < n && m < 5) || p + m > t->pn[i]) continue;
                            for (int q = 0; q + m <= t->en[j]; q++)
                                if (same(t->pw[i] + p, t->ew[j] + q, m)) {
                                    here = true;
                                    if (first < 0 || j < first) first = j;
                                    if (at < 0 || (at == p && m > len)) at = p, len = m;
                                }
                        }
                        shared += here;
                    }
                    if (shared > total) shared = total;
                    bool bad = shared && shared >= shares[b] * total;
                    assert_int_equal(avoid[i], bad);
                    if (!bad) continue;
                    assert_true(hits < got.n);
                    cull_overlap *o = &got.hit[hits++];
                    assert_int_equal(o->row, i);
                    assert_int_equal(o->shared, shared);
                    assert_int_equal(o->total, total);
                    assert_int_equal(o->eval_row, first);
                    char w[MOST][16];
                    assert_int_equal(split(o->sample, w), len);
                    assert_true(same(w, t->pw[i] + at, len));
                }
                assert_int_equal(hits, got.n);
                assert_true(hits > 50 && hits < POOL - 200);
                cull_overlaps_free(&got);
            }
        }
        uint8_t avoid[POOL];
        refused(cx, cull_corpus_overlap(cx, c, e, 1, 0, avoid, NULL), CULL_EOPTION, "2 to 64");
        refused(cx, cull_corpus_overlap(cx, c, e, 3, 1.5, avoid, NULL), CULL_EOPTION, "0 to 1");
        cull_corpus_free(c);
        cull_corpus_free(e);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    free(t);
}

static int top(int *up, int i)
{
    while (up[i] != i) i = up[i];
    return i;
}

/* Short texts (at most 16 n-grams each): nothing is sampled, so the answer is exact. */
static void copies(void **state)
{
    (void)state;
    enum { N = 600, G = 5 };
    static char text[N][600], w[N][MOST][16];
    static int wn[N], up[N], want[N];
    cull_rng r = cull__rng_seeded(5, 8);
    for (int i = 0; i < N; i++) {
        random_text(&r, text[i], (int)cull__rng_below(&r, 19), 12);
        if (i > 10 && i % 3 == 0) strcpy(text[i], text[cull__rng_below(&r, i)]);
        wn[i] = split(text[i], w[i]);
    }
    for (int cap = 2; cap <= 1000; cap = cap * 4 + 1) {
        for (int i = 0; i < N; i++) up[i] = i;
        for (int i = 0; i < N; i++)
            for (int j = 0; j < i; j++)
                if (wn[i] && wn[i] == wn[j] && same(w[i], w[j], wn[i])) {
                    int a = top(up, i), b = top(up, j);
                    up[a > b ? a : b] = a > b ? b : a;
                }
        for (int i = 0; i < N; i++)
            for (int p = 0; p + G <= wn[i]; p++) { /* who has this n-gram? */
                int rows[N], k = 0;
                for (int j = 0; j < N; j++)
                    for (int q = 0; q + G <= wn[j]; q++)
                        if (same(w[i] + p, w[j] + q, G)) {
                            rows[k++] = j;
                            break;
                        }
                for (int j = 1; k <= cap && j < k; j++) {
                    int a = top(up, rows[0]), b = top(up, rows[j]);
                    up[a > b ? a : b] = a > b ? b : a;
                }
            }
        int groups = 0;
        for (int i = 0; i < N; i++) want[i] = top(up, i) == i ? groups++ : want[top(up, i)];
        for (int t = 0; t < 3; t++) {
            cull_ctx_opts o = CULL_CTX_OPTS;
            hooks h = {0};
            o.threads = t < 2 ? t + 1 : 2;
            o.memory = t == 2 ? 800 << 10 : 0; /* several rounds */
            o.user = &h, o.alloc = hook_alloc, o.free = hook_free;
            cull_ctx *cx = cull_ctx_new(&o);
            cull_corpus *c = corpus_of(cx, text, N);
            int32_t got[N], n;
            ok(cx, cull_corpus_copies(cx, c, G, cap, got, &n));
            assert_int_equal(n, groups);
            for (int i = 0; i < N; i++) assert_int_equal(got[i], want[i]);
            refused(cx, cull_corpus_copies(cx, c, G, 1, got, &n), CULL_EOPTION, "2 or more");
            cull_corpus_free(c);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
        assert_true(groups > 100 && groups < 500);
    }
}

/* Long near copies are found through the sample: one word in 60 changed. */
static void long_copies(void **state)
{
    (void)state;
    enum { N = 400 };
    static char text[N][600];
    cull_rng r = cull__rng_seeded(6, 6);
    for (int i = 0; i < N; i++) {
        random_text(&r, text[i], 100, 1000);
        if (i % 2) {
            strcpy(text[i], text[i - 1]);
            text[i][strlen(text[i]) / 2] ^= 1; /* a digit, a blank or a letter */
            if (strchr("\"\\", text[i][strlen(text[i]) / 2])) text[i][strlen(text[i]) / 2] = 'q';
        }
    }
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_corpus *c = corpus_of(cx, text, N);
    int32_t g[N], n;
    ok(cx, cull_corpus_copies(cx, c, 13, 100, g, &n));
    assert_int_equal(n, N / 2);
    for (int i = 0; i < N; i++) assert_int_equal(g[i], i / 2);
    cull_corpus_free(c);
    cull_ctx_free(cx);
}

static void failures(void **state)
{
    (void)state;
    static char text[300][600], eval[3][600];
    cull_rng r = cull__rng_seeded(2, 2);
    for (int i = 0; i < 300; i++) random_text(&r, text[i], 20, 5);
    for (int i = 0; i < 3; i++) strcpy(eval[i], text[i * 70]);
    bool done = false;
    for (long at = 2; !done && at < 5000; at += 1 + at / 40) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 2);
        cull_corpus *c = corpus_of(cx, text, 300), *e = corpus_of(cx, eval, 3);
        h.calls = 0;
        h.fail_at = at;
        uint8_t avoid[300];
        int32_t group[300], n;
        cull_overlaps o = {0};
        cull_status s = cull_corpus_overlap(cx, c, e, 4, 0, avoid, &o);
        if (s == CULL_OK) s = cull_corpus_copies(cx, c, 4, 10, group, &n);
        done = h.calls < at;
        if (done ? s != CULL_OK : s != CULL_ENOMEM && s != CULL_OK)
            fail_msg("%d: %s", s, cull_error(cx));
        cull_overlaps_free(&o);
        cull_corpus_free(c);
        cull_corpus_free(e);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(done);
}

int main(void)
{
    strcpy(dir, "/tmp/cull-overlap-XXXXXX");
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definition),   cmocka_unit_test(random_words),
        cmocka_unit_test(against_eval), cmocka_unit_test(copies),
        cmocka_unit_test(long_copies),  cmocka_unit_test(failures),
    };
    int bad = cmocka_run_group_tests(tests, NULL, NULL);
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    if (system(cmd) != 0) bad++;
    return bad;
}

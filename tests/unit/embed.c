/* text features: a dense reference in f64, the SVD against Jacobi, sampling, threads, memory. */
#include "test.h"

#include <unistd.h>

#include "cull/embed.h"
#include "repr/features.h"

/* ---- texts ---- */

static uint64_t mix(uint64_t *s)
{
    *s += 0x9E3779B97F4A7C15u;
    uint64_t z = *s;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

typedef struct {
    int n;
    char **text;
    char path[64];
    cull_corpus *c;
} texts;

static void open_texts(cull_ctx *cx, texts *t)
{
    strcpy(t->path, "/tmp/cull-embed-XXXXXX");
    FILE *f = fdopen(mkstemp(t->path), "w");
    for (int i = 0; i < t->n; i++) fprintf(f, "{\"text\": \"%s\"}\n", t->text[i]);
    fclose(f);
    const char *path = t->path;
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = &path;
    o.npaths = 1;
    o.format = "jsonl";
    o.text = "text";
    ok(cx, cull_corpus_open(cx, &o, &t->c));
    assert_int_equal(cull_corpus_n(t->c), t->n);
}

/* n texts of lo..hi words, some frequent, some rare, some not ASCII; text i is empty if i % gap == 7 */
static texts make_texts(cull_ctx *cx, int n, int lo, int hi, int gap, uint64_t seed)
{
    static const char *const part[] = {
        "ka", "lo",           "mi", "\xC3\xA9t", "ru",  "sen", "tov", "wix",
        "zu", "\xE6\xBC\xA2", "b",  "dar",       "fen", "g7",  "hy",  "Jo"};
    texts t = {.n = n, .text = calloc((size_t)n, sizeof *t.text)};
    for (int i = 0; i < n; i++) {
        char *s = t.text[i] = calloc((size_t)hi + 1, 32);
        int words = gap && i % gap == 7 ? 0 : lo + (int)(mix(&seed) % (uint64_t)(hi - lo + 1));
        for (int w = 0; w < words; w++) {
            uint64_t r = mix(&seed), id = r % 97 * (r >> 32) % 1009 * (r >> 48) % 4001;
            for (int k = 0; k < 3 && (k == 0 || id); k++, id /= 16) strcat(s, part[id % 16]);
            strcat(s, r % 5 == 0 ? ", " : " ");
        }
    }
    open_texts(cx, &t);
    return t;
}

static void free_texts(texts *t)
{
    cull_corpus_free(t->c);
    for (int i = 0; i < t->n; i++) free(t->text[i]);
    free(t->text);
    unlink(t->path);
}

/* ---- dense TF-IDF in f64, written anew ---- */

typedef struct {
    uint64_t w[4096];
    char low[4096][64];
    int n;
} words;

static void keep_word(void *arg, uint64_t hash, const char *at, size_t n)
{
    words *k = arg;
    k->w[k->n] = hash;
    for (size_t i = 0; i < n; i++)
        k->low[k->n][i] = at[i] >= 'A' && at[i] <= 'Z' ? at[i] + 32 : at[i];
    k->low[k->n][n] = 0;
    k->n++;
}

static void tally(double *row, uint64_t h, int bits)
{
    row[(h * 11400714819323198485u) >> (64 - bits)] += 1;
}

static double *dense(const texts *t, const cull_embed_opts *o, const double *idf, double *idf_out)
{
    int64_t f = INT64_C(1) << o->bits;
    double *x = calloc((size_t)(t->n * f), sizeof *x), *df = calloc((size_t)f, sizeof *df);
    words *k = malloc(sizeof *k);
    for (int i = 0; i < t->n; i++) {
        double *row = x + i * f;
        memset(k, 0, sizeof *k);
        cull__words(t->text[i], strlen(t->text[i]), keep_word, k);
        for (int a = 0; a < k->n; a++)
            for (int b = a; b < k->n && o->word_hi; b++) {
                int len = b - a + 1;
                if (len < o->word_lo || len > o->word_hi) continue;
                uint64_t h = k->w[a];
                for (int j = a + 1; j <= b; j++) h = cull__ngram(h, k->w[j]);
                tally(row, h, o->bits);
            }
        for (int a = 0; a < k->n && o->char_hi; a++) {
            char padded[80];
            snprintf(padded, sizeof padded, "\x02%s\x02", k->low[a]);
            int len = (int)strlen(padded);
            for (int p = 0; p < len; p++)
                for (int q = p + 1; q <= len; q++) {
                    int points = 0;
                    if ((padded[p] & 0xC0) == 0x80 || (q < len && (padded[q] & 0xC0) == 0x80))
                        continue;
                    for (int j = p; j < q; j++) points += (padded[j] & 0xC0) != 0x80;
                    if (points >= o->char_lo && points <= o->char_hi)
                        tally(row, cull__hash64(padded + p, (size_t)(q - p), 2), o->bits);
                }
        }
        for (int64_t j = 0; j < f; j++) df[j] += row[j] > 0;
    }
    for (int64_t j = 0; j < f; j++) {
        double w = idf ? idf[j] : log((1.0 + t->n) / (0.5 + df[j]));
        if (idf_out) idf_out[j] = w;
        for (int i = 0; i < t->n; i++) {
            double *v = &x[i * f + j];
            if (*v > 0) *v = (o->sublinear ? 1 + log(*v) : *v) * w;
        }
    }
    for (int i = 0; i < t->n; i++) {
        double s = 0;
        for (int64_t j = 0; j < f; j++) s += x[i * f + j] * x[i * f + j];
        for (int64_t j = 0; j < f && s > 0; j++) x[i * f + j] /= sqrt(s);
    }
    free(df);
    free(k);
    return x;
}

/* Unit rows less their mean, counted with one more text that is 0; of unit length again. */
static void centre(double *x, int64_t n, int64_t f)
{
    double *mean = calloc((size_t)f, sizeof *mean), *size = calloc((size_t)n, sizeof *size);
    int64_t some = 0;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < f; j++) mean[j] += x[i * f + j], size[i] += x[i * f + j];
        some += size[i] > 0;
    }
    for (int64_t i = 0; i < n; i++) {
        double s = 0;
        for (int64_t j = 0; j < f && size[i] > 0; j++) {
            x[i * f + j] -= mean[j] / (double)(some + 1);
            s += x[i * f + j] * x[i * f + j];
        }
        for (int64_t j = 0; j < f && s > 0; j++) x[i * f + j] /= sqrt(s);
    }
    free(mean);
    free(size);
}

/* With as many directions as texts the projection loses nothing: cosines are those of TF-IDF, less
 * what all texts have in common. */
static void full_rank(void **state)
{
    (void)state;
    cull_embed_opts sets[4] = {CULL_EMBED_OPTS, CULL_EMBED_OPTS, CULL_EMBED_OPTS, CULL_EMBED_OPTS};
    sets[1].word_hi = 1, sets[1].char_lo = 2, sets[1].char_hi = 4;
    sets[2].word_lo = 2, sets[2].word_hi = 3, sets[2].sublinear = false;
    sets[3].word_lo = sets[3].word_hi = 0, sets[3].char_lo = sets[3].char_hi = 3;
    for (int s = 0; s < 4; s++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 2);
        texts t = make_texts(cx, 40, 3, 40, 9, 11 + (uint64_t)s);
        cull_embed_opts *o = &sets[s];
        o->bits = 12;
        o->dim = 40;
        int64_t f = INT64_C(1) << o->bits;
        cull_embed *e;
        cull_pool *p;
        ok(cx, cull_embed_fit(cx, t.c, o, &e));
        ok(cx, cull_embed_apply(cx, e, t.c, &p));
        assert_int_equal(cull_pool_n(p), 40);
        assert_int_equal(cull_pool_d(p), 40);
        double *x = dense(&t, o, NULL, NULL), most = 0;
        centre(x, 40, f);
        const float *y = cull_pool_rows(p, 0, 40, NULL);
        for (int a = 0; a < 40; a++)
            for (int b = 0; b <= a; b++) {
                double want = 0, got = 0;
                for (int64_t j = 0; j < f; j++) want += x[a * f + j] * x[b * f + j];
                for (int j = 0; j < 40; j++) got += (double)y[a * 40 + j] * y[b * 40 + j];
                assert_true(fabs(want - got) < 1e-5);
                if (a != b && fabs(want) > most) most = fabs(want);
            }
        assert_true(most > 0.05 && most < 0.999); /* there was something to get wrong */
        for (int j = 0; j < 40; j++) assert_true(y[7 * 40 + j] == 0); /* the empty text */
        free(x);
        cull_pool_free(p);
        cull_embed_free(e);
        free_texts(&t);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

/* Whitened at full rank, X V S^-1 = U: whatever texts share, their rows are at right angles, and less
 * their mean over one more than the n, all at one cosine, c = (n/(n+1) - 2) / (n + 1), over 1 + c;
 * halfway their products lie between those of power 0 and these. */
static void whitened(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    texts t = make_texts(cx, 40, 3, 40, 0, 11);
    double largest[3] = {0}, c = (40 / 41.0 - 2) / 41, same = c / (1 + c);
    for (int i = 0; i < 3; i++) {
        cull_embed_opts o = CULL_EMBED_OPTS;
        cull_embed *e;
        cull_pool *p;
        o.bits = 14;
        o.dim = 40;
        o.power = i / 2.0;
        ok(cx, cull_embed_fit(cx, t.c, &o, &e));
        ok(cx, cull_embed_apply(cx, e, t.c, &p));
        const float *y = cull_pool_rows(p, 0, 40, NULL);
        for (int a = 0; a < 40; a++)
            for (int b = 0; b < a; b++) {
                double dot = 0;
                for (int j = 0; j < 40; j++) dot += (double)y[a * 40 + j] * y[b * 40 + j];
                if (fabs(dot - same) > largest[i]) largest[i] = fabs(dot - same);
            }
        cull_pool_free(p);
        cull_embed_free(e);
    }
    assert_true(largest[0] > 0.05);
    assert_true(largest[1] < largest[0] && largest[1] > 0.001);
    assert_true(largest[2] < 1e-3);
    free_texts(&t);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void baseline(void **state)
{
    (void)state;
    double out[3][150], *x, *y, *idf;
    cull_embed_opts o = CULL_EMBED_OPTS;
    o.bits = 12;
    int64_t f = INT64_C(1) << o.bits;
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        texts t = make_texts(cx, 150, 1, 30, 31, 5), g = make_texts(cx, 20, 1, 30, 0, 6);
        ok(cx, cull_corpus_tfidf(cx, t.c, g.c, &o, out[threads]));
        if (threads == 1) {
            idf = malloc((size_t)f * sizeof *idf);
            x = dense(&t, &o, NULL, idf);
            y = dense(&g, &o, idf, NULL);
            double norm = 0;
            for (int64_t j = 0; j < f; j++) {
                for (int i = 1; i < g.n; i++) y[j] += y[i * f + j];
                norm += y[j] * y[j];
            }
            double most = 0;
            for (int i = 0; i < t.n; i++) {
                double want = 0;
                for (int64_t j = 0; j < f; j++) want += x[i * f + j] * y[j] / sqrt(norm);
                assert_true(fabs(want - out[1][i]) < 1e-6);
                if (want > most) most = want;
            }
            assert_true(most > 0.05);
            free(x), free(y), free(idf);
        }
        free_texts(&t), free_texts(&g);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(out[1], out[2], sizeof out[1]);
}

/* ---- the SVD ---- */

/* Eigenvalues of a symmetric matrix by Jacobi's rotations, descending. */
static void jacobi(double *a, int n, double *w)
{
    for (int sweep = 0; sweep < 60; sweep++)
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) {
                if (fabs(a[p * n + q]) < 1e-300) continue;
                double th = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
                double t = (th >= 0 ? 1 : -1) / (fabs(th) + sqrt(th * th + 1));
                double c = 1 / sqrt(t * t + 1), s = t * c;
                for (int k = 0; k < n; k++) {
                    double u = a[k * n + p], v = a[k * n + q];
                    a[k * n + p] = c * u - s * v, a[k * n + q] = s * u + c * v;
                }
                for (int k = 0; k < n; k++) {
                    double u = a[p * n + k], v = a[q * n + k];
                    a[p * n + k] = c * u - s * v, a[q * n + k] = s * u + c * v;
                }
            }
    for (int i = 0; i < n; i++) w[i] = a[i * n + i];
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++)
            if (w[j] > w[i]) {
                double v = w[i];
                w[i] = w[j], w[j] = v;
            }
}

static void singular_vectors(void **state)
{
    (void)state;
    enum { N = 60, COLS = 333, DIM = 6 };
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    static double a[N * COLS], gram[N * N], w[N];
    static cull__entry entry[N][COLS];
    static uint32_t cut[N * (CULL__PARTS + 1)];
    cull__entry *row[N];
    cull__sparse m = {.n = N, .cols = COLS, .row = row, .cut = cut};
    uint64_t seed = 77;
    for (int p = 0; p <= CULL__PARTS; p++) m.bound[p] = p * COLS / CULL__PARTS;
    for (int i = 0; i < N; i++) {
        uint32_t n = 0;
        row[i] = entry[i];
        for (int p = 0, j = 0; p < CULL__PARTS; p++) {
            cut[i * (CULL__PARTS + 1) + p] = n;
            for (; j < m.bound[p + 1]; j++) {
                if (mix(&seed) % 10) continue;
                float v =
                    (float)((double)(mix(&seed) >> 11) * 0x1p-53 * (j % 8 < 6 ? 1 + j % 8 : .1));
                entry[i][n++] = (cull__entry){(uint32_t)j, v};
                a[i * COLS + j] = v;
            }
        }
        cut[i * (CULL__PARTS + 1) + CULL__PARTS] = n;
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            for (int k = 0; k < COLS; k++) gram[i * N + j] += a[i * COLS + k] * a[j * COLS + k];
    double all = 0, lost = 0, left = 0, sigma[DIM];
    for (int i = 0; i < N; i++) all += gram[i * N + i];
    jacobi(gram, N, w);
    for (int i = DIM; i < N; i++) lost += w[i];
    int64_t width = cull__svd_width(DIM);
    float *g = calloc((size_t)(COLS * width), sizeof *g);
    ok(cx, cull__sparse_svd(cx, &m, DIM, 12, NULL, g, sigma));
    for (int i = 0; i < DIM; i++) {
        assert_true(fabs(sigma[i] - sqrt(w[i])) < 1e-4 * sqrt(w[0]));
        for (int j = 0; j <= i; j++) {
            double s = 0;
            for (int k = 0; k < COLS; k++) s += (double)g[k * width + i] * g[k * width + j];
            assert_true(fabs(s - (i == j)) < 1e-5);
        }
    }
    for (int i = 0; i < N; i++) { /* |A - A V V^T|^2 = |A|^2 - |A V|^2 */
        for (int c = 0; c < DIM; c++) {
            double s = 0;
            for (int k = 0; k < COLS; k++) s += a[i * COLS + k] * g[k * width + c];
            left += s * s;
        }
    }
    assert_true(all - left < lost * 1.001 && all - left > lost * 0.999);
    free(g);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- sampling, threads, memory ---- */

typedef struct {
    float *row;
    int64_t sampled;
} result;

static result run(int threads, uint64_t memory, uint64_t seed, const cull_embed_opts *o,
                  int64_t cap)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.threads = threads;
    co.seed = seed;
    co.memory = memory;
    cull_ctx *cx = cull_ctx_new(&co);
    texts t = make_texts(cx, 3000, 5, 60, 0, 99);
    cull_embed *e;
    cull_pool *p;
    ok(cx, cap ? cull__embed_fit(cx, t.c, o, cap, &e) : cull_embed_fit(cx, t.c, o, &e));
    ok(cx, cull_embed_apply(cx, e, t.c, &p));
    cull_plan plan;
    uint64_t peak = cull_ctx_peak(cx);
    ok(cx, cull_embed_plan(cx, t.c, o, 0, &plan));
    if (!cap && !memory) {
        assert_true((double)peak < 1.1 * (double)plan.bytes + (2 << 20));
        assert_true((double)plan.bytes < 1.1 * (double)peak + (2 << 20));
    }
    size_t bytes = (size_t)(3000 * o->dim) * sizeof(float);
    result r = {.row = malloc(bytes), .sampled = cull_embed_sampled(e)};
    memcpy(r.row, cull_pool_rows(p, 0, 3000, NULL), bytes);
    cull_pool_free(p);
    cull_embed_free(e);
    free_texts(&t);
    cull_ctx_free(cx);
    return r;
}

static void same_bits(void **state)
{
    (void)state;
    cull_embed_opts o = CULL_EMBED_OPTS;
    o.dim = 24;
    o.bits = 14;
    o.sample = 700;
    size_t bytes = (size_t)(3000 * o.dim) * sizeof(float);
    result one = run(1, 0, 1, &o, 0), capped = run(1, 0, 1, &o, 20000);
    assert_int_equal(one.sampled, 700);
    for (int threads = 2; threads <= 4; threads += 2) {
        result r = run(threads, 0, 1, &o, 0);
        assert_memory_equal(r.row, one.row, bytes);
        free(r.row);
        r = run(threads, 0, 1, &o, 20000);
        assert_int_equal(r.sampled, capped.sampled);
        assert_memory_equal(r.row, capped.row, bytes);
        free(r.row);
    }
    result tight = run(2, 30u << 20, 1, &o, 0);
    assert_memory_equal(tight.row, one.row, bytes);
    result other = run(2, 0, 2, &o, 0);
    assert_int_equal(other.sampled, 700);
    assert_true(memcmp(other.row, one.row, bytes) != 0);

    /* what the limit on features leaves is the texts of least hash: a sample of just so many */
    assert_in_range(capped.sampled, 100, 699);
    o.sample = capped.sampled;
    result least = run(2, 0, 1, &o, 0);
    assert_memory_equal(least.row, capped.row, bytes);
    free(one.row), free(capped.row), free(tight.row), free(other.row), free(least.row);
}

static void isa_levels(void **state)
{
    (void)state;
    static const char *const isa[] = ISA_NAMES;
    float x[64 * 20], y[3][48], g[3][48 * 20];
    cull__entry e[11];
    uint64_t seed = 3;
    for (int i = 0; i < 64 * 20; i++) x[i] = (float)((double)(int64_t)mix(&seed) * 0x1p-63);
    for (int i = 0; i < 11; i++) e[i] = (cull__entry){(uint32_t)(i * 7 % 20), x[i * 17] * 3};
    int have = 0;
    for (int k = 0; k < 3; k++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.isa = isa[k];
        cull_ctx *cx = cull_ctx_new(&o);
        if (!cx) continue;
        cull__kernels(cx)->gather(y[have], x, 48, 64, e, 11);
        memcpy(g[have], x, sizeof g[0]);
        cull__kernels(cx)->scatter(g[have], 48, e, 11, y[have]);
        if (have) assert_memory_equal(y[have], y[0], sizeof y[0]);
        if (have) assert_memory_equal(g[have], g[0], sizeof g[0]);
        have = 1;
        cull_ctx_free(cx);
    }
    for (int j = 0; j < 48; j++) {
        double want = 0;
        for (int i = 0; i < 11; i++) want += (double)e[i].val * x[e[i].col * 64 + j];
        assert_true(fabs(want - y[0][j]) < 1e-5);
        for (int c = 0; c < 20; c++) {
            want = x[c * 48 + j];
            for (int i = 0; i < 11; i++)
                if (e[i].col == (uint32_t)c) want += (double)e[i].val * y[0][j];
            assert_true(fabs(want - g[0][c * 48 + j]) < 1e-5);
        }
    }
}

/* ---- refusals ---- */

static void refusals(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    texts t = make_texts(cx, 30, 2, 9, 0, 1), none = make_texts(cx, 9, 0, 0, 0, 1);
    cull_embed *e;
    cull_plan plan;
    const struct {
        size_t off;
        int v;
        const char *says;
    } bad[] = {{offsetof(cull_embed_opts, word_lo), 0, "word_lo is 0; it must be 1 to 8"},
               {offsetof(cull_embed_opts, word_hi), 9, "word_hi is 9; it must be 1 to 8"},
               {offsetof(cull_embed_opts, word_lo), 3, "word_hi is 2; it must be 3 to 8"},
               {offsetof(cull_embed_opts, char_hi), 4, "char_lo is 0; it must be 1 to 16"},
               {offsetof(cull_embed_opts, char_lo), -1, "char_lo is -1"},
               {offsetof(cull_embed_opts, bits), 3, "bits is 3; it must be 4 to 22"},
               {offsetof(cull_embed_opts, bits), 23, "bits is 23"},
               {offsetof(cull_embed_opts, dim), 0, "dim is 0; it must be 1 to 1024"},
               {offsetof(cull_embed_opts, dim), 1025, "dim is 1025"},
               {offsetof(cull_embed_opts, iterations), -1, "iterations is -1; it must be 0 to 32"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cull_embed_opts o = CULL_EMBED_OPTS;
        *(int *)((char *)&o + bad[i].off) = bad[i].v;
        refused(cx, cull_embed_fit(cx, t.c, &o, &e), CULL_EOPTION, bad[i].says);
        assert_null(e);
        refused(cx, cull_embed_plan(cx, t.c, &o, 1, &plan), CULL_EOPTION, bad[i].says);
    }
    cull_embed_opts o = CULL_EMBED_OPTS;
    o.sample = 0;
    refused(cx, cull_embed_fit(cx, t.c, &o, &e), CULL_EOPTION, "sample is 0; it must be 1 to");
    o = (cull_embed_opts)CULL_EMBED_OPTS;
    o.word_lo = o.word_hi = 0;
    refused(cx, cull_embed_fit(cx, t.c, &o, &e), CULL_EOPTION, "there is no feature to count");
    refused(cx, cull_embed_fit(cx, none.c, NULL, &e), CULL_EINPUT,
            "there is no word in the 9 texts");
    free_texts(&t), free_texts(&none);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* What a corpus has in common is taken away, but never a text that has a word: one text alone, equal
 * ones, and one whose words all the others have too. */
static void never_nothing(void **state)
{
    (void)state;
    static const char *const say[3][4] = {{"one text"},
                                          {"all the same", "all the same", "all the same"},
                                          {"a b", "b a", "a a b", "b"}};
    for (int s = 0; s < 3; s++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        texts t = {0};
        while (t.n < 4 && say[s][t.n]) t.n++;
        t.text = calloc((size_t)t.n, sizeof *t.text);
        for (int i = 0; i < t.n; i++) t.text[i] = strdup(say[s][i]);
        open_texts(cx, &t);
        cull_embed *e;
        cull_pool *p;
        ok(cx, cull_embed_fit(cx, t.c, NULL, &e));
        ok(cx, cull_embed_apply(cx, e, t.c, &p));
        const float *y = cull_pool_rows(p, 0, t.n, NULL);
        int64_t d = cull_pool_d(p);
        for (int i = 0; i < t.n; i++) {
            double sum = 0;
            for (int64_t j = 0; j < d; j++) sum += (double)y[i * d + j] * y[i * d + j];
            assert_true(fabs(sum - 1) < 1e-5);
        }
        cull_pool_free(p);
        cull_embed_free(e);
        free_texts(&t);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

static void failures(void **state)
{
    (void)state;
    cull_embed_opts o = CULL_EMBED_OPTS;
    o.bits = 8;
    o.dim = 8;
    o.sample = 300;
    for (int stop = 0; stop < 2; stop++) {
        bool done = false;
        for (long k = 1; !done; k++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 2);
            texts t = make_texts(cx, 600, 2, 9, 0, 1);
            long before = h.live;
            cull_embed *e;
            cull_pool *p = NULL;
            double *score = malloc(600 * sizeof *score);
            *(stop ? &h.ticks : &h.calls) = 0;
            *(stop ? &h.stop_at : &h.fail_at) = k;
            cull_status s = cull__embed_fit(cx, t.c, &o, 2000, &e);
            if (s == CULL_OK) s = cull_embed_apply(cx, e, t.c, &p);
            if (s == CULL_OK) s = cull_corpus_tfidf(cx, t.c, t.c, &o, score);
            cull_plan plan;
            if (s == CULL_OK) s = cull_embed_plan(cx, t.c, &o, 5, &plan);
            done = s == CULL_OK && (stop ? h.ticks : h.calls) < k;
            if (!done && s != (stop ? CULL_ECANCEL : CULL_ENOMEM) && s != CULL_OK)
                fail_msg("k = %ld: status %d (%s)", k, s, cull_error(cx));
            cull_pool_free(p);
            cull_embed_free(e);
            h.fail_at = h.stop_at = 0;
            assert_true(h.live >= before); /* teams and spare blocks stay until the ctx goes */
            free_texts(&t);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            free(score);
            assert_true(k < 5000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_rank), cmocka_unit_test(whitened),
        cmocka_unit_test(baseline),  cmocka_unit_test(singular_vectors),
        cmocka_unit_test(same_bits), cmocka_unit_test(isa_levels),
        cmocka_unit_test(refusals),  cmocka_unit_test(never_nothing),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

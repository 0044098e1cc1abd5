/* dsir.c - log importance weights of texts for a target (DSIR: Xie, Santurkar, Ma, Liang 2023, "Data
 * selection for language models via importance resampling", section 4).
 *
 * A text is its hashed unigrams and bigrams; a bag-of-n-grams model of the target and one of the pool
 * give each bucket a probability, and a text's weight is the sum of log p_target - log p_pool.
 * Deviates: words are cull's (words.c), not NLTK's; both models are smoothed by alpha (the authors'
 * code adds 1e-8 to a probability). Counts are whole numbers: any order of adding gives the same. */
#include "repr/repr.h"
#include "score/score.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct grams {
    uint64_t buckets, before; /* the word before; valid if there is one */
    bool have;
    int64_t *count;      /* add here, or */
    const double *ratio; /* sum these */
    double sum;
};

static void add(struct grams *g, uint64_t hash)
{
    hash *= 0x9E3779B97F4A7C15u;
    uint64_t b = (uint64_t)((unsigned __int128)hash * g->buckets >> 64); /* 0 .. buckets - 1 */
    if (g->count)
        g->count[b]++;
    else
        g->sum += g->ratio[b];
}

static void word(void *arg, uint64_t hash, const char *at, size_t n)
{
    struct grams *g = arg;
    (void)at, (void)n;
    add(g, hash);
    if (g->have) add(g, cull__ngram(g->before, hash));
    g->before = hash;
    g->have = true;
}

struct model {
    int64_t buckets;
    int64_t **count; /* one table a worker, made by its first chunk */
    double *ratio, *out;
};

static cull_status count_texts(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                               int64_t n, void *slot)
{
    const struct model *m = arg;
    int64_t **count = &m->count[cull__worker(cx)];
    (void)chunk, (void)slot;
    if (!*count) CULL_TRY(CULL_ALLOC(cx, *count, m->buckets));
    for (int64_t i = 0; i < n; i++) {
        struct grams g = {.buckets = (uint64_t)m->buckets, .count = *count};
        cull__words(rec[i].text, rec[i].text_n, word, &g);
    }
    return CULL_OK;
}

static cull_status weigh_texts(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                               int64_t n, void *slot)
{
    const struct model *m = arg;
    (void)cx, (void)chunk, (void)slot;
    for (int64_t i = 0; i < n; i++) {
        struct grams g = {.buckets = (uint64_t)m->buckets, .ratio = m->ratio};
        cull__words(rec[i].text, rec[i].text_n, word, &g);
        m->out[rec[i].row] = g.sum;
    }
    return CULL_OK;
}

/* ratio += sign * log of the smoothed probability of each bucket in c */
static cull_status add_log_model(cull_ctx *cx, const cull_corpus *c, struct model *m, double alpha,
                                 double sign, const char *what)
{
    int workers = cull__workers(cx);
    int64_t *sum, total = 0;
    CULL_TRY(CULL_TMP0(cx, sum, m->buckets));
    CULL_TRY(CULL_TMP0(cx, m->count, workers));
    cull_status s = cull__corpus_pass(cx, c, 0, count_texts, NULL, m);
    for (int w = 0; w < workers; w++) {
        if (m->count[w])
            for (int64_t b = 0; b < m->buckets; b++) sum[b] += m->count[w][b];
        cull__free(m->count[w]);
    }
    CULL_TRY(s);
    for (int64_t b = 0; b < m->buckets; b++) total += sum[b];
    if (!total) return cull__fail(cx, CULL_EINPUT, "there is no word in the %s", what);
    double all = (double)total + alpha * (double)m->buckets;
    for (int64_t b = 0; b < m->buckets; b++)
        m->ratio[b] += sign * log(((double)sum[b] + alpha) / all);
    return CULL_OK;
}

static cull_status dsir(cull_ctx *cx, const cull_corpus *c, const cull_corpus *target,
                        struct model *m, double alpha)
{
    CULL_TRY(CULL_TMP0(cx, m->ratio, m->buckets));
    CULL_TRY(add_log_model(cx, target, m, alpha, 1, "target"));
    CULL_TRY(add_log_model(cx, c, m, alpha, -1, "pool"));
    return cull__corpus_pass(cx, c, 0, weigh_texts, NULL, m);
}

cull_status cull__dsir(cull_ctx *cx, const cull_corpus *c, const cull_corpus *target,
                       int64_t buckets, double alpha, double *out)
{
    if (buckets < 1 || buckets > INT64_C(1) << 28)
        return cull__fail(cx, CULL_EOPTION, "buckets is %" PRId64 "; it must be 1 to %d", buckets,
                          1 << 28);
    if (!(alpha > 0) || !isfinite(alpha))
        return cull__fail(cx, CULL_EOPTION, "alpha is %g; it must be above 0", alpha);
    struct model m = {.buckets = buckets, .out = out};
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "weighing n-grams");
    cull_status s = dsir(cx, c, target, &m, alpha);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}

uint64_t cull__dsir_plan(const cull_corpus *c, const cull_corpus *target, int64_t buckets,
                         int threads)
{
    uint64_t table = 8 * (uint64_t)buckets, most = 0;
    const cull_corpus *each[] = {target, c};
    for (int i = 0; i < 2; i++) { /* the ratio, the sums so far, and the workers' own */
        uint64_t busy = (uint64_t)cull__pass_workers(each[i], threads);
        uint64_t here = table * (2 + (uint64_t)i + busy) + cull__pass_plan(each[i], threads);
        if (here > most) most = here;
    }
    return most;
}

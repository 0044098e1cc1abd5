/* minhash - drop texts that share most of their word n-grams with one that stays (Broder 1997)
 *
 * Chooses   one of every group of near copies by their words. All the rest, unless a budget says less.
 * Idea      A text is the set of its word n-grams; how much two sets share (Jaccard) is estimated from
 *           signatures of `bands` times `rows` least hash values. Texts that agree in a whole band are
 *           compared: with a similarity s they are with a chance of 1 - (1 - s^rows)^bands, by default one
 *           half at 0.67 and 0.95 at 0.8.
 * Reads     the pool's text.
 * Deviates  (a) A text goes only if it is like one that STAYS, not by a chain of others. (b) The estimate
 *           decides, 1 / (2 sqrt(bands rows)) off at most as a rule; the n-grams are not read again.
 *           (c) Words are cull's: runs of letters and digits, lower-cased.
 * Cost      One pass over the text; 4 bands rows bytes a text for signatures, 8 to 20 bands for the
 *           tables.
 * Example   cull data minhash --threshold 0.8 --groups copies.tsv pool.jsonl -o distinct.jsonl
 */
#include "repr/minhash.h"
#include "choose/choose.h"
#include "cull/data.h"

enum { FIRST, LONGEST };
typedef struct {
    double threshold;
    int64_t ngram, bands, rows;
    int keep;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, threshold, 0.7, 0.01, 1, "least share of n-grams in common, as estimated"),
    CULL_OPT_I64(opts, ngram, 5, 1, 64, "words of an n-gram"),
    CULL_OPT_I64(opts, bands, 14, 1, 1024, "bands of a signature: more of them miss less"),
    CULL_OPT_I64(opts, rows, 8, 1, 64, "hash values of a band: more of them compare less"),
    CULL_OPT_ENUM(opts, keep, FIRST, "first|longest", "which of a group stays"),
    CULL_OPT_END};

static cull__minhash_opts of_opts(const opts *o)
{
    return (cull__minhash_opts){(int)o->ngram, (int)(o->bands * o->rows), (int)o->bands,
                                o->threshold};
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    cull__minhash_opts m = of_opts(o);
    cull__taker t;
    uint32_t *signature;
    int64_t *words, *order, *where, n;
    double *rank;
    float *like;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, signature, p->n * m.hashes));
    CULL_TRY(CULL_TMP(cx, words, p->n));
    CULL_TRY(CULL_TMP(cx, order, p->n));
    CULL_TRY(CULL_TMP(cx, where, p->n));
    CULL_TRY(CULL_TMP(cx, rank, p->n));
    CULL_TRY(CULL_TMP0(cx, like, p->n));
    CULL_TRY(cull__minhash(cx, p->text, &m, signature, words));
    for (int64_t i = 0; i < p->n; i++) {
        where[i] = -1;
        rank[i] = o->keep == LONGEST ? (double)words[i] : 0;
    }
    CULL_TRY(cull__copies_order(cx, p, rank, order, &n));
    CULL_TRY(cull__minhash_distinct(cx, &m, signature, words, order, n, p->n, where, like));
    return cull__copies_pick(cx, &t, order, n, rank, where, like,
                             o->keep == LONGEST ? "longest" : "first", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    cull__minhash_opts m = of_opts(o_);
    uint64_t n = (uint64_t)p->n, most = cull__minhash_bytes(p->text, threads, &m);
    if (most < 40 * n) most = 40 * n;
    *out = (cull_plan){cull__taker_plan(p) + n * (36 + 4 * (uint64_t)m.hashes) + most, 1, 0};
}

const cull_method cull__method_minhash = {
    .slug = "minhash",
    .title = "one of every group of texts with mostly the same word n-grams",
    .paper = "Broder 1997, On the resemblance and containment of documents",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_TEXT | CULL_FINDS_COPIES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};

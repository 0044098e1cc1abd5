/* tfidf-mean - TF-IDF nearest to the target's mean: the weakest sensible use of a target.
 *
 * Chooses   texts whose words are those of the target.
 * Idea      Cosine between each text's TF-IDF vector and the mean of the target's, best first.
 * Reads     the pool's text and the target's text.
 * Deviates  idf is ln((n + 1) / (df + 1/2)), without a floor: next to nothing for words that all texts have.
 * Cost      O(bytes) time; 8 n bytes and one vector of the hashed vocabulary.
 * Example   cull data tfidf-mean --budget 5% --target target.jsonl pool.jsonl
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/data.h"
#include "cull/embed.h"
#include "repr/repr.h"

typedef struct {
    char none;
} opts;
static const cull_opt table[] = {CULL_OPT_END};

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o, cull_pick *out)
{
    (void)o;
    cull__taker t;
    double *score;
    cull_embed_opts features = CULL_EMBED_OPTS;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, score, p->n));
    CULL_TRY(cull_corpus_tfidf(cx, p->text, p->target_text, &features, score));
    CULL_TRY(cull__take_best(cx, &t, NULL, score, NULL));
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o, int threads, cull_plan *out)
{
    cull_embed_opts features = CULL_EMBED_OPTS;
    uint64_t words = cull__tfidf_plan(p->text, p->target_text, &features, threads);
    uint64_t comparing = cull__taker_plan(p) + words, taking = cull__take_best_plan(p);
    (void)o;
    *out = (cull_plan){8 * (uint64_t)p->n + (comparing > taking ? comparing : taking), 2, 0};
}

const cull_method cull__method_tfidf_mean = {
    .slug = "tfidf-mean",
    .title = "texts whose TF-IDF is nearest to the target's mean",
    .paper = "",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 2,
    .flags = CULL_NEEDS_TEXT | CULL_NEEDS_TARGET | CULL_BASELINE,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};

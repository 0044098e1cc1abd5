/* pcoreset - spread over the space of predicted probabilities (PCoreSet: Kang et al. 2025)
 *
 * Chooses   examples to label next: those whose predicted class probabilities are farthest from those
 *           of every example that is labelled already or was taken before.
 * Idea      A model taught by a biased teacher puts its predictions where the teacher does. Examples far
 *           from the labelled ones in the space of probabilities are where that bias has not been looked
 *           at (section 4, algorithm 1): farthest first, in Euclidean distance. Nothing is learnt from
 *           features, so that the distance is one between classes, not between looks.
 * Reads     embeddings: a row of class probabilities for each example of the pool, the labelled ones
 *           (--have) among them, as the model that was trained on the labelled ones predicts them. Of
 *           several heads the rows side by side. One number is the probability, or the logit, of the
 *           first of two classes.
 * Deviates  (a) Selection alone: the caller trains the student between rounds (the paper begins each
 *           round from fresh weights). (b) Where nothing is labelled it begins with the example nearest to
 *           the mean; the paper begins with one example of each class. (c) Heads weigh the same; the
 *           paper fixes that too (alpha 1/2), and no temperature. (d) Costs and quotas: the farthest that
 *           fits.
 * Cost      O(n (q + h) c) time at most for c classes, q taken and h labelled, less as distances are only
 *           brought up to date for examples that could be the farthest; 28 n + 4 (q + h) c bytes, and 4 n c
 *           for logits or several heads: probabilities of one head are never copied.
 * Example   cull data pcoreset --budget 10 --embeddings logits.npy --have labelled.json pool.jsonl
 */
#include "base/base.h"
#include "choose/greedy.h"
#include "cull/data.h"
#include "num/num.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct {
    int values;
    int64_t heads;
} opts;
enum { LOGITS, PROBABILITIES };
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, values, LOGITS, "logits|probabilities", "what the embeddings are"),
    CULL_OPT_I64(opts, heads, 1, 1, 16,
                 "a row is so many predictions side by side, of which the mean counts"),
    CULL_OPT_END};

/* Sums of f16 probabilities of a thousand classes are off by less. */
static const double OFF = 0.01;

typedef struct {
    const cull_pool *pool;
    const cull__kern *kern;
    const float *zero; /* classes */
    int64_t d, classes, heads;
    bool logits;
    float *p;       /* (n, classes): the mean of the heads, or NULL */
    uint8_t *looks; /* chunks: all of it could be probabilities */
} reading;

/* What keeps x from being a row of probabilities: a number below 0, or a sum that is not 1; 1 if it is. One
 * number is that of the first of two classes. */
static double sum_of(const reading *r, const float *x)
{
    double sum = 0;
    if (r->classes == 1) return x[0] >= 0 && x[0] <= 1 ? 1 : (double)x[0];
    for (int64_t c = 0; c < r->classes; c++) {
        if (x[c] < 0) return (double)x[c];
        sum += (double)x[c];
    }
    return sum;
}

static cull_status refuse(cull_ctx *cx, const reading *r, int64_t row, double sum)
{
    return cull__fail(cx, CULL_EINPUT,
                      "the numbers in row %" PRId64 " of %s %s %g: they are no probabilities of "
                      "classes; logits want --values logits, several heads --heads",
                      row, cull_pool_name(r->pool), sum < 0 ? "go down to" : "sum to", sum);
}

/* e: logits to numbers in proportion to probabilities; returns by what. */
static float odds(const reading *r, float *e)
{
    float out[2];
    if (r->classes == 1) {
        *e = 1 / (1 + expf(-*e));
        return 1;
    }
    r->kern->soft(e, r->zero, 1, false, r->classes, out);
    return 1 / out[1];
}

static cull_status read_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const reading *r = arg;
    float *buf, *e;
    bool all = true;
    CULL_TRY(CULL_TMP(cx, buf, r->d));
    CULL_TRY(CULL_TMP(cx, e, r->classes));
    for (int64_t i = lo; i < hi; i++) {
        const float *x = cull_pool_rows(r->pool, i, i + 1, buf);
        float *to = r->p ? r->p + i * r->classes : NULL;
        for (int64_t h = 0; h < r->heads; h++, x += r->classes) {
            double sum = sum_of(r, x);
            bool good = fabs(sum - 1) <= OFF;
            all &= good;
            if (!good && !r->logits) return refuse(cx, r, i, sum);
            if (!to) continue;
            memcpy(e, x, (size_t)r->classes * sizeof *e);
            float by = 1 / (float)r->heads;
            if (r->logits) by *= odds(r, e);
            for (int64_t c = 0; c < r->classes; c++) to[c] = (h ? to[c] : 0) + e[c] * by;
        }
    }
    r->looks[chunk] = all;
    return CULL_OK;
}

static bool copied(const opts *o) { return o->values == LOGITS || o->heads > 1; }

/* *space: the probabilities as a pool, or NULL where p->pool is that itself. */
static cull_status probabilities(cull_ctx *cx, const cull_data_problem *p, const opts *o,
                                 cull_pool **space)
{
    reading r = {.pool = p->pool,
                 .kern = cull__kernels(cx),
                 .d = cull_pool_d(p->pool),
                 .heads = o->heads,
                 .logits = o->values == LOGITS};
    float *zero;
    *space = NULL;
    r.classes = r.d / r.heads;
    if (r.d % r.heads)
        return cull__fail(cx, CULL_EINPUT,
                          "a row of %s has %" PRId64 " numbers, which are not %" PRId64
                          " predictions of as many classes",
                          cull_pool_name(p->pool), r.d, r.heads);
    if (copied(o)) CULL_TRY(CULL_TMP(cx, r.p, p->n * r.classes));
    CULL_TRY(CULL_TMP0(cx, zero, r.classes));
    r.zero = zero;
    const char *phase = cull__phase(cx, "probabilities");
    int64_t grain = 65536 / r.d + 1, chunks = (p->n - 1) / grain + 1;
    CULL_TRY(CULL_TMP(cx, r.looks, chunks));
    CULL_TRY(cull__for(cx, p->n, grain, read_rows, &r));
    cull__phase(cx, phase);
    if (r.logits && r.classes > 1 && !memchr(r.looks, false, (size_t)chunks))
        return cull__fail(cx, CULL_EINPUT,
                          "every row of %s sums to 1: these are probabilities; give --values "
                          "probabilities",
                          cull_pool_name(p->pool));
    return r.p ? cull_pool_from(cx, r.p, CULL_F32, p->n, r.classes, space) : CULL_OK;
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    cull__taker t;
    cull_pool *space;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(probabilities(cx, p, o_, &space));
    cull_status s = cull__farthest(cx, p, space ? space : p->pool, false, true, &t);
    cull_pool_free(space);
    CULL_TRY(s);
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    int64_t classes = cull_pool_d(p->pool) / o->heads;
    uint64_t held = copied(o) ? 4 * (uint64_t)(p->n * classes) : 0;
    (void)threads;
    *out = (cull_plan){cull__taker_plan(p) + cull__farthest_plan(p, classes) + held, 2,
                       cull__farthest_flops(p, classes)};
}

const cull_method cull__method_pcoreset = {
    .slug = "pcoreset",
    .title = "what to label next: far from the labelled in predicted probabilities",
    .paper = "Kang et al. 2025, PCoreSet: Effective Active Learning through Knowledge Distillation "
             "from Vision-Language Models",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_POOL,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};

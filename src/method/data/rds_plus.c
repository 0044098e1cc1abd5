/* rds-plus - RDS+: representation similarity, chosen round-robin (Ivison et al. 2025)
 *
 * Chooses   training examples for a target given by a few examples of it, of one task or of several.
 * Idea      Similarity of every example to every target row (cosine of the embeddings; the paper's
 *           are position-weighted means of a model's last hidden states). One task: the target rows
 *           take turns, each taking its best example that is still free. Several tasks: the tasks
 *           take turns, an example's similarity to a task being the largest over the task's rows, so
 *           that the scales of tasks never compete (section 3).
 * Reads     embeddings of the pool and of the target; the task of each target row, if given.
 * Deviates  Quotas and unequal costs: a turn takes the best example that still fits. The choice ends
 *           when nothing fits. rule = max and mean are the paper's ablations: one order by the
 *           largest similarity (what the fast script of its repository does) or by the mean one.
 * Cost      O(n d m) time a pass, mostly one pass. A list of candidates * k / m examples for each of
 *           m target rows, 16 bytes an entry; when one runs out, another pass makes new lists, twice
 *           as long (at most k), of what is still free. Never n x m numbers.
 * Example   cull data rds-plus --budget 2% --target dev.jsonl pool.jsonl
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/data.h"
#include "num/num.h"

#include <math.h>
#include <string.h>

typedef struct {
    int rule;
    bool unit;
    double candidates;
} opts;
enum { ROUND_ROBIN, MAX, MEAN };
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, rule, ROUND_ROBIN, "round-robin|max|mean",
                  "target rows or tasks take turns; or one order by largest or mean similarity"),
    CULL_OPT_BOOL(opts, unit, true, "cosine similarity; false = dot product"),
    CULL_OPT_F64(opts, candidates, 2, 0.01, 1e6,
                 "length of the first lists as a multiple of an even share of the budget"),
    CULL_OPT_END};

/* Who takes turns: target rows, or tasks with their rows. */
typedef struct {
    const cull_data_problem *p;
    bool unit;
    const float *query;           /* (m, d) */
    int64_t m, turns;             /* target rows; takers of turns */
    int64_t *start, *row;         /* the rows of turn j are row[start[j] .. start[j+1]) */
    uint8_t *skip;                /* n: rows that cannot be taken at the time of the scan */
    int64_t length, *idx, *found; /* (m, length) candidates, best first; m: how many */
    double *score;                /* (m, length) */
    int64_t *at;                  /* m: the next candidate of each target row */
} rounds;

static bool by_task(const cull_data_problem *p) { return p->target_task && p->target_tasks > 1; }

static cull_status read_queries(cull_ctx *cx, const cull_data_problem *p, const float **query)
{
    float *q;
    int64_t m = cull_pool_n(p->target);
    CULL_TRY(CULL_TMP(cx, q, m * cull_pool_d(p->target)));
    *query = cull_pool_rows(p->target, 0, m, q);
    return CULL_OK;
}

static cull_status rounds_new(cull_ctx *cx, const cull_data_problem *p, rounds *r)
{
    r->turns = by_task(p) ? p->target_tasks : r->m;
    CULL_TRY(CULL_TMP0(cx, r->start, r->turns + 2));
    CULL_TRY(CULL_TMP(cx, r->row, r->m));
    CULL_TRY(CULL_TMP(cx, r->at, r->m));
    CULL_TRY(CULL_TMP(cx, r->found, r->m));
    CULL_TRY(CULL_TMP(cx, r->skip, p->n));
    for (int64_t q = 0; q < r->m; q++) r->start[(by_task(p) ? p->target_task[q] : q) + 2]++;
    for (int64_t j = 2; j <= r->turns; j++) r->start[j] += r->start[j - 1];
    for (int64_t q = 0; q < r->m; q++)
        r->row[r->start[(by_task(p) ? p->target_task[q] : q) + 1]++] = q;
    return CULL_OK;
}

/* No list need be longer than what can still be taken. */
static int64_t list_length(int64_t n, int64_t left, double wish)
{
    double most = left < 64 ? 64 : (double)left + 1;
    if (wish > most) wish = most;
    return wish < (double)n ? (int64_t)wish : n;
}

static cull_status scan(cull_ctx *cx, rounds *r, const cull__taker *t)
{
    CULL_TRY(CULL_TMP(cx, r->idx, r->m * r->length));
    CULL_TRY(CULL_TMP(cx, r->score, r->m * r->length));
    for (int64_t i = 0; i < t->n; i++) r->skip[i] = !cull__can_take(t, i);
    memset(r->at, 0, (size_t)r->m * sizeof *r->at);
    return cull__pool_topk(cx, r->p->pool, r->query, r->m, r->length, r->unit, r->skip, r->idx,
                           r->score, r->found);
}

typedef enum { TOOK, NOTHING, SCAN } outcome;

/* The best candidate over the rows of turn j. A row whose list has run out, though the pool may hold
 * more for it, asks for a scan first. */
static outcome take_turn(rounds *r, cull__taker *t, int64_t j)
{
    int64_t best = -1;
    double score = 0;
    for (int64_t a = r->start[j]; a < r->start[j + 1]; a++) {
        int64_t q = r->row[a], *at = &r->at[q];
        const int64_t *idx = r->idx + q * r->length;
        while (*at < r->found[q] && !cull__can_take(t, idx[*at])) ++*at;
        if (*at == r->found[q]) {
            if (r->found[q] == r->length) return SCAN;
            continue;
        }
        double s = r->score[q * r->length + *at];
        if (best < 0 || s > score || (s == score && idx[*at] < best)) best = idx[*at], score = s;
    }
    if (best < 0) return NOTHING;
    cull__take(t, best, score, (int32_t)j);
    return TOOK;
}

static cull_status round_robin(cull_ctx *cx, const opts *o, rounds *r, cull__taker *t)
{
    CULL_TRY(rounds_new(cx, r->p, r));
    double wish = ceil(o->candidates * (double)t->cap / (double)r->turns) + 16;
    int64_t turn = 0, idle = 0; /* turns in a row that found nothing */
    while (!cull__taker_full(t) && idle < r->turns) {
        cull__mark_t mark = cull__mark(cx);
        r->length = list_length(t->n, t->cap - t->count, wish);
        CULL_TRY(scan(cx, r, t));
        outcome last = NOTHING;
        while (!cull__taker_full(t) && idle < r->turns) {
            if (turn == 0) CULL_TRY(cull__tick(cx, t->spent, t->budget));
            last = take_turn(r, t, turn);
            if (last == SCAN) break;
            idle = last == TOOK ? 0 : idle + 1;
            turn = turn + 1 < r->turns ? turn + 1 : 0;
        }
        cull__release(cx, mark);
        wish *= 2;
    }
    return CULL_OK;
}

static cull_status one_order(cull_ctx *cx, const rounds *r, int rule, cull__taker *t)
{
    const cull_data_problem *p = r->p;
    double *score;
    int32_t *by = NULL;
    CULL_TRY(CULL_TMP(cx, score, p->n));
    if (rule == MAX) CULL_TRY(CULL_TMP(cx, by, p->n));
    CULL_TRY(cull__pool_best(cx, p->pool, r->query, r->m, r->unit, rule == MAX ? score : NULL, by,
                             rule == MEAN ? score : NULL));
    for (int64_t i = 0; by && by_task(p) && i < p->n; i++) by[i] = p->target_task[by[i]];
    return cull__take_best(cx, t, NULL, score, by);
}

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    rounds r = {.p = p, .unit = o->unit, .m = cull_pool_n(p->target)};
    cull__taker t;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(read_queries(cx, p, &r.query));
    if (o->rule == ROUND_ROBIN)
        CULL_TRY(round_robin(cx, o, &r, &t));
    else
        CULL_TRY(one_order(cx, &r, o->rule, &t));
    return cull__taker_pick(cx, &t, o->rule == MEAN ? "" : by_task(p) ? "task" : "target", out);
}

static void plan(const cull_data_problem *p, const void *o_, int threads, cull_plan *out)
{
    const opts *o = o_;
    double n = (double)p->n, d = (double)cull_pool_d(p->pool), m = (double)cull_pool_n(p->target);
    int64_t most = cull__max_picks(p->cost, p->n, p->budget);
    double turns = by_task(p) ? p->target_tasks : m;
    int64_t len = list_length(p->n, most, ceil(o->candidates * (double)most / turns) + 16);
    double query = 4 * m * d;
    double bytes = (double)cull__taker_plan(p) + query + n + 16 * m * (double)len +
                   (double)cull__topk_bytes(p->n, cull_pool_d(p->pool), cull_pool_dtype(p->pool),
                                            cull_pool_n(p->target), len, threads);
    if (o->rule != ROUND_ROBIN)
        bytes = (double)cull__take_best_plan(p) + query + (o->rule == MAX ? 12 : 8) * n +
                threads * (256 * (4 * d + 4 * fmin(m, 1024)) + 65536) + 4 * m * d;
    *out = (cull_plan){(uint64_t)bytes, 1, 2 * n * d * m};
}

const cull_method cull__method_rds_plus = {
    .slug = "rds-plus",
    .title = "nearest to the target, its rows or tasks taking turns",
    .paper = "Ivison et al. 2025, Large-Scale Data Selection for Instruction Tuning",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = CULL_NEEDS_POOL | CULL_NEEDS_TARGET,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};

/* evaluate.c - a prompt is asked the rows of a set: in batches, none twice, no further than it can still win. */
#include "prompt/prompt.h"

#include <math.h>
#include <string.h>

/* Sums of scores in another order differ by roundings only. */
static const double ROUNDING = 1e-6;

/* ---- queries ---- */

static bool holds(const cull__prompt *pt, int64_t row)
{
    for (int64_t i = 0; i < pt->k; i++)
        if (pt->exemplar[i] == row) return true;
    return false;
}

/* A row that is an exemplar itself is asked without it; *spare moves on past its list. */
static cull_prompt_query query_of(const cull__prompt_run *r, const cull__prompt *pt,
                                  cull_prompt_set set, int64_t row, int64_t **spare)
{
    cull_prompt_query q = {pt->instruction, set, row, pt->k, pt->exemplar};
    if (r->near.list && pt->k) {
        q.k = r->near.k[row];
        q.exemplar = r->near.list + row * r->near.each;
    } else if (r->own && set == CULL_PROMPT_VAL && holds(pt, row)) {
        q.exemplar = *spare;
        q.k = 0;
        for (int64_t i = 0; i < pt->k; i++)
            if (pt->exemplar[i] != row) (*spare)[q.k++] = pt->exemplar[i];
        *spare += q.k;
    }
    return q;
}

static cull_status check(cull_ctx *cx, const cull_prompt_query *q, float score)
{
    if (score >= 0 && score <= 1) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "row %lld of the %s set: score %g, not 0 to 1",
                      (long long)q->row, q->set == CULL_PROMPT_TEST ? "test" : "validation",
                      (double)score);
}

/* The model's own ticks are the part of the budget that these queries are. */
static cull_status ask_model(cull__prompt_run *r, int64_t asks, int64_t calls)
{
    double all = (double)r->budget, lo = (double)calls, hi = (double)(calls + asks);
    cull__span(r->cx, lo < all ? lo : all, hi < all ? hi : all, all);
    cull_status s = r->m.ask(r->cx, r->m.user, r->query, asks, r->got);
    cull__span(r->cx, 0, 0, 0);
    return s;
}

/* Rows row[0..n), n <= batch: what is not known is asked. */
static cull_status ask_batch(cull__prompt_run *r, const cull__prompt *pt, cull_prompt_set set,
                             const int64_t *row, int64_t n, float *score, int64_t *calls)
{
    int64_t asks = 0, most = pt->k * n;
    CULL_TRY(CULL_GROW(r->cx, r->spare, &r->spare_cap, most + 1));
    int64_t *spare = r->spare;
    for (int64_t i = 0; i < n; i++) {
        cull_prompt_query q = query_of(r, pt, set, row[i], &spare);
        const cull__answered *e = cull__answers_find(&r->answers, cull__prompt_key(&q));
        score[row[i]] = e ? e->score : NAN;
        if (!e) r->query[asks++] = q;
    }
    if (asks) CULL_TRY(ask_model(r, asks, *calls));
    for (int64_t i = 0; i < asks; i++) {
        const cull_prompt_query *q = &r->query[i];
        CULL_TRY(check(r->cx, q, r->got[i]));
        CULL_TRY(cull__answers_put(r->cx, &r->answers, cull__prompt_key(q), r->got[i]));
        score[q->row] = r->got[i];
    }
    *calls += asks;
    return CULL_OK;
}

static cull_status tick(cull__prompt_run *r)
{
    double done = (double)r->calls, all = (double)r->budget;
    return cull__tick(r->cx, done < all ? done : all, all);
}

cull_status cull__prompt_ask(cull__prompt_run *r, const cull__prompt *pt, cull_prompt_set set,
                             const int64_t *row, int64_t n, float *score, int64_t *calls)
{
    for (int64_t lo = 0; lo < n; lo += r->batch) {
        int64_t k = n - lo < r->batch ? n - lo : r->batch;
        CULL_TRY(ask_batch(r, pt, set, row + lo, k, score, calls));
        CULL_TRY(tick(r));
    }
    return CULL_OK;
}

/* ---- a whole validation ---- */

static cull_status count_new(cull__prompt_run *r, const cull__prompt *pt, int64_t *count)
{
    CULL_TRY(CULL_GROW(r->cx, r->spare, &r->spare_cap, pt->k + 1));
    *count = 0;
    for (int64_t row = 0; row < r->n; row++) {
        int64_t *spare = r->spare;
        cull_prompt_query q = query_of(r, pt, CULL_PROMPT_VAL, row, &spare);
        *count += !cull__answers_find(&r->answers, cull__prompt_key(&q));
    }
    return CULL_OK;
}

static cull_status keep_whole(cull__prompt_run *r)
{
    CULL_TRY(CULL_GROW(r->cx, r->whole, &r->whole_cap, (r->wholes + 1) * r->n));
    memcpy(r->whole + r->wholes++ * r->n, r->score, (size_t)r->n * sizeof *r->score);
    return CULL_OK;
}

cull_status cull__prompt_try(cull__prompt_run *r, const cull__prompt *pt, double bound,
                             int64_t limit, cull__tried *how)
{
    int64_t asks;
    double sum = 0;
    *how = CULL__SPENT;
    CULL_TRY(count_new(r, pt, &asks));
    if (r->calls + asks > limit) return CULL_OK;
    for (int64_t i = 0; i < r->n; i++) r->score[i] = NAN;
    *how = CULL__WHOLE;
    for (r->asked = 0; r->asked < r->n && *how == CULL__WHOLE;) {
        int64_t k = r->n - r->asked < r->batch ? r->n - r->asked : r->batch;
        const int64_t *row = r->order + r->asked;
        CULL_TRY(ask_batch(r, pt, CULL_PROMPT_VAL, row, k, r->score, &r->calls));
        CULL_TRY(tick(r));
        for (int64_t i = 0; i < k; i++) sum += (double)r->score[row[i]];
        r->asked += k;
        bool beaten = sum + (double)(r->n - r->asked) < bound - ROUNDING;
        if (r->o.race && r->asked < r->n && beaten) *how = CULL__LOST;
    }
    if (*how == CULL__WHOLE) { /* in the order of rows, so that equal scores have equal sums */
        r->sum = 0;
        for (int64_t i = 0; i < r->n; i++) r->sum += (double)r->score[i];
        CULL_TRY(keep_whole(r));
    }
    return cull__prompt_log(r, pt, sum / (double)r->asked, r->asked);
}

/* ---- candidates ---- */

void cull__prompt_candidates(cull__prompt_run *r)
{
    r->froms = 0;
    for (int64_t i = 0; i < r->pool; i++)
        if (r->candidate[i]) r->from[r->froms++] = i;
}

cull_status cull__prompt_learn(cull__prompt_run *r, const cull__prompt *pt)
{
    if (!r->learns) return CULL_OK;
    CULL_TRY(CULL_GROW(r->cx, r->spare, &r->spare_cap, pt->k + 1));
    for (int64_t row = 0; row < r->n; row++) {
        if (r->candidate[row]) continue;
        int64_t *spare = r->spare;
        cull_prompt_query q = query_of(r, pt, CULL_PROMPT_VAL, row, &spare);
        const cull__answered *e = cull__answers_find(&r->answers, cull__prompt_key(&q));
        if (!e || (double)e->score < r->o.right) continue;
        if (r->m.keep) CULL_TRY(r->m.keep(r->cx, r->m.user, &q));
        r->candidate[row] = 1;
    }
    cull__prompt_candidates(r);
    return CULL_OK;
}

/* ---- which were tried ---- */

bool cull__prompt_new(cull__prompt_run *r, const cull__prompt *pt, cull_hash128 *key)
{
    const cull_prompt_query q = {pt->instruction, CULL_PROMPT_VAL, -1, pt->k, pt->exemplar};
    *key = cull__prompt_key(&q);
    return !cull__answers_find(&r->answers, *key);
}

cull_status cull__prompt_log(cull__prompt_run *r, const cull__prompt *pt, double score,
                             int64_t rows)
{
    cull__prompt_kept *k = r->kept;
    int64_t i = k->out.tried;
    CULL_TRY(CULL_GROW(r->cx, k->trail, &k->trail_cap, i + 1));
    CULL_TRY(CULL_GROW(r->cx, k->numbers, &k->numbers_cap, k->numbers_n + pt->k + 1));
    if (pt->k)
        memcpy(k->numbers + k->numbers_n, pt->exemplar, (size_t)pt->k * sizeof *pt->exemplar);
    k->numbers_n += pt->k;
    k->trail[i] = (cull_prompt_tried){.instruction = pt->instruction,
                                      .k = pt->k,
                                      .score = score,
                                      .rows = rows,
                                      .calls = r->calls};
    k->out.tried++;
    return CULL_OK;
}

/* search.c - the search for a prompt: the instruction, then its exemplars, then what the choice is worth. */
#include "prompt/prompt.h"

#include <math.h>
#include <string.h>

enum { STREAM_ROWS = 0x7071 };
static const int64_t MOST = INT64_C(1) << 40; /* rows, calls */

static const char *const names[] = {"none", "random", "nearest", "diverse",
                                    "all",  "search", "mutate"};

const char *cull_prompt_strategy_name(cull_prompt_strategy s)
{
    return s >= CULL_PROMPT_NONE && s < CULL_PROMPT_STRATEGIES ? names[s] : "";
}

void cull_prompt_result_free(cull_prompt_result *r)
{
    if (!r || !r->mem_) return;
    cull__prompt_kept *k = r->mem_;
    cull__free(k->trail);
    cull__free(k->numbers);
    cull__free(k->chosen);
    cull__free(k);
    *r = (cull_prompt_result){0};
}

/* ---- what is asked for ---- */

static cull_status bad(cull_ctx *cx, const char *name, double value, const char *want)
{
    char v[32];
    return cull__fail(cx, CULL_EOPTION, "%s %s: %s", name, cull__format_f64(value, v), want);
}

static cull_status check_opts(cull_ctx *cx, const cull_prompt_opts *o)
{
    if ((unsigned)o->strategy >= CULL_PROMPT_STRATEGIES)
        return bad(cx, "strategy", o->strategy, "there is no such strategy");
    if ((unsigned)o->rule > CULL_PROMPT_HALVING)
        return bad(cx, "rule", o->rule, "there is no such rule");
    if (o->k < 1 || o->k > 100000) return bad(cx, "k", (double)o->k, "1 to 100000 exemplars");
    if (!(o->budget > 0 && o->budget <= 1e9) && !o->calls)
        return bad(cx, "budget", o->budget, "more than 0 and at most 1e9 validations");
    if (o->calls < 0 || o->calls > MOST)
        return bad(cx, "calls", (double)o->calls, "1 to 2^40 calls");
    if (!(o->share > 0 && o->share <= 1)) return bad(cx, "share", o->share, "above 0, at most 1");
    if (!(o->right > 0 && o->right <= 1)) return bad(cx, "right", o->right, "above 0, at most 1");
    if (o->starts < 0) return bad(cx, "starts", (double)o->starts, "not below 0");
    if (o->batch < 0) return bad(cx, "batch", (double)o->batch, "not below 0");
    if (o->draws < 0 || o->draws > 1000000) return bad(cx, "draws", o->draws, "0 to 1000000");
    return CULL_OK;
}

static cull_status check_problem(cull_ctx *cx, const cull_prompt_problem *p)
{
    if (p->instructions < 1)
        return cull__fail(cx, CULL_EINPUT, "%d instructions: there must be one",
                          (int)p->instructions);
    if (p->val < 1 || p->val > MOST || p->test < 0 || p->test > MOST || p->pool < 0 ||
        p->pool > MOST)
        return cull__fail(cx, CULL_EINPUT,
                          "%lld validation rows, %lld test rows, %lld rows of the pool: the first "
                          "must be 1 or more, the others 0 or more",
                          (long long)p->val, (long long)p->test, (long long)p->pool);
    return CULL_OK;
}

static cull_status check(cull__prompt_run *r)
{
    cull_prompt_strategy s = r->o.strategy;
    bool fixed_k = s != CULL_PROMPT_NONE && s != CULL_PROMPT_ALL && s != CULL_PROMPT_NEAREST;
    if ((s == CULL_PROMPT_NEAREST || s == CULL_PROMPT_DIVERSE) && !r->m.embed)
        return cull__fail(r->cx, CULL_EOPTION,
                          "strategy %s: it wants a model that tells which inputs are alike",
                          names[s]);
    if (fixed_k && !r->learns && r->o.k > r->pool)
        return cull__fail(r->cx, CULL_EOPTION, "k %lld: there are %lld candidates",
                          (long long)r->o.k, (long long)r->pool);
    if (r->budget < r->n)
        return cull__fail(r->cx, CULL_EOPTION, "a budget of %lld calls: one validation takes %lld",
                          (long long)r->budget, (long long)r->n);
    return CULL_OK;
}

/* ---- the run ---- */

static cull_status prepare(cull__prompt_run *r)
{
    cull_rng g = cull__rng(r->cx, STREAM_ROWS);
    int64_t most = r->n > r->p.test ? r->n : r->p.test;
    if (r->batch > most) r->batch = most;
    CULL_TRY(CULL_TMP(r->cx, r->order, r->n));
    CULL_TRY(CULL_TMP0(r->cx, r->candidate, r->pool));
    CULL_TRY(CULL_TMP(r->cx, r->from, r->pool));
    CULL_TRY(CULL_TMP(r->cx, r->query, r->batch));
    CULL_TRY(CULL_TMP(r->cx, r->got, r->batch));
    CULL_TRY(CULL_TMP(r->cx, r->score, r->n));
    for (int64_t i = 0; i < r->n; i++) r->order[i] = i;
    cull__rng_shuffle(&g, r->order, r->n);
    if (!r->learns) memset(r->candidate, 1, (size_t)r->pool);
    cull__prompt_candidates(r);
    return CULL_OK;
}

static cull_status open_run(cull_ctx *cx, const cull_prompt_problem *p, const cull_prompt_model *m,
                            const cull_prompt_opts *o, cull__prompt_run *r)
{
    *r = (cull__prompt_run){.cx = cx, .p = CULL_PROMPT_PROBLEM, .m = *m, .o = CULL_PROMPT_OPTS};
    memcpy(&r->p, p, p->size < sizeof r->p ? p->size : sizeof r->p);
    if (o) memcpy(&r->o, o, o->size < sizeof r->o ? o->size : sizeof r->o);
    CULL_TRY(check_problem(cx, &r->p));
    CULL_TRY(check_opts(cx, &r->o));
    r->n = r->p.val;
    r->own = !r->p.pool;
    r->pool = r->own ? r->n : r->p.pool;
    r->learns = r->own && !r->o.labels && r->o.strategy != CULL_PROMPT_NONE;
    r->instructions = r->p.instructions;
    r->budget = r->o.calls;
    if (!r->budget) r->budget = (int64_t)fmin(r->o.budget * (double)r->n, (double)MOST);
    r->batch = r->o.batch ? r->o.batch : r->n / 8 < 16 ? 16 : r->n / 8;
    CULL_TRY(check(r));
    return prepare(r);
}

/* Scores of the choice: those of the validation rows are known but for one that was never tried. */
static cull_status judge(cull__prompt_run *r, const cull__prompt *pt, double sum,
                         cull_prompt_result *out)
{
    float *val = NULL, *test = NULL;
    int64_t none = 0, *row;
    CULL_TRY(CULL_TMP(r->cx, row, r->n + r->p.test));
    for (int64_t i = 0; i < r->n + r->p.test; i++) row[i] = i;
    if (sum >= 0) {
        CULL_TRY(CULL_TMP(r->cx, val, r->n));
        CULL_TRY(cull__prompt_ask(r, pt, CULL_PROMPT_VAL, row, r->n, val, &none));
    }
    if (r->p.test) {
        CULL_TRY(CULL_TMP(r->cx, test, r->p.test));
        if (r->near.list) CULL_TRY(cull__prompt_near(r, CULL_PROMPT_TEST));
        CULL_TRY(cull__prompt_ask(r, pt, CULL_PROMPT_TEST, row, r->p.test, test, &out->test_calls));
    }
    return cull__prompt_judge(r, val, test, out);
}

static cull_status search(cull__prompt_run *r)
{
    cull_prompt_result *out = &r->kept->out;
    cull__prompt pt;
    int32_t instruction;
    double sum;
    CULL_TRY(cull__prompt_instruct(r, &instruction, &sum));
    out->instruction_calls = r->calls;
    CULL_TRY(cull__prompt_exemplars(r, instruction, sum, &pt, &sum));
    out->instruction = instruction;
    out->calls = r->calls;
    out->candidates = r->o.strategy == CULL_PROMPT_NONE ? 0 : r->froms;
    out->k = pt.k;
    if (r->near.list && pt.k) out->each = r->near.each;
    CULL_TRY(CULL_ALLOC(r->cx, r->kept->chosen, pt.k + 1));
    if (pt.k) memcpy(r->kept->chosen, pt.exemplar, (size_t)pt.k * sizeof *pt.exemplar);
    return judge(r, &pt, sum, out);
}

static void hand_out(cull__prompt_kept *k, cull_prompt_result *out)
{
    const int64_t *at = k->numbers;
    for (int64_t i = 0; i < k->out.tried; i++) {
        k->trail[i].exemplar = at;
        at += k->trail[i].k;
    }
    *out = k->out;
    out->exemplar = k->chosen;
    out->trail = k->trail;
    out->mem_ = k;
}

cull_status cull_prompt_search(cull_ctx *cx, const cull_prompt_problem *p,
                               const cull_prompt_model *m, const cull_prompt_opts *o,
                               cull_prompt_result *out)
{
    cull__prompt_run r;
    cull__prompt_kept *kept = NULL;
    const char *phase = cull__phase(cx, "asking the model");
    cull__mark_t mark = cull__mark(cx);
    *out = (cull_prompt_result){0};
    cull_status s = open_run(cx, p, m, o, &r);
    if (s == CULL_OK) s = CULL_ALLOC(cx, kept, 1);
    r.kept = kept;
    if (s == CULL_OK) s = search(&r);
    cull__free(r.answers.at);
    cull__free(r.whole);
    cull__free(r.spare);
    cull__release(cx, mark);
    cull__phase(cx, phase);
    if (kept) hand_out(kept, out);
    if (s != CULL_OK) cull_prompt_result_free(out);
    return s;
}

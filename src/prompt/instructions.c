/* instructions.c - which instruction: each on all rows, or by successive halving (Karnin et al. 2013) over growing
 * parts of them, whose rows are the same for all; and those that a proposer adds. */
#include "prompt/prompt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int32_t instruction;
    int64_t rows;
    double sum;
} standing;
typedef struct {
    standing *at;
    int64_t n, cap;
    int64_t limit; /* of the calls of all, those before too */
    int32_t best;
    double sum; /* of the best; -1 = none is whole */
} contest;

/* Better first; of equals the lower number. */
static int by_score(const void *a, const void *b)
{
    const standing *x = a, *y = b;
    double u = x->sum / (double)(x->rows ? x->rows : 1),
           v = y->sum / (double)(y->rows ? y->rows : 1);
    if (u != v) return u > v ? -1 : 1;
    return x->instruction < y->instruction ? -1 : 1;
}

static cull_status add(cull__prompt_run *r, contest *c, standing s)
{
    CULL_TRY(CULL_GROW(r->cx, c->at, &c->cap, c->n + 1));
    c->at[c->n++] = s;
    return CULL_OK;
}

/* ---- whole ---- */

static cull_status try_whole(cull__prompt_run *r, contest *c, int32_t i, bool *spent)
{
    cull__tried how;
    const cull__prompt pt = {.instruction = i};
    CULL_TRY(cull__prompt_try(r, &pt, c->sum, c->limit, &how));
    *spent = how == CULL__SPENT;
    if (*spent) return CULL_OK;
    double sum = r->sum;
    if (how == CULL__LOST) {
        sum = 0;
        for (int64_t k = 0; k < r->asked; k++) sum += (double)r->score[r->order[k]];
    } else if (sum > c->sum) {
        c->best = i;
        c->sum = sum;
    }
    return add(r, c, (standing){i, r->asked, sum});
}

static cull_status all_whole(cull__prompt_run *r, contest *c)
{
    bool spent = false;
    for (int32_t i = 0; i < r->instructions && !spent; i++) CULL_TRY(try_whole(r, c, i, &spent));
    return CULL_OK;
}

/* ---- halving ---- */

static int64_t half(int64_t n) { return (n + 1) / 2; }

/* Rows of a round, of which `left` are to come, the last of which is the winner's whole validation. */
static int64_t rows_of(int64_t n, double scale, int left)
{
    double rows = floor(scale * (double)n / pow(2, left));
    return rows < 1 ? 1 : rows > (double)n ? n : (int64_t)rows;
}

static int rounds_of(int64_t m)
{
    int rounds = 0;
    for (; m > 1; m = half(m)) rounds++;
    return rounds;
}

static int64_t cost_of(int64_t m, int64_t n, double scale)
{
    int64_t cost = 0, before = 0;
    for (int left = rounds_of(m); left > 0; left--, m = half(m)) {
        int64_t rows = rows_of(n, scale, left);
        cost += m * (rows - before);
        before = rows;
    }
    return cost + n - before;
}

/* The most rows that the calls allow; those of the last round stay below all. */
static double scale_for(int64_t m, int64_t n, int64_t calls)
{
    double scale = 1.9;
    while (cost_of(m, n, scale) > calls && rows_of(n, scale, 1) > 1) scale *= 0.95;
    return scale;
}

static cull_status halve(cull__prompt_run *r, contest *c)
{
    int64_t m = r->instructions, calls = c->limit - r->calls;
    double scale = scale_for(m, r->n, calls);
    if (cost_of(m, r->n, scale) > calls)
        return cull__fail(r->cx, CULL_EOPTION,
                          "%lld calls for instructions: halving of %lld instructions takes at "
                          "least %lld, a whole validation of one among them",
                          (long long)calls, (long long)m, (long long)cost_of(m, r->n, scale));
    for (int64_t i = 0; i < m; i++) CULL_TRY(add(r, c, (standing){(int32_t)i, 0, 0}));
    for (int left = rounds_of(m); left > 0; left--, m = half(m)) {
        int64_t rows = rows_of(r->n, scale, left);
        for (int64_t i = 0; i < m; i++) {
            standing *s = &c->at[i];
            const cull__prompt pt = {.instruction = s->instruction};
            CULL_TRY(cull__prompt_ask(r, &pt, CULL_PROMPT_VAL, r->order + s->rows, rows - s->rows,
                                      r->score, &r->calls));
            for (; s->rows < rows; s->rows++) s->sum += (double)r->score[r->order[s->rows]];
            if (rows < r->n) CULL_TRY(cull__prompt_log(r, &pt, s->sum / (double)rows, rows));
        }
        qsort(c->at, (size_t)m, sizeof *c->at, by_score);
    }
    bool spent;
    c->best = c->at[0].instruction;
    c->at[0] = c->at[--c->n];
    return try_whole(r, c, c->best, &spent);
}

/* ---- a proposer ---- */

static cull_status propose(cull__prompt_run *r, contest *c, int32_t *number)
{
    cull_prompt_past *past;
    qsort(c->at, (size_t)c->n, sizeof *c->at, by_score);
    cull__mark_t mark = cull__mark(r->cx);
    CULL_TRY(CULL_TMP(r->cx, past, c->n + 1));
    for (int64_t i = 0; i < c->n; i++) {
        const standing *s = &c->at[c->n - 1 - i];
        past[i] = (cull_prompt_past){s->instruction, s->sum / (double)s->rows, s->rows};
    }
    cull_status s = r->m.propose(r->cx, r->m.user, past, c->n, number);
    cull__release(r->cx, mark);
    return s;
}

static cull_status proposals(cull__prompt_run *r, contest *c)
{
    bool spent = false;
    while (!spent && r->calls + 1 + r->n <= c->limit) {
        int32_t number = -1;
        CULL_TRY(propose(r, c, &number));
        r->calls++;
        r->kept->out.proposals++;
        if (number < 0) break;
        if (number < r->instructions) continue; /* one that is known */
        r->instructions = number + 1;
        CULL_TRY(try_whole(r, c, number, &spent));
    }
    return CULL_OK;
}

/* ---- the stage ---- */

static int64_t limit_of(const cull__prompt_run *r)
{
    bool several = r->instructions > 1 || r->m.propose;
    if (!several || r->o.strategy == CULL_PROMPT_NONE) return r->budget;
    /* no less than what halving takes, up to half; where that is little, no less than one row in each round */
    int64_t part = (int64_t)(r->o.share * (double)r->budget);
    int64_t least = cost_of(r->instructions, r->n, 0), fair = cost_of(r->instructions, r->n, 1);
    if (fair > r->budget / 2) fair = r->budget / 2;
    if (part < fair) part = fair;
    if (part < least) part = least;
    return part < r->budget ? part : r->budget;
}

static cull_status contest_run(cull__prompt_run *r, contest *c)
{
    bool whole = r->o.rule == CULL_PROMPT_WHOLE ||
                 (r->o.rule == CULL_PROMPT_AUTO && r->instructions <= (c->limit - r->calls) / r->n);
    CULL_TRY(whole || r->instructions < 2 ? all_whole(r, c) : halve(r, c));
    if (r->m.propose) CULL_TRY(proposals(r, c));
    if (!r->learns) return CULL_OK;
    /* what the best one answers shows best how it is done; then what only others knew */
    qsort(c->at, (size_t)c->n, sizeof *c->at, by_score);
    CULL_TRY(cull__prompt_learn(r, &(cull__prompt){.instruction = c->best}));
    for (int64_t i = 0; i < c->n; i++)
        CULL_TRY(cull__prompt_learn(r, &(cull__prompt){.instruction = c->at[i].instruction}));
    return CULL_OK;
}

cull_status cull__prompt_instruct(cull__prompt_run *r, int32_t *best, double *sum)
{
    contest c = {.limit = limit_of(r), .sum = -1};
    bool several = r->instructions > 1 || r->m.propose;
    *best = 0;
    *sum = -1;
    /* one instruction, and exemplars that need no answers: there is nothing to ask */
    if (!several && !r->learns && r->o.strategy != CULL_PROMPT_NONE) return CULL_OK;
    cull_status s = contest_run(r, &c);
    cull__free(c.at);
    *best = c.best;
    *sum = c.sum;
    return s;
}

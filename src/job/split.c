/* split.c - a fair problem made of one labelled pool: some rows with the label become the target, some
 * of every label are held out to judge by, and all that shares a group with one of them (or is its near
 * copy) may not be kept. */
#include "job.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { COPY_NGRAM = 8, COPY_CAP = 100, SPLIT_STREAM = 0x5B117, HOLDOUT_STREAM = 0x401D0 };

bool split_asked(const cull_job *j)
{
    return has(j, "targets") || (judge_asked(j) && !has(j, "valid"));
}

static bool by_copies(const cull_job *j) { return !strcmp(value_of(j, "split-by", ""), "copies"); }

cull_status split_check(cull_job *j)
{
    double n;
    if (has(j, "split-by") && !split_asked(j))
        return cull__fail(j->cx, CULL_EOPTION,
                          "--split-by needs --targets, or --judge without --valid");
    if (has(j, "split-by") && has(j, "group") && !by_copies(j) &&
        strcmp(value_of(j, "split-by", ""), value_of(j, "group", "")))
        return cull__fail(j->cx, CULL_EOPTION,
                          "--split-by and --group name two fields; name one for both");
    if (!has(j, "targets")) return CULL_OK;
    CULL_TRY(number_of(j, "targets", 0, 1, 1e9, true, &n));
    if (!has(j, "label-is"))
        return cull__fail(j->cx, CULL_EOPTION, "--targets needs --label and --label-is");
    if (has(j, "target") || has(j, "target-embeddings"))
        return cull__fail(j->cx, CULL_EOPTION, "--targets makes the target: --target is too much");
    return CULL_OK;
}

cull_status split_groups(cull_job *j, double holdout, split *s)
{
    double n;
    CULL_TRY(number_of(j, "targets", 0, 1, 1e9, true, &n));
    s->targets = (int64_t)n;
    s->holdout = holdout;
    CULL_TRY(CULL_ALLOC(j->cx, s->group, j->n));
    CULL_TRY(CULL_ALLOC(j->cx, s->order, j->n));
    CULL_TRY(CULL_ALLOC(j->cx, s->row, s->targets));
    CULL_TRY(CULL_ALLOC(j->cx, s->avoid, j->n));
    CULL_TRY(CULL_ALLOC(j->cx, s->gone, j->n));
    if (holdout > 0) CULL_TRY(CULL_ALLOC(j->cx, s->test, j->n));
    s->groups = (int32_t)j->n;
    for (int64_t i = 0; i < j->n; i++) s->group[i] = (int32_t)i;
    if (by_copies(j) && !j->p.text)
        return cull__fail(j->cx, CULL_EOPTION, "--split-by copies needs the pool's text");
    if (by_copies(j))
        return cull_corpus_copies(j->cx, j->text, COPY_NGRAM, COPY_CAP, s->group, &s->groups);
    if (has(j, "split-by") && !j->codes[GROUP].code)
        return cull__fail(j->cx, CULL_EOPTION,
                          "--split-by %s is a field of records; there are none",
                          value_of(j, "split-by", ""));
    if (j->codes[GROUP].code) { /* --split-by or --group */
        s->groups = j->codes[GROUP].count;
        memcpy(s->group, j->codes[GROUP].code, (size_t)j->n * sizeof *s->group);
    }
    return CULL_OK;
}

/* Rows in an order that takes group after group, groups in random order: those of the g-th group are
 * member[lo .. first[g]), lo = first[g - 1], or 0. */
typedef struct {
    int32_t *rank;           /* groups */
    int64_t *first, *member; /* groups + 2; n */
} lined;

/* What becomes of a group: it leaves the pool, or must stay in it. */
enum { LEAVES = 1, STAYS = 2 };

/* The rows to draw from: those with the label for a target, those that may be kept for a test. */
static bool drawn_from(const cull_job *j, const split *s, bool target, int64_t i)
{
    if (target) return j->codes[LABEL].code[i] == j->wanted;
    return !s->avoid[i] && s->gone[s->group[i]] != STAYS;
}

static void line_up(const cull_job *j, split *s, cull_rng *rng, bool target, lined *l)
{
    for (int64_t g = 0; g < s->groups; g++) s->order[g] = g;
    cull__rng_shuffle(rng, s->order, s->groups);
    for (int32_t g = 0; g < s->groups; g++) l->rank[s->order[g]] = g;
    memset(l->first, 0, ((size_t)s->groups + 2) * sizeof *l->first);
    for (int64_t i = 0; i < j->n; i++)
        l->first[l->rank[s->group[i]] + 1] += drawn_from(j, s, target, i);
    for (int32_t g = 0; g < s->groups; g++) l->first[g + 1] += l->first[g];
    for (int64_t i = 0; i < j->n; i++)
        if (drawn_from(j, s, target, i))
            l->member[l->first[l->rank[s->group[i]]]++] = i; /* ends move up */
}

/* The first `targets` rows with the label are the target. */
static cull_status draw(cull_job *j, split *s, uint64_t seed, lined *l)
{
    cull_rng rng = cull__rng_seeded(seed, SPLIT_STREAM);
    int64_t have = 0;
    line_up(j, s, &rng, true, l);
    for (int32_t g = 0; g < s->groups && have < s->targets; g++) {
        int64_t lo = g ? l->first[g - 1] : 0, n = l->first[g] - lo;
        if (!n) continue;
        cull__rng_shuffle(&rng, l->member + lo, n);
        for (int64_t i = 0; i < n && have < s->targets; i++) s->row[have++] = l->member[lo + i];
        s->gone[s->order[g]] = LEAVES;
    }
    if (have == s->targets) return CULL_OK;
    return cull__fail(j->cx, CULL_EINPUT,
                      "only %" PRId64 " records have the label; --targets %" PRId64 " is too many",
                      have, s->targets);
}

/* Of each label a share is held out: groups in random order, as far as their first row's label lacks
 * one and all labels together lack so many. want (classes) is scratch. */
static cull_status hold_out(cull_job *j, split *s, uint64_t seed, lined *l, int64_t *want)
{
    cull_rng rng = cull__rng_seeded(seed, HOLDOUT_STREAM);
    const int32_t *label = j->codes[LABEL].code;
    int64_t asked = 0, n = 0;
    for (int64_t i = 0; j->have && i < j->n; i++) /* it is trained on: nothing like it is a test */
        if (j->have[i]) s->gone[s->group[i]] = STAYS;
    line_up(j, s, &rng, false, l);
    for (int64_t i = 0; i < j->n; i++) want[label[i]] += !s->avoid[i], n += !s->avoid[i];
    for (int32_t c = 0; c < j->codes[LABEL].count; c++)
        asked += want[c] = llround(s->holdout * (double)want[c]);
    s->tests = 0;
    for (int32_t g = 0; g < s->groups; g++) {
        int64_t lo = g ? l->first[g - 1] : 0, size = l->first[g] - lo;
        if (!size || s->tests + size > asked || want[label[l->member[lo]]] < 1) continue;
        for (int64_t i = lo; i < lo + size; i++) {
            want[label[l->member[i]]]--;
            s->test[s->tests++] = l->member[i];
        }
        s->gone[s->order[g]] = LEAVES;
    }
    if (s->tests && 2 * s->tests >= asked) return CULL_OK;
    return cull__fail(j->cx, CULL_EINPUT,
                      "of %" PRId64 " records %" PRId64 " should be held out and %" PRId64
                      " could be: %s",
                      n, asked, s->tests,
                      asked ? "the groups, which leave as a whole, are too large"
                            : "--holdout is too small for it");
}

static void mark_gone(const cull_job *j, split *s)
{
    for (int64_t i = 0; i < j->n; i++)
        s->avoid[i] = s->gone[s->group[i]] == LEAVES || (j->avoid && j->avoid[i]);
}

static cull_status draw_both(cull_job *j, split *s, uint64_t seed)
{
    lined l = {0};
    int64_t *want = NULL;
    memset(s->gone, 0, (size_t)j->n);
    cull_status st = CULL_ALLOC(j->cx, l.rank, s->groups);
    if (st == CULL_OK) st = CULL_ALLOC(j->cx, l.first, s->groups + 2);
    if (st == CULL_OK) st = CULL_ALLOC(j->cx, l.member, j->n);
    if (st == CULL_OK && s->test) st = CULL_ALLOC(j->cx, want, j->codes[LABEL].count);
    if (st == CULL_OK && s->targets) st = draw(j, s, seed, &l);
    mark_gone(j, s);
    if (st == CULL_OK && s->test) st = hold_out(j, s, seed, &l, want);
    mark_gone(j, s);
    cull__free(l.rank), cull__free(l.first), cull__free(l.member), cull__free(want);
    return st;
}

static void drop_target(cull_job *j, split *s)
{
    cull_corpus_free(s->text);
    cull_pool_free(s->pool);
    cull__free(s->rows);
    s->text = NULL, s->pool = NULL, s->rows = NULL;
    if (s->targets) j->p.target = NULL, j->p.target_text = NULL;
}

cull_status split_make(cull_job *j, split *s, uint64_t seed)
{
    drop_target(j, s);
    CULL_TRY(draw_both(j, s, seed));
    int64_t left = 0;
    double cost = 0;
    for (int64_t i = 0; i < j->n; i++) {
        if (s->avoid[i]) continue;
        left++;
        cost += j->cost ? j->cost[i] : 1;
    }
    j->p.avoid = s->avoid;
    if (j->budget.percent) {
        j->p.budget = j->budget.number / 100 * cost;
        if (!j->cost) j->p.budget = floor(j->p.budget + 1e-9);
    }
    if (!left || j->p.budget > cost)
        return cull__fail(j->cx, CULL_EINPUT,
                          "what is drawn from the pool takes too much: %" PRId64 " of %" PRId64
                          " records are left",
                          left, j->n);
    if (!s->targets) return CULL_OK;
    if (j->pool) {
        CULL_TRY(gather(j->cx, j->pool, s->row, s->targets, &s->rows));
        CULL_TRY(
            cull_pool_from(j->cx, s->rows, CULL_F32, s->targets, cull_pool_d(j->pool), &s->pool));
        j->p.target = s->pool;
    }
    if (!j->p.text) return CULL_OK;
    CULL_TRY(cull_corpus_take(j->cx, j->text, s->row, s->targets, &s->text));
    j->p.target_text = s->text;
    return CULL_OK;
}

void split_free(cull_job *j, split *s)
{
    drop_target(j, s);
    cull__free(s->group), cull__free(s->order), cull__free(s->row);
    cull__free(s->avoid), cull__free(s->gone), cull__free(s->test);
    *s = (split){0};
    j->p.avoid = j->avoid;
}

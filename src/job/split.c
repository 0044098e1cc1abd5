/* split.c - a fair problem made of one labelled pool: some rows with the label become the target, and
 * all that shares a group with one of them (or is its near copy) may not be kept. */
#include "job.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { COPY_NGRAM = 8, COPY_CAP = 100, SPLIT_STREAM = 0x5B117 };

cull_status split_check(cull_job *j)
{
    double n;
    if (has(j, "split-by") && !has(j, "targets"))
        return cull__fail(j->cx, CULL_EOPTION, "--split-by needs --targets");
    if (!has(j, "targets")) return CULL_OK;
    CULL_TRY(number_of(j, "targets", 0, 1, 1e9, true, &n));
    if (!has(j, "label-is"))
        return cull__fail(j->cx, CULL_EOPTION, "--targets needs --label and --label-is");
    if (has(j, "target") || has(j, "target-embeddings"))
        return cull__fail(j->cx, CULL_EOPTION, "--targets makes the target: --target is too much");
    if (has(j, "split-by") && has(j, "group") &&
        strcmp(value_of(j, "split-by", ""), value_of(j, "group", "")) &&
        strcmp(value_of(j, "split-by", ""), "copies"))
        return cull__fail(j->cx, CULL_EOPTION,
                          "--split-by and --group name two fields; name one for both");
    return CULL_OK;
}

cull_status split_groups(cull_job *j, split *s)
{
    const char *by = value_of(j, "split-by", NULL);
    double n;
    CULL_TRY(number_of(j, "targets", 0, 1, 1e9, true, &n));
    s->targets = (int64_t)n;
    CULL_TRY(CULL_ALLOC(j->cx, s->group, j->n));
    CULL_TRY(CULL_ALLOC(j->cx, s->order, j->n));
    CULL_TRY(CULL_ALLOC(j->cx, s->row, s->targets));
    CULL_TRY(CULL_ALLOC(j->cx, s->avoid, j->n));
    CULL_TRY(CULL_ALLOC(j->cx, s->gone, j->n));
    s->groups = (int32_t)j->n;
    for (int64_t i = 0; i < j->n; i++) s->group[i] = (int32_t)i;
    if (by && !strcmp(by, "copies"))
        return cull_corpus_copies(j->cx, j->text, COPY_NGRAM, COPY_CAP, s->group, &s->groups);
    if (j->codes[GROUP].code) { /* --split-by or --group */
        s->groups = j->codes[GROUP].count;
        memcpy(s->group, j->codes[GROUP].code, (size_t)j->n * sizeof *s->group);
    }
    return CULL_OK;
}

/* Rows with the label, in an order that takes group after group, groups in random order: the first
 * `targets` of them are the target. rank, first and member are scratch of groups, groups + 2, n. */
static cull_status draw(cull_job *j, split *s, uint64_t seed, int32_t *rank, int64_t *first,
                        int64_t *member)
{
    cull_rng rng = cull__rng_seeded(seed, SPLIT_STREAM);
    const int32_t *label = j->codes[LABEL].code;
    int64_t have = 0;
    memset(s->gone, 0, (size_t)j->n);
    for (int64_t g = 0; g < s->groups; g++) s->order[g] = g;
    cull__rng_shuffle(&rng, s->order, s->groups);
    for (int32_t g = 0; g < s->groups; g++) rank[s->order[g]] = g;
    for (int64_t i = 0; i < j->n; i++) first[rank[s->group[i]] + 1] += label[i] == j->wanted;
    for (int32_t g = 0; g < s->groups; g++) first[g + 1] += first[g];
    for (int64_t i = 0; i < j->n; i++)
        if (label[i] == j->wanted) member[first[rank[s->group[i]]]++] = i; /* ends move up */
    for (int32_t g = 0; g < s->groups && have < s->targets; g++) {
        int64_t lo = g ? first[g - 1] : 0, n = first[g] - lo;
        if (!n) continue;
        cull__rng_shuffle(&rng, member + lo, n);
        for (int64_t i = 0; i < n && have < s->targets; i++) s->row[have++] = member[lo + i];
        s->gone[s->order[g]] = 1;
    }
    if (have == s->targets) return CULL_OK;
    return cull__fail(j->cx, CULL_EINPUT,
                      "only %" PRId64 " records have the label; --targets %" PRId64 " is too many",
                      have, s->targets);
}

static cull_status draw_target(cull_job *j, split *s, uint64_t seed)
{
    int32_t *rank = NULL;
    int64_t *first = NULL, *member = NULL;
    cull_status st = CULL_ALLOC(j->cx, rank, s->groups);
    if (st == CULL_OK) st = CULL_ALLOC(j->cx, first, s->groups + 2);
    if (st == CULL_OK) st = CULL_ALLOC(j->cx, member, j->n);
    if (st == CULL_OK) st = draw(j, s, seed, rank, first, member);
    cull__free(rank), cull__free(first), cull__free(member);
    return st;
}

static void drop_target(cull_job *j, split *s)
{
    cull_corpus_free(s->text);
    cull_pool_free(s->pool);
    cull__free(s->rows);
    s->text = NULL, s->pool = NULL, s->rows = NULL;
    j->p.target = NULL, j->p.target_text = NULL;
}

cull_status split_make(cull_job *j, split *s, uint64_t seed)
{
    drop_target(j, s);
    CULL_TRY(draw_target(j, s, seed));
    int64_t left = 0;
    double cost = 0;
    for (int64_t i = 0; i < j->n; i++) {
        s->avoid[i] = s->gone[s->group[i]] || (j->avoid && j->avoid[i]);
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
                          "--targets %" PRId64 " takes too much: %" PRId64 " of %" PRId64
                          " records are left",
                          s->targets, left, j->n);
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
    cull__free(s->avoid), cull__free(s->gone);
    *s = (split){0};
}

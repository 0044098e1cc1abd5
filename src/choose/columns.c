/* columns.c - taking columns under a budget: the same ledger as for examples, over columns. */
#include "choose/choose.h"
#include "cull/data.h"
#include "cull/feature.h"

#include <math.h>
#include <string.h>

static cull_data_problem as_examples(const cull_feature_problem *p)
{
    double most = p->budget;
    if (!isfinite(most)) { /* all of them */
        most = 0;
        for (int64_t c = 0; c < p->d; c++) most += p->cost ? p->cost[c] : 1;
    }
    return (cull_data_problem){
        .n = p->d, .cost = p->cost, .budget = most, .avoid = p->avoid, .have = p->have};
}

cull_status cull__columns_taker(cull_ctx *cx, const cull_feature_problem *p, cull__taker *t)
{
    cull_data_problem over = as_examples(p);
    return cull__taker_new(cx, &over, t);
}

uint64_t cull__columns_plan(const cull_feature_problem *p)
{
    cull_data_problem over = as_examples(p);
    return cull__take_best_plan(&over);
}

cull_status cull__columns_best(cull_ctx *cx, const cull_feature_problem *p, cull__taker *t,
                               const double *score)
{
    double *s;
    CULL_TRY(CULL_TMP(cx, s, p->d));
    for (int64_t c = 0; c < p->d; c++) {
        s[c] = score[c];
        if (isnan(s[c])) t->taken[c] = 1, s[c] = 0; /* nothing to score: barred */
    }
    return cull__take_best(cx, t, NULL, s, NULL);
}

double cull__columns_worth(const cull__taker *t, int64_t c, double score, bool per_cost)
{
    double cost = t->cost && per_cost ? t->cost[c] : 1;
    return score >= 0 ? score / cost : score * cost;
}

int64_t cull__columns_next(const cull__taker *t, const double *score, bool per_cost)
{
    int64_t best = -1;
    double most = -INFINITY;
    for (int64_t c = 0; c < t->n; c++) {
        if (isnan(score[c]) || !cull__can_take(t, c)) continue;
        double worth = cull__columns_worth(t, c, score[c], per_cost);
        if (best < 0 || worth > most) best = c, most = worth;
    }
    return best;
}

cull_status cull__columns_pick(cull_ctx *cx, const cull_feature_problem *p, const cull__taker *t,
                               const cull__columns *found, cull_feature_pick *out)
{
    size_t d = (size_t)p->d, words = (found->p ? 2 : 1) * d;
    size_t ends = found->level_at ? d + 1 : 0;
    size_t levels = ends ? (size_t)found->level_at[d] : 0;
    void *at;
    *out = (cull_feature_pick){.d = p->d, .score_is = found->score_is};
    cull_status s = cull__taker_pick(cx, t, "", &out->pick);
    if (s == CULL_OK)
        s = cull__pick_more(cx, &out->pick, (words + ends) * 8 + (found->verdict ? d : 0) + levels,
                            &at);
    if (s != CULL_OK) {
        cull_feature_pick_free(out);
        return s;
    }
    out->score = memcpy(at, found->score, d * sizeof *out->score);
    if (found->p) out->p = memcpy(out->score + d, found->p, d * sizeof *out->p);
    uint8_t *bytes = (uint8_t *)(out->score + words) + ends * sizeof *out->level_at;
    if (ends) {
        out->level_at = memcpy(out->score + words, found->level_at, ends * sizeof *out->level_at);
        out->level_kept = memcpy(bytes, found->level_kept, levels);
        bytes += levels;
    }
    if (found->verdict) out->verdict = memcpy(bytes, found->verdict, d);
    return CULL_OK;
}

/* columns.h - one problem of task feature with everything that a method may read. */
#ifndef COLUMNS_H
#define COLUMNS_H
#include "test.h"

#include "base/base.h"
#include "cull/feature.h"

/* Columns that are there in every fixture, for what they are. */
enum { STRONG, WEAK, KIND, CONSTANT, GAPS, NOTHING, COPY, MANY, LEAST_COLUMNS };
enum { COLUMN_CLASSES = 2, COLUMN_GROUPS = 7 };

typedef struct {
    cull_ctx *cx; /* of the fixture's own handles, apart from the ctx under test */
    int64_t n, d;
    float *at;
    cull_pool *x;
    int32_t *levels, *group;
    char (*name)[16];
    const char **names;
    double *classes, *numbers, *cost;
    uint8_t *have, *avoid;
} columns;

/* What a method that takes neither would be handed: without missing values, all numeric. Two classes, which
 * every method takes. */
static inline columns *columns_new(int64_t n, int64_t d, unsigned flags)
{
    columns *f = calloc(1, sizeof *f);
    bool gaps = flags & CULL_TAKES_MISSING, kinds = flags & CULL_TAKES_CATEGORIES;
    size_t cols = (size_t)d, rows = (size_t)n;
    assert_true(d >= LEAST_COLUMNS);
    *f = (columns){.cx = cull_ctx_new(NULL), .n = n, .d = d};
    f->at = malloc(rows * cols * sizeof *f->at);
    f->levels = calloc(cols, sizeof *f->levels);
    f->name = calloc(cols, sizeof *f->name);
    f->names = malloc(cols * sizeof *f->names);
    f->cost = malloc(cols * sizeof *f->cost);
    f->have = calloc(cols, 1), f->avoid = calloc(cols, 1);
    f->group = malloc(rows * sizeof *f->group);
    f->classes = malloc(rows * sizeof *f->classes);
    f->numbers = malloc(rows * sizeof *f->numbers);
    cull_rng r = cull__rng_seeded(81, (uint64_t)n);
    for (int64_t c = 0; c < d; c++) {
        snprintf(f->name[c], sizeof f->name[c], "col%d", (int)c);
        f->names[c] = f->name[c];
        f->cost[c] = 1 + 9 * cull__rng_unit(&r);
        f->avoid[c] = c > MANY && c % 5 == 0;
    }
    f->have[WEAK] = 1;
    if (kinds) f->levels[KIND] = 3, f->levels[MANY] = 5;
    for (int64_t i = 0; i < n; i++) {
        float *v = f->at + i * d;
        for (int64_t c = 0; c < d; c++) v[c] = (float)cull__rng_normal(&r);
        v[KIND] = (float)cull__rng_below(&r, 3);
        v[CONSTANT] = 4.25f;
        v[NOTHING] = NAN;
        v[COPY] = 2 * v[STRONG] + 0.1f * v[COPY];
        v[MANY] = (float)cull__rng_below(&r, 5);
        double y = 2 * v[STRONG] + v[WEAK] + 1.5 * (v[KIND] == 1) + 0.3 * cull__rng_normal(&r);
        f->numbers[i] = y;
        f->classes[i] = i < COLUMN_CLASSES ? (double)i : y < 0.5 ? 0 : 1;
        f->group[i] = (int32_t)(i / 3 % COLUMN_GROUPS);
        for (int64_t c = 0; flags & CULL_NEEDS_COUNTS && c < d; c++)
            if (!f->levels[c]) v[c] = fabsf(v[c] + 4); /* seldom folded: what it says stays */
        if (gaps && i % 5 == 2) v[GAPS] = NAN;
        if (gaps && i % 7 == 3) v[MANY] = NAN;
    }
    ok(f->cx, cull_pool_from(f->cx, f->at, CULL_F32, n, d, &f->x));
    return f;
}

static inline void columns_free(columns *f)
{
    cull_pool_free(f->x);
    cull_ctx_free(f->cx);
    free(f->at), free(f->levels), free(f->name), free(f->names), free(f->cost), free(f->have);
    free(f->avoid), free(f->group), free(f->classes), free(f->numbers);
    free(f);
}

/* Columns equal in cost, none forbidden; half of them may be kept. */
static inline cull_feature_problem columns_plain(const columns *f, bool numbers)
{
    return (cull_feature_problem){
        .n = f->n,
        .d = f->d,
        .x = f->x,
        .levels = f->levels,
        .y = numbers ? f->numbers : f->classes,
        .classes = numbers ? 0 : COLUMN_CLASSES,
        .budget = (double)(f->d / 2),
    };
}

/* Names, costs, groups of rows, columns to avoid, a column held already. */
static inline cull_feature_problem columns_full(const columns *f, bool numbers)
{
    cull_feature_problem p = columns_plain(f, numbers);
    p.name = f->names;
    p.cost = f->cost;
    p.budget = 2.2 * (double)f->d;
    p.group = f->group;
    p.groups = COLUMN_GROUPS;
    p.have = f->have;
    p.avoid = f->avoid;
    return p;
}

/* ---- what any result must be ---- */

static inline bool columns_barred(const cull_feature_problem *p, int64_t c)
{
    return c == CONSTANT || c == NOTHING || (p->avoid && p->avoid[c]);
}

static inline void columns_valid(const cull_method *m, const cull_feature_problem *p,
                                 const cull_feature_pick *k)
{
    uint8_t *seen = calloc((size_t)p->d, 1);
    double spent = 0;
    CHECK(m, k->d == p->d && k->score && k->score_is && *k->score_is);
    CHECK(m, (k->verdict != NULL) == !!(m->flags & CULL_OWN_NUMBER));
    for (int64_t i = 0; i < k->pick.n; i++) {
        int64_t c = k->pick.idx[i];
        CHECK(m, c >= 0 && c < p->d && !seen[c]);
        seen[c] = 1;
        CHECK(m, !columns_barred(p, c) && !(p->have && p->have[c]));
        CHECK(m, isfinite(k->pick.score[i]) && !isnan(k->score[c]));
        CHECK(m, !k->verdict || k->verdict[c] != CULL_REJECTED);
        CHECK(m, k->pick.by[i] == -1);
        spent += p->cost ? p->cost[c] : 1;
    }
    CHECK(m, spent == k->pick.spent); /* the same sum in the same order */
    CHECK(m, spent <= p->budget);
    for (int64_t c = 0; c < p->d; c++) {
        CHECK(m, !columns_barred(p, c) || isnan(k->score[c]));
        CHECK(m, !isinf(k->score[c]));
        CHECK(m, !k->p || isnan(k->p[c]) || (k->p[c] >= 0 && k->p[c] <= 1));
        CHECK(m, !k->verdict || k->verdict[c] <= CULL_CONFIRMED);
        bool fits = !seen[c] && !isnan(k->score[c]) && !(p->have && p->have[c]) &&
                    spent + (p->cost ? p->cost[c] : 1) <= p->budget;
        CHECK(m, !fits || (m->flags & CULL_OWN_NUMBER)); /* nothing more would have fitted */
    }
    free(seen);
}

static inline bool columns_same(const cull_feature_pick *a, const cull_feature_pick *b)
{
    size_t n = (size_t)a->pick.n, d = (size_t)a->d;
    return a->pick.n == b->pick.n && a->d == b->d &&
           !memcmp(a->pick.idx, b->pick.idx, n * sizeof *a->pick.idx) &&
           !memcmp(a->pick.score, b->pick.score, n * sizeof *a->pick.score) &&
           !memcmp(a->score, b->score, d * sizeof *a->score) && !a->p == !b->p &&
           (!a->p || !memcmp(a->p, b->p, d * sizeof *a->p)) && !a->verdict == !b->verdict &&
           (!a->verdict || !memcmp(a->verdict, b->verdict, d));
}
#endif

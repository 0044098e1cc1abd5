/* fixture.h - one problem of task data with everything that a method may read. */
#ifndef FIXTURE_H
#define FIXTURE_H
#include "textfile.h"

#include "base/base.h"
#include "cull/data.h"

enum { DIM = 16, TARGETS = 12, AGAINST = 9, TASKS = 3, GROUPS = 4, MOST_COLUMNS = 16 };

typedef struct {
    cull_ctx *cx; /* of the fixture's own handles, apart from the ctx under test */
    int64_t n;
    int cols;
    char name[MOST_COLUMNS][64];
    const char *names[MOST_COLUMNS];
    double *col[MOST_COLUMNS];
    float *pool_at, *target_at, *against_at;
    cull_pool *pool, *target, *against;
    textfile text_file, target_file;
    double *cost, quota[GROUPS];
    int32_t *group, task[TARGETS];
    uint8_t *avoid, *have;
} fixture;

/* A column draws from a stream of its name: a new method leaves the others' problems alone. */
static inline void fixture_columns(fixture *f, const char *list)
{
    while (list && *list) {
        size_t len = strcspn(list, ",");
        char *name = f->name[f->cols];
        snprintf(name, sizeof f->name[0], "%.*s", (int)len, list);
        list += len + (list[len] == ',');
        bool known = false;
        for (int c = 0; c < f->cols; c++) known |= !strcmp(f->names[c], name);
        if (known) continue;
        assert_true(f->cols < MOST_COLUMNS - 1);
        f->col[f->cols] = malloc((size_t)f->n * sizeof(double));
        cull_rng r = cull__rng_seeded(cull__hash64(name, strlen(name), 77), (uint64_t)f->n);
        for (int64_t i = 0; i < f->n; i++) f->col[f->cols][i] = cull__rng_normal(&r);
        f->names[f->cols++] = name;
    }
}

/* Sentences over a vocabulary that shifts with the cluster; the targets are like three of them. */
static inline char *fixture_sentence(int64_t cluster, cull_rng *r)
{
    char *s = malloc(256), *at = s;
    int64_t words = 3 + cull__rng_below(r, 9);
    for (int64_t w = 0; w < words; w++) {
        int64_t common = cull__rng_below(r, 2) * 1000;
        at += sprintf(at, "w%d ",
                      (int)(common ? common + cull__rng_below(r, 50)
                                   : 20 * cluster + cull__rng_below(r, 20)));
    }
    return s;
}

static inline void fixture_text(fixture *f)
{
    cull_rng r = cull__rng_seeded(78, (uint64_t)f->n);
    char **pool = malloc((size_t)f->n * sizeof *pool), *target[TARGETS];
    for (int64_t i = 0; i < f->n; i++) pool[i] = fixture_sentence(i % 10, &r);
    for (int64_t i = 0; i < TARGETS; i++) target[i] = fixture_sentence(i % 3, &r);
    f->text_file = textfile_new(f->cx, (const char *const *)pool, f->n);
    f->target_file = textfile_new(f->cx, (const char *const *)target, TARGETS);
    for (int64_t i = 0; i < f->n; i++) free(pool[i]);
    for (int64_t i = 0; i < TARGETS; i++) free(target[i]);
    free(pool);
}

/* Ten loose clusters of rows; the targets lie about three of them. */
static inline fixture *fixture_new(int64_t n)
{
    fixture *f = calloc(1, sizeof *f);
    f->cx = cull_ctx_new(NULL);
    f->n = n;
    cull_rng r = cull__rng_seeded(77, (uint64_t)n);
    float centre[10][DIM];
    for (int c = 0; c < 10; c++)
        for (int j = 0; j < DIM; j++) centre[c][j] = (float)cull__rng_normal(&r);
    f->pool_at = malloc((size_t)n * DIM * sizeof(float));
    f->target_at = malloc(TARGETS * DIM * sizeof(float));
    for (int64_t i = 0; i < n * DIM; i++)
        f->pool_at[i] = centre[i / DIM % 10][i % DIM] + 0.4f * (float)cull__rng_normal(&r);
    for (int64_t i = 0; i < TARGETS * DIM; i++)
        f->target_at[i] = centre[i / DIM % 3][i % DIM] + 0.4f * (float)cull__rng_normal(&r);
    ok(f->cx, cull_pool_from(f->cx, f->pool_at, CULL_F32, n, DIM, &f->pool));
    ok(f->cx, cull_pool_from(f->cx, f->target_at, CULL_F32, TARGETS, DIM, &f->target));
    f->cost = malloc((size_t)n * sizeof(double));
    f->group = malloc((size_t)n * sizeof(int32_t));
    f->avoid = malloc((size_t)n);
    for (int64_t i = 0; i < n; i++) {
        f->cost[i] = 1 + 9 * cull__rng_unit(&r);
        f->group[i] = (int32_t)cull__rng_below(&r, GROUPS);
        f->avoid[i] = cull__rng_below(&r, 10) == 0;
    }
    r = cull__rng_seeded(79, (uint64_t)n); /* of its own: the numbers above stay as they were */
    f->against_at = malloc(AGAINST * DIM * sizeof(float));
    for (int64_t i = 0; i < AGAINST * DIM; i++)
        f->against_at[i] = centre[5 + i / DIM % 2][i % DIM] + 0.4f * (float)cull__rng_normal(&r);
    ok(f->cx, cull_pool_from(f->cx, f->against_at, CULL_F32, AGAINST, DIM, &f->against));
    f->have = malloc((size_t)n);
    for (int64_t i = 0; i < n; i++) f->have[i] = cull__rng_below(&r, 50) == 0;
    for (int i = 0; i < TARGETS; i++) f->task[i] = i % TASKS;
    for (int i = 0; i < cull_method_count(); i++) {
        if (cull_method_at(i)->task != CULL_TASK_DATA) continue;
        fixture_columns(f, cull_method_at(i)->columns);
        fixture_columns(f, cull_method_at(i)->may);
    }
    fixture_text(f);
    return f;
}

/* Everything equal in cost, nothing forbidden; budget = a tenth. */
static inline cull_data_problem fixture_plain(const fixture *f)
{
    return (cull_data_problem){
        .n = f->n,
        .score = {f->n, f->cols, f->names, (const double *const *)f->col},
        .pool = f->pool,
        .target = f->target,
        .against = f->against,
        .text = f->text_file.corpus,
        .target_text = f->target_file.corpus,
        .budget = (double)(f->n >= 10 ? f->n / 10 : 1),
    };
}

/* Costs, quotas (one of them 0), rows to avoid, rows held already, several target tasks. */
static inline cull_data_problem fixture_full(fixture *f)
{
    cull_data_problem p = fixture_plain(f);
    p.cost = f->cost;
    p.budget = 0.5 * (double)f->n + 10;
    p.group = f->group;
    p.groups = GROUPS;
    for (int g = 0; g < GROUPS; g++) f->quota[g] = p.budget * 0.2 * g;
    p.quota = f->quota;
    p.avoid = f->avoid;
    p.have = f->have;
    p.target_task = f->task;
    p.target_tasks = TASKS;
    return p;
}

static inline void fixture_free(fixture *f)
{
    textfile_free(&f->text_file);
    textfile_free(&f->target_file);
    cull_pool_free(f->pool);
    cull_pool_free(f->target);
    cull_pool_free(f->against);
    cull_ctx_free(f->cx);
    for (int c = 0; c < f->cols; c++) free(f->col[c]);
    free(f->pool_at), free(f->target_at), free(f->cost), free(f->group), free(f->avoid);
    free(f->against_at), free(f->have);
    free(f);
}

/* ---- what any result must be ---- */
/* full: and nothing more would have fitted, unless a method is asked to estimate how much is enough. */
static inline void check_kept(const cull_method *m, const cull_data_problem *p, const cull_pick *k,
                              bool full)
{
    uint8_t *seen = calloc((size_t)p->n, 1);
    double spent = 0, used[GROUPS] = {0};
    int64_t most = 1;
    if (!strcmp(k->by_what, "target")) most = cull_pool_n(p->target);
    if (!strcmp(k->by_what, "task")) most = p->target_tasks;
    if (!strcmp(k->by_what, "cluster")) most = p->n;
    for (int64_t i = 0; i < k->n; i++) {
        int64_t r = k->idx[i];
        CHECK(m, r >= 0 && r < p->n);
        CHECK(m, !seen[r]);
        seen[r] = 1;
        CHECK(m, !p->avoid || !p->avoid[r]);
        CHECK(m, !p->have || !p->have[r]);
        CHECK(m, isfinite(k->score[i]));
        CHECK(m, k->by[i] >= (*k->by_what ? 0 : -1) && k->by[i] < most);
        CHECK(m, *k->by_what || k->by[i] == -1);
        spent += p->cost ? p->cost[r] : 1;
        if (p->quota) used[p->group[r]] += p->cost ? p->cost[r] : 1;
    }
    CHECK(m, spent == k->spent); /* the same sum in the same order */
    CHECK(m, spent <= p->budget);
    for (int g = 0; p->quota && g < p->groups; g++) CHECK(m, used[g] <= p->quota[g]);
    for (int64_t i = 0; full && i < p->n; i++) {
        double c = p->cost ? p->cost[i] : 1;
        bool fits = !seen[i] && !(k->stands && k->stands[i] != i) && !(p->avoid && p->avoid[i]) &&
                    !(p->have && p->have[i]) && spent + c <= p->budget &&
                    (!p->quota || used[p->group[i]] + c <= p->quota[p->group[i]]);
        CHECK(m, !fits);
    }
    free(seen);
}

/* Of a method that looks for copies: every row that may be is stood for by one that stays. */
static inline void check_copies(const cull_method *m, const cull_data_problem *p,
                                const cull_pick *k)
{
    CHECK(m, (k->stands != NULL) == !!(m->flags & CULL_FINDS_COPIES));
    if (!k->stands) return;
    CHECK(m, k->rows == p->n && *k->stays);
    for (int64_t i = 0; i < p->n; i++) {
        int64_t to = k->stands[i];
        bool out = p->avoid && p->avoid[i] && !(p->have && p->have[i]);
        CHECK(m, out ? to == -1 : to >= 0 && to < p->n && k->stands[to] == to);
        CHECK(m, out || (k->like[i] > 0 && k->like[i] <= 1.000001f));
        CHECK(m, !(p->have && p->have[i] && to >= 0 && to != i) || p->have[to]);
    }
    for (int64_t i = 0; i < k->n; i++) CHECK(m, k->stands[k->idx[i]] == k->idx[i]);
}

static inline void check_valid(const cull_method *m, const cull_data_problem *p, const cull_pick *k)
{
    check_kept(m, p, k, true);
    check_copies(m, p, k);
}

static inline bool same_pick(const cull_pick *a, const cull_pick *b)
{
    size_t n = (size_t)a->n;
    return a->n == b->n && !memcmp(a->idx, b->idx, n * sizeof *a->idx) &&
           !memcmp(a->score, b->score, n * sizeof *a->score) &&
           !memcmp(a->by, b->by, n * sizeof *a->by) &&
           !memcmp(&a->spent, &b->spent, sizeof a->spent) && a->rows == b->rows &&
           (!a->rows || (!memcmp(a->stands, b->stands, (size_t)a->rows * sizeof *a->stands) &&
                         !memcmp(a->like, b->like, (size_t)a->rows * sizeof *a->like)));
}
#endif

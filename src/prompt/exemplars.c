/* exemplars.c - which candidates a prompt shows: drawn, alike, unlike, all; or the best of many sets, drawn or changed
 * one exemplar at a time. */
#include "prompt/prompt.h"

#include "num/num.h"

#include <math.h>
#include <string.h>

enum { STREAM_SETS = 0x7072, TRIES = 1000 };

typedef struct {
    cull__prompt_run *r;
    cull_rng rng;
    int32_t instruction;
    int64_t k;
    int64_t *best, *next, *perm; /* k, k, candidates */
    double sum;                  /* of the best; -1 = none yet */
    double tried;
} walk;

/* ---- sets ---- */

static void sort(int64_t *v, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        int64_t x = v[i], j = i;
        for (; j > 0 && v[j - 1] > x; j--) v[j] = v[j - 1];
        v[j] = x;
    }
}

/* A set drawn from the candidates; into next. */
static void draw(walk *w)
{
    const cull__prompt_run *r = w->r;
    for (int64_t i = 0; i < r->froms; i++) w->perm[i] = i;
    for (int64_t i = 0; i < w->k; i++) {
        int64_t j = i + cull__rng_below(&w->rng, r->froms - i), t = w->perm[i];
        w->perm[i] = w->perm[j], w->perm[j] = t;
        w->next[i] = r->from[w->perm[i]];
    }
    if (!r->o.ordered) sort(w->next, w->k);
}

static bool in(const int64_t *v, int64_t n, int64_t x)
{
    for (int64_t i = 0; i < n; i++)
        if (v[i] == x) return true;
    return false;
}

/* The best with one exemplar swapped for another candidate or, a quarter of the time where order counts, two that
 * change places. */
static void change(walk *w)
{
    const cull__prompt_run *r = w->r;
    memcpy(w->next, w->best, (size_t)w->k * sizeof *w->next);
    int64_t at = cull__rng_below(&w->rng, w->k);
    bool moves = r->o.ordered && w->k > 1;
    if (moves && (r->froms == w->k || cull__rng_below(&w->rng, 4) == 0)) {
        int64_t to = (at + 1 + cull__rng_below(&w->rng, w->k - 1)) % w->k, t = w->next[at];
        w->next[at] = w->next[to], w->next[to] = t;
        return;
    }
    if (r->froms == w->k) return;
    int64_t x;
    do x = r->from[cull__rng_below(&w->rng, r->froms)];
    while (in(w->best, w->k, x));
    w->next[at] = x;
    if (!r->o.ordered) sort(w->next, w->k);
}

/* How many sets there are of so many candidates. */
static double sets_of(const walk *w, int64_t n)
{
    double sets = 1;
    for (int64_t i = 0; i < w->k; i++)
        sets *= (double)(n - i) / (w->r->o.ordered ? 1 : (double)(i + 1));
    return sets;
}

/* One that was not tried, into next; false: none was found. */
static cull_status unseen(walk *w, bool changed, bool *found)
{
    cull__prompt_run *r = w->r;
    cull_hash128 key;
    *found = false;
    if (w->tried + 0.5 > sets_of(w, r->froms)) return CULL_OK;
    /* enough that, of few sets, the last one is met */
    double tries = changed ? TRIES : TRIES + 64 * fmin(sets_of(w, r->froms), 1e5);
    for (double t = 0; t < tries; t++) {
        changed ? change(w) : draw(w);
        const cull__prompt pt = {w->instruction, w->k, w->next};
        *found = cull__prompt_new(r, &pt, &key);
        if (!*found) continue;
        w->tried++;
        return cull__answers_put(r->cx, &r->answers, key, 0);
    }
    return CULL_OK;
}

/* ---- search and mutation ---- */

/* *end: there is no budget for it, or nothing can be better. */
static cull_status try_next(walk *w, double bound, bool equal, bool *end)
{
    cull__prompt_run *r = w->r;
    cull__tried how;
    const cull__prompt pt = {w->instruction, w->k, w->next};
    CULL_TRY(cull__prompt_try(r, &pt, fmax(bound, w->sum), r->budget, &how));
    *end = how == CULL__SPENT;
    if (*end) return CULL_OK;
    if (how == CULL__WHOLE && (r->sum > w->sum || (equal && r->sum == w->sum))) {
        memcpy(w->best, w->next, (size_t)w->k * sizeof *w->best);
        w->sum = r->sum;
    }
    /* those that go on may show what this one knew; lists of one prompt stay as they are */
    bool searches = r->o.strategy == CULL_PROMPT_SEARCH || r->o.strategy == CULL_PROMPT_MUTATE;
    *end = searches && r->o.race && w->sum >= (double)r->n; /* nothing is better */
    return searches ? cull__prompt_learn(r, &pt) : CULL_OK;
}

/* `most` sets, -1 = as long as there is budget. */
static cull_status draw_sets(walk *w, int64_t most, double bound, bool *end)
{
    *end = false;
    for (int64_t i = 0; i != most && !*end; i++) {
        bool found;
        CULL_TRY(unseen(w, false, &found));
        *end = !found;
        if (found) CULL_TRY(try_next(w, bound, false, end));
    }
    return CULL_OK;
}

static cull_status mutate(walk *w)
{
    cull__prompt_run *r = w->r;
    int64_t left = (r->budget - r->calls) / r->n, starts = r->o.starts;
    bool end;
    if (!starts) starts = left < 8 ? 1 : left / 4;
    CULL_TRY(draw_sets(w, starts, -1, &end));
    while (!end) {
        bool found;
        CULL_TRY(unseen(w, true, &found));
        if (!found) CULL_TRY(unseen(w, false, &found)); /* nothing new is near */
        end = !found;
        if (found) CULL_TRY(try_next(w, -1, true, &end));
    }
    return CULL_OK;
}

/* ---- alike and unlike ---- */

static cull_status embedded(cull__prompt_run *r, const cull_pool **pool, const cull_pool **val,
                            const cull_pool **test)
{
    *pool = *val = *test = NULL;
    CULL_TRY(r->m.embed(r->cx, r->m.user, r->from, r->froms, pool, val, test));
    const cull_pool *is[3] = {*pool, *val, *test};
    const int64_t rows[3] = {r->froms, r->n, r->p.test};
    static const char *const what[] = {"the candidates", "the validation rows", "the test rows"};
    for (int i = 0; i < 3; i++) {
        if (!rows[i]) continue;
        if (!is[i] || cull_pool_n(is[i]) != rows[i])
            return cull__fail(r->cx, CULL_EINPUT, "embeddings of %s: %lld rows, not %lld", what[i],
                              is[i] ? (long long)cull_pool_n(is[i]) : 0LL, (long long)rows[i]);
        CULL_TRY(cull_pool_check(r->cx, is[i]));
        CULL_TRY(cull_pool_alike(r->cx, is[0], is[i]));
    }
    return CULL_OK;
}

/* Rows' lists of the places found, of m rows `most` each, best first: turned round, and without the row itself. */
static void lists_of(cull__prompt_run *r, bool self, const int64_t *idx, const int64_t *found,
                     int64_t m, int64_t most)
{
    for (int64_t i = 0; i < m; i++) {
        int64_t n = 0, *to = r->near.list + i * r->near.each;
        for (int64_t j = 0; j < found[i] && n < r->near.each; j++) {
            int64_t row = r->from[idx[i * most + j]];
            if (!(self && row == i)) to[n++] = row;
        }
        for (int64_t a = 0, b = n - 1; a < b; a++, b--) {
            int64_t t = to[a];
            to[a] = to[b], to[b] = t;
        }
        r->near.k[i] = n;
    }
}

cull_status cull__prompt_near(cull__prompt_run *r, cull_prompt_set set)
{
    const cull_pool *pool, *val, *test;
    CULL_TRY(embedded(r, &pool, &val, &test));
    const cull_pool *q = set == CULL_PROMPT_TEST ? test : val;
    int64_t m = cull_pool_n(q), d = cull_pool_d(q);
    bool self = r->own && set == CULL_PROMPT_VAL;
    int64_t each = r->o.k < r->froms ? r->o.k : r->froms;
    int64_t most = self && each < r->froms ? each + 1 : each, *idx, *found;
    float *buf;
    double *score;
    CULL_TRY(CULL_TMP(r->cx, buf, m * d));
    CULL_TRY(CULL_TMP(r->cx, idx, m * most));
    CULL_TRY(CULL_TMP(r->cx, score, m * most));
    CULL_TRY(CULL_TMP(r->cx, found, m));
    CULL_TRY(CULL_TMP(r->cx, r->near.k, m));
    CULL_TRY(CULL_TMP(r->cx, r->near.list, m * each));
    r->near.each = each;
    const float *rows = cull_pool_rows(q, 0, m, buf);
    CULL_TRY(cull__pool_topk(r->cx, pool, rows, m, most, true, NULL, idx, score, found));
    lists_of(r, self, idx, found, m, most);
    return CULL_OK;
}

/* Of each cluster the candidate nearest to its centre; what a centre lacks (an empty cluster) is drawn. */
static cull_status diverse(walk *w)
{
    cull__prompt_run *r = w->r;
    const cull_pool *pool, *val, *test;
    CULL_TRY(embedded(r, &pool, &val, &test));
    int64_t n = r->froms, d = cull_pool_d(pool), *count;
    int32_t *assign;
    float *centroid, *unit;
    double objective;
    const cull__kmeans_opts o = {.k = w->k, .iterations = 100, .restarts = 4, .spherical = true};
    CULL_TRY(CULL_TMP(r->cx, centroid, w->k * d));
    CULL_TRY(CULL_TMP(r->cx, unit, n * d));
    CULL_TRY(CULL_TMP(r->cx, assign, n));
    CULL_TRY(CULL_TMP(r->cx, count, w->k));
    CULL_TRY(cull__kmeans(r->cx, pool, &o, centroid, assign, count, &objective));
    CULL_TRY(cull__pool_unit(r->cx, pool, unit));
    draw(w);
    for (int64_t c = 0; c < w->k; c++) {
        double most = -INFINITY;
        int64_t at = -1;
        for (int64_t i = 0; i < n; i++) {
            double dot = 0;
            if (assign[i] != (int32_t)c) continue;
            for (int64_t j = 0; j < d; j++)
                dot += (double)centroid[c * d + j] * (double)unit[i * d + j];
            if (dot > most) most = dot, at = r->from[i];
        }
        w->perm[c] = at;
    }
    for (int64_t c = 0; c < w->k; c++) {
        for (int64_t i = 0; w->perm[c] < 0; i++)
            if (!in(w->perm, w->k, w->next[i])) w->perm[c] = w->next[i];
    }
    memcpy(w->next, w->perm, (size_t)w->k * sizeof *w->next);
    if (!r->o.ordered) sort(w->next, w->k);
    return CULL_OK;
}

/* ---- one prompt, that of the strategy ---- */

static cull_status fixed(walk *w)
{
    cull__prompt_run *r = w->r;
    bool spent;
    if (r->o.strategy == CULL_PROMPT_RANDOM) draw(w);
    if (r->o.strategy == CULL_PROMPT_DIVERSE) CULL_TRY(diverse(w));
    if (r->o.strategy == CULL_PROMPT_NEAREST) CULL_TRY(cull__prompt_near(r, CULL_PROMPT_VAL));
    if (w->k == r->froms) memcpy(w->next, r->from, (size_t)w->k * sizeof *w->next);
    CULL_TRY(try_next(w, -1, false, &spent));
    if (!spent) return CULL_OK;
    return cull__fail(r->cx, CULL_EOPTION,
                      "a budget of %lld calls: %lld are made, and the prompt with exemplars takes "
                      "%lld more",
                      (long long)r->budget, (long long)r->calls, (long long)r->n);
}

static cull_status walk_run(walk *w, double alone)
{
    bool end;
    switch (w->r->o.strategy) {
    case CULL_PROMPT_SEARCH: return draw_sets(w, -1, alone, &end);
    case CULL_PROMPT_MUTATE: return mutate(w);
    default: return fixed(w);
    }
}

cull_status cull__prompt_exemplars(cull__prompt_run *r, int32_t instruction, double alone,
                                   cull__prompt *pt, double *sum)
{
    cull_prompt_strategy s = r->o.strategy;
    bool searches = s == CULL_PROMPT_SEARCH || s == CULL_PROMPT_MUTATE;
    bool all = s == CULL_PROMPT_ALL || s == CULL_PROMPT_NEAREST;
    walk w = {.r = r,
              .rng = cull__rng(r->cx, STREAM_SETS),
              .instruction = instruction,
              .k = all || r->froms < r->o.k ? r->froms : r->o.k,
              .sum = -1};
    *pt = (cull__prompt){.instruction = instruction};
    *sum = alone;
    if (s == CULL_PROMPT_NONE) return CULL_OK;
    if (searches && r->o.race && alone >= (double)r->n) return CULL_OK;
    if (!w.k) {
        cull__remark(r->cx, "no answer was right: there is nothing to show as an exemplar");
        return CULL_OK;
    }
    CULL_TRY(CULL_TMP(r->cx, w.best, w.k));
    CULL_TRY(CULL_TMP(r->cx, w.next, w.k));
    CULL_TRY(CULL_TMP(r->cx, w.perm, r->pool));
    CULL_TRY(walk_run(&w, alone));
    /* the fewer exemplars of equals; what was asked for by name comes as it was asked for */
    if (w.sum < 0 || (searches && w.sum <= alone)) return CULL_OK;
    pt->k = w.k;
    pt->exemplar = w.best;
    *sum = w.sum;
    return CULL_OK;
}

/* feature_stable.c - how stable a choice of columns is: made again from bootstraps of the rows.
 *
 * The index is that of Nogueira, Sechidis and Brown (2018, On the stability of feature selection
 * algorithms, section 4), with its interval (section 5): 1 = always the same, 0 = as by chance. */
#include "feature.h"
#include "io/io.h"

#include <math.h>
#include <string.h>

typedef struct {
    const cull_feature_problem *p;
    int64_t *row; /* (n) of the bootstrap */
    int64_t *of;  /* (n) rows group by group, and where each begins; NULL = no groups */
    int64_t *first;
    float *x;
    double *y;
    int32_t *group;
    uint8_t *kept; /* (draws, d) */
    int64_t draws;
} bootstraps;

/* Rows are drawn with replacement; of groups, whole ones until there are as many rows. */
static void draw(const bootstraps *b, cull_rng *r)
{
    const cull_feature_problem *p = b->p;
    for (int64_t i = 0; i < p->n;) {
        int64_t g = cull__rng_below(r, p->group ? p->groups : p->n);
        if (!p->group) {
            b->row[i++] = g;
            continue;
        }
        for (int64_t k = b->first[g]; k < b->first[g + 1] && i < p->n; k++) b->row[i++] = b->of[k];
    }
}

static bool one_class(const bootstraps *b)
{
    for (int64_t i = 1; b->p->y && i < b->p->n; i++)
        if (b->y[i] != b->y[0]) return false;
    return b->p->y != NULL;
}

static void take_rows(const bootstraps *b)
{
    const cull_feature_problem *p = b->p;
    for (int64_t i = 0; i < p->n; i++) {
        float *to = b->x + i * p->d;
        const float *v = cull_pool_rows(p->x, b->row[i], b->row[i] + 1, to);
        if (v != to) memcpy(to, v, (size_t)p->d * sizeof *to);
        if (p->group) b->group[i] = p->group[b->row[i]];
    }
}

static cull_status choose(cull_job *j, const cull_method *m, const cull_opts *opts, bootstraps *b,
                          const cull_pool *x, int64_t at)
{
    const cull_feature_problem *p = b->p;
    cull_feature_problem again = *p;
    cull_feature_pick k;
    cull_ctx *cx;
    cull_rng r = cull__rng(j->cx, 0x626f6f74 + ((uint64_t)at << 32));
    do {
        draw(b, &r);
        for (int64_t i = 0; p->y && i < p->n; i++) b->y[i] = p->y[b->row[i]];
    } while (one_class(b));
    take_rows(b);
    again.x = x;
    again.y = p->y ? b->y : NULL;
    again.group = p->group ? b->group : NULL;
    CULL_TRY(cull__ctx_like(j->cx, cull_ctx_seed(j->cx) + (uint64_t)at + 1, &cx));
    cull_status s = cull_feature_select(cx, m, opts, &again, &k);
    if (s != CULL_OK) s = cull__fail(j->cx, s, "bootstrap %d: %s", (int)at, cull_error(cx));
    for (int64_t i = 0; s == CULL_OK && i < k.pick.n; i++) b->kept[at * p->d + k.pick.idx[i]] = 1;
    if (s == CULL_OK) cull_feature_pick_free(&k);
    cull_ctx_free(cx);
    return s;
}

/* ---- the index ---- */

static bool may_be_kept(const cull_feature_problem *p, int64_t c)
{
    return !(p->avoid && p->avoid[c]) && !(p->have && p->have[c]);
}

static void index_of(const bootstraps *b, const double *share, stability *out)
{
    int64_t draws = b->draws, d = b->p->d, free = 0;
    double m = (double)draws, mean = 0, spread = 0, v = 0;
    for (int64_t c = 0; c < d; c++) free += may_be_kept(b->p, c);
    double each = 1 / (double)free;
    for (int64_t c = 0; c < d; c++) { /* those that may not be kept add nothing */
        mean += share[c] * each;
        spread += m / (m - 1) * share[c] * (1 - share[c]) * each;
    }
    *out = (stability){NAN, NAN, NAN, NAN};
    double chance = mean * (1 - mean);
    if (!(chance > 0) || draws < 2) return;
    out->index = 1 - spread / chance;
    double *phi = (double *)b->x, sum = 0; /* the rows are no longer wanted */
    for (int64_t i = 0; i < draws; i++) {
        double k = 0, both = 0;
        for (int64_t c = 0; c < d; c++)
            if (b->kept[i * d + c]) k += each, both += share[c] * each;
        phi[i] = (both - k * mean + out->index / 2 * (2 * mean * k - k - mean + 1)) / chance;
        sum += phi[i] / m;
    }
    for (int64_t i = 0; i < draws; i++) v += (phi[i] - sum) * (phi[i] - sum);
    double half = 1.959963985 * sqrt(4 / (m * m) * v);
    out->lo = out->index - half, out->hi = fmin(1, out->index + half);
}

static double jaccard(const bootstraps *b)
{
    int64_t d = b->p->d, pairs = 0;
    double sum = 0;
    for (int64_t i = 0; i < b->draws; i++)
        for (int64_t k = 0; k < i; k++, pairs++) {
            int64_t both = 0, any = 0;
            const uint8_t *x = b->kept + i * d, *y = b->kept + k * d;
            for (int64_t c = 0; c < d; c++) both += x[c] & y[c], any += x[c] | y[c];
            sum += any ? (double)both / (double)any : 1;
        }
    return pairs ? sum / (double)pairs : NAN;
}

/* ---- all of it ---- */

static cull_status group_rows(cull_ctx *cx, bootstraps *b)
{
    const cull_feature_problem *p = b->p;
    if (!p->group) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, b->of, p->n));
    CULL_TRY(CULL_TMP0(cx, b->first, p->groups + 2));
    for (int64_t i = 0; i < p->n; i++) b->first[p->group[i] + 2]++;
    for (int64_t g = 2; g < p->groups + 2; g++) b->first[g] += b->first[g - 1];
    for (int64_t i = 0; i < p->n; i++) b->of[b->first[p->group[i] + 1]++] = i;
    return CULL_OK;
}

static cull_status all_draws(cull_job *j, const cull_method *m, const cull_opts *opts,
                             bootstraps *b, double *share, stability *out)
{
    const cull_feature_problem *p = b->p;
    cull_pool *x;
    CULL_TRY(CULL_TMP(j->cx, b->row, p->n));
    CULL_TRY(CULL_TMP(j->cx, b->y, p->n));
    CULL_TRY(CULL_TMP(j->cx, b->group, p->n));
    CULL_TRY(CULL_TMP0(j->cx, b->kept, b->draws * p->d));
    CULL_TRY(group_rows(j->cx, b));
    CULL_TRY(cull_pool_from(j->cx, b->x, CULL_F32, p->n, p->d, &x));
    cull_status s = cull_pool_set_offset(j->cx, x, cull_pool_offset(p->x));
    for (int64_t i = 0; s == CULL_OK && i < b->draws; i++) {
        s = cull__tick(j->cx, (double)i, (double)b->draws);
        if (s == CULL_OK) s = choose(j, m, opts, b, x, i);
    }
    cull_pool_free(x);
    CULL_TRY(s);
    for (int64_t c = 0; c < p->d; c++) {
        int64_t times = 0;
        for (int64_t i = 0; i < b->draws; i++) times += b->kept[i * p->d + c];
        share[c] = (double)times / (double)b->draws;
    }
    index_of(b, share, out);
    out->jaccard = jaccard(b);
    return CULL_OK;
}

cull_status feature_stability(cull_job *j, const cull_method *m, const cull_opts *opts,
                              int64_t draws, double *share, stability *out)
{
    bootstraps b = {.p = &j->feature->p, .draws = draws};
    int64_t n = b.p->n * b.p->d, least = 2 * draws;
    void *mem, *at;
    cull__mark_t mark = cull__mark(j->cx);
    CULL_TRY(cull__array_memory(j->cx, 4 * (uint64_t)(n > least ? n : least), &mem, &at));
    cull_array rows = {.mem_ = mem};
    b.x = at;
    const char *phase = cull__phase(j->cx, "bootstraps");
    cull_status s = all_draws(j, m, opts, &b, share, out);
    cull__phase(j->cx, phase);
    cull_array_free(&rows);
    cull__release(j->cx, mark);
    return s;
}

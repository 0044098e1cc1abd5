/* judge.c - what rows are worth to who trains on them: logistic regression, asked about other rows. */
#include "score/score.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 256, CHUNKS = 64, FOLDS = 3, SAMPLE = 2000, STREAM = 0x10D6E };
static const double grid[] = {10, 1, 0.1, 0.01};
enum { GRID = sizeof grid / sizeof *grid };

/* ---- the scale of rows ---- */

struct sums {
    const cull_pool *pool;
    int64_t d;
    double *part; /* (chunks, d + 1): sums, then the sum of squares */
};

static cull_status add_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const struct sums *s = arg;
    double *sum = s->part + chunk * (s->d + 1);
    float *buf;
    CULL_TRY(CULL_TMP(cx, buf, BLOCK * s->d));
    for (int64_t at = lo; at < hi; at += BLOCK) {
        int64_t end = at + BLOCK < hi ? at + BLOCK : hi;
        const float *x = cull_pool_rows(s->pool, at, end, buf);
        for (int64_t i = 0; i < end - at; i++)
            for (int64_t k = 0; k < s->d; k++) {
                double v = x[i * s->d + k];
                sum[k] += v;
                sum[s->d] += v * v;
            }
    }
    return CULL_OK;
}

static cull_status scale_of(cull_ctx *cx, const cull_pool *p, double *mean, double *scale)
{
    int64_t n = cull_pool_n(p), d = cull_pool_d(p), grain = (n + CHUNKS - 1) / CHUNKS;
    struct sums s = {.pool = p, .d = d};
    double square = 0;
    CULL_TRY(CULL_TMP0(cx, s.part, CHUNKS * (d + 1)));
    CULL_TRY(cull__for(cx, n, grain, add_rows, &s));
    memset(mean, 0, (size_t)d * sizeof *mean);
    for (int64_t c = 0; c < CHUNKS; c++) {
        const double *part = s.part + c * (d + 1);
        for (int64_t k = 0; k < d; k++) mean[k] += part[k];
        square += part[d];
    }
    double all = square /= (double)n;
    for (int64_t k = 0; k < d; k++) {
        mean[k] /= (double)n;
        square -= mean[k] * mean[k];
    }
    if (!isfinite(square)) CULL_TRY(cull_pool_check(cx, p));
    *scale = square > 1e-12 * all ? 1 / sqrt(square) : 1; /* less is rounding: all rows are one */
    return CULL_OK;
}

cull_status cull__judge_scale(cull_ctx *cx, const cull_pool *p, double *mean, double *scale)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status s = scale_of(cx, p, mean, scale);
    cull__release(cx, mark);
    return s;
}

/* ---- teaching and asking ---- */

/* Rows (n, d) with what is known or asked of each. */
struct rows {
    float *x;
    int32_t *y;
    int64_t n;
};

static cull_status room(cull_ctx *cx, int64_t n, int64_t d, struct rows *r)
{
    r->n = n;
    CULL_TRY(CULL_TMP(cx, r->x, n * d));
    return CULL_TMP(cx, r->y, n);
}

/* Rows row[0..n) of a pool, scaled; row NULL = the first n. */
static cull_status take(cull_ctx *cx, const cull__judge *j, const cull_pool *p,
                        const int32_t *label, const int64_t *row, int64_t n, struct rows *r)
{
    int64_t d = cull_pool_d(p);
    CULL_TRY(room(cx, n, d, r));
    for (int64_t i = 0; i < n; i++) {
        int64_t at = row ? row[i] : i;
        float *to = r->x + i * d;
        const float *x = cull_pool_rows(p, at, at + 1, to);
        for (int64_t k = 0; k < d; k++) to[k] = (float)((x[k] - j->mean[k]) * j->scale);
        r->y[i] = label[at];
    }
    return CULL_OK;
}

/* What one who learnt from `taught` says of the rows asked, into said. */
static cull_status answer(cull_ctx *cx, const struct rows *taught, const struct rows *asked,
                          int64_t d, int32_t classes, double l2, int32_t *said)
{
    int32_t *code, *name, *y, present = 0;
    double *w;
    CULL_TRY(CULL_TMP0(cx, code, classes));
    CULL_TRY(CULL_TMP(cx, name, classes));
    CULL_TRY(CULL_TMP(cx, y, taught->n));
    for (int64_t i = 0; i < taught->n; i++) code[taught->y[i]] = 1;
    for (int32_t c = 0; c < classes; c++)
        if (code[c]) name[present] = c, code[c] = present++;
    for (int64_t i = 0; i < taught->n; i++) y[i] = code[taught->y[i]];
    if (present > 1) {
        cull__logreg_opts o = {.l2 = l2 / (double)taught->n};
        CULL_TRY(CULL_TMP(cx, w, present * (d + 1)));
        CULL_TRY(cull__logreg_fit(cx, taught->x, y, taught->n, d, present, &o, w));
        CULL_TRY(cull__logreg_predict(cx, asked->x, asked->n, d, present, w, NULL, said));
    } else {
        memset(said, 0, (size_t)asked->n * sizeof *said);
    }
    for (int64_t i = 0; i < asked->n; i++) said[i] = name[said[i]];
    return CULL_OK;
}

static int64_t right(const struct rows *asked, const int32_t *said)
{
    int64_t n = 0;
    for (int64_t i = 0; i < asked->n; i++) n += said[i] == asked->y[i];
    return n;
}

/* ---- the penalty ---- */

/* Each label's rows are dealt out in turn, the first to the next fold, so that with two labels no fold
 * holds all rows. */
static cull_status deal(cull_ctx *cx, const struct rows *r, int32_t classes, uint8_t *fold)
{
    int64_t *next;
    int32_t labels = 0;
    CULL_TRY(CULL_TMP0(cx, next, classes));
    for (int64_t i = 0; i < r->n; i++) {
        int32_t c = r->y[i];
        if (!next[c]) next[c] = ++labels;
        fold[i] = (uint8_t)(next[c]++ % FOLDS);
    }
    return CULL_OK;
}

static void split_fold(const struct rows *r, int64_t d, const uint8_t *fold, int which,
                       struct rows *taught, struct rows *asked)
{
    taught->n = asked->n = 0;
    for (int64_t i = 0; i < r->n; i++) {
        struct rows *to = fold[i] == which ? asked : taught;
        memcpy(to->x + to->n * d, r->x + i * d, (size_t)d * sizeof *r->x);
        to->y[to->n++] = r->y[i];
    }
}

static cull_status cross_validate(cull_ctx *cx, const cull__judge *j, const struct rows *r,
                                  double *l2)
{
    int64_t d = cull_pool_d(j->pool), hits[GRID] = {0};
    struct rows taught, asked;
    uint8_t *fold;
    int32_t *said;
    int best = 0;
    CULL_TRY(room(cx, r->n, d, &taught));
    CULL_TRY(room(cx, r->n, d, &asked));
    CULL_TRY(CULL_TMP(cx, fold, r->n));
    CULL_TRY(CULL_TMP(cx, said, r->n));
    CULL_TRY(deal(cx, r, j->classes, fold));
    for (int f = 0; f < FOLDS; f++) {
        split_fold(r, d, fold, f, &taught, &asked);
        for (int g = 0; asked.n && g < GRID; g++) {
            cull__mark_t mark = cull__mark(cx);
            CULL_TRY(answer(cx, &taught, &asked, d, j->classes, grid[g], said));
            cull__release(cx, mark);
            hits[g] += right(&asked, said);
        }
    }
    for (int g = 1; g < GRID; g++)
        if (hits[g] > hits[best]) best = g;
    *l2 = grid[best];
    return CULL_OK;
}

static cull_status choose_l2(cull_ctx *cx, const cull__judge *j, const int64_t *row, int64_t n,
                             double *l2)
{
    cull_rng rng = cull__rng_seeded(j->seed, STREAM);
    int64_t *drawn, m = n < SAMPLE ? n : SAMPLE;
    struct rows r;
    CULL_TRY(CULL_TMP(cx, drawn, n));
    memcpy(drawn, row, (size_t)n * sizeof *drawn);
    cull__rng_shuffle(&rng, drawn, n);
    CULL_TRY(take(cx, j, j->pool, j->label, drawn, m, &r));
    return cross_validate(cx, j, &r, l2);
}

static bool one_label(const cull__judge *j, const int64_t *row, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (j->label[row[i]] != j->label[row[0]]) return false;
    return true;
}

/* ---- the verdict ---- */

static cull_status tell(cull_ctx *cx, const cull__judge *j, const struct rows *asked,
                        const int32_t *said, cull__judged *out)
{
    int64_t *all, *hit, labels = 0;
    CULL_TRY(CULL_TMP0(cx, all, j->classes));
    CULL_TRY(CULL_TMP0(cx, hit, j->classes));
    for (int64_t i = 0; i < asked->n; i++)
        all[asked->y[i]]++, hit[asked->y[i]] += said[i] == asked->y[i];
    out->balanced = 0;
    for (int32_t c = 0; c < j->classes; c++)
        if (all[c]) out->balanced += (double)hit[c] / (double)all[c], labels++;
    out->balanced /= (double)labels;
    out->accuracy = (double)right(asked, said) / (double)asked->n;
    return CULL_OK;
}

static cull_status judge(cull_ctx *cx, const cull__judge *j, const int64_t *row, int64_t n,
                         cull__judged *out)
{
    struct rows taught, asked;
    int32_t *said;
    out->l2 = j->l2;
    if (one_label(j, row, n)) {
        out->l2 = NAN;
    } else if (isnan(j->l2)) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(choose_l2(cx, j, row, n, &out->l2));
        cull__release(cx, mark);
    }
    CULL_TRY(take(cx, j, j->pool, j->label, row, n, &taught));
    CULL_TRY(take(cx, j, j->test, j->test_label, j->test_row, j->tests, &asked));
    CULL_TRY(CULL_TMP(cx, said, asked.n));
    CULL_TRY(answer(cx, &taught, &asked, cull_pool_d(j->pool), j->classes, out->l2, said));
    return tell(cx, j, &asked, said, out);
}

cull_status cull__judge_rows(cull_ctx *cx, const cull__judge *j, const int64_t *row, int64_t n,
                             cull__judged *out)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status s = judge(cx, j, row, n, out);
    cull__release(cx, mark);
    return s;
}

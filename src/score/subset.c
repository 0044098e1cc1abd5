/* subset.c - the cross-validated error of a plain model by some of the columns. */
#include "score/subset.h"
#include "score/folds.h"
#include "score/score.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- models that are fitted anew for each set: logistic regression, a forest ---- */

typedef struct {
    const cull__subset *s;
    const int64_t *set, *cand;
    int64_t k, cands;
    bool add;
    double *error; /* cands + 1, the set's own last */
} refit;

static int64_t split_rows(const cull__subset *s, int64_t fold, int64_t *teach, int64_t *ask,
                          int64_t *asked)
{
    int64_t taught = *asked = 0;
    for (int64_t i = 0; i < s->x.n; i++) {
        if (s->fold[i] == fold)
            ask[(*asked)++] = i;
        else
            teach[taught++] = i;
    }
    return taught;
}

/* Rows of the design by the columns col[0..k), side by side: (rows, width). */
static void gather(const cull__design *x, const int64_t *col, int64_t k, const int64_t *row,
                   int64_t rows, int64_t width, float *out)
{
    int64_t at = 0;
    for (int64_t c = 0; c < k; c++)
        for (int64_t l = x->start[col[c]]; l < x->start[col[c] + 1]; l++, at++)
            for (int64_t i = 0; i < rows; i++) out[i * width + at] = x->x[l * x->n + row[i]];
}

static cull_status logistic_error(cull_ctx *cx, const cull__subset *s, const int64_t *col,
                                  int64_t k, const int64_t *teach, int64_t taught,
                                  const int64_t *ask, int64_t asked, double *error)
{
    const cull_feature_problem *p = s->p;
    int64_t width = 0;
    float *x;
    int32_t *y;
    double *w, *said;
    for (int64_t c = 0; c < k; c++) width += s->x.start[col[c] + 1] - s->x.start[col[c]];
    CULL_TRY(CULL_TMP(cx, x, (taught > asked ? taught : asked) * (width + 1)));
    CULL_TRY(CULL_TMP(cx, y, taught));
    CULL_TRY(CULL_TMP(cx, w, p->classes * (width + 1)));
    CULL_TRY(CULL_TMP(cx, said, asked * p->classes));
    gather(&s->x, col, k, teach, taught, width, x);
    for (int64_t i = 0; i < taught; i++) y[i] = (int32_t)p->y[teach[i]];
    cull__logreg_opts o = {.l2 = s->o.l2};
    CULL_TRY(cull__logreg_fit(cx, x, y, taught, width, p->classes, &o, w));
    gather(&s->x, col, k, ask, asked, width, x);
    CULL_TRY(cull__logreg_predict(cx, x, asked, width, p->classes, w, said, NULL));
    for (int64_t i = 0; i < asked; i++) {
        double q = said[i * p->classes + (int64_t)p->y[ask[i]]];
        *error -= log(q > 1e-12 ? q : 1e-12);
    }
    return CULL_OK;
}

static cull_status forest_error(cull_ctx *cx, const cull__subset *s, const int64_t *col, int64_t k,
                                const int64_t *teach, int64_t taught, const int64_t *ask,
                                int64_t asked, double *error)
{
    const cull_feature_problem *p = s->p;
    int64_t y = p->classes ? p->classes : 1;
    const uint8_t **code;
    uint8_t *named;
    double *said;
    CULL_TRY(CULL_TMP(cx, code, k));
    CULL_TRY(CULL_TMP(cx, named, k));
    CULL_TRY(CULL_TMP(cx, said, asked * y));
    for (int64_t c = 0; c < k; c++) {
        code[c] = s->bins.code + col[c] * p->n;
        named[c] = s->bins.named[col[c]];
    }
    cull__table t = {.n = p->n,
                     .d = k,
                     .col = code,
                     .named = named,
                     .y = p->y,
                     .classes = p->classes,
                     .group = p->group,
                     .groups = p->groups,
                     .row = teach,
                     .rows = taught};
    cull__forest_opts o = {.trees = s->o.trees,
                           .leaf = p->classes ? 1 : 5,
                           .worth = CULL__COUNT,
                           .stream = s->o.stream};
    CULL_TRY(cull__forest(cx, &t, &o, NULL, ask, asked, said));
    for (int64_t i = 0; i < asked; i++)
        for (int64_t c = 0; c < y; c++) {
            double v = p->y[ask[i]], e = said[i * y + c] - (p->classes ? v == (double)c : v);
            *error += e * e;
        }
    return CULL_OK;
}

static cull_status fit_sets(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)chunk, (void)hi;
    const refit *r = arg;
    const cull__subset *s = r->s;
    int64_t *col, *teach, *ask, k = 0, asked;
    CULL_TRY(CULL_TMP(cx, col, r->k + 1));
    CULL_TRY(CULL_TMP(cx, teach, s->x.n));
    CULL_TRY(CULL_TMP(cx, ask, s->x.n));
    int64_t c = lo < r->cands ? r->cand[lo] : -1;
    for (int64_t i = 0; i < r->k; i++)
        if (r->add || r->set[i] != c) col[k++] = r->set[i];
    if (r->add && c >= 0) col[k++] = c;
    r->error[lo] = k ? 0 : s->none;
    for (int64_t f = 0; k && f < s->o.folds; f++) {
        int64_t taught = split_rows(s, f, teach, ask, &asked);
        cull__mark_t mark = cull__mark(cx);
        cull_status st =
            s->o.model == CULL__LOGISTIC
                ? logistic_error(cx, s, col, k, teach, taught, ask, asked, r->error + lo)
                : forest_error(cx, s, col, k, teach, taught, ask, asked, r->error + lo);
        cull__release(cx, mark);
        CULL_TRY(st);
    }
    return CULL_OK;
}

static cull_status refit_sets(cull_ctx *cx, const cull__subset *s, const int64_t *set, int64_t k,
                              const int64_t *cand, int64_t cands, bool add, double *here,
                              double *error)
{
    refit r = {s, set, cand, k, cands, add, NULL};
    CULL_TRY(CULL_TMP(cx, r.error, cands + 1));
    CULL_TRY(cull__for(cx, cands + 1, 1, fit_sets, &r));
    memcpy(error, r.error, (size_t)cands * sizeof *error);
    *here = r.error[cands];
    return CULL_OK;
}

/* ---- any model ---- */

/* What the mean of the rows that teach, or the classes' shares of them, err by. */
static cull_status error_of_none(cull_ctx *cx, cull__subset *s)
{
    const cull__design *x = &s->x;
    const cull_feature_problem *p = s->p;
    bool logistic = s->o.model == CULL__LOGISTIC, forest = s->o.model == CULL__TREES;
    int64_t kinds = p->classes > 2 || !(logistic || forest) ? x->targets : p->classes ? 2 : 1;
    double *mean;
    CULL_TRY(CULL_TMP(cx, mean, kinds));
    for (int64_t f = 0; f < s->o.folds; f++) {
        double taught = 0;
        memset(mean, 0, (size_t)kinds * sizeof *mean);
        for (int turn = 0; turn < 2; turn++)
            for (int64_t i = 0; i < x->n; i++) {
                if ((s->fold[i] == f) != turn) continue;
                taught += !turn;
                for (int64_t c = 0; c < kinds; c++) {
                    double v = kinds > x->targets ? p->y[i] == (double)c : x->y[c * x->n + i];
                    if (forest && !p->classes) v = p->y[i];
                    double e = mean[c] / (taught > 0 ? taught : 1);
                    if (!turn)
                        mean[c] += v;
                    else if (!logistic)
                        s->none += (v - e) * (v - e);
                    else if (v > 0)
                        s->none -= log(e > 1e-12 ? e : 1e-12);
                }
            }
    }
    return CULL_OK;
}

cull_status cull__subset_new(cull_ctx *cx, const cull_feature_problem *p,
                             const cull__subset_opts *o, cull__subset *out)
{
    *out = (cull__subset){.p = p, .o = *o};
    if (o->model == CULL__LOGISTIC && !(p->y && p->classes))
        return cull__fail(cx, CULL_EINPUT,
                          "logistic regression needs classes to predict; for numbers there is "
                          "model=linear");
    if (o->model == CULL__TREES && !p->y)
        return cull__fail(cx, CULL_EINPUT, "trees take one target; there are %d",
                          (int)cull_pool_d(p->ys));
    CULL_TRY(CULL_TMP(cx, out->fold, p->n));
    CULL_TRY(cull__folds(cx, p->n, p->y, p->y ? p->classes : 0, p->group, p->groups, o->folds,
                         o->stream, out->fold));
    CULL_TRY(cull__design_new(cx, p, &out->x));
    if (o->model == CULL__TREES) CULL_TRY(cull__tree_bins(cx, p->x, p->levels, &out->bins));
    if (o->model == CULL__LINEAR) {
        int64_t m = out->x.width + 1 + out->x.targets;
        double *all;
        CULL_TRY(
            cull__tmp(cx, (void **)&out->gram, (o->folds + 1) * m, (size_t)m * sizeof *all, false));
        CULL_TRY(cull__design_gram(cx, &out->x, out->fold, o->folds, out->gram));
        all = out->gram + o->folds * m * m;
        for (int64_t i = 0; i < m * m; i++) {
            all[i] = 0;
            for (int64_t f = 0; f < o->folds; f++) all[i] += out->gram[f * m * m + i];
        }
    }
    return error_of_none(cx, out);
}

static cull_status try_all(cull_ctx *cx, const cull__subset *s, const int64_t *set, int64_t k,
                           const int64_t *cand, int64_t cands, bool add, double *here,
                           double *error)
{
    switch (s->o.model) {
    case CULL__LINEAR: return cull__subset_linear(cx, s, set, k, cand, cands, add, here, error);
    case CULL__KNN: return cull__subset_knn(cx, s, set, k, cand, cands, add, here, error);
    default: return refit_sets(cx, s, set, k, cand, cands, add, here, error);
    }
}

cull_status cull__subset_try(cull_ctx *cx, const cull__subset *s, const int64_t *set, int64_t k,
                             const int64_t *cand, int64_t cands, bool add, double *here,
                             double *error)
{
    cull__mark_t mark = cull__mark(cx);
    cull_status st = try_all(cx, s, set, k, cand, cands, add, here, error);
    cull__release(cx, mark);
    CULL_TRY(st);
    if (!k) *here = s->none;
    double one = s->none > 0 ? s->none : 1;
    *here /= one;
    for (int64_t i = 0; i < cands; i++) error[i] = (!add && k == 1 ? s->none : error[i]) / one;
    return CULL_OK;
}

uint64_t cull__subset_bytes(const cull_feature_problem *p, const cull__subset_opts *o, int threads)
{
    uint64_t n = (uint64_t)p->n, y = p->classes > 2 ? (uint64_t)p->classes : 1;
    uint64_t m = (uint64_t)cull__design_width(p) + 1 + y, w = (uint64_t)threads, sum;
    uint64_t folds = (uint64_t)o->folds, c = (uint64_t)p->d;
    switch (o->model) {
    case CULL__LINEAR: sum = 8 * (3 * folds + 1) * m * m + w * 8 * m * (m + 256); break;
    case CULL__KNN: sum = 512 * (c + 1) + w * 8 * n; break;
    case CULL__TREES:
        sum = cull__tree_bins_bytes(p->n, p->d, 1) +
              w * (16 * n + cull__forest_bytes(p->n, p->n, p->d, p->classes, p->n, 1));
        break;
    default: sum = w * n * (4 * m + 8 * y + 24);
    }
    return sum + cull__design_bytes(p) + 4 * n;
}

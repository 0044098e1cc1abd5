/* subset_linear.c - the cross-validated error of ridge regression by sets that differ in one column: nothing is
 * fitted again, the solution is moved.
 *
 * With the sums A of the rows that teach (plus the penalty), their inverse P on the set and the solution b, the
 * set with the block B has b + U, U = (-W beta, beta), W = P A_SB, beta = (A_BB - A_BS W)^-1 (c_B - A_BS b); the
 * set without it has b + U, U = -P_:B P_BB^-1 b_B. The squared error over the rows asked, whose sums are G and
 * gradient at b is g = c - G b, changes by U'GU - 2 U'g. */
#include "num/num.h"
#include "score/subset.h"

#include <string.h>

/* One fold's solution by the set. */
typedef struct {
    const double *asked; /* (m, m) sums of the fold's rows */
    double *p, *b, *own; /* (q, q), (q, targets), (q, q): `asked` on the set */
    double *grad;        /* (q, targets) */
    double error;
} solution;
typedef struct {
    const cull__subset *s;
    int64_t m, k, q, *at; /* at (k): numbers of the set; q = k + 1 */
    int64_t *first;       /* d: where a column's numbers stand in `at` */
    double l2;
    const int64_t *cand;
    bool add;
    solution *f;
    double *error;
} trial;

static int64_t number(const trial *t, int64_t i) { return i < t->k ? t->at[i] : t->s->x.width; }

/* Sums of the rows that teach fold f. */
static double taught(const trial *t, const solution *f, int64_t i, int64_t j)
{
    const double *all = t->s->gram + t->s->o.folds * t->m * t->m;
    return all[i * t->m + j] - f->asked[i * t->m + j];
}

static cull_status solve_fold(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)chunk, (void)hi;
    const trial *t = arg;
    solution *f = t->f + lo;
    int64_t m = t->m, q = t->q, y = t->s->x.targets;
    const double *all = t->s->gram + t->s->o.folds * m * m;
    double *rest;
    CULL_TRY(CULL_TMP(cx, rest, m * m));
    for (int64_t i = 0; i < m * m; i++) rest[i] = all[i] - f->asked[i];
    CULL_TRY(cull__design_solve(cx, rest, m, y, t->at, t->k, t->l2, f->b, f->p));
    f->error = 0;
    for (int64_t i = 0; i < q; i++)
        for (int64_t j = 0; j < q; j++)
            f->own[i * q + j] = f->asked[number(t, i) * m + number(t, j)];
    for (int64_t c = 0; c < y; c++) {
        f->error += f->asked[(m - y + c) * m + m - y + c];
        for (int64_t i = 0; i < q; i++) {
            double cross = f->asked[number(t, i) * m + m - y + c], g = cross;
            for (int64_t j = 0; j < q; j++) g -= f->own[i * q + j] * f->b[j * y + c];
            f->grad[i * y + c] = g;
            f->error -= f->b[i * y + c] * (cross + g);
        }
    }
    return CULL_OK;
}

/* ---- moves ---- */

/* beta = a^-1 r of a (w, w) symmetric, r (w, y); in place. A block that adds nothing new moves nothing. */
static cull_status small_solve(cull_ctx *cx, double *a, double *r, int64_t w, int64_t y)
{
    int64_t bad;
    CULL_TRY(cull__cholesky(cx, a, w, &bad));
    if (bad >= 0) {
        memset(r, 0, (size_t)(w * y) * sizeof *r);
        return CULL_OK;
    }
    for (int64_t c = 0; c < y; c++) {
        for (int64_t i = 0; i < w; i++) {
            for (int64_t j = 0; j < i; j++) r[i * y + c] -= a[i * w + j] * r[j * y + c];
            r[i * y + c] /= a[i * w + i];
        }
        for (int64_t i = w - 1; i >= 0; i--) {
            for (int64_t j = i + 1; j < w; j++) r[i * y + c] -= a[j * w + i] * r[j * y + c];
            r[i * y + c] /= a[i * w + i];
        }
    }
    return CULL_OK;
}

/* u (q + w, y) of the block of numbers [from, from + w). */
static cull_status move_in(cull_ctx *cx, const trial *t, const solution *f, int64_t from, int64_t w,
                           double *u)
{
    int64_t q = t->q, y = t->s->x.targets, m = t->m;
    double *cross, *move, *a, *r = u + q * y;
    CULL_TRY(CULL_TMP(cx, cross, q * w));
    CULL_TRY(CULL_TMP(cx, move, q * w));
    CULL_TRY(CULL_TMP(cx, a, w * w));
    for (int64_t i = 0; i < q; i++)
        for (int64_t j = 0; j < w; j++) cross[i * w + j] = taught(t, f, number(t, i), from + j);
    for (int64_t i = 0; i < q; i++)
        for (int64_t j = 0; j < w; j++) {
            double sum = 0;
            for (int64_t l = 0; l < q; l++) sum += f->p[i * q + l] * cross[l * w + j];
            move[i * w + j] = sum;
        }
    for (int64_t i = 0; i < w; i++) {
        for (int64_t j = 0; j < w; j++) {
            a[i * w + j] = taught(t, f, from + i, from + j) + (i == j ? t->l2 : 0);
            for (int64_t l = 0; l < q; l++) a[i * w + j] -= cross[l * w + i] * move[l * w + j];
        }
        for (int64_t c = 0; c < y; c++) {
            r[i * y + c] = taught(t, f, from + i, m - y + c);
            for (int64_t l = 0; l < q; l++) r[i * y + c] -= cross[l * w + i] * f->b[l * y + c];
        }
    }
    CULL_TRY(small_solve(cx, a, r, w, y));
    for (int64_t i = 0; i < q; i++)
        for (int64_t c = 0; c < y; c++) {
            u[i * y + c] = 0;
            for (int64_t j = 0; j < w; j++) u[i * y + c] -= move[i * w + j] * r[j * y + c];
        }
    return CULL_OK;
}

/* u (q, y) of taking numbers first .. first + w of the set away. */
static cull_status move_out(cull_ctx *cx, const trial *t, const solution *f, int64_t first,
                            int64_t w, double *u)
{
    int64_t q = t->q, y = t->s->x.targets;
    double *a, *r;
    CULL_TRY(CULL_TMP(cx, a, w * w));
    CULL_TRY(CULL_TMP(cx, r, w * y));
    for (int64_t i = 0; i < w; i++) {
        for (int64_t j = 0; j < w; j++) a[i * w + j] = f->p[(first + i) * q + first + j];
        for (int64_t c = 0; c < y; c++) r[i * y + c] = f->b[(first + i) * y + c];
    }
    CULL_TRY(small_solve(cx, a, r, w, y));
    for (int64_t i = 0; i < q; i++)
        for (int64_t c = 0; c < y; c++) {
            u[i * y + c] = 0;
            for (int64_t j = 0; j < w; j++) u[i * y + c] -= f->p[i * q + first + j] * r[j * y + c];
        }
    return CULL_OK;
}

/* How the error of fold f changes by u, which has w numbers from `from` behind those of the set. */
static double change(const trial *t, const solution *f, const double *u, int64_t from, int64_t w)
{
    int64_t q = t->q, y = t->s->x.targets, m = t->m;
    double sum = 0;
    for (int64_t c = 0; c < y; c++) {
        for (int64_t i = 0; i < q; i++) {
            double g = -2 * f->grad[i * y + c];
            for (int64_t j = 0; j < q; j++) g += f->own[i * q + j] * u[j * y + c];
            sum += u[i * y + c] * g;
        }
        for (int64_t i = 0; i < w; i++) {
            const double *row = f->asked + (from + i) * m;
            double g = -2 * row[m - y + c];
            for (int64_t j = 0; j < q; j++)
                g += 2 * row[number(t, j)] * (f->b[j * y + c] + u[j * y + c]);
            for (int64_t j = 0; j < w; j++) g += row[from + j] * u[(q + j) * y + c];
            sum += u[(q + i) * y + c] * g;
        }
    }
    return sum;
}

static cull_status try_some(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)chunk;
    const trial *t = arg;
    const cull__design *x = &t->s->x;
    for (int64_t i = lo; i < hi; i++) {
        int64_t c = t->cand[i], from = x->start[c], w = x->start[c + 1] - from;
        t->error[i] = 0;
        for (int64_t fold = 0; fold < t->s->o.folds; fold++) {
            const solution *f = t->f + fold;
            cull__mark_t mark = cull__mark(cx);
            double *u;
            CULL_TRY(CULL_TMP(cx, u, (t->q + w) * x->targets));
            if (t->add)
                CULL_TRY(move_in(cx, t, f, from, w, u));
            else
                CULL_TRY(move_out(cx, t, f, t->first[c], w, u));
            t->error[i] += f->error + change(t, f, u, from, t->add ? w : 0);
            cull__release(cx, mark);
        }
    }
    return CULL_OK;
}

cull_status cull__subset_linear(cull_ctx *cx, const cull__subset *s, const int64_t *set, int64_t k,
                                const int64_t *cand, int64_t cands, bool add, double *here,
                                double *error)
{
    const cull__design *x = &s->x;
    trial t = {.s = s, .m = x->width + 1 + x->targets, .cand = cand, .add = add, .error = error};
    int64_t y = x->targets;
    CULL_TRY(CULL_TMP(cx, t.at, x->width));
    CULL_TRY(CULL_TMP(cx, t.first, x->d));
    for (int64_t i = 0; i < k; i++) {
        t.first[set[i]] = t.k;
        for (int64_t j = x->start[set[i]]; j < x->start[set[i] + 1]; j++) t.at[t.k++] = j;
    }
    t.q = t.k + 1;
    t.l2 = s->o.l2 * (double)x->n;
    CULL_TRY(CULL_TMP(cx, t.f, s->o.folds));
    for (int64_t f = 0; f < s->o.folds; f++) {
        t.f[f] = (solution){.asked = s->gram + f * t.m * t.m};
        CULL_TRY(CULL_TMP(cx, t.f[f].p, t.q * t.q));
        CULL_TRY(CULL_TMP(cx, t.f[f].own, t.q * t.q));
        CULL_TRY(CULL_TMP(cx, t.f[f].b, t.q * y));
        CULL_TRY(CULL_TMP(cx, t.f[f].grad, t.q * y));
    }
    CULL_TRY(cull__for(cx, s->o.folds, 1, solve_fold, &t));
    *here = 0;
    for (int64_t f = 0; f < s->o.folds; f++) *here += t.f[f].error;
    return cull__for(cx, cands, 8, try_some, &t);
}

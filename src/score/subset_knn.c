/* subset_knn.c - the error of nearest neighbours by sets that differ in one column: distances of a row to all others
 * are summed once, and each candidate adds its own. */
#include "score/subset.h"

#include <math.h>
#include <string.h>

enum { CHUNKS = 64, MOST = 100 };

typedef struct {
    const cull__subset *s;
    const int64_t *set, *cand;
    int64_t k, cands;
    bool add;
    double *part; /* (chunks, cands + 1): errors, the set's own last */
} trial;

/* out += sign (v - v[row])^2 for all rows. */
static void add_column(const cull__design *x, int64_t c, int64_t row, float sign, float *out)
{
    for (int64_t l = x->start[c]; l < x->start[c + 1]; l++) {
        const float *v = x->x + l * x->n;
        float at = v[row];
        for (int64_t j = 0; j < x->n; j++) out[j] += sign * (v[j] - at) * (v[j] - at);
    }
}

/* The squared error of the mean of the nearest rows; equally near: the earlier ones. */
static double error_of(const trial *t, const float *dist, int64_t row)
{
    const cull__design *x = &t->s->x;
    int64_t near[MOST], most = t->s->o.neighbours, have = 0;
    float far[MOST];
    for (int64_t j = 0; j < x->n; j++) {
        if (have == most && !(dist[j] < far[have - 1])) continue;
        if (isinf(dist[j])) continue;
        int64_t i = have < most ? have++ : have - 1;
        for (; i > 0 && far[i - 1] > dist[j]; i--) far[i] = far[i - 1], near[i] = near[i - 1];
        far[i] = dist[j], near[i] = j;
    }
    double sum = 0;
    for (int64_t c = 0; c < x->targets; c++) {
        const double *y = x->y + c * x->n;
        double mean = 0;
        for (int64_t i = 0; i < have; i++) mean += y[near[i]];
        if (have) mean /= (double)have;
        sum += (mean - y[row]) * (mean - y[row]);
    }
    return sum;
}

static cull_status ask_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const trial *t = arg;
    const cull__design *x = &t->s->x;
    double *part = t->part + chunk * (t->cands + 1);
    float *base, *dist;
    CULL_TRY(CULL_TMP(cx, base, x->n));
    CULL_TRY(CULL_TMP(cx, dist, x->n));
    memset(part, 0, (size_t)(t->cands + 1) * sizeof *part);
    for (int64_t row = lo; row < hi; row++) {
        CULL_TRY(cull__tick(cx, 0, 1));
        for (int64_t j = 0; j < x->n; j++) /* rows of its own fold do not answer */
            base[j] = t->s->fold[j] == t->s->fold[row] ? INFINITY : 0;
        for (int64_t i = 0; i < t->k; i++) add_column(x, t->set[i], row, 1, base);
        part[t->cands] += error_of(t, base, row);
        for (int64_t i = 0; i < t->cands; i++) {
            memcpy(dist, base, (size_t)x->n * sizeof *dist);
            add_column(x, t->cand[i], row, t->add ? 1 : -1, dist);
            part[i] += error_of(t, dist, row);
        }
    }
    return CULL_OK;
}

cull_status cull__subset_knn(cull_ctx *cx, const cull__subset *s, const int64_t *set, int64_t k,
                             const int64_t *cand, int64_t cands, bool add, double *here,
                             double *error)
{
    trial t = {s, set, cand, k, cands, add, NULL};
    int64_t grain = (s->x.n + CHUNKS - 1) / CHUNKS, chunks = (s->x.n + grain - 1) / grain;
    CULL_TRY(CULL_TMP(cx, t.part, chunks * (cands + 1)));
    CULL_TRY(cull__for(cx, s->x.n, grain, ask_rows, &t));
    for (int64_t i = 0; i <= cands; i++) {
        double sum = 0;
        for (int64_t c = 0; c < chunks; c++) sum += t.part[c * (cands + 1) + i];
        if (i < cands)
            error[i] = sum;
        else
            *here = sum;
    }
    return CULL_OK;
}

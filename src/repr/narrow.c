/* narrow.c - channels of feed-forward layers and groups of heads: measured, chosen, cut; see narrow.h. */
#include "repr/narrow.h"
#include "base/base.h"
#include "repr/inputs.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t cull__narrow_each(const cull__narrow_part *p)
{
    int64_t each = 0;
    for (int r = 0; r < p->runs; r++) each += p->run[r].each;
    return each;
}

void cull__narrow_matrix(const cull__narrow_part *p, const cull_tensor *t, int64_t *rows,
                         int64_t *cols)
{
    int first = p->experts > 0;
    *rows = t->shape[first];
    *cols = t->ndim > first + 1 ? t->shape[first + 1] : 1;
}

/* ---- measuring ---- */

enum { ROWS = 512 };
typedef struct {
    const cull_checkpoint *ck;
    const cull_tensor *t;
    int64_t tensor, from, cols; /* the matrix stands at `from` of the tensor */
    bool columns, squares;
    double *sum; /* of each row; of columns, of each chunk's */
} measuring;

static cull_status measure_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const measuring *m = arg;
    double *sum = m->columns ? m->sum + chunk * m->cols : m->sum;
    float *x;
    CULL_TRY(CULL_TMP(cx, x, m->cols));
    for (int64_t r = lo; r < hi; r++) {
        CULL_TRY(cull_checkpoint_read(cx, m->ck, m->tensor, m->from + r * m->cols, m->cols, x));
        for (int64_t c = 0; c < m->cols; c++) {
            double v = (double)x[c];
            if (!isfinite(v))
                return cull__fail(cx, CULL_EINPUT, "%s: '%.160s' has a number that is not finite",
                                  cull_checkpoint_path(m->ck), m->t->name);
            sum[m->columns ? c : r] += m->squares ? v * v : fabs(v);
        }
    }
    return CULL_OK;
}

/* Norms of a tensor's n inputs; NULL where none are given. */
static cull_status inputs_of(cull_ctx *cx, const cull_checkpoint *a, const cull_tensor *t,
                             int64_t n, float **out)
{
    *out = NULL;
    if (!a) return CULL_OK;
    CULL_TRY(cull__inputs_check(cx, a, t->name, n, n));
    CULL_TRY(CULL_TMP(cx, *out, n));
    return cull__inputs_norms(cx, a, t->name, n, *out);
}

/* log of the sizes of every unit's part in block b is added to score. */
static cull_status add_part_size(cull_ctx *cx, const cull__narrow *n, const cull__narrow_part *p,
                                 int64_t b, bool squares, const cull_checkpoint *activations,
                                 double *score)
{
    const cull_tensor *t = cull_checkpoint_at(n->ck, p->tensor);
    int64_t rows, cols, from = 0, units = n->block[b].units;
    cull__narrow_matrix(p, t, &rows, &cols);
    int64_t size = p->columns ? cols : rows, chunks = (rows - 1) / ROWS + 1;
    measuring m = {n->ck, t,          p->tensor, (b - p->block) * rows * cols,
                   cols,  p->columns, squares,   NULL};
    float *input = NULL;
    if (activations && p->experts)
        return cull__fail(cx, CULL_EINPUT,
                          "'%.160s' has all experts in one tensor, whose inputs have no norms of "
                          "their own: leave activations out",
                          t->name);
    CULL_TRY(CULL_TMP0(cx, m.sum, p->columns ? chunks * cols : rows));
    CULL_TRY(cull__for(cx, rows, ROWS, measure_rows, &m));
    for (int64_t k = 1; p->columns && k < chunks; k++)
        for (int64_t c = 0; c < cols; c++) m.sum[c] += m.sum[k * cols + c];
    if (p->reads) CULL_TRY(inputs_of(cx, activations, t, size, &input));
    for (int64_t c = 0; input && c < size; c++)
        m.sum[c] *= (double)input[c] * (squares ? (double)input[c] : 1);
    for (int r = 0; r < p->runs; from += units * p->run[r++].each)
        for (int64_t u = 0; p->run[r].factor && u < units; u++) {
            const double *at = m.sum + from + u * p->run[r].each;
            double sum = 0;
            for (int64_t k = 0; k < p->run[r].each; k++) sum += at[k];
            score[u] += squares ? log(sum) / 2 : log(sum);
        }
    return CULL_OK;
}

typedef struct {
    double score;
    int64_t unit;
} ranked;

static int by_score(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->unit < y->unit ? -1 : x->unit > y->unit;
}

static bool is_of(const cull__narrow_part *p, int64_t block)
{
    return block == p->block || (block > p->block && block < p->block + p->experts);
}

static bool counts(const cull__narrow_part *p)
{
    for (int r = 0; r < p->runs; r++)
        if (p->run[r].factor) return true;
    return false;
}

static cull_status choose_block(cull_ctx *cx, cull__narrow *n, int64_t b, cull__narrow_by by,
                                const cull_checkpoint *activations)
{
    cull__narrow_block *k = n->block + b;
    double *score;
    ranked *r;
    CULL_TRY(CULL_TMP0(cx, score, k->units));
    CULL_TRY(CULL_TMP(cx, r, k->units));
    cull_rng rng = cull__rng(cx, k->hash);
    for (int64_t u = 0; by == CULL__NARROW_RANDOM && u < k->units; u++)
        score[u] = cull__rng_unit(&rng);
    for (int64_t i = 0; by != CULL__NARROW_RANDOM && i < n->parts; i++) {
        if (!is_of(n->part + i, b) || !counts(n->part + i)) continue;
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(add_part_size(cx, n, n->part + i, b, by == CULL__NARROW_L2, activations, score));
        cull__release(cx, mark);
        cull_checkpoint_done(n->ck, n->part[i].tensor);
    }
    for (int64_t u = 0; u < k->units; u++) r[u] = (ranked){score[u], u};
    qsort(r, (size_t)k->units, sizeof *r, by_score);
    for (int64_t i = 0; i < k->kept; i++) k->keep[r[i].unit] = true;
    return CULL_OK;
}

cull_status cull__narrow_list(cull_ctx *cx, cull__narrow *n)
{
    for (int64_t b = 0; b < n->blocks; b++) {
        cull__narrow_block *k = n->block + b, *like = n->block;
        k->kept = 0;
        for (int64_t u = 0; u < k->units; u++)
            if (k->keep[u]) k->unit[k->kept++] = u;
        while (like->units != k->units) like++; /* k itself at the latest */
        if (!k->kept)
            return cull__fail(cx, CULL_EINPUT, "'%.160s' keeps none of its %s; one at least must",
                              k->prefix, n->what);
        if (k->kept != like->kept)
            return cull__fail(cx, CULL_EINPUT,
                              "'%.160s' keeps %" PRId64 " of its %s, and '%.160s' %" PRId64
                              "; they must be as many",
                              k->prefix, k->kept, n->what, like->prefix, like->kept);
    }
    return CULL_OK;
}

cull_status cull__narrow_choose(cull_ctx *cx, cull__narrow *n, cull__narrow_by by,
                                const cull_checkpoint *activations, bool planning)
{
    for (int64_t b = 0; b < n->blocks; b++) {
        const cull__narrow_block *k = n->block + b;
        if (k->kept < 1 || k->kept > k->units)
            return cull__fail(cx, CULL_EINPUT,
                              "%" PRId64 " %s are to stay of %" PRId64
                              " in '%.160s'; it must be 1 to %" PRId64,
                              k->kept, n->what, k->units, k->prefix, k->units);
    }
    for (int64_t b = 0; b < n->blocks; b++) {
        cull__narrow_block *k = n->block + b;
        cull__mark_t mark = cull__mark(cx);
        cull_status s = CULL_OK;
        memset(k->keep, 0, (size_t)k->units * sizeof *k->keep);
        if (planning)
            for (int64_t u = 0; u < k->kept; u++) k->keep[u] = true;
        else
            s = choose_block(cx, n, b, by, activations);
        cull__release(cx, mark);
        CULL_TRY(s);
        CULL_TRY(cull__tick(cx, (double)b, (double)n->blocks));
    }
    return cull__narrow_list(cx, n);
}

/* ---- cutting ---- */

cull_status cull__narrow_items(cull_ctx *cx, cull_weights_work *w, cull__narrow *n)
{
    (void)cx;
    for (int64_t i = 0; i < w->items; i++) w->item[i].copy = true;
    for (int64_t k = 0; k < n->parts; k++) {
        const cull__narrow_part *p = n->part + k;
        cull_weights_item *it = w->item + p->tensor; /* items are still in the checkpoint's order */
        const cull__narrow_block *b = n->block + p->block;
        if (b->kept == b->units) continue;
        it->t.shape[(p->experts > 0) + p->columns] = b->kept * cull__narrow_each(p);
        it->t.n = 1;
        for (int d = 0; d < it->t.ndim; d++) it->t.n *= it->t.shape[d];
        it->part = k + 1;
        it->copy = false;
    }
    w->own = n;
    return CULL_OK;
}

/* Where row or column i of the result comes from. */
static int64_t origin(const cull__narrow_block *b, const cull__narrow_part *p, int64_t i)
{
    int64_t from = 0;
    int r = 0;
    for (; i >= b->kept * p->run[r].each; r++) {
        i -= b->kept * p->run[r].each;
        from += b->units * p->run[r].each;
    }
    return from + b->unit[i / p->run[r].each] * p->run[r].each + i % p->run[r].each;
}

/* Columns [lo, hi) of a row of the result, which begins at `row` of the tensor. */
static cull_status read_columns(cull_ctx *cx, const cull_weights_work *w,
                                const cull_weights_item *it, const cull__narrow_part *p,
                                const cull__narrow_block *b, int64_t row, int64_t lo, int64_t hi,
                                float *out)
{
    int64_t first = origin(b, p, lo), last = origin(b, p, hi - 1);
    float *x;
    CULL_TRY(CULL_TMP(cx, x, last - first + 1));
    CULL_TRY(cull_weights_read(cx, w, it, w->first, row + first, last - first + 1, x));
    for (int64_t c = lo; c < hi; c++) out[c - lo] = x[origin(b, p, c) - first];
    return CULL_OK;
}

cull_status cull__narrow_read(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                              void *state, const void *own, int64_t from, int64_t n, float *out)
{
    (void)state, (void)own;
    if (!it->part) return cull_weights_read(cx, w, it, w->first, from, n, out); /* another dtype */
    const cull__narrow *of = w->own;
    const cull__narrow_part *p = of->part + it->part - 1;
    int64_t rows, cols, all_rows, all_cols;
    cull__narrow_matrix(p, &it->t, &rows, &cols);
    cull__narrow_matrix(p, cull_checkpoint_at(of->ck, p->tensor), &all_rows, &all_cols);
    for (int64_t e = from; e < from + n;) {
        int64_t expert = e / (rows * cols), row = e / cols % rows, lo = e % cols, hi = cols;
        const cull__narrow_block *b = of->block + p->block + expert;
        if (hi - lo > from + n - e) hi = lo + (from + n - e);
        row = (expert * all_rows + (p->columns ? row : origin(b, p, row))) * all_cols;
        cull__mark_t mark = cull__mark(cx);
        cull_status s = p->columns ? read_columns(cx, w, it, p, b, row, lo, hi, out + (e - from))
                                   : cull_weights_read(cx, w, it, w->first, row + lo, hi - lo,
                                                       out + (e - from));
        cull__release(cx, mark);
        CULL_TRY(s);
        e += hi - lo;
    }
    return CULL_OK;
}

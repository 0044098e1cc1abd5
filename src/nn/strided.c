/* strided.c - copies and sums over dimensions: what broadcasting, reductions and changes of shape share. */
#include "nn/dense.h"

#include <string.h>

cull_status cull__same_shape(cull_tape *t, cull_var *y)
{
    (void)t;
    y->rank = y->in[0]->rank;
    for (int i = 0; i < y->rank; i++) y->dim[i] = y->in[0]->dim[i];
    return CULL_OK;
}

void cull__dense(int rank, const int64_t *dim, int64_t *stride)
{
    int64_t s = 1;
    for (int i = rank - 1; i >= 0; s *= dim[i--]) stride[i] = s;
}

int cull__axis(cull_tape *t, const cull_var *y, const cull_var *x, int d)
{
    char dims[96];
    int at = d < 0 ? d + x->rank : d;
    if (at >= 0 && at < x->rank) return at;
    cull__wrong(t, y, "x is %s and has no dimension %d", cull__dims(x, dims), d);
    return -1;
}

/* ---- copies ---- */

/* The last dimension. */
static void line(float *to, int64_t ts, const float *from, int64_t fs, int64_t n, bool add)
{
    if (ts == 1 && fs == 1 && !add) {
        memcpy(to, from, (size_t)n * sizeof *to);
        return;
    }
    const float still = *from;
    if (ts == 1 && fs == 0 && !add)
        for (int64_t i = 0; i < n; i++) to[i] = still;
    else if (ts == 1 && fs == 0)
        for (int64_t i = 0; i < n; i++) to[i] += still;
    else if (ts == 1 && fs == 1)
        for (int64_t i = 0; i < n; i++) to[i] += from[i];
    else if (add)
        for (int64_t i = 0; i < n; i++) to[i * ts] += from[i * fs];
    else
        for (int64_t i = 0; i < n; i++) to[i * ts] = from[i * fs];
}

/* The last two, where neither side is dense in the same one: in squares that stay in cache. */
static void plane(float *to, const int64_t *ts, const float *from, const int64_t *fs,
                  const int64_t *dim, bool add)
{
    enum { SIDE = 32 };
    if (ts[1] == fs[1] || dim[1] < SIDE) {
        for (int64_t i = 0; i < dim[0]; i++)
            line(to + i * ts[0], ts[1], from + i * fs[0], fs[1], dim[1], add);
        return;
    }
    for (int64_t a = 0; a < dim[0]; a += SIDE)
        for (int64_t b = 0; b < dim[1]; b += SIDE) {
            int64_t c = dim[0] - a < SIDE ? dim[0] - a : SIDE;
            int64_t d = dim[1] - b < SIDE ? dim[1] - b : SIDE;
            for (int64_t i = a; i < a + c; i++)
                line(to + i * ts[0] + b * ts[1], ts[1], from + i * fs[0] + b * fs[1], fs[1], d,
                     add);
        }
}

void cull__strided(float *to, const int64_t *ts, const float *from, const int64_t *fs, int rank,
                   const int64_t *dim, bool add)
{
    /* four dimensions at the back, after those that both sides walk through as one are joined */
    int64_t d[CULL_RANK + 1], a[CULL_RANK + 1], b[CULL_RANK + 1];
    int at = CULL_RANK;
    d[at] = 1, a[at] = b[at] = 1;
    for (int i = rank - 1; i >= 0; i--) {
        if (dim[i] == 1) continue;
        if (at < CULL_RANK && ts[i] == a[at] * d[at] && fs[i] == b[at] * d[at]) {
            d[at] *= dim[i];
            continue;
        }
        if (!(at == CULL_RANK && d[at] == 1)) at--;
        d[at] = dim[i], a[at] = ts[i], b[at] = fs[i];
    }
    for (int i = at - 1; i >= 1; i--) d[i] = 1, a[i] = b[i] = 0;
    for (int64_t i = 0; i < d[1]; i++)
        for (int64_t j = 0; j < d[2]; j++)
            plane(to + i * a[1] + j * a[2], a + 3, from + i * b[1] + j * b[2], b + 3, d + 3, add);
}

/* ---- sums ---- */

void cull__sum_over(cull_ctx *cx, float *s, const float *x, int rank, const int64_t *dim,
                    unsigned mask, float a, bool add)
{
    enum { LAST = CULL_RANK - 1 };
    const cull__rows_kern *k = CULL__KERN(rows, cx);
    /* dimensions that go the same way are joined: at most four, taking turns */
    int64_t d[CULL_RANK] = {1, 1, 1, 1};
    bool gone[CULL_RANK] = {false};
    int at = LAST, joined = 0;
    for (int i = rank - 1; i >= 0; i--) {
        bool out = mask >> i & 1;
        if (dim[i] == 1) continue;
        if (joined && gone[at] != out) at--;
        joined++;
        d[at] *= dim[i];
        gone[at] = out;
    }
    /* the last two are a block of the kernels'; of the two before, one goes through the sums */
    bool rows = gone[LAST];
    int64_t sums = rows ? d[2] : d[3];
    for (int64_t i = 0; i < d[0]; i++)
        for (int64_t j = 0; j < d[1]; j++, x += d[2] * d[3])
            if (rows)
                k->row_sums(s + i * sums, x, d[2], d[3], a, add || j > 0);
            else
                k->col_sums(s + j * sums, x, d[2], d[3], a, add || i > 0);
}

/* ---- broadcasting ---- */

bool cull__broadcast(const cull_var *a, const cull_var *b, int *rank, int64_t *dim)
{
    *rank = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 1; i <= *rank; i++) {
        int64_t p = i <= a->rank ? a->dim[a->rank - i] : 1;
        int64_t q = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (p != q && p != 1 && q != 1) return false;
        dim[*rank - i] = p == 1 ? q : p;
    }
    return true;
}

void cull__broadcast_strides(const cull_var *x, int rank, int64_t *stride)
{
    int64_t s = 1;
    for (int i = 1; i <= rank; i++) {
        int64_t d = i <= x->rank ? x->dim[x->rank - i] : 1;
        stride[rank - i] = d == 1 ? 0 : s;
        s *= d;
    }
}

unsigned cull__broadcast_mask(const cull_var *x, int rank, const int64_t *dim)
{
    unsigned mask = 0;
    for (int i = 0; i < rank; i++) {
        int k = i - (rank - x->rank);
        if (dim[i] > 1 && (k < 0 || x->dim[k] == 1)) mask |= 1u << i;
    }
    return mask;
}

void cull__unbroadcast(cull_ctx *cx, float *g, const cull_var *x, const float *d, int rank,
                       const int64_t *dim, float a, bool add)
{
    cull__sum_over(cx, g, d, rank, dim, cull__broadcast_mask(x, rank, dim), a, add);
}

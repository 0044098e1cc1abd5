/* prune.c - marks of the weights that stay: N:M, a share of each output, or what lies above a cut. */
#include "choose/prune.h"

#include <float.h>
#include <math.h>

enum { STRIP = 64 }; /* columns that are read together where outputs are columns */

/* Biases are none of what is pruned, of all experts in one tensor neither, nor are masks that are called so (GPT-2's attn.bias). */
static bool prunable(const cull_tensor *t, const cull__prune_opts *o)
{
    if (!t->floating || t->ndim < 2 || t->n < o->min_elements || t->n == 0) return false;
    if (cull__ends(t->name, "bias")) return false;
    switch (t->role) {
    case CULL_ROLE_ATTENTION:
    case CULL_ROLE_FFN:
    case CULL_ROLE_CONV: return true;
    case CULL_ROLE_EMBEDDING: return o->with_embeddings;
    case CULL_ROLE_HEAD: return o->with_heads;
    case CULL_ROLE_ROUTER:
    case CULL_ROLE_OTHER: return o->with_others;
    case CULL_ROLE_NORM:
    case CULL_ROLES: break;
    }
    return false;
}

static cull_status prune_none(cull_ctx *cx, const char *path)
{
    return cull__fail(
        cx, CULL_EINPUT,
        "%s: no tensor is pruned: none that is large enough is of attention, ffn or a "
        "convolution by its name (with-embeddings, with-heads, with-others: these too)",
        path);
}

static cull_status nm_check(cull_ctx *cx, const char *method, int64_t n, int64_t m)
{
    if ((n == 0 && m == 0) || (n > 0 && n < m && m <= CULL__NM)) return CULL_OK;
    return cull__fail(cx, CULL_EOPTION,
                      "%s: n = %lld of m = %lld; n of each m stay, with n below m and m at most %d",
                      method, (long long)n, (long long)m, CULL__NM);
}

const char *cull__prune_idle(const void *opts, const char *name)
{
    const cull__prune_opts *o = opts;
    if (o->m == 0 || !cull__same_name(name, "sparsity")) return NULL;
    return "n of each m stay, whatever the share; n=0 and m=0 prune by sparsity";
}

cull_status cull__prune_items(cull_ctx *cx, cull_weights_work *w, const char *method)
{
    int64_t pruned = 0;
    for (int64_t i = 0; i < w->items; i++) {
        cull_weights_item *it = &w->item[i];
        const cull__prune_opts *o = it->opts[w->first];
        CULL_TRY(nm_check(cx, method, o->n, o->m));
        if (!prunable(&it->t, o)) it->copy = true;
        pruned += !it->copy;
        if (o->m == 0 && o->sparsity <= 0) it->copy = true;
    }
    return pruned ? CULL_OK : prune_none(cx, cull_checkpoint_path(w->source[w->first]));
}

cull__grid cull__grid_of(const int64_t *shape, int ndim, bool across)
{
    cull__grid g = {.outs = shape[0], .ins = 1, .inner = 1};
    if (ndim > 1) g.ins = shape[1];
    for (int d = 2; d < ndim; d++) g.inner *= shape[d];
    if (across && ndim == 2) g = (cull__grid){shape[1], shape[0], 1, true};
    return g;
}

int64_t cull__stay(int64_t n, double sparsity)
{
    /* 0.29 * 100 is a little below 29 */
    double gone = floor(sparsity * (double)n * (1 + 4 * DBL_EPSILON));
    return gone >= (double)n ? 0 : n - (int64_t)gone;
}

/* n values from `from`, whatever their number. */
static cull_status read_span(cull_ctx *cx, const cull__pruner *p, int64_t from, int64_t n,
                             float *out)
{
    for (int64_t at = 0; at < n; at += CULL__VALUES) {
        int64_t here = n - at < CULL__VALUES ? n - at : CULL__VALUES;
        CULL_TRY(p->v.read(cx, p->v.arg, p->part, from + at, here, out + at));
    }
    return CULL_OK;
}

static void weigh(const cull__pruner *p, int64_t from, int64_t n, float *x)
{
    int64_t width = cull__grid_width(&p->grid), outs = p->grid.outs;
    if (!p->norm) return;
    if (p->grid.across) {
        for (int64_t i = 0; i < n; i++) x[i] *= p->norm[(from + i) / outs];
        return;
    }
    for (int64_t i = 0, col = from % width; i < n; col = 0) {
        int64_t run = width - col < n - i ? width - col : n - i;
        for (int64_t k = 0; k < run; k++) x[i + k] *= p->norm[col + k];
        i += run;
    }
}

/* Scores; signs do not matter. */
static cull_status scores(cull_ctx *cx, const cull__pruner *p, int64_t from, int64_t n, float *out)
{
    CULL_TRY(read_span(cx, p, from, n, out));
    weigh(p, from, n, out);
    return CULL_OK;
}

static cull_status no_score(cull_ctx *cx, const cull__pruner *p, int64_t at)
{
    const char *name = p->v.name ? p->v.name[p->part] : "the tensor";
    return cull__fail(cx, CULL_EINPUT,
                      "%s: value %lld is not a number%s, and has no place among magnitudes", name,
                      (long long)at, p->norm ? ", or is with the norm of its input" : "");
}

/* ---- a cut for each output ---- */

typedef struct {
    const cull__pruner *p;
    int64_t stay;
    cull__cut *cuts;
} rows_job;

static void turn(float *x, int64_t n)
{
    for (int64_t i = 0, j = n - 1; i < j; i++, j--) {
        float t = x[i];
        x[i] = x[j], x[j] = t;
    }
}

/* Blocks of a long row, as a source of its own. */
typedef struct {
    const cull__pruner *p;
    int64_t row;
} long_row;

static cull_status long_row_read(cull_ctx *cx, const void *arg, int64_t part, int64_t from,
                                 int64_t n, float *out)
{
    const long_row *l = arg;
    int64_t width = cull__grid_width(&l->p->grid), at = l->row * width;
    (void)part;
    CULL_TRY(scores(cx, l->p, at + (l->p->later ? width - from - n : from), n, out));
    if (l->p->later) turn(out, n);
    return CULL_OK;
}

static cull_status long_row_cut(cull_ctx *cx, const rows_job *j, int64_t row)
{
    int64_t width = cull__grid_width(&j->p->grid);
    const char *name = j->p->v.name ? j->p->v.name[j->p->part] : "the tensor";
    long_row l = {j->p, row};
    cull__values v = {long_row_read, &l, 1, &width, &name};
    CULL_TRY(cull__cuts(cx, &v, &j->stay, 1, &j->cuts[row]));
    if (j->cuts[row].part == 1) j->cuts[row].at = width; /* behind the row: all equal ones stay */
    j->cuts[row].part = row;
    return CULL_OK;
}

static cull_status cut_here(cull_ctx *cx, const rows_job *j, float *x, int64_t row)
{
    int64_t width = cull__grid_width(&j->p->grid);
    if (j->p->later) turn(x, width);
    int64_t bad = cull__cut_row(x, width, row, j->stay, &j->cuts[row]);
    if (bad < 0) return CULL_OK;
    if (j->p->later) bad = width - 1 - bad;
    return no_score(cx, j->p, j->p->grid.across ? bad * j->p->grid.outs + row : row * width + bad);
}

static cull_status rows_chunk(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const rows_job *j = arg;
    int64_t width = cull__grid_width(&j->p->grid);
    float *x;
    (void)c;
    if (width > CULL__VALUES) {
        for (int64_t r = lo; r < hi; r++) CULL_TRY(long_row_cut(cx, j, r));
        return CULL_OK;
    }
    CULL_TRY(CULL_TMP(cx, x, (hi - lo) * width));
    CULL_TRY(scores(cx, j->p, lo * width, (hi - lo) * width, x));
    for (int64_t r = lo; r < hi; r++) CULL_TRY(cut_here(cx, j, x + (r - lo) * width, r));
    return CULL_OK;
}

/* Outputs [lo, hi) that are columns: turned into rows first. */
static cull_status columns_chunk(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const rows_job *j = arg;
    int64_t ins = j->p->grid.ins, outs = j->p->grid.outs;
    float *x, line[STRIP];
    (void)c;
    CULL_TRY(CULL_TMP(cx, x, (hi - lo) * ins));
    for (int64_t i = 0; i < ins; i++) {
        CULL_TRY(scores(cx, j->p, i * outs + lo, hi - lo, line));
        for (int64_t r = 0; r < hi - lo; r++) x[r * ins + i] = line[r];
    }
    for (int64_t r = lo; r < hi; r++) CULL_TRY(cut_here(cx, j, x + (r - lo) * ins, r));
    return CULL_OK;
}

cull_status cull__prune_cuts(cull_ctx *cx, const cull__pruner *p, double sparsity, cull__cut *cuts)
{
    int64_t width = cull__grid_width(&p->grid);
    rows_job j = {p, cull__stay(width, sparsity), cuts};
    if (p->grid.across) return cull__for(cx, p->grid.outs, STRIP, columns_chunk, &j);
    int64_t grain = width >= CULL__VALUES ? 1 : CULL__VALUES / width;
    return cull__for(cx, p->grid.outs, grain, rows_chunk, &j);
}

/* ---- marks ---- */

/* Values [from, from + n) lie in groups of m inputs, with all places of the kernel, or all outputs, between them:
 * whole ones are looked at. */
static cull_status keep_nm(cull_ctx *cx, const cull__pruner *p, int64_t from, int64_t n,
                           uint8_t *keep)
{
    int64_t step = p->grid.across ? p->grid.outs : p->grid.inner;
    int64_t width = p->grid.ins * step, span = p->m * step;
    int64_t lo = from - from % width % span, last = from + n - 1;
    int64_t hi = last - last % width % span + span, end = last - last % width + width;
    float *x;
    uint8_t *marks;
    if (hi > end) hi = end;
    CULL_TRY(CULL_TMP(cx, x, hi - lo));
    CULL_TRY(CULL_TMP(cx, marks, hi - lo));
    CULL_TRY(scores(cx, p, lo, hi - lo, x));
    for (int64_t at = lo; at < hi;) {
        int64_t row_end = at - at % width + width, to = hi < row_end ? hi : row_end;
        for (int64_t q = 0; q < step; q++) {
            int64_t bad = cull__nm_keep(x + (at - lo) + q, (to - at) / step, step, p->n, p->m,
                                        marks + (at - lo) + q);
            if (bad >= 0) return no_score(cx, p, at + q + bad * step);
        }
        at = to;
    }
    memcpy(keep, marks + (from - lo), (size_t)n);
    return CULL_OK;
}

/* Values [col, col + n) of output `row`. */
static void keep_run(const cull__pruner *p, const float *x, int64_t row, int64_t col, int64_t n,
                     uint8_t *keep)
{
    const cull__cut *c = &p->cuts[row];
    if (!p->later) {
        cull__cut_keep(c, x, row, col, n, keep);
        return;
    }
    int64_t width = cull__grid_width(&p->grid);
    for (int64_t i = 0; i < n; i++) keep[i] = cull__above(c, x[i], row, width - 1 - col - i);
}

static void keep_rows(const cull__pruner *p, const float *x, int64_t from, int64_t n, uint8_t *keep)
{
    int64_t width = cull__grid_width(&p->grid), outs = p->grid.outs;
    if (p->grid.across) {
        for (int64_t i = 0; i < n; i++)
            keep_run(p, x + i, (from + i) % outs, (from + i) / outs, 1, keep + i);
        return;
    }
    for (int64_t i = 0; i < n;) {
        int64_t col = (from + i) % width, run = width - col < n - i ? width - col : n - i;
        keep_run(p, x + i, (from + i) / width, col, run, keep + i);
        i += run;
    }
}

cull_status cull__prune_keep(cull_ctx *cx, const cull__pruner *p, int64_t from, int64_t n,
                             uint8_t *keep)
{
    float *x;
    if (n <= 0) return CULL_OK;
    if (p->m > 0) return keep_nm(cx, p, from, n, keep);
    CULL_TRY(CULL_TMP(cx, x, n));
    CULL_TRY(scores(cx, p, from, n, x));
    if (p->cuts)
        keep_rows(p, x, from, n, keep);
    else
        cull__cut_keep(p->one, x, p->part, from, n, keep);
    return CULL_OK;
}

uint64_t cull__prune_bytes(const cull__grid *g, int m)
{
    int64_t step = g->across ? g->outs : g->inner, width = cull__grid_width(g);
    uint64_t block = (uint64_t)(width > CULL__VALUES ? CULL__VALUES : 2 * CULL__VALUES);
    if (m > 0) return 5 * (CULL__VALUES + 2 * (uint64_t)m * (uint64_t)step);
    if (g->across) return 4 * (uint64_t)g->ins * STRIP;
    return 4 * block + (width > CULL__VALUES ? cull__cuts_bytes(1, width, 1, 1) : 0);
}

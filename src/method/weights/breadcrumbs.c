/* breadcrumbs - what models learned, without outliers and noise (Davari and Belilovsky 2024)
 *
 * Chooses   of each model's difference to the base, by magnitude, the share `density` that follows the largest share `gamma`;
 *           base + alpha * the sum of weight * what is kept. With elect, only what has the sign of that sum counts.
 * Idea      The largest differences are outliers that break other tasks, the small ones noise. What is left of many models can be
 *           added up with an alpha that need not be tuned again as models are added.
 * Reads     base, and models of the same names and shapes.
 * Deviates  (a) Shares are of each row of the last axis, as in the published code; the paper speaks of layers: granularity. (b) A part
 *           so small that nothing would be kept (shorter than 1 / density) keeps all; the published code empties it, and so did other
 *           tools whatever was shorter than 1 / gamma. Kernels of convolutions have short rows: take granularity tensor. (c) Of equal
 *           magnitudes those that stand first are the larger, exactly as many are kept as the share says. (d) Differences are
 *           taken in f32. (e) gamma gives way where it and density are more than all.
 * Cost      two or three passes, O(n). By rows 16 bytes a row and model; by tensor or model counts of 2 MiB a thread.
 * Example   cull weights breadcrumbs --base base --density 0.15 --gamma 0.006 --alpha 0.2 a b c -o merged
 */
#include "choose/deltas.h"

enum { BY_ROW, BY_TENSOR, BY_MODEL };
typedef struct {
    double weight, density, gamma, alpha;
    bool elect, normalize;
    int granularity;
} opts;
static const cull_opt table[] = {
    CULL_OPT_F64(opts, weight, 1, -1e6, 1e6, "weight of the model's difference to the base"),
    CULL_OPT_F64(opts, density, 0.15, 0, 1, "share of the differences that is kept (beta)"),
    CULL_OPT_F64(opts, gamma, 0.006, 0, 1, "share of the largest differences that goes"),
    CULL_OPT_F64(opts, alpha, 0.2, -1e6, 1e6, "of the sum of differences"),
    CULL_OPT_BOOL(opts, elect, false, "only what has the sign of the sum counts, as ties"),
    CULL_OPT_BOOL(opts, normalize, false, "divide by the weights of what counts"),
    CULL_OPT_ENUM(opts, granularity, BY_ROW, "row|tensor|model", "what shares are shares of"),
    CULL_OPT_END};

/* ---- bands of ranks ---- */
typedef struct {
    cull__cut first, last; /* kept is what lies above last, but not above first */
    bool all;
} band;
/* The same of a row, whose places fit 32 bits. */
typedef struct {
    uint32_t first, first_at, last, last_at;
} row_band;
typedef struct {
    int64_t row;    /* of granularity row: numbers of a row; else 0 */
    bool all;       /* its rows are so short that they keep all */
    row_band *rows; /* or one for each row */
    band whole;
} bands; /* of one source */

/* The ranks between which n numbers are kept; false = all are. */
static bool ranks_of(const opts *o, int64_t n, int64_t rank[2])
{
    int64_t kept = (int64_t)(o->density * (double)n), top = (int64_t)(o->gamma * (double)n);
    if (o->density >= 1 || (kept < 1 && o->density > 0)) return false;
    rank[0] = top + kept > n ? n - kept : top;
    rank[1] = rank[0] + kept;
    return true;
}

static int64_t row_of(const cull_weights_item *it)
{
    int64_t row = it->t.ndim ? it->t.shape[it->t.ndim - 1] : 1;
    return it->t.n ? row : 1;
}

/* ---- by rows ---- */
typedef struct {
    const cull_weights_work *w;
    const cull_weights_item *it;
    int s;
    int64_t rank[2];
    const bands *b;
} rows_pass;

static row_band packed(const cull__cut cut[2])
{
    return (row_band){cut[0].key, (uint32_t)cut[0].at, cut[1].key, (uint32_t)cut[1].at};
}

static cull_status some_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const rows_pass *p = arg;
    int64_t n = p->b->row;
    float *x;
    (void)chunk;
    CULL_TRY(CULL_TMP(cx, x, (hi - lo) * n));
    CULL_TRY(cull__delta_read(cx, p->w, p->it, p->s, lo * n, (hi - lo) * n, x));
    for (int64_t r = lo; r < hi; r++, x += n) {
        cull__cut cut[2];
        for (int k = 0; k < 2; k++)
            if (cull__cut_row(x, n, 0, p->rank[k], &cut[k]) >= 0)
                return cull__fail(cx, CULL_EINPUT,
                                  "'%s': a difference is NaN, and has no place among magnitudes",
                                  p->it->t.name);
        p->b->rows[r] = packed(cut);
    }
    return CULL_OK;
}

/* Rows that are longer than a block, one after another. */
typedef struct {
    const rows_pass *p;
    int64_t row;
} long_row;
static cull_status read_row(cull_ctx *cx, const void *arg, int64_t part, int64_t from, int64_t n,
                            float *out)
{
    const long_row *l = arg;
    const rows_pass *p = l->p;
    (void)part;
    return cull__delta_read(cx, p->w, p->it, p->s, l->row * p->b->row + from, n, out);
}

static cull_status long_rows(cull_ctx *cx, const rows_pass *p, int64_t rows)
{
    for (int64_t r = 0; r < rows; r++) {
        cull__cut cut[2];
        long_row l = {p, r};
        cull__values v = {read_row, &l, 1, &p->b->row, &p->it->t.name};
        CULL_TRY(cull__cuts(cx, &v, p->rank, 2, cut));
        p->b->rows[r] = packed(cut);
    }
    return CULL_OK;
}

static cull_status by_rows(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                           int s, bands *b)
{
    rows_pass p = {.w = w, .it = it, .s = s, .b = b};
    b->row = row_of(it);
    b->all = !ranks_of(it->opts[s], b->row, p.rank);
    if (b->all) return CULL_OK;
    if (b->row > INT32_MAX)
        return cull__fail(cx, CULL_EINPUT, "'%s' has rows of %lld numbers; take granularity tensor",
                          it->t.name, (long long)b->row);
    int64_t rows = it->t.n / b->row;
    CULL_TRY(CULL_TMP(cx, b->rows, rows));
    if (b->row > CULL__VALUES) return long_rows(cx, &p, rows);
    return cull__for(cx, rows, CULL__VALUES / b->row, some_rows, &p);
}

/* ---- by tensor, by model ---- */
static cull_status by_tensor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                             bands *b)
{
    int64_t rank[CULL_WEIGHTS_MODELS + 1][2];
    cull__cut cut[CULL_WEIGHTS_MODELS + 1][2];
    for (int s = w->first; s < w->sources; s++) {
        b[s].whole.all = !ranks_of(it->opts[s], it->t.n, rank[s]);
        if (b[s].whole.all) rank[s][0] = -1;
    }
    CULL_TRY(cull__delta_cuts(cx, w, it, *rank, 2, *cut));
    for (int s = w->first; s < w->sources; s++)
        if (!b[s].whole.all) b[s].whole.first = cut[s][0], b[s].whole.last = cut[s][1];
    return CULL_OK;
}

typedef struct {
    const cull_weights_work *w;
    int s;
    const int64_t *item; /* of each part */
} model_values;

static cull_status read_item(cull_ctx *cx, const void *arg, int64_t part, int64_t from, int64_t n,
                             float *out)
{
    const model_values *m = arg;
    return cull__delta_read(cx, m->w, &m->w->item[m->item[part]], m->s, from, n, out);
}

/* Bands of each source over all its tensors; a part's number is the item's. */
static cull_status begin(cull_ctx *cx, const cull_weights_work *w, void **state)
{
    const opts *o = w->opts;
    int64_t *size, *item, parts = 0, total = 0;
    const char **name;
    band *b;
    if (o->granularity != BY_MODEL) return CULL_OK;
    CULL_TRY(CULL_TMP0(cx, b, w->sources));
    CULL_TRY(CULL_TMP(cx, size, w->items));
    CULL_TRY(CULL_TMP(cx, item, w->items));
    CULL_TRY(CULL_TMP(cx, name, w->items));
    *state = b;
    for (int64_t i = 0; i < w->items; i++) {
        if (w->item[i].copy) continue;
        item[parts] = i, name[parts] = w->item[i].t.name, size[parts] = w->item[i].t.n;
        total += size[parts++];
    }
    for (int s = w->first; s < w->sources && parts; s++) {
        int64_t rank[2];
        cull__cut cut[2];
        model_values m = {w, s, item};
        cull__values v = {read_item, &m, parts, size, name};
        b[s].all = !ranks_of(w->item[item[0]].opts[s], total, rank);
        if (b[s].all) continue;
        CULL_TRY(cull__cuts(cx, &v, rank, 2, cut));
        for (int k = 0; k < 2; k++)
            cut[k].part = cut[k].part < parts ? item[cut[k].part] : w->items;
        b[s].first = cut[0], b[s].last = cut[1];
    }
    return CULL_OK;
}

static cull_status tensor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          void *state, void **own)
{
    bands *b;
    const opts *o = it->opts[0];
    (void)state;
    CULL_TRY(CULL_TMP0(cx, b, w->sources));
    *own = b;
    if (o->granularity == BY_TENSOR) return by_tensor(cx, w, it, b);
    for (int s = w->first; s < w->sources; s++) {
        if (o->granularity == BY_ROW)
            CULL_TRY(by_rows(cx, w, it, s, &b[s]));
        else
            b[s].whole = ((const band *)state)[s];
    }
    return CULL_OK;
}

/* ---- what is kept ---- */
static void thin_rows(const cull_ctx *cx, const bands *b, int64_t from, int64_t n, float *x)
{
    for (int64_t at = 0; at < n;) {
        int64_t r = (from + at) / b->row, in = (from + at) % b->row;
        int64_t m = b->row - in < n - at ? b->row - in : n - at;
        const row_band *k = &b->rows[r];
        cull__cut first = {k->first, 0, k->first_at}, last = {k->last, 0, k->last_at};
        cull__delta_band(cx, &first, &last, 0, in, m, x + at);
        at += m;
    }
}

static cull_status thin(cull_ctx *cx, const cull__deltas *d, int s, int64_t from, int64_t n,
                        float *x)
{
    const bands *b = (const bands *)d->arg + s;
    int64_t part = ((const opts *)d->it->opts[0])->granularity == BY_MODEL ? d->it - d->w->item : 0;
    if (b->row && !b->all) thin_rows(cx, b, from, n, x);
    if (!b->row && !b->whole.all)
        cull__delta_band(cx, &b->whole.first, &b->whole.last, part, from, n, x);
    return CULL_OK;
}

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *state, const void *own, int64_t from, int64_t n, float *out)
{
    float weight[CULL_WEIGHTS_MODELS + 1];
    const opts *o = it->opts[0];
    cull__deltas d = {.w = w,
                      .it = it,
                      .thin = thin,
                      .arg = own,
                      .weight = weight,
                      .alpha = (float)o->alpha,
                      .elect = o->elect,
                      .normalize = o->normalize};
    (void)state;
    (void)cull__model_weights(w, it, offsetof(opts, weight), weight);
    return cull__deltas_block(cx, &d, from, n, out);
}

static void plan(const cull_weights_work *w, int threads, uint64_t *bytes, double *passes)
{
    const opts *o = w->opts;
    int64_t total = 0;
    uint64_t rows = 0;
    *passes = o->granularity == BY_MODEL ? 2 : 1;
    *bytes = cull__delta_cuts_bytes(w, 2, threads);
    for (int64_t i = 0; i < w->items; i++) {
        uint64_t r = (uint64_t)(w->item[i].t.n / row_of(&w->item[i])) * sizeof(row_band);
        total += w->item[i].copy ? 0 : w->item[i].t.n;
        rows = !w->item[i].copy && r > rows ? r : rows;
    }
    if (o->granularity == BY_MODEL) *bytes = cull__cuts_bytes(w->items, total, 2, threads);
    if (o->granularity == BY_ROW) *bytes += rows * (uint64_t)(w->sources - w->first);
}

static const cull_weights_fns fns = {.needs = CULL_WEIGHTS_BASE,
                                     .least = 1,
                                     .most = -1,
                                     .begin = begin,
                                     .tensor = tensor,
                                     .block = block,
                                     .plan = plan};
const cull_method cull__method_breadcrumbs = {
    .slug = "breadcrumbs",
    .title = "the base and what models learned, without outliers and noise",
    .paper = "Davari and Belilovsky 2024, Model Breadcrumbs",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 1,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};

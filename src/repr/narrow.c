/* narrow.c - channels of feed-forward layers and groups of heads: found, measured, cut; see narrow.h. */
#include "repr/narrow.h"
#include "base/base.h"
#include "repr/inputs.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- finding ---- */

/* What the heads of an attention's module are of; NUMBERS: one number for each head of queries, and no module. */
enum { QUERIES = 1, KEYS, NUMBERS };

/* What a module is to a unit. */
typedef struct {
    const char *module;
    bool columns, factor;
    int heads; /* of attention; else 0 */
} known;

static const known ffn[] = {{".gate_proj", false, true, 0},
                            {".up_proj", false, true, 0},
                            {".w1", false, true, 0},
                            {".w3", false, true, 0},
                            {".fc1", false, true, 0},
                            {".dense_h_to_4h", false, true, 0},
                            {".intermediate.dense", false, true, 0},
                            {".down_proj", true, true, 0},
                            {".w2", true, true, 0},
                            {".fc2", true, true, 0},
                            {".dense_4h_to_h", true, true, 0},
                            {".output.dense", true, true, 0},
                            {NULL, false, false, 0}};
/* Queries and keys say where a head looks, not whether it has anything to say. */
static const known attention[] = {{".q_proj", false, false, QUERIES},
                                  {".k_proj", false, false, KEYS},
                                  {".v_proj", false, true, KEYS},
                                  {".o_proj", true, true, QUERIES},
                                  {".out_proj", true, true, QUERIES},
                                  {".wq", false, false, QUERIES},
                                  {".wk", false, false, KEYS},
                                  {".wv", false, true, KEYS},
                                  {".wo", true, true, QUERIES},
                                  {".q_norm", false, false, QUERIES},
                                  {".k_norm", false, false, KEYS},
                                  {".sinks", false, false, NUMBERS},
                                  {NULL, false, false, 0}};

static bool ends(const char *s, size_t n, const char *with)
{
    size_t k = strlen(with);
    return n > k && !memcmp(s + n - k, with, k);
}

/* Which module of the table a tensor is of, and the length of what stands before it. */
static const known *find_known(const known *table, const char *name, bool *bias, size_t *prefix)
{
    size_t n = strlen(name);
    *bias = ends(name, n, ".bias");
    if (*bias)
        n -= 5;
    else if (ends(name, n, ".weight"))
        n -= 7;
    bool bare = !name[n];
    for (const known *k = table; k->module; k++)
        if ((k->heads == NUMBERS) == bare && ends(name, n, k->module)) {
            *prefix = n - strlen(k->module);
            return k;
        }
    return NULL;
}

static cull_status block_of(cull_ctx *cx, cull__narrow *n, const char *name, size_t prefix,
                            int64_t *out)
{
    uint64_t h = cull__hash64(name, prefix, 0);
    char *copy;
    for (int64_t b = n->blocks; b-- > 0;)
        if (n->block[b].hash == h && strlen(n->block[b].prefix) == prefix &&
            !memcmp(n->block[b].prefix, name, prefix))
            return *out = b, CULL_OK;
    CULL_TRY(CULL_TMP(cx, copy, (int64_t)prefix + 1));
    memcpy(copy, name, prefix);
    copy[prefix] = 0;
    n->block[n->blocks] = (cull__narrow_block){.prefix = copy, .hash = h};
    *out = n->blocks++;
    return CULL_OK;
}

/* Rows or columns of t must be units of `each`. */
static cull_status fits(cull_ctx *cx, cull__narrow *n, const cull_tensor *t,
                        const cull__narrow_part *p)
{
    cull__narrow_block *b = n->block + p->block;
    int64_t size = t->shape[p->columns ? 1 : 0], units = size / p->each;
    if (size % p->each || (b->units && units != b->units))
        return cull__fail(cx, CULL_EINPUT,
                          "%s: '%.160s' has %" PRId64 " %s, which is not %" PRId64 " %s of %" PRId64
                          " each",
                          cull_checkpoint_path(n->ck), t->name, size,
                          p->columns ? "columns" : "rows", b->units, n->what, p->each);
    if (!t->floating)
        return cull__fail(cx, CULL_EINPUT, "%s: '%.160s' is %.20s: what is quantized is not cut",
                          cull_checkpoint_path(n->ck), t->name, t->dtype);
    b->units = units;
    return CULL_OK;
}

/* How many rows or columns of t a unit has; 0 = t stays as it is, as a norm that all heads share. EINPUT: a norm over all heads
 * together, whose others would no longer be what they were. */
static cull_status each_of(cull_ctx *cx, const cull__narrow *n, const known *k,
                           const cull_tensor *t, const int64_t each[4], int64_t *out)
{
    *out = k->heads ? each[k->heads] : 1;
    if (!ends(k->module, strlen(k->module), "_norm")) return CULL_OK;
    if (t->ndim == 2 && *out % each[0] == 0) return *out /= each[0], CULL_OK; /* a row each */
    *out = 0;
    if (t->ndim != 1 || t->shape[0] <= each[0]) return CULL_OK;
    return cull__fail(
        cx, CULL_EINPUT,
        "%s: '%.160s' is one norm over all heads: with fewer of them the others would "
        "not be what they were",
        cull_checkpoint_path(n->ck), t->name);
}

static cull_status add_part(cull_ctx *cx, cull__narrow *n, const known *k, int64_t i, bool bias,
                            size_t prefix, const int64_t each[4])
{
    const cull_tensor *t = cull_checkpoint_at(n->ck, i);
    cull__narrow_part *p = n->part + n->parts;
    int64_t unit;
    if (k->columns && bias) return CULL_OK; /* of the outputs, which stay */
    CULL_TRY(each_of(cx, n, k, t, each, &unit));
    if (!unit || t->ndim != (bias || k->heads == NUMBERS ? 1 : 2)) return CULL_OK;
    *p = (cull__narrow_part){
        .tensor = i, .columns = k->columns, .factor = k->factor && !bias, .each = unit};
    CULL_TRY(block_of(cx, n, t->name, prefix, &p->block));
    CULL_TRY(fits(cx, n, t, p));
    n->parts++;
    if (!bias) *(k->columns ? &n->block[p->block].out : &n->block[p->block].in) += 1;
    return CULL_OK;
}

/* Blocks of which one side is missing are none, BERT's attention.output.dense say. */
static void drop_halves(cull__narrow *n, int64_t *now)
{
    int64_t blocks = 0, parts = 0;
    for (int64_t b = 0; b < n->blocks; b++) {
        now[b] = n->block[b].in && n->block[b].out ? blocks : -1;
        if (now[b] >= 0) n->block[blocks++] = n->block[b];
    }
    for (int64_t i = 0; i < n->parts; i++) {
        if (now[n->part[i].block] < 0) continue;
        n->part[parts] = n->part[i];
        n->part[parts].block = now[n->part[i].block];
        parts++;
    }
    n->blocks = blocks;
    n->parts = parts;
}

static cull_status find(cull_ctx *cx, const cull_checkpoint *ck, const known *table,
                        const char *what, const int64_t each[4], cull__narrow **out)
{
    int64_t count = cull_checkpoint_count(ck), *now;
    cull__narrow *n;
    CULL_TRY(CULL_TMP0(cx, n, 1));
    n->ck = ck;
    n->what = what;
    CULL_TRY(CULL_TMP(cx, n->block, count));
    CULL_TRY(CULL_TMP(cx, n->part, count));
    CULL_TRY(CULL_TMP(cx, now, count));
    for (int64_t i = 0; i < count; i++) {
        bool bias;
        size_t prefix;
        const char *name = cull_checkpoint_at(ck, i)->name;
        const known *k = find_known(table, name, &bias, &prefix);
        if (k) CULL_TRY(add_part(cx, n, k, i, bias, prefix, each));
    }
    drop_halves(n, now);
    for (int64_t b = 0; b < n->blocks; b++) {
        CULL_TRY(CULL_TMP0(cx, n->block[b].keep, n->block[b].units));
        CULL_TRY(CULL_TMP(cx, n->block[b].unit, n->block[b].units));
    }
    for (int64_t b = 1; b < n->blocks; b++)
        if (n->block[b].units != n->block[0].units)
            return cull__fail(cx, CULL_EINPUT,
                              "%s: '%.160s' has %" PRId64 " %s, and '%.160s' has %" PRId64
                              "; the config has one number for all",
                              cull_checkpoint_path(ck), n->block[b].prefix, n->block[b].units, what,
                              n->block[0].prefix, n->block[0].units);
    *out = n;
    return CULL_OK;
}

/* A tensor of an attention that is as long as its heads are many or wide, and that nothing is known of. */
static cull_status known_whole(cull_ctx *cx, const cull__narrow *n, int64_t heads, int64_t groups,
                               int64_t width)
{
    for (int64_t i = 0; i < cull_checkpoint_count(n->ck); i++) {
        const cull_tensor *t = cull_checkpoint_at(n->ck, i);
        size_t prefix;
        bool bias, in = false, all = false;
        if (find_known(attention, t->name, &bias, &prefix) || cull__ends(t->name, ".inv_freq"))
            continue;
        for (int d = 0; d < t->ndim; d++)
            all |= t->shape[d] == heads || t->shape[d] == groups || t->shape[d] == heads * width ||
                   t->shape[d] == groups * width;
        for (int64_t b = 0; b < n->blocks && all && !in; b++) {
            size_t length = strlen(n->block[b].prefix);
            in = !strncmp(t->name, n->block[b].prefix, length) && t->name[length] == '.';
        }
        if (in)
            return cull__fail(cx, CULL_EINPUT,
                              "%s: '%.160s' may be of all heads, and what it does is not known: "
                              "heads are not cut",
                              cull_checkpoint_path(n->ck), t->name);
    }
    return CULL_OK;
}

cull_status cull__narrow_ffn(cull_ctx *cx, const cull_checkpoint *ck, cull__narrow **out)
{
    static const int64_t each[4] = {1, 1, 1, 1};
    CULL_TRY(find(cx, ck, ffn, "channels", each, out));
    if ((*out)->blocks) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: no feed-forward layer is known by its names, such as mlp.gate_proj, "
                      "mlp.up_proj and mlp.down_proj",
                      cull_checkpoint_path(ck));
}

cull_status cull__narrow_heads(cull_ctx *cx, const cull_checkpoint *ck, int64_t heads,
                               int64_t groups, int64_t width, cull__narrow **out)
{
    const int64_t each[4] = {width, heads / groups * width, width, heads / groups};
    CULL_TRY(find(cx, ck, attention, "groups of heads", each, out));
    if (!(*out)->blocks)
        return cull__fail(
            cx, CULL_EINPUT,
            "%s: no attention is known by its names, self_attn.q_proj, k_proj, v_proj "
            "and o_proj; what is fused to one matrix is not cut",
            cull_checkpoint_path(ck));
    if ((*out)->block[0].units != groups)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: '%.160s' has %" PRId64 " groups of heads, and the config %" PRId64,
                          cull_checkpoint_path(ck), (*out)->block[0].prefix, (*out)->block[0].units,
                          groups);
    return known_whole(cx, *out, heads, groups, width);
}

/* ---- measuring ---- */

enum { ROWS = 512 };
typedef struct {
    const cull_checkpoint *ck;
    const cull_tensor *t;
    int64_t tensor, cols;
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
        CULL_TRY(cull_checkpoint_read(cx, m->ck, m->tensor, r * m->cols, m->cols, x));
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

/* Norms of a tensor's inputs; NULL where none are given. */
static cull_status inputs_of(cull_ctx *cx, const cull_checkpoint *a, const cull_tensor *t,
                             float **out)
{
    *out = NULL;
    if (!a) return CULL_OK;
    CULL_TRY(cull__inputs_check(cx, a, t->name, t->shape[1], t->shape[1]));
    CULL_TRY(CULL_TMP(cx, *out, t->shape[1]));
    return cull__inputs_norms(cx, a, t->name, t->shape[1], *out);
}

/* log of the size of every unit's part is added to score. */
static cull_status add_part_size(cull_ctx *cx, const cull__narrow *n, const cull__narrow_part *p,
                                 bool squares, const cull_checkpoint *activations, double *score)
{
    const cull_tensor *t = cull_checkpoint_at(n->ck, p->tensor);
    int64_t rows = t->shape[0], cols = t->shape[1], chunks = (rows - 1) / ROWS + 1;
    measuring m = {n->ck, t, p->tensor, cols, p->columns, squares, NULL};
    float *input = NULL;
    CULL_TRY(CULL_TMP0(cx, m.sum, p->columns ? chunks * cols : rows));
    CULL_TRY(cull__for(cx, rows, ROWS, measure_rows, &m));
    for (int64_t k = 1; p->columns && k < chunks; k++)
        for (int64_t c = 0; c < cols; c++) m.sum[c] += m.sum[k * cols + c];
    if (p->columns) CULL_TRY(inputs_of(cx, activations, t, &input));
    for (int64_t c = 0; input && c < cols; c++)
        m.sum[c] *= (double)input[c] * (squares ? (double)input[c] : 1);
    for (int64_t u = 0; u < n->block[p->block].units; u++) {
        double sum = 0;
        for (int64_t k = 0; k < p->each; k++) sum += m.sum[u * p->each + k];
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

static cull_status choose_block(cull_ctx *cx, cull__narrow *n, int64_t b, int64_t kept,
                                cull__narrow_by by, const cull_checkpoint *activations)
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
        if (n->part[i].block != b || !n->part[i].factor) continue;
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(add_part_size(cx, n, n->part + i, by == CULL__NARROW_L2, activations, score));
        cull__release(cx, mark);
        cull_checkpoint_done(n->ck, n->part[i].tensor);
    }
    for (int64_t u = 0; u < k->units; u++) r[u] = (ranked){score[u], u};
    qsort(r, (size_t)k->units, sizeof *r, by_score);
    for (int64_t i = 0; i < kept; i++) k->keep[r[i].unit] = true;
    return CULL_OK;
}

cull_status cull__narrow_list(cull_ctx *cx, cull__narrow *n)
{
    for (int64_t b = 0; b < n->blocks; b++) {
        cull__narrow_block *k = n->block + b;
        k->kept = 0;
        for (int64_t u = 0; u < k->units; u++)
            if (k->keep[u]) k->unit[k->kept++] = u;
        if (!k->kept || k->kept != n->block[0].kept)
            return cull__fail(cx, CULL_EINPUT,
                              "'%.160s' keeps %" PRId64 " of its %s, and '%.160s' %" PRId64
                              "; they must be as many, and one at least",
                              k->prefix, k->kept, n->what, n->block[0].prefix, n->block[0].kept);
    }
    return CULL_OK;
}

cull_status cull__narrow_choose(cull_ctx *cx, cull__narrow *n, int64_t kept, cull__narrow_by by,
                                const cull_checkpoint *activations, bool planning)
{
    if (kept < 1 || kept > n->block[0].units)
        return cull__fail(cx, CULL_EINPUT,
                          "%" PRId64 " %s are to stay of %" PRId64 " in '%.160s'; it must be 1 to "
                          "%" PRId64,
                          kept, n->what, n->block[0].units, n->block[0].prefix, n->block[0].units);
    for (int64_t b = 0; b < n->blocks; b++) {
        cull__mark_t mark = cull__mark(cx);
        cull_status s = CULL_OK;
        memset(n->block[b].keep, 0, (size_t)n->block[b].units * sizeof *n->block[b].keep);
        if (planning)
            for (int64_t u = 0; u < kept; u++) n->block[b].keep[u] = true;
        else
            s = choose_block(cx, n, b, kept, by, activations);
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
        it->t.shape[p->columns ? 1 : 0] = b->kept * p->each;
        it->t.n = it->t.ndim == 1 ? it->t.shape[0] : it->t.shape[0] * it->t.shape[1];
        it->part = k + 1;
        it->copy = false;
    }
    w->own = n;
    return CULL_OK;
}

/* Where row or column i of the result comes from. */
static int64_t origin(const cull__narrow_block *b, int64_t each, int64_t i)
{
    return b->unit[i / each] * each + i % each;
}

/* Columns [lo, hi) of a row of the result. */
static cull_status read_columns(cull_ctx *cx, const cull_weights_work *w,
                                const cull_weights_item *it, const cull__narrow_part *p,
                                int64_t row, int64_t lo, int64_t hi, float *out)
{
    const cull__narrow *n = w->own;
    const cull__narrow_block *b = n->block + p->block;
    int64_t cols = cull_checkpoint_at(n->ck, p->tensor)->shape[1];
    int64_t first = origin(b, p->each, lo), last = origin(b, p->each, hi - 1);
    float *x;
    CULL_TRY(CULL_TMP(cx, x, last - first + 1));
    CULL_TRY(cull_weights_read(cx, w, it, w->first, row * cols + first, last - first + 1, x));
    for (int64_t c = lo; c < hi; c++) out[c - lo] = x[origin(b, p->each, c) - first];
    return CULL_OK;
}

cull_status cull__narrow_read(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                              void *state, const void *own, int64_t from, int64_t n, float *out)
{
    (void)state, (void)own;
    if (!it->part) return cull_weights_read(cx, w, it, w->first, from, n, out); /* another dtype */
    const cull__narrow *of = w->own;
    const cull__narrow_part *p = of->part + it->part - 1;
    const cull__narrow_block *b = of->block + p->block;
    int64_t cols = it->t.ndim == 1 ? 1 : it->t.shape[1];
    for (int64_t e = from; e < from + n;) {
        int64_t row = e / cols, lo = e % cols, hi = cols;
        if (hi - lo > from + n - e) hi = lo + (from + n - e);
        cull__mark_t mark = cull__mark(cx);
        cull_status s =
            p->columns ? read_columns(cx, w, it, p, row, lo, hi, out + (e - from))
                       : cull_weights_read(cx, w, it, w->first, origin(b, p->each, row) * cols + lo,
                                           hi - lo, out + (e - from));
        cull__release(cx, mark);
        CULL_TRY(s);
        e += hi - lo;
    }
    return CULL_OK;
}

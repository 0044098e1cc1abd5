/* ticket_mask.c - masks by magnitude: ranks within a layer or over all, random ones, and what is left. */
#include "nn/ticket.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

bool cull__mask_takes(const cull_param *q)
{
    return q->rank >= 2 && !(q->flags & (CULL_PARAM_STATE | CULL_PARAM_FROZEN));
}

int64_t cull__mask_count(const cull_param *q, const float *mask)
{
    int64_t n = 0;
    if (!mask) return q->n;
    for (int64_t i = q->at; i < q->at + q->n; i++) n += mask[i] != 0;
    return n;
}

void cull__mask_copy(cull_params *p, float *mask)
{
    const float *has = cull__params_mask(p);
    for (int64_t i = 0; i < cull_params_size(p); i++) mask[i] = !has || has[i] != 0;
}

void cull__mask_zero(cull_params *p)
{
    const float *mask = cull__params_mask(p);
    float *w = cull_params_value(p);
    for (int64_t i = 0; mask && i < cull_params_size(p); i++)
        if (mask[i] == 0) w[i] = 0;
}

/* ---- ranks ---- */

/* Sizes of floats are in the order of their bits without the sign. */
static uint32_t size_of(float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return u & INT32_MAX;
}

/* Tensors that are ranked together. */
typedef struct {
    const cull_params *p;
    const double *rate; /* tensors without a rate stand aside; NULL = none does */
    int from, to;
} group;

static bool takes(const group *g, int i)
{
    return cull__mask_takes(cull_params_at(g->p, i)) && (!g->rate || g->rate[i] > 0);
}

static int64_t count_group(const group *g, const float *mask)
{
    int64_t n = 0;
    for (int i = g->from; i < g->to; i++)
        if (takes(g, i)) n += cull__mask_count(cull_params_at(g->p, i), mask);
    return n;
}

/* The size at that rank from the smallest: a byte at a time, from the highest. */
static uint32_t at_rank(const group *g, const float *w, const float *mask, int64_t rank)
{
    uint32_t known = 0, found = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        int64_t count[256] = {0};
        for (int t = g->from; t < g->to; t++) {
            const cull_param *q = cull_params_at(g->p, t);
            for (int64_t i = q->at; takes(g, t) && i < q->at + q->n; i++)
                if (mask[i] != 0 && (size_of(w[i]) & known) == found)
                    count[size_of(w[i]) >> shift & 255]++;
        }
        uint32_t b = 0;
        while (rank >= count[b]) rank -= count[b++];
        found |= b << shift;
        known |= UINT32_C(255) << shift;
    }
    return found;
}

static void drop_to(const group *g, const float *w, uint32_t cutoff, float *mask)
{
    for (int t = g->from; t < g->to; t++) {
        const cull_param *q = cull_params_at(g->p, t);
        for (int64_t i = q->at; takes(g, t) && i < q->at + q->n; i++)
            if (size_of(w[i]) <= cutoff) mask[i] = 0;
    }
}

static int64_t rank_of(int64_t n, double rate, bool global)
{
    return (int64_t)(global ? ceil(rate * (double)n) : rint(rate * (double)n));
}

int64_t cull__mask_after(int64_t n, double rate, int rounds, bool global)
{
    for (int i = 0; i < rounds && rate > 0 && n > 0; i++) n -= rank_of(n, rate, global) + 1;
    return n > 0 ? n : 0;
}

static cull_status cut(cull_ctx *cx, const group *g, const float *w, double rate, bool global,
                       float *mask)
{
    int64_t n = count_group(g, mask), rank = rank_of(n, rate, global);
    const char *where = global ? "all layers" : cull_params_at(g->p, g->from)->name;
    if (rank < n) {
        uint32_t cutoff = at_rank(g, w, mask, rank);
        drop_to(g, w, cutoff, mask);
    }
    if (rank < n && count_group(g, mask) > 0) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: of %" PRId64 " weights left, pruning a share of %g leaves none; fewer "
                      "rounds, or a lower rate, is possible",
                      where, n, rate);
}

static cull_status check_rates(cull_ctx *cx, const cull_params *p, const double *rate)
{
    bool any = false;
    for (int i = 0; i < cull_params_count(p); i++) {
        const cull_param *q = cull_params_at(p, i);
        if (!cull__mask_takes(q)) continue;
        if (!(rate[i] >= 0 && rate[i] < 1))
            return cull__fail(cx, CULL_EOPTION,
                              "the rate of pruning of %s is %g; it must be within [0, 1)", q->name,
                              rate[i]);
        any |= rate[i] > 0;
    }
    if (any) return CULL_OK;
    return cull__fail(cx, CULL_EOPTION, "no layer's rate of pruning is above 0");
}

static cull_status cut_all(cull_ctx *cx, const cull_params *p, const float *w, const double *rate,
                           bool global, float *mask)
{
    int count = cull_params_count(p);
    double most = 0;
    for (int i = 0; i < count; i++) {
        const group one = {p, rate, i, i + 1};
        if (!takes(&one, i)) continue;
        if (!global) CULL_TRY(cut(cx, &one, w, rate[i], false, mask));
        if (rate[i] > most) most = rate[i];
    }
    return global ? cut(cx, &(group){p, rate, 0, count}, w, most, true, mask) : CULL_OK;
}

cull_status cull__mask_cut(cull_ctx *cx, const cull_params *p, const float *w, const double *rate,
                           bool global, float *mask)
{
    float *next;
    size_t bytes = (size_t)cull_params_size(p) * sizeof *next;
    CULL_TRY(check_rates(cx, p, rate));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, next, cull_params_size(p)));
    memcpy(next, mask, bytes);
    cull_status s = cut_all(cx, p, w, rate, global, next);
    if (s == CULL_OK) memcpy(mask, next, bytes);
    cull__release(cx, mark);
    return s;
}

/* The `left` largest of a group. */
static void keep(const group *g, const float *w, int64_t left, float *mask)
{
    int64_t n = count_group(g, mask);
    if (left >= n) return;
    uint32_t cutoff = at_rank(g, w, mask, n - left - 1);
    drop_to(g, w, cutoff, mask);
}

void cull__mask_largest(const cull_params *p, const float *w, const int64_t *left, int64_t all,
                        float *mask)
{
    int count = cull_params_count(p);
    if (!left) keep(&(group){p, NULL, 0, count}, w, all, mask);
    for (int i = 0; left && i < count; i++)
        if (cull__mask_takes(cull_params_at(p, i)))
            keep(&(group){p, NULL, i, i + 1}, w, left[i], mask);
}

cull_status cull__mask_random(cull_ctx *cx, const cull_params *p, cull_rng *r, float *mask)
{
    for (int t = 0; t < cull_params_count(p); t++) {
        const cull_param *q = cull_params_at(p, t);
        int64_t left = cull__mask_count(q, mask), *at;
        if (!cull__mask_takes(q) || left == q->n) continue;
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(CULL_TMP(cx, at, q->n));
        for (int64_t i = 0; i < q->n; i++) at[i] = q->at + i;
        cull__rng_shuffle(r, at, q->n);
        for (int64_t i = 0; i < q->n; i++) mask[at[i]] = i < left;
        cull__release(cx, mark);
    }
    return CULL_OK;
}

/* ---- of a model ---- */

static cull_status no_params(cull_ctx *cx)
{
    return cull__fail(cx, CULL_EINPUT, "a model of shapes only has no weights to prune");
}

cull_status cull_mask_prune(cull_ctx *cx, cull_model *m, const double *rate, bool global)
{
    float *mask;
    if (!m->params) return no_params(cx);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_TMP(cx, mask, cull_params_size(m->params));
    if (s == CULL_OK) {
        cull__mask_copy(m->params, mask);
        s = cull__mask_cut(cx, m->params, cull_params_value(m->params), rate, global, mask);
    }
    if (s == CULL_OK) s = cull_params_mask(m->params, mask);
    if (s == CULL_OK) cull__mask_zero(m->params);
    cull__release(cx, mark);
    return s;
}

bool cull_mask_takes(const cull_model *m, int i)
{
    const cull_param *q = cull_params_at(m->params, i);
    return q && cull__mask_takes(q);
}

int64_t cull_mask_left(const cull_model *m, int i)
{
    int64_t n = 0;
    const float *mask = m->params ? cull__params_mask(m->params) : NULL;
    for (int k = 0; k < cull_params_count(m->params); k++)
        if ((i < 0 || i == k) && cull_mask_takes(m, k))
            n += cull__mask_count(cull_params_at(m->params, k), mask);
    return n;
}

/* ---- files ---- */

static cull_status save(cull_ctx *cx, const cull_model *m, const char *path)
{
    const char *const meta[] = {"format", "pt", "cull.mask", "1", "cull.model", m->text};
    cull__tensor *t;
    float *mask, *spare;
    int64_t count = 0;
    CULL_TRY(CULL_TMP0(cx, t, m->tensors));
    CULL_TRY(CULL_TMP(cx, mask, cull_params_size(m->params)));
    CULL_TRY(CULL_TMP(cx, spare, cull_params_size(m->params)));
    cull__mask_copy(m->params, mask);
    for (int64_t i = 0; i < m->tensors; i++) {
        const cull_param *q = cull_params_at(m->params, (int)i);
        unsigned char *bytes;
        if (!cull__mask_takes(q)) continue;
        CULL_TRY(CULL_TMP(cx, bytes, q->n));
        cull__model_reorder(m->tensor + i, true, mask + q->at, spare);
        for (int64_t k = 0; k < q->n; k++) bytes[k] = spare[k] != 0;
        t[count].name = m->tensor[i].name;
        cull__model_file_shape(m->tensor + i, &t[count].a);
        t[count].a.dtype = CULL_U8;
        t[count++].a.at = bytes;
    }
    return cull__safetensors_write(cx, path, t, count, meta, (int64_t)(sizeof meta / sizeof *meta));
}

cull_status cull_mask_save(cull_ctx *cx, const cull_model *m, const char *path)
{
    if (!m->params) return no_params(cx);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = save(cx, m, path);
    cull__release(cx, mark);
    return s;
}

static cull_status which(cull_ctx *cx, const cull_model *m, const char *path, const char *name,
                         int64_t *out)
{
    const char **names, *near;
    char q[100];
    for (*out = 0; *out < m->tensors; ++*out)
        if (!strcmp(m->tensor[*out].name, name) && cull_mask_takes(m, (int)*out)) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, names, m->tensors));
    int n = 0;
    for (int64_t i = 0; i < m->tensors && n < 2000; i++)
        if (cull_mask_takes(m, (int)i)) names[n++] = m->tensor[i].name;
    near = cull__nearest(name, names, n);
    return cull__fail(cx, CULL_EINPUT,
                      "%s: a mask of '%s', which is no layer's weights in this model%s%s", path,
                      cull__quote(name, strlen(name), q, sizeof q), near ? "; the nearest is " : "",
                      near ? near : "");
}

static cull_status read_one(cull_ctx *cx, const cull_model *m, const char *path,
                            const cull__tensor *from, float *spare, float *mask)
{
    int64_t k;
    cull_array want = {0};
    char has[208], wants[208];
    CULL_TRY(which(cx, m, path, from->name, &k));
    const cull__model_tensor *t = m->tensor + k;
    const cull_param *q = cull_params_at(m->params, (int)k);
    cull__model_file_shape(t, &want);
    if (!from->readable)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: the mask '%.100s' has dtype %s, which cull does not read; U8 is "
                          "right",
                          path, t->name, from->dtype);
    if (from->a.ndim != want.ndim ||
        memcmp(from->a.shape, want.shape, (size_t)want.ndim * sizeof *want.shape))
        return cull__fail(cx, CULL_EINPUT, "%s: the mask '%.100s' is %s, and the model has %s",
                          path, t->name, cull__shape_text(&from->a, has),
                          cull__shape_text(&want, wants));
    cull_array_f32(&from->a, 0, q->n, spare);
    for (int64_t i = 0; i < q->n; i++)
        if (spare[i] != 0 && spare[i] != 1)
            return cull__fail(cx, CULL_EINPUT,
                              "%s: number %" PRId64 " of the mask '%.100s' is %g; it must be 0 or "
                              "1",
                              path, i, t->name, (double)spare[i]);
    cull__model_reorder(t, false, spare, mask + q->at);
    return CULL_OK;
}

static cull_status load(cull_ctx *cx, cull_model *m, const char *path, const cull__bytes *file)
{
    cull__tensor *t;
    const char **meta;
    float *mask, *spare;
    int64_t n, metas;
    CULL_TRY(cull__safetensors_all(cx, path, file->at, file->n, &t, &n, &meta, &metas));
    CULL_TRY(CULL_TMP(cx, mask, cull_params_size(m->params)));
    CULL_TRY(CULL_TMP(cx, spare, cull_params_size(m->params)));
    for (int64_t i = 0; i < cull_params_size(m->params); i++) mask[i] = 1;
    for (int64_t i = 0; i < n; i++) CULL_TRY(read_one(cx, m, path, t + i, spare, mask));
    if (!n) return cull__fail(cx, CULL_EINPUT, "%s: there is no mask in it", path);
    CULL_TRY(cull_params_mask(m->params, mask));
    cull__mask_zero(m->params);
    return CULL_OK;
}

cull_status cull_mask_load(cull_ctx *cx, cull_model *m, const char *path)
{
    cull__bytes file;
    if (!m->params) return no_params(cx);
    CULL_TRY(cull__model_file_open(cx, path, &file));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = load(cx, m, path, &file);
    cull__release(cx, mark);
    cull__bytes_close(&file);
    return s;
}

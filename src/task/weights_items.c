/* weights_items.c - the tensors of a result, and what of each source they are made of: see weights.h. */
#include "cull/checkpoint_look.h"
#include "task/weights.h"

#include <inttypes.h>
#include <string.h>

/* ---- dtypes ---- */
static const struct {
    const char *name;
    int size;
} dtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

/* Bytes of a number of a floating dtype; 0 = it is none. */
static int size_of(const char *dtype)
{
    for (int i = 0; i < DTYPES; i++)
        if (!strcmp(dtype, dtypes[i].name)) return dtypes[i].size;
    return 0;
}

static cull_status check_dtype(cull_ctx *cx, const char *dtype)
{
    const char *names[DTYPES];
    if (!dtype || size_of(dtype)) return CULL_OK;
    for (int i = 0; i < DTYPES; i++) names[i] = dtypes[i].name;
    const char *near = cull__nearest(dtype, names, DTYPES);
    return cull__fail(cx, CULL_EOPTION,
                      "dtype '%s' is none of F64, F32, F16, BF16, F8_E4M3, F8_E5M2%s%s", dtype,
                      near ? "; did you mean " : "", near ? near : "");
}

/* ---- items ---- */
static cull_status resolve(cull_ctx *cx, cull__weights_job *j, cull_weights_item *it)
{
    const void **opts;
    CULL_TRY(CULL_TMP(cx, opts, j->w.sources));
    for (int s = 0; s < j->w.sources; s++)
        CULL_TRY(cull__rules_opts(cx, j->rules, &it->t, s - j->w.first, &opts[s]));
    it->opts = opts;
    return CULL_OK;
}

/* With common rows a tensor becomes as short as the shortest. */
static void shorten(const cull__weights_job *j, cull_weights_item *it)
{
    cull_tensor *t = &it->t;
    for (int s = 1; s < j->w.sources; s++) {
        if (it->at[s] < 0 || it->copy || !t->ndim) continue;
        int64_t rows = cull_checkpoint_at(j->w.source[s], it->at[s])->shape[0];
        if (rows >= t->shape[0]) continue;
        t->n = t->n / t->shape[0] * rows;
        t->shape[0] = rows;
    }
}

/* pair: of each source the tensors that are those of the first one (NULL = none is). */
static cull_status first_item(cull_ctx *cx, cull__weights_job *j, int64_t *const *pair, int64_t i)
{
    cull_weights_item *it = &j->w.item[i];
    int64_t *at;
    *it = (cull_weights_item){.t = *cull_checkpoint_at(j->w.source[0], i), .from = i};
    it->copy = cull_checkpoint_fixed(&it->t);
    CULL_TRY(CULL_TMP(cx, at, j->w.sources));
    it->at = at;
    for (int s = 0; s < j->w.sources; s++) at[s] = s == 0 ? i : pair[s] ? pair[s][i] : -1;
    shorten(j, it);
    return resolve(cx, j, it);
}

static cull_status first_items(cull_ctx *cx, cull__weights_job *j)
{
    const cull_weights_problem *p = j->w.problem;
    int64_t **pair;
    bool pairs = j->w.sources > 1 && !(j->fns->needs & CULL_WEIGHTS_OWN_NAMES);
    bool renames = pairs || (j->fns->needs & CULL_WEIGHTS_RENAMES);
    if ((!pairs && p->ties) || (!renames && p->renames))
        return cull__fail(cx, CULL_EOPTION,
                          "%s pairs no tensors of several checkpoints: there is nothing to rename "
                          "or tie",
                          j->m->slug);
    CULL_TRY(CULL_TMP0(cx, pair, j->w.sources));
    if (pairs) CULL_TRY(cull__weights_pair(cx, &j->w, pair));
    char buf[128];
    const char *network = cull_checkpoint_network(cx, j->w.source[0], buf);
    for (int64_t i = 0; i < j->w.items; i++) {
        CULL_TRY(first_item(cx, j, pair, i));
        cull_weights_item *it = j->w.item + i;
        it->turned = it->t.ndim == 2 && cull_checkpoint_conv1d(network, it->t.name);
    }
    return CULL_OK;
}

/* Tensors of models that nothing was made of. */
static void tell_extra(cull_ctx *cx, const cull__weights_job *j)
{
    for (int s = 1; s < j->w.sources; s++) {
        int64_t used = 0, all = cull_checkpoint_count(j->w.source[s]);
        for (int64_t i = 0; i < j->w.items; i++) used += j->w.item[i].at[s] >= 0;
        if (used < all)
            cull__log(cx, CULL_LOG_WARN, "%s: %" PRId64 " tensors that %s has not are left out",
                      cull_checkpoint_path(j->w.source[s]), all - used,
                      cull_checkpoint_path(j->w.source[0]));
    }
}

cull_status cull__weights_items(cull_ctx *cx, cull__weights_job *j)
{
    const cull_weights_problem *p = j->w.problem;
    CULL_TRY(check_dtype(cx, p->dtype));
    j->w.items = j->cap = cull_checkpoint_count(j->w.source[0]);
    CULL_TRY(CULL_ALLOC(cx, j->w.item, j->cap + 1));
    CULL_TRY(first_items(cx, j));
    CULL_TRY(cull__rules_used(cx, j->rules));
    if (!(j->fns->needs & CULL_WEIGHTS_OWN_NAMES) && !j->w.planning) tell_extra(cx, j);
    CULL_TRY(cull__weights_words(cx, &j->w));
    for (int64_t i = 0; i < j->w.items; i++)
        if (p->dtype && !j->w.item[i].copy) j->w.item[i].t.dtype = p->dtype;
    if (j->fns->items) CULL_TRY(j->fns->items(cx, &j->w));
    for (int64_t i = 0; i < j->w.items; i++) {
        cull_tensor *t = &j->w.item[i].t;
        t->floating = size_of(t->dtype) > 0;
        if (t->floating) t->bytes = (uint64_t)t->n * (uint64_t)size_of(t->dtype);
        if (!j->w.item[i].opts) CULL_TRY(resolve(cx, j, &j->w.item[i]));
    }
    return CULL_OK;
}

cull_status cull_weights_add(cull_ctx *cx, cull_weights_work *w, const cull_weights_item *it)
{
    cull__weights_job *j = (cull__weights_job *)w; /* its first member */
    CULL_TRY(CULL_GROW(cx, w->item, &j->cap, w->items + 1));
    cull_weights_item *own = &w->item[w->items];
    *own = *it;
    CULL_TRY(cull__keep_text(cx, &own->t.name));
    CULL_TRY(cull__keep_text(cx, &own->t.dtype));
    own->t.n = 1;
    for (int i = 0; i < own->t.ndim; i++) own->t.n *= own->t.shape[i];
    w->items++;
    return CULL_OK;
}

void cull_weights_drop(cull_weights_work *w, int64_t i)
{
    memmove(w->item + i, w->item + i + 1, (size_t)(--w->items - i) * sizeof *w->item);
}

/* ---- reading ---- */
cull_status cull_weights_read(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                              int s, int64_t from, int64_t n, float *out)
{
    const cull_checkpoint *ck = w->source[s];
    if (w->problem->allow_nan) return cull_checkpoint_read(cx, ck, it->at[s], from, n, out);
    return cull_checkpoint_read_sound(cx, ck, it->at[s], from, n, out);
}

/* weights_given.c - checkpoints that a method of task weights is given, held against one another and against where the
 * result goes. */
#include "task/weights.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

cull_status cull__weights_apart(cull_ctx *cx, const cull_weights_problem *p, const char *out)
{
    if (p->base) CULL_TRY(cull_checkpoint_apart(cx, p->base, out));
    if (p->activations) CULL_TRY(cull_checkpoint_apart(cx, p->activations, out));
    for (int i = 0; i < p->models; i++) CULL_TRY(cull_checkpoint_apart(cx, p->model[i], out));
    return CULL_OK;
}

cull_status cull__weights_same(cull_ctx *cx, const cull_checkpoint *a, int64_t i,
                               const cull_checkpoint *b, int64_t k, bool *same)
{
    const cull_tensor *t = cull_checkpoint_at(a, i), *o = cull_checkpoint_at(b, k);
    const void *x = cull_checkpoint_bytes(a, i), *y = cull_checkpoint_bytes(b, k);
    unsigned char *one, *two;
    *same = t->bytes == o->bytes && t->n == o->n && !strcmp(t->dtype, o->dtype);
    if (!*same || !t->n) return CULL_OK;
    if (x && y) {
        *same = !memcmp(x, y, t->bytes);
        return CULL_OK;
    }
    int64_t size = (int64_t)t->bytes / t->n;
    CULL_TRY(CULL_TMP(cx, one, CULL_WEIGHTS_BLOCK * size));
    CULL_TRY(CULL_TMP(cx, two, CULL_WEIGHTS_BLOCK * size));
    for (int64_t from = 0, n; *same && from < t->n; from += n) {
        n = t->n - from < CULL_WEIGHTS_BLOCK ? t->n - from : CULL_WEIGHTS_BLOCK;
        CULL_TRY(cull_checkpoint_raw(cx, a, i, from, n, one));
        CULL_TRY(cull_checkpoint_raw(cx, b, k, from, n, two));
        *same = !memcmp(one, two, (size_t)(n * size));
    }
    return CULL_OK;
}

cull_status cull__weights_pair(cull_ctx *cx, const cull_weights_work *w, int64_t **pair)
{
    const cull_weights_problem *p = w->problem;
    cull_checkpoint_pair_opts o = {.size = sizeof o,
                                   .rename = p->rename,
                                   .tie = p->tied,
                                   .renames = p->renames,
                                   .ties = p->ties,
                                   .extra = true,
                                   .rows = p->common_rows,
                                   .buffers = true};
    CULL_TRY(CULL_TMP0(cx, o.used, o.renames + o.ties));
    for (int s = 1; s < w->sources; s++) {
        CULL_TRY(CULL_TMP(cx, pair[s], w->items));
        CULL_TRY(cull_checkpoint_pair(cx, w->source[0], w->source[s], &o, pair[s]));
    }
    return cull_checkpoint_pair_used(cx, &o, w->source, w->sources);
}

/* Both have bytes in the file: what cull cannot read is not packed. */
static cull_status unknown(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it)
{
    const cull_checkpoint *first = w->source[0];
    const cull_tensor *t = cull_checkpoint_at(first, it->from);
    bool others = false;
    for (int s = 1; s < w->sources; s++) {
        bool same;
        if (it->at[s] < 0) continue;
        others = true;
        CULL_TRY(cull__weights_same(cx, first, it->from, w->source[s], it->at[s], &same));
        cull_checkpoint_done(w->source[s], it->at[s]);
        if (same) continue;
        return cull__fail(
            cx, CULL_EINPUT,
            "tensor '%.100s' is %.20s, which cannot be merged, and %s and %s have not "
            "the same; convert it to F32, or give all models one copy of it",
            t->name, t->dtype, cull_checkpoint_path(first), cull_checkpoint_path(w->source[s]));
    }
    if (others)
        cull__log(cx, CULL_LOG_WARN,
                  "'%s' is %s, which cannot be merged; it is the same in all models, and copied",
                  t->name, t->dtype);
    return CULL_OK;
}

cull_status cull__weights_unknown(cull_ctx *cx, const cull_weights_work *w)
{
    for (int64_t i = 0; w->sources > 1 && i < w->items; i++) {
        const cull_weights_item *it = &w->item[i];
        if (!it->copy || it->from < 0 || !it->at) continue;
        if (cull_checkpoint_at(w->source[0], it->from)->numeric) continue;
        CULL_TRY(unknown(cx, w, it));
    }
    return CULL_OK;
}

/* How quantized numbers and what they are to be multiplied with are called beside one another: compressed-tensors,
 * Hugging Face's and DeepSeek's FP8, bitsandbytes, GPTQ and AWQ. */
static const struct {
    const char *numbers, *scale;
} quantized[] = {{"", "_scale_inv"},  {"", "_scale"},          {"", ".absmax"},
                 {".weight", ".SCB"}, {".qweight", ".scales"}, {".weight_packed", ".weight_scale"}};

/* The tensor of ck that is called as `name` but for another end; NULL = there is none. */
static cull_status other_end(cull_ctx *cx, const cull_checkpoint *ck, const char *name,
                             const char *end, const char *other, const char **out)
{
    size_t room = strlen(name) + strlen(other) + 1;
    char *text;
    *out = NULL;
    if (!cull__ends(name, end)) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, text, (int64_t)room));
    snprintf(text, room, "%.*s%s", (int)(strlen(name) - strlen(end)), name, other);
    int64_t i = cull_checkpoint_find(ck, text, NULL);
    if (i >= 0) *out = cull_checkpoint_at(ck, i)->name;
    return CULL_OK;
}

static cull_status refuse_quantized(cull_ctx *cx, const cull_checkpoint *ck, const char *name)
{
    const char *scale = NULL, *numbers = NULL;
    for (size_t k = 0; k < sizeof quantized / sizeof *quantized && !scale && !numbers; k++) {
        CULL_TRY(other_end(cx, ck, name, quantized[k].numbers, quantized[k].scale, &scale));
        CULL_TRY(other_end(cx, ck, name, quantized[k].scale, quantized[k].numbers, &numbers));
    }
    if (!scale && !numbers) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s: '%.120s' is quantized and '%.120s' scales it; computing with one alone "
                      "would be wrong: give the checkpoint with its weights in full, BF16 say",
                      cull_checkpoint_path(ck), numbers ? numbers : name, scale ? scale : name);
}

cull_status cull__weights_quantized(cull_ctx *cx, const cull_weights_work *w)
{
    for (int64_t i = 0; i < w->items; i++) {
        const cull_weights_item *it = &w->item[i];
        if (it->from < 0) continue;
        const cull_tensor *t = cull_checkpoint_at(w->source[0], it->from);
        if (it->copy && !strcmp(t->dtype, it->t.dtype)) continue;
        for (int s = 0; s < w->sources; s++) {
            int64_t at = it->at ? it->at[s] : s ? -1 : it->from;
            if (at < 0) continue;
            cull__mark_t mark = cull__mark(cx);
            cull_status status =
                refuse_quantized(cx, w->source[s], cull_checkpoint_at(w->source[s], at)->name);
            cull__release(cx, mark);
            CULL_TRY(status);
        }
    }
    return CULL_OK;
}

cull_status cull__weights_words(cull_ctx *cx, cull_weights_work *w)
{
    const cull_checkpoint *ck = w->source[0];
    for (int64_t i = 0; w->problem->common_rows && i < w->items && !w->config; i++) {
        const cull_tensor *t = &w->item[i].t;
        if (!t->ndim || t->shape[0] == cull_checkpoint_at(ck, i)->shape[0]) continue;
        CULL_TRY(cull_checkpoint_config_rows(cx, ck, i, t->shape[0], &w->config));
    }
    return CULL_OK;
}

/* ---- numbers that are not finite ---- */

static cull_status finite_block(cull_ctx *cx, const cull_checkpoint *ck, int64_t i, int64_t from,
                                int64_t n, float *x)
{
    CULL_TRY(cull_checkpoint_read(cx, ck, i, from, n, x));
    for (int64_t k = 0; k < n; k++)
        if (!isfinite(x[k]))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: number %" PRId64 " of tensor '%s' is infinite, and so no sum "
                              "over the tensor is a number (--allow-nan?)",
                              cull_checkpoint_path(ck), from + k, cull_checkpoint_at(ck, i)->name);
    return CULL_OK;
}

cull_status cull_weights_finite(cull_ctx *cx, const cull_weights_work *w,
                                const cull_weights_item *it, int s)
{
    const cull_checkpoint *ck = w->source[s];
    float *x;
    if (w->problem->allow_nan) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    cull_status status = CULL_TMP(cx, x, CULL_WEIGHTS_BLOCK);
    for (int64_t from = 0; status == CULL_OK && from < it->t.n; from += CULL_WEIGHTS_BLOCK) {
        int64_t left = it->t.n - from, n = left < CULL_WEIGHTS_BLOCK ? left : CULL_WEIGHTS_BLOCK;
        status = finite_block(cx, ck, it->at[s], from, n, x);
    }
    cull__release(cx, mark);
    return status;
}

cull_status cull__weights_made(cull_ctx *cx, const cull_weights_work *w,
                               const cull_weights_item *it, int64_t from, const float *x, int64_t n)
{
    int64_t at = 0;
    unsigned any = 0; /* no bool, which compilers take one number at a time */
    if (w->problem->allow_nan || !it->t.floating) return CULL_OK;
    for (int64_t i = 0; i < n; i++) any |= (unsigned)(x[i] != x[i]);
    if (!any) return CULL_OK;
    while (x[at] == x[at]) at++;
    return cull__fail(cx, CULL_EINPUT,
                      "number %" PRId64 " of '%.160s' would become NaN: what it is made of is not "
                      "finite (--allow-nan?)",
                      from + at, it->t.name);
}

/* surgery_text.c - the description of a network some of whose channels are cut: its layers one by one. */
#include "nn/surgery.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef cull__model_layer layer;
typedef struct {
    cull_ctx *cx;
    const cull_surgery *s;
    const cull_model *m;
    const bool *keep;
    const char **name; /* of each layer in the new text; "" = none */
    bool outputs;      /* the text says how many there are */
    int before;        /* the layer of the line above */
} writing;

static bool is(const layer *l, const char *op) { return !strcmp(l->op->name, op); }

/* A layer that hands its input on is left out, unless the model ends with it. */
static bool written(const cull_model *m, int i)
{
    return i > 0 && (!m->layer[i].alias || i == m->layers - 1);
}

static cull_status say(writing *w, const char **out, const char *fmt, double v)
{
    char number[32], text[64], *copy;
    size_t n = (size_t)snprintf(text, sizeof text, fmt, cull__format_f64(v, number)) + 1;
    CULL_TRY(CULL_TMP(w->cx, copy, (int64_t)n));
    memcpy(copy, text, n);
    *out = copy;
    return CULL_OK;
}

/* ---- names: every layer that is read from afar has one, and so has the end of a block ---- */

static bool taken(const writing *w, const char *name)
{
    for (int64_t i = 0; i < w->m->entries; i++)
        if (!strcmp(w->m->entry[i].name, name)) return true;
    return false;
}

static cull_status name_layers(writing *w)
{
    const cull_model *m = w->m;
    bool *read;
    int64_t number = 0;
    CULL_TRY(CULL_TMP(w->cx, w->name, m->layers));
    CULL_TRY(CULL_TMP0(w->cx, read, m->layers));
    for (int64_t i = 0; i < m->layers; i++) w->name[i] = m->layer[i].name;
    for (int64_t e = 0; e < m->entries; e++) { /* inner blocks come after outer ones */
        const cull__model_entry *k = m->entry + e;
        if (k->module && !*m->layer[k->last].name && strlen(k->name) <= CULL__MODEL_NAME &&
            strlen(k->name) >= strlen(w->name[k->last]))
            w->name[k->last] = k->name;
    }
    for (int i = 1, before = 0; i < m->layers; i++) {
        const layer *l = m->layer + i;
        if (!written(m, i)) continue;
        for (int k = 0; k < l->ins; k++) read[l->in[k]] |= l->ins > 1 || l->in[k] != before;
        before = i;
    }
    for (int i = 1; i < m->layers; i++) {
        if (!read[i] || *w->name[i]) continue;
        do CULL_TRY(say(w, &w->name[i], "x%s", (double)++number));
        while (taken(w, w->name[i]));
    }
    return CULL_OK;
}

/* ---- a layer ---- */

/* The value of argument k after the cut. */
static double value_of(const writing *w, int i, int k)
{
    const layer *l = w->m->layer + i;
    const char *what = l->op->arg[k].name;
    if (!strcmp(what, "out")) return (double)cull__surgery_made(w->s, i, w->keep);
    if (!strcmp(what, "groups") && l->arg[k] != 1)
        return (double)(cull__surgery_made(w->s, l->in[0], w->keep) /
                        cull__surgery_read(w->s, i, w->keep));
    if (strcmp(what, "front")) return l->arg[k];
    int64_t n = 0; /* of the padding in front, what stays */
    for (int64_t c = 0; c < (int64_t)l->arg[k]; c++)
        n += !w->keep || w->keep[w->s->unit[w->s->at[i] + c]];
    return (double)n;
}

/* Whether that is what the argument would be, were it not written. */
static bool by_default(const writing *w, int i, int k, double v)
{
    const cull__model_op *op = w->m->layer[i].op;
    const char *other = op->arg[k].other;
    double d;
    if (!other) return false;
    if (*other == '=') {
        for (int j = 0; j < k; j++)
            if (!strcmp(op->arg[j].name, other + 1)) return v == value_of(w, i, j);
        return false;
    }
    if (op->arg[k].kind == CULL__TRUTH) return v == (double)!strcmp(other, "yes");
    if (!strcmp(op->arg[k].name, "front")) { /* half of what is added */
        int64_t out = cull__surgery_made(w->s, i, w->keep);
        int64_t in = cull__surgery_made(w->s, w->m->layer[i].in[0], w->keep);
        return v * 2 == (double)(out - in);
    }
    return cull__parse_f64(other, strlen(other), &d) && d == v;
}

static cull_status write_values(writing *w, int i, cull__model_line *out)
{
    const cull__model_op *op = w->m->layer[i].op;
    bool named = false; /* one before was left out */
    for (int k = 0; k < CULL__MODEL_ARGS && op->arg[k].name; k++) {
        cull__model_arg *a = out->arg + out->args;
        double v = value_of(w, i, k);
        if (by_default(w, i, k, v)) {
            named = true;
            continue;
        }
        *a = (cull__model_arg){.name = named || k > 1 ? op->arg[k].name : NULL};
        named |= k > 1;
        out->args++;
        if (op->arg[k].kind == CULL__TRUTH)
            a->value = v != 0 ? "yes" : "no";
        else if (w->outputs && i == w->m->layers - 1 && !strcmp(op->arg[k].name, "out"))
            a->value = "outputs";
        else
            CULL_TRY(say(w, &a->value, "%s", v));
    }
    return CULL_OK;
}

static cull_status write_layer(writing *w, int i, cull__model_line *out)
{
    const layer *l = w->m->layer + i;
    int ins = l->alias ? 1 : l->ins;
    *out = (cull__model_line){.name = w->name[i], .op = is(l, "residual") ? "add" : l->op->name};
    if (l->alias && is(l, "residual")) { /* the end of the model, which is its first input */
        out->op = l->shape.rank == 1 ? "flatten" : "shortcut";
        if (l->shape.rank == 3)
            CULL_TRY(say(w, &out->arg[out->args++].value, "%s",
                         (double)cull__surgery_made(w->s, i, w->keep)));
    } else {
        CULL_TRY(write_values(w, i, out));
    }
    if (ins > 1 || l->in[0] != w->before)
        for (int k = 0; k < ins; k++) out->in[out->ins++] = l->in[k] ? w->name[l->in[k]] : "input";
    w->before = i;
    return CULL_OK;
}

static cull_status write(writing *w, cull_buf *out)
{
    cull__model_doc *d;
    cull__model_block *all;
    CULL_TRY(CULL_TMP(w->cx, d, 1));
    CULL_TRY(cull__model_parse(w->cx, "the model", w->m->text, strlen(w->m->text), d));
    CULL_TRY(CULL_TMP0(w->cx, all, 1));
    CULL_TRY(CULL_TMP(w->cx, all->at, w->m->layers));
    all->name = "";
    w->outputs = d->outputs > 0 && w->m->layer[w->m->layers - 1].op->named;
    CULL_TRY(name_layers(w));
    for (int i = 1; i < w->m->layers; i++)
        if (written(w->m, i)) CULL_TRY(write_layer(w, i, all->at + all->lines++));
    d->lets = 0;
    d->block = all;
    d->blocks = 1;
    cull__model_write(d, out);
    return out->status;
}

cull_status cull__surgery_text(cull_ctx *cx, const cull_surgery *s, const bool *keep, cull_buf *out)
{
    writing w = {.cx = cx, .s = s, .m = s->m, .keep = keep};
    return write(&w, out);
}

/* model_build.c - from a description to layers: blocks are put in place, values computed, shapes checked. */
#include "nn/model.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef cull__model_layer layer;
enum { REPEATS = 1000, FROM = 1000000, PATH = 512 };

typedef struct {
    cull_model *m;
    const cull__model_doc *d;
    cull__model_name *global; /* outputs and lets */
    int globals, depth;
} building;

/* A block being put in place. */
typedef struct {
    const cull__model_block *block;
    const char *prefix; /* "layer1.0." or "" */
    int input, now;     /* layers: what it was given, and the last one so far */
    int last_block;     /* blocks defined before this one may be used */
    cull__model_name param[CULL__MODEL_ARGS + 1]; /* the last: `in` */
    int params;
} place;

#define WRONG(b, p, l, ...) cull__model_wrong((b)->d, (p)->block->name, (l)->line, __VA_ARGS__)

/* ---- names ---- */

static cull__model_entry *entry_of(cull_model *m, const char *name)
{
    uint64_t h = cull__hash64(name, strlen(name), 0);
    for (int64_t i = m->entries; i-- > 0;)
        if (m->entry[i].hash == h && !strcmp(m->entry[i].name, name)) return m->entry + i;
    return NULL;
}

static cull_status enter(cull_model *m, const char *name, int first, bool module)
{
    CULL_TRY(CULL_GROW(m->cx, m->entry, &m->entry_room, m->entries + 1));
    cull__model_entry *e = m->entry + m->entries;
    *e = (cull__model_entry){.hash = cull__hash64(name, strlen(name), 0),
                             .first = first,
                             .last = first,
                             .module = module};
    CULL_TRY(cull__copy_text(m->cx, name, strlen(name), &e->name));
    m->entries++;
    return CULL_OK;
}

/* "prefix" and "name", within PATH. */
static cull_status path_of(building *b, const place *p, const cull__model_line *l, const char *name,
                           char out[PATH])
{
    int n = snprintf(out, PATH, "%s%s", p->prefix, name);
    return n < PATH ? CULL_OK
                    : WRONG(b, p, l, "the name '%.60s...' has more than %d bytes", out, PATH - 1);
}

static cull_status input_unknown(building *b, const place *p, const cull__model_line *l,
                                 const char *name)
{
    const char *before[256], *near;
    int n = 0;
    before[n++] = "input";
    for (int i = 0; i < p->block->lines; i++) {
        const cull__model_line *k = p->block->at + i;
        if (k < l && n < 256 && *k->name) before[n++] = k->name;
        if (k < l || strcmp(k->name, name)) continue;
        if (k == l) return WRONG(b, p, l, "'%s' reads itself; it may read layers before it", name);
        return WRONG(b, p, l, "'%s' is read before it is made, %s %d; move it up", name,
                     b->d->json ? "by layer" : "on line", k->line);
    }
    near = cull__nearest(name, before, n);
    if (near) return WRONG(b, p, l, "no layer '%s' comes before; did you mean '%s'?", name, near);
    return WRONG(b, p, l, "no layer '%s' comes before; an input is a layer above, or 'input'",
                 name);
}

static cull_status input_of(building *b, const place *p, const cull__model_line *l,
                            const char *name, int *out)
{
    char path[PATH];
    *out = p->input;
    if (!strcmp(name, "input")) return CULL_OK;
    CULL_TRY(path_of(b, p, l, name, path));
    const cull__model_entry *e = entry_of(b->m, path);
    if (!e) return input_unknown(b, p, l, name);
    *out = e->last;
    return CULL_OK;
}

/* Of a layer that hands its input on, that input. */
static int read_of(const cull_model *m, int i) { return m->layer[i].alias ? m->layer[i].in[0] : i; }

/* ---- values ---- */

/* "conv(out, size, stride=1)", of an operation or of a block. */
static void signature(const char *name, const cull__model_op *op, const cull__model_block *k,
                      char *out, size_t room)
{
    size_t n = (size_t)snprintf(out, room, "%s(", name);
    int count = k ? k->params : CULL__MODEL_ARGS;
    for (int i = 0; i < count && n < room; i++) {
        const char *arg = k ? k->param[i].name : op->arg[i].name;
        const char *other = k ? k->param[i].value : op->arg[i].other;
        if (!arg) break;
        if (other && *other == '=') other++;
        n += (size_t)snprintf(out + n, room - n, "%s%s%s%s", i ? ", " : "", arg, other ? "=" : "",
                              other ? other : "");
    }
    if (n < room) snprintf(out + n, room - n, ")");
}

/* Which value an argument is. */
static cull_status arg_place(building *b, const place *p, const cull__model_line *l, int i,
                             const char *const *names, int count, const char *form, int *out)
{
    const cull__model_arg *a = l->arg + i;
    if (!a->name && i < count) return *out = i, CULL_OK;
    if (!a->name)
        return WRONG(b, p, l, "%s takes %d value%s: %s", l->op, count, count == 1 ? "" : "s", form);
    for (int k = 0; k < count; k++)
        if (!strcmp(names[k], a->name)) return *out = k, CULL_OK;
    const char *near = cull__nearest(a->name, names, count);
    if (near)
        return WRONG(b, p, l, "%s has no value '%s'; did you mean '%s'?", l->op, a->name, near);
    return WRONG(b, p, l, "%s has no value '%s': %s", l->op, a->name, form);
}

static cull_status evaluate(building *b, const place *p, const cull__model_line *l,
                            const char *what, const char *text, int64_t turn, double *out)
{
    char why[160];
    const cull__model_scope c = {.name = p->param,
                                 .names = p->params,
                                 .global = b->global,
                                 .globals = b->globals,
                                 .turn = turn};
    if (cull__model_value(text, &c, out, why)) return CULL_OK;
    return WRONG(b, p, l, "%s of %s: %s", what, l->op, why);
}

/* The values of a line by place: text or, where none is given, NULL. */
static cull_status places_of(building *b, const place *p, const cull__model_line *l,
                             const char *const *names, const char *const *others, int count,
                             const char *form, const char **text)
{
    for (int i = 0; i < l->args; i++) {
        int at = 0;
        CULL_TRY(arg_place(b, p, l, i, names, count, form, &at));
        if (text[at]) return WRONG(b, p, l, "%s of %s is given twice", names[at], l->op);
        text[at] = l->arg[i].value;
    }
    for (int i = 0; i < count; i++)
        if (!text[i] && !others[i]) return WRONG(b, p, l, "%s wants %s: %s", l->op, names[i], form);
    return CULL_OK;
}

static cull_status check_value(building *b, const place *p, const cull__model_line *l,
                               const cull__model_op *op, int i, double v)
{
    char at[32], lo[32], hi[32];
    int kind = op->arg[i].kind;
    cull__format_f64(v, at);
    if (kind == CULL__WHOLE && v != floor(v))
        return WRONG(b, p, l, "%s=%s of %s is no whole number", op->arg[i].name, at, l->op);
    if (kind == CULL__TRUTH && v != 0 && v != 1)
        return WRONG(b, p, l, "%s of %s is yes or no, not %s", op->arg[i].name, l->op, at);
    if (v >= op->arg[i].lo && v <= op->arg[i].hi) return CULL_OK;
    return WRONG(b, p, l, "%s=%s of %s is outside %s to %s", op->arg[i].name, at, l->op,
                 cull__format_f64(op->arg[i].lo, lo), cull__format_f64(op->arg[i].hi, hi));
}

static cull_status op_values(building *b, const place *p, const cull__model_line *l,
                             const cull__model_op *op, int64_t turn, double *out)
{
    const char *names[CULL__MODEL_ARGS], *others[CULL__MODEL_ARGS];
    const char *text[CULL__MODEL_ARGS] = {0};
    char form[300];
    int n = 0;
    for (; n < CULL__MODEL_ARGS && op->arg[n].name; n++) {
        names[n] = op->arg[n].name;
        others[n] = op->arg[n].other;
    }
    signature(op->name, op, NULL, form, sizeof form);
    CULL_TRY(places_of(b, p, l, names, others, n, form, text));
    for (int i = 0; i < n; i++) {
        if (!text[i] && *others[i] == '=') { /* that of another, before it */
            for (int k = 0; k < i; k++)
                if (!strcmp(names[k], others[i] + 1)) out[i] = out[k];
            continue;
        }
        CULL_TRY(evaluate(b, p, l, names[i], text[i] ? text[i] : others[i], turn, out + i));
        CULL_TRY(check_value(b, p, l, op, i, out[i]));
    }
    return CULL_OK;
}

static cull_status block_values(building *b, const place *p, const cull__model_line *l,
                                const cull__model_block *k, int64_t turn, place *into)
{
    const char *names[CULL__MODEL_ARGS], *others[CULL__MODEL_ARGS];
    const char *text[CULL__MODEL_ARGS] = {0};
    char form[300];
    for (int i = 0; i < k->params; i++) {
        names[i] = k->param[i].name;
        others[i] = k->param[i].value;
    }
    signature(k->name, NULL, k, form, sizeof form);
    CULL_TRY(places_of(b, p, l, names, others, k->params, form, text));
    for (int i = 0; i < k->params; i++) {
        const place *where = text[i] ? p : into; /* a default knows the parameters before it */
        double v = 0;
        CULL_TRY(evaluate(b, where, l, names[i], text[i] ? text[i] : others[i], turn, &v));
        into->param[into->params++] = (cull__model_name){names[i], v};
    }
    return CULL_OK;
}

static void know_channels(const cull_model *m, place *p, int input)
{
    const cull__model_shape *s = &m->layer[input].shape;
    p->param[p->params] = (cull__model_name){"in", (double)s->dim[s->rank - 1]};
}

/* ---- layers ---- */

cull_status cull__model_param(cull_model *m, layer *l, int at, const char *suffix, int rank,
                              const int64_t *dim, cull_init init, int64_t fan_in, unsigned flags,
                              cull__model_order order)
{
    char name[PATH + 32];
    double n = 1;
    snprintf(name, sizeof name, "%s.%s", l->name, suffix);
    for (int i = 0; i < rank; i++) n *= (double)dim[i];
    if (n > 0x1p40)
        return cull__fail(m->cx, CULL_EINPUT, "%s has %.3g numbers, more than 2^40", name, n);
    CULL_TRY(CULL_GROW(m->cx, m->tensor, &m->tensor_room, m->tensors + 1));
    cull__model_tensor *t = m->tensor + m->tensors;
    *t = (cull__model_tensor){.rank = rank, .order = order};
    memcpy(t->dim, dim, (size_t)rank * sizeof *dim);
    CULL_TRY(cull__copy_text(m->cx, name, strlen(name), &t->name));
    m->tensors++;
    *(flags & CULL_PARAM_STATE ? &l->state : &l->params) += (int64_t)n;
    if (m->shapes_only) return CULL_OK;
    return cull_params_add(m->params, name, rank, dim, init, 0, fan_in, flags, &l->param[at]);
}

static cull_status op_inputs(building *b, const place *p, const cull__model_line *l,
                             const cull__model_op *op, layer *y)
{
    for (int i = 0; i < l->ins; i++) CULL_TRY(input_of(b, p, l, l->in[i], &y->in[i]));
    y->ins = l->ins;
    if (!y->ins) y->in[y->ins++] = p->now;
    for (int i = 0; i < y->ins; i++) y->in[i] = read_of(b->m, y->in[i]);
    if (y->ins >= op->least && y->ins <= op->most) return CULL_OK;
    if (op->least == op->most)
        return WRONG(b, p, l, "%s reads %d layer%s, not %d", l->op, op->least,
                     op->least == 1 ? "" : "s", y->ins);
    return WRONG(b, p, l, "%s reads %d to %d layers, not %d: name them after it", l->op, op->least,
                 op->most, y->ins);
}

static cull_status op_layer(building *b, place *p, const cull__model_line *l,
                            const cull__model_op *op, const char *name, int64_t turn)
{
    cull_model *m = b->m;
    const cull__model_shape *in[CULL__MODEL_INS];
    char why[240] = "", path[PATH];
    layer y = {.op = op, .line = l->line, .name = "", .param = {-1, -1, -1, -1}};
    if (m->layers == CULL__MODEL_LAYERS)
        return WRONG(b, p, l, "there are more than %d layers", CULL__MODEL_LAYERS);
    if (op->named && !*name)
        return WRONG(b, p, l, "%s has parameters, and wants a name: NAME = %s(...)", l->op, l->op);
    CULL_TRY(op_inputs(b, p, l, op, &y));
    know_channels(m, p, y.in[0]);
    p->params++;
    cull_status s = op_values(b, p, l, op, turn, y.arg);
    p->params--;
    CULL_TRY(s);
    for (int i = 0; i < y.ins; i++) in[i] = &m->layer[y.in[i]].shape;
    if (!op->shape(&y, in, why))
        return WRONG(b, p, l, "%s%s%s: %s", l->op, *name ? " " : "", name, why);
    CULL_TRY(CULL_GROW(m->cx, m->layer, &m->layer_room, m->layers + 1));
    if (*name) {
        CULL_TRY(path_of(b, p, l, name, path));
        CULL_TRY(enter(m, path, (int)m->layers, false));
        y.name = m->entry[m->entries - 1].name;
    }
    const cull__model_shape from = m->layer[y.in[0]].shape;
    if (op->params) CULL_TRY(op->params(m, &y, &from));
    if (y.view) m->layer[y.in[0]].viewed = true;
    p->now = (int)m->layers;
    m->layer[m->layers++] = y;
    return CULL_OK;
}

static cull_status fill(building *b, place *p);

static cull_status block_layer(building *b, place *p, const cull__model_line *l,
                               const cull__model_block *k, const char *name, int64_t turn)
{
    char prefix[PATH];
    place inner = {.block = k, .prefix = prefix, .last_block = (int)(k - b->d->block)};
    if (!*name) return WRONG(b, p, l, "block %s wants a name: NAME = %s(...)", k->name, k->name);
    if (l->ins > 1) return WRONG(b, p, l, "block %s reads one layer, not %d", k->name, l->ins);
    if (b->depth == CULL__MODEL_DEPTH)
        return WRONG(b, p, l, "blocks are more than %d deep in one another", CULL__MODEL_DEPTH);
    inner.input = p->now;
    if (l->ins) CULL_TRY(input_of(b, p, l, l->in[0], &inner.input));
    inner.now = inner.input;
    know_channels(b->m, p, inner.input);
    p->params++;
    cull_status s = block_values(b, p, l, k, turn, &inner);
    p->params--;
    CULL_TRY(s);
    CULL_TRY(path_of(b, p, l, name, prefix));
    int64_t e = b->m->entries;
    CULL_TRY(enter(b->m, prefix, (int)b->m->layers, true));
    char full[PATH + 1];
    snprintf(full, sizeof full, "%s.", prefix);
    inner.prefix = full;
    b->depth++;
    s = fill(b, &inner);
    b->depth--;
    b->m->entry[e].last = inner.now;
    p->now = inner.now;
    return s;
}

static cull_status unknown_op(building *b, const place *p, const cull__model_line *l)
{
    const char *known[256], *near;
    int n = 0;
    for (int i = p->last_block; i < b->d->blocks; i++)
        if (!strcmp(b->d->block[i].name, l->op))
            return i == p->last_block && *p->block->name
                       ? WRONG(b, p, l, "block %s holds itself", l->op)
                       : WRONG(b, p, l, "block %s is used before it is defined, on line %d", l->op,
                               b->d->block[i].line);
    for (int i = 0; i < p->last_block && n < 128; i++) known[n++] = b->d->block[i].name;
    for (int i = 0; cull__model_op_at(i) && n < 256; i++) known[n++] = cull__model_op_at(i)->name;
    near = cull__nearest(l->op, known, n);
    if (near) return WRONG(b, p, l, "no operation '%s'; did you mean '%s'?", l->op, near);
    return WRONG(b, p, l, "no operation '%s'; docs/model.md lists them", l->op);
}

static cull_status one(building *b, place *p, const cull__model_line *l, const char *name,
                       int64_t turn)
{
    const cull__model_op *op = cull__model_op_find(l->op);
    char path[PATH];
    CULL_TRY(path_of(b, p, l, name, path));
    if (*name && entry_of(b->m, path))
        return WRONG(b, p, l, "there is a layer '%s' already; a name is given once", path);
    if (op) return op_layer(b, p, l, op, name, turn);
    for (int i = 0; i < p->last_block; i++)
        if (!strcmp(b->d->block[i].name, l->op))
            return block_layer(b, p, l, b->d->block + i, name, turn);
    return unknown_op(b, p, l);
}

/* ---- repeats ---- */

static cull_status count_of(building *b, place *p, const cull__model_line *l, const char *what,
                            const char *text, double lo, double hi, int64_t *out)
{
    double v;
    char at[32];
    know_channels(b->m, p, p->now);
    p->params++;
    cull_status s = evaluate(b, p, l, what, text, 0, &v);
    p->params--;
    CULL_TRY(s);
    if (v != floor(v) || v < lo || v > hi)
        return WRONG(b, p, l, "%s %s of %s is no whole number from %g to %g", what,
                     cull__format_f64(v, at), l->op, lo, hi);
    *out = (int64_t)v;
    return CULL_OK;
}

/* NAME, all of them together; several repeats may go on with one name. */
static cull_status group(building *b, place *p, const cull__model_line *l, int first)
{
    char path[PATH];
    CULL_TRY(path_of(b, p, l, l->name, path));
    cull__model_entry *e = entry_of(b->m, path);
    if (!e) {
        CULL_TRY(enter(b->m, path, first, true));
        e = b->m->entry + b->m->entries - 1;
    }
    e->last = p->now;
    return CULL_OK;
}

static cull_status repeat(building *b, place *p, const cull__model_line *l)
{
    int64_t count = 0, from = 0;
    int first = (int)b->m->layers;
    cull__model_line rest = *l;
    char path[PATH], name[PATH];
    CULL_TRY(count_of(b, p, l, "repeat", l->repeat, 1, REPEATS, &count));
    if (l->from) CULL_TRY(count_of(b, p, l, "from", l->from, 0, FROM, &from));
    if (!*l->name) return WRONG(b, p, l, "repeat wants a name: NAME = repeat ... %s", l->op);
    if (l->ins > 1) return WRONG(b, p, l, "repeat goes on from one layer, not from %d", l->ins);
    CULL_TRY(path_of(b, p, l, l->name, path));
    const cull__model_entry *e = entry_of(b->m, path);
    if (e && !e->module)
        return WRONG(b, p, l, "there is a layer '%s' already; a name is given once", path);
    rest.ins = 0;
    for (int64_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s.%" PRId64, l->name, from + i);
        CULL_TRY(one(b, p, i ? &rest : l, name, i));
    }
    return group(b, p, l, first);
}

static cull_status fill(building *b, place *p)
{
    for (int i = 0; i < p->block->lines; i++) {
        const cull__model_line *l = p->block->at + i;
        CULL_TRY(l->repeat ? repeat(b, p, l) : one(b, p, l, l->name, 0));
    }
    return CULL_OK;
}

/* ---- the whole ---- */

static cull_status lets(building *b)
{
    const cull__model_doc *d = b->d;
    CULL_TRY(CULL_TMP(d->cx, b->global, d->lets + 1));
    if (d->outputs) b->global[b->globals++] = (cull__model_name){"outputs", (double)d->outputs};
    for (int i = 0; i < d->lets; i++) {
        const cull__model_scope c = {.global = b->global, .globals = b->globals};
        char why[160];
        double v;
        if (!cull__model_value(d->let[i].value, &c, &v, why))
            return cull__model_wrong(d, "", d->json ? 0 : d->let_line[i], "let %s: %s",
                                     d->let[i].name, why);
        b->global[b->globals++] = (cull__model_name){d->let[i].name, v};
    }
    return CULL_OK;
}

static cull_status scaling(cull_model *m, const cull__model_doc *d)
{
    int64_t c = d->dim[d->rank - 1];
    const char *what = d->means ? "mean" : "std";
    int n = d->means ? d->means : d->stds;
    if (!n) return CULL_OK;
    if (d->means && d->stds && d->means != d->stds)
        return cull__model_wrong(d, "", 0, "mean has %d numbers and std has %d", d->means, d->stds);
    if (n != 1 && n != c)
        return cull__model_wrong(d, "", 0,
                                 "%s has %d numbers; the input has %" PRId64
                                 " channels, and there is one for each, or one for all",
                                 what, n, c);
    m->scaled = n;
    for (int i = 0; i < n; i++) {
        m->mean[i] = d->means ? d->mean[i] : 0;
        m->std[i] = d->stds ? d->std[i] : 1;
    }
    return CULL_OK;
}

/* Which layers the output needs, and how long each is read; a relu joins what it alone reads. */
static cull_status read_by(cull_model *m)
{
    int last = (int)m->layers - 1, *readers;
    CULL_TRY(CULL_TMP0(m->cx, readers, m->layers));
    m->layer[last].live = true;
    for (int i = last; i >= 0; i--) {
        layer *l = m->layer + i;
        if (l->last < i) l->last = i;
        for (int k = 0; l->live && k < l->ins; k++) {
            layer *x = m->layer + l->in[k];
            x->live = true;
            readers[l->in[k]]++;
            if (x->last < i) x->last = i;
        }
    }
    for (int i = 1; i <= last; i++) {
        layer *l = m->layer + i, *x = m->layer + l->in[0];
        if (strcmp(l->op->name, "relu") || !l->live || readers[l->in[0]] != 1 || !x->op ||
            !x->op->joined || (x->ins != 2 && !strcmp(x->op->name, "add")))
            continue;
        l->joins = x->joined = true;
    }
    return CULL_OK;
}

static cull_status output_fits(cull_model *m, const cull__model_doc *d)
{
    const cull__model_shape *s = &m->layer[m->layers - 1].shape;
    char b[80];
    if (!d->outputs || (s->rank == 1 && s->dim[0] == d->outputs)) return CULL_OK;
    return cull__model_wrong(d, "", m->layer[m->layers - 1].line,
                             "the last layer gives %s, and outputs is %" PRId64,
                             cull__model_shape_text(s, b), d->outputs);
}

cull_status cull__model_build(cull_model *m, const cull__model_doc *d)
{
    building b = {.m = m, .d = d};
    place all = {.block = d->block + d->blocks - 1, .prefix = "", .last_block = d->blocks - 1};
    if (!d->rank)
        return cull__model_wrong(d, "", 0,
                                 "the shape of the input is not given: write a line "
                                 "'input 32x32x3', or 'input 784'");
    CULL_TRY(lets(&b));
    CULL_TRY(scaling(m, d));
    CULL_TRY(CULL_GROW(m->cx, m->layer, &m->layer_room, 1));
    m->layer[0] = (layer){.name = "", .shape = {.rank = d->rank}, .param = {-1, -1, -1, -1}};
    memcpy(m->layer[0].shape.dim, d->dim, sizeof d->dim);
    m->layers = 1;
    if (!m->shapes_only) CULL_TRY(cull_params_new(m->cx, &m->params));
    if (m->params && m->seed) cull__params_seed(m->params, *m->seed);
    CULL_TRY(fill(&b, &all));
    CULL_TRY(read_by(m));
    return output_fits(m, d);
}

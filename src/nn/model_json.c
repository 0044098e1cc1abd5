/* model_json.c - the description of a model from JSON: the same lists that the text has. */
#include "io/io.h"
#include "nn/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    cull__model_doc *d;
    cull__model_block *b;
    cull__model_line *l;
    float *number;
    int *numbers;
    const char *what;
    cull_status status;
} reading;

enum { SPARE = 64 };

#define WRONG(r, ...)                                                                              \
    cull__model_wrong((r)->d, (r)->b ? (r)->b->name : "", (r)->l ? (r)->l->line : 0, __VA_ARGS__)

static bool same(const char *key, size_t n, const char *s)
{
    return strlen(s) == n && !memcmp(key, s, n);
}

static cull_status keep(reading *r, const char *s, size_t n, const char **out)
{
    char *p;
    if (memchr(s, 0, n)) return WRONG(r, "a text holds a NUL");
    CULL_TRY(CULL_TMP(r->d->cx, p, (int64_t)n + 1));
    memcpy(p, s, n);
    p[n] = 0;
    *out = p;
    return CULL_OK;
}

static cull_status text(reading *r, const char *what, cull__json_value v, const char **out)
{
    size_t n = 0;
    const char *s = cull__json_kind(v) == CULL__JSON_STRING ? cull__json_string(v, &n) : NULL;
    return s ? keep(r, s, n, out) : WRONG(r, "\"%s\" must be a string", what);
}

static cull_status a_name(reading *r, const char *what, cull__model_kind kind, const char *s)
{
    const char *bad = cull__model_bad_name(s, kind);
    return bad ? WRONG(r, "%s '%.70s' %s", what, s, bad) : CULL_OK;
}

/* A number, true or false, or a value's text. */
static cull_status value(reading *r, const char *what, cull__json_value v, const char **out)
{
    const cull__model_scope any = {.check = true};
    double x;
    char why[160], number[32];
    cull__json_type kind = cull__json_kind(v);
    if (kind == CULL__JSON_BOOL) return *out = cull__json_truth(v) ? "yes" : "no", CULL_OK;
    if (kind == CULL__JSON_NUMBER && cull__json_number(v, &x)) {
        cull__format_f64(x, number);
        return keep(r, number, strlen(number), out);
    }
    if (kind != CULL__JSON_STRING)
        return WRONG(r, "%s: a value is a number, true, false or a string", what);
    CULL_TRY(text(r, what, v, out));
    const char *end = cull__model_value(*out, &any, &x, why);
    if (!end) return WRONG(r, "%s: %s", what, why);
    return end[strspn(end, " \t")] ? WRONG(r, "%s: '%.40s' is too much", what, end) : CULL_OK;
}

/* Visit a container of the kind that `what` must be. */
static cull_status visit(reading *r, const char *what, cull__json_value v, cull__json_type kind,
                         cull__json_fn *fn)
{
    const char *key;
    size_t n;
    if (cull__json_kind(v) != kind)
        return WRONG(r, "\"%s\" must be %s", what,
                     kind == CULL__JSON_ARRAY ? "a list" : "an object");
    CULL_TRY(cull__json_twice(r->d->cx, v, &key, &n));
    if (key) return WRONG(r, "\"%s\" has '%.*s' twice", what, n > 70 ? 70 : (int)n, key);
    r->what = what;
    r->status = CULL_OK;
    return cull__json_each(v, fn, r) ? CULL_OK : r->status;
}

/* ---- layers ---- */

static bool on_value(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *r = arg;
    cull__model_arg *a = r->l->arg + r->l->args;
    if (r->l->args == CULL__MODEL_ARGS) {
        r->status = WRONG(r, "more than %d values are given", CULL__MODEL_ARGS);
        return false;
    }
    *a = (cull__model_arg){0};
    if (key) {
        r->status = keep(r, key, n, &a->name);
        if (r->status == CULL_OK)
            r->status = a_name(r, "the name of a value", CULL__NAME_WORD, a->name);
        if (r->status != CULL_OK) return false;
    }
    r->status = value(r, a->name ? a->name : "values", v, &a->value);
    r->l->args++;
    return r->status == CULL_OK;
}

static bool on_input(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *r = arg;
    (void)key, (void)n;
    if (r->l->ins == CULL__MODEL_INS) {
        r->status = WRONG(r, "more than %d inputs are given", CULL__MODEL_INS);
        return false;
    }
    const char **in = &r->l->in[r->l->ins++];
    r->status = text(r, "inputs", v, in);
    if (r->status == CULL_OK && strcmp(*in, "input"))
        r->status = a_name(r, "the input", CULL__NAME_LAYER, *in);
    return r->status == CULL_OK;
}

static bool on_key(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *r = arg;
    cull__model_line *l = r->l;
    if (same(key, n, "name")) {
        r->status = text(r, "name", v, &l->name);
        if (r->status == CULL_OK)
            r->status = a_name(r, "the name of a layer", CULL__NAME_LAYER, l->name);
    } else if (same(key, n, "op")) {
        r->status = text(r, "op", v, &l->op);
        if (r->status == CULL_OK)
            r->status = a_name(r, "the name of an operation", CULL__NAME_WORD, l->op);
    } else if (same(key, n, "repeat")) {
        r->status = value(r, "repeat", v, &l->repeat);
    } else if (same(key, n, "from")) {
        r->status = value(r, "from", v, &l->from);
    } else if (!same(key, n, "values") && !same(key, n, "named") && !same(key, n, "inputs")) {
        r->status = WRONG(r, "'%.*s' is none of name, op, values, named, inputs, repeat and from",
                          n > 70 ? 70 : (int)n, key);
    }
    return r->status == CULL_OK;
}

static cull_status layer(reading *r, cull__json_value v)
{
    cull__json_value part;
    if (r->b->lines == CULL__MODEL_LINES)
        return WRONG(r, "there are more than %d layers", CULL__MODEL_LINES);
    r->l = r->b->at + r->b->lines++;
    *r->l = (cull__model_line){.line = r->b->lines, .name = ""};
    CULL_TRY(visit(r, "layers", v, CULL__JSON_OBJECT, on_key));
    if (!r->l->op) return WRONG(r, "it has no \"op\"");
    if (r->l->from && !r->l->repeat) return WRONG(r, "\"from\" wants a \"repeat\"");
    if (cull__json_get(v, "values", &part))
        CULL_TRY(visit(r, "values", part, CULL__JSON_ARRAY, on_value));
    if (cull__json_get(v, "named", &part))
        CULL_TRY(visit(r, "named", part, CULL__JSON_OBJECT, on_value));
    if (cull__json_get(v, "inputs", &part))
        CULL_TRY(visit(r, "inputs", part, CULL__JSON_ARRAY, on_input));
    r->l = NULL;
    return CULL_OK;
}

static bool on_layer(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *r = arg;
    (void)key, (void)n;
    r->status = layer(r, v);
    return r->status == CULL_OK;
}

static cull_status layers(reading *r, cull__json_value object, cull__model_block *b)
{
    cull__json_value v;
    r->b = b;
    if (!cull__json_get(object, "layers", &v)) return WRONG(r, "there is no list \"layers\"");
    if (cull__json_kind(v) != CULL__JSON_ARRAY) return WRONG(r, "\"layers\" must be a list");
    CULL_TRY(CULL_TMP(r->d->cx, b->at, cull__json_count(v) + 1));
    CULL_TRY(visit(r, "layers", v, CULL__JSON_ARRAY, on_layer));
    return b->lines ? CULL_OK
                    : WRONG(r, "%s%s has no layer", *b->name ? "block " : "the model", b->name);
}

/* ---- blocks ---- */

static bool on_param(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *r = arg;
    cull__model_block *b = r->b;
    cull__model_arg *p = b->param + b->params;
    r->status = b->params == CULL__MODEL_ARGS
                    ? WRONG(r, "block %s has more than %d parameters", b->name, CULL__MODEL_ARGS)
                    : keep(r, key, n, &p->name);
    if (r->status == CULL_OK) r->status = a_name(r, "the parameter", CULL__NAME_WORD, p->name);
    if (r->status != CULL_OK) return false;
    p->value = NULL;
    if (cull__json_kind(v) != CULL__JSON_NULL)
        r->status = value(r, p->name, v, &p->value);
    else if (b->params && b->param[b->params - 1].value)
        r->status = WRONG(r, "'%s' follows a parameter with a default, and wants one too", p->name);
    b->params++;
    return r->status == CULL_OK;
}

static cull_status block(reading *r, const char *key, size_t n, cull__json_value v)
{
    cull__model_block *b = r->d->block + r->d->blocks;
    cull__json_value part;
    *b = (cull__model_block){.name = ""};
    r->b = NULL;
    CULL_TRY(keep(r, key, n, &b->name));
    CULL_TRY(a_name(r, "the name of a block", CULL__NAME_WORD, b->name));
    if (cull__model_op_find(b->name))
        return WRONG(r, "there is an operation '%s' already; name the block otherwise", b->name);
    if (cull__json_kind(v) != CULL__JSON_OBJECT)
        return WRONG(r, "block %s must be an object", b->name);
    r->b = b;
    if (cull__json_get(v, "parameters", &part))
        CULL_TRY(visit(r, "parameters", part, CULL__JSON_OBJECT, on_param));
    CULL_TRY(layers(r, v, b));
    r->d->blocks++;
    return CULL_OK;
}

static bool on_block(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *r = arg;
    r->status = block(r, key, n, v);
    return r->status == CULL_OK;
}

/* ---- the head ---- */

static bool on_size(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *r = arg;
    cull__model_doc *d = r->d;
    int64_t x;
    (void)key, (void)n;
    bool good = d->rank < 3 && cull__json_kind(v) == CULL__JSON_NUMBER &&
                cull__json_integer(v, &x) && x >= 1 && x <= (1 << 24);
    if (good) d->dim[d->rank++] = x;
    if (!good)
        r->status = WRONG(r, "\"input\" must be [features] or [height, width, channels], each "
                             "from 1 to 16777216");
    return good;
}

static bool on_number(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *r = arg;
    double x;
    (void)key, (void)n;
    bool good = *r->numbers < CULL__MODEL_CHANNELS && cull__json_number(v, &x) && fabs(x) < 1e30 &&
                !(r->number == r->d->std && x < 1e-12);
    if (good) r->number[(*r->numbers)++] = (float)x;
    if (!good)
        r->status = WRONG(r, "\"%s\" wants a number%s for each channel, at most %d", r->what,
                          r->number == r->d->std ? " above 0" : "", CULL__MODEL_CHANNELS);
    return good;
}

static bool on_let(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *r = arg;
    cull__model_arg *a = r->d->let + r->d->lets;
    r->status = keep(r, key, n, &a->name);
    if (r->status == CULL_OK)
        r->status = a_name(r, "the name of a number", CULL__NAME_WORD, a->name);
    if (r->status == CULL_OK) r->status = value(r, a->name, v, &a->value);
    r->d->let_line[r->d->lets++] = 0;
    return r->status == CULL_OK;
}

static bool on_member(void *arg, const char *key, size_t n, cull__json_value v)
{
    static const char *const known[] = {"model", "input", "outputs", "mean",
                                        "std",   "let",   "blocks",  "layers"};
    reading *r = arg;
    (void)v;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (same(key, n, known[i])) return true;
    r->status =
        WRONG(r, "'%.*s' is none of model, input, outputs, mean, std, let, blocks and layers",
              n > 70 ? 70 : (int)n, key);
    return false;
}

static cull_status numbers(reading *r, cull__json_value root, const char *what, float *to,
                           int *count)
{
    cull__json_value v;
    if (!cull__json_get(root, what, &v)) return CULL_OK;
    r->number = to;
    r->numbers = count;
    return visit(r, what, v, CULL__JSON_ARRAY, on_number);
}

static cull_status lets(reading *r, cull__json_value root)
{
    cull__json_value v;
    if (!cull__json_get(root, "let", &v)) return CULL_OK;
    int64_t n = cull__json_kind(v) == CULL__JSON_OBJECT ? cull__json_count(v) : 0;
    CULL_TRY(CULL_TMP(r->d->cx, r->d->let, n + 1));
    CULL_TRY(CULL_TMP(r->d->cx, r->d->let_line, n + 1));
    return visit(r, "let", v, CULL__JSON_OBJECT, on_let);
}

static cull_status head(reading *r, cull__json_value root)
{
    cull__json_value v;
    cull__model_doc *d = r->d;
    if (cull__json_get(root, "model", &v)) {
        CULL_TRY(text(r, "model", v, &d->name));
        CULL_TRY(a_name(r, "the name of the model", CULL__NAME_MODEL, d->name));
    }
    if (cull__json_get(root, "input", &v)) {
        CULL_TRY(visit(r, "input", v, CULL__JSON_ARRAY, on_size));
        if (d->rank == 0 || d->rank == 2)
            return WRONG(r, "\"input\" must be [features] or [height, width, channels]");
    }
    if (cull__json_get(root, "outputs", &v) &&
        (cull__json_kind(v) != CULL__JSON_NUMBER || !cull__json_integer(v, &d->outputs) ||
         d->outputs < 1 || d->outputs > (1 << 24)))
        return WRONG(r, "\"outputs\" must be a whole number from 1 to 16777216");
    CULL_TRY(numbers(r, root, "mean", d->mean, &d->means));
    CULL_TRY(numbers(r, root, "std", d->std, &d->stds));
    return lets(r, root);
}

static cull_status members(reading *r, cull__json_value root)
{
    cull__model_doc *d = r->d;
    cull__json_value v;
    int64_t blocks = 0;
    CULL_TRY(visit(r, "the description", root, CULL__JSON_OBJECT, on_member));
    CULL_TRY(head(r, root));
    bool has = cull__json_get(root, "blocks", &v);
    if (has && cull__json_kind(v) == CULL__JSON_OBJECT) blocks = cull__json_count(v);
    if (blocks > CULL__MODEL_LINES) return WRONG(r, "there are too many blocks");
    CULL_TRY(CULL_TMP(d->cx, d->block, blocks + 1));
    if (has) CULL_TRY(visit(r, "blocks", v, CULL__JSON_OBJECT, on_block));
    d->block[d->blocks] = (cull__model_block){.name = ""};
    CULL_TRY(layers(r, root, d->block + d->blocks));
    d->blocks++;
    return CULL_OK;
}

cull_status cull__model_parse_json(cull_ctx *cx, const char *file, const char *s, size_t n,
                                   cull__model_doc *out)
{
    reading r = {.d = out};
    cull__json_parser *p;
    cull__json_value root;
    char *copy;
    const char *why;
    size_t where;
    *out = (cull__model_doc){.cx = cx, .file = file, .json = true, .name = ""};
    if (n > CULL__MODEL_BYTES)
        return cull__fail(cx, CULL_EINPUT, "%s: %zu bytes; a model has at most %d", file, n,
                          CULL__MODEL_BYTES);
    CULL_TRY(CULL_TMP(cx, copy, (int64_t)n + SPARE));
    memcpy(copy, s, n);
    memset(copy + n, 0, SPARE);
    CULL_TRY(cull__json_parser_new(cx, &p));
    cull_status done;
    if (cull__json_parse(p, copy, n, &root, &why, &where))
        done = members(&r, root);
    else if (where == SIZE_MAX)
        done = cull__fail(cx, CULL_ENOMEM, "%s: its JSON: %s", file, why);
    else
        done = cull__fail(cx, CULL_EINPUT, "%s: byte %zu: damaged JSON: %s", file, where, why);
    cull__json_parser_free(p);
    return done;
}

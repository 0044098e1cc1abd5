/* json.c - the description of a space as JSON: the same entries that the text has, read and written. */
#include "space/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef cull__node node;

/* ---- reading ---- */

typedef struct {
    cull__doc *d;
    node *n; /* whose list or branches are read */
    node **tail;
    const char *name; /* for sentences */
    int64_t room;
    int depth;
    cull_status status;
} reading;

#define WRONG(r, ...) cull__space_wrong((r)->d, 0, __VA_ARGS__)

static bool same(const char *key, size_t n, const char *s)
{
    return strlen(s) == n && !memcmp(key, s, n);
}

static cull_status keep(reading *r, const char *s, size_t n, const char **out)
{
    if (n && memchr(s, 0, n)) return WRONG(r, "%s: a text holds a NUL", r->name);
    return cull__space_keep(r->d->cx, s, n, out);
}

static cull_status text(reading *r, const char *what, cull__json_value v, const char **out)
{
    size_t n = 0;
    const char *s = cull__json_kind(v) == CULL__JSON_STRING ? cull__json_string(v, &n) : NULL;
    return s ? keep(r, s, n, out) : WRONG(r, "%s: \"%s\" must be a string", r->name, what);
}

/* A value as text: a string, a number, true or false. */
cull_status cull__json_word(cull__doc *d, const char *name, cull__json_value v, const char **out)
{
    reading r = {.d = d, .name = name};
    double x;
    char number[32];
    switch (cull__json_kind(v)) {
    case CULL__JSON_STRING: return text(&r, "value", v, out);
    case CULL__JSON_BOOL:
        return keep(&r, cull__json_truth(v) ? "true" : "false", cull__json_truth(v) ? 4 : 5, out);
    case CULL__JSON_NUMBER:
        cull__json_number(v, &x);
        cull__format_f64(x, number);
        return keep(&r, number, strlen(number), out);
    default: return WRONG(&r, "%s: a value is a string, a number, true or false", name);
    }
}

static cull_status number(reading *r, const char *what, cull__json_value v, double *out)
{
    if (cull__json_kind(v) != CULL__JSON_NUMBER || !cull__json_number(v, out))
        return WRONG(r, "%s: \"%s\" must be a number", r->name, what);
    return CULL_OK;
}

static cull_status whole(reading *r, const char *what, cull__json_value v, int64_t *out)
{
    if (cull__json_kind(v) != CULL__JSON_NUMBER || !cull__json_integer(v, out))
        return WRONG(r, "%s: \"%s\" must be a whole number", r->name, what);
    return CULL_OK;
}

/* What is not there stays as it is. */
static cull_status maybe_flag(reading *r, cull__json_value o, const char *what, bool *out)
{
    cull__json_value v;
    if (!cull__json_get(o, what, &v)) return CULL_OK;
    if (cull__json_kind(v) != CULL__JSON_BOOL)
        return WRONG(r, "%s: \"%s\" must be true or false", r->name, what);
    *out = cull__json_truth(v);
    return CULL_OK;
}

/* ---- what a parameter is ---- */

static bool on_bound(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *r = arg;
    (void)key, (void)n;
    r->status = number(r, "bounds", v, r->room++ ? &r->n->hi : &r->n->lo);
    return r->status == CULL_OK;
}

static cull_status bounds(reading *r, node *n, cull__json_value v)
{
    if (cull__json_kind(v) != CULL__JSON_ARRAY || cull__json_count(v) != 2)
        return WRONG(r, "%s: its bounds must be [least, greatest]", r->name);
    r->n = n;
    r->room = 0;
    return cull__json_each(v, on_bound, r) ? CULL_OK : r->status;
}

static bool on_item(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *r = arg;
    (void)key, (void)n;
    r->status = cull__json_word(r->d, r->name, v, &r->n->item[r->n->items++]);
    return r->status == CULL_OK;
}

static cull_status items(reading *r, node *n, cull__json_value v)
{
    int64_t count;
    bool counts = n->form != CULL__FORM_ONE && n->form != CULL__FORM_ORDINAL;
    if (counts && cull__json_kind(v) == CULL__JSON_NUMBER && cull__json_integer(v, &count))
        return cull__node_counted(r->d, n, count);
    if (cull__json_kind(v) != CULL__JSON_ARRAY)
        return WRONG(r, "%s: its values must be a list%s", r->name,
                     counts ? ", or how many items there are" : "");
    CULL_TRY(CULL_TMP(r->d->cx, n->item, cull__json_count(v) + 1));
    r->n = n;
    return cull__json_each(v, on_item, r) ? CULL_OK : r->status;
}

static cull_status entries(reading *r, const char *what, cull__json_value v, node *into);

static bool on_branch(void *arg, const char *key, size_t k, cull__json_value v)
{
    reading *r = arg, in = {.d = r->d, .depth = r->depth};
    node *b;
    r->status = CULL_TMP0(r->d->cx, b, 1);
    if (r->status != CULL_OK) return false;
    *b = (node){.form = CULL__FORM_BRANCH};
    r->status = keep(r, key, k, &b->name);
    in.name = b->name;
    if (r->status == CULL_OK) r->status = entries(&in, "branch", v, b);
    *r->tail = b;
    r->tail = &b->next;
    return r->status == CULL_OK;
}

static cull_status branches(reading *r, node *n, cull__json_value v)
{
    if (cull__json_kind(v) != CULL__JSON_OBJECT)
        return WRONG(r, "%s: \"or\" must be an object of branches, each a list", r->name);
    r->tail = &n->child;
    return cull__json_each(v, on_branch, r) ? CULL_OK : r->status;
}

static cull_status repeated(reading *r, node *n, cull__json_value o, cull__json_value v)
{
    cull__json_value in;
    if (cull__json_kind(v) == CULL__JSON_NUMBER)
        CULL_TRY(number(r, "repeat", v, &n->lo));
    else
        CULL_TRY(bounds(r, n, v));
    if (cull__json_kind(v) == CULL__JSON_NUMBER) n->hi = n->lo;
    CULL_TRY(maybe_flag(r, o, "tied", &n->tied));
    if (!cull__json_get(o, "holds", &in))
        return WRONG(r, "%s: a repeat has a list \"holds\" of what is repeated", r->name);
    return entries(r, "holds", in, n);
}

static cull_status sizes(reading *r, node *n, cull__json_value o)
{
    cull__json_value v;
    n->most = n->items;
    if (cull__json_get(o, "least", &v)) CULL_TRY(whole(r, "least", v, &n->least));
    if (cull__json_get(o, "most", &v)) CULL_TRY(whole(r, "most", v, &n->most));
    return CULL_OK;
}

static cull_status form(reading *r, node *n, cull__json_value o, cull__json_value v)
{
    cull__json_value step;
    switch (n->form) {
    case CULL__FORM_REAL:
    case CULL__FORM_INT:
        CULL_TRY(bounds(r, n, v));
        if (cull__json_get(o, "step", &step)) CULL_TRY(number(r, "step", step, &n->step));
        return maybe_flag(r, o, "log", &n->log);
    case CULL__FORM_OR: return branches(r, n, v);
    case CULL__FORM_OPTIONAL: return entries(r, "optional", v, n);
    case CULL__FORM_REPEAT: return repeated(r, n, o, v);
    case CULL__FORM_SUBSET: CULL_TRY(items(r, n, v)); return sizes(r, n, o);
    default: return items(r, n, v);
    }
}

typedef struct {
    cull__doc *d;
    node *n;
    int64_t at;
    cull_status status;
} weighing;

static bool on_weight(void *arg, const char *key, size_t k, cull__json_value v)
{
    weighing *w = arg;
    (void)key, (void)k;
    if (cull__json_kind(v) != CULL__JSON_NUMBER || !cull__json_number(v, &w->n->weight[w->at++]))
        w->status = cull__space_wrong(w->d, 0, "%s: a weight is no number", w->n->name);
    return w->status == CULL_OK;
}

cull_status cull__json_weights(cull__doc *d, node *n, cull__json_value v)
{
    weighing w = {.d = d, .n = n};
    bool list = cull__json_kind(v) == CULL__JSON_ARRAY;
    if (!list || (int64_t)cull__json_count(v) != n->items)
        return cull__space_wrong(
            d, 0, "%s: \"weights\" must list a number for each of its %" PRId64 " values", n->name,
            n->items);
    CULL_TRY(CULL_TMP(d->cx, n->weight, n->items + 1));
    return cull__json_each(v, on_weight, &w) ? CULL_OK : w.status;
}

/* ---- entries ---- */

static const char *const others[] = {"name", "if",    "default", "log",   "step",
                                     "tied", "least", "most",    "holds", "weights"};

static bool on_key(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *r = arg;
    (void)v;
    for (int f = 0; f < CULL__FORMS; f++)
        if (same(key, n, cull__form_name((cull__form)f))) {
            r->room++;
            r->n->form = (cull__form)f;
            return true;
        }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (same(key, n, others[i])) return true;
    r->status = WRONG(r, "%s: '%.*s' is no key of a parameter", r->name, n > 60 ? 60 : (int)n, key);
    return false;
}

/* A key that says nothing of this form is a mistake. */
static cull_status fitting(reading *r, const node *n, cull__json_value o)
{
    static const struct {
        const char *key;
        unsigned forms;
    } fit[] = {{"log", 1u << CULL__FORM_REAL | 1u << CULL__FORM_INT},
               {"step", 1u << CULL__FORM_INT},
               {"weights", 1u << CULL__FORM_ONE},
               {"tied", 1u << CULL__FORM_REPEAT},
               {"holds", 1u << CULL__FORM_REPEAT},
               {"least", 1u << CULL__FORM_SUBSET},
               {"most", 1u << CULL__FORM_SUBSET}};
    cull__json_value v;
    for (size_t i = 0; i < sizeof fit / sizeof *fit; i++)
        if (cull__json_get(o, fit[i].key, &v) && !(fit[i].forms >> n->form & 1))
            return WRONG(r, "%s: \"%s\" does not go with %s", r->name, fit[i].key,
                         cull__form_name(n->form));
    return CULL_OK;
}

static cull_status condition(reading *r, const char *what, cull__json_value v, cull__expr **out)
{
    const char *s;
    int line = 0;
    CULL_TRY(text(r, what, v, &s));
    CULL_TRY(cull__expr_read(r->d, &s, &line, out));
    s += strspn(s, " \t\r\n");
    return *s ? WRONG(r, "%s: '%.40s' is too much in \"%s\"", r->name, s, what) : CULL_OK;
}

static cull_status rule(reading *r, node *n, cull__json_value o, bool *is)
{
    cull__json_value v;
    bool forbid = cull__json_get(o, "forbid", &v);
    *is = forbid || cull__json_get(o, "require", &v);
    if (!*is) return CULL_OK;
    if (cull__json_count(o) != 1)
        return WRONG(r, "\"%s\" stands alone in its object", forbid ? "forbid" : "require");
    n->form = forbid ? CULL__FORM_FORBID : CULL__FORM_REQUIRE;
    return condition(r, forbid ? "forbid" : "require", v, &n->when);
}

static cull_status entry(reading *r, node *n, cull__json_value o)
{
    cull__json_value v;
    const char *key;
    size_t k;
    bool is;
    if (cull__json_kind(o) != CULL__JSON_OBJECT)
        return WRONG(r, "%s: a parameter is an object", r->name);
    CULL_TRY(cull__json_twice(r->d->cx, o, &key, &k));
    if (key) return WRONG(r, "%s: an entry has '%.*s' twice", r->name, k > 60 ? 60 : (int)k, key);
    CULL_TRY(rule(r, n, o, &is));
    if (is) return CULL_OK;
    if (!cull__json_get(o, "name", &v)) return WRONG(r, "%s: an entry has no \"name\"", r->name);
    CULL_TRY(text(r, "name", v, &n->name));
    const char *bad = cull__space_bad_name(n->name, false);
    if (bad) return WRONG(r, "the name '%.60s' %s", n->name, bad);
    reading in = {.d = r->d, .n = n, .name = n->name, .depth = r->depth};
    if (!cull__json_each(o, on_key, &in)) return in.status;
    if (in.room != 1)
        return WRONG(&in,
                     "%s: it must have one of real, int, one, ordinal, subset, permutation, "
                     "simplex, or, optional and repeat",
                     in.name);
    CULL_TRY(fitting(&in, n, o));
    cull__json_get(o, cull__form_name(n->form), &v);
    CULL_TRY(form(&in, n, o, v));
    if (cull__json_get(o, "weights", &v)) CULL_TRY(cull__json_weights(r->d, n, v));
    if (cull__json_get(o, "default", &v)) CULL_TRY(cull__json_word(r->d, n->name, v, &n->preset));
    if (cull__json_get(o, "if", &v)) CULL_TRY(condition(&in, "if", v, &n->when));
    return cull__node_check(r->d, n);
}

static bool on_entry(void *arg, const char *key, size_t k, cull__json_value v)
{
    reading *r = arg;
    node *n;
    (void)key, (void)k;
    r->status = CULL_TMP0(r->d->cx, n, 1);
    if (r->status != CULL_OK) return false;
    *n = (node){.step = 1, .name = ""};
    r->status = entry(r, n, v);
    *r->tail = n;
    r->tail = &n->next;
    return r->status == CULL_OK;
}

static cull_status entries(reading *r, const char *what, cull__json_value v, node *into)
{
    reading in = {.d = r->d, .name = r->name, .tail = &into->child, .depth = r->depth + 1};
    if (cull__json_kind(v) != CULL__JSON_ARRAY)
        return WRONG(r, "%s: \"%s\" must be a list of parameters", r->name, what);
    if (in.depth > CULL__SPACE_DEPTH + 1)
        return WRONG(r, "%s: lists are nested deeper than %d levels", r->name, CULL__SPACE_DEPTH);
    return cull__json_each(v, on_entry, &in) ? CULL_OK : in.status;
}

static cull_status document(cull__doc *d, cull__json_value root)
{
    node all = {.name = ""};
    reading r = {.d = d, .name = "the space"};
    cull__json_value v;
    if (cull__json_kind(root) == CULL__JSON_OBJECT && cull__json_get(root, "hyperparameters", &v))
        return cull__space_read_configspace(d, root);
    if (cull__json_kind(root) != CULL__JSON_OBJECT || !cull__json_get(root, "space", &v))
        return WRONG(&r,
                     "there is neither a list \"space\" nor, of ConfigSpace, \"hyperparameters\"");
    if (cull__json_count(root) != 1) return WRONG(&r, "\"space\" stands alone in its object");
    CULL_TRY(entries(&r, "space", v, &all));
    d->child = all.child;
    return CULL_OK;
}

cull_status cull__space_read_json(cull_ctx *cx, const char *file, const char *s, size_t n,
                                  cull__doc *d)
{
    enum { SPARE = 64 };
    cull__json_parser *p;
    cull__json_value root;
    char *copy;
    const char *why;
    size_t where;
    *d = (cull__doc){.cx = cx, .file = file, .json = true};
    CULL_TRY(CULL_TMP(cx, copy, (int64_t)n + SPARE));
    memcpy(copy, s, n);
    memset(copy + n, 0, SPARE);
    CULL_TRY(cull__json_parser_new(cx, &p));
    cull_status done;
    if (cull__json_parse(p, copy, n, &root, &why, &where))
        done = document(d, root);
    else if (where == SIZE_MAX)
        done = cull__fail(cx, CULL_ENOMEM, "%s: its JSON: %s", file, why);
    else
        done = cull__fail(cx, CULL_EINPUT, "%s: byte %zu: damaged JSON: %s", file, where, why);
    cull__json_parser_free(p);
    return done;
}

/* configspace.c - a space from what ConfigSpace (Lindauer et al. 2019) writes as JSON, its versions 0.4 to 1. Normal
 * and beta distributions are taken for their bounds alone. */
#define _GNU_SOURCE
#include "space/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef cull__node node;
typedef cull__expr expr;
typedef cull__json_value value;

typedef struct {
    int child, parent;
} edge;

typedef struct {
    cull__doc *d;
    node *all; /* count, in the file's order; conditions are joined into `when` */
    int count;
    int *by; /* by name */
    edge *edge;
    int64_t edges, room;
    node *into; /* whose items are read */
    node **tail;
    expr **list;
    int child; /* whose condition is read; -1: a forbidden clause */
    int depth;
    cull_status status;
} reading;

#define WRONG(r, ...) cull__space_wrong((r)->d, 0, __VA_ARGS__)

/* ---- fields ---- */

static cull_status text(reading *r, value o, const char *key, const char **out)
{
    value v;
    size_t n;
    if (!cull__json_get(o, key, &v) || cull__json_kind(v) != CULL__JSON_STRING)
        return WRONG(r, "an entry of ConfigSpace lacks the string \"%s\"", key);
    const char *s = cull__json_string(v, &n);
    if (n && memchr(s, 0, n)) return WRONG(r, "a text holds a NUL");
    return cull__space_keep(r->d->cx, s, n, out);
}

/* false: absent or null. */
static bool given(value o, const char *key, value *v)
{
    return cull__json_get(o, key, v) && cull__json_kind(*v) != CULL__JSON_NULL;
}

static cull_status number(reading *r, const char *name, value o, const char *key, double *out)
{
    value v;
    if (!given(o, key, &v) || cull__json_kind(v) != CULL__JSON_NUMBER || !cull__json_number(v, out))
        return WRONG(r, "%s: it has no number \"%s\"; a parameter has bounds", name, key);
    return CULL_OK;
}

/* ---- hyperparameters ---- */

static bool on_item(void *arg, const char *key, size_t n, value v)
{
    reading *r = arg;
    (void)key, (void)n;
    r->status = cull__json_word(r->d, r->into->name, v, &r->into->item[r->into->items++]);
    return r->status == CULL_OK;
}

static cull_status items(reading *r, node *n, value o, const char *key)
{
    value v;
    if (!cull__json_get(o, key, &v) || cull__json_kind(v) != CULL__JSON_ARRAY)
        return WRONG(r, "%s: it has no list \"%s\"", n->name, key);
    CULL_TRY(CULL_TMP(r->d->cx, n->item, cull__json_count(v) + 1));
    r->into = n;
    return cull__json_each(v, on_item, r) ? CULL_OK : r->status;
}

static cull_status constant(reading *r, node *n, value o)
{
    value v;
    n->form = CULL__FORM_ONE;
    CULL_TRY(CULL_TMP(r->d->cx, n->item, 1));
    n->items = 1;
    if (!cull__json_get(o, "value", &v)) return WRONG(r, "%s: it has no \"value\"", n->name);
    return cull__json_word(r->d, n->name, v, n->item);
}

static cull_status range(reading *r, node *n, value o, bool whole)
{
    value v;
    n->form = whole ? CULL__FORM_INT : CULL__FORM_REAL;
    CULL_TRY(number(r, n->name, o, "lower", &n->lo));
    CULL_TRY(number(r, n->name, o, "upper", &n->hi));
    n->log = given(o, "log", &v) && cull__json_kind(v) == CULL__JSON_BOOL && cull__json_truth(v);
    if (!given(o, "q", &v)) return CULL_OK;
    if (whole) return number(r, n->name, o, "q", &n->step);
    return WRONG(r, "%s: a float in steps (q) is not read; list its values as an ordinal", n->name);
}

static cull_status parameter(reading *r, node *n, value o)
{
    static const char *const floats[] = {"uniform_float", "normal_float", "beta_float"},
                             *const ints[] = {"uniform_int", "normal_int", "beta_int"};
    const char *type;
    value v;
    *n = (node){.step = 1, .name = ""};
    if (cull__json_kind(o) != CULL__JSON_OBJECT) return WRONG(r, "a hyperparameter is an object");
    CULL_TRY(text(r, o, "name", &n->name));
    CULL_TRY(text(r, o, "type", &type));
    int is_float = 0, is_int = 0;
    for (int k = 0; k < 3; k++) {
        is_float |= !strcmp(type, floats[k]);
        is_int |= !strcmp(type, ints[k]);
    }
    if (is_float || is_int) {
        CULL_TRY(range(r, n, o, is_int));
    } else if (!strcmp(type, "categorical")) {
        n->form = CULL__FORM_ONE;
        CULL_TRY(items(r, n, o, "choices"));
        if (given(o, "weights", &v)) CULL_TRY(cull__json_weights(r->d, n, v));
    } else if (!strcmp(type, "ordinal")) {
        n->form = CULL__FORM_ORDINAL;
        CULL_TRY(items(r, n, o, "sequence"));
    } else if (!strcmp(type, "constant") || !strcmp(type, "unparametrized")) {
        CULL_TRY(constant(r, n, o));
    } else {
        return WRONG(r, "%s: the type '%.60s' is none of ConfigSpace's that are read here", n->name,
                     type);
    }
    if (given(o, "default_value", &v) || given(o, "default", &v))
        CULL_TRY(cull__json_word(r->d, n->name, v, &n->preset));
    return cull__node_check(r->d, n);
}

static bool on_parameter(void *arg, const char *key, size_t n, value v)
{
    reading *r = arg;
    (void)key, (void)n;
    r->status = parameter(r, r->all + r->count, v);
    r->count++;
    return r->status == CULL_OK;
}

static int by_name(const void *a, const void *b, void *arg)
{
    const reading *r = arg;
    return strcmp(r->all[*(const int *)a].name, r->all[*(const int *)b].name);
}

static int find(const reading *r, const char *name)
{
    int lo = 0, hi = r->count;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (strcmp(r->all[r->by[mid]].name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < r->count && !strcmp(r->all[r->by[lo]].name, name) ? r->by[lo] : -1;
}

/* ---- conditions and forbidden clauses ---- */

static cull_status make(reading *r, cull__expr_kind kind, expr *a, expr *b, expr **out)
{
    expr *e;
    CULL_TRY(CULL_TMP(r->d->cx, e, 1));
    *e = (expr){.kind = kind, .a = a, .b = b};
    *out = e;
    return CULL_OK;
}

/* Numbers stay bare, all else is in quotes: it may hold any character. */
static cull_status word(reading *r, const char *s, bool name, expr **out)
{
    double v;
    bool is_number = !name && cull__parse_f64(s, strlen(s), &v), minus = is_number && *s == '-';
    CULL_TRY(make(r, CULL__EXPR_WORD, NULL, NULL, out));
    (*out)->word = s + minus;
    (*out)->quoted = !is_number;
    return minus ? make(r, CULL__EXPR_NEG, *out, NULL, out) : CULL_OK;
}

static cull_status named(reading *r, value o, const char *key, expr **out)
{
    const char *name;
    CULL_TRY(text(r, o, key, &name));
    int i = find(r, name);
    if (i < 0) return WRONG(r, "a condition speaks of '%.80s', which is no hyperparameter", name);
    if (r->child >= 0) {
        CULL_TRY(CULL_GROW(r->d->cx, r->edge, &r->room, r->edges + 1));
        r->edge[r->edges++] = (edge){r->child, i};
    }
    return word(r, name, true, out);
}

static cull_status valued(reading *r, value o, expr **out)
{
    value v;
    const char *s;
    if (!cull__json_get(o, "value", &v)) return WRONG(r, "a condition has no \"value\"");
    CULL_TRY(cull__json_word(r->d, "a condition", v, &s));
    return word(r, s, false, out);
}

static bool on_member(void *arg, const char *key, size_t n, value v)
{
    reading *r = arg;
    const char *s;
    (void)key, (void)n;
    r->status = cull__json_word(r->d, "a condition", v, &s);
    if (r->status == CULL_OK) r->status = make(r, CULL__EXPR_WORD, NULL, NULL, r->list);
    if (r->status != CULL_OK) return false;
    double x;
    (*r->list)->word = s;
    (*r->list)->quoted = !cull__parse_f64(s, strlen(s), &x);
    r->list = &(*r->list)->next;
    return true;
}

static cull_status membership(reading *r, expr *a, value o, expr **out)
{
    value v;
    expr *list = NULL;
    if (!cull__json_get(o, "values", &v) || cull__json_kind(v) != CULL__JSON_ARRAY ||
        !cull__json_count(v))
        return WRONG(r, "a condition IN has no \"values\"");
    r->list = &list;
    if (!cull__json_each(v, on_member, r)) return r->status;
    return make(r, CULL__EXPR_IN, a, list, out);
}

static cull_status clause(reading *r, value o, expr **out);

typedef struct {
    reading *r;
    cull__expr_kind join;
    expr *all;
    cull_status status;
} joining;

static bool on_clause(void *arg, const char *key, size_t n, value v)
{
    joining *j = arg;
    expr *e = NULL;
    (void)key, (void)n;
    j->status = clause(j->r, v, &e);
    if (j->status == CULL_OK && j->all) j->status = make(j->r, j->join, j->all, e, &j->all);
    if (!j->all) j->all = e;
    return j->status == CULL_OK;
}

static cull_status joined(reading *r, value o, cull__expr_kind kind, expr **out)
{
    joining j = {.r = r, .join = kind};
    value v;
    enum { MOST = 1000 };
    if ((!cull__json_get(o, "conditions", &v) && !cull__json_get(o, "clauses", &v)) ||
        cull__json_kind(v) != CULL__JSON_ARRAY || !cull__json_count(v))
        return WRONG(r, "AND and OR have a list of conditions or clauses");
    if (cull__json_count(v) > MOST || ++r->depth > CULL__SPACE_DEPTH)
        return WRONG(r, "a condition has more than %d parts or is nested deeper than %d levels",
                     MOST, CULL__SPACE_DEPTH);
    if (!cull__json_each(v, on_clause, &j)) return j.status;
    r->depth--;
    *out = j.all;
    return CULL_OK;
}

static cull_status relation(reading *r, value o, const char *kind, expr **out)
{
    static const struct {
        const char *name;
        cull__expr_kind kind;
    } kinds[] = {{"LT", CULL__EXPR_LT}, {"LESS", CULL__EXPR_LT},   {"EQ", CULL__EXPR_EQ},
                 {"GT", CULL__EXPR_GT}, {"EQUALS", CULL__EXPR_EQ}, {"GREATER", CULL__EXPR_GT}};
    expr *a, *b;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kind, kinds[i].name)) continue;
        CULL_TRY(named(r, o, "left", &a));
        CULL_TRY(named(r, o, "right", &b));
        return make(r, kinds[i].kind, a, b, out);
    }
    return WRONG(r, "the relation '%.40s' is none of LT, EQ and GT", kind);
}

static cull_status clause(reading *r, value o, expr **out)
{
    static const struct {
        const char *type;
        cull__expr_kind kind;
    } kinds[] = {{"EQ", CULL__EXPR_EQ},        {"EQUALS", CULL__EXPR_EQ},
                 {"NEQ", CULL__EXPR_NE},       {"GT", CULL__EXPR_GT},
                 {"LT", CULL__EXPR_LT},        {"CLAUSE_LT", CULL__EXPR_LT},
                 {"CLAUSE_EQ", CULL__EXPR_EQ}, {"CLAUSE_GT", CULL__EXPR_GT}};
    const char *type, *lambda;
    expr *a, *b = NULL;
    if (cull__json_kind(o) != CULL__JSON_OBJECT) return WRONG(r, "a condition is an object");
    CULL_TRY(text(r, o, "type", &type));
    if (!strcmp(type, "AND")) return joined(r, o, CULL__EXPR_AND, out);
    if (!strcmp(type, "OR")) return joined(r, o, CULL__EXPR_OR, out);
    if (!strncmp(type, "RELATION_", 9)) return relation(r, o, type + 9, out);
    if (!strcmp(type, "RELATION")) {
        CULL_TRY(text(r, o, "lambda", &lambda));
        return relation(r, o, lambda, out);
    }
    CULL_TRY(named(r, o, r->child >= 0 ? "parent" : "name", &a));
    if (!strcmp(type, "IN")) return membership(r, a, o, out);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(type, kinds[i].type)) continue;
        CULL_TRY(valued(r, o, &b));
        return make(r, kinds[i].kind, a, b, out);
    }
    return WRONG(r, "the condition '%.40s' is none of ConfigSpace's that are read here", type);
}

/* Several conditions of one child must all hold. */
static bool on_condition(void *arg, const char *key, size_t n, value v)
{
    reading *r = arg;
    const char *child;
    expr *e;
    (void)key, (void)n;
    r->status = cull__json_kind(v) == CULL__JSON_OBJECT ? text(r, v, "child", &child)
                                                        : WRONG(r, "a condition is an object");
    if (r->status != CULL_OK) return false;
    r->child = find(r, child);
    if (r->child < 0)
        r->status = WRONG(r, "a condition is of '%.80s', which is no hyperparameter", child);
    if (r->status == CULL_OK) r->status = clause(r, v, &e);
    if (r->status != CULL_OK) return false;
    node *of = r->all + r->child;
    if (of->when)
        r->status = make(r, CULL__EXPR_AND, of->when, e, &of->when);
    else
        of->when = e;
    return r->status == CULL_OK;
}

static bool on_forbidden(void *arg, const char *key, size_t n, value v)
{
    reading *r = arg;
    node *rule;
    (void)key, (void)n;
    r->child = -1;
    r->status = CULL_TMP(r->d->cx, rule, 1);
    if (r->status != CULL_OK) return false;
    *rule = (node){.form = CULL__FORM_FORBID, .name = "", .step = 1};
    r->status = clause(r, v, &rule->when);
    *r->tail = rule;
    r->tail = &rule->next;
    return r->status == CULL_OK;
}

/* ---- in order ---- */

static int by_child(const void *a, const void *b)
{
    const edge *x = a, *y = b;
    return x->child != y->child ? (x->child > y->child) - (x->child < y->child)
                                : (x->parent > y->parent) - (x->parent < y->parent);
}

/* Parents before children, else as in the file: depth first along edges, `next` of each child where it goes on. */
static cull_status order(reading *r)
{
    enum { NEW, OPEN, DONE };
    cull_ctx *cx = r->d->cx;
    int64_t *next;
    int *stack;
    uint8_t *state;
    CULL_TRY(CULL_TMP(cx, next, r->count + 1));
    CULL_TRY(CULL_TMP(cx, stack, r->count + 1));
    CULL_TRY(CULL_TMP0(cx, state, r->count + 1));
    if (r->edges) qsort(r->edge, (size_t)r->edges, sizeof *r->edge, by_child);
    for (int64_t i = 0, e = 0; i <= r->count; i++) {
        while (e < r->edges && r->edge[e].child < i) e++;
        next[i] = e;
    }
    for (int i = 0; i < r->count; i++) {
        int deep = 0;
        if (state[i] == NEW) stack[deep++] = i;
        while (deep) {
            int at = stack[deep - 1];
            state[at] = OPEN;
            bool more = next[at] < r->edges && r->edge[next[at]].child == at;
            int up = more ? r->edge[next[at]++].parent : -1;
            if (more && state[up] == OPEN)
                return WRONG(r, "the conditions of '%.80s' and '%.80s' form a circle",
                             r->all[at].name, r->all[up].name);
            if (more && state[up] == NEW) stack[deep++] = up;
            if (more) continue;
            state[at] = DONE;
            deep--;
            *r->tail = r->all + at;
            r->tail = &r->all[at].next;
        }
    }
    return CULL_OK;
}

static cull_status each(reading *r, value root, const char *key, cull__json_fn *fn)
{
    value v;
    if (!cull__json_get(root, key, &v)) return CULL_OK;
    if (cull__json_kind(v) != CULL__JSON_ARRAY) return WRONG(r, "\"%s\" must be a list", key);
    return cull__json_each(v, fn, r) ? CULL_OK : r->status;
}

static cull_status document(reading *r, value root)
{
    value v;
    cull_ctx *cx = r->d->cx;
    cull__json_get(root, "hyperparameters", &v);
    int64_t n = cull__json_kind(v) == CULL__JSON_ARRAY ? cull__json_count(v) : 0;
    if (n > CULL__SPACE_PARAMS)
        return WRONG(r, "there are more than %d hyperparameters", CULL__SPACE_PARAMS);
    CULL_TRY(CULL_TMP(cx, r->all, n + 1));
    CULL_TRY(CULL_TMP(cx, r->by, n + 1));
    CULL_TRY(each(r, root, "hyperparameters", on_parameter));
    for (int i = 0; i < r->count; i++) r->by[i] = i;
    if (r->count) qsort_r(r->by, (size_t)r->count, sizeof *r->by, by_name, r);
    CULL_TRY(each(r, root, "conditions", on_condition));
    CULL_TRY(order(r));
    return each(r, root, "forbiddens", on_forbidden);
}

cull_status cull__space_read_configspace(cull__doc *d, cull__json_value root)
{
    reading r = {.d = d, .tail = &d->child};
    cull_status s = document(&r, root);
    cull__free(r.edge);
    return s;
}

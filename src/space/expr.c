/* expr.c - conditions and constraints: compiled to postfix order, and what they come to at a point.
 *
 * What speaks of a parameter that is not active is neither true nor false (Kleene's logic, NaN): it fulfils no
 * condition, and breaks no constraint. */
#include "space/inner.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef cull__expr expr;

/* ---- at a point ---- */

static double both(double a, double b) { return a == 0 || b == 0 ? 0 : a * b; }
static double either(double a, double b) { return a == 1 || b == 1 ? 1 : a + b; }

static double compare(cull__op_kind k, double a, double b)
{
    if (isnan(a) || isnan(b)) return NAN;
    switch (k) {
    case CULL__OP_EQ: return a == b;
    case CULL__OP_NE: return a != b;
    case CULL__OP_LT: return a < b;
    case CULL__OP_LE: return a <= b;
    case CULL__OP_GT: return a > b;
    default: return a >= b;
    }
}

static double binary(cull__op_kind k, double a, double b)
{
    switch (k) {
    case CULL__OP_ADD: return a + b;
    case CULL__OP_SUB: return a - b;
    case CULL__OP_MUL: return a * b;
    case CULL__OP_DIV: return a / b;
    case CULL__OP_AND: return both(a, b);
    case CULL__OP_OR: return either(a, b);
    default: return compare(k, a, b);
    }
}

static double place_of(const cull__op *o, const double *x)
{
    for (int64_t j = 0; j < o->n; j++)
        if (x[o->at + j] == o->number) return (double)(j + 1);
    return NAN;
}

static double among(const cull__op *o, double v)
{
    for (int64_t j = 0; j < o->n; j++)
        if (o->table[j] == v) return 1;
    return isnan(v) ? NAN : 0;
}

double cull__code_value(const cull__code *c, const double *x)
{
    double stack[CULL__OP_STACK], v;
    int n = 0;
    for (const cull__op *o = c->op, *end = o + c->ops; o < end; o++) switch (o->kind) {
        case CULL__OP_NUMBER: stack[n++] = o->number; break;
        case CULL__OP_VALUE: stack[n++] = x[o->at]; break;
        case CULL__OP_LOOKUP:
            v = x[o->at];
            stack[n++] = isnan(v) ? v : o->table[(int64_t)v];
            break;
        case CULL__OP_PLACE: stack[n++] = place_of(o, x); break;
        case CULL__OP_NEG: stack[n - 1] = -stack[n - 1]; break;
        case CULL__OP_NOT: stack[n - 1] = 1 - stack[n - 1]; break;
        case CULL__OP_IN: stack[n - 1] = among(o, stack[n - 1]); break;
        default: n--; stack[n - 1] = binary(o->kind, stack[n - 1], stack[n]);
        }
    return stack[0];
}

/* ---- names ---- */

typedef struct {
    cull__doc *d;
    cull_space *s;
    const char *scope;
    int before, last;
    cull__op *op;
    int ops, deep, deepest;
} making;

#define WRONG(m, e, ...) cull__space_wrong((m)->d, (e)->line, __VA_ARGS__)

/* What a word is: a parameter, or an item of one. */
typedef struct {
    int i; /* -1: neither */
    int64_t item;
} meaning;

static meaning look(const cull_space *s, const char *name, size_t n)
{
    meaning w = {cull__space_find(s, name, n), -1};
    for (size_t k = n; w.i < 0 && k-- > 1;) {
        if (name[k] != '.') continue;
        int i = cull__space_find(s, name, k);
        const cull_space_param *p = i >= 0 ? s->param + i : NULL;
        if (!p || (p->kind != CULL_SPACE_SUBSET && p->kind != CULL_SPACE_PERMUTATION &&
                   p->kind != CULL_SPACE_SIMPLEX))
            continue;
        for (int64_t j = 0; j < p->n; j++)
            if (strlen(p->value[j]) == n - k - 1 && !strncmp(p->value[j], name + k + 1, n - k - 1))
                return (meaning){i, j};
    }
    return w;
}

/* The innermost scope that knows the word: "block.2.width", "block.width", "width". */
static cull_status resolve(making *m, const expr *e, meaning *out)
{
    char *name;
    size_t n = strlen(m->scope), k = strlen(e->word);
    cull__mark_t mark = cull__mark(m->d->cx);
    CULL_TRY(CULL_TMP(m->d->cx, name, (int64_t)(n + k) + 1));
    memcpy(name, m->scope, n);
    for (;;) {
        memcpy(name + n, e->word, k + 1);
        *out = look(m->s, name, n + k);
        if (out->i >= 0 || !n) break;
        n--;
        while (n && name[n - 1] != '.') n--;
    }
    cull__release(m->d->cx, mark);
    return CULL_OK;
}

static cull_status speaks_of(making *m, const expr *e, int i)
{
    if (i > m->last) m->last = i;
    if (m->before == m->s->params) return CULL_OK;
    m->s->more[i].watched = true;
    if (i == m->before) return WRONG(m, e, "the condition of '%.80s' is about itself", e->word);
    return i < m->before ? CULL_OK
                         : WRONG(m, e,
                                 "a condition can speak only of what stands above it, and '%.80s' "
                                 "stands below",
                                 e->word);
}

static cull_status unknown(making *m, const expr *e)
{
    const char **names;
    int count = m->s->params < 2000 ? m->s->params : 2000;
    CULL_TRY(CULL_TMP(m->d->cx, names, count));
    for (int i = 0; i < count; i++) names[i] = m->s->param[i].name;
    const char *near = cull__nearest(e->word, names, count);
    return WRONG(m, e, "there is no parameter '%.80s'%s%.100s%s", e->word,
                 near ? "; the nearest is '" : "", near ? near : "", near ? "'" : "");
}

/* ---- to postfix order ---- */

static cull_status push(making *m, const expr *e, cull__op o)
{
    bool leaf = o.kind <= CULL__OP_PLACE,
         unary = o.kind == CULL__OP_NEG || o.kind == CULL__OP_NOT || o.kind == CULL__OP_IN;
    m->deep += leaf ? 1 : unary ? 0 : -1;
    if (m->deep > CULL__OP_STACK)
        return WRONG(m, e, "an expression is nested too deep; take it apart");
    m->op[m->ops++] = o;
    return CULL_OK;
}

static cull_status number_of(making *m, const expr *e);

static cull_status number_of_word(making *m, const expr *e)
{
    meaning w;
    double v;
    CULL_TRY(resolve(m, e, &w));
    if (w.i < 0 && !e->quoted && cull__parse_f64(e->word, strlen(e->word), &v) && isfinite(v))
        return push(m, e, (cull__op){.kind = CULL__OP_NUMBER, .number = v});
    if (w.i < 0) return unknown(m, e);
    CULL_TRY(speaks_of(m, e, w.i));
    const cull_space_param *p = m->s->param + w.i;
    if (w.item >= 0 && p->kind == CULL_SPACE_PERMUTATION)
        return push(
            m, e,
            (cull__op){.kind = CULL__OP_PLACE, .at = p->at, .n = p->n, .number = (double)w.item});
    if (w.item >= 0) return push(m, e, (cull__op){.kind = CULL__OP_VALUE, .at = p->at + w.item});
    if (p->kind == CULL_SPACE_REAL || p->kind == CULL_SPACE_INT)
        return push(m, e, (cull__op){.kind = CULL__OP_VALUE, .at = p->at});
    if (p->number)
        return push(m, e, (cull__op){.kind = CULL__OP_LOOKUP, .at = p->at, .table = p->number});
    if (p->width > 1 || p->kind == CULL_SPACE_SUBSET || p->kind == CULL_SPACE_PERMUTATION ||
        p->kind == CULL_SPACE_SIMPLEX)
        return WRONG(m, e, "'%.80s' has many numbers; name one of its items, as %.80s.%.40s",
                     e->word, e->word, p->value[0]);
    return WRONG(m, e, "'%.80s' is no number; compare it with one of its values, as %.80s == %.40s",
                 e->word, e->word, p->value[0]);
}

static cull_status number_of(making *m, const expr *e)
{
    static const cull__op_kind ops[] = {CULL__OP_ADD, CULL__OP_SUB, CULL__OP_MUL, CULL__OP_DIV};
    if (e->kind == CULL__EXPR_WORD) return number_of_word(m, e);
    if (e->kind < CULL__EXPR_ADD)
        return WRONG(m, e, "a number was expected, not what is true or false");
    CULL_TRY(number_of(m, e->a));
    if (e->kind == CULL__EXPR_NEG) return push(m, e, (cull__op){.kind = CULL__OP_NEG});
    CULL_TRY(number_of(m, e->b));
    return push(m, e, (cull__op){.kind = ops[e->kind - CULL__EXPR_ADD]});
}

/* The parameter that e is by itself, or NULL. */
static cull_status itself(making *m, const expr *e, const cull_space_param **out)
{
    meaning w;
    *out = NULL;
    if (e->kind != CULL__EXPR_WORD) return CULL_OK;
    CULL_TRY(resolve(m, e, &w));
    if (w.i >= 0 && w.item < 0) *out = m->s->param + w.i;
    return CULL_OK;
}

/* If it has named values. */
static cull_status named(making *m, const expr *e, const cull_space_param **out)
{
    CULL_TRY(itself(m, e, out));
    const cull_space_param *p = *out;
    if (p && p->kind != CULL_SPACE_CATEGORY && p->kind != CULL_SPACE_ORDINAL) *out = NULL;
    return CULL_OK;
}

static int64_t value_of(const cull_space_param *p, const expr *e)
{
    char why[300];
    double v;
    if (e->kind != CULL__EXPR_WORD || !cull__value_read(p, e->word, &v, why)) return -1;
    return (int64_t)v;
}

static bool same_values(const cull_space_param *p, const cull_space_param *q)
{
    bool same = p->n == q->n && p->kind == q->kind;
    for (int64_t j = 0; same && j < p->n && p->value != q->value; j++)
        same = !strcmp(p->value[j], q->value[j]);
    return same;
}

static cull_status push_value(making *m, const expr *e, const cull_space_param *p)
{
    CULL_TRY(speaks_of(m, e, (int)(p - m->s->param)));
    return push(m, e, (cull__op){.kind = CULL__OP_VALUE, .at = p->at});
}

static cull_status no_value(making *m, const expr *e, const cull_space_param *p)
{
    char why[300];
    double v;
    if (e->kind == CULL__EXPR_WORD && !cull__value_read(p, e->word, &v, why))
        return WRONG(m, e, "%.100s: %s", p->name, why);
    return WRONG(m, e, "%.100s has named values; it is compared with one of them, as == %.40s",
                 p->name, p->value[0]);
}

/* a (parameter p) against b: a value's name, another parameter of the same values. *done = false: neither. */
static cull_status compare_named(making *m, const expr *e, const expr *a, const expr *b,
                                 const cull_space_param *p, cull__op_kind k, bool *done)
{
    const cull_space_param *q;
    int64_t j = value_of(p, b);
    CULL_TRY(named(m, b, &q));
    *done = j >= 0 || (q && same_values(p, q));
    if (!*done) return CULL_OK;
    if (p->kind == CULL_SPACE_CATEGORY && k != CULL__OP_EQ && k != CULL__OP_NE)
        return WRONG(m, e, "the values of '%.80s' have no order; == and != compare them, or in",
                     a->word);
    CULL_TRY(push_value(m, a, p));
    if (j >= 0)
        CULL_TRY(push(m, b, (cull__op){.kind = CULL__OP_NUMBER, .number = (double)j}));
    else
        CULL_TRY(push_value(m, b, q));
    return push(m, e, (cull__op){.kind = k});
}

/* a == e or a != e: where a is a parameter of numbers and e a number, it is one of them. */
static cull_status check_number(making *m, const expr *a, const expr *e)
{
    const cull_space_param *p;
    char text[CULL__SPACE_NAME + 2];
    bool minus = e->kind == CULL__EXPR_NEG;
    const expr *of = minus ? e->a : e;
    meaning w;
    double v;
    CULL_TRY(itself(m, a, &p));
    if (!p || (p->kind != CULL_SPACE_INT && p->kind != CULL_SPACE_REAL && !p->number))
        return CULL_OK;
    if (of->kind != CULL__EXPR_WORD || of->quoted) return CULL_OK;
    CULL_TRY(resolve(m, of, &w));
    snprintf(text, sizeof text, "%s%s", minus ? "-" : "", of->word);
    if (w.i >= 0 || !cull__parse_f64(text, strlen(text), &v)) return CULL_OK;
    char why[300];
    return cull__value_read(p, text, &v, why) ? CULL_OK : WRONG(m, e, "%.100s: %s", p->name, why);
}

static cull_status comparison(making *m, const expr *e)
{
    static const cull__op_kind ops[] = {CULL__OP_EQ, CULL__OP_NE, CULL__OP_LT,
                                        CULL__OP_LE, CULL__OP_GT, CULL__OP_GE},
                               turned[] = {CULL__OP_EQ, CULL__OP_NE, CULL__OP_GT,
                                           CULL__OP_GE, CULL__OP_LT, CULL__OP_LE};
    int k = (int)(e->kind - CULL__EXPR_EQ);
    const cull_space_param *p, *q;
    bool done = false;
    CULL_TRY(named(m, e->a, &p));
    CULL_TRY(named(m, e->b, &q));
    if (p) CULL_TRY(compare_named(m, e, e->a, e->b, p, ops[k], &done));
    if (q && !done) CULL_TRY(compare_named(m, e, e->b, e->a, q, turned[k], &done));
    if (done) return CULL_OK;
    if (p && !p->number) return no_value(m, e->b, p);
    if (q && !q->number) return no_value(m, e->a, q);
    bool equal = e->kind == CULL__EXPR_EQ || e->kind == CULL__EXPR_NE;
    if (equal) CULL_TRY(check_number(m, e->a, e->b));
    if (equal) CULL_TRY(check_number(m, e->b, e->a));
    CULL_TRY(number_of(m, e->a));
    CULL_TRY(number_of(m, e->b));
    return push(m, e, (cull__op){.kind = ops[k]});
}

static cull_status membership(making *m, const expr *e)
{
    const cull_space_param *p;
    double *table, v;
    int64_t n = 0;
    CULL_TRY(named(m, e->a, &p));
    for (const expr *k = e->b; k; k = k->next) n++;
    CULL_TRY(CULL__SPACE_ROOM(m->d->cx, m->s, table, n));
    n = 0;
    for (const expr *k = e->b; k; k = k->next) {
        int64_t j = p ? value_of(p, k) : -1;
        if (p && j < 0) return no_value(m, k, p);
        if (!p && (!cull__parse_f64(k->word, strlen(k->word), &v) || !isfinite(v)))
            return WRONG(m, k, "'%.80s' is no number; so are all in the braces", k->word);
        if (!p) CULL_TRY(check_number(m, e->a, k));
        table[n++] = p ? (double)j : v;
    }
    CULL_TRY(p ? push_value(m, e->a, p) : number_of(m, e->a));
    return push(m, e, (cull__op){.kind = CULL__OP_IN, .n = n, .table = table});
}

/* A word that is true or false by itself: an optional, an item of a subset. */
static cull_status truth_of_word(making *m, const expr *e)
{
    meaning w;
    CULL_TRY(resolve(m, e, &w));
    if (w.i < 0) return unknown(m, e);
    const cull_space_param *p = m->s->param + w.i;
    bool is = w.item >= 0 ? p->kind == CULL_SPACE_SUBSET : p->role == CULL_SPACE_OPTIONAL;
    if (!is)
        return WRONG(m, e, "'%.80s' is neither true nor false; compare it, as %.80s == ...",
                     e->word, e->word);
    CULL_TRY(speaks_of(m, e, w.i));
    int64_t at = p->at + (w.item >= 0 ? w.item : 0);
    return push(m, e, (cull__op){.kind = CULL__OP_VALUE, .at = at});
}

static cull_status truth_of(making *m, const expr *e)
{
    switch (e->kind) {
    case CULL__EXPR_WORD: return truth_of_word(m, e);
    case CULL__EXPR_IN: return membership(m, e);
    case CULL__EXPR_NOT:
        CULL_TRY(truth_of(m, e->a));
        return push(m, e, (cull__op){.kind = CULL__OP_NOT});
    case CULL__EXPR_AND:
    case CULL__EXPR_OR:
        CULL_TRY(truth_of(m, e->a));
        CULL_TRY(truth_of(m, e->b));
        return push(m, e,
                    (cull__op){.kind = e->kind == CULL__EXPR_AND ? CULL__OP_AND : CULL__OP_OR});
    default:
        if (e->kind >= CULL__EXPR_ADD)
            return WRONG(m, e, "a number is neither true nor false; compare it");
        return comparison(m, e);
    }
}

static int64_t parts(const expr *e)
{
    return e ? 1 + parts(e->a) + (e->kind == CULL__EXPR_IN ? 0 : parts(e->b)) : 0;
}

cull_status cull__expr_compile(cull__doc *d, cull_space *s, const cull__expr *e, const char *scope,
                               int before, cull__code *out, int *last)
{
    making m = {.d = d, .s = s, .scope = scope, .before = before, .last = -1};
    CULL_TRY(CULL__SPACE_ROOM(d->cx, s, m.op, parts(e)));
    CULL_TRY(truth_of(&m, e));
    *out = (cull__code){m.op, m.ops};
    *last = m.last;
    return CULL_OK;
}

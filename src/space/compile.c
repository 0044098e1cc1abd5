/* compile.c - a document made into parameters: copies and branches laid out in order, names, activity. */
#include "space/inner.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef cull__node node;

typedef struct {
    const node *node;
    const char *scope; /* "block.2.": what its names are looked up in first */
} scoped;

typedef struct {
    cull__doc *d;
    cull_space *s;
    scoped *of; /* params */
    scoped *rule;
    int64_t names; /* bytes so far */
    int rules;
} making;

#define WRONG(m, n, ...) cull__space_wrong((m)->d, (n)->line, __VA_ARGS__)

/* ---- the space's own memory ---- */

typedef struct block {
    struct block *before;
} block;

cull_status cull__space_room(cull_ctx *cx, cull_space *s, void **out, int64_t n, size_t size)
{
    enum { LEAST = 16384, HEAD = 64 };
    int64_t bytes = (n * (int64_t)size + 15) & ~INT64_C(15);
    if (!s->block || s->block_used + bytes > s->block_size) {
        char *b;
        int64_t take = bytes + HEAD > LEAST ? bytes + HEAD : LEAST;
        CULL_TRY(CULL_ALLOC(cx, b, take));
        ((block *)(void *)b)->before = s->block;
        s->block = b;
        s->block_used = HEAD;
        s->block_size = take;
    }
    *out = (char *)s->block + s->block_used;
    s->block_used += bytes;
    return CULL_OK;
}

void cull_space_free(cull_space *s)
{
    if (!s) return;
    for (block *b = s->block, *before; b; b = before) {
        before = b->before;
        cull__free(b);
    }
    cull__free(s->text);
    cull__free(s->point);
    cull__free(s->upto);
    cull__free(s);
}

/* ---- how many there will be ---- */

typedef struct {
    double params, width, rules;
} size;

static size size_of(const node *n);

static size size_of_list(const node *n)
{
    size all = {0};
    for (; n; n = n->next) {
        size one = size_of(n);
        all.params += one.params;
        all.width += one.width;
        all.rules += one.rules;
    }
    return all;
}

static size size_of(const node *n)
{
    if (n->form == CULL__FORM_FORBID || n->form == CULL__FORM_REQUIRE) return (size){.rules = 1};
    size in = size_of_list(n->child);
    if (n->form == CULL__FORM_BRANCH) return in;
    double copies = n->form == CULL__FORM_REPEAT && !n->tied ? n->hi : 1;
    bool many = n->form == CULL__FORM_SUBSET || n->form == CULL__FORM_PERMUTATION ||
                n->form == CULL__FORM_SIMPLEX;
    return (size){1 + copies * in.params, (many ? (double)n->items : 1) + copies * in.width,
                  copies * in.rules};
}

/* ---- names ---- */

static cull_key key_of(const char *s)
{
    size_t n = strlen(s);
    return (cull_key){{cull__hash64(s, n, 0), cull__hash64(s, n, 1)}};
}

static cull_status join(making *m, const node *n, const char *a, const char *b, const char *c,
                        const char **out)
{
    char *s;
    size_t k = strlen(a) + strlen(b) + strlen(c) + 1;
    m->names += (int64_t)k;
    if (m->names > CULL__SPACE_NAMES)
        return WRONG(m, n, "%s: the names of parameters take more than 64 MiB", n->name);
    CULL_TRY(CULL__SPACE_ROOM(m->d->cx, m->s, s, (int64_t)k));
    snprintf(s, k, "%s%s%s", a, b, c);
    *out = s;
    return CULL_OK;
}

int cull__space_find(const cull_space *s, const char *name, size_t n)
{
    uint64_t h = cull__hash64(name, n, 0);
    for (int64_t k = (int64_t)h & (s->slots - 1); s->slot[k]; k = (k + 1) & (s->slots - 1)) {
        const char *is = s->param[s->slot[k] - 1].name;
        if (!strncmp(is, name, n) && !is[n]) return s->slot[k] - 1;
    }
    return -1;
}

static cull_status enter(making *m, const node *n, const char *name)
{
    cull_space *s = m->s;
    int twice = cull__space_find(s, name, strlen(name));
    if (twice >= 0) {
        const node *first = m->of[twice].node;
        if (m->d->json) return WRONG(m, n, "there are two parameters '%.100s'", name);
        return WRONG(m, n, "there is a parameter '%.100s' already, on line %d", name, first->line);
    }
    int64_t k = (int64_t)s->more[s->params].id.word[0] & (s->slots - 1);
    while (s->slot[k]) k = (k + 1) & (s->slots - 1);
    s->slot[k] = s->params + 1;
    return CULL_OK;
}

/* ---- values ---- */

static bool all_numbers(const node *n)
{
    double v;
    for (int64_t i = 0; i < n->items; i++)
        if (!cull__parse_f64(n->item[i], strlen(n->item[i]), &v) || !isfinite(v)) return false;
    return true;
}

/* Names of values, once for all copies. */
static cull_status values(making *m, node *n, const char *const *item, int64_t count)
{
    cull_ctx *cx = m->d->cx;
    const char **value;
    cull_key *key;
    if (n->value) return CULL_OK;
    CULL_TRY(CULL__SPACE_ROOM(cx, m->s, value, count));
    CULL_TRY(CULL__SPACE_ROOM(cx, m->s, key, count));
    for (int64_t i = 0; i < count; i++) {
        CULL_TRY(join(m, n, item[i], "", "", &value[i]));
        key[i] = key_of(value[i]);
    }
    n->value = value;
    n->key = key;
    if (n->weight) {
        double *chance, sum = 0;
        CULL_TRY(CULL__SPACE_ROOM(cx, m->s, chance, count));
        for (int64_t i = 0; i < count; i++) sum += n->weight[i];
        for (int64_t i = 0; i < count; i++) chance[i] = n->weight[i] / sum;
        n->chance = chance;
    }
    if (n->form != CULL__FORM_ORDINAL || !all_numbers(n)) return CULL_OK;
    double *number;
    CULL_TRY(CULL__SPACE_ROOM(cx, m->s, number, count));
    for (int64_t i = 0; i < count; i++) cull__parse_f64(value[i], strlen(value[i]), &number[i]);
    n->number = number;
    return CULL_OK;
}

static cull_status branch_values(making *m, node *n)
{
    const char **name;
    int64_t k = 0;
    for (const node *b = n->child; b; b = b->next) k++;
    CULL_TRY(CULL_TMP(m->d->cx, name, k + 1));
    k = 0;
    for (const node *b = n->child; b; b = b->next) name[k++] = b->name;
    n->items = k;
    return values(m, n, name, k);
}

static cull_status domain(making *m, node *n, cull_space_param *p)
{
    static const cull_space_kind kinds[] = {
        CULL_SPACE_REAL,     CULL_SPACE_INT,         CULL_SPACE_CATEGORY, CULL_SPACE_ORDINAL,
        CULL_SPACE_SUBSET,   CULL_SPACE_PERMUTATION, CULL_SPACE_SIMPLEX,  CULL_SPACE_CATEGORY,
        CULL_SPACE_CATEGORY, CULL_SPACE_INT};
    static const char *const no_yes[] = {"no", "yes"};
    p->kind = kinds[n->form];
    p->width = 1;
    switch (n->form) {
    case CULL__FORM_REAL:
    case CULL__FORM_INT:
    case CULL__FORM_REPEAT:
        p->lo = n->lo;
        p->hi = n->hi;
        p->log = n->log;
        if (p->kind == CULL_SPACE_REAL) return CULL_OK;
        p->step = n->form == CULL__FORM_INT ? n->step : 1;
        p->n = (int64_t)floor((p->hi - p->lo) / p->step) + 1;
        p->hi = p->lo + (double)(p->n - 1) * p->step;
        p->role = n->form == CULL__FORM_REPEAT ? CULL_SPACE_REPEAT : CULL_SPACE_LEAF;
        return CULL_OK;
    case CULL__FORM_OR:
        p->role = CULL_SPACE_OR;
        CULL_TRY(branch_values(m, n));
        break;
    case CULL__FORM_OPTIONAL:
        p->role = CULL_SPACE_OPTIONAL;
        n->items = 2;
        CULL_TRY(values(m, n, no_yes, 2));
        break;
    default: CULL_TRY(values(m, n, n->item, n->items));
    }
    p->n = n->items;
    p->value = n->value;
    p->number = n->number;
    p->weight = n->chance;
    if (n->form == CULL__FORM_SUBSET || n->form == CULL__FORM_PERMUTATION ||
        n->form == CULL__FORM_SIMPLEX)
        p->width = p->n;
    p->least = n->least;
    p->most = n->most;
    return CULL_OK;
}

static cull_status preset(making *m, node *n, const cull_space_param *p, cull__more *more)
{
    double *v;
    char why[300];
    if (n->preset && !n->numbers) {
        CULL_TRY(CULL__SPACE_ROOM(m->d->cx, m->s, v, p->width));
        if (!cull__value_read(p, n->preset, v, why))
            return WRONG(m, n, "%s: its default: %s", n->name, why);
        n->numbers = v;
    }
    more->preset = n->numbers;
    return CULL_OK;
}

/* ---- parameters ---- */

typedef struct {
    const char *scope;
    int within;
    double from, to;
} place;

static cull_status lay_list(making *m, node *n, place at);

static cull_status lay_inside(making *m, node *n, int i, const char *name)
{
    char number[16];
    place in = {.within = i};
    if (n->form == CULL__FORM_OR) {
        int k = 0;
        for (node *b = n->child; b; b = b->next, k++) {
            if (!b->child) continue;
            CULL_TRY(join(m, n, name, ".", b->name, &in.scope));
            CULL_TRY(join(m, n, in.scope, ".", "", &in.scope));
            in.from = in.to = k;
            CULL_TRY(lay_list(m, b->child, in));
        }
        return CULL_OK;
    }
    int copies = n->form == CULL__FORM_REPEAT && !n->tied ? (int)n->hi : 1;
    in.to = n->form == CULL__FORM_REPEAT ? n->hi : 1;
    for (int k = 1; k <= copies && n->child; k++) {
        snprintf(number, sizeof number, ".%d.", k);
        bool tied = n->tied || n->form == CULL__FORM_OPTIONAL;
        CULL_TRY(join(m, n, name, tied ? "." : number, "", &in.scope));
        in.from = k;
        CULL_TRY(lay_list(m, n->child, in));
    }
    return CULL_OK;
}

static cull_status lay(making *m, node *n, place at)
{
    cull_space *s = m->s;
    if (n->form == CULL__FORM_FORBID || n->form == CULL__FORM_REQUIRE) {
        m->rule[m->rules++] = (scoped){n, at.scope};
        return CULL_OK;
    }
    int i = s->params;
    cull_space_param *p = s->param + i;
    cull__more *more = s->more + i;
    CULL_TRY(join(m, n, at.scope, n->name, "", &p->name));
    more->id = key_of(p->name);
    CULL_TRY(enter(m, n, p->name));
    m->of[i] = (scoped){n, at.scope};
    CULL_TRY(domain(m, n, p));
    CULL_TRY(preset(m, n, p, more));
    more->value = n->key;
    p->at = s->width;
    p->within = at.within;
    p->from = at.from;
    p->to = at.to;
    p->when = n->when != NULL;
    const cull_space_param *up = p->within >= 0 ? s->param + p->within : NULL;
    more->always = !p->when && (!up || (s->more[p->within].always && up->kind == CULL_SPACE_INT &&
                                        up->lo >= p->from && up->hi <= p->to));
    s->width += p->width;
    s->params++;
    CULL_TRY(lay_inside(m, n, i, p->name));
    more->end = s->params;
    return CULL_OK;
}

static cull_status lay_list(making *m, node *n, place at)
{
    for (; n; n = n->next) CULL_TRY(lay(m, n, at));
    return CULL_OK;
}

/* ---- conditions and constraints ---- */

static cull_status conditions(making *m)
{
    cull_space *s = m->s;
    int last;
    for (int i = 0; i < s->params; i++)
        if (s->param[i].when)
            CULL_TRY(cull__expr_compile(m->d, s, m->of[i].node->when, m->of[i].scope, i,
                                        &s->more[i].when, &last));
    return CULL_OK;
}

static int by_last(const void *a, const void *b)
{
    const cull__rule *x = a, *y = b;
    return x->last != y->last ? (x->last > y->last) - (x->last < y->last)
                              : (x->line > y->line) - (x->line < y->line);
}

/* "forbid width > 3 (in block.2)" */
static cull_status rule_text(making *m, scoped r, const char **out)
{
    cull_buf b = CULL_BUF(m->d->cx);
    size_t n = strlen(r.scope);
    cull__buf_printf(&b, r.node->form == CULL__FORM_FORBID ? "forbid " : "require ");
    cull__expr_write(&b, r.node->when);
    if (n) cull__buf_printf(&b, " (in %.*s)", (int)n - 1, r.scope);
    cull_status st = b.status;
    if (st == CULL_OK) st = join(m, r.node, b.at, "", "", out);
    cull__buf_free(&b);
    return st;
}

static cull_status rules(making *m)
{
    cull_space *s = m->s;
    CULL_TRY(CULL__SPACE_ROOM(m->d->cx, s, s->rule, m->rules));
    for (int k = 0; k < m->rules; k++) {
        const node *n = m->rule[k].node;
        cull__rule *r = s->rule + s->rules;
        *r = (cull__rule){.forbid = n->form == CULL__FORM_FORBID, .line = n->line};
        CULL_TRY(
            cull__expr_compile(m->d, s, n->when, m->rule[k].scope, s->params, &r->code, &r->last));
        CULL_TRY(rule_text(m, m->rule[k], &r->text));
        if (r->last < 0)
            return WRONG(m, n,
                         "a constraint must speak of a parameter; this one is always the same");
        s->rules++;
    }
    if (s->rules) qsort(s->rule, (size_t)s->rules, sizeof *s->rule, by_last);
    for (int k = 0; k < s->rules; k++) {
        cull__more *more = s->more + s->rule[k].last;
        if (!more->rules++) more->rule = k;
    }
    return CULL_OK;
}

/* ---- all of it ---- */

static cull_status room_for(making *m)
{
    cull_ctx *cx = m->d->cx;
    cull_space *s = m->s;
    size z = size_of_list(m->d->child);
    if (z.params > CULL__SPACE_PARAMS || z.rules > CULL__SPACE_PARAMS)
        return cull__fail(
            cx, CULL_EINPUT,
            "%s: %.0f parameters and %.0f constraints, copies and all; a space has at "
            "most %d of either",
            m->d->file, z.params, z.rules, CULL__SPACE_PARAMS);
    if (z.width > CULL__SPACE_WIDTH)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: a point would have %.0f numbers, copies and items and all; at most "
                          "%d are allowed",
                          m->d->file, z.width, CULL__SPACE_WIDTH);
    if (z.params < 1)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: there is no parameter; a line such as 'lr = real(0, 1)' makes one",
                          m->d->file);
    CULL_TRY(CULL__SPACE_ROOM(cx, s, s->param, (int64_t)z.params));
    CULL_TRY(CULL__SPACE_ROOM(cx, s, s->more, (int64_t)z.params));
    for (s->slots = 16; s->slots < 2 * (int64_t)z.params;) s->slots *= 2;
    CULL_TRY(CULL__SPACE_ROOM(cx, s, s->slot, s->slots));
    CULL_TRY(CULL_TMP0(cx, m->of, (int64_t)z.params));
    return CULL_TMP0(cx, m->rule, (int64_t)z.rules + 1);
}

static cull_status reach(making *m)
{
    int *line;
    CULL_TRY(CULL_TMP(m->d->cx, line, m->s->params));
    for (int i = 0; i < m->s->params; i++) line[i] = m->of[i].node->line;
    return cull__space_reach(m->d, m->s, line);
}

static bool flat(const cull_space *s)
{
    bool all = s->rules == 0;
    for (int i = 0; i < s->params && all; i++) {
        const cull_space_param *p = s->param + i;
        all = p->kind == CULL_SPACE_REAL && p->lo < p->hi && s->more[i].always;
    }
    return all;
}

static cull_status compile(making *m)
{
    cull_ctx *cx = m->d->cx;
    cull_buf b = CULL_BUF(cx);
    CULL_TRY(room_for(m));
    CULL_TRY(lay_list(m, m->d->child, (place){.scope = "", .within = -1}));
    CULL_TRY(conditions(m));
    CULL_TRY(rules(m));
    m->s->flat = flat(m->s);
    cull__space_write(&b, m->d);
    m->s->text = b.at;
    CULL_TRY(b.status);
    m->s->text_n = b.n;
    m->s->hash = cull__hash64(b.at, b.n, 0);
    cull__space_lay_features(m->s);
    return reach(m);
}

cull_status cull__space_compile(cull__doc *d, cull_space **out)
{
    making m = {.d = d};
    CULL_TRY(CULL_ALLOC(d->cx, m.s, 1));
    cull_status s = compile(&m);
    if (s == CULL_OK)
        *out = m.s;
    else
        cull_space_free(m.s);
    return s;
}

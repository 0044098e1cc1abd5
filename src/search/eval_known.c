/* eval_known.c - a table of known results: read, and found by design. See eval_table.h. */
#include "search/eval_rows.h"
#include "search/eval_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- by design ---- */

static bool same(cull_key a, cull_key b) { return !memcmp(&a, &b, sizeof a); }

static int64_t slot_of(const cull__known *k, cull_key key)
{
    int64_t at = (int64_t)(key.word[0] & (uint64_t)(k->slots - 1));
    while (k->slot[at] >= 0 && !same(k->key[at], key)) at = (at + 1) & (k->slots - 1);
    return at;
}

static cull_status wider(cull_ctx *cx, cull__known *k)
{
    cull__known w = *k;
    w.slots = k->slots ? 2 * k->slots : 1024;
    w.slot = NULL, w.key = NULL;
    CULL_TRY(CULL_ALLOC(cx, w.slot, w.slots));
    cull_status s = CULL_ALLOC(cx, w.key, w.slots);
    if (s != CULL_OK) {
        cull__free(w.slot);
        return s;
    }
    for (int64_t i = 0; i < w.slots; i++) w.slot[i] = -1;
    for (int64_t i = 0; i < k->slots; i++) {
        if (k->slot[i] < 0) continue;
        int64_t at = slot_of(&w, k->key[i]);
        w.slot[at] = k->slot[i], w.key[at] = k->key[i];
    }
    cull__free(k->slot);
    cull__free(k->key);
    *k = w;
    return CULL_OK;
}

/* A second row of a design is a replicate, or part of a mean, or the same again; else a mistake. */
static cull_status chain(cull_ctx *cx, cull__known *k, int64_t first, int64_t row)
{
    const cull_search_problem *p = k->problem;
    int64_t last = first;
    bool many = k->o.mean || p->replicates > 1 || p->again == CULL_AGAIN_PAID;
    while (k->next[last] >= 0) last = k->next[last];
    for (int64_t j = 0; j < k->cols && !many; j++) {
        double a = k->v[first * k->cols + j], b = k->v[row * k->cols + j];
        if (a == b || (isnan(a) && isnan(b))) continue;
        return cull__fail(cx, CULL_EINPUT,
                          "%s:%" PRId64 ": the point of line %" PRId64
                          " again, with other values; say that their mean counts, or ask for "
                          "replicates",
                          k->path, k->line[row], k->line[first]);
    }
    if (many) k->next[last] = row;
    return CULL_OK;
}

cull_status cull__known_add(cull_ctx *cx, cull__known *k, const double *x, const double *v,
                            int64_t line)
{
    int64_t row = k->rows;
    cull_key key = cull_space_key(k->problem->space, x);
    CULL_TRY(CULL_GROW(cx, k->v, &k->cap, (row + 1) * k->cols));
    CULL_TRY(CULL_GROW(cx, k->next, &k->next_cap, row + 1));
    CULL_TRY(CULL_GROW(cx, k->line, &k->line_cap, row + 1));
    if (2 * k->designs >= k->slots) CULL_TRY(wider(cx, k));
    memcpy(k->v + row * k->cols, v, (size_t)k->cols * sizeof *v);
    k->next[row] = -1;
    k->line[row] = line;
    if (k->points) {
        int64_t width = cull_space_width(k->problem->space);
        CULL_TRY(CULL_GROW(cx, k->point, &k->point_cap, (row + 1) * width));
        memcpy(k->point + row * width, x, (size_t)width * sizeof *x);
    }
    if (k->o.nearest) {
        double *code;
        CULL_TRY(CULL_GROW(cx, k->code, &k->code_cap, (row + 1) * k->features));
        CULL_TRY(CULL_TMP(cx, code, k->features));
        cull_space_encode(k->problem->space, CULL_ENCODE_ONEHOT, x, code);
        for (int64_t j = 0; j < k->features; j++) k->code[row * k->features + j] = (float)code[j];
    }
    int64_t at = slot_of(k, key);
    if (k->slot[at] >= 0)
        CULL_TRY(chain(cx, k, k->slot[at], row));
    else
        k->slot[at] = row, k->key[at] = key, k->designs++;
    k->rows++;
    return CULL_OK;
}

int64_t cull__known_find(const cull__known *k, const double *x)
{
    return k->slots ? k->slot[slot_of(k, cull_space_key(k->problem->space, x))] : -1;
}

int64_t cull__known_nearest(const cull__known *k, const double *code)
{
    int64_t best = -1;
    double least = INFINITY;
    for (int64_t i = 0; i < k->rows; i++) {
        double d = 0;
        for (int64_t j = 0; j < k->features; j++) {
            double e = code[j] - (double)k->code[i * k->features + j];
            d += e * e;
        }
        if (d < least) least = d, best = i;
    }
    return best;
}

void cull__known_drop(cull__known *k)
{
    cull__free(k->v);
    cull__free(k->next);
    cull__free(k->line);
    cull__free(k->slot);
    cull__free(k->key);
    cull__free(k->code);
    cull__free(k->point);
    cull__free(k->x);
    memset(k, 0, sizeof *k);
}

/* ---- from text ---- */

typedef struct {
    cull__known *k;
    int points; /* columns of the point; those of values follow */
    double *v;  /* cols */
    const char **name;
    int columns;
} reading;

/* A sentence of the space about a cell becomes one about the line. */
static cull_status at_line(cull_ctx *cx, const cull__known *k, int64_t line)
{
    char why[400];
    snprintf(why, sizeof why, "%s", cull_error(cx));
    return cull__fail(cx, CULL_EINPUT, "%s:%" PRId64 ": %s", k->path, line, why);
}

/* Digit i is the value of parameter i. */
static cull_status from_digits(cull_ctx *cx, cull__known *k, const cull__cell *c, int64_t line)
{
    const cull_space *s = k->problem->space;
    int n = cull_space_params(s);
    char shown[64];
    cull__quote(c->s, c->n, shown, sizeof shown);
    if (c->n != (size_t)n)
        return cull__fail(cx, CULL_EINPUT,
                          "%s:%" PRId64 ": %s '%s' has %zu digits, the space %d parameters%s",
                          k->path, line, k->o.key, shown, c->n, n,
                          c->n < (size_t)n ? "; zeros in front belong to it" : "");
    for (int i = 0; i < n; i++) {
        const cull_space_param *p = cull_space_at(s, i);
        int v = c->s[i] - '0';
        bool index = p->kind == CULL_SPACE_CATEGORY || p->kind == CULL_SPACE_ORDINAL;
        bool fits = index ? v < p->n : v >= p->lo && v <= p->hi;
        if (v < 0 || v > 9 || !fits)
            return cull__fail(cx, CULL_EINPUT,
                              "%s:%" PRId64 ": %s '%s': '%c' is no value of %s, its place %d",
                              k->path, line, k->o.key, shown, c->s[i], p->name, i + 1);
        k->x[p->at] = v;
    }
    return CULL_OK;
}

static cull_status from_columns(cull_ctx *cx, cull__known *k, const cull__cell *c, int64_t line)
{
    const cull_space *s = k->problem->space;
    for (int i = 0; i < cull_space_params(s); i++) {
        const cull_space_param *p = cull_space_at(s, i);
        for (int64_t j = 0; j < p->width; j++) k->x[p->at + j] = NAN;
        if (!cull_space_active(s, k->x, i)) continue;
        if (!c[i].n && !c[i].list)
            return cull__fail(cx, CULL_EINPUT, "%s:%" PRId64 ": '%s' is blank", k->path, line,
                              p->name);
        if (cull__rows_set(cx, s, i, &c[i], k->x) != CULL_OK) return at_line(cx, k, line);
    }
    return CULL_OK;
}

static cull_status row(cull_ctx *cx, void *user, int64_t line, const cull__cell *cell)
{
    reading *g = user;
    cull__known *k = g->k;
    char shown[48];
    CULL_TRY(k->o.key ? from_digits(cx, k, cell, line) : from_columns(cx, k, cell, line));
    if (cull_space_check(cx, k->problem->space, k->x) != CULL_OK) return at_line(cx, k, line);
    for (int64_t j = 0; j < k->cols; j++) {
        const cull__cell *c = &cell[g->points + j];
        g->v[j] = NAN;
        if (c->n && !cull__parse_f64(c->s, c->n, &g->v[j]))
            return cull__fail(cx, CULL_EINPUT, "%s:%" PRId64 ": column '%s' is '%s', no number",
                              k->path, line, g->name[g->points + j],
                              cull__quote(c->s, c->n, shown, sizeof shown));
    }
    return cull__known_add(cx, k, k->x, g->v, line);
}

static void columns(reading *g)
{
    const cull__known *k = g->k;
    const cull_search_problem *p = k->problem;
    int n = 0, params = cull_space_params(p->space);
    if (k->o.key) g->name[n++] = k->o.key;
    for (int i = 0; i < params && !k->o.key; i++) g->name[n++] = cull_space_at(p->space, i)->name;
    g->points = n;
    for (int i = 0; i < p->objectives; i++)
        g->name[n++] = k->o.column ? k->o.column[i] : p->objective[i].name;
    for (int i = 0; i < p->constraints; i++) g->name[n++] = p->constraint[i];
    if (k->o.cost) g->name[n++] = k->o.cost;
    for (int i = 0; i < k->o.steps; i++) g->name[n++] = k->o.step[i];
    g->columns = n;
}

/* A space whose parameters are all always there, with values 0 .. 9 at most. */
static cull_status digits_fit(cull_ctx *cx, const cull__known *k)
{
    for (int i = 0; i < cull_space_params(k->problem->space); i++) {
        const cull_space_param *p = cull_space_at(k->problem->space, i);
        bool index = p->kind == CULL_SPACE_CATEGORY || p->kind == CULL_SPACE_ORDINAL;
        bool whole = p->kind == CULL_SPACE_INT && p->lo >= 0 && p->hi <= 9;
        if (p->role != CULL_SPACE_LEAF || p->within >= 0 || p->when || !(index || whole))
            return cull__fail(cx, CULL_EINPUT,
                              "a key of digits wants parameters of up to ten values that are "
                              "always there, and %s is another",
                              p->name);
    }
    return CULL_OK;
}

static cull_status read_text(cull_ctx *cx, cull__known *k)
{
    reading g = {.k = k};
    if (k->o.key) CULL_TRY(digits_fit(cx, k));
    CULL_TRY(CULL_TMP(cx, g.v, k->cols));
    CULL_TRY(CULL_TMP(cx, g.name, cull_space_params(k->problem->space) + k->cols + 1));
    columns(&g);
    return cull__rows_read(cx, k->path, g.name, g.columns, row, &g);
}

cull_status cull__known_read(cull_ctx *cx, cull__known *k)
{
    const cull_search_problem *p = k->problem;
    k->cols = p->objectives + p->constraints + (k->o.cost != NULL) + k->o.steps;
    k->features = cull_space_features(p->space, CULL_ENCODE_ONEHOT);
    CULL_TRY(CULL_ALLOC(cx, k->x, cull_space_width(p->space)));
    cull__mark_t m = cull__mark(cx);
    const char *phase = cull__phase(cx, "reading the table");
    cull_status s = cull__rows_are_text(k->path) ? read_text(cx, k) : cull__known_grid(cx, k);
    cull__phase(cx, phase);
    cull__release(cx, m);
    return s;
}

/* search_bench_rows.c - tables whose rows name designs: circuits, and nets on graphs. See search_bench.h. */
#include "claim/search_bench.h"
#include "search/eval_rows.h"
#include "space/space.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PARAMS = 16 };

typedef struct {
    cull__bench_problem *p;
    const char *path;
    double *value, *test, *second, *x; /* points; points or NULL; the same; width */
    int32_t *row;
    bool few; /* of graphs */
    uint32_t *code;
} reading;

static cull_status room(cull_ctx *cx, reading *r, bool test, bool second)
{
    int64_t n = r->p->points = cull__bench_points(r->p->space);
    CULL_TRY(CULL_TMP(cx, r->value, n));
    if (test) CULL_TRY(CULL_TMP(cx, r->test, n));
    if (second) CULL_TRY(CULL_TMP(cx, r->second, n));
    CULL_TRY(CULL_TMP(cx, r->row, n));
    CULL_TRY(CULL_TMP(cx, r->x, cull_space_width(r->p->space)));
    for (int64_t i = 0; i < n; i++) r->row[i] = -1;
    r->p->value = r->value, r->p->test = r->test, r->p->second = r->second, r->p->row = r->row;
    return CULL_OK;
}

static cull_status space_of(cull_ctx *cx, const char *text, cull__bench_problem *p)
{
    return cull_space_from(cx, text, strlen(text), p->about->name, &p->space);
}

/* The row of r->x is the next one. */
static cull_status place(cull_ctx *cx, reading *r, int64_t line)
{
    int32_t *at = &r->row[cull__bench_point(r->p->space, r->x)];
    if (*at >= 0)
        return cull__fail(cx, CULL_EINPUT, "%s, line %" PRId64 ": this design is there twice",
                          r->path, line);
    *at = (int32_t)r->p->designs++;
    return CULL_OK;
}

static cull_status number(cull_ctx *cx, const reading *r, int64_t line, const cull__cell *c,
                          const char *what, double *out)
{
    if (cull__parse_f64(c->s, c->n, out) && isfinite(*out) && *out > 0) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "%s, line %" PRId64 ": %s must be a number above 0", r->path,
                      line, what);
}

/* ---- rows of a space ---- */

static cull_status take_listed(cull_ctx *cx, void *user, int64_t line, const cull__cell *cell)
{
    reading *r = user;
    const cull_space *s = r->p->space;
    int n = cull_space_params(s);
    for (int i = 0; i < n; i++)
        if (cull_space_set(cx, s, i, cell[i].s, r->x) != CULL_OK)
            return cull__fail(cx, CULL_EINPUT, "%s, line %" PRId64 ": %s has no value '%.40s'",
                              r->path, line, cull_space_at(s, i)->name, cell[i].s);
    CULL_TRY(place(cx, r, line));
    CULL_TRY(number(cx, r, line, &cell[n], "a time", &r->value[r->p->designs - 1]));
    if (!r->second) return CULL_OK;
    return number(cx, r, line, &cell[n + 1], r->p->about->second, &r->second[r->p->designs - 1]);
}

cull_status cull__bench_listed(cull_ctx *cx, const char *path, const char *space, const char *value,
                               const char *second, cull__bench_problem *p)
{
    const char *column[MOST_PARAMS + 2];
    reading r = {.p = p, .path = path};
    CULL_TRY(space_of(cx, space, p));
    int n = cull_space_params(p->space);
    if (n > MOST_PARAMS) return cull__fail(cx, CULL_EINTERNAL, "%s is wide", p->about->name);
    for (int i = 0; i < n; i++) column[i] = cull_space_at(p->space, i)->name;
    column[n] = value, column[n + 1] = second;
    CULL_TRY(room(cx, &r, false, second));
    p->minimize = p->ratio = true;
    return cull__rows_read(cx, path, column, second ? n + 2 : n + 1, take_listed, &r);
}

/* ---- nets on graphs ----
 * Four nodes, each with a father: 0 = the input, or an earlier node; what has no sons is the output. The table holds each
 * net once: nodes may be named in another order, and a skip does nothing where it stands between two others. */

enum { NODES = 4, LINKS = 9, OPS = 9, SKIP = 8, ORDERS = 24, GONE = 9 };
static const char link_name[LINKS][NODES + 1] = {"0000", "0001", "0011", "0012", "0013",
                                                 "0111", "0112", "0122", "0123"};
static const int few_ops[] = {1, 4, 5, 7, SKIP};
typedef struct {
    int father[NODES], op[NODES];
} net;

/* From a node to the input by skips alone. */
static bool is_input(const net *g, int i)
{
    for (; i >= 0; i = g->father[i] - 1)
        if (g->op[i] != SKIP) return false;
    return true;
}

/* A skip with sons, one that is an only son, and one of the input itself change nothing: sons go to its father. */
static bool is_idle(const net *g, int i)
{
    bool son = false, brother = false;
    if (g->op[i] != SKIP) return false;
    for (int j = 0; j < NODES; j++) {
        if (j == i || g->op[j] == GONE) continue;
        son |= g->father[j] == i + 1;
        brother |= g->father[j] == g->father[i];
    }
    return son || !brother || is_input(g, i);
}

static void drop_idle(net *g)
{
    for (int i = 0; i < NODES; i++) {
        if (!is_idle(g, i)) continue;
        for (int j = 0; j < NODES; j++)
            if (g->father[j] == i + 1) g->father[j] = g->father[i];
        g->op[i] = GONE, g->father[i] = 0;
        i = -1; /* others may have become idle */
    }
}

/* The same of all ways to write one net: the least over the orders of its nodes. */
static uint32_t code_of(net g)
{
    uint32_t least = UINT32_MAX;
    drop_idle(&g);
    for (int k = 0; k < ORDERS; k++) {
        int order[NODES] = {0}, place[NODES], rest = k;
        for (int i = 1; i < NODES; i++) { /* the k-th order: i goes to one of i + 1 places */
            int at = rest % (i + 1);
            rest /= i + 1;
            for (int j = i; j > at; j--) order[j] = order[j - 1];
            order[at] = i;
        }
        for (int j = 0; j < NODES; j++) place[order[j]] = j;
        uint32_t c = 0;
        for (int j = 0; j < NODES; j++) {
            int i = order[j], f = g.father[i];
            c = c * 50 + (uint32_t)((f ? place[f - 1] + 1 : 0) * 10 + g.op[i]);
        }
        if (c < least) least = c;
    }
    return least;
}

static net net_of(const reading *r, const double *x)
{
    net g;
    for (int i = 0; i < NODES; i++) {
        int op = (int)x[1 + i];
        g.father[i] = link_name[(int)x[0]][i] - '0';
        g.op[i] = r->few ? few_ops[op] : op;
    }
    return g;
}

/* *out: the place of an operation among those of this table. */
static bool op_of(const reading *r, const cull__cell *c, double *out)
{
    int op = c->n == 1 ? c->s[0] - '0' : -1;
    if (op < 0 || op >= OPS) return false;
    *out = op;
    for (int k = 0; r->few && k < (int)(sizeof few_ops / sizeof *few_ops); k++) {
        if (few_ops[k] != op) continue;
        *out = k;
        return true;
    }
    return !r->few;
}

static cull_status take_graph(cull_ctx *cx, void *user, int64_t line, const cull__cell *cell)
{
    reading *r = user;
    bool known = false;
    for (int k = 0; k < LINKS; k++)
        if (!strcmp(cell[0].s, link_name[k])) known = true, r->x[0] = k;
    for (int i = 1; i <= NODES; i++) known &= op_of(r, &cell[i], &r->x[i]);
    if (!known)
        return cull__fail(cx, CULL_EINPUT,
                          "%s, line %" PRId64 ": link must be one of nine and operations digits of "
                          "this table",
                          r->path, line);
    CULL_TRY(place(cx, r, line));
    int64_t at = r->p->designs - 1;
    CULL_TRY(number(cx, r, line, &cell[1 + NODES], "a share", &r->value[at]));
    CULL_TRY(number(cx, r, line, &cell[2 + NODES], "a share", &r->test[at]));
    r->code[at] = code_of(net_of(r, r->x));
    return CULL_OK;
}

/* A hash of codes: slot[] holds designs, -1 = empty. */
static int32_t *slot_of(const reading *r, int32_t *slot, uint32_t mask, uint32_t code)
{
    uint32_t i = code * 2654435761U & mask;
    while (slot[i] >= 0 && r->code[slot[i]] != code) i = (i + 1) & mask;
    return &slot[i];
}

/* Every point that is a net of the table under another name. */
static cull_status name_all(cull_ctx *cx, reading *r)
{
    uint32_t size = 16;
    int32_t *slot;
    double *x = r->x;
    while (size < 2 * (uint64_t)r->p->designs) size *= 2;
    CULL_TRY(CULL_TMP(cx, slot, size));
    for (uint32_t i = 0; i < size; i++) slot[i] = -1;
    for (int32_t k = 0; k < r->p->designs; k++) {
        int32_t *at = slot_of(r, slot, size - 1, r->code[k]);
        if (*at >= 0)
            return cull__fail(cx, CULL_EINPUT, "%s: designs %d and %d are one net", r->path, *at,
                              k);
        *at = k;
    }
    for (bool more = cull__space_first(r->p->space, x); more;
         more = cull__space_next(r->p->space, x))
        r->row[cull__bench_point(r->p->space, x)] =
            *slot_of(r, slot, size - 1, code_of(net_of(r, x)));
    return CULL_OK;
}

cull_status cull__bench_graph(cull_ctx *cx, const char *path, bool few, const char *value,
                              const char *test, cull__bench_problem *p)
{
    static const char nine[] = "one(gat, gcn, gin, cheb, sage, arma, graph, fc, skip)",
                      five[] = "one(gcn, sage, arma, fc, skip)";
    const char *column[] = {"link", "op1", "op2", "op3", "op4", value, test};
    reading r = {.p = p, .path = path, .few = few};
    char text[512];
    size_t n = (size_t)snprintf(text, sizeof text, "link = one(");
    for (int k = 0; k < LINKS; k++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%sf%s", k ? ", " : "", link_name[k]);
    n += (size_t)snprintf(text + n, sizeof text - n, ")\n");
    for (int i = 1; i <= NODES; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "op%d = %s\n", i, few ? five : nine);
    CULL_TRY(space_of(cx, text, p));
    CULL_TRY(room(cx, &r, true, false));
    CULL_TRY(CULL_TMP(cx, r.code, p->points));
    p->scale = 100;
    CULL_TRY(cull__rows_read(cx, path, column, 3 + NODES, take_graph, &r));
    return name_all(cx, &r);
}

/* count.c - how many points there are: products over what is independent, sums over what conditions depend on. */
#include "space/inner.h"

#include <math.h>
#include <string.h>

typedef cull__amount amount;

/* ---- numbers of any size ---- */

static const amount ONE = {.n = 1};

static double lg(amount a) { return a.big ? a.lg : a.n ? log10((double)a.n) : -INFINITY; }

static amount times(amount a, amount b)
{
    uint64_t n;
    if ((!a.big && !a.n) || (!b.big && !b.n)) return (amount){0};
    if (!a.big && !b.big && !__builtin_mul_overflow(a.n, b.n, &n)) return (amount){.n = n};
    return (amount){.big = true, .lg = lg(a) + lg(b)};
}

static amount plus(amount a, amount b)
{
    uint64_t n;
    if (!a.big && !b.big && !__builtin_add_overflow(a.n, b.n, &n)) return (amount){.n = n};
    double x = fmax(lg(a), lg(b)), y = fmin(lg(a), lg(b));
    if (isinf(x)) return (amount){.big = true, .lg = x};
    return (amount){.big = true, .lg = x + log10(1 + pow(10, y - x))};
}

static amount choose(int64_t n, int64_t k)
{
    unsigned __int128 c = 1;
    if (k > n - k) k = n - k;
    for (int64_t j = 0; j < k; j++) {
        c = c * (unsigned __int128)(n - j) / (unsigned __int128)(j + 1);
        if (c > UINT64_MAX)
            return (amount){.big = true,
                            .lg = (lgamma((double)n + 1) - lgamma((double)k + 1) -
                                   lgamma((double)(n - k) + 1)) /
                                  log(10)};
    }
    return (amount){.n = (uint64_t)c};
}

cull__amount cull__values_of(const cull_space_param *p)
{
    amount all = {0};
    switch (p->kind) {
    case CULL_SPACE_REAL: return p->lo < p->hi ? (amount){.big = true, .lg = INFINITY} : ONE;
    case CULL_SPACE_SIMPLEX: return p->n > 1 ? (amount){.big = true, .lg = INFINITY} : ONE;
    case CULL_SPACE_SUBSET:
        for (int64_t k = p->least; k <= p->most; k++) all = plus(all, choose(p->n, k));
        return all;
    case CULL_SPACE_PERMUTATION:
        all = ONE;
        for (int64_t k = 2; k <= p->n; k++) all = times(all, (amount){.n = (uint64_t)k});
        return all;
    default: return (amount){.n = (uint64_t)p->n};
    }
}

/* ---- the tree ---- */

enum { STEPS = 1 << 22, DEEP = 2000 };

typedef struct {
    cull_ctx *cx;
    const cull_space *s;
    double *x;
    amount *size; /* params: cull__values_of */
    int *
        farthest; /* params: the last one whose condition speaks of it or of what lies in it; -1 = none */
    int *whens; /* params + 1: conditions before */
    int steps, deep;
    bool lost; /* too many steps: conditions were passed over */
    cull_status st;
} counting;

static amount count_item(counting *c, int i);

int cull__space_owner(const cull_space *s, int64_t at)
{
    int lo = 0, hi = s->params - 1;
    while (lo < hi) {
        int mid = (lo + hi + 1) / 2;
        if (s->param[mid].at <= at)
            lo = mid;
        else
            hi = mid - 1;
    }
    return lo;
}

static void clear(counting *c, int i, int end)
{
    const cull_space *s = c->s;
    int64_t from = s->param[i].at, to = end < s->params ? s->param[end].at : s->width;
    for (int64_t j = from; j < to; j++) c->x[j] = NAN;
}

static bool spend(counting *c)
{
    if (++c->steps % 4096 == 0 && c->st == CULL_OK) c->st = cull__tick(c->cx, 0, 0);
    if (c->steps > STEPS || c->deep > DEEP) c->lost = true;
    return !c->lost && c->st == CULL_OK;
}

static bool first(counting *c, int i) { return cull__space_walk(c->s, &i, 1, true, true, c->x); }
static bool next(counting *c, int i) { return cull__space_walk(c->s, &i, 1, true, false, c->x); }

/* The items of one scope that conditions join: those of root `mine`. */
typedef struct {
    const int *root, *item;
    int items, mine;
} group;

/* A group's parameters from i (in item k) on: what conditions further on speak of is gone through value by value. */

static amount count_from(counting *c, const group *g, int k, int i)
{
    const cull_space *s = c->s;
    amount all = ONE, sum = {0};
    for (;;) {
        while (k < g->items && (g->root[k] != g->mine || i >= s->more[g->item[k]].end)) {
            k++;
            if (k < g->items) i = g->item[k];
        }
        if (k >= g->items) return all;
        int end = s->more[i].end;
        if (!cull__is_active(s, c->x, i)) {
            clear(c, i, end);
            i = end;
        } else if (c->farthest[i] < end) {
            all = times(all, count_item(c, i));
            i = end;
        } else {
            break;
        }
    }
    c->deep++;
    if (spend(c) && first(c, i)) do
            sum = plus(sum, count_from(c, g, k, i + 1));
        while (spend(c) && next(c, i));
    c->deep--;
    return times(all, sum);
}

static int root_of(int *root, int k)
{
    while (root[k] != k) k = root[k] = root[root[k]];
    return k;
}

static int place_of(const int *item, int n, int i)
{
    int lo = 0, hi = n - 1;
    while (lo < hi) {
        int mid = (lo + hi + 1) / 2;
        if (item[mid] <= i)
            lo = mid;
        else
            hi = mid - 1;
    }
    return lo;
}

/* Items that conditions join are of one root. */
static void join(counting *c, const int *item, int *root, int n)
{
    const cull_space *s = c->s;
    for (int k = 0; k < n; k++) root[k] = k;
    for (int k = 0; k < n; k++) {
        int end = s->more[item[k]].end;
        if (c->whens[end] == c->whens[item[k]]) continue;
        for (int i = item[k]; i < end; i++) {
            const cull__code *code = &s->more[i].when;
            for (int j = 0; j < code->ops; j++) {
                cull__op_kind kind = code->op[j].kind;
                if (kind != CULL__OP_VALUE && kind != CULL__OP_LOOKUP && kind != CULL__OP_PLACE)
                    continue;
                int of = cull__space_owner(s, code->op[j].at);
                if (of < item[0] || of >= s->more[item[n - 1]].end) continue;
                int a = root_of(root, place_of(item, n, of)), b = root_of(root, k);
                root[a < b ? b : a] = a < b ? a : b;
            }
        }
    }
    for (int k = 0; k < n; k++) root[k] = root_of(root, k);
}

/* The items of one scope from i up to end, given what stands before them. */
static amount count_list(counting *c, int i, int end)
{
    const cull_space *s = c->s;
    int *item, *root, n = 0;
    amount all = ONE;
    cull__mark_t mark = cull__mark(c->cx);
    for (int k = i; k < end; k = s->more[k].end) n++;
    c->st = c->st != CULL_OK ? c->st : CULL_TMP(c->cx, item, n + 1);
    c->st = c->st != CULL_OK ? c->st : CULL_TMP(c->cx, root, n + 1);
    if (c->st != CULL_OK) return all;
    n = 0;
    for (int k = i; k < end; k = s->more[k].end) item[n++] = k;
    c->steps += n;
    if (n) join(c, item, root, n);
    for (int k = 0; k < n && c->st == CULL_OK; k++) {
        const group g = {root, item, n, k};
        if (root[k] == k) all = times(all, count_from(c, &g, k, item[k]));
    }
    cull__release(c->cx, mark);
    return all;
}

/* An active parameter of which nothing further on depends, with what lies in it. */
static amount count_item(counting *c, int i)
{
    const cull_space *s = c->s;
    int end = s->more[i].end;
    amount sum = {0};
    if (end == i + 1) return c->size[i];
    c->deep++;
    if (spend(c) && first(c, i)) do
            sum = plus(sum, count_list(c, i + 1, end));
        while (spend(c) && next(c, i));
    c->deep--;
    return sum;
}

static cull_status prepare(counting *c)
{
    const cull_space *s = c->s;
    int n = s->params;
    CULL_TRY(CULL_TMP0(c->cx, c->x, s->width));
    CULL_TRY(CULL_TMP0(c->cx, c->size, n));
    CULL_TRY(CULL_TMP0(c->cx, c->farthest, n));
    CULL_TRY(CULL_TMP0(c->cx, c->whens, n + 1));
    for (int i = 0; i < n; i++) {
        c->size[i] = cull__values_of(s->param + i);
        c->farthest[i] = -1;
        c->whens[i + 1] = c->whens[i] + s->param[i].when;
    }
    for (int i = 0; i < n; i++) {
        const cull__code *code = &s->more[i].when;
        for (int j = 0; j < code->ops; j++) {
            cull__op_kind k = code->op[j].kind;
            if (k != CULL__OP_VALUE && k != CULL__OP_LOOKUP && k != CULL__OP_PLACE) continue;
            int of = cull__space_owner(s, code->op[j].at);
            if (c->farthest[of] < i) c->farthest[of] = i;
        }
    }
    for (int i = n - 1; i >= 0; i--) {
        int up = s->param[i].within;
        if (up >= 0 && c->farthest[up] < c->farthest[i]) c->farthest[up] = c->farthest[i];
    }
    return CULL_OK;
}

/* As if every condition held: at least as many. */
static amount most(const counting *c, int i, int end)
{
    const cull_space *s = c->s;
    amount all = ONE;
    for (int k = i; k < end; k = s->more[k].end) {
        const cull_space_param *p = s->param + k;
        amount in = c->size[k], one = {0};
        if (s->more[k].end > k + 1 && p->kind == CULL_SPACE_INT)
            in = times(in, most(c, k + 1, s->more[k].end));
        else if (s->more[k].end > k + 1) {
            for (int b = k + 1; b < s->more[k].end;) {
                int to = b;
                while (to < s->more[k].end && s->param[to].from == s->param[b].from)
                    to = s->more[to].end;
                one = plus(one, most(c, b, to));
                b = to;
            }
            in = plus(in, one);
        }
        all = times(all, in);
    }
    return all;
}

static amount total(counting *c, bool *exact)
{
    bool endless = false;
    c->st = prepare(c);
    *exact = true;
    if (c->st != CULL_OK) return ONE;
    for (int i = 0; i < c->s->params; i++) endless |= c->size[i].big && isinf(c->size[i].lg);
    if (endless) return (amount){.big = true, .lg = INFINITY};
    amount all = count_list(c, 0, c->s->params);
    *exact = !c->lost;
    return c->lost ? most(c, 0, c->s->params) : all;
}

cull__amount cull__space_amount(cull_ctx *cx, const cull_space *s, bool *exact, cull_status *st)
{
    counting c = {.cx = cx, .s = s};
    cull__mark_t mark = cull__mark(cx);
    amount all = total(&c, exact);
    cull__release(cx, mark);
    *st = c.st;
    return all;
}

static bool walked(cull_ctx *cx, const cull_space *s, amount *all)
{
    double *x;
    uint64_t n = 0;
    cull__mark_t mark = cull__mark(cx);
    bool fine = CULL_TMP(cx, x, s->width) == CULL_OK;
    for (bool more = fine && cull__space_first(s, x); more; more = cull__space_next(s, x))
        if (++n % 65536 == 0 && cull__tick(cx, 0, 0) != CULL_OK) {
            fine = false;
            break;
        }
    cull__release(cx, mark);
    if (fine) *all = (amount){.n = n};
    return fine;
}

int64_t cull_space_count(cull_ctx *cx, const cull_space *s, double *log10_, bool *exact)
{
    enum { FEW = 1 << 22 };
    bool sure;
    cull_status st;
    amount all = cull__space_amount(cx, s, &sure, &st);
    sure &= st == CULL_OK;
    if (s->rules) sure = sure && !all.big && all.n <= FEW && walked(cx, s, &all);
    bool fits = st == CULL_OK && !all.big && all.n <= INT64_MAX;
    if (log10_) *log10_ = st == CULL_OK ? lg(all) : NAN;
    if (exact) *exact = sure;
    return fits ? (int64_t)all.n : -1;
}

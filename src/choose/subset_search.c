/* subset_search.c - branch and bound over subsets of up to 64 items, and greedy ones (subset_search.h). */
#include "choose/subset_search.h"

#include <math.h>

/* All sets T with `in` within T within `in + rest`. */
typedef struct {
    double bound;
    uint64_t in, rest;
} node;

typedef struct {
    const cull__subset_problem *p;
    cull__subset_answer *best;
    int order[CULL__SUBSET_MOST]; /* items as they are decided */
    node *heap;
    int64_t open, room;
} search;

static uint64_t bit(int i) { return UINT64_C(1) << i; }
static uint64_t all_of(int n) { return n == 64 ? UINT64_MAX : bit(n) - 1; }

static bool within(const cull__subset_budget *b, int n, uint64_t set)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        if (!(set & bit(i))) continue;
        sum = b->widest ? fmax(sum, b->cost[i]) : sum + b->cost[i];
    }
    return sum <= b->most * (b->widest ? 1 : 1 + 1e-12) && sum < INFINITY;
}

bool cull__subset_fits(const cull__subset_problem *p, uint64_t set)
{
    for (int b = 0; b < p->budgets; b++)
        if (!within(&p->budget[b], p->n, set)) return false;
    return !p->allowed || p->allowed(p->arg, set);
}

static cull_status check(cull_ctx *cx, const cull__subset_problem *p)
{
    if (p->n < 1 || p->n > CULL__SUBSET_MOST)
        return cull__fail(cx, CULL_EINPUT, "%d items to choose from; between 1 and %d can be", p->n,
                          CULL__SUBSET_MOST);
    if ((p->must | p->from) & ~all_of(p->n))
        return cull__fail(cx, CULL_EINPUT, "an item that must be in is none of the %d", p->n);
    if (p->least < 0 || p->least > p->n)
        return cull__fail(cx, CULL_EINPUT, "at least %d of %d items cannot be taken", p->least,
                          p->n);
    for (int b = 0; b < p->budgets; b++) {
        if (!(p->budget[b].most >= 0))
            return cull__fail(cx, CULL_EINPUT, "budget %d is %g; it must not be below 0", b,
                              p->budget[b].most);
        for (int i = 0; i < p->n; i++)
            if (!(p->budget[b].cost[i] >= 0))
                return cull__fail(cx, CULL_EINPUT, "item %d costs %g of budget %d; costs are >= 0",
                                  i, p->budget[b].cost[i], b);
    }
    return CULL_OK;
}

static bool spent(const search *s) { return s->p->limit > 0 && s->best->losses >= s->p->limit; }

static cull_status measure(cull_ctx *cx, search *s, uint64_t set, double *out)
{
    s->best->losses++;
    CULL_TRY(s->p->loss(cx, s->p->arg, set, out));
    if (*out != *out)
        return cull__fail(cx, CULL_EINPUT, "the loss of set %llx is not a number",
                          (unsigned long long)set);
    return CULL_OK;
}

static bool is_set(const search *s, uint64_t set)
{
    return cull__subset_size(set) >= s->p->least && !(s->p->must & ~set) &&
           cull__subset_fits(s->p, set);
}

static void keep(search *s, uint64_t set, double loss)
{
    if (!(loss < s->best->loss)) return;
    s->best->loss = loss;
    s->best->set = set;
}

static cull_status bound(cull_ctx *cx, search *s, uint64_t in, uint64_t rest, double *out)
{
    *out = -INFINITY;
    if (!s->p->bound) return CULL_OK;
    s->best->bounds++;
    CULL_TRY(s->p->bound(cx, s->p->arg, in, rest, out));
    if (*out != *out)
        return cull__fail(cx, CULL_EINPUT, "the bound of set %llx and %llx is not a number",
                          (unsigned long long)in, (unsigned long long)rest);
    return CULL_OK;
}

/* ---- the heap: the least bound on top, then the fewest undecided items, then what is deeper in a fixed order ---- */

static bool before(const node *a, const node *b)
{
    if (a->bound != b->bound) return a->bound < b->bound;
    int ra = cull__subset_size(a->rest), rb = cull__subset_size(b->rest);
    if (ra != rb) return ra < rb;
    return a->in != b->in ? a->in > b->in : a->rest > b->rest;
}

static cull_status push(cull_ctx *cx, search *s, node x)
{
    CULL_TRY(CULL_GROW(cx, s->heap, &s->room, s->open + 1));
    int64_t i = s->open++;
    for (; i > 0 && before(&x, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = x;
    return CULL_OK;
}

static node pop(search *s)
{
    node top = s->heap[0], x = s->heap[--s->open];
    int64_t i = 0;
    for (int64_t c = 1; c < s->open; c = 2 * i + 1) {
        if (c + 1 < s->open && before(&s->heap[c + 1], &s->heap[c])) c++;
        if (!before(&s->heap[c], &x)) break;
        s->heap[i] = s->heap[c];
        i = c;
    }
    s->heap[i] = x;
    return top;
}

/* ---- branch and bound ---- */

/* Items that no longer fit beside `in` leave `rest`; what can have neither enough items nor less loss is not kept. */
static cull_status grow(cull_ctx *cx, search *s, uint64_t in, uint64_t rest, double above)
{
    for (int i = 0; i < s->p->n; i++)
        if (rest & bit(i) && !cull__subset_fits(s->p, in | bit(i))) rest &= ~bit(i);
    if (cull__subset_size(in | rest) < s->p->least) return CULL_OK;
    node x = {.in = in, .rest = rest};
    CULL_TRY(bound(cx, s, in, rest, &x.bound));
    x.bound = fmax(x.bound, above);
    return x.bound < s->best->loss ? push(cx, s, x) : CULL_OK;
}

/* Items by what the bound gains without them. */
static cull_status decide_order(cull_ctx *cx, search *s)
{
    double gain[CULL__SUBSET_MOST];
    uint64_t must = s->p->must, rest = all_of(s->p->n) & ~must;
    for (int i = 0; i < s->p->n; i++) {
        gain[i] = -INFINITY;
        if (rest & bit(i)) CULL_TRY(bound(cx, s, must, rest & ~bit(i), &gain[i]));
        int k = i;
        for (; k > 0 && gain[s->order[k - 1]] < gain[i]; k--) s->order[k] = s->order[k - 1];
        s->order[k] = i;
    }
    return CULL_OK;
}

static cull_status branch(cull_ctx *cx, search *s, const node *x)
{
    if (!x->rest) {
        double loss;
        if ((s->p->from && x->in == s->p->from) || !is_set(s, x->in)) return CULL_OK;
        CULL_TRY(measure(cx, s, x->in, &loss));
        keep(s, x->in, loss);
        return CULL_OK;
    }
    int k = 0;
    while (!(x->rest & bit(s->order[k]))) k++;
    uint64_t item = bit(s->order[k]);
    CULL_TRY(grow(cx, s, x->in, x->rest & ~item, x->bound));
    return grow(cx, s, x->in | item, x->rest & ~item, x->bound);
}

static cull_status explore(cull_ctx *cx, search *s)
{
    const cull__subset_problem *p = s->p;
    double loss;
    if (p->from && is_set(s, p->from)) {
        CULL_TRY(measure(cx, s, p->from, &loss));
        keep(s, p->from, loss);
    }
    CULL_TRY(decide_order(cx, s));
    if (cull__subset_fits(p, p->must))
        CULL_TRY(grow(cx, s, p->must, all_of(p->n) & ~p->must, -INFINITY));
    while (s->open && s->heap[0].bound < s->best->loss) {
        CULL_TRY(cull__tick(cx, (double)s->best->losses, (double)p->limit));
        if (spent(s)) {
            s->best->lower = s->heap[0].bound;
            return CULL_OK;
        }
        node x = pop(s);
        CULL_TRY(branch(cx, s, &x));
    }
    s->best->lower = s->best->loss;
    return CULL_OK;
}

cull_status cull__subset_search(cull_ctx *cx, const cull__subset_problem *p,
                                cull__subset_answer *out)
{
    CULL_TRY(check(cx, p));
    *out = (cull__subset_answer){.loss = INFINITY, .lower = -INFINITY};
    search s = {.p = p, .best = out};
    cull_status st = explore(cx, &s);
    cull__free(s.heap);
    return st;
}

/* ---- greedy ---- */

/* One step: the item whose change leaves the least loss. *moved = false where there is none. */
static cull_status step(cull_ctx *cx, search *s, bool backward, uint64_t *set, bool *moved)
{
    const cull__subset_problem *p = s->p;
    double least = INFINITY;
    uint64_t to = *set;
    *moved = false;
    for (int i = 0; i < p->n && !spent(s); i++) {
        uint64_t next = *set ^ bit(i);
        double loss;
        if (backward != !!(*set & bit(i)) || p->must & bit(i)) continue;
        if (!backward && !cull__subset_fits(p, next)) continue;
        CULL_TRY(measure(cx, s, next, &loss));
        if (is_set(s, next)) keep(s, next, loss);
        if (*moved && !(loss < least)) continue;
        least = loss;
        to = next;
        *moved = true;
    }
    *set = to;
    return CULL_OK;
}

cull_status cull__subset_greedy(cull_ctx *cx, const cull__subset_problem *p, bool backward,
                                cull__subset_answer *out)
{
    CULL_TRY(check(cx, p));
    *out = (cull__subset_answer){.loss = INFINITY, .lower = -INFINITY};
    search s = {.p = p, .best = out};
    uint64_t set = backward ? all_of(p->n) : p->must;
    bool moved = backward || cull__subset_fits(p, set);
    if (is_set(&s, set)) {
        double loss;
        CULL_TRY(measure(cx, &s, set, &loss));
        keep(&s, set, loss);
    }
    while (moved && !spent(&s) && (!backward || cull__subset_size(set) > p->least)) {
        CULL_TRY(cull__tick(cx, (double)out->losses, (double)p->limit));
        CULL_TRY(step(cx, &s, backward, &set, &moved));
    }
    return CULL_OK;
}

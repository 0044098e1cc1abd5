/* reach.c - what can be told of a space when it is made: conditions that never hold, constraints that nothing keeps,
 * and all points that keep them where those are few and hard to hit. */
#include "space/inner.h"

#include <math.h>
#include <string.h>

enum {
    SMALL = 4096,       /* assignments of what a condition depends on, to be gone through */
    WORK = 1 << 22,     /* of all conditions together */
    LISTED = 1 << 20,   /* points without constraints, to be gone through for a list */
    PROBES = 256,       /* draws that say whether points are hard to hit, */
    HITS = PROBES / 16, /* where fewer keep the constraints */
};

typedef struct {
    cull__doc *d;
    cull_space *s;
    double *x;
    int *list; /* what the code in question depends on */
    int n;
    uint8_t *seen;
    int work;
} reaching;

/* ---- what code depends on ---- */

static void note(reaching *r, int i)
{
    if (i < 0 || r->seen[i]) return;
    r->seen[i] = 1;
    r->list[r->n++] = i;
}

static void note_code(reaching *r, const cull__code *c)
{
    for (int j = 0; j < c->ops; j++) {
        cull__op_kind k = c->op[j].kind;
        if (k == CULL__OP_VALUE || k == CULL__OP_LOOKUP || k == CULL__OP_PLACE)
            note(r, cull__space_owner(r->s, c->op[j].at));
    }
}

static void sort(int *v, int n)
{
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && v[k] < v[k - 1]; k--) {
            int t = v[k];
            v[k] = v[k - 1];
            v[k - 1] = t;
        }
}

/* All that activity and truth depend on; false where it has too many values to go through. */
static bool closed(reaching *r)
{
    double all = 1;
    for (int k = 0; k < r->n; k++) {
        const cull_space_param *p = r->s->param + r->list[k];
        cull__amount n = cull__values_of(p);
        all *= n.big ? INFINITY : (double)n.n;
        note(r, p->within);
        if (p->when) note_code(r, &r->s->more[r->list[k]].when);
        if (all > SMALL || r->n > 64) return false;
    }
    sort(r->list, r->n);
    return true;
}

static void forget(reaching *r)
{
    for (int k = 0; k < r->n; k++) r->seen[r->list[k]] = 0;
    r->n = 0;
}

/* Whether parameter i can be active, or constraint k be kept; true where that cannot be told. */
static bool possible(reaching *r, int i, const cull__rule *rule)
{
    bool found = false;
    if (rule) {
        note_code(r, &rule->code);
    } else { /* what it depends on, not its own values */
        note(r, r->s->param[i].within);
        note_code(r, &r->s->more[i].when);
    }
    bool told = closed(r);
    for (bool more = told && cull__space_walk(r->s, r->list, r->n, true, true, r->x);
         more && !found; more = cull__space_walk(r->s, r->list, r->n, true, false, r->x)) {
        found = rule ? cull__code_value(&rule->code, r->x) != !!rule->forbid
                     : cull__is_active(r->s, r->x, i);
        r->work++;
    }
    forget(r);
    return !told || found;
}

static cull_status all_possible(reaching *r, const int *line)
{
    const cull_space *s = r->s;
    for (int i = 0; i < s->params && r->work < WORK; i++)
        if (s->param[i].when && !possible(r, i, NULL))
            return cull__space_wrong(r->d, line[i],
                                     "%.100s is never active: its condition never "
                                     "holds where it lies",
                                     s->param[i].name);
    for (int k = 0; k < s->rules && r->work < WORK; k++)
        if (!possible(r, -1, s->rule + k))
            return cull__space_wrong(r->d, s->rule[k].line, "no point keeps '%.200s'",
                                     s->rule[k].text);
    return CULL_OK;
}

/* ---- few points that are hard to hit ---- */

static bool easy(reaching *r)
{
    cull_rng rng = cull__rng_seeded(0, 0);
    int hits = 0;
    for (int t = 0; t < PROBES; t++) hits += cull__space_draw_once(r->s, &rng, r->x);
    return hits >= HITS;
}

static double chance(const cull_space *s, const double *x)
{
    double c = 1;
    for (int i = 0; i < s->params; i++)
        if (!isnan(x[s->param[i].at])) c *= cull__value_chance(s->param + i, x + s->param[i].at);
    return c;
}

static cull_status list(reaching *r)
{
    cull_ctx *cx = r->d->cx;
    cull_space *s = r->s;
    int64_t n = 0, k = 0;
    double sum = 0;
    for (bool more = cull__space_first(s, r->x); more; more = cull__space_next(s, r->x))
        if (++n % 4096 == 0) CULL_TRY(cull__tick(cx, 0, 0));
    if (!n)
        return cull__fail(cx, CULL_EINPUT, "%s: no point keeps all of the %d constraints",
                          r->d->file, s->rules);
    CULL_TRY(CULL_ALLOC(cx, s->point, n * s->width));
    CULL_TRY(CULL_ALLOC(cx, s->upto, n));
    for (bool more = cull__space_first(s, r->x); more && k < n;
         more = cull__space_next(s, r->x), k++) {
        memcpy(s->point + k * s->width, r->x, (size_t)s->width * sizeof *r->x);
        s->upto[k] = sum += chance(s, r->x);
    }
    s->points = n;
    return CULL_OK;
}

static cull_status reach(reaching *r, const int *line)
{
    cull_ctx *cx = r->d->cx;
    cull_space *s = r->s;
    bool exact, conditions = false;
    cull_status st;
    for (int i = 0; i < s->params; i++) conditions |= s->param[i].when;
    if (!conditions && !s->rules) return CULL_OK;
    CULL_TRY(CULL_TMP0(cx, r->x, s->width));
    CULL_TRY(CULL_TMP(cx, r->list, s->params));
    CULL_TRY(CULL_TMP0(cx, r->seen, s->params));
    CULL_TRY(all_possible(r, line));
    if (!s->rules || !cull__space_discrete(s) || easy(r)) return CULL_OK;
    cull__amount all = cull__space_amount(cx, s, &exact, &st);
    CULL_TRY(st);
    return exact && !all.big && all.n <= LISTED ? list(r) : CULL_OK;
}

cull_status cull__space_reach(cull__doc *d, cull_space *s, const int *line)
{
    reaching r = {.d = d, .s = s};
    return reach(&r, line);
}

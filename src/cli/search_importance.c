/* search_importance.c - cull search importance: which parameters decided, by PED-ANOVA or by functional ANOVA. */
#include "cull/importance.h"
#include "cull/text.h"
#include "search.h"

#include <math.h>
#include <stdlib.h>

enum { PAIRS = CULL_FANOVA_AMONG * (CULL_FANOVA_AMONG - 1) / 2 };
typedef struct {
    cull_fanova_pair at[PAIRS];
    int n;
} pairs;
typedef struct {
    cli *c;
    cull_study *st;
    const cull_search_problem *p;
    int n;                /* parameters */
    int *rank;            /* n: the most important first */
    cull_importance *ped; /* n */
    cull_fanova *own;     /* (objectives, n) */
    pairs *pair;          /* objectives */
} view;

static const char *name_of(const view *v, int i) { return cull_space_at(v->p->space, i)->name; }

static double share_of(const view *v, const cull_fanova *own, int i)
{
    return own ? own[i].share : v->ped[i].share;
}

/* By share; NaN comes last, equal ones as in the space. */
static void put_in_order(const view *v, const cull_fanova *own)
{
    for (int i = 0; i < v->n; i++) {
        double mine = share_of(v, own, i);
        int at = i;
        for (; at > 0 && !isnan(mine) && !(share_of(v, own, v->rank[at - 1]) >= mine); at--)
            v->rank[at] = v->rank[at - 1];
        v->rank[at] = i;
    }
}

/* A number after its name as JSON, or as a column. */
static void say(const view *v, const char *key, double is)
{
    if (v->c->json)
        printf(",\"%s\":", key), say_json_number(stdout, is);
    else if (isnan(is))
        fputs("\t-", stdout);
    else
        printf("\t%.4g", is);
}

/* ---- PED-ANOVA ---- */

static int by_best(view *v)
{
    TRY(check(v->c, cull_study_importance(v->c->cx, v->st, NULL, v->ped)));
    put_in_order(v, NULL);
    if (!v->c->json) puts("parameter\tshare\tdivergence\tchance\tp\tactive");
    for (int k = 0; k < v->n; k++) {
        const cull_importance *o = &v->ped[v->rank[k]];
        if (v->c->json) {
            fputs(k ? ",{\"parameter\":" : "[{\"parameter\":", stdout);
            say_json(stdout, name_of(v, v->rank[k]));
        } else
            fputs(name_of(v, v->rank[k]), stdout);
        say(v, "share", o->share), say(v, "divergence", o->divergence);
        say(v, "chance", o->chance), say(v, "p", o->p), say(v, "active", o->active);
        fputs(v->c->json ? "}" : "\n", stdout);
    }
    if (v->c->json) puts("]");
    return flush_out(v->c);
}

/* ---- functional ANOVA ---- */

/* b NULL: of a by itself. */
static void say_part(const view *v, bool first, const char *objective, const char *a, const char *b,
                     double share, double sd)
{
    static const char *const key[] = {"{\"objective\":", ",\"parameter\":", ",\"with\":"};
    const char *const is[] = {objective, a, b};
    if (v->c->json && !first) putchar(',');
    for (int i = 0; i < 3; i++)
        if (!v->c->json)
            printf("%s%s", i ? "\t" : "", is[i] ? is[i] : "-");
        else if (is[i])
            fputs(key[i], stdout), say_json(stdout, is[i]);
    say(v, "share", share), say(v, "sd", sd);
    fputs(v->c->json ? "}" : "\n", stdout);
}

static int by_forest(view *v)
{
    for (int j = 0; j < v->p->objectives; j++) {
        cull_fanova_opts o = CULL_FANOVA_OPTS;
        o.objective = j;
        TRY(check(v->c, cull_study_fanova(v->c->cx, v->st, &o, v->own + j * v->n, v->pair[j].at,
                                          &v->pair[j].n)));
    }
    fputs(v->c->json ? "[" : "objective\tparameter\twith\tshare\tsd\n", stdout);
    for (int j = 0; j < v->p->objectives; j++) {
        const cull_fanova *own = v->own + j * v->n;
        const char *objective = v->p->objective[j].name;
        put_in_order(v, own);
        for (int k = 0; k < v->n; k++)
            say_part(v, !j && !k, objective, name_of(v, v->rank[k]), NULL, own[v->rank[k]].share,
                     own[v->rank[k]].sd);
        for (int k = 0; k < v->pair[j].n; k++) {
            const cull_fanova_pair *q = &v->pair[j].at[k];
            say_part(v, false, objective, name_of(v, q->a), name_of(v, q->b), q->share, q->sd);
        }
    }
    if (v->c->json) puts("]");
    return flush_out(v->c);
}

int say_importance(cli *c, cull_study *st)
{
    int forest = 0;
    view v = {.c = c, .st = st, .p = cull_study_problem(st)};
    v.n = cull_space_params(v.p->space);
    TRY(choice_of(c, "by", "ped-anova", "ped-anova|fanova", &forest));
    v.rank = calloc((size_t)v.n, sizeof *v.rank);
    v.ped = calloc((size_t)v.n, sizeof *v.ped);
    v.own = calloc((size_t)v.n * (size_t)v.p->objectives, sizeof *v.own);
    v.pair = calloc((size_t)v.p->objectives, sizeof *v.pair);
    int rc = !v.rank || !v.ped || !v.own || !v.pair ? fail(c, FAILED, "out of memory")
             : forest                               ? by_forest(&v)
                                                    : by_best(&v);
    free(v.rank), free(v.ped), free(v.own), free(v.pair);
    return rc;
}

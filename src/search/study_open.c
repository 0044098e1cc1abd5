/* study_open.c - a study is opened, and let go. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cull/report.h"
#include "search/store_kind.h"
#include "search/study.h"

/* ---- the study's own copy of the problem ---- */

static const char *keep(char **at, const char *from)
{
    if (!from) return NULL;
    size_t n = strlen(from) + 1;
    char *to = memcpy(*at, from, n);
    *at += n;
    return to;
}

static cull_status copy_problem(cull_study *s, const cull_search_problem *p)
{
    int64_t bytes = p->id ? (int64_t)strlen(p->id) + 1 : 0;
    for (int i = 0; i < p->objectives; i++) bytes += (int64_t)strlen(p->objective[i].name) + 1;
    for (int i = 0; i < p->constraints; i++) bytes += (int64_t)strlen(p->constraint[i]) + 1;
    CULL_TRY(CULL_ALLOC(s->cx, s->names, bytes));
    char *at = s->names;
    s->p = *p;
    s->p.id = keep(&at, p->id);
    for (int i = 0; i < p->objectives; i++)
        s->objective[i] =
            (cull_objective){keep(&at, p->objective[i].name), p->objective[i].maximize};
    for (int i = 0; i < p->constraints; i++) s->constraint[i] = keep(&at, p->constraint[i]);
    s->p.objective = s->objective;
    s->p.constraint = s->constraint;
    if (s->p.stop.eta == 0) s->p.stop.eta = 3;
    if (s->p.stop.first == 0) s->p.stop.first = 1;
    s->replicates = p->replicates > 1 ? p->replicates : 1;
    s->plain = s->replicates == 1 && !p->stop.anew;
    return CULL_OK;
}

static cull_status copy_opts(cull_study *s, const cull_opts *opts)
{
    char buf[80];
    CULL_TRY(cull_opts_new(s->cx, s->method, &s->opts));
    for (const cull_opt *o = s->method->opts; opts && o->name; o++)
        CULL_TRY(
            cull_opts_set(s->cx, s->opts, o->name, cull_opts_get(opts, o->name, buf, sizeof buf)));
    return CULL_OK;
}

static cull_status set_up(cull_study *s, const cull_search_problem *p, const cull_opts *opts)
{
    CULL_TRY(copy_problem(s, p));
    CULL_TRY(copy_opts(s, opts));
    if (s->fns->fits) CULL_TRY(s->fns->fits(s->cx, &s->p, cull_opts_raw(s->opts)));
    s->v = (cull_search_view){.problem = &s->p,
                              .space = s->p.space,
                              .width = cull_space_width(s->p.space),
                              .objectives = s->p.objectives,
                              .seed = cull_ctx_seed(s->cx),
                              .study = s};
    s->count = -1;
    bool exact;
    double log10;
    s->count = cull_space_count(s->cx, s->p.space, &log10, &exact);
    if (!exact) s->count = -1;
    CULL_TRY(CULL_ALLOC(s->cx, s->mapped, s->v.width));
    CULL_TRY(cull__stops_open(s->cx, &s->p, &s->stops));
    CULL_TRY(s->fns->open(s->cx, &s->p, cull_opts_raw(s->opts), &s->state));
    s->opened = true;
    return CULL_OK;
}

/* ---- the store ---- */

static cull_status widen(cull_study *s)
{
    cull__event e = {.kind = CULL__WIDENED, .trial = -1, .note = s->facts.space};
    CULL_TRY(cull__study_begin(s));
    cull_status r = CULL_OK;
    if (!s->from) return cull__study_let_go(s, r); /* another process was first */
    r = cull__study_put(s, &e);
    if (r == CULL_OK) r = cull__store_widen(s->cx, s->store, &s->facts);
    CULL_TRY(cull__study_end(s, r, &e));
    return cull__study_widened(s, s->facts.space);
}

/* Goes on from what is in the store. */
static cull_status catch_up(cull_study *s, const cull_study_opts *o, const cull__study_facts *there)
{
    const char *where = o->store && *o->store ? o->store : "memory";
    CULL_TRY(cull__facts_compare(s, where, there));
    if (strcmp(there->space, s->facts.space) && !o->widen)
        return cull__fail(s->cx, CULL_EINPUT,
                          "%s: the study there is of another space; where that has only grown, "
                          "widen it",
                          where);
    CULL_TRY(cull__study_widened(s, there->first ? there->first : there->space));
    CULL_TRY(cull__study_read(s));
    CULL_TRY(cull__study_deliver(s));
    s->base = s->latest;
    if (o->resume) s->ended = false;
    return s->from ? widen(s) : CULL_OK;
}

/* there: it is, and whoever cannot write it may read it. */
static cull_status open_kept(cull_study *s, const cull_study_opts *o, bool there, bool *was,
                             cull__study_facts *facts)
{
    cull_status r = cull__store_open(s->cx, o->store, !there && !o->resume, o->sync, &s->facts, was,
                                     facts, &s->store);
    if (r != CULL_EIO || !there) return r;
    snprintf(s->unwritable, sizeof s->unwritable, "%s", cull_error(s->cx));
    return cull__store_open(s->cx, o->store, false, false, NULL, was, facts, &s->store);
}

/* where NULL: no store. *given: one that outlives the study. */
static cull_status open_store(cull_study *s, const cull_study_opts *o, bool is_there,
                              cull__store **given)
{
    bool was = false;
    cull__study_facts there;
    if (!given && (!o->store || !*o->store)) {
        if (!o->resume) return CULL_OK;
        return cull__fail(s->cx, CULL_EINPUT, "a study in memory cannot be resumed");
    }
    CULL_TRY(cull__facts_make(s));
    if (given && *given) {
        s->store = *given;
        there = *cull__store_memory_facts(s->store);
        return catch_up(s, o, &there);
    }
    if (given) {
        CULL_TRY(
            cull__store_open(s->cx, "", !o->resume, o->sync, &s->facts, &was, &there, &s->store));
        *given = s->store;
    } else {
        CULL_TRY(open_kept(s, o, is_there, &was, &there));
        s->own_store = true;
    }
    return was ? catch_up(s, o, &there) : CULL_OK;
}

/* ---- */

static cull_status default_first(cull_study *s)
{
    double *x;
    CULL_TRY(CULL_TMP(s->cx, x, cull_space_width(s->p.space) + 1));
    CULL_TRY(cull_space_default(s->cx, s->p.space, x));
    return cull_study_enqueue(s, x);
}

static cull_status open_study(cull_ctx *cx, const cull_search_problem *p, const cull_method *m,
                              const cull_opts *opts, const cull_study_opts *o, bool there,
                              cull__store **given, cull_study **out)
{
    const cull_study_opts none = CULL_STUDY_OPTS;
    cull_study *s;
    *out = NULL;
    CULL_TRY(cull__study_check(cx, p, m, opts));
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->cx = cx;
    s->method = m;
    s->fns = m->run.search;
    s->began = cull__now();
    cull__mark_t mark = cull__mark(cx);
    cull_status r = set_up(s, p, opts);
    if (r == CULL_OK) r = open_store(s, o ? o : &none, there, given);
    if (r == CULL_OK && o && o->default_first && !s->trials) r = default_first(s);
    cull__release(cx, mark);
    s->began = cull__now();
    if (r == CULL_OK)
        *out = s;
    else
        cull_study_free(s);
    return r;
}

cull_status cull_study_open(cull_ctx *cx, const cull_search_problem *p, const cull_method *m,
                            const cull_opts *opts, const cull_study_opts *o, cull_study **out)
{
    return open_study(cx, p, m, opts, o, false, NULL, out);
}

cull_status cull__study_open_in(cull_ctx *cx, const cull_search_problem *p, const cull_method *m,
                                const cull_opts *opts, const cull_study_opts *o,
                                cull__store **store, cull_study **out)
{
    return open_study(cx, p, m, opts, o, false, store, out);
}

cull_status cull__study_open_there(cull_ctx *cx, const cull_search_problem *p, const cull_method *m,
                                   const cull_opts *opts, const char *store, cull_study **out)
{
    cull_study_opts o = CULL_STUDY_OPTS;
    o.store = store;
    return open_study(cx, p, m, opts, &o, true, NULL, out);
}

void cull_study_free(cull_study *s)
{
    if (!s) return;
    if (s->opened && s->fns->close) s->fns->close(s->state);
    if (s->own_store) cull__store_close(s->store);
    cull__stops_close(&s->stops);
    cull_opts_free(s->opts);
    cull_space_free(s->from);
    cull_space_free(s->own_space);
    cull_text_free(s->facts_text[0]);
    cull__free(s->facts_text[1]), cull__free(s->facts_text[2]);
    void *const block[] = {s->names, s->trial, s->value,  s->violation, s->x,
                           s->mean,  s->m2,    s->noise,  s->badness,   s->pstate,
                           s->steps, s->told,  s->point,  s->slot,      s->again,
                           s->queue, s->owed,  s->mapped, s->note,      s->note_text};
    for (size_t i = 0; i < sizeof block / sizeof *block; i++) cull__free(block[i]);
    cull__free(s);
}

/* store_memory.c - the events of a study in memory: for tests of what stands on a store, and for studies that
 * share one within a process. */
#include "search/store_kind.h"

#include <string.h>

/* An event as it was handed in, with what it points to after it. */
typedef struct {
    cull__event e;
    double *num; /* x, value, violation, one after the other */
    char *text;  /* note and worker, NUL-ended */
} kept;
typedef struct {
    kept *at;
    int64_t n, cap;
    int64_t held; /* events before the transaction that is open; -1 = none is */
    int objectives, constraints;
    cull__study_facts facts, before; /* before: where a widening is not committed yet */
    char *text, *text_before;
} memory;

static void drop(kept *k) { cull__free(k->num), cull__free(k->text); }

/* All strings of `mine` in one block that *f points into. */
static cull_status copy_facts(cull_ctx *cx, const cull__study_facts *mine, cull__study_facts *f,
                              char **text)
{
    const char *from[5] = {mine->space, mine->first ? mine->first : mine->space, mine->problem,
                           mine->method, mine->opts};
    const char *to[5];
    int64_t bytes = 0;
    for (int i = 0; i < 5; i++) bytes += (int64_t)strlen(from[i]) + 1;
    CULL_TRY(CULL_ALLOC(cx, *text, bytes));
    char *at = *text;
    for (int i = 0; i < 5; i++) {
        size_t n = strlen(from[i]) + 1;
        to[i] = memcpy(at, from[i], n);
        at += n;
    }
    *f = *mine;
    f->space = to[0], f->first = to[1], f->problem = to[2], f->method = to[3], f->opts = to[4];
    return CULL_OK;
}

static cull_status open_(cull_ctx *cx, const char *where, bool make, bool sync,
                         const cull__study_facts *mine, bool *was, cull__study_facts *facts,
                         void **out)
{
    (void)where, (void)sync;
    if (!make) return cull__fail(cx, CULL_EINPUT, "a study in memory cannot be resumed");
    memory *s;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    cull_status r = copy_facts(cx, mine, &s->facts, &s->text);
    if (r != CULL_OK) {
        cull__free(s);
        return r;
    }
    s->held = -1;
    s->objectives = mine->objectives, s->constraints = mine->constraints;
    *was = false;
    *facts = s->facts;
    *out = s;
    return CULL_OK;
}

static void close_(void *v)
{
    memory *s = v;
    for (int64_t i = 0; i < s->n; i++) drop(&s->at[i]);
    cull__free(s->at), cull__free(s->text), cull__free(s->text_before);
    cull__free(s);
}

static cull_status begin(cull_ctx *cx, void *v)
{
    memory *s = v;
    if (s->held >= 0) return cull__fail(cx, CULL_EINTERNAL, "the store is taken already");
    s->held = s->n;
    return CULL_OK;
}

static cull_status commit(cull_ctx *cx, void *v)
{
    memory *s = v;
    (void)cx;
    s->held = -1;
    cull__free(s->text_before);
    s->text_before = NULL;
    return CULL_OK;
}

static void abort_(void *v)
{
    memory *s = v;
    if (s->held < 0) return;
    while (s->n > s->held) drop(&s->at[--s->n]);
    s->held = -1;
    if (!s->text_before) return;
    cull__free(s->text);
    s->text = s->text_before, s->facts = s->before;
    s->text_before = NULL;
}

static cull_status read_(cull_ctx *cx, void *v, int64_t since, cull__event_fn *fn, void *user)
{
    memory *s = v;
    for (int64_t i = since < 0 ? 0 : since; i < s->n; i++) CULL_TRY(fn(cx, user, &s->at[i].e));
    return CULL_OK;
}

static const double *put(double **at, const double *from, int64_t n)
{
    if (!from || n == 0) return from ? *at : NULL;
    double *to = memcpy(*at, from, (size_t)n * sizeof *from);
    *at += n;
    return to;
}

static const char *put_text(char **at, const char *from)
{
    if (!from) return NULL;
    size_t n = strlen(from) + 1;
    char *to = memcpy(*at, from, n);
    *at += n;
    return to;
}

static cull_status append(cull_ctx *cx, void *v, cull__event *e)
{
    memory *s = v;
    CULL_TRY(CULL_GROW(cx, s->at, &s->cap, s->n + 1));
    kept *k = &s->at[s->n];
    *k = (kept){.e = *e};
    int64_t nums = (e->x ? e->width : 0) + s->objectives + s->constraints;
    size_t chars = (e->note ? strlen(e->note) + 1 : 0) + (e->worker ? strlen(e->worker) + 1 : 0);
    CULL_TRY(CULL_ALLOC(cx, k->num, nums));
    if (chars) {
        cull_status r = CULL_ALLOC(cx, k->text, (int64_t)chars);
        if (r != CULL_OK) {
            drop(k);
            return r;
        }
    }
    double *at = k->num;
    char *c = k->text;
    k->e.x = put(&at, e->x, e->width);
    k->e.value = put(&at, e->value, s->objectives);
    k->e.violation = put(&at, e->violation, s->constraints);
    k->e.note = put_text(&c, e->note);
    k->e.worker = put_text(&c, e->worker);
    e->seq = k->e.seq = ++s->n;
    return CULL_OK;
}

/* Nobody is lost within one process. */
static cull_status beat(cull_ctx *cx, void *v, const int64_t *trial, int64_t n, const char *worker)
{
    (void)cx, (void)v, (void)trial, (void)n, (void)worker;
    return CULL_OK;
}

static cull_status lost(cull_ctx *cx, void *v, double seconds, int64_t *trial, int64_t cap,
                        int64_t *n)
{
    (void)cx, (void)v, (void)seconds, (void)trial, (void)cap;
    *n = 0;
    return CULL_OK;
}

static cull_status widen(cull_ctx *cx, void *v, const cull__study_facts *mine)
{
    memory *s = v;
    cull__study_facts f = *mine, to;
    char *text;
    f.first = s->facts.first;
    CULL_TRY(copy_facts(cx, &f, &to, &text));
    if (!s->text_before)
        s->text_before = s->text, s->before = s->facts;
    else
        cull__free(s->text);
    s->text = text, s->facts = to;
    return CULL_OK;
}

const cull__study_facts *cull__store_memory_facts(const cull__store *s)
{
    const memory *of = s->state;
    return &of->facts;
}

const cull__store_kind cull__store_memory = {.open = open_,
                                             .close = close_,
                                             .begin = begin,
                                             .commit = commit,
                                             .abort = abort_,
                                             .read = read_,
                                             .append = append,
                                             .beat = beat,
                                             .lost = lost,
                                             .widen = widen};

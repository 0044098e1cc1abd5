/* store.c - which kind of store a place is, and the calls handed on to it. */
#include "search/store_kind.h"

#include <string.h>

/* Of a URL the letters before "://"; 0: it is none. */
static int scheme(const char *where)
{
    size_t n = strspn(where, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    return n > 0 && n < 64 && !strncmp(where + n, "://", 3) ? (int)n : 0;
}

static cull_status kind_of(cull_ctx *cx, const char *where, const cull__store_kind **kind)
{
    int n = scheme(where);
    bool server = (n == 10 && !strncmp(where, "postgresql", 10)) ||
                  (n == 8 && !strncmp(where, "postgres", 8));
    if (n && !server)
        return cull__fail(cx, CULL_EINPUT,
                          "no store of the kind '%.*s'; there are postgresql://... and files", n,
                          where);
    *kind = n ? &cull__store_postgres : *where ? &cull__store_sqlite : &cull__store_memory;
    return CULL_OK;
}

cull_status cull__store_open(cull_ctx *cx, const char *where, bool make, bool sync,
                             const cull__study_facts *mine, bool *was, cull__study_facts *facts,
                             cull__store **out)
{
    cull__store *s;
    const cull__store_kind *kind = NULL;
    *out = NULL;
    CULL_TRY(kind_of(cx, where, &kind));
    if (!mine && kind == &cull__store_memory)
        return cull__fail(cx, CULL_EINPUT, "a study in memory cannot be read from elsewhere");
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->kind = kind;
    cull_status r = s->kind->open(cx, where, make, sync, mine, was, facts, &s->state);
    if (r == CULL_OK)
        *out = s;
    else
        cull__free(s);
    return r;
}

void cull__store_close(cull__store *s)
{
    if (!s) return;
    s->kind->close(s->state);
    cull__free(s);
}

cull_status cull__store_begin(cull_ctx *cx, cull__store *s) { return s->kind->begin(cx, s->state); }

cull_status cull__store_commit(cull_ctx *cx, cull__store *s)
{
    return s->kind->commit(cx, s->state);
}

void cull__store_abort(cull__store *s) { s->kind->abort(s->state); }

cull_status cull__store_read(cull_ctx *cx, cull__store *s, int64_t since, cull__event_fn *fn,
                             void *user)
{
    return s->kind->read(cx, s->state, since, fn, user);
}

cull_status cull__store_append(cull_ctx *cx, cull__store *s, cull__event *e)
{
    return s->kind->append(cx, s->state, e);
}

cull_status cull__store_beat(cull_ctx *cx, cull__store *s, const int64_t *trial, int64_t n,
                             const char *worker)
{
    return s->kind->beat(cx, s->state, trial, n, worker);
}

cull_status cull__store_lost(cull_ctx *cx, cull__store *s, double seconds, int64_t *trial,
                             int64_t cap, int64_t *n)
{
    return s->kind->lost(cx, s->state, seconds, trial, cap, n);
}

cull_status cull__store_widen(cull_ctx *cx, cull__store *s, const cull__study_facts *mine)
{
    return s->kind->widen(cx, s->state, mine);
}

cull_status cull__store_list(cull_ctx *cx, const char *where, cull__study_fn *fn, void *user)
{
    const cull__store_kind *kind = NULL;
    cull__study_facts facts;
    cull__store *s;
    bool was;
    CULL_TRY(kind_of(cx, where, &kind));
    if (kind->list) return kind->list(cx, where, fn, user);
    CULL_TRY(cull__store_open(cx, where, false, false, NULL, &was, &facts, &s));
    cull_status r = fn(cx, user, where, &facts);
    cull__store_close(s);
    return r;
}

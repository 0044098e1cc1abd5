/* store.c - which kind of store a place is, and the calls handed on to it. */
#include "search/store_kind.h"

#include <string.h>

static const cull__store_kind *kind_of(const char *where)
{
    static const char *const server[] = {"postgresql://", "postgres://"};
    for (int i = 0; i < 2; i++)
        if (!strncmp(where, server[i], strlen(server[i]))) return &cull__store_postgres;
    return *where ? &cull__store_sqlite : &cull__store_memory;
}

cull_status cull__store_open(cull_ctx *cx, const char *where, bool make, bool sync,
                             const cull__study_facts *mine, bool *was, cull__study_facts *facts,
                             cull__store **out)
{
    cull__store *s;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->kind = kind_of(where);
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

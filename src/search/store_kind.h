/* store_kind.h - what a kind of store is: the functions that store.c calls, as store.h describes them. */
#ifndef CULL__STORE_KIND_H
#define CULL__STORE_KIND_H
#include "search/store.h"

/* `s` is what open made. */
typedef struct {
    cull_status (*open)(cull_ctx *cx, const char *where, bool make, bool sync,
                        const cull__study_facts *mine, bool *was, cull__study_facts *facts,
                        void **s);
    void (*close)(void *s);
    cull_status (*begin)(cull_ctx *cx, void *s);
    cull_status (*commit)(cull_ctx *cx, void *s);
    void (*abort)(void *s);
    cull_status (*read)(cull_ctx *cx, void *s, int64_t since, cull__event_fn *fn, void *user);
    cull_status (*append)(cull_ctx *cx, void *s, cull__event *e);
    cull_status (*beat)(cull_ctx *cx, void *s, const int64_t *trial, int64_t n, const char *worker);
    cull_status (*lost)(cull_ctx *cx, void *s, double seconds, int64_t *trial, int64_t cap,
                        int64_t *n);
    cull_status (*widen)(cull_ctx *cx, void *s, const cull__study_facts *mine);
    cull_status (*list)(cull_ctx *cx, const char *where, cull__study_fn *fn,
                        void *user); /* or NULL: it is one study */
} cull__store_kind;

struct cull__store {
    const cull__store_kind *kind;
    void *state;
};

/* Of a store in memory: what it is of, as it is now. */
const cull__study_facts *cull__store_memory_facts(const cull__store *s);

extern const cull__store_kind cull__store_memory;   /* store_memory.c */
extern const cull__store_kind cull__store_sqlite;   /* store_sqlite.c */
extern const cull__store_kind cull__store_postgres; /* store_postgres.c */
#endif

/* ctx.h - inside of the context, for src/base only. */
#ifndef CULL__CTX_H
#define CULL__CTX_H
#include "base/base.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

struct cull__team; /* the workers: threads.c */
struct cull__block;

/* What each process tells the others: where it is, and how it fares. */
typedef struct {
    int depth, number, status;
    uint64_t what, hash; /* of the place's name; of what must be the same there */
    char err[480];
} cull__word;

/* What a ctx shares with its children. */
typedef struct cull__root {
    cull_ctx_opts o;
    int isa;
    double born, ticked;
    const char *ticked_phase;
    _Atomic uint64_t used, peak;
    atomic_bool stop;
    pthread_mutex_t hooks; /* calls of the caller's hooks never overlap */
    struct cull__team *team;
    int ncpu, cpu[1024];          /* the CPUs that the process may use */
    const cull__carrier *carrier; /* stage.c, as the rest */
    struct {
        const char *what;
        int count[2];
    } seen[32]; /* stages and loops so far, by name */
    int names;
    bool ended;       /* cull_ctx_end */
    cull__word *word; /* (ranks) what they said last */
    uint64_t *from;   /* (ranks + 1) */
    char remark[240]; /* cull__remark */
} cull__root;

struct cull_ctx {
    cull__root *root;
    int worker; /* -1: the caller's own */
    const char *phase;
    double span[3]; /* cull__span */
    struct cull__block *arena, *spare;
    char err[1024];
};

void cull__ctx_drop(cull_ctx *cx); /* all of its arena */
void cull__threads_init(cull_ctx *cx);
void cull__threads_end(cull_ctx *cx);
#endif

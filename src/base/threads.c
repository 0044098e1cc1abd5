/* threads.c - cull__for: pinned workers over a grid of chunks that the data alone fixes.
 *
 * The calling thread is worker 0. Each worker is pinned to one CPU of the process's mask for as long
 * as the loop runs (woken threads otherwise land on their waker's CPU), runs OpenBLAS on one thread,
 * and computes in the default floating-point mode, so that a host program's flush-to-zero does not change bits.
 * The caller's own mask, OpenMP setting and mode come back after the loop. */
#define _GNU_SOURCE
#include "base/ctx.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

/* Sets the floating-point mode (MXCSR, FPCR) and returns what it was. */
static uint64_t float_mode(uint64_t mode)
{
#if defined(__SSE__)
    uint64_t was = _mm_getcsr();
    _mm_setcsr((unsigned)mode);
    return was;
#elif defined(__aarch64__)
    uint64_t was;
    __asm__ volatile("mrs %0, fpcr" : "=r"(was));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
    return was;
#else
    return mode;
#endif
}
#if defined(__SSE__)
enum { USUAL = 0x1f80 };
#else
enum { USUAL = 0 };
#endif

/* OpenBLAS (openmp build) and oneDNN take their thread count from the OpenMP runtime of the calling thread. */
extern void omp_set_num_threads(int n) __attribute__((weak));
extern int omp_get_max_threads(void) __attribute__((weak));

struct job {
    cull__for_fn *fn;
    void *arg;
    int64_t n, grain, from, to; /* chunks [from, to) of the grid over n */
    _Atomic int64_t next;       /* chunks are handed out in order ... */
    _Atomic int64_t done;
    atomic_bool failed; /* ... so all before a failing one are in somebody's hands */
    int64_t bad;        /* lowest failing chunk, under team->lock */
    cull_status status;
    char err[1024];
};

struct worker {
    cull_ctx cx;
    pthread_t thread;
    struct cull__team *team;
    uint64_t seen; /* the last round it knows of */
    bool started;
};

struct cull__team {
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    struct job *job;
    uint64_t round; /* grows with each job */
    int running, size;
    bool quit;
    struct worker w[];
};

void cull__threads_init(cull_ctx *cx)
{
    cull__root *r = cx->root;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (int i = 0; i < CPU_SETSIZE && r->ncpu < 1024; i++)
            if (CPU_ISSET(i, &set)) r->cpu[r->ncpu++] = i;
    if (!r->ncpu) r->cpu[r->ncpu++] = 0;
}

int cull_ctx_threads(const cull_ctx *cx)
{
    int t = cx->root->o.threads;
    return t > 0 ? t : cx->root->ncpu;
}

int cull__workers(const cull_ctx *cx) { return cx->worker >= 0 ? 1 : cull_ctx_threads(cx); }
int cull__worker(const cull_ctx *cx) { return cx->worker < 0 ? 0 : cx->worker; }

static void pin(const cull__root *r, int cpu)
{
    if (r->ncpu < 2) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(r->cpu[cpu % r->ncpu], &set);
    (void)sched_setaffinity(0, sizeof set, &set); /* a refusal costs speed only */
}

/* The lowest failing chunk speaks for the loop; -1 is the caller's own wish to stop. */
static void fail(struct cull__team *team, struct job *j, int64_t chunk, cull_status s,
                 const char *err)
{
    pthread_mutex_lock(&team->lock);
    if (!atomic_load(&j->failed) || chunk < j->bad) {
        j->bad = chunk;
        j->status = s;
        memcpy(j->err, err, sizeof j->err);
    }
    atomic_store(&j->failed, true);
    pthread_mutex_unlock(&team->lock);
}

static int64_t rows_of(const struct job *j)
{
    int64_t lo = j->from * j->grain, hi = j->to * j->grain;
    return (hi < j->n ? hi : j->n) - lo;
}

/* Take chunks until there is none left. `front` is the caller's ctx in worker 0, else NULL: it calls
 * the progress hook between chunks. */
static void work(cull_ctx *cx, cull_ctx *front, struct cull__team *team, struct job *j)
{
    int64_t all = rows_of(j);
    while (!atomic_load(&j->failed)) {
        int64_t done = atomic_load(&j->done) * j->grain; /* the last chunk may be shorter */
        cull_status s = front ? cull__tick(front, (double)(done < all ? done : all), (double)all)
                              : cull__tick(cx, 0, 1);
        if (s != CULL_OK) {
            if (front)
                atomic_store(&cx->root->stop, true); /* the others see it at their next tick */
            fail(team, j, -1, s, front ? front->err : cx->err);
            return;
        }
        int64_t c = atomic_fetch_add(&j->next, 1);
        if (c >= j->to) return;
        int64_t lo = c * j->grain, hi = j->n - lo < j->grain ? j->n : lo + j->grain;
        cull__mark_t m = cull__mark(cx);
        s = j->fn(cx, j->arg, c, lo, hi);
        cull__release(cx, m);
        atomic_fetch_add(&j->done, 1);
        if (s != CULL_OK) fail(team, j, c, s, cx->err);
    }
}

static void *loop(void *arg)
{
    struct worker *w = arg;
    struct cull__team *team = w->team;
    if (omp_set_num_threads) omp_set_num_threads(1);
    pthread_mutex_lock(&team->lock);
    for (;;) {
        while (!team->quit && team->round == w->seen) pthread_cond_wait(&team->wake, &team->lock);
        if (team->quit) break;
        w->seen = team->round;
        struct job *j = team->job;
        pthread_mutex_unlock(&team->lock);
        work(&w->cx, NULL, team, j);
        pthread_mutex_lock(&team->lock);
        if (--team->running == 0) pthread_cond_signal(&team->idle);
    }
    pthread_mutex_unlock(&team->lock);
    return NULL;
}

static cull_status team_start(cull_ctx *cx)
{
    cull__root *r = cx->root;
    if (r->team) return CULL_OK;
    int size = cull_ctx_threads(cx);
    struct cull__team *t = NULL;
    CULL_TRY(cull__alloc(cx, (void **)&t, 1, sizeof *t + (size_t)size * sizeof t->w[0]));
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
    pthread_cond_init(&t->idle, NULL);
    t->size = size;
    for (int i = 0; i < size; i++) {
        t->w[i].team = t;
        t->w[i].cx = (cull_ctx){.root = r, .worker = i, .phase = ""};
    }
    r->team = t;
    return CULL_OK;
}

/* Worker 0 sits where the caller runs now, so that two processes do not both begin on CPU 0. */
static int here(const cull__root *r)
{
    int cpu = sched_getcpu();
    for (int i = 0; i < r->ncpu; i++)
        if (r->cpu[i] == cpu) return i;
    return 0;
}

static void threads_start(cull__root *r, int first)
{
    struct cull__team *t = r->team;
    for (int i = 1; i < t->size; i++) {
        if (t->w[i].started) continue;
        cpu_set_t before;
        bool have = sched_getaffinity(0, sizeof before, &before) == 0;
        pin(r, first + i); /* a new thread inherits the mask */
        t->w[i].seen = t->round;
        t->w[i].started = pthread_create(&t->w[i].thread, NULL, loop, &t->w[i]) == 0;
        if (have) (void)sched_setaffinity(0, sizeof before, &before);
    }
}

void cull__threads_end(cull_ctx *cx)
{
    struct cull__team *t = cx->root->team;
    if (!t) return;
    pthread_mutex_lock(&t->lock);
    t->quit = true;
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->lock);
    for (int i = 0; i < t->size; i++) {
        if (t->w[i].started) pthread_join(t->w[i].thread, NULL);
        cull__ctx_drop(&t->w[i].cx);
    }
    pthread_cond_destroy(&t->idle);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    cx->root->team = NULL;
    cull__free(t);
}

static cull_status in_worker(cull_ctx *cx, const struct job *j)
{
    for (int64_t c = j->from; c < j->to; c++) {
        int64_t lo = c * j->grain;
        cull__mark_t m = cull__mark(cx);
        cull_status s = cull__tick(cx, 0, 1);
        if (s == CULL_OK) s = j->fn(cx, j->arg, c, lo, j->n - lo < j->grain ? j->n : lo + j->grain);
        cull__release(cx, m);
        CULL_TRY(s);
    }
    return CULL_OK;
}

cull_status cull__for(cull_ctx *cx, int64_t n, int64_t grain, cull__for_fn *fn, void *arg)
{
    if (n <= 0) return CULL_OK;
    if (grain < 1) grain = 1;
    return cull__for_some(cx, n, grain, 0, (n - 1) / grain + 1, fn, arg);
}

int cull__alone(const cull_ctx *cx)
{
    if (cx->worker >= 0 || !omp_set_num_threads || !omp_get_max_threads) return 0;
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    return before;
}

void cull__not_alone(int before)
{
    if (before) omp_set_num_threads(before);
}

cull_status cull__for_some(cull_ctx *cx, int64_t n, int64_t grain, int64_t from, int64_t to,
                           cull__for_fn *fn, void *arg)
{
    struct job j = {
        .fn = fn, .arg = arg, .n = n, .grain = grain, .from = from, .to = to, .next = from};
    if (from >= to) return CULL_OK;
    if (cx->worker >= 0) return in_worker(cx, &j);
    CULL_TRY(cull__tick(cx, 0, (double)rows_of(&j)));
    CULL_TRY(team_start(cx));
    cull__root *r = cx->root;
    struct cull__team *t = r->team;

    cpu_set_t mask;
    bool many = t->size > 1 && to - from > 1;
    bool masked = many && r->ncpu > 1 && sched_getaffinity(0, sizeof mask, &mask) == 0;
    int omp = cull__alone(cx);
    uint64_t mode = float_mode(USUAL);
    if (many) {
        int first = here(r);
        threads_start(r, first);
        if (masked && t->size >= r->ncpu) pin(r, first);
        pthread_mutex_lock(&t->lock);
        t->job = &j;
        t->round++;
        t->running = 0;
        for (int i = 1; i < t->size; i++) t->running += t->w[i].started;
        pthread_cond_broadcast(&t->wake);
        pthread_mutex_unlock(&t->lock);
    }
    work(&t->w[0].cx, cx, t, &j);
    if (many) {
        pthread_mutex_lock(&t->lock);
        while (t->running) pthread_cond_wait(&t->idle, &t->lock);
        pthread_mutex_unlock(&t->lock);
    }
    atomic_store(&r->stop, false);
    float_mode(mode);
    cull__not_alone(omp);
    if (masked) (void)sched_setaffinity(0, sizeof mask, &mask);
    if (!atomic_load(&j.failed)) return cull__tick(cx, (double)rows_of(&j), (double)rows_of(&j));
    memcpy(cx->err, j.err, sizeof cx->err);
    return j.status;
}

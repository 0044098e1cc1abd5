/* ctx.c - the context: memory that is counted, the last error, ticks. */
#define _GNU_SOURCE
#include "base/ctx.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)0)
#define UNPOISON(p, n) ((void)0)
#endif

enum { ALIGN = 64, BLOCK = 64 * 1024 };

const char *cull_status_text(cull_status s)
{
    switch (s) {
#define X(n, v, t)                                                                                 \
    case CULL_##n: return t;
        CULL_STATUS_MAP(X)
#undef X
    }
    return "unknown status";
}

double cull__now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- memory ---- */

/* What stands before each block. `raw` is what the hook or malloc gave. */
struct head {
    cull__root *root;
    void *raw;
    size_t bytes; /* counted */
};
static_assert(sizeof(struct head) <= ALIGN, "the head fits before an aligned block");

static struct head *head_of(void *p) { return (struct head *)((char *)p - ALIGN); }

/* zero: of zeros, which fresh pages are without being touched. */
static void *get(cull__root *r, size_t bytes, bool zero)
{
    size_t whole = bytes + 2 * ALIGN;
    if (whole < bytes) return NULL;
    uint64_t used = atomic_fetch_add(&r->used, whole) + whole;
    if (r->o.memory && used > r->o.memory) {
        atomic_fetch_sub(&r->used, whole);
        return NULL;
    }
    void *raw;
    if (r->o.alloc) {
        pthread_mutex_lock(&r->hooks);
        raw = r->o.alloc(r->o.user, whole);
        pthread_mutex_unlock(&r->hooks);
        if (raw && zero) memset(raw, 0, whole);
    } else {
        raw = zero ? calloc(1, whole) : malloc(whole);
    }
    if (!raw) {
        atomic_fetch_sub(&r->used, whole);
        return NULL;
    }
    uint64_t peak = atomic_load(&r->peak);
    while (used > peak && !atomic_compare_exchange_weak(&r->peak, &peak, used)) {}
    char *p = (char *)(((uintptr_t)raw + 2 * ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
    *head_of(p) = (struct head){r, raw, whole};
    return p;
}

void cull__free(void *p)
{
    if (!p) return;
    struct head h = *head_of(p);
    atomic_fetch_sub(&h.root->used, h.bytes);
    if (h.root->o.free) {
        pthread_mutex_lock(&h.root->hooks);
        h.root->o.free(h.root->o.user, h.raw);
        pthread_mutex_unlock(&h.root->hooks);
    } else {
        free(h.raw);
    }
}

static cull_status no_memory(cull_ctx *cx, uint64_t bytes)
{
    char a[32], b[32], c[32];
    cull__root *r = cx->root;
    uint64_t used = atomic_load(&r->used);
    if (r->o.memory && bytes + 2 * ALIGN + used > r->o.memory)
        return cull__fail(cx, CULL_ENOMEM,
                          "out of memory: %s more are needed, %s of the limit of %s are in use",
                          cull__format_bytes(bytes, a), cull__format_bytes(used, b),
                          cull__format_bytes(r->o.memory, c));
    return cull__fail(cx, CULL_ENOMEM, "out of memory: no %s to be had",
                      cull__format_bytes(bytes, a));
}

static bool times(int64_t n, size_t size, size_t *bytes)
{
    if (n < 0 || (size && (uint64_t)n > (SIZE_MAX / 4) / size)) return false;
    *bytes = (size_t)n * size;
    return true;
}

cull_status cull__alloc(cull_ctx *cx, void **out, int64_t n, size_t size)
{
    size_t bytes;
    *out = NULL;
    if (!times(n, size, &bytes)) return no_memory(cx, UINT64_MAX / 4);
    void *p = get(cx->root, bytes, true);
    if (!p) return no_memory(cx, bytes);
    *out = p;
    return CULL_OK;
}

cull_status cull__grow(cull_ctx *cx, void **p, int64_t *cap, int64_t need, size_t size)
{
    if (need <= *cap) return CULL_OK;
    int64_t now = *cap, next = now < 8 ? 8 : now > INT64_MAX / 2 ? need : 2 * now;
    if (next < need) next = need;
    size_t bytes;
    if (!times(next, size, &bytes)) return no_memory(cx, UINT64_MAX / 4);
    void *q = get(cx->root, bytes, true);
    if (!q) return no_memory(cx, bytes);
    if (now) memcpy(q, *p, (size_t)now * size);
    cull__free(*p);
    *p = q;
    *cap = next;
    return CULL_OK;
}

/* The arena is a list of blocks, newest first; small requests are cut from the newest. */
struct cull__block {
    struct cull__block *older;
    size_t used, cap;
    char pad[ALIGN - 3 * sizeof(size_t)];
};
static_assert(sizeof(struct cull__block) == ALIGN, "what follows a block's head is aligned");

cull_status cull__tmp(cull_ctx *cx, void **out, int64_t n, size_t size, bool zero)
{
    size_t bytes;
    *out = NULL;
    if (!times(n, size, &bytes)) return no_memory(cx, UINT64_MAX / 4);
    /* one spare line between neighbours, so that an overrun meets poison */
    size_t room = (bytes + 2 * ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct cull__block *b = cx->arena;
    if (!b || b->cap - b->used < room) {
        size_t cap = room > BLOCK / 4 ? room : BLOCK;
        b = cx->spare;
        if (b && b->cap >= room) {
            cx->spare = NULL;
        } else {
            b = get(cx->root, sizeof *b + cap, false);
            if (!b) return no_memory(cx, sizeof *b + cap);
            b->cap = cap;
        }
        b->used = 0;
        b->older = cx->arena;
        cx->arena = b;
        POISON(b + 1, b->cap);
    }
    char *p = (char *)(b + 1) + b->used;
    b->used += room;
    UNPOISON(p, bytes);
    if (zero) memset(p, 0, bytes);
    *out = p;
    return CULL_OK;
}

cull__mark_t cull__mark(cull_ctx *cx)
{
    return (cull__mark_t){cx->arena, cx->arena ? cx->arena->used : 0};
}

void cull__release(cull_ctx *cx, cull__mark_t m)
{
    while (cx->arena && cx->arena != m.block) {
        struct cull__block *b = cx->arena;
        cx->arena = b->older;
        UNPOISON(b + 1, b->cap);
        if (!cx->spare && b->cap <= BLOCK)
            cx->spare = b; /* a chunk's next need, mostly */
        else
            cull__free(b);
    }
    if (cx->arena) {
        cx->arena->used = m.used;
        POISON((char *)(cx->arena + 1) + m.used, cx->arena->cap - m.used);
    }
}

uint64_t cull__memory_limit(const cull_ctx *cx)
{
    return cx->root->o.memory ? cx->root->o.memory : UINT64_MAX;
}

uint64_t cull__memory_left(const cull_ctx *cx)
{
    uint64_t limit = cull__memory_limit(cx), used = atomic_load(&cx->root->used);
    return used < limit ? limit - used : 0;
}

bool cull__charge(cull_ctx *cx, uint64_t bytes)
{
    cull__root *r = cx->root;
    uint64_t used = atomic_fetch_add(&r->used, bytes) + bytes;
    if (used < bytes || (r->o.memory && used > r->o.memory)) {
        atomic_fetch_sub(&r->used, bytes);
        return false;
    }
    uint64_t peak = atomic_load(&r->peak);
    while (used > peak && !atomic_compare_exchange_weak(&r->peak, &peak, used)) {}
    return true;
}

void cull__uncharge(cull_ctx *cx, uint64_t bytes) { atomic_fetch_sub(&cx->root->used, bytes); }
const char *cull__tmpdir(const cull_ctx *cx) { return cx->root->o.tmpdir; }

/* ---- failure and talk ---- */

cull_status cull__fail(cull_ctx *cx, cull_status s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(cx->err, sizeof cx->err, fmt, ap);
    va_end(ap);
    return s;
}

cull_status cull__fail_errno(cull_ctx *cx, const char *path, const char *what)
{
    char buf[128];
    int e = errno;
    return cull__fail(cx, CULL_EIO, "%s: %s: %s", path, what, strerror_r(e, buf, sizeof buf));
}

void cull__log(cull_ctx *cx, cull_level level, const char *fmt, ...)
{
    cull__root *r = cx->root;
    if (!r->o.log) return;
    char msg[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&r->hooks);
    r->o.log(r->o.user, level, msg);
    pthread_mutex_unlock(&r->hooks);
}

void cull__remark(cull_ctx *cx, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(cx->root->remark, sizeof cx->root->remark, fmt, ap);
    va_end(ap);
}

const char *cull__remarked(const cull_ctx *cx) { return cx->root->remark; }

const char *cull__phase(cull_ctx *cx, const char *what)
{
    const char *before = cx->phase;
    cx->phase = what;
    return before;
}

void cull__span(cull_ctx *cx, double lo, double hi, double of)
{
    cx->span[0] = lo;
    cx->span[1] = hi;
    cx->span[2] = of;
}

cull_status cull__tick(cull_ctx *cx, double done, double total)
{
    cull__root *r = cx->root;
    if (cx->span[2] > 0) {
        double part = total > 0 ? done / total : 1;
        done = cx->span[0] + part * (cx->span[1] - cx->span[0]);
        total = cx->span[2];
    }
    if (atomic_load(&r->stop)) return cull__fail(cx, CULL_ECANCEL, "stopped");
    double now = r->o.seconds > 0 || r->o.tick ? cull__now() : 0;
    if (r->o.seconds > 0 && now - r->born > r->o.seconds)
        return cull__fail(cx, CULL_ECANCEL, "stopped at the deadline of %g seconds", r->o.seconds);
    if (cx->worker >= 0 || !r->o.tick) return CULL_OK;
    if (r->o.tick_ms > 0 && cx->phase == r->ticked_phase && done < total &&
        now - r->ticked < 1e-3 * r->o.tick_ms)
        return CULL_OK;
    r->ticked = now;
    r->ticked_phase = cx->phase;
    if (!r->o.tick(r->o.user, cx->phase, done, total)) return CULL_OK;
    r->ticked = 0; /* where this failure is passed over, the next tick asks again */
    return cull__fail(cx, CULL_ECANCEL, "stopped while at %s, %.0f of %.0f", cx->phase, done,
                      total);
}

/* ---- life ---- */

/* What o.isa may say, from 2 on. Other machines have one set of kernels, as the compiler makes it. */
#if defined(__x86_64__)
static const char *const ISA[] = {"v2", "v3", "v4"};
#else
static const char *const ISA[] = {"plain"};
#endif

static int isa_of(const char *name)
{
    int best = 2;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2"))
        best = 3;
    if (best == 3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512cd"))
        best = 4;
#endif
    if (best > CULL_ISA_MAX) best = CULL_ISA_MAX;
    if (!name || !strcmp(name, "auto")) return best;
    for (int i = 2; i <= best; i++)
        if (!strcmp(name, ISA[i - 2])) return i;
    return 0;
}

cull_ctx *cull_ctx_new(const cull_ctx_opts *opts)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    if (opts) memcpy(&o, opts, opts->size < sizeof o ? opts->size : sizeof o);
    if (!o.tmpdir) o.tmpdir = "/tmp";
    int isa = isa_of(o.isa);
    if (!isa || (o.ranks && (o.ranks->rank < 0 || o.ranks->rank >= o.ranks->ranks))) return NULL;
    size_t ranks = o.ranks ? (size_t)o.ranks->ranks : 0, tail = strlen(o.tmpdir) + 1;
    size_t bytes = sizeof(cull_ctx) + sizeof(cull__root) + ranks * sizeof(cull__word) +
                   (ranks + 1) * sizeof(uint64_t) + tail;
    cull_ctx *cx = o.alloc ? o.alloc(o.user, bytes) : malloc(bytes);
    if (!cx) return NULL;
    memset(cx, 0, bytes);
    cull__root *r = (cull__root *)(cx + 1);
    cx->root = r;
    cx->worker = -1;
    cx->phase = "";
    r->o = o;
    r->word = (cull__word *)(r + 1);
    r->from = (uint64_t *)(r->word + ranks);
    r->o.tmpdir = memcpy((char *)(r->from + ranks + 1), o.tmpdir, tail);
    r->isa = isa;
    r->born = cull__now();
    pthread_mutex_init(&r->hooks, NULL);
    cull__threads_init(cx);
    return cx;
}

void cull__ctx_drop(cull_ctx *cx)
{
    cull__release(cx, (cull__mark_t){NULL, 0});
    cull__free(cx->spare);
    cx->spare = NULL;
}

cull_status cull__ctx_like(cull_ctx *cx, uint64_t seed, cull_ctx **out)
{
    cull_ctx_opts o = cx->root->o;
    o.seed = seed;
    o.isa = cull_ctx_isa(cx); /* the caller's text may be gone */
    if (o.seconds > 0) {
        o.seconds -= cull__now() - cx->root->born;
        if (o.seconds <= 0) o.seconds = 1e-9; /* over: the first tick says so */
    }
    *out = cull_ctx_new(&o);
    return *out ? CULL_OK : no_memory(cx, sizeof(cull_ctx));
}

void cull_ctx_free(cull_ctx *cx)
{
    if (!cx) return;
    cull__root *r = cx->root;
    cull__threads_end(cx);
    cull__ctx_drop(cx);
    pthread_mutex_destroy(&r->hooks);
    if (r->o.free)
        r->o.free(r->o.user, cx);
    else
        free(cx);
}

const char *cull_error(const cull_ctx *cx) { return cx->err; }
uint64_t cull_ctx_seed(const cull_ctx *cx) { return cx->root->o.seed; }
void cull_ctx_reseed(cull_ctx *cx, uint64_t seed) { cx->root->o.seed = seed; }
uint64_t cull_ctx_held(const cull_ctx *cx) { return atomic_load(&cx->root->used); }
uint64_t cull_ctx_peak(const cull_ctx *cx) { return atomic_load(&cx->root->peak); }
int cull__isa(const cull_ctx *cx) { return cx->root->isa; }

uint64_t cull__peak_anew(cull_ctx *cx)
{
    cull__root *r = cx->root;
    return atomic_exchange(&r->peak, atomic_load(&r->used));
}

uint64_t cull__peak_since(cull_ctx *cx, uint64_t before)
{
    uint64_t own = atomic_load(&cx->root->peak);
    if (before > own) atomic_store(&cx->root->peak, before);
    return own;
}

const char *cull_ctx_isa(const cull_ctx *cx) { return ISA[cx->root->isa - 2]; }

/* ---- results ---- */

/* A pick outlives its ctx, so its block is the hook's own and is not counted. */
struct owner {
    void *user;
    void (*release)(void *user, void *ptr);
    void *more; /* a second block */
};

cull_status cull__pick_new(cull_ctx *cx, int64_t n, cull_pick *out)
{
    cull__root *r = cx->root;
    size_t bytes = sizeof(struct owner) +
                   (size_t)n * (sizeof *out->idx + sizeof *out->score + sizeof *out->by);
    struct owner *w = r->o.alloc ? r->o.alloc(r->o.user, bytes) : malloc(bytes);
    *out = (cull_pick){0};
    if (!w) return no_memory(cx, bytes);
    memset(w, 0, bytes);
    *w = (struct owner){r->o.user, r->o.free, NULL};
    *out = (cull_pick){.n = n, .idx = (int64_t *)(w + 1), .by_what = "", .mem_ = w};
    out->score = (double *)(out->idx + n);
    out->by = (int32_t *)(out->score + n);
    for (int64_t i = 0; i < n; i++) out->by[i] = -1;
    return CULL_OK;
}

cull_status cull__pick_more(cull_ctx *cx, cull_pick *k, size_t bytes, void **out)
{
    cull__root *r = cx->root;
    struct owner *w = k->mem_;
    w->more = r->o.alloc ? r->o.alloc(r->o.user, bytes) : malloc(bytes);
    *out = w->more;
    return w->more ? CULL_OK : no_memory(cx, bytes);
}

cull_status cull__pick_rows(cull_ctx *cx, cull_pick *k, int64_t n)
{
    void *at;
    CULL_TRY(cull__pick_more(cx, k, (size_t)n * (sizeof *k->stands + sizeof *k->like), &at));
    k->rows = n;
    k->stands = at;
    k->like = (float *)(k->stands + n);
    return CULL_OK;
}

void cull_pick_free(cull_pick *p)
{
    struct owner *w = p->mem_;
    *p = (cull_pick){0};
    if (!w) return;
    if (w->release) {
        if (w->more) w->release(w->user, w->more);
        w->release(w->user, w);
    } else {
        free(w->more);
        free(w);
    }
}

const double *cull_table_col(const cull_table *t, const char *name)
{
    for (int c = 0; c < t->cols; c++)
        if (!strcmp(t->name[c], name)) return t->col[c];
    return NULL;
}

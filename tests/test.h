/* test.h - what every test program includes: cmocka, and a ctx whose memory can fail. */
#ifndef CULL_TEST_H
#define CULL_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cull/base.h"

/* Sets of kernels: those that a machine may have, and the one that it does. */
#if defined(__x86_64__)
#define ISA_NAMES                                                                                  \
    {                                                                                              \
        "v2", "v3", "v4"                                                                           \
    }
#define LEAST_ISA "v2"
#else
#define ISA_NAMES                                                                                  \
    {                                                                                              \
        "plain", "plain", "plain"                                                                  \
    }
#define LEAST_ISA "plain"
#endif

/* Hooks that count live blocks, fail the k-th allocation, or stop at the k-th tick. */
typedef struct {
    long live, calls, fail_at, ticks, stop_at;
} hooks;

static inline void *hook_alloc(void *user, size_t bytes)
{
    hooks *h = user;
    if (++h->calls == h->fail_at) return NULL;
    h->live++;
    return malloc(bytes);
}

static inline void hook_free(void *user, void *p)
{
    hooks *h = user;
    if (p) h->live--;
    free(p);
}

static inline int hook_tick(void *user, const char *what, double done, double total)
{
    hooks *h = user;
    (void)what;
    assert_true(done >= 0 && (done <= total || total == 0)); /* 0 = not known */
    return ++h->ticks == h->stop_at;
}

static inline cull_ctx *hooked_ctx(hooks *h, int threads)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.user = h;
    o.alloc = hook_alloc;
    o.free = hook_free;
    o.tick = hook_tick;
    o.tick_ms = 0;
    o.threads = threads;
    return cull_ctx_new(&o);
}

/* ok(cx, call): the call must succeed; says the sentence when it does not. */
#define ok(cx, call)                                                                               \
    do {                                                                                           \
        cull_status ok_ = (call);                                                                  \
        if (ok_ != CULL_OK) fail_msg("%s: %d: %s", #call, ok_, cull_error(cx));                    \
    } while (0)
/* refused(cx, call, status, part): the call must fail so, with `part` in its sentence. */
#define refused(cx, call, status, part)                                                            \
    do {                                                                                           \
        cull_status r_ = (call);                                                                   \
        if (r_ != (status))                                                                        \
            fail_msg("%s: status %d, not %d (%s)", #call, r_, (status), cull_error(cx));           \
        if (!strstr(cull_error(cx), part))                                                         \
            fail_msg("%s: '%s' lacks '%s'", #call, cull_error(cx), part);                          \
    } while (0)
/* CHECK(m, e): e holds of the method m. */
#define CHECK(m, e)                                                                                \
    do {                                                                                           \
        if (!(e)) fail_msg("%s: %s", (m)->slug, #e);                                               \
    } while (0)
#endif

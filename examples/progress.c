/* progress.c - a call that reports its progress, is stopped, and is then left to end.
 *
 * k-means on 20,000 points of 16 numbers, stopped by the hook in the course of the work. A stopped
 * call gives its memory back and leaves the ctx usable. A deadline (cull_ctx_opts.seconds) stops in
 * the same way. */
#include <cull/data.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 20000, D = 16 };

typedef struct {
    int calls, stop_at; /* 0 = never */
    double last;
} watch;

/* Called on the thread that called cull, at most every tick_ms. Non-zero stops the call. */
static int tick(void *user, const char *what, double done, double total)
{
    watch *w = user;
    (void)what;
    w->calls++;
    w->last = total > 0 ? done / total : 0;
    return w->stop_at && w->calls >= w->stop_at;
}

int main(void)
{
    float *x = malloc(sizeof *x * N * D);
    uint32_t state = 1;
    for (int i = 0; x && i < N * D; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / 16777216.0f;
    }
    watch w = {.stop_at = 3};
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.tick_ms = 0; /* every tick, so that this program does the same on any machine */
    o.tick = tick;
    o.user = &w;
    cull_ctx *cx = cull_ctx_new(&o);
    const cull_method *m = cull_method_find("kmq", NULL);
    cull_pool *pool = NULL;
    cull_pick k = {0};
    int bad = !x || !cx || !m || cull_pool_from(cx, x, CULL_F32, N, D, &pool) != CULL_OK;
    if (!bad) {
        cull_data_problem p = {.n = N, .budget = 100, .pool = pool};
        cull_status s = cull_data_pick(cx, m, NULL, &p, &k);
        printf("%s: %s after %d calls\n", s == CULL_ECANCEL ? "stopped" : "not stopped",
               cull_error(cx), w.calls);
        bad = s != CULL_ECANCEL;
        w = (watch){0};
        s = cull_data_pick(cx, m, NULL, &p, &k);
        printf("kept %d, told %s\n", (int)k.n, w.calls > 3 ? "often" : "seldom");
        bad |= s != CULL_OK;
    }
    cull_pick_free(&k);
    cull_pool_free(pool);
    cull_ctx_free(cx);
    free(x);
    return bad;
}

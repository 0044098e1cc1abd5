/* claiming.h - what every check of a claim keeps, on data in a folder made for the test. */
#ifndef CLAIMING_H
#define CLAIMING_H
#include "test.h"

#include "cull/claim.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { WIDER = 1 }; /* each run takes ten times as long */
#else
enum { WIDER = 4 };
#endif
static char dir[64];

static void same(const cull_claim_result *a, const cull_claim_result *b)
{
    assert_int_equal(a->lines, b->lines);
    assert_int_equal(a->figures, b->figures);
    for (int i = 0; i < a->lines; i++) {
        assert_memory_equal(&a->line[i].value, &b->line[i].value, sizeof(double));
        assert_memory_equal(&a->line[i].lo, &b->line[i].lo, sizeof(double));
    }
    for (int i = 0; i < a->figures; i++)
        assert_memory_equal(&a->figure[i].value, &b->figure[i].value, sizeof(double));
}

/* One thread from the start, and two after a run that was stopped. */
static cull_claim_result keeps(const char *slug)
{
    cull_claim_result one, two;
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        cull_ctx_reseed(cx, 7);
        h.stop_at = 2;
        if (threads == 2)
            refused(cx, cull_claim_run(cx, slug, dir, true, &two), CULL_ECANCEL, "stopped");
        h.stop_at = 0;
        assert_int_equal(cull_ctx_seed(cx), 7);
        ok(cx, cull_claim_run(cx, slug, dir, true, threads == 1 ? &one : &two));
        assert_int_equal(cull_ctx_seed(cx), 7);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    same(&one, &two);
    assert_true(one.seeds == 3 && one.lines > 0 && *one.note);
    for (int i = 0; i < one.lines; i++) {
        const cull_claim_line *l = &one.line[i];
        assert_true(isfinite(l->value) && !(l->lo > l->hi));
        assert_int_equal(l->holds, l->below ? l->value <= l->threshold : l->value >= l->threshold);
    }
    return one;
}

/* One allocation fails, each time a later one, wider and wider apart: the check says so and leaves nothing; or a study came
 * over it (what a method could not take in is told it again), and the figures are what they would have been. */
static cull_status fails_at(const char *slug, long at, cull_claim_result *r)
{
    hooks h = {.fail_at = at}; /* 0: none fails */
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_status s = CULL_ENOMEM;
    if (cx) {
        s = cull_claim_run(cx, slug, dir, true, r);
        if (s != CULL_OK) {
            refused(cx, s, CULL_ENOMEM, "memory");
            assert_true(at > 0 && r->lines == 0);
        }
        cull_ctx_free(cx);
    }
    assert_int_equal(h.live, 0);
    return s;
}

static void fails_well(const char *slug, long most)
{
    cull_claim_result whole = {0}, r;
    for (long at = 1, step = 1; at < most; at += step, step += step / WIDER + 1) {
        if (fails_at(slug, at, &r) != CULL_OK) continue;
        if (!whole.claim) assert_int_equal(fails_at(slug, 0, &whole), CULL_OK);
        same(&whole, &r);
    }
}
#endif

/* space: any bytes as a description, text or JSON: what is read is written and read again the same, its points are
 * points, and go to text and back. */
#include "array.h"
#include "fuzz.h"

#include "cull/report.h"
#include "cull/space.h"
#include "space/space.h"

#include <string.h>

static void same(cull_ctx *cx, const cull_space *s, bool json)
{
    cull_space *again;
    char *a, *b;
    if (cull_space_text(cx, s, json, &a) != CULL_OK) return; /* no memory */
    cull_status st = cull_space_from(cx, a, strlen(a), "again", &again);
    if (st != CULL_OK && st != CULL_ENOMEM) abort();
    if (st == CULL_OK && cull_space_hash(s) != cull_space_hash(again)) abort();
    if (st == CULL_OK && cull_space_text(cx, again, json, &b) == CULL_OK) {
        if (strcmp(a, b)) abort();
        cull_text_free(b);
    }
    cull_text_free(a);
    cull_space_free(again);
}

static void point(cull_ctx *cx, const cull_space *s, const double *x, double *y)
{
    char *text;
    if (cull_space_check(cx, s, x) != CULL_OK) abort();
    if (cull_space_format(cx, s, x, &text) != CULL_OK) return;
    if (cull_space_parse(cx, s, text, y) != CULL_OK) abort();
    cull_key a = cull_space_key(s, x), b = cull_space_key(s, y);
    if (memcmp(&a, &b, sizeof a)) abort();
    cull_text_free(text);
}

static void points(cull_ctx *cx, const cull_space *s)
{
    int64_t width = cull_space_width(s);
    double *x = calloc((size_t)width, sizeof *x), *y = calloc((size_t)width, sizeof *y);
    double *f = calloc((size_t)cull_space_features(s, CULL_ENCODE_LEVELS) + 1, sizeof *f);
    if (!x || !y || !f) abort();
    const cull__mutation o = {.near = true};
    cull_rng r = cull__rng_seeded(1, 1);
    if (cull_space_default(cx, s, x) == CULL_OK) point(cx, s, x, y);
    for (uint64_t k = 0; k < 4 && cull_space_draw(cx, s, k, x) == CULL_OK; k++) {
        point(cx, s, x, y);
        cull_space_encode(s, CULL_ENCODE_LEVELS, x, f);
        if (cull__space_mutate(cx, s, &o, &r, x, y) == CULL_OK) point(cx, s, y, x);
    }
    if (cull__space_first(s, x)) point(cx, s, x, y);
    free(x);
    free(y);
    free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static cull_ctx *cx;
    cull_space *s;
    if (!cx) cx = fuzz_ctx();
    if (cull_space_from(cx, (const char *)data, n, "data", &s) != CULL_OK) return 0;
    same(cx, s, false);
    same(cx, s, true);
    for (int i = 0; i < cull_space_params(s) && i < 50; i++)
        if (cull_space_find(s, cull_space_at(s, i)->name) != i) abort();
    /* what would take seconds by design is not what is looked for here */
    if (cull_space_width(s) < 1000 && cull_space_features(s, CULL_ENCODE_LEVELS) < 100000 &&
        !cull_space_constrained(s))
        points(cx, s);
    cull_space_free(s);
    return 0;
}

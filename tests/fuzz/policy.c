/* policy: any bytes as a policy file: refused with a sentence, or what is read is written and read again the same,
 * and its method decides by it about rows or says why not. */
#include "array.h"

#include <string.h>

#include "cull/compute.h"
#include "cull/trust.h"

enum { N = 5, CLASSES = 3, D = 2, MOST = 4 };

/* Whatever failed said why. */
static bool fine(cull_ctx *cx, cull_status s)
{
    if (s != CULL_OK && (s == CULL_EINTERNAL || !*cull_error(cx))) abort();
    return s == CULL_OK;
}

static size_t slurp(FILE *f, char **out)
{
    long n = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    if (n < 0 || !(*out = malloc((size_t)n + 1))) abort();
    rewind(f);
    if (fread(*out, 1, (size_t)n, f) != (size_t)n) abort();
    return (size_t)n;
}

static size_t written(cull_ctx *cx, const cull_policy *p, const char *path, char **out)
{
    if (!fine(cx, cull_policy_write(cx, p, path))) return 0;
    FILE *f = fopen(path, "rb");
    if (!f) abort();
    size_t n = slurp(f, out);
    fclose(f);
    return n;
}

static void same(cull_ctx *cx, const cull_policy *p)
{
    static char path[64];
    char *a = NULL, *b = NULL;
    cull_policy *again;
    snprintf(path, sizeof path, "/tmp/cull-fuzz-policy-%d.json", (int)getpid());
    size_t n = written(cx, p, path, &a);
    if (n) {
        if (!fine(cx, cull_policy_open(cx, path, &again))) abort();
        if (written(cx, again, path, &b) != n || memcmp(a, b, n)) abort();
        cull_policy_free(again);
    }
    unlink(path);
    free(a);
    free(b);
}

static void decide(cull_ctx *cx, cull_policy *p)
{
    static float out[N * CLASSES], x[N * D];
    static double score[MOST * N], spread[N], weight[N];
    static int32_t group[N];
    static const double each[MOST] = {1, 2, 3, 4};
    const float *outs[MOST] = {out, out, out, out}, *xs[MOST] = {x, x, x, x};
    const int64_t d[MOST] = {D, D, D, D};
    int models = cull_policy_models(p);
    if (models < 1 || models > MOST) return;
    for (int i = 0; i < N; i++) {
        for (int c = 0; c < CLASSES; c++) out[i * CLASSES + c] = (float)(i * c % 4);
        for (int j = 0; j < D; j++) x[i * D + j] = (float)(i - j);
        for (int k = 0; k < MOST; k++) score[k * N + i] = 0.3 * i - k;
        spread[i] = weight[i] = 1 + i;
        group[i] = i % 2;
    }
    const cull_outcomes o = {.n = N,
                             .models = models,
                             .classes = CLASSES,
                             .out = outs,
                             .score = score,
                             .each = each,
                             .delay = each,
                             .spread = spread,
                             .weight = weight,
                             .group = group,
                             .groups = 2,
                             .x = xs,
                             .d = d,
                             .xs = models};
    cull_decisions got = {0};
    cull_guarantee g;
    bool compute = cull_policy_method(p)->task == CULL_TASK_COMPUTE;
    cull_status s = compute ? cull_compute_apply(cx, p, NULL, &o, &got)
                            : cull_trust_apply(cx, p, NULL, &o, &got, &g);
    (void)fine(cx, s);
    cull_decisions_free(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static cull_ctx *cx;
    char path[64];
    cull_policy *p;
    cull_opts *o;
    if (!cx) cx = fuzz_ctx();
    (void)cull__fail(cx, CULL_OK, "%s", ""); /* so that the next sentence is of this input */
    int fd = fuzz_file(data, n, path);
    bool read = fine(cx, cull_policy_open(cx, path, &p));
    close(fd);
    if (!read) return 0;
    for (int i = 0; i < cull_policy_notes(p); i++)
        if (!cull_policy_note_at(p, i)) abort();
    if (fine(cx, cull_policy_options(cx, p, &o))) cull_opts_free(o);
    same(cx, p);
    decide(cx, p);
    cull_policy_free(p);
    if (cull_ctx_held(cx) > 1 << 20) abort(); /* every input leaves something */
    return 0;
}

/* bench_text.c - text features of a jsonl file, timed: fit, then embed.
 * usage: bench_text FILE.jsonl THREADS [OUT.npy] [name=value...]; seed=N, memory=MIB and the
 * options of cull_embed_opts. Prints rows for bench/run_text.sh */
#include "cull/embed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int die(const cull_ctx *cx)
{
    fprintf(stderr, "bench_text: %s\n", cull_error(cx));
    return 1;
}

/* name=value into the options; false when there is no such name */
static bool set(cull_embed_opts *o, const char *arg)
{
    const struct {
        const char *name;
        int *at;
    } ints[] = {{"word_lo", &o->word_lo},      {"word_hi", &o->word_hi}, {"char_lo", &o->char_lo},
                {"char_hi", &o->char_hi},      {"bits", &o->bits},       {"dim", &o->dim},
                {"iterations", &o->iterations}};
    const char *eq = strchr(arg, '=');
    if (!eq) return false;
    size_t n = (size_t)(eq - arg);
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        if (strlen(ints[i].name) == n && !strncmp(arg, ints[i].name, n))
            return *ints[i].at = atoi(eq + 1), true;
    if (n == 6 && !strncmp(arg, "sample", n)) return o->sample = atoll(eq + 1), true;
    if (n == 9 && !strncmp(arg, "sublinear", n)) return o->sublinear = atoi(eq + 1), true;
    return false;
}

int main(int argc, char **argv)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    cull_embed_opts o = CULL_EMBED_OPTS;
    const char *out = NULL;
    if (argc < 3) return fprintf(stderr, "usage: bench_text FILE THREADS [OUT] [name=value]\n"), 2;
    co.threads = atoi(argv[2]);
    for (int i = 3; i < argc; i++) {
        if (!strncmp(argv[i], "seed=", 5))
            co.seed = strtoull(argv[i] + 5, NULL, 10);
        else if (!strncmp(argv[i], "memory=", 7))
            co.memory = strtoull(argv[i] + 7, NULL, 10) << 20;
        else if (!set(&o, argv[i]))
            out = argv[i];
    }
    cull_ctx *cx = cull_ctx_new(&co);
    cull_corpus_opts po = CULL_CORPUS_OPTS;
    cull_corpus *c;
    cull_embed *e;
    cull_pool *p;
    po.paths = (const char *const *)&argv[1];
    po.npaths = 1;
    double t0 = now();
    if (cull_corpus_open(cx, &po, &c) != CULL_OK) return die(cx);
    double t1 = now();
    if (cull_embed_fit(cx, c, &o, &e) != CULL_OK) return die(cx);
    double t2 = now();
    if (cull_embed_apply(cx, e, c, &p) != CULL_OK) return die(cx);
    double t3 = now();
    printf("open,cull,%d,%.3f,\nfit,cull,%d,%.3f,\napply,cull,%d,%.3f,\nall,cull,%d,%.3f,\n",
           co.threads, t1 - t0, co.threads, t2 - t1, co.threads, t3 - t2, co.threads, t3 - t0);
    cull_plan plan;
    double peak = (double)cull_ctx_peak(cx) * 1e-6;
    if (cull_embed_plan(cx, c, &o, 0, &plan) != CULL_OK) return die(cx);
    fprintf(stderr, "peak %.1f MB, planned %.1f MB\n", peak, (double)plan.bytes * 1e-6);
    if (out) {
        cull_array a = {.dtype = CULL_F32,
                        .ndim = 2,
                        .shape = {cull_pool_n(p), cull_pool_d(p)},
                        .at = cull_pool_rows(p, 0, cull_pool_n(p), NULL)};
        if (cull_array_write(cx, out, &a) != CULL_OK) return die(cx);
    }
    cull_pool_free(p);
    cull_embed_free(e);
    cull_corpus_free(c);
    cull_ctx_free(cx);
    return 0;
}

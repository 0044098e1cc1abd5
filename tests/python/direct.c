/* direct.c - cull_data_pick on files, without a job: what Python and the command must equal.
 *
 * usage: direct METHOD BUDGET POOL.npy TARGET.npy POOL.jsonl TARGET.jsonl SCORES.npz [TIMES]
 * It prints "row score" for each kept row; with TIMES the microseconds of a call instead. */
#define _POSIX_C_SOURCE 200809L
#include "cull/cull.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static cull_ctx *cx;

static void must(cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "%s\n", cull_error(cx));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc < 8) return 2;
    cull_ctx_opts how = CULL_CTX_OPTS;
    how.threads = argc > 8 ? 1 : 0;
    cx = cull_ctx_new(&how);
    const cull_method *m = cull_method_find(argv[1], NULL);
    cull_pool *pool, *target;
    cull_corpus *text, *target_text;
    cull_table_file *scores;
    must(cull_pool_open(cx, argv[3], &pool));
    must(cull_pool_open(cx, argv[4], &target));
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = (const char *const *)&argv[5], o.npaths = 1;
    must(cull_corpus_open(cx, &o, &text));
    o.paths = (const char *const *)&argv[6];
    must(cull_corpus_open(cx, &o, &target_text));
    must(cull_table_open(cx, argv[7], NULL, 0, &scores));
    cull_data_problem p = {.n = cull_pool_n(pool),
                           .score = *cull_table_of(scores),
                           .pool = pool,
                           .target = target,
                           .against = target,
                           .text = text,
                           .target_text = target_text,
                           .budget = atof(argv[2])};
    cull_pick k;
    int times = argc > 8 ? atoi(argv[8]) : 0;
    for (int round = 0; round < 2; round++) { /* the first warms up */
        double began = now();
        for (int i = 0; i < times; i++) {
            must(cull_data_pick(cx, m, NULL, &p, &k));
            cull_pick_free(&k);
        }
        if (times && round) printf("%.3f\n", 1e6 * (now() - began) / times);
    }
    if (times) return 0;
    must(cull_data_pick(cx, m, NULL, &p, &k));
    for (int64_t i = 0; i < k.n; i++) printf("%" PRId64 " %.17g\n", k.idx[i], k.score[i]);
    cull_pick_free(&k);
    cull_table_close(scores);
    cull_corpus_free(text), cull_corpus_free(target_text);
    cull_pool_free(pool), cull_pool_free(target);
    cull_ctx_free(cx);
    return 0;
}

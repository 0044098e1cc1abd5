/* columns.c - a choice by numbers made elsewhere, with costs, quotas and an option set by name; no
 * file, no text, no embeddings.
 *
 * Six sequences with their losses under two models. Each costs its tokens; at most 1000 tokens may
 * come from one source. */
#include <cull/data.h>
#include <stdio.h>

enum { N = 6 };

int main(void)
{
    static const double prior[N] = {3.1, 2.9, 3.4, 3.0, 2.8, 3.3};
    static const double cond[N] = {2.4, 2.8, 2.6, 2.5, 2.7, 2.7};
    static const double tokens[N] = {700, 300, 500, 400, 200, 600};
    static const int32_t source[N] = {0, 0, 1, 0, 1, 1};
    static const double quota[2] = {1000, 1000};
    static const char *const name[] = {"loss_prior", "loss_cond"};
    const double *const col[] = {prior, cond};

    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_method *m = cull_method_find("color-filter", NULL);
    if (!cx || !m) return 1;
    cull_data_problem p = {.n = N, .budget = 1500, .groups = 2};
    p.score = (cull_table){N, 2, name, col};
    p.cost = tokens;
    p.group = source;
    p.quota = quota;

    cull_opts *o = NULL;
    cull_pick k = {0};
    cull_status s = cull_opts_new(cx, m, &o);
    if (s == CULL_OK) s = cull_opts_set(cx, o, "rule", "reduction");
    if (s == CULL_OK) s = cull_data_pick(cx, m, o, &p, &k);
    if (s != CULL_OK) fprintf(stderr, "columns: %s\n", cull_error(cx));
    for (int64_t i = 0; i < k.n; i++)
        printf("row %d  falls by %.1f  %4.0f tokens  source %d\n", (int)k.idx[i], k.score[i],
               tokens[k.idx[i]], (int)source[k.idx[i]]);
    if (s == CULL_OK) printf("%.0f of %.0f tokens\n", k.spent, p.budget);

    /* A name that the method lacks is an error with the nearest one in it. */
    if (s == CULL_OK && cull_opts_set(cx, o, "rul", "reduction") != CULL_OK)
        printf("refused: %s\n", cull_error(cx));
    cull_pick_free(&k);
    cull_opts_free(o);
    cull_ctx_free(cx);
    return s != CULL_OK;
}

/* pick.c - the library in one page: of five examples keep the two that serve two target examples.
 * Build it against an installed cull:  cc pick.c $(pkg-config --cflags --libs cull) */
#include <cull/data.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    static const float pool[5][3] = {
        {1, 0, .1f}, {0, 0, 1}, {.2f, 1, 0}, {.5f, .5f, .7f}, {0, .1f, .9f}};
    static const float target[2][3] = {{.9f, .1f, 0}, {.1f, .9f, .1f}};

    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_method *m = cull_method_find(argc > 1 ? argv[1] : "rds-plus", NULL);
    cull_data_problem p = {.n = 5, .budget = 2};
    cull_pool *rows = NULL, *want = NULL;
    cull_pick k = {0};

    cull_status s = !cx || !m ? CULL_EINPUT : cull_pool_from(cx, pool, CULL_F32, 5, 3, &rows);
    if (s == CULL_OK) s = cull_pool_from(cx, target, CULL_F32, 2, 3, &want);
    p.pool = rows, p.target = want;
    if (s == CULL_OK) s = cull_data_pick(cx, m, NULL, &p, &k);
    if (s != CULL_OK) fprintf(stderr, "pick: %s\n", cx && m ? cull_error(cx) : "no such method");
    for (int64_t i = 0; i < k.n; i++) printf("keep row %d\n", (int)k.idx[i]);

    cull_pick_free(&k);
    cull_pool_free(want);
    cull_pool_free(rows);
    cull_ctx_free(cx);
    return s != CULL_OK;
}

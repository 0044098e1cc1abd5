/* read_pick.c - reads a pick file (or a bare list of rows) and says what is in it.
 *
 *   read_pick PICK */
#include <cull/report.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static void figure(const cull_run_figure *f)
{
    printf("%s of %s: %.3f", f->metric, f->name, f->value);
    if (!isnan(f->lo)) printf(" [%.3f, %.3f]", f->lo, f->hi);
    printf("\n");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: read_pick PICK\n");
        return 2;
    }
    cull_ctx *cx = cull_ctx_new(NULL);
    if (!cx) return 1;
    cull_pick_file f;
    cull_status s = cull_pick_read(cx, argv[1], &f);
    if (s != CULL_OK) {
        fprintf(stderr, "read_pick: %s\n", cull_error(cx));
        cull_ctx_free(cx);
        return 1;
    }
    const cull_run *r = &f.run;
    if (f.bare)
        printf("a bare list (%s)\n", f.kind);
    else
        printf("%s, revision %d, seed %" PRIu64 "\n", r->slug, r->rev, r->seed);
    for (int i = 0; i < r->inputs; i++)
        printf("%s: %" PRId64 " rows\n", r->input[i].role, r->input[i].file.rows);
    for (int i = 0; i < r->figures; i++) figure(&r->figure[i]);
    for (int64_t i = 0; i < r->pick->n;
         i++) /* in the order chosen; ids only where the file has them */
        printf("row %" PRId64 " %s\n", r->pick->idx[i], r->ids ? r->ids->id[i] : "-");
    cull_pick_file_free(&f);
    cull_ctx_free(cx);
    return 0;
}

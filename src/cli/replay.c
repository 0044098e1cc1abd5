/* replay.c - cull replay: a pick made again, from what its file says, and compared. */
#include "job.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    cull_pick_file file;
    cli again; /* the command that made it, parsed */
    char **argv;
    cull_job *job;
    cull_opts *opts;
} work;

static int parse_again(cli *c, work *w)
{
    const cull_run *r = &w->file.run;
    if (w->file.bare || r->argc < 2)
        return fail(c, FAILED, "%s holds rows only: there is no command to run again", c->input[0]);
    w->again.cmd = command_find(r->argv[1], NULL);
    if (!w->again.cmd || w->again.cmd->run != run_task)
        return fail(c, FAILED, "%s was made by 'cull %s', which cannot be replayed", c->input[0],
                    r->argv[1]);
    w->argv = calloc((size_t)r->argc + 1, sizeof *w->argv);
    if (!w->argv) return fail(c, FAILED, "out of memory");
    memcpy(w->argv, r->argv, (size_t)r->argc * sizeof *w->argv);
    TRY(parse(&w->again, r->argc - 1, w->argv + 1));
    w->again.quiet = c->quiet;
    for (int i = 0; i < w->again.inputs; i++)
        if (!strcmp(w->again.input[i], "-"))
            return fail(c, FAILED,
                        "the pool came from standard input: there is nothing to read "
                        "again");
    return context_new(&w->again);
}

/* Files that have changed explain a difference better than rows would. */
static int check_inputs(cli *c, const work *w)
{
    const cull_run *r = &w->file.run;
    for (int i = 0; i < r->inputs; i++) {
        const cull_input_file *then = &r->input[i].file;
        cull_input_file now;
        if (!then->hash[0]) continue;
        TRY(check(c, cull_file_hash(c->cx, then->path, &now)));
        if (strcmp(then->hash, now.hash))
            return fail(c, FAILED, "%s has changed since: its hash was %s and is %s", then->path,
                        then->hash, now.hash);
    }
    return DONE;
}

static int check_count(cli *c, const work *w)
{
    int then = w->file.run.inputs, now = cull_job_result(w->job)->inputs;
    if (!then || then == now) return DONE; /* a pick of a binding may name no files */
    return fail(c, FAILED, "it was made from %d files, now there are %d", then, now);
}

static int by_row(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* How many rows of a are not in b. */
static int64_t missing(const cull_pick *a, const cull_pick *b)
{
    int64_t *s = malloc(((size_t)b->n + 1) * sizeof *s), n = 0;
    if (!s) return -1;
    memcpy(s, b->idx, (size_t)b->n * sizeof *s);
    qsort(s, (size_t)b->n, sizeof *s, by_row);
    for (int64_t i = 0; i < a->n; i++)
        n += !bsearch(&a->idx[i], s, (size_t)b->n, sizeof *s, by_row);
    free(s);
    return n;
}

static int compare_picks(cli *c, const work *w, double seconds)
{
    const cull_run *r = &w->file.run;
    const cull_pick *then = r->pick, *now = cull_job_result(w->job)->pick;
    int64_t moved = 0, scores = 0, least = then->n < now->n ? then->n : now->n;
    for (int64_t i = 0; i < least; i++) {
        moved += then->idx[i] != now->idx[i];
        scores += then->score[i] != now->score[i];
    }
    bool same = then->n == now->n && !moved && !scores;
    int64_t gone = same ? 0 : missing(then, now), came = same ? 0 : missing(now, then);
    if (c->json)
        printf("{\"same\":%s,\"rows_then\":%lld,\"rows_now\":%lld,\"gone\":%lld,\"new\":%lld,"
               "\"moved\":%lld,\"scores\":%lld,\"seconds\":%.3f,\"peak_bytes\":%llu}\n",
               same ? "true" : "false", (long long)then->n, (long long)now->n, (long long)gone,
               (long long)came, (long long)moved, (long long)scores, seconds,
               (unsigned long long)cull_ctx_peak(w->again.cx));
    else if (same)
        printf("same\t%lld rows\n", (long long)now->n);
    if (same) return DONE;
    if (!c->json)
        printf(
            "differs\t%lld rows then, %lld now; %lld are gone, %lld are new, %lld stand elsewhere, "
            "%lld scores differ\n",
            (long long)then->n, (long long)now->n, (long long)gone, (long long)came,
            (long long)moved, (long long)scores);
    const char *isa = cull_ctx_isa(w->again.cx);
    if (r->isa && strcmp(r->isa, isa))
        talk(c,
             "it was made with instructions %s, now %s: scores may then differ by a rounding, "
             "and rows of nearly equal score may change places",
             r->isa, isa);
    if (r->version && strcmp(r->version, cull_version()))
        talk(c, "it was made by cull %s, this is %s", r->version, cull_version());
    return FAILED;
}

static int replay(cli *c, work *w)
{
    double began = seconds_now();
    TRY(check(c, cull_pick_read(c->cx, c->input[0], &w->file)));
    TRY(parse_again(c, w));
    cli *again = &w->again;
    const cull_method *m = w->file.run.method;
    if (!m) return fail(c, FAILED, "this cull has no method %s", w->file.run.slug);
    TRY(check_in(c, again->cx, cull_pick_file_opts(again->cx, &w->file, &w->opts)));
    TRY(check_inputs(c, w));
    TRY(job_of(again, &w->job));
    TRY(check_in(c, again->cx, cull_job_run(w->job, m, w->opts, CULL_JOB_HASHES)));
    TRY(check_count(c, w));
    progress_end();
    return compare_picks(c, w, seconds_now() - began);
}

int run_replay(cli *c)
{
    work w = {0};
    int rc = replay(c, &w);
    cull_job_free(w.job);
    cull_opts_free(w.opts);
    cull_ctx_free(w.again.cx);
    parse_free(&w.again);
    free(w.argv);
    cull_pick_file_free(&w.file);
    return rc;
}

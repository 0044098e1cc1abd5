/* apply.c - cull apply: the rows that a pick names, of records or of an array. */
#include "cull/frame.h"
#include "cull/surgery.h"
#include "cull/weights.h"
#include "job.h"
#include "model.h"
#include "weights.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    cull_pick_file pick;
    cull_corpus *text;
    cull_pool *pool;
    output *out;
} work;

/* The pool's files as the pick knows them: the same rows, and the same bytes unless forced. */
static int check_input(cli *c, const work *w, int64_t rows)
{
    const cull_run *r = &w->pick.run;
    const char *name = c->input[0];
    bool force = has(c, "force");
    if (r->n && r->n != rows)
        return fail(c, FAILED, "%s has %lld rows; the pick is from a pool of %lld", name,
                    (long long)rows, (long long)r->n);
    for (int64_t i = 0; i < r->pick->n; i++)
        if (r->pick->idx[i] >= rows)
            return fail(c, FAILED, "the pick names row %lld; %s has %lld",
                        (long long)r->pick->idx[i], name, (long long)rows);
    const cull_input_file *read = NULL;
    int at = 0, files = w->text ? cull_corpus_files(w->text, &read) : c->inputs;
    for (int i = 0; !force && i < r->inputs; i++) {
        cull_input_file f;
        if (strcmp(r->input[i].role, "pool") || !r->input[i].file.hash[0]) continue;
        if (at == files)
            return fail(c, FAILED,
                        "the pick is from more files than %d; name them all in the same "
                        "order",
                        files);
        if (!read && !strcmp(c->input[at], "-")) return DONE; /* it has gone by */
        if (read)
            f = read[at];
        else
            TRY(check(c, cull_file_hash(c->cx, c->input[at], &f)));
        if (strcmp(f.hash, r->input[i].file.hash))
            return fail(c, FAILED, "%s is not the file that was chosen from (%s); --force goes on",
                        f.path, r->input[i].file.path);
        at++;
    }
    return DONE;
}

static int open_input(cli *c, work *w, int64_t *rows)
{
    if (cull_file_kind_of(c->input[0]) == CULL_FILE_ARRAY) {
        TRY(check(c, cull_pool_open_all(c->cx, c->input, c->inputs, &w->pool)));
        *rows = cull_pool_n(w->pool);
        return DONE;
    }
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = c->input;
    o.npaths = c->inputs;
    o.text = ""; /* records as they are */
    TRY(check(c, cull_corpus_open(c->cx, &o, &w->text)));
    *rows = cull_corpus_n(w->text);
    return DONE;
}

struct place {
    int64_t column;
    const char *name;
};

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return x->column < y->column ? -1 : x->column > y->column;
}

/* A pick of columns: any table that has them will do. */
static int apply_columns(cli *c, const work *w, bool as_chosen)
{
    const cull_run *r = &w->pick.run;
    cull_frame_opts o = CULL_FRAME_OPTS;
    int64_t n = r->pick->n;
    if (!r->ids) return fail(c, FAILED, "the pick names no columns");
    struct place *at = calloc((size_t)n + 1, sizeof *at);
    const char **name = calloc((size_t)n + 1, sizeof *name);
    o.paths = c->input;
    o.npaths = c->inputs;
    for (int64_t i = 0; at && i < n; i++) at[i] = (struct place){r->pick->idx[i], r->ids->id[i]};
    if (at && !as_chosen) qsort(at, (size_t)n, sizeof *at, by_place);
    for (int64_t i = 0; at && name && i < n; i++) name[i] = at[i].name;
    int rc = at && name ? DONE : fail(c, FAILED, "out of memory");
    for (int i = 0; rc == DONE && i < c->outs; i++)
        rc = check(c, cull_frame_write(c->cx, &o, name, n, c->out[i]));
    free(at);
    free(name);
    TRY(rc);
    if (!c->json) {
        talk(c, "applied   %lld of the columns", (long long)r->pick->n);
        return DONE;
    }
    progress_end();
    printf("{\"columns\":%lld,\"out\":", (long long)r->pick->n);
    say_json_list(stdout, c->out, c->outs);
    puts("}");
    return DONE;
}

static void say(cli *c, const work *w, int64_t rows, double seconds)
{
    long long kept = (long long)w->pick.run.pick->n;
    if (!c->json) {
        talk(c, "applied   %lld of %lld rows", kept, (long long)rows);
        return;
    }
    progress_end();
    printf("{\"rows\":%lld,\"of\":%lld,\"dims\":", kept, (long long)rows);
    if (w->pool)
        printf("%lld,\"out\":", (long long)cull_pool_d(w->pool));
    else
        printf("null,\"out\":");
    say_json_list(stdout, c->out, c->outs);
    printf(",\"seconds\":%.3f,\"peak_bytes\":%llu}\n", seconds,
           (unsigned long long)cull_ctx_peak(c->cx));
}

static int apply(cli *c, work *w)
{
    int64_t rows;
    bool as_chosen;
    double began = seconds_now();
    const char *pick = c->input[0];
    c->input++, c->inputs--;
    w->out = calloc((size_t)c->outs + 2, sizeof *w->out);
    if (!w->out) return fail(c, FAILED, "out of memory");
    if (!c->outs) c->out[c->outs++] = "-";
    TRY(one_stdout(c));
    TRY(outputs_of(c, w->out));
    for (int i = 0; i < c->outs; i++)
        if (w->out[i].kind == OUT_FORM)
            return fail(c, USAGE, "-o %s: apply writes rows as they are in %s", c->out[i],
                        c->input[0]);
        else if (strcmp(pick, "-") && one_file(c->out[i], pick))
            return fail(c, USAGE, "-o %s is also the pick", c->out[i]);
    TRY(order_of(c, &as_chosen));
    TRY(check(c, cull_pick_read(c->cx, pick, &w->pick)));
    if (w->pick.run.task && !strcmp(w->pick.run.task, cull_task_name(CULL_TASK_FEATURE)))
        return apply_columns(c, w, as_chosen);
    TRY(open_input(c, w, &rows));
    TRY(check_input(c, w, rows));
    for (int i = 0; i < c->outs; i++)
        TRY(check(c, cull_pick_write_rows(c->cx, w->pick.run.pick, w->text, w->pool, as_chosen,
                                          c->out[i])));
    say(c, w, rows, seconds_now() - began);
    return DONE;
}

int run_apply(cli *c)
{
    work w = {0};
    if (cull_surgery_is_plan(c->input[0])) return apply_channels(c);
    if (cull_weights_is_manifest(c->input[0])) return apply_manifest(c);
    if (c->inputs && is_weights(c->input[0])) return apply_mask(c);
    int rc = apply(c, &w);
    c->input--, c->inputs++; /* as parse_free expects it */
    cull_pick_file_free(&w.pick);
    cull_corpus_free(w.text);
    cull_pool_free(w.pool);
    free(w.out);
    return rc;
}

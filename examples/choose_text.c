/* choose_text.c - what `cull data` does, in one page: of a file of texts keep those that serve the
 * texts of another file, write the records and the pick file.
 *
 *   choose_text POOL.jsonl TARGET.jsonl BUDGET KEPT.jsonl PICK.json
 *
 * One owner frees: every handle stands in `work`, and each is NULL or empty until it is made. */
#include <cull/data.h>
#include <cull/embed.h>
#include <cull/report.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    cull_ctx *cx;
    cull_corpus *text, *target_text;
    cull_embed *features;
    cull_pool *pool, *target;
    cull_pick pick;
    cull_strings ids;
} work;

static cull_status open_text(cull_ctx *cx, const char *path, cull_corpus **out)
{
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = &path;
    o.npaths = 1;
    return cull_corpus_open(cx, &o, out);
}

/* Both sides in the features of the pool: fitted on its words, applied to the target's. */
static cull_status embed(work *w)
{
    cull_status s = cull_embed_fit(w->cx, w->text, NULL, &w->features);
    if (s == CULL_OK) s = cull_embed_apply(w->cx, w->features, w->text, &w->pool);
    if (s == CULL_OK) s = cull_embed_apply(w->cx, w->features, w->target_text, &w->target);
    return s;
}

static cull_status write_pick(work *w, const cull_method *m, double budget, const char *path)
{
    const cull_input_file *pool, *target;
    int pools = cull_corpus_files(w->text, &pool),
        targets = cull_corpus_files(w->target_text, &target);
    cull_run_input in[2] = {{"pool", *pool}, {"target", *target}};
    cull_run r = {.method = m, .seed = cull_ctx_seed(w->cx), .isa = cull_ctx_isa(w->cx)};
    r.input = in;
    r.inputs = pools == 1 && targets == 1 ? 2 : 0;
    r.n = cull_corpus_n(w->text);
    r.budget = budget;
    r.pick = &w->pick;
    r.ids = &w->ids;
    return cull_run_write(w->cx, &r, CULL_FORM_JSON, path);
}

static cull_status run(work *w, char **arg)
{
    const cull_method *m = cull_method_find("rds-plus", NULL);
    cull_status s = open_text(w->cx, arg[1], &w->text);
    if (s == CULL_OK) s = open_text(w->cx, arg[2], &w->target_text);
    if (s == CULL_OK) s = embed(w);
    if (s != CULL_OK) return s;

    cull_data_problem p = {.n = cull_corpus_n(w->text), .budget = atof(arg[3])};
    p.pool = w->pool;
    p.target = w->target;
    s = cull_data_pick(w->cx, m, NULL, &p, &w->pick);
    if (s == CULL_OK) s = cull_corpus_write(w->cx, w->text, w->pick.idx, w->pick.n, arg[4]);
    if (s == CULL_OK) s = cull_corpus_ids(w->cx, w->text, w->pick.idx, w->pick.n, 0, &w->ids);
    if (s == CULL_OK) s = write_pick(w, m, p.budget, arg[5]);
    return s;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: choose_text POOL.jsonl TARGET.jsonl BUDGET KEPT.jsonl PICK.json\n");
        return 2;
    }
    work w = {.cx = cull_ctx_new(NULL)};
    cull_status s = w.cx ? run(&w, argv) : CULL_ENOMEM;
    if (s == CULL_OK)
        printf("kept %d of %d\n", (int)w.pick.n, (int)cull_corpus_n(w.text));
    else
        fprintf(stderr, "choose_text: %s\n", w.cx ? cull_error(w.cx) : cull_status_text(s));
    cull_strings_free(&w.ids);
    cull_pick_free(&w.pick);
    cull_pool_free(w.target);
    cull_pool_free(w.pool);
    cull_embed_free(w.features);
    cull_corpus_free(w.target_text);
    cull_corpus_free(w.text);
    cull_ctx_free(w.cx);
    return s != CULL_OK;
}

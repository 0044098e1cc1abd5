/* embed.c - cull embed: texts to feature vectors. */
#include "cull/embed.h"
#include "job.h"

#include <string.h>

typedef struct {
    cull_corpus *text, *fit;
    cull_embed *e;
    cull_pool *rows;
} work;

static int open_text(cli *c, const char *const *path, int n, cull_corpus **out)
{
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    for (int i = 0; i < n; i++)
        if (cull_file_kind_of(path[i]) == CULL_FILE_ARRAY)
            return fail(c, USAGE, "%s is an array already; embed reads records", path[i]);
    o.paths = path;
    o.npaths = n;
    o.text = value_of(c, "text", NULL);
    TRY(check(c, cull_corpus_open(c->cx, &o, out)));
    if (!cull_corpus_n(*out)) return fail(c, FAILED, "%s: there are no records", path[0]);
    return DONE;
}

static void say(cli *c, const work *w, double seconds)
{
    if (!c->json) {
        talk(c, "embedded  %lld texts, %lld numbers each; the basis is of %lld texts",
             (long long)cull_pool_n(w->rows), (long long)cull_pool_d(w->rows),
             (long long)cull_embed_sampled(w->e));
        return;
    }
    progress_end();
    printf("{\"rows\":%lld,\"dims\":%lld,\"basis\":%lld,\"out\":", (long long)cull_pool_n(w->rows),
           (long long)cull_pool_d(w->rows), (long long)cull_embed_sampled(w->e));
    say_json_list(stdout, c->out, c->outs);
    printf(",\"seconds\":%.3f,\"peak_bytes\":%llu}\n", seconds,
           (unsigned long long)cull_ctx_peak(c->cx));
}

static int settings(cli *c, cull_embed_opts *o)
{
    static const char *const name[] = {"words", "chars", "bits", "dim", "sample", "power"};
    *o = (cull_embed_opts)CULL_EMBED_OPTS;
    for (int i = 0; i < COUNT(name); i++)
        if (has(c, name[i]))
            TRY(check(c, cull_embed_opts_set(c->cx, o, name[i], value_of(c, name[i], NULL))));
    if (!o->word_hi && !o->char_hi)
        return fail(c, USAGE, "--words and --chars are both 0: there is nothing to count");
    return DONE;
}

static int embed(cli *c, work *w)
{
    double began = seconds_now();
    const char *fit[MAX_FILES];
    int n = values_of(c, "fit", fit, MAX_FILES);
    cull_embed_opts o;
    TRY(settings(c, &o));
    TRY(open_text(c, c->input, c->inputs, &w->text));
    if (n) TRY(open_text(c, fit, n < MAX_FILES ? n : MAX_FILES, &w->fit));
    TRY(check(c, cull_embed_fit(c->cx, w->fit ? w->fit : w->text, &o, &w->e)));
    TRY(check(c, cull_embed_apply(c->cx, w->e, w->text, &w->rows)));
    cull_array a = cull_pool_array(w->rows);
    for (int i = 0; i < c->outs; i++) TRY(check(c, cull_array_write(c->cx, c->out[i], &a)));
    say(c, w, seconds_now() - began);
    return DONE;
}

int run_embed(cli *c)
{
    work w = {0};
    if (!c->outs) return fail(c, USAGE, "embed wants -o OUT.npy or OUT.safetensors");
    TRY(one_stdout(c));
    for (int i = 0; i < c->outs; i++) {
        if (strcmp(c->out[i], "-") && !array_is_written(c->out[i]))
            return fail(c, USAGE, "-o %s: embeddings go to .npy, .npz or .safetensors", c->out[i]);
        TRY(check_writable(c, c->out[i]));
    }
    int rc = embed(c, &w);
    cull_pool_free(w.rows);
    cull_embed_free(w.e);
    cull_corpus_free(w.fit);
    cull_corpus_free(w.text);
    return rc;
}

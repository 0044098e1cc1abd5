/* apply_channels.c - cull apply of a cut by cull model prune: the same channels of the same parameters once more. */
#include "cull/corpus.h"
#include "cull/surgery.h"
#include "job.h"
#include "model.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    cull_surgery_plan plan;
    cull_model *m, *small;
    cull_surgery *s;
    bool *keep;
} work;

static int same_source(cli *c, const work *w, const char *path)
{
    cull_input_file f;
    if (has(c, "force") || !*w->plan.from.hash) return DONE;
    TRY(check(c, cull_file_hash(c->cx, path, &f)));
    if (!strcmp(f.hash, w->plan.from.hash)) return DONE;
    return fail(c, FAILED, "%s is not the file whose channels were chosen (%s); --force goes on",
                path, w->plan.from.source);
}

static int apply(cli *c, work *w)
{
    char a[32], b[32];
    if (c->inputs != 2 || !is_weights(c->input[1]))
        return fail(c, USAGE,
                    "%s says which channels stay; apply wants the parameters behind it: a "
                    ".safetensors file",
                    c->input[0]);
    if (c->outs != 1 || !is_weights(c->out[0]))
        return fail(c, USAGE, "apply of channels wants -o OUT.safetensors");
    TRY(check_writable(c, c->out[0]));
    if (one_file(c->out[0], c->input[1]))
        return fail(c, USAGE, "-o %s is also an input", c->out[0]);
    TRY(check(c, cull_surgery_read(c->cx, c->input[0], &w->plan)));
    TRY(same_source(c, w, c->input[1]));
    TRY(check(
        c, cull_model_from(c->cx, w->plan.text, strlen(w->plan.text), c->input[0], NULL, &w->m)));
    TRY(check(c, cull_model_load(c->cx, w->m, c->input[1], NULL, NULL)));
    TRY(check(c, cull_surgery_new(c->cx, w->m, &w->s)));
    w->keep = malloc((size_t)cull_surgery_units(w->s) * sizeof *w->keep);
    if (!w->keep) return fail(c, FAILED, "out of memory");
    TRY(check(c, cull_surgery_plan_keep(c->cx, &w->plan, w->s, w->keep)));
    TRY(check(c, cull_surgery_cut(c->cx, w->s, w->keep, &w->small)));
    TRY(check(c, cull_model_save(c->cx, w->small, c->out[0])));
    cull_model_total t = cull_model_totals(w->m), u = cull_model_totals(w->small);
    if (!c->json) {
        talk(c, "applied   %s of %s parameters", with_commas(u.params, a),
             with_commas(t.params, b));
        return DONE;
    }
    progress_end();
    printf("{\"parameters\":[%lld,%lld],\"out\":", (long long)t.params, (long long)u.params);
    say_json_list(stdout, c->out, c->outs);
    puts("}");
    return DONE;
}

int apply_channels(cli *c)
{
    work w = {0};
    int rc = apply(c, &w);
    free(w.keep);
    cull_surgery_free(w.s);
    cull_model_free(w.small);
    cull_model_free(w.m);
    cull_surgery_plan_free(&w.plan);
    return rc;
}

/* weights.c - cull weights METHOD: checkpoints merged to one, or one made smaller. */
#include "cull/weights.h"
#include "cli.h"
#include "cull/text.h"
#include "weights.h"
#include "weights_look.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { RULES = 64, NAMES = 64, WEIGHT = 56 };
typedef struct {
    cli *c;
    cull_weights_problem p;
    cull_opts *opts;
    cull_checkpoint *base, *activations, *model[CULL_WEIGHTS_MODELS];
    const char *rule[RULES], *rename[NAMES], *tied[NAMES];
    char weight[CULL_WEIGHTS_MODELS][WEIGHT]; /* rules that --weights stands for */
    char dtype[16];
    int weights;
} work;

static void work_free(work *w)
{
    for (int i = 0; i < CULL_WEIGHTS_MODELS; i++) cull_checkpoint_free(w->model[i]);
    cull_checkpoint_free(w->activations);
    cull_checkpoint_free(w->base);
    cull_opts_free(w->opts);
    free(w);
}

/* ---- what is read ---- */
/* Files before "--". */
static int models_of(const cli *c) { return c->rest < 0 ? c->inputs : c->rest; }

static int open_models(work *w)
{
    cli *c = w->c;
    const char *base = value_of(c, "base", NULL);
    int models = models_of(c);
    if (models > CULL_WEIGHTS_MODELS)
        return fail(c, USAGE, "%d models are too many; at most %d", models, CULL_WEIGHTS_MODELS);
    const char *activations = value_of(c, "activations", NULL);
    if (base) TRY(check(c, cull_checkpoint_open(c->cx, base, &w->base)));
    if (activations) TRY(check(c, cull_checkpoint_open(c->cx, activations, &w->activations)));
    w->p.activations = w->activations;
    for (int i = 0; i < models; i++)
        TRY(check(c, cull_checkpoint_open(c->cx, c->input[i], &w->model[i])));
    w->p.base = w->base;
    w->p.model = (const cull_checkpoint *const *)w->model;
    w->p.models = models;
    return DONE;
}

/* A part of --weights as the rule that it is. */
static int add_weight(cli *c, const char *part, void *arg)
{
    work *w = arg;
    double v;
    if (w->weights == models_of(c))
        return fail(c, USAGE, "--weights are more than the %d models", models_of(c));
    if (!cull_parse_number(part, &v) || strlen(part) > 20)
        return fail(c, USAGE, "--weights '%s' is no number", part);
    snprintf(w->weight[w->weights], WEIGHT, "model=%d: weight=%s", w->weights + 1, part);
    w->rule[w->p.rules++] = w->weight[w->weights];
    w->weights++;
    return DONE;
}

static int take_rules(work *w)
{
    cli *c = w->c;
    const char *weights = value_of(c, "weights", NULL);
    if (weights) {
        TRY(each_part(c, weights, add_weight, w));
        if (w->weights < models_of(c))
            return fail(c, USAGE, "--weights has %d numbers, and there are %d models", w->weights,
                        models_of(c));
    }
    int own = w->p.rules;
    int n = values_of(c, "rule", w->rule + own, RULES - own);
    if (n > RULES - own) return fail(c, USAGE, "at most %d rules", RULES - own);
    w->p.rule = w->rule;
    w->p.rules = own + n;
    w->p.rename = w->rename;
    w->p.renames = values_of(c, "rename", w->rename, NAMES);
    w->p.tied = w->tied;
    w->p.ties = values_of(c, "tied", w->tied, NAMES);
    if (w->p.renames > NAMES || w->p.ties > NAMES)
        return fail(c, USAGE, "at most %d of --rename and of --tied", NAMES);
    return DONE;
}

/* "bf16" as the files have it. */
static void take_dtype(work *w)
{
    const char *s = value_of(w->c, "dtype", NULL);
    if (!s) return;
    snprintf(w->dtype, sizeof w->dtype, "%s", s);
    for (char *p = w->dtype; *p; p++)
        if (*p >= 'a' && *p <= 'z') *p = (char)(*p - 'a' + 'A');
    w->p.dtype = w->dtype;
}

static int take_problem(work *w)
{
    cli *c = w->c;
    const char *shard = value_of(c, "shard-size", NULL);
    TRY(method_options(c, c->cx, c->method, true, &w->opts));
    TRY(take_rules(w));
    take_dtype(w);
    if (shard && (!cull_parse_bytes(shard, &w->p.shard) || !w->p.shard))
        return fail(c, USAGE, "--shard-size '%s' is no size; write 500M or 4G", shard);
    w->p.common_rows = has(c, "common-rows");
    w->p.allow_nan = has(c, "allow-nan");
    return open_models(w);
}

/* ---- what is told ---- */
static void say_report(cli *c, const cull_weights_report *r, bool sparse)
{
    char read[32], written[32], held[32];
    talk(c, "%" PRId64 " tensors, %" PRId64 " computed; reads %s, writes %s%s%s, holds at most %s",
         r->tensors, r->computed, cull_format_bytes(r->read, read), sparse ? "at most " : "",
         cull_format_bytes(r->written, written), sparse ? " (packed, first to tmpdir)" : "",
         cull_format_bytes(r->held, held));
}

static void say_json_report(const cull_weights_report *r)
{
    printf("{\"tensors\": %" PRId64 ", \"computed\": %" PRId64 ", \"read\": %" PRIu64
           ", \"written\": %" PRIu64 ", \"held\": %" PRIu64 ", \"unequal\": %" PRId64,
           r->tensors, r->computed, r->read, r->written, r->held, r->unequal);
    if (r->pruned_of)
        printf(", \"zeroed\": %" PRId64 ", \"of\": %" PRId64, r->zeroed, r->pruned_of);
    puts("}");
}

static int run_method(work *w)
{
    cli *c = w->c;
    cull_weights_report r;
    bool plan = has(c, "plan");
    if (c->outs > 1) return fail(c, USAGE, "weights writes one checkpoint; -o is given twice");
    if (!plan && !c->outs)
        return fail(c, USAGE, "weights wants -o OUT: a .safetensors file, or a folder");
    if (c->rest >= 0 && strcmp(c->method->slug, "soup"))
        return fail(c, USAGE, "%s takes no program; of soup one scores checkpoints",
                    c->method->slug);
    if (c->rest < 0 && has(c, "scores"))
        return fail(c, USAGE,
                    "--scores is of soup with a program behind --, which adds one by one");
    if (!models_of(c))
        return fail(c, USAGE, "%s wants a checkpoint: a .safetensors file, an index or a folder",
                    c->method->slug);
    TRY(take_problem(w));
    TRY(weights_storing(c, &w->p));
    TRY(check(c, cull_weights_plan(c->cx, c->method, w->opts, &w->p, &r)));
    say_report(c, &r, w->p.sparse);
    if (!plan)
        TRY(c->rest < 0 ? weights_result(c, w->opts, &w->p, &r)
                        : weights_soup(c, w->opts, &w->p, &r));
    if (!plan && r.pruned_of)
        talk(c, "pruned %" PRId64 " of %" PRId64 " numbers (%.1f %%)", r.zeroed, r.pruned_of,
             100. * (double)r.zeroed / (double)r.pruned_of);
    if (c->json) say_json_report(&r);
    return flush_out(c);
}

static const struct {
    const char *name;
    int (*run)(cli *c);
} verbs[] = {
    {"pack", run_weights_pack}, {"unpack", run_weights_unpack}, {"mask", run_weights_mask}};

int run_weights(cli *c)
{
    int looked;
    for (int i = 0; !c->method && c->inputs && i < COUNT(verbs); i++)
        if (!strcmp(c->input[0], verbs[i].name)) return verbs[i].run(c);
    if (!c->method && weights_look(c, &looked)) return looked;
    if (!c->method)
        return fail(
            c, USAGE,
            "weights wants a method, or one of pack, unpack, mask, stat, diff and verify; see "
            "cull list weights");
    work *w = calloc(1, sizeof *w);
    if (!w) return fail(c, FAILED, "out of memory");
    w->c = c;
    int rc = run_method(w);
    work_free(w);
    return rc;
}

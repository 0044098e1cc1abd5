/* model_ticket.c - cull model ticket: lottery tickets of a model: a table of rounds, a mask, weights. */
#include "cull/report.h"
#include "cull/text.h"
#include "cull/ticket.h"
#include "job.h"
#include "model_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const way_name[CULL_TICKET_WAYS] = {
    [CULL_TICKET_OWN] = "ticket",        [CULL_TICKET_REINIT] = "reinit",
    [CULL_TICKET_SIGNS] = "signs",       [CULL_TICKET_RANDOM] = "random",
    [CULL_TICKET_ONE_SHOT] = "one-shot",
};
enum { MOST_ROUNDS = 1000 };

typedef struct {
    fitting f;
    cull_ticket_opts o;
    double *rate;
    int at[MOST_ROUNDS];
    cull_ticket *t;
    double seconds;
} work;

/* ---- options ---- */

static int parse_share(cli *c, const char *option, const char *s, double *out)
{
    size_t n = strlen(s);
    char number[32] = "";
    bool percent = n && s[n - 1] == '%';
    if (n && n < sizeof number) snprintf(number, sizeof number, "%.*s", (int)(n - percent), s);
    bool good = *number && cull_parse_number(number, out);
    if (good && percent) *out /= 100;
    if (good && *out >= 0 && *out <= 1) return DONE;
    return fail(c, USAGE, "--%s '%s' is no share of 0 to 1, or of 0%% to 100%%", option, s);
}

static int share_of(cli *c, const char *name, double *out)
{
    return has(c, name) ? parse_share(c, name, value_of(c, name, ""), out) : DONE;
}

static int add_control(cli *c, const char *part, void *arg)
{
    cull_ticket_opts *o = arg;
    for (int w = CULL_TICKET_REINIT; w < CULL_TICKET_WAYS; w++)
        if (!strcmp(part, way_name[w])) {
            o->controls |= 1u << w;
            return DONE;
        }
    const char *near = cull_nearest(part, way_name + 1, CULL_TICKET_WAYS - 1);
    return fail(c, USAGE, "--controls '%s' is none of reinit, signs, random and one-shot%s%s%s",
                part, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int add_round(cli *c, const char *part, void *arg)
{
    work *w = arg;
    double v;
    if (!cull_parse_number(part, &v) || v != floor(v) || v < 1 || v > w->o.rounds)
        return fail(c, USAGE, "--controls-at '%s' is no round of 1 to %d", part, w->o.rounds);
    if (w->o.ats == MOST_ROUNDS) return fail(c, USAGE, "--controls-at has too many rounds");
    w->at[w->o.ats++] = (int)v;
    w->o.at = w->at;
    return DONE;
}

static int whole_of(cli *c, const char *name, int64_t other, double lo, int64_t *out)
{
    double v;
    TRY(number_of(c, name, (double)other, lo, 1e12, true, &v));
    *out = (int64_t)v;
    return DONE;
}

static int refuse_others(cli *c)
{
    static const char *const other[] = {"epochs", "patience", "ema",    "last",
                                        "plan",   "logits",   "blocks", "soft-keep"};
    for (int i = 0; i < COUNT(other); i++)
        if (has(c, other[i]))
            return fail(c, USAGE, "model ticket has no use for --%s%s", other[i],
                        i ? "" : "; it trains --steps");
    return DONE;
}

static int settings(cli *c, work *w)
{
    cull_ticket_opts *o = &w->o;
    int64_t rounds;
    *o = (cull_ticket_opts)CULL_TICKET_OPTS;
    TRY(refuse_others(c));
    TRY(fitting_options(c, &w->f.o));
    TRY(whole_of(c, "rounds", 15, 0, &rounds));
    o->rounds = (int)rounds;
    TRY(share_of(c, "prune", &o->prune));
    TRY(share_of(c, "prune-output", &o->output));
    TRY(share_of(c, "sparse", &o->sparse));
    TRY(whole_of(c, "steps", 1500, 1, &o->steps));
    TRY(whole_of(c, "every", 0, 0, &o->every));
    TRY(whole_of(c, "rewind", 0, 0, &o->rewind));
    o->global = has(c, "global");
    o->one_shot = has(c, "one-shot");
    if (o->global && has(c, "prune-output"))
        return fail(c, USAGE, "--prune-output is of layers that are pruned apart, not --global");
    if (has(c, "controls")) TRY(each_part(c, value_of(c, "controls", ""), add_control, o));
    if (has(c, "controls-at")) {
        if (!o->controls) return fail(c, USAGE, "--controls-at wants --controls");
        TRY(each_part(c, value_of(c, "controls-at", ""), add_round, w));
    }
    return DONE;
}

static int output_file(cli *c, const char *what, const char *path)
{
    if (!is_weights(path)) return fail(c, USAGE, "%s %s: it must end in .safetensors", what, path);
    for (int i = 1; i < c->inputs; i++)
        if (one_file(path, c->input[i]))
            return fail(c, USAGE, "%s %s is also an input", what, path);
    return check_writable(c, path);
}

static int outputs(cli *c)
{
    const char *mask = value_of(c, "save-mask", NULL), *end = value_of(c, "save-trained", NULL);
    if (c->outs > 1) return fail(c, USAGE, "model ticket writes one file by -o");
    if (c->outs) TRY(output_file(c, "-o", c->out[0]));
    if (mask) TRY(output_file(c, "--save-mask", mask));
    if (end) TRY(output_file(c, "--save-trained", end));
    const char *const path[] = {c->outs ? c->out[0] : NULL, mask, end};
    for (int i = 0; i < COUNT(path); i++)
        for (int j = 0; j < i; j++)
            if (path[i] && path[j] && one_file(path[i], path[j]))
                return fail(c, USAGE, "%s is to be written twice", path[i]);
    return DONE;
}

/* ---- rates of layers by name ---- */

/* "fc1" is fc1.weight too. */
static int tensor_called(const work *w, const char *name)
{
    const cull_params *p = cull_model_params(w->f.m);
    char full[160];
    snprintf(full, sizeof full, "%s.weight", name);
    int i = cull_params_find(p, name);
    return i >= 0 ? i : cull_params_find(p, full);
}

static int add_rate(cli *c, const char *part, void *arg)
{
    work *w = arg;
    char name[128];
    const char *equals = strchr(part, '=');
    size_t n = equals ? (size_t)(equals - part) : 0;
    if (!n || n >= sizeof name)
        return fail(c, USAGE, "--rates '%s' is no NAME=SHARE, as fc1=10%%", part);
    snprintf(name, sizeof name, "%.*s", (int)n, part);
    int i = tensor_called(w, name);
    if (i < 0 || !cull_mask_takes(w->f.m, i))
        return fail(c, USAGE, "--rates: the model has no weights called %s", name);
    return parse_share(c, "rates", equals + 1, &w->rate[i]);
}

/* Where --rates names some, the others are as without it. */
static int rates(cli *c, work *w)
{
    int count = cull_params_count(cull_model_params(w->f.m)), last = -1;
    if (!has(c, "rates")) return DONE;
    w->rate = calloc((size_t)count + 1, sizeof *w->rate);
    if (!w->rate) return fail(c, FAILED, "out of memory");
    for (int i = 0; i < count; i++)
        if (cull_mask_takes(w->f.m, i)) w->rate[last = i] = w->o.prune;
    if (last >= 0 && !w->o.global) w->rate[last] = w->o.output < 0 ? w->o.prune / 2 : w->o.output;
    w->o.rate = w->rate;
    return each_part(c, value_of(c, "rates", ""), add_rate, w);
}

/* ---- the table ---- */

static void run_json(const char *name, const cull_ticket_run *r)
{
    printf("\"%s\":{\"stop\":%lld", name, (long long)r->stop);
    const struct {
        const char *name;
        double v;
    } is[] = {{"val_loss", r->val_loss},   {"loss", r->loss},
              {"accuracy", r->accuracy},   {"last_val_loss", r->last_val_loss},
              {"last_loss", r->last_loss}, {"last_accuracy", r->last_accuracy},
              {"seconds", r->seconds}};
    for (int i = 0; i < COUNT(is); i++) {
        printf(",\"%s\":", is[i].name);
        say_json_number(stdout, is[i].v);
    }
    putchar('}');
}

static void table_json(cli *c, const work *w)
{
    const char *mask = value_of(c, "save-mask", NULL);
    fputs("{\"rounds\":[", stdout);
    for (int i = 0; i < cull_ticket_count(w->t); i++) {
        const cull_ticket_round *r = cull_ticket_at(w->t, i);
        printf("%s{\"round\":%d,\"left\":%lld,\"share\":", i ? ",\n" : "", i, (long long)r->left);
        say_json_number(stdout, r->share);
        for (int k = 0; k < CULL_TICKET_WAYS; k++) {
            if (!r->run[k].there) continue;
            putchar(',');
            run_json(way_name[k], &r->run[k]);
        }
        putchar('}');
    }
    fputs("],\"out\":", stdout);
    say_json_list(stdout, c->out, c->outs);
    if (mask) {
        fputs(",\"mask\":", stdout);
        say_json(stdout, mask);
    }
    printf(",\"seconds\":%.3f,\"peak_bytes\":%llu}\n", w->seconds,
           (unsigned long long)cull_ctx_peak(c->cx));
}

static void percent(double v, char buf[16])
{
    if (isfinite(v))
        snprintf(buf, 16, "%.2f %%", 100 * v);
    else
        snprintf(buf, 16, "-");
}

static void table_text(const work *w)
{
    puts("round       left    share  weights   best step  val loss  accuracy  last loss  accuracy");
    for (int i = 0; i < cull_ticket_count(w->t); i++) {
        const cull_ticket_round *r = cull_ticket_at(w->t, i);
        for (int k = 0; k < CULL_TICKET_WAYS; k++) {
            const cull_ticket_run *one = &r->run[k];
            char share[16], at[16], last[16];
            if (!one->there) continue;
            percent(r->share, share);
            percent(one->accuracy, at);
            percent(one->last_accuracy, last);
            printf("%5d  %9lld  %7s  %-8s  %9lld  %8.4f  %8s  %9.4f  %8s\n", i, (long long)r->left,
                   share, k || i ? way_name[k] : "whole", (long long)one->stop, one->val_loss, at,
                   one->last_val_loss, last);
        }
    }
}

/* ---- files ---- */

static int write_files(cli *c, work *w)
{
    const char *mask = value_of(c, "save-mask", NULL), *end = value_of(c, "save-trained", NULL);
    int last = cull_ticket_count(w->t) - 1;
    double round;
    char how[160];
    TRY(number_of(c, "write-round", last, 0, last, true, &round));
    snprintf(how, sizeof how, "round %d: %lld weights left, rewound to step %lld, seed %llu",
             (int)round, (long long)cull_ticket_at(w->t, (int)round)->left, (long long)w->o.rewind,
             (unsigned long long)cull_ctx_seed(c->cx));
    TRY(check(c, cull_model_set_note(w->f.m, "cull.ticket", how)));
    TRY(check(c, cull_ticket_apply(c->cx, w->t, (int)round, false, w->f.m)));
    if (c->outs) TRY(check(c, cull_model_save(c->cx, w->f.m, c->out[0])));
    if (mask) TRY(check(c, cull_mask_save(c->cx, w->f.m, mask)));
    if (!end) return DONE;
    TRY(check(c, cull_ticket_apply(c->cx, w->t, last, true, w->f.m)));
    return check(c, cull_model_save(c->cx, w->f.m, end));
}

/* --write-round is looked at before hours of training. */
static int check_round(cli *c, const work *w)
{
    double v;
    return number_of(c, "write-round", 0, 0, w->o.one_shot ? 1 : w->o.rounds, true, &v);
}

static int ticket(cli *c, work *w)
{
    double began = seconds_now();
    const char *mask = value_of(c, "mask", NULL);
    TRY(settings(c, w));
    TRY(check_round(c, w));
    TRY(outputs(c));
    if (!has(c, "val"))
        return fail(c, USAGE,
                    "model ticket wants --val: rows whose loss says where a training stops, as "
                    "10%%");
    TRY(fitting_open(c, &w->f));
    if (mask) TRY(check(c, cull_mask_load(c->cx, w->f.m, mask)));
    TRY(rates(c, w));
    w->o.fit = w->f.o;
    const cull_ticket_data d = {.all = {w->f.data.set, w->f.data.sets},
                                .row = w->f.row,
                                .n = w->f.train,
                                .val_row = w->f.row + w->f.train,
                                .val_n = w->f.val,
                                .test_row = w->f.row + w->f.train + w->f.val,
                                .test_n = w->f.test};
    talk(c, "%lld rows, %lld weights that can be pruned, %d rounds of %lld steps",
         (long long)w->f.train, (long long)cull_mask_left(w->f.m, -1), w->o.rounds,
         (long long)w->o.steps);
    TRY(check(c, cull_ticket_find(c->cx, w->f.m, &d, &w->o, &w->t)));
    w->seconds = seconds_now() - began;
    TRY(write_files(c, w));
    progress_end();
    if (c->json)
        table_json(c, w);
    else
        table_text(w);
    return DONE;
}

int model_ticket(cli *c)
{
    work *w = calloc(1, sizeof *w);
    if (!w) return fail(c, FAILED, "out of memory");
    int rc = ticket(c, w);
    cull_ticket_free(w->t);
    fitting_close(&w->f);
    free(w->rate);
    free(w);
    return rc;
}

/* policy.c - cull compute and cull trust: a policy fitted to rows whose outcomes are known, and applied
 * to others. */
#include "cli.h"
#include "cull/compute.h"
#include "cull/stream.h"
#include "cull/text.h"
#include "cull/trust.h"
#include "plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    cli *c;
    const char *table; /* NULL = there are only arrays */
    cull_outcomes_file *rows;
    cull_policy *policy;
    cull_opts *opts;
    cull_stream *stream;
    cull_decisions d;
    bool keeps; /* decisions say which rows to keep */
    char reads[512];
} work;

static void work_free(work *w)
{
    cull_decisions_free(&w->d);
    cull_stream_free(w->stream);
    cull_opts_free(w->opts);
    cull_policy_free(w->policy);
    cull_outcomes_close(w->rows);
}

/* ---- what is read ---- */
static int take_rows(work *w, bool all)
{
    cli *c = w->c;
    const char *logits[CULL_MODELS], *probabilities[CULL_MODELS], *features[CULL_MODELS];
    cull_outcomes_opts o = CULL_OUTCOMES_OPTS;
    o.table = w->table;
    o.models = value_of(c, "models", NULL);
    o.score = value_of(c, "score", NULL);
    o.quality = value_of(c, "quality", NULL);
    /* what apply will read names the model too */
    if (c->task == CULL_TASK_TRUST && o.quality && !o.models) o.models = o.score;
    o.cost = value_of(c, "cost", NULL);
    o.delay = value_of(c, "delay", NULL);
    o.truth = value_of(c, "truth", NULL);
    o.late = w->stream && has(c, "watch");
    o.weight = value_of(c, "weight", NULL);
    o.spread = value_of(c, "spread", NULL);
    o.group = value_of(c, "group", NULL);
    o.attributes = value_of(c, "attributes", NULL);
    o.runs = value_of(c, "long", NULL);
    o.workloads = value_of(c, "workloads", NULL);
    o.logits = logits;
    o.logits_files = values_of(c, "logits", logits, CULL_MODELS);
    o.probabilities = probabilities;
    o.probabilities_files = values_of(c, "probabilities", probabilities, CULL_MODELS);
    o.features = features;
    o.features_files = values_of(c, "features", features, CULL_MODELS);
    if (o.logits_files > CULL_MODELS || o.probabilities_files > CULL_MODELS ||
        o.features_files > CULL_MODELS)
        return fail(c, USAGE, "at most %d files of one kind", CULL_MODELS);
    return check(c, all ? cull_outcomes_open(c->cx, &o, &w->rows)
                        : cull_outcomes_begin(c->cx, &o, &w->rows));
}

static int take_table(work *w, int at)
{
    cli *c = w->c;
    if (c->inputs > at + 1)
        return fail(c, USAGE, "%s takes one table, '%s' is a second", c->cmd->name,
                    c->input[at + 1]);
    w->table = c->inputs > at ? c->input[at] : NULL;
    return DONE;
}

static int one_out(cli *c, const char **out)
{
    if (c->outs > 1) return fail(c, USAGE, "%s writes one file; -o is given twice", c->cmd->name);
    *out = c->outs ? c->out[0] : "-";
    return DONE;
}

/* ---- --plan ---- */
/* "runs.csv: quality small,large; cost 1,9". */
static void name_reads(work *w)
{
    static const char *const one[] = {"long",  "quality",    "score",    "cost",
                                      "delay", "truth",      "weight",   "spread",
                                      "group", "attributes", "workloads"};
    static const char *const many[] = {"logits", "probabilities", "features"};
    const char *file[CULL_MODELS], *sep = ": ";
    char *to = w->reads;
    size_t room = sizeof w->reads, n = 0;
    n += (size_t)snprintf(to, room, "%s", w->table ? w->table : "arrays");
    for (int i = 0; i < COUNT(one); i++) {
        if (n >= room || !has(w->c, one[i])) continue;
        n += (size_t)snprintf(to + n, room - n, "%s%s %s", sep, one[i], value_of(w->c, one[i], ""));
        sep = "; ";
    }
    for (int i = 0; i < COUNT(many); i++) {
        int files = values_of(w->c, many[i], file, CULL_MODELS);
        if (n >= room || !files) continue;
        n += (size_t)snprintf(to + n, room - n, "%s%s of %d file%s", sep, many[i], files,
                              files > 1 ? "s" : "");
        sep = "; ";
    }
}

/* `before`: the most bytes that were held to get so far. */
static int tell_plan(work *w, const cull_policy_plan *plan, int64_t rows, uint64_t before,
                     const char *what, const char *out)
{
    cli *c = w->c;
    char writes[300];
    const cull_outcomes *o = cull_outcomes_of(w->rows);
    uint64_t later = cull_ctx_held(c->cx) + plan->bytes;
    snprintf(writes, sizeof writes, "%s to %.250s", what,
             strcmp(out, "-") ? out : "standard output");
    name_reads(w);
    planned p = {.m = w->policy ? cull_policy_method(w->policy) : c->method,
                 .e = {.rows = rows,
                       .budget = value_of(c, "budget", NULL),
                       .cost_unit = "cost a row",
                       .bytes = later > before ? later : before,
                       .passes = 1},
                 .rows = o,
                 .opts = w->opts,
                 .policy = plan,
                 .reads = w->reads,
                 .writes = writes};
    for (int i = 0; i < o->xs; i++) p.e.dim += o->d[i];
    return say_plan(c, &p);
}

/* ---- fit ---- */
static int fit_compute(work *w, cull_policy_plan *plan)
{
    cli *c = w->c;
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    p.rows = cull_outcomes_of(w->rows);
    TRY(number_of(c, "budget", INFINITY, 0, INFINITY, false, &p.budget));
    TRY(number_of(c, "target", -INFINITY, -INFINITY, INFINITY, false, &p.target));
    TRY(number_of(c, "within", INFINITY, 0, INFINITY, false, &p.delay));
    TRY(number_of(c, "risk", NAN, 0, 1, false, &p.risk));
    TRY(number_of(c, "delta", p.delta, 0, 1, false, &p.delta));
    if (plan) return check(c, cull_compute_plan(c->cx, c->method, w->opts, &p, plan));
    return check(c, cull_compute_fit(c->cx, c->method, w->opts, &p, &w->policy));
}

static int fit_trust(work *w, cull_policy_plan *plan)
{
    cli *c = w->c;
    cull_trust_problem p = CULL_TRUST_PROBLEM;
    p.rows = cull_outcomes_of(w->rows);
    TRY(number_of(c, "level", p.level, 0, 1, false, &p.level));
    TRY(number_of(c, "delta", p.delta, 0, 1, false, &p.delta));
    TRY(number_of(c, "above", NAN, -INFINITY, INFINITY, false, &p.above));
    if (plan) return check(c, cull_trust_plan(c->cx, c->method, w->opts, &p, plan));
    return check(c, cull_trust_fit(c->cx, c->method, w->opts, &p, &w->policy));
}

static void say_guarantee(cli *c, const cull_guarantee *g)
{
    char rows[32];
    if (!g || !g->bounds) return;
    snprintf(rows, sizeof rows, "%" PRId64, g->n);
    if (g->broken)
        talk(c, "no guarantee: %s", g->broken);
    else if (g->delta > 0)
        talk(c,
             "guaranteed: %s at most %g, but with a chance of %g; from %s rows, assuming that %s",
             g->bounds, g->level, g->delta, rows, g->assumes ? g->assumes : "nothing");
    else
        talk(c, "guaranteed: %s at most %g in expectation; from %s rows, assuming that %s",
             g->bounds, g->level, rows, g->assumes ? g->assumes : "nothing");
}

static int run_fit(work *w)
{
    cli *c = w->c;
    cull_policy_plan plan;
    const char *out = "-";
    TRY(one_out(c, &out));
    if (has(c, "watch")) return fail(c, USAGE, "--watch is of apply");
    TRY(take_table(w, 0));
    TRY(method_options(c, c->cx, c->method, true, &w->opts));
    TRY(take_rows(w, true));
    uint64_t open = cull_ctx_peak(c->cx);
    cull_policy_plan *planning = has(c, "plan") ? &plan : NULL;
    TRY(c->task == CULL_TASK_COMPUTE ? fit_compute(w, planning) : fit_trust(w, planning));
    if (planning)
        return tell_plan(w, planning, cull_outcomes_of(w->rows)->n, open, "a policy", out);
    for (int i = 0; i < cull_policy_notes(w->policy); i++)
        talk(c, "%s", cull_policy_note_at(w->policy, i));
    say_guarantee(c, cull_policy_guaranteed(w->policy));
    TRY(check(c, cull_policy_write(c->cx, w->policy, out)));
    return flush_out(c);
}

/* ---- apply, check ---- */
/* Options given now count instead of those of the fit. */
static int changed_options(work *w)
{
    cli *c = w->c;
    TRY(only_options_of(c, cull_policy_method(w->policy)));
    TRY(check(c, cull_policy_options(c->cx, w->policy, &w->opts)));
    for (int i = 0; i < c->sets; i++)
        if (!c->set[i].row)
            TRY(check(c, cull_opts_set(c->cx, w->opts, c->set[i].name, c->set[i].value)));
    return DONE;
}

static int open_policy(work *w)
{
    cli *c = w->c;
    if (c->inputs < 2)
        return fail(c, USAGE, "%s %s wants a policy: a file that cull %s fitted", c->cmd->name,
                    c->input[0], c->cmd->name);
    TRY(check(c, cull_policy_open(c->cx, c->input[1], &w->policy)));
    const cull_method *m = cull_policy_method(w->policy);
    if (m->task != c->task)
        return fail(c, USAGE, "%s is a policy of task %s: cull %s %s", c->input[1],
                    cull_task_name(m->task), cull_task_name(m->task), c->input[0]);
    return DONE;
}

/* The policy and the options of now; the table is the third word. */
static int begin(work *w)
{
    TRY(open_policy(w));
    TRY(changed_options(w));
    return take_table(w, 2);
}

static int decide(work *w, cull_guarantee *g)
{
    cli *c = w->c;
    const cull_outcomes *rows = cull_outcomes_of(w->rows);
    *g = (cull_guarantee){0};
    if (c->task == CULL_TASK_COMPUTE)
        return check(c, cull_compute_apply(c->cx, w->policy, w->opts, rows, &w->d));
    return check(c, cull_trust_apply(c->cx, w->policy, w->opts, rows, &w->d, g));
}

/* Rows are read, decided on and written block by block, or all at once where the method asks for that. */
enum { BLOCK = 1 << 16 };

static cull_status one_block(work *w, cull_decisions_writer *out, bool *more)
{
    cull_ctx *cx = w->c->cx;
    cull_status s =
        cull_stream_at_once(w->stream) ? CULL_OK : cull_outcomes_next(cx, w->rows, BLOCK);
    const cull_outcomes *rows = cull_outcomes_of(w->rows);
    *more = s == CULL_OK && rows->n > 0;
    if (!*more) return s;
    s = cull_stream_next(cx, w->stream, rows, &w->d);
    if (s == CULL_OK) s = cull_decisions_writer_add(cx, out, &w->d);
    w->keeps = w->d.keep;
    cull_decisions_free(&w->d);
    *more = s == CULL_OK && !cull_stream_at_once(w->stream);
    return s;
}

/* --watch, --alarm, --follow, --window, --anew. */
static int watch(work *w)
{
    cli *c = w->c;
    cull_watch_opts o = CULL_WATCH_OPTS;
    double window, anew;
    TRY(number_of(c, "alarm", o.alarm, 1e-9, 0.5, false, &o.alarm));
    TRY(number_of(c, "follow", 0, 0, 1, false, &o.rate));
    TRY(number_of(c, "window", 0, 1, 1 << 24, true, &window));
    TRY(number_of(c, "anew", 0, 1, 1 << 24, true, &anew));
    o.window = (int64_t)window;
    o.anew = (int64_t)anew;
    if (has(c, "watch")) return check(c, cull_stream_watch(c->cx, w->stream, &o));
    static const char *const of[] = {"alarm", "follow", "window", "anew"};
    for (int i = 0; i < COUNT(of); i++)
        if (has(c, of[i])) return fail(c, USAGE, "--%s is of --watch", of[i]);
    return DONE;
}

static void say_fits(cli *c, const cull_watch_summary *w, const cull_guarantee *g)
{
    for (int i = 0; i < w->fits && i < CULL_ALARMS; i++)
        talk(c, "fitted anew on rows %" PRId64 " to %" PRId64 ", for those after them",
             w->fit_from[i], w->fit_to[i]);
    if (w->refused)
        talk(c, "%" PRId64 " time%s nothing could be fitted; at last: %s", w->refused,
             w->refused > 1 ? "s" : "", w->why);
    if (w->fits) say_guarantee(c, g);
}

static void say_watch(cli *c, const cull_watch_summary *w, const cull_guarantee *g)
{
    if (!w->alarms)
        talk(c, "no drift is seen in %" PRId64 " rows: the test came to %.3g at most", w->known,
             pow(10, w->most));
    for (int i = 0; i < w->alarms && i < CULL_ALARMS; i++)
        talk(c, "drift is seen at row %" PRId64, w->at[i]);
    say_fits(c, w, g);
    if (!w->follows) return;
    for (int i = 0; i < 2; i++) {
        char fixed[64] = "";
        if (!w->of[i]) continue;
        if (w->still_of[i])
            snprintf(fixed, sizeof fixed, "; %s as fitted it would be %.4g",
                     w->path ? "by the policy" : "by the threshold",
                     w->still[i] / (double)w->still_of[i]);
        talk(c, "%s: %.4g of %" PRId64 " rows%s%s", g && g->bounds ? g->bounds : "missed",
             w->missed[i] / (double)w->of[i], w->of[i],
             !w->alarms ? ""
             : i        ? " after the first alarm"
                        : " up to the first alarm",
             fixed);
    }
    if (!w->path)
        talk(c,
             "guaranteed: within %.3g of %g over all %" PRId64
             " rows whose truth came, whatever they are",
             w->bound, w->level, w->known);
    else if (w->helpless)
        talk(c,
             "guaranteed: at most %.3g above %g over all %" PRId64
             " rows whose outcome came, whatever they are, but for what %" PRId64
             " of them lost by the safest choice there is",
             w->bound, w->level, w->known, w->helpless);
    else
        talk(c,
             "guaranteed: at most %.3g above %g over all %" PRId64
             " rows whose outcome came, whatever they are",
             w->bound, w->level, w->known);
}

/* Rows are counted block by block, as they would be decided on; the first block says what that holds. */
static int plan_apply(work *w, const char *out)
{
    cli *c = w->c;
    cull_policy_plan plan;
    bool all = cull_stream_at_once(w->stream);
    const cull_outcomes *o = cull_outcomes_of(w->rows);
    if (!all) TRY(check(c, cull_outcomes_next(c->cx, w->rows, BLOCK)));
    uint64_t open = cull_ctx_peak(c->cx);
    TRY(check(c, cull_stream_plan(c->cx, w->policy, w->opts, o, o->n, false, &plan)));
    while (!all && o->n) TRY(check(c, cull_outcomes_next(c->cx, w->rows, BLOCK)));
    return tell_plan(w, &plan, o->first + o->n, open, "decisions", out);
}

static int run_apply_policy(work *w)
{
    cli *c = w->c;
    cull_decisions_writer *file;
    cull_stream_summary sum = {0};
    const char *out = "-";
    bool more = true;
    TRY(one_out(c, &out));
    TRY(begin(w));
    if (has(c, "long"))
        return fail(c, USAGE,
                    "--long is of a fit and check; apply takes a row for each workload, by "
                    "--attributes");
    TRY(check(c, cull_stream_new(c->cx, w->policy, w->opts, &w->stream)));
    TRY(watch(w));
    TRY(take_rows(w, cull_stream_at_once(w->stream)));
    if (has(c, "plan")) return plan_apply(w, out);
    TRY(check(c, cull_decisions_writer_open(c->cx, w->policy, out, &file)));
    cull_status s = CULL_OK;
    while (s == CULL_OK && more) s = one_block(w, file, &more);
    if (s == CULL_OK) s = cull_stream_sum(c->cx, w->stream, &sum);
    if (s == CULL_OK && w->keeps)
        talk(c, "%" PRId64 " of %" PRId64 " rows kept", sum.kept, sum.rows);
    if (s == CULL_OK && sum.watched)
        say_watch(c, &sum.watch,
                  sum.guarantee.bounds ? &sum.guarantee : cull_policy_guaranteed(w->policy));
    else if (s == CULL_OK)
        say_guarantee(c, &sum.guarantee);
    TRY(check(c, cull_decisions_writer_end(c->cx, file, s)));
    return flush_out(c);
}

static void say_share(const char *name, double v, double lo, double hi)
{
    printf("%s\t%.5g\t%.5g\t%.5g\n", name, v, lo, hi);
}

static int judge_compute(work *w)
{
    cli *c = w->c;
    cull_compute_verdict *v = calloc(1, sizeof *v);
    if (!v) return fail(c, FAILED, "out of memory");
    int rc = check(c, cull_compute_judge(c->cx, &w->d, cull_outcomes_of(w->rows), v));
    if (rc == DONE) {
        puts("what\tquality\tlo\thi\tcost\tlo\thi\tsaving\tlo\thi");
        for (int k = 0; k < v->lines; k++) {
            const cull_compute_line *l = &v->line[k];
            const char *name = k ? cull_policy_model(w->policy, k - 1) : l->what;
            printf("%s\t%.5g\t%.5g\t%.5g\t%.5g\t%.5g\t%.5g\t", name, l->quality, l->quality_lo,
                   l->quality_hi, l->cost, l->cost_lo, l->cost_hi);
            if (isnan(l->saving))
                puts("-\t-\t-");
            else
                printf("%.5g\t%.5g\t%.5g\n", l->saving, l->saving_lo, l->saving_hi);
        }
    }
    free(v);
    return rc;
}

static int judge_trust(work *w)
{
    cli *c = w->c;
    cull_trust_verdict v;
    TRY(check(c, cull_trust_check(c->cx, w->policy, &w->d, cull_outcomes_of(w->rows), &v)));
    const char *what = v.bounds ? v.bounds : "wrong";
    printf("what\tvalue\tlo\thi\n");
    say_share(what, v.reached, v.lo, v.hi);
    printf("level\t%.5g\t-\t-\n", v.level);
    if (!isnan(v.p)) printf("chance of it\t%.3g\t-\t-\n", v.p);
    printf("rows\t%" PRId64 "\t-\t-\n", v.rows);
    printf("kept\t%" PRId64 "\t-\t-\n", v.kept);
    printf("%s\t%.5g\t-\t-\n", w->d.keep ? "power" : "mean size", v.power);
    if (!v.refuted) return DONE;
    TRY(flush_out(c));
    return fail(
        c, NOT_REACHED,
        "the %s is %.4g; where the guarantee holds so much or more comes with a chance of %.2g",
        what, v.reached, v.p);
}

static int judge_probabilities(work *w)
{
    cli *c = w->c;
    cull_reliability r;
    TRY(check(c, cull_trust_reliability(c->cx, w->policy, &w->d, cull_outcomes_of(w->rows), &r)));
    puts("what\tvalue\tlo\thi");
    say_share("brier", r.brier.value, r.brier.lo, r.brier.hi);
    say_share("log loss", r.log_loss.value, r.log_loss.lo, r.log_loss.hi);
    say_share("calibration error", r.ece.value, r.ece.lo, r.ece.hi);
    puts("up to\trows\tpredicted\twas so\tlo\thi");
    for (int b = 0; b < CULL_RELIABILITY_BINS; b++)
        if (r.bin[b].rows)
            printf("%.4g\t%" PRId64 "\t%.5g\t%.5g\t%.5g\t%.5g\n", (b + 1.0) / CULL_RELIABILITY_BINS,
                   r.bin[b].rows, r.bin[b].predicted, r.bin[b].share, r.bin[b].lo, r.bin[b].hi);
    return DONE;
}

static int plan_check(work *w)
{
    cli *c = w->c;
    cull_policy_plan plan;
    const cull_outcomes *rows = cull_outcomes_of(w->rows);
    uint64_t open = cull_ctx_peak(c->cx);
    TRY(check(c, cull_stream_plan(c->cx, w->policy, w->opts, rows, rows->n, true, &plan)));
    return tell_plan(w, &plan, rows->n, open, "what was reached", "-");
}

static int run_check(work *w)
{
    cli *c = w->c;
    cull_guarantee g;
    TRY(begin(w));
    TRY(take_rows(w, true));
    if (has(c, "plan")) return plan_check(w);
    TRY(decide(w, &g));
    say_guarantee(c, &g);
    TRY(c->task == CULL_TASK_COMPUTE       ? judge_compute(w)
        : cull_trust_calibrates(w->policy) ? judge_probabilities(w)
                                           : judge_trust(w));
    return flush_out(c);
}

/* ---- show ---- */
static int run_show(work *w)
{
    cli *c = w->c;
    char buf[64];
    TRY(open_policy(w));
    if (c->inputs > 2) return fail(c, USAGE, "show takes a policy alone");
    if (has(c, "plan")) return fail(c, USAGE, "--plan is of a fit, apply and check");
    const cull_method *m = cull_policy_method(w->policy);
    const cull_guarantee *g = cull_policy_guaranteed(w->policy);
    if (c->json) return check(c, cull_policy_write(c->cx, w->policy, "-"));
    printf("method\t%s\nmodels\t", m->slug);
    for (int k = 0; k < cull_policy_models(w->policy); k++)
        printf("%s%s", k ? "," : "", cull_policy_model(w->policy, k));
    puts("");
    TRY(check(c, cull_policy_options(c->cx, w->policy, &w->opts)));
    for (const cull_opt *o = m->opts; o && o->name; o++)
        printf("%s\t%s\n", o->name, cull_opts_get(w->opts, o->name, buf, sizeof buf));
    if (g) {
        printf("bounds\t%s\nlevel\t%g\ndelta\t%g\nrows\t%" PRId64 "\n", g->bounds, g->level,
               g->delta, g->n);
        printf("assumes\t%s\nbroken\t%s\n", g->assumes ? g->assumes : "-",
               g->broken ? g->broken : "-");
    }
    for (int i = 0; i < cull_policy_notes(w->policy); i++)
        printf("note\t%s\n", cull_policy_note_at(w->policy, i));
    return flush_out(c);
}

int run_policy(cli *c)
{
    static const struct {
        const char *verb;
        int (*run)(work *);
    } verb[] = {{"apply", run_apply_policy}, {"check", run_check}, {"show", run_show}};
    work w = {.c = c};
    int (*run)(work *) = c->method ? run_fit : NULL;
    for (int i = 0; !c->method && c->inputs && i < COUNT(verb); i++)
        if (!strcmp(c->input[0], verb[i].verb)) run = verb[i].run;
    if (!run)
        return fail(c, USAGE,
                    "%s wants a method, or one of apply, check and show; see cull list %s",
                    c->cmd->name, c->cmd->name);
    int rc = run(&w);
    work_free(&w);
    return rc;
}

/* model_prune.c - cull model prune: channels of a network cut, with all that depends on them. */
#include "cull/corpus.h"
#include "cull/surgery.h"
#include "cull/text.h"
#include "job.h"
#include "model_data.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    cull_model *m, *small;
    cull_surgery *s;
    const char *weights; /* or NULL */
    bool *keep;
    double *score;
    int64_t *width;
} work;

/* ---- groups ---- */

static void list_json(const cull_surgery *s)
{
    fputs("{\"groups\":[", stdout);
    for (int g = 0; g < cull_surgery_groups(s); g++) {
        cull_channel_group k = cull_surgery_group(s, g);
        fputs(g ? ",\n{\"name\":" : "\n{\"name\":", stdout);
        say_json(stdout, k.name);
        printf(",\"width\":%" PRId64 ",\"macs\":%.0f,\"parameters\":%" PRId64 ",\"fixed\":",
               k.width, k.macs, k.params);
        say_json(stdout, k.fixed);
        fputs(",\"members\":[", stdout);
        for (int i = 0; i < k.members; i++) {
            cull_channel_member p = cull_surgery_member(s, g, i);
            fputs(i ? ",{\"layer\":" : "{\"layer\":", stdout);
            say_json(stdout, p.layer);
            printf(",\"op\":\"%s\",\"made\":%" PRId64 ",\"read\":%" PRId64 "}", p.op, p.made,
                   p.read);
        }
        fputs("]}", stdout);
    }
    puts("]}");
}

static void list_text(const cull_surgery *s)
{
    int wide = 5;
    char macs[32], params[32];
    for (int g = 0; g < cull_surgery_groups(s); g++) {
        int n = (int)strlen(cull_surgery_group(s, g).name);
        if (n > wide) wide = n > 48 ? 48 : n;
    }
    printf("%-*s  %8s  %7s  %28s  %14s\n", wide, "group", "channels", "layers",
           "multiply-adds of one channel", "its parameters");
    for (int g = 0; g < cull_surgery_groups(s); g++) {
        cull_channel_group k = cull_surgery_group(s, g);
        if (k.fixed)
            printf("%-*s  %8" PRId64 "  %7d  %s, which cannot be cut\n", wide, k.name, k.width,
                   k.members, k.fixed);
        else
            printf("%-*s  %8" PRId64 "  %7d  %28s  %14s\n", wide, k.name, k.width, k.members,
                   with_commas((int64_t)k.macs, macs), with_commas(k.params, params));
    }
}

/* ---- options ---- */

/* "2.1x" fewer, "50%" or a number, of what there is now; 0 = not given. */
static int limit_of(cli *c, const char *name, double now, double *out)
{
    const char *text = value_of(c, name, NULL);
    char number[32];
    size_t n = text ? strlen(text) : 0;
    char last = n ? text[n - 1] : 0;
    bool part = last == 'x' || last == '%';
    *out = 0;
    if (!text) return DONE;
    snprintf(number, sizeof number, "%.*s", (int)(n - part), text);
    bool good = n && n < sizeof number && cull_parse_number(number, out) && *out > 0;
    if (good && last == 'x') good = *out >= 1;
    if (good && last == '%') good = *out <= 100;
    if (!good)
        return fail(c, USAGE,
                    "--%s %s: write how many times fewer, as 2.1x, a share, as 50%%, or a number",
                    name, text);
    if (last == 'x') *out = now / *out;
    if (last == '%') *out *= now / 100;
    return DONE;
}

typedef struct {
    work *w;
    int next; /* group that a number without a name is of */
} naming;

static int width_part(cli *c, const char *part, void *arg)
{
    naming *a = arg;
    const char *is = strchr(part, '='), *near = NULL;
    char name[300];
    double v;
    int g = a->next;
    if (is) {
        snprintf(name, sizeof name, "%.*s", (int)(is - part), part);
        if ((g = cull_surgery_find(a->w->s, name, &near)) < 0)
            return fail(c, USAGE, "--widths: there is no group '%.100s'%s%s%s", name,
                        near ? "; did you mean '" : "; cull model prune MODEL lists them",
                        near ? near : "", near ? "'?" : "");
    } else {
        while (g < cull_surgery_groups(a->w->s) && cull_surgery_group(a->w->s, g).fixed) g++;
        if (g == cull_surgery_groups(a->w->s))
            return fail(c, USAGE, "--widths: more numbers than groups that can be cut");
        a->next = g + 1;
    }
    if (!cull_parse_number(is ? is + 1 : part, &v) || !(v >= 0 && v < 1e15) ||
        v != (double)(int64_t)v)
        return fail(c, USAGE, "--widths: '%.100s' is no whole number", is ? is + 1 : part);
    a->w->width[g] = (int64_t)v;
    return DONE;
}

static int by_widths(cli *c, work *w)
{
    naming a = {.w = w};
    for (int g = 0; g < cull_surgery_groups(w->s); g++) w->width[g] = -1;
    TRY(each_part(c, value_of(c, "widths", ""), width_part, &a));
    for (int g = 0; a.next && g < cull_surgery_groups(w->s); g++)
        if (w->width[g] < 0 && !cull_surgery_group(w->s, g).fixed)
            return fail(c, USAGE,
                        "--widths: no number for group '%.100s'; give one for each that can be "
                        "cut, or NAME=N for some",
                        cull_surgery_group(w->s, g).name);
    return check(c, cull_surgery_widths(c->cx, w->s, w->score, w->width, w->keep));
}

static int by_limits(cli *c, work *w)
{
    cull_surgery_target t = CULL_SURGERY_TARGET;
    double macs, round;
    int64_t params;
    cull_surgery_count(w->s, NULL, &macs, &params);
    TRY(limit_of(c, "macs", macs, &t.macs));
    TRY(limit_of(c, "params", (double)params, &t.params));
    TRY(number_of(c, "keep", 0, 1e-6, 1, false, &t.share));
    TRY(number_of(c, "round", 8, 1, 1024, true, &round));
    t.round = (int64_t)round;
    return check(c, cull_surgery_choose(c->cx, w->s, w->score, &t, w->keep));
}

static bool limited(const cli *c)
{
    return has(c, "keep") || has(c, "widths") || has(c, "macs") || has(c, "params") ||
           has(c, "slim");
}

static int choose(cli *c, work *w)
{
    int of;
    double cut;
    bool limits = has(c, "keep") || has(c, "macs") || has(c, "params");
    if (has(c, "widths") + has(c, "slim") + limits > 1)
        return fail(c, USAGE,
                    "--widths, --slim, and --keep with --macs and --params, are three ways to say "
                    "what stays; choose one");
    TRY(choice_of(c, "importance", "l1", "l1|l2|norm|random", &of));
    if (has(c, "slim")) {
        if (has(c, "importance"))
            return fail(c, USAGE, "--slim goes by the scales of batch norms, not by --importance");
        TRY(number_of(c, "slim", 0, 0, 0.9999, false, &cut));
        return check(c, cull_surgery_slim(c->cx, w->s, cut, w->keep));
    }
    TRY(check(c, cull_surgery_score(c->cx, w->s, (cull_channel_score)of, w->score)));
    return has(c, "widths") ? by_widths(c, w) : by_limits(c, w);
}

/* ---- what was done ---- */

static int64_t stays(const work *w, const cull_channel_group *k)
{
    int64_t n = 0;
    for (int64_t u = 0; u < k->width; u++) n += w->keep[k->first + u];
    return n;
}

static void say(cli *c, const work *w)
{
    cull_model_total a = cull_model_totals(w->m), b = cull_model_totals(w->small);
    char s[32], t[32];
    progress_end();
    if (!c->json) {
        talk(c, "multiply-adds  %s of %s, %.2f times fewer", with_commas((int64_t)b.macs, s),
             with_commas((int64_t)a.macs, t), a.macs / b.macs);
        talk(c, "parameters     %s of %s, %.2f times fewer", with_commas(b.params, s),
             with_commas(a.params, t), (double)a.params / (double)b.params);
    } else {
        printf("{\"macs\":[%.0f,%.0f],\"parameters\":[%" PRId64 ",%" PRId64 "],\"groups\":[",
               a.macs, b.macs, a.params, b.params);
    }
    for (int g = 0; g < cull_surgery_groups(w->s); g++) {
        cull_channel_group k = cull_surgery_group(w->s, g);
        int64_t n = stays(w, &k);
        if (c->json) {
            fputs(g ? ",\n{\"name\":" : "\n{\"name\":", stdout);
            say_json(stdout, k.name);
            printf(",\"of\":%" PRId64 ",\"kept\":%" PRId64 "}", k.width, n);
        } else if (n != k.width) {
            talk_more(c, "%s: %" PRId64 " of %" PRId64 " channels", k.name, n, k.width);
        }
    }
    if (!c->json) return;
    fputs("],\"out\":", stdout);
    say_json_list(stdout, c->out, c->outs);
    puts("}");
}

static bool is_json(const char *path)
{
    size_t n = strlen(path);
    return n > 5 && !strcmp(path + n - 5, ".json");
}

static int outputs(cli *c)
{
    if (!c->outs && !c->json)
        return fail(c, USAGE,
                    "model prune wants -o OUT.safetensors: where the smaller network goes");
    for (int i = 0; i < c->outs; i++) {
        if (!is_weights(c->out[i]) && !is_json(c->out[i]))
            return fail(c, USAGE,
                        "-o %s: parameters go to .safetensors, and which channels stay to .json",
                        c->out[i]);
        TRY(check_writable(c, c->out[i]));
        for (int j = 1; j < c->inputs; j++)
            if (one_file(c->out[i], c->input[j]))
                return fail(c, USAGE, "-o %s is also an input", c->out[i]);
        for (int j = 0; j < i; j++)
            if (one_file(c->out[i], c->out[j]))
                return fail(c, USAGE, "-o %s is given twice", c->out[i]);
    }
    return DONE;
}

static int write_files(cli *c, const work *w)
{
    cull_input_file f = {0};
    if (w->weights) TRY(check(c, cull_file_hash(c->cx, w->weights, &f)));
    cull_surgery_source from = {.source = w->weights ? w->weights : "",
                                .hash = f.hash,
                                .importance =
                                    has(c, "slim") ? "slim" : value_of(c, "importance", "l1"),
                                .seed = cull_ctx_seed(c->cx)};
    for (int i = 0; i < c->outs; i++)
        TRY(check(c, is_json(c->out[i]) ? cull_surgery_write(c->cx, w->s, w->keep, &from, c->out[i])
                                        : cull_model_save(c->cx, w->small, c->out[i])));
    return DONE;
}

/* ---- the command ---- */

/* MODEL [WEIGHTS]: a second file of parameters is no data. */
static void take_weights(cli *c, work *w)
{
    w->weights = value_of(c, "weights", is_weights(c->input[1]) ? c->input[1] : NULL);
    if (c->inputs < 3 || !is_weights(c->input[2]) || has(c, "weights")) return;
    w->weights = c->input[2];
    for (int i = 3; i < c->inputs; i++) c->input[i - 1] = c->input[i];
    c->inputs--;
}

static int open_all(cli *c, work *w)
{
    const cull_model_load_opts partial = {.size = sizeof partial, .partial = has(c, "partial")};
    cull_model_opts o;
    int64_t units;
    TRY(model_opts(c, &o));
    o.shapes_only = !w->weights && !limited(c);
    TRY(model_open(c, c->input[1], &o, &w->m));
    if (w->weights && !o.shapes_only)
        TRY(check(c, cull_model_load(c->cx, w->m, w->weights, &partial, NULL)));
    TRY(check(c, cull_surgery_new(c->cx, w->m, &w->s)));
    units = cull_surgery_units(w->s);
    w->keep = malloc((size_t)units * sizeof *w->keep);
    w->score = malloc((size_t)units * sizeof *w->score);
    w->width = malloc((size_t)cull_surgery_groups(w->s) * sizeof *w->width);
    return w->keep && w->score && w->width ? DONE : fail(c, FAILED, "out of memory");
}

static int prune(cli *c, work *w)
{
    take_weights(c, w);
    if (has(c, "audit") && !limited(c))
        return fail(c, USAGE,
                    "--audit wants to know what to cut: --macs, --keep, --widths or --slim");
    if (c->inputs > 2 && !has(c, "audit"))
        return fail(c, USAGE, "model prune reads a model and its parameters, and cannot use '%s'",
                    c->input[2]);
    if (limited(c) && !w->weights)
        return fail(c, USAGE,
                    "model prune wants parameters to cut: cull model prune MODEL "
                    "WEIGHTS.safetensors");
    if (limited(c) && (c->outs || !has(c, "audit"))) TRY(outputs(c));
    TRY(open_all(c, w));
    if (!limited(c)) {
        progress_end();
        if (c->json)
            list_json(w->s);
        else
            list_text(w->s);
        return DONE;
    }
    TRY(choose(c, w));
    TRY(check(c, cull_surgery_cut(c->cx, w->s, w->keep, &w->small)));
    TRY(write_files(c, w));
    if (!has(c, "audit") || !c->json) say(c, w);
    return has(c, "audit") ? audit_cut(c, w->m, w->s, w->keep) : DONE;
}

int model_prune(cli *c)
{
    work w = {0};
    int rc = prune(c, &w);
    free(w.keep);
    free(w.score);
    free(w.width);
    cull_surgery_free(w.s);
    cull_model_free(w.small);
    cull_model_free(w.m);
    return rc;
}

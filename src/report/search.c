/* search.c - a search as one page: what was best, how it went, which parameters decided, how to make it again. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cull/evaluate.h"
#include "report/search.h"

enum { BEST_SHOWN = 20, SPACE_SHOWN = 20000 };

static void add(cull_buf *b, const char *s) { cull__buf_add(b, s, strlen(s)); }

static void card(cull_buf *b, const char *value, const char *name)
{
    add(b, "<div class=\"card\"><b>");
    cull__add_html(b, value);
    add(b, "</b><span>");
    cull__add_html_cut(b, name, 60);
    add(b, "</span></div>\n");
}

/* Six digits, or all where they are fewer. */
static const char *six(double v, char buf[32])
{
    double a = fabs(v);
    cull__format_f64(v, buf);
    if (!(a >= 1e-4 && a < 1e15) || strlen(buf) <= 9)
        return strlen(buf) <= 9 ? buf : cull__human(v, buf);
    double ten = pow(10, 5 - floor(log10(a)));
    return cull__format_f64(round(v * ten) / ten, buf);
}

/* ---- the head ---- */

static int64_t failures(const cull__search *v)
{
    return v->tally[CULL_TRIAL_FAILED] + v->tally[CULL_TRIAL_TIMEOUT] + v->tally[CULL_TRIAL_LOST];
}

/* One that keeps constraints is among the best if there is any. */
static bool feasible(const cull__search *v) { return !(v->bad[v->best[0]] > 0); }

static void head(cull_buf *b, const cull__search *v)
{
    char n[32], of[64];
    add(b, "<h1>");
    cull__add_html(b, v->r->title ? v->r->title : "Search");
    cull__buf_printf(b, ": %s trial%s</h1>\n<p class=\"sub\">", cull__count(v->n, n),
                     v->n == 1 ? "" : "s");
    for (int k = 0; k < v->m; k++) {
        add(b, k ? ", " : "");
        add(b, v->p->objective[k].maximize ? "maximise " : "minimise ");
        cull__add_html(b, v->p->objective[k].name);
    }
    for (int k = 0; k < v->p->constraints; k++) {
        add(b, k ? ", " : "; fulfilled at 0 or below: ");
        cull__add_html(b, v->p->constraint[k]);
    }
    add(b, "</p>\n<div class=\"cards\">\n");
    if (v->bests && v->m == 1) {
        char name[80];
        snprintf(name, sizeof name, "%.40s, %s", v->p->objective[0].name,
                 feasible(v) ? "the best" : "constraints broken least");
        card(b, six(v->mean[v->best[0]], n), name);
    } else if (v->bests)
        card(b, cull__count(v->bests, n),
             feasible(v) ? "trials that nothing dominates" : "trials that break constraints least");
    card(b, cull__count(v->tally[CULL_TRIAL_DONE], n), "done");
    if (v->tally[CULL_TRIAL_STOPPED])
        card(b, cull__count(v->tally[CULL_TRIAL_STOPPED], n), "stopped on the way");
    if (failures(v)) card(b, cull__count(failures(v), n), "came to nothing");
    if (v->tally[CULL_TRIAL_RUNNING])
        card(b, cull__count(v->tally[CULL_TRIAL_RUNNING], n), "running");
    if (v->last > 0) card(b, cull__duration(v->last, n), "time");
    if (v->cost > 0) card(b, cull__amount(v->cost, of), "cost");
    add(b, "</div>\n");
}

/* ---- the best ---- */

static cull_status best_row(cull_ctx *cx, cull_buf *b, const cull__search *v, int64_t number)
{
    cull_trial t;
    char *text, n[32];
    CULL_TRY(cull_study_trial(v->r->study, number, &t));
    cull__buf_printf(b, "<tr><td class=\"n\">%" PRId64 "</td>", number);
    for (int k = 0; k < v->m; k++)
        cull__buf_printf(b, "<td class=\"n\">%s</td>", six(t.mean ? t.mean[k] : t.value[k], n));
    for (int k = 0; k < v->p->constraints; k++)
        cull__buf_printf(b, "<td class=\"n\">%s</td>", t.violation ? six(t.violation[k], n) : "0");
    CULL_TRY(cull_space_format(cx, v->space, v->x + number * v->width, &text));
    add(b, "<td><code>");
    cull__add_html_cut(b, text, 2 * CULL__SNIPPET);
    add(b, "</code></td></tr>\n");
    cull_text_free(text);
    return CULL_OK;
}

static void heading(cull_buf *b, const char *name)
{
    add(b, "<th class=\"n\">");
    cull__add_html(b, name);
    add(b, "</th>");
}

/* The one best, parameter by parameter. */
static void best_point(cull_buf *b, const cull__search *v)
{
    const double *x = v->x + v->best[0] * v->width;
    char text[512];
    add(b, "<h3>Its parameters</h3>\n<table class=\"facts\"><tbody>\n");
    for (int i = 0; i < cull_space_params(v->space) && i < 200; i++) {
        if (!cull_space_active(v->space, x, i)) continue;
        cull_space_value(v->space, x, i, text, sizeof text);
        cull__page_fact(b, cull_space_at(v->space, i)->name, text);
    }
    add(b, "</tbody></table>\n");
}

static cull_status say_broken(cull_buf *b, const cull__search *v)
{
    cull_trial t;
    char by[32];
    CULL_TRY(cull_study_trial(v->r->study, v->best[0], &t));
    cull__buf_printf(b,
                     "<p>No trial keeps all constraints; shown is what breaks them least: trial "
                     "%" PRId64,
                     t.number);
    for (int k = 0; k < v->p->constraints; k++) {
        if (t.violation[k] <= 0) continue;
        add(b, ", ");
        cull__add_html(b, v->p->constraint[k]);
        cull__buf_printf(b, " by %s", six(t.violation[k], by));
    }
    add(b, ".</p>\n");
    return CULL_OK;
}

static cull_status best(cull_ctx *cx, cull_buf *b, const cull__search *v)
{
    char n[32];
    add(b, v->m == 1 ? "<h2>The best</h2>\n" : "<h2>What nothing dominates</h2>\n");
    if (!v->bests) {
        add(b,
            v->n ? "<p>No trial has come to a result.</p>\n" : "<p>There are no trials yet.</p>\n");
        return CULL_OK;
    }
    if (!feasible(v)) CULL_TRY(say_broken(b, v));
    add(b, "<div class=\"wide\"><table><thead><tr><th class=\"n\">trial</th>");
    for (int k = 0; k < v->m; k++) heading(b, v->p->objective[k].name);
    for (int k = 0; k < v->p->constraints; k++) heading(b, v->p->constraint[k]);
    add(b, "<th>point</th></tr></thead><tbody>\n");
    for (int64_t k = 0; k < v->bests && k < BEST_SHOWN; k++)
        CULL_TRY(best_row(cx, b, v, v->best[k]));
    add(b, "</tbody></table></div>\n");
    if (v->bests > BEST_SHOWN)
        cull__buf_printf(b, "<p class=\"sub\">and %s more</p>\n",
                         cull__count(v->bests - BEST_SHOWN, n));
    if (v->bests == 1) best_point(b, v);
    return CULL_OK;
}

/* ---- plots ---- */

static void plots(cull_buf *b, const cull__search *v)
{
    int shown = v->m < CULL__SEARCH_CURVES ? v->m : CULL__SEARCH_CURVES;
    if (v->tally[CULL_TRIAL_RUNNING] == v->n) return;
    add(b, "<h2>How it went</h2>\n");
    if (failures(v) == v->n) add(b, "<p>All trials came to nothing.</p>\n");
    for (int k = 0; k < shown; k++) cull__search_history(b, v, k);
    if (shown < v->m)
        cull__buf_printf(b, "<p class=\"sub\">the first %d of %d objectives</p>\n", shown, v->m);
    if (!v->used) return;
    add(b, "<h2>Which parameters decided</h2>\n");
    if (v->importance)
        add(b, "<p class=\"sub\">How far the density of the best tenth of the trials is from that "
               "of all (PED-ANOVA), "
               "each parameter by itself; at the right its share of the sum. Effects that only "
               "pairs of parameters have are not seen.</p>\n");
    else
        cull__buf_printf(b,
                         "<p class=\"sub\">This is asked of %d trials or more that are done.</p>\n",
                         CULL__SEARCH_LEAST);
    cull__search_bars(b, v);
    cull__search_lines(b, v);
    if (v->used < 2) return;
    cull__buf_printf(
        b,
        "<h2>Slices</h2>\n<p class=\"sub\">%s parameters against what was told; the best tenth in "
        "colour.</p>\n",
        v->importance ? "The most important" : "The first");
    for (int k = 0; k < shown && k < 2; k++) cull__search_slices(b, v, k);
}

/* ---- how it was made ---- */

static void points_fact(cull_ctx *cx, cull_buf *b, const cull__search *v)
{
    char text[96], n[32];
    double ten;
    int64_t count = cull_space_count(cx, v->space, &ten, NULL);
    int params = cull_space_params(v->space);
    if (count >= 0)
        snprintf(text, sizeof text, "%d parameters, %s points", params, cull__count(count, n));
    else if (isfinite(ten))
        snprintf(text, sizeof text, "%d parameters, about 10^%s points", params,
                 cull__fixed(ten, 1, n));
    else
        snprintf(text, sizeof text, "%d parameters, some of them continuous", params);
    cull__page_fact(b, "space", text);
}

static void budget_fact(cull_buf *b, const cull__search *v)
{
    char text[200] = "", n[32], of[120];
    if (v->p->trials) snprintf(text, sizeof text, "%s evaluations", cull__count(v->p->trials, n));
    if (v->p->seconds > 0) {
        snprintf(of, sizeof of, "%s%s of time", *text ? ", " : "",
                 cull__duration(v->p->seconds, n));
        strncat(text, of, sizeof text - strlen(text) - 1);
    }
    if (v->p->cost > 0) {
        snprintf(of, sizeof of, "%scost %s", *text ? ", " : "", cull__amount(v->p->cost, n));
        strncat(text, of, sizeof text - strlen(text) - 1);
    }
    cull__page_fact(b, "budget", text);
    cull__page_fact(b, "evaluations paid for", cull__count(cull_study_paid(v->r->study), n));
}

static void trials_fact(cull_buf *b, const cull__search *v)
{
    char text[256] = "", part[48], n[32];
    for (int k = 0; k <= CULL_TRIAL_LOST; k++) {
        if (!v->tally[k]) continue;
        snprintf(part, sizeof part, "%s%s %s", *text ? ", " : "", cull__count(v->tally[k], n),
                 cull_trial_state_name((cull_trial_state)k));
        strncat(text, part, sizeof text - strlen(text) - 1);
    }
    cull__page_fact(b, "trials", text);
}

static void stop_fact(cull_buf *b, const cull_stop *t)
{
    static const char *const kind[] = {"", "median", "halving", "asha", "hyperband"};
    char text[160], n[32];
    if (t->kind == CULL_STOP_NONE) return;
    snprintf(text, sizeof text, "%s, steps %" PRId64 " to %" PRId64 ", eta %s%s", kind[t->kind],
             t->first ? t->first : 1, t->last, cull__human(t->eta > 0 ? t->eta : 3, n),
             t->anew ? ", each rung begins anew" : "");
    cull__page_fact(b, "stop rule", text);
}

static void method_facts(cull_buf *b, const cull__search *v)
{
    const cull_opts *opts;
    uint64_t seed;
    const cull_method *m = cull_study_method(v->r->study, &opts, &seed);
    char text[160];
    snprintf(text, sizeof text, "%.40s, revision %d: %.90s", m->slug, m->rev, m->title);
    cull__page_fact(b, "method", text);
    for (const cull_opt *o = m->opts; o && o->name && opts; o++)
        cull__page_fact(b, o->name, cull_opts_get(opts, o->name, text, sizeof text));
    snprintf(text, sizeof text, "%" PRIu64, seed);
    cull__page_fact(b, "seed", text);
}

static cull_status space_text(cull_ctx *cx, cull_buf *b, const cull__search *v)
{
    char *text;
    CULL_TRY(cull_space_text(cx, v->space, false, &text));
    add(b, "<h3>Space</h3>\n<pre>");
    cull__add_html_cut(b, text, SPACE_SHOWN);
    add(b, "</pre>\n");
    cull_text_free(text);
    return CULL_OK;
}

static cull_status made(cull_ctx *cx, cull_buf *b, const cull__search *v)
{
    char n[64], w[32];
    add(b, "<h2>How it was made</h2>\n<table class=\"facts\"><tbody>\n");
    points_fact(cx, b, v);
    method_facts(b, v);
    cull__page_fact(b, "evaluated by", v->p->id);
    budget_fact(b, v);
    stop_fact(b, &v->p->stop);
    if (v->p->replicates > 1) cull__page_fact(b, "replicates", cull__count(v->p->replicates, n));
    trials_fact(b, v);
    if (v->last > 0) {
        cull__page_fact(b, "time", cull__duration(v->last, n));
        snprintf(n, sizeof n, "%s on average", cull__human(v->busy / v->last, w));
        cull__page_fact(b, "running at a time", n);
    }
    snprintf(n, sizeof n, "%d", v->r->workers);
    if (v->r->workers > 0) cull__page_fact(b, "workers", n);
    cull__page_fact(b, "cull", cull_version());
    cull__page_fact(b, "libraries", cull_build());
    add(b, "</tbody></table>\n");
    cull__page_command(b, v->r->argv, v->r->argc);
    return space_text(cx, b, v);
}

static cull_status page(cull_ctx *cx, const cull_search_report *r, cull_buf *b)
{
    cull__search v;
    CULL_TRY(cull__search_read(cx, r, &v));
    cull__page_open(b, r->title ? r->title : "Search");
    head(b, &v);
    cull__search_front(b, &v);
    CULL_TRY(best(cx, b, &v));
    plots(b, &v);
    CULL_TRY(made(cx, b, &v));
    cull__page_close(b);
    return b->status;
}

cull_status cull_search_write(cull_ctx *cx, const cull_search_report *r, const char *path)
{
    cull_buf b = CULL_BUF(cx);
    if (!r->study) return cull__fail(cx, CULL_EINPUT, "%s: there is no study to write of", path);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = page(cx, r, &b);
    cull__release(cx, mark);
    if (s == CULL_OK) s = cull__write_buf(cx, path, &b);
    cull__buf_free(&b);
    return s;
}

/* html.c - a run as one page: what was kept, against what, and how to make it again. */
#include "report/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void add(cull_buf *b, const char *s) { cull__buf_add(b, s, strlen(s)); }

static void card(cull_buf *b, const char *value, const char *name)
{
    add(b, "<div class=\"card\"><b>");
    cull__add_html(b, value);
    add(b, "</b><span>");
    cull__add_html(b, name);
    add(b, "</span></div>\n");
}

static void head(cull_buf *b, const cull__facts *f)
{
    const cull_run *r = f->r;
    char v[80], w[32], x[32];
    add(b, "<h1>");
    cull__add_html(b, *f->slug ? f->slug : "This list");
    cull__buf_printf(b, " kept %s", cull__count(r->pick->n, w));
    if (r->n > 0) cull__buf_printf(b, " of %s", cull__count(r->n, w));
    add(b, "</h1>\n<p class=\"sub\">");
    cull__add_html(b, f->title);
    if (*f->paper) {
        add(b, "<br>");
        cull__add_html(b, f->paper);
    }
    add(b, "</p>\n<div class=\"cards\">\n");
    if (!isnan(f->share)) card(b, cull__percent(f->share, w), "of the pool kept");
    if (r->budget > 0) {
        char unit[96];
        snprintf(v, sizeof v, "%s of %s", cull__amount(r->pick->spent, w),
                 cull__amount(r->budget, x));
        snprintf(unit, sizeof unit, "%.40s spent%s%.40s%s", f->unit, r->budget_text ? " (" : "",
                 r->budget_text ? r->budget_text : "", r->budget_text ? ")" : "");
        card(b, v, unit);
    }
    if (r->seconds > 0) card(b, cull__duration(r->seconds, w), "time");
    if (r->peak_bytes) card(b, cull__format_bytes(r->peak_bytes, w), "peak memory");
    snprintf(v, sizeof v, "%" PRIu64, r->seed);
    if (*f->slug) card(b, v, "seed");
    add(b, "</div>\n");
    cull__page_notes(b, r->note, r->notes);
}

/* ---- figures, metric by metric in the order of first appearance ---- */

static bool first_of(const cull_run *r, int i)
{
    for (int k = 0; k < i; k++)
        if (!strcmp(r->figure[k].metric, r->figure[i].metric)) return false;
    return true;
}

static void figure_row(cull_buf *b, const cull_run_figure *g, bool strong)
{
    char v[32], range[80];
    cull__buf_printf(b, "<tr%s><td>", strong ? " class=\"strong\"" : "");
    cull__add_html(b, g->name);
    cull__buf_printf(b, "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td>",
                     cull__human(g->value, v), cull__range(g->lo, g->hi, range));
    cull__add_html(b, g->note ? g->note : "");
    add(b, "</td></tr>\n");
}

static cull_status figures(cull_ctx *cx, cull_buf *b, const cull__facts *f)
{
    const cull_run *r = f->r;
    cull__dot *dot;
    if (r->figures < 1) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, dot, r->figures));
    add(b, "<h2>Compared with baselines</h2>\n");
    for (int i = 0; i < r->figures; i++) {
        if (!first_of(r, i)) continue;
        const char *metric = r->figure[i].metric;
        int n = 0;
        add(b, "<h3>");
        cull__add_html(b, metric);
        add(b, "</h3>\n");
        for (int k = i; k < r->figures; k++) {
            const cull_run_figure *g = &r->figure[k];
            if (strcmp(g->metric, metric)) continue;
            dot[n++] =
                (cull__dot){g->name, g->value, g->lo, g->hi, !strcmp(g->name, f->slug), NULL, 0};
        }
        cull__plot_dots(b, metric, dot, n);
        add(b, "<div class=\"wide\"><table><thead><tr><th>method</th><th class=\"n\">value</th>"
               "<th class=\"n\">95 % interval</th><th></th></tr></thead><tbody>\n");
        for (int k = i; k < r->figures; k++)
            if (!strcmp(r->figure[k].metric, metric))
                figure_row(b, &r->figure[k], !strcmp(r->figure[k].name, f->slug));
        add(b, "</tbody></table></div>\n");
    }
    return CULL_OK;
}

/* ---- the first rows ---- */

static void rows(cull_buf *b, const cull__facts *f)
{
    const cull_run *r = f->r;
    const cull_pick *p = r->pick;
    const cull_strings *s = r->ids;
    char k[32], v[32];
    int64_t n = p->n < CULL__SHOWN ? p->n : CULL__SHOWN;
    bool text = s && s->text, scores = false, by = false;
    if (!n) return;
    for (int64_t i = 0; i < n; i++) {
        scores = scores || (p->score && !isnan(p->score[i]));
        by = by || (p->by && p->by[i] >= 0);
    }
    const char *by_what = p->by_what && *p->by_what ? p->by_what : "by";
    if (n < p->n)
        cull__buf_printf(b, "<h2>The first %" PRId64 " of %s kept</h2>\n", n, cull__count(p->n, k));
    else
        add(b, "<h2>What was kept</h2>\n");
    cull__buf_printf(b, "<div class=\"wide\"><table%s><thead><tr><th class=\"n\">row</th>%s%s",
                     text ? " class=\"text\"" : "", s ? "<th>id</th>" : "",
                     scores ? "<th class=\"n\">score</th>" : "");
    if (by) {
        add(b, "<th class=\"n\">");
        cull__add_html(b, by_what);
        add(b, "</th>");
    }
    add(b, text ? "<th>text</th></tr></thead><tbody>\n" : "</tr></thead><tbody>\n");
    for (int64_t i = 0; i < n; i++) {
        cull__buf_printf(b, "<tr><td class=\"n\">%" PRId64 "</td>", p->idx[i]);
        if (s) {
            add(b, "<td>");
            cull__add_html_cut(b, s->id[i], CULL__SNIPPET / 2);
            add(b, "</td>");
        }
        if (scores) cull__buf_printf(b, "<td class=\"n\">%s</td>", cull__human(p->score[i], v));
        if (by && p->by[i] >= 0)
            cull__buf_printf(b, "<td class=\"n\">%" PRId32 "</td>", p->by[i]);
        else if (by)
            add(b, "<td></td>");
        if (text) {
            add(b, "<td>");
            cull__add_html_cut(b, s->text[i], CULL__SNIPPET);
            add(b, "</td>");
        }
        add(b, "</tr>\n");
    }
    add(b, "</tbody></table></div>\n");
}

static void made(cull_buf *b, const cull__facts *f)
{
    const cull_run *r = f->r;
    char v[64];
    add(b, "<h2>How it was made</h2>\n");
    cull__page_command(b, r->argv, r->argc);
    if (f->options) add(b, "<h3>Options</h3>\n<table class=\"facts\"><tbody>\n");
    for (int i = 0; i < f->options; i++) cull__page_fact(b, f->option[i].name, f->option[i].value);
    if (f->options) add(b, "</tbody></table>\n");
    cull__page_inputs(b, r->input, r->inputs);
    add(b, "<h3>Made with</h3>\n<table class=\"facts\"><tbody>\n");
    cull__page_fact(b, "task", f->task);
    if (*f->slug) {
        snprintf(v, sizeof v, "%.40s, revision %d", f->slug, f->rev);
        cull__page_fact(b, "method", v);
    }
    cull__page_fact(b, "cull", f->version);
    cull__page_fact(b, "libraries", f->build);
    cull__page_fact(b, "instruction set", r->isa);
    snprintf(v, sizeof v, "%d", r->threads);
    if (r->threads) cull__page_fact(b, "threads", v);
    add(b, "</tbody></table>\n");
}

cull_status cull__run_html(cull_ctx *cx, const cull__facts *f, cull_buf *b)
{
    const cull_run *r = f->r;
    char title[96], n[32];
    snprintf(title, sizeof title, "cull %.20s %.32s: %s kept", f->task, f->slug,
             cull__count(r->pick->n, n));
    cull__page_open(b, title);
    head(b, f);
    CULL_TRY(figures(cx, b, f));
    if (r->coverages > 0) {
        add(b, "<h2>Coverage of the target</h2>\n");
        cull__plot_coverage(b, f);
    }
    if (f->histogram.bins > 0) {
        add(b, "<h2>Scores</h2>\n");
        cull__plot_scores(b, &f->histogram);
    }
    if (r->groups > 0) {
        add(b, "<h2>Groups</h2>\n");
        CULL_TRY(cull__plot_tally(cx, b, "Groups", r->group, r->groups));
    }
    if (r->labels > 0) {
        add(b, "<h2>Labels</h2>\n");
        CULL_TRY(cull__plot_tally(cx, b, "Labels", r->label, r->labels));
    }
    rows(b, f);
    made(b, f);
    cull__page_close(b);
    return b->status;
}

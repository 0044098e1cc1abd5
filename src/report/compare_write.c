/* compare_write.c - a comparison as tsv, JSON, markdown, a page and a terminal's table. */
#include "report/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void add(cull_buf *b, const char *s) { cull__buf_add(b, s, strlen(s)); }
static const char *chance_of(const cull_compare *c) { return c->chance ? c->chance : "random"; }

/* An interval that does not hold 0. */
static bool apart(double lo, double hi) { return lo > 0 || hi < 0; }

static const char MARKED[] = "* the interval of the difference does not hold 0";

/* "+0.031 [0.012, 0.050]*" or "". Differences carry their sign. */
static void add_change(cull_buf *b, double v, double lo, double hi, const char *space)
{
    char n[32], range[80];
    if (isnan(v)) return;
    cull__buf_printf(b, "%s%s", v > 0 ? "+" : "", cull__human(v, n));
    if (*cull__range(lo, hi, range))
        cull__buf_printf(b, "%s%s%s", space, range, apart(lo, hi) ? "*" : "");
}

/* "3/5": differences to chance above 0, of all. */
static void add_wins(cull_buf *b, const cull_compare_line *l)
{
    if (l->pairs) cull__buf_printf(b, "%d/%d", l->wins, l->pairs);
}

static bool any_apart(const cull_compare_line *l, int n)
{
    for (int i = 0; i < n; i++)
        if (apart(l[i].to_chance_lo, l[i].to_chance_hi) || apart(l[i].to_best_lo, l[i].to_best_hi))
            return true;
    return false;
}

/* ---- tsv and JSON ---- */

static void tsv_number(cull_buf *b, double v)
{
    char n[32];
    cull__buf_printf(b, "\t%s", isnan(v) ? "" : cull__format_f64(v, n));
}

static void tsv_text(cull_buf *b, const char *s)
{
    for (; s && *s; s++) cull__buf_add(b, strchr("\t\n\r", *s) ? " " : s, 1);
}

static void to_tsv(const cull_compare *c, int m, const cull_compare_line *l, int n, cull_buf *b)
{
    if (m == 0)
        add(b, "metric\tmethod\tbaseline\truns\tmean\tlo\thi\tto_chance\tto_chance_lo\tto_chance_hi"
               "\tpairs\twins\tto_best\tto_best_lo\tto_best_hi\tseconds\tpeak_bytes\twhy\n");
    for (int i = 0; i < n; i++, l++) {
        tsv_text(b, c->metric[m]);
        add(b, "\t");
        tsv_text(b, l->method);
        cull__buf_printf(b, "\t%d\t%d", l->baseline, l->runs);
        const double v[] = {l->mean, l->lo, l->hi, l->to_chance, l->to_chance_lo, l->to_chance_hi};
        const double best[] = {l->to_best, l->to_best_lo, l->to_best_hi, l->seconds};
        for (size_t k = 0; k < sizeof v / sizeof *v; k++) tsv_number(b, v[k]);
        cull__buf_printf(b, "\t%d\t%d", l->pairs, l->wins);
        for (size_t k = 0; k < sizeof best / sizeof *best; k++) tsv_number(b, best[k]);
        cull__buf_printf(b, "\t%" PRIu64 "\t", l->peak_bytes);
        tsv_text(b, l->why);
        add(b, "\n");
    }
}

static void json_line(cull_json *j, const cull_compare_line *l)
{
    cull__json_line(j);
    cull__json_open(j, '{');
    cull__json_key(j, "method"), cull__json_text(j, l->method);
    cull__json_key(j, "baseline"), cull__json_bool(j, l->baseline);
    cull__json_key(j, "runs"), cull__json_i64(j, l->runs);
    cull__json_pair(j, "mean", l->mean);
    cull__json_pair(j, "lo", l->lo), cull__json_pair(j, "hi", l->hi);
    cull__json_pair(j, "to_chance", l->to_chance);
    cull__json_pair(j, "to_chance_lo", l->to_chance_lo);
    cull__json_pair(j, "to_chance_hi", l->to_chance_hi);
    cull__json_key(j, "pairs"), cull__json_i64(j, l->pairs);
    cull__json_key(j, "wins"), cull__json_i64(j, l->wins);
    cull__json_pair(j, "to_best", l->to_best);
    cull__json_pair(j, "to_best_lo", l->to_best_lo);
    cull__json_pair(j, "to_best_hi", l->to_best_hi);
    cull__json_pair(j, "seconds", l->seconds);
    cull__json_key(j, "peak_bytes"), cull__json_i64(j, (int64_t)l->peak_bytes);
    if (l->why) cull__json_key(j, "why"), cull__json_text(j, l->why);
    cull__json_close(j, '}');
}

static void json_head(cull_json *j, const cull_compare *c)
{
    cull__json_key(j, "cull"), cull__json_text(j, cull_version());
    cull__json_key(j, "kind"), cull__json_str(j, "compare");
    cull__json_key(j, "task"), cull__json_text(j, c->task ? c->task : "data");
    cull__json_key(j, "isa"), cull__json_text(j, c->isa);
    cull__json_key(j, "threads"), cull__json_i64(j, c->threads);
    cull__json_key(j, "build"), cull__json_text(j, cull_build());
    cull__json_inputs(j, c->input, c->inputs);
    cull__json_line(j);
    cull__json_key(j, "n"), cull__json_i64(j, c->n);
    cull__json_pair(j, "budget", c->budget);
    cull__json_key(j, "budget_text"), cull__json_text(j, c->budget_text);
    cull__json_key(j, "cost_unit");
    cull__json_text(j, c->cost_unit ? c->cost_unit : "examples");
    cull__json_key(j, "chance"), cull__json_text(j, chance_of(c));
    cull__json_strings(j, "metrics", c->metric, c->metrics);
    cull__json_line(j);
    cull__json_key(j, "runs");
    cull__json_open(j, '[');
    for (int i = 0; i < c->rows; i++) {
        const cull_compare_row *r = &c->row[i];
        cull__json_line(j);
        cull__json_open(j, '{');
        cull__json_key(j, "method"), cull__json_text(j, r->method);
        cull__json_seed(j, r->seed);
        cull__json_key(j, "values");
        cull__json_open(j, '[');
        for (int m = 0; r->value && m < c->metrics; m++) cull__json_exact(j, r->value[m]);
        cull__json_close(j, ']');
        cull__json_pair(j, "seconds", r->seconds);
        cull__json_key(j, "peak_bytes"), cull__json_i64(j, (int64_t)r->peak_bytes);
        if (r->why) cull__json_key(j, "why"), cull__json_text(j, r->why);
        cull__json_close(j, '}');
    }
    cull__json_close(j, ']');
    cull__json_strings(j, "notes", c->note, c->notes);
    cull__json_strings(j, "argv", c->argv, c->argc);
    cull__json_line(j);
    cull__json_key(j, "tables");
    cull__json_open(j, '[');
}

static cull_status to_json(cull_ctx *cx, const cull_compare *c, cull_compare_line *l, cull_buf *b)
{
    cull_json j = {.b = *b};
    cull_status s = CULL_OK;
    cull__json_open(&j, '{');
    json_head(&j, c);
    for (int m = 0; m < c->metrics && s == CULL_OK; m++) {
        const char *best;
        int n;
        s = cull_compare_table(cx, c, m, l, &n, &best);
        cull__json_line(&j);
        cull__json_open(&j, '{');
        cull__json_key(&j, "metric"), cull__json_text(&j, c->metric[m]);
        cull__json_key(&j, "best_baseline"), cull__json_text(&j, best);
        cull__json_key(&j, "methods");
        cull__json_open(&j, '[');
        for (int i = 0; i < n; i++) json_line(&j, &l[i]);
        cull__json_close(&j, ']');
        cull__json_close(&j, '}');
    }
    cull__json_close(&j, ']');
    cull__json_close(&j, '}');
    cull__buf_add(&j.b, "\n", 1);
    *b = j.b;
    return s;
}

/* ---- markdown ---- */

static void to_md(const cull_compare *c, int m, const cull_compare_line *l, int n, const char *best,
                  cull_buf *b)
{
    char v[32], t[32], p[32], range[80];
    bool two = best && strcmp(best, chance_of(c));
    cull__buf_printf(b, "%s| ", m ? "\n" : "");
    add(b, "method | ");
    cull__add_md(b, c->metric[m]);
    add(b, " | 95 % interval | runs | to ");
    cull__add_md(b, chance_of(c));
    add(b, " | wins");
    if (two) add(b, " | to "), cull__add_md(b, best);
    cull__buf_printf(b, " | time | memory |\n| --- | --: | --- | --: | --- | --: %s| --: | --: |\n",
                     two ? "| --- " : "");
    bool marks = any_apart(l, n);
    for (int i = 0; i < n; i++, l++) {
        add(b, "| ");
        cull__add_md(b, l->method);
        if (isnan(l->mean)) {
            add(b, " | - | ");
            cull__add_md(b, l->why ? l->why : "not measured");
            cull__buf_printf(b, " | %d | | | %s| |\n", l->runs, two ? "| " : "");
            continue;
        }
        cull__buf_printf(b, " | %s | %s | %d | ", cull__human(l->mean, v),
                         cull__range(l->lo, l->hi, range), l->runs);
        add_change(b, l->to_chance, l->to_chance_lo, l->to_chance_hi, " ");
        add(b, " | "), add_wins(b, l);
        if (two) add(b, " | "), add_change(b, l->to_best, l->to_best_lo, l->to_best_hi, " ");
        cull__buf_printf(b, " | %s | %s |\n", cull__duration(l->seconds, t),
                         cull__format_bytes(l->peak_bytes, p));
    }
    if (marks) cull__buf_printf(b, "\n\\%s\n", MARKED);
}

/* ---- page ---- */

static void html_table(const cull_compare *c, const cull_compare_line *l, int n, const char *best,
                       cull_buf *b)
{
    char v[32], t[32], p[32], range[80];
    bool two = best && strcmp(best, chance_of(c));
    add(b, "<div class=\"wide\"><table><thead><tr><th>method</th><th class=\"n\">mean</th>"
           "<th class=\"n\">95 % interval</th><th class=\"n\">runs</th><th class=\"n\">to ");
    cull__add_html(b, chance_of(c));
    add(b, "</th><th class=\"n\">wins");
    if (two) add(b, "</th><th class=\"n\">to "), cull__add_html(b, best);
    add(b, "</th><th class=\"n\">time</th><th class=\"n\">memory</th></tr></thead><tbody>\n");
    for (int i = 0; i < n; i++, l++) {
        add(b, "<tr><td>");
        cull__add_html(b, l->method);
        if (isnan(l->mean)) {
            cull__buf_printf(b, "</td><td class=\"n\">-</td><td colspan=\"%d\">", two ? 7 : 6);
            cull__add_html(b, l->why ? l->why : "not measured");
            add(b, "</td></tr>\n");
            continue;
        }
        cull__buf_printf(b,
                         "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%d"
                         "</td><td class=\"n\">",
                         cull__human(l->mean, v), cull__range(l->lo, l->hi, range), l->runs);
        add_change(b, l->to_chance, l->to_chance_lo, l->to_chance_hi, "<br>");
        add(b, "</td><td class=\"n\">"), add_wins(b, l);
        if (two)
            add(b, "</td><td class=\"n\">"),
                add_change(b, l->to_best, l->to_best_lo, l->to_best_hi, "<br>");
        cull__buf_printf(b, "</td><td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n",
                         cull__duration(l->seconds, t), cull__format_bytes(l->peak_bytes, p));
    }
    add(b, "</tbody></table></div>\n");
}

static cull_status html_metric(cull_ctx *cx, const cull_compare *c, int m, cull_compare_line *l,
                               cull_buf *b)
{
    int n, dots = 0;
    const char *best;
    cull__dot *d;
    double *at;
    CULL_TRY(cull_compare_table(cx, c, m, l, &n, &best));
    CULL_TRY(CULL_TMP(cx, d, n));
    CULL_TRY(CULL_TMP(cx, at, c->rows));
    for (int i = 0; i < n; i++) {
        if (isnan(l[i].mean)) continue;
        int k = 0;
        for (int r = 0; r < c->rows; r++)
            if (l[i].runs > 1 && c->row[r].value && !strcmp(c->row[r].method, l[i].method) &&
                !isnan(c->row[r].value[m]))
                at[k++] = c->row[r].value[m];
        d[dots++] = (cull__dot){l[i].method, l[i].mean, l[i].lo, l[i].hi, !l[i].baseline, at, k};
        at += k;
    }
    add(b, "<h2>");
    cull__add_html(b, c->metric[m]);
    add(b, "</h2>\n");
    cull__plot_dots(b, c->metric[m], d, dots);
    html_table(c, l, n, best, b);
    return CULL_OK;
}

static cull_status to_html(cull_ctx *cx, const cull_compare *c, cull_compare_line *l, cull_buf *b)
{
    char n[32], v[32];
    int methods;
    const char *best;
    CULL_TRY(cull_compare_table(cx, c, 0, l, &methods, &best));
    cull__page_open(b, "cull compare");
    cull__buf_printf(b, "<h1>%d methods on one problem</h1>\n<p class=\"sub\">", methods);
    if (c->n > 0) cull__buf_printf(b, "A pool of %s rows", cull__count(c->n, n));
    if (c->budget > 0) {
        cull__buf_printf(b, "%s %s ", c->n > 0 ? ", a budget of" : "A budget of",
                         cull__amount(c->budget, v));
        cull__add_html(b, c->cost_unit ? c->cost_unit : "examples");
    }
    add(b, "</p>\n");
    cull__page_notes(b, c->note, c->notes);
    add(b,
        "<p class=\"sub\">Blue: methods. Grey: baselines. Intervals are 95 %, by Student's t over "
        "runs; differences are paired by seed, wins are those above 0; * the interval does not "
        "hold "
        "0.</p>\n");
    for (int m = 0; m < c->metrics; m++) {
        cull__mark_t mark = cull__mark(cx);
        cull_status s = html_metric(cx, c, m, l, b);
        cull__release(cx, mark);
        CULL_TRY(s);
    }
    add(b, "<h2>How it was made</h2>\n");
    cull__page_command(b, c->argv, c->argc);
    cull__page_inputs(b, c->input, c->inputs);
    add(b, "<h3>Made with</h3>\n<table class=\"facts\"><tbody>\n");
    cull__page_fact(b, "task", c->task ? c->task : "data");
    cull__page_fact(b, "libraries", cull_build());
    cull__page_fact(b, "instruction set", c->isa);
    add(b, "</tbody></table>\n");
    cull__page_close(b);
    return CULL_OK;
}

static cull_status check(cull_ctx *cx, const cull_compare *c)
{
    if (c->metrics < 1) return cull__fail(cx, CULL_EINPUT, "the comparison has no metric");
    if (c->rows < 1) return cull__fail(cx, CULL_EINPUT, "the comparison has no run");
    return CULL_OK;
}

static cull_status fill(cull_ctx *cx, const cull_compare *c, cull_form form, cull_buf *b)
{
    cull_compare_line *l;
    CULL_TRY(check(cx, c));
    if ((unsigned)form >= CULL_FORMS)
        return cull__fail(cx, CULL_EINPUT, "no form of a report has the number %d", (int)form);
    CULL_TRY(CULL_TMP(cx, l, c->rows));
    if (form == CULL_FORM_JSON) return to_json(cx, c, l, b);
    if (form == CULL_FORM_HTML) return to_html(cx, c, l, b);
    for (int m = 0; m < c->metrics; m++) {
        const char *best;
        int n;
        CULL_TRY(cull_compare_table(cx, c, m, l, &n, &best));
        if (form == CULL_FORM_TSV)
            to_tsv(c, m, l, n, b);
        else
            to_md(c, m, l, n, best, b);
    }
    return CULL_OK;
}

cull_status cull_compare_write(cull_ctx *cx, const cull_compare *c, cull_form form,
                               const char *path)
{
    cull__mark_t mark = cull__mark(cx);
    cull_buf b = CULL_BUF(cx);
    cull_status s = fill(cx, c, form, &b);
    if (s == CULL_OK) s = cull__write_buf(cx, path, &b);
    cull__buf_free(&b);
    cull__release(cx, mark);
    return s;
}

cull_status cull_compare_text(cull_ctx *cx, const cull_compare *c, cull_form form, char **out)
{
    cull__mark_t mark = cull__mark(cx);
    cull_buf b = CULL_BUF(cx);
    cull_status s = fill(cx, c, form, &b);
    if (s == CULL_OK) s = b.status;
    *out = s == CULL_OK ? b.at : NULL;
    if (s != CULL_OK) cull__buf_free(&b);
    cull__release(cx, mark);
    return s;
}

/* ---- terminal ---- */

typedef struct {
    int name;
    bool color, unicode, memory, wins, best; /* what the width has room for */
} layout;

static void add_padded_change(cull_buf *b, double v, double lo, double hi)
{
    size_t from = b->n;
    add_change(b, v, lo, hi, " ");
    cull__add_pad(b, 24 - (int)(b->n - from));
}

static void line(cull_buf *b, const cull_compare_line *l, const layout *y)
{
    char v[32], range[80];
    if (y->color && !l->baseline) add(b, "\033[1m");
    add(b, "  ");
    cull__add_pad(b, y->name - cull__add_cut(b, l->method, y->name, y->unicode));
    if (y->color && !l->baseline) add(b, "\033[0m");
    if (isnan(l->mean)) {
        add(b, "        -  ");
        cull__add_cut(b, l->why ? l->why : "not measured", 60, y->unicode);
        add(b, "\n");
        return;
    }
    cull__buf_printf(b, "%9s  %-18s%4d  ", cull__human(l->mean, v),
                     cull__range(l->lo, l->hi, range), l->runs);
    add_padded_change(b, l->to_chance, l->to_chance_lo, l->to_chance_hi);
    if (y->wins) {
        size_t from = b->n;
        add_wins(b, l);
        cull__add_pad(b, 7 - (int)(b->n - from));
    }
    if (y->best) add_padded_change(b, l->to_best, l->to_best_lo, l->to_best_hi);
    cull__buf_printf(b, "%9s", cull__duration(l->seconds, v));
    if (y->memory && l->peak_bytes)
        cull__buf_printf(b, "%10s", cull__format_bytes(l->peak_bytes, v));
    add(b, "\n");
}

static void heading(cull_buf *b, const cull_compare *c, int m, const char *best, const layout *y)
{
    if (y->color) add(b, "\033[2m");
    cull__add_cut(b, c->metric[m], 0, y->unicode);
    add(b, "\n");
    cull__add_pad(b, y->name + 2);
    add(b, "     mean  95 % interval    runs  to ");
    cull__add_pad(b, 21 - cull__add_cut(b, chance_of(c), 20, y->unicode));
    if (y->wins) add(b, "wins   ");
    if (y->best) add(b, "to "), cull__add_pad(b, 21 - cull__add_cut(b, best, 20, y->unicode));
    add(b, y->memory ? "     time    memory" : "     time");
    add(b, y->color ? "\033[0m\n" : "\n");
}

static cull_status screen(cull_ctx *cx, const cull_compare *c, int width, unsigned flags,
                          cull_buf *b)
{
    cull_compare_line *l;
    layout y = {.name = 8, .color = flags & CULL_TEXT_COLOR, .unicode = flags & CULL_TEXT_UNICODE};
    int most = width > 0 && width < 90 ? 12 : 24;
    CULL_TRY(check(cx, c));
    CULL_TRY(CULL_TMP(cx, l, c->rows));
    for (int i = 0; i < c->rows; i++) {
        int w = cull__columns(c->row[i].method);
        if (w > y.name) y.name = w < most ? w : most;
    }
    width = width > 0 ? width : 80;
    bool marks = false;
    y.memory = width >= y.name + 80;
    y.wins = width >= y.name + 87;
    for (int m = 0; m < c->metrics; m++) {
        const char *best;
        int n;
        CULL_TRY(cull_compare_table(cx, c, m, l, &n, &best));
        y.best = width >= y.name + 111 && best && strcmp(best, chance_of(c));
        if (m) add(b, "\n");
        heading(b, c, m, best, &y);
        for (int i = 0; i < n; i++) line(b, &l[i], &y);
        marks |= any_apart(l, n);
    }
    if (marks || c->notes) add(b, "\n");
    if (marks) add(b, MARKED), add(b, "\n");
    for (int i = 0; i < c->notes; i++) {
        cull__add_cut(b, c->note[i], 0, y.unicode);
        add(b, "\n");
    }
    return b->status;
}

cull_status cull_compare_summary(cull_ctx *cx, const cull_compare *c, int width, unsigned flags,
                                 char **out)
{
    cull__mark_t mark = cull__mark(cx);
    cull_buf b = CULL_BUF(cx);
    cull_status s = screen(cx, c, width, flags, &b);
    *out = NULL;
    if (s == CULL_OK)
        *out = b.at;
    else
        cull__buf_free(&b);
    cull__release(cx, mark);
    return s;
}

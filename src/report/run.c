/* run.c - a run as tsv, as the JSON pick file (docs/formats.md), as markdown, and the way to a file.
 *
 * tsv and JSON go out in pieces, so a pick of any size needs little memory. */
#include "io/io.h"
#include "report/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { PIECE = 64 * 1024 };

static const char *const form_name[CULL_FORMS] = {"tsv", "json", "html", "md"};

const char *cull_form_name(cull_form f) { return (unsigned)f < CULL_FORMS ? form_name[f] : NULL; }

bool cull_form_find(const char *name, cull_form *out)
{
    char ext[16];
    cull__extension(name, ext);
    const char *is = strpbrk(name, "./") ? ext : name;
    for (int f = 0; f < CULL_FORMS; f++)
        if (!strcmp(is, form_name[f])) return *out = (cull_form)f, true;
    return false;
}

/* What the buffer holds goes to the writer once it is a piece, or at the end; it stays where there
 * is no writer. */
static cull_status spill(cull_ctx *cx, cull__writer *w, cull_buf *b, size_t least)
{
    CULL_TRY(b->status);
    if (!w || b->n < least || !b->n) return CULL_OK;
    CULL_TRY(cull__write(cx, w, b->at, b->n));
    b->n = 0;
    return CULL_OK;
}

/* ---- tsv ---- */

static void add_field(cull_buf *b, const char *s)
{
    for (const char *at = s; *at; at++) {
        const char *e = *at == '\t'   ? "\\t"
                        : *at == '\n' ? "\\n"
                        : *at == '\r' ? "\\r"
                        : *at == '\\' ? "\\\\"
                                      : NULL;
        if (!e) continue;
        cull__buf_add(b, s, (size_t)(at - s));
        cull__buf_add(b, e, 2);
        s = at + 1;
    }
    cull__buf_add(b, s, strlen(s));
}

static cull_status write_tsv(cull_ctx *cx, const cull__facts *f, cull__writer *w, cull_buf *b)
{
    const cull_pick *p = f->r->pick;
    char num[32];
    cull__buf_printf(b, "row\tid\tscore\tby\n");
    for (int64_t i = 0; i < p->n; i++) {
        cull__buf_printf(b, "%" PRId64 "\t", p->idx[i]);
        if (f->r->ids)
            add_field(b, f->r->ids->id[i]);
        else
            cull__buf_printf(b, "%" PRId64, p->idx[i]);
        const char *score =
            p->score && !isnan(p->score[i]) ? cull__format_f64(p->score[i], num) : "";
        cull__buf_printf(b, "\t%s\t", score);
        if (p->by && p->by[i] >= 0) cull__buf_printf(b, "%" PRId32, p->by[i]);
        cull__buf_add(b, "\n", 1);
        CULL_TRY(spill(cx, w, b, PIECE));
    }
    return CULL_OK;
}

/* ---- JSON ---- */

void cull__json_inputs(cull_json *j, const cull_run_input *in, int n)
{
    cull__json_line(j);
    cull__json_key(j, "inputs");
    cull__json_open(j, '[');
    for (int i = 0; i < n; i++) {
        cull__json_line(j);
        cull__json_open(j, '{');
        cull__json_key(j, "role"), cull__json_text(j, in[i].role);
        cull__json_key(j, "path"), cull__json_text(j, in[i].file.path);
        cull__json_key(j, "bytes"), cull__json_i64(j, (int64_t)in[i].file.bytes);
        cull__json_key(j, "rows"), cull__json_i64(j, in[i].file.rows);
        cull__json_key(j, "xxh128"), cull__json_text(j, in[i].file.hash);
        cull__json_close(j, '}');
    }
    cull__json_close(j, ']');
}

void cull__json_strings(cull_json *j, const char *k, const char *const *s, int n)
{
    cull__json_line(j);
    cull__json_key(j, k);
    cull__json_open(j, '[');
    for (int i = 0; i < n; i++) cull__json_text(j, s[i]);
    cull__json_close(j, ']');
}

/* Numbers and truths as such, all else as text: cull_opts_set reads either. */
static void json_option(cull_json *j, const cull_run_option *o)
{
    double v;
    cull__json_key(j, o->name);
    if (!strcmp(o->value, "true") || !strcmp(o->value, "false"))
        cull__json_raw(j, o->value);
    else if (cull__parse_f64(o->value, strlen(o->value), &v) && isfinite(v))
        cull__json_exact(j, v);
    else
        cull__json_text(j, o->value);
}

static void json_tallies(cull_json *j, const char *k, const cull_run_tally *t, int n)
{
    cull__json_line(j);
    cull__json_key(j, k);
    cull__json_open(j, '[');
    for (int i = 0; i < n; i++) {
        cull__json_line(j);
        cull__json_open(j, '{');
        cull__json_key(j, "name"), cull__json_text(j, t[i].name);
        cull__json_key(j, "pool"), cull__json_i64(j, t[i].pool);
        cull__json_key(j, "kept"), cull__json_i64(j, t[i].kept);
        if (!isnan(t[i].quota)) cull__json_pair(j, "quota", t[i].quota);
        cull__json_close(j, '}');
    }
    cull__json_close(j, ']');
}

static void json_figures(cull_json *j, const cull_run *r)
{
    cull__json_line(j);
    cull__json_key(j, "figures");
    cull__json_open(j, '[');
    for (int i = 0; i < r->figures; i++) {
        const cull_run_figure *g = &r->figure[i];
        cull__json_line(j);
        cull__json_open(j, '{');
        cull__json_key(j, "name"), cull__json_text(j, g->name);
        cull__json_key(j, "metric"), cull__json_text(j, g->metric);
        cull__json_pair(j, "value", g->value);
        cull__json_pair(j, "lo", g->lo);
        cull__json_pair(j, "hi", g->hi);
        if (g->note) cull__json_key(j, "note"), cull__json_text(j, g->note);
        cull__json_close(j, '}');
    }
    cull__json_close(j, ']');
}

static void json_counts(cull_json *j, const char *k, const int64_t *v, int n)
{
    cull__json_key(j, k);
    cull__json_open(j, '[');
    for (int i = 0; i < n; i++) cull__json_i64(j, v[i]);
    cull__json_close(j, ']');
}

static void json_shapes(cull_json *j, const cull__facts *f)
{
    const cull_run *r = f->r;
    const cull_run_histogram *h = &f->histogram;
    if (h->bins > 0) {
        cull__json_line(j);
        cull__json_key(j, "histogram");
        cull__json_open(j, '{');
        cull__json_pair(j, "lo", h->lo);
        cull__json_pair(j, "hi", h->hi);
        json_counts(j, "kept", h->kept, h->bins);
        if (h->pool) json_counts(j, "pool", h->pool, h->bins);
        cull__json_close(j, '}');
    }
    cull__json_line(j);
    cull__json_key(j, "coverage");
    cull__json_open(j, '[');
    for (int i = 0; i < r->coverages; i++) {
        const cull_run_series *s = &r->coverage[i];
        cull__json_line(j);
        cull__json_open(j, '{');
        cull__json_key(j, "name"), cull__json_text(j, s->name);
        cull__json_key(j, "of"), cull__json_i64(j, s->of ? s->of : s->n);
        cull__json_key(j, "quantiles");
        cull__json_open(j, '[');
        for (int k = 0; k < CULL__QUANTILES; k++) cull__json_exact(j, f->coverage[i][k]);
        cull__json_close(j, ']');
        cull__json_close(j, '}');
    }
    cull__json_close(j, ']');
    if (r->coverage_metric)
        cull__json_key(j, "coverage_metric"), cull__json_text(j, r->coverage_metric);
}

/* JSON numbers are doubles to most readers: a seed past 2^53 goes as text. */
void cull__json_seed(cull_json *j, uint64_t seed)
{
    char text[32];
    cull__json_key(j, "seed");
    if (seed <= (uint64_t)1 << 53) {
        cull__json_i64(j, (int64_t)seed);
        return;
    }
    int n = 31;
    text[n] = 0;
    for (uint64_t s = seed; s; s /= 10) text[--n] = (char)('0' + s % 10);
    cull__json_str(j, text + n);
}

/* What there is to say of each column; a column that could not be scored has its name alone. */
static void json_columns(cull_json *j, const cull_run_columns *c)
{
    static const char *const verdict[] = {"rejected", "tentative", "confirmed"};
    cull__json_line(j);
    cull__json_key(j, "score_is"), cull__json_text(j, c->score_is);
    cull__json_key(j, "columns");
    cull__json_open(j, '[');
    for (int64_t i = 0; i < c->n; i++) {
        cull__json_line(j);
        cull__json_open(j, '{');
        cull__json_key(j, "name"), cull__json_text(j, c->name[i]);
        if (!isnan(c->score[i])) cull__json_pair(j, "score", c->score[i]);
        if (c->p && !isnan(c->p[i])) cull__json_pair(j, "p", c->p[i]);
        if (c->verdict) cull__json_key(j, "verdict"), cull__json_str(j, verdict[c->verdict[i]]);
        if (c->share) cull__json_pair(j, "stability", c->share[i]);
        cull__json_close(j, '}');
    }
    cull__json_close(j, ']');
}

static void json_head(cull_json *j, const cull__facts *f)
{
    const cull_run *r = f->r;
    cull__json_open(j, '{');
    cull__json_key(j, "cull"), cull__json_text(j, f->version);
    cull__json_key(j, "kind"), cull__json_str(j, "pick");
    cull__json_key(j, "task"), cull__json_text(j, f->task);
    cull__json_key(j, "method"), cull__json_text(j, f->slug);
    cull__json_key(j, "rev"), cull__json_i64(j, f->rev);
    cull__json_key(j, "options");
    cull__json_open(j, '{');
    for (int i = 0; i < f->options; i++) json_option(j, &f->option[i]);
    cull__json_close(j, '}');
    cull__json_line(j);
    cull__json_seed(j, r->seed);
    cull__json_key(j, "isa"), cull__json_text(j, r->isa);
    cull__json_key(j, "threads"), cull__json_i64(j, r->threads);
    cull__json_key(j, "build"), cull__json_text(j, f->build);
    cull__json_inputs(j, r->input, r->inputs);
    cull__json_line(j);
    cull__json_key(j, "n"), cull__json_i64(j, r->n);
    cull__json_pair(j, "budget", r->budget);
    cull__json_key(j, "budget_text"), cull__json_text(j, r->budget_text);
    cull__json_key(j, "cost_unit"), cull__json_text(j, f->unit);
    cull__json_key(j, "kept"), cull__json_i64(j, r->pick->n);
    cull__json_pair(j, "spent", r->pick->spent);
    cull__json_pair(j, "seconds", r->seconds);
    cull__json_key(j, "peak_bytes"), cull__json_i64(j, (int64_t)r->peak_bytes);
    json_figures(j, r);
    json_tallies(j, "groups", r->group, r->groups);
    json_tallies(j, "labels", r->label, r->labels);
    json_shapes(j, f);
    if (r->columns) json_columns(j, r->columns);
    cull__json_strings(j, "notes", r->note, r->notes);
    cull__json_strings(j, "argv", r->argv, r->argc);
    cull__json_line(j);
    cull__json_key(j, "by_what");
    cull__json_text(j, r->pick->by_what ? r->pick->by_what : "");
}

static cull_status write_json(cull_ctx *cx, const cull__facts *f, cull__writer *w, cull_json *j)
{
    const cull_pick *p = f->r->pick;
    json_head(j, f);
    cull__json_line(j);
    cull__json_key(j, "pick");
    cull__json_open(j, '[');
    for (int64_t i = 0; i < p->n; i++) {
        cull__json_line(j);
        cull__json_open(j, '{');
        cull__json_key(j, "row"), cull__json_i64(j, p->idx[i]);
        if (f->r->ids) cull__json_key(j, "id"), cull__json_text(j, f->r->ids->id[i]);
        cull__json_pair(j, "score", p->score ? p->score[i] : NAN);
        if (p->by && p->by[i] >= 0) cull__json_key(j, "by"), cull__json_i64(j, p->by[i]);
        cull__json_close(j, '}');
        CULL_TRY(spill(cx, w, &j->b, PIECE));
    }
    cull__json_close(j, ']');
    cull__json_close(j, '}');
    cull__buf_add(&j->b, "\n", 1);
    return j->b.status;
}

/* ---- markdown ---- */

static void md_tallies(cull_buf *b, const char *what, const cull_run_tally *t, const int *order,
                       int n)
{
    char k[32], p[32], s[32];
    if (!n) return;
    cull__buf_printf(b, "\n| %s | kept | of the pool | share kept |\n| --- | --: | --: | --: |\n",
                     what);
    for (int i = 0; i < n && i < CULL__SHOWN; i++) {
        const cull_run_tally *g = &t[order[i]];
        cull__buf_printf(b, "| ");
        cull__add_md(b, g->name);
        cull__buf_printf(b, " | %s | %s | %s |\n", cull__count(g->kept, k), cull__count(g->pool, p),
                         cull__percent(g->pool ? (double)g->kept / (double)g->pool : NAN, s));
    }
    if (n > CULL__SHOWN) cull__buf_printf(b, "\n%d more are left out.\n", n - CULL__SHOWN);
}

cull_status cull__run_md(cull_ctx *cx, const cull__facts *f, cull_buf *b)
{
    const cull_run *r = f->r;
    char a[32], c[32], range[80];
    cull__buf_printf(b, "**%s** kept %s", *f->slug ? f->slug : "cull", cull__count(r->pick->n, a));
    if (r->n > 0)
        cull__buf_printf(b, " of %s %s (%s)", cull__count(r->n, a), r->columns ? "columns" : "rows",
                         cull__percent(f->share, c));
    cull__buf_printf(b, ", seed %" PRIu64 ".\n", r->seed);
    if (r->figures)
        cull__buf_printf(
            b, "\n| method | metric | value | 95 %% interval |\n| --- | --- | --: | --- |\n");
    for (int i = 0; i < r->figures; i++) {
        const cull_run_figure *g = &r->figure[i];
        cull__buf_printf(b, "| ");
        cull__add_md(b, g->name);
        cull__buf_printf(b, " | ");
        cull__add_md(b, g->metric);
        cull__buf_printf(b, " | %s | %s |\n", cull__human(g->value, a),
                         cull__range(g->lo, g->hi, range));
    }
    int *order;
    CULL_TRY(cull__tally_order(cx, r->group, r->groups, &order));
    md_tallies(b, "group", r->group, order, r->groups);
    CULL_TRY(cull__tally_order(cx, r->label, r->labels, &order));
    md_tallies(b, "label", r->label, order, r->labels);
    return b->status;
}

/* ---- to a file ---- */

cull_status cull__write_buf(cull_ctx *cx, const char *path, cull_buf *b)
{
    cull__writer *w;
    CULL_TRY(b->status);
    CULL_TRY(cull__writer_open(cx, path, &w));
    return cull__writer_end(cx, w, cull__write(cx, w, b->at ? b->at : "", b->n));
}

/* The whole in `form`: what a writer has not taken yet is left in j's buffer. */
static cull_status render(cull_ctx *cx, const cull__facts *f, cull_form form, cull__writer *w,
                          cull_json *j)
{
    if (form == CULL_FORM_TSV) return write_tsv(cx, f, w, &j->b);
    if (form == CULL_FORM_JSON) return write_json(cx, f, w, j);
    return form == CULL_FORM_HTML ? cull__run_html(cx, f, &j->b) : cull__run_md(cx, f, &j->b);
}

static cull_status facts(cull_ctx *cx, const cull_run *r, cull_form form, cull__facts *f)
{
    if ((unsigned)form >= CULL_FORMS)
        return cull__fail(cx, CULL_EINPUT, "no form of a report has the number %d", (int)form);
    return cull__run_facts(cx, r, f);
}

cull_status cull_run_write(cull_ctx *cx, const cull_run *r, cull_form form, const char *path)
{
    cull__mark_t mark = cull__mark(cx);
    cull__facts f;
    cull__writer *w;
    cull_json j = {.b = CULL_BUF(cx)};
    cull_status s = facts(cx, r, form, &f);
    if (s == CULL_OK) s = cull__writer_open(cx, path, &w);
    if (s == CULL_OK) {
        s = render(cx, &f, form, w, &j);
        if (s == CULL_OK) s = spill(cx, w, &j.b, 0);
        s = cull__writer_end(cx, w, s);
    }
    cull__buf_free(&j.b);
    cull__release(cx, mark);
    return s;
}

cull_status cull_run_text(cull_ctx *cx, const cull_run *r, cull_form form, char **out)
{
    cull__mark_t mark = cull__mark(cx);
    cull__facts f;
    cull_json j = {.b = CULL_BUF(cx)};
    cull_status s = facts(cx, r, form, &f);
    if (s == CULL_OK) s = render(cx, &f, form, NULL, &j);
    if (s == CULL_OK) s = j.b.status;
    *out = s == CULL_OK ? j.b.at : NULL;
    if (s != CULL_OK) cull__buf_free(&j.b);
    cull__release(cx, mark);
    return s;
}

/* summary.c - a run in a terminal: a few lines that fit the width. Without CULL_TEXT_UNICODE the
 * text is plain ASCII. */
#include "report/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define BLUE "\033[34m"
#define OFF "\033[0m"

typedef struct {
    cull_buf b;
    int width;
    bool color, unicode;
} screen;

static void ink(screen *s, const char *code)
{
    if (s->color) cull__buf_add(&s->b, code, strlen(code));
}

/* Name cut and padded to `columns`. */
static void cell(screen *s, const char *text, int columns)
{
    cull__add_pad(&s->b, columns - cull__add_cut(&s->b, text, columns, s->unicode));
}
static void right(screen *s, const char *text, int columns)
{
    cull__add_pad(&s->b, columns - cull__columns(text));
    cull__buf_add(&s->b, text, strlen(text));
}

/* A bar of share * columns, in eighths of a column where Unicode is there. */
static void bar(screen *s, double share, int columns)
{
    static const char *const part[] = {"",       "\u258F", "\u258E", "\u258D",
                                       "\u258C", "\u258B", "\u258A", "\u2589"};
    int eighths = (int)(share * columns * 8 + 0.5), whole = eighths / 8;
    if (!s->unicode) whole = (eighths + 4) / 8;
    if (share > 0 && !eighths) eighths = 1;
    ink(s, BLUE);
    for (int i = 0; i < whole; i++) cull__buf_printf(&s->b, "%s", s->unicode ? "\u2588" : "#");
    if (s->unicode) cull__buf_printf(&s->b, "%s", part[eighths % 8]);
    ink(s, OFF);
    cull__add_pad(&s->b, columns - whole - (s->unicode && eighths % 8));
}

static void first_line(screen *s, const cull__facts *f)
{
    const cull_run *r = f->r;
    char a[32], c[32];
    ink(s, BOLD);
    cull__add_cut(&s->b, *f->slug ? f->slug : "list", 40, s->unicode);
    ink(s, OFF);
    cull__buf_printf(&s->b, " kept %s", cull__count(r->pick->n, a));
    if (r->n > 0)
        cull__buf_printf(&s->b, " of %s (%s)", cull__count(r->n, a), cull__percent(f->share, c));
    if (r->budget > 0) {
        cull__buf_printf(&s->b, ", spent %s of %s ", cull__amount(r->pick->spent, a),
                         cull__amount(r->budget, c));
        cull__add_cut(&s->b, f->unit, 24, s->unicode);
    }
    cull__buf_add(&s->b, "\n", 1);
}

static int widest(const cull__facts *f, int most)
{
    int w = 8;
    for (int i = 0; i < f->r->figures; i++) {
        int n = cull__columns(f->r->figure[i].name);
        if (n > w) w = n;
    }
    return w < most ? w : most;
}

static void figures(screen *s, const cull__facts *f)
{
    const cull_run *r = f->r;
    char v[32], range[80];
    int name = widest(f, s->width / 3);
    for (int i = 0; i < r->figures; i++) {
        const cull_run_figure *g = &r->figure[i];
        bool first = true;
        for (int k = 0; k < i; k++) first = first && strcmp(r->figure[k].metric, g->metric);
        if (!first) continue;
        cull__buf_add(&s->b, "\n", 1);
        ink(s, DIM);
        cull__add_cut(&s->b, g->metric, s->width - 18, s->unicode);
        cull__buf_printf(&s->b, ", 95 %% interval\n");
        ink(s, OFF);
        for (int k = i; k < r->figures; k++) {
            const cull_run_figure *h = &r->figure[k];
            if (strcmp(h->metric, g->metric)) continue;
            bool strong = !strcmp(h->name, f->slug);
            cull__buf_printf(&s->b, "  ");
            if (strong) ink(s, BOLD);
            cell(s, h->name, name);
            right(s, cull__human(h->value, v), 9);
            if (strong) ink(s, OFF);
            cull__range(h->lo, h->hi, range);
            if (*range) cull__buf_printf(&s->b, "  %s", range);
            int left = s->width - 13 - name - (int)strlen(range) - 2;
            if (h->note && left > 12) {
                cull__add_pad(&s->b, 18 - (*range ? (int)strlen(range) : -2));
                ink(s, DIM);
                cull__buf_printf(&s->b, "  ");
                cull__add_cut(&s->b, h->note, left > 18 ? left - 18 : 8, s->unicode);
                ink(s, OFF);
            }
            cull__buf_add(&s->b, "\n", 1);
        }
    }
}

static cull_status tallies(cull_ctx *cx, screen *s, const char *what, const cull_run_tally *t,
                           int n)
{
    enum { TOP = 8 };
    int *order, name = 8, columns;
    double kept = 0, most = 0;
    char k[32], p[32];
    if (n < 1) return CULL_OK;
    CULL_TRY(cull__tally_order(cx, t, n, &order));
    for (int i = 0; i < n; i++) {
        kept += (double)t[i].kept;
        if ((double)t[i].kept > most) most = (double)t[i].kept;
        int w = i < TOP ? cull__columns(t[order[i]].name) : 0;
        if (w > name) name = w;
    }
    if (name > s->width / 3) name = s->width / 3;
    columns = s->width - name - 32;
    if (columns > 40) columns = 40;
    if (columns < 8) columns = 8;
    cull__buf_add(&s->b, "\n", 1);
    ink(s, DIM);
    cull__buf_printf(&s->b, "kept by %s\n", what);
    ink(s, OFF);
    for (int i = 0; i < n && i < TOP; i++) {
        const cull_run_tally *g = &t[order[i]];
        cull__buf_printf(&s->b, "  ");
        cell(s, g->name, name);
        cull__buf_printf(&s->b, "  ");
        bar(s, most > 0 ? (double)g->kept / most : 0, columns);
        right(s, cull__percent(kept > 0 ? (double)g->kept / kept : 0, p), 8);
        right(s, cull__count(g->kept, k), 8);
        cull__buf_printf(&s->b, " of %s\n", cull__count(g->pool, p));
    }
    if (n > TOP) cull__buf_printf(&s->b, "  and %d more\n", n - TOP);
    return CULL_OK;
}

static void last_lines(screen *s, const cull__facts *f)
{
    const cull_run *r = f->r;
    char v[32];
    for (int i = 0; i < r->notes; i++) {
        cull__buf_printf(&s->b, i ? "" : "\n");
        cull__add_cut(&s->b, r->note[i], 0, s->unicode);
        cull__buf_add(&s->b, "\n", 1);
    }
    bool any = false;
    cull__buf_add(&s->b, "\n", 1);
    ink(s, DIM);
    if (r->seconds > 0) any = true, cull__buf_printf(&s->b, "%s", cull__duration(r->seconds, v));
    if (r->peak_bytes)
        cull__buf_printf(&s->b, "%s%s of memory", any ? ", " : "",
                         cull__format_bytes(r->peak_bytes, v)),
            any = true;
    if (*f->slug) cull__buf_printf(&s->b, "%sseed %" PRIu64, any ? ", " : "", r->seed), any = true;
    if (r->threads) cull__buf_printf(&s->b, ", %d thread%s", r->threads, r->threads > 1 ? "s" : "");
    if (r->isa) cull__buf_printf(&s->b, " (%s)", r->isa);
    ink(s, OFF);
    if (any || r->threads) cull__buf_add(&s->b, "\n", 1);
}

cull_status cull_run_summary(cull_ctx *cx, const cull_run *r, int width, unsigned flags, char **out)
{
    *out = NULL;
    cull__mark_t mark = cull__mark(cx);
    screen s = {CULL_BUF(cx), width > 0 ? width < 40 ? 40 : width : 80, flags & CULL_TEXT_COLOR,
                flags & CULL_TEXT_UNICODE};
    cull__facts f;
    cull_status e = cull__run_facts(cx, r, &f);
    if (e == CULL_OK) {
        first_line(&s, &f);
        figures(&s, &f);
        e = tallies(cx, &s, "group", r->group, r->groups);
        if (e == CULL_OK) e = tallies(cx, &s, "label", r->label, r->labels);
        last_lines(&s, &f);
        if (e == CULL_OK) e = s.b.status;
    }
    if (e == CULL_OK)
        *out = s.b.at;
    else
        cull__buf_free(&s.b);
    cull__release(cx, mark);
    return e;
}

void cull_text_free(char *text) { cull__free(text); }

/* write.c - the description of a space back to text, and to JSON. */
#include "space/inner.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

typedef cull__node node;

/* ---- text ---- */

void cull__word_write(cull_buf *b, const char *s, const char *more)
{
    static const char *const taken[] = {"forbid", "require", "if", "and",
                                        "or",     "not",     "in", "default"};
    bool quote = !*s;
    for (const char *c = s; *c; c++)
        quote |= !isalnum((unsigned char)*c) && (unsigned char)*c < 0x80 && !strchr(more, *c);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) quote |= !strcmp(s, taken[i]);
    cull__buf_printf(b, quote ? "\"%s\"" : "%s", s);
}

static void write_items(cull_buf *b, const node *n)
{
    char weight[32];
    if (n->counted) {
        cull__buf_printf(b, "%" PRId64, n->items);
        return;
    }
    /* one item that is a number would be read as how many there are */
    bool alone = n->items == 1 && n->form != CULL__FORM_ONE && n->form != CULL__FORM_ORDINAL;
    for (int64_t i = 0; i < n->items; i++) {
        cull__buf_printf(b, i ? ", " : "");
        if (alone)
            cull__buf_printf(b, "\"%s\"", n->item[i]);
        else
            cull__word_write(b, n->item[i], "_.-");
        if (n->weight) cull__buf_printf(b, ": %s", cull__format_f64(n->weight[i], weight));
    }
}

static void write_preset(cull_buf *b, const char *before, const node *n)
{
    if (!n->preset) return;
    bool quote = !*n->preset || strpbrk(n->preset, ",)# \t\r\n");
    cull__buf_printf(b, quote ? "%sdefault=\"%s\"" : "%sdefault=%s", before, n->preset);
}

static void write_list(cull_buf *b, const node *n, int depth);

static void write_body(cull_buf *b, const node *n, int depth)
{
    if (!n->child) {
        cull__buf_printf(b, " {}");
        return;
    }
    cull__buf_printf(b, " {\n");
    write_list(b, n->child, depth + 1);
    cull__buf_printf(b, "%*s}", 4 * depth, "");
}

static void write_branches(cull_buf *b, const node *n, int depth)
{
    cull__buf_printf(b, " {\n");
    for (const node *k = n->child; k; k = k->next) {
        cull__buf_printf(b, "%*s", 4 * depth + 4, "");
        cull__word_write(b, k->name, "_");
        if (k->child) write_body(b, k, depth + 1);
        cull__buf_printf(b, "\n");
    }
    cull__buf_printf(b, "%*s}", 4 * depth, "");
}

static void write_range(cull_buf *b, double lo, double hi)
{
    cull__buf_printf(b, lo < hi ? "%.0f..%.0f" : "%.0f", lo, hi);
}

static void write_form(cull_buf *b, const node *n, int depth)
{
    char lo[32], hi[32];
    cull__buf_printf(b, "%s", cull__form_name(n->form));
    switch (n->form) {
    case CULL__FORM_REAL:
    case CULL__FORM_INT:
        cull__buf_printf(b, "(%s, %s", cull__format_f64(n->lo, lo), cull__format_f64(n->hi, hi));
        if (n->step != 1) cull__buf_printf(b, ", step=%.0f", n->step);
        if (n->log) cull__buf_printf(b, ", log");
        break;
    case CULL__FORM_OR:
    case CULL__FORM_OPTIONAL:
        write_preset(b, "(", n);
        if (n->preset) cull__buf_printf(b, ")");
        if (n->form == CULL__FORM_OR)
            write_branches(b, n, depth);
        else
            write_body(b, n, depth);
        return;
    case CULL__FORM_REPEAT:
        cull__buf_printf(b, "(");
        write_range(b, n->lo, n->hi);
        if (n->tied) cull__buf_printf(b, ", tied");
        write_preset(b, ", ", n);
        cull__buf_printf(b, ")");
        write_body(b, n, depth);
        return;
    case CULL__FORM_SUBSET:
        cull__buf_printf(b, "(");
        if (n->least != 0 || n->most != n->items) {
            write_range(b, (double)n->least, (double)n->most);
            cull__buf_printf(b, " of ");
        }
        write_items(b, n);
        break;
    default: cull__buf_printf(b, "("); write_items(b, n);
    }
    write_preset(b, ", ", n);
    cull__buf_printf(b, ")");
}

static void write_list(cull_buf *b, const node *n, int depth)
{
    for (; n; n = n->next) {
        cull__buf_printf(b, "%*s", 4 * depth, "");
        if (n->form == CULL__FORM_FORBID || n->form == CULL__FORM_REQUIRE) {
            cull__buf_printf(b, n->form == CULL__FORM_FORBID ? "forbid " : "require ");
            cull__expr_write(b, n->when);
        } else {
            cull__word_write(b, n->name, "_");
            cull__buf_printf(b, " = ");
            write_form(b, n, depth);
            if (n->when) {
                cull__buf_printf(b, " if ");
                cull__expr_write(b, n->when);
            }
        }
        cull__buf_printf(b, "\n");
    }
}

void cull__space_write(cull_buf *b, const cull__doc *d) { write_list(b, d->child, 0); }

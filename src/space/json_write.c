/* json_write.c - the description of a space to JSON. */
#include "space/inner.h"

#include <math.h>
#include <string.h>

typedef cull__node node;

static void write_list(cull_json *j, const node *n);

static void write_bounds(cull_json *j, double lo, double hi)
{
    cull__json_open(j, '[');
    cull__json_f64(j, lo);
    cull__json_f64(j, hi);
    cull__json_close(j, ']');
}

static void write_items(cull_json *j, const node *n)
{
    if (n->counted) {
        cull__json_i64(j, n->items);
        return;
    }
    cull__json_open(j, '[');
    for (int64_t i = 0; i < n->items; i++) {
        /* a number is written as one where it reads back to the same text */
        double v;
        char back[32];
        size_t k = strlen(n->item[i]);
        if (cull__parse_f64(n->item[i], k, &v) && isfinite(v) &&
            !strcmp(cull__format_f64(v, back), n->item[i]))
            cull__json_f64(j, v);
        else
            cull__json_str(j, n->item[i]);
    }
    cull__json_close(j, ']');
}

static void write_expr(cull_json *j, const cull__expr *e)
{
    cull_buf b = CULL_BUF(j->b.cx);
    cull__expr_write(&b, e);
    if (b.status == CULL_OK)
        cull__json_str(j, b.at);
    else if (j->b.status == CULL_OK)
        j->b.status = b.status;
    cull__buf_free(&b);
}

static void write_form(cull_json *j, const node *n)
{
    cull__json_key(j, cull__form_name(n->form));
    switch (n->form) {
    case CULL__FORM_REAL:
    case CULL__FORM_INT: write_bounds(j, n->lo, n->hi); break;
    case CULL__FORM_REPEAT:
        write_bounds(j, n->lo, n->hi);
        cull__json_key(j, "holds");
        write_list(j, n->child);
        break;
    case CULL__FORM_OPTIONAL: write_list(j, n->child); break;
    case CULL__FORM_OR:
        cull__json_open(j, '{');
        for (const node *b = n->child; b; b = b->next) {
            cull__json_key(j, b->name);
            write_list(j, b->child);
        }
        cull__json_close(j, '}');
        break;
    default: write_items(j, n);
    }
    if (n->weight) {
        cull__json_key(j, "weights");
        cull__json_open(j, '[');
        for (int64_t i = 0; i < n->items; i++) cull__json_f64(j, n->weight[i]);
        cull__json_close(j, ']');
    }
    if (n->form == CULL__FORM_SUBSET && (n->least != 0 || n->most != n->items)) {
        cull__json_key(j, "least");
        cull__json_i64(j, n->least);
        cull__json_key(j, "most");
        cull__json_i64(j, n->most);
    }
}

static void write_one(cull_json *j, const node *n)
{
    cull__json_open(j, '{');
    if (n->form == CULL__FORM_FORBID || n->form == CULL__FORM_REQUIRE) {
        cull__json_key(j, n->form == CULL__FORM_FORBID ? "forbid" : "require");
        write_expr(j, n->when);
        cull__json_close(j, '}');
        return;
    }
    cull__json_key(j, "name");
    cull__json_str(j, n->name);
    write_form(j, n);
    if (n->form == CULL__FORM_INT && n->step != 1) {
        cull__json_key(j, "step");
        cull__json_f64(j, n->step);
    }
    if (n->log || n->tied) {
        cull__json_key(j, n->log ? "log" : "tied");
        cull__json_bool(j, true);
    }
    if (n->preset) {
        cull__json_key(j, "default");
        cull__json_str(j, n->preset);
    }
    if (n->when) {
        cull__json_key(j, "if");
        write_expr(j, n->when);
    }
    cull__json_close(j, '}');
}

/* A value of its own, since a writer counts no more than 31 brackets. */
static void write_list(cull_json *j, const node *n)
{
    cull_json in = {.b = j->b};
    cull__json_open(&in, '[');
    for (; n; n = n->next) write_one(&in, n);
    cull__json_close(&in, ']');
    j->b = in.b;
    j->key = false;
    j->comma[j->depth] = true;
}

void cull__space_write_json(cull_json *j, const cull__doc *d)
{
    cull__json_open(j, '{');
    cull__json_key(j, "space");
    write_list(j, d->child);
    cull__json_close(j, '}');
}

/* model_write.c - the description of a model back to text, and to JSON. */
#include "nn/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- text ---- */

static void write_numbers(cull_buf *b, const char *what, const float *v, int n)
{
    char one[32];
    if (!n) return;
    cull__buf_printf(b, "%s", what);
    /* the digits that were written, not those of the nearest double */
    for (int i = 0; i < n; i++) {
        double shown = (double)v[i];
        for (int digits = 1; digits < 10; digits++) {
            char some[32];
            snprintf(some, sizeof some, "%.*g", digits, (double)v[i]);
            double back;
            if (cull__parse_f64(some, strlen(some), &back) && (float)back == v[i]) {
                shown = back;
                break;
            }
        }
        cull__buf_printf(b, " %s", cull__format_f64(shown, one));
    }
    cull__buf_printf(b, "\n");
}

static void write_args(cull_buf *b, const cull__model_arg *a, int n)
{
    if (!n) return;
    cull__buf_printf(b, "(");
    for (int i = 0; i < n; i++) {
        cull__buf_printf(b, i ? ", " : "");
        if (a[i].name) cull__buf_printf(b, a[i].value ? "%s=" : "%s", a[i].name);
        if (a[i].value) cull__buf_printf(b, "%s", a[i].value);
    }
    cull__buf_printf(b, ")");
}

static void write_line(cull_buf *b, const cull__model_line *l, bool inside)
{
    cull__buf_printf(b, inside ? "    " : "");
    if (l->name[0]) cull__buf_printf(b, "%s = ", l->name);
    if (l->repeat) cull__buf_printf(b, "repeat %s ", l->repeat);
    if (l->from) cull__buf_printf(b, "from %s ", l->from);
    cull__buf_printf(b, "%s", l->op);
    write_args(b, l->arg, l->args);
    for (int i = 0; i < l->ins; i++) cull__buf_printf(b, " %s", l->in[i]);
    cull__buf_printf(b, "\n");
}

void cull__model_write(const cull__model_doc *d, cull_buf *b)
{
    if (d->name[0]) cull__buf_printf(b, "model %s\n", d->name);
    if (d->rank == 1) cull__buf_printf(b, "input %" PRId64 "\n", d->dim[0]);
    if (d->rank == 3)
        cull__buf_printf(b, "input %" PRId64 "x%" PRId64 "x%" PRId64 "\n", d->dim[0], d->dim[1],
                         d->dim[2]);
    if (d->outputs) cull__buf_printf(b, "outputs %" PRId64 "\n", d->outputs);
    write_numbers(b, "mean", d->mean, d->means);
    write_numbers(b, "std", d->std, d->stds);
    for (int i = 0; i < d->lets; i++)
        cull__buf_printf(b, "let %s = %s\n", d->let[i].name, d->let[i].value);
    for (int i = 0; i < d->blocks; i++) {
        const cull__model_block *k = d->block + i;
        if (k->name[0]) {
            cull__buf_printf(b, "block %s", k->name);
            write_args(b, k->param, k->params);
            cull__buf_printf(b, " {\n");
        }
        for (int j = 0; j < k->lines; j++) write_line(b, k->at + j, k->name[0] != 0);
        if (k->name[0]) cull__buf_printf(b, "}\n");
    }
}

/* ---- JSON ---- */

/* A number as a number, yes and no as such, all else as text. */
static void json_value(cull_json *j, const char *s)
{
    double v;
    size_t n = strlen(s);
    if (!strcmp(s, "yes") || !strcmp(s, "no"))
        cull__json_bool(j, *s == 'y');
    else if (*s >= '0' && *s <= '9' && cull__parse_f64(s, n, &v))
        cull__json_f64(j, v);
    else
        cull__json_str(j, s);
}

static void json_args(cull_json *j, const cull__model_arg *a, int n)
{
    int k = 0;
    if (!n) return;
    if (!a[0].name) {
        cull__json_key(j, "values");
        cull__json_open(j, '[');
        for (; k < n && !a[k].name; k++) json_value(j, a[k].value);
        cull__json_close(j, ']');
    }
    if (k == n) return;
    cull__json_key(j, "named");
    cull__json_open(j, '{');
    for (; k < n; k++) {
        cull__json_key(j, a[k].name);
        json_value(j, a[k].value);
    }
    cull__json_close(j, '}');
}

static void json_line(cull_json *j, const cull__model_line *l)
{
    cull__json_open(j, '{');
    if (l->name[0]) {
        cull__json_key(j, "name");
        cull__json_str(j, l->name);
    }
    if (l->repeat) {
        cull__json_key(j, "repeat");
        json_value(j, l->repeat);
    }
    if (l->from) {
        cull__json_key(j, "from");
        json_value(j, l->from);
    }
    cull__json_key(j, "op");
    cull__json_str(j, l->op);
    json_args(j, l->arg, l->args);
    if (l->ins) {
        cull__json_key(j, "inputs");
        cull__json_open(j, '[');
        for (int i = 0; i < l->ins; i++) cull__json_str(j, l->in[i]);
        cull__json_close(j, ']');
    }
    cull__json_close(j, '}');
}

static void json_lines(cull_json *j, const cull__model_block *k)
{
    cull__json_key(j, "layers");
    cull__json_open(j, '[');
    for (int i = 0; i < k->lines; i++) json_line(j, k->at + i);
    cull__json_close(j, ']');
}

static void json_block(cull_json *j, const cull__model_block *k)
{
    cull__json_key(j, k->name);
    cull__json_open(j, '{');
    if (k->params) {
        cull__json_key(j, "parameters");
        cull__json_open(j, '{');
        for (int i = 0; i < k->params; i++) {
            cull__json_key(j, k->param[i].name);
            if (k->param[i].value)
                json_value(j, k->param[i].value);
            else
                cull__json_str(j, NULL);
        }
        cull__json_close(j, '}');
    }
    json_lines(j, k);
    cull__json_close(j, '}');
}

static void json_numbers(cull_json *j, const char *what, const float *v, int n)
{
    cull_buf b = CULL_BUF(j->b.cx);
    if (!n) return;
    write_numbers(&b, "", v, n);
    cull__json_key(j, what);
    cull__json_open(j, '[');
    for (const char *s = b.at; s && *s == ' ';) {
        double x;
        size_t k = strcspn(++s, " \n");
        if (cull__parse_f64(s, k, &x)) cull__json_f64(j, x);
        s += k;
    }
    cull__json_close(j, ']');
    cull__buf_free(&b);
}

static void json_head(cull_json *j, const cull__model_doc *d)
{
    if (d->name[0]) {
        cull__json_key(j, "model");
        cull__json_str(j, d->name);
    }
    if (d->rank) {
        cull__json_key(j, "input");
        cull__json_open(j, '[');
        for (int i = 0; i < d->rank; i++) cull__json_i64(j, d->dim[i]);
        cull__json_close(j, ']');
    }
    if (d->outputs) {
        cull__json_key(j, "outputs");
        cull__json_i64(j, d->outputs);
    }
    json_numbers(j, "mean", d->mean, d->means);
    json_numbers(j, "std", d->std, d->stds);
}

void cull__model_write_json(const cull__model_doc *d, cull_buf *out)
{
    cull_json j = {.b = *out};
    cull__json_open(&j, '{');
    json_head(&j, d);
    if (d->lets) {
        cull__json_key(&j, "let");
        cull__json_open(&j, '{');
        for (int i = 0; i < d->lets; i++) {
            cull__json_key(&j, d->let[i].name);
            json_value(&j, d->let[i].value);
        }
        cull__json_close(&j, '}');
    }
    if (d->blocks > 1) {
        cull__json_key(&j, "blocks");
        cull__json_open(&j, '{');
        for (int i = 0; i + 1 < d->blocks; i++) json_block(&j, d->block + i);
        cull__json_close(&j, '}');
    }
    json_lines(&j, d->block + d->blocks - 1);
    cull__json_close(&j, '}');
    cull__buf_add(&j.b, "\n", 1);
    *out = j.b;
}

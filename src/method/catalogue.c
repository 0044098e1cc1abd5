/* catalogue.c - the catalogue as JSON. */
#include "base/base.h"
#include "cull/method.h"

#include <stdio.h>
#include <string.h>

/* A writer that counts, so that the catalogue needs no memory of its own. */
typedef struct {
    char *at;
    size_t size, n;
    bool comma;
} sink;

static void put(sink *k, const char *s)
{
    for (; *s; s++, k->n++)
        if (k->n + 1 < k->size) k->at[k->n] = *s;
}

static void str(sink *k, const char *s)
{
    put(k, "\"");
    for (; s && *s; s++) {
        char c[3] = {*s, 0, 0};
        if (*s == '"' || *s == '\\') c[0] = '\\', c[1] = *s;
        put(k, c);
    }
    put(k, "\"");
}

static void key(sink *k, const char *name)
{
    if (k->comma) put(k, ",");
    k->comma = true;
    str(k, name);
    put(k, ":");
}

static void open_(sink *k, const char *bracket)
{
    if (k->comma) put(k, ",");
    put(k, bracket);
    k->comma = false;
}

static void close_(sink *k, const char *bracket)
{
    put(k, bracket);
    k->comma = true;
}

static void text(sink *k, const char *name, const char *s)
{
    key(k, name);
    if (s)
        str(k, s);
    else
        put(k, "null");
}

static void number(sink *k, const char *name, double v)
{
    char buf[32];
    key(k, name);
    put(k, cull__format_f64(v, buf));
}

static void option(sink *k, const cull_opt *r)
{
    static const char *const kind[] = {"f64", "i64", "bool", "enum"};
    open_(k, "{");
    text(k, "name", r->name);
    text(k, "kind", kind[r->kind]);
    number(k, "default", r->def);
    number(k, "lo", r->lo);
    number(k, "hi", r->hi);
    text(k, "choices", r->choices);
    text(k, "help", r->help);
    close_(k, "}");
}

static void method(sink *k, const cull_method *m)
{
    static const char *const flag[] = {
        "needs_pool", "needs_target",  "needs_text",      "stochastic",
        "anytime",    "baseline",      "needs_against",   "finds_copies",
        "needs_y",    "needs_classes", "takes_missing",   "takes_categories",
        "own_number", "needs_counts",  "many_objectives", "finite_only"};
    open_(k, "{");
    text(k, "slug", m->slug);
    text(k, "task", cull_task_name(m->task));
    text(k, "title", m->title);
    text(k, "paper", m->paper);
    number(k, "rev", m->rev);
    text(k, "columns", m->columns);
    text(k, "may_columns", m->may ? m->may : "");
    for (size_t i = 0; i < sizeof flag / sizeof *flag; i++) {
        key(k, flag[i]);
        put(k, m->flags >> i & 1 ? "true" : "false");
    }
    key(k, "options");
    k->comma = false;
    open_(k, "[");
    for (const cull_opt *r = m->opts; r->name; r++) option(k, r);
    close_(k, "]");
    close_(k, "}");
}

size_t cull_method_json(const cull_method *m, char *buf, size_t size)
{
    sink k = {buf, size, 0, false};
    method(&k, m);
    if (size) buf[k.n < size ? k.n : size - 1] = 0;
    return k.n;
}

size_t cull_catalogue_json(char *buf, size_t size)
{
    sink k = {buf, size, 0, false};
    put(&k, "{");
    text(&k, "version", cull_version());
    key(&k, "tasks");
    k.comma = false;
    open_(&k, "[");
    for (int t = 0; t < CULL_TASKS; t++) {
        open_(&k, "{");
        text(&k, "name", cull_task_name((cull_task)t));
        key(&k, "inputs");
        k.comma = false;
        open_(&k, "[");
        for (const cull_input *in = cull_task_inputs((cull_task)t); in->name; in++) {
            open_(&k, "{");
            text(&k, "name", in->name);
            text(&k, "arg", in->arg);
            text(&k, "help", in->help);
            close_(&k, "}");
        }
        close_(&k, "]");
        close_(&k, "}");
    }
    close_(&k, "]");
    key(&k, "methods");
    k.comma = false;
    open_(&k, "[");
    for (int i = 0; i < cull_method_count(); i++) method(&k, cull_method_at(i));
    close_(&k, "]");
    put(&k, "}");
    if (size) buf[k.n < size ? k.n : size - 1] = 0;
    return k.n;
}

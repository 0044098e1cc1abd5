/* model.c - cull model: networks as text; their counts. Training and judging are files beside. */
#include "model.h"
#include "cull/report.h"
#include "cull/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool is_weights(const char *path)
{
    size_t n = strlen(path);
    return n > 12 && !strcmp(path + n - 12, ".safetensors");
}

static int shape_of(cli *c, const char *s, cull_model_opts *o)
{
    const char *at = s;
    for (o->rank = 0; *at && o->rank < 3; o->rank++) {
        char *end;
        long long v = strtoll(at, &end, 10);
        if (*at < '0' || *at > '9' || v < 1 || v > 1 << 24 || (*end && *end != 'x')) break;
        o->dim[o->rank] = v;
        at = *end ? end + 1 : end;
    }
    if (!*at && s[strlen(s) - 1] != 'x' && (o->rank == 1 || o->rank == 3)) return DONE;
    return fail(c, USAGE,
                "--input '%s' is no shape; write HEIGHTxWIDTHxCHANNELS, as 32x32x3, or a number of "
                "features",
                s);
}

int model_opts(cli *c, cull_model_opts *o)
{
    double v;
    int start;
    static const cull_model_start starts[] = {CULL_MODEL_TORCH, CULL_MODEL_HE, CULL_MODEL_GLOROT};
    *o = (cull_model_opts)CULL_MODEL_OPTS;
    if (has(c, "input")) TRY(shape_of(c, value_of(c, "input", ""), o));
    TRY(number_of(c, "outputs", 0, 1, 1 << 24, true, &v));
    o->outputs = (int64_t)v;
    TRY(choice_of(c, "init", "torch", "torch|he|glorot", &start));
    o->start = starts[start];
    return DONE;
}

/* A file of parameters brings its own description. */
int model_open(cli *c, const char *what, const cull_model_opts *o, cull_model **out)
{
    char *text;
    if (!is_weights(what)) return check(c, cull_model_open(c->cx, what, o, out));
    TRY(check(c, cull_model_text_of(c->cx, what, &text)));
    if (!text)
        return fail(c, FAILED,
                    "%s: holds no description of a model; name the model, and this file after "
                    "--weights",
                    what);
    int rc = check(c, cull_model_from(c->cx, text, strlen(text), what, o, out));
    cull_text_free(text);
    return rc;
}

const char *model_shape(int rank, const int64_t *dim, char buf[80])
{
    int n = 0;
    for (int i = 0; i < rank; i++)
        n += snprintf(buf + n, 80 - (size_t)n, i ? "x%" PRId64 : "%" PRId64, dim[i]);
    return buf;
}

const char *with_commas(int64_t v, char buf[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, v), k = 0;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0 && digits[i - 1] != '-') buf[k++] = ',';
        buf[k++] = digits[i];
    }
    buf[k] = 0;
    return buf;
}

void say_shape_json(const char *key, int rank, const int64_t *dim)
{
    printf("\"%s\":[", key);
    for (int i = 0; i < rank; i++) printf(i ? ",%" PRId64 : "%" PRId64, dim[i]);
    putchar(']');
}

/* ---- stat ---- */

static void row_json(const cull_model_stat *s, bool first)
{
    printf("%s{\"name\":", first ? "" : ",\n");
    say_json(stdout, s->name);
    if (*s->op) {
        fputs(",\"op\":", stdout);
        say_json(stdout, s->op);
    }
    putchar(',');
    say_shape_json("output", s->rank, s->dim);
    printf(",\"parameters\":%" PRId64 ",\"state\":%" PRId64 ",\"macs\":%.0f,\"bytes\":%" PRId64 "}",
           s->params, s->state, s->macs, 4 * s->values);
}

static void stat_json(const cull_model *m)
{
    cull_model_total t = cull_model_totals(m);
    cull_model_stat s;
    int64_t dim[3];
    fputs("{\"model\":", stdout);
    say_json(stdout, cull_model_name(m));
    putchar(',');
    say_shape_json("input", cull_model_input(m, dim), dim);
    putchar(',');
    say_shape_json("output", cull_model_output(m, dim), dim);
    printf(",\"parameters\":%" PRId64 ",\"state\":%" PRId64
           ",\"macs\":%.0f,\"parameter_bytes\":%" PRId64 ",\"forward_bytes\":%" PRId64
           ",\"training_bytes\":%" PRId64 ",\"layers\":[\n",
           t.params, t.state, t.macs, 4 * (t.params + t.state), 4 * t.forward_values,
           4 * t.training_values);
    for (int i = 1; i < cull_model_layers(m); i++) {
        s = cull_model_count(m, i);
        row_json(&s, i == 1);
    }
    fputs("],\"modules\":[", stdout);
    for (int i = 0; cull_model_module(m, i, &s); i++) row_json(&s, !i);
    puts("]}");
}

static void row_text(const char *name, const char *op, const cull_model_stat *s, int wide)
{
    char shape[80], params[32] = "", macs[32] = "", bytes[32] = "", line[512];
    if (s->params) with_commas(s->params, params);
    if (s->macs > 0) with_commas((int64_t)s->macs, macs);
    if (s->values) cull_format_bytes(4 * (uint64_t)s->values, bytes);
    int n = snprintf(line, sizeof line, "%-*s  %-15s  %-12s  %12s  %15s  %10s", wide, name, op,
                     model_shape(s->rank, s->dim, shape), params, macs, bytes);
    if (n >= (int)sizeof line) n = (int)sizeof line - 1;
    while (n && line[n - 1] == ' ') n--;
    printf("%.*s\n", n, line);
}

static void stat_text(const cull_model *m, bool modules)
{
    cull_model_total t = cull_model_totals(m);
    cull_model_stat s;
    char a[32], b[32];
    int wide = 5;
    for (int i = 0; i < cull_model_layers(m); i++) {
        int n = (int)strlen(cull_model_count(m, i).name);
        if (n > wide) wide = n > 48 ? 48 : n;
    }
    printf("%-*s  %-15s  %-12s  %12s  %15s  %10s\n", wide, modules ? "block" : "layer",
           modules ? "" : "operation", "output", "parameters", "multiply-adds", "values");
    for (int i = 0; !modules && i < cull_model_layers(m); i++) {
        s = cull_model_count(m, i);
        row_text(s.name, s.op, &s, wide);
    }
    for (int i = 0; modules && cull_model_module(m, i, &s); i++) row_text(s.name, "", &s, wide);
    printf("\nparameters     %s, %s", with_commas(t.params, a),
           cull_format_bytes(4 * (uint64_t)(t.params + t.state), b));
    if (t.state) printf(" with %s running statistics", with_commas(t.state, a));
    printf("\nmultiply-adds  %s an example\n", with_commas((int64_t)t.macs, a));
    printf("values         %s an example at once, %s in training\n",
           cull_format_bytes(4 * (uint64_t)t.forward_values, a),
           cull_format_bytes(4 * (uint64_t)t.training_values, b));
}

static int count(cli *c)
{
    cull_model_opts o;
    cull_model *m;
    TRY(model_opts(c, &o));
    o.shapes_only = true;
    TRY(model_open(c, c->input[1], &o, &m));
    if (c->json)
        stat_json(m);
    else
        stat_text(m, has(c, "blocks"));
    cull_model_free(m);
    return DONE;
}

/* ---- show ---- */

static int show(cli *c)
{
    cull_model_opts o;
    cull_model *m;
    char *text;
    TRY(model_opts(c, &o));
    o.shapes_only = true;
    TRY(model_open(c, c->input[1], &o, &m));
    int rc = check(c, cull_model_text(c->cx, m, c->json, &text));
    if (rc == DONE) {
        fputs(text, stdout);
        cull_text_free(text);
    }
    cull_model_free(m);
    return rc;
}

/* ---- the command ---- */

static const struct {
    const char *name;
    int (*run)(cli *c);
    bool data; /* files may follow the model */
} actions[] = {{"train", model_train, true},   {"eval", model_eval, true},
               {"ticket", model_ticket, true}, {"stat", count, false},
               {"show", show, false},          {"prune", model_prune, true}};

int run_model(cli *c)
{
    const char *name[COUNT(actions)];
    int which = -1;
    for (int i = 0; i < COUNT(actions); i++) {
        name[i] = actions[i].name;
        if (!strcmp(c->input[0], name[i])) which = i;
    }
    if (which < 0) {
        const char *near = cull_nearest(c->input[0], name, COUNT(actions));
        return fail(c, USAGE, "model cannot '%s'; %s%s%s", c->input[0],
                    near ? "did you mean " : "it can train, eval, ticket, stat, show and prune",
                    near ? near : "", near ? "?" : "");
    }
    if (c->inputs < 2)
        return fail(c, USAGE, "model %s wants a model: a .model file, or a name such as resnet20",
                    name[which]);
    if (c->inputs > 2 && !actions[which].data)
        return fail(c, USAGE, "model %s reads one model, and cannot use '%s'", name[which],
                    c->input[2]);
    int rc = actions[which].run(c);
    return rc == DONE ? flush_out(c) : rc;
}

/* policy_file.c - a policy as JSON, written and read back to the bit. */
#include "io/io.h"
#include "report/policy.h"
#include "report/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FORMAT = 1 };

/* ---- out ---- */
/* JSON has no such numbers: they are strings. */
static void number(cull_json *j, double v)
{
    if (isnan(v))
        cull__json_str(j, "nan");
    else if (isinf(v))
        cull__json_str(j, v > 0 ? "inf" : "-inf");
    else
        cull__json_exact(j, v);
}

static void pair(cull_json *j, const char *key, double v)
{
    cull__json_key(j, key);
    number(j, v);
}

static void text_pair(cull_json *j, const char *key, const char *s)
{
    cull__json_key(j, key);
    if (s)
        cull__json_text(j, s);
    else
        cull__json_str(j, NULL);
}

static void write_guarantee(cull_json *j, const cull_guarantee *g)
{
    cull__json_key(j, "guarantee");
    if (!g) {
        cull__json_str(j, NULL);
        return;
    }
    cull__json_open(j, '{');
    text_pair(j, "bounds", g->bounds);
    pair(j, "level", g->level);
    pair(j, "delta", g->delta);
    text_pair(j, "assumes", g->assumes);
    text_pair(j, "broken", g->broken);
    cull__json_key(j, "rows");
    cull__json_i64(j, g->n);
    cull__json_close(j, '}');
}

/* Options or other texts. */
static void write_texts(cull_json *j, const cull_policy *p, bool options)
{
    size_t head = strlen(CULL__POLICY_OPTION);
    cull__json_key(j, options ? "options" : "texts");
    cull__json_open(j, '{');
    for (int64_t i = 0; i < p->texts; i++) {
        bool is = !strncmp(p->text[i].name, CULL__POLICY_OPTION, head);
        if (is == options) text_pair(j, p->text[i].name + (is ? head : 0), p->text[i].s);
    }
    cull__json_close(j, '}');
}

static void write_arrays(cull_json *j, const cull_policy *p)
{
    cull__json_key(j, "arrays");
    cull__json_open(j, '{');
    for (int64_t i = 0; i < p->arrays; i++) {
        const cull__policy_array *a = &p->array[i];
        cull__json_line(j);
        cull__json_key(j, a->name);
        cull__json_open(j, '{');
        cull__json_key(j, "shape");
        cull__json_open(j, '[');
        cull__json_i64(j, a->rows);
        cull__json_i64(j, a->cols);
        cull__json_close(j, ']');
        cull__json_key(j, "values");
        cull__json_open(j, '[');
        for (int64_t k = 0; k < a->rows * a->cols; k++) number(j, a->v[k]);
        cull__json_close(j, ']');
        cull__json_close(j, '}');
    }
    cull__json_close(j, '}');
}

cull_status cull_policy_write(cull_ctx *cx, const cull_policy *p, const char *path)
{
    cull_json j = {.b = CULL_BUF(cx)};
    CULL_TRY(cull__policy_made(cx, p));
    cull__json_open(&j, '{');
    text_pair(&j, "cull", "policy");
    cull__json_key(&j, "format");
    cull__json_i64(&j, FORMAT);
    text_pair(&j, "version", cull_version());
    text_pair(&j, "task", cull_task_name(p->method->task));
    text_pair(&j, "method", p->method->slug);
    cull__json_key(&j, "rev");
    cull__json_i64(&j, p->method->rev);
    cull__json_seed(&j, p->seed);
    cull__json_line(&j);
    write_texts(&j, p, true);
    cull__json_strings(&j, "models", (const char *const *)p->model, (int)p->models);
    cull__json_line(&j);
    write_guarantee(&j, cull_policy_guaranteed(p));
    cull__json_line(&j);
    cull__json_strings(&j, "notes", (const char *const *)p->note, (int)p->notes);
    cull__json_line(&j);
    write_texts(&j, p, false);
    write_arrays(&j, p);
    cull__json_close(&j, '}');
    cull__buf_add(&j.b, "\n", 1);
    cull_status s = cull__write_buf(cx, path, &j.b);
    cull__buf_free(&j.b);
    return s;
}

/* ---- in ---- */
typedef struct {
    cull_ctx *cx;
    const char *path;
    cull_policy *p;
    cull_status s;
    double *v; /* of an array being read */
    int64_t n, cap;
} reading;

static cull_status wrong(reading *g, const char *key, const char *what)
{
    char shown[64];
    return cull__fail(g->cx, CULL_EINPUT, "%s: '%s' is not %s; the policy is damaged, fit it again",
                      g->path, cull__quote(key, strlen(key), shown, sizeof shown), what);
}

/* NUL-terminated, in scratch; NULL of null. */
static cull_status string(reading *g, const char *key, cull__json_value v, const char **out)
{
    size_t n;
    char *copy;
    *out = NULL;
    if (cull__json_kind(v) == CULL__JSON_NULL) return CULL_OK;
    if (cull__json_kind(v) != CULL__JSON_STRING) return wrong(g, key, "a string");
    const char *s = cull__json_string(v, &n);
    if (memchr(s, 0, n)) return wrong(g, key, "a string without NUL");
    CULL_TRY(CULL_TMP(g->cx, copy, (int64_t)n + 1));
    memcpy(copy, s, n);
    copy[n] = 0;
    *out = copy;
    return CULL_OK;
}

static bool number_in(cull__json_value v, double *out)
{
    size_t n;
    if (cull__json_kind(v) != CULL__JSON_STRING) return cull__json_number(v, out);
    const char *s = cull__json_string(v, &n);
    if (n == 3 && !memcmp(s, "nan", 3))
        *out = NAN;
    else if (n == 3 && !memcmp(s, "inf", 3))
        *out = INFINITY;
    else if (n == 4 && !memcmp(s, "-inf", 4))
        *out = -INFINITY;
    else
        return false;
    return true;
}

static cull_status field(reading *g, cull__json_value o, const char *key, cull__json_type type,
                         cull__json_value *v)
{
    static const char *const what[] = {"null",     "a truth", "a number",
                                       "a string", "a list",  "an object"};
    if (!cull__json_get(o, key, v) || cull__json_kind(*v) != type) return wrong(g, key, what[type]);
    return CULL_OK;
}

static cull_status key_text(reading *g, const char *head, const char *key, size_t n,
                            const char **out)
{
    char *copy;
    size_t h = strlen(head);
    *out = "";
    if (memchr(key, 0, n)) return wrong(g, "name", "a string without NUL");
    CULL_TRY(CULL_TMP(g->cx, copy, (int64_t)(h + n) + 1));
    memcpy(copy, head, h);
    memcpy(copy + h, key, n);
    copy[h + n] = 0;
    *out = copy;
    return CULL_OK;
}

static cull_status put_text(reading *g, const char *head, const char *key, size_t n,
                            cull__json_value v)
{
    const char *name, *s;
    CULL_TRY(key_text(g, head, key, n, &name));
    CULL_TRY(string(g, name, v, &s));
    return cull_policy_put_text(g->cx, g->p, name, s ? s : "");
}

static bool one_option(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *g = arg;
    g->s = put_text(g, CULL__POLICY_OPTION, key, n, v);
    return g->s == CULL_OK;
}

static bool one_text(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *g = arg;
    g->s = put_text(g, "", key, n, v);
    return g->s == CULL_OK;
}

static bool one_note(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *g = arg;
    const char *s;
    (void)key, (void)n;
    g->s = string(g, "notes", v, &s);
    if (g->s == CULL_OK && s) g->s = cull__policy_add_note(g->cx, g->p, s);
    return g->s == CULL_OK;
}

static bool one_model(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *g = arg;
    const char *s;
    (void)key, (void)n;
    g->s = string(g, "models", v, &s);
    if (g->s == CULL_OK) g->s = cull__policy_add_model(g->cx, g->p, s ? s : "");
    return g->s == CULL_OK;
}

static bool one_value(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *g = arg;
    (void)key, (void)n;
    if (g->n < g->cap && number_in(v, &g->v[g->n])) {
        g->n++;
        return true;
    }
    g->s = wrong(g, "values", "a list of as many numbers as its shape says");
    return false;
}

static cull_status array(reading *g, const char *key, size_t key_n, cull__json_value o)
{
    cull__json_value shape, values;
    const char *name;
    double dim[2];
    CULL_TRY(key_text(g, "", key, key_n, &name));
    if (cull__json_kind(o) != CULL__JSON_OBJECT) return wrong(g, name, "an array");
    CULL_TRY(field(g, o, "shape", CULL__JSON_ARRAY, &shape));
    CULL_TRY(field(g, o, "values", CULL__JSON_ARRAY, &values));
    g->v = dim;
    g->n = 0;
    g->cap = 2;
    cull__json_each(shape, one_value, g);
    CULL_TRY(g->s);
    int64_t count = cull__json_count(values);
    for (int i = 0; i < 2; i++)
        if (g->n != 2 || !(dim[i] >= 0 && dim[i] <= 1e15) || dim[i] != floor(dim[i]))
            return wrong(g, "shape", "two whole numbers");
    if (dim[0] * dim[1] != (double)count)
        return wrong(g, "values", "a list of as many numbers as its shape says");
    CULL_TRY(CULL_TMP(g->cx, g->v, count + 1));
    g->n = 0;
    g->cap = count;
    cull__json_each(values, one_value, g);
    CULL_TRY(g->s);
    return cull_policy_put(g->cx, g->p, name, (int64_t)dim[0], (int64_t)dim[1], g->v);
}

static bool one_array(void *arg, const char *key, size_t n, cull__json_value v)
{
    reading *g = arg;
    g->s = array(g, key, n, v);
    return g->s == CULL_OK;
}

static cull_status read_guarantee(reading *g, cull__json_value root)
{
    cull__json_value o, v;
    cull_guarantee q = {0};
    if (!cull__json_get(root, "guarantee", &o) || cull__json_kind(o) == CULL__JSON_NULL)
        return CULL_OK;
    if (cull__json_kind(o) != CULL__JSON_OBJECT) return wrong(g, "guarantee", "an object");
    CULL_TRY(field(g, o, "bounds", CULL__JSON_STRING, &v));
    CULL_TRY(string(g, "bounds", v, &q.bounds));
    if (!cull__json_get(o, "level", &v) || !number_in(v, &q.level))
        return wrong(g, "level", "a number");
    if (!cull__json_get(o, "delta", &v) || !number_in(v, &q.delta))
        return wrong(g, "delta", "a number");
    if (!cull__json_get(o, "rows", &v) || !cull__json_integer(v, &q.n))
        return wrong(g, "rows", "a whole number");
    if (cull__json_get(o, "assumes", &v)) CULL_TRY(string(g, "assumes", v, &q.assumes));
    if (cull__json_get(o, "broken", &v)) CULL_TRY(string(g, "broken", v, &q.broken));
    return cull_policy_guarantee(g->cx, g->p, &q);
}

/* As cull__json_seed writes it: a large one is a string. */
static bool seed_in(cull__json_value v, uint64_t *seed)
{
    size_t n;
    if (cull__json_kind(v) != CULL__JSON_STRING) return cull__json_unsigned(v, seed);
    const char *s = cull__json_string(v, &n);
    return cull__digits(s, n, seed);
}

static cull_status read_maker(reading *g, cull__json_value root)
{
    cull__json_value v;
    const char *s;
    int64_t n = 0;
    CULL_TRY(field(g, root, "format", CULL__JSON_NUMBER, &v));
    if (!cull__json_integer(v, &n) || n < 1) return wrong(g, "format", "a whole number");
    if (n > FORMAT)
        return cull__fail(g->cx, CULL_EINPUT,
                          "%s: the policy is of format %lld, this cull reads up to %d; it was made "
                          "by a newer one",
                          g->path, (long long)n, FORMAT);
    CULL_TRY(field(g, root, "method", CULL__JSON_STRING, &v));
    CULL_TRY(string(g, "method", v, &s));
    g->p->method = cull_method_find(s, NULL);
    if (!g->p->method ||
        (g->p->method->task != CULL_TASK_COMPUTE && g->p->method->task != CULL_TASK_TRUST))
        return cull__fail(g->cx, CULL_EINPUT,
                          "%s: the policy is of method '%s', which this cull lacks", g->path, s);
    if (cull__json_get(root, "seed", &v) && !seed_in(v, &g->p->seed))
        return wrong(g, "seed", "a whole number");
    return CULL_OK;
}

static cull_status read_root(reading *g, cull__json_value root)
{
    static const struct {
        const char *key;
        cull__json_type type;
        cull__json_fn *fn;
    } part[] = {{"options", CULL__JSON_OBJECT, one_option},
                {"models", CULL__JSON_ARRAY, one_model},
                {"notes", CULL__JSON_ARRAY, one_note},
                {"texts", CULL__JSON_OBJECT, one_text},
                {"arrays", CULL__JSON_OBJECT, one_array}};
    cull__json_value v;
    size_t n;
    bool ours = cull__json_kind(root) == CULL__JSON_OBJECT && cull__json_get(root, "cull", &v) &&
                cull__json_kind(v) == CULL__JSON_STRING;
    const char *kind = ours ? cull__json_string(v, &n) : NULL;
    if (!ours || n != 6 || memcmp(kind, "policy", 6))
        return cull__fail(g->cx, CULL_EINPUT,
                          "%s: no policy (the file that `cull compute` or `cull trust` fits)",
                          g->path);
    CULL_TRY(read_maker(g, root));
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        CULL_TRY(field(g, root, part[i].key, part[i].type, &v));
        cull__json_each(v, part[i].fn, g);
        CULL_TRY(g->s);
    }
    return read_guarantee(g, root);
}

static cull_status read_value(void *user, cull__json_value root) { return read_root(user, root); }

cull_status cull_policy_open(cull_ctx *cx, const char *path, cull_policy **out)
{
    cull__bytes file;
    reading g = {.cx = cx, .path = path};
    *out = NULL;
    CULL_TRY(cull__bytes_open(cx, path, &file));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull_policy_new(cx, &g.p);
    if (s == CULL_OK) s = cull__json_file(cx, path, file.at, file.n, read_value, &g);
    cull__release(cx, mark);
    cull__bytes_close(&file);
    if (s == CULL_OK)
        *out = g.p;
    else
        cull_policy_free(g.p);
    return s;
}

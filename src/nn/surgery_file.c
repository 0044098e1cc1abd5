/* surgery_file.c - which channels a network keeps, as a JSON file. */
#include "io/io.h"
#include "nn/surgery.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char KIND[] = "channels", HEAD[] = "{\"kind\":\"channels\",";

/* ---- writing ---- */

static void member(cull_json *j, const char *key, const char *value)
{
    cull__json_key(j, key);
    cull__json_str(j, value);
}

static void pair(cull_json *j, const char *key, double before, double after)
{
    cull__json_key(j, key);
    cull__json_open(j, '[');
    cull__json_f64(j, before);
    cull__json_f64(j, after);
    cull__json_close(j, ']');
}

static void write_group(cull_json *j, const cull__surgery_group *k, const bool *keep)
{
    cull__json_open(j, '{');
    member(j, "name", k->name);
    cull__json_key(j, "of");
    cull__json_i64(j, k->width);
    cull__json_key(j, "kept");
    cull__json_open(j, '[');
    for (int64_t u = 0; u < k->width; u++)
        if (keep[k->first + u]) cull__json_i64(j, u);
    cull__json_close(j, ']');
    cull__json_close(j, '}');
    cull__buf_add(&j->b, "\n", 1);
}

/* For who slices tensors elsewhere: which rows of a layer's weights stay, where not all do. */
static void write_layer(cull_json *j, const cull_surgery *s, int i, const bool *keep)
{
    const cull__model_layer *l = s->m->layer + i;
    int64_t n = s->at[i + 1] - s->at[i];
    if (cull__surgery_kind(l) == CULL__CUTS_NOT || cull__surgery_made(s, i, keep) == n) return;
    cull__json_key(j, l->name);
    cull__json_open(j, '[');
    for (int64_t c = 0; c < n; c++)
        if (keep[s->unit[s->at[i] + c]]) cull__json_i64(j, c);
    cull__json_close(j, ']');
}

static void write_all(cull_json *j, const cull_surgery *s, const bool *keep,
                      const cull_surgery_source *from)
{
    double macs, less;
    int64_t params, fewer;
    char seed[24];
    cull_surgery_count(s, NULL, &macs, &params);
    cull_surgery_count(s, keep, &less, &fewer);
    cull__json_open(j, '{');
    member(j, "kind", KIND);
    member(j, "cull", cull_version());
    member(j, "source", from->source);
    member(j, "xxh128", from->hash);
    member(j, "importance", from->importance);
    snprintf(seed, sizeof seed, "%" PRIu64, from->seed);
    cull__json_key(j, "seed");
    cull__json_raw(j, seed);
    pair(j, "macs", macs, less);
    pair(j, "parameters", (double)params, (double)fewer);
    member(j, "model", s->m->text);
    cull__json_key(j, "groups");
    cull__json_open(j, '[');
    for (int64_t g = 0; g < s->groups; g++) write_group(j, s->group + g, keep);
    cull__json_close(j, ']');
    cull__json_key(j, "layers");
    cull__json_open(j, '{');
    for (int i = 1; i < s->m->layers; i++) write_layer(j, s, i, keep);
    cull__json_close(j, '}');
    cull__json_close(j, '}');
    cull__buf_add(&j->b, "\n", 1);
}

cull_status cull_surgery_write(cull_ctx *cx, const cull_surgery *s, const bool *keep,
                               const cull_surgery_source *from, const char *path)
{
    cull_json j = {.b = CULL_BUF(cx)};
    cull__writer *w;
    write_all(&j, s, keep, from);
    cull_status status = j.b.status;
    if (status == CULL_OK) status = cull__writer_open(cx, path, &w);
    if (status == CULL_OK) {
        status = cull__write(cx, w, j.b.at, j.b.n);
        status = cull__writer_end(cx, w, status);
    }
    cull__buf_free(&j.b);
    return status;
}

/* ---- reading ---- */

typedef struct {
    char *name;
    int64_t of, kept, *unit;
} kept_group;
typedef struct {
    cull_ctx *cx;
    const char *path;
    char *file, *source, *hash, *importance, *text;
    int64_t groups, room;
    kept_group *group;
    uint64_t seed;
    cull_status status; /* the first failure while members are visited */
} plan;

void cull_surgery_plan_free(cull_surgery_plan *out)
{
    plan *p = out->mem_;
    *out = (cull_surgery_plan){0};
    if (!p) return;
    for (int64_t i = 0; i < p->groups; i++) {
        cull__free(p->group[i].name);
        cull__free(p->group[i].unit);
    }
    cull__free(p->group);
    cull__free(p->file);
    cull__free(p->source);
    cull__free(p->hash);
    cull__free(p->importance);
    cull__free(p->text);
    cull__free(p);
}

static cull_status text_of(const plan *p, cull__json_value v, const char *key, char **out)
{
    cull__json_value m;
    size_t n;
    if (!cull__json_get(v, key, &m) || cull__json_kind(m) != CULL__JSON_STRING)
        return cull__fail(p->cx, CULL_EINPUT, "%s: \"%s\" must be a string", p->path, key);
    const char *s = cull__json_string(m, &n);
    return cull__copy_text(p->cx, s, n, out);
}

typedef struct {
    plan *p;
    kept_group *k;
} numbers;

static bool read_unit(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    numbers *w = arg;
    kept_group *k = w->k;
    int64_t u;
    (void)key;
    (void)key_n;
    if (cull__json_kind(v) == CULL__JSON_NUMBER && cull__json_integer(v, &u) && u >= 0 &&
        u < k->of && (!k->kept || u > k->unit[k->kept - 1])) {
        k->unit[k->kept++] = u;
        return true;
    }
    w->p->status = cull__fail(w->p->cx, CULL_EINPUT,
                              "%s: \"kept\" of group '%.100s' must be ascending numbers from 0 to "
                              "%" PRId64,
                              w->p->path, k->name, k->of - 1);
    return false;
}

static cull_status read_group(plan *p, cull__json_value v)
{
    cull__json_value of, kept;
    CULL_TRY(CULL_GROW(p->cx, p->group, &p->room, p->groups + 1));
    kept_group *k = p->group + p->groups++;
    *k = (kept_group){0};
    if (cull__json_kind(v) != CULL__JSON_OBJECT)
        return cull__fail(p->cx, CULL_EINPUT, "%s: a group must be an object", p->path);
    CULL_TRY(text_of(p, v, "name", &k->name));
    if (!cull__json_get(v, "of", &of) || cull__json_kind(of) != CULL__JSON_NUMBER ||
        !cull__json_integer(of, &k->of) || !cull__json_get(v, "kept", &kept) ||
        cull__json_kind(kept) != CULL__JSON_ARRAY)
        return cull__fail(p->cx, CULL_EINPUT,
                          "%s: group '%.100s' must have a number \"of\" and a list \"kept\"",
                          p->path, k->name);
    numbers w = {p, k};
    CULL_TRY(CULL_ALLOC(p->cx, k->unit, cull__json_count(kept) + 1));
    cull__json_each(kept, read_unit, &w);
    return p->status;
}

static bool each_group(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    plan *p = arg;
    (void)key;
    (void)key_n;
    return (p->status = read_group(p, v)) == CULL_OK;
}

static cull_status read_root(void *arg, cull__json_value root)
{
    plan *p = arg;
    cull__json_value v;
    size_t n;
    const char *kind = NULL;
    if (cull__json_kind(root) == CULL__JSON_OBJECT && cull__json_get(root, "kind", &v) &&
        cull__json_kind(v) == CULL__JSON_STRING)
        kind = cull__json_string(v, &n);
    if (!kind || n != strlen(KIND) || memcmp(kind, KIND, n))
        return cull__fail(p->cx, CULL_EINPUT,
                          "%s: its \"kind\" is not \"channels\", as cull model prune writes it",
                          p->path);
    CULL_TRY(text_of(p, root, "source", &p->source));
    CULL_TRY(text_of(p, root, "xxh128", &p->hash));
    CULL_TRY(text_of(p, root, "importance", &p->importance));
    CULL_TRY(text_of(p, root, "model", &p->text));
    if (cull__json_get(root, "seed", &v) && cull__json_kind(v) == CULL__JSON_NUMBER)
        cull__json_unsigned(v, &p->seed);
    if (!cull__json_get(root, "groups", &v) || cull__json_kind(v) != CULL__JSON_ARRAY)
        return cull__fail(p->cx, CULL_EINPUT, "%s: there is no list \"groups\"", p->path);
    cull__json_each(v, each_group, p);
    return p->status;
}

cull_status cull_surgery_read(cull_ctx *cx, const char *path, cull_surgery_plan *out)
{
    cull__bytes file;
    plan *p;
    *out = (cull_surgery_plan){0};
    CULL_TRY(cull__bytes_open(cx, path, &file));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_ALLOC(cx, p, 1);
    if (s == CULL_OK) {
        out->mem_ = p;
        p->cx = cx;
        p->path = path;
        s = cull__json_file(cx, path, file.at, file.n, read_root, p);
    }
    if (s == CULL_OK) s = cull__copy_text(cx, path, strlen(path), &p->file);
    cull__release(cx, mark);
    cull__bytes_close(&file);
    if (s != CULL_OK) {
        cull_surgery_plan_free(out);
        return s;
    }
    p->path = p->file;
    out->from = (cull_surgery_source){p->source, p->hash, p->importance, p->seed};
    out->text = p->text;
    return CULL_OK;
}

cull_status cull_surgery_plan_keep(cull_ctx *cx, const cull_surgery_plan *of, const cull_surgery *s,
                                   bool *keep)
{
    const plan *p = of->mem_;
    if (p->groups != s->groups)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has %" PRId64 " groups of channels, and the model has %" PRId64,
                          p->path, p->groups, s->groups);
    for (int64_t u = 0; u < s->units; u++) keep[u] = false;
    for (int64_t g = 0; g < s->groups; g++) {
        const kept_group *k = p->group + g;
        const cull__surgery_group *has = s->group + g;
        if (strcmp(k->name, has->name) || k->of != has->width)
            return cull__fail(cx, CULL_EINPUT,
                              "%s has a group '%.100s' of %" PRId64
                              " channels, where the model has '%s' of %" PRId64,
                              p->path, k->name, k->of, has->name, has->width);
        for (int64_t i = 0; i < k->kept; i++) keep[has->first + k->unit[i]] = true;
    }
    return CULL_OK;
}

bool cull_surgery_is_plan(const char *path)
{
    char head[sizeof HEAD] = "";
    FILE *f = cull__regular(path) ? fopen(path, "rb") : NULL; /* of a pipe nothing is taken */
    if (!f) return false;
    size_t n = fread(head, 1, sizeof HEAD - 1, f);
    fclose(f);
    return n == sizeof HEAD - 1 && !memcmp(head, HEAD, n);
}

/* safetensors.c - Hugging Face's file of named tensors.
 *
 * u64 length of the head (at most 100,000,000), a JSON object {name: {dtype, shape, data_offsets}} with
 * an optional "__metadata__", then the numbers, little-endian, without holes. As the format demands,
 * tensors must cover the data exactly and names be unique, and all are checked whichever is read.
 * F8, F6 and F4 tensors may be in the file but are no arrays. Numbers may lie at any address. */
#include "io/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_SPARE = 64 };

static const struct {
    const char *name;
    int form; /* a cull_dtype, CULL__F8_...; -1: cull does not compute with it */
    int size; /* bytes */
} types[] = {
    {"F32", CULL_F32, 4},
    {"F16", CULL_F16, 2},
    {"BF16", CULL_BF16, 2},
    {"F64", CULL_F64, 8},
    {"I8", CULL_I8, 1},
    {"U8", CULL_U8, 1},
    {"I16", CULL_I16, 2},
    {"U16", CULL_U16, 2},
    {"I32", CULL_I32, 4},
    {"U32", CULL_U32, 4},
    {"I64", CULL_I64, 8},
    {"U64", CULL_U64, 8},
    {"BOOL", CULL_BOOL, 1},
    {"F8_E4M3", CULL__F8_E4M3, 1},
    {"F8_E5M2", CULL__F8_E5M2, 1},
    {"F8_E8M0", -1, 1},
    {"C64", -1, 8},
};

int cull__safetensors_form(const char *dtype, int *size)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, dtype)) return *size = types[i].size, types[i].form;
    *size = 0;
    return -1;
}

const char *cull__safetensors_dtype(int form)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].form == form) return types[i].name;
    return "";
}

typedef struct {
    const char *name;
    char dtype[16];
    int type; /* of types; -1: unknown */
    int ndim;
    int64_t shape[8];
    uint64_t lo, hi; /* in the data */
} tensor;

typedef struct {
    cull_ctx *cx;
    const char *path;
    tensor *t;
    int64_t n;
    uint64_t data_n;
    cull_status status;
    tensor *now; /* whose members are visited */
    int have;    /* 1 dtype, 2 shape, 4 data_offsets */
    uint64_t pair[2];
    int pairs;
    const char **meta; /* key, value, ...; kept where `metas` is not NULL */
    int64_t *metas;
} reading;

static cull_status damaged(reading *r, const char *name, const char *what)
{
    char shown[80];
    return cull__fail(r->cx, CULL_EIO, "%s: tensor '%s' %s", r->path,
                      cull__quote(name, strlen(name), shown, sizeof shown), what);
}

/* A NUL-terminated copy in the arena. */
cull_status cull__safetensors_keep(cull_ctx *cx, const char *s, size_t n, const char **out)
{
    char *p;
    CULL_TRY(CULL_TMP(cx, p, (int64_t)n + 1));
    memcpy(p, s, n);
    p[n] = 0;
    *out = p;
    return CULL_OK;
}

/* Parse n bytes that have no room behind them. The text is copied to the arena. */
cull_status cull__safetensors_json(cull_ctx *cx, const char *path, cull__json_parser *p,
                                   const void *at, size_t n, size_t offset, cull__json_value *root)
{
    char *copy;
    const char *why, *key;
    size_t where, key_n;
    CULL_TRY(CULL_TMP(cx, copy, (int64_t)n + JSON_SPARE));
    memcpy(copy, at, n);
    memset(copy + n, 0, JSON_SPARE);
    if (!cull__json_parse(p, copy, n, root, &why, &where)) {
        if (where == SIZE_MAX) return cull__fail(cx, CULL_ENOMEM, "%s: its JSON: %s", path, why);
        return cull__fail(cx, CULL_EIO, "%s: byte %zu: damaged JSON: %s", path, offset + where,
                          why);
    }
    if (cull__json_kind(*root) != CULL__JSON_OBJECT)
        return cull__fail(cx, CULL_EIO, "%s: its JSON is no object", path);
    CULL_TRY(cull__json_twice(cx, *root, &key, &key_n));
    if (!key) return CULL_OK;
    char shown[80];
    return cull__fail(cx, CULL_EIO, "%s: it names '%s' twice", path,
                      cull__quote(key, key_n, shown, sizeof shown));
}

/* ---- one tensor's entry ---- */

/* 2.0 is none: other readers refuse it. */
static bool whole(cull__json_value v, int64_t *out)
{
    uint64_t u;
    if (cull__json_kind(v) != CULL__JSON_NUMBER || !cull__json_unsigned(v, &u)) return false;
    *out = (int64_t)u;
    return u <= INT64_MAX;
}

static bool on_length(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    reading *r = arg;
    tensor *t = r->now;
    (void)key, (void)key_n;
    if (t->ndim < 8 && whole(v, &t->shape[t->ndim])) return t->ndim++, true;
    r->status = t->ndim == 8
                    ? cull__fail(r->cx, CULL_EINPUT,
                                 "%s: tensor '%.70s' has more than 8 dimensions", r->path, t->name)
                    : damaged(r, t->name, "has a length that is no whole number from 0");
    return false;
}

static bool on_offset(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    reading *r = arg;
    int64_t o;
    (void)key, (void)key_n;
    if (r->pairs < 2 && whole(v, &o)) {
        r->pair[r->pairs++] = (uint64_t)o;
        return true;
    }
    r->status = damaged(r, r->now->name, "has data_offsets that are no two whole numbers from 0");
    return false;
}

static bool on_member(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    static const char *const keys[] = {"dtype", "shape", "data_offsets"};
    reading *r = arg;
    tensor *t = r->now;
    int k = 0;
    while (k < 3 && (strlen(keys[k]) != key_n || memcmp(keys[k], key, key_n))) k++;
    if (k == 3) return true; /* the format may grow */
    if (r->have & 1 << k) {
        r->status = damaged(r, t->name, "says dtype, shape or data_offsets twice");
        return false;
    }
    r->have |= 1 << k;
    if (k == 0) {
        size_t n;
        const char *s = cull__json_kind(v) == CULL__JSON_STRING ? cull__json_string(v, &n) : NULL;
        if (!s) {
            r->status = damaged(r, t->name, "has a dtype that is no string");
            return false;
        }
        cull__quote(s, n, t->dtype, sizeof t->dtype);
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (!strcmp(types[i].name, t->dtype)) t->type = (int)i;
        return true;
    }
    if (cull__json_kind(v) != CULL__JSON_ARRAY) {
        r->status = damaged(r, t->name, "has a shape or data_offsets that are no array");
        return false;
    }
    return cull__json_each(v, k == 1 ? on_length : on_offset, r);
}

static cull_status check_size(reading *r, const tensor *t)
{
    cull_array a = {.ndim = t->ndim};
    char shape[208];
    uint64_t n = 1;
    bool fits = true; /* also where a 0 comes later: who multiplies from the left cannot know */
    memcpy(a.shape, t->shape, sizeof a.shape);
    for (int d = 0; d < t->ndim; d++) fits &= !__builtin_mul_overflow(n, (uint64_t)t->shape[d], &n);
    if (!fits)
        return cull__fail(r->cx, CULL_EIO, "%s: tensor '%.70s': shape %s has too many numbers",
                          r->path, t->name, cull__shape_text(&a, shape));
    if (t->type < 0) return CULL_OK; /* its size is not known */
    if (__builtin_mul_overflow(n, (uint64_t)types[t->type].size, &n) || n != t->hi - t->lo)
        return cull__fail(r->cx, CULL_EIO,
                          "%s: tensor '%.70s': shape %s of %s does not take the %" PRIu64
                          " bytes of its data_offsets",
                          r->path, t->name, cull__shape_text(&a, shape), t->dtype, t->hi - t->lo);
    return CULL_OK;
}

static cull_status on_tensor(reading *r, const char *name, size_t name_n, cull__json_value v)
{
    tensor *t = &r->t[r->n];
    if (memchr(name, 0, name_n))
        return cull__fail(r->cx, CULL_EIO, "%s: the name of a tensor has a NUL", r->path);
    *t = (tensor){.type = -1};
    CULL_TRY(cull__safetensors_keep(r->cx, name, name_n, &t->name));
    r->now = t;
    r->have = r->pairs = 0;
    if (cull__json_kind(v) != CULL__JSON_OBJECT) return damaged(r, t->name, "is no object");
    if (!cull__json_each(v, on_member, r)) return r->status;
    if (r->have != 7) return damaged(r, t->name, "lacks dtype, shape or data_offsets");
    if (r->pairs != 2) return damaged(r, t->name, "has data_offsets that are no two numbers");
    t->lo = r->pair[0], t->hi = r->pair[1];
    if (t->lo > t->hi) return damaged(r, t->name, "ends before it begins (data_offsets)");
    if (t->hi > r->data_n)
        return cull__fail(r->cx, CULL_EIO,
                          "%s: tensor '%.70s' ends at byte %" PRIu64 " of data of %" PRIu64
                          " bytes: the file is cut",
                          r->path, t->name, t->hi, r->data_n);
    CULL_TRY(check_size(r, t));
    r->n++;
    return CULL_OK;
}

static bool bad_meta(reading *r, const char *what)
{
    r->status = cull__fail(r->cx, CULL_EIO, "%s: its __metadata__ %s", r->path, what);
    return false;
}

/* Those that hold a NUL are passed over: nobody's business but their writer's. */
static bool on_meta(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    reading *r = arg;
    char shown[80], what[128];
    if (cull__json_kind(v) != CULL__JSON_STRING) {
        snprintf(what, sizeof what, "says '%s', which is no string",
                 cull__quote(key, key_n, shown, sizeof shown));
        return bad_meta(r, what);
    }
    size_t n;
    const char *s = cull__json_string(v, &n);
    if (!r->metas || memchr(s, 0, n) || memchr(key, 0, key_n)) return true;
    r->status = cull__safetensors_keep(r->cx, key, key_n, &r->meta[*r->metas]);
    if (r->status == CULL_OK)
        r->status = cull__safetensors_keep(r->cx, s, n, &r->meta[*r->metas + 1]);
    *r->metas += 2;
    return r->status == CULL_OK;
}

static bool on_metadata(reading *r, cull__json_value v)
{
    if (cull__json_kind(v) == CULL__JSON_NULL) return true;
    if (cull__json_kind(v) != CULL__JSON_OBJECT) return bad_meta(r, "is no object of strings");
    if (r->metas) r->status = CULL_TMP(r->cx, r->meta, 2 * cull__json_count(v));
    return r->status == CULL_OK && cull__json_each(v, on_meta, r);
}

static bool on_entry(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    reading *r = arg;
    if (key_n == 12 && !memcmp(key, "__metadata__", 12)) return on_metadata(r, v);
    r->status = on_tensor(r, key, key_n, v);
    return r->status == CULL_OK;
}

/* ---- the head ---- */

static int by_place(const void *a, const void *b)
{
    const tensor *x = *(const tensor *const *)a, *y = *(const tensor *const *)b;
    return x->lo != y->lo   ? (x->lo < y->lo ? -1 : 1)
           : x->hi != y->hi ? (x->hi < y->hi ? -1 : 1)
                            : 0;
}

static cull_status check_places(reading *r)
{
    const tensor **by;
    uint64_t at = 0;
    CULL_TRY(CULL_TMP(r->cx, by, r->n));
    for (int64_t i = 0; i < r->n; i++) by[i] = &r->t[i];
    qsort(by, (size_t)r->n, sizeof *by, by_place);
    for (int64_t i = 0; i < r->n; i++) {
        if (by[i]->lo < at) return damaged(r, by[i]->name, "overlaps another (data_offsets)");
        if (by[i]->lo > at)
            return damaged(r, by[i]->name, "leaves a hole before it (data_offsets)");
        at = by[i]->hi;
    }
    if (at != r->data_n)
        return cull__fail(r->cx, CULL_EIO, "%s: %" PRIu64 " bytes at the end belong to no tensor",
                          r->path, r->data_n - at);
    return CULL_OK;
}

/* The first "-0" of the head's n bytes that is a number: the parser takes it for 0, other readers refuse it. NULL = none. */
static const unsigned char *minus_zero(const unsigned char *at, size_t n)
{
    bool text = false;
    for (size_t i = 0; i + 1 < n; i++) {
        if (at[i] == '"')
            text = !text;
        else if (text)
            i += at[i] == '\\';
        else if (at[i] == '-' && at[i + 1] == '0')
            return at + i;
    }
    return NULL;
}

static cull_status read_head(reading *r, const unsigned char *at, size_t len, cull__json_parser *p)
{
    cull__json_value root;
    CULL_TRY(cull__safetensors_json(r->cx, r->path, p, at + 8, len, 8, &root));
    const unsigned char *minus = minus_zero(at + 8, len);
    if (minus)
        return cull__fail(r->cx, CULL_EIO, "%s: byte %zu: -0 is no whole number from 0", r->path,
                          (size_t)(minus - at));
    CULL_TRY(CULL_TMP(r->cx, r->t, cull__json_count(root)));
    if (!cull__json_each(root, on_entry, r)) return r->status;
    return check_places(r);
}

cull_status cull__safetensors_other(cull_ctx *cx, const char *path, const unsigned char *at,
                                    size_t n)
{
    static const struct {
        const char *magic;
        int n;
        const char *what;
    } known[] = {
        {"PK\3\4", 4,
         "a zip archive under the name of safetensors (a PyTorch checkpoint, most likely); "
         "PyTorch's "
         "pickles are never loaded: save it with safetensors"},
        {"GGUF", 4, "a GGUF file; cull reads safetensors: take the checkpoint it was made from"},
        {"version https://git-lfs", 23,
         "a pointer of git-lfs, not the file itself: fetch it with `git lfs pull`"},
        {"\x89HDF\r\n", 6, "an HDF5 file; cull reads safetensors: save it with safetensors"},
        {"\x93NUMPY", 6, "an npy file; cull reads safetensors: save it with safetensors"},
        {"<!DOCTYPE", 9, "a web page; was the download refused?"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (n >= (size_t)known[i].n && !memcmp(at, known[i].magic, (size_t)known[i].n))
            return cull__fail(cx, CULL_EINPUT, "%s: %s", path, known[i].what);
    /* a length may begin with these bytes too, but then a head follows */
    if (n > 8 && at[0] == 0x80 && at[1] >= 2 && at[1] <= 5 && at[8] != '{')
        return cull__fail(cx, CULL_EINPUT,
                          "%s: a pickle under the name of safetensors (a PyTorch checkpoint, most "
                          "likely); pickles are never loaded: save it with safetensors",
                          path);
    return CULL_OK;
}

/* All tensors into r->t, in the order of the head; *data = where their bytes begin. */
static cull_status open_head(reading *r, const unsigned char *at, size_t n,
                             const unsigned char **data)
{
    cull__json_parser *p;
    if (n < 8)
        return cull__fail(r->cx, CULL_EIO, "%s: %zu bytes are too few for safetensors", r->path, n);
    uint64_t len = cull__le64(at);
    CULL_TRY(cull__safetensors_other(r->cx, r->path, at, n));
    if (n > 8 && at[8] != '{')
        return cull__fail(r->cx, CULL_EIO, "%s: no safetensors file: byte 8 is no '{'", r->path);
    if (len > CULL__HEAD_MOST && len <= n - 8)
        return cull__fail(r->cx, CULL_EIO,
                          "%s: a safetensors head of %" PRIu64 " bytes; at most %d are allowed",
                          r->path, len, CULL__HEAD_MOST);
    if (len > n - 8)
        return cull__fail(r->cx, CULL_EIO,
                          "%s: the safetensors head is said to take %" PRIu64
                          " bytes, %zu are left: the file is cut, or is something else",
                          r->path, len, n - 8);
    r->data_n = n - 8 - len;
    *data = at + 8 + len;
    CULL_TRY(cull__json_parser_new(r->cx, &p));
    cull_status s = read_head(r, at, (size_t)len, p);
    cull__json_parser_free(p);
    return s;
}

static cull_status name_all(reading *r, const char ***names)
{
    CULL_TRY(CULL_TMP(r->cx, *names, r->n));
    for (int64_t i = 0; i < r->n; i++) (*names)[i] = r->t[i].name;
    return CULL_OK;
}

cull_status cull__safetensors_names(cull_ctx *cx, const char *path, const unsigned char *at,
                                    size_t n, const char ***names, int64_t *count)
{
    reading r = {.cx = cx, .path = path};
    const unsigned char *data = at;
    CULL_TRY(open_head(&r, at, n, &data));
    *count = r.n;
    return name_all(&r, names);
}

static bool readable(const tensor *t)
{
    return t->type >= 0 && types[t->type].form >= 0 && types[t->type].form < CULL_DTYPES;
}

static void array_of(const tensor *t, const unsigned char *data, cull_array *out)
{
    if (readable(t)) out->dtype = (cull_dtype)types[t->type].form;
    out->ndim = t->ndim;
    memcpy(out->shape, t->shape, sizeof out->shape);
    out->at = data + t->lo;
    cull__quote(t->name, strlen(t->name), out->name, sizeof out->name);
}

cull_status cull__safetensors_parse(cull_ctx *cx, const char *path, const char *name,
                                    const unsigned char *at, size_t n, cull_array *out)
{
    reading r = {.cx = cx, .path = path};
    const unsigned char *data = at;
    const char **names;
    int64_t which = 0;
    *out = (cull_array){0};
    CULL_TRY(open_head(&r, at, n, &data));
    CULL_TRY(name_all(&r, &names));
    CULL_TRY(cull__member(cx, path, names, r.n, name, &which));
    const tensor *t = &r.t[which];
    if (!readable(t))
        return cull__fail(
            cx, CULL_EINPUT,
            "%s: tensor '%.70s' has dtype %s, which cull does not read; it takes F16, "
            "BF16, F32, F64, BOOL and I8 to U64",
            path, t->name, t->dtype);
    array_of(t, data, out);
    return CULL_OK;
}

cull_status cull__safetensors_all(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                                  cull__tensor **out, int64_t *count, const char ***meta,
                                  int64_t *metas)
{
    reading r = {.cx = cx, .path = path, .metas = metas};
    const unsigned char *data = at;
    *metas = 0;
    CULL_TRY(open_head(&r, at, n, &data));
    CULL_TRY(CULL_TMP0(cx, *out, r.n));
    for (int64_t i = 0; i < r.n; i++) {
        const tensor *t = &r.t[i];
        cull__tensor *o = *out + i;
        *o = (cull__tensor){.name = t->name, .dtype = t->dtype, .readable = readable(t)};
        o->place = t->lo;
        o->bytes = t->hi - t->lo;
        array_of(t, data, &o->a);
    }
    *count = r.n;
    *meta = r.meta;
    return CULL_OK;
}

/* Tables by the Arrow C data interface, made by hand: the same records as a csv in every encoding, in one
 * batch and in several, sliced; vectors against plain loops; producers that lie; who releases what. */
#include "test.h"

#include <errno.h>
#include <unistd.h>

#include "cull/arrow.h"
#include "io/io.h"
#include "repr/repr.h"

/* ---- a producer ---- */

static long live;            /* schemas, batches and streams that nobody has released yet */
static void *scrap[1 << 16]; /* what the tests allocate, until drop() */
static int scraps;

static void *fresh(size_t bytes)
{
    assert_true(scraps < 1 << 16);
    return scrap[scraps++] = calloc(1, bytes + 8);
}

static void drop(void)
{
    while (scraps) free(scrap[--scraps]);
}

static void free_schema(struct ArrowSchema *s) { live--, s->release = NULL; }
static void free_array(struct ArrowArray *a) { live--, a->release = NULL; }

/* children: schemas or arrays up to a NULL */
static struct ArrowSchema *schema(const char *format, const char *name,
                                  struct ArrowSchema **children)
{
    struct ArrowSchema *s = fresh(sizeof *s);
    *s = (struct ArrowSchema){.format = format, .name = name, .flags = 2};
    while (children && children[s->n_children]) s->n_children++;
    s->children = fresh((size_t)s->n_children * sizeof *s->children);
    for (int64_t i = 0; i < s->n_children; i++) s->children[i] = children[i];
    s->release = free_schema;
    return s;
}

static struct ArrowArray *array(int64_t n, int64_t offset, int buffers, const void *const *buffer,
                                struct ArrowArray **children)
{
    struct ArrowArray *a = fresh(sizeof *a);
    *a = (struct ArrowArray){.length = n, .offset = offset, .n_buffers = buffers};
    a->buffers = fresh(8 * sizeof *a->buffers);
    for (int i = 0; i < buffers; i++) a->buffers[i] = buffer ? buffer[i] : NULL;
    a->null_count = buffers && a->buffers[0] ? -1 : 0;
    while (children && children[a->n_children]) a->n_children++;
    a->children = fresh((size_t)a->n_children * sizeof *a->children);
    for (int64_t i = 0; i < a->n_children; i++) a->children[i] = children[i];
    a->release = free_array;
    return a;
}

typedef struct {
    struct ArrowSchema *schema;
    struct ArrowArray *batch[16];
    int batches, at, schema_code, fail_at;
    const char *message;
} producer;

static int get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    producer *p = s->private_data;
    if (p->schema_code) return p->schema_code;
    *out = *p->schema;
    live++;
    return 0;
}

static int get_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    producer *p = s->private_data;
    if (p->fail_at && p->at + 1 == p->fail_at) return EINVAL;
    if (p->at == p->batches) {
        *out = (struct ArrowArray){0};
        return 0;
    }
    *out = *p->batch[p->at++];
    live++;
    return 0;
}

static const char *last_error(struct ArrowArrayStream *s)
{
    return ((producer *)s->private_data)->message;
}

static void free_stream(struct ArrowArrayStream *s) { live--, s->release = NULL; }

static struct ArrowArrayStream stream(producer *p)
{
    p->at = 0;
    live++;
    return (struct ArrowArrayStream){get_schema, get_next, last_error, free_stream, p};
}

static cull_arrow *opened(cull_ctx *cx, producer *p)
{
    struct ArrowArrayStream s = stream(p);
    cull_arrow *a;
    ok(cx, cull_arrow_open(cx, &s, &a));
    assert_null(s.release);
    return a;
}

/* ---- columns in every encoding ---- */

enum encoding { UTF8, LARGE, VIEW, DICT8, DICT_VIEW, ENCODINGS };
static const char *const format_of[] = {"u", "U", "vu", "c", "L"};

static void set_bit(uint8_t *bits, int64_t i) { bits[i >> 3] |= (uint8_t)(1 << (i & 7)); }

/* n strings as the array of an encoding, without a dictionary, `offset` others before them. */
static struct ArrowArray *strings(enum encoding e, const char *const *s, int64_t n, int64_t offset)
{
    int64_t bytes = 0, all = n + offset, at = 0;
    for (int64_t i = 0; i < n; i++) bytes += (int64_t)strlen(s[i]);
    char *data = fresh((size_t)(bytes + offset * 3));
    int32_t *small = fresh((size_t)(all + 1) * 4), *views = fresh((size_t)all * 16);
    int64_t *large = fresh((size_t)(all + 1) * 8), *sizes = fresh(16);
    for (int64_t i = 0; i < all; i++) {
        const char *t = i < offset ? "no!" : s[i - offset];
        int32_t len = (int32_t)strlen(t), *v = views + 4 * i;
        memcpy(data + at, t, (size_t)len);
        v[0] = len;
        if (len <= 12)
            memcpy(v + 1, t, (size_t)len);
        else
            memcpy(v + 1, t, 4), v[2] = 1, v[3] = (int32_t)at;
        large[i + 1] = at += len;
        small[i + 1] = (int32_t)at;
    }
    sizes[0] = 1, sizes[1] = at;
    if (e == VIEW)
        return array(n, offset, 5, (const void *[]){NULL, views, "?", data, sizes}, NULL);
    return array(n, offset, 3, (const void *[]){NULL, e == LARGE ? (void *)large : small, data},
                 NULL);
}

static struct ArrowSchema *string_schema(enum encoding e, const char *name)
{
    struct ArrowSchema *s = schema(format_of[e], name, NULL);
    if (e >= DICT8) s->dictionary = schema(e == DICT8 ? "u" : "vu", "", NULL);
    return s;
}

/* The dictionary of a batch: its distinct strings, backwards, the first of them unused. */
static struct ArrowArray *string_column(enum encoding e, const char *const *s, int64_t n,
                                        int64_t offset)
{
    if (e < DICT8) return strings(e, s, n, offset);
    const char **word = fresh((size_t)(n + 1) * sizeof *word);
    int64_t words = 1;
    uint64_t *wide = fresh((size_t)(n + offset) * 8);
    int8_t *narrow = fresh((size_t)(n + offset));
    word[0] = "unused";
    for (int64_t i = 0; i < n; i++) {
        int64_t k = 0;
        while (k < words && strcmp(word[k], s[i])) k++;
        if (k == words) word[words++] = s[i];
        wide[i + offset] = (uint64_t)k;
        narrow[i + offset] = (int8_t)k;
        assert_true(e != DICT8 || k < 128);
    }
    for (int64_t i = 0; i < offset; i++) wide[i] = UINT64_MAX, narrow[i] = -1;
    struct ArrowArray *a =
        array(n, offset, 2, (const void *[]){NULL, e == DICT8 ? (void *)narrow : wide}, NULL);
    a->dictionary = strings(e == DICT8 ? UTF8 : VIEW, word, words, 2);
    return a;
}

static const char *const number_format[] = {"c", "s", "i", "l", "f", "g", "C", "S", "I", "L", "e"};
enum { NUMBERS = 11 };

/* Numbers of 0 to 120, in the type's own form. */
static struct ArrowArray *number_column(int type, const double *v, int64_t n, int64_t offset)
{
    static const int size[NUMBERS] = {1, 2, 4, 8, 4, 8, 1, 2, 4, 8, 2};
    char *data = fresh((size_t)(n + offset) * 8);
    memset(data, 0x7b, (size_t)offset * 8);
    for (int64_t i = 0; i < n; i++) {
        int64_t whole = (int64_t)v[i];
        float f = (float)v[i];
        uint16_t h = cull__f32_to_f16(f);
        const void *from = type == 4    ? (void *)&f
                           : type == 5  ? (const void *)&v[i]
                           : type == 10 ? (void *)&h
                                        : &whole;
        memcpy(data + (i + offset) * size[type], from, (size_t)size[type]);
    }
    return array(n, offset, 2, (const void *[]){NULL, data}, NULL);
}

/* ---- records ---- */

enum { ROWS = 700 };
static const char *text[ROWS], *id[ROWS], *topic[ROWS];
static double score[ROWS];

static void records(void)
{
    cull_rng r = cull__rng_seeded(3, 1);
    for (int i = 0; i < ROWS; i++) {
        char *t = fresh(256), *d = fresh(16);
        for (int k = (int)cull__rng_below(&r, 9); k > 0; k--)
            sprintf(t + strlen(t), "w%d%s", (int)cull__rng_below(&r, 50),
                    k % 3 ? " " : " \xc3\xa9 ");
        sprintf(d, "%d", 90000 - i);
        text[i] = i % 50 == 3   ? ""
                  : i % 50 == 4 ? "twelve bytes"
                  : i % 50 == 5 ? "thirteen byte"
                                : t;
        id[i] = d;
        topic[i] = i % 7 == 2 ? "the other one of them" : i % 3 ? "a" : "b";
        score[i] = (double)cull__rng_below(&r, 121);
    }
}

/* Of `rows` from `lo`: the columns text and kind of an encoding, score of a number type, and id of
 * int64. With `nest` text and kind are fields of a struct that is sliced too. */
static struct ArrowArray *batch(enum encoding e, int type, int64_t lo, int64_t rows, int64_t offset,
                                bool nest)
{
    int64_t *ids = fresh((size_t)(rows + offset) * 8);
    for (int64_t i = 0; i < rows; i++) ids[i + offset] = atoll(id[lo + i]);
    enum encoding all = e >= DICT8 ? VIEW : e; /* texts are too many for a narrow dictionary */
    if (nest) { /* two rows before those of the fields are cut off by the struct, three by the batch */
        const char *t[ROWS + 5], *k[ROWS + 5];
        double s[ROWS + 5] = {0};
        int64_t *more = fresh((size_t)(rows + 3) * 8);
        for (int64_t i = 0; i < rows + 5; i++) {
            t[i] = i < 5 ? "cut" : text[lo + i - 5];
            k[i] = i < 5 ? "cut" : topic[lo + i - 5];
            if (i >= 2) s[i - 2] = i < 5 ? 99 : score[lo + i - 5];
            if (i >= 2) more[i - 2] = i < 5 ? 0 : ids[i - 5 + offset];
        }
        struct ArrowArray *meta =
            array(rows + 3, 2, 1, NULL,
                  (struct ArrowArray *[]){string_column(all, t, rows + 5, offset),
                                          string_column(e, k, rows + 5, offset), NULL});
        return array(rows, 3, 1, NULL,
                     (struct ArrowArray *[]){
                         meta, number_column(type, s, rows + 3, offset),
                         array(rows + 3, 0, 2, (const void *[]){NULL, more}, NULL), NULL});
    }
    return array(rows, 0, 1, NULL,
                 (struct ArrowArray *[]){string_column(all, text + lo, rows, offset),
                                         string_column(e, topic + lo, rows, offset),
                                         number_column(type, score + lo, rows, offset),
                                         array(rows, offset, 2, (const void *[]){NULL, ids}, NULL),
                                         NULL});
}

static producer table(enum encoding e, int type, bool parts, int64_t offset, bool nest)
{
    enum encoding all = e >= DICT8 ? VIEW : e;
    struct ArrowSchema *t = string_schema(all, "text"), *k = string_schema(e, "kind"),
                       *s = schema(number_format[type], "score", NULL),
                       *i = schema("l", "id", NULL);
    producer p = {0};
    if (nest)
        p.schema =
            schema("+s", "",
                   (struct ArrowSchema *[]){
                       schema("+s", "meta", (struct ArrowSchema *[]){t, k, NULL}), s, i, NULL});
    else
        p.schema = schema("+s", "", (struct ArrowSchema *[]){t, k, s, i, NULL});
    static const int64_t some[] = {0, 0, 255, 255, 256, 600, 600, ROWS};
    for (int b = 0; b < (parts ? 7 : 1); b++) {
        int64_t lo = parts ? some[b] : 0, hi = parts ? some[b + 1] : ROWS;
        p.batch[p.batches++] = batch(e, type, lo, hi - lo, offset, nest);
    }
    return p;
}

static cull_status collect(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                           int64_t n, void *slot)
{
    (void)cx, (void)chunk, (void)slot;
    for (int64_t i = 0; i < n; i++) {
        cull__buf_printf(arg, "%d ", (int)rec[i].row);
        cull__buf_add(arg, rec[i].text, rec[i].text_n);
        cull__buf_add(arg, "|", 1);
        cull__buf_add(arg, rec[i].id, rec[i].id_n);
        cull__buf_add(arg, "\n", 1);
    }
    return CULL_OK;
}

/* One thread's worth of everything. */
static cull_buf all_of(cull_ctx *cx, const cull_corpus *c)
{
    cull_buf b = CULL_BUF(cx);
    int32_t n;
    ok(cx, cull__corpus_pass(cx, c, 0, collect, NULL, &b));
    const int32_t *g = cull_corpus_group(c, NULL), *l = cull_corpus_label(c, &n);
    const double *v = cull_corpus_table(c)->col[0];
    for (int i = 0; i < ROWS; i++)
        cull__buf_printf(&b, "%s %d %s %g\n", cull_corpus_group_name(c, g[i]), (int)l[i],
                         cull_corpus_label_name(c, l[i]), v[i]);
    assert_int_equal(b.status, CULL_OK);
    return b;
}

static void as_csv(void **state)
{
    (void)state;
    static const char *const cols[] = {"score"};
    char path[] = "/tmp/cull-arrow-XXXXXX.csv";
    const char *paths[] = {path};
    records();
    FILE *f = fdopen(mkstemps(path, 4), "w");
    assert_non_null(f);
    fprintf(f, "text,kind,score,id\n");
    for (int i = 0; i < ROWS; i++)
        fprintf(f, "\"%s\",%s,%g,%s\n", text[i], topic[i], score[i], id[i]);
    fclose(f);
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    cull_corpus *c;
    o.paths = paths, o.npaths = 1;
    o.columns = cols, o.ncolumns = 1;
    o.group = "kind", o.label = "score";
    ok(cx, cull_corpus_open(cx, &o, &c));
    cull_buf want = all_of(cx, c);
    cull_corpus_free(c);
    unlink(path);
    int scraps_then = scraps;
    for (int e = 0; e < ENCODINGS; e++)
        for (int k = 0; k < 8; k++) {
            producer p =
                table((enum encoding)e, (e * 8 + k) % NUMBERS, k & 1, k & 2 ? 9 : 0, k & 4);
            cull_arrow *a = opened(cx, &p);
            assert_int_equal(cull_arrow_n(a), ROWS);
            o.text = k & 4 ? "meta.text" : NULL;
            o.group = k & 4 ? "meta.kind" : "kind";
            ok(cx, cull_arrow_corpus(cx, a, &o, &c));
            cull_buf b = all_of(cx, c);
            if (b.n != want.n || memcmp(b.at, want.at, b.n)) {
                size_t i = 0;
                while (b.at[i] == want.at[i]) i++;
                fail_msg("encoding %d, way %d: '%.60s', not '%.60s'", e, k, b.at + i, want.at + i);
            }
            cull__buf_free(&b);
            cull_corpus_free(c);
            cull_arrow_free(a);
            assert_int_equal(live, 0);
            while (scraps > scraps_then) free(scrap[--scraps]);
        }
    cull__buf_free(&want);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    drop();
}

/* ---- kinds ---- */

static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *format, *item, *kind;
    } t[] = {{"b", 0, "number"},      {"C", 0, "number"},      {"e", 0, "number"},
             {"u", 0, "string"},      {"U", 0, "string"},      {"vu", 0, "string"},
             {"+w:3", "f", "vector"}, {"+l", "e", "vector"},   {"+L", "c", "vector"},
             {"+w:3", "u", "other"},  {"+l", "+s", "other"},   {"z", 0, "other"},
             {"Z", 0, "other"},       {"vz", 0, "other"},      {"w:16", 0, "other"},
             {"d:10,2", 0, "other"},  {"tdD", 0, "other"},     {"ttm", 0, "other"},
             {"tsu:UTC", 0, "other"}, {"tDs", 0, "other"},     {"tiM", 0, "other"},
             {"n", 0, "other"},       {"+ud:0,1", 0, "other"}, {"+vl", "f", "other"},
             {"?", 0, "other"},       {"+w:x", "f", "other"},  {"bb", 0, "other"}};
    enum { N = sizeof t / sizeof *t };
    struct ArrowSchema *s[N + 2] = {0};
    for (int i = 0; i < N; i++) {
        struct ArrowSchema *item = t[i].item ? schema(t[i].item, "item", NULL) : NULL;
        s[i] = schema(t[i].format, i ? "x" : NULL, (struct ArrowSchema *[]){item, NULL});
    }
    struct ArrowSchema *deep = schema("i", "v", NULL);
    for (int i = 0; i < 3; i++) deep = schema("+s", "d", (struct ArrowSchema *[]){deep, NULL});
    s[N] = deep;
    cull_ctx *cx = cull_ctx_new(NULL);
    producer p = {.schema = schema("+s", "root", s)};
    cull_arrow *a = opened(cx, &p);
    const char *kind;
    for (int i = 0; i < N; i++) {
        assert_string_equal(cull_arrow_column(a, i, &kind), i ? "x" : "");
        if (strcmp(kind, t[i].kind)) fail_msg("%s is %s, not %s", t[i].format, kind, t[i].kind);
    }
    assert_string_equal(cull_arrow_column(a, N, NULL), "d.d.d.v");
    assert_null(cull_arrow_column(a, N + 1, &kind));
    assert_null(cull_arrow_column(a, -1, NULL));
    assert_int_equal(cull_arrow_n(a), 0);
    cull_arrow_free(a);
    /* deeper structs than are followed are one column */
    for (int i = 0; i < 9; i++) deep = schema("+s", "d", (struct ArrowSchema *[]){deep, NULL});
    p.schema = deep;
    a = opened(cx, &p);
    assert_string_equal(cull_arrow_column(a, 0, &kind), "d.d.d.d.d.d.d.d");
    assert_string_equal(kind, "other");
    assert_null(cull_arrow_column(a, 1, NULL));
    cull_arrow_free(a);
    /* an array that is no struct */
    const float v[] = {1, 2};
    p.schema = schema("f", "only", NULL);
    p.batch[0] = array(2, 0, 2, (const void *[]){NULL, v}, NULL);
    p.batches = 1;
    a = opened(cx, &p);
    cull_array out;
    ok(cx, cull_arrow_array(cx, a, "only", &out));
    assert_ptr_equal(out.at, v);
    cull_array_free(&out);
    cull_arrow_free(a);
    cull_ctx_free(cx);
    assert_int_equal(live, 0);
    drop();
}

/* ---- arrays ---- */

enum list { FIXED, LIST, LARGE_LIST, LISTS };

/* Rows [lo, lo + n) of 3 numbers, 3 i + j + `lo` mod 120; offsets everywhere if `cut`. */
static struct ArrowArray *vectors(enum list l, int type, int64_t lo, int64_t n, bool cut)
{
    int64_t skip = cut ? 2 : 0, all = n + skip;
    double *v = fresh((size_t)(3 * all) * 8);
    int32_t *small = fresh((size_t)(all + 1) * 4);
    int64_t *large = fresh((size_t)(all + 1) * 8);
    for (int64_t i = 0; i < 3 * all; i++)
        v[i] = i < 3 * skip ? 77 : (double)((3 * lo + i - 3 * skip) % 120);
    for (int64_t i = 0; i <= all; i++) small[i] = (int32_t)(large[i] = 3 * i);
    struct ArrowArray *child = number_column(type, v, 3 * all, cut ? 5 : 0);
    const void *buffer[] = {NULL, l == LIST ? (void *)small : large};
    return array(n, skip, l == FIXED ? 1 : 2, buffer, (struct ArrowArray *[]){child, NULL});
}

static void arrays(void **state)
{
    (void)state;
    static const char *const format[] = {"+w:3", "+l", "+L"};
    static const cull_dtype dtype[NUMBERS] = {CULL_I8,  CULL_I16, CULL_I32, CULL_I64,
                                              CULL_F32, CULL_F64, CULL_U8,  CULL_U16,
                                              CULL_U32, CULL_U64, CULL_F16};
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    for (int l = 0; l < LISTS; l++)
        for (int type = 0; type < NUMBERS; type++)
            for (int way = 0; way < 4; way++) {
                bool cut = way & 1, parts = way & 2;
                struct ArrowSchema *item = schema(number_format[type], "item", NULL);
                struct ArrowSchema *cols[] = {
                    schema(format[l], "v", (struct ArrowSchema *[]){item, NULL}),
                    schema(number_format[type], "x", NULL), NULL};
                producer p = {.schema = schema("+s", "", cols)};
                for (int64_t lo = 0; lo < 100; lo += parts ? 40 : 100) {
                    int64_t n = 100 - lo < 40 || !parts ? 100 - lo : 40;
                    double x[100];
                    for (int64_t i = 0; i < n; i++) x[i] = (double)(lo + i);
                    struct ArrowArray *both[] = {vectors((enum list)l, type, lo, n, cut),
                                                 number_column(type, x, n, cut ? 4 : 0), NULL};
                    p.batch[p.batches++] = array(n, 0, 1, NULL, both);
                }
                cull_arrow *a = opened(cx, &p);
                cull_array v, x;
                double got[300];
                long before = h.calls;
                ok(cx, cull_arrow_array(cx, a, "v", &v));
                ok(cx, cull_arrow_array(cx, a, "x", &x));
                assert_true((h.calls == before) == !parts); /* in place, or made */
                assert_true(v.ndim == 2 && v.shape[0] == 100 && v.shape[1] == 3);
                assert_true(x.ndim == 1 && x.shape[0] == 100 && x.dtype == dtype[type]);
                assert_int_equal(v.dtype, dtype[type]);
                assert_string_equal(v.name, "v");
                cull_array_f64(&v, 0, 300, got);
                for (int i = 0; i < 300; i++)
                    if (got[i] != i % 120)
                        fail_msg("list %d, type %d, way %d: %d", l, type, way, i);
                cull_array_f64(&x, 0, 100, got);
                for (int i = 0; i < 100; i++) assert_true(got[i] == i);
                cull_array_free(&v);
                cull_array_free(&x);
                cull_arrow_free(a);
                assert_int_equal(live, 0);
                drop();
            }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void packed(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    uint8_t bits[8] = {0}, *valid = fresh(8);
    for (int i = 0; i < 40; i++)
        if (i % 3 == 1) set_bit(bits, i + 5);
    memset(valid, 0xff, 8);
    static const int16_t index[] = {2, 0, 1, 1, 2};
    static const uint64_t big[] = {0, UINT64_MAX, 7, 1ULL << 60};
    struct ArrowSchema *d = schema("s", "dict", NULL), *f = schema("C", "flag", NULL);
    d->dictionary = schema("L", NULL, NULL);
    f->dictionary = schema("b", NULL, NULL);
    struct ArrowSchema *cols[] = {
        schema("b", "bool", NULL), d, f,
        schema("+w:2", "bools", (struct ArrowSchema *[]){schema("b", "", NULL), NULL}), NULL};
    struct ArrowArray *da = array(5, 0, 2, (const void *[]){valid, index}, NULL);
    struct ArrowArray *fa = array(5, 0, 2, (const void *[]){NULL, "\0\1\1\0\1"}, NULL);
    da->dictionary = array(3, 1, 2, (const void *[]){NULL, big}, NULL);
    fa->dictionary = array(2, 5, 2, (const void *[]){NULL, bits}, NULL);
    struct ArrowArray *bools = array(10, 3, 2, (const void *[]){NULL, bits}, NULL);
    producer p = {.schema = schema("+s", "", cols), .batches = 1};
    p.batch[0] = array(
        5, 0, 1, NULL,
        (struct ArrowArray *[]){array(5, 5, 2, (const void *[]){valid, bits}, NULL), da, fa,
                                array(5, 0, 1, NULL, (struct ArrowArray *[]){bools, NULL}), NULL});
    cull_arrow *a = opened(cx, &p);
    cull_array v;
    ok(cx, cull_arrow_array(cx, a, "bool", &v));
    assert_int_equal(v.dtype, CULL_BOOL);
    assert_memory_equal(v.at, "\0\1\0\0\1", 5);
    cull_array_free(&v);
    ok(cx, cull_arrow_array(cx, a, "bools", &v));
    assert_true(v.shape[0] == 5 && v.shape[1] == 2);
    assert_memory_equal(v.at, "\0\0\0\1\0\0\1\0\0\1", 10);
    cull_array_free(&v);
    ok(cx, cull_arrow_array(cx, a, "flag", &v));
    assert_memory_equal(v.at, "\0\1\1\0\1", 5);
    cull_array_free(&v);
    ok(cx, cull_arrow_array(cx, a, "dict", &v));
    static const uint64_t want[] = {1ULL << 60, UINT64_MAX, 7, 7, 1ULL << 60};
    assert_int_equal(v.dtype, CULL_U64);
    assert_memory_equal(v.at, want, sizeof want);
    cull_array_free(&v);
    /* the same as names, all digits of them, and as numbers */
    static const char *const col[] = {"bool"};
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    cull_corpus *c;
    o.text = "", o.id = "dict", o.group = "bool", o.label = "flag", o.columns = col, o.ncolumns = 1;
    ok(cx, cull_arrow_corpus(cx, a, &o, &c));
    cull_strings s;
    int64_t row = 1;
    ok(cx, cull_corpus_ids(cx, c, &row, 1, 0, &s));
    assert_string_equal(s.id[0], "18446744073709551615");
    assert_string_equal(cull_corpus_group_name(c, 0), "false");
    assert_string_equal(cull_corpus_label_name(c, 1), "true");
    assert_true(cull_corpus_table(c)->col[0][1] == 1 && cull_corpus_table(c)->col[0][2] == 0);
    cull_strings_free(&s);
    cull_corpus_free(c);
    cull_arrow_free(a);
    cull_ctx_free(cx);
    drop();
}

/* ---- refusals ---- */

static void want_array(cull_ctx *cx, producer *p, const char *column, const char *says)
{
    cull_arrow *a = opened(cx, p);
    cull_array v;
    refused(cx, cull_arrow_array(cx, a, column, &v), CULL_EINPUT, says);
    assert_null(v.at);
    cull_arrow_free(a);
    assert_int_equal(live, 0);
}

static void want_corpus(cull_ctx *cx, producer *p, cull_corpus_opts o, const char *says)
{
    cull_arrow *a = opened(cx, p);
    cull_corpus *c;
    refused(cx, cull_arrow_corpus(cx, a, &o, &c), CULL_EINPUT, says);
    assert_null(c);
    cull_arrow_free(a);
    assert_int_equal(live, 0);
}

static producer one(struct ArrowSchema *s, struct ArrowArray *a)
{
    producer p = {.schema = schema("+s", "", (struct ArrowSchema *[]){s, NULL}), .batches = 2};
    p.batch[0] = array(a->length, 0, 1, NULL, (struct ArrowArray *[]){a, NULL});
    p.batch[1] = array(a->length, 0, 1, NULL, (struct ArrowArray *[]){a, NULL});
    return p;
}

static void nulls_and_kinds(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static const uint8_t third[] = {0xfb}, all[] = {0xff}; /* row 2 is null */
    static const int32_t offset[] = {0, 1, 2, 3, 4}, ragged[] = {0, 2, 4, 5, 7};
    static const float f[16] = {0};
    static const int8_t index[] = {0, 1, 5, 0};
    struct ArrowArray *s = array(4, 0, 3, (const void *[]){third, offset, "abcd"}, NULL);
    producer strs = one(schema("u", "text", NULL), s);
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    want_corpus(cx, &strs, o, "memory: row 2 of column 'text' is null; it must be a string");
    want_array(cx, &strs, "text", "column 'text' is of type string; an array is made of numbers");
    want_array(cx, &strs, "no", "arrow: no column 'no'; the table has text");
    o.text = "", o.group = "text";
    want_corpus(cx, &strs, o, "memory: row 2 of column 'text' is null");
    /* but an id may be, when it was not asked for */
    strs = one(schema("u", "id", NULL), s);
    o = (cull_corpus_opts){.size = sizeof o, .text = ""};
    cull_arrow *a = opened(cx, &strs);
    cull_corpus *c;
    cull_strings ids;
    static const int64_t idx[] = {1, 2, 7};
    ok(cx, cull_arrow_corpus(cx, a, &o, &c));
    ok(cx, cull_corpus_ids(cx, c, idx, 3, 0, &ids));
    assert_string_equal(ids.id[0], "b");
    assert_string_equal(ids.id[1], "2");
    assert_string_equal(ids.id[2], "d");
    cull_strings_free(&ids);
    cull_corpus_free(c);
    cull_arrow_free(a);
    o.id = "id";
    want_corpus(cx, &strs, o, "memory: row 2 of column 'id' is null");
    /* numbers */
    static const char *const col[] = {"x"};
    o = (cull_corpus_opts){.size = sizeof o, .text = "", .columns = col, .ncolumns = 1};
    producer nums = one(schema("f", "x", NULL), array(4, 0, 2, (const void *[]){third, f}, NULL));
    want_array(cx, &nums, "x", "arrow: row 2 of column 'x' holds a null; an array is all numbers");
    want_corpus(cx, &nums, o, "memory: row 2 of column 'x' is null; it must be a number");
    nums.batches = 1;
    want_array(cx, &nums, "x", "arrow: row 2 of column 'x' holds a null");
    producer batch_null =
        one(schema("f", "x", NULL), array(4, 0, 2, (const void *[]){all, f}, NULL));
    batch_null.batch[1]->buffers[0] = third;
    batch_null.batch[1]->null_count = 1;
    want_array(cx, &batch_null, "x", "arrow: row 6 of column 'x' holds a null");
    want_corpus(cx, &batch_null, o, "memory: row 6 of column 'x' is null");
    static const struct {
        const char *format, *word;
    } other[] = {
        {"z", "binary"},       {"w:4", "binary"}, {"d:9,2", "decimal"}, {"tdD", "date"},
        {"tsu:", "timestamp"}, {"tts", "time"},   {"tDs", "duration"},  {"tin", "interval"},
        {"n", "null"},         {"+m", "map"},     {"+us:0", "union"},   {"+r", "run-end"},
        {"+vL", "list view"},  {"Q", "unknown"},  {"vz", "binary"},     {"Z", "binary"}};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        producer p = one(schema(other[i].format, "x", NULL), array(4, 0, 0, NULL, NULL));
        want_array(cx, &p, "x", other[i].word);
        want_corpus(cx, &p, o, other[i].word);
        cull_corpus_opts t = CULL_CORPUS_OPTS;
        t.text = "x";
        want_corpus(cx, &p, t, "text must be strings");
    }
    /* lists */
    struct ArrowSchema *fs = schema("f", "item", NULL);
    struct ArrowSchema *list = schema("+l", "v", (struct ArrowSchema *[]){fs, NULL});
    struct ArrowArray *items = array(16, 0, 2, (const void *[]){NULL, f}, NULL);
    struct ArrowArray *hole = array(16, 0, 2, (const void *[]){third, f}, NULL);
    producer lists = one(
        list, array(4, 0, 2, (const void *[]){NULL, ragged}, (struct ArrowArray *[]){items, NULL}));
    want_array(cx, &lists, "v", "arrow: row 2 of column 'v' has 1 numbers, row 0 has 2");
    lists = one(list, array(4, 0, 2, (const void *[]){third, offset},
                            (struct ArrowArray *[]){items, NULL}));
    want_array(cx, &lists, "v", "arrow: row 2 of column 'v' holds a null");
    lists = one(
        list, array(4, 0, 2, (const void *[]){NULL, offset}, (struct ArrowArray *[]){hole, NULL}));
    want_array(cx, &lists, "v", "arrow: row 2 of column 'v' holds a null");
    static const int32_t far[] = {0, 5, 10, 15, 20}, back[] = {4, 2, 4, 6, 8},
                         neg[] = {-2, 0, 2, 4, 6};
    lists = one(list,
                array(4, 0, 2, (const void *[]){NULL, far}, (struct ArrowArray *[]){items, NULL}));
    want_array(cx, &lists, "v", "arrow: row 3 of column 'v' has an offset outside");
    lists = one(list,
                array(4, 0, 2, (const void *[]){NULL, back}, (struct ArrowArray *[]){items, NULL}));
    want_array(cx, &lists, "v", "arrow: row 0 of column 'v' has no sensible length");
    lists = one(list,
                array(4, 0, 2, (const void *[]){NULL, neg}, (struct ArrowArray *[]){items, NULL}));
    want_array(cx, &lists, "v", "arrow: row 0 of column 'v' has an offset outside");
    /* cells that point outside */
    o = (cull_corpus_opts){.size = sizeof o, .text = "t"};
    producer bad =
        one(schema("u", "t", NULL), array(4, 0, 3, (const void *[]){NULL, back, "abcdefgh"}, NULL));
    want_corpus(cx, &bad, o, "memory: row 0 of column 't' has an offset or index outside");
    bad = one(schema("u", "t", NULL), array(4, 0, 3, (const void *[]){NULL, offset, NULL}, NULL));
    want_corpus(cx, &bad, o, "memory: row 0 of column 't' has an offset");
    struct ArrowSchema *ds = schema("c", "t", NULL);
    ds->dictionary = schema("u", "", NULL);
    struct ArrowArray *da = array(4, 0, 2, (const void *[]){NULL, index}, NULL);
    da->dictionary = array(4, 0, 3, (const void *[]){NULL, offset, "abcd"}, NULL);
    bad = one(ds, da);
    want_corpus(cx, &bad, o, "memory: row 2 of column 't' has an offset or index outside");
    static const int32_t view[2][8] = {{3, 0, 0, 0, 13, 0, 1, 0}, {3, 0, 0, 0, 13, 0, 0, 4}};
    static const int64_t sizes[] = {16, 1000}; /* the second of no buffer */
    for (int i = 0; i < 2; i++) {
        bad = one(schema("vu", "t", NULL),
                  array(2, 0, 4, (const void *[]){NULL, view[i], "0123456789abcdef", sizes}, NULL));
        want_corpus(cx, &bad, o, "memory: row 1 of column 't' has an offset or index outside");
    }
    /* two of one name */
    producer two = {.schema = schema("+s", "", (struct ArrowSchema *[]){fs, fs, NULL})};
    want_array(cx, &two, "item", "arrow: two columns are named 'item'");
    cull_ctx_free(cx);
    drop();
}

/* ---- producers that lie or fail ---- */

static void producers(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    struct ArrowArrayStream s;
    cull_arrow *a;
    static const float f[16] = {0};
    for (int lie = 0; lie < 22; lie++) {
        struct ArrowSchema *fs = schema("f", "x", NULL), *ds = schema("c", "d", NULL),
                           *ls = schema("+w:2", "v",
                                        (struct ArrowSchema *[]){schema("f", "", NULL), NULL});
        ds->dictionary = schema("u", "", NULL);
        struct ArrowArray *x = array(4, 0, 2, (const void *[]){NULL, f}, NULL),
                          *d = array(4, 0, 2, (const void *[]){NULL, f}, NULL),
                          *item = array(8, 0, 2, (const void *[]){NULL, f}, NULL),
                          *v = array(4, 0, 1, NULL, (struct ArrowArray *[]){item, NULL});
        d->dictionary = array(4, 0, 3, (const void *[]){NULL, f, "abcd"}, NULL);
        producer p = {.schema = schema("+s", "", (struct ArrowSchema *[]){fs, ds, ls, NULL}),
                      .batches = 1};
        p.batch[0] = array(4, 0, 1, NULL, (struct ArrowArray *[]){x, d, v, NULL});
        const char *says = NULL;
        switch (lie) {
        case 0: break; /* the truth */
        case 1:
            says = "column 'x' of the batch at row 0 has a negative length", x->offset = -1;
            break;
        case 2:
            says = "column 'x' of the batch at row 0 has a negative length", x->length = -4;
            break;
        case 3:
            says = "column 'x' of the batch at row 0 has a negative", x->offset = INT64_MAX;
            break;
        case 4: says = "column 'x' of the batch at row 0 has fewer rows", x->length = 3; break;
        case 5:
            says = "column 'x' of the batch at row 0 has fewer rows", p.batch[0]->offset = 1;
            break;
        case 6: says = "column 'x' of the batch at row 0 lacks buffers", x->n_buffers = 1; break;
        case 7: says = "column 'x' of the batch at row 0 lacks buffers", x->buffers = NULL; break;
        case 8: says = "column 'x' of the batch at row 0 has no data", x->buffers[1] = NULL; break;
        case 9:
            says = "column 'x' of the batch at row 0 has no array", p.batch[0]->children[0] = NULL;
            break;
        case 10:
            says = "column 'x' of the batch at row 0 has other fields", p.batch[0]->n_children = 2;
            break;
        case 11:
            says = "column 'x' of the batch at row 0 has other fields", p.batch[0]->children = NULL;
            break;
        case 12:
            says = "column 'd' of the batch at row 0 has no dictionary", d->dictionary = NULL;
            break;
        case 13:
            says = "column 'd' of the batch at row 0 lacks buffers", d->dictionary->n_buffers = 2;
            break;
        case 14:
            says = "column 'd' of the schema has a dictionary, but no integers", ds->format = "f";
            break;
        case 15:
            says = "column 'v' of the batch at row 0 has lists without", v->n_children = 0;
            break;
        case 16: says = "column 'v' of the batch at row 0 has fewer rows", item->length = 7; break;
        case 17:
            says = "column 'v' of the batch at row 0 has no data", item->buffers[1] = NULL;
            break;
        case 18: says = "column 'v' of the schema is a list of no type", ls->n_children = 0; break;
        case 19:
            says = "has more elements than memory", ls->format = "+w:9223372036854775807";
            break;
        case 20: says = "has a field without a format", p.schema->children[1] = NULL; break;
        case 21: says = "is a struct without its fields", p.schema->n_children = -1; break;
        }
        s = stream(&p);
        if (says)
            refused(cx, cull_arrow_open(cx, &s, &a), CULL_EINPUT, says);
        else
            ok(cx, cull_arrow_open(cx, &s, &a));
        assert_true(says ? !a : a != NULL);
        assert_null(s.release);
        cull_arrow_free(a);
        assert_int_equal(live, 0);
        drop();
    }
    records();
    producer p = table(UTF8, 5, true, 0, false);
    p.fail_at = 5, p.message = "disk on\nfire";
    s = stream(&p);
    refused(cx, cull_arrow_open(cx, &s, &a), CULL_EIO,
            "arrow: the stream gives no batch: disk on?fire");
    p.message = NULL;
    s = stream(&p);
    refused(cx, cull_arrow_open(cx, &s, &a), CULL_EIO, "no batch: Invalid argument");
    refused(cx, cull_arrow_open(cx, &s, &a), CULL_EINPUT, "arrow: the stream was taken before");
    p.schema_code = ENOMEM;
    s = stream(&p);
    refused(cx, cull_arrow_open(cx, &s, &a), CULL_EIO, "arrow: the stream gives no schema");
    s = stream(&p);
    s.get_next = NULL;
    refused(cx, cull_arrow_open(cx, &s, &a), CULL_EINPUT, "arrow: the stream has no functions");
    assert_int_equal(live, 0);
    cull_ctx_free(cx);
    drop();
}

/* ---- no rows; failing allocations ---- */

static void nothing(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    struct ArrowSchema *item = schema("f", "", NULL),
                       *cols[] = {schema("u", "text", NULL),
                                  schema("+w:3", "fixed", (struct ArrowSchema *[]){item, NULL}),
                                  schema("+l", "list", (struct ArrowSchema *[]){item, NULL}),
                                  schema("g", "x", NULL), NULL};
    producer p = {.schema = schema("+s", "", cols), .batches = 1};
    p.batch[0] = array(0, 0, 1, NULL, NULL); /* empty, and without its columns */
    cull_arrow *a = opened(cx, &p);
    assert_int_equal(cull_arrow_n(a), 0);
    static const char *const name[] = {"fixed", "list", "x"};
    for (int i = 0; i < 3; i++) {
        cull_array v;
        ok(cx, cull_arrow_array(cx, a, name[i], &v));
        assert_int_equal(v.shape[0], 0);
        assert_int_equal(v.ndim, i < 2 ? 2 : 1);
        if (i < 2) assert_int_equal(v.shape[1], i ? 0 : 3);
        cull_array_free(&v);
    }
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    cull_corpus *c;
    refused(cx, cull_arrow_corpus(cx, a, &o, &c), CULL_EINPUT, "memory: the table has no rows");
    cull_arrow_free(a);
    p.schema = schema("+s", "", NULL);
    p.batch[0] = array(3, 0, 1, NULL, NULL);
    a = opened(cx, &p);
    assert_int_equal(cull_arrow_n(a), 3);
    refused(cx, cull_arrow_corpus(cx, a, &o, &c), CULL_EINPUT, "memory: the table has no columns");
    cull_array v;
    refused(cx, cull_arrow_array(cx, a, "x", &v), CULL_EINPUT, "no column 'x'; the table has none");
    cull_arrow_free(a);
    cull_ctx_free(cx);
    assert_int_equal(live, 0);
    drop();
}

static void failures(void **state)
{
    (void)state;
    records();
    producer p = table(DICT_VIEW, 5, true, 3, true);
    for (int kind = 0; kind < 2; kind++) {
        bool done = false;
        for (long at = kind ? 1 : 2; !done && at < 20000; at++) {
            hooks h = {.fail_at = kind ? 0 : at, .stop_at = kind ? at : 0};
            cull_ctx *cx = hooked_ctx(&h, 1 + (int)(at & 1));
            cull_corpus_opts o = CULL_CORPUS_OPTS;
            cull_corpus *c = NULL;
            cull_array v = {0};
            cull_arrow *a;
            o.text = "meta.text", o.group = "meta.kind";
            struct ArrowArrayStream s = stream(&p);
            cull_status st = cull_arrow_open(cx, &s, &a);
            if (st == CULL_OK) st = cull_arrow_corpus(cx, a, &o, &c);
            if (st == CULL_OK) st = cull_arrow_array(cx, a, "score", &v);
            done = kind ? h.ticks < at : h.calls < at;
            if (done) assert_int_equal(st, CULL_OK);
            if (st != CULL_OK) assert_int_equal(st, kind ? CULL_ECANCEL : CULL_ENOMEM);
            cull_array_free(&v);
            cull_corpus_free(c);
            cull_arrow_free(a);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            assert_int_equal(live, 0);
        }
        assert_true(done);
    }
    drop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_csv),  cmocka_unit_test(kinds),           cmocka_unit_test(arrays),
        cmocka_unit_test(packed),  cmocka_unit_test(nulls_and_kinds), cmocka_unit_test(producers),
        cmocka_unit_test(nothing), cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Records in memory: every function on a corpus gives the bits that it gives for the same records in
 * a csv and in a jsonl file; refusals by column and row. */
#include "test.h"

#include <unistd.h>

#include "cull/corpus.h"
#include "cull/embed.h"
#include "io/io.h"
#include "repr/repr.h"

/* ---- the same table three times ---- */

enum { ROWS = 1500, STRINGS = 6 };
static const char *const string_name[STRINGS] = {"id", "text", "more", "kind", "number", "empty"};
struct table {
    int64_t offset[STRINGS][ROWS + 1];
    char *bytes[STRINGS];
    double score[ROWS], label[ROWS];
    cull_column col[STRINGS + 2];
    char csv[64], jsonl[64];
};

static void add(struct table *t, int col, int row, const char *s)
{
    int64_t at = t->offset[col][row], n = (int64_t)strlen(s);
    memcpy(t->bytes[col] + at, s, (size_t)n);
    t->offset[col][row + 1] = at + n;
}

static void write_files(const struct table *t)
{
    FILE *c = fdopen(mkstemps(strcpy((char *)t->csv, "/tmp/cull-memory-XXXXXX.csv"), 4), "w");
    FILE *j = fdopen(mkstemps(strcpy((char *)t->jsonl, "/tmp/cull-memory-XXXXXX.jsonl"), 6), "w");
    assert_true(c && j);
    for (int k = 0; k < STRINGS; k++) fprintf(c, "%s,", string_name[k]);
    fprintf(c, "score,label\n");
    for (int i = 0; i < ROWS; i++) {
        char score[32], label[32];
        cull__format_f64(t->score[i], score);
        cull__format_f64(t->label[i], label);
        fprintf(j, "{");
        for (int k = 0; k < STRINGS; k++) {
            const char *s = t->bytes[k] + t->offset[k][i];
            int n = (int)(t->offset[k][i + 1] - t->offset[k][i]);
            fprintf(c, "\"%.*s\",", n, s);
            fprintf(j, k == 4 ? "\"%s\":%.*s," : "\"%s\":\"%.*s\",", string_name[k], n, s);
        }
        fprintf(c, "%s,%s\n", score, label);
        fprintf(j, "\"score\":%s,\"label\":%s}\n", score, label);
    }
    assert_int_equal(fclose(c) + fclose(j), 0);
}

/* Texts of 0 to 30 words, some of them copies of earlier ones; empty, and beyond ASCII. */
static struct table *make(void)
{
    static const char *const bits[] = {"alpha", "Beta", "\xc3\xa9t\xc3\xa9", "gamma", "0.5",
                                       "x",     "it's", "\xe6\x97\xa5",      "(b)",   "omega"};
    cull_rng r = cull__rng_seeded(5, 0);
    struct table *t = calloc(1, sizeof *t);
    for (int k = 0; k < STRINGS; k++) t->bytes[k] = malloc(ROWS * 512);
    for (int i = 0; i < ROWS; i++) {
        char s[512] = "", num[32];
        int words = (int)cull__rng_below(&r, 31), copy = i > 20 && cull__rng_below(&r, 10) == 0;
        for (int j = 0; j < words; j++) {
            if (j) strcat(s, " ");
            strcat(s, bits[cull__rng_below(&r, 10)]);
            if (cull__rng_below(&r, 3) == 0) sprintf(s + strlen(s), "%d", i % 97);
        }
        if (copy) {
            int64_t *o = t->offset[1] + i - 17;
            snprintf(s, sizeof s, "%.*s", (int)(o[1] - o[0]), t->bytes[1] + o[0]);
        }
        add(t, 1, i, s);
        sprintf(s, "r%d", i * 3);
        add(t, 0, i, s);
        add(t, 2, i, i % 4 ? "some more" : "");
        sprintf(s, "kind %d", (int)cull__rng_below(&r, 7) * 31 % 11);
        add(t, 3, i, s);
        add(t, 4, i, cull__format_f64((double)cull__rng_below(&r, 9999) / 64 - 40, num));
        add(t, 5, i, "");
        t->score[i] = (double)cull__rng_below(&r, 100000) / 1024 - 40;
        t->label[i] = (double)cull__rng_below(&r, 5) / 2;
    }
    for (int k = 0; k < STRINGS; k++)
        t->col[k] = (cull_column){string_name[k], t->offset[k], t->bytes[k], NULL};
    t->col[STRINGS] = (cull_column){.name = "score", .number = t->score};
    t->col[STRINGS + 1] = (cull_column){.name = "label", .number = t->label};
    write_files(t);
    return t;
}

static void table_free(struct table *t)
{
    for (int k = 0; k < STRINGS; k++) free(t->bytes[k]);
    unlink(t->csv);
    unlink(t->jsonl);
    free(t);
}

static cull_corpus *open_one(cull_ctx *cx, const struct table *t, int which, cull_corpus_opts o)
{
    const char *path = which == 1 ? t->csv : t->jsonl;
    cull_corpus *c;
    o.paths = &path, o.npaths = 1;
    if (which)
        ok(cx, cull_corpus_open(cx, &o, &c));
    else
        ok(cx, cull_corpus_from(cx, ROWS, t->col, STRINGS + 2, &o, &c));
    return c;
}

/* ---- all that is asked of a corpus, as bytes ---- */

static void put(cull_buf *b, const void *at, size_t n)
{
    cull__buf_add(b, at, n);
    cull__buf_add(b, "\n", 1);
}

static void put_codes(cull_buf *b, const int32_t *code, int32_t count,
                      const char *(*name)(const cull_corpus *, int32_t), const cull_corpus *c)
{
    put(b, &count, sizeof count);
    if (code) put(b, code, ROWS * sizeof *code);
    for (int32_t i = 0; name && i < count; i++) put(b, name(c, i), strlen(name(c, i)));
}

static cull_status see(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec, int64_t n,
                       void *slot)
{
    uint64_t *h = slot;
    (void)cx, (void)arg;
    for (int64_t i = 0; i < n; i++)
        *h = *h * 31 + cull__hash64(rec[i].text, rec[i].text_n, (uint64_t)(chunk + rec[i].row)) +
             cull__hash64(rec[i].id, rec[i].id_n, 1);
    return CULL_OK;
}

static cull_status add_up(cull_ctx *cx, void *arg, int64_t chunk, void *slot)
{
    (void)cx, (void)chunk;
    put(arg, slot, sizeof(uint64_t));
    return CULL_OK;
}

static void put_pool(cull_buf *b, cull_pool *p)
{
    cull_array a = cull_pool_array(p);
    put(b, a.at, (size_t)(cull_pool_n(p) * cull_pool_d(p)) * sizeof(float));
    cull_pool_free(p);
}

/* Of c, and of c beside `target`. */
static cull_buf ask(cull_ctx *cx, const cull_corpus *c, const cull_corpus *target)
{
    static double v[ROWS];
    static uint8_t avoid[ROWS];
    static int32_t group[ROWS];
    static const int64_t idx[] = {1499, 0, 256, 255, 77};
    cull_buf b = CULL_BUF(cx);
    int32_t n;
    const int32_t *code = cull_corpus_group(c, &n);
    put_codes(&b, code, n, cull_corpus_group_name, c);
    code = cull_corpus_label(c, &n);
    put_codes(&b, code, n, cull_corpus_label_name, c);
    const cull_table *t = cull_corpus_table(c);
    for (int k = 0; k < t->cols; k++) put(&b, t->col[k], ROWS * sizeof(double));
    ok(cx, cull__corpus_pass(cx, c, sizeof(uint64_t), see, add_up, &b));
    static const char *const what[] = {"words", "bytes"};
    for (int k = 0; k < 2; k++) {
        ok(cx, cull_corpus_lengths(cx, c, what[k], v));
        put(&b, v, sizeof v);
    }
    cull_strings s;
    ok(cx, cull_corpus_ids(cx, c, idx, 5, 20, &s));
    for (int i = 0; i < 5; i++) put(&b, s.id[i], strlen(s.id[i]));
    for (int i = 0; i < 5; i++) put(&b, s.text[i], strlen(s.text[i]));
    cull_strings_free(&s);
    cull_overlaps hits;
    ok(cx, cull_corpus_overlap(cx, c, target, 5, 0.5, avoid, &hits));
    put(&b, avoid, sizeof avoid);
    assert_true(hits.n > 20);
    for (int64_t i = 0; i < hits.n; i++) {
        put(&b, &hits.hit[i].row, 4 * sizeof(int64_t));
        put(&b, hits.hit[i].sample, strlen(hits.hit[i].sample));
    }
    cull_overlaps_free(&hits);
    ok(cx, cull_corpus_copies(cx, c, 5, 100, group, &n));
    assert_true(n > 100 && n < ROWS - 20);
    put_codes(&b, group, n, NULL, NULL);
    cull_embed_opts e = CULL_EMBED_OPTS;
    cull_embed *m;
    cull_pool *p;
    e.dim = 16, e.bits = 12;
    ok(cx, cull_embed_fit(cx, c, &e, &m));
    ok(cx, cull_embed_apply(cx, m, c, &p));
    put_pool(&b, p);
    ok(cx, cull_embed_apply(cx, m, target, &p));
    put_pool(&b, p);
    cull_embed_free(m);
    ok(cx, cull_corpus_tfidf(cx, c, target, &e, v));
    put(&b, v, sizeof v);
    assert_int_equal(b.status, CULL_OK);
    return b;
}

static void same_bits(void **state)
{
    struct table *t = *state;
    static const char *const cols[] = {"score", "number"};
    static const char *const texts[] = {NULL, "more,text", "more,empty,text,kind"};
    for (int k = 0; k < 3; k++) {
        cull_corpus_opts o = CULL_CORPUS_OPTS;
        o.text = texts[k];
        o.group = "kind", o.label = "label";
        o.columns = cols, o.ncolumns = 2;
        if (k == 2) o.id = "label", o.group = "id";
        cull_buf first = {0};
        for (int run = 0; run < 6;
             run++) { /* csv, jsonl, memory with 1, 2, 3 threads, little memory */
            hooks h = {0};
            cull_ctx_opts co = CULL_CTX_OPTS;
            co.threads = run < 2 ? 2 : run == 5 ? 2 : run - 1;
            co.memory = run == 5 ? 6 << 20 : 0;
            co.user = &h, co.alloc = hook_alloc, co.free = hook_free;
            cull_ctx *cx = cull_ctx_new(&co);
            int which = run == 0 ? 1 : run == 1 ? 2 : 0;
            cull_corpus *c = open_one(cx, t, which, o);
            assert_int_equal(cull_corpus_n(c), ROWS);
            assert_true(cull_corpus_has_text(c));
            cull_buf b = ask(cx, c, c);
            if (!run) {
                first = (cull_buf){.n = b.n};
                first.at = malloc(b.n);
                memcpy(first.at, b.at, b.n);
            }
            assert_int_equal(b.n, first.n);
            for (size_t i = 0; i < b.n; i++)
                if (b.at[i] != first.at[i]) fail_msg("texts %d, run %d: byte %zu", k, run, i);
            cull__buf_free(&b);
            cull_corpus_free(c);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
        free(first.at);
    }
}

/* Sets beside each other: memory as a target of a file and the other way round. */
static void mixed(void **state)
{
    struct table *t = *state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    cull_corpus *m = open_one(cx, t, 0, o), *f = open_one(cx, t, 1, o);
    cull_buf a = ask(cx, m, f), b = ask(cx, f, m);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.at, b.at, a.n);
    cull__buf_free(&a);
    cull__buf_free(&b);
    cull_corpus_free(m);
    cull_corpus_free(f);
    cull_ctx_free(cx);
}

/* ---- what is not as with files ---- */

static cull_status in_place(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                            int64_t n, void *slot)
{
    const struct table *t = arg;
    (void)chunk, (void)slot;
    for (int64_t i = 0; i < n; i++) {
        int64_t from = t->offset[1][rec[i].row], end = t->offset[1][rec[i].row + 1];
        if (rec[i].text_n && rec[i].text != t->bytes[1] + from)
            return cull__fail(cx, CULL_EINTERNAL, "row %d was copied", (int)rec[i].row);
        if (rec[i].text_n != (size_t)(end - from) || rec[i].raw_n)
            return cull__fail(cx, CULL_EINTERNAL, "row %d", (int)rec[i].row);
    }
    return CULL_OK;
}

static void own_ways(void **state)
{
    struct table *t = *state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    const cull_input_file *files;
    cull_strings s;
    int64_t row = 3;
    cull_corpus *c = open_one(cx, t, 0, o);
    ok(cx, cull__corpus_pass(cx, c, 0, in_place, NULL, t));
    assert_int_equal(cull_corpus_bytes(c), t->offset[1][ROWS]);
    assert_int_equal(cull_corpus_files(c, &files), 0);
    refused(cx, cull_corpus_write(cx, c, &row, 1, "/nowhere/x.csv"), CULL_EINPUT,
            "columns of memory, not lines of a file");
    ok(cx, cull_corpus_fields(cx, c, &s));
    assert_int_equal(s.n, STRINGS + 2);
    assert_string_equal(s.id[3], "kind");
    assert_string_equal(s.text[3], "string");
    assert_string_equal(s.text[STRINGS], "number");
    cull_strings_free(&s);
    cull_corpus_free(c);
    o.text = "";
    c = open_one(cx, t, 0, o);
    assert_false(cull_corpus_has_text(c));
    assert_int_equal(cull_corpus_bytes(c), 0);
    cull_corpus_free(c);
    /* without the usual names, and that is no error; ids by row */
    o = (cull_corpus_opts){.size = sizeof o, .text_optional = true};
    ok(cx, cull_corpus_from(cx, ROWS, &t->col[STRINGS], 1, &o, &c));
    assert_false(cull_corpus_has_text(c));
    ok(cx, cull_corpus_ids(cx, c, &row, 1, 0, &s));
    assert_string_equal(s.id[0], "3");
    cull_strings_free(&s);
    cull_corpus_free(c);
    /* numbers are written as jsonl has them */
    static const double number[] = {3, -0.5, 1e300};
    cull_column n = {.name = "n", .number = number};
    static const char *const want[] = {"3", "-0.5", "1e+300"};
    static const int64_t all[] = {0, 1, 2};
    o.id = "n";
    ok(cx, cull_corpus_from(cx, 3, &n, 1, &o, &c));
    ok(cx, cull_corpus_ids(cx, c, all, 3, 0, &s));
    for (int i = 0; i < 3; i++) assert_string_equal(s.id[i], want[i]);
    cull_strings_free(&s);
    cull_corpus_free(c);
    cull_ctx_free(cx);
}

/* Nothing is read, so less is held than of files; and the plan says so. */
static void planned(void **state)
{
    struct table *t = *state;
    static const char *const texts[] = {"text", "more,text"};
    for (int k = 0; k < 2; k++) {
        cull_ctx_opts co = CULL_CTX_OPTS;
        co.threads = 1;
        cull_ctx *cx = cull_ctx_new(&co);
        cull_corpus_opts o = CULL_CORPUS_OPTS;
        cull_embed_opts e = CULL_EMBED_OPTS;
        cull_embed *m;
        cull_plan plan;
        e.dim = 16, e.bits = 10;
        o.text = texts[k];
        cull_corpus *c = open_one(cx, t, 0, o);
        ok(cx, cull_embed_fit(cx, c, &e, &m));
        ok(cx, cull_embed_plan(cx, c, &e, 0, &plan));
        double peak = (double)cull_ctx_peak(cx), most = (double)plan.bytes;
        if (peak > 1.1 * most + (256 << 10) || most > 1.1 * peak + (1 << 20))
            fail_msg("planned %g, took %g", most, peak);
        cull_embed_free(m);
        cull_corpus_free(c);
        cull_ctx_free(cx);
    }
}

static void refusals(void **state)
{
    (void)state;
    static const int64_t three[] = {0, 3, 5, 8}, back[] = {0, 5, 3, 8}, below[] = {-1, 3, 5, 8};
    static const double number[] = {1, 2, 3};
    const cull_column text = {"text", three,
                              "abc\xff"
                              "efgh",
                              NULL}, /* row 1 is no UTF-8 */
        good = {"text", three, "abcdefgh", NULL}, runs = {"text", back, "abcdefgh", NULL},
                      minus = {"text", below, "abcdefgh", NULL}, num = {"num", NULL, NULL, number},
                      both = {"both", three, "abcdefgh", number}, none = {"none", NULL, NULL, NULL},
                      blank = {NULL, three, "abcdefgh", NULL},
                      other = {"body", three, "12 x 9999", NULL},
                      name = {"\xff", three, "abcdefgh", NULL};
    static const char *const score[] = {"body"}, *const nums[] = {"num"};
    const struct {
        int64_t n;
        cull_column col[3];
        int cols;
        const char *text, *id, *group;
        const char *const *column;
        cull_status status;
        const char *says;
    } bad[] = {
        {3,
         {text},
         1,
         0,
         0,
         0,
         0,
         CULL_EINPUT,
         "memory: byte 1 (0xff) of row 1 of column 'text' is not UTF-8"},
        {3, {good, text}, 2, 0, 0, 0, 0, CULL_EINPUT, "memory: the table names 'text' twice"},
        {3,
         {runs},
         1,
         0,
         0,
         0,
         0,
         CULL_EINPUT,
         "memory: row 1 of column 'text' has an offset or index outside the column's data"},
        {3, {minus}, 1, 0, 0, 0, 0, CULL_EINPUT, "memory: row 0 of column 'text' has an offset"},
        {3,
         {num, other},
         2,
         0,
         0,
         0,
         0,
         CULL_EINPUT,
         "memory: which column is the text? the table has num, body; none of the usual names"},
        {3,
         {good, num},
         2,
         0,
         "uid",
         0,
         0,
         CULL_EINPUT,
         "memory: no column 'uid'; the table has text, num"},
        {3, {good, num}, 2, 0, 0, "kind", 0, CULL_EINPUT, "memory: no column 'kind'"},
        {3,
         {good, num},
         2,
         "num",
         0,
         0,
         0,
         CULL_EINPUT,
         "memory: column 'num' is of kind number; text must be strings"},
        {3,
         {good, other},
         2,
         0,
         0,
         0,
         score,
         CULL_EINPUT,
         "memory: row 1 of column 'body' is 'x '; it must be a number"},
        {3, {good, num}, 2, "a..b", 0, 0, 0, CULL_EOPTION, "field 'a..b' is malformed"},
        {0, {good}, 1, 0, 0, 0, 0, CULL_EINPUT, "memory: the table has no rows"},
        {3, {good}, 0, 0, 0, 0, 0, CULL_EINPUT, "memory: the table has no columns"},
        {-1, {good}, 1, 0, 0, 0, 0, CULL_EINPUT, "memory: a table of -1 rows and 1 columns"},
        {3, {good, both}, 2, 0, 0, 0, 0, CULL_EINPUT, "memory: column 1 ('both') must have a name"},
        {3, {none, good}, 2, 0, 0, 0, 0, CULL_EINPUT, "memory: column 0 ('none') must have a name"},
        {3, {good, blank}, 2, 0, 0, 0, 0, CULL_EINPUT, "memory: column 1 ('') must have a name"},
        {3, {name, good}, 2, 0, 0, 0, 0, CULL_EINPUT, "the table has a name that is not UTF-8"},
        {3, {good}, 1, 0, 0, 0, nums, CULL_EINPUT, "memory: no column 'num'"},
    };
    cull_ctx *cx = cull_ctx_new(NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cull_corpus_opts o = CULL_CORPUS_OPTS;
        cull_corpus *c;
        o.text = bad[i].text, o.id = bad[i].id, o.group = bad[i].group;
        o.columns = bad[i].column, o.ncolumns = bad[i].column != NULL;
        refused(cx, cull_corpus_from(cx, bad[i].n, bad[i].col, bad[i].cols, &o, &c), bad[i].status,
                bad[i].says);
        assert_null(c);
    }
    cull_ctx_free(cx);
}

static void failures(void **state)
{
    struct table *t = *state;
    static const char *const cols[] = {"number"};
    static const int64_t idx[] = {800, 5, 300};
    for (int kind = 0; kind < 2; kind++) {
        bool done = false;
        for (long at = kind ? 1 : 2; !done && at < 20000; at += 1 + at / 60) {
            hooks h = {.fail_at = kind ? 0 : at, .stop_at = kind ? at : 0};
            cull_ctx *cx = hooked_ctx(&h, 1 + (int)(at & 1));
            cull_corpus_opts o = CULL_CORPUS_OPTS;
            cull_corpus *c;
            cull_strings ids = {0}, fields = {0};
            o.text = "more,text";
            o.columns = cols, o.ncolumns = 1;
            o.group = "kind", o.label = "label";
            cull_status s = cull_corpus_from(cx, ROWS, t->col, STRINGS + 2, &o, &c);
            if (s == CULL_OK) s = cull_corpus_ids(cx, c, idx, 3, 9, &ids);
            if (s == CULL_OK) s = cull_corpus_fields(cx, c, &fields);
            done = kind ? h.ticks < at : h.calls < at;
            if (done) assert_int_equal(s, CULL_OK);
            if (s != CULL_OK) assert_int_equal(s, kind ? CULL_ECANCEL : CULL_ENOMEM);
            cull_strings_free(&ids);
            cull_strings_free(&fields);
            cull_corpus_free(c);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
        assert_true(done);
    }
}

int main(void)
{
    struct table *t = make();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(same_bits, t),
        cmocka_unit_test_prestate(mixed, t),
        cmocka_unit_test_prestate(own_ways, t),
        cmocka_unit_test_prestate(planned, t),
        cmocka_unit_test(refusals),
        cmocka_unit_test_prestate(failures, t),
    };
    int bad = cmocka_run_group_tests(tests, NULL, NULL);
    table_free(t);
    return bad;
}

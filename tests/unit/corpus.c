/* corpus: every format against what was written, errors by file and line, passes, writing back. */
#include "test.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cull/corpus.h"
#include "io/io.h"
#include "repr/repr.h"

static char dir[64];

static const char *in_dir(const char *name)
{
    static char path[8][256];
    static int turn;
    char *p = path[turn++ & 7];
    snprintf(p, 256, "%s/%s", dir, name);
    return p;
}

static const char *spit(const char *name, const char *text, size_t n)
{
    const char *path = in_dir(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
    return path;
}

static const char *spits(const char *name, const char *text)
{
    return spit(name, text, strlen(text));
}

static char *slurp(cull_ctx *cx, const char *path, size_t *n)
{
    cull__bytes b;
    ok(cx, cull__bytes_open(cx, path, &b));
    char *p = malloc(b.n + 1);
    memcpy(p, b.at, b.n);
    p[ *n = b.n] = 0;
    cull__bytes_close(&b);
    return p;
}

/* ---- a pool that the test knows ---- */

enum { ROWS = 3001 };
typedef struct {
    char text[ROWS][64], id[ROWS][16], group[ROWS][16];
    double score[ROWS];
} known;

static known *make(void)
{
    static const char *const bits[] = {"alpha", "Beta", "\xc3\xa9t\xc3\xa9", "\"q\"", ",", "\\",
                                       "x",     "0.5",  "\xe6\x97\xa5",      "tab",   "'", "{}"};
    cull_rng r = cull__rng_seeded(77, 0);
    known *k = calloc(1, sizeof *k);
    for (int i = 0; i < ROWS; i++) {
        int words = (int)cull__rng_below(&r, 8);
        strcpy(k->text[i], "t");
        for (int j = 0; j < words; j++) {
            strcat(k->text[i], j ? " " : "");
            strcat(k->text[i], bits[cull__rng_below(&r, 12)]);
        }
        snprintf(k->id[i], 16, "id-%d", i * 7);
        snprintf(k->group[i], 16, "g%d", (int)cull__rng_below(&r, 9) * 31 % 17);
        k->score[i] = (double)cull__rng_below(&r, 1000000) / 1024 - 400;
    }
    return k;
}

static void put_json(cull_buf *b, const char *s)
{
    cull__buf_add(b, "\"", 1);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            cull__buf_printf(b, "\\%c", *s);
        else if (*s == 'x')
            cull__buf_printf(b, "\\u%04x", *s);
        else
            cull__buf_add(b, s, 1);
    }
    cull__buf_add(b, "\"", 1);
}

static void put_cell(cull_buf *b, const char *s)
{
    cull__buf_add(b, "\"", 1);
    for (; *s; s++) cull__buf_add(b, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
    cull__buf_add(b, "\"", 1);
}

/* Rows [lo, hi) as a file. */
static const char *put_rows(cull_ctx *cx, const known *k, const char *name, int lo, int hi)
{
    cull_buf b = CULL_BUF(cx);
    bool csv = strstr(name, ".csv") != NULL, tsv = strstr(name, ".tsv") != NULL;
    char num[32], sep = tsv ? '\t' : ',';
    if (csv) cull__buf_printf(&b, "\xef\xbb\xbfscore,\"text\",kind,id\r\n");
    if (tsv) cull__buf_printf(&b, "score\ttext\tkind\tid\n");
    for (int i = lo; i < hi; i++) {
        cull__format_f64(k->score[i], num);
        if (csv || tsv) {
            cull__buf_printf(&b, "%s%c", num, sep);
            put_cell(&b, k->text[i]);
            cull__buf_printf(&b, "%c%s%c%s%s", sep, k->group[i], sep, k->id[i],
                             i % 3 ? "\r\n" : "\n");
        } else {
            cull__buf_printf(&b, "{\"meta\":{\"kind\":\"%s\"},\"score\":%s,\"text\":", k->group[i],
                             num);
            put_json(&b, k->text[i]);
            cull__buf_printf(&b, ",\"id\":\"%s\"}%s", k->id[i],
                             i == hi - 1  ? ""
                             : i % 5 == 0 ? "\r\n"
                             : i % 7 == 0 ? "\n \n\n"
                                          : "\n");
        }
    }
    assert_int_equal(b.status, CULL_OK);
    const char *path = in_dir(name);
    cull__writer *w;
    ok(cx, cull__writer_open(cx, path, &w));
    ok(cx, cull__write(cx, w, b.at, b.n));
    ok(cx, cull__writer_end(cx, w, CULL_OK));
    cull__buf_free(&b);
    return path;
}

struct check {
    const known *k;
    int64_t rows, last_chunk;
    uint64_t sum;
};

static cull_status see(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec, int64_t n,
                       void *slot)
{
    struct check *c = arg;
    uint64_t *h = slot;
    for (int64_t i = 0; i < n; i++) {
        int64_t row = rec[i].row;
        if (row != chunk * CULL__CORPUS_CHUNK + i || *h == UINT64_MAX)
            return cull__fail(cx, CULL_EINTERNAL, "row %d", (int)row);
        const char *t = c->k->text[row];
        if (rec[i].text_n != strlen(t) || memcmp(rec[i].text, t, rec[i].text_n))
            return cull__fail(cx, CULL_EINTERNAL, "row %d is '%.*s', not '%s'", (int)row,
                              (int)rec[i].text_n, rec[i].text, t);
        if (!rec[i].id || strlen(c->k->id[row]) != rec[i].id_n ||
            memcmp(rec[i].id, c->k->id[row], rec[i].id_n))
            return cull__fail(cx, CULL_EINTERNAL, "id of row %d", (int)row);
        if (memchr(rec[i].raw, '\n', rec[i].raw_n) || !rec[i].raw_n ||
            rec[i].raw[rec[i].raw_n - 1] == '\r')
            return cull__fail(cx, CULL_EINTERNAL, "raw of row %d", (int)row);
        *h = *h * 31 + cull__hash64(rec[i].text, rec[i].text_n, 0);
    }
    h[1] = (uint64_t)n;
    return CULL_OK;
}

static cull_status add_up(cull_ctx *cx, void *arg, int64_t chunk, void *slot)
{
    struct check *c = arg;
    const uint64_t *h = slot;
    if (chunk != c->last_chunk + 1) return cull__fail(cx, CULL_EINTERNAL, "order of chunks");
    c->last_chunk = chunk;
    c->rows += (int64_t)h[1];
    c->sum = c->sum * 1000003 + h[0];
    return CULL_OK;
}

static void formats(void **state)
{
    (void)state;
    static const char *const names[][3] = {{"a.jsonl", "b.jsonl", "c.jsonl"},
                                           {"a.jsonl.gz", "b.jsonl", "c.jsonl.zst"},
                                           {"a.csv", "b.csv.gz", "c.csv"},
                                           {"a.tsv.zst", "b.tsv", "c.tsv"},
                                           {"a.csv", "b.tsv", "c.csv.zst"}};
    known *k = make();
    uint64_t sum = 0;
    for (int f = 0; f < 5; f++) {
        for (int t = 0; t < 4; t++) { /* threads 1, 2, 3; and little memory */
            hooks h = {0};
            cull_ctx_opts co = CULL_CTX_OPTS;
            co.threads = t < 3 ? t + 1 : 2;
            co.memory = t == 3 ? 6 << 20 : 0;
            co.user = &h, co.alloc = hook_alloc, co.free = hook_free;
            cull_ctx *cx = cull_ctx_new(&co);
            const char *path[3] = {put_rows(cx, k, names[f][0], 0, 100),
                                   put_rows(cx, k, names[f][1], 100, 2222),
                                   put_rows(cx, k, names[f][2], 2222, ROWS)};
            static const char *const cols[] = {"score"};
            cull_corpus_opts o = CULL_CORPUS_OPTS;
            o.paths = path;
            o.npaths = 3;
            o.columns = cols;
            o.ncolumns = 1;
            o.group = f < 2 ? "meta.kind" : "kind";
            o.label = "id";
            cull_corpus *c;
            ok(cx, cull_corpus_open(cx, &o, &c));
            assert_int_equal(cull_corpus_n(c), ROWS);
            int32_t groups, labels;
            const int32_t *g = cull_corpus_group(c, &groups), *l = cull_corpus_label(c, &labels);
            assert_int_equal(labels, ROWS);
            int32_t most = -1;
            for (int i = 0; i < ROWS; i++) {
                assert_true(g[i] <= most + 1); /* in order of first appearance */
                if (g[i] > most) most = g[i];
                assert_string_equal(cull_corpus_group_name(c, g[i]), k->group[i]);
                assert_int_equal(l[i], i);
                assert_string_equal(cull_corpus_label_name(c, i), k->id[i]);
                assert_true(cull_table_col(cull_corpus_table(c), "score")[i] == k->score[i]);
            }
            assert_int_equal(groups, most + 1);
            assert_string_equal(cull_corpus_group_name(c, groups), "");
            const cull_input_file *files;
            assert_int_equal(cull_corpus_files(c, &files), 3);
            uint64_t bytes = 0;
            for (int i = 0; i < 3; i++) {
                cull_input_file again;
                size_t n;
                ok(cx, cull_file_hash(cx, path[i], &again));
                assert_string_equal(again.hash, files[i].hash);
                assert_int_equal(again.bytes, files[i].bytes);
                assert_int_equal(files[i].rows, i == 0 ? 100 : i == 1 ? 2122 : ROWS - 2222);
                free(slurp(cx, path[i], &n));
                bytes += n;
            }
            assert_int_equal(cull_corpus_bytes(c), bytes);
            for (int pass = 0; pass < 2; pass++) {
                struct check ch = {.k = k, .last_chunk = -1};
                ok(cx, cull__corpus_pass(cx, c, 2 * sizeof(uint64_t), see, add_up, &ch));
                assert_int_equal(ch.rows, ROWS);
                if (!sum) sum = ch.sum;
                assert_true(sum == ch.sum);
            }
            cull_corpus_free(c);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
    }
    free(k);
}

/* ---- fields ---- */

static cull_status collect(cull_ctx *cx, void *arg, int64_t chunk, const cull__record *rec,
                           int64_t n, void *slot)
{
    cull_buf *b = arg;
    (void)cx, (void)chunk, (void)slot;
    for (int64_t i = 0; i < n; i++) {
        cull__buf_add(b, "[", 1);
        cull__buf_add(b, rec[i].text, rec[i].text_n);
        cull__buf_printf(b, "|%.*s]", rec[i].id ? (int)rec[i].id_n : 1,
                         rec[i].id ? rec[i].id : "-");
    }
    return b->status;
}

static void texts_are(cull_corpus_opts o, const char *path, const char *want)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_corpus *c;
    cull_buf b = CULL_BUF(cx);
    o.paths = &path;
    o.npaths = 1;
    ok(cx, cull_corpus_open(cx, &o, &c));
    ok(cx, cull__corpus_pass(cx, c, 0, collect, NULL, &b));
    if (strcmp(b.at, want)) fail_msg("%s: %s, not %s", path, b.at, want);
    cull__buf_free(&b);
    cull_corpus_free(c);
    cull_ctx_free(cx);
}

static void fields(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file, *text, *id, *want;
    } t[] = {
        {"f.jsonl", "{\"content\":\"b\",\"text\":\"a\"}", 0, 0, "[a|-]"},
        {"f.jsonl", "{\"x\":1,\"content\":\"b\",\"id\":17}", 0, 0, "[b|17]"},
        {"f.jsonl", "{\"text\":\"a\",\"id\":null}", 0, 0, "[a|-]"},
        {"f.jsonl", "{\"text\":\"a\",\"id\":12345678901234567891}", 0, 0,
         "[a|12345678901234567891]"}, /* past 2^63: not by way of a double */
        {"f.jsonl", "{\"messages\":[{\"content\":\"u\"},{\"content\":null},{\"content\":\"v\"}]}",
         0, 0, "[u\nv|-]"},
        {"f.jsonl",
         "{\"messages\":[{\"content\":[{\"type\":\"text\",\"text\":\"u\"},{\"type\":\"image_url\","
         "\"image_url\":{\"url\":\"x\"}},{\"type\":\"text\",\"text\":\"v\"}]},{\"content\":[]},"
         "{\"content\":\"w\"}]}",
         0, 0, "[u\nv\nw|-]"},
        {"f.jsonl", "{\"text\":[{\"type\":\"image\"}]}", "text", 0, "[|-]"},
        {"f.jsonl", "{\"conversations\":[{\"value\":\"u\"},{\"value\":\"\"}]}", 0, 0, "[u|-]"},
        {"f.jsonl", "{\"instruction\":\"i\",\"input\":\"\",\"output\":\"o\"}", 0, 0, "[i\no|-]"},
        {"f.jsonl", "{\"instruction\":\"i\",\"output\":\"o\"}", 0, 0, "[i\no|-]"},
        {"f.jsonl", "{\"completion\":\"c\",\"prompt\":\"p\"}", 0, 0, "[p\nc|-]"},
        {"f.jsonl", "{\"answer\":\"c\",\"question\":\"p\"}", 0, 0, "[p\nc|-]"},
        {"f.jsonl", "{\"a\":{\"b\":[{\"c\":\"1\"},{\"c\":\"2\"}]},\"k\":1.5}", "a.b[1].c", "k",
         "[2|1.5]"},
        {"f.jsonl", "{\"a\":[[\"x\",\"y\"],[],[\"z\"]],\"k\":true}", "a[][]", "k",
         "[x\ny\nz|true]"},
        {"f.jsonl", "{\"a.b\":\"dot\",\"c,d\":\"comma\"}", "a\\.b,c\\,d", 0, "[dot\ncomma|-]"},
        {"f.ndjson", "\xef\xbb\xbf{\"text\":\"bom\"}\r\n\r\n  \n{\"text\":\"\\u00e9\\n\"}", 0, 0,
         "[bom|-][\xc3\xa9\n|-]"},
        {"f.csv", "id,text\n1,\"a\"\"b\nc\"\n\n2,plain \"x\"\n3,\n", 0, 0,
         "[a\"b\nc|1][plain \"x\"|2][|3]"},
        {"f.csv", "a.b,\"x,y\"\r\n1,2\r\n", "a\\.b,x\\,y", 0, "[1\n2|-]"},
        {"f.csv", "question,answer\nq,\"\"\n\"\",\"\"\n", 0, 0, "[q|-][|-]"},
        {"f.csv", "text\n\"end\"", 0, 0, "[end|-]"},
        {"f.tsv", "text\tid\na,b\t\"q\"\n", 0, 0, "[a,b|q]"},
        {"f.txt", "\xef\xbb\xbfone\r\n\n \t\n two \nthree", 0, 0, "[one|-][ two |-][three|-]"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        cull_corpus_opts o = CULL_CORPUS_OPTS;
        o.text = t[i].text;
        o.id = t[i].id;
        texts_are(o, spits(t[i].name, t[i].file), t[i].want);
    }
}

/* ---- refusals ---- */

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file, *text, *id, *group, *column;
        cull_status status;
        const char *want;
    } t[] = {
        {"r.jsonl", "", 0, 0, 0, 0, CULL_EINPUT, "r.jsonl: the file is empty"},
        {"r.jsonl", "\n \n", 0, 0, 0, 0, CULL_EINPUT, "no records, only blank lines"},
        {"r.csv", "text,id\n", 0, 0, 0, 0, CULL_EINPUT, "no records, only a header"},
        {"r.jsonl", "{\"text\":\"a\"}\n{\"body\":\"b\",\"id\":3}\n", 0, 0, 0, 0, CULL_EINPUT,
         "r.jsonl:2: no field 'text'; the record has body, id"},
        {"r.jsonl", "{\"foo\":\"a\"}\n", 0, 0, 0, 0, CULL_EINPUT,
         "which field is the text? the record has foo"},
        {"r.jsonl", "{\"text\":\"a\"}\n\n{\"text\":\"b\"\n", 0, 0, 0, 0, CULL_EINPUT,
         "r.jsonl:3: not JSON at byte 12 of the line: the text ends inside an object"},
        {"r.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b", 0, 0, 0, 0, CULL_EINPUT,
         "r.jsonl:2: not JSON at byte 9"},
        {"r.jsonl", "{\"text\":5}", "text", 0, 0, 0, CULL_EINPUT,
         "field 'text' is a number; it must be a string"},
        {"r.jsonl", "{\"text\":null}", "text", 0, 0, 0, CULL_EINPUT,
         "is null; it must be a string"},
        {"r.jsonl", "{\"text\":[{\"type\":\"text\",\"text\":\"a\"},{\"text\":\"b\"}]}", "text", 0,
         0, 0, CULL_EINPUT, "is an array; it must be a string, or parts such as"},
        {"r.jsonl", "{\"text\":[]}", "text", 0, 0, 0, CULL_EINPUT,
         "is an array; it must be a string"},
        {"r.jsonl", "\xff\xfe{", 0, 0, 0, 0, CULL_EINPUT,
         "r.jsonl: it is UTF-16, and text is read as UTF-8; convert it: iconv -f UTF-16 -t UTF-8 "
         "'"},
        {"r.jsonl", "{\"text\":[\"a\"]}", "text", 0, 0, 0, CULL_EINPUT, "is an array; it must be"},
        {"r.jsonl", "{\"a\":\"x\"}", "a.b", 0, 0, 0, CULL_EINPUT,
         "field 'a.b' leads through a string"},
        {"r.jsonl", "{\"a\":[\"x\"]}", "a[1]", 0, 0, 0, CULL_EINPUT,
         "field 'a[1]' leads beyond the end"},
        {"r.jsonl", "{\"m\":[{\"c\":\"x\"},{\"d\":1}]}", "m[].c", 0, 0, 0, CULL_EINPUT,
         "no field 'm[].c'"},
        {"r.jsonl", "[{\"text\":\"a\"},\n{\"text\":\"b\"}]", 0, 0, 0, 0, CULL_EINPUT,
         "a record a line is wanted"},
        {"r.jsonl", "{\n\"text\":\"a\"}", 0, 0, 0, 0, CULL_EINPUT, "a record must be one line"},
        {"r.jsonl", "[1]", 0, 0, 0, 0, CULL_EINPUT, "the record is an array; it must be an object"},
        {"r.jsonl", "{\"text\":\"a\",\"text\":\"b\"}", 0, 0, 0, 0, CULL_EINPUT,
         "r.jsonl:1: the record has 'text' twice"},
        {"r.jsonl", "{\"text\":\"a\xff\"}", 0, 0, 0, 0, CULL_EINPUT,
         "r.jsonl:1: not JSON at byte 11 of the line: bytes that are not UTF-8"},
        {"r.jsonl", "{\"text\":\"a\"}", 0, "key", 0, 0, CULL_EINPUT, "no field 'key'"},
        {"r.jsonl", "{\"text\":\"a\",\"g\":[]}", 0, 0, "g", 0, CULL_EINPUT,
         "field 'g' is an array"},
        {"r.jsonl", "{\"text\":\"a\",\"s\":\"0.5\"}", 0, 0, 0, "s", CULL_EINPUT,
         "field 's' is the string \"0.5\"; it must be a number, without quotes"},
        {"r.jsonl", "{\"text\":\"a\",\"s\":true}", 0, 0, 0, "s", CULL_EINPUT,
         "is true or false; it must be a number"},
        {"r.jsonl", "{\"text\":\"a\"}", 0, 0, 0, "s", CULL_EINPUT, "no field 's'"},
        {"r.jsonl", "{\"text\":\"a\"}", "a..b", 0, 0, 0, CULL_EOPTION, "field 'a..b' is malformed"},
        {"r.jsonl", "{\"text\":\"a\"}", "a[x]", 0, 0, 0, CULL_EOPTION, "malformed"},
        {"r.jsonl", "{\"text\":\"a\"}", "a,", 0, 0, 0, CULL_EOPTION, "malformed"},
        {"r.jsonl", "{\"text\":\"a\"}", 0, "a[]", 0, 0, CULL_EOPTION, "several values"},
        {"r.csv", "text,id\na,1\nb\n", 0, 0, 0, 0, CULL_EINPUT,
         "r.csv:3: the record has 1 fields, the header 2"},
        {"r.csv", "text,text\na,1\n", 0, 0, 0, 0, CULL_EINPUT, "the header names 'text' twice"},
        {"r.csv", "b,text,a,\"b\"\n1,2,3,4\n", 0, 0, 0, 0, CULL_EINPUT,
         "the header names 'b' twice"},
        {"r.csv", "text\n\"a\nb\nc", 0, 0, 0, 0, CULL_EINPUT,
         "r.csv:2: a quoted field that begins here"},
        {"r.csv", "text\n\"a\"b\n", 0, 0, 0, 0, CULL_EINPUT,
         "r.csv:2: text follows a closing quote"},
        {"r.csv", "text,s\n\"a\nb\",1\nc,d\n", 0, 0, 0, "s", CULL_EINPUT,
         "r.csv:4: column 's' is 'd'; it must be"},
        {"r.csv", "foo\na\n", 0, 0, 0, 0, CULL_EINPUT,
         "which column is the text? the header has foo"},
        {"r.csv", "foo,bar\na,b\n", "text", 0, 0, 0, CULL_EINPUT,
         "r.csv: no column 'text'; the header has foo, bar"},
        {"r.csv", "text\na\xc3(\n", 0, 0, 0, 0, CULL_EINPUT,
         "r.csv:2: byte 2 of the record (0xc3) is not UTF-8"},
        {"r.txt", "ok\n\xfe\n", 0, 0, 0, 0, CULL_EINPUT, "r.txt:2: byte 1"},
        {"r.txt", "ok\n", "text", 0, 0, 0, CULL_EOPTION, "plain text has no fields"},
        {"r.pdf", "ok\n", 0, 0, 0, 0, CULL_EINPUT, "the name does not tell its format"},
    };
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    cull_corpus *c;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        cull_corpus_opts o = CULL_CORPUS_OPTS;
        const char *path = spits(t[i].name, t[i].file);
        o.paths = &path;
        o.npaths = 1;
        o.text = t[i].text;
        o.id = t[i].id;
        o.group = t[i].group;
        o.columns = &t[i].column;
        o.ncolumns = t[i].column != NULL;
        cull_status s = cull_corpus_open(cx, &o, &c);
        if (s != t[i].status || !strstr(cull_error(cx), t[i].want))
            fail_msg("'%s': %d, '%s', not '%s'", t[i].file, s, cull_error(cx), t[i].want);
        assert_null(c);
    }
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    refused(cx, cull_corpus_open(cx, &o, &c), CULL_EOPTION, "no file");
    const char *p = in_dir("none-*.jsonl");
    o.paths = &p, o.npaths = 1;
    refused(cx, cull_corpus_open(cx, &o, &c), CULL_EIO, "none-*.jsonl: no file matches");
    p = in_dir("absent.jsonl");
    refused(cx, cull_corpus_open(cx, &o, &c), CULL_EIO, "cannot open");
    o.format = "json";
    refused(cx, cull_corpus_open(cx, &o, &c), CULL_EOPTION, "did you mean jsonl");
    p = dir, o.format = "jsonl";
    refused(cx, cull_corpus_open(cx, &o, &c), CULL_EIO, "is a directory");
    const char *two[] = {spits("m.txt", "a\n"), spits("m.jsonl", "{\"text\":\"a\"}\n")};
    o.paths = two, o.npaths = 2, o.format = NULL;
    refused(cx, cull_corpus_open(cx, &o, &c), CULL_EINPUT, "does not mix");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Among many chunks the first bad line is told, whatever the threads. */
static void first_error(void **state)
{
    (void)state;
    cull_buf b = CULL_BUF(cull_ctx_new(NULL));
    for (int i = 1; i <= 5000; i++)
        cull__buf_printf(
            &b, i == 3777 || i == 3778 || i > 4900 ? "{\"text\":%d}\n" : "{\"text\":\"%d\"}\n", i);
    const char *path = spit("many.jsonl", b.at, b.n);
    for (int threads = 1; threads <= 3; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        cull_corpus_opts o = CULL_CORPUS_OPTS;
        cull_corpus *c;
        o.paths = &path, o.npaths = 1;
        refused(cx, cull_corpus_open(cx, &o, &c), CULL_EINPUT,
                "many.jsonl:3777: field 'text' is a");
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    cull_ctx *cx = b.cx;
    cull__buf_free(&b);
    cull_ctx_free(cx);
}

/* ---- what is taken from a corpus ---- */

static void taken(void **state)
{
    (void)state;
    known *k = make();
    for (int f = 0; f < 4; f++) {
        static const char *const names[] = {"t.jsonl", "t.jsonl.gz", "t.csv", "t.tsv.zst"};
        hooks h = {0};
        cull_ctx_opts co = CULL_CTX_OPTS;
        co.threads = 2;
        co.memory = f % 2 ? 6 << 20 : 0;
        co.user = &h, co.alloc = hook_alloc, co.free = hook_free;
        cull_ctx *cx = cull_ctx_new(&co);
        const char *path = put_rows(cx, k, names[f], 0, ROWS);
        cull_corpus_opts o = CULL_CORPUS_OPTS;
        cull_corpus *c;
        o.paths = &path, o.npaths = 1;
        ok(cx, cull_corpus_open(cx, &o, &c));
        static double len[ROWS];
        ok(cx, cull_corpus_lengths(cx, c, "bytes", len));
        for (int i = 0; i < ROWS; i++) assert_true(len[i] == (double)strlen(k->text[i]));
        ok(cx, cull_corpus_lengths(cx, c, "words", len));
        for (int i = 0; i < ROWS; i++)
            assert_true(len[i] ==
                        (double)cull__word_hashes(k->text[i], strlen(k->text[i]), NULL, 0));
        refused(cx, cull_corpus_lengths(cx, c, "tokens", len), CULL_EOPTION, "words or bytes");
        static const int64_t idx[] = {2900, 3, 3000, 3, 256, 255, 0, 1111};
        cull_strings s;
        ok(cx, cull_corpus_ids(cx, c, idx, 8, 5, &s));
        for (int i = 0; i < 8; i++) {
            assert_string_equal(s.id[i], k->id[idx[i]]);
            const char *t = k->text[idx[i]];
            size_t bytes = 0, chars = 0; /* the first five characters */
            while (t[bytes] && (chars < 5 || ((unsigned char)t[bytes] & 0xC0) == 0x80))
                chars += ((unsigned char)t[bytes++] & 0xC0) != 0x80;
            assert_int_equal(strlen(s.text[i]), bytes);
            assert_memory_equal(s.text[i], t, bytes);
        }
        cull_strings_free(&s);
        static const int64_t beyond[] = {1, ROWS};
        refused(cx, cull_corpus_ids(cx, c, beyond, 2, 0, &s), CULL_EINPUT,
                "row 3001 is not one of");
        refused(cx, cull_corpus_write(cx, c, beyond, 2, in_dir("no")), CULL_EINPUT, "row 3001");
        assert_int_equal(access(in_dir("no"), F_OK), -1);
        /* written and read again: the rows in the order given */
        for (int sorted = 0; sorted < 2; sorted++) {
            static const int64_t up[] = {0, 3, 255, 256, 256, 1111, 2900, 3000};
            const int64_t *want = sorted ? up : idx;
            const char *out = in_dir(f < 2 ? "out.jsonl.gz" : f == 2 ? "out.csv" : "out.tsv");
            ok(cx, cull_corpus_write(cx, c, want, 8, out));
            cull_corpus *d;
            o.paths = &out;
            ok(cx, cull_corpus_open(cx, &o, &d));
            assert_int_equal(cull_corpus_n(d), 8);
            static const int64_t all[] = {0, 1, 2, 3, 4, 5, 6, 7};
            ok(cx, cull_corpus_ids(cx, d, all, 8, 100, &s));
            for (int i = 0; i < 8; i++) {
                assert_string_equal(s.id[i], k->id[want[i]]);
                assert_string_equal(s.text[i], k->text[want[i]]);
            }
            cull_strings_free(&s);
            cull_corpus_free(d);
            o.paths = &path;
        }
        cull_corpus_free(c);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    free(k);
}

/* Byte for byte, in the order given; an order that needs gathering spills when memory is short. */
static void written(void **state)
{
    (void)state;
    enum { N = 20000 };
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.memory = 8 << 20;
    cull_ctx *cx = cull_ctx_new(&co);
    cull_buf b = CULL_BUF(cx);
    static int64_t idx[N];
    size_t *from = malloc((N + 1) * sizeof *from);
    for (int i = 0; i < N; i++) {
        from[i] = b.n;
        cull__buf_printf(&b, "{ \"text\" :\"%d %0*d\"}  \n", i, i % 97, i);
        idx[i] = i;
    }
    from[N] = b.n;
    char *all = malloc(b.n);
    memcpy(all, b.at, b.n);
    const char *path = spit("w.jsonl", b.at, b.n);
    cull__buf_free(&b);
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    cull_corpus *c;
    o.paths = &path, o.npaths = 1;
    ok(cx, cull_corpus_open(cx, &o, &c));
    size_t n;
    char *got;
    ok(cx, cull_corpus_write(cx, c, idx, N, in_dir("same.jsonl")));
    got = slurp(cx, in_dir("same.jsonl"), &n);
    assert_int_equal(n, from[N]);
    assert_memory_equal(got, all, n);
    free(got);
    cull_rng r = cull__rng_seeded(4, 4);
    cull__rng_shuffle(&r, idx, N);
    ok(cx, cull_corpus_write(cx, c, idx, N, in_dir("mixed.jsonl")));
    got = slurp(cx, in_dir("mixed.jsonl"), &n);
    assert_int_equal(n, from[N]);
    for (size_t i = 0, at = 0; i < N; i++) {
        size_t len = from[idx[i] + 1] - from[idx[i]];
        assert_memory_equal(got + at, all + from[idx[i]], len);
        at += len;
    }
    free(got), free(all), free(from);
    ok(cx, cull_corpus_write(cx, c, idx, 0, in_dir("none.jsonl")));
    free(slurp(cx, in_dir("none.jsonl"), &n));
    assert_int_equal(n, 0);
    refused(cx, cull_corpus_write(cx, c, idx, N, "/dev/full"), CULL_EIO, "No space left");
    cull_corpus_free(c);
    const char *two[] = {spits("h1.csv", "text,a\nx,1\n"), spits("h2.csv", "a,text\n1,y\n")};
    o.paths = two, o.npaths = 2;
    ok(cx, cull_corpus_open(cx, &o, &c));
    refused(cx, cull_corpus_write(cx, c, idx, 0, in_dir("h.csv")), CULL_EINPUT, "two headers");
    cull_corpus_free(c);
    cull_ctx_free(cx);
}

/* ---- files that are not as they were, large, deep or from elsewhere ---- */

static void changed(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const char *path = spits("ch.jsonl", "{\"text\":\"a b\"}\n{\"text\":\"c\"}\n");
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    cull_corpus *c;
    double len[2];
    o.paths = &path, o.npaths = 1;
    ok(cx, cull_corpus_open(cx, &o, &c));
    ok(cx, cull_corpus_lengths(cx, c, "words", len));
    spits("ch.jsonl", "{\"text\":\"a b\"}\n");
    refused(cx, cull_corpus_lengths(cx, c, "words", len), CULL_EIO, "has changed since");
    unlink(path);
    refused(cx, cull_corpus_lengths(cx, c, "words", len), CULL_EIO, "cannot open");
    cull_corpus_free(c);
    cull_ctx_free(cx);
}

static void extremes(void **state)
{
    (void)state;
    size_t n = 24 << 20;
    char *big = malloc(n + 100);
    memcpy(big, "{\"text\":\"small\"}\n{\"text\":\"", 26);
    memset(big + 26, 'y', n);
    memcpy(big + 26 + n, "\"}\n{\"text\":\"z\"}", 15);
    const char *path = spit("big.jsonl", big, n + 41);
    free(big);
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    cull_corpus *c;
    o.paths = &path, o.npaths = 1;
    cull_ctx *cx = cull_ctx_new(NULL);
    ok(cx, cull_corpus_open(cx, &o, &c));
    double len[3];
    ok(cx, cull_corpus_lengths(cx, c, "bytes", len));
    assert_true(len[0] == 5 && len[1] == (double)n && len[2] == 1);
    cull_corpus_free(c);
    cull_ctx_free(cx);
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.memory = 16 << 20; /* not for such a line: said with file and line */
    cx = cull_ctx_new(&co);
    refused(cx, cull_corpus_open(cx, &o, &c), CULL_ENOMEM, "big.jsonl:2: ");
    assert_true(cull_ctx_peak(cx) <= co.memory);
    cull_ctx_free(cx);
    unlink(path);
    cx = cull_ctx_new(NULL);
    char *deep = malloc(30000);
    memcpy(deep, "{\"text\":\"a\",\"d\":", 16);
    memset(deep + 16, '[', 10000);
    memset(deep + 10016, ']', 10000);
    deep[20016] = '}';
    path = spit("deep.jsonl", deep, 20017);
    free(deep);
    refused(cx, cull_corpus_open(cx, &o, &c), CULL_EINPUT, "nested deeper than 1024 levels");
    /* a group for each record: a name takes little more than its letters */
    cull_buf b = CULL_BUF(cx);
    for (int i = 0; i < 20000; i++) cull__buf_printf(&b, "{\"text\":\"a\",\"g\":\"g%d\"}\n", i);
    path = spit("groups.jsonl", b.at, b.n);
    cull__buf_free(&b);
    o.group = "g";
    ok(cx, cull_corpus_open(cx, &o, &c));
    assert_true(cull_ctx_held(cx) < 1 << 20);
    assert_string_equal(cull_corpus_group_name(c, 19999), "g19999");
    cull_corpus_free(c);
    cull_ctx_free(cx);
}

static void standard_input(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    int p[2], keep = dup(0);
    assert_int_equal(pipe(p), 0);
    static const char text[] = "{\"text\":\"one two\"}\n{\"text\":\"three\"}\n";
    assert_int_equal(write(p[1], text, strlen(text)), (ssize_t)strlen(text));
    close(p[1]);
    dup2(p[0], 0);
    close(p[0]);
    const char *path = "-";
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    cull_corpus *c;
    o.paths = &path, o.npaths = 1;
    ok(cx, cull_corpus_open(cx, &o, &c));
    double len[2];
    for (int i = 0; i < 3; i++) { /* again and again */
        ok(cx, cull_corpus_lengths(cx, c, "words", len));
        assert_true(len[0] == 2 && len[1] == 1);
    }
    static const int64_t idx[] = {1, 0};
    ok(cx, cull_corpus_write(cx, c, idx, 2, in_dir("in.jsonl")));
    size_t n;
    char *got = slurp(cx, in_dir("in.jsonl"), &n);
    assert_string_equal(got, "{\"text\":\"three\"}\n{\"text\":\"one two\"}\n");
    free(got);
    cull_corpus_free(c);
    dup2(keep, 0);
    close(keep);
    /* a glob, sorted */
    spits("g2.jsonl", "{\"text\":\"x x\"}");
    spits("g1.jsonl", "{\"text\":\"x\"}");
    path = in_dir("g?.jsonl");
    ok(cx, cull_corpus_open(cx, &o, &c));
    ok(cx, cull_corpus_lengths(cx, c, "words", len));
    assert_true(len[0] == 1 && len[1] == 2);
    cull_corpus_free(c);
    cull_ctx_free(cx);
}

/* Every allocation and every tick fails once; nothing leaks. */
static void failures(void **state)
{
    (void)state;
    known *k = make();
    cull_ctx *plain = cull_ctx_new(NULL);
    char x[256], y[256];
    strcpy(x, put_rows(plain, k, "x.csv.gz", 0, 700));
    strcpy(y, put_rows(plain, k, "y.csv", 700, 900));
    const char *path[] = {x, y};
    cull_ctx_free(plain);
    free(k);
    static const char *const cols[] = {"score"};
    static const int64_t idx[] = {800, 5, 300};
    for (int kind = 0; kind < 2; kind++) {
        bool done = false;
        for (long at = kind ? 1 : 2; !done && at < 20000; at += 1 + at / 60) {
            hooks h = {.fail_at = kind ? 0 : at, .stop_at = kind ? at : 0};
            cull_ctx *cx = hooked_ctx(&h, 1 + (int)(at & 1));
            cull_corpus_opts o = CULL_CORPUS_OPTS;
            cull_corpus *c;
            cull_strings ids = {0};
            o.paths = path, o.npaths = 2;
            o.columns = cols, o.ncolumns = 1;
            o.group = "kind";
            o.label = "id";
            cull_status s = cull_corpus_open(cx, &o, &c);
            if (s == CULL_OK) s = cull_corpus_ids(cx, c, idx, 3, 9, &ids);
            if (s == CULL_OK) s = cull_corpus_write(cx, c, idx, 3, in_dir("fail.csv"));
            done = kind ? h.ticks < at : h.calls < at;
            if (done) assert_int_equal(s, CULL_OK);
            if (s != CULL_OK) assert_int_equal(s, kind ? CULL_ECANCEL : CULL_ENOMEM);
            cull_strings_free(&ids);
            cull_corpus_free(c);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            unlink(in_dir("fail.csv"));
        }
        assert_true(done);
    }
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d));) assert_null(strstr(e->d_name, ".tmp"));
    closedir(d);
}

int main(void)
{
    strcpy(dir, "/tmp/cull-corpus-XXXXXX");
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),     cmocka_unit_test(fields),   cmocka_unit_test(refusals),
        cmocka_unit_test(first_error), cmocka_unit_test(taken),    cmocka_unit_test(written),
        cmocka_unit_test(changed),     cmocka_unit_test(extremes), cmocka_unit_test(standard_input),
        cmocka_unit_test(failures),
    };
    int bad = cmocka_run_group_tests(tests, NULL, NULL);
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    if (system(cmd) != 0) bad++;
    return bad;
}

/* corpus_open.c - opening a corpus: its files, and the one pass that counts and checks every
 * record, reads the numbers, and codes groups and labels in order of first appearance. */
#define _GNU_SOURCE
#include "repr/corpus.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static cull_status copy(cull_ctx *cx, const char *s, size_t n, char **out)
{
    CULL_TRY(CULL_ALLOC(cx, *out, (int64_t)n + 1));
    memcpy(*out, s, n);
    return CULL_OK;
}

/* ---- files ---- */

static const char *const formats[] = {"jsonl", "csv", "tsv", "txt"};

static cull_status format_named(cull_ctx *cx, const char *name, cull__format *out)
{
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, formats[i])) {
            *out = (cull__format)i;
            return CULL_OK;
        }
    const char *near = cull__nearest(name, formats, 4);
    return cull__fail(cx, CULL_EOPTION,
                      "format '%s' is unknown%s%s; there are jsonl, csv, tsv, txt", name,
                      near ? ", did you mean " : "", near ? near : "");
}

static cull_status format_of(cull_ctx *cx, const char *path, cull__format *out)
{
    char ext[16];
    cull__extension(path, ext);
    const char *name = !strcmp(ext, "ndjson") || !strcmp(ext, "json") ? "jsonl" : ext;
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, formats[i])) return *out = (cull__format)i, CULL_OK;
    if (!strcmp(ext, "parquet"))
        return cull__fail(
            cx, CULL_EINPUT,
            "%s: parquet is read from Python, by cull.data with pyarrow installed; or "
            "write it as jsonl first",
            path);
    return cull__fail(cx, CULL_EINPUT,
                      "%s: the name does not tell its format; give one: jsonl, csv, tsv or txt",
                      path);
}

/* What can be read only once is kept in an unlinked file, so that it can be read again. */
static cull_status spool(cull_ctx *cx, int from, const char *path, int *fd)
{
    char *buf;
    enum { STEP = 1 << 18 };
    CULL_TRY(cull__spool_new(cx, fd));
    CULL_TRY(CULL_ALLOC(cx, buf, STEP));
    cull_status s = CULL_OK;
    for (double done = 0; s == CULL_OK;) {
        ssize_t k = read(from, buf, STEP);
        if (!k) break;
        if (k < 0 && errno != EINTR) s = cull__fail_errno(cx, path, "cannot read");
        if (k > 0 && !cull__write_all(*fd, buf, (size_t)k))
            s = cull__fail_errno(cx, cull__tmpdir(cx), "cannot write a temporary file");
        done += k > 0 ? (double)k : 0;
        if (s == CULL_OK) s = cull__tick(cx, done, 0); /* a signal may want to stop it */
    }
    cull__free(buf);
    return s;
}

static cull_status add_file(cull_ctx *cx, cull_corpus *c, const char *path, const char *format)
{
    bool in = !strcmp(path, "-");
    const char *name = in ? "standard input" : path;
    CULL_TRY(CULL_GROW(cx, c->file, &c->files_cap, c->files + 1));
    CULL_TRY(CULL_GROW(cx, c->pub, &c->pub_cap, c->files + 1));
    cull__source *f = &c->file[c->files++];
    *f = (cull__source){.fd = -1};
    CULL_TRY(copy(cx, name, strlen(name), &f->path));
    c->pub[c->files - 1] = (cull_input_file){.path = f->path};
    if (format)
        CULL_TRY(format_named(cx, format, &f->format));
    else if (!in)
        CULL_TRY(format_of(cx, path, &f->format));
    struct stat st;
    if (!in && (stat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return CULL_OK; /* the reader says what is wrong */
    int fd = in ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return cull__fail_errno(cx, path, "cannot open");
    const char *phase = cull__phase(cx, "reading standard input");
    cull_status s = spool(cx, fd, name, &f->fd);
    cull__phase(cx, phase);
    if (!in) close(fd);
    return s;
}

static cull_status add_path(cull_ctx *cx, cull_corpus *c, const char *path, const char *format)
{
    if (!strpbrk(path, "*?[") || access(path, F_OK) == 0) return add_file(cx, c, path, format);
    glob_t g;
    int e = glob(path, GLOB_ERR, NULL, &g); /* sorted */
    if (e == GLOB_NOMATCH) return cull__fail(cx, CULL_EIO, "%s: no file matches", path);
    if (e != 0) return cull__fail(cx, CULL_EIO, "%s: a folder cannot be read", path);
    cull_status s = CULL_OK;
    for (size_t i = 0; s == CULL_OK && i < g.gl_pathc; i++)
        s = add_file(cx, c, g.gl_pathv[i], format);
    globfree(&g);
    return s;
}

/* ---- the pass ---- */

/* The strings that a worker has met, by hash. */
struct names {
    char *text;  /* one after the other, each with a NUL */
    int64_t *at; /* (n + 1) where each begins */
    uint64_t *hash;
    int64_t text_cap, at_cap, hash_cap, n;
    int64_t *table; /* (cap) number + 1, 0 = free */
    int64_t cap;
    int32_t *code; /* (n) in the corpus + 1; 0 = not yet seen by reduce */
    int64_t code_cap;
};

static cull_status rehash(cull_ctx *cx, struct names *t)
{
    int64_t cap = t->cap ? 2 * t->cap : 256, *table;
    CULL_TRY(CULL_ALLOC(cx, table, cap));
    for (int64_t i = 0; i < t->n; i++) {
        int64_t at = (int64_t)t->hash[i] & (cap - 1);
        while (table[at]) at = (at + 1) & (cap - 1);
        table[at] = i + 1;
    }
    cull__free(t->table);
    t->table = table;
    t->cap = cap;
    return CULL_OK;
}

static size_t length(const struct names *t, int64_t i)
{
    return (size_t)(t->at[i + 1] - t->at[i]) - 1;
}

static cull_status intern(cull_ctx *cx, struct names *t, const char *s, size_t n, int64_t *out)
{
    if (2 * (t->n + 1) > t->cap) CULL_TRY(rehash(cx, t));
    uint64_t h = cull__hash64(s, n, 0);
    int64_t at = (int64_t)h & (t->cap - 1);
    for (; t->table[at]; at = (at + 1) & (t->cap - 1)) {
        int64_t i = t->table[at] - 1;
        if (t->hash[i] == h && length(t, i) == n && !memcmp(t->text + t->at[i], s, n)) {
            *out = i;
            return CULL_OK;
        }
    }
    CULL_TRY(CULL_GROW(cx, t->hash, &t->hash_cap, t->n + 1));
    CULL_TRY(CULL_GROW(cx, t->code, &t->code_cap, t->n + 1));
    CULL_TRY(CULL_GROW(cx, t->at, &t->at_cap, t->n + 2));
    int64_t begin = t->at[t->n], end = begin + (int64_t)n + 1;
    CULL_TRY(CULL_GROW(cx, t->text, &t->text_cap, end));
    memcpy(t->text + begin, s, n);
    t->text[end - 1] = 0;
    t->at[t->n + 1] = end;
    t->hash[t->n] = h;
    t->code[t->n] = 0;
    t->table[at] = ++t->n;
    *out = t->n - 1;
    return CULL_OK;
}

static void names_free(struct names *t)
{
    cull__free(t->text);
    cull__free(t->at);
    cull__free(t->hash);
    cull__free(t->table);
    cull__free(t->code);
}

enum { GROUP, LABEL, KINDS };

struct opening {
    cull_corpus *c;
    struct names *seen; /* (workers, KINDS) */
    struct names all[KINDS];
    int64_t empty;
    uint64_t bytes; /* of texts */
};

/* What a chunk's map hands to its reduce; the numbers (rows, ncol) follow. */
struct slot {
    int worker;
    int64_t n, empty;
    uint64_t bytes;
    int64_t name[KINDS][CULL__CORPUS_CHUNK]; /* in the worker's list */
};

static cull_status look(cull_ctx *cx, void *arg, int64_t chunk, const cull__raw *raw,
                        const cull__record *rec, const cull__picked *got, const cull__picker *k,
                        const double *numbers, int64_t n, void *slot)
{
    struct opening *o = arg;
    struct slot *s = slot;
    (void)chunk, (void)raw;
    s->worker = cull__worker(cx);
    s->n = n;
    struct names *seen = o->seen + KINDS * s->worker;
    for (int64_t i = 0; i < n; i++) {
        s->empty += rec[i].text_n == 0;
        s->bytes += rec[i].text_n;
        if (o->c->want.group.name)
            CULL_TRY(intern(cx, &seen[GROUP], cull__part_at(k, &got[i].group), got[i].group.n,
                            &s->name[GROUP][i]));
        if (o->c->want.label.name)
            CULL_TRY(intern(cx, &seen[LABEL], cull__part_at(k, &got[i].label), got[i].label.n,
                            &s->name[LABEL][i]));
    }
    if (o->c->want.ncol) memcpy(s + 1, numbers, (size_t)(n * o->c->want.ncol) * sizeof *numbers);
    return CULL_OK;
}

/* Codes of the rows of a chunk, in order of first appearance over the corpus. */
static cull_status code_rows(cull_ctx *cx, struct opening *o, const struct slot *s, int kind,
                             struct cull__names *out)
{
    struct names *seen = &o->seen[KINDS * s->worker + kind], *all = &o->all[kind];
    CULL_TRY(CULL_GROW(cx, out->code, &out->code_cap, o->c->n + s->n));
    for (int64_t i = 0; i < s->n; i++) {
        int64_t local = s->name[kind][i], code = seen->code[local] - 1;
        if (code < 0) {
            CULL_TRY(intern(cx, all, seen->text + seen->at[local], length(seen, local), &code));
            if (code >= INT32_MAX - 1)
                return cull__fail(cx, CULL_EINPUT, "more than 2^31 groups or labels");
            seen->code[local] = (int32_t)code + 1;
        }
        out->code[o->c->n + i] = (int32_t)code;
    }
    return CULL_OK;
}

static cull_status keep(cull_ctx *cx, void *arg, int64_t chunk, void *slot)
{
    struct opening *o = arg;
    cull_corpus *c = o->c;
    const struct slot *s = slot;
    const double *numbers = (const double *)(s + 1);
    (void)chunk;
    o->empty += s->empty;
    o->bytes += s->bytes;
    if (c->want.group.name) CULL_TRY(code_rows(cx, o, s, GROUP, &c->group));
    if (c->want.label.name) CULL_TRY(code_rows(cx, o, s, LABEL, &c->label));
    for (int j = 0; j < c->want.ncol; j++) {
        CULL_TRY(CULL_GROW(cx, c->col[j], &c->col_cap[j], c->n + s->n));
        for (int64_t i = 0; i < s->n; i++) c->col[j][c->n + i] = numbers[i * c->want.ncol + j];
    }
    c->n += s->n;
    return CULL_OK;
}

static cull_status read_through(cull_ctx *cx, cull_corpus *c)
{
    struct opening o = {.c = c};
    int workers = cull__workers(cx);
    CULL_TRY(CULL_ALLOC(cx, o.seen, workers * KINDS));
    size_t row = (size_t)c->want.ncol * sizeof(double);
    cull__pass p = {.c = c,
                    .need = CULL__TEXT | CULL__ID | CULL__REST,
                    .slot = sizeof(struct slot) + CULL__CORPUS_CHUNK * row,
                    .raw_map = look,
                    .reduce = keep,
                    .arg = &o,
                    .opening = c};
    cull_status s = cull__pass_run(cx, &p);
    if (c->column) c->bytes = o.bytes;
    for (int i = 0; i < workers * KINDS; i++) names_free(&o.seen[i]);
    cull__free(o.seen);
    struct cull__names *out[KINDS] = {&c->group, &c->label};
    for (int k = 0; k < KINDS; k++) { /* the names themselves change hands */
        out[k]->text = o.all[k].text;
        out[k]->at = o.all[k].at;
        out[k]->count = (int32_t)o.all[k].n;
        o.all[k].text = NULL;
        o.all[k].at = NULL;
        names_free(&o.all[k]);
    }
    if (s == CULL_OK && o.empty && cull_corpus_has_text(c))
        cull__log(cx, CULL_LOG_WARN, "%" PRId64 " of %" PRId64 " records have an empty text",
                  o.empty, c->n);
    return s;
}

/* ---- options ---- */

static cull_status wanted(cull_ctx *cx, const cull_corpus_opts *o, cull_corpus *c)
{
    cull__wanted *w = &c->want;
    w->no_text = o->text && !*o->text;
    w->text_optional = o->text_optional;
    if (o->text && *o->text) CULL_TRY(cull__fields_parse(cx, o->text, &w->text, &w->ntext));
    CULL_TRY(cull__field_parse(cx, o->id ? o->id : "id", &w->id));
    w->id_asked = o->id != NULL;
    if (o->group) CULL_TRY(cull__field_parse(cx, o->group, &w->group));
    if (o->label) CULL_TRY(cull__field_parse(cx, o->label, &w->label));
    if (o->ncolumns < 0 || o->ncolumns > 65536)
        return cull__fail(cx, CULL_EOPTION, "%d columns; up to 65536 can be read", o->ncolumns);
    CULL_TRY(CULL_ALLOC(cx, w->col, o->ncolumns));
    CULL_TRY(CULL_ALLOC(cx, c->col, o->ncolumns));
    CULL_TRY(CULL_ALLOC(cx, c->col_cap, o->ncolumns));
    CULL_TRY(CULL_ALLOC(cx, c->col_name, o->ncolumns));
    for (int i = 0; i < o->ncolumns; i++) {
        w->ncol = i + 1;
        CULL_TRY(cull__field_parse(cx, o->columns[i], &w->col[i]));
        CULL_TRY(copy(cx, o->columns[i], strlen(o->columns[i]), &c->col_name[i]));
    }
    return CULL_OK;
}

static cull_status add_files(cull_ctx *cx, const cull_corpus_opts *o, cull_corpus *c)
{
    if (o->npaths < 1) return cull__fail(cx, CULL_EOPTION, "no file was given");
    for (int i = 0; i < o->npaths; i++) CULL_TRY(add_path(cx, c, o->paths[i], o->format));
    for (int i = 0; i < c->files; i++) {
        const cull__source *f = &c->file[i];
        bool rest = c->want.ntext || o->id || o->group || o->label || o->ncolumns;
        if (f->format == CULL__TXT && rest)
            return cull__fail(cx, CULL_EOPTION, "%s: plain text has no fields; each line is a text",
                              f->path);
        if ((f->format == CULL__TXT) != (c->file[0].format == CULL__TXT))
            return cull__fail(cx, CULL_EINPUT, "%s and %s: plain text does not mix with records",
                              c->file[0].path, f->path);
    }
    return CULL_OK;
}

static cull_status fit(cull_ctx *cx, const cull_corpus_opts *o, const cull__memory *m,
                       cull_corpus *c)
{
    CULL_TRY(wanted(cx, o, c));
    CULL_TRY(m ? cull__memory_add(cx, c, m) : add_files(cx, o, c));
    c->n = 0;
    CULL_TRY(read_through(cx, c));
    c->table = (cull_table){.n = c->n,
                            .cols = c->want.ncol,
                            .name = (const char *const *)c->col_name,
                            .col = (const double *const *)c->col};
    return CULL_OK;
}

cull_status cull__corpus_open(cull_ctx *cx, const cull_corpus_opts *opts, const cull__memory *m,
                              cull_corpus **out)
{
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    cull_corpus *c;
    *out = NULL;
    memcpy(&o, opts, opts->size < sizeof o ? opts->size : sizeof o);
    cull_status s = CULL_ALLOC(cx, c, 1);
    if (s != CULL_OK) {
        if (m) cull__free(m->col);
        return s;
    }
    if (m) c->column = m->col;
    s = fit(cx, &o, m, c);
    if (s == CULL_OK)
        *out = c;
    else
        cull_corpus_free(c);
    return s;
}

cull_status cull_corpus_open(cull_ctx *cx, const cull_corpus_opts *o, cull_corpus **out)
{
    return cull__corpus_open(cx, o, NULL, out);
}

static void coded_free(struct cull__names *g)
{
    cull__free(g->text);
    cull__free(g->at);
    cull__free(g->code);
}

void cull_corpus_free(cull_corpus *c)
{
    if (!c) return;
    for (int i = 0; i < c->files; i++) {
        if (c->file[i].fd >= 0) close(c->file[i].fd);
        cull__free(c->file[i].path);
        cull__free(c->file[i].map);
        cull__free(c->file[i].header);
    }
    for (int i = 0; i < c->want.ntext; i++) cull__field_free(&c->want.text[i]);
    for (int i = 0; i < c->want.ncol; i++) {
        cull__field_free(&c->want.col[i]);
        cull__free(c->col[i]);
        cull__free(c->col_name[i]);
    }
    cull__field_free(&c->want.id);
    cull__field_free(&c->want.group);
    cull__field_free(&c->want.label);
    cull__free(c->want.text);
    cull__free(c->want.col);
    cull__free(c->col);
    cull__free(c->col_cap);
    cull__free(c->col_name);
    coded_free(&c->group);
    coded_free(&c->label);
    cull__free(c->column);
    cull__free(c->file);
    cull__free(c->pub);
    cull__free(c);
}

/* ---- what is known of a corpus ---- */

int64_t cull_corpus_n(const cull_corpus *c) { return c->n; }

bool cull_corpus_has_text(const cull_corpus *c)
{
    for (int i = 0; i < c->files; i++)
        if (c->file[i].format == CULL__TXT) return true;
    return c->want.ntext > 0;
}

uint64_t cull_corpus_bytes(const cull_corpus *c) { return c->bytes; }
const cull_table *cull_corpus_table(const cull_corpus *c) { return &c->table; }

static const int32_t *codes(const struct cull__names *g, int32_t *count)
{
    if (count) *count = g->count;
    return g->code;
}

static const char *name(const struct cull__names *g, int32_t code)
{
    return code >= 0 && code < g->count ? g->text + g->at[code] : "";
}

const int32_t *cull_corpus_group(const cull_corpus *c, int32_t *n) { return codes(&c->group, n); }
const int32_t *cull_corpus_label(const cull_corpus *c, int32_t *n) { return codes(&c->label, n); }
const char *cull_corpus_group_name(const cull_corpus *c, int32_t i) { return name(&c->group, i); }
const char *cull_corpus_label_name(const cull_corpus *c, int32_t i) { return name(&c->label, i); }

int cull_corpus_files(const cull_corpus *c, const cull_input_file **files)
{
    *files = c->pub;
    return c->column ? 0 : c->files;
}

static cull_status hash_all(cull_ctx *cx, int fd, const char *path, cull__hasher *h, char *buf,
                            size_t step, uint64_t *bytes)
{
    struct stat st;
    double total = fstat(fd, &st) == 0 ? (double)st.st_size : 0;
    for (*bytes = 0;;) {
        ssize_t k = read(fd, buf, step);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return cull__fail_errno(cx, path, "cannot read");
        if (!k) return CULL_OK;
        cull__hasher_add(h, buf, (size_t)k);
        *bytes += (uint64_t)k;
        CULL_TRY(cull__tick(cx, (double)*bytes, total));
    }
}

cull_status cull_file_hash(cull_ctx *cx, const char *path, cull_input_file *out)
{
    enum { STEP = 1 << 18 };
    cull__hasher *h = NULL;
    char *buf = NULL;
    const char *file = path, *name = NULL;
    cull__mark_t mark = cull__mark(cx);
    int fd = -1;
    *out = (cull_input_file){.path = path};
    cull_status s = cull__array_file(cx, &file, &name);
    if (s == CULL_OK) {
        fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd < 0) s = cull__fail_errno(cx, path, "cannot open");
    }
    cull__release(cx, mark);
    CULL_TRY(s);
    const char *phase = cull__phase(cx, "hashing");
    s = CULL_ALLOC(cx, buf, STEP);
    if (s == CULL_OK) s = cull__hasher_new(cx, &h);
    if (s == CULL_OK) s = hash_all(cx, fd, path, h, buf, STEP, &out->bytes);
    if (h) cull__hash_hex(cull__hasher_end(h), out->hash);
    cull__free(buf);
    cull__phase(cx, phase);
    close(fd);
    return s;
}

/* corpus.h - inside of a corpus: its files, the fields asked for, and the stream of its records. */
#ifndef CULL__REPR_CORPUS_H
#define CULL__REPR_CORPUS_H
#include "io/io.h"
#include "repr/repr.h"

/* ---- fields by path (corpus_fields.c) ---- */
typedef struct {
    const char *key; /* NULL: an element of an array */
    int64_t at;      /* which; -1 = all */
} cull__step;
typedef struct {
    char *name; /* as given, without backslashes: a column of csv; NULL = not asked for */
    char *keys; /* the keys, each with its NUL */
    cull__step *step;
    int steps;
} cull__field;
/* One path, or several with commas between them. */
cull_status cull__field_parse(cull_ctx *cx, const char *path, cull__field *out);
cull_status cull__fields_parse(cull_ctx *cx, const char *paths, cull__field **out, int *n);
void cull__field_free(cull__field *f);

typedef struct {
    cull__field *text; /* (ntext) parts, joined by a newline */
    int ntext;
    bool no_text, text_optional; /* not even the usual fields; where there are none, none */
    cull__field id, group, label;
    bool id_asked;    /* else an id is taken where there is one */
    cull__field *col; /* (ncol) */
    int ncol;
} cull__wanted;

/* ---- columns of memory (corpus_memory.c): what a cell holds is asked for, row by row ---- */
enum { CULL__NULL = -1, CULL__BROKEN = -2 }; /* BROKEN: it points outside its data */
typedef struct {
    const char *name, *kind; /* "string", "number", or what else it is */
    const void *of;
    /* Bytes of a string where it lies, or of a number written to buf; NULL: neither of them. */
    int64_t (*text)(const void *of, int64_t row, char buf[32], const char **at);
    int (*number)(const void *of, int64_t row, double *out); /* 0, or as above; NULL: no numbers */
} cull__column;
typedef struct {
    int64_t n;
    cull__column *col; /* (cols) handed over: from CULL_ALLOC */
    int cols;
} cull__memory;
/* cull_corpus_open, of m instead of o->paths. m->col changes hands, also on failure. */
cull_status cull__corpus_open(cull_ctx *cx, const cull_corpus_opts *o, const cull__memory *m,
                              cull_corpus **out);
/* A column of the caller's, which must stay where it is. */
cull__column cull__memory_column(const cull_column *col);
/* The one source of a corpus of memory. */
cull_status cull__memory_add(cull_ctx *cx, cull_corpus *c, const cull__memory *m);

/* ---- files ---- */
typedef enum { CULL__JSONL, CULL__CSV, CULL__TSV, CULL__TXT, CULL__MEMORY } cull__format;
typedef struct {
    char *path; /* what errors name */
    int fd;     /* spooled input, else -1 */
    cull__format format;
    uint64_t stamp;
    int cells; /* csv, memory: columns */
    int *map;  /* ... column of each part of the text, id, group, label, then the numbers; -1 */
    char *header;
    size_t header_n;
} cull__source;

struct cull_corpus {
    int64_t n;
    uint64_t bytes, size; /* expanded (of memory the texts'); on disk (of memory the rows) */
    cull__source *file;   /* (files) of memory one, to name what is asked for */
    cull__column *column; /* (file->cells) of memory; NULL: files */
    cull_input_file *pub;
    int files;
    int64_t files_cap, pub_cap;
    cull__wanted want;
    cull_table table;
    char **col_name;
    double **col;
    int64_t *col_cap;
    struct cull__names {
        int32_t *code; /* (n) */
        int64_t code_cap;
        char *text;  /* the names, each with a NUL */
        int64_t *at; /* (count) where each begins */
        int32_t count;
    } group, label;
};

/* ---- records as they lie in the files (corpus_read.c) ---- */
/* Bytes of the buffer at first, of a batch, and what may be read beyond; records of a batch. */
enum { CULL__PAD = 64, CULL__FIRST = 64 << 10, CULL__BATCH = 4 << 20 };
enum { CULL__RECORDS = 256 * CULL__CORPUS_CHUNK };
typedef struct {
    size_t at, n; /* in the stream's buffer */
    int64_t line; /* of its file, from 1; of memory the row, from 1 */
    uint64_t off; /* byte of its expanded file */
    int file;
} cull__raw;
typedef struct {
    const cull_corpus *c;
    cull__reader *r;
    int file;        /* the one being read */
    bool open, over; /* over: no more files */
    bool ended;      /* the current file has no more bytes */
    bool head;       /* its csv header is still to come */
    char *buf;       /* bytes [0, hi); 64 more may be read */
    int64_t buf_cap;
    size_t lo, hi;   /* bytes [lo, hi) are not split yet */
    uint64_t off;    /* of `lo` in its file */
    uint64_t bytes;  /* expanded so far, over all files */
    uint64_t before; /* on disk, of the files done */
    cull__raw *rec;  /* (n) split */
    int64_t n, rec_cap;
    int64_t line;      /* of `lo` */
    int64_t row, rows; /* of rec[0]; records of the current file so far */
    int64_t most;      /* records in a batch */
    size_t target;     /* bytes in a batch */
    /* While the corpus is being opened: what is learnt of its files goes here. */
    cull_corpus *opening;
    cull__hasher *hash;
} cull__stream;
cull_status cull__stream_new(cull_ctx *cx, const cull_corpus *c, size_t slot, cull__stream *s);
/* The next records: `*n` of s->rec, a multiple of the chunk but at the end; 0 = the end. They are
 * taken by cull__stream_done. */
cull_status cull__stream_next(cull_ctx *cx, cull__stream *s, int64_t *n);
void cull__stream_done(cull__stream *s, int64_t n);
void cull__stream_free(cull__stream *s);
double cull__stream_at(const cull__stream *s); /* bytes on disk read, of c->size */

/* ---- csv (corpus_csv.c) ---- */
typedef struct {
    const char *at;
    size_t n;
    bool quoted; /* at, n without the quotes, which may hold "" */
} cull__cell;
/* Where the record at p ends: its bytes without the line's end in *rec, with it in *used, line
 * ends in *lines. False: more bytes are needed (never with `last`, but then *open says that a
 * quote is not closed). */
bool cull__csv_split(const char *p, size_t n, char sep, bool last, size_t *rec, size_t *used,
                     int64_t *lines, bool *open);
/* Cells of a record into out (room for cap); returns how many there are, or -1: text follows a
 * closing quote. */
int64_t cull__csv_cells(const char *p, size_t n, char sep, cull__cell *out, int64_t cap);
/* A cell of the header as a plain string of the arena. */
cull_status cull__csv_name(cull_ctx *cx, const cull__cell *c, char **out);
/* Names of columns, cell (n), to those asked for: f->map; the usual text where none is. */
cull_status cull__columns_find(cull_ctx *cx, cull_corpus *c, cull__source *f,
                               const cull__cell *cell, int64_t n);
static inline const char *cull__head(const cull__source *f)
{
    return f->format == CULL__MEMORY ? "the table" : "the header";
}
/* The header of f. */
cull_status cull__csv_header(cull_ctx *cx, const cull_corpus *c, cull__source *f, int64_t line,
                             const char *p, size_t n);

/* ---- fields of a record (corpus_fields.c) ---- */
enum { CULL__TEXT = 1, CULL__ID = 2, CULL__REST = 4 }; /* REST: group, label, numbers; checks */
typedef struct {
    cull__json_parser *json;
    char *buf; /* strings of the rows of a chunk */
    int64_t cap;
    size_t n;
    cull__cell *cell;
    int64_t cell_cap;
} cull__picker;
typedef struct {
    const char *at; /* NULL: from `from` of the picker's buffer, which may move */
    size_t from, n;
} cull__part;
static inline const char *cull__part_at(const cull__picker *k, const cull__part *p)
{
    return p->at ? p->at : k->buf + p->from;
}
typedef struct {
    cull__part text, id, group, label;
    bool has_id;
} cull__picked;
cull_status cull__pick_fields(cull_ctx *cx, const cull_corpus *c, cull__picker *k, int need,
                              const cull__raw *raw, const char *at, cull__picked *out,
                              double *numbers);
cull_status cull__pick_row(cull_ctx *cx, const cull_corpus *c, cull__picker *k, int need,
                           int64_t row, cull__picked *out, double *numbers); /* of memory */
/* A part of the text that began at `start` of the buffer, on a line of its own; none when empty. */
cull_status cull__append_part(cull_ctx *cx, cull__picker *k, size_t start, const char *s, size_t n);
/* The usual fields for text that the first record has. */
cull_status cull__guess_text(cull_ctx *cx, cull_corpus *c, const cull__raw *raw, const char *at);
void cull__picker_free(cull__picker *k);

/* ---- passes (corpus_pass.c) ---- */
typedef struct {
    const cull_corpus *c;
    int need;
    size_t slot;
    cull__corpus_map *map;
    /* Instead of map, for what also wants positions and numbers; slot as in cull__corpus_pass. */
    cull_status (*raw_map)(cull_ctx *cx, void *arg, int64_t chunk, const cull__raw *raw,
                           const cull__record *rec, const cull__picked *got, const cull__picker *k,
                           const double *numbers, int64_t n, void *slot);
    cull__corpus_reduce *reduce;
    void *arg;
    cull_corpus *opening;
} cull__pass;
cull_status cull__pass_run(cull_ctx *cx, const cull__pass *p);
cull_status cull__guess_csv(cull_ctx *cx, cull_corpus *c, const cull__source *f,
                            const cull__cell *cell, int64_t n);
#endif

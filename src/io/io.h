/* io.h - READ and write: bytes of files, whole or as a stream, compressed or not, and JSON in. */
#ifndef CULL__IO_H
#define CULL__IO_H
#include "base/base.h"
#include "cull/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a file as a stream; .gz and .zst are told by their first bytes and expanded ---- */
typedef struct cull__reader cull__reader;
/* path "-" = standard input. Errors name the file; in compressed input also the byte. */
cull_status cull__reader_open(cull_ctx *cx, const char *path, cull__reader **out);
/* Up to `n` bytes into buf; *got = 0 at the end. A cut or damaged compressed file is CULL_EIO. */
cull_status cull__read(cull_ctx *cx, cull__reader *r, void *buf, size_t n, size_t *got);
uint64_t cull__reader_offset(const cull__reader *r); /* bytes of the file itself consumed */
uint64_t cull__reader_size(const cull__reader *r);   /* of the file itself; 0 = unknown */
/* The same of an open descriptor, which stays the caller's; `name` is what errors call it. */
cull_status cull__reader_open_fd(cull_ctx *cx, int fd, const char *name, cull__reader **out);
bool cull__reader_plain(const cull__reader *r); /* a regular file that is not compressed */
/* Changes when the file does (device, inode, size, time); 0 for what is no regular file. */
uint64_t cull__reader_stamp(const cull__reader *r);
/* Every byte of the file itself also goes to h (NULL ends that). Before the first cull__read. */
void cull__reader_tap(cull__reader *r, cull__hasher *h);
void cull__reader_close(cull__reader *r);

/* zlib's memory, counted; `opaque` is the ctx. */
void *cull__z_alloc(void *cx, unsigned n, unsigned size);
void cull__z_free(void *cx, void *p);

/* Whether a file lies there, no pipe, device or folder. */
bool cull__regular(const char *path);

/* ---- a file whole: mapped, or expanded to memory (to tmpdir when over a quarter of the limit) ---- */
typedef struct {
    const unsigned char *at;
    size_t n;
    void *mem_;
} cull__bytes;
cull_status cull__bytes_open(cull_ctx *cx, const char *path, cull__bytes *out);
/* The same of a checkpoint's file, of which most is read from front to back: cull__bytes_read then reads the file and does not map
 * its pages, which cost more where they are new. EINPUT: a folder, or a pipe, which waits for a writer that may never
 * come. */
cull_status cull__bytes_open_regular(cull_ctx *cx, const char *path, cull__bytes *out);
/* out = bytes [at, at + n) of b, path being its name. Called by several workers at once. */
cull_status cull__bytes_read(cull_ctx *cx, const cull__bytes *b, const char *path, size_t at,
                             size_t n, void *out);
void cull__bytes_close(cull__bytes *b);
/* Bytes [at, at + n) need not stay in memory where they are mapped; they can be read again all the same. */
void cull__bytes_drop(const cull__bytes *b, size_t at, size_t n);
/* Nor in the page cache, where less than half of the file was when cull__bytes_open_regular opened it. */
void cull__bytes_forget(const cull__bytes *b, size_t at, size_t n);
/* They are read soon. A byte of each MiB of them is read, from which the system reads on, in larger pieces of the page cache and of
 * the disk than it does when it is advised. Of what stays open to be read. */
void cull__bytes_ahead(const cull__bytes *b, size_t at, size_t n);
/* An unlinked file in tmpdir, open for reading and writing; close(2) removes it. */
cull_status cull__spool_new(cull_ctx *cx, int *fd);
/* All of a file that is open, mapped. */
cull_status cull__bytes_map_fd(cull_ctx *cx, int fd, const char *name, cull__bytes *out);
/* All of p[0..n) to fd; false with errno set. */
bool cull__write_all(int fd, const void *p, size_t n);
/* The same from byte `at` of the file on; several threads may. */
bool cull__write_all_at(int fd, const void *p, size_t n, uint64_t at);
/* n zeroed bytes to read and write: in memory, or of an unlinked, mapped file in tmpdir when `disk`. */
cull_status cull__spill_new(cull_ctx *cx, uint64_t n, bool disk, cull__bytes *out, void **at);

/* ---- writing: all or nothing ---- */
typedef struct cull__writer cull__writer;
/* A temporary beside `path` (.gz, .zst compress by name); "-" = standard output. Nothing is at
 * `path` until cull__writer_end, which flushes, fsyncs and renames. */
cull_status cull__writer_open(cull_ctx *cx, const char *path, cull__writer **out);
cull_status cull__write(cull_ctx *cx, cull__writer *w, const void *p, size_t n);
/* Bytes to a place of a temporary, from any thread, instead of cull__write; EINTERNAL where there is none or it
 * is compressed. */
cull_status cull__write_at(cull_ctx *cx, cull__writer *w, const void *p, size_t n, uint64_t at);
/* Room for so many bytes in the temporary is taken now; EIO when there is not. */
cull_status cull__writer_room(cull_ctx *cx, cull__writer *w, uint64_t bytes);
/* EIO, with the bytes that are needed and free, when the file system of folder `dir` has not so many. */
cull_status cull__disk_room(cull_ctx *cx, const char *path, const char *dir, uint64_t bytes);
/* Ends well when *s is CULL_OK, else removes the temporary; frees w; returns the first failure. */
cull_status cull__writer_end(cull_ctx *cx, cull__writer *w, cull_status s);

/* ---- cells of csv and tsv text (RFC 4180) ---- */
typedef struct {
    cull_ctx *cx;
    const char *path; /* for errors, with *line, which counts on past line ends in quotes */
    int64_t *line;
    const char *at, *end; /* what is left of the text */
    char comma;
    char *text; /* a cell whose quotes had to be undone */
    int64_t text_cap;
    const char *s; /* the cell, until the next one */
    size_t n;
    bool last; /* of its record */
    bool
        more; /* text goes on behind `end`, which is behind a line: a quote that is open there is no mistake, but */
    bool cut; /* set; the cell is none */
} cull__csv;
/* The next cell; r->at comes to stand behind its comma or its line's end. */
cull_status cull__csv_cell(cull__csv *r);
/* Steps over a line that is empty; false when this one is not. */
bool cull__csv_empty(cull__csv *r);
void cull__csv_free(cull__csv *r);
/* The cells of one line, the header's, without blanks around those that no quotes hold: copies in scratch, the list itself
 * for cull__free; NULL after a failure. */
cull_status cull__csv_names(cull__csv *r, const char ***name, int64_t *n);

/* ---- JSON in (simdjson behind a C face: json.cc) ---- */
typedef struct cull__json_parser cull__json_parser; /* one for each thread; grows as needed */
cull_status cull__json_parser_new(cull_ctx *cx, cull__json_parser **out);
void cull__json_parser_free(cull__json_parser *p);
/* A parsed value; valid until the parser's next parse. */
typedef struct {
    uint64_t v[2];
} cull__json_value;
typedef enum {
    CULL__JSON_NULL,
    CULL__JSON_BOOL,
    CULL__JSON_NUMBER,
    CULL__JSON_STRING,
    CULL__JSON_ARRAY,
    CULL__JSON_OBJECT
} cull__json_type;
/* `text` has n bytes and 64 more that may be read (any value). On failure *why is a static phrase
 * ("nested deeper than 1024 levels") and *at the byte where it went wrong; SIZE_MAX when it was
 * memory that ran out. NaN, Infinity and numbers beyond f64 or 64 bits are refused. Twice the same
 * key in one object is not: see cull__json_twice. */
bool cull__json_parse(cull__json_parser *p, const char *text, size_t n, cull__json_value *root,
                      const char **why, size_t *at);
/* All of a file as one JSON value, for fn, whose status comes back. EINPUT says where it is damaged. Scratch of cx. */
typedef cull_status cull__json_root_fn(void *user, cull__json_value root);
cull_status cull__json_file(cull_ctx *cx, const char *path, const void *at, size_t n,
                            cull__json_root_fn *fn, void *user);
cull__json_type cull__json_kind(cull__json_value v);
bool cull__json_get(cull__json_value object, const char *key,
                    cull__json_value *out); /* false = absent */
/* The first key that an object has twice, or NULL. Scratch of cx for large objects. */
cull_status cull__json_twice(cull_ctx *cx, cull__json_value object, const char **key, size_t *n);
int64_t cull__json_count(cull__json_value v); /* members of an array or object */
/* Visit an array's elements (key NULL) or an object's members in order; stops when fn is false. */
typedef bool cull__json_fn(void *arg, const char *key, size_t key_n, cull__json_value v);
bool cull__json_each(cull__json_value v, cull__json_fn *fn, void *arg);
const char *cull__json_string(cull__json_value v, size_t *n); /* UTF-8, may hold NUL */
bool cull__json_number(cull__json_value v, double *out);      /* of a number only */
bool cull__json_integer(cull__json_value v, int64_t *out);   /* exact; false when it does not fit */
bool cull__json_unsigned(cull__json_value v, uint64_t *out); /* of what only fits 64 bits */
bool cull__json_truth(cull__json_value v);

/* ---- arrays: one reader for each form, told apart in array.c ----
 * A reader gets the bytes of a file, expanded, and leaves out->at inside them (mem_ NULL) or in memory
 * that it made (mem_). `name` is the member asked for, or NULL. EIO = bytes that contradict the form;
 * EINPUT = sound, but nothing that cull takes. cull_array_free(out) afterwards, whatever comes back. */
typedef cull_status cull__array_reader(cull_ctx *cx, const char *path, const char *name,
                                       const unsigned char *at, size_t n, cull_array *out);
cull__array_reader cull__npy_parse, cull__npz_parse, cull__safetensors_parse, cull__idx_parse,
    cull__cifar_parse, cull__svmlight_parse, cull__fvecs_parse, cull__ivecs_parse,
    cull__bvecs_parse;
/* The names of the members, in the arena. */
typedef cull_status cull__array_lister(cull_ctx *cx, const char *path, const unsigned char *at,
                                       size_t n, const char ***names, int64_t *count);
cull__array_lister cull__npz_names, cull__safetensors_names;
/* Which file of a sharded checkpoint (its .safetensors.index.json) holds the tensor; in the arena. */
cull_status cull__safetensors_shard(cull_ctx *cx, const char *path, const char *name,
                                    const unsigned char *at, size_t n, char **shard,
                                    const char **tensor);
/* The form of bytes, by signature, else by the name of the file: a phrase for sentences ("npy",
 * "safetensors") and its reader; refused when there is none. */
cull_status cull__array_form(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                             const char **form, cull__array_reader **reader);
/* The last extension, lower-case, without dot; .gz and .zst do not count. "" when there is none. */
const char *cull__extension(const char *path, char buf[16]);
/* Which of `names` is meant: the one called `name`; without a name the only one or "embeddings". */
cull_status cull__member(cull_ctx *cx, const char *path, const char *const *names, int64_t count,
                         const char *name, int64_t *which);
/* The file that an array is in, and its name there: of path:NAME, or of the index of a sharded
 * checkpoint; any other path is itself. In the arena. */
cull_status cull__array_file(cull_ctx *cx, const char **path, const char **name);
/* Bytes of a's shape; false when they do not fit 63 bits. */
bool cull__array_bytes(const cull_array *a, uint64_t *bytes);
/* EIO unless a's shape takes exactly the `have` bytes that the file has for it. */
cull_status cull__array_fits(cull_ctx *cx, const char *path, const cull_array *a, uint64_t have);
/* a as n rows of d numbers, the dimensions after the first together; false when it is not that. */
bool cull__array_rows(const cull_array *a, int64_t *n, int64_t *d);
/* "(3, 4)". Returns buf. */
const char *cull__shape_text(const cull_array *a, char buf[208]);
/* Zeroed memory for an array to stand on (its mem_), on disk when over a quarter of the limit. */
cull_status cull__array_memory(cull_ctx *cx, uint64_t bytes, void **mem, void **at);
/* n elements of `size` bytes, each turned around. */
void cull__swap_bytes(void *out, const unsigned char *in, int64_t n, size_t size);
/* The head of an npy file, with its padding: how many bytes. */
size_t cull__npy_head(const cull_array *a, char buf[512]);
/* The head of a safetensors file of one tensor, its length first. */
cull_status cull__safetensors_head(cull_ctx *cx, const cull_array *a, const char *name,
                                   cull_buf *out);
/* All tensors of a safetensors file, in the order of its head, and its metadata (key, value, ...): in the
 * arena, numbers where the file has them. `readable` false: a dtype that cull does not take. */
typedef struct {
    const char *name, *dtype; /* dtype: as the file calls it */
    bool readable;
    cull_array a;          /* without a dtype when not readable */
    uint64_t place, bytes; /* in the data of the file; filled in when it is written */
} cull__tensor;
cull_status cull__safetensors_all(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                                  cull__tensor **out, int64_t *count, const char ***meta,
                                  int64_t *metas);
/* n tensors (name, a) and `metas` strings of metadata to a file, which appears whole or not at all. */
cull_status cull__safetensors_write(cull_ctx *cx, const char *path, const cull__tensor *t,
                                    int64_t n, const char *const *meta, int64_t metas);
/* CRC-32 of n bytes, in parallel, going on from `before`. */
cull_status cull__crc32(cull_ctx *cx, const void *at, size_t n, uint32_t before, uint32_t *out);

/* ---- little-endian integers at any address ---- */
static inline uint32_t cull__le16(const unsigned char *p) { return (uint32_t)(p[0] | p[1] << 8); }
static inline uint32_t cull__le32(const unsigned char *p)
{
    return cull__le16(p) | cull__le16(p + 2) << 16;
}
static inline uint64_t cull__le64(const unsigned char *p)
{
    return cull__le32(p) | (uint64_t)cull__le32(p + 4) << 32;
}

#ifdef __cplusplus
}
#endif
#endif

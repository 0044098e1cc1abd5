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

/* ---- a file whole: mapped, or expanded to memory (to tmpdir when over a quarter of the limit) ---- */
typedef struct {
    const unsigned char *at;
    size_t n;
    void *mem_;
} cull__bytes;
cull_status cull__bytes_open(cull_ctx *cx, const char *path, cull__bytes *out);
void cull__bytes_close(cull__bytes *b);
/* An unlinked file in tmpdir, open for reading and writing; close(2) removes it. */
cull_status cull__spool_new(cull_ctx *cx, int *fd);
/* All of a file that is open, mapped. */
cull_status cull__bytes_map_fd(cull_ctx *cx, int fd, const char *name, cull__bytes *out);
/* All of p[0..n) to fd; false with errno set. */
bool cull__write_all(int fd, const void *p, size_t n);
/* n zeroed bytes to read and write: in memory, or of an unlinked, mapped file in tmpdir when `disk`. */
cull_status cull__spill_new(cull_ctx *cx, uint64_t n, bool disk, cull__bytes *out, void **at);

/* ---- writing: all or nothing ---- */
typedef struct cull__writer cull__writer;
/* A temporary beside `path` (.gz, .zst compress by name); "-" = standard output. Nothing is at
 * `path` until cull__writer_end, which flushes, fsyncs and renames. */
cull_status cull__writer_open(cull_ctx *cx, const char *path, cull__writer **out);
cull_status cull__write(cull_ctx *cx, cull__writer *w, const void *p, size_t n);
/* Ends well when *s is CULL_OK, else removes the temporary; frees w; returns the first failure. */
cull_status cull__writer_end(cull_ctx *cx, cull__writer *w, cull_status s);

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
bool cull__json_integer(cull__json_value v, int64_t *out); /* exact; false when it does not fit */
bool cull__json_truth(cull__json_value v);

/* ---- arrays: one reader for each form, told apart in array.c ---- */
cull_status cull__npy_parse(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                            cull_array *out);
cull_status cull__npz_open(cull_ctx *cx, const char *path, const char *name, cull__bytes *file,
                           cull_array *out);
cull_status cull__safetensors_parse(cull_ctx *cx, const char *path, const char *name,
                                    const unsigned char *at, size_t n, cull_array *out);
cull_status cull__idx_parse(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                            cull_array *out);
cull_status cull__cifar_parse(cull_ctx *cx, const char *path, const char *name,
                              const unsigned char *at, size_t n, cull_array *out);
cull_status cull__svmlight_parse(cull_ctx *cx, const char *path, const char *name,
                                 const unsigned char *at, size_t n, cull_array *out);

#ifdef __cplusplus
}
#endif
#endif

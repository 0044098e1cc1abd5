/* cull/pool.h - arrays and pools: embedded examples, in memory or on disk.
 *
 * A pool is a matrix (n, d) of f32, f16, bf16, f64 or integers, read as f32 a block of rows at a
 * time. Files are mapped, so a pool larger than memory costs none; only compressed files
 * (.gz, .zst, deflated npz members) are expanded, to memory or to ctx's tmpdir. */
#ifndef CULL_POOL_H
#define CULL_POOL_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An array of a file, or one borrowed from the caller. Row-major. */
typedef struct {
    cull_dtype dtype;
    int ndim;
    int64_t shape[8];
    const void *at;
    char name[64]; /* of the tensor or npz member it came from; "" = the file's only one */
    void *mem_;
} cull_array;

/* Open `path`: .npy, .npz, .safetensors (or its .safetensors.index.json), IDX (.idx*-ubyte), CIFAR
 * .bin, .svmlight/.libsvm/.svm (made dense), .fvecs/.ivecs/.bvecs, each also as .gz or .zst. The form is told from the
 * bytes, not from the name, where the form has a signature. `name` picks a member of an npz or
 * safetensors file; NULL takes the only one, or "embeddings" where there are several, else it is an
 * error that lists them. CIFAR and svmlight have members x (the default) and y (the labels), CIFAR-100
 * also coarse. A path may end in `:NAME` to the same effect, unless a file of that name exists.
 * bfloat16 is F32's upper half: in npy it is dtype V2, as ml_dtypes saves it. Numbers are used where
 * the file has them, at any address; big-endian, IDX, CIFAR, svmlight, *vecs and deflated ones are made in
 * memory. CULL_EIO: cut or damaged; CULL_EINPUT: a form, dtype or order that is not read. Pickles
 * are never loaded. */
CULL_API cull_status cull_array_open(cull_ctx *cx, const char *path, const char *name,
                                     cull_array *out) CULL_CHECKED;
CULL_API void cull_array_free(cull_array *a);
/* Elements [lo, lo+n) in row-major order, converted. A value that does not fit (NaN into an
 * integer, 1e300 into f32) becomes what IEEE conversion gives. */
CULL_API void cull_array_f32(const cull_array *a, int64_t lo, int64_t n, float *out);
CULL_API void cull_array_f64(const cull_array *a, int64_t lo, int64_t n, double *out);
/* Write one array; the form follows the name (.npy, .npz, .safetensors; with .gz or .zst; "-" is npy
 * to standard output). In npz and safetensors it is called a->name, or "embeddings". Atomic. */
CULL_API cull_status cull_array_write(cull_ctx *cx, const char *path,
                                      const cull_array *a) CULL_CHECKED;

typedef struct cull_pool cull_pool;
/* From a file (see cull_array_open); an array of one dimension is (n, 1), of more is (n, rest). There
 * may be 0 rows: who needs rows says so. Rows of no number, and arrays of no dimension, are
 * CULL_EINPUT. */
CULL_API cull_status cull_pool_open(cull_ctx *cx, const char *path, cull_pool **out) CULL_CHECKED;
/* Several files as one pool, rows in the order of the files; they are read into memory as f32 (to a
 * file in tmpdir when that takes more than a quarter of the limit), one alone is mapped. */
CULL_API cull_status cull_pool_open_all(cull_ctx *cx, const char *const *path, int n,
                                        cull_pool **out) CULL_CHECKED;
/* Several files side by side: row i is row i of the first file, then of the second, and so on, as when
 * each holds the gradients of one checkpoint. All must have the same shape; each stays mapped. */
CULL_API cull_status cull_pool_open_beside(cull_ctx *cx, const char *const *path, int n,
                                           cull_pool **out) CULL_CHECKED;
/* Rows row[0..n) of it in that order, written as cull_array_write does; dtype, name and the shape of
 * a row stay. They are gathered first, in tmpdir when that takes more than a quarter of the limit.
 * CULL_EINPUT: files side by side, which have no row in one piece. */
CULL_API cull_status cull_pool_write_rows(cull_ctx *cx, const cull_pool *p, const int64_t *row,
                                          int64_t n, const char *path) CULL_CHECKED;
/* From the caller's memory, row-major, which must outlive the pool; n >= 0, d >= 1. */
CULL_API cull_status cull_pool_from(cull_ctx *cx, const void *at, cull_dtype t, int64_t n,
                                    int64_t d, cull_pool **out) CULL_CHECKED;
CULL_API void cull_pool_free(cull_pool *p);
CULL_API int64_t cull_pool_n(const cull_pool *p);
CULL_API int64_t cull_pool_d(const cull_pool *p);
/* f32 only where rows lie as they are handed out: f64 of f32 files side by side. */
CULL_API cull_dtype cull_pool_dtype(const cull_pool *p);
CULL_API const char *cull_pool_name(const cull_pool *p); /* the file it came from, or "memory" */
CULL_API void cull_pool_rename(cull_pool *p, const char *name); /* for errors; cut at 255 bytes */
/* The pool as a borrowed array (n, d), to write it; `at` is NULL of files side by side. */
CULL_API cull_array cull_pool_array(const cull_pool *p);
/* Rows [lo, hi) as f32 (hi-lo, d): a pointer into the pool where it holds f32, else into `buf`,
 * which has room for (hi-lo)*d. Safe from many threads. */
CULL_API const float *cull_pool_rows(const cull_pool *p, int64_t lo, int64_t hi, float *buf);
/* Two different whole numbers of a column that are read as one f32. */
typedef struct {
    int64_t column; /* -1 = none were found */
    double a, b;
} cull_pool_merge;
/* f32 has 24 bits of a number. From here on columns of a wider dtype whose numbers lie close together and far
 * from 0, such as times, are read less an offset: the number of theirs that is nearest to 0, which subtracts
 * without rounding, so that what differs still does. Nobody else may use p meanwhile. *merge (if given):
 * whole numbers of other columns that become one, looked for in a table of fixed size. One pass over f64 and
 * integers of 32 bits and more, a second where such whole numbers are left; nothing for other pools. */
CULL_API cull_status cull_pool_centre(cull_ctx *cx, cull_pool *p,
                                      cull_pool_merge *merge) CULL_CHECKED;
/* (d) what rows are read less of; NULL = of nothing. To set it says so: rows of f32 are less of it already,
 * those of other dtypes will be when they are read. It is copied; NULL does nothing. */
CULL_API const double *cull_pool_offset(const cull_pool *p);
CULL_API cull_status cull_pool_set_offset(cull_ctx *cx, cull_pool *p,
                                          const double *offset) CULL_CHECKED;
/* Refuses a pool with a NaN or an infinity, naming the row and the column; of a store (cull/store.h)
 * any number that is not what was written, naming the rows. One pass, in parallel. */
CULL_API cull_status cull_pool_check(cull_ctx *cx, const cull_pool *p) CULL_CHECKED;
/* Refuses pools whose rows cannot be compared: of other widths, or stores of rows that were projected by
 * other matrices. Names both. */
CULL_API cull_status cull_pool_alike(cull_ctx *cx, const cull_pool *a,
                                     const cull_pool *b) CULL_CHECKED;
/* How well rows idx[0..k) of p cover a target: best[j] = the largest cosine similarity of row j of
 * target to one of them (m numbers); k >= 1, idx within the pool, both of one dimension. The mean of
 * `best` is what reports call coverage. O(k m d) time, O(m + min(k, 4096) d) memory. */
CULL_API cull_status cull_pool_coverage(cull_ctx *cx, const cull_pool *p, const int64_t *idx,
                                        int64_t k, const cull_pool *target,
                                        double *best) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

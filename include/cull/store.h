/* cull/store.h - an array of rows that grows on disk: gradients or embeddings as they are computed.
 *
 * PATH is an ordinary .npy file, (rows, d), which numpy opens at any time; PATH.sums beside it holds a
 * checksum of each block of rows as it was written. A process killed at any moment loses only rows
 * that were not told as written: the next cull_store_open goes on behind them. Whoever opens PATH as a
 * pool has every block checked as it is first read; a damaged one is refused by its rows. Without
 * PATH.sums it is read as any .npy is. */
#ifndef CULL_STORE_H
#define CULL_STORE_H
#include "cull/base.h"
#include "cull/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_store cull_store;
/* Open `path` to append rows of d numbers of type t (f16, bf16 or f32); made unless it is there. from
 * > 0: rows of `from` numbers are given, and each is projected to d by cull_project. Rows that a
 * killed process had not written whole are cut off, and after a loss of power those that were not
 * flushed may be. CULL_EINPUT: a file that is no store, or of another type, width, projection or
 * seed; CULL_EIO: PATH.sums is damaged, or another process appends. */
CULL_API cull_status cull_store_open(cull_ctx *cx, const char *path, cull_dtype t, int64_t d,
                                     int64_t from, cull_store **out) CULL_CHECKED;
/* Rows that it has: those found at opening and those appended since. */
CULL_API int64_t cull_store_rows(const cull_store *s);
/* Append the rows of a, (n, d) or (n, from), of any dtype. They are written block by block, of about
 * 1 MiB. CULL_EINPUT: another width; a number that is not finite, or too large for t (f16 ends at
 * 65504), by row and column; cull_store_rows says how much of the call was taken before it. O(n d)
 * time, or that of cull_project. */
CULL_API cull_status cull_store_append(cull_ctx *cx, cull_store *s,
                                       const cull_array *a) CULL_CHECKED;
/* What was appended is written and safe, also when the machine stops; a block ends here. */
CULL_API cull_status cull_store_flush(cull_ctx *cx, cull_store *s) CULL_CHECKED;
/* Flush and free; s is gone whatever comes back. NULL is CULL_OK. */
CULL_API cull_status cull_store_close(cull_ctx *cx, cull_store *s) CULL_CHECKED;

/* Random projection of rows a (n, D) of any dtype to out (n, d), d <= 262144: lengths and inner
 * products stay as they are on average, with a standard deviation of at most sqrt(2 / d) for vectors of
 * unit length. Each number of a row is added with a random sign to one place in each of 8 equal parts
 * of the output (sparse Johnson-Lindenstrauss transform: Kane and Nelson 2014, block construction). The
 * seed is that of cx; the same seed, D and d give the same projection. O(8 n D) time, small tables for
 * each worker; same bits for any number of threads and however rows are cut into calls. */
CULL_API cull_status cull_project(cull_ctx *cx, const cull_array *a, int64_t d,
                                  float *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

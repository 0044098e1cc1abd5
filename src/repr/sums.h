/* sums.h - PATH.sums: the checksums beside an array that grows (store.c), and what it must look like.
 *
 * Little-endian. A head, then an entry for each block of rows as it was written. An entry is the word
 * that its block is there: it is written after the block, and whole (32 bytes that no page cuts). */
#ifndef CULL__SUMS_H
#define CULL__SUMS_H
#include "cull/pool.h"
#include "io/io.h"

typedef struct {
    char magic[8];
    uint32_t version, dtype;
    int64_t d;
    int64_t from;  /* numbers of a row before it was projected, or 0 */
    uint64_t seed; /* of the projection, or 0 */
    uint64_t zero[2];
    uint64_t check; /* hash of the 56 bytes before */
} cull__sums_head;

typedef struct {
    int64_t rows; /* to the end of this block */
    cull_hash128 sum;
    uint64_t check; /* hash of the 24 bytes before and the entry's place */
} cull__sums_entry;

enum { CULL__STORE_HEAD = 128 }; /* bytes before the rows in PATH, as any (n, d) npy file has */

typedef struct {
    cull__bytes file;
    cull__sums_head head;
    const cull__sums_entry *entry; /* (blocks) in `file` */
    int64_t blocks, rows;
} cull__sums;

cull__sums_head cull__sums_head_of(cull_dtype t, int64_t d, int64_t from, uint64_t seed);
cull__sums_entry cull__sums_entry_of(int64_t block, int64_t rows, const void *at, size_t bytes);
/* Of n bytes; `path` is what sentences call the file. CULL_EIO: not a byte of them is trusted. */
cull_status cull__sums_parse(cull_ctx *cx, const char *path, const unsigned char *at, size_t n,
                             cull__sums *out);
/* PATH.sums, or nothing (*out NULL) where there is none. CULL_EIO also where `path` is longer than it
 * says: rows were being appended when the process that did was stopped. */
cull_status cull__sums_open(cull_ctx *cx, const char *path, cull__sums **out);
void cull__sums_close(cull__sums *s);
/* Every block of the numbers at `at`, in parallel; shared: each of several processes does a share. CULL_EIO
 * names the rows of the first bad one. */
cull_status cull__sums_check(cull_ctx *cx, const cull__sums *s, const char *path, const void *at,
                             bool shared);
#endif

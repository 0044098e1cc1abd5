/* cull/arrow.h - a table in memory by the Arrow C data interface, as pyarrow, polars, pandas and DuckDB
 * hand it out (__arrow_c_stream__). The three structs are the interface's ABI,
 * https://arrow.apache.org/docs/format/CDataInterface.html and CStreamInterface.html. */
#ifndef CULL_ARROW_H
#define CULL_ARROW_H
#include "cull/base.h"
#include "cull/corpus.h"
#include "cull/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4
struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif
#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

typedef struct cull_arrow cull_arrow;
/* Takes the stream over (its `release` becomes NULL, also on failure) and draws all of its batches,
 * which are kept, uncopied and not counted against the memory limit, until cull_arrow_free. Batches
 * may be sliced or empty, and there may be none. A stream of one array that is no struct is a table of
 * one column. What the producer claims is checked as far as the interface lets one: CULL_EINPUT names
 * the column and the batch's first row; CULL_EIO has the producer's own message.
 * O(batches * columns). */
CULL_API cull_status cull_arrow_open(cull_ctx *cx, struct ArrowArrayStream *stream,
                                     cull_arrow **out) CULL_CHECKED;
CULL_API void cull_arrow_free(cull_arrow *a); /* releases the batches, on this thread */
CULL_API int64_t cull_arrow_n(const cull_arrow *a);
/* The name of column i, from 0, and (kind not NULL) what it is; NULL beyond the last. The fields of a
 * struct are columns of their own, "meta.source".
 *   "string"  utf8, large, view; dictionary-encoded too (categories, enums)
 *   "number"  integers, f16, f32, f64, bool; dictionary-encoded too
 *   "vector"  lists of numbers: of fixed size, or list and large list
 *   "other"   all else: binary, decimal, dates and times, lists of lists, maps, unions, ... */
CULL_API const char *cull_arrow_column(const cull_arrow *a, int i, const char **kind);
/* Records of it, as cull_corpus_from has them: the fields of `o` are names of columns. Strings are read
 * where they lie. A null is no text, group, label or number, and CULL_EINPUT by column and row; an id
 * that was not asked for may be null. `a` outlives the corpus. */
CULL_API cull_status cull_arrow_corpus(cull_ctx *cx, const cull_arrow *a, const cull_corpus_opts *o,
                                       cull_corpus **out) CULL_CHECKED;
/* A column as an array of its own dtype: numbers (n), vectors (n, d), which must be of one length. One
 * batch is used in place; several are joined in memory (in tmpdir, mapped, above a quarter of the limit),
 * as are bools, which Arrow packs into bits, and dictionaries. A null is CULL_EINPUT by row. `a` outlives
 * it; free with cull_array_free. O(n d) at most. */
CULL_API cull_status cull_arrow_array(cull_ctx *cx, const cull_arrow *a, const char *column,
                                      cull_array *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

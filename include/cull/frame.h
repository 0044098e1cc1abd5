/* cull/frame.h - a table of mixed columns as one pool: numbers as they are, text as codes.
 *
 * A column of which some cell is neither a number nor missing is categorical: its codes are given to its
 * texts in order of first appearance. */
#ifndef CULL_FRAME_H
#define CULL_FRAME_H
#include "cull/base.h"
#include "cull/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_frame cull_frame;
typedef struct {
    size_t size;
    const char *const *paths; /* csv, tsv (also .gz, .zst), jsonl; or arrays, one pool of numbers */
    int npaths;
    const char
        *missing; /* comma-separated texts that stand for no value beside a blank cell; NULL =
                                NA,N/A,n/a,nan,NaN,null,NULL,? */
    const char
        *categorical;   /* comma-separated columns that are so although their cells are numbers */
    const char *target; /* a column, or NULL; it is none of those to choose from */
    const char *group;  /* a column, or NULL, likewise */
} cull_frame_opts;
/* clang-format off */
#define CULL_FRAME_OPTS \
    {.size = sizeof(cull_frame_opts)}
/* clang-format on */
/* Two passes over records; the matrix is f32, in tmpdir when it takes more than a quarter of the limit.
 * Arrays stay mapped where they are one file. jsonl: a column is a field of one value, missing where a
 * record lacks it or has null; true and false are 1 and 0. CULL_EINPUT, by file and line: a record of
 * another length than the header, a column twice, an infinity, a target or group that is missing. An
 * unknown column is CULL_EINPUT, and the nearest is named. */
CULL_API cull_status cull_frame_open(cull_ctx *cx, const cull_frame_opts *o,
                                     cull_frame **out) CULL_CHECKED;
CULL_API void cull_frame_free(cull_frame *f);
CULL_API const cull_pool *cull_frame_pool(const cull_frame *f);    /* (n, d); NaN = missing */
CULL_API const char *const *cull_frame_names(const cull_frame *f); /* d */
CULL_API const int32_t *cull_frame_levels(const cull_frame *f); /* d: 0 = numeric; NULL = all are */
/* The column called `name`, or -1; *near (if given) is then the nearest or NULL. */
CULL_API int64_t cull_frame_find(const cull_frame *f, const char *name, const char **near);
/* The target or the group of each row: n numbers, or, where text is among them, codes. *levels = how many
 * codes there are, 0 = numbers. NULL = there is none. */
CULL_API const double *cull_frame_target(const cull_frame *f, int32_t *levels);
CULL_API const int32_t *cull_frame_group(const cull_frame *f, int32_t *count);
CULL_API const char *cull_frame_target_name(const cull_frame *f, int32_t code);
/* Sentences on columns that were read otherwise than they may have been meant: numbers but for a few cells,
 * whole numbers too large for f32. i from 0; NULL = there are no more. */
CULL_API const char *cull_frame_note(const cull_frame *f, int i);
CULL_API bool cull_frame_is_array(const cull_frame *f);
/* Write columns name[0..count) of the files of `o`, and no other, to path, as their cells are there; of
 * an array with its dtype. A name that is not there is CULL_EINPUT. */
CULL_API cull_status cull_frame_write(cull_ctx *cx, const cull_frame_opts *o,
                                      const char *const *name, int64_t count,
                                      const char *path) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

/* arrow.h - inside of a table by the Arrow C data interface. */
#ifndef CULL__REPR_ARROW_H
#define CULL__REPR_ARROW_H
#include "base/base.h"
#include "cull/arrow.h"

typedef enum {
    CULL__ARROW_OTHER,
    CULL__ARROW_NUMBER,
    CULL__ARROW_STRING,
    CULL__ARROW_VIEW, /* strings of 16 bytes: short ones whole, else where they are */
    CULL__ARROW_LIST,
    CULL__ARROW_FIXED, /* lists of `width` */
    CULL__ARROW_STRUCT
} cull__arrow_form;
typedef struct {
    cull__arrow_form form;
    cull_dtype dtype; /* of numbers (bool: bits); of the offsets of strings and lists */
    int buffers;      /* at least */
    const char *word; /* what sentences call it */
    int64_t width;
} cull__arrow_type;

enum { CULL__ARROW_DEPTH = 8 };
typedef struct {
    const cull_arrow *of;
    char *name;
    int path[CULL__ARROW_DEPTH],
        depth;                        /* which child, from the batch down: the fields of structs */
    int64_t among[CULL__ARROW_DEPTH]; /* of how many */
    cull__arrow_type own;             /* of its array */
    bool dictionary;                  /* own are indices */
    cull__arrow_type value;           /* of its cells: the dictionary's, else own */
    cull__arrow_type item;            /* of the elements of lists */
} cull__arrow_column;

struct cull_arrow {
    struct ArrowSchema schema;
    cull__arrow_column *column; /* (cols) */
    int cols;
    int64_t cols_cap;
    struct ArrowArray *batch; /* (batches) none of them empty */
    int64_t *first;           /* (batches) its first row */
    int64_t n, batches, batch_cap, first_cap;
};

static inline bool cull__arrow_vector(const cull__arrow_column *c)
{
    return c->value.form == CULL__ARROW_LIST || c->value.form == CULL__ARROW_FIXED;
}
#endif

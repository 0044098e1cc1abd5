/* cull/space.h - what there is to choose a design from: typed parameters in a tree, and points of it.
 *
 * A space is text (docs/space.md), a line a parameter:
 *
 *     lr     = real(1e-5, 0.1, log)
 *     opt    = or { sgd { momentum = real(0, 0.99) } adam { beta2 = real(0.9, 0.999) } }
 *     block  = repeat(1..4) { width = int(16, 256, log)  act = one(relu, gelu) }
 *     warmup = optional { steps = int(10, 1000) }
 *     order  = permutation(crop, flip, blur)
 *     keep   = subset(2..4 of 10)
 *     batch  = ordinal(16, 32, 64, 128) if opt == sgd
 *     forbid opt == adam and lr > 0.01
 *
 * It is compiled to a list of parameters in order of the text (depth first; `or`, `optional` and `repeat` are
 * parameters themselves, copies of a free repeat each have their own). A point is `cull_space_width` doubles:
 * parameter i has numbers [at, at + width), all NaN where it is not active. Whether it is active depends on
 * parameters before it alone, so a point is made from left to right. */
#ifndef CULL_SPACE_H
#define CULL_SPACE_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_space cull_space;

/* ---- making one ---- */
/* A file: text as above, or JSON where it begins with '{': of the same (cull_space_text), or what ConfigSpace
 * writes (its hyperparameters, conditions and forbidden clauses). EINPUT by file and line. */
CULL_API cull_status cull_space_open(cull_ctx *cx, const char *path, cull_space **out) CULL_CHECKED;
/* n bytes of either; errors call it `name`. */
CULL_API cull_status cull_space_from(cull_ctx *cx, const char *text, size_t n, const char *name,
                                     cull_space **out) CULL_CHECKED;
CULL_API void cull_space_free(cull_space *s);
/* As text without comments, or as JSON; read back it is the same space. Free with cull_text_free. */
CULL_API cull_status cull_space_text(cull_ctx *cx, const cull_space *s, bool json,
                                     char **out) CULL_CHECKED;
CULL_API uint64_t cull_space_hash(const cull_space *s); /* of that text */

/* ---- its parameters ---- */
typedef enum {
    CULL_SPACE_REAL,        /* lo to hi, both allowed */
    CULL_SPACE_INT,         /* whole numbers lo to hi, `step` apart */
    CULL_SPACE_CATEGORY,    /* 0 .. n-1 without an order */
    CULL_SPACE_ORDINAL,     /* 0 .. n-1 in an order */
    CULL_SPACE_SUBSET,      /* n numbers 0 or 1, least to most of them 1 */
    CULL_SPACE_PERMUTATION, /* n numbers: item at each place */
    CULL_SPACE_SIMPLEX,     /* n numbers of at least 0 whose sum is 1 */
} cull_space_kind;
typedef enum {
    CULL_SPACE_LEAF,
    CULL_SPACE_OR,
    CULL_SPACE_OPTIONAL,
    CULL_SPACE_REPEAT
} cull_space_role;
typedef struct {
    const char *name; /* "block.2.width"; copies count from 1 */
    cull_space_kind kind;
    cull_space_role
        role; /* of CATEGORY (OR, OPTIONAL: 0 = without) and INT (REPEAT: how many copies) */
    int64_t at, width;   /* its numbers in a point */
    double lo, hi, step; /* REAL, INT */
    bool log;            /* REAL, INT: equal ratios are equally far */
    int64_t n;           /* values (CATEGORY, ORDINAL, INT); items (SUBSET, PERMUTATION, SIMPLEX) */
    int64_t least, most; /* SUBSET */
    const char *const *value; /* n names of values or items; NULL of REAL and INT */
    const double *number;     /* n, where an ORDINAL's values are numbers; else NULL */
    const double
        *weight; /* n: the chances of a CATEGORY's values where it has weights; else NULL */
    int within; /* the structural parameter it lies in, -1 = at the top; it is active only if that is, */
    double from,
        to; /* and has a value of from .. to (an OR's branch, an OPTIONAL's 1, copies of a REPEAT) */
    bool when; /* it has a condition (`if`) besides */
} cull_space_param;
CULL_API int cull_space_params(const cull_space *s);
CULL_API const cull_space_param *cull_space_at(const cull_space *s, int i); /* NULL outside */
CULL_API int cull_space_find(const cull_space *s, const char *name);        /* -1 = none */
CULL_API int64_t cull_space_width(const cull_space *s);
/* Whether parameter i is active, from the numbers of those before it. */
CULL_API bool cull_space_active(const cull_space *s, const double *x, int i);
CULL_API bool cull_space_constrained(const cull_space *s); /* it has forbid or require lines */
/* How many points there are: exact up to 2^63 - 1, else -1 and *log10 says (INFINITY with a REAL or SIMPLEX).
 * With constraints those that hold, counted while there are at most 2^22 without them; else *exact (may be
 * NULL) is false and constraints are not counted. */
CULL_API int64_t cull_space_count(cull_ctx *cx, const cull_space *s, double *log10, bool *exact);

/* ---- points ---- */
/* EINPUT by parameter: out of bounds, not a whole number, active and missing or the reverse, a constraint. */
CULL_API cull_status cull_space_check(cull_ctx *cx, const cull_space *s,
                                      const double *x) CULL_CHECKED;
CULL_API bool cull_space_allows(const cull_space *s, const double *x); /* its constraints hold */
/* Two points are one design where their active values are equal: 128 bits of those, with the names of parameters and
 * values, whatever their order. An optional that is left out adds nothing. */
typedef struct {
    uint64_t word[2];
} cull_key;
CULL_API cull_key cull_space_key(const cull_space *s, const double *x);
/* "lr=0.01 opt=sgd opt.sgd.momentum=0.9 ..." of the active ones, 17 digits where needed; and back, in any order,
 * separated by blanks or commas (EINPUT: unknown, twice, missing). Subsets and permutations are a+b+c, a>b>c. */
CULL_API cull_status cull_space_format(cull_ctx *cx, const cull_space *s, const double *x,
                                       char **out) CULL_CHECKED;
CULL_API cull_status cull_space_parse(cull_ctx *cx, const cull_space *s, const char *text,
                                      double *x) CULL_CHECKED;
/* One parameter's value as text ("relu", "0.01", "a+c"), as snprintf; and back. "" = not active. */
CULL_API size_t cull_space_value(const cull_space *s, const double *x, int i, char *buf,
                                 size_t size);
CULL_API cull_status cull_space_set(cull_ctx *cx, const cull_space *s, int i, const char *text,
                                    double *x) CULL_CHECKED;
/* The point of defaults: of a parameter without one the middle of its scale, the first of a category. Where constraints
 * do not hold of it, EINPUT says which. */
CULL_API cull_status cull_space_default(cull_ctx *cx, const cull_space *s, double *x) CULL_CHECKED;
/* A random point: each active value in turn, uniformly (reals and ints with `log` on their scale) or by the weights of categories, given that the constraints
 * hold: by drawing again, or from a list of all points (of 2^20 without constraints at most) where few draws keep them.
 * Both have the same chances. EINPUT: nothing was found in 10^6 draws. Draws are of (seed of cx, stream). */
CULL_API cull_status cull_space_draw(cull_ctx *cx, const cull_space *s, uint64_t stream,
                                     double *x) CULL_CHECKED;

/* ---- points as features ---- */
typedef enum {
    CULL_ENCODE_ONEHOT, /* categories one-hot (0 where not active), numbers and ordinals in 0..1 (0.5 where
                           not active) with a flag of activity where that varies */
    CULL_ENCODE_FLAT, /* one number in 0..1 for each number of the point, -1 where not active */
    CULL_ENCODE_LEVELS, /* all discrete values one-hot, ordinals and ints of up to 32 values too; else as ONEHOT */
} cull_encode;
CULL_API int64_t cull_space_features(const cull_space *s, cull_encode e);
CULL_API void cull_space_encode(const cull_space *s, cull_encode e, const double *x, double *out);
/* What feature j is of: parameter, and the value that it flags (-1 = none). */
CULL_API int cull_space_feature(const cull_space *s, cull_encode e, int64_t j, int64_t *value);

#ifdef __cplusplus
}
#endif
#endif

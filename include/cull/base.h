/* cull/base.h - status, context, matrices and tables. Every other public header includes this one.
 *
 * Ownership: what a problem points to is borrowed for the length of the call; what a call returns
 * is the caller's and goes back through its `_free`. Free handles before the ctx that made them.
 * Threads: a ctx serves one thread of control at a time and owns the workers it uses; two ctx are
 * independent. Nothing in the library is global, prints, exits or reads the environment. */
#ifndef CULL_BASE_H
#define CULL_BASE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define CULL_API __attribute__((visibility("default")))
#define CULL_PRINTF(a, b) __attribute__((format(printf, a, b)))
#define CULL_CHECKED __attribute__((warn_unused_result))
#else
#define CULL_API
#define CULL_PRINTF(a, b)
#define CULL_CHECKED
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define CULL_STATUS_MAP(X)                                                                         \
    X(OK, 0, "success")                                                                            \
    X(EINPUT, -1, "the input is not of the required form")                                         \
    X(EOPTION, -2, "an option is unknown or out of range")                                         \
    X(ENOMEM, -3, "out of memory")                                                                 \
    X(ECANCEL, -4, "stopped by the caller or the deadline")                                        \
    X(EIO, -5, "a file could not be read or written")                                              \
    X(ENODATA, -6, "data that the call needs is not installed")                                    \
    X(EINTERNAL, -7, "a bug in cull; please report it")                                            \
    X(EWAIT, -8, "this part is done; other shards are not")
typedef enum {
#define X(n, v, s) CULL_##n = v,
    CULL_STATUS_MAP(X)
#undef X
} cull_status;
CULL_API const char *cull_status_text(cull_status s);

typedef enum { CULL_LOG_DEBUG, CULL_LOG_INFO, CULL_LOG_WARN } cull_level;

/* Several processes at one problem, all making the same calls in the same order: each reads and
 * scores its share of the rows, and all come to the same answer, to the bit. Files are written by
 * rank 0 alone. Both hooks are collective, return 0 or a failure, and are called from the thread that
 * called cull. `cull-mpi` is the command over MPI. */
typedef struct {
    int rank, ranks; /* this one, 0 .. ranks-1; of so many, at least 1 */
    void *user;
    /* `bytes` bytes of every rank, in their order, into all (ranks * bytes) */
    int (*gather)(void *user, const void *mine, void *all, uint64_t bytes);
    /* in place: rank r holds bytes [from[r], from[r+1]) of `at`; afterwards every rank holds all of it */
    int (*fill)(void *user, void *at, const uint64_t *from);
} cull_ranks;

/* ctx: scratch memory, workers, the seed, the last error and the caller's hooks. */
typedef struct cull_ctx cull_ctx;
typedef struct {
    size_t size;        /* = sizeof(cull_ctx_opts); CULL_CTX_OPTS fills it */
    uint64_t seed;      /* of every random draw */
    int threads;        /* workers; 0 = one for each CPU that the process may use */
    int tick_ms;        /* least time between two calls of `tick`; 0 = every tick */
    uint64_t memory;    /* limit on the bytes that cull allocates, picks apart; 0 = none */
    double seconds;     /* deadline, counted from cull_ctx_new; 0 = none */
    const char *isa;    /* kernels: "v2", "v3", "v4", off x86-64 "plain"; "auto" = NULL */
    const char *tmpdir; /* where big intermediates are spilled; NULL = "/tmp" */
    void *user;         /* handed to every hook */
    /* progress: `what` names the phase, done of total (0 = not known); non-zero stops the call
     * (CULL_ECANCEL) */
    int (*tick)(void *user, const char *what, double done, double total);
    void (*log)(void *user, cull_level level, const char *msg);
    void *(*alloc)(void *user, size_t bytes); /* both or neither; calls never overlap */
    void (*free)(void *user, void *ptr);
    const cull_ranks *ranks; /* outlives the ctx; NULL = this process is alone */
} cull_ctx_opts;
/* clang-format off */
#define CULL_CTX_OPTS \
    {.size = sizeof(cull_ctx_opts), .seed = 1, .tick_ms = 50}
/* clang-format on */
/* NULL opts = CULL_CTX_OPTS. NULL when memory is out or isa is unknown or not of this machine. */
CULL_API cull_ctx *cull_ctx_new(const cull_ctx_opts *opts);
CULL_API void cull_ctx_free(cull_ctx *cx);
/* The sentence of the last failure: what, where, and what would be right. "" after none. */
CULL_API const char *cull_error(const cull_ctx *cx);
CULL_API uint64_t cull_ctx_seed(const cull_ctx *cx);
CULL_API int cull_ctx_threads(const cull_ctx *cx);     /* workers, at least 1 */
CULL_API const char *cull_ctx_isa(const cull_ctx *cx); /* what runs: "v2", "v3", ... */
CULL_API uint64_t cull_ctx_peak(const cull_ctx *cx);   /* most bytes held at once so far */
CULL_API uint64_t cull_ctx_held(const cull_ctx *cx);   /* bytes held now */
CULL_API void cull_ctx_reseed(cull_ctx *cx, uint64_t seed);
/* The last call of a process that has others beside it (cull_ranks), with how it fared; waits for
 * them. The first failure of any, its sentence in cull_error. */
CULL_API cull_status cull_ctx_end(cull_ctx *cx, cull_status s) CULL_CHECKED;

CULL_API const char *cull_version(void); /* "0.1.0" */
/* One line: the libraries linked and their versions, for `--version` and for reports. */
CULL_API const char *cull_build(void);

typedef enum {
    CULL_F32,
    CULL_F16,
    CULL_BF16,
    CULL_F64,
    CULL_I8,
    CULL_U8,
    CULL_I16,
    CULL_U16,
    CULL_I32,
    CULL_U32,
    CULL_I64,
    CULL_U64,
    CULL_BOOL,
    CULL_DTYPES
} cull_dtype;
CULL_API size_t cull_dtype_size(cull_dtype t);      /* bytes */
CULL_API const char *cull_dtype_name(cull_dtype t); /* "f32", "bf16", ... */

/* Named columns of n doubles each, borrowed. */
typedef struct {
    int64_t n;
    int cols;
    const char *const *name;
    const double *const *col;
} cull_table;
/* The column called `name`, or NULL. */
CULL_API const double *cull_table_col(const cull_table *t, const char *name);

/* Which were kept, in the order chosen. Owned; free with cull_pick_free, which may be after the
 * ctx that made it (the `free` hook must still work then). */
typedef struct {
    int64_t n;
    int64_t *idx;  /* n: rows of the pool, no repeats */
    double *score; /* n: the method's score of each (larger = better) */
    int32_t *by;   /* n: what chose it (target row, target task or cluster); -1 = nothing did */
    double spent;  /* sum of their costs */
    const char *by_what; /* "target", "task", "cluster" or "" (static) */
    /* Of a method that looks for copies, for all rows of the pool; else NULL and 0. A row that stays may
     * still be left out for the budget's sake, or be held already. */
    int64_t rows;
    int64_t *
        stands; /* rows: the row that stays for it, itself if it stays; -1 = it was to be avoided */
    float *like;       /* rows: how alike the two are, 1 for itself */
    const char *stays; /* which of several: "first", "longest", ... (static) */
    void *mem_;
} cull_pick;
CULL_API void cull_pick_free(cull_pick *p);

#ifdef __cplusplus
}
#endif
#endif

/* cull/stream.h - a policy of task compute or trust on rows that come block by block, in memory that goes by the block. */
#ifndef CULL_STREAM_H
#define CULL_STREAM_H
#include "cull/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cull_stream cull_stream;
/* opts NULL = as fitted; p and opts must live as long. */
CULL_API cull_status cull_stream_new(cull_ctx *cx, cull_policy *p, const cull_opts *opts,
                                     cull_stream **out) CULL_CHECKED;
/* Decisions depend on which rows are decided on together: there must be one block, of all. */
CULL_API bool cull_stream_at_once(const cull_stream *s);
/* Decide about the next rows, as cull_compute_apply and cull_trust_apply do: the decisions do not depend on where blocks
 * begin. rows->first says how many came before (0 where blocks are not cut from one whole). */
CULL_API cull_status cull_stream_next(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                                      cull_decisions *out) CULL_CHECKED;

/* ---- watched ----
 * Rows come in order, and the truth of some of them too, once they are decided on (NAN = it never does). A conformal test martingale
 * says whether they have stopped being like those of the calibration, or, where the policy has no scores of these, like the first of
 * the stream; and where one threshold bounds a share of all rows, it follows them, so that the bound holds whatever they do
 * (cull/drift.h). Decisions have `level` and `drift`. Without such a threshold decisions stay as they are, and the test is of
 * what was lost, or, where no truth and no quality comes, of how sure the decisions are. */
typedef struct {
    size_t size;
    double alarm; /* the chance of any false alarm, at most */
    double rate;  /* of the threshold: 0 = several, weighed */
    int64_t
        window; /* scores that it is a quantile of; 0 = as many as were calibrated on, 100 to 10000 */
} cull_watch_opts;
/* clang-format off */
#define CULL_WATCH_OPTS {.size = sizeof(cull_watch_opts), .alarm = 0.05}
/* clang-format on */
/* Before the first rows. EINPUT: decisions are about all rows at once. */
CULL_API cull_status cull_stream_watch(cull_ctx *cx, cull_stream *s,
                                       const cull_watch_opts *o) CULL_CHECKED;
enum { CULL_ALARMS = 16 };
typedef struct {
    bool follows;                    /* the threshold does */
    double level;                    /* that it holds */
    double bound;                    /* the share missed is off the level by this at most */
    int64_t known;                   /* rows that the test saw */
    int64_t missed[2];               /* of those up to the first alarm, and after it */
    int64_t still[2];                /* what the threshold as fitted would have missed */
    int64_t of[2];                   /* how many they are */
    int64_t alarms, at[CULL_ALARMS]; /* how many; rows of the first of them */
    double most;                     /* log10 of the most that the test came to */
} cull_watch_summary;

typedef struct {
    int64_t rows, kept;       /* decided on; trusted, where that is decided, else 0 */
    int64_t copies;           /* rows that stand in the calibration too */
    cull_guarantee guarantee; /* of trust, as cull_trust_apply has it; bounds NULL = none */
    bool watched;
    cull_watch_summary watch;
} cull_stream_summary;
/* Of all rows so far. */
CULL_API cull_status cull_stream_sum(cull_ctx *cx, cull_stream *s,
                                     cull_stream_summary *out) CULL_CHECKED;
CULL_API void cull_stream_free(cull_stream *s);

#ifdef __cplusplus
}
#endif
#endif

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
 * the stream. Where one threshold bounds a share of all rows, or a place on a path of choices their mean loss in expectation, it follows
 * the rows, so that the bound holds whatever they do (cull/drift.h); decisions have `level` and `drift`. All else stays as it is, or
 * is fitted anew after an alarm. What follows nothing is tested by what was lost (of answers that are kept or not by how sure those are that
 * were wrong), or, where no truth and no quality comes, by how sure the decisions are.
 *
 * Anew: from an alarm on the rows whose outcome came are gathered (of models, the quality of all of them), and when there are so many,
 * the method is fitted to them as it was to the calibration rows. The rows after those are decided on by that, and what it guarantees is
 * guaranteed of them, as long as they and the gathered ones are of one distribution: the alarm has to have come after the change, and
 * whether an outcome comes must not depend on the row. Until then, and where the fit is refused, decisions are as before, with no
 * guarantee; an alarm meanwhile begins the gathering again. */
typedef struct {
    size_t size;
    double alarm; /* the chance of any false alarm, at most */
    double rate;  /* of the threshold: 0 = several, weighed; of a place on a path: 0 = 0.005 */
    int64_t
        window; /* scores that it is a quantile of; 0 = as many as were calibrated on, 100 to 10000 */
    int64_t anew; /* rows to fit anew on after an alarm; 0 = not */
} cull_watch_opts;
/* clang-format off */
#define CULL_WATCH_OPTS {.size = sizeof(cull_watch_opts), .alarm = 0.05}
/* clang-format on */
/* Before the first rows. EINPUT: decisions are about all rows at once; `anew` of what follows, or of a policy that does not say what it
 * was fitted for. */
CULL_API cull_status cull_stream_watch(cull_ctx *cx, cull_stream *s,
                                       const cull_watch_opts *o) CULL_CHECKED;
enum { CULL_ALARMS = 16 };
typedef struct {
    bool follows;  /* the threshold, or the place on a path, does */
    bool path;     /* the latter */
    double level;  /* that it holds */
    double bound;  /* of a threshold: the share missed is off the level by this at most; of a path:
                      the mean loss is above it by this at most, but for what `helpless` rows lost */
    int64_t known; /* rows whose loss came */
    double missed[2];    /* of those up to the first alarm, and after it: what was lost in sum */
    int64_t of[2];       /* how many they are */
    double still[2];     /* what the policy as fitted would have lost, where that is known */
    int64_t still_of[2]; /* of so many */
    int64_t helpless;
    int64_t alarms, at[CULL_ALARMS]; /* how many; rows of the first of them */
    double most;                     /* log10 of the most that the test came to */
    int64_t fits;                    /* how often it was fitted anew */
    int64_t fit_from[CULL_ALARMS];   /* of the first of those: the first row gathered, and the */
    int64_t fit_to[CULL_ALARMS];     /* last one, after which it decides */
    int64_t refused;                 /* how often there was no fit */
    const char *why;                 /* of the last of those; lives as long as the policy */
} cull_watch_summary;

typedef struct {
    int64_t rows, kept; /* decided on; trusted, where that is decided, else 0 */
    int64_t copies;     /* rows that stand in the calibration too */
    /* Of trust, as cull_trust_apply has it; of what was fitted anew, of any task, and lives as long as the stream. bounds NULL = none. */
    cull_guarantee guarantee;
    bool watched;
    cull_watch_summary watch;
} cull_stream_summary;
/* Of all rows so far. */
CULL_API cull_status cull_stream_sum(cull_ctx *cx, cull_stream *s,
                                     cull_stream_summary *out) CULL_CHECKED;
CULL_API void cull_stream_free(cull_stream *s);

/* What decisions about n rows at once hold, told from trials on some like them (`rows`), as cull_compute_plan tells of a fit; and
 * with `checked` what their comparison with the outcomes holds (cull_compute_judge, cull_trust_check). p is not changed. */
CULL_API cull_status cull_stream_plan(cull_ctx *cx, cull_policy *p, const cull_opts *opts,
                                      const cull_outcomes *rows, int64_t n, bool checked,
                                      cull_policy_plan *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

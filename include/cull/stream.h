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
 * begin. rows->first says how many came before. */
CULL_API cull_status cull_stream_next(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                                      cull_decisions *out) CULL_CHECKED;
typedef struct {
    int64_t rows, kept;       /* decided on; trusted, where that is decided, else 0 */
    int64_t copies;           /* rows that stand in the calibration too */
    cull_guarantee guarantee; /* of trust, as cull_trust_apply has it; bounds NULL = none */
} cull_stream_summary;
/* Of all rows so far. */
CULL_API cull_status cull_stream_sum(cull_ctx *cx, cull_stream *s,
                                     cull_stream_summary *out) CULL_CHECKED;
CULL_API void cull_stream_free(cull_stream *s);

#ifdef __cplusplus
}
#endif
#endif

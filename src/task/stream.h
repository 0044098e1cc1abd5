/* stream.h - inside of a stream: who decides block by block, and who watches (cull/stream.h). */
#ifndef CULL__TASK_STREAM_H
#define CULL__TASK_STREAM_H
#include "base/base.h"
#include "cull/compute.h"
#include "cull/drift.h"
#include "cull/stream.h"
#include "cull/trust.h"

struct cull_stream {
    cull_policy *p;
    const cull_method *m;
    const cull_opts *opts;
    cull_opts *own;
    uint64_t *hash; /* (mask + 1) of the calibration rows; 0 = free */
    uint64_t mask;
    bool at_once, known; /* known: there are hashes, and they tell rows apart */
    bool zero;           /* a calibration row has hash 0 */
    cull_stream_summary sum;
    /* watched */
    cull_drift *drift;
    cull_adaptive *adaptive;
    double fitted; /* the threshold */
};

/* ---- watch.c ---- */
/* Decide by the threshold that follows, which learns what became known of each row before the next one is decided on. */
cull_status cull__watch_follow(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                               cull_decisions *out);
/* Look at decisions that were made. */
cull_status cull__watch_look(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                             cull_decisions *out);
#endif

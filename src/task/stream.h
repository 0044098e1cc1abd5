/* stream.h - inside of a stream: who decides block by block, and who watches (cull/stream.h). */
#ifndef CULL__TASK_STREAM_H
#define CULL__TASK_STREAM_H
#include "base/base.h"
#include "cull/compute.h"
#include "cull/drift.h"
#include "cull/stream.h"
#include "cull/trust.h"

typedef struct cull__anew cull__anew;

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
    cull_rolling *rolling;
    int64_t places, start; /* of the path that it goes along */
    int reference;
    cull__anew *anew; /* NULL = it is not fitted anew */
};

/* ---- stream.c ---- */
/* By the policy in force. */
cull_status cull__stream_decide(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                                cull_decisions *out);

/* ---- watch.c ---- */
/* Decide by the threshold that follows, which learns what became known of each row before the next one is decided on. */
cull_status cull__watch_follow(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                               cull_decisions *out);
/* Look at decisions that were made; those after a fit are made anew. */
cull_status cull__watch_look(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                             cull_decisions *out);
/* A row's loss came, and that of the policy as fitted (NAN = it is not known), which the test looks at `score` for. True = alarm. */
typedef struct {
    double score, lost, fitted;
} cull__seen;
bool cull__watch_row(cull_stream *s, int64_t row, const cull__seen *v);

/* ---- roll.c ---- */
/* Whether the policy has a path to follow; if so s->rolling is set. */
cull_status cull__roll_begin(cull_ctx *cx, cull_stream *s, double rate, bool *follows);
/* Decide by the place on the path, as above. */
cull_status cull__roll_follow(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows,
                              cull_decisions *out);

/* ---- anew.c ---- */
/* EINPUT: the policy does not say what it was fitted for. */
cull_status cull__anew_new(cull_ctx *cx, const cull_policy *p, int64_t rows, cull__anew **out);
void cull__anew_free(cull__anew *a);
/* NULL: the policy as it was fitted first. */
cull_policy *cull__anew_policy(const cull__anew *a);
/* Row i of `rows` was decided on and looked at; *fitted: from the next one on another policy decides. EINPUT: rows of which nothing
 * becomes known. */
cull_status cull__anew_row(cull_ctx *cx, cull_stream *s, const cull_outcomes *rows, int64_t i,
                           bool alarm, bool *fitted);
#endif

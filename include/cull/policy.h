/* cull/policy.h - a policy: what a method of compute or trust learnt, as a file; and what it decides.
 *
 * Tasks compute and trust have two steps: fit learns a policy from rows whose outcomes are known, apply
 * decides about other rows. */
#ifndef CULL_POLICY_H
#define CULL_POLICY_H
#include "cull/method.h"
#include "cull/outcomes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what is guaranteed ---- */
typedef struct {
    const char *bounds;  /* "false discovery rate", "miscoverage", "risk of accepted answers" */
    double level;        /* it is at most this, */
    double delta;        /* but with this chance; 0 = in expectation */
    const char *assumes; /* "calibration and test rows are exchangeable" */
    const char *broken;  /* why it does not hold here; NULL = nothing speaks against it */
    int64_t n;           /* rows it rests on */
} cull_guarantee;

/* ---- a policy: named arrays and texts ---- */
typedef struct cull_policy cull_policy;
CULL_API cull_status cull_policy_new(cull_ctx *cx, cull_policy **out) CULL_CHECKED;
CULL_API void cull_policy_free(cull_policy *p);
/* Copies (rows, cols) numbers in under a name; what was there is replaced. Any number, NaN and infinities
 * too, is read back to the bit. */
CULL_API cull_status cull_policy_put(cull_ctx *cx, cull_policy *p, const char *name, int64_t rows,
                                     int64_t cols, const double *v) CULL_CHECKED;
CULL_API cull_status cull_policy_put_number(cull_ctx *cx, cull_policy *p, const char *name,
                                            double v) CULL_CHECKED;
/* NULL = there is none of the name (rows and cols may be NULL). Borrowed until the policy changes. */
CULL_API const double *cull_policy_get(const cull_policy *p, const char *name, int64_t *rows,
                                       int64_t *cols);
/* The same where it must be there, of that shape (-1 = any): CULL_EINPUT else, as of a damaged file. */
CULL_API cull_status cull_policy_need(cull_ctx *cx, const cull_policy *p, const char *name,
                                      int64_t rows, int64_t cols, const double **v) CULL_CHECKED;
CULL_API cull_status cull_policy_need_number(cull_ctx *cx, const cull_policy *p, const char *name,
                                             double *v) CULL_CHECKED;
CULL_API cull_status cull_policy_put_text(cull_ctx *cx, cull_policy *p, const char *name,
                                          const char *text) CULL_CHECKED; /* UTF-8; any length */
CULL_API const char *cull_policy_text(const cull_policy *p, const char *name); /* NULL = none */
/* A sentence for people about what was learnt ("stage 1 answers 62 % of rows"); in order. */
CULL_API cull_status cull_policy_note(cull_ctx *cx, cull_policy *p, const char *fmt, ...)
    CULL_PRINTF(3, 4) CULL_CHECKED;
CULL_API int cull_policy_notes(const cull_policy *p);
CULL_API const char *cull_policy_note_at(const cull_policy *p, int i);
/* Copied; at most one. */
CULL_API cull_status cull_policy_guarantee(cull_ctx *cx, cull_policy *p,
                                           const cull_guarantee *g) CULL_CHECKED;
CULL_API const cull_guarantee *cull_policy_guaranteed(const cull_policy *p); /* NULL = nothing */
/* Who made it: the door of a task notes the method, all its options and the models of the rows. */
CULL_API cull_status cull_policy_made_by(cull_ctx *cx, cull_policy *p, const cull_method *m,
                                         const cull_opts *opts,
                                         const cull_outcomes *rows) CULL_CHECKED;
/* The method's options as they were then; the caller's. */
CULL_API cull_status cull_policy_options(cull_ctx *cx, const cull_policy *p,
                                         cull_opts **out) CULL_CHECKED;
CULL_API const cull_method *cull_policy_method(const cull_policy *p);
CULL_API int cull_policy_models(const cull_policy *p);
CULL_API const char *cull_policy_model(const cull_policy *p, int k);

/* One JSON file, all or nothing; reads back to the bit. CULL_EINPUT: no policy, one of a newer version, of
 * a method that is not here, damaged. */
CULL_API cull_status cull_policy_write(cull_ctx *cx, const cull_policy *p,
                                       const char *path) CULL_CHECKED;
CULL_API cull_status cull_policy_open(cull_ctx *cx, const char *path,
                                      cull_policy **out) CULL_CHECKED;

/* ---- before a fit, or before decisions ---- */
enum { CULL_POLICY_WORKS = 6 };
typedef struct {
    const char *what; /* "cascades" */
    double n;
} cull_policy_work;
/* What a fit would hold and do (cull_compute_plan, cull_trust_plan), or decisions would hold (cull_stream_plan). */
typedef struct {
    uint64_t bytes;    /* at once, at most, beside the rows */
    int64_t tried;     /* rows of the largest trial that says so */
    char refused[512]; /* why so few rows are refused; "" = they are not. All of them need not be */
    cull_policy_work work[CULL_POLICY_WORKS]; /* the sizes that its time goes by */
    int works;
    double
        bend; /* for methods: rows beyond which bytes no longer grow with their square; 0 = there are none */
} cull_policy_plan;
/* For methods: one more of those. */
CULL_API void cull_policy_plan_add(cull_policy_plan *p, const char *what, double n);

/* ---- decisions about rows: owned ---- */
typedef struct cull_decisions {
    int64_t n;
    /* Of compute. */
    int32_t *model;   /* n: whose answer is taken; -1 = of several together */
    uint64_t *called; /* n: bit k = model k ran */
    double *cost;     /* n: of all that ran */
    /* Of either, where the method has them; else NULL. */
    int32_t *label; /* n: the class, -1 = none */
    double *score;  /* n: how sure, larger = surer */
    /* Of trust. */
    uint8_t *keep; /* n: 1 = trusted */
    double *p;     /* n: p-value of "this row is not what is looked for" */
    double *lo, *hi;
    int32_t classes;
    uint8_t *set; /* (n, classes): 1 = in the set */
    /* Of a stream that is watched. */
    double *level; /* n: the level in force */
    double *drift; /* n: log10 of what the test against drift has come to */
} cull_decisions;
CULL_API void cull_decisions_free(cull_decisions *d);
/* For methods: the arrays they fill, zeroed. `what` is a sum of these. */
enum {
    CULL_DECIDES_CALLS = 1, /* model, called, cost */
    CULL_DECIDES_LABEL = 2,
    CULL_DECIDES_SCORE = 4,
    CULL_DECIDES_KEEP = 8,
    CULL_DECIDES_P = 16,
    CULL_DECIDES_INTERVAL = 32,
    CULL_DECIDES_SET = 64
};
CULL_API cull_status cull_decisions_new(cull_ctx *cx, int64_t n, unsigned what, int32_t classes,
                                        cull_decisions *out) CULL_CHECKED;
/* csv, json or jsonl by the name of the file, else tsv; `-` is tsv to standard output. Whole
 * or not at all. */
CULL_API cull_status cull_decisions_write(cull_ctx *cx, const cull_decisions *d,
                                          const cull_policy *p, const char *path) CULL_CHECKED;
/* The same block by block: rows count on, and every block has the same arrays. The file appears at the end, unless it is
 * standard output, which gets blocks as they come. `end` goes well where s is CULL_OK, frees w and gives the first failure. */
typedef struct cull_decisions_writer cull_decisions_writer;
CULL_API cull_status cull_decisions_writer_open(cull_ctx *cx, const cull_policy *p,
                                                const char *path,
                                                cull_decisions_writer **out) CULL_CHECKED;
CULL_API cull_status cull_decisions_writer_add(cull_ctx *cx, cull_decisions_writer *w,
                                               const cull_decisions *d) CULL_CHECKED;
CULL_API cull_status cull_decisions_writer_end(cull_ctx *cx, cull_decisions_writer *w,
                                               cull_status s) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

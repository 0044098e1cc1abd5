/* cull/surgery_audit.h - what inherited weights are worth: a pruned network beside the same one trained from scratch
 * (Liu, Sun, Zhou, Huang and Darrell 2019).
 *
 * Scratch-E trains the smaller network anew for as many epochs as the whole one took; scratch-B for as many multiply-adds,
 * within a limit. If they are as good as the pruned and fine-tuned network, what pruning found is its shape. */
#ifndef CULL_SURGERY_AUDIT_H
#define CULL_SURGERY_AUDIT_H
#include "cull/fit.h"
#include "cull/surgery.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CULL_AUDIT_RATES = 4, CULL_AUDIT_ROWS = 6 + CULL_AUDIT_RATES };
typedef struct {
    size_t size;
    cull_fit_opts
        fit; /* the full schedule, that of the whole network, but for its norm_l1 and soft_keep */
    int64_t tune_epochs; /* of a fine-tune; 0 = a quarter of the full schedule's */
    int rates; /* fine-tunes at constant rates: so many times that of the schedule's start */
    double rate[CULL_AUDIT_RATES];
    bool
        tune_full; /* one by the full schedule, too: as much training as scratch-E, on top of the whole network's */
    bool
        uniform; /* scratch-E of another network, too: every group cut by one share, to as many multiply-adds at most */
    bool scratch; /* scratch-E and scratch-B */
    double cap;   /* scratch-B trains at most so many times as long */
} cull_audit_opts;
/* clang-format off */
#define CULL_AUDIT_OPTS \
    {.size = sizeof(cull_audit_opts), .fit = CULL_FIT_OPTS, .rates = 2, .rate = {0.01, 0.1}, .tune_full = true, .scratch = true, .cap = 2}
/* clang-format on */
typedef enum {
    CULL_AUDIT_WHOLE,  /* as it is */
    CULL_AUDIT_PRUNED, /* cut, not trained */
    CULL_AUDIT_TUNED,  /* fine-tuned at one of the rates */
    CULL_AUDIT_TUNED_FULL,
    CULL_AUDIT_SCRATCH_E,
    CULL_AUDIT_SCRATCH_B,
    CULL_AUDIT_UNIFORM,
} cull_audit_kind;
typedef struct {
    cull_audit_kind kind;
    double rate;     /* at which it began; 0 = not trained */
    int64_t epochs;  /* trained here */
    double accuracy; /* of classes, else NaN */
    double loss;
    double macs; /* of its network */
} cull_audit_row;
typedef struct {
    int rows;
    cull_audit_row row[CULL_AUDIT_ROWS];
    double macs[2]; /* before, after */
    int64_t params[2];
} cull_audit;
/* m: the whole network, trained, of the surgery; data's rows row[0..n) are trained on, val_row[0..val_n) judge. What
 * is drawn anew is drawn from cx's seed: other seeds, other scratch networks. The trainings run beside one another, one
 * thread each; bits do not depend on threads. */
CULL_API cull_status cull_surgery_audit(cull_ctx *cx, const cull_surgery *s, cull_model *m,
                                        const bool *keep, const cull_fit_data *d,
                                        const int64_t *row, int64_t n, const int64_t *val_row,
                                        int64_t val_n, const cull_audit_opts *o,
                                        cull_audit *out) CULL_CHECKED;
/* "fine-tuned", "scratch-E", ... */
CULL_API const char *cull_audit_name(cull_audit_kind kind);

#ifdef __cplusplus
}
#endif
#endif

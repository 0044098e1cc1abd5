/* cull/claim.h - what each method's paper claims, checked at the scale of one machine's minutes.
 *
 * A check runs the method beside its baselines on public data over several seeds and holds what
 * comes out against a threshold that was set before. A claim that is not reached is told as such:
 * CULL_OK says only that the check ran. Strings in a result are static; nothing is to be freed. */
#ifndef CULL_CLAIM_H
#define CULL_CLAIM_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const char *slug;    /* the method, or the paper of a command */
    const char *claim;   /* what is claimed, in one sentence */
    const char *setting; /* data, budget, model and seeds of the check */
    const char *package; /* Debian package with the data; NULL = needs none, or there is none */
} cull_claim;
CULL_API int cull_claim_count(void);
CULL_API const cull_claim *cull_claim_at(int i); /* in order of slug; NULL outside */

/* A requirement: value >= threshold, or <= where `below`. */
typedef struct {
    const char *what;
    double threshold,
        value;     /* value: mean over the seeds, or the worst seed where `what` says so */
    double lo, hi; /* 95 % interval of the mean over the seeds (Student's t) */
    bool below, holds;
} cull_claim_line;
/* A number beside it: the method's own or a baseline's, mean over the seeds and its interval (NaN: none). */
typedef struct {
    const char *what;
    double value, lo, hi;
} cull_claim_figure;
enum { CULL_CLAIM_LINES = 12, CULL_CLAIM_FIGURES = 48 };
typedef struct {
    const cull_claim *claim;
    bool reached; /* every line holds */
    int seeds, lines, figures;
    cull_claim_line line[CULL_CLAIM_LINES];
    cull_claim_figure figure[CULL_CLAIM_FIGURES];
    const char *note; /* what this check cannot show; "" = nothing to add */
    double seconds;
} cull_claim_result;

/* Run the check of method `slug`. data_dir: where data packages put their files, NULL =
 * "/usr/share/datasets". quick: 3 seeds instead of all. The seeds are cx's own and those after it;
 * cx's seed is afterwards what it was. CULL_EINPUT: no check of that name; CULL_ENODATA: data is not
 * installed, and the sentence names the package. Takes up to a minute and 400 MiB; checks that train networks take
 * some minutes. */
CULL_API cull_status cull_claim_run(cull_ctx *cx, const char *slug, const char *data_dir,
                                    bool quick, cull_claim_result *out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

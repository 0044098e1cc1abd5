/* cull/importance.h - which parameters decided about a search's results: about the best trials, or about the values everywhere.
 *
 * PED-ANOVA (Watanabe, Bansal and Hutter 2023): for each parameter by itself, how far the density p of the best trials is from the
 * density q of all in view: Pearson's divergence sum q (p / q - 1)^2. It is cheap, needs no model and works on any trials;
 * effects that only pairs of parameters have are not seen. */
#ifndef CULL_IMPORTANCE_H
#define CULL_IMPORTANCE_H
#include "cull/search.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CULL_IMPORTANCE_RANK = -1 };
typedef struct {
    size_t size;
    /* The share of trials that are the best, and of those in view (local importance within the best trials so far, where it
     * is below 1): 0 = 0.1 and 1. */
    double top, region;
    /* q is uniform over the number's values (global importance, for trials drawn at random); else it is the density of the trials in
     * view, which takes out where the search itself liked to look. */
    bool uniform;
    int objective; /* by which; CULL_IMPORTANCE_RANK = by rank of dominance, then crowding */
    int64_t draws; /* of trials called the best at random, for `chance`; 0 = 100, below 0 = none */
    uint64_t stream;
} cull_importance_opts;
/* clang-format off */
#define CULL_IMPORTANCE_OPTS {.size = sizeof(cull_importance_opts), .objective = CULL_IMPORTANCE_RANK}
/* clang-format on */
typedef struct {
    double
        divergence; /* among trials in which it is active; NaN where fewer than 2 of the best are */
    double share;   /* of the sum over all parameters; 0 where NaN */
    /* The mean divergence where so many trials are called the best at random, and the share of such draws that come to as much,
     * (1 + so many) / (1 + draws): few trials or many values look important by chance. NaN without draws. */
    double chance, p;
    double active;      /* the share of the trials in view in which it is active */
    int64_t best, seen; /* trials that counted: of the best, of those in view */
} cull_importance;
/* x (n, width), value (n, objectives) minimised, violation (n; NULL = none): what is above 0 comes after all that is not.
 * Trials with a NaN among the values that count are left out. out: one for each parameter of s.
 *
 * Densities: numbers and ordered values by a Gaussian kernel on their scale in at most 64 cells, of Scott's width for the best
 * trials (1.06 min(sd, IQR / 1.34) n^(-1/5), half a cell at least) for p and q alike; categories by counts; one trial more
 * that is spread evenly. Of subsets, permutations and simplexes the largest divergence of one of their numbers, which that
 * of all together is no less than. EINPUT: fewer than 4 trials, or none outside the best. */
CULL_API cull_status cull_search_importance(cull_ctx *cx, const cull_space *s, int64_t n,
                                            const double *x, int objectives, const double *value,
                                            const double *violation, const cull_importance_opts *o,
                                            cull_importance *out) CULL_CHECKED;
/* The same of a study's trials that are done. */
CULL_API cull_status cull_study_importance(cull_ctx *cx, cull_study *s,
                                           const cull_importance_opts *o,
                                           cull_importance *out) CULL_CHECKED;

/* ---- of the values everywhere ----
 * Functional ANOVA (Hutter, Hoos and Leyton-Brown 2014): a random forest is fitted to the trials, and the variance of each of its
 * trees over the whole space, good regions and bad, is taken apart into what single parameters and pairs make. */
enum { CULL_FANOVA_AMONG = 16 };
typedef struct {
    size_t size;
    int64_t trees; /* 0 = 64 */
    int among; /* pairs of so many of the most important parameters, at most 16; 0 = 8, -1 = none */
    int objective; /* of a study's: by which */
    uint64_t stream;
} cull_fanova_opts;
/* clang-format off */
#define CULL_FANOVA_OPTS {.size = sizeof(cull_fanova_opts)}
/* clang-format on */
typedef struct {
    double share, sd; /* of a tree's variance: mean and standard deviation over the trees */
} cull_fanova;
typedef struct {
    int a, b;         /* parameters */
    double share, sd; /* of what they make together beside what each makes */
} cull_fanova_pair;
/* x (n, width), y (n), finite. out: one for each parameter of s; NaN of those that are not active in all trials, and of subsets,
 * permutations and simplexes, as if they were not there. pair: NULL = none, or room for among (among - 1) / 2; *pairs of them (may
 * be NULL), the most important first.
 *
 * Marginals are exact sums over the leaves, each of which weighs its share of the space: points drawn at random, numbers on
 * their scale; constraints are not looked at. The space is the product of the domains of those that take part, which is all of it where
 * it has no conditions. Trees are those of bootstrap samples, to leaves of one trial, of depth 64 at most, and every split may take any
 * parameter. A number of more than 63 values among the trials is cut where as many trials lie between. A parameter's own share does not
 * hold what it does with others, so shares and those of pairs sum to 1 at most. EINPUT: fewer than 4 trials, a value
 * that is not finite, values that are all alike. O(trees n (d + among^2)) time beside the forest's. */
CULL_API cull_status cull_search_fanova(cull_ctx *cx, const cull_space *s, int64_t n,
                                        const double *x, const double *y, const cull_fanova_opts *o,
                                        cull_fanova *out, cull_fanova_pair *pair,
                                        int *pairs) CULL_CHECKED;
/* The same of a study's trials that are done. */
CULL_API cull_status cull_study_fanova(cull_ctx *cx, cull_study *s, const cull_fanova_opts *o,
                                       cull_fanova *out, cull_fanova_pair *pair,
                                       int *pairs) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

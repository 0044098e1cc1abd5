/* cull/surgery.h - structured pruning: channels of a network that are cut together, and the smaller network.
 *
 * A channel of one tensor cannot go alone. The filter that makes it, its batch norm, what is added to it and every
 * weight that reads it go too; padded shortcuts, concatenations, grouped convolutions and flattened images tie
 * channels of several layers to one another. Such a bundle is a *unit*. Units that touch the same layers are alike
 * in what they cost, and make a *group*, called after the first layer that makes them. All of that follows from the
 * model's description, whatever the architecture:
 *
 *     cull_surgery_new(cx, m, &s);
 *     cull_surgery_score(cx, s, CULL_CHANNEL_L1, score);
 *     cull_surgery_choose(cx, s, score, &target, keep);
 *     cull_surgery_cut(cx, s, keep, &smaller);
 */
#ifndef CULL_SURGERY_H
#define CULL_SURGERY_H
#include "cull/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- groups ---- */
typedef struct cull_surgery cull_surgery;
/* m is borrowed, and may be of shapes only. */
CULL_API cull_status cull_surgery_new(cull_ctx *cx, const cull_model *m,
                                      cull_surgery **out) CULL_CHECKED;
CULL_API void cull_surgery_free(cull_surgery *s);

typedef struct {
    const char *name; /* "layer1.0.conv1"; a second group that begins there "layer1.0.conv1#2" */
    const char
        *fixed; /* why no unit can go, "the model's input" or "the model's output"; or NULL */
    int64_t first, width; /* its units are [first, first + width) */
    int64_t params;       /* trained numbers that go with the first unit to go */
    double macs;          /* multiply-adds of one example that do */
    int members;
} cull_channel_group;
/* A layer that loses a part of its parameters. */
typedef struct {
    const char *layer, *op;
    int64_t made, read; /* channels of a unit that it makes (or scales), and that it reads */
} cull_channel_member;
CULL_API int cull_surgery_groups(const cull_surgery *s);
CULL_API int64_t cull_surgery_units(const cull_surgery *s);
CULL_API cull_channel_group cull_surgery_group(const cull_surgery *s, int g);
CULL_API cull_channel_member cull_surgery_member(const cull_surgery *s, int g, int i);
/* The group called so; -1 = none, and *near is the nearest name, or NULL. near may be NULL. */
CULL_API int cull_surgery_find(const cull_surgery *s, const char *name, const char **near);
/* The unit that channel c of layer i's output belongs to (of features: feature c). */
CULL_API int64_t cull_surgery_unit(const cull_surgery *s, int layer, int64_t c);
/* What is left where keep (a truth for each unit) says what stays; either may be NULL. */
CULL_API void cull_surgery_count(const cull_surgery *s, const bool *keep, double *macs,
                                 int64_t *params);

/* ---- which units stay ---- */
typedef enum {
    CULL_CHANNEL_L1,     /* size of the filters: the sum of |w| (Li et al. 2017) */
    CULL_CHANNEL_L2,     /* ... of w^2, its root */
    CULL_CHANNEL_NORM,   /* the scales of batch norms, |gamma| (Liu et al. 2017) */
    CULL_CHANNEL_RANDOM, /* drawn from the ctx's seed, by the group's name */
} cull_channel_score;
/* Of each unit: in every layer that makes its channels, its share of that layer's sum, added up over those layers, so
 * that units of different layers compare. NaN where CULL_CHANNEL_NORM finds no batch norm. */
CULL_API cull_status cull_surgery_score(cull_ctx *cx, const cull_surgery *s, cull_channel_score of,
                                        double *score) CULL_CHECKED;
/* Of each group the width[g] units of the largest score, ties by place; -1 = all of them. EINPUT: a width below 1 or
 * above what there is, or a group that is fixed. */
CULL_API cull_status cull_surgery_widths(cull_ctx *cx, const cull_surgery *s, const double *score,
                                         const int64_t *width, bool *keep) CULL_CHECKED;
/* What a group goes down to is a multiple of `round`, groups that are no wider stay: the kernels take 8 channels at a
 * time, and a layer of 17 takes as long as one of 24 (docs/model.md has figures). */
typedef struct {
    size_t size;
    double share;        /* of every group's units stay, between 0 and 1; 0 = not asked */
    double macs, params; /* at most so many stay; 0 = any */
    int64_t round;
    bool
        uniform; /* the limits are met by one share of every group, the largest that does: see below */
} cull_surgery_target;
/* clang-format off */
#define CULL_SURGERY_TARGET {.size = sizeof(cull_surgery_target), .round = 8}
/* clang-format on */
/* macs, params: `round` units at a time go from the group where what is lost, the sum of their scores, is least for what
 * is saved, until the limits hold. Groups without a score stay whole. uniform: scores do not say how wide a group is, all go down alike, what architectures
 * that were found are held against (Liu et al. 2019, section 5). EINPUT: the limits cannot be met. */
CULL_API cull_status cull_surgery_choose(cull_ctx *cx, const cull_surgery *s, const double *score,
                                         const cull_surgery_target *t, bool *keep) CULL_CHECKED;
/* Network slimming: of all units that may go and have a batch norm, the share `cut` of the smallest |gamma| goes,
 * wherever they are, but for the largest one of each group (Liu et al. 2017, section 3). What the network was trained
 * with is cull_optim_opts.norm_l1: without it scales say little. */
CULL_API cull_status cull_surgery_slim(cull_ctx *cx, const cull_surgery *s, double cut,
                                       bool *keep) CULL_CHECKED;

/* ---- cutting ---- */
/* A model of the units kept: the description layer by layer, with its new widths, and of the parameters what is
 * left of them, running statistics and notes too. CULL_EINPUT: a unit that is fixed, or a layer's last one. */
CULL_API cull_status cull_surgery_cut(cull_ctx *cx, const cull_surgery *s, const bool *keep,
                                      cull_model **out) CULL_CHECKED;

/* ---- the cut as a file: JSON that cull apply makes again from the same parameters ---- */
typedef struct {
    const char *source, *hash; /* the parameters' file and its XXH3-128, "" = not known */
    const char *importance;    /* "l1" */
    uint64_t seed;
} cull_surgery_source;
/* kind "channels": of each group its units and which stay, of each layer which of its channels, the description of the
 * whole model, what it counts before and after. Atomic; "-" = standard output. */
CULL_API cull_status cull_surgery_write(cull_ctx *cx, const cull_surgery *s, const bool *keep,
                                        const cull_surgery_source *from,
                                        const char *path) CULL_CHECKED;
typedef struct {
    cull_surgery_source from;
    const char *text; /* the description of the whole model */
    void *mem_;
} cull_surgery_plan;
CULL_API cull_status cull_surgery_read(cull_ctx *cx, const char *path,
                                       cull_surgery_plan *out) CULL_CHECKED;
CULL_API void cull_surgery_plan_free(cull_surgery_plan *p);
/* What it keeps of the units of a model with that description. EINPUT: a model of other groups. */
CULL_API cull_status cull_surgery_plan_keep(cull_ctx *cx, const cull_surgery_plan *p,
                                            const cull_surgery *s, bool *keep) CULL_CHECKED;
/* Whether a file's first bytes look like one. */
CULL_API bool cull_surgery_is_plan(const char *path);

#ifdef __cplusplus
}
#endif
#endif

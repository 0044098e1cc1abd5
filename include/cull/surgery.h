/* cull/surgery.h - structured pruning: channels of a network that are cut together, and the smaller network.
 *
 * A channel of one tensor cannot go alone. The filter that makes it, its batch norm, what is added to it and every
 * weight that reads it go too; padded shortcuts, concatenations, grouped convolutions and flattened images tie
 * channels of several layers to one another. Such a bundle is a *unit*. Units that touch the same layers are alike
 * in what they cost, and make a *group*, called after the first layer that makes them. All of that follows from the
 * model's description, whatever the architecture:
 *
 *     cull_surgery_new(cx, m, &s);
 *     cull_surgery_score(cx, s, CULL_SCORE_L1, score);
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

/* ---- cutting ---- */
/* A model of the units kept: the description layer by layer, with its new widths, and of the parameters what is
 * left of them, running statistics and notes too. CULL_EINPUT: a unit that is fixed, or a layer's last one. */
CULL_API cull_status cull_surgery_cut(cull_ctx *cx, const cull_surgery *s, const bool *keep,
                                      cull_model **out) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

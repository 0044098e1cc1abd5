/* layout.h - a set of layouts as it lies in memory, and what its readers and users share. */
#ifndef CULL__LAYOUT_H
#define CULL__LAYOUT_H
#include "base/base.h"
#include "cull/layout.h"

enum { CULL__BOXES = 1024, CULL__LABELS = 1024, CULL__LABEL_BYTES = 64, CULL__RELATIONS = 10000 };
enum { CULL__CANVAS = -1, CULL__RELATION_WORDS = 8, CULL__CANVAS_WORDS = 3 };

/* "first WORD second": boxes by their places in the layout; the second may be CULL__CANVAS. */
typedef struct {
    int16_t first, second, word; /* of cull__relation_word */
} cull__relation;
/* Those that the canvas has too come first. */
extern const char *const cull__relation_word[CULL__RELATION_WORDS];

struct cull_layouts {
    cull_ctx *cx;
    char (*label)[CULL__LABEL_BYTES + 1];
    int64_t labels, label_cap;
    cull_box *box;
    int32_t *group; /* of each layout its boxes by label, then place: numbers within the layout */
    int64_t boxes, box_cap, group_cap;
    struct cull__run {
        int32_t label, count;
    } * run;            /* how many boxes of each label a layout has, in order of `group` */
    int64_t *first_run; /* of each layout, and the end */
    int64_t runs, run_cap, first_run_cap;
    int64_t *first, *id; /* of each layout: its first box; where its id stands in `ids` */
    int64_t n, first_cap, id_cap;
    char *ids; /* NUL after each; ids[0] = 0 */
    int64_t id_bytes, ids_cap;
    cull__relation *relation; /* those that records give, layout by layout */
    int64_t *first_relation;  /* of each layout, and the end */
    bool *related;            /* whether its record gives any, or none on purpose */
    int64_t relations, relation_cap, first_relation_cap, related_cap;
};

/* An empty set with the labels of `like`, which may be NULL. */
cull_status cull__layouts_new(cull_ctx *cx, const cull_layouts *like, cull_layouts **out);
/* The number of a label, added where it is new; EINPUT with what is wrong about it. */
cull_status cull__layouts_name(cull_layouts *l, const char *s, size_t n, int32_t *out);
/* That of a known label, or -1. */
int32_t cull__layouts_find(const cull_layouts *l, const char *s, size_t n);
/* One more layout; its boxes come to their order in place. relation[0..relations) are those that its
 * record gives, by places in `box` as it comes, NULL when it gives none; they follow the boxes. */
cull_status cull__layouts_add(cull_layouts *l, const char *id, size_t id_n, cull_box *box,
                              int64_t n, const cull__relation *relation, int64_t relations);
/* Whether one set's labels go on from the other's; EINPUT else. */
cull_status cull__layouts_alike(cull_ctx *cx, const cull_layouts *a, const cull_layouts *b);

/* Defaults and o, checked. */
cull_status cull__layout_options(cull_ctx *cx, const cull_layout_opts *given, cull_layout_opts *o);
/* Pixels of a share. */
int32_t cull__pixels(double share, int32_t all);
/* EINPUT where layout i lacks a number that the kind needs; relations that are given need none. */
cull_status cull__layout_needs(cull_ctx *cx, const cull_layouts *l, int64_t i, cull_layout_kind k,
                               int64_t known);
/* .2 labels + .8 boxes of layout i of a to its most like of b; whole sets, all numbers known. */
cull_status cull__layout_nearest(cull_ctx *cx, const cull_layouts *a, int64_t i,
                                 const cull_layouts *b, double *out);
#endif

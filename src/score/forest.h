/* forest.h - the trees of a forest that is kept: grown by forest.c, asked by forest_kept.c. */
#ifndef CULL__FOREST_H
#define CULL__FOREST_H
#include "score/trees.h"

typedef struct {
    int32_t col, left; /* the right one follows the left; left < 0: a leaf */
    uint64_t mask;     /* bit k: code k goes left */
} cull__node;
typedef struct {
    cull__node *at;
    double *value;
} cull__tree;
struct cull__grown {
    int64_t trees, d;
    double mean, sd; /* of the answers that values are of */
    cull__tree *tree;
};
#endif

/* links.h - linear layers of few weights, as lists: the operation, and models that have such layers. */
#ifndef CULL__NN_LINKS_H
#define CULL__NN_LINKS_H
#include "nn/model.h"
#include "nn/sparse.h"

/* x (..., in) by the weights w (links) of a list, plus a bias (out) or NULL: (..., out). The list is that of
 * the weights as they lie, (out, in): what it calls its inputs are the layer's outputs. It must outlive the
 * tape's step; its own weights are not read. */
cull_var *cull__nn_linear_links(cull_tape *t, cull_var *x, cull_var *w, cull_var *b,
                                const cull__sparse *links);

/* A model that computes what m does, but has those linear layers as lists whose mask leaves some weights,
 * and at most a share of `density`: their parameters are the weights left alone, in vectors. *out NULL: there
 * is no such layer. It must not outlive m. O(parameters). */
cull_status cull__model_thin(cull_ctx *cx, const cull_model *m, double density, cull_model **out);
/* The numbers of thin's parameters, which lie in v (cull_params_size of it), to where m has them, in to. */
void cull__model_thicken(const cull_model *thin, const float *v, const cull_model *m, float *to);
#endif

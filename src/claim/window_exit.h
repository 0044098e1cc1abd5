/* window_exit.h - the second part of window-exit's check: cascades of image networks whose outputs are at hand. */
#ifndef CULL__CLAIM_WINDOW_EXIT_H
#define CULL__CLAIM_WINDOW_EXIT_H
#include "claim/claim.h"

/* Figures of out. *there is false where DIR/cifar10/resnet_jpeg_test_scores.npz is not, and there are none then. */
cull_status cull__resnet_cascades(cull_ctx *cx, const char *dir, bool *there,
                                  cull_claim_result *out);
#endif

/* relevance.h - how well an edited image keeps what was not to be edited (Kim et al. 2025, ELECT).
 *
 * Images and predictions are rows of pixels x channels numbers. */
#ifndef CULL__RELEVANCE_H
#define CULL__RELEVANCE_H
#include "base/base.h"

/* One step's map joins the running mean `map` (pixels): where a model's predictions with (a) and without (b)
 * the instruction differ is where the edit happens. For each of the candidates: the sum over channels of
 * |a - b|, clipped above the third quartile + 1.5 interquartile ranges, stretched to 0..1; then the mean over
 * candidates, squared, stretched again. Steps count from 0 and come in order; a map that is the same everywhere
 * is 0. a, b (candidates, pixels, channels). EINPUT: a number that is not finite, no candidate or pixel. */
cull_status cull__relevance_add(cull_ctx *cx, const float *a, const float *b, int64_t candidates,
                                int64_t pixels, int64_t channels, int64_t step, double *map);
/* Mean over pixels, weighted by 1 - map, of the mean over channels of |image - source|: what changed outside
 * the edit. The source is one that went through the same decoder as the image. 0 where the map is 1
 * everywhere. */
double cull__background_change(const float *image, const float *source, const double *map,
                               int64_t pixels, int64_t channels);
#endif

/* confidence.h - rows of classes, one at a time (cull/confidence.h). */
#ifndef CULL__CONFIDENCE_H
#define CULL__CONFIDENCE_H
#include "base/base.h"
#include "cull/confidence.h"

/* p (classes): probabilities of a row that was checked. */
void cull__class_proba(const cull_class_rows *r, int64_t row, double temperature, double *p);
/* EINPUT names the first label outside 0 .. classes - 1. */
cull_status cull__class_labels_fit(cull_ctx *cx, const cull_class_rows *r, const int32_t *label);
#endif

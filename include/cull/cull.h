/* cull/cull.h - every public header, for programs that use the library; the library itself includes
 * only what a file needs. */
#ifndef CULL_CULL_H
#define CULL_CULL_H
#include "cull/arrow.h"
#include "cull/base.h"
#include "cull/claim.h"
#include "cull/cluster.h"
#include "cull/corpus.h"
#include "cull/data.h"
#include "cull/dataset.h"
#include "cull/embed.h"
#include "cull/feature.h"
#include "cull/frame.h"
#include "cull/job.h"
#include "cull/layout.h"
#include "cull/method.h"
#include "cull/nn.h"
#include "cull/nn_image.h"
#include "cull/nn_ops.h"
#include "cull/nn_random.h"
#include "cull/pool.h"
#include "cull/report.h"
#include "cull/store.h"
#include "cull/table.h"
#include "cull/text.h"
#include "cull/train.h"
#endif

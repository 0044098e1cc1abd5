/* parts.h - what lies in a folder so that a run can go on or be put together: checkpoints of its loops,
 * shares of its stages. */
#ifndef CULL__PARTS_H
#define CULL__PARTS_H
#include "io/io.h"

typedef struct cull__parts cull__parts;
typedef struct {
    const char *dir;   /* made when it is not there */
    bool loops;        /* checkpoints; else shares of stages */
    int shard, shards; /* which of so many this process is, from 1; 0 = it puts them together */
    const char *run;   /* lines "what: value": the run. Another one's folder is refused */
} cull__parts_opts;
/* From now on cx's stages or loops go there. EINPUT: the folder is another run's; the sentence says in
 * what they differ. Every file carries the run's hash, its own shape and a checksum: EIO when it is
 * damaged, EINPUT when it is no part of this run. */
cull_status cull__parts_open(cull_ctx *cx, const cull__parts_opts *o, cull__parts **out);
/* Remove what a finished run need not keep: all of its checkpoints. */
cull_status cull__parts_clear(cull_ctx *cx, cull__parts *p);
void cull__parts_close(cull_ctx *cx, cull__parts *p);
#endif

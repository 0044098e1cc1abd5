/* checkpoint_place.h - where a checkpoint is written: a file, or a folder that appears whole. */
#ifndef CULL__CHECKPOINT_PLACE_H
#define CULL__CHECKPOINT_PLACE_H
#include "cull/checkpoint.h"
#include "io/io.h"

typedef struct {
    char *path;   /* without slashes at its end */
    char *stage;  /* the folder that files are made in; NULL: it is not there (yet) */
    char *stem;   /* of the names of files in a folder */
    char *beside; /* text that goes beside a file, or NULL */
    bool folder;  /* path is one */
    bool staging; /* stage was made, and is not at path yet */
    int lock;     /* of the stage, which was made */
} cull__place;

cull_status cull__place_open(cull_ctx *cx, const char *path, const cull_checkpoint_opts *o,
                             cull__place *out);
/* Space for `bytes` is there; of a folder the stage is made, and what goes beside the weights copied. */
cull_status cull__place_begin(cull_ctx *cx, cull__place *p, uint64_t bytes, int files,
                              const cull_checkpoint_opts *o);
/* The name of file k of `files`. Returns buf. */
const char *cull__place_name(const cull__place *p, int k, int files, char buf[300]);
/* Where it is written; in the arena. */
cull_status cull__place_file(cull_ctx *cx, const cull__place *p, int k, int files, char **out);
/* Where the manifest of a checkpoint that is there would stand; in the arena. */
cull_status cull__place_manifest(cull_ctx *cx, const cull_checkpoint *ck, char **out);
/* The index, after all files. */
cull_status cull__place_index(cull_ctx *cx, const cull__place *p, const char *text, size_t n);
/* Everything appears at path when s is CULL_OK, else nothing stays. Frees what p holds. */
cull_status cull__place_end(cull_ctx *cx, cull__place *p, cull_status s);
#endif

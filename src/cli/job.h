/* job.h - what the commands share that make, run and write jobs. */
#ifndef CULL_CLI_JOB_H
#define CULL_CLI_JOB_H
#include "cli.h"
#include "cull/job.h"

enum { MAX_FILES = 1024 };

/* A job of c's inputs and options; the budget must be there. */
int job_of(cli *c, cull_job **out);

/* ---- outputs.c: what -o names ---- */
typedef enum { OUT_RECORDS, OUT_ARRAY, OUT_FORM } out_kind;
typedef struct {
    const char *path;
    out_kind kind;
    cull_form form;
} output;
/* What each -o means for these inputs; also whether it could be written at all. */
int outputs_of(cli *c, output *out);
int check_writable(cli *c, const char *path);
bool array_is_written(const char *path); /* arrays are, under such a name */
/* Writing `path` would replace `other` (a file, or FILE:NAME), whatever names lead there. */
bool one_file(const char *path, const char *other);
/* --order: are kept rows written as they were chosen, or as in the pool. */
int order_of(cli *c, bool *as_chosen);
#endif

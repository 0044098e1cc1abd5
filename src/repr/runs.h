/* runs.h - tables of runs, a row for each (workload, way), made a row for each workload. */
#ifndef CULL__REPR_RUNS_H
#define CULL__REPR_RUNS_H
#include "base/base.h"

typedef struct {
    const char *table,
        *columns;           /* columns: "workload=A+B,way=C,quality=D,cost=E" (cull/outcomes.h) */
    const char *const *way; /* those that count, in order; ways 0 = all, sorted */
    const char *const *attribute;
    const char *
        workloads; /* a table with a row for each workload that has attributes and group; NULL = `table` has */
    const char *group; /* NULL = none */
    int ways, attributes;
} cull__runs_opts;
typedef struct {
    int64_t n, d; /* workloads, sorted; attributes */
    int ways;
    const char **name; /* ways */
    double *quality,
        *cost; /* (ways, n): means over the runs of a cell, NAN where there is none; cost NULL = of none, and where
                              no run is that of the way's other workloads */
    float *x;               /* (n, d), NULL where d is 0 */
    int32_t *group, groups; /* n */
    const char **group_name;
    char *text; /* names */
} cull__runs;
/* O(rows log rows) time. The order of the table's rows changes nothing. CULL_EINPUT, by file and line: an attribute or a group that is
 * not the same in all rows of a workload, a workload that `workloads` lacks or has twice, a cost below 0, a time that is not above 0; a way without a run. */
cull_status cull__runs_read(cull_ctx *cx, const cull__runs_opts *o, cull__runs *out);
void cull__runs_free(cull__runs *r);
#endif

/* cull/search_report.h - a search as one page: the best points, how it went, which parameters decided. */
#ifndef CULL_SEARCH_REPORT_H
#define CULL_SEARCH_REPORT_H
#include "cull/search.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    size_t size;
    cull_study *study;       /* reading alone; it may still run */
    const char *title;       /* NULL = "Search" */
    int workers;             /* evaluations at a time that were asked for; 0 = not known */
    const char *const *argv; /* the command; NULL = none */
    int argc;
} cull_search_report;
/* clang-format off */
#define CULL_SEARCH_REPORT {.size = sizeof(cull_search_report)}
/* clang-format on */
/* HTML that loads nothing, all or nothing; "-" = standard output. A study without trials has a page too. Plots
 * draw at most 2000 trials each, and say so where there are more; O(n) memory, what cull_search_importance and
 * cull_front_ranks take of time. */
CULL_API cull_status cull_search_write(cull_ctx *cx, const cull_search_report *r,
                                       const char *path) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

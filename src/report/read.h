/* read.h - what reading a pick file is made of: memory that belongs to the file, rows that are
 * checked as they come. */
#ifndef CULL__REPORT_READ_H
#define CULL__REPORT_READ_H
#include "io/io.h"
#include "report/report.h"

/* Blocks that live as long as the cull_pick_file; the last is its mem_. */
typedef struct cull__pack cull__pack;
typedef struct {
    cull_ctx *cx;
    const char *path;
    cull__pack *pack;
    cull_pick pick; /* grown as rows come; arrays of `cap` */
    int64_t cap, n; /* n = rows of the pool, -1 = not known */
    char **id;      /* cap, or NULL while no row has one */
} cull__reading;
cull_status cull__pack_get(cull__reading *g, void **out, int64_t n, size_t size);
#define CULL_PACK(g, p, n) cull__pack_get(g, (void **)&(p), n, sizeof *(p))
cull_status cull__pack_text(cull__reading *g, const char *s, size_t n, const char **out);
void cull__pack_free(cull__pack *p);

/* Room for `need` rows more or less at once. */
cull_status cull__reading_room(cull__reading *g, int64_t need);
/* `where` names the place for the sentence, as "picks.tsv:17". */
cull_status cull__reading_add(cull__reading *g, const char *where, int64_t row, double score,
                              int32_t by, const char *id, size_t id_n);
/* Repeats are found at the end, by one sort: both places are named. */
cull_status cull__reading_end(cull__reading *g, const char *unit, int64_t first);

/* The forms; each adds its rows. */
cull_status cull__read_list(cull__reading *g, const char *kind, const char *at, size_t n);
cull_status cull__read_array(cull__reading *g);
#endif

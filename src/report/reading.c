/* reading.c - what readers of picks share: memory that belongs to the file, rows checked one by one,
 * repeats found by one sort. */
#include "report/read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory of the file ---- */

struct cull__pack {
    cull__pack *older;
    size_t used, cap;
    char pad[64 - 3 * sizeof(size_t)];
};
enum { PACK = 32 * 1024 };

cull_status cull__pack_get(cull__reading *g, void **out, int64_t n, size_t size)
{
    *out = NULL;
    if (n < 0 || (size && (uint64_t)n > (SIZE_MAX / 4) / size))
        return cull__fail(g->cx, CULL_ENOMEM, "out of memory: %s is too large", g->path);
    size_t bytes = ((size_t)n * size + 15) & ~(size_t)15;
    cull__pack *p = g->pack;
    if (!p || p->cap - p->used < bytes) {
        size_t cap = bytes > PACK ? bytes : PACK;
        CULL_TRY(cull__alloc(g->cx, (void **)&p, 1, sizeof *p + cap));
        *p = (cull__pack){.older = g->pack, .cap = cap};
        g->pack = p;
    }
    *out = (char *)(p + 1) + p->used;
    p->used += bytes;
    return CULL_OK;
}

void cull__pack_free(cull__pack *p)
{
    while (p) {
        cull__pack *older = p->older;
        cull__free(p);
        p = older;
    }
}

/* A string cannot hold a NUL: it becomes U+FFFD. */
cull_status cull__pack_text(cull__reading *g, const char *s, size_t n, const char **out)
{
    size_t nuls = 0;
    for (size_t i = 0; i < n; i++) nuls += !s[i];
    char *to;
    CULL_TRY(CULL_PACK(g, to, (int64_t)(n + 2 * nuls) + 1));
    *out = to;
    for (size_t i = 0; i < n; i++) {
        if (s[i])
            *to++ = s[i];
        else
            memcpy(to, "\xEF\xBF\xBD", 3), to += 3;
    }
    *to = 0;
    return CULL_OK;
}

/* ---- rows ---- */

static cull_status moved(cull__reading *g, void **p, int64_t n, int64_t cap, size_t size)
{
    void *to;
    CULL_TRY(cull__alloc(g->cx, &to, cap, size));
    if (n) memcpy(to, *p, (size_t)n * size);
    cull__free(*p);
    *p = to;
    return CULL_OK;
}

cull_status cull__reading_room(cull__reading *g, int64_t need)
{
    if (need <= g->cap) return CULL_OK;
    int64_t cap = g->cap < 64 ? 64 : 2 * g->cap, n = g->pick.n;
    if (cap < need) cap = need;
    CULL_TRY(moved(g, (void **)&g->pick.idx, n, cap, sizeof *g->pick.idx));
    CULL_TRY(moved(g, (void **)&g->pick.score, n, cap, sizeof *g->pick.score));
    CULL_TRY(moved(g, (void **)&g->pick.by, n, cap, sizeof *g->pick.by));
    if (g->id) CULL_TRY(moved(g, (void **)&g->id, n, cap, sizeof *g->id));
    g->cap = cap;
    return CULL_OK;
}

cull_status cull__reading_add(cull__reading *g, const char *where, int64_t row, double score,
                              int32_t by, const char *id, size_t id_n)
{
    int64_t n = g->pick.n;
    if (row < 0)
        return cull__fail(g->cx, CULL_EINPUT, "%s: row %" PRId64 " is negative; the first is 0",
                          where, row);
    if (g->n >= 0 && row >= g->n)
        return cull__fail(g->cx, CULL_EINPUT, "%s: row %" PRId64 " of a pool of %" PRId64, where,
                          row, g->n);
    CULL_TRY(cull__reading_room(g, n + 1));
    if (id && !g->id) {
        if (n)
            id = NULL; /* ids that only some rows have are none */
        else
            CULL_TRY(cull__alloc(g->cx, (void **)&g->id, g->cap, sizeof *g->id));
    }
    const char *kept = "";
    if (g->id && id) CULL_TRY(cull__pack_text(g, id, id_n, &kept));
    if (g->id) g->id[n] = (char *)kept;
    g->pick.idx[n] = row;
    g->pick.score[n] = score;
    g->pick.by[n] = by;
    g->pick.n++;
    return CULL_OK;
}

typedef struct {
    int64_t row, at;
} place;
static int compare_place(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

cull_status cull__reading_end(cull__reading *g, const char *unit, int64_t first)
{
    cull__mark_t mark = cull__mark(g->cx);
    place *p;
    CULL_TRY(CULL_TMP(g->cx, p, g->pick.n));
    for (int64_t i = 0; i < g->pick.n; i++) p[i] = (place){g->pick.idx[i], i};
    if (g->pick.n) qsort(p, (size_t)g->pick.n, sizeof *p, compare_place);
    cull_status s = CULL_OK;
    for (int64_t i = 1; i < g->pick.n && s == CULL_OK; i++)
        if (p[i].row == p[i - 1].row)
            s = cull__fail(g->cx, CULL_EINPUT,
                           "%s: row %" PRId64 " is there twice, as %s %" PRId64 " and %" PRId64,
                           g->path, p[i].row, unit, p[i - 1].at + first, p[i].at + first);
    cull__release(g->cx, mark);
    return s;
}

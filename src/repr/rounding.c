/* rounding.c - what is lost where numbers are read as f32, and how columns of large numbers lose nothing. */
#include "repr/rounding.h"
#include "repr/repr.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SLOTS = 1024, ROOM = 256 };

void cull__extent_add(cull__extent *s, double v)
{
    if (isnan(v)) return;
    if (!s->any) s->lo = s->hi = v;
    s->any = true;
    s->lo = fmin(s->lo, v);
    s->hi = fmax(s->hi, v);
    if ((double)(float)v == v) return;
    s->inexact = true;
    s->whole |= v == floor(v);
}

/* By Sterbenz' lemma, a difference of two f64 of which neither is more than twice the other is exact. */
double cull__extent_offset(const cull__extent *s)
{
    enum { CLOSE = 256 };
    double least = fmin(fabs(s->lo), fabs(s->hi)), most = fmax(fabs(s->lo), fabs(s->hi));
    if (!s->inexact || s->lo == s->hi || most > (double)FLT_MAX) return 0;
    if ((s->lo < 0) != (s->hi < 0) || (s->hi - s->lo) * CLOSE > most) return 0;
    return s->lo < 0 ? -least : least;
}

cull_status cull__merges_watch(cull_ctx *cx, cull__merges *m, int64_t column, int *slot)
{
    *slot = -1;
    if (m->n == CULL__WATCHED) return CULL_OK;
    double **seen = &m->seen[m->n];
    CULL_TRY(CULL_ALLOC(cx, *seen, SLOTS));
    for (int i = 0; i < SLOTS; i++) (*seen)[i] = NAN;
    m->column[m->n] = column;
    *slot = m->n++;
    return CULL_OK;
}

void cull__merges_add(cull__merges *m, int slot, double v)
{
    float f = (float)v;
    uint32_t bits;
    if (m->found || v != floor(v)) return;
    memcpy(&bits, &f, sizeof bits);
    double *at = &m->seen[slot][bits * 0x9E3779B1u >> 22];
    if ((float)*at == f && *at != v) {
        m->found = true;
        m->first = (cull_pool_merge){m->column[slot], *at, v};
    }
    *at = v;
}

void cull__merges_free(cull__merges *m)
{
    for (int i = 0; i < m->n; i++) cull__free(m->seen[i]);
    m->n = 0;
}

/* ---- of pools ---- */

static void spans(const cull_array *a, int64_t n, int64_t d, cull__extent *s)
{
    double v[ROOM];
    for (int64_t at = 0, c = 0; at < n * d; at += ROOM) {
        int64_t k = n * d - at < ROOM ? n * d - at : ROOM;
        cull_array_f64(a, at, k, v);
        for (int64_t i = 0; i < k; i++, c = c + 1 == d ? 0 : c + 1) cull__extent_add(&s[c], v[i]);
    }
}

static cull_status find_merge(cull_ctx *cx, const cull_array *a, int64_t n, int64_t d,
                              const cull__extent *s, const double *offset, cull_pool_merge *out)
{
    cull__merges m = {0};
    double v;
    int slot;
    cull_status st = CULL_OK;
    for (int64_t c = 0; st == CULL_OK && c < d; c++)
        if (s[c].whole && !offset[c]) st = cull__merges_watch(cx, &m, c, &slot);
    for (int64_t i = 0; st == CULL_OK && m.n && i < n && !m.found; i++)
        for (int k = 0; k < m.n; k++) {
            cull_array_f64(a, i * d + m.column[k], 1, &v);
            cull__merges_add(&m, k, v);
        }
    if (m.found) *out = m.first;
    cull__merges_free(&m);
    return st;
}

static bool is_wide(cull_dtype t)
{
    return t == CULL_F64 || t == CULL_I32 || t == CULL_U32 || t == CULL_I64 || t == CULL_U64;
}

cull_status cull_pool_centre(cull_ctx *cx, cull_pool *p, cull_pool_merge *merge)
{
    cull_array a = cull_pool_array(p);
    int64_t n = cull_pool_n(p), d = cull_pool_d(p);
    cull__extent *s;
    double *offset;
    bool some = false;
    if (merge) merge->column = -1;
    if (!a.at || !is_wide(a.dtype) || cull_pool_offset(p)) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP0(cx, s, d));
    CULL_TRY(CULL_TMP(cx, offset, d));
    spans(&a, n, d, s);
    for (int64_t c = 0; c < d; c++) some |= (offset[c] = cull__extent_offset(&s[c])) != 0;
    cull_status st = merge ? find_merge(cx, &a, n, d, s, offset, merge) : CULL_OK;
    if (st == CULL_OK && some) st = cull_pool_set_offset(cx, p, offset);
    cull__release(cx, mark);
    return st;
}

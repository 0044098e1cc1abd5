/* outcomes_rows.c - what models said about rows, read some rows at a time. */
#include "repr/outcomes_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the next rows ---- */
/* The table's are as many as those of the arrays, as far as is known. */
static cull_status rows_agree(cull_ctx *cx, const cull_outcomes_file *f, int64_t n)
{
    int64_t upto = f->o.first + n;
    if (!f->table || f->rows < 0) return CULL_OK;
    if (f->ended && upto != f->rows)
        return cull__outcomes_differ(cx, f->rows_of, f->rows, f->where, upto);
    if (upto <= f->rows) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "%s has %" PRId64 " rows, %s has more", f->rows_of, f->rows,
                      f->where);
}

/* A table without rows has no columns to copy from. */
static void copy(double *to, const double *from, int64_t n)
{
    if (n > 0) memcpy(to, from, (size_t)n * sizeof *to);
}

static cull_status take_lists(cull_ctx *cx, cull_outcomes_file *f, const cull_table *t, int64_t n)
{
    for (int l = 0; l < LISTS; l++) {
        if (!f->parts[l]) continue;
        if (n > INT64_MAX / f->parts[l])
            return cull__fail(cx, CULL_EINPUT, "%s: too many rows", f->where);
        CULL_TRY(CULL_GROW(cx, f->list[l], &f->list_cap[l], f->parts[l] * n));
        for (int k = 0; k < f->parts[l]; k++) {
            double *to = f->list[l] + k * n;
            if (f->from[l][k] >= 0)
                copy(to, t->col[f->from[l][k]], n);
            else
                for (int64_t i = 0; i < n; i++) to[i] = f->same[k];
        }
    }
    f->o.score = f->list[SCORE];
    f->o.quality = f->list[QUALITY];
    f->o.cost = f->list[COST];
    return CULL_OK;
}

static cull_status take_singles(cull_ctx *cx, cull_outcomes_file *f, const cull_table *t, int64_t n)
{
    for (int i = 0; i < SINGLES; i++) {
        if (f->single_from[i] < 0 && !(i == TRUTH && f->truth)) continue;
        CULL_TRY(CULL_GROW(cx, f->single[i], &f->single_cap[i], n));
        if (f->single_from[i] >= 0)
            copy(f->single[i], t->col[f->single_from[i]], n);
        else
            cull_array_f64(f->truth, f->o.first, n, f->single[i]);
    }
    f->o.truth = f->truths ? f->truths + f->o.first : f->single[TRUTH];
    f->o.weight = f->single[WEIGHT];
    f->o.spread = f->single[SPREAD];
    return CULL_OK;
}

static void take_arrays(cull_outcomes_file *f)
{
    for (int k = 0; f->o.out && k < f->o.models; k++)
        f->out[k] = f->out0[k] + f->o.first * f->o.classes;
    for (int k = 0; k < f->o.xs; k++) f->x[k] = f->x0[k] + f->o.first * f->d[k];
}

static cull_status take_attributes(cull_ctx *cx, cull_outcomes_file *f, int64_t n)
{
    const int64_t d = f->parts[ATTRIBUTES];
    if (!d) return CULL_OK;
    CULL_TRY(CULL_GROW(cx, f->attributes, &f->attributes_cap, n * d));
    for (int64_t j = 0; j < d; j++)
        for (int64_t i = 0; i < n; i++)
            f->attributes[i * d + j] = (float)f->list[ATTRIBUTES][j * n + i];
    f->d[0] = d;
    f->x[0] = f->attributes;
    f->o.x = f->x, f->o.d = f->d, f->o.xs = 1;
    return CULL_OK;
}

/* Groups are numbered as they come. */
static cull_status take_groups(cull_ctx *cx, cull_outcomes_file *f, const cull_table *t, int64_t n)
{
    if (f->group_from < 0) return CULL_OK;
    const cull__keys *k = cull__cols_keys(f->table, f->group_from);
    CULL_TRY(CULL_GROW(cx, f->group, &f->group_cap, n));
    for (int64_t i = 0; i < n; i++) f->group[i] = (int32_t)t->col[f->group_from][i];
    if (f->o.groups < k->name.n) { /* names move as others come */
        CULL_TRY(CULL_GROW(cx, f->group_name, &f->name_cap, k->name.n));
        for (int32_t c = 0; c < k->name.n; c++) f->group_name[c] = cull__dict_text(&k->name, c);
        f->o.groups = (int32_t)k->name.n;
    }
    f->o.group = f->group;
    f->o.group_name = f->group_name;
    return CULL_OK;
}

static cull_status hashes(cull_ctx *cx, cull_outcomes_file *f)
{
    CULL_TRY(CULL_GROW(cx, f->hash, &f->hash_cap, f->o.n));
    f->o.hash = cull_outcomes_hash(&f->o, f->hash) ? f->hash : NULL;
    return CULL_OK;
}

/* All at once, or none. */
static cull_status next_runs(cull_ctx *cx, cull_outcomes_file *f, int64_t most)
{
    if (f->o.first) return CULL_OK;
    if (most < f->runs.n)
        return cull__fail(cx, CULL_EINPUT, "%s: a table of runs is read whole, not by blocks",
                          f->where);
    f->o.n = f->runs.n;
    CULL_TRY(hashes(cx, f));
    return cull_outcomes_check(cx, &f->o);
}

static cull_status next(cull_ctx *cx, cull_outcomes_file *f, int64_t most)
{
    cull_table t = {0};
    f->o.first += f->o.n;
    f->o.n = 0;
    if (f->runs.n) return next_runs(cx, f, most);
    int64_t n = f->rows - f->o.first < most ? f->rows - f->o.first : most;
    if (f->table && !f->ended) CULL_TRY(cull__cols_next(cx, f->table, most, &t));
    if (f->table) n = t.n;
    f->ended |= n < most;
    CULL_TRY(rows_agree(cx, f, n));
    if (n == 0 && f->o.first) return CULL_OK;
    f->o.n = n;
    CULL_TRY(take_lists(cx, f, &t, n));
    CULL_TRY(take_singles(cx, f, &t, n));
    take_arrays(f);
    CULL_TRY(take_attributes(cx, f, n));
    CULL_TRY(take_groups(cx, f, &t, n));
    CULL_TRY(hashes(cx, f));
    return cull_outcomes_check(cx, &f->o);
}

cull_status cull_outcomes_next(cull_ctx *cx, cull_outcomes_file *f, int64_t most)
{
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "reading rows");
    cull_status s = next(cx, f, most);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}

/* ---- all rows ---- */
typedef struct {
    double v;
    int32_t code;
} key;
static int by_value(const void *a, const void *b)
{
    const key *x = a, *y = b;
    return (x->v > y->v) - (x->v < y->v);
}

/* Codes of numbers come to be in their order. */
static cull_status order_groups(cull_ctx *cx, cull_outcomes_file *f)
{
    if (!f->table || f->group_from < 0) return CULL_OK;
    const cull__keys *k = cull__cols_keys(f->table, f->group_from);
    int32_t n = (int32_t)k->name.n, *now;
    key *by;
    if (k->text) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, by, n));
    CULL_TRY(CULL_TMP(cx, now, n));
    for (int32_t c = 0; c < n; c++) by[c] = (key){k->value[c], c};
    qsort(by, (size_t)n, sizeof *by, by_value);
    for (int32_t c = 0; c < n; c++) {
        now[by[c].code] = c;
        f->group_name[c] = cull__dict_text(&k->name, by[c].code);
    }
    for (int64_t i = 0; i < f->o.n; i++) f->group[i] = now[f->group[i]];
    return CULL_OK;
}

cull_status cull_outcomes_open(cull_ctx *cx, const cull_outcomes_opts *o, cull_outcomes_file **out)
{
    CULL_TRY(cull_outcomes_begin(cx, o, out));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull_outcomes_next(cx, *out, INT64_MAX);
    if (s == CULL_OK) s = order_groups(cx, *out);
    cull__release(cx, mark);
    if (s == CULL_OK) return s;
    cull_outcomes_close(*out);
    *out = NULL;
    return s;
}

/* info.c - plug-in entropies and mutual information over codes: tables of counts, c ln c summed over them. */
#include "score/columns.h"

#include "repr/repr.h"

#include <math.h>
#include <string.h>

enum {
    DENSE =
        1 << 18, /* cells of a table that is held whole; of larger ones a level's rows at a time */
    TWICE =
        4096, /* cells up to which rows alternate between two tables: counts of one cell queue up */
    STRIP = 1024,
    KNOWN = 65535
};

/* ---- tables of counts ---- */

/* One worker's scratch. */
typedef struct {
    int64_t n;
    const double *c_ln_c;
    uint32_t *table; /* cells of the largest dense table, twice TWICE, or the levels of a column */
    uint32_t *row, *next; /* (n) each where a table is not dense */
    int64_t *from;        /* (most levels + 1) */
} counter;

static double c_ln_c(const counter *k, uint32_t c)
{
    return c <= KNOWN ? k->c_ln_c[c] : c * log(c);
}

static cull_status logs_new(cull_ctx *cx, int64_t n, const double **out)
{
    int64_t known = n < KNOWN ? n : KNOWN;
    double *at;
    CULL_TRY(CULL_TMP(cx, at, known + 1));
    at[0] = 0;
    for (int64_t c = 1; c <= known; c++) at[c] = (double)c * log((double)c);
    *out = at;
    return CULL_OK;
}

/* For tables of up to `cells`, of columns of up to `levels`. */
static cull_status counter_new(cull_ctx *cx, const cull__codes *t, double cells, int64_t levels,
                               counter *k)
{
    int64_t room = cells > DENSE ? DENSE : (int64_t)cells;
    if (room <= TWICE) room *= 2;
    if (cells > TWICE && room < 2 * TWICE) room = 2 * TWICE; /* smaller tables are held twice */
    if (room < levels) room = levels;
    *k = (counter){.n = t->n, .c_ln_c = t->c_ln_c};
    CULL_TRY(CULL_TMP(cx, k->table, room));
    if (cells <= DENSE) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, k->row, t->n));
    CULL_TRY(CULL_TMP(cx, k->next, t->n));
    return CULL_TMP(cx, k->from, levels + 1);
}

static void add_cell(const counter *k, uint32_t c, cull__cells *to)
{
    to->sum += c_ln_c(k, c);
    to->cells += c > 0;
}

static void read_codes(const cull__coded *a, int64_t lo, int64_t n, uint16_t *out)
{
    if (a->wide) {
        memcpy(out, (const uint16_t *)a->at + lo, (size_t)n * sizeof *out);
        return;
    }
    const uint8_t *at = (const uint8_t *)a->at + lo;
    for (int64_t i = 0; i < n; i++) out[i] = at[i];
}

static int64_t code_at(const cull__coded *a, int64_t i)
{
    return a->wide ? ((const uint16_t *)a->at)[i] : ((const uint8_t *)a->at)[i];
}

static cull__cells count_one(const counter *k, const cull__coded *a)
{
    cull__cells own = {0};
    memset(k->table, 0, (size_t)a->levels * sizeof *k->table);
    for (int64_t i = 0; i < k->n; i++) k->table[code_at(a, i)]++;
    for (int32_t l = 0; l < a->levels; l++) add_cell(k, k->table[l], &own);
    return own;
}

/* Cells of STRIP rows at most, of a table with fewer than 2^16; and of a larger one. */
static void cells16(uint16_t *restrict a, const uint16_t *restrict b, int32_t levels, int64_t n)
{
    for (int64_t i = 0; i < n; i++) a[i] = (uint16_t)(a[i] * (unsigned)levels + b[i]);
}

static void cells32(uint32_t *restrict a, const uint16_t *restrict b, int32_t levels, int64_t n)
{
    for (int64_t i = 0; i < n; i++) a[i] = a[i] * (uint32_t)levels + b[i];
}

static void count16(const counter *k, const cull__coded *a, const cull__coded *b,
                    const cull__coded *y, int64_t cells)
{
    uint16_t at[STRIP], other[STRIP];
    uint32_t *even = k->table, *odd = cells <= TWICE ? even + cells : even;
    for (int64_t lo = 0; lo < k->n; lo += STRIP) {
        int64_t n = k->n - lo < STRIP ? k->n - lo : STRIP, i = 0;
        read_codes(a, lo, n, at);
        read_codes(b, lo, n, other);
        cells16(at, other, b->levels, n);
        if (y) {
            read_codes(y, lo, n, other);
            cells16(at, other, y->levels, n);
        }
        for (; i + 2 <= n; i += 2) even[at[i]]++, odd[at[i + 1]]++;
        if (i < n) even[at[i]]++;
    }
    for (int64_t c = 0; odd != even && c < cells; c++) even[c] += odd[c];
}

static void count32(const counter *k, const cull__coded *a, const cull__coded *b,
                    const cull__coded *y)
{
    uint32_t at[STRIP];
    uint16_t other[STRIP];
    for (int64_t lo = 0; lo < k->n; lo += STRIP) {
        int64_t n = k->n - lo < STRIP ? k->n - lo : STRIP;
        read_codes(a, lo, n, other);
        for (int64_t i = 0; i < n; i++) at[i] = other[i];
        read_codes(b, lo, n, other);
        cells32(at, other, b->levels, n);
        if (y) {
            read_codes(y, lo, n, other);
            cells32(at, other, y->levels, n);
        }
        for (int64_t i = 0; i < n; i++) k->table[at[i]]++;
    }
}

static void count_dense(const counter *k, const cull__coded *a, const cull__coded *b,
                        const cull__coded *y, int64_t cells, cull__cells *ab, cull__cells *aby)
{
    memset(k->table, 0, (size_t)(cells <= TWICE ? 2 * cells : cells) * sizeof *k->table);
    if (cells <= 1 << 16)
        count16(k, a, b, y, cells);
    else
        count32(k, a, b, y);
    int32_t inner = y ? y->levels : 1;
    const uint32_t *c = k->table;
    for (int64_t pair = 0; pair < cells / inner; pair++) {
        uint32_t sum = 0;
        for (int32_t l = 0; l < inner; l++, c++) {
            sum += *c;
            if (y) add_cell(k, *c, aby);
        }
        add_cell(k, sum, ab);
    }
}

/* Rows in order of a's codes, equal ones as before. */
static void sort_rows(const counter *k, const cull__coded *a, const uint32_t *row, uint32_t *out)
{
    memset(k->from, 0, (size_t)(a->levels + 1) * sizeof *k->from);
    for (int64_t i = 0; i < k->n; i++) k->from[code_at(a, i) + 1]++;
    for (int32_t l = 0; l < a->levels; l++) k->from[l + 1] += k->from[l];
    for (int64_t i = 0; i < k->n; i++) {
        uint32_t r = row ? row[i] : (uint32_t)i;
        out[k->from[code_at(a, r)]++] = r;
    }
}

/* The levels of a among the rows from .. to, which leave the table empty again. */
static void count_group(const counter *k, const cull__coded *a, int64_t from, int64_t to,
                        cull__cells *out)
{
    for (int64_t i = from; i < to; i++) k->table[code_at(a, k->row[i])]++;
    for (int64_t i = from; i < to; i++) {
        uint32_t *c = k->table + code_at(a, k->row[i]);
        if (*c) add_cell(k, *c, out);
        *c = 0;
    }
}

static void count_sparse(const counter *k, const cull__coded *a, const cull__coded *b,
                         const cull__coded *y, cull__cells *ab, cull__cells *aby)
{
    if (y) sort_rows(k, y, NULL, k->next);
    sort_rows(k, b, y ? k->next : NULL, k->row);
    memset(k->table, 0, (size_t)a->levels * sizeof *k->table);
    for (int64_t lo = 0, hi; lo < k->n; lo = hi) {
        int64_t level = code_at(b, k->row[lo]);
        for (hi = lo; hi < k->n && code_at(b, k->row[hi]) == level;) hi++;
        count_group(k, a, lo, hi, ab);
        for (int64_t from = lo, to; y && from < hi; from = to) {
            int64_t class = code_at(y, k->row[from]);
            for (to = from; to < hi && code_at(y, k->row[to]) == class;) to++;
            count_group(k, a, from, to, aby);
        }
    }
}

static double cells_of(double a, double b, double y) { return a * b * y; }

/* Of the table of a and b; y not NULL: and of the one of a, b and y. */
static void count_pair(const counter *k, const cull__coded *a, const cull__coded *b,
                       const cull__coded *y, cull__cells *ab, cull__cells *aby)
{
    double cells = cells_of(a->levels, b->levels, y ? y->levels : 1);
    *ab = (cull__cells){0};
    if (aby) *aby = (cull__cells){0};
    if (cells <= DENSE)
        count_dense(k, a, b, y, (int64_t)cells, ab, aby);
    else
        count_sparse(k, a, b, y, ab, aby);
}

/* ---- the columns as codes ---- */

typedef struct {
    const cull_feature_problem *p;
    cull__codes *t;
    int64_t bins;
    bool width, hold;
} coder;

/* Codes that a column may have: as far as is known before it is read. */
static int64_t levels_of(const cull_feature_problem *p, int64_t c, int64_t bins)
{
    int64_t levels = p->levels && p->levels[c] ? p->levels[c] : bins;
    if (levels > p->n) levels = p->n;
    return levels < CULL__LEVELS_MOST ? levels + 1 : CULL__LEVELS_MOST;
}

static int64_t most_levels(const cull_feature_problem *p, int64_t bins, int64_t y)
{
    int64_t most = y;
    for (int64_t c = 0; c < p->d; c++) {
        int64_t l = levels_of(p, c, bins);
        if (l > most) most = l;
    }
    return most;
}

static bool avoided(const cull_feature_problem *p, int64_t c) { return p->avoid && p->avoid[c]; }

static cull_status code_target(cull_ctx *cx, const cull_feature_problem *p, int64_t bins,
                               bool width, cull__codes *t)
{
    uint16_t *code;
    double *work;
    CULL_TRY(CULL_TMP(cx, code, p->n));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, work, 2 * p->n));
    int32_t levels = cull__bin(p->y, p->n, p->classes ? 0 : bins, width, work, code);
    if (levels < 0)
        return cull__fail(cx, CULL_EINPUT, "the target has more than %d classes",
                          CULL__LEVELS_MOST);
    cull__release(cx, mark);
    t->y = (cull__coded){code, levels, true};
    return CULL_OK;
}

static cull_status code_column(cull_ctx *cx, void *arg, int64_t c, float *v)
{
    const coder *a = arg;
    const cull_feature_problem *p = a->p;
    cull__codes *t = a->t;
    double *x, *work;
    uint16_t *code;
    counter k;
    bool categorical = p->levels && p->levels[c];
    CULL_TRY(CULL_TMP(cx, code, p->n));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, x, p->n));
    CULL_TRY(CULL_TMP(cx, work, 2 * p->n));
    for (int64_t i = 0; i < p->n; i++) x[i] = (double)v[i];
    int32_t levels = cull__bin(x, p->n, categorical ? 0 : a->bins, a->width, work, code);
    if (levels < 0) return cull__too_many_levels(cx, p, c);
    cull__release(cx, mark);
    cull__coded coded = {code, levels, true};
    double cells = cells_of(levels, t->y.levels, 1);
    CULL_TRY(counter_new(cx, t, cells, levels > t->y.levels ? levels : t->y.levels, &k));
    t->own[c] = count_one(&k, &coded);
    count_pair(&k, &coded, &t->y, NULL, t->with_y + c, NULL);
    t->col[c].levels = levels;
    if (!a->hold) return CULL_OK;
    char *to = (char *)(uintptr_t)t->col[c].at;
    if (t->col[c].wide) memcpy(to, code, (size_t)p->n * sizeof *code);
    for (int64_t i = 0; !t->col[c].wide && i < p->n; i++) ((uint8_t *)to)[i] = (uint8_t)code[i];
    return CULL_OK;
}

/* Room for all codes; each column's starts at a multiple of 64. */
static cull_status hold(cull_ctx *cx, const cull_feature_problem *p, int64_t bins, cull__codes *t)
{
    int64_t bytes = 0;
    float *at;
    for (int64_t c = 0; c < p->d; c++) {
        t->col[c].wide = levels_of(p, c, bins) > 256;
        if (!avoided(p, c)) bytes += (p->n * (1 + t->col[c].wide) + 63) / 64 * 64;
    }
    if (!bytes) return CULL_OK;
    CULL_TRY(cull__pool_spill(cx, bytes / 64, 16, &at, &t->held));
    bytes = 0;
    for (int64_t c = 0; c < p->d; c++) {
        t->col[c].at = (char *)at + bytes;
        if (!avoided(p, c)) bytes += (p->n * (1 + t->col[c].wide) + 63) / 64 * 64;
    }
    return CULL_OK;
}

static cull_status code_all(cull_ctx *cx, const cull_feature_problem *p, const cull__bins *b,
                            const uint8_t *want, bool held, cull__codes *t)
{
    coder a = {.p = p, .t = t, .bins = cull__bins_of(b, p->n), .width = b->width, .hold = held};
    counter k;
    *t = (cull__codes){.n = p->n, .d = p->d};
    CULL_TRY(CULL_TMP0(cx, t->col, p->d));
    CULL_TRY(CULL_TMP0(cx, t->own, p->d));
    CULL_TRY(CULL_TMP0(cx, t->with_y, p->d));
    CULL_TRY(logs_new(cx, p->n, &t->c_ln_c));
    CULL_TRY(code_target(cx, p, a.bins, a.width, t));
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(counter_new(cx, t, 1, t->y.levels, &k));
    t->y_own = count_one(&k, &t->y);
    cull__release(cx, mark);
    if (held) CULL_TRY(hold(cx, p, a.bins, t));
    return cull__each_column(cx, p, want, code_column, &a);
}

cull_status cull__codes_new(cull_ctx *cx, const cull_feature_problem *p, const cull__bins *b,
                            cull__codes *t)
{
    cull_status s = code_all(cx, p, b, NULL, true, t);
    if (s != CULL_OK) cull__codes_free(t);
    return s;
}

void cull__codes_free(cull__codes *t)
{
    cull_pool_free(t->held);
    t->held = NULL;
}

/* ---- information ---- */

static double entropy(const cull__codes *t, const cull__cells *c)
{
    return fmax(log((double)t->n) - c->sum / (double)t->n, 0);
}

double cull__codes_entropy(const cull__codes *t, int64_t c) { return entropy(t, t->own + c); }
double cull__codes_target(const cull__codes *t) { return entropy(t, &t->y_own); }

static double mutual(const cull__codes *t, const cull__cells *a, const cull__cells *b,
                     const cull__cells *ab)
{
    double n = (double)t->n;
    return fmax(log(n) + (ab->sum - a->sum - b->sum) / n, 0);
}

double cull__codes_relevance(const cull__codes *t, int64_t c)
{
    return t->own[c].cells < 2 ? NAN : mutual(t, t->own + c, &t->y_own, t->with_y + c);
}

typedef struct {
    const cull__codes *t;
    const int64_t *a, *b;
    double *mutual, *given;
    double cells; /* of the largest table */
    int64_t levels;
} pairs_job;

static cull_status pairs_chunk(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const pairs_job *j = arg;
    const cull__codes *t = j->t;
    counter k;
    (void)chunk;
    CULL_TRY(counter_new(cx, t, j->cells, j->levels, &k));
    for (int64_t i = lo; i < hi; i++) {
        int64_t a = j->a[i], b = j->b[i];
        cull__cells ab, aby;
        count_pair(&k, t->col + a, t->col + b, j->given ? &t->y : NULL, &ab,
                   j->given ? &aby : NULL);
        if (j->mutual) j->mutual[i] = mutual(t, t->own + a, t->own + b, &ab);
        if (!j->given) continue;
        double nats = aby.sum + t->own[b].sum - ab.sum - t->with_y[b].sum;
        j->given[i] = fmax(nats / (double)t->n, 0);
    }
    return CULL_OK;
}

static int64_t pair_grain(int64_t n) { return n < 131072 ? 131072 / n : 1; }

cull_status cull__codes_pairs(cull_ctx *cx, const cull__codes *t, const int64_t *a,
                              const int64_t *b, int64_t pairs, double *mutuals, double *given)
{
    pairs_job j = {.t = t, .a = a, .b = b, .mutual = mutuals, .given = given};
    j.levels = t->y.levels;
    for (int64_t i = 0; i < pairs; i++) {
        int32_t la = t->col[a[i]].levels, lb = t->col[b[i]].levels;
        double cells = cells_of(la, lb, given ? t->y.levels : 1);
        if (cells > j.cells) j.cells = cells;
        if (la > j.levels) j.levels = la;
        if (lb > j.levels) j.levels = lb;
    }
    return cull__for(cx, pairs, pair_grain(t->n), pairs_chunk, &j);
}

cull_status cull__codes_add(cull_ctx *cx, const cull__codes *t, int64_t s, const uint8_t *open,
                            bool given, double *sum)
{
    int64_t *a, *b, pairs = 0;
    double *nats;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, a, t->d));
    CULL_TRY(CULL_TMP(cx, b, t->d));
    CULL_TRY(CULL_TMP(cx, nats, t->d));
    for (int64_t c = 0; c < t->d; c++)
        if (open[c]) a[pairs] = c, b[pairs++] = s;
    CULL_TRY(cull__codes_pairs(cx, t, a, b, pairs, given ? NULL : nats, given ? nats : NULL));
    for (int64_t i = 0; i < pairs; i++) sum[a[i]] += nats[i];
    cull__release(cx, mark);
    return CULL_OK;
}

cull_status cull__column_mutual(cull_ctx *cx, const cull_feature_problem *p, const uint8_t *want,
                                const cull__bins *b, bool miller, double *out)
{
    cull__codes t;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(code_all(cx, p, b, want, false, &t));
    for (int64_t c = 0; c < p->d; c++) {
        out[c] = cull__codes_relevance(&t, c);
        if (!miller || isnan(out[c])) continue;
        int64_t bias = t.with_y[c].cells - t.own[c].cells - t.y_own.cells + 1;
        out[c] -= (double)bias / (2 * (double)p->n);
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- plans ---- */

static int64_t kept_columns(const cull_feature_problem *p)
{
    int64_t count = 0;
    for (int64_t c = 0; c < p->d; c++) count += !avoided(p, c);
    return count;
}

static double counter_bytes(int64_t n, double cells, int64_t levels)
{
    double room = cells > DENSE ? DENSE : cells <= TWICE ? 2 * cells : cells;
    if (cells > TWICE && room < 2 * TWICE) room = 2 * TWICE;
    if (room < (double)levels) room = (double)levels;
    return 4 * room + (cells > DENSE ? 8 * (double)n + 8 * (double)levels : 0);
}

static double coding_bytes(const cull_feature_problem *p, int64_t bins, int threads, double *passes)
{
    double n = (double)p->n, columns = (double)kept_columns(p);
    int64_t y = p->classes ? p->classes : bins, levels = most_levels(p, bins, y);
    double each = 26 * n, count = 2 * n + counter_bytes(p->n, cells_of(levels, y, 1), levels);
    double block = (double)cull__each_column_bytes(p, (int64_t)columns, threads, passes);
    double workers = threads < columns ? threads : columns;
    double held = 56 * (double)p->d + 8 * (double)(p->n < KNOWN ? p->n : KNOWN) + 2 * n;
    return held + fmax(16 * n, block + workers * fmax(each, count));
}

uint64_t cull__codes_bytes(const cull_feature_problem *p, const cull__bins *b, int threads)
{
    int64_t bins = cull__bins_of(b, p->n);
    double codes = 0;
    for (int64_t c = 0; c < p->d; c++)
        if (!avoided(p, c)) codes += (double)p->n * (1 + (levels_of(p, c, bins) > 256)) + 32;
    int64_t y = p->classes ? p->classes : bins, levels = most_levels(p, bins, y);
    double pairs = 56 * (double)p->d + 8 * (double)(p->n < KNOWN ? p->n : KNOWN) + 2 * (double)p->n;
    pairs += 24 * (double)p->d + threads * counter_bytes(p->n, cells_of(levels, levels, y), levels);
    return (uint64_t)(codes + fmax(pairs, coding_bytes(p, bins, threads, NULL)));
}

uint64_t cull__column_mutual_bytes(const cull_feature_problem *p, const cull__bins *b, int threads,
                                   double *passes)
{
    return (uint64_t)coding_bytes(p, cull__bins_of(b, p->n), threads, passes);
}

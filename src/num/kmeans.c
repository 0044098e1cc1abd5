/* kmeans.c - Lloyd's algorithm (1957, 1982) with exact, thread-independent answers.
 *
 * Assignment maximises x.c - |c|^2/2, by one product of matrices per block of rows whose scores are
 * searched while they are in L2. The product runs on centroids less their mean, since x.mean is the
 * same for all of them: the rounding bound e |x| |c - mean| then does not suffer from data that lie
 * far from the origin. Centroids within twice the bound of the best are compared by canonical f64
 * scores (ties: the lower index), so no assignment depends on the product's bits.
 *
 * Where the processor multiplies bf16 at twice the speed, rows and centroids less the mean are rounded
 * to it; the rounding's own length widens the bound, and more rows are compared by canonical scores.
 *
 * Rows that cannot have moved are not scored again (Hamerly 2010): each row keeps an upper bound of the
 * distance from its centroid and a lower bound of that from any other, both loosened by how far the
 * centroids have gone. The bounds only ever spare work: an assignment that they settle is the one that
 * the canonical scores would give, and sums are taken in the order of rows either way.
 *
 * Sums are f64, one set for each chunk of a grid that n, d and k fix (at most 64 chunks, fewer when
 * their sums would pass 256 MiB, at least 16), added in order of chunk. Spherical (Dhillon and Modha
 * 2001): rows count as unit vectors and centroids are brought to unit length. */
#include "num/kmeans.h"

#include <inttypes.h>
#include <string.h>

typedef struct {
    const cull_pool *p;
    const cull__kern *kern;
    bool spherical, measure; /* measure: the last pass, squared distances and no sums */
    int64_t n, d, k, grain, chunks, block, window;
    float *c;             /* (k, d) centroids */
    float *moved;         /* (k, d) less their mean */
    float *bias;          /* (k) what the product is lessened by */
    bool narrow;          /* products are of bf16, rows and centroids less the mean */
    float *mean, *bias16; /* (d); (k) half of |moved|^2 */
    uint16_t *moved16;    /* (k, d) */
    cull__narrowed most;  /* of moved16 */
    double *half;         /* (k) |c|^2 / 2 */
    double e, far, slack; /* bound, largest |moved|, rounding of the bias */
    float *norm;          /* (n) |x|, once known */
    float *up, *low;      /* (n) bounds of the distances from the own and the other centroids */
    double *drift; /* (k) how far each went since the last sweep; the farthest and the next */
    double drift1, drift2;
    int64_t farthest;
    bool known, track, bounded; /* bounds are being made; are there */
    double *sum;                /* (chunks, k, d) */
    int64_t *count;             /* (chunks, k) */
    double *square;             /* (chunks) sum of |x|^2, or of squared distances */
    int64_t *changed;
    int32_t *assign;
    double *total; /* (k, d) */
    int64_t *size; /* (k) */
} job;

const float *cull__kmeans_rows(const cull_pool *p, const cull__kern *kern, bool spherical,
                               int64_t lo, int64_t hi, float *buf)
{
    int64_t d = cull_pool_d(p);
    const float *x = cull_pool_rows(p, lo, hi, buf);
    if (!spherical) return x;
    for (int64_t i = 0; i < hi - lo; i++) {
        double s = kern->dot(x + i * d, x + i * d, d);
        kern->scale(buf + i * d, x + i * d, s > 0 ? 1 / sqrt(s) : 0, d);
    }
    return buf;
}

/* ---- the centroids as the product wants them ---- */
static cull_status prepare(cull_ctx *cx, job *j)
{
    cull__mark_t mark = cull__mark(cx);
    double *mean, top = 0;
    float *m = j->mean, *zero;
    CULL_TRY(CULL_TMP0(cx, mean, j->d));
    CULL_TRY(CULL_TMP0(cx, zero, j->d));
    for (int64_t i = 0; i < j->k; i++) j->kern->add(mean, j->c + i * j->d, j->d);
    for (int64_t t = 0; t < j->d; t++) m[t] = (float)(mean[t] / (double)j->k);
    double half_mean = j->kern->dot(m, m, j->d) / 2;
    j->far = 0;
    for (int64_t i = 0; i < j->k; i++) {
        const float *c = j->c + i * j->d;
        float *to = j->moved + i * j->d;
        for (int64_t t = 0; t < j->d; t++) to[t] = c[t] - m[t];
        j->half[i] = j->kern->dot(c, c, j->d) / 2;
        double b = j->half[i] - half_mean, f = sqrt(j->kern->dot(to, to, j->d));
        j->bias[i] = (float)b;
        if (fabs(b) > top) top = fabs(b);
        if (f > j->far) j->far = f;
    }
    j->slack = top * 0x1p-22;
    j->most = (cull__narrowed){0, 0};
    for (int64_t i = 0; j->narrow && i < j->k; i++) {
        const float *c = j->moved + i * j->d;
        cull__narrowed r = cull__narrow(j->kern, c, zero, j->d, j->moved16 + i * j->d);
        j->bias16[i] = (float)(j->kern->dot(c, c, j->d) / 2);
        if (r.norm > j->most.norm) j->most.norm = r.norm;
        if (r.lost > j->most.lost) j->most.lost = r.lost;
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- assignment ---- */
static int32_t decide(const job *j, const float *x, const int32_t *at, int64_t m)
{
    int32_t best = m ? at[0] : 0;
    double top = -INFINITY;
    for (int64_t t = 0; t < (m ? m : j->k); t++) {
        int32_t i = m ? at[t] : (int32_t)t;
        double v = j->kern->dot(x, j->c + i * j->d, j->d) - j->half[i];
        if (v > top) {
            top = v;
            best = i;
        }
    }
    return best;
}

/* The error of a row's scores; infinite where its products might overflow. */
static double error_of(const job *j, int64_t row)
{
    double norm = j->norm[row];
    bool wild = !(norm < 0x1p60) || !(j->far < 0x1p60) || !(j->slack < 0x1p60);
    return wild ? INFINITY : j->e * norm * j->far + j->slack + (double)j->d * 0x1p-148;
}

/* The same for rows in bf16. half of |moved|^2 is off by four roundings of itself at most. */
static double error_of_narrow(const job *j, cull__narrowed x)
{
    double far = j->most.norm;
    if (!(x.norm < 0x1p60) || !(far < 0x1p60)) return INFINITY;
    return cull__narrow_bound(x, j->most, j->d) + far * far * 0x1p-22;
}

/* Assign row x of the pool by its scores s - bias (k), true to err, and set its bounds. Returns
 * whether it moved. */
static bool settle(const job *j, const float *x, int64_t row, const float *s, const float *bias,
                   double err, int32_t *at)
{
    float top[2] = {0, 0};
    double low = 0;
    int32_t a, before = j->assign[row];
    int64_t m = 0;
    if (err < INFINITY) {
        at[0] = (int32_t)j->kern->top2_sub(s, bias, j->k, top);
        m = 1;
        if ((double)top[0] - (double)top[1] <= 2.0001 * err || j->k > 1 << 24)
            m = j->kern->scan_sub(s, bias, j->k, (float)(top[0] - 2.0001 * err), at);
    }
    a = m == 1 ? at[0] : decide(j, x, at, m);
    j->assign[row] = a;
    j->low[row] = 0;
    if (!j->track) return a != before;
    double own = j->kern->dist2(x, j->c + a * j->d, j->d);
    if (m == 1) low = own + 2 * ((double)top[0] - (double)top[1]) - 4.0002 * err;
    j->up[row] = (float)(sqrt(own) * (1 + 0x1p-22));
    if (low > 0) j->low[row] = (float)(sqrt(low) * (1 - 0x1p-22));
    return a != before;
}

/* Loosen the bounds of rows [lo, lo + n), which x holds, and list those that may have moved. Where it
 * may settle a row, its upper bound is taken anew. */
static int64_t open_rows(const job *j, const float *x, int64_t lo, int64_t n, int32_t *list)
{
    int64_t m = 0;
    for (int64_t r = 0; r < n; r++) {
        int64_t i = lo + r, a = j->assign[i];
        double u = (double)j->up[i] + j->drift[a];
        double l = (double)j->low[i] - (a == j->farthest ? j->drift2 : j->drift1);
        if (l <= u && l > u - 2 * j->drift[a])
            u = sqrt(j->kern->dist2(x + r * j->d, j->c + a * j->d, j->d)) * (1 + 0x1p-22);
        double safe = 0x1p-40 * (double)j->norm[i] * ((double)j->norm[i] + u);
        j->up[i] = (float)(u * (1 + 0x1p-22));
        j->low[i] = l > 0 ? (float)(l * (1 - 0x1p-22)) : 0;
        if (!(u * (1 + 0x1p-20) < l && (l - u) * (l + u) > safe)) list[m++] = (int32_t)r;
    }
    return m;
}

static void tally(const job *j, int64_t chunk, const float *x, int64_t row)
{
    int32_t a = j->assign[row];
    j->count[chunk * j->k + a]++;
    if (j->measure)
        j->square[chunk] += j->kern->dist2(x, j->c + a * j->d, j->d);
    else
        j->kern->add(j->sum + (chunk * j->k + a) * j->d, x, j->d);
}

typedef struct {
    float *s, *window, *some; /* scores; rows made f32; open rows side by side */
    uint16_t *some16;         /* the same, less the mean */
    double *err;
    int32_t *at, *list;
    cull__gemm g;
} scratch; /* of one chunk */

/* Scores of m rows of x, the list's (NULL: all), into w->s and their errors into w->err; what the
 * scores are to be lessened by. A short block costs bf16 as much as a whole one. */
static const float *score(const job *j, scratch *w, const float *x, int64_t lo, const int32_t *list,
                          int64_t m)
{
    int64_t d = j->d;
    if (j->narrow && 2 * m > j->block) {
        for (int64_t r = 0; r < m; r++)
            w->err[r] = error_of_narrow(j, cull__narrow(j->kern, x + (list ? list[r] : r) * d,
                                                        j->mean, d, w->some16 + r * d));
        if (cull__gemm_run_bf16(&w->g, w->some16, j->moved16, w->s)) return j->bias16;
    }
    for (int64_t r = 0; r < m; r++) {
        if (list) memcpy(w->some + r * d, x + list[r] * d, (size_t)d * sizeof *x);
        w->err[r] = error_of(j, lo + (list ? list[r] : r));
    }
    cull__scores(j->kern, &w->g, m, j->k, list ? w->some : x, j->moved, w->s);
    return j->bias;
}

/* Rows [lo, lo + n), which x holds. Where nearly all are open, all are scored where they lie. */
static void score_rows(const job *j, scratch *w, int64_t chunk, const float *x, int64_t lo,
                       int64_t n)
{
    int64_t open = j->bounded ? open_rows(j, x, lo, n, w->list) : n, d = j->d;
    bool all = open > n / 8 * 7;
    if (all) open = n;
    for (int64_t b = 0; b < open; b += j->block) {
        int64_t m = open - b < j->block ? open - b : j->block;
        int64_t from = all ? b : 0;
        const int32_t *list = all ? NULL : w->list + b;
        const float *bias = score(j, w, x + from * d, lo + from, list, m);
        for (int64_t r = 0; r < m; r++) {
            int64_t i = from + (list ? list[r] : r);
            j->changed[chunk] +=
                settle(j, x + i * d, lo + i, w->s + r * j->k, bias, w->err[r], w->at);
        }
    }
}

static cull_status assign(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    scratch w = {0};
    CULL_TRY(CULL_TMP(cx, w.s, j->block * j->k));
    CULL_TRY(CULL_TMP(cx, w.some, j->block * j->d));
    if (j->narrow) CULL_TRY(CULL_TMP0(cx, w.some16, j->block * j->d));
    CULL_TRY(CULL_TMP(cx, w.err, j->block));
    CULL_TRY(CULL_TMP(cx, w.at, j->k));
    CULL_TRY(CULL_TMP(cx, w.list, j->window));
    if (j->spherical || cull_pool_dtype(j->p) != CULL_F32)
        CULL_TRY(CULL_TMP(cx, w.window, j->window * j->d));
    if (!j->measure)
        memset(j->sum + chunk * j->k * j->d, 0, (size_t)(j->k * j->d) * sizeof *j->sum);
    memset(j->count + chunk * j->k, 0, (size_t)j->k * sizeof *j->count);
    j->changed[chunk] = 0;
    if (j->measure || !j->known) j->square[chunk] = 0;
    CULL_TRY((j->narrow ? cull__gemm_open_bf16 : cull__gemm_open)(cx, j->block, j->k, j->d, &w.g));
    for (int64_t b = lo; b < hi; b += j->window) {
        int64_t n = hi - b < j->window ? hi - b : j->window;
        const float *x = cull__kmeans_rows(j->p, j->kern, j->spherical, b, b + n, w.window);
        for (int64_t r = 0; r < n && !j->known; r++) {
            double v = j->kern->dot(x + r * j->d, x + r * j->d, j->d);
            if (!j->measure) j->square[chunk] += v;
            j->norm[b + r] = (float)sqrt(v);
        }
        score_rows(j, &w, chunk, x, b, n);
        for (int64_t r = 0; r < n; r++) tally(j, chunk, x + r * j->d, b + r);
    }
    cull__gemm_close(&w.g);
    return CULL_OK;
}

/* ---- update ---- */
static cull_status reduce(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    job *j = arg;
    (void)cx, (void)chunk;
    for (int64_t i = lo; i < hi; i++) {
        double *to = j->total + i * j->d;
        j->size[i] = 0;
        if (!j->measure) memset(to, 0, (size_t)j->d * sizeof *to);
        for (int64_t c = 0; c < j->chunks; c++) {
            const double *from = j->sum + (c * j->k + i) * j->d;
            int64_t m = j->count[c * j->k + i];
            j->size[i] += m;
            if (m && !j->measure)
                for (int64_t t = 0; t < j->d; t++) to[t] += from[t];
        }
    }
    return CULL_OK;
}

typedef struct {
    job *j;
    int64_t want;
    cull__ranked *far; /* (chunks, want) farthest rows of each chunk */
    int64_t *have;
} farthest_job;

static cull_status farthest(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    farthest_job *f = arg;
    const job *j = f->j;
    float *buf;
    cull__ranked *v;
    CULL_TRY(CULL_TMP(cx, buf, j->d));
    CULL_TRY(CULL_TMP(cx, v, hi - lo));
    for (int64_t i = lo; i < hi; i++) {
        const float *x = cull__kmeans_rows(j->p, j->kern, j->spherical, i, i + 1, buf);
        v[i - lo] = (cull__ranked){j->kern->dist2(x, j->c + j->assign[i] * j->d, j->d), i};
    }
    int64_t m = hi - lo < f->want ? hi - lo : f->want;
    cull__rank_top(v, hi - lo, m);
    memcpy(f->far + chunk * f->want, v, (size_t)m * sizeof *v);
    f->have[chunk] = m;
    return CULL_OK;
}

/* Each empty cluster takes the farthest row whose own cluster keeps another one. Rows that lie on
 * their centroid are not moved: then the pool has too few distinct rows, and the cluster stays empty
 * where it was. */
static cull_status fill_empty(cull_ctx *cx, job *j, int64_t empty)
{
    farthest_job f = {.j = j, .want = empty + j->k < j->grain ? empty + j->k : j->grain};
    float *buf;
    int64_t all = 0;
    CULL_TRY(CULL_TMP(cx, buf, j->d));
    CULL_TRY(CULL_TMP0(cx, f.far, j->chunks * f.want));
    CULL_TRY(CULL_TMP(cx, f.have, j->chunks));
    const cull__piece shared[] = {
        {f.far, (uint64_t)f.want * sizeof *f.far, (uint64_t)(j->chunks * f.want) * sizeof *f.far},
        {f.have, sizeof *f.have, (uint64_t)j->chunks * sizeof *f.have}};
    CULL_TRY(cull__spread(cx, "k-means, empty", j->n, j->grain, farthest, &f, shared, 2));
    for (int64_t c = 0; c < j->chunks; c++)
        for (int64_t i = 0; i < f.have[c]; i++) f.far[all++] = f.far[c * f.want + i];
    cull__rank_sort(f.far, all);
    for (int64_t i = 0, next = 0; i < j->k; i++) {
        if (j->size[i]) continue;
        while (next < all && f.far[next].v > 0 && j->size[j->assign[f.far[next].i]] < 2) next++;
        if (next >= all || !(f.far[next].v > 0)) break;
        int64_t row = f.far[next++].i, from = j->assign[row];
        const float *x = cull__kmeans_rows(j->p, j->kern, j->spherical, row, row + 1, buf);
        for (int64_t t = 0; t < j->d; t++) {
            j->total[from * j->d + t] -= (double)x[t];
            j->total[i * j->d + t] = (double)x[t];
        }
        j->size[from]--;
        j->size[i] = 1;
        j->assign[row] = (int32_t)i;
        j->low[row] = 0; /* to be scored again */
        j->changed[0]++;
    }
    return CULL_OK;
}

/* Sum of squared distances of the rows from the centroids they were assigned by, out of the sums. */
static double objective(const job *j)
{
    double v = 0;
    for (int64_t c = 0; c < j->chunks; c++) v += j->square[c];
    for (int64_t i = 0; i < j->k; i++) {
        double s = 0;
        for (int64_t t = 0; t < j->d; t++) s += j->total[i * j->d + t] * (double)j->c[i * j->d + t];
        v += 2 * ((double)j->size[i] * j->half[i] - s);
    }
    return v > 0 ? v : 0;
}

/* New centroids, and how far they went. Bounds are worth their making once that is little beside the
 * distance of a typical row. */
static void recentre(job *j, double squares)
{
    for (int64_t i = 0; i < j->k; i++) {
        const double *s = j->total + i * j->d;
        double by = 0, gone = 0;
        if (!j->size[i]) continue;
        if (j->spherical) {
            for (int64_t t = 0; t < j->d; t++) by += s[t] * s[t];
            by = sqrt(by);
        } else {
            by = (double)j->size[i];
        }
        if (!(by > 0)) continue; /* the rows cancel out: the old direction stays */
        for (int64_t t = 0; t < j->d; t++) {
            float c = (float)(s[t] / by);
            double step = (double)c - (double)j->c[i * j->d + t];
            gone += step * step;
            j->c[i * j->d + t] = c;
        }
        j->drift[i] = sqrt(gone) * (1 + 0x1p-40);
    }
    for (int64_t i = 0; i < j->k; i++)
        if (j->drift[i] > j->drift1) {
            j->drift2 = j->drift1;
            j->drift1 = j->drift[i];
            j->farthest = i;
        } else if (j->drift[i] > j->drift2) {
            j->drift2 = j->drift[i];
        }
    j->track = j->drift1 < 0.3 * sqrt(squares / (double)j->n);
}

static cull_status sweep(cull_ctx *cx, job *j)
{
    uint64_t of = (uint64_t)j->chunks, sums = (uint64_t)(j->k * j->d) * sizeof *j->sum,
             counts = (uint64_t)j->k * sizeof *j->count, a = sizeof *j->assign;
    const cull__piece shared[] = {{j->count, counts, of * counts},
                                  {j->square, sizeof *j->square, of * sizeof *j->square},
                                  {j->changed, sizeof *j->changed, of * sizeof *j->changed},
                                  {j->assign, (uint64_t)j->grain * a, (uint64_t)j->n * a},
                                  {j->sum, sums, of * sums}};
    cull__stage st;
    cull_status s = CULL_OK;
    CULL_TRY(prepare(cx, j));
    CULL_TRY(cull__stage_open(cx, "k-means", &st));
    if (st.mine)
        s = cull__for_some(cx, j->n, j->grain, cull__stage_first(&st, j->chunks, st.rank),
                           cull__stage_first(&st, j->chunks, st.rank + 1), assign, j);
    CULL_TRY(cull__stage_close(cx, &st, s, j->chunks, shared, j->measure ? 4 : 5));
    j->known = st.mine; /* lengths and bounds of rows stay with whoever made them */
    j->bounded = st.mine && j->track;
    j->drift1 = j->drift2 = 0; /* until recentre */
    memset(j->drift, 0, (size_t)j->k * sizeof *j->drift);
    return cull__for(cx, j->k, 16, reduce, j);
}

/* Where a restart was when it was kept: bounds are made anew, as they only spare work. */
typedef struct {
    double before;
    bool over;
} progress;

static cull_status lloyd(cull_ctx *cx, job *j, const cull__kmeans_opts *o, uint64_t stream)
{
    progress at;
    const cull__piece state[] = {{&at, 0, sizeof at},
                                 {j->c, 0, (uint64_t)(j->k * j->d) * sizeof *j->c},
                                 {j->assign, 0, (uint64_t)j->n * sizeof *j->assign}};
    cull__loop loop;
    int64_t it = 0;
    bool found;
    memset(&at, 0, sizeof at); /* the padding is kept too */
    at.before = INFINITY;
    memset(j->assign, -1, (size_t)j->n * sizeof *j->assign);
    CULL_TRY(cull__loop_find(cx, "k-means", &loop, &it, state, 3, &found));
    if (!found) CULL_TRY(cull__kmeans_start(cx, j->p, o, stream, j->c));
    for (; !at.over && it < o->iterations; it++) {
        int64_t empty = 0, changed = 0;
        CULL_TRY(sweep(cx, j));
        double now = objective(j);
        for (int64_t i = 0; i < j->k; i++) empty += !j->size[i];
        cull__mark_t mark = cull__mark(cx);
        cull_status s = empty ? fill_empty(cx, j, empty) : CULL_OK;
        cull__release(cx, mark);
        CULL_TRY(s);
        for (int64_t c = 0; c < j->chunks; c++) changed += j->changed[c];
        at.over = !changed;
        if (changed) {
            recentre(j, now);
            at.over = o->tol > 0 && at.before - now < o->tol * at.before;
            at.before = now;
        }
        bool last = at.over || it + 1 == o->iterations;
        CULL_TRY(cull__loop_keep(cx, &loop, it + 1, last, state, 3));
    }
    return CULL_OK;
}

static cull_status measure(cull_ctx *cx, job *j, double *out)
{
    j->measure = true;
    j->track = false;
    cull_status s = sweep(cx, j);
    j->measure = false;
    *out = 0;
    for (int64_t c = 0; c < j->chunks; c++) *out += j->square[c];
    return s;
}

/* The sums of squares are overwritten by `measure`; the next restart takes them again. */
static cull_status restarts(cull_ctx *cx, job *j, const cull__kmeans_opts *o, float *best,
                            double *obj)
{
    int64_t runs = o->start || o->restarts < 2 ? 1 : o->restarts, last = 0;
    *obj = INFINITY;
    for (int64_t r = 0; r < runs; r++) {
        double v;
        cull__mark_t mark = cull__mark(cx);
        uint64_t stream = 0x6B6D65616E73u + (uint64_t)r;
        j->known = j->bounded = j->track = false;
        cull_status s =
            o->batch ? cull__kmeans_batches(cx, j->p, o, stream, j->c) : lloyd(cx, j, o, stream);
        cull__release(cx, mark);
        CULL_TRY(s);
        CULL_TRY(measure(cx, j, &v));
        if (r && !(v < *obj)) continue;
        *obj = v;
        last = r;
        memcpy(best, j->c, (size_t)(j->k * j->d) * sizeof *best);
    }
    if (last == runs - 1) return CULL_OK;
    j->bounded = false;
    memcpy(j->c, best, (size_t)(j->k * j->d) * sizeof *best);
    return measure(cx, j, obj);
}

static int64_t chunks_of(int64_t n, int64_t k, int64_t d)
{
    double most = 0x1p28 / (8.0 * (double)k * (double)d);
    int64_t c = most > 64 ? 64 : most < 16 ? 16 : (int64_t)most, rows = (n - 1) / 256 + 1;
    return c < rows ? c : rows;
}

static void shape(job *j)
{
    int64_t chunks = chunks_of(j->n, j->k, j->d);
    j->grain = (j->n - 1) / chunks + 1;
    j->chunks = (j->n - 1) / j->grain + 1;
    j->block = 131072 / j->k / 16 * 16;
    j->block = j->block > 512 ? 512 : j->block < 128 ? 128 : j->block;
    j->window = (1 << 20) / j->d;
    j->window = j->window > 8192 ? 8192 : j->window < j->block ? j->block : j->window;
}

uint64_t cull__kmeans_bytes(int64_t n, int64_t d, cull_dtype dtype, int workers,
                            const cull__kmeans_opts *o)
{
    job j = {.n = n, .d = d, .k = o->k};
    if (n < 1 || d < 1 || j.k < 1 || j.k > n) return 0;
    shape(&j);
    double k = (double)j.k, kd = k * (double)d, block = (double)j.block, of = (double)j.chunks;
    double base = 12 * (double)n + kd * (4 + 4 + 2 + 8 + 8 * of) + k * (32 + 8 * of);
    double seed = o->start || o->sampled ? 0 : cull__kmeans_seed_bytes(n, j.k, d);
    if (o->batch) seed = fmax(seed, (double)cull__kmeans_batch_bytes(d, workers, o));
    double score =
        block * (4 * k + 6 * (double)d + 8) + 4 * k + 4 * (double)j.window + cull__gemm_bytes(d);
    if (o->spherical || dtype != CULL_F32) score += 4 * (double)(j.window * d);
    double want = (double)(j.k < j.grain ? j.k + 1 : j.grain); /* a cluster is empty */
    double fill = 16 * of * want, rows = 16 * (double)j.grain;
    double most = fmax(seed, fmax(workers * score, fill + workers * rows));
    return (uint64_t)(base + most) + (uint64_t)(workers + 1) * CULL__ARENA;
}

static cull_status kmeans(cull_ctx *cx, job *j, const cull__kmeans_opts *o, float *centroid,
                          int64_t *count, double *obj)
{
    int64_t kd = j->k * j->d;
    shape(j);
    j->e = cull__dot_bound(j->d);
    CULL_TRY(CULL_TMP(cx, j->c, kd));
    CULL_TRY(CULL_TMP(cx, j->moved, kd));
    CULL_TRY(CULL_TMP(cx, j->bias, j->k));
    CULL_TRY(CULL_TMP(cx, j->half, j->k));
    CULL_TRY(CULL_TMP(cx, j->mean, j->d));
    j->narrow = cull__gemm_bf16(cx, j->block, j->k, j->d);
    if (j->narrow) {
        CULL_TRY(CULL_TMP(cx, j->bias16, j->k));
        CULL_TRY(CULL_TMP(cx, j->moved16, kd));
    }
    CULL_TRY(CULL_TMP(cx, j->norm, j->n));
    CULL_TRY(CULL_TMP(cx, j->up, j->n));
    CULL_TRY(CULL_TMP(cx, j->low, j->n));
    CULL_TRY(CULL_TMP0(cx, j->drift, j->k));
    CULL_TRY(CULL_TMP(cx, j->sum, j->chunks * kd));
    CULL_TRY(CULL_TMP(cx, j->count, j->chunks * j->k));
    CULL_TRY(CULL_TMP0(cx, j->square, j->chunks));
    CULL_TRY(CULL_TMP0(cx, j->changed, j->chunks));
    CULL_TRY(CULL_TMP0(cx, j->total, kd));
    CULL_TRY(CULL_TMP(cx, j->size, j->k));
    CULL_TRY(restarts(cx, j, o, centroid, obj));
    memcpy(count, j->size, (size_t)j->k * sizeof *count);
    return CULL_OK;
}

cull_status cull__kmeans(cull_ctx *cx, const cull_pool *p, const cull__kmeans_opts *o,
                         float *centroid, int32_t *assigned, int64_t *count, double *obj)
{
    job j = {.p = p, .kern = cull__kernels(cx), .spherical = o->spherical, .assign = assigned};
    j.n = cull_pool_n(p);
    j.d = cull_pool_d(p);
    j.k = o->k;
    if (j.k < 1 || j.k > j.n || j.k > INT32_MAX)
        return cull__fail(cx, CULL_EOPTION,
                          "%" PRId64 " clusters of %" PRId64
                          " rows; there must be 1 to as many clusters as rows",
                          j.k, j.n);
    if (o->batch && (o->batch < j.k || o->batch > INT64_MAX / 4096 / j.d))
        return cull__fail(cx, CULL_EOPTION,
                          "batches of %" PRId64 " rows for %" PRId64
                          " clusters; a batch needs a row for each at least",
                          o->batch, j.k);
    if (j.k > INT64_MAX / 4096 / j.d)
        return cull__fail(cx, CULL_ENOMEM, "out of memory: %" PRId64 " centroids of %" PRId64, j.k,
                          j.d);
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "k-means");
    cull_status s = kmeans(cx, &j, o, centroid, count, obj);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}

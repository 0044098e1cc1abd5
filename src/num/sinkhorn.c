/* sinkhorn.c - entropic optimal transport between two pools, streamed (Cuturi 2013; log-domain
 * stabilised, Schmitzer 2019; epsilon scaling, Kosowsky and Yuille 1994).
 *
 * One pass over the rows x is one whole iteration. A strip of rows is multiplied with all columns y, and
 * while a tile of products is at hand it becomes exponentials, relative to the largest of its row in
 * the tile. Once a row's tiles are done its potential f is known, and with it the weight by which the
 * very same exponentials count in the sums of the columns: no second product, no second exponential.
 * Tile and strip are fixed by m and d, the chunk grid by n; sums go from f32 lanes within a tile to f64
 * across tiles, strips and chunks, in order.
 *
 * What a weight below 1e-12 / n would add to a column is left out; all of it is less than 1e-12 of the
 * mass, and adding as much to every column makes its step a cautious one, also where nothing reaches it.
 *
 * Over-relaxation: once epsilon is reached, the rate at which plain iterations converge is measured,
 * and the best factor for that rate is used (Young 1954 for the linear theory; Lehmann et al. 2022 for
 * Sinkhorn). No step goes more than epsilon beyond the plain one, and an error that grows resets it. */
#include "num/block.h"

#include <float.h>
#include <inttypes.h>
#include <string.h>

enum { TILE = 512, STRIP = 128, CHUNKS = 32, RATE = 8 };
static const double TINY = 1e-12;

typedef struct {
    const cull_pool *x, *y;
    const cull__kern *kern;
    const double *a, *b; /* weights as given, or NULL */
    double a_sum, b_sum;
    int64_t n, m, d, strip, tiles, grain, chunks, width;
    bool chord;
    float *yc;     /* (m, d) columns, less the centre or of unit length */
    double *ny;    /* m: |yc|^2; 0 for chord */
    float *centre; /* d: mean of y; NULL for chord */
    double top_x, top_y;
    double *part; /* (chunks, width) */
    double *f, *g, *mass;
    float *h; /* m: log b + (g - ny) / eps */
    double eps, omega;
    bool certify;
} job;

static double weight(const double *w, double sum, int64_t n, int64_t i)
{
    return w ? w[i] / sum : 1 / (double)n;
}
static double wa(const job *j, int64_t i) { return weight(j->a, j->a_sum, j->n, i); }
static double wb(const job *j, int64_t i) { return weight(j->b, j->b_sum, j->m, i); }

/* Rows [lo, hi) of p as they are multiplied, into out, with their squared lengths (before the
 * division by it for chord). buf: room for them. */
static void load(const job *j, const cull_pool *p, int64_t lo, int64_t hi, float *buf, float *out,
                 double *norm2)
{
    const float *row = cull_pool_rows(p, lo, hi, buf);
    for (int64_t i = 0; i < hi - lo; i++, row += j->d) {
        float *to = out + i * j->d;
        if (j->centre)
            for (int64_t t = 0; t < j->d; t++) to[t] = row[t] - j->centre[t];
        const float *of = j->centre ? to : row;
        norm2[i] = j->kern->dot(of, of, j->d);
        if (!j->centre) j->kern->scale(to, row, norm2[i] > 0 ? 1 / sqrt(norm2[i]) : 0, j->d);
    }
}

/* A pass over x; what its chunks leave in `part`, and the new f, is every process's. */
static cull_status spread(cull_ctx *cx, job *j, const char *what, cull__for_fn *fn, bool new_f)
{
    uint64_t part = (uint64_t)j->width * sizeof *j->part, f = (uint64_t)j->grain * sizeof *j->f;
    const cull__piece shared[] = {{j->part, part, (uint64_t)j->chunks * part},
                                  {j->f, f, (uint64_t)j->n * sizeof *j->f}};
    return cull__spread(cx, what, j->n, j->grain, fn, j, shared, new_f ? 2 : 1);
}

/* ---- before the first iteration: lengths, means ---- */

/* part: sum a x (d), sum a |x|^2, largest |x|^2 */
static cull_status survey(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    double *part = j->part + chunk * j->width, norm2[STRIP];
    float *buf, *x;
    CULL_TRY(CULL_TMP(cx, buf, j->strip * j->d));
    CULL_TRY(CULL_TMP(cx, x, j->strip * j->d));
    memset(part, 0, (size_t)j->width * sizeof *part);
    for (int64_t at = lo; at < hi; at += j->strip) {
        int64_t r = hi - at < j->strip ? hi - at : j->strip;
        load(j, j->x, at, at + r, buf, x, norm2);
        for (int64_t i = 0; i < r; i++) {
            double w = wa(j, at + i);
            for (int64_t t = 0; t < j->d; t++) part[t] += w * (double)x[i * j->d + t];
            part[j->d] += w * norm2[i];
            if (norm2[i] > part[j->d + 1]) part[j->d + 1] = norm2[i];
        }
    }
    return CULL_OK;
}

/* Rounded to f32, the mean of copies of one row is that row. */
static cull_status centre(cull_ctx *cx, job *j, float *buf)
{
    double *mean;
    CULL_TRY(CULL_TMP(cx, j->centre, j->d));
    CULL_TRY(CULL_TMP0(cx, mean, j->d));
    for (int64_t at = 0; at < j->m; at++) {
        const float *row = cull_pool_rows(j->y, at, at + 1, buf);
        double w = wb(j, at);
        for (int64_t t = 0; t < j->d; t++) mean[t] += w * (double)row[t];
    }
    for (int64_t t = 0; t < j->d; t++) j->centre[t] = (float)mean[t];
    return CULL_OK;
}

static cull_status columns(cull_ctx *cx, job *j)
{
    float *buf;
    CULL_TRY(CULL_TMP(cx, j->yc, j->m * j->d));
    CULL_TRY(CULL_TMP(cx, j->ny, j->m));
    CULL_TRY(CULL_TMP(cx, buf, j->strip * j->d));
    if (!j->chord) CULL_TRY(centre(cx, j, buf));
    for (int64_t at = 0; at < j->m; at += j->strip) {
        int64_t r = j->m - at < j->strip ? j->m - at : j->strip;
        load(j, j->y, at, at + r, buf, j->yc + at * j->d, j->ny + at);
    }
    for (int64_t i = 0; i < j->m; i++) {
        if (j->ny[i] > j->top_y) j->top_y = j->ny[i];
        if (j->chord) j->ny[i] = 0;
    }
    return CULL_OK;
}

/* The means of all costs, and the largest lengths. */
static cull_status measure(cull_ctx *cx, job *j, double *mean)
{
    double xx = 0, yy = 0, xy = 0;
    CULL_TRY(columns(cx, j));
    CULL_TRY(spread(cx, j, "transport, lengths", survey, false));
    for (int64_t c = 0; c < j->chunks; c++) {
        const double *p = j->part + c * j->width;
        xx += p[j->d];
        if (p[j->d + 1] > j->top_x) j->top_x = p[j->d + 1];
    }
    for (int64_t i = 0; i < j->m; i++) yy += wb(j, i) * j->ny[i];
    for (int64_t t = 0; t < j->d; t++) { /* the centred y has its mean at 0 but for rounding */
        double sx = 0, sy = 0;
        for (int64_t c = 0; c < j->chunks; c++) sx += j->part[c * j->width + t];
        for (int64_t i = 0; i < j->m; i++) sy += wb(j, i) * (double)j->yc[i * j->d + t];
        xy += sx * sy;
    }
    *mean = j->chord ? 1 : xx + yy - 2 * xy;
    j->top_x = j->chord ? 1 : sqrt(j->top_x);
    j->top_y = j->chord ? 1 : sqrt(j->top_y);
    return CULL_OK;
}

/* ---- a pass ---- */

/* Scratch of a worker. */
typedef struct {
    float *buf, *x; /* (strip, d) */
    float *e;       /* tile by tile (strip, its width) */
    double *top, *sum;
    float *acc; /* TILE */
} lent;

static cull_status lend(cull_ctx *cx, const job *j, lent *l)
{
    CULL_TRY(CULL_TMP(cx, l->buf, j->strip * j->d));
    CULL_TRY(CULL_TMP(cx, l->x, j->strip * j->d));
    CULL_TRY(CULL_TMP(cx, l->e, j->strip * j->m));
    CULL_TRY(CULL_TMP(cx, l->top, j->strip * j->tiles));
    CULL_TRY(CULL_TMP(cx, l->sum, j->strip * j->tiles));
    return CULL_TMP(cx, l->acc, TILE);
}

/* What the certificate sums of a row whose mass under the scaled-down columns is a exp(-low). */
static void certify_row(const job *j, double *part, int64_t row, double low, const float *x,
                        double norm2)
{
    double a = wa(j, row), u = low > 0 ? -a * expm1(-low) : 0;
    part[j->d] -= j->f[row] * u;
    part[j->d + 1] += u;
    part[j->d + 2] += u * norm2;
    if (u > 0) part[j->d + 3] += u * log(u / a);
    for (int64_t t = 0; t < j->d; t++) part[t] += u * (double)x[t];
}

/* Rows [at, at + r): potentials, and what their exponentials weigh in the columns. */
static void finish_rows(const job *j, const lent *l, int64_t at, int64_t r, const double *norm2,
                        double *part)
{
    for (int64_t i = 0; i < r; i++) {
        double *top = l->top + i * j->tiles, *sum = l->sum + i * j->tiles, most = top[0], all = 0;
        double nx = j->chord ? 0 : norm2[i], *f = &j->f[at + i], a = wa(j, at + i);
        for (int64_t t = 1; t < j->tiles; t++) most = top[t] > most ? top[t] : most;
        for (int64_t t = 0; t < j->tiles; t++) all += exp(top[t] - most) * sum[t];
        double plain = nx - j->eps * (most + log(all)), over = (j->omega - 1) * (plain - *f);
        if (j->certify) {
            certify_row(j, part, at + i, (plain - *f) / j->eps, l->x + i * j->d, nx);
            continue;
        }
        over = over > j->eps ? j->eps : over < -j->eps ? -j->eps : over;
        *f = plain + over;
        part[j->m] += a * fabs(expm1(over / j->eps));
        for (int64_t t = 0; t < j->tiles; t++)
            sum[t] = a * (double)j->n * exp((*f - nx) / j->eps + top[t]);
    }
}

static void add_columns(const job *j, const lent *l, int64_t r, double *part)
{
    for (int64_t t = 0; t < j->tiles; t++) {
        int64_t from = t * TILE, w = j->m - from < TILE ? j->m - from : TILE;
        const float *e = l->e + from * r;
        memset(l->acc, 0, (size_t)w * sizeof *l->acc);
        for (int64_t i = 0; i < r; i++) {
            double by = l->sum[i * j->tiles + t];
            if (by > TINY) j->kern->axpy(l->acc, (float)by, e + i * w, w);
        }
        for (int64_t c = 0; c < w; c++) part[from + c] += (double)l->acc[c];
    }
}

static cull_status pass_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const job *j = arg;
    double *part = j->part + chunk * j->width, norm2[STRIP];
    float by = (float)((j->chord ? 1 : 2) / j->eps), out[2];
    cull__gemm g;
    lent l;
    CULL_TRY(lend(cx, j, &l));
    CULL_TRY(cull__gemm_open(cx, j->strip, TILE, j->d, &g));
    memset(part, 0, (size_t)j->width * sizeof *part);
    for (int64_t at = lo; at < hi; at += j->strip) {
        int64_t r = hi - at < j->strip ? hi - at : j->strip;
        load(j, j->x, at, at + r, l.buf, l.x, norm2);
        for (int64_t t = 0; t < j->tiles; t++) {
            int64_t from = t * TILE, w = j->m - from < TILE ? j->m - from : TILE;
            float *e = l.e + from * r;
            cull__gemm_run(&g, r, w, l.x, j->yc + from * j->d, e);
            for (int64_t i = 0; i < r; i++) {
                j->kern->soft(e + i * w, j->h + from, by, j->chord, w, out);
                l.top[i * j->tiles + t] = (double)out[0];
                l.sum[i * j->tiles + t] = (double)out[1];
            }
        }
        finish_rows(j, &l, at, r, norm2, part);
        if (!j->certify) add_columns(j, &l, r, part);
    }
    cull__gemm_close(&g);
    return CULL_OK;
}

/* Potentials g at eps, with `less` (m, or NULL) added to them, as the kernels take them. */
static void set_columns(job *j, const double *less)
{
    for (int64_t c = 0; c < j->m; c++) {
        double g = j->g[c] + (less ? less[c] : 0);
        j->h[c] = (float)(log(wb(j, c)) + (g - j->ny[c]) / j->eps);
    }
}

/* New f, the masses of the columns under (f, g), and the error of both marginals. */
static cull_status pass(cull_ctx *cx, job *j, double omega, double *error)
{
    set_columns(j, NULL);
    j->omega = omega;
    CULL_TRY(spread(cx, j, "transport", pass_rows, true));
    *error = 0;
    memset(j->mass, 0, (size_t)j->m * sizeof *j->mass);
    for (int64_t c = 0; c < j->chunks; c++) {
        const double *p = j->part + c * j->width;
        for (int64_t i = 0; i < j->m; i++) j->mass[i] += p[i];
        *error += p[j->m];
    }
    for (int64_t i = 0; i < j->m; i++) {
        j->mass[i] /= (double)j->n;
        *error += fabs(j->mass[i] - wb(j, i));
    }
    return CULL_OK;
}

static void update_columns(job *j)
{
    for (int64_t c = 0; c < j->m; c++) {
        double b = wb(j, c), step = -j->eps * log((j->mass[c] + fmin(TINY, 1e-3 * b)) / b);
        double over = (j->omega - 1) * step;
        j->g[c] += step + (over > j->eps ? j->eps : over < -j->eps ? -j->eps : over);
    }
}

/* ---- the certificate ---- */

/* primal - dual of (f, g), whose rows are exact and whose columns have j->mass. Columns are scaled by
 * s = min(1, b / mass); what then lacks, u in the rows and v in the columns, is filled by u v^T / delta.
 * In the value of the scaled part the costs cancel against the logarithm of its density:
 *   sum f r + sum (g + eps log s) c - eps (1 - delta) log(1 - delta)
 *   + <C, u v^T> / delta + eps delta (KL(u / delta | a) + KL(v / delta | b)). */
static cull_status certificate(cull_ctx *cx, job *j, double *gap)
{
    double *less, *sum, *vy, v2 = 0, kl = 0, delta = 0, cross = 0, lack = 0;
    CULL_TRY(CULL_TMP(cx, less, j->m));
    CULL_TRY(CULL_TMP0(cx, sum, j->d + 4));
    CULL_TRY(CULL_TMP0(cx, vy, j->d));
    *gap = 0;
    for (int64_t c = 0; c < j->m; c++) {
        double b = wb(j, c), s = j->mass[c] > b ? b / j->mass[c] : 1, kept = j->mass[c] * s;
        double v = b > kept ? b - kept : 0;
        less[c] = j->eps * log(s);
        *gap += less[c] * kept - j->g[c] * v;
        lack += v;
        v2 += v * j->ny[c];
        if (v > 0) kl += v * log(v / b);
        for (int64_t t = 0; t < j->d; t++) vy[t] += v * (double)j->yc[c * j->d + t];
    }
    set_columns(j, less);
    j->certify = true;
    CULL_TRY(spread(cx, j, "transport, certificate", pass_rows, false));
    for (int64_t c = 0; c < j->chunks; c++)
        for (int64_t t = 0; t < j->d + 4; t++) sum[t] += j->part[c * j->width + t];
    *gap += sum[j->d]; /* sum f (r - a) */
    delta = 0.5 * (sum[j->d + 1] + lack);
    if (!(delta > 0)) return CULL_OK;
    for (int64_t t = 0; t < j->d; t++) cross += sum[t] * vy[t];
    double moved = j->chord ? delta * sqrt(fmax(0, 2 - 2 * cross / (delta * delta)))
                            : sum[j->d + 2] + v2 - 2 * cross / delta;
    *gap += moved + j->eps * (sum[j->d + 3] + kl - 2 * delta * log(delta));
    if (delta < 1) *gap -= j->eps * (1 - delta) * log1p(-delta);
    return CULL_OK;
}

/* What rounding may move a value by: that of products (block.h; of a square root, where it is worst),
 * of exponents, and of f32 sums, whose at most STRIP terms each meet as many roundings. */
static double rounding_of(const job *j, double f_span, double g_span)
{
    double e = cull__dot_bound(j->d), most = (j->top_x + j->top_y) * (j->top_x + j->top_y);
    double cost = j->chord ? sqrt(2 * e) : 2 * e * j->top_x * j->top_y;
    return cost + 0x1p-22 * most + 0x1p-16 * (j->eps + f_span + g_span);
}

static cull_status result(cull_ctx *cx, job *j, cull__transport *out)
{
    double shift = 0, f_span = 0, g_span = 0, f_mean = 0, gap;
    for (int64_t c = 0; c < j->m; c++) shift += wb(j, c) * j->g[c];
    for (int64_t c = 0; c < j->m; c++) {
        j->g[c] -= shift;
        if (fabs(j->g[c]) > g_span) g_span = fabs(j->g[c]);
    }
    for (int64_t i = 0; i < j->n; i++) f_mean += wa(j, i) * (j->f[i] += shift);
    for (int64_t i = 0; i < j->n; i++)
        if (fabs(j->f[i] - f_mean) > f_span) f_span = fabs(j->f[i] - f_mean);
    CULL_TRY(certificate(cx, j, &gap));
    out->dual = f_mean;                  /* sum b g = 0 */
    out->primal = f_mean + fmax(gap, 0); /* below 0 by rounding only */
    out->rounding = rounding_of(j, f_span, g_span);
    return CULL_OK;
}

/* ---- iterations ---- */

/* The factor for the next iterations from the errors of the last ones, RATE apart. With factor w the
 * error goes down by mu an iteration where plain ones go by l: (mu + w - 1)^2 = mu w^2 l, as long as
 * mu > w - 1 (Young). */
static double relax(double omega, double before, double now)
{
    double mu = pow(now / before, 1.0 / RATE), l;
    if (!(mu < 1)) return 1;
    l = (mu + omega - 1) * (mu + omega - 1) / (mu * omega * omega);
    if (mu <= omega - 1 || !(l < 1)) return omega;
    return fmin(2 / (1 + sqrt(1 - l)), 1.98);
}

/* What the next iteration needs, beside f and g. */
typedef struct {
    double eps, omega, before;
    int64_t at_eps;
    bool settle; /* the next pass only makes the rows exact */
    bool over;
    double error;
} progress;

/* One iteration. */
static cull_status step(cull_ctx *cx, job *j, const cull__sinkhorn_opts *o, double eps,
                        progress *at)
{
    bool there = at->eps <= eps;
    j->eps = at->eps;
    CULL_TRY(pass(cx, j, there && !at->settle ? at->omega : 1, &at->error));
    if (there && at->error <= o->tolerance) {
        at->over = j->omega == 1;
        at->settle = true;
        return CULL_OK;
    }
    at->settle = false;
    update_columns(j);
    if (!there) {
        at->eps = fmax(at->eps / 2, eps);
    } else if (++at->at_eps % RATE == 0) {
        at->omega = relax(at->omega, at->before, at->error);
        at->before = at->error;
    }
    return CULL_OK;
}

static cull_status iterate(cull_ctx *cx, job *j, const cull__sinkhorn_opts *o, double start,
                           cull__transport *out)
{
    progress at;
    const cull__piece state[] = {{&at, 0, sizeof at},
                                 {j->f, 0, (uint64_t)j->n * sizeof *j->f},
                                 {j->g, 0, (uint64_t)j->m * sizeof *j->g},
                                 {j->mass, 0, (uint64_t)j->m * sizeof *j->mass}};
    cull__loop loop;
    bool found;
    memset(&at, 0, sizeof at); /* the padding is kept too */
    at.eps = fmax(start, out->epsilon);
    at.omega = 1;
    at.before = at.error = INFINITY;
    memset(j->mass, 0, (size_t)j->m * sizeof *j->mass);
    CULL_TRY(cull__loop_find(cx, "transport", &loop, &out->iterations, state, 4, &found));
    while (!at.over && out->iterations < o->iterations) {
        CULL_TRY(cull__tick(cx, (double)out->iterations, (double)o->iterations));
        CULL_TRY(step(cx, j, o, out->epsilon, &at));
        out->iterations++;
        CULL_TRY(cull__loop_keep(cx, &loop, out->iterations, at.over, state, 4));
    }
    j->eps = at.eps;
    out->error = at.error;
    if (at.over) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "transport: after %" PRId64
                      " iterations the marginals are wrong by %.3g, more "
                      "than the tolerance %g; a larger epsilon or tolerance needs fewer",
                      o->iterations, at.error, o->tolerance);
}

/* ---- the door ---- */

static int64_t strip_of(int64_t m)
{
    int64_t rows = (INT64_C(1) << 22) / m / 16 * 16; /* at most 16 MiB, but 16 rows at least */
    return rows > STRIP ? STRIP : rows < 16 ? 16 : rows;
}

static int64_t grain_of(int64_t n, int64_t strip) { return ((n - 1) / CHUNKS / strip + 1) * strip; }

static int64_t width_of(int64_t m, int64_t d) { return (m > d ? m : d) + 4; }

static cull_status check_weights(cull_ctx *cx, const char *name, const double *w, int64_t n,
                                 double *sum)
{
    *sum = 0;
    for (int64_t i = 0; w && i < n; i++) {
        if (!(w[i] > 0))
            return cull__fail(cx, CULL_EINPUT,
                              "transport: weight %s[%" PRId64 "] is %g; it must be above 0", name,
                              i, w[i]);
        *sum += w[i];
    }
    if (isfinite(*sum)) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "transport: the weights %s have no finite sum", name);
}

static cull_status check(cull_ctx *cx, job *j, const cull__sinkhorn_opts *o)
{
    if (j->n < 1 || j->m < 1)
        return cull__fail(cx, CULL_EINPUT, "transport: %s has no row",
                          cull_pool_name(j->n < 1 ? j->x : j->y));
    if (j->d != cull_pool_d(j->y))
        return cull__fail(cx, CULL_EINPUT,
                          "transport: %s has rows of %" PRId64 " numbers, %s of %" PRId64,
                          cull_pool_name(j->x), j->d, cull_pool_name(j->y), cull_pool_d(j->y));
    if (!(o->epsilon > 0) || !(o->tolerance > 0) || o->iterations < 1)
        return cull__fail(cx, CULL_EOPTION,
                          "transport with epsilon %g, tolerance %g, %" PRId64 " iterations; all "
                          "must be above 0",
                          o->epsilon, o->tolerance, o->iterations);
    CULL_TRY(check_weights(cx, "a", o->a, j->n, &j->a_sum));
    return check_weights(cx, "b", o->b, j->m, &j->b_sum);
}

static cull_status sinkhorn(cull_ctx *cx, job *j, const cull__sinkhorn_opts *o,
                            cull__transport *out)
{
    double mean = 1;
    CULL_TRY(check(cx, j, o));
    j->strip = strip_of(j->m);
    j->grain = grain_of(j->n, j->strip);
    j->chunks = (j->n - 1) / j->grain + 1;
    j->tiles = (j->m - 1) / TILE + 1;
    j->width = width_of(j->m, j->d);
    CULL_TRY(CULL_TMP(cx, j->part, j->chunks * j->width));
    CULL_TRY(CULL_TMP(cx, j->h, j->m));
    CULL_TRY(CULL_TMP(cx, j->mass, j->m));
    CULL_TRY(measure(cx, j, &mean));
    double most = j->chord ? 2 : (j->top_x + j->top_y) * (j->top_x + j->top_y);
    out->epsilon = o->relative ? o->epsilon * mean : o->epsilon;
    if (most == 0) out->epsilon = fmax(out->epsilon, 1); /* one point: any epsilon is right */
    /* beyond that nothing is left of a f32 exponent's fraction */
    if (!(most / out->epsilon <= 0x1p22) || !(most <= (double)FLT_MAX))
        return cull__fail(cx, CULL_EINPUT,
                          "transport: epsilon %g is too small beside costs of up to %g; it must be "
                          "at least %g",
                          out->epsilon, most, most * 0x1p-22);
    memset(j->f, 0, (size_t)j->n * sizeof *j->f);
    memset(j->g, 0, (size_t)j->m * sizeof *j->g);
    CULL_TRY(iterate(cx, j, o, mean, out));
    return result(cx, j, out);
}

cull_status cull__sinkhorn(cull_ctx *cx, const cull_pool *x, const cull_pool *y,
                           const cull__sinkhorn_opts *o, double *f, double *g, cull__transport *out)
{
    job j = {.x = x, .y = y, .kern = cull__kernels(cx), .a = o->a, .b = o->b, .f = f, .g = g};
    j.n = cull_pool_n(x), j.m = cull_pool_n(y), j.d = cull_pool_d(x);
    j.chord = o->cost == CULL__CHORD;
    *out = (cull__transport){0};
    cull__mark_t mark = cull__mark(cx);
    const char *phase = cull__phase(cx, "optimal transport");
    cull_status s = sinkhorn(cx, &j, o, out);
    cull__phase(cx, phase);
    cull__release(cx, mark);
    return s;
}

uint64_t cull__sinkhorn_bytes(int64_t n, int64_t m, int64_t d, int workers)
{
    if (n < 1 || m < 1 || d < 1) return 0;
    int64_t strip = strip_of(m), chunks = (n - 1) / grain_of(n, strip) + 1;
    double tiles = (double)((m - 1) / TILE + 1), s = (double)strip,
           busy = fmin(workers, (double)chunks);
    double each = s * (8 * (double)d + 4 * (double)m + 16 * tiles) + 4 * TILE + cull__gemm_bytes(d);
    double held = 8 * (double)(chunks * width_of(m, d)) + (double)m * (28 + 4 * (double)d) +
                  4 * s * (double)d + 28 * (double)d;
    return (uint64_t)(held + busy * each) + (uint64_t)(workers + 1) * CULL__ARENA;
}

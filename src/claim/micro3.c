/* micro3.c - the data and the table of micro3: made, written, read, summed up. */
#include "cull/micro3.h"
#include "claim/claim.h"
#include "cull/train.h"
#include "io/io.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TRAIN = 4000, TEST = 2000, SIDE = CULL_MICRO3_SIDE, PIXELS = SIDE * SIDE };
enum { COUNT = CULL_MICRO3_COUNT, EDGES = CULL_MICRO3_EDGES };

/* ---- data ---- */

/* Means of 2x2 pixels of the first n images. */
static cull_status shrink(cull_ctx *cx, const cull_pool *p, int64_t n, float *out)
{
    enum { WIDE = CULL__FASHION_SIDE };
    float *buf;
    if (cull_pool_n(p) < n)
        return cull__fail(cx, CULL_EINPUT, "%s: there must be %d images, or more",
                          cull_pool_name(p), (int)n);
    CULL_TRY(CULL_TMP(cx, buf, WIDE * WIDE));
    for (int64_t i = 0; i < n; i++) {
        const float *v = cull_pool_rows(p, i, i + 1, buf);
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                const float *at = v + 2 * y * WIDE + 2 * x;
                *out++ = (at[0] + at[1] + at[WIDE] + at[WIDE + 1]) * (1.f / (4 * 255));
            }
    }
    return CULL_OK;
}

static cull_status take(cull_ctx *cx, const cull__images *im, cull_micro3_data *out)
{
    float *x;
    CULL_TRY(CULL_ALLOC(cx, x, (TRAIN + TEST) * (PIXELS + 1)));
    int32_t *y = (int32_t *)(void *)(x + (TRAIN + TEST) * PIXELS);
    cull_status s = shrink(cx, im->train, TRAIN, x);
    if (s == CULL_OK) s = shrink(cx, im->test, TEST, x + TRAIN * PIXELS);
    if (s != CULL_OK) {
        cull__free(x);
        return s;
    }
    memcpy(y, im->y, TRAIN * sizeof *y);
    memcpy(y + TRAIN, im->test_y, TEST * sizeof *y);
    *out = (cull_micro3_data){x, y, TRAIN, TEST, "Fashion-MNIST", x};
    return CULL_OK;
}

cull_status cull_micro3_data_open(cull_ctx *cx, const char *dir, cull_micro3_data *out)
{
    cull__images im;
    const char *phase = cull__phase(cx, "reading Fashion-MNIST");
    cull__mark_t mark = cull__mark(cx);
    *out = (cull_micro3_data){0};
    cull_status s = cull__fashion_open(cx, dir ? dir : "/usr/share/datasets", &im);
    if (s == CULL_OK) {
        s = take(cx, &im, out);
        cull__fashion_close(&im);
    }
    cull__release(cx, mark);
    cull__phase(cx, phase);
    return s;
}

void cull_micro3_data_free(cull_micro3_data *d)
{
    cull__free(d->mem_);
    *d = (cull_micro3_data){0};
}

/* ---- making ---- */

static double mean_of(const cull_micro3_row *r, int seeds)
{
    double sum = 0;
    for (int k = 0; k < seeds; k++) sum += r->accuracy[k];
    return sum / seeds;
}

typedef struct {
    const cull_micro3_data *d;
    int epochs;
    cull_micro3_table *t;
} making;

static cull_status one(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const making *w = arg;
    int i = (int)(chunk / w->t->seeds), k = (int)(chunk % w->t->seeds);
    (void)lo, (void)hi;
    cull_micro3_row *r = w->t->row + i;
    if (k == 0) CULL_TRY(cull_micro3_size(cx, i, &r->params, &r->macs));
    return cull_micro3_train(cx, w->d, i, (uint64_t)k + 1, w->epochs, &r->accuracy[k]);
}

cull_status cull_micro3_run(cull_ctx *cx, const cull_micro3_data *d, int seeds, int epochs,
                            cull_micro3_table *out)
{
    if (seeds < 1 || seeds > CULL_MICRO3_SEEDS)
        return cull__fail(cx, CULL_EOPTION, "%d seeds; it must be 1 to %d", seeds,
                          CULL_MICRO3_SEEDS);
    *out = (cull_micro3_table){.seeds = seeds};
    making w = {d, epochs, out};
    const char *phase = cull__phase(cx, "training");
    cull_status s = cull__for(cx, (int64_t)COUNT * seeds, 1, one, &w);
    cull__phase(cx, phase);
    CULL_TRY(s);
    for (int i = 0; i < COUNT; i++)
        out->row[i].mean = round(1e6 * mean_of(&out->row[i], seeds)) / 1e6;
    snprintf(out->note, sizeof out->note,
             "micro3: accuracy on %lld test images of %s, 14x14, after %d epochs on %lld; seeds 1 "
             "to %d beside seed %llu; cull %s, isa %s",
             (long long)d->tests, d->name ? d->name : "the caller", epochs, (long long)d->n, seeds,
             (unsigned long long)cull_ctx_seed(cx), cull_version(), cull_ctx_isa(cx));
    return CULL_OK;
}

/* ---- writing ---- */

static void head_of(cull_buf *b, int seeds)
{
    cull__buf_printf(b, "arch,e1,e2,e3,params,macs");
    for (int k = 0; k < seeds; k++) cull__buf_printf(b, ",acc_seed%d", k + 1);
    cull__buf_printf(b, ",mean");
}

/* The cells of a row that say which architecture it is. */
static void cells_of(cull_buf *b, int i)
{
    char name[64];
    int op[EDGES];
    (void)cull_micro3_ops(i, op);
    cull__buf_printf(b, "%s,%s,%s,%s", cull_micro3_name(i, name), cull_micro3_op(op[0]),
                     cull_micro3_op(op[1]), cull_micro3_op(op[2]));
}

cull_status cull_micro3_write(cull_ctx *cx, const cull_micro3_table *t, const char *path)
{
    cull_buf b = CULL_BUF(cx);
    char v[32];
    cull__writer *w;
    cull__buf_printf(&b, "# %s\n", t->note);
    head_of(&b, t->seeds);
    for (int i = 0; i < COUNT; i++) {
        const cull_micro3_row *r = t->row + i;
        cull__buf_printf(&b, "\n");
        cells_of(&b, i);
        cull__buf_printf(&b, ",%lld,%.0f", (long long)r->params, r->macs);
        for (int k = 0; k < t->seeds; k++)
            cull__buf_printf(&b, ",%s", cull__format_f64(r->accuracy[k], v));
        cull__buf_printf(&b, ",%s", cull__format_f64(r->mean, v));
    }
    cull__buf_printf(&b, "\n");
    cull_status s = b.status;
    if (s == CULL_OK) s = cull__writer_open(cx, path, &w);
    if (s == CULL_OK) s = cull__writer_end(cx, w, cull__write(cx, w, b.at, b.n));
    cull__buf_free(&b);
    return s;
}

/* ---- reading ---- */

typedef struct {
    cull_ctx *cx;
    const char *path;
    int64_t line;
    const char *at, *end; /* what is left of the file */
    const char *s;        /* the line */
    size_t n;
} lines;

/* The next line without its end; false after the last one. */
static bool next(lines *l)
{
    if (l->at == l->end) return false;
    const char *nl = memchr(l->at, '\n', (size_t)(l->end - l->at)), *to = nl ? nl : l->end;
    l->s = l->at;
    l->n = (size_t)(to - l->at);
    if (l->n && l->s[l->n - 1] == '\r') l->n--;
    l->at = nl ? nl + 1 : l->end;
    l->line++;
    return true;
}

static cull_status wrong(const lines *l, const char *what)
{
    return cull__fail(l->cx, CULL_EINPUT, "%s:%lld: %s", l->path, (long long)l->line, what);
}

/* The number up to the next comma, which is stepped over, or to the line's end, if it is the last. */
static bool number(lines *l, bool last, double *v)
{
    const char *comma = l->n ? memchr(l->s, ',', l->n) : NULL;
    size_t n = comma ? (size_t)(comma - l->s) : l->n, used = comma ? n + 1 : n;
    if (last == !!comma || !cull__parse_f64(l->s, n, v) || !isfinite(*v)) return false;
    l->s += used;
    l->n -= used;
    return true;
}

static cull_status read_head(lines *l, cull_micro3_table *t)
{
    cull_buf b = CULL_BUF(l->cx);
    bool same = false;
    for (t->seeds = 0; !same && b.status == CULL_OK && t->seeds < CULL_MICRO3_SEEDS;) {
        b.n = 0;
        head_of(&b, ++t->seeds);
        same = b.status == CULL_OK && b.n == l->n && !memcmp(b.at, l->s, l->n);
    }
    cull_status s = b.status;
    cull__buf_free(&b);
    if (s != CULL_OK || same) return s;
    return wrong(l, "the columns are not arch, e1, e2, e3, params, macs, acc_seed1, ..., mean");
}

static cull_status read_row(lines *l, int i, cull_micro3_table *t)
{
    cull_buf b = CULL_BUF(l->cx);
    cull_micro3_row *r = t->row + i;
    char say[160], name[64];
    double params;
    cells_of(&b, i);
    cull__buf_printf(&b, ",");
    cull_status s = b.status;
    size_t n = b.n;
    bool same = s == CULL_OK && l->n > n && !memcmp(l->s, b.at, n);
    cull__buf_free(&b);
    CULL_TRY(s);
    snprintf(say, sizeof say, "this must be %s with its operations", cull_micro3_name(i, name));
    if (!same) return wrong(l, say);
    l->s += n;
    l->n -= n;
    bool good = number(l, false, &params) && number(l, false, &r->macs);
    for (int k = 0; good && k < t->seeds; k++)
        good = number(l, false, &r->accuracy[k]) && r->accuracy[k] >= 0 && r->accuracy[k] <= 1;
    if (!good || !number(l, true, &r->mean) || !(params >= 0 && params < 1e15))
        return wrong(l, "params, macs, accuracies from 0 to 1 and their mean must follow, as "
                        "numbers");
    r->params = (int64_t)params;
    if (!(fabs(r->mean - mean_of(r, t->seeds)) <= 1e-6))
        return wrong(l, "the mean is not that of the accuracies");
    return CULL_OK;
}

static cull_status parse(lines *l, cull_micro3_table *t)
{
    int row = -1; /* the head is not read yet */
    while (next(l)) {
        if (!l->n) continue;
        if (*l->s == '#') {
            while (l->n && (*l->s == '#' || *l->s == ' ')) l->s++, l->n--;
            if (!*t->note)
                snprintf(t->note, sizeof t->note, "%.*s",
                         (int)(l->n < sizeof t->note ? l->n : sizeof t->note - 1), l->s);
            continue;
        }
        if (row == COUNT) return wrong(l, "there are more than 125 architectures");
        CULL_TRY(row < 0 ? read_head(l, t) : read_row(l, row, t));
        row++;
    }
    if (row == COUNT) return CULL_OK;
    return cull__fail(l->cx, CULL_EINPUT, "%s: it has %d architectures of 125", l->path,
                      row < 0 ? 0 : row);
}

cull_status cull_micro3_read(cull_ctx *cx, const char *path, cull_micro3_table *out)
{
    cull__bytes b;
    *out = (cull_micro3_table){0};
    CULL_TRY(cull__bytes_open(cx, path, &b));
    const char *at = (const char *)b.at;
    lines l = {.cx = cx, .path = path, .at = at, .end = at + b.n};
    cull_status s = parse(&l, out);
    cull__bytes_close(&b);
    return s;
}

/* ---- summing up ---- */

static cull_status kendall(cull_ctx *cx, const float *a, const float *b, double *tau)
{
    cull_number_metrics m;
    CULL_TRY(cull_metrics_numbers(cx, a, b, COUNT, &m));
    *tau = m.kendall;
    return CULL_OK;
}

static cull_status ranks(cull_ctx *cx, const cull_micro3_table *t, cull_micro3_summary *out)
{
    float a[COUNT], b[COUNT];
    double sum = 0, tau;
    int pairs = 0;
    for (int k = 0; k < t->seeds; k++)
        for (int j = 0; j < k; j++, pairs++) {
            for (int i = 0; i < COUNT; i++) {
                a[i] = (float)t->row[i].accuracy[j];
                b[i] = (float)t->row[i].accuracy[k];
            }
            CULL_TRY(kendall(cx, a, b, &tau));
            sum += tau;
        }
    out->kendall = pairs ? sum / pairs : NAN;
    for (int i = 0; i < COUNT; i++) {
        a[i] = (float)t->row[i].macs;
        b[i] = (float)t->row[i].mean;
    }
    return kendall(cx, a, b, &out->kendall_macs);
}

cull_status cull_micro3_sum(cull_ctx *cx, const cull_micro3_table *t, cull_micro3_summary *out)
{
    double sum = 0, squares = 0;
    *out = (cull_micro3_summary){0};
    for (int i = 0; i < COUNT; i++) {
        const cull_micro3_row *r = t->row + i;
        double lo = r->accuracy[0], hi = lo;
        if (r->mean > t->row[out->best].mean) out->best = i;
        sum += r->mean;
        for (int k = 0; k < t->seeds; k++) {
            double d = r->accuracy[k] - r->mean;
            squares += d * d;
            lo = fmin(lo, r->accuracy[k]);
            hi = fmax(hi, r->accuracy[k]);
        }
        out->widest = fmax(out->widest, hi - lo);
    }
    out->best_mean = t->row[out->best].mean;
    out->random = sum / COUNT;
    out->deviation = t->seeds > 1 ? sqrt(squares / ((t->seeds - 1) * (double)COUNT)) : NAN;
    return ranks(cx, t, out);
}

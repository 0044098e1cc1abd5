/* curvature.c - gradients of rows and of all, Hessian times vector, its largest eigenvalue.
 *
 * Everything is in evaluation mode, so that a row's gradient does not depend on its neighbours. Sums over
 * batches are in their order and in f64: differences of gradients are taken of them. */
#include "nn/train.h"
#include "num/num.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SLOTS = 8, ROWS = 32 };

/* ---- what is trained ---- */

/* 1 where a number is trained, else 0: state, frozen, masked, gaps. */
static void trained(cull_params *p, uint8_t *is)
{
    const float *mask = cull__params_mask(p);
    memset(is, 0, (size_t)cull_params_size(p));
    for (int i = 0; i < cull_params_count(p); i++) {
        const cull_param *q = cull_params_at(p, i);
        if (q->flags & (CULL_PARAM_STATE | CULL_PARAM_FROZEN)) continue;
        for (int64_t j = q->at; j < q->at + q->n; j++) is[j] = !mask || mask[j] != 0;
    }
}

/* ---- the mean gradient ---- */

typedef struct {
    const cull_train_problem *q;
    cull__crew crew;
    int64_t *row, batch, size, from;
    uint8_t *is;
    double *sum; /* (size): gradients so far */
    double loss[SLOTS];
} job;

static cull_status job_open(cull_ctx *cx, const cull_train_problem *q, int64_t batch, job *j)
{
    *j = (job){.q = q, .batch = batch};
    CULL_TRY(cull__problem_check(cx, q));
    if (batch < 1)
        return cull__fail(cx, CULL_EOPTION, "batch is %" PRId64 "; it must be 1 or more", batch);
    if (cull_params_trained(q->params) < 1)
        return cull__fail(cx, CULL_EINPUT, "no parameter is trained: there is no gradient");
    j->size = cull_params_size(q->params);
    int64_t batches = (q->n - 1) / batch + 1;
    CULL_TRY(cull__row_list(cx, q->row, 0, q->n, &j->row));
    CULL_TRY(CULL_TMP(cx, j->is, j->size));
    CULL_TRY(CULL_TMP(cx, j->sum, j->size));
    trained(q->params, j->is);
    return cull__crew_new(cx, q, batches < SLOTS ? batches : SLOTS, &j->crew);
}

static cull_status one_batch(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    job *j = arg;
    cull_batch b = {.row = j->row + lo, .n = hi - lo, .share = 1, .shard = (int)(chunk - j->from)};
    return cull__crew_loss(cx, &j->crew, &b, CULL_TAPE_GRAD, 0, j->loss + b.shard);
}

static cull_status mean_gradient(cull_ctx *cx, job *j)
{
    int64_t n = j->q->n, batches = (n - 1) / j->batch + 1, slots = j->crew.tapes;
    memset(j->sum, 0, (size_t)j->size * sizeof *j->sum);
    for (j->from = 0; j->from < batches; j->from += slots) {
        int64_t to = batches - j->from < slots ? batches : j->from + slots;
        CULL_TRY(cull__for_some(cx, n, j->batch, j->from, to, one_batch, j));
        for (int64_t b = j->from; b < to; b++) {
            const float *g = cull_tape_grad(j->crew.tape[b - j->from]);
            int64_t rows = n - b * j->batch < j->batch ? n - b * j->batch : j->batch;
            double share = (double)rows / (double)n;
            for (int64_t i = 0; i < j->size; i++)
                if (j->is[i]) j->sum[i] += share * (double)g[i];
        }
    }
    return CULL_OK;
}

cull_status cull_gradient(cull_ctx *cx, const cull_train_problem *q, int64_t batch, float *grad)
{
    job j;
    cull__mark_t mark = cull__mark(cx);
    cull_status s = job_open(cx, q, batch, &j);
    if (s == CULL_OK) s = mean_gradient(cx, &j);
    for (int64_t i = 0; s == CULL_OK && i < j.size; i++) grad[i] = (float)j.sum[i];
    cull__crew_free(&j.crew);
    cull__release(cx, mark);
    return s;
}

/* ---- Hessian times vector ---- */

static double norm_of(const job *j, const float *v)
{
    double sum = 0;
    for (int64_t i = 0; i < j->size; i++)
        if (j->is[i]) sum += (double)v[i] * (double)v[i];
    return sqrt(sum);
}

static void move(const job *j, const float *first, double by, const float *v)
{
    float *w = cull_params_value(j->q->params);
    for (int64_t i = 0; i < j->size; i++)
        w[i] = j->is[i] ? (float)((double)first[i] + by * (double)v[i]) : first[i];
}

/* (gradient(w + h v) - gradient(w - h v)) / 2 h, h = r / |v|. */
static cull_status hessian_times(cull_ctx *cx, job *j, double r, const float *v, float *out)
{
    double length = norm_of(j, v), h = r / length, *ahead;
    float *first, *w = cull_params_value(j->q->params);
    size_t bytes = (size_t)j->size * sizeof *w;
    if (!isfinite(length)) return cull__fail(cx, CULL_EINPUT, "the vector is not finite");
    memset(out, 0, bytes);
    if (!(length > 0)) return CULL_OK;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP(cx, ahead, j->size));
    CULL_TRY(CULL_TMP(cx, first, j->size));
    memcpy(first, w, bytes);
    move(j, first, h, v);
    cull_status s = mean_gradient(cx, j);
    memcpy(ahead, j->sum, (size_t)j->size * sizeof *ahead);
    if (s == CULL_OK) {
        move(j, first, -h, v);
        s = mean_gradient(cx, j);
    }
    memcpy(w, first, bytes);
    for (int64_t i = 0; s == CULL_OK && i < j->size; i++)
        out[i] = (float)((ahead[i] - j->sum[i]) / (2 * h));
    cull__release(cx, mark);
    return s;
}

static cull_status check_step(cull_ctx *cx, double *r)
{
    if (*r == 0) *r = .01;
    if (*r > 0 && isfinite(*r)) return CULL_OK;
    return cull__fail(cx, CULL_EOPTION, "the step of the difference is %g; it must be above 0", *r);
}

cull_status cull_hessian_times(cull_ctx *cx, const cull_train_problem *q, int64_t batch, double r,
                               const float *v, float *out)
{
    job j;
    CULL_TRY(check_step(cx, &r));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = job_open(cx, q, batch, &j);
    if (s == CULL_OK) s = hessian_times(cx, &j, r, v, out);
    cull__crew_free(&j.crew);
    cull__release(cx, mark);
    return s;
}

/* ---- Lanczos, every vector made orthogonal to all before it, twice ---- */

typedef struct {
    job *j;
    float *basis;         /* (most + 1, size), unit vectors */
    double *alpha, *beta; /* (most): the tridiagonal matrix; beta[i] joins i and i + 1 */
    double *a, *w, *v;    /* (most, most), (most), (most, most): its eigenvalues */
    int64_t most, n;      /* vectors so far */
} lanczos;

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static void scale(float *a, double by, int64_t n)
{
    for (int64_t i = 0; i < n; i++) a[i] = (float)(by * (double)a[i]);
}

static void orthogonal(const lanczos *l, float *next)
{
    int64_t size = l->j->size;
    for (int twice = 0; twice < 2; twice++)
        for (int64_t k = l->n - 1; k >= 0; k--) {
            const float *b = l->basis + k * size;
            double c = dot(next, b, size);
            for (int64_t i = 0; i < size; i++)
                next[i] = (float)((double)next[i] - c * (double)b[i]);
        }
}

static void start(cull_ctx *cx, const lanczos *l)
{
    cull_rng r = cull__rng(cx, UINT64_C(0x6c616e637a6f73));
    const job *j = l->j;
    for (int64_t i = 0; i < j->size; i++) l->basis[i] = j->is[i] ? (float)cull__rng_normal(&r) : 0;
    scale(l->basis, 1 / norm_of(j, l->basis), j->size);
}

/* Of the tridiagonal matrix: its largest eigenvalue, and how far off that is. */
static cull_status ritz(cull_ctx *cx, lanczos *l, double *value, double *error)
{
    int64_t n = l->n;
    memset(l->a, 0, (size_t)(n * n) * sizeof *l->a);
    for (int64_t i = 0; i < n; i++) {
        l->a[i * n + i] = l->alpha[i];
        if (i) l->a[i * n + i - 1] = l->a[(i - 1) * n + i] = l->beta[i - 1];
    }
    CULL_TRY(cull__eigh(cx, l->a, n, l->w, l->v));
    *value = l->w[0];
    *error = fabs(l->beta[n - 1] * l->v[n - 1]);
    return CULL_OK;
}

static cull_status steps(cull_ctx *cx, lanczos *l, double r, double tolerance, double *value,
                         double *error)
{
    int64_t size = l->j->size;
    start(cx, l);
    for (l->n = 1;; l->n++) {
        float *at = l->basis + (l->n - 1) * size, *next = at + size;
        CULL_TRY(cull__tick(cx, (double)l->n - 1, (double)l->most));
        CULL_TRY(hessian_times(cx, l->j, r, at, next));
        l->alpha[l->n - 1] = dot(at, next, size);
        orthogonal(l, next);
        double beta = l->beta[l->n - 1] = sqrt(dot(next, next, size));
        CULL_TRY(ritz(cx, l, value, error));
        if (*error <= tolerance * fabs(*value) || l->n == l->most || !(beta > 0)) return CULL_OK;
        scale(next, 1 / beta, size);
    }
}

static cull_status top(cull_ctx *cx, job *j, int64_t most, double r, double tolerance,
                       double *value, double *error, float *vector)
{
    int64_t free = 0;
    for (int64_t i = 0; i < j->size; i++) free += j->is[i];
    if (!free) return cull__fail(cx, CULL_EINPUT, "all that is trained is masked");
    lanczos l = {.j = j, .most = most < free ? most : free};
    if (j->size > INT64_MAX / 8 / (l.most + 1))
        return cull__fail(cx, CULL_ENOMEM, "%" PRId64 " vectors have no room", l.most);
    CULL_TRY(CULL_TMP(cx, l.basis, (l.most + 1) * j->size));
    CULL_TRY(CULL_TMP0(cx, l.alpha, l.most));
    CULL_TRY(CULL_TMP0(cx, l.beta, l.most));
    CULL_TRY(CULL_TMP(cx, l.a, l.most * l.most));
    CULL_TRY(CULL_TMP(cx, l.w, l.most));
    CULL_TRY(CULL_TMP(cx, l.v, l.most * l.most));
    CULL_TRY(steps(cx, &l, r, tolerance, value, error));
    for (int64_t i = 0; vector && i < j->size; i++) {
        double sum = 0;
        for (int64_t k = 0; k < l.n; k++) sum += l.v[k] * (double)l.basis[k * j->size + i];
        vector[i] = (float)sum;
    }
    return CULL_OK;
}

cull_status cull_hessian_top(cull_ctx *cx, const cull_train_problem *q, int64_t batch, double r,
                             int64_t most, double tolerance, double *value, double *error,
                             float *vector)
{
    job j;
    CULL_TRY(check_step(cx, &r));
    if (most == 0) most = 50;
    if (tolerance == 0) tolerance = 1e-3;
    if (most < 1 || most > 10000 || !(tolerance > 0))
        return cull__fail(cx, CULL_EOPTION,
                          "%" PRId64 " products at most and a tolerance of %g; they must be 1 to "
                          "10000 and above 0",
                          most, tolerance);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = job_open(cx, q, batch, &j);
    if (s == CULL_OK) s = top(cx, &j, most, r, tolerance, value, error, vector);
    cull__crew_free(&j.crew);
    cull__release(cx, mark);
    return s;
}

/* ---- gradients of single rows ---- */

typedef struct {
    job *j;
    int64_t rows, trained, k, block; /* rows of a chunk; rows of the matrix made at a time */
    uint64_t seed;
    cull_project_kind kind;
    float *out;
} rows_job;

/* The trained numbers of a flat gradient, tensor after tensor. */
static void pack(const job *j, const float *grad, float *out)
{
    for (int i = 0; i < cull_params_count(j->q->params); i++) {
        const cull_param *q = cull_params_at(j->q->params, i);
        if (q->flags & (CULL_PARAM_STATE | CULL_PARAM_FROZEN)) continue;
        for (int64_t a = 0; a < q->n; a++) *out++ = j->is[q->at + a] ? grad[q->at + a] : 0;
    }
}

/* Rows [lo, lo + n) of the random matrix. Each has a stream of its own, so no block's size matters. */
static void matrix(cull_ctx *cx, const rows_job *a, int64_t lo, int64_t n, uint32_t *words,
                   float *out)
{
    const cull__optim_kern *kern = CULL__KERN(optim, cx);
    int64_t count = (a->k + 31) / 32, whole = a->k / 32;
    float size = (float)(1 / sqrt((double)a->k)), last[32];
    for (int64_t i = 0; i < n; i++, out += a->k) {
        cull_rng r = cull__rng_seeded(a->seed, (uint64_t)(lo + i));
        if (a->kind == CULL_PROJECT_NORMAL) {
            for (int64_t c = 0; c < a->k; c++) out[c] = size * (float)cull__rng_normal(&r);
            continue;
        }
        for (int64_t c = 0; c < count; c++) words[c] = cull__rng_u32(&r);
        kern->signs(out, words, whole, size);
        if (whole == count) continue;
        kern->signs(last, words + whole, 1, size);
        memcpy(out + 32 * whole, last, (size_t)(a->k - 32 * whole) * sizeof *out);
    }
}

static cull_status project(cull_ctx *cx, const rows_job *a, cull_tape *t, const float *grad,
                           int64_t rows, float *out)
{
    float *block;
    uint32_t *words;
    CULL_TRY(CULL_TMP(cx, block, a->block * a->k));
    CULL_TRY(CULL_TMP(cx, words, (a->k + 31) / 32));
    for (int64_t lo = 0; lo < a->trained; lo += a->block) {
        int64_t n = a->trained - lo < a->block ? a->trained - lo : a->block;
        CULL_TRY(cull__tick(cx, (double)lo, (double)a->trained));
        matrix(cx, a, lo, n, words, block);
        cull__mm(t, false, false, rows, a->k, n, grad + lo, a->trained, block, a->k, lo > 0, out,
                 a->k);
    }
    return CULL_OK;
}

static cull_status some_rows(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const rows_job *a = arg;
    job *j = a->j;
    int slot = (int)(chunk - j->from);
    float *grad = a->out + lo * a->trained;
    if (a->k) CULL_TRY(CULL_TMP(cx, grad, a->rows * a->trained));
    for (int64_t i = lo; i < hi; i++) {
        cull_batch b = {.row = j->row + i, .n = 1, .share = 1, .shard = slot};
        CULL_TRY(cull__crew_loss(cx, &j->crew, &b, CULL_TAPE_GRAD, 0, j->loss + slot));
        pack(j, cull_tape_grad(j->crew.tape[slot]), grad + (i - lo) * a->trained);
    }
    if (!a->k) return CULL_OK;
    return project(cx, a, j->crew.tape[slot], grad, hi - lo, a->out + lo * a->k);
}

static cull_status all_rows(cull_ctx *cx, rows_job *a)
{
    job *j = a->j;
    int64_t n = j->q->n, chunks = (n - 1) / a->rows + 1, slots = j->crew.tapes;
    for (j->from = 0; j->from < chunks; j->from += slots) {
        int64_t to = chunks - j->from < slots ? chunks : j->from + slots;
        CULL_TRY(cull__for_some(cx, n, a->rows, j->from, to, some_rows, a));
    }
    return CULL_OK;
}

cull_status cull_gradients(cull_ctx *cx, const cull_train_problem *q, int64_t k,
                           cull_project_kind kind, float *out)
{
    job j = {0};
    const int64_t most = INT64_C(1)
                         << 22; /* numbers of a chunk's gradients, of a block of the matrix */
    if (k < 0 || k > 1 << 20)
        return cull__fail(cx, CULL_EOPTION,
                          "gradients of %" PRId64 " numbers each; it must be 0 to %d", k, 1 << 20);
    CULL_TRY(cull__problem_check(cx, q));
    int64_t d = cull_params_trained(q->params), rows = d > 0 ? most / d : 1;
    rows_job a = {.j = &j, .trained = d, .k = k, .kind = kind, .out = out};
    a.rows = rows < 1 ? 1 : rows < ROWS ? rows : ROWS;
    a.block = k && k < most / 16 ? most / 4 / k : 4;
    a.block = a.block < 4096 ? a.block : 4096;
    a.seed = cull__hash64(&(uint64_t){(uint64_t)kind}, sizeof(uint64_t), cull_ctx_seed(cx));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = job_open(cx, q, a.rows, &j);
    if (s == CULL_OK) s = all_rows(cx, &a);
    cull__crew_free(&j.crew);
    cull__release(cx, mark);
    return s;
}

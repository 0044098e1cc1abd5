/* boost.c - boosted trees: XGBoost behind a face that fails by sentence. */
#include "num/num.h"
#include "score/trees.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#if CULL_HAVE_XGBOOST
#include <xgboost/c_api.h>

enum { EXACT = 1 << 16 }; /* rows up to which every split is looked at */

bool cull__boost_built(void) { return true; }

/* What one fit holds; all of it goes back by close_all. */
typedef struct {
    const cull__tree_rows *t;
    const cull__boost_opts *o;
    cull__worth worth;
    const int64_t *test;
    int64_t tests;
    double *out;
    DMatrixHandle train;
    BoosterHandle model;
    char *global; /* XGBoost's settings of this thread, as they were */
    double mean, sd;
} fitting;

/* Its message is `[12:34:56] ../src/x.cc:7: What.` and a stack trace; what counts is the What. */
static cull_status failed(cull_ctx *cx)
{
    char said[256];
    const char *s = XGBGetLastError(), *at;
    if (*s == '[' && (at = strstr(s, "] "))) s = at + 2;
    if ((at = strstr(s, ".cc:")) && (at = strstr(at, ": "))) s = at + 2;
    size_t n = strcspn(s, "\n");
    while (n && s[n - 1] == '.') n--;
    return cull__fail(cx, CULL_EINTERNAL, "XGBoost: %s", cull__quote(s, n, said, sizeof said));
}
#define XGB(call)                                                                                  \
    do {                                                                                           \
        if (call) return failed(cx);                                                               \
    } while (0)

typedef char place[160];
static const char *placed(const float *x, int64_t n, int64_t d, place at)
{
    snprintf(at, sizeof(place),
             "{\"data\":[%" PRIuPTR ",true],\"shape\":[%" PRId64 ",%" PRId64
             "],\"typestr\":\"<f4\",\"version\":3}",
             (uintptr_t)x, n, d);
    return at;
}

static cull_status matrix(cull_ctx *cx, const float *x, int64_t n, int64_t d, DMatrixHandle *out)
{
    place at;
    placed(x, n, d, at);
    XGB(XGDMatrixCreateFromDense(at, "{\"missing\":NaN,\"nthread\":1}", out));
    return CULL_OK;
}

static void take_rows(const cull__tree_rows *t, const int64_t *row, int64_t n, float *x)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(x + i * t->d, t->x + (row ? row[i] : i) * t->d, (size_t)t->d * sizeof *x);
}

/* Numbers are taught with mean 0 and variance 1, as the penalties expect. */
static cull_status teach(cull_ctx *cx, fitting *f)
{
    const cull__tree_rows *t = f->t;
    int64_t n = t->row ? t->rows : t->n;
    float *x, *y;
    double *v;
    CULL_TRY(CULL_TMP(cx, x, n * t->d));
    CULL_TRY(CULL_TMP(cx, y, n));
    CULL_TRY(CULL_TMP(cx, v, n));
    take_rows(t, t->row, n, x);
    for (int64_t i = 0; i < n; i++) v[i] = t->y[t->row ? t->row[i] : i];
    f->mean = t->classes ? 0 : cull__mean(v, n);
    f->sd = t->classes || n < 2 ? 1 : cull__sd(v, n);
    if (!(f->sd > 0)) f->sd = 1;
    for (int64_t i = 0; i < n; i++) y[i] = (float)((v[i] - f->mean) / f->sd);
    CULL_TRY(matrix(cx, x, n, t->d, &f->train));
    XGB(XGDMatrixSetFloatInfo(f->train, "label", y, (bst_ulong)n));
    return CULL_OK;
}

static cull_status set(cull_ctx *cx, BoosterHandle model, const char *name, double value)
{
    char buf[32];
    XGB(XGBoosterSetParam(model, name, cull__format_f64(value, buf)));
    return CULL_OK;
}

static cull_status settings(cull_ctx *cx, BoosterHandle m, int64_t n, int32_t classes,
                            const cull__boost_opts *o)
{
    const char *goal = !classes      ? "reg:squarederror"
                       : classes > 2 ? "multi:softprob"
                                     : "binary:logistic";
    XGB(XGBoosterSetParam(m, "objective", goal));
    XGB(XGBoosterSetParam(m, "tree_method", n <= EXACT && !o->bins ? "exact" : "hist"));
    CULL_TRY(set(cx, m, "nthread", 1));
    CULL_TRY(set(cx, m, "verbosity", 0));
    CULL_TRY(set(cx, m, "base_score", classes ? 0.5 : 0));
    CULL_TRY(set(cx, m, "max_depth", (double)o->depth));
    CULL_TRY(set(cx, m, "eta", o->rate));
    CULL_TRY(set(cx, m, "subsample", o->sample));
    if (o->leaf > 0) CULL_TRY(set(cx, m, "min_child_weight", o->leaf));
    if (classes > 2) CULL_TRY(set(cx, m, "num_class", classes));
    cull_rng r = cull__rng(cx, o->stream);
    return set(cx, m, "seed", (double)cull__rng_below(&r, 1 << 30));
}

/* The model, which is there after a failure too, of rows that have their labels. */
static cull_status boost(cull_ctx *cx, DMatrixHandle train, int64_t n, int32_t classes,
                         const cull__boost_opts *o, BoosterHandle *model)
{
    XGB(XGBoosterCreate(&train, 1, model));
    CULL_TRY(settings(cx, *model, n, classes, o));
    for (int64_t i = 0; i < o->rounds; i++) {
        CULL_TRY(cull__tick(cx, (double)i, (double)o->rounds));
        XGB(XGBoosterUpdateOneIter(*model, (int)i, train));
    }
    return CULL_OK;
}

/* ---- importance ---- */

static cull_status by_splits(cull_ctx *cx, const fitting *f)
{
    const char *kind = f->worth == CULL__GAIN ? "{\"importance_type\":\"total_gain\"}"
                                              : "{\"importance_type\":\"weight\"}";
    const char **name;
    const float *score;
    const bst_ulong *shape;
    bst_ulong n, dim;
    XGB(XGBoosterFeatureScore(f->model, kind, &n, &name, &dim, &shape, &score));
    for (bst_ulong i = 0; i < n; i++) {
        int64_t c; /* columns are called f0, f1, ... */
        if (!cull__parse_i64(name[i] + 1, strlen(name[i] + 1), &c) || c < 0 || c >= f->t->d)
            return cull__fail(cx, CULL_EINTERNAL, "XGBoost scored a column '%s'", name[i]);
        f->out[c] = score[i];
    }
    return CULL_OK;
}

/* The mean loss over the rows x (tests, d), by a matrix that goes back whatever happens. */
static cull_status loss_of(cull_ctx *cx, const fitting *f, const float *x, double *loss)
{
    static const char how[] = "{\"type\":0,\"training\":false,\"iteration_begin\":0,"
                              "\"iteration_end\":0,\"strict_shape\":false}";
    DMatrixHandle m = NULL;
    const bst_ulong *shape;
    bst_ulong dim;
    const float *said;
    CULL_TRY(matrix(cx, x, f->tests, f->t->d, &m));
    if (XGBoosterPredictFromDMatrix(f->model, m, how, &shape, &dim, &said)) {
        cull_status s = failed(cx);
        XGDMatrixFree(m);
        return s;
    }
    *loss = 0;
    for (int64_t i = 0; i < f->tests; i++) {
        double y = f->t->y[f->test[i]], p, e;
        if (f->t->classes) {
            p = f->t->classes > 2 ? said[i * f->t->classes + (int64_t)y]
                                  : (y > 0 ? said[i] : 1 - said[i]);
            *loss -= log(p > 1e-7 ? p : 1e-7);
        } else {
            e = said[i] * f->sd + f->mean - y;
            *loss += e * e;
        }
    }
    *loss /= (double)f->tests;
    XGDMatrixFree(m);
    return CULL_OK;
}

static cull_status by_permuting(cull_ctx *cx, const fitting *f)
{
    int64_t d = f->t->d, *mixed;
    float *x;
    double plain;
    CULL_TRY(CULL_TMP(cx, x, f->tests * d));
    CULL_TRY(CULL_TMP(cx, mixed, f->tests));
    take_rows(f->t, f->test, f->tests, x);
    CULL_TRY(loss_of(cx, f, x, &plain));
    cull_rng r = cull__rng(cx, f->o->stream + 1);
    for (int64_t c = 0; c < d; c++) {
        double loss;
        CULL_TRY(cull__tick(cx, (double)c, (double)d));
        memcpy(mixed, f->test, (size_t)f->tests * sizeof *mixed);
        cull__rng_shuffle(&r, mixed, f->tests);
        for (int64_t i = 0; i < f->tests; i++) x[i * d + c] = f->t->x[mixed[i] * d + c];
        CULL_TRY(loss_of(cx, f, x, &loss));
        f->out[c] = loss - plain;
        for (int64_t i = 0; i < f->tests; i++) x[i * d + c] = f->t->x[f->test[i] * d + c];
    }
    return CULL_OK;
}

/* ---- one fit ---- */

/* XGBoost says nothing on this thread, until *was is set again. */
static cull_status quiet(cull_ctx *cx, char **was)
{
    const char *now;
    XGB(XGBGetGlobalConfig(&now));
    CULL_TRY(CULL_TMP(cx, *was, (int64_t)strlen(now) + 1));
    strcpy(*was, now);
    XGB(XGBSetGlobalConfig("{\"verbosity\":0}"));
    return CULL_OK;
}

static cull_status fit(cull_ctx *cx, fitting *f)
{
    const cull__tree_rows *t = f->t;
    CULL_TRY(quiet(cx, &f->global));
    CULL_TRY(teach(cx, f));
    CULL_TRY(boost(cx, f->train, t->row ? t->rows : t->n, t->classes, f->o, &f->model));
    memset(f->out, 0, (size_t)f->t->d * sizeof *f->out);
    return f->worth == CULL__PERMUTATION ? by_permuting(cx, f) : by_splits(cx, f);
}

/* In a worker: there OpenMP has one thread, and the processor rounds as everywhere else. */
static cull_status one_fit(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    (void)chunk, (void)lo, (void)hi;
    fitting *f = arg;
    cull_status s = fit(cx, f);
    if (f->model) XGBoosterFree(f->model);
    if (f->train) XGDMatrixFree(f->train);
    if (f->global) XGBSetGlobalConfig(f->global);
    return s;
}

static uint64_t held_by_xgboost(int64_t rows, int64_t d)
{
    return 24 * (uint64_t)rows * (uint64_t)d;
}

cull_status cull__boost(cull_ctx *cx, const cull__tree_rows *t, const cull__boost_opts *o,
                        cull__worth worth, const int64_t *test, int64_t tests, double *out)
{
    fitting f = {.t = t, .o = o, .worth = worth, .test = test, .tests = tests, .out = out};
    int64_t n = t->row ? t->rows : t->n;
    uint64_t charge = held_by_xgboost(n, t->d);
    char buf[32];
    if (!cull__charge(cx, charge))
        return cull__fail(cx, CULL_ENOMEM, "boosted trees need %s, which the limit has no room for",
                          cull__format_bytes(charge, buf));
    cull_status s = cull__for(cx, 1, 1, one_fit, &f);
    cull__uncharge(cx, charge);
    return s;
}

uint64_t cull__boost_bytes(int64_t rows, int64_t d, int64_t tests)
{
    uint64_t n = (uint64_t)rows, m = (uint64_t)tests;
    return held_by_xgboost(rows, d) + 4 * (n + m) * (uint64_t)d + 12 * n + 8 * m;
}

/* ---- trees that stay ---- */

struct cull__booster {
    BoosterHandle model;
    pthread_mutex_t lock; /* XGBoost keeps what it was asked last in the model */
    int64_t d;
};

typedef struct {
    const float *x, *y, *weight;
    int64_t n;
    const cull__boost_opts *o;
    cull__booster *b;
    DMatrixHandle train;
    char *global;
} lesson;

static cull_status learn(cull_ctx *cx, lesson *l)
{
    CULL_TRY(quiet(cx, &l->global));
    CULL_TRY(matrix(cx, l->x, l->n, l->b->d, &l->train));
    XGB(XGDMatrixSetFloatInfo(l->train, "label", l->y, (bst_ulong)l->n));
    if (l->weight) XGB(XGDMatrixSetFloatInfo(l->train, "weight", l->weight, (bst_ulong)l->n));
    return boost(cx, l->train, l->n, 0, l->o, &l->b->model);
}

static cull_status one_lesson(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    lesson *l = arg;
    (void)chunk, (void)lo, (void)hi;
    cull_status s = learn(cx, l);
    if (l->train) XGDMatrixFree(l->train);
    if (l->global) XGBSetGlobalConfig(l->global);
    return s;
}

cull_status cull__booster_fit(cull_ctx *cx, const float *x, const float *y, const float *weight,
                              int64_t n, int64_t d, const cull__boost_opts *o, cull__booster **out)
{
    lesson l = {.x = x, .y = y, .weight = weight, .n = n, .o = o};
    uint64_t charge = held_by_xgboost(n, d);
    char buf[32];
    if (!cull__charge(cx, charge))
        return cull__fail(cx, CULL_ENOMEM, "boosted trees need %s, which the limit has no room for",
                          cull__format_bytes(charge, buf));
    cull_status s = CULL_ALLOC(cx, l.b, 1);
    if (s == CULL_OK) {
        pthread_mutex_init(&l.b->lock, NULL);
        l.b->d = d;
        s = cull__for(cx, 1, 1, one_lesson, &l);
    }
    cull__uncharge(cx, charge);
    if (s == CULL_OK)
        *out = l.b;
    else
        cull__booster_free(l.b);
    return s;
}

void cull__booster_free(cull__booster *b)
{
    if (!b) return;
    if (b->model) XGBoosterFree(b->model);
    pthread_mutex_destroy(&b->lock);
    cull__free(b);
}

/* Answers alone are asked of the rows where they lie; shares need XGBoost's own copy, m. */
static cull_status asked_of(cull_ctx *cx, const cull__booster *b, const float *x, DMatrixHandle m,
                            cull__asked what, int64_t n, float *out)
{
    char how[160];
    place at;
    const bst_ulong *shape;
    bst_ulong dim, count = 1;
    const float *said;
    snprintf(how, sizeof how,
             "{\"type\":%d,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"
             "\"strict_shape\":false,\"missing\":NaN,\"cache_id\":0}",
             (int)what);
    if (m)
        XGB(XGBoosterPredictFromDMatrix(b->model, m, how, &shape, &dim, &said));
    else
        XGB(XGBoosterPredictFromDense(b->model, placed(x, n, b->d, at), how, NULL, &shape, &dim,
                                      &said));
    int64_t k = b->d + 1, each = what == CULL__VALUES ? 1 : what == CULL__SHARES ? k : k * k;
    for (bst_ulong i = 0; i < dim; i++) count *= shape[i];
    if (count != (bst_ulong)(n * each))
        return cull__fail(cx, CULL_EINTERNAL, "XGBoost gave %" PRIu64 " numbers, not %" PRId64,
                          (uint64_t)count, n * each);
    memcpy(out, said, (size_t)(n * each) * sizeof *out);
    return CULL_OK;
}

cull_status cull__booster_ask(cull_ctx *cx, cull__booster *b, const float *x, int64_t n,
                              cull__asked what, float *out)
{
    DMatrixHandle m = NULL;
    if (what != CULL__VALUES) CULL_TRY(matrix(cx, x, n, b->d, &m));
    pthread_mutex_lock(&b->lock);
    cull_status s = asked_of(cx, b, x, m, what, n, out);
    pthread_mutex_unlock(&b->lock);
    if (m) XGDMatrixFree(m);
    return s;
}

cull_status cull__booster_text(cull_ctx *cx, cull__booster *b, char **out)
{
    bst_ulong n;
    const char **tree;
    cull_buf t = CULL_BUF(cx);
    pthread_mutex_lock(&b->lock);
    bool fine = !XGBoosterDumpModelEx(b->model, "", 1, "text", &n, &tree);
    for (bst_ulong i = 0; fine && i < n; i++) cull__buf_printf(&t, "tree %d\n%s", (int)i, tree[i]);
    pthread_mutex_unlock(&b->lock);
    *out = t.at;
    return fine ? t.status : failed(cx);
}

#else

bool cull__boost_built(void) { return false; }

static cull_status not_built(cull_ctx *cx)
{
    return cull__fail(cx, CULL_ENODATA,
                      "boosted trees need XGBoost, which this cull was built without (Debian: "
                      "libxgboost-dev); the forest needs none");
}

cull_status cull__boost(cull_ctx *cx, const cull__tree_rows *t, const cull__boost_opts *o,
                        cull__worth worth, const int64_t *test, int64_t tests, double *out)
{
    (void)t, (void)o, (void)worth, (void)test, (void)tests, (void)out;
    return not_built(cx);
}

cull_status cull__booster_fit(cull_ctx *cx, const float *x, const float *y, const float *weight,
                              int64_t n, int64_t d, const cull__boost_opts *o, cull__booster **out)
{
    (void)x, (void)y, (void)weight, (void)n, (void)d, (void)o, (void)out;
    return not_built(cx);
}

void cull__booster_free(cull__booster *b) { (void)b; }

cull_status cull__booster_ask(cull_ctx *cx, cull__booster *b, const float *x, int64_t n,
                              cull__asked what, float *out)
{
    (void)b, (void)x, (void)n, (void)what, (void)out;
    return not_built(cx);
}

cull_status cull__booster_text(cull_ctx *cx, cull__booster *b, char **out)
{
    (void)b, (void)out;
    return not_built(cx);
}

uint64_t cull__boost_bytes(int64_t rows, int64_t d, int64_t tests)
{
    (void)rows, (void)d, (void)tests;
    return 0;
}
#endif

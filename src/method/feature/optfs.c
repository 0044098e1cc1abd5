/* optfs - gates on the values of columns, trained with a click model (OptFS: Lyu et al. 2023)
 *
 * Chooses   values of categorical columns worth an embedding, and so the columns that have such values.
 * Idea      Each value has a gate that multiplies its embedding. Gates and model are trained together, gates
 *           under a penalty on their sum, and pushed towards steps by a temperature that grows; an interaction
 *           of two values is gated by both. Then gates are steps, the weights are put back to an early epoch's,
 *           and the model is trained alone (sections 3.2 to 3.4).
 * Reads     categorical columns as they are, numeric ones in bins, a missing value as a value; two classes.
 *           With a budget the columns whose open gates are strongest over the rows are kept; the others with
 *           open gates are tentative.
 * Deviates  (a) The penalty counts per value, penalty / values: the paper's lambda multiplies a sum over all
 *           values, so that it must be found anew for each size of data. (b) Numeric columns: bins of equal
 *           frequency; the paper takes floor(log(v)^2). (c) Rows to stop by are drawn (holdout). (d) Values in fewer
 *           rows than `rare` share one gate in each column, as in the paper. (e) ipnn is gated like the others;
 *           in the released code its gates do nothing.
 * Cost      O(epochs n columns dim) time, and the layers' for deep models; about 30 (dim + 1) bytes a value.
 * Example   cull feature optfs --target click --model deepfm log.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"
#include "score/columns.h"
#include "score/folds.h"
#include "score/gates.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct {
    int model;
    int64_t dim, hidden, cross, batch, anneal, rewind, epochs, rare, bins;
    double rate, l2, penalty, temperature, gate, holdout;
} opts;
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, model, CULL__DEEPFM, "fm|deepfm|dcn|ipnn", "what predicts the click"),
    CULL_OPT_I64(opts, dim, 16, 1, 1024, "numbers of an embedding"),
    CULL_OPT_I64(opts, hidden, 256, 4, 8192, "units of the first layer; then a half, a quarter"),
    CULL_OPT_I64(opts, cross, 3, 0, 8, "cross layers of dcn"),
    CULL_OPT_F64(opts, rate, 3e-3, 1e-9, 1, "Adam's learning rate"),
    CULL_OPT_F64(opts, l2, 3e-5, 0, 1, "weight decay of all but the gates"),
    CULL_OPT_I64(opts, batch, 1000, 1, 1 << 22, "rows of a step"),
    CULL_OPT_F64(opts, penalty, 0.2, 0, 1e6, "penalty of all gates open: larger keeps less"),
    CULL_OPT_F64(opts, temperature, 200, 1, 1e6, "how steep gates are in the last of them"),
    CULL_OPT_F64(opts, gate, 0.5, 0, 10, "logit that gates begin at"),
    CULL_OPT_I64(opts, anneal, 8, 1, 1 << 16, "epochs in which gates are trained and grow steep"),
    CULL_OPT_I64(opts, rewind, 1, 0, 1 << 16, "epoch whose weights are trained on in the end"),
    CULL_OPT_I64(opts, epochs, 20, 1, 1 << 16, "most epochs in the end"),
    CULL_OPT_I64(opts, rare, 2, 1, 1 << 30, "a value in fewer rows shares a gate with others such"),
    CULL_OPT_I64(opts, bins, 32, 2, CULL__BINS_MOST, "bins of a numeric column"),
    CULL_OPT_F64(opts, holdout, 0.1, 0.01, 0.9, "share of the rows that stopping is judged by"),
    CULL_OPT_END};

static const char STRENGTH[] = "mean logit of the open gates over the rows";

/* The columns as ids: of each the levels (or bins), a missing value, and one for all that are rare. */
typedef struct {
    const cull_feature_problem *p;
    int64_t bins, fields, *col; /* fields: column of each */
    uint16_t **bin;             /* d: codes of a numeric column, else NULL */
    int32_t *levels;            /* d */
    int64_t *at;                /* fields + 1 */
    uint8_t *rare;              /* ids */
    int32_t *id;                /* (n, fields), in the order of `row` */
    uint8_t *click;             /* n, likewise */
    int64_t *row, train;        /* rows to train on, then those held out */
} ids;

static cull_status into_bins(cull_ctx *cx, void *arg, int64_t c, float *v)
{
    ids *s = arg;
    double *w, *work;
    int64_t n = s->p->n;
    bool missing = false;
    CULL_TRY(CULL_TMP(cx, w, n));
    CULL_TRY(CULL_TMP(cx, work, 2 * n));
    for (int64_t i = 0; i < n; i++) {
        w[i] = (double)v[i];
        missing |= isnan(v[i]);
    }
    s->levels[c] = cull__bin(w, n, s->bins, false, work, s->bin[c]) - missing;
    return CULL_OK;
}

static cull_status columns_of(cull_ctx *cx, const cull_feature_problem *p, ids *s)
{
    uint8_t *numeric;
    CULL_TRY(CULL_TMP(cx, s->col, p->d));
    CULL_TRY(CULL_TMP0(cx, s->bin, p->d));
    CULL_TRY(CULL_TMP(cx, s->levels, p->d));
    CULL_TRY(CULL_TMP0(cx, numeric, p->d));
    for (int64_t c = 0; c < p->d; c++) {
        if (p->avoid && p->avoid[c]) continue;
        s->col[s->fields++] = c;
        s->levels[c] = p->levels ? p->levels[c] : 0;
        if (s->levels[c]) continue;
        numeric[c] = 1;
        CULL_TRY(CULL_TMP(cx, s->bin[c], p->n));
    }
    if (!s->fields) return CULL_OK;
    CULL_TRY(cull__each_column(cx, p, numeric, into_bins, s));
    CULL_TRY(CULL_TMP(cx, s->at, s->fields + 1));
    s->at[0] = 0;
    for (int64_t f = 0; f < s->fields; f++) s->at[f + 1] = s->at[f] + s->levels[s->col[f]] + 2;
    if (s->at[s->fields] > INT32_MAX)
        return cull__fail(cx, CULL_EINPUT, "the columns have more than 2^31 values");
    return CULL_OK;
}

/* Ids of all rows; then those in fewer rows to train on than `rare` become their field's last. */
static cull_status number(cull_ctx *cx, int64_t rare, ids *s)
{
    const cull_feature_problem *p = s->p;
    int64_t f = s->fields, *seen;
    float *buf;
    CULL_TRY(CULL_TMP(cx, s->id, p->n * f));
    CULL_TRY(CULL_TMP(cx, s->click, p->n));
    CULL_TRY(CULL_TMP0(cx, seen, s->at[f]));
    CULL_TRY(CULL_TMP(cx, s->rare, s->at[f]));
    CULL_TRY(CULL_TMP(cx, buf, p->d));
    for (int64_t i = 0; i < p->n; i++) {
        int64_t r = s->row[i];
        const float *v = cull_pool_rows(p->x, r, r + 1, buf);
        s->click[i] = p->y[r] > 0;
        for (int64_t k = 0; k < f; k++) {
            int64_t c = s->col[k], code = s->levels[c];
            if (!isnan(v[c])) code = s->bin[c] ? s->bin[c][r] : (int64_t)v[c];
            s->id[i * f + k] = (int32_t)(s->at[k] + code);
            seen[s->at[k] + code] += i < s->train;
        }
        if (i % 65536 == 0) CULL_TRY(cull__tick(cx, (double)i, (double)p->n));
    }
    for (int64_t j = 0; j < s->at[f]; j++) s->rare[j] = seen[j] < rare;
    for (int64_t i = 0; i < p->n * f; i++)
        if (s->rare[s->id[i]]) s->id[i] = (int32_t)(s->at[i % f + 1] - 1);
    return CULL_OK;
}

/* Over all rows the mean logit of the gate of the column's value; a shut gate counts 0. */
static void strengths(const ids *s, const cull__gates *g, double *score)
{
    for (int64_t c = 0; c < s->p->d; c++) score[c] = NAN;
    for (int64_t k = 0; k < s->fields; k++) {
        double sum = 0;
        for (int64_t i = 0; i < s->p->n; i++) {
            int32_t id = s->id[i * s->fields + k];
            if (g->open[id]) sum += (double)g->gate[id];
        }
        score[s->col[k]] = sum / (double)s->p->n;
    }
}

static cull_status levels_of(cull_ctx *cx, const ids *s, const uint8_t *open, const uint8_t *taken,
                             int64_t **at, uint8_t **kept)
{
    int64_t d = s->p->d;
    CULL_TRY(CULL_TMP(cx, *at, d + 1));
    CULL_TRY(CULL_TMP0(cx, *kept, s->at[s->fields] + d));
    (*at)[0] = 0;
    for (int64_t c = 0, k = 0; c < d; c++) {
        bool here = k < s->fields && s->col[k] == c;
        int64_t count = here ? s->levels[c] + 1 : 0;
        (*at)[c + 1] = (*at)[c] + count;
        for (int64_t j = 0; j < count && taken[c]; j++) {
            int64_t id = s->at[k] + j;
            (*kept)[(*at)[c] + j] = open[s->rare[id] ? s->at[k + 1] - 1 : id];
        }
        k += here;
    }
    return CULL_OK;
}

static cull_status chosen(cull_ctx *cx, const ids *s, const cull__gates *g, cull_feature_pick *out)
{
    const cull_feature_problem *p = s->p;
    cull__taker t;
    double *score;
    uint8_t *taken, *kept, *verdict;
    int64_t *at;
    CULL_TRY(cull__columns_taker(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, score, p->d));
    CULL_TRY(CULL_TMP0(cx, taken, p->d));
    CULL_TRY(CULL_TMP(cx, verdict, p->d));
    strengths(s, g, score);
    for (int64_t c = 0; c < p->d; c++)
        if (score[c] == 0) t.taken[c] = 1; /* no gate of it is open: never kept */
    CULL_TRY(cull__columns_best(cx, p, &t, score));
    for (int64_t i = 0; i < t.count; i++) taken[t.idx[i]] = 1;
    for (int64_t c = 0; p->have && c < p->d; c++) taken[c] |= p->have[c];
    for (int64_t c = 0; c < p->d; c++)
        verdict[c] = taken[c] ? CULL_CONFIRMED : score[c] > 0 ? CULL_TENTATIVE : CULL_REJECTED;
    CULL_TRY(levels_of(cx, s, g->open, taken, &at, &kept));
    return cull__columns_pick(cx, p, &t,
                              &(cull__columns){.score = score,
                                               .score_is = STRENGTH,
                                               .verdict = verdict,
                                               .level_at = at,
                                               .level_kept = kept},
                              out);
}

/* Where every column is avoided. */
static cull_status nothing(cull_ctx *cx, const cull_feature_problem *p, cull_feature_pick *out)
{
    cull__taker t;
    double *score;
    uint8_t *verdict;
    CULL_TRY(cull__columns_taker(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, score, p->d));
    CULL_TRY(CULL_TMP0(cx, verdict, p->d));
    for (int64_t c = 0; c < p->d; c++) score[c] = NAN;
    return cull__columns_pick(
        cx, p, &t, &(cull__columns){.score = score, .verdict = verdict, .score_is = STRENGTH}, out);
}

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o,
                       cull_feature_pick *out)
{
    const opts *a = o;
    ids s = {.p = p, .bins = a->bins};
    cull__gates g;
    if (!p->y || p->classes != 2)
        return cull__fail(cx, CULL_EINPUT, "optfs tells two classes apart; the target has %d",
                          p->classes);
    CULL_TRY(columns_of(cx, p, &s));
    if (!s.fields) return nothing(cx, p, out);
    CULL_TRY(CULL_TMP(cx, s.row, p->n));
    CULL_TRY(cull__holdout(cx, p->n, p->group, p->groups, a->holdout, 1, s.row, &s.train));
    CULL_TRY(number(cx, a->rare, &s));
    int64_t f = s.fields, values = s.at[f];
    cull__clicks train = {s.train, f, s.id, s.at, s.click};
    cull__clicks val = {p->n - s.train, f, s.id + s.train * f, s.at, s.click + s.train};
    cull__gates_opts in = {.model = (cull__click_model)a->model,
                           .dim = a->dim,
                           .hidden = a->hidden,
                           .cross = a->cross,
                           .batch = a->batch,
                           .rate = a->rate,
                           .l2 = a->l2,
                           .penalty = a->penalty / (double)values,
                           .temperature = a->temperature,
                           .start = a->gate,
                           .search = a->anneal,
                           .rewind = a->rewind,
                           .epochs = a->epochs};
    CULL_TRY(cull__gates_train(cx, &train, &val, &in, &g));
    int64_t open = 0, seen = 0;
    for (int64_t j = 0; j < values; j++) {
        seen += !s.rare[j];
        open += !s.rare[j] && g.open[j];
    }
    cull__remark(cx,
                 "gates of %" PRId64 " of %" PRId64 " values are open; AUC %.4f on rows held out",
                 open, seen, g.auc);
    cull_status status = chosen(cx, &s, &g, out);
    cull__gates_free(&g);
    return status;
}

/* What it holds turns on the tapes of a batch and is measured, not told. */
static void plan(const cull_feature_problem *p, const void *o, int threads, cull_plan *out)
{
    const opts *a = o;
    double d = (double)p->d * (double)a->dim, h = (double)a->hidden;
    double epochs = (double)(a->anneal + a->epochs);
    (void)threads;
    *out = (cull_plan){0, 2, epochs * (double)p->n * 6 * (d + (d + h) * h)};
}

const cull_method cull__method_optfs = {
    .slug = "optfs",
    .title = "values of columns whose gates stay open in a click model",
    .paper = "Lyu et al. 2023, Optimizing Feature Set for Click-Through Rate Prediction",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_STOCHASTIC | CULL_NEEDS_Y | CULL_NEEDS_CLASSES | CULL_TAKES_MISSING |
             CULL_TAKES_CATEGORIES | CULL_OWN_NUMBER,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};

/* optcs_drug.c - (b) of optcs's check: does the FDR hold where the rows are real?
 *
 * Models are learnt once, from rows set aside. Of the other rows, calibration and test rows are drawn without
 * replacement, again and again, so that they are exchangeable whatever the rows are, and rates over many draws have an
 * interval. DAVIS: pairs of a drug and a kinase, wanted is any binding (pKd above 5, as 30 % are; the others lie at 5); models see
 * rows of similarities. HIV: molecules, wanted are active ones (3.5 %), each SMILES once; models see hashed n-grams. */
#include "claim/optcs.h"
#include "io/io.h"
#include "num/num.h"
#include "score/score.h"
#include "search/eval_rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

cull_status cull__optcs_drugs_path(cull_ctx *cx, const char *dir, const char *file, char *path,
                                   size_t size)
{
    for (int i = 0; i < 2; i++) {
        int n = snprintf(path, size, i ? "%s/%s" : "%s/drug/%s", dir, file);
        if (n < 0 || (size_t)n >= size)
            return cull__fail(cx, CULL_EINPUT, "the data directory's name is too long");
        if (access(path, R_OK) == 0) return CULL_OK;
    }
    return cull__fail(
        cx, CULL_ENODATA,
        "%s is not there, nor in its folder drug: no package has this file; make it of "
        "its authors' files, and name the folder by --data",
        path);
}

/* ---- a table of scores, and draws from it ---- */
enum { MOST = 12, LEVELS = 3 };
static const double level[LEVELS] = {.1, .2, .5};

typedef struct {
    int models;
    int64_t rows, n, m; /* n calibration and m test rows of `rows` */
    float *score;       /* (models, rows) */
    uint8_t *positive;
    cull__outcome *at; /* (trials, LEVELS, WAYS) */
    int64_t trials;
    uint64_t stream;
} bank;

static cull_status bank_new(cull_ctx *cx, int models, int64_t rows, int64_t n, int64_t trials,
                            uint64_t stream, bank *b)
{
    *b = (bank){.models = models, .rows = rows, .n = n, .m = n, .trials = trials, .stream = stream};
    CULL_TRY(CULL_TMP(cx, b->score, models * rows));
    CULL_TRY(CULL_TMP(cx, b->positive, rows));
    return CULL_TMP(cx, b->at, trials * LEVELS * WAYS);
}

/* The first of a shuffle of all rows, which are as random as the rest of it. */
static cull_status deal(cull_ctx *cx, const bank *b, uint64_t stream, int64_t *row)
{
    cull_rng r = cull__rng(cx, stream);
    int64_t *order;
    CULL_TRY(CULL_TMP(cx, order, b->rows));
    for (int64_t i = 0; i < b->rows; i++) order[i] = i;
    for (int64_t i = 0; i < b->n + b->m; i++) {
        int64_t at = i + cull__rng_below(&r, b->rows - i), was = order[at];
        order[at] = order[i];
        row[i] = was;
    }
    return CULL_OK;
}

static cull_status one_draw(cull_ctx *cx, const bank *b, int64_t trial)
{
    cull__scored_rows t;
    int64_t *row;
    uint64_t stream = b->stream + (uint64_t)trial * 1000000;
    CULL_TRY(CULL_TMP(cx, row, b->n + b->m));
    CULL_TRY(deal(cx, b, stream, row));
    CULL_TRY(cull__scored_rows_new(cx, b->models, b->n, b->m, &t));
    for (int64_t i = 0; i < b->n; i++) t.calib_positive[i] = b->positive[row[i]];
    for (int64_t i = 0; i < b->m; i++) t.test_positive[i] = b->positive[row[b->n + i]];
    for (int k = 0; k < b->models; k++) {
        const float *score = b->score + k * b->rows;
        for (int64_t i = 0; i < b->n; i++) t.calib[k * b->n + i] = (double)score[row[i]];
        for (int64_t i = 0; i < b->m; i++) t.test[k * b->m + i] = (double)score[row[b->n + i]];
    }
    for (int l = 0; l < LEVELS; l++)
        CULL_TRY(cull__optcs_trial(cx, &t, level[l], stream + 200000 * (uint64_t)(l + 1),
                                   b->at + (trial * LEVELS + l) * WAYS));
    return CULL_OK;
}

static cull_status draws(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    bank *b = arg;
    (void)chunk;
    for (int64_t i = lo; i < hi; i++) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(cull__tick(cx, (double)i, (double)b->trials));
        CULL_TRY(one_draw(cx, b, i));
        cull__release(cx, mark);
    }
    return CULL_OK;
}

enum { SHOWN = 4 };
typedef struct {
    const char *line, *figure[LEVELS][SHOWN];
} words;
static const struct {
    cull__way way;
    bool power;
} shown[SHOWN] = {{WAY_HOMO, false}, {WAY_NAIVE, false}, {WAY_HOMO, true}, {WAY_SPLIT, true}};

static cull_status judge(cull_ctx *cx, bank *b, const words *w, cull_claim_result *out)
{
    cull__rate x, worst = {0};
    double most = -INFINITY;
    const int64_t each = LEVELS * WAYS;
    CULL_TRY(cull__for(cx, b->trials, 4, draws, b));
    for (int l = 0; l < LEVELS; l++) {
        for (int way = WAY_DTM; way <= WAY_HETE; way++) {
            CULL_TRY(cull__optcs_rate(cx, b->at, b->trials, each, l * WAYS + way, false, &x));
            if (x.mean - level[l] - 2 * x.error <= most) continue;
            most = x.mean - level[l] - 2 * x.error;
            worst = (cull__rate){x.mean - level[l], x.error};
        }
        for (int k = 0; k < SHOWN; k++) {
            CULL_TRY(cull__optcs_rate(cx, b->at, b->trials, each, l * WAYS + shown[k].way,
                                      shown[k].power, &x));
            cull__optcs_figure(out, w->figure[l][k], x);
        }
    }
    cull__claim_add_line(out, w->line, worst.mean, worst.mean - 1.96 * worst.error,
                         worst.mean + 1.96 * worst.error, true, 2 * worst.error);
    return CULL_OK;
}

/* Ridge regressions and logistic regressions of one set of features: rows 0 .. n-1 teach. */
typedef struct {
    const float *x; /* (all, d) */
    const double *y;
    const int32_t *class;
    int64_t all, n, d;
} lesson;

static cull_status ridge(cull_ctx *cx, const lesson *s, double l2, float *score)
{
    cull__mark_t mark = cull__mark(cx);
    double *w;
    CULL_TRY(CULL_TMP(cx, w, s->d + 1));
    CULL_TRY(cull__ridge_fit(cx, s->x, s->y, s->n, s->d, l2, w));
    for (int64_t i = s->n; i < s->all; i++) {
        double said = w[s->d];
        for (int64_t c = 0; c < s->d; c++) said += w[c] * (double)s->x[i * s->d + c];
        score[i - s->n] = (float)said;
    }
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status logistic(cull_ctx *cx, const lesson *s, double l2, bool balanced, float *score)
{
    cull__mark_t mark = cull__mark(cx);
    cull__logreg_opts o = {.l2 = l2, .balanced = balanced, .tol = 1e-3};
    double *w;
    CULL_TRY(CULL_TMP0(cx, w, 2 * (s->d + 1)));
    CULL_TRY(cull__logreg_fit(cx, s->x, s->class, s->n, s->d, 2, &o, w));
    for (int64_t i = s->n; i < s->all; i++) {
        double said = w[2 * s->d + 1] - w[s->d]; /* the logarithm of the odds */
        for (int64_t c = 0; c < s->d; c++)
            said += (w[s->d + 1 + c] - w[c]) * (double)s->x[i * s->d + c];
        score[i - s->n] = (float)said;
    }
    cull__release(cx, mark);
    return CULL_OK;
}

/* ---- DAVIS ---- */
enum { DRUGS = 68, TARGETS = 442, PAIRS = DRUGS * TARGETS, WIDE = DRUGS + TARGETS };
enum { DAVIS_TRAIN = 6000, DAVIS_ROWS = 1000, DAVIS_MODELS = 8 };
static const words davis_words = {
    "(b) DAVIS: what the largest FDR of three prunings and levels passes q by, at most 2 standard "
    "errors",
    {{"(b) DAVIS, q .1: FDR, homo", "(b) DAVIS, q .1: FDR, naive", "(b) DAVIS, q .1: power, homo",
      "(b) DAVIS, q .1: power, split"},
     {"(b) DAVIS, q .2: FDR, homo", "(b) DAVIS, q .2: FDR, naive", "(b) DAVIS, q .2: power, homo",
      "(b) DAVIS, q .2: power, split"},
     {"(b) DAVIS, q .5: FDR, homo", "(b) DAVIS, q .5: FDR, naive", "(b) DAVIS, q .5: power, homo",
      "(b) DAVIS, q .5: power, split"}}};

typedef struct {
    float kd[PAIRS], drug[DRUGS * DRUGS], target[TARGETS * TARGETS];
    int64_t pair[PAIRS], pairs; /* those that were measured, shuffled */
    double y[PAIRS];            /* pKd, in that order */
    int32_t class[PAIRS];
} davis;

static cull_status read_array(cull_ctx *cx, const char *path, const char *name, int64_t rows,
                              int64_t columns, float *out)
{
    cull_array a;
    CULL_TRY(cull_array_open(cx, path, name, &a));
    bool fits = a.ndim == 2 && a.shape[0] == rows && a.shape[1] == columns;
    if (fits) cull_array_f32(&a, 0, rows * columns, out);
    cull_array_free(&a);
    if (!fits)
        return cull__fail(cx, CULL_EINPUT, "%s: %s is not of %lld x %lld numbers", path, name,
                          (long long)rows, (long long)columns);
    return CULL_OK;
}

static cull_status read_davis(cull_ctx *cx, const char *path, davis *d)
{
    CULL_TRY(read_array(cx, path, "Y", DRUGS, TARGETS, d->kd));
    CULL_TRY(read_array(cx, path, "drug_sim", DRUGS, DRUGS, d->drug));
    CULL_TRY(read_array(cx, path, "target_sim", TARGETS, TARGETS, d->target));
    cull_rng r = cull__rng(cx, 9100);
    d->pairs = 0;
    for (int i = 0; i < PAIRS; i++)
        if (d->kd[i] > 0) d->pair[d->pairs++] = i; /* NaN: not measured */
    cull__rng_shuffle(&r, d->pair, d->pairs);
    if (d->pairs < DAVIS_TRAIN + 4 * DAVIS_ROWS)
        return cull__fail(cx, CULL_EINPUT, "%s has %lld measured pairs; at least %d are needed",
                          path, (long long)d->pairs, DAVIS_TRAIN + 4 * DAVIS_ROWS);
    for (int64_t i = 0; i < d->pairs; i++) {
        d->y[i] = 9 - log10((double)d->kd[d->pair[i]]);
        d->class[i] = d->y[i] > 5.0001; /* f32 of 10,000 nM */
    }
    return CULL_OK;
}

/* The mean over the k training pairs of the largest product of both similarities, weighted by it. */
typedef struct {
    const davis *d;
    int k;
    float *score;
} neighbours;

static cull_status near_pairs(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    neighbours *g = arg;
    const davis *d = g->d;
    (void)chunk;
    for (int64_t i = lo; i < hi; i++) {
        const float *drug = d->drug + d->pair[DAVIS_TRAIN + i] / TARGETS * DRUGS;
        const float *target = d->target + d->pair[DAVIS_TRAIN + i] % TARGETS * TARGETS;
        float like[32];
        double y[32], up = 0, down = 0;
        int n = 0;
        for (int64_t l = 0; l < DAVIS_TRAIN; l++) {
            float s = drug[d->pair[l] / TARGETS] * target[d->pair[l] % TARGETS];
            if (n == g->k && !(s > like[n - 1])) continue;
            int at = n < g->k ? n++ : n - 1;
            for (; at > 0 && s > like[at - 1]; at--) like[at] = like[at - 1], y[at] = y[at - 1];
            like[at] = s;
            y[at] = d->y[l];
        }
        for (int a = 0; a < n; a++) {
            double weight = pow((double)like[a], 3);
            up += weight * y[a], down += weight;
        }
        g->score[i] = (float)(down > 0 ? up / down : 0);
    }
    return cull__tick(cx, 0, 0);
}

static cull_status davis_models(cull_ctx *cx, const davis *d, bank *b)
{
    float *x, *alone;
    lesson s = {.y = d->y, .class = d->class, .all = d->pairs, .n = DAVIS_TRAIN, .d = WIDE};
    CULL_TRY(CULL_TMP(cx, x, d->pairs * WIDE));
    CULL_TRY(CULL_TMP(cx, alone, d->pairs * TARGETS));
    for (int64_t i = 0; i < d->pairs; i++) {
        const float *target = d->target + d->pair[i] % TARGETS * TARGETS;
        memcpy(x + i * WIDE, d->drug + d->pair[i] / TARGETS * DRUGS, DRUGS * sizeof *x);
        memcpy(x + i * WIDE + DRUGS, target, TARGETS * sizeof *x);
        memcpy(alone + i * TARGETS, target, TARGETS * sizeof *x);
    }
    s.x = x;
    static const double l2[] = {.1, 1, 10};
    for (int k = 0; k < 3; k++) CULL_TRY(ridge(cx, &s, l2[k], b->score + k * b->rows));
    for (int k = 0; k < 2; k++)
        CULL_TRY(logistic(cx, &s, k ? 1e-2 : 1e-4, false, b->score + (3 + k) * b->rows));
    s.x = alone;
    s.d = TARGETS;
    CULL_TRY(ridge(cx, &s, 1, b->score + 5 * b->rows));
    for (int k = 0; k < 2; k++) {
        neighbours g = {d, k ? 20 : 5, b->score + (6 + k) * b->rows};
        CULL_TRY(cull__for(cx, b->rows, 512, near_pairs, &g));
    }
    return CULL_OK;
}

static cull_status davis_part(cull_ctx *cx, const char *dir, int64_t trials, cull_claim_result *out)
{
    char path[512];
    davis *d;
    bank b;
    CULL_TRY(cull__optcs_drugs_path(cx, dir, "davis.npz", path, sizeof path));
    CULL_TRY(CULL_TMP(cx, d, 1));
    CULL_TRY(read_davis(cx, path, d));
    CULL_TRY(bank_new(cx, DAVIS_MODELS, d->pairs - DAVIS_TRAIN, DAVIS_ROWS, trials,
                      UINT64_C(1) << 40, &b));
    for (int64_t i = 0; i < b.rows; i++) b.positive[i] = (uint8_t)d->class[DAVIS_TRAIN + i];
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(davis_models(cx, d, &b));
    cull__release(cx, mark);
    return judge(cx, &b, &davis_words, out);
}

/* ---- HIV ---- */
enum { HIV_MODELS = 8, HIV_TRAIN = 10000, HIV_ROWS = 3000, BUCKETS = 2048 };
static const words hiv_words = {"(b) HIV: what the largest FDR of three prunings and levels passes "
                                "q by, at most 2 standard errors",
                                {{"(b) HIV, q .1: FDR, homo", "(b) HIV, q .1: FDR, naive",
                                  "(b) HIV, q .1: power, homo", "(b) HIV, q .1: power, split"},
                                 {"(b) HIV, q .2: FDR, homo", "(b) HIV, q .2: FDR, naive",
                                  "(b) HIV, q .2: power, homo", "(b) HIV, q .2: power, split"},
                                 {"(b) HIV, q .5: FDR, homo", "(b) HIV, q .5: FDR, naive",
                                  "(b) HIV, q .5: power, homo", "(b) HIV, q .5: power, split"}}};

typedef struct {
    uint64_t hash;
    int64_t at; /* of its SMILES in the text */
    int32_t size, active;
} molecule;
typedef struct {
    const char *path;
    molecule *row;
    char *text;
    int64_t rows, row_cap, chars, text_cap;
    int64_t *slot, slots; /* open addressing by hash; -1 = free */
} molecules;

static cull_status take_molecule(cull_ctx *cx, void *user, int64_t line, const cull__cell *cell)
{
    molecules *h = user;
    if (cell[1].n != 1 || (*cell[1].s != '0' && *cell[1].s != '1') || cell[0].n > 10000)
        return cull__fail(cx, CULL_EINPUT,
                          "%s, line %lld: HIV_active is '%.20s'; 0 or 1 would be right", h->path,
                          (long long)line, cell[1].s);
    uint64_t hash = cull__hash64(cell[0].s, cell[0].n, 0);
    int64_t s = (int64_t)(hash % (uint64_t)h->slots);
    for (; h->slot[s] >= 0; s = (s + 1) % h->slots) {
        const molecule *m = &h->row[h->slot[s]];
        if (m->hash == hash && (size_t)m->size == cell[0].n &&
            !memcmp(h->text + m->at, cell[0].s, cell[0].n))
            return CULL_OK; /* once: the first one counts */
    }
    if (h->rows >= h->slots / 2)
        return cull__fail(cx, CULL_EINPUT, "%s has more than %lld molecules", h->path,
                          (long long)h->rows);
    CULL_TRY(CULL_GROW(cx, h->row, &h->row_cap, h->rows + 1));
    CULL_TRY(CULL_GROW(cx, h->text, &h->text_cap, h->chars + (int64_t)cell[0].n));
    memcpy(h->text + h->chars, cell[0].s, cell[0].n);
    h->row[h->rows] = (molecule){hash, h->chars, (int32_t)cell[0].n, *cell[1].s == '1'};
    h->slot[s] = h->rows++;
    h->chars += (int64_t)cell[0].n;
    return CULL_OK;
}

/* log(1 + count) of its n-grams of `from` to `to` characters. */
static void ngrams(const char *s, int32_t size, int from, int to, float *x)
{
    memset(x, 0, BUCKETS * sizeof *x);
    for (int n = from; n <= to; n++)
        for (int32_t i = 0; i + n <= size; i++)
            x[cull__hash64(s + i, (size_t)n, (uint64_t)n) % BUCKETS] += 1;
    for (int c = 0; c < BUCKETS; c++) x[c] = x[c] > 0 ? log1pf(x[c]) : 0;
}

static cull_status hiv_models(cull_ctx *cx, const molecules *h, const int64_t *order, bank *b)
{
    float *x;
    double *y;
    int32_t *class;
    CULL_TRY(CULL_TMP(cx, x, h->rows * BUCKETS));
    CULL_TRY(CULL_TMP(cx, y, h->rows));
    CULL_TRY(CULL_TMP(cx, class, h->rows));
    lesson s = {x, y, class, h->rows, HIV_TRAIN, BUCKETS};
    for (int64_t i = 0; i < h->rows; i++) y[i] = class[i] = h->row[order[i]].active;
    for (int grams = 0; grams < 2; grams++) { /* of 1 to 4 characters, and of 1 to 2 */
        for (int64_t i = 0; i < h->rows; i++) {
            const molecule *m = &h->row[order[i]];
            ngrams(h->text + m->at, m->size, 1, grams ? 2 : 4, x + i * BUCKETS);
        }
        float *score = b->score + grams * 4 * b->rows;
        for (int k = 0; k < 4; k++, score += b->rows) {
            CULL_TRY(cull__tick(cx, grams * 4 + k, 8));
            if (k < 2)
                CULL_TRY(logistic(cx, &s, k ? 1e-2 : 1e-3, false, score));
            else
                CULL_TRY(ridge(cx, &s, k == 2 ? 10 : 300, score));
        }
    }
    return CULL_OK;
}

static cull_status hiv_scored(cull_ctx *cx, molecules *h, int64_t trials, cull_claim_result *out)
{
    static const char *const column[] = {"smiles", "HIV_active"};
    int64_t *order;
    bank b;
    CULL_TRY(CULL_TMP(cx, h->slot, h->slots));
    for (int64_t i = 0; i < h->slots; i++) h->slot[i] = -1;
    CULL_TRY(cull__rows_read(cx, h->path, column, 2, take_molecule, h));
    if (h->rows < HIV_TRAIN + 4 * HIV_ROWS)
        return cull__fail(cx, CULL_EINPUT, "%s has %lld molecules; at least %d are needed", h->path,
                          (long long)h->rows, HIV_TRAIN + 4 * HIV_ROWS);
    CULL_TRY(CULL_TMP(cx, order, h->rows));
    for (int64_t i = 0; i < h->rows; i++) order[i] = i;
    cull_rng r = cull__rng(cx, 9200);
    cull__rng_shuffle(&r, order, h->rows);
    CULL_TRY(
        bank_new(cx, HIV_MODELS, h->rows - HIV_TRAIN, HIV_ROWS, trials, UINT64_C(2) << 40, &b));
    for (int64_t i = 0; i < b.rows; i++)
        b.positive[i] = (uint8_t)h->row[order[HIV_TRAIN + i]].active;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(hiv_models(cx, h, order, &b));
    cull__release(cx, mark);
    return judge(cx, &b, &hiv_words, out);
}

static cull_status hiv_part(cull_ctx *cx, const char *dir, int64_t trials, cull_claim_result *out)
{
    char path[512];
    molecules h = {.path = path, .slots = 1 << 18};
    CULL_TRY(cull__optcs_drugs_path(cx, dir, "HIV.csv.gz", path, sizeof path));
    cull_status s = hiv_scored(cx, &h, trials, out);
    cull__free(h.row);
    cull__free(h.text);
    return s;
}

cull_status cull__optcs_drugs(cull_ctx *cx, const char *data_dir, int64_t trials,
                              cull_claim_result *out)
{
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(davis_part(cx, data_dir, trials, out));
    cull__release(cx, mark);
    return hiv_part(cx, data_dir, trials, out);
}

/* judge.c - a comparison by what the choices are for: a classifier is trained on what each method kept
 * and asked about rows that no method could keep: the share held out, or a set of the caller's. */
#include "cull/text.h"
#include "job.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Products of all rows by all labels, more than which a step of the training would take minutes. */
static const double MOST = 1e10;

static bool is_on(const char *s) { return cull_same_name(s, "true"); }

bool judge_asked(const cull_job *j) { return is_on(value_of(j, "judge", "false")); }

/* "20%" or "0.2" */
static cull_status share_held_out(cull_job *j, double *out)
{
    const char *s = value_of(j, "holdout", "20%");
    size_t n = strlen(s);
    bool percent = n && s[n - 1] == '%';
    char number[40];
    if (n < sizeof number) memcpy(number, s, n + 1), number[n - percent] = 0;
    if (n >= sizeof number || !cull_parse_number(number, out) || isnan(*out))
        return cull__fail(j->cx, CULL_EOPTION, "--holdout '%s' is no share; write 20%% or 0.2", s);
    if (percent) *out /= 100;
    if (*out > 0 && *out < 1) return CULL_OK;
    return cull__fail(j->cx, CULL_EOPTION,
                      "--holdout %s: it must be above 0 and below all; write 20%% or 0.2", s);
}

cull_status judge_check(cull_job *j, judge *g)
{
    static const char *const of_it[] = {"holdout", "judge-l2", "valid", "valid-embeddings",
                                        "valid-label"};
    const char *s = value_of(j, "judge", "false");
    if (!is_on(s) && !cull_same_name(s, "false"))
        return cull__fail(j->cx, CULL_EOPTION, "--judge '%s' is neither true nor false", s);
    for (int i = 0; i < COUNT(of_it); i++)
        if (has(j, of_it[i]) && !is_on(s))
            return cull__fail(j->cx, CULL_EOPTION, "--%s needs --judge", of_it[i]);
    if (!is_on(s)) return CULL_OK;
    if (has(j, "valid") && has(j, "holdout"))
        return cull__fail(j->cx, CULL_EOPTION,
                          "--valid is what is tested on; --holdout is too much");
    if (!has(j, "label") && !j->codes[LABEL].code && !records_of(j, "pool"))
        return cull__fail(j->cx, CULL_EOPTION, "--judge needs --label");
    if (!has(j, "valid")) CULL_TRY(share_held_out(j, &g->holdout));
    return number_of(j, "judge-l2", NAN, 1e-9, 1e9, false, &g->of.l2);
}

/* Labels are classes: at least two, and more rows than labels. */
static cull_status check_labels(cull_job *j)
{
    const codes *k = &j->codes[LABEL];
    if (!k->code) return cull__fail(j->cx, CULL_EOPTION, "--judge needs --label");
    if (k->count < 2)
        return cull__fail(j->cx, CULL_EINPUT,
                          "all records have the label '%s'; --judge needs two labels at least",
                          code_name(j, LABEL, 0));
    if (2 * (int64_t)k->count > j->n)
        return cull__fail(j->cx, CULL_EINPUT,
                          "%" PRId64 " records have %d labels, such as '%s' and '%s'; --judge "
                          "takes classes of several records each, no numbers to predict",
                          j->n, k->count, code_name(j, LABEL, 0), code_name(j, LABEL, 1));
    double products = (double)j->n * (double)cull_pool_d(j->pool) * k->count;
    if (products <= MOST) return CULL_OK;
    return cull__fail(j->cx, CULL_EINPUT,
                      "--judge: %" PRId64 " rows of %" PRId64
                      " numbers in %d labels are %.2g products a step; at most %g can be trained "
                      "on: compare on a sample of the pool",
                      j->n, cull_pool_d(j->pool), k->count, products, MOST);
}

/* The labels of `valid`, by name, as the pool's codes. */
static cull_status find_valid(cull_job *j, judge *g)
{
    const codes *k = &j->codes[VALID];
    int32_t *map;
    if (!k->code)
        return cull__fail(j->cx, CULL_EOPTION, "--valid has no labels: give --valid-label");
    if (k->n != cull_pool_n(j->valid))
        return cull__fail(j->cx, CULL_EINPUT, "--valid has %" PRId64 " rows and %" PRId64 " labels",
                          cull_pool_n(j->valid), k->n);
    if (!k->n) return cull__fail(j->cx, CULL_EINPUT, "--valid has no records");
    CULL_TRY(CULL_ALLOC(j->cx, map, k->count));
    cull_status s = CULL_ALLOC(j->cx, g->valid, k->n);
    for (int32_t c = 0; s == CULL_OK && c < k->count; c++)
        s = code_find(j, LABEL, code_name(j, VALID, c),
                      "--valid: no record of the pool has the label", &map[c]);
    for (int64_t i = 0; s == CULL_OK && i < k->n; i++) g->valid[i] = map[k->code[i]];
    cull__free(map);
    g->of.test = j->valid;
    g->of.test_label = g->valid;
    g->of.tests = k->n;
    return s;
}

cull_status judge_open(cull_job *j, judge *g)
{
    if (!judge_asked(j)) return CULL_OK;
    if (!j->pool)
        return cull__fail(j->cx, CULL_EOPTION, "--judge needs the pool's text or its embeddings");
    CULL_TRY(check_labels(j));
    g->of.pool = g->of.test = j->pool;
    g->of.label = g->of.test_label = j->codes[LABEL].code;
    g->of.classes = j->codes[LABEL].count;
    if (has(j, "valid")) CULL_TRY(find_valid(j, g));
    CULL_TRY(CULL_ALLOC(j->cx, g->mean, cull_pool_d(j->pool)));
    CULL_TRY(CULL_ALLOC(j->cx, g->row, j->n));
    g->of.mean = g->mean;
    cull__log(j->cx, CULL_LOG_INFO,
              "judge     at most %" PRId64 " rows of %" PRId64
              " numbers in %d labels are trained on; each step of a fit is %.2g products",
              j->n, cull_pool_d(j->pool), g->of.classes,
              (double)j->n * (double)cull_pool_d(j->pool) * g->of.classes);
    return cull__judge_scale(j->cx, j->pool, g->mean, &g->of.scale);
}

static int by_row(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* What is held already is trained on too, whoever chose the rest. */
static void rows_of(const cull_job *j, judge *g, const cull_pick *k)
{
    g->rows = 0;
    for (int64_t i = 0; k && i < k->n; i++) g->row[g->rows++] = k->idx[i];
    for (int64_t i = 0; i < j->n; i++) {
        bool held = j->have && j->have[i];
        if (held || (!k && !(j->p.avoid && j->p.avoid[i]))) g->row[g->rows++] = i;
    }
    qsort(g->row, (size_t)g->rows, sizeof *g->row, by_row);
}

cull_status judge_pick(cull_job *j, cull_ctx *cx, judge *g, const split *s, const cull_pick *k,
                       cull__judged *out)
{
    *out = (cull__judged){NAN, NAN, NAN};
    rows_of(j, g, k);
    if (!g->rows) return CULL_OK;
    g->of.seed = cull_ctx_seed(cx);
    if (s->test) g->of.test_row = s->test, g->of.tests = s->tests;
    return cull__judge_rows(cx, &g->of, g->row, g->rows, out);
}

void judge_free(judge *g)
{
    cull__free(g->mean), cull__free(g->valid), cull__free(g->row);
    *g = (judge){0};
}

/* claims.c - the list of checks, the door to them, and what they share. */
#define _GNU_SOURCE
#include "claim/claim.h"
#include "num/num.h"
#include "score/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const cull__claim cull__claim_archgym, cull__claim_autopeft, cull__claim_breadcrumbs,
    cull__claim_color_filter, cull__claim_deeparchitect, cull__claim_dynas_t, cull__claim_elect,
    cull__claim_fbnetv3, cull__claim_fbnetv5, cull__claim_gbdt_nas, cull__claim_got_d,
    cull__claim_jei_dnn, cull__claim_kmq, cull__claim_layoutprompter, cull__claim_lottery_ticket,
    cull__claim_metainf, cull__claim_moe2, cull__claim_moe_inference_survey, cull__claim_nas_eval,
    cull__claim_optcs, cull__claim_optfs, cull__claim_pcoreset, cull__claim_quickselection,
    cull__claim_rds_plus, cull__claim_rethinking_pruning, cull__claim_router,
    cull__claim_select2reason, cull__claim_specdec_pp, cull__claim_tadred, cull__claim_tarot,
    cull__claim_teach_show, cull__claim_uncurl, cull__claim_window_exit;
static const cull__claim *const all[] = {
    &cull__claim_archgym,
    &cull__claim_autopeft,
    &cull__claim_breadcrumbs,
    &cull__claim_color_filter,
    &cull__claim_deeparchitect,
    &cull__claim_dynas_t,
    &cull__claim_elect,
    &cull__claim_fbnetv3,
    &cull__claim_fbnetv5,
    &cull__claim_gbdt_nas,
    &cull__claim_got_d,
    &cull__claim_jei_dnn,
    &cull__claim_kmq,
    &cull__claim_layoutprompter,
    &cull__claim_lottery_ticket,
    &cull__claim_metainf,
    &cull__claim_moe_inference_survey,
    &cull__claim_moe2,
    &cull__claim_nas_eval,
    &cull__claim_optcs,
    &cull__claim_optfs,
    &cull__claim_pcoreset,
    &cull__claim_quickselection,
    &cull__claim_rds_plus,
    &cull__claim_rethinking_pruning,
    &cull__claim_router,
    &cull__claim_select2reason,
    &cull__claim_specdec_pp,
    &cull__claim_tadred,
    &cull__claim_tarot,
    &cull__claim_teach_show,
    &cull__claim_uncurl,
    &cull__claim_window_exit,
};
enum { N = sizeof all / sizeof *all, MOST_SEEDS = 64 };

int cull_claim_count(void) { return N; }
const cull_claim *cull_claim_at(int i) { return i < 0 || i >= N ? NULL : &all[i]->about; }

cull_status cull_claim_run(cull_ctx *cx, const char *slug, const char *data_dir, bool quick,
                           cull_claim_result *out)
{
    const char *slugs[N];
    const cull__claim *c = NULL;
    memset(out, 0, sizeof *out);
    for (int i = 0; i < N; i++) {
        slugs[i] = all[i]->about.slug;
        if (cull__same_name(slugs[i], slug)) c = all[i];
    }
    if (!c) {
        char q[80];
        const char *near = cull__nearest(slug, slugs, N);
        return cull__fail(cx, CULL_EINPUT, "there is no check of '%s'%s%s%s",
                          cull__quote(slug, strlen(slug), q, sizeof q),
                          near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    double begin = cull__now();
    uint64_t seed = cull_ctx_seed(cx);
    cull__mark_t mark = cull__mark(cx);
    *out = (cull_claim_result){.claim = &c->about, .note = ""};
    out->seeds = quick && c->seeds > 3 ? 3 : c->seeds;
    cull_status s = c->run(cx, data_dir ? data_dir : "/usr/share/datasets", out->seeds, out);
    out->reached = true;
    for (int i = 0; i < out->lines; i++) out->reached &= out->line[i].holds;
    out->seconds = cull__now() - begin;
    cull__release(cx, mark);
    cull_ctx_reseed(cx, seed);
    if (s != CULL_OK) memset(out, 0, sizeof *out);
    return s;
}

void cull__claim_figure(cull_claim_result *r, const char *what, const double *v)
{
    if (r->figures == CULL_CLAIM_FIGURES) return;
    cull_claim_figure *f = &r->figure[r->figures++];
    *f = (cull_claim_figure){what, cull__mean(v, r->seeds), 0, 0};
    f->lo = f->hi = f->value;
    if (r->seeds > 1) cull__t_interval(v, r->seeds, &f->lo, &f->hi);
}

void cull__claim_line(cull_claim_result *r, const char *what, const double *v, bool below,
                      double threshold, bool worst)
{
    if (r->lines == CULL_CLAIM_LINES) return;
    cull_claim_line *l = &r->line[r->lines++];
    *l = (cull_claim_line){
        .what = what, .threshold = threshold, .below = below, .value = cull__mean(v, r->seeds)};
    l->lo = l->hi = l->value;
    if (r->seeds > 1) cull__t_interval(v, r->seeds, &l->lo, &l->hi);
    for (int i = 0; worst && i < r->seeds; i++)
        if (i == 0 || (below ? v[i] > l->value : v[i] < l->value)) l->value = v[i];
    l->holds = below ? l->value <= threshold : l->value >= threshold;
}

void cull__claim_add_line(cull_claim_result *r, const char *what, double value, double lo,
                          double hi, bool below, double threshold)
{
    if (r->lines == CULL_CLAIM_LINES) return;
    r->line[r->lines++] =
        (cull_claim_line){.what = what,
                          .threshold = threshold,
                          .value = value,
                          .lo = lo,
                          .hi = hi,
                          .below = below,
                          .holds = below ? value <= threshold : value >= threshold};
}

void cull__claim_add_figure(cull_claim_result *r, const char *what, double value, double lo,
                            double hi)
{
    if (r->figures < CULL_CLAIM_FIGURES)
        r->figure[r->figures++] = (cull_claim_figure){what, value, lo, hi};
}

cull_status cull__claim_ratio(cull_ctx *cx, const double *a, const double *b, int n, double *ratio,
                              double *lo, double *hi)
{
    enum { DRAWS = 2000 };
    cull__mark_t mark = cull__mark(cx);
    cull_rng r = cull__rng(cx, 4001);
    double *v;
    CULL_TRY(CULL_TMP(cx, v, DRAWS));
    for (int k = 0; k < DRAWS; k++) {
        double up = 0, down = 0;
        for (int i = 0; i < n; i++) {
            int64_t at = cull__rng_below(&r, n);
            up += a[at], down += b[at];
        }
        v[k] = up / down;
    }
    *ratio = cull__mean(a, n) / cull__mean(b, n);
    CULL_TRY(cull__quantile(cx, v, DRAWS, .025, lo));
    CULL_TRY(cull__quantile(cx, v, DRAWS, .975, hi));
    cull__release(cx, mark);
    return CULL_OK;
}

double cull__gamma(cull_rng *r, double a)
{
    if (a < 1) return cull__gamma(r, a + 1) * pow(cull__rng_unit(r), 1 / a);
    double d = a - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = cull__rng_normal(r), v = pow(1 + c * x, 3);
        if (v > 0 && log(cull__rng_unit(r)) < x * x / 2 + d - d * v + d * log(v)) return d * v;
    }
}

void cull__gather(const float *x, const int64_t *idx, int64_t k, int64_t d, float *out)
{
    for (int64_t i = 0; i < k; i++) memcpy(out + i * d, x + idx[i] * d, (size_t)d * sizeof *x);
}

cull_status cull__claim_array(cull_ctx *cx, const char *path, const char *name, int64_t count,
                              float *out)
{
    cull_array a;
    CULL_TRY(cull_array_open(cx, path, name, &a));
    int64_t have = 1;
    for (int i = 0; i < a.ndim; i++) have *= a.shape[i];
    if (have == count) cull_array_f32(&a, 0, count, out);
    cull_array_free(&a);
    if (have == count) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "%s: %s has %lld numbers; there must be %lld", path, name,
                      (long long)have, (long long)count);
}

cull_status cull__claim_seeds(cull_ctx *cx, int seeds, cull__claim_seed_fn *one, void *arg)
{
    const uint64_t first = cull_ctx_seed(cx);
    cull_status s = CULL_OK;
    for (int i = 0; s == CULL_OK && i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        cull_ctx_reseed(cx, first + (uint64_t)i);
        cull__span(cx, i, i + 1, seeds);
        s = one(cx, arg, i);
        cull__release(cx, mark);
    }
    cull__span(cx, 0, 0, 0);
    cull_ctx_reseed(cx, first);
    return s;
}

cull_status cull__claim_folder(cull_ctx *cx, const char *slug, size_t size, char *dir)
{
    int n = snprintf(dir, size, "%s/cull-%s-XXXXXX", cull__tmpdir(cx), slug);
    if (n < 0 || (size_t)n >= size)
        return cull__fail(cx, CULL_EINPUT,
                          "the name of the folder for temporary files is too long");
    return mkdtemp(dir) ? CULL_OK : cull__fail_errno(cx, dir, "cannot make the folder");
}

cull_status cull__claim_options(cull_ctx *cx, cull_opts *o, const char *text)
{
    while (*text) {
        char word[64];
        size_t n = strcspn(text, " ");
        if (n >= sizeof word) return cull__fail(cx, CULL_EINTERNAL, "an option is too long");
        memcpy(word, text, n);
        word[n] = 0;
        text += n + (text[n] == ' ');
        char *value = strchr(word, '=');
        if (!value) return cull__fail(cx, CULL_EINTERNAL, "an option has no value: %s", word);
        *value++ = 0;
        CULL_TRY(cull_opts_set(cx, o, word, value));
    }
    return CULL_OK;
}

cull_status cull__claim_pick(cull_ctx *cx, const char *slug, const char *options, const float *x,
                             int64_t n, const float *q, int64_t m, int64_t d, int64_t keep,
                             int64_t *idx)
{
    const cull_method *method = cull_method_find(slug, NULL);
    cull_pool *pool = NULL, *target = NULL;
    cull_opts *o = NULL;
    cull_pick k = {0};
    cull_status s = cull_opts_new(cx, method, &o);
    if (s == CULL_OK) s = cull__claim_options(cx, o, options);
    if (s == CULL_OK) s = cull_pool_from(cx, x, CULL_F32, n, d, &pool);
    if (s == CULL_OK && q) s = cull_pool_from(cx, q, CULL_F32, m, d, &target);
    cull_data_problem p = {.n = n, .pool = pool, .target = target, .budget = (double)keep};
    if (s == CULL_OK) s = cull_data_pick(cx, method, o, &p, &k);
    if (s == CULL_OK && k.n != keep)
        s = cull__fail(cx, CULL_EINTERNAL, "%s kept %d rows, not %d", slug, (int)k.n, (int)keep);
    if (s == CULL_OK) memcpy(idx, k.idx, (size_t)keep * sizeof *idx);
    cull_pick_free(&k);
    cull_pool_free(target);
    cull_pool_free(pool);
    cull_opts_free(o);
    return s;
}

cull_status cull__claim_accuracy(cull_ctx *cx, const float *x, const int32_t *y, const int64_t *idx,
                                 int64_t k, int64_t d, const float *test, const int32_t *test_y,
                                 int64_t tests, double *accuracy)
{
    enum { CLASSES = 10 };
    cull__mark_t mark = cull__mark(cx);
    float *rows;
    int32_t *label, *guess;
    double *w;
    int64_t right = 0;
    CULL_TRY(CULL_TMP(cx, rows, k * d));
    CULL_TRY(CULL_TMP(cx, label, k));
    CULL_TRY(CULL_TMP(cx, guess, tests));
    CULL_TRY(CULL_TMP0(cx, w, CLASSES * (d + 1)));
    cull__gather(x, idx, k, d, rows);
    for (int64_t i = 0; i < k; i++) label[i] = y[idx[i]];
    cull__logreg_opts o = {.iterations = 300};
    CULL_TRY(cull__logreg_fit(cx, rows, label, k, d, CLASSES, &o, w));
    CULL_TRY(cull__logreg_predict(cx, test, tests, d, CLASSES, w, NULL, guess));
    for (int64_t i = 0; i < tests; i++) right += guess[i] == test_y[i];
    *accuracy = (double)right / (double)tests;
    cull__release(cx, mark);
    return CULL_OK;
}

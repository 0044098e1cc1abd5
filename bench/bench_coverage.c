/* bench_coverage.c - whether what methods of tasks trust and compute guarantee is what they reach: calibrated on some rows, checked
 * on others, for many random splits.
 *
 *   bench_coverage [--splits S] [--level A] [--logits FILE --truth FILE]
 *
 * Prints `data,method,options,guarantee,level,delta,reached,lo,hi,broken,kept,seconds`. reached: the mean over splits (1000) of what is
 * guaranteed, and its 95 % interval (bootstrap over splits); broken: the share of splits above the level, which delta bounds but for the
 * noise of the test rows; kept: the mean size of sets, the mean width of intervals (median where some are infinite), or the share of rows that
 * is accepted, of task compute the mean cost of a row over that of the strongest model; seconds: processor time of all splits. Data: a made classification of 10 classes whose logits are too sharp and made numbers
 * whose noise grows, 2,000 rows to calibrate and 10,000 others to check out of 200,000 (shifted: rows of much noise are drawn more often to
 * check than to calibrate; weighted: the method is told; watched: the threshold follows the test rows); three made models, the last of which costs nine times what the first does; and halves of the file that is given (`x.npz:logits`), whose splits share rows:
 * there, the interval is not of new rows. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "cull/compute.h"
#include "cull/confidence.h"
#include "cull/stream.h"
#include "cull/trust.h"

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_coverage: %s\n", cull_error(cx));
    exit(1);
}

static double cpu_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *room(int64_t n, size_t size)
{
    void *p = calloc((size_t)(n > 0 ? n : 1), size);
    if (p) return p;
    fprintf(stderr, "bench_coverage: out of memory\n");
    exit(1);
}

/* ---- made rows ---- */
enum { N = 200000, CLASSES = 10, FIT = 2000, TEST = 10000 };

static void made_classes(cull_outcomes *o)
{
    static float z[N * CLASSES];
    static const float *out[1] = {z};
    static double truth[N];
    static int32_t group[N];
    cull_rng r = cull__rng_seeded(11, 1);
    for (int64_t i = 0; i < N; i++) {
        double most = -INFINITY, hard = cull__rng_unit(&r);
        for (int c = 0; c < CLASSES; c++) {
            double at = (1 + 3 * hard) * cull__rng_normal(&r), v = at + cull__rng_gumbel(&r);
            z[i * CLASSES + c] = (float)(2 * at); /* twice as sure as it should be */
            if (v > most) {
                most = v;
                truth[i] = c;
            }
        }
        group[i] = hard > .7;
    }
    *o = (cull_outcomes){.n = N,
                         .models = 1,
                         .classes = CLASSES,
                         .outputs = CULL_LOGITS,
                         .out = out,
                         .truth = truth,
                         .group = group,
                         .groups = 2};
}

static void made_numbers(cull_outcomes *o)
{
    static double score[2 * N], truth[N], spread[N], weight[N];
    static int32_t group[N];
    cull_rng r = cull__rng_seeded(12, 1);
    for (int64_t i = 0; i < N; i++) {
        double x = cull__rng_unit(&r), sd = .2 + 2 * x * x;
        truth[i] = sin(6 * x) + sd * cull__rng_normal(&r);
        spread[i] = sd * exp(.2 * cull__rng_normal(&r)); /* known but roughly */
        score[i] = sin(6 * x) - 1.2 * spread[i];
        score[N + i] = sin(6 * x) + 1.2 * spread[i];
        group[i] = x > .5;
        weight[i] = .05 + .95 * x * x; /* at most 1 */
    }
    *o = (cull_outcomes){.n = N,
                         .models = 2,
                         .score = score,
                         .truth = truth,
                         .spread = spread,
                         .weight = weight,
                         .group = group,
                         .groups = 2};
}

/* Three models of two classes: what is hard is known of a feature, roughly, and how sure a model is says more. */
static void made_models(cull_outcomes *o)
{
    enum { MODELS = 3, D = 2 };
    static float z[MODELS][N * 2], x[N * D];
    static const float *out[MODELS] = {z[0], z[1], z[2]}, *xs[1] = {x};
    static double truth[N], quality[MODELS * N], score[MODELS * N];
    static const double each[MODELS] = {1, 3, 9};
    static const int64_t d[1] = {D};
    static int32_t group[N];
    cull_rng r = cull__rng_seeded(13, 1);
    for (int64_t i = 0; i < N; i++) {
        double hard = cull__rng_normal(&r);
        group[i] = (int32_t)cull__rng_below(&r, 2);
        truth[i] = (double)cull__rng_below(&r, 2);
        x[i * D] = (float)(hard + .5 * cull__rng_normal(&r));
        x[i * D + 1] = (float)(group[i] + cull__rng_normal(&r));
        for (int k = 0; k < MODELS; k++) {
            double margin = .6 + .9 * k - (1 - .25 * k) * hard - .3 * group[i];
            margin += .5 * cull__rng_normal(&r);
            quality[k * N + i] = margin > 0;
            score[k * N + i] = fabs(margin);
            z[k][i * 2 + ((margin > 0) ^ (truth[i] == 0))] = (float)fabs(margin);
        }
    }
    *o = (cull_outcomes){.n = N,
                         .models = MODELS,
                         .classes = 2,
                         .outputs = CULL_LOGITS,
                         .out = out,
                         .score = score,
                         .quality = quality,
                         .each = each,
                         .truth = truth,
                         .group = group,
                         .groups = 2,
                         .x = xs,
                         .d = d,
                         .xs = 1};
}

/* ---- one split ---- */
enum { WATCH = 4 };
typedef struct {
    const char *method;
    const char *option[9]; /* pairs, NULL at the end */
    double delta;
    int shift; /* test rows are drawn by their weight; 2 = and the method is told; with WATCH: the
                  threshold follows the test rows */
} setting;

static int by_size(const void *x, const void *y)
{
    const double *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* What went wrong, as a share of what the guarantee is about, and the size of what was decided. */
static double check(const cull_decisions *d, const cull_outcomes *o, bool of_all, double *kept)
{
    double bad = 0, of = 0;
    double *width = d->lo ? room(d->n, sizeof *width) : NULL;
    *kept = 0;
    for (int64_t i = 0; i < d->n; i++) {
        if (d->set) {
            bad += !d->set[i * d->classes + (int64_t)o->truth[i]];
            for (int32_t c = 0; c < d->classes; c++) *kept += d->set[i * d->classes + c];
        } else if (d->lo) {
            bad += !(d->lo[i] <= o->truth[i] && o->truth[i] <= d->hi[i]);
            width[i] = d->hi[i] - d->lo[i];
        } else {
            bad += d->keep[i] && d->label[i] != (int32_t)o->truth[i];
            *kept += d->keep[i];
        }
    }
    of = d->keep && !of_all ? *kept : (double)d->n;
    if (d->lo) {
        qsort(width, (size_t)d->n, sizeof *width, by_size);
        for (int64_t i = 0; i < d->n; i++) *kept += width[i];
        if (isinf(*kept)) *kept = width[d->n / 2] * (double)d->n;
    }
    free(width);
    *kept /= (double)d->n;
    return of > 0 ? bad / of : 0;
}

/* What is lost, 1 - quality or against the last model, in the group where it is most where groups are asked for. */
static double lost(const cull_decisions *d, const cull_outcomes *o, bool against, bool groups,
                   double *kept)
{
    double sum[2] = {0}, n[2] = {0};
    int last = o->models - 1;
    *kept = 0;
    for (int64_t i = 0; i < d->n; i++) {
        int g = groups ? o->group[i] : 0;
        double q = d->label ? d->label[i] == o->truth[i] : o->quality[d->model[i] * o->n + i];
        sum[g] += (against ? o->quality[last * o->n + i] : 1) - q;
        n[g]++;
        *kept += d->cost[i] / o->each[last] / (double)d->n;
    }
    return groups ? fmax(sum[0] / n[0], sum[1] / n[1]) : sum[0] / n[0];
}

static double compute(cull_ctx *cx, const setting *s, const cull_outcomes *fit,
                      const cull_outcomes *test, const cull_opts *opts, double level, double *kept,
                      const char **bounds)
{
    const cull_method *m = cull_method_find(s->method, NULL);
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    cull_policy *policy;
    cull_decisions d;
    char buf[32];
    p.rows = fit;
    p.risk = level;
    p.delta = s->delta;
    must(cx, cull_compute_fit(cx, m, opts, &p, &policy));
    must(cx, cull_compute_apply(cx, policy, NULL, test, &d));
    bool against = !strncmp(cull_policy_guaranteed(policy)->bounds, "quality lost", 12);
    bool groups = !strcmp(cull_opts_get(opts, "groups", buf, sizeof buf), "yes");
    *bounds = against ? "quality lost" : "risk";
    double bad = lost(&d, test, against, groups, kept);
    cull_decisions_free(&d);
    cull_policy_free(policy);
    return bad;
}

static void follow(cull_ctx *cx, cull_policy *p, const cull_outcomes *test, cull_decisions *d)
{
    cull_watch_opts o = CULL_WATCH_OPTS;
    cull_stream *s;
    must(cx, cull_stream_new(cx, p, NULL, &s));
    must(cx, cull_stream_watch(cx, s, &o));
    must(cx, cull_stream_next(cx, s, test, d));
    cull_stream_free(s);
}

static double trust(cull_ctx *cx, const setting *s, const cull_outcomes *fit,
                    const cull_outcomes *test, const cull_opts *opts, double level, double *kept,
                    const char **bounds)
{
    const cull_method *m = cull_method_find(s->method, NULL);
    cull_trust_problem p = CULL_TRUST_PROBLEM;
    cull_policy *policy;
    cull_decisions d;
    p.rows = fit;
    p.level = level;
    p.delta = s->delta;
    must(cx, cull_trust_fit(cx, m, opts, &p, &policy));
    if (s->shift & WATCH)
        follow(cx, policy, test, &d);
    else
        must(cx, cull_trust_apply(cx, policy, NULL, test, &d, NULL));
    const char *what = cull_policy_guaranteed(policy)->bounds;
    *bounds = !strncmp(what, "risk", 4) ? "selective risk"
              : what[0] == 's'          ? "accepted and wrong"
                                        : "miscoverage";
    double bad = check(&d, test, what[0] == 's', kept);
    cull_decisions_free(&d);
    cull_policy_free(policy);
    return bad;
}

static double split(cull_ctx *cx, const setting *s, const cull_outcomes *o, const int64_t *row,
                    double level, double *kept, const char **bounds)
{
    const cull_method *m = cull_method_find(s->method, NULL);
    cull_outcomes fit, test;
    cull_opts *opts;
    bool made = o->n == N;
    int64_t half = made ? FIT : o->n / 2, rest = made ? TEST : o->n - half;
    cull__mark_t mark = cull__mark(cx);
    must(cx, cull_outcomes_gather(cx, o, row, half, &fit));
    must(cx, cull_outcomes_gather(cx, o, row + half, rest, &test));
    must(cx, cull_opts_new(cx, m, &opts));
    for (int k = 0; s->option[k]; k += 2)
        must(cx, cull_opts_set(cx, opts, s->option[k], s->option[k + 1]));
    double bad = m->task == CULL_TASK_COMPUTE
                     ? compute(cx, s, &fit, &test, opts, level, kept, bounds)
                     : trust(cx, s, &fit, &test, opts, level, kept, bounds);
    cull_opts_free(opts);
    cull__release(cx, mark);
    return bad;
}

/* The first k of a shuffle of row (n). */
static void shuffle(cull_rng *r, int64_t *row, int64_t n, int64_t k)
{
    for (int64_t i = 0; i < k; i++) {
        int64_t j = i + cull__rng_below(r, n - i), was = row[i];
        row[i] = row[j];
        row[j] = was;
    }
}

/* k of the rows to the front, each drawn by its weight, which is 1 at most: taken or passed over. */
static void by_weight(cull_rng *r, const double *weight, int64_t *row, int64_t n, int64_t k)
{
    for (int64_t i = 0, left = n; i < k && left > i;) {
        int64_t j = i + cull__rng_below(r, left - i), was = row[j];
        if (cull__rng_unit(r) < weight[was]) {
            row[j] = row[i];
            row[i++] = was;
        } else {
            row[j] = row[--left];
            row[left] = was;
        }
    }
}

static void run(const char *data, const cull_outcomes *o, const setting *s, double level,
                int64_t splits)
{
    double *bad = room(splits, sizeof *bad), size = 0, above = 0, kept, t = 0;
    int64_t *row = room(o->n, sizeof *row);
    const char *bounds = "";
    cull_outcomes use = *o;
    if ((s->shift & 3) < 2) use.weight = NULL;
    for (int64_t j = 0; j < o->n; j++) row[j] = j;
    cull_interval_found i;
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.threads = 1;
    for (int64_t k = 0; k < splits; k++) {
        co.seed = (uint64_t)k + 1;
        cull_ctx *cx = cull_ctx_new(&co);
        if (!cx) exit(1);
        cull_rng r = cull__rng_seeded(5, (uint64_t)k);
        shuffle(&r, row, o->n, o->n == N ? FIT + TEST : o->n);
        if (s->shift & 3) by_weight(&r, o->weight, row + FIT, o->n - FIT, TEST);
        double from = cpu_time();
        bad[k] = split(cx, s, &use, row, level, &kept, &bounds);
        t += cpu_time() - from;
        size += kept / (double)splits;
        above += bad[k] > level;
        cull_ctx_free(cx);
    }
    cull_ctx *cx = cull_ctx_new(NULL);
    must(cx, cull_interval_rows(cx, CULL_OF_MEAN, bad, NULL, splits, NULL, &i));
    printf("%s%s,%s,", data, s->shift & 3 ? " shifted" : "", s->method);
    for (int k = 0; s->option[k]; k++)
        printf("%s%s", s->option[k], !s->option[k + 1] ? "" : k % 2 ? " " : "=");
    printf("%s%s", s->shift == 2 ? " weighted" : "", s->shift & WATCH ? " watched" : "");
    printf(",%s,%g,%g,%.5f,%.5f,%.5f,%.3f,%.4f,%.4f\n", bounds, level, s->delta, i.value, i.lo,
           i.hi, above / (double)splits, size, t);
    fflush(stdout);
    cull_ctx_free(cx);
    free(bad);
    free(row);
}

static const setting SETS[] = {
    {"prediction-sets", {"kind", "lac"}, 0, 0},
    {"prediction-sets", {"kind", "aps"}, 0, 0},
    {"prediction-sets", {"kind", "aps", "randomised", "no"}, 0, 0},
    {"prediction-sets", {"kind", "raps"}, 0, 0},
    {"prediction-sets", {"kind", "top"}, 0, 0},
    {"prediction-sets", {"kind", "lac", "by", "class"}, 0, 0},
    {"prediction-sets", {"kind", "lac"}, .1, 0},
    {"selective-classification", {"test", "each"}, .1, 0},
    {"selective-classification", {"test", "sequence"}, .1, 0},
    {"selective-classification", {NULL}, 0, 0},
    {"prediction-sets", {"kind", "lac"}, 0, WATCH},
    {"selective-classification", {NULL}, 0, WATCH},
};
static const setting INTERVALS[] = {
    {"prediction-intervals", {"around", "prediction"}, 0, 0},
    {"prediction-intervals", {"around", "spread"}, 0, 0},
    {"prediction-intervals", {"around", "quantiles"}, 0, 0},
    {"prediction-intervals", {"around", "quantiles", "ends", "each"}, 0, 0},
    {"prediction-intervals", {"around", "quantiles", "by", "group"}, 0, 0},
    {"prediction-intervals", {"around", "quantiles"}, .1, 0},
    {"prediction-intervals", {"around", "prediction"}, 0, 1},
    {"prediction-intervals", {"around", "prediction"}, 0, 2},
    {"prediction-intervals", {"around", "quantiles", "by", "group"}, 0, 2},
    {"prediction-intervals", {"around", "prediction"}, 0, WATCH},
    {"prediction-intervals", {"around", "prediction"}, 0, 1 | WATCH},
};

static const setting MODELS[] = {
    {"cascade", {NULL}, .1, 0},
    {"cascade", {"groups", "yes"}, .1, 0},
    {"cascade", {NULL}, 0, 0},
    {"router", {"reference", "3"}, .1, 0},
    {"router", {"reference", "3", "groups", "yes"}, .1, 0},
    {"router", {"reference", "3"}, 0, 0},
    {"moe2", {"reference", "3", "shape", "linear"}, .1, 0},
    {"moe2", {"reference", "3", "shape", "linear"}, 0, 0},
};

int main(int argc, char **argv)
{
    int64_t splits = 1000;
    double level = .1;
    const char *logits = NULL, *truth = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--splits")) splits = atoll(argv[i + 1]);
        if (!strcmp(argv[i], "--level")) level = atof(argv[i + 1]);
        if (!strcmp(argv[i], "--logits")) logits = argv[i + 1];
        if (!strcmp(argv[i], "--truth")) truth = argv[i + 1];
    }
    if (splits < 1 || !(level > 0 && level < 1)) return 2;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_outcomes classes, numbers, models;
    made_classes(&classes);
    made_numbers(&numbers);
    made_models(&models);
    printf("data,method,options,guarantee,level,delta,reached,lo,hi,broken,kept,seconds\n");
    for (size_t k = 0; k < sizeof SETS / sizeof *SETS; k++)
        run("made classes", &classes, SETS + k, level, splits);
    for (size_t k = 0; k < sizeof INTERVALS / sizeof *INTERVALS; k++)
        run("made numbers", &numbers, INTERVALS + k, level, splits);
    for (size_t k = 0; k < sizeof MODELS / sizeof *MODELS; k++)
        run("made models", &models, MODELS + k, level, splits);
    if (logits && truth) {
        cull_outcomes_opts oo = CULL_OUTCOMES_OPTS;
        cull_outcomes_file *f;
        oo.logits = &logits;
        oo.logits_files = 1;
        oo.truth = truth;
        must(cx, cull_outcomes_open(cx, &oo, &f));
        cull_outcomes given = *cull_outcomes_of(f);
        given.hash = NULL;
        for (size_t k = 0; k < sizeof SETS / sizeof *SETS; k++)
            run("given", &given, SETS + k, level, splits);
        cull_outcomes_close(f);
    }
    cull_ctx_free(cx);
    return 0;
}

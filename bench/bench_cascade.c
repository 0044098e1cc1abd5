/* bench_cascade.c - times the exact front of cascades, and rows that go through one.
 *
 *   bench_cascade [--models K] [--rows N] [--threads T] [--quantiles Q] [--each]
 *
 * Models of rising cost and rate of being right, on rows that are hard for all or for none, with a confidence that
 * knows more than chance. Prints `case,models,rows,threads,wall seconds,processor seconds,value`: the front (value: how many
 * cascades were compared, then how many are on it), chains of five stages from its middle by changes alone and with 1000 beginnings (value: quality
 * of the start, of what was found, bound), the routing and
 * the method's apply (value: rows a second of processor time). */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "cull/cascade.h"
#include "cull/compute.h"

enum { ROUTED = 4000000 };

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_cascade: %s\n", cull_error(cx));
    exit(1);
}

static double cpu_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double *numbers(int64_t n)
{
    double *v = calloc((size_t)n, sizeof *v);
    if (!v) exit(1);
    return v;
}

static void fill(cull_cascade_table *t, double *confidence, double *quality, double *cost)
{
    cull_rng r = cull__rng_seeded(3, 1);
    double *hard = numbers(t->n);
    for (int64_t i = 0; i < t->n; i++) hard[i] = cull__rng_normal(&r);
    for (int64_t k = 0; k < t->models; k++) {
        double share = (double)k / (double)(t->models > 1 ? t->models - 1 : 1);
        double able = .3 + .9 * share + .1 * cull__rng_normal(&r), price = pow(100, share);
        if (!t->cost_each) cost[k] = price;
        for (int64_t i = 0; i < t->n; i++) {
            double margin = able - hard[i] + .7 * cull__rng_normal(&r);
            quality[k * t->n + i] = margin > 0;
            confidence[k * t->n + i] = 1 / (1 + exp(-fabs(margin) - cull__rng_normal(&r)));
            if (t->cost_each) cost[k * t->n + i] = price * (.5 + cull__rng_unit(&r));
        }
    }
    free(hard);
}

/* Five stages from the middle of the front on, for its cost. */
static void deep(cull_ctx *cx, const cull_cascade_table *t, const cull_cascade_front *f,
                 int64_t limit)
{
    cull_cascade_deep_opts o = CULL_CASCADE_DEEP_OPTS;
    cull_cascade_found got;
    int64_t start = f->n / 2;
    double wall = cull__now(), cpu = cpu_time();
    o.budget = f->at[start].cost;
    o.limit = limit;
    must(cx, cull_cascade_deepen(cx, t, &o, &f->at[start], &got));
    printf("deep,%d,%lld,%d,%.3f,%.3f,%.5f,%.5f,%.5f\n", t->models, (long long)t->n,
           cull_ctx_threads(cx), cull__now() - wall, cpu_time() - cpu, f->at[start].quality,
           got.best.quality, got.bound);
}

static void front(cull_ctx *cx, const cull_cascade_table *t, const cull_cascade_opts *o)
{
    cull_cascade_front f;
    double wall = cull__now(), cpu = cpu_time();
    must(cx, cull_cascade_fit(cx, t, o, &f));
    printf("front,%d,%lld,%d,%.3f,%.3f,%.0f,%lld\n", t->models, (long long)t->n,
           cull_ctx_threads(cx), cull__now() - wall, cpu_time() - cpu, f.looked, (long long)f.n);
    for (int64_t limit = 0; limit <= 1000; limit += 1000) deep(cx, t, &f, limit);
    cull_cascade_front_free(&f);
}

static void routing(void)
{
    cull_cascade c = {.stages = 3, .threshold = {.8, .6, -INFINITY}};
    double *v = numbers(3 * (int64_t)ROUTED), best = INFINITY;
    uint8_t *stage = malloc(ROUTED);
    cull_rng r = cull__rng_seeded(4, 1);
    if (!stage) exit(1);
    for (int64_t i = 0; i < 3 * (int64_t)ROUTED; i++) v[i] = cull__rng_unit(&r);
    for (int k = 0; k < 5; k++) {
        double began = cpu_time();
        cull_cascade_route(&c, v, ROUTED, stage);
        best = fmin(best, cpu_time() - began);
    }
    printf("route,3,%d,1,%.4f,%.4f,%.3g\n", ROUTED, best, best, ROUTED / best);
    free(v);
    free(stage);
}

/* The method as the door calls it: fitted on the first 10000 rows, applied to 2000000, from the scores of three models. */
static void method(cull_ctx *cx)
{
    enum { FEW = 10000, MANY = 2000000, K = 3 };
    static const double each[K] = {1, 4, 16};
    double *v = numbers(2 * (int64_t)K * FEW), *score = numbers((int64_t)K * MANY);
    cull_rng r = cull__rng_seeded(5, 1);
    for (int64_t i = 0; i < (int64_t)K * MANY; i++) score[i] = cull__rng_unit(&r);
    for (int64_t i = 0; i < (int64_t)K * FEW; i++) {
        v[i] = cull__rng_unit(&r);
        v[K * FEW + i] = cull__rng_unit(&r) < (v[i] + (double)(i / FEW)) / 3;
    }
    cull_outcomes few = {.n = FEW, .models = K, .score = v, .quality = v + K * FEW, .each = each},
                  many = {.n = MANY, .models = K, .score = score, .each = each};
    cull_compute_problem p = CULL_COMPUTE_PROBLEM;
    cull_policy *policy;
    cull_decisions d;
    p.rows = &few;
    p.budget = 9;
    must(cx, cull_compute_fit(cx, cull_method_find("cascade", NULL), NULL, &p, &policy));
    double wall = cull__now(), cpu = cpu_time();
    must(cx, cull_compute_apply(cx, policy, NULL, &many, &d));
    cpu = cpu_time() - cpu;
    printf("apply,%d,%d,%d,%.4f,%.4f,%.3g\n", K, MANY, cull_ctx_threads(cx), cull__now() - wall,
           cpu, MANY / cpu);
    cull_decisions_free(&d);
    cull_policy_free(policy);
    free(v);
    free(score);
}

int main(int argc, char **argv)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    cull_cascade_opts o = CULL_CASCADE_OPTS;
    cull_cascade_table t = {.n = 10000, .models = 30};
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--each")) {
            t.cost_each = true;
            continue;
        }
        if (!strcmp(argv[i], "--models"))
            t.models = atoi(next);
        else if (!strcmp(argv[i], "--rows"))
            t.n = atoll(next);
        else if (!strcmp(argv[i], "--threads"))
            co.threads = atoi(next);
        else if (!strcmp(argv[i], "--quantiles"))
            o.quantiles = atoi(next);
        else {
            fprintf(stderr, "bench_cascade: no option '%s'\n", argv[i]);
            return 2;
        }
        i++;
    }
    if (t.n < 1 || t.models < 1) return 2;
    cull_ctx *cx = cull_ctx_new(&co);
    if (!cx) return 1;
    double *confidence = numbers(t.n * t.models), *quality = numbers(t.n * t.models),
           *cost = numbers(t.n * t.models);
    t.confidence = confidence;
    t.quality = quality;
    t.cost = cost;
    fill(&t, confidence, quality, cost);
    front(cx, &t, &o);
    routing();
    method(cx);
    free(confidence);
    free(quality);
    free(cost);
    cull_ctx_free(cx);
    return 0;
}

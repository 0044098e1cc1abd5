/* quality.c - prints what tests/golden/quality.txt holds: for every method, on two small problems of
 * its task, how good its choice is and what it takes. A change of either is then a reviewed line.
 *
 * Numbers are of the method, not of the machine: kernels are AVX2's, reals have four digits.
 * Exit 77: no such kernels here. */
#include "contract/columns.h"
#include "contract/fixture.h"

static void must(const cull_ctx *cx, const cull_method *m, cull_status s)
{
    if (s != CULL_OK) fail_msg("%s: %s", m->slug, cull_error(cx));
}

/* The share of the kept that is of the clusters about which the targets lie. */
static double precision(const cull_pick *k)
{
    int64_t hits = 0;
    for (int64_t i = 0; i < k->n; i++) hits += k->idx[i] % 10 < 3;
    return (double)hits / (double)k->n;
}

/* Mean best similarity of the rows of `target` to a kept one; of the pool's own: the spread. */
static double coverage(cull_ctx *cx, const cull_data_problem *p, const cull_pick *k,
                       const cull_pool *target)
{
    int64_t m = cull_pool_n(target);
    double sum = 0, *best = malloc((size_t)m * sizeof *best);
    ok(cx, cull_pool_coverage(cx, p->pool, k->idx, k->n, target, best));
    for (int64_t j = 0; j < m; j++) sum += best[j];
    free(best);
    return sum / (double)m;
}

static void line(cull_ctx *cx, const cull_method *m, const char *problem,
                 const cull_data_problem *p)
{
    cull_pick k;
    cull_plan plan;
    double score = 0;
    must(cx, m, cull_data_plan(cx, m, NULL, p, &plan));
    must(cx, m, cull_data_pick(cx, m, NULL, p, &k));
    for (int64_t i = 0; i < k.n; i++) score += k.score[i];
    printf("%-20s %-7s %5d %6.4g %9.4g %9.4g %9.4g %10.4g %9llu %6.4g %9.4g\n", m->slug, problem,
           (int)k.n, k.spent, precision(&k), coverage(cx, p, &k, p->target),
           coverage(cx, p, &k, p->pool), score, (unsigned long long)plan.bytes, plan.passes,
           plan.flops);
    cull_pick_free(&k);
}

/* More text than the fixture's targets have: n-grams of a dozen sentences are too few to weigh. */
static textfile more_text(cull_ctx *cx)
{
    enum { N = 100 };
    char *text[N];
    cull_rng r = cull__rng_seeded(79, 0);
    for (int i = 0; i < N; i++) text[i] = fixture_sentence(i % 3, &r);
    textfile t = textfile_new(cx, (const char *const *)text, N);
    for (int i = 0; i < N; i++) free(text[i]);
    return t;
}

static void data_methods(cull_ctx *cx)
{
    fixture *f = fixture_new(2000);
    textfile target = more_text(f->cx);
    cull_data_problem plain = fixture_plain(f), full = fixture_full(f);
    plain.target_text = full.target_text = target.corpus;
    printf("%-20s %-7s %5s %6s %9s %9s %9s %10s %9s %6s %9s\n", "method", "problem", "kept",
           "spent", "precision", "coverage", "spread", "score", "bytes", "passes", "flops");
    for (int i = 0; i < cull_method_count(); i++) {
        if (cull_method_at(i)->task != CULL_TASK_DATA) continue;
        line(cx, cull_method_at(i), "plain", &plain);
        line(cx, cull_method_at(i), "full", &full);
    }
    textfile_free(&target);
    fixture_free(f);
}

/* ---- columns ---- */

/* told: of the columns that y is made of (and the copy of one), the share that was kept. rank: where the
 * strongest of them stands by score, from 0. */
static void column_line(cull_ctx *cx, const cull_method *m, bool numbers)
{
    static const int64_t real[] = {STRONG, WEAK, KIND, COPY};
    columns *f = columns_new(1000, 30, m->flags);
    cull_feature_problem p = columns_plain(f, numbers);
    cull_feature_pick k;
    cull_plan plan;
    int told = 0, rank = 0;
    double score = 0;
    p.budget = 6;
    must(cx, m, cull_feature_plan(cx, m, NULL, &p, &plan));
    must(cx, m, cull_feature_select(cx, m, NULL, &p, &k));
    for (int64_t i = 0; i < k.pick.n; i++) {
        score += k.pick.score[i];
        for (int r = 0; r < 4; r++) told += k.pick.idx[i] == real[r];
    }
    for (int64_t c = 0; c < k.d; c++) rank += k.score[c] > k.score[STRONG];
    printf("%-20s %-7s %5d %6.4g %5.4g %5d %10.4g %9llu %6.4g %9.4g\n", m->slug,
           numbers ? "numbers" : "classes", (int)k.pick.n, k.pick.spent, told / 4.0, rank, score,
           (unsigned long long)plan.bytes, plan.passes, plan.flops);
    cull_feature_pick_free(&k);
    columns_free(f);
}

static void feature_methods(cull_ctx *cx)
{
    printf("\n%-20s %-7s %5s %6s %5s %5s %10s %9s %6s %9s\n", "method", "target", "kept", "spent",
           "told", "rank", "score", "bytes", "passes", "flops");
    for (int i = 0; i < cull_method_count(); i++) {
        const cull_method *m = cull_method_at(i);
        if (m->task != CULL_TASK_FEATURE) continue;
        /* what a network comes to turns on the bits of matrix products, which are the processor's */
        if (!strcmp(m->slug, "tadred") || !strcmp(m->slug, "optfs")) continue;
        column_line(cx, m, false);
        if ((m->flags & CULL_NEEDS_Y) && !(m->flags & CULL_NEEDS_CLASSES)) column_line(cx, m, true);
    }
}

int main(void)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = 2;
    o.isa = "v3";
    setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1); /* no bf16: it takes other memory */
    cull_ctx *cx = cull_ctx_new(&o);
    if (!cx) {
        fputs("no AVX2 kernels here: the numbers of tests/golden/quality.txt are theirs\n", stderr);
        return 77;
    }
    data_methods(cx);
    feature_methods(cx);
    cull_ctx_free(cx);
    return 0;
}

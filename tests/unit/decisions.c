/* decisions: files of every form and member, whole or not at all; what they are worth and whether a guarantee
 * held, against plain counts. */
#include "files.h"

#include <zlib.h>

#include "cull/compute.h"
#include "cull/trust.h"

enum { MODELS = 3 };
static const char *const names[] = {"a,b", "say \"hi\"", "tab\there"};
static const cull_outcomes three = {.n = 1, .models = MODELS, .name = names};
static const unsigned ALL = CULL_DECIDES_CALLS | CULL_DECIDES_LABEL | CULL_DECIDES_SCORE |
                            CULL_DECIDES_KEEP | CULL_DECIDES_P | CULL_DECIDES_INTERVAL |
                            CULL_DECIDES_SET;

static cull_policy *policy_of(cull_ctx *cx, const char *slug)
{
    const cull_method *m = cull_method_find(slug, NULL);
    cull_policy *p;
    cull_opts *o;
    ok(cx, cull_opts_new(cx, m, &o));
    ok(cx, cull_policy_new(cx, &p));
    ok(cx, cull_policy_made_by(cx, p, m, o, &three));
    cull_opts_free(o);
    return p;
}

/* Three rows with all members. */
static void decide(cull_ctx *cx, cull_decisions *d)
{
    ok(cx, cull_decisions_new(cx, 3, ALL, 3, d));
    for (int i = 0; i < 3; i++) {
        assert_true(d->model[i] == 0 && d->called[i] == 0 && d->set[3 * i] == 0); /* zeroed */
        d->model[i] = 1 - i;                                                      /* 1, 0, -1 */
        d->called[i] = i == 0 ? 2 : i == 1 ? 1 : 7;
        d->cost[i] = 1.5 * i;
        d->label[i] = i - 1;
        d->score[i] = 0.25 - i;
        d->keep[i] = i != 1;
        d->p[i] = 0.1 * i;
        d->lo[i] = i == 2 ? -INFINITY : -i;
        d->hi[i] = i == 2 ? INFINITY : i;
    }
    d->set[0] = d->set[2] = d->set[4] = 1;
}

static void slurp(const char *path, char out[4096])
{
    gzFile f = gzopen(path, "rb"); /* plain files too */
    assert_non_null(f);
    int n = gzread(f, out, 4095);
    assert_true(n >= 0);
    out[n] = 0;
    gzclose(f);
}

static void forms(void **state)
{
    (void)state;
    static const char csv[] = "row,keep,p,model,called,cost,label,score,lo,hi,set\n"
                              "0,1,0,\"say \"\"hi\"\"\",\"say \"\"hi\"\"\",0,-1,0.25,0,0,0 2\n"
                              "1,0,0.1,\"a,b\",\"a,b\",1.5,0,-0.75,-1,1,1\n"
                              "2,1,0.2,-,\"a,b say \"\"hi\"\" tab\there\",3,1,-1.75,-inf,inf,\n";
    static const char tsv[] =
        "row\tkeep\tp\tmodel\tcalled\tcost\tlabel\tscore\tlo\thi\tset\n"
        "0\t1\t0\t\"say \"\"hi\"\"\"\t\"say \"\"hi\"\"\"\t0\t-1\t0.25\t0\t0\t0 2\n"
        "1\t0\t0.1\ta,b\ta,b\t1.5\t0\t-0.75\t-1\t1\t1\n"
        "2\t1\t0.2\t-\t\"a,b say \"\"hi\"\" tab\there\"\t3\t1\t-1.75\t-inf\tinf\t\n";
    static const char jsonl[] =
        "{\"row\":0,\"keep\":true,\"p\":0,\"model\":\"say \\\"hi\\\"\",\"called\":[\"say "
        "\\\"hi\\\"\"],\"cost\":0,\"label\":-1,\"score\":0.25,\"lo\":0,\"hi\":0,\"set\":[0,2]}\n"
        "{\"row\":1,\"keep\":false,\"p\":0.1,\"model\":\"a,b\",\"called\":[\"a,b\"],\"cost\":1.5,"
        "\"label\":0,\"score\":-0.75,\"lo\":-1,\"hi\":1,\"set\":[1]}\n"
        "{\"row\":2,\"keep\":true,\"p\":0.2,\"model\":\"-\",\"called\":[\"a,b\",\"say "
        "\\\"hi\\\"\",\"tab\\there\"],\"cost\":3,\"label\":1,\"score\":-1.75,\"lo\":null,\"hi\":"
        "null,"
        "\"set\":[]}\n";
    static const struct {
        const char *name, *want;
    } form[] = {{"d.csv", csv},      {"d.csv.gz", csv},  {"d.tsv", tsv},       {"d.tsv.gz", tsv},
                {"d.anything", tsv}, {"d.jsonl", jsonl}, {"d.jsonl.gz", jsonl}};
    char got[4096], want[4096];
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_policy *p = policy_of(cx, "cascade");
    cull_decisions d;
    decide(cx, &d);
    for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
        ok(cx, cull_decisions_write(cx, &d, p, in_dir(form[i].name)));
        slurp(in_dir(form[i].name), got);
        assert_string_equal(got, form[i].want);
    }
    ok(cx, cull_decisions_write(cx, &d, p, in_dir("d.json")));
    slurp(in_dir("d.json"), got); /* the lines of jsonl as one list */
    size_t n = 0;
    want[n++] = '[';
    for (const char *s = jsonl; *s; s++) want[n++] = *s == '\n' ? ',' : *s;
    strcpy(want + n - 1, "]\n");
    assert_string_equal(got, want);
    refused(cx, cull_decisions_write(cx, &d, p, in_dir("no/such/d.csv")), CULL_EIO, "no/such");
    cull_decisions_free(&d);
    assert_null(d.model);
    ok(cx,
       cull_decisions_new(cx, 2, CULL_DECIDES_KEEP, 0, &d)); /* what is not there has no column */
    ok(cx, cull_decisions_write(cx, &d, p, in_dir("k.csv")));
    slurp(in_dir("k.csv"), got);
    assert_string_equal(got, "row,keep\n0,0\n1,0\n");
    cull_decisions_free(&d);
    ok(cx, cull_decisions_new(cx, 0, ALL, 3, &d));
    ok(cx, cull_decisions_write(cx, &d, p, in_dir("none.json")));
    slurp(in_dir("none.json"), got);
    assert_string_equal(got, "[]\n");
    cull_decisions_free(&d);
    assert_true(cull_decisions_new(cx, INT64_MAX / 2, CULL_DECIDES_SET, 3, &d) != CULL_OK);
    assert_null(d.set);
    cull_policy_free(p);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void no_memory(void **state)
{
    (void)state;
    cull_ctx *plain = cull_ctx_new(NULL);
    cull_policy *p = policy_of(plain, "cascade");
    static const char *const file[] = {"m.csv", "m.json"};
    for (int f = 0; f < 2; f++) {
        bool failed = true;
        for (long k = 1; failed; k++) {
            hooks h = {.fail_at = k};
            cull_ctx *cx = hooked_ctx(&h, 1);
            cull_decisions d = {0};
            failed = !cx;
            if (!cx) continue;
            unlink(in_dir(file[f]));
            cull_status s = cull_decisions_new(cx, 3, ALL, 3, &d);
            if (s == CULL_OK) s = cull_decisions_write(cx, &d, p, in_dir(file[f]));
            failed = h.calls >= k;
            assert_int_equal(s, failed ? CULL_ENOMEM : CULL_OK);
            assert_int_equal(access(in_dir(file[f]), F_OK),
                             failed ? -1 : 0); /* whole or not at all */
            cull_decisions_free(&d);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
    }
    cull_policy_free(p);
    cull_ctx_free(plain);
}

/* ---- compute: what they are worth ---- */
static void judged(void **state)
{
    (void)state;
    enum { N = 97, K = 2 };
    double quality[K * N], cost[K * N];
    int32_t group[N];
    for (int i = 0; i < N; i++) {
        quality[i] = i % 3 > 0, quality[N + i] = i % 7 > 0;
        cost[i] = 1 + i % 2 * 0.5, cost[N + i] = 7;
        group[i] = i / 10;
    }
    cull_outcomes o = {.n = N, .models = K, .quality = quality, .cost = cost};
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_decisions d;
    cull_compute_verdict *v = calloc(2, sizeof *v);
    ok(cx, cull_decisions_new(cx, N, CULL_DECIDES_CALLS, 0, &d));
    double q = 0, c = 0, called = 0, each[K] = {0}, paid[K] = {0};
    for (int i = 0; i < N; i++) {
        d.model[i] = i % 4 == 0;
        d.called[i] = d.model[i] ? 3 : 1;
        d.cost[i] = cost[i] + (d.model[i] ? cost[N + i] : 0);
        q += quality[d.model[i] * N + i], c += d.cost[i], called += d.model[i];
        for (int k = 0; k < K; k++) each[k] += quality[k * N + i], paid[k] += cost[k * N + i];
    }
    ok(cx, cull_compute_judge(cx, &d, &o, v));
    assert_int_equal(v->lines, 3);
    assert_int_equal(v->best, 2);
    assert_string_equal(v->line[0].what, "policy");
    assert_true(fabs(v->line[0].quality - q / N) < 1e-12 && fabs(v->line[0].cost - c / N) < 1e-12);
    assert_true(fabs(v->line[0].saving - (1 - c / paid[1])) < 1e-12);
    for (int k = 0; k < K; k++) {
        const cull_compute_line *l = &v->line[k + 1];
        assert_true(fabs(l->quality - each[k] / N) < 1e-12 && fabs(l->cost - paid[k] / N) < 1e-12);
        double wide =
            1.96 * sqrt(l->quality * (1 - l->quality) / N); /* the normal interval: near */
        assert_true(l->quality_lo < l->quality && l->quality < l->quality_hi);
        assert_true(fabs(l->quality_hi - l->quality_lo - 2 * wide) < 0.3 * wide);
    }
    assert_true(v->line[2].saving == 0 && v->line[2].cost_lo == 7 && v->line[2].cost_hi == 7);
    assert_true(v->share[0] == 1 && v->share[1] == called / N);
    o.group = group, o.groups = 10; /* the same means, other intervals */
    ok(cx, cull_compute_judge(cx, &d, &o, v + 1));
    assert_true(v[1].line[0].quality == v->line[0].quality);
    assert_true(v[1].line[0].quality_lo != v->line[0].quality_lo);
    d.model[5] = -1;
    refused(
        cx, cull_compute_judge(cx, &d, &o, v), CULL_EINPUT,
        "row 5: it is not known what its answer is worth; give the quality of models or the truth");
    d.model[5] = 0, quality[5] = NAN;
    refused(cx, cull_compute_judge(cx, &d, &o, v), CULL_EINPUT, "row 5: it is not known");
    o.n = N - 1;
    refused(cx, cull_compute_judge(cx, &d, &o, v), CULL_EINPUT,
            "decisions about 97 rows, outcomes of 96");
    cull_decisions_free(&d);
    free(v);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* From outputs and the truth alone: models by their largest outputs, decisions by their labels. */
static void judged_by_outputs(void **state)
{
    (void)state;
    enum { N = 6 };
    static const float first[2 * N] = {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0},
                                 second[2 * N] = {1, 0, 0, 1, 1, 0, 0, 1, 0.5f, 0.5f, 0, 1};
    static const double truth[N] = {0, 1, 1, 1, 0, 1}, each[] = {1, 4};
    static const float *const out[] = {first, second};
    const cull_outcomes o = {
        .n = N, .models = 2, .classes = 2, .out = out, .truth = truth, .each = each};
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_decisions d;
    cull_compute_verdict *v = calloc(1, sizeof *v);
    ok(cx, cull_decisions_new(cx, N, CULL_DECIDES_CALLS | CULL_DECIDES_LABEL, 0, &d));
    for (int i = 0; i < N; i++) d.model[i] = -1, d.called[i] = 3, d.cost[i] = 5, d.label[i] = i > 0;
    ok(cx, cull_compute_judge(cx, &d, &o, v));
    assert_int_equal(v->lines, 3);
    assert_true(fabs(v->line[0].quality - 5.0 / 6) < 1e-12 && v->line[0].cost == 5);
    assert_true(fabs(v->line[1].quality - 2.0 / 6) < 1e-12);
    assert_true(fabs(v->line[2].quality - 5.0 / 6) < 1e-12 && v->best == 2);
    assert_true(fabs(v->line[0].saving - (1 - 5.0 / 4)) < 1e-12 && v->share[1] == 1);
    cull_decisions_free(&d);
    free(v);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- trust: did it hold? ---- */
static double binomial_tail(int hits, int n, double share) /* P(X >= hits), by its terms */
{
    double p = 0;
    for (int k = hits; k <= n; k++)
        p += exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) + k * log(share) +
                 (n - k) * log(1 - share));
    return p;
}

static void checked(void **state)
{
    (void)state;
    enum { N = 50, CALIBRATION = 199 };
    double truth[N];
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_policy *p = policy_of(cx, "conformal-selection");
    cull_outcomes o = {.n = N, .models = 1, .truth = truth};
    cull_decisions d, e, f;
    cull_trust_verdict v;
    cull_guarantee g = {
        .bounds = "what", .level = 0.2, .delta = 0.1, .assumes = "x", .n = CALIBRATION};
    ok(cx, cull_policy_guarantee(cx, p, &g));
    ok(cx, cull_policy_put_number(cx, p, "above", 2));
    ok(cx, cull_decisions_new(cx, N, CULL_DECIDES_KEEP, 0, &d));
    int kept = 0, wrong = 0, good = 0;
    for (int i = 0; i < N; i++) {
        truth[i] = i % 5;
        d.keep[i] = i % 5 >= 2 && i % 3 > 0;
        kept += d.keep[i], wrong += d.keep[i] && truth[i] <= 2, good += truth[i] > 2;
    }
    ok(cx, cull_trust_check(cx, p, &d, &o, &v));
    assert_true(v.kept == kept && v.rows == N && v.level == 0.2);
    assert_true(v.reached == (double)wrong / kept);
    assert_true(v.power == (double)(kept - wrong) / good);
    assert_true(fabs(v.p - binomial_tail(wrong, kept, 0.2)) <
                1e-9); /* with a delta: a share at the level */
    assert_true(v.refuted == (v.p < 0.025));
    assert_true(fabs(binomial_tail(wrong, kept, v.lo) - 0.025) <
                1e-6); /* Clopper and Pearson's ends */
    assert_true(fabs(1 - binomial_tail(wrong + 1, kept, v.hi) - 0.025) < 1e-6);
    g.delta = 0;
    ok(cx, cull_policy_guarantee(cx, p, &g));
    ok(cx, cull_trust_check(cx, p, &d, &o, &v));
    int before = (int)floor(0.2 * kept * (CALIBRATION + 1) / N);
    assert_true(fabs(v.p - binomial_tail(wrong, wrong + before, (double)N / (N + CALIBRATION))) <
                1e-9);
    memset(d.keep, 0, N); /* nothing kept, nothing wrong */
    ok(cx, cull_trust_check(cx, p, &d, &o, &v));
    assert_true(v.reached == 0 && v.kept == 0 && v.power == 0 && !v.refuted && isnan(v.p));

    ok(cx, cull_decisions_new(cx, N, CULL_DECIDES_SET, 5, &e));
    ok(cx, cull_decisions_new(cx, N, CULL_DECIDES_INTERVAL, 0, &f));
    int size = 0, missed = 0, out = 0;
    double width = 0;
    for (int i = 0; i < N; i++) {
        for (int c = 0; c < 5; c++) size += e.set[5 * i + c] = (i + c) % 3 > 0;
        missed += !e.set[5 * i + (int)truth[i]];
        f.lo[i] = i % 4, f.hi[i] = f.lo[i] + 1.5;
        out += truth[i] < f.lo[i] || truth[i] > f.hi[i];
        width += 1.5;
    }
    ok(cx, cull_trust_check(cx, p, &e, &o, &v));
    assert_true(v.reached == (double)missed / N && v.power == (double)size / N && v.kept == N);
    assert_false(v.refuted); /* a third, where a fifth may be: 50 rows do not refute it */
    g.level = 0.1;
    ok(cx, cull_policy_guarantee(cx, p, &g));
    ok(cx, cull_trust_check(cx, p, &e, &o, &v));
    assert_true(v.refuted && v.p < 0.025);
    ok(cx, cull_trust_check(cx, p, &f, &o, &v));
    assert_true(v.reached == (double)out / N && fabs(v.power - width / N) < 1e-12);

    truth[3] = 5;
    refused(cx, cull_trust_check(cx, p, &e, &o, &v), CULL_EINPUT, "row 3: the truth is 5");
    truth[3] = NAN;
    refused(cx, cull_trust_check(cx, p, &f, &o, &v), CULL_EINPUT, "row 3: the truth is nan");
    truth[3] = 0.5;
    refused(cx, cull_trust_check(cx, p, &e, &o, &v), CULL_EINPUT, "row 3: the truth is 0.5");
    o.truth = NULL;
    refused(cx, cull_trust_check(cx, p, &d, &o, &v), CULL_EINPUT,
            "a check wants the truth of rows");
    o.truth = truth, o.n = N - 1;
    refused(cx, cull_trust_check(cx, p, &d, &o, &v), CULL_EINPUT, "other rows than the truth");
    cull_decisions_free(&d), cull_decisions_free(&e), cull_decisions_free(&f);
    ok(cx, cull_decisions_new(cx, N - 1, CULL_DECIDES_SCORE, 0, &d));
    refused(cx, cull_trust_check(cx, p, &d, &o, &v), CULL_EINPUT,
            "no decision that a truth could refute");
    cull_decisions_free(&d);
    cull_policy_free(p);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(forms, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(no_memory, make_dir, drop_dir),
        cmocka_unit_test(judged),
        cmocka_unit_test(judged_by_outputs),
        cmocka_unit_test(checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* trust_peers: prediction-sets and prediction-intervals beside MAPIE's and crepes' answers, which are in tests/trust/peers.tsv;
 * bench/peers/conformal_peers.py makes them of the same rows. */
#include "trusting.h"

enum { FIT = 89, TEST = 31, K = 4, COLUMNS = 13, LINE = 4096 };
static const double LEVEL = .17;

static double unit(int i, int a, int b, int m) { return (double)((a * i + b) % m) / m; }

typedef struct {
    float z[TEST + FIT][K];
    const float *out[1];
    double truth[TEST + FIT], spread[TEST + FIT], score[2 * (TEST + FIT)];
    int32_t group[TEST + FIT];
    cull_outcomes o;
} rows;

/* Rows lo .. lo + n: classes, or numbers with one prediction or two. */
static void make(rows *r, int lo, int n, int models)
{
    memset(r, 0, sizeof *r);
    for (int i = 0; i < n; i++) {
        int at = lo + i, best = 0;
        double x = unit(at, 37, 5, 131), s = .25 + x, v[K];
        for (int c = 0; c < K; c++) {
            r->z[i][c] = (float)(6 * unit(5 * at + 3 * c, 71, 3 * c, 997));
            v[c] = r->z[i][c] + 4 * unit(at, 41, 17 * c, 89);
            if (v[c] > v[best]) best = c;
        }
        r->truth[i] = models ? 3 * x + s * (2 * unit(at, 53, 2, 97) - 1) : best;
        r->spread[i] = s;
        r->group[i] = x > .5;
        r->score[i] = models == 2 ? 3 * x - s / 2 : 3 * x;
        r->score[n + i] = 3 * x + s / 4;
    }
    r->out[0] = &r->z[0][0];
    r->o = (cull_outcomes){
        .n = n, .models = models ? models : 1, .truth = r->truth, .group = r->group, .groups = 2};
    if (models) {
        r->o.score = r->score;
        r->o.spread = r->spread;
    } else {
        r->o.out = r->out;
        r->o.classes = K;
        r->o.outputs = CULL_LOGITS;
    }
}

/* What is in the column of that name. */
static void recorded(const char *name, char cell[TEST][32])
{
    FILE *f = fopen(CULL_SOURCE_DIR "/tests/trust/peers.tsv", "r");
    char line[LINE], *rest;
    int column = -1, row = 0;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (*line == '#') continue;
        int k = 0;
        for (char *at = strtok_r(line, "\t\n", &rest); at;
             at = strtok_r(NULL, "\t\n", &rest), k++) {
            if (column < 0 && !strcmp(at, name)) break;
            if (column == k) snprintf(cell[row], 32, "%s", at);
        }
        if (column < 0)
            column = k;
        else
            row++;
    }
    fclose(f);
    assert_true(column < COLUMNS);
    assert_int_equal(row, TEST);
}

static void apply(cull_ctx *cx, const char *slug, const char *const *set, int models,
                  cull_decisions *d)
{
    static rows a, b;
    const cull_method *m = cull_method_find(slug, NULL);
    cull_trust_problem p = CULL_TRUST_PROBLEM;
    cull_policy *policy;
    cull_opts *opts;
    make(&a, 0, FIT, models);
    make(&b, FIT, TEST, models);
    p.rows = &a.o;
    p.level = LEVEL;
    ok(cx, cull_opts_new(cx, m, &opts));
    for (; *set; set += 2) ok(cx, cull_opts_set(cx, opts, set[0], set[1]));
    ok(cx, cull_trust_fit(cx, m, opts, &p, &policy));
    ok(cx, cull_trust_apply(cx, policy, NULL, &b.o, d, NULL));
    cull_opts_free(opts);
    cull_policy_free(policy);
}

static void sets(void **state)
{
    (void)state;
    const struct {
        const char *column, *set[5];
    } all[] = {{"mapie_lac", {"kind", "lac"}},
               {"mapie_top", {"kind", "top"}},
               {"crepes_lac_class", {"kind", "lac", "by", "class"}}};
    char want[TEST][32], got[K + 1] = "";
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_decisions d;
        recorded(all[k].column, want);
        apply(cx, "prediction-sets", all[k].set, 0, &d);
        for (int j = 0; j < TEST; j++) {
            for (int c = 0; c < K; c++) got[c] = (char)('0' + d.set[j * K + c]);
            assert_string_equal(got, want[j]);
        }
        cull_decisions_free(&d);
        cull_ctx_free(cx);
    }
}

static void intervals(void **state)
{
    (void)state;
    const struct {
        const char *column, *set[5];
        int models;
    } all[] = {{"mapie_split", {NULL}, 1},
               {"crepes_spread", {"around", "spread"}, 1},
               {"crepes_group", {"by", "group"}, 1},
               {"mapie_cqr_both", {"around", "quantiles"}, 2},
               {"mapie_cqr_each", {"around", "quantiles", "ends", "each"}, 2}};
    char lo[TEST][32], hi[TEST][32], name[64];
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_decisions d;
        snprintf(name, sizeof name, "%s_lo", all[k].column);
        recorded(name, lo);
        snprintf(name, sizeof name, "%s_hi", all[k].column);
        recorded(name, hi);
        apply(cx, "prediction-intervals", all[k].set, all[k].models, &d);
        for (int j = 0; j < TEST; j++) /* sums of a few numbers below 10, in another order */
            if (fabs(d.lo[j] - strtod(lo[j], NULL)) > 1e-14 ||
                fabs(d.hi[j] - strtod(hi[j], NULL)) > 1e-14)
                fail_msg("%s: row %d: %.17g to %.17g, not %s to %s", all[k].column, j, d.lo[j],
                         d.hi[j], lo[j], hi[j]);
        cull_decisions_free(&d);
        cull_ctx_free(cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sets), cmocka_unit_test(intervals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* claim_moe: the model that checks of experts share - its text, a layer against plain loops, what files and methods leave of
 * it - and both checks at a scale that is small enough to try all of it here. */
#include "claim/moe_text.h"
#include "claiming.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <unistd.h>

enum { SEEDS = 2, EXPERTS = 8 };
static const cull__moe_scale small = {.width = 16,
                                      .heads = 2,
                                      .hidden = 8,
                                      .context = 12,
                                      .batch = 8,
                                      .pretrain = 10,
                                      .tune = 3,
                                      .letters = 4000,
                                      .calibration = 8,
                                      .validation = 8};

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/cull-claim-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

static cull_ctx *ctx_in_dir(hooks *h, int threads)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.user = h;
    o.alloc = hook_alloc;
    o.free = hook_free;
    o.tick = hook_tick;
    o.tick_ms = 0;
    o.threads = threads;
    o.tmpdir = dir;
    return cull_ctx_new(&o);
}

static int files_left(void)
{
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* ---- text ---- */

static char letter(int32_t id) { return (char)(id == CULL__MOE_SYMBOLS - 1 ? '\n' : ' ' + id); }

static void texts(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__moe_text t;
    static char s[CULL__MOE_KINDS][4001];
    ok(cx, cull__moe_text_new(cx, &small, &t));
    for (int k = 0; k < CULL__MOE_KINDS; k++)
        for (int i = 0; i < small.letters; i++) {
            assert_in_range(t.id[k][i], 0, CULL__MOE_SYMBOLS - 1);
            s[k][i] = letter(t.id[k][i]);
        }
    int sums = 0, days = 0, deep = 0;
    for (char *at = s[0], *end; (end = strchr(at, '\n')); at = end + 1, sums++) {
        int a, b, c;
        assert_int_equal(sscanf(at, "%d+%d=%d\n", &a, &b, &c), 3);
        assert_int_equal(a + b, c);
    }
    assert_true(sums > 300);
    for (const char *at = s[1]; *at; at++) {
        deep += strchr("([{", *at) != NULL;
        deep -= strchr(")]}", *at) != NULL;
        assert_true(*at == ';' ? deep == 0 : deep >= 0);
    }
    for (const char *at = s[2]; *at; at++) assert_true(islower(*at) || strchr(" .?", *at));
    for (char *at = s[3], *end; (end = strchr(at, '|')); at = end + 1) {
        int year, m[3], d[3];
        assert_int_equal(
            sscanf(at, "%4d-%2d-%2d %2d-%2d %2d-%2d|", &year, m, d, m + 1, d + 1, m + 2, d + 2), 7);
        for (int k = 0; k < 2; k++, days++)
            assert_true(d[k + 1] == d[k] + 1 || (d[k + 1] == 1 && m[k + 1] == m[k] % 12 + 1));
    }
    assert_true(days > 200);
    /* no sequence reaches into another part */
    static const double part[] = {0, .7, .85, 1};
    for (int p = CULL__MOE_LEARN; p <= CULL__MOE_VALIDATE; p++) {
        int64_t *at, kinds[CULL__MOE_KINDS] = {0};
        ok(cx, cull__moe_rows(cx, &small, (cull__moe_split)p, -1, 40, 5, &at));
        for (int i = 0; i < 40; i++) {
            const int64_t place = at[i] % small.letters;
            kinds[at[i] / small.letters]++;
            assert_true((double)place >= part[p] * 4000 - .5);
            assert_true((double)(place + small.context) < part[p + 1] * 4000);
        }
        for (int k = 0; k < CULL__MOE_KINDS; k++) assert_int_equal(kinds[k], 10);
    }
    cull_ctx_free(cx);
}

/* ---- a layer ---- */

static const float *at_of(const cull__moe_net *m, int param)
{
    return cull_params_value(m->p) + cull_params_at(m->p, param)->at;
}

static double dot(const float *a, const float *b, int n)
{
    double s = 0;
    for (int i = 0; i < n; i++) s += (double)a[i] * b[i];
    return s;
}

/* One token through a layer by plain loops; how many experts ran. */
static int plain(const cull__moe_net *m, int layer, const float *x, double *y)
{
    const int w = (int)small.width, h = (int)small.hidden;
    const cull__moe_block_at *l = m->layer + layer;
    double z[EXPERTS];
    int first = -1, second = -1;
    for (int e = 0; e < EXPERTS; e++) {
        z[e] = dot(at_of(m, l->gate) + e * w, x, w);
        if (first < 0 || z[e] > z[first]) first = e;
    }
    for (int e = 0; e < EXPERTS; e++)
        if (e != first && (second < 0 || z[e] > z[second])) second = e;
    const double ratio = exp(z[second] - z[first]);
    const bool one = ratio < m->beta[layer];
    const int who[] = {first, second};
    const double share[] = {one ? 1 : 1 / (1 + ratio), ratio / (1 + ratio)};
    memset(y, 0, (size_t)w * sizeof *y);
    for (int k = 0; k < (one ? 1 : 2); k++) {
        const int *at = l->expert[who[k]];
        float hidden[16];
        for (int i = 0; i < h; i++) {
            const double g = dot(at_of(m, at[0]) + i * w, x, w);
            hidden[i] = (float)(g / (1 + exp(-g)) * dot(at_of(m, at[2]) + i * w, x, w));
        }
        for (int j = 0; j < w; j++) y[j] += share[k] * dot(at_of(m, at[1]) + j * h, hidden, h);
    }
    return one ? 1 : 2;
}

static void layers(void **state)
{
    (void)state;
    enum { N = 60, WIDTH = 16 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__moe_text t;
    cull__moe_net m;
    cull_tape *tape;
    static float x[N * WIDTH];
    const int64_t dim[] = {N, WIDTH};
    cull_rng r = cull__rng_seeded(3, 0);
    for (int i = 0; i < N * WIDTH; i++) x[i] = (float)cull__rng_normal(&r);
    ok(cx, cull__moe_text_new(cx, &small, &t));
    ok(cx, cull__moe_net_new(cx, &t, EXPERTS, EXPERTS, &m));
    ok(cx, cull_tape_new(cx, m.p, &tape));
    for (int k = 0; k < 3; k++) {
        const int layer = k % 2;
        int64_t runs = 0;
        m.beta[layer] = k == 2 ? .5 : 0;
        m.tokens = m.runs = 0;
        cull_tape_reset(tape, cx, 0, 0);
        cull_var *y = cull__moe_layer(tape, &m, layer, cull_nn_input(tape, 2, dim, x, false), NULL);
        ok(cx, cull_tape_status(tape));
        for (int i = 0; i < N; i++) {
            double want[WIDTH];
            runs += plain(&m, layer, x + i * WIDTH, want);
            for (int j = 0; j < WIDTH; j++)
                assert_true(fabs(cull_var_value(y)[i * WIDTH + j] - want[j]) < 1e-5);
        }
        assert_int_equal(m.tokens, N);
        assert_int_equal(m.runs, runs);
        assert_true(k == 2 ? runs > N && runs < 2 * N : runs == 2 * N);
    }
    cull_tape_free(tape);
    cull__moe_net_close(&m);
    cull_ctx_free(cx);
}

/* ---- files ---- */

/* What is recorded belongs to what is judged; all experts kept are the model itself, in either router. */
static void identities(void **state)
{
    (void)state;
    static const char *const option[] = {"experts=8 top=2 by=loss", "experts=8 top=2",
                                         "experts=8 top=2 router=mapped"};
    hooks h = {0};
    cull_ctx *cx = ctx_in_dir(&h, 1);
    cull__moe_text t;
    cull__moe_net m, same_one;
    cull__moe_record r;
    cull__moe_files f;
    int64_t tokens;
    double before, learnt, again;
    ok(cx, cull__moe_text_new(cx, &small, &t));
    ok(cx, cull__moe_net_new(cx, &t, EXPERTS, EXPERTS, &m));
    ok(cx, cull__moe_judge(cx, &m, 2, &before));
    ok(cx, cull__moe_train(cx, &m, 2, 30, 1e-2, 1));
    ok(cx, cull__moe_judge(cx, &m, 2, &learnt));
    assert_true(learnt < before - .5);
    ok(cx, cull__moe_record_of(cx, &m, 2, &r, &tokens));
    assert_int_equal(tokens, small.calibration * small.context);
    for (int i = 0; i < CULL__MOE_LAYERS; i++)
        for (int64_t k = 0; k < tokens * EXPERTS; k++) {
            const int64_t token = k / EXPERTS, e = k % EXPERTS;
            const double z = dot(r.inputs[i] + token * small.width,
                                 at_of(&m, m.layer[i].gate) + e * small.width, 16);
            assert_true(fabs(r.logits[i][k] - z) < 1e-4);
        }
    ok(cx, cull__moe_files_open(cx, "moe", &f));
    ok(cx, cull__moe_save(cx, &f, &m));
    ok(cx, cull__moe_save_record(cx, &f, &m, &r, tokens, NULL));
    for (int k = 0; k < 3; k++) {
        ok(cx, cull__moe_reduce(cx, &f, &m, k ? "expert-merge" : "expert-drop", option[k], EXPERTS,
                                &same_one));
        ok(cx, cull__moe_judge(cx, &same_one, 2, &again));
        assert_true(again == learnt);
        cull__moe_net_close(&same_one);
    }
    cull__moe_files_close(&f);
    assert_int_equal(files_left(), 0);
    cull__moe_net_close(&m);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- the checks ---- */

typedef cull_status measure_fn(cull_ctx *cx, const cull__moe_scale *scale, cull_claim_result *out);

static void measured(measure_fn *measure, int lines)
{
    static cull_claim_result one, two;
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = ctx_in_dir(&h, threads);
        cull_claim_result *r = threads == 1 ? &one : &two;
        *r = (cull_claim_result){.seeds = SEEDS};
        ok(cx, measure(cx, &small, r));
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        assert_int_equal(files_left(), 0);
    }
    same(&one, &two);
    assert_int_equal(one.lines, lines);
    for (int i = 0; i < one.lines; i++) assert_true(isfinite(one.line[i].value));
    for (int i = 0; i < one.figures; i++) assert_true(one.figure[i].value > 0);
}

static void stopped(measure_fn *measure)
{
    static cull_claim_result r;
    for (long k = 1; k < 120; k += 23) {
        hooks h = {.stop_at = k};
        cull_ctx *cx = ctx_in_dir(&h, 1);
        r = (cull_claim_result){.seeds = SEEDS};
        refused(cx, measure(cx, &small, &r), CULL_ECANCEL, "stopped");
        assert_int_equal(files_left(), 0);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

static void without_memory(measure_fn *measure)
{
    static cull_claim_result r;
    cull__moe_scale s = small;
    s.pretrain = s.tune = 1;
    for (long k = 1; k < 6000; k += 1 + k / WIDER) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = ctx_in_dir(&h, 1);
        if (cx) {
            r = (cull_claim_result){.seeds = 1};
            cull_status st = measure(cx, &s, &r);
            if (h.calls >= k)
                assert_int_equal(st, CULL_ENOMEM);
            else
                ok(cx, st);
        }
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        assert_int_equal(files_left(), 0);
    }
}

static void uncurl(void **state)
{
    (void)state;
    measured(cull__uncurl_measure, 10);
    static cull_claim_result r = {.seeds = 1};
    cull_ctx *cx = cull_ctx_new(NULL);
    ok(cx, cull__uncurl_measure(cx, &small, &r));
    assert_true(r.line[0].holds && r.line[1].holds); /* planted: at any scale */
    cull_ctx_free(cx);
}

static void survey(void **state)
{
    (void)state;
    measured(cull__moe_survey_measure, 5);
}

static void interrupted(void **state)
{
    (void)state;
    stopped(cull__uncurl_measure);
    stopped(cull__moe_survey_measure);
}

static void memory_fails(void **state)
{
    (void)state;
    without_memory(cull__uncurl_measure);
    without_memory(cull__moe_survey_measure);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),        cmocka_unit_test(layers), cmocka_unit_test(identities),
        cmocka_unit_test(uncurl),       cmocka_unit_test(survey), cmocka_unit_test(interrupted),
        cmocka_unit_test(memory_fails),
    };
    (void)keeps;
    (void)fails_well;
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

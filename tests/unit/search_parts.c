/* search_parts: choices of a point made and read, trials by key, spreads, sequences where most points are left out. */
#include "test.h"

#include "search/parts.h"

static cull_space *space_of(cull_ctx *cx, const char *text)
{
    cull_space *s;
    ok(cx, cull_space_from(cx, text, strlen(text), "test", &s));
    return s;
}

/* ---- choices ---- */
typedef struct {
    int n;
    int64_t slot[64];
    int way[64];
} row;

static int at_random(void *user, int64_t slot, int ways, const uint8_t *open, cull_rng *r)
{
    row *k = user;
    int w;
    do w = (int)cull__rng_below(r, ways);
    while (open && !open[w]);
    k->slot[k->n] = slot, k->way[k->n++] = w;
    return w;
}

static bool note(void *user, int64_t slot, int ways, const uint8_t *open, int way)
{
    row *k = user;
    assert_true(way >= 0 && way < ways && (!open || open[way]));
    k->slot[k->n] = slot, k->way[k->n++] = way;
    return true;
}

/* What was chosen is what is read, on every kind; a real is within its part. */
static void made_and_read(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_space *s = space_of(
        cx, "lr = real(1e-5, 0.1, log)\nn = int(1, 5000)\nm = int(1, 5000, log)\n"
            "k = int(2, 20, step=3)\n"
            "opt = or { sgd { o = permutation(a, b, c, d) } adam { keep = subset(2..3 of 5) } }\n"
            "e = ordinal(1, 2, 5)\nmix = simplex(a, b)\none = one(x)\n");
    cull__choices *c;
    ok(cx, cull__choices_new(cx, s, 8, &c));
    cull_rng r = cull__rng(cx, 4);
    double x[32];
    int part[8] = {0};
    for (int i = 0; i < 4000; i++) {
        row made = {0}, read = {0};
        assert_true(cull__choices_make(c, at_random, &made, &r, x));
        ok(cx, cull_space_check(cx, s, x));
        cull__choices_read(c, x, note, &read);
        assert_int_equal(made.n, read.n);
        assert_memory_equal(made.slot, read.slot, sizeof made.slot);
        for (int k = 0; k < made.n; k++) assert_int_equal(made.way[k], read.way[k]);
        int own = (int)(log(x[0] / 1e-5) / log(1e4) * 8);
        assert_int_equal(own, made.way[0]);
        part[own]++;
    }
    for (int k = 0; k < 8; k++) assert_in_range(part[k], 500 - 84, 500 + 84); /* 4 deviations */
    cull__choices_free(c);
    for (long k = 1;; k++) {
        h.fail_at = h.calls + k;
        cull_status st = cull__choices_new(cx, s, 8, &c);
        if (st == CULL_OK) break;
        assert_int_equal(st, CULL_ENOMEM);
    }
    assert_true(h.calls < h.fail_at);
    cull__choices_free(c);
    cull_space_free(s);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- trials by key ---- */
static void keys(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull__keyed k = {.cx = cx};
    assert_int_equal(cull__keyed_find(&k, (cull_key){{1, 2}}), -1);
    for (uint64_t i = 0; i < 5000; i++) { /* many fall on the same place */
        cull_key key = {{i % 7, i / 7}};
        ok(cx, cull__keyed_add(&k, key, (int64_t)i));
        ok(cx, cull__keyed_add(&k, key, 99999)); /* the first one counts */
    }
    for (uint64_t i = 0; i < 5000; i++)
        assert_int_equal(cull__keyed_find(&k, (cull_key){{i % 7, i / 7}}), i);
    assert_int_equal(cull__keyed_find(&k, (cull_key){{7, 0}}), -1);
    int64_t n = k.n;
    for (uint64_t i = 0; n == k.n || i < 20000; i++) { /* until it must grow, and cannot */
        h.fail_at = h.calls + 1;
        if (cull__keyed_add(&k, (cull_key){{i, i}}, 1) == CULL_ENOMEM) break;
    }
    assert_int_equal(cull__keyed_find(&k, (cull_key){{3, 20}}), 143); /* nothing was lost */
    cull__free(k.key);
    cull__free(k.trial);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void spread(void **state)
{
    (void)state;
    cull__spread_t s = {0};
    double v[101], mean = 0, square = 0;
    for (int i = 0; i < 101; i++) v[i] = 1e6 + sin(i), mean += v[i] / 101;
    for (int i = 0; i < 101; i++) {
        assert_true(i > 1 || cull__spread_sd(&s) == 0);
        cull__spread_add(&s, v[i]);
        square += (v[i] - mean) * (v[i] - mean);
    }
    assert_true(fabs(cull__spread_sd(&s) - sqrt(square / 100)) < 1e-9); /* 1e6 has 1e-10 */
    assert_true(fabs(s.mean - mean) < 1e-8 && s.least == 1e6 + sin(11) && s.most == 1e6 + sin(33));
}

/* ---- sequences ---- */
/* One in a million keeps the constraints: what the sequence does not find is drawn; a walk has an end all the same. */
static void hardly_a_point(void **state)
{
    (void)state;
    static const char *const method[] = {"quasi-random", "grid", "uct", "ant-colony", "reinforce"};
    for (int m = 0; m < 5; m++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_space *s =
            space_of(cx, "a = int(0, 300)\nb = int(0, 300)\nc = one(x, y)\nrequire a + b < 3\n");
        static const cull_objective o = {"error", false};
        cull_search_problem p = {.space = s, .objectives = 1, .objective = &o};
        cull_opts *opts;
        cull_study *st;
        cull_trial t;
        int n = 0;
        ok(cx, cull_opts_new(cx, cull_method_find(method[m], NULL), &opts));
        if (!strcmp(method[m], "grid")) ok(cx, cull_opts_set(cx, opts, "levels", "301"));
        ok(cx, cull_study_open(cx, &p, cull_method_find(method[m], NULL), opts, NULL, &st));
        while (cull_study_ask(st, &t) == CULL_OK) {
            assert_true(t.x[0] + t.x[1] < 3);
            double v = t.x[0] - t.x[1];
            ok(cx, cull_study_tell(st, t.number,
                                   &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &v}));
            n++;
        }
        assert_int_equal(n, 12); /* 0+0, 0+1, 1+0, 0+2, 1+1, 2+0, twice */
        cull_study_free(st);
        cull_opts_free(opts);
        cull_space_free(s);
        cull_ctx_free(cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(made_and_read), cmocka_unit_test(keys),
                                       cmocka_unit_test(spread), cmocka_unit_test(hardly_a_point)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* prompt: the search for instruction and exemplars on models in memory, against brute force over all sets. */
#include "test.h"

#include "base/base.h"
#include "cull/prompt.h"

enum { MOST_ROWS = 200, MOST_ASKS = 1 << 16 };

/* A model whose every answer is a hash of the query; what it was asked is kept. */
typedef struct {
    double chance;            /* of a right answer */
    bool order;               /* matters */
    double weight[MOST_ROWS]; /* of exemplars, beside the chance */
    double gain[64];          /* of instructions */
    int64_t asked;
    uint64_t key[MOST_ASKS];
    uint8_t kept[MOST_ROWS];
    int64_t keeps;
    bool learns; /* exemplars must have been kept */
    float wrong; /* a score to hand out; 0 = none */
    cull_status fails;
    cull_pool *pool, *val, *test; /* embeddings */
    float *gathered;
    int32_t proposals;
} model;

static uint64_t mix(uint64_t h, uint64_t v) { return cull__hash64(&v, sizeof v, h); }

static uint64_t key_of(const model *m, const cull_prompt_query *q)
{
    uint64_t h = mix(mix(mix(7, (uint64_t)q->instruction), q->set), (uint64_t)q->row), sum = 0;
    for (int64_t i = 0; i < q->k; i++) {
        uint64_t e = mix(1, (uint64_t)q->exemplar[i]);
        sum += m->order ? mix(e, (uint64_t)i) : e;
    }
    return mix(h, sum);
}

static float score_of(const model *m, const cull_prompt_query *q)
{
    double p = m->chance + m->gain[q->instruction];
    for (int64_t i = 0; i < q->k; i++) p += m->weight[q->exemplar[i]];
    return (double)(key_of(m, q) >> 11) * 0x1p-53 < p;
}

static cull_status ask(cull_ctx *cx, void *user, const cull_prompt_query *q, int64_t n,
                       float *score)
{
    model *m = user;
    if (m->fails) return cull__fail(cx, m->fails, "the model is away");
    for (int64_t i = 0; i < n; i++) {
        model in_order = {.order = true};
        uint64_t key = key_of(&in_order, &q[i]);
        for (int64_t j = 0; j < q[i].k; j++) {
            if (m->learns) assert_true(m->kept[q[i].exemplar[j]]);
            if (m->learns && q[i].set == CULL_PROMPT_VAL) assert_true(q[i].exemplar[j] != q[i].row);
            for (int64_t l = 0; l < j; l++) assert_true(q[i].exemplar[l] != q[i].exemplar[j]);
        }
        uint64_t at = key % MOST_ASKS;
        for (; m->key[at]; at = (at + 1) % MOST_ASKS)
            assert_true(m->key[at] != key); /* none twice */
        m->key[at] = key;
        assert_true(++m->asked < MOST_ASKS / 2);
        score[i] = m->wrong ? m->wrong : score_of(m, &q[i]);
    }
    return CULL_OK;
}

static cull_status keep(cull_ctx *cx, void *user, const cull_prompt_query *q)
{
    model *m = user;
    (void)cx;
    assert_false(m->kept[q->row]);
    assert_true(score_of(m, q) == 1);
    m->kept[q->row] = 1;
    m->keeps++;
    return CULL_OK;
}

static cull_prompt_model asks(model *m)
{
    return (cull_prompt_model){.user = m, .ask = ask, .keep = keep};
}

static cull_ctx *seeded(uint64_t seed)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.seed = seed;
    o.threads = 1;
    return cull_ctx_new(&o);
}

static double mean_over(const model *m, int32_t instruction, int64_t n, int64_t k, const int64_t *e)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += score_of(m, &(cull_prompt_query){instruction, CULL_PROMPT_VAL, i, k, e});
    return sum / (double)n;
}

/* ---- brute force ---- */

static double best_pair(const model *m, int64_t n, int64_t pool, bool ordered)
{
    double best = -1;
    for (int64_t a = 0; a < pool; a++)
        for (int64_t b = ordered ? 0 : a + 1; b < pool; b++) {
            if (a == b) continue;
            double v = mean_over(m, 0, n, 2, (int64_t[]){a, b});
            if (v > best) best = v;
        }
    return best;
}

static void all_sets(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        for (int how = 0; how < 4; how++) {
            bool ordered = how & 1, race = how & 2;
            model m = {.chance = 0.3 + 0.05 * (double)seed, .order = ordered};
            cull_ctx *cx = seeded(seed);
            cull_prompt_problem p = CULL_PROMPT_PROBLEM;
            cull_prompt_opts o = CULL_PROMPT_OPTS;
            cull_prompt_model pm = asks(&m);
            cull_prompt_result r;
            p.val = 41, p.pool = 8;
            o.strategy = seed % 2 ? CULL_PROMPT_SEARCH : CULL_PROMPT_MUTATE;
            o.k = 2, o.budget = ordered ? 56 : 28, o.ordered = ordered, o.race = race;
            ok(cx, cull_prompt_search(cx, &p, &pm, &o, &r));
            double best = best_pair(&m, p.val, p.pool, ordered);
            assert_int_equal(r.tried, ordered ? 56 : 28);
            assert_int_equal(r.k, 2);
            assert_true(r.val.mean == best);
            assert_true(mean_over(&m, 0, p.val, 2, r.exemplar) == best);
            assert_int_equal(r.calls, m.asked);
            if (race)
                assert_true(r.calls < 41 * r.tried);
            else
                assert_int_equal(r.calls, 41 * r.tried);
            if (!ordered) assert_true(r.exemplar[0] < r.exemplar[1]);
            cull_prompt_result_free(&r);
            cull_ctx_free(cx);
        }
    }
}

/* ---- budget ---- */

static void budget_counts_calls(void **state)
{
    (void)state;
    for (int s = 0; s < CULL_PROMPT_STRATEGIES; s++) {
        for (int64_t calls = 37; calls < 400; calls += 61) {
            if (s == CULL_PROMPT_NEAREST || s == CULL_PROMPT_DIVERSE) continue;
            model m = {.chance = 0.5, .order = true, .learns = true};
            cull_ctx *cx = seeded((uint64_t)calls);
            cull_prompt_problem p = CULL_PROMPT_PROBLEM;
            cull_prompt_opts o = CULL_PROMPT_OPTS;
            cull_prompt_model pm = asks(&m);
            cull_prompt_result r;
            p.val = 37, p.test = 23;
            o.strategy = (cull_prompt_strategy)s;
            o.calls = calls;
            cull_status got = cull_prompt_search(cx, &p, &pm, &o, &r);
            bool fixed = s == CULL_PROMPT_RANDOM || s == CULL_PROMPT_ALL;
            if (fixed && calls < 2 * 37) {
                assert_int_equal(got, CULL_EOPTION);
                assert_non_null(strstr(cull_error(cx), "37 calls"));
            } else {
                ok(cx, got);
                assert_true(r.calls <= calls);
                assert_int_equal(r.calls + r.test_calls, m.asked);
                assert_int_equal(r.test_calls, 23);
                assert_int_equal(r.candidates, m.keeps);
                for (int64_t i = 0; i < r.k; i++) assert_true(m.kept[r.exemplar[i]]);
                assert_true(r.trail[r.tried - 1].calls == r.calls);
                /* another validation would not have fitted, or there was nothing more to ask for */
                if (s >= CULL_PROMPT_SEARCH) assert_true(r.calls > calls - 37);
            }
            cull_prompt_result_free(&r);
            cull_ctx_free(cx);
        }
    }
}

/* What the instruction alone had right and no more is what its search shows. */
static void free_exemplars(void **state)
{
    (void)state;
    model m = {.chance = 0.4, .order = true, .learns = true};
    cull_ctx *cx = seeded(3);
    cull_prompt_problem p = CULL_PROMPT_PROBLEM;
    cull_prompt_opts o = CULL_PROMPT_OPTS;
    cull_prompt_model pm = asks(&m);
    cull_prompt_result r;
    p.val = 53;
    o.strategy = CULL_PROMPT_ALL;
    ok(cx, cull_prompt_search(cx, &p, &pm, &o, &r));
    int64_t right = 0;
    for (int64_t i = 0; i < 53; i++) {
        bool is = score_of(&m, &(cull_prompt_query){0, CULL_PROMPT_VAL, i, 0, NULL}) == 1;
        if (is) assert_int_equal(r.exemplar[right++], i);
    }
    assert_int_equal(r.k, right);
    cull_prompt_result_free(&r);
    m = (model){.chance = 0};
    ok(cx, cull_prompt_search(cx, &p, &pm, &o, &r)); /* nothing is right: nothing to show */
    assert_int_equal(r.k, 0);
    assert_true(r.val.mean == 0);
    cull_prompt_result_free(&r);
    cull_ctx_free(cx);
}

/* ---- instructions ---- */

static void instructions(void **state)
{
    (void)state;
    int right = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        for (int rule = CULL_PROMPT_WHOLE; rule <= CULL_PROMPT_HALVING; rule++) {
            model m = {.chance = 0.3};
            cull_ctx *cx = seeded(seed);
            cull_prompt_problem p = CULL_PROMPT_PROBLEM;
            cull_prompt_opts o = CULL_PROMPT_OPTS;
            cull_prompt_model pm = asks(&m);
            cull_prompt_result r;
            p.val = 100, p.instructions = 13;
            for (int i = 0; i < 13; i++) m.gain[i] = 0.02 * (double)((i * 5 + (int)seed) % 13);
            o.strategy = CULL_PROMPT_NONE;
            o.rule = (cull_prompt_rule)rule;
            o.budget = rule == CULL_PROMPT_WHOLE ? 13 : 4;
            ok(cx, cull_prompt_search(cx, &p, &pm, &o, &r));
            double best = -1;
            for (int32_t i = 0; i < 13; i++) best = fmax(best, mean_over(&m, i, 100, 0, NULL));
            assert_true(r.calls <= 100 * (int64_t)o.budget);
            assert_int_equal(r.calls, m.asked);
            assert_int_equal(r.instruction_calls, r.calls);
            assert_true(r.val.mean == mean_over(&m, r.instruction, 100, 0, NULL));
            if (rule == CULL_PROMPT_WHOLE) {
                assert_true(r.val.mean == best);
            } else {
                assert_true(r.calls > 300); /* it uses what it has */
                right += m.gain[r.instruction] >= 0.02 * 9;
            }
            cull_prompt_result_free(&r);
            cull_ctx_free(cx);
        }
    }
    /* one of the best 4 of 13 is drawn in 31 of 100; 13 and more of 20 have then a chance below 1 in 500 */
    assert_true(right >= 13);
}

static cull_status propose(cull_ctx *cx, void *user, const cull_prompt_past *past, int64_t n,
                           int32_t *number)
{
    model *m = user;
    (void)cx;
    for (int64_t i = 1; i < n; i++) assert_true(past[i - 1].score <= past[i].score);
    *number = m->proposals < 5 ? 2 + m->proposals++ : -1;
    return CULL_OK;
}

static void proposals(void **state)
{
    (void)state;
    model m = {.chance = 0.2, .order = true, .learns = true};
    cull_ctx *cx = seeded(5);
    cull_prompt_problem p = CULL_PROMPT_PROBLEM;
    cull_prompt_opts o = CULL_PROMPT_OPTS;
    cull_prompt_model pm = asks(&m);
    cull_prompt_result r;
    p.val = 60, p.instructions = 2;
    o.share = 0.5;
    pm.propose = propose;
    for (int i = 0; i < 7; i++) m.gain[i] = 0.1 * i;
    ok(cx, cull_prompt_search(cx, &p, &pm, &o, &r));
    assert_int_equal(r.proposals, 6); /* the last said that there are none */
    assert_int_equal(r.instruction, 6);
    assert_int_equal(r.calls, m.asked + 6);
    assert_true(r.instruction_calls <= 16 * 60);
    assert_true(r.k == 3 && r.calls > 31 * 60); /* what instructions left was for exemplars */
    cull_prompt_result_free(&r);
    cull_ctx_free(cx);
}

/* ---- how good ---- */

/* Exemplars that add up: mutation climbs further than random sets in as many validations. */
static void mutation_climbs(void **state)
{
    (void)state;
    double sum[2] = {0};
    for (uint64_t seed = 1; seed <= 15; seed++) {
        for (int s = 0; s < 2; s++) {
            model m = {.chance = 0};
            cull_ctx *cx = seeded(seed);
            cull_prompt_problem p = CULL_PROMPT_PROBLEM;
            cull_prompt_opts o = CULL_PROMPT_OPTS;
            cull_prompt_model pm = asks(&m);
            cull_prompt_result r;
            cull_rng g = cull__rng_seeded(seed, 1);
            p.val = 100, p.pool = 150;
            for (int i = 0; i < 150; i++) m.weight[i] = 0.15 * cull__rng_unit(&g);
            o.strategy = s ? CULL_PROMPT_MUTATE : CULL_PROMPT_SEARCH;
            o.k = 6, o.race = false;
            ok(cx, cull_prompt_search(cx, &p, &pm, &o, &r));
            for (int64_t i = 0; i < 6; i++) sum[s] += m.weight[r.exemplar[i]] / 15;
            assert_int_equal(r.calls, 3200);
            cull_prompt_result_free(&r);
            cull_ctx_free(cx);
        }
    }
    assert_true(sum[0] > 6 * 0.075); /* what one random set has */
    assert_true(sum[1] > sum[0]);
}

/* All prompts are alike: what the best of 30 has above a half on validation rows is luck, and is said to be. */
static void optimism(void **state)
{
    (void)state;
    double val = 0, expected = 0, test = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        model m = {.chance = 0.5};
        cull_ctx *cx = seeded(seed);
        cull_prompt_problem p = CULL_PROMPT_PROBLEM;
        cull_prompt_opts o = CULL_PROMPT_OPTS;
        cull_prompt_model pm = asks(&m);
        cull_prompt_result r;
        p.val = 100, p.pool = 100, p.test = 100;
        o.strategy = CULL_PROMPT_SEARCH;
        o.race = false;
        ok(cx, cull_prompt_search(cx, &p, &pm, &o, &r));
        val += r.val.mean / 10, expected += r.expected / 10, test += r.test.mean / 10;
        assert_true(r.val.lo < r.val.mean && r.val.mean < r.val.hi);
        assert_true(r.test.lo < r.test.mean && r.test.mean < r.test.hi);
        /* 1.96 sqrt(1/4 / 100) = .098 to each side, and sqrt(2) times that of the difference */
        assert_true(fabs(r.test.hi - r.test.lo - 0.196) < 0.03);
        assert_true(fabs(r.optimism.hi - r.optimism.lo - 0.277) < 0.04);
        assert_true(r.optimism.mean == r.val.mean - r.test.mean);
        cull_prompt_result_free(&r);
        cull_ctx_free(cx);
    }
    assert_true(val >
                0.57); /* the best of 30 means of standard deviation .05: about two of these */
    assert_true(fabs(test - 0.5) < 0.06);     /* four standard deviations of the mean of 1000 */
    assert_true(fabs(expected - 0.5) < 0.04); /* the same, of fewer rows' noise */
}

/* ---- alike and unlike ---- */

static cull_status embed(cull_ctx *cx, void *user, const int64_t *row, int64_t n,
                         const cull_pool **pool, const cull_pool **val, const cull_pool **test)
{
    model *m = user;
    int64_t d = cull_pool_d(m->val);
    const float *v = cull_pool_rows(m->val, 0, cull_pool_n(m->val), NULL);
    free(m->gathered);
    cull_pool_free(m->pool);
    m->gathered = malloc((size_t)(n * d) * sizeof(float));
    for (int64_t i = 0; i < n; i++)
        memcpy(m->gathered + i * d, v + row[i] * d, (size_t)d * sizeof(float));
    CULL_TRY(cull_pool_from(cx, m->gathered, CULL_F32, n, d, &m->pool));
    *pool = m->pool, *val = m->val, *test = m->test;
    return CULL_OK;
}

static double cosine(const float *a, const float *b, int d)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < d; i++)
        ab += (double)a[i] * b[i], aa += (double)a[i] * a[i], bb += (double)b[i] * b[i];
    return ab / sqrt(aa * bb);
}

/* A model that looks at the lists of `nearest`. */
typedef struct {
    model *m;
    const float *val, *test;
    int64_t seen;
    bool near;
} looker;

static cull_status look(cull_ctx *cx, void *user, const cull_prompt_query *q, int64_t n,
                        float *score)
{
    looker *l = user;
    (void)cx;
    for (int64_t i = 0; i < n; i++) {
        score[i] = q[i].row % 3 != 0;
        if (!q[i].k || !l->near) continue;
        bool test = q[i].set == CULL_PROMPT_TEST;
        const float *x = (test ? l->test : l->val) + q[i].row * 5;
        assert_int_equal(q[i].k, 4);
        for (int64_t j = 0; j < 4; j++) {
            double c = cosine(x, l->val + q[i].exemplar[j] * 5, 5);
            int above = 0;
            for (int64_t r = 0; r < 60; r++) { /* candidates are the rows answered rightly */
                if (r % 3 == 0 || (!test && r == q[i].row)) continue;
                above += cosine(x, l->val + r * 5, 5) > c + 1e-12;
            }
            assert_int_equal(above, 3 - j);
        }
        l->seen++;
    }
    return CULL_OK;
}

static cull_status look_embed(cull_ctx *cx, void *user, const int64_t *row, int64_t n,
                              const cull_pool **pool, const cull_pool **val, const cull_pool **test)
{
    return embed(cx, ((looker *)user)->m, row, n, pool, val, test);
}

static void alike(void **state)
{
    (void)state;
    float val[60 * 5], test[31 * 5];
    cull_rng g = cull__rng_seeded(9, 9);
    for (int i = 0; i < 300; i++) val[i] = (float)cull__rng_normal(&g);
    for (int i = 0; i < 155; i++) test[i] = (float)cull__rng_normal(&g);
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        model m = {0};
        ok(cx, cull_pool_from(cx, val, CULL_F32, 60, 5, &m.val));
        ok(cx, cull_pool_from(cx, test, CULL_F32, 31, 5, &m.test));
        looker l = {&m, val, test, 0, true};
        cull_prompt_problem p = CULL_PROMPT_PROBLEM;
        cull_prompt_opts o = CULL_PROMPT_OPTS;
        cull_prompt_model pm = {.user = &m, .ask = ask, .keep = NULL};
        cull_prompt_result r;
        p.val = 60, p.test = 31;
        o.k = 4;
        o.strategy = CULL_PROMPT_NEAREST;
        refused(cx, cull_prompt_search(cx, &p, &pm, &o, &r), CULL_EOPTION, "alike");
        pm.user = &l;
        pm.ask = look;
        pm.embed = look_embed;
        ok(cx, cull_prompt_search(cx, &p, &pm, &o, &r));
        assert_int_equal(l.seen, 60 + 31);
        assert_int_equal(r.each, 4);
        assert_int_equal(r.k, 40);
        assert_true(r.val.mean == 40.0 / 60);
        cull_prompt_result_free(&r);
        o.strategy = CULL_PROMPT_DIVERSE;
        l.near = false;
        o.ordered = false;
        ok(cx, cull_prompt_search(cx, &p, &pm, &o, &r));
        assert_int_equal(r.k, 4);
        for (int i = 0; i < 4; i++) {
            assert_true(r.exemplar[i] % 3 != 0);
            if (i) assert_true(r.exemplar[i - 1] < r.exemplar[i]);
        }
        static int64_t first[4];
        if (threads == 1) memcpy(first, r.exemplar, sizeof first);
        assert_memory_equal(first, r.exemplar, sizeof first);
        cull_prompt_result_free(&r);
        free(m.gathered);
        cull_pool_free(m.pool);
        cull_pool_free(m.val);
        cull_pool_free(m.test);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

/* ---- what goes wrong ---- */

static void wrong(void **state)
{
    (void)state;
    model m = {.chance = 0.5};
    cull_ctx *cx = seeded(1);
    cull_prompt_problem p = CULL_PROMPT_PROBLEM;
    cull_prompt_opts o = CULL_PROMPT_OPTS;
    cull_prompt_model pm = asks(&m);
    cull_prompt_result r;
#define REFUSED(status, part)                                                                      \
    do {                                                                                           \
        refused(cx, cull_prompt_search(cx, &p, &pm, &o, &r), status, part);                        \
        assert_null(r.mem_);                                                                       \
    } while (0)
    REFUSED(CULL_EINPUT, "0 validation rows");
    p.val = 30, p.instructions = 0;
    REFUSED(CULL_EINPUT, "0 instructions");
    p.instructions = 1, o.k = 0;
    REFUSED(CULL_EOPTION, "k 0");
    o.k = 31, o.labels = true;
    REFUSED(CULL_EOPTION, "k 31: there are 30 candidates");
    o.k = 3, o.budget = 0.5;
    REFUSED(CULL_EOPTION, "15 calls: one validation takes 30");
    o.budget = NAN;
    REFUSED(CULL_EOPTION, "budget nan");
    o.budget = 32, o.share = 0;
    REFUSED(CULL_EOPTION, "share 0");
    o.share = 1, o.right = 2;
    REFUSED(CULL_EOPTION, "right 2");
    o.right = 1, o.strategy = 99;
    REFUSED(CULL_EOPTION, "strategy 99");
    o.strategy = CULL_PROMPT_SEARCH;
    p.instructions = 64, o.rule = CULL_PROMPT_HALVING, o.calls = 90, o.share = 0.5;
    REFUSED(CULL_EOPTION,
            "90 calls for instructions: halving of 64 instructions takes at least 93");
    p.instructions = 1, o.calls = 0;
    m.wrong = 1.5f;
    REFUSED(CULL_EINPUT, "score 1.5, not 0 to 1");
    m.wrong = NAN;
    memset(m.key, 0, sizeof m.key);
    REFUSED(CULL_EINPUT, "score nan");
    m.wrong = 0, m.fails = CULL_EIO;
    REFUSED(CULL_EIO, "the model is away");
    cull_ctx_free(cx);
}

static void memory_fails(void **state)
{
    (void)state;
    for (long at = 0, calls = 1; at <= calls; at++) {
        hooks h = {.fail_at = at};
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (!cx) continue;
        model m = {.chance = 0.5, .learns = true};
        cull_prompt_problem p = CULL_PROMPT_PROBLEM;
        cull_prompt_opts o = CULL_PROMPT_OPTS;
        cull_prompt_model pm = asks(&m);
        cull_prompt_result r;
        p.val = 30, p.instructions = 3, p.test = 10;
        o.draws = 20;
        cull_status s = cull_prompt_search(cx, &p, &pm, &o, &r);
        if (!at) calls = h.calls;
        if (s != CULL_ENOMEM) assert_int_equal(s, CULL_OK);
        if (at == 0) assert_int_equal(s, CULL_OK);
        cull_prompt_result_free(&r);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    for (long at = 1; at < 40; at += 6) { /* stopped at a tick */
        hooks h = {.stop_at = at};
        cull_ctx *cx = hooked_ctx(&h, 1);
        model m = {.chance = 0.5};
        cull_prompt_problem p = CULL_PROMPT_PROBLEM;
        cull_prompt_model pm = asks(&m);
        cull_prompt_result r;
        p.val = 30;
        assert_int_equal(cull_prompt_search(cx, &p, &pm, NULL, &r), CULL_ECANCEL);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sets),       cmocka_unit_test(budget_counts_calls),
        cmocka_unit_test(free_exemplars), cmocka_unit_test(instructions),
        cmocka_unit_test(proposals),      cmocka_unit_test(mutation_climbs),
        cmocka_unit_test(optimism),       cmocka_unit_test(alike),
        cmocka_unit_test(wrong),          cmocka_unit_test(memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* base/stage: several processes at one problem come to the bits of one alone, and the failure of one is
 * the failure of all, whatever the moment. Here a process is a thread with a ctx of its own. */
#include "contract/fixture.h"

#include <pthread.h>

#include "num/num.h"

enum { MOST = 8 };
typedef cull_status doing(cull_ctx *cx, int rank, void *arg);

/* The two hooks, by a barrier. A call that the others do not make as well is counted. */
typedef struct {
    pthread_barrier_t all;
    int ranks;
    struct {
        char call;
        uint64_t bytes;
        void *at;
    } said[MOST];
    int torn, lost_at, calls; /* of rank 0: the call from which on the hooks fail; 0 = never */
} team;

typedef struct {
    cull_ranks r;
    team *t;
    hooks h;
    uint64_t seed;
    doing *fn;
    void *arg;
    cull_status s;
    char err[512];
} member;

static bool say(member *m, char call, uint64_t bytes, void *at)
{
    team *t = m->t;
    int me = m->r.rank;
    t->said[me].call = call, t->said[me].bytes = bytes, t->said[me].at = at;
    if (me == 0) t->calls++;
    pthread_barrier_wait(&t->all);
    bool same = true;
    for (int i = 0; i < t->ranks; i++) same &= t->said[i].call == call && t->said[i].bytes == bytes;
    if (me == 0) t->torn += !same;
    return same && !(t->lost_at && t->calls >= t->lost_at);
}

static int gather(void *user, const void *mine, void *all, uint64_t bytes)
{
    member *m = user;
    bool fine = say(m, 'g', bytes, (void *)mine);
    for (int i = 0; fine && i < m->r.ranks; i++)
        memcpy((char *)all + (uint64_t)i * bytes, m->t->said[i].at, bytes);
    pthread_barrier_wait(&m->t->all);
    return !fine;
}

static int fill(void *user, void *at, const uint64_t *from)
{
    member *m = user;
    bool fine = say(m, 'f', from[m->r.ranks], at);
    for (int i = 0; fine && i < m->r.ranks; i++)
        if (i != m->r.rank)
            memcpy((char *)at + from[i], (char *)m->t->said[i].at + from[i], from[i + 1] - from[i]);
    pthread_barrier_wait(&m->t->all);
    return !fine;
}

static void *live(void *arg)
{
    member *m = arg;
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.seed = m->seed, o.threads = 1, o.user = &m->h, o.alloc = hook_alloc, o.free = hook_free;
    o.tick = hook_tick, o.tick_ms = 0;
    o.ranks = m->r.ranks ? &m->r : NULL;
    cull_ctx *cx = cull_ctx_new(&o);
    m->s = cull_ctx_end(cx, m->fn(cx, m->r.rank, m->arg));
    snprintf(m->err, sizeof m->err, "%s", m->s == CULL_OK ? "" : cull_error(cx));
    cull_ctx_free(cx);
    return NULL;
}

/* ranks 0: alone, without anything to meet by. */
static void run_members(member *m, int ranks, doing *fn, void *arg, team *t)
{
    pthread_t thread[MOST];
    int n = ranks ? ranks : 1;
    t->ranks = ranks;
    pthread_barrier_init(&t->all, NULL, (unsigned)n);
    for (int i = 0; i < n; i++) {
        m[i].r = (cull_ranks){i, ranks, &m[i], gather, fill};
        m[i].t = t, m[i].fn = fn, m[i].arg = arg;
        if (!m[i].seed) m[i].seed = 1;
        assert_int_equal(pthread_create(&thread[i], NULL, live, &m[i]), 0);
    }
    for (int i = 0; i < n; i++) pthread_join(thread[i], NULL);
    pthread_barrier_destroy(&t->all);
    assert_int_equal(t->torn, 0);
}

static void all_fine(int ranks, doing *fn, void *arg)
{
    member m[MOST] = {0};
    team t = {0};
    run_members(m, ranks, fn, arg, &t);
    for (int i = 0; i < (ranks ? ranks : 1); i++)
        if (m[i].s != CULL_OK) fail_msg("%d of %d: %s", i, ranks, m[i].err);
}

static const int numbers[] = {1, 2, 3, 5};
#define EACH_NUMBER(r) for (int i_ = 0, r; i_ < 4 && (r = numbers[i_]); i_++)

/* ---- the parts that share ---- */

enum { N = 20000, D = 8, K = 12, Q = 5, FEW = 600 };
typedef struct {
    float centre[2 * K * D];
    int32_t assign[N], which[N];
    int64_t count[K], idx[Q * K], found[Q];
    double objective, best[N], mean[N], score[Q * K], f[N], g[K];
    cull__transport out;
} answer;
typedef struct {
    float *x, *y;
    int64_t n;
    answer *of; /* of each process */
} input;

static float *numbers_new(int64_t n, uint64_t stream)
{
    float *v = malloc((size_t)n * sizeof *v);
    cull_rng r = cull__rng_seeded(9, stream);
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(3 * ((i / D * 7 + i % D) % 5) + cull__rng_normal(&r));
    return v;
}

/* A cluster that starts far from all rows is empty, and takes the farthest. */
static cull_status start_far(cull_ctx *cx, const cull_pool *p, const input *in, answer *a)
{
    float start[K * D];
    memcpy(start, in->x, sizeof start);
    for (int t = 0; t < D; t++) start[3 * D + t] = 1e4f;
    cull__kmeans_opts o = {.k = K, .iterations = 3, .start = start};
    double objective;
    return cull__kmeans(cx, p, &o, a->centre + K * D, a->assign, a->count, &objective);
}

static cull_status parts_of(cull_ctx *cx, int rank, void *arg)
{
    const input *in = arg;
    answer *a = &in->of[rank];
    cull_pool *p = NULL, *q = NULL;
    cull__kmeans_opts k = {.k = K, .iterations = 8, .restarts = 2};
    cull__sinkhorn_opts s = {
        .epsilon = 0.3, .relative = true, .tolerance = 1e-3, .iterations = 500};
    cull_status e = cull_pool_from(cx, in->x, CULL_F32, in->n, D, &p);
    if (e == CULL_OK) e = cull_pool_from(cx, in->y, CULL_F32, K, D, &q);
    if (e == CULL_OK) e = start_far(cx, p, in, a);
    if (e == CULL_OK) e = cull__kmeans(cx, p, &k, a->centre, a->assign, a->count, &a->objective);
    if (e == CULL_OK)
        e = cull__pool_topk(cx, p, in->y, Q, K, true, NULL, a->idx, a->score, a->found);
    if (e == CULL_OK) e = cull__pool_best(cx, p, in->y, Q, true, a->best, a->which, a->mean);
    if (e == CULL_OK) e = cull__sinkhorn(cx, p, q, &s, a->f, a->g, &a->out);
    cull_pool_free(p);
    cull_pool_free(q);
    return e;
}

static void same_bits(void **state)
{
    (void)state;
    input in = {numbers_new(N * D, 1), numbers_new(K * D, 2), 0, calloc(MOST, sizeof(answer))};
    answer *alone = calloc(1, sizeof *alone);
    for (int few = 0; few < 2; few++) { /* of few rows there are fewer chunks than processes */
        in.n = few ? FEW : N;
        memset(in.of, 0, sizeof *in.of);
        all_fine(0, parts_of, &in);
        *alone = in.of[0];
        assert_true(alone->objective > 0 && alone->out.iterations > 3 && alone->found[0] == K);
        EACH_NUMBER(ranks)
        {
            memset(in.of, 0, MOST * sizeof *in.of);
            all_fine(ranks, parts_of, &in);
            for (int i = 0; i < ranks; i++) assert_memory_equal(&in.of[i], alone, sizeof *alone);
        }
    }
    free(in.x), free(in.y), free(in.of), free(alone);
}

/* ---- every method ---- */

typedef struct {
    fixture *f;
    const cull_method *m;
    cull_pick of[MOST];
} choosing;

static cull_status choose(cull_ctx *cx, int rank, void *arg)
{
    choosing *c = arg;
    cull_data_problem p = fixture_plain(c->f);
    return cull_data_pick(cx, c->m, NULL, &p, &c->of[rank]);
}

static void same_choices(void **state)
{
    (void)state;
    fixture *f = fixture_new(3000);
    for (int i = 0; i < cull_method_count(); i++) {
        if (cull_method_at(i)->task != CULL_TASK_DATA) continue;
        choosing one = {.f = f, .m = cull_method_at(i)}, c = one;
        all_fine(0, choose, &one);
        EACH_NUMBER(ranks)
        {
            all_fine(ranks, choose, &c);
            for (int r = 0; r < ranks; r++) {
                CHECK(c.m, same_pick(&c.of[r], &one.of[0]));
                cull_pick_free(&c.of[r]);
            }
        }
        cull_pick_free(&one.of[0]);
    }
    fixture_free(f);
}

/* ---- failures ---- */

static const char *const shared[] = {"rds-plus", "kmq", "got-d", "random"};

/* All alike: nobody chose, or everybody. Returns whether they did. */
static bool alike(choosing *c, member *m, int ranks, const cull_pick *want)
{
    for (int i = 0; i < ranks; i++) {
        assert_int_equal(m[i].s, m[0].s);
        assert_int_equal(c->of[i].n > 0, m[0].s == CULL_OK);
        if (m[0].s == CULL_OK) CHECK(c->m, same_pick(&c->of[i], want));
        cull_pick_free(&c->of[i]);
        assert_int_equal(m[i].h.live, 0);
    }
    return m[0].s == CULL_OK;
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { DENSE = 6 }; /* a run takes seconds there */
#else
enum { DENSE = 40 };
#endif

static void memory_of_one(void **state)
{
    (void)state;
    fixture *f = fixture_new(FEW);
    for (int i = 0; i < 4; i++) {
        choosing one = {.f = f, .m = cull_method_find(shared[i], NULL)}, c = one;
        bool done = false;
        int failed = 0;
        all_fine(0, choose, &one);
        for (int k = 2; k <= 200 && !done; k += k < DENSE ? 1 : k / 4) { /* 1 is the ctx's own */
            member m[MOST] = {0};
            team t = {0};
            m[1].h.fail_at = k;
            run_members(m, 3, choose, &c, &t);
            done = alike(&c, m, 3, &one.of[0]) && m[1].h.calls < k;
            if (m[0].s == CULL_OK) continue;
            failed++;
            assert_int_equal(m[0].s, CULL_ENOMEM);
            assert_non_null(strstr(m[0].err, "process 1: out of memory"));
            assert_string_equal(m[0].err, m[2].err);
        }
        assert_true(failed > 2);
        cull_pick_free(&one.of[0]);
    }
    fixture_free(f);
}

static void stopped(void **state)
{
    (void)state;
    fixture *f = fixture_new(FEW);
    choosing c = {.f = f, .m = cull_method_find("kmq", NULL)};
    for (int k = 1; k < 12; k++) {
        member m[MOST] = {0};
        team t = {0};
        m[2].h.stop_at = k;
        run_members(m, 3, choose, &c, &t);
        assert_false(alike(&c, m, 3, NULL));
        assert_int_equal(m[0].s, CULL_ECANCEL);
        assert_non_null(strstr(m[1].err, "process 2: stopped"));
    }
    fixture_free(f);
}

/* A number that only one process reads. */
static void bad_number(void **state)
{
    (void)state;
    fixture *f = fixture_new(9000);
    choosing c = {.f = f, .m = cull_method_find("kmq", NULL)};
    for (int r = 0; r < 3; r++) {
        member m[MOST] = {0};
        team t = {0};
        char want[64];
        int64_t row = r * 4200;
        f->pool_at[row * DIM + 5] = NAN;
        snprintf(want, sizeof want, "process %d: ", r);
        run_members(m, 3, choose, &c, &t);
        assert_false(alike(&c, m, 3, NULL));
        for (int i = 0; i < 3; i++) {
            assert_non_null(strstr(m[i].err, "nan"));
            assert_int_equal(i != r, strstr(m[i].err, want) != NULL);
        }
        f->pool_at[row * DIM + 5] = 0;
    }
    fixture_free(f);
}

/* ---- others beside it that are at something else ---- */

static void other_seed(void **state)
{
    (void)state;
    fixture *f = fixture_new(FEW);
    for (int i = 0; i < 4; i++) {
        choosing c = {.f = f, .m = cull_method_find(shared[i], NULL)};
        member m[MOST] = {0};
        team t = {0};
        m[2].seed = 7;
        run_members(m, 3, choose, &c, &t);
        assert_false(alike(&c, m, 3, NULL));
        assert_non_null(strstr(m[0].err, "process 2 has come to something else"));
        assert_non_null(strstr(m[2].err, "process 0 has come to something else"));
    }
    fixture_free(f);
}

/* Rank 1 has other rows, or another method. */
static cull_status choose_other(cull_ctx *cx, int rank, void *arg)
{
    return choose(cx, rank, (choosing *)arg + (rank == 1));
}

static void other_problem(void **state)
{
    (void)state;
    fixture *f = fixture_new(FEW), *g = fixture_new(FEW + 1);
    const cull_method *kmq = cull_method_find("kmq", NULL),
                      *rds = cull_method_find("rds-plus", NULL);
    choosing pair[2][2] = {{{.f = f, .m = kmq}, {.f = g, .m = kmq}},
                           {{.f = f, .m = kmq}, {.f = f, .m = rds}}};
    for (int i = 0; i < 2; i++) {
        member m[MOST] = {0};
        team t = {0};
        run_members(m, 3, choose_other, pair[i], &t);
        for (int r = 0; r < 3; r++) {
            assert_int_equal(m[r].s, CULL_EINPUT);
            assert_int_equal(pair[i][r == 1].of[r].n, 0);
        }
        assert_non_null(strstr(m[0].err, "process 1 has come to something else"));
    }
    fixture_free(f), fixture_free(g);
}

/* A failed choice is no end: all go on together, as a comparison of methods does. */
static cull_status choose_twice(cull_ctx *cx, int rank, void *arg)
{
    choosing *c = arg;
    if (choose(cx, rank, arg) == CULL_OK) cull_pick_free(&c->of[rank]);
    return choose(cx, rank, arg);
}

static void goes_on(void **state)
{
    (void)state;
    fixture *f = fixture_new(FEW);
    choosing one = {.f = f, .m = cull_method_find("kmq", NULL)}, c = one;
    all_fine(0, choose, &one);
    for (int k = 2; k < 80; k += k < DENSE ? 1 : k / 4) { /* kmq asks for more than these */
        member m[MOST] = {0};
        team t = {0};
        m[1].h.fail_at = k;
        run_members(m, 3, choose_twice, &c, &t);
        if (m[1].h.calls > 100) assert_true(alike(&c, m, 3, &one.of[0]));
    }
    cull_pick_free(&one.of[0]);
    fixture_free(f);
}

/* ---- the end ---- */

static cull_status nothing(cull_ctx *cx, int rank, void *arg)
{
    (void)cx;
    return rank == *(int *)arg ? CULL_EIO : CULL_OK;
}

static cull_status not_all(cull_ctx *cx, int rank, void *arg)
{
    return rank == 2 ? CULL_OK : choose(cx, rank, arg); /* who ends, is not waited for */
}

static void the_end(void **state)
{
    (void)state;
    fixture *f = fixture_new(FEW);
    choosing c = {.f = f, .m = cull_method_find("kmq", NULL)};
    for (int bad = -1; bad < 3; bad++) {
        member m[MOST] = {0};
        team t = {0};
        run_members(m, 3, nothing, &bad, &t);
        for (int i = 0; i < 3; i++) assert_int_equal(m[i].s, bad < 0 ? CULL_OK : CULL_EIO);
        if (bad > 0)
            assert_non_null(strstr(m[0].err, "a file could not be read")); /* it gave no sentence */
    }
    member m[MOST] = {0};
    team t = {0};
    run_members(m, 3, not_all, &c, &t);
    for (int i = 0; i < 3; i++) assert_int_equal(m[i].s, CULL_EINPUT);
    assert_non_null(strstr(m[0].err, "process 2 has come to something else"));

    cull_ctx *cx = cull_ctx_new(NULL); /* alone there is nobody to wait for */
    assert_int_equal(cull_ctx_end(cx, CULL_EIO), CULL_EIO);
    ok(cx, cull_ctx_end(cx, CULL_OK));
    cull_ctx_free(cx);
    fixture_free(f);
}

static void lost(void **state)
{
    (void)state;
    fixture *f = fixture_new(FEW);
    choosing c = {.f = f, .m = cull_method_find("kmq", NULL)};
    for (int k = 1; k < 10; k++) {
        member m[MOST] = {0};
        team t = {.lost_at = k};
        run_members(m, 3, choose, &c, &t);
        assert_false(alike(&c, m, 3, NULL));
        assert_int_equal(m[1].s, CULL_EIO);
        assert_non_null(strstr(m[1].err, "have lost one another"));
    }
    fixture_free(f);
}

static void wrong_number(void **state)
{
    (void)state;
    cull_ranks r = {.rank = 2, .ranks = 2, .gather = gather, .fill = fill};
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.ranks = &r;
    assert_null(cull_ctx_new(&o));
    r.rank = -1;
    assert_null(cull_ctx_new(&o));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),     cmocka_unit_test(same_choices),
        cmocka_unit_test(memory_of_one), cmocka_unit_test(stopped),
        cmocka_unit_test(bad_number),    cmocka_unit_test(other_seed),
        cmocka_unit_test(other_problem), cmocka_unit_test(goes_on),
        cmocka_unit_test(the_end),       cmocka_unit_test(lost),
        cmocka_unit_test(wrong_number)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

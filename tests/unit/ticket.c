/* ticket: masks by rank against a sort, the closed form of a linear model, a masked step against plain loops,
 * rewinding, controls, bits, files of masks, refusals. */
#include "files.h"

#include "cull/pool.h"
#include "cull/ticket.h"

enum { ROWS = 300, IN = 9, TRAIN = 200, VAL = 60 };
static float x[ROWS * IN];
static int32_t label[ROWS];

static uint32_t state_;
static double draw(void)
{
    state_ = state_ * 1664525u + 1013904223u;
    return (double)(state_ >> 8) / 16777216. * 2 - 1;
}

static void fill(void)
{
    state_ = 7;
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < IN; k++) x[i * IN + k] = (float)draw();
        const float *r = x + i * IN;
        label[i] = (r[0] * r[1] > 0) + 2 * (r[2] + 0.3f * r[3] > 0);
    }
}

static const char net[] =
    "input 9\noutputs 4\na = linear(24)\nrelu\nb = linear(13)\nrelu\nc = linear(outputs)\n";

static cull_model *make(cull_ctx *cx, const char *text)
{
    cull_model *m;
    ok(cx, cull_model_from(cx, text, strlen(text), "net.model", NULL, &m));
    return m;
}

static cull_ticket_opts opts(void)
{
    cull_ticket_opts o = CULL_TICKET_OPTS;
    o.fit.train.batch = 40;
    o.fit.train.shards = 2;
    o.fit.train.schedule.kind = CULL_LR_CONSTANT;
    o.fit.train.schedule.lr = 0.01;
    o.rounds = 3;
    o.steps = 60;
    o.every = 20;
    return o;
}

static cull_ticket_data data(cull_dataset *const *set)
{
    return (cull_ticket_data){
        .all = {set, 1}, .n = TRAIN, .val_n = VAL, .test_n = ROWS - TRAIN - VAL};
}

static cull_dataset *rows(cull_ctx *cx)
{
    cull_dataset *d;
    ok(cx, cull_dataset_from(cx, x, ROWS, 1, 1, IN, label, 4, NULL, &d));
    return d;
}

static const cull_param *named(const cull_model *m, const char *name, float **v)
{
    cull_params *p = cull_model_params((cull_model *)m);
    const cull_param *q = cull_params_at(p, cull_params_find(p, name));
    assert_non_null(q);
    *v = cull_params_value(p) + q->at;
    return q;
}

/* ---- ranks ---- */

static int by_value(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return p < q ? -1 : p > q;
}

/* What is kept of v, by a sort: sizes above the one at that rank. */
static int64_t sorted_out(const float *v, int64_t n, int64_t rank, bool *kept)
{
    double size[1000];
    int64_t left = 0, have = 0;
    for (int64_t i = 0; i < n; i++)
        if (kept[i]) size[have++] = fabs((double)v[i]);
    qsort(size, (size_t)have, sizeof *size, by_value);
    double cutoff = size[rank];
    for (int64_t i = 0; i < n; i++) left += kept[i] = kept[i] && fabs((double)v[i]) > cutoff;
    return left;
}

static void ranks(void **state)
{
    (void)state;
    static const char *const name[] = {"a.weight", "b.weight", "c.weight"};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m = make(cx, net);
    int count = cull_params_count(cull_model_params(m));
    double rate[16] = {0};
    assert_int_equal(count, 6);
    for (int i = 0; i < count; i++) assert_int_equal(cull_mask_takes(m, i), i % 2 == 0);
    for (int i = 0; i < count; i++) rate[i] = i == 4 ? 0.1 : 0.2;
    bool kept[3][1000];
    memset(kept, 1, sizeof kept);
    int64_t n[3] = {216, 312, 52}; /* as the rule leaves them, no two weights being alike */
    for (int round = 0; round < 6; round++) {
        int64_t all = 0;
        for (int k = 0; k < 3; k++) n[k] -= (int64_t)rint(rate[2 * k] * (double)n[k]) + 1;
        float *before[3], copy[3][1000];
        const cull_param *q[3];
        for (int k = 0; k < 3; k++) {
            q[k] = named(m, name[k], &before[k]);
            memcpy(copy[k], before[k], (size_t)q[k]->n * sizeof(float));
        }
        ok(cx, cull_mask_prune(cx, m, rate, false));
        for (int k = 0; k < 3; k++) {
            int64_t was = 0;
            for (int64_t i = 0; i < q[k]->n; i++) was += kept[k][i];
            int64_t left =
                sorted_out(copy[k], q[k]->n, (int64_t)rint(rate[2 * k] * (double)was), kept[k]);
            assert_int_equal(left, n[k]);
            assert_int_equal(cull_mask_left(m, 2 * k), n[k]);
            all += left;
            for (int64_t i = 0; i < q[k]->n; i++)
                assert_true(before[k][i] == (kept[k][i] ? copy[k][i] : 0));
        }
        assert_int_equal(cull_mask_left(m, -1), all);
        assert_int_equal(cull_mask_left(m, 1), 0); /* a bias */
    }
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* All layers together; equal sizes of both signs go together; a layer at a rate of 0 stands aside. */
static void together(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m = make(cx, "input 3\noutputs 1\na = linear(4)\nb = linear(2)\nc = linear(1)\n");
    static const float a[] = {5, -4, 3, -3, 2, 9, -9, 8, 7, -6, 1, 0},
                       b[] = {3, 3, -3, 2, 1, 4, 5, 6};
    float *v;
    const double rate[] = {0.3, 0.3, 0.25, 0, 0, 0};
    named(m, "a.weight", &v), memcpy(v, a, sizeof a);
    named(m, "b.weight", &v), memcpy(v, b, sizeof b);
    /* 20 weights, ceil(.3 20) = 6: sorted 0 1 1 2 2 3 (3) 3 3 3 4 ...: all of size 3 go */
    ok(cx, cull_mask_prune(cx, m, rate, true));
    assert_int_equal(cull_mask_left(m, 0), 7);
    assert_int_equal(cull_mask_left(m, 2), 3);
    assert_int_equal(cull_mask_left(m, 4), 2);
    named(m, "a.weight", &v);
    assert_true(v[0] == 5 && v[1] == -4 && v[2] == 0 && v[3] == 0 && v[4] == 0 && v[6] == -9);
    const double whole[] = {0, 0, 0, 0, 0.99, 0}, wrong[] = {0, 0, 1, 0, 0, 0}, none[6] = {0};
    refused(cx, cull_mask_prune(cx, m, whole, false), CULL_EINPUT, "c.weight: of 2 weights left");
    refused(cx, cull_mask_prune(cx, m, wrong, false), CULL_EOPTION, "b.weight is 1");
    refused(cx, cull_mask_prune(cx, m, none, true), CULL_EOPTION, "no layer's rate");
    assert_int_equal(cull_mask_left(m, -1), 12);
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* ---- closed form: inputs are orthogonal, so that each weight has its own optimum, whatever is pruned ---- */

static void linear_model(void **state)
{
    (void)state;
    enum { N = 32, D = 24 };
    static float had[2 * N * D], target[2 * N];
    double best[D], size[D];
    state_ = 21;
    for (int i = 0; i < N; i++)
        for (int k = 0; k < D; k++) /* Walsh functions */
            had[i * D + k] = __builtin_popcount((unsigned)(i & (k + 1))) & 1 ? -1 : 1;
    for (int i = 0; i < N; i++) target[i] = (float)(2 * draw());
    memcpy(had + N * D, had, sizeof had / 2);
    memcpy(target + N, target, sizeof target / 2);
    for (int k = 0; k < D; k++) {
        best[k] = 0;
        for (int i = 0; i < N; i++) best[k] += (double)had[i * D + k] * (double)target[i] / N;
        size[k] = fabs(best[k]);
    }
    qsort(size, D, sizeof *size, by_value);
    for (int one = 0; one < 2; one++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_dataset *set;
        cull_ticket *t;
        float *v;
        ok(cx, cull_dataset_from(cx, had, 2 * N, 1, 1, D, NULL, 0, target, &set));
        cull_model *m = make(cx, "input 24\noutputs 1\na = linear(1, bias=no)\n");
        const double rate[] = {0.25};
        cull_ticket_opts o = opts();
        o.fit.kind = CULL_FIT_NUMBERS;
        o.fit.train.optim = (cull_optim_opts){.kind = CULL_SGD};
        o.fit.train.schedule.lr = 0.3; /* the error falls to 0.4 of itself in a step */
        o.fit.train.batch = N;
        o.fit.train.shards = 1;
        o.steps = 50;
        o.rate = rate;
        o.sparse = 0;
        o.one_shot = one;
        const cull_ticket_data d = {.all = {&set, 1}, .n = N, .val_n = N};
        ok(cx, cull_ticket_find(cx, m, &d, &o, &t));
        int64_t left = D;
        for (int r = 1; r <= 3; r++) left -= (int64_t)rint(0.25 * (double)left) + 1;
        int last = cull_ticket_count(t) - 1;
        assert_int_equal(last, one ? 1 : 3);
        assert_int_equal(cull_ticket_at(t, last)->left, left);
        assert_true(cull_ticket_at(t, last)->share == (double)left / D);
        ok(cx, cull_ticket_apply(cx, t, last, true, m));
        named(m, "a.weight", &v);
        for (int k = 0; k < D; k++) {
            bool kept = fabs(best[k]) > size[D - left - 1];
            assert_true(kept ? fabs((double)v[k] - best[k]) < 1e-5 : v[k] == 0);
        }
        cull_ticket_free(t);
        cull_model_free(m);
        cull_dataset_free(set);
        cull_ctx_free(cx);
    }
}

/* ---- a step under a mask ---- */

/* Mean gradient of the cross entropy of "linear(H), relu, linear(2)" over the first n rows. */
enum { H = 5 };
static void gradient(const float *w1, const float *b1, const float *w2, const float *b2, int n,
                     double *g1, double *gb1, double *g2, double *gb2)
{
    for (int i = 0; i < n; i++) {
        double h[H], z[2], e[2], back[H];
        for (int j = 0; j < H; j++) {
            h[j] = (double)b1[j];
            for (int k = 0; k < IN; k++) h[j] += (double)w1[j * IN + k] * (double)x[i * IN + k];
            h[j] = h[j] > 0 ? h[j] : 0;
        }
        for (int c = 0; c < 2; c++) {
            z[c] = (double)b2[c];
            for (int j = 0; j < H; j++) z[c] += (double)w2[c * H + j] * h[j];
        }
        for (int c = 0; c < 2; c++)
            e[c] = (1 / (1 + exp(z[1 - c] - z[c])) - (c == label[i] % 2)) / n;
        for (int j = 0; j < H; j++) {
            back[j] = h[j] > 0 ? e[0] * (double)w2[j] + e[1] * (double)w2[H + j] : 0;
            for (int c = 0; c < 2; c++) g2[c * H + j] += e[c] * h[j];
            for (int k = 0; k < IN; k++) g1[j * IN + k] += back[j] * (double)x[i * IN + k];
            gb1[j] += back[j];
        }
        for (int c = 0; c < 2; c++) gb2[c] += e[c];
    }
}

static void masked_step(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    int32_t two[ROWS];
    for (int i = 0; i < ROWS; i++) two[i] = label[i] % 2;
    cull_dataset *set;
    ok(cx, cull_dataset_from(cx, x, ROWS, 1, 1, IN, two, 2, NULL, &set));
    cull_model *m = make(cx, "input 9\noutputs 2\na = linear(5)\nrelu\nb = linear(outputs)\n");
    const double rate[] = {0.4, 0, 0.3, 0};
    const char *const name[] = {"a.weight", "a.bias", "b.weight", "b.bias"};
    float *v[4], before[4][H * IN];
    int64_t n[4], masked = 0;
    double g[4][H * IN] = {{0}};
    ok(cx, cull_mask_prune(cx, m, rate, false));
    for (int k = 0; k < 4; k++) {
        n[k] = named(m, name[k], &v[k])->n;
        memcpy(before[k], v[k], (size_t)n[k] * sizeof(float));
    }
    gradient(v[0], v[1], v[2], v[3], TRAIN, g[0], g[1], g[2], g[3]);
    for (int steps = 1; steps <= 20; steps += 19) {
        cull_ticket_opts o = opts();
        cull_ticket *t;
        o.rounds = 0;
        o.steps = steps;
        o.every = steps;
        o.sparse = 0;
        o.fit.train.batch = TRAIN;
        o.fit.train.optim = (cull_optim_opts){.kind = CULL_SGD, .momentum = .9, .decay = 0.05};
        if (steps > 1) o.fit.train.optim = (cull_optim_opts)CULL_OPTIM_OPTS;
        o.fit.train.optim.decay = 0.05;
        o.fit.train.schedule.lr = 0.5;
        const cull_ticket_data d = data(&set);
        ok(cx, cull_ticket_find(cx, m, &d, &o, &t));
        for (int k = 0; k < 4; k++)
            assert_memory_equal(v[k], before[k], (size_t)n[k] * sizeof(float));
        ok(cx, cull_ticket_apply(cx, t, 0, true, m));
        masked = 0;
        for (int k = 0; k < 4; k++)
            for (int64_t i = 0; i < n[k]; i++) {
                double was = (double)before[k][i], want = was - 0.5 * (g[k][i] + 0.05 * was);
                bool gone = k % 2 == 0 && before[k][i] == 0;
                masked += gone;
                if (gone) assert_true(v[k][i] == 0);
                /* sums of 200 products of size 1 in f32 */
                else if (steps == 1)
                    assert_true(fabs((double)v[k][i] - want) < 2e-6);
                else
                    assert_true(v[k][i] != before[k][i]);
                v[k][i] = before[k][i];
            }
        cull_ticket_free(t);
    }
    assert_int_equal(masked, 19 + 4); /* round(.4 45) + 1, round(.3 10) + 1 */
    cull_model_free(m);
    cull_dataset_free(set);
    cull_ctx_free(cx);
}

/* ---- rewinding ---- */

static void rewinding(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_dataset *set = rows(cx);
    cull_model *m = make(cx, net), *want = make(cx, net);
    const cull_ticket_data d = data(&set);
    cull_ticket *t;
    cull_ticket_opts o = opts();
    o.rounds = 0;
    o.steps = o.every = 17; /* the weights after 17 steps: judged once, after them */
    ok(cx, cull_ticket_find(cx, m, &d, &o, &t));
    assert_int_equal(cull_ticket_at(t, 0)->run[0].stop, 17);
    ok(cx, cull_ticket_apply(cx, t, 0, true, want));
    cull_ticket_free(t);
    o = opts();
    o.rewind = 17;
    o.controls = 1 << CULL_TICKET_RANDOM;
    ok(cx, cull_ticket_find(cx, m, &d, &o, &t));
    for (int r = 0; r < 4; r++) {
        ok(cx, cull_ticket_apply(cx, t, r, false, m));
        cull_params *p = cull_model_params(m), *q = cull_model_params(want);
        cull_model *first = make(cx, net);
        const float *from = cull_params_value(r ? q : cull_model_params(first));
        int64_t gone = 0;
        for (int64_t i = 0; i < cull_params_size(p); i++) {
            float v = cull_params_value(p)[i];
            gone += v == 0 && from[i] != 0;
            assert_true(v == from[i] || v == 0);
        }
        assert_int_equal(gone, 580 - cull_mask_left(m, -1));
        assert_int_equal(cull_mask_left(m, -1), cull_ticket_at(t, r)->left);
        assert_true(cull_ticket_at(t, r)->run[0].stop > (r ? 17 : 0));
        cull_model_free(first);
    }
    cull_ticket_free(t);
    cull_model_free(m);
    cull_model_free(want);
    cull_dataset_free(set);
    cull_ctx_free(cx);
}

/* ---- all ways, the same bits for any number of threads ---- */

static void forget_time(cull_ticket_round *r)
{
    for (int w = 0; w < CULL_TICKET_WAYS; w++) r->run[w].seconds = 0;
}

static void bits(void **state)
{
    (void)state;
    static const int at[] = {1, 3};
    cull_ticket_round seen[4];
    float *last = NULL;
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        cull_dataset *set = rows(cx);
        cull_model *m = make(cx, net);
        const cull_ticket_data d = data(&set);
        cull_ticket_opts o = opts();
        cull_ticket *t;
        o.controls = 1 << CULL_TICKET_REINIT | 1 << CULL_TICKET_SIGNS | 1 << CULL_TICKET_RANDOM |
                     1 << CULL_TICKET_ONE_SHOT;
        o.at = at, o.ats = 2;
        o.sparse = 0.6; /* from the third round on */
        ok(cx, cull_ticket_find(cx, m, &d, &o, &t));
        assert_int_equal(cull_ticket_count(t), 4);
        assert_null(cull_ticket_at(t, 4));
        for (int r = 0; r < 4; r++) {
            cull_ticket_round one = *cull_ticket_at(t, r);
            for (int w = 0; w < CULL_TICKET_WAYS; w++)
                assert_int_equal(one.run[w].there, w == 0 || r % 2);
            assert_true(one.run[0].accuracy > 0.4 && one.run[0].val_loss > 0);
            assert_true(one.run[0].val_loss <= one.run[0].last_val_loss);
            forget_time(&one);
            if (threads == 2) assert_memory_equal(&one, seen + r, sizeof one);
            seen[r] = one;
        }
        for (int w = 1; w < CULL_TICKET_ONE_SHOT; w++)
            assert_true(seen[3].run[w].val_loss != seen[3].run[0].val_loss);
        /* after one round, one shot is the same mask */
        assert_true(seen[1].run[CULL_TICKET_ONE_SHOT].val_loss == seen[1].run[0].val_loss);
        ok(cx, cull_ticket_apply(cx, t, 3, true, m));
        size_t size = (size_t)cull_params_size(cull_model_params(m)) * sizeof(float);
        if (last) assert_memory_equal(last, cull_params_value(cull_model_params(m)), size);
        if (!last) assert_non_null(last = malloc(size));
        memcpy(last, cull_params_value(cull_model_params(m)), size);
        cull_ticket_free(t);
        cull_model_free(m);
        cull_dataset_free(set);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    free(last);
}

/* ---- checkpoints ---- */

/* What a search found, without its times: rounds, and the weights of the last one. */
typedef struct {
    cull_ticket_round round[4];
    float value[2][2048];
    long ticks;
} outcome;

typedef struct {
    hooks h;
    long fail_after; /* so many allocations of a search; 0 = never */
    int resumed;     /* trainings that went on */
} telling;

static void count_resumed(void *user, cull_level level, const char *message)
{
    telling *g = user;
    (void)level;
    g->resumed += !strncmp(message, "a ticket's training: goes on", 28);
}

static cull_status kept_by(telling *g, int threads, const cull_ticket_opts *o, outcome *out)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.user = g;
    co.alloc = hook_alloc, co.free = hook_free, co.tick = hook_tick;
    co.log = count_resumed;
    co.tick_ms = 0;
    co.threads = threads;
    cull_ctx *cx = cull_ctx_new(&co);
    cull_dataset *set = rows(cx);
    cull_model *m = make(cx, net);
    const cull_ticket_data d = data(&set);
    cull_ticket *t;
    memset(out, 0, sizeof *out);
    if (g->fail_after) g->h.fail_at = g->h.calls + g->fail_after;
    cull_status s = cull_ticket_find(cx, m, &d, o, &t);
    out->ticks = g->h.ticks;
    for (int r = 0; s == CULL_OK && r < cull_ticket_count(t); r++) {
        out->round[r] = *cull_ticket_at(t, r);
        forget_time(out->round + r);
    }
    for (int k = 0; s == CULL_OK && k < 2; k++) {
        size_t size = (size_t)cull_params_size(cull_model_params(m)) * sizeof(float);
        assert_true(size <= sizeof out->value[k]);
        ok(cx, cull_ticket_apply(cx, t, cull_ticket_count(t) - 1, k, m));
        memcpy(out->value[k], cull_params_value(cull_model_params(m)), size);
    }
    if (s == CULL_EINPUT)
        assert_non_null(strstr(cull_error(cx), "the checkpoint is of tickets with other data"));
    cull_ticket_free(t);
    cull_model_free(m);
    cull_dataset_free(set);
    cull_ctx_free(cx);
    assert_int_equal(g->h.live, 0);
    return s;
}

static cull_status kept(long stop_at, int threads, const cull_ticket_opts *o, outcome *out)
{
    telling g = {.h.stop_at = stop_at};
    return kept_by(&g, threads, o, out);
}

/* Stopped again and again, with other numbers of threads, a search goes on to the bits of one that was left alone:
 * rewound, of lists, with controls. Each process does a few steps, so that without checkpoints of them none would come
 * to an end; with controls, which do not say how far they are, they do more. A folder of other options is refused. */
static void goes_on(void **state)
{
    (void)state;
    static const int at[] = {2};
    static outcome want, got;
    char dir[512];
    snprintf(dir, sizeof dir, "%s", in_dir("kept"));
    for (int way = 0; way < 4; way++) {
        cull_ticket_opts o = opts();
        bool done = false;
        int stops = 0;
        o.rewind = way ? 5 : 0;
        o.sparse = way == 1 ? 0.9 : 0;
        o.one_shot = way == 3;
        if (way == 2) o.controls = 1 << CULL_TICKET_SIGNS | 1 << CULL_TICKET_ONE_SHOT;
        o.at = at, o.ats = way == 2;
        assert_int_equal(kept(0, 1, &o, &want), CULL_OK);
        o.fit.checkpoint = dir;
        for (long stop = way == 2 ? want.ticks * 3 / 5 : 25; !done; stop += way == 2 ? 9 : 5) {
            cull_status s = kept(stop, 1 + stops % 2, &o, &got);
            assert_true(s == CULL_OK || s == CULL_ECANCEL);
            done = s == CULL_OK;
            stops += !done;
            assert_true(stops < 1000);
            if (done || stops != 1) continue;
            cull_ticket_opts other = o;
            other.prune = 0.3;
            assert_int_equal(kept(0, 1, &other, &got), CULL_EINPUT);
        }
        assert_true(stops > 0 && got.ticks < want.ticks);
        assert_memory_equal(got.round, want.round, sizeof got.round);
        assert_memory_equal(got.value, want.value, sizeof got.value);
        assert_int_not_equal(access(dir, F_OK), 0);
    }
}

static int files_of_trainings(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) n += strstr(e->d_name, "training") != NULL;
    if (d) closedir(d);
    return n;
}

/* In a round whose controls are trained beside the ticket a search goes on inside each of the trainings. Processes end
 * where memory does, until one has begun a second training. */
static void goes_on_in_controls(void **state)
{
    (void)state;
    static outcome want, got;
    char dir[512];
    cull_ticket_opts o = opts();
    o.controls = 1 << CULL_TICKET_SIGNS | 1 << CULL_TICKET_RANDOM;
    assert_int_equal(kept(0, 1, &o, &want), CULL_OK);
    snprintf(dir, sizeof dir, "%s", in_dir("kept"));
    o.fit.checkpoint = dir;
    for (long fail = 20; files_of_trainings(dir) < 2; fail += 20) {
        telling g = {.fail_after = fail};
        assert_int_equal(kept_by(&g, 1, &o, &got), CULL_ENOMEM);
    }
    telling g = {0};
    assert_int_equal(kept_by(&g, 3, &o, &got), CULL_OK);
    assert_true(g.resumed >= 2);
    assert_memory_equal(got.round, want.round, sizeof got.round);
    assert_memory_equal(got.value, want.value, sizeof got.value);
    assert_int_not_equal(access(dir, F_OK), 0);
}

/* ---- lists of the weights that are left: what dense products give, but for rounding ---- */

static void lists(void **state)
{
    (void)state;
    static const char conv[] = "input 3x3x1\noutputs 4\ncv = conv(5, 2)\nrelu\nflatten\n"
                               "a = linear(24)\nrelu\nb = linear(13)\nrelu\nc = linear(outputs)\n";
    for (int image = 0; image < 2; image++) {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_dataset *set = rows(cx);
        const cull_ticket_data d = data(&set);
        cull_model *m = make(cx, image ? conv : net);
        cull_params *p = cull_model_params(m);
        double rate[16], before[8][1000];
        cull_ticket *t;
        for (int i = 0; i < 16; i++) rate[i] = 0.7;
        ok(cx, cull_mask_prune(cx, m, rate, false));
        for (int dense = 1; dense >= 0; dense--) {
            cull_ticket_opts o = opts();
            o.rounds = 0;
            o.steps = o.every = 25;
            o.sparse = dense ? 0 : 0.5;
            o.fit.train.optim.decay = 0.02;
            ok(cx, cull_ticket_find(cx, m, &d, &o, &t));
            cull_model *after = make(cx, image ? conv : net);
            ok(cx, cull_ticket_apply(cx, t, 0, true, after));
            const float *v = cull_params_value(cull_model_params(after));
            bool moved = false;
            for (int i = 0; i < cull_params_count(p); i++) {
                const cull_param *q = cull_params_at(p, i);
                for (int64_t k = 0; k < q->n; k++) {
                    double is = (double)v[q->at + k];
                    /* 25 steps of 0.01 each: rounding is 1e-7 of that in each, and may grow */
                    if (!dense) assert_true(fabs(is - before[i][k]) < 2e-4);
                    if (!dense) assert_true((is == 0) == (before[i][k] == 0));
                    moved |= is != 0 && is != (double)cull_params_value(p)[q->at + k];
                    before[i][k] = is;
                }
            }
            assert_true(moved);
            cull_model_free(after);
            cull_ticket_free(t);
        }
        cull_model_free(m);
        cull_dataset_free(set);
        cull_ctx_free(cx);
    }
}

/* ---- files ---- */

static void files(void **state)
{
    (void)state;
    static const char text[] =
        "input 6x5x2\noutputs 3\ncv = conv(4, 3)\nrelu\nflatten\nfc = linear(outputs)\n";
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m = make(cx, text), *back = make(cx, text), *other = make(cx, net);
    const double rate[] = {0.3, 0, 0.6, 0};
    const char *path = in_dir("mask.safetensors");
    float *v, *w;
    ok(cx, cull_mask_prune(cx, m, rate, false));
    ok(cx, cull_mask_save(cx, m, path));
    ok(cx, cull_mask_load(cx, back, path));
    for (int i = 0; i < 4; i++) assert_int_equal(cull_mask_left(m, i), cull_mask_left(back, i));
    for (int k = 0; k < 2; k++) {
        const cull_param *q = named(m, k ? "fc.weight" : "cv.weight", &v);
        named(back, k ? "fc.weight" : "cv.weight", &w);
        assert_memory_equal(v, w, (size_t)q->n * sizeof *v);
    }
    /* as PyTorch has it: (out, in, height, width) */
    cull_array a;
    ok(cx, cull_array_open(cx, path, "cv.weight", &a));
    assert_true(a.dtype == CULL_U8 && a.ndim == 4 && a.shape[1] == 2 && a.shape[3] == 3);
    named(m, "cv.weight", &v);
    for (int o = 0; o < 4; o++)
        for (int c = 0; c < 2; c++)
            for (int i = 0; i < 9; i++)
                assert_int_equal(((const unsigned char *)a.at)[(o * 2 + c) * 9 + i],
                                 v[(o * 9 + i) * 2 + c] != 0);
    cull_array_free(&a);
    refused(cx, cull_mask_load(cx, other, path), CULL_EINPUT, "a mask of 'cv.weight', which is no");
    cull_model *wide = make(cx, "input 6x5x2\noutputs 4\ncv = conv(4, 3)\nflatten\n"
                                "fc = linear(outputs)\n");
    refused(cx, cull_mask_load(cx, wide, path), CULL_EINPUT, "'fc.weight' is");
    assert_int_equal(cull_mask_left(wide, -1), 4 * 18 + 4 * 48);
    ok(cx, cull_model_save(cx, m, path));
    refused(cx, cull_mask_load(cx, m, path), CULL_EINPUT, "it must be 0 or 1");
    refused(cx, cull_mask_load(cx, m, in_dir("none.safetensors")), CULL_EIO, "none.safetensors");
    cull_model_free(wide);
    cull_model_free(other);
    cull_model_free(back);
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* ---- what cannot be, memory, an end asked for ---- */

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_dataset *set = rows(cx);
    cull_model *m = make(cx, net), *other = make(cx, "input 9\noutputs 4\nz = linear(outputs)\n");
    cull_ticket_data d = data(&set);
    cull_ticket_opts o = opts();
    cull_ticket *t;
    const int at[] = {4};
#define WRONG(set_, back, status, part)                                                            \
    set_;                                                                                          \
    refused(cx, cull_ticket_find(cx, m, &d, &o, &t), status, part);                                \
    assert_null(t);                                                                                \
    back
    WRONG(o.size = 8, o = opts(), CULL_EOPTION, "cull_ticket_opts of 8 bytes");
    WRONG(o.rounds = -1, o = opts(), CULL_EOPTION, "rounds is -1");
    WRONG(o.steps = 0, o = opts(), CULL_EOPTION, "steps is 0");
    WRONG(o.rewind = 60, o = opts(), CULL_EOPTION, "rewind is 60; it must be 0 to 59");
    WRONG(o.prune = 1, o = opts(), CULL_EOPTION, "prune is 1");
    WRONG(o.prune = NAN, o = opts(), CULL_EOPTION, "prune is nan");
    WRONG(o.output = 1.5, o = opts(), CULL_EOPTION, "output is 1.5");
    WRONG(o.sparse = 2, o = opts(), CULL_EOPTION, "sparse is 2");
    WRONG(o.controls = 1 << 9, o = opts(), CULL_EOPTION, "no control");
    WRONG((o.at = at, o.ats = 1), o = opts(), CULL_EOPTION, "in round 4 of 3");
    WRONG(d.val_n = 0, d = data(&set), CULL_EINPUT, "no validation rows");
    WRONG(d.n = 0, d = data(&set), CULL_EINPUT, "no rows to train on");
    WRONG(o.rounds = 30, o = opts(), CULL_EINPUT, "a.weight: 30 rounds leave none of 216");
    WRONG((o.rounds = 30, o.one_shot = true), o = opts(), CULL_EINPUT, "leave none of");
    WRONG((o.rounds = 30, o.one_shot = o.global = true), o = opts(), CULL_EINPUT, "all layers");
    WRONG(o.prune = 0, o = opts(), CULL_EOPTION, "no layer's rate");
    o.rounds = 1;
    ok(cx, cull_ticket_find(cx, m, &d, &o, &t));
    refused(cx, cull_ticket_apply(cx, t, 0, true, m), CULL_EINPUT, "those of 1 are kept");
    refused(cx, cull_ticket_apply(cx, t, 2, false, m), CULL_EINPUT, "the last one is 1");
    refused(cx, cull_ticket_apply(cx, t, 1, false, other), CULL_EINPUT, "another model");
    cull_ticket_free(t);
    cull_model_free(m);
    cull_model_free(other);
    cull_dataset_free(set);
    cull_ctx_free(cx);
}

static void ends(void **state)
{
    (void)state;
    int failed = 0, stopped = 0;
    for (int way = 0; way < 2; way++) {
        bool done = false;
        for (long k = 1; !done; k += way ? 7 : k < 120 ? 1 : 13) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 1);
            cull_dataset *set = rows(cx);
            cull_model *m = make(cx, net);
            const cull_ticket_data d = data(&set);
            cull_ticket_opts o = opts();
            cull_ticket *t;
            o.rounds = 2;
            o.steps = 6, o.every = 3;
            o.sparse = 0.7;
            o.controls = 1 << CULL_TICKET_REINIT | 1 << CULL_TICKET_RANDOM;
            if (way) h.stop_at = h.ticks + k;
            if (!way) h.fail_at = h.calls + k;
            cull_status s = cull_ticket_find(cx, m, &d, &o, &t);
            assert_true(s == CULL_OK || s == (way ? CULL_ECANCEL : CULL_ENOMEM));
            done = s == CULL_OK;
            failed += s == CULL_ENOMEM;
            stopped += s == CULL_ECANCEL;
            assert_true(done == (t != NULL));
            cull_ticket_free(t);
            cull_model_free(m);
            cull_dataset_free(set);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
    }
    assert_true(failed > 20 && stopped > 2);
}

int main(void)
{
    fill();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks),        cmocka_unit_test(together),
        cmocka_unit_test(linear_model), cmocka_unit_test(masked_step),
        cmocka_unit_test(rewinding),    cmocka_unit_test(bits),
        cmocka_unit_test(lists),        cmocka_unit_test(files),
        cmocka_unit_test(refusals),     cmocka_unit_test(ends),
        cmocka_unit_test(goes_on),      cmocka_unit_test(goes_on_in_controls)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

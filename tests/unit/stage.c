/* stages: several processes at one problem (threads here, each with a ctx), shards in files, loops that
 * go on; equal to one process to the bit, and failing alike. */
#include "test.h"

#include "base/base.h"
#include "cull/data.h"
#include "cull/job.h"
#include "num/num.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N = 9001, D = 20, M = 37, K = 9, MOST = 5 };

/* ---- processes as threads ---- */

typedef struct {
    pthread_barrier_t wait;
    void *from[MOST];
    int ranks;
} team;
typedef struct {
    team *t;
    int rank;
} member;

static int gather(void *user, const void *mine, void *all, uint64_t bytes)
{
    member *m = user;
    m->t->from[m->rank] = (void *)(uintptr_t)mine;
    pthread_barrier_wait(&m->t->wait);
    for (int r = 0; r < m->t->ranks; r++)
        memcpy((char *)all + (size_t)r * bytes, m->t->from[r], bytes);
    pthread_barrier_wait(&m->t->wait);
    return 0;
}

static int fill(void *user, void *at, const uint64_t *from)
{
    member *m = user;
    m->t->from[m->rank] = at;
    pthread_barrier_wait(&m->t->wait);
    for (int r = 0; r < m->t->ranks; r++)
        if (r != m->rank)
            memcpy((char *)at + from[r], (char *)m->t->from[r] + from[r], from[r + 1] - from[r]);
    pthread_barrier_wait(&m->t->wait);
    return 0;
}

typedef cull_status work_fn(cull_ctx *cx, void *out, int rank);
typedef struct {
    member m;
    work_fn *fn;
    void *out;
    uint64_t seed;
    long fail_at;
    cull_status status;
    char err[1024];
    long calls, live;
} process;

static void *live(void *arg)
{
    process *p = arg;
    hooks h = {.fail_at = p->fail_at};
    cull_ranks r = {p->m.rank, p->m.t->ranks, &p->m, gather, fill};
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.user = &h, o.alloc = hook_alloc, o.free = hook_free;
    o.threads = 1, o.ranks = &r, o.seed = p->seed;
    cull_ctx *cx = cull_ctx_new(&o);
    cull_status s = p->fn(cx, p->out, p->m.rank);
    p->status = cull_ctx_end(cx, s);
    snprintf(p->err, sizeof p->err, "%s", cull_error(cx));
    cull_ctx_free(cx);
    p->calls = h.calls, p->live = h.live;
    return NULL;
}

/* fn by so many processes; out[r] is rank r's. */
static void together(work_fn *fn, int ranks, process *p)
{
    team t = {.ranks = ranks};
    pthread_t thread[MOST];
    pthread_barrier_init(&t.wait, NULL, (unsigned)ranks);
    for (int r = 0; r < ranks; r++) {
        p[r].m = (member){&t, r};
        p[r].fn = fn;
        if (!p[r].seed) p[r].seed = 1;
        pthread_create(&thread[r], NULL, live, &p[r]);
    }
    for (int r = 0; r < ranks; r++) pthread_join(thread[r], NULL);
    pthread_barrier_destroy(&t.wait);
}

/* ---- the work ---- */

static float *x, *y;

static void fill_rows(void)
{
    cull_rng r = cull__rng_seeded(8, 8);
    x = malloc(N * D * sizeof *x), y = malloc(M * D * sizeof *y);
    for (int i = 0; i < N * D; i++)
        x[i] = (float)(cull__rng_normal(&r) + 2 * (i / D % 12 == i % D));
    for (int i = 0; i < M * D; i++) y[i] = x[i * 3] + 0.1f;
}

typedef struct {
    int64_t idx[M * 50], found[M], count[K];
    double score[M * 50], best[N], mean[N], f[N], g[M], objective;
    float centroid[K * D];
    int32_t assign[N], which[N];
    cull__transport t;
} answers;

static cull_status all_of(cull_ctx *cx, cull_pool *px, cull_pool *py, answers *a)
{
    cull__kmeans_opts k = {.k = K, .iterations = 5};
    cull__sinkhorn_opts o = {
        .epsilon = 0.1, .relative = true, .tolerance = 1e-3, .iterations = 500};
    CULL_TRY(cull_pool_check(cx, px));
    CULL_TRY(cull__pool_topk(cx, px, y, M, 50, true, NULL, a->idx, a->score, a->found));
    CULL_TRY(cull__pool_best(cx, px, y, M, true, a->best, a->which, a->mean));
    CULL_TRY(cull__kmeans(cx, px, &k, a->centroid, a->assign, a->count, &a->objective));
    return cull__sinkhorn(cx, px, py, &o, a->f, a->g, &a->t);
}

static cull_status numbers(cull_ctx *cx, void *out, int rank)
{
    cull_pool *px = NULL, *py = NULL;
    (void)rank;
    cull_status s = cull_pool_from(cx, x, CULL_F32, N, D, &px);
    if (s == CULL_OK) s = cull_pool_from(cx, y, CULL_F32, M, D, &py);
    if (s == CULL_OK) s = all_of(cx, px, py, out);
    cull_pool_free(px), cull_pool_free(py);
    return s;
}

static void equal(void **state)
{
    (void)state;
    answers *want = calloc(1, sizeof *want);
    cull_ctx *cx = cull_ctx_new(NULL);
    ok(cx, numbers(cx, want, 0));
    cull_ctx_free(cx);
    for (int ranks = 1; ranks <= MOST; ranks++) {
        process p[MOST] = {0};
        for (int r = 0; r < ranks; r++) p[r].out = calloc(1, sizeof *want);
        together(numbers, ranks, p);
        for (int r = 0; r < ranks; r++) {
            if (p[r].status != CULL_OK) fail_msg("%d of %d: %s", r, ranks, p[r].err);
            assert_memory_equal(p[r].out, want, sizeof *want);
            assert_int_equal(p[r].live, 0);
            free(p[r].out);
        }
    }
    free(want);
}

/* ---- failing ---- */

static void failing(void **state)
{
    (void)state;
    bool done = false;
    for (long at = 2; !done; at += at < 40 ? 1 : at / 8) {
        process p[3] = {0};
        for (int r = 0; r < 3; r++) p[r].out = calloc(1, sizeof(answers));
        p[1].fail_at = at;
        together(numbers, 3, p);
        done = p[1].calls < at;
        for (int r = 0; r < 3; r++) {
            assert_int_equal(p[r].status, done ? CULL_OK : CULL_ENOMEM);
            if (!done && r != 1) assert_non_null(strstr(p[r].err, "process 1: out of memory"));
            assert_int_equal(p[r].live, 0);
            free(p[r].out);
        }
    }
}

/* A number that is not finite is seen by the process whose share it is in. */
static void bad_number(void **state)
{
    (void)state;
    float was = x[8990 * D];
    x[8990 * D] = NAN;
    process p[4] = {0};
    for (int r = 0; r < 4; r++) p[r].out = calloc(1, sizeof(answers));
    together(numbers, 4, p);
    x[8990 * D] = was;
    for (int r = 0; r < 4; r++) {
        assert_int_equal(p[r].status, CULL_EINPUT);
        assert_non_null(strstr(p[r].err, "[8990, 0] is nan"));
        free(p[r].out);
    }
}

static cull_status other_shape(cull_ctx *cx, void *out, int rank)
{
    cull_pool *p;
    cull__kmeans_opts k = {.k = rank == 2 ? K - 1 : K, .iterations = 3};
    answers *a = out;
    CULL_TRY(cull_pool_from(cx, x, CULL_F32, N, D, &p));
    cull_status s = cull__kmeans(cx, p, &k, a->centroid, a->assign, a->count, &a->objective);
    cull_pool_free(p);
    return s;
}

static void strangers(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        process p[3] = {0};
        for (int r = 0; r < 3; r++) p[r].out = calloc(1, sizeof(answers));
        p[0].seed = kind ? 1 : 7;
        together(kind ? other_shape : numbers, 3, p);
        for (int r = 0; r < 3; r++) {
            assert_int_equal(p[r].status, CULL_EINPUT);
            assert_non_null(strstr(p[r].err, "is at another step"));
            free(p[r].out);
        }
    }
}

/* ---- shards and checkpoints, by files ---- */

static char folder[64], pool_path[96], target_path[96], parts[96];

static void make_files(void)
{
    strcpy(folder, "/tmp/cull-stage-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(pool_path, sizeof pool_path, "%s/pool.npy", folder);
    snprintf(target_path, sizeof target_path, "%s/target.npy", folder);
    snprintf(parts, sizeof parts, "%s/parts", folder);
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_array a = {.dtype = CULL_F32, .ndim = 2, .shape = {N, D}, .at = x};
    cull_array b = {.dtype = CULL_F32, .ndim = 2, .shape = {M, D}, .at = y};
    ok(cx, cull_array_write(cx, pool_path, &a));
    ok(cx, cull_array_write(cx, target_path, &b));
    cull_ctx_free(cx);
}

static void empty_parts(void)
{
    DIR *d = opendir(parts);
    char path[400];
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", parts, e->d_name);
        unlink(path);
    }
    if (d) closedir(d);
    rmdir(parts);
}

typedef struct {
    int64_t n, idx[4000];
    double score[4000];
} kept;

/* A run by names; its pick to k. */
static cull_status job(cull_ctx *cx, const char *method, const char *const *set, kept *k)
{
    cull_job *j;
    CULL_TRY(cull_job_new(cx, CULL_TASK_DATA, &j));
    cull_status s = cull_job_set(j, "pool", pool_path);
    if (s == CULL_OK) s = cull_job_set(j, "target", target_path);
    if (s == CULL_OK) s = cull_job_set(j, "budget", "300");
    for (; s == CULL_OK && *set; set += 2) s = cull_job_set(j, set[0], set[1]);
    if (s == CULL_OK) s = cull_job_run(j, cull_method_find(method, NULL), NULL, 0);
    if (s == CULL_OK) {
        const cull_pick *p = cull_job_result(j)->pick;
        memset(k, 0, sizeof *k);
        k->n = p->n;
        memcpy(k->idx, p->idx, (size_t)p->n * sizeof *p->idx);
        memcpy(k->score, p->score, (size_t)p->n * sizeof *p->score);
    }
    cull_job_free(j);
    return s;
}

static void shards(void **state)
{
    (void)state;
    static const char *const methods[] = {"rds-plus", "tarot", "got-d", "kmq"};
    static const char *const none[] = {NULL};
    const char *const merge[] = {"parts", parts, NULL};
    cull_ctx *cx = cull_ctx_new(NULL);
    static kept want, got;
    for (int m = 0; m < 4; m++) {
        ok(cx, job(cx, methods[m], none, &want));
        for (int i = 3; i >= 1; i--) {
            char share[8];
            snprintf(share, sizeof share, "%d/3", i);
            const char *const set[] = {"shard", share, "parts", parts, NULL};
            if (i == 1)
                refused(cx, job(cx, methods[m], merge, &got), CULL_EINPUT, "there are missing: 1");
            refused(cx, job(cx, methods[m], set, &got), CULL_EWAIT,
                    i == 1 ? "put them together" : "still missing");
        }
        ok(cx, job(cx, methods[m], merge, &got));
        assert_memory_equal(&got, &want, sizeof got);
        empty_parts();
    }
    refused(cx, job(cx, "kmq", merge, &got), CULL_EIO, "parts/run");
    cull_ctx_free(cx);
}

/* The first file of the folder that is a part. */
static void a_part(char path[400])
{
    DIR *d = opendir(parts);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (strchr(e->d_name, '-')) snprintf(path, 400, "%s/%s", parts, e->d_name);
    closedir(d);
}

static void damaged(void **state)
{
    (void)state;
    const char *const own[] = {"shard", "1/2", "parts", parts, NULL};
    const char *const rest[] = {"shard", "2/2", "parts", parts, NULL}, *const merge[] = {
                                                                           "parts", parts, NULL};
    const char *const other[] = {"parts", parts, "have", target_path, NULL};
    cull_ctx *cx = cull_ctx_new(NULL);
    static kept got;
    char path[400] = "";
    refused(cx, job(cx, "rds-plus", own, &got), CULL_EWAIT, "shard 1 of 2");
    refused(cx, job(cx, "rds-plus", rest, &got), CULL_EWAIT, "shard 2 of 2");
    a_part(path);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    size_t n = (size_t)st.st_size;
    char *bytes = malloc(n), *bad = malloc(n + 1);
    FILE *f = fopen(path, "rb");
    assert_int_equal(fread(bytes, 1, n, f), n);
    fclose(f);
    const size_t at[] = {0, 9, 20, 40, 60, 130, 180, n / 2, n - 17, n - 1, n, n + 1};
    for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
        size_t len = at[k] == n ? n - 5 : at[k] == n + 1 ? n + 1 : n;
        memcpy(bad, bytes, n);
        if (at[k] < n) bad[at[k]] ^= 0x40;
        f = fopen(path, "wb");
        fwrite(bad, 1, len, f);
        fclose(f);
        cull_status s = job(cx, "rds-plus", merge, &got);
        if (s != CULL_EIO && s != CULL_EINPUT)
            fail_msg("byte %zu: %d %s", at[k], s, cull_error(cx));
        assert_non_null(strstr(cull_error(cx), path));
    }
    f = fopen(path, "wb");
    fwrite(bytes, 1, n, f);
    fclose(f);
    ok(cx, job(cx, "rds-plus", merge, &got));
    refused(cx, job(cx, "rds-plus", other, &got), CULL_EINPUT, "another run");
    refused(cx, job(cx, "tarot", merge, &got), CULL_EINPUT, "method: rds-plus");
    cull_ctx_reseed(cx, 5);
    refused(cx, job(cx, "rds-plus", merge, &got), CULL_EINPUT, "seed: 1");
    free(bytes), free(bad);
    empty_parts();
    cull_ctx_free(cx);
}

static int stop_later(void *user, const char *what, double done, double total)
{
    (void)what, (void)done, (void)total;
    return --*(int *)user <= 0;
}

/* Stopped again and again, a job comes to the same answer, and says where it is when asked wrongly. */
static void goes_on(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    const char *const keep[] = {"checkpoint", parts, NULL};
    static kept want, got;
    for (int m = 0; m < 2; m++) {
        const char *method = m ? "got-d" : "kmq";
        cull_ctx *cx = cull_ctx_new(NULL);
        ok(cx, job(cx, method, none, &want));
        cull_ctx_free(cx);
        int runs = 0;
        for (int ticks = m ? 20 : 100;; ticks += ticks / 4) {
            int left = ticks;
            cull_ctx_opts o = CULL_CTX_OPTS;
            o.tick = stop_later, o.tick_ms = 0, o.user = &left;
            cx = cull_ctx_new(&o);
            cull_status s = job(cx, method, keep, &got);
            if (s != CULL_OK && s != CULL_ECANCEL) fail_msg("%s", cull_error(cx));
            cull_ctx_free(cx);
            runs++;
            if (s == CULL_OK) break;
        }
        assert_memory_equal(&got, &want, sizeof got);
        assert_true(runs > 2);
        empty_parts();
    }
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static kept k;
    static const struct {
        const char *set[7], *part;
    } bad[] = {{{"shard", "0/3", "parts", "p", NULL}, "takes I/N"},
               {{"shard", "4/3", "parts", "p", NULL}, "takes I/N"},
               {{"shard", "x", "parts", "p", NULL}, "takes I/N"},
               {{"shard", "1/1", "parts", "p", NULL}, "takes I/N"},
               {{"shard", "1/2", NULL}, "--parts DIR"},
               {{"shard", "1/2", "checkpoint", "p", NULL}, "wants --parts"},
               {{"parts", "p", "checkpoint", "p", NULL}, "two ways"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(cx, job(cx, "kmq", bad[i].set, &k), CULL_EOPTION, bad[i].part);
    const char *const nowhere[] = {"checkpoint", "/proc/none/here", NULL};
    refused(cx, job(cx, "kmq", nowhere, &k), CULL_EIO, "/proc/none/here");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal),      cmocka_unit_test(failing),
                                       cmocka_unit_test(bad_number), cmocka_unit_test(strangers),
                                       cmocka_unit_test(shards),     cmocka_unit_test(damaged),
                                       cmocka_unit_test(goes_on),    cmocka_unit_test(refusals)};
    fill_rows();
    make_files();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    empty_parts();
    unlink(pool_path), unlink(target_path), rmdir(folder);
    free(x), free(y);
    return failed;
}

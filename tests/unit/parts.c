/* io/parts: shares of a run as files come together to the bits of one run, checkpoints go on to them,
 * and whatever is wrong with a folder is told by name. */
#include "contract/fixture.h"

#include <dirent.h>
#include <sys/stat.h>

#include "cull/embed.h"
#include "io/parts.h"
#include "io/temporary.h"
#include "num/num.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { ROWS = 600, STOPS = 3 }; /* a run takes seconds there */
#else
enum { ROWS = 3000, STOPS = 8 };
#endif
enum { SHARDS = 3, K = 40 };
static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/cull-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

/* The name of the k-th file that ends so, NULL = there are fewer. */
static const char *nth(const char *tail, int k)
{
    static char path[400];
    const char *found = NULL;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; !found && (e = readdir(d));) {
        size_t n = strlen(e->d_name), m = strlen(tail);
        if (e->d_name[0] == '.' && n < 3) continue;
        if (n < m || strcmp(e->d_name + n - m, tail) || k--) continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        found = path;
    }
    closedir(d);
    return found;
}

static void empty_dir(void)
{
    const char *path;
    while ((path = nth("", 0))) assert_int_equal(unlink(path), 0);
}

static int drop_dir(void **state)
{
    (void)state;
    empty_dir();
    return rmdir(dir);
}

struct means {
    float centroid[K * DIM];
    int32_t assign[ROWS];
    int64_t count[K];
    double objective;
};

typedef struct {
    fixture *f;
    const cull_data_problem *own; /* instead of the fixture's */
    const cull_method *m;
    const char *option, *value; /* of m, or NULL */
    bool full;                  /* the problem with costs, quotas and the rest */
    const char *run;
    uint64_t seed;
    hooks *h;
    bool till_kept;      /* stop once a checkpoint is kept */
    int logs;            /* times that something went on */
    struct means *means; /* k-means alone instead of a choice */
    float *features;     /* (ROWS, DIM): or the text's features */
} run_of;

static void count_log(void *user, cull_level level, const char *msg)
{
    run_of *r = user;
    (void)level;
    r->logs += strstr(msg, "goes on after step") != NULL;
}

static int tick(void *user, const char *what, double done, double total)
{
    run_of *r = user;
    (void)what, (void)done, (void)total;
    if (r->till_kept) return nth(".checkpoint", 0) != NULL;
    return r->h && ++r->h->ticks == r->h->stop_at;
}

/* Memory that was not written is no zeros: what a process did not make itself must come from the files. */
static void *dirty(void *user, size_t bytes)
{
    unsigned char *p = malloc(bytes);
    uint64_t v = bytes | 1;
    (void)user;
    for (size_t i = 0; p && i < bytes; i++) {
        v ^= v << 13, v ^= v >> 7, v ^= v << 17;
        p[i] = (unsigned char)v;
    }
    return p;
}

static void dirty_free(void *user, void *p)
{
    (void)user;
    free(p);
}

/* The features of the fixture's text; the basis alone where there is no room for them. */
static cull_status embed(cull_ctx *cx, const run_of *r)
{
    cull_embed_opts o = CULL_EMBED_OPTS;
    cull_embed *e;
    cull_pool *pool = NULL;
    o.dim = DIM, o.bits = 12;
    CULL_TRY(cull_embed_fit(cx, r->f->text_file.corpus, &o, &e));
    cull_status s = r->features ? cull_embed_apply(cx, e, r->f->text_file.corpus, &pool) : CULL_OK;
    if (pool) memcpy(r->features, cull_pool_rows(pool, 0, ROWS, NULL), sizeof(float[ROWS][DIM]));
    cull_pool_free(pool);
    cull_embed_free(e);
    return s;
}

static cull_status work(cull_ctx *cx, run_of *r, cull_pick *out)
{
    if (r->features) return embed(cx, r);
    cull_data_problem p = r->own ? *r->own : r->full ? fixture_full(r->f) : fixture_plain(r->f);
    cull__kmeans_opts o = {.k = K, .iterations = 30};
    struct means *a = r->means;
    cull_opts *set = NULL;
    if (r->option) {
        ok(cx, cull_opts_new(cx, r->m, &set));
        ok(cx, cull_opts_set(cx, set, r->option, r->value));
    }
    cull_status s = a ? CULL_OK : cull_data_pick(cx, r->m, set, &p, out);
    cull_opts_free(set);
    if (!a) return s;
    return cull__kmeans(cx, p.pool, &o, a->centroid, a->assign, a->count, &a->objective);
}

/* shards 0: put together; -1: with checkpoints; -2: alone. */
static cull_status once(run_of *r, int shard, int shards, cull_pick *out, char *err)
{
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.threads = 2, co.user = r, co.log = count_log, co.tick = tick, co.tick_ms = 0;
    co.alloc = dirty, co.free = dirty_free;
    cull_ctx *cx = cull_ctx_new(&co);
    cull__parts_opts o = {.dir = dir, .run = r->run ? r->run : "a: run\n"};
    cull__parts *p = NULL;
    o.loops = shards == -1;
    if (shards > 0) o.shard = shard, o.shards = shards;
    *out = (cull_pick){0};
    cull_status s = shards == -2 ? CULL_OK : cull__parts_open(cx, &o, &p);
    if (s == CULL_OK) s = work(cx, r, out);
    snprintf(err, 512, "%s", cull_error(cx));
    if (s == CULL_OK && shards == -1) ok(cx, cull__parts_clear(cx, p));
    cull__parts_close(cx, p);
    cull_ctx_free(cx);
    return s;
}

static cull_pick alone(run_of *r)
{
    cull_pick k;
    char err[512];
    if (once(r, 0, -2, &k, err) != CULL_OK) fail_msg("%s: %s", r->m->slug, err);
    return k;
}

/* One more stage of every shard. Whether they had one. */
static bool stage(run_of *r)
{
    bool more = false;
    for (int i = 1; i <= SHARDS; i++) {
        cull_pick k;
        char err[512];
        cull_status s = once(r, i, SHARDS, &k, err);
        if (s != CULL_OK && s != CULL_EWAIT) fail_msg("%s: %s", r->m->slug, err);
        more |= s == CULL_EWAIT;
        cull_pick_free(&k);
    }
    return more;
}

/* However many stages the shards have done, and where the rest is done at once. */
static void shares(void **state)
{
    fixture *f = *state;
    int sharing = 0;
    for (int i = 0; i < cull_method_count(); i++) {
        if (cull_method_at(i)->task != CULL_TASK_DATA) continue;
        run_of r = {.f = f, .m = cull_method_at(i)};
        cull_pick want = alone(&r), got;
        char err[512];
        int stages = 0;
        for (; stages < 4 && stage(&r); stages++) {
            if (once(&r, 0, 0, &got, err) != CULL_OK) fail_msg("%s: %s", r.m->slug, err);
            CHECK(r.m, same_pick(&got, &want));
            cull_pick_free(&got);
        }
        sharing += stages > 0;
        cull_pick_free(&want);
        empty_dir();
    }
    assert_true(sharing >= 4);
}

/* Iterations lean on what the ones before left beside the sums; those were done elsewhere. */
static void iterations(void **state)
{
    struct means *want = calloc(2, sizeof *want), *got = want + 1;
    run_of r = {.f = *state, .means = want};
    char err[512];
    cull_pick none = alone(&r);
    int stages = 0;
    for (r.means = got; stages < 12 && stage(&r); stages++) {
        assert_int_equal(once(&r, 0, 0, &none, err), CULL_OK);
        assert_memory_equal(got, want, sizeof *want);
    }
    assert_true(stages > 6);
    free(want);
}

/* Stopped at each of its steps in turn, r goes on to the same; whether it kept anything. */
static bool goes_on(run_of *r)
{
    hooks h = {0};
    r->h = &h;
    cull_pick want = alone(r), got;
    char err[512];
    long all = h.ticks, every = all / STOPS + 1;
    cull_status s = CULL_ECANCEL;
    int starts = 0;
    for (h.stop_at = every; s != CULL_OK && starts < 1000; h.stop_at += every) {
        h.ticks = 0;
        s = once(r, 0, -1, &got, err);
        if (s != CULL_OK && s != CULL_ECANCEL) fail_msg("%s: %s", r->m->slug, err);
        starts++;
    }
    CHECK(r->m, s == CULL_OK && same_pick(&got, &want));
    CHECK(r->m, starts > 2);
    CHECK(r->m, rmdir(dir) != 0 && mkdir(dir, 0777) == 0); /* it left nothing, not even this */
    cull_pick_free(&want), cull_pick_free(&got);
    r->h = NULL;
    return r->logs > 0;
}

static void checkpoints(void **state)
{
    static const struct {
        const char *name, *option, *value;
        bool full, keeps;
    } of[] = {{"kmq", NULL, NULL, false, true},
              {"tarot", NULL, NULL, false, true},
              {"got-d", NULL, NULL, false, true},
              {"facility-location", "optimizer", "lazy", true, true},
              {"saturated-coverage", "optimizer", "naive", false, true},
              {"facility-location", "neighbours", "10", true, true},
              {"facility-location", "optimizer", "stochastic", true, true},
              {"log-det", NULL, NULL, true, true},
              {"k-centre", NULL, NULL, false, true},
              {"rds-plus", NULL, NULL, false, false}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        run_of r = {.f = *state,
                    .m = cull_method_find(of[i].name, NULL),
                    .option = of[i].option,
                    .value = of[i].value,
                    .full = of[i].full};
        CHECK(r.m, goes_on(&r) == of[i].keeps);
    }
}

/* The basis once it is fitted, and the features of every text once they are whole. */
static void text_features(void **state)
{
    float *want = malloc(sizeof(float[ROWS][DIM])), *got = malloc(sizeof(float[ROWS][DIM]));
    run_of r = {.f = *state, .features = want};
    cull_pick none;
    char err[512];
    assert_int_equal(once(&r, 0, -2, &none, err), CULL_OK);
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.user = &r, co.log = count_log;
    cull_ctx *cx = cull_ctx_new(&co);
    cull__parts_opts o = {.dir = dir, .run = "a: run\n", .loops = true};
    for (int start = 0; start < 3; start++) {
        cull__parts *p;
        r.logs = 0;
        r.features = start ? got : NULL;
        memset(got, 0, sizeof(float[ROWS][DIM]));
        ok(cx, cull__parts_open(cx, &o, &p));
        ok(cx, embed(cx, &r));
        assert_int_equal(r.logs, start == 0 ? 0 : start == 1 ? 2 : 3);
        if (start) assert_memory_equal(got, want, sizeof(float[ROWS][DIM]));
        if (start == 2) ok(cx, cull__parts_clear(cx, p));
        cull__parts_close(cx, p);
    }
    cull_ctx_free(cx);
    assert_int_equal(mkdir(dir, 0777), 0);
    free(want), free(got);
}

/* What is best for its cost leaves no room for the row that is worth more than all the others: the choice
 * begins again with that one, and goes on there too. */
static void begun_again(void **state)
{
    enum { MANY = 21, N = 30, D = 12 };
    static float x[N * D];
    double cost[N];
    for (int i = 0; i < N; i++) {
        bool alone_ = i == MANY;
        x[i * D + (i < MANY ? 0 : i - MANY + 1)] = i <= MANY ? 1 : 0.1f;
        cost[i] = i < MANY ? 10 : alone_ ? 0.3 : 0.03;
    }
    run_of r = {.f = *state,
                .m = cull_method_find("facility-location", NULL),
                .option = "similarity",
                .value = "dot"};
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_pool *pool;
    ok(cx, cull_pool_from(cx, x, CULL_F32, N, D, &pool));
    cull_data_problem p = {.n = N, .pool = pool, .cost = cost, .budget = 10.25};
    r.own = &p;
    assert_true(goes_on(&r));
    cull_pick k = alone(&r);
    assert_true(k.n == 9 && k.idx[0] == 0 && k.idx[1] == MANY + 1);
    cull_pick_free(&k);
    cull_pool_free(pool);
    cull_ctx_free(cx);
}

static void fails(run_of *r, int shard, int shards, cull_status want, const char *part)
{
    cull_pick k;
    char err[512];
    cull_status s = once(r, shard, shards, &k, err);
    if (s != want || !strstr(err, part))
        fail_msg("%d, not %d: '%s' lacks '%s'", s, want, err, part);
    assert_int_equal(k.n, 0);
}

static void incomplete(void **state)
{
    run_of r = {.f = *state, .m = cull_method_find("rds-plus", NULL)};
    fails(&r, 0, 0, CULL_EINPUT, "there are no shards to put together");
    fails(&r, 2, 3, CULL_EWAIT, "shard 2 of 3: its share of 'nearest rows' is in");
    fails(&r, 2, 3, CULL_EWAIT, "still missing: 1, 3"); /* nothing is done again */
    fails(&r, 0, 0, CULL_EINPUT, "of 3 shards at 'nearest rows' there are missing: 1, 3");
    fails(&r, 1, 4, CULL_EWAIT, "shard 1 of 4");
    fails(&r, 0, 0, CULL_EINPUT, "and of");
    empty_dir();
    fails(&r, 20, 20, CULL_EWAIT, "still missing: 1, 2, 3, 4, 5, 6, 7, 8 and 11 more");
    empty_dir();
}

/* ---- another run's folder ---- */

static void other_run(void **state)
{
    run_of r = {.f = *state, .m = cull_method_find("rds-plus", NULL), .run = "a: 1\nb: 2\n"};
    fails(&r, 1, 2, CULL_EWAIT, "shard 1 of 2");
    r.run = "a: 1\nb: 3\n";
    fails(&r, 1, 2, CULL_EINPUT, "belongs to another run (there b: 2; here b: 3)");
    fails(&r, 0, 0, CULL_EINPUT, "belongs to another run");
    fails(&r, 0, -1, CULL_EINPUT, "belongs to another run");
    r.run = "a: 1\n";
    fails(&r, 2, 2, CULL_EINPUT, "belongs to another run");
    char path[100];
    snprintf(path, sizeof path, "%s/run",
             dir); /* by the words it is this run's, by the files not */
    assert_int_equal(unlink(path), 0);
    fails(&r, 2, 2, CULL_EWAIT, "all are there");
    fails(&r, 0, 0, CULL_EINPUT, "is of another run; remove it");
    empty_dir();
}

/* The same words for a pool of another width: the sizes tell. */
static void other_rows(void **state)
{
    run_of r = {.f = *state, .m = cull_method_find("rds-plus", NULL)};
    fixture *less = fixture_new(ROWS - 100);
    fails(&r, 1, 2, CULL_EWAIT, "shard 1 of 2");
    r.f = less;
    fails(&r, 2, 2, CULL_EWAIT, "all are there");
    r.f = *state;
    fails(&r, 0, 0, CULL_EINPUT, "was it made with another number of shards or rows?");
    fixture_free(less);
    empty_dir();
}

/* ---- damage ---- */

static char *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *s = malloc(1 << 20);
    assert_non_null(f);
    *n = fread(s, 1, 1 << 20, f);
    fclose(f);
    return s;
}

static void spew(const char *path, const char *s, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_int_equal(fwrite(s, 1, n, f), n);
    fclose(f);
}

/* Every byte of the head, and some of the rest, turned; every kind of length. */
static void damage(run_of *r, int shards, const char *tail, cull_pick *want)
{
    char path[400], err[512];
    size_t n;
    cull_pick k;
    snprintf(path, sizeof path, "%s", nth(tail, 0));
    char *good = slurp(path, &n), *bad = malloc(n + 8);
    const size_t cut[] = {0, 7, 100, 190, n / 2, n - 16, n - 1, n + 1, n + 8};
    memset(bad, 0, n + 8);
    for (size_t at = 0; at < n; at += at < 200 || at + 20 > n ? 1 : n / 50) {
        memcpy(bad, good, n);
        bad[at] ^= 0x20;
        spew(path, bad, n);
        cull_status s = once(r, 0, shards, &k, err);
        if ((s != CULL_EIO && s != CULL_EINPUT) || !strstr(err, path))
            fail_msg("byte %d: %d '%s'", (int)at, s, err);
    }
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        memcpy(bad, good, n);
        spew(path, bad, cut[i]);
        cull_status s = once(r, 0, shards, &k, err);
        if (s != CULL_EIO || !strstr(err, path)) fail_msg("%d bytes: %d '%s'", (int)cut[i], s, err);
    }
    spew(path, good, n);
    if (once(r, 0, shards, &k, err) != CULL_OK) fail_msg("%s", err);
    assert_true(same_pick(&k, want));
    cull_pick_free(&k);
    free(good), free(bad);
}

static void damaged(void **state)
{
    run_of r = {.f = *state, .m = cull_method_find("rds-plus", NULL)};
    cull_pick want = alone(&r), k;
    char err[512];
    assert_true(stage(&r));
    damage(&r, 0, "2-of-3", &want);
    cull_pick_free(&want);
    empty_dir();

    r.m = cull_method_find("got-d", NULL);
    want = alone(&r);
    r.till_kept = true;
    assert_int_equal(once(&r, 0, -1, &k, err), CULL_ECANCEL);
    r.till_kept = false;
    damage(&r, -1, ".checkpoint", &want);
    cull_pick_free(&want);
    assert_int_equal(mkdir(dir, 0777), 0);
}

static void not_writable(void **state)
{
    run_of r = {.f = *state, .m = cull_method_find("kmq", NULL)};
    char was[64];
    strcpy(was, dir);
    snprintf(dir, sizeof dir, "%s", "/proc/cull-parts");
    fails(&r, 1, 2, CULL_EIO, "/proc/cull-parts: cannot make the folder");
    fails(&r, 0, -1, CULL_EIO, "/proc/cull-parts: cannot make the folder");
    strcpy(dir, "/proc/self");
    fails(&r, 1, 2, CULL_EIO, "/proc/self/run: cannot write");
    strcpy(dir, was);
}

/* What a killed writer left in the folder goes when the run is begun again. */
static void left_behind(void **state)
{
    run_of r = {.f = *state, .m = cull_method_find("kmq", NULL)};
    hooks h = {.stop_at = 1};
    char out[100], left[200], err[512];
    cull_pick k;
    r.h = &h;
    for (int i = 0; i < 2; i++) {
        h.ticks = 0;
        assert_int_equal(once(&r, 0, -1, &k, err), CULL_ECANCEL);
        if (i > 0) break;
        snprintf(out, sizeof out, "%s/0001-x.checkpoint", dir);
        int fd = cull__temporary(out, 0666, left);
        assert_true(fd >= 0);
        close(fd); /* as the end of a process does */
        assert_int_equal(access(left, F_OK), 0);
    }
    assert_int_equal(access(left, F_OK), -1);
    empty_dir();
}

static int start(void **state)
{
    *state = fixture_new(ROWS);
    return 0;
}

static int end(void **state)
{
    fixture_free(*state);
    return 0;
}
#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(shares),        IN_DIR(iterations),   IN_DIR(checkpoints), IN_DIR(begun_again),
        IN_DIR(text_features), IN_DIR(incomplete),   IN_DIR(other_run),   IN_DIR(other_rows),
        IN_DIR(damaged),       IN_DIR(not_writable), IN_DIR(left_behind)};
    return cmocka_run_group_tests(tests, start, end);
}

/* A job: what is given in memory chooses as files do; the result outlives its inputs; refusals. */
#include "test.h"

#include <unistd.h>

#include "cull/job.h"
#include "io/io.h"
#include "repr/repr.h"

enum { N = 900, D = 12, M = 7 };
static struct {
    float pool[N * D], target[M * D];
    double difficulty[N], length[N], cost[N];
    int32_t group[N];
    int64_t offset[N + 1];
    char bytes[N * 40];
    char dir[32], npy[64], target_npy[64], jsonl[64];
} t;
static const char *const groups[] = {"a", "b", "c"};

static void setup(void)
{
    static const char *const words[] = {"sort", "list", "heap", "rain", "sun", "wind", "fog"};
    cull_rng r = cull__rng_seeded(3, 1);
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int i = 0; i < N * D; i++) t.pool[i] = (float)cull__rng_normal(&r);
    for (int i = 0; i < M * D; i++) t.target[i] = (float)cull__rng_normal(&r);
    strcpy(t.dir, "/tmp/cull-job-XXXXXX");
    assert_non_null(mkdtemp(t.dir));
    snprintf(t.npy, sizeof t.npy, "%s/pool.npy", t.dir);
    snprintf(t.target_npy, sizeof t.target_npy, "%s/target.npy", t.dir);
    snprintf(t.jsonl, sizeof t.jsonl, "%s/pool.jsonl", t.dir);
    cull_array a = {.dtype = CULL_F32, .ndim = 2, .shape = {N, D}, .at = t.pool};
    cull_array b = {.dtype = CULL_F32, .ndim = 2, .shape = {M, D}, .at = t.target};
    ok(cx, cull_array_write(cx, t.npy, &a));
    ok(cx, cull_array_write(cx, t.target_npy, &b));
    FILE *f = fopen(t.jsonl, "w");
    for (int i = 0; i < N; i++) {
        int n = 0;
        char *s = t.bytes + t.offset[i];
        for (int k = 0; k < 4; k++)
            n += sprintf(s + n, "%s%s", k ? " " : "", words[cull__rng_below(&r, 7)]);
        t.offset[i + 1] = t.offset[i] + n;
        t.difficulty[i] = (double)cull__rng_below(&r, 100);
        t.length[i] = 1 + (double)cull__rng_below(&r, 1000);
        t.cost[i] = 1 + (double)cull__rng_below(&r, 5);
        t.group[i] = i < 3 ? i : (int32_t)cull__rng_below(&r, 3);
        fprintf(f, "{\"text\":\"%s\",\"difficulty\":%g,\"length\":%g,\"cost\":%g,\"g\":\"%s\"}\n",
                s, t.difficulty[i], t.length[i], t.cost[i], groups[t.group[i]]);
    }
    fclose(f);
    cull_ctx_free(cx);
}

static cull_array rows(const void *at, int64_t n, int64_t d)
{
    return (cull_array){.dtype = CULL_F32, .ndim = 2, .shape = {n, d}, .at = at};
}

static cull_job *job(cull_ctx *cx, const char *budget)
{
    cull_job *j;
    ok(cx, cull_job_new(cx, CULL_TASK_DATA, &j));
    ok(cx, cull_job_set(j, "budget", budget));
    return j;
}

static void run(cull_ctx *cx, cull_job *j, const char *slug)
{
    ok(cx, cull_job_run(j, cull_method_find(slug, NULL), NULL, CULL_JOB_JUDGE));
}

static void same(const cull_job *a, const cull_job *b)
{
    const cull_pick *x = cull_job_result(a)->pick, *y = cull_job_result(b)->pick;
    assert_int_equal(x->n, y->n);
    assert_true(x->n > 0);
    assert_memory_equal(x->idx, y->idx, (size_t)x->n * sizeof *x->idx);
    assert_memory_equal(x->score, y->score, (size_t)x->n * sizeof *x->score);
    assert_true(x->spent == y->spent);
}

static void arrays_and_files(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_job *a = job(cx, "5%"), *b = job(cx, "5%");
    cull_array pool = rows(t.pool, N, D), target = rows(t.target, M, D);
    ok(cx, cull_job_set(a, "pool", t.npy));
    ok(cx, cull_job_set(a, "target", t.target_npy));
    ok(cx, cull_job_array(b, "pool", &pool));
    ok(cx, cull_job_array(b, "target", &target));
    run(cx, a, "rds-plus");
    run(cx, b, "rds-plus");
    same(a, b);
    assert_int_equal(cull_job_result(a)->figures, 1); /* coverage */
    assert_string_equal(cull_job_result(a)->argv[2], "rds-plus");
    assert_int_equal(cull_job_result(b)->argc, 0); /* no command reads the caller's memory */
    cull_job_free(a);
    cull_job_free(b);
    cull_ctx_free(cx);
}

static void columns_costs_groups(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_job *a = job(cx, "300"), *b = job(cx, "300");
    cull_column text = {.name = "text", .offset = t.offset, .bytes = t.bytes};
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    cull_corpus *c;
    cull_array cost = {.dtype = CULL_F64, .ndim = 1, .shape = {N}, .at = t.cost};
    ok(cx, cull_corpus_from(cx, N, &text, 1, &o, &c));
    ok(cx, cull_job_set(a, "pool", t.jsonl));
    ok(cx, cull_job_set(a, "cost", "cost"));
    ok(cx, cull_job_set(a, "group", "g"));
    ok(cx, cull_job_set(a, "quota", "a=0.5"));
    ok(cx, cull_job_records(b, "pool", c));
    ok(cx, cull_job_array(b, "cost", &cost));
    ok(cx, cull_job_codes(b, "group", t.group, N, groups, 3));
    ok(cx, cull_job_set(b, "quota", "a=0.5"));
    ok(cx, cull_job_column(b, "difficulty", t.difficulty, N));
    ok(cx, cull_job_column(b, "length", t.length, N));
    run(cx, a, "select2reason");
    run(cx, b, "select2reason");
    same(a, b);
    /* the result stays when the inputs go */
    cull_job_settle(a);
    cull_job_settle(b);
    cull_corpus_free(c);
    same(a, b);
    const cull_run *x = cull_job_result(a), *y = cull_job_result(b);
    assert_int_equal(x->groups, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(x->group[i].name, y->group[i].name);
        assert_int_equal(x->group[i].kept, y->group[i].kept);
    }
    assert_true(x->group[0].quota == 150);
    refused(cx, cull_job_run(a, cull_method_find("random", NULL), NULL, 0), CULL_EINPUT,
            "let its inputs go");
    assert_null(cull_job_result(a));
    cull_job_free(a);
    cull_job_free(b);
    cull_ctx_free(cx);
}

static void avoid_rows(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_job *j = job(cx, "100%");
    uint8_t avoid[N] = {0};
    cull_array pool = rows(t.pool, N, D);
    cull_array mark = {.dtype = CULL_BOOL, .ndim = 1, .shape = {N}, .at = avoid};
    for (int i = 0; i < N; i += 2) avoid[i] = 1;
    ok(cx, cull_job_array(j, "pool", &pool));
    ok(cx, cull_job_array(j, "avoid", &mark));
    run(cx, j, "random");
    assert_int_equal(cull_job_result(j)->pick->n, N / 2);
    for (int i = 0; i < N / 2; i++) assert_true(cull_job_result(j)->pick->idx[i] & 1);
    cull_job_free(j);
    cull_ctx_free(cx);
}

/* What is held already: marks, or the pick of a run before, as a file; and examples to stay away from,
 * in memory or a file, as numbers or as text. */
static void have_and_against(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    char file[96], list[96];
    snprintf(file, sizeof file, "%s/held.json", t.dir);
    snprintf(list, sizeof list, "%s/rows.txt", t.dir);
    cull_array pool = rows(t.pool, N, D), target = rows(t.target, M, D);
    cull_job *first = job(cx, "40"), *a = job(cx, "50"), *b = job(cx, "50");
    ok(cx, cull_job_array(first, "pool", &pool));
    run(cx, first, "k-centre");
    ok(cx, cull_run_write(cx, cull_job_result(first), CULL_FORM_JSON, file));
    uint8_t have[N] = {0};
    cull_array mark = {.dtype = CULL_BOOL, .ndim = 1, .shape = {N}, .at = have};
    const cull_pick *held = cull_job_result(first)->pick;
    for (int64_t i = 0; i < held->n; i++) have[held->idx[i]] = 1;
    ok(cx, cull_job_array(a, "pool", &pool));
    ok(cx, cull_job_array(a, "have", &mark));
    ok(cx, cull_job_array(a, "against", &target));
    ok(cx, cull_job_set(b, "pool", t.npy));
    ok(cx, cull_job_set(b, "have", file));
    ok(cx, cull_job_set(b, "against", t.target_npy));
    run(cx, a, "facility-location-cg");
    ok(cx, cull_job_run(b, cull_method_find("facility-location-cg", NULL), NULL, CULL_JOB_HASHES));
    same(a, b);
    for (int i = 0; i < 50; i++) assert_false(have[cull_job_result(a)->pick->idx[i]]);
    assert_int_equal(cull_job_result(b)->inputs, 3);
    cull_job_free(a), cull_job_free(b);
    /* text is embedded with the pool; a method that does not know `have` keeps none of it */
    a = job(cx, "100%");
    ok(cx, cull_job_set(a, "pool", t.jsonl));
    ok(cx, cull_job_set(a, "against", t.jsonl));
    ok(cx, cull_job_set(a, "have", file));
    ok(cx, cull_job_set(a, "embed-dim", "8"));
    run(cx, a, "facility-location-cg");
    run(cx, a, "random");
    assert_int_equal(cull_job_result(a)->pick->n, N - 40);
    cull_estimate e;
    cull_job_free(a);
    a = job(cx, "10");
    ok(cx, cull_job_set(a, "pool", t.jsonl));
    ok(cx, cull_job_set(a, "against", t.jsonl));
    ok(cx, cull_job_estimate(a, cull_method_find("facility-location-cg", NULL), NULL, 0, &e));
    assert_true(e.bytes > 2 * N * 128 * 4); /* both are embedded */
    cull_job_free(a);
    a = job(cx, "10");
    ok(cx, cull_job_array(a, "pool", &pool));
    ok(cx, cull_job_set(a, "against", t.jsonl));
    refused(cx, cull_job_run(a, cull_method_find("random", NULL), NULL, 0), CULL_EOPTION,
            "--against is text");
    cull_job_free(a);
    a = job(cx, "10");
    ok(cx, cull_job_set(a, "pool", t.jsonl));
    ok(cx, cull_job_array(a, "against", &target));
    refused(cx, cull_job_run(a, cull_method_find("random", NULL), NULL, 0), CULL_EOPTION,
            "--against is embedded");
    cull_job_free(a);
    FILE *f = fopen(list, "w");
    fprintf(f, "3\n900\n");
    fclose(f);
    a = job(cx, "10");
    ok(cx, cull_job_array(a, "pool", &pool));
    ok(cx, cull_job_set(a, "have", list));
    refused(cx, cull_job_run(a, cull_method_find("random", NULL), NULL, 0), CULL_EINPUT,
            "rows.txt holds row 900; the pool has rows 0 to 899");
    cull_job_free(a);
    a = job(cx, "10");
    mark.shape[0] = N - 1;
    ok(cx, cull_job_array(a, "pool", &pool));
    ok(cx, cull_job_array(a, "have", &mark));
    refused(cx, cull_job_run(a, cull_method_find("random", NULL), NULL, 0), CULL_EINPUT,
            "have has 899 rows, the pool has 900");
    cull_job_free(a), cull_job_free(first);
    unlink(file), unlink(list);
    cull_ctx_free(cx);
}

/* Tasks of the target: codes in memory, a file for each, a field. */
static void tasks(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    char part[2][64], field[64];
    static const int32_t code[M] = {0, 0, 0, 1, 1, 1, 1};
    cull_job *a = job(cx, "40"), *b = job(cx, "40"), *c = job(cx, "40"), *d = job(cx, "40");
    cull_array pool = rows(t.pool, N, D), target = rows(t.target, M, D);
    ok(cx, cull_job_array(a, "pool", &pool));
    ok(cx, cull_job_array(a, "target", &target));
    ok(cx, cull_job_codes(a, "target_task", code, M, groups, 2));
    ok(cx, cull_job_array(b, "pool", &pool));
    for (int i = 0; i < 2; i++) {
        cull_array some = i ? rows(t.target + 3 * D, M - 3, D) : rows(t.target, 3, D);
        snprintf(part[i], sizeof part[i], "%s/%d.npy", t.dir, i);
        ok(cx, cull_array_write(cx, part[i], &some));
        ok(cx, cull_job_set(b, "target", part[i]));
    }
    run(cx, a, "rds-plus");
    run(cx, b, "rds-plus");
    same(a, b);
    assert_string_equal(cull_job_result(a)->pick->by_what, "task");
    snprintf(field, sizeof field, "%s/want.jsonl", t.dir);
    FILE *f = fopen(field, "w");
    for (int i = 0; i < M; i++)
        fprintf(f, "{\"text\":\"sun wind %d\",\"of\":\"%s\"}\n", i, groups[code[i]]);
    fclose(f);
    ok(cx, cull_job_array(c, "pool", &pool));
    ok(cx, cull_job_set(c, "target", field));
    ok(cx, cull_job_set(c, "target-task", "of"));
    refused(cx, cull_job_run(c, cull_method_find("rds-plus", NULL), NULL, 0), CULL_EOPTION,
            "the target is not");
    ok(cx, cull_job_set(d, "pool", t.jsonl));
    ok(cx, cull_job_set(d, "target", field));
    ok(cx, cull_job_set(d, "target-task", "of"));
    run(cx, d, "rds-plus");
    assert_string_equal(cull_job_result(d)->pick->by_what, "task");
    cull_job_free(a), cull_job_free(b), cull_job_free(c), cull_job_free(d);
    unlink(part[0]), unlink(part[1]), unlink(field);
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    static const float bad[] = {1, NAN};
    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_method *rds = cull_method_find("rds-plus", NULL);
    cull_job *j = job(cx, "2");
    cull_array pool = rows(t.pool, N, D), other = rows(t.target, M, D - 1), nan = rows(bad, 2, 1);
    cull_array none = {.dtype = CULL_F32, .at = t.pool};
    static const int32_t code[] = {0, 4};
    refused(cx, cull_job_set(j, "targte", "x"), CULL_EOPTION, "did you mean target");
    refused(cx, cull_job_set(j, "budget", "3"), CULL_EOPTION, "--budget is given twice");
    refused(cx, cull_job_array(j, "pool", &none), CULL_EINPUT, "must be an array of rows");
    refused(cx, cull_job_array(j, "label", &pool), CULL_EOPTION, "--label takes no array");
    refused(cx, cull_job_codes(j, "group", code, 2, groups, 3), CULL_EINPUT, "group[1] is 4");
    refused(cx, cull_job_codes(j, "cost", code, 2, groups, 3), CULL_EOPTION, "takes no codes");
    ok(cx, cull_job_array(j, "pool", &pool));
    refused(cx, cull_job_set(j, "pool", "a.npy"), CULL_EOPTION, "--pool is given twice");
    ok(cx, cull_job_array(j, "target", &other));
    refused(cx, cull_job_run(j, rds, NULL, 0), CULL_EINPUT, "must be one embedding");
    refused(cx, cull_job_set(j, "seed", "3"), CULL_EOPTION, "no input 'seed'");
    refused(cx, cull_job_set(j, "cost", "x"), CULL_EOPTION, "comes too late");
    cull_job_free(j);
    j = job(cx, "2");
    ok(cx, cull_job_set(j, "targets", "5"));
    refused(cx, cull_job_run(j, rds, NULL, 0), CULL_EOPTION, "for a comparison");
    cull_job_free(j);
    j = job(cx, "2");
    refused(cx, cull_job_run(j, rds, NULL, 0), CULL_EOPTION, "there is no pool");
    cull_job_free(j);
    j = job(cx, "1");
    ok(cx, cull_job_array(j, "pool", &nan));
    ok(cx, cull_job_array(j, "target", &nan));
    refused(cx, cull_job_run(j, rds, NULL, 0), CULL_EINPUT, "pool[1, 0] is nan");
    cull_job_free(j);
    j = job(cx, "1");
    ok(cx, cull_job_array(j, "pool", &pool));
    ok(cx, cull_job_column(j, "difficulty", t.difficulty, N - 1));
    refused(cx, cull_job_run(j, cull_method_find("random", NULL), NULL, 0), CULL_EINPUT,
            "difficulty has 899 rows, the pool has 900");
    cull_job_free(j);
    cull_ctx_free(cx);
}

static cull_status all_of_it(cull_ctx *cx, cull_job **j)
{
    const cull_method *m = cull_method_find("rds-plus", NULL);
    CULL_TRY(cull_job_new(cx, CULL_TASK_DATA, j));
    CULL_TRY(cull_job_set(*j, "pool", t.jsonl));
    CULL_TRY(cull_job_set(*j, "budget", "9"));
    CULL_TRY(cull_job_set(*j, "embed-dim", "4"));
    CULL_TRY(cull_job_set(*j, "target", t.jsonl));
    CULL_TRY(cull_job_set(*j, "group", "g"));
    CULL_TRY(cull_job_set(*j, "quota", "equal"));
    return cull_job_run(*j, m, NULL, 63);
}

static void failures(void **state)
{
    (void)state;
    bool done = false;
    for (long at = 2; !done && at < 1000000; at += 1 + at / 20) {
        hooks h = {.fail_at = at};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_job *j = NULL;
        cull_status s = all_of_it(cx, &j);
        done = h.calls < at;
        /* reading falls back on a smaller buffer */
        if (s != CULL_OK && (done || s != CULL_ENOMEM)) fail_msg("%ld: %s", at, cull_error(cx));
        cull_job_free(j);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(done);
}

/* A run that left its share in a folder, and is still there, has no part in what its context does next. */
static void shares_of_one_job(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const cull_method *m = cull_method_find("rds-plus", NULL);
    cull_array pool = rows(t.pool, N, D), target = rows(t.target, M, D);
    char dir[64];
    snprintf(dir, sizeof dir, "%s/shares", t.dir);
    cull_job *j[4];
    for (int i = 0; i < 4; i++) {
        j[i] = job(cx, "5%");
        ok(cx, cull_job_array(j[i], "pool", &pool));
        ok(cx, cull_job_array(j[i], "target", &target));
        if (i == 1 || i == 2) {
            ok(cx, cull_job_set(j[i], "parts", dir));
            ok(cx, cull_job_set(j[i], "shard", i == 1 ? "1/2" : "2/2"));
            refused(cx, cull_job_run(j[i], m, NULL, 0), CULL_EWAIT, "its share of");
        } else {
            run(cx, j[i], "rds-plus");
        }
    }
    same(j[0], j[3]);
    for (int i = 0; i < 4; i++) cull_job_free(j[i]);
    static const char *const left[] = {"0000-nearest-rows.1-of-2", "0000-nearest-rows.2-of-2",
                                       "run"};
    for (int i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", dir, left[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(dir), 0);
    cull_ctx_free(cx);
}

/* What a comparison and an estimate leave behind. */
static void compared(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    cull_job *j = job(cx, "5%");
    const cull_compare *table;
    cull_estimate e;
    char name[] = "chance";
    cull_variant v[] = {{cull_method_find("rds-plus", NULL), NULL, NULL},
                        {cull_method_find("random", NULL), NULL, name}};
    ok(cx, cull_job_set(j, "pool", t.jsonl));
    ok(cx, cull_job_set(j, "label", "g"));
    ok(cx, cull_job_set(j, "label-is", "b"));
    ok(cx, cull_job_set(j, "targets", "20"));
    ok(cx, cull_job_compare(j, v, 2, 3, &table));
    memset(name, 'x', sizeof name - 1); /* names are the table's own */
    assert_int_equal(table->rows, 6);
    bool told = false;
    for (int i = 0; i < table->rows; i++) told |= !strcmp(table->row[i].method, "chance");
    assert_true(told);
    assert_int_equal(table->metrics, 2);
    cull_job_free(j);
    j = job(cx, "5%");
    ok(cx, cull_job_set(j, "pool", t.jsonl));
    ok(cx, cull_job_set(j, "target", t.jsonl));
    ok(cx, cull_job_estimate(j, v[0].method, NULL, 0, &e));
    assert_int_equal(e.rows, N);
    assert_int_equal(e.dim, 256);
    assert_true(e.makes_features && e.bytes > N * 256 * 4);
    cull_job_free(j);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    setup();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_and_files),
        cmocka_unit_test(columns_costs_groups),
        cmocka_unit_test(tasks),
        cmocka_unit_test(avoid_rows),
        cmocka_unit_test(have_and_against),
        cmocka_unit_test(refusals),
        cmocka_unit_test(shares_of_one_job),
        cmocka_unit_test(compared),
        cmocka_unit_test(failures),
    };
    int bad = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(t.npy), unlink(t.target_npy), unlink(t.jsonl), rmdir(t.dir);
    return bad;
}

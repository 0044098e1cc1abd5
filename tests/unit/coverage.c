/* Coverage of a target by kept rows, fields of a corpus, records without text. */
#include "test.h"

#include <unistd.h>

#include "base/base.h"
#include "cull/corpus.h"
#include "cull/pool.h"
#include "cull/text.h"

enum { N = 9000, D = 7, M = 9, K = 5000 }; /* K: more than one block of rows */

static float *numbers(uint64_t stream, int64_t n)
{
    cull_rng r = cull__rng_seeded(77, stream);
    float *v = malloc((size_t)n * sizeof *v);
    for (int64_t i = 0; i < n; i++) v[i] = (float)cull__rng_normal(&r);
    return v;
}

static double cosine(const float *a, const float *b)
{
    double ab = 0, aa = 0, bb = 0;
    for (int j = 0; j < D; j++) {
        ab += (double)a[j] * (double)b[j];
        aa += (double)a[j] * (double)a[j];
        bb += (double)b[j] * (double)b[j];
    }
    return ab / sqrt(aa * bb);
}

static void coverage_is_the_best_cosine(void **state)
{
    (void)state;
    float *p = numbers(1, N * D), *t = numbers(2, M * D);
    int64_t idx[K];
    double one[M], two[M];
    for (int64_t i = 0; i < K; i++) idx[i] = (i * 7919 + 3) % N;
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        cull_pool *pool, *target;
        double *best = threads == 1 ? one : two;
        ok(cx, cull_pool_from(cx, p, CULL_F32, N, D, &pool));
        ok(cx, cull_pool_from(cx, t, CULL_F32, M, D, &target));
        ok(cx, cull_pool_coverage(cx, pool, idx, K, target, best));
        for (int j = 0; j < M; j++) {
            double want = -2;
            for (int64_t i = 0; i < K; i++) {
                double s = cosine(t + j * D, p + idx[i] * D);
                if (s > want) want = s;
            }
            assert_true(fabs(best[j] - want) < 1e-6);
        }
        cull_pool_free(pool);
        cull_pool_free(target);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(one, two, sizeof one);
    free(p);
    free(t);
}

static void coverage_refuses(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    float *p = numbers(1, 60);
    cull_pool *pool, *other;
    double best[20];
    int64_t idx[2] = {0, 20};
    ok(cx, cull_pool_from(cx, p, CULL_F32, 20, 3, &pool));
    ok(cx, cull_pool_from(cx, p, CULL_F32, 15, 4, &other));
    refused(cx, cull_pool_coverage(cx, pool, idx, 0, pool, best), CULL_EINPUT, "no row was kept");
    refused(cx, cull_pool_coverage(cx, pool, idx, 2, pool, best), CULL_EINPUT, "row 20 is not in");
    refused(cx, cull_pool_coverage(cx, pool, idx, 1, other, best), CULL_EINPUT,
            "must be one embedding");
    long k = 1;
    for (cull_status s = CULL_ENOMEM; s != CULL_OK; k++) {
        h.calls = 0, h.fail_at = k;
        s = cull_pool_coverage(cx, pool, idx, 1, pool, best);
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        assert_true(k < 100);
    }
    h.fail_at = 0;
    assert_true(fabs(best[0] - 1) < 1e-6); /* row 0 covers itself */
    cull_pool_free(pool);
    cull_pool_free(other);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    free(p);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    fclose(f);
}

static cull_status open_one(cull_ctx *cx, const char *path, const char *text, bool optional,
                            cull_corpus **out)
{
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = &path;
    o.npaths = 1;
    o.text = text;
    o.text_optional = optional;
    return cull_corpus_open(cx, &o, out);
}

static void fields_of_records(void **state)
{
    (void)state;
    char dir[] = "/tmp/cull-fields-XXXXXX", json[64], csv[64];
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    cull_corpus *c;
    cull_strings f;
    assert_non_null(mkdtemp(dir));
    snprintf(json, sizeof json, "%s/a.jsonl", dir);
    snprintf(csv, sizeof csv, "%s/a.csv", dir);
    write_file(
        json, "{\"a b\":1.5,\"body\":\"x\",\"t\":[1],\"o\":{},\"n\":null,\"y\":true}\n{\"z\":1}\n");
    write_file(csv, "one,\"two, three\"\n1,2\n3,4\n");

    refused(cx, open_one(cx, json, NULL, false, &c), CULL_EINPUT, "which field is the text?");
    refused(cx, open_one(cx, csv, NULL, false, &c), CULL_EINPUT, "which column is the text?");
    ok(cx, open_one(cx, json, NULL, true, &c));
    assert_false(cull_corpus_has_text(c));
    assert_int_equal(cull_corpus_n(c), 2);
    cull_corpus_free(c);

    ok(cx, open_one(cx, json, "", false, &c));
    long k = 1;
    for (cull_status s = CULL_ENOMEM; s != CULL_OK; k++) {
        h.calls = 0, h.fail_at = k;
        s = cull_corpus_fields(cx, c, &f);
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        assert_true(k < 200);
    }
    h.fail_at = 0;
    static const char *const name[] = {"a b", "body", "t", "o", "n", "y"};
    static const char *const kind[] = {"number", "string", "array", "object", "null", "bool"};
    assert_int_equal(f.n, 6);
    for (int i = 0; i < 6; i++) {
        assert_string_equal(f.id[i], name[i]);
        assert_string_equal(f.text[i], kind[i]);
    }
    cull_strings_free(&f);
    cull_corpus_free(c);

    ok(cx, open_one(cx, csv, "", false, &c));
    ok(cx, cull_corpus_fields(cx, c, &f));
    assert_int_equal(f.n, 2);
    assert_string_equal(f.id[1], "two, three");
    cull_strings_free(&f);
    cull_corpus_free(c);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    unlink(json), unlink(csv), rmdir(dir);
}

static void names_and_numbers(void **state)
{
    (void)state;
    static const char *const cand[] = {"budget", "target", "seed"};
    char buf[32];
    double v;
    uint64_t b;
    assert_string_equal(cull_nearest("bugdet", cand, 3), "budget");
    assert_null(cull_nearest("quantum", cand, 3));
    assert_true(cull_same_name("a_b-c", "a-b_c"));
    assert_true(cull_parse_number("1e-3", &v) && v == 1e-3);
    assert_false(cull_parse_number("1,5", &v));
    assert_true(cull_parse_bytes("1.5G", &b) && b == 3u << 29);
    assert_string_equal(cull_format_number(0.1, buf), "0.1");
    assert_string_equal(cull_format_bytes(1536, buf), "1.5 KiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coverage_is_the_best_cosine),
        cmocka_unit_test(coverage_refuses),
        cmocka_unit_test(fields_of_records),
        cmocka_unit_test(names_and_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

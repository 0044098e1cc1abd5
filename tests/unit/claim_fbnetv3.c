/* claim_fbnetv3: the parts of fbnetv3's check on data made here, and what its files must be. */
#include "test.h"

#include "claim/fbnetv3.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static void path_of(const char *folder, const char *file, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", dir, folder);
    (void)mkdir(path, 0700);
    snprintf(path, size, "%s/%s/%s", dir, folder, file);
}

static const char images[] = "train-images-idx3-ubyte.gz", labels[] = "train-labels-idx1-ubyte.gz";
static const char curves[] = "214_random_architectures.npy", table[] = "nasbench_macro_cifar10.csv";

static int begin(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/claim_fbnetv3_XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
    static const char *const file[][2] = {
        {"mnist", images}, {"mnist", labels}, {"nas_eval", curves}, {"macro", table}};
    char path[200];
    (void)state;
    for (int i = 0; i < 4; i++) {
        path_of(file[i][0], file[i][1], path, sizeof path);
        (void)unlink(path);
    }
    for (int i = 1; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, file[i][0]);
        (void)rmdir(path);
    }
    return rmdir(dir);
}

/* ---- (a): accuracies that are nearly a sum over layers, as FLOPs are ---- */
static void make_table(const char *cost)
{
    char path[200];
    path_of("macro", table, path, sizeof path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "arch,mean_acc,params,flops\n");
    for (int at = 0; at < 6561; at++) {
        int digit[8], flops = 0;
        double v = 0;
        for (int i = 7, left = at; i >= 0; i--, left /= 3) digit[i] = left % 3;
        for (int i = 0; i < 8; i++) {
            fprintf(f, "%d", digit[i]);
            flops += (9 - i) * digit[i];
            v += (9 - i) * digit[i] + 2 * (digit[i] == 1);
        }
        fprintf(f, ",%.4f,%s,%d\n", 90 + 3 * v / 110, at == 5 ? cost : "7", 1000000 * flops);
    }
    assert_int_equal(fclose(f), 0);
}

static void ranks(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    cull__search_table t;
    cull_claim_result r = {.seeds = 1}, none = {.seeds = 1};
    make_table("8");
    cull_ctx_reseed(cx, 3);
    ok(cx, cull__search_table_open(cx, dir, &cull__macro_costs, &t));
    ok(cx, cull__fbnetv3_ranks(cx, &t, 1, &r));
    assert_int_equal(cull_ctx_seed(cx), 3);
    h.ticks = 0, h.stop_at = 2;
    refused(cx, cull__fbnetv3_ranks(cx, &t, 1, &none), CULL_ECANCEL, "stopped");
    assert_int_equal(none.lines, 0);
    cull__search_table_close(&t);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    /* FLOPs say nearly all there is; 92.4 is the best of all */
    assert_int_equal(r.lines, 3);
    assert_true(r.line[0].value == 1 && r.line[1].value == 1);
    assert_true(fabs(r.line[2].value - 92.4) < 1e-9 && !r.line[2].holds);
    const cull_claim_figure *f = r.figure + 2; /* tau of 10 labelled: scratch, taught, ridge */
    assert_true(fabs(r.figure[0].value - (f[1].value - f[0].value)) < 1e-12);
    assert_true(f[1].value > .8 && f[0].value < f[1].value);
    assert_true(f[11].value > .95); /* ridge of 80: accuracy is a sum over what it sees */
}

static void bad_tables(void **state)
{
    (void)state;
    cull_ctx *cx = hooked_ctx(&(hooks){0}, 1);
    cull_claim_result r;
    make_table("many");
    refused(cx, cull_claim_run(cx, "fbnetv3", dir, true, &r), CULL_EINPUT,
            "line 7: params must be a number from 0");
    make_table("8");
    refused(cx, cull_claim_run(cx, "fbnetv3", dir, true, &r), CULL_ENODATA,
            "mnist/train-images-idx3-ubyte.gz is not there");
    assert_true(r.lines == 0 && !r.claim);
    cull_ctx_free(cx);
}

/* ---- (b) ---- */
static void big_endian(FILE *f, unsigned v)
{
    for (int i = 24; i >= 0; i -= 8) fputc((int)(v >> i & 255U), f);
}

/* n images of side x 28, pixel (i + 3 y + x) % 256; labels i % classes. */
static void make_digits(unsigned n, unsigned side, unsigned classes)
{
    char path[200];
    path_of("mnist", images, path, sizeof path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    big_endian(f, 0x803), big_endian(f, n), big_endian(f, side), big_endian(f, 28);
    for (unsigned i = 0; i < n; i++)
        for (unsigned y = 0; y < side; y++)
            for (unsigned x = 0; x < 28; x++) fputc((int)((i + 3 * y + x) % 256), f);
    assert_int_equal(fclose(f), 0);
    path_of("mnist", labels, path, sizeof path);
    f = fopen(path, "w");
    assert_non_null(f);
    big_endian(f, 0x801), big_endian(f, n);
    for (unsigned i = 0; i < n; i++) fputc((int)(i % classes), f);
    assert_int_equal(fclose(f), 0);
}

static void digits(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull__digits d = {.epochs = 7};
    make_digits(12, 28, 10);
    ok(cx, cull__digits_load(cx, dir, 11, &d));
    assert_true(d.n == 11 && d.d == 196 && d.epochs == 7);
    for (int i = 0; i < 11; i++) {
        assert_int_equal(d.y[i], i % 10);
        for (int y = 0; y < 14; y++)
            for (int x = 0; x < 14; x++) { /* no sum wraps around */
                double want = (i + 6 * y + 2 * x + 2) / 255.;
                assert_true(fabs((double)d.x[i * 196 + y * 14 + x] - want) < 1e-6);
            }
    }
    refused(cx, cull__digits_load(cx, dir, 13, &d), CULL_EINPUT, "13 images of 28 x 28 pixels");
    make_digits(12, 27, 10);
    refused(cx, cull__digits_load(cx, dir, 11, &d), CULL_EINPUT, "28 x 28");
    make_digits(12, 28, 9);
    refused(cx, cull__digits_load(cx, dir, 11, &d), CULL_EINPUT, "in 10 classes");
    refused(cx, cull__digits_load(cx, "/no/such/place", 1, &d), CULL_ENODATA,
            "/no/such/place/mnist/train-images-idx3-ubyte.gz is not there");
    char path[200];
    path_of("mnist", images, path, sizeof path);
    assert_int_equal(unlink(path), 0);
    path_of("mnist", labels, path, sizeof path);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/mnist", dir);
    assert_int_equal(rmdir(path), 0);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Ten classes, each about a corner of its own. */
enum { N = 160, D = 5 };
static float corner[N * D];
static int32_t class[N];
static cull__digits easy(void)
{
    cull_rng r = cull__rng_seeded(1, 1);
    for (int i = 0; i < N; i++) {
        class[i] = i % 10;
        for (int j = 0; j < D; j++)
            corner[i * D + j] = (float)((class[i] + 1) >> j & 1) + .1F * (float)cull__rng_unit(&r);
    }
    return (cull__digits){.n = N,
                          .d = D,
                          .x = corner,
                          .y = class,
                          .train = 70,
                          .val = 40,
                          .test = 50,
                          .epochs = 6,
                          .trials = 24,
                          .again = 2};
}

static void recipes(void **state)
{
    (void)state;
    cull__digits d = easy();
    cull__recipe r[2], more;
    for (int k = 0; k < 2; k++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, k + 1);
        ok(cx, cull__recipe_search(cx, &d, r + k));
        h.ticks = 0, h.stop_at = 3;
        refused(cx, cull__recipe_search(cx, &d, &more), CULL_ECANCEL, "stopped");
        cull__digits wrong = d;
        wrong.test = 51;
        refused(cx, cull__recipe_search(cx, &wrong, &more), CULL_EINPUT, "51 rows of 160 digits");
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(r, r + 1, sizeof *r);
    /* six epochs at the usual rate are too few here; a search over recipes finds one that learns */
    assert_true(r->joint > .6 && r->joint > r->alone + .2);
    assert_true(r->alone >= 0 && r->drawn > .2 && r->drawn <= 1);
}

/* One allocation fails, each time one twice as late. */
static void memory(void **state)
{
    (void)state;
    cull__digits d = easy();
    cull__recipe whole, r;
    d.epochs = 1, d.again = 1;
    int failed = 0;
    for (long at = 0; at < 20000; at += at + 1) {
        hooks h = {.fail_at = at}; /* 0: none fails */
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (!cx) {
            assert_int_equal(h.live, 0);
            continue;
        }
        cull_status s = cull__recipe_search(cx, &d, at ? &r : &whole);
        if (s == CULL_OK && at) assert_memory_equal(&whole, &r, sizeof r);
        if (s != CULL_OK) {
            refused(cx, s, CULL_ENOMEM, "memory");
            failed++;
        }
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(failed > 5);
}

/* ---- (c): curves whose order is settled from epoch 321 on, but for neighbours ---- */
static void make_curves(int n)
{
    char path[200], head[128] = "";
    cull_rng r = cull__rng_seeded(2, 1);
    path_of("nas_eval", curves, path, sizeof path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    snprintf(head, sizeof head,
             "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, 600), }%*s\n", n, 56, "");
    int size = (int)strlen(head);
    fwrite("\x93NUMPY\x01\x00", 1, 8, f);
    fputc(size & 255, f), fputc(size >> 8, f);
    fwrite(head, 1, (size_t)size, f);
    for (int i = 0; i < n; i++)
        for (int e = 0; e < 600; e++) {
            double v = e < 320 ? cull__rng_unit(&r) : e < 599 ? i ^ 1 : i;
            fwrite(&v, sizeof v, 1, f);
        }
    assert_int_equal(fclose(f), 0);
}

static void stops(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_claim_result r = {.note = ""};
    ok(cx, cull__fbnetv3_curves(cx, dir, &r));
    assert_true(r.lines == 0 && r.figures == 0 && strstr(r.note, "(c) is left out"));
    make_curves(213);
    refused(cx, cull__fbnetv3_curves(cx, dir, &r), CULL_EINPUT, "214 curves of 600 epochs");
    make_curves(214);
    ok(cx, cull__fbnetv3_curves(cx, dir, &r));
    assert_int_equal(r.lines, 2);
    assert_true(r.line[1].value == 321 && !r.line[1].holds && !strstr(r.note, "left out"));
    /* 107 pairs of 214 * 213 / 2 are the other way round */
    double tau = 1 - 4. * 107 / (214. * 213);
    assert_true(fabs(r.figure[1].value - tau) < 1e-12 && fabs(r.figure[0].value) < .2);
    assert_true(fabs(r.line[0].value - (tau - .57)) < 1e-12 && !r.line[0].holds);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ranks),  cmocka_unit_test(bad_tables),
                                       cmocka_unit_test(digits), cmocka_unit_test(recipes),
                                       cmocka_unit_test(memory), cmocka_unit_test(stops)};
    return cmocka_run_group_tests(tests, begin, end);
}

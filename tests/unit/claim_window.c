/* claim_window: cascades of networks whose outputs lie in a file, on outputs made here; what the file must be. */
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/base.h"
#include "claim/window_exit.h"

enum { NETS = 4, ROWS = 10000, CLASSES = 10 };
static char dir[64], path[160];

/* ---- an archive whose members lie as they are ---- */
typedef struct {
    unsigned char *at;
    size_t n;
} bytes;

static void put(bytes *b, const void *p, size_t n)
{
    b->at = realloc(b->at, b->n + n);
    assert_non_null(b->at);
    memcpy(b->at + b->n, p, n);
    b->n += n;
}

static void put_int(bytes *b, uint64_t v, size_t n)
{
    for (; n; n--, v >>= 8) put(b, &(unsigned char){(unsigned char)v}, 1);
}

/* The head of a member in its place (k = 0), and in the list at the end. */
static void put_head(bytes *b, int k, const char *name, const bytes *what, size_t place)
{
    put_int(b, k ? 0x02014b50 : 0x04034b50, 4);
    if (k) put_int(b, 20, 2);
    put_int(b, 20, 2), put_int(b, 0, 4), put_int(b, 0x21 << 16, 4);
    put_int(b, crc32(0, what->at, (uInt)what->n), 4);
    put_int(b, what->n, 4), put_int(b, what->n, 4);
    put_int(b, strlen(name), 2), put_int(b, 0, 2);
    if (k) put_int(b, 0, 10), put_int(b, place, 4);
    put(b, name, strlen(name));
}

static void member(bytes *file, bytes *list, const char *name, const char *type, const char *shape,
                   const void *data, size_t n)
{
    char head[118];
    size_t place = file->n;
    bytes npy = {0};
    memset(head, ' ', sizeof head);
    int used = snprintf(head, sizeof head,
                        "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
    head[used] = ' ';
    head[sizeof head - 1] = '\n';
    put(&npy, "\x93NUMPY\x01\x00", 8);
    put_int(&npy, sizeof head, 2);
    put(&npy, head, sizeof head);
    put(&npy, data, n);
    put_head(file, 0, name, &npy, 0);
    put(file, npy.at, npy.n);
    put_head(list, 1, name, &npy, place);
    free(npy.at);
}

/* Logits of four networks, each better than the one before; they err on hard rows. less: rows that the last one lacks. */
static void make(int less)
{
    static const char *const name[NETS] = {"resnet20_logits.npy", "resnet32_logits.npy",
                                           "resnet44_logits.npy", "resnet56_logits.npy"};
    static float z[ROWS * CLASSES];
    static unsigned char label[ROWS];
    const int64_t macs[NETS] = {41, 69, 98, 127};
    bytes file = {0}, list = {0};
    cull_rng r = cull__rng_seeded(1, 1);
    for (int i = 0; i < ROWS; i++) label[i] = (unsigned char)cull__rng_below(&r, CLASSES);
    for (int k = 0; k < NETS; k++) {
        char shape[32];
        int n = k == NETS - 1 ? ROWS - less : ROWS;
        for (int i = 0; i < ROWS * CLASSES; i++) {
            bool hard = i / CLASSES % 3 == 0, his = i % CLASSES == label[i / CLASSES];
            z[i] = (float)((his ? (hard ? 1 + .7 * k : 6) : 0) + cull__rng_normal(&r));
        }
        snprintf(shape, sizeof shape, "%d, %d", n, CLASSES);
        member(&file, &list, name[k], "<f4", shape, z, (size_t)n * CLASSES * sizeof *z);
    }
    member(&file, &list, "macs_M.npy", "<i8", "4,", macs, sizeof macs);
    member(&file, &list, "labels.npy", "|u1", "10000,", label, sizeof label);
    size_t at = file.n;
    put(&file, list.at, list.n);
    put_int(&file, 0x06054b50, 4), put_int(&file, 0, 4);
    put_int(&file, NETS + 2, 2), put_int(&file, NETS + 2, 2);
    put_int(&file, list.n, 4), put_int(&file, at, 4), put_int(&file, 0, 2);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(file.at, 1, file.n, f), file.n);
    assert_int_equal(fclose(f), 0);
    free(file.at);
    free(list.at);
}

static void saves_and_tells(void **state)
{
    (void)state;
    cull_claim_result r[2] = {{.note = ""}, {.note = ""}};
    bool there;
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        ok(cx, cull__resnet_cascades(cx, dir, &there, &r[threads - 1]));
        assert_true(there);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_int_equal(r[0].figures, 10);
    for (int i = 0; i < 10; i++) {
        const cull_claim_figure *f = &r[0].figure[i], *g = &r[1].figure[i];
        assert_true(f->lo <= f->value && f->value <= f->hi);
        assert_true(f->value == g->value && f->lo == g->lo && f->hi == g->hi);
    }
    /* Two rows in three are easy: right by the first network, at 41 of 127. If the others alone paid for the last one too, a
     * cascade of the two would save 1 - (41 + 127 / 3) / 127 = .344; some easy ones do. */
    assert_true(r[0].figure[2].value > .2 && r[0].figure[2].value < .36);
    assert_true(r[0].figure[0].value > r[0].figure[2].value && r[0].figure[0].value < .5);
    assert_true(fabs(r[0].figure[1].value) < .02 && fabs(r[0].figure[3].value) < .02);
    for (int i = 4; i < 6; i++)
        assert_true(r[0].figure[i].lo > 0); /* better than networks between */
}

static void without_and_damaged(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_claim_result r = {.note = ""};
    bool there = true;
    ok(cx, cull__resnet_cascades(cx, "/no/such/place", &there, &r));
    assert_true(!there && r.figures == 0);
    make(1);
    refused(cx, cull__resnet_cascades(cx, dir, &there, &r), CULL_EINPUT,
            "resnet56_logits has 99990 numbers; there must be 100000");
    refused(cx, cull_claim_run(cx, "window-exit", "/no/such/place", true, &r), CULL_ENODATA,
            "dataset-fashion-mnist");
    cull_ctx_free(cx);
}

static int begin(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/cull_window_XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/cifar10", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/cifar10/resnet_jpeg_test_scores.npz", dir);
    make(0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    remove(path);
    snprintf(path, sizeof path, "%s/cifar10", dir);
    rmdir(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(saves_and_tells),
                                       cmocka_unit_test(without_and_damaged)};
    return cmocka_run_group_tests(tests, begin, end);
}

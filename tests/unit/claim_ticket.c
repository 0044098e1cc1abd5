/* claim_ticket: checks that train on Fashion-MNIST, on a few images made here: too few are told, an end that is asked for
 * leaves neither memory nor files. */
#include "claiming.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { SIDE = 28 };
static char folder[96];

static void idx(const char *name, int n, bool images)
{
    char path[160];
    unsigned char head[16] = {
        0, 0, 8, images ? 3 : 1, 0, 0, (unsigned char)(n >> 8), (unsigned char)n};
    unsigned char row[SIDE * SIDE] = {0};
    head[11] = head[15] = SIDE;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    gzFile f = gzopen(path, "wb1");
    assert_non_null(f);
    gzwrite(f, head, images ? 16 : 8);
    for (int i = 0; i < n; i++) {
        row[images ? (i % 10) * 70 + i % 7 : 0] = (unsigned char)(images ? 255 : i % 10);
        gzwrite(f, row, images ? sizeof row : 1);
        row[images ? (i % 10) * 70 + i % 7 : 0] = 0;
    }
    assert_int_equal(gzclose(f), Z_OK);
}

static void write_all(int train, int test)
{
    idx("train-images-idx3-ubyte.gz", train, true);
    idx("train-labels-idx1-ubyte.gz", train, false);
    idx("t10k-images-idx3-ubyte.gz", test, true);
    idx("t10k-labels-idx1-ubyte.gz", test, false);
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/cull-claim-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    snprintf(folder, sizeof folder, "%s/fashion-mnist", dir);
    return mkdir(folder, 0700);
}

static int drop_dir(void **state)
{
    (void)state;
    static const char *const name[] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                       "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};
    for (int i = 0; i < 4; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%s", folder, name[i]);
        unlink(path);
    }
    rmdir(folder);
    return rmdir(dir);
}

/* Files that were begun in `dir` beside the folder of images. */
static int others(void)
{
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.' && strcmp(e->d_name, "fashion-mnist") != 0;
    closedir(d);
    return n;
}

static cull_ctx *ctx_in_dir(hooks *h)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.user = h;
    o.alloc = hook_alloc;
    o.free = hook_free;
    o.tick = hook_tick;
    o.tick_ms = 0;
    o.threads = 2;
    o.tmpdir = dir;
    return cull_ctx_new(&o);
}

static void trains(const char *slug)
{
    cull_claim_result r;
    hooks h = {0};
    cull_ctx *cx = ctx_in_dir(&h);
    refused(cx, cull_claim_run(cx, slug, "/no/such/place", true, &r), CULL_ENODATA,
            "dataset-fashion-mnist");
    write_all(500, 300);
    refused(cx, cull_claim_run(cx, slug, dir, true, &r), CULL_EINPUT, "too few images");
    assert_int_equal(others(), 0);
    write_all(12000, 5000);
    h.stop_at = h.ticks + 2;
    refused(cx, cull_claim_run(cx, slug, dir, true, &r), CULL_ECANCEL, "stopped");
    assert_int_equal(others(), 0);
    assert_true(r.lines == 0 && !r.claim);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void lottery_ticket(void **state)
{
    (void)state;
    trains("lottery-ticket");
}

static void breadcrumbs(void **state)
{
    (void)state;
    trains("breadcrumbs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lottery_ticket),
                                       cmocka_unit_test(breadcrumbs)};
    (void)keeps;
    (void)fails_well;
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

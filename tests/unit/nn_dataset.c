/* nn_dataset.c - data sets of arrays, tables and folders of images; batches, normalising, augmentation. */
#include "base/base.h"
#include "cull/dataset.h"
#include "cull/pool.h"
#include "files.h"
#include "images.h"
#include "io/image.h"
#include "test.h"

#include <sys/stat.h>

static bool images; /* cull was built with both libraries */

static unsigned char rgb(int x, int y, int c)
{
    return (unsigned char)(37 * x + 61 * y + 90 * c + 11 * x * y * c);
}

/* ---- pictures ---- */

static void pixels(void **state)
{
    (void)state;
    if (!images) skip();
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__image m;
    ok(cx, cull__image_read(cx, "p", png_rgb, sizeof png_rgb, 0, &m));
    assert_true(m.width == 7 && m.height == 5 && m.channels == 3);
    for (int y = 0; y < 5; y++)
        for (int x = 0; x < 7; x++)
            for (int c = 0; c < 3; c++) assert_int_equal(m.at[(y * 7 + x) * 3 + c], rgb(x, y, c));
    static const struct {
        int h, w;
        const unsigned char *want;
    } to[] = {{4, 3, resized_3x4}, {9, 10, resized_10x9}};
    for (int k = 0; k < 2; k++) { /* Pillow's weights have 22 bits and round twice */
        unsigned char got[300];
        ok(cx, cull__image_resize(cx, &m, to[k].h, to[k].w, got));
        for (int i = 0; i < to[k].h * to[k].w * 3; i++)
            assert_true(abs((int)got[i] - (int)to[k].want[i]) <= 1);
    }
    cull__free(m.at);
    ok(cx, cull__image_read(cx, "p", png_grey, sizeof png_grey, 0, &m));
    assert_true(m.channels == 1 && m.at[8] == rgb(1, 1, 0));
    cull__free(m.at);
    ok(cx, cull__image_read(cx, "p", png_grey, sizeof png_grey, 3, &m));
    assert_true(m.channels == 3 && m.at[8 * 3 + 2] == rgb(1, 1, 0));
    cull__free(m.at);
    ok(cx, cull__image_read(cx, "p", png_alpha, sizeof png_alpha, 3, &m));
    assert_memory_equal(m.at, ((unsigned char[]){200, 100, 50, 0, 0, 0}), 6);
    cull__free(m.at);
    ok(cx, cull__image_read(cx, "p", jpeg_rgb, sizeof jpeg_rgb, 0, &m));
    assert_true(m.width == 7 && m.height == 5 && m.channels == 3);
    for (int y = 0; y < 5; y++)
        for (int x = 0; x < 7; x++) { /* what quality 95 takes away */
            const unsigned char *p = m.at + (y * 7 + x) * 3;
            assert_true(abs(p[0] - 20 * x - 5 * y) < 8 && abs(p[1] - 200 + 15 * x) < 8);
            assert_true(abs(p[2] - 100 - 10 * y) < 8);
        }
    cull__free(m.at);
    ok(cx, cull__image_read(cx, "p", jpeg_grey, sizeof jpeg_grey, 0, &m));
    assert_true(m.channels == 1);
    cull__free(m.at);
    cull_ctx_free(cx);
}

static void damaged_pictures(void **state)
{
    (void)state;
    if (!images) skip();
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull__image m;
    unsigned char bad[1000];
    const struct {
        const unsigned char *at;
        size_t n;
    } of[] = {{png_rgb, sizeof png_rgb}, {jpeg_rgb, sizeof jpeg_rgb}};
    for (int k = 0; k < 2; k++)
        for (size_t n = 8; n + 20 < of[k].n; n += 3) {
            memcpy(bad, of[k].at, n);
            refused(cx, cull__image_read(cx, "cut", bad, n, 0, &m), CULL_EIO, "cut: is a damaged");
            assert_null(m.at);
        }
    memcpy(bad, png_rgb, sizeof png_rgb);
    bad[40] ^= 255;
    assert_int_equal(cull__image_read(cx, "p", bad, sizeof png_rgb, 0, &m), CULL_EIO);
    /* 60000 x 60000, says the head (its checksum mended or not, it is EIO before memory is asked for) */
    memcpy(bad, jpeg_rgb, sizeof jpeg_rgb);
    for (size_t i = 2; i + 9 < sizeof jpeg_rgb; i++)
        if (bad[i] == 255 && bad[i + 1] == 0xc0) {
            bad[i + 5] = bad[i + 7] = 0xea, bad[i + 6] = bad[i + 8] = 0x60;
            break;
        }
    refused(cx, cull__image_read(cx, "p", bad, sizeof jpeg_rgb, 0, &m), CULL_EIO,
            "says it is 60000 x 60000 pixels");
    refused(cx, cull__image_read(cx, "p", jpeg_cmyk, sizeof jpeg_cmyk, 0, &m), CULL_EINPUT,
            "4 colour channels");
    refused(cx, cull__image_read(cx, "p", bad + 4, 100, 0, &m), CULL_EINPUT, "neither a PNG nor");
    refused(cx, cull__image_read(cx, "p", bad, 0, 0, &m), CULL_EINPUT, "neither a PNG nor");
    h.fail_at = h.calls + 1;
    assert_int_equal(cull__image_read(cx, "p", png_rgb, sizeof png_rgb, 0, &m), CULL_ENOMEM);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- folders ---- */

static const char *spit_in(const char *folder, const char *file, const void *p, size_t n)
{
    char both[128];
    mkdir(in_dir(folder), 0777);
    snprintf(both, sizeof both, "%s/%s", folder, file);
    return spit(both, p, n);
}

static void empty(const char *folder)
{
    DIR *d = opendir(in_dir(folder));
    for (struct dirent *e; d && (e = readdir(d));) {
        char both[300];
        snprintf(both, sizeof both, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.') unlink(in_dir(both));
    }
    if (d) closedir(d);
    rmdir(in_dir(folder));
}

static void folders(void **state)
{
    (void)state;
    if (!images) skip();
    static const char *const all[] = {"set/b", "set/a", "set/a10", "set"};
    float one[2][3][105];
    mkdir(in_dir("set"), 0777);
    spit_in("set/b", "2.png", png_rgb, sizeof png_rgb);
    spit_in("set/b", "1.PNG", png_grey, sizeof png_grey);
    spit_in("set/b", "notes.txt", "x", 1);
    spit_in("set/a", "x.jpeg", jpeg_rgb, sizeof jpeg_rgb);
    for (int threads = 1; threads <= 2; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        cull_dataset *d;
        int64_t shape[3];
        int32_t label[3];
        ok(cx, cull_dataset_open(cx, in_dir("set"), NULL, &d));
        assert_int_equal(cull_dataset_rows(d), 3);
        assert_int_equal(cull_dataset_classes(d), 2);
        assert_string_equal(cull_dataset_class(d, 0), "a");
        assert_string_equal(cull_dataset_class(d, 1), "b");
        assert_null(cull_dataset_class(d, 2));
        assert_int_equal(cull_dataset_shape(d, shape), 105);
        assert_true(shape[0] == 5 && shape[1] == 7 && shape[2] == 3);
        cull_dataset_fill(d, (int64_t[]){0, 1, 2}, 3, NULL, 0, one[threads - 1][0], label, NULL);
        assert_true(label[0] == 0 && label[1] == 1 && label[2] == 1);
        assert_true(one[0][1][8 * 3 + 2] == (float)rgb(1, 1, 0) / 255); /* grey among colours */
        assert_true(one[0][2][8 * 3 + 2] == (float)rgb(1, 1, 2) / 255);
        cull_dataset_free(d);
        if (threads == 2) {
            cull_dataset_opts o = CULL_DATASET_OPTS;
            o.resize = 4;
            spit_in("set/a", "y.jpg", jpeg_grey, sizeof jpeg_grey);
            spit_in("set/a10", "z.png", png_alpha, sizeof png_alpha);
            refused(cx, cull_dataset_open(cx, in_dir("set"), NULL, &d), CULL_EINPUT,
                    "z.png: is 2 x 1 pixels, the first image 7 x 5");
            ok(cx, cull_dataset_open(cx, in_dir("set"), &o, &d));
            assert_int_equal(cull_dataset_shape(d, NULL), 48);
            assert_string_equal(cull_dataset_class(d, 1), "a10");
            cull_dataset_free(d);
            spit_in("set/a10", "z.png", png_rgb, 60);
            refused(cx, cull_dataset_open(cx, in_dir("set"), NULL, &d), CULL_EIO,
                    "a10/z.png: is a damaged PNG file");
            o = (cull_dataset_opts){.channels = 2};
            refused(cx, cull_dataset_open(cx, in_dir("set"), &o, &d), CULL_EOPTION, "not 2");
            unlink(in_dir("set/a10/z.png"));
            refused(cx, cull_dataset_open(cx, in_dir("set"), NULL, &d), CULL_EINPUT,
                    "a10: has no .png");
            spit_in("set/a", "a.png", png_grey, sizeof png_grey); /* grey comes first now */
            spit_in("set/a10", "z.png", png_rgb, sizeof png_rgb);
            refused(cx, cull_dataset_open(cx, in_dir("set"), NULL, &d), CULL_EINPUT,
                    "set channels to 1 or 3");
            o.channels = 1;
            ok(cx, cull_dataset_open(cx, in_dir("set"), &o, &d));
            assert_int_equal(cull_dataset_shape(d, NULL), 35);
            cull_dataset_free(d);
            refused(cx, cull_dataset_open(cx, in_dir("set/a"), NULL, &d), CULL_EINPUT,
                    "has no folders");
            for (long at = 1;; at++) {
                h.fail_at = h.calls + at;
                cull_status s = cull_dataset_open(cx, in_dir("set"), &o, &d);
                if (s == CULL_OK && h.calls < h.fail_at) break;
                if (s == CULL_OK) cull_dataset_free(d); /* read by way of less memory */
                assert_true(s == CULL_OK || s == CULL_ENOMEM);
            }
            cull_dataset_free(d);
        }
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_memory_equal(one[0], one[1], sizeof one[0]);
    for (int i = 0; i < 4; i++) empty(all[i]);
}

/* ---- arrays and tables ---- */

static void idx_and_npy(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    bytes x = {0}, y = {0};
    cull_dataset *d;
    int64_t shape[3];
    float v[12];
    int32_t label[2];
    add_big(&x, 0x803, 4);
    add_big(&x, 3, 4), add_big(&x, 2, 4), add_big(&x, 2, 4);
    for (uint64_t i = 0; i < 12; i++) add_int(&x, 20 * i, 1);
    add_big(&y, 0x801, 4);
    add_big(&y, 3, 4);
    add_int(&y, 7, 1), add_int(&y, 0, 1), add_int(&y, 2, 1);
    spit("x-idx3-ubyte", x.at, x.n);
    cull_dataset_opts o = {.labels = spit("y-idx1-ubyte", y.at, y.n)};
    ok(cx, cull_dataset_open(cx, in_dir("x-idx3-ubyte"), &o, &d));
    assert_int_equal(cull_dataset_classes(d), 8);
    cull_dataset_shape(d, shape);
    assert_true(shape[0] == 2 && shape[1] == 2 && shape[2] == 1);
    cull_dataset_fill(d, (int64_t[]){2, 0}, 2, NULL, 0, v, label, NULL);
    assert_true(v[0] == 160.f / 255 && v[7] == 60.f / 255 && label[0] == 2 && label[1] == 7);
    uint64_t hash = cull_dataset_hash(d);
    cull_dataset_free(d);
    ok(cx, cull_dataset_open(cx, in_dir("x-idx3-ubyte"), NULL, &d));
    assert_true(cull_dataset_hash(d) != hash && !cull_dataset_label(d));
    cull_dataset_free(d);
    y.n -= 3;
    y.at[7] = 2;
    add_int(&y, 1, 2);
    o.labels = spit("y-idx1-ubyte", y.at, y.n);
    refused(cx, cull_dataset_open(cx, in_dir("x-idx3-ubyte"), &o, &d), CULL_EINPUT,
            "there are 3 rows");
    /* planes: (2, 3, 1, 2), channel c of pixel i of row r is 10 r + c + i / 4 */
    float p[12];
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < 2; i++) p[(r * 3 + c) * 2 + i] = (float)(10 * r + c) + (float)i / 4;
    cull_array a = {.dtype = CULL_F32, .ndim = 4, .shape = {2, 3, 1, 2}, .at = p};
    ok(cx, cull_array_write(cx, in_dir("p.npy"), &a));
    o = (cull_dataset_opts){.planes = true};
    ok(cx, cull_dataset_open(cx, in_dir("p.npy"), &o, &d));
    cull_dataset_fill(d, (int64_t[]){1}, 1, NULL, 0, v, NULL, NULL);
    for (int i = 0; i < 2; i++)
        for (int c = 0; c < 3; c++) assert_true(v[i * 3 + c] == (float)(10 + c) + (float)i / 4);
    cull_dataset_free(d);
    o = (cull_dataset_opts){.height = 5, .width = 1};
    refused(cx, cull_dataset_open(cx, in_dir("p.npy"), &o, &d), CULL_EINPUT, "no images of 5 x 1");
    p[7] = NAN;
    ok(cx, cull_array_write(cx, in_dir("p.npy"), &a));
    refused(cx, cull_dataset_open(cx, in_dir("p.npy"), NULL, &d), CULL_EINPUT, "p.npy");
    cull_ctx_free(cx);
}

/* Pixel i of plane c of record r is (i + 50 c + 7 r) mod 251. */
static void cifar(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static bytes b;
    static float v[3072];
    cull_dataset *d;
    int64_t shape[3];
    for (uint64_t r = 0; r < 2; r++) {
        add_int(&b, 9 - 4 * r, 1);
        for (uint64_t c = 0; c < 3; c++)
            for (uint64_t i = 0; i < 1024; i++) add_int(&b, (i + 50 * c + 7 * r) % 251, 1);
    }
    spit("batch.bin", b.at, b.n);
    ok(cx, cull_dataset_open(cx, in_dir("batch.bin"), NULL, &d));
    assert_int_equal(cull_dataset_classes(d), 10);
    assert_int_equal(cull_dataset_label(d)[1], 5);
    cull_dataset_shape(d, shape);
    assert_true(shape[0] == 32 && shape[1] == 32 && shape[2] == 3);
    cull_dataset_fill(d, (int64_t[]){1}, 1, NULL, 0, v, NULL, NULL);
    for (int i = 0; i < 1024; i++)
        for (int c = 0; c < 3; c++)
            assert_true(v[3 * i + c] == (float)((i + 50 * c + 7) % 251) / 255);
    cull_dataset_free(d);
    cull_ctx_free(cx);
}

static void tables(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_dataset *d;
    static const char text[] = "a,y,word,b\n1,0,u,2.5\n3,2,v,4\n5,1,w,6\n";
    cull_dataset_opts o = {.target = "y"};
    float v[6], t[3];
    int64_t all[] = {0, 1, 2}, shape[3];
    spit("t.csv", text, strlen(text));
    ok(cx, cull_dataset_open(cx, in_dir("t.csv"), &o, &d));
    assert_int_equal(cull_dataset_classes(d), 3);
    assert_int_equal(cull_dataset_shape(d, shape), 2);
    assert_true(shape[0] == 1 && shape[1] == 1 && shape[2] == 2);
    assert_int_equal(cull_dataset_label(d)[1], 2);
    /* columns are normalised one by one: a is 1, 3, 5 */
    ok(cx, cull_dataset_normalise(cx, d, NULL, 0, NULL));
    cull_dataset_fill(d, all, 3, NULL, 0, v, NULL, NULL);
    assert_true(fabs((double)v[0] + sqrt(1.5)) < 1e-6 && v[2] == 0);
    refused(cx, cull_dataset_normalise(cx, d, (int64_t[]){3}, 1, NULL), CULL_EINPUT, "row 3");
    cull_dataset_free(d);
    ok(cx, cull_dataset_open(cx, in_dir("t.csv"), &(cull_dataset_opts){.numbers = true}, &d));
    assert_null(cull_dataset_label(d));
    cull_dataset_fill(d, all, 3, NULL, 0, v, NULL, t);
    assert_true(t[0] == 2.5f && t[2] == 6 && v[1] == 0);
    cull_dataset_free(d);
    refused(cx, cull_dataset_open(cx, in_dir("t.csv"), NULL, &d), CULL_EINPUT,
            "t.csv: the label of row 0 is 2.5");
    o.target = "z";
    refused(cx, cull_dataset_open(cx, in_dir("t.csv"), &o, &d), CULL_EINPUT,
            "no column 'z' of numbers; it has a, y, b");
    refused(cx, cull_dataset_open(cx, in_dir("none.npy"), NULL, &d), CULL_EIO, "none.npy");
    cull_ctx_free(cx);
}

static void memory_fails(void **state)
{
    (void)state;
    static const char text[] = "a,b,y\n1,2,0\n3,4,1\n";
    const float x[] = {1, 2, 3, 4, 5, 6};
    cull_array a = {.dtype = CULL_F32, .ndim = 2, .shape = {3, 2}, .at = x};
    const char *path[] = {spit("m.csv", text, strlen(text)), in_dir("m.npy")};
    cull_dataset_opts o[2] = {CULL_DATASET_OPTS, {.labels = in_dir("l.npy")}};
    cull_ctx *plain = cull_ctx_new(NULL);
    ok(plain, cull_array_write(plain, path[1], &a));
    a.ndim = 1;
    a.at = (float[]){2, 0, 1};
    ok(plain, cull_array_write(plain, o[1].labels, &a));
    cull_ctx_free(plain);
    for (int k = 0; k < 2; k++)
        for (long at = 1, all = 0; !all; at++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 1);
            cull_dataset *d;
            h.fail_at = h.calls + at;
            cull_status s = cull_dataset_open(cx, path[k], &o[k], &d);
            if (s == CULL_OK) s = cull_dataset_normalise(cx, d, NULL, 0, NULL);
            all = h.calls < h.fail_at;
            if (s != CULL_OK && s != CULL_ENOMEM) fail_msg("%s", cull_error(cx));
            assert_true(s == CULL_OK || !all);
            cull_dataset_free(d);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
        }
}

/* ---- numbers of the caller's ---- */

enum { R = 130, H = 6, W = 5, C = 2, ALL = H * W * C };

static float *some(void)
{
    float *x = malloc((size_t)R * ALL * sizeof *x);
    cull_rng r = cull__rng_seeded(1, 1);
    for (int i = 0; i < R * ALL; i++)
        x[i] = (float)(cull__rng_normal(&r) * (i % C ? 3 : 1)) + (i % C ? 100.f : -1.f);
    return x;
}

static void normalises(void **state)
{
    (void)state;
    float got[2][C], *x = some(), out[ALL];
    int64_t rows[R / 2];
    double sum[C] = {0}, square[C] = {0};
    for (int i = 0; i < R / 2; i++) rows[i] = 2 * i + 1;
    for (int i = 0; i < R / 2; i++)
        for (int j = 0; j < ALL; j++) sum[j % C] += (double)x[rows[i] * ALL + j];
    for (int c = 0; c < C; c++) sum[c] /= R / 2 * H * W;
    for (int i = 0; i < R / 2; i++)
        for (int j = 0; j < ALL; j++)
            square[j % C] += pow((double)x[rows[i] * ALL + j] - sum[j % C], 2);
    for (int threads = 1; threads <= 2; threads++) {
        cull_ctx_opts co = CULL_CTX_OPTS;
        co.threads = threads;
        cull_ctx *cx = cull_ctx_new(&co);
        cull_dataset *d, *e;
        ok(cx, cull_dataset_from(cx, x, R, H, W, C, NULL, 0, NULL, &d));
        ok(cx, cull_dataset_from(cx, x, 1, H, W, C, NULL, 0, NULL, &e));
        refused(cx, cull_dataset_normalise(cx, e, NULL, 0, d), CULL_EINPUT, "was not normalised");
        uint64_t before = cull_dataset_hash(d);
        ok(cx, cull_dataset_normalise(cx, d, rows, R / 2, NULL));
        assert_true(cull_dataset_hash(d) != before);
        ok(cx, cull_dataset_normalise(cx, e, NULL, 0, d));
        cull_dataset_fill(e, (int64_t[]){0}, 1, NULL, 0, out, NULL, NULL);
        for (int c = 0; c < C; c++) {
            double sd = sqrt(square[c] / (R / 2 * H * W));
            got[threads - 1][c] = out[c];
            assert_true(fabs((double)out[c] - ((double)x[c] - sum[c]) / sd) < 2e-5);
        }
        cull_dataset_free(d);
        cull_dataset_free(e);
        cull_ctx_free(cx);
    }
    assert_memory_equal(got[0], got[1], sizeof got[0]);
    free(x);
}

/* Every crop and mirror is one of those there can be, and each of those comes. */
static void crops(void **state)
{
    (void)state;
    enum { PAD = 2, SIDE = 2 * PAD + 1 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_dataset *d;
    float *x = some(), out[ALL], again[ALL];
    int seen[SIDE][SIDE][2] = {0};
    cull_augment a = {.pad = PAD, .flip = .5};
    ok(cx, cull_dataset_from(cx, x, R, H, W, C, NULL, 0, NULL, &d));
    for (int t = 0; t < 1500; t++) {
        int64_t row = t % R;
        int hits = 0;
        cull_dataset_fill(d, &row, 1, &a, (uint64_t)t, out, NULL, NULL);
        for (int dy = -PAD; dy <= PAD; dy++)
            for (int dx = -PAD; dx <= PAD; dx++)
                for (int flip = 0; flip < 2; flip++) {
                    bool same = true;
                    for (int i = 0; same && i < ALL; i++) {
                        int c = i % C, col = i / C % W, y = i / C / W + dy;
                        int at = (flip ? W - 1 - col : col) + dx;
                        bool in = y >= 0 && y < H && at >= 0 && at < W;
                        same = out[i] == (in ? x[((row * H + y) * W + at) * C + c] : 0);
                    }
                    seen[dy + PAD][dx + PAD][flip] += same;
                    hits += same;
                }
        assert_int_equal(hits, 1);
    }
    for (int i = 0; i < SIDE * SIDE * 2; i++) /* 30 are awaited, 4.5 sd */
        assert_true((&seen[0][0][0])[i] > 5);
    /* a row's draw depends on stream and row alone */
    int64_t rows[] = {4, 9};
    float both[2 * ALL];
    cull_dataset_fill(d, rows, 2, &a, 77, both, NULL, NULL);
    cull_dataset_fill(d, rows + 1, 1, &a, 77, again, NULL, NULL);
    assert_memory_equal(both + ALL, again, sizeof again);
    cull_dataset_free(d);
    free(x);
    cull_ctx_free(cx);
}

static void cutouts(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_dataset *d;
    float *x = some(), out[ALL];
    ok(cx, cull_dataset_from(cx, x, R, H, W, C, NULL, 0, NULL, &d));
    int most = 0, least = ALL;
    for (int t = 0; t < 300; t++) {
        int zeros = 0, lo[2] = {H, W}, hi[2] = {-1, -1};
        cull_dataset_fill(d, (int64_t[]){3}, 1, &(cull_augment){.cutout = 3}, (uint64_t)t, out,
                          NULL, NULL);
        for (int i = 0; i < ALL; i++) {
            int at[2] = {i / C / W, i / C % W};
            if (out[i] == x[3 * ALL + i]) continue;
            assert_true(out[i] == 0);
            zeros++;
            for (int k = 0; k < 2; k++) {
                lo[k] = at[k] < lo[k] ? at[k] : lo[k];
                hi[k] = at[k] > hi[k] ? at[k] : hi[k];
            }
        }
        assert_int_equal(zeros, (hi[0] - lo[0] + 1) * (hi[1] - lo[1] + 1) * C);
        most = zeros > most ? zeros : most;
        least = zeros < least ? zeros : least;
    }
    assert_true(most == 9 * C && least == 4 * C); /* whole, and in a corner */
    cull_dataset_free(d);
    free(x);
    cull_ctx_free(cx);
}

static void mixtures(void **state)
{
    (void)state;
    enum { N = 7, D = 3, DRAWS = 4000 };
    float x[N * D], was[N * D], spare[N * D];
    int64_t with[N];
    for (int a = 0; a < 2; a++) {
        double alpha = a ? 2 : .4, sum = 0, square = 0;
        for (int t = 0; t < DRAWS; t++) {
            for (int i = 0; i < N * D; i++) was[i] = x[i] = (float)(i * i % 11);
            float l = cull_augment_mixup(x, N, D, alpha, (uint64_t)t, with, spare);
            assert_true(l >= 0 && l <= 1);
            sum += (double)l;
            square += (double)l * (double)l;
            for (int i = 0; i < N * D; i++)
                assert_true(x[i] == l * was[i] + (1 - l) * was[with[i / D] * D + i % D]);
        }
        /* Beta(a, a): mean 1/2, variance 1 / (8 a + 4); five sd of the mean */
        double var = 1 / (8 * alpha + 4), mean = sum / DRAWS;
        assert_true(fabs(mean - .5) < 5 * sqrt(var / DRAWS));
        assert_true(fabs(square / DRAWS - mean * mean - var) < .1 * var);
    }
    memcpy(was, x, sizeof x);
    assert_true(cull_augment_mixup(x, N, D, 0, 1, with, spare) == 1);
    assert_memory_equal(was, x, sizeof x);
}

static void refuses(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_dataset *d;
    float x[4] = {0};
    refused(cx, cull_dataset_from(cx, x, 0, 1, 1, 4, NULL, 0, NULL, &d), CULL_EINPUT, "0 rows");
    refused(cx, cull_dataset_from(cx, x, 1, 1 << 20, 1 << 20, 4, NULL, 0, NULL, &d), CULL_EINPUT,
            "below 2^31");
    refused(cx, cull_dataset_from(cx, x, 2, 1, 1, 2, (int32_t[]){0, -1}, 0, NULL, &d), CULL_EINPUT,
            "the label of row 1 is -1");
    refused(cx, cull_dataset_from(cx, x, 2, 1, 1, 2, (int32_t[]){0, 5}, 3, NULL, &d), CULL_EINPUT,
            "there is a label 5");
    refused(cx, cull_dataset_open(cx, "x", &(cull_dataset_opts){.height = -1}, &d), CULL_EOPTION,
            "height");
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels),       cmocka_unit_test(damaged_pictures),
        cmocka_unit_test(folders),      cmocka_unit_test(idx_and_npy),
        cmocka_unit_test(cifar),        cmocka_unit_test(tables),
        cmocka_unit_test(memory_fails), cmocka_unit_test(normalises),
        cmocka_unit_test(crops),        cmocka_unit_test(cutouts),
        cmocka_unit_test(mixtures),     cmocka_unit_test(refuses),
    };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__image m;
    images = cull__image_read(cx, "p", png_rgb, 9, 0, &m) != CULL_ENODATA &&
             cull__image_read(cx, "p", jpeg_rgb, 9, 0, &m) != CULL_ENODATA;
    cull_ctx_free(cx);
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

/* model_file: parameters to and from safetensors, every refusal; published nets where their weights are. */
#include "files.h"

#include "cull/model.h"
#include "cull/nn_ops.h"
#include "cull/pack.h"
#include "cull/pool.h"
#include "cull/report.h"
#include "io/image.h"
#include "io/io.h"

static const char net[] = "model odd\n"
                          "input 5x3x3\n"
                          "conv = conv(4, 3, pad=1, bias=no)\n"
                          "bn = batch_norm\n"
                          "relu\n"
                          "flatten\n"
                          "bn2 = batch_norm\n"
                          "fc = linear(2)\n";

static cull_model *make(cull_ctx *cx, const char *text)
{
    cull_model *m;
    ok(cx, cull_model_from(cx, text, strlen(text), "net.model", NULL, &m));
    return m;
}

static float *numbers(cull_model *m, const char *name)
{
    cull_params *p = cull_model_params(m);
    int i = cull_params_find(p, name);
    if (i < 0) fail_msg("no %s", name);
    return cull_params_value(p) + cull_params_at(p, i)->at;
}

/* ---- order ---- */

/* The file has (out, in, h, w), and features of a flattened image as c, h, w: found by an element's name. */
static void order(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m = make(cx, net);
    cull_array a;
    const char *path = in_dir("order.safetensors");
    float *conv = numbers(m, "conv.weight"), *fc = numbers(m, "fc.weight");
    float *gamma = numbers(m, "bn2.weight");
    for (int o = 0; o < 4; o++) /* 1000 out + 100 in + 10 row + column */
        for (int h = 0; h < 3; h++)
            for (int w = 0; w < 3; w++)
                for (int i = 0; i < 3; i++)
                    conv[((o * 3 + h) * 3 + w) * 3 + i] = (float)(1000 * o + 100 * i + 10 * h + w);
    for (int o = 0; o < 2; o++)
        for (int h = 0; h < 5; h++)
            for (int w = 0; w < 3; w++)
                for (int c = 0; c < 4; c++)
                    fc[o * 60 + (h * 3 + w) * 4 + c] = (float)(1000 * o + 100 * c + 10 * h + w);
    for (int h = 0; h < 5; h++)
        for (int w = 0; w < 3; w++)
            for (int c = 0; c < 4; c++) gamma[(h * 3 + w) * 4 + c] = (float)(100 * c + 10 * h + w);
    ok(cx, cull_model_save(cx, m, path));
    ok(cx, cull_array_open(cx, path, "conv.weight", &a));
    assert_true(a.ndim == 4 && a.shape[0] == 4 && a.shape[1] == 3 && a.shape[2] == 3 &&
                a.shape[3] == 3);
    const float *v = a.at;
    for (int o = 0; o < 4; o++)
        for (int i = 0; i < 3; i++)
            for (int h = 0; h < 3; h++)
                for (int w = 0; w < 3; w++)
                    assert_true(*v++ == (float)(1000 * o + 100 * i + 10 * h + w));
    cull_array_free(&a);
    ok(cx, cull_array_open(cx, path, "fc.weight", &a));
    assert_true(a.ndim == 2 && a.shape[0] == 2 && a.shape[1] == 60);
    v = a.at;
    for (int o = 0; o < 2; o++)
        for (int c = 0; c < 4; c++)
            for (int h = 0; h < 5; h++)
                for (int w = 0; w < 3; w++)
                    assert_true(*v++ == (float)(1000 * o + 100 * c + 10 * h + w));
    cull_array_free(&a);
    ok(cx, cull_array_open(cx, path, "bn2.weight", &a));
    v = a.at;
    for (int c = 0; c < 4; c++)
        for (int h = 0; h < 5; h++)
            for (int w = 0; w < 3; w++) assert_true(*v++ == (float)(100 * c + 10 * h + w));
    cull_array_free(&a);
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* All comes back to the bit; notes are kept, the description with them. */
static void round_trip(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL), *other;
    cull_ctx_opts o = CULL_CTX_OPTS;
    const char *path = in_dir("trip.safetensors"), *again = in_dir("again.safetensors");
    char *text;
    int found;
    o.seed = 99;
    other = cull_ctx_new(&o);
    cull_model *a = make(cx, net), *b = make(other, net);
    numbers(a, "bn.running_var")[2] = 3.25f;
    ok(cx, cull_model_set_note(a, "who", "me"));
    ok(cx, cull_model_set_note(a, "who", "you"));
    ok(cx, cull_model_save(cx, a, path));
    size_t size = (size_t)cull_params_size(cull_model_params(a)) * sizeof(float);
    const float *va = cull_params_value(cull_model_params(a));
    assert_true(memcmp(va, cull_params_value(cull_model_params(b)), size) != 0);
    ok(other, cull_model_load(other, b, path, NULL, &found));
    assert_int_equal(found, 11);
    assert_memory_equal(va, cull_params_value(cull_model_params(b)), size);
    assert_string_equal(cull_model_note(b, "who"), "you");
    assert_string_equal(cull_model_note(b, "format"), "pt");
    assert_null(cull_model_note(b, "what"));
    ok(other, cull_model_save(other, b, again));
    cull__bytes f, g; /* the same bytes, but for the order of notes */
    ok(cx, cull__bytes_open(cx, path, &f));
    ok(cx, cull__bytes_open(cx, again, &g));
    assert_int_equal(f.n, g.n);
    cull__bytes_close(&f);
    cull__bytes_close(&g);
    ok(cx, cull_model_text_of(cx, again, &text));
    cull_model *c = make(cx, text);
    assert_int_equal(cull_model_layers(c), cull_model_layers(a));
    cull_text_free(text);
    cull_model_free(c);
    cull_model_free(a);
    cull_model_free(b);
    cull_ctx_free(cx);
    cull_ctx_free(other);
}

/* ---- refusals ---- */

typedef struct {
    cull__tensor t[8];
    int n;
} tensors;

static void put(tensors *f, const char *name, cull_dtype dtype, int ndim, const int64_t *shape,
                const void *at)
{
    cull__tensor *t = f->t + f->n++;
    *t = (cull__tensor){.name = name, .a = {.dtype = dtype, .ndim = ndim, .at = at}};
    memcpy(t->a.shape, shape, (size_t)ndim * sizeof *shape);
}

static const int64_t by23[] = {2, 3}, by32[] = {3, 2}, by2[] = {2}, none[] = {0};
static const float six[6] = {1, 2, 3, 4, 5, 6};

static tensors whole(void)
{
    tensors f = {.n = 0};
    put(&f, "fc.weight", CULL_F32, 2, by23, six);
    put(&f, "fc.bias", CULL_F32, 1, by2, six);
    return f;
}

static void refuses(cull_ctx *cx, cull_model *m, const tensors *f, const char *part)
{
    float before[64];
    size_t n = (size_t)cull_params_size(cull_model_params(m)) * sizeof(float);
    const char *path = in_dir("wrong.safetensors");
    assert_true(n <= sizeof before);
    memcpy(before, cull_params_value(cull_model_params(m)), n);
    ok(cx, cull__safetensors_write(cx, path, f->t, f->n, NULL, 0));
    refused(cx, cull_model_load(cx, m, path, NULL, NULL), CULL_EINPUT, part);
    assert_memory_equal(before, cull_params_value(cull_model_params(m)), n);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m = make(cx, "input 3\nfc = linear(2)");
    tensors f = whole();
    f.t[0].name = "fc.wieght";
    refuses(cx, m, &f, "the model's tensor 'fc.weight' is missing; the nearest is 'fc.wieght'");
    f.t[1].name = "x";
    refuses(cx, m, &f, "the model's tensor 'fc.weight' is missing, and 1 more");
    f = whole();
    put(&f, "fc.biass", CULL_F32, 1, by2, six);
    put(&f, "head.bias", CULL_F32, 1, by2, six);
    refuses(cx, m, &f,
            "tensor 'fc.biass' is no part of the model, nor are 1 more; the nearest is 'fc.bias'");
    f = whole();
    memcpy(f.t[0].a.shape, by32, sizeof by32);
    refuses(cx, m, &f, "tensor 'fc.weight' is (3, 2), and the model has (2, 3)");
    f = whole();
    static const int32_t ints[6];
    f.t[0].a.dtype = CULL_I32;
    f.t[0].a.at = ints;
    refuses(cx, m, &f,
            "tensor 'fc.weight' has dtype I32; parameters are F64, F32, F16, BF16 or F8");
    float wrong[6] = {1, 2, NAN, 4, 5, 6};
    f = whole();
    f.t[0].a.at = wrong;
    refuses(cx, m, &f, "number 2 of tensor 'fc.weight' is not finite");
    refused(cx, cull_model_load(cx, m, in_dir("nothing.safetensors"), NULL, NULL), CULL_EIO,
            "nothing.safetensors");
    const cull_array a = {.dtype = CULL_F32, .ndim = 1, .shape = {6}, .at = six};
    ok(cx, cull_array_write(cx, in_dir("a.npy"), &a));
    refused(cx, cull_model_load(cx, m, in_dir("a.npy"), NULL, NULL), CULL_EINPUT,
            "an npy file; cull reads safetensors");
    cull_model_free(m);
    const cull_model_opts shapes = {.size = sizeof shapes, .shapes_only = true};
    ok(cx, cull_model_open(cx, "lenet", &shapes, &m));
    refused(cx, cull_model_save(cx, m, in_dir("none.safetensors")), CULL_EINPUT, "shapes only");
    refused(cx, cull_model_load(cx, m, in_dir("a.npy"), NULL, NULL), CULL_EINPUT, "shapes only");
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* What is not there, is too much, or does not fit is passed over; nothing at all is refused. */
static void partial(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m = make(cx, "input 3\nfc = linear(2)");
    const cull_model_load_opts o = {.size = sizeof o, .partial = true};
    tensors f = whole();
    int found;
    const char *path = in_dir("partial.safetensors");
    f.t[0].name = "head.weight";
    ok(cx, cull__safetensors_write(cx, path, f.t, f.n, NULL, 0));
    float before = numbers(m, "fc.weight")[0];
    ok(cx, cull_model_load(cx, m, path, &o, &found));
    assert_int_equal(found, 1);
    assert_true(numbers(m, "fc.weight")[0] == before && numbers(m, "fc.bias")[1] == 2);
    f = whole();
    memcpy(f.t[0].a.shape, by32, sizeof by32);
    ok(cx, cull__safetensors_write(cx, path, f.t, f.n, NULL, 0));
    ok(cx, cull_model_load(cx, m, path, &o, &found));
    assert_int_equal(found, 1);
    f.t[0].name = "a", f.t[1].name = "b";
    ok(cx, cull__safetensors_write(cx, path, f.t, f.n, NULL, 0));
    refused(cx, cull_model_load(cx, m, path, &o, &found), CULL_EINPUT, "none of its 2 tensors");
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* F16, BF16 and F64 become f32; "module." goes; num_batches_tracked does not count. */
static void forms(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    static const uint16_t half[6] = {0x3C00, 0x4000, 0xC200, 0, 0x3800, 0x4500};
    static const uint16_t brain[6] = {0x3F80, 0x4000, 0xC040, 0, 0x3F00, 0x40A0};
    static const double wide[6] = {1, 2, -3, 0, 0.5, 5};
    static const float want[6] = {1, 2, -3, 0, 0.5f, 5};
    static const int64_t batches[1] = {7};
    const void *at[] = {half, brain, wide};
    const cull_dtype dtype[] = {CULL_F16, CULL_BF16, CULL_F64};
    for (int i = 0; i < 3; i++) {
        cull_model *m = make(cx, "input 3\nfc = linear(2)");
        tensors f = {.n = 0};
        put(&f, "module.fc.bias", CULL_F32, 1, by2, six);
        put(&f, "module.fc.weight", dtype[i], 2, by23, at[i]);
        put(&f, "module.bn.num_batches_tracked", CULL_I64, 0, none, batches);
        ok(cx, cull__safetensors_write(cx, in_dir("forms.safetensors"), f.t, f.n, NULL, 0));
        ok(cx, cull_model_load(cx, m, in_dir("forms.safetensors"), NULL, NULL));
        assert_memory_equal(numbers(m, "fc.weight"), want, sizeof want);
        cull_model_free(m);
    }
    cull_ctx_free(cx);
}

/* Where the model says nothing of its inputs' scale, the file's description does. */
static void scaling(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    const char *path = in_dir("scaling.safetensors");
    const float *mean, *std;
    cull_model *m = make(cx, "input 3\nmean 1 2 3\nstd 4 5 6\nfc = linear(2)");
    ok(cx, cull_model_save(cx, m, path));
    cull_model_free(m);
    m = make(cx, "input 3\nfc = linear(2)");
    assert_false(cull_model_scaling(m, &mean, &std));
    ok(cx, cull_model_load(cx, m, path, NULL, NULL));
    assert_true(cull_model_scaling(m, &mean, &std));
    assert_true(mean[1] == 2 && std[2] == 6);
    cull_model_free(m);
    m = make(cx, "input 3\nmean 7\nfc = linear(2)"); /* its own stays */
    ok(cx, cull_model_load(cx, m, path, NULL, NULL));
    assert_true(cull_model_scaling(m, &mean, &std));
    assert_true(mean[0] == 7 && std[0] == 1);
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* Packed parameters are those that were packed, and what is saved again is not called packed. */
static void packed(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *a, *b;
    char path[512], small[512];
    cull_checkpoint *ck;
    cull_pack_report r;
    snprintf(path, sizeof path, "%s", in_dir("dense.safetensors"));
    snprintf(small, sizeof small, "%s", in_dir("small.safetensors"));
    ok(cx, cull_model_open(cx, "mlp:40-30-5", NULL, &a));
    ok(cx, cull_model_open(cx, "mlp:40-30-5", NULL, &b));
    float *v = numbers(a, "fc1.weight");
    for (int i = 0; i < 40 * 30; i++) v[i] = i % 7 ? 0 : (float)i;
    ok(cx, cull_model_save(cx, a, path));
    ok(cx, cull_checkpoint_open(cx, path, &ck));
    ok(cx, cull_checkpoint_pack(cx, ck, small, NULL, &r));
    assert_true(r.packed >= 1);
    ok(cx, cull_model_load(cx, b, small, NULL, NULL));
    assert_memory_equal(v, numbers(b, "fc1.weight"), 40 * 30 * sizeof *v);
    ok(cx, cull_model_save(cx, b, path));
    ok(cx, cull_model_load(cx, a, path, NULL, NULL));
    cull_checkpoint_free(ck);
    cull_model_free(a);
    cull_model_free(b);
    cull_ctx_free(cx);
}

static void no_memory(void **state)
{
    (void)state;
    cull_ctx *plain = cull_ctx_new(NULL);
    cull_model *m = make(plain, net);
    char path[512], other[512];
    snprintf(path, sizeof path, "%s", in_dir("memory.safetensors"));
    snprintf(other, sizeof other, "%s", in_dir("memory2.safetensors"));
    ok(plain, cull_model_save(plain, m, path));
    cull_model_free(m);
    cull_ctx_free(plain);
    cull_status s = CULL_ENOMEM;
    int failed = 0;
    for (long k = 2; s != CULL_OK; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        m = NULL;
        s = cx ? cull_model_from(cx, net, strlen(net), "net", NULL, &m) : CULL_ENOMEM;
        if (s == CULL_OK) s = cull_model_load(cx, m, path, NULL, NULL);
        if (s == CULL_OK) s = cull_model_save(cx, m, other);
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        failed += s != CULL_OK;
        cull_model_free(m);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(failed > 60);
}

/* ---- published nets, where the data lies ---- */

/* Right answers of n images, on tapes of 100. */
static int64_t right_of(cull_ctx *cx, cull_model *m, const float *x, const unsigned char *label,
                        int64_t n)
{
    int64_t right = 0;
    cull_tape *t;
    ok(cx, cull_tape_new(cx, cull_model_params(m), &t));
    for (int64_t i = 0; i < n; i += 100) {
        const int64_t dim[] = {100, 32, 32, 3};
        cull_tape_reset(t, cx, 0, 0);
        cull_var *y = cull_model_forward(m, t, cull_nn_input(t, 4, dim, x + i * 3072, false), NULL);
        ok(cx, cull_tape_status(t));
        if (!i) { /* memory and work are what the counts say */
            cull_model_total all = cull_model_totals(m);
            assert_true(cull_tape_macs(t) == all.macs * 100);
            double held = 4. * 100 * (double)all.forward_values;
            assert_true((double)cull_tape_peak(t) >= held);
            /* besides: what operations hold for themselves, and a pointer for each layer */
            assert_true((double)cull_tape_peak(t) < 2.5 * held);
        }
        const float *v = cull_var_value(y);
        for (int k = 0; k < 100; k++, v += 10) {
            int best = 0;
            for (int j = 1; j < 10; j++)
                if (v[j] > v[best]) best = j;
            right += best == label[i + k];
        }
    }
    cull_tape_free(t);
    return right;
}

static const char *data_dir(void)
{
    const char *given = getenv("CULL_DATA");
    return given ? given : CULL_SOURCE_DIR "/../shared/data";
}

/* A file of the data; without it the test is skipped, and says so. */
static void read_data(cull_ctx *cx, const char *name, char path[1024], cull__bytes *out)
{
    snprintf(path, 1024, "%s/%s", data_dir(), name);
    if (access(path, R_OK) != 0) {
        print_message("skipped: no %s (CULL_DATA says where data lies)\n", path);
        cull_ctx_free(cx);
        skip();
    }
    ok(cx, cull__bytes_open(cx, path, out));
}

static cull_model *resnet(cull_ctx *cx, int depth)
{
    char name[32], path[1024];
    cull_model *m;
    snprintf(name, sizeof name, "resnet%d", depth);
    ok(cx, cull_model_open(cx, name, NULL, &m));
    snprintf(path, sizeof path, "%s/models/%s_cifar10.safetensors", data_dir(), name);
    ok(cx, cull_model_load(cx, m, path, NULL, NULL));
    return m;
}

static void scale(const cull_model *m, const unsigned char *pixels, int64_t n, float *x)
{
    const float *mean, *std;
    assert_true(cull_model_scaling(m, &mean, &std));
    for (int64_t k = 0; k < n * 3072; k++)
        x[k] = ((float)pixels[k] / 255 - mean[k % 3]) / std[k % 3];
}

static bool image_of(cull_ctx *cx, const char *path, const void *at, size_t n, cull__image *out)
{
    cull_status s = cull__image_read(cx, path, at, n, 3, out);
    if (s == CULL_ENODATA) skip(); /* built without the library */
    ok(cx, s);
    return true;
}

/* The weights of He et al.'s nets, on training images without loss: at least 99 % are right. */
static void published(void **state)
{
    (void)state;
    static const int depth[] = {20, 32, 44, 56}, values[] = {271098, 466426, 661754, 857082};
    static unsigned char label[1000];
    static float x[300 * 3072];
    char path[1024];
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__bytes file;
    cull__image pixels;
    read_data(cx, "cifar10/cifar10_train.cj10", path, &file);
    assert_true(file.n > 20000 && !memcmp(file.at, "CJ10", 4));
    memcpy(label, file.at + 12 + cull__le32(file.at + 8), sizeof label);
    cull__bytes_close(&file);
    read_data(cx, "cifar10/lossless_first4000/cifar10_batch_0.png", path, &file);
    image_of(cx, path, file.at, file.n, &pixels);
    cull__bytes_close(&file);
    assert_true(pixels.width == 1024 && pixels.height == 1000);
    for (int i = 0; i < 4; i++) {
        cull_model *m = resnet(cx, depth[i]);
        cull_model_total t = cull_model_totals(m);
        assert_int_equal(t.params + t.state, values[i]);
        int64_t n = i ? 100 : 300;
        scale(m, pixels.at, n, x);
        int64_t right = right_of(cx, m, x, label, n);
        if (right < n * 99 / 100) fail_msg("resnet%d: %d of %d", depth[i], (int)right, (int)n);
        cull_model_free(m);
    }
    cull__free(pixels.at);
    cull_ctx_free(cx);
}

enum { RECORDED = 50 };

/* The first JPEG test images: one head for all of them, then a scan each. */
static void test_images(cull_ctx *cx, unsigned char *pixels)
{
    static unsigned char jpeg[1 << 17];
    char path[1024];
    cull__bytes file;
    read_data(cx, "cifar10/cifar10_test.cj10", path, &file);
    uint32_t n = cull__le32(file.at + 4), head = cull__le32(file.at + 8);
    const unsigned char *length = file.at + 12 + head + n, *scan = length + 2 * (size_t)n;
    assert_true(head < 1 << 16);
    memcpy(jpeg, file.at + 12, head);
    for (int i = 0; i < RECORDED; i++, length += 2) {
        cull__image one;
        memcpy(jpeg + head, scan, cull__le16(length));
        image_of(cx, path, jpeg, head + cull__le16(length), &one);
        memcpy(pixels + (size_t)i * 3072, one.at, 3072);
        scan += cull__le16(length);
        cull__free(one.at);
    }
    cull__bytes_close(&file);
}

/* Scores of JPEG test images, beside those that another implementation gave. */
static void recorded(void **state)
{
    (void)state;
    static float x[RECORDED * 3072];
    static unsigned char pixels[RECORDED * 3072];
    const int64_t dim[] = {RECORDED, 32, 32, 3};
    cull_ctx *cx = cull_ctx_new(NULL);
    test_images(cx, pixels);
    for (int depth = 20; depth <= 56; depth += 12) {
        char path[1024], name[32];
        cull_array want;
        cull_tape *t;
        cull_model *m = resnet(cx, depth);
        scale(m, pixels, RECORDED, x);
        ok(cx, cull_tape_new(cx, cull_model_params(m), &t));
        cull_tape_reset(t, cx, 0, 0);
        cull_var *y = cull_model_forward(m, t, cull_nn_input(t, 4, dim, x, false), NULL);
        ok(cx, cull_tape_status(t));
        snprintf(path, sizeof path, "%s/cifar10/resnet_jpeg_test_scores.npz", data_dir());
        snprintf(name, sizeof name, "resnet%d_logits", depth);
        ok(cx, cull_array_open(cx, path, name, &want));
        const float *w = want.at, *v = cull_var_value(y);
        /* f32 sums in another order: scores are up to some 20, and differ by 2e-5 */
        for (int i = 0; i < RECORDED * 10; i++)
            if (fabsf(v[i] - w[i]) > 1e-3f)
                fail_msg("%s, image %d, class %d: %g, not %g", name, i / 10, i % 10, (double)v[i],
                         (double)w[i]);
        cull_array_free(&want);
        cull_tape_free(t);
        cull_model_free(m);
    }
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order),    cmocka_unit_test(round_trip), cmocka_unit_test(refusals),
        cmocka_unit_test(partial),  cmocka_unit_test(forms),      cmocka_unit_test(scaling),
        cmocka_unit_test(packed),   cmocka_unit_test(no_memory),  cmocka_unit_test(published),
        cmocka_unit_test(recorded),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

/* checkpoint: files, shards and folders read and written; every way in which they can be wrong. */
#include "files.h"

#include <sys/stat.h>

#include "cull/checkpoint.h"
#include "io/io.h"

static const float ramp[12] = {0, 1, -2.5f, 3, 0.125f, -5, 6, 7, 448, -9, 10, 11};

#define SPEC(name_, dtype_, ...)                                                                   \
    {                                                                                              \
        .name = name_, .dtype = dtype_, .ndim = 2, .shape = { __VA_ARGS__ }                        \
    }
static const cull_tensor specs[] = {
    SPEC("model.embed_tokens.weight", "F8_E4M3", 4, 3), SPEC("model.layers.0.a", "F32", 2, 3),
    SPEC("none", "BF16", 0, 5), SPEC("model.layers.1.b", "F16", 3, 3),
    SPEC("model.layers.12.c", "F64", 1, 2)};
enum { SPECS = 5 };
static const int64_t counts[] = {12, 6, 0, 9, 2};

/* Everything in a folder of the test's, and the folder. */
static void wipe(const char *name)
{
    char path[512], file[900];
    snprintf(path, sizeof path, "%s", in_dir(name));
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        unlink(file);
    }
    if (d) closedir(d);
    rmdir(path);
}

static int entries(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(d);
    return n;
}

static cull_status write_specs(cull_ctx *cx, const char *path, const cull_checkpoint_opts *o)
{
    cull_checkpoint_writer *w;
    cull_status s = cull_checkpoint_create(cx, path, specs, SPECS, o, &w);
    if (s != CULL_OK) return s;
    for (int i = 0; s == CULL_OK && i < SPECS; i++) /* in two pieces each */
        for (int64_t k = 0, m; s == CULL_OK && k < counts[i]; k += m) {
            m = counts[i] > 4 && k == 0 ? 4 : counts[i] - k;
            s = cull_checkpoint_put(cx, w, ramp + k, m);
        }
    return cull_checkpoint_finish(cx, w, s);
}

static void same_as_specs(cull_ctx *cx, const char *path, int files)
{
    cull_checkpoint *ck;
    ok(cx, cull_checkpoint_open(cx, path, &ck));
    assert_int_equal(cull_checkpoint_count(ck), SPECS);
    assert_int_equal(cull_checkpoint_files(ck), files);
    for (int i = 0; i < SPECS; i++) {
        float got[12];
        const cull_tensor *t = cull_checkpoint_at(ck, i);
        assert_string_equal(t->name, specs[i].name);
        assert_string_equal(t->dtype, specs[i].dtype);
        assert_int_equal(t->ndim, 2);
        assert_int_equal(t->shape[0], specs[i].shape[0]);
        assert_int_equal(t->shape[1], specs[i].shape[1]);
        assert_int_equal(t->n, counts[i]);
        assert_true(t->floating && t->numeric);
        ok(cx, cull_checkpoint_read(cx, ck, i, 0, t->n, got));
        assert_memory_equal(got, ramp, (size_t)t->n * sizeof *got);
        cull_checkpoint_done(ck, i);
        if (t->n > 3) {
            ok(cx, cull_checkpoint_read(cx, ck, i, 2, 2, got));
            assert_memory_equal(got, ramp + 2, 2 * sizeof *got);
        }
        assert_int_equal(cull_checkpoint_find(ck, t->name, NULL), i);
    }
    assert_string_equal(cull_checkpoint_meta(ck, "format"), "pt");
    cull_checkpoint_free(ck);
}

static void one_file(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    const char *path = in_dir("one.safetensors");
    ok(cx, write_specs(cx, path, NULL));
    same_as_specs(cx, path, 1);
    ok(cx, write_specs(cx, path, NULL)); /* over itself */
    same_as_specs(cx, path, 1);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Shards, index, what goes along; the folder appears whole. */
static void a_folder(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    cull_checkpoint *ck;
    char path[512], second[512];
    snprintf(path, sizeof path, "%s", in_dir("shards"));
    snprintf(second, sizeof second, "%s", in_dir("second"));
    o.shard_bytes = 30;
    o.config = "{\"model_type\": \"llama\"}";
    ok(cx, write_specs(cx, path, &o));
    same_as_specs(cx, path, 4); /* of 12, 24, 18 and 16 bytes */
    char index[600];
    snprintf(index, sizeof index, "%s/model.safetensors.index.json", path);
    same_as_specs(cx, index, 4);
    ok(cx, cull_checkpoint_open(cx, path, &ck));
    assert_string_equal(cull_checkpoint_config(ck), o.config);
    assert_string_equal(cull_checkpoint_folder(ck), path);
    assert_int_equal(entries(path), 6);
    /* its config goes along; into a folder that is there and is empty, then over itself */
    o = (cull_checkpoint_opts)CULL_CHECKPOINT_OPTS;
    o.like = ck;
    assert_int_equal(mkdir(second, 0777), 0);
    ok(cx, write_specs(cx, second, &o));
    assert_int_equal(entries(second), 2);
    ok(cx, write_specs(cx, second, &o));
    assert_int_equal(entries(second), 2);
    same_as_specs(cx, second, 1);
    o.shard_bytes = 30;
    refused(cx, write_specs(cx, second, &o), CULL_EINPUT, "holds other weights, model.safetensors");
    cull_checkpoint_free(ck);
    wipe("shards");
    wipe("second");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_file),
        cmocka_unit_test(a_folder),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

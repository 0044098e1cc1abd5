/* checkpoint: files, shards and folders read and written; every way in which they can be wrong. */
#include "files.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

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
        cull_checkpoint_forget(ck, i);
        cull_checkpoint_ahead(ck, i, 0, UINT64_MAX);
        cull_checkpoint_ahead(ck, i, UINT64_MAX, 1);
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
    /* a lone file without a config is no folder of a model: what lies beside it stays there */
    char lone[600], beside[600];
    snprintf(lone, sizeof lone, "%s/lone.safetensors", path);
    snprintf(beside, sizeof beside, "%s/config.json", path);
    for (int config = 1; config >= 0; config--) {
        ok(cx, write_specs(cx, lone, NULL));
        ok(cx, cull_checkpoint_open(cx, lone, &ck));
        o = (cull_checkpoint_opts){.size = sizeof o, .like = ck};
        wipe("second");
        ok(cx, write_specs(cx, second, &o));
        assert_int_equal(entries(second), 1 + config);
        cull_checkpoint_free(ck);
        if (config) assert_int_equal(rename(beside, in_dir("shards/other.json")), 0);
    }
    wipe("shards");
    wipe("second");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- how files are read ---- */
/* A process may have few descriptors: then files are mapped, and give the same. */
static void few_descriptors(void **state)
{
    (void)state;
    struct rlimit was, few;
    const char *path = in_dir("few.safetensors");
    cull_ctx *cx = cull_ctx_new(NULL);
    ok(cx, write_specs(cx, path, NULL));
    int next = dup(STDERR_FILENO);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    few = (struct rlimit){(rlim_t)next + 4, was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    same_as_specs(cx, path, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    cull_ctx_free(cx);
}

/* What was compressed has no file to read from: it lies in memory. */
static void compressed(void **state)
{
    (void)state;
    const char *plain = in_dir("plain.safetensors");
    char path[300], cmd[700];
    cull_ctx *cx = cull_ctx_new(NULL);
    ok(cx, write_specs(cx, plain, NULL));
    snprintf(path, sizeof path, "%s.gz", plain);
    snprintf(cmd, sizeof cmd, "gzip -kf '%s'", plain);
    assert_int_equal(system(cmd), 0);
    same_as_specs(cx, path, 1);
    cull_ctx_free(cx);
}

static void cut_while_open(void **state)
{
    (void)state;
    const char *path = in_dir("cut.safetensors");
    float x[12];
    cull_checkpoint *ck;
    struct stat st;
    cull_ctx *cx = cull_ctx_new(NULL);
    ok(cx, write_specs(cx, path, NULL));
    assert_int_equal(stat(path, &st), 0);
    ok(cx, cull_checkpoint_open(cx, path, &ck));
    assert_int_equal(truncate(path, st.st_size - 1), 0);
    int gone = 0;
    for (int i = 0; i < SPECS; i++) {
        cull_status s = cull_checkpoint_read(cx, ck, i, 0, counts[i], x);
        if (s == CULL_OK) continue;
        gone++;
        assert_int_equal(s, CULL_EIO);
        assert_non_null(strstr(cull_error(cx), "cut.safetensors: it was cut to "));
    }
    assert_int_equal(gone, 1);
    cull_checkpoint_free(ck);
    cull_ctx_free(cx);
}

/* ---- files that are something else ---- */

static void foreign(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_checkpoint *ck;
    static const struct {
        const char *bytes;
        size_t n;
        cull_status s;
        const char *part;
    } wrong[] = {
        {"PK\3\4\0\0\0\0\0\0\0\0archive/data.pkl", 28, CULL_EINPUT,
         "a zip archive under the name of safetensors (a PyTorch checkpoint"},
        {"\x80\2}q\0(X\6\0\0\0weight", 17, CULL_EINPUT, "a pickle under the name of safetensors"},
        {"GGUF\3\0\0\0\0\0\0\0", 12, CULL_EINPUT, "a GGUF file; cull reads safetensors"},
        {"version https://git-lfs.github.com/spec/v1\noid", 46, CULL_EINPUT, "git lfs pull"},
        {"<!DOCTYPE html><html>", 21, CULL_EINPUT, "a web page"},
        {"\x89HDF\r\n\x1a\n\0\0\0\0", 12, CULL_EINPUT, "an HDF5 file"},
        {"\x93NUMPY\1\0v\0", 10, CULL_EINPUT, "an npy file"},
        {"what is this file?", 18, CULL_EIO, "no safetensors file: byte 8 is no '{'"},
        {"\x80\2\0\0\0\0\0\0{}", 10, CULL_EIO,
         "is said to take 640 bytes, 2 are left"}, /* no pickle */
        {"", 0, CULL_EIO, "0 bytes are too few"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refused(cx,
                cull_checkpoint_open(cx, spit("w.safetensors", wrong[i].bytes, wrong[i].n), &ck),
                wrong[i].s, wrong[i].part);
        assert_null(ck);
        assert_non_null(strstr(cull_error(cx), "w.safetensors: "));
    }
    /* a head of 200 MB in a file that has so many */
    const char *path = spit("w.safetensors", "\0\0\200\14\0\0\0\0{}", 10);
    assert_int_equal(truncate(path, 300 << 20), 0);
    refused(cx, cull_checkpoint_open(cx, path, &ck), CULL_EIO,
            "a safetensors head of 209715200 bytes; at most 100000000");
    unlink(path);
    refused(cx, cull_checkpoint_open(cx, path, &ck), CULL_EIO,
            "cannot open the checkpoint: No such file");
    refused(cx, cull_checkpoint_open(cx, "", &ck), CULL_EINPUT, "is empty");
    refused(cx, cull_checkpoint_open(cx, spit("pytorch_model.bin.index.json", "{}", 2), &ck),
            CULL_EINPUT, "an index of PyTorch's pickles");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void folders(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_checkpoint *ck;
    char dir[512], file[700];
    snprintf(dir, sizeof dir, "%s", in_dir("dir"));
    assert_int_equal(mkdir(dir, 0777), 0);
    refused(cx, cull_checkpoint_open(cx, dir, &ck), CULL_EINPUT,
            "no safetensors file in this folder");
    snprintf(file, sizeof file, "%s/pytorch_model.bin", dir);
    fclose(fopen(file, "w"));
    refused(cx, cull_checkpoint_open(cx, dir, &ck), CULL_EINPUT,
            "no safetensors file, only pytorch_model.bin; cull reads safetensors");
    snprintf(file, sizeof file, "%s/one.safetensors", dir);
    ok(cx, write_specs(cx, file, NULL));
    same_as_specs(cx, dir, 1);
    snprintf(file, sizeof file, "%s/two.safetensors", dir);
    ok(cx, write_specs(cx, file, NULL));
    refused(cx, cull_checkpoint_open(cx, dir, &ck), CULL_EINPUT, "several safetensors files");
    static const char *const indices[] = {"a.safetensors.index.json", "b.safetensors.index.json"};
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s/%s", dir, indices[i]);
        fclose(fopen(file, "w"));
    }
    refused(cx, cull_checkpoint_open(cx, dir, &ck), CULL_EINPUT, "several indices (");
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s/%s", dir, indices[i]);
        assert_int_equal(remove(file), 0);
    }
    /* what libraries call it goes first */
    snprintf(file, sizeof file, "%s/adapter_model.safetensors", dir);
    ok(cx, write_specs(cx, file, NULL));
    spit("dir/adapter_config.json", "{\"r\":8}", 7);
    spit("dir/config.json", "{\"r\":9}", 7);
    ok(cx, cull_checkpoint_open(cx, dir, &ck));
    assert_string_equal(cull_checkpoint_config(ck), "{\"r\":8}");
    assert_non_null(strstr(cull_checkpoint_file(ck, 0), "dir/adapter_model.safetensors"));
    cull_checkpoint_free(ck);
    snprintf(file, sizeof file, "%s/model.safetensors", dir);
    ok(cx, write_specs(cx, file, NULL));
    ok(cx, cull_checkpoint_open(cx, dir, &ck));
    assert_string_equal(cull_checkpoint_config(ck), "{\"r\":9}");
    cull_checkpoint_free(ck);
    wipe("dir");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* An index and its shards that do not say the same. */
static void indices(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_checkpoint *ck;
    static const cull_tensor one[] = {{.name = "a.weight", .dtype = "F32", .ndim = 1, .shape = {1}},
                                      {.name = "b", .dtype = "F32", .ndim = 1, .shape = {1}}};
    static const struct {
        const char *map, *part;
        cull_status s;
    } wrong[] = {
        {"\"a.weight\":\"s1.safetensors\",\"b\":\"s3.safetensors\"",
         "s3.safetensors, which holds 'b' (1 in all), is missing: fetch it", CULL_EIO},
        {"\"a.weight\":\"s1.safetensors\",\"b\":\"s2.safetensors\",\"a.wight\":\"s2.safetensors\"",
         "tensor 'a.wight' is not in its shard s2.safetensors; the nearest is 'a.weight'",
         CULL_EIO},
        {"\"a.weight\":\"s2.safetensors\",\"b\":\"s1.safetensors\"",
         "tensor 'a.weight' is said to be in s2.safetensors, it is in ", CULL_EIO},
        {"\"a.weight\":\"s4.safetensors\"", "weight_map lacks tensor 'b', which is in its shard ",
         CULL_EIO},
        {"\"a.weight\":\"s1.safetensors\",\"b\":\"s4.safetensors\"",
         "tensor 'a.weight' is in two shards, ", CULL_EIO},
        {"\"a.weight\":\"../s1.safetensors\"", "a shard is a file of the same folder", CULL_EINPUT},
        {"\"a.weight\":\"s1.safetensors\",\"a.weight\":\"s1.safetensors\"",
         "weight_map names 'a.weight' twice", CULL_EIO},
    };
    for (int k = 0; k < 3; k++) { /* s1 has a.weight, s2 has b, s4 both */
        static const char *const name[] = {"s1.safetensors", "s2.safetensors", "s4.safetensors"};
        cull_checkpoint_writer *w;
        ok(cx,
           cull_checkpoint_create(cx, in_dir(name[k]), one + (k == 1), k == 2 ? 2 : 1, NULL, &w));
        for (int i = 0; i < (k == 2 ? 2 : 1); i++) ok(cx, cull_checkpoint_put(cx, w, ramp + 1, 1));
        ok(cx, cull_checkpoint_finish(cx, w, CULL_OK));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char index[400];
        int n = snprintf(index, sizeof index, "{\"weight_map\":{%s}}", wrong[i].map);
        refused(cx,
                cull_checkpoint_open(cx, spit("m.safetensors.index.json", index, (size_t)n), &ck),
                wrong[i].s, wrong[i].part);
    }
    const char *fine =
        "{\"weight_map\":{\"b\":\"s2.safetensors\",\"a.weight\":\"s1.safetensors\"}}";
    spit("m.safetensors.index.json", fine, strlen(fine));
    ok(cx, cull_checkpoint_open(cx, in_dir("m.safetensors.index.json"), &ck));
    assert_int_equal(cull_checkpoint_files(ck), 2);
    assert_string_equal(cull_checkpoint_at(ck, 0)->name, "a.weight"); /* shards by name */
    int64_t near;
    assert_true(cull_checkpoint_find(ck, "a.wheight", &near) == -1 && near == 0);
    assert_true(cull_checkpoint_find(ck, "nothing like it", &near) == -1 && near == -1);
    float x[2];
    refused(cx, cull_checkpoint_read(cx, ck, 0, 0, 2, x), CULL_EINPUT,
            "'a.weight': 2 numbers from 0 on are asked for, it has 1");
    refused(cx, cull_checkpoint_read(cx, ck, 0, INT64_MAX, 1, x), CULL_EINPUT, "are asked for");
    refused(cx, cull_checkpoint_read(cx, ck, 0, -1, 1, x), CULL_EINPUT, "are asked for");
    refused(cx, cull_checkpoint_read(cx, ck, 2, 0, 1, x), CULL_EINPUT, "tensor 2 of 2");
    cull_checkpoint_free(ck);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* ---- writing ---- */

static void wrong_specs(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_checkpoint_writer *w;
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    static const struct {
        cull_tensor t[2];
        const char *part;
        cull_status s;
    } wrong[] = {
        {{{.name = "a", .dtype = "F32"}, {.name = "a", .dtype = "F16"}},
         "two tensors are called 'a'",
         CULL_EINPUT},
        {{{.name = "a", .dtype = "F32"}, {.name = NULL, .dtype = "F16"}},
         "a tensor has no name",
         CULL_EINPUT},
        {{{.name = "__metadata__", .dtype = "F32"}, {.name = "b", .dtype = "F32"}},
         "cannot be called so",
         CULL_EINPUT},
        {{{.name = "\xff", .dtype = "F32"}, {.name = "b", .dtype = "F32"}},
         "cannot be called so",
         CULL_EINPUT},
        {{{.name = "a", .dtype = "F32", .ndim = 9}, {.name = "b", .dtype = "F32"}},
         "more than 8 dimensions",
         CULL_EINPUT},
        {{{.name = "a", .dtype = "F32", .ndim = 1, .shape = {-1}}, {.name = "b", .dtype = "F32"}},
         "a negative length",
         CULL_EINPUT},
        {{{.name = "a", .dtype = "F32", .ndim = 2, .shape = {1LL << 40, 1LL << 40}},
          {.name = "b", .dtype = "F32"}},
         "larger than any file",
         CULL_EINPUT},
        {{{.name = "a", .dtype = "F64", .ndim = 1, .shape = {1LL << 59}},
          {.name = "b", .dtype = "F64", .ndim = 1, .shape = {1LL << 59}}},
         "larger than any disk",
         CULL_EINPUT},
        {{{.name = "a", .dtype = "F64", .ndim = 1, .shape = {1LL << 56}},
          {.name = "b", .dtype = "F64"}},
         "512 PiB (576460752303423496 bytes) are needed, and ",
         CULL_EIO},
    };
    char path[512], dir[512];
    snprintf(path, sizeof path, "%s", in_dir("out.safetensors"));
    snprintf(dir, sizeof dir, "%s", in_dir("out"));
    int before = entries(files_dir);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refused(cx, cull_checkpoint_create(cx, path, wrong[i].t, 2, NULL, &w), wrong[i].s,
                wrong[i].part);
        refused(cx, cull_checkpoint_create(cx, dir, wrong[i].t, 2, NULL, &w), wrong[i].s,
                wrong[i].part);
        assert_null(w);
    }
    o.shard_bytes = 1;
    refused(cx, cull_checkpoint_create(cx, path, specs, SPECS, &o, &w), CULL_EOPTION,
            "shards go to a folder");
    o = (cull_checkpoint_opts)CULL_CHECKPOINT_OPTS;
    o.stem = "a/b";
    refused(cx, cull_checkpoint_create(cx, dir, specs, SPECS, &o, &w), CULL_EOPTION,
            "cannot be the name of files");
    refused(cx, cull_checkpoint_create(cx, "", specs, SPECS, NULL, &w), CULL_EINPUT, "is empty");
    refused(cx, cull_checkpoint_create(cx, in_dir("a.safetensors.gz"), specs, SPECS, NULL, &w),
            CULL_EINPUT, "a .safetensors file or to a folder");
    refused(cx, cull_checkpoint_create(cx, in_dir("no/folder.safetensors"), specs, SPECS, NULL, &w),
            CULL_EIO, "No such file");
    refused(cx, cull_checkpoint_create(cx, in_dir("no/folder"), specs, SPECS, NULL, &w), CULL_EIO,
            "cannot make the folder: No such file");
    refused(cx, cull_checkpoint_create(cx, spit("file", "", 0), specs, SPECS, NULL, &w),
            CULL_EINPUT, "is no folder");
    unlink(in_dir("file"));
    assert_int_equal(entries(files_dir), before);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Numbers without a place, too many, too few: a sentence, and nothing where the file should be. */
static void wrong_numbers(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_checkpoint_writer *w;
    static const cull_tensor t[] = {{.name = "h", .dtype = "F16", .ndim = 1, .shape = {3}},
                                    {.name = "e", .dtype = "F8_E4M3", .ndim = 1, .shape = {2}}};
    float x[3] = {1, 70000, 3}, y[2] = {-INFINITY, 1};
    char path[512];
    snprintf(path, sizeof path, "%s", in_dir("out.safetensors"));
    int before = entries(files_dir);
    for (int kind = 0; kind < 2; kind++) {
        ok(cx, cull_checkpoint_create(cx, path, t, 2, NULL, &w));
        refused(cx, cull_checkpoint_write(cx, w, 0, 0, x, 3), CULL_EINPUT,
                "tensor 'h': number 1 is 70000, past the largest of F16, 65504");
        refused(cx, cull_checkpoint_write(cx, w, 1, 0, y, 2), CULL_EINPUT,
                "tensor 'e': number 0 is infinite, and F8_E4M3 has no infinity");
        y[1] = 500;
        refused(cx, cull_checkpoint_write(cx, w, 1, 1, y + 1, 1), CULL_EINPUT,
                "number 1 is 500, past the largest of F8_E4M3, 448");
        refused(cx, cull_checkpoint_write(cx, w, 0, 1, x, 3), CULL_EINTERNAL,
                "more is written than its 6 bytes");
        refused(cx, cull_checkpoint_write_bytes(cx, w, 0, 5, x, 2), CULL_EINTERNAL,
                "more is written than its 6 bytes");
        if (kind == 0) {
            ok(cx, cull_checkpoint_write(cx, w, 0, 0, x + 2, 1));
            refused(cx, cull_checkpoint_finish(cx, w, CULL_OK), CULL_EINTERNAL,
                    "tensor 'h': 2 of its 6 bytes were written");
        } else {
            assert_int_equal(cull_checkpoint_finish(cx, w, CULL_ECANCEL), CULL_ECANCEL);
        }
        assert_int_equal(entries(files_dir), before);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* What several threads write in any order is the file that one writes in order. Wide numbers lie first. */
typedef struct {
    cull_checkpoint_writer *w;
    const float *x;
} scattered;

static cull_status scatter(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const scattered *s = arg;
    (void)chunk;
    cull_status e = cull_checkpoint_write(cx, s->w, 1, lo, s->x + lo, hi - lo);
    return e == CULL_OK ? cull_checkpoint_write(cx, s->w, 0, lo, s->x + lo, hi - lo) : e;
}

static void from_threads(void **state)
{
    (void)state;
    enum { N = 300000 };
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = 2;
    cull_ctx *cx = cull_ctx_new(&o);
    cull_checkpoint_writer *w;
    cull_checkpoint *a, *b;
    static const cull_tensor t[] = {{.name = "bytes", .dtype = "F8_E5M2", .ndim = 1, .shape = {N}},
                                    {.name = "halves", .dtype = "BF16", .ndim = 1, .shape = {N}}};
    float *x = malloc(N * sizeof *x);
    char one[512], two[512], three[512];
    snprintf(one, sizeof one, "%s", in_dir("one.safetensors"));
    snprintf(two, sizeof two, "%s", in_dir("two.safetensors"));
    snprintf(three, sizeof three, "%s", in_dir("three.safetensors"));
    for (int i = 0; i < N; i++) x[i] = (float)(i % 9973) * 0.37f - 1000;
    ok(cx, cull_checkpoint_create(cx, one, t, 2, NULL, &w));
    ok(cx, cull_checkpoint_put(cx, w, x, N));
    ok(cx, cull_checkpoint_put(cx, w, x, N));
    ok(cx, cull_checkpoint_finish(cx, w, CULL_OK));
    scattered s = {.x = x};
    ok(cx, cull_checkpoint_create(cx, two, t, 2, NULL, &s.w));
    ok(cx, cull__for(cx, N, 1000, scatter, &s));
    ok(cx, cull_checkpoint_finish(cx, s.w, CULL_OK));
    ok(cx, cull_checkpoint_open(cx, one, &a));
    ok(cx, cull_checkpoint_create(cx, three, t, 2, NULL, &w));
    ok(cx, cull_checkpoint_copy(cx, w, 1, a, 1));
    refused(cx, cull_checkpoint_copy(cx, w, 0, a, 1), CULL_EINPUT,
            "'bytes' (F8_E5M2, 300000 bytes) cannot be a copy of 'halves'");
    ok(cx, cull_checkpoint_copy(cx, w, 0, a, 0));
    ok(cx, cull_checkpoint_finish(cx, w, CULL_OK));
    assert_true((const char *)cull_checkpoint_bytes(a, 1) <
                (const char *)cull_checkpoint_bytes(a, 0));
    const char *const same[] = {two, three};
    for (int k = 0; k < 2; k++) {
        ok(cx, cull_checkpoint_open(cx, same[k], &b));
        for (int i = 0; i < 2; i++)
            assert_memory_equal(cull_checkpoint_bytes(a, i), cull_checkpoint_bytes(b, i),
                                N * (i + 1));
        cull_checkpoint_free(b);
    }
    cull_checkpoint_free(a);
    free(x);
    cull_ctx_free(cx);
}

/* Where any allocation fails, nothing is left: neither blocks nor files. */
static void no_memory(void **state)
{
    (void)state;
    char dir[512], file[512];
    cull_checkpoint_opts o = CULL_CHECKPOINT_OPTS;
    o.shard_bytes = 30;
    o.config = "{}";
    snprintf(dir, sizeof dir, "%s", in_dir("dir"));
    snprintf(file, sizeof file, "%s", in_dir("file.safetensors"));
    int failed[3] = {0}, before = entries(files_dir);
    for (int what = 0; what < 3; what++)
        for (long k = 1, reached = 1; reached; k++) {
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 1);
            cull_checkpoint *ck = NULL;
            h.fail_at = h.calls + k;
            cull_status s = what == 0   ? write_specs(cx, file, NULL)
                            : what == 1 ? write_specs(cx, dir, &o)
                                        : cull_checkpoint_open(cx, dir, &ck);
            reached = h.calls >= h.fail_at;
            if (s != (reached ? CULL_ENOMEM : CULL_OK))
                fail_msg("%d %ld: %d %s", what, k, s, cull_error(cx));
            failed[what] += reached;
            cull_checkpoint_free(ck);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            if (reached) assert_int_equal(entries(files_dir), before + (what > 0) + (what > 1));
        }
    for (int i = 0; i < 3; i++) assert_true(failed[i] > 10);
    unlink(file);
    wipe("dir");
}

/* A process that is killed while it writes leaves nothing at the path; what it leaves beside it the next one removes. */
static void killed(void **state)
{
    (void)state;
    char path[512], dir[512];
    snprintf(path, sizeof path, "%s", in_dir("killed.safetensors"));
    snprintf(dir, sizeof dir, "%s", in_dir("killed"));
    const char *const out[] = {path, dir};
    int before = entries(files_dir);
    for (int k = 0; k < 2; k++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            cull_ctx *cx = cull_ctx_new(NULL);
            cull_checkpoint_writer *w;
            if (cull_checkpoint_create(cx, out[k], specs, SPECS, NULL, &w) == CULL_OK &&
                cull_checkpoint_put(cx, w, ramp, 12) == CULL_OK)
                raise(SIGKILL);
            _exit(1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_int_equal(access(out[k], F_OK), -1);
        assert_int_equal(entries(files_dir), before + 1);
        cull_ctx *cx = cull_ctx_new(NULL);
        ok(cx, write_specs(cx, out[!k], NULL));
        assert_int_equal(entries(files_dir), before + 1);
        if (k == 1)
            unlink(path);
        else
            wipe("killed");
        cull_ctx_free(cx);
    }
}

/* ---- memory ---- */

static long anonymous_kib(void)
{
    char line[200];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %ld", &kib) == 1) break;
    if (f) fclose(f);
    return kib;
}

/* Four tensors of 64 MiB each (zeros, without blocks on the disk) are read and one is copied through blocks: what
 * is held are blocks, whatever a tensor takes. */
static void large(void **state)
{
    (void)state;
    enum { EACH = 1 << 25, BLOCK = 1 << 16 };
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = 2;
    cull_ctx *cx = cull_ctx_new(&o);
    cull_checkpoint *ck;
    cull_checkpoint_writer *w;
    static float x[BLOCK];
    char head[1024], path[512], out[512];
    int n = sprintf(head + 8, "{");
    for (uint64_t i = 0; i < 4; i++)
        n += sprintf(head + 8 + n,
                     "%s\"t%d\":{\"dtype\":\"BF16\",\"shape\":[%d],\"data_offsets\":[%" PRIu64
                     ",%" PRIu64 "]}",
                     i ? "," : "", (int)i, EACH, i * 2 * EACH, (i + 1) * 2 * EACH);
    n += sprintf(head + 8 + n, "}");
    for (int i = 0; i < 8; i++) head[i] = (char)(i < 4 ? n >> 8 * i & 255 : 0);
    snprintf(path, sizeof path, "%s", spit("large.safetensors", head, (size_t)n + 8));
    snprintf(out, sizeof out, "%s", in_dir("copy.safetensors"));
    assert_int_equal(truncate(path, (off_t)n + 8 + 8LL * EACH), 0);
    long before = anonymous_kib(), most = 0;
    ok(cx, cull_checkpoint_open(cx, path, &ck));
    assert_int_equal(cull_checkpoint_bytes_all(ck), 8ULL * EACH);
    cull_tensor t = *cull_checkpoint_at(ck, 0);
    t.dtype = "F8_E4M3";
    ok(cx, cull_checkpoint_create(cx, out, &t, 1, NULL, &w));
    for (int i = 0; i < 4; i++) {
        for (int64_t at = 0; at < EACH; at += BLOCK) {
            ok(cx, cull_checkpoint_read(cx, ck, i, at, BLOCK, x));
            if (i == 0 && at < EACH / 8) ok(cx, cull_checkpoint_put(cx, w, x, BLOCK));
            if (at % (EACH / 4) == 0 && anonymous_kib() > most) most = anonymous_kib();
        }
        cull_checkpoint_done(ck, i);
    }
    assert_int_equal(cull_checkpoint_finish(cx, w, CULL_ECANCEL), CULL_ECANCEL);
    assert_int_equal(access(out, F_OK), -1);
    /* sanitizers keep a shadow of what is touched */
    if (!getenv("ASAN_OPTIONS")) assert_true(most - before < 4 * 1024);
    assert_true(cull_ctx_peak(cx) < 1 << 20);
    cull_checkpoint_free(ck);
    unlink(path);
    cull_ctx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_file),       cmocka_unit_test(a_folder),
        cmocka_unit_test(foreign),        cmocka_unit_test(folders),
        cmocka_unit_test(indices),        cmocka_unit_test(wrong_specs),
        cmocka_unit_test(wrong_numbers),  cmocka_unit_test(from_threads),
        cmocka_unit_test(no_memory),      cmocka_unit_test(killed),
        cmocka_unit_test(large),          cmocka_unit_test(few_descriptors),
        cmocka_unit_test(cut_while_open), cmocka_unit_test(compressed),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

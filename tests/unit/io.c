/* io: streams and whole files, plain and compressed, whole and damaged; writing all or nothing. */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "io/io.h"

static char dir[64];

static const char *in_dir(const char *name)
{
    static char path[4][256];
    static int turn;
    char *p = path[turn++ & 3];
    snprintf(p, 256, "%s/%s", dir, name);
    return p;
}

static void spit(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

static char *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    char *p = malloc(*n + 1);
    assert_int_equal(fread(p, 1, *n, f), *n);
    fclose(f);
    return p;
}

static int files_in(const char *d)
{
    int n = 0;
    DIR *h = opendir(d);
    assert_non_null(h);
    while (readdir(h)) n++;
    closedir(h);
    return n - 2;
}

static unsigned char *noise(size_t n, uint64_t seed)
{
    cull_rng r = cull__rng_seeded(seed, 0);
    unsigned char *p = malloc(n);
    for (size_t i = 0; i < n; i++) p[i] = (unsigned char)(cull__rng_u32(&r) % 23 + 'a');
    return p;
}

static size_t gz(const void *p, size_t n, unsigned char *out, size_t cap)
{
    z_stream z = {0};
    deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (unsigned char *)(uintptr_t)p;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t k = cap - z.avail_out;
    deflateEnd(&z);
    return k;
}

/* The whole stream in pieces of `step`. */
static cull_status read_all(cull_ctx *cx, const char *path, size_t step, unsigned char *out,
                            size_t cap, size_t *n)
{
    cull__reader *r;
    *n = 0;
    CULL_TRY(cull__reader_open(cx, path, &r));
    cull_status s = CULL_OK;
    for (;;) {
        size_t got, want = step < cap - *n ? step : cap - *n;
        s = cull__read(cx, r, out + *n, want, &got);
        if (s != CULL_OK || !got) break;
        *n += got;
        assert_true(cull__reader_offset(r) <= cull__reader_size(r));
    }
    if (s == CULL_OK) assert_int_equal(cull__reader_offset(r), cull__reader_size(r));
    cull__reader_close(r);
    return s;
}

static void streams(void **state)
{
    (void)state;
    enum { N = 700001 };
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    unsigned char *data = noise(N, 11), *packed = malloc(2 * N), *back = malloc(N + 100);
    const char *f = in_dir("stream");
    /* form 0 plain, 1 gzip of two members, 2 zstd of two frames and a skippable one */
    for (int form = 0; form < 3; form++) {
        size_t k = 0, a = 400001, n;
        if (form == 0) {
            memcpy(packed, data, k = N);
        } else if (form == 1) {
            k = gz(data, a, packed, 2 * N);
            k += gz(data + a, N - a, packed + k, 2 * N - k);
        } else {
            k = ZSTD_compress(packed, 2 * N, data, a, 1);
            memcpy(packed + k, "\x53\x2a\x4d\x18\x03\0\0\0abc", 11);
            k += 11;
            k += ZSTD_compress(packed + k, 2 * N - k, data + a, N - a, 3);
        }
        spit(f, packed, k);
        static const size_t steps[] = {77, 4096, 1 << 20};
        for (int i = 0; i < 3; i++) {
            ok(cx, read_all(cx, f, steps[i], back, N + 100, &n));
            assert_int_equal(n, N);
            assert_memory_equal(back, data, N);
        }
        if (form == 0) continue;
        /* cut anywhere: said so, and what came before is right */
        for (size_t cut = k - 1; cut > 20; cut = cut / 2 + 7) {
            spit(f, packed, cut);
            if (form == 2 && cut == 0) continue;
            refused(cx, read_all(cx, f, 50000, back, N + 100, &n), CULL_EIO, "cut off at byte");
            assert_memory_equal(back, data, n);
            if (cut / 2 + 7 >= cut) break;
        }
        spit(f, packed, k);
        FILE *o = fopen(f, "ab");
        fputs("junk", o);
        fclose(o);
        refused(cx, read_all(cx, f, 50000, back, N + 100, &n), CULL_EIO, "follows the end of the");
        packed[k / 2] ^= 0x55; /* checksums see what the codes let pass */
        if (form == 1) {
            spit(f, packed, k);
            refused(cx, read_all(cx, f, 50000, back, N + 100, &n), CULL_EIO, "damaged gzip");
        }
    }
    free(data), free(packed), free(back);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void odd_files(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__reader *r;
    cull__bytes b;
    size_t n;
    unsigned char buf[64];
    refused(cx, cull__reader_open(cx, in_dir("absent"), &r), CULL_EIO,
            "absent: cannot open: No such");
    refused(cx, cull__reader_open(cx, dir, &r), CULL_EIO, "is a directory");
    refused(cx, cull__bytes_open(cx, dir, &b), CULL_EIO, "is a directory");
    for (size_t k = 0; k < 5; k++) { /* too short for any signature */
        spit(in_dir("short"), "\x1f(\xb5/", k);
        ok(cx, read_all(cx, in_dir("short"), 64, buf, 64, &n));
        assert_int_equal(n, k);
        ok(cx, cull__bytes_open(cx, in_dir("short"), &b));
        assert_int_equal(b.n, k);
        assert_non_null(b.at);
        cull__bytes_close(&b);
    }
    spit(in_dir("cut"), "\x1f\x8b", 2);
    refused(cx, read_all(cx, in_dir("cut"), 64, buf, 64, &n), CULL_EIO, "cut off at byte 2");
    /* a frame that wants a window of 2 GiB, as zstd --long=31 writes it */
    spit(in_dir("long"), "\x28\xb5\x2f\xfd\x04\xa8\x01\x00\x00", 9);
    refused(cx, read_all(cx, in_dir("long"), 64, buf, 64, &n), CULL_EIO, "--long=27");
    ok(cx, cull__bytes_open(cx, "/proc/self/status", &b));
    assert_true(b.n > 100);
    cull__bytes_close(&b);
    cull_ctx_free(cx);
}

static void whole(void **state)
{
    (void)state;
    enum { N = 9 << 20 };
    unsigned char *data = noise(N, 5), *packed = malloc(N);
    size_t k = gz(data, N, packed, N);
    spit(in_dir("big.gz"), packed, k);
    spit(in_dir("big"), data, N);
    /* 16 MiB of memory: a quarter is less than the file, so it goes to disk */
    static const uint64_t limit[] = {0, 16 << 20, 64 << 20};
    for (int i = 0; i < 3; i++) {
        cull_ctx_opts o = CULL_CTX_OPTS;
        o.memory = limit[i];
        o.tmpdir = dir;
        cull_ctx *cx = cull_ctx_new(&o);
        uint64_t free_before = cull__memory_left(cx);
        cull__bytes b;
        ok(cx, cull__bytes_open(cx, in_dir(i ? "big.gz" : "big"), &b));
        assert_int_equal(b.n, N);
        assert_memory_equal(b.at, data, N);
        if (i == 1) assert_true(free_before - cull__memory_left(cx) < 1 << 20);
        cull__bytes_close(&b);
        void *at;
        for (int disk = 0; disk < 2; disk++) {
            ok(cx, cull__spill_new(cx, 123457, disk, &b, &at));
            assert_int_equal(b.n, 123457);
            for (size_t j = 0; j < b.n; j++) assert_int_equal(b.at[j], 0);
            memcpy(at, data, b.n);
            assert_memory_equal(b.at, data, b.n);
            cull__bytes_close(&b);
        }
        ok(cx, cull__spill_new(cx, 0, true, &b, &at));
        cull__bytes_close(&b);
        assert_int_equal(cull__memory_left(cx), free_before);
        cull_ctx_free(cx);
    }
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.tmpdir = "/nonexistent";
    cull_ctx *cx = cull_ctx_new(&o);
    cull__bytes b;
    void *at;
    refused(cx, cull__spill_new(cx, 10, true, &b, &at), CULL_EIO, "/nonexistent: cannot make");
    refused(cx, cull__spill_new(cx, UINT64_MAX / 2, true, &b, &at), CULL_ENOMEM, "too large");
    cull_ctx_free(cx);
    unlink(in_dir("big")), unlink(in_dir("big.gz"));
    free(data), free(packed);
}

static void writing(void **state)
{
    (void)state;
    enum { N = 1000003 };
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    unsigned char *data = noise(N, 7), *back = malloc(N + 1);
    static const char *const names[] = {"out", "out.gz", "out.zst"};
    int before = files_in(dir);
    for (int f = 0; f < 3; f++) {
        const char *path = in_dir(names[f]);
        uint64_t first = 0;
        for (int round = 0; round < 2; round++) { /* the second replaces, with the same bytes */
            cull__writer *w;
            ok(cx, cull__writer_open(cx, path, &w));
            for (size_t at = 0, step = 1; at < N; at += step, step = step * 3 % 70001 + 1) {
                if (step > N - at) step = N - at;
                ok(cx, cull__write(cx, w, data + at, step));
            }
            if (!round) assert_int_equal(access(path, F_OK), -1);
            ok(cx, cull__writer_end(cx, w, CULL_OK));
            size_t n;
            char *raw = slurp(path, &n);
            uint64_t hash = cull__hash64(raw, n, 0);
            if (round) assert_true(hash == first);
            first = hash;
            if (f) assert_true(n < N * 3 / 4);
            free(raw);
            ok(cx, read_all(cx, path, 1 << 16, back, N + 1, &n));
            assert_int_equal(n, N);
            assert_memory_equal(back, data, N);
        }
        /* given up: what stood there stays */
        cull__writer *w;
        ok(cx, cull__writer_open(cx, path, &w));
        ok(cx, cull__write(cx, w, "new", 3));
        cull__fail(cx, CULL_EINPUT, "a reason");
        refused(cx, cull__writer_end(cx, w, CULL_EINPUT), CULL_EINPUT, "a reason");
        size_t n;
        ok(cx, read_all(cx, path, 1 << 16, back, N + 1, &n));
        assert_int_equal(n, N);
    }
    assert_int_equal(files_in(dir), before + 3);
    struct stat st;
    mode_t mask = umask(027);
    cull__writer *w;
    ok(cx, cull__writer_open(cx, in_dir("empty.gz"), &w));
    ok(cx, cull__writer_end(cx, w, CULL_OK));
    umask(mask);
    assert_int_equal(stat(in_dir("empty.gz"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    size_t n;
    ok(cx, read_all(cx, in_dir("empty.gz"), 64, back, N, &n));
    assert_int_equal(n, 0);
    /* a link stays one */
    assert_int_equal(symlink("out", in_dir("link")), 0);
    ok(cx, cull__writer_open(cx, in_dir("link"), &w));
    ok(cx, cull__write(cx, w, "via", 3));
    ok(cx, cull__writer_end(cx, w, CULL_OK));
    assert_int_equal(lstat(in_dir("link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat(in_dir("out"), &st), 0);
    assert_int_equal(st.st_size, 3);
    /* who may read a file does not change when it is replaced */
    assert_int_equal(chmod(in_dir("out"), 0600), 0);
    ok(cx, cull__writer_open(cx, in_dir("out"), &w));
    ok(cx, cull__writer_end(cx, w, CULL_OK));
    assert_int_equal(stat(in_dir("out"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    /* endings are read in either case */
    ok(cx, cull__writer_open(cx, in_dir("out.GZ"), &w));
    ok(cx, cull__writer_end(cx, w, CULL_OK));
    assert_int_equal(stat(in_dir("out.GZ"), &st), 0);
    assert_int_equal(st.st_size, 20);
    /* files of /dev/shm are files: made, and replaced whole */
    char shm[] = "/dev/shm/cull-test-XXXXXX", file[64];
    for (int round = 0; round < 2 && (round || mkdtemp(shm)); round++) {
        snprintf(file, sizeof file, "%s/x", shm);
        ok(cx, cull__writer_open(cx, file, &w));
        ok(cx, cull__write(cx, w, "longer", round ? 1 : 6));
        ok(cx, cull__writer_end(cx, w, CULL_OK));
        assert_int_equal(stat(file, &st), 0);
        assert_int_equal(st.st_size, round ? 1 : 6);
    }
    unlink(file), rmdir(shm);
    free(data), free(back);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void not_writable(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull__writer *w;
    int before = files_in(dir);
    refused(cx, cull__writer_open(cx, in_dir("no/such/file"), &w), CULL_EIO,
            "no/such/file: cannot");
    refused(cx, cull__writer_open(cx, dir, &w), CULL_EIO, "is a directory");
    refused(cx, cull__writer_open(cx, "", &w), CULL_EIO, "is empty");
    assert_int_equal(symlink("nowhere", in_dir("dangling")), 0);
    refused(cx, cull__writer_open(cx, in_dir("dangling"), &w), CULL_EIO,
            "dangling: is a link to a file that is not there");
    unlink(in_dir("dangling"));
    ok(cx, cull__writer_open(cx, "/dev/full", &w)); /* a full disk */
    ok(cx, cull__write(cx, w, "x", 1));
    refused(cx, cull__writer_end(cx, w, CULL_OK), CULL_EIO,
            "/dev/full: cannot write: No space left");
    ok(cx, cull__writer_open(cx, "/dev/full", &w));
    char some[4096] = {0};
    cull_status s = CULL_OK;
    for (int i = 0; i < 1000 && s == CULL_OK; i++) s = cull__write(cx, w, some, sizeof some);
    assert_int_equal(s, CULL_EIO);
    refused(cx, cull__writer_end(cx, w, s), CULL_EIO, "No space left");
    if (geteuid() != 0) {
        spit(in_dir("locked"), "x", 1);
        chmod(in_dir("locked"), 0444);
        refused(cx, cull__writer_open(cx, in_dir("locked"), &w), CULL_EIO, "Permission denied");
        unlink(in_dir("locked"));
    }
    assert_int_equal(files_in(dir), before);
    cull_ctx_free(cx);
}

/* Every allocation fails once; nothing is left behind, in memory or on disk. */
static void failures(void **state)
{
    (void)state;
    unsigned char *data = noise(300000, 3), *packed = malloc(400000);
    size_t k = gz(data, 300000, packed, 400000);
    spit(in_dir("f.gz"), packed, k);
    int before = files_in(dir);
    bool done = false;
    for (long at = 2; !done && at < 200; at++) { /* the first is the ctx itself */
        hooks h = {.fail_at = at};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull__bytes b = {0};
        cull__writer *w = NULL;
        cull_status s = cull__bytes_open(cx, in_dir("f.gz"), &b);
        if (s == CULL_OK) {
            assert_int_equal(b.n, 300000);
            assert_memory_equal(b.at, data, b.n);
            s = cull__writer_open(cx, in_dir("g.gz"), &w);
        }
        if (s == CULL_OK) s = cull__write(cx, w, b.at, b.n);
        if (s == CULL_OK) s = cull__writer_end(cx, w, s);
        cull__bytes_close(&b);
        if (s != CULL_OK) {
            assert_int_equal(s, CULL_ENOMEM);
            assert_non_null(strstr(cull_error(cx), "out of memory"));
        }
        done = h.calls < at;
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (s == CULL_OK) unlink(in_dir("g.gz"));
        assert_int_equal(files_in(dir), before);
    }
    assert_true(done);
    free(data), free(packed);
}

int main(void)
{
    strcpy(dir, "/tmp/cull-io-XXXXXX");
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams), cmocka_unit_test(odd_files),    cmocka_unit_test(whole),
        cmocka_unit_test(writing), cmocka_unit_test(not_writable), cmocka_unit_test(failures),
    };
    int bad = cmocka_run_group_tests(tests, NULL, NULL);
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    if (system(cmd) != 0) bad++;
    return bad;
}

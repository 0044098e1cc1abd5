/* npz: archives made here by hand, whole and damaged in every way. */
#include "files.h"

#include <zlib.h>

#include "io/io.h"

#define HEAD "{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }\n"

typedef struct {
    const char *name;
    const void *data;
    size_t n;
    int deflate, zip64;
} entry;

/* What is put wrong on purpose; 0 = nothing. */
typedef struct {
    uint32_t crc_xor;
    int flags, method; /* method 0: as it is */
    int64_t size_plus, comp_plus, local_plus, count_plus, dir_plus;
} wrong;

static void zip(bytes *b, const entry *e, int n, wrong w)
{
    static bytes dir;
    dir.n = 0;
    for (int i = 0; i < n; i++) {
        static unsigned char packed[1 << 15];
        size_t comp = e[i].n, local = b->n, name_n = strlen(e[i].name);
        const void *data = e[i].data;
        if (e[i].deflate) {
            z_stream z = {0};
            deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
            z.next_in = (unsigned char *)(uintptr_t)e[i].data;
            z.avail_in = (uInt)e[i].n;
            z.next_out = packed;
            z.avail_out = sizeof packed;
            assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
            comp = z.total_out;
            data = packed;
            deflateEnd(&z);
        }
        uint64_t size = e[i].n + (uint64_t)w.size_plus, packed_n = comp + (uint64_t)w.comp_plus;
        uint64_t at = local + (uint64_t)w.local_plus;
        bool wide = e[i].zip64;
        int method = w.method ? w.method : e[i].deflate ? 8 : 0;
        uint32_t crc = (uint32_t)crc32(0, e[i].data, (uInt)e[i].n) ^ w.crc_xor;
        bytes *to = b;
        for (int k = 0; k < 2; k++, to = &dir) { /* the member's head, then its entry */
            add_int(to, k ? 0x02014b50 : 0x04034b50, 4);
            if (k) add_int(to, 20, 2);
            add_int(to, 20, 2), add_int(to, (uint64_t)w.flags, 2), add_int(to, (uint64_t)method, 2);
            add_int(to, 0x21 << 16, 4), add_int(to, crc, 4);
            add_int(to, wide ? 0xFFFFFFFF : packed_n, 4), add_int(to, wide ? 0xFFFFFFFF : size, 4);
            add_int(to, name_n, 2), add_int(to, wide ? (k ? 36 : 28) : 7, 2);
            if (k) {
                add_int(to, 3, 2); /* a comment */
                add_int(to, 0, 8), add_int(to, wide ? 0xFFFFFFFF : at, 4);
            }
            add(to, e[i].name, name_n);
            add_int(to, 0x5455, 2), add_int(to, wide ? 4 : 3, 2), add_int(to, 7, wide ? 4 : 3);
            if (wide) {
                add_int(to, 1, 2), add_int(to, k ? 24 : 16, 2);
                add_int(to, size, 8), add_int(to, packed_n, 8);
                if (k) add_int(to, at, 8);
            }
            if (k) add_text(to, "hey");
        }
        add(b, data, comp);
    }
    uint64_t dir_at = b->n + (uint64_t)w.dir_plus, count = (uint64_t)(n + w.count_plus);
    add(b, dir.at, dir.n);
    bool wide = n && e[0].zip64;
    if (wide) {
        uint64_t at = b->n;
        add_int(b, 0x06064b50, 4), add_int(b, 44, 8), add_int(b, 45, 2), add_int(b, 45, 2);
        add_int(b, 0, 8), add_int(b, count, 8), add_int(b, count, 8), add_int(b, dir.n, 8);
        add_int(b, dir_at, 8);
        add_int(b, 0x07064b50, 4), add_int(b, 0, 4), add_int(b, at, 8), add_int(b, 1, 4);
    }
    add_int(b, 0x06054b50, 4), add_int(b, 0, 4);
    add_int(b, wide ? 0xFFFF : count, 2), add_int(b, wide ? 0xFFFF : count, 2);
    add_int(b, wide ? 0xFFFFFFFF : dir.n, 4), add_int(b, wide ? 0xFFFFFFFF : dir_at, 4);
    add_int(b, 6, 2);
    add_text(b, "PK\5\6!!"); /* a comment that looks like the end */
}

static float value(int which, int i) { return (float)(which * 1000 + i) * 0.37f; }

/* Three npy files of 50, 60, 70 numbers. */
static const bytes *files(void)
{
    static bytes b[3];
    static float v[70];
    char dict[100];
    for (int k = 0; k < 3; k++) {
        b[k].n = 0;
        snprintf(dict, sizeof dict, HEAD, 50 + 10 * k);
        for (int i = 0; i < 70; i++) v[i] = value(k, i);
        npy(&b[k], 1, dict, v, (size_t)(50 + 10 * k) * 4);
    }
    return b;
}

static bool is(const cull_array *a, int which)
{
    if (a->dtype != CULL_F32 || a->ndim != 1 || a->shape[0] != 50 + 10 * which) return false;
    for (int i = 0; i < 50 + 10 * which; i++) {
        float x;
        cull_array_f32(a, i, 1, &x);
        if (x != value(which, i)) return false;
    }
    return true;
}

static void members(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 2);
    const bytes *f = files();
    static bytes b;
    cull_array a;
    for (int zip64 = 0; zip64 < 2; zip64++) {
        entry e[] = {{"first.npy", f[0].at, f[0].n, 0, zip64},
                     {"embeddings.npy", f[1].at, f[1].n, 1, zip64},
                     {"bare", f[2].at, f[2].n, 0, zip64}};
        b.n = 0;
        zip(&b, e, 3, (wrong){0});
        static const char *const asked[] = {"first", NULL, "bare", "first.npy", "embeddings"};
        static const int want[] = {0, 1, 2, 0, 1};
        for (int i = 0; i < 5; i++) {
            ok(cx, cull__npz_parse(cx, "p", asked[i], b.at, b.n, &a));
            assert_true(is(&a, want[i]));
            assert_true((a.mem_ != NULL) == (want[i] == 1)); /* stored ones stay where they are */
            cull_array_free(&a);
        }
        refused(cx, cull__npz_parse(cx, "p", "emeddings", b.at, b.n, &a), CULL_EINPUT,
                "p: no array 'emeddings'; did you mean 'embeddings'? It holds first, embeddings, "
                "bare");
        b.n = 0;
        e[1].name = "second.npy";
        zip(&b, e, 3, (wrong){0});
        refused(cx, cull__npz_parse(cx, "p", NULL, b.at, b.n, &a), CULL_EINPUT,
                "it holds several arrays: first, second, bare; name one with a colon after the "
                "path, as p:first");
        b.n = 0;
        zip(&b, e + 1, 1, (wrong){0});
        ok(cx, cull__npz_parse(cx, "p", NULL, b.at, b.n, &a)); /* the only one */
        assert_string_equal(a.name, "second");
        cull_array_free(&a);
    }
    b.n = 0;
    zip(&b, NULL, 0, (wrong){0});
    refused(cx, cull__npz_parse(cx, "p", NULL, b.at, b.n, &a), CULL_EINPUT, "holds no array");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void refusals(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    const bytes *f = files();
    static bytes b;
    cull_array a;
    static const struct {
        wrong w;
        int deflate;
        cull_status status;
        const char *part;
    } bad[] = {
        {{.crc_xor = 1}, 0, CULL_EIO, "p:first: damaged: its CRC-32 is"},
        {{.crc_xor = 1u << 31}, 1, CULL_EIO, "p:first: damaged: its CRC-32 is"},
        {{.flags = 1}, 0, CULL_EINPUT, "p:first: it is encrypted"},
        {{.method = 14}, 0, CULL_EINPUT, "p:first: compressed by zip method 14"},
        {{.size_plus = 1}, 0, CULL_EIO, "a stored member of two sizes"},
        {{.size_plus = -1}, 1, CULL_EIO, "it does not inflate"},
        {{.size_plus = 1}, 1, CULL_EIO, "it does not inflate"},
        {{.size_plus = 1000000000}, 1, CULL_EIO, "bytes cannot inflate to"},
        {{.comp_plus = -1}, 1, CULL_EIO, "it does not inflate"},
        {{.comp_plus = 1}, 1, CULL_EIO, "runs into the directory"},
        {{.comp_plus = 1, .size_plus = 1}, 0, CULL_EIO, "runs into the directory"},
        {{.local_plus = 1}, 0, CULL_EIO, "no head of a member at byte 1"},
        {{.local_plus = 1 << 30}, 0, CULL_EIO, "no head of a member at byte 1073741824"},
        {{.count_plus = 1}, 0, CULL_EIO, "damaged zip archive: "},
        {{.count_plus = 9}, 0, CULL_EIO, "fewer entries than it says"},
        {{.dir_plus = 1}, 0, CULL_EIO, "no entry at byte"},
        {{.dir_plus = 1 << 30}, 0, CULL_EIO, "a directory past the end"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int zip64 = 0; zip64 < 2; zip64++) {
            entry e = {"first.npy", f[0].at, f[0].n, bad[i].deflate, zip64};
            b.n = 0;
            zip(&b, &e, 1, bad[i].w);
            cull_status s = cull__npz_parse(cx, "p", NULL, b.at, b.n, &a);
            if (s != bad[i].status || !strstr(cull_error(cx), bad[i].part))
                fail_msg("%zu: %d '%s' lacks '%s'", i, s, cull_error(cx), bad[i].part);
            cull_array_free(&a);
        }
    entry twins[] = {{"a.npy", f[0].at, f[0].n, 0, 0},
                     {"b.npy", f[1].at, f[1].n, 0, 0},
                     {"a.npy", f[2].at, f[2].n, 0, 0}};
    b.n = 0;
    zip(&b, twins, 3, (wrong){0});
    refused(cx, cull__npz_parse(cx, "p", "b", b.at, b.n, &a), CULL_EIO, "two members 'a'");
    entry sparse[] = {{"indices.npy", f[0].at, f[0].n, 0, 0},
                      {"indptr.npy", f[1].at, f[1].n, 0, 0}};
    b.n = 0;
    zip(&b, sparse, 2, (wrong){0});
    refused(cx, cull__npz_parse(cx, "p", NULL, b.at, b.n, &a), CULL_EINPUT, "sparse matrix");
    entry torch[] = {{"archive/data.pkl", "\x80\2", 2, 0, 0}};
    b.n = 0;
    zip(&b, torch, 1, (wrong){0});
    refused(cx, cull__npz_parse(cx, "p", NULL, b.at, b.n, &a), CULL_EINPUT, "pickles are never");
    entry object = {"o.npy", NULL, 0, 0, 0};
    bytes o = {.n = 0};
    npy(&o, 1, "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "\x80\4", 2);
    object.data = o.at, object.n = o.n;
    b.n = 0;
    zip(&b, &object, 1, (wrong){0});
    refused(cx, cull__npz_parse(cx, "p", NULL, b.at, b.n, &a), CULL_EINPUT,
            "p:o: dtype object; pickled objects are never loaded");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Cut at any byte, or with any bit turned: refused with a sentence, or read right. */
static void damage(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    const bytes *f = files();
    static bytes b;
    cull_array a;
    long refusals_seen = 0;
    for (int zip64 = 0; zip64 < 2; zip64++)
        for (int deflated = 0; deflated < 2; deflated++) {
            entry e[] = {{"first.npy", f[0].at, f[0].n, deflated, zip64},
                         {"second.npy", f[1].at, f[1].n, deflated, zip64}};
            b.n = 0;
            zip(&b, e, 2, (wrong){0});
            for (size_t n = 0; n < b.n; n++) {
                unsigned char *exact = malloc(n ? n : 1);
                memcpy(exact, b.at, n);
                assert_int_equal(cull__npz_parse(cx, "p", "second", exact, n, &a), CULL_EIO);
                cull_array_free(&a);
                free(exact);
            }
            for (size_t i = 0; i < b.n; i++)
                for (int bit = 0; bit < 8; bit += 3) {
                    b.at[i] ^= (unsigned char)(1 << bit);
                    if (cull__npz_parse(cx, "p", "second", b.at, b.n, &a) == CULL_OK)
                        assert_true(is(&a, 1));
                    else
                        refusals_seen++;
                    cull_array_free(&a);
                    b.at[i] ^= (unsigned char)(1 << bit);
                }
        }
    assert_true(refusals_seen > 500);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void big_crc(void **state)
{
    (void)state;
    size_t n = (5 << 20) + 77; /* six chunks */
    unsigned char *p = malloc(n);
    cull_rng r = cull__rng_seeded(1, 7);
    for (size_t i = 0; i < n; i++) p[i] = (unsigned char)cull__rng_u32(&r);
    uint32_t want = (uint32_t)crc32(crc32(0, (const unsigned char *)"seed", 4), p, (uInt)n), got;
    for (int threads = 1; threads <= 3; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        uint32_t first;
        ok(cx, cull__crc32(cx, "seed", 4, 0, &first));
        ok(cx, cull__crc32(cx, p, n, first, &got));
        assert_int_equal(got, want);
        ok(cx, cull__crc32(cx, p, 0, first, &got));
        assert_int_equal(got, first);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    free(p);
}

static void no_memory(void **state)
{
    (void)state;
    const bytes *f = files();
    static bytes b;
    entry e[] = {{"first.npy", f[0].at, f[0].n, 0, 0}, {"second.npy", f[1].at, f[1].n, 1, 0}};
    b.n = 0;
    zip(&b, e, 2, (wrong){0});
    long k = 1;
    for (;; k++) {
        hooks h = {0};
        cull_array a;
        cull_ctx *cx = hooked_ctx(&h, 1);
        h.fail_at = h.calls + k;
        cull_status s = cull__npz_parse(cx, "p", "second", b.at, b.n, &a);
        bool reached = h.calls >= h.fail_at;
        assert_true(s == (reached ? CULL_ENOMEM : CULL_OK));
        if (reached) assert_non_null(strstr(cull_error(cx), "out of memory"));
        cull_array_free(&a);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (!reached) break;
    }
    assert_true(k > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members), cmocka_unit_test(refusals),  cmocka_unit_test(damage),
        cmocka_unit_test(big_crc), cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

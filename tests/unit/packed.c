/* packed: every packing of every width gives back all bits, whole and in pieces; sizes as stated; damage is told or does no harm. */
#include "test.h"

#include "repr/packed.h"

enum { MOST = 3 * CULL__SEGMENT };

typedef struct {
    cull__packed p;
    cull__pack_part part[CULL__PACK_PARTS];
    uint8_t *at[CULL__PACK_PARTS];
    uint64_t len[CULL__PACK_PARTS];
    int parts;
} packed;

/* Of n numbers about the share `dense` is not 0: any bits, among them -0, NaN and the smallest. */
static void fill(cull_rng *r, uint8_t *raw, int size, int64_t n, double dense)
{
    memset(raw, 0, (size_t)(n * size));
    for (int64_t i = 0; i < n; i++) {
        if (cull__rng_unit(r) >= dense) continue;
        uint64_t v = cull__rng_u64(r) | 1;
        if (cull__rng_below(r, 20) == 0) v = UINT64_C(1) << (8 * size - 1); /* -0 */
        if (cull__rng_below(r, 20) == 0) v = ~UINT64_C(0);                  /* NaN */
        memcpy(raw + i * size, &v, (size_t)size);
    }
}

static void thin_2_4(uint8_t *raw, int size, int64_t n, cull_rng *r)
{
    for (int64_t g = 0; g < n / 4; g++) {
        int gone = (int)cull__rng_below(r, 4), too = (gone + 1 + (int)cull__rng_below(r, 3)) % 4;
        memset(raw + (4 * g + gone) * size, 0, (size_t)size);
        memset(raw + (4 * g + too) * size, 0, (size_t)size);
    }
}

static void count_all(const uint8_t *raw, int size, int64_t n, cull__pack_count *each,
                      cull__pack_count *sum)
{
    *sum = (cull__pack_count){.fits_2_4 = true};
    for (int64_t s = 0; s < cull__segments(n); s++) {
        int64_t lo = s * CULL__SEGMENT, here = n - lo < CULL__SEGMENT ? n - lo : CULL__SEGMENT;
        cull__pack_look(raw + lo * size, size, here, &each[s]);
        sum->values += each[s].values, sum->gaps += each[s].gaps, sum->fits_2_4 &= each[s].fits_2_4;
    }
}

/* The parts of `form`, every byte of which must be written once. */
static packed make(const uint8_t *raw, const cull__pack_form *form, const cull__pack_count *each)
{
    packed k = {.p = {.name = "w", .form = *form}};
    uint8_t *room[CULL__PACK_PARTS], *once[CULL__PACK_PARTS];
    cull__pack_count before = {0};
    uint64_t bytes = 0;
    k.parts = cull__pack_parts(form, k.part);
    for (int i = 0; i < k.parts; i++) {
        k.len[i] = (uint64_t)k.part[i].count * (uint64_t)k.part[i].width;
        bytes += k.len[i];
        k.at[i] = malloc(k.len[i] + 1), once[i] = calloc(k.len[i] + 1, 1);
        k.p.part[i] = k.at[i];
    }
    assert_int_equal(bytes, cull__pack_bytes(form));
    for (int i = 0; i < CULL__PACK_PARTS; i++) room[i] = malloc(cull__pack_room(form));
    for (int64_t s = 0; s < cull__segments(form->n); s++) {
        cull__pack_piece piece;
        memcpy(piece.at, room, sizeof room);
        cull__pack_segment(form, raw + s * CULL__SEGMENT * form->size, s, &before, &piece);
        for (int i = 0; i < CULL__PACK_PARTS; i++) {
            if (!piece.len[i]) continue;
            assert_true(i < k.parts && piece.len[i] <= cull__pack_room(form));
            assert_true(piece.to[i] + piece.len[i] <= k.len[i]);
            memcpy(k.at[i] + piece.to[i], piece.at[i], piece.len[i]);
            for (uint64_t b = 0; b < piece.len[i]; b++) once[i][piece.to[i] + b]++;
        }
        before.values += each[s].values, before.gaps += each[s].gaps;
    }
    for (int i = 0; i < k.parts; i++) {
        for (uint64_t b = 0; b < k.len[i]; b++) assert_int_equal(once[i][b], 1);
        free(once[i]);
    }
    for (int i = 0; i < CULL__PACK_PARTS; i++) free(room[i]);
    return k;
}

static void unmake(packed *k)
{
    for (int i = 0; i < k->parts; i++) free(k->at[i]);
}

static void reads_back(cull_ctx *cx, cull_rng *r, const packed *k, const uint8_t *raw)
{
    int64_t n = k->p.form.n, size = k->p.form.size;
    uint8_t *out = malloc((size_t)(n * size) + 1);
    for (int trial = 0; trial < 12; trial++) {
        int64_t from = trial ? cull__rng_below(r, n) : 0;
        int64_t m =
            trial ? 1 + cull__rng_below(r, trial % 2 ? n - from : (n - from < 50 ? n - from : 50))
                  : n;
        memset(out, 0xab, (size_t)(n * size) + 1);
        ok(cx, cull__packed_read(cx, &k->p, from, m, out));
        assert_memory_equal(out, raw + from * size, m * size);
        assert_int_equal(out[m * size], 0xab);
    }
    free(out);
}

static void round_trips(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(61, 0);
    uint8_t *raw = malloc(MOST * 8);
    int seen[CULL__PACKINGS] = {0};
    const double share[] = {0, .001, .01, .1, .3, .5, 1};
    for (int trial = 0; trial < 90; trial++) {
        int size = 1 << trial % 4;
        int64_t shape[3] = {1 + cull__rng_below(&r, trial % 3 ? 60 : 900),
                            1 + cull__rng_below(&r, 40), 1};
        if (trial % 5 == 0) shape[1] = 4 * (1 + shape[1] / 4);
        if (trial == 6) shape[0] = 1, shape[1] = 2 * CULL__SEGMENT;
        if (trial == 7) shape[0] = CULL__SEGMENT + 3, shape[1] = 1;
        int ndim = trial % 11 ? 2 : 3;
        int64_t n = shape[0] * shape[1];
        fill(&r, raw, size, n, share[trial % 7]);
        if (trial % 5 == 0) thin_2_4(raw, size, n, &r);
        cull__pack_count each[MOST / CULL__SEGMENT + 1], sum;
        count_all(raw, size, n, each, &sum);
        uint64_t best = UINT64_MAX;
        cull__pack_form form;
        for (int how = 0; how < CULL__PACKINGS; how++) {
            cull__packing only = (cull__packing)how;
            form.how = CULL__PACKINGS;
            cull__pack_choose(&sum, size, shape, ndim, &only, &form);
            if (form.how == CULL__PACKINGS) {
                assert_int_equal(how, CULL__PACKING_2_4);
                assert_true(trial % 5 || ndim == 3);
                continue;
            }
            seen[how]++;
            packed k = make(raw, &form, each);
            reads_back(cx, &r, &k, raw);
            if (cull__pack_bytes(&form) < best) best = cull__pack_bytes(&form);
            unmake(&k);
        }
        bool worth = cull__pack_choose(&sum, size, shape, ndim, NULL, &form);
        assert_int_equal(cull__pack_bytes(&form), best);
        assert_int_equal(worth, best + CULL__PACK_NAMES < (uint64_t)(n * size));
    }
    for (int how = 0; how < CULL__PACKINGS; how++) assert_true(seen[how] > 10);
    free(raw);
    cull_ctx_free(cx);
}

/* A row that is wider than 16 bits can say. */
static void wide_rows(void **state)
{
    (void)state;
    enum { COLS = 70001, N = 3 * COLS };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(62, 0);
    uint8_t *raw = malloc(N * 2);
    const int64_t shape[2] = {3, COLS};
    cull__pack_count each[N / CULL__SEGMENT + 1], sum;
    cull__pack_form form;
    cull__packing only = CULL__PACKING_CSR;
    fill(&r, raw, 2, N, .02);
    count_all(raw, 2, N, each, &sum);
    assert_true(cull__pack_choose(&sum, 2, shape, 2, &only, &form));
    packed k = make(raw, &form, each);
    assert_string_equal(k.part[1].type, "I32");
    reads_back(cx, &r, &k, raw);
    unmake(&k);
    free(raw);
    cull_ctx_free(cx);
}

/* Parts by hand, so that a file can be read by who knows the page about it alone. */
static void by_hand(void **state)
{
    (void)state;
    const uint8_t raw[12] = {0, 7, 0, 0, 5, 0, 9, 0, 0, 0, 0, 1};
    const int64_t shape[2] = {3, 4};
    cull__pack_count c, sum;
    count_all(raw, 1, 12, &c, &sum);
    const struct {
        cull__packing how;
        uint64_t len[3];
        uint8_t part[3][12];
        int64_t number[6];
    } want[] = {
        {CULL__PACKING_BITMASK, {4, 2, 16}, {{7, 5, 9, 1}, {0x52, 0x08}}, {0, 4}},
        {CULL__PACKING_2_4, {6, 2, 0}, {{0, 7, 5, 9, 0, 1}, {0x84, 0x0c}}, {0}},
        {CULL__PACKING_CSR, {4, 8, 32}, {{7, 5, 9, 1}, {1, 0, 0, 0, 2, 0, 3, 0}}, {0, 1, 3, 4}},
        {CULL__PACKING_GAPS, {4, 4, 32}, {{7, 5, 9, 1}, {1, 2, 1, 4}}, {0, 0, 4, 4}},
    };
    for (int w = 0; w < 4; w++) {
        cull__pack_form form;
        cull__pack_choose(&sum, 1, shape, 2, &want[w].how, &form);
        form.sums = false;
        packed k = make(raw, &form, &c);
        for (int i = 0; i < k.parts; i++) {
            assert_int_equal(k.len[i], want[w].len[i]);
            if (i < 2)
                assert_memory_equal(k.at[i], want[w].part[i], k.len[i]);
            else
                assert_memory_equal(k.at[i], want[w].number, k.len[i]);
        }
        unmake(&k);
    }
}

/* Without sums any damage is told, or what is read is some numbers: never beyond the parts (under the address sanitizer). With them any is
 * told by who reads all numbers, in one piece or several. */
static void damage(void **state)
{
    (void)state;
    enum { N = CULL__SEGMENT + 4000 };
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_rng r = cull__rng_seeded(63, 0);
    uint8_t *raw = malloc(N * 2), *out = malloc(N * 2);
    const int64_t shape[2] = {N / 4, 4};
    cull__pack_count each[2], sum;
    fill(&r, raw, 2, N, .1);
    thin_2_4(raw, 2, N, &r);
    count_all(raw, 2, N, each, &sum);
    for (int round = 0; round < 2 * CULL__PACKINGS; round++) {
        cull__packing only = (cull__packing)(round / 2);
        cull__pack_form form;
        int told = 0, trials = 400;
        cull__pack_choose(&sum, 2, shape, 2, &only, &form);
        form.sums = round % 2;
        for (int trial = 0; trial < trials; trial++) {
            packed k = make(raw, &form, each);
            int part = !form.sums + (int)cull__rng_below(&r, k.parts - !form.sums);
            int64_t at = cull__rng_below(&r, (int64_t)k.len[part]);
            k.at[part][at] ^= (uint8_t)(1 << cull__rng_below(&r, 8));
            int64_t piece = trial % 2 ? N : 4096;
            cull_status s = CULL_OK;
            for (int64_t lo = 0; lo < N && s == CULL_OK; lo += piece)
                s = cull__packed_read(cx, &k.p, lo, N - lo < piece ? N - lo : piece, out);
            if (s != CULL_OK) {
                told++;
                refused(cx, s, CULL_EIO, "w: ");
                assert_non_null(strstr(cull_error(cx), "damaged"));
            }
            if (only == CULL__PACKING_BITMASK && s == CULL_OK) /* as many ones as before */
                assert_int_equal(part, 1);
            int64_t from = cull__rng_below(&r, N), m = 1 + cull__rng_below(&r, N - from);
            (void)cull__packed_read(cx, &k.p, from, m, out);
            unmake(&k);
        }
        assert_true(form.sums ? told == trials : told > trials / 4);
    }
    free(raw), free(out);
    cull_ctx_free(cx);
}

static void names(void **state)
{
    (void)state;
    for (int how = 0; how < CULL__PACKINGS; how++) {
        cull__packing found;
        const char *name = cull__packing_name((cull__packing)how);
        assert_true(cull__packing_find(name, strlen(name), &found));
        assert_int_equal(found, how);
        assert_false(cull__packing_find(name, strlen(name) - 1, &found));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips), cmocka_unit_test(wide_rows), cmocka_unit_test(by_hand),
        cmocka_unit_test(damage),      cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

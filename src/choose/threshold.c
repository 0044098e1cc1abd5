/* threshold.c - radix selection over streamed values, marks of what lies above a cut, N:M masks. */
#include "choose/threshold.h"

#include "choose/threshold_sample.h"

#define NAN_ABOVE 0x7f800000u
enum { LOW_BITS = 15, LOWS = 1 << LOW_BITS, HIGHS = 1 << 16, DIGITS = 2048 };

/* A pass's shared state: the source, where each part's blocks begin, and counts of each worker. */
typedef struct {
    const cull__values *v;
    const int64_t *first; /* parts + 1: the number of a part's first block */
    int64_t blocks;
    int workers;
    int64_t *high;     /* workers x HIGHS */
    uint32_t *low_any; /* workers: the or of all keys */
    int64_t *low;      /* workers x buckets x LOWS */
    int buckets;
    uint32_t bucket[CULL__CUTS]; /* upper bits that a cut falls among; no two alike */
    int ties;
    uint32_t tie[CULL__CUTS]; /* keys that a cut goes through */
    int64_t *equal;           /* blocks x ties */
} passes;

/* Within one worker all is counted by it, whichever its number. */
static int lane(const passes *p, const cull_ctx *cx)
{
    return p->workers == 1 ? 0 : cull__worker(cx);
}

static int64_t blocks_of(int64_t n) { return n / CULL__VALUES + (n % CULL__VALUES > 0); }

/* Block b into scratch: values, their part and where in it they begin. */
static cull_status block_read(cull_ctx *cx, const passes *p, int64_t b, float **x, int64_t *part,
                              int64_t *from, int64_t *n)
{
    *part = cull__values_part(p->v, p->first, b);
    *from = (b - p->first[*part]) * CULL__VALUES;
    *n = p->v->size[*part] - *from;
    if (*n > CULL__VALUES) *n = CULL__VALUES;
    CULL_TRY(CULL_TMP(cx, *x, CULL__VALUES));
    return p->v->read(cx, p->v->arg, *part, *from, *n, *x);
}

static cull_status no_place(cull_ctx *cx, const cull__values *v, int64_t part, int64_t at)
{
    if (v->name)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: value %lld is not a number, and has no place among magnitudes",
                          v->name[part], (long long)at);
    return cull__fail(cx, CULL_EINPUT,
                      "part %lld: value %lld is not a number, and has no place among magnitudes",
                      (long long)part, (long long)at);
}

static int64_t nan_at(const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (cull__magnitude(x[i]) > NAN_ABOVE) return i;
    return -1;
}

static cull_status count_high(cull_ctx *cx, void *arg, int64_t b, int64_t lo, int64_t hi)
{
    passes *p = arg;
    float *x = NULL;
    int64_t part, from, n, *count = p->high + (int64_t)lane(p, cx) * HIGHS;
    uint32_t any = 0, most = 0;
    (void)lo, (void)hi;
    CULL_TRY(block_read(cx, p, b, &x, &part, &from, &n));
    for (int64_t i = 0; i < n; i++) {
        uint32_t k = cull__magnitude(x[i]);
        any |= k;
        most = k > most ? k : most;
    }
    if (most > NAN_ABOVE) return no_place(cx, p->v, part, from + nan_at(x, n));
    for (int64_t i = 0; i < n; i++) count[cull__magnitude(x[i]) >> LOW_BITS]++;
    p->low_any[lane(p, cx)] |= any;
    return CULL_OK;
}

static cull_status count_low(cull_ctx *cx, void *arg, int64_t b, int64_t lo, int64_t hi)
{
    passes *p = arg;
    float *x = NULL;
    int64_t part, from, n, *count = p->low + (int64_t)lane(p, cx) * p->buckets * LOWS;
    (void)lo, (void)hi;
    CULL_TRY(block_read(cx, p, b, &x, &part, &from, &n));
    for (int r = 0; r < p->buckets; r++, count += LOWS)
        for (int64_t i = 0; i < n; i++) {
            uint32_t k = cull__magnitude(x[i]);
            if (k >> LOW_BITS == p->bucket[r]) count[k & (LOWS - 1)]++;
        }
    return CULL_OK;
}

static cull_status count_equal(cull_ctx *cx, void *arg, int64_t b, int64_t lo, int64_t hi)
{
    passes *p = arg;
    float *x = NULL;
    int64_t part, from, n;
    (void)lo, (void)hi;
    CULL_TRY(block_read(cx, p, b, &x, &part, &from, &n));
    for (int t = 0; t < p->ties; t++) {
        int32_t equal = 0;
        for (int64_t i = 0; i < n; i++) equal += cull__magnitude(x[i]) == p->tie[t];
        p->equal[b * p->ties + t] = equal;
    }
    return CULL_OK;
}

/* All workers' counts into those of the first. */
static void gather(int64_t *count, int workers, int64_t n)
{
    for (int w = 1; w < workers; w++)
        for (int64_t i = 0; i < n; i++) count[i] += count[w * n + i];
}

/* From the largest digit down, the one that holds the value after which `rank` are above (rank >= 1).
 * *rank becomes the rank within the digit; returns it. */
static int64_t descend(const int64_t *count, int64_t digits, int64_t *rank)
{
    int64_t d = digits - 1;
    while (*rank > count[d]) *rank -= count[d--];
    return d;
}

static int one_of(uint32_t *list, int *n, uint32_t v)
{
    for (int i = 0; i < *n; i++)
        if (list[i] == v) return i;
    list[*n] = v;
    return (*n)++;
}

/* Where a cut goes through equal values: just behind the rest-th of them. */
static cull_status tie_place(cull_ctx *cx, const passes *p, int t, int64_t rest, cull__cut *cut)
{
    int64_t b = 0, from, n, i = 0;
    float *x = NULL;
    while (rest > p->equal[b * p->ties + t]) rest -= p->equal[b++ * p->ties + t];
    cull__mark_t m = cull__mark(cx);
    cull_status s = block_read(cx, p, b, &x, &cut->part, &from, &n);
    for (; s == CULL_OK && i < n; i++)
        if (cull__magnitude(x[i]) == p->tie[t] && --rest == 0) break;
    cut->at = from + i + 1;
    cull__release(cx, m);
    return s;
}

/* Passes over the data for ranks 1 .. n - 1; rest[r] = how many of the values equal to the cut's are above it. */
static cull_status select_keys(cull_ctx *cx, passes *p, const int64_t *rank, int ranks,
                               cull__cut *cut, int64_t *rest, int64_t *equal)
{
    int64_t high[CULL__CUTS];
    int at[CULL__CUTS];
    CULL_TRY(CULL_TMP0(cx, p->high, (int64_t)p->workers * HIGHS));
    CULL_TRY(CULL_TMP0(cx, p->low_any, p->workers));
    CULL_TRY(cull__for(cx, p->blocks, 1, count_high, p));
    gather(p->high, p->workers, HIGHS);
    for (int w = 1; w < p->workers; w++) p->low_any[0] |= p->low_any[w];
    bool low = (p->low_any[0] & (LOWS - 1)) != 0;
    for (int r = 0; r < ranks; r++) {
        rest[r] = rank[r];
        high[r] = descend(p->high, HIGHS, &rest[r]);
        at[r] = one_of(p->bucket, &p->buckets, (uint32_t)high[r]);
        equal[r] = p->high[high[r]];
        cut[r].key = (uint32_t)high[r] << LOW_BITS;
    }
    if (!low) return CULL_OK;
    CULL_TRY(CULL_TMP0(cx, p->low, (int64_t)p->workers * p->buckets * LOWS));
    CULL_TRY(cull__for(cx, p->blocks, 1, count_low, p));
    gather(p->low, p->workers, (int64_t)p->buckets * LOWS);
    for (int r = 0; r < ranks; r++) {
        const int64_t *count = p->low + (int64_t)at[r] * LOWS;
        int64_t digit = descend(count, LOWS, &rest[r]);
        cut[r].key |= (uint32_t)digit;
        equal[r] = count[digit];
    }
    return CULL_OK;
}

static cull_status select_ties(cull_ctx *cx, passes *p, int ranks, cull__cut *cut,
                               const int64_t *rest, const int64_t *equal)
{
    int at[CULL__CUTS];
    for (int r = 0; r < ranks; r++) {
        cut[r].part = p->v->parts, cut[r].at = 0;
        at[r] = rest[r] == equal[r] ? -1 : one_of(p->tie, &p->ties, cut[r].key);
    }
    if (!p->ties) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, p->equal, p->blocks * p->ties));
    CULL_TRY(cull__for(cx, p->blocks, 1, count_equal, p));
    for (int r = 0; r < ranks; r++)
        if (at[r] >= 0) CULL_TRY(tie_place(cx, p, at[r], rest[r], &cut[r]));
    return CULL_OK;
}

static cull_status select_streamed(cull_ctx *cx, passes *p, const int64_t *rank, int ranks,
                                   cull__cut *cut)
{
    int64_t rest[CULL__CUTS], equal[CULL__CUTS];
    CULL_TRY(select_keys(cx, p, rank, ranks, cut, rest, equal));
    return select_ties(cx, p, ranks, cut, rest, equal);
}

/* The cut among n values in memory, 1 <= rank <= n, none a NaN: digits of 11, 10 and 10 bits. Its place is an index. */
static void select_here(const float *x, int64_t n, int64_t rank, cull__cut *cut)
{
    int64_t count[DIGITS];
    uint32_t key = 0, mask = 0;
    for (int shift = 20, bits = 11; shift >= 0; shift -= 10, bits = 10) {
        memset(count, 0, sizeof count[0] << bits);
        uint32_t low = (1u << bits) - 1;
        for (int64_t i = 0; i < n; i++) {
            uint32_t k = cull__magnitude(x[i]);
            if ((k & mask) == key) count[k >> shift & low]++;
        }
        key |= (uint32_t)descend(count, low + 1, &rank) << shift;
        mask |= low << shift;
    }
    int64_t i = 0;
    while (cull__magnitude(x[i]) != key || --rank > 0) i++;
    *cut = (cull__cut){key, 0, i + 1};
}

int64_t cull__cut_row(const float *x, int64_t n, int64_t part, int64_t rank, cull__cut *cut)
{
    int64_t bad = nan_at(x, n);
    if (bad >= 0) return bad;
    if (rank <= 0) {
        *cut = (cull__cut){UINT32_MAX, 0, 0};
    } else {
        select_here(x, n, rank < n ? rank : n, cut);
        cut->part = part;
    }
    return -1;
}

/* Few values: all of them side by side in memory. */
static cull_status select_few(cull_ctx *cx, const cull__values *v, int64_t total,
                              const int64_t *rank, int ranks, cull__cut *cut)
{
    float *x = NULL;
    CULL_TRY(CULL_TMP(cx, x, total));
    for (int64_t p = 0, at = 0; p < v->parts; at += v->size[p++]) {
        if (v->size[p]) CULL_TRY(v->read(cx, v->arg, p, 0, v->size[p], x + at));
        int64_t bad = nan_at(x + at, v->size[p]);
        if (bad >= 0) return no_place(cx, v, p, bad);
    }
    for (int r = 0; r < ranks; r++) {
        int64_t p = 0;
        select_here(x, total, rank[r], &cut[r]);
        while (cut[r].at > v->size[p]) cut[r].at -= v->size[p++];
        cut[r].part = p;
    }
    return CULL_OK;
}

static cull_status check(cull_ctx *cx, const cull__values *v, const int64_t *rank, int ranks,
                         int64_t *total)
{
    const int64_t most = INT64_C(1) << 62;
    *total = 0;
    for (int64_t p = 0; p < v->parts; p++) {
        if (v->size[p] < 0 || v->size[p] >= most - *total)
            return cull__fail(
                cx, CULL_EINPUT,
                "part %lld of %lld has %lld values; all together may be fewer than 2^62",
                (long long)p, (long long)v->parts, (long long)v->size[p]);
        *total += v->size[p];
    }
    if (ranks < 0 || ranks > CULL__CUTS)
        return cull__fail(cx, CULL_EINPUT, "%d ranks at once; at most %d can be", ranks,
                          CULL__CUTS);
    for (int r = 0; r < ranks; r++)
        if (rank[r] < 0 || rank[r] > *total)
            return cull__fail(cx, CULL_EINPUT, "rank %lld of %lld values; 0 to all of them can be",
                              (long long)rank[r], (long long)*total);
    return CULL_OK;
}

static cull_status select_all(cull_ctx *cx, const cull__values *v, int64_t total,
                              const int64_t *rank, int ranks, cull__cut *cut)
{
    if (total <= CULL__VALUES) return select_few(cx, v, total, rank, ranks, cut);
    int64_t *first = NULL;
    CULL_TRY(CULL_TMP(cx, first, v->parts + 1));
    first[0] = 0;
    for (int64_t p = 0; p < v->parts; p++) first[p + 1] = first[p] + blocks_of(v->size[p]);
    passes p = {.v = v, .first = first, .blocks = first[v->parts], .workers = cull__workers(cx)};
    if (p.blocks >= CULL__SAMPLED_BLOCKS) {
        bool found;
        cull__mark_t m = cull__mark(cx);
        cull__sampled from = {v, first, 1, NULL};
        cull_status s = cull__cuts_sampled(cx, &from, total, rank, ranks, cut, &found);
        cull__release(cx, m);
        if (s != CULL_OK || found) return s;
    }
    return select_streamed(cx, &p, rank, ranks, cut);
}

cull_status cull__cuts(cull_ctx *cx, const cull__values *v, const int64_t *rank, int ranks,
                       cull__cut *cut)
{
    int64_t total, some[CULL__CUTS];
    int n = 0, whose[CULL__CUTS];
    cull__cut found[CULL__CUTS];
    CULL_TRY(check(cx, v, rank, ranks, &total));
    for (int r = 0; r < ranks; r++) {
        cut[r] = (cull__cut){UINT32_MAX, 0, 0}; /* no magnitude is as large */
        if (rank[r] > 0) some[n] = rank[r], whose[n++] = r;
    }
    if (n == 0) return CULL_OK;
    cull__mark_t m = cull__mark(cx);
    cull_status s = select_all(cx, v, total, some, n, found);
    cull__release(cx, m);
    for (int i = 0; s == CULL_OK && i < n; i++) cut[whose[i]] = found[i];
    return s;
}

uint64_t cull__cuts_bytes(int64_t parts, int64_t n, int ranks, int workers)
{
    if (n <= CULL__VALUES) return (uint64_t)n * sizeof(float);
    uint64_t w = (uint64_t)workers, r = (uint64_t)ranks;
    uint64_t blocks = (uint64_t)blocks_of(n) + (uint64_t)parts;
    uint64_t digits = w * (HIGHS + r * LOWS) * sizeof(int64_t) + w * CULL__VALUES * sizeof(float) +
                      blocks * r * sizeof(int64_t);
    uint64_t sampled = blocks < CULL__SAMPLED_BLOCKS
                           ? 0
                           : cull__cuts_sampled_bytes((int64_t)blocks, 1, ranks, workers);
    if (sampled > CULL__SAMPLED) sampled = 0;
    return ((uint64_t)parts + 1) * sizeof(int64_t) + (digits > sampled ? digits : sampled);
}

/* ---- marks ---- */

/* Of n values that begin at `from` of the part, so many stand before the cut's place. */
static int64_t before_place(const cull__cut *c, int64_t part, int64_t from, int64_t n)
{
    if (part != c->part) return part < c->part ? n : 0;
    return c->at <= from ? 0 : c->at - from < n ? c->at - from : n;
}

int64_t cull__cut_keep(const cull__cut *c, const float *x, int64_t part, int64_t from, int64_t n,
                       uint8_t *keep)
{
    int64_t ties = before_place(c, part, from, n), kept = 0;
    for (int64_t i = 0; i < ties; i++) keep[i] = cull__magnitude(x[i]) >= c->key;
    for (int64_t i = ties; i < n; i++) keep[i] = cull__magnitude(x[i]) > c->key;
    for (int64_t i = 0; i < n; i++) kept += keep[i];
    return kept;
}

int64_t cull__cut_band(const cull__cut *first, const cull__cut *last, const float *x, int64_t part,
                       int64_t from, int64_t n, uint8_t *keep)
{
    int64_t ties = before_place(first, part, from, n),
            kept = cull__cut_keep(last, x, part, from, n, keep);
    for (int64_t i = 0; i < ties; i++) keep[i] &= cull__magnitude(x[i]) < first->key;
    for (int64_t i = ties; i < n; i++) keep[i] &= cull__magnitude(x[i]) <= first->key;
    kept = 0;
    for (int64_t i = 0; i < n; i++) kept += keep[i];
    return kept;
}

/* How many of a block come before each: keys of SIDE blocks at once, those of one place side by side, so that the compiler
 * compares vectors. */
enum { SIDE = 16 };
static void ranks(const uint32_t (*key)[SIDE], int m, int32_t (*ahead)[SIDE])
{
    memset(ahead, 0, (size_t)m * sizeof *ahead);
    for (int j = 1; j < m; j++)
        for (int i = 0; i < j; i++)
            for (int b = 0; b < SIDE; b++) {
                int32_t later = (int32_t)key[i][b] < (int32_t)key[j][b]; /* both below 2^31 */
                ahead[i][b] += later;
                ahead[j][b] += 1 - later;
            }
}

/* SIDE whole blocks, or fewer numbers than that: places behind `count` are like values that come last. */
static int64_t keep_side(const float *x, int64_t count, int64_t stride, int n, int m, uint8_t *keep)
{
    uint32_t key[CULL__NM][SIDE], most = 0;
    int32_t ahead[CULL__NM][SIDE];
    for (int b = 0; b < SIDE; b++)
        for (int i = 0; i < m; i++) {
            int64_t at = (int64_t)b * m + i;
            key[i][b] = at < count ? cull__magnitude(x[at * stride]) : 0;
            most = key[i][b] > most ? key[i][b] : most;
        }
    if (most > NAN_ABOVE) {
        int64_t i = 0;
        while (cull__magnitude(x[i * stride]) <= NAN_ABOVE) i++;
        return i;
    }
    ranks(key, m, ahead);
    for (int b = 0; b < SIDE; b++)
        for (int i = 0; i < m; i++) {
            int64_t at = (int64_t)b * m + i;
            if (at < count) keep[at * stride] = ahead[i][b] < n;
        }
    return -1;
}

int64_t cull__nm_keep(const float *x, int64_t count, int64_t stride, int n, int m, uint8_t *keep)
{
    for (int64_t from = 0, here; from < count; from += here) {
        here = count - from < (int64_t)m * SIDE ? count - from : (int64_t)m * SIDE;
        int64_t bad = keep_side(x + from * stride, here, stride, n, m, keep + from * stride);
        if (bad >= 0) return from + bad;
    }
    return -1;
}

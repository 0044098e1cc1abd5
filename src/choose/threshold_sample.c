/* threshold_sample.c - cuts in one pass: a sample says between which two magnitudes each lies, and what lies between is kept.
 * The sample decides how long that takes, never the cut: where it misleads, the digits are counted instead. */
#include "choose/threshold_sample.h"

#include "num/blend.h"

#include <math.h>

enum { READS = 64, READ = 256, SAMPLE = READS * READ };

typedef struct {
    uint32_t lo, hi; /* magnitudes from lo to hi are looked at */
    int64_t above, held;
    bool wide; /* too much lies between */
} range;
typedef struct {
    cull__sampled from;
    int64_t blocks;
    int cuts;
    range range[CULL__CUTS];
    int32_t *above,
        *held;      /* blocks x cuts: how many are larger than hi, and within; -1 = too many */
    uint32_t *slot; /* blocks x cuts x CULL__SLOT: those within; not where lo = hi */
} pass;

int64_t cull__values_part(const cull__values *v, const int64_t *first, int64_t b)
{
    int64_t lo = 0, hi = v->parts;
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (first[mid] <= b)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static int source_of(const pass *p, int cut) { return p->from.of ? p->from.of[cut] : 0; }

static cull_status read(cull_ctx *cx, const pass *p, int64_t part, int64_t from, int64_t n,
                        float *out)
{
    return p->from.v->read(cx, p->from.v->arg, part, from, n, out);
}

static int64_t size_of(const pass *p, int64_t b, int64_t *part, int64_t *from)
{
    *part = cull__values_part(p->from.v, p->from.first, b);
    *from = (b - p->from.first[*part]) * CULL__VALUES;
    int64_t n = p->from.v->size[*part] - *from;
    return n < CULL__VALUES ? n : CULL__VALUES;
}

/* ---- the largest of lists of keys ---- */
/* List i: count[i * every] keys from key + i * stride on. */
typedef struct {
    const uint32_t *key;
    const int32_t *count;
    int64_t lists, stride, every;
} keys;

/* The rank-th largest of those that lie from lo to hi (rank >= 1); *rank becomes that among its equals. Each round counts in
 * parts of that range and goes on in the one which has it. Neighbours are often equal: two tables, or one count would wait
 * for the other. */
static uint32_t nth_largest(const keys *l, uint32_t lo, uint32_t hi, int64_t *rank)
{
    enum { BITS = 11 };
    int32_t count[1 << BITS], odd[1 << BITS];
    while (lo < hi) {
        uint32_t width = hi - lo, shift = 0;
        while (width >> shift >> BITS) shift++;
        memset(count, 0, sizeof count);
        memset(odd, 0, sizeof odd);
        for (int64_t b = 0; b < l->lists; b++) {
            const uint32_t *k = l->key + b * l->stride;
            int32_t n = l->count[b * l->every], i = 0;
            for (; i + 1 < n; i += 2) {
                if (k[i] - lo <= width) count[(k[i] - lo) >> shift]++;
                if (k[i + 1] - lo <= width) odd[(k[i + 1] - lo) >> shift]++;
            }
            if (i < n && k[i] - lo <= width) count[(k[i] - lo) >> shift]++;
        }
        uint32_t d = width >> shift;
        for (int64_t c; *rank > (c = (int64_t)count[d] + odd[d]); d--) *rank -= c;
        if (d < width >> shift) hi = lo + (d << shift) + ((1u << shift) - 1);
        lo += d << shift;
    }
    return lo;
}

/* ---- the sample ---- */
typedef struct {
    const pass *p;
    uint32_t *key;       /* sources x SAMPLE */
    const double *share; /* of the values, above each cut */
    range *range;        /* of each cut */
} sample;

static cull_status draw(cull_ctx *cx, void *arg, int64_t i, int64_t lo, int64_t hi)
{
    const sample *d = arg;
    const pass *p = d->p;
    float *x;
    int64_t part, from, n = size_of(p, i * p->blocks / READS, &part, &from);
    int64_t m = n < READ ? n : READ, at = (n - m) * (i % 7) / 7;
    (void)lo, (void)hi;
    CULL_TRY(CULL_TMP(cx, x, p->from.sources * READ));
    CULL_TRY(read(cx, p, part, from + at, m, x));
    for (int s = 0; s < p->from.sources; s++)
        for (int64_t k = 0; k < READ; k++)
            d->key[s * SAMPLE + i * READ + k] = cull__magnitude(x[s * m + k % m]);
    return CULL_OK;
}

/* Five deviations of an even sample to either side: rows may be alike. */
static void bracket(const uint32_t *key, double share, range *r)
{
    const int32_t all = SAMPLE;
    const keys one = {key, &all, 1, 0, 0};
    double at = share * SAMPLE, off = 5 * sqrt(at * (1 - share)) + 8;
    int64_t above = (int64_t)(at - off) + 1, below = (int64_t)(at + off) + 1;
    int within = 0;
    r->hi = at - off < 0 ? INT32_MAX : nth_largest(&one, 0, INT32_MAX, &above);
    r->lo = at + off >= SAMPLE ? 0 : nth_largest(&one, 0, INT32_MAX, &below);
    for (int i = 0; i < SAMPLE; i++) within += key[i] >= r->lo && key[i] <= r->hi;
    r->wide =
        r->lo < r->hi && (int64_t)within * CULL__VALUES * 10 >= (int64_t)SAMPLE * CULL__SLOT * 9;
}

static cull_status bracket_of(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const sample *d = arg;
    (void)cx, (void)lo, (void)hi;
    bracket(d->key + source_of(d->p, (int)c) * SAMPLE, d->share[c], &d->range[c]);
    return CULL_OK;
}

/* ---- the pass ---- */
static int32_t equal_to(const uint32_t *key, int64_t n, uint32_t one)
{
    int32_t count = 0;
    for (int64_t i = 0; i < n; i++) count += key[i] == one;
    return count;
}

static cull_status look(cull_ctx *cx, void *arg, int64_t b, int64_t lo, int64_t hi)
{
    pass *p = arg;
    const cull__blend *k = cull__blend_of(cx);
    int64_t part, from, n = size_of(p, b, &part, &from);
    float *x;
    uint32_t *some;
    (void)lo, (void)hi;
    CULL_TRY(CULL_TMP(cx, x, n * p->from.sources));
    CULL_TRY(CULL_TMP(cx, some, n + CULL__SIFT));
    CULL_TRY(read(cx, p, part, from, n, x));
    for (int c = 0; c < p->cuts; c++) {
        int64_t at = b * p->cuts + c;
        const range *r = &p->range[c];
        int32_t m = k->sift(x + source_of(p, c) * n, r->lo, r->hi, n, &p->above[at], some);
        bool one = r->lo == r->hi, fits = one || m <= CULL__SLOT;
        p->held[at] = fits ? m : -1;
        if (fits && !one) memcpy(p->slot + at * CULL__SLOT, some, (size_t)m * sizeof *some);
    }
    if (k->nan(x, n * p->from.sources)) p->held[b * p->cuts] = -1; /* told by who counts digits */
    return CULL_OK;
}

/* ---- the cut ---- */
static uint32_t const *slot_of(const pass *p, int64_t b, int c)
{
    return p->slot + (b * p->cuts + c) * CULL__SLOT;
}

/* The rank-th largest of what cut c holds. */
static uint32_t select_held(const pass *p, int c, int64_t *rank)
{
    const keys held = {slot_of(p, 0, c), p->held + c, p->blocks, (int64_t)p->cuts * CULL__SLOT,
                       p->cuts};
    return nth_largest(&held, p->range[c].lo, p->range[c].hi, rank);
}

static int64_t equals(const pass *p, int64_t b, int c, uint32_t key)
{
    int32_t held = p->held[b * p->cuts + c];
    return p->range[c].lo == p->range[c].hi ? held : equal_to(slot_of(p, b, c), held, key);
}

/* Just behind the rest-th of those that equal the key, which are more. */
static cull_status place(cull_ctx *cx, const pass *p, int c, int64_t rest, cull__cut *cut)
{
    int64_t b = 0, here, from, i = 0;
    float *x;
    while (rest > (here = equals(p, b, c, cut->key))) rest -= here, b++;
    int64_t n = size_of(p, b, &cut->part, &from);
    CULL_TRY(CULL_TMP(cx, x, n * p->from.sources));
    CULL_TRY(read(cx, p, cut->part, from, n, x));
    x += source_of(p, c) * n;
    for (; i < n; i++)
        if (cull__magnitude(x[i]) == cut->key && --rest == 0) break;
    cut->at = from + i + 1;
    return CULL_OK;
}

typedef struct {
    const pass *p;
    const int64_t *rank;
    cull__cut *cut;
} wanted;

static cull_status cut_of(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const wanted *w = arg;
    const pass *p = w->p;
    int c = (int)chunk;
    int64_t rest = w->rank[c] - p->range[c].above, equal = 0;
    (void)lo, (void)hi;
    w->cut[c] = (cull__cut){.key = select_held(p, c, &rest), .part = p->from.v->parts};
    for (int64_t b = 0; b < p->blocks; b++) equal += equals(p, b, c, w->cut[c].key);
    return rest == equal ? CULL_OK : place(cx, p, c, rest, &w->cut[c]);
}

/* Whether all cuts lie where they were looked for. */
static bool hit(pass *p, const int64_t *rank)
{
    for (int c = 0; c < p->cuts; c++) {
        range *r = &p->range[c];
        r->above = r->held = 0;
        for (int64_t b = 0; b < p->blocks; b++) {
            if (p->held[b * p->cuts + c] < 0) return false;
            r->above += p->above[b * p->cuts + c], r->held += p->held[b * p->cuts + c];
        }
        if (rank[c] <= r->above || rank[c] > r->above + r->held) return false;
    }
    return true;
}

uint64_t cull__cuts_sampled_bytes(int64_t blocks, int sources, int cuts, int workers)
{
    uint64_t block = (uint64_t)sources * CULL__VALUES * sizeof(float);
    return (uint64_t)sources * (SAMPLE + READ) * sizeof(uint32_t) +
           (uint64_t)blocks * (uint64_t)cuts * (CULL__SLOT * sizeof(uint32_t) + 8) +
           (uint64_t)workers * (block + (CULL__VALUES + CULL__SIFT) * sizeof(float));
}

cull_status cull__cuts_sampled(cull_ctx *cx, const cull__sampled *from, int64_t total,
                               const int64_t *rank, int ranks, cull__cut *cut, bool *found)
{
    pass p = {.from = *from, .blocks = from->first[from->v->parts], .cuts = ranks};
    double share[CULL__CUTS];
    uint32_t *key;
    *found = false;
    uint64_t bytes = cull__cuts_sampled_bytes(p.blocks, from->sources, ranks, cull__workers(cx));
    if (bytes > CULL__SAMPLED || bytes > cull__memory_left(cx) / 2) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, key, from->sources * SAMPLE));
    for (int c = 0; c < ranks; c++) share[c] = (double)rank[c] / (double)total;
    sample drawn = {&p, key, share, p.range};
    CULL_TRY(cull__for(cx, READS, 1, draw, &drawn));
    CULL_TRY(cull__for(cx, ranks, 1, bracket_of, &drawn));
    for (int c = 0; c < ranks; c++)
        if (p.range[c].wide) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, p.above, p.blocks * ranks));
    CULL_TRY(CULL_TMP(cx, p.held, p.blocks * ranks));
    CULL_TRY(CULL_TMP(cx, p.slot, p.blocks * ranks * CULL__SLOT));
    CULL_TRY(cull__for(cx, p.blocks, 1, look, &p));
    if (!hit(&p, rank)) return CULL_OK;
    wanted w = {&p, rank, cut};
    CULL_TRY(cull__for(cx, ranks, 1, cut_of, &w));
    *found = true;
    return CULL_OK;
}

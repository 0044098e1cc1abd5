/* select2reason's check, as far as it goes without a language model: the joint rank itself.
 *
 * 100,000 synthetic rows whose difficulty is often exactly 0 or 1 and whose lengths repeat. The kept
 * tenth is compared with the definition, computed by counting, and with what is kept after both
 * columns went through steep monotone maps; weights 0 and 1 must be the two plain sorts. */
#include "claim/claim.h"

#include <math.h>
#include <string.h>

enum { N = 100000, KEEP = N / 10, LENGTHS = 5000, LEVELS = 1001, MOST = 64 };

typedef struct {
    double difficulty[N], length[N], mapped[2][N];
    int64_t rank[2][N], idx[KEEP], other[KEEP];
} rows;

/* Ranks from 0 by value descending, ties by row: values are whole numbers 0 .. levels-1 over unit. */
static void count_ranks(const double *v, double unit, int levels, int64_t *start, int64_t *rank)
{
    memset(start, 0, (size_t)(levels + 1) * sizeof *start);
    for (int i = 0; i < N; i++) start[levels - 1 - (int)lround(v[i] * unit) + 1]++;
    for (int l = 1; l <= levels; l++) start[l] += start[l - 1];
    for (int i = 0; i < N; i++) rank[i] = start[levels - 1 - (int)lround(v[i] * unit)]++;
}

static cull_status pick(cull_ctx *cx, const double *d, const double *l, const char *weight,
                        int64_t *idx)
{
    static const char *const names[] = {"difficulty", "length"};
    const double *const cols[] = {d, l};
    const cull_method *m = cull_method_find("select2reason", NULL);
    cull_data_problem p = {.n = N, .score = {N, 2, names, cols}, .budget = KEEP};
    cull_opts *o = NULL;
    cull_pick k = {0};
    cull_status s = cull_opts_new(cx, m, &o);
    if (s == CULL_OK) s = cull_opts_set(cx, o, "weight", weight);
    if (s == CULL_OK) s = cull_data_pick(cx, m, o, &p, &k);
    if (s == CULL_OK) memcpy(idx, k.idx, KEEP * sizeof *idx);
    cull_pick_free(&k);
    cull_opts_free(o);
    return s;
}

/* Share of places that hold the row of the definition: the KEEP smallest joint ranks in order. */
static double agreement(const rows *r, const int64_t *idx, double weight)
{
    int64_t right = 0, below = 0;
    double last = -1;
    int64_t last_row = -1;
    for (int i = 0; i < KEEP; i++) {
        double j = weight * (double)r->rank[0][idx[i]] + (1 - weight) * (double)r->rank[1][idx[i]];
        right += j > last || (j == last && idx[i] > last_row);
        last = j, last_row = idx[i];
    }
    for (int i = 0; i < N; i++) { /* nothing that was left out comes before the last kept */
        double j = weight * (double)r->rank[0][i] + (1 - weight) * (double)r->rank[1][i];
        below += j < last || (j == last && i <= last_row);
    }
    return below == KEEP ? (double)right / KEEP : (double)right / KEEP - 1;
}

static cull_status one_seed(cull_ctx *cx, rows *r, int i, double *exact, double *kept)
{
    static const struct {
        const char *text;
        double value;
    } weight[] = {{"0.25", 0.25}, {"0", 0}, {"1", 1}};
    int64_t *start;
    cull_rng g = cull__rng(cx, 1000);
    CULL_TRY(CULL_TMP(cx, start, LENGTHS + 1));
    for (int j = 0; j < N; j++) {
        int64_t kind = cull__rng_below(&g, 4);
        r->difficulty[j] = kind < 2 ? (double)kind : (double)cull__rng_below(&g, LEVELS) / 1000;
        double l = fabs(cull__rng_normal(&g)) * 1500;
        r->length[j] = l < LENGTHS - 1 ? floor(l) : LENGTHS - 1;
        r->mapped[0][j] = exp(20 * r->difficulty[j]) - 1e6;
        r->mapped[1][j] = -1 / (1 + r->length[j]);
    }
    count_ranks(r->difficulty, 1000, LEVELS, start, r->rank[0]);
    count_ranks(r->length, 1, LENGTHS, start, r->rank[1]);
    exact[i] = 1;
    for (int w = 0; w < 3; w++) {
        CULL_TRY(pick(cx, r->difficulty, r->length, weight[w].text, r->idx));
        double share = agreement(r, r->idx, weight[w].value);
        if (share < exact[i]) exact[i] = share;
        if (w > 0) continue;
        CULL_TRY(pick(cx, r->mapped[0], r->mapped[1], weight[w].text, r->other));
        kept[i] = 0;
        for (int j = 0; j < KEEP; j++) kept[i] += (r->idx[j] == r->other[j]) / (double)KEEP;
        kept[i] = round(kept[i] * KEEP) / KEEP;
    }
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    double exact[MOST], kept[MOST];
    rows *r;
    (void)data_dir;
    CULL_TRY(CULL_TMP(cx, r, 1));
    uint64_t first = cull_ctx_seed(cx);
    for (int i = 0; i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(cull__tick(cx, i, seeds));
        cull_ctx_reseed(cx, first + (uint64_t)i);
        CULL_TRY(one_seed(cx, r, i, exact, kept));
        cull__release(cx, mark);
    }
    cull__claim_line(out,
                     "places that hold the row of the definition, weights 0.25, 0 and 1, worst "
                     "seed",
                     exact, false, 1, true);
    cull__claim_line(out, "places unchanged by monotone maps of both columns, worst seed", kept,
                     false, 1, true);
    out->note =
        "only the joint rank is checked; that it picks better training data needs a language "
        "model to judge difficulty and one to train, which this version does not have";
    return CULL_OK;
}

const cull__claim cull__claim_select2reason = {
    .about = {.slug = "select2reason",
              .claim = "the joint rank of difficulty and trace length is the one defined, and only "
                       "ranks count",
              .setting = "100,000 synthetic rows with many ties, a tenth kept, 5 seeds",
              .package = NULL},
    .seeds = 5,
    .run = run,
};

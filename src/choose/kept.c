/* kept.c - which k of n things to keep, where only the loss of a whole set is known: see kept.h. */
#include "choose/kept.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { BATCH = 1024, GRAIN = 8, LARGEST = 4096 };

typedef struct {
    cull__kept_loss *fn;
    const void *arg;
    int64_t n;
    const uint8_t *set; /* (sets, n) */
    double *loss;       /* sets */
} trial;

static cull_status try_sets(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    const trial *t = arg;
    (void)chunk;
    for (int64_t i = lo; i < hi; i++) {
        t->loss[i] = t->fn(t->arg, t->set + i * t->n);
        if (isnan(t->loss[i])) return cull__fail(cx, CULL_EINPUT, "the loss of a set is no number");
    }
    return CULL_OK;
}

/* n over k, or most + 1 where it is more. */
static int64_t ways(int64_t n, int64_t k, int64_t most)
{
    double c = 1;
    if (k > n - k) k = n - k;
    for (int64_t i = 0; i < k; i++) {
        c = c * (double)(n - i) / (double)(i + 1);
        if (c > (double)most) return most + 1;
    }
    return (int64_t)(c + 0.5);
}

/* member (k) to the next set in lexicographic order; false after the last one. */
static bool next(int64_t *member, int64_t n, int64_t k)
{
    int64_t i = k - 1;
    while (i >= 0 && member[i] == n - k + i) i--;
    if (i < 0) return false;
    member[i]++;
    for (int64_t j = i + 1; j < k; j++) member[j] = member[j - 1] + 1;
    return true;
}

static cull_status enumerate(cull_ctx *cx, trial *t, int64_t k, double total, uint8_t *kept,
                             double *loss)
{
    uint8_t *set;
    int64_t *member;
    bool more = true;
    CULL_TRY(CULL_TMP(cx, set, BATCH * t->n));
    CULL_TRY(CULL_TMP(cx, t->loss, BATCH));
    CULL_TRY(CULL_TMP(cx, member, k));
    for (int64_t i = 0; i < k; i++) member[i] = i;
    *loss = INFINITY;
    t->set = set;
    for (double done = 0; more;) {
        int64_t sets = 0;
        for (; more && sets < BATCH; sets++, more = next(member, t->n, k)) {
            memset(set + sets * t->n, 0, (size_t)t->n);
            for (int64_t i = 0; i < k; i++) set[sets * t->n + member[i]] = 1;
        }
        CULL_TRY(cull__for(cx, sets, GRAIN, try_sets, t));
        for (int64_t i = 0; i < sets; i++)
            if (t->loss[i] < *loss) {
                *loss = t->loss[i];
                memcpy(kept, set + i * t->n, (size_t)t->n);
            }
        CULL_TRY(cull__tick(cx, done += (double)sets, total));
    }
    return CULL_OK;
}

/* Is set a before set b in the order of members? Equal sets are not. */
static bool before(const uint8_t *a, const uint8_t *b, int64_t n)
{
    return memcmp(a, b, (size_t)n) > 0;
}

/* The `beam` best of `sets` distinct sets, best first, to out; how many. */
static int64_t best_of(const trial *t, int64_t sets, int64_t beam, uint8_t *out, double *loss,
                       uint8_t *taken)
{
    int64_t found = 0, n = t->n;
    memset(taken, 0, (size_t)sets);
    for (; found < beam; found++) {
        int64_t best = -1;
        for (int64_t i = 0; i < sets; i++) {
            if (taken[i]) continue;
            bool less =
                best < 0 || t->loss[i] < t->loss[best] ||
                (t->loss[i] == t->loss[best] && before(t->set + i * n, t->set + best * n, n));
            if (less) best = i;
        }
        if (best < 0) break;
        memcpy(out + found * n, t->set + best * n, (size_t)n);
        loss[found] = t->loss[best];
        for (int64_t i = 0; i < sets; i++) /* the same set by another way */
            if (!memcmp(t->set + i * n, out + found * n, (size_t)n)) taken[i] = 1;
    }
    return found;
}

static cull_status descend(cull_ctx *cx, trial *t, int64_t k, int64_t beam, uint8_t *kept,
                           double *loss)
{
    int64_t n = t->n, have = 1;
    uint8_t *now, *set, *taken;
    double *value;
    CULL_TRY(CULL_TMP(cx, now, beam * n));
    CULL_TRY(CULL_TMP(cx, value, beam));
    CULL_TRY(CULL_TMP(cx, set, beam * n * n));
    CULL_TRY(CULL_TMP(cx, taken, beam * n));
    CULL_TRY(CULL_TMP(cx, t->loss, beam * n));
    memset(now, 1, (size_t)n);
    t->set = set;
    for (int64_t size = n; size > k; size--) {
        int64_t sets = 0;
        for (int64_t b = 0; b < have; b++)
            for (int64_t i = 0; i < n; i++) {
                if (!now[b * n + i]) continue;
                memcpy(set + sets * n, now + b * n, (size_t)n);
                set[sets++ * n + i] = 0;
            }
        CULL_TRY(cull__for(cx, sets, GRAIN, try_sets, t));
        have = best_of(t, sets, beam, now, value, taken);
        CULL_TRY(cull__tick(cx, (double)(n - size), (double)(n - k)));
    }
    memcpy(kept, now, (size_t)n);
    *loss = value[0];
    return CULL_OK;
}

cull_status cull__kept_best(cull_ctx *cx, int64_t n, int64_t k, cull__kept_loss *fn,
                            const void *arg, const cull__kept_opts *o, uint8_t *kept, double *loss,
                            bool *exact)
{
    if (k < 1 || k > n || n > LARGEST)
        return cull__fail(cx, CULL_EOPTION,
                          "%" PRId64 " of %" PRId64 " are to be kept; 1 to %" PRId64
                          " of %d can be",
                          k, n, n < LARGEST ? n : LARGEST, LARGEST);
    trial t = {.fn = fn, .arg = arg, .n = n};
    int64_t sets = ways(n, k, o->most);
    *exact = k == n || sets <= o->most;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(*exact ? enumerate(cx, &t, k, (double)sets, kept, loss)
                    : descend(cx, &t, k, o->beam > 1 ? o->beam : 1, kept, loss));
    cull__release(cx, mark);
    return CULL_OK;
}

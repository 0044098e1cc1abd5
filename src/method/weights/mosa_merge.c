/* mosa-merge - copies of an adapter that were trained on disjoint parts of its weights, as one
 *
 * Chooses   for each weight the mean over the copies.
 * Idea      MoSA (Zhang et al. 2023) splits an adapter's weights among E copies, each of which moves its own and keeps the
 *           rest at the start. In training one copy runs at a time, drawn at random: what runs later is their mean, the
 *           start plus 1 / E of all that moved. Summing instead would count an update E times, and the start, too.
 * Reads     two or more copies of the same names and shapes; a base, if given, is the start.
 * Deviates  Copies may be stored masked, with 0 for the weights of others: stored = masked wants the start as base, unless
 *           it was 0. Weights of a matrix that several copies moved are refused: then masks were not disjoint.
 * Cost      one pass; a block of each copy.
 * Example   cull weights mosa-merge expert0 expert1 expert2 expert3 -o adapter
 */
#include "base/base.h"
#include "cull/weights.h"

#include <inttypes.h>

typedef struct {
    int stored;
    bool check;
} opts;
enum { FULL, MASKED };
static const cull_opt table[] = {
    CULL_OPT_ENUM(opts, stored, FULL, "full|masked",
                  "copies have all weights, or 0 for those that are not theirs"),
    CULL_OPT_BOOL(opts, check, true, "refuse matrices of which several copies moved one weight"),
    CULL_OPT_END};

/* A block of the start (NULL: none) and of every copy. */
typedef struct {
    float *start, *x[CULL_WEIGHTS_MODELS];
    int copies;
} numbers;

static cull_status read(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                        int64_t from, int64_t n, numbers *m)
{
    m->start = NULL, m->copies = w->sources - w->first;
    if (w->first) {
        CULL_TRY(CULL_TMP(cx, m->start, n));
        CULL_TRY(cull_weights_read(cx, w, it, 0, from, n, m->start));
    }
    for (int c = 0; c < m->copies; c++) {
        CULL_TRY(CULL_TMP(cx, m->x[c], n));
        CULL_TRY(cull_weights_read(cx, w, it, w->first + c, from, n, m->x[c]));
    }
    return CULL_OK;
}

/* A matrix that is not the same in all copies was split among them; *own is then not NULL. */
static cull_status tensor(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                          void *state, void **own)
{
    bool same = true;
    (void)state;
    *own = NULL;
    for (int64_t from = 0, n; it->t.ndim > 1 && same && from < it->t.n; from += n) {
        numbers m;
        cull__mark_t mark = cull__mark(cx);
        n = it->t.n - from < CULL_WEIGHTS_BLOCK ? it->t.n - from : CULL_WEIGHTS_BLOCK;
        CULL_TRY(read(cx, w, it, from, n, &m));
        for (int c = 1; c < m.copies; c++)
            for (int64_t i = 0; i < n && same; i++) same = m.x[c][i] == m.x[0][i];
        cull__release(cx, mark);
    }
    if (!same) *own = (void *)it;
    return CULL_OK;
}

/* How many copies moved weight i: those that differ from the start, or, where it is not known, from most. */
static int moved(const numbers *m, bool masked, int64_t i)
{
    int least = m->copies;
    for (int a = 0; a < m->copies; a++) {
        float rest = masked ? 0 : m->start ? m->start[i] : m->x[a][i];
        int others = 0;
        for (int c = 0; c < m->copies; c++) others += m->x[c][i] != rest;
        if (others < least) least = others;
    }
    return least;
}

static cull_status block(cull_ctx *cx, const cull_weights_work *w, const cull_weights_item *it,
                         void *state, const void *own, int64_t from, int64_t n, float *out)
{
    const opts *o = w->opts;
    bool split = own != NULL, masked = split && o->stored == MASKED;
    numbers m;
    (void)state;
    CULL_TRY(read(cx, w, it, from, n, &m));
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        if (split && o->check && moved(&m, masked, i) > 1)
            return cull__fail(cx, CULL_EINPUT,
                              "%d copies moved number %" PRId64
                              " of '%.160s': they were not trained on disjoint parts; check=no "
                              "takes the mean all the same",
                              moved(&m, masked, i), from + i, it->t.name);
        for (int c = 0; c < m.copies; c++) sum += m.x[c][i];
        double start = masked && m.start ? m.start[i] : 0;
        /* masked: the other copies hold 0 for the start */
        sum += masked ? (m.copies - 1) * start : 0;
        out[i] = (float)(sum / m.copies);
    }
    return CULL_OK;
}

static const cull_weights_fns fns = {.least = 2, .most = -1, .tensor = tensor, .block = block};
const cull_method cull__method_mosa_merge = {
    .slug = "mosa-merge",
    .title = "copies of an adapter that were trained on disjoint parts, as one",
    .paper = "Zhang et al. 2023, Split & Merge: Unlocking the Potential of Visual Adapters via "
             "Sparse Training",
    .columns = "",
    .task = CULL_TASK_WEIGHTS,
    .rev = 1,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.weights = &fns,
};

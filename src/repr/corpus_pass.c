/* corpus_pass.c - a pass over all records: read a batch, visit its chunks in parallel, reduce them
 * in order. Only the fields that a pass needs are looked for. */
#include "repr/corpus.h"

#include <string.h>

struct run {
    const cull__pass *p;
    cull__stream stream;
    cull__picker *picker; /* (workers) */
    int64_t first;        /* chunk of the batch's first record */
    char *slots;          /* (chunks of the batch, slot) */
    int64_t slots_cap;
};

static char *slot_of(struct run *r, int64_t chunk)
{
    return r->p->slot ? r->slots + (size_t)chunk * r->p->slot : NULL;
}

static cull_status visit(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi)
{
    struct run *r = arg;
    const cull__pass *p = r->p;
    cull__picker *k = &r->picker[cull__worker(cx)];
    const cull__raw *raw = r->stream.rec + lo;
    int64_t n = hi - lo, cols = p->need & CULL__REST ? p->c->want.ncol : 0;
    cull__record *rec;
    cull__picked *got;
    double *numbers;
    CULL_TRY(CULL_TMP(cx, rec, n));
    CULL_TRY(CULL_TMP(cx, got, n));
    CULL_TRY(CULL_TMP(cx, numbers, n * cols)); /* (n, cols) */
    if (p->need && !k->buf) CULL_TRY(CULL_GROW(cx, k->buf, &k->cap, 65536));
    k->n = 0;
    for (int64_t i = 0; p->need && i < n; i++)
        CULL_TRY(cull__pick_fields(cx, p->c, k, p->need, &raw[i], r->stream.buf + raw[i].at,
                                   &got[i], numbers + i * cols));
    for (int64_t i = 0; i < n; i++) {
        rec[i] = (cull__record){
            .row = r->stream.row + lo + i, .raw = r->stream.buf + raw[i].at, .raw_n = raw[i].n};
        if (!p->need) continue;
        rec[i].text = cull__part_at(k, &got[i].text);
        rec[i].text_n = got[i].text.n;
        if (!got[i].has_id) continue;
        rec[i].id = cull__part_at(k, &got[i].id);
        rec[i].id_n = got[i].id.n;
    }
    int64_t c = r->first + chunk;
    if (p->map) return p->map(cx, p->arg, c, rec, n, slot_of(r, chunk));
    return p->raw_map(cx, p->arg, c, raw, rec, got, k, numbers, n, slot_of(r, chunk));
}

static cull_status batch(cull_ctx *cx, struct run *r, int64_t n, double from)
{
    const cull__pass *p = r->p;
    int64_t chunks = (n + CULL__CORPUS_CHUNK - 1) / CULL__CORPUS_CHUNK;
    if (p->slot) {
        int64_t bytes = chunks * (int64_t)p->slot;
        CULL_TRY(CULL_GROW(cx, r->slots, &r->slots_cap, bytes));
        memset(r->slots, 0, (size_t)bytes);
    }
    cull__span(cx, from, cull__stream_at(&r->stream), (double)p->c->size + 1);
    cull_status s = cull__for(cx, n, CULL__CORPUS_CHUNK, visit, r);
    cull__span(cx, 0, 0, 0);
    CULL_TRY(s);
    for (int64_t i = 0; p->reduce && i < chunks; i++)
        CULL_TRY(p->reduce(cx, p->arg, r->first + i, slot_of(r, i)));
    r->first += chunks;
    return CULL_OK;
}

static cull_status all_batches(cull_ctx *cx, struct run *r)
{
    const cull__pass *p = r->p;
    for (;;) {
        int64_t n;
        double from = cull__stream_at(&r->stream);
        CULL_TRY(cull__stream_next(cx, &r->stream, &n));
        if (!n) break;
        if (p->opening && r->first == 0)
            CULL_TRY(cull__guess_text(cx, p->opening, &r->stream.rec[0],
                                      r->stream.buf + r->stream.rec[0].at));
        CULL_TRY(batch(cx, r, n, from));
        cull__stream_done(&r->stream, n);
    }
    if (p->opening) {
        p->opening->n = r->stream.row;
        p->opening->bytes = r->stream.bytes;
    }
    return CULL_OK;
}

cull_status cull__pass_run(cull_ctx *cx, const cull__pass *p)
{
    struct run r = {.p = p};
    int workers = cull__workers(cx);
    const char *phase = cull__phase(cx, "reading");
    cull_status s = CULL_ALLOC(cx, r.picker, workers);
    if (s == CULL_OK) s = cull__stream_new(cx, p->c, p->slot, &r.stream);
    r.stream.opening = p->opening;
    if (s == CULL_OK) s = all_batches(cx, &r);
    cull__stream_free(&r.stream);
    for (int i = 0; r.picker && i < workers; i++) cull__picker_free(&r.picker[i]);
    cull__free(r.picker);
    cull__free(r.slots);
    cull__phase(cx, phase);
    return s;
}

cull_status cull__corpus_pass(cull_ctx *cx, const cull_corpus *c, size_t slot,
                              cull__corpus_map *map, cull__corpus_reduce *reduce, void *arg)
{
    cull__pass p = {.c = c,
                    .need = CULL__TEXT | CULL__ID,
                    .slot = slot,
                    .map = map,
                    .reduce = reduce,
                    .arg = arg};
    return cull__pass_run(cx, &p);
}

/* ---- what it takes ---- */

int cull__pass_workers(const cull_corpus *c, int threads)
{
    int64_t chunks = (c->n + CULL__CORPUS_CHUNK - 1) / CULL__CORPUS_CHUNK;
    return chunks < threads ? (int)chunks : threads;
}

static double least(double a, double b) { return a < b ? a : b; }

/* The room that doubling from `first` ends with for `need`. */
static double doubled(double first, double need)
{
    while (first < need) first *= 2;
    return first;
}

uint64_t cull__pass_plan(const cull_corpus *c, int threads)
{
    enum { ARENA = 192 << 10, SMALL = 64 << 10 };
    /* of memory nothing is read, and only joined texts are copied */
    double size = c->column && c->want.ntext < 2 ? 0 : (double)c->bytes;
    double each = size / (double)(c->n ? c->n : 1), read = c->column ? 0 : size;
    double buf = doubled(CULL__FIRST + CULL__PAD,
                         least(read + CULL__PAD, least(CULL__BATCH + 1, each * CULL__RECORDS)));
    double most = least((double)c->n, CULL__RECORDS);
    if (!c->column) most = least(most, buf / (each + 1));
    double rec = sizeof(cull__raw) * doubled(8, most);
    /* neighbours are alike: some chunks are long */
    double chunk = least(2 * CULL__CORPUS_CHUNK * each, size);
    double worker = 1.5 * doubled(SMALL, chunk) + 3 * each + ARENA;
    double later = buf + 1.5 * rec + cull__pass_workers(c, threads) * worker;
    return (uint64_t)(later > 1.5 * buf ? later : 1.5 * buf) + 3 * SMALL;
}

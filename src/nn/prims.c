/* prims.c - a tape's table of oneDNN primitives: products and convolutions, by orientation and shape.
 *
 * Making a primitive takes 0.1 to 5 ms, running one some hundred ns more than the arithmetic; a network
 * runs the same few in every step. So a tape keeps what it made until it is freed. The scratchpad and
 * repacked weights are lent by the tape, which counts them. A shape that oneDNN refuses is kept as
 * refused: plain loops over OpenBLAS do it. */
#include "nn/prims.h"
#include "nn/dnnl_compat.h"

#include <string.h>

#if CULL_HAVE_DNNL
enum { KEY = 20, MM = 1, CONV }; /* CONV + way: the three directions */
typedef struct {
    int32_t v[KEY];
} key;

enum { SRC, WEIGHTS, BIAS, DST, PAD, ROLES };
typedef struct {
    key k;
    dnnl_primitive_t run,
        repack; /* repack: between the plain weights and what run wants; or NULL */
    dnnl_memory_t memory[ROLES], plain;
    int64_t pad, packed; /* floats */
    bool refused;
} prim;

struct cull__prims {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attr, add; /* add: to what is in the result */
    prim **slot;                     /* by hash, linear probing; at most half full */
    int64_t room, count;
    bool broken; /* oneDNN gave no engine */
    cull__dnnl use;
};

static void prim_close(prim *p)
{
    for (int i = 0; i < ROLES; i++)
        if (p->memory[i]) dnnl_memory_destroy(p->memory[i]);
    if (p->plain) dnnl_memory_destroy(p->plain);
    if (p->run) dnnl_primitive_destroy(p->run);
    if (p->repack) dnnl_primitive_destroy(p->repack);
    *p = (prim){.k = p->k, .refused = true};
}

void cull__prims_free(struct cull__prims *p)
{
    if (!p) return;
    for (int64_t i = 0; i < p->room; i++)
        if (p->slot[i]) {
            prim_close(p->slot[i]);
            cull__free(p->slot[i]);
        }
    if (p->attr) dnnl_primitive_attr_destroy(p->attr);
    if (p->add) dnnl_primitive_attr_destroy(p->add);
    if (p->stream) dnnl_stream_destroy(p->stream);
    if (p->engine) dnnl_engine_destroy(p->engine);
    cull__free(p->slot);
    cull__free(p);
}

static bool open_attr(dnnl_primitive_attr_t *a, bool sum)
{
    dnnl_post_ops_t ops = NULL;
    bool good =
        dnnl_primitive_attr_create(a) == dnnl_success &&
        dnnl_primitive_attr_set_scratchpad_mode(*a, dnnl_scratchpad_mode_user) == dnnl_success;
    if (good && sum)
        good = dnnl_post_ops_create(&ops) == dnnl_success && cull__post_sum(ops) &&
               dnnl_primitive_attr_set_post_ops(*a, ops) == dnnl_success;
    if (ops) dnnl_post_ops_destroy(ops);
    return good;
}

/* The tape's table, made at its first use; NULL: no memory, and the tape failed. */
static struct cull__prims *made(cull_tape *t)
{
    struct cull__prims **at = cull__tape_prims(t), *p = *at;
    if (p) return p;
    if (cull__tape_keep(t, CULL_ALLOC(cull__tape_ctx(t), p, 1)) != CULL_OK) return NULL;
    p->broken =
        dnnl_engine_create(&p->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags) != dnnl_success ||
        !open_attr(&p->attr, false) || !open_attr(&p->add, true);
    return *at = p;
}

static struct cull__prims *table(cull_tape *t)
{
    struct cull__prims *p = made(t);
    return p && !p->broken && p->use != CULL__DNNL_NEVER ? p : NULL;
}

void cull__prims_use(cull_tape *t, cull__dnnl how)
{
    struct cull__prims *p = made(t);
    if (p) p->use = how;
}

cull__dnnl cull__prims_used(cull_tape *t)
{
    const struct cull__prims *p = *cull__tape_prims(t);
    return p ? p->use : CULL__DNNL_FASTER;
}

static uint64_t hash(const key *k) { return cull__hash64(k, sizeof *k, 0); }

static cull_status wider(cull_ctx *cx, struct cull__prims *p)
{
    prim **slot;
    int64_t room = p->room ? 2 * p->room : 64;
    CULL_TRY(CULL_ALLOC(cx, slot, room));
    for (int64_t i = 0; i < p->room; i++) {
        if (!p->slot[i]) continue;
        uint64_t h = hash(&p->slot[i]->k);
        while (slot[h & (uint64_t)(room - 1)]) h++;
        slot[h & (uint64_t)(room - 1)] = p->slot[i];
    }
    cull__free(p->slot);
    p->slot = slot;
    p->room = room;
    return CULL_OK;
}

/* The primitive of that key; *fresh: it is new and empty. NULL: no memory, and the tape failed. */
static prim *find(cull_tape *t, struct cull__prims *p, const key *k, bool *fresh)
{
    cull_ctx *cx = cull__tape_ctx(t);
    uint64_t h = hash(k);
    *fresh = false;
    if (p->room)
        for (uint64_t i = h; p->slot[i & (uint64_t)(p->room - 1)]; i++) {
            prim *q = p->slot[i & (uint64_t)(p->room - 1)];
            if (!memcmp(&q->k, k, sizeof *k)) return q;
        }
    if (2 * (p->count + 1) > p->room && cull__tape_keep(t, wider(cx, p)) != CULL_OK) return NULL;
    prim *q;
    if (cull__tape_keep(t, CULL_ALLOC(cx, q, 1)) != CULL_OK) return NULL;
    q->k = *k;
    while (p->slot[h & (uint64_t)(p->room - 1)]) h++;
    p->slot[h & (uint64_t)(p->room - 1)] = q;
    p->count++;
    *fresh = true;
    return q;
}

static bool hold(struct cull__prims *p, prim *q, int role, cull__layout l)
{
    return dnnl_memory_create(&q->memory[role], l, p->engine, DNNL_MEMORY_NONE) == dnnl_success;
}

static int64_t floats(cull__layout l)
{
    return (int64_t)(dnnl_memory_desc_get_size(l) + sizeof(float) - 1) / (int64_t)sizeof(float);
}

static bool hold_pad(struct cull__prims *p, prim *q, dnnl_primitive_desc_t pd)
{
    cull__layout l = cull__pd_layout(pd, dnnl_query_scratchpad_md);
    q->pad = floats(l);
    return hold(p, q, PAD, l);
}

static bool point(dnnl_memory_t m, const float *at)
{
    return dnnl_memory_set_data_handle(m, (void *)at) == dnnl_success;
}

static bool execute(struct cull__prims *p, dnnl_primitive_t run, const dnnl_exec_arg_t *arg, int n)
{
    return dnnl_primitive_execute(run, p->stream, n, arg) == dnnl_success &&
           dnnl_stream_wait(p->stream) == dnnl_success;
}

/* ---- matrix products ---- */

static bool mm_make(struct cull__prims *p, prim *q)
{
    const int32_t *v = q->k.v; /* MM, ta, tb, add, m, n, k, lda, ldb, ldc */
    const bool ta = v[1], tb = v[2];
    const dnnl_dims_t da = {v[4], v[6]}, db = {v[6], v[5]}, dc = {v[4], v[5]};
    const dnnl_dims_t sa = {ta ? 1 : v[7], ta ? v[7] : 1}, sb = {tb ? 1 : v[8], tb ? v[8] : 1},
                      sc = {v[9], 1};
    cull__md a = {0}, b = {0}, c = {0};
    dnnl_primitive_desc_t pd = NULL;
    bool good = cull__md_make(&a, 2, da, sa) && cull__md_make(&b, 2, db, sb) &&
                cull__md_make(&c, 2, dc, sc) &&
                cull__pd_matmul(&pd, p->engine, cull__md_of(&a), cull__md_of(&b), cull__md_of(&c),
                                v[3] ? p->add : p->attr) &&
                dnnl_primitive_create(&q->run, pd) == dnnl_success &&
                hold(p, q, SRC, cull__md_of(&a)) && hold(p, q, WEIGHTS, cull__md_of(&b)) &&
                hold(p, q, DST, cull__md_of(&c)) && hold_pad(p, q, pd);
    if (pd) dnnl_primitive_desc_destroy(pd);
    cull__md_free(&a);
    cull__md_free(&b);
    cull__md_free(&c);
    return good;
}

bool cull__prims_mm(cull_tape *t, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a,
                    int64_t lda, const float *b, int64_t ldb, bool add, float *c, int64_t ldc)
{
    const int64_t most = INT32_MAX;
    if (m > most || n > most || k > most || lda > most || ldb > most || ldc > most) return false;
    struct cull__prims *p = table(t);
    if (!p) return false;
    const key id = {{MM, ta, tb, add, (int32_t)m, (int32_t)n, (int32_t)k, (int32_t)lda,
                     (int32_t)ldb, (int32_t)ldc}};
    bool fresh;
    prim *q = find(t, p, &id, &fresh);
    if (!q) return false;
    if (fresh && !mm_make(p, q)) prim_close(q);
    if (q->refused) return false;
    float *pad = q->pad ? cull__take_floats(t, q->pad) : NULL;
    if (q->pad && !pad) return false;
    const dnnl_exec_arg_t arg[] = {{DNNL_ARG_SRC, q->memory[SRC]},
                                   {DNNL_ARG_WEIGHTS, q->memory[WEIGHTS]},
                                   {DNNL_ARG_DST, q->memory[DST]},
                                   {DNNL_ARG_SCRATCHPAD, q->memory[PAD]}};
    bool good = point(q->memory[SRC], a) && point(q->memory[WEIGHTS], b) &&
                point(q->memory[DST], c) && point(q->memory[PAD], pad) &&
                execute(p, q->run, arg, 4);
    cull__give_floats(t, pad, q->pad);
    return good;
}

/* ---- convolutions ---- */

/* Dimensions in oneDNN's order with NHWC strides; weights with groups in front of them. */
static bool conv_layouts(const cull__conv *c, cull__md *x, cull__md *w, cull__md *any, cull__md *b,
                         cull__md *y)
{
    const int64_t in = c->in, out = c->out, g = c->groups, ig = in / g, og = out / g;
    const int64_t xrow = c->w * in, yrow = c->ow * out, krow = c->kw * ig;
    const dnnl_dims_t dx = {c->n, in, c->h, c->w}, sx = {c->h * xrow, 1, xrow, in};
    const dnnl_dims_t dy = {c->n, out, c->oh, c->ow}, sy = {c->oh * yrow, 1, yrow, out};
    const dnnl_dims_t dw = {g, og, ig, c->kh, c->kw},
                      sw = {og * c->kh * krow, c->kh * krow, 1, krow, ig};
    const dnnl_dims_t db = {out}, sb = {1};
    const int skip = g == 1; /* the dimension of groups */
    dnnl_dims_t dims = {0}, strides = {0};
    for (int i = skip; i < 5; i++) dims[i - skip] = dw[i], strides[i - skip] = sw[i];
    return cull__md_make(x, 4, dx, sx) && cull__md_make(y, 4, dy, sy) &&
           cull__md_make(w, 5 - skip, dims, strides) && cull__md_make(any, 5 - skip, dims, NULL) &&
           (!c->bias || cull__md_make(b, 1, db, sb));
}

static bool repack_make(struct cull__prims *p, prim *q, cull__layout from, cull__layout to)
{
    dnnl_primitive_desc_t pd = NULL;
    bool good = dnnl_reorder_primitive_desc_create(&pd, from, p->engine, to, p->engine, NULL) ==
                    dnnl_success &&
                dnnl_primitive_create(&q->repack, pd) == dnnl_success;
    if (pd) dnnl_primitive_desc_destroy(pd);
    return good;
}

/* oneDNN's own im2col (and its reference loops) are slower than ours. */
static bool slow(dnnl_primitive_desc_t pd)
{
    const char *name = NULL;
    return dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name) != dnnl_success ||
           !name || strstr(name, "gemm") || strstr(name, "ref");
}

static bool conv_hold(struct cull__prims *p, prim *q, cull__way way, dnnl_primitive_desc_t pd,
                      cull__layout plain)
{
    const bool x = way == CULL__BACK_DATA, w = way == CULL__BACK_WEIGHTS, f = !x && !w;
    cull__layout want = cull__pd_layout(pd, w ? dnnl_query_diff_weights_md : dnnl_query_weights_md);
    if (!hold(p, q, SRC, cull__pd_layout(pd, x ? dnnl_query_diff_src_md : dnnl_query_src_md)) ||
        !hold(p, q, DST, cull__pd_layout(pd, f ? dnnl_query_dst_md : dnnl_query_diff_dst_md)) ||
        !hold(p, q, WEIGHTS, want) || !hold_pad(p, q, pd))
        return false;
    if (cull__same_layout(want, plain)) return true;
    q->packed = floats(want);
    return dnnl_memory_create(&q->plain, plain, p->engine, DNNL_MEMORY_NONE) == dnnl_success &&
           repack_make(p, q, w ? want : plain, w ? plain : want);
}

static bool conv_make(struct cull__prims *p, prim *q, cull__way way, const cull__conv *c)
{
    const cull__window k = {.stride = {c->sh, c->sw},
                            .dilation = {c->dh - 1, c->dw - 1},
                            .before = {c->ph, c->pw},
                            .after = {c->ph2, c->pw2}};
    cull__md x = {0}, w = {0}, any = {0}, b = {0}, y = {0};
    dnnl_primitive_desc_t forward = NULL, pd = NULL;
    bool good =
        conv_layouts(c, &x, &w, &any, &b, &y) &&
        cull__pd_conv(&forward, p->engine, CULL__FORWARD, cull__md_of(&x), cull__md_of(&any),
                      c->bias ? cull__md_of(&b) : NULL, cull__md_of(&y), &k, p->attr, NULL);
    if (good && way != CULL__FORWARD)
        good = cull__pd_conv(&pd, p->engine, way, cull__md_of(&x), cull__md_of(&any), NULL,
                             cull__md_of(&y), &k, p->attr, forward);
    dnnl_primitive_desc_t use = pd ? pd : forward;
    good = good && !slow(use) && dnnl_primitive_create(&q->run, use) == dnnl_success &&
           conv_hold(p, q, way, use, cull__md_of(&w)) &&
           (!c->bias || hold(p, q, BIAS, cull__md_of(&b)));
    if (pd) dnnl_primitive_desc_destroy(pd);
    if (forward) dnnl_primitive_desc_destroy(forward);
    cull__md_free(&x);
    cull__md_free(&w);
    cull__md_free(&any);
    cull__md_free(&b);
    cull__md_free(&y);
    return good;
}

static prim *conv_find(cull_tape *t, struct cull__prims *p, cull__way way, const cull__conv *c)
{
    key id = {{CONV + (int32_t)way}};
    _Static_assert(sizeof *c == (KEY - 1) * sizeof(int32_t), "a key holds a convolution");
    cull__conv shape = *c;
    if (way != CULL__FORWARD) shape.bias = 0; /* its gradient is a sum of rows, not taken here */
    memcpy(id.v + 1, &shape, sizeof shape);
    bool fresh;
    prim *q = find(t, p, &id, &fresh);
    if (q && fresh && !conv_make(p, q, way, &shape)) prim_close(q);
    return q && !q->refused ? q : NULL;
}

static bool repack(struct cull__prims *p, prim *q, bool back)
{
    const dnnl_exec_arg_t arg[] = {{DNNL_ARG_FROM, back ? q->memory[WEIGHTS] : q->plain},
                                   {DNNL_ARG_TO, back ? q->plain : q->memory[WEIGHTS]}};
    return !q->repack || execute(p, q->repack, arg, 2);
}

static bool conv_run(cull_tape *t, cull__way way, const cull__conv *c, const float *x,
                     const float *w, const float *bias, const float *y)
{
    struct cull__prims *p = table(t);
    prim *q = p ? conv_find(t, p, way, c) : NULL;
    if (!q) return false;
    const bool data = way == CULL__BACK_DATA, weights = way == CULL__BACK_WEIGHTS;
    int64_t room = q->pad + (q->packed + 15) / 16 * 16;
    float *lent = room ? cull__take_floats(t, room) : NULL;
    if (room && !lent) return false;
    const dnnl_exec_arg_t arg[] = {
        {data ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, q->memory[SRC]},
        {weights ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, q->memory[WEIGHTS]},
        {data || weights ? DNNL_ARG_DIFF_DST : DNNL_ARG_DST, q->memory[DST]},
        {DNNL_ARG_SCRATCHPAD, q->memory[PAD]},
        {DNNL_ARG_BIAS, q->memory[BIAS]}};
    bool good =
        point(q->memory[SRC], x) && point(q->memory[DST], y) &&
        point(q->memory[WEIGHTS], q->packed ? lent : w) && (!q->plain || point(q->plain, w)) &&
        point(q->memory[PAD], q->pad ? lent + (room - q->pad) : NULL) &&
        (!q->memory[BIAS] || point(q->memory[BIAS], bias)) && (weights || repack(p, q, false)) &&
        execute(p, q->run, arg, q->memory[BIAS] ? 5 : 4) && (!weights || repack(p, q, true));
    cull__give_floats(t, lent, room);
    return good;
}
#else
void cull__prims_free(struct cull__prims *p) { (void)p; }
void cull__prims_use(cull_tape *t, cull__dnnl how) { (void)t, (void)how; }
cull__dnnl cull__prims_used(cull_tape *t) { return (void)t, CULL__DNNL_NEVER; }
bool cull__prims_mm(cull_tape *t, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a,
                    int64_t lda, const float *b, int64_t ldb, bool add, float *c, int64_t ldc)
{
    (void)t, (void)ta, (void)tb, (void)m, (void)n, (void)k, (void)a, (void)lda, (void)b;
    return (void)ldb, (void)add, (void)c, (void)ldc, false;
}
typedef enum { CULL__FORWARD, CULL__BACK_DATA, CULL__BACK_WEIGHTS } cull__way;
static bool conv_run(cull_tape *t, cull__way way, const cull__conv *c, const float *x,
                     const float *w, const float *bias, const float *y)
{
    return (void)t, (void)way, (void)c, (void)x, (void)w, (void)bias, (void)y, false;
}
#endif

bool cull__prims_conv(cull_tape *t, const cull__conv *c, const float *x, const float *w,
                      const float *bias, float *y)
{
    return conv_run(t, CULL__FORWARD, c, x, w, bias, y);
}

bool cull__prims_conv_data(cull_tape *t, const cull__conv *c, const float *dy, const float *w,
                           float *dx)
{
    return conv_run(t, CULL__BACK_DATA, c, dx, w, NULL, dy);
}

bool cull__prims_conv_weights(cull_tape *t, const cull__conv *c, const float *x, const float *dy,
                              float *dw)
{
    return conv_run(t, CULL__BACK_WEIGHTS, c, x, dw, NULL, dy);
}

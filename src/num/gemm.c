/* gemm.c - matrix products: OpenBLAS, and oneDNN's matmul primitive for repeated blocks, of f32 or,
 * where the processor multiplies them at twice the speed (AVX512-BF16, AMX), of bf16.
 *
 * Measured on Zen 4, one thread, d = 384 and 64: oneDNN runs such blocks at 105-110 GF/s, OpenBLAS at
 * 93-101. The gain starts near 1 Mflop a block. A primitive lives in one worker, with the scratchpad
 * lent by us: oneDNN's own is thread-local to whoever created the primitive. Creating one again is a
 * look-up in oneDNN's cache. If any step fails, OpenBLAS does the work. */
#include "num/num.h"

#include <cblas.h>
#include <string.h>
#if CULL_HAVE_DNNL
#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_version.h>
#endif

void cull__gemm_nt(int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                   int64_t ldb, float *c, int64_t ldc)
{
    if (m < 1 || n < 1) return;
    if (k < 1) {
        for (int64_t i = 0; i < m; i++) memset(c + i * ldc, 0, (size_t)n * sizeof *c);
        return;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)k, 1, a, (int)lda, b,
                (int)ldb, 0, c, (int)ldc);
}

#if CULL_HAVE_DNNL && DNNL_VERSION_MAJOR == 2
enum { SRC, WEIGHTS, DST, SCRATCH, MEMORIES };
struct matmul {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    dnnl_memory_t memory[MEMORIES];
};

static void matmul_close(struct matmul *u)
{
    for (int i = 0; i < MEMORIES; i++)
        if (u->memory[i]) dnnl_memory_destroy(u->memory[i]);
    if (u->primitive) dnnl_primitive_destroy(u->primitive);
    if (u->desc) dnnl_primitive_desc_destroy(u->desc);
    if (u->attr) dnnl_primitive_attr_destroy(u->attr);
    if (u->stream) dnnl_stream_destroy(u->stream);
    if (u->engine) dnnl_engine_destroy(u->engine);
    *u = (struct matmul){0};
}

/* The scratchpad's bytes; -1 when oneDNN refuses. */
static int64_t matmul_make(struct matmul *u, const cull__gemm *g)
{
    dnnl_memory_desc_t a, b, c;
    dnnl_matmul_desc_t d;
    const dnnl_dims_t da = {g->m, g->k}, db = {g->k, g->n}, dc = {g->m, g->n};
    const dnnl_data_type_t t = g->bf16 ? dnnl_bf16 : dnnl_f32;
    if (dnnl_engine_create(&u->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&u->stream, u->engine, dnnl_stream_default_flags) != dnnl_success ||
        dnnl_primitive_attr_create(&u->attr) != dnnl_success ||
        dnnl_primitive_attr_set_scratchpad_mode(u->attr, dnnl_scratchpad_mode_user) !=
            dnnl_success ||
        dnnl_memory_desc_init_by_tag(&a, 2, da, t, dnnl_ab) != dnnl_success ||
        dnnl_memory_desc_init_by_tag(&b, 2, db, t, dnnl_ba) != dnnl_success ||
        dnnl_memory_desc_init_by_tag(&c, 2, dc, dnnl_f32, dnnl_ab) != dnnl_success ||
        dnnl_matmul_desc_init(&d, &a, &b, NULL, &c) != dnnl_success ||
        dnnl_primitive_desc_create(&u->desc, &d, u->attr, u->engine, NULL) != dnnl_success ||
        dnnl_primitive_create(&u->primitive, u->desc) != dnnl_success)
        return -1;
    const dnnl_memory_desc_t *s =
        dnnl_primitive_desc_query_md(u->desc, dnnl_query_scratchpad_md, 0);
    const dnnl_memory_desc_t *of[MEMORIES] = {&a, &b, &c, s};
    for (int i = 0; i < MEMORIES; i++)
        if (dnnl_memory_create(&u->memory[i], of[i], u->engine, DNNL_MEMORY_NONE) != dnnl_success)
            return -1;
    return (int64_t)dnnl_memory_desc_get_size(s);
}

static cull_status matmul_open(cull_ctx *cx, cull__gemm *g)
{
    struct matmul *u;
    char *pad = NULL;
    CULL_TRY(CULL_TMP0(cx, u, 1));
    int64_t bytes = matmul_make(u, g);
    cull_status s = bytes > 0 ? CULL_TMP(cx, pad, bytes) : CULL_OK;
    if (s != CULL_OK || bytes < 0 ||
        dnnl_memory_set_data_handle(u->memory[SCRATCH], pad) != dnnl_success)
        matmul_close(u);
    else
        g->impl = u;
    return s;
}

static bool matmul_run(struct matmul *u, const void *a, const void *b, float *c)
{
    const dnnl_exec_arg_t arg[] = {{DNNL_ARG_SRC, u->memory[SRC]},
                                   {DNNL_ARG_WEIGHTS, u->memory[WEIGHTS]},
                                   {DNNL_ARG_DST, u->memory[DST]},
                                   {DNNL_ARG_SCRATCHPAD, u->memory[SCRATCH]}};
    return dnnl_memory_set_data_handle(u->memory[SRC], (void *)a) == dnnl_success &&
           dnnl_memory_set_data_handle(u->memory[WEIGHTS], (void *)b) == dnnl_success &&
           dnnl_memory_set_data_handle(u->memory[DST], c) == dnnl_success &&
           dnnl_primitive_execute(u->primitive, u->stream, MEMORIES, arg) == dnnl_success &&
           dnnl_stream_wait(u->stream) == dnnl_success;
}
#else
struct matmul {
    char none;
};
static void matmul_close(struct matmul *u) { (void)u; }
static cull_status matmul_open(cull_ctx *cx, cull__gemm *g) { return (void)cx, (void)g, CULL_OK; }
static bool matmul_run(struct matmul *u, const void *a, const void *b, float *c)
{
    return (void)u, (void)a, (void)b, (void)c, false;
}
#endif

static bool worth_it(int64_t m, int64_t n, int64_t k)
{
    return m >= 16 && n >= 16 && k >= 8 && (double)m * (double)n * (double)k >= 0x1p19;
}

cull_status cull__gemm_open(cull_ctx *cx, int64_t m, int64_t n, int64_t k, cull__gemm *g)
{
    *g = (cull__gemm){.m = m, .n = n, .k = k};
    return worth_it(m, n, k) ? matmul_open(cx, g) : CULL_OK;
}

bool cull__gemm_bf16(const cull_ctx *cx, int64_t m, int64_t n, int64_t k)
{
#if CULL_HAVE_DNNL && DNNL_VERSION_MAJOR == 2 && defined(__x86_64__)
    return (!cx || cull__isa(cx) >= 4) && k >= 32 && worth_it(m, n, k) &&
           __builtin_cpu_supports("avx512bf16");
#else
    return (void)cx, (void)m, (void)n, (void)k, false;
#endif
}

cull_status cull__gemm_open_bf16(cull_ctx *cx, int64_t m, int64_t n, int64_t k, cull__gemm *g)
{
    *g = (cull__gemm){.m = m, .n = n, .k = k, .bf16 = true};
    return matmul_open(cx, g);
}

bool cull__gemm_run_bf16(const cull__gemm *g, const uint16_t *a, const uint16_t *b, float *c)
{
    return g->impl && g->bf16 && matmul_run(g->impl, a, b, c);
}

void cull__gemm_run(const cull__gemm *g, int64_t m, int64_t n, const float *a, const float *b,
                    float *c)
{
    if (g->impl && !g->bf16 && m == g->m && n == g->n && matmul_run(g->impl, a, b, c)) return;
    cull__gemm_nt(m, n, g->k, a, g->k, b, g->k, c, n);
}

void cull__gemm_close(cull__gemm *g)
{
    if (g->impl) matmul_close(g->impl);
    g->impl = NULL;
}

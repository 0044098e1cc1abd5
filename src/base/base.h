/* base.h - what every file of the library stands on: failure, scratch memory, ticks, randomness,
 * parallel loops, hashes, numbers as text, strings, JSON out. */
#ifndef CULL__BASE_H
#define CULL__BASE_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- failure ---- */
#define CULL_TRY(e)                                                                                \
    do {                                                                                           \
        cull_status s_ = (e);                                                                      \
        if (s_ != CULL_OK) return s_;                                                              \
    } while (0)
/* Keep the sentence and hand back s. Sentences start lower-case and have no full stop. */
cull_status cull__fail(cull_ctx *cx, cull_status s, const char *fmt, ...) CULL_PRINTF(3, 4);
/* EIO with the path and errno's text: "pool.npy: cannot open: No such file or directory". */
cull_status cull__fail_errno(cull_ctx *cx, const char *path, const char *what);
void cull__log(cull_ctx *cx, cull_level level, const char *fmt, ...) CULL_PRINTF(3, 4);
/* A sentence about the answer for who reads the report, besides the log. The last one counts, "" takes it
 * back; cut at 239 bytes. Not in a worker. */
void cull__remark(cull_ctx *cx, const char *fmt, ...) CULL_PRINTF(2, 3);
const char *cull__remarked(const cull_ctx *cx); /* "" = none */

/* ---- memory ----
 * Scratch lives in the ctx's arena and goes back as a whole: the door of a task marks, calls,
 * releases, so a method holds no free. Handles and results use cull__alloc, counted the same way. */
cull_status cull__tmp(cull_ctx *cx, void **out, int64_t n, size_t size, bool zero);
#define CULL_TMP(cx, p, n) cull__tmp(cx, (void **)&(p), n, sizeof *(p), false)
#define CULL_TMP0(cx, p, n) cull__tmp(cx, (void **)&(p), n, sizeof *(p), true)
typedef struct {
    void *block;
    size_t used;
} cull__mark_t;
cull__mark_t cull__mark(cull_ctx *cx);
void cull__release(cull_ctx *cx, cull__mark_t m);

/* n * size zeroed bytes, aligned to 64. The block knows its ctx: free needs nothing else. */
cull_status cull__alloc(cull_ctx *cx, void **out, int64_t n, size_t size);
#define CULL_ALLOC(cx, p, n) cull__alloc(cx, (void **)&(p), n, sizeof *(p))
cull_status cull__grow(cull_ctx *cx, void **p, int64_t *cap, int64_t need, size_t size);
/* Room for `need` elements in p (from CULL_ALLOC or NULL), doubling; *cap is kept. */
#define CULL_GROW(cx, p, cap, need) cull__grow(cx, (void **)&(p), cap, need, sizeof *(p))
void cull__free(void *p);
uint64_t cull__memory_limit(const cull_ctx *cx); /* bytes; UINT64_MAX when there is none */
uint64_t cull__memory_left(const cull_ctx *cx);
/* Count bytes that a library allocates by itself; false when the limit has no room for them. */
bool cull__charge(cull_ctx *cx, uint64_t bytes);
void cull__uncharge(cull_ctx *cx, uint64_t bytes);
const char *cull__tmpdir(const cull_ctx *cx); /* where big intermediates go */

/* One more ctx with cx's options and hooks, but its own seed, memory and peak. */
cull_status cull__ctx_like(cull_ctx *cx, uint64_t seed, cull_ctx **out);

/* ---- progress, cancel, deadline ---- */
/* In outer loops. CULL_ECANCEL when the caller or the deadline says stop. In a worker it only
 * looks: cull__for reports. */
cull_status cull__tick(cull_ctx *cx, double done, double total);
/* From now on a tick's done/total is the part lo .. hi of `of` (0 = itself again): loops that are
 * steps of something longer then count for that. */
void cull__span(cull_ctx *cx, double lo, double hi, double of);
/* Name the phase that ticks belong to (static string); returns the one before. */
const char *cull__phase(cull_ctx *cx, const char *what);
double cull__now(void); /* seconds, monotonic: for reports and plans, never for choices */

/* ---- parallel loops ----
 * [0, n) in chunks of `grain`: chunk c is [c*grain, min(n, (c+1)*grain)). The grid depends on n and
 * grain alone, so whatever is reduced in chunk order has the same bits for any number of threads.
 * Each call gets a child ctx: own arena (released after each chunk), own error. The first failing
 * chunk's status and sentence come back. A loop inside a worker runs in that worker. */
typedef cull_status cull__for_fn(cull_ctx *cx, void *arg, int64_t chunk, int64_t lo, int64_t hi);
cull_status cull__for(cull_ctx *cx, int64_t n, int64_t grain, cull__for_fn *fn, void *arg);
/* Chunks [from, to) of that grid only. */
cull_status cull__for_some(cull_ctx *cx, int64_t n, int64_t grain, int64_t from, int64_t to,
                           cull__for_fn *fn, void *arg);
int cull__workers(const cull_ctx *cx); /* most workers a cull__for of this ctx uses */
int cull__worker(const cull_ctx *cx);  /* which of them a child is: 0 .. workers-1 */
/* The most bytes held within a part of a ctx's life: anew begins it and gives the peak so far, since ends it. */
uint64_t cull__peak_anew(cull_ctx *cx);
uint64_t cull__peak_since(cull_ctx *cx, uint64_t before);
int cull__isa(const cull_ctx *cx); /* 2, 3 or 4 */
/* OpenBLAS and oneDNN on the calling thread alone, as they are within a loop; returns what to give back afterwards. */
int cull__alone(const cull_ctx *cx);
void cull__not_alone(int before);

/* ---- stages: work that processes share, and that a killed run need not do again (stage.c) ----
 * A stage is a step of the calling thread's, never inside a cull__for. Processes that share a problem
 * come to the same stages in the same order: what decides about one must be the same in all. */
typedef struct {
    const char *what; /* static */
    int number;
    int rank, ranks; /* this process does share `rank` of so many */
    bool mine;       /* false: there is nothing to do, the shares lie ready */
    bool bare;       /* nothing comes of it but success: shards do not wait for one another */
} cull__stage;
/* Chunk c of a piece is the bytes [c * each, (c+1) * each) of `at`, of which there are `total`. */
typedef struct {
    void *at;
    uint64_t each, total;
} cull__piece;
cull_status cull__stage_open(cull_ctx *cx, const char *what, cull__stage *st);
/* The first of `chunks` chunks that is rank r's; r = ranks: the end of the last one's. */
int64_t cull__stage_first(const cull__stage *st, int64_t chunks, int r);
/* s: how the share went. Afterwards the pieces are whole in every process, or all fail alike. EWAIT:
 * the job is a shard, its share is written, and there is no more to do before the others are. */
cull_status cull__stage_close(cull_ctx *cx, const cull__stage *st, cull_status s, int64_t chunks,
                              const cull__piece *piece, int pieces);
/* All have come here, or all fail: before what must not be done when another has failed. */
cull_status cull__meet(cull_ctx *cx, const char *what);
/* The end of a choice, by way of which those that failed come too: all fare well and have the same
 * `hash`, or all fail, and go on together with whatever is next. Not within another one. */
cull_status cull__agree(cull_ctx *cx, const char *what, uint64_t hash, cull_status s);
/* cull__for as one stage: chunks are shared out, and what they leave in the pieces is everybody's. */
cull_status cull__spread(cull_ctx *cx, const char *what, int64_t n, int64_t grain, cull__for_fn *fn,
                         void *arg, const cull__piece *piece, int pieces);

/* Checkpoints, where the job has a folder for them. A loop of passes asks once whether there is one,
 * which fills the pieces (each: not read), and hands in its state after each pass; whether that is
 * written depends on how long the last one took, and changes no answer. */
typedef struct {
    const char *what;
    int number;
    double last, took; /* of the last state that was kept: when, how many seconds */
} cull__loop;
cull_status cull__loop_find(cull_ctx *cx, const char *what, cull__loop *l, int64_t *step,
                            const cull__piece *piece, int pieces, bool *found);
/* The same in two: a loop gets its number, and may then be found and kept from any thread. */
void cull__loop_open(cull_ctx *cx, const char *what, cull__loop *l);
cull_status cull__loop_read(cull_ctx *cx, cull__loop *l, int64_t *step, const cull__piece *piece,
                            int pieces, bool *found);
cull_status cull__loop_keep(cull_ctx *cx, cull__loop *l, int64_t step, bool last,
                            const cull__piece *piece, int pieces);
/* Of loops within a loop, which keeps what came of each: a run that goes on behind n of them counts them as found,
 * and what one of them has kept is not wanted any more. */
void cull__loop_skip(cull_ctx *cx, const char *what, int n);
void cull__loop_drop(cull_ctx *cx, const cull__loop *l);

/* Who carries shares and checkpoints to files and back; set by the job. Shares: open fills rank,
 * ranks and mine of st, and close makes the pieces whole. */
typedef struct {
    void *user;
    cull_status (*open)(cull_ctx *cx, void *user, cull__stage *st);
    cull_status (*close)(cull_ctx *cx, void *user, const cull__stage *st, int64_t chunks,
                         const cull__piece *piece, int pieces);
    cull_status (*find)(cull_ctx *cx, void *user, const cull__loop *l, int64_t *step,
                        const cull__piece *piece, int pieces, bool *found);
    cull_status (*keep)(cull_ctx *cx, void *user, cull__loop *l, int64_t step, bool last,
                        const cull__piece *piece, int pieces);
    void (*drop)(cull_ctx *cx, void *user, const cull__loop *l);
} cull__carrier;
void cull__carry(cull_ctx *cx, const cull__carrier *c); /* NULL = nobody; stages count from 0 */
int cull__rank(const cull_ctx *cx);  /* 0 unless others stand beside this process */
int cull__ranks(const cull_ctx *cx); /* 1 unless ... */

/* ---- randomness: Philox4x32-10 (Salmon et al. 2011), counter-based ---- */
typedef struct {
    uint32_t key[2], ctr[4], out[4];
    int have;
} cull_rng;
cull_rng cull__rng(const cull_ctx *cx, uint64_t stream); /* (seed of cx, stream) */
cull_rng cull__rng_seeded(uint64_t seed, uint64_t stream);
uint32_t cull__rng_u32(cull_rng *r);
uint64_t cull__rng_u64(cull_rng *r);
void cull__rng_fill(cull_rng *r, uint32_t *out, int64_t n); /* what n calls of u32 would give */
int64_t cull__rng_below(cull_rng *r, int64_t n); /* uniform on 0 .. n-1, by rejection; n >= 1 */
double cull__rng_unit(cull_rng *r);              /* uniform on (0, 1), 53 bits, never 0 or 1 */
double cull__rng_normal(cull_rng *r);
double cull__rng_gumbel(cull_rng *r);
void cull__rng_shuffle(cull_rng *r, int64_t *v, int64_t n);

/* ---- hashes (xxHash) ---- */
typedef struct {
    uint64_t lo, hi;
} cull_hash128;
uint64_t cull__hash64(const void *p, size_t n, uint64_t seed);
cull_hash128 cull__hash128(const void *p, size_t n);
typedef struct cull__hasher cull__hasher; /* streaming 128-bit */
cull_status cull__hasher_new(cull_ctx *cx, cull__hasher **out);
void cull__hasher_add(cull__hasher *h, const void *p, size_t n);
cull_hash128 cull__hasher_end(cull__hasher *h); /* also frees */
void cull__hash_hex(cull_hash128 h, char out[33]);

/* ---- numbers as text, whatever the locale ---- */
/* The whole of s[0..n) must be one number (blanks around are allowed). inf and nan are accepted:
 * who cannot use them says so by name. */
bool cull__parse_f64(const char *s, size_t n, double *out);
bool cull__parse_i64(const char *s, size_t n, int64_t *out);
/* "512M", "4GiB", "1e6": bytes, powers of 1024. */
bool cull__parse_bytes(const char *s, uint64_t *out);
/* Shortest text that reads back to v; "nan", "inf", "-inf" otherwise. Returns buf. */
const char *cull__format_f64(double v, char buf[32]);
size_t cull__format_u64(uint64_t v, char buf[24]);        /* how many digits */
const char *cull__format_bytes(uint64_t b, char buf[32]); /* "1.5 GiB" */

/* ---- strings ---- */
/* The candidate nearest to s by edit distance when that is at most a third of its length and one,
   and less than its length, else NULL. */
const char *cull__nearest(const char *s, const char *const *cand, int n);
bool cull__listed(const char *list, const char *s,
                  size_t n);                        /* s[0..n) among comma-separated names */
bool cull__same_name(const char *a, const char *b); /* '_' and '-' are one */
bool cull__ends(const char *s, const char *tail);
/* A copy of s[0 .. n) with a NUL behind it, for cull__free. */
cull_status cull__copy_text(cull_ctx *cx, const char *s, size_t n, char **out);
cull_status cull__keep_text(cull_ctx *cx, const char **s); /* *s becomes a copy in the arena */
size_t cull__utf8_one(const char *s, size_t n); /* bytes of its first character; 0 = it is none */
/* Refuses text that begins with a mark of UTF-16. */
cull_status cull__not_utf16(cull_ctx *cx, const char *path, const void *at, size_t n);
bool cull__utf8_ok(const char *s, size_t n, size_t *bad); /* *bad = first wrong byte */
/* s shortened to fit an error sentence, as UTF-8: control bytes and what is no character as '?'. Returns buf. */
const char *cull__quote(const char *s, size_t n, char *buf, size_t size);
typedef struct {
    cull_ctx *cx;
    char *at;
    size_t n;
    int64_t cap;
    cull_status status;
} cull_buf;
#define CULL_BUF(cx_)                                                                              \
    {                                                                                              \
        .cx = (cx_)                                                                                \
    }
/* Appends keep the first failure in status; `at` is NUL-terminated once anything was added. */
void cull__buf_add(cull_buf *b, const char *s, size_t n);
void cull__buf_printf(cull_buf *b, const char *fmt, ...) CULL_PRINTF(2, 3);
void cull__buf_free(cull_buf *b);

/* ---- JSON out ---- */
typedef struct {
    cull_buf b;
    int depth;
    bool comma[32];
    bool key;
} cull_json;
void cull__json_open(cull_json *j, char bracket);  /* '{' or '[' */
void cull__json_close(cull_json *j, char bracket); /* '}' or ']' */
void cull__json_key(cull_json *j, const char *k);
void cull__json_str(cull_json *j, const char *s); /* NULL writes null */
void cull__json_strn(cull_json *j, const char *s, size_t n);
void cull__json_f64(cull_json *j, double v); /* not finite writes null */
void cull__json_i64(cull_json *j, int64_t v);
void cull__json_bool(cull_json *j, bool v);
void cull__json_raw(cull_json *j, const char *json); /* already JSON */
/* Its end: the text in the arena, or the first failure; the buffer is given back. */
cull_status cull__json_done(cull_json *j, const char **out);

/* ---- dtypes ---- */
float cull__f16_to_f32(uint16_t h);
uint16_t cull__f32_to_f16(float f); /* round to nearest even */
static inline float cull__bf16_to_f32(uint16_t h)
{
    union {
        uint32_t u;
        float f;
    } v = {.u = (uint32_t)h << 16};
    return v.f;
}
uint16_t cull__f32_to_bf16(float f);

/* ---- results ---- */
cull_status cull__pick_new(cull_ctx *cx, int64_t n, cull_pick *out);
/* A block, not zeroed, that goes back with the pick; one at most. */
cull_status cull__pick_more(cull_ctx *cx, cull_pick *k, size_t bytes, void **out);
/* Room for stands and like of n rows: such a block. */
cull_status cull__pick_rows(cull_ctx *cx, cull_pick *k, int64_t n);

#ifdef __cplusplus
}
#endif
#endif

/* checkpoint_mask.c - masks of checkpoints: made of a dense one and a pruned one, and put on a third.
 *
 * Of each tensor that differs the file has a bit for each number, the lowest of a byte first, 1 = stays, and in its metadata dtype,
 * hash and shape of the dense tensor. Masks of networks (cull/ticket.h) are bytes 0 and 1 in the tensors' shapes. */
#include "repr/checkpoint_sparse.h"

#include <stdio.h>
#include <string.h>

enum { CHUNK = 131072 }; /* numbers; a multiple of 8 */

static int64_t bytes_of(int64_t bits) { return bits / 8 + (bits % 8 > 0); }
static int64_t chunks_of(int64_t n) { return n / CHUNK + (n % CHUNK > 0); }

static cull_status raw(cull_ctx *cx, const cull_checkpoint *ck, int64_t i, int64_t lo, int64_t hi,
                       uint8_t **out)
{
    int size = cull__tensor_width(cull_checkpoint_at(ck, i));
    CULL_TRY(CULL_TMP(cx, *out, (hi - lo) * size));
    return cull_checkpoint_raw(cx, ck, i, lo, hi - lo, *out);
}

/* ---- hashes: of each chunk, and of these ---- */

typedef struct {
    const cull_checkpoint *ck;
    int64_t i;
    cull_hash128 *part;
} hash_job;

static cull_status hash_chunk(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const hash_job *j = arg;
    int size = cull__tensor_width(cull_checkpoint_at(j->ck, j->i));
    uint8_t *at;
    CULL_TRY(raw(cx, j->ck, j->i, lo, hi, &at));
    j->part[c] = cull__hash128(at, (size_t)((hi - lo) * size));
    return CULL_OK;
}

static cull_status hash_of(cull_ctx *cx, const cull_checkpoint *ck, int64_t i, char hex[33])
{
    int64_t n = cull_checkpoint_at(ck, i)->n;
    hash_job j = {.ck = ck, .i = i};
    cull__mark_t mark = cull__mark(cx);
    cull_status s = CULL_TMP(cx, j.part, chunks_of(n));
    if (s == CULL_OK) s = cull__for(cx, n, CHUNK, hash_chunk, &j);
    if (s == CULL_OK)
        cull__hash_hex(cull__hash128(j.part, (size_t)chunks_of(n) * sizeof *j.part), hex);
    cull__release(cx, mark);
    return s;
}

static bool same_shape(const cull_tensor *a, const cull_tensor *b)
{
    return a->ndim == b->ndim && !memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape);
}

static const char *shape_text(const cull_tensor *t, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = 0;
    for (int d = 0; d < t->ndim && at + 24 < size; d++)
        at +=
            (size_t)snprintf(buf + at, size - at, "%s%lld", d ? " x " : "", (long long)t->shape[d]);
    return t->ndim ? buf : "a number";
}

/* Tensor `name` of ck, or the sentence. */
static cull_status find(cull_ctx *cx, const cull_checkpoint *ck, const char *name,
                        const char *whose, int64_t *out)
{
    int64_t near = -1;
    *out = cull_checkpoint_find(ck, name, &near);
    if (*out >= 0) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "%s has a tensor '%.100s' that %s has not%s%.100s%s", whose,
                      name, cull_checkpoint_path(ck), near < 0 ? "" : "; the nearest is '",
                      near < 0 ? "" : cull_checkpoint_at(ck, near)->name, near < 0 ? "" : "'");
}

/* ---- a mask is made ---- */

typedef struct {
    const cull_checkpoint *dense, *pruned;
    int64_t i, k; /* the tensor in both */
    int64_t to;   /* in the file */
    cull_checkpoint_writer *w;
    uint8_t *differs; /* chunks */
    int64_t *zeros;   /* chunks */
} make_job;

static bool is_zero(const uint8_t *at, int size)
{
    static const uint8_t zero[8];
    return !memcmp(at, zero, (size_t)size);
}

/* Where the two differ, the pruned one is 0. */
static cull_status compare_chunk(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const make_job *j = arg;
    int size = cull__tensor_width(cull_checkpoint_at(j->dense, j->i));
    uint8_t *a, *b;
    CULL_TRY(raw(cx, j->dense, j->i, lo, hi, &a));
    CULL_TRY(raw(cx, j->pruned, j->k, lo, hi, &b));
    j->differs[c] = memcmp(a, b, (size_t)((hi - lo) * size)) != 0;
    j->zeros[c] = 0;
    for (int64_t n = 0; n < hi - lo; n++) {
        const uint8_t *x = a + n * size, *y = b + n * size;
        bool zero = is_zero(y, size);
        j->zeros[c] += zero;
        if (!zero && memcmp(x, y, (size_t)size))
            return cull__fail(cx, CULL_EINPUT,
                              "%s: number %lld of '%.100s' is neither 0 nor what it is in %s: it "
                              "was not pruned alone",
                              cull_checkpoint_path(j->pruned), (long long)(lo + n),
                              cull_checkpoint_at(j->dense, j->i)->name,
                              cull_checkpoint_path(j->dense));
    }
    return CULL_OK;
}

static cull_status bits_chunk(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const make_job *j = arg;
    int size = cull__tensor_width(cull_checkpoint_at(j->dense, j->i));
    uint8_t *b, *bits;
    (void)c;
    CULL_TRY(raw(cx, j->pruned, j->k, lo, hi, &b));
    CULL_TRY(CULL_TMP0(cx, bits, bytes_of(hi - lo)));
    for (int64_t n = 0; n < hi - lo; n++)
        if (!is_zero(b + n * size, size)) bits[n / 8] |= (uint8_t)(1 << n % 8);
    return cull_checkpoint_write_bytes(cx, j->w, j->to, (uint64_t)(lo / 8), bits,
                                       (uint64_t)bytes_of(hi - lo));
}

static cull_status add_mask(cull_ctx *cx, cull__specs *specs, const make_job *j)
{
    const cull_tensor *t = cull_checkpoint_at(j->dense, j->i);
    char hex[33], text[256], *key;
    CULL_TRY(hash_of(cx, j->dense, j->i, hex));
    snprintf(text, sizeof text, "%s ", hex);
    CULL_TRY(cull__shape_put(cx, t, text, sizeof text));
    CULL_TRY(CULL_TMP(cx, key, (int64_t)(strlen(t->name) + sizeof CULL__MASK_KEY + 1)));
    sprintf(key, CULL__MASK_KEY ":%s", t->name);
    CULL_TRY(cull__specs_meta(cx, specs, key, text));
    cull_tensor bits = {.name = t->name,
                        .dtype = "U8",
                        .ndim = 1,
                        .shape = {bytes_of(t->n)},
                        .n = bytes_of(t->n),
                        .bytes = (uint64_t)bytes_of(t->n)};
    return cull__specs_add(cx, specs, &bits);
}

/* Tensor i: whether it needs a mask, which is added to the list then. */
static cull_status compare(cull_ctx *cx, make_job *j, cull__specs *specs, cull_pack_report *r,
                           bool *needs)
{
    const cull_tensor *t = cull_checkpoint_at(j->dense, j->i), *u;
    char a[200], b[200];
    int64_t zeros = 0;
    CULL_TRY(find(cx, j->pruned, t->name, cull_checkpoint_path(j->dense), &j->k));
    u = cull_checkpoint_at(j->pruned, j->k);
    if (strcmp(t->dtype, u->dtype) || !same_shape(t, u))
        return cull__fail(cx, CULL_EINPUT, "'%.100s' is %s of %s in %s, and %s of %s in %s",
                          t->name, shape_text(t, a, sizeof a), t->dtype,
                          cull_checkpoint_path(j->dense), shape_text(u, b, sizeof b), u->dtype,
                          cull_checkpoint_path(j->pruned));
    *needs = false;
    if (!cull__tensor_width(t)) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, j->differs, chunks_of(t->n)));
    CULL_TRY(CULL_TMP(cx, j->zeros, chunks_of(t->n)));
    CULL_TRY(cull__for(cx, t->n, CHUNK, compare_chunk, j));
    for (int64_t c = 0; c < chunks_of(t->n); c++) {
        *needs |= j->differs[c];
        zeros += j->zeros[c];
    }
    if (!*needs) return CULL_OK;
    r->packed++;
    r->numbers += t->n;
    r->zeros += zeros;
    r->written += (uint64_t)bytes_of(t->n);
    return add_mask(cx, specs, j);
}

static cull_status write_masks(cull_ctx *cx, make_job *j, const cull__specs *specs)
{
    for (j->to = 0; j->to < specs->n; j->to++) {
        const char *name = specs->t[j->to].name;
        CULL_TRY(cull__tick(cx, (double)j->to, (double)specs->n));
        j->i = cull_checkpoint_find(j->dense, name, NULL);
        j->k = cull_checkpoint_find(j->pruned, name, NULL);
        CULL_TRY(cull__for(cx, cull_checkpoint_at(j->dense, j->i)->n, CHUNK, bits_chunk, j));
        cull_checkpoint_done(j->pruned, j->k);
    }
    return CULL_OK;
}

static cull_status make(cull_ctx *cx, make_job *j, const char *out, cull__specs *specs,
                        cull_pack_report *r)
{
    int64_t n = cull_checkpoint_count(j->dense);
    CULL_TRY(cull__specs_meta(cx, specs, "format", "pt"));
    CULL_TRY(cull__specs_meta(cx, specs, CULL__MASK_KEY, "1"));
    for (j->i = 0; j->i < n; j->i++) {
        bool needs;
        CULL_TRY(cull__tick(cx, (double)j->i, (double)n));
        CULL_TRY(compare(cx, j, specs, r, &needs));
        r->tensors++;
        r->dense += cull_checkpoint_at(j->dense, j->i)->bytes;
        cull_checkpoint_done(j->dense, j->i);
        cull_checkpoint_done(j->pruned, j->k);
    }
    for (int64_t k = 0, i; k < cull_checkpoint_count(j->pruned); k++)
        CULL_TRY(find(cx, j->dense, cull_checkpoint_at(j->pruned, k)->name,
                      cull_checkpoint_path(j->pruned), &i));
    CULL_TRY(cull__specs_create(cx, specs, out, NULL, 0, &j->w));
    return cull_checkpoint_finish(cx, j->w, write_masks(cx, j, specs));
}

cull_status cull_checkpoint_mask(cull_ctx *cx, const cull_checkpoint *dense,
                                 const cull_checkpoint *pruned, const char *out,
                                 cull_pack_report *report)
{
    cull_pack_report own;
    make_job j = {.dense = dense, .pruned = pruned};
    cull__specs specs = {0};
    if (!report) report = &own;
    *report = (cull_pack_report){0};
    CULL_TRY(cull_checkpoint_apart(cx, dense, out));
    CULL_TRY(cull_checkpoint_apart(cx, pruned, out));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = make(cx, &j, out, &specs, report);
    cull__specs_free(&specs);
    cull__release(cx, mark);
    return s;
}

/* ---- a mask is put on ---- */

bool cull_checkpoint_is_mask(const cull_checkpoint *ck)
{
    return cull_checkpoint_meta(ck, CULL__MASK_KEY) != NULL;
}

typedef struct {
    const cull_checkpoint *mask, *ck;
    int64_t *of;    /* of each tensor: its mask, or -1 */
    uint8_t *bytes; /* of each tensor: the mask is bytes, not bits */
    int64_t i;
    int64_t *zeros; /* chunks */
    cull_checkpoint_writer *w;
} put_job;

static cull_status other_model(cull_ctx *cx, const put_job *j, const cull_tensor *t,
                               const cull_tensor *want)
{
    char a[200], b[200];
    return cull__fail(cx, CULL_EINPUT,
                      "%s is a mask of another model: '%.100s' is %s there, and %s in %s",
                      cull_checkpoint_path(j->mask), t->name, shape_text(want, a, sizeof a),
                      shape_text(t, b, sizeof b), cull_checkpoint_path(j->ck));
}

static cull_status damaged(cull_ctx *cx, const put_job *j, const char *name)
{
    return cull__fail(cx, CULL_EIO, "%s: what it says of '%.100s' is damaged",
                      cull_checkpoint_path(j->mask), name);
}

/* Mask k, of bits, fits tensor t of ck. */
static cull_status check_bits(cull_ctx *cx, const put_job *j, int64_t k, const cull_tensor *t,
                              const char *text, bool any_values)
{
    char dtype[16], hex[33];
    const cull_tensor *m = cull_checkpoint_at(j->mask, k);
    cull_tensor want = {0};
    if (strlen(text) < 34 || text[32] != ' ' ||
        !cull__shape_get(text + 33, dtype, want.shape, &want.ndim, &want.n) ||
        m->n != bytes_of(want.n) || strcmp(m->dtype, "U8"))
        return damaged(cx, j, m->name);
    if (!same_shape(t, &want)) return other_model(cx, j, t, &want);
    if (any_values) return CULL_OK;
    CULL_TRY(hash_of(cx, j->ck, cull_checkpoint_find(j->ck, t->name, NULL), hex));
    if (!strcmp(t->dtype, dtype) && !strncmp(hex, text, 32)) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT,
                      "%s is a mask of other values: '%.100s' in %s is not what it was made of "
                      "(any values can be allowed: --force)",
                      cull_checkpoint_path(j->mask), t->name, cull_checkpoint_path(j->ck));
}

static cull_status check_mask(cull_ctx *cx, put_job *j, int64_t k, bool any_values)
{
    const cull_tensor *m = cull_checkpoint_at(j->mask, k);
    char *key;
    int64_t i;
    CULL_TRY(find(cx, j->ck, m->name, cull_checkpoint_path(j->mask), &i));
    const cull_tensor *t = cull_checkpoint_at(j->ck, i);
    if (!cull__tensor_width(t)) return other_model(cx, j, t, m);
    CULL_TRY(CULL_TMP(cx, key, (int64_t)(strlen(m->name) + sizeof CULL__MASK_KEY + 1)));
    sprintf(key, CULL__MASK_KEY ":%s", m->name);
    const char *text = cull_checkpoint_meta(j->mask, key);
    j->of[i] = k;
    j->bytes[i] = !text;
    if (text) return check_bits(cx, j, k, t, text, any_values);
    if (strcmp(m->dtype, "U8") && strcmp(m->dtype, "BOOL")) return damaged(cx, j, m->name);
    return same_shape(t, m) ? CULL_OK : other_model(cx, j, t, m);
}

static cull_status put_chunk(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const put_job *j = arg;
    size_t size = (size_t)cull__tensor_width(cull_checkpoint_at(j->ck, j->i));
    uint8_t *x, *mask;
    bool bytes = j->bytes[j->i];
    int64_t count = bytes ? hi - lo : bytes_of(hi - lo);
    CULL_TRY(raw(cx, j->ck, j->i, lo, hi, &x));
    CULL_TRY(CULL_TMP(cx, mask, count));
    CULL_TRY(cull_checkpoint_raw(cx, j->mask, j->of[j->i], bytes ? lo : lo / 8, count, mask));
    j->zeros[c] = 0;
    for (int64_t n = 0; n < hi - lo; n++) {
        if (bytes && mask[n] > 1) return damaged(cx, j, cull_checkpoint_at(j->ck, j->i)->name);
        if (bytes ? mask[n] : mask[n / 8] >> n % 8 & 1) continue;
        memset(x + (size_t)n * size, 0, size);
        j->zeros[c]++;
    }
    return cull_checkpoint_write_bytes(cx, j->w, j->i, (uint64_t)lo * size, x,
                                       (uint64_t)(hi - lo) * size);
}

static cull_status put_all(cull_ctx *cx, put_job *j, cull_pack_report *r)
{
    int64_t n = cull_checkpoint_count(j->ck);
    for (j->i = 0; j->i < n; j->i++) {
        int64_t numbers = cull_checkpoint_at(j->ck, j->i)->n;
        CULL_TRY(cull__tick(cx, (double)j->i, (double)n));
        if (j->of[j->i] < 0) {
            CULL_TRY(cull_checkpoint_copy(cx, j->w, j->i, j->ck, j->i));
            continue;
        }
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(CULL_TMP(cx, j->zeros, chunks_of(numbers)));
        CULL_TRY(cull__for(cx, numbers, CHUNK, put_chunk, j));
        for (int64_t c = 0; c < chunks_of(numbers); c++) r->zeros += j->zeros[c];
        r->numbers += numbers;
        r->packed++;
        cull__release(cx, mark);
        cull_checkpoint_done(j->ck, j->i);
    }
    return CULL_OK;
}

/* Every mask is one of a tensor of ck. */
static cull_status fit(cull_ctx *cx, put_job *j, bool any_values)
{
    int64_t n = cull_checkpoint_count(j->ck);
    CULL_TRY(CULL_TMP(cx, j->of, n));
    CULL_TRY(CULL_TMP0(cx, j->bytes, n));
    for (int64_t i = 0; i < n; i++) j->of[i] = -1;
    for (int64_t k = 0; k < cull_checkpoint_count(j->mask); k++)
        CULL_TRY(check_mask(cx, j, k, any_values));
    return CULL_OK;
}

static cull_status put(cull_ctx *cx, put_job *j, const char *out, cull__specs *specs,
                       const cull_pack_opts *o, cull_pack_report *r)
{
    int64_t n = cull_checkpoint_count(j->ck);
    CULL_TRY(fit(cx, j, o && o->any_values));
    CULL_TRY(cull__specs_meta_of(cx, specs, j->ck));
    for (int64_t i = 0; i < n; i++) {
        const cull_tensor *t = cull_checkpoint_at(j->ck, i);
        CULL_TRY(cull__specs_add(cx, specs, t));
        r->tensors++;
        r->dense += t->bytes;
        r->written += t->bytes;
    }
    CULL_TRY(cull__specs_create(cx, specs, out, o && o->like ? o->like : j->ck,
                                o ? o->shard_bytes : 0, &j->w));
    return cull_checkpoint_finish(cx, j->w, put_all(cx, j, r));
}

static cull_status no_mask(cull_ctx *cx, const cull_checkpoint *mask)
{
    return cull__fail(cx, CULL_EINPUT, "%s is no mask (its metadata has no " CULL__MASK_KEY ")",
                      cull_checkpoint_path(mask));
}

cull_status cull_checkpoint_mask_of(cull_ctx *cx, const cull_checkpoint *mask,
                                    const cull_checkpoint *ck)
{
    put_job j = {.mask = mask, .ck = ck};
    if (!cull_checkpoint_is_mask(mask)) return no_mask(cx, mask);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = fit(cx, &j, false);
    cull__release(cx, mark);
    return s;
}

cull_status cull_checkpoint_masked(cull_ctx *cx, const cull_checkpoint *mask,
                                   const cull_checkpoint *ck, const char *out,
                                   const cull_pack_opts *opts, cull_pack_report *report)
{
    cull_pack_report own;
    put_job j = {.mask = mask, .ck = ck};
    cull__specs specs = {0};
    if (!report) report = &own;
    *report = (cull_pack_report){0};
    if (!cull_checkpoint_is_mask(mask)) return no_mask(cx, mask);
    CULL_TRY(cull_checkpoint_apart(cx, mask, out));
    CULL_TRY(cull_checkpoint_apart(cx, ck, out));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = put(cx, &j, out, &specs, opts, report);
    cull__specs_free(&specs);
    cull__release(cx, mark);
    return s;
}

/* checkpoint_made.c - what cull itself wrote into a checkpoint or beside it, verified: packed tensors, masks, the manifest of what
 * was chosen. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/io.h"
#include "repr/checkpoint_place.h"
#include "repr/checkpoint_sparse.h"
#include "repr/checkpoint_verify.h"
#include "repr/narrow.h"

/* ---- packed tensors ---- */

static cull_status unpack_chunk(cull_ctx *cx, void *arg, int64_t c, int64_t lo, int64_t hi)
{
    const cull__packed *p = arg;
    uint8_t *out;
    (void)c;
    CULL_TRY(CULL_TMP(cx, out, (hi - lo) * p->form.size));
    return cull__packed_read(cx, p, lo, hi - lo, out);
}

cull_status cull__verify_packed(cull__verifying *v, bool *bad)
{
    const cull_checkpoint *ck = v->ck;
    for (int64_t i = 0; ck->packed && i < ck->n; i++) {
        if (ck->at[i]) continue;
        cull__packed p = ck->packed[i].p;
        cull_status s = cull__for(v->cx, p.form.n, CULL__SEGMENT, unpack_chunk, &p);
        if (s != CULL_OK && s != CULL_EIO) return s;
        bad[i] = s != CULL_OK;
        const char *why = s == CULL_OK ? "" : strstr(cull_error(v->cx), ": ");
        if (bad[i]) cull__verify_tell(v, true, ck->name[i], "%s", why ? why + 2 : "it is damaged");
        cull_checkpoint_done(ck, i);
    }
    return CULL_OK;
}

/* ---- masks ---- */

static bool of_hex(const char *s, size_t n) { return strspn(s, "0123456789abcdef") >= n; }

/* Bits behind the last number; of masks of bytes, what is neither 0 nor 1. */
static void check_bits(cull__verifying *v, int64_t i, int64_t n)
{
    const unsigned char *at = cull_checkpoint_bytes(v->ck, i);
    if (n % 8 && at[n / 8] >> n % 8)
        cull__verify_tell(v, true, v->ck->name[i], "it has bits behind its %" PRId64 " numbers", n);
}

static void check_bytes(cull__verifying *v, int64_t i)
{
    const unsigned char *at = cull_checkpoint_bytes(v->ck, i);
    uint64_t k = 0, n = v->ck->t[i].bytes;
    while (k < n && at[k] <= 1) k++;
    if (k < n)
        cull__verify_tell(v, true, v->ck->name[i], "byte %" PRIu64 " of the mask is %d, not 0 or 1",
                          k, at[k]);
}

static cull_status check_mask(cull__verifying *v, int64_t i)
{
    const cull_tensor *t = v->ck->t + i;
    char *key, dtype[16];
    int64_t shape[8], n;
    int ndim;
    CULL_TRY(CULL_TMP(v->cx, key, (int64_t)(strlen(t->name) + sizeof CULL__MASK_KEY + 1)));
    sprintf(key, CULL__MASK_KEY ":%s", t->name);
    const char *text = cull_checkpoint_meta(v->ck, key);
    if (!v->ck->at[i] || (strcmp(t->dtype, "U8") && (text || strcmp(t->dtype, "BOOL")))) {
        cull__verify_tell(v, true, t->name, "a mask is U8, and this is %s", t->dtype);
    } else if (!text) {
        check_bytes(v, i);
    } else if (strlen(text) < 34 || !of_hex(text, 32) || text[32] != ' ' ||
               !cull__shape_get(text + 33, dtype, shape, &ndim, &n)) {
        cull__verify_tell(
            v, true, t->name,
            "its metadata '%.80s' is no hash, dtype and shape of what it is a mask of", text);
    } else if (t->n != n / 8 + (n % 8 > 0)) {
        cull__verify_tell(
            v, true, t->name,
            "%" PRId64 " bytes are no mask of the %" PRId64 " numbers of its metadata", t->n, n);
    } else {
        check_bits(v, i, n);
    }
    return CULL_OK;
}

cull_status cull__verify_mask(cull__verifying *v)
{
    if (!cull_checkpoint_is_mask(v->ck)) return CULL_OK;
    for (int64_t i = 0; i < v->ck->n; i++) {
        cull__mark_t mark = cull__mark(v->cx);
        cull_status s = check_mask(v, i);
        cull__release(v->cx, mark);
        CULL_TRY(s);
    }
    return CULL_OK;
}

/* ---- the manifest ---- */

enum { CHANNELS, HEADS, LAYERS, EXPERTS, KINDS };
typedef struct {
    cull__verifying *v;
    const char *path;
    int of;
    const cull__narrow *ffn; /* feed-forward layers, of channels */
    char prefix[256];        /* of the block that is read */
    int64_t units, before;
    bool wrong;
} manifest;

static void tell(manifest *m, const char *what)
{
    if (!m->wrong) cull__verify_tell(m->v, true, NULL, "%s: %s", m->path, what);
    m->wrong = true;
}

static bool inside(const manifest *m, const char *name)
{
    size_t n = strlen(m->prefix);
    return !n || (!strncmp(name, m->prefix, n) && name[n] == '.');
}

/* How many units of the block there are: of heads what the config says. -1 = nothing says. */
static int64_t units_of(const manifest *m)
{
    const cull_checkpoint *ck = m->v->ck;
    int64_t most = -1;
    if (m->of == HEADS) return m->v->config.groups;
    for (int64_t b = 0; m->ffn && b < m->ffn->blocks; b++)
        if (!strcmp(m->ffn->block[b].prefix, m->prefix)) return m->ffn->block[b].units;
    for (int64_t i = 0; m->of != CHANNELS && i < ck->n; i++) {
        const cull_tensor *t = ck->t + i;
        int64_t here = -1;
        if (!inside(m, t->name)) continue;
        if (m->of == LAYERS)
            here = t->layer + 1;
        else
            here = t->expert >= 0 ? t->expert + 1 : t->ndim == 3 ? t->shape[0] : -1;
        if (here > most) most = here;
    }
    return most;
}

/* One that is kept; those of experts are lists. */
static bool read_unit(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    manifest *m = arg;
    int64_t u;
    (void)key, (void)key_n;
    if (cull__json_kind(v) == CULL__JSON_ARRAY && m->of == EXPERTS) return true;
    if (!cull__json_integer(v, &u) || u <= m->before || u >= m->units)
        tell(m, "a block keeps units that are not there, or not in order");
    m->before = u;
    return !m->wrong;
}

static bool read_block(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    manifest *m = arg;
    cull__json_value prefix, units, kept;
    size_t n = 0;
    char text[512];
    (void)key, (void)key_n;
    if (cull__json_kind(v) != CULL__JSON_OBJECT || !cull__json_get(v, "prefix", &prefix) ||
        cull__json_kind(prefix) != CULL__JSON_STRING || !cull__json_get(v, "kept", &kept) ||
        cull__json_kind(kept) != CULL__JSON_ARRAY ||
        !cull__json_get(v, m->of == EXPERTS ? "experts" : "units", &units) ||
        !cull__json_integer(units, &m->units)) {
        tell(m, "a block lacks its prefix, its units or those that are kept");
        return false;
    }
    const char *s = cull__json_string(prefix, &n);
    cull__quote(s, n, m->prefix, sizeof m->prefix);
    m->before = -1;
    cull__json_each(kept, read_unit, m);
    if (m->wrong) return false;
    int64_t want = cull__json_count(kept), has = units_of(m);
    if (has == want) return true;
    snprintf(text, sizeof text,
             "'%.200s' kept %" PRId64 " of %" PRId64 " units, and here it has %" PRId64, m->prefix,
             want, m->units, has < 0 ? 0 : has);
    tell(m, text);
    return false;
}

static cull_status read_root(void *user, cull__json_value root)
{
    static const char *const kinds[KINDS] = {"channels", "groups of heads", "layers", "experts"};
    manifest *m = user;
    cull__json_value v;
    size_t n = 0;
    const char *s = "";
    if (cull__json_get(root, "of", &v) && cull__json_kind(v) == CULL__JSON_STRING)
        s = cull__json_string(v, &n);
    cull__narrow *ffn;
    while (m->of < KINDS && (strlen(kinds[m->of]) != n || memcmp(kinds[m->of], s, n))) m->of++;
    if (m->of == KINDS)
        tell(m, "it does not say of what it is: channels, groups of heads, layers, experts");
    else if (!cull__json_get(root, "blocks", &v) || cull__json_kind(v) != CULL__JSON_ARRAY)
        tell(m, "it has no list of blocks");
    if (m->wrong) return CULL_OK;
    if (m->of == CHANNELS) {
        CULL_TRY(cull__narrow_ffn(m->v->cx, m->v->ck, &ffn));
        m->ffn = ffn;
    }
    cull__json_each(v, read_block, m);
    return CULL_OK;
}

cull_status cull__verify_manifest(cull__verifying *v)
{
    manifest m = {.v = v};
    char *path;
    cull__bytes b;
    CULL_TRY(cull__place_manifest(v->cx, v->ck, &path));
    if (access(path, F_OK) != 0) return CULL_OK;
    m.path = path;
    cull_status s = cull__bytes_open(v->cx, path, &b);
    if (s == CULL_OK) {
        s = cull__json_file(v->cx, path, b.at, b.n, read_root, &m);
        cull__bytes_close(&b);
    }
    if (s == CULL_OK || s == CULL_ENOMEM) return s;
    cull__verify_tell(v, true, NULL, "%s", cull_error(v->cx));
    return CULL_OK;
}

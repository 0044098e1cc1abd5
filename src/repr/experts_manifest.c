/* experts_manifest.c - which experts a smaller checkpoint has, as JSON that reads back: see experts_cut.h.
 *
 * {"cull": "manifest", "of": "experts", "method": ..., "router": "rows" or "groups", "aligned": true, "tensors": ..., "blocks": [{"prefix":
 * ..., "experts": 8, "kept": [[0], [2, 5]], "weights": [[1], [0.75, 0.25]]}]}: of each new expert the old ones that it is
 * made of, its head first, and their shares. router = groups: the router kept a row for each old expert, and probabilities
 * of a group are to be added up. */
#include "io/io.h"
#include "repr/experts_cut.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- writing ---- */

static void write_groups(cull_json *j, const cull__moe_cut *c, int64_t experts, bool weights)
{
    cull__json_open(j, '[');
    for (int64_t g = 0; g < c->kept; g++) {
        cull__json_open(j, '[');
        for (int64_t i = -1; i < experts; i++) {
            int64_t e = i < 0 ? c->head[g] : i;
            if (c->group[e] != g || (i >= 0 && e == c->head[g])) continue;
            if (weights)
                cull__json_f64(j, c->weight[e]);
            else
                cull__json_i64(j, e);
        }
        cull__json_close(j, ']');
    }
    cull__json_close(j, ']');
}

cull_status cull__moe_manifest(cull_ctx *cx, const char *slug, const cull_checkpoint *ck,
                               const cull__moe *m, const cull__moe_cut *cut, bool whole,
                               bool aligned, const char **out)
{
    cull_json j = {.b = CULL_BUF(cx)};
    cull__json_open(&j, '{');
    cull__json_key(&j, "cull"), cull__json_str(&j, "manifest");
    cull__json_key(&j, "of"), cull__json_str(&j, "experts");
    cull__json_key(&j, "method"), cull__json_str(&j, slug);
    cull__json_key(&j, "router"), cull__json_str(&j, whole ? "groups" : "rows");
    cull__json_key(&j, "aligned"), cull__json_bool(&j, aligned);
    cull__json_key(&j, "tensors"), cull__json_i64(&j, cull_checkpoint_count(ck));
    cull__json_key(&j, "blocks"), cull__json_open(&j, '[');
    for (int64_t b = 0; b < m->blocks; b++) {
        cull__json_open(&j, '{');
        cull__json_key(&j, "prefix"), cull__json_str(&j, m->block[b].prefix);
        cull__json_key(&j, "experts"), cull__json_i64(&j, m->block[b].experts);
        cull__json_key(&j, "kept"), write_groups(&j, cut + b, m->block[b].experts, false);
        cull__json_key(&j, "weights"), write_groups(&j, cut + b, m->block[b].experts, true);
        cull__json_close(&j, '}');
    }
    cull__json_close(&j, ']'), cull__json_close(&j, '}');
    return cull__json_done(&j, out);
}

/* ---- reading ---- */

typedef struct {
    cull_ctx *cx;
    const cull__moe *m;
    cull__moe_cut *cut;
    bool *whole, *aligned;
    int64_t block, group, at; /* where the reading is */
    bool weights;
    cull_status s;
} reading;

static cull_status wrong(reading *r, const char *what)
{
    return r->s = cull__fail(r->cx, CULL_EINPUT, "the manifest's block '%.160s' %s",
                             r->m->block[r->block].prefix, what);
}

static bool read_member(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    reading *r = arg;
    cull__moe_cut *c = r->cut + r->block;
    int64_t experts = r->m->block[r->block].experts, e;
    (void)key, (void)key_n;
    if (r->weights) { /* in the order in which members were read */
        double by;
        if (!cull__json_number(v, &by) || !isfinite(by))
            return !wrong(r, "has a weight that is no number");
        for (e = 0; e < experts && c->weight[e] != -1 - (double)r->at; e++)
            ;
        if (e == experts) return !wrong(r, "has more weights than experts");
        c->weight[e] = by;
        r->at++;
        return true;
    }
    if (!cull__json_integer(v, &e) || e < 0 || e >= experts || c->group[e] >= 0)
        return !wrong(r, "keeps an expert twice, or one that is not there");
    if (c->head[r->group] < 0) c->head[r->group] = (int32_t)e;
    c->group[e] = (int32_t)r->group;
    c->weight[e] = -1 - (double)r->at++;
    return true;
}

static bool read_group(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    reading *r = arg;
    (void)key, (void)key_n;
    if (cull__json_kind(v) != CULL__JSON_ARRAY || !cull__json_count(v))
        return !wrong(r, "has a group that is no list of experts");
    cull__json_each(v, read_member, r);
    r->group++;
    return r->s == CULL_OK;
}

static cull_status read_lists(reading *r, cull__json_value o)
{
    cull__json_value kept, weights;
    cull__moe_cut *c = r->cut + r->block;
    int64_t experts = r->m->block[r->block].experts;
    if (!cull__json_get(o, "kept", &kept) || cull__json_kind(kept) != CULL__JSON_ARRAY ||
        !cull__json_get(o, "weights", &weights) || cull__json_kind(weights) != CULL__JSON_ARRAY)
        return wrong(r, "has no lists 'kept' and 'weights'");
    if (c->kept) return wrong(r, "stands there twice");
    c->kept = cull__json_count(kept);
    if (c->kept < 1 || c->kept > experts)
        return wrong(r, "keeps none of its experts, or more than there are");
    for (int64_t e = 0; e < experts; e++) c->group[e] = c->head[e] = -1, c->weight[e] = 0;
    r->group = r->at = 0, r->weights = false;
    cull__json_each(kept, read_group, r);
    if (r->s != CULL_OK) return r->s;
    int64_t had = r->at;
    r->group = r->at = 0, r->weights = true;
    cull__json_each(weights, read_group, r);
    if (r->s == CULL_OK && r->at != had) return wrong(r, "has fewer weights than experts");
    for (int64_t g = 1; g < c->kept && r->s == CULL_OK; g++)
        if (c->head[g] < c->head[g - 1]) return wrong(r, "has groups that are not in order");
    return r->s;
}

static bool read_block(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    reading *r = arg;
    cull__json_value p, e;
    size_t n = 0;
    int64_t experts;
    const char *prefix = "";
    char shown[200];
    (void)key, (void)key_n;
    if (cull__json_get(v, "prefix", &p) && cull__json_kind(p) == CULL__JSON_STRING)
        prefix = cull__json_string(p, &n);
    for (r->block = 0; r->block < r->m->blocks; r->block++) {
        const char *own = r->m->block[r->block].prefix;
        if (strlen(own) == n && !memcmp(own, prefix, n)) break;
    }
    if (r->block == r->m->blocks) {
        r->s =
            cull__fail(r->cx, CULL_EINPUT,
                       "the manifest is of another model: its block '%s' is not here; '%.160s' is",
                       cull__quote(prefix, n, shown, sizeof shown), r->m->block[0].prefix);
        return false;
    }
    if (!cull__json_get(v, "experts", &e) || !cull__json_integer(e, &experts) ||
        experts != r->m->block[r->block].experts)
        return !wrong(r, "does not have as many experts as it has here");
    return read_lists(r, v) == CULL_OK;
}

static cull_status read_root(void *user, cull__json_value root)
{
    reading *r = user;
    cull__json_value v;
    size_t n;
    if (cull__json_kind(root) != CULL__JSON_OBJECT || !cull__json_get(root, "blocks", &v) ||
        cull__json_kind(v) != CULL__JSON_ARRAY)
        return cull__fail(r->cx, CULL_EINPUT, "the manifest has no list of blocks");
    if (cull__json_count(v) != r->m->blocks)
        return cull__fail(r->cx, CULL_EINPUT,
                          "the manifest is of another model: it has %" PRId64
                          " blocks of experts, this one %" PRId64,
                          cull__json_count(v), r->m->blocks);
    for (int64_t b = 0; b < r->m->blocks; b++) r->cut[b].kept = 0;
    cull__json_each(v, read_block, r);
    *r->whole = false;
    if (cull__json_get(root, "router", &v) && cull__json_kind(v) == CULL__JSON_STRING) {
        const char *s = cull__json_string(v, &n);
        *r->whole = n == 6 && !memcmp(s, "groups", 6);
    }
    *r->aligned = cull__json_get(root, "aligned", &v) && cull__json_kind(v) == CULL__JSON_BOOL &&
                  cull__json_truth(v);
    return r->s;
}

cull_status cull__moe_manifest_read(cull_ctx *cx, const char *text, const cull__moe *m,
                                    cull__moe_cut *cut, bool *whole, bool *aligned)
{
    reading r = {.cx = cx, .m = m, .cut = cut, .whole = whole, .aligned = aligned};
    return cull__json_file(cx, "the manifest", text, strlen(text), read_root, &r);
}

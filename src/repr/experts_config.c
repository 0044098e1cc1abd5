/* experts_config.c - what a model's config says of its experts: see experts_config.h. */
#include "repr/experts_config.h"
#include "io/io.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const counts[] = {"num_local_experts", "num_experts", "n_routed_experts",
                                     "moe_num_experts", "num_routed_experts"};
static const char *const tops[] = {"num_experts_per_tok",
                                   "num_experts_per_token",
                                   "moe_top_k",
                                   "moe_k",
                                   "num_selected_experts",
                                   "moe_topk",
                                   "top_k_experts"};
static const char *const acts[] = {"hidden_act", "hidden_activation", "activation_function",
                                   "dense_act_fn"};
enum { COUNTS = sizeof counts / sizeof *counts };

typedef struct {
    cull_ctx *cx;
    const char *path;
    cull__moe_config *c;
    bool truth_said;
} reading;

static bool first_integer(cull__json_value o, const char *const *key, size_t n, int64_t *out)
{
    cull__json_value v;
    for (size_t i = 0; i < n; i++)
        if (cull__json_get(o, key[i], &v) && cull__json_integer(v, out)) return true;
    return false;
}

static void read_object(reading *r, cull__json_value o)
{
    cull__moe_config *c = r->c;
    cull__json_value v;
    size_t n;
    if (!c->experts) first_integer(o, counts, COUNTS, &c->experts);
    if (!c->top) first_integer(o, tops, sizeof tops / sizeof *tops, &c->top);
    if (!r->truth_said && cull__json_get(o, "norm_topk_prob", &v) &&
        cull__json_kind(v) == CULL__JSON_BOOL)
        r->truth_said = true, c->renormalise = cull__json_truth(v);
    if (cull__json_get(o, "scoring_func", &v) && cull__json_kind(v) == CULL__JSON_STRING) {
        const char *s = cull__json_string(v, &n);
        c->sigmoid |= n == 7 && !memcmp(s, "sigmoid", 7);
    }
    if (c->groups == 1 && cull__json_get(o, "n_group", &v)) cull__json_integer(v, &c->groups);
    for (size_t i = 0; i < sizeof acts / sizeof *acts && !c->act[0]; i++) {
        if (!cull__json_get(o, acts[i], &v) || cull__json_kind(v) != CULL__JSON_STRING) continue;
        const char *s = cull__json_string(v, &n);
        snprintf(c->act, sizeof c->act, "%.*s", (int)n, s);
    }
}

static cull_status read_root(void *user, cull__json_value root)
{
    reading *r = user;
    cull__json_value inner;
    if (cull__json_kind(root) != CULL__JSON_OBJECT)
        return cull__fail(r->cx, CULL_EINPUT, "%s is no object", r->path);
    read_object(r, root);
    if (cull__json_get(root, "text_config", &inner) && cull__json_kind(inner) == CULL__JSON_OBJECT)
        read_object(r, inner);
    return CULL_OK;
}

cull_status cull__moe_config_read(cull_ctx *cx, const char *path, const char *text,
                                  cull__moe_config *out)
{
    *out = (cull__moe_config){.renormalise = true, .groups = 1};
    if (text) {
        reading r = {.cx = cx, .path = path, .c = out};
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(cull__json_file(cx, path, text, strlen(text), read_root, &r));
        cull__release(cx, mark);
    }
    if (!out->act[0]) strcpy(out->act, "silu");
    return CULL_OK;
}

/* Behind "key" at p, blanks and a colon: where its whole number stands, of *n digits; NULL = none does. */
static const char *number_at(const char *p, size_t *n)
{
    p += strspn(p, " \t\r\n");
    if (*p != ':') return NULL;
    p++;
    p += strspn(p, " \t\r\n");
    *n = strspn(p, "0123456789");
    return *n && p[*n] != '.' && p[*n] != 'e' && p[*n] != 'E' ? p : NULL;
}

/* The next count of experts at or behind p that is `was`; NULL when there is none. */
static const char *next_count(const char *p, const char *was, size_t *n)
{
    for (; (p = strchr(p, '"')); p++)
        for (int k = 0; k < COUNTS; k++) {
            size_t key = strlen(counts[k]);
            if (strncmp(p + 1, counts[k], key) || p[1 + key] != '"') continue;
            const char *at = number_at(p + key + 2, n);
            if (at && strlen(was) == *n && !memcmp(at, was, *n)) return at;
        }
    return NULL;
}

cull_status cull__moe_config_edit(cull_ctx *cx, const char *text, int64_t from, int64_t to,
                                  const char **out)
{
    cull_buf b = CULL_BUF(cx);
    char was[24], *copy;
    size_t n;
    snprintf(was, sizeof was, "%" PRId64, from);
    for (const char *at; (at = next_count(text, was, &n)); text = at + n) {
        cull__buf_add(&b, text, (size_t)(at - text));
        cull__buf_printf(&b, "%" PRId64, to);
    }
    cull__buf_add(&b, text, strlen(text));
    cull_status s = b.status;
    if (s == CULL_OK) s = CULL_TMP(cx, copy, (int64_t)b.n + 1);
    if (s == CULL_OK) {
        memcpy(copy, b.n ? b.at : "", b.n);
        copy[b.n] = 0;
        *out = copy;
    }
    cull__buf_free(&b);
    return s;
}

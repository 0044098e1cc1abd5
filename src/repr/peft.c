/* peft.c - low-rank adapters as the PEFT package saves them: see peft.h. */
#include "repr/peft.h"
#include "cull/checkpoint_look.h"
#include "io/io.h"
#include "repr/checkpoint.h"
#include "repr/checkpoint_config.h"

#include <inttypes.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- adapter_config.json ---- */

typedef struct {
    cull_ctx *cx;
    const char *path;
    cull__peft_config *c;
    cull__peft_rule *rule; /* the pattern that is read */
    int64_t rules;
    cull_status s;
} reading;

static bool truth(cull__json_value o, const char *key)
{
    cull__json_value v;
    return cull__json_get(o, key, &v) && cull__json_kind(v) == CULL__JSON_BOOL &&
           cull__json_truth(v);
}

static cull_status positive(reading *r, cull__json_value o, const char *key, double *out)
{
    cull__json_value v;
    if (!cull__json_get(o, key, &v) || !cull__json_number(v, out) || !(*out > 0) || !isfinite(*out))
        return cull__fail(r->cx, CULL_EINPUT, "%s: '%s' is no number above 0", r->path, key);
    return CULL_OK;
}

static bool read_rule(void *arg, const char *key, size_t key_n, cull__json_value v)
{
    reading *r = arg;
    cull__peft_rule *u = r->rule + r->rules++;
    char *copy, shown[64];
    r->s = CULL_TMP(r->cx, copy, (int64_t)key_n + 1);
    if (r->s != CULL_OK) return false;
    memcpy(copy, key, key_n);
    copy[key_n] = 0;
    u->key = copy;
    if (!cull__json_number(v, &u->value) || !(u->value > 0) || !isfinite(u->value))
        r->s = cull__fail(r->cx, CULL_EINPUT, "%s: the pattern '%s' gives no number above 0",
                          r->path, cull__quote(key, key_n, shown, sizeof shown));
    return r->s == CULL_OK;
}

static cull_status read_rules(reading *r, cull__json_value o, const char *key,
                              cull__peft_rule **rule, int64_t *n)
{
    cull__json_value v;
    *rule = NULL, *n = 0;
    if (!cull__json_get(o, key, &v) || cull__json_kind(v) == CULL__JSON_NULL) return CULL_OK;
    if (cull__json_kind(v) != CULL__JSON_OBJECT)
        return cull__fail(r->cx, CULL_EINPUT, "%s: '%s' is no object", r->path, key);
    CULL_TRY(CULL_TMP(r->cx, *rule, cull__json_count(v)));
    r->rule = *rule, r->rules = 0, r->s = CULL_OK;
    cull__json_each(v, read_rule, r);
    *n = r->rules;
    return r->s;
}

/* These starts take what A and B hold at first out of the base's weights, which PEFT does again when it loads them. */
static cull_status own_base(const reading *r, cull__json_value root)
{
    static const char *const starts[] = {"pissa", "olora", "corda", "loftq", "lora_ga"};
    cull__json_value v;
    size_t n;
    if (!cull__json_get(root, "init_lora_weights", &v) || cull__json_kind(v) != CULL__JSON_STRING)
        return CULL_OK;
    const char *start = cull__json_string(v, &n);
    for (size_t k = 0; k < sizeof starts / sizeof *starts; k++) {
        char shown[64];
        if (n < strlen(starts[k]) || strncasecmp(start, starts[k], strlen(starts[k]))) continue;
        return cull__fail(
            r->cx, CULL_EINPUT,
            "%s: init_lora_weights is '%s': the adapter belongs to a base of other "
            "weights; save it from PEFT with path_initial_model_for_weight_conversion",
            r->path, cull__quote(start, n, shown, sizeof shown));
    }
    return CULL_OK;
}

/* What is more than B A beside a weight, and would be lost. */
static cull_status no_weights(const reading *r, cull__json_value root)
{
    static const struct {
        const char *key, *why;
    } more[] = {
        {"layer_replication", "makes layers that the base does not have"},
        {"alora_invocation_tokens",
         "lets the adapter work behind some tokens alone, as no weights do"},
        {"arrow_config", "mixes adapters by their inputs, as no weights do"},
        {"target_parameters", "adapts tensors that are no modules, which is not known here"},
        {"trainable_token_indices", "changes rows of an embedding, which is not known here"},
        {"kasa_config", "scales what is between A and B, which is not known here"},
        {"use_bdlora", "makes blocks of A or B, which is not known here"},
        {"monteclora_config", "draws its weights anew, as no weights do"},
    };
    cull__json_value v;
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        if (!cull__json_get(root, more[i].key, &v)) continue;
        cull__json_type kind = cull__json_kind(v);
        bool list = kind == CULL__JSON_ARRAY || kind == CULL__JSON_OBJECT;
        if (list ? cull__json_count(v) > 0
                 : kind != CULL__JSON_NULL && (kind != CULL__JSON_BOOL || cull__json_truth(v)))
            return cull__fail(r->cx, CULL_EINPUT, "%s: '%s' %s", r->path, more[i].key, more[i].why);
    }
    return CULL_OK;
}

static cull_status read_root(void *user, cull__json_value root)
{
    reading *r = user;
    cull__peft_config *c = r->c;
    cull__json_value v;
    size_t n;
    if (cull__json_kind(root) != CULL__JSON_OBJECT)
        return cull__fail(r->cx, CULL_EINPUT, "%s is no object", r->path);
    if (cull__json_get(root, "peft_type", &v) && cull__json_kind(v) == CULL__JSON_STRING) {
        const char *type = cull__json_string(v, &n);
        char shown[64];
        if (n != 4 || memcmp(type, "LORA", 4))
            return cull__fail(r->cx, CULL_EINPUT, "%s: peft_type is '%s'; LORA is what is read",
                              r->path, cull__quote(type, n, shown, sizeof shown));
    }
    CULL_TRY(no_weights(r, root));
    CULL_TRY(own_base(r, root));
    CULL_TRY(positive(r, root, "r", &c->rank));
    CULL_TRY(positive(r, root, "lora_alpha", &c->alpha));
    c->rslora = truth(root, "use_rslora");
    c->transposed = truth(root, "fan_in_fan_out");
    c->dora = truth(root, "use_dora");
    CULL_TRY(read_rules(r, root, "rank_pattern", &c->ranks, &c->nranks));
    return read_rules(r, root, "alpha_pattern", &c->alphas, &c->nalphas);
}

cull_status cull__peft_config_read(cull_ctx *cx, const char *path, const char *text,
                                   cull__peft_config *out)
{
    *out = (cull__peft_config){0};
    reading r = {.cx = cx, .path = path, .c = out};
    return cull__json_file(cx, path, text, strlen(text), read_root, &r);
}

/* ---- patterns ---- */

/* key as a POSIX expression of the end of a name: Python's \d and \w are spelt out. */
static cull_status spell(cull_ctx *cx, const char *key, const char **out)
{
    cull_buf b = CULL_BUF(cx);
    char *copy;
    cull__buf_printf(&b, "^(.*[.])?(");
    for (const char *p = key; *p; p++) {
        if (p[0] == '\\' && p[1] == 'd')
            cull__buf_add(&b, "[0-9]", 5), p++;
        else if (p[0] == '\\' && p[1] == 'w')
            cull__buf_add(&b, "[A-Za-z0-9_]", 12), p++;
        else if (p[0] == '(' && p[1] == '?' && p[2] == ':')
            cull__buf_add(&b, "(", 1), p += 2;
        else
            cull__buf_add(&b, p, 1);
    }
    cull__buf_printf(&b, ")$");
    cull_status s = b.status;
    if (s == CULL_OK) s = CULL_TMP(cx, copy, (int64_t)b.n + 1);
    if (s == CULL_OK) *out = memcpy(copy, b.at, b.n + 1);
    cull__buf_free(&b);
    return s;
}

static cull_status look_up(cull_ctx *cx, const cull__peft_rule *rule, int64_t n, const char *module,
                           double *value)
{
    for (int64_t i = 0; i < n; i++) {
        const char *spelt = NULL;
        regex_t re;
        cull__mark_t mark = cull__mark(cx);
        CULL_TRY(spell(cx, rule[i].key, &spelt));
        if (regcomp(&re, spelt, REG_EXTENDED | REG_NOSUB))
            return cull__fail(cx, CULL_EINPUT,
                              "the pattern '%.80s' of an adapter's config is no regular expression "
                              "that is read",
                              rule[i].key);
        bool found = regexec(&re, module, 0, NULL, 0) == 0;
        regfree(&re);
        cull__release(cx, mark);
        if (!found) continue;
        *value = rule[i].value;
        return CULL_OK;
    }
    return CULL_OK;
}

cull_status cull__peft_scale(cull_ctx *cx, const cull__peft_config *c, const char *module,
                             int64_t *rank, double *scale)
{
    double r = c->rank, alpha = c->alpha;
    CULL_TRY(look_up(cx, c->ranks, c->nranks, module, &r));
    CULL_TRY(look_up(cx, c->alphas, c->nalphas, module, &alpha));
    *rank = r < 1e15 ? (int64_t)r : INT64_MAX;
    *scale = alpha / (c->rslora ? sqrt(r) : r);
    return CULL_OK;
}

/* ---- names ---- */

enum { SIDE_A, SIDE_B, SIDE_MAGNITUDE, SIDE_BIAS, SIDE_WHOLE };
static const struct {
    const char *end;
    int side;
} forms[] = {
    {".lora_A.weight", SIDE_A},
    {".lora_B.weight", SIDE_B},
    {".lora_A.default.weight", SIDE_A},
    {".lora_B.default.weight", SIDE_B},
    {".lora_embedding_A", SIDE_A},
    {".lora_embedding_B", SIDE_B},
    {".lora_magnitude_vector", SIDE_MAGNITUDE},
    {".lora_magnitude_vector.weight", SIDE_MAGNITUDE},
    {".lora_B.bias", SIDE_BIAS},
};

static bool ends(const char *s, size_t n, const char *end)
{
    size_t m = strlen(end);
    return n > m && !memcmp(s + n - m, end, m);
}

/* A tensor of an adapter called `name` is this side of that tensor of the base, which is put into `base`. */
static cull_status base_name(cull_ctx *cx, const char *name, int *side, bool *embedding,
                             char **base, char **module)
{
    static const char *const lead = "base_model.model.";
    if (!strncmp(name, lead, strlen(lead))) name += strlen(lead);
    size_t n = strlen(name), cut = n;
    *side = SIDE_WHOLE, *embedding = false;
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++)
        if (ends(name, n, forms[f].end)) {
            *side = forms[f].side;
            *embedding = strstr(forms[f].end, "embedding") != NULL;
            cut = n - strlen(forms[f].end);
        }
    CULL_TRY(CULL_TMP(cx, *base, (int64_t)n + 8));
    CULL_TRY(CULL_TMP(cx, *module, (int64_t)n + 8));
    snprintf(*module, n + 8, "%.*s", (int)cut, name);
    if (*side == SIDE_WHOLE) { /* modules_to_save, or a bias beside an adapter */
        static const char *const saved[] = {".modules_to_save.default", ".modules_to_save",
                                            ".base_layer"};
        snprintf(*base, n + 8, "%s", name);
        for (int i = 0; i < 3; i++) {
            char *at = strstr(*base, saved[i]);
            if (at) memmove(at, at + strlen(saved[i]), strlen(at + strlen(saved[i])) + 1);
        }
    } else {
        snprintf(*base, n + 8, "%s.%s", *module, *side == SIDE_BIAS ? "bias" : "weight");
    }
    return CULL_OK;
}

typedef struct {
    cull_ctx *cx;
    const cull_checkpoint *ad, *base;
    const cull_checkpoint_pair_opts *names; /* rename, used */
    cull__peft_config config;
    cull__checkpoint_config model; /* the base's */
    cull__peft_tie *tie;
    cull__peft_delta *delta;
} matching;

bool cull__peft_touched(const cull__peft_delta *d)
{
    return d->a >= 0 || d->bias >= 0 || d->whole >= 0;
}

static bool is_head(const char *name)
{
    return cull__ends(name, "lm_head.weight") || cull__ends(name, "embed_out.weight");
}

cull_status cull__peft_tied(cull_ctx *cx, const cull_checkpoint *base, cull__peft_tie *out)
{
    cull__checkpoint_config c;
    int64_t e = cull__checkpoint_words(base, false), h = cull__checkpoint_words(base, true);
    *out = (cull__peft_tie){.words = -1, .head = -1};
    CULL_TRY(cull__checkpoint_config_read(cx, base, &c));
    if (e < 0 || !(c.tied == 1 || (c.tied < 0 && c.causal && h < 0))) return CULL_OK;
    out->words = e;
    out->head = h < 0 ? cull_checkpoint_count(base) : h;
    out->name = h >= 0 ? cull_checkpoint_at(base, h)->name : c.causal ? "lm_head.weight" : NULL;
    return CULL_OK;
}

/* The tensor of the base that is called so; that of a head which has none is the embedding. */
static const cull_tensor *tensor_of(const matching *m, int64_t at)
{
    return cull_checkpoint_at(m->base, at < cull_checkpoint_count(m->base) ? at : m->tie->words);
}

static cull_status place(const matching *m, int64_t i)
{
    const char *ad = cull_checkpoint_path(m->ad), *name = cull_checkpoint_at(m->ad, i)->name;
    const char *base;
    char *own, *module;
    int side;
    bool embedding;
    int64_t near, at;
    CULL_TRY(base_name(m->cx, name, &side, &embedding, &own, &module));
    CULL_TRY(cull__renamed(m->cx, m->names, own, &base));
    at = cull_checkpoint_find(m->base, base, &near);
    if (at < 0 && m->tie->head == cull_checkpoint_count(m->base) && is_head(base)) {
        at = m->tie->head;
        m->tie->name = base;
    }
    if (at < 0)
        return cull__fail(
            m->cx, CULL_EINPUT, "%s: '%.160s' belongs to '%.160s', which %s lacks%s%.160s%s", ad,
            name, base, cull_checkpoint_path(m->base),
            near < 0 ? " (--rename OLD=NEW?)" : "; the nearest is '",
            near < 0 ? "" : cull_checkpoint_at(m->base, near)->name, near < 0 ? "" : "'");
    cull__peft_delta *d = m->delta + at;
    int64_t *slot[] = {&d->a, &d->b, &d->magnitude, &d->bias, &d->whole};
    if (*slot[side] >= 0)
        return cull__fail(m->cx, CULL_EINPUT, "%s: both '%.160s' and '%.160s' belong to '%.160s'",
                          ad, cull_checkpoint_at(m->ad, *slot[side])->name, name, base);
    *slot[side] = i;
    if (side == SIDE_A || side == SIDE_B || side == SIDE_BIAS)
        CULL_TRY(cull__peft_scale(m->cx, &m->config, module, &d->rank, &d->scale));
    /* an adapter's fan_in_fan_out is what PEFT made of it for the last module, whose class may be another one */
    if (side == SIDE_A || side == SIDE_B)
        d->transposed =
            embedding || (tensor_of(m, at)->ndim == 2 && !is_head(base) &&
                          (m->config.transposed || cull_checkpoint_conv1d(m->model.network, base)));
    return CULL_OK;
}

static int64_t rest(const cull_tensor *t)
{
    int64_t n = 1;
    for (int i = 1; i < t->ndim; i++) n *= t->shape[i];
    return n;
}

static cull_status misfit(const matching *m, int64_t i, const cull_tensor *base, const char *want)
{
    return cull__fail(m->cx, CULL_EINPUT,
                      "%s: the shape of '%.160s' does not fit '%.160s' of %s: %s",
                      cull_checkpoint_path(m->ad), cull_checkpoint_at(m->ad, i)->name, base->name,
                      cull_checkpoint_path(m->base), want);
}

/* Tensor i of the adapter is a copy of the base's that others add to. */
static bool beneath(const matching *m, int64_t i)
{
    return strstr(cull_checkpoint_at(m->ad, i)->name, ".base_layer.") != NULL;
}

static const cull__peft_delta untouched = {
    .a = -1, .b = -1, .magnitude = -1, .bias = -1, .whole = -1};

/* B A and no more: beside a copy of the base's, or alone. */
static bool adds(const matching *m, const cull__peft_delta *d)
{
    return d->a >= 0 && d->bias < 0 && (d->whole < 0 || beneath(m, d->whole));
}

/* Networks with a shared.weight (T5) scale a head that is tied, and read that embedding in two places: it stays one tensor, and
 * what an adapter adds to one is added to all, as PEFT merges it; what it adds to both, twice. DoRA's lengths are of one. */
static cull_status check_tied(const matching *m)
{
    cull__peft_tie *t = m->tie;
    if (t->words < 0) return CULL_OK;
    cull__peft_delta *d = m->delta + t->words, *head = m->delta + t->head;
    if (t->name && !cull__ends(cull_checkpoint_at(m->base, t->words)->name, "shared.weight"))
        return CULL_OK;
    bool both = cull__peft_touched(d) && cull__peft_touched(head);
    bool add = both ? adds(m, d) && adds(m, head) && d->magnitude < 0 && head->magnitude < 0
                    : adds(m, cull__peft_touched(d) ? d : head);
    if (!cull__peft_touched(d) && !cull__peft_touched(head)) return CULL_OK;
    if (t->head == cull_checkpoint_count(m->base) && add) {
        if (!cull__peft_touched(d)) *d = *head, *head = untouched;
        t->together = true;
        return CULL_OK;
    }
    if (!cull__peft_touched(d)) d = head;
    return cull__fail(m->cx, CULL_EINPUT,
                      "%s: '%.160s' would set embedding and head apart, which %s ties to one "
                      "another; give a base that has both and says tie_word_embeddings false",
                      cull_checkpoint_path(m->ad),
                      cull_checkpoint_at(m->ad, d->a >= 0      ? d->a
                                                : d->bias >= 0 ? d->bias
                                                               : d->whole)
                          ->name,
                      cull_checkpoint_path(m->base));
}

/* Shapes of all that the adapter has for tensor t of the base. */
static cull_status fits(const matching *m, const cull_tensor *t, cull__peft_delta *d)
{
    const char *ad = cull_checkpoint_path(m->ad);
    char want[120];
    if (d->whole >= 0) {
        const cull_tensor *w = cull_checkpoint_at(m->ad, d->whole);
        if (w->ndim != t->ndim || memcmp(w->shape, t->shape, (size_t)t->ndim * sizeof *t->shape))
            return misfit(m, d->whole, t, "both must have the same shape");
        if (!beneath(m, d->whole) && (d->a >= 0 || d->b >= 0 || d->bias >= 0))
            return misfit(m, d->whole, t, "it would replace what another tensor adds to");
    }
    if (d->bias >= 0 && cull_checkpoint_at(m->ad, d->bias)->n != t->n)
        return misfit(m, d->bias, t, "both must have the same shape");
    if ((d->a >= 0) != (d->b >= 0))
        return cull__fail(m->cx, CULL_EINPUT, "%s: '%.160s' has no partner, lora_%s", ad,
                          cull_checkpoint_at(m->ad, d->a >= 0 ? d->a : d->b)->name,
                          d->a >= 0 ? "B" : "A");
    if (d->magnitude >= 0 && d->a < 0)
        return cull__fail(m->cx, CULL_EINPUT, "%s: '%.160s' has no lora_A and lora_B beside it", ad,
                          cull_checkpoint_at(m->ad, d->magnitude)->name);
    if (d->a < 0) return CULL_OK;
    const cull_tensor *a = cull_checkpoint_at(m->ad, d->a), *b = cull_checkpoint_at(m->ad, d->b);
    if (a->ndim < 2 || b->ndim < 2 || t->ndim < 2 || !t->floating || !a->floating || !b->floating)
        return misfit(m, d->a, t, "all must be matrices of floating-point numbers");
    d->rows = b->shape[0], d->cols = rest(a);
    if (a->shape[0] != d->rank || rest(b) != d->rank) {
        snprintf(want, sizeof want,
                 "the config says rank %" PRId64 ", the tensors %" PRId64 " and %" PRId64, d->rank,
                 a->shape[0], rest(b));
        return misfit(m, d->a, t, want);
    }
    bool straight = d->rows == t->shape[0] && d->cols == rest(t);
    bool turned = t->ndim == 2 && d->cols == t->shape[0] && d->rows == t->shape[1];
    if (straight != turned && !strstr(a->name, ".lora_embedding_")) d->transposed = turned;
    int64_t rows = d->transposed ? d->cols : d->rows, cols = d->transposed ? d->rows : d->cols;
    if (!(d->transposed ? turned : straight)) {
        snprintf(want, sizeof want,
                 "B A is %" PRId64 " by %" PRId64 ", that is %" PRId64 " by %" PRId64, rows, cols,
                 t->shape[0], rest(t));
        return misfit(m, d->a, t, want);
    }
    if (d->magnitude < 0 && m->config.dora)
        return misfit(m, d->a, t, "the config says DoRA, and there is no lora_magnitude_vector");
    if (d->magnitude >= 0 && cull_checkpoint_at(m->ad, d->magnitude)->n != d->rows)
        return misfit(m, d->magnitude, t, "DoRA has a length for each output");
    return CULL_OK;
}

cull_status cull__peft_match(cull_ctx *cx, const cull_checkpoint *ad, const cull_checkpoint *base,
                             const cull_checkpoint_pair_opts *names, cull__peft_tie *tie,
                             cull__peft_delta *delta)
{
    matching m = {.cx = cx, .ad = ad, .base = base, .names = names, .tie = tie, .delta = delta};
    const char *text = cull_checkpoint_config(ad);
    if (!text)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has no adapter_config.json beside it, which says rank and lora_alpha",
                          cull_checkpoint_path(ad));
    const char *folder = cull_checkpoint_folder(ad);
    size_t room = strlen(folder) + sizeof "/adapter_config.json";
    char *path;
    CULL_TRY(CULL_TMP(cx, path, (int64_t)room));
    snprintf(path, room, "%s/adapter_config.json", folder);
    CULL_TRY(cull__peft_config_read(cx, path, text, &m.config));
    CULL_TRY(cull__checkpoint_config_read(cx, base, &m.model));
    int64_t n = cull_checkpoint_count(base);
    for (int64_t i = 0; i <= n; i++) delta[i] = untouched;
    for (int64_t i = 0; i < cull_checkpoint_count(ad); i++) CULL_TRY(place(&m, i));
    for (int64_t i = 0; i < n + (tie->head == n); i++)
        CULL_TRY(fits(&m, tensor_of(&m, i), delta + i));
    return check_tied(&m);
}

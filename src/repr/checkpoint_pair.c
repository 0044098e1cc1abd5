/* checkpoint_pair.c - the tensors of two checkpoints of one network, by name and by rules. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "repr/checkpoint.h"

#include "cull/checkpoint_look.h"

/* "LEFT=RIGHT" with one * on each side or none. */
typedef struct {
    const char *rule, *eq;
    size_t left, right; /* lengths */
} rule;

typedef struct {
    cull_ctx *cx;
    const cull_checkpoint *a, *b;
    cull_checkpoint_pair_opts o;
    rule *rename, *tie;
    int64_t *of; /* a's */
    int64_t *by; /* b's: the tensor of a that it is; -1 = none */
} pairing;

/* ---- rules ---- */

static int stars(const char *s, size_t n)
{
    int k = 0;
    for (size_t i = 0; i < n; i++) k += s[i] == '*';
    return k;
}

static cull_status read_rules(cull_ctx *cx, const char *const *text, int n, bool star, rule **out)
{
    CULL_TRY(CULL_TMP(cx, *out, n));
    for (int i = 0; i < n; i++) {
        rule *r = *out + i;
        r->rule = text[i];
        r->eq = strchr(text[i], '=');
        r->left = r->eq ? (size_t)(r->eq - text[i]) : 0;
        r->right = r->eq ? strlen(r->eq + 1) : 0;
        int left = stars(text[i], r->left), right = r->eq ? stars(r->eq + 1, r->right) : 0;
        bool two = r->left && r->right && !strchr(r->eq + 1, '=');
        if (two && left == right && left <= (star ? 1 : 0)) continue;
        return cull__fail(cx, CULL_EOPTION,
                          star ? "'%.100s' is no rule OLD=NEW with one * on both sides, or none"
                               : "'%.100s' is no rule ABSENT=PRESENT of two names",
                          text[i]);
    }
    return CULL_OK;
}

/* name by the rule r, in the arena; NULL when it is not one of its names. */
static cull_status renamed(cull_ctx *cx, const rule *r, const char *name, char **out)
{
    const char *left = r->rule, *right = r->eq + 1;
    const char *lstar = memchr(left, '*', r->left), *rstar = memchr(right, '*', r->right);
    size_t n = strlen(name), head = lstar ? (size_t)(lstar - left) : r->left,
           tail = lstar ? r->left - head - 1 : 0;
    *out = NULL;
    if (n < head + tail || memcmp(name, left, head) || (!lstar && n != head)) return CULL_OK;
    if (tail && memcmp(name + n - tail, lstar + 1, tail)) return CULL_OK;
    size_t mid = n - head - tail;
    CULL_TRY(CULL_TMP(cx, *out, (int64_t)(r->right + mid + 1)));
    if (!rstar)
        sprintf(*out, "%s", right);
    else
        sprintf(*out, "%.*s%.*s%s", (int)(rstar - right), right, (int)mid, name + head, rstar + 1);
    return CULL_OK;
}

/* name by the first of the rules that it is one of the names of, which is marked; itself where there is none. */
static cull_status by_rules(cull_ctx *cx, const rule *r, int rules, const char *name,
                            const char **out, bool *used)
{
    char *s = NULL;
    for (int i = 0; i < rules && !s; i++) {
        CULL_TRY(renamed(cx, r + i, name, &s));
        used[i] |= s != NULL;
    }
    *out = s ? s : name;
    return CULL_OK;
}

cull_status cull__renamed(cull_ctx *cx, const cull_checkpoint_pair_opts *o, const char *name,
                          const char **out)
{
    rule *r;
    CULL_TRY(read_rules(cx, o->rename, o->renames, true, &r));
    return by_rules(cx, r, o->renames, name, out, o->used);
}

/* What a calls b's tensor k. */
static cull_status name_in_a(pairing *p, int64_t k, const char **out)
{
    return by_rules(p->cx, p->rename, p->o.renames, p->b->name[k], out, p->o.used);
}

/* ---- ties ---- */

static bool is_left(const rule *t, const char *name)
{
    return strlen(name) == t->left && !memcmp(name, t->rule, t->left);
}

/* The tie that makes ck's `name` another of its tensors: which; -1 = none does. */
static int64_t tied(const pairing *p, const cull_checkpoint *ck, const char *name)
{
    for (int r = 0; r < p->o.ties; r++) {
        const rule *t = p->tie + r;
        if (!is_left(t, name)) continue;
        int64_t i = cull_checkpoint_find(ck, t->eq + 1, NULL);
        if (i >= 0) return i;
    }
    return -1;
}

/* Ties of which one of the two has what is absent elsewhere, and one what stands for it. */
static cull_status mark_ties(pairing *p)
{
    const char *name;
    for (int r = 0; r < p->o.ties; r++) {
        const rule *t = p->tie + r;
        bool left = false;
        for (int64_t i = 0; i < p->a->n && !left; i++) left = is_left(t, p->a->name[i]);
        for (int64_t k = 0; k < p->b->n && !left; k++) {
            CULL_TRY(name_in_a(p, k, &name));
            left = is_left(t, name);
        }
        bool right = cull_checkpoint_find(p->a, t->eq + 1, NULL) >= 0 ||
                     cull_checkpoint_find(p->b, t->eq + 1, NULL) >= 0;
        p->o.used[p->o.renames + r] |= left && right;
    }
    return CULL_OK;
}

/* b has a tensor that a ties to another: it has to be a copy of that, or a result would lose it. */
static cull_status check_copy(pairing *p, int64_t k, int64_t i)
{
    const cull_checkpoint *b = p->b;
    int64_t other = -1;
    for (int64_t m = 0; m < b->n && other < 0; m++)
        if (p->by[m] == i) other = m;
    bool alike =
        other >= 0 && b->t[k].n == b->t[other].n && !strcmp(b->t[k].dtype, b->t[other].dtype);
    cull_tensor_diff d = {.n = 1};
    if (alike) CULL_TRY(cull_checkpoint_diff(p->cx, b, k, b, other, &d));
    if (d.same == d.n) return CULL_OK;
    return cull__fail(p->cx, CULL_EINPUT,
                      "%s: tensor '%.100s' is tied to '%.100s' in %s, but here it is no copy of it",
                      b->path, b->name[k], p->a->name[i], p->a->path);
}

/* ---- what does not fit ---- */

/* All names of `ck` begin alike, and those of the other do not: "model." */
static const char *prefix(const cull_checkpoint *ck, const cull_checkpoint *other)
{
    static const char *const usual[] = {"module.", "model.", "base_model.model.", "transformer."};
    for (size_t u = 0; u < sizeof usual / sizeof *usual; u++) {
        size_t n = strlen(usual[u]);
        int64_t here = 0, there = 0;
        for (int64_t i = 0; i < ck->n; i++) here += !strncmp(ck->name[i], usual[u], n);
        for (int64_t i = 0; i < other->n; i++) there += !strncmp(other->name[i], usual[u], n);
        if (here && here == ck->n && !there) return usual[u];
    }
    return NULL;
}

/* What a rule could do about a name that only one of the two has. */
static void advice(const pairing *p, const char *name, const cull_checkpoint *where, char buf[300])
{
    const char *s;
    int64_t near = -1;
    buf[0] = 0;
    if ((s = prefix(p->b, p->a)) != NULL)
        snprintf(buf, 300, "; all names of %.80s begin with '%s': rename by '%s*=*'", p->b->path, s,
                 s);
    else if ((s = prefix(p->a, p->b)) != NULL)
        snprintf(buf, 300, "; all names of %.80s begin with '%s': rename by '*=%s*'", p->a->path, s,
                 s);
    else if (cull_checkpoint_find(where, name, &near) < 0 && near >= 0)
        snprintf(buf, 300, "; the nearest there is '%.100s'", where->name[near]);
}

static cull_status lacks(pairing *p, int64_t i)
{
    char more[300];
    int64_t lost = -1;
    for (int64_t j = 0; j < p->a->n; j++) lost += p->of[j] < 0;
    if (p->a->t[i].role == CULL_ROLE_HEAD && lost == 0) {
        int64_t e = 0;
        while (e < p->b->n && p->b->t[e].role != CULL_ROLE_EMBEDDING) e++;
        if (e < p->b->n)
            return cull__fail(p->cx, CULL_EINPUT,
                              "%s lacks tensor '%.80s', which %s has; if the model ties it to its "
                              "embedding, say so by --tied '%.80s=%.80s'",
                              p->b->path, p->a->name[i], p->a->path, p->a->name[i], p->b->name[e]);
    }
    char others[48] = "";
    if (lost) snprintf(others, sizeof others, " (%" PRId64 " more are missing)", lost);
    advice(p, p->a->name[i], p->b, more);
    return cull__fail(p->cx, CULL_EINPUT, "%s lacks tensor '%.100s', which %s has%s%s", p->b->path,
                      p->a->name[i], p->a->path, others, more);
}

static cull_status too_many(pairing *p, int64_t k, const char *name)
{
    char more[300];
    advice(p, name, p->a, more);
    return cull__fail(p->cx, CULL_EINPUT, "%s has tensor '%.100s', which %s lacks%s", p->b->path,
                      p->b->name[k], p->a->path, more);
}

static const char *shape_text(const cull_tensor *t, char buf[208])
{
    cull_array a = {.ndim = t->ndim};
    memcpy(a.shape, t->shape, sizeof a.shape);
    return cull__shape_text(&a, buf);
}

static cull_status check_shape(pairing *p, int64_t i)
{
    const cull_tensor *x = p->a->t + i, *y = p->b->t + p->of[i];
    char here[208], there[208];
    bool rest = x->ndim == y->ndim && x->ndim > 0;
    for (int d = 1; rest && d < x->ndim; d++) rest = x->shape[d] == y->shape[d];
    if ((rest && x->shape[0] == y->shape[0]) || (x->ndim == 0 && y->ndim == 0)) return CULL_OK;
    bool words = x->role == CULL_ROLE_EMBEDDING || x->role == CULL_ROLE_HEAD;
    if (p->o.shapes || (rest && words && p->o.rows)) return CULL_OK;
    if (rest && words)
        return cull__fail(
            p->cx, CULL_EINPUT,
            "the vocabularies differ in size: '%.80s' has %" PRId64 " rows in %s and %" PRId64
            " in %s; take the common rows (common-rows), or bring both to one tokenizer first",
            x->name, x->shape[0], p->a->path, y->shape[0], p->b->path);
    return cull__fail(p->cx, CULL_EINPUT,
                      "tensor '%.100s' is %s in %s and %s in %s; shapes must be the same", x->name,
                      shape_text(x, here), p->a->path, shape_text(y, there), p->b->path);
}

/* ---- rules that met nothing ---- */

/* Whether one of in[from .. n) has `name`; else *near is the nearest that one has, or NULL. */
static bool known(const cull_checkpoint *const *in, int from, int n, const char *name,
                  const char **near)
{
    *near = NULL;
    for (int c = from; c < n; c++) {
        int64_t at;
        if (cull_checkpoint_find(in[c], name, &at) >= 0) return true;
        if (at >= 0 && !*near) *near = in[c]->name[at];
    }
    return false;
}

cull_status cull_checkpoint_pair_used(cull_ctx *cx, const cull_checkpoint_pair_opts *o,
                                      const cull_checkpoint *const *in, int n)
{
    int i = 0, all = o->renames + o->ties;
    while (i < all && o->used[i]) i++;
    if (i == all) return CULL_OK;
    bool tie = i >= o->renames;
    const char *text = tie ? o->tie[i - o->renames] : o->rename[i], *right = strchr(text, '=') + 1;
    const char *near, *name;
    char *left;
    CULL_TRY(CULL_TMP(cx, left, right - text));
    snprintf(left, (size_t)(right - text), "%s", text);
    name = left;
    /* the first one's names are what others are renamed to */
    if (known(in, !tie, n, left, &near) && tie) known(in, 0, n, name = right, &near);
    return cull__fail(cx, CULL_EOPTION, "%s '%.160s': no tensor%s is called '%.100s'%s%.100s%s",
                      tie ? "tied" : "rename", text, tie ? "" : " that could be renamed", name,
                      near ? "; the nearest is '" : "", near ? near : "", near ? "'" : "");
}

/* ---- all of them ---- */

static cull_status match(pairing *p)
{
    const char *name;
    for (int64_t i = 0; i < p->a->n; i++) p->of[i] = -1;
    for (int64_t k = 0; k < p->b->n; k++) {
        CULL_TRY(name_in_a(p, k, &name));
        int64_t i = p->by[k] = cull_checkpoint_find(p->a, name, NULL);
        if (i >= 0 && p->of[i] >= 0)
            return cull__fail(
                p->cx, CULL_EOPTION,
                "%s: both '%.100s' and '%.100s' become '%.100s' by the rules of renaming",
                p->b->path, p->b->name[p->of[i]], p->b->name[k], name);
        if (i >= 0) p->of[i] = k;
    }
    return CULL_OK;
}

static cull_status use_ties(pairing *p)
{
    const char *name;
    for (int64_t k = 0; k < p->b->n; k++) {
        if (p->by[k] >= 0) continue;
        CULL_TRY(name_in_a(p, k, &name));
        int64_t i = tied(p, p->a, name);
        if (i >= 0)
            CULL_TRY(check_copy(p, k, i));
        else if (!p->o.extra)
            return too_many(p, k, name);
    }
    for (int64_t i = 0; i < p->a->n; i++)
        if (p->of[i] < 0) p->of[i] = tied(p, p->b, p->a->name[i]);
    return CULL_OK;
}

bool cull_checkpoint_fixed(const cull_tensor *t)
{
    static const char *const mask[] = {".attn.bias", ".attention.bias"};
    bool fixed =
        !t->floating || cull__ends(t->name, ".inv_freq") || cull__ends(t->name, ".masked_bias");
    for (int k = 0; k < 2; k++) fixed |= t->ndim == 4 && cull__ends(t->name, mask[k]);
    return fixed;
}

static bool counts(const pairing *p, int64_t i)
{
    return !p->o.buffers || !cull_checkpoint_fixed(p->a->t + i);
}

static cull_status pair(pairing *p)
{
    CULL_TRY(read_rules(p->cx, p->o.rename, p->o.renames, true, &p->rename));
    CULL_TRY(read_rules(p->cx, p->o.tie, p->o.ties, false, &p->tie));
    CULL_TRY(CULL_TMP(p->cx, p->by, p->b->n));
    bool alone = !p->o.used;
    if (alone) CULL_TRY(CULL_TMP0(p->cx, p->o.used, p->o.renames + p->o.ties));
    CULL_TRY(match(p));
    for (int64_t i = 0; !p->o.missing && i < p->a->n; i++)
        if (p->of[i] < 0 && counts(p, i) && tied(p, p->b, p->a->name[i]) < 0) return lacks(p, i);
    CULL_TRY(use_ties(p));
    for (int64_t i = 0; i < p->a->n; i++)
        if (p->of[i] >= 0 && counts(p, i)) CULL_TRY(check_shape(p, i));
    CULL_TRY(mark_ties(p));
    const cull_checkpoint *const in[] = {p->a, p->b};
    return alone ? cull_checkpoint_pair_used(p->cx, &p->o, in, 2) : CULL_OK;
}

cull_status cull_checkpoint_pair(cull_ctx *cx, const cull_checkpoint *a, const cull_checkpoint *b,
                                 const cull_checkpoint_pair_opts *opts, int64_t *of)
{
    pairing p = {.cx = cx, .a = a, .b = b, .o = CULL_CHECKPOINT_PAIR_OPTS, .of = of};
    if (opts) memcpy(&p.o, opts, opts->size < sizeof p.o ? opts->size : sizeof p.o);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = pair(&p);
    cull__release(cx, mark);
    return s;
}

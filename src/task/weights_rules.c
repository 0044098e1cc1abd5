/* weights_rules.c - options of single tensors: "layer=0-15 *.mlp.*: density=0.3, weight=0.5". */
#define _DEFAULT_SOURCE
#include "task/weights.h"

#include <limits.h>
#include <string.h>

typedef struct {
    int lo, hi; /* lo > hi = any */
} range;
typedef struct {
    const char *text; /* as it was given */
    const char *glob[8];
    const char *name[16], *value[16];
    int globs, options;
    int role; /* -1 = any */
    range layer, expert, model;
    bool used;
} rule;
typedef struct {
    uint64_t mask; /* of rules that count */
    cull_opts *opts;
} variant;
struct cull__rules {
    const cull_method *method;
    const cull_opts *given;
    rule *rule;
    char *text; /* of all rules, cut into words */
    int rules;
    variant *variant;
    int64_t variants, cap;
};

/* ---- words ---- */
static bool matches(const char *glob, const char *s)
{
    const char *star = NULL, *back = NULL;
    while (*s) {
        if (*glob == '*') {
            star = glob++, back = s;
        } else if (*glob == '?' || *glob == *s) {
            glob++, s++;
        } else if (star) {
            glob = star + 1, s = ++back;
        } else {
            return false;
        }
    }
    while (*glob == '*') glob++;
    return !*glob;
}

static cull_status bad(cull_ctx *cx, const rule *r, const char *what, const char *word)
{
    return cull__fail(cx, CULL_EOPTION, "rule '%s': %s '%s'", r->text, what, word);
}

static cull_status read_range(cull_ctx *cx, const rule *r, const char *word, const char *s,
                              range *out)
{
    int64_t lo, hi;
    const char *dash = strchr(s, '-');
    size_t n = dash ? (size_t)(dash - s) : strlen(s);
    bool good = cull__parse_i64(s, n, &lo);
    hi = lo;
    if (good && dash) good = cull__parse_i64(dash + 1, strlen(dash + 1), &hi);
    if (!good || lo < 0 || hi < lo || hi > INT_MAX)
        return bad(cx, r, "numbers are N or FROM-TO, not", word);
    *out = (range){(int)lo, (int)hi};
    return CULL_OK;
}

static cull_status read_role(cull_ctx *cx, rule *r, const char *word, const char *s)
{
    const char *names[CULL_ROLES];
    cull_role role;
    if (cull_role_find(s, &role)) {
        r->role = (int)role;
        return CULL_OK;
    }
    for (int i = 0; i < CULL_ROLES; i++) names[i] = cull_role_name((cull_role)i);
    const char *near = cull__nearest(s, names, CULL_ROLES);
    if (near)
        return cull__fail(cx, CULL_EOPTION, "rule '%s': there is no role '%s'; did you mean %s?",
                          r->text, s, near);
    return bad(cx, r, "roles are embedding, attention, ffn, norm, router, head, conv, other, not",
               word);
}

static cull_status read_word(cull_ctx *cx, rule *r, int models, char *word)
{
    static const char *const known[] = {"role", "layer", "expert", "model"};
    char *eq = strchr(word, '=');
    if (!eq) {
        if (r->globs == 8) return bad(cx, r, "there are too many patterns, from", word);
        r->glob[r->globs++] = word;
        return CULL_OK;
    }
    size_t n = (size_t)(eq - word);
    int k = 0;
    while (k < 4 && (strlen(known[k]) != n || strncmp(known[k], word, n))) k++;
    switch (k) {
    case 0: return read_role(cx, r, word, eq + 1);
    case 1: return read_range(cx, r, word, eq + 1, &r->layer);
    case 2: return read_range(cx, r, word, eq + 1, &r->expert);
    case 3:
        CULL_TRY(read_range(cx, r, word, eq + 1, &r->model));
        if (r->model.lo < 1 || r->model.hi > models)
            return cull__fail(cx, CULL_EOPTION, "rule '%s': '%s', and there are models 1 to %d",
                              r->text, word, models);
        return CULL_OK;
    default: return bad(cx, r, "a word is a pattern, role=, layer=, expert= or model=, not", word);
    }
}

static char *trimmed(char *s)
{
    s += strspn(s, " \t");
    for (size_t n = strlen(s); n && strchr(" \t", s[n - 1]);) s[--n] = 0;
    return s;
}

static cull_status read_option(cull_ctx *cx, rule *r, cull_opts *try, char *s)
{
    char *eq = strchr(s, '=');
    if (!eq || r->options == 16)
        return bad(cx, r, eq ? "there are too many options, from" : "an option is NAME=VALUE, not",
                   s);
    *eq = 0;
    r->name[r->options] = trimmed(s);
    r->value[r->options] = trimmed(eq + 1);
    r->options++;
    return cull_opts_set(cx, try, r->name[r->options - 1], r->value[r->options - 1]);
}

/* s is r->text, to be cut into words. */
static cull_status read_rule(cull_ctx *cx, rule *r, int models, cull_opts *try, char *s)
{
    char *colon = strrchr(s, ':'), *rest, *word;
    r->role = -1;
    r->layer = r->expert = r->model = (range){0, -1};
    if (!colon || !*trimmed(colon + 1))
        return cull__fail(
            cx, CULL_EOPTION, "rule '%s': write WHICH: OPTION=VALUE, as 'role=ffn: %s=1'", r->text,
            r->text && cull_opts_method(try)->opts->name ? cull_opts_method(try)->opts->name
                                                         : "option");
    *colon = 0;
    for (rest = s; (word = strsep(&rest, " \t"));)
        if (*word) CULL_TRY(read_word(cx, r, models, word));
    for (rest = colon + 1; (word = strsep(&rest, ","));)
        if (*trimmed(word)) CULL_TRY(read_option(cx, r, try, word));
    return CULL_OK;
}

/* ---- what counts for nothing ---- */

/* An option that was set here, in a rule (NULL = for all tensors), beside what is in force now. */
static cull_status counts_at_all(cull_ctx *cx, const cull_opts *o, const rule *r, const char *name)
{
    const cull_method *m = cull_opts_method(o);
    const cull_weights_fns *f = m->run.weights;
    const char *why = f->idle ? f->idle(cull_opts_raw(o), name) : NULL;
    if (!why) return CULL_OK;
    return cull__fail(cx, CULL_EOPTION, "%s%s%s %s counts for nothing: %s", r ? "rule '" : m->slug,
                      r ? r->text : "", r ? "':" : ":", name, why);
}

static cull_status given_count(cull_ctx *cx, const cull_opts *o)
{
    for (const cull_opt *k = o ? cull_opts_method(o)->opts : NULL; k && k->name; k++)
        if (cull_opts_given(o, k->name)) CULL_TRY(counts_at_all(cx, o, NULL, k->name));
    return CULL_OK;
}

/* ---- all of them ---- */
cull_status cull__rules_new(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                            const cull_weights_problem *p, cull__rules **out)
{
    cull__rules *r;
    cull_opts *try;
    size_t bytes = 1;
    *out = NULL;
    if (p->rules > 64)
        return cull__fail(cx, CULL_EOPTION, "%d rules are too many; at most 64", p->rules);
    CULL_TRY(CULL_ALLOC(cx, r, 1));
    *out = r;
    r->method = m, r->given = opts, r->rules = p->rules;
    for (int i = 0; i < p->rules; i++) bytes += strlen(p->rule[i]) + 1;
    CULL_TRY(CULL_ALLOC(cx, r->rule, p->rules + 1));
    CULL_TRY(CULL_ALLOC(cx, r->text, (int64_t)bytes));
    CULL_TRY(given_count(cx, opts));
    CULL_TRY(cull_opts_new(cx, m, &try));
    cull_status s = CULL_OK;
    char *at = r->text;
    for (int i = 0; i < p->rules && s == CULL_OK; i++) {
        size_t n = strlen(p->rule[i]) + 1;
        memcpy(at, p->rule[i], n);
        r->rule[i].text = p->rule[i];
        s = read_rule(cx, &r->rule[i], p->models, try, at);
        at += n;
    }
    cull_opts_free(try);
    return s;
}

void cull__rules_free(cull__rules *r)
{
    if (!r) return;
    for (int64_t i = 0; i < r->variants; i++) cull_opts_free(r->variant[i].opts);
    cull__free(r->variant);
    cull__free(r->rule);
    cull__free(r->text);
    cull__free(r);
}

static bool within(range r, int v) { return r.lo > r.hi || (v >= r.lo && v <= r.hi); }

static bool counts(const rule *r, const cull_tensor *t, int model)
{
    if (r->role >= 0 && (int)t->role != r->role) return false;
    if (!within(r->layer, t->layer) || !within(r->expert, t->expert) ||
        !within(r->model, model + 1))
        return false;
    for (int i = 0; i < r->globs; i++)
        if (!matches(r->glob[i], t->name)) return false;
    return true;
}

static cull_status apply(cull_ctx *cx, const rule *r, cull_opts *o)
{
    for (int k = 0; k < r->options; k++) CULL_TRY(cull_opts_set(cx, o, r->name[k], r->value[k]));
    for (int k = 0; k < r->options; k++) CULL_TRY(counts_at_all(cx, o, r, r->name[k]));
    return CULL_OK;
}

/* The options as they were given, then those of the rules in their order. */
static cull_status make(cull_ctx *cx, cull__rules *r, uint64_t mask, cull_opts **out)
{
    char value[64];
    CULL_TRY(cull_opts_new(cx, r->method, out));
    for (const cull_opt *o = r->method->opts; r->given && o->name; o++)
        CULL_TRY(cull_opts_set(cx, *out, o->name,
                               cull_opts_get(r->given, o->name, value, sizeof value)));
    for (int i = 0; i < r->rules; i++)
        if (mask >> i & 1) CULL_TRY(apply(cx, &r->rule[i], *out));
    return CULL_OK;
}

cull_status cull__rules_opts(cull_ctx *cx, cull__rules *r, const cull_tensor *t, int model,
                             const void **out)
{
    uint64_t mask = 0;
    int64_t at = 0;
    for (int i = 0; i < r->rules; i++)
        if (counts(&r->rule[i], t, model)) {
            mask |= (uint64_t)1 << i;
            r->rule[i].used = true;
        }
    while (at < r->variants && r->variant[at].mask != mask) at++;
    if (at == r->variants) {
        cull_opts *o = NULL;
        CULL_TRY(CULL_GROW(cx, r->variant, &r->cap, at + 1));
        cull_status s = make(cx, r, mask, &o);
        if (s != CULL_OK) {
            cull_opts_free(o);
            return s;
        }
        r->variant[at] = (variant){mask, o};
        r->variants++;
    }
    *out = cull_opts_raw(r->variant[at].opts);
    return CULL_OK;
}

cull_status cull__rules_used(cull_ctx *cx, const cull__rules *r)
{
    for (int i = 0; i < r->rules; i++)
        if (!r->rule[i].used)
            return cull__fail(cx, CULL_EOPTION, "rule '%s': no tensor is all of that",
                              r->rule[i].text);
    return CULL_OK;
}

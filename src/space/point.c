/* point.c - points of a space: which numbers are active, whether they are allowed, their key, their text. */
#include "space/inner.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the parameters ---- */

int cull_space_params(const cull_space *s) { return s->params; }

const cull_space_param *cull_space_at(const cull_space *s, int i)
{
    return i >= 0 && i < s->params ? s->param + i : NULL;
}

int cull_space_find(const cull_space *s, const char *name)
{
    return cull__space_find(s, name, strlen(name));
}

int64_t cull_space_width(const cull_space *s) { return s->width; }
uint64_t cull_space_hash(const cull_space *s) { return s->hash; }
bool cull_space_constrained(const cull_space *s) { return s->rules > 0; }

bool cull_space_active(const cull_space *s, const double *x, int i)
{
    return cull__is_active(s, x, i);
}

/* ---- whether a point is one ---- */

bool cull__space_holds(const cull_space *s, const double *x, int i)
{
    const cull__more *m = s->more + i;
    for (int k = m->rule; k < m->rule + m->rules; k++)
        if (cull__code_value(&s->rule[k].code, x) == !!s->rule[k].forbid) return false;
    return true;
}

bool cull_space_allows(const cull_space *s, const double *x)
{
    for (int k = 0; k < s->rules; k++)
        if (cull__code_value(&s->rule[k].code, x) == !!s->rule[k].forbid) return false;
    return true;
}

static cull_status check_one(cull_ctx *cx, const cull_space *s, const double *x, int i)
{
    const cull_space_param *p = s->param + i;
    const double *v = x + p->at;
    char why[300];
    int64_t there = 0;
    bool active = cull__is_active(s, x, i);
    for (int64_t j = 0; j < p->width; j++) there += !isnan(v[j]);
    if (!active && there)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has a value, and is not active with what stands before it", p->name);
    if (active && there < p->width)
        return cull__fail(cx, CULL_EINPUT, "%s has no value, and is active", p->name);
    if (active && !cull__value_check(p, v, why))
        return cull__fail(cx, CULL_EINPUT, "%s: %s", p->name, why);
    return CULL_OK;
}

static cull_status broken(cull_ctx *cx, const cull_space *s, const double *x)
{
    for (int k = 0; k < s->rules; k++)
        if (cull__code_value(&s->rule[k].code, x) == !!s->rule[k].forbid)
            return cull__fail(cx, CULL_EINPUT, "the point is %s by '%.200s'",
                              s->rule[k].forbid ? "forbidden" : "not allowed", s->rule[k].text);
    return CULL_OK;
}

static bool within(const cull_space *s, const double *x)
{
    int in = 0;
    for (int i = 0; i < s->params; i++) in += (x[i] >= s->param[i].lo) & (x[i] <= s->param[i].hi);
    return in == s->params;
}

cull_status cull_space_check(cull_ctx *cx, const cull_space *s, const double *x)
{
    if (s->flat && within(s, x)) return CULL_OK;
    for (int i = 0; i < s->params; i++) {
        const cull_space_param *p = s->param + i;
        double v = x[p->at]; /* what most parameters are is told without a call */
        if (p->kind == CULL_SPACE_REAL && v >= p->lo && v <= p->hi && cull__is_active(s, x, i))
            continue;
        CULL_TRY(check_one(cx, s, x, i));
    }
    return broken(cx, s, x);
}

cull_status cull_space_default(cull_ctx *cx, const cull_space *s, double *x)
{
    for (int i = 0; i < s->params; i++) {
        const cull_space_param *p = s->param + i;
        if (cull__is_active(s, x, i))
            cull__space_preset(s, i, x + p->at);
        else
            for (int64_t j = 0; j < p->width; j++) x[p->at + j] = NAN;
    }
    cull_status st = broken(cx, s, x);
    if (st == CULL_OK) return st;
    char why[400];
    snprintf(why, sizeof why, "%s", cull_error(cx));
    return cull__fail(cx, st, "the default is no point of the space: %s", why);
}

/* ---- key ---- */

static uint64_t mix(uint64_t h)
{
    h = (h ^ h >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    h = (h ^ h >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    return h ^ h >> 32;
}

/* The sum does not depend on the order of parameters, nor the parts on the number of a value among others: a space that
 * has grown, in values or by an optional, gives old points their old keys. */
static void add(cull_key *k, const cull_key *id, uint64_t a, uint64_t b)
{
    k->word[0] += mix(id->word[0] + a * UINT64_C(0x9E3779B97F4A7C15));
    k->word[1] += mix(id->word[1] ^ b * UINT64_C(0xC2B2AE3D27D4EB4F));
}

static uint64_t bits(double v)
{
    uint64_t u;
    v += 0; /* -0 is 0 */
    memcpy(&u, &v, sizeof u);
    return mix(u + 1);
}

cull_key cull_space_key(const cull_space *s, const double *x)
{
    cull_key k = {{0, 0}};
    for (int i = 0; i < s->params; i++) {
        const cull_space_param *p = s->param + i;
        const cull__more *m = s->more + i;
        const double *v = x + p->at;
        if (isnan(v[0]) || (p->role == CULL_SPACE_OPTIONAL && v[0] == 0)) continue;
        if (p->kind == CULL_SPACE_REAL || p->kind == CULL_SPACE_INT) {
            uint64_t b = bits(v[0]);
            add(&k, &m->id, b, b);
        } else if (p->width == 1 &&
                   (p->kind == CULL_SPACE_CATEGORY || p->kind == CULL_SPACE_ORDINAL)) {
            const cull_key *of = m->value + (int64_t)v[0];
            add(&k, &m->id, of->word[0], of->word[1]);
        } else {
            add(&k, &m->id, 0, 0); /* a subset may be empty */
            for (int64_t j = 0; j < p->n; j++) {
                const cull_key *of =
                    m->value + (p->kind == CULL_SPACE_PERMUTATION ? (int64_t)v[j] : j);
                uint64_t b = bits(p->kind == CULL_SPACE_PERMUTATION ? (double)j : v[j]);
                if (p->kind != CULL_SPACE_SUBSET || v[j] == 1)
                    add(&k, &m->id, of->word[0] + b, of->word[1] + b);
            }
        }
    }
    return k;
}

/* ---- text ---- */

size_t cull_space_value(const cull_space *s, const double *x, int i, char *buf, size_t size)
{
    if (i < 0 || i >= s->params) {
        if (size) *buf = 0;
        return 0;
    }
    return cull__value_text(s->param + i, x + s->param[i].at, buf, size);
}

cull_status cull_space_set(cull_ctx *cx, const cull_space *s, int i, const char *text, double *x)
{
    const cull_space_param *p = cull_space_at(s, i);
    char why[300];
    if (!p)
        return cull__fail(cx, CULL_EINPUT, "there is no parameter %d; they are 0 .. %d", i,
                          s->params - 1);
    if (!*text)
        for (int64_t j = 0; j < p->width; j++) x[p->at + j] = NAN;
    else if (!cull__value_read(p, text, x + p->at, why))
        return cull__fail(cx, CULL_EINPUT, "%s: %s", p->name, why);
    return CULL_OK;
}

/* Names and values are bare where no reader could take them apart otherwise. */
static void add_word(cull_buf *b, const char *s)
{
    bool quote = !*s || strpbrk(s, " ,=\t") != NULL;
    cull__buf_printf(b, quote ? "\"%s\"" : "%s", s);
}

static cull_status format(cull_buf *b, const cull_space *s, const double *x)
{
    for (int i = 0; i < s->params; i++) {
        char *text;
        if (isnan(x[s->param[i].at])) continue;
        size_t n = cull_space_value(s, x, i, NULL, 0) + 1;
        cull__mark_t mark = cull__mark(b->cx);
        CULL_TRY(CULL_TMP(b->cx, text, (int64_t)n));
        cull_space_value(s, x, i, text, n);
        cull__buf_printf(b, b->n ? " " : "");
        add_word(b, s->param[i].name);
        cull__buf_add(b, "=", 1);
        add_word(b, text);
        cull__release(b->cx, mark);
    }
    cull__buf_add(b, "", 0);
    return b->status;
}

cull_status cull_space_format(cull_ctx *cx, const cull_space *s, const double *x, char **out)
{
    cull_buf b = CULL_BUF(cx);
    cull_status st = format(&b, s, x);
    if (st != CULL_OK) {
        cull__buf_free(&b);
        return st;
    }
    *out = b.at;
    return CULL_OK;
}

/* A word up to one of `stop`, or what is in quotes; NULL: a quote is not closed. */
static const char *take(const char *s, const char *stop, const char **at, size_t *n)
{
    bool quoted = *s == '"';
    *at = s + quoted;
    *n = strcspn(*at, quoted ? "\"" : stop);
    if (!quoted) return *at + *n;
    return (*at)[*n] ? *at + *n + 1 : NULL;
}

static cull_status unknown(cull_ctx *cx, const cull_space *s, const char *name, size_t n)
{
    const char **names, *key;
    char shown[80];
    int count = s->params < 2000 ? s->params : 2000;
    CULL_TRY(CULL_TMP(cx, names, count));
    CULL_TRY(cull__space_keep(cx, name, n, &key));
    for (int i = 0; i < count; i++) names[i] = s->param[i].name;
    const char *near = n < 1000 ? cull__nearest(key, names, count) : NULL;
    cull__quote(name, n, shown, sizeof shown);
    if (near)
        return cull__fail(cx, CULL_EINPUT, "there is no parameter '%s'; the nearest is '%.100s'",
                          shown, near);
    return cull__fail(cx, CULL_EINPUT, "there is no parameter '%s'", shown);
}

static cull_status parse(cull_ctx *cx, const cull_space *s, const char *text, double *x)
{
    static const char gap[] = " ,\t\r\n";
    for (text += strspn(text, gap); *text; text += strspn(text, gap)) {
        const char *name, *value, *key;
        size_t n, k;
        char shown[60];
        const char *end = take(text, " ,\t\r\n=", &name, &n);
        if (!end || *end != '=')
            return cull__fail(cx, CULL_EINPUT, "'%s' is no name=value",
                              cull__quote(text, strlen(text), shown, sizeof shown));
        end = take(end + 1, gap, &value, &k);
        if (!end)
            return cull__fail(cx, CULL_EINPUT, "a quote is not closed at '%s'",
                              cull__quote(text, strlen(text), shown, sizeof shown));
        int i = cull__space_find(s, name, n);
        if (i < 0) return unknown(cx, s, name, n);
        if (!isnan(x[s->param[i].at]))
            return cull__fail(cx, CULL_EINPUT, "%s has two values", s->param[i].name);
        if (!k) return cull__fail(cx, CULL_EINPUT, "%s has an empty value", s->param[i].name);
        CULL_TRY(cull__space_keep(cx, value, k, &key));
        CULL_TRY(cull_space_set(cx, s, i, key, x));
        text = end;
    }
    return cull_space_check(cx, s, x);
}

cull_status cull_space_parse(cull_ctx *cx, const cull_space *s, const char *text, double *x)
{
    cull__mark_t mark = cull__mark(cx);
    for (int64_t j = 0; j < s->width; j++) x[j] = NAN;
    cull_status st = parse(cx, s, text, x);
    cull__release(cx, mark);
    return st;
}

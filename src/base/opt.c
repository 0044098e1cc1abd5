/* opt.c - a method's options, set by name against its typed table. */
#include "base/base.h"
#include "cull/method.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct cull_opts {
    const cull_method *method;
    uint64_t given; /* bit i: the method's option i was set; no method has 64 */
    _Alignas(16) char raw[];
};

static void put(cull_opts *o, const cull_opt *r, double v)
{
    char *at = o->raw + r->off;
    switch (r->kind) {
    case CULL_KIND_F64: memcpy(at, &v, sizeof v); break;
    case CULL_KIND_I64: memcpy(at, &(int64_t){(int64_t)v}, sizeof(int64_t)); break;
    case CULL_KIND_BOOL: memcpy(at, &(bool){v != 0}, sizeof(bool)); break;
    case CULL_KIND_ENUM: memcpy(at, &(int){(int)v}, sizeof(int)); break;
    }
}

static double get(const cull_opts *o, const cull_opt *r)
{
    const char *at = o->raw + r->off;
    double f = 0;
    int64_t i = 0;
    bool b = false;
    int e = 0;
    switch (r->kind) {
    case CULL_KIND_F64: memcpy(&f, at, sizeof f); return f;
    case CULL_KIND_I64: memcpy(&i, at, sizeof i); return (double)i;
    case CULL_KIND_BOOL: memcpy(&b, at, sizeof b); return b;
    case CULL_KIND_ENUM: memcpy(&e, at, sizeof e); return e;
    }
    return 0;
}

/* The i-th of "a|b|c" into buf; false past the end. */
static bool choice(const char *list, int i, char *buf, size_t size)
{
    for (; i > 0; i--) {
        list = strchr(list, '|');
        if (!list) return false;
        list++;
    }
    size_t n = strcspn(list, "|");
    snprintf(buf, size, "%.*s", (int)n, list);
    return true;
}

cull_status cull_opts_new(cull_ctx *cx, const cull_method *m, cull_opts **out)
{
    CULL_TRY(cull__alloc(cx, (void **)out, 1, sizeof **out + m->opts_size));
    (*out)->method = m;
    for (const cull_opt *r = m->opts; r->name; r++) put(*out, r, r->def);
    return CULL_OK;
}

void cull_opts_free(cull_opts *o) { cull__free(o); }
const void *cull_opts_raw(const cull_opts *o) { return o->raw; }
const cull_method *cull_opts_method(const cull_opts *o) { return o->method; }

static const cull_opt *row(const cull_method *m, const char *name)
{
    for (const cull_opt *r = m->opts; r->name; r++)
        if (cull__same_name(r->name, name)) return r;
    return NULL;
}

static cull_status unknown(cull_ctx *cx, const cull_method *m, const char *name)
{
    const char *names[64];
    int n = 0;
    for (const cull_opt *r = m->opts; r->name && n < 64; r++) names[n++] = r->name;
    const char *near = cull__nearest(name, names, n);
    char q[80];
    cull__quote(name, strlen(name), q, sizeof q);
    if (near)
        return cull__fail(cx, CULL_EOPTION, "%s has no option '%s'; did you mean '%s'?", m->slug, q,
                          near);
    return cull__fail(cx, CULL_EOPTION, "%s has no option '%s'%s%s", m->slug, q,
                      n ? "; its first is " : "; it has none", n ? names[0] : "");
}

static void take(cull_opts *o, const cull_opt *r, double v)
{
    put(o, r, v);
    o->given |= (uint64_t)1 << (r - o->method->opts);
}

cull_status cull_opts_set(cull_ctx *cx, cull_opts *o, const char *name, const char *value)
{
    const cull_opt *r = row(o->method, name);
    if (!r) return unknown(cx, o->method, name);
    const char *slug = o->method->slug;
    char q[80];
    cull__quote(value, strlen(value), q, sizeof q);
    double v = 0;
    if (r->kind == CULL_KIND_ENUM) {
        char c[64];
        for (int i = 0; choice(r->choices, i, c, sizeof c); i++) {
            if (!cull__same_name(c, value)) continue;
            take(o, r, i);
            return CULL_OK;
        }
        return cull__fail(cx, CULL_EOPTION, "%s: %s '%s' is none of %s", slug, r->name, q,
                          r->choices);
    }
    if (r->kind == CULL_KIND_BOOL) {
        bool yes = !strcmp(value, "true") || !strcmp(value, "yes") || !strcmp(value, "1") ||
                   !strcmp(value, "True");
        bool no = !strcmp(value, "false") || !strcmp(value, "no") || !strcmp(value, "0") ||
                  !strcmp(value, "False");
        if (!yes && !no)
            return cull__fail(cx, CULL_EOPTION, "%s: %s '%s' is neither true nor false", slug,
                              r->name, q);
        take(o, r, yes);
        return CULL_OK;
    }
    char lo[32], hi[32];
    cull__format_f64(r->lo, lo), cull__format_f64(r->hi, hi);
    if (!cull__parse_f64(value, strlen(value), &v) || isnan(v))
        return cull__fail(cx, CULL_EOPTION, "%s: %s '%s' is no number; it takes %s to %s", slug,
                          r->name, q, lo, hi);
    if (r->kind == CULL_KIND_I64 && v != floor(v))
        return cull__fail(cx, CULL_EOPTION, "%s: %s '%s' is no whole number", slug, r->name, q);
    if (v < r->lo || v > r->hi)
        return cull__fail(cx, CULL_EOPTION, "%s: %s %s is outside %s to %s", slug, r->name, q, lo,
                          hi);
    take(o, r, v);
    return CULL_OK;
}

bool cull_opts_given(const cull_opts *o, const char *name)
{
    const cull_opt *r = row(o->method, name);
    return r && (o->given >> (r - o->method->opts) & 1);
}

const char *cull_opts_get(const cull_opts *o, const char *name, char *buf, size_t size)
{
    const cull_opt *r = row(o->method, name);
    if (!r) return NULL;
    double v = get(o, r);
    char num[32];
    if (r->kind == CULL_KIND_ENUM)
        choice(r->choices, (int)v, buf, size);
    else if (r->kind == CULL_KIND_BOOL)
        snprintf(buf, size, "%s", v != 0 ? "true" : "false");
    else
        snprintf(buf, size, "%s", cull__format_f64(v, num));
    return buf;
}

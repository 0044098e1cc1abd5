/* embed_opts.c - options of the text features by name. */
#include "base/base.h"
#include "cull/embed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "1-2", or "3" for 3-3; both at most `most`. */
static cull_status range(cull_ctx *cx, const char *name, const char *s, int most, int *lo, int *hi)
{
    char *end;
    long a = strtol(s, &end, 10), b = a;
    bool ok = end != s && a >= 0;
    if (ok && *end == '-') {
        const char *second = end + 1;
        b = strtol(second, &end, 10);
        ok = end != second && b >= a;
    }
    if (!ok || *end)
        return cull__fail(cx, CULL_EOPTION, "--%s '%s' is no range; write 1-2, 3 or 0", name, s);
    if (b > most) return cull__fail(cx, CULL_EOPTION, "--%s %s: it goes to %d", name, s, most);
    *lo = (int)a, *hi = (int)b;
    return CULL_OK;
}

cull_status cull_embed_opts_set(cull_ctx *cx, cull_embed_opts *o, const char *name,
                                const char *value)
{
    const char *key = strncmp(name, "embed-", 6) ? name : name + 6;
    if (!strcmp(key, "words")) return range(cx, name, value, 8, &o->word_lo, &o->word_hi);
    if (!strcmp(key, "chars")) return range(cx, name, value, 16, &o->char_lo, &o->char_hi);
    static const struct {
        const char *key;
        double lo, hi;
        bool whole;
    } number[] = {{"bits", 4, 22, true},
                  {"dim", 1, 1024, true},
                  {"sample", 1, 1e9, true},
                  {"power", 0, 1, false}};
    for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
        double v;
        char lo[32], hi[32];
        if (strcmp(key, number[i].key)) continue;
        cull__format_f64(number[i].lo, lo), cull__format_f64(number[i].hi, hi);
        if (!cull__parse_f64(value, strlen(value), &v) || isnan(v))
            return cull__fail(cx, CULL_EOPTION, "--%s '%s' is no number; it takes %s to %s", name,
                              value, lo, hi);
        if (number[i].whole && v != floor(v))
            return cull__fail(cx, CULL_EOPTION, "--%s %s is no whole number", name, value);
        if (v < number[i].lo || v > number[i].hi)
            return cull__fail(cx, CULL_EOPTION, "--%s %s is outside %s to %s", name, value, lo, hi);
        if (i == 0) o->bits = (int)v;
        if (i == 1) o->dim = (int)v;
        if (i == 2) o->sample = (int64_t)v;
        if (i == 3) o->power = v;
        return CULL_OK;
    }
    return cull__fail(cx, CULL_EOPTION, "text features have no option '%s'", name);
}

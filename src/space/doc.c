/* doc.c - what a description must keep to, however it was written. */
#include "space/inner.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef cull__node node;

cull_status cull__space_wrong(const cull__doc *d, int line, const char *fmt, ...)
{
    char why[700];
    va_list va;
    va_start(va, fmt);
    vsnprintf(why, sizeof why, fmt, va);
    va_end(va);
    if (d->json || !line) return cull__fail(d->cx, CULL_EINPUT, "%s: %s", d->file, why);
    return cull__fail(d->cx, CULL_EINPUT, "%s:%d: %s", d->file, line, why);
}

#define WRONG(d, n, ...) cull__space_wrong(d, (n)->line, __VA_ARGS__)

cull_status cull__space_keep(cull_ctx *cx, const char *s, size_t n, const char **out)
{
    char *p;
    CULL_TRY(CULL_TMP(cx, p, (int64_t)n + 1));
    if (n) memcpy(p, s, n);
    p[n] = 0;
    *out = p;
    return CULL_OK;
}

const char *cull__space_bad_name(const char *s, bool value)
{
    if (!*s) return "is empty";
    if (strlen(s) > CULL__SPACE_NAME) return "is longer than 128 bytes";
    for (const char *c = s; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) return "holds a control character";
        if (*c == '"') return "holds a quote";
        if (!value && strchr(" ,={}", *c)) return "holds one of blank , = { }";
    }
    if (!value && isdigit((unsigned char)*s)) return "begins with a digit";
    return NULL;
}

cull_status cull__node_counted(cull__doc *d, node *n, int64_t count)
{
    char digits[24];
    if (count < 0 || count > CULL__SPACE_PARAMS)
        return WRONG(d, n, "%s: there are too many items; at most %d are allowed", n->name,
                     CULL__SPACE_PARAMS);
    CULL_TRY(CULL_TMP(d->cx, n->item, count + 1));
    for (int64_t i = 0; i < count; i++) {
        snprintf(digits, sizeof digits, "%" PRId64, i + 1);
        CULL_TRY(cull__space_keep(d->cx, digits, strlen(digits), &n->item[i]));
    }
    n->items = count;
    n->counted = true;
    return CULL_OK;
}

/* ---- bounds ---- */

static cull_status check_bounds(cull__doc *d, const node *n)
{
    char lo[32], hi[32];
    cull__format_f64(n->lo, lo);
    cull__format_f64(n->hi, hi);
    const double most = 9007199254740992.0; /* 2^53: whole numbers beyond are not exact */
    if (!isfinite(n->lo) || !isfinite(n->hi) || !isfinite(n->hi - n->lo))
        return WRONG(d, n, "%s: bounds of %s to %s; they must be finite, and so their difference",
                     n->name, lo, hi);
    if (n->lo > n->hi)
        return WRONG(d, n, "%s: nothing lies from %s to %s; the least value comes first", n->name,
                     lo, hi);
    if (n->log && n->lo <= 0)
        return WRONG(d, n, "%s: log wants bounds above 0, and the least value is %s", n->name, lo);
    if (n->form != CULL__FORM_INT) return CULL_OK;
    if (n->lo != floor(n->lo) || n->hi != floor(n->hi) || fabs(n->lo) > most || fabs(n->hi) > most)
        return WRONG(d, n, "%s: bounds of an int are whole numbers within 2^53, not %s and %s",
                     n->name, lo, hi);
    if (!(n->step >= 1) || n->step != floor(n->step) || n->step > most)
        return WRONG(d, n, "%s: a step of %s; it must be a whole number of at least 1", n->name,
                     cull__format_f64(n->step, lo));
    if (n->log && n->step != 1)
        return WRONG(d, n, "%s: log and step exclude each other; an ordinal lists its values",
                     n->name);
    return CULL_OK;
}

static cull_status check_copies(cull__doc *d, const node *n)
{
    if (!(n->lo >= 0 && n->lo <= n->hi && n->hi >= 1) || n->lo != floor(n->lo) ||
        n->hi != floor(n->hi))
        return WRONG(d, n, "%s: repeat wants at least one copy, the lesser number first: 3 or 1..4",
                     n->name);
    if (n->hi > CULL__SPACE_PARAMS)
        return WRONG(d, n, "%s: %.0f copies; a space has at most %d parameters, copies and all",
                     n->name, n->hi, CULL__SPACE_PARAMS);
    return CULL_OK;
}

/* ---- values ---- */

typedef struct {
    uint64_t hash;
    int64_t i;
} slot;

/* The first item that is there already, by a hash table; *dup < 0 = none. */
static cull_status find_twice(cull__doc *d, const char *const *item, int64_t n, int64_t *dup)
{
    slot *table;
    int64_t size = 16;
    while (size < 2 * n) size *= 2;
    cull__mark_t mark = cull__mark(d->cx);
    *dup = -1;
    CULL_TRY(CULL_TMP0(d->cx, table, size));
    for (int64_t i = 0; i < n && *dup < 0; i++) {
        uint64_t h = cull__hash64(item[i], strlen(item[i]), 0) | 1;
        int64_t k = (int64_t)(h >> 1) & (size - 1);
        for (; table[k].hash && *dup < 0; k = (k + 1) & (size - 1))
            if (table[k].hash == h && !strcmp(item[table[k].i], item[i])) *dup = i;
        table[k] = (slot){h, i};
    }
    cull__release(d->cx, mark);
    return CULL_OK;
}

static cull_status check_items(cull__doc *d, const node *n)
{
    bool joined = n->form == CULL__FORM_SUBSET || n->form == CULL__FORM_PERMUTATION ||
                  n->form == CULL__FORM_SIMPLEX;
    const char *what = joined ? "item" : "value";
    int64_t twice;
    if (!n->items)
        return WRONG(d, n, "%s: %s() has no %ss; name one at least", n->name,
                     cull__form_name(n->form), what);
    if (n->items > CULL__SPACE_PARAMS)
        return WRONG(d, n, "%s: there are too many %ss; at most %d are allowed", n->name, what,
                     CULL__SPACE_PARAMS);
    if (n->form == CULL__FORM_PERMUTATION && n->items > CULL__SPACE_ORDER)
        return WRONG(d, n, "%s: a permutation of %" PRId64 " items; at most %d are allowed",
                     n->name, n->items, CULL__SPACE_ORDER);
    for (int64_t i = 0; i < n->items; i++) {
        const char *bad = cull__space_bad_name(n->item[i], true);
        if (bad) return WRONG(d, n, "%s: the %s '%.60s' %s", n->name, what, n->item[i], bad);
        if (joined && strpbrk(n->item[i], "+>/ ,"))
            return WRONG(d, n, "%s: the item '%.60s' holds one of + > / , and blank", n->name,
                         n->item[i]);
    }
    CULL_TRY(find_twice(d, n->item, n->items, &twice));
    if (twice >= 0)
        return WRONG(d, n, "%s: the %s '%.60s' is there twice", n->name, what, n->item[twice]);
    return CULL_OK;
}

/* All have a weight, or none. */
static cull_status check_weights(cull__doc *d, node *n)
{
    double sum = 0;
    char text[32];
    int64_t without = -1, some = 0;
    for (int64_t i = 0; n->weight && i < n->items; i++) {
        double w = n->weight[i];
        if (isnan(w)) {
            without = i;
            continue;
        }
        sum += w, some++;
        if (!(w > 0) || !isfinite(sum))
            return WRONG(d, n,
                         "%s: the weight of '%.60s' is %s; weights are above 0, their sum finite",
                         n->name, n->item[i], cull__format_f64(w, text));
    }
    if (!some)
        n->weight = NULL;
    else if (without >= 0)
        return WRONG(d, n, "%s: '%.60s' has no weight; either all values have one or none", n->name,
                     n->item[without]);
    return CULL_OK;
}

static cull_status check_subset(cull__doc *d, const node *n)
{
    CULL_TRY(check_items(d, n));
    if (n->least < 0 || n->least > n->most)
        return WRONG(d, n, "%s: the lesser number of items comes first, as in 2..4 of 10", n->name);
    if (n->most > n->items)
        return WRONG(d, n, "%s: a subset of up to %" PRId64 " of %" PRId64 " items", n->name,
                     n->most, n->items);
    return CULL_OK;
}

static cull_status check_branches(cull__doc *d, const node *n)
{
    const char **name;
    int64_t count = 0, twice;
    for (const node *b = n->child; b; b = b->next) count++;
    if (!count) return WRONG(d, n, "%s: or has no branches; name one at least", n->name);
    CULL_TRY(CULL_TMP(d->cx, name, count));
    count = 0;
    for (const node *b = n->child; b; b = b->next) {
        const char *bad = cull__space_bad_name(b->name, false);
        if (bad) return WRONG(d, b, "%s: the branch '%.60s' %s", n->name, b->name, bad);
        name[count++] = b->name;
    }
    CULL_TRY(find_twice(d, name, count, &twice));
    if (twice >= 0) return WRONG(d, n, "%s: there are two branches '%.60s'", n->name, name[twice]);
    return CULL_OK;
}

cull_status cull__node_check(cull__doc *d, node *n)
{
    const char *bad = cull__space_bad_name(n->name, false);
    if (bad) return WRONG(d, n, "the name '%.60s' %s", n->name, bad);
    switch (n->form) {
    case CULL__FORM_REAL:
    case CULL__FORM_INT: return check_bounds(d, n);
    case CULL__FORM_SUBSET: return check_subset(d, n);
    case CULL__FORM_OR: return check_branches(d, n);
    case CULL__FORM_REPEAT: return check_copies(d, n);
    case CULL__FORM_OPTIONAL: return CULL_OK;
    default: CULL_TRY(check_items(d, n)); return check_weights(d, n);
    }
}

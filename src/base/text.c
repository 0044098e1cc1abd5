/* text.c - sizes as text, names, UTF-8, growing strings. */
#define _GNU_SOURCE
#include "cull/text.h"
#include "base/base.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool cull__parse_bytes(const char *s, uint64_t *out)
{
    size_t n = strlen(s), unit = n;
    while (unit && ((s[unit - 1] | 32) >= 'a' && (s[unit - 1] | 32) <= 'z')) unit--;
    double v;
    if (unit && (s[unit - 1] >= '0' && s[unit - 1] <= '9') && unit < n && (s[unit] | 32) == 'e')
        unit = n;
    if (!cull__parse_f64(s, unit, &v) || !(v >= 0)) return false;
    static const char units[] = "kmgt";
    const char *u = s + unit;
    int power = 0;
    if (*u) {
        const char *at = strchr(units, *u | 32);
        if (at) power = (int)(at - units) + 1, u++;
        if ((*u | 32) == 'i' && power) u++;
        if ((*u | 32) == 'b') u++;
        if (*u) return false;
    }
    v = ldexp(v, 10 * power);
    if (!(v < 0x1p63)) return false;
    *out = (uint64_t)v;
    return true;
}

const char *cull__format_bytes(uint64_t b, char buf[32])
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    int u = 0;
    double v = (double)b;
    while (v >= 1024 && u < 6) v /= 1024, u++;
    int tenths = (int)(v * 10 + 0.5);
    if (u == 0 || tenths >= 1000)
        snprintf(buf, 32, "%d %s", (tenths + 5) / 10, unit[u]);
    else
        snprintf(buf, 32, "%d.%d %s", tenths / 10, tenths % 10, unit[u]);
    return buf;
}

bool cull__ends(const char *s, const char *tail)
{
    size_t a = strlen(s), b = strlen(tail);
    return a >= b && !strcmp(s + a - b, tail);
}

cull_status cull__copy_text(cull_ctx *cx, const char *s, size_t n, char **out)
{
    CULL_TRY(CULL_ALLOC(cx, *out, (int64_t)n + 1));
    memcpy(*out, s, n);
    return CULL_OK;
}

bool cull__same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char x = *a == '_' ? '-' : *a, y = *b == '_' ? '-' : *b;
        if (x != y) return false;
    }
    return *a == *b;
}

bool cull__listed(const char *list, const char *s, size_t n)
{
    for (size_t k; *list; list += k + (list[k] == ',')) {
        k = strcspn(list, ",");
        if (k == n && !memcmp(list, s, n)) return true;
    }
    return false;
}

/* Edit distance with swaps of neighbours; names are short, and longer ones are far from all. */
static int distance(const char *a, const char *b)
{
    enum { MAX = 48 };
    int n = (int)strlen(a), m = (int)strlen(b), d[3][MAX + 1];
    if (n > MAX || m > MAX) return INT_MAX;
    for (int j = 0; j <= m; j++) d[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *now = d[i % 3], *last = d[(i + 2) % 3], *before = d[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return d[n % 3][m];
}

const char *cull__nearest(const char *s, const char *const *cand, int n)
{
    const char *best = NULL;
    int length = (int)strlen(s), least = length / 3 + 1;
    for (int i = 0; i < n; i++) {
        int d = distance(s, cand[i]);
        if (d < length && d <= least && (!best || d < least)) best = cand[i], least = d;
    }
    return best;
}

cull_status cull__keep_text(cull_ctx *cx, const char **s)
{
    char *own;
    CULL_TRY(CULL_TMP(cx, own, (int64_t)strlen(*s) + 1));
    strcpy(own, *s);
    *s = own;
    return CULL_OK;
}

size_t cull__utf8_one(const char *s, size_t n)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)s;
    if (!n) return 0;
    if (*p < 0x80) return 1;
    size_t more = *p >= 0xF0 ? 3 : *p >= 0xE0 ? 2 : 1;
    uint32_t v = *p & (0x3Fu >> more);
    if (*p < 0xC2 || *p > 0xF4 || n <= more) return 0;
    for (size_t k = 1; k <= more; k++) {
        if ((p[k] & 0xC0) != 0x80) return 0;
        v = v << 6 | (p[k] & 0x3F);
    }
    return v < least[more] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF) ? 0 : more + 1;
}

cull_status cull__not_utf16(cull_ctx *cx, const char *path, const void *at, size_t n)
{
    if (n < 2 || (memcmp(at, "\xff\xfe", 2) && memcmp(at, "\xfe\xff", 2))) return CULL_OK;
    char shown[128];
    const char *name = cull__quote(path, strlen(path), shown, sizeof shown);
    return cull__fail(cx, CULL_EINPUT,
                      "%s: it is UTF-16, and text is read as UTF-8; convert it: iconv -f UTF-16 -t "
                      "UTF-8 '%s' >FILE",
                      name, name);
}

bool cull__utf8_ok(const char *s, size_t n, size_t *bad)
{
    for (size_t i = 0, one; i < n; i += one) {
        one = cull__utf8_one(s + i, n - i);
        if (!one) {
            if (bad) *bad = i;
            return false;
        }
    }
    return true;
}

const char *cull__quote(const char *s, size_t n, char *buf, size_t size)
{
    size_t k = 0, i = 0, room = size - 4;
    while (i < n) {
        size_t one = cull__utf8_one(s + i, n - i);
        bool shown = one && (unsigned char)s[i] >= 32 && s[i] != 127;
        if (k + (one ? one : 1) > room) break; /* not inside a character */
        if (shown)
            memcpy(buf + k, s + i, one);
        else
            buf[k] = '?';
        k += one ? one : 1, i += one ? one : 1;
    }
    if (i < n) memcpy(buf + k, "...", 3), k += 3;
    buf[k] = 0;
    return buf;
}

void cull__buf_add(cull_buf *b, const char *s, size_t n)
{
    if (b->status != CULL_OK) return;
    if ((uint64_t)b->n + n + 1 > (uint64_t)b->cap)
        b->status = cull__grow(b->cx, (void **)&b->at, &b->cap, (int64_t)(b->n + n + 1), 1);
    if (b->status != CULL_OK) return;
    memcpy(b->at + b->n, s, n);
    b->n += n;
    b->at[b->n] = 0;
}

void cull__buf_printf(cull_buf *b, const char *fmt, ...)
{
    char small[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < (int)sizeof small) {
        cull__buf_add(b, small, n > 0 ? (size_t)n : 0);
        return;
    }
    if (b->status == CULL_OK)
        b->status = cull__grow(b->cx, (void **)&b->at, &b->cap, (int64_t)b->n + n + 1, 1);
    if (b->status != CULL_OK) return;
    va_start(ap, fmt);
    vsnprintf(b->at + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
}

void cull__buf_free(cull_buf *b)
{
    cull__free(b->at);
    *b = (cull_buf){.cx = b->cx};
}

/* ---- the public face of these ---- */

bool cull_same_name(const char *a, const char *b) { return cull__same_name(a, b); }
bool cull_parse_number(const char *s, double *out) { return cull__parse_f64(s, strlen(s), out); }
bool cull_parse_bytes(const char *s, uint64_t *out) { return cull__parse_bytes(s, out); }
const char *cull_format_number(double v, char buf[32]) { return cull__format_f64(v, buf); }
const char *cull_format_bytes(uint64_t b, char buf[32]) { return cull__format_bytes(b, buf); }

bool cull_utf8_ok(const char *s, size_t n, size_t *bad) { return cull__utf8_ok(s, n, bad); }

const char *cull_nearest(const char *s, const char *const *cand, int n)
{
    return cull__nearest(s, cand, n);
}

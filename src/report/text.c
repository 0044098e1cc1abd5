/* text.c - numbers and strings as people read them, the same in every locale. */
#include "report/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *cull__fixed(double v, int decimals, char buf[32])
{
    static const double ten[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    double s = round(fabs(v) * ten[decimals]);
    if (!(s < 1e15)) return cull__format_f64(v, buf);
    int64_t whole = (int64_t)s, unit = (int64_t)ten[decimals];
    const char *sign = v < 0 && whole ? "-" : "";
    if (decimals)
        snprintf(buf, 32, "%s%" PRId64 ".%0*" PRId64, sign, whole / unit, decimals, whole % unit);
    else
        snprintf(buf, 32, "%s%" PRId64, sign, whole);
    return buf;
}

const char *cull__count(int64_t v, char buf[32])
{
    char d[32];
    int n = snprintf(d, sizeof d, "%" PRId64, v), k = 0;
    for (int i = 0; i < n; i++) {
        if (i && d[i - 1] != '-' && (n - i) % 3 == 0) buf[k++] = ',';
        buf[k++] = d[i];
    }
    buf[k] = 0;
    return buf;
}

const char *cull__scientific(double v, int decimals, char buf[32])
{
    int e = (int)floor(log10(fabs(v)));
    char m[32];
    double lead = v / pow(10, e), unit = pow(10, decimals);
    /* a subnormal's power of ten is no double */
    if (!isfinite(lead)) return strcpy(buf, v < 0 ? "-0.000" : "0.000");
    if (round(fabs(lead) * unit) >= 10 * unit) lead /= 10, e++;
    snprintf(buf, 32, "%.20se%d", cull__fixed(lead, decimals, m), e);
    return buf;
}

const char *cull__human(double v, char buf[32])
{
    double a = fabs(v);
    if (isnan(v)) return strcpy(buf, "-");
    if (isinf(v)) return cull__format_f64(v, buf);
    if (a >= 1e15 || (a > 0 && a < 5e-6)) return cull__scientific(v, 2, buf);
    if (a >= 1000 || (a >= 10 && v == floor(v))) return cull__count((int64_t)round(v), buf);
    if (a >= 100) return cull__fixed(v, 1, buf);
    if (a >= 10) return cull__fixed(v, 2, buf);
    return cull__fixed(v, a >= 0.001 || a == 0 ? 3 : 5, buf);
}

const char *cull__amount(double v, char buf[32])
{
    return v == floor(v) && fabs(v) < 1e15 ? cull__count((int64_t)v, buf) : cull__human(v, buf);
}

const char *cull__percent(double share, char buf[32])
{
    char n[32];
    double a = fabs(share);
    if (isnan(share)) return strcpy(buf, "-");
    snprintf(buf, 32, "%.26s %%",
             cull__fixed(100 * share,
                         a >= 0.1 || a == 0 ? 0
                         : a >= 0.001       ? 1
                                            : 3,
                         n));
    return buf;
}

const char *cull__duration(double s, char buf[32])
{
    char n[32];
    if (s < 1)
        snprintf(buf, 32, "%.26s ms", cull__fixed(1e3 * s, s < 0.01 ? 1 : 0, n));
    else if (s < 100)
        snprintf(buf, 32, "%.28s s", cull__fixed(s, s < 10 ? 2 : 1, n));
    else if (s < 7200)
        snprintf(buf, 32, "%d min %d s", (int)(s + 0.5) / 60, (int)(s + 0.5) % 60);
    else
        snprintf(buf, 32, "%.20s h", cull__fixed(s / 3600, 1, n));
    return buf;
}

const char *cull__range(double lo, double hi, char buf[80])
{
    char a[32], b[32];
    buf[0] = 0;
    if (!isnan(lo) && !isnan(hi))
        snprintf(buf, 80, "[%s, %s]", cull__human(lo, a), cull__human(hi, b));
    return buf;
}

/* ---- UTF-8 ---- */

#define REPLACED "\xEF\xBF\xBD"

/* The character at s (NUL-terminated) and its bytes; what is no UTF-8 is U+FFFD, one byte long. */
static uint32_t character(const char *s, int *bytes)
{
    const unsigned char *p = (const unsigned char *)s;
    *bytes = 1;
    if (p[0] < 0x80) return p[0];
    int more = p[0] >= 0xF0 ? 3 : p[0] >= 0xE0 ? 2 : 1;
    for (int k = 1; k <= more; k++)
        if (!p[k]) return 0xFFFD;
    if (!cull__utf8_ok(s, (size_t)more + 1, NULL)) return 0xFFFD;
    uint32_t v = p[0] & (0x3Fu >> more);
    for (int k = 1; k <= more; k++) v = v << 6 | (p[k] & 0x3F);
    *bytes = more + 1;
    return v;
}

/* Columns of a terminal that a character takes: none for marks and joiners, two for East Asian
 * letters and pictures. Coarse ranges of Unicode's East Asian Width. */
static int width_of(uint32_t c)
{
    if ((c >= 0x300 && c <= 0x36F) || (c >= 0x200B && c <= 0x200F) ||
        (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
        (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF)
        return 0;
    return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
                   (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
                   (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
                   (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD)
               ? 2
               : 1;
}

static bool control(uint32_t c) { return c < 32 || (c >= 127 && c < 160); }
/* Marks that turn the direction of what follows: a name must not reorder a line. */
static bool turns(uint32_t c)
{
    return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

int cull__columns(const char *s)
{
    int n = 0, bytes;
    for (; *s; s += bytes) n += width_of(character(s, &bytes));
    return n;
}

void cull__add_utf8(cull_buf *b, const char *s)
{
    size_t n = strlen(s), bad;
    while (!cull__utf8_ok(s, n, &bad)) {
        cull__buf_add(b, s, bad);
        cull__buf_add(b, REPLACED, 3);
        s += bad + 1, n -= bad + 1;
    }
    cull__buf_add(b, s, n);
}

void cull__add_pad(cull_buf *b, int columns)
{
    for (; columns > 0; columns--) cull__buf_add(b, " ", 1);
}

int cull__add_cut(cull_buf *b, const char *s, int columns, bool unicode)
{
    int taken = 0, bytes, mark = unicode ? 1 : 3;
    bool cut = columns > 0 && cull__columns(s) > columns;
    for (; *s; s += bytes) {
        uint32_t c = character(s, &bytes);
        int w = width_of(c);
        if (cut && taken + w > columns - mark) break;
        if (control(c) || turns(c) || (!unicode && c >= 128))
            cull__buf_add(b, "?", 1), w = 1;
        else if (c == 0xFFFD)
            cull__buf_add(b, REPLACED, 3);
        else
            cull__buf_add(b, s, (size_t)bytes);
        taken += w;
    }
    if (!cut) return taken;
    cull__buf_add(b, unicode ? "\xE2\x80\xA6" : "...", 3);
    return taken + mark;
}

void cull__add_shell(cull_buf *b, const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=:,./@%";
    if (*s && strspn(s, plain) == strlen(s)) {
        cull__buf_add(b, s, strlen(s));
        return;
    }
    cull__buf_add(b, "'", 1);
    for (; *s; s++) {
        if (*s == '\'')
            cull__buf_add(b, "'\\''", 4);
        else
            cull__buf_add(b, s, 1);
    }
    cull__buf_add(b, "'", 1);
}

void cull__add_md(cull_buf *b, const char *s)
{
    int bytes;
    for (; *s; s += bytes) {
        uint32_t c = character(s, &bytes);
        if (control(c) || turns(c))
            cull__buf_add(b, " ", 1);
        else if (c == 0xFFFD)
            cull__buf_add(b, REPLACED, 3);
        else if (c == '<')
            cull__buf_add(b, "&lt;", 4);
        else if (c == '&')
            cull__buf_add(b, "&amp;", 5);
        else {
            if (c < 128 && strchr("\\|`*_[]", (int)c)) cull__buf_add(b, "\\", 1);
            cull__buf_add(b, s, (size_t)bytes);
        }
    }
}

void cull__add_html(cull_buf *b, const char *s) { cull__add_html_cut(b, s, INT64_MAX); }

void cull__add_html_cut(cull_buf *b, const char *s, int64_t most)
{
    int bytes;
    for (; *s; s += bytes) {
        if (!most--) {
            cull__buf_add(b, "\xE2\x80\xA6", 3);
            return;
        }
        uint32_t c = character(s, &bytes);
        const char *e = c == '&'                                           ? "&amp;"
                        : c == '<'                                         ? "&lt;"
                        : c == '>'                                         ? "&gt;"
                        : c == '"'                                         ? "&quot;"
                        : c == '\''                                        ? "&#39;"
                        : c == '\n' || c == '\t'                           ? NULL
                        : control(c) || turns(c) || (c & 0xFFFE) == 0xFFFE ? REPLACED
                                                                           : NULL;
        if (c == 0xFFFD) e = REPLACED;
        cull__buf_add(b, e ? e : s, e ? strlen(e) : (size_t)bytes);
    }
}

/* ---- JSON ---- */

void cull__json_text(cull_json *j, const char *s)
{
    if (!s || cull__utf8_ok(s, strlen(s), NULL)) {
        cull__json_str(j, s);
        return;
    }
    cull_buf b = CULL_BUF(j->b.cx);
    cull__add_utf8(&b, s);
    if (b.status != CULL_OK && j->b.status == CULL_OK) j->b.status = b.status;
    cull__json_strn(j, b.at ? b.at : "", b.n);
    cull__buf_free(&b);
}

void cull__json_line(cull_json *j)
{
    if (j->comma[j->depth]) cull__buf_add(&j->b, ",", 1);
    cull__buf_add(&j->b, "\n", 1);
    j->comma[j->depth] = false;
}

void cull__json_exact(cull_json *j, double v)
{
    if (v == 0 && signbit(v))
        cull__json_raw(j, "-0.0"); /* "-0" reads back as the integer 0 */
    else
        cull__json_f64(j, v);
}

void cull__json_pair(cull_json *j, const char *k, double v)
{
    cull__json_key(j, k);
    cull__json_exact(j, v);
}

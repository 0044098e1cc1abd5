/* number.c - numbers as text and back, whatever the locale. Those of a usual size need no library: whole numbers of 128 bits
 * are exact. */
#define _GNU_SOURCE
#include "base/base.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
static const uint64_t five[] = {1u,
                                5u,
                                25u,
                                125u,
                                625u,
                                3125u,
                                15625u,
                                78125u,
                                390625u,
                                1953125u,
                                9765625u,
                                48828125u,
                                244140625u,
                                1220703125u,
                                6103515625u,
                                30517578125u,
                                152587890625u,
                                762939453125u,
                                3814697265625u,
                                19073486328125u,
                                95367431640625u};
enum { FIVES = sizeof five / sizeof *five - 1 };

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static void trim(const char **s, size_t *n)
{
    while (*n && blank((*s)[*n - 1])) --*n;
    while (*n && blank(**s)) ++*s, --*n;
}

/* ---- to numbers ---- */
/* v / 10^k, v > 0, rounded once: to 65 bits and more by division, of which the rest only says that there is one. */
static double divided(uint64_t v, int k)
{
    int up = __builtin_clzll(v);
    unsigned __int128 n = (unsigned __int128)(v << up) << 64, q = n / five[k];
    bool rest = q * five[k] != n;
    int bits = 128 - (q >> 64 ? __builtin_clzll((uint64_t)(q >> 64)) : 64), drop = bits - 53;
    uint64_t m = (uint64_t)(q >> drop), half = (uint64_t)(q >> (drop - 1)) & 1;
    rest |= (q & (((unsigned __int128)1 << (drop - 1)) - 1)) != 0;
    m += half && (rest || (m & 1));
    return ldexp((double)m, drop - 64 - up - k);
}

/* A decimal without an exponent, of up to 19 digits. */
static bool parse_decimal(const char *s, size_t n, double *out)
{
    size_t i = n && (s[0] == '-' || s[0] == '+');
    int frac = 0, digits = 0;
    bool point = false, any = false;
    uint64_t v = 0;
    for (; i < n; i++) {
        unsigned d = (unsigned)(unsigned char)s[i] - '0';
        if (d <= 9) {
            digits += digits || d; /* zeros before the first digit are none */
            if (digits > 19) return false;
            v = v * 10 + d;
            frac += point;
            any = true;
        } else if (s[i] == '.' && !point) {
            point = true;
        } else {
            return false;
        }
    }
    if (!any || frac > FIVES) return false;
    bool exact = v < (uint64_t)1 << 53; /* as is 10^frac: one division rounds once */
    double d = !v ? 0 : exact ? (double)v / ten[frac] : divided(v, frac);
    *out = s[0] == '-' ? -d : d;
    return true;
}

bool cull__parse_f64(const char *s, size_t n, double *out)
{
    trim(&s, &n);
    if (!n) return false;
    if (parse_decimal(s, n, out)) return true;
    char small[64], *buf = n < sizeof small ? small : malloc(n + 1), *end;
    if (!buf) return false;
    memcpy(buf, s, n);
    buf[n] = 0;
    /* strtod would also take hexadecimal and "nan(...)" and, elsewhere, a decimal comma */
    bool ok = !strpbrk(buf, "xXpP(,");
    if (ok) {
        locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        if (c) {
            *out = strtod_l(buf, &end, c);
            freelocale(c);
        }
        ok = c && end == buf + n;
    }
    if (buf != small) free(buf);
    return ok;
}

bool cull__parse_i64(const char *s, size_t n, int64_t *out)
{
    trim(&s, &n);
    size_t i = n && (s[0] == '-' || s[0] == '+');
    bool minus = n && s[0] == '-';
    if (i == n) return false;
    int64_t v = 0;
    for (; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') return false;
        if (__builtin_mul_overflow(v, 10, &v)) return false;
        int64_t d = s[i] - '0';
        if (__builtin_add_overflow(v, minus ? -d : d, &v)) return false;
    }
    *out = v;
    return true;
}

/* ---- to text ---- */
size_t cull__format_u64(uint64_t v, char buf[24])
{
    char back[24];
    size_t n = 0;
    do back[n++] = (char)('0' + v % 10);
    while (v /= 10);
    for (size_t i = 0; i < n; i++) buf[i] = back[n - 1 - i];
    buf[n] = 0;
    return n;
}

/* v / 10^k, without zeros at the end. */
static void write_decimal(uint64_t v, int k, char *buf)
{
    while (k > 0 && v % 10 == 0) v /= 10, k--;
    uint64_t unit =
        k < 20 ? five[k] << k : 0; /* 17 digits are less than 10^20, which is too large */
    size_t n = cull__format_u64(unit ? v / unit : 0, buf);
    if (!k) return;
    if (unit) v %= unit;
    buf[n] = '.';
    for (int i = k; i > 0; i--, v /= 10) buf[n + (size_t)i] = (char)('0' + v % 10);
    buf[n + (size_t)k + 1] = 0;
}

/* v >> s to the nearest, in the middle to the even one; what was cut off: *down less than *up. */
static uint64_t rounded(unsigned __int128 v, int s)
{
    uint64_t q = (uint64_t)(v >> s);
    unsigned __int128 rest = v & (((unsigned __int128)1 << s) - 1),
                      half = (unsigned __int128)1 << (s - 1);
    return q + (rest > half || (rest == half && (q & 1)));
}

/* a from 1e-4 to below 1e15, not whole: 15 digits where they read back, else 16, else 17, each the nearest. False: it is left
 * to the library. With a = m 2^e, 10^k a is m 5^k 2^(e + k), of less than 100 bits. */
static bool format_usual(double a, char *buf)
{
    int x = 14, e;
    if (!(a >= 1e-4 && a < 1e15)) return false;
    while (x > 0 && a < ten[x]) x--;
    if (a < 1) x = a >= 1e-1 ? -1 : a >= 1e-2 ? -2 : a >= 1e-3 ? -3 : -4;
    uint64_t few = (uint64_t)(a * ten[14 - x] + 0.5);
    if ((double)few / ten[14 - x] == a) {
        write_decimal(few, 14 - x, buf);
        return true;
    }
    uint64_t m = (uint64_t)ldexp(frexp(a, &e), 53);
    if (m == (uint64_t)1 << 52) return false; /* its neighbours are not equally far */
    int k = 15 - x, s = 53 - e - k;
    unsigned __int128 scaled = (unsigned __int128)m * five[k];
    uint64_t d = rounded(scaled, s);
    unsigned __int128 back = (unsigned __int128)d << s,
                      off = back > scaled ? back - scaled : scaled - back;
    if (2 * off > five[k]) { /* more than half of what the last bit of m is worth */
        k++;
        d = rounded((unsigned __int128)m * five[k], s - 1);
    }
    write_decimal(d, k, buf);
    return true;
}

static void format_by_library(double v, char buf[32])
{
    for (int digits = 15; digits <= 17; digits++) { /* %g drops trailing zeros by itself */
        snprintf(buf, 32, "%.*g", digits, v);
        const char *point = localeconv()->decimal_point; /* the host's locale may have a comma */
        char *at = strcmp(point, ".") ? strstr(buf, point) : NULL;
        if (at) {
            size_t w = strlen(point);
            *at = '.';
            memmove(at + 1, at + w, strlen(at + w) + 1);
        }
        double back;
        if (cull__parse_f64(buf, strlen(buf), &back) && back == v) break;
    }
}

const char *cull__format_f64(double v, char buf[32])
{
    if (isnan(v)) return strcpy(buf, "nan");
    if (isinf(v)) return strcpy(buf, v < 0 ? "-inf" : "inf");
    char *at = buf;
    if (signbit(v)) *at++ = '-';
    double a = fabs(v);
    if (a == floor(a) && a < 1e15)
        cull__format_u64((uint64_t)a, at);
    else if (!format_usual(a, at))
        format_by_library(v, buf);
    return buf;
}

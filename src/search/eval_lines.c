/* eval_lines.c - what a program prints: cut into lines, kept up to a limit, read as results. See eval.h. */
#define _GNU_SOURCE
#include "search/eval.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    RING = 1 << 14,   /* bytes of the end of what is kept */
    RENAMED = 1 << 12 /* bytes of a line in which NaN and Infinity are understood */
};

/* ---- what is kept ---- */

cull_status cull__printed_new(cull_ctx *cx, cull__printed *s, bool kept)
{
    *s = (cull__printed){.file = -1};
    if (kept) CULL_TRY(CULL_ALLOC(cx, s->ring, RING));
    return CULL_ALLOC(cx, s->buf, CULL__LINE + 64);
}

void cull__printed_free(cull__printed *s)
{
    cull__printed_kept(s);
    cull__free(s->buf);
    cull__free(s->ring);
    s->buf = s->ring = NULL;
}

void cull__printed_reset(cull__printed *s)
{
    cull__printed_kept(s);
    *s = (cull__printed){.buf = s->buf, .ring = s->ring, .file = -1};
}

void cull__printed_keep(cull__printed *s, int file, int64_t most)
{
    cull__printed_kept(s);
    s->file = file;
    s->ring_n = 0;
    s->ring_size = most / 2 < RING ? most / 2 : RING;
    s->left = most - s->ring_size;
}

static void keep_last(cull__printed *s, const char *at, size_t n)
{
    size_t size = (size_t)s->ring_size, skip = n > size ? n - size : 0;
    if (!size) return;
    s->ring_n += (int64_t)skip;
    for (at += skip, n -= skip; n;) {
        size_t from = (size_t)s->ring_n % size, k = size - from < n ? size - from : n;
        memcpy(s->ring + from, at, k);
        s->ring_n += (int64_t)k;
        at += k, n -= k;
    }
}

/* A full disk loses what is kept of the output, not the trial. */
static void keep(cull__printed *s, const char *at, size_t n)
{
    if (s->file < 0) return;
    size_t k = (int64_t)n < s->left ? n : (size_t)s->left;
    s->left -= (int64_t)k;
    if (k && !cull__write_all(s->file, at, k)) cull__close_fd(&s->file);
    keep_last(s, at + k, n - k);
}

void cull__printed_kept(cull__printed *s)
{
    int64_t size = s->ring_size, n = s->ring_n;
    char gap[80];
    if (s->file >= 0 && n > size) {
        int k = snprintf(gap, sizeof gap, "\n[%" PRId64 " bytes are left out here]\n", n - size);
        (void)!cull__write_all(s->file, gap, (size_t)k);
        (void)!cull__write_all(s->file, s->ring + n % size, (size_t)(size - n % size));
        n %= size;
    }
    if (s->file >= 0 && n) (void)!cull__write_all(s->file, s->ring, (size_t)n);
    cull__close_fd(&s->file);
}

/* ---- lines ---- */

/* Lines are many, and the last one alone is wanted: it is copied when the buffer moves. */
const char *cull__printed_last(cull__printed *s)
{
    size_t n = s->tail_n;
    while (n && (s->tail[n - 1] == '\r' || s->tail[n - 1] == ' ')) n--;
    if (n) cull__quote(s->tail, n, s->last, sizeof s->last);
    s->tail_n = 0;
    return s->last;
}

void cull__printed_fill(cull__printed *s, int fd)
{
    (void)cull__printed_last(s);
    if (s->lo) memmove(s->buf, s->buf + s->lo, s->hi - s->lo);
    s->hi -= s->lo, s->lo = 0;
    if (s->hi == CULL__LINE) s->passing = true, s->hi = 0;
    ssize_t got = read(fd, s->buf + s->hi, CULL__LINE - s->hi);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) {
        s->ended = true;
        return;
    }
    keep(s, s->buf + s->hi, (size_t)got);
    s->any = true;
    s->hi += (size_t)got;
}

/* A progress bar writes over itself by '\r': as on a terminal the last of what stands in a line counts. */
static void written_over(cull__printed *s, const char *end)
{
    const char *at = s->buf + s->lo;
    while (end > at && end[-1] == '\r') end--;
    const char *last = memrchr(at, '\r', (size_t)(end - at));
    if (last) s->lo += (size_t)(last + 1 - at), s->passing = false;
}

bool cull__printed_line(cull__printed *s, const char **line, size_t *n)
{
    while (s->lo < s->hi) {
        const char *end = memchr(s->buf + s->lo, '\n', s->hi - s->lo);
        written_over(s, end ? end : s->buf + s->hi);
        const char *at = s->buf + s->lo;
        if (!end && !s->ended) {
            if (!s->passing) return false;
            s->lo = s->hi; /* the middle of what is passed over */
            return false;
        }
        size_t len = end ? (size_t)(end - at) : s->hi - s->lo;
        s->lo += len + (end != NULL);
        bool over = s->passing;
        s->passing = false;
        if (over) continue;
        size_t blank = 0;
        while (blank < len && strchr(" \t\r", at[blank])) blank++;
        if (blank < len) s->tail = at, s->tail_n = len;
        *line = at, *n = len;
        return true;
    }
    return false;
}

/* ---- what they say ---- */

/* Where a number called `key` belongs; the study's own names come first. */
static double *place_of(const cull_search_problem *p, const char *key, size_t n, cull__said *s,
                        double other[3], int *which)
{
    static const char *const more[] = {"step", "trial", "cost", "noise"};
    *which = -1;
    for (int i = 0; i < p->objectives; i++)
        if (strlen(p->objective[i].name) == n && !memcmp(p->objective[i].name, key, n)) {
            s->objectives |= 1u << i;
            return &s->value[i];
        }
    for (int i = 0; i < p->constraints; i++)
        if (strlen(p->constraint[i]) == n && !memcmp(p->constraint[i], key, n)) {
            s->constraints |= 1u << i;
            return &s->violation[i];
        }
    for (int i = 0; i < 4; i++)
        if (strlen(more[i]) == n && !memcmp(more[i], key, n)) {
            *which = i;
            return i == 2 ? &s->cost : i == 3 ? &s->noise : &other[i];
        }
    return NULL;
}

static void put(const cull_search_problem *p, const char *key, size_t n, double v, cull__said *s)
{
    double other[3];
    int which;
    double *to = place_of(p, key, n, s, other, &which);
    if (!to) return;
    *to = v;
    bool whole = which >= 0 && which < 2 && v >= 0 && v <= 9e15 && v == floor(v);
    if (whole) *(which ? &s->trial : &s->step) = (int64_t)v;
}

/* A value that is no number is told all the same: it is not finite. A cost or noise that is null is not told. */
static bool put_none(const cull_search_problem *p, const char *key, size_t n, bool null,
                     cull__said *s)
{
    double other[3];
    int which;
    double *to = place_of(p, key, n, s, other, &which);
    if (!to || (which >= 0 && (which < 2 || null))) return false;
    *to = NAN;
    return true;
}

struct into {
    const cull_search_problem *p;
    cull__said *s;
};

static bool member(void *arg, const char *key, size_t n, cull__json_value v)
{
    struct into *g = arg;
    double number;
    if (cull__json_kind(v) == CULL__JSON_NUMBER && cull__json_number(v, &number)) {
        put(g->p, key, n, number, g->s);
    } else if (put_none(g->p, key, n, cull__json_kind(v) == CULL__JSON_NULL, g->s)) {
        return true;
    } else if (n == 6 && !memcmp(key, "failed", 6)) {
        size_t len = 0;
        const char *why = cull__json_kind(v) == CULL__JSON_STRING ? cull__json_string(v, &len) : "";
        g->s->failed = cull__json_kind(v) != CULL__JSON_BOOL || cull__json_truth(v);
        cull__quote(why, len, g->s->why, sizeof g->s->why);
    }
    return true;
}

/* How long a number that starts at `at` is, 0 = none does; what JSON's reader takes for it: it has none that is not finite,
 * and no whole one above 2^64. */
static size_t other_number(const char *at, size_t n, char to[32])
{
    static const char *const word[] = {"NaN", "Infinity", "-Infinity"};
    size_t len = 0;
    double v = NAN;
    for (int w = 0; w < 3 && !len; w++)
        if (n >= strlen(word[w]) && !memcmp(at, word[w], strlen(word[w]))) len = strlen(word[w]);
    if (!len) {
        while (len < n && strchr("+-.0123456789eE", at[len])) len++;
        if (!len || !cull__parse_f64(at, len, &v)) return 0;
    }
    snprintf(to, 32, isfinite(v) ? "%.17g" : "\"%g\"", v);
    return len;
}

/* The line with its numbers as JSON's reader takes them; false: there are none, or no room. */
static bool rename_numbers(const char *at, size_t n, char to[RENAMED], size_t *out)
{
    bool text = false, any = false;
    size_t k = 0;
    for (size_t i = 0, len; i < n; i += len) {
        char number[32];
        if (k + 64 > RENAMED) return false;
        len = text ? 0 : other_number(at + i, n - i, number);
        if (len) {
            memcpy(to + k, number, strlen(number));
            k += strlen(number), any = true;
            continue;
        }
        len = text && at[i] == '\\' && i + 1 < n ? 2 : 1;
        if (at[i] == '"') text = !text;
        memcpy(to + k, at + i, len);
        k += len;
    }
    *out = k;
    return any;
}

static void from_json(const cull_search_problem *p, cull__json_parser *json, const char *at,
                      size_t n, cull__said *s)
{
    struct into g = {p, s};
    cull__json_value root;
    const char *why;
    char renamed[RENAMED];
    size_t where, k;
    bool read = cull__json_parse(json, at, n, &root, &why, &where);
    if (!read && rename_numbers(at, n, renamed, &k))
        read = cull__json_parse(json, renamed, k, &root, &why, &where);
    s->answer = read || *at == '{'; /* "[info] ..." is none */
    if (read && *at == '{') (void)cull__json_each(root, member, &g);
}

static bool names_value(const cull_search_problem *p, const char *key, size_t n)
{
    cull__said none = {0};
    double other[3];
    int which;
    return place_of(p, key, n, &none, other, &which) && which < 0;
}

/* Where a word of pairs ends: at a blank, or a comma before another name. "1,5" is one word, and no number. */
static const char *pair_end(const char *at, const char *end)
{
    for (; at < end && *at != ' ' && *at != '\t'; at++) {
        if (*at != ',') continue;
        const char *next = at + 1;
        while (next < end && !strchr(" \t,=", *next)) next++;
        if (next == at + 1 || (next < end && *next == '=')) break;
    }
    return at;
}

/* "error=0.2 latency=3", separated by blanks or commas. */
static void from_pairs(const cull_search_problem *p, const char *at, size_t n, cull__said *s)
{
    const char *end = at + n;
    while (at < end) {
        while (at < end && (*at == ' ' || *at == '\t' || *at == ',')) at++;
        const char *word = at;
        double v;
        at = pair_end(at, end);
        const char *eq = memchr(word, '=', (size_t)(at - word));
        if (!eq) continue;
        if (eq + 1 < at && cull__parse_f64(eq + 1, (size_t)(at - eq - 1), &v))
            put(p, word, (size_t)(eq - word), v, s);
        else
            s->answer |= names_value(p, word, (size_t)(eq - word));
    }
}

static void from_number(const cull_search_problem *p, double v, cull__said *s)
{
    s->answer = true;
    if (p->objectives == 1 && !p->constraints) s->value[0] = v, s->objectives = 1;
}

static void look_for_numbers(const cull_search_problem *p, const char *line, size_t n,
                             cull__said *s)
{
    for (int i = p->constraints - 1; i >= 0; i--)
        if (isnan(s->violation[i])) s->not_finite = p->objectives + i;
    for (int i = p->objectives - 1; i >= 0; i--)
        if (!isfinite(s->value[i])) s->not_finite = i;
    if (s->not_finite >= 0) cull__quote(line, n, s->why, sizeof s->why);
}

bool cull__said_something(const char *line, size_t n)
{
    while (n && (*line == ' ' || *line == '\t')) line++, n--;
    return n && (strchr("{[+-.0123456789iInN", *line) || memchr(line, '=', n));
}

void cull__said_of(const cull_search_problem *p, cull__json_parser *json, const char *line,
                   size_t n, cull__said *s)
{
    double v;
    *s = (cull__said){.step = -1, .trial = -1, .not_finite = -1};
    while (n && (*line == ' ' || *line == '\t')) line++, n--;
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\r')) n--;
    if (!n) return;
    if (*line == '{' || *line == '[' || (n == 4 && !memcmp(line, "null", 4)))
        from_json(p, json, line, n, s);
    else if (memchr(line, '=', n))
        from_pairs(p, line, n, s);
    else if (cull__parse_f64(line, n, &v))
        from_number(p, v, s);
    bool values = s->objectives == (1u << p->objectives) - 1;
    s->some = s->objectives || s->constraints;
    s->result = s->failed || (values && s->constraints == (1u << p->constraints) - 1);
    s->report = values && s->step >= 0 && !s->failed;
    s->answer |= s->some || s->failed;
    if (s->result && !s->failed) look_for_numbers(p, line, n, s);
}

static size_t name_list(const cull_search_problem *p, uint32_t objectives, uint32_t constraints,
                        char *buf, size_t size)
{
    size_t n = 0;
    int left = __builtin_popcount(objectives) + __builtin_popcount(constraints), first = left;
    for (int i = 0; i < p->objectives + p->constraints; i++) {
        int k = i - p->objectives;
        if (!(k < 0 ? objectives >> i & 1 : constraints >> k & 1)) continue;
        left--;
        n += (size_t)snprintf(buf + n, n < size ? size - n : 0, "%s%.40s",
                              left + 1 == first ? ""
                              : left            ? ", "
                                                : " and ",
                              k < 0 ? p->objective[i].name : p->constraint[k]);
        if (n >= size) return size - 1;
    }
    return n;
}

const char *cull__said_lacks(const cull_search_problem *p, const cull__said *s, char *buf,
                             size_t size)
{
    size_t n = name_list(p, s->objectives, s->constraints, buf, size);
    n += (size_t)snprintf(buf + n, size - n, " but not ");
    if (n < size)
        name_list(p, ~s->objectives & ((1u << p->objectives) - 1),
                  ~s->constraints & ((1u << p->constraints) - 1), buf + n, size - n);
    return buf;
}

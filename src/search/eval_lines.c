/* eval_lines.c - what a program prints: cut into lines, kept up to a limit, read as results. See eval.h. */
#define _GNU_SOURCE
#include "search/eval.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- lines ---- */

cull_status cull__printed_new(cull_ctx *cx, cull__printed *s)
{
    *s = (cull__printed){.file = -1};
    return CULL_ALLOC(cx, s->buf, CULL__LINE + 64);
}

void cull__printed_free(cull__printed *s)
{
    cull__close_fd(&s->file);
    cull__free(s->buf);
    s->buf = NULL;
}

void cull__printed_reset(cull__printed *s, int file, int64_t most)
{
    cull__close_fd(&s->file);
    *s = (cull__printed){.buf = s->buf, .file = file, .left = most};
}

/* A full disk loses what is kept of the output, not the trial. */
static void keep(cull__printed *s, const char *at, size_t n)
{
    if (s->file < 0 || s->left <= 0) return;
    if ((int64_t)n > s->left) n = (size_t)s->left;
    s->left -= (int64_t)n;
    if (!cull__write_all(s->file, at, n)) s->left = 0;
}

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

bool cull__printed_line(cull__printed *s, const char **line, size_t *n)
{
    while (s->lo < s->hi) {
        const char *at = s->buf + s->lo, *end = memchr(at, '\n', s->hi - s->lo);
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
    } else if (n == 6 && !memcmp(key, "failed", 6)) {
        size_t len = 0;
        const char *why = cull__json_kind(v) == CULL__JSON_STRING ? cull__json_string(v, &len) : "";
        g->s->failed = cull__json_kind(v) != CULL__JSON_BOOL || cull__json_truth(v);
        cull__quote(why, len, g->s->why, sizeof g->s->why);
    }
    return true;
}

static void from_json(const cull_search_problem *p, cull__json_parser *json, const char *at,
                      size_t n, cull__said *s)
{
    struct into g = {p, s};
    cull__json_value root;
    const char *why;
    size_t where;
    if (!cull__json_parse(json, at, n, &root, &why, &where))
        s->broken = true;
    else
        (void)cull__json_each(root, member, &g);
}

/* "error=0.2 latency=3", separated by blanks or commas. */
static void from_pairs(const cull_search_problem *p, const char *at, size_t n, cull__said *s)
{
    const char *end = at + n;
    while (at < end) {
        while (at < end && (*at == ' ' || *at == '\t' || *at == ',')) at++;
        const char *word = at, *eq = NULL;
        double v;
        for (; at < end && *at != ' ' && *at != '\t' && *at != ','; at++)
            if (*at == '=' && !eq) eq = at;
        if (eq && eq + 1 < at && cull__parse_f64(eq + 1, (size_t)(at - eq - 1), &v))
            put(p, word, (size_t)(eq - word), v, s);
    }
}

bool cull__said_something(const char *line, size_t n)
{
    while (n && (*line == ' ' || *line == '\t')) line++, n--;
    return n && (strchr("{+-.0123456789iInN", *line) || memchr(line, '=', n));
}

void cull__said_of(const cull_search_problem *p, cull__json_parser *json, const char *line,
                   size_t n, cull__said *s)
{
    double v;
    *s = (cull__said){.step = -1, .trial = -1};
    while (n && (*line == ' ' || *line == '\t')) line++, n--;
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\r')) n--;
    if (!n) return;
    if (*line == '{')
        from_json(p, json, line, n, s);
    else if (memchr(line, '=', n))
        from_pairs(p, line, n, s);
    else if (p->objectives == 1 && !p->constraints && cull__parse_f64(line, n, &v))
        s->value[0] = v, s->objectives = 1;
    bool values = s->objectives == (1u << p->objectives) - 1;
    s->some = s->objectives || s->constraints;
    s->result = s->failed || (values && s->constraints == (1u << p->constraints) - 1);
    s->report = values && s->step >= 0 && !s->failed;
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

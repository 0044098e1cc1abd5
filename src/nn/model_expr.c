/* model_expr.c - values of a model's description: small arithmetic, read and evaluated at once. */
#include "nn/model.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DEEP = 32 };

typedef struct {
    const char *s;
    const cull__model_scope *c;
    char *why;
    int depth;
} reading;

static bool no(reading *r, const char *fmt, const char *what)
{
    if (!*r->why) snprintf(r->why, 160, fmt, what);
    return false;
}

static void blanks(reading *r)
{
    while (*r->s == ' ' || *r->s == '\t') r->s++;
}

static size_t word_length(const char *s)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_') n++;
    return n;
}

static bool number(reading *r, double *out)
{
    const char *s = r->s;
    size_t n = 0;
    while (isdigit((unsigned char)s[n]) || s[n] == '.') n++;
    if (n && (s[n] == 'e' || s[n] == 'E')) {
        size_t e = n + 1 + (s[n + 1] == '-' || s[n + 1] == '+');
        if (isdigit((unsigned char)s[e])) n = e;
        while (isdigit((unsigned char)s[n])) n++;
    }
    if (!cull__parse_f64(s, n, out) || isalpha((unsigned char)s[n]) || s[n] == '_')
        return no(r, "'%.40s' is no number", s);
    r->s += n;
    return true;
}

static bool name(reading *r, double *out)
{
    char word[CULL__MODEL_NAME + 1];
    size_t n = word_length(r->s);
    if (n > CULL__MODEL_NAME) return no(r, "'%.40s...' is too long for a name", r->s);
    memcpy(word, r->s, n);
    word[n] = 0;
    r->s += n;
    *out = !strcmp(word, "yes");
    if (r->c->check || !strcmp(word, "yes") || !strcmp(word, "no")) return true;
    const char *known[64] = {"yes", "no"};
    int k = 2;
    for (int i = 0; i < r->c->names + r->c->globals; i++) {
        const cull__model_name *one =
            i < r->c->names ? r->c->name + i : r->c->global + (i - r->c->names);
        if (!strcmp(one->name, word)) {
            *out = one->value;
            return true;
        }
        if (k < 64) known[k++] = one->name;
    }
    if (!strcmp(word, "outputs"))
        return no(r, "the number of outputs is not given: write a line 'outputs N'%s", "");
    const char *near = cull__nearest(word, known, k);
    if (near) {
        char said[120];
        snprintf(said, sizeof said, "%s' is known; did you mean '%s", word, near);
        return no(r, "no number '%s'?", said);
    }
    return no(r, "no number '%s' is known here", word);
}

static bool sum(reading *r, double *out);

static bool operand(reading *r, double *out)
{
    blanks(r);
    if (++r->depth > DEEP) return no(r, "parentheses are deeper than 32%s", "");
    bool good;
    if (*r->s == '-') {
        r->s++;
        good = operand(r, out);
        *out = -*out;
    } else if (*r->s == '(') {
        r->s++;
        good = sum(r, out);
        blanks(r);
        if (good && *r->s != ')') return no(r, "a ')' is missing%s", "");
        r->s += good;
    } else if (isdigit((unsigned char)*r->s) || *r->s == '.') {
        good = number(r, out);
    } else if (word_length(r->s)) {
        good = name(r, out);
    } else if (!*r->s) {
        good = no(r, "a number is missing at the end%s", "");
    } else {
        good = no(r, "a number was expected at '%.20s'", r->s);
    }
    r->depth--;
    return good;
}

static bool product(reading *r, double *out)
{
    double v;
    if (!operand(r, out)) return false;
    for (;;) {
        blanks(r);
        char op = *r->s;
        if (op != '*' && op != '/') return true;
        r->s++;
        if (!operand(r, &v)) return false;
        if (op == '/' && v == 0 && !r->c->check) return no(r, "it divides by 0%s", "");
        *out = op == '*' ? *out * v : r->c->check ? 1 : *out / v;
    }
}

static bool sum(reading *r, double *out)
{
    double v;
    if (!product(r, out)) return false;
    for (;;) {
        blanks(r);
        char op = *r->s;
        if (op != '+' && op != '-') return true;
        r->s++;
        if (!product(r, &v)) return false;
        *out = op == '+' ? *out + v : *out - v;
    }
}

const char *cull__model_value(const char *s, const cull__model_scope *c, double *out, char why[160])
{
    reading r = {.s = s, .c = c, .why = why};
    why[0] = 0;
    *out = 0;
    for (int64_t turn = 0;; turn++) {
        double v;
        const char *end;
        if (!sum(&r, &v)) return NULL;
        if (turn <= c->turn) *out = v;
        end = r.s;
        while (end[-1] == ' ' || end[-1] == '\t') end--;
        blanks(&r);
        if (strncmp(r.s, "then", 4) || word_length(r.s) != 4) {
            if (c->check || isfinite(*out)) return end;
            no(&r, "it is no finite number%s", "");
            return NULL;
        }
        r.s += 4;
    }
}

/* expr_text.c - expressions of conditions and constraints: read from text, written back. */
#include "space/inner.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

typedef cull__expr expr;

typedef struct {
    cull__doc *d;
    const char *s;
    int line, depth, parts;
} reading;

enum { PARTS = 4000 }; /* of one expression: it is gone through by recursion */

#define WRONG(r, ...) cull__space_wrong((r)->d, (r)->line, __VA_ARGS__)

/* ---- words ---- */

static void blanks(reading *r)
{
    for (;; r->s++) {
        if (*r->s == '#')
            while (r->s[1] && r->s[1] != '\n') r->s++;
        else if (*r->s == '\n')
            r->line++;
        else if (*r->s != ' ' && *r->s != '\t' && *r->s != '\r')
            return;
    }
}

static bool takes(reading *r, const char *sign)
{
    blanks(r);
    if (strncmp(r->s, sign, strlen(sign))) return false;
    r->s += strlen(sign);
    return true;
}

static bool plain(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || c == '_' || c == '.';
}

static size_t plain_length(const char *s)
{
    size_t n = 0;
    while (plain(s[n])) n++;
    /* 1e-5 is one number */
    if (n > 1 && (s[n] == '-' || s[n] == '+') && (s[n - 1] == 'e' || s[n - 1] == 'E') &&
        (isdigit((unsigned char)s[0]) || s[0] == '.') && isdigit((unsigned char)s[n + 1])) {
        double v;
        size_t k = n + 1;
        while (isdigit((unsigned char)s[k])) k++;
        if (!plain(s[k]) && cull__parse_f64(s, k, &v)) return k;
    }
    return n;
}

static bool takes_word(reading *r, const char *w)
{
    blanks(r);
    size_t n = strlen(w);
    if (plain_length(r->s) != n || strncmp(r->s, w, n)) return false;
    r->s += n;
    return true;
}

static cull_status expected(reading *r, const char *what)
{
    char shown[32];
    blanks(r);
    if (!*r->s) return WRONG(r, "%s was expected at the end", what);
    return WRONG(r, "%s was expected at '%s'", what,
                 cull__quote(r->s, strcspn(r->s, "\n"), shown, sizeof shown));
}

/* ---- grammar ---- */

static cull_status made(reading *r, cull__expr_kind kind, expr *a, expr *b, expr **out)
{
    expr *e;
    if (++r->parts > PARTS)
        return WRONG(r, "an expression has more than %d words and signs", PARTS);
    CULL_TRY(CULL_TMP(r->d->cx, e, 1));
    *e = (expr){.kind = kind, .line = r->line, .a = a, .b = b};
    *out = e;
    return CULL_OK;
}

static cull_status whole(reading *r, expr **out);

static bool taken(const char *s, size_t n)
{
    static const char *const words[] = {"and", "or", "not", "in", "if", "forbid", "require"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == n && !strncmp(words[i], s, n)) return true;
    return false;
}

static cull_status word(reading *r, expr **out)
{
    blanks(r);
    bool quoted = *r->s == '"';
    const char *s = r->s + quoted;
    size_t n = quoted ? strcspn(s, "\"\n") : plain_length(s);
    if (quoted && s[n] != '"') return WRONG(r, "a quote is not closed on its line");
    if (!quoted && (!n || taken(s, n))) return expected(r, "a parameter, a value or a number");
    CULL_TRY(made(r, CULL__EXPR_WORD, NULL, NULL, out));
    (*out)->quoted = quoted;
    CULL_TRY(cull__space_keep(r->d->cx, s, n, &(*out)->word));
    r->s = s + n + quoted;
    return CULL_OK;
}

static cull_status atom(reading *r, expr **out)
{
    expr *a;
    if (takes(r, "(")) {
        CULL_TRY(whole(r, out));
        return takes(r, ")") ? CULL_OK : expected(r, "')'");
    }
    if (!takes(r, "-")) return word(r, out);
    if (++r->depth > CULL__SPACE_DEPTH)
        return WRONG(r, "an expression is nested deeper than %d levels", CULL__SPACE_DEPTH);
    CULL_TRY(atom(r, &a));
    r->depth--;
    return made(r, CULL__EXPR_NEG, a, NULL, out);
}

static cull_status product(reading *r, expr **out)
{
    expr *b;
    CULL_TRY(atom(r, out));
    for (;;) {
        bool times = takes(r, "*");
        if (!times && !takes(r, "/")) return CULL_OK;
        CULL_TRY(atom(r, &b));
        CULL_TRY(made(r, times ? CULL__EXPR_MUL : CULL__EXPR_DIV, *out, b, out));
    }
}

static cull_status sum(reading *r, expr **out)
{
    expr *b;
    CULL_TRY(product(r, out));
    for (;;) {
        bool plus = takes(r, "+");
        if (!plus && !takes(r, "-")) return CULL_OK;
        CULL_TRY(product(r, &b));
        CULL_TRY(made(r, plus ? CULL__EXPR_ADD : CULL__EXPR_SUB, *out, b, out));
    }
}

static cull_status members(reading *r, expr *a, expr **out)
{
    expr *list = NULL, **tail = &list;
    if (!takes(r, "{")) return expected(r, "'{' with the values of in");
    do {
        bool minus = takes(r, "-");
        CULL_TRY(word(r, tail));
        if (minus) {
            expr *e = *tail;
            char text[CULL__SPACE_NAME];
            snprintf(text, sizeof text, "-%.100s", e->word);
            CULL_TRY(cull__space_keep(r->d->cx, text, strlen(text), &e->word));
        }
        tail = &(*tail)->next;
    } while (takes(r, ","));
    if (!takes(r, "}")) return expected(r, "',' or '}'");
    return made(r, CULL__EXPR_IN, a, list, out);
}

static const struct {
    const char *sign;
    cull__expr_kind kind;
} comparisons[] = {{"==", CULL__EXPR_EQ}, {"!=", CULL__EXPR_NE}, {"<=", CULL__EXPR_LE},
                   {">=", CULL__EXPR_GE}, {"<", CULL__EXPR_LT},  {">", CULL__EXPR_GT}};
enum { COMPARISONS = sizeof comparisons / sizeof *comparisons };

static cull_status comparison(reading *r, expr **out)
{
    expr *b;
    CULL_TRY(sum(r, out));
    if (takes_word(r, "in")) return members(r, *out, out);
    reading before = *r;
    if (takes_word(r, "not") && takes_word(r, "in")) {
        CULL_TRY(members(r, *out, out));
        return made(r, CULL__EXPR_NOT, *out, NULL, out);
    }
    *r = before;
    for (int i = 0; i < COMPARISONS; i++) {
        if (!takes(r, comparisons[i].sign)) continue;
        CULL_TRY(sum(r, &b));
        CULL_TRY(made(r, comparisons[i].kind, *out, b, out));
        blanks(r);
        return strchr("<>!=", *r->s) && *r->s
                   ? WRONG(r, "comparisons do not follow one another; join them by and")
                   : CULL_OK;
    }
    blanks(r);
    return *r->s == '=' ? WRONG(r, "'=' gives a parameter its values; == compares") : CULL_OK;
}

static cull_status negation(reading *r, expr **out)
{
    expr *a;
    if (!takes_word(r, "not")) return comparison(r, out);
    if (++r->depth > CULL__SPACE_DEPTH)
        return WRONG(r, "an expression is nested deeper than %d levels", CULL__SPACE_DEPTH);
    CULL_TRY(negation(r, &a));
    r->depth--;
    return made(r, CULL__EXPR_NOT, a, NULL, out);
}

static cull_status conjunction(reading *r, expr **out)
{
    expr *b;
    CULL_TRY(negation(r, out));
    while (takes_word(r, "and")) {
        CULL_TRY(negation(r, &b));
        CULL_TRY(made(r, CULL__EXPR_AND, *out, b, out));
    }
    return CULL_OK;
}

static cull_status whole(reading *r, expr **out)
{
    expr *b;
    if (++r->depth > CULL__SPACE_DEPTH)
        return WRONG(r, "an expression is nested deeper than %d levels", CULL__SPACE_DEPTH);
    CULL_TRY(conjunction(r, out));
    while (takes_word(r, "or")) {
        CULL_TRY(conjunction(r, &b));
        CULL_TRY(made(r, CULL__EXPR_OR, *out, b, out));
    }
    r->depth--;
    return CULL_OK;
}

cull_status cull__expr_read(cull__doc *d, const char **s, int *line, cull__expr **out)
{
    reading r = {.d = d, .s = *s, .line = *line};
    CULL_TRY(whole(&r, out));
    *s = r.s;
    *line = r.line;
    return CULL_OK;
}

/* ---- back to text ---- */

static int rank(cull__expr_kind k)
{
    if (k >= CULL__EXPR_EQ && k <= CULL__EXPR_IN) return 3;
    if (k == CULL__EXPR_ADD || k == CULL__EXPR_SUB) return 4;
    if (k == CULL__EXPR_MUL || k == CULL__EXPR_DIV) return 5;
    return k < CULL__EXPR_EQ ? (int)k : k == CULL__EXPR_NEG ? 6 : 7;
}

static const char *sign_of(cull__expr_kind k)
{
    for (int i = 0; i < COMPARISONS; i++)
        if (comparisons[i].kind == k) return comparisons[i].sign;
    return k == CULL__EXPR_OR    ? "or"
           : k == CULL__EXPR_AND ? "and"
           : k == CULL__EXPR_ADD ? "+"
           : k == CULL__EXPR_SUB ? "-"
           : k == CULL__EXPR_MUL ? "*"
                                 : "/";
}

/* Whether a word in quotes is the same without them. */
static bool bare(const char *s)
{
    size_t n = plain_length(s);
    return n && !s[n] && !taken(s, n) && !isdigit((unsigned char)*s) && *s != '.';
}

/* In parentheses where it binds less tightly than `least`. */
static void write(cull_buf *b, const expr *e, int least)
{
    int mine = rank(e->kind);
    bool wrap = mine < least;
    if (wrap) cull__buf_add(b, "(", 1);
    switch (e->kind) {
    case CULL__EXPR_WORD:
        cull__buf_printf(b, e->quoted && !bare(e->word) ? "\"%s\"" : "%s", e->word);
        break;
    case CULL__EXPR_NEG:
        cull__buf_add(b, "-", 1);
        write(b, e->a, mine);
        break;
    case CULL__EXPR_NOT:
        cull__buf_printf(b, "not ");
        write(b, e->a, mine);
        break;
    case CULL__EXPR_IN:
        write(b, e->a, mine + 1);
        cull__buf_printf(b, " in {");
        for (const expr *k = e->b; k; k = k->next) {
            write(b, k, 0);
            cull__buf_printf(b, k->next ? ", " : "}");
        }
        break;
    default:
        /* comparisons do not chain, so both of their sides bind more tightly */
        write(b, e->a, mine == 3 ? 4 : mine);
        cull__buf_printf(b, " %s ", sign_of(e->kind));
        write(b, e->b, mine + 1);
    }
    if (wrap) cull__buf_add(b, ")", 1);
}

void cull__expr_write(cull_buf *b, const cull__expr *e) { write(b, e, 0); }

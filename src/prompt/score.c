/* score.c - whether an answer is right: equal but for its form, containing the target, or the same number. */
#include "prompt/text.h"

#include <math.h>
#include <string.h>

static const char *const names[] = {"normal", "exact", "contains", "number"};

const char *cull_prompt_scoring_name(cull_prompt_scoring s)
{
    return s >= CULL_PROMPT_NORMAL && s < CULL_PROMPT_SCORES ? names[s] : "";
}

static bool blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* ---- words: ASCII in lower case, without punctuation; other bytes as they are ---- */

static bool punctuation(char c)
{
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

/* Characters of a word that count; *at moves past the word, n = 0 at the end. */
typedef struct {
    const char *at, *end;
} word;

static bool same(word a, word b)
{
    for (;;) {
        while (a.at < a.end && punctuation(*a.at)) a.at++;
        while (b.at < b.end && punctuation(*b.at)) b.at++;
        if (a.at == a.end || b.at == b.end) return a.at == a.end && b.at == b.end;
        if (lower(*a.at++) != lower(*b.at++)) return false;
    }
}

static bool counts(word w, bool articles)
{
    static const char *const article[] = {"", "a", "an", "the"};
    for (int i = 0; i < (articles ? 1 : 4); i++)
        if (same(w, (word){article[i], article[i] + strlen(article[i])})) return false;
    return true;
}

/* The next word that counts from *at on; false at the end. */
static bool next(const char **at, bool articles, word *out)
{
    for (;;) {
        while (blank(**at)) ++*at;
        if (!**at) return false;
        out->at = *at;
        while (**at && !blank(**at)) ++*at;
        out->end = *at;
        if (counts(*out, articles)) return true;
    }
}

/* Whether the words of `target` begin at `answer`; *rest: what follows them. */
static bool begins(const char *answer, const char *target, bool articles, const char **rest)
{
    word a, b;
    while (next(&target, articles, &b))
        if (!next(&answer, articles, &a) || !same(a, b)) return false;
    *rest = answer;
    return true;
}

static bool has_words(const char *s, bool articles)
{
    word w;
    return next(&s, articles, &w);
}

static bool equal_text(const char *a, const char *b)
{
    while (blank(*a)) a++;
    while (blank(*b)) b++;
    size_t n = strlen(a), m = strlen(b);
    while (n && blank(a[n - 1])) n--;
    while (m && blank(b[m - 1])) m--;
    return n == m && !memcmp(a, b, n);
}

/* The choice "A" is an article too, and "-" is punctuation: of a target that is nothing else they count. */
static bool equal_words(const char *answer, const char *target)
{
    bool articles = !has_words(target, false);
    const char *rest;
    if (!has_words(target, articles)) return equal_text(answer, target);
    return begins(answer, target, articles, &rest) && !has_words(rest, articles);
}

static bool contains_words(const char *answer, const char *target)
{
    bool articles = !has_words(target, false);
    const char *rest;
    word w;
    if (!has_words(target, articles)) return strstr(answer, target) != NULL;
    do
        if (begins(answer, target, articles, &rest)) return true;
    while (next(&answer, articles, &w));
    return false;
}

/* ---- numbers ---- */

static bool digit(char c) { return c >= '0' && c <= '9'; }

/* A minus between two things is none of the number's: 3-4, x-4. */
static bool negative(const char *text, const char *s)
{
    if (s == text || s[-1] != '-') return false;
    return s - 1 == text || blank(s[-2]) || strchr("(=:$*", s[-2]);
}

/* Where a comma stands between groups of three digits. */
static bool group(const char *s)
{
    return *s == ',' && digit(s[1]) && digit(s[2]) && digit(s[3]) && !digit(s[4]);
}

static size_t exponent(const char *s)
{
    size_t n = 1;
    if (*s != 'e' && *s != 'E') return 0;
    if (s[n] == '-' || s[n] == '+') n++;
    if (!digit(s[n])) return 0;
    while (digit(s[n])) n++;
    return n;
}

/* The number whose first digit or point is at *at, which moves past it. */
static double number_at(const char **at)
{
    char buf[64];
    size_t n = 0;
    bool point = false;
    const char *s = *at;
    double v;
    for (;; s++) {
        bool comma = !point && group(s), dot = *s == '.' && !point && digit(s[1]);
        if (!comma && !dot && !digit(*s)) break;
        point |= dot;
        if (!comma && n < 40) buf[n++] = *s;
    }
    size_t e = exponent(s);
    if (e && e < 20) memcpy(buf + n, s, e), n += e;
    *at = s + e;
    return cull__parse_f64(buf, n, &v) ? v : NAN;
}

static double last_number(const char *text)
{
    double v = NAN;
    for (const char *s = text; *s;) {
        if (!digit(*s) && !(*s == '.' && digit(s[1]))) {
            s++;
            continue;
        }
        bool minus = negative(text, s);
        v = number_at(&s);
        if (minus) v = -v;
    }
    return v;
}

static bool equal_number(const char *answer, const char *target)
{
    double a = last_number(answer), b = last_number(target);
    return fabs(a - b) <= 1e-9 * fmax(1, fabs(b));
}

/* ---- the score ---- */

double cull_prompt_score_of(cull_prompt_scoring s, const char *after, const char *target,
                            const char *answer)
{
    const char *at = after && *after ? strstr(answer, after) : NULL;
    for (; at; at = strstr(answer, after)) answer = at + strlen(after);
    switch (s) {
    case CULL_PROMPT_EXACT: return equal_text(answer, target);
    case CULL_PROMPT_CONTAINS: return contains_words(answer, target);
    case CULL_PROMPT_NUMBER: return equal_number(answer, target);
    default: return equal_words(answer, target);
    }
}

/* text.c - the description of a space as text (docs/space.md has the grammar), read into a document. */
#include "space/inner.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef cull__node node;

typedef struct {
    cull__doc *d;
    const char *s; /* ends with a NUL */
    int line, depth;
    const char *name; /* of the parameter that is read, for sentences */
} reading;

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

static bool takes(reading *r, char c)
{
    blanks(r);
    if (*r->s != c) return false;
    r->s++;
    return true;
}

/* "at 'xyz'", or "at the end". Returns buf. */
static const char *here(reading *r, char buf[48])
{
    char shown[32];
    blanks(r);
    size_t n = strcspn(r->s, "\n");
    if (!*r->s) return "at the end";
    snprintf(buf, 48, "at '%s'", cull__quote(r->s, n, shown, sizeof shown));
    return buf;
}

static cull_status must(reading *r, char c, const char *where)
{
    char at[48];
    return takes(r, c) ? CULL_OK
                       : WRONG(r, "%s: '%c' is missing %s %s", r->name, c, where, here(r, at));
}

static bool plain(char c, const char *more)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || (c && strchr(more, c));
}

static size_t plain_length(const char *s, const char *more)
{
    size_t n = 0;
    while (plain(s[n], more)) n++;
    return n;
}

static bool at_word(reading *r, const char *w)
{
    blanks(r);
    return plain_length(r->s, "_") == strlen(w) && !strncmp(r->s, w, strlen(w));
}

static bool takes_word(reading *r, const char *w)
{
    if (!at_word(r, w)) return false;
    r->s += strlen(w);
    return true;
}

/* A word of letters, digits and `more`, or anything in quotes. */
static cull_status word(reading *r, const char *what, const char *more, const char **out)
{
    char at[48];
    blanks(r);
    if (*r->s == '"') {
        size_t n = strcspn(++r->s, "\"\n");
        if (r->s[n] != '"') return WRONG(r, "%s: a quote is not closed on its line", r->name);
        CULL_TRY(cull__space_keep(r->d->cx, r->s, n, out));
        r->s += n + 1;
        return CULL_OK;
    }
    size_t n = plain_length(r->s, more);
    if (!n) return WRONG(r, "%s: %s was expected %s", r->name, what, here(r, at));
    CULL_TRY(cull__space_keep(r->d->cx, r->s, n, out));
    r->s += n;
    return CULL_OK;
}

static cull_status number(reading *r, const char *what, double *out)
{
    char at[48];
    blanks(r);
    size_t n = plain_length(r->s, "+-.");
    if (!cull__parse_f64(r->s, n, out))
        return WRONG(r, "%s: %s was expected %s", r->name, what, here(r, at));
    r->s += n;
    return CULL_OK;
}

/* Digits alone. */
static bool whole(reading *r, double *out)
{
    size_t n = 0;
    blanks(r);
    while (isdigit((unsigned char)r->s[n])) n++;
    if (!n || !cull__parse_f64(r->s, n, out)) return false;
    r->s += n;
    return true;
}

/* "2" or "2..4"; false, and nothing read, where there is none. */
static bool range(reading *r, double *lo, double *hi)
{
    reading before = *r;
    if (!whole(r, lo)) return false;
    *hi = *lo;
    blanks(r);
    if (r->s[0] != '.' || r->s[1] != '.') return true;
    r->s += 2;
    if (whole(r, hi)) return true;
    *r = before;
    return false;
}

/* ---- what stands in parentheses ---- */

static bool at_preset(reading *r)
{
    reading before = *r;
    bool is = takes_word(r, "default") && takes(r, '=');
    if (!is) *r = before;
    return is;
}

static cull_status preset(reading *r, node *n)
{
    char at[48];
    blanks(r);
    if (n->preset) return WRONG(r, "%s: it has two defaults", r->name);
    if (*r->s == '"') return word(r, "a value", "", &n->preset);
    size_t k = strcspn(r->s, ",)# \t\r\n");
    if (!k) return WRONG(r, "%s: a value was expected %s", r->name, here(r, at));
    CULL_TRY(cull__space_keep(r->d->cx, r->s, k, &n->preset));
    r->s += k;
    return CULL_OK;
}

static cull_status bounds_option(reading *r, node *n)
{
    char at[48];
    if (at_preset(r)) return preset(r, n);
    if (takes_word(r, "log")) {
        n->log = true;
        return CULL_OK;
    }
    if (n->form == CULL__FORM_INT && takes_word(r, "step")) {
        CULL_TRY(must(r, '=', "after step"));
        return number(r, "a number", &n->step);
    }
    return WRONG(
        r, "%s: %s was expected %s", r->name,
        n->form == CULL__FORM_INT ? "log, step= or default=" : "log or default=", here(r, at));
}

static cull_status bounds(reading *r, node *n)
{
    CULL_TRY(must(r, '(', n->form == CULL__FORM_INT ? "after int" : "after real"));
    CULL_TRY(number(r, "the least value", &n->lo));
    CULL_TRY(must(r, ',', "before the greatest value"));
    CULL_TRY(number(r, "the greatest value", &n->hi));
    while (takes(r, ',')) CULL_TRY(bounds_option(r, n));
    return must(r, ')', "after the bounds");
}

static cull_status weight(reading *r, node *n)
{
    double *w = &n->weight[n->items - 1];
    *w = NAN;
    if (!takes(r, ':')) return CULL_OK;
    CULL_TRY(number(r, "a weight", w));
    return isnan(*w)
               ? WRONG(r, "%s: the weight of '%.60s' is no number", r->name, n->item[n->items - 1])
               : CULL_OK;
}

static cull_status item(reading *r, node *n, int64_t *room)
{
    bool weighs = n->form == CULL__FORM_ONE;
    if (n->items == *room) {
        const char **more;
        double *weights;
        CULL_TRY(CULL_TMP(r->d->cx, more, *room * 2 + 8));
        if (n->items) memcpy(more, n->item, (size_t)n->items * sizeof *more);
        n->item = more;
        if (weighs) CULL_TRY(CULL_TMP(r->d->cx, weights, *room * 2 + 8));
        if (weighs && n->items) memcpy(weights, n->weight, (size_t)n->items * sizeof *weights);
        if (weighs) n->weight = weights;
        *room = *room * 2 + 8;
    }
    CULL_TRY(word(r, "a value", "_.-", &n->item[n->items++]));
    return weighs ? weight(r, n) : CULL_OK;
}

/* Whether a number stands alone before ')' or a default. */
static bool counted(reading *r, double *count)
{
    reading before = *r;
    if (!whole(r, count)) return false;
    reading after = *r;
    blanks(r);
    bool alone = *r->s == ')' || (takes(r, ',') && at_preset(r));
    *r = alone ? after : before;
    return alone;
}

/* a, b, c; or a number of items, where they may be counted. */
static cull_status list(reading *r, node *n, bool counts)
{
    int64_t room = 0;
    double count;
    bool more = true;
    if (counts && counted(r, &count)) {
        CULL_TRY(cull__node_counted(r->d, n, count < 1e9 ? (int64_t)count : -1));
        more = takes(r, ',');
    }
    blanks(r);
    if (*r->s == ')') more = false; /* no values: refused by name, with what would be right */
    for (; more; more = takes(r, ',')) CULL_TRY(at_preset(r) ? preset(r, n) : item(r, n, &room));
    return must(r, ')', "after the values");
}

static cull_status subset(reading *r, node *n)
{
    reading before = *r;
    double lo = 0, hi = -1;
    if (range(r, &lo, &hi) && takes_word(r, "of")) {
        n->least = lo < 1e9 ? (int64_t)lo : -1;
        n->most = hi < 1e9 ? (int64_t)hi : -1;
        return list(r, n, true);
    }
    *r = before;
    CULL_TRY(list(r, n, true));
    n->most = n->items;
    return CULL_OK;
}

static cull_status copies(reading *r, node *n)
{
    char at[48];
    CULL_TRY(must(r, '(', "after repeat"));
    if (!range(r, &n->lo, &n->hi))
        return WRONG(r, "%s: how many copies was expected, as 3 or 1..4, %s", r->name, here(r, at));
    while (takes(r, ',')) {
        if (at_preset(r))
            CULL_TRY(preset(r, n));
        else if (takes_word(r, "tied"))
            n->tied = true;
        else
            return WRONG(r, "%s: tied or default= was expected %s", r->name, here(r, at));
    }
    return must(r, ')', "after the number of copies");
}

static cull_status only_preset(reading *r, node *n)
{
    char at[48];
    if (!takes(r, '(')) return CULL_OK;
    if (!at_preset(r)) return WRONG(r, "%s: default= was expected %s", r->name, here(r, at));
    CULL_TRY(preset(r, n));
    return must(r, ')', "after the default");
}

/* ---- parameters ---- */

static cull_status entries(reading *r, node *into);

static cull_status body(reading *r, node *n)
{
    int line = r->line;
    const char *name = r->name;
    CULL_TRY(must(r, '{', "before what it holds"));
    if (++r->depth > CULL__SPACE_DEPTH)
        return WRONG(r, "%s: braces are nested deeper than %d levels", r->name, CULL__SPACE_DEPTH);
    CULL_TRY(entries(r, n));
    r->depth--;
    r->name = name;
    if (takes(r, '}')) return CULL_OK;
    r->line = line;
    return WRONG(r, "%s: '{' is not closed by '}'", name);
}

static cull_status branches(reading *r, node *n)
{
    node **tail = &n->child;
    const char *name = r->name;
    int line = r->line;
    CULL_TRY(must(r, '{', "before the branches"));
    if (++r->depth > CULL__SPACE_DEPTH)
        return WRONG(r, "%s: braces are nested deeper than %d levels", r->name, CULL__SPACE_DEPTH);
    while (!takes(r, '}')) {
        node *b;
        if (!*r->s) {
            r->line = line;
            return WRONG(r, "%s: '{' is not closed by '}'", name);
        }
        CULL_TRY(CULL_TMP0(r->d->cx, b, 1));
        *b = (node){.form = CULL__FORM_BRANCH, .line = r->line};
        CULL_TRY(word(r, "the name of a branch", "_", &b->name));
        blanks(r);
        if (*r->s == '{') {
            r->name = b->name;
            CULL_TRY(body(r, b));
            r->name = name;
        }
        takes(r, ',');
        *tail = b;
        tail = &b->next;
    }
    r->depth--;
    return CULL_OK;
}

static const char *const form_names[CULL__FORMS] = {"real",     "int",         "one",     "ordinal",
                                                    "subset",   "permutation", "simplex", "or",
                                                    "optional", "repeat"};

const char *cull__form_name(cull__form f) { return f < CULL__FORMS ? form_names[f] : ""; }

static cull_status form(reading *r, node *n)
{
    const char *w;
    int f = 0;
    CULL_TRY(word(r, "what it is, as real(0, 1),", "_", &w));
    while (f < CULL__FORMS && strcmp(form_names[f], w)) f++;
    if (f == CULL__FORMS) {
        const char *near = cull__nearest(w, form_names, CULL__FORMS);
        return WRONG(r,
                     "%s: '%.40s' is none of real, int, one, ordinal, subset, permutation, "
                     "simplex, or, optional and repeat%s%s%s",
                     r->name, w, near ? "; the nearest is '" : "", near ? near : "",
                     near ? "'" : "");
    }
    n->form = (cull__form)f;
    switch (n->form) {
    case CULL__FORM_REAL:
    case CULL__FORM_INT: return bounds(r, n);
    case CULL__FORM_ONE:
    case CULL__FORM_ORDINAL:
        if (takes(r, '{'))
            return WRONG(r,
                         "%s: %s(a, b) has values alone; choices with parameters of their own are "
                         "or { a { ... } b }",
                         r->name, form_names[f]);
        CULL_TRY(must(r, '(', "before the values"));
        return list(r, n, false);
    case CULL__FORM_PERMUTATION:
    case CULL__FORM_SIMPLEX: CULL_TRY(must(r, '(', "before the items")); return list(r, n, true);
    case CULL__FORM_SUBSET: CULL_TRY(must(r, '(', "after subset")); return subset(r, n);
    case CULL__FORM_OR: CULL_TRY(only_preset(r, n)); return branches(r, n);
    case CULL__FORM_OPTIONAL: CULL_TRY(only_preset(r, n)); return body(r, n);
    default: CULL_TRY(copies(r, n)); return body(r, n);
    }
}

static cull_status condition(reading *r, cull__expr **out)
{
    return cull__expr_read(r->d, &r->s, &r->line, out);
}

static cull_status entry(reading *r, node *n)
{
    reading before = *r;
    bool forbid = takes_word(r, "forbid"), rule = forbid || takes_word(r, "require");
    if (rule && !takes(r, '=')) {
        n->form = forbid ? CULL__FORM_FORBID : CULL__FORM_REQUIRE;
        return condition(r, &n->when);
    }
    *r = before;
    CULL_TRY(word(r, "the name of a parameter", "_", &n->name));
    r->name = n->name;
    CULL_TRY(must(r, '=', "after the name"));
    CULL_TRY(form(r, n));
    r->name = n->name;
    if (takes_word(r, "if")) CULL_TRY(condition(r, &n->when));
    int line = r->line; /* a sentence about the whole is of its first line */
    r->line = n->line;
    CULL_TRY(cull__node_check(r->d, n));
    r->line = line;
    return CULL_OK;
}

static cull_status entries(reading *r, node *into)
{
    node **tail = &into->child;
    for (;;) {
        node *n;
        blanks(r);
        if (!*r->s || *r->s == '}') return CULL_OK;
        CULL_TRY(CULL_TMP0(r->d->cx, n, 1));
        *n = (node){.line = r->line, .step = 1};
        CULL_TRY(entry(r, n));
        *tail = n;
        tail = &n->next;
    }
}

cull_status cull__space_read(cull_ctx *cx, const char *file, const char *text, size_t n,
                             cull__doc *d)
{
    node all = {.name = ""};
    reading r = {.d = d, .line = 1, .name = "here"};
    char *copy, at[48];
    size_t bad;
    *d = (cull__doc){.cx = cx, .file = file};
    if (!cull__utf8_ok(text, n, &bad) || (n && memchr(text, 0, n)))
        return cull__fail(cx, CULL_EINPUT, "%s: it is no text: it holds a NUL or is not UTF-8",
                          file);
    CULL_TRY(CULL_TMP(cx, copy, (int64_t)n + 1));
    if (n) memcpy(copy, text, n);
    copy[n] = 0;
    r.s = copy;
    CULL_TRY(entries(&r, &all));
    if (*r.s) return WRONG(&r, "'}' closes nothing %s", here(&r, at));
    d->child = all.child;
    return CULL_OK;
}

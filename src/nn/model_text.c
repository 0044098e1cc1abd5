/* model_text.c - the description of a model as text, a line a layer (docs/model.md has the grammar). */
#include "nn/model.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    cull__model_doc *d;
    const char *s; /* in the line, which ends with a NUL */
    int line;
    cull__model_block *into; /* where layers go */
    cull__model_line *room;  /* for the layers of blocks */
    int used;
} reading;

/* ---- failing ---- */

cull_status cull__model_wrong(const cull__model_doc *d, const char *block, int line,
                              const char *fmt, ...)
{
    char why[600];
    va_list va;
    va_start(va, fmt);
    vsnprintf(why, sizeof why, fmt, va);
    va_end(va);
    if (!line) return cull__fail(d->cx, CULL_EINPUT, "%s: %s", d->file, why);
    if (!d->json) return cull__fail(d->cx, CULL_EINPUT, "%s:%d: %s", d->file, line, why);
    return cull__fail(d->cx, CULL_EINPUT, "%s: layer %d%s%s: %s", d->file, line,
                      block && *block ? " of block " : "", block ? block : "", why);
}

#define WRONG(r, ...)                                                                              \
    cull__model_wrong((r)->d, (r)->into ? (r)->into->name : "", (r)->line, __VA_ARGS__)

/* ---- words ---- */

static void blanks(reading *r)
{
    while (*r->s == ' ' || *r->s == '\t') r->s++;
}

static bool takes(reading *r, char c)
{
    blanks(r);
    if (*r->s != c) return false;
    r->s++;
    return true;
}

static size_t name_length(const char *s)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '.') n++;
    return n;
}

static bool in_name(char c, cull__model_kind kind)
{
    return isalnum((unsigned char)c) || c == '_' || (c == '.' && kind >= CULL__NAME_LAYER) ||
           (c == '-' && kind == CULL__NAME_MODEL);
}

static bool at_word(const reading *r, const char *w)
{
    return name_length(r->s) == strlen(w) && !strncmp(r->s, w, strlen(w));
}

static cull_status keep(cull_ctx *cx, const char *s, size_t n, const char **out)
{
    char *p;
    CULL_TRY(CULL_TMP(cx, p, (int64_t)n + 1));
    memcpy(p, s, n);
    p[n] = 0;
    *out = p;
    return CULL_OK;
}

const char *cull__model_bad_name(const char *s, cull__model_kind kind)
{
    static const char *const taken[] = {"input", "outputs", "in",   "yes", "no",
                                        "then",  "model",   "mean", "std", "let",
                                        "block", "repeat",  "from"};
    size_t n = strlen(s);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (!strcmp(s, taken[i])) return "is a word of the language; choose another name";
    if (!n) return "is empty; a name has letters, digits and _";
    if (n > CULL__MODEL_NAME) return "is longer than 64 bytes";
    if (kind >= CULL__NAME_LAYER && (s[0] == '.' || s[n - 1] == '.' || strstr(s, "..")))
        return "has an empty part between its dots";
    for (; *s; s++)
        if (!in_name(*s, kind))
            return kind == CULL__NAME_WORD ? "has a character that is none of letters, digits and _"
                   : kind == CULL__NAME_LAYER
                       ? "has a character that is none of letters, digits, _ and ."
                       : "has a character that is none of letters, digits, _, - and .";
    return NULL;
}

static cull_status name(reading *r, const char *what, cull__model_kind kind, const char **out)
{
    blanks(r);
    size_t n = name_length(r->s);
    while (kind == CULL__NAME_MODEL && in_name(r->s[n], kind)) n++;
    char shown[40];
    if (!n)
        return *r->s ? WRONG(r, "%s was expected at '%s'", what,
                             cull__quote(r->s, strlen(r->s), shown, sizeof shown))
                     : WRONG(r, "%s is missing at the end of the line", what);
    CULL_TRY(keep(r->d->cx, r->s, n, out));
    const char *bad = cull__model_bad_name(*out, kind);
    if (bad) return WRONG(r, "%s '%.70s' %s", what, *out, bad);
    r->s += n;
    return CULL_OK;
}

/* A value's text, its syntax checked. */
static cull_status value(reading *r, const char *what, const char **out)
{
    const cull__model_scope any = {.check = true};
    double v;
    char why[160];
    blanks(r);
    const char *end = cull__model_value(r->s, &any, &v, why);
    if (!end) return WRONG(r, "%s: %s", what, why);
    CULL_TRY(keep(r->d->cx, r->s, (size_t)(end - r->s), out));
    r->s = end;
    return CULL_OK;
}

static cull_status line_ends(reading *r)
{
    char shown[40];
    blanks(r);
    if (!*r->s) return CULL_OK;
    return WRONG(r, "'%s' is too much on this line",
                 cull__quote(r->s, strlen(r->s), shown, sizeof shown));
}

/* ---- what stands at the head ---- */

cull_status cull__model_size(const char *s, size_t n, int *rank, int64_t dim[3])
{
    *rank = 0;
    for (size_t i = 0; i <= n && *rank <= 3;) {
        size_t k = i;
        while (k < n && s[k] != 'x') k++;
        if (*rank == 3 || k == i || k - i > 9 || !isdigit((unsigned char)s[i]) ||
            !cull__parse_i64(s + i, k - i, &dim[*rank]) || dim[*rank] < 1 ||
            dim[*rank] > (INT64_C(1) << 24))
            return CULL_EINPUT;
        ++*rank;
        i = k + 1;
    }
    return *rank == 1 || *rank == 3 ? CULL_OK : CULL_EINPUT;
}

static cull_status head_input(reading *r)
{
    size_t n = name_length(r->s);
    char shown[40];
    if (r->d->rank) return WRONG(r, "the input is given twice");
    if (cull__model_size(r->s, n, &r->d->rank, r->d->dim) != CULL_OK)
        return WRONG(r,
                     "'%s' is no shape of an input; it is HEIGHTxWIDTHxCHANNELS, as 32x32x3, or a "
                     "number of features, as 784, each from 1 to 16777216",
                     cull__quote(r->s, strlen(r->s), shown, sizeof shown));
    r->s += n;
    return CULL_OK;
}

static cull_status head_outputs(reading *r)
{
    size_t n = name_length(r->s);
    if (r->d->outputs) return WRONG(r, "the number of outputs is given twice");
    if (!n || !cull__parse_i64(r->s, n, &r->d->outputs) || r->d->outputs < 1 ||
        r->d->outputs > (1 << 24))
        return WRONG(r, "outputs wants a whole number from 1 to 16777216");
    r->s += n;
    return CULL_OK;
}

static cull_status head_numbers(reading *r, const char *what, float *out, int *count)
{
    if (*count) return WRONG(r, "%s is given twice", what);
    for (;;) {
        size_t n = 0;
        double v;
        blanks(r);
        while (r->s[n] && r->s[n] != ' ' && r->s[n] != '\t') n++;
        if (!n && *count) return CULL_OK;
        if (*count == CULL__MODEL_CHANNELS)
            return WRONG(r, "%s has more than %d numbers", what, CULL__MODEL_CHANNELS);
        if (!cull__parse_f64(r->s, n, &v) || !isfinite(v) || (out == r->d->std && v < 1e-12))
            return WRONG(r, "%s wants a number%s for each channel", what,
                         out == r->d->std ? " above 0" : "");
        out[(*count)++] = (float)v;
        r->s += n;
    }
}

static cull_status head_let(reading *r)
{
    cull__model_doc *d = r->d;
    cull__model_arg *a = d->let + d->lets;
    CULL_TRY(name(r, "the name of a number", CULL__NAME_WORD, &a->name));
    for (int i = 0; i < d->lets; i++)
        if (!strcmp(d->let[i].name, a->name))
            return WRONG(r, "%s has a value already, on line %d", a->name, d->let_line[i]);
    if (!takes(r, '=')) return WRONG(r, "let %s wants '=' and a value", a->name);
    CULL_TRY(value(r, a->name, &a->value));
    d->let_line[d->lets++] = r->line;
    return CULL_OK;
}

/* ---- blocks ---- */

static cull_status block_param(reading *r, cull__model_block *b)
{
    if (b->params == CULL__MODEL_ARGS)
        return WRONG(r, "block %s has more than %d parameters", b->name, CULL__MODEL_ARGS);
    cull__model_arg *p = b->param + b->params;
    CULL_TRY(name(r, "the name of a parameter", CULL__NAME_WORD, &p->name));
    for (int i = 0; i < b->params; i++)
        if (!strcmp(b->param[i].name, p->name))
            return WRONG(r, "block %s has two parameters '%s'", b->name, p->name);
    if (takes(r, '='))
        CULL_TRY(value(r, p->name, &p->value));
    else if (b->params && b->param[b->params - 1].value)
        return WRONG(r, "'%s' follows a parameter with a default, and wants one too", p->name);
    b->params++;
    return CULL_OK;
}

static cull_status block_begins(reading *r)
{
    cull__model_doc *d = r->d;
    cull__model_block *b = d->block + d->blocks;
    if (r->into->name[0]) return WRONG(r, "a block cannot hold another; close it by '}' before");
    *b = (cull__model_block){.line = r->line, .at = r->room + r->used};
    CULL_TRY(name(r, "the name of a block", CULL__NAME_WORD, &b->name));
    if (cull__model_op_find(b->name))
        return WRONG(r, "there is an operation '%s' already; name the block otherwise", b->name);
    for (int i = 0; i < d->blocks; i++)
        if (!strcmp(d->block[i].name, b->name))
            return WRONG(r, "there is a block '%s' already, on line %d", b->name, d->block[i].line);
    if (takes(r, '(') && !takes(r, ')')) {
        do CULL_TRY(block_param(r, b));
        while (takes(r, ','));
        if (!takes(r, ')')) return WRONG(r, "')' is missing after the parameters of %s", b->name);
    }
    if (!takes(r, '{')) return WRONG(r, "'{' is missing after block %s", b->name);
    d->blocks++;
    r->into = b;
    return CULL_OK;
}

static cull_status block_ends(reading *r, cull__model_block *all)
{
    if (!r->into->name[0]) return WRONG(r, "'}' closes no block");
    if (!r->into->lines) return WRONG(r, "block %s has no layer", r->into->name);
    r->into = all;
    return CULL_OK;
}

/* ---- layers ---- */

static cull_status argument(reading *r, cull__model_line *l)
{
    if (l->args == CULL__MODEL_ARGS)
        return WRONG(r, "%s is given more than %d values", l->op, CULL__MODEL_ARGS);
    cull__model_arg *a = l->arg + l->args;
    *a = (cull__model_arg){0};
    blanks(r);
    const char *s = r->s + name_length(r->s);
    while (*s == ' ' || *s == '\t') s++;
    if (s > r->s && *s == '=' && s[1] != '=') {
        CULL_TRY(name(r, "the name of a value", CULL__NAME_WORD, &a->name));
        takes(r, '=');
    } else if (l->args && l->arg[l->args - 1].name) {
        return WRONG(r, "a value without a name follows %s=; name it too",
                     l->arg[l->args - 1].name);
    }
    CULL_TRY(value(r, a->name ? a->name : l->op, &a->value));
    l->args++;
    return CULL_OK;
}

static cull_status arguments(reading *r, cull__model_line *l)
{
    if (!takes(r, '(') || takes(r, ')')) return CULL_OK;
    do CULL_TRY(argument(r, l));
    while (takes(r, ','));
    char shown[40];
    if (takes(r, ')')) return CULL_OK;
    return *r->s ? WRONG(r, "',' or ')' was expected at '%s'",
                         cull__quote(r->s, strlen(r->s), shown, sizeof shown))
                 : WRONG(r, "')' is missing after %s(", l->op);
}

static cull_status layer_inputs(reading *r, cull__model_line *l)
{
    for (;;) {
        blanks(r);
        if (!name_length(r->s)) return CULL_OK;
        if (l->ins == CULL__MODEL_INS)
            return WRONG(r, "%s is given more than %d inputs", l->op, CULL__MODEL_INS);
        if (at_word(r, "input")) {
            l->in[l->ins++] = "input";
            r->s += strlen("input");
        } else {
            CULL_TRY(name(r, "an input", CULL__NAME_LAYER, &l->in[l->ins++]));
        }
    }
}

static cull_status layer(reading *r, cull__model_block *b)
{
    cull__model_line *l = b->at + b->lines;
    *l = (cull__model_line){.line = r->line, .name = ""};
    const char *s = r->s + name_length(r->s);
    while (*s == ' ' || *s == '\t') s++;
    if (*s == '=') {
        CULL_TRY(name(r, "the name of a layer", CULL__NAME_LAYER, &l->name));
        takes(r, '=');
        blanks(r);
    }
    if (at_word(r, "repeat")) {
        r->s += strlen("repeat");
        CULL_TRY(value(r, "repeat", &l->repeat));
        blanks(r);
        if (at_word(r, "from")) {
            r->s += strlen("from");
            CULL_TRY(value(r, "from", &l->from));
        }
    }
    CULL_TRY(name(r, "the name of an operation or block", CULL__NAME_WORD, &l->op));
    CULL_TRY(arguments(r, l));
    CULL_TRY(layer_inputs(r, l));
    b->lines++;
    r->used += b->name[0] != 0;
    return CULL_OK;
}

/* ---- the text ---- */

static cull_status head(reading *r, const char *word)
{
    if (r->into->name[0] && strcmp(word, "block"))
        return WRONG(r, "'%s' stands outside of blocks", word);
    r->s += strlen(word);
    blanks(r);
    if (!strcmp(word, "input")) return head_input(r);
    if (!strcmp(word, "outputs")) return head_outputs(r);
    if (!strcmp(word, "mean")) return head_numbers(r, word, r->d->mean, &r->d->means);
    if (!strcmp(word, "std")) return head_numbers(r, word, r->d->std, &r->d->stds);
    if (!strcmp(word, "let")) return head_let(r);
    if (!strcmp(word, "block")) return block_begins(r);
    if (r->d->name[0]) return WRONG(r, "the model has the name %s already", r->d->name);
    return name(r, "the name of the model", CULL__NAME_MODEL, &r->d->name);
}

static cull_status line(reading *r, cull__model_block *all)
{
    static const char *const words[] = {"input", "outputs", "mean", "std", "let", "block", "model"};
    blanks(r);
    if (!*r->s) return CULL_OK;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!at_word(r, words[i])) continue;
        const char *s = r->s + strlen(words[i]);
        while (*s == ' ' || *s == '\t') s++;
        if (*s == '=') continue;
        CULL_TRY(head(r, words[i]));
        return line_ends(r);
    }
    CULL_TRY(takes(r, '}') ? block_ends(r, all) : layer(r, r->into));
    return line_ends(r);
}

static cull_status lines(reading *r, const char *text, size_t n, cull__model_block *all)
{
    char *copy;
    CULL_TRY(CULL_TMP(r->d->cx, copy, (int64_t)n + 1));
    for (size_t i = 0; i < n; r->line++) {
        size_t k = 0;
        bool note = false;
        for (; i + k < n && text[i + k] != '\n'; k++) {
            note |= text[i + k] == '#';
            copy[k] = note || text[i + k] == '\r' ? ' ' : text[i + k];
        }
        copy[k] = 0;
        r->s = copy;
        CULL_TRY(line(r, all));
        i += k + 1;
    }
    if (!r->into->name[0]) return CULL_OK;
    r->line = r->into->line;
    return WRONG(r, "block %s is not closed by '}'", r->into->name);
}

cull_status cull__model_parse(cull_ctx *cx, const char *file, const char *text, size_t n,
                              cull__model_doc *out)
{
    cull__model_block all = {.name = ""};
    reading r = {.d = out, .line = 1, .into = &all};
    int64_t count = 1;
    size_t bad;
    *out = (cull__model_doc){.cx = cx, .file = file, .name = ""};
    for (size_t i = 0; i < n; i++) count += text[i] == '\n';
    if (n > CULL__MODEL_BYTES || count > CULL__MODEL_LINES)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: %zu bytes in %" PRId64 " lines; a model has at most %d in %d", file,
                          n, count, CULL__MODEL_BYTES, CULL__MODEL_LINES);
    if (!cull__utf8_ok(text, n, &bad) || (n && memchr(text, 0, n)))
        return cull__fail(cx, CULL_EINPUT, "%s: it is no text: it holds a NUL or is not UTF-8",
                          file);
    CULL_TRY(CULL_TMP(cx, all.at, count));
    CULL_TRY(CULL_TMP(cx, r.room, count));
    CULL_TRY(CULL_TMP(cx, out->block, count + 1));
    CULL_TRY(CULL_TMP(cx, out->let, count));
    CULL_TRY(CULL_TMP(cx, out->let_line, count));
    CULL_TRY(lines(&r, text, n, &all));
    if (!all.lines) return cull__fail(cx, CULL_EINPUT, "%s: there is no layer", file);
    out->block[out->blocks++] = all;
    return CULL_OK;
}

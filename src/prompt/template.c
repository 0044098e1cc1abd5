/* template.c - the form of a prompt: text with {instruction}, {exemplars}, {input}; {{ is {. */
#include "prompt/text.h"

#include <stdio.h>
#include <string.h>

static const char FALLBACK[] = "{instruction}\n\n{exemplars}Input: {input}\nOutput:";
static const char *const names[] = {"", "instruction", "exemplars", "input", "output"};

static void form_free(cull__form *f)
{
    cull__free(f->text);
    cull__free(f->part);
    *f = (cull__form){0};
}

static cull_status add(cull_ctx *cx, cull__form *f, cull__part p)
{
    if (p.kind == CULL__PART_TEXT && !p.n) return CULL_OK;
    CULL_TRY(CULL_GROW(cx, f->part, &f->cap, f->parts + 1));
    f->part[f->parts++] = p;
    return CULL_OK;
}

static int64_t line_of(const char *text, const char *at)
{
    int64_t line = 1;
    for (; text < at; text++) line += *text == '\n';
    return line;
}

/* {name} at `at`; kinds outside `allowed` are not known. */
static cull_status name_at(cull_ctx *cx, const char *what, const cull__form *f, const char *at,
                           unsigned allowed, cull__part *out)
{
    char shown[60], list[80];
    size_t n = strcspn(at + 1, "{}\n"), k = 0;
    long long line = line_of(f->text, at);
    if (at[1 + n] != '}')
        return cull__fail(cx, CULL_EINPUT, "%s, line %lld: a { without its }; {{ is a plain {",
                          what, line);
    *out = (cull__part){CULL__PART_TEXT, at, n + 2};
    for (int i = 1; i < CULL__PARTS; i++) {
        if (!(allowed >> i & 1)) continue;
        k += (size_t)snprintf(list + k, sizeof list - k, "%s{%s}", k ? ", " : "", names[i]);
        if (strlen(names[i]) == n && !memcmp(names[i], at + 1, n)) out->kind = (cull__part_kind)i;
    }
    if (out->kind) return CULL_OK;
    cull__quote(at, n + 2, shown, sizeof shown);
    return cull__fail(cx, CULL_EINPUT,
                      "%s, line %lld: no %s here; there is %s, and {{ is a plain {", what, line,
                      shown, list);
}

static cull_status form_parts(cull_ctx *cx, const char *what, unsigned allowed, cull__form *f)
{
    const char *from = f->text, *at = from;
    while (*at) {
        if (*at != '{' && !(at[0] == '}' && at[1] == '}')) {
            at++;
            continue;
        }
        if (at[0] == at[1]) { /* one of the two braces stays */
            CULL_TRY(add(cx, f, (cull__part){CULL__PART_TEXT, from, (size_t)(at - from) + 1}));
            from = at += 2;
            continue;
        }
        cull__part p = {0};
        CULL_TRY(name_at(cx, what, f, at, allowed, &p));
        CULL_TRY(add(cx, f, (cull__part){CULL__PART_TEXT, from, (size_t)(at - from)}));
        CULL_TRY(add(cx, f, p));
        from = at += p.n;
    }
    return add(cx, f, (cull__part){CULL__PART_TEXT, from, (size_t)(at - from)});
}

static cull_status form_open(cull_ctx *cx, const char *what, const char *text, unsigned allowed,
                             cull__form *f)
{
    size_t n = strlen(text), bad;
    if (!cull__utf8_ok(text, n, &bad))
        return cull__fail(cx, CULL_EINPUT, "%s: byte %zu is no UTF-8", what, bad);
    CULL_TRY(CULL_ALLOC(cx, f->text, (int64_t)n + 1));
    memcpy(f->text, text, n + 1);
    return form_parts(cx, what, allowed, f);
}

static int64_t find(const cull__form *f, cull__part_kind kind, int64_t from)
{
    for (int64_t i = from; i < f->parts; i++)
        if (f->part[i].kind == kind) return i;
    return -1;
}

static cull_status check(cull_ctx *cx, cull__template *t, bool own)
{
    const cull__form *p = &t->prompt, *e = &t->exemplar;
    int64_t shown = find(p, CULL__PART_EXEMPLARS, 0);
    if (find(p, CULL__PART_INPUT, 0) < 0)
        return cull__fail(cx, CULL_EINPUT,
                          "the template has no {input}: the model would not see what is asked");
    t->after = shown < 0 ? p->parts : shown + 1;
    if (own && (find(e, CULL__PART_INPUT, 0) < 0 || find(e, CULL__PART_OUTPUT, 0) < 0))
        return cull__fail(cx, CULL_EINPUT, "an exemplar has an {input} and an {output}");
    if (!own && shown >= 0 && find(p, CULL__PART_INPUT, t->after) < 0)
        return cull__fail(cx, CULL_EINPUT,
                          "no {input} follows {exemplars} in the template, so that it does not say "
                          "how an exemplar looks: give its form, with {input} and {output}");
    return CULL_OK;
}

cull_status cull__template_open(cull_ctx *cx, const char *prompt, const char *exemplar,
                                cull__template *out)
{
    const unsigned shown = 1u << CULL__PART_INPUT | 1u << CULL__PART_OUTPUT;
    const unsigned asked =
        1u << CULL__PART_INSTRUCTION | 1u << CULL__PART_EXEMPLARS | 1u << CULL__PART_INPUT;
    *out = (cull__template){0};
    cull_status s = form_open(cx, "the template", prompt ? prompt : FALLBACK, asked, &out->prompt);
    if (s == CULL_OK && exemplar)
        s = form_open(cx, "the exemplar's form", exemplar, shown, &out->exemplar);
    if (s == CULL_OK) s = check(cx, out, exemplar != NULL);
    if (s != CULL_OK) cull__template_free(out);
    return s;
}

void cull__template_free(cull__template *t)
{
    form_free(&t->prompt);
    form_free(&t->exemplar);
}

/* ---- filling ---- */

static void add_text(cull_buf *b, const char *s) { cull__buf_add(b, s, strlen(s)); }

static void fill_exemplar(const cull__template *t, const char *input, const char *output,
                          cull_buf *b)
{
    const cull__form *f = t->exemplar.parts ? &t->exemplar : &t->prompt;
    for (int64_t i = t->exemplar.parts ? 0 : t->after; i < f->parts; i++) {
        const cull__part *p = &f->part[i];
        if (p->kind == CULL__PART_TEXT) cull__buf_add(b, p->at, p->n);
        if (p->kind == CULL__PART_INPUT) add_text(b, input);
        if (p->kind == CULL__PART_OUTPUT) add_text(b, output);
    }
    if (t->exemplar.parts) return;
    if (b->n && !strchr(" \t\n", b->at[b->n - 1])) cull__buf_add(b, " ", 1);
    add_text(b, output);
    cull__buf_add(b, "\n\n", 2);
}

void cull__template_fill(const cull__template *t, const cull__filling *f, cull_buf *b)
{
    size_t before = b->n;
    for (int64_t i = 0; i < t->prompt.parts; i++) {
        const cull__part *p = &t->prompt.part[i];
        switch (p->kind) {
        case CULL__PART_TEXT: cull__buf_add(b, p->at, p->n); break;
        case CULL__PART_INSTRUCTION: add_text(b, f->instruction); break;
        case CULL__PART_INPUT: add_text(b, f->query); break;
        case CULL__PART_EXEMPLARS:
            for (int64_t k = 0; k < f->k; k++) fill_exemplar(t, f->input[k], f->output[k], b);
            break;
        case CULL__PART_OUTPUT:
        case CULL__PARTS: break;
        }
    }
    if (b->status != CULL_OK) return;
    /* without an instruction there are no blank lines before what is there */
    size_t blank = b->at ? strspn(b->at + before, "\n") : 0;
    if (!blank) return;
    memmove(b->at + before, b->at + before + blank, b->n - before - blank + 1);
    b->n -= blank;
}

/* policy.c - what a fit learnt: arrays, texts and notes by name. See cull/policy.h. */
#include "report/policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static cull_status copy_text(cull_ctx *cx, const char *s, char **out)
{
    size_t n = strlen(s);
    CULL_TRY(CULL_ALLOC(cx, *out, (int64_t)n + 1));
    memcpy(*out, s, n + 1);
    return CULL_OK;
}

cull_status cull_policy_new(cull_ctx *cx, cull_policy **out) { return CULL_ALLOC(cx, *out, 1); }

void cull_policy_free(cull_policy *p)
{
    if (!p) return;
    for (int64_t i = 0; i < p->arrays; i++) {
        cull__free(p->array[i].name);
        cull__free(p->array[i].v);
    }
    for (int64_t i = 0; i < p->texts; i++) {
        cull__free(p->text[i].name);
        cull__free(p->text[i].s);
    }
    for (int64_t i = 0; i < p->notes; i++) cull__free(p->note[i]);
    for (int64_t i = 0; i < p->models; i++) cull__free(p->model[i]);
    cull__free(p->array);
    cull__free(p->text);
    cull__free(p->note);
    cull__free(p->model);
    cull__free(p->said);
    cull__free(p);
}

/* ---- arrays ---- */
static cull__policy_array *array_of(const cull_policy *p, const char *name)
{
    for (int64_t i = 0; i < p->arrays; i++)
        if (!strcmp(p->array[i].name, name)) return &p->array[i];
    return NULL;
}

cull_status cull_policy_put(cull_ctx *cx, cull_policy *p, const char *name, int64_t rows,
                            int64_t cols, const double *v)
{
    cull__policy_array *a = array_of(p, name);
    double *copy;
    if (rows < 0 || cols < 0 || (cols && rows > INT64_MAX / 8 / cols))
        return cull__fail(cx, CULL_EINPUT, "a policy's array of %lld x %lld numbers is too large",
                          (long long)rows, (long long)cols);
    CULL_TRY(CULL_ALLOC(cx, copy, rows * cols + 1));
    if (rows * cols > 0) memcpy(copy, v, (size_t)(rows * cols) * sizeof *copy);
    if (!a) {
        char *own = NULL;
        cull_status s = CULL_GROW(cx, p->array, &p->array_cap, p->arrays + 1);
        if (s == CULL_OK) s = copy_text(cx, name, &own);
        if (s != CULL_OK) {
            cull__free(copy);
            return s;
        }
        a = &p->array[p->arrays++];
        *a = (cull__policy_array){.name = own};
    }
    cull__free(a->v);
    a->v = copy;
    a->rows = rows;
    a->cols = cols;
    return CULL_OK;
}

cull_status cull_policy_put_number(cull_ctx *cx, cull_policy *p, const char *name, double v)
{
    return cull_policy_put(cx, p, name, 1, 1, &v);
}

const double *cull_policy_get(const cull_policy *p, const char *name, int64_t *rows, int64_t *cols)
{
    const cull__policy_array *a = array_of(p, name);
    if (rows) *rows = a ? a->rows : 0;
    if (cols) *cols = a ? a->cols : 0;
    return a ? a->v : NULL;
}

cull_status cull_policy_need(cull_ctx *cx, const cull_policy *p, const char *name, int64_t rows,
                             int64_t cols, const double **v)
{
    const cull__policy_array *a = array_of(p, name);
    if (!a)
        return cull__fail(cx, CULL_EINPUT, "the policy lacks the array '%s'; fit it again", name);
    if ((rows >= 0 && a->rows != rows) || (cols >= 0 && a->cols != cols))
        return cull__fail(
            cx, CULL_EINPUT,
            "the policy's array '%s' is %lld x %lld, not as its method leaves it; fit "
            "it again",
            name, (long long)a->rows, (long long)a->cols);
    *v = a->v;
    return CULL_OK;
}

cull_status cull_policy_need_number(cull_ctx *cx, const cull_policy *p, const char *name, double *v)
{
    const double *at = NULL;
    CULL_TRY(cull_policy_need(cx, p, name, 1, 1, &at));
    *v = *at;
    return CULL_OK;
}

/* ---- texts and notes ---- */
cull_status cull_policy_put_text(cull_ctx *cx, cull_policy *p, const char *name, const char *text)
{
    char *copy, *own = NULL;
    CULL_TRY(copy_text(cx, text, &copy));
    for (int64_t i = 0; i < p->texts; i++) {
        if (strcmp(p->text[i].name, name)) continue;
        cull__free(p->text[i].s);
        p->text[i].s = copy;
        return CULL_OK;
    }
    cull_status s = CULL_GROW(cx, p->text, &p->text_cap, p->texts + 1);
    if (s == CULL_OK) s = copy_text(cx, name, &own);
    if (s != CULL_OK) {
        cull__free(copy);
        return s;
    }
    p->text[p->texts++] = (cull__policy_text){.name = own, .s = copy};
    return CULL_OK;
}

const char *cull_policy_text(const cull_policy *p, const char *name)
{
    for (int64_t i = 0; i < p->texts; i++)
        if (!strcmp(p->text[i].name, name)) return p->text[i].s;
    return NULL;
}

cull_status cull__policy_add_note(cull_ctx *cx, cull_policy *p, const char *s)
{
    char *copy;
    CULL_TRY(CULL_GROW(cx, p->note, &p->note_cap, p->notes + 1));
    CULL_TRY(copy_text(cx, s, &copy));
    p->note[p->notes++] = copy;
    return CULL_OK;
}

void cull_policy_plan_add(cull_policy_plan *p, const char *what, double n)
{
    if (p->works < CULL_POLICY_WORKS) p->work[p->works++] = (cull_policy_work){what, n};
}

cull_status cull_policy_note(cull_ctx *cx, cull_policy *p, const char *fmt, ...)
{
    char text[1000];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return cull__policy_add_note(cx, p, text);
}

int cull_policy_notes(const cull_policy *p) { return (int)p->notes; }
const char *cull_policy_note_at(const cull_policy *p, int i)
{
    return i >= 0 && i < p->notes ? p->note[i] : NULL;
}

/* ---- the guarantee: its strings in one block ---- */
cull_status cull_policy_guarantee(cull_ctx *cx, cull_policy *p, const cull_guarantee *g)
{
    const char *s[] = {g->bounds, g->assumes, g->broken};
    size_t at[4] = {0};
    for (int i = 0; i < 3; i++) at[i + 1] = at[i] + (s[i] ? strlen(s[i]) + 1 : 0);
    char *block;
    CULL_TRY(CULL_ALLOC(cx, block, (int64_t)at[3] + 1));
    for (int i = 0; i < 3; i++)
        if (s[i]) memcpy(block + at[i], s[i], at[i + 1] - at[i]);
    cull_guarantee own = *g;
    own.bounds = s[0] ? block : NULL;
    own.assumes = s[1] ? block + at[1] : NULL;
    own.broken = s[2] ? block + at[2] : NULL;
    cull__free(p->said);
    p->said = block;
    p->guarantee = own;
    return CULL_OK;
}

const cull_guarantee *cull_policy_guaranteed(const cull_policy *p)
{
    return p->said ? &p->guarantee : NULL;
}

/* ---- who made it ---- */
cull_status cull__policy_add_model(cull_ctx *cx, cull_policy *p, const char *name)
{
    char *copy;
    CULL_TRY(CULL_GROW(cx, p->model, &p->model_cap, p->models + 1));
    CULL_TRY(copy_text(cx, name, &copy));
    p->model[p->models++] = copy;
    return CULL_OK;
}

const cull_method *cull_policy_method(const cull_policy *p) { return p->method; }
int cull_policy_models(const cull_policy *p) { return (int)p->models; }
const char *cull_policy_model(const cull_policy *p, int k)
{
    return k >= 0 && k < p->models ? p->model[k] : NULL;
}

cull_status cull_policy_made_by(cull_ctx *cx, cull_policy *p, const cull_method *m,
                                const cull_opts *opts, const cull_outcomes *rows)
{
    char buf[64], key[160];
    p->method = m;
    p->seed = cull_ctx_seed(cx);
    for (const cull_opt *o = m->opts; o && o->name; o++) {
        const char *v = cull_opts_get(opts, o->name, buf, sizeof buf);
        snprintf(key, sizeof key, "%s%s", CULL__POLICY_OPTION, o->name);
        CULL_TRY(cull_policy_put_text(cx, p, key, v ? v : ""));
    }
    for (int k = 0; k < rows->models; k++)
        CULL_TRY(cull__policy_add_model(cx, p, cull_outcomes_name(rows, k, buf)));
    return CULL_OK;
}

cull_status cull__policy_made(cull_ctx *cx, const cull_policy *p)
{
    if (p->method) return CULL_OK;
    return cull__fail(cx, CULL_EINPUT, "the policy is of no method; a fit makes one that is");
}

cull_status cull_policy_options(cull_ctx *cx, const cull_policy *p, cull_opts **out)
{
    cull_opts *o;
    *out = NULL;
    CULL_TRY(cull__policy_made(cx, p));
    CULL_TRY(cull_opts_new(cx, p->method, &o));
    size_t head = strlen(CULL__POLICY_OPTION);
    for (int64_t i = 0; i < p->texts; i++) {
        if (strncmp(p->text[i].name, CULL__POLICY_OPTION, head)) continue;
        cull_status s = cull_opts_set(cx, o, p->text[i].name + head, p->text[i].s);
        if (s == CULL_OK) continue;
        cull_opts_free(o);
        return s;
    }
    *out = o;
    return CULL_OK;
}

/* weights_pair.c - which tensor of one checkpoint belongs to which of another: by name, by rename, by tie. */
#include "task/weights.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static cull_status half_check(cull_ctx *cx, const char *what, const char *s, bool star)
{
    const char *eq = strchr(s, '=');
    if (!eq || eq == s || !eq[1] || strchr(eq + 1, '='))
        return cull__fail(cx, CULL_EOPTION, "%s '%s': write two names, as %s", what, s,
                          star ? "OLD=NEW" : "NAME=OTHER");
    const char *a = memchr(s, '*', (size_t)(eq - s)), *b = strchr(eq, '*');
    if (!star && (a || b)) return cull__fail(cx, CULL_EOPTION, "%s '%s': names have no *", what, s);
    if (!a != !b || (a && memchr(a + 1, '*', (size_t)(eq - a - 1))) || (b && strchr(b + 1, '*')))
        return cull__fail(cx, CULL_EOPTION, "%s '%s': each side has one *, or none", what, s);
    return CULL_OK;
}

cull_status cull__renames_check(cull_ctx *cx, const cull_weights_problem *p)
{
    for (int i = 0; i < p->renames; i++) CULL_TRY(half_check(cx, "rename", p->rename[i], true));
    for (int i = 0; i < p->ties; i++) CULL_TRY(half_check(cx, "tied", p->tied[i], false));
    return CULL_OK;
}

/* What `name` is by "OLD=NEW" on the old side; false where it is not NEW. */
static bool old_name(const char *rename, const char *name, char *out, size_t size)
{
    const char *eq = strchr(rename, '='), *new = eq + 1, *star = strchr(new, '*');
    if (!star) {
        if (strcmp(new, name)) return false;
        return (size_t)snprintf(out, size, "%.*s", (int)(eq - rename), rename) < size;
    }
    size_t head = (size_t)(star - new), tail = strlen(star + 1), n = strlen(name);
    if (n < head + tail || strncmp(name, new, head) || strcmp(name + n - tail, star + 1))
        return false;
    const char *old = memchr(rename, '*', (size_t)(eq - rename));
    return (size_t)snprintf(out, size, "%.*s%.*s%.*s", (int)(old - rename), rename,
                            (int)(n - head - tail), name + head, (int)(eq - old - 1),
                            old + 1) < size;
}

int64_t cull__pair_of(const cull_weights_work *w, int s, const char *name)
{
    const cull_weights_problem *p = w->problem;
    const cull_checkpoint *ck = w->source[s];
    char other[512];
    int64_t at;
    for (int i = 0; i < p->renames; i++)
        if (old_name(p->rename[i], name, other, sizeof other) &&
            (at = cull_checkpoint_find(ck, other, NULL)) >= 0)
            return at;
    if ((at = cull_checkpoint_find(ck, name, NULL)) >= 0) return at;
    for (int i = 0; i < p->ties; i++) {
        const char *eq = strchr(p->tied[i], '=');
        if (strlen(name) == (size_t)(eq - p->tied[i]) && !strncmp(name, p->tied[i], strlen(name)) &&
            (at = cull_checkpoint_find(ck, eq + 1, NULL)) >= 0)
            return at;
    }
    return -1;
}

cull_status cull__pair_missing(cull_ctx *cx, const cull_weights_work *w, int s, const char *name)
{
    const char *path = cull_checkpoint_path(w->source[s]),
               *first = cull_checkpoint_path(w->source[0]);
    int64_t near = -1;
    (void)cull_checkpoint_find(w->source[s], name, &near);
    if (near < 0)
        return cull__fail(
            cx, CULL_EINPUT,
            "%s has no tensor '%s', which %s has; where another one stands for it, name "
            "it by tied or rename",
            path, name, first);
    const char *like = cull_checkpoint_at(w->source[s], near)->name;
    return cull__fail(cx, CULL_EINPUT,
                      "%s has no tensor '%s', which %s has; the nearest is '%s' (rename '%s=%s'?)",
                      path, name, first, like, like, name);
}

const char *cull__sides_text(const cull_tensor *t, char buf[192])
{
    size_t n = (size_t)snprintf(buf, 192, "(");
    for (int i = 0; i < t->ndim; i++)
        n += (size_t)snprintf(buf + n, 192 - n, "%s%" PRId64, i ? ", " : "", t->shape[i]);
    snprintf(buf + n, 192 - n, ")");
    return buf;
}

static bool alike(const cull_tensor *a, const cull_tensor *b, int from)
{
    if (a->ndim != b->ndim) return false;
    for (int i = from; i < a->ndim; i++)
        if (a->shape[i] != b->shape[i]) return false;
    return true;
}

static void set_rows(cull_tensor *t, int64_t rows)
{
    t->n = t->shape[0] ? t->n / t->shape[0] * rows : 0;
    t->shape[0] = rows;
}

cull_status cull__pair_shapes(cull_ctx *cx, const cull_weights_work *w, cull_weights_item *it)
{
    const cull_tensor *first = cull_checkpoint_at(w->source[0], it->at[0]);
    for (int s = 1; s < w->sources; s++) {
        char a[192], b[192];
        if (it->at[s] < 0) continue;
        const cull_tensor *t = cull_checkpoint_at(w->source[s], it->at[s]);
        if (alike(first, t, 0)) continue;
        bool rows = first->ndim > 0 && alike(first, t, 1);
        if (rows && w->problem->common_rows) {
            if (t->shape[0] < it->t.shape[0]) set_rows(&it->t, t->shape[0]);
            continue;
        }
        return cull__fail(cx, CULL_EINPUT, "tensor '%s' is %s in %s and %s in %s%s", first->name,
                          cull__sides_text(first, a), cull_checkpoint_path(w->source[0]),
                          cull__sides_text(t, b), cull_checkpoint_path(w->source[s]),
                          rows ? "; with common-rows the rows that both have are merged" : "");
    }
    return CULL_OK;
}

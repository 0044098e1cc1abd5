/* contract.h - what the contract tests of all tasks share: which methods are checked, the descriptor,
 * values that an option takes and refuses. */
#ifndef CONTRACT_H
#define CONTRACT_H
#include "test.h"

#include "base/base.h"
#include "cull/method.h"
#include "cull/text.h"

static const char *contract_only; /* a slug; NULL = every method of the task */

/* The first method of task t to check that comes after m; NULL m = the first of all. */
static inline const cull_method *contract_next(cull_task t, const cull_method *m)
{
    bool past = !m;
    for (int i = 0; i < cull_method_count(); i++) {
        const cull_method *k = cull_method_at(i);
        bool wanted = !contract_only || cull_same_name(k->slug, contract_only);
        if (past && k->task == t && wanted) return k;
        past |= k == m;
    }
    return NULL;
}
#define EACH_OF(t, m)                                                                              \
    for (const cull_method *m = contract_next(t, NULL); m; m = contract_next(t, m))

/* usage of every contract program: [METHOD] */
static inline bool contract_start(cull_task t, int argc, char **argv)
{
    contract_only = argc > 1 ? argv[1] : NULL;
    if (contract_next(t, NULL)) return true;
    fprintf(stderr, "there is no method '%s' of task %s\n", argc > 1 ? argv[1] : "",
            cull_task_name(t));
    return false;
}

/* ---- the descriptor ---- */

static inline char *contract_slurp(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *s = calloc(1, 1 << 20);
    size_t n = fread(s, 1, (1 << 20) - 1, f);
    s[n] = 0;
    fclose(f);
    return s;
}

static inline void contract_head(const cull_method *m, const char *source)
{
    static const char *const field[] = {"Chooses", "Idea", "Reads", "Deviates", "Cost", "Example"};
    char want[96];
    snprintf(want, sizeof want, "/* %s - ", m->slug);
    CHECK(m, !strncmp(source, want, strlen(want)));
    const char *at = source;
    for (int i = 0; i < 6; i++) {
        snprintf(want, sizeof want, "\n * %-9s ", field[i]);
        at = strstr(at, want);
        if (!at) fail_msg("%s: the head comment lacks '%s' in its place", m->slug, field[i]);
        CHECK(m, at < strstr(source, "*/"));
    }
    bool search = m->task == CULL_TASK_SEARCH; /* its command is of a space, and names a method */
    snprintf(want, sizeof want, "cull %s %s%s ", cull_task_name(m->task),
             search ? "space.cull --method " : "", m->slug);
    if (!strstr(at, want)) fail_msg("%s: its example does not say '%s'", m->slug, want);
}

static inline void contract_descriptor(const cull_method *m)
{
    char file[64], path[512], want[96];
    snprintf(file, sizeof file, "%s", m->slug);
    for (char *c = file; *c; c++)
        if (*c == '-') *c = '_';
    snprintf(path, sizeof path, "%s/src/method/%s/%s.c", CULL_SOURCE_DIR, cull_task_name(m->task),
             file);
    char *source = contract_slurp(path);
    if (!source) fail_msg("%s: there is no %s", m->slug, path);
    snprintf(want, sizeof want, "cull__method_%s = {", file);
    CHECK(m, strstr(source, want));
    contract_head(m, source);
    snprintf(path, sizeof path, "%s/tests/method/%s.c", CULL_SOURCE_DIR, file);
    char *test = contract_slurp(path);
    if (!test) fail_msg("%s: there is no oracle test %s", m->slug, path);
    CHECK(m, *m->title && m->rev >= 1 && m->columns && m->paper);
    CHECK(m, (m->flags & CULL_BASELINE) || *m->paper);
    CHECK(m, m->opts_size > 0);
    for (const cull_opt *o = m->opts; o->name; o++) {
        CHECK(m, *o->help && o->lo <= o->hi && o->off < m->opts_size);
        CHECK(m, o->def >= o->lo && o->def <= o->hi);
        CHECK(m, (o->kind == CULL_KIND_ENUM) == (o->choices != NULL));
        for (int i = 0; i < cull_method_count(); i++)
            for (const cull_opt *q = cull_method_at(i)->opts; q->name; q++)
                if (!strcmp(q->name, o->name) && q->kind != o->kind)
                    fail_msg("option %s is of two kinds: %s, %s", o->name, m->slug,
                             cull_method_at(i)->slug);
    }
    free(source), free(test);
}

/* ---- options ---- */

/* Runs m with that option, and checks what comes. */
typedef void contract_try(cull_ctx *cx, const cull_method *m, const char *name, const char *value);

static inline void contract_number(cull_ctx *cx, const cull_method *m, cull_opts *o,
                                   const cull_opt *r, contract_try *run)
{
    char buf[32];
    static const char *const bad[] = {"nan", "", "1,5", "many", "1x"};
    run(cx, m, r->name, cull__format_f64(r->lo, buf));
    run(cx, m, r->name, cull__format_f64(r->hi, buf));
    cull__format_f64(r->lo - (r->kind == CULL_KIND_I64 ? 1 : 1e-6 * (1 + fabs(r->lo))), buf);
    refused(cx, cull_opts_set(cx, o, r->name, buf), CULL_EOPTION, "outside");
    cull__format_f64(r->hi + (r->kind == CULL_KIND_I64 ? 1 : 1e-6 * (1 + fabs(r->hi))), buf);
    refused(cx, cull_opts_set(cx, o, r->name, buf), CULL_EOPTION, "outside");
    for (int i = 0; i < 5; i++)
        refused(cx, cull_opts_set(cx, o, r->name, bad[i]), CULL_EOPTION, "is no number");
    if (r->kind == CULL_KIND_I64)
        refused(cx, cull_opts_set(cx, o, r->name, "1.5"), CULL_EOPTION, "whole");
}

/* Every option at its bounds and past them, every choice. */
static inline void contract_options(cull_ctx *cx, const cull_method *m, cull_opts *o,
                                    contract_try *run)
{
    refused(cx, cull_opts_set(cx, o, "no-such-thing", "1"), CULL_EOPTION, "has no option");
    for (const cull_opt *r = m->opts; r->name; r++) {
        char name[64];
        snprintf(name, sizeof name, "%sx", r->name);
        if (strlen(r->name) > 2)
            refused(cx, cull_opts_set(cx, o, name, "1"), CULL_EOPTION, "did you mean");
        if (r->kind == CULL_KIND_BOOL) {
            run(cx, m, r->name, "true");
            run(cx, m, r->name, "false");
            refused(cx, cull_opts_set(cx, o, r->name, "maybe"), CULL_EOPTION, "neither");
        } else if (r->kind == CULL_KIND_ENUM) {
            char list[256];
            snprintf(list, sizeof list, "%s", r->choices);
            for (char *c = strtok(list, "|"); c; c = strtok(NULL, "|")) run(cx, m, r->name, c);
            refused(cx, cull_opts_set(cx, o, r->name, "nonsense"), CULL_EOPTION, "none of");
        } else {
            contract_number(cx, m, o, r, run);
        }
    }
}

/* Set it, and see that what is read back sets the same. */
static inline void contract_set(cull_ctx *cx, const cull_method *m, cull_opts *o, const char *name,
                                const char *value)
{
    char buf[64], again[64];
    ok(cx, cull_opts_set(cx, o, name, value));
    CHECK(m, cull_opts_get(o, name, buf, sizeof buf) == buf);
    ok(cx, cull_opts_set(cx, o, name, buf));
    CHECK(m, !strcmp(cull_opts_get(o, name, again, sizeof again), buf));
}
#endif

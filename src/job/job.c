/* job.c - what a job was given, by name. */
#include "cull/text.h"
#include "feature.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Inputs that may be given several times, and what may stand in memory for each. */
enum { ARRAY = 1, VECTOR = 2, RECORDS = 4, AGAIN = 8 };
static const struct {
    const char *name;
    unsigned takes;
} special[] = {{"pool", ARRAY | RECORDS | AGAIN},
               {"target", ARRAY | RECORDS | AGAIN},
               {"avoid", VECTOR | RECORDS | AGAIN},
               {"embeddings", ARRAY | AGAIN},
               {"target-embeddings", ARRAY | AGAIN},
               {"cost", VECTOR},
               {"have", VECTOR | AGAIN},
               {"against", ARRAY | RECORDS | AGAIN},
               {"valid", ARRAY | RECORDS | AGAIN},
               {"valid-embeddings", ARRAY}};

static unsigned takes(const char *name)
{
    for (int i = 0; i < COUNT(special); i++)
        if (!strcmp(special[i].name, name)) return special[i].takes;
    return 0;
}

cull_status cull_job_new(cull_ctx *cx, cull_task t, cull_job **out)
{
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, *out, 1));
    (*out)->cx = cx;
    (*out)->task = t;
    (*out)->wanted = -1;
    return CULL_OK;
}

void job_forget(cull_job *j)
{
    figures_free(&j->f);
    if (!j->feature) cull_strings_free(&j->ids); /* else borrowed */
    feature_forget(j);
    j->ids = (cull_strings){0};
    cull_pick_free(&j->pick);
    j->run = (cull_run){0};
    j->ran = false;
    j->noted = 0;
}

void cull_job_settle(cull_job *j)
{
    job_close(j);
    feature_close(j);
    for (int i = 0; i < CODES; i++) j->codes[i] = (codes){0};
    j->settled = true;
}

void cull_job_free(cull_job *j)
{
    if (!j) return;
    comparison_free(j->compared);
    cull__parts_close(j->cx, j->parts);
    feature_comparison_free(j->f_compared);
    job_forget(j);
    job_close(j);
    feature_close(j);
    cull__free(j->feature);
    for (int64_t i = 0; i < j->sets; i++) cull__free(j->set[i].value);
    for (int i = 0; i < j->mines; i++) cull__free(j->mine[i].name);
    for (int64_t i = 0; i < j->keeps; i++) cull__free(j->kept[i]);
    cull__free(j->kept);
    cull__free(j->option);
    cull__free(j->words);
    cull__free(j->set);
    cull__free(j->input);
    cull__free(j);
}

/* ---- giving ---- */

/* The row called `name`, "pool" also. */
static cull_status known(cull_job *j, const char *name, const char **out)
{
    const cull_input *const table[] = {cull_task_inputs(j->task), cull_compare_inputs()};
    const char *names[128] = {"pool"};
    int n = 1;
    for (int t = 0; t < (j->task == CULL_TASK_DATA ? COUNT(table) : 1); t++)
        for (const cull_input *r = table[t]; r->name && n < COUNT(names); r++) names[n++] = r->name;
    for (int i = 0; i < n; i++)
        if (cull_same_name(names[i], name)) {
            *out = names[i];
            return CULL_OK;
        }
    const char *near = cull_nearest(name, names, n);
    return cull__fail(j->cx, CULL_EOPTION, "task %s has no input '%s'%s%s", cull_task_name(j->task),
                      name, near ? "; did you mean " : "", near ? near : "");
}

static cull_status copy(cull_ctx *cx, const char *s, char **out)
{
    size_t n = strlen(s) + 1;
    CULL_TRY(CULL_ALLOC(cx, *out, (int64_t)n));
    memcpy(*out, s, n);
    return CULL_OK;
}

cull_status job_keep(cull_job *j, const char *s, const char **out)
{
    CULL_TRY(CULL_GROW(j->cx, j->kept, &j->keep_cap, j->keeps + 1));
    CULL_TRY(copy(j->cx, s, &j->kept[j->keeps]));
    *out = j->kept[j->keeps++];
    return CULL_OK;
}

/* A place for one more; what it holds is the caller's to fill. */
static cull_status add(cull_job *j, const char *name, unsigned kind, given **out)
{
    CULL_TRY(known(j, name, &name));
    if (j->opened || j->settled)
        return cull__fail(j->cx, CULL_EOPTION, "--%s comes too late: the job has run", name);
    if (kind && !(takes(name) & kind))
        return cull__fail(j->cx, CULL_EOPTION, "--%s takes %s", name,
                          kind == RECORDS ? "no records"
                          : takes(name)   ? "no array of this shape"
                                          : "no array");
    const given *before = job__first(j, name, NULL);
    if (before && !(kind == 0 && before->value && (takes(name) & AGAIN)))
        return cull__fail(j->cx, CULL_EOPTION, "--%s is given twice", name);
    CULL_TRY(CULL_GROW(j->cx, j->set, &j->set_cap, j->sets + 1));
    *out = &j->set[j->sets];
    **out = (given){.name = name};
    return CULL_OK;
}

cull_status cull_job_set(cull_job *j, const char *name, const char *value)
{
    given *g;
    CULL_TRY(add(j, name, 0, &g));
    CULL_TRY(copy(j->cx, value, &g->value));
    j->sets++;
    return CULL_OK;
}

cull_status cull_job_array(cull_job *j, const char *name, const cull_array *a)
{
    given *g;
    CULL_TRY(add(j, name, a->ndim == 1 ? VECTOR | ARRAY : ARRAY, &g));
    if (a->ndim < 1)
        return cull__fail(j->cx, CULL_EINPUT, "--%s is one number; it must be an array of rows",
                          name);
    g->array = *a;
    j->sets++;
    return CULL_OK;
}

cull_status cull_job_records(cull_job *j, const char *name, const cull_corpus *c)
{
    given *g;
    CULL_TRY(add(j, name, RECORDS, &g));
    g->records = c;
    j->sets++;
    return CULL_OK;
}

cull_status cull_job_column(cull_job *j, const char *name, const double *v, int64_t n)
{
    if (j->mines == MAX_COLUMNS)
        return cull__fail(j->cx, CULL_EOPTION, "more than %d score columns", MAX_COLUMNS);
    CULL_TRY(copy(j->cx, name, &j->mine[j->mines].name));
    j->mine[j->mines].v = v;
    j->mine[j->mines++].n = n;
    return CULL_OK;
}

cull_status cull_job_codes(cull_job *j, const char *name, const int32_t *code, int64_t n,
                           const char *const *names, int32_t count)
{
    static const char *const known[CODES] = {"group", "label", "target-task", "valid-label"};
    int which = 0;
    while (which < CODES && !cull_same_name(name, known[which])) which++;
    if (which == CODES)
        return cull__fail(j->cx, CULL_EOPTION,
                          "--%s takes no codes; group, label, target-task and valid-label do",
                          name);
    if (j->codes[which].code || has(j, name))
        return cull__fail(j->cx, CULL_EOPTION, "--%s is given twice", name);
    for (int64_t i = 0; i < n; i++)
        if (code[i] < 0 || code[i] >= count)
            return cull__fail(j->cx, CULL_EINPUT, "%s[%" PRId64 "] is %d; it must be 0 to %d", name,
                              i, code[i], count - 1);
    j->codes[which] = (codes){code, n, count, names};
    return CULL_OK;
}

void cull_job_argv(cull_job *j, const char *const *argv, int argc)
{
    j->argv = argv;
    j->argc = argc;
}

/* ---- reading what was given ---- */

const given *job__first(const cull_job *j, const char *name, const given *after)
{
    for (int64_t i = after ? after - j->set + 1 : 0; i < j->sets; i++)
        if (!strcmp(j->set[i].name, name)) return &j->set[i];
    return NULL;
}

bool has(const cull_job *j, const char *name) { return job__first(j, name, NULL) != NULL; }

const char *value_of(const cull_job *j, const char *name, const char *other)
{
    const given *g = job__first(j, name, NULL);
    return g && g->value ? g->value : other;
}

int values_of(const cull_job *j, const char *name, const char **out, int cap)
{
    int n = 0;
    for (const given *g = NULL; (g = job__first(j, name, g));)
        if (g->value && n++ < cap) out[n - 1] = g->value;
    return n;
}

const cull_array *array_of(const cull_job *j, const char *name)
{
    const given *g = job__first(j, name, NULL);
    return g && g->array.ndim ? &g->array : NULL;
}

const cull_corpus *records_of(const cull_job *j, const char *name)
{
    const given *g = job__first(j, name, NULL);
    return g ? g->records : NULL;
}

cull_status number_of(cull_job *j, const char *name, double other, double lo, double hi, bool whole,
                      double *out)
{
    const char *s = value_of(j, name, NULL);
    char a[32], b[32];
    *out = other;
    if (!s) return CULL_OK;
    cull_format_number(lo, a), cull_format_number(hi, b);
    if (!cull_parse_number(s, out) || isnan(*out))
        return cull__fail(j->cx, CULL_EOPTION, "--%s '%s' is no number; it takes %s to %s", name, s,
                          a, b);
    if (whole && *out != floor(*out))
        return cull__fail(j->cx, CULL_EOPTION, "--%s %s is no whole number", name, s);
    if (*out < lo || *out > hi)
        return cull__fail(j->cx, CULL_EOPTION, "--%s %s is outside %s to %s", name, s, a, b);
    return CULL_OK;
}

/* policy.h - what a policy is made of. */
#ifndef CULL__POLICY_H
#define CULL__POLICY_H
#include "base/base.h"
#include "cull/policy.h"

typedef struct {
    char *name;
    int64_t rows, cols;
    double *v;
} cull__policy_array;
typedef struct {
    char *name, *s;
} cull__policy_text;

struct cull_policy {
    const cull_method *method;
    uint64_t seed;
    cull__policy_array *array;
    cull__policy_text *text;
    char **note, **model;
    int64_t arrays, array_cap, texts, text_cap, notes, note_cap, models, model_cap;
    cull_guarantee guarantee; /* where `said` is */
    char *said;               /* its strings */
};
/* Options are texts whose names begin so. */
#define CULL__POLICY_OPTION "option."
/* Refuses a policy that nobody made. */
cull_status cull__policy_made(cull_ctx *cx, const cull_policy *p);
cull_status cull__policy_add_note(cull_ctx *cx, cull_policy *p, const char *s);
cull_status cull__policy_add_model(cull_ctx *cx, cull_policy *p, const char *name);
#endif

/* weights_soup.c - the greedy soup: models join the mean one after another where it scores no worse. */
#define _DEFAULT_SOURCE
#include "io/temporary.h"
#include "task/weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    const cull_weights_problem *p;
    const cull_method *method;
    const cull_opts *opts;
    cull_weights_score *score;
    void *user;
    char *path; /* of trials */
} soup;

static cull_status scored(cull_ctx *cx, const soup *s, const char *path, double *out)
{
    *out = NAN;
    if (s->score(s->user, path, out))
        return cull__fail(cx, CULL_ECANCEL, "stopped by the caller while %s was scored", path);
    if (isnan(*out)) return cull__fail(cx, CULL_EINPUT, "the score of %s is no number", path);
    return CULL_OK;
}

/* The mean of model[0 .. n) to path. */
static cull_status mean(cull_ctx *cx, const soup *s, const cull_checkpoint *const *model, int n,
                        const char *path, cull_weights_report *report)
{
    cull_weights_problem p = *s->p;
    p.model = model, p.models = n;
    return cull_weights_run(cx, s->method, s->opts, &p, path, report);
}

/* order[0 .. n): the best first, of equal ones the first. */
static void sort(const double *score, int n, int *order)
{
    for (int i = 0; i < n; i++) {
        int k = i;
        for (; k > 0 && score[order[k - 1]] < score[i]; k--) order[k] = order[k - 1];
        order[k] = i;
    }
}

static cull_status grow(cull_ctx *cx, const soup *s, double *score, bool *kept, double *best,
                        const char *out, cull_weights_report *report)
{
    const cull_checkpoint *in[CULL_WEIGHTS_MODELS];
    int order[CULL_WEIGHTS_MODELS], n = 1;
    sort(score, s->p->models, order);
    in[0] = s->p->model[order[0]];
    kept[order[0]] = true;
    *best = score[order[0]];
    for (int i = 1; i < s->p->models; i++) {
        double with;
        in[n] = s->p->model[order[i]];
        CULL_TRY(mean(cx, s, in, n + 1, s->path, report));
        cull_status status = scored(cx, s, s->path, &with);
        if (unlink(s->path) != 0) cull__temporary_drop(s->path);
        CULL_TRY(status);
        if (with < *best) continue;
        *best = with, kept[order[i]] = true, n++;
    }
    return mean(cx, s, in, n, out, report);
}

/* Trials lie in a folder beside the result that goes with this process, or else with the next one that writes there. */
static cull_status grow_beside(cull_ctx *cx, soup *s, double *score, bool *kept, double *best,
                               const char *out, cull_weights_report *report)
{
    size_t n = strlen(out);
    bool file = n > 12 && !strcmp(out + n - 12, ".safetensors");
    char *beside, *stage;
    CULL_TRY(CULL_TMP(cx, beside, (int64_t)n + 1));
    CULL_TRY(CULL_TMP(cx, stage, (int64_t)n + CULL__TEMPORARY));
    CULL_TRY(CULL_TMP(cx, s->path, (int64_t)n + CULL__TEMPORARY + 24));
    while (n > 1 && out[n - 1] == '/') n--;
    snprintf(beside, n + 1, "%s", out);
    int lock = cull__temporary(beside, S_IFDIR | 0777, stage);
    if (lock < 0) return cull__fail_errno(cx, out, "cannot make a folder for trials beside it");
    snprintf(s->path, n + CULL__TEMPORARY + 24, "%s/trial%s", stage, file ? ".safetensors" : "");
    cull_status status = grow(cx, s, score, kept, best, out, report);
    cull__temporary_drop(stage);
    close(lock);
    return status;
}

static cull_status check(cull_ctx *cx, const cull_weights_problem *p)
{
    if (p->models < 1 || p->models > CULL_WEIGHTS_MODELS)
        return cull__fail(cx, CULL_EINPUT, "a soup is of 1 to %d models, and there are %d",
                          CULL_WEIGHTS_MODELS, p->models);
    for (int i = 0; i < p->rules; i++) /* numbers of models change as they join */
        if (strstr(p->rule[i], "model="))
            return cull__fail(cx, CULL_EOPTION, "rule '%s': a greedy soup weighs all models alike",
                              p->rule[i]);
    return CULL_OK;
}

cull_status cull_weights_soup(cull_ctx *cx, const cull_opts *opts, const cull_weights_problem *p,
                              const double *known, cull_weights_score *score, void *user,
                              const char *out, bool *kept, double *best,
                              cull_weights_report *report)
{
    double own[CULL_WEIGHTS_MODELS];
    soup s = {p, cull_method_find("soup", NULL), opts, score, user, NULL};
    CULL_TRY(check(cx, p));
    CULL_TRY(cull__weights_apart(cx, p, out));
    memset(kept, 0, (size_t)p->models * sizeof *kept);
    for (int i = 0; i < p->models; i++) {
        if (known)
            own[i] = known[i];
        else
            CULL_TRY(scored(cx, &s, cull_checkpoint_path(p->model[i]), &own[i]));
        if (isnan(own[i])) return cull__fail(cx, CULL_EINPUT, "score %d is no number", i + 1);
    }
    cull__mark_t mark = cull__mark(cx);
    cull_status status = grow_beside(cx, &s, own, kept, best, out, report);
    cull__release(cx, mark);
    return status;
}

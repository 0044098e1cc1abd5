/* weights_soup.c - the greedy soup: models join the mean one after another where it scores no worse. */
#define _DEFAULT_SOURCE
#include "task/weights.h"

#include <dirent.h>
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

/* A trial's file, or its folder with the files in it. */
static void drop(const char *path)
{
    char file[4096];
    struct stat st;
    if (lstat(path, &st)) return;
    DIR *d = S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
            (size_t)snprintf(file, sizeof file, "%s/%s", path, e->d_name) < sizeof file)
            unlink(file);
    if (d) {
        closedir(d);
        rmdir(path);
    } else {
        unlink(path);
    }
}

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
        drop(s->path);
        CULL_TRY(status);
        if (with < *best) continue;
        *best = with, kept[order[i]] = true, n++;
    }
    return mean(cx, s, in, n, out, report);
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
    size_t n = strlen(out);
    bool file = n > 12 && !strcmp(out + n - 12, ".safetensors");
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
    cull_status status = CULL_TMP(cx, s.path, (int64_t)n + 24);
    if (status == CULL_OK) {
        while (!file && n > 1 && out[n - 1] == '/') n--;
        snprintf(s.path, n + 24, "%.*s.trial%s", (int)n, out, file ? ".safetensors" : "");
        drop(s.path); /* left by a run that was killed */
        status = grow(cx, &s, own, kept, best, out, report);
    }
    cull__release(cx, mark);
    return status;
}

/* study_best.c - the best of what was evaluated. */
#include <math.h>
#include <string.h>

#include "cull/front.h"
#include "search/study.h"

/* How far a point was evaluated: a whole evaluation is the furthest. */
static int64_t reach(const cull_study *s, int64_t i)
{
    return s->pstate[i] == CULL_TRIAL_DONE ? INT64_MAX : s->steps[i];
}

static bool has_values(const cull_study *s, int64_t i)
{
    return s->pstate[i] == CULL_TRIAL_DONE || s->pstate[i] == CULL_TRIAL_STOPPED;
}

/* Points to compare: those of the furthest reach, and of them those of the least violation. */
static int64_t candidates(const cull_study *s, int64_t *idx)
{
    int64_t far = -1, n = 0;
    double least = INFINITY;
    for (int64_t i = 0; i < s->v.trials; i++) {
        if (!has_values(s, i) || reach(s, i) < far) continue;
        if (reach(s, i) > far || s->badness[i] < least)
            far = reach(s, i), least = s->badness[i], n = 0;
        if (s->badness[i] == least) idx[n++] = i;
    }
    return n;
}

static cull_status front(cull_study *s, int64_t *idx, int64_t *n)
{
    int64_t m = s->p.objectives, found;
    double *v;
    int64_t *at;
    CULL_TRY(CULL_TMP(s->cx, v, *n * m));
    CULL_TRY(CULL_TMP(s->cx, at, *n));
    for (int64_t k = 0; k < *n; k++)
        memcpy(v + k * m, s->v.value + idx[k] * m, (size_t)m * sizeof *v);
    CULL_TRY(cull_front_best(s->cx, v, *n, (int)m, false, at, &found));
    for (int64_t k = 0; k < found; k++) idx[k] = idx[at[k]]; /* at ascends */
    *n = found;
    return CULL_OK;
}

cull_status cull_study_best(cull_study *s, int64_t *idx, int64_t *n)
{
    *n = candidates(s, idx);
    if (*n > 0 && s->p.objectives == 1) {
        int64_t best = idx[0];
        for (int64_t k = 1; k < *n; k++)
            if (s->v.value[idx[k]] < s->v.value[best]) best = idx[k];
        idx[0] = best;
        *n = 1;
    } else if (*n > 0) {
        cull__mark_t m = cull__mark(s->cx);
        cull_status r = front(s, idx, n);
        cull__release(s->cx, m);
        CULL_TRY(r);
    }
    for (int64_t k = 0; k < *n; k++) idx[k] = s->point[idx[k]].first;
    return CULL_OK;
}

/* limits.c - how much may be kept: budget, costs, quotas of groups, and what is to be avoided. */
#include "cull/text.h"
#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- budget ---- */

int budget_parse(cli *c, budget_ask *out)
{
    char number[40];
    const char *s = value_of(c, "budget", NULL);
    if (!s)
        return fail(c, USAGE, "%s wants --budget: a count (500), a share (2%%) or a sum of costs",
                    c->cmd->name);
    size_t n = strlen(s);
    *out = (budget_ask){.text = s, .percent = n && s[n - 1] == '%'};
    snprintf(number, sizeof number, "%.*s", (int)(n - out->percent), s);
    if (n >= sizeof number || !cull_parse_number(number, &out->number) || !isfinite(out->number))
        return fail(c, USAGE, "--budget '%s' is neither a number nor a share; write 500 or 2%%", s);
    if (!(out->number > 0)) return fail(c, USAGE, "--budget %s: it must be above 0", s);
    if (out->percent && out->number > 100)
        return fail(c, USAGE, "--budget %s is more than all; it must be at most 100%%", s);
    return DONE;
}

static double total_cost(const problem *q)
{
    double sum = 0;
    for (int64_t i = 0; i < q->n; i++) sum += q->cost ? q->cost[i] : 1;
    return sum;
}

static int set_budget(cli *c, problem *q)
{
    const budget_ask *b = &q->budget;
    char all[32];
    double total = total_cost(q);
    cull_format_number(total, all);
    if (!b->percent && !q->cost && b->number != floor(b->number))
        return fail(c, USAGE, "--budget %s is no whole number of examples", b->text);
    if (!b->percent && b->number > total)
        return fail(c, USAGE, "--budget %s is more than the pool %s %s", b->text,
                    q->cost ? "costs," : "has,", all);
    q->p.budget = b->percent ? b->number / 100 * total : b->number;
    if (!q->cost) q->p.budget = floor(q->p.budget + 1e-9);
    if (!(q->p.budget > 0))
        return fail(c, USAGE, "--budget %s of %s examples is none", b->text, all);
    return DONE;
}

/* ---- costs ---- */

static int set_cost(cli *c, problem *q)
{
    const char *what = value_of(c, "cost", NULL);
    if (!what) return DONE;
    q->cost_unit = what;
    bool length = !strcmp(what, "words") || !strcmp(what, "bytes");
    if (!q->text && length)
        return fail(c, USAGE, "--cost %s needs text; %s is an array", what, c->input[0]);
    if (!q->text) return fail(c, USAGE, "--cost is for records; %s is an array", c->input[0]);
    q->cost = malloc(((size_t)q->n + 1) * sizeof *q->cost);
    if (!q->cost) return fail(c, FAILED, "out of memory");
    if (length) {
        TRY(check(c, cull_corpus_lengths(c->cx, q->text, what, q->cost)));
        for (int64_t i = 0; i < q->n; i++)
            if (q->cost[i] < 1) q->cost[i] = 1; /* an empty text is not free */
        return DONE;
    }
    const double *v = cull_table_col(cull_corpus_table(q->text), what);
    for (int64_t i = 0; i < q->n; i++) {
        if (!(v[i] > 0) || !isfinite(v[i]))
            return fail(c, FAILED, "record %lld has %s %g; costs must be above 0", (long long)i,
                        what, v[i]);
        q->cost[i] = v[i];
    }
    return DONE;
}

/* ---- quotas ---- */

/* The costs of each group, (groups). */
static double *group_costs(const problem *q)
{
    double *sum = calloc((size_t)q->p.groups + 1, sizeof *sum);
    for (int64_t i = 0; sum && i < q->n; i++) sum[q->p.group[i]] += q->cost ? q->cost[i] : 1;
    return sum;
}

/* Equal shares, where a group with less than its share leaves the rest to the others. */
static void equal_quota(problem *q, const double *has)
{
    double level = 0, left = q->p.budget;
    int32_t groups = q->p.groups, open = groups;
    for (bool again = true; again && open;) {
        level = left / open;
        again = false;
        for (int32_t g = 0; g < groups; g++) {
            if (q->quota[g] > 0 || has[g] > level) continue;
            q->quota[g] = has[g];
            left -= has[g];
            open--;
            again = true;
        }
    }
    for (int32_t g = 0; g < groups; g++)
        if (!(q->quota[g] > 0)) q->quota[g] = q->cost ? level : ceil(level - 1e-9);
}

static int group_code(cli *c, const problem *q, const char *name, int32_t *out)
{
    for (*out = 0; *out < q->p.groups; ++*out)
        if (!strcmp(cull_corpus_group_name(q->text, *out), name)) return DONE;
    const char *cand[256];
    int n = 0;
    for (int32_t i = 0; i < q->p.groups && n < 256; i++)
        cand[n++] = cull_corpus_group_name(q->text, i);
    const char *near = cull_nearest(name, cand, n);
    return fail(c, FAILED, "--quota: no record is of group '%s'; %s '%s'", name,
                near ? "did you mean" : "the first is", near ? near : cand[0]);
}

static int named_quota(cli *c, const char *part, void *arg)
{
    problem *q = arg;
    char name[256], number[40];
    double share;
    int32_t code;
    const char *eq = strrchr(part, '=');
    if (!eq || eq == part || (size_t)(eq - part) >= sizeof name)
        return fail(c, USAGE, "--quota '%s': write equal, proportional or NAME=SHARE,...", part);
    snprintf(name, sizeof name, "%.*s", (int)(eq - part), part);
    size_t n = strlen(eq + 1);
    bool percent = n && eq[n] == '%';
    snprintf(number, sizeof number, "%.*s", (int)(n - percent), eq + 1);
    if (n >= sizeof number || !cull_parse_number(number, &share) || !isfinite(share) || share < 0)
        return fail(c, USAGE, "--quota %s: '%s' is no share; write 0.25 or 25%%", name, eq + 1);
    if (percent) share /= 100;
    if (share > 1)
        return fail(c, USAGE, "--quota %s: %s is more than all; write 0.25 or 25%%", name, eq + 1);
    TRY(group_code(c, q, name, &code));
    q->quota[code] = share * q->p.budget;
    if (!q->cost) q->quota[code] = floor(q->quota[code] + 1e-9);
    return DONE;
}

static int set_quota(cli *c, problem *q)
{
    const char *s = value_of(c, "quota", NULL);
    if (!s) return DONE;
    if (!q->p.group) return fail(c, USAGE, "--quota needs --group");
    double *has = group_costs(q), total = total_cost(q);
    q->quota = calloc((size_t)q->p.groups + 1, sizeof *q->quota);
    int rc = has && q->quota ? DONE : fail(c, FAILED, "out of memory");
    if (rc == DONE && !strcmp(s, "equal")) {
        equal_quota(q, has);
    } else if (rc == DONE && !strcmp(s, "proportional")) {
        for (int32_t g = 0; g < q->p.groups; g++) {
            q->quota[g] = q->p.budget * has[g] / total;
            if (!q->cost) q->quota[g] = ceil(q->quota[g] - 1e-9);
        }
    } else if (rc == DONE) {
        for (int32_t g = 0; g < q->p.groups; g++) q->quota[g] = q->p.budget;
        rc = each_part(c, s, named_quota, q);
    }
    free(has);
    return rc;
}

/* ---- what is never kept ---- */

static int list_overlaps(cli *c, const problem *q, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f) return fail(c, FAILED, "%s: cannot open for writing", path);
    fputs("row\teval_row\tshared\ttotal\tsample\n", f);
    for (int64_t i = 0; i < q->overlap.n; i++) {
        const cull_overlap *h = &q->overlap.hit[i];
        fprintf(f, "%lld\t%lld\t%lld\t%lld\t%s\n", (long long)h->row, (long long)h->eval_row,
                (long long)h->shared, (long long)h->total, h->sample ? h->sample : "");
    }
    bool bad = ferror(f) != 0;
    if (!fclose(f) && !bad) return DONE;
    unlink(path);
    return fail(c, FAILED, "%s: cannot write", path);
}

static int find_overlaps(cli *c, problem *q, const char **path, int n)
{
    double ngram, share;
    TRY(number_of(c, "avoid-ngram", 13, 2, 64, true, &ngram));
    TRY(number_of(c, "avoid-share", 0, 0, 1, false, &share));
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    cull_corpus *eval = NULL;
    o.paths = path;
    o.npaths = n;
    TRY(check(c, cull_corpus_open(c->cx, &o, &eval)));
    int rc = check(
        c, cull_corpus_overlap(c->cx, q->text, eval, (int)ngram, share, q->avoid, &q->overlap));
    cull_corpus_free(eval);
    return rc;
}

static int set_avoid(cli *c, problem *q)
{
    const char *path[MAX_FILES], *list = value_of(c, "avoid-list", NULL);
    int n = values_of(c, "avoid", path, MAX_FILES);
    if (!n && list) return fail(c, USAGE, "--avoid-list needs --avoid");
    if (!n) return DONE;
    if (list) TRY(check_writable(c, list));
    if (n > MAX_FILES) return fail(c, USAGE, "--avoid is given more than %d times", MAX_FILES);
    q->avoid = calloc((size_t)q->n + 1, 1);
    if (!q->avoid) return fail(c, FAILED, "out of memory");
    TRY(find_overlaps(c, q, path, n));
    q->avoided = q->overlap.n;
    if (q->avoided == q->n)
        return fail(c, FAILED, "every record overlaps with %s: nothing is left to keep", path[0]);
    talk(c, "avoid     %lld of %lld records overlap with %s%s", (long long)q->avoided,
         (long long)q->n, path[0], n > 1 ? ", ..." : "");
    return list ? list_overlaps(c, q, list) : DONE;
}

int limits_set(cli *c, problem *q)
{
    TRY(set_cost(c, q));
    TRY(set_budget(c, q));
    TRY(set_quota(c, q));
    return set_avoid(c, q);
}

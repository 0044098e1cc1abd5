/* limits.c - how much may be kept: budget, costs, quotas of groups, what is to be avoided and what is
 * held already. */
#include "cull/report.h"
#include "cull/text.h"
#include "io/io.h"
#include "job.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- budget ---- */

cull_status budget_parse(cull_job *j, bool all)
{
    budget_ask *out = &j->budget;
    char number[40];
    const char *s = value_of(j, "budget", all ? "100%" : NULL);
    if (!s)
        return cull__fail(j->cx, CULL_EOPTION,
                          "--budget is missing: a count (500), a share (2%%) or a sum of costs");
    size_t n = strlen(s);
    *out = (budget_ask){.text = s, .percent = n && s[n - 1] == '%'};
    snprintf(number, sizeof number, "%.*s", (int)(n - out->percent), s);
    if (n >= sizeof number || !cull_parse_number(number, &out->number) || !isfinite(out->number))
        return cull__fail(j->cx, CULL_EOPTION,
                          "--budget '%s' is neither a number nor a share; write 500 or 2%%", s);
    if (!(out->number > 0))
        return cull__fail(j->cx, CULL_EOPTION, "--budget %s: it must be above 0", s);
    if (out->percent && out->number > 100)
        return cull__fail(j->cx, CULL_EOPTION,
                          "--budget %s is more than all; it must be at most 100%%", s);
    return CULL_OK;
}

static double total_cost(const cull_job *j)
{
    double sum = 0;
    for (int64_t i = 0; i < j->n; i++) sum += j->cost ? j->cost[i] : 1;
    return sum;
}

static cull_status set_budget(cull_job *j)
{
    const budget_ask *b = &j->budget;
    char all[32];
    double total = total_cost(j);
    cull_format_number(total, all);
    if (!b->percent && !j->cost && b->number != floor(b->number))
        return cull__fail(j->cx, CULL_EOPTION, "--budget %s is no whole number of examples",
                          b->text);
    if (!b->percent && b->number > total)
        return cull__fail(j->cx, CULL_EOPTION, "--budget %s is more than the pool %s %s", b->text,
                          j->cost ? "costs," : "has,", all);
    j->p.budget = b->percent ? b->number / 100 * total : b->number;
    if (!j->cost) j->p.budget = floor(j->p.budget + 1e-9);
    if (!(j->p.budget > 0))
        return cull__fail(j->cx, CULL_EOPTION, "--budget %s of %s examples is none", b->text, all);
    return CULL_OK;
}

/* ---- costs ---- */

static cull_status check_cost(cull_job *j, const char *what)
{
    for (int64_t i = 0; i < j->n; i++)
        if (!(j->cost[i] > 0) || !isfinite(j->cost[i]))
            return cull__fail(j->cx, CULL_EINPUT,
                              "record %" PRId64 " has %s %g; costs must be above 0", i, what,
                              j->cost[i]);
    return CULL_OK;
}

static cull_status cost_of_array(cull_job *j, const cull_array *a)
{
    if (a->shape[0] != j->n)
        return cull__fail(j->cx, CULL_EINPUT, "cost has %" PRId64 " rows, the pool has %" PRId64,
                          a->shape[0], j->n);
    CULL_TRY(CULL_ALLOC(j->cx, j->cost, j->n));
    cull_array_f64(a, 0, j->n, j->cost);
    j->cost_unit = "cost";
    return check_cost(j, "cost");
}

static cull_status set_cost(cull_job *j)
{
    const char *what = value_of(j, "cost", NULL);
    const cull_array *a = array_of(j, "cost");
    if (a) return cost_of_array(j, a);
    if (!what) return CULL_OK;
    j->cost_unit = what;
    bool length = !strcmp(what, "words") || !strcmp(what, "bytes");
    if (!j->text)
        return cull__fail(j->cx, CULL_EOPTION, "--cost %s is for records; %s is an array", what,
                          value_of(j, "pool", "the pool"));
    if (length) {
        CULL_TRY(CULL_ALLOC(j->cx, j->cost, j->n));
        CULL_TRY(cull_corpus_lengths(j->cx, j->text, what, j->cost));
        for (int64_t i = 0; i < j->n; i++)
            if (j->cost[i] < 1) j->cost[i] = 1; /* an empty text is not free */
        return CULL_OK;
    }
    const double *v = cull_table_col(cull_corpus_table(j->text), what);
    if (!v)
        return cull__fail(j->cx, CULL_EINPUT, "--cost %s: the records were opened without it",
                          what);
    CULL_TRY(CULL_ALLOC(j->cx, j->cost, j->n));
    memcpy(j->cost, v, (size_t)j->n * sizeof *v);
    return check_cost(j, what);
}

/* ---- quotas ---- */

/* The costs of each group, (groups). */
static cull_status group_costs(cull_job *j, double **out)
{
    const codes *k = &j->codes[GROUP];
    CULL_TRY(CULL_ALLOC(j->cx, *out, k->count));
    for (int64_t i = 0; i < j->n; i++) (*out)[k->code[i]] += j->cost ? j->cost[i] : 1;
    return CULL_OK;
}

/* Equal shares, where a group with less than its share leaves the rest to the others. */
static void equal_quota(cull_job *j, const double *costs)
{
    double level = 0, left = j->p.budget;
    int32_t groups = j->codes[GROUP].count, open = groups;
    for (bool again = true; again && open;) {
        level = left / open;
        again = false;
        for (int32_t g = 0; g < groups; g++) {
            if (j->quota[g] > 0 || costs[g] > level) continue;
            j->quota[g] = costs[g];
            left -= costs[g];
            open--;
            again = true;
        }
    }
    for (int32_t g = 0; g < groups; g++)
        if (!(j->quota[g] > 0)) j->quota[g] = j->cost ? level : ceil(level - 1e-9);
}

/* One part of "NAME=SHARE,...", s[0..n). */
static cull_status named_quota(cull_job *j, const char *s, size_t n)
{
    char part[512], number[40];
    double share;
    int32_t code;
    if (n >= sizeof part)
        return cull__fail(j->cx, CULL_EOPTION, "--quota '%.40s...' is too long", s);
    memcpy(part, s, n);
    part[n] = 0;
    char *eq = strrchr(part, '=');
    if (!eq || eq == part)
        return cull__fail(j->cx, CULL_EOPTION,
                          "--quota '%s': write equal, proportional or NAME=SHARE,...", part);
    *eq++ = 0;
    size_t len = strlen(eq);
    bool percent = len && eq[len - 1] == '%';
    snprintf(number, sizeof number, "%.*s", (int)(len - percent), eq);
    if (len >= sizeof number || !cull_parse_number(number, &share) || !isfinite(share) || share < 0)
        return cull__fail(j->cx, CULL_EOPTION, "--quota %s: '%s' is no share; write 0.25 or 25%%",
                          part, eq);
    if (percent) share /= 100;
    if (share > 1)
        return cull__fail(j->cx, CULL_EOPTION,
                          "--quota %s: %s is more than all; write 0.25 or 25%%", part, eq);
    CULL_TRY(code_find(j, GROUP, part, "--quota: no record is of group", &code));
    if (!isnan(j->quota[code]))
        return cull__fail(j->cx, CULL_EOPTION, "--quota: group '%s' is given twice", part);
    j->quota[code] = share * j->p.budget;
    if (!j->cost) j->quota[code] = floor(j->quota[code] + 1e-9);
    return CULL_OK;
}

static cull_status named_quotas(cull_job *j, const char *s)
{
    int32_t groups = j->codes[GROUP].count;
    for (int32_t g = 0; g < groups; g++) j->quota[g] = NAN;
    for (bool more = true; more;) {
        size_t n = strcspn(s, ",");
        CULL_TRY(named_quota(j, s, n));
        more = s[n] == ',';
        s += n + more;
    }
    for (int32_t g = 0; g < groups; g++)
        if (isnan(j->quota[g])) j->quota[g] = j->p.budget;
    return CULL_OK;
}

static cull_status set_quota(cull_job *j)
{
    const char *s = value_of(j, "quota", NULL);
    double *costs, total = total_cost(j);
    if (!s) return CULL_OK;
    if (!j->codes[GROUP].code) return cull__fail(j->cx, CULL_EOPTION, "--quota needs --group");
    CULL_TRY(CULL_ALLOC(j->cx, j->quota, j->codes[GROUP].count));
    if (strcmp(s, "equal") && strcmp(s, "proportional")) return named_quotas(j, s);
    CULL_TRY(group_costs(j, &costs));
    if (!strcmp(s, "equal")) {
        equal_quota(j, costs);
    } else {
        for (int32_t g = 0; g < j->codes[GROUP].count; g++) {
            j->quota[g] = j->p.budget * costs[g] / total;
            if (!j->cost) j->quota[g] = ceil(j->quota[g] - 1e-9);
        }
    }
    cull__free(costs);
    return CULL_OK;
}

/* ---- what is never kept ---- */

static cull_status list_overlaps(cull_job *j, const char *path)
{
    cull__writer *w;
    cull_buf b = CULL_BUF(j->cx);
    CULL_TRY(cull__writer_open(j->cx, path, &w));
    cull__buf_printf(&b, "row\teval_row\tshared\ttotal\tsample\n");
    for (int64_t i = 0; i < j->overlap.n; i++) {
        const cull_overlap *h = &j->overlap.hit[i];
        cull__buf_printf(&b, "%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%s\n", h->row,
                         h->eval_row, h->shared, h->total, h->sample ? h->sample : "");
    }
    cull_status s = b.status;
    if (s == CULL_OK) s = cull__write(j->cx, w, b.at, b.n);
    cull__buf_free(&b);
    return cull__writer_end(j->cx, w, s);
}

static cull_status find_overlaps(cull_job *j, const char *const *path, int n)
{
    double ngram, share;
    cull_corpus *opened = NULL;
    const cull_corpus *eval = records_of(j, "avoid");
    CULL_TRY(number_of(j, "avoid-ngram", 13, 2, 64, true, &ngram));
    CULL_TRY(number_of(j, "avoid-share", 0, 0, 1, false, &share));
    if (n) {
        cull_corpus_opts o = CULL_CORPUS_OPTS;
        o.paths = path;
        o.npaths = n;
        CULL_TRY(cull_corpus_open(j->cx, &o, &opened));
        eval = opened;
    }
    cull_status s =
        cull_corpus_overlap(j->cx, j->text, eval, (int)ngram, share, j->avoid, &j->overlap);
    cull_corpus_free(opened);
    return s;
}

/* The caller's own mark of each row, of the input `name`. */
static cull_status marked_rows(cull_job *j, const char *name, const cull_array *a, uint8_t *mark)
{
    if (a->shape[0] != j->n)
        return cull__fail(j->cx, CULL_EINPUT, "%s has %" PRId64 " rows, the pool has %" PRId64,
                          name, a->shape[0], j->n);
    for (int64_t i = 0; i < j->n; i++) {
        double v;
        cull_array_f64(a, i, 1, &v);
        mark[i] = v != 0;
    }
    return CULL_OK;
}

static cull_status set_avoid(cull_job *j)
{
    const char *path[MAX_FILES], *list = value_of(j, "avoid-list", NULL);
    const cull_array *a = array_of(j, "avoid");
    int n = values_of(j, "avoid", path, MAX_FILES);
    if (!has(j, "avoid"))
        return list ? cull__fail(j->cx, CULL_EOPTION, "--avoid-list needs --avoid") : CULL_OK;
    if (n > MAX_FILES)
        return cull__fail(j->cx, CULL_EOPTION, "--avoid is given more than %d times", MAX_FILES);
    CULL_TRY(CULL_ALLOC(j->cx, j->avoid, j->n));
    if (a) return marked_rows(j, "avoid", a, j->avoid);
    if (!j->p.text) return cull__fail(j->cx, CULL_EOPTION, "--avoid needs the pool's text");
    CULL_TRY(find_overlaps(j, path, n));
    const char *name = n ? path[0] : "the texts to avoid";
    if (j->overlap.n == j->n)
        return cull__fail(j->cx, CULL_EINPUT,
                          "every record overlaps with %s: nothing is left to keep", name);
    cull__log(j->cx, CULL_LOG_INFO,
              "avoid     %" PRId64 " of %" PRId64 " records overlap with %s%s", j->overlap.n, j->n,
              name, n > 1 ? ", ..." : "");
    return list ? list_overlaps(j, list) : CULL_OK;
}

/* ---- what is held already ---- */

static cull_status held_rows(cull_job *j, const char *path)
{
    cull_pick_file f;
    CULL_TRY(cull_pick_read(j->cx, path, &f));
    const cull_pick *k = f.run.pick;
    cull_status s = CULL_OK;
    for (int64_t i = 0; s == CULL_OK && i < k->n; i++) {
        if (k->idx[i] < j->n)
            j->have[k->idx[i]] = 1;
        else
            s = cull__fail(j->cx, CULL_EINPUT,
                           "%s holds row %" PRId64 "; the pool has rows 0 to %" PRId64, path,
                           k->idx[i], j->n - 1);
    }
    cull_pick_file_free(&f);
    return s;
}

static cull_status set_have(cull_job *j)
{
    const char *path[MAX_FILES];
    const cull_array *a = array_of(j, "have");
    int n = values_of(j, "have", path, MAX_FILES);
    if (!has(j, "have")) return CULL_OK;
    if (n > MAX_FILES)
        return cull__fail(j->cx, CULL_EOPTION, "--have is given more than %d times", MAX_FILES);
    CULL_TRY(CULL_ALLOC(j->cx, j->have, j->n));
    if (a) return marked_rows(j, "have", a, j->have);
    for (int i = 0; i < n; i++) CULL_TRY(held_rows(j, path[i]));
    return CULL_OK;
}

cull_status limits_set(cull_job *j)
{
    CULL_TRY(set_cost(j));
    CULL_TRY(set_budget(j));
    CULL_TRY(set_quota(j));
    CULL_TRY(set_have(j));
    return set_avoid(j);
}

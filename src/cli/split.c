/* split.c - a fair problem made of one labelled pool: some rows with the label become the target, and
 * all that shares a group with one of them (or is its near copy) may not be kept. */
#include "problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPY_NGRAM = 8, COPY_CAP = 100 };

/* splitmix64 (Steele, Lea and Flood 2014): a stream for each seed. */
static uint64_t next(uint64_t *s)
{
    uint64_t z = *s += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static int64_t below(uint64_t *s, int64_t n)
{
    uint64_t m = (uint64_t)n, limit = UINT64_MAX - UINT64_MAX % m, v;
    while ((v = next(s)) >= limit) continue;
    return (int64_t)(v % m);
}

static void shuffle(uint64_t *s, int64_t *v, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = below(s, i + 1), t = v[i];
        v[i] = v[j], v[j] = t;
    }
}

int split_check(cli *c)
{
    double n;
    if (has(c, "split-by") && !has(c, "targets"))
        return fail(c, USAGE, "--split-by needs --targets");
    if (!has(c, "targets")) return DONE;
    TRY(number_of(c, "targets", 0, 1, 1e9, true, &n));
    if (!has(c, "label-is")) return fail(c, USAGE, "--targets needs --label and --label-is");
    if (has(c, "target") || has(c, "target-embeddings"))
        return fail(c, USAGE, "--targets makes the target: --target is too much");
    if (has(c, "split-by") && has(c, "group") &&
        strcmp(value_of(c, "split-by", ""), value_of(c, "group", "")) &&
        strcmp(value_of(c, "split-by", ""), "copies"))
        return fail(c, USAGE, "--split-by and --group name two fields; name one for both");
    return DONE;
}

int split_groups(cli *c, problem *q, split *s)
{
    const char *by = value_of(c, "split-by", NULL);
    double n;
    TRY(number_of(c, "targets", 0, 1, 1e9, true, &n));
    s->targets = (int64_t)n;
    s->group = malloc(((size_t)q->n + 1) * sizeof *s->group);
    s->order = malloc(((size_t)q->n + 1) * sizeof *s->order);
    s->row = malloc(((size_t)s->targets + 1) * sizeof *s->row);
    s->avoid = calloc((size_t)q->n + 1, 1);
    s->gone = calloc((size_t)q->n + 1, 1);
    if (!s->group || !s->order || !s->row || !s->avoid || !s->gone)
        return fail(c, FAILED, "out of memory");
    s->groups = (int32_t)q->n;
    for (int64_t i = 0; i < q->n; i++) s->group[i] = (int32_t)i;
    if (by && !strcmp(by, "copies"))
        return check(
            c, cull_corpus_copies(c->cx, q->text, COPY_NGRAM, COPY_CAP, s->group, &s->groups));
    if (q->p.group) { /* --split-by or --group */
        s->groups = q->p.groups;
        memcpy(s->group, q->p.group, (size_t)q->n * sizeof *s->group);
    }
    return DONE;
}

/* Rows with the label, in an order that takes group after group, groups in random order: the first
 * `targets` of them are the target. A random number for each group, a sort by it. */
static int draw(cli *c, const problem *q, split *s, uint64_t seed)
{
    uint64_t rng = seed * 0xD1342543DE82EF95u + 1;
    int64_t have = 0;
    memset(s->gone, 0, (size_t)q->n);
    for (int64_t g = 0; g < s->groups; g++) s->order[g] = g;
    shuffle(&rng, s->order, s->groups);
    int32_t *rank = malloc(((size_t)s->groups + 1) * sizeof *rank);
    int64_t *first = calloc((size_t)s->groups + 2, sizeof *first);
    int64_t *member = malloc(((size_t)q->n + 1) * sizeof *member);
    if (!rank || !first || !member) {
        free(rank), free(first), free(member);
        return fail(c, FAILED, "out of memory");
    }
    for (int32_t g = 0; g < s->groups; g++) rank[s->order[g]] = g;
    for (int64_t i = 0; i < q->n; i++) first[rank[s->group[i]] + 1] += q->label[i] == q->wanted;
    for (int32_t g = 0; g < s->groups; g++) first[g + 1] += first[g];
    for (int64_t i = 0; i < q->n; i++)
        if (q->label[i] == q->wanted) member[first[rank[s->group[i]]]++] = i; /* ends move up */
    for (int32_t g = 0; g < s->groups && have < s->targets; g++) {
        int64_t lo = g ? first[g - 1] : 0, n = first[g] - lo;
        if (!n) continue;
        shuffle(&rng, member + lo, n);
        for (int64_t i = 0; i < n && have < s->targets; i++) s->row[have++] = member[lo + i];
        s->gone[s->order[g]] = 1;
    }
    free(rank), free(first), free(member);
    if (have == s->targets) return DONE;
    return fail(c, FAILED, "only %lld records have the label; --targets %lld is too many",
                (long long)have, (long long)s->targets);
}

static void drop_target(problem *q, split *s)
{
    cull_corpus_free(s->text);
    cull_pool_free(s->pool);
    free(s->rows);
    if (s->file[0]) unlink(s->file), rmdir(s->dir);
    s->text = NULL, s->pool = NULL, s->rows = NULL, s->file[0] = 0;
    q->p.target = NULL, q->p.target_text = NULL;
}

/* The target as records of its own: a file that lives as long as the problem. */
static int target_text(cli *c, problem *q, split *s)
{
    const char *dir = value_of(c, "tmpdir", getenv("TMPDIR")), *path = s->file;
    char e[16];
    snprintf(s->dir, sizeof s->dir, "%s/cull-XXXXXX", dir && *dir ? dir : "/tmp");
    if (!mkdtemp(s->dir)) return fail(c, FAILED, "%s: cannot make a folder", s->dir);
    file_ending(c->input[0], e);
    snprintf(s->file, sizeof s->file, "%s/target.%s", s->dir, *e ? e : "jsonl");
    TRY(check(c, cull_corpus_write(c->cx, q->text, s->row, s->targets, s->file)));
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = &path;
    o.npaths = 1;
    o.text = value_of(c, "text", NULL);
    TRY(check(c, cull_corpus_open(c->cx, &o, &s->text)));
    q->p.target_text = s->text;
    return DONE;
}

int split_make(cli *c, problem *q, split *s, uint64_t seed)
{
    drop_target(q, s);
    TRY(draw(c, q, s, seed));
    int64_t left = 0;
    double cost = 0;
    for (int64_t i = 0; i < q->n; i++) {
        s->avoid[i] = s->gone[s->group[i]] || (q->avoid && q->avoid[i]);
        if (s->avoid[i]) continue;
        left++;
        cost += q->cost ? q->cost[i] : 1;
    }
    q->p.avoid = s->avoid;
    if (q->budget.percent) {
        q->p.budget = q->budget.number / 100 * cost;
        if (!q->cost) q->p.budget = floor(q->p.budget + 1e-9);
    }
    if (!left || q->p.budget > cost)
        return fail(c, FAILED, "--targets %lld takes too much: %lld of %lld records are left",
                    (long long)s->targets, (long long)left, (long long)q->n);
    if (q->pool) {
        s->rows = gather(q->pool, s->row, s->targets);
        if (!s->rows) return fail(c, FAILED, "out of memory");
        TRY(check(c, cull_pool_from(c->cx, s->rows, CULL_F32, s->targets, cull_pool_d(q->pool),
                                    &s->pool)));
        q->p.target = s->pool;
    }
    return q->text ? target_text(c, q, s) : DONE;
}

void split_free(problem *q, split *s)
{
    drop_target(q, s);
    free(s->group), free(s->order), free(s->row), free(s->avoid), free(s->gone);
    *s = (split){0};
}

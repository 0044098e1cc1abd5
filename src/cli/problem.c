/* problem.c - from files and options to a cull_data_problem. */
#include "problem.h"
#include "cull/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- arrays ---- */

float *gather(const cull_pool *p, const int64_t *row, int64_t m)
{
    int64_t d = cull_pool_d(p);
    float *out = malloc(((size_t)m * (size_t)d + 1) * sizeof *out);
    for (int64_t i = 0; out && i < m; i++) {
        const float *r = cull_pool_rows(p, row[i], row[i] + 1, out + i * d);
        if (r != out + i * d) memcpy(out + i * d, r, (size_t)d * sizeof *out);
    }
    return out;
}

/* One file is mapped; several are read into one block of f32. */
static int join_pools(cli *c, cull_pool **part, const char **path, int n, void **joined,
                      cull_pool **out)
{
    int64_t rows = 0, d = cull_pool_d(part[0]), at = 0;
    for (int i = 0; i < n; i++) {
        rows += cull_pool_n(part[i]);
        if (cull_pool_d(part[i]) != d)
            return fail(c, FAILED,
                        "%s has rows of %lld numbers, %s of %lld; they must be one "
                        "embedding",
                        path[0], (long long)d, path[i], (long long)cull_pool_d(part[i]));
    }
    float *all = malloc(((size_t)rows * (size_t)d + 1) * sizeof *all);
    if (!all) return fail(c, FAILED, "out of memory");
    *joined = all;
    for (int i = 0; i < n; i++) {
        int64_t m = cull_pool_n(part[i]);
        const float *r = cull_pool_rows(part[i], 0, m, all + at * d);
        if (r != all + at * d) memcpy(all + at * d, r, (size_t)(m * d) * sizeof *all);
        at += m;
    }
    return check(c, cull_pool_from(c->cx, all, CULL_F32, rows, d, out));
}

int pool_of_files(cli *c, const char **path, int n, void **joined, cull_pool **out)
{
    if (n == 1) return check(c, cull_pool_open(c->cx, path[0], out));
    cull_pool **part = calloc((size_t)n, sizeof(cull_pool *));
    int rc = part ? DONE : fail(c, FAILED, "out of memory");
    for (int i = 0; rc == DONE && i < n; i++)
        rc = check(c, cull_pool_open(c->cx, path[i], &part[i]));
    if (rc == DONE) rc = join_pools(c, part, path, n, joined, out);
    for (int i = 0; part && i < n; i++) cull_pool_free(part[i]);
    free(part);
    return rc;
}

/* ---- options of the text features ---- */

static int range_of(cli *c, const char *name, int *lo, int *hi)
{
    const char *s = value_of(c, name, NULL);
    char *end;
    if (!s) return DONE;
    long a = strtol(s, &end, 10), b = a;
    bool ok = end != s && a >= 0 && a <= 64;
    if (ok && *end == '-') {
        const char *second = end + 1;
        b = strtol(second, &end, 10);
        ok = end != second && b >= a && b <= 64;
    }
    if (!ok || *end) return fail(c, USAGE, "--%s '%s' is no range; write 1-2, 3 or 0", name, s);
    *lo = (int)a, *hi = (int)b;
    return DONE;
}

int embed_settings(cli *c, const char *prefix, cull_embed_opts *o)
{
    char words[24], chars[24], bits[24], dim[24], sample[24], power[24];
    double b, d, s;
    *o = (cull_embed_opts)CULL_EMBED_OPTS;
    snprintf(words, sizeof words, "%swords", prefix);
    snprintf(chars, sizeof chars, "%schars", prefix);
    snprintf(bits, sizeof bits, "%sbits", prefix);
    snprintf(dim, sizeof dim, "%sdim", prefix);
    snprintf(sample, sizeof sample, "%ssample", prefix);
    snprintf(power, sizeof power, "%spower", prefix);
    TRY(range_of(c, words, &o->word_lo, &o->word_hi));
    TRY(range_of(c, chars, &o->char_lo, &o->char_hi));
    TRY(number_of(c, bits, o->bits, 4, 22, true, &b));
    TRY(number_of(c, dim, o->dim, 1, 1024, true, &d));
    TRY(number_of(c, sample, (double)o->sample, 1, 1e9, true, &s));
    TRY(number_of(c, power, o->power, 0, 1, false, &o->power));
    if (o->word_hi > 8) return fail(c, USAGE, "--%s goes to 8", words);
    if (o->char_hi > 16) return fail(c, USAGE, "--%s goes to 16", chars);
    if (!o->word_hi && !o->char_hi)
        return fail(c, USAGE, "--%s and --%s are both 0: there is nothing to count", words, chars);
    o->bits = (int)b, o->dim = (int)d, o->sample = (int64_t)s;
    return DONE;
}

/* ---- the pool ---- */

static int same_kind(cli *c, const char *const *path, int n, bool *array)
{
    for (int i = 0; i < n; i++) {
        bool a = file_kind_of(path[i]) == FILE_ARRAY;
        if (i && a != *array)
            return fail(c, USAGE, "%s holds %s, %s does not; a pool is one or the other", path[0],
                        *array ? "an array" : "records", path[i]);
        *array = a;
    }
    return DONE;
}

static int open_records(cli *c, bool text_needed, problem *q)
{
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    const char *cost = value_of(c, "cost", NULL);
    o.paths = c->input;
    o.npaths = c->inputs;
    o.text = value_of(c, "text", NULL);
    o.id = value_of(c, "id", NULL);
    const char *split_by = value_of(c, "split-by", NULL);
    if (split_by && !strcmp(split_by, "copies")) split_by = NULL;
    o.group = value_of(c, "group", split_by);
    o.label = value_of(c, "label", NULL);
    if (cost && (!strcmp(cost, "words") || !strcmp(cost, "bytes"))) cost = NULL;
    const char *column[MAX_COLUMNS];
    o.columns = column;
    for (int i = 0; i < q->columns && !has(c, "scores"); i++) column[o.ncolumns++] = q->column[i];
    if (cost) column[o.ncolumns++] = cost; /* not one of the methods' columns */
    o.text_optional = !text_needed;
    TRY(check(c, cull_corpus_open(c->cx, &o, &q->text)));
    q->n = cull_corpus_n(q->text);
    q->p.text = cull_corpus_has_text(q->text) ? q->text : NULL;
    q->p.group = cull_corpus_group(q->text, &q->p.groups);
    q->label = cull_corpus_label(q->text, &q->labels);
    return DONE;
}

static int open_array(cli *c, problem *q)
{
    static const char *const of_records[] = {"text", "id", "label", "group", "avoid"};
    for (int i = 0; i < COUNT(of_records); i++)
        if (has(c, of_records[i]))
            return fail(c, USAGE, "--%s is for records; %s is an array", of_records[i],
                        c->input[0]);
    if (has(c, "embeddings"))
        return fail(c, USAGE, "%s is an array of embeddings already; --embeddings is too much",
                    c->input[0]);
    TRY(pool_of_files(c, c->input, c->inputs, &q->joined[0], &q->pool));
    q->n = cull_pool_n(q->pool);
    q->array = true;
    return DONE;
}

static int find_wanted(cli *c, problem *q)
{
    const char *want = value_of(c, "label-is", NULL);
    q->wanted = -1;
    if (!want) return DONE;
    if (!q->label) return fail(c, USAGE, "--label-is needs --label");
    for (int32_t i = 0; i < q->labels; i++)
        if (!strcmp(cull_corpus_label_name(q->text, i), want)) q->wanted = i;
    if (q->wanted >= 0) return DONE;
    const char *near[256];
    int n = 0;
    for (int32_t i = 0; i < q->labels && n < 256; i++)
        near[n++] = cull_corpus_label_name(q->text, i);
    const char *best = cull_nearest(want, near, n);
    return fail(c, FAILED, "no record has the label '%s'; %s '%s'", want,
                best ? "did you mean" : "the first is", best ? best : near[0]);
}

/* ---- the target ---- */

static int open_target(cli *c, problem *q, bool *array)
{
    const char *path[MAX_FILES];
    int n = values_of(c, "target", path, MAX_FILES);
    *array = false;
    if (!n) return DONE;
    if (n > MAX_FILES) return fail(c, USAGE, "--target is given more than %d times", MAX_FILES);
    TRY(same_kind(c, path, n, array));
    if (*array) return pool_of_files(c, path, n, &q->joined[1], &q->target);
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = path;
    o.npaths = n;
    o.text = value_of(c, "target-text", value_of(c, "text", NULL));
    TRY(check(c, cull_corpus_open(c->cx, &o, &q->target_text)));
    q->p.target_text = q->target_text;
    return DONE;
}

/* Each --target file is a task. */
static int target_tasks(cli *c, problem *q)
{
    const char *path[MAX_FILES];
    const cull_input_file *file;
    int files = values_of(c, "target", path, MAX_FILES);
    if (files < 2) return DONE;
    int64_t rows = q->target_text ? cull_corpus_n(q->target_text) : cull_pool_n(q->target), at = 0;
    q->target_task = calloc((size_t)rows + 1, sizeof *q->target_task);
    if (!q->target_task) return fail(c, FAILED, "out of memory");
    if (q->target_text) files = cull_corpus_files(q->target_text, &file);
    for (int i = 0; i < files; i++) {
        int64_t m = 0;
        if (q->target_text) {
            m = file[i].rows;
        } else {
            cull_pool *one;
            TRY(check(c, cull_pool_open(c->cx, path[i], &one)));
            m = cull_pool_n(one);
            cull_pool_free(one);
        }
        for (int64_t j = 0; j < m && at < rows; j++) q->target_task[at++] = i;
    }
    q->p.target_task = q->target_task;
    q->p.target_tasks = files;
    return DONE;
}

/* ---- embeddings ---- */

static int open_embeddings(cli *c, problem *q, bool array_target)
{
    const char *pool = value_of(c, "embeddings", NULL);
    const char *target = value_of(c, "target-embeddings", NULL);
    if (target && array_target)
        return fail(c, USAGE, "--target is an array already; --target-embeddings is too much");
    if (pool) TRY(check(c, cull_pool_open(c->cx, pool, &q->pool)));
    if (target) TRY(check(c, cull_pool_open(c->cx, target, &q->target)));
    if (q->pool && cull_pool_n(q->pool) != q->n)
        return fail(c, FAILED, "%s has %lld rows, the pool has %lld", pool,
                    (long long)cull_pool_n(q->pool), (long long)q->n);
    if (target && q->target_text && cull_pool_n(q->target) != cull_corpus_n(q->target_text))
        return fail(c, FAILED, "%s has %lld rows, the target has %lld", target,
                    (long long)cull_pool_n(q->target), (long long)cull_corpus_n(q->target_text));
    if (q->target && !q->pool)
        return fail(c, USAGE, "the target is embedded, the pool is not: give --embeddings too");
    if (q->pool && q->target && cull_pool_d(q->pool) != cull_pool_d(q->target))
        return fail(c, FAILED,
                    "the pool's embeddings have %lld numbers a row, the target's %lld; "
                    "they must be one embedding",
                    (long long)cull_pool_d(q->pool), (long long)cull_pool_d(q->target));
    return DONE;
}

/* What was not given is made from the text, on the pool's words. */
static int embed_texts(cli *c, problem *q)
{
    cull_embed_opts o;
    cull_embed *e = NULL;
    double began = seconds_now();
    TRY(embed_settings(c, "embed-", &o));
    int rc = check(c, cull_embed_fit(c->cx, q->text, &o, &e));
    if (rc == DONE) rc = check(c, cull_embed_apply(c->cx, e, q->text, &q->pool));
    if (rc == DONE && q->target_text)
        rc = check(c, cull_embed_apply(c->cx, e, q->target_text, &q->target));
    cull_embed_free(e);
    q->embed_seconds = seconds_now() - began;
    return rc;
}

/* ---- all of it ---- */

static bool any_needs(const cull_method *const *m, int n, unsigned flag)
{
    for (int i = 0; i < n; i++)
        if (m[i]->flags & flag) return true;
    return false;
}

static void point(problem *q)
{
    q->p.n = q->n;
    q->p.pool = q->pool;
    q->p.target = q->target;
    q->p.score = (cull_table){q->n, q->columns, q->column, q->values};
    q->p.cost = q->cost;
    q->p.quota = q->quota;
    q->p.avoid = q->avoid;
}

int problem_open(cli *c, const cull_method *const *method, int methods, bool judged, bool dry,
                 problem *q)
{
    bool array = false, array_target, embed = any_needs(method, methods, CULL_NEEDS_POOL);
    bool text = methods == 1 && (any_needs(method, methods, CULL_NEEDS_TEXT) ||
                                 (embed && !has(c, "embeddings")) || has(c, "avoid"));
    TRY(budget_parse(c, &q->budget));
    TRY(same_kind(c, c->input, c->inputs, &array));
    TRY(scores_ask(c, method, methods, q));
    TRY(array ? open_array(c, q) : open_records(c, text, q));
    TRY(scores_find(c, method, methods, q));
    if (!q->n) return fail(c, FAILED, "%s: the pool has no records", c->input[0]);
    TRY(find_wanted(c, q));
    TRY(open_target(c, q, &array_target));
    TRY(target_tasks(c, q));
    TRY(open_embeddings(c, q, array_target));
    TRY(limits_set(c, q));
    bool wanted = embed || (judged && (q->target_text || has(c, "targets")));
    q->embeds = wanted && !q->pool && q->p.text;
    if (q->embeds && !dry) TRY(embed_texts(c, q));
    if (q->target_text && q->pool && !q->target && embed && !dry)
        return fail(c, USAGE,
                    "the pool is embedded, the target is not: give --target-embeddings "
                    "too");
    point(q);
    return DONE;
}

void problem_close(problem *q)
{
    cull_pool_free(q->pool);
    cull_pool_free(q->target);
    cull_corpus_free(q->text);
    cull_corpus_free(q->target_text);
    cull_table_close(q->scores);
    cull_overlaps_free(&q->overlap);
    for (int i = 0; i < MAX_COLUMNS; i++) free(q->named[i]);
    free(q->joined[0]), free(q->joined[1]);
    free(q->target_task), free(q->cost), free(q->quota), free(q->avoid), free(q->input);
    *q = (problem){0};
}

const char *problem_lacks(const problem *q, const cull_method *m)
{
    bool target = m->flags & CULL_NEEDS_TARGET;
    if ((m->flags & CULL_NEEDS_TEXT) && !q->p.text) return "needs the pool's text";
    if ((m->flags & CULL_NEEDS_POOL) && !q->p.pool) return "needs embeddings";
    if ((m->flags & CULL_NEEDS_POOL) && target && !q->p.target) return "needs target examples";
    if ((m->flags & CULL_NEEDS_TEXT) && target && !q->p.target_text)
        return "needs target examples as text";
    for (const char *s = m->columns; *s;) {
        char name[64];
        size_t n = strcspn(s, ",");
        snprintf(name, sizeof name, "%.*s", (int)n, s);
        if (!cull_table_col(&q->p.score, name)) return m->columns;
        s += n + (s[n] == ',');
    }
    return NULL;
}

/* ---- the inputs, for the report ---- */

static int add_files(cli *c, problem *q, const char *role, const cull_corpus *corpus)
{
    const cull_input_file *file;
    int n = corpus ? cull_corpus_files(corpus, &file) : 0;
    for (int i = 0; i < n && q->inputs < MAX_FILES; i++)
        q->input[q->inputs++] = (cull_run_input){role, file[i]};
    (void)c;
    return DONE;
}

static int add_array(cli *c, problem *q, const char *role, const char *path, int64_t rows)
{
    if (!path || q->inputs == MAX_FILES) return DONE;
    cull_run_input *in = &q->input[q->inputs++];
    in->role = role;
    TRY(check(c, cull_file_hash(c->cx, path, &in->file)));
    in->file.rows = rows;
    return DONE;
}

int problem_hashes(cli *c, problem *q)
{
    const char *path[MAX_FILES];
    int n = values_of(c, "target", path, MAX_FILES);
    q->input = calloc(MAX_FILES, sizeof *q->input);
    if (!q->input) return fail(c, FAILED, "out of memory");
    TRY(add_files(c, q, "pool", q->text));
    for (int i = 0; q->array && i < c->inputs; i++) {
        int64_t rows = c->inputs == 1 ? q->n : 0;
        TRY(add_array(c, q, "pool", c->input[i], rows));
    }
    TRY(add_files(c, q, "target", q->target_text));
    for (int i = 0; q->target && !q->target_text && i < n; i++)
        TRY(add_array(c, q, "target", path[i], n == 1 ? cull_pool_n(q->target) : 0));
    TRY(add_array(c, q, "embeddings", value_of(c, "embeddings", NULL), q->n));
    if (q->target)
        TRY(add_array(c, q, "target-embeddings", value_of(c, "target-embeddings", NULL),
                      cull_pool_n(q->target)));
    return add_array(c, q, "scores", value_of(c, "scores", NULL), q->n);
}

/* open.c - from named inputs to a cull_data_problem. */
#include "job.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

cull_status gather(cull_ctx *cx, const cull_pool *p, const int64_t *row, int64_t m, float **out)
{
    int64_t d = cull_pool_d(p);
    CULL_TRY(CULL_ALLOC(cx, *out, m * d));
    for (int64_t i = 0; i < m; i++) {
        const float *r = cull_pool_rows(p, row[i], row[i] + 1, *out + i * d);
        if (r != *out + i * d) memcpy(*out + i * d, r, (size_t)d * sizeof **out);
    }
    return CULL_OK;
}

/* What errors call the pool. */
static const char *pool_name(const cull_job *j) { return value_of(j, "pool", "the pool"); }

/* ---- the pool ---- */

static cull_status same_kind(cull_job *j, const char *const *path, int n, bool *array)
{
    for (int i = 0; i < n; i++) {
        bool a = cull_file_kind_of(path[i]) == CULL_FILE_ARRAY;
        if (i && a != *array)
            return cull__fail(j->cx, CULL_EOPTION,
                              "%s holds %s, %s does not; a pool is one or the other", path[0],
                              *array ? "an array" : "records", path[i]);
        *array = a;
    }
    return CULL_OK;
}

/* An array of the caller's as a pool; of one dimension it is (n, 1). */
static cull_status wrap(cull_job *j, const char *name, const cull_array *a, cull_pool **out)
{
    int64_t d = 1;
    for (int i = 1; i < a->ndim; i++)
        if (__builtin_mul_overflow(d, a->shape[i], &d))
            return cull__fail(j->cx, CULL_EINPUT, "%s: the shape is too large", name);
    if (d < 1)
        return cull__fail(j->cx, CULL_EINPUT, "%s has rows of no number; it takes at least one",
                          name);
    CULL_TRY(cull_pool_from(j->cx, a->at, a->dtype, a->shape[0], d, out));
    cull_pool_rename(*out, name);
    return CULL_OK;
}

/* Names of files given for `name`, at most MAX_FILES, in *path; *n = 0 when it is in memory. */
static cull_status files_of(cull_job *j, const char *name, const char **path, int *n)
{
    *n = values_of(j, name, path, MAX_FILES);
    if (*n > MAX_FILES)
        return cull__fail(j->cx, CULL_EOPTION, "--%s is given more than %d times", name, MAX_FILES);
    return CULL_OK;
}

static cull_status open_records(cull_job *j, const char *const *path, int n, bool text_needed)
{
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    const char *cost = value_of(j, "cost", NULL), *column[MAX_COLUMNS];
    const char *split_by = value_of(j, "split-by", NULL);
    if (split_by && !strcmp(split_by, "copies")) split_by = NULL;
    if (cost && (!strcmp(cost, "words") || !strcmp(cost, "bytes"))) cost = NULL;
    o.paths = path;
    o.npaths = n;
    o.text = value_of(j, "text", NULL);
    o.id = value_of(j, "id", NULL);
    o.group = value_of(j, "group", split_by);
    o.label = value_of(j, "label", NULL);
    o.columns = column;
    for (int i = 0; i < j->columns && !has(j, "scores"); i++)
        if (!j->values[i]) column[o.ncolumns++] = j->column[i];
    if (cost) column[o.ncolumns++] = cost; /* not one of the methods' columns */
    o.text_optional = !text_needed;
    CULL_TRY(cull_corpus_open(j->cx, &o, &j->opened_text));
    j->text = j->opened_text;
    return CULL_OK;
}

static cull_status refuse_records(cull_job *j, const char *name)
{
    static const char *const of_records[] = {"text", "id", "group", "avoid"};
    for (int i = 0; i < COUNT(of_records); i++)
        if (value_of(j, of_records[i], NULL))
            return cull__fail(j->cx, CULL_EOPTION, "--%s is for records; %s is an array",
                              of_records[i], name);
    if (!has(j, "embeddings")) return CULL_OK;
    return cull__fail(j->cx, CULL_EOPTION,
                      "%s is an array of embeddings already; --embeddings is too much", name);
}

static cull_status open_pool(cull_job *j, bool text_needed)
{
    const char *path[MAX_FILES];
    const cull_array *a = array_of(j, "pool");
    int n;
    CULL_TRY(files_of(j, "pool", path, &n));
    CULL_TRY(same_kind(j, path, n, &j->array));
    j->text = records_of(j, "pool");
    j->array |= a != NULL;
    if (!n && !a && !j->text) return cull__fail(j->cx, CULL_EOPTION, "there is no pool");
    if (j->array) {
        CULL_TRY(refuse_records(j, pool_name(j)));
        CULL_TRY(a ? wrap(j, "pool", a, &j->pool) : cull_pool_open_all(j->cx, path, n, &j->pool));
        j->n = cull_pool_n(j->pool);
    } else {
        if (!j->text) CULL_TRY(open_records(j, path, n, text_needed));
        j->n = cull_corpus_n(j->text);
        j->p.text = cull_corpus_has_text(j->text) ? j->text : NULL;
    }
    if (j->n) return CULL_OK;
    return cull__fail(j->cx, CULL_EINPUT, "%s: the pool has no records", pool_name(j));
}

/* ---- groups and labels ---- */

static cull_status take_codes(cull_job *j, int which)
{
    codes *k = &j->codes[which];
    const char *path = which == LABEL ? value_of(j, "label", NULL) : NULL;
    if (!k->code && path && !j->text) CULL_TRY(labels_read(j, which, path));
    if (k->code && k->n != j->n)
        return cull__fail(j->cx, CULL_EINPUT, "%s has %" PRId64 " rows, the pool has %" PRId64,
                          path             ? path
                          : which == GROUP ? "group"
                                           : "label",
                          k->n, j->n);
    if (k->code || !j->text) return CULL_OK;
    k->code = which == GROUP ? cull_corpus_group(j->text, &k->count)
                             : cull_corpus_label(j->text, &k->count);
    k->n = j->n;
    return CULL_OK;
}

const char *code_name(const cull_job *j, int which, int32_t code)
{
    const codes *k = &j->codes[which];
    if (k->names) return k->names[code];
    if (which == GROUP) return cull_corpus_group_name(j->text, code);
    return cull_corpus_label_name(which == VALID ? j->valid_text : j->text, code);
}

cull_status code_find(cull_job *j, int which, const char *name, const char *sentence, int32_t *out)
{
    const char *near[256];
    int n = 0;
    for (int32_t i = 0; i < j->codes[which].count; i++) {
        *out = i;
        if (!strcmp(code_name(j, which, i), name)) return CULL_OK;
        if (n < COUNT(near)) near[n++] = code_name(j, which, i);
    }
    const char *best = cull__nearest(name, near, n);
    return cull__fail(j->cx, CULL_EINPUT, "%s '%s'; %s '%s'", sentence, name,
                      best ? "did you mean" : "the first is", best ? best : near[0]);
}

static cull_status find_wanted(cull_job *j)
{
    const char *want = value_of(j, "label-is", NULL);
    if (!want) return CULL_OK;
    if (!j->codes[LABEL].code) return cull__fail(j->cx, CULL_EOPTION, "--label-is needs --label");
    return code_find(j, LABEL, want, "no record has the label", &j->wanted);
}

/* ---- the target ---- */

/* A field of the target's records or codes of the caller's say the task of each; else each file is one. */
static cull_status target_tasks(cull_job *j, const char *const *path, int files)
{
    const cull_input_file *file;
    codes *k = &j->codes[TASK];
    int64_t have = j->target_text ? cull_corpus_n(j->target_text)
                   : j->target    ? cull_pool_n(j->target)
                                  : 0;
    if (has(j, "target-task") && !j->opened_target)
        return cull__fail(j->cx, CULL_EOPTION, "--target-task is a field of a target's records");
    if (k->code && k->n != have)
        return cull__fail(j->cx, CULL_EINPUT,
                          "target_task has %" PRId64 " rows, the target has %" PRId64, k->n, have);
    if (!k->code && j->target_text) k->code = cull_corpus_group(j->target_text, &k->count);
    j->p.target_task = k->code;
    j->p.target_tasks = k->count;
    if (k->code || files < 2) return CULL_OK;
    int64_t at = 0, rows = j->target_text ? cull_corpus_n(j->target_text) : cull_pool_n(j->target);
    CULL_TRY(CULL_ALLOC(j->cx, j->target_task, rows));
    if (j->target_text) files = cull_corpus_files(j->target_text, &file);
    for (int i = 0; i < files; i++) {
        int64_t m = 0;
        if (j->target_text) {
            m = file[i].rows;
        } else {
            cull_pool *one;
            CULL_TRY(cull_pool_open(j->cx, path[i], &one));
            m = cull_pool_n(one);
            cull_pool_free(one);
        }
        for (int64_t r = 0; r < m && at < rows; r++) j->target_task[at++] = i;
    }
    j->p.target_task = j->target_task;
    j->p.target_tasks = files;
    return CULL_OK;
}

static cull_status open_target(cull_job *j, bool *array)
{
    const char *path[MAX_FILES];
    const cull_array *a = array_of(j, "target");
    int n;
    CULL_TRY(files_of(j, "target", path, &n));
    CULL_TRY(same_kind(j, path, n, array));
    *array |= a != NULL;
    j->target_text = records_of(j, "target");
    if (a) {
        CULL_TRY(wrap(j, "target", a, &j->target));
    } else if (n && *array) {
        CULL_TRY(cull_pool_open_all(j->cx, path, n, &j->target));
    } else if (n) {
        cull_corpus_opts o = CULL_CORPUS_OPTS;
        o.paths = path;
        o.npaths = n;
        o.text = value_of(j, "target-text", value_of(j, "text", NULL));
        o.group = value_of(j, "target-task", NULL);
        CULL_TRY(cull_corpus_open(j->cx, &o, &j->opened_target));
        j->target_text = j->opened_target;
    }
    j->p.target_text = j->target_text;
    return target_tasks(j, path, n);
}

/* ---- embeddings ---- */

static cull_status open_vectors(cull_job *j, const char *name, cull_pool **out)
{
    const char *path[MAX_FILES];
    const cull_array *a = array_of(j, name);
    int n;
    if (a) return wrap(j, name, a, out);
    CULL_TRY(files_of(j, name, path, &n));
    return n ? cull_pool_open_beside(j->cx, path, n, out) : CULL_OK;
}

/* As many as rates; without any, each of several files of embeddings weighs 1. */
static cull_status set_rates(cull_job *j)
{
    const char *path[MAX_FILES], *s = value_of(j, "rates", NULL);
    int files = values_of(j, "embeddings", path, MAX_FILES);
    if (!s && files < 2) return CULL_OK;
    j->rates = s ? 1 : files;
    for (const char *c = s; c && *c; c++) j->rates += *c == ',';
    if (files > 1 && j->rates != files)
        return cull__fail(j->cx, CULL_EOPTION,
                          "--rates has %d, --embeddings %d files; each takes one", j->rates, files);
    CULL_TRY(CULL_ALLOC(j->cx, j->rate, j->rates));
    for (int32_t i = 0; i < j->rates; i++) {
        size_t n = s ? strcspn(s, ",") : 0;
        j->rate[i] = 1;
        if (s && (!cull__parse_f64(s, n, &j->rate[i]) || !(j->rate[i] > 0) || isinf(j->rate[i])))
            return cull__fail(j->cx, CULL_EOPTION,
                              "--rates: '%.*s' is no number above 0; write 2e-5,1e-5", (int)n, s);
        if (s) s += n + (s[n] == ',');
    }
    return CULL_OK;
}

/* Examples beside the pool, of the input `name`: an array, or records with the fields that `o` says. */
static cull_status open_beside(cull_job *j, const char *name, cull_corpus_opts o, cull_pool **pool,
                               cull_corpus **opened, const cull_corpus **text)
{
    const char *path[MAX_FILES];
    const cull_array *a = array_of(j, name);
    bool array = false;
    int n;
    CULL_TRY(files_of(j, name, path, &n));
    CULL_TRY(same_kind(j, path, n, &array));
    *text = records_of(j, name);
    if (a) return wrap(j, name, a, pool);
    if (n && array) return cull_pool_open_all(j->cx, path, n, pool);
    if (!n) return CULL_OK;
    o.paths = path;
    o.npaths = n;
    CULL_TRY(cull_corpus_open(j->cx, &o, opened));
    *text = *opened;
    return CULL_OK;
}

/* Examples to stay away from: embeddings, or text to be embedded with the pool. */
static cull_status open_against(cull_job *j)
{
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.text = value_of(j, "target-text", value_of(j, "text", NULL));
    return open_beside(j, "against", o, &j->against, &j->opened_against, &j->against_text);
}

/* Labelled examples to judge by, of the pool's form. */
static cull_status open_valid(cull_job *j)
{
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    codes *k = &j->codes[VALID];
    const char *labels = value_of(j, "valid-label", NULL);
    o.text = value_of(j, "text", NULL);
    o.label = value_of(j, "label", NULL);
    o.text_optional = has(j, "embeddings");
    CULL_TRY(open_beside(j, "valid", o, &j->valid, &j->opened_valid, &j->valid_text));
    if (labels && !j->valid)
        return cull__fail(j->cx, CULL_EOPTION,
                          "--valid-label is for an array; records of --valid have the field of "
                          "--label");
    if (j->valid && has(j, "valid-embeddings"))
        return cull__fail(j->cx, CULL_EOPTION,
                          "--valid is an array already; --valid-embeddings is too much");
    if (labels) CULL_TRY(labels_read(j, VALID, labels));
    CULL_TRY(open_vectors(j, "valid-embeddings", &j->valid));
    if (k->code || !j->valid_text) return CULL_OK;
    k->code = cull_corpus_label(j->valid_text, &k->count);
    k->n = cull_corpus_n(j->valid_text);
    return CULL_OK;
}

static cull_status rows_agree(cull_job *j, const char *name, int64_t rows, const char *of,
                              int64_t want)
{
    if (rows == want) return CULL_OK;
    return cull__fail(j->cx, CULL_EINPUT, "%s has %" PRId64 " rows, the %s has %" PRId64,
                      value_of(j, name, name), rows, of, want);
}

static cull_status open_embeddings(cull_job *j, bool array_target)
{
    if (array_target && has(j, "target-embeddings"))
        return cull__fail(j->cx, CULL_EOPTION,
                          "--target is an array already; --target-embeddings is too much");
    CULL_TRY(open_vectors(j, "embeddings", &j->pool));
    CULL_TRY(open_vectors(j, "target-embeddings", &j->target));
    if (j->pool) CULL_TRY(rows_agree(j, "embeddings", cull_pool_n(j->pool), "pool", j->n));
    if (j->target && j->target_text)
        CULL_TRY(rows_agree(j, "target-embeddings", cull_pool_n(j->target), "target",
                            cull_corpus_n(j->target_text)));
    if (j->target && !j->pool)
        return cull__fail(j->cx, CULL_EOPTION,
                          "the target is embedded, the pool is not: give --embeddings too");
    if (j->against && !j->pool)
        return cull__fail(
            j->cx, CULL_EOPTION,
            "--against is embedded, the pool is not: give --embeddings too, or its text");
    if (j->against_text && j->pool)
        return cull__fail(j->cx, CULL_EOPTION,
                          "the pool is embedded, --against is text: give its embeddings instead");
    if (j->valid && !j->pool)
        return cull__fail(j->cx, CULL_EOPTION,
                          "--valid is embedded, the pool is not: give --embeddings too");
    if (j->valid_text && j->pool && !j->valid)
        return cull__fail(j->cx, CULL_EOPTION,
                          "the pool is embedded, --valid is not: give --valid-embeddings too");
    if (j->valid && cull_pool_d(j->valid) != cull_pool_d(j->pool))
        return cull__fail(j->cx, CULL_EINPUT,
                          "the pool's embeddings have %" PRId64
                          " numbers a row, those of --valid %" PRId64
                          "; they must be one embedding",
                          cull_pool_d(j->pool), cull_pool_d(j->valid));
    if (j->pool && j->target && cull_pool_d(j->pool) != cull_pool_d(j->target))
        return cull__fail(j->cx, CULL_EINPUT,
                          "the pool's embeddings have %" PRId64
                          " numbers a row, the target's %" PRId64 "; they must be one embedding",
                          cull_pool_d(j->pool), cull_pool_d(j->target));
    return CULL_OK;
}

cull_status embed_settings(cull_job *j, cull_embed_opts *o)
{
    *o = (cull_embed_opts)CULL_EMBED_OPTS;
    for (int64_t i = 0; i < j->sets; i++)
        if (!strncmp(j->set[i].name, "embed-", 6))
            CULL_TRY(cull_embed_opts_set(j->cx, o, j->set[i].name, j->set[i].value));
    if (o->word_hi || o->char_hi) return CULL_OK;
    return cull__fail(j->cx, CULL_EOPTION,
                      "--embed-words and --embed-chars are both 0: there is nothing to count");
}

/* What was not given is made from the text, on the pool's words. */
static cull_status embed_texts(cull_job *j)
{
    cull_embed_opts o;
    cull_embed *e = NULL;
    double began = cull__now();
    CULL_TRY(embed_settings(j, &o));
    cull_status s = cull_embed_fit(j->cx, j->text, &o, &e);
    if (s == CULL_OK) s = cull_embed_apply(j->cx, e, j->text, &j->pool);
    if (s == CULL_OK && j->target_text) s = cull_embed_apply(j->cx, e, j->target_text, &j->target);
    if (s == CULL_OK && j->against_text)
        s = cull_embed_apply(j->cx, e, j->against_text, &j->against);
    if (s == CULL_OK && j->valid_text) s = cull_embed_apply(j->cx, e, j->valid_text, &j->valid);
    cull_embed_free(e);
    j->embed_seconds = cull__now() - began;
    return s;
}

/* ---- all of it ---- */

static bool any_needs(const cull_method *const *m, int n, unsigned flag)
{
    for (int i = 0; i < n; i++)
        if (m[i]->flags & flag) return true;
    return false;
}

static void point(cull_job *j)
{
    j->p.n = j->n;
    j->p.pool = j->pool;
    j->p.target = j->target;
    j->p.score = (cull_table){j->n, j->columns, j->column, j->values};
    j->p.group = j->codes[GROUP].code;
    j->p.groups = j->codes[GROUP].count;
    j->p.cost = j->cost;
    j->p.quota = j->quota;
    j->p.avoid = j->avoid;
    j->p.have = j->have;
    j->p.against = j->against;
    j->p.rate = j->rate;
    j->p.rates = j->rates;
}

cull_status job_open(cull_job *j, const cull_method *const *method, int methods, bool judged,
                     bool dry)
{
    bool array_target = false, embed = any_needs(method, methods, CULL_NEEDS_POOL);
    bool text = methods == 1 && (any_needs(method, methods, CULL_NEEDS_TEXT) ||
                                 (embed && !has(j, "embeddings")) || has(j, "avoid"));
    double began = cull__now();
    j->opened = true;
    CULL_TRY(budget_parse(j, methods == 1 && method[0]->flags & CULL_FINDS_COPIES));
    CULL_TRY(scores_ask(j, method, methods));
    CULL_TRY(open_pool(j, text));
    CULL_TRY(scores_find(j, method, methods));
    CULL_TRY(take_codes(j, GROUP));
    CULL_TRY(take_codes(j, LABEL));
    CULL_TRY(find_wanted(j));
    CULL_TRY(open_target(j, &array_target));
    CULL_TRY(open_against(j));
    CULL_TRY(open_valid(j));
    CULL_TRY(open_embeddings(j, array_target));
    CULL_TRY(set_rates(j));
    CULL_TRY(limits_set(j));
    bool wanted = embed || judge_asked(j) || (judged && (j->target_text || has(j, "targets")));
    j->embeds = wanted && !j->pool && j->p.text;
    if (j->embeds && !dry) CULL_TRY(embed_texts(j));
    if (j->target_text && j->pool && !j->target && embed && !dry)
        return cull__fail(j->cx, CULL_EOPTION,
                          "the pool is embedded, the target is not: give --target-embeddings too");
    point(j);
    j->open_seconds = cull__now() - began;
    return CULL_OK;
}

void job_close(cull_job *j)
{
    cull_pool_free(j->pool);
    cull_pool_free(j->target);
    cull_pool_free(j->against);
    cull_pool_free(j->valid);
    cull_corpus_free(j->opened_text);
    cull_corpus_free(j->opened_target);
    cull_corpus_free(j->opened_against);
    cull_corpus_free(j->opened_valid);
    for (int i = 0; i < CODES; i++) cull__free(j->labels[i].code), cull__free(j->labels[i].name);
    cull_table_close(j->scores);
    cull_overlaps_free(&j->overlap);
    for (int i = 0; i < j->names; i++) cull__free(j->named[i]);
    cull__free(j->target_task);
    cull__free(j->cost);
    cull__free(j->quota);
    cull__free(j->rate);
    cull__free(j->avoid);
    cull__free(j->have);
    j->names = j->columns = 0;
    j->pool = j->target = j->against = j->valid = NULL;
    j->opened_text = j->opened_target = j->opened_against = j->opened_valid = NULL;
    j->text = j->target_text = j->against_text = j->valid_text = NULL;
    memset(j->labels, 0, sizeof j->labels);
    j->scores = NULL;
    j->target_task = NULL;
    j->cost = j->quota = j->rate = NULL;
    j->rates = 0;
    j->avoid = j->have = NULL;
    j->p = (cull_data_problem){0};
}

const char *job_lacks(const cull_job *j, const cull_method *m)
{
    bool target = m->flags & CULL_NEEDS_TARGET;
    if ((m->flags & CULL_NEEDS_TEXT) && !j->p.text) return "needs the pool's text";
    if ((m->flags & CULL_NEEDS_POOL) && !j->p.pool) return "needs embeddings";
    if ((m->flags & CULL_NEEDS_POOL) && target && !j->p.target) return "needs target examples";
    if ((m->flags & CULL_NEEDS_TEXT) && target && !j->p.target_text)
        return "needs target examples as text";
    if ((m->flags & CULL_NEEDS_AGAINST) && !j->p.against) return "needs examples to stay away from";
    for (const char *s = m->columns; *s;) {
        char name[64];
        size_t n = strcspn(s, ",");
        snprintf(name, sizeof name, "%.*s", (int)n, s);
        if (!cull_table_col(&j->p.score, name)) return m->columns;
        s += n + (s[n] == ',');
    }
    return NULL;
}

/* ---- the inputs, for the report ---- */

static cull_status add_files(cull_job *j, const char *role, const cull_corpus *corpus)
{
    const cull_input_file *file;
    int n = corpus ? cull_corpus_files(corpus, &file) : 0;
    for (int i = 0; i < n && j->inputs < MAX_FILES; i++) {
        cull_run_input *in = &j->input[j->inputs++];
        *in = (cull_run_input){role, file[i]};
        CULL_TRY(job_keep(j, file[i].path, &in->file.path));
    }
    return CULL_OK;
}

static cull_status add_array(cull_job *j, const char *role, const char *path, int64_t rows)
{
    if (!path || j->inputs == MAX_FILES) return CULL_OK;
    cull_run_input *in = &j->input[j->inputs++];
    in->role = role;
    CULL_TRY(cull_file_hash(j->cx, path, &in->file));
    in->file.rows = rows;
    return CULL_OK;
}

cull_status job_hashes(cull_job *j)
{
    const char *path[MAX_FILES];
    if (j->input) return CULL_OK;
    CULL_TRY(CULL_ALLOC(j->cx, j->input, MAX_FILES));
    CULL_TRY(add_files(j, "pool", j->text));
    int n = j->array ? values_of(j, "pool", path, MAX_FILES) : 0;
    for (int i = 0; i < n; i++) CULL_TRY(add_array(j, "pool", path[i], n == 1 ? j->n : 0));
    CULL_TRY(add_files(j, "target", j->target_text));
    n = j->target && !j->target_text ? values_of(j, "target", path, MAX_FILES) : 0;
    for (int i = 0; i < n; i++)
        CULL_TRY(add_array(j, "target", path[i], n == 1 ? cull_pool_n(j->target) : 0));
    CULL_TRY(add_files(j, "against", j->against_text));
    n = j->against && !j->against_text ? values_of(j, "against", path, MAX_FILES) : 0;
    for (int i = 0; i < n; i++)
        CULL_TRY(add_array(j, "against", path[i], n == 1 ? cull_pool_n(j->against) : 0));
    CULL_TRY(add_files(j, "valid", j->valid_text));
    n = j->valid && !j->valid_text ? values_of(j, "valid", path, MAX_FILES) : 0;
    for (int i = 0; i < n; i++)
        CULL_TRY(add_array(j, "valid", path[i], n == 1 ? cull_pool_n(j->valid) : 0));
    n = values_of(j, "have", path, MAX_FILES);
    for (int i = 0; i < n; i++) CULL_TRY(add_array(j, "have", path[i], 0));
    n = values_of(j, "embeddings", path, MAX_FILES);
    for (int i = 0; i < n; i++) CULL_TRY(add_array(j, "embeddings", path[i], j->n));
    n = j->target ? values_of(j, "target-embeddings", path, MAX_FILES) : 0;
    for (int i = 0; i < n; i++)
        CULL_TRY(add_array(j, "target-embeddings", path[i], cull_pool_n(j->target)));
    if (j->array) CULL_TRY(add_array(j, "label", value_of(j, "label", NULL), j->n));
    CULL_TRY(add_array(j, "valid-embeddings", value_of(j, "valid-embeddings", NULL), 0));
    CULL_TRY(add_array(j, "valid-label", value_of(j, "valid-label", NULL), 0));
    return add_array(j, "scores", value_of(j, "scores", NULL), j->n);
}

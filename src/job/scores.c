/* scores.c - named columns of numbers: the caller's, fields of the records, or of a file. */
#include "job.h"

#include <inttypes.h>
#include <string.h>

static int listed(const cull_job *j, const char *name)
{
    for (int i = 0; i < j->columns; i++)
        if (!strcmp(j->column[i], name)) return i;
    return -1;
}

/* The names of a comma-separated list, each once. */
static cull_status add_names(cull_job *j, const char *list)
{
    for (const char *s = list; s && *s;) {
        size_t n = strcspn(s, ",");
        char *name;
        CULL_TRY(CULL_ALLOC(j->cx, name, (int64_t)n + 1));
        memcpy(name, s, n);
        s += n + (s[n] == ',');
        if (listed(j, name) >= 0 || j->columns == MAX_COLUMNS - 1 || j->names == MAX_COLUMNS) {
            cull__free(name);
            continue;
        }
        j->named[j->names++] = name;
        j->values[j->columns] = NULL;
        j->column[j->columns++] = name;
    }
    return CULL_OK;
}

static cull_status rows_agree(cull_job *j, const char *what, int64_t rows)
{
    if (rows == j->n) return CULL_OK;
    return cull__fail(j->cx, CULL_EINPUT, "%s has %" PRId64 " rows, the pool has %" PRId64, what,
                      rows, j->n);
}

/* One method: it must have its columns, and says so of a record that lacks one. Several: each has
 * its columns or is left out. What the caller holds is not looked for elsewhere. */
cull_status scores_ask(cull_job *j, const cull_method *const *method, int methods)
{
    if (methods == 1) CULL_TRY(add_names(j, method[0]->columns));
    for (int i = 0; i < j->mines; i++) {
        int at = listed(j, j->mine[i].name);
        if (at < 0) {
            at = j->columns;
            CULL_TRY(add_names(j, j->mine[i].name));
        }
        j->values[at] = j->mine[i].v;
    }
    return CULL_OK;
}

/* Columns that some method would use and that may be there: of all numbers of the file, those with a
 * method's name for them. Records without a number have none; a file of scores must have some. */
static cull_status find_optional(cull_job *j, const char *path, const cull_method *const *method,
                                 int methods, bool records)
{
    int kept = j->columns, asked;
    for (int i = 0; i < methods; i++) {
        CULL_TRY(add_names(j, method[i]->columns));
        CULL_TRY(add_names(j, method[i]->may));
    }
    asked = j->columns;
    j->columns = kept;
    if (asked == kept) return CULL_OK;
    cull_status s = cull_table_open(j->cx, path, NULL, 0, &j->scores);
    if (s == CULL_EINPUT && records) return CULL_OK;
    CULL_TRY(s);
    const cull_table *t = cull_table_of(j->scores);
    if (!records) CULL_TRY(rows_agree(j, path, t->n));
    for (int i = kept; i < asked; i++) {
        const double *v = cull_table_col(t, j->column[i]);
        if (!v || t->n != j->n) continue;
        j->column[j->columns] = j->column[i];
        j->values[j->columns++] = v;
    }
    return CULL_OK;
}

static cull_status from_file(cull_job *j, const char *path, const cull_method *const *method,
                             int methods)
{
    if (!j->columns) return find_optional(j, path, method, methods, false);
    CULL_TRY(cull_table_open(j->cx, path, j->column, j->columns, &j->scores));
    const cull_table *t = cull_table_of(j->scores);
    CULL_TRY(rows_agree(j, path, t->n));
    for (int i = 0; i < j->columns; i++) j->values[i] = cull_table_col(t, j->column[i]);
    return CULL_OK;
}

/* Only columns that are there stay in the table: a method that needs another says so. */
static void drop_missing(cull_job *j)
{
    int kept = 0;
    for (int i = 0; i < j->columns; i++) {
        if (!j->values[i]) continue;
        j->column[kept] = j->column[i];
        j->values[kept++] = j->values[i];
    }
    j->columns = kept;
}

cull_status scores_find(cull_job *j, const cull_method *const *method, int methods)
{
    const char *path = value_of(j, "scores", NULL), *pool[2];
    for (int i = 0; i < j->mines; i++) CULL_TRY(rows_agree(j, j->mine[i].name, j->mine[i].n));
    if (path && j->mines)
        return cull__fail(j->cx, CULL_EOPTION, "--scores is a file and columns are given too");
    if (path) return from_file(j, path, method, methods);
    const cull_table *t = j->text ? cull_corpus_table(j->text) : NULL;
    for (int i = 0; t && i < j->columns; i++)
        if (!j->values[i]) j->values[i] = cull_table_col(t, j->column[i]);
    drop_missing(j);
    int files = values_of(j, "pool", pool, COUNT(pool));
    if (j->columns || !j->opened_text || files != 1 || !strcmp(pool[0], "-")) return CULL_OK;
    return find_optional(j, pool[0], method, methods, true);
}

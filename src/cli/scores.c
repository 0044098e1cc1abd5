/* scores.c - named columns of numbers: fields of the records, or of a file of their own. */
#include "problem.h"

#include <stdlib.h>
#include <string.h>

static bool listed(const problem *q, const char *name)
{
    for (int i = 0; i < q->columns; i++)
        if (!strcmp(q->column[i], name)) return true;
    return false;
}

/* The names of a comma-separated list, each once; they live in q->names. */
static int add_names(cli *c, problem *q, const char *list)
{
    for (const char *s = list; s && *s;) {
        size_t n = strcspn(s, ",");
        char *name = strndup(s, n);
        if (!name) return fail(c, FAILED, "out of memory");
        s += n + (s[n] == ',');
        if (listed(q, name) || q->columns == MAX_COLUMNS - 1) {
            free(name);
            continue;
        }
        q->named[q->columns] = name;
        q->column[q->columns++] = name;
    }
    return DONE;
}

static int rows_agree(cli *c, const char *path, const cull_table *t, const problem *q)
{
    if (t->n == q->n) return DONE;
    return fail(c, FAILED, "%s has %lld rows, the pool has %lld", path, (long long)t->n,
                (long long)q->n);
}

/* One method: it must have its columns, and says so of a record that lacks one. Several: each has
 * its columns or is left out. */
int scores_ask(cli *c, const cull_method *const *method, int methods, problem *q)
{
    if (methods != 1) return DONE;
    return add_names(c, q, method[0]->columns);
}

/* Columns that some method would use and that may be there: of all numbers of the file, those with a
 * method's name for them. Records without a number have none; a file of scores must have some. */
static int find_optional(cli *c, const char *path, const cull_method *const *method, int methods,
                         bool records, problem *q)
{
    int kept = q->columns, asked;
    for (int i = 0; i < methods; i++) {
        TRY(add_names(c, q, method[i]->columns));
        TRY(add_names(c, q, method[i]->may));
    }
    asked = q->columns;
    q->columns = kept;
    if (asked == kept) return DONE;
    cull_status s = cull_table_open(c->cx, path, NULL, 0, &q->scores);
    if (s == CULL_EINPUT && records) return DONE;
    TRY(check(c, s));
    const cull_table *t = cull_table_of(q->scores);
    if (!records) TRY(rows_agree(c, path, t, q));
    for (int i = kept; i < asked; i++) {
        const double *v = cull_table_col(t, q->column[i]);
        if (!v || t->n != q->n) continue;
        q->column[q->columns] = q->column[i];
        q->values[q->columns++] = v;
    }
    return DONE;
}

static int from_file(cli *c, const char *path, const cull_method *const *method, int methods,
                     problem *q)
{
    if (!q->columns) return find_optional(c, path, method, methods, false, q);
    TRY(check(c, cull_table_open(c->cx, path, q->column, q->columns, &q->scores)));
    const cull_table *t = cull_table_of(q->scores);
    TRY(rows_agree(c, path, t, q));
    for (int i = 0; i < q->columns; i++) q->values[i] = cull_table_col(t, q->column[i]);
    return DONE;
}

int scores_find(cli *c, const cull_method *const *method, int methods, problem *q)
{
    const char *path = value_of(c, "scores", NULL);
    if (path) return from_file(c, path, method, methods, q);
    if (!q->text) {
        q->columns = 0; /* an array has no columns: a method that needs some says so */
        return DONE;
    }
    const cull_table *t = cull_corpus_table(q->text);
    for (int i = 0; i < q->columns; i++) q->values[i] = cull_table_col(t, q->column[i]);
    if (q->columns || c->inputs > 1 || !strcmp(c->input[0], "-")) return DONE;
    return find_optional(c, c->input[0], method, methods, true, q);
}

/* outputs.c - what each -o means, whether it can be written, and rows written by a pick. */
#include "problem.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A run of minutes should not end with a file that could never have been written. */
int one_stdout(cli *c)
{
    int wants = c->json;
    for (int i = 0; i < c->outs; i++) wants += !strcmp(c->out[i], "-");
    if (wants < 2) return DONE;
    return fail(c, USAGE, "--json and -o - both want standard output; name a file for one");
}

int check_writable(cli *c, const char *path)
{
    char copy[4096];
    struct stat st;
    if (!strcmp(path, "-")) return DONE;
    if (strlen(path) >= sizeof copy) return fail(c, USAGE, "the name after -o is too long");
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return fail(c, FAILED, "%s: is a folder; name a file in it", path);
    strcpy(copy, path);
    const char *dir = dirname(copy);
    if (stat(dir, &st) || !S_ISDIR(st.st_mode))
        return fail(c, FAILED, "%s: there is no folder %s", path, dir);
    if (access(dir, W_OK | X_OK))
        return fail(c, FAILED, "%s: cannot write to %s: %s", path, dir, strerror(errno));
    return DONE;
}

static bool same_form(const char *a, const char *b)
{
    if (!strcmp(a, b)) return true;
    return (!strcmp(a, "ndjson") && !strcmp(b, "jsonl")) ||
           (!strcmp(b, "ndjson") && !strcmp(a, "jsonl"));
}

static int one_output(cli *c, const char *path, output *out)
{
    char e[16], in[16];
    file_ending(path, e);
    file_ending(c->input[0], in);
    if (!strcmp(c->input[0], "-")) strcpy(in, "jsonl");
    bool array = file_kind_of(c->input[0]) == FILE_ARRAY,
         to_array = file_kind_of(path) == FILE_ARRAY;
    *out = (output){.path = path};
    TRY(check_writable(c, path));
    if (!strcmp(path, "-")) {
        out->kind = array ? OUT_ARRAY : OUT_RECORDS;
        return DONE;
    }
    if (array && to_array) {
        out->kind = OUT_ARRAY;
        return DONE;
    }
    if (!array && same_form(e, in)) {
        out->kind = OUT_RECORDS;
        return DONE;
    }
    out->kind = OUT_FORM;
    if (strcmp(e, "jsonl") && strcmp(e, "ndjson") && cull_form_find(path, &out->form)) return DONE;
    if (!*e && !*in) {
        out->kind = OUT_RECORDS; /* neither has an ending: plain text */
        return DONE;
    }
    return fail(c, USAGE,
                "-o %s: nothing is written as '%s'; kept rows go to .%s, a pick to .json, "
                "a report to .html",
                path, e, *in ? in : "txt");
}

int outputs_of(cli *c, output *out)
{
    for (int i = 0; i < c->outs; i++) {
        for (int j = 0; j < i; j++)
            if (!strcmp(c->out[i], c->out[j]))
                return fail(c, USAGE, "-o %s is given twice", c->out[i]);
        for (int j = 0; j < c->inputs; j++)
            if (!strcmp(c->out[i], c->input[j]) && strcmp(c->out[i], "-"))
                return fail(c, USAGE, "-o %s is also the input", c->out[i]);
        TRY(one_output(c, c->out[i], &out[i]));
    }
    return DONE;
}

/* ---- rows ---- */

static int by_row(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int array_write(cli *c, const cull_pool *pool, const int64_t *row, int64_t n,
                       const char *path)
{
    cull_array a = cull_pool_array(pool);
    size_t bytes = (size_t)cull_pool_d(pool) * cull_dtype_size(a.dtype);
    char *block = malloc((size_t)n * bytes + 1);
    if (!block) return fail(c, FAILED, "out of memory");
    for (int64_t i = 0; i < n; i++)
        memcpy(block + (size_t)i * bytes, (const char *)a.at + (size_t)row[i] * bytes, bytes);
    a.at = block;
    a.shape[0] = n;
    int rc = check(c, cull_array_write(c->cx, path, &a));
    free(block);
    return rc;
}

int rows_write(cli *c, const cull_corpus *text, const cull_pool *pool, const cull_pick *k,
               const char *path)
{
    int as_picked;
    TRY(choice_of(c, "order", "pool", "pool|pick", &as_picked));
    int64_t *row = malloc(((size_t)k->n + 1) * sizeof *row);
    if (!row) return fail(c, FAILED, "out of memory");
    memcpy(row, k->idx, (size_t)k->n * sizeof *row);
    if (!as_picked) qsort(row, (size_t)k->n, sizeof *row, by_row);
    int rc = text ? check(c, cull_corpus_write(c->cx, text, row, k->n, path))
                  : array_write(c, pool, row, k->n, path);
    free(row);
    return rc;
}

/* groups.c - which rows are copies of which: a list, and a sentence. */
#include "io/io.h"
#include "job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PIECE = 64 * 1024 };

/* Of each row that stays: how many copies it stands for, and the number of its group, from 1. */
static cull_status count(const cull_job *j, int64_t **copies, int64_t **group, int64_t *groups)
{
    const cull_pick *k = &j->pick;
    CULL_TRY(CULL_ALLOC(j->cx, *copies, k->rows));
    CULL_TRY(CULL_ALLOC(j->cx, *group, k->rows));
    for (int64_t i = 0; i < k->rows; i++)
        if (k->stands[i] >= 0 && k->stands[i] != i) (*copies)[k->stands[i]]++;
    *groups = 0;
    for (int64_t i = 0; i < k->rows; i++)
        if ((*copies)[i]) (*group)[i] = ++*groups;
    return CULL_OK;
}

cull_status groups_note(const cull_job *j, char *out, size_t size)
{
    int64_t *copies = NULL, *group = NULL, groups = 0, gone = 0, most = 0;
    cull_status s = count(j, &copies, &group, &groups);
    for (int64_t i = 0; s == CULL_OK && i < j->pick.rows; i++) {
        gone += copies[i];
        if (copies[i] > most) most = copies[i];
    }
    cull__free(copies);
    cull__free(group);
    CULL_TRY(s);
    snprintf(out, size,
             "%" PRId64 " of %" PRId64 " rows are copies of one that stays: %" PRId64
             " groups, the largest of %" PRId64 ".",
             gone, j->pick.rows, groups, gone ? most + 1 : 0);
    return CULL_OK;
}

typedef struct {
    const cull_job *j;
    const int64_t *copies, *group;
    int64_t *row, rows; /* to be listed, by group, the one that stays first */
    cull_strings ids;
} listing;

/* A stable sort by group: counting, then placing. */
static cull_status order_rows(listing *l, int64_t groups)
{
    const cull_pick *k = &l->j->pick;
    int64_t *at;
    CULL_TRY(CULL_ALLOC(l->j->cx, at, groups + 2));
    for (int64_t i = 0; i < k->rows; i++)
        if (l->copies[i]) at[l->group[i] + 1] = l->copies[i] + 1;
    for (int64_t g = 1; g <= groups + 1; g++) at[g] += at[g - 1];
    l->rows = at[groups + 1];
    cull_status s = CULL_ALLOC(l->j->cx, l->row, l->rows);
    for (int64_t i = 0; s == CULL_OK && i < k->rows; i++)
        if (l->copies[i]) l->row[at[l->group[i]]++] = i;
    for (int64_t i = 0; s == CULL_OK && i < k->rows; i++)
        if (k->stands[i] >= 0 && k->stands[i] != i) l->row[at[l->group[k->stands[i]]]++] = i;
    cull__free(at);
    return s;
}

static void add_id(cull_buf *b, const char *s)
{
    for (; s && *s; s++) /* as in a pick's tsv */
        if (strchr("\t\n\r\\", *s))
            cull__buf_printf(b, "\\%c",
                             *s == '\t'   ? 't'
                             : *s == '\n' ? 'n'
                             : *s == '\r' ? 'r'
                                          : '\\');
        else
            cull__buf_add(b, s, 1);
}

static cull_status write_rows(const listing *l, cull__writer *w, cull_buf *b)
{
    const cull_pick *k = &l->j->pick;
    cull__buf_printf(b, "group\trow\tid\tstays\tof\tlike\twhy\n");
    for (int64_t i = 0; i < l->rows; i++) {
        int64_t row = l->row[i], of = k->stands[row];
        bool stays = of == row;
        cull__buf_printf(b, "%" PRId64 "\t%" PRId64 "\t", l->group[of], row);
        if (l->ids.n) add_id(b, l->ids.id[i]);
        cull__buf_printf(b, "\t%s\t%" PRId64 "\t%.4f\t", stays ? "yes" : "no", of,
                         (double)k->like[row]);
        if (stays)
            cull__buf_printf(b, "%s of %" PRId64 "\n", k->stays, l->copies[row] + 1);
        else
            cull__buf_printf(b, "%.4f like row %" PRId64 "\n", (double)k->like[row], of);
        CULL_TRY(b->status);
        if (b->n < PIECE && i + 1 < l->rows) continue;
        CULL_TRY(cull__write(l->j->cx, w, b->at, b->n));
        b->n = 0;
    }
    return b->n ? cull__write(l->j->cx, w, b->at, b->n) : b->status;
}

static cull_status list(listing *l, int64_t groups, const char *path)
{
    cull_ctx *cx = l->j->cx;
    cull__writer *w;
    cull_buf b = CULL_BUF(cx);
    CULL_TRY(order_rows(l, groups));
    if (l->j->text && l->rows)
        CULL_TRY(cull_corpus_ids(cx, l->j->text, l->row, l->rows, 0, &l->ids));
    CULL_TRY(cull__writer_open(cx, path, &w));
    cull_status s = cull__writer_end(cx, w, write_rows(l, w, &b));
    cull__buf_free(&b);
    return s;
}

cull_status groups_write(cull_job *j)
{
    const char *path = value_of(j, "groups", NULL);
    int64_t *copies = NULL, *group = NULL, groups;
    listing l = {.j = j};
    if (!path) return CULL_OK;
    if (!j->pick.rows)
        return cull__fail(j->cx, CULL_EOPTION,
                          "--groups is for methods that look for copies: semdedup, minhash");
    cull_status s = count(j, &copies, &group, &groups);
    l.copies = copies, l.group = group;
    if (s == CULL_OK) s = list(&l, groups, path);
    cull_strings_free(&l.ids);
    cull__free(l.row);
    cull__free(copies);
    cull__free(group);
    return s;
}

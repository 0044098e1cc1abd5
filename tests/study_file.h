/* study_file.h - a folder of its own for each test of studies in files, and SQLite by hand. */
#ifndef CULL_TEST_STUDY_FILE_H
#define CULL_TEST_STUDY_FILE_H
#include "study_store.h"

#include "search/store_sqlite.h"

typedef struct {
    char dir[64], path[96];
    hooks h;
    cull_ctx *cx;
} place;

static inline int setup(void **state)
{
    place *p = calloc(1, sizeof *p);
    strcpy(p->dir, "/tmp/cull-store-XXXXXX");
    if (!mkdtemp(p->dir)) return 1;
    snprintf(p->path, sizeof p->path, "%s/50%% #1?.cull", p->dir);
    p->cx = hooked_ctx(&p->h, 1);
    *state = p;
    return p->cx ? 0 : 1;
}

static inline int teardown(void **state)
{
    place *p = *state;
    char cmd[192];
    cull_ctx_free(p->cx);
    long live = p->h.live;
    snprintf(cmd, sizeof cmd, "chmod -R u+w %s; rm -rf %s", p->dir, p->dir);
    int rc = system(cmd);
    free(p);
    return rc || live;
}

static inline void put_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static inline sqlite3 *by_hand(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static inline void do_sql(const char *path, const char *sql)
{
    sqlite3 *db = by_hand(path);
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s: %s", sql, why);
    sqlite3_close(db);
}

/* The first row as text, columns apart by '|'. */
static inline void ask_sql(const char *path, const char *sql, char *out, size_t size)
{
    sqlite3 *db = by_hand(path);
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    size_t n = 0;
    for (int i = 0; i < sqlite3_column_count(q); i++) {
        const char *t = (const char *)sqlite3_column_text(q, i);
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? "|" : "", t ? t : "");
    }
    sqlite3_finalize(q);
    sqlite3_close(db);
}
#endif

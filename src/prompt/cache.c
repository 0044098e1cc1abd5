/* cache.c - answers by the hash of their prompt, in an SQLite file that any number of processes share, or in memory.
 *
 * Each answer is written as it comes: what was paid for is there after a kill. */
#include "prompt/text.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { ID = 0x43555043, VERSION = 1, PATIENCE = 60000 }; /* "CUPC"; ms that others are waited for */

struct cull__cache {
    sqlite3 *db;
    sqlite3_stmt *get, *put;
    char *path;
};

static const char schema[] =
    "CREATE TABLE answer(key BLOB PRIMARY KEY, prompt TEXT, answer TEXT NOT NULL,"
    " at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) WITHOUT ROWID;";

static cull_status refused(cull_ctx *cx, const cull__cache *c)
{
    int code = c->db ? sqlite3_extended_errcode(c->db) & 0xff : SQLITE_NOMEM;
    switch (code) {
    case SQLITE_NOMEM: return cull__fail(cx, CULL_ENOMEM, "%s: out of memory", c->path);
    case SQLITE_NOTADB:
        return cull__fail(cx, CULL_EINPUT, "%s: is no cache of answers (no SQLite file)", c->path);
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:
        return cull__fail(cx, CULL_EINPUT, "%s: is damaged (%s); go on with another file", c->path,
                          sqlite3_errmsg(c->db));
    case SQLITE_READONLY:
        return cull__fail(cx, CULL_EIO, "%s: there is no permission to write it", c->path);
    case SQLITE_FULL:
        return cull__fail(cx, CULL_EIO, "%s: the disk is full; what was written before is kept",
                          c->path);
    default: return cull__fail(cx, CULL_EIO, "%s: %s", c->path, sqlite3_errmsg(c->db));
    }
}

static cull_status exec(cull_ctx *cx, cull__cache *c, const char *sql)
{
    return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK ? CULL_OK : refused(cx, c);
}

static cull_status number(cull_ctx *cx, cull__cache *c, const char *sql, int64_t *out)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(c->db, sql, -1, &q, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(q);
    *out = rc == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
    cull_status s = rc == SQLITE_ROW ? CULL_OK : refused(cx, c);
    sqlite3_finalize(q);
    return s;
}

/* Within a transaction that has the write lock: of two processes that begin at once one makes the table. */
static cull_status make_table(cull_ctx *cx, cull__cache *c)
{
    char sql[400];
    int64_t id, version, tables;
    CULL_TRY(number(cx, c, "PRAGMA application_id", &id));
    CULL_TRY(number(cx, c, "PRAGMA user_version", &version));
    CULL_TRY(number(cx, c, "SELECT count(*) FROM sqlite_schema", &tables));
    if (id == ID && version == VERSION) return CULL_OK;
    if (id == ID)
        return cull__fail(cx, CULL_EINPUT, "%s: was written by a newer cull (form %lld)", c->path,
                          (long long)version);
    if (id || tables)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: is no cache of answers but another SQLite file, of %lld tables",
                          c->path, (long long)tables);
    snprintf(sql, sizeof sql, "%s PRAGMA application_id = %d; PRAGMA user_version = %d", schema, ID,
             VERSION);
    return exec(cx, c, sql);
}

static cull_status open_tables(cull_ctx *cx, cull__cache *c)
{
    CULL_TRY(exec(cx, c, "BEGIN IMMEDIATE"));
    cull_status s = make_table(cx, c);
    if (s == CULL_OK) return exec(cx, c, "COMMIT");
    sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    return s;
}

static cull_status open_db(cull_ctx *cx, cull__cache *c, bool file)
{
    struct stat st;
    if (file && stat(c->path, &st) == 0 && !S_ISREG(st.st_mode))
        return cull__fail(cx, CULL_EINPUT, "%s: is no regular file; a cache is one", c->path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(file ? c->path : ":memory:", &c->db, flags, NULL) != SQLITE_OK)
        return refused(cx, c);
    sqlite3_busy_timeout(c->db, PATIENCE);
    CULL_TRY(exec(cx, c, "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF"));
    if (file) CULL_TRY(exec(cx, c, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"));
    CULL_TRY(open_tables(cx, c));
    static const char *const sql[] = {
        "SELECT answer FROM answer WHERE key = ?",
        "INSERT OR REPLACE INTO answer(key, prompt, answer) VALUES (?, ?, ?)"};
    sqlite3_stmt **q[] = {&c->get, &c->put};
    for (int i = 0; i < 2; i++)
        if (sqlite3_prepare_v3(c->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, q[i], NULL))
            return refused(cx, c);
    return CULL_OK;
}

cull_status cull__cache_open(cull_ctx *cx, const char *path, cull__cache **out)
{
    cull__cache *c;
    const char *name = path ? path : "the cache in memory";
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, c, 1));
    cull_status s = CULL_ALLOC(cx, c->path, (int64_t)strlen(name) + 1);
    if (s == CULL_OK) {
        strcpy(c->path, name);
        s = open_db(cx, c, path != NULL);
    }
    if (s == CULL_OK)
        *out = c;
    else
        cull__cache_close(c);
    return s;
}

void cull__cache_close(cull__cache *c)
{
    if (!c) return;
    sqlite3_finalize(c->get);
    sqlite3_finalize(c->put);
    sqlite3_close(c->db);
    cull__free(c->path);
    cull__free(c);
}

/* Of a machine of any order of bytes. */
static void key_bytes(cull_hash128 key, uint8_t out[16])
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(key.hi >> (56 - 8 * i));
        out[8 + i] = (uint8_t)(key.lo >> (56 - 8 * i));
    }
}

cull_status cull__cache_get(cull_ctx *cx, cull__cache *c, cull_hash128 key, char **out)
{
    uint8_t k[16];
    *out = NULL;
    key_bytes(key, k);
    sqlite3_bind_blob(c->get, 1, k, sizeof k, SQLITE_STATIC);
    int rc = sqlite3_step(c->get);
    cull_status s = rc == SQLITE_ROW || rc == SQLITE_DONE ? CULL_OK : refused(cx, c);
    if (rc == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(c->get, 0);
        size_t n = (size_t)sqlite3_column_bytes(c->get, 0);
        s = text ? CULL_ALLOC(cx, *out, (int64_t)n + 1) : refused(cx, c);
        if (s == CULL_OK) memcpy(*out, text, n);
    }
    sqlite3_reset(c->get);
    sqlite3_clear_bindings(c->get);
    return s;
}

cull_status cull__cache_put(cull_ctx *cx, cull__cache *c, cull_hash128 key, const char *prompt,
                            const char *answer)
{
    uint8_t k[16];
    key_bytes(key, k);
    sqlite3_bind_blob(c->put, 1, k, sizeof k, SQLITE_STATIC);
    sqlite3_bind_text(c->put, 2, prompt, -1, SQLITE_STATIC);
    sqlite3_bind_text(c->put, 3, answer, -1, SQLITE_STATIC);
    cull_status s = sqlite3_step(c->put) == SQLITE_DONE ? CULL_OK : refused(cx, c);
    sqlite3_reset(c->put);
    sqlite3_clear_bindings(c->put);
    return s;
}

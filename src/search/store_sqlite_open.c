/* store_sqlite_open.c - a study's SQLite file: opened and told from what is none, waited for, and what went wrong as
 * a sentence.
 *
 * The file is never opened by hand: closing a descriptor drops all locks that this process has on it. */
#define _GNU_SOURCE
#include "search/store_facts.h"
#include "search/store_sqlite.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    HELD = 3 << 20,       /* bytes that SQLite has at most: its page cache is 2 MB */
    WAL_WRITE_LOCK = 120, /* where in the -shm file a writer's lock lies (SQLite's file format) */
};
enum { LONGEST = 16 };                        /* ms of a sleep */
static const double PATIENCE = 60, QUIET = 2; /* seconds; a cancelled ctx is heeded after QUIET */

static const char schema[] =
    "CREATE TABLE facts(id INTEGER PRIMARY KEY CHECK (id = 1), space TEXT NOT NULL, first TEXT NOT "
    "NULL,"
    " problem TEXT NOT NULL,"
    " method TEXT NOT NULL, opts TEXT NOT NULL, seed TEXT NOT NULL, width INTEGER NOT NULL,"
    " objectives INTEGER NOT NULL, constraints INTEGER NOT NULL,"
    " made TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP);"
    "CREATE TABLE event(seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, trial INTEGER, replicate "
    "INTEGER,"
    " step INTEGER, budget INTEGER, state INTEGER, x BLOB, value BLOB, violation BLOB, cost REAL, "
    "noise REAL,"
    " at REAL, note TEXT, worker TEXT);"
    "CREATE TABLE lease(trial INTEGER PRIMARY KEY, worker TEXT, heard REAL NOT NULL);"
    "CREATE VIEW history AS SELECT seq, at, CASE kind WHEN 1 THEN 'asked' WHEN 2 THEN 'queued' "
    "WHEN 3 THEN 'added'"
    " WHEN 4 THEN 'reported' WHEN 5 THEN 'told' WHEN 6 THEN 'retried' WHEN 7 THEN 'ended'"
    " WHEN 8 THEN 'widened' END AS what,"
    " trial, step, worker, note FROM event ORDER BY seq;";

/* ---- sentences ---- */

/* The process that has the write lock, by the kernel's list of locks; 0 = not known. */
static long holder(const cull__sqlite *s)
{
    char line[256], shm[4096];
    struct stat st;
    if (snprintf(shm, sizeof shm, "%s-shm", s->path) >= (int)sizeof shm || stat(shm, &st) != 0)
        return 0;
    FILE *f = fopen("/proc/locks", "re");
    if (!f) return 0;
    long found = 0;
    while (!found && fgets(line, sizeof line, f)) {
        long pid;
        unsigned long inode, from;
        if (sscanf(line, "%*s POSIX %*s WRITE %ld %*x:%*x:%lu %lu", &pid, &inode, &from) == 3 &&
            inode == (unsigned long)st.st_ino && from == WAL_WRITE_LOCK && pid > 0)
            found = pid;
    }
    fclose(f);
    return found;
}

static cull_status locked(cull_ctx *cx, cull__sqlite *s)
{
    if (s->cancelled) {
        s->cancelled = false;
        return CULL_ECANCEL; /* cull__tick left the sentence */
    }
    long pid = holder(s);
    if (pid)
        return cull__fail(cx, CULL_EIO,
                          "%s: locked for longer than %g s by process %ld; wait for it or end it",
                          s->path, s->patience, pid);
    return cull__fail(cx, CULL_EIO,
                      "%s: locked for longer than %g s by another program that has it open; wait "
                      "for it or end it",
                      s->path, s->patience);
}

static cull_status gone(cull_ctx *cx, const cull__sqlite *s)
{
    return cull__fail(cx, CULL_EIO, "%s: was moved or deleted while it was open", s->path);
}

cull_status cull__sqlite_moved(cull_ctx *cx, const cull__sqlite *s)
{
    struct stat st;
    bool same = stat(s->path, &st) == 0 && st.st_dev == s->file[0] && st.st_ino == s->file[1];
    return same ? CULL_OK : gone(cx, s);
}

/* What keeps the file, and those beside it, from being opened and written, for which SQLite has one word; NULL = nothing
 * that is seen here. */
static const char *in_the_way(const cull__sqlite *s)
{
    char dir[4096] = ".";
    const char *slash = strrchr(s->path, '/');
    if (slash)
        snprintf(dir, sizeof dir, "%.*s", slash > s->path ? (int)(slash - s->path) : 1, s->path);
    if (access(dir, F_OK) != 0 && errno == ENOENT) return "its folder is not there";
    bool there = access(s->path, F_OK) == 0;
    if (there && access(s->path, W_OK) != 0)
        return errno == EROFS ? "its file system can only be read"
                              : "there is no permission to write it";
    if (access(dir, W_OK) == 0) return NULL;
    return errno == EROFS ? "its file system can only be read"
                          : "there is no permission to write in its folder, as a study has to";
}

static cull_status unwritable(cull_ctx *cx, const cull__sqlite *s)
{
    const char *why = in_the_way(s);
    return cull__fail(cx, CULL_EIO, "%s: %s", s->path,
                      why ? why : "there is no permission to write it");
}

cull_status cull__sqlite_fail(cull_ctx *cx, cull__sqlite *s)
{
    int code = s->code = s->db ? sqlite3_extended_errcode(s->db) : SQLITE_NOMEM;
    int os = s->db ? sqlite3_system_errno(s->db) : 0;
    const char *said = s->db ? sqlite3_errmsg(s->db) : "";
    switch (code & 0xff) {
    case SQLITE_NOMEM: return cull__fail(cx, CULL_ENOMEM, "%s: out of memory", s->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return locked(cx, s);
    case SQLITE_NOTADB:
        return cull__fail(cx, CULL_EINPUT, "%s: is not a study (no SQLite file)", s->path);
    case SQLITE_CORRUPT:
    case SQLITE_ERROR: /* a table that is not there, or has other columns */
        return cull__fail(cx, CULL_EINPUT,
                          "%s: is damaged (%s); go on with a copy, or with what 'sqlite3 FILE "
                          ".recover' gives",
                          s->path, said);
    case SQLITE_READONLY: return code == SQLITE_READONLY_DBMOVED ? gone(cx, s) : unwritable(cx, s);
    case SQLITE_CANTOPEN:
        if (in_the_way(s)) return unwritable(cx, s);
        break;
    default: break;
    }
    if ((code & 0xff) == SQLITE_FULL || os == ENOSPC || os == EDQUOT)
        return cull__fail(cx, CULL_EIO, "%s: the disk is full; what was written before is kept",
                          s->path);
    if ((code & 0xff) == SQLITE_IOERR && !os)
        return cull__fail(
            cx, CULL_EIO,
            "%s: cannot be read or written further; a quota or a limit of the size of "
            "files (ulimit -f) may be in the way; what was written before is kept",
            s->path);
    return cull__fail(cx, CULL_EIO, "%s: %s%s%s", s->path, said, os ? ": " : "",
                      os ? strerrordesc_np(os) : "");
}

/* ---- waiting ---- */

/* SQLite's own handler sleeps ever longer and loses every race against a busy writer. Sleeps of one length would
 * keep all CPUs busy with asking, where many wait. */
static int busy(void *user, int count)
{
    cull__sqlite *s = user;
    double now = cull__now();
    if (count == 0) s->since = now;
    if (now - s->since > s->patience) return 0;
    if (s->cx && now - s->since > QUIET && cull__tick(s->cx, 0, 0) != CULL_OK) {
        s->cancelled = true;
        return 0;
    }
    int longer = count < 8 * LONGEST ? 1 + count / 8 : LONGEST;
    struct timespec t = {0, longer * (long)(200000 + 800000 * cull__rng_unit(&s->rng))};
    nanosleep(&t, NULL);
    return 1;
}

cull_status cull__sqlite_exec(cull_ctx *cx, cull__sqlite *s, const char *sql)
{
    s->cx = cx;
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? CULL_OK
                                                                   : cull__sqlite_fail(cx, s);
}

/* The first column of the first row. */
static cull_status number(cull_ctx *cx, cull__sqlite *s, const char *sql, int64_t *out)
{
    sqlite3_stmt *q = NULL;
    s->cx = cx;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(q);
    cull_status st = CULL_OK;
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(q, 0);
    else
        st = cull__sqlite_fail(cx, s);
    sqlite3_finalize(q);
    return st;
}

/* ---- what the file is ---- */

/* Within a transaction, so that all of it is of one moment. */
static cull_status identify_now(cull_ctx *cx, cull__sqlite *s, bool *is)
{
    int64_t id = 0, version = 0, tables = 0;
    CULL_TRY(number(cx, s, "PRAGMA application_id", &id));
    CULL_TRY(number(cx, s, "PRAGMA user_version", &version));
    *is = id == CULL__SQLITE_ID;
    if (*is && version > CULL__SQLITE_VERSION)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: was written by a newer cull (form %" PRId64 "; this one knows %d)",
                          s->path, version, CULL__SQLITE_VERSION);
    if (*is && version < 1)
        return cull__fail(cx, CULL_EINPUT, "%s: is damaged (form %" PRId64 ")", s->path, version);
    if (*is) return CULL_OK;
    CULL_TRY(number(cx, s, "SELECT count(*) FROM sqlite_schema", &tables));
    if (id != 0 || tables != 0)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: is not a study but another program's SQLite file (application id "
                          "0x%08" PRIx64 ", %" PRId64 " %s)",
                          s->path, (uint64_t)id & 0xffffffff, tables,
                          tables == 1 ? "table or view" : "tables and views");
    return CULL_OK;
}

static cull_status identify(cull_ctx *cx, cull__sqlite *s, bool *is)
{
    CULL_TRY(cull__sqlite_exec(cx, s, "BEGIN"));
    cull_status st = identify_now(cx, s, is);
    sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

static cull_status insert_facts(cull_ctx *cx, cull__sqlite *s, const cull__study_facts *f)
{
    const char *text[] = {f->space, f->first ? f->first : f->space, f->problem, f->method, f->opts};
    char seed[24];
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(s->db,
                           "INSERT INTO facts(id, space, first, problem, method, opts, seed, "
                           "width, objectives, constraints) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                           -1, &q, NULL) != SQLITE_OK)
        return cull__sqlite_fail(cx, s);
    for (int i = 0; i < 5; i++)
        sqlite3_bind_text(q, 1 + i, text[i] ? text[i] : "", -1, SQLITE_STATIC);
    snprintf(seed, sizeof seed, "%" PRIu64, f->seed);
    sqlite3_bind_text(q, 6, seed, -1, SQLITE_STATIC);
    sqlite3_bind_int64(q, 7, f->width);
    sqlite3_bind_int(q, 8, f->objectives);
    sqlite3_bind_int(q, 9, f->constraints);
    cull_status st = sqlite3_step(q) == SQLITE_DONE ? CULL_OK : cull__sqlite_fail(cx, s);
    sqlite3_finalize(q);
    return st;
}

static cull_status make_tables(cull_ctx *cx, cull__sqlite *s, const cull__study_facts *mine)
{
    cull_buf b = CULL_BUF(cx);
    cull__buf_printf(&b, "%s", schema);
    cull__buf_printf(&b, "CREATE TABLE trial(number INTEGER PRIMARY KEY, state TEXT NOT NULL,"
                         " replicate INTEGER, steps INTEGER");
    for (int i = 1; i <= mine->objectives; i++) cull__buf_printf(&b, ", value%d REAL", i);
    cull__buf_printf(&b, ", violation REAL, cost REAL, began REAL, ended REAL, worker TEXT, note "
                         "TEXT);");
    cull__buf_printf(&b, "PRAGMA application_id = %d; PRAGMA user_version = %d;", CULL__SQLITE_ID,
                     CULL__SQLITE_VERSION);
    cull_status st = b.status;
    if (st == CULL_OK) st = cull__sqlite_exec(cx, s, b.at);
    cull__buf_free(&b);
    return st == CULL_OK ? insert_facts(cx, s, mine) : st;
}

/* An empty file becomes a study, unless another process was faster. */
static cull_status make_study(cull_ctx *cx, cull__sqlite *s, const cull__study_facts *mine,
                              bool *was)
{
    CULL_TRY(cull__sqlite_exec(cx, s, "BEGIN IMMEDIATE"));
    cull_status st = identify_now(cx, s, was);
    if (st == CULL_OK && !*was) st = make_tables(cx, s, mine);
    if (st == CULL_OK) return cull__sqlite_exec(cx, s, "COMMIT");
    sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

/* The change needs the file for itself, and SQLite does not always wait for that. */
static cull_status journal(cull_ctx *cx, cull__sqlite *s)
{
    sqlite3_stmt *q = NULL;
    double since = s->since = cull__now(); /* the handler may not have been asked yet */
    for (int rc = SQLITE_BUSY; rc != SQLITE_ROW;) {
        s->cx = cx;
        rc = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode = WAL", -1, &q, NULL);
        if (rc == SQLITE_OK) rc = sqlite3_step(q);
        bool again = (rc & 0xff) == SQLITE_BUSY && cull__now() - since < s->patience;
        if (rc != SQLITE_ROW && (!again || !busy(s, 1))) {
            cull_status st = cull__sqlite_fail(cx, s);
            sqlite3_finalize(q);
            return st;
        }
        if (rc != SQLITE_ROW) sqlite3_finalize(q);
    }
    const char *mode = (const char *)sqlite3_column_text(q, 0);
    cull_status st = CULL_OK;
    if (!mode || strcmp(mode, "wal") != 0)
        st = cull__fail(cx, CULL_EIO,
                        "%s: its file system has no shared memory, so processes cannot share a "
                        "study there; a local disk can",
                        s->path);
    sqlite3_finalize(q);
    return st;
}

/* seed: as text, since SQLite's integers have a sign. */
static bool facts_of(sqlite3_stmt *q, cull__study_facts *f)
{
    char junk;
    const char *seed = (const char *)sqlite3_column_text(q, 5);
    *f = (cull__study_facts){
        .space = (const char *)sqlite3_column_text(q, 0),
        .first = (const char *)sqlite3_column_text(q, 1),
        .problem = (const char *)sqlite3_column_text(q, 2),
        .method = (const char *)sqlite3_column_text(q, 3),
        .opts = (const char *)sqlite3_column_text(q, 4),
        .width = sqlite3_column_int64(q, 6),
        .objectives = sqlite3_column_int(q, 7),
        .constraints = sqlite3_column_int(q, 8),
    };
    return cull__facts_sound(f) && seed && sscanf(seed, "%" SCNu64 "%c", &f->seed, &junk) == 1;
}

static cull_status load_facts(cull_ctx *cx, cull__sqlite *s)
{
    sqlite3_stmt *q = NULL;
    cull__study_facts f;
    s->cx = cx;
    int rc = sqlite3_prepare_v2(s->db,
                                "SELECT space, first, problem, method, opts, seed, width, "
                                "objectives, constraints FROM facts",
                                -1, &q, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(q);
    cull_status st;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        st = cull__sqlite_fail(cx, s);
    else if (rc == SQLITE_DONE || !facts_of(q, &f))
        st = cull__fail(cx, CULL_EINPUT, "%s: is damaged (its facts are missing or senseless)",
                        s->path);
    else
        st = cull__facts_copy(cx, &f, &s->facts, &s->text);
    sqlite3_finalize(q);
    return st;
}

/* ---- opening ---- */

/* As a URI, since only that can say "nobody writes". */
static cull_status uri_of(cull_ctx *cx, const char *path, const char *query, char **out)
{
    cull_buf b = CULL_BUF(cx);
    cull__buf_printf(&b, "file:%s", path[0] == '/' ? "" : "./");
    while (path[0] == '/' && path[1] == '/') path++;
    for (; *path; path++) {
        if (strchr("?#%", *path))
            cull__buf_printf(&b, "%%%02X", (unsigned)(unsigned char)*path);
        else
            cull__buf_add(&b, path, 1);
    }
    cull__buf_printf(&b, "%s", query);
    cull_status st = b.status;
    if (st == CULL_OK)
        *out = b.at;
    else
        cull__buf_free(&b);
    return st;
}

static cull_status connect(cull_ctx *cx, cull__sqlite *s, int flags, const char *query)
{
    char *uri;
    CULL_TRY(uri_of(cx, s->path, query, &uri));
    sqlite3_close(s->db);
    s->db = NULL;
    int rc = sqlite3_open_v2(
        uri, &s->db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    cull__free(uri);
    if (rc != SQLITE_OK) return cull__sqlite_fail(cx, s);
    sqlite3_busy_handler(s->db, busy, s);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* of a new file: a group writes a page of each table, so small ones are cheaper */
    return cull__sqlite_exec(
        cx, s, "PRAGMA temp_store = MEMORY; PRAGMA page_size = 1024; PRAGMA trusted_schema = OFF");
}

/* With permission to write nothing is written either, but the last one to close takes the files beside it away.
 * Without it, readers of a file that was closed well need no files beside it; while it is
 * written they need those that the writer made. */
static cull_status open_reading(cull_ctx *cx, cull__sqlite *s)
{
    bool is = false;
    cull_status st = connect(cx, s, SQLITE_OPEN_READWRITE, "");
    if (st == CULL_OK) st = cull__sqlite_exec(cx, s, "PRAGMA query_only = ON");
    if (st == CULL_OK) st = identify(cx, s, &is);
    int code = s->code & 0xff;
    if (st == CULL_EIO && (code == SQLITE_CANTOPEN || code == SQLITE_READONLY)) {
        char wal[4096];
        struct stat w;
        if (snprintf(wal, sizeof wal, "%s-wal", s->path) >= (int)sizeof wal) return st;
        if (stat(wal, &w) == 0 && w.st_size > 0)
            return cull__fail(cx, CULL_EIO,
                              "%s: has changes in %s that cannot be read without permission to "
                              "write %s-shm",
                              s->path, wal, s->path);
        if (access(s->path, R_OK) != 0) return cull__fail_errno(cx, s->path, "cannot read");
        st = connect(cx, s, SQLITE_OPEN_READONLY, "?immutable=1");
        if (st == CULL_OK) st = identify(cx, s, &is);
    }
    CULL_TRY(st);
    return is ? CULL_OK : cull__fail(cx, CULL_EINPUT, "%s: is empty, not a study", s->path);
}

static cull_status open_writing(cull_ctx *cx, cull__sqlite *s, bool make,
                                const cull__study_facts *mine, bool *was)
{
    CULL_TRY(connect(cx, s, SQLITE_OPEN_READWRITE | (make ? SQLITE_OPEN_CREATE : 0), ""));
    CULL_TRY(identify(cx, s, was));
    if (!*was && !make) return cull__fail(cx, CULL_EINPUT, "%s: is empty, not a study", s->path);
    if (sqlite3_db_readonly(s->db, "main") == 1) return unwritable(cx, s);
    CULL_TRY(journal(cx, s));
    /* a checkpoint costs two fsyncs: not each 1000 pages, which are some 180 trials */
    CULL_TRY(cull__sqlite_exec(cx, s, "PRAGMA wal_autocheckpoint = 8000"));
    /* SQLite would wait for the disk after every group; results alone are worth that (store_sqlite.c) */
    CULL_TRY(cull__sqlite_exec(cx, s, "PRAGMA synchronous = NORMAL"));
    return *was ? CULL_OK : make_study(cx, s, mine, was);
}

static cull_status check_path(cull_ctx *cx, const char *path, bool make)
{
    struct stat st;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return cull__fail(cx, CULL_EINPUT, "%s: is a folder; a study is a file", path);
        if (!S_ISREG(st.st_mode))
            return cull__fail(cx, CULL_EINPUT, "%s: is no regular file; a study is one", path);
        return CULL_OK;
    }
    if (errno != ENOENT) return cull__fail_errno(cx, path, "cannot open");
    if (path[0] && path[strlen(path) - 1] == '/')
        return cull__fail(cx, CULL_EINPUT, "%s: names a folder; a study is a file", path);
    if (!make) return cull__fail(cx, CULL_EINPUT, "%s: there is no such study", path);
    return CULL_OK;
}

cull_status cull__sqlite_open(cull_ctx *cx, const char *path, bool make, bool sync,
                              const cull__study_facts *mine, bool *was, cull__study_facts *facts,
                              void **out)
{
    cull__sqlite *s;
    *out = NULL;
    if (!mine) make = false;
    CULL_TRY(check_path(cx, path, make));
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->home = s->cx = cx;
    s->patience = PATIENCE;
    s->reading = !mine;
    s->sync = sync;
    /* two processes must not sleep in step, or neither gets out of the other's way */
    s->rng = cull__rng_seeded((uint64_t)getpid(),
                              cull__hash64(&(double){cull__now()}, sizeof(double), 0));
    size_t n = strlen(path) + 1;
    cull_status st = CULL_ALLOC(cx, s->path, (int64_t)n);
    if (st == CULL_OK) {
        memcpy(s->path, path, n);
        s->charged = cull__charge(cx, HELD);
        if (!s->charged) st = cull__fail(cx, CULL_ENOMEM, "%s: out of memory", path);
    }
    *was = true;
    if (st == CULL_OK) st = mine ? open_writing(cx, s, make, mine, was) : open_reading(cx, s);
    struct stat file;
    if (st == CULL_OK && stat(s->path, &file) == 0)
        s->file[0] = (uint64_t)file.st_dev, s->file[1] = (uint64_t)file.st_ino;
    if (st == CULL_OK) st = load_facts(cx, s);
    if (st != CULL_OK) {
        cull__sqlite_close(s);
        return st;
    }
    *facts = s->facts;
    *out = s;
    return CULL_OK;
}

void cull__sqlite_close(void *v)
{
    cull__sqlite *s = v;
    if (!s) return;
    s->cx = NULL; /* nobody is told how long the end waits */
    for (int i = 0; i < SQL_COUNT; i++) sqlite3_finalize(s->stmt[i]);
    sqlite3_close(s->db);
    if (s->charged) cull__uncharge(s->home, HELD);
    cull__free(s->path);
    cull__free(s->text);
    cull__free(s->text_before);
    cull__free(s->num);
    cull__free(s->bytes);
    cull__free(s);
}

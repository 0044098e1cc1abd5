/* store_sqlite.h - a study in an SQLite file: what its two files share. */
#ifndef CULL__STORE_SQLITE_H
#define CULL__STORE_SQLITE_H
#include "search/store_kind.h"

#include <sqlite3.h>

enum { CULL__SQLITE_ID = 0x4355534C, CULL__SQLITE_VERSION = 1 }; /* "CUSL"; of the tables */

enum {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_READ,
    SQL_EVENT,
    SQL_ASKED,
    SQL_CHANGED,
    SQL_LEASE,
    SQL_UNLEASE,
    SQL_PASS,
    SQL_SWEEP,
    SQL_BEAT,
    SQL_LOST,
    SQL_WIDEN,
    SQL_COUNT
};
typedef struct cull__sqlite {
    sqlite3 *db;
    sqlite3_stmt *stmt[SQL_COUNT]; /* prepared when first wanted */
    cull_ctx *home;                /* that opened it, and counts its memory */
    cull_ctx *cx;                  /* of the call in progress: who waits in `busy` */
    char *path;
    double patience, since; /* seconds to wait for others; when the wait began */
    cull_rng rng;           /* how long each sleep is: never part of an answer */
    int code;               /* of the last failure, as SQLite has them */
    bool cancelled;         /* the wait ended because the ctx said so */
    bool reading, taken, charged;
    bool sync;        /* results are kept from power failures */
    bool swept;       /* leases that others left behind are gone */
    int64_t idle[2];  /* + 1: a trial that ended and whose lease is there still; as committed */
    bool owed;        /* one was written since the last fsync */
    uint64_t file[2]; /* device and inode: another one of that name is not written to */
    cull__study_facts facts, before; /* before: where a widening is not committed yet */
    char *text, *text_before;        /* what they point to */
    double *num;
    int64_t num_cap;
    uint8_t *bytes;
    int64_t bytes_cap;
} cull__sqlite;

/* mine NULL: for reading alone, without permission to write. */
cull_status cull__sqlite_open(cull_ctx *cx, const char *path, bool make, bool sync,
                              const cull__study_facts *mine, bool *was, cull__study_facts *facts,
                              void **out);
void cull__sqlite_close(void *v);
/* The sentence of what SQLite refused last. */
cull_status cull__sqlite_fail(cull_ctx *cx, cull__sqlite *s);
/* EIO: the file that is open no longer has that name, and what is written to it would be lost. */
cull_status cull__sqlite_moved(cull_ctx *cx, const cull__sqlite *s);
cull_status cull__sqlite_exec(cull_ctx *cx, cull__sqlite *s, const char *sql);
#endif

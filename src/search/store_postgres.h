/* store_postgres.h - a study on a PostgreSQL server: what its two files share. libpq is loaded when a study needs it,
 * since linking it would make every start of cull some 8 ms longer. */
#ifndef CULL__STORE_POSTGRES_H
#define CULL__STORE_POSTGRES_H
#include "search/store_kind.h"

#include <libpq-fe.h>

/* clang-format off */
#define CULL__PQ_MAP(X)                                                                            \
    X(PQconninfoParse) X(PQconninfoFree) X(PQfreemem) X(PQconnectdbParams) X(PQfinish) X(PQstatus) X(PQerrorMessage) \
    X(PQsetNoticeReceiver) X(PQexec) X(PQexecParams) X(PQprepare) X(PQsendQueryParams)             \
    X(PQsendQueryPrepared) X(PQsetSingleRowMode) X(PQgetResult) X(PQenterPipelineMode)             \
    X(PQexitPipelineMode) X(PQpipelineSync) X(PQresultStatus) X(PQresultErrorField) X(PQresultErrorMessage) X(PQntuples)   \
    X(PQgetvalue) X(PQgetisnull) X(PQgetlength) X(PQclear)
/* clang-format on */
typedef struct {
    void *handle;
#define X(f) __typeof__(&f) f;
    CULL__PQ_MAP(X)
#undef X
} cull__pq;

typedef struct cull__postgres {
    cull__pq pq;
    PGconn *conn;
    char *url;   /* for libpq */
    char *shown; /* for people: without a password */
    char *name;  /* of the study in its database */
    double patience;
    bool sync, reading, taken, piped;
    int64_t id, last; /* of the study; seq of its last event, while it is taken */
    int waiting;      /* statements sent whose results were not looked at */
    char xact[24];    /* of the transaction that is open, by the server */
    cull__study_facts facts, before;
    char *text, *text_before;
    double *num;
    int64_t num_cap;
    uint8_t *bytes;
    int64_t bytes_cap;
} cull__postgres;

cull_status cull__postgres_open(cull_ctx *cx, const char *where, bool make, bool sync,
                                const cull__study_facts *mine, bool *was, cull__study_facts *facts,
                                void **out);
void cull__postgres_close(void *v);
cull_status cull__postgres_list(cull_ctx *cx, const char *where, cull__study_fn *fn, void *user);
/* The sentence of r, or where r is NULL of the connection; r is cleared, and a lost connection is closed. */
cull_status cull__postgres_fail(cull_ctx *cx, cull__postgres *s, PGresult *r);
/* Whether r is an error of that SQLSTATE. */
bool cull__postgres_is(const cull__postgres *s, const PGresult *r, const char *state);
bool cull__postgres_lost(const cull__postgres *s); /* the connection */
/* Whether it is lost, or r says that it will be. */
bool cull__postgres_over(const cull__postgres *s, const PGresult *r);
/* A lost connection is made anew; waits some seconds for a server that starts again. */
cull_status cull__postgres_connect(cull_ctx *cx, cull__postgres *s);
/* Without parameters and without rows. */
cull_status cull__postgres_exec(cull_ctx *cx, cull__postgres *s, const char *sql);
#endif

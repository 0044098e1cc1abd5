/* store_postgres_open.c - a study's server: libpq loaded, the URL taken apart, tables made, connections made anew. */
#define _GNU_SOURCE
#include "search/store_facts.h"

#if CULL_HAVE_POSTGRES
#include "search/store_postgres.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { VERSION = 1 };                          /* of the tables */
static const double PATIENCE = 60, AGAIN = 10; /* seconds for a lock; for a server that is gone */

/* One at a time makes tables: CREATE TABLE IF NOT EXISTS of two at once fails in one. */
#define ALONE "SELECT pg_advisory_xact_lock(x'6375736c'::bigint); "

/* clang-format off */
static const char schema[] =
    "CREATE TABLE cull_study(id serial PRIMARY KEY, name text UNIQUE NOT NULL,"
    " version int NOT NULL, space text NOT NULL, first text NOT NULL, problem text NOT NULL,"
    " method text NOT NULL, opts text NOT NULL, seed text NOT NULL, width bigint NOT NULL,"
    " objectives int NOT NULL, constraints int NOT NULL,"
    " made timestamptz NOT NULL DEFAULT now());"
    "CREATE TABLE cull_event(study int, seq bigint, kind int NOT NULL, trial bigint,"
    " replicate int, step bigint, budget bigint, state int, x float8[], value float8[],"
    " violation float8[], cost float8, noise float8, at float8, note text, worker text,"
    " PRIMARY KEY (study, seq));"
    "CREATE INDEX cull_event_trial ON cull_event(study, trial);"
    "CREATE TABLE cull_lease(study int, trial bigint, worker text, heard timestamptz NOT NULL,"
    " PRIMARY KEY (study, trial));"
    "CREATE VIEW cull_history AS SELECT s.name AS study, e.seq, e.at, (ARRAY['asked', 'queued',"
    " 'added', 'reported', 'told', 'retried', 'ended', 'widened'])[e.kind] AS what,"
    " e.trial, e.step, e.worker, e.note FROM cull_event e JOIN cull_study s ON s.id = e.study;"
    /* a: how a trial began; t: what was heard of it last */
    "CREATE VIEW cull_trial AS SELECT s.name AS study, a.trial AS number,"
    " (ARRAY['running', 'done', 'stopped', 'failed', 'timeout', 'lost', 'waiting'])[1 + CASE"
    "   WHEN t.kind = 6 THEN 6 WHEN t.kind IS NULL THEN a.state ELSE t.state END] AS state,"
    " a.replicate, t.value, t.violation, t.cost, a.x, a.at AS began,"
    " CASE WHEN t.kind <> 6 AND t.state <> 0 THEN t.at END AS ended,"
    " (SELECT e.worker FROM cull_event e WHERE e.study = a.study AND e.trial = a.trial"
    "   AND e.worker IS NOT NULL ORDER BY e.seq DESC LIMIT 1) AS worker, t.note"
    " FROM cull_event a JOIN cull_study s ON s.id = a.study LEFT JOIN LATERAL"
    " (SELECT * FROM cull_event e WHERE e.study = a.study AND e.trial = a.trial"
    "   AND e.seq >= a.seq AND (e.kind > 2 OR e.x IS NULL) ORDER BY e.seq DESC LIMIT 1) t ON true"
    " WHERE a.kind IN (1, 3) AND a.x IS NOT NULL;";
/* clang-format on */

/* ---- sentences ---- */

bool cull__postgres_lost(const cull__postgres *s)
{
    return !s->conn || s->pq.PQstatus(s->conn) != CONNECTION_OK;
}

bool cull__postgres_is(const cull__postgres *s, const PGresult *r, const char *state)
{
    const char *is = r ? s->pq.PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    return is && !strcmp(is, state);
}

bool cull__postgres_over(const cull__postgres *s, const PGresult *r)
{
    if (cull__postgres_lost(s)) return true;
    if (!r || s->pq.PQresultStatus(r) != PGRES_FATAL_ERROR) return false;
    const char *how = s->pq.PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
    return !how || strcmp(how, "ERROR") != 0; /* libpq's own, or the server's last words */
}

/* libpq's messages have several lines, and a newline at the end. */
static const char *words(const cull__postgres *s, const PGresult *r, int *n)
{
    const char *m = r ? s->pq.PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (!m && r) m = s->pq.PQresultErrorMessage(r);
    if (!m || !*m) m = s->conn ? s->pq.PQerrorMessage(s->conn) : "it was lost";
    *n = (int)strcspn(m, "\n");
    return m;
}

cull_status cull__postgres_fail(cull_ctx *cx, cull__postgres *s, PGresult *r)
{
    int n;
    const char *m = words(s, r, &n), *at = s->shown;
    cull_status st;
    if (cull__postgres_over(s, r)) {
        st = cull__fail(cx, CULL_EIO, "%s: there is no connection to the server%s (%.*s)", at,
                        s->id > 0 ? "; what was committed is kept" : "", n, m);
        s->pq.PQfinish(s->conn);
        s->conn = NULL;
    } else if (cull__postgres_is(s, r, "55P03")) {
        st = cull__fail(cx, CULL_EIO,
                        "%s: locked for longer than %g s by another process (pg_stat_activity "
                        "shows who); wait for it or end it",
                        at, s->patience);
    } else if (cull__postgres_is(s, r, "53100")) {
        st = cull__fail(cx, CULL_EIO,
                        "%s: the server's disk is full; what was written before is kept", at);
    } else if (cull__postgres_is(s, r, "42501") || cull__postgres_is(s, r, "25006")) {
        st = cull__fail(cx, CULL_EIO, "%s: there is no permission to write there (%.*s)", at, n, m);
    } else if (cull__postgres_is(s, r, "42P01") || cull__postgres_is(s, r, "42703")) {
        st = cull__fail(cx, CULL_EINPUT, "%s: its tables are not those of cull, or damaged (%.*s)",
                        at, n, m);
    } else {
        st = cull__fail(cx, CULL_EIO, "%s: %.*s", at, n, m);
    }
    s->pq.PQclear(r);
    return st;
}

cull_status cull__postgres_exec(cull_ctx *cx, cull__postgres *s, const char *sql)
{
    PGresult *r = s->pq.PQexec(s->conn, sql);
    ExecStatusType is = s->pq.PQresultStatus(r);
    if (is != PGRES_COMMAND_OK && is != PGRES_TUPLES_OK) return cull__postgres_fail(cx, s, r);
    s->pq.PQclear(r);
    return CULL_OK;
}

/* ---- the connection ---- */

static cull_status load(cull_ctx *cx, cull__postgres *s)
{
    /* NODELETE: the libraries that it brings do not all survive being unloaded */
    s->pq.handle = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    bool whole = s->pq.handle != NULL;
#define X(f)                                                                                       \
    if (whole) {                                                                                   \
        void *at = dlsym(s->pq.handle, #f);                                                        \
        memcpy(&s->pq.f, &at, sizeof at);                                                          \
        whole = at != NULL;                                                                        \
    }
    CULL__PQ_MAP(X)
#undef X
    if (whole) return CULL_OK;
    return cull__fail(cx, CULL_ENODATA,
                      "%s: libpq.so.5 of version 14 or later is not installed (Debian: libpq5)",
                      s->shown);
}

static void no_notice(void *user, const PGresult *r) { (void)user, (void)r; }

static cull_status prepare(cull_ctx *cx, cull__postgres *s)
{
    static const char *const what[][2] = {
        {"event",
         "INSERT INTO cull_event(study, seq, kind, trial, replicate, step, budget, state, x, value,"
         " violation, cost, noise, at, note, worker) VALUES ($1::int8, $2::int8, $3::int8, "
         "$4::int8,"
         " $5::int8, $6::int8, $7::int8, $8::int8, $9::float8[], $10::float8[], $11::float8[],"
         " $12::float8, $13::float8, $14::float8, $15::text, $16::text)"},
        {"lease",
         "INSERT INTO cull_lease(study, trial, worker, heard) VALUES ($1::int8, $2::int8, $3::text,"
         " clock_timestamp()) ON CONFLICT (study, trial) DO UPDATE SET worker = excluded.worker,"
         " heard = excluded.heard"},
        {"unlease", "DELETE FROM cull_lease WHERE study = $1::int8 AND trial = $2::int8"},
        {"beat", "UPDATE cull_lease SET worker = $3::text, heard = clock_timestamp()"
                 " WHERE study = $1::int8 AND trial = $2::int8"},
    };
    for (size_t i = 0; i < sizeof what / sizeof *what && !s->reading; i++) {
        PGresult *r = s->pq.PQprepare(s->conn, what[i][0], what[i][1], 0, NULL);
        if (s->pq.PQresultStatus(r) != PGRES_COMMAND_OK) return cull__postgres_fail(cx, s, r);
        s->pq.PQclear(r);
    }
    return CULL_OK;
}

static cull_status settle(cull_ctx *cx, cull__postgres *s)
{
    s->pq.PQsetNoticeReceiver(s->conn, no_notice, NULL);
    CULL_TRY(cull__postgres_exec(cx, s,
                                 "SET client_encoding = 'UTF8'; SET extra_float_digits = 1;"
                                 "SET client_min_messages = warning; SET tcp_keepalives_idle = 30;"
                                 "SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"));
    if (s->reading) return cull__postgres_exec(cx, s, "SET default_transaction_read_only = on");
    if (s->sync) return cull__postgres_exec(cx, s, "SET synchronous_commit = on");
    return CULL_OK;
}

cull_status cull__postgres_connect(cull_ctx *cx, cull__postgres *s)
{
    const char *key[] = {"connect_timeout", "fallback_application_name", "dbname", NULL};
    const char *value[] = {"10", "cull", s->url, NULL};
    double since = cull__now();
    bool again = s->id > 0; /* it was there before */
    for (;;) {
        s->pq.PQfinish(s->conn); /* not PQreset: nothing of the old one is to be met again */
        s->conn = s->pq.PQconnectdbParams(key, value, 1);
        if (!again || !cull__postgres_lost(s) || cull__now() - since > AGAIN) break;
        CULL_TRY(cull__tick(cx, 0, 0));
        nanosleep(&(struct timespec){0, 200000000}, NULL);
    }
    if (cull__postgres_lost(s)) return cull__postgres_fail(cx, s, NULL);
    CULL_TRY(settle(cx, s));
    return again ? prepare(cx, s) : CULL_OK;
}

/* ---- the URL ---- */

static int hex(char c)
{
    const char *digits = "0123456789abcdef",
               *at = strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);
    return c && at ? (int)(at - digits) : -1;
}

static void add_decoded(cull_buf *b, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '%' && i + 2 < n && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
            c = (char)(16 * hex(s[i + 1]) + hex(s[i + 2]));
            i += 2;
        }
        cull__buf_add(b, &c, 1);
    }
}

static void add_encoded(cull_buf *b, const char *s)
{
    for (; *s; s++) {
        if (strchr("%&#? ", *s) || (unsigned char)*s < 32)
            cull__buf_printf(b, "%%%02X", (unsigned)(unsigned char)*s);
        else
            cull__buf_add(b, s, 1);
    }
}

/* The end of user:secret as libpq sees it, the first @ before any slash; NULL = there is none. */
static const char *at_of(const char *where)
{
    const char *user = strstr(where, "://") + 3, *at = user + strcspn(user, "@/");
    return *at == '@' ? at : NULL;
}

/* "postgresql://user:secret@host/db" up to `end`, without the secret. */
static void add_shown(cull_buf *b, const char *where, const char *end)
{
    const char *user = strstr(where, "://") + 3, *at = at_of(where);
    const char *colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;
    cull__buf_add(b, where, (size_t)((colon ? colon : end) - where));
    if (colon) cull__buf_add(b, at, (size_t)(end - at));
}

/* url: all but study=NAME, which libpq does not know. */
static cull_status take_apart(cull_ctx *cx, cull__postgres *s, const char *where)
{
    cull_buf url = CULL_BUF(cx), shown = CULL_BUF(cx), name = CULL_BUF(cx);
    const char *at = at_of(where), *end = at ? at : where; /* a secret may hold a ? */
    end += strcspn(end, "?");
    cull__buf_add(&url, where, (size_t)(end - where));
    add_shown(&shown, where, end);
    char mark = '?';
    for (const char *p = end; *p;) {
        size_t n = strcspn(++p, "&");
        if (!strncmp(p, "study=", 6)) {
            cull__buf_free(&name);
            add_decoded(&name, p + 6, n - 6);
        } else if (n) {
            cull__buf_add(&url, &mark, 1);
            cull__buf_add(&url, p, n);
            mark = '&';
        }
        p += n;
    }
    if (!name.n) cull__buf_printf(&name, "cull");
    cull__buf_printf(&shown, "?study=");
    add_encoded(&shown, name.at ? name.at : "");
    cull_status st = url.status ? url.status : shown.status ? shown.status : name.status;
    s->url = url.at, s->shown = shown.at, s->name = name.at; /* freed with s, whole or not */
    if (st == CULL_OK && !cull__utf8_ok(s->name, strlen(s->name), &(size_t){0}))
        st = cull__fail(cx, CULL_EINPUT, "%s: the name of the study is not UTF-8", s->shown);
    return st;
}

/* A password with an @ or a / that are not written as %40 and %2F ends where libpq takes it to end, and it would tell the rest as
 * the name of a host, a port or a database that there is not. */
static bool misread(const PQconninfoOption *o)
{
    for (; o->keyword; o++) {
        if (!o->val) continue;
        if (!strcmp(o->keyword, "host") && strchr(o->val, '@')) return true;
        if (!strcmp(o->keyword, "port") && strspn(o->val, "0123456789,") != strlen(o->val))
            return true;
    }
    return false;
}

static cull_status check_url(cull_ctx *cx, const cull__postgres *s)
{
    char *why = NULL;
    PQconninfoOption *o = s->pq.PQconninfoParse(s->url, &why);
    bool secret = strchr(s->url, '@') || strstr(s->url, "password=");
    cull_status st = CULL_OK;
    if (!o && why && !secret)
        st = cull__fail(cx, CULL_EINPUT, "%s: is no URL of a server (%.*s)", s->shown,
                        (int)strcspn(why, "\n"), why);
    else if (!o || misread(o))
        st =
            cull__fail(cx, CULL_EINPUT,
                       "a URL of a store, postgresql://user@host/db?study=NAME, cannot be read; in "
                       "names an @ is written %%40, a / %%2F, a %% %%25, and a password belongs "
                       "into PGPASSWORD or ~/.pgpass");
    s->pq.PQconninfoFree(o);
    s->pq.PQfreemem(why);
    return st;
}

/* ---- the study ---- */

#define FACTS                                                                                      \
    "name, version, space, first, problem, method, opts, seed, width, objectives, constraints, id"

static cull_status facts_of(cull_ctx *cx, cull__postgres *s, const PGresult *r, int row,
                            cull__study_facts *f)
{
    const char *v[12];
    for (int i = 0; i < 12; i++) v[i] = s->pq.PQgetvalue(r, row, i);
    int64_t version = 0, objectives = 0, constraints = 0;
    char junk;
    *f = (cull__study_facts){
        .space = v[2], .first = v[3], .problem = v[4], .method = v[5], .opts = v[6]};
    bool fine = cull__parse_i64(v[1], strlen(v[1]), &version) &&
                sscanf(v[7], "%" SCNu64 "%c", &f->seed, &junk) == 1 &&
                cull__parse_i64(v[8], strlen(v[8]), &f->width) &&
                cull__parse_i64(v[9], strlen(v[9]), &objectives) &&
                cull__parse_i64(v[10], strlen(v[10]), &constraints) &&
                cull__parse_i64(v[11], strlen(v[11]), &s->id);
    f->objectives = (int)objectives, f->constraints = (int)constraints;
    if (fine && version > VERSION)
        return cull__fail(cx, CULL_EINPUT,
                          "%s: was written by a newer cull (form %" PRId64 "; this one knows %d)",
                          s->shown, version, VERSION);
    if (!fine || !cull__facts_sound(f))
        return cull__fail(cx, CULL_EINPUT, "%s: is damaged (its facts make no sense)", s->shown);
    return CULL_OK;
}

static cull_status insert_study(cull_ctx *cx, cull__postgres *s, const cull__study_facts *f)
{
    char seed[24], width[24], objectives[16], constraints[16];
    snprintf(seed, sizeof seed, "%" PRIu64, f->seed);
    snprintf(width, sizeof width, "%" PRId64, f->width);
    snprintf(objectives, sizeof objectives, "%d", f->objectives);
    snprintf(constraints, sizeof constraints, "%d", f->constraints);
    const char *v[] = {s->name,
                       "1",
                       f->space,
                       f->first ? f->first : f->space,
                       f->problem ? f->problem : "",
                       f->method,
                       f->opts ? f->opts : "",
                       seed,
                       width,
                       objectives,
                       constraints};
    PGresult *r =
        s->pq.PQexecParams(s->conn,
                           "INSERT INTO cull_study(name, version, space, first, problem, method, "
                           "opts, seed, width, objectives,"
                           " constraints) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                           11, NULL, v, NULL, NULL, 0);
    if (s->pq.PQresultStatus(r) != PGRES_COMMAND_OK) return cull__postgres_fail(cx, s, r);
    s->pq.PQclear(r);
    return CULL_OK;
}

static cull_status has_tables(cull_ctx *cx, cull__postgres *s, bool *has)
{
    PGresult *r = s->pq.PQexec(s->conn, "SELECT to_regclass('cull_study') IS NOT NULL");
    if (s->pq.PQresultStatus(r) != PGRES_TUPLES_OK) return cull__postgres_fail(cx, s, r);
    *has = s->pq.PQgetvalue(r, 0, 0)[0] == 't';
    s->pq.PQclear(r);
    return CULL_OK;
}

/* Its facts, where there is one of the name. */
static cull_status look_up(cull_ctx *cx, cull__postgres *s, bool *was)
{
    PGresult *r = s->pq.PQexecParams(s->conn, "SELECT " FACTS " FROM cull_study WHERE name = $1", 1,
                                     NULL, (const char *const[]){s->name}, NULL, NULL, 0);
    if (s->pq.PQresultStatus(r) != PGRES_TUPLES_OK) return cull__postgres_fail(cx, s, r);
    *was = s->pq.PQntuples(r) == 1;
    cull__study_facts f;
    cull_status st = *was ? facts_of(cx, s, r, 0, &f) : CULL_OK;
    if (st == CULL_OK && *was) st = cull__facts_copy(cx, &f, &s->facts, &s->text);
    s->pq.PQclear(r);
    return st;
}

static cull_status find_or_make(cull_ctx *cx, cull__postgres *s, bool make,
                                const cull__study_facts *mine, bool *was)
{
    bool has = false;
    CULL_TRY(has_tables(cx, s, &has));
    if (!has && !make)
        return cull__fail(cx, CULL_EINPUT, "%s: there are no studies in that database", s->shown);
    if (!has) CULL_TRY(cull__postgres_exec(cx, s, schema));
    CULL_TRY(look_up(cx, s, was));
    if (*was) return CULL_OK;
    if (!make) return cull__fail(cx, CULL_EINPUT, "%s: there is no study '%s'", s->shown, s->name);
    CULL_TRY(insert_study(cx, s, mine));
    CULL_TRY(look_up(cx, s, was));
    *was = false;
    return CULL_OK;
}

static cull_status open_study(cull_ctx *cx, cull__postgres *s, bool make,
                              const cull__study_facts *mine, bool *was)
{
    CULL_TRY(cull__postgres_connect(cx, s));
    if (s->reading) return find_or_make(cx, s, false, NULL, was);
    CULL_TRY(cull__postgres_exec(cx, s, "BEGIN ISOLATION LEVEL READ COMMITTED; " ALONE));
    cull_status st = find_or_make(cx, s, make, mine, was);
    if (st == CULL_OK) return cull__postgres_exec(cx, s, "COMMIT");
    s->pq.PQclear(s->pq.PQexec(s->conn, "ROLLBACK"));
    return st;
}

static cull_status new_state(cull_ctx *cx, const char *where, bool reading, cull__postgres **out)
{
    cull__postgres *s;
    CULL_TRY(CULL_ALLOC(cx, s, 1));
    s->patience = PATIENCE;
    s->reading = reading;
    cull_status st = take_apart(cx, s, where);
    if (st == CULL_OK) st = load(cx, s);
    if (st == CULL_OK) st = check_url(cx, s);
    if (st == CULL_OK)
        *out = s;
    else
        cull__postgres_close(s);
    return st;
}

cull_status cull__postgres_open(cull_ctx *cx, const char *where, bool make, bool sync,
                                const cull__study_facts *mine, bool *was, cull__study_facts *facts,
                                void **out)
{
    cull__postgres *s = NULL;
    *out = NULL;
    CULL_TRY(new_state(cx, where, !mine, &s));
    s->sync = sync;
    cull_status st = open_study(cx, s, make, mine, was);
    if (st == CULL_OK) st = prepare(cx, s);
    if (st != CULL_OK) {
        cull__postgres_close(s);
        return st;
    }
    *facts = s->facts;
    *out = s;
    return CULL_OK;
}

void cull__postgres_close(void *v)
{
    cull__postgres *s = v;
    if (!s) return;
    if (s->conn) s->pq.PQfinish(s->conn);
    if (s->pq.handle) dlclose(s->pq.handle);
    cull__free(s->url);
    cull__free(s->shown);
    cull__free(s->name);
    cull__free(s->text);
    cull__free(s->text_before);
    cull__free(s->num);
    cull__free(s->bytes);
    cull__free(s);
}

/* ---- all studies of a database ---- */

static cull_status hand_out(cull_ctx *cx, cull__postgres *s, const PGresult *r, cull__study_fn *fn,
                            void *user)
{
    size_t stem = strcspn(s->shown, "?");
    for (int i = 0; i < s->pq.PQntuples(r); i++) {
        cull__study_facts f;
        cull_buf b = CULL_BUF(cx);
        cull_status st = facts_of(cx, s, r, i, &f);
        cull__buf_add(&b, s->shown, stem);
        cull__buf_printf(&b, "?study=");
        add_encoded(&b, s->pq.PQgetvalue(r, i, 0));
        if (st == CULL_OK) st = b.status;
        if (st == CULL_OK) st = fn(cx, user, b.at, &f);
        cull__buf_free(&b);
        CULL_TRY(st);
    }
    return CULL_OK;
}

cull_status cull__postgres_list(cull_ctx *cx, const char *where, cull__study_fn *fn, void *user)
{
    cull__postgres *s = NULL;
    bool has = false, one = strstr(where, "?study=") || strstr(where, "&study=");
    CULL_TRY(new_state(cx, where, true, &s));
    cull_status st = cull__postgres_connect(cx, s);
    if (st == CULL_OK) st = has_tables(cx, s, &has);
    if (st == CULL_OK && has) {
        PGresult *r = s->pq.PQexecParams(
            s->conn, "SELECT " FACTS " FROM cull_study WHERE $2 OR name = $1 ORDER BY name", 2,
            NULL, (const char *const[]){s->name, one ? "f" : "t"}, NULL, NULL, 0);
        if (s->pq.PQresultStatus(r) != PGRES_TUPLES_OK) {
            st = cull__postgres_fail(cx, s, r);
        } else {
            st = hand_out(cx, s, r, fn, user);
            s->pq.PQclear(r);
        }
    }
    cull__postgres_close(s);
    return st;
}
#else
typedef int nothing_here;
#endif

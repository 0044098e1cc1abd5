/* store_postgres.c - a study on a PostgreSQL server: events are rows, doubles arrays of float8; `cull_trial` and
 * `cull_history` are views of them for people.
 *
 * Who writes holds the study's row (SELECT ... FOR UPDATE), so the next seq is known and appended events are sent on
 * without waiting for answers, which are looked at by the commit. */
#define _GNU_SOURCE
#include "search/store_kind.h"

#if CULL_HAVE_POSTGRES
#include "search/store_facts.h"
#include "search/store_postgres.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    MANY = 64
}; /* statements sent without a look at their answers: both ends would wait to write */
enum { FLOAT8 = 701 };

/* ---- parameters and columns in the server's binary form: big-endian ---- */

static void put_be(uint8_t *to, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
}

static uint64_t get_be(const uint8_t *from, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v = v << 8 | from[i];
    return v;
}

static uint64_t bits_of(double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

static double double_of(uint64_t u)
{
    double v;
    memcpy(&v, &u, sizeof v);
    return v;
}

typedef struct {
    const char *at[16];
    int bytes[16], binary[16], n;
    uint8_t number[16][8];
} params;

static void add_bytes(params *p, const void *at, int bytes)
{
    p->at[p->n] = at;
    p->bytes[p->n] = bytes;
    p->binary[p->n++] = 1;
}

static void add_int(params *p, int64_t v)
{
    uint8_t *to = p->number[p->n];
    put_be(to, (uint64_t)v, 8);
    add_bytes(p, to, 8);
}

static void add_double(params *p, double v)
{
    uint8_t *to = p->number[p->n];
    put_be(to, bits_of(v), 8);
    add_bytes(p, to, 8);
}

static void add_text(params *p, const char *s) { add_bytes(p, s, s ? (int)strlen(s) : 0); }

/* Of one dimension without NULLs: dimensions, flags, type; length, first index; each with its size. */
static uint8_t *add_array(params *p, uint8_t *at, const double *v, int64_t n)
{
    if (!v) {
        add_bytes(p, NULL, 0);
        return at;
    }
    const uint8_t *from = at;
    put_be(at, n > 0, 4), put_be(at + 4, 0, 4), put_be(at + 8, FLOAT8, 4);
    at += 12;
    if (n > 0) put_be(at, (uint64_t)n, 4), put_be(at + 4, 1, 4), at += 8;
    for (int64_t i = 0; i < n; i++, at += 12) put_be(at, 8, 4), put_be(at + 4, bits_of(v[i]), 8);
    add_bytes(p, from, (int)(at - from));
    return at;
}

static size_t array_bytes(const double *v, int64_t n) { return v ? 20 + 12 * (size_t)n : 0; }

/* How many doubles a column has; -1: it is no such array. NULL has none. */
static int64_t array_length(const cull__postgres *s, const PGresult *r, int col)
{
    if (s->pq.PQgetisnull(r, 0, col)) return 0;
    const uint8_t *at = (const uint8_t *)s->pq.PQgetvalue(r, 0, col);
    int bytes = s->pq.PQgetlength(r, 0, col);
    if (bytes == 12 && get_be(at, 4) == 0 && get_be(at + 8, 4) == FLOAT8) return 0;
    if (bytes < 20 || get_be(at, 4) != 1 || get_be(at + 4, 4) != 0 || get_be(at + 8, 4) != FLOAT8)
        return -1;
    int64_t n = (int64_t)get_be(at + 12, 4);
    return bytes == 20 + 12 * n ? n : -1;
}

static const double *take_array(const cull__postgres *s, const PGresult *r, int col, double **to)
{
    if (s->pq.PQgetisnull(r, 0, col)) return NULL;
    const uint8_t *at = (const uint8_t *)s->pq.PQgetvalue(r, 0, col) + 24;
    double *from = *to;
    for (int64_t i = 0, n = array_length(s, r, col); i < n; i++, at += 12)
        *(*to)++ = double_of(get_be(at, 8));
    return from;
}

static int64_t take_int(const cull__postgres *s, const PGresult *r, int col)
{
    int bytes = s->pq.PQgetlength(r, 0, col);
    uint64_t v = get_be((const uint8_t *)s->pq.PQgetvalue(r, 0, col), bytes == 8   ? 8
                                                                      : bytes == 4 ? 4
                                                                                   : 0);
    return bytes == 4 ? (int32_t)(uint32_t)v : (int64_t)v;
}

static double take_double(const cull__postgres *s, const PGresult *r, int col)
{
    return double_of(get_be((const uint8_t *)s->pq.PQgetvalue(r, 0, col),
                            s->pq.PQgetlength(r, 0, col) == 8 ? 8 : 0));
}

static const char *take_text(const cull__postgres *s, const PGresult *r, int col)
{
    return s->pq.PQgetisnull(r, 0, col) ? NULL : s->pq.PQgetvalue(r, 0, col);
}

/* ---- statements on their way ---- */

/* One that was lost with answers out is not to be used again. */
static void leave_pipe(cull__postgres *s)
{
    s->piped = false, s->waiting = 0;
    if (!cull__postgres_lost(s) && s->pq.PQexitPipelineMode(s->conn)) return;
    s->pq.PQfinish(s->conn);
    s->conn = NULL;
}

/* Look at all answers that are out; the first failure among them. */
static cull_status drain(cull_ctx *cx, cull__postgres *s)
{
    if (!s->piped) return CULL_OK;
    cull_status st = CULL_OK;
    bool done = !s->pq.PQpipelineSync(s->conn);
    if (done) st = cull__postgres_fail(cx, s, NULL);
    for (int left = 2 * s->waiting + 2; !done && s->conn && left > 0;) {
        PGresult *r = s->pq.PQgetResult(s->conn);
        if (!r) { /* the end of one statement's */
            left--;
            if (!cull__postgres_lost(s)) continue;
            if (st == CULL_OK) st = cull__postgres_fail(cx, s, NULL);
            break;
        }
        ExecStatusType is = s->pq.PQresultStatus(r);
        done = is == PGRES_PIPELINE_SYNC;
        if (is == PGRES_FATAL_ERROR && st == CULL_OK)
            st = cull__postgres_fail(cx, s, r);
        else
            s->pq.PQclear(r);
    }
    leave_pipe(s);
    return st;
}

static cull_status send(cull_ctx *cx, cull__postgres *s, const char *what, const params *p)
{
    if (!s->piped && !s->pq.PQenterPipelineMode(s->conn)) return cull__postgres_fail(cx, s, NULL);
    s->piped = true;
    if (!s->pq.PQsendQueryPrepared(s->conn, what, p->n, p->at, p->bytes, p->binary, 1))
        return cull__postgres_fail(cx, s, NULL);
    return ++s->waiting < MANY ? CULL_OK : drain(cx, s);
}

/* ---- transactions ---- */

static void abort_(void *v)
{
    cull__postgres *s = v;
    if (s->piped) {
        s->pq.PQpipelineSync(s->conn);
        for (int ends = 0; ends < 2 && !cull__postgres_lost(s);) {
            PGresult *r = s->pq.PQgetResult(s->conn);
            ends = r ? 0 : ends + 1;
            s->pq.PQclear(r);
        }
        leave_pipe(s);
    }
    if (!cull__postgres_lost(s)) s->pq.PQclear(s->pq.PQexec(s->conn, "ROLLBACK"));
    s->taken = false;
    if (!s->text_before) return;
    cull__free(s->text);
    s->text = s->text_before, s->facts = s->before;
    s->text_before = NULL;
}

/* The study's row, then what was written under it: each statement sees what was committed before it began. */
static PGresult *take(cull__postgres *s, int ms)
{
    char sql[400];
    snprintf(sql, sizeof sql,
             "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = %d;"
             "SELECT id FROM cull_study WHERE id = %" PRId64 " FOR UPDATE;"
             "SELECT txid_current(), (SELECT max(seq) FROM cull_event WHERE study = %" PRId64
             "), id"
             " FROM cull_study WHERE id = %" PRId64,
             ms, s->id, s->id, s->id);
    return s->pq.PQexec(s->conn, sql);
}

static cull_status taken(cull_ctx *cx, cull__postgres *s, PGresult *r)
{
    cull_status st = CULL_OK;
    if (s->pq.PQntuples(r) != 1) {
        st = cull__fail(cx, CULL_EIO, "%s: the study was deleted while it was open", s->shown);
    } else {
        const char *last = s->pq.PQgetvalue(r, 0, 1);
        s->last = 0;
        if (*last) cull__parse_i64(last, strlen(last), &s->last);
        snprintf(s->xact, sizeof s->xact, "%s", s->pq.PQgetvalue(r, 0, 0));
    }
    s->pq.PQclear(r);
    s->taken = true;
    if (st != CULL_OK) abort_(s);
    return st;
}

/* Waits in slices, so that a ctx that says stop is heeded. */
static cull_status begin(cull_ctx *cx, void *v)
{
    cull__postgres *s = v;
    double since = cull__now();
    if (s->reading)
        return cull__fail(cx, CULL_EINPUT, "%s: was opened for reading alone", s->shown);
    for (int lost = 0;;) {
        if (cull__postgres_lost(s)) CULL_TRY(cull__postgres_connect(cx, s));
        double left = s->patience - (cull__now() - since);
        PGresult *r = take(s, left < 2 ? 1 + (int)(1000 * (left > 0 ? left : 0)) : 2000);
        if (s->pq.PQresultStatus(r) == PGRES_TUPLES_OK) return taken(cx, s, r);
        bool again = cull__postgres_is(s, r, "55P03") && left > 0;
        if (cull__postgres_over(s, r)) again = ++lost < 3;
        cull_status st = cull__postgres_fail(cx, s, r);
        abort_(s);
        if (!again) return st;
        CULL_TRY(cull__tick(cx, 0, 0));
    }
}

/* The connection was lost on the way: the server knows what became of the transaction. */
static cull_status settled(cull_ctx *cx, cull__postgres *s)
{
    CULL_TRY(cull__postgres_connect(cx, s));
    PGresult *r = s->pq.PQexecParams(s->conn, "SELECT txid_status($1::bigint)", 1, NULL,
                                     (const char *const[]){s->xact}, NULL, NULL, 0);
    if (s->pq.PQresultStatus(r) != PGRES_TUPLES_OK) return cull__postgres_fail(cx, s, r);
    bool committed = !strcmp(s->pq.PQgetvalue(r, 0, 0), "committed");
    s->pq.PQclear(r);
    if (committed) return CULL_OK;
    return cull__fail(
        cx, CULL_EIO,
        "%s: the connection was lost before a group was committed, of which nothing is kept",
        s->shown);
}

static cull_status commit(cull_ctx *cx, void *v)
{
    cull__postgres *s = v;
    cull_status st = drain(cx, s);
    bool sent = st == CULL_OK;
    if (sent) st = cull__postgres_exec(cx, s, "COMMIT");
    if (st != CULL_OK && sent && cull__postgres_lost(s)) st = settled(cx, s);
    if (st != CULL_OK) {
        abort_(s);
        return st;
    }
    s->taken = false;
    cull__free(s->text_before);
    s->text_before = NULL;
    return CULL_OK;
}

/* ---- events ---- */

static cull_status send_lease(cull_ctx *cx, cull__postgres *s, const char *what, int64_t trial,
                              const char *worker)
{
    params p = {.n = 0};
    add_int(&p, s->id);
    add_int(&p, trial);
    if (strcmp(what, "unlease") != 0) add_text(&p, worker);
    return send(cx, s, what, &p);
}

/* The server takes no text that is not UTF-8, which a program's last words may well be. */
static const char *as_utf8(cull_buf *b, const char *s)
{
    if (!s) return NULL;
    size_t n = strlen(s), bad;
    if (cull__utf8_ok(s, n, &bad)) return s;
    while (!cull__utf8_ok(s, n, &bad)) {
        cull__buf_add(b, s, bad);
        cull__buf_add(b, "?", 1);
        s += bad + 1, n -= bad + 1;
    }
    cull__buf_add(b, s, n);
    return b->at;
}

static cull_status send_event(cull_ctx *cx, cull__postgres *s, const cull__event *e)
{
    const double *v[3] = {e->x, e->value, e->violation};
    const int64_t n[3] = {e->width, s->facts.objectives, s->facts.constraints};
    params p = {.n = 0};
    size_t bytes = 1;
    for (int i = 0; i < 3; i++) bytes += array_bytes(v[i], n[i]);
    CULL_TRY(CULL_GROW(cx, s->bytes, &s->bytes_cap, (int64_t)bytes));
    cull_buf note = CULL_BUF(cx), worker = CULL_BUF(cx);
    add_int(&p, s->id), add_int(&p, e->seq), add_int(&p, e->kind), add_int(&p, e->trial);
    add_int(&p, e->replicate), add_int(&p, e->step), add_int(&p, e->budget), add_int(&p, e->state);
    uint8_t *at = s->bytes;
    for (int i = 0; i < 3; i++) at = add_array(&p, at, v[i], n[i]);
    add_double(&p, e->cost), add_double(&p, e->noise), add_double(&p, e->at);
    add_text(&p, as_utf8(&note, e->note));
    add_text(&p, as_utf8(&worker, e->worker));
    cull_status st = note.status ? note.status : worker.status;
    if (st == CULL_OK) st = send(cx, s, "event", &p);
    cull__buf_free(&note);
    cull__buf_free(&worker);
    return st;
}

static cull_status append(cull_ctx *cx, void *v, cull__event *e)
{
    cull__postgres *s = v;
    if (!s->taken)
        return cull__fail(cx, CULL_EINTERNAL, "%s: an event outside begin and commit", s->shown);
    e->seq = s->last + 1;
    CULL_TRY(send_event(cx, s, e));
    s->last = e->seq;
    bool runs = e->state == CULL_TRIAL_RUNNING;
    if (e->kind == CULL__ASKED && runs) return send_lease(cx, s, "lease", e->trial, e->worker);
    if (e->kind == CULL__RETRIED || ((e->kind == CULL__REPORTED || e->kind == CULL__TOLD) && !runs))
        return send_lease(cx, s, "unlease", e->trial, NULL);
    return CULL_OK;
}

static cull_status event_of(cull_ctx *cx, cull__postgres *s, const PGresult *r, cull__event *e,
                            bool *sound)
{
    int64_t kind = take_int(s, r, 1), state = take_int(s, r, 6), n[3];
    for (int i = 0; i < 3; i++) n[i] = array_length(s, r, 7 + i);
    *sound = kind >= CULL__ASKED && kind <= CULL__WIDENED && state >= 0 &&
             state <= CULL_TRIAL_LOST && n[0] >= 0 &&
             (s->pq.PQgetisnull(r, 0, 8) || n[1] == s->facts.objectives) &&
             (s->pq.PQgetisnull(r, 0, 9) || n[2] == s->facts.constraints);
    if (!*sound) return CULL_OK;
    CULL_TRY(CULL_GROW(cx, s->num, &s->num_cap, n[0] + n[1] + n[2] + 1));
    double *at = s->num;
    *e = (cull__event){
        .seq = take_int(s, r, 0),
        .kind = (cull__event_kind)kind,
        .trial = take_int(s, r, 2),
        .replicate = (int32_t)take_int(s, r, 3),
        .step = take_int(s, r, 4),
        .budget = take_int(s, r, 5),
        .state = (cull_trial_state)state,
        .width = n[0],
        .cost = take_double(s, r, 10),
        .noise = take_double(s, r, 11),
        .at = take_double(s, r, 12),
        .note = take_text(s, r, 13),
        .worker = take_text(s, r, 14),
    };
    e->x = take_array(s, r, 7, &at);
    e->value = take_array(s, r, 8, &at);
    e->violation = take_array(s, r, 9, &at);
    return CULL_OK;
}

static cull_status ask_events(cull_ctx *cx, cull__postgres *s, int64_t since)
{
    params p = {.n = 0};
    add_int(&p, s->id);
    add_int(&p, since);
    if (s->pq.PQsendQueryParams(
            s->conn,
            "SELECT seq, kind, trial, replicate, step, budget, state, x, value, violation, cost, "
            "noise, at, note,"
            " worker FROM cull_event WHERE study = $1::int8 AND seq > $2::int8 ORDER BY seq",
            p.n, NULL, p.at, p.bytes, p.binary, 1) &&
        s->pq.PQsetSingleRowMode(s->conn))
        return CULL_OK;
    return cull__postgres_fail(cx, s, NULL);
}

static cull_status one_event(cull_ctx *cx, cull__postgres *s, const PGresult *r, int64_t seq,
                             cull__event_fn *fn, void *user)
{
    cull__event e;
    bool sound;
    CULL_TRY(event_of(cx, s, r, &e, &sound));
    if (sound && e.seq == seq) return fn(cx, user, &e);
    return cull__fail(cx, CULL_EINPUT, "%s: is damaged (event %" PRId64 " makes no sense)",
                      s->shown, seq);
}

/* *seq: of the last event handed on. */
static cull_status read_on(cull_ctx *cx, cull__postgres *s, int64_t *seq, cull__event_fn *fn,
                           void *user)
{
    CULL_TRY(ask_events(cx, s, *seq));
    cull_status st = CULL_OK;
    for (PGresult *r;
         s->conn && (r = s->pq.PQgetResult(s->conn));) { /* to the end, whatever comes */
        ExecStatusType is = s->pq.PQresultStatus(r);
        if (st == CULL_OK && is == PGRES_SINGLE_TUPLE) {
            st = one_event(cx, s, r, ++*seq, fn, user);
        } else if (st == CULL_OK && is != PGRES_TUPLES_OK) {
            st = cull__postgres_fail(cx, s, r);
            continue;
        }
        s->pq.PQclear(r);
    }
    return st;
}

/* Outside a transaction a connection may have been lost since it was used last, which shows only now. */
static cull_status read_(cull_ctx *cx, void *v, int64_t since, cull__event_fn *fn, void *user)
{
    cull__postgres *s = v;
    int64_t seq = since > 0 ? since : 0;
    CULL_TRY(drain(cx, s));
    cull_status st = read_on(cx, s, &seq, fn, user);
    if (st != CULL_EIO || s->taken || !cull__postgres_lost(s)) return st;
    CULL_TRY(cull__postgres_connect(cx, s));
    return read_on(cx, s, &seq, fn, user);
}

static cull_status widen(cull_ctx *cx, void *v, const cull__study_facts *mine)
{
    cull__postgres *s = v;
    cull__study_facts f = *mine, to;
    char *text, width[24];
    f.first = s->facts.first;
    CULL_TRY(drain(cx, s));
    CULL_TRY(cull__facts_copy(cx, &f, &to, &text));
    snprintf(width, sizeof width, "%" PRId64, to.width);
    PGresult *r =
        s->pq.PQexecParams(s->conn, "UPDATE cull_study SET space = $1, width = $2 WHERE name = $3",
                           3, NULL, (const char *const[]){to.space, width, s->name}, NULL, NULL, 0);
    if (s->pq.PQresultStatus(r) != PGRES_COMMAND_OK) {
        cull__free(text);
        return cull__postgres_fail(cx, s, r);
    }
    s->pq.PQclear(r);
    if (!s->text_before)
        s->text_before = s->text, s->before = s->facts;
    else
        cull__free(s->text);
    s->text = text, s->facts = to;
    return CULL_OK;
}

/* ---- leases ---- */

/* Under the study's row like all else: two that change leases in different orders would wait for each other. */
static cull_status beat(cull_ctx *cx, void *v, const int64_t *trial, int64_t n, const char *worker)
{
    cull__postgres *s = v;
    bool alone = !s->taken;
    if (n <= 0) return CULL_OK;
    if (alone) CULL_TRY(begin(cx, s));
    cull_status st = CULL_OK;
    for (int64_t i = 0; i < n && st == CULL_OK; i++)
        st = send_lease(cx, s, "beat", trial[i], worker);
    if (!alone) return st;
    if (st == CULL_OK) return commit(cx, s);
    abort_(s);
    return st;
}

static PGresult *ask_lost(cull__postgres *s, double seconds, int64_t cap)
{
    params p = {.n = 0};
    add_int(&p, s->id);
    add_double(&p, seconds);
    add_int(&p, cap);
    return s->pq.PQexecParams(s->conn,
                              "SELECT trial FROM cull_lease WHERE study = $1::int8 AND heard < "
                              "clock_timestamp() - $2::float8 *"
                              " interval '1 second' ORDER BY trial LIMIT $3::int8",
                              p.n, NULL, p.at, p.bytes, p.binary, 0);
}

static cull_status lost(cull_ctx *cx, void *v, double seconds, int64_t *trial, int64_t cap,
                        int64_t *n)
{
    cull__postgres *s = v;
    *n = 0;
    CULL_TRY(drain(cx, s));
    PGresult *r = ask_lost(s, seconds, cap);
    if (!s->taken && cull__postgres_over(s, r)) {
        s->pq.PQclear(r);
        CULL_TRY(cull__postgres_connect(cx, s));
        r = ask_lost(s, seconds, cap);
    }
    if (s->pq.PQresultStatus(r) != PGRES_TUPLES_OK) return cull__postgres_fail(cx, s, r);
    for (int i = 0; i < s->pq.PQntuples(r); i++) {
        const char *t = s->pq.PQgetvalue(r, i, 0);
        if (cull__parse_i64(t, strlen(t), &trial[*n])) ++*n;
    }
    s->pq.PQclear(r);
    return CULL_OK;
}

const cull__store_kind cull__store_postgres = {.open = cull__postgres_open,
                                               .close = cull__postgres_close,
                                               .begin = begin,
                                               .commit = commit,
                                               .abort = abort_,
                                               .read = read_,
                                               .append = append,
                                               .beat = beat,
                                               .lost = lost,
                                               .widen = widen,
                                               .list = cull__postgres_list};
#else
static cull_status refuse(cull_ctx *cx, const char *where, bool make, bool sync,
                          const cull__study_facts *mine, bool *was, cull__study_facts *facts,
                          void **s)
{
    (void)make, (void)sync, (void)mine, (void)was, (void)facts, (void)s, (void)where;
    return cull__fail(
        cx, CULL_ENODATA,
        "postgresql://: this cull was built without libpq (Debian: libpq-dev); a study "
        "can be a file");
}

const cull__store_kind cull__store_postgres = {.open = refuse};
#endif

/* store_sqlite.c - a study in an SQLite file: events are the truth, as rows with little-endian doubles; the table
 * `trial` beside them is for people, `lease` says when a running trial was last heard of.
 *
 * Writers take the write lock at once (BEGIN IMMEDIATE): one that had read first would be refused without a wait. */
#include "search/store_sqlite.h"
#include "search/store_facts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Seconds since 1970 by the clock of the machine that has the file. */
#define NOW "((julianday('now') - 2440587.5) * 86400.0)"

static const char *const sql[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_READ] = "SELECT seq, kind, trial, replicate, step, budget, state, x, value, violation, "
                 "cost, noise, at,"
                 " note, worker FROM event WHERE seq > ? ORDER BY seq",
    [SQL_EVENT] = "INSERT INTO event(kind, trial, replicate, step, budget, state, x, value, "
                  "violation, cost, noise,"
                  " at, note, worker) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_ASKED] = "INSERT OR REPLACE INTO trial(number, state, replicate, began, worker)"
                  " VALUES (?, 'running', ?, ?, ?)",
    [SQL_LEASE] = "INSERT OR REPLACE INTO lease(trial, worker, heard) VALUES (?, ?, " NOW ")",
    [SQL_UNLEASE] = "DELETE FROM lease WHERE trial = ?",
    [SQL_PASS] =
        "UPDATE OR REPLACE lease SET trial = ?1, worker = ?2, heard = " NOW " WHERE trial = ?3",
    [SQL_SWEEP] = "DELETE FROM lease WHERE trial IN (SELECT number FROM trial JOIN lease ON number "
                  "= trial WHERE state <> 'running')",
    [SQL_BEAT] = "UPDATE lease SET worker = ?2, heard = " NOW " WHERE trial = ?1",
    [SQL_LOST] = "SELECT trial FROM lease JOIN trial ON number = trial WHERE heard < " NOW
                 " - ? AND state = 'running' ORDER BY number LIMIT ?",
    [SQL_WIDEN] = "UPDATE facts SET space = ?, width = ?",
};

static const char *const state_name[] = {
    [CULL_TRIAL_RUNNING] = "running", [CULL_TRIAL_DONE] = "done",
    [CULL_TRIAL_STOPPED] = "stopped", [CULL_TRIAL_FAILED] = "failed",
    [CULL_TRIAL_TIMEOUT] = "timeout", [CULL_TRIAL_LOST] = "lost",
};

/* ---- statements ---- */

/* As many values as there are objectives. */
static cull_status changed_sql(cull_ctx *cx, const cull__sqlite *s, cull_buf *b)
{
    *b = (cull_buf)CULL_BUF(cx);
    cull__buf_printf(b, "UPDATE trial SET state = ?2, steps = coalesce(?3, steps), violation = ?4,"
                        " cost = ?5, ended = ?6, note = ?7, worker = coalesce(?8, worker)");
    for (int i = 0; i < s->facts.objectives; i++)
        cull__buf_printf(b, ", value%d = ?%d", i + 1, 9 + i);
    cull__buf_printf(b, " WHERE number = ?1");
    return b->status;
}

static cull_status stmt(cull_ctx *cx, cull__sqlite *s, int which, sqlite3_stmt **out)
{
    s->cx = cx;
    if (!s->stmt[which]) {
        cull_buf b = {0};
        if (which == SQL_CHANGED) {
            cull_status st = changed_sql(cx, s, &b);
            if (st != CULL_OK) {
                cull__buf_free(&b);
                return st;
            }
        }
        int rc = sqlite3_prepare_v3(s->db, sql[which] ? sql[which] : b.at, -1,
                                    SQLITE_PREPARE_PERSISTENT, &s->stmt[which], NULL);
        cull__buf_free(&b);
        if (rc != SQLITE_OK) return cull__sqlite_fail(cx, s);
    }
    *out = s->stmt[which];
    return CULL_OK;
}

/* Of a statement without rows. What is bound is borrowed until here. */
static cull_status finish(cull_ctx *cx, cull__sqlite *s, sqlite3_stmt *q)
{
    int rc = sqlite3_step(q);
    cull_status st = rc == SQLITE_DONE ? CULL_OK : cull__sqlite_fail(cx, s);
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
    return st;
}

static cull_status run(cull_ctx *cx, cull__sqlite *s, int which)
{
    sqlite3_stmt *q = NULL;
    CULL_TRY(stmt(cx, s, which, &q));
    return finish(cx, s, q);
}

/* ---- transactions ---- */

static void abort_(void *v)
{
    cull__sqlite *s = v;
    s->cx = NULL;
    /* after some failures SQLite has rolled back by itself */
    if (!sqlite3_get_autocommit(s->db)) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->taken = false;
    s->idle[0] = s->idle[1];
    if (!s->text_before) return;
    cull__free(s->text);
    s->text = s->text_before, s->facts = s->before;
    s->text_before = NULL;
}

static cull_status begin(cull_ctx *cx, void *v)
{
    cull__sqlite *s = v;
    if (s->reading) return cull__fail(cx, CULL_EINPUT, "%s: was opened for reading alone", s->path);
    CULL_TRY(cull__sqlite_moved(cx, s));
    CULL_TRY(run(cx, s, SQL_BEGIN));
    s->taken = true;
    return CULL_OK;
}

/* The log of changes to the disk, with all that was written before. Groups of questions alone do not wait for
 * this: what asked them does not outlive a power failure either. */
static cull_status sync_log(cull_ctx *cx, cull__sqlite *s)
{
    sqlite3_file *log = NULL;
    int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (rc == SQLITE_OK && log && log->pMethods) rc = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    if (rc == SQLITE_OK) return CULL_OK;
    return cull__fail(cx, CULL_EIO, "%s: the disk did not confirm what was written", s->path);
}

static cull_status commit(cull_ctx *cx, void *v)
{
    cull__sqlite *s = v;
    cull_status st = run(cx, s, SQL_COMMIT);
    if (st != CULL_OK) {
        abort_(s);
        return st;
    }
    s->taken = false;
    s->idle[1] = s->idle[0];
    cull__free(s->text_before);
    s->text_before = NULL;
    if (!s->sync || !s->owed) return CULL_OK;
    CULL_TRY(sync_log(cx, s));
    s->owed = false;
    return CULL_OK;
}

static cull_status widen(cull_ctx *cx, void *v, const cull__study_facts *mine)
{
    cull__sqlite *s = v;
    cull__study_facts f = *mine, to;
    char *text;
    sqlite3_stmt *q = NULL;
    f.first = s->facts.first;
    CULL_TRY(stmt(cx, s, SQL_WIDEN, &q));
    CULL_TRY(cull__facts_copy(cx, &f, &to, &text));
    sqlite3_bind_text(q, 1, to.space, -1, SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, to.width);
    cull_status st = finish(cx, s, q);
    if (st != CULL_OK) {
        cull__free(text);
        return st;
    }
    if (!s->text_before)
        s->text_before = s->text, s->before = s->facts;
    else
        cull__free(s->text);
    s->text = text, s->facts = to;
    return CULL_OK;
}

/* ---- doubles ---- */

static bool big_endian(void) { return *(const uint8_t *)&(uint16_t){1} == 0; }

/* Between the file's order and this machine's, in place. */
static void turn(uint8_t *p, int64_t n)
{
    if (!big_endian()) return;
    for (; n > 0; n--, p += 8)
        for (int i = 0; i < 4; i++) {
            uint8_t t = p[i];
            p[i] = p[7 - i];
            p[7 - i] = t;
        }
}

/* Room first, since what is bound must stay where it is. */
static cull_status bind_doubles(cull_ctx *cx, cull__sqlite *s, sqlite3_stmt *q,
                                const cull__event *e)
{
    const double *from[3] = {e->x, e->value, e->violation};
    const int64_t n[3] = {e->width, s->facts.objectives, s->facts.constraints};
    int64_t all = 0;
    for (int i = 0; i < 3; i++) all += from[i] ? n[i] : 0;
    CULL_TRY(CULL_GROW(cx, s->bytes, &s->bytes_cap, 8 * all + 1));
    uint8_t *at = s->bytes;
    for (int i = 0; i < 3; i++) {
        if (!from[i]) continue;
        memcpy(at, from[i], (size_t)n[i] * 8);
        turn(at, n[i]);
        sqlite3_bind_blob64(q, 7 + i, at, (sqlite3_uint64)n[i] * 8, SQLITE_STATIC);
        at += n[i] * 8;
    }
    return CULL_OK;
}

static int64_t doubles(sqlite3_stmt *q, int col) { return sqlite3_column_bytes(q, col) / 8; }

/* Column `col` to `*at`, which is moved on; n = -1: however many there are. */
static bool column_doubles(sqlite3_stmt *q, int col, double **at, int64_t n, const double **out)
{
    *out = NULL;
    if (sqlite3_column_type(q, col) == SQLITE_NULL) return true;
    const void *blob = sqlite3_column_blob(q, col);
    int64_t bytes = sqlite3_column_bytes(q, col);
    if (bytes % 8 || (n >= 0 && bytes / 8 != n) || (bytes && !blob)) return false;
    if (bytes) memcpy(*at, blob, (size_t)bytes);
    turn((uint8_t *)*at, bytes / 8);
    *out = *at;
    *at += bytes / 8;
    return true;
}

/* ---- events ---- */

static void bind_int_or_null(sqlite3_stmt *q, int at, int64_t v)
{
    if (v) sqlite3_bind_int64(q, at, v);
}

/* What people read: one row a trial. */
static cull_status change_trial(cull_ctx *cx, cull__sqlite *s, const cull__event *e,
                                const char *state)
{
    sqlite3_stmt *q = NULL;
    bool ended = !state && e->state != CULL_TRIAL_RUNNING;
    CULL_TRY(stmt(cx, s, SQL_CHANGED, &q));
    sqlite3_bind_int64(q, 1, e->trial);
    sqlite3_bind_text(q, 2, state ? state : state_name[e->state], -1, SQLITE_STATIC);
    bind_int_or_null(q, 3, e->step);
    sqlite3_bind_double(q, 4, cull__violation_sum(e->violation, s->facts.constraints));
    sqlite3_bind_double(q, 5, e->cost);
    if (ended) sqlite3_bind_double(q, 6, e->at);
    sqlite3_bind_text(q, 7, e->note, -1, SQLITE_STATIC);
    sqlite3_bind_text(q, 8, e->worker, -1, SQLITE_STATIC);
    for (int i = 0; i < s->facts.objectives && e->value; i++)
        sqlite3_bind_double(q, 9 + i, e->value[i]);
    return finish(cx, s, q);
}

static cull_status with_trial(cull_ctx *cx, cull__sqlite *s, int which, int64_t trial,
                              const char *worker)
{
    sqlite3_stmt *q = NULL;
    CULL_TRY(stmt(cx, s, which, &q));
    sqlite3_bind_int64(q, 1, trial);
    if (which != SQL_UNLEASE) sqlite3_bind_text(q, 2, worker, -1, SQLITE_STATIC);
    return finish(cx, s, q);
}

static cull_status begin_trial(cull_ctx *cx, cull__sqlite *s, const cull__event *e)
{
    sqlite3_stmt *q = NULL;
    CULL_TRY(stmt(cx, s, SQL_ASKED, &q));
    sqlite3_bind_int64(q, 1, e->trial);
    sqlite3_bind_int(q, 2, e->replicate);
    sqlite3_bind_double(q, 3, e->at);
    sqlite3_bind_text(q, 4, e->worker, -1, SQLITE_STATIC);
    return finish(cx, s, q);
}

/* The lease of a trial that ended is passed on to the next that this connection asks for: what ends writes a page
 * less. One that nobody passes on is no lost trial, since that does not run. */
static cull_status unlease(cull_ctx *cx, cull__sqlite *s, int64_t trial)
{
    if (s->idle[0]) return with_trial(cx, s, SQL_UNLEASE, trial, NULL);
    s->idle[0] = trial + 1;
    return CULL_OK;
}

static cull_status lease(cull_ctx *cx, cull__sqlite *s, const cull__event *e)
{
    sqlite3_stmt *q = NULL;
    if (!s->swept) {
        CULL_TRY(run(cx, s, SQL_SWEEP));
        s->swept = true;
    }
    if (s->idle[0]) {
        CULL_TRY(stmt(cx, s, SQL_PASS, &q));
        sqlite3_bind_int64(q, 3, s->idle[0] - 1);
        s->idle[0] = 0;
        CULL_TRY(with_trial(cx, s, SQL_PASS, e->trial, e->worker));
        if (sqlite3_changes(s->db) > 0) return CULL_OK; /* else another connection swept it away */
    }
    return with_trial(cx, s, SQL_LEASE, e->trial, e->worker);
}

/* A trial that was asked already is handed out again: it keeps its row. */
static cull_status asked(cull_ctx *cx, cull__sqlite *s, const cull__event *e)
{
    CULL_TRY(e->x ? begin_trial(cx, s, e) : change_trial(cx, s, e, NULL));
    if (e->state == CULL_TRIAL_RUNNING) return lease(cx, s, e);
    return change_trial(cx, s, e, NULL);
}

static cull_status tables_follow(cull_ctx *cx, cull__sqlite *s, const cull__event *e)
{
    switch (e->kind) {
    case CULL__ASKED: return asked(cx, s, e);
    case CULL__ADDED: CULL_TRY(begin_trial(cx, s, e)); return change_trial(cx, s, e, NULL);
    case CULL__RETRIED:
        CULL_TRY(change_trial(cx, s, e, "waiting"));
        return with_trial(cx, s, SQL_UNLEASE, e->trial, NULL);
    case CULL__REPORTED:
    case CULL__TOLD:
        CULL_TRY(change_trial(cx, s, e, NULL));
        if (e->state == CULL_TRIAL_RUNNING) return CULL_OK;
        return unlease(cx, s, e->trial);
    case CULL__QUEUED:
    case CULL__ENDED:
    case CULL__WIDENED: break;
    }
    return CULL_OK;
}

static cull_status append(cull_ctx *cx, void *v, cull__event *e)
{
    cull__sqlite *s = v;
    sqlite3_stmt *q = NULL;
    if (!s->taken)
        return cull__fail(cx, CULL_EINTERNAL, "%s: an event outside begin and commit", s->path);
    CULL_TRY(stmt(cx, s, SQL_EVENT, &q));
    sqlite3_bind_int(q, 1, (int)e->kind);
    sqlite3_bind_int64(q, 2, e->trial);
    sqlite3_bind_int(q, 3, e->replicate);
    sqlite3_bind_int64(q, 4, e->step);
    sqlite3_bind_int64(q, 5, e->budget);
    sqlite3_bind_int(q, 6, (int)e->state);
    cull_status st = bind_doubles(cx, s, q, e);
    if (st != CULL_OK) {
        sqlite3_clear_bindings(q);
        return st;
    }
    sqlite3_bind_double(q, 10, e->cost);
    sqlite3_bind_double(q, 11, e->noise);
    sqlite3_bind_double(q, 12, e->at);
    sqlite3_bind_text(q, 13, e->note, -1, SQLITE_STATIC);
    sqlite3_bind_text(q, 14, e->worker, -1, SQLITE_STATIC);
    CULL_TRY(finish(cx, s, q));
    e->seq = sqlite3_last_insert_rowid(s->db);
    s->owed |= e->kind != CULL__ASKED;
    return tables_follow(cx, s, e);
}

/* SQLite keeps NaN as NULL. */
static double number(sqlite3_stmt *q, int col)
{
    return sqlite3_column_type(q, col) == SQLITE_NULL ? NAN : sqlite3_column_double(q, col);
}

static cull_status event_of(cull_ctx *cx, cull__sqlite *s, sqlite3_stmt *q, cull__event *e,
                            bool *sound)
{
    int kind = sqlite3_column_int(q, 1), state = sqlite3_column_int(q, 6);
    *sound = false;
    if (kind < CULL__ASKED || kind > CULL__WIDENED || state < 0 || state > CULL_TRIAL_LOST)
        return CULL_OK;
    e->width = doubles(q, 7);
    CULL_TRY(CULL_GROW(cx, s->num, &s->num_cap, e->width + doubles(q, 8) + doubles(q, 9) + 1));
    e->seq = sqlite3_column_int64(q, 0);
    e->kind = (cull__event_kind)kind;
    e->trial = sqlite3_column_int64(q, 2);
    e->replicate = sqlite3_column_int(q, 3);
    e->step = sqlite3_column_int64(q, 4);
    e->budget = sqlite3_column_int64(q, 5);
    e->state = (cull_trial_state)state;
    e->cost = number(q, 10);
    e->noise = number(q, 11);
    e->at = number(q, 12);
    e->note = (const char *)sqlite3_column_text(q, 13);
    e->worker = (const char *)sqlite3_column_text(q, 14);
    double *at = s->num;
    *sound = column_doubles(q, 7, &at, -1, &e->x) &&
             column_doubles(q, 8, &at, s->facts.objectives, &e->value) &&
             column_doubles(q, 9, &at, s->facts.constraints, &e->violation);
    return CULL_OK;
}

static cull_status read_(cull_ctx *cx, void *v, int64_t since, cull__event_fn *fn, void *user)
{
    cull__sqlite *s = v;
    sqlite3_stmt *q = NULL;
    int64_t seq = since > 0 ? since : 0;
    CULL_TRY(stmt(cx, s, SQL_READ, &q));
    sqlite3_bind_int64(q, 1, seq);
    cull_status st = CULL_OK;
    int rc = SQLITE_DONE;
    while (st == CULL_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        cull__event e = {0};
        bool sound;
        seq++;
        st = event_of(cx, s, q, &e, &sound);
        if (st == CULL_OK && (!sound || e.seq != seq))
            st = cull__fail(cx, CULL_EINPUT, "%s: is damaged (event %" PRId64 " makes no sense)",
                            s->path, seq);
        if (st == CULL_OK) st = fn(cx, user, &e);
    }
    if (st == CULL_OK && rc != SQLITE_DONE) st = cull__sqlite_fail(cx, s);
    sqlite3_reset(q);
    return st;
}

/* ---- leases ---- */

static cull_status beat(cull_ctx *cx, void *v, const int64_t *trial, int64_t n, const char *worker)
{
    cull__sqlite *s = v;
    bool alone = !s->taken;
    if (n <= 0) return CULL_OK;
    if (alone) CULL_TRY(begin(cx, s));
    cull_status st = CULL_OK;
    for (int64_t i = 0; i < n && st == CULL_OK; i++)
        st = with_trial(cx, s, SQL_BEAT, trial[i], worker);
    if (!alone) return st;
    if (st == CULL_OK) return commit(cx, s);
    abort_(s);
    return st;
}

static cull_status lost(cull_ctx *cx, void *v, double seconds, int64_t *trial, int64_t cap,
                        int64_t *n)
{
    cull__sqlite *s = v;
    sqlite3_stmt *q = NULL;
    *n = 0;
    CULL_TRY(stmt(cx, s, SQL_LOST, &q));
    sqlite3_bind_double(q, 1, seconds);
    sqlite3_bind_int64(q, 2, cap);
    int rc;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW && *n < cap)
        trial[(*n)++] = sqlite3_column_int64(q, 0);
    cull_status st = rc == SQLITE_ROW || rc == SQLITE_DONE ? CULL_OK : cull__sqlite_fail(cx, s);
    sqlite3_reset(q);
    return st;
}

const cull__store_kind cull__store_sqlite = {.open = cull__sqlite_open,
                                             .close = cull__sqlite_close,
                                             .begin = begin,
                                             .commit = commit,
                                             .abort = abort_,
                                             .read = read_,
                                             .append = append,
                                             .beat = beat,
                                             .lost = lost,
                                             .widen = widen};

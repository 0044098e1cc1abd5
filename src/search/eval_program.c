/* eval_program.c - one worker of the evaluator of programs: how a trial begins, goes on and ends there. */
#define _GNU_SOURCE
#include "search/eval_program.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TRY_AGAIN = 75,   /* EX_TEMPFAIL of sysexits.h */
    REPORTS = 1 << 16 /* of a trial; more are passed over */
};

/* ---- the program's file ---- */

static bool can_run(const char *path, int *why)
{
    struct stat st;
    if (stat(path, &st)) {
        if (*why != EACCES) *why = errno;
        return false;
    }
    if (S_ISDIR(st.st_mode) || access(path, X_OK)) {
        *why = EACCES;
        return false;
    }
    return true;
}

static cull_status no_program(cull_ctx *cx, const char *word, int why)
{
    char shown[200];
    cull__quote(word, strlen(word), shown, sizeof shown);
    bool slash = strchr(word, '/') != NULL;
    if (why == EACCES)
        return cull__fail(cx, CULL_EINPUT, "%s: is no program that may be run", shown);
    if (why != ENOENT && why != ENOTDIR)
        return cull__fail(cx, CULL_EINPUT, "%s: cannot be run: %s", shown, strerror(why));
    return slash
               ? cull__fail(cx, CULL_EINPUT, "%s: there is no such program", shown)
               : cull__fail(cx, CULL_EINPUT,
                            "%s: there is no such program on the PATH; one in this folder is ./%s",
                            shown, shown);
}

cull_status cull__program_find(cull_ctx *cx, const char *path, const char *word, char **out)
{
    int why = ENOENT;
    size_t n = strlen(word);
    if (strchr(word, '/')) path = NULL;
    CULL_TRY(CULL_TMP(cx, *out, (int64_t)(n + (path ? strlen(path) : 0)) + 3));
    if (!path) {
        strcpy(*out, word);
        return can_run(*out, &why) ? CULL_OK : no_program(cx, word, why);
    }
    for (const char *at = path;; at++) {
        size_t k = strcspn(at, ":");
        snprintf(*out, k + n + 3, "%.*s/%s", k ? (int)k : 1, k ? at : ".", word);
        if (can_run(*out, &why)) return CULL_OK;
        if (!at[k]) return no_program(cx, word, why);
        at += k;
    }
}

/* ---- the trial's folder ---- */

static cull_status open_file(cull_ctx *cx, const char *dir, const char *name, int *fd)
{
    char *path;
    size_t n = strlen(dir) + strlen(name) + 2;
    CULL_TRY(CULL_TMP(cx, path, (int64_t)n));
    snprintf(path, n, "%s/%s", dir, name);
    *fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return *fd < 0 ? cull__fail_errno(cx, path, "cannot write") : CULL_OK;
}

static cull_status folder(cull_ctx *cx, const cull__program *p, cull__runner *w, int64_t number)
{
    size_t n = strlen(p->dir) + 32;
    if (!w->dir) CULL_TRY(CULL_ALLOC(cx, w->dir, (int64_t)n));
    snprintf(w->dir, n, "%s/%06" PRId64, p->dir, number);
    if (mkdir(w->dir, 0777) && errno != EEXIST)
        return cull__fail_errno(cx, w->dir, "cannot make this folder");
    return CULL_OK;
}

/* point.json, and where out and err go to. */
static cull_status keep_trial(cull_ctx *cx, const cull__program *p, cull__runner *w,
                              const cull_json *point)
{
    int fd, out, err;
    CULL_TRY(open_file(cx, w->dir, "point.json", &fd));
    bool written = cull__write_all(fd, point->b.at, point->b.n);
    if (close(fd) || !written) return cull__fail_errno(cx, w->dir, "cannot write point.json");
    CULL_TRY(open_file(cx, w->dir, "out", &out));
    cull_status s = open_file(cx, w->dir, "err", &err);
    if (s != CULL_OK) {
        close(out);
        return s;
    }
    cull__printed_keep(&w->out, out, p->most);
    cull__printed_keep(&w->err, err, p->most);
    return CULL_OK;
}

/* ---- beginning ---- */

void cull__runner_send(cull__runner *w)
{
    while (w->child.in >= 0 && w->sent < w->send_n) {
        ssize_t k = cull__write_quietly(w->child.in, w->send + w->sent, w->send_n - w->sent);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0 && errno == EAGAIN) return;
        if (k < 0) { /* it reads no more; whether that matters its result shows */
            cull__close_fd(&w->child.in);
            break;
        }
        w->sent += (size_t)k;
    }
    w->sent = w->send_n = 0;
}

static cull_status queue(cull_ctx *cx, cull__runner *w, const char *text, size_t n)
{
    CULL_TRY(CULL_GROW(cx, w->send, &w->send_cap, (int64_t)(w->send_n + n) + 8));
    memcpy(w->send + w->send_n, text, n);
    w->send_n += n;
    return CULL_OK;
}

/* The machine has no room for a process now, or the program's file is being written. */
static bool passes(int why)
{
    return why == EAGAIN || why == ENOMEM || why == EMFILE || why == ENFILE || why == ETXTBSY;
}

static void not_run(cull__runner *w, const char *file, int why)
{
    char shown[120];
    cull__quote(file, strlen(file), shown, sizeof shown);
    snprintf(w->note, sizeof w->note, "%s: cannot be run: %s%s", shown, strerror(why),
             why == ENOEXEC ? "; has its first line a #!?"
             : why == ENOENT && !access(file, F_OK)
                 ? "; is the program there that its first line names?"
                 : "");
    w->said = (cull__said){.failed = true};
    w->has = true;
    w->again = passes(why);
}

static cull_status spawn(cull_ctx *cx, cull__program *p, cull__runner *w, const cull__facts *f,
                         bool input)
{
    char **argv, *file = p->file;
    CULL_TRY(cull__words_fill(cx, &p->words, f, &argv));
    if (!argv[0])
        argv[0] = p->argv[0], argv[1] = NULL; /* a program that is a parameter, inactive */
    if (!file && cull__program_find(cx, p->path, argv[0], &file) != CULL_OK) {
        not_run(w, argv[0], ENOENT);
        return CULL_OK;
    }
    int why = cull__child_spawn(file, argv, input, &p->mask, &w->child);
    if (why) not_run(w, argv[0], why);
    return CULL_OK;
}

static uint32_t seed_of(const cull__program *p, int64_t number)
{
    cull_rng r = cull__rng_seeded(p->seed, (uint64_t)number);
    return cull__rng_u32(&r) >> 1;
}

static cull_status begin(cull_ctx *cx, cull__program *p, int worker, const cull_trial *t,
                         cull_json *point)
{
    cull__runner *w = &p->w[worker];
    cull__facts f = {.trial = t,
                     .worker = worker,
                     .seed = seed_of(p, t->number),
                     .budget = t->budget ? t->budget : p->problem->stop.last};
    bool input = p->stay || !p->words.points;
    if (p->dir) CULL_TRY(folder(cx, p, w, t->number));
    f.dir = w->dir;
    if (input || p->dir) {
        cull__point_json(point, p->problem, &f);
        cull__buf_add(&point->b, "\n", 1);
        CULL_TRY(point->b.status);
    }
    if (p->dir) CULL_TRY(keep_trial(cx, p, w, point));
    if (!w->child.pid) CULL_TRY(spawn(cx, p, w, &f, input));
    if (input && w->child.pid) {
        CULL_TRY(queue(cx, w, point->b.at, point->b.n));
        cull__runner_send(w);
    }
    return CULL_OK;
}

/* What one that stays has printed since its result is of no trial. */
static void pass_over(cull__runner *w)
{
    const char *line;
    size_t n;
    for (int i = 0; i < 2; i++) {
        while (cull__printed_line(&w->out, &line, &n)) {}
        if (i == 0) cull__printed_fill(&w->out, w->child.out);
    }
    w->out.lo = w->out.hi; /* a line that has begun, as a prompt */
}

cull_status cull__runner_begin(cull_ctx *cx, cull__program *p, int worker, const cull_trial *t)
{
    cull__runner *w = &p->w[worker];
    cull_json point = {.b = CULL_BUF(cx)};
    if (w->child.pid) pass_over(w);
    if (w->child.pid && (cull__child_look(&w->child) || w->out.ended)) cull__child_close(&w->child);
    bool fresh = !w->child.pid;
    w->trial = *t, w->trial.x = NULL;
    w->stopping = w->waits = w->late = w->malformed = w->has = w->has_part = w->again = false;
    w->reports = 0;
    w->kill_at = INFINITY;
    w->note[0] = 0;
    if (fresh) {
        w->drain = INFINITY;
        w->sent = w->send_n = 0;
        cull__printed_reset(&w->out);
        cull__printed_reset(&w->err);
    }
    cull__mark_t m = cull__mark(cx);
    cull_status s = begin(cx, p, worker, t, &point);
    cull__release(cx, m);
    cull__buf_free(&point.b);
    w->busy = s == CULL_OK;
    w->deadline = p->timeout > 0 ? cull__now() + p->timeout : INFINITY;
    return s;
}

/* ---- stopping ---- */

static void end(cull__program *p, cull__runner *w, double now)
{
    if (w->kill_at < INFINITY) return;
    cull__child_signal(&w->child, SIGTERM);
    w->kill_at = now + p->grace;
}

void cull__runner_stop(cull__program *p, cull__runner *w, double now)
{
    if (!w->busy || w->stopping) return;
    w->stopping = true;
    if (!p->stay)
        end(p, w, now);
    else if (w->deadline > now + p->grace) /* its last line is waited for so long */
        w->deadline = now + p->grace;
}

void cull__runner_answer(cull__program *p, cull__runner *w, bool go, double now)
{
    if (!go) cull__runner_stop(p, w, now);
    if (!w->waits) return;
    w->waits = false;
    if (go) w->deadline += now - w->asked;
    if (w->send_n + 5 <= (size_t)w->send_cap) { /* begin has left room */
        memcpy(w->send + w->send_n, go ? "go\n" : "stop\n", go ? 3 : 5);
        w->send_n += go ? 3 : 5;
    }
    cull__runner_send(w);
}

double cull__runner_due(const cull__runner *w)
{
    double due = w->busy && !w->waits && !w->late && !w->child.dead ? w->deadline : INFINITY;
    if (!w->child.pid) return INFINITY;
    if (w->kill_at < due) due = w->kill_at;
    return w->drain < due ? w->drain : due;
}

/* ---- how it went ---- */

/* What one that stays prints goes to the trial's files until the next one begins. */
static void over(const cull__program *p, cull__runner *w)
{
    w->busy = false;
    if (p->stay) return;
    cull__printed_kept(&w->out);
    cull__printed_kept(&w->err);
}

static void done(cull__program *p, cull__runner *w, cull_trial_state state, cull__eval_event *ev)
{
    const cull__said *s = &w->said;
    const cull_search_problem *q = p->problem;
    int bad = state == CULL_TRIAL_DONE ? s->not_finite : -1;
    if (bad >= 0) {
        state = CULL_TRIAL_FAILED;
        snprintf(w->note, sizeof w->note, "%.80s is no finite number: %s",
                 bad < q->objectives ? q->objective[bad].name : q->constraint[bad - q->objectives],
                 s->why);
    }
    ev->kind = CULL__EVAL_DONE;
    ev->outcome = (cull_outcome){.state = state, .note = *w->note ? w->note : NULL};
    over(p, w);
    if (state != CULL_TRIAL_DONE) return;
    memcpy(p->value, s->value, sizeof p->value);
    memcpy(p->violation, s->violation, sizeof p->violation);
    ev->outcome.value = p->value;
    ev->outcome.violation = p->problem->constraints ? p->violation : NULL;
    ev->outcome.cost = s->cost;
    ev->outcome.noise = s->noise;
}

/* The last thing that it said, as the end of a sentence. */
static const char *last_words(cull__runner *w, char buf[160])
{
    const char *s = cull__printed_last(&w->err);
    if (!*s) s = cull__printed_last(&w->out);
    if (*s)
        snprintf(buf, 160, ": %s", s);
    else
        buf[0] = 0;
    return buf;
}

static void why_ended(const cull__program *p, cull__runner *w, char *buf, size_t size)
{
    char last[160];
    const cull__child *c = &w->child;
    last_words(w, last);
    if (c->dead && c->by_signal)
        snprintf(buf, size, "killed by signal %d (%s)%s", c->status, strsignal(c->status), last);
    else if (c->dead && c->status < 0)
        snprintf(buf, size, "its exit status went to somebody else: SIGCHLD is ignored here%s",
                 last);
    else
        snprintf(buf, size, "%sexit status %d%s", p->stay ? "it ended before its result, " : "",
                 c->status, last);
}

static void without_result(const cull__program *p, cull__runner *w)
{
    char lacks[200];
    const char *last = cull__printed_last(&w->out);
    if (w->has_part)
        snprintf(w->note, sizeof w->note, "it told %s: %s",
                 cull__said_lacks(p->problem, &w->part, lacks, sizeof lacks), last);
    else if (*last)
        snprintf(w->note, sizeof w->note, "it printed no result; its last line was '%s'", last);
    else
        snprintf(w->note, sizeof w->note,
                 w->out.any ? "it printed blank lines or too long ones" : "it printed nothing");
}

/* The process has gone; what its trial comes to. */
static void finish(cull__program *p, cull__runner *w, cull__eval_event *ev)
{
    const cull__child *c = &w->child;
    bool well = c->dead && !c->by_signal && c->status == 0;
    cull_trial_state state = CULL_TRIAL_FAILED;
    if (w->late) {
        state = CULL_TRIAL_TIMEOUT;
        snprintf(w->note, sizeof w->note, "it took longer than %g s", p->timeout);
    } else if (c->dead && !c->by_signal && c->status == TRY_AGAIN && !w->stopping) {
        why_ended(p, w, w->note, sizeof w->note);
        ev->outcome.note = w->note;
        over(p, w);
        ev->kind = CULL__EVAL_AGAIN;
    } else if (w->malformed) {
        /* the note says what it told */
    } else if (!well || p->stay) {
        why_ended(p, w, w->note, sizeof w->note);
    } else if (w->has && w->said.failed) {
        snprintf(w->note, sizeof w->note, "%s", w->said.why);
    } else if (w->has) {
        state = CULL_TRIAL_DONE;
    } else {
        without_result(p, w);
    }
    cull__child_close(&w->child);
    if (ev->kind != CULL__EVAL_AGAIN) done(p, w, state, ev);
}

/* ---- what it says ---- */

static bool report(cull__program *p, int worker, const cull__said *s, double now,
                   cull__eval_event *ev)
{
    cull__runner *w = &p->w[worker];
    if (p->stay) w->waits = true, w->asked = now;
    if (w->stopping || ++w->reports > REPORTS) {
        cull__runner_answer(p, w, !w->stopping, now);
        return false;
    }
    memcpy(p->value, s->value, sizeof p->value);
    ev->kind = CULL__EVAL_REPORT;
    ev->step = s->step;
    ev->value = p->value;
    return true;
}

/* Of one that stays: a line that is no report is a result as soon as it is meant as one. Whether what is neither waits for an
 * answer cannot be known, so who printed that is ended. */
static bool stay_result(cull__program *p, cull__runner *w, const cull__said *s, double now,
                        cull__eval_event *ev)
{
    if (w->stopping) {
        if (s->answer) done(p, w, CULL_TRIAL_STOPPED, ev);
    } else if (s->failed) {
        snprintf(w->note, sizeof w->note, "%s", s->why);
        done(p, w, CULL_TRIAL_FAILED, ev);
    } else if (s->result) {
        w->said = *s;
        done(p, w, CULL_TRIAL_DONE, ev);
    } else if (s->answer) {
        without_result(p, w);
        w->malformed = true;
        w->deadline = INFINITY;
        end(p, w, now);
    }
    return !w->busy;
}

static bool take_line(cull__program *p, int worker, const char *line, size_t n, double now,
                      cull__eval_event *ev)
{
    cull__runner *w = &p->w[worker];
    cull__said s;
    if (!cull__said_something(line, n)) return false;
    cull__said_of(p->problem, p->json, line, n, &s);
    if (!w->busy || w->kill_at < INFINITY) return false;
    if (s.trial >= 0 && s.trial != w->trial.number) return false;
    if (s.result && !(p->stay && s.report)) w->said = s, w->has = true;
    if (s.some && !s.result && !s.report) w->part = s, w->has_part = true;
    if (s.report) return report(p, worker, &s, now, ev);
    return p->stay && stay_result(p, w, &s, now, ev);
}

/* Deadlines that have come. */
static void timers(cull__program *p, cull__runner *w, double now)
{
    if (w->busy && !w->late && !w->waits && !w->child.dead && now >= w->deadline) {
        w->late = !w->stopping;
        end(p, w, now);
        w->deadline = INFINITY;
    }
    if (now >= w->kill_at) {
        cull__child_signal(&w->child, SIGKILL);
        w->kill_at = now + p->grace;
    }
}

bool cull__runner_next(cull__program *p, int worker, double now, cull__eval_event *ev)
{
    cull__runner *w = &p->w[worker];
    const char *line;
    size_t n;
    *ev = (cull__eval_event){.worker = worker};
    if (w->busy && !w->child.pid && w->has) { /* it could not be run */
        w->busy = false;
        ev->kind = w->again ? CULL__EVAL_AGAIN : CULL__EVAL_DONE;
        ev->outcome = (cull_outcome){.state = CULL_TRIAL_FAILED, .note = w->note};
        return true;
    }
    if (!w->child.pid) return false;
    while (cull__printed_line(&w->err, &line, &n)) {}
    while (cull__printed_line(&w->out, &line, &n))
        if (take_line(p, worker, line, n, now, ev)) return true;
    timers(p, w, now);
    if (cull__child_look(&w->child) && w->drain == INFINITY) w->drain = now + p->grace;
    if (p->stay && w->out.ended && !w->child.dead) end(p, w, now); /* it will say no more */
    bool read_out = w->out.ended && w->err.ended;
    if (!w->child.dead || !(read_out || now >= w->drain)) return false;
    if (w->busy) {
        finish(p, w, ev);
        return true;
    }
    cull__child_close(&w->child);
    return false;
}

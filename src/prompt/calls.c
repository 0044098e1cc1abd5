/* calls.c - programs that are given a text and print one: several at a time, with a time limit, tried again when they fail.
 *
 * A program is run for each text, or stays: a line of JSON {"id": ..., "prompt": ...} in, a line {"answer": ...} out. */
#define _GNU_SOURCE
#include "prompt/text.h"

#include "search/eval_program.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 1 << 20, PIECE = 1 << 14, FDS = 4, SLACK = 64, HOPELESS = 10 };
static const double GRACE = 1, LOOK = 0.05; /* seconds */

typedef struct {
    cull__child child;
    int64_t job;      /* -1 = idle */
    const char *send; /* what it has still to read */
    char *line;       /* of one that stays: the text as JSON */
    size_t left;
    char *out; /* what it printed, and SLACK that JSON may read */
    int64_t out_cap;
    size_t out_n;
    bool ended, late, over; /* over: it printed more than is taken */
    cull__printed err;
    double deadline, kill_at, drain;
} caller;

struct cull__calls {
    char **argv, *file;
    bool stay;
    double timeout;
    int retries, workers;
    cpu_set_t mask;
    cull__json_parser *json;
    caller *w;
    struct pollfd *poll;
    int64_t fine, failed; /* over all runs */
};

typedef struct {
    cull__calls *c;
    const char *const *text;
    int64_t n, *queue, first, last; /* texts that wait: queue[first..last) */
    uint8_t *tries;
    int64_t done;
    cull__called_fn *fn;
    void *user;
} run;

/* ---- one text and one program ---- */

static cull_status begin_line(cull_ctx *cx, caller *w, int64_t job, const char *text)
{
    cull_json j = {.b = CULL_BUF(cx)};
    cull__json_open(&j, '{');
    cull__json_key(&j, "id");
    cull__json_i64(&j, job);
    cull__json_key(&j, "prompt");
    cull__json_str(&j, text);
    cull__json_close(&j, '}');
    cull__buf_add(&j.b, "\n", 1);
    cull_status s = j.b.status;
    if (s != CULL_OK) {
        cull__buf_free(&j.b);
        return s;
    }
    cull__free(w->line);
    w->send = w->line = j.b.at;
    w->left = j.b.n;
    return CULL_OK;
}

/* *why: an errno where it could not be run. */
static cull_status begin(cull_ctx *cx, run *r, caller *w, int64_t job, int *why)
{
    cull__calls *c = r->c;
    *why = 0;
    if (w->child.pid && (cull__child_look(&w->child) || w->ended)) cull__child_close(&w->child);
    if (!w->child.pid) {
        *why = cull__child_spawn(c->file, c->argv, true, &c->mask, &w->child);
        if (*why) return CULL_OK;
        w->ended = false;
        w->drain = w->kill_at = INFINITY;
        cull__printed_reset(&w->err);
    }
    w->out_n = 0;
    w->late = w->over = false;
    w->job = job;
    w->deadline = c->timeout > 0 ? cull__now() + c->timeout : INFINITY;
    if (c->stay) return begin_line(cx, w, job, r->text[job]);
    w->send = r->text[job];
    w->left = strlen(w->send);
    return CULL_OK;
}

static void send(const cull__calls *c, caller *w)
{
    while (w->child.in >= 0 && w->left) {
        ssize_t k = cull__write_quietly(w->child.in, w->send, w->left);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0 && errno == EAGAIN) return;
        if (k < 0) { /* it reads no more; whether that matters its answer shows */
            w->left = 0;
            cull__close_fd(&w->child.in);
            return;
        }
        w->send += k;
        w->left -= (size_t)k;
    }
    if (!w->left && !c->stay) cull__close_fd(&w->child.in);
}

static cull_status receive(cull_ctx *cx, caller *w)
{
    CULL_TRY(CULL_GROW(cx, w->out, &w->out_cap, (int64_t)w->out_n + PIECE + SLACK));
    ssize_t k = read(w->child.out, w->out + w->out_n, PIECE);
    if (k < 0 && (errno == EINTR || errno == EAGAIN)) return CULL_OK;
    if (k <= 0) {
        w->ended = true;
        return CULL_OK;
    }
    if (w->job >= 0) w->out_n += (size_t)k; /* without a text to answer it is not listened to */
    if (w->out_n > MOST) {
        w->over = true;
        w->out_n = 0;
    }
    return CULL_OK;
}

/* ---- what came of it ---- */

static cull_status tell(cull_ctx *cx, run *r, int64_t job, const char *answer, const char *note)
{
    cull__calls *c = r->c;
    if (!answer && r->tries[job] < c->retries) {
        r->tries[job]++;
        r->queue[r->last++] = job;
        return CULL_OK;
    }
    r->done++;
    answer ? c->fine++ : c->failed++;
    if (!c->fine && c->failed >= HOPELESS)
        return cull__fail(cx, CULL_EINPUT, "%s: the first %d calls all failed; the last: %s",
                          c->argv[0], HOPELESS, note);
    return r->fn(cx, r->user, job, answer, note);
}

static cull_status failed(cull_ctx *cx, run *r, caller *w, const char *note)
{
    int64_t job = w->job;
    w->job = -1;
    return tell(cx, r, job, NULL, note);
}

static cull_status answered(cull_ctx *cx, run *r, caller *w, char *text, size_t n)
{
    size_t bad;
    int64_t job = w->job;
    while (n && strchr(" \t\r\n", text[n - 1])) n--;
    if (memchr(text, 0, n)) return failed(cx, r, w, "its answer holds a NUL");
    if (!cull__utf8_ok(text, n, &bad)) return failed(cx, r, w, "its answer is no UTF-8");
    text[n] = 0;
    w->job = -1;
    return tell(cx, r, job, text, NULL);
}

/* A line {"answer": "..."} or {"failed": "..."}; others, and those of another id, are passed over. */
static cull_status take_line(cull_ctx *cx, run *r, caller *w, const char *line, size_t n)
{
    cull__json_value root, v;
    const char *why;
    size_t at, k = 0;
    char note[200], *text;
    if (!cull__json_parse(r->c->json, line, n, &root, &why, &at)) return CULL_OK;
    if (cull__json_kind(root) != CULL__JSON_OBJECT) return CULL_OK;
    int64_t id;
    if (cull__json_get(root, "id", &v) && cull__json_integer(v, &id) && id != w->job)
        return CULL_OK;
    if (cull__json_get(root, "answer", &v) && cull__json_kind(v) == CULL__JSON_STRING) {
        const char *s = cull__json_string(v, &k);
        cull__mark_t m = cull__mark(cx);
        CULL_TRY(CULL_TMP(cx, text, (int64_t)k + 1));
        memcpy(text, s, k);
        cull_status st = answered(cx, r, w, text, k);
        cull__release(cx, m);
        return st;
    }
    if (!cull__json_get(root, "failed", &v)) return CULL_OK;
    const char *s = cull__json_kind(v) == CULL__JSON_STRING ? cull__json_string(v, &k) : "";
    return failed(cx, r, w, k ? cull__quote(s, k, note, sizeof note) : "it says that it failed");
}

static cull_status take_lines(cull_ctx *cx, run *r, caller *w)
{
    size_t from = 0;
    while (w->job >= 0 && from < w->out_n) {
        char *end = memchr(w->out + from, '\n', w->out_n - from);
        if (!end) break;
        size_t n = (size_t)(end - w->out) - from, at = from;
        from += n + 1;
        CULL_TRY(take_line(cx, r, w, w->out + at, n));
    }
    w->out_n -= from < w->out_n ? from : w->out_n;
    if (w->out_n) memmove(w->out, w->out + from, w->out_n);
    return CULL_OK;
}

static const char *why_ended(const cull__calls *c, caller *w, char *buf, size_t size)
{
    const cull__child *p = &w->child;
    const char *last = cull__printed_last(&w->err);
    if (w->late)
        snprintf(buf, size, "it took longer than %g s", c->timeout);
    else if (w->over)
        snprintf(buf, size, "it printed more than %d bytes", MOST);
    else if (p->by_signal)
        snprintf(buf, size, "killed by signal %d (%s)%s%s", p->status, strsignal(p->status),
                 *last ? ": " : "", last);
    else
        snprintf(buf, size, "%sexit status %d%s%s", c->stay ? "it ended before its answer, " : "",
                 p->status, *last ? ": " : "", last);
    return buf;
}

/* The process has gone. */
static cull_status finish(cull_ctx *cx, run *r, caller *w)
{
    char note[400];
    bool well = !w->late && !w->over && !w->child.by_signal && w->child.status == 0;
    why_ended(r->c, w, note, sizeof note);
    cull__child_close(&w->child);
    w->kill_at = w->drain = INFINITY;
    if (w->job < 0) return CULL_OK;
    if (!well || r->c->stay) return failed(cx, r, w, note);
    CULL_TRY(CULL_GROW(cx, w->out, &w->out_cap, SLACK));
    return answered(cx, r, w, w->out, w->out_n);
}

/* ---- all of them ---- */

static void timers(caller *w, double now)
{
    bool out_of_time = w->job >= 0 && now >= w->deadline && w->drain == INFINITY;
    if ((out_of_time || w->over) && w->kill_at == INFINITY) {
        w->late = !w->over;
        cull__child_signal(&w->child, SIGTERM);
        w->kill_at = now + GRACE;
    }
    if (now >= w->kill_at) {
        cull__child_signal(&w->child, SIGKILL);
        w->kill_at = now + GRACE;
    }
}

static cull_status step(cull_ctx *cx, run *r, caller *w, double now)
{
    cull__calls *c = r->c;
    const char *line;
    size_t n;
    if (!w->child.pid) return CULL_OK;
    while (cull__printed_line(&w->err, &line, &n)) {}
    if (c->stay && !w->late && !w->over) CULL_TRY(take_lines(cx, r, w));
    timers(w, now);
    if (cull__child_look(&w->child) && w->drain == INFINITY) w->drain = now + GRACE;
    if (c->stay && w->ended && w->kill_at == INFINITY && !w->child.dead) { /* it will say no more */
        cull__child_signal(&w->child, SIGTERM);
        w->kill_at = now + GRACE;
    }
    if (!w->child.dead || !((w->ended && w->err.ended) || now >= w->drain)) return CULL_OK;
    return finish(cx, r, w);
}

static bool idle(const caller *w, bool stay) { return w->job < 0 && (stay || !w->child.pid); }

static cull_status feed(cull_ctx *cx, run *r)
{
    cull__calls *c = r->c;
    for (int i = 0; i < c->workers && r->first < r->last; i++) {
        caller *w = &c->w[i];
        if (!idle(w, c->stay) || w->kill_at < INFINITY) continue;
        int why;
        int64_t job = r->queue[r->first++];
        CULL_TRY(begin(cx, r, w, job, &why));
        if (why) CULL_TRY(tell(cx, r, job, NULL, strerror(why)));
        send(c, w);
    }
    return CULL_OK;
}

static int watch(const caller *w, struct pollfd *f)
{
    int n = 0;
    const cull__child *p = &w->child;
    if (!p->pid) return 0;
    if (p->in >= 0 && w->left) f[n++] = (struct pollfd){p->in, POLLOUT, 0};
    if (!w->ended) f[n++] = (struct pollfd){p->out, POLLIN, 0};
    if (!w->err.ended) f[n++] = (struct pollfd){p->err, POLLIN, 0};
    if (p->fd >= 0 && !p->dead) f[n++] = (struct pollfd){p->fd, POLLIN, 0};
    return n;
}

static cull_status attend(cull_ctx *cx, cull__calls *c)
{
    int n = 0, each[CULL__WORKERS];
    for (int i = 0; i < c->workers; i++) n += each[i] = watch(&c->w[i], c->poll + n);
    if (poll(c->poll, (nfds_t)n, (int)(LOOK * 1000)) < 0) return CULL_OK;
    for (int i = 0, at = 0; i < c->workers; at += each[i++]) {
        caller *w = &c->w[i];
        for (int k = at; k < at + each[i]; k++) {
            const struct pollfd *f = &c->poll[k];
            if (!f->revents) continue;
            if (f->fd == w->child.in)
                send(c, w);
            else if (f->fd == w->child.out)
                CULL_TRY(receive(cx, w));
            else if (f->fd == w->child.err)
                cull__printed_fill(&w->err, w->child.err);
        }
    }
    return CULL_OK;
}

static cull_status loop(cull_ctx *cx, run *r)
{
    while (r->done < r->n) {
        CULL_TRY(feed(cx, r));
        if (r->done >= r->n) break;
        CULL_TRY(attend(cx, r->c));
        double now = cull__now();
        for (int i = 0; i < r->c->workers; i++) CULL_TRY(step(cx, r, &r->c->w[i], now));
        CULL_TRY(cull__tick(cx, (double)r->done, (double)r->n));
    }
    return CULL_OK;
}

static void drop(cull__calls *c)
{
    for (int i = 0; i < c->workers; i++) {
        if (c->w[i].child.pid) cull__child_close(&c->w[i].child);
        c->w[i].job = -1;
        c->w[i].left = 0;
        c->w[i].kill_at = c->w[i].drain = INFINITY;
    }
}

cull_status cull__calls_run(cull_ctx *cx, cull__calls *c, const char *const *text, int64_t n,
                            cull__called_fn *fn, void *user)
{
    run r = {.c = c, .text = text, .n = n, .last = n, .fn = fn, .user = user};
    cull__mark_t m = cull__mark(cx);
    cull_status s = CULL_TMP(cx, r.queue, n * (1 + c->retries) + 1);
    if (s == CULL_OK) s = CULL_TMP0(cx, r.tries, n + 1);
    for (int64_t i = 0; s == CULL_OK && i < n; i++) r.queue[i] = i;
    if (s == CULL_OK) s = loop(cx, &r);
    if (s != CULL_OK) drop(c);
    cull__release(cx, m);
    return s;
}

/* ---- opening ---- */

static cull_status copy(cull_ctx *cx, const char *s, char **out)
{
    CULL_TRY(CULL_ALLOC(cx, *out, (int64_t)strlen(s) + 1));
    strcpy(*out, s);
    return CULL_OK;
}

static cull_status fill(cull_ctx *cx, cull__calls *c, const cull__calls_opts *o)
{
    int64_t words = 0;
    char *file;
    while (o->argv[words]) words++;
    if (!words) return cull__fail(cx, CULL_EINPUT, "a program of no words");
    CULL_TRY(CULL_ALLOC(cx, c->argv, words + 1));
    for (int64_t i = 0; i < words; i++) CULL_TRY(copy(cx, o->argv[i], &c->argv[i]));
    cull__mark_t m = cull__mark(cx);
    cull_status s = cull__program_find(cx, o->path ? o->path : "/bin:/usr/bin", c->argv[0], &file);
    if (s == CULL_OK) s = copy(cx, file, &c->file);
    cull__release(cx, m);
    CULL_TRY(s);
    CULL_TRY(cull__json_parser_new(cx, &c->json));
    CULL_TRY(CULL_ALLOC(cx, c->poll, (int64_t)o->workers * FDS));
    CULL_TRY(CULL_ALLOC(cx, c->w, o->workers));
    c->workers = o->workers;
    for (int i = 0; i < c->workers; i++) {
        caller *w = &c->w[i];
        w->child = (cull__child){.fd = -1, .in = -1, .out = -1, .err = -1};
        w->job = -1;
        w->deadline = w->kill_at = w->drain = INFINITY;
    }
    for (int i = 0; i < c->workers; i++) CULL_TRY(cull__printed_new(cx, &c->w[i].err, false));
    return CULL_OK;
}

cull_status cull__calls_open(cull_ctx *cx, const cull__calls_opts *o, cull__calls **out)
{
    cull__calls *c;
    *out = NULL;
    if (!(o->timeout >= 0) || o->retries < 0 || o->retries > 100 || o->workers < 1 ||
        o->workers > CULL__WORKERS)
        return cull__fail(cx, CULL_EOPTION,
                          "timeout %g, retries %d, workers %d: they are 0 or more, 0 to 100, 1 to "
                          "%d",
                          o->timeout, o->retries, o->workers, CULL__WORKERS);
    CULL_TRY(CULL_ALLOC(cx, c, 1));
    c->stay = o->stay;
    c->timeout = o->timeout;
    c->retries = o->retries;
    CPU_ZERO(&c->mask);
    if (sched_getaffinity(0, sizeof c->mask, &c->mask)) memset(&c->mask, 0xff, sizeof c->mask);
    cull_status s = fill(cx, c, o);
    if (s == CULL_OK)
        *out = c;
    else
        cull__calls_close(c);
    return s;
}

void cull__calls_close(cull__calls *c)
{
    if (!c) return;
    drop(c);
    for (int i = 0; i < c->workers; i++) {
        cull__printed_free(&c->w[i].err);
        cull__free(c->w[i].line);
        cull__free(c->w[i].out);
    }
    for (int i = 0; c->argv && c->argv[i]; i++) cull__free(c->argv[i]);
    cull__free(c->argv);
    cull__free(c->file);
    cull__free(c->poll);
    cull__free(c->w);
    cull__json_parser_free(c->json);
    cull__free(c);
}

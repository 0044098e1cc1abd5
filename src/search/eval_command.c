/* eval_command.c - the evaluator that runs a program: all its workers from one thread. See cull/evaluate.h. */
#define _GNU_SOURCE
#include "search/eval_program.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

enum { FDS = 4 };                           /* of a worker that are waited for */
static const double GRACE = 5, LOOK = 0.02; /* LOOK: without pidfd a death is looked for so often */

static cull__program *program_of(cull_evaluator *e) { return (cull__program *)e; }

/* ---- waiting ---- */

static int watch(const cull__runner *w, struct pollfd *f)
{
    int n = 0;
    const cull__child *c = &w->child;
    if (!c->pid) return 0;
    if (c->in >= 0 && w->sent < w->send_n) f[n++] = (struct pollfd){c->in, POLLOUT, 0};
    if (!w->out.ended) f[n++] = (struct pollfd){c->out, POLLIN, 0};
    if (!w->err.ended) f[n++] = (struct pollfd){c->err, POLLIN, 0};
    if (c->fd >= 0 && !c->dead) f[n++] = (struct pollfd){c->fd, POLLIN, 0};
    return n;
}

static void serve(cull__runner *w, const struct pollfd *f, int n)
{
    const cull__child *c = &w->child;
    for (int i = 0; i < n; i++) {
        if (!f[i].revents) continue;
        if (f[i].fd == c->in)
            cull__runner_send(w);
        else if (f[i].fd == c->out)
            cull__printed_fill(&w->out, c->out);
        else if (f[i].fd == c->err)
            cull__printed_fill(&w->err, c->err);
    }
}

/* One that is given its point and nothing more sees the end of its input. */
static void end_input(const cull__program *p, cull__runner *w)
{
    if (!p->stay && w->sent == w->send_n) cull__close_fd(&w->child.in);
}

/* false: a signal came. */
static bool attend(cull__program *p, double until)
{
    int n = 0, each[CULL__WORKERS];
    double now = cull__now();
    for (int i = 0; i < p->workers; i++) {
        cull__runner *w = &p->w[i];
        end_input(p, w);
        int k = watch(w, p->poll + n);
        double due = cull__runner_due(w);
        if (w->child.pid && w->child.fd < 0 && now + LOOK < due) due = now + LOOK;
        if (due < until) until = due;
        each[i] = k, n += k;
    }
    double ms = ceil((until - now) * 1000);
    int r = poll(p->poll, (nfds_t)n, ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms);
    if (r < 0) return false;
    for (int i = 0, at = 0; i < p->workers; at += each[i++]) serve(&p->w[i], p->poll + at, each[i]);
    return true;
}

static cull_status wait_next(cull_ctx *cx, cull_evaluator *e, double seconds, cull__eval_event *ev)
{
    cull__program *p = program_of(e);
    double now = cull__now(), until = now + seconds;
    (void)cx;
    for (;;) {
        *ev = (cull__eval_event){.kind = CULL__EVAL_NONE};
        for (int k = 0; k < p->workers; k++) {
            int i = (p->turn + k) % p->workers;
            if (!cull__runner_next(p, i, now, ev)) continue;
            p->turn = (i + 1) % p->workers;
            return CULL_OK;
        }
        if (now >= until || !attend(p, until)) return CULL_OK;
        now = cull__now();
    }
}

/* ---- the end ---- */

static bool some_live(cull__program *p, double now)
{
    cull__eval_event ev;
    bool live = false;
    for (int i = 0; i < p->workers; i++) {
        while (cull__runner_next(p, i, now, &ev))
            if (ev.kind == CULL__EVAL_REPORT) cull__runner_answer(p, &p->w[i], false, now);
        live |= p->w[i].child.pid != 0;
    }
    return live;
}

/* Those that evaluate get SIGTERM, those that wait for work the end of their input; half of the grace later all get
 * SIGTERM, at its end SIGKILL. */
static void end_all(cull_evaluator *e, bool (*hurry)(void *user), void *user)
{
    cull__program *p = program_of(e);
    double now = cull__now(), over = now + p->grace, half = now + p->grace / 2;
    for (int i = 0; i < p->workers; i++) {
        cull__runner *w = &p->w[i];
        if (w->busy) {
            w->stopping = true;
            cull__child_signal(&w->child, SIGTERM);
        } else {
            cull__close_fd(&w->child.in);
        }
    }
    while (some_live(p, now) && now < over && !(hurry && hurry(user))) {
        if (now >= half) {
            for (int i = 0; i < p->workers; i++) cull__child_signal(&p->w[i].child, SIGTERM);
            half = INFINITY;
        }
        (void)attend(p, now + 0.1 < over ? now + 0.1 : over);
        now = cull__now();
    }
    for (int i = 0; i < p->workers; i++) cull__child_signal(&p->w[i].child, SIGKILL);
    for (int i = 0; i < p->workers; i++) {
        cull__child_close(&p->w[i].child);
        p->w[i].busy = false;
    }
}

static void answer(cull_evaluator *e, int worker, bool go)
{
    cull__program *p = program_of(e);
    cull__runner_answer(p, &p->w[worker], go, cull__now());
}

static cull_status begin(cull_ctx *cx, cull_evaluator *e, int worker, const cull_trial *t)
{
    return cull__runner_begin(cx, program_of(e), worker, t);
}

/* ---- making one ---- */

static void drop_workers(cull__program *p)
{
    for (int i = 0; p->w && i < p->workers; i++) {
        cull__runner *w = &p->w[i];
        if (w->child.pid) cull__child_close(&w->child);
        cull__printed_free(&w->out);
        cull__printed_free(&w->err);
        cull__free(w->send);
        cull__free(w->dir);
    }
    cull__free(p->w);
    cull__free(p->poll);
    p->w = NULL, p->poll = NULL, p->workers = 0;
}

static cull_status start(cull_ctx *cx, cull_evaluator *e, int workers)
{
    cull__program *p = program_of(e);
    if (workers == p->workers) return CULL_OK;
    drop_workers(p);
    CULL_TRY(CULL_ALLOC(cx, p->w, workers));
    CULL_TRY(CULL_ALLOC(cx, p->poll, (int64_t)workers * FDS));
    p->workers = workers;
    for (int i = 0; i < workers; i++) {
        cull__runner *w = &p->w[i];
        w->child = (cull__child){.fd = -1, .in = -1, .out = -1, .err = -1};
        w->out.file = w->err.file = -1;
        w->deadline = w->kill_at = w->drain = INFINITY;
    }
    for (int i = 0; i < workers; i++) {
        CULL_TRY(cull__printed_new(cx, &p->w[i].out, p->dir));
        CULL_TRY(cull__printed_new(cx, &p->w[i].err, p->dir));
    }
    return CULL_OK;
}

static void program_free(cull_evaluator *e)
{
    cull__program *p = program_of(e);
    drop_workers(p);
    for (int i = 0; p->argv && p->argv[i]; i++) cull__free(p->argv[i]);
    cull__free(p->argv);
    cull__free(p->file);
    cull__free(p->dir);
    cull__free(p->path);
    cull__json_parser_free(p->json);
    cull__free(p);
}

static const cull__eval_fns fns = {start, begin, wait_next, answer, end_all, program_free};

static cull_status copy(cull_ctx *cx, const char *s, char **out)
{
    CULL_TRY(CULL_ALLOC(cx, *out, (int64_t)strlen(s) + 1));
    strcpy(*out, s);
    return CULL_OK;
}

static cull_status copy_words(cull_ctx *cx, cull__program *p, const char *const *argv)
{
    int64_t n = 0;
    while (argv && argv[n]) n++;
    CULL_TRY(CULL_ALLOC(cx, p->argv, n + 1));
    for (int64_t i = 0; i < n; i++) CULL_TRY(copy(cx, argv[i], &p->argv[i]));
    return CULL_OK;
}

/* `dir` and the folders that it lies in. */
static cull_status make_folder(cull_ctx *cx, char *dir)
{
    struct stat st;
    for (char *at = dir + 1;; at++) {
        if (*at && *at != '/') continue;
        char was = *at;
        *at = 0;
        bool bad = mkdir(dir, 0777) && errno != EEXIST;
        if (!bad && !was && (stat(dir, &st) || !S_ISDIR(st.st_mode)))
            return cull__fail(cx, CULL_EIO, "%s: is no folder", dir);
        if (bad) return cull__fail_errno(cx, dir, "cannot make this folder");
        *at = was;
        if (!was) return CULL_OK;
    }
}

static cull_status find_program(cull_ctx *cx, cull__program *p)
{
    char *file;
    if (strchr(p->argv[0], '{')) return CULL_OK;
    CULL_TRY(cull__program_find(cx, p->path, p->argv[0], &file));
    return copy(cx, file, &p->file);
}

static cull_status fill(cull_ctx *cx, cull__program *p, const cull_command_opts *o)
{
    if (!(o->timeout >= 0) || !(o->grace >= 0) || o->most < 0)
        return cull__fail(cx, CULL_EOPTION,
                          "timeout %g, grace %g and most are 0 or more, and numbers", o->timeout,
                          o->grace);
    p->stay = o->stay;
    p->timeout = o->timeout;
    p->grace = o->grace > 0 ? o->grace : GRACE;
    p->most = o->most ? o->most : 1 << 20;
    p->seed = cull_ctx_seed(cx);
    CULL_TRY(copy_words(cx, p, o->argv));
    CULL_TRY(copy(cx, o->path ? o->path : "/bin:/usr/bin", &p->path));
    if (o->dir) CULL_TRY(copy(cx, o->dir, &p->dir));
    p->words = (cull__words){p->problem, (const char *const *)p->argv, p->dir, false};
    CULL_TRY(cull__words_check(cx, &p->words));
    if (p->stay && p->words.points)
        return cull__fail(cx, CULL_EINPUT,
                          "a program that stays reads its points from standard input, and its "
                          "words have no parameters");
    cull__mark_t m = cull__mark(cx);
    cull_status s = find_program(cx, p);
    cull__release(cx, m);
    CULL_TRY(s);
    if (p->dir) CULL_TRY(make_folder(cx, p->dir));
    return cull__json_parser_new(cx, &p->json);
}

cull_status cull_evaluate_command(cull_ctx *cx, const cull_search_problem *problem,
                                  const cull_command_opts *o, cull_evaluator **out)
{
    cull__program *p;
    *out = NULL;
    CULL_TRY(CULL_ALLOC(cx, p, 1));
    p->base.fns = &fns;
    p->problem = problem;
    CPU_ZERO(&p->mask);
    if (sched_getaffinity(0, sizeof p->mask, &p->mask)) memset(&p->mask, 0xff, sizeof p->mask);
    cull_status s = fill(cx, p, o);
    if (s == CULL_OK)
        *out = &p->base;
    else
        program_free(&p->base);
    return s;
}

/* loop_lease.c - who runs what: heartbeats, and trials whose worker is gone.
 *
 * A worker is "host@numbers:pid:start", with the time at which the system started the process. One of this machine whose
 * process is no more is found at once; of others one hears nothing for ten heartbeats first. */
#define _GNU_SOURCE
#include "base/base.h"
#include "io/temporary.h"
#include "search/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOST = 64 }; /* trials that are looked at in one turn */
static const double SILENT = 10, NAP = 0.1, LATE = 1;

/* When a process started, in ticks of the system; 0 = there is none, or it cannot be known. */
static int64_t start_of(int64_t pid)
{
    char path[48], line[1024];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;
    if (f) fclose(f);
    line[n] = 0;
    char *at = strrchr(line, ')'), *rest = NULL; /* the name before it may hold anything */
    int64_t start = 0;
    for (int i = 3; at && i <= 22; i++) at = strtok_r(i == 3 ? at + 1 : NULL, " ", &rest);
    return at && cull__parse_i64(at, strlen(at), &start) ? start : 0;
}

/* Of what the numbers of processes are numbers: of this start of this machine, and in a container of that. Names of machines do not
 * tell, as many a machine, and a container beside it, is called the same. */
static uint32_t numbered_in(void)
{
    char ns[32] = "";
    ssize_t n = readlink("/proc/self/ns/pid", ns, sizeof ns);
    return (uint32_t)cull__hash64(ns, n > 0 ? (size_t)n : 0, cull__boot());
}

void cull__lease_name(cull__run *r)
{
    char host[65] = "";
    if (gethostname(host, sizeof host - 1)) snprintf(host, sizeof host, "localhost");
    for (char *c = host; *c; c++)
        if (*c == ':') *c = '.';
    snprintf(r->name, sizeof r->name, "%.60s@%08" PRIx32 ":%ld:%" PRId64, host, numbered_in(),
             (long)getpid(), start_of(getpid()));
    cull__study_worker(r->s, r->name);
}

static bool ours(const cull__run *r, int64_t number)
{
    for (int i = 0; i < r->places; i++)
        if (r->entry[i].number == number) return true;
    return false;
}

/* Its trial is told or handed out by another process at this moment: that is as well. */
static cull_status hand_out(cull__run *r, int64_t number, bool lost)
{
    cull_status s = cull__study_give_back(r->s, number, lost);
    r->dry = false;
    return s == CULL_EINPUT ? CULL_OK : s;
}

static cull_status silent(cull__run *r, cull__store *store)
{
    int64_t lost[LOST], n = 0;
    CULL_TRY(cull__store_lost(r->cx, store, SILENT * r->heartbeat, lost, LOST, &n));
    for (int64_t i = 0; i < n; i++)
        if (!ours(r, lost[i])) CULL_TRY(hand_out(r, lost[i], true));
    return CULL_OK;
}

cull_status cull__lease_beat(cull__run *r)
{
    cull__store *store = cull__study_store(r->s);
    double now = cull__now();
    int64_t n = 0;
    if (!store || now < r->beat_at) return CULL_OK;
    bool held_up = r->beat_at > 0 && now - r->beat_at > r->heartbeat + LATE;
    for (int i = 0; i < r->places; i++)
        if (r->entry[i].number >= 0 && !r->entry[i].stopped) r->beating[n++] = r->entry[i].number;
    if (n) CULL_TRY(cull__store_beat(r->cx, store, r->beating, n, r->name));
    double then = cull__now();
    r->beat_at = then + r->heartbeat;
    /* what held this process up may have held up all: they have their time again to be heard */
    if (held_up || then - now > r->heartbeat + LATE) r->patient = then + SILENT * r->heartbeat;
    return then < r->patient ? CULL_OK : silent(r, store);
}

/* ---- at the start ---- */

typedef struct {
    cull__run *r;
    int64_t trials;
    bool *gone; /* trials: of a process of this machine that is no more */
} reading;

/* name: "host@numbers:pid:start" */
static bool gone(const cull__run *r, const char *name)
{
    const char *pid_at = name ? strchr(name, ':') : NULL;
    const char *start_at = pid_at ? strchr(pid_at + 1, ':') : NULL;
    int64_t pid, start;
    if (!start_at || strncmp(name, r->name, (size_t)(pid_at + 1 - name))) return false;
    if (!cull__parse_i64(pid_at + 1, (size_t)(start_at - pid_at - 1), &pid) || pid < 1 ||
        !cull__parse_i64(start_at + 1, strlen(start_at + 1), &start))
        return false;
    if (kill((pid_t)pid, 0) && errno == ESRCH) return true;
    int64_t now = start_of(pid);
    return start && now && start != now; /* another process has its number by now */
}

static cull_status on_event(cull_ctx *cx, void *user, const cull__event *e)
{
    reading *g = user;
    (void)cx;
    if (e->kind == CULL__ASKED && e->trial >= 0 && e->trial < g->trials &&
        g->r->s->trial[e->trial].state == CULL_TRIAL_RUNNING)
        g->gone[e->trial] = gone(g->r, e->worker);
    return CULL_OK;
}

static bool runs(const cull_study *s, int64_t i)
{
    return s->trial[i].state == CULL_TRIAL_RUNNING && !s->trial[i].waits;
}

/* Trials of others: how many, once those of processes that are gone were handed out. */
static cull_status sweep(cull__run *r, cull__store *store, int64_t *left)
{
    reading g = {.r = r, .trials = cull_study_trials(r->s)};
    *left = 0;
    for (int64_t i = 0; i < g.trials; i++) *left += runs(r->s, i);
    if (!*left) return CULL_OK;
    CULL_TRY(CULL_TMP0(r->cx, g.gone, g.trials));
    CULL_TRY(cull__store_read(r->cx, store, 0, on_event, &g));
    for (int64_t i = 0; i < g.trials; i++) {
        if (!runs(r->s, i) || !g.gone[i]) continue;
        CULL_TRY(hand_out(r, i, false)); /* that a run was killed is no fault of its trials */
        --*left;
    }
    return CULL_OK;
}

cull_status cull__lease_claim(cull__run *r)
{
    cull__store *store = cull__study_store(r->s);
    int64_t left = 0;
    bool said = false;
    while (store) {
        cull__mark_t m = cull__mark(r->cx);
        cull_status s = sweep(r, store, &left);
        cull__release(r->cx, m);
        CULL_TRY(s);
        if (!left || !r->in_order) break;
        if (!said)
            cull__log(r->cx, CULL_LOG_INFO,
                      "in order: %" PRId64 " trials of other processes are waited for", left);
        said = true;
        CULL_TRY(silent(r, store));
        CULL_TRY(cull__tick(r->cx, 0, 0));
        usleep((useconds_t)(NAP * 1e6));
        CULL_TRY(cull__study_read(r->s));
    }
    return CULL_OK;
}

cull_status cull__lease_end(cull__run *r)
{
    cull__store *store = cull__study_store(r->s);
    int64_t left;
    if (!store) return CULL_OK;
    CULL_TRY(cull__study_read(r->s));
    cull__mark_t m = cull__mark(r->cx);
    cull_status s = sweep(r, store, &left);
    cull__release(r->cx, m);
    if (s == CULL_OK && left && cull__now() >= r->patient) s = silent(r, store);
    return s;
}

/* ---- for loops of the caller's own ---- */

cull_status cull_study_claim(cull_ctx *cx, cull_study *s)
{
    cull__run r = {.cx = cx, .s = s};
    if (!cull__study_store(s)) return CULL_OK;
    CULL_TRY(cull__study_read(s));
    if (*s->unwritable) return CULL_OK; /* nothing can be taken over */
    cull__mark_t m = cull__mark(cx);
    cull__lease_name(&r);
    cull_status done = cull__lease_claim(&r);
    cull__release(cx, m);
    return done;
}

cull_status cull_study_beat(cull_ctx *cx, cull_study *s, const int64_t *number, int64_t n,
                            double heartbeat)
{
    cull__run r = {.cx = cx, .s = s, .heartbeat = heartbeat > 0 ? heartbeat : 5};
    cull__store *store = cull__study_store(s);
    if (!store || *s->unwritable) return CULL_OK;
    if (n) CULL_TRY(cull__store_beat(cx, store, number, n, s->worker));
    return silent(&r, store);
}

cull_status cull_study_give_back(cull_study *s, int64_t number)
{
    return cull__study_give_back(s, number, false);
}

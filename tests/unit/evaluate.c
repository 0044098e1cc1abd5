/* Programs, functions and tables as evaluators: each driven by hand, without a study. */
#include "cull/evaluate.h"
#include "search/eval.h"
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPACE                                                                                      \
    "lr = real(0.0001, 1, log)\n"                                                                  \
    "opt = or { sgd { momentum = real(0, 1) } adam }\n"                                            \
    "arch = one(a, b, c)\n"                                                                        \
    "keep = subset(1..2 of x, y, z)\n"

typedef struct {
    cull_ctx *cx;
    cull_space *space;
    cull_search_problem p;
    cull_objective o[3];
    const char *c[1];
    double x[16];
    char dir[64];
} fixture;

static void open_space(fixture *f, const char *text)
{
    cull_space_free(f->space);
    ok(f->cx, cull_space_from(f->cx, text, strlen(text), "test.cull", &f->space));
    f->p.space = f->space;
}

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = 1;
    f->cx = cull_ctx_new(&o);
    open_space(f, SPACE);
    f->o[0].name = "error", f->o[1].name = "latency", f->o[2].name = "size";
    f->c[0] = "memory";
    f->p.objectives = 1, f->p.objective = f->o, f->p.constraint = f->c;
    ok(f->cx, cull_space_parse(f->cx, f->space,
                               "lr=0.01 opt=sgd opt.sgd.momentum=0.5 arch=b keep=x+z", f->x));
    snprintf(f->dir, sizeof f->dir, "/tmp/cull-evaluate-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", f->dir);
    assert_int_equal(system(line), 0);
    cull_space_free(f->space);
    cull_ctx_free(f->cx);
    free(f);
    return 0;
}

/* In a word a brace is two. */
static const char *doubled(const char *script)
{
    static char out[2000];
    size_t n = 0;
    for (; *script && n < sizeof out - 2; script++) {
        if (*script == '{') out[n++] = '{';
        out[n++] = *script;
    }
    out[n] = 0;
    return out;
}

static cull_evaluator *shell_with(fixture *f, const char *script, cull_command_opts o)
{
    static const char *argv[16];
    cull_evaluator *e;
    argv[0] = "/bin/sh", argv[1] = "-c", argv[2] = doubled(script), argv[3] = NULL;
    o.size = sizeof o;
    if (!o.argv) o.argv = argv;
    ok(f->cx, cull_evaluate_command(f->cx, &f->p, &o, &e));
    ok(f->cx, e->fns->start(f->cx, e, 4));
    return e;
}

static cull_trial trial(fixture *f, int64_t number)
{
    return (cull_trial){.number = number, .x = f->x};
}

/* Until an event; reports are answered `go`. */
static cull__eval_event next(fixture *f, cull_evaluator *e, bool go, int *reports)
{
    cull__eval_event ev;
    for (double began = cull__now();;) {
        ok(f->cx, e->fns->wait(f->cx, e, 0.2, &ev));
        if (ev.kind == CULL__EVAL_REPORT) {
            if (reports) ++*reports;
            e->fns->answer(e, ev.worker, go);
        } else if (ev.kind != CULL__EVAL_NONE) {
            return ev;
        }
        if (cull__now() - began > 30) fail_msg("nothing came in 30 s");
    }
}

typedef struct {
    cull__eval_kind kind;
    cull_trial_state state;
    double value[3], violation, cost, noise, took;
    char note[500];
    int reports;
} answer;

static void keep(const fixture *f, const cull__eval_event *ev, answer *a)
{
    a->kind = ev->kind, a->state = ev->outcome.state;
    for (int i = 0; i < f->p.objectives && ev->outcome.value; i++)
        a->value[i] = ev->outcome.value[i];
    if (f->p.constraints && ev->outcome.violation) a->violation = *ev->outcome.violation;
    a->cost = ev->outcome.cost, a->noise = ev->outcome.noise;
    snprintf(a->note, sizeof a->note, "%s", ev->outcome.note ? ev->outcome.note : "");
}

static answer run_with(fixture *f, const char *script, cull_command_opts o)
{
    cull_evaluator *e = shell_with(f, script, o);
    cull_trial t = trial(f, 7);
    answer a = {0};
    double began = cull__now();
    ok(f->cx, e->fns->begin(f->cx, e, 2, &t));
    cull__eval_event ev = next(f, e, true, &a.reports);
    a.took = cull__now() - began;
    assert_int_equal(ev.worker, 2);
    keep(f, &ev, &a);
    e->fns->end(e, NULL, NULL);
    cull_evaluator_free(e);
    return a;
}

static answer run(fixture *f, const char *script)
{
    return run_with(f, script, (cull_command_opts){0});
}

#define is_done(a, v)                                                                              \
    do {                                                                                           \
        answer a_ = (a);                                                                           \
        if (a_.kind != CULL__EVAL_DONE || a_.state != CULL_TRIAL_DONE || a_.value[0] != (v))       \
            fail_msg("kind %d state %d value %g note '%s'", a_.kind, a_.state, a_.value[0],        \
                     a_.note);                                                                     \
    } while (0)
#define is_failed(a, part)                                                                         \
    do {                                                                                           \
        answer a_ = (a);                                                                           \
        if (a_.kind != CULL__EVAL_DONE || a_.state != CULL_TRIAL_FAILED || !strstr(a_.note, part)) \
            fail_msg("kind %d state %d value %g note '%s' lacks '%s'", a_.kind, a_.state,          \
                     a_.value[0], a_.note, part);                                                  \
    } while (0)

/* ---- forms of results ---- */

static void results(void **state)
{
    fixture *f = *state;
    is_done(run(f, "echo 0.25"), 0.25);
    is_done(run(f, "echo epoch 1; echo 3; printf '  -2.5e-3\\r\\n'"), -2.5e-3);
    is_done(run(f, "printf 0.125"), 0.125); /* no line's end */
    is_done(run(f, "printf '10%% error=9\\r20%% error=8\\rerror=0.5\\r\\n\\r\\n'"), 0.5);
    is_done(run(f, "printf '%070000d\\rstep 2\\r%070000d\\rerror=0.5\\n' 1 2"), 0.5); /* a bar */
    is_failed(run(f, "printf '%070000d\\n' 1"), "too long");
    is_done(run(f, "echo 'loss=3, error=0.5'; echo bye"), 0.5);
    is_done(run(f, "echo '{\"error\": 0.5, \"more\": [1, {\"error\": 2}]}'"), 0.5);
    is_done(run(f, "echo 1; echo nonsense=7; echo 'x 3'"), 1.0);
    answer a = run(f, "echo '{\"error\": 1, \"cost\": 12.5, \"noise\": 0.1}'");
    assert_true(a.cost == 12.5 && a.noise == 0.1);
    a = run(f, "echo step=1 error=3; echo '{\"step\": 2, \"error\": 2}'; echo error=1");
    is_done(a, 1.0);
    assert_int_equal(a.reports, 2);
    is_done(run(f, "echo step=1 error=3"), 3.0); /* the last line with all objectives */
    is_done(run(f, "echo 0.5 >&2; echo 0.75; echo 0.5 >&2"), 0.75);
    is_failed(run(f, "echo '{\"failed\": \"diverged\"}'"), "diverged");
    is_failed(run(f, "true"), "it printed nothing");
    is_failed(run(f, "echo; echo"), "blank");
    is_failed(run(f, "echo what is this"), "'what is this'");
    is_failed(run(f, "echo '{\"error\": NaN}'"), "error is no finite number: {\"error\": NaN}");
    is_failed(run(f, "echo '{\"note\": \"NaN \\\" \", \"error\": [-Infinity]}'"),
              "no finite number");
    is_failed(run(f, "echo 0.5; echo '{\"error\": null}'"), "error is no finite number");
    is_failed(run(f, "echo '{\"error\": \"0.5\"}'"), "error is no finite number");
    is_failed(run(f, "echo error=inf"), "error is no finite number: error=inf");
    is_failed(run(f, "echo 0.5; echo '{\"error\": 1e400}'"),
              "error is no finite number: {\"error\": 1e400}");
    is_failed(run(f, "echo '{\"error\": -1e400, \"s\": \"1e400\"}'"), "error is no finite number");
    is_done(run(f, "echo '{\"error\": 123456789012345678901234567890}'"),
            123456789012345678901234567890.);
    is_done(run(f, "echo '{\"error\": 0.5, \"seen\": 18446744073709551616}'"), 0.5);
    assert_true(isnan(run(f, "echo '{\"error\": 1, \"cost\": 1e400}'").cost));
    assert_true(isnan(run(f, "echo '{\"error\": 1, \"cost\": \"3\"}'").cost));
    assert_true(run(f, "echo '{\"error\": 1, \"cost\": null}'").cost == 0);
    is_failed(run(f, "echo error=1,5"), "its last line was 'error=1,5'");
    is_done(run(f, "echo error=2,loss=1,5"), 2.0);
    is_done(run(f, "echo 0.5; echo null; echo '[1, 2]'; echo '{'; echo error=none; echo []"), 0.5);
    is_failed(run(f, "printf '\\377\\303\\251\\000\\033[1m\\342\\202' >&2; exit 1"),
              "exit status 1: ?\303\251??[1m??");
    is_failed(run(f, "echo 0.5; echo no space left >&2; exit 3"), "exit status 3: no space left");
    is_failed(run(f, "echo 0.5; kill -SEGV $$"), "killed by signal 11");
}

static void several(void **state)
{
    fixture *f = *state;
    f->p.objectives = 3;
    answer a = run(f, "echo latency=2 error=1 size=3");
    is_done(a, 1.0);
    assert_true(a.value[1] == 2 && a.value[2] == 3);
    is_failed(run(f, "echo 1"), "'1'");
    is_failed(run(f, "echo '{\"error\": 1, \"size\": 2}'"),
              "it told error and size but not latency");
    is_failed(run(f, "echo size=3"), "it told size but not error and latency");
    f->p.constraints = 1;
    is_failed(run(f, "echo latency=2 error=1 size=3"), "error, latency and size but not memory");
    a = run(f, "echo latency=2 error=1 size=3 memory=-4");
    assert_true(a.state == CULL_TRIAL_DONE && a.violation == -4);
}

/* ---- words ---- */

static void words(void **state)
{
    fixture *f = *state;
    const char *argv[] = {"/bin/sh",
                          "-c",
                          "printf '%s|' \"$@\" >$0/said; cat >$0/in; echo 1",
                          f->dir,
                          "--lr={lr}",
                          "{opt}",
                          "{opt.sgd.momentum}",
                          "m{opt.sgd.momentum}",
                          "{keep}",
                          "{{{arch}}",
                          "{trial} {worker} {budget}",
                          NULL};
    char path[100], text[400] = "";
    cull_command_opts o = {.argv = argv};
    for (int adam = 0; adam < 2; adam++) {
        if (adam)
            ok(f->cx, cull_space_parse(f->cx, f->space, "lr=0.5 opt=adam arch=c keep=y", f->x));
        is_done(run_with(f, "", o), 1.0);
        snprintf(path, sizeof path, "%s/said", f->dir);
        FILE *in = fopen(path, "r");
        assert_non_null(in);
        size_t n = fread(text, 1, sizeof text - 1, in);
        text[n] = 0;
        fclose(in);
        assert_string_equal(text, adam ? "--lr=0.5|adam|m|y|{c}|7 2 0|"
                                       : "--lr=0.01|sgd|0.5|m0.5|x+z|{b}|7 2 0|");
    }
    cull_evaluator *e;
    argv[5] = "{arhc}";
    refused(f->cx, cull_evaluate_command(f->cx, &f->p, &o, &e), CULL_EINPUT,
            "did you mean {arch}?");
    argv[5] = "{print $1}";
    refused(f->cx, cull_evaluate_command(f->cx, &f->p, &o, &e), CULL_EINPUT,
            "a brace itself is {{");
    argv[5] = "a{b";
    refused(f->cx, cull_evaluate_command(f->cx, &f->p, &o, &e), CULL_EINPUT, "nothing closes");
    argv[5] = "{dir}";
    refused(f->cx, cull_evaluate_command(f->cx, &f->p, &o, &e), CULL_EINPUT, "no folder");
    argv[5] = "x", argv[0] = "./no-such-program";
    refused(f->cx, cull_evaluate_command(f->cx, &f->p, &o, &e), CULL_EINPUT,
            "./no-such-program: there is no such program");
    argv[0] = "no-such-program";
    refused(f->cx, cull_evaluate_command(f->cx, &f->p, &o, &e), CULL_EINPUT, "on the PATH");
    argv[0] = f->dir;
    refused(f->cx, cull_evaluate_command(f->cx, &f->p, &o, &e), CULL_EINPUT, "may be run");
}

static void point_on_input(void **state)
{
    fixture *f = *state;
    char path[120], text[400] = "", script[200];
    cull_command_opts o = {.dir = f->dir, .most = 10};
    snprintf(script, sizeof script, "cat >%s/in; echo 123456789; echo 2; echo oh >&2", f->dir);
    is_done(run_with(f, script, o), 2.0);
    const char *want = "{\"lr\":0.01,\"opt\":\"sgd\",\"opt.sgd.momentum\":0.5,\"arch\":\"b\","
                       "\"keep\":[\"x\",\"z\"],\"trial\":7,\"worker\":2,";
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, i ? "%s/000007/point.json" : "%s/in", f->dir);
        FILE *in = fopen(path, "r");
        assert_non_null(in);
        text[fread(text, 1, sizeof text - 1, in)] = 0;
        fclose(in);
        if (strncmp(text, want, strlen(want))) fail_msg("%s", text);
        assert_non_null(strstr(text, "/000007\"}\n"));
    }
    struct stat st;
    snprintf(path, sizeof path, "%s/000007/out", f->dir);
    assert_int_equal(stat(path, &st), 0);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    text[fread(text, 1, sizeof text - 1, in)] = 0;
    fclose(in);
    assert_string_equal(text, "12345\n[2 bytes are left out here]\n89\n2\n"); /* `most` */
    snprintf(path, sizeof path, "%s/000007/err", f->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 3);
}

/* A program that reads none of its input, and one that is given more than a pipe holds. */
static void wide_point(void **state)
{
    fixture *f = *state;
    char *text = calloc(1, 1 << 20);
    size_t n = 0;
    for (int i = 0; i < 9000; i++) n += (size_t)sprintf(text + n, "parameter_%d = one(a, b)\n", i);
    open_space(f, text);
    double *x = calloc(9000, sizeof *x);
    cull_evaluator *e = shell_with(f, "sleep 0.2; wc -c", (cull_command_opts){0});
    cull_trial t = {.number = 1, .x = x};
    ok(f->cx, e->fns->begin(f->cx, e, 0, &t));
    cull__eval_event ev = next(f, e, true, NULL);
    assert_int_equal(ev.outcome.state, CULL_TRIAL_DONE);
    assert_true(*ev.outcome.value > 9000 * 18);
    cull_evaluator_free(e);
    e = shell_with(f, "exec <&-; sleep 0.1; echo 4", (cull_command_opts){0});
    ok(f->cx, e->fns->begin(f->cx, e, 0, &t));
    ev = next(f, e, true, NULL);
    assert_int_equal(ev.outcome.state, CULL_TRIAL_DONE);
    cull_evaluator_free(e);
    free(x);
    free(text);
}

/* ---- ends ---- */

static void timeouts(void **state)
{
    fixture *f = *state;
    cull_command_opts o = {.timeout = 0.2, .grace = 50};
    answer a = run_with(f, "echo 1; exec sleep 60", o);
    assert_int_equal(a.state, CULL_TRIAL_TIMEOUT);
    assert_non_null(strstr(a.note, "longer than 0.2 s"));
    assert_true(a.took < 40); /* SIGTERM was enough */
    o.grace = 0.3;
    a = run_with(f, "trap '' TERM; while :; do sleep 0.05; done", o);
    assert_int_equal(a.state, CULL_TRIAL_TIMEOUT);
    assert_true(a.took > 0.45 && a.took < 40);
    /* a child in the group holds the pipe and ignores SIGTERM; one that has left the group only holds it */
    a = run_with(f, "(trap '' TERM; exec sleep 60) & exec sleep 60", o);
    assert_int_equal(a.state, CULL_TRIAL_TIMEOUT);
    assert_true(a.took < 40);
    a = run_with(f, "sleep 60 & echo 5", o);
    is_done(a, 5.0);
    assert_true(a.took > 0.25 && a.took < 40);
    a = run_with(f, "setsid sleep 10 & echo 5", o);
    is_done(a, 5.0);
    assert_true(a.took < 9);
    is_done(run_with(f, "exec 2>&- ; echo 6; exec >&-; sleep 0.1", o), 6.0);
}

/* Nothing of a group is left: the sleeper's number is looked for. */
static void group_is_gone(void **state)
{
    fixture *f = *state;
    char script[200], path[100];
    cull_command_opts o = {.grace = 0.2};
    snprintf(script, sizeof script, "sleep 60 & echo $! >%s/pid; echo 1", f->dir);
    is_done(run_with(f, script, o), 1.0);
    snprintf(path, sizeof path, "%s/pid", f->dir);
    FILE *in = fopen(path, "r");
    int pid = 0;
    assert_int_equal(fscanf(in, "%d", &pid), 1);
    fclose(in);
    for (int i = 0; i < 100 && !kill(pid, 0); i++) { /* its new parent has to reap it */
        snprintf(script, sizeof script, "/proc/%d/stat", pid);
        FILE *s = fopen(script, "r");
        char c = 'Z';
        if (s && fscanf(s, "%*d %*s %c", &c) != 1) c = 'Z';
        if (s) fclose(s);
        if (c == 'Z') return;
        usleep(10000);
    }
    assert_int_not_equal(kill(pid, 0), 0);
}

static void again(void **state)
{
    fixture *f = *state;
    answer a = run(f, "echo busy >&2; exit 75");
    assert_int_equal(a.kind, CULL__EVAL_AGAIN);
    assert_string_equal(a.note, "exit status 75: busy");
}

/* A gigabyte of output: memory stays as it is, the kept file is bounded and has the beginning and the end. */
static void flood(void **state)
{
    fixture *f = *state;
    struct rusage before, after;
    struct stat st;
    char path[120], tail[64] = "";
    cull_command_opts o = {.dir = f->dir};
    getrusage(RUSAGE_SELF, &before);
    is_done(run_with(f,
                     "echo first; head -c 1000000000 /dev/zero; echo; yes | head -c 30000000; "
                     "yes | head -c 3000000 >&2; echo last; echo 7",
                     o),
            7.0);
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 4096); /* KiB */
    snprintf(path, sizeof path, "%s/000007/out", f->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_in_range(st.st_size, 1 << 20, (1 << 20) + 80);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_int_equal(fread(tail, 1, 6, in), 6);
    assert_string_equal(tail, "first\n");
    fseek(in, -9, SEEK_END);
    assert_int_equal(fread(tail, 1, 9, in), 9);
    assert_string_equal(tail, "y\nlast\n7\n");
    fclose(in);
}

static void stops(void **state)
{
    fixture *f = *state;
    cull_evaluator *e =
        shell_with(f, "i=0; while :; do i=$((i+1)); echo step=$i error=$i; sleep 0.01; done",
                   (cull_command_opts){0});
    cull_trial t = trial(f, 0);
    int reports = 0;
    ok(f->cx, e->fns->begin(f->cx, e, 0, &t));
    (void)next(f, e, false, &reports);
    assert_int_equal(reports, 1);
    cull_evaluator_free(e);
}

/* ---- what a child finds ---- */

static void surroundings(void **state)
{
    fixture *f = *state;
    /* signals: blocked or ignored here, default there */
    sigset_t s, before;
    sigemptyset(&s);
    sigaddset(&s, SIGTERM);
    sigaddset(&s, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &s, &before);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    answer a = run(f, "kill -PIPE $$; echo 1");
    is_failed(a, "killed by signal 13");
    a = run(f, "kill -INT $$; echo 1");
    is_failed(a, "killed by signal 2");
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    /* descriptors: three, and the one that lists them */
    int more = 0;
    for (int fd = 3; fd < 1024; fd++) { /* what this program was given itself */
        int flags = fcntl(fd, F_GETFD);
        more += flags >= 0 && !(flags & FD_CLOEXEC);
    }
    is_done(run(f, "ls /proc/self/fd | wc -l"), 4.0 + more);
    /* a group of its own, its leader */
    is_done(run(f, "[ $(cut -d' ' -f5 /proc/$$/stat) = $$ ] && echo 1"), 1.0);
    /* the CPUs of the process, though this thread is pinned */
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof all, &all);
    if (CPU_COUNT(&all) > 1) {
        cull_evaluator *e = shell_with(f, "nproc", (cull_command_opts){0});
        CPU_ZERO(&one);
        for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
            if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
        sched_setaffinity(0, sizeof one, &one);
        cull_trial t = trial(f, 0);
        ok(f->cx, e->fns->begin(f->cx, e, 0, &t));
        cull__eval_event ev = next(f, e, true, NULL);
        assert_true(*ev.outcome.value == CPU_COUNT(&all));
        sched_getaffinity(0, sizeof one, &one);
        assert_int_equal(CPU_COUNT(&one), 1);
        sched_setaffinity(0, sizeof all, &all);
        cull_evaluator_free(e);
    }
}

/* ---- workers that stay ---- */

#define STAY                                                                                       \
    "n=0; while read -r line; do n=$((n+1)); case $line in *'\"trial\":9'*) %s esac; "             \
    "echo error=$n; done"

static cull_evaluator *stay(fixture *f, const char *nine, cull_command_opts o)
{
    static char script[600];
    snprintf(script, sizeof script, STAY, nine);
    o.stay = true;
    return shell_with(f, script, o);
}

static answer on(fixture *f, cull_evaluator *e, int64_t number, bool go)
{
    cull_trial t = trial(f, number);
    answer a = {0};
    ok(f->cx, e->fns->begin(f->cx, e, 1, &t));
    cull__eval_event ev = next(f, e, go, &a.reports);
    keep(f, &ev, &a);
    return a;
}

/* What is meant as an answer and is none fails the trial at once, without a timeout, and the worker is another one then. */
static void stays_with_rubbish(fixture *f)
{
    static const char *const told[][2] = {
        {"echo '{\"error\": 0.'; continue;;", "its last line was '{\"error\": 0.'"},
        {"echo '{\"eror\": 0.5}'; continue;;", "its last line was '{\"eror\": 0.5}'"},
        {"echo '{}'; continue;;", "'{}'"},
        {"echo null; continue;;", "'null'"},
        {"echo [0.5]; continue;;", "'[0.5]'"},
        {"echo error=oops; continue;;", "'error=oops'"},
        {"echo '{\"step\": 1, \"loss\": 2}'; read -r a; continue;;", "\"loss\": 2"},
    };
    cull_command_opts o = {.grace = 0.3};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        cull_evaluator *e = stay(f, told[i][0], o);
        is_done(on(f, e, 1, true), 1.0);
        answer a = on(f, e, 9, true);
        is_failed(a, told[i][1]);
        assert_true(a.took < 40);
        is_done(on(f, e, 3, true), 1.0);
        cull_evaluator_free(e);
    }
    /* a report of what is no number is one, and is answered */
    cull_evaluator *e = stay(f, "echo '{\"step\": 1, \"error\": NaN}'; read -r a;;", o);
    answer a = on(f, e, 9, true);
    assert_int_equal(a.reports, 1);
    is_done(a, 1.0);
    cull_evaluator_free(e);
    f->p.objectives = 2;
    e = stay(f, "echo 0.5; continue;;", o);
    is_failed(on(f, e, 9, true), "'0.5'");
    cull_evaluator_free(e);
    f->p.objectives = 1;
}

static void stays(void **state)
{
    fixture *f = *state;
    cull_command_opts o = {.grace = 0.3, .timeout = 1};
    cull_evaluator *e = stay(f, "exit 4;;", o);
    is_done(on(f, e, 1, true), 1.0);
    is_done(on(f, e, 2, true), 2.0); /* the same process */
    is_failed(on(f, e, 9, true), "it ended before its result, exit status 4");
    is_done(on(f, e, 3, true), 1.0); /* another one */
    e->fns->end(e, NULL, NULL);
    is_done(on(f, e, 1, true), 1.0); /* after an end it begins anew */
    cull_evaluator_free(e);

    e = stay(f, "sleep 60;;", o);
    is_done(on(f, e, 1, true), 1.0);
    assert_int_equal(on(f, e, 9, true).state, CULL_TRIAL_TIMEOUT);
    is_done(on(f, e, 1, true), 1.0);
    cull_evaluator_free(e);

    /* reports wait for their answers */
    const char *steps =
        "for i in 1 2 3; do echo step=$i error=$i; read -r a; [ $a = go ] || break; done;;";
    e = stay(f, steps, o);
    answer a = on(f, e, 9, true);
    is_done(a, 1.0);
    assert_int_equal(a.reports, 3);
    a = on(f, e, 9, false);
    assert_int_equal(a.reports, 1);
    is_done(on(f, e, 3, true), 3.0); /* still the same */
    cull_evaluator_free(e);

    /* one that does not listen to a stop is ended */
    e = stay(f, "echo step=1 error=1; sleep 60;;", o);
    double began = cull__now();
    (void)on(f, e, 9, false);
    assert_true(cull__now() - began < 40);
    is_done(on(f, e, 3, true), 1.0);
    cull_evaluator_free(e);

    /* rubbish that is meant as a result, and lines of another trial */
    e = stay(f, "echo '{\"error\": NaN}'; continue;;", o);
    is_failed(on(f, e, 9, true), "NaN");
    is_done(on(f, e, 3, true), 2.0);
    cull_evaluator_free(e);
    stays_with_rubbish(f);
    e = stay(f, "printf 'error=8\\nerror=9\\n{}\\nerro'; continue;;", o);
    is_done(on(f, e, 9, true), 8.0); /* what it adds is not the next one's */
    is_done(on(f, e, 3, true), 2.0);
    cull_evaluator_free(e);
    e = stay(f, "echo '{\"trial\": 8, \"error\": 5}'; echo log;;", o);
    is_done(on(f, e, 9, true), 1.0);
    cull_evaluator_free(e);
    e = stay(f, "exec >&-; sleep 60;;", o);
    is_failed(on(f, e, 9, true), "killed by signal 15");
    cull_evaluator_free(e);
    const char *argv[] = {"/bin/sh", "{lr}", NULL};
    o.stay = true, o.argv = argv;
    refused(f->cx, cull_evaluate_command(f->cx, &f->p, &o, &e), CULL_EINPUT, "no parameters");
}

static void end_in_the_middle(void **state)
{
    fixture *f = *state;
    cull_evaluator *e =
        shell_with(f, "trap '' TERM; sleep 60; sleep 60", (cull_command_opts){.grace = 0.3});
    for (int w = 0; w < 4; w++) {
        cull_trial t = trial(f, w);
        ok(f->cx, e->fns->begin(f->cx, e, w, &t));
    }
    double began = cull__now();
    e->fns->end(e, NULL, NULL);
    assert_true(cull__now() - began < 40);
    assert_true(waitpid(-1, NULL, WNOHANG) < 0); /* no child is left */
    cull_evaluator_free(e);
}

/* Cull's own share of a trial: what posix_spawn and a wait take stands beside it. */
static void overhead(void **state)
{
    fixture *f = *state;
    const char *argv[] = {"/bin/echo", "0.5", NULL};
    cull_evaluator *e = shell_with(f, "", (cull_command_opts){.argv = argv});
    char *large = malloc(400 << 20); /* a parent that is large */
    memset(large, 1, 400 << 20);
    double own[2] = {0};
    for (int kind = 0; kind < 2; kind++) {
        struct rusage a, b;
        getrusage(RUSAGE_SELF, &a);
        for (int i = 0; i < 100; i++) {
            cull_trial t = trial(f, i);
            if (kind) {
                ok(f->cx, e->fns->begin(f->cx, e, 0, &t));
                (void)next(f, e, true, NULL);
            }
        }
        getrusage(RUSAGE_SELF, &b);
        own[kind] = (double)(b.ru_utime.tv_sec - a.ru_utime.tv_sec + b.ru_stime.tv_sec -
                             a.ru_stime.tv_sec) *
                        1e3 +
                    (double)(b.ru_utime.tv_usec - a.ru_utime.tv_usec + b.ru_stime.tv_usec -
                             a.ru_stime.tv_usec) *
                        1e-3;
    }
    printf("a trial takes %.3f ms of processor time here\n", own[1] / 100);
    assert_true(own[1] / 100 < 2);
    free(large);
    cull_evaluator_free(e);
}

static void memory_fails(void **state)
{
    fixture *f = *state;
    cull_ctx *mine = f->cx;
    for (long k = 1; k < 200; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        if (!cx) continue;
        const char *argv[] = {"/bin/echo", "{lr}", NULL};
        cull_command_opts o = {.argv = argv, .dir = f->dir};
        cull_evaluator *e = NULL;
        cull_trial t = trial(f, 1);
        cull_status s = cull_evaluate_command(cx, &f->p, &o, &e);
        if (s == CULL_OK) s = e->fns->start(cx, e, 2);
        if (s == CULL_OK) s = e->fns->begin(cx, e, 0, &t);
        f->cx = cx;
        if (s == CULL_OK) assert_int_equal(next(f, e, true, NULL).outcome.state, CULL_TRIAL_DONE);
        f->cx = mine;
        cull_evaluator_free(e);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
        if (s == CULL_OK) {
            assert_true(k > 10);
            return;
        }
        assert_int_equal(s, CULL_ENOMEM);
    }
    fail_msg("it never worked");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results, setup, teardown),
        cmocka_unit_test_setup_teardown(several, setup, teardown),
        cmocka_unit_test_setup_teardown(words, setup, teardown),
        cmocka_unit_test_setup_teardown(point_on_input, setup, teardown),
        cmocka_unit_test_setup_teardown(wide_point, setup, teardown),
        cmocka_unit_test_setup_teardown(timeouts, setup, teardown),
        cmocka_unit_test_setup_teardown(group_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(again, setup, teardown),
        cmocka_unit_test_setup_teardown(flood, setup, teardown),
        cmocka_unit_test_setup_teardown(stops, setup, teardown),
        cmocka_unit_test_setup_teardown(surroundings, setup, teardown),
        cmocka_unit_test_setup_teardown(stays, setup, teardown),
        cmocka_unit_test_setup_teardown(end_in_the_middle, setup, teardown),
        cmocka_unit_test_setup_teardown(overhead, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_fails, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

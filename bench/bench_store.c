/* bench_store.c - what it costs to keep a study, and to evaluate by a program of its own.
 *
 *   bench_store told FILE N [--sync]   N trials asked and told into FILE, which is made anew
 *   bench_store reload FILE N          N trials are kept in FILE, then it is opened again
 *   bench_store many FILE PROCESSES N  so many processes share FILE until N trials are told: none lost or doubled
 *   bench_store program N              N trials, each /bin/echo run by the loop; and the same spawned bare
 *
 * Prints `case,tool,n,cpu_us,wall_us` a trial, of this process (program: and of its children; many: wall alone). */
#define _GNU_SOURCE
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cull/evaluate.h"
#include "cull/search.h"

extern char **environ;

static const char mixed[] =
    "a = real(0, 1)\nb = real(0, 1)\nc = real(0, 1)\nd = real(1e-5, 1, log)\n"
    "e = real(1e-5, 1, log)\nf = int(0, 100)\ng = int(1, 1000)\nh = int(16, 256, log)\n"
    "i = one(u, v, w)\nj = one(u, v, w, x, y)\n";
static const cull_objective least = {"loss", false};

typedef struct {
    cull_ctx *cx;
    cull_space *space;
    cull_search_problem p;
    cull_study *s;
} study;

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_store: %s\n", cull_error(cx));
    exit(1);
}

static double wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double cpu_of(int who)
{
    struct rusage u;
    getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double cpu(void) { return cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN); }

static study open_study(const char *file, int64_t trials, bool sync)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    cull_study_opts so = CULL_STUDY_OPTS;
    study t = {0};
    o.threads = 1;
    so.store = file, so.sync = sync;
    t.cx = cull_ctx_new(&o);
    must(t.cx, cull_space_from(t.cx, mixed, strlen(mixed), "bench", &t.space));
    t.p = (cull_search_problem){
        .space = t.space, .objectives = 1, .objective = &least, .trials = trials};
    must(t.cx,
         cull_study_open(t.cx, &t.p, cull_method_find("random-search", NULL), NULL, &so, &t.s));
    return t;
}

static void close_study(study *t)
{
    cull_study_free(t->s);
    cull_space_free(t->space);
    cull_ctx_free(t->cx);
}

static void make_anew(const char *file)
{
    static const char *const beside[] = {"", "-wal", "-shm"};
    char path[4096];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", file, beside[i]);
        unlink(path);
    }
}

static void row(const char *what, int64_t n, double cpu_s, double wall_s)
{
    printf("%s,cull,%lld,%.2f,%.2f\n", what, (long long)n, 1e6 * cpu_s / (double)n,
           1e6 * wall_s / (double)n);
}

static void fill(study *t, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        cull_trial k;
        must(t->cx, cull_study_ask(t->s, &k));
        double v = sin(k.x[0]) + k.x[1];
        cull_outcome o = CULL_OUTCOME;
        o.value = &v;
        must(t->cx, cull_study_tell(t->s, k.number, &o));
    }
}

static void told(const char *file, int64_t n, bool sync)
{
    make_anew(file);
    study t = open_study(file, 0, sync);
    double c = cpu(), w = wall();
    fill(&t, n);
    row(sync ? "told power-safe" : "told kill-safe", n, cpu() - c, wall() - w);
    close_study(&t);
    make_anew(file);
}

static void reload(const char *file, int64_t n)
{
    make_anew(file);
    study t = open_study(file, 0, false);
    fill(&t, n);
    close_study(&t);
    double c = cpu(), w = wall();
    t = open_study(file, 0, false);
    row("reload", n, cpu() - c, wall() - w);
    if (cull_study_trials(t.s) != n) exit((fprintf(stderr, "bench_store: trials are lost\n"), 1));
    close_study(&t);
    make_anew(file);
}

/* ---- many processes ---- */
static void share(const char *file, int64_t n)
{
    study t = open_study(file, n, false);
    while (!cull_study_done(t.s)) {
        cull_trial k;
        cull_status s = cull_study_ask(t.s, &k);
        if (s == CULL_ENODATA) break;
        must(t.cx, s);
        double v = (double)k.number;
        cull_outcome o = CULL_OUTCOME;
        o.value = &v;
        must(t.cx, cull_study_tell(t.s, k.number, &o));
    }
    close_study(&t);
}

static void many(const char *file, int processes, int64_t n)
{
    make_anew(file);
    double w = wall();
    for (int i = 0; i < processes; i++) {
        pid_t pid = fork();
        if (pid < 0) exit((perror("fork"), 1));
        if (pid) continue;
        share(file, n);
        _exit(0);
    }
    int status, bad = 0;
    while (wait(&status) > 0) bad += status != 0;
    w = wall() - w;
    study t = open_study(file, n, false);
    int64_t trials = cull_study_trials(t.s), right = 0;
    for (int64_t i = 0; i < trials; i++) {
        cull_trial k;
        must(t.cx, cull_study_trial(t.s, i, &k));
        right += k.state == CULL_TRIAL_DONE && k.value[0] == (double)i && k.point == i;
    }
    close_study(&t);
    make_anew(file);
    if (bad || trials != n || right != n) {
        fprintf(stderr,
                "bench_store: %d processes failed; of %lld trials %lld are there, %lld right\n",
                bad, (long long)n, (long long)trials, (long long)right);
        exit(1);
    }
    printf("%d processes,cull,%lld,,%.2f\n", processes, (long long)n, 1e6 * w / (double)n);
}

/* ---- a program ---- */
static void bare(int64_t n)
{
    char *argv[] = {"/bin/echo", "0.5", NULL};
    double c = cpu(), w = wall();
    for (int64_t i = 0; i < n; i++) {
        int out[2], status;
        char text[64];
        pid_t pid;
        posix_spawn_file_actions_t f;
        if (pipe(out)) exit((perror("pipe"), 1));
        posix_spawn_file_actions_init(&f);
        posix_spawn_file_actions_adddup2(&f, out[1], STDOUT_FILENO);
        if (posix_spawn(&pid, argv[0], &f, NULL, argv, environ)) exit(1);
        posix_spawn_file_actions_destroy(&f);
        close(out[1]);
        while (read(out[0], text, sizeof text) > 0) {}
        close(out[0]);
        waitpid(pid, &status, 0);
    }
    printf("program,posix_spawn,%lld,%.2f,%.2f\n", (long long)n, 1e6 * (cpu() - c) / (double)n,
           1e6 * (wall() - w) / (double)n);
}

static void program(int64_t n)
{
    const char *const argv[] = {"/bin/echo", "0.5", NULL};
    cull_command_opts co = CULL_COMMAND_OPTS;
    cull_run_opts ro = CULL_RUN_OPTS;
    cull_evaluator *e;
    study t = open_study(NULL, n, false);
    co.argv = argv;
    must(t.cx, cull_evaluate_command(t.cx, &t.p, &co, &e));
    double c = cpu(), w = wall();
    must(t.cx, cull_study_run(t.cx, t.s, e, &ro));
    row("program", n, cpu() - c, wall() - w);
    cull_evaluator_free(e);
    close_study(&t);
    bare(n);
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    bool sync = argc == 5 && !strcmp(argv[4], "--sync");
    printf("case,tool,n,cpu_us,wall_us\n");
    fflush(stdout);
    if (!strcmp(what, "told") && (argc == 4 || sync))
        told(argv[2], atoll(argv[3]), sync);
    else if (!strcmp(what, "reload") && argc == 4)
        reload(argv[2], atoll(argv[3]));
    else if (!strcmp(what, "many") && argc == 5)
        many(argv[2], atoi(argv[3]), atoll(argv[4]));
    else if (!strcmp(what, "program") && argc == 3)
        program(atoll(argv[2]));
    else {
        fprintf(stderr, "usage: bench_store told FILE N [--sync] | reload FILE N | many FILE "
                        "PROCESSES N | program N\n");
        return 2;
    }
    return 0;
}

/* eval_process.c - a child process in a group of its own: spawned, signalled, reaped. See eval.h.
 *
 * The leader is looked at without being reaped (WNOWAIT): as long as it is a zombie no other group can get its
 * number, so that what it left behind can be killed by it. */
#define _GNU_SOURCE
#include "search/eval.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void cull__close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

ssize_t cull__write_quietly(int fd, const void *p, size_t n)
{
    sigset_t sigpipe, pending, before;
    struct timespec now = {0};
    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
    ssize_t got = write(fd, p, n);
    int why = errno;
    if (got < 0 && why == EPIPE && !sigismember(&pending, SIGPIPE))
        (void)sigtimedwait(&sigpipe, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return got;
}

/* ---- spawning ---- */

/* Both ends above the standard streams, whatever of those the host has closed. */
static int pipe_new(int end[2])
{
    if (pipe2(end, O_CLOEXEC)) {
        end[0] = end[1] = -1;
        return errno;
    }
    for (int i = 0; i < 2; i++) {
        if (end[i] > STDERR_FILENO) continue;
        int up = fcntl(end[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (up < 0) return errno;
        close(end[i]);
        end[i] = up;
    }
    return 0;
}

static int attributes(posix_spawnattr_t *a)
{
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int bad = posix_spawnattr_setpgroup(a, 0);
    if (!bad) bad = posix_spawnattr_setsigdefault(a, &all);
    if (!bad) bad = posix_spawnattr_setsigmask(a, &none);
    if (!bad)
        bad = posix_spawnattr_setflags(a, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETSIGMASK);
    return bad;
}

static int streams(posix_spawn_file_actions_t *f, int in, int out, int err)
{
    int bad = in >= 0 ? posix_spawn_file_actions_adddup2(f, in, STDIN_FILENO)
                      : posix_spawn_file_actions_addopen(f, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!bad) bad = posix_spawn_file_actions_adddup2(f, out, STDOUT_FILENO);
    if (!bad) bad = posix_spawn_file_actions_adddup2(f, err, STDERR_FILENO);
    return bad;
}

/* A child inherits the mask of the thread that spawns it. */
static int spawn_on(const cpu_set_t *mask, pid_t *pid, const char *file,
                    const posix_spawn_file_actions_t *f, const posix_spawnattr_t *a,
                    char *const *argv)
{
    cpu_set_t mine;
    bool other = sched_getaffinity(0, sizeof mine, &mine) == 0 && !CPU_EQUAL(&mine, mask);
    if (other) (void)sched_setaffinity(0, sizeof *mask, mask);
    int bad = posix_spawn(pid, file, f, a, argv, environ);
    if (other) (void)sched_setaffinity(0, sizeof mine, &mine);
    return bad;
}

static int spawn(const char *file, char *const *argv, int in, int out, int err,
                 const cpu_set_t *mask, pid_t *pid)
{
    posix_spawn_file_actions_t f;
    posix_spawnattr_t a;
    int bad = posix_spawn_file_actions_init(&f);
    if (bad) return bad;
    bad = posix_spawnattr_init(&a);
    if (!bad) {
        bad = attributes(&a);
        if (!bad) bad = streams(&f, in, out, err);
        if (!bad) bad = spawn_on(mask, pid, file, &f, &a, argv);
        posix_spawnattr_destroy(&a);
    }
    posix_spawn_file_actions_destroy(&f);
    return bad;
}

static int pid_fd(pid_t pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    (void)pid;
    return -1;
#endif
}

int cull__child_spawn(const char *file, char *const *argv, bool input, const cpu_set_t *mask,
                      cull__child *c)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
    *c = (cull__child){.fd = -1, .in = -1, .out = -1, .err = -1};
    int bad = input ? pipe_new(in) : 0;
    if (!bad) bad = pipe_new(out);
    if (!bad) bad = pipe_new(err);
    if (!bad) bad = spawn(file, argv, in[0], out[1], err[1], mask, &c->pid);
    cull__close_fd(&in[0]);
    cull__close_fd(&out[1]);
    cull__close_fd(&err[1]);
    c->in = in[1], c->out = out[0], c->err = err[0];
    if (bad) {
        c->pid = 0;
        cull__child_close(c);
        return bad;
    }
    if (c->in >= 0) (void)fcntl(c->in, F_SETFL, O_NONBLOCK);
    (void)fcntl(c->out, F_SETFL, O_NONBLOCK);
    (void)fcntl(c->err, F_SETFL, O_NONBLOCK);
    c->fd = pid_fd(c->pid);
    return 0;
}

/* ---- its end ---- */

void cull__child_signal(const cull__child *c, int sig)
{
    if (c->pid && !(c->dead && c->status < 0)) (void)kill(-c->pid, sig);
}

bool cull__child_look(cull__child *c)
{
    siginfo_t i = {0};
    if (!c->pid || c->dead) return c->dead;
    int r;
    while ((r = waitid(P_PID, (id_t)c->pid, &i, WEXITED | WNOHANG | WNOWAIT)) && errno == EINTR) {}
    if (r == 0 && i.si_pid == 0) return false;
    c->dead = true;
    c->by_signal = r == 0 && i.si_code != CLD_EXITED;
    c->status = r == 0 ? i.si_status : -1;
    return true;
}

void cull__child_close(cull__child *c)
{
    cull__child_signal(c, SIGKILL);
    /* one that even SIGKILL does not end within a second hangs in the kernel, and is left to it */
    for (int i = 0; c->pid && i < 1000 && !cull__child_look(c); i++) usleep(1000);
    if (c->dead && c->status >= 0)
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {}
    cull__close_fd(&c->fd);
    cull__close_fd(&c->in);
    cull__close_fd(&c->out);
    cull__close_fd(&c->err);
    *c = (cull__child){.fd = -1, .in = -1, .out = -1, .err = -1};
}

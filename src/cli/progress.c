/* progress.c - all that goes to stderr: the bar, plain lines, the one sentence of a failure; and the
 * signals. On a terminal a bar is drawn at most ten times a second and erased at the end; elsewhere
 * a phase that took over two seconds leaves a line. */
#include "cli.h"
#include "cull/report.h"

#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 24 };
static const double DRAW_EVERY = 0.1, LONG_PHASE = 2;

/* One process, one stderr: what is on it now. */
static struct {
    char phase[64];
    double began, drawn; /* of the phase; when the bar was last drawn */
    double loop, share;  /* a phase may be several loops, each from 0 to its end */
    bool shown;
} bar;
static volatile sig_atomic_t interrupted;
static sig_atomic_t heard; /* those of them that a command has acted on */

double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- signals ---- */

static void on_interrupt(int sig)
{
    (void)sig;
    interrupted = interrupted < 2 ? interrupted + 1 : 2;
}

void signals_start(void)
{
    struct sigaction a = {.sa_handler = on_interrupt};
    a.sa_flags = (int)SA_RESETHAND; /* the second Ctrl-C kills */
    static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction was;
    for (int i = 0; i < COUNT(stops); i++) /* what nohup and shells ignore stays ignored */
        if (sigaction(stops[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
            sigaction(stops[i], &a, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file over its limit is a write that fails */
}

bool stopped(void) { return interrupted != 0; }
void stop_heard(void) { heard = interrupted; }
static bool stop_asked(void) { return interrupted > heard; }

bool hurried(void)
{
    static bool caught;
    if (!caught && interrupted) signals_start();
    caught |= interrupted;
    return interrupted > 1;
}

/* ---- the bar ---- */

void progress_end(void)
{
    if (bar.shown) fputs("\r\033[K", stderr);
    bar.shown = false;
}

/* "8.2 M/s": of whatever the phase counts, bytes or rows. */
static void say_rate(char *out, size_t size, double rate)
{
    static const char unit[] = " kMGT";
    int u = 0;
    while (rate >= 1000 && u < 4) rate /= 1000, u++;
    snprintf(out, size, u ? ", %.1f %c/s" : ", %.0f/s", rate, unit[u]);
}

static void draw_line(const char *line)
{
    struct winsize w = {0};
    ioctl(STDERR_FILENO, TIOCGWINSZ, &w);
    fprintf(stderr, "\r%.*s\033[K", w.ws_col ? w.ws_col - 1 : 79, line);
    fflush(stderr);
    bar.shown = true;
}

static void draw(const char *what, double done, double total, double passed)
{
    double share = done / total;
    int full = (int)(share * BAR + 0.5);
    char line[256], cells[BAR + 1], rate[32] = "", left[32] = "";
    memset(cells, '-', BAR);
    memset(cells, '#', (size_t)full);
    cells[BAR] = 0;
    if (total >= 1000 && passed > 0.2) say_rate(rate, sizeof rate, done / passed);
    if (share > 0.02 && passed > 0.5) {
        int s = (int)(passed * (1 - share) / share + 0.5);
        snprintf(left, sizeof left, ", %d:%02d left", s / 60, s % 60);
    }
    snprintf(line, sizeof line, "%s [%s] %3.0f %%%s%s", what, cells, 100 * share, rate, left);
    draw_line(line);
}

static void draw_own(const cli *c)
{
    char line[256];
    c->line(c->line_user, line, sizeof line);
    draw_line(line);
}

/* A phase is over: off a terminal it leaves a line when it was long. */
static void phase_over(const cli *c, double now)
{
    if (bar.phase[0] && now - bar.began > LONG_PHASE && !isatty(STDERR_FILENO) && !c->quiet)
        fprintf(stderr, "%s: %.1f s\n", bar.phase, now - bar.began);
}

int tick(void *user, const char *what, double done, double total)
{
    const cli *c = user;
    double now = seconds_now(), share = total > 0 ? done / total : 0;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    if (strncmp(what, bar.phase, sizeof bar.phase - 1)) {
        phase_over(c, now);
        snprintf(bar.phase, sizeof bar.phase, "%s", what);
        bar.began = bar.loop = now;
    } else if (share < bar.share) {
        bar.loop = now;
    }
    bar.share = share;
    if (c->quiet || !isatty(STDERR_FILENO) || (total <= 0 && !c->line)) return stop_asked();
    if (c->line && now - bar.drawn >= DRAW_EVERY) {
        draw_own(c);
        bar.drawn = now;
    }
    if (c->line) return stop_asked();
    if (now - bar.drawn >= DRAW_EVERY && now - bar.began >= DRAW_EVERY) {
        draw(what, share * total, total, now - bar.loop);
        bar.drawn = now;
    }
    return stop_asked();
}

/* ---- lines ---- */

void note(void *user, cull_level level, const char *msg)
{
    const cli *c = user;
    bool many = c->cmd->run == run_compare || c->cmd->run == run_reproduce; /* runs of methods */
    bool detail = level == CULL_LOG_DEBUG || (level == CULL_LOG_INFO && many);
    if (c->quiet || (detail && !c->verbose)) return;
    progress_end();
    fprintf(stderr, "%s\n", msg);
}

static void say_line(const char *fmt, va_list ap)
{
    progress_end();
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

void talk(cli *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (!c->quiet) say_line(fmt, ap);
    va_end(ap);
}

void talk_more(cli *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (c->verbose && !c->quiet) say_line(fmt, ap);
    va_end(ap);
}

unsigned text_flags(FILE *f)
{
    unsigned flags = 0;
    if (!isatty(fileno(f))) return 0;
    const char *no_color = getenv("NO_COLOR");
    if (!no_color || !*no_color) flags |= CULL_TEXT_COLOR;
    if (!strcmp(nl_langinfo(CODESET), "UTF-8")) flags |= CULL_TEXT_UNICODE;
    return flags;
}

void talk_text(cli *c, const char *text)
{
    if (c->quiet) return;
    progress_end();
    fputs(text, stderr);
}

/* ---- failing ---- */

int fail(cli *c, int code, const char *fmt, ...)
{
    char line[2048];
    va_list ap;
    if (c->code) return c->code; /* the first sentence stands */
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    for (char *s = line; *s; s++)
        if ((unsigned char)*s < 32 || *s == 127) *s = '?';
    progress_end();
    fprintf(stderr, "cull: %s\n", line);
    return c->code = code;
}

/* Whoever read our output has gone: nothing is left to say or to do. */
static bool reader_gone(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
}

int check_in(cli *c, cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return DONE;
    if (s == CULL_ECANCEL && interrupted) return fail(c, FAILED, "stopped");
    const char *why = cull_error(cx);
    bool to_reader = s == CULL_EIO && !strncmp(why, "standard output:", 16);
    if (to_reader && c->outs < 2 && reader_gone()) _exit(DONE);
    return fail(c, s == CULL_EOPTION ? USAGE : FAILED, "%s", *why ? why : cull_status_text(s));
}

int check(cli *c, cull_status s) { return check_in(c, c->cx, s); }

int flush_out(cli *c)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return DONE;
    if (errno == EPIPE || reader_gone()) return DONE;
    /* which write it was that failed is no longer known when stdio had flushed before */
    return errno ? fail(c, FAILED, "cannot write to standard output: %s", strerror(errno))
                 : fail(c, FAILED, "cannot write to standard output");
}

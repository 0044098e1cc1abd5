/* weights_soup.c - cull weights soup MODEL... -- PROGRAM {checkpoint}: the greedy soup, scored by a program. */
#include "cull/text.h"
#include "weights.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TAIL = 4096 };
typedef struct {
    cli *c;
    char *const *word; /* of the program, NULL behind the last */
    int words, code;
} program;

/* s with {checkpoint} put in; malloc. */
static char *filled(const char *s, const char *path)
{
    static const char mark[] = "{checkpoint}";
    const char *at = strstr(s, mark);
    char *out = NULL;
    if (!at) return strdup(s);
    int n = asprintf(&out, "%.*s%s%s", (int)(at - s), s, path, at + sizeof mark - 1);
    return n < 0 ? NULL : out;
}

/* The last line of text that is not blank, as a number. */
static bool last_number(char *text, double *out)
{
    char *line = NULL;
    for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n"))
        if (at[strspn(at, " \t\r")]) line = at;
    for (size_t n = line ? strlen(line) : 0; n && strchr(" \t\r", line[n - 1]);) line[--n] = 0;
    return line && cull_parse_number(line + strspn(line, " \t"), out) && !isnan(*out);
}

/* What the child prints, of which the end is kept. */
static void read_tail(int fd, char text[TAIL + 1])
{
    size_t n = 0;
    ssize_t got;
    for (;;) {
        if (n == TAIL) {
            memmove(text, text + TAIL / 2, TAIL / 2);
            n = TAIL / 2;
        }
        got = read(fd, text + n, TAIL - n);
        if (got < 0 && errno == EINTR && !stopped()) continue;
        if (got <= 0) break;
        n += (size_t)got;
    }
    text[n] = 0;
}

static int told(program *p, int code, const char *path, const char *what)
{
    p->code = fail(p->c, code, "%s %s of %s", p->word[0], what, path);
    return 1;
}

static void child(char *const *word, int out)
{
    dup2(out, STDOUT_FILENO);
    close(out);
    execvp(word[0], word);
    _exit(127);
}

static int run(program *p, char *const *word, const char *path, double *out)
{
    char text[TAIL + 1];
    int pipes[2], status = 0;
    if (pipe2(pipes, O_CLOEXEC))
        return told(p, FAILED, path, "cannot be run: no pipe, for the score");
    pid_t pid = fork();
    if (pid == 0) child(word, pipes[1]);
    close(pipes[1]);
    if (pid > 0) read_tail(pipes[0], text);
    close(pipes[0]);
    if (pid < 0) return told(p, FAILED, path, "cannot be started, for the score");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (stopped()) return 1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return told(p, USAGE, path, "is not found, for the score");
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return told(p, FAILED, path, "failed, at the score");
    if (!last_number(text, out)) return told(p, FAILED, path, "said no number as the score");
    return 0;
}

static int score(void *user, const char *path, double *out)
{
    program *p = user;
    char **word = calloc((size_t)p->words + 1, sizeof *word);
    int rc = word == NULL;
    for (int i = 0; !rc && i < p->words; i++) rc = !(word[i] = filled(p->word[i], path));
    if (rc)
        p->code = fail(p->c, FAILED, "out of memory");
    else
        rc = run(p, word, path, out);
    for (int i = 0; word && i < p->words; i++) free(word[i]);
    free(word);
    if (!rc) talk(p->c, "%s\t%.6g", path, *out);
    return rc;
}

/* ---- what is known ---- */
typedef struct {
    double value[CULL_WEIGHTS_MODELS];
    int n, most;
} numbers;

static int add_score(cli *c, const char *part, void *arg)
{
    numbers *s = arg;
    if (s->n == s->most) return fail(c, USAGE, "--scores are more than the %d models", s->most);
    if (!cull_parse_number(part, &s->value[s->n++]))
        return fail(c, USAGE, "--scores '%s' is no number", part);
    return DONE;
}

static void say_kept(cli *c, const cull_weights_problem *p, const bool *kept, double best)
{
    int n = 0;
    for (int i = 0; i < p->models; i++) n += kept[i];
    talk(c, "%d of %d models are in the soup, which scores %.6g", n, p->models, best);
    for (int i = 0; i < p->models; i++)
        if (kept[i]) talk(c, "  %s", cull_checkpoint_path(p->model[i]));
}

int weights_soup(cli *c, const cull_opts *opts, const cull_weights_problem *p,
                 cull_weights_report *r)
{
    program run = {.c = c, .word = (char *const *)c->input + c->rest, .words = c->inputs - c->rest};
    numbers known = {.most = p->models};
    bool kept[CULL_WEIGHTS_MODELS], placed = false;
    double best;
    const char *scores = value_of(c, "scores", NULL);
    for (int i = 0; i < run.words; i++) placed |= strstr(run.word[i], "{checkpoint}") != NULL;
    if (!placed) return fail(c, USAGE, "soup: the program needs {checkpoint} among its words");
    if (scores) {
        TRY(each_part(c, scores, add_score, &known));
        if (known.n < p->models)
            return fail(c, USAGE, "--scores has %d numbers, and there are %d models", known.n,
                        p->models);
    }
    cull_status s = cull_weights_soup(c->cx, opts, p, scores ? known.value : NULL, score, &run,
                                      c->out[0], kept, &best, r);
    if (run.code) return run.code;
    TRY(check(c, s));
    say_kept(c, p, kept, best);
    return DONE;
}

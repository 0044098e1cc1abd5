/* start.c - from the words of a command line to its exit code: finds the command and runs it. */
#include "cli.h"

#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

static int say_version(cli *c)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    printf("%s\ninstructions: %s\n", cull_build(), cx ? cull_ctx_isa(cx) : "?");
    cull_ctx_free(cx);
    return flush_out(c);
}

static int run(cli *c, int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "", *near = NULL;
    if (argc < 2) {
        help_all(c);
        return USAGE;
    }
    if (!strcmp(name, "--version") || !strcmp(name, "-V")) return say_version(c);
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) return help_all(c);
    c->cmd = command_find(name, &near);
    if (!c->cmd && near)
        return fail(c, USAGE, "there is no command '%s'; did you mean %s?", name, near);
    if (!c->cmd) return fail(c, USAGE, "there is no command '%s'; see cull help", name);
    static char self[] = "cull";
    argv[0] = self;
    c->whole = argv;
    c->wholes = argc;
    TRY(parse(c, argc - 1, argv + 1));
    if (has(c, "help")) return help_command(c, c->cmd);
    if (has(c, "version")) return say_version(c);
    TRY(context_new(c));
    TRY(c->cmd->run(c));
    return flush_out(c);
}

/* How the others beside this process fared, whom one that has not even begun must tell too. */
static int settle(cli *c, int rc)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.ranks = c->ranks;
    if (!c->cx) c->cx = cull_ctx_new(&o);
    if (!c->cx) return fail(c, LOST, "out of memory");
    cull_status s = cull_ctx_end(c->cx, rc == DONE ? CULL_OK : CULL_EINPUT);
    return rc != DONE ? rc : check(c, s);
}

/* A file that is opened must not become a standard stream that the caller has closed: what is said
 * there would go into it. Opened the wrong way round, they still fail. */
static void keep_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int start(int argc, char **argv, const cull_ranks *ranks)
{
    cli c = {.ranks = ranks};
    keep_standard();
    setlocale(LC_CTYPE, ""); /* only to know whether a terminal takes Unicode */
    commands_start();
    signals_start();
    int rc = run(&c, argc, argv);
    if (ranks) rc = settle(&c, rc);
    progress_end();
    cull_ctx_free(c.cx);
    parse_free(&c);
    return rc;
}

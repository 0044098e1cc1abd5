/* man.c - manual pages (man macros of groff and mandoc) and completion scripts, from the tables. */
#include "cli.h"

#include <string.h>

/* ---- manual pages ---- */

static void roff(const char *s)
{
    if (*s == '.' || *s == '\'') fputs("\\&", stdout);
    for (; *s; s++) {
        if (*s == '-')
            fputs("\\-", stdout);
        else if (*s == '\\')
            fputs("\\e", stdout);
        else
            fputs(*s == '\n' ? "\n.PP\n" : (char[]){*s, 0}, stdout);
    }
}

static void section(const char *title) { printf(".SH %s\n", title); }

static void tagged(const char *dash, const char *name, const char *arg, const char *help)
{
    fputs(".TP\n\\fB", stdout);
    roff(dash), roff(name);
    fputs("\\fR", stdout);
    if (arg) {
        size_t n = strlen(arg);
        if (n > 3 && !strcmp(arg + n - 3, "...")) n -= 3;
        printf(" \\fI%.*s\\fR", (int)n, arg);
    }
    fputs("\n", stdout);
    roff(help);
    fputs("\n", stdout);
}

static void tail(void)
{
    section("EXIT STATUS");
    tagged("", "0", NULL, "done");
    tagged("", "1", NULL, "failed; the reason is one sentence on standard error");
    tagged("", "2", NULL, "used wrongly: an unknown command, method, option or value");
    tagged("", "3, 4", NULL, "of cull reproduce: not reached; data is missing");
    section("ENVIRONMENT");
    tagged("", "TMPDIR", NULL, "where big intermediates go, unless --tmpdir says");
    tagged("", "NO_COLOR", NULL, "no colours on a terminal");
}

static void man_cull(void)
{
    const command *k;
    printf(".TH CULL 1 \"\" \"cull %s\" \"User Commands\"\n", cull_version());
    section("NAME");
    puts("cull \\- choose what to keep, under a budget");
    section("SYNOPSIS");
    puts("\\fBcull\\fR \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...");
    section("DESCRIPTION");
    roff("cull chooses which training examples to keep, by published methods, with the random "
         "baseline beside every choice. The answer depends on the input, the options and the "
         "seed, never on the number of threads or the memory limit. Options are written --name "
         "value or --name=value.");
    puts("");
    section("COMMANDS");
    for (int i = 0; (k = command_at(i)); i++) tagged("", k->name, NULL, k->brief);
    section("COMMON OPTIONS");
    for (const cull_input *r = common_options; r->name; r++) tagged("--", r->name, r->arg, r->help);
    tail();
    section("SEE ALSO");
    for (int i = 0; (k = command_at(i)); i++)
        printf("%s\\fBcull\\-%s\\fR(1)", i ? ", " : "", k->name);
    puts("");
}

static void man_command(const command *k)
{
    char upper[32];
    snprintf(upper, sizeof upper, "%s", k->name);
    for (char *s = upper; *s; s++) *s = *s >= 'a' && *s <= 'z' ? (char)(*s - 32) : *s;
    printf(".TH CULL-%s 1 \"\" \"cull %s\" \"User Commands\"\n", upper, cull_version());
    section("NAME");
    printf("cull\\-%s \\- ", k->name), roff(k->brief), puts("");
    section("SYNOPSIS");
    roff(k->usage), puts("");
    section("DESCRIPTION");
    roff(*k->about ? k->about : k->brief), puts("");
    if (k->options[0]) section("OPTIONS");
    for (int i = 0; k->options[i]; i++)
        for (const cull_input *r = k->options[i]; r->name; r++)
            if (strcmp(r->name, "out"))
                tagged("--", r->name, r->arg, r->help);
            else
                tagged("-", "o", "OUT", r->help + strlen("-o OUT: "));
    bool methods = takes_methods(k);
    if (methods) section("METHODS");
    const cull_method *m;
    for (int i = 0; methods && (m = method_of(k, i)); i++) {
        tagged("", m->slug, NULL, m->title);
        for (const cull_opt *r = m->opts; r->name; r++) {
            char name[64];
            snprintf(name, sizeof name, "%s", r->name);
            for (char *s = name; *s; s++) *s = *s == '_' ? '-' : *s;
            puts(".RS");
            tagged("--", name, r->choices ? r->choices : "VALUE", r->help);
            puts(".RE");
        }
    }
    section("COMMON OPTIONS");
    puts("See \\fBcull\\fR(1).");
    section("EXAMPLES");
    for (const char *s = k->examples; *s; s += strcspn(s, "\n"), s += *s == '\n') {
        char line[512];
        int n = (int)strcspn(s, "\t"), all = (int)strcspn(s, "\n");
        fputs(".TP\n\\fB", stdout);
        snprintf(line, sizeof line, "%.*s", n, s), roff(line);
        puts("\\fR");
        snprintf(line, sizeof line, "%.*s", all - n - 1, s + n + 1), roff(line);
        puts("");
    }
    tail();
    section("SEE ALSO");
    puts("\\fBcull\\fR(1)");
}

int man_page(cli *c, const char *name)
{
    if (!strcmp(name, "cull")) {
        man_cull();
        return flush_out(c);
    }
    const char *near = NULL;
    const command *k = command_find(strncmp(name, "cull-", 5) ? name : name + 5, &near);
    if (!k) return fail(c, USAGE, "there is no command '%s'; see cull help", name);
    man_command(k);
    return flush_out(c);
}

/* ---- completion ---- */

static void each_option(const command *k,
                        void (*fn)(const char *name, const char *arg, const char *help))
{
    for (int i = 0; k->options[i]; i++)
        for (const cull_input *r = k->options[i]; r->name; r++)
            if (strcmp(r->name, "out")) fn(r->name, r->arg, r->help);
    const cull_method *m;
    for (int i = 0; takes_methods(k) && (m = method_of(k, i)); i++)
        for (const cull_opt *o = m->opts; o->name; o++)
            fn(o->name, o->choices ? o->choices : "VALUE", o->help);
    for (const cull_input *r = common_options; r->name; r++) fn(r->name, r->arg, r->help);
}

static void dashed_word(const char *name)
{
    for (; *name; name++) putchar(*name == '_' ? '-' : *name);
}

static void bash_word(const char *name, const char *arg, const char *help)
{
    (void)arg, (void)help;
    fputs(" --", stdout), dashed_word(name);
}

/* After `cull data` its methods may stand; after `cull info` any. */
static void method_words(void)
{
    const command *k;
    const cull_method *m;
    for (int i = 0; (k = command_at(i)); i++) {
        if (k->word != WORD_METHOD) continue;
        printf("        2%s) COMPREPLY+=($(compgen -W \"", k->name);
        for (int at = 0; (m = method_of(k, at)); at++) printf("%s ", m->slug);
        puts("\" -- \"$cur\")) ;;");
    }
    fputs("        2info) COMPREPLY+=($(compgen -W \"", stdout);
    for (int i = 0; i < cull_method_count(); i++) printf("%s ", cull_method_at(i)->slug);
}

static void bash(void)
{
    const command *k;
    puts("# bash completion for cull, made by `cull completion bash`\n"
         "_cull() {\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} cmd=${COMP_WORDS[1]} words=\n"
         "    if [ \"$COMP_CWORD\" = 1 ]; then");
    fputs("        COMPREPLY=($(compgen -W \"", stdout);
    for (int i = 0; (k = command_at(i)); i++) printf("%s ", k->name);
    puts("\" -- \"$cur\")); return\n    fi\n    case $cmd in");
    for (int i = 0; (k = command_at(i)); i++) {
        printf("    %s) words=\"-o", k->name);
        each_option(k, bash_word);
        puts("\" ;;");
    }
    fputs("    esac\n    case $cur in\n"
          "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
          "    *)  COMPREPLY=($(compgen -f -- \"$cur\"))\n"
          "        case $COMP_CWORD$cmd in\n",
          stdout);
    method_words();
    fputs("\" -- \"$cur\")) ;;\n        2help) COMPREPLY=($(compgen -W \"", stdout);
    for (int i = 0; (k = command_at(i)); i++) printf("%s ", k->name);
    puts("\" -- \"$cur\")) ;;\n"
         "        2compare|2list) COMPREPLY=($(compgen -W \"data feature\" -- \"$cur\")) ;;\n"
         "        2layout) COMPREPLY=($(compgen -W \"select prompt serialize parse rank\" -- "
         "\"$cur\")) ;;\n"
         "        2completion) COMPREPLY=($(compgen -W \"bash zsh\" -- \"$cur\")) ;;\n"
         "        esac ;;\n    esac\n}\ncomplete -o filenames -F _cull cull");
}

/* Within single quotes and brackets of a zsh specification. */
static void zsh_text(const char *s)
{
    for (; *s; s++) {
        if (strchr("[]:\\", *s)) putchar('\\');
        fputs(*s == '\'' ? "'\\''" : (char[]){*s, 0}, stdout);
    }
}

static void zsh_option(const char *name, const char *arg, const char *help)
{
    fputs(" \\\n            '*--", stdout);
    dashed_word(name);
    fputs(arg ? "=[" : "[", stdout);
    zsh_text(help);
    fputs("]", stdout);
    if (arg) {
        fputs(":", stdout), zsh_text(arg);
        if (strchr(arg, '|') && !strpbrk(arg, "%.,") && arg[0] >= 'a')
            for (fputs(":(", stdout); *arg; arg++) putchar(*arg == '|' ? ' ' : *arg);
        else
            fputs(":_files", stdout);
        if (!*arg) putchar(')');
    }
    fputs("'", stdout);
}

static void zsh(void)
{
    const command *k;
    puts("#compdef cull\n# zsh completion for cull, made by `cull completion zsh`\n"
         "_cull() {\n    local -a commands methods\n    commands=(");
    for (int i = 0; (k = command_at(i)); i++)
        printf("        '%s:", k->name), zsh_text(k->brief), puts("'");
    puts("    )\n    methods=(");
    for (int i = 0; i < cull_method_count(); i++) {
        const cull_method *m = cull_method_at(i);
        printf("        '%s:%s: ", m->slug, cull_task_name(m->task)), zsh_text(m->title), puts("'");
    }
    puts("    )\n    if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
         "    if (( CURRENT == 3 )); then\n        case $words[2] in\n"
         "        data|feature) methods=(${(M)methods:#*:$words[2]: *}); _describe method methods "
         ";;\n"
         "        info) _describe method methods ;;\n"
         "        help) _describe command commands; return ;;\n"
         "        compare|list) compadd data feature; return ;;\n"
         "        layout) compadd select prompt serialize parse rank; return ;;\n"
         "        completion) compadd bash zsh; return ;;\n        esac\n    fi\n"
         "    case $words[2] in");
    for (int i = 0; (k = command_at(i)); i++) {
        printf("    %s)\n        _arguments -s '*-o[where to write]:file:_files'", k->name);
        each_option(k, zsh_option);
        puts(" \\\n            '*:file:_files' ;;");
    }
    /* autoloaded, it completes at once; read by a shell that runs, it says what it is for */
    puts("    esac\n}\nif [[ $funcstack[1] == _cull ]]; then _cull \"$@\"\n"
         "elif (( $+functions[compdef] )); then compdef _cull cull; fi");
}

int completion(cli *c, const char *shell)
{
    if (!strcmp(shell, "bash"))
        bash();
    else if (!strcmp(shell, "zsh"))
        zsh();
    else
        return fail(c, USAGE, "completion knows bash and zsh, not '%s'", shell);
    return flush_out(c);
}

int run_completion(cli *c) { return completion(c, c->input[0]); }

/* doc.c - help, methods' pages, manual pages: what the tables and the catalogue say, for a reader. */
#include "cli.h"
#include "cull/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- the head comments of the methods' files ---- */

static const struct {
    const char *slug, *text;
} heads[] = {
#include "heads.inc"
    {NULL, NULL}};

const char *head_of(const cull_method *m)
{
    for (int i = 0; heads[i].slug; i++)
        if (!strcmp(heads[i].slug, m->slug)) return heads[i].text;
    return NULL;
}

/* One field of a head, "Reads" and its text on one line; NULL at the end. */
static const char *next_field(const char *at, char name[16], char *text, size_t size)
{
    size_t used = 0;
    for (; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        bool starts = *at >= 'A' && *at <= 'Z';
        if (!starts && !used) continue; /* the title, an empty line */
        if (starts && used) break;
        if (*at == '\n') break;
        size_t n = strcspn(at, "\n"), skip = 0;
        if (starts) {
            skip = strcspn(at, " ");
            snprintf(name, 16, "%.*s", (int)skip, at);
        }
        while (skip < n && at[skip] == ' ') skip++;
        int put = snprintf(text + used, size - used, "%s%.*s", used ? " " : "", (int)(n - skip),
                           at + skip);
        used += (size_t)put < size - used ? (size_t)put : size - used - 1;
    }
    return used ? at : NULL;
}

/* ---- text on a page of a width ---- */

static int page_width(FILE *f)
{
    struct winsize w = {0};
    if (!isatty(fileno(f)) || ioctl(fileno(f), TIOCGWINSZ, &w) || w.ws_col < 40) return 80;
    return w.ws_col < 100 ? w.ws_col : 100;
}

/* text in lines from column `indent` on; `at` = the column that the cursor is in. */
static void wrap(FILE *f, int at, int indent, const char *text)
{
    int width = page_width(f);
    while (*text) {
        int n = (int)strcspn(text, " \n");
        bool para = text[n] == '\n';
        if (at > indent && at + 1 + n > width) fputc('\n', f), at = 0;
        if (at < indent)
            fprintf(f, "%*s", indent - at, ""), at = indent;
        else if (at > indent)
            fputc(' ', f), at++;
        fwrite(text, 1, (size_t)n, f);
        at += n;
        text += n;
        if (para) fputs("\n", f), at = 0;
        while (*text == ' ' || *text == '\n') text++;
    }
    fputc('\n', f);
}

static void say_row(FILE *f, const char *prefix, const char *name, const char *arg,
                    const char *help)
{
    enum { COLUMN = 26 };
    char dots[64];
    snprintf(dots, sizeof dots, "%s", arg ? arg : "");
    size_t n = strlen(dots);
    if (n > 3 && !strcmp(dots + n - 3, "...")) dots[n - 3] = 0;
    int at = fprintf(f, "  %s%s%s%s", prefix, name, arg ? " " : "", dots);
    if (at >= COLUMN) fputc('\n', f), at = 0;
    fprintf(f, "%*s", COLUMN - at, "");
    wrap(f, COLUMN, COLUMN, help);
}

/* ---- options of a method ---- */

static const char *option_range(const cull_opt *r, char buf[96])
{
    char lo[32], hi[32];
    if (r->kind == CULL_KIND_ENUM)
        snprintf(buf, 96, "%s", r->choices);
    else if (r->kind == CULL_KIND_BOOL)
        snprintf(buf, 96, "true|false");
    else
        snprintf(buf, 96, "%s..%s", cull_format_number(r->lo, lo), cull_format_number(r->hi, hi));
    return buf;
}

/* The defaults as text come from the library, so that they are what it would use. */
static const char *option_default(const cull_method *m, const cull_opt *r, char buf[64])
{
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_opts *o = NULL;
    snprintf(buf, 64, "?");
    if (cx && cull_opts_new(cx, m, &o) == CULL_OK) cull_opts_get(o, r->name, buf, 64);
    cull_opts_free(o);
    cull_ctx_free(cx);
    return buf;
}

static const char *dashed(const char *name, char buf[64])
{
    snprintf(buf, 64, "%s", name);
    for (char *s = buf; *s; s++)
        if (*s == '_') *s = '-';
    return buf;
}

static const char *method_reads(const cull_method *m, char buf[160])
{
    if (m->task == CULL_TASK_FEATURE) {
        snprintf(buf, 160, "%s%s%s%s", m->flags & CULL_NEEDS_COUNTS ? "counts" : "columns",
                 m->flags & CULL_TAKES_CATEGORIES ? ", categorical ones too" : "",
                 m->flags & CULL_TAKES_MISSING ? ", with missing values" : "",
                 m->flags & CULL_NEEDS_CLASSES ? "; classes to predict"
                 : m->flags & CULL_NEEDS_Y     ? "; a target"
                                               : "");
        return buf;
    }
    snprintf(buf, 160, "%s%s%s%s%s%s", m->flags & CULL_NEEDS_POOL ? "embeddings, " : "",
             m->flags & CULL_NEEDS_TEXT ? "text, " : "",
             m->flags & CULL_NEEDS_TARGET ? "target examples, " : "",
             m->flags & CULL_NEEDS_AGAINST ? "examples to stay away from, " : "",
             *m->columns ? "score columns " : "", m->columns);
    size_t n = strlen(buf);
    if (n > 1 && !strcmp(buf + n - 2, ", ")) buf[n - 2] = 0;
    if (!buf[0]) snprintf(buf, 160, "only how many there are");
    return buf;
}

void say_method(FILE *f, const cull_method *m)
{
    char name[64], text[4096], range[96], def[64], field[16], line[1400];
    fprintf(f, "%s - %s\n\n", m->slug, m->title);
    const char *at = head_of(m);
    while (at && (at = next_field(at, field, text, sizeof text))) {
        if (!strcmp(text, "-")) continue;
        fprintf(f, "  %-10s", field);
        wrap(f, 12, 12, text);
    }
    if (*m->paper) fprintf(f, "  %-10s", "Paper"), wrap(f, 12, 12, m->paper);
    fprintf(f, "  %-10s", "Needs"), wrap(f, 12, 12, method_reads(m, text));
    fprintf(f, "  %-10srev %d, task %s%s%s%s\n", "Is", m->rev, cull_task_name(m->task),
            m->flags & CULL_STOCHASTIC ? ", draws by --seed" : "",
            m->flags & CULL_ANYTIME ? ", stopped early it gives the best so far" : "",
            m->flags & CULL_BASELINE ? ", a baseline" : "");
    fputs(m->opts->name ? "\noptions:\n" : "\nno options of its own\n", f);
    for (const cull_opt *r = m->opts; r->name; r++) {
        snprintf(line, sizeof line, "%s (%s; default %s)", r->help, option_range(r, range),
                 option_default(m, r, def));
        say_row(f, "--", dashed(r->name, name), r->kind == CULL_KIND_BOOL ? NULL : "VALUE", line);
    }
}

void say_method_markdown(FILE *f, const cull_method *m)
{
    char text[4096], range[96], def[64], field[16], name[64];
    fprintf(f, "# %s\n\n%s.\n\n", m->slug, m->title);
    if (*m->paper) fprintf(f, "Paper: %s.\n\n", m->paper);
    fputs("| | |\n| --- | --- |\n", f);
    const char *at = head_of(m);
    while (at && (at = next_field(at, field, text, sizeof text)))
        if (strcmp(text, "-"))
            fprintf(f, "| %s | %s%s%s |\n", field, strcmp(field, "Example") ? "" : "`", text,
                    strcmp(field, "Example") ? "" : "`");
    fprintf(f, "| Needs | %s |\n| Revision | %d |\n", method_reads(m, text), m->rev);
    if (!m->opts->name) {
        fputs("\nIt has no options of its own.\n", f);
        return;
    }
    fputs("\n| option | values | default | meaning |\n| --- | --- | --- | --- |\n", f);
    for (const cull_opt *r = m->opts; r->name; r++) {
        option_range(r, range);
        fprintf(f, "| `--%s` | ", dashed(r->name, name));
        for (const char *s = range; *s; s++) fprintf(f, *s == '|' ? "\\|" : "%c", *s);
        fprintf(f, " | %s | %s |\n", option_default(m, r, def), r->help);
    }
}

/* ---- help ---- */

int help_command(cli *c, const command *k)
{
    FILE *f = stdout;
    if (c->method) { /* cull data rds-plus --help */
        say_method(f, c->method);
        return flush_out(c);
    }
    fprintf(f, "usage: %s\n\n%s\n", k->usage, k->brief);
    if (*k->about) fputc('\n', f), wrap(f, 0, 0, k->about);
    if (k->options[0]) fputs("\noptions:\n", f);
    for (int i = 0; k->options[i]; i++)
        for (const cull_input *r = k->options[i]; r->name; r++)
            if (strcmp(r->name, "out"))
                say_row(f, "--", r->name, r->arg, r->help);
            else
                say_row(f, "-", "o", "OUT", r->help + strlen("-o OUT: "));
    if (method_of(k, 0)) fputs("\nmethods (cull info METHOD says more, and its options):\n", f);
    for (int i = 0; method_of(k, i); i++)
        say_row(f, "", method_of(k, i)->slug, NULL, method_of(k, i)->title);
    fputs("\ncommon options:\n", f);
    for (const cull_input *r = common_options; r->name; r++)
        say_row(f, "--", r->name, r->arg, r->help);
    fputs("\nexamples:\n", f);
    for (const char *s = k->examples; *s; s += strcspn(s, "\n"), s += *s == '\n') {
        int n = (int)strcspn(s, "\t"), m = (int)strcspn(s, "\n");
        fprintf(f, "  %.*s\n      %.*s\n", n, s, m - n - 1, s + n + 1);
    }
    return flush_out(c);
}

int help_all(cli *c)
{
    puts("cull chooses what to keep, under a budget.\n\ncommands:");
    const command *k;
    for (int i = 0; (k = command_at(i)); i++) say_row(stdout, "", k->name, NULL, k->brief);
    puts("\nfirst steps:\n"
         "  cull data --budget 500 --target dev.jsonl pool.jsonl -o kept.jsonl -o report.html\n"
         "  cull list                 the methods\n"
         "  cull help data            a command explained\n"
         "  cull --version            the version, and what it was built with");
    return flush_out(c);
}

int run_help(cli *c)
{
    const char *near = NULL, *name = c->inputs ? c->input[0] : NULL;
    if (has(c, "man")) return man_page(c, name ? name : "cull");
    if (!name) return help_all(c);
    const command *k = command_find(name, &near);
    if (k) return help_command(c, k);
    const cull_method *m = cull_method_find(name, near ? NULL : &near);
    if (m) {
        say_method(stdout, m);
        return flush_out(c);
    }
    if (near) return fail(c, USAGE, "there is no command '%s'; did you mean %s?", name, near);
    return fail(c, USAGE, "there is no command '%s'; see cull help", name);
}

/* ---- JSON ---- */

void say_json(FILE *f, const char *s)
{
    if (!s) {
        fputs("null", f);
        return;
    }
    fputc('"', f);
    for (size_t n = strlen(s), good; n; s += good, n -= good) {
        bool bad = !cull_utf8_ok(s, n, &good);
        if (!bad) good = n;
        for (size_t i = 0; i < good; i++) {
            if (s[i] == '"' || s[i] == '\\') fputc('\\', f);
            if ((unsigned char)s[i] < 32)
                fprintf(f, "\\u%04x", s[i]);
            else
                fputc(s[i], f);
        }
        if (bad) fputs("\\ufffd", f), good++; /* names of files may be of any bytes */
    }
    fputc('"', f);
}

void say_json_number(FILE *f, double v)
{
    char buf[32];
    fputs(isfinite(v) ? cull_format_number(v, buf) : "null", f);
}

void say_json_list(FILE *f, const char *const *s, int n)
{
    fputc('[', f);
    for (int i = 0; i < n; i++) {
        if (i) fputc(',', f);
        say_json(f, s[i]);
    }
    fputc(']', f);
}

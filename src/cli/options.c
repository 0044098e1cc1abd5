/* options.c - one parser for every command, from its tables and the catalogue. */
#include "cli.h"
#include "cull/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- which row a name means ---- */

static const cull_input *row_in(const cull_input *t, const char *name)
{
    for (; t->name; t++)
        if (cull_same_name(t->name, name)) return t;
    return NULL;
}

static const cull_input *row_of(const command *cmd, const char *name)
{
    const cull_input *r = row_in(common_options, name);
    for (int i = 0; !r && cmd->options[i]; i++) r = row_in(cmd->options[i], name);
    return r;
}

static const cull_opt *method_row(const cull_method *m, const char *name)
{
    for (const cull_opt *r = m->opts; r->name; r++)
        if (cull_same_name(r->name, name)) return r;
    return NULL;
}

/* The option as some method has it: the parser meets options before it knows the method. */
static const cull_opt *any_method_row(const command *cmd, const char *name)
{
    const cull_opt *r = NULL;
    const cull_method *m;
    for (int i = 0; !r && (m = method_of(cmd, i)); i++) r = method_row(m, name);
    return r;
}

static int unknown_option(cli *c, const char *name)
{
    const char *cand[256];
    int n = 0;
    for (const cull_input *r = common_options; r->name; r++) cand[n++] = r->name;
    for (int i = 0; c->cmd->options[i]; i++)
        for (const cull_input *r = c->cmd->options[i]; r->name && n < 200; r++) cand[n++] = r->name;
    const cull_method *m;
    for (int i = 0; takes_methods(c->cmd) && (m = method_of(c->cmd, i)); i++)
        for (const cull_opt *r = m->opts; r->name && n < 256; r++) cand[n++] = r->name;
    const char *near = cull_nearest(name, cand, n);
    if (near)
        return fail(c, USAGE, "%s has no option --%s; did you mean --%s?", c->cmd->name, name,
                    near);
    return fail(c, USAGE, "%s has no option --%s; see cull help %s", c->cmd->name, name,
                c->cmd->name);
}

/* ---- argv ---- */

static bool truth(const char *s)
{
    return s &&
           (!strcmp(s, "true") || !strcmp(s, "false") || !strcmp(s, "yes") || !strcmp(s, "no"));
}

static bool repeatable(const cull_input *r)
{
    size_t n = r->arg ? strlen(r->arg) : 0;
    return n > 3 && !strcmp(r->arg + n - 3, "...");
}

static int add_setting(cli *c, const char *name, const char *value, const cull_input *row)
{
    if (row && !repeatable(row))
        for (int i = 0; i < c->sets; i++)
            if (c->set[i].row == row) return fail(c, USAGE, "--%s is given twice", name);
    c->set[c->sets++] = (setting){name, value, row};
    return DONE;
}

/* argv[*at] is "--name" or "--name=value"; takes the next word too when it is the value. An option of the method m, which may
 * be NULL, goes before what the command's other verbs call so. */
static int long_option(cli *c, const cull_method *m, int argc, char **argv, int *at)
{
    char name[64];
    const char *s = argv[*at] + 2, *eq = strchr(s, '='), *value = eq ? eq + 1 : NULL;
    size_t n = eq ? (size_t)(eq - s) : strlen(s);
    if (n >= sizeof name) return fail(c, USAGE, "%s has no option %.40s...", c->cmd->name, s - 2);
    memcpy(name, s, n);
    name[n] = 0;
    const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;
    const cull_opt *opt = m ? method_row(m, name) : NULL;
    const cull_input *row = opt ? NULL : row_of(c->cmd, name);
    if (!row && !opt) opt = any_method_row(c->cmd, name);
    if (!row && !opt) return unknown_option(c, name);
    if (row && !row->arg) {
        if (eq) return fail(c, USAGE, "--%s takes no value", row->name);
        return add_setting(c, row->name, "true", row);
    }
    if (opt && opt->kind == CULL_KIND_BOOL && !eq && !truth(next))
        return add_setting(c, opt->name, "true", NULL);
    if (!value && next && strncmp(next, "--", 2)) value = next, ++*at;
    const char *arg = row ? row->arg : opt->choices ? opt->choices : "a number";
    if (!value || !*value)
        return fail(c, USAGE, "--%s wants a value: %s", row ? row->name : opt->name, arg);
    return add_setting(c, row ? row->name : opt->name, value, row);
}

static int short_option(cli *c, int argc, char **argv, int *at)
{
    const char *s = argv[*at];
    if (!strcmp(s, "-h")) return add_setting(c, "help", "true", row_in(common_options, "help"));
    if (!strcmp(s, "-q")) return add_setting(c, "quiet", "true", row_in(common_options, "quiet"));
    if (!strcmp(s, "-v"))
        return add_setting(c, "verbose", "true", row_in(common_options, "verbose"));
    if (strcmp(s, "-o"))
        return fail(c, USAGE, "%s has no option %s; see cull help %s", c->cmd->name, s,
                    c->cmd->name);
    if (!row_of(c->cmd, "out"))
        return fail(c, USAGE, "%s writes no file: it has no option -o", c->cmd->name);
    if (*at + 1 >= argc || !*argv[*at + 1]) return fail(c, USAGE, "-o wants a file");
    c->out[c->outs++] = argv[++*at];
    return DONE;
}

/* ---- the word after the command ---- */

static bool plain_word(const char *s)
{
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '-' || *s == '_'))
            return false;
    return true;
}

static void drop_input(cli *c)
{
    memmove(c->input, c->input + 1, (size_t)--c->inputs * sizeof *c->input);
    if (c->rest > 0) c->rest--;
}

/* s is one of "a|b|c". */
static bool one_of(const char *s, const char *words)
{
    for (size_t n; words && *s; words = words[n] ? words + n + 1 : NULL) {
        n = strcspn(words, "|");
        if (strlen(s) == n && !strncmp(s, words, n)) return true;
    }
    return false;
}

static int take_method(cli *c)
{
    const char *near = NULL;
    if (!c->inputs || !strcmp(c->input[0], "-")) return DONE;
    if (one_of(c->input[0], c->cmd->verbs)) return DONE;
    const cull_method *m = cull_method_find(c->input[0], &near);
    if (m && m->task != c->cmd->task)
        return fail(c, USAGE, "%s is a method of task %s: cull %s %s", m->slug,
                    cull_task_name(m->task), cull_task_name(m->task), m->slug);
    if (m) {
        c->method = m;
        drop_input(c);
        return DONE;
    }
    if (!plain_word(c->input[0]) || file_exists(c->input[0])) return DONE;
    const cull_method *like = near ? cull_method_find(near, NULL) : NULL;
    if (like && like->task == c->cmd->task)
        return fail(c, USAGE, "'%s' is neither a method nor a file; did you mean %s?", c->input[0],
                    near);
    return fail(c, USAGE, "'%s' is neither a method of task %s nor a file; see cull list",
                c->input[0], c->cmd->name);
}

static int take_task(cli *c)
{
    char names[64];
    if (!c->inputs) return fail(c, USAGE, "%s wants a task: %s", c->cmd->name, task_names(names));
    for (int t = 0; t < CULL_TASKS; t++)
        if (!strcmp(c->input[0], cull_task_name((cull_task)t))) {
            c->task = (cull_task)t;
            drop_input(c);
            return DONE;
        }
    return fail(c, USAGE, "there is no task '%s'; the tasks are: %s", c->input[0],
                task_names(names));
}

/* What stands before the method's name was taken for the command's own. */
static int behind_method(cli *c)
{
    for (int i = 0; i < c->sets; i++)
        if (c->set[i].row && method_row(c->method, c->set[i].name))
            return fail(c, USAGE, "--%s is an option of %s: write it behind that name",
                        c->set[i].name, c->method->slug);
    return only_options_of(c, c->method);
}

static int check_words(cli *c)
{
    const command *k = c->cmd;
    if (c->json && k->no_json) return fail(c, USAGE, "%s has nothing to say as JSON", k->name);
    if (k->word == WORD_METHOD) TRY(take_method(c));
    if (k->word == WORD_TASK) TRY(take_task(c));
    if (c->inputs < k->least)
        return fail(c, USAGE, "%s wants %s: %s", k->name, k->most == 1 ? "one argument" : "a file",
                    k->usage);
    if (k->most >= 0 && c->inputs > k->most)
        return fail(c, USAGE, "%s cannot use '%s': %s", k->name, c->input[k->most], k->usage);
    return c->method ? behind_method(c) : DONE;
}

int only_options_of(cli *c, const cull_method *own)
{
    for (int i = 0; i < c->sets; i++) {
        const char *name = c->set[i].name;
        if (c->set[i].row || method_row(own, name)) continue;
        const char *first = NULL;
        const cull_method *m;
        for (int j = 0; !first && (m = method_of(c->cmd, j)); j++)
            if (method_row(m, name)) first = m->slug;
        return fail(c, USAGE, "%s has no option --%s (%s has); see cull info %s", own->slug, name,
                    first, own->slug);
    }
    return DONE;
}

int parse(cli *c, int argc, char **argv)
{
    c->set = calloc((size_t)argc + 1, sizeof *c->set);
    c->input = calloc((size_t)argc + 1, sizeof *c->input);
    c->out = calloc((size_t)argc + 1, sizeof *c->out);
    if (!c->set || !c->input || !c->out) return fail(c, FAILED, "out of memory");
    bool plain = false;
    const cull_method *m =
        argc > 1 && c->cmd->word == WORD_METHOD ? cull_method_find(argv[1], NULL) : NULL;
    c->task = c->cmd->task;
    c->rest = -1;
    for (int i = 1; i < argc; i++) {
        const char *s = argv[i];
        if (!plain && !strcmp(s, "--"))
            plain = true, c->rest = c->inputs;
        else if (!plain && !strncmp(s, "--", 2))
            TRY(long_option(c, m, argc, argv, &i));
        else if (!plain && s[0] == '-' && s[1])
            TRY(short_option(c, argc, argv, &i));
        else if (!*s && !(plain && c->cmd->word == WORD_OPTION)) /* a program's own may be */
            return fail(c, USAGE, "an argument of %s is empty", c->cmd->name);
        else
            c->input[c->inputs++] = s;
    }
    for (int i = 0; i < c->sets; i++)
        if (!strcmp(c->set[i].name, "out")) c->out[c->outs++] = c->set[i].value;
    c->quiet = has(c, "quiet");
    c->verbose = has(c, "verbose");
    c->json = has(c, "json");
    bool asks = has(c, "help") || has(c, "version");
    if (asks && c->cmd->word == WORD_METHOD && c->inputs)
        c->method = cull_method_find(c->input[0], NULL);
    return asks ? DONE : check_words(c);
}

void parse_free(cli *c)
{
    free(c->set);
    free(c->input);
    free(c->out);
}

/* ---- reading what was set ---- */

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

bool has(const cli *c, const char *name) { return value_of(c, name, NULL) != NULL; }

const char *value_of(const cli *c, const char *name, const char *other)
{
    for (int i = 0; i < c->sets; i++)
        if (c->set[i].row && !strcmp(c->set[i].name, name)) return c->set[i].value;
    return other;
}

int values_of(const cli *c, const char *name, const char **out, int cap)
{
    int n = 0;
    for (int i = 0; i < c->sets; i++)
        if (c->set[i].row && !strcmp(c->set[i].name, name) && n++ < cap)
            out[n - 1] = c->set[i].value;
    return n;
}

int number_of(cli *c, const char *name, double other, double lo, double hi, bool whole, double *out)
{
    const char *s = value_of(c, name, NULL);
    char a[32], b[32];
    *out = other;
    if (!s) return DONE;
    cull_format_number(lo, a), cull_format_number(hi, b);
    if (!cull_parse_number(s, out) || isnan(*out))
        return fail(c, USAGE, "--%s '%s' is no number; it takes %s to %s", name, s, a, b);
    if (whole && *out != floor(*out)) return fail(c, USAGE, "--%s %s is no whole number", name, s);
    if (*out < lo || *out > hi) return fail(c, USAGE, "--%s %s is outside %s to %s", name, s, a, b);
    return DONE;
}

int seconds_of(cli *c, const char *name, double other, double *out)
{
    static const char unit[] = "smhd";
    static const double length[] = {1, 60, 3600, 86400};
    const char *s = value_of(c, name, NULL), *u = NULL;
    char number[40];
    *out = other;
    if (!s) return DONE;
    size_t n = strlen(s);
    if (n && n < sizeof number) u = strchr(unit, s[n - 1]);
    snprintf(number, sizeof number, "%.*s", (int)(u ? n - 1 : n), s);
    if (n < sizeof number && cull_parse_number(number, out) && *out >= 0 && *out < 1e9) {
        *out *= u ? length[u - unit] : 1;
        return DONE;
    }
    return fail(c, USAGE, "--%s '%s' is no time; write seconds, or 90s, 15m, 2h, 1d", name, s);
}

int choice_of(cli *c, const char *name, const char *other, const char *choices, int *out)
{
    const char *s = value_of(c, name, other), *at = choices;
    for (int i = 0; at; i++) {
        size_t n = strcspn(at, "|");
        if (strlen(s) == n && !strncmp(at, s, n)) {
            *out = i;
            return DONE;
        }
        at = at[n] ? at + n + 1 : NULL;
    }
    return fail(c, USAGE, "--%s '%s' is none of %s", name, s, choices);
}

int each_part(cli *c, const char *s, int (*fn)(cli *c, const char *part, void *arg), void *arg)
{
    char *copy = strdup(s), *rest = copy, *part;
    if (!copy) return fail(c, FAILED, "out of memory");
    int rc = DONE;
    while (rc == DONE && (part = strsep(&rest, ","))) rc = fn(c, part, arg);
    free(copy);
    return rc;
}

/* ---- what follows from the common options ---- */

static int seed_of(cli *c, uint64_t *out)
{
    const char *s = value_of(c, "seed", "1");
    char *end;
    *out = strtoull(s, &end, 10);
    if (*s < '0' || *s > '9' || *end || strlen(s) > 19)
        return fail(c, USAGE, "--seed '%s' is no whole number of 0 to 9999999999999999999", s);
    return DONE;
}

int context_new(cli *c)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    double threads;
    int isa;
    const char *memory = value_of(c, "memory", NULL);
    TRY(seed_of(c, &o.seed));
    TRY(number_of(c, "threads", 0, 0, 1024, true, &threads));
    TRY(choice_of(c, "isa", "auto", "auto|v2|v3|v4", &isa));
    if (memory && (!cull_parse_bytes(memory, &o.memory) || !o.memory))
        return fail(c, USAGE, "--memory '%s' is no size; write 512M or 4G", memory);
    o.threads = (int)threads;
    o.isa = value_of(c, "isa", "auto");
    o.tmpdir = value_of(c, "tmpdir", getenv("TMPDIR"));
    if (o.tmpdir && !*o.tmpdir) o.tmpdir = NULL;
    o.user = c;
    o.tick = tick;
    o.log = note;
    o.ranks = c->ranks;
    for (int i = 0; c->ranks && c->ranks->ranks > 1 && i < c->inputs; i++)
        if (!strcmp(c->input[i], "-"))
            return fail(c, USAGE, "standard input reaches one process only; give a file");
    c->cx = cull_ctx_new(&o);
    if (c->cx) return DONE;
    return strcmp(o.isa, "auto")
               ? fail(c, USAGE, "--isa %s: this machine has no such instructions", o.isa)
               : fail(c, FAILED, "out of memory");
}

int method_options(cli *c, cull_ctx *cx, const cull_method *m, bool strict, cull_opts **out)
{
    TRY(check_in(c, cx, cull_opts_new(cx, m, out)));
    for (int i = 0; i < c->sets; i++) {
        if (c->set[i].row || (!strict && !method_row(m, c->set[i].name))) continue;
        int rc = check_in(c, cx, cull_opts_set(cx, *out, c->set[i].name, c->set[i].value));
        if (rc == DONE) continue;
        cull_opts_free(*out);
        *out = NULL;
        return rc;
    }
    return DONE;
}

int variant_new(cli *c, const char *part, cull_task task, const cull_method **m, char **name)
{
    const char *near = NULL;
    char slug[64];
    size_t n = strcspn(part, ":");
    snprintf(slug, sizeof slug, "%.*s", n < sizeof slug ? (int)n : (int)sizeof slug - 1, part);
    *name = NULL;
    *m = cull_method_find(slug, &near);
    if (!*m && near) return fail(c, USAGE, "there is no method '%s'; did you mean %s?", slug, near);
    if (!*m) return fail(c, USAGE, "there is no method '%s'; see cull list", slug);
    if ((*m)->task != task)
        return fail(c, USAGE, "%s is a method of task %s", (*m)->slug, cull_task_name((*m)->task));
    size_t room = strlen((*m)->slug) + strlen(part + n) + 1;
    *name = malloc(room);
    if (!*name) return fail(c, FAILED, "out of memory");
    snprintf(*name, room, "%s%s", (*m)->slug, part[n] && part[n + 1] ? part + n : "");
    return DONE;
}

int variant_options(cli *c, const cull_method *m, const char *name, cull_opts *o)
{
    for (const char *spec = strchr(name, ':'); spec && *spec;) {
        char one[256], *value;
        size_t n = strcspn(++spec, ":");
        if (n >= sizeof one) return fail(c, USAGE, "--methods: '%.40s...' is too long", spec);
        memcpy(one, spec, n);
        one[n] = 0;
        spec += n;
        value = strchr(one, '=');
        if (!value || value == one)
            return fail(c, USAGE, "--methods: '%s' of %s is no option; write %s:NAME=VALUE", one,
                        name, m->slug);
        *value++ = 0;
        TRY(check(c, cull_opts_set(c->cx, o, one, value)));
    }
    return DONE;
}

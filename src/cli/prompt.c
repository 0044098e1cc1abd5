/* prompt.c - cull prompt: instruction and exemplars chosen for a model behind a program, and the prompt that they make. */
#include "cli.h"
#include "cull/prompt_text.h"
#include "cull/report.h"
#include "cull/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const cull_input prompt_own[] = {
    {"instructions", "FILE",
     "instructions to choose from: a line each, or the field \"instruction\" of jsonl, csv, tsv"},
    {"instruction", "TEXT...", "one more; the only one where there is no file"},
    {"test", "FILE", "rows that the choice is judged on and was not made on"},
    {"pool", "FILE",
     "rows that exemplars are taken from, with their targets (the validation rows)"},
    {"fields", "INPUT,TARGET", "what the fields of rows are called (input,target)"},
    {"template", "FILE",
     "the form of a prompt: text with {instruction}, {exemplars}, {input}; {{ is a plain {"},
    {"exemplar", "FILE",
     "the form of an exemplar: text with {input} and {output} (what follows {exemplars} in the "
     "template, the output, a blank line)"},
    {"shows", "answers|targets",
     "what exemplars of the validation rows show: what the model answered where that was right, or "
     "the target (answers)"},
    {"k", "N", "exemplars of a prompt (3)"},
    {"strategy", "none|random|nearest|diverse|all|search|mutate",
     "how exemplars are chosen: k drawn; the k nearest each query; those nearest the centres of k "
     "clusters; all; the best of random sets; random sets, then one exemplar of the best swapped "
     "at a time (mutate)"},
    {"order", "drawn|rows",
     "exemplars of a prompt stand in an order that is drawn and changed, or in that of the rows "
     "(drawn)"},
    {"budget", "X", "validations of all rows, in all, spent as calls (32)"},
    {"calls", "N", "the same in calls to the model"},
    {"share", "X", "of it for the instruction, where there are several (0.25)"},
    {"rule", "auto|whole|halving",
     "how instructions are tried: each on all rows, or all on a few rows, the better half on twice "
     "as many, and so on (auto: as the budget allows)"},
    {"no-race", NULL, "ask all rows even of a prompt that can no longer be the best"},
    {"starts", "N", "of mutate: random sets at the beginning (a quarter of the validations left)"},
    {"score", "normal|exact|contains|number",
     "a right answer: the target but for case, punctuation, articles; the same text; contains the "
     "target's words; has the same last number (normal)"},
    {"after", "TEXT", "what follows this in an answer is scored, as 'The answer is'"},
    {"judge", "COMMAND",
     "a program scores: JSON with input, target, answer in, a number from 0 to 1 out"},
    {"right", "X", "the score from which an answer is right enough to be an exemplar (1)"},
    {"propose", "COMMAND", "a program that is asked for further instructions"},
    {"cache", "FILE", "keep answers here, as SQLite: no prompt is paid for twice"},
    {"id", "TEXT", "of the cache: what answers depend on besides (the program's words)"},
    {"workers", "N", "programs at a time (1)"},
    {"timeout", "TIME", "of one call; its processes are ended"},
    {"retries", "N", "of a call that failed, before it counts as a wrong answer (2)"},
    {"stay", NULL, "a program runs for many prompts: a line of JSON in, a line out"},
    {"input", "TEXT", "show: what is asked"},
    {NULL, NULL, NULL}};

typedef struct {
    cli *c;
    cull_prompt_opts o;
    cull_prompt_task_opts t;
    cull_prompt_rows val, test, pool, more;
    char *template_, *exemplar, *judge[64], *propose[64], *fields[2];
    const char **instruction;
    cull_prompt_task *task;
    cull_prompt_result r;
} work;

/* ---- options ---- */

static int read_file(cli *c, const char *name, char **out)
{
    const char *path = value_of(c, name, NULL);
    size_t n = 0, cap = 1 << 16;
    *out = NULL;
    if (!path) return DONE;
    FILE *f = fopen(path, "rb");
    if (!f) return fail(c, FAILED, "%s: cannot open: %s", path, strerror(errno));
    char *s = malloc(cap);
    if (s) n = fread(s, 1, cap, f);
    bool bad = ferror(f);
    fclose(f);
    *out = s;
    if (!s) return fail(c, FAILED, "out of memory");
    if (bad) return fail(c, FAILED, "%s: cannot be read", path);
    if (n == cap) return fail(c, FAILED, "%s: is longer than %zu bytes", path, cap - 1);
    s[n] = 0;
    if (memchr(s, 0, n)) return fail(c, FAILED, "%s: it is no text: it holds a NUL", path);
    if (n && s[n - 1] == '\n') s[n - 1] = 0; /* the line's end that editors add */
    return DONE;
}

/* Words of a command, apart by blanks: no shell, and no quotes. */
static int split(cli *c, const char *name, char **word, int cap, const char *const **out)
{
    const char *s = value_of(c, name, NULL);
    int n = 0;
    *out = NULL;
    if (!s) return DONE;
    for (;;) {
        s += strspn(s, " \t");
        size_t k = strcspn(s, " \t");
        if (!k) break;
        if (n == cap - 1) return fail(c, USAGE, "--%s takes at most %d words", name, cap - 1);
        if (!(word[n] = strndup(s, k))) return fail(c, FAILED, "out of memory");
        n++;
        s += k;
    }
    if (!n) return fail(c, USAGE, "--%s wants a command", name);
    *out = (const char *const *)word;
    return DONE;
}

static int add_field(cli *c, const char *part, void *arg)
{
    char **field = arg;
    int i = field[0] ? 1 : 0;
    if (field[i]) return fail(c, USAGE, "--fields takes two names: INPUT,TARGET");
    field[i] = strdup(part);
    return field[i] ? DONE : fail(c, FAILED, "out of memory");
}

static int fields_of(work *w)
{
    const char *s = value_of(w->c, "fields", NULL);
    if (!s) return DONE;
    TRY(each_part(w->c, s, add_field, w->fields));
    if (!w->fields[1]) return fail(w->c, USAGE, "--fields takes two names: INPUT,TARGET");
    return DONE;
}

static int strategy_of(work *w)
{
    cli *c = w->c;
    int v;
    TRY(choice_of(c, "strategy", "mutate", "none|random|nearest|diverse|all|search|mutate", &v));
    w->o.strategy = (cull_prompt_strategy)v;
    TRY(choice_of(c, "rule", "auto", "auto|whole|halving", &v));
    w->o.rule = (cull_prompt_rule)v;
    TRY(choice_of(c, "order", "drawn", "drawn|rows", &v));
    w->o.ordered = v == 0;
    TRY(choice_of(c, "shows", "answers", "answers|targets", &v));
    w->t.labels = v == 1;
    TRY(choice_of(c, "score", "normal", "normal|exact|contains|number", &v));
    w->t.scoring = (cull_prompt_scoring)v;
    w->o.race = !has(c, "no-race");
    return DONE;
}

static int limits_of(work *w)
{
    cli *c = w->c;
    double calls, starts, k;
    TRY(number_of(c, "budget", 32, 1e-9, 1e9, false, &w->o.budget));
    TRY(number_of(c, "calls", 0, 1, 1e12, true, &calls));
    TRY(number_of(c, "share", 0.25, 1e-9, 1, false, &w->o.share));
    TRY(number_of(c, "right", 1, 1e-9, 1, false, &w->o.right));
    TRY(number_of(c, "starts", 0, 1, 1e9, true, &starts));
    TRY(number_of(c, "k", 3, 1, 100000, true, &k));
    if (has(c, "calls") && has(c, "budget"))
        return fail(c, USAGE, "--budget and --calls are two ways to say the same; give one");
    w->o.calls = (int64_t)calls;
    w->o.starts = (int64_t)starts;
    w->o.k = (int64_t)k;
    return DONE;
}

static int model_of(work *w)
{
    cli *c = w->c;
    double workers, retries;
    int n = c->rest < 0 ? 0 : c->inputs - c->rest;
    if (!n)
        return fail(c, USAGE,
                    "prompt search wants the model behind --: a program that reads a prompt on "
                    "standard input and prints the answer");
    TRY(number_of(c, "workers", 1, 1, 1024, true, &workers));
    TRY(number_of(c, "retries", 2, 0, 100, true, &retries));
    TRY(seconds_of(c, "timeout", 0, &w->t.timeout));
    c->input[c->inputs] = NULL; /* there is room: one more than words on the command line */
    w->t.argv = c->input + c->rest;
    w->t.path = getenv("PATH");
    w->t.stay = has(c, "stay");
    w->t.workers = (int)workers;
    w->t.retries = (int)retries;
    w->t.cache = value_of(c, "cache", NULL);
    w->t.id = value_of(c, "id", NULL);
    w->t.after = value_of(c, "after", NULL);
    TRY(split(c, "judge", w->judge, COUNT(w->judge), &w->t.judge));
    return split(c, "propose", w->propose, COUNT(w->propose), &w->t.propose);
}

/* ---- rows ---- */

static int rows_of(work *w, const char *path, cull_prompt_rows *rows, const cull_prompt_rows **to)
{
    if (!path) return DONE;
    TRY(check(w->c, cull_prompt_rows_open(w->c->cx, path, w->fields[0], w->fields[1], rows)));
    *to = rows;
    return DONE;
}

static int instructions_of(work *w)
{
    cli *c = w->c;
    const char *path = value_of(c, "instructions", NULL), *own[256];
    int n = values_of(c, "instruction", own, COUNT(own));
    if (n > COUNT(own)) return fail(c, USAGE, "--instruction takes at most %d texts", COUNT(own));
    if (path) TRY(check(c, cull_prompt_instructions_open(c->cx, path, &w->more)));
    if (w->more.n > 1000000) return fail(c, FAILED, "%s: more than 1000000 instructions", path);
    w->instruction = calloc((size_t)(w->more.n + n) + 1, sizeof *w->instruction);
    if (!w->instruction) return fail(c, FAILED, "out of memory");
    for (int i = 0; i < n; i++) w->instruction[i] = own[i];
    for (int64_t i = 0; i < w->more.n; i++) w->instruction[n + i] = w->more.input[i];
    w->t.instruction = w->instruction;
    w->t.instructions = n + (int32_t)w->more.n;
    return DONE;
}

static int open_task(work *w)
{
    cli *c = w->c;
    TRY(fields_of(w));
    TRY(strategy_of(w));
    TRY(limits_of(w));
    TRY(model_of(w));
    TRY(read_file(c, "template", &w->template_));
    TRY(read_file(c, "exemplar", &w->exemplar));
    w->t.template_ = w->template_;
    /* what stands between two exemplars is a blank line, whoever wrote the form */
    if (w->exemplar) {
        char *more = realloc(w->exemplar, strlen(w->exemplar) + 3);
        if (!more) return fail(c, FAILED, "out of memory");
        w->exemplar = strcat(more, "\n\n");
        w->t.exemplar = w->exemplar;
    }
    TRY(rows_of(w, c->input[1], &w->val, &w->t.val));
    TRY(rows_of(w, value_of(c, "test", NULL), &w->test, &w->t.test));
    TRY(rows_of(w, value_of(c, "pool", NULL), &w->pool, &w->t.pool));
    TRY(instructions_of(w));
    return check(c, cull_prompt_task_open(c->cx, &w->t, &w->task));
}

/* ---- search ---- */

/* Four digits: intervals are wider than that. */
static void say_score(const char *name, const cull_prompt_score *s)
{
    const double at[] = {s->mean, s->lo, s->hi};
    fputs(name, stdout);
    for (int i = 0; i < 3; i++) at[i] == at[i] ? printf("\t%.4f", at[i]) : putchar('\t');
    putchar('\n');
}

static void say_scores(const work *w)
{
    const cull_prompt_result *r = &w->r;
    const cull_prompt_score expected = {r->expected, 0.0 / 0.0, 0.0 / 0.0};
    puts("score\tmean\tlow\thigh");
    say_score("validation", &r->val);
    if (r->expected == r->expected) say_score("expected", &expected);
    if (!w->test.n) return;
    say_score("test", &r->test);
    say_score("optimism", &r->optimism);
}

/* The prompt has no exemplars, and was to have some. */
static const char *why_none(const cull_prompt_result *r)
{
    bool tried = false;
    for (int64_t i = 0; i < r->tried; i++) tried |= r->trail[i].k > 0;
    if (!r->candidates)
        return "no answer was right, so that there are no exemplars; --shows targets has the "
               "targets instead";
    if (tried) return "no set of exemplars did better than none";
    return r->val.mean >= 1 ? "all answers were right without exemplars"
                            : "the budget lasted for no set of exemplars";
}

static void say_end(work *w)
{
    cli *c = w->c;
    const cull_prompt_result *r = &w->r;
    cull_prompt_calls n;
    cull_prompt_task_calls(w->task, &n);
    char test[64] = "";
    if (r->test_calls) snprintf(test, sizeof test, "; the test took %" PRId64, r->test_calls);
    talk(c,
         "%" PRId64 " prompt%s tried in %" PRId64 " calls, %" PRId64
         " of them for the instruction%s",
         r->tried, r->tried == 1 ? "" : "s", r->calls, r->instruction_calls, test);
    if (w->t.cache)
        talk(c, "%" PRId64 " calls were made, %" PRId64 " answers were in %s", n.made, n.cached,
             w->t.cache);
    if (n.failed)
        talk(c, "%" PRId64 " calls failed and count as wrong answers; the last: %s", n.failed,
             n.last);
    if (!r->k && w->o.strategy != CULL_PROMPT_NONE) talk(c, "%s", why_none(r));
    if (!w->test.n)
        talk(c, "the choice was made on the validation rows, which is luck in part; --test FILE "
                "says what it scores on others");
}

static int outputs(work *w)
{
    cli *c = w->c;
    for (int i = 0; i < c->outs; i++) {
        TRY(check(c, cull_prompt_write(c->cx, w->task, &w->o, &w->r, c->out[i])));
        if (strcmp(c->out[i], "-"))
            talk(c, "%s: cull prompt show %s --input TEXT prints its prompt", c->out[i], c->out[i]);
    }
    return DONE;
}

static int stop_said(work *w)
{
    cull_prompt_calls n;
    cull_prompt_task_calls(w->task, &n);
    if (w->t.cache)
        return fail(w->c, FAILED,
                    "stopped after %" PRId64 " calls, which are kept: the same command goes on",
                    n.made);
    return fail(w->c, FAILED,
                "stopped after %" PRId64 " calls; with --cache FILE the same command could go on",
                n.made);
}

static int check_outputs(cli *c)
{
    TRY(one_stdout(c));
    for (int i = 0; i < c->outs; i++) {
        size_t n = strlen(c->out[i]);
        bool json = n > 5 && !strcmp(c->out[i] + n - 5, ".json");
        if (strcmp(c->out[i], "-") && !json)
            return fail(c, USAGE, "-o %s: the prompt is written as .json", c->out[i]);
    }
    return DONE;
}

static int search(work *w)
{
    cli *c = w->c;
    int files = c->rest < 0 ? c->inputs : c->rest;
    if (files != 2)
        return fail(c, USAGE, "prompt search reads one file of validation rows: %s", c->cmd->usage);
    TRY(check_outputs(c));
    TRY(open_task(w));
    cull_status s = cull_prompt_task_search(c->cx, w->task, &w->o, &w->r);
    progress_end();
    if (s == CULL_ECANCEL && stopped()) return stop_said(w);
    TRY(check(c, s));
    bool quiet = c->json;
    for (int i = 0; i < c->outs; i++) quiet |= !strcmp(c->out[i], "-");
    if (!quiet) say_scores(w);
    if (c->json) TRY(check(c, cull_prompt_write(c->cx, w->task, &w->o, &w->r, "-")));
    TRY(flush_out(c));
    say_end(w);
    return outputs(w);
}

/* ---- show ---- */

static int show(work *w)
{
    cli *c = w->c;
    const char *input = value_of(c, "input", NULL);
    cull_prompt_saved *s;
    char *text;
    if (c->inputs != 2 || !input)
        return fail(c, USAGE, "prompt show wants one file that prompt search wrote, and --input");
    TRY(check(c, cull_prompt_read(c->cx, c->input[1], &s)));
    int rc = check(c, cull_prompt_saved_text(c->cx, s, input, &text));
    cull_prompt_saved_free(s);
    TRY(rc);
    progress_end();
    if (c->json) {
        fputs("{\"prompt\":", stdout);
        say_json(stdout, text);
        puts("}");
    } else {
        puts(text);
    }
    cull_text_free(text);
    return flush_out(c);
}

/* ---- the command ---- */

static void work_free(work *w)
{
    cull_prompt_result_free(&w->r);
    cull_prompt_task_free(w->task);
    cull_prompt_rows_free(&w->val);
    cull_prompt_rows_free(&w->test);
    cull_prompt_rows_free(&w->pool);
    cull_prompt_rows_free(&w->more);
    for (int i = 0; i < COUNT(w->judge); i++) {
        free(w->judge[i]);
        free(w->propose[i]);
    }
    free(w->fields[0]);
    free(w->fields[1]);
    free(w->template_);
    free(w->exemplar);
    free(w->instruction);
}

int run_prompt(cli *c)
{
    static const char *const name[] = {"search", "show"};
    work w = {.c = c, .o = CULL_PROMPT_OPTS, .t = CULL_PROMPT_TASK_OPTS};
    int which = -1;
    for (int i = 0; i < COUNT(name); i++)
        if (c->rest != 0 && !strcmp(c->input[0], name[i])) which = i;
    if (which < 0) {
        const char *near = cull_nearest(c->input[0], name, COUNT(name));
        return fail(c, USAGE, "prompt cannot '%s'; %s%s%s", c->input[0],
                    near ? "did you mean " : "it can search and show", near ? near : "",
                    near ? "?" : "");
    }
    int rc = which ? show(&w) : search(&w);
    work_free(&w);
    return rc;
}

/* bench.c - cull bench search: methods of task search on tables of known results. */
#include "cull/bench.h"
#include "cli.h"
#include "cull/report.h"
#include "cull/text.h"
#include "job.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { METHODS = 128, TABLES = 64, FILES = 8 };
typedef enum { FORM_TSV, FORM_CSV, FORM_MD } out_form;

typedef struct {
    cull_bench_opts o;
    const cull_method *method[METHODS];
    cull_opts *opts[METHODS];
    char *name[METHODS]; /* "tpe:gamma=0.2" */
    int tables;
    const cull_bench_table *table[TABLES];
    int done;
    cull_bench *bench[TABLES];
    out_form form[FILES];
} work;

/* ---- what is asked for ---- */

static int add_method(cli *c, const char *part, void *arg)
{
    work *w = arg;
    int at = w->o.methods;
    if (at == METHODS) return fail(c, USAGE, "more than %d methods", METHODS);
    TRY(variant_new(c, part, CULL_TASK_SEARCH, &w->method[at], &w->name[at]));
    w->o.methods++;
    TRY(check(c, cull_opts_new(c->cx, w->method[at], &w->opts[at])));
    return variant_options(c, w->method[at], w->name[at], w->opts[at]);
}

static int add_budget(cli *c, const char *part, void *arg)
{
    work *w = arg;
    char *end;
    errno = 0;
    long long v = strtoll(part, &end, 10);
    if (*part < '0' || *part > '9' || *end || errno)
        return fail(c, USAGE, "--at: '%.40s' is no whole number", part);
    if (w->o.budgets == CULL_BENCH_BUDGETS)
        return fail(c, USAGE, "--at takes at most %d numbers", CULL_BENCH_BUDGETS);
    int64_t before = w->o.budgets ? w->o.at[w->o.budgets - 1] : 0;
    if (v == 0) return fail(c, USAGE, "--at: 0 evaluations are none; the least is 1");
    if (v <= before)
        return fail(c, USAGE, "--at: %lld stands after %lld; the numbers rise, as in --at 10,50", v,
                    (long long)before);
    w->o.at[w->o.budgets++] = v;
    return DONE;
}

static int add_tables(cli *c, work *w)
{
    for (int i = 1; i < c->inputs; i++) {
        const char *near = NULL, *name = c->input[i];
        const cull_bench_table *t = cull_bench_find(name, &near);
        if (!t && near)
            return fail(c, USAGE, "there is no table '%s'; did you mean %s?", name, near);
        if (!t)
            return fail(c, USAGE, "there is no table '%s'; cull bench search --list names them",
                        name);
        for (int k = 0; k < w->tables; k++)
            if (w->table[k] == t) return fail(c, USAGE, "table %s is named twice", t->name);
        if (w->tables < TABLES) w->table[w->tables++] = t;
    }
    for (int i = 0; c->inputs == 1 && i < cull_bench_count() && i < TABLES; i++)
        w->table[w->tables++] = cull_bench_at(i);
    return DONE;
}

static int look_at_outputs(cli *c, work *w)
{
    if (c->outs > FILES) return fail(c, USAGE, "-o is given more than %d times", FILES);
    for (int i = 0; i < c->outs; i++) {
        char e[16];
        cull_file_ending(c->out[i], e);
        TRY(check_writable(c, c->out[i]));
        if (!strcmp(c->out[i], "-"))
            w->form[i] = FORM_TSV;
        else if (!strcmp(e, "csv"))
            w->form[i] = FORM_CSV;
        else if (!strcmp(e, "md"))
            w->form[i] = FORM_MD;
        else
            return fail(c, USAGE,
                        "-o %s: every run goes to .csv, the tables to .md, or with - to standard "
                        "output",
                        c->out[i]);
        for (int j = 0; j < i; j++)
            if (one_file(c->out[i], c->out[j]))
                return fail(c, USAGE, "-o %s is given twice", c->out[i]);
    }
    return one_stdout(c);
}

static int read_options(cli *c, work *w)
{
    double seeds;
    const char *methods = value_of(c, "methods", NULL), *at = value_of(c, "at", NULL);
    w->o = (cull_bench_opts)CULL_BENCH_OPTS;
    w->o.data_dir = value_of(c, "data", NULL);
    TRY(number_of(c, "seeds", w->o.seeds, 2, 10000, true, &seeds));
    w->o.seeds = (int)seeds;
    if (methods) {
        TRY(each_part(c, methods, add_method, w));
        w->o.method = w->method;
        w->o.opts = (const cull_opts *const *)w->opts;
        w->o.name = (const char *const *)w->name;
    }
    if (at) {
        w->o.budgets = 0;
        TRY(each_part(c, at, add_budget, w));
    }
    TRY(add_tables(c, w));
    return look_at_outputs(c, w);
}

/* ---- what came out ---- */

static void number(FILE *f, const char *how, double v)
{
    if (isnan(v))
        putc('-', f);
    else
        fprintf(f, how, v);
}

static void tsv(FILE *f, const work *w)
{
    fputs("table\tmethod\tat\tregret\tlo\thi\ttest\tgain\tp\task_us\n", f);
    for (int k = 0; k < w->done; k++)
        for (int i = 0; i < w->bench[k]->lines; i++)
            for (int j = 0; j < w->bench[k]->budgets; j++) {
                const cull_bench *b = w->bench[k];
                const cull_bench_line *l = &b->line[i];
                const cull_bench_cell *e = &l->cell[j];
                if (*l->why) continue;
                fprintf(f, "%s\t%s\t%lld\t%.4f\t%.4f\t%.4f\t", b->table->name, l->name,
                        (long long)b->at[j], e->regret, e->lo, e->hi);
                number(f, "%.4f", e->test), putc('\t', f);
                number(f, "%.4f", e->gain), putc('\t', f);
                number(f, "%.2g", e->p);
                fprintf(f, "\t%.1f\n", l->ask_us);
            }
}

/* Every run, so that other statistics can be had. */
static void csv(FILE *f, const work *w)
{
    fputs("table,method,seed_index,at,regret,test\n", f);
    for (int k = 0; k < w->done; k++)
        for (int i = 0; i < w->bench[k]->lines; i++)
            for (int s = 0; s < w->bench[k]->seeds; s++)
                for (int j = 0; j < w->bench[k]->budgets; j++) {
                    const cull_bench *b = w->bench[k];
                    const cull_bench_line *l = &b->line[i];
                    if (*l->why) continue;
                    double test = l->test[j * b->seeds + s];
                    fprintf(f, "%s,%s,%d,%lld,%.9g,", b->table->name, l->name, s,
                            (long long)b->at[j], l->regret[j * b->seeds + s]);
                    if (!isnan(test)) fprintf(f, "%.9g", test);
                    putc('\n', f);
                }
}

static void md_line(FILE *f, const cull_bench *b, const cull_bench_line *l)
{
    fprintf(f, "| %s |", l->name);
    for (int j = 0; j < b->budgets; j++)
        fprintf(f, " %.3f [%.3f, %.3f] |", l->cell[j].regret, l->cell[j].lo, l->cell[j].hi);
    const cull_bench_cell *e = &l->cell[b->budgets - 1];
    for (int j = 0; j < b->budgets; j++) {
        e = &l->cell[j];
        putc(' ', f), number(f, "%+.3f", e->gain);
        if (!isnan(e->p)) fprintf(f, " (%.1g)", e->p);
        fputs(" |", f);
    }
    putc(' ', f), number(f, "%.3f", e->test);
    fprintf(f, " | %.1f |\n", l->ask_us);
}

static void md(FILE *f, const work *w)
{
    for (int k = 0; k < w->done; k++) {
        const cull_bench *b = w->bench[k];
        fprintf(f, "%s## %s\n\n%s. %lld designs, ", k ? "\n" : "", b->table->name, b->table->about,
                (long long)b->designs);
        if (b->front)
            fprintf(f,
                    "%lld in the front, the reference point (%g, %g); %d seeds. Regret is the "
                    "share of the front's volume that is missing",
                    (long long)b->front, b->reference[0], b->reference[1], b->seeds);
        else
            fprintf(f, "the best %g; %d seeds. Regret in %s", b->best, b->seeds, b->table->unit);
        fputs(", smaller is better, with its 95 % interval; gain over random search, with Welch's "
              "p.\n\n| method |",
              f);
        for (int j = 0; j < b->budgets; j++) fprintf(f, " at %lld |", (long long)b->at[j]);
        for (int j = 0; j < b->budgets; j++) fprintf(f, " gain at %lld |", (long long)b->at[j]);
        fputs(" test | us an ask |\n|---|", f);
        for (int j = 0; j < 2 * b->budgets + 2; j++) fputs("---|", f);
        putc('\n', f);
        for (int i = 0; i < b->lines; i++)
            if (!*b->line[i].why) md_line(f, b, &b->line[i]);
        putc('\n', f);
        for (int i = 0; i < b->lines; i++)
            if (*b->line[i].why) fprintf(f, "- not %s: %s\n", b->line[i].name, b->line[i].why);
    }
}

static void json_cell(const cull_bench *b, const cull_bench_line *l, int j)
{
    const cull_bench_cell *e = &l->cell[j];
    const struct {
        const char *name;
        double v;
    } is[] = {{"regret", e->regret}, {"lo", e->lo},     {"hi", e->hi},
              {"test", e->test},     {"gain", e->gain}, {"p", e->p}};
    printf("%s{\"at\":%lld", j ? "," : "", (long long)b->at[j]);
    for (int i = 0; i < COUNT(is); i++)
        printf(",\"%s\":", is[i].name), say_json_number(stdout, is[i].v);
    putchar('}');
}

static void json(const work *w)
{
    putchar('[');
    for (int k = 0; k < w->done; k++) {
        const cull_bench *b = w->bench[k];
        printf("%s{\"table\":", k ? "," : ""), say_json(stdout, b->table->name);
        printf(",\"unit\":"), say_json(stdout, b->table->unit);
        printf(",\"designs\":%lld,\"seeds\":%d,\"best\":", (long long)b->designs, b->seeds);
        say_json_number(stdout, b->best);
        if (b->front) {
            printf(",\"front\":%lld,\"reference\":[", (long long)b->front);
            say_json_number(stdout, b->reference[0]), putchar(',');
            say_json_number(stdout, b->reference[1]), putchar(']');
        }
        fputs(",\"methods\":[", stdout);
        for (int i = 0; i < b->lines; i++) {
            const cull_bench_line *l = &b->line[i];
            printf("%s{\"method\":", i ? "," : ""), say_json(stdout, l->name);
            if (*l->why) {
                fputs(",\"why_not\":", stdout), say_json(stdout, l->why), putchar('}');
                continue;
            }
            fputs(",\"ask_us\":", stdout), say_json_number(stdout, l->ask_us);
            fputs(",\"cells\":[", stdout);
            for (int j = 0; j < b->budgets; j++) json_cell(b, l, j);
            fputs("]}", stdout);
        }
        fputs("]}", stdout);
    }
    puts("]");
}

static int write_file(cli *c, const work *w, const char *path, out_form as)
{
    FILE *f = fopen(path, "w");
    if (!f) return fail(c, FAILED, "%s: cannot write: %s", path, strerror(errno));
    if (as == FORM_CSV)
        csv(f, w);
    else
        md(f, w);
    bool bad = ferror(f);
    if (fclose(f) || bad) return fail(c, FAILED, "%s: cannot write: %s", path, strerror(errno));
    return DONE;
}

static int show(cli *c, const work *w)
{
    bool out = !c->outs && !c->json;
    for (int i = 0; i < c->outs; i++)
        if (strcmp(c->out[i], "-"))
            TRY(write_file(c, w, c->out[i], w->form[i]));
        else
            out = true;
    progress_end();
    if (c->json)
        json(w);
    else if (out && isatty(STDOUT_FILENO))
        md(stdout, w);
    else if (out)
        tsv(stdout, w);
    return flush_out(c);
}

/* ---- the runs ---- */

/* With no table named, those that are not here are passed over. */
static int run_table(cli *c, work *w, const cull_bench_table *t)
{
    cull_bench *b;
    cull_status s = cull_bench_search(c->cx, t->name, &w->o, &b);
    if (s == CULL_ENODATA && c->inputs == 1) {
        progress_end();
        talk(c, "not %s: %s", t->name, cull_error(c->cx));
        return DONE;
    }
    if (s == CULL_ENODATA) return fail(c, NO_DATA, "%s", cull_error(c->cx));
    TRY(check(c, s));
    w->bench[w->done++] = b;
    progress_end();
    for (int i = 0; i < b->lines; i++)
        if (*b->line[i].why) talk(c, "%s: not %s: %s", t->name, b->line[i].name, b->line[i].why);
    return DONE;
}

static int list(cli *c)
{
    for (int i = 0; i < cull_bench_count(); i++) {
        const cull_bench_table *t = cull_bench_at(i);
        printf("%s\t%s\t%s\t%s\n", t->name, t->unit, *t->file ? t->file : "-", t->about);
    }
    return flush_out(c);
}

/* The tables themselves, a line of JSON each. */
static int dump(cli *c, const work *w)
{
    if (c->outs || c->json) return fail(c, USAGE, "--dump writes to standard output alone");
    for (int i = 0; i < w->tables; i++) {
        char *text;
        cull_status s = cull_bench_json(c->cx, w->table[i]->name, value_of(c, "data", NULL), &text);
        if (s == CULL_ENODATA && c->inputs == 1) continue;
        if (s == CULL_ENODATA) return fail(c, NO_DATA, "%s", cull_error(c->cx));
        TRY(check(c, s));
        puts(text);
        cull_text_free(text);
    }
    return flush_out(c);
}

static int bench(cli *c, work *w)
{
    if (strcmp(c->input[0], "search"))
        return fail(c, USAGE, "there is no bench of '%s'; the one there is: cull bench search",
                    c->input[0]);
    if (has(c, "list")) {
        if (c->json) return fail(c, USAGE, "--list has nothing to say as JSON");
        return list(c);
    }
    TRY(read_options(c, w));
    if (has(c, "dump")) return dump(c, w);
    for (int i = 0; i < w->tables; i++) TRY(run_table(c, w, w->table[i]));
    return show(c, w);
}

int run_bench(cli *c)
{
    work *w = calloc(1, sizeof *w);
    int rc = w ? bench(c, w) : fail(c, FAILED, "out of memory");
    for (int i = 0; w && i < w->done; i++) cull_bench_free(w->bench[i]);
    for (int i = 0; w && i < METHODS; i++) {
        cull_opts_free(w->opts[i]);
        free(w->name[i]);
    }
    free(w);
    return rc;
}

/* micro3.c - cull micro3: the table of 125 small nets, made or summed up. */
#include "cull/micro3.h"
#include "cli.h"
#include "job.h"

#include <stdlib.h>
#include <string.h>

static void say_json_summary(const cull_micro3_table *t, const cull_micro3_summary *s)
{
    char name[64];
    const struct {
        const char *what;
        double v;
    } is[] = {{"best_accuracy", s->best_mean},
              {"random_accuracy", s->random},
              {"random_regret", s->best_mean - s->random},
              {"seed_deviation", s->deviation},
              {"seed_widest", s->widest},
              {"seed_kendall", s->kendall},
              {"macs_kendall", s->kendall_macs}};
    printf("{\"architectures\":%d,\"seeds\":%d,\"note\":", cull_micro3_count(), t->seeds);
    say_json(stdout, t->note);
    fputs(",\"best\":", stdout);
    say_json(stdout, cull_micro3_name(s->best, name));
    for (int i = 0; i < COUNT(is); i++) {
        printf(",\"%s\":", is[i].what);
        say_json_number(stdout, is[i].v);
    }
    puts("}");
}

static void say_summary(const cull_micro3_table *t, const cull_micro3_summary *s)
{
    char name[64];
    const cull_micro3_row *r = &t->row[s->best];
    printf("architectures  %d, seeds %d\n", cull_micro3_count(), t->seeds);
    printf("best           %s: accuracy %.2f %%, %lld parameters, %.0f multiply-adds\n",
           cull_micro3_name(s->best, name), 100 * s->best_mean, (long long)r->params, r->macs);
    printf("random pick    accuracy %.2f %%, regret %.2f points\n", 100 * s->random,
           100 * (s->best_mean - s->random));
    if (t->seeds > 1)
        printf("seeds          deviation %.2f points, widest %.2f; Kendall tau between two %.3f\n",
               100 * s->deviation, 100 * s->widest, s->kendall);
    printf("multiply-adds  Kendall tau with accuracy %.3f\n", s->kendall_macs);
}

static int sum_up(cli *c, const cull_micro3_table *t)
{
    cull_micro3_summary s;
    TRY(check(c, cull_micro3_sum(c->cx, t, &s)));
    progress_end();
    if (c->json)
        say_json_summary(t, &s);
    else
        say_summary(t, &s);
    return flush_out(c);
}

static int make(cli *c, int seeds, cull_micro3_table *t)
{
    cull_micro3_data d;
    double began = seconds_now();
    cull_status s = cull_micro3_data_open(c->cx, value_of(c, "data-dir", NULL), &d);
    if (s == CULL_ENODATA) return fail(c, NO_DATA, "%s", cull_error(c->cx));
    TRY(check(c, s));
    s = cull_micro3_run(c->cx, &d, seeds, CULL_MICRO3_EPOCHS, t);
    cull_micro3_data_free(&d);
    TRY(check(c, s));
    double passed = seconds_now() - began;
    int n = seeds * cull_micro3_count();
    talk(c, "%d trainings in %.0f s, %.2f/s", n, passed, n / passed);
    return DONE;
}

static int read_or_make(cli *c, cull_micro3_table *t)
{
    double seeds;
    if (c->inputs) {
        if (c->outs || has(c, "seeds") || has(c, "data-dir"))
            return fail(c, USAGE,
                        "micro3 sums up '%s', and takes -o, --seeds and --data-dir where it makes "
                        "a table",
                        c->input[0]);
        TRY(check(c, cull_micro3_read(c->cx, c->input[0], t)));
        return sum_up(c, t);
    }
    if (c->outs > 1) return fail(c, USAGE, "micro3 writes one table, and -o is given twice");
    const char *out = c->outs ? c->out[0] : c->json ? NULL : "-";
    TRY(one_stdout(c));
    TRY(number_of(c, "seeds", 3, 1, CULL_MICRO3_SEEDS, true, &seeds));
    if (out) TRY(check_writable(c, out));
    TRY(make(c, (int)seeds, t));
    progress_end();
    if (out) TRY(check(c, cull_micro3_write(c->cx, t, out)));
    return out && !strcmp(out, "-") ? DONE : sum_up(c, t);
}

int run_micro3(cli *c)
{
    cull_micro3_table *t = calloc(1, sizeof *t);
    int rc = t ? read_or_make(c, t) : fail(c, FAILED, "out of memory");
    free(t);
    return rc;
}

/* plan.c - what a run would do, hold and take, as lines or as JSON. */
#include "plan.h"
#include "cull/text.h"

#include <string.h>

/* The value of an option as JSON has it. */
static void say_value(const cull_opt *o, const char *text)
{
    if (o->kind == CULL_KIND_ENUM)
        say_json(stdout, text);
    else
        fputs(text, stdout);
}

static void say_policy_json(const planned *p)
{
    char buf[64];
    const char *comma = "";
    printf(",\"models\":%d,\"classes\":%d,\"options\":{", p->rows->models, p->rows->classes);
    for (const cull_opt *o = p->m->opts; o->name; o++, comma = ",") {
        printf("%s\"%s\":", comma, o->name);
        say_value(o, cull_opts_get(p->opts, o->name, buf, sizeof buf));
    }
    printf("},\"work\":{");
    for (int i = 0; i < p->policy->works; i++)
        printf("%s\"%s\":%.15g", i ? "," : "", p->policy->work[i].what, p->policy->work[i].n);
    printf("},\"tried\":%lld,\"refused\":", (long long)p->policy->tried);
    if (*p->policy->refused)
        say_json(stdout, p->policy->refused);
    else
        printf("null");
    printf(",\"reads\":");
    say_json(stdout, p->reads);
    printf(",\"writes\":");
    say_json(stdout, p->writes);
}

static void say_as_json(const planned *p)
{
    const cull_estimate *e = &p->e;
    printf("{\"method\":\"%s\",\"rows\":%lld,\"dim\":%lld,\"bytes\":%llu,\"passes\":%.1f",
           p->m->slug, (long long)e->rows, (long long)e->dim, (unsigned long long)e->bytes,
           e->passes);
    if (p->timed) printf(",\"seconds\":%.3f", e->read + e->features + e->choose);
    if (p->policy) say_policy_json(p);
    puts("}");
}

static void say_policy(const planned *p)
{
    char buf[64];
    printf("options  ");
    for (const cull_opt *o = p->m->opts; o->name; o++)
        printf(" %s=%s", o->name, cull_opts_get(p->opts, o->name, buf, sizeof buf));
    puts("");
    for (int i = 0; i < p->policy->works; i++)
        printf("%s %.15g %s%s", i ? "," : "work     ", p->policy->work[i].n,
               p->policy->work[i].what, i + 1 < p->policy->works ? "" : "\n");
}

int say_plan(cli *c, const planned *p)
{
    char a[32];
    const cull_estimate *e = &p->e;
    bool columns = p->m->task == CULL_TASK_FEATURE, data = p->m->task == CULL_TASK_DATA;
    progress_end();
    if (c->json) {
        say_as_json(p);
        return flush_out(c);
    }
    printf("method    %s\n", p->m->slug);
    if (p->reads) printf("reads     %s\n", p->reads);
    printf("rows      %lld\n", (long long)e->rows);
    if (e->targets) printf("target    %lld\n", (long long)e->targets);
    if (p->rows) printf("models    %d\n", p->rows->models);
    if (p->rows && p->rows->classes) printf("classes   %d\n", p->rows->classes);
    if (e->dim && columns)
        printf("columns   %lld\n", (long long)e->dim);
    else if (e->dim)
        printf("features  %lld numbers a row%s\n", (long long)e->dim,
               e->makes_features ? ", made from the text" : "");
    if (e->budget) printf("budget    %s of %s\n", e->budget, e->cost_unit);
    if (p->policy) say_policy(p);
    printf("passes    %.0f over the %s\n", e->passes, data ? "pool" : "table");
    if (p->writes) printf("writes    %s\n", p->writes);
    printf("memory    about %s\n", cull_format_bytes(e->bytes, a));
    if (p->policy && *p->policy->refused)
        printf("note      %lld of the rows alone are refused: %s\n", (long long)p->policy->tried,
               p->policy->refused);
    if (!p->timed) return flush_out(c);
    printf("time      about %.1f s: %.1f s to read, ", e->read + e->features + e->choose, e->read);
    if (data) printf("%.1f s for features, ", e->features);
    printf("%.1f s for %s\n", e->choose, p->m->slug);
    return flush_out(c);
}

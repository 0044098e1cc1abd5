/* reproduce.c - cull reproduce: a paper's claim, checked here. */
#include "cli.h"
#include "cull/claim.h"
#include "cull/text.h"

#include <math.h>
#include <string.h>

static const cull_claim *find(const char *slug, const char **near)
{
    const char *names[256];
    int n = cull_claim_count();
    for (int i = 0; i < n && i < 256; i++) {
        const cull_claim *k = cull_claim_at(i);
        if (cull_same_name(k->slug, slug)) return k;
        names[i] = k->slug;
    }
    *near = cull_nearest(slug, names, n < 256 ? n : 256);
    return NULL;
}

static void say_interval(double lo, double hi)
{
    if (isnan(lo)) return;
    printf("\t%.4f\t%.4f", lo, hi);
}

static void say(const cull_claim_result *r)
{
    printf("claim\t%s\nsetting\t%s\nseeds\t%d\n", r->claim->claim, r->claim->setting, r->seeds);
    for (int i = 0; i < r->lines; i++) {
        const cull_claim_line *l = &r->line[i];
        printf("%s\t%s\t%s %g\t%.4f", l->holds ? "holds" : "fails", l->what,
               l->below ? "at most" : "at least", l->threshold, l->value);
        say_interval(l->lo, l->hi);
        puts("");
    }
    for (int i = 0; i < r->figures; i++) {
        printf("figure\t%s\t%.4f", r->figure[i].what, r->figure[i].value);
        say_interval(r->figure[i].lo, r->figure[i].hi);
        puts("");
    }
    if (r->note && *r->note) printf("note\t%s\n", r->note);
    printf("seconds\t%.1f\n%s\n", r->seconds, r->reached ? "reached" : "not reached");
}

static void number(const char *name, double v)
{
    printf(",\"%s\":", name), say_json_number(stdout, v);
}

static void json_say(const cull_claim_result *r)
{
    printf("{\"slug\":"), say_json(stdout, r->claim->slug);
    printf(",\"claim\":"), say_json(stdout, r->claim->claim);
    printf(",\"setting\":"), say_json(stdout, r->claim->setting);
    printf(",\"seeds\":%d,\"reached\":%s,\"lines\":[", r->seeds, r->reached ? "true" : "false");
    for (int i = 0; i < r->lines; i++) {
        const cull_claim_line *l = &r->line[i];
        printf("%s{\"what\":", i ? "," : ""), say_json(stdout, l->what);
        printf(",\"below\":%s,\"holds\":%s", l->below ? "true" : "false",
               l->holds ? "true" : "false");
        number("threshold", l->threshold), number("value", l->value);
        number("lo", l->lo), number("hi", l->hi);
        printf("}");
    }
    printf("],\"figures\":[");
    for (int i = 0; i < r->figures; i++) {
        printf("%s{\"what\":", i ? "," : ""), say_json(stdout, r->figure[i].what);
        number("value", r->figure[i].value), number("lo", r->figure[i].lo);
        number("hi", r->figure[i].hi);
        printf("}");
    }
    printf("],\"note\":"), say_json(stdout, r->note);
    number("seconds", r->seconds);
    puts("}");
}

int run_reproduce(cli *c)
{
    const char *near = NULL, *slug = c->input[0];
    const cull_claim *k = find(slug, &near);
    if (!k && near) return fail(c, USAGE, "there is no check '%s'; did you mean %s?", slug, near);
    if (!k)
        return fail(c, USAGE, "there is no check '%s'; the first of %d is %s", slug,
                    cull_claim_count(), cull_claim_count() ? cull_claim_at(0)->slug : "none");
    cull_claim_result r;
    cull_status s = cull_claim_run(c->cx, k->slug, value_of(c, "data", NULL), has(c, "quick"), &r);
    if (s == CULL_ENODATA) return fail(c, NO_DATA, "%s", cull_error(c->cx));
    TRY(check(c, s));
    progress_end();
    if (c->json)
        json_say(&r);
    else
        say(&r);
    TRY(flush_out(c));
    return r.reached ? DONE : NOT_REACHED;
}

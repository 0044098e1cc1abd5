/* papers.c - the papers behind cull, from docs/papers.csv. */
#include "cli.h"

static const struct {
    int number;
    const char *slug, *task, *title, *state;
} papers[] = {
#define X(n, slug, task, title, state) {n, slug, task, title, state},
#include "papers.inc"
#undef X
};

int run_papers(cli *c)
{
    if (!c->json) {
        for (int i = 0; i < COUNT(papers); i++)
            printf("%d\t%s\t%s\t%s\t%s\n", papers[i].number, papers[i].slug, papers[i].task,
                   papers[i].state, papers[i].title);
        return DONE;
    }
    for (int i = 0; i < COUNT(papers); i++) {
        printf("%s{\"number\":%d,\"slug\":", i ? ",\n " : "[", papers[i].number);
        say_json(stdout, papers[i].slug);
        fputs(",\"task\":", stdout), say_json(stdout, papers[i].task);
        fputs(",\"state\":", stdout), say_json(stdout, papers[i].state);
        fputs(",\"title\":", stdout), say_json(stdout, papers[i].title);
        fputs("}", stdout);
    }
    puts("]");
    return DONE;
}

/* list.c - name the methods. */
#include "cli.h"
#include "cull/text.h"

#include <stdlib.h>
#include <string.h>

static int catalogue(cli *c)
{
    size_t n = cull_catalogue_json(NULL, 0);
    char *s = malloc(n + 1);
    if (!s) return fail(c, FAILED, "out of memory");
    cull_catalogue_json(s, n + 1);
    puts(s);
    free(s);
    return DONE;
}

int run_list(cli *c)
{
    const char *tasks[CULL_TASKS];
    int want = -1;
    for (int t = 0; t < CULL_TASKS; t++) {
        tasks[t] = cull_task_name((cull_task)t);
        if (c->inputs && !strcmp(c->input[0], tasks[t])) want = t;
    }
    if (c->inputs && want < 0) {
        const char *near = cull_nearest(c->input[0], tasks, CULL_TASKS);
        char names[64];
        if (near)
            return fail(c, USAGE, "there is no task '%s'; did you mean %s?", c->input[0], near);
        return fail(c, USAGE, "there is no task '%s'; the tasks are: %s", c->input[0],
                    task_names(names));
    }
    if (c->json) return catalogue(c);
    for (int i = 0; i < cull_method_count(); i++) {
        const cull_method *m = cull_method_at(i);
        if (want < 0 || (int)m->task == want)
            printf("%s\t%s\t%s\n", cull_task_name(m->task), m->slug, m->title);
    }
    return DONE;
}

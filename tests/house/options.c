/* options.c - prints what tests/golden/options.txt holds: every option of every method with its kind,
 * default, bounds and the method's rev. A changed default is then a reviewed line. */
#include "cull/method.h"

#include <stdio.h>

int main(void)
{
    static const char *const kind[] = {"f64", "i64", "bool", "enum"};
    for (int i = 0; i < cull_method_count(); i++) {
        const cull_method *m = cull_method_at(i);
        printf("%s %s rev %d flags %u columns '%s' may '%s'\n", cull_task_name(m->task), m->slug,
               m->rev, m->flags, m->columns, m->may ? m->may : "");
        for (const cull_opt *o = m->opts; o->name; o++)
            printf("    %s %s %.17g [%.17g, %.17g] %s\n", o->name, kind[o->kind], o->def, o->lo,
                   o->hi, o->choices ? o->choices : "");
    }
    return 0;
}

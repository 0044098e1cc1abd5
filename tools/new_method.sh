#!/bin/sh
# A new method: writes src/method/TASK/SLUG.c and tests/method/SLUG.c. Both compile; the tests fail, each
# with what to do, until the method is right. usage: tools/new_method.sh TASK SLUG
set -eu
cd "$(dirname "$0")/.."
[ $# = 2 ] || { echo "usage: tools/new_method.sh TASK SLUG     for example: tools/new_method.sh data tarot" >&2; exit 2; }
task=$1 slug=$2
[ -e "src/task/$task.c" ] || { echo "new_method: there is no task '$task'; src/task has: $(ls src/task/*.c | sed 's,.*/\(.*\)\.c,\1,' | tr '\n' ' ')" >&2; exit 2; }
echo "$slug" | grep -Eqx '[a-z][a-z0-9]*(-[a-z0-9]+)*' || { echo "new_method: '$slug' is no slug: small letters, digits and single '-'" >&2; exit 2; }
name=$(echo "$slug" | tr - _)
TASK=$(echo "$task" | tr a-z A-Z)
src=src/method/$task/$name.c test=tests/method/$name.c
for f in "$src" "$test"; do [ ! -e "$f" ] || { echo "new_method: $f is there already" >&2; exit 1; }; done
mkdir -p "src/method/$task" tests/method
# what the tasks call their answer, their door, a table of theirs; then the oracle's own problem and what it keeps
case $task in
feature)
    pick=cull_feature_pick door=cull_feature_select kept=pick. example="--target y --budget 20 table.csv"
    problem='    const float at[] = {1, 0.5f, 3, 2, 0.25f, 1, 3, 0.75f, 0, 4, 0.5f, 3};
    const double y[] = {0, 1, 0, 1};
    cull_pool *x;
    ok(cx, cull_pool_from(cx, at, CULL_F32, 4, 3, &x));
    cull_feature_problem p = {.n = 4, .d = 3, .x = x, .y = y, .classes = 2, .budget = 2};'
    close='
    cull_pool_free(x);' what=columns
    ;;
*)
    pick=cull_pick door=cull_${task}_pick kept= example="--budget 2% pool.jsonl"
    problem="    const double cost[] = {1.37, 0.91, 2.03, 1.18};
    cull_${task}_problem p = {.n = 4, .cost = cost, .budget = 2.5};"
    close= what=rows
    ;;
esac

cat >"$src" <<END
/* $slug - 
 *
 * Chooses   
 * Idea      
 * Reads     
 * Deviates  
 * Cost      
 * Example   cull $task $slug $example
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/$task.h"

typedef struct {
    double factor;
} opts;
static const cull_opt table[] = {CULL_OPT_F64(opts, factor, 1, 0, 1e6, ""), CULL_OPT_END};

static cull_status run(cull_ctx *cx, const cull_${task}_problem *p, const void *o_, $pick *out)
{
    const opts *o = o_;
    (void)p, (void)o, (void)out;
    return cull__fail(cx, CULL_EINTERNAL, "$slug: run() in $src chooses nothing yet");
}

/* bytes that run() holds at its peak, passes over the pool, floating-point operations */
static void plan(const cull_${task}_problem *p, const void *o, int threads, cull_plan *out)
{
    (void)p, (void)o, (void)threads;
    *out = (cull_plan){0};
}

const cull_method cull__method_$name = {
    .slug = "$slug",
    .title = "",
    .paper = "",
    .columns = "",
    .task = CULL_TASK_$TASK,
    .rev = 1,
    .flags = 0,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.$task = run,
    .plan.$task = plan,
};
END
cat >"$test" <<END
/* $name.c - $slug against something that does not share its code: the paper's closed form, brute force
 * over every choice of a small problem, or numbers that another implementation gave. */
#include "test.h"

#include "cull/$task.h"

static void the_papers_own_example(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
$problem
    $pick k;
    ok(cx, $door(cx, cull_method_find("$slug", NULL), NULL, &p, &k));
    /* $what and scores worked out by hand, or by a few plain loops here */
    assert_int_equal(k.${kept}n, -1);
    ${pick}_free(&k);$close
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_papers_own_example)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
END
sed -i 's/ *$//' "$src"
cat <<END
wrote $src     the method: fill its head, its options, run() and the descriptor
wrote $test    its oracle: what the right answer is, found without the method
Next: give it its row in docs/papers.csv the state 'method', then
  make check                        what is left to do, test by test
  tools/golden.sh build --update    take it into tests/golden, once its options are settled
END

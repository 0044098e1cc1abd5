#!/bin/sh
# A method made by tools/new_method.sh compiles, and the tests refuse it until it is right. In a copy of
# the tree: written as made, then with a proper body. usage: new_method.sh SOURCE
set -eu
ls "$1"/tests/contract/*.c >/dev/null 2>&1 || { echo "there is no contract test in this tree"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/t"
for f in CMakeLists.txt cmake docs examples include layers.txt src tests tools CHANGELOG.md ARCHITECTURE.md CONTRIBUTING.md LICENSE NOTICE; do cp -r "$1/$f" "$tmp/t"; done
cd "$tmp/t"
fails() { echo "$*"; tail -n 40 "$tmp/log"; exit 1; }

for bad in "data" "nothing some-slug" "data Some_Slug" "data random"; do
    # shellcheck disable=SC2086
    if tools/new_method.sh $bad >"$tmp/log" 2>&1; then fails "new_method.sh $bad passed"; fi
done
tools/new_method.sh data dearest-first >"$tmp/log"
tools/new_method.sh feature widest-first >"$tmp/log"

build() {
    # as a release, so that a compiler cache has most of it
    { cmake -S . -B b -G Ninja -DCMAKE_BUILD_TYPE=Release &&
        cmake --build b -j 2 --target $(ls tests/contract/*.c | sed 's,.*/\(.*\)\.c,contract_\1,') method_dearest_first method_widest_first; } >"$tmp/log" 2>&1 || fails "it does not compile"
    if grep -q 'warning:' "$tmp/log"; then fails "it compiles with warnings"; fi
}
build
for name in dearest_first widest_first; do
    if ctest --test-dir b -R "^contract.$name" --output-on-failure >"$tmp/log" 2>&1; then fails "the contract test passes an empty method"; fi
    grep -q "$(echo $name | tr _ -)" "$tmp/log" || fails "the contract test does not name the method"
    if ctest --test-dir b -R "^method.$name" >"$tmp/log" 2>&1; then fails "the oracle test passes an empty method"; fi
done
if python3 tools/check_rules.py >"$tmp/log" 2>&1; then fails "check_rules passes an empty head comment"; fi

cat >src/method/data/dearest_first.c <<'END'
/* dearest-first - the dearest examples, as many as fit.
 *
 * Chooses   training examples by their cost alone.
 * Idea      Largest cost first; what no longer fits is passed over.
 * Reads     the cost of each example.
 * Deviates  -
 * Cost      O(n) time, 24 n bytes.
 * Example   cull data dearest-first --cost words --budget 2% pool.jsonl
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/data.h"

typedef struct {
    double factor;
} opts;
static const cull_opt table[] = {CULL_OPT_F64(opts, factor, 1, 0.001, 1e6, "factor on the score"),
                                 CULL_OPT_END};

static cull_status run(cull_ctx *cx, const cull_data_problem *p, const void *o_, cull_pick *out)
{
    const opts *o = o_;
    cull__taker t;
    int64_t *order;
    double *score;
    CULL_TRY(cull__taker_new(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, order, p->n));
    CULL_TRY(CULL_TMP(cx, score, p->n));
    CULL_TRY(cull__tick(cx, 0, 1));
    for (int64_t i = 0; i < p->n; i++) score[i] = o->factor * (p->cost ? p->cost[i] : 1);
    CULL_TRY(cull__order(cx, score, p->n, order));
    for (int64_t i = 0; i < p->n && !cull__taker_full(&t); i++)
        cull__take(&t, order[i], score[order[i]], -1);
    return cull__taker_pick(cx, &t, "", out);
}

static void plan(const cull_data_problem *p, const void *o, int threads, cull_plan *out)
{
    (void)o, (void)threads;
    *out = (cull_plan){cull__taker_plan(p) + 48 * (uint64_t)p->n, 1, 0};
}

const cull_method cull__method_dearest_first = {
    .slug = "dearest-first",
    .title = "the dearest examples, as many as fit",
    .paper = "nobody, never: a test",
    .columns = "",
    .task = CULL_TASK_DATA,
    .rev = 1,
    .flags = 0,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.data = run,
    .plan.data = plan,
};
END
cat >src/method/feature/widest_first.c <<'END'
/* widest-first - the columns whose first values are largest.
 *
 * Chooses   columns by their first row alone.
 * Idea      Largest value first; what no longer fits is passed over.
 * Reads     the first row.
 * Deviates  -
 * Cost      O(d) time and memory.
 * Example   cull feature widest-first --budget 20 table.csv
 */
#include "base/base.h"
#include "choose/choose.h"
#include "cull/feature.h"

#include <string.h>

typedef struct {
    double factor;
} opts;
static const cull_opt table[] = {CULL_OPT_F64(opts, factor, 1, 0.001, 1e6, "factor on the score"),
                                 CULL_OPT_END};

static cull_status run(cull_ctx *cx, const cull_feature_problem *p, const void *o_,
                       cull_feature_pick *out)
{
    const opts *o = o_;
    cull__taker t;
    double *score;
    float *row;
    CULL_TRY(cull__columns_taker(cx, p, &t));
    CULL_TRY(CULL_TMP(cx, score, p->d));
    CULL_TRY(CULL_TMP(cx, row, p->d));
    CULL_TRY(cull__tick(cx, 0, 1));
    const float *v = cull_pool_rows(p->x, 0, 1, row);
    for (int64_t c = 0; c < p->d; c++) score[c] = p->avoid && p->avoid[c] ? 0 : o->factor * v[c];
    CULL_TRY(cull__columns_best(cx, p, &t, score));
    return cull__columns_pick(cx, p, &t, &(cull__columns){.score = score, .score_is = "width"},
                              out);
}

static void plan(const cull_feature_problem *p, const void *o, int threads, cull_plan *out)
{
    (void)o, (void)threads;
    *out = (cull_plan){cull__columns_plan(p) + 20 * (uint64_t)p->d, 1, 0};
}

const cull_method cull__method_widest_first = {
    .slug = "widest-first",
    .title = "the columns whose first values are largest",
    .paper = "nobody, never: a test",
    .columns = "",
    .task = CULL_TASK_FEATURE,
    .rev = 1,
    .flags = CULL_TAKES_CATEGORIES,
    .opts = table,
    .opts_size = sizeof(opts),
    .run.feature = run,
    .plan.feature = plan,
};
END
echo '72,dearest-first,data,"Nothing of the Kind",method' >>docs/papers.csv
echo '73,widest-first,feature,"Nothing of That Kind Either",method' >>docs/papers.csv
# costs 1.37 0.91 2.03 1.18, budget 2.5: 2.03 first, then nothing fits but what costs at most 0.47
sed -i 's/assert_int_equal(k.n, -1);/assert_int_equal(k.n, 1);\n    assert_int_equal(k.idx[0], 2);/' tests/method/dearest_first.c
# first row 1 0.5 3, budget 2 of the three: 3 first
sed -i 's/assert_int_equal(k.pick.n, -1);/assert_int_equal(k.pick.n, 2);\n    assert_int_equal(k.pick.idx[0], 2);/' tests/method/widest_first.c
build
ctest --test-dir b -R '^(contract|method).(dearest|widest)_first' --no-tests=error --output-on-failure >"$tmp/log" 2>&1 || fails "a proper method is refused"
python3 tools/check_rules.py >"$tmp/log" 2>&1 || fails "check_rules refuses a proper method"
echo "an empty method is refused, a proper one passes"

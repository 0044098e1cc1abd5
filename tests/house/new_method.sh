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

build() {
    { cmake -S . -B b -G Ninja -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_C_FLAGS=-Werror -O1" &&
        cmake --build b -j 2 --target $(ls tests/contract/*.c | sed 's,.*/\(.*\)\.c,contract_\1,') method_dearest_first; } >"$tmp/log" 2>&1 || fails "it does not compile"
}
build
if ctest --test-dir b -R '^contract.dearest_first' --output-on-failure >"$tmp/log" 2>&1; then fails "the contract test passes an empty method"; fi
grep -q 'dearest-first' "$tmp/log" || fails "the contract test does not name the method"
if ctest --test-dir b -R '^method.dearest_first' >"$tmp/log" 2>&1; then fails "the oracle test passes an empty method"; fi
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
    double scale;
} opts;
static const cull_opt table[] = {CULL_OPT_F64(opts, scale, 1, 0.001, 1e6, "factor on the score"),
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
    for (int64_t i = 0; i < p->n; i++) score[i] = o->scale * (p->cost ? p->cost[i] : 1);
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
echo '72,dearest-first,data,"Nothing of the Kind",method' >>docs/papers.csv
# costs 1.37 0.91 2.03 1.18, budget 2.5: 2.03 first, then nothing fits but what costs at most 0.47
sed -i 's/assert_int_equal(k.n, -1);/assert_int_equal(k.n, 1);\n    assert_int_equal(k.idx[0], 2);/' tests/method/dearest_first.c
build
ctest --test-dir b -R '^contract.dearest_first|^method.dearest_first' --no-tests=error --output-on-failure >"$tmp/log" 2>&1 || fails "a proper method is refused"
python3 tools/check_rules.py >"$tmp/log" 2>&1 || fails "check_rules refuses a proper method"
echo "an empty method is refused, a proper one passes"

/* claim_trees: the check of trees that rank and prune a space, on tables made here. */
#include "claiming.h"

#include "score/trees.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *const folders[] = {"nasbench201", "macro"};
static const char *const files[] = {"nb201.csv", "nasbench_macro_cifar10.csv"};

static void path_of(int i, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", dir, folders[i]);
    (void)mkdir(path, 0700);
    snprintf(path, size, "%s/%s/%s", dir, folders[i], files[i]);
}

/* Each digit adds what it is worth, in steps of `step`; few designs are the best. */
static void make(int i, int digits, int base, double step)
{
    char path[160];
    int n = 1;
    path_of(i, path, sizeof path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, i ? "arch,mean_acc,acc0,acc1,acc2\n" : "arch,c10_val12\n");
    for (int k = 0; k < digits; k++) n *= base;
    for (int at = 0; at < n; at++) {
        double v = 70;
        char name[16] = {0};
        for (int k = digits - 1, rest = at; k >= 0; k--, rest /= base) {
            int digit = rest % base;
            name[k] = (char)('0' + digit);
            v += step * ((digit + k) % base) * (1 + 0.1 * k);
        }
        fprintf(f, i ? "%s,%.4f,1,2,3\n" : "%s,%.4f\n", name, v);
    }
    assert_int_equal(fclose(f), 0);
}

static int begin(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/claim_trees_XXXXXX");
    if (!mkdtemp(dir)) return -1;
    make(0, 6, 5, 0.5);
    make(1, 8, 3, 0.5);
    return 0;
}

static int end(void **state)
{
    char path[160];
    (void)state;
    for (int i = 0; i < 2; i++) {
        path_of(i, path, sizeof path);
        (void)unlink(path);
        *strrchr(path, '/') = 0;
        (void)rmdir(path);
    }
    return rmdir(dir);
}

/* Values add up, so trees find what is better than any draw, and what they leave out was worse. */
static void gbdt_nas(void **state)
{
    (void)state;
    if (!cull__boost_built()) skip();
    cull_claim_result r = keeps("gbdt-nas");
    fails_well("gbdt-nas", 40);
    assert_int_equal(r.lines, 7);
    assert_int_equal(r.figures, 2 * 5 + 3 * 5);
    for (int k = 0; k < 2; k++) { /* trees, networks, ridge, kernels, random */
        const cull_claim_figure *f = &r.figure[5 * k];
        assert_true(fabs(r.line[2 * k].value - (f[0].value - f[4].value)) < 1e-9);
        assert_true(fabs(r.line[2 * k + 1].value - (f[0].value - f[1].value)) < 1e-9);
        assert_true(r.line[2 * k].holds);
        /* sums are what a ridge learns: the best design of all */
        assert_true(fabs(f[2].value - (70 + 0.5 * 4 * (6 + 0.1 * 15))) < 1e-9);
    }
    for (int k = 0; k < 3; k++) { /* whole, pruned, share left, gain, whether the best is left */
        const cull_claim_figure *f = &r.figure[10 + 5 * k];
        assert_true(r.line[4 + k].value == 0 || r.line[4 + k].value > 33);
        /* six of 24 values, at most two of a parameter's three: (2/3)^6 down to (1/3)^3 */
        assert_true(f[2].value > 3.7 && f[2].value < 8.8);
        assert_true(f[3].value > 0.5 && f[4].value == 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gbdt_nas)};
    return cmocka_run_group_tests(tests, begin, end);
}

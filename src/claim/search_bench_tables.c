/* search_bench_tables.c - the tables of cull bench, and how each is read. See search_bench.h. */
#include "claim/search_bench.h"
#include "claim/search_table.h"
#include "cull/micro3.h"
#include "cull/pool.h"

#include <stdio.h>
#include <string.h>

/* ---- what there is ---- */

static const cull__search_file nb201_test = {
    .file = "nasbench201/nb201_test_mean.csv",
    .digits = 6,
    .base = 5,
    .columns = 3,
    .column = {"c10_test200", "c100_test200", "in16_test200"}};

static const cull__search_file nb201_flops = {.file = "nasbench201/nb201.csv",
                                              .digits = 6,
                                              .base = 5,
                                              .columns = 2,
                                              .costs = 1,
                                              .column = {"c10_val200", "flops_m"}};

/* An array (data set, setting, seed) of results, settings in the order of a space, whose mean over seeds counts. */
typedef struct {
    int sets, designs, seeds;
    bool errors; /* told are errors, that span decades; else shares that are right */
    const char *space;
} array_file;
/* Klein and Hutter 2019: feed-forward nets for regression. */
static const array_file fcnet = {4, 62208, 4, true,
                                 "activation1 = one(relu, tanh)\n"
                                 "activation2 = one(relu, tanh)\n"
                                 "batch = ordinal(8, 16, 32, 64)\n"
                                 "dropout1 = ordinal(0, 0.3, 0.6)\n"
                                 "dropout2 = ordinal(0, 0.3, 0.6)\n"
                                 "lr = ordinal(0.0005, 0.001, 0.005, 0.01, 0.05, 0.1)\n"
                                 "schedule = one(cosine, const)\n"
                                 "units1 = ordinal(16, 32, 64, 128, 256, 512)\n"
                                 "units2 = ordinal(16, 32, 64, 128, 256, 512)\n"};
/* Eggensperger et al. 2021, HPOBench: classifying nets; the place of each value on its grid. */
#define TEN "ordinal(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)\n"
static const array_file hpobench = {8, 30000, 5, false,
                                    "alpha = " TEN "batch = " TEN
                                    "depth = ordinal(0, 1, 2)\nlr = " TEN "width = " TEN};
#undef TEN

/* Gautier et al. 2016, Spector: circuits by high-level synthesis on a field-programmable gate array. Combinations that the
 * authors did not build, or that did not fit, have no row. */
static const char bfs_dense[] = "unroll = ordinal(1, 4, 6, 8, 10, 12, 16)\n"
                                "compute_units2 = ordinal(1, 2, 4, 8, 10)\n"
                                "simd = ordinal(2, 4, 8)\n"
                                "branch = one(0, 1)\n"
                                "mask_type = one(1, 2, 3)\n";
static const char dct[] = "block_dim_x = ordinal(8, 16, 32, 64)\n"
                          "block_dim_y = ordinal(8, 16, 32, 64)\n"
                          "manual_simd_type = one(0, 1)\n"
                          "manual_simd_size = ordinal(1, 2, 4)\n"
                          "block_size = ordinal(1, 2)\n"
                          "unroll = one(0, 1)\n"
                          "DCT_unroll = one(0, 1)\n"
                          "simd = ordinal(1, 2, 4, 8)\n"
                          "compute_units = ordinal(1, 2)\n";
static const char hist[] =
    "knob0 = ordinal(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)\n"
    "knob1 = ordinal(256, 257)\n"
    "knob2 = ordinal(1, 2, 4, 8, 16, 32, 64)\n"
    "knob3 = ordinal(1, 2, 4, 8, 16, 32, 64)\n"
    "knob4 = ordinal(1, 2, 4, 8)\n"
    "knob5 = one(0, 1)\n"
    "knob6 = ordinal(1, 2)\n";
static const char mergesort[] = "work_items = ordinal(1, 2, 4, 8, 16)\n"
                                "local_sort_log = ordinal(0, 2, 3, 4, 5, 7, 8)\n"
                                "local_use_ptr = one(0, 1)\n"
                                "enable_sort_2 = one(0, 1)\n"
                                "work_groups = ordinal(1, 2, 4, 8)\n"
                                "compute_units = ordinal(1, 2)\n"
                                "unroll = ordinal(1, 2, 4, 16)\n";
static const char mm[] = "block = ordinal(2, 4, 8, 16, 32)\n"
                         "sub_dim_x = ordinal(1, 2, 4, 8)\n"
                         "sub_dim_y = ordinal(1, 2, 4, 8)\n"
                         "manual_simd_x = ordinal(1, 2, 4, 8)\n"
                         "manual_simd_y = ordinal(1, 2, 4, 8)\n"
                         "simd = ordinal(1, 2, 4, 8)\n"
                         "compute_units = ordinal(1, 2, 4)\n"
                         "enable_unroll = one(0, 1)\n"
                         "unroll_factor = ordinal(2, 4, 8, 16, 32)\n";
static const char spmv[] = "block_dim = ordinal(1, 2, 4, 8, 16, 32, 64, 128, 256, 512)\n"
                           "compute_units = ordinal(1, 2, 3, 4)\n"
                           "unroll = ordinal(1, 2, 4, 8, 16, 32)\n"
                           "manual_simd_size = ordinal(1, 2, 4, 8, 16)\n";

typedef enum { MICRO3, DIGITS, ARRAY, LISTED, GRAPH } form;
static const struct recipe {
    cull_bench_table about;
    form form;
    const cull__search_file *value, *test; /* DIGITS; test NULL = none */
    const array_file *array;               /* ARRAY */
    int at;                                /* DIGITS: the column of both, the next one is the second
                                              objective; ARRAY: the data set */
    double reference[2];   /* of two objectives, as measured; 0, 0 = the table's worst */
    const char *space;     /* LISTED */
    const char *column[2]; /* GRAPH: of the value and the test */
    bool few;              /* GRAPH: five operations */
} recipes[] = {
#define FCNET(name, i)                                                                             \
    {                                                                                              \
        {"fcnet-" name, "validation error of nets, FCNet " name,                                   \
         "hpo_tables/fcnet_valmse_f32.npy", "log10", NULL},                                        \
            .form = ARRAY, .array = &fcnet, .at = i                                                \
    }
#define HPOBENCH(name, i)                                                                          \
    {                                                                                              \
        {"hpobench-" name, "balanced accuracy of nets, HPOBench " name,                            \
         "hpo_tables/hpobench_mlp_balacc_f32.npy", "points", NULL},                                \
            .form = ARRAY, .array = &hpobench, .at = i                                             \
    }
#define NB201(name, data, i)                                                                       \
    {                                                                                              \
        {"nb201-" name, "validation accuracy on " data "; test: mean of three trainings",          \
         "nasbench201/nb201.csv", "points", NULL},                                                 \
            .form = DIGITS, .value = &cull__nb201, .test = &nb201_test, .at = i                    \
    }
#define GRAPHS(name, data)                                                                         \
    {                                                                                              \
        {"nb-graph-" name, "validation accuracy of graph nets, NAS-Bench-Graph " name "; test",    \
         "nasbench_graph/nasbench_graph.csv", "points", NULL},                                     \
            .form = GRAPH, .column = {                                                             \
                data "_val",                                                                       \
                data "_test"                                                                       \
            }                                                                                      \
    }
#define SPECTOR(name, its_file, its_space)                                                         \
    {                                                                                              \
        {"spector-" name, "milliseconds of a circuit, Spector " name, "spector/" its_file ".csv",  \
         "log10", NULL},                                                                           \
            .form = LISTED, .space = its_space                                                     \
    }
    FCNET("naval", 0),
    FCNET("parkinsons", 1),
    FCNET("protein", 2),
    FCNET("slice", 3),
    HPOBENCH("australian", 0),
    HPOBENCH("blood-transfusion", 1),
    HPOBENCH("car", 2),
    HPOBENCH("credit-g", 3),
    HPOBENCH("kc1", 4),
    HPOBENCH("phoneme", 5),
    HPOBENCH("segment", 6),
    HPOBENCH("vehicle", 7),
    {{"micro3", "accuracy of 125 small nets in one training; test: in another", "", "points", NULL},
     .form = MICRO3},
    {{"nas-bench-macro", "accuracy on CIFAR-10, mean of three trainings",
      "macro/nasbench_macro_cifar10.csv", "points", NULL},
     .form = DIGITS,
     .value = &cull__macro},
    GRAPHS("arxiv", "arxiv"),
    GRAPHS("citeseer", "citeseer"),
    GRAPHS("computers", "computers"),
    GRAPHS("cora", "cora"),
    GRAPHS("cs", "cs"),
    GRAPHS("photo", "photo"),
    GRAPHS("physics", "physics"),
    {{"nb-graph-proteins", "validation score of graph nets, NAS-Bench-Graph proteins; test",
      "nasbench_graph/nasbench_graph_proteins.csv", "points", NULL},
     .form = GRAPH,
     .column = {"val", "test"},
     .few = true},
    GRAPHS("pubmed", "pubmed"),
    NB201("c10", "CIFAR-10", 0),
    NB201("c100", "CIFAR-100", 1),
    NB201("in16", "ImageNet16-120", 2),
#define SPECTOR_LOGIC(name, its_file, its_space)                                                   \
    {                                                                                              \
        {"spector-" name "-logic", "milliseconds and logic cells of a circuit, Spector " name,     \
         "spector/" its_file ".csv", "volume", "logic"},                                           \
            .form = LISTED, .space = its_space                                                     \
    }
    SPECTOR("bfs-dense", "bfs_dense", bfs_dense),
    SPECTOR("dct", "dct", dct),
    SPECTOR("hist", "hist", hist),
    SPECTOR("mergesort", "mergesort", mergesort),
    SPECTOR("mm", "mm", mm),
    SPECTOR("spmv", "spmv_500000", spmv),
    {{"nas-bench-macro-flops", "accuracy on CIFAR-10, mean of three trainings, and FLOPs",
      "macro/nasbench_macro_cifar10.csv", "volume", "flops"},
     .form = DIGITS,
     .value = &cull__macro_flops,
     .reference = {-85, 106e6}}, /* DyNAS-T's */
    {{"nb201-c10-flops", "validation accuracy on CIFAR-10 and millions of FLOPs",
      "nasbench201/nb201.csv", "volume", "flops"},
     .form = DIGITS,
     .value = &nb201_flops},
    SPECTOR_LOGIC("bfs-dense", "bfs_dense", bfs_dense),
    SPECTOR_LOGIC("dct", "dct", dct),
    SPECTOR_LOGIC("hist", "hist", hist),
    SPECTOR_LOGIC("mergesort", "mergesort", mergesort),
    SPECTOR_LOGIC("mm", "mm", mm),
    SPECTOR_LOGIC("spmv", "spmv_500000", spmv),
};
enum { TABLES = sizeof recipes / sizeof *recipes };

int cull_bench_count(void) { return TABLES; }

const cull_bench_table *cull_bench_at(int i)
{
    return i >= 0 && i < TABLES ? &recipes[i].about : NULL;
}

const cull_bench_table *cull_bench_find(const char *name, const char **near)
{
    const char *names[TABLES];
    for (int i = 0; i < TABLES; i++) {
        names[i] = recipes[i].about.name;
        if (cull__same_name(names[i], name)) return &recipes[i].about;
    }
    if (near) *near = cull__nearest(name, names, TABLES);
    return NULL;
}

cull_status cull__bench_named(cull_ctx *cx, const char *table, const cull_bench_table **t)
{
    const char *near = NULL;
    *t = cull_bench_find(table, &near);
    if (*t) return CULL_OK;
    if (near)
        return cull__fail(cx, CULL_EINPUT, "there is no table '%.60s'; did you mean %s?", table,
                          near);
    return cull__fail(cx, CULL_EINPUT, "there is no table '%.60s'; the first of %d is %s", table,
                      cull_bench_count(), cull_bench_at(0)->name);
}

/* ---- reading ---- */

static cull_status space_of(cull_ctx *cx, const char *text, cull__bench_problem *p)
{
    return cull_space_from(cx, text, strlen(text), p->about->name, &p->space);
}

static cull_status micro3(cull_ctx *cx, cull__bench_problem *p)
{
    char text[512];
    double *v;
    size_t n = 0;
    for (int e = 0; e < CULL_MICRO3_EDGES; e++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "e%d = one(", e + 1);
        for (int k = 0; k < CULL_MICRO3_OPS; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", k ? ", " : "",
                                  cull_micro3_op(k));
        n += (size_t)snprintf(text + n, sizeof text - n, ")\n");
    }
    CULL_TRY(CULL_TMP(cx, v, 2 * CULL_MICRO3_COUNT));
    for (int i = 0; i < CULL_MICRO3_COUNT; i++)
        for (int j = 0; j < 2; j++)
            v[j * CULL_MICRO3_COUNT + i] = cull__micro3_right[i][j] / 2000.0;
    p->value = v, p->test = v + CULL_MICRO3_COUNT, p->scale = 100;
    return space_of(cx, text, p);
}

static cull_status digits(cull_ctx *cx, const struct recipe *r, const char *dir,
                          cull__bench_problem *p)
{
    cull__search_table t, test;
    CULL_TRY(cull__search_table_open(cx, dir, r->value, &t));
    p->space = t.space, p->value = t.value[r->at], p->scale = 1;
    if (r->about.second) p->second = t.value[r->at + 1];
    if (!r->test) return CULL_OK;
    CULL_TRY(cull__search_table_open(cx, dir, r->test, &test));
    p->test = test.value[r->at];
    cull__search_table_close(&test);
    return CULL_OK;
}

static cull_status plane(cull_ctx *cx, const cull_array *a, const char *path,
                         const struct recipe *r, cull__bench_problem *p)
{
    const array_file *f = r->array;
    int64_t n = f->designs, seeds = f->seeds;
    double *v, *mean;
    if (a->ndim != 3 || a->shape[0] != f->sets || a->shape[1] != n || a->shape[2] != seeds)
        return cull__fail(cx, CULL_EINPUT, "%s: the shape must be (%d, %d, %d)", path, f->sets,
                          f->designs, f->seeds);
    CULL_TRY(CULL_TMP(cx, v, n * seeds));
    CULL_TRY(CULL_TMP(cx, mean, n));
    cull_array_f64(a, r->at * n * seeds, n * seeds, v);
    for (int64_t i = 0; i < n; i++) {
        mean[i] = 0;
        for (int64_t k = 0; k < seeds; k++) mean[i] += v[i * seeds + k] / (double)seeds;
    }
    p->value = mean, p->minimize = p->ratio = f->errors, p->scale = 100;
    return space_of(cx, f->space, p);
}

static cull_status array(cull_ctx *cx, const struct recipe *r, const char *dir,
                         cull__bench_problem *p)
{
    char path[512];
    cull_array a;
    CULL_TRY(cull__nas_path(cx, dir, r->about.file, path, sizeof path));
    CULL_TRY(cull_array_open(cx, path, NULL, &a));
    cull_status s = plane(cx, &a, path, r, p);
    cull_array_free(&a);
    return s;
}

static cull_status rows(cull_ctx *cx, const struct recipe *r, const char *dir,
                        cull__bench_problem *p)
{
    char path[512];
    CULL_TRY(cull__nas_path(cx, dir, r->about.file, path, sizeof path));
    if (r->form == LISTED)
        return cull__bench_listed(cx, path, r->space, "time_ms",
                                  r->about.second ? "logic_util" : NULL, p);
    return cull__bench_graph(cx, path, r->few, r->column[0], r->column[1], p);
}

cull_status cull__bench_open(cull_ctx *cx, const cull_bench_table *t, const char *dir,
                             cull__bench_problem *p)
{
    const struct recipe *r = NULL;
    for (int i = 0; i < TABLES; i++)
        if (&recipes[i].about == t) r = &recipes[i];
    *p = (cull__bench_problem){.about = t};
    if (!r) return cull__fail(cx, CULL_EINTERNAL, "a table that is not listed");
    if (!dir) dir = "/usr/share/datasets";
    memcpy(p->reference, r->reference, sizeof p->reference);
    switch (r->form) {
    case MICRO3: CULL_TRY(micro3(cx, p)); break;
    case DIGITS: CULL_TRY(digits(cx, r, dir, p)); break;
    case ARRAY: CULL_TRY(array(cx, r, dir, p)); break;
    case LISTED:
    case GRAPH: CULL_TRY(rows(cx, r, dir, p)); break;
    }
    return cull__bench_ready(cx, p);
}

/* clang-format off */
const uint16_t cull__micro3_right[125][2] = {
    {203, 203}, {203, 203}, {203, 203}, {203, 203}, {203, 203},
    {1291, 1268}, {1291, 1268}, {1293, 1269}, {1293, 1269}, {1291, 1268},
    {1396, 1389}, {1396, 1389}, {1398, 1385}, {1398, 1385}, {1396, 1389},
    {1489, 1480}, {1489, 1480}, {1485, 1487}, {1485, 1487}, {1489, 1480},
    {1257, 1252}, {1257, 1252}, {1261, 1278}, {1261, 1278}, {1257, 1252},
    {203, 203}, {1291, 1268}, {1382, 1282}, {1467, 1470}, {1257, 1252},
    {1291, 1268}, {1289, 1267}, {1379, 1355}, {1479, 1483}, {1309, 1209},
    {1396, 1389}, {1354, 1310}, {1393, 1306}, {1480, 1452}, {1409, 1320},
    {1489, 1480}, {1477, 1468}, {1467, 1473}, {1471, 1462}, {1500, 1460},
    {1257, 1252}, {1309, 1209}, {1422, 1381}, {1508, 1481}, {1246, 1254},
    {203, 203}, {1380, 1287}, {1313, 1366}, {1498, 1485}, {1424, 1450},
    {1291, 1268}, {1356, 1327}, {1372, 1423}, {1547, 1510}, {1415, 1392},
    {1396, 1389}, {1390, 1357}, {1394, 1380}, {1520, 1484}, {1426, 1416},
    {1489, 1480}, {1470, 1426}, {1446, 1464}, {1511, 1487}, {1506, 1464},
    {1257, 1252}, {1390, 1352}, {1396, 1411}, {1495, 1511}, {1433, 1451},
    {203, 203}, {1514, 1467}, {1470, 1503}, {1542, 1532}, {1510, 1531},
    {1291, 1268}, {1459, 1420}, {1460, 1466}, {1549, 1538}, {1482, 1419},
    {1396, 1389}, {1485, 1461}, {1490, 1486}, {1554, 1547}, {1464, 1462},
    {1489, 1480}, {1522, 1489}, {1534, 1519}, {1553, 1509}, {1487, 1492},
    {1257, 1252}, {1459, 1450}, {1482, 1495}, {1543, 1551}, {1495, 1472},
    {203, 203}, {1257, 1252}, {1384, 1354}, {1443, 1444}, {1286, 1316},
    {1291, 1268}, {1309, 1209}, {1407, 1386}, {1507, 1456}, {1284, 1227},
    {1396, 1389}, {1409, 1320}, {1424, 1399}, {1476, 1473}, {1423, 1345},
    {1489, 1480}, {1500, 1460}, {1432, 1467}, {1473, 1501}, {1506, 1469},
    {1257, 1252}, {1246, 1254}, {1399, 1376}, {1492, 1447}, {1284, 1269}};
/* clang-format on */

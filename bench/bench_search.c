/* bench_search.c - what methods of task search cost by themselves, and how good they are on tables.
 *
 *   bench_search ask [METHOD ...]   microseconds of an ask and tell, up to 100, 1000, 10000 trials
 *   bench_search nsga2              a generation of 1000 at three objectives: asks, tells, boundary
 *   bench_search zdt1               NSGA-II, 100 x 250 on ZDT1: milliseconds, volume in (1.1, 1.1)
 *   bench_search table CSV COLUMN[+...] METHOD EVALS SEEDS [--again] [--workers N] [OPTION=VALUE]
 *
 * table: CSV has a column `arch` of digits, a parameter each, and every combination of them; COLUMN
 * is maximised, several are objectives. Prints the mean best of the first column over seeds 1 ..
 * SEEDS, its standard error, the mean of all evaluated, and the mean rank (0 = best) of the last
 * evaluated design of each objective. Times are of the processor. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cull/front.h"
#include "cull/search.h"

static void must(cull_ctx *cx, cull_status s)
{
    if (s == CULL_OK) return;
    fprintf(stderr, "bench_search: %s\n", cull_error(cx));
    exit(1);
}

static double now(void) { return (double)clock() / CLOCKS_PER_SEC; }

static cull_ctx *ctx(uint64_t seed)
{
    cull_ctx_opts o = CULL_CTX_OPTS;
    o.threads = 1, o.seed = seed;
    return cull_ctx_new(&o);
}

static cull_space *space_of(cull_ctx *cx, const char *text)
{
    cull_space *s;
    must(cx, cull_space_from(cx, text, strlen(text), "bench", &s));
    return s;
}

static const cull_objective least[3] = {{"one", false}, {"two", false}, {"three", false}};
static const cull_objective most[3] = {{"one", true}, {"two", true}, {"three", true}};

static const cull_method *method(const char *slug)
{
    const cull_method *m = cull_method_find(slug, NULL);
    if (!m || m->task != CULL_TASK_SEARCH) {
        fprintf(stderr, "bench_search: no method '%s' of task search\n", slug);
        exit(2);
    }
    return m;
}

static void tell(cull_ctx *cx, cull_study *s, int64_t number, const double *v)
{
    must(cx, cull_study_tell(s, number, &(cull_outcome){.state = CULL_TRIAL_DONE, .value = v}));
}

/* ---- ask and tell ---- */
static const char mixed[] =
    "a = real(0, 1)\nb = real(0, 1)\nc = real(0, 1)\nd = real(1e-5, 1, log)\n"
    "e = real(1e-5, 1, log)\nf = int(0, 100)\ng = int(1, 1000)\nh = int(16, 256, log)\n"
    "i = one(u, v, w)\nj = one(u, v, w, x, y)\n";

static void ask_one(const char *slug)
{
    cull_ctx *cx = ctx(1);
    cull_space *sp = space_of(cx, mixed);
    cull_search_problem p = {.space = sp, .objectives = 1, .objective = least};
    if (!strcmp(slug, "nsga3")) p.objectives = 3;
    cull_study *s;
    must(cx, cull_study_open(cx, &p, method(slug), NULL, NULL, &s));
    printf("%s", slug);
    for (int64_t n = 0, from = 0, upto = 100; upto <= 10000; from = upto, upto *= 10) {
        double t = now();
        for (; n < upto; n++) {
            cull_trial k;
            must(cx, cull_study_ask(s, &k));
            double v[3] = {0};
            for (int j = 0; j < 10; j++)
                for (int i = 0; i < p.objectives; i++) v[i] += sin(k.x[j] + i);
            tell(cx, s, k.number, v);
        }
        printf(",%.2f", 1e6 * (now() - t) / (double)(upto - from));
    }
    printf("\n");
    fflush(stdout);
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

static void ask(int n, char **slugs)
{
    printf("method,us_to_100,us_to_1000,us_to_10000\n");
    for (int i = 0; i < n; i++) ask_one(slugs[i]);
    for (int i = 0; i < cull_method_count() && !n; i++)
        if (cull_method_at(i)->task == CULL_TASK_SEARCH) ask_one(cull_method_at(i)->slug);
}

/* ---- NSGA-II ---- */
static char *many(int n)
{
    static char text[4096];
    text[0] = 0;
    for (int i = 0; i < n; i++) sprintf(text + strlen(text), "x%d = real(0, 1)\n", i);
    return text;
}

static cull_study *breeding(cull_ctx *cx, cull_search_problem *p, const char *population)
{
    cull_opts *o;
    cull_study *s;
    must(cx, cull_opts_new(cx, method("nsga2"), &o));
    must(cx, cull_opts_set(cx, o, "population", population));
    must(cx, cull_study_open(cx, p, method("nsga2"), o, NULL, &s));
    cull_opts_free(o);
    return s;
}

static void nsga2(void)
{
    enum { P = 1000, D = 12, G = 12 };
    cull_ctx *cx = ctx(1);
    cull_space *sp = space_of(cx, many(D));
    cull_search_problem p = {.space = sp, .objectives = 3, .objective = least};
    cull_study *s = breeding(cx, &p, "1000");
    double asks = 0, tells = 0, edge = 0;
    for (int g = 0; g < G; g++)
        for (int k = 0; k < P; k++) {
            cull_trial t;
            double at = now(), x[D], v[3], r = 1;
            must(cx, cull_study_ask(s, &t));
            asks += now() - at;
            memcpy(x, t.x, sizeof x);
            for (int j = 2; j < D; j++) r += (x[j] - 0.5) * (x[j] - 0.5);
            v[0] = r * cos(x[0] * acos(0)) * cos(x[1] * acos(0));
            v[1] = r * cos(x[0] * acos(0)) * sin(x[1] * acos(0)), v[2] = r * sin(x[0] * acos(0));
            at = now();
            tell(cx, s, t.number, v);
            *(k == P - 1 ? &edge : &tells) += now() - at;
        }
    printf("asks_us,tells_us,boundary_ms\n%.2f,%.2f,%.3f\n", 1e6 * asks / (G * P),
           1e6 * tells / (G * P), 1e3 * edge / G);
    cull_study_free(s);
    cull_space_free(sp);
    cull_ctx_free(cx);
}

static void zdt1(void)
{
    enum { N = 100 * 250, D = 30 };
    static double value[N * 2];
    printf("seed,ms,volume\n");
    for (uint64_t seed = 1; seed <= 5; seed++) {
        cull_ctx *cx = ctx(seed);
        cull_space *sp = space_of(cx, many(D));
        cull_search_problem p = {.space = sp, .objectives = 2, .objective = least};
        double t0 = now(), ref[2] = {1.1, 1.1}, volume;
        cull_study *s = breeding(cx, &p, "100");
        for (int k = 0; k < N; k++) {
            cull_trial t;
            double g = 1, *v = value + 2 * k;
            must(cx, cull_study_ask(s, &t));
            for (int j = 1; j < D; j++) g += 9 * t.x[j] / (D - 1);
            v[0] = t.x[0], v[1] = g * (1 - sqrt(v[0] / g));
            tell(cx, s, t.number, v);
        }
        t0 = now() - t0;
        must(cx, cull_front_volume(cx, value, N, 2, ref, &volume, NULL));
        printf("%d,%.1f,%.5f\n", (int)seed, 1e3 * t0, volume);
        cull_study_free(s);
        cull_space_free(sp);
        cull_ctx_free(cx);
    }
}

/* ---- tables ---- */
typedef struct {
    int digits, base, columns;
    int64_t n;
    double *value[3]; /* by the number that arch is */
} table;

static int cells(char *line, char **cell)
{
    int n = 0;
    line[strcspn(line, "\r\n")] = 0;
    for (char *at = line; at && n < 256; n++) {
        cell[n] = at;
        at = strchr(at, ',');
        if (at) *at++ = 0;
    }
    return n;
}

static table read_table(const char *path, char *columns)
{
    table t = {0};
    static char line[65536], head[65536];
    char *cell[256], *name[256];
    int arch = -1, at[3] = {-1, -1, -1};
    FILE *f = fopen(path, "r");
    if (!f || !fgets(head, sizeof head, f)) exit((perror(path), 1));
    int n = cells(head, name);
    for (char *c = strtok(columns, "+"); c && t.columns < 3; c = strtok(NULL, "+"), t.columns++)
        for (int i = 0; i < n; i++)
            if (!strcmp(name[i], c)) at[t.columns] = i;
    for (int i = 0; i < n; i++)
        if (!strcmp(name[i], "arch")) arch = i;
    for (int pass = 0; pass < 2; pass++) {
        rewind(f);
        if (!fgets(line, sizeof line, f)) exit(1);
        while (fgets(line, sizeof line, f)) {
            int64_t id = 0;
            if (cells(line, cell) < n || arch < 0 || at[0] < 0)
                exit((fprintf(stderr, "%s: no such columns\n", path), 1));
            t.digits = (int)strlen(cell[arch]);
            for (char *d = cell[arch]; *d; d++) {
                if (!pass && *d - '0' >= t.base) t.base = *d - '0' + 1;
                id = id * t.base + (*d - '0');
            }
            for (int j = 0; j < t.columns && pass; j++) t.value[j][id] = atof(cell[at[j]]);
        }
        t.n = (int64_t)llround(pow(t.base, t.digits));
        for (int j = 0; j < t.columns && !pass; j++)
            t.value[j] = calloc((size_t)t.n, sizeof(double));
    }
    fclose(f);
    return t;
}

typedef struct {
    double best, mean, rank, seconds;
} outcome;

static void look_up(const table *t, const double *x, double *v)
{
    int64_t id = 0;
    for (int j = 0; j < t->digits; j++) id = id * t->base + (int64_t)x[j];
    for (int j = 0; j < t->columns; j++) v[j] = t->value[j][id];
}

static outcome run(const table *t, const cull_method *m, int64_t evals, int workers, bool again,
                   uint64_t seed, int n, char **set)
{
    cull_ctx *cx = ctx(seed);
    char text[8192] = "";
    cull_opts *o;
    cull_study *s;
    cull_trial k;
    for (int j = 0; j < t->digits; j++) {
        sprintf(text + strlen(text), "p%d = one(", j);
        for (int i = 0; i < t->base; i++)
            sprintf(text + strlen(text), "%s%c", i ? ", " : "", 'a' + i);
        strcat(text, ")\n");
    }
    cull_space *sp = space_of(cx, text);
    cull_search_problem p = {.space = sp,
                             .objectives = t->columns,
                             .objective = most,
                             .trials = evals,
                             .again = again ? CULL_AGAIN_PAID : CULL_AGAIN_NEVER};
    must(cx, cull_opts_new(cx, m, &o));
    for (int i = 0; i < n; i++) {
        char name[64];
        char *eq = strchr(set[i], '=');
        if (!eq) exit((fprintf(stderr, "bench_search: %s is no OPTION=VALUE\n", set[i]), 2));
        snprintf(name, sizeof name, "%.*s", (int)(eq - set[i]), set[i]);
        must(cx, cull_opts_set(cx, o, name, eq + 1));
    }
    double at = now(), v[3], last[3] = {0};
    outcome r = {.best = -INFINITY};
    must(cx, cull_study_open(cx, &p, m, o, NULL, &s));
    int64_t running[64];
    for (int64_t done = 0, out = 0, head = 0; done < evals; done++) {
        while (out < evals && out - done < workers) {
            must(cx, cull_study_ask(s, &k));
            running[out++ % workers] = k.number;
        }
        must(cx, cull_study_trial(s, running[head++ % workers], &k));
        look_up(t, k.x, v);
        r.best = fmax(r.best, v[0]), r.mean += v[0] / (double)evals;
        if (done >= evals - t->columns)
            last[done - evals + t->columns] = v[done - evals + t->columns];
        tell(cx, s, k.number, v);
    }
    r.seconds = now() - at;
    for (int j = 0; j < t->columns; j++)
        for (int64_t i = 0; i < t->n; i++)
            r.rank += (t->value[j][i] > last[j]) / (double)t->columns;
    cull_study_free(s);
    cull_opts_free(o);
    cull_space_free(sp);
    cull_ctx_free(cx);
    return r;
}

static int on_table(int argc, char **argv)
{
    if (argc < 5) return 2;
    table t = read_table(argv[0], argv[1]);
    int64_t evals = atoll(argv[3]);
    int seeds = atoi(argv[4]), n = 0, workers = 1;
    bool again = false;
    for (int i = 5; i < argc; i++) {
        if (!strcmp(argv[i], "--again"))
            again = true;
        else if (!strcmp(argv[i], "--workers") && i + 1 < argc)
            workers = atoi(argv[++i]);
        else
            argv[5 + n++] = argv[i];
    }
    if (workers < 1 || workers > 64) return 2;
    double best = 0, square = 0, mean = 0, rank = 0, seconds = 0;
    for (int seed = 1; seed <= seeds; seed++) {
        outcome r = run(&t, method(argv[2]), evals, workers, again, (uint64_t)seed, n, argv + 5);
        best += r.best / seeds, square += r.best * r.best / seeds;
        mean += r.mean / seeds, rank += r.rank / seeds, seconds += r.seconds / seeds;
    }
    printf("%s,%d evals,%d seeds,best %.4f,sem %.4f,mean %.3f,last rank %.1f,us %.2f\n", argv[2],
           (int)evals, seeds, best, sqrt(fmax(0, square - best * best) / (seeds - 1.0)), mean, rank,
           1e6 * seconds / (double)evals);
    for (int j = 0; j < t.columns; j++) free(t.value[j]);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "ask"))
        ask(argc - 2, argv + 2);
    else if (!strcmp(what, "nsga2"))
        nsga2();
    else if (!strcmp(what, "zdt1"))
        zdt1();
    else if (strcmp(what, "table") || on_table(argc - 2, argv + 2)) {
        fprintf(stderr, "usage: bench_search ask [METHOD ...] | nsga2 | zdt1 | table CSV "
                        "COLUMN[+...] METHOD EVALS "
                        "SEEDS [--again] [--workers N] [OPTION=VALUE ...]\n");
        return 2;
    }
    return 0;
}

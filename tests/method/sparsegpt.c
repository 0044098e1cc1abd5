/* sparsegpt: against the paper's algorithm written out in double, on layers whose inputs depend on one another; its error below that of
 * magnitude and wanda on each; stored the other way; what is refused. */
#include "tensors.h"

#include "base/base.h"
#include "cull/weights.h"

enum { OUTS = 48, INS = 150, SAMPLES = 400, LAYERS = 3, BLOCK = 128 };
static const char *const names[LAYERS] = {"model.layers.0.mlp.up_proj.weight",
                                          "model.layers.0.self_attn.q_proj.weight",
                                          "model.layers.1.mlp.up_proj.weight"};
/* Each layer's inputs: as they are drawn, with two that are always 0, of very different sizes. */
typedef struct {
    float w[LAYERS][OUTS * INS];
    double h[LAYERS][INS * INS];
} layers;

static void fill(layers *f)
{
    static float x[SAMPLES][INS];
    for (int l = 0; l < LAYERS; l++) {
        cull_rng r = cull__rng_seeded(17, (uint64_t)l);
        for (int i = 0; i < OUTS * INS; i++) f->w[l][i] = (float)cull__rng_normal(&r);
        for (int s = 0; s < SAMPLES; s++)
            for (int i = 0; i < INS; i++)
                x[s][i] = (float)(cull__rng_normal(&r) + (i ? 0.8 * x[s][i - 1] : 0) + 0.2);
        for (int s = 0; s < SAMPLES; s++)
            for (int i = 0; i < INS; i++) {
                if (l == 1 && (i == 5 || i == 140)) x[s][i] = 0;
                if (l == 2) x[s][i] *= (float)(1 + i % 7);
            }
        memset(f->h[l], 0, sizeof f->h[l]);
        for (int s = 0; s < SAMPLES; s++)
            for (int i = 0; i < INS; i++)
                for (int k = 0; k < INS; k++) f->h[l][i * INS + k] += (double)x[s][i] * x[s][k];
        for (int i = 0; i < INS * INS; i++) f->h[l][i] = (float)f->h[l][i]; /* as files are read */
    }
}

/* ---- the algorithm ---- */

/* u upper with u^T u = (h + damping)^-1: by elimination, and column by column. */
static void factor(const double *gram, double damping, double u[INS][INS], bool *dead)
{
    static double a[INS][2 * INS];
    double mean = 0;
    int live = 0;
    for (int i = 0; i < INS; i++) {
        dead[i] = gram[i * INS + i] == 0;
        mean += gram[i * INS + i];
        live += !dead[i];
    }
    mean /= live;
    for (int i = 0; i < INS; i++)
        for (int k = 0; k < INS; k++) {
            a[i][k] = gram[i * INS + k] + (i == k ? dead[i] ? mean : damping * mean : 0);
            a[i][k] /= mean;
            a[i][INS + k] = i == k;
        }
    for (int p = 0; p < INS; p++) {
        double by = a[p][p];
        for (int k = 0; k < 2 * INS; k++) a[p][k] /= by;
        for (int i = 0; i < INS; i++) {
            double f = a[i][p];
            for (int k = 0; i != p && k < 2 * INS; k++) a[i][k] -= f * a[p][k];
        }
    }
    memset(u, 0, sizeof(double) * INS * INS);
    for (int i = 0; i < INS; i++)
        for (int k = i; k < INS; k++) {
            double sum = a[i][INS + k];
            for (int p = 0; p < i; p++) sum -= u[p][i] * u[p][k];
            u[i][k] = i == k ? sqrt(sum) : sum / u[i][i];
        }
}

typedef struct {
    double cost;
    int at;
} ranked;
static int cheapest(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->cost < y->cost   ? -1
           : x->cost > y->cost ? 1
                               : y->at - x->at; /* of equal ones the last */
}

/* The cheapest `gone` of n. */
static void drop(ranked *r, int n, int gone, bool *keep)
{
    qsort(r, (size_t)n, sizeof *r, cheapest);
    for (int i = 0; i < n; i++) keep[r[i].at] = i >= gone;
}

static void prune(const float *from, const double *gram, double sparsity, int n, int m, double *w)
{
    static double u[INS][INS];
    static bool keep[OUTS * INS], dead[INS];
    static ranked r[OUTS * INS];
    int block = m ? BLOCK / m * m : BLOCK;
    factor(gram, 0.01, u, dead);
    for (int i = 0; i < OUTS * INS; i++) w[i] = dead[i % INS] ? 0 : (double)from[i];
    for (int b = 0; b < INS; b += block) {
        int e = b + block < INS ? b + block : INS, count = 0;
        for (int o = 0; o < OUTS && !m; o++)
            for (int c = b; c < e; c++)
                r[count++] = (ranked){fabs(w[o * INS + c]) / u[c][c], o * INS + c};
        if (!m) drop(r, count, (int)floor(sparsity * count), keep);
        for (int o = 0; o < OUTS; o++)
            for (int c = b; c < e; c++) {
                int here = e - c < m ? e - c : m;
                if (m && (c - b) % m == 0) {
                    for (int i = 0; i < here; i++)
                        r[i] =
                            (ranked){fabs(w[o * INS + c + i]) / u[c + i][c + i], o * INS + c + i};
                    drop(r, here, here > n ? here - n : 0, keep);
                }
                if (keep[o * INS + c]) continue;
                double error = w[o * INS + c] / u[c][c];
                for (int k = c; k < INS; k++) w[o * INS + k] -= error * u[c][k];
                w[o * INS + c] = 0;
            }
    }
}

/* |(v - w) X|^2 */
static double loss(const float *w, const float *v, const double *gram)
{
    double sum = 0;
    for (int o = 0; o < OUTS; o++)
        for (int i = 0; i < INS; i++)
            for (int k = 0; k < INS; k++)
                sum += (double)(v[o * INS + i] - w[o * INS + i]) * gram[i * INS + k] *
                       (double)(v[o * INS + k] - w[o * INS + k]);
    return sum;
}

/* ---- runs ---- */

static void write_layers(cull_ctx *cx, const layers *f, bool across)
{
    static tensors model, stats;
    tensors_clear(&model), tensors_clear(&stats);
    for (int l = 0; l < LAYERS; l++) {
        char name[TENSOR_NAME];
        float *x = tensors_add(&model, names[l], "F32", across ? INS : OUTS, across ? OUTS : INS);
        for (int i = 0; i < OUTS * INS; i++) x[across ? i % INS * OUTS + i / INS : i] = f->w[l][i];
        snprintf(name, sizeof name, "%.*s.gram", (int)strlen(names[l]) - 7, names[l]);
        x = tensors_add(&stats, name, "F64", INS, INS);
        for (int i = 0; i < INS * INS; i++) x[i] = (float)f->h[l][i];
        snprintf(name, sizeof name, "%.*s.sumsq", (int)strlen(names[l]) - 7, names[l]);
        x = tensors_add(&stats, name, "F32", INS, 0);
        for (int i = 0; i < INS; i++) x[i] = (float)f->h[l][i * INS + i];
    }
    tensors_write(cx, &model, in_dir("model.safetensors"), NULL);
    tensors_write(cx, &stats, in_dir("stats.safetensors"), NULL);
    tensors_clear(&model), tensors_clear(&stats);
}

static cull_status try_run(cull_ctx *cx, const char *slug, const char *const *opt)
{
    const cull_method *m = cull_method_find(slug, NULL);
    cull_checkpoint *ck, *act;
    cull_opts *o;
    ok(cx, cull_opts_new(cx, m, &o));
    for (; *opt; opt += 2) ok(cx, cull_opts_set(cx, o, opt[0], opt[1]));
    ok(cx, cull_checkpoint_open(cx, in_dir("model.safetensors"), &ck));
    ok(cx, cull_checkpoint_open(cx, in_dir("stats.safetensors"), &act));
    const cull_checkpoint *const model[] = {ck};
    const cull_weights_problem p = {.model = model, .models = 1, .activations = act};
    cull_status s = cull_weights_run(cx, m, o, &p, in_dir("out.safetensors"), NULL);
    cull_checkpoint_free(ck);
    cull_checkpoint_free(act);
    cull_opts_free(o);
    return s;
}

static void result(cull_ctx *cx, int l, float *x)
{
    cull_checkpoint *ck;
    ok(cx, cull_checkpoint_open(cx, in_dir("out.safetensors"), &ck));
    ok(cx,
       cull_checkpoint_read(cx, ck, cull_checkpoint_find(ck, names[l], NULL), 0, OUTS * INS, x));
    cull_checkpoint_free(ck);
}

static const struct {
    const char *opt[5];
    double sparsity;
    int n, m;
} trials[] = {{{"sparsity", ".5"}, .5, 0, 0},
              {{"sparsity", ".83"}, .83, 0, 0},
              {{"n", "2", "m", "4"}, 0, 2, 4},
              {{"n", "3", "m", "7"}, 0, 3, 7}};
enum { TRIALS = sizeof trials / sizeof *trials };

static layers made;

static void the_algorithm(void **state)
{
    (void)state;
    static double want[OUTS * INS];
    static float got[OUTS * INS];
    cull_ctx *cx = cull_ctx_new(NULL);
    write_layers(cx, &made, false);
    for (int k = 0; k < TRIALS; k++) {
        ok(cx, try_run(cx, "sparsegpt", trials[k].opt));
        for (int l = 0; l < LAYERS; l++) {
            result(cx, l, got);
            prune(made.w[l], made.h[l], trials[k].sparsity, trials[k].n, trials[k].m, want);
            for (int i = 0; i < OUTS * INS; i++)
                if ((got[i] == 0) != (want[i] == 0) || fabs(got[i] - want[i]) > 2e-5)
                    fail_msg("%s, trial %d [%d]: %.9g, not %.9g", names[l], k, i, (double)got[i],
                             want[i]);
        }
    }
    cull_ctx_free(cx);
}

static void less_is_lost(void **state)
{
    (void)state;
    static float got[OUTS * INS];
    static const char *const slugs[] = {"sparsegpt", "wanda", "magnitude"};
    cull_ctx *cx = cull_ctx_new(NULL);
    write_layers(cx, &made, false);
    for (int k = 0; k < TRIALS; k++) {
        double lost[3][LAYERS];
        for (int s = 0; s < 3; s++) {
            ok(cx, try_run(cx, slugs[s], trials[k].opt));
            for (int l = 0; l < LAYERS; l++) {
                result(cx, l, got);
                lost[s][l] = loss(made.w[l], got, made.h[l]);
            }
        }
        for (int l = 0; l < LAYERS; l++)
            for (int s = 1; s < 3; s++)
                if (lost[0][l] >= lost[s][l])
                    fail_msg("%s, trial %d: %g, %s loses %g", names[l], k, lost[0][l], slugs[s],
                             lost[s][l]);
    }
    cull_ctx_free(cx);
}

/* The same numbers, stored (inputs, outputs), and by any number of threads. */
static void the_other_way(void **state)
{
    (void)state;
    static float want[LAYERS][OUTS * INS], got[OUTS * INS];
    static const char *const plain[] = {NULL}, *const across[] = {"transposed", "yes", NULL};
    for (int threads = 1; threads < 4; threads++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        write_layers(cx, &made, threads > 1);
        ok(cx, try_run(cx, "sparsegpt", threads > 1 ? across : plain));
        for (int l = 0; l < LAYERS; l++) {
            result(cx, l, threads > 1 ? got : want[l]);
            for (int i = 0; threads > 1 && i < OUTS * INS; i++)
                if (got[i % INS * OUTS + i / INS] != want[l][i])
                    fail_msg("%s [%d], %d threads", names[l], i, threads);
        }
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

static void refusals(void **state)
{
    (void)state;
    static const char *const plain[] = {NULL};
    static layers odd;
    cull_ctx *cx = cull_ctx_new(NULL);
    odd = made;
    odd.h[1][7 * INS + 7] = -1;
    write_layers(cx, &odd, false);
    refused(cx, try_run(cx, "sparsegpt", plain), CULL_EINPUT, "is no Gram matrix X^T X: row 7");
    odd = made;
    odd.h[2][9 * INS + 3] *= 2;
    write_layers(cx, &odd, false);
    refused(cx, try_run(cx, "sparsegpt", plain), CULL_EINPUT, "is no Gram matrix X^T X: row 9");
    odd.h[2][9 * INS + 3] = NAN;
    write_layers(cx, &odd, false);
    refused(cx, try_run(cx, "sparsegpt", plain), CULL_EINPUT, "row 9 is not finite");
    for (int i = 0; i < INS; i++) /* one input twice as large to the others as it is to itself */
        odd.h[2][9 * INS + i] = odd.h[2][i * INS + 9] = made.h[2][9 * INS + i] * (i == 9 ? .01 : 1);
    write_layers(cx, &odd, false);
    refused(cx, try_run(cx, "sparsegpt", plain), CULL_EINPUT, "is no Gram matrix");
    write_layers(cx, &made, true);
    refused(cx, try_run(cx, "sparsegpt", plain), CULL_EINPUT, "of the 48 inputs of");
    cull_ctx_free(cx);
}

static int begin(void **state)
{
    fill(&made);
    return make_dir(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_algorithm),
                                       cmocka_unit_test(less_is_lost),
                                       cmocka_unit_test(the_other_way), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, begin, drop_dir);
}

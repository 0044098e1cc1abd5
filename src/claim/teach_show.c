/* teach-show's check: which exemplars a prompt shows matters more than what its instruction says.
 *
 * (a) The model is a stand-in that shows how strategies rank: of a query, the exemplars vote by exp(-squared distance /
 * temperature). Fashion-MNIST, the middle 24 x 24 pixels brought to 8 x 8, from 0 to 16; pool 300, 100 to validate on, 1000
 * test images. The temperature alone was set for this data, on 60 seeds that are not reported: of 20, 100, 400, 1000 and 3000
 * it is the least at which random search gained .08 with 10 and with 20 exemplars there. At 20, where the nearest exemplar decides
 * nearly alone, it gained .08 and .06; what it gains on the reported seeds is among the figures.
 *
 * (b) The model is a transformer that was trained to learn in context (teach_learner.h). A seed of the check is several tasks;
 * a task has 60 examples to show, 60 to validate on, 200 to test on. Exemplars are searched behind the instruction that names
 * no rule; both are by the two stages of cull_prompt_search, within the same 32 validations; instructions alone need
 * no more than one for each of the nine there are. Two learners are trained, from different weights and on rules of their
 * own; seeds take them in turn. */
#include "claim/teach_show.h"
#include "cull/prompt.h"

#include <math.h>
#include <string.h>

enum { MOST = 64, BUDGET = 32 };

/* ---- (a) soft nearest exemplars ---- */
enum { POOL = 300, VAL = 100, TESTS = 1000, SMALL = 8, PIXELS = SMALL * SMALL };
enum { SIDE = CULL__FASHION_SIDE, CLASSES = 10 };

int32_t cull__soft_nearest(const float *far, const int32_t *label, const int64_t *exemplar,
                           int64_t k, double temperature)
{
    double vote[CLASSES] = {0};
    float least = INFINITY;
    int32_t best = 0;
    for (int64_t i = 0; i < k; i++) least = fminf(least, far[exemplar[i]]);
    for (int64_t i = 0; i < k; i++)
        vote[label[exemplar[i]]] += exp((double)(least - far[exemplar[i]]) / temperature);
    for (int32_t c = 1; c < CLASSES; c++)
        if (vote[c] > vote[best]) best = c;
    return best;
}

typedef struct {
    float *pool;           /* (POOL, PIXELS) */
    float *far[2];         /* of validation and test rows to the pool */
    int32_t *y, *asked[2]; /* labels of the pool, of validation and test rows */
    double temperature;
} nearest;

static void shrink(const float *image, float *row)
{
    for (int i = 0; i < PIXELS; i++) {
        const float *at = image + (2 + i / SMALL * 3) * SIDE + 2 + i % SMALL * 3;
        float sum = 0;
        for (int k = 0; k < 9; k++) sum += at[k / 3 * SIDE + k % 3];
        row[i] = sum * (16.f / (9 * 255));
    }
}

/* n images of p, and their labels. */
static void take(const cull_pool *p, const int32_t *label, const int64_t *row, int64_t n, float *x,
                 int32_t *y)
{
    float image[SIDE * SIDE];
    for (int64_t i = 0; i < n; i++) {
        shrink(cull_pool_rows(p, row[i], row[i] + 1, image), x + i * PIXELS);
        y[i] = label[row[i]];
    }
}

static void distances(const float *x, int64_t n, const float *pool, float *far)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < POOL; j++) {
            float sum = 0;
            for (int k = 0; k < PIXELS; k++) {
                float by = x[i * PIXELS + k] - pool[j * PIXELS + k];
                sum += by * by;
            }
            far[i * POOL + j] = sum;
        }
}

static cull_status shuffled(cull_ctx *cx, cull_rng *r, int64_t n, int64_t **row)
{
    CULL_TRY(CULL_TMP(cx, *row, n));
    for (int64_t i = 0; i < n; i++) (*row)[i] = i;
    cull__rng_shuffle(r, *row, n);
    return CULL_OK;
}

static cull_status draw_images(cull_ctx *cx, const cull__images *im, nearest *m)
{
    static const int64_t size[2] = {VAL, TESTS};
    cull_rng r = cull__rng(cx, 4310);
    int64_t *row[2];
    float *x;
    if (cull_pool_n(im->train) < POOL + VAL || cull_pool_n(im->test) < TESTS)
        return cull__fail(cx, CULL_EINPUT, "%s: there must be %d images, and %d to test on",
                          cull_pool_name(im->train), POOL + VAL, TESTS);
    CULL_TRY(shuffled(cx, &r, cull_pool_n(im->train), &row[0]));
    CULL_TRY(shuffled(cx, &r, cull_pool_n(im->test), &row[1]));
    CULL_TRY(CULL_TMP(cx, m->pool, POOL * PIXELS));
    CULL_TRY(CULL_TMP(cx, m->y, POOL));
    CULL_TRY(CULL_TMP(cx, x, TESTS * PIXELS));
    take(im->train, im->y, row[0], POOL, m->pool, m->y);
    for (int i = 0; i < 2; i++) {
        CULL_TRY(CULL_TMP(cx, m->far[i], size[i] * POOL));
        CULL_TRY(CULL_TMP(cx, m->asked[i], size[i]));
        take(i ? im->test : im->train, i ? im->test_y : im->y, i ? row[1] : row[0] + POOL, size[i],
             x, m->asked[i]);
        distances(x, size[i], m->pool, m->far[i]);
    }
    return CULL_OK;
}

static cull_status ask_nearest(cull_ctx *cx, void *user, const cull_prompt_query *q, int64_t n,
                               float *score)
{
    const nearest *m = user;
    (void)cx;
    for (int64_t i = 0; i < n; i++) {
        int set = q[i].set == CULL_PROMPT_TEST;
        score[i] = cull__soft_nearest(m->far[set] + q[i].row * POOL, m->y, q[i].exemplar, q[i].k,
                                      m->temperature) == m->asked[set][q[i].row];
    }
    return CULL_OK;
}

static double accuracy_of(const nearest *m, const int64_t *exemplar, int64_t k)
{
    int64_t right = 0;
    for (int64_t i = 0; i < TESTS; i++)
        right += cull__soft_nearest(m->far[1] + i * POOL, m->y, exemplar, k, m->temperature) ==
                 m->asked[1][i];
    return (double)right / TESTS;
}

/* One search with the product's own code; its test accuracy. */
static cull_status search(cull_ctx *cx, const cull_prompt_problem *p, const cull_prompt_model *m,
                          cull_prompt_strategy strategy, int64_t k, double *accuracy)
{
    cull_prompt_opts o = CULL_PROMPT_OPTS;
    cull_prompt_result r;
    o.strategy = strategy, o.k = k, o.budget = BUDGET, o.draws = 0, o.batch = 512;
    o.race = false; /* so that 32 prompts are tried, and not as many as their calls would pay for */
    CULL_TRY(cull_prompt_search(cx, p, m, &o, &r));
    *accuracy = r.test.mean;
    cull_prompt_result_free(&r);
    return CULL_OK;
}

cull_status cull__teach_rank(cull_ctx *cx, const cull__images *im, int64_t k, double temperature,
                             double accuracy[CULL__RANKED])
{
    nearest m = {.temperature = temperature};
    cull_prompt_problem p = CULL_PROMPT_PROBLEM;
    const cull_prompt_model model = {.user = &m, .ask = ask_nearest};
    int64_t *centre;
    p.val = VAL, p.test = TESTS, p.pool = POOL;
    CULL_TRY(CULL_TMP(cx, centre, POOL));
    CULL_TRY(draw_images(cx, im, &m));
    CULL_TRY(search(cx, &p, &model, CULL_PROMPT_RANDOM, k, &accuracy[CULL__ONE_SET]));
    CULL_TRY(search(cx, &p, &model, CULL_PROMPT_SEARCH, k, &accuracy[CULL__DRAWN]));
    CULL_TRY(search(cx, &p, &model, CULL_PROMPT_MUTATE, k, &accuracy[CULL__MUTATED]));
    CULL_TRY(cull__claim_pick(cx, "k-centre", "metric=euclidean", m.pool, POOL, NULL, 0, PIXELS, k,
                              centre));
    accuracy[CULL__CENTRES] = accuracy_of(&m, centre, k);
    return CULL_OK;
}

enum { SIZES = 2 };
static const int64_t sizes[SIZES] = {10, 20};
static const double temperatures[] = {1000, 20}; /* lines are of the first */
typedef struct {
    double accuracy[2][SIZES][CULL__RANKED][MOST]; /* temperature, exemplars */
} ranking;

/* Each seed is cx's and those after it; its scratch is given back. */
typedef cull_status seed_fn(cull_ctx *cx, void *user, int seed);
static cull_status each_seed(cull_ctx *cx, int seeds, seed_fn *fn, void *user)
{
    uint64_t first = cull_ctx_seed(cx);
    cull_status s = CULL_OK;
    for (int i = 0; s == CULL_OK && i < seeds; i++) {
        cull__mark_t mark = cull__mark(cx);
        cull_ctx_reseed(cx, first + (uint64_t)i);
        s = cull__tick(cx, i, seeds);
        if (s == CULL_OK) s = fn(cx, user, i);
        cull__release(cx, mark);
    }
    cull_ctx_reseed(cx, first);
    return s;
}

typedef struct {
    const cull__images *im;
    ranking *out;
} rank_job;
static cull_status rank_each(cull_ctx *cx, void *user, int seed)
{
    const rank_job *job = user;
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < SIZES; i++) {
            double a[CULL__RANKED];
            cull__mark_t mark = cull__mark(cx);
            CULL_TRY(cull__teach_rank(cx, job->im, sizes[i], temperatures[t], a));
            for (int j = 0; j < CULL__RANKED; j++) job->out->accuracy[t][i][j][seed] = a[j];
            cull__release(cx, mark);
        }
    return CULL_OK;
}

static double share_of(const double *a, const double *b, int n, bool equal)
{
    int count = 0;
    for (int i = 0; i < n; i++) count += a[i] > b[i] || (equal && a[i] == b[i]);
    return (double)count / n;
}

static const char *const gains_drawn[SIZES] = {
    "(a) accuracy, random search above one random set, 10 exemplars",
    "(a) accuracy, random search above one random set, 20 exemplars"};
static const char *const gains_mutated[SIZES] = {
    "(a) accuracy, mutation above random search, 10 exemplars",
    "(a) accuracy, mutation above random search, 20 exemplars"};
static const char *const accuracy_of_rank[2][SIZES][CULL__RANKED] = {
    {{"(a) accuracy, 10 exemplars, one random set", "(a) accuracy, 10 exemplars, k-centre",
      "(a) accuracy, 10 exemplars, random search", "(a) accuracy, 10 exemplars, mutation"},
     {"(a) accuracy, 20 exemplars, one random set", "(a) accuracy, 20 exemplars, k-centre",
      "(a) accuracy, 20 exemplars, random search", "(a) accuracy, 20 exemplars, mutation"}},
    {{"(a) temperature 20, 10 exemplars, one random set",
      "(a) temperature 20, 10 exemplars, k-centre",
      "(a) temperature 20, 10 exemplars, random search",
      "(a) temperature 20, 10 exemplars, mutation"},
     {"(a) temperature 20, 20 exemplars, one random set",
      "(a) temperature 20, 20 exemplars, k-centre",
      "(a) temperature 20, 20 exemplars, random search",
      "(a) temperature 20, 20 exemplars, mutation"}}};
static const char *const shares[SIZES][2] = {
    {"(a) share of seeds at which random search beats one set, 10 exemplars",
     "(a) share of seeds at which mutation is no worse than random search, 10 exemplars"},
    {"(a) share of seeds at which random search beats one set, 20 exemplars",
     "(a) share of seeds at which mutation is no worse than random search, 20 exemplars"}};
static void tell_ranking(const ranking *a, int seeds, cull_claim_result *out)
{
    double v[MOST];
    for (int i = 0; i < SIZES; i++) {
        const double(*at)[MOST] = a->accuracy[0][i];
        for (int k = 0; k < seeds; k++) v[k] = at[CULL__DRAWN][k] - at[CULL__ONE_SET][k];
        cull__claim_line(out, gains_drawn[i], v, false, .08, false);
        for (int k = 0; k < seeds; k++) v[k] = at[CULL__MUTATED][k] - at[CULL__DRAWN][k];
        cull__claim_line(out, gains_mutated[i], v, false, .015, false);
    }
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < SIZES; i++)
            for (int j = 0; j < CULL__RANKED; j++)
                cull__claim_figure(out, accuracy_of_rank[t][i][j], a->accuracy[t][i][j]);
    for (int i = 0; i < SIZES; i++) {
        const double(*at)[MOST] = a->accuracy[0][i];
        cull__claim_add_figure(out, shares[i][0],
                               share_of(at[CULL__DRAWN], at[CULL__ONE_SET], seeds, false), NAN,
                               NAN);
        cull__claim_add_figure(out, shares[i][1],
                               share_of(at[CULL__MUTATED], at[CULL__DRAWN], seeds, true), NAN, NAN);
    }
}

static cull_status part_a(cull_ctx *cx, const char *dir, int seeds, cull_claim_result *out)
{
    cull__images im;
    ranking *a;
    CULL_TRY(CULL_TMP(cx, a, 1));
    CULL_TRY(cull__fashion_open(cx, dir, &im));
    rank_job job = {&im, a};
    cull_status s = each_seed(cx, seeds, rank_each, &job);
    cull__fashion_close(&im);
    CULL_TRY(s);
    tell_ranking(a, seeds, out);
    return CULL_OK;
}

/* ---- (b) a learner in context ---- */
enum { LEARNERS = 2, B_SEEDS = 5, TASKS = 8, SHOWN = 3 };
enum { B_POOL = 60, B_VAL = 60, B_TESTS = 200 };
static const cull__learner_opts learner_opts = {
    .layers = 4, .width = 128, .heads = 4, .steps = 600, .batch = 64};

typedef struct {
    cull__learner *learner;
    int32_t offset; /* an instruction's number among the learner's, less its number here */
    cull__example pool[B_POOL], val[B_VAL], test[B_TESTS];
} in_context;

static cull_status ask_in_context(cull_ctx *cx, void *user, const cull_prompt_query *q, int64_t n,
                                  float *score)
{
    in_context *m = user;
    cull__mark_t mark = cull__mark(cx);
    cull__teach_prompt *p;
    int32_t *label;
    CULL_TRY(CULL_TMP(cx, p, n));
    CULL_TRY(CULL_TMP(cx, label, n));
    for (int64_t i = 0; i < n; i++)
        p[i] = (cull__teach_prompt){.instruction = q[i].instruction + m->offset,
                                    .k = q[i].k,
                                    .shown = q[i].exemplar,
                                    .query = (q[i].set == CULL_PROMPT_TEST ? m->test : m->val) +
                                             q[i].row};
    CULL_TRY(cull__learner_ask(cx, m->learner, m->pool, p, n, label));
    for (int64_t i = 0; i < n; i++) score[i] = label[i] == p[i].query->y;
    cull__release(cx, mark);
    return CULL_OK;
}

static cull_status search_task(cull_ctx *cx, in_context *m, double accuracy[CULL__TAUGHT])
{
    const cull_prompt_model model = {.user = m, .ask = ask_in_context};
    cull_prompt_problem p = CULL_PROMPT_PROBLEM;
    p.val = B_VAL, p.test = B_TESTS, p.pool = B_POOL;
    m->offset = CULL__TEACH_SEED; /* the instruction that names no rule, alone */
    CULL_TRY(search(cx, &p, &model, CULL_PROMPT_NONE, SHOWN, &accuracy[CULL__NOTHING]));
    CULL_TRY(search(cx, &p, &model, CULL_PROMPT_RANDOM, SHOWN, &accuracy[CULL__ONE_SHOWN]));
    CULL_TRY(search(cx, &p, &model, CULL_PROMPT_SEARCH, SHOWN, &accuracy[CULL__SHOWN]));
    p.instructions = CULL__TEACH_INSTRUCTIONS, m->offset = 0;
    CULL_TRY(search(cx, &p, &model, CULL_PROMPT_NONE, SHOWN, &accuracy[CULL__TOLD]));
    return search(cx, &p, &model, CULL_PROMPT_SEARCH, SHOWN, &accuracy[CULL__BOTH]);
}

cull_status cull__teach_task(cull_ctx *cx, cull__learner *l, cull_rng *r,
                             double accuracy[CULL__TAUGHT])
{
    cull__mark_t mark = cull__mark(cx);
    const cull__rules *rules = cull__learner_rules(l);
    cull__task task;
    in_context *m;
    CULL_TRY(CULL_TMP0(cx, m, 1));
    m->learner = l;
    cull__task_draw(rules, r, &task);
    cull__examples_draw(rules, &task, r, B_POOL, m->pool);
    cull__examples_draw(rules, &task, r, B_VAL, m->val);
    cull__examples_draw(rules, &task, r, B_TESTS, m->test);
    CULL_TRY(search_task(cx, m, accuracy));
    cull__release(cx, mark);
    return CULL_OK;
}

typedef struct {
    cull__learner *learner[LEARNERS];
    double accuracy[CULL__TAUGHT][MOST];
} teaching;

/* The mean over a seed's tasks. */
static cull_status teach_each(cull_ctx *cx, void *user, int seed)
{
    teaching *w = user;
    cull_rng r = cull__rng(cx, 4320);
    for (int j = 0; j < CULL__TAUGHT; j++) w->accuracy[j][seed] = 0;
    for (int t = 0; t < TASKS; t++) {
        double a[CULL__TAUGHT];
        CULL_TRY(cull__tick(cx, t, TASKS));
        CULL_TRY(cull__teach_task(cx, w->learner[seed % LEARNERS], &r, a));
        for (int j = 0; j < CULL__TAUGHT; j++) w->accuracy[j][seed] += a[j] / TASKS;
    }
    return CULL_OK;
}

/* Learner i is trained by the seed of cx and i more, whatever the seeds of tasks are. */
static cull_status train_learners(cull_ctx *cx, cull__learner *learner[LEARNERS])
{
    uint64_t first = cull_ctx_seed(cx);
    cull_status s = CULL_OK;
    for (int i = 0; s == CULL_OK && i < LEARNERS; i++) {
        cull_ctx_reseed(cx, first + (uint64_t)i);
        s = cull__learner_new(cx, &learner_opts, &learner[i]);
    }
    cull_ctx_reseed(cx, first);
    return s;
}

static void tell_teaching(double accuracy[CULL__TAUGHT][MOST], int seeds, cull_claim_result *out)
{
    static const char *const figure[CULL__TAUGHT] = {
        "(b) accuracy, the seed instruction alone", "(b) accuracy, instruction search",
        "(b) accuracy, one random set of 3 exemplars",
        "(b) accuracy, exemplar search behind the seed instruction",
        "(b) accuracy, instruction search, then exemplar search"};
    double v[MOST], better[MOST];
    int far = 0, above = 0;
    for (int i = 0; i < seeds; i++) {
        v[i] = accuracy[CULL__SHOWN][i] - accuracy[CULL__TOLD][i];
        better[i] =
            accuracy[CULL__BOTH][i] - fmax(accuracy[CULL__SHOWN][i], accuracy[CULL__TOLD][i]);
        far += v[i] >= .05, above += better[i] > 0;
    }
    cull__claim_add_line(
        out, "(b) share of seeds at which exemplars are 5 points above instructions, or more",
        (double)far / seeds, NAN, NAN, false, .8);
    cull__claim_add_line(out, "(b) share of seeds at which both are above either alone",
                         (double)above / seeds, NAN, NAN, false, .8);
    int all = out->seeds;
    out->seeds = seeds; /* of this part */
    cull__claim_figure(out, "(b) accuracy, exemplars above instructions", v);
    cull__claim_figure(out, "(b) accuracy, both above the better one", better);
    for (int j = 0; j < CULL__TAUGHT; j++) cull__claim_figure(out, figure[j], accuracy[j]);
    out->seeds = all;
}

static cull_status part_b(cull_ctx *cx, int seeds, cull_claim_result *out)
{
    teaching *w;
    CULL_TRY(CULL_TMP0(cx, w, 1));
    int n = seeds < B_SEEDS ? seeds : B_SEEDS;
    cull_status s = train_learners(cx, w->learner);
    if (s == CULL_OK) s = each_seed(cx, n, teach_each, w);
    for (int i = 0; i < LEARNERS; i++) cull__learner_free(w->learner[i]);
    if (s == CULL_OK) tell_teaching(w->accuracy, n, out);
    return s;
}

static cull_status run(cull_ctx *cx, const char *data_dir, int seeds, cull_claim_result *out)
{
    CULL_TRY(part_a(cx, data_dir, seeds, out));
    CULL_TRY(part_b(cx, seeds, out));
    out->note = "(a) one random set is a draw of 10 or 20 exemplars, not chosen by validation; (b) "
                "seeds are 5 at most, two learners take turns; no large model is asked, nor "
                "any of the paper's tasks";
    return CULL_OK;
}

const cull__claim cull__claim_teach_show = {
    .about = {.slug = "teach-show",
              .claim = "which exemplars a prompt shows matters more than what its instruction "
                       "says, and both together are best",
              .setting = "(a) Fashion-MNIST, soft nearest exemplars, pool 300, 100 to validate "
                         "on, 32 validations, 20 seeds; (b) transformers of 4 layers trained to "
                         "learn tasks of labels in context, 3 exemplars, 32 validations, 8 tasks a "
                         "seed, 5 seeds",
              .package = "dataset-fashion-mnist"},
    .seeds = 20,
    .run = run,
};

/* claim_routes: router's check on questions made here; what the checks of router, moe2 and metainf refuse. */
#include "claiming.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/base.h"

enum { ASKED = 240, MODELS = 6 };
static const char *const file[] = {"routing/routellm_mixtral_gpt4.jsonl.gz",
                                   "routing/gsm8k_six_models.csv.gz",
                                   "instruct/gsm8k_test.jsonl.gz"};

static gzFile open_gz(int i)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, file[i]);
    gzFile f = gzopen(path, "wb");
    assert_non_null(f);
    return f;
}

/* A question is hard or not, and says so by its words; the weak model has the easy ones right, the strong one nearly all. Of six
 * models each has right what is no harder than it is good. less: questions that the second file of them lacks. */
static void make(int less)
{
    static const char *const easy[] = {"apples", "pears", "count", "share"};
    static const char *const hard[] = {"integral", "lattice", "prove", "bound"};
    cull_rng r = cull__rng_seeded(3, 1);
    gzFile two = open_gz(0), six = open_gz(1), text = open_gz(2);
    gzprintf(six, "gpt3_6b_ft,gpt3_6b_ver,gpt3_175b_ft,gpt3_175b_ver,mixtral_8x7b,gpt4_1106\n");
    for (int i = 0; i < ASKED; i++) {
        bool is_hard = cull__rng_unit(&r) < .4;
        char q[160] = "";
        for (int w = 0; w < 8; w++) {
            const char *word = (is_hard ? hard : easy)[cull__rng_below(&r, 4)];
            size_t n = strlen(q);
            snprintf(q + n, sizeof q - n, "%s%s", n ? " " : "", word);
        }
        gzprintf(two, "{\"q\":\"%s\",\"b\":\"%s\",\"weak\":%d,\"strong\":%d}\n", q,
                 i % 3 ? "law" : "gsm8k", !is_hard && cull__rng_unit(&r) < .9,
                 cull__rng_unit(&r) < .95);
        for (int k = 0; k < MODELS; k++)
            gzprintf(six, "%s%d", k ? "," : "",
                     cull__rng_unit(&r) < (is_hard ? .1 : .6) + .05 * k + (k == 5) * .1);
        gzprintf(six, "\n");
        if (i < ASKED - less) gzprintf(text, "{\"question\":\"%s\"}\n", q);
    }
    assert_int_equal(gzclose(two) | gzclose(six) | gzclose(text), Z_OK);
}

static double figure(const cull_claim_result *r, const char *what)
{
    for (int i = 0; i < r->figures; i++)
        if (!strcmp(r->figure[i].what, what)) return r->figure[i].value;
    fail_msg("there is no figure '%s'", what);
    return 0;
}

static void router(void **state)
{
    (void)state;
    make(0);
    cull_claim_result r = keeps("router");
    assert_true(r.lines == 2 && r.reached);
    /* who knows the outcomes recovers most of the gap; words tell hard from easy, nearly as much; chance is half way */
    double knows = figure(&r, "APGR, who knows the outcomes"),
           chance = figure(&r, "APGR, calls by chance");
    double words = figure(&r, "APGR, logistic regressions");
    assert_true(knows > words && words > .6 && fabs(chance - .5) < .15);
    assert_true(figure(&r, "six models: quality at cost 3, who knows the outcomes") >=
                figure(&r, "six models: quality at cost 3, the best mix by chance"));
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    make(1);
    refused(cx, cull_claim_run(cx, "router", dir, true, &r), CULL_EINPUT,
            "there must be 240 questions");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static void without_data(void **state)
{
    (void)state;
    static const struct {
        const char *slug, *say;
    } claim[] = {{"router", "routing/routellm_mixtral_gpt4.jsonl.gz is not there"},
                 {"moe2", "mnist/train-images-idx3-ubyte.gz is not there"},
                 {"metainf", "tables of `cull bench search` are there; 8 are needed"},
                 {"jei-dnn", "install the Debian package dataset-fashion-mnist"}};
    for (size_t i = 0; i < sizeof claim / sizeof *claim; i++) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_claim_result r;
        cull_ctx_reseed(cx, 12);
        refused(cx, cull_claim_run(cx, claim[i].slug, "/no/such/place", true, &r), CULL_ENODATA,
                claim[i].say);
        assert_true(r.lines == 0 && !r.claim && cull_ctx_seed(cx) == 12);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
}

/* metainf looks for tables one after the other, and can be stopped between two. */
static void stopped(void **state)
{
    (void)state;
    hooks h = {.stop_at = 3};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_claim_result r;
    refused(cx, cull_claim_run(cx, "metainf", "/no/such/place", true, &r), CULL_ECANCEL, "stopped");
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static int begin(void **state)
{
    (void)state;
    char path[160];
    strcpy(dir, "/tmp/cull_routes_XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/routing", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/instruct", dir);
    return mkdir(path, 0700);
}

static int end(void **state)
{
    (void)state;
    char path[160];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, file[i]);
        (void)unlink(path);
    }
    snprintf(path, sizeof path, "%s/routing", dir);
    (void)rmdir(path);
    snprintf(path, sizeof path, "%s/instruct", dir);
    (void)rmdir(path);
    return rmdir(dir);
}

int main(void)
{
    (void)fails_well;
    const struct CMUnitTest tests[] = {cmocka_unit_test(router), cmocka_unit_test(without_data),
                                       cmocka_unit_test(stopped)};
    return cmocka_run_group_tests(tests, begin, end);
}

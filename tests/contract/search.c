/* search: what every method of task search keeps, checked on all that are registered. A method is covered the
 * day its file appears. */
#include "cull/search.h"
#include "contract.h"
#include "search/store.h"
#include "search/study.h"

#include <float.h>

#define EACH(m) EACH_OF(CULL_TASK_SEARCH, m)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { LONG = 24, SHORT = 10, SLOW = 1 };
#else
enum { LONG = 40, SHORT = 14, SLOW = 0 };
#endif

static const char *const MIXED = "lr = real(1e-4, 0.5, log)\n"
                                 "width = int(8, 64)\n"
                                 "opt = or { sgd { momentum = real(0, 0.99) } adam { } }\n"
                                 "extra = optional { steps = int(1, 20) }\n"
                                 "order = permutation(crop, flip, blur)\n"
                                 "keep = subset(1..2 of 4)\n"
                                 "forbid opt == adam and width > 48\n";
static const char *const TREE =
    "op = or { conv { kernel = ordinal(1, 3, 5) act = one(relu, gelu) } skip { } }\n"
    "block = repeat(1..2) { width = int(1, 3) }\n"
    "bits = subset(1..2 of 3)\n"
    "order = permutation(a, b, c)\n"
    "forbid op == skip and block == 2\n";
static const char *const FLAT = "e1 = one(none, skip, c1, c3, pool)\n"
                                "e2 = one(none, skip, c1, c3, pool)\n"
                                "e3 = one(none, skip, c1, c3, pool)\n";
static const char *const NUMBERS = "a = real(-1, 1)\nb = real(0.001, 10, log)\nc = int(0, 30)\n";
static const char *const TINY = "a = one(x, y)\nb = int(0, 2)\n";
static const char *const POINT = "a = one(x)\nb = int(3, 3)\n";

/* ---- a study and who evaluates ---- */

typedef struct {
    cull_ctx *home; /* of the space */
    cull_space *space;
    cull_objective objective[2];
    const char *constraint[1];
    cull_search_problem p;
} setting;

static void setting_new(setting *f, const char *text, int objectives)
{
    *f = (setting){.home = cull_ctx_new(NULL),
                   .objective = {{"error", false}, {"speed", true}},
                   .constraint = {"memory"}};
    ok(f->home, cull_space_from(f->home, text, strlen(text), "test", &f->space));
    f->p = (cull_search_problem){.space = f->space, .objectives = objectives};
    f->p.objective = f->objective; /* the caller does not move f */
    f->p.constraint = f->constraint;
}

static void setting_free(setting *f)
{
    cull_space_free(f->space);
    cull_ctx_free(f->home);
}

/* Some function of the point, the same in every run, without a structure that a method could trip over. */
static double worth(const setting *f, const double *x, int which)
{
    cull_key k = cull_space_key(f->space, x);
    return (double)(cull__hash64(&k, sizeof k, (uint64_t)which) >> 40) / (double)(1 << 24);
}

typedef struct {
    int64_t running[4], n; /* asked and not told, in order */
    bool rough;            /* failures, timeouts, NaN */
    double far;    /* values reach from -far to far, some are the largest; 0 = from 0 to 1 */
    uint64_t hash; /* of all that was asked */
    int64_t asked;
} driver;

static cull_status tell_one(cull_study *s, const setting *f, const driver *d, int64_t number)
{
    cull_trial t;
    double value[2], violation[1];
    CULL_TRY(cull_study_trial(s, number, &t));
    for (int j = 0; j < 2; j++) value[j] = worth(f, t.x, j);
    for (int j = 0; j < 2 && d->far > 0; j++)
        value[j] = number % 5 == 2 ? DBL_MAX : (2 * value[j] - 1) * d->far;
    violation[0] = worth(f, t.x, 2) - 0.6;
    cull_outcome o = {.state = CULL_TRIAL_DONE, .value = value, .violation = violation};
    if (d->rough && number % 7 == 3) o.state = CULL_TRIAL_FAILED, o.note = "a crash";
    if (d->rough && number % 7 == 5) value[0] = NAN;
    if (d->rough && number % 11 == 4) o.state = CULL_TRIAL_TIMEOUT;
    return cull_study_tell(s, number, &o);
}

static void ask_one(cull_study *s, const setting *f, driver *d, const cull_trial *t)
{
    ok(f->home, cull_space_check(f->home, f->space, t->x));
    cull_key k = cull_space_key(f->space, t->x);
    d->hash = cull__hash64(&k, sizeof k, d->hash);
    d->running[d->n++] = t->number;
    d->asked++;
    (void)s;
}

/* Asks and tells until `total` were asked or no more come. `width` trials run at a time, and the last of them is told
 * first. A call that fails with `survive` is made once more. */
static cull_status drive(cull_study *s, const setting *f, driver *d, int64_t total, int width,
                         cull_status survive)
{
    cull_trial t;
    for (;;) {
        while (d->n < width && d->asked < total) {
            cull_status r = cull_study_ask(s, &t);
            if (r == survive && r != CULL_OK) r = cull_study_ask(s, &t);
            if (r == CULL_ENODATA) break;
            CULL_TRY(r);
            ask_one(s, f, d, &t);
        }
        if (d->n == 0) return CULL_OK;
        int64_t number = d->running[d->n - 1];
        cull_status r = tell_one(s, f, d, number);
        if (r == survive && r != CULL_OK) r = tell_one(s, f, d, number);
        CULL_TRY(r);
        d->n--;
    }
}

/* NULL = as by default; where everything is slow, networks train less. */
static cull_status options_of(cull_ctx *cx, const cull_method *m, cull_opts **out)
{
    static const char *const less[][2] = {{"epochs", "10"}, {"pretrain", "100"}};
    cull_status s = CULL_OK;
    *out = NULL;
    for (int i = 0; i < 2; i++)
        for (const cull_opt *o = m->opts; SLOW && s == CULL_OK && o && o->name; o++) {
            if (strcmp(o->name, less[i][0])) continue;
            if (!*out) s = cull_opts_new(cx, m, out);
            if (s == CULL_OK) s = cull_opts_set(cx, *out, o->name, less[i][1]);
        }
    return s;
}

static cull_status open_by(cull_ctx *cx, const cull_method *m, const setting *f,
                           cull__store **store, cull_study **out)
{
    cull_opts *o;
    cull_status s = options_of(cx, m, &o);
    if (s == CULL_OK)
        s = store ? cull__study_open_in(cx, &f->p, m, o, NULL, store, out)
                  : cull_study_open(cx, &f->p, m, o, NULL, out);
    cull_opts_free(o);
    return s;
}

/* Whether the method can search there; else it says why. */
static bool fits(const cull_method *m, const setting *f)
{
    cull_study *s;
    cull_status r = open_by(f->home, m, f, NULL, &s);
    if (r != CULL_OK && r != CULL_EINPUT) fail_msg("%s: %d: %s", m->slug, r, cull_error(f->home));
    CHECK(m, r == CULL_OK || *cull_error(f->home));
    if (r == CULL_OK) cull_study_free(s);
    return r == CULL_OK;
}

static driver whole(const cull_method *m, const setting *f, int threads, int64_t total, int width,
                    bool rough)
{
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, threads);
    cull_study *s;
    driver d = {.rough = rough};
    ok(cx, open_by(cx, m, f, NULL, &s));
    ok(cx, drive(s, f, &d, total, width, CULL_OK));
    cull_study_free(s);
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
    return d;
}

static const char *const SPACES[] = {MIXED, TREE, FLAT, NUMBERS};
#define EACH_SETTING(m, f)                                                                         \
    for (int at_ = 0; at_ < 4; at_++)                                                              \
        for (setting f, *once_ = (setting_new(&f, SPACES[at_], 1), &f); once_;                     \
             setting_free(&f), once_ = NULL)                                                       \
            if (fits(m, &f))

/* ---- the tests ---- */

static void descriptor(void **state)
{
    (void)state;
    EACH(m)
    {
        contract_descriptor(m);
        CHECK(m, m->run.search && m->run.search->open && m->run.search->ask && !*m->columns);
        unsigned mine = CULL_STOCHASTIC | CULL_BASELINE | CULL_ANYTIME | CULL_MANY_OBJECTIVES |
                        CULL_FINITE_ONLY | CULL_READS_STATS;
        CHECK(m, !(m->flags & ~mine));
        int places = 0;
        EACH_SETTING(m, f) places++;
        CHECK(m, places > 0);
    }
}

/* The same for any number of threads; another seed is another sequence where the method draws. */
static void results(void **state)
{
    (void)state;
    EACH(m) EACH_SETTING(m, f) for (int rough = 0; rough < 2; rough++)
    {
        driver a = whole(m, &f, 1, LONG, 3, rough), b = whole(m, &f, 2, LONG, 3, rough);
        CHECK(m, a.asked == LONG);
        CHECK(m, a.hash == b.hash);
    }
}

/* No point twice, unless that is wanted. */
static void duplicates(void **state)
{
    (void)state;
    EACH(m) EACH_SETTING(m, f)
    {
        cull_study *s;
        driver d = {0};
        ok(f.home, open_by(f.home, m, &f, NULL, &s));
        ok(f.home, drive(s, &f, &d, LONG, 2, CULL_OK));
        cull_key key[LONG];
        cull_trial t;
        for (int i = 0; i < LONG; i++) {
            ok(f.home, cull_study_trial(s, i, &t));
            key[i] = cull_space_key(f.space, t.x);
            for (int j = 0; j < i; j++) CHECK(m, memcmp(&key[i], &key[j], sizeof *key));
        }
        cull_study_free(s);
        for (int again = CULL_AGAIN_CACHED; again <= CULL_AGAIN_PAID; again++) {
            f.p.again = (cull_again)again;
            CHECK(m, whole(m, &f, 1, LONG, 2, false).asked == LONG);
        }
    }
}

/* All points of a small space, each once, and then no more. */
static void exhausted(void **state)
{
    (void)state;
    EACH(m) for (int one = 0; one < 2; one++)
    {
        setting f;
        setting_new(&f, one ? POINT : TINY, 1);
        if (fits(m, &f)) {
            cull_study *s;
            cull_trial t;
            driver d = {0};
            ok(f.home, open_by(f.home, m, &f, NULL, &s));
            ok(f.home, drive(s, &f, &d, 100, 2, CULL_OK));
            CHECK(m, d.asked == (one ? 1 : 6));
            CHECK(m, cull_study_done(s));
            refused(f.home, cull_study_ask(s, &t), CULL_ENODATA, "");
            cull_study_free(s);
        }
        setting_free(&f);
    }
}

/* Left and read back from its store after any event, a study goes on to the same sequence. */
static void replay(void **state)
{
    (void)state;
    EACH(m) EACH_SETTING(m, f)
    {
        driver want = whole(m, &f, 1, SHORT, 2, true);
        for (int cut = 1; cut <= SHORT; cut++) {
            cull__store *store = NULL;
            cull_study *s;
            driver d = {.rough = true};
            ok(f.home, open_by(f.home, m, &f, &store, &s));
            /* not drained: what runs is told after the study was read back */
            cull_trial t;
            while (d.asked < cut) {
                while (d.n < 2 && d.asked < cut) {
                    ok(f.home, cull_study_ask(s, &t));
                    ask_one(s, &f, &d, &t);
                }
                if (d.asked < cut) {
                    ok(f.home, tell_one(s, &f, &d, d.running[d.n - 1]));
                    d.n--;
                }
            }
            cull_study_free(s);
            ok(f.home, open_by(f.home, m, &f, &store, &s));
            CHECK(m, cull_study_trials(s) == cut);
            ok(f.home, drive(s, &f, &d, SHORT, 2, CULL_OK));
            CHECK(m, d.asked == want.asked && d.hash == want.hash);
            cull_study_free(s);
            cull__store_close(store);
        }
    }
}

/* Results from elsewhere and points from outside are taken as they come. */
static void warm(void **state)
{
    (void)state;
    EACH(m) EACH_SETTING(m, f)
    {
        cull_study *s;
        driver d = {0};
        double x[32];
        ok(f.home, open_by(f.home, m, &f, NULL, &s));
        for (int i = 0; i < 9; i++) {
            double v = i * 0.25;
            cull_outcome o = {.state = i % 4 ? CULL_TRIAL_DONE : CULL_TRIAL_FAILED, .value = &v};
            ok(f.home, cull_space_draw(f.home, f.space, (uint64_t)i, x));
            if (i % 3)
                ok(f.home, cull_study_add(s, x, &o, NULL));
            else
                ok(f.home, cull_study_enqueue(s, x));
        }
        ok(f.home, drive(s, &f, &d, SHORT, 2, CULL_OK));
        CHECK(m, d.asked == SHORT);
        cull_study_free(s);
    }
}

static void objectives(void **state)
{
    (void)state;
    EACH(m) for (int at = 0; at < 4; at++)
    {
        setting f;
        setting_new(&f, SPACES[at], 1);
        bool can = fits(m, &f);
        f.p.objectives = 2;
        if (!(m->flags & CULL_MANY_OBJECTIVES)) {
            cull_study *s;
            refused(f.home, open_by(f.home, m, &f, NULL, &s), CULL_EINPUT, "objective");
        } else if (can || fits(m, &f)) {
            driver a = whole(m, &f, 1, LONG, 3, true), b = whole(m, &f, 2, LONG, 3, true);
            CHECK(m, a.asked == LONG && a.hash == b.hash);
        }
        setting_free(&f);
    }
}

static void constraints(void **state)
{
    (void)state;
    EACH(m) EACH_SETTING(m, f)
    {
        f.p.constraints = 1;
        if (!fits(m, &f)) continue;
        driver a = whole(m, &f, 1, LONG, 3, true), b = whole(m, &f, 2, LONG, 3, true);
        CHECK(m, a.asked == LONG && a.hash == b.hash);
    }
}

/* Values whose squares, or differences, no double holds, and penalties of DBL_MAX. */
static void ends_of_doubles(void **state)
{
    (void)state;
    static const double far[] = {DBL_MAX, 1e-310, 1};
    EACH(m) EACH_SETTING(m, f) for (int i = 0; i < 6; i++)
    {
        driver d = {.far = far[i % 3]};
        f.p.objectives = i < 3 ? 1 : 2;
        if (!fits(m, &f)) continue;
        cull_study *s;
        ok(f.home, open_by(f.home, m, &f, NULL, &s));
        ok(f.home, drive(s, &f, &d, LONG, 2, CULL_OK));
        CHECK(m, d.asked == LONG);
        cull_study_free(s);
    }
}

/* In every space that it takes, by one objective and by two. */
static int places_of(cull_ctx *cx, const cull_method *m, const cull_opts *o, int objectives)
{
    int places = 0;
    for (int at = 0; at < 4; at++) {
        setting f;
        cull_study *s;
        driver d = {0};
        setting_new(&f, SPACES[at], objectives);
        cull_status r = cull_study_open(cx, &f.p, m, o, NULL, &s);
        if (r != CULL_EINPUT && r != CULL_EOPTION) { /* else it says why not there */
            ok(cx, r);
            ok(cx, drive(s, &f, &d, SHORT, 2, CULL_OK));
            CHECK(m, d.asked == SHORT || (d.asked > 0 && cull_study_done(s)));
            cull_study_free(s);
            places++;
        }
        setting_free(&f);
    }
    return places;
}

static void try_option(cull_ctx *cx, const cull_method *m, const char *name, const char *value)
{
    cull_opts *o;
    ok(cx, cull_opts_new(cx, m, &o));
    contract_set(cx, m, o, name, value);
    if (places_of(cx, m, o, 1) + places_of(cx, m, o, 2) == 0)
        fail_msg("%s: %s=%s can be used nowhere", m->slug, name, value);
    cull_opts_free(o);
}

static void options(void **state)
{
    (void)state;
    EACH(m)
    {
        cull_ctx *cx = cull_ctx_new(NULL);
        cull_opts *o;
        ok(cx, cull_opts_new(cx, m, &o));
        contract_options(cx, m, o, try_option);
        cull_opts_free(o);
        cull_ctx_free(cx);
    }
}

/* Stopped at any tick and asked again, it goes on as if nothing had been. */
static void cancels(void **state)
{
    (void)state;
    EACH(m) EACH_SETTING(m, f)
    {
        driver want = whole(m, &f, 1, SHORT, 2, false);
        for (long k = 1; k < 1000; k = k < 8 ? k + 1 : 2 * k) {
            hooks h = {.stop_at = k};
            cull_ctx *cx = hooked_ctx(&h, 1);
            cull_study *s;
            driver d = {0};
            cull_status r = open_by(cx, m, &f, NULL, &s);
            if (r == CULL_ECANCEL) r = open_by(cx, m, &f, NULL, &s);
            ok(cx, r);
            ok(cx, drive(s, &f, &d, SHORT, 2, CULL_ECANCEL));
            CHECK(m, d.asked == want.asked && d.hash == want.hash);
            cull_study_free(s);
            cull_ctx_free(cx);
            assert_int_equal(h.live, 0);
            if (h.ticks < k) break;
        }
    }
}

/* The k-th allocation fails: ENOMEM, nothing is lost, and the same call made again goes on to the same sequence. */
static void no_memory(void **state)
{
    (void)state;
    EACH(m) EACH_SETTING(m, f)
    {
        driver want = whole(m, &f, 1, SHORT, 2, false);
        bool failed = true;
        for (long k = 1; failed; k += k < 60 ? 1 : 1 + k / 16) {
            hooks h = {.fail_at = k};
            cull_ctx *cx = hooked_ctx(&h, 1);
            cull_study *s;
            driver d = {0};
            failed = false;
            if (cx) {
                cull_status r = open_by(cx, m, &f, NULL, &s);
                if (r == CULL_ENOMEM) r = open_by(cx, m, &f, NULL, &s);
                ok(cx, r);
                ok(cx, drive(s, &f, &d, SHORT, 2, CULL_ENOMEM));
                CHECK(m, d.asked == want.asked && d.hash == want.hash);
                cull_study_free(s);
                cull_ctx_free(cx);
            }
            failed = h.calls >= k;
            assert_int_equal(h.live, 0);
        }
    }
}

int main(int argc, char **argv)
{
    if (!contract_start(CULL_TASK_SEARCH, argc, argv)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptor), cmocka_unit_test(results),
        cmocka_unit_test(duplicates), cmocka_unit_test(exhausted),
        cmocka_unit_test(replay),     cmocka_unit_test(warm),
        cmocka_unit_test(objectives), cmocka_unit_test(constraints),
        cmocka_unit_test(options),    cmocka_unit_test(cancels),
        cmocka_unit_test(no_memory),  cmocka_unit_test(ends_of_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* study_store: studies on a store: read back, shared, widened, with a store or memory that fails; and imports. */
#include "test.h"

#include <stdio.h>
#include <unistd.h>

#include "base/base.h"
#include "cull/evaluate.h"
#include "cull/search.h"
#include "search/store_kind.h"
#include "search/study.h"

static const cull_objective objective[2] = {{"error", false}, {"speed", true}};
static const char SPACE[] = "a = int(0, 50)\nb = or { p { c = real(0, 1) } q { } }\n";

typedef struct {
    cull_ctx *cx;
    cull_space *sp;
    cull_search_problem p;
    cull__store *store;
} fixture;

static void start(fixture *f, const char *text, hooks *h)
{
    *f = (fixture){.cx = h ? hooked_ctx(h, 1) : cull_ctx_new(NULL)};
    ok(f->cx, cull_space_from(f->cx, text, strlen(text), "test", &f->sp));
    f->p = (cull_search_problem){.space = f->sp, .objectives = 1, .objective = objective};
}

static void end(fixture *f)
{
    cull__store_close(f->store);
    cull_space_free(f->sp);
    cull_ctx_free(f->cx);
}

static const cull_method *method(void) { return cull_method_find("random-search", NULL); }

static cull_status open_in(fixture *f, const cull_study_opts *o, cull_study **s)
{
    return cull__study_open_in(f->cx, &f->p, method(), NULL, o, &f->store, s);
}

static cull_study *open_(fixture *f)
{
    cull_study *s;
    ok(f->cx, open_in(f, NULL, &s));
    return s;
}

static cull_trial ask(fixture *f, cull_study *s)
{
    cull_trial t;
    ok(f->cx, cull_study_ask(s, &t));
    return t;
}

static cull_status tell(cull_study *s, int64_t number, double v)
{
    return cull_study_tell(
        s, number, &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &v, .cost = 1, .noise = 0.5});
}

/* Everything that a study can be seen to hold. */
static void same(cull_ctx *cx, cull_study *a, cull_study *b)
{
    assert_int_equal(cull_study_trials(a), cull_study_trials(b));
    assert_int_equal(cull_study_paid(a), cull_study_paid(b));
    assert_true(a->v.trials == b->v.trials && a->v.tells == b->v.tells);
    assert_true(a->v.tells == 0 ||
                !memcmp(a->v.told, b->v.told, (size_t)a->v.tells * sizeof *a->v.told));
    assert_true(a->spent == b->spent && a->seq == b->seq);
    assert_true(a->queue_n - a->queue_head == b->queue_n - b->queue_head);
    assert_true(a->again_n - a->again_head == b->again_n - b->again_head);
    for (int64_t i = 0; i < cull_study_trials(a); i++) {
        cull_trial t, u;
        ok(cx, cull_study_trial(a, i, &t));
        ok(cx, cull_study_trial(b, i, &u));
        assert_memory_equal(t.x, u.x, (size_t)a->v.width * sizeof *t.x);
        assert_memory_equal(t.value, u.value, (size_t)a->p.objectives * sizeof *t.value);
        assert_memory_equal(t.mean, u.mean, (size_t)a->p.objectives * sizeof *t.mean);
        assert_memory_equal(t.noise, u.noise, (size_t)a->p.objectives * sizeof *t.noise);
        assert_true(t.state == u.state && t.steps == u.steps && t.budget == u.budget);
        assert_true(t.cost == u.cost && t.began == u.began && t.ended == u.ended);
        assert_true(t.replicate == u.replicate && t.point == u.point);
    }
}

/* One of each kind of event, by two studies in turn. */
static void shared(void **state)
{
    (void)state;
    fixture f;
    start(&f, SPACE, NULL);
    f.p.retries = 1;
    f.p.stop = (cull_stop){.kind = CULL_STOP_ASHA, .eta = 2, .last = 4};
    cull_study *s = open_(&f), *t = open_(&f);
    double x[3] = {3, 1, NAN}, v = 2;
    bool go;
    assert_int_equal(ask(&f, s).number, 0);
    assert_int_equal(ask(&f, t).number, 1);
    ok(f.cx, cull_study_enqueue(t, x));
    assert_true(ask(&f, s).x[0] == 3);
    x[0] = 4;
    ok(f.cx, cull_study_add(s, x, &(cull_outcome){.state = CULL_TRIAL_DONE, .value = &v}, NULL));
    ok(f.cx, cull_study_report(t, 0, 1, &v, &go));
    assert_true(go);
    v = 3;
    ok(f.cx, cull_study_report(s, 1, 1, &v, &go));
    assert_false(go);
    refused(f.cx, tell(t, 1, 1), CULL_EINPUT, "stopped");
    ok(f.cx, cull_study_tell(t, 2, &(cull_outcome){.state = CULL_TRIAL_FAILED, .note = "oh"}));
    assert_int_equal(ask(&f, s).number, 2);
    ok(f.cx, tell(t, 2, 5));
    ok(f.cx, cull_study_enqueue(s, x));
    ok(f.cx, cull__study_read(t));
    same(f.cx, s, t);
    cull_study *u = open_(&f);
    same(f.cx, s, u);
    ok(f.cx, cull_study_stop(u));
    cull_trial none;
    refused(f.cx, cull_study_ask(s, &none), CULL_ENODATA, "stop was asked for");
    cull_study_free(u);
    u = open_(&f);
    assert_true(cull_study_done(u) && cull_study_stopped(u));
    cull_study_free(u);
    cull_study_opts o = CULL_STUDY_OPTS;
    o.resume = true;
    ok(f.cx, open_in(&f, &o, &u));
    assert_false(cull_study_done(u));
    ask(&f, u);
    ask(&f, s); /* it goes on for all, also for who opens it from here on */
    cull_study_free(u);
    u = open_(&f);
    assert_false(cull_study_done(u) || cull_study_stopped(u));
    ask(&f, u);
    cull_study_free(s), cull_study_free(t), cull_study_free(u);
    end(&f);
}

static void differences(void **state)
{
    (void)state;
    fixture f;
    cull_study *s;
    start(&f, SPACE, NULL);
    cull_study_free(open_(&f));
    cull_search_problem was = f.p;
    f.p.objectives = 2;
    f.p.objective = objective;
    refused(f.cx, open_in(&f, NULL, &s), CULL_EINPUT, "other objectives");
    f.p = was, f.p.again = CULL_AGAIN_PAID;
    refused(f.cx, open_in(&f, NULL, &s), CULL_EINPUT, "other again: \"never\"");
    f.p = was, f.p.replicates = 2;
    refused(f.cx, open_in(&f, NULL, &s), CULL_EINPUT, "other replicates");
    f.p = was, f.p.stop = (cull_stop){.kind = CULL_STOP_ASHA, .last = 3};
    refused(f.cx, open_in(&f, NULL, &s), CULL_EINPUT, "other stop");
    f.p = was, f.p.id = "data of May";
    refused(f.cx, open_in(&f, NULL, &s), CULL_EINPUT, "other id");
    f.p = was;
    cull_ctx_reseed(f.cx, 8);
    refused(f.cx, open_in(&f, NULL, &s), CULL_EINPUT, "seed 1, not 8");
    cull_ctx_reseed(f.cx, 1);
    f.p.trials = 9, f.p.retries = 3, f.p.cost = 100; /* these may */
    cull_study_free(open_(&f));
    end(&f);
}

static cull_space *other_space(fixture *f, const char *text)
{
    cull_space *s;
    ok(f->cx, cull_space_from(f->cx, text, strlen(text), "other", &s));
    f->p.space = s;
    return s;
}

static void widened(void **state)
{
    (void)state;
    fixture f;
    cull_study *s;
    cull_study_opts o = CULL_STUDY_OPTS;
    start(&f, SPACE, NULL);
    s = open_(&f);
    double x[8][3];
    for (int i = 0; i < 8; i++) {
        cull_trial t = ask(&f, s);
        memcpy(x[i], t.x, sizeof x[i]);
        if (i != 4) ok(f.cx, tell(s, i, i));
    }
    cull_study_free(s);
    cull_space *wide = other_space(&f, "new = optional { d = int(1, 2) }\na = int(-5, 90)\n"
                                       "b = or { r { } p { c = real(0, 2) } q { } }\n");
    refused(f.cx, open_in(&f, &o, &s), CULL_EINPUT, "widen");
    o.widen = true;
    for (int again = 0; again < 2; again++) { /* and as it is from then on */
        ok(f.cx, open_in(&f, &o, &s));
        assert_int_equal(cull_study_trials(s), 8 + again);
        for (int i = 0; i < 8; i++) {
            cull_trial t;
            ok(f.cx, cull_study_trial(s, i, &t));
            assert_true(t.x[0] == 0 && isnan(t.x[1]) && t.x[2] == x[i][0]);
            assert_true(t.x[3] == x[i][1] + 1);
            assert_true(t.x[4] == x[i][2] || (isnan(t.x[4]) && isnan(x[i][2])));
            assert_int_equal(t.state, i == 4 ? CULL_TRIAL_RUNNING : CULL_TRIAL_DONE);
        }
        ask(&f, s);
        cull_study_free(s);
        o.widen = false;
    }
    f.p.space = f.sp;
    refused(f.cx, open_in(&f, &o, &s), CULL_EINPUT, "another space");
    static const struct {
        const char *text, *why;
    } bad[] = {{"a = int(-5, 90)\nb = or { r { } p { c = real(0, 2) } q { } }\n"
                "new = optional { d = int(1, 2) }\nmust = int(1, 2)\n",
                "'must' is new"},
               {"a = int(-5, 2)\nb = or { r { } p { c = real(0, 2) } q { } }\n"
                "new = optional { d = int(1, 2) }\n",
                "trial 0 of the store is none of the space as it is now: a: "},
               {"b = or { r { } p { c = real(0, 2) } q { } }\nnew = optional { d = int(1, 2) }\n",
                "'a', which the space lacks"}};
    o.widen = true;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cull_space *sp = other_space(&f, bad[i].text);
        refused(f.cx, open_in(&f, &o, &s), CULL_EINPUT, bad[i].why);
        cull_space_free(sp);
    }
    cull_space_free(wide);
    end(&f);
}

/* ---- a store that fails ---- */

static int fail_commit, fail_append;
static cull_status commit(cull_ctx *cx, void *s)
{
    if (fail_commit && --fail_commit == 0) {
        cull__store_memory.abort(s);
        return cull__fail(cx, CULL_EIO, "the disk is full");
    }
    return cull__store_memory.commit(cx, s);
}

static cull_status append(cull_ctx *cx, void *s, cull__event *e)
{
    if (fail_append && --fail_append == 0) return cull__fail(cx, CULL_EIO, "the disk is full");
    return cull__store_memory.append(cx, s, e);
}

/* What the store refused has not happened; made again, the call does what it would have. */
static void refusing(void **state)
{
    (void)state;
    fixture f, g;
    start(&f, SPACE, NULL);
    start(&g, SPACE, NULL);
    cull__store_kind kind = cull__store_memory;
    kind.commit = commit;
    kind.append = append;
    cull_study *s = open_(&f), *t = open_(&g);
    f.store->kind = &kind;
    for (int i = 0; i < 12; i++) {
        cull_trial a, b;
        int *which = i % 2 ? &fail_commit : &fail_append;
        *which = 1;
        refused(f.cx, cull_study_ask(s, &a), CULL_EIO, "disk is full");
        assert_int_equal(cull_study_trials(s), i);
        a = ask(&f, s), b = ask(&g, t);
        assert_memory_equal(a.x, b.x, 3 * sizeof *a.x);
        *which = 1;
        refused(f.cx, tell(s, i, i), CULL_EIO, "disk is full");
        ok(f.cx, cull_study_trial(s, i, &a));
        assert_int_equal(a.state, CULL_TRIAL_RUNNING);
        ok(f.cx, tell(s, i, i));
    }
    cull_study *u = open_(&f);
    same(f.cx, s, u);
    cull_study_free(s), cull_study_free(t), cull_study_free(u);
    end(&f), end(&g);
}

/* Events that do not follow from those before them, as a file may have. */
static void damaged(void **state)
{
    (void)state;
    double x[3] = {3, 1, NAN}, far[3] = {99, 1, NAN}, v = 1;
    const cull__event bad[] = {
        {.kind = CULL__TOLD, .trial = 5, .state = CULL_TRIAL_DONE, .value = &v},
        {.kind = CULL__TOLD, .trial = 0, .state = CULL_TRIAL_DONE},
        {.kind = CULL__TOLD, .trial = 1, .state = CULL_TRIAL_DONE, .value = &v},
        {.kind = CULL__ASKED, .trial = 7, .x = x, .width = 3},
        {.kind = CULL__ASKED, .trial = 2, .x = x, .width = 2},
        {.kind = CULL__ASKED, .trial = 2, .x = far, .width = 3},
        {.kind = CULL__ASKED, .trial = 2, .x = x, .width = 3, .step = 4},
        {.kind = CULL__ASKED, .trial = 0},
        {.kind = CULL__REPORTED, .trial = 0},
        {.kind = CULL__RETRIED, .trial = -1},
        {.kind = CULL__QUEUED},
        {.kind = (cull__event_kind)77},
        {.kind = CULL__TOLD, .trial = 0, .state = (cull_trial_state)50, .value = &v},
        {.kind = CULL__TOLD, .trial = 0, .state = CULL_TRIAL_RUNNING, .value = &v},
        {.kind = CULL__WIDENED, .trial = -1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fixture f;
        start(&f, SPACE, NULL);
        cull_study *s = open_(&f);
        ask(&f, s), ask(&f, s);
        ok(f.cx, tell(s, 1, 2));
        cull__event e = bad[i];
        ok(f.cx, cull__store_begin(f.cx, f.store));
        ok(f.cx, cull__store_append(f.cx, f.store, &e));
        ok(f.cx, cull__store_commit(f.cx, f.store));
        cull_trial t;
        cull_status r = cull_study_ask(s, &t);
        if (r != CULL_EINPUT) fail_msg("%d was taken: %d", (int)i, r);
        if (bad[i].x == far) assert_non_null(strstr(cull_error(f.cx), "and is damaged: a"));
        assert_int_equal(cull_study_trials(s), 2);
        cull_study_free(s);
        assert_int_equal(open_in(&f, NULL, &s), CULL_EINPUT);
        end(&f);
    }
}

static void no_memory(void **state)
{
    (void)state;
    for (long k = 1;; k++) {
        hooks h = {.fail_at = 0};
        fixture f;
        start(&f, SPACE, &h);
        f.p.again = CULL_AGAIN_CACHED;
        f.p.replicates = 2;
        f.store = NULL;
        h.fail_at = h.calls + k;
        cull_study *s, *u;
        cull_status r = open_in(&f, NULL, &s);
        if (r == CULL_ENOMEM) {
            cull__store_close(f.store);
            f.store = NULL;
            r = open_in(&f, NULL, &s);
        }
        ok(f.cx, r);
        for (int i = 0; i < 20; i++) {
            cull_trial t;
            r = cull_study_ask(s, &t);
            if (r == CULL_ENOMEM) r = cull_study_ask(s, &t);
            ok(f.cx, r);
            int64_t n = t.number;
            r = tell(s, n, (double)n);
            if (r == CULL_ENOMEM) r = tell(s, n, (double)n);
            ok(f.cx, r);
        }
        r = open_in(&f, NULL, &u);
        if (r == CULL_ENOMEM) r = open_in(&f, NULL, &u);
        ok(f.cx, r);
        same(f.cx, s, u);
        cull_study_free(s), cull_study_free(u);
        bool more = h.calls >= h.fail_at;
        end(&f);
        assert_int_equal(h.live, 0);
        if (!more) break;
    }
}

/* ---- import ---- */

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void imports(void **state)
{
    (void)state;
    fixture f;
    char csv[64], jsonl[64];
    snprintf(csv, sizeof csv, "/tmp/cull-import-%d.csv", (int)getpid());
    snprintf(jsonl, sizeof jsonl, "/tmp/cull-import-%d.jsonl", (int)getpid());
    start(&f, SPACE, NULL);
    cull_study *s = open_(&f);
    int64_t n;
    cull_trial t;
    write_file(csv, "b,note,b.p.c,error,a,state,cost\n"
                    "p,fine,0.25,1.5,7,done,2\n"
                    "q,,,,8,failed,\n"
                    "q,,,0.5,9,running,\n"
                    "q,,,,10,RUNNING,\n"
                    "q,,,0.5,11,PRUNED,\n"
                    "q,,,,12,waiting,\n"
                    "q,,,0.5,13,FAIL,\n"
                    "q,,,-2,50,done,1\n");
    ok(f.cx, cull_study_import(s, csv, &n));
    assert_true(n == 4 && cull_study_trials(s) == 4 && cull_study_paid(s) == 0);
    ok(f.cx, cull_study_trial(s, 0, &t));
    assert_true(t.x[0] == 7 && t.x[1] == 0 && t.x[2] == 0.25 && t.value[0] == 1.5 && t.cost == 2);
    ok(f.cx, cull_study_trial(s, 1, &t));
    assert_true(t.state == CULL_TRIAL_FAILED && isnan(t.x[2]));
    ok(f.cx, cull_study_trial(s, 2, &t));
    assert_true(t.state == CULL_TRIAL_FAILED && t.x[0] == 13);
    static const struct {
        const char *text, *why;
    } bad[] = {{"a,b,b.p.c,error\n1,q,,1\n51,q,,1\n", ".csv:3: "},
               {"a,b,b.p.c,error\n1,q,0.5,1\n", "'b.p.c' has a value, and is not active"},
               {"a,b,b.p.c,error\n1,p,,1\n", "'b.p.c' has no value"},
               {"a,b,b.p.c,error\n1,q,,big\n", "'error' is no number"},
               {"a,b,b.p.c,loss\n1,q,,1\n", "no column 'error'"},
               {"u,error\n1,1\n", "none of its columns"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file(csv, bad[i].text);
        refused(f.cx, cull_study_import(s, csv, &n), CULL_EINPUT, bad[i].why);
        assert_int_equal(cull_study_trials(s), 4);
    }
    write_file(jsonl, "{\"a\": 1, \"b\": \"q\", \"error\": 4}\n"
                      "{\"a\": 2, \"b\": \"p\", \"b.p.c\": 1, \"error\": 3.25}\n");
    ok(f.cx, cull_study_import(s, jsonl, NULL));
    ok(f.cx, cull_study_trial(s, 5, &t));
    assert_true(t.x[0] == 2 && t.x[2] == 1 && t.value[0] == 3.25);
    cull_study *u = open_(&f);
    same(f.cx, s, u);
    cull_study_free(s), cull_study_free(u);
    remove(csv), remove(jsonl);
    end(&f);
}

/* A constraint that was not told is not fulfilled; infinite ones come back. And the JSON that programs are given is read. */
static void imports_of_many_kinds(void **state)
{
    (void)state;
    static const char *const constraint[] = {"size"};
    fixture f;
    char csv[64], jsonl[64];
    int64_t n;
    cull_trial t;
    snprintf(csv, sizeof csv, "/tmp/cull-import-%d.csv", (int)getpid());
    snprintf(jsonl, sizeof jsonl, "/tmp/cull-import-%d.jsonl", (int)getpid());
    start(&f,
          "w = optional { }\nf = one(true, false)\ns = subset(0..3 of 3)\np = permutation(u, v)\nm "
          "= simplex(2)\n",
          NULL);
    f.p.constraints = 1, f.p.constraint = constraint;
    cull_study *s = open_(&f);
    write_file(csv, "w,f,s,p,m,error\nyes,true,1+3,u>v,0.5/0.5,1\n");
    refused(f.cx, cull_study_import(s, csv, &n), CULL_EINPUT, "no column 'size'");
    write_file(csv, "w,w,f,s,p,m,error,size\nyes,yes,true,1+3,u>v,0.5/0.5,1,1\n");
    refused(f.cx, cull_study_import(s, csv, &n), CULL_EINPUT, "two columns 'w'");
    write_file(csv, "w,f,s,p,m,error,size\nyes,true,1+3,u>v,0.5/0.5,1\n");
    refused(f.cx, cull_study_import(s, csv, &n), CULL_EINPUT, ":2: the record has 6 cells");
    write_file(csv, "");
    refused(f.cx, cull_study_import(s, csv, &n), CULL_EINPUT, "the file is empty");
    write_file(jsonl, "{\"w\": true, \"f\": false, \"s\": [\"1\", 3], \"p\": [\"v\", \"u\"], "
                      "\"m\": [0.25, 0.75], \"error\": 1, \"size\": 1}\n"
                      "{\"w\": false, \"f\": \"true\", \"s\": [], \"p\": \"u>v\", \"m\": \"1/0\", "
                      "\"error\": 2, \"size\": \"inf\"}\n"
                      "{\"w\": false, \"f\": true, \"s\": [2], \"p\": [\"u\", \"v\"], \"m\": [1, "
                      "0], \"error\": 0}\n");
    ok(f.cx, cull_study_import(s, jsonl, &n));
    assert_int_equal(n, 3);
    static const double want[3][9] = {{1, 1, 1, 0, 1, 1, 0, 0.25, 0.75},
                                      {0, 0, 0, 0, 0, 0, 1, 1, 0},
                                      {0, 0, 0, 1, 0, 0, 1, 1, 0}};
    for (int i = 0; i < 3; i++) {
        ok(f.cx, cull_study_trial(s, i, &t));
        assert_memory_equal(t.x, want[i], sizeof want[i]);
        assert_int_equal(t.state, i < 2 ? CULL_TRIAL_DONE : CULL_TRIAL_FAILED);
    }
    ok(f.cx, cull_study_write(f.cx, s, NULL, 3, jsonl));
    cull_study *u;
    ok(f.cx, cull_study_open(f.cx, &f.p, method(), NULL, NULL, &u));
    ok(f.cx, cull_study_import(u, jsonl, &n));
    ok(f.cx, cull_study_trial(u, 1, &t));
    assert_true(isinf(t.violation[0]) && t.value[0] == 2);
    write_file(jsonl, "{\"w\": {}, \"f\": true, \"s\": [2], \"p\": [\"u\", \"v\"], \"m\": [1, 0], "
                      "\"error\": 0, \"size\": 0}\n");
    refused(f.cx, cull_study_import(u, jsonl, &n), CULL_EINPUT,
            ":1: 'w' is no number, no text and no list of them");
    cull_study_free(s), cull_study_free(u);
    remove(csv), remove(jsonl);
    end(&f);
}

/* All rows or none, whichever of them the store refuses. */
static void imports_refused(void **state)
{
    (void)state;
    fixture f;
    char csv[64];
    snprintf(csv, sizeof csv, "/tmp/cull-import-%d.csv", (int)getpid());
    write_file(csv, "a,b,error\n1,q,1\n2,q,2\n3,q,3\n");
    start(&f, SPACE, NULL);
    cull__store_kind kind = cull__store_memory;
    kind.commit = commit;
    kind.append = append;
    cull_study *s = open_(&f);
    f.store->kind = &kind;
    int64_t n;
    for (int at = 1; at <= 4; at++) {
        *(at < 4 ? &fail_append : &fail_commit) = at < 4 ? at : 1;
        refused(f.cx, cull_study_import(s, csv, &n), CULL_EIO, "disk is full");
        assert_int_equal(cull_study_trials(s), 0);
        cull_study *u = open_(&f);
        assert_int_equal(cull_study_trials(u), 0);
        cull_study_free(u);
    }
    ok(f.cx, cull_study_import(s, csv, &n));
    assert_true(n == 3 && cull_study_trials(s) == 3);
    cull_trial a = ask(&f, s); /* it goes on, and who opens it sees the same */
    ok(f.cx, tell(s, a.number, 4));
    cull_study *u = open_(&f);
    same(f.cx, s, u);
    cull_study_free(s), cull_study_free(u);
    remove(csv);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared),          cmocka_unit_test(differences),
        cmocka_unit_test(widened),         cmocka_unit_test(refusing),
        cmocka_unit_test(damaged),         cmocka_unit_test(no_memory),
        cmocka_unit_test(imports),         cmocka_unit_test(imports_of_many_kinds),
        cmocka_unit_test(imports_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

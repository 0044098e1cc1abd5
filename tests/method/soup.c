/* soup against means in double; the greedy one against a loop over the same scores. */
#include "merging.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

/* Names in the test's folder that begin so. */
static int named(const char *begin)
{
    int n = 0;
    DIR *d = opendir(in_dir("."));
    for (struct dirent *e; d && (e = readdir(d));) n += !strncmp(e->d_name, begin, strlen(begin));
    if (d) closedir(d);
    return n;
}

static void check(const merging *f, const cull_checkpoint *out, const bool *in)
{
    static double want[301 * ROW];
    for (int t = 0; t < 3; t++) {
        int n = 0;
        memset(want, 0, sizeof want);
        for (int s = 0; s < f->sources; s++) {
            n += in[s];
            for (int64_t i = 0; in[s] && i < f->in[s].t[t].n; i++) want[i] += f->in[s].x[t][i];
        }
        for (int64_t i = 0; i < f->in[0].t[t].n; i++) want[i] /= n;
        merging_same(f, out, t, want, 4e-7, 1);
    }
}

static void uniform(void **state)
{
    (void)state;
    static merging f;
    const bool all[4] = {true, true, true, true};
    merging_fill(&f, "F32", 4);
    cull_checkpoint *out = merging_run(&f, "soup", "", NULL);
    check(&f, out, all);
    cull_checkpoint_free(out);
    merging_free(&f);
}

/* Scores of the calls in turn; files that are scored must be there. */
typedef struct {
    const double *score;
    int calls, stop_at;
} scores;
static int score(void *user, const char *path, double *out)
{
    scores *s = user;
    assert_int_equal(access(path, R_OK), 0);
    *out = s->score[s->calls++];
    return s->calls == s->stop_at;
}

static void greedy(void **state)
{
    (void)state;
    static merging f;
    merging_fill(&f, "F32", 4);
    /* models; then with 2: 0 (worse), 3 (as good), 1 (better) */
    static const double told[] = {0.6, 0.1, 0.9, 0.2, 0.8, 0.9, 0.95};
    const bool want[4] = {false, true, true, true};
    for (int known = 0; known < 2; known++) {
        bool kept[4];
        double best;
        cull_weights_report r;
        cull_checkpoint *out;
        scores s = {told + 4 * known, 0, 0};
        cull_weights_problem p = merging_problem(&f, cull_method_find("soup", NULL));
        ok(f.cx, cull_weights_soup(f.cx, NULL, &p, known ? told : NULL, score, &s,
                                   in_dir("out.safetensors"), kept, &best, &r));
        assert_int_equal(s.calls, known ? 3 : 7);
        assert_memory_equal(kept, want, sizeof want);
        assert_true(best == 0.95);
        ok(f.cx, cull_checkpoint_open(f.cx, in_dir("out.safetensors"), &out));
        check(&f, out, want);
        cull_checkpoint_free(out);
        assert_int_equal(named(".cull-"), 0);
    }
    merging_free(&f);
}

static void ends(void **state)
{
    (void)state;
    static merging f;
    merging_fill(&f, "F32", 3);
    static const double told[] = {0.6, 0.1, 0.9, NAN, 0.8};
    bool kept[4];
    double best;
    cull_weights_report r;
    cull_weights_problem p = merging_problem(&f, cull_method_find("soup", NULL));
    for (int k = 0; k < 3; k++) {
        scores s = {told, 0, k == 0 ? 2 : k == 1 ? 4 : 0};
        unlink(in_dir("out.safetensors"));
        refused(f.cx,
                cull_weights_soup(f.cx, NULL, &p, NULL, score, &s, in_dir("out.safetensors"), kept,
                                  &best, &r),
                k < 2 ? CULL_ECANCEL : CULL_EINPUT, k < 2 ? "stopped" : "is no number");
        assert_int_not_equal(access(in_dir("out.safetensors"), F_OK), 0);
        assert_int_equal(named(".cull-"), 0);
    }
    const char *rule = "model=1: weight=0";
    scores s = {told, 0, 0};
    p.rule = &rule, p.rules = 1;
    refused(f.cx,
            cull_weights_soup(f.cx, NULL, &p, NULL, score, &s, in_dir("out.safetensors"), kept,
                              &best, &r),
            CULL_EOPTION, "weighs all models alike");
    merging_free(&f);
}

static int killed(void *user, const char *path, double *out)
{
    (void)out;
    if (strstr(path, "trial")) raise(SIGKILL);
    return score(user, path, out);
}

/* What a killed run leaves the next one removes; what the user has under any name stays. */
static void trials(void **state)
{
    (void)state;
    static merging f;
    merging_fill(&f, "F32", 3);
    static const double told[] = {0.6, 0.1, 0.9, 0.2, 0.8};
    static const char *const outs[] = {"out.safetensors", "out"};
    cull_weights_problem p = merging_problem(&f, cull_method_find("soup", NULL));
    for (int k = 0; k < 2; k++) {
        bool kept[4];
        double best;
        cull_weights_report r;
        char mine[700];
        snprintf(mine, sizeof mine, "%s.trial%s", in_dir(outs[k]), k ? "" : ".safetensors");
        fclose(fopen(mine, "w"));
        tensors_wipe(outs[k]);
        pid_t child = fork();
        if (!child) {
            scores s = {told, 0, 0};
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 1);
            _exit(cull_weights_soup(cx, NULL, &p, NULL, killed, &s, in_dir(outs[k]), kept, &best,
                                    &r) == CULL_OK);
        }
        int how;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how));
        assert_int_equal(named(".cull-"), 1);
        scores s = {told, 0, 0};
        ok(f.cx,
           cull_weights_soup(f.cx, NULL, &p, NULL, score, &s, in_dir(outs[k]), kept, &best, &r));
        assert_int_equal(named(".cull-"), 0);
        assert_int_equal(access(mine, F_OK), 0);
        assert_int_equal(unlink(mine), 0);
        tensors_wipe(outs[k]);
    }
    merging_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(uniform), cmocka_unit_test(greedy),
                                       cmocka_unit_test(ends), cmocka_unit_test(trials)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

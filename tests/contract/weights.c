/* weights: what every method of task weights keeps, checked on all that are registered. A method is covered the day its file
 * appears; those that need checkpoints of a kind of their own (adapters, experts) refuse the plain ones in a sentence. */
#include "contract.h"
#include "merging.h"

#define EACH(m) EACH_OF(CULL_TASK_WEIGHTS, m)

static merging plain; /* in f32, opened once */

static cull_weights_problem problem_of(const cull_method *m)
{
    cull_weights_problem p = merging_problem(&plain, m);
    int most = m->run.weights->most;
    if (most >= 0 && p.models > most) p.models = most;
    return p;
}

static cull_status run_on(cull_ctx *cx, const cull_method *m, const cull_opts *o,
                          cull_weights_problem *p, cull_weights_report *r)
{
    return cull_weights_run(cx, m, o, p, in_dir("out.safetensors"), r);
}

/* Whether m takes plain models; else it says why not. */
static bool takes_plain(const cull_method *m)
{
    cull_weights_problem p = problem_of(m);
    cull_weights_report r;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_status s = run_on(cx, m, NULL, &p, &r);
    if (s != CULL_OK) CHECK(m, s == CULL_EINPUT && *cull_error(cx));
    cull_ctx_free(cx);
    return s == CULL_OK;
}

static uint64_t hash_of(const char *path)
{
    size_t n = 0;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *s = malloc(8 << 20);
    n = fread(s, 1, 8 << 20, f);
    fclose(f);
    uint64_t h = cull__hash64(s, n, 0);
    free(s);
    return h;
}

/* The result's bytes, by so many threads. */
static uint64_t result(const cull_method *m, const cull_opts *o, int threads, uint64_t seed)
{
    cull_weights_problem p = problem_of(m);
    cull_weights_report r;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, threads);
    cull_ctx_reseed(cx, seed);
    ok(cx, run_on(cx, m, o, &p, &r));
    CHECK(m, r.tensors >= 1 && r.written > 0 && r.read >= r.written / 4 && r.unequal == 0);
    cull_ctx_free(cx);
    CHECK(m, h.live == 0);
    return hash_of(in_dir("out.safetensors"));
}

static void descriptors(void **state)
{
    (void)state;
    EACH(m)
    {
        const cull_weights_fns *f = m->run.weights;
        contract_descriptor(m);
        CHECK(m, f->block || f->keep);
        CHECK(m, f->least >= 1 && (f->most < 0 || f->most >= f->least));
    }
}

static void try_option(cull_ctx *cx, const cull_method *m, const char *name, const char *value)
{
    cull_opts *o;
    cull_weights_problem p = problem_of(m);
    cull_weights_report r;
    ok(cx, cull_opts_new(cx, m, &o));
    contract_set(cx, m, o, name, value);
    cull_status s = run_on(cx, m, o, &p, &r);
    CHECK(m, s == CULL_OK || ((s == CULL_EOPTION || s == CULL_EINPUT) && *cull_error(cx)));
    cull_opts_free(o);
}

static void options(void **state)
{
    (void)state;
    EACH(m)
    {
        cull_opts *o;
        cull_ctx *cx = cull_ctx_new(NULL);
        ok(cx, cull_opts_new(cx, m, &o));
        contract_options(cx, m, o, try_option);
        cull_opts_free(o);
        cull_ctx_free(cx);
    }
}

static void threads(void **state)
{
    (void)state;
    EACH(m)
    {
        if (!takes_plain(m)) continue;
        uint64_t one = result(m, NULL, 1, 1);
        for (int n = 2; n <= 4; n++) CHECK(m, result(m, NULL, n, 1) == one);
        CHECK(m, (result(m, NULL, 2, 5) == one) == !(m->flags & CULL_STOCHASTIC));
    }
}

/* A rule that sets an option everywhere is the option. */
static void rules(void **state)
{
    (void)state;
    EACH(m)
    {
        if (!takes_plain(m)) continue;
        for (const cull_opt *r = m->opts; r->name; r++) {
            char text[160], value[64];
            const char *rule = text;
            hooks h = {0};
            cull_ctx *cx = hooked_ctx(&h, 2);
            cull_weights_problem p = problem_of(m);
            cull_weights_report report;
            cull_opts *o;
            ok(cx, cull_opts_new(cx, m, &o));
            snprintf(text, sizeof text, "*: %s=%s", r->name,
                     cull_opts_get(o, r->name, value, sizeof value));
            p.rule = &rule, p.rules = 1;
            uint64_t want = result(m, NULL, 2, 1);
            ok(cx, run_on(cx, m, NULL, &p, &report));
            CHECK(m, hash_of(in_dir("out.safetensors")) == want);
            cull_opts_free(o);
            cull_ctx_free(cx);
            CHECK(m, h.live == 0);
        }
    }
}

/* Stopped or out of memory: a sentence, nothing left behind, and the ctx goes on. */
static void broken(const cull_method *m, hooks *h, int n, cull_status why, const char *says)
{
    cull_weights_problem p = problem_of(m);
    cull_weights_report r;
    cull_ctx *cx = hooked_ctx(h, n);
    long fail_at = h->fail_at, stop_at = h->stop_at;
    h->calls = h->ticks = 0;
    unlink(in_dir("out.safetensors"));
    cull_status s = run_on(cx, m, NULL, &p, &r);
    h->fail_at = h->stop_at = 0;
    if (s == CULL_OK) {
        CHECK(m, (fail_at && h->calls < fail_at) || (stop_at && h->ticks < stop_at));
    } else {
        CHECK(m, s == why && strstr(cull_error(cx), says));
        CHECK(m, access(in_dir("out.safetensors"), F_OK) != 0);
        ok(cx, run_on(cx, m, NULL, &p, &r));
    }
    cull_ctx_free(cx);
    CHECK(m, h->live == 0);
    h->fail_at = s == CULL_OK ? 0 : fail_at;
    h->stop_at = s == CULL_OK ? 0 : stop_at;
}

static void failures(void **state)
{
    (void)state;
    EACH(m)
    {
        if (!takes_plain(m)) continue;
        hooks h = {.stop_at = 1};
        for (int n = 1; h.stop_at && n < 6; n++) {
            broken(m, &h, 1 + n % 2, CULL_ECANCEL, "stopped");
            h.stop_at *= 3;
        }
        h = (hooks){.fail_at = 2}; /* the first is the ctx itself */
        for (int n = 0; h.fail_at; n++) {
            broken(m, &h, 1 + n % 2, CULL_ENOMEM, "out of memory");
            if (h.fail_at) h.fail_at += n < 40 ? 1 : h.fail_at / 4;
        }
    }
}

/* What a run holds is at most what was said before. */
static void plans(void **state)
{
    (void)state;
    EACH(m)
    {
        if (!takes_plain(m)) continue;
        for (int n = 1; n <= 2; n++) {
            cull_weights_problem p = problem_of(m);
            cull_weights_report said, took;
            cull_ctx_opts o = CULL_CTX_OPTS;
            o.threads = n;
            cull_ctx *cx = cull_ctx_new(&o);
            ok(cx, cull_weights_plan(cx, m, NULL, &p, &said));
            ok(cx, run_on(cx, m, NULL, &p, &took));
            CHECK(m, said.written == took.written && said.computed == took.computed);
            if (took.held > said.held)
                fail_msg("%s: %d threads: the plan said %.0f bytes, the run held %.0f", m->slug, n,
                         (double)said.held, (double)took.held);
            cull_ctx_free(cx);
        }
    }
}

/* ---- what the door refuses ---- */
static void bad_problem(const cull_method *m, cull_weights_problem *p, cull_status why,
                        const char *says)
{
    cull_weights_report r = {.tensors = 7};
    cull_ctx *cx = cull_ctx_new(NULL);
    unlink(in_dir("out.safetensors"));
    refused(cx, run_on(cx, m, NULL, p, &r), why, says);
    CHECK(m, r.tensors == 0 && access(in_dir("out.safetensors"), F_OK) != 0);
    cull_ctx_free(cx);
}

static void bad_tensors(const cull_method *m)
{
    cull_weights_problem p = problem_of(m);
    const cull_checkpoint *model[MERGING] = {0};
    int last = p.models - 1, s = p.base ? last + 1 : last; /* in `plain` */
    for (int i = 0; i < p.models; i++) model[i] = p.model[i];
    const cull_checkpoint *plain_last = model[last];
    p.model = model;
    for (int how = 0; how < 3; how++) {
        model[last] = plain_last;
        if (how && (p.base != NULL) + p.models < 2) continue; /* nothing to differ from */
        cull_weights_report plan;
        ok(plain.cx, cull_weights_plan(plain.cx, m, NULL, &p, &plan));
        if (!plan.computed) return; /* what is copied may hold anything */
        tensors t = {.n = 0};
        cull_checkpoint *ck;
        for (int i = 0; i < plain.in[s].n; i++) {
            if (how == 1 && i == 2) continue;
            const cull_tensor *k = &plain.in[s].t[i];
            int64_t rows = k->shape[0] + (how == 2 && i == 0);
            float *x = tensors_add(&t, k->name, k->dtype, rows, k->shape[1]);
            memcpy(x, plain.in[s].x[i], (size_t)k->n * sizeof *x);
        }
        if (how == 0) t.x[0][77] = NAN;
        if (how == 1) tensors_add(&t, "model.norn.weight", "F32", 5, 0);
        tensors_write(plain.cx, &t, in_dir("bad.safetensors"), NULL);
        ok(plain.cx, cull_checkpoint_open(plain.cx, in_dir("bad.safetensors"), &ck));
        model[last] = ck;
        bad_problem(m, &p, CULL_EINPUT,
                    how == 0   ? "NaN"
                    : how == 1 ? "the nearest there is 'model.norn.weight'"
                               : "shapes must be the same");
        cull_checkpoint_free(ck);
        tensors_clear(&t);
    }
}

static void infinite_number(const cull_method *m, int sources)
{
    cull_weights_problem p = problem_of(m);
    merging f;
    cull_weights_report r;
    cull_checkpoint *out;
    merging_fill(&f, "F32", 3);
    for (int s = 0; s < sources; s++) {
        int from = p.base && sources == 1; /* the first model's, or all */
        f.in[s + from].x[0][77] = INFINITY;
        merging_open(&f, s + from);
    }
    p.base = p.base ? f.ck[0] : NULL;
    p.model = (const cull_checkpoint *const *)f.ck + (p.base != NULL);
    unlink(in_dir("out.safetensors"));
    cull_status s = run_on(f.cx, m, NULL, &p, &r);
    CHECK(m, s == CULL_OK || (s == CULL_EINPUT && strstr(cull_error(f.cx), f.in[0].name[0])));
    if (s == CULL_OK) {
        ok(f.cx, cull_checkpoint_open(f.cx, in_dir("out.safetensors"), &out));
        for (int64_t i = 0; i < cull_checkpoint_count(out); i++) {
            const cull_tensor *t = cull_checkpoint_at(out, i);
            float *x = tensor_numbers(f.cx, out, t->name);
            for (int64_t k = 0; k < t->n; k++) CHECK(m, !isnan(x[k]));
            free(x);
        }
        cull_checkpoint_free(out);
    }
    merging_free(&f);
}

/* Of an infinite number in one model or in all no NaN is made that is not told. */
static void infinite(void **state)
{
    (void)state;
    EACH(m)
    {
        if (!takes_plain(m)) continue;
        infinite_number(m, 1);
        infinite_number(m, 3);
    }
}

/* Vocabularies of 20 and 21 words. */
static void other_vocabulary(const cull_method *m)
{
    cull_weights_problem p = problem_of(m);
    const cull_checkpoint *model[MERGING] = {0};
    cull_checkpoint *ck[2];
    cull_weights_report r;
    if ((p.base != NULL) + p.models < 2) return;
    for (int k = 0; k < 2; k++) {
        tensors t = {.n = 0};
        char name[32];
        float *x = tensors_add(&t, "model.embed_tokens.weight", "F32", 20 + k, 24);
        for (int i = 0; i < (20 + k) * 24; i++) x[i] = (float)((i * 37 + k) % 101 - 50);
        snprintf(name, sizeof name, "words%d.safetensors", k);
        tensors_write(plain.cx, &t, in_dir(name), NULL);
        ok(plain.cx, cull_checkpoint_open(plain.cx, in_dir(name), &ck[k]));
        tensors_clear(&t);
    }
    if (p.base) p.base = ck[0];
    for (int i = 0; i < p.models; i++) model[i] = ck[0];
    p.model = model;
    cull_status s = cull_weights_plan(plain.cx, m, NULL, &p, &r);
    model[p.models - 1] = ck[1];
    if (s == CULL_OK && r.computed) { /* what is copied may be of any size */
        bad_problem(m, &p, CULL_EINPUT, "common-rows");
        p.common_rows = true;
        ok(plain.cx, run_on(plain.cx, m, NULL, &p, &r));
        CHECK(m, r.written == 20 * 24 * sizeof(float));
    }
    for (int k = 0; k < 2; k++) cull_checkpoint_free(ck[k]);
}

static void refusals(void **state)
{
    (void)state;
    EACH(m)
    {
        const cull_weights_fns *f = m->run.weights;
        cull_weights_problem p = problem_of(m);
        if (f->needs & CULL_WEIGHTS_BASE) {
            p.base = NULL;
            bad_problem(m, &p, CULL_EINPUT, "needs what the models were fine-tuned from");
            p = problem_of(m);
        } else if (f->needs & CULL_WEIGHTS_NO_BASE) {
            p.base = plain.ck[0];
            bad_problem(m, &p, CULL_EINPUT, "no use for a base");
            p = problem_of(m);
        }
        if (!takes_plain(m)) continue;
        p.models = f->least - 1;
        bad_problem(m, &p, CULL_EINPUT, "model");
        p = problem_of(m);
        p.dtype = "BF17";
        bad_problem(m, &p, CULL_EOPTION, "did you mean BF16");
        p = problem_of(m);
        const char *name = "a=b=c";
        p.rename = &name, p.renames = 1;
        bad_problem(m, &p, CULL_EOPTION,
                    (p.base != NULL) + p.models > 1 ? "OLD=NEW" : "nothing to rename");
        bad_tensors(m);
        other_vocabulary(m);
    }
}

static int open_plain(void **state)
{
    if (make_dir(state)) return -1;
    merging_fill(&plain, "F32", 3);
    return 0;
}

static int close_plain(void **state)
{
    merging_free(&plain);
    return drop_dir(state);
}

int main(int argc, char **argv)
{
    if (!contract_start(CULL_TASK_WEIGHTS, argc, argv)) return 2;
    const struct CMUnitTest tests[] = {cmocka_unit_test(descriptors), cmocka_unit_test(options),
                                       cmocka_unit_test(threads),     cmocka_unit_test(rules),
                                       cmocka_unit_test(failures),    cmocka_unit_test(plans),
                                       cmocka_unit_test(infinite),    cmocka_unit_test(refusals)};
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    cmocka_set_skip_filter("plans"); /* bytes held: none of their matters */
#endif
    return cmocka_run_group_tests(tests, open_plain, close_plain);
}

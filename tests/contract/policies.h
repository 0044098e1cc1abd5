/* policies.h - contract of tasks compute and trust: rows with everything that a method may read, policies
 * that are fitted, kept, applied. The task says how (fit_by, apply_by). */
#ifndef POLICIES_H
#define POLICIES_H
#include "contract.h"

#include "cull/compute.h"
#include "cull/stream.h"
#include "cull/trust.h"

#include <unistd.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { ROWS = 120, FEW = 40 };
#else
enum { ROWS = 700, FEW = 60 };
#endif
enum { KINDS = 3, CLASSES = 3, D = 4 };
enum { LEAST = 24 }; /* where a method runs once for each value of each option */

/* Three models, the later the surer and the dearer; features are near the class. */
typedef struct {
    cull_outcomes o;
    float *out[KINDS], *x[KINDS];
    double *score, *quality, *cost, *truth, *spread;
    int32_t *group;
    uint64_t *hash;
} made;
static const char *const made_name[] = {"small", "middle", "large"};
static const double made_each[] = {1, 2, 5};
static const int64_t made_d[] = {D, D, D};

static inline unsigned needs_of(const cull_method *m, bool apply)
{
    bool compute = m->task == CULL_TASK_COMPUTE;
    if (apply) return compute ? m->run.compute->apply_needs : m->run.trust->apply_needs;
    return compute ? m->run.compute->needs : m->run.trust->needs;
}

/* Truths are classes where the method reads outputs, else 0 and 1. */
static inline made *made_new(const cull_method *m, int64_t n, uint64_t seed)
{
    made *f = calloc(1, sizeof *f);
    cull_rng r = cull__rng_seeded(seed, 7);
    bool classes = needs_of(m, false) & (CULL_READS_OUT | CULL_READS_X);
    f->score = calloc((size_t)(KINDS * n), sizeof(double));
    f->quality = calloc((size_t)(KINDS * n), sizeof(double));
    f->cost = calloc((size_t)(KINDS * n), sizeof(double));
    f->truth = calloc((size_t)n, sizeof(double));
    f->spread = calloc((size_t)n, sizeof(double));
    f->group = calloc((size_t)n, sizeof(int32_t));
    f->hash = calloc((size_t)n, sizeof(uint64_t));
    for (int k = 0; k < KINDS; k++) {
        f->out[k] = calloc((size_t)(n * CLASSES), sizeof(float));
        f->x[k] = calloc((size_t)(n * D), sizeof(float));
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t c = cull__rng_below(&r, CLASSES);
        f->truth[i] = classes ? (double)c : (double)(c > 0);
        f->spread[i] = 0.5 + cull__rng_unit(&r);
        f->group[i] = (int32_t)cull__rng_below(&r, 2);
        f->hash[i] = cull__rng_u64(&r);
        for (int k = 0; k < KINDS; k++) {
            float *v = f->out[k] + i * CLASSES;
            int best = 0;
            for (int j = 0; j < CLASSES; j++) {
                v[j] = (float)(cull__rng_normal(&r) + (j == c ? 1 + 0.7 * k : 0));
                if (v[j] > v[best]) best = j;
            }
            for (int j = 0; j < D; j++)
                f->x[k][i * D + j] = (float)(cull__rng_normal(&r) + (j == c ? 1 + k : 0));
            f->quality[k * n + i] = best == c;
            f->score[k * n + i] = f->truth[i] + (1.2 - 0.3 * k) * cull__rng_normal(&r);
            f->cost[k * n + i] = made_each[k] * (0.9 + 0.2 * cull__rng_unit(&r));
        }
    }
    f->o = (cull_outcomes){.n = n,
                           .models = KINDS,
                           .name = made_name,
                           .classes = CLASSES,
                           .outputs = CULL_LOGITS,
                           .out = (const float *const *)f->out,
                           .score = f->score,
                           .quality = f->quality,
                           .cost = f->cost,
                           .delay = made_each,
                           .truth = f->truth,
                           .spread = f->spread,
                           .group = f->group,
                           .groups = 2,
                           .hash = f->hash,
                           .x = (const float *const *)f->x,
                           .d = made_d,
                           .xs = KINDS,
                           .where = "made.csv"};
    return f;
}

static inline void made_free(made *f)
{
    for (int k = 0; k < KINDS; k++) free(f->out[k]), free(f->x[k]);
    free(f->score), free(f->quality), free(f->cost), free(f->truth);
    free(f->spread), free(f->group), free(f->hash), free(f);
}

static cull_status fit_by(cull_ctx *cx, const cull_method *m, const cull_opts *o,
                          const cull_outcomes *rows, cull_policy **out);
static cull_status apply_by(cull_ctx *cx, cull_policy *p, const cull_outcomes *rows,
                            cull_decisions *out);
static cull_status plan_by(cull_ctx *cx, const cull_method *m, const cull_opts *o,
                           const cull_outcomes *rows, cull_policy_plan *out);

/* ---- what is compared ---- */
static inline uint64_t bytes(uint64_t h, const void *p, size_t n)
{
    return p ? cull__hash64(p, n, h) : h + 1;
}

static inline uint64_t hash_of(const cull_decisions *d)
{
    size_t n = (size_t)d->n;
    uint64_t h = bytes(1, d->model, n * sizeof *d->model);
    h = bytes(h, d->called, n * sizeof *d->called);
    h = bytes(h, d->cost, n * sizeof *d->cost);
    h = bytes(h, d->label, n * sizeof *d->label);
    h = bytes(h, d->score, n * sizeof *d->score);
    h = bytes(h, d->keep, n);
    h = bytes(h, d->p, n * sizeof *d->p);
    h = bytes(h, d->lo, n * sizeof *d->lo);
    h = bytes(h, d->hi, n * sizeof *d->hi);
    return bytes(h, d->set, n * (size_t)d->classes);
}

static inline const char *scratch_file(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/cull-policy-%d.json", (int)getpid());
    return path;
}

static inline char *file_of(cull_ctx *cx, const cull_policy *p)
{
    ok(cx, cull_policy_write(cx, p, scratch_file()));
    char *text = contract_slurp(scratch_file());
    unlink(scratch_file());
    assert_non_null(text);
    return text;
}

static inline cull_opts *opts_of(cull_ctx *cx, const cull_method *m)
{
    static const struct {
        const char *name;
        double value;
    } few[] = {{"epochs", 2}, {"rounds", 10}, {"hidden", 8},
               {"warm", 1},   {"nodes", 200}, {"folds", 2}};
    cull_opts *o;
    ok(cx, cull_opts_new(cx, m, &o));
    for (const cull_opt *r = m->opts; r->name; r++)
        for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
            char buf[32];
            if (r->kind != CULL_KIND_I64 || strcmp(r->name, few[i].name)) continue;
            cull__format_f64(fmin(r->def, fmax(r->lo, few[i].value)), buf);
            ok(cx, cull_opts_set(cx, o, r->name, buf));
        }
    for (const cull_opt *r = m->opts; r->name; r++) /* of what takes one model the first */
        if (!strcmp(r->name, "which")) ok(cx, cull_opts_set(cx, o, r->name, "1"));
    return o;
}

static inline cull_status fit_light(cull_ctx *cx, const cull_method *m, const cull_outcomes *rows,
                                    cull_policy **out)
{
    cull_ctx *own = cull_ctx_new(NULL);
    cull_opts *o = opts_of(own, m);
    cull_status s = fit_by(cx, m, o, rows, out);
    cull_opts_free(o);
    cull_ctx_free(own);
    return s;
}

/* ---- the tests ---- */
static inline void policies_descriptor(const cull_method *m)
{
    contract_descriptor(m);
    for (const cull_opt *o = m->opts; o->name;
         o++) /* else a command line could not tell them apart */
        for (const cull_input *in = cull_task_inputs(m->task); in->name; in++)
            if (!strcmp(o->name, in->name)) fail_msg("%s: option %s is an input", m->slug, o->name);
    CHECK(m, m->task == CULL_TASK_COMPUTE ? m->run.compute->fit && m->run.compute->apply
                                          : m->run.trust->fit && m->run.trust->apply);
}

/* The same bytes for any number of threads; a file decides as what was written. */
static inline void policies_results(const cull_method *m)
{
    made *f = made_new(m, ROWS, 1), *g = made_new(m, ROWS + 33, 2);
    char *want = NULL;
    uint64_t decided = 0;
    for (int threads = 1; threads <= 4; threads *= 2) {
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, threads);
        cull_policy *p, *again;
        cull_decisions d, e;
        ok(cx, fit_light(cx, m, &f->o, &p));
        char *text = file_of(cx, p);
        ok(cx, apply_by(cx, p, &g->o, &d));
        ok(cx, cull_policy_write(cx, p, scratch_file()));
        ok(cx, cull_policy_open(cx, scratch_file(), &again));
        unlink(scratch_file());
        ok(cx, apply_by(cx, again, &g->o, &e));
        CHECK(m, hash_of(&d) == hash_of(&e));
        CHECK(m, !want || (!strcmp(want, text) && decided == hash_of(&d)));
        decided = hash_of(&d);
        free(want);
        want = text;
        cull_decisions_free(&d), cull_decisions_free(&e);
        cull_policy_free(p), cull_policy_free(again);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    free(want);
    made_free(f), made_free(g);
}

/* Rows of d from `at` on are those of part. */
static inline bool is_part(const cull_decisions *d, int64_t at, const cull_decisions *part)
{
    size_t n = (size_t)part->n;
    size_t c = (size_t)part->classes;
#define SAME(f) (!part->f ? !d->f : d->f && !memcmp(d->f + at, part->f, n * sizeof *part->f))
    return SAME(model) && SAME(called) && SAME(cost) && SAME(label) && SAME(score) && SAME(keep) &&
           SAME(p) && SAME(lo) && SAME(hi) && SAME(level) && SAME(drift) &&
           (!part->set ? !d->set : d->set && !memcmp(d->set + (size_t)at * c, part->set, n * c));
#undef SAME
}

/* Block by block as all at once, wherever blocks begin; or all at once and no other way. Some policies learn anew for each
 * block: rows alone are SINGLE of them, before the rest. */
static inline void policies_blocks(const cull_method *m)
{
    enum { SINGLE = 40 };
    made *f = made_new(m, FEW, 1), *g = made_new(m, ROWS + 33, 2);
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_policy *p;
    cull_decisions all, d;
    ok(cx, fit_light(cx, m, &f->o, &p));
    ok(cx, apply_by(cx, p, &g->o, &all));
    for (int64_t block = 1; block < 300; block = 3 * block + 61) {
        cull_stream *s;
        cull_stream_summary sum;
        ok(cx, cull_stream_new(cx, p, NULL, &s));
        bool once = cull_stream_at_once(s);
        for (int64_t at = 0, n = block; at < g->o.n; at += n) {
            cull_outcomes part;
            cull__mark_t mark = cull__mark(cx);
            if (n > g->o.n - at || (once && !at) || (block == 1 && at == SINGLE)) n = g->o.n - at;
            ok(cx, cull_outcomes_rows(cx, &g->o, at, n, &part));
            ok(cx, cull_stream_next(cx, s, &part, &d));
            CHECK(m, d.n == n && is_part(&all, at, &d));
            cull_decisions_free(&d);
            if (once) refused(cx, cull_stream_next(cx, s, &part, &d), CULL_EINPUT, "in one block");
            cull__release(cx, mark);
        }
        ok(cx, cull_stream_sum(cx, s, &sum));
        int64_t kept = 0;
        for (int64_t i = 0; all.keep && i < all.n; i++) kept += all.keep[i];
        CHECK(m, sum.rows == g->o.n && sum.kept == kept && sum.copies == 0);
        cull_stream_free(s);
    }
    cull_decisions_free(&all);
    cull_policy_free(p);
    cull_ctx_free(cx);
    made_free(f), made_free(g);
}

/* A stream that is watched: the same wherever blocks begin, rows without a truth among them; or there is none. */
static inline void policies_watch(const cull_method *m)
{
    made *f = made_new(m, ROWS / 3, 1), *g = made_new(m, ROWS + 33, 2);
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_policy *p;
    cull_decisions all = {0};
    cull_watch_opts o = CULL_WATCH_OPTS;
    ok(cx, fit_light(cx, m, &f->o, &p));
    for (int64_t i = 0; i < g->o.n; i += 5) {
        g->truth[i] = NAN;
        for (int k = 0; k < KINDS; k++) g->quality[k * g->o.n + i] = NAN;
    }
    for (int64_t block = g->o.n; block > 20; block /= 4) {
        cull_stream *s;
        cull_stream_summary sum;
        cull_decisions d;
        ok(cx, cull_stream_new(cx, p, NULL, &s));
        if (cull_stream_at_once(s)) {
            refused(cx, cull_stream_watch(cx, s, &o), CULL_EINPUT, "at once");
            cull_stream_free(s);
            break;
        }
        ok(cx, cull_stream_watch(cx, s, &o));
        refused(cx, cull_stream_watch(cx, s, &o), CULL_EINPUT, "from its first row on");
        for (int64_t at = 0; at < g->o.n; at += block) {
            cull_outcomes part;
            cull__mark_t mark = cull__mark(cx);
            ok(cx,
               cull_outcomes_rows(cx, &g->o, at, block < g->o.n - at ? block : g->o.n - at, &part));
            ok(cx, cull_stream_next(cx, s, &part, &d));
            if (!all.n) {
                all = d;
                d = (cull_decisions){0};
            } else {
                CHECK(m, is_part(&all, at, &d));
            }
            cull_decisions_free(&d);
            cull__release(cx, mark);
        }
        ok(cx, cull_stream_sum(cx, s, &sum));
        const cull_watch_summary *w = &sum.watch;
        CHECK(m,
              sum.watched && w->known > 0 && w->known <= g->o.n && w->of[0] + w->of[1] == w->known);
        if (w->follows) {
            double missed = (double)(w->missed[0] + w->missed[1]) / (double)w->known;
            CHECK(m, w->known == g->o.n - (g->o.n + 4) / 5 && all.level &&
                         missed - w->level <= w->bound);
        }
        cull_stream_free(s);
    }
    cull_decisions_free(&all);
    cull_policy_free(p);
    cull_ctx_free(cx);
    made_free(f), made_free(g);
}

/* What it needs and is not there is refused by the name of the option that gives it. */
static inline void policies_lacking(const cull_method *m)
{
    static const struct {
        unsigned bit;
        const char *say;
    } need[] = {{CULL_READS_OUT, "--logits"},      {CULL_READS_SCORE, "--score"},
                {CULL_READS_QUALITY, "--quality"}, {CULL_READS_TRUTH, "--truth"},
                {CULL_READS_X, "--features"},      {CULL_READS_ONLY_SCORE, "--score"}};
    made *f = made_new(m, FEW, 1);
    cull_ctx *cx = cull_ctx_new(NULL);
    for (size_t i = 0; i < sizeof need / sizeof *need; i++) {
        cull_policy *p = NULL;
        cull_outcomes o = f->o;
        if (!(needs_of(m, false) & need[i].bit)) continue;
        if (need[i].bit & (CULL_READS_OUT | CULL_READS_SCORE | CULL_READS_ONLY_SCORE))
            o.out = NULL, o.score = NULL;
        if (need[i].bit == CULL_READS_QUALITY) o.quality = NULL, o.truth = NULL;
        if (need[i].bit == CULL_READS_TRUTH) o.truth = NULL;
        if (need[i].bit == CULL_READS_X) o.x = NULL, o.xs = 0;
        refused(cx, fit_light(cx, m, &o, &p), CULL_EINPUT, need[i].say);
        CHECK(m, !p);
    }
    cull_ctx_free(cx);
    made_free(f);
}

/* Numbers that are none, other models, no rows, one row. */
static inline void policies_bad(const cull_method *m)
{
    made *f = made_new(m, FEW, 1);
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_policy *p = NULL;
    cull_decisions d;
    cull_outcomes o = f->o;
    float kept = f->out[1][3];
    f->out[1][3] = NAN;
    refused(cx, fit_light(cx, m, &f->o, &p), CULL_EINPUT,
            "made.csv: row 1: model 'middle' has nan");
    f->out[1][3] = kept;
    f->score[FEW + 2] = INFINITY;
    refused(cx, fit_light(cx, m, &f->o, &p), CULL_EINPUT,
            "made.csv: row 2: the score of model 'middle' is inf");
    f->score[FEW + 2] = 0;
    f->cost[4] = -1;
    refused(cx, fit_light(cx, m, &f->o, &p), CULL_EINPUT,
            "made.csv: row 4: the cost of model 'small' is -1");
    f->cost[4] = 1;
    o.n = 0;
    refused(cx, fit_light(cx, m, &o, &p), CULL_EINPUT, "there are no rows");
    ok(cx, fit_light(cx, m, &f->o, &p));
    o = f->o;
    o.models = 2;
    refused(cx, apply_by(cx, p, &o, &d), CULL_EINPUT, "was fitted for 3");
    static const char *const other[] = {"small", "large", "middle"};
    o = f->o;
    o.name = other;
    refused(cx, apply_by(cx, p, &o, &d), CULL_EINPUT, "'large'");
    cull_policy_free(p);
    for (int64_t n = 1; n <= 3; n++) { /* whatever comes of so few, nothing breaks */
        o = f->o;
        cull__mark_t mark = cull__mark(cx);
        ok(cx, cull_outcomes_rows(cx, &f->o, 0, n, &o));
        cull_status s = fit_light(cx, m, &o, &p);
        CHECK(m, s == CULL_OK || s == CULL_EINPUT);
        if (s == CULL_OK) {
            ok(cx, apply_by(cx, p, &f->o, &d));
            cull_decisions_free(&d);
            cull_policy_free(p);
        } else {
            CHECK(m, *cull_error(cx));
        }
        cull__release(cx, mark);
    }
    cull_ctx_free(cx);
    made_free(f);
}

/* All alike: no order among rows, one class, all right, all wrong. */
static inline void policies_alike(const cull_method *m)
{
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int what = 0; what < 4; what++) {
        made *f = made_new(m, FEW, 1), *g = made_new(m, FEW, 2);
        cull_policy *p = NULL;
        cull_decisions d;
        for (int64_t i = 0; i < KINDS * FEW; i++) {
            if (what == 0) f->score[i] = 0;
            if (what > 1) f->quality[i] = what == 2;
        }
        for (int64_t i = 0; i < FEW * CLASSES && what == 0; i++)
            for (int k = 0; k < KINDS; k++) f->out[k][i] = 0;
        for (int64_t i = 0; i < FEW && what == 1; i++) f->truth[i] = 1;
        cull_status s = fit_light(cx, m, &f->o, &p);
        if (s != CULL_OK) {
            CHECK(m, s == CULL_EINPUT && *cull_error(cx));
        } else {
            ok(cx, apply_by(cx, p, &g->o, &d));
            cull_decisions_free(&d);
            cull_policy_free(p);
        }
        made_free(f), made_free(g);
    }
    cull_ctx_free(cx);
}

static const made *policies_rows;
static inline void policies_try(cull_ctx *cx, const cull_method *m, const char *name,
                                const char *value)
{
    cull_opts *o = opts_of(cx, m);
    cull_policy *p;
    cull_decisions d;
    contract_set(cx, m, o, name, value);
    for (const cull_opt *r = m->opts; r->name;
         r++) /* what would take minutes at its bound is only set */
        if (!strcmp(r->name, name) && r->kind == CULL_KIND_I64 && atof(value) > 100 &&
            atof(value) > r->def) {
            cull_opts_free(o);
            return;
        }
    cull_status s = fit_by(cx, m, o, &policies_rows->o, &p);
    CHECK(m, s == CULL_OK || s == CULL_EINPUT || s == CULL_EOPTION);
    if (s == CULL_OK) {
        s = apply_by(cx, p, &policies_rows->o, &d);
        CHECK(m, s == CULL_OK || s == CULL_EINPUT);
        cull_decisions_free(&d);
        cull_policy_free(p);
    }
    cull_opts_free(o);
}

static inline void policies_options(const cull_method *m)
{
    made *f = made_new(m, LEAST, 1);
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_opts *o = opts_of(cx, m);
    policies_rows = f;
    contract_options(cx, m, o, policies_try);
    cull_opts_free(o);
    cull_ctx_free(cx);
    made_free(f);
}

/* The k-th allocation fails: k = 1 to 60, then further and further. */
static inline void policies_no_memory(const cull_method *m)
{
    made *f = made_new(m, FEW, 1);
    bool failed = true;
    for (long k = 1; failed; k += k < 60 ? 1 : k / 4) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        failed = !cx;
        if (!cx) continue;
        cull_policy *p = NULL;
        cull_decisions d = {0};
        cull_status s = fit_light(cx, m, &f->o, &p);
        CHECK(m, s == CULL_OK || s == CULL_ENOMEM);
        if (s == CULL_OK) s = apply_by(cx, p, &f->o, &d);
        CHECK(m, s == CULL_OK || s == CULL_ENOMEM);
        failed = h.calls >= k;
        cull_decisions_free(&d);
        cull_policy_free(p);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    made_free(f);
}

/* ---- before a fit ---- */
/* As tests/cli/plan.sh has it for task data. */
static inline void near_held(const cull_method *m, const char *what, uint64_t planned,
                             uint64_t held)
{
    const double p = (double)planned, h = (double)held, some = 2 << 20;
    if (p > 0 && p < 1.1 * h + some && h < 1.1 * p + some) return;
    fail_msg("%s, %s: planned %.2f MiB, held %.2f", m->slug, what, p / (1 << 20), h / (1 << 20));
}

/* What a plan says is held, against what is, for as many rows as are tried and for three times as many. */
static inline void policies_plan(const cull_method *m)
{
    int64_t tried = m->task == CULL_TASK_COMPUTE ? m->run.compute->trial : 0;
    for (int64_t n = tried ? tried : 8192; n <= 3 * (tried ? tried : 8192); n *= 3) {
        made *f = made_new(m, n, 1);
        cull_policy_plan plan;
        cull_policy *p;
        cull_decisions d;
        hooks h = {0};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_opts *o = opts_of(cx, m);
        ok(cx, plan_by(cx, m, o, &f->o, &plan));
        CHECK(m, plan.tried == (tried ? tried : 8192) && !*plan.refused);
        cull_ctx *own = hooked_ctx(&h, 1);
        ok(own, fit_by(own, m, o, &f->o, &p));
        near_held(m, "fit", plan.bytes, cull_ctx_peak(own));
        ok(cx, cull_stream_plan(cx, p, NULL, &f->o, n, false, &plan));
        cull_ctx *other = hooked_ctx(&h, 1);
        ok(other, apply_by(other, p, &f->o, &d));
        near_held(m, "apply", plan.bytes, cull_ctx_peak(other));
        cull_decisions_free(&d);
        cull_policy_free(p);
        cull_opts_free(o);
        cull_ctx_free(other), cull_ctx_free(own), cull_ctx_free(cx);
        made_free(f);
    }
}

#define POLICIES_TESTS(t)                                                                          \
    static void descriptor(void **state)                                                           \
    {                                                                                              \
        (void)state;                                                                               \
        EACH_OF(t, m) policies_descriptor(m);                                                      \
    }                                                                                              \
    static void results(void **state)                                                              \
    {                                                                                              \
        (void)state;                                                                               \
        EACH_OF(t, m) policies_results(m);                                                         \
    }                                                                                              \
    static void blocks(void **state)                                                               \
    {                                                                                              \
        (void)state;                                                                               \
        EACH_OF(t, m) policies_blocks(m);                                                          \
    }                                                                                              \
    static void watch(void **state)                                                                \
    {                                                                                              \
        (void)state;                                                                               \
        EACH_OF(t, m) policies_watch(m);                                                           \
    }                                                                                              \
    static void lacking(void **state)                                                              \
    {                                                                                              \
        (void)state;                                                                               \
        EACH_OF(t, m) policies_lacking(m);                                                         \
    }                                                                                              \
    static void bad(void **state)                                                                  \
    {                                                                                              \
        (void)state;                                                                               \
        EACH_OF(t, m) policies_bad(m);                                                             \
    }                                                                                              \
    static void alike(void **state)                                                                \
    {                                                                                              \
        (void)state;                                                                               \
        EACH_OF(t, m) policies_alike(m);                                                           \
    }                                                                                              \
    static void options(void **state)                                                              \
    {                                                                                              \
        (void)state;                                                                               \
        EACH_OF(t, m) policies_options(m);                                                         \
    }                                                                                              \
    static void no_memory(void **state)                                                            \
    {                                                                                              \
        (void)state;                                                                               \
        EACH_OF(t, m) policies_no_memory(m);                                                       \
    }                                                                                              \
    static void plan(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        EACH_OF(t, m) policies_plan(m);                                                            \
    }                                                                                              \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        if (!contract_start(t, argc, argv)) return 1;                                              \
        const struct CMUnitTest tests[] = {                                                        \
            cmocka_unit_test(descriptor), cmocka_unit_test(results), cmocka_unit_test(lacking),    \
            cmocka_unit_test(bad),        cmocka_unit_test(alike),   cmocka_unit_test(options),    \
            cmocka_unit_test(no_memory),  cmocka_unit_test(blocks),  cmocka_unit_test(watch),      \
            cmocka_unit_test(plan),                                                                \
        };                                                                                         \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }
#endif

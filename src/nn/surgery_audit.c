/* surgery_audit.c - a pruned network, fine-tuned, beside the same one trained from scratch. */
#include "cull/surgery_audit.h"
#include "nn/fit.h"
#include "nn/surgery.h"

#include <math.h>
#include <string.h>

/* Trainings of one audit, the longest first. */
typedef struct {
    cull_model *m[CULL_AUDIT_ROWS];
    cull_audit_row row[CULL_AUDIT_ROWS];
    cull_fit_opts fit[CULL_AUDIT_ROWS];
    cull_train_opts train[CULL_AUDIT_ROWS];
    cull_train_problem problem[CULL_AUDIT_ROWS];
    int n;
} trainings;

typedef struct {
    cull_ctx *cx;
    const cull_surgery *s;
    const bool *keep;
    const cull_fit_data *d;
    const int64_t *row, *val_row;
    int64_t n, val_n;
    const cull_audit_opts *o;
} audit;

const char *cull_audit_name(cull_audit_kind kind)
{
    static const char *const name[] = {"whole",
                                       "pruned",
                                       "fine-tuned",
                                       "fine-tuned, full schedule",
                                       "scratch-E",
                                       "scratch-B",
                                       "scratch-E, uniform widths"};
    return (size_t)kind < sizeof name / sizeof *name ? name[kind] : NULL;
}

static cull_status judge(const audit *a, cull_model *m, cull_audit_row *r)
{
    cull_ctx *cx = a->cx;
    int64_t dim[3], outs = 1;
    int rank = cull_model_output(m, dim);
    float *out;
    int32_t *label;
    cull_class_metrics k;
    for (int i = 0; i < rank; i++) outs *= dim[i];
    r->accuracy = NAN;
    CULL_TRY(CULL_TMP(cx, out, a->val_n * outs));
    CULL_TRY(cull_fit_predict(cx, m, a->d, a->val_row, a->val_n, a->o->fit.kind,
                              a->o->fit.train.batch, out, &r->loss));
    if (a->o->fit.kind != CULL_FIT_CLASSES) return CULL_OK;
    CULL_TRY(CULL_TMP(cx, label, a->val_n));
    for (int64_t i = 0; i < a->val_n; i++) {
        int64_t at = a->val_row[i];
        int s = 0;
        while (at >= cull_dataset_rows(a->d->set[s])) at -= cull_dataset_rows(a->d->set[s++]);
        label[i] = cull_dataset_label(a->d->set[s])[at];
    }
    CULL_TRY(cull_metrics_classes(cx, out, label, a->val_n, outs, &k, NULL));
    r->accuracy = k.accuracy;
    return CULL_OK;
}

static cull_status judge_in_turn(const audit *a, cull_model *m, cull_audit_row *r)
{
    cull__mark_t mark = cull__mark(a->cx);
    cull_status s = judge(a, m, r);
    cull__release(a->cx, mark);
    return s;
}

/* ---- what is trained ---- */

/* The network that keep leaves as it is, or the same one with first weights of its own. */
static cull_status add(const audit *a, trainings *t, cull_audit_kind kind, const bool *keep,
                       int64_t epochs, double rate)
{
    int i = t->n;
    bool scratch = kind >= CULL_AUDIT_SCRATCH_E;
    CULL_TRY(cull_surgery_cut(a->cx, a->s, keep, &t->m[i]));
    t->n++;
    if (scratch) {
        cull_model_opts mo = CULL_MODEL_OPTS;
        cull_model *cut = t->m[i];
        mo.start = cut->start;
        cull_status s = cull_model_from(a->cx, cut->text, strlen(cut->text), "the smaller model",
                                        &mo, &t->m[i]);
        cull_model_free(cut);
        CULL_TRY(s);
    }
    t->fit[i] = a->o->fit;
    t->fit[i].train.last = true; /* rows that judge choose no epoch */
    t->fit[i].train.patience = 0;
    t->fit[i].train.optim.norm_l1 = 0; /* they were to find what to cut */
    t->fit[i].soft_keep = 0;
    t->fit[i].train.epochs = epochs;
    t->fit[i].train.schedule.lr = rate;
    if (kind == CULL_AUDIT_TUNED) {
        t->fit[i].train.schedule.kind = CULL_LR_CONSTANT;
        t->fit[i].train.schedule.warmup = 0;
    }
    t->train[i] = t->fit[i].train;
    t->row[i] = (cull_audit_row){
        .kind = kind, .rate = rate, .epochs = epochs, .macs = cull_model_totals(t->m[i]).macs};
    return CULL_OK;
}

/* Trained anew only the widths count, and of whose filters they are does not. */
static cull_status add_uniform(const audit *a, trainings *t, double macs)
{
    const cull_surgery_target to = {.size = sizeof to, .macs = macs, .round = 1, .uniform = true};
    bool *keep;
    double *score;
    CULL_TRY(CULL_TMP(a->cx, keep, cull_surgery_units(a->s)));
    CULL_TRY(CULL_TMP0(a->cx, score, cull_surgery_units(a->s)));
    CULL_TRY(cull_surgery_choose(a->cx, a->s, score, &to, keep));
    return add(a, t, CULL_AUDIT_UNIFORM, keep, a->o->fit.train.epochs, a->o->fit.train.schedule.lr);
}

static cull_status plan(const audit *a, trainings *t, double macs, double less)
{
    const cull_audit_opts *o = a->o;
    int64_t full = o->fit.train.epochs;
    int64_t tune = o->tune_epochs ? o->tune_epochs : full < 4 ? 1 : full / 4;
    double rate = o->fit.train.schedule.lr, ratio = less > 0 ? macs / less : 1;
    if (ratio > o->cap) ratio = o->cap;
    if (o->scratch)
        CULL_TRY(add(a, t, CULL_AUDIT_SCRATCH_B, a->keep, llround((double)full * ratio), rate));
    if (o->uniform) CULL_TRY(add_uniform(a, t, less));
    if (o->scratch) CULL_TRY(add(a, t, CULL_AUDIT_SCRATCH_E, a->keep, full, rate));
    if (o->tune_full) CULL_TRY(add(a, t, CULL_AUDIT_TUNED_FULL, a->keep, full, rate));
    for (int k = 0; k < o->rates; k++)
        CULL_TRY(add(a, t, CULL_AUDIT_TUNED, a->keep, tune, rate * o->rate[k]));
    return CULL_OK;
}

static cull_status train(const audit *a, trainings *t)
{
    for (int i = 0; i < t->n; i++) {
        int64_t batch = t->train[i].batch < a->n ? t->train[i].batch : a->n;
        t->problem[i] = (cull_train_problem){.n = a->n, .row = a->row};
        CULL_TRY(cull__fit_problem(a->cx, t->m[i], a->d, &t->fit[i], batch, &t->problem[i]));
    }
    return cull_train_many(a->cx, t->problem, t->train, t->n, NULL);
}

/* ---- the audit ---- */

static cull_status run(const audit *a, cull_model *whole, trainings *t, cull_audit *out)
{
    cull_model *cut;
    cull_audit_row *r = out->row;
    cull_surgery_count(a->s, NULL, &out->macs[0], &out->params[0]);
    cull_surgery_count(a->s, a->keep, &out->macs[1], &out->params[1]);
    r[0] = (cull_audit_row){.kind = CULL_AUDIT_WHOLE, .macs = out->macs[0]};
    r[1] = (cull_audit_row){.kind = CULL_AUDIT_PRUNED, .macs = out->macs[1]};
    CULL_TRY(judge_in_turn(a, whole, r));
    CULL_TRY(cull_surgery_cut(a->cx, a->s, a->keep, &cut));
    cull_status s = judge_in_turn(a, cut, r + 1);
    cull_model_free(cut);
    if (s == CULL_OK) s = plan(a, t, out->macs[0], out->macs[1]);
    CULL_TRY(s);
    CULL_TRY(train(a, t));
    out->rows = 2;
    for (int i = t->n; i-- > 0;) { /* the shortest first */
        r[out->rows] = t->row[i];
        CULL_TRY(judge_in_turn(a, t->m[i], r + out->rows++));
    }
    return CULL_OK;
}

static cull_status check(cull_ctx *cx, const audit *a)
{
    const cull_audit_opts *o = a->o;
    if (o->size != sizeof *o)
        return cull__fail(cx, CULL_EOPTION, "cull_audit_opts of %zu bytes, not %zu", o->size,
                          sizeof *o);
    CULL_TRY(cull__fit_check(cx, &o->fit));
    if (o->rates < 0 || o->rates > CULL_AUDIT_RATES)
        return cull__fail(cx, CULL_EOPTION, "%d rates to fine-tune at; there may be %d", o->rates,
                          CULL_AUDIT_RATES);
    for (int i = 0; i < o->rates; i++)
        if (!(o->rate[i] > 0 && isfinite(o->rate[i])))
            return cull__fail(cx, CULL_EOPTION, "a rate to fine-tune at of %g times the full one",
                              o->rate[i]);
    if (!(o->cap >= 1 && isfinite(o->cap)) || o->tune_epochs < 0)
        return cull__fail(cx, CULL_EOPTION,
                          "scratch-B trains 1 to %g times as long, and a fine-tune takes %lld "
                          "epochs; it must be 1 or more, and 0 or more",
                          o->cap, (long long)o->tune_epochs);
    if (a->n < 1 || a->val_n < 1)
        return cull__fail(cx, CULL_EINPUT,
                          "an audit wants rows to train on and others to judge by");
    return CULL_OK;
}

cull_status cull_surgery_audit(cull_ctx *cx, const cull_surgery *s, cull_model *m, const bool *keep,
                               const cull_fit_data *d, const int64_t *row, int64_t n,
                               const int64_t *val_row, int64_t val_n, const cull_audit_opts *o,
                               cull_audit *out)
{
    const audit a = {cx, s, keep, d, row, val_row, n, val_n, o};
    trainings *t;
    *out = (cull_audit){0};
    CULL_TRY(check(cx, &a));
    cull__mark_t mark = cull__mark(cx);
    cull_status status = CULL_TMP0(cx, t, 1);
    if (status == CULL_OK) {
        status = run(&a, m, t, out);
        for (int i = 0; i < t->n; i++) cull_model_free(t->m[i]);
    }
    cull__release(cx, mark);
    return status;
}

/* weights.c - the door to every method of task weights: what is given is checked, then made into items and written. */
#include "task/weights.h"
#include "cull/checkpoint_look.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- what is given ---- */
static cull_status check_number(cull_ctx *cx, const cull__weights_job *j)
{
    const cull_weights_problem *p = j->w.problem;
    const cull_weights_fns *f = j->fns;
    const char *slug = j->m->slug;
    if ((f->needs & CULL_WEIGHTS_BASE) && !p->base)
        return cull__fail(cx, CULL_EINPUT, "%s needs what the models were fine-tuned from (base)",
                          slug);
    if ((f->needs & CULL_WEIGHTS_NO_BASE) && p->base)
        return cull__fail(cx, CULL_EINPUT,
                          "%s has no use for a base; if it is to count, give it as a model", slug);
    if ((f->needs & CULL_WEIGHTS_ACTIVATIONS) && !p->activations)
        return cull__fail(cx, CULL_EINPUT,
                          "%s needs statistics of what tensors are multiplied with (activations)",
                          slug);
    int most = f->most < 0 ? CULL_WEIGHTS_MODELS : f->most;
    if (p->models >= f->least && p->models <= most) return CULL_OK;
    char range[32];
    snprintf(range, sizeof range, f->least == most ? "%d" : "%d to %d", f->least, most);
    return cull__fail(cx, CULL_EINPUT, "%s takes %s model%s%s, and there %s %d", slug, range,
                      most == 1 ? "" : "s", p->base ? " beside the base" : "",
                      p->models == 1 ? "is" : "are", p->models);
}

static cull_status check_packing(cull_ctx *cx, const cull_weights_problem *p)
{
    return p->sparse && p->packing ? cull_packing_check(cx, p->packing) : CULL_OK;
}

static cull_status take_sources(cull_ctx *cx, cull__weights_job *j)
{
    const cull_weights_problem *p = j->w.problem;
    const cull_checkpoint **source;
    j->w.first = p->base != NULL;
    j->w.sources = j->w.first + p->models;
    if (!j->w.sources) return cull__fail(cx, CULL_EINPUT, "%s: there is no model", j->m->slug);
    CULL_TRY(CULL_TMP(cx, source, j->w.sources));
    if (p->base) source[0] = p->base;
    for (int i = 0; i < p->models; i++) source[j->w.first + i] = p->model[i];
    j->w.source = source;
    return CULL_OK;
}

/* ---- what it takes ---- */
static uint64_t item_reads(const cull__weights_job *j, const cull_weights_item *it)
{
    uint64_t bytes = 0;
    for (int s = 0; s < j->w.sources; s++)
        if (it->at && it->at[s] >= 0) bytes += cull_checkpoint_at(j->w.source[s], it->at[s])->bytes;
    return bytes;
}

static void expect(const cull_ctx *cx, cull__weights_job *j)
{
    cull_weights_report *p = &j->report;
    uint64_t own = 0;
    double passes = 0, once = 0;
    int64_t most = 0;
    bool sparse = j->w.problem->sparse; /* counted before it is packed */
    int threads = cull_ctx_threads(cx);
    if (j->fns->plan) j->fns->plan(&j->w, threads, &own, &passes);
    j->passes = passes;
    p->tensors = j->w.items;
    for (int64_t i = 0; i < j->w.items; i++) {
        const cull_weights_item *it = &j->w.item[i];
        double reads = (double)item_reads(j, it);
        p->computed += !it->copy;
        if (j->fns->keep && !it->copy) p->pruned_of += it->t.n;
        p->written += it->t.bytes;
        once += reads + (double)it->t.bytes;
        p->read += (uint64_t)(reads * (1 + sparse + (it->copy ? 0 : passes)));
        most = it->t.n > most ? it->t.n : most;
    }
    /* a block of each source, the one that is made, the one that is written, and the method's own */
    uint64_t block = (uint64_t)CULL_WEIGHTS_BLOCK * sizeof(float) * (uint64_t)(j->w.sources + 3);
    p->held = cull_ctx_held(cx) + own + block * (uint64_t)threads;
    if (sparse) p->held += cull_packer_bytes(most, threads);
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    j->forget = !sparse && once > memory / 2; /* (packing reads again) */
}

/* ---- the door ---- */
static cull_status work(cull_ctx *cx, cull__weights_job *j, const char *path)
{
    CULL_TRY(take_sources(cx, j));
    if (path) CULL_TRY(cull__weights_apart(cx, j->w.problem, path));
    CULL_TRY(check_packing(cx, j->w.problem));
    CULL_TRY(cull__weights_items(cx, j));
    CULL_TRY(cull__weights_quantized(cx, &j->w));
    expect(cx, j);
    if (!path) return CULL_OK;
    CULL_TRY(cull__weights_unknown(cx, &j->w));
    if (j->fns->begin) {
        const char *was = cull__phase(cx, "reading");
        cull_status s = j->fns->begin(cx, &j->w, &j->state);
        cull__phase(cx, was);
        CULL_TRY(s);
    }
    const char *was = cull__phase(cx, "writing");
    cull_status s = cull__weights_write(cx, j, path);
    cull__phase(cx, was);
    j->report.zeroed = j->zeroed;
    return s;
}

static cull_status start(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                         const cull_weights_problem *p, const char *path,
                         cull_weights_report *report)
{
    cull__weights_job j = {.m = m, .w.problem = p, .w.planning = !path};
    if (report) *report = j.report;
    if (m->task != CULL_TASK_WEIGHTS)
        return cull__fail(cx, CULL_EINPUT, "%s is a method of task %s, not of weights", m->slug,
                          cull_task_name(m->task));
    if (opts && cull_opts_method(opts) != m)
        return cull__fail(cx, CULL_EINPUT, "these are options of %s, not of %s",
                          cull_opts_method(opts)->slug, m->slug);
    j.fns = m->run.weights;
    CULL_TRY(check_number(cx, &j));
    cull_opts *own = NULL;
    if (!opts) CULL_TRY(cull_opts_new(cx, m, &own));
    j.w.opts = cull_opts_raw(opts ? opts : own);
    uint64_t peak = cull__peak_anew(cx);
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__rules_new(cx, m, opts ? opts : own, p, &j.rules);
    if (s == CULL_OK) s = work(cx, &j, path);
    cull__release(cx, mark);
    uint64_t held = cull__peak_since(cx, peak);
    if (path) j.report.held = held;
    cull__free(j.w.item);
    cull__rules_free(j.rules);
    cull_opts_free(own);
    if (report && s == CULL_OK) *report = j.report;
    return s;
}

cull_status cull_weights_run(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                             const cull_weights_problem *p, const char *out,
                             cull_weights_report *report)
{
    return start(cx, m, opts, p, out, report);
}

cull_status cull_weights_plan(cull_ctx *cx, const cull_method *m, const cull_opts *opts,
                              const cull_weights_problem *p, cull_weights_report *report)
{
    return start(cx, m, opts, p, NULL, report);
}

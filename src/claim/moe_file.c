/* moe_file.c - see moe_text.h: the model and what was recorded of it as files, and the model that a method leaves. */
#define _GNU_SOURCE
#include "claim/moe_text.h"
#include "cull/weights.h"
#include "io/io.h"
#include "repr/experts_cut.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LAYERS = CULL__MOE_LAYERS, PATH = 320 };
static const char MODEL[] = "model.safetensors", STATS[] = "stats.safetensors",
                  SMALL[] = "small.safetensors", MANIFEST[] = "small.manifest.json";

static void path_of(const cull__moe_files *f, const char *name, char path[PATH])
{
    snprintf(path, PATH, "%s/%s", f->dir, name);
}

cull_status cull__moe_files_open(cull_ctx *cx, const char *slug, cull__moe_files *out)
{
    return cull__claim_folder(cx, slug, sizeof out->dir, out->dir);
}

void cull__moe_files_close(cull__moe_files *f)
{
    static const char *const name[] = {MODEL, STATS, SMALL, MANIFEST};
    char path[PATH];
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        path_of(f, name[i], path);
        unlink(path);
    }
    rmdir(f->dir);
}

/* ---- writing ---- */

cull_status cull__moe_save(cull_ctx *cx, const cull__moe_files *f, const cull__moe_net *m)
{
    const int n = cull_params_count(m->p);
    char path[PATH];
    cull__tensor *t;
    cull__mark_t mark = cull__mark(cx);
    CULL_TRY(CULL_TMP0(cx, t, n));
    for (int i = 0; i < n; i++) {
        const cull_param *p = cull_params_at(m->p, i);
        t[i].name = p->name;
        t[i].a =
            (cull_array){.dtype = CULL_F32, .ndim = p->rank, .at = cull_params_value(m->p) + p->at};
        memcpy(t[i].a.shape, p->dim, (size_t)p->rank * sizeof *p->dim);
    }
    path_of(f, MODEL, path);
    CULL_TRY(cull__safetensors_write(cx, path, t, n, NULL, 0));
    cull__release(cx, mark);
    return CULL_OK;
}

cull_status cull__moe_save_record(cull_ctx *cx, const cull__moe_files *f, const cull__moe_net *m,
                                  const cull__moe_record *r, int64_t tokens, const float *usage)
{
    char path[PATH], name[2 * LAYERS][96];
    cull__tensor t[2 * LAYERS] = {0};
    int n = 0;
    for (int i = 0; i < LAYERS; i++)
        for (int k = 0; k < (r ? 2 : 1); k++, n++) {
            const char *what = !r ? "usage" : k ? "inputs" : "router_logits";
            snprintf(name[n], sizeof name[n], "model.layers.%d.block_sparse_moe.%s", i, what);
            t[n].name = name[n];
            t[n].a = (cull_array){.dtype = CULL_F32, .ndim = r ? 2 : 1};
            t[n].a.at = !r ? usage + i * m->experts : k ? r->inputs[i] : r->logits[i];
            t[n].a.shape[0] = r ? tokens : m->experts;
            t[n].a.shape[1] = k ? m->scale->width : m->rows;
        }
    path_of(f, STATS, path);
    return cull__safetensors_write(cx, path, t, n, NULL, 0);
}

/* ---- making it smaller ---- */

static cull_status run_method(cull_ctx *cx, const cull__moe_files *f, const char *slug,
                              const char *options, const cull_checkpoint *model)
{
    const cull_method *method = cull_method_find(slug, NULL);
    char stats[PATH], out[PATH];
    cull_checkpoint *activations;
    cull_weights_report report;
    cull_opts *o = NULL;
    path_of(f, STATS, stats);
    path_of(f, SMALL, out);
    CULL_TRY(cull_checkpoint_open(cx, stats, &activations));
    const cull_weights_problem p = {.model = &model, .models = 1, .activations = activations};
    cull_status s = cull_opts_new(cx, method, &o);
    if (s == CULL_OK) s = cull__claim_options(cx, o, options);
    if (s == CULL_OK) s = cull_weights_run(cx, method, o, &p, out, &report);
    cull_opts_free(o);
    cull_checkpoint_free(activations);
    return s;
}

/* Which expert each row of a router stands for, where routers kept theirs. */
static cull_status read_groups(cull_ctx *cx, const cull__moe_files *f, const cull_checkpoint *model,
                               cull__moe_net *m)
{
    char path[PATH], *text;
    cull__bytes b;
    cull__moe at;
    cull__moe_cut *cut;
    bool whole, aligned;
    path_of(f, MANIFEST, path);
    CULL_TRY(cull__moe_find(cx, model, &at));
    CULL_TRY(cull__moe_cut_new(cx, &at, &cut));
    CULL_TRY(cull__bytes_open(cx, path, &b));
    cull_status s = CULL_TMP0(cx, text, (int64_t)b.n + 1);
    if (s == CULL_OK) memcpy(text, b.at, b.n);
    cull__bytes_close(&b);
    CULL_TRY(s);
    CULL_TRY(cull__moe_manifest_read(cx, text, &at, cut, &whole, &aligned));
    for (int i = 0; i < LAYERS; i++)
        memcpy(m->of[i], cut[i].group, (size_t)m->rows * sizeof **m->of);
    return CULL_OK;
}

static cull_status read_numbers(cull_ctx *cx, const cull_checkpoint *ck, cull__moe_net *m)
{
    for (int i = 0; i < cull_params_count(m->p); i++) {
        const cull_param *p = cull_params_at(m->p, i);
        const int64_t k = cull_checkpoint_find(ck, p->name, NULL);
        if (k < 0 || cull_checkpoint_at(ck, k)->n != p->n)
            return cull__fail(cx, CULL_EINTERNAL, "%s lacks %s, of %" PRId64 " numbers",
                              cull_checkpoint_path(ck), p->name, p->n);
        CULL_TRY(cull_checkpoint_read(cx, ck, k, 0, p->n, cull_params_value(m->p) + p->at));
    }
    return CULL_OK;
}

static cull_status read_small(cull_ctx *cx, const cull__moe_files *f, const cull__moe_net *from,
                              const cull_checkpoint *model, int64_t experts, cull__moe_net *out)
{
    char path[PATH];
    cull_checkpoint *ck;
    path_of(f, SMALL, path);
    CULL_TRY(cull_checkpoint_open(cx, path, &ck));
    const int64_t k = cull_checkpoint_find(ck, "model.layers.0.block_sparse_moe.gate.weight", NULL);
    const int64_t rows = k < 0 ? experts : cull_checkpoint_at(ck, k)->shape[0];
    cull_status s = cull__moe_net_new(cx, from->text, experts, rows, out);
    if (s == CULL_OK) s = read_numbers(cx, ck, out);
    if (s == CULL_OK && rows > experts) s = read_groups(cx, f, model, out);
    if (s != CULL_OK) cull__moe_net_close(out);
    cull_checkpoint_free(ck);
    return s;
}

cull_status cull__moe_reduce(cull_ctx *cx, const cull__moe_files *f, const cull__moe_net *m,
                             const char *slug, const char *options, int64_t experts,
                             cull__moe_net *out)
{
    char path[PATH];
    cull_checkpoint *model;
    path_of(f, MODEL, path);
    CULL_TRY(cull_checkpoint_open(cx, path, &model));
    cull_status s = run_method(cx, f, slug, options, model);
    if (s == CULL_OK) s = read_small(cx, f, m, model, experts, out);
    cull_checkpoint_free(model);
    return s;
}

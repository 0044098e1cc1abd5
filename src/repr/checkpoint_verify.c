/* checkpoint_verify.c - whether a checkpoint that could be opened is sound: against its index and config, in itself, and
 * in its numbers. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repr/checkpoint_verify.h"

void cull__verify_tell(cull__verifying *v, bool error, const char *tensor, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cull_finding f = {.error = error, .tensor = tensor, .text = text};
    v->fn(v->user, &f);
}

/* ---- files ---- */

static void check_total(cull__verifying *v)
{
    const cull_checkpoint *ck = v->ck;
    if (ck->total < 0 || (uint64_t)ck->total == ck->stored) return;
    cull__verify_tell(v, false, NULL,
                      "the index says that its tensors take %" PRId64
                      " bytes (total_size), they take %" PRIu64,
                      ck->total, ck->stored);
}

/* "model-00002-of-00005.safetensors" */
static void check_shard_names(cull__verifying *v)
{
    const cull_checkpoint *ck = v->ck;
    for (int i = 0; i < ck->files; i++) {
        const char *slash = strrchr(ck->file[i].path, '/'), *of = NULL;
        for (const char *s = slash ? slash : ck->file[i].path; (s = strstr(s, "-of-")) != NULL; s++)
            of = s;
        long n = of ? strtol(of + 4, NULL, 10) : 0;
        if (n <= 0 || n == ck->files) continue;
        cull__verify_tell(v, true, NULL, "%s is one of %ld shards by its name, and there are %d",
                          ck->file[i].path, n, ck->files);
        return;
    }
}

/* Readers that view numbers in place want them at multiples of their size. */
static void check_places(cull__verifying *v)
{
    int64_t odd = 0, first = -1;
    int size;
    for (int64_t i = 0; i < v->ck->n; i++) {
        const cull_tensor *t = v->ck->t + i;
        (void)cull__safetensors_form(t->dtype, &size);
        if (!v->ck->at[i]) continue; /* packed */
        uint64_t at = (uint64_t)(v->ck->at[i] - v->ck->file[t->file].bytes.at);
        if (size > 1 && t->bytes && at % (uint64_t)size && !odd++) first = i;
    }
    char others[64] = "";
    if (odd > 1)
        snprintf(others, sizeof others, ", nor do those of %" PRId64 " more tensor%s", odd - 1,
                 odd > 2 ? "s" : "");
    if (odd)
        cull__verify_tell(v, false, v->ck->name[first],
                          "its numbers do not lie at a multiple of their size%s; some readers must "
                          "copy them",
                          others);
}

/* ---- what the config says ---- */

static void check_layers(cull__verifying *v)
{
    const cull_checkpoint *ck = v->ck;
    int last = -1;
    bool adapter = false;
    for (int64_t i = 0; i < ck->n; i++) {
        if (ck->t[i].layer > last) last = ck->t[i].layer;
        adapter |= ck->t[i].lora != 0;
    }
    if (adapter || v->config.layers < 0 || last < 0) return;
    if (last + 1 < v->config.layers)
        cull__verify_tell(v, true, NULL,
                          "the config has %" PRId64 " layers, the last one here is layer %d",
                          v->config.layers, last);
    else if (last >= v->config.layers)
        cull__verify_tell(v, false, NULL,
                          "the config has %" PRId64 " layers, and there is a layer %d",
                          v->config.layers, last);
}

/* None between the first and the last layer is left out; nor an expert of a layer. */
static cull_status check_gaps(cull__verifying *v)
{
    const cull_checkpoint *ck = v->ck;
    int last = -1;
    bool *seen;
    for (int64_t i = 0; i < ck->n; i++)
        if (ck->t[i].layer > last) last = ck->t[i].layer;
    if (last >= ck->n) {
        cull__verify_tell(v, false, NULL, "there is a layer %d, and only %" PRId64 " tensors", last,
                          ck->n);
        return CULL_OK;
    }
    CULL_TRY(CULL_TMP0(v->cx, seen, last + 1));
    for (int64_t i = 0; i < ck->n; i++)
        if (ck->t[i].layer >= 0) seen[ck->t[i].layer] = true;
    int first = 0;
    while (first <= last && !seen[first]) first++;
    for (int l = first; l <= last; l++)
        if (!seen[l])
            cull__verify_tell(v, false, NULL, "no tensor of layer %d, of those up to %d", l, last);
    return CULL_OK;
}

static int by_place(const void *a, const void *b)
{
    const cull_tensor *x = *(const cull_tensor *const *)a, *y = *(const cull_tensor *const *)b;
    int c = x->layer - y->layer;
    return c ? c : x->expert - y->expert;
}

static cull_status check_experts(cull__verifying *v)
{
    const cull_checkpoint *ck = v->ck;
    const cull_tensor **e;
    int64_t n = 0;
    int most = -1;
    CULL_TRY(CULL_TMP(v->cx, e, ck->n));
    for (int64_t i = 0; i < ck->n; i++)
        if (ck->t[i].expert >= 0) e[n++] = ck->t + i;
    if (n) qsort(e, (size_t)n, sizeof *e, by_place);
    for (int64_t i = 0; i < n; i++)
        if (e[i]->expert > most) most = e[i]->expert;
    for (int64_t i = 0; i < n; i++) {
        bool starts = i == 0 || e[i]->layer != e[i - 1]->layer;
        int before = starts ? -1 : e[i - 1]->expert;
        bool ends = i + 1 == n || e[i + 1]->layer != e[i]->layer;
        if (e[i]->expert > before + 1)
            cull__verify_tell(v, true, NULL, "layer %d lacks expert %d", e[i]->layer, before + 1);
        if (ends && e[i]->expert < most)
            cull__verify_tell(v, false, NULL, "layer %d has %d experts, another has %d",
                              e[i]->layer, e[i]->expert + 1, most + 1);
    }
    return CULL_OK;
}

static cull_status check_words(cull__verifying *v)
{
    const cull_checkpoint *ck = v->ck;
    int64_t e = cull__checkpoint_words(ck, false), h = cull__checkpoint_words(ck, true);
    cull_tensor_diff d;
    if (e >= 0 && v->config.words > ck->t[e].shape[0])
        cull__verify_tell(v, true, ck->name[e],
                          "it has %" PRId64 " rows, the config a vocabulary of %" PRId64,
                          ck->t[e].shape[0], v->config.words);
    if (h < 0 && e >= 0 && v->config.causal && v->config.tied == 0)
        cull__verify_tell(
            v, true, NULL,
            "there is no head (lm_head.weight), and the config does not tie it to the embedding");
    if (h < 0 || e < 0 || v->config.tied != 1) return CULL_OK;
    bool same = ck->t[h].n == ck->t[e].n && !strcmp(ck->t[h].dtype, ck->t[e].dtype);
    if (same) CULL_TRY(cull_checkpoint_diff(v->cx, ck, h, ck, e, &d));
    if (!same || d.same < d.n)
        cull__verify_tell(
            v, false, ck->name[h],
            "the config ties it to '%.100s', of which it is no copy: loading it will lose it",
            ck->name[e]);
    return CULL_OK;
}

/* ---- numbers ---- */

/* bad: those that are told already. */
static cull_status check_numbers(cull__verifying *v, const bool *bad)
{
    const cull_checkpoint *ck = v->ck;
    uint64_t done = 0;
    cull_tensor_stat s;
    for (int64_t i = 0; i < ck->n; i++) {
        const cull_tensor *t = ck->t + i;
        if (!t->floating || bad[i]) continue;
        CULL_TRY(cull_checkpoint_stat(v->cx, ck, i, &s));
        if (s.nans)
            cull__verify_tell(v, true, t->name, "%" PRId64 " of its %" PRId64 " numbers are NaN",
                              s.nans, s.n);
        if (s.infs)
            cull__verify_tell(v, false, t->name,
                              "%" PRId64 " of its %" PRId64 " numbers are infinite", s.infs, s.n);
        done += t->bytes;
        CULL_TRY(cull__tick(v->cx, (double)done, (double)(ck->bytes ? ck->bytes : 1)));
    }
    return CULL_OK;
}

static cull_status verify(cull__verifying *v, bool numbers)
{
    bool *bad;
    cull_status s = cull__checkpoint_config_read(v->cx, v->ck, &v->config);
    if (s == CULL_ENOMEM) return s;
    if (s != CULL_OK) cull__verify_tell(v, true, NULL, "%s", cull_error(v->cx));
    if (!v->ck->n) cull__verify_tell(v, false, NULL, "there is no tensor in it");
    check_total(v);
    check_shard_names(v);
    check_places(v);
    check_layers(v);
    CULL_TRY(check_gaps(v));
    CULL_TRY(check_experts(v));
    CULL_TRY(check_words(v));
    CULL_TRY(cull__verify_manifest(v));
    if (!numbers) return CULL_OK;
    CULL_TRY(CULL_TMP0(v->cx, bad, v->ck->n));
    CULL_TRY(cull__verify_mask(v));
    CULL_TRY(cull__verify_packed(v, bad));
    return check_numbers(v, bad);
}

cull_status cull_checkpoint_verify(cull_ctx *cx, const cull_checkpoint *ck, bool numbers,
                                   cull_finding_fn *fn, void *user)
{
    cull__verifying v = {.cx = cx, .ck = ck, .fn = fn, .user = user};
    const char *phase = cull__phase(cx, "verifying");
    cull__mark_t mark = cull__mark(cx);
    cull_status s = verify(&v, numbers);
    cull__release(cx, mark);
    cull__phase(cx, phase);
    return s;
}

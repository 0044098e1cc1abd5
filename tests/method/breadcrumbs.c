/* breadcrumbs against sorted magnitudes, by row, tensor and model; small parts; the hand-made case. */
#include "thinned.h"

typedef struct {
    double density, gamma;
    int granularity; /* 0 row, 1 tensor */
} shares;

static void mark(const merging *f, int t, const shares *o, int64_t from, int64_t n, uint8_t **keep)
{
    int64_t kept = (int64_t)(o->density * (double)n), top = (int64_t)(o->gamma * (double)n);
    if (kept < 1) kept = n, top = 0; /* small parts keep all */
    if (top + kept > n) top = n - kept;
    for (int s = 1; s < f->sources; s++) thinned_keep(f, t, s, from, n, top, kept, keep[s]);
}

static void bands(void **state)
{
    (void)state;
    static merging f;
    static uint8_t marks[MERGING][301 * ROW];
    uint8_t *keep[MERGING] = {marks[0], marks[1], marks[2], marks[3]};
    static const shares share[] = {
        {0.15, 0.006, 0}, {0.15, 0.006, 1}, {0.4, 0.2, 0}, {0.9, 0.3, 1}, {0.02, 0.1, 0}};
    summed o = {.weight = {0, 1, 1, 1}, .scale = {1, 1, 1, 1}, .alpha = 0.2};
    for (int k = 0; k < 5; k++) {
        const shares *h = &share[k];
        char words[120];
        merging_fill(&f, k & 1 ? "BF16" : "F32", 4);
        o.elect = k > 2;
        snprintf(words, sizeof words, "density=%g gamma=%g granularity=%s elect=%s", h->density,
                 h->gamma, h->granularity ? "tensor" : "row", o.elect ? "yes" : "no");
        cull_checkpoint *out = merging_run(&f, "breadcrumbs", words, NULL);
        for (int t = 0; t < 3; t++) {
            const cull_tensor *x = &f.in[0].t[t];
            int64_t row = h->granularity ? x->n : x->shape[x->ndim - 1];
            for (int64_t at = 0; at < x->n; at += row) mark(&f, t, h, at, row, keep);
            thinned_same(&f, out, t, &o, keep);
        }
        cull_checkpoint_free(out);
        merging_free(&f);
    }
}

/* All tensors as one order, ties by tensor, then place. */
static void whole_models(void **state)
{
    (void)state;
    static merging f, flat;
    enum { ALL = 301 * ROW + 9 + 5 };
    static uint8_t marks[MERGING][ALL];
    uint8_t *keep[MERGING] = {marks[0], marks[1], marks[2], marks[3]};
    const shares h = {0.15, 0.006, 1};
    summed o = {.weight = {0, 1, 1, 1}, .scale = {1, 1, 1, 1}, .alpha = 0.2};
    for (int k = 0; k < 2; k++) {
        merging_fill(&f, k ? "BF16" : "F32", 4);
        flat.sources = 4;
        for (int s = 0; s < 4; s++) {
            float *x = tensors_add(&flat.in[s], "all", "F32", ALL, 0);
            for (int t = 0; t < 3; x += f.in[s].t[t++].n)
                memcpy(x, f.in[s].x[t], (size_t)f.in[s].t[t].n * sizeof *x);
        }
        mark(&flat, 0, &h, 0, ALL, keep);
        cull_checkpoint *out = merging_run(&f, "breadcrumbs", "granularity=model", NULL);
        int64_t at = 0;
        for (int t = 0; t < 3; at += f.in[0].t[t++].n) {
            uint8_t *part[MERGING] = {NULL, marks[1] + at, marks[2] + at, marks[3] + at};
            thinned_same(&f, out, t, &o, part);
        }
        cull_checkpoint_free(out);
        for (int s = 0; s < 4; s++) tensors_clear(&flat.in[s]);
        merging_free(&f);
    }
}

/* beta = 1 and gamma = 0 is task arithmetic, bit for bit. */
static void all_kept(void **state)
{
    (void)state;
    static merging f;
    merging_fill(&f, "F32", 3);
    cull_checkpoint *a = merging_run(&f, "task-arithmetic", "alpha=0.3", NULL);
    float *want = tensor_numbers(f.cx, a, f.in[0].name[0]);
    cull_checkpoint_free(a);
    cull_checkpoint *b = merging_run(&f, "breadcrumbs", "density=1 gamma=0 alpha=0.3", NULL);
    assert_memory_equal(cull_checkpoint_bytes(b, 0), want, (size_t)(301 * ROW) * sizeof *want);
    cull_checkpoint_free(b);
    free(want);
    merging_free(&f);
}

/* Two rows of five: of each the largest goes, the next two stay. */
static void by_hand(void **state)
{
    (void)state;
    static merging f;
    merging_fill(&f, "F32", 2);
    static const float delta[] = {5, -4, 3, 2, -1, 1, 1, 1, -8, 1};
    static const double want[] = {0, -4, 3, 0, 0, 1, 1, 0, 0, 0};
    for (int s = 0; s < 2; s++) {
        tensors_clear(&f.in[s]);
        float *x = tensors_add(&f.in[s], "w", "F32", 2, 5);
        for (int i = 0; i < 10 && s; i++) x[i] = delta[i];
        tensors_add(&f.in[s], "a", "F32", 1, 0);
        tensors_add(&f.in[s], "b", "F32", 1, 0);
        tensors_add(&f.in[s], "model.ids", "I32", 6, 0);
        merging_open(&f, s);
    }
    cull_checkpoint *out = merging_run(&f, "breadcrumbs", "density=0.4 gamma=0.2 alpha=1", NULL);
    merging_same(&f, out, 0, want, 0, 0);
    cull_checkpoint_free(out);
    merging_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bands), cmocka_unit_test(whole_models),
                                       cmocka_unit_test(all_kept), cmocka_unit_test(by_hand)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

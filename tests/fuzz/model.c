/* model: any bytes as a description, text or JSON: what is read is written and read again, says the same and
 * counts the same. */
#include "array.h"
#include "fuzz.h"

#include "cull/model.h"
#include "cull/report.h"

#include <string.h>

static void same(cull_ctx *cx, const cull_model *m, const cull_model_opts *o, bool json)
{
    cull_model *again;
    char *s, *t;
    if (cull_model_text(cx, m, json, &s) != CULL_OK) return; /* no memory */
    if (cull_model_from(cx, s, strlen(s), "again", o, &again) != CULL_OK) abort();
    if (cull_model_text(cx, again, json, &t) != CULL_OK || strcmp(s, t)) abort();
    cull_model_total a = cull_model_totals(m), b = cull_model_totals(again);
    if (a.params != b.params || a.macs != b.macs || a.forward_values != b.forward_values) abort();
    if (cull_model_layers(m) != cull_model_layers(again)) abort();
    cull_text_free(s);
    cull_text_free(t);
    cull_model_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static cull_ctx *cx;
    const cull_model_opts shapes = {.size = sizeof shapes, .shapes_only = true};
    cull_model *m;
    if (!cx) cx = fuzz_ctx();
    if (cull_model_from(cx, (const char *)data, n, "data", &shapes, &m) != CULL_OK) return 0;
    same(cx, m, &shapes, false);
    same(cx, m, &shapes, true);
    int64_t dim[3];
    cull_model_stat s;
    for (int i = 0; i < cull_model_layers(m); i++) s = cull_model_count(m, i);
    for (int i = 0; i < 50 && cull_model_module(m, i, &s); i++)
        if (cull_model_find(m, s.name) < 0) abort();
    if (cull_model_output(m, dim) != 1 && cull_model_output(m, dim) != 3) abort();
    if (cull_model_totals(m).params < 100000) { /* with numbers, too */
        cull_model *whole;
        if (cull_model_from(cx, (const char *)data, n, "data", NULL, &whole) == CULL_OK)
            cull_model_free(whole);
    }
    cull_model_free(m);
    return 0;
}

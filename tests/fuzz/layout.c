/* layout: any bytes as layouts of jsonl (what is read is written and read again, and says the same), and
 * as an answer. */
#include "array.h"
#include "fuzz.h"

#include "cull/layout.h"
#include "cull/report.h"

#include <string.h>

/* Relations, which may be given: the same of both sets, or of neither. */
static void same(cull_ctx *cx, const cull_layouts *l, const cull_layouts *again, int64_t i)
{
    cull_layout_opts o = CULL_LAYOUT_OPTS;
    char *s, *t;
    o.kind = CULL_LAYOUT_RELATIONS;
    cull_status a = cull_layout_sequence(cx, l, i, &o, false, &s);
    cull_status b = cull_layout_sequence(cx, again, i, &o, false, &t);
    if (a != b || (a != CULL_OK && a != CULL_EINPUT) || (a == CULL_OK && strcmp(s, t))) abort();
    cull_text_free(s);
    cull_text_free(t);
}

static void use(cull_ctx *cx, cull_layouts *l)
{
    cull_layouts *again;
    char *s;
    if (cull_layouts_text(cx, l, 0, 0, &s) != CULL_OK) abort();
    if (cull_layouts_from(cx, s, strlen(s), "again", l, true, &again) != CULL_OK) abort();
    if (cull_layouts_n(again) != cull_layouts_n(l)) abort();
    for (int64_t i = 0; i < cull_layouts_n(l) && i < 4; i++) same(cx, l, again, i);
    cull_text_free(s);
    cull_layouts_free(again);
    for (int64_t i = 0; i < cull_layouts_n(l) && i < 4; i++) {
        double labels, boxes;
        if (cull_layout_likeness(cx, l, i, l, 0, &labels, &boxes) == CULL_OK &&
            !(labels >= 0 && labels <= 1 && boxes >= 0 && boxes <= 1))
            abort();
        if (cull_layout_sequence(cx, l, i, NULL, true, &s) != CULL_OK) abort();
        cull_text_free(s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char labels[] =
        "{\"elements\":[{\"label\":\"a\"},{\"label\":\"a b\"},{\"label\":\"<\"}]}";
    static cull_ctx *cx;
    cull_layouts *l;
    cull_box *box;
    int64_t boxes;
    if (!cx) cx = fuzz_ctx();
    if (cull_layouts_from(cx, (const char *)data, n, "data", NULL, true, &l) == CULL_OK) {
        use(cx, l);
        cull_layouts_free(l);
    }
    if (cull_layouts_from(cx, labels, sizeof labels - 1, "labels", NULL, true, &l) != CULL_OK)
        abort();
    if (cull_layout_parse(cx, (const char *)data, n, l, NULL, &box, &boxes) == CULL_OK) {
        cull_layouts *made;
        if (cull_layouts_of(cx, l, 1, (const cull_box *const *)&box, &boxes, NULL, &made) !=
            CULL_OK)
            abort();
        cull_layouts_free(made);
        cull_boxes_free(box);
    }
    cull_layouts_free(l);
    return 0;
}

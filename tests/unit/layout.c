/* layout: reading, likeness and selection against plain ones, text there and back, ranks, failures. */
#include "test.h"

#include "base/base.h"
#include "cull/layout.h"
#include "cull/report.h"
#include "num/num.h"

static cull_layouts *from(cull_ctx *cx, const char *text, const cull_layouts *like, bool partial)
{
    cull_layouts *l;
    ok(cx, cull_layouts_from(cx, text, strlen(text), "t", like, partial, &l));
    return l;
}

/* ---- random layouts ---- */

enum { MOST = 9, LABELS = 4 };

static const char names[] =
    "{\"elements\":["
    "{\"label\":\"text\",\"left\":0,\"top\":0,\"width\":1,\"height\":1},"
    "{\"label\":\"text box\",\"left\":0,\"top\":0,\"width\":1,\"height\":1},"
    "{\"label\":\"image\",\"left\":0,\"top\":0,\"width\":1,\"height\":1},"
    "{\"label\":\"a<\\\"&'>b\",\"left\":0,\"top\":0,\"width\":1,\"height\":1}]}";

/* n layouts of 1 to MOST boxes; on a coarse grid, so that likeness ties. */
static cull_layouts *drawn(cull_ctx *cx, const cull_layouts *like, int64_t n, uint64_t seed)
{
    static cull_box box[4000 * MOST];
    const cull_box *at[4000];
    int64_t count[4000];
    cull_layouts *l;
    cull_rng r = cull__rng_seeded(seed, 0);
    for (int64_t i = 0; i < n; i++) {
        at[i] = box + i * MOST;
        count[i] = 1 + cull__rng_below(&r, MOST);
        for (int64_t j = 0; j < count[i]; j++) {
            cull_box *b = &box[i * MOST + j];
            b->label = (int32_t)cull__rng_below(&r, LABELS);
            b->left = (double)cull__rng_below(&r, 12) / 12;
            b->top = (double)cull__rng_below(&r, 12) / 12;
            b->width = (1 - b->left) * (double)cull__rng_below(&r, 7) / 6;
            b->height = (1 - b->top) * (double)(1 + cull__rng_below(&r, 6)) / 6;
        }
    }
    ok(cx, cull_layouts_of(cx, like, n, at, count, NULL, &l));
    return l;
}

/* ---- the paper's functions, as its authors' code gives them ---- */

static const char three[] =
    "{\"elements\":[{\"label\":\"a\",\"left\":0,\"top\":0,\"width\":0.5,\"height\":0.2},"
    "{\"label\":\"a\",\"left\":0,\"top\":0.25,\"width\":0.5,\"height\":0.2},"
    "{\"label\":\"b\",\"left\":0.6,\"top\":0,\"width\":0.4,\"height\":0.4}]}";
static const char two[] =
    "{\"elements\":[{\"label\":\"a\",\"left\":0,\"top\":0,\"width\":0.5,\"height\":0.2},"
    "{\"label\":\"b\",\"left\":0.6,\"top\":0.1,\"width\":0.4,\"height\":0.4}]}";

static void oracle(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    double labels, boxes;
    int64_t order[2];
    cull_layout_quality q[2];
    cull_layouts *a = from(cx, three, NULL, false), *b = from(cx, two, a, false);
    ok(cx, cull_layout_likeness(cx, a, 0, b, 0, &labels, &boxes));
    assert_true(fabs(labels - 0.8) < 1e-15);
    assert_true(fabs(boxes - 0.9352752816480621) < 1e-12); /* (1 + 2^-.2) / 2 */
    ok(cx, cull_layout_rank(cx, b, a, order, q));
    assert_true(fabs(q[0].likeness - 0.9082202253184497) < 1e-12);
    assert_true(q[0].score == 0.6 && order[0] == 0); /* all equal: 0 each, and 1 - 0 */
    cull_layouts_free(b);
    b = from(cx,
             "{\"elements\":[{\"label\":\"a\",\"left\":0,\"top\":0,\"width\":0.5,\"height\":0.5},"
             "{\"label\":\"b\",\"left\":0.25,\"top\":0.25,\"width\":0.5,\"height\":0.5}]}\n"
             "{\"elements\":[{\"label\":\"a\",\"left\":0,\"top\":0,\"width\":0.5,\"height\":0.5}]}",
             a, false);
    ok(cx, cull_layout_rank(cx, b, NULL, order, q));
    assert_true(fabs(q[0].overlap - 0.25) < 1e-15);
    assert_true(fabs(q[0].alignment - 0.28768207245178085) < 1e-15);
    assert_true(q[1].overlap == 0 && q[1].alignment == 0 && q[1].score == 0 && q[1].likeness == 0);
    assert_true(fabs(q[0].score - 0.4) < 1e-15 && order[0] == 1 && order[1] == 0);
    cull_layouts_free(b);
    cull_layouts_free(a);
    cull_ctx_free(cx);
}

/* ---- likeness and selection against plain ones ---- */

static double distance(const cull_box *a, const cull_box *b, bool sizes)
{
    double w = a->width - b->width, h = a->height - b->height, s = w * w + h * h;
    if (!sizes)
        s += (a->left - b->left) * (a->left - b->left) + (a->top - b->top) * (a->top - b->top);
    return sqrt(s);
}

/* One assignment over all boxes, as the paper has it. */
static void plain(cull_ctx *cx, cull_layout a, cull_layout b, bool sizes, double *labels,
                  double *boxes)
{
    double cost[MOST * MOST], total, common = 0;
    int64_t col[MOST], count[2][LABELS] = {{0}};
    for (int64_t i = 0; i < a.n; i++)
        for (int64_t j = 0; j < b.n; j++)
            cost[i * b.n + j] = a.box[i].label == b.box[j].label
                                    ? -pow(0.5, 2 * distance(&a.box[i], &b.box[j], sizes))
                                    : 0;
    ok(cx, cull__assign(cx, cost, a.n, b.n, col, &total));
    *boxes = -total / (double)(a.n < b.n ? a.n : b.n);
    for (int64_t i = 0; i < a.n; i++) count[0][a.box[i].label]++;
    for (int64_t i = 0; i < b.n; i++) count[1][b.box[i].label]++;
    for (int i = 0; i < LABELS; i++)
        common += (double)(count[0][i] < count[1][i] ? count[0][i] : count[1][i]);
    *labels = 2 * common / (double)(a.n + b.n);
}

static void likeness(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_layouts *like = from(cx, names, NULL, false), *l = drawn(cx, like, 60, 5);
    for (int64_t i = 0; i < 60; i++)
        for (int64_t j = 0; j < 60; j++) {
            double labels, boxes, want[2];
            ok(cx, cull_layout_likeness(cx, l, i, l, j, &labels, &boxes));
            plain(cx, cull_layouts_at(l, i), cull_layouts_at(l, j), false, &want[0], &want[1]);
            assert_true(fabs(labels - want[0]) < 1e-12 && fabs(boxes - want[1]) < 1e-12);
            if (i == j) assert_true(labels == 1 && boxes == 1);
        }
    cull_layouts_free(l);
    cull_layouts_free(like);
    cull_ctx_free(cx);
}

static bool sized(cull_layout a, int32_t width, int32_t height)
{
    for (int64_t i = 0; i < a.n; i++)
        if (a.box[i].width * width < 1 - 1e-6 || a.box[i].height * height < 1 - 1e-6) return false;
    return true;
}

static double plain_score(cull_ctx *cx, cull_layout_kind k, cull_layout q, cull_layout a)
{
    double labels, boxes;
    if (k == CULL_LAYOUT_COMPLETION) q.n = q.n < 2 ? q.n : 2, a.n = a.n < 2 ? a.n : 2;
    plain(cx, q, a, k == CULL_LAYOUT_SIZES, &labels, &boxes);
    if (k == CULL_LAYOUT_COMPLETION) return boxes;
    return k == CULL_LAYOUT_SIZES || k == CULL_LAYOUT_REFINEMENT ? (labels + boxes) / 2 : labels;
}

/* Bounded and exhaustive: the same rows and the same bits; and nothing better was left out. */
static void selection(void **state)
{
    (void)state;
    enum { N = 700, M = 12, K = 7 };
    cull_ctx_opts co = CULL_CTX_OPTS;
    co.threads = 1;
    cull_ctx *cx = cull_ctx_new(&co);
    co.threads = 3;
    cull_ctx *many = cull_ctx_new(&co);
    cull_layouts *like = from(cx, names, NULL, false), *l = drawn(cx, like, N, 6);
    cull_layouts *q = drawn(cx, like, M, 7);
    for (int k = 0; k < CULL_LAYOUT_KINDS; k++) {
        int64_t row[3][M * K], found[3][M];
        double score[3][M * K];
        cull_layout_opts o = CULL_LAYOUT_OPTS;
        o.kind = (cull_layout_kind)k, o.exemplars = K, o.known = 2;
        ok(cx, cull_layout_select(cx, l, q, &o, row[0], score[0], found[0]));
        ok(many, cull_layout_select(many, l, q, &o, row[1], score[1], found[1]));
        o.exhaustive = true;
        ok(cx, cull_layout_select(cx, l, q, &o, row[2], score[2], found[2]));
        for (int t = 1; t < 3; t++) {
            assert_memory_equal(row[0], row[t], sizeof row[0]);
            assert_memory_equal(score[0], score[t], sizeof score[0]);
        }
        for (int64_t i = 0; i < M; i++) {
            int64_t better = 0;
            assert_int_equal(found[0][i], K);
            for (int64_t j = 0; j < N; j++) {
                if (!sized(cull_layouts_at(l, j), 120, 120)) continue;
                double s = plain_score(cx, o.kind, cull_layouts_at(q, i), cull_layouts_at(l, j));
                better += s > score[0][i * K + K - 1] + 1e-12;
                for (int t = 0; t < K; t++)
                    if (row[0][i * K + t] == j) assert_true(fabs(s - score[0][i * K + t]) < 1e-12);
            }
            assert_true(better < K);
            for (int t = 0; t < K; t++) {
                int64_t at = i * K + t;
                assert_true(sized(cull_layouts_at(l, row[0][at]), 120, 120));
                if (t == 0) continue;
                assert_true(score[0][at - 1] > score[0][at] ||
                            (score[0][at - 1] == score[0][at] && row[0][at - 1] < row[0][at]));
            }
        }
    }
    cull_layouts_free(q);
    cull_layouts_free(l);
    cull_layouts_free(like);
    cull_ctx_free(many);
    cull_ctx_free(cx);
}

/* ---- text ---- */

static cull_layouts *parsed(cull_ctx *cx, const cull_layouts *like, const char *html,
                            const cull_layout_opts *o)
{
    cull_box *box;
    int64_t n;
    cull_layouts *l;
    ok(cx, cull_layout_parse(cx, html, strlen(html), like, o, &box, &n));
    ok(cx, cull_layouts_of(cx, like, 1, (const cull_box *const *)&box, &n, NULL, &l));
    cull_boxes_free(box);
    return l;
}

static void round_trip(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_layouts *like = from(cx, names, NULL, false), *l = drawn(cx, like, 300, 8);
    for (int64_t i = 0; i < 300; i++) {
        cull_layout_opts o = CULL_LAYOUT_OPTS;
        char *html, *again;
        o.kind = (cull_layout_kind)(i % 2 ? CULL_LAYOUT_REFINEMENT : CULL_LAYOUT_TYPES);
        assert_true(cull_layout_canvas(i % 3 ? "rico" : "97x1013", &o.width, &o.height));
        ok(cx, cull_layout_html(cx, l, i, &o, &html));
        cull_layouts *p = parsed(cx, like, html, &o);
        ok(cx, cull_layout_html(cx, p, 0, &o, &again));
        if (o.kind ==
            CULL_LAYOUT_TYPES) /* by label, then place in pixels: boxes may change places */
            assert_int_equal(strlen(html), strlen(again));
        cull_layout a = cull_layouts_at(l, i), b = cull_layouts_at(p, 0);
        assert_int_equal(a.n, b.n);
        for (int64_t j = 0; j < a.n; j++) { /* every box is there, in whole pixels */
            int64_t same = 0;
            for (int64_t k = 0; k < b.n; k++)
                same +=
                    a.box[j].label == b.box[k].label &&
                    floor(a.box[j].left * o.width + 1e-6) == rint(b.box[k].left * o.width) &&
                    floor(a.box[j].top * o.height + 1e-6) == rint(b.box[k].top * o.height) &&
                    floor(a.box[j].width * o.width + 1e-6) == rint(b.box[k].width * o.width) &&
                    floor(a.box[j].height * o.height + 1e-6) == rint(b.box[k].height * o.height);
            assert_true(same >= 1);
        }
        cull_layouts *twice = parsed(cx, like, again, &o);
        char *third;
        ok(cx, cull_layout_html(cx, twice, 0, &o, &third));
        assert_string_equal(again, third); /* whole pixels come back as they were */
        cull_layouts_free(twice);
        cull_layouts_free(p);
        cull_text_free(third);
        cull_text_free(again);
        cull_text_free(html);
    }
    cull_layouts_free(l);
    cull_layouts_free(like);
    cull_ctx_free(cx);
}

static void reads_what_generators_write(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_layouts *like = from(cx, names, NULL, false);
    cull_layout_opts o = CULL_LAYOUT_OPTS;
    cull_layouts *p = parsed(
        cx, like,
        "Sure! <html><body><DIV CLASS='Canvas' style='left:0px'></DIV>\n<div><divider class=x>"
        "<div style = \"height : 30.0PX;width:60;TOP:12 px ;color:red; left:0\"\n class='text "
        "box'/>"
        "<div id=3 class=TEXT style=\"left:60px;top:0px;width:60px;height:6px\"></div>"
        "<div class=\" a&lt;&quot;&amp;&#39;&gt;b \" "
        "style=\"left:1px;top:2px;width:3px;height:4px\">",
        &o);
    cull_layout a = cull_layouts_at(p, 0);
    assert_int_equal(a.n, 3);
    assert_int_equal(a.box[0].label, 0); /* text, at the top; not the start of "text box" */
    assert_int_equal(a.box[1].label, 3);
    assert_int_equal(a.box[2].label, 1);
    assert_true(a.box[2].left == 0 && a.box[2].top == 0.1 && a.box[2].width == 0.5 &&
                a.box[2].height == 0.25);
    cull_layouts_free(p);
    static const char *const bad[][2] = {
        {"", "no div with a label"},
        {"<div class=\"canvas\" style=\"\"></div>", "no div with a label"},
        {"<div class=\"text\"></div>", "div 1: the property 'left' is missing"},
        {"<div class=\"text\" style=\"left:1px;top:1px;width:1px;height:x\">",
         "'x' is none of pixels"},
        {"<div class=\"text\" style=\"left:1px;top:1px;width:1px;height:inf\">", "none of pixels"},
        {"<div class=\"text\" style=\"left:1px;left:1px", "does not end"},
        {"<div class=\"text\" style=\"left:1px;left:1px\">", "'left' stands twice"},
        {"<div class=\"tex\" style=\"\">", "the class 'tex' is no label"},
        {"<div class=\"\" style=\"\">", "is no label"},
        {"<div style=\"left:1px\">", "a style and no class"},
        {"<div class=\"text\" style=\"left:-1px;top:1px;width:1px;height:1px\">",
         "beyond the canvas"},
        {"<div class=\"text\" style=\"left:100px;top:1px;width:21px;height:1px\">",
         "beyond the canvas of 120 x 120 pixels"},
        {"<div class=\"text\" style=\"left:1px;top:1px;width:1px;height:1px\"></div><div",
         "div 2 does not end"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cull_box *box;
        int64_t n;
        refused(cx, cull_layout_parse(cx, bad[i][0], strlen(bad[i][0]), like, &o, &box, &n),
                CULL_EINPUT, bad[i][1]);
        assert_true(!box && !n);
    }
    cull_layouts_free(like);
    cull_ctx_free(cx);
}

static const char page[] =
    "{\"id\":\"p\",\"width\":120,\"height\":120,\"elements\":["
    "{\"label\":\"text\",\"left\":10,\"top\":60,\"width\":100,\"height\":20},"
    "{\"label\":\"text\",\"left\":10,\"top\":90,\"width\":100,\"height\":21},"
    "{\"label\":\"image\",\"left\":10,\"top\":5,\"width\":100,\"height\":50}]}";

static void says(cull_ctx *cx, const cull_layouts *l, cull_layout_opts *o, const char *want)
{
    char *s;
    ok(cx, cull_layout_sequence(cx, l, 0, o, false, &s));
    assert_string_equal(s, want);
    cull_text_free(s);
}

static void sequences(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_layouts *l = from(cx, page, NULL, false);
    cull_layout_opts o = CULL_LAYOUT_OPTS;
    char *s;
    says(cx, l, &o, "image 0 | text 1 | text 2");
    o.kind = CULL_LAYOUT_SIZES;
    says(cx, l, &o, "image 0 100 50 | text 1 100 20 | text 2 100 21");
    o.kind = CULL_LAYOUT_COMPLETION;
    says(cx, l, &o, "image 0 10 5 100 50");
    o.known = 2;
    says(cx, l, &o, "image 0 10 5 100 50 | text 1 10 60 100 20");
    o.kind = CULL_LAYOUT_REFINEMENT;
    says(cx, l, &o, "image 0 10 5 100 50 | text 1 10 60 100 20 | text 2 10 90 100 21");
    ok(cx, cull_layout_sequence(cx, l, 0, &o, true, &s));
    int v[4];
    assert_int_equal(sscanf(s, "image 0 %d %d %d %d |", v, v + 1, v + 2, v + 3), 4);
    assert_true(abs(v[0] - 10) < 8 && abs(v[1] - 5) < 8 && abs(v[2] - 100) < 8 &&
                abs(v[3] - 50) < 8);
    assert_true(strcmp(s, "image 0 10 5 100 50 | text 1 10 60 100 20 | text 2 10 90 100 21") != 0);
    cull_text_free(s);
    o.kind = CULL_LAYOUT_RELATIONS; /* over seeds every one of the nine is drawn, one at a time */
    static const char *const all[] = {
        "text 1 bottom image 0",  "text 1 smaller image 0", "text 2 bottom image 0",
        "text 2 smaller image 0", "image 0 top canvas",     "text 2 bottom text 1",
        "text 2 equal text 1",    "text 1 center canvas",   "text 2 bottom canvas"};
    int seen[9] = {0};
    for (uint64_t seed = 1; seed < 200; seed++) {
        cull_ctx_reseed(cx, seed);
        ok(cx, cull_layout_sequence(cx, l, 0, &o, false, &s));
        assert_memory_equal(s, "image 0 | text 1 | text 2 | ", 28);
        int which = -1;
        for (int i = 0; i < 9; i++)
            if (!strcmp(s + 28, all[i])) which = i;
        if (which < 0) fail_msg("'%s'", s);
        seen[which]++;
        cull_text_free(s);
    }
    for (int i = 0; i < 9; i++) assert_true(seen[i] > 5);
    cull_layouts_free(l);
    cull_ctx_free(cx);
}

/* Those of a query, by places in its file, with the names that its text has. */
static void given_relations(void **state)
{
    static const char query[] =
        "{\"elements\":[{\"label\":\"text\"},{\"label\":\"image\"},{\"label\":\"text\"},"
        "{\"label\":\"button\"}],\"relations\":[[2,\"top\",0],[0,\"larger\",1],[3,\"center\","
        "\"canvas\"],[1,\"left\",3],[2,\"top\",0]]}\n"
        "{\"elements\":[{\"label\":\"text\"}],\"relations\":[]}\n"
        "{\"elements\":[{\"label\":\"text\"}],\"relations\":null}\n";
    static const char *const want[] = {
        "button 0 | image 1 | text 2 | text 3 | text 3 top text 2 | text 2 larger image 1 | "
        "button 0 center canvas | image 1 left button 0 | text 3 top text 2",
        "text 0"};
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_layouts *library = from(cx, page, NULL, false), *set[2];
    cull_layout_opts o = CULL_LAYOUT_OPTS;
    char *s;
    o.kind = CULL_LAYOUT_RELATIONS;
    set[0] = from(cx, query, library, true);
    ok(cx, cull_layouts_text(cx, set[0], 0, 0, &s));
    assert_non_null(strstr(s, "\"relations\":[[2,\"top\",0],[0,\"larger\",1],[3,\"center\",\"canvas"
                              "\"],[1,\"left\",3],[2,\"top\",0]]}\n"));
    set[1] = from(cx, s, library, true); /* there and back */
    cull_text_free(s);
    for (int k = 0; k < 2; k++) {
        for (int64_t i = 0; i < 2; i++) {
            ok(cx, cull_layout_sequence(cx, set[k], i, &o, k, &s));
            assert_string_equal(s, want[i]);
            cull_text_free(s);
        }
        refused(cx, cull_layout_sequence(cx, set[k], 2, &o, false, &s), CULL_EINPUT,
                "has no size; relations needs it");
        cull_layouts_free(set[k]);
    }
    int64_t row[10], found;
    double score[10];
    set[0] =
        from(cx, "{\"elements\":[{\"label\":\"text\"}],\"relations\":[[0,\"top\",\"canvas\"]]}",
             library, true);
    ok(cx, cull_layout_select(cx, library, set[0], &o, row, score, &found));
    assert_true(found == 1 && row[0] == 0);
    o.kind = CULL_LAYOUT_TYPES; /* of no other kind */
    says(cx, set[0], &o, "text 0");
    cull_layouts_free(set[0]);
    cull_layouts_free(library);
    cull_ctx_free(cx);
}

/* Boxes whose places are known stand in another order than in the file. */
static void given_relations_of_boxes(void **state)
{
    static const char query[] =
        "{\"elements\":[{\"label\":\"a\",\"left\":0,\"top\":0.6,\"width\":1,\"height\":0.1},"
        "{\"label\":\"a\",\"left\":0,\"top\":0.3,\"width\":1,\"height\":0.1},"
        "{\"label\":\"a\",\"left\":0,\"top\":0,\"width\":1,\"height\":0.1}],"
        "\"relations\":[[0,\"bottom\",1],[2,\"top\",1],[0,\"equal\",2]]}";
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_layouts *l = from(cx, query, NULL, true), *again;
    cull_layout_opts o = CULL_LAYOUT_OPTS;
    char *s;
    o.kind = CULL_LAYOUT_RELATIONS;
    says(cx, l, &o, "a 0 | a 1 | a 2 | a 2 bottom a 1 | a 0 top a 1 | a 2 equal a 0");
    ok(cx, cull_layouts_text(cx, l, 120, 120, &s));
    again = from(cx, s, l, true);
    says(cx, again, &o, "a 0 | a 1 | a 2 | a 2 bottom a 1 | a 0 top a 1 | a 2 equal a 0");
    cull_text_free(s);
    cull_layouts_free(again);
    cull_layouts_free(l);
    cull_ctx_free(cx);
}

static void bad_relations(void **state)
{
    static const char *const bad[][2] = {
        {"7", "t:1: 'relations' is no array"},
        {"[7]", "t:1: relation 0: it is no array of three"},
        {"[[0,\"top\",1],[0,\"top\"]]", "relation 1: it is no array of three"},
        {"[[0,\"top\",1,2]]", "relation 0: it is no array of three"},
        {"[[0,\"top\",2]]", "relation 0: there is no element 2; the record has 2"},
        {"[[-1,\"top\",0]]", "there is no element -1"},
        {"[[65536,\"top\",1]]", "there is no element 65536"},
        {"[[0.5,\"top\",0]]", "whole numbers from 0"},
        {"[[\"canvas\",\"top\",0]]", "only the last may be \"canvas\""},
        {"[[0,\"top\",\"Canvas\"]]", "only the last may be \"canvas\""},
        {"[[0,\"over\",1]]",
         "'over' is none of top, center, bottom, left, right, smaller, equal, larger"},
        {"[[0,\"to\",1]]", "'to' is none of"},
        {"[[0,\"top\\u0000\",1]]", "is none of"},
        {"[[0,7,1]]", "the second member is none of"},
        {"[[0,\"larger\",\"canvas\"]]",
         "'larger' is none of top, center, bottom, the words for the canvas"},
        {"[[1,\"top\",1]]", "an element stands beside itself"}};
    static char text[200000];
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_layouts *l;
    static const char head[] = "{\"elements\":[{\"label\":\"a\"},{\"label\":\"b\"}],\"relations\":";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int n = snprintf(text, sizeof text, "%s%s}", head, bad[i][0]);
        refused(cx, cull_layouts_from(cx, text, (size_t)n, "t", NULL, true, &l), CULL_EINPUT,
                bad[i][1]);
    }
    for (int most = 10000; most <= 10001; most++) {
        size_t n = (size_t)snprintf(text, sizeof text, "%s[", head);
        for (int i = 0; i < most; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s[1,\"top\",0]", i ? "," : "");
        n += (size_t)snprintf(text + n, sizeof text - n, "]}");
        cull_status s = cull_layouts_from(cx, text, n, "t", NULL, true, &l);
        if (most == 10000) {
            ok(cx, s);
            cull_layouts_free(l);
        } else {
            refused(cx, s, CULL_EINPUT, "t:1: there are more than 10000 relations");
        }
    }
    int n = snprintf(text, sizeof text, "%.*s,\"relations\":[]}", (int)sizeof page - 2, page);
    refused(cx, cull_layouts_from(cx, text, (size_t)n, "t", NULL, false, &l), CULL_EINPUT,
            "t:1: 'relations' are for layouts that are wanted");
    cull_ctx_free(cx);
}

static void prompts(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_layouts *l = from(cx, page, NULL, false);
    cull_layouts *q =
        from(cx, "{\"elements\":[{\"label\":\"text\"},{\"label\":\"image\"}]}", l, true);
    cull_layout_opts o = CULL_LAYOUT_OPTS;
    int64_t row[3] = {0, 0, 0}, used;
    char *s, *t;
    ok(cx, cull_layout_prompt(cx, l, q, 0, row, 3, &o, &s, &used));
    assert_int_equal(used, 3);
    const char *first = strstr(s, "\nimage 0 | text 1 | text 2\n<div class=\"canvas\"");
    assert_non_null(first);
    assert_non_null(strstr(s, "Canvas: 120 pixels wide"));
    assert_string_equal(s + strlen(s) - 18, "\nimage 0 | text 1\n");
    size_t preamble = (size_t)(first - s);
    size_t each = (strlen(s) - preamble - strlen("\nimage 0 | text 1\n")) / 3;
    for (int k = 0; k <= 3; k++) { /* to the character */
        o.characters = (int64_t)(preamble + (size_t)k * each);
        ok(cx, cull_layout_prompt(cx, l, q, 0, row, 3, &o, &t, &used));
        assert_int_equal(used, k);
        cull_text_free(t);
        if (k == 0) continue;
        o.characters--;
        ok(cx, cull_layout_prompt(cx, l, q, 0, row, 3, &o, &t, &used));
        assert_int_equal(used, k - 1);
        cull_text_free(t);
    }
    cull_text_free(s);
    o.kind = CULL_LAYOUT_SIZES;
    refused(cx, cull_layout_prompt(cx, l, q, 0, row, 3, &o, &s, &used), CULL_EINPUT,
            "layout 0, element 0 (text) has no size; sizes needs it");
    row[0] = 4;
    refused(cx, cull_layout_prompt(cx, l, l, 0, row, 1, NULL, &s, &used), CULL_EINPUT,
            "of 1 layouts");
    cull_layouts_free(q);
    cull_layouts_free(l);
    cull_ctx_free(cx);
}

/* ---- reading ---- */

static void same_boxes(cull_layout a, cull_layout b)
{
    assert_int_equal(a.n, b.n);
    for (int64_t i = 0; i < a.n; i++) {
        const cull_box *x = &a.box[i], *y = &b.box[i];
        assert_true(x->label == y->label && x->left == y->left && x->top == y->top &&
                    x->width == y->width && x->height == y->height);
    }
}

static void reading(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_layouts *l = from(cx, page, NULL, false), *again;
    cull_layout a = cull_layouts_at(l, 0);
    assert_string_equal(a.id, "p");
    assert_string_equal(cull_layouts_label(l, a.box[0].label), "image"); /* the topmost */
    assert_true(a.box[1].top == 0.5 && a.box[2].top == 0.75);
    char *s;
    ok(cx, cull_layouts_text(cx, l, 120, 120, &s));
    again = from(cx, s, l, false);
    same_boxes(cull_layouts_at(again, 0), a);
    cull_layouts_free(again);
    cull_text_free(s);
    ok(cx, cull_layouts_text(cx, l, 0, 0, &s));
    again = from(cx, s, l, false);
    same_boxes(cull_layouts_at(again, 0), a);
    cull_layouts_free(again);
    cull_text_free(s);
#define BOX(label, l, t, w, h)                                                                     \
    "{\"elements\":[{\"label\":" label ",\"left\":" l ",\"top\":" t ",\"width\":" w                \
    ",\"height\":" h "}]}"
    static const char *const bad[][2] = {
        {"", "it holds no layout"},
        {"[]", "t:1: the record is no object"},
        {"{\"a\":1}", "there is no array 'elements'"},
        {"{\"elements\":[]}", "there is no element"},
        {"{\"elements\":[7]}", "an element is no object"},
        {"{\"elements\":[{}]}", "element 0: 'label' is missing"},
        {"{\"elements\":[{\"label\":7}]}", "'label' is no string"},
        {"{\"elements\":[{\"label\":\"x\"}]}", "element 0: 'left' is missing"},
        {"\n" BOX("\"x\"", "0", "0", "2", "1"),
         "t:2: element 0: 'width' is 2; it must be 0 to 1, a share"},
        {BOX("\"x\"", "-0.1", "0", "1", "1"), "'left' is -0.1"},
        {BOX("\"x\"", "0.5", "0", "0.6", "1"), "'width' reaches beyond the canvas"},
        {BOX("\"x\"", "0", "0.5", "0.6", "1"), "'height' reaches beyond the canvas"},
        {BOX("\"x\"", "\"a\"", "0", "1", "1"), "'left' is no number"},
        {BOX("\"canvas\"", "0", "0", "1", "1"), "the label 'canvas' means the canvas itself"},
        {BOX("\"\"", "0", "0", "1", "1"), "the label ''"},
        {BOX("\"a\\nb\"", "0", "0", "1", "1"), "the label 'a?b'"},
        {"{\"width\":9,\"elements\":[]}", "a width or a height only"},
        {"{\"width\":9,\"height\":0,\"elements\":[]}", "must be numbers above 0"},
        {"{\"id\":3,\"elements\":[]}", "'id' is no string"},
        {"{\"id\":\"a\",\"id\":\"a\"}", "'id' stands twice"},
        {"{\"elements\":[{\"label\":\"a\"", "byte 26 of the line"}};
#undef BOX
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(cx, cull_layouts_from(cx, bad[i][0], strlen(bad[i][0]), "t", NULL, false, &again),
                CULL_EINPUT, bad[i][1]);
    refused(cx, cull_layouts_open(cx, "/no/such", NULL, false, &again), CULL_EIO, "/no/such");
    cull_layouts_free(l);
    cull_ctx_free(cx);
}

static void refusals(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_layouts *a = from(cx, three, NULL, false), *b = from(cx, page, NULL, false), *c;
    int64_t row[10], found;
    double score[10];
    cull_layout_opts o = CULL_LAYOUT_OPTS;
    refused(cx, cull_layout_select(cx, a, b, &o, row, score, &found), CULL_EINPUT,
            "label 0 is 'a' in one set of layouts and 'text' in the other");
    o.exemplars = 0;
    refused(cx, cull_layout_select(cx, a, a, &o, row, score, &found), CULL_EOPTION, "0 exemplars");
    o = (cull_layout_opts)CULL_LAYOUT_OPTS, o.width = 0;
    refused(cx, cull_layout_select(cx, a, a, &o, row, score, &found), CULL_EOPTION,
            "a canvas of 0 x 120");
    o = (cull_layout_opts)CULL_LAYOUT_OPTS, o.size = 3;
    refused(cx, cull_layout_select(cx, a, a, &o, row, score, &found), CULL_EOPTION, "this version");
    const cull_box wrong = {.label = 9, .width = 1, .height = 1}, *at = &wrong;
    int64_t count = 1;
    refused(cx, cull_layouts_of(cx, a, 1, &at, &count, NULL, &c), CULL_EINPUT, "box 0 of layout 0");
    count = 0;
    refused(cx, cull_layouts_of(cx, a, 1, &at, &count, NULL, &c), CULL_EINPUT, "has 0 boxes");
    static const char *const none[] = {"", "x", "90x", "x90", "0x9", "10001x5", "rica", "90x160x3"};
    int32_t w, h;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(cull_layout_canvas(none[i], &w, &h));
    assert_true(cull_layout_canvas("posterlayout", &w, &h) && w == 102 && h == 150);
    /* one layout is there, and has no pixels on a small canvas */
    o = (cull_layout_opts)CULL_LAYOUT_OPTS, o.width = o.height = 2, o.exemplars = 2;
    ok(cx, cull_layout_select(cx, a, a, &o, row, score, &found));
    assert_true(found == 0 && row[0] == -1 && row[1] == -1);
    cull_layouts_free(b);
    cull_layouts_free(a);
    cull_ctx_free(cx);
}

/* All that can fail does, once at each allocation, and gives everything back. */
static cull_status everything(cull_ctx *cx)
{
    cull_layouts *l = NULL, *p = NULL, *r = NULL;
    cull_box *box = NULL;
    char *s = NULL, *t = NULL, *u = NULL;
    int64_t row[3], order[1], found, used, n;
    double score[3];
    cull_layout_quality q;
    cull_layout_opts o = CULL_LAYOUT_OPTS;
    o.kind = CULL_LAYOUT_REFINEMENT, o.exemplars = 3;
    cull_status st = cull_layouts_from(cx, three, strlen(three), "t", NULL, false, &l);
    if (st == CULL_OK) st = cull_layout_select(cx, l, l, &o, row, score, &found);
    if (st == CULL_OK) st = cull_layout_prompt(cx, l, l, 0, row, found, &o, &s, &used);
    if (st == CULL_OK) st = cull_layout_parse(cx, s, strlen(s), l, &o, &box, &n);
    if (st == CULL_OK) st = cull_layouts_of(cx, l, 1, (const cull_box *const *)&box, &n, NULL, &p);
    if (st == CULL_OK) st = cull_layout_rank(cx, p, l, order, &q);
    if (st == CULL_OK) st = cull_layouts_text(cx, p, 0, 0, &t);
    static const char query[] =
        "{\"elements\":[{\"label\":\"a\"}],\"relations\":[[0,\"top\",\"canvas\"]]}";
    if (st == CULL_OK) st = cull_layouts_from(cx, query, strlen(query), "t", NULL, true, &r);
    o.kind = CULL_LAYOUT_RELATIONS;
    if (st == CULL_OK) st = cull_layout_sequence(cx, r, 0, &o, false, &u);
    cull_text_free(s);
    cull_text_free(t);
    cull_text_free(u);
    cull_layouts_free(r);
    cull_boxes_free(box);
    cull_layouts_free(p);
    cull_layouts_free(l);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    ok(cx, everything(cx));
    cull_ctx_free(cx);
    long calls = h.calls;
    assert_true(calls > 10);
    for (long k = 1; k <= calls; k++) {
        hooks f = {.fail_at = k};
        if (!(cx = hooked_ctx(&f, 1))) continue;
        cull_status s = everything(cx);
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        cull_ctx_free(cx);
        assert_int_equal(f.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oracle),          cmocka_unit_test(likeness),
        cmocka_unit_test(selection),       cmocka_unit_test(round_trip),
        cmocka_unit_test(sequences),       cmocka_unit_test(reads_what_generators_write),
        cmocka_unit_test(prompts),         cmocka_unit_test(reading),
        cmocka_unit_test(given_relations), cmocka_unit_test(given_relations_of_boxes),
        cmocka_unit_test(bad_relations),   cmocka_unit_test(refusals),
        cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

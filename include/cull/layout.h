/* cull/layout.h - layouts: boxes with labels on a canvas, and what a text generator needs to make more.
 *
 * LayoutPrompter (Lin et al. 2023): of a library of layouts, those most like a wanted one go as
 * exemplars into a prompt; what comes back is parsed and ranked. Generating is the caller's business.
 *
 * A box is in shares of the canvas, 0 to 1. Text has it in whole pixels of a cull_canvas, floor(share *
 * pixels), where a millionth of a pixel is forgiven, so that pixels come back as they were. */
#ifndef CULL_LAYOUT_H
#define CULL_LAYOUT_H
#include "cull/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    double left, top, width, height; /* shares of the canvas; NaN = not known */
    int32_t label;                   /* of cull_layouts_label */
} cull_box;
typedef struct {
    const char *id; /* "" when the record has none */
    const cull_box *box;
    int64_t n; /* boxes, 1 to 1024, in order of (top, left), then of the label's name */
} cull_layout;

/* ---- sets of layouts ---- */
typedef struct cull_layouts cull_layouts;
/* Layouts of jsonl (.gz, .zst, "-" = standard input), one a line:
 *   {"id": "a", "width": 1440, "height": 2560,
 *    "elements": [{"label": "text", "left": 0, "top": 40, "width": 720, "height": 90}, ...]}
 * id is optional. With width and height of the canvas the numbers of elements are in its pixels, without
 * in shares; a box that reaches beyond the canvas is refused. partial: numbers may be missing (null or
 * absent) where they are not known; such layouts keep the order of the file. like: labels have the
 * numbers that they have there, new ones come after (NULL: numbers in order of appearance). Labels are 1
 * to 64 bytes without control characters; "canvas" is none. EINPUT by file, line and element. One pass,
 * about 50 bytes a box.
 * A partial record may give relations that are wanted, 10000 at most, for CULL_LAYOUT_RELATIONS:
 *   "relations": [[0, "top", 1], [2, "larger", 0], [2, "center", "canvas"]]
 * says that element 0 of the record (they count from 0) lies above 1, that 2 is larger than 0 and lies
 * in the canvas's middle third; the words are top, center, bottom, left, right, smaller, equal and
 * larger, for the canvas the first three. An empty array says that none is wanted, null nothing.
 * EINPUT by relation; also where the set is not partial, whose relations follow from its boxes. */
CULL_API cull_status cull_layouts_open(cull_ctx *cx, const char *path, const cull_layouts *like,
                                       bool partial, cull_layouts **out) CULL_CHECKED;
/* The same of n bytes of text; `name` is what errors call it. */
CULL_API cull_status cull_layouts_from(cull_ctx *cx, const char *text, size_t n, const char *name,
                                       const cull_layouts *like, bool partial,
                                       cull_layouts **out) CULL_CHECKED;
/* A set of the n layouts of which box[i] holds count[i], with the labels of `like`. id may be NULL. */
CULL_API cull_status cull_layouts_of(cull_ctx *cx, const cull_layouts *like, int64_t n,
                                     const cull_box *const *box, const int64_t *count,
                                     const char *const *id, cull_layouts **out) CULL_CHECKED;
CULL_API void cull_layouts_free(cull_layouts *l);
CULL_API int64_t cull_layouts_n(const cull_layouts *l);
CULL_API cull_layout cull_layouts_at(const cull_layouts *l, int64_t i);
CULL_API int32_t cull_layouts_labels(const cull_layouts *l);
CULL_API const char *cull_layouts_label(const cull_layouts *l, int32_t label);
/* jsonl that cull_layouts_from reads back (as partial, where numbers are missing or relations given), in
 * pixels of (width, height), or in shares where those are 0; free with cull_text_free
 * (cull/report.h). */
CULL_API cull_status cull_layouts_text(cull_ctx *cx, const cull_layouts *l, int32_t width,
                                       int32_t height, char **out) CULL_CHECKED;

/* ---- what is wanted, and on which canvas ---- */
typedef enum {
    CULL_LAYOUT_TYPES,      /* labels */
    CULL_LAYOUT_SIZES,      /* labels, widths and heights */
    CULL_LAYOUT_RELATIONS,  /* labels, relations of size and place: given, or a tenth drawn */
    CULL_LAYOUT_COMPLETION, /* the first boxes */
    CULL_LAYOUT_REFINEMENT, /* all boxes, roughly */
    CULL_LAYOUT_KINDS
} cull_layout_kind;
CULL_API const char *cull_layout_kind_name(cull_layout_kind k); /* "types", "sizes", ... */
typedef struct {
    size_t size;
    cull_layout_kind kind;
    int32_t width, height; /* of the canvas in text, pixels */
    int64_t exemplars;     /* at most so many, 1 to 1000 */
    int64_t known;         /* CULL_LAYOUT_COMPLETION: so many first boxes are known */
    int64_t characters;    /* of a prompt's preamble and exemplars, at most */
    const char *domain;    /* what a prompt calls these layouts */
    bool exhaustive;       /* compare with every layout in full: the same answer, slower */
} cull_layout_opts;
/* clang-format off */
#define CULL_LAYOUT_OPTS \
    {.size = sizeof(cull_layout_opts), .width = 120, .height = 120, .exemplars = 10, .known = 1, \
     .characters = 8000, .domain = "page"}
/* clang-format on */
/* The canvas of a data set's name (rico 90x160, publaynet 120x160, posterlayout 102x150, webui 120x120)
 * or of "WxH", 1 to 10000 each; false for anything else. */
CULL_API bool cull_layout_canvas(const char *s, int32_t *width, int32_t *height);

/* ---- likeness (section 3.2 of the paper) ---- */
/* Of layout i of a and j of b: *labels = 2 common / (n + m), labels that both have counted as often as
 * both have them; *boxes = the most that pairs of boxes with the same label, no box twice, can sum to
 * over min(n, m), a pair counting 2^(-2 distance of (left, top, width, height)). Both 0 to 1. Exact, by
 * assignment within each label. EINPUT: numbers are missing, or the labels of one set do not go on from
 * those of the other. */
CULL_API cull_status cull_layout_likeness(cull_ctx *cx, const cull_layouts *a, int64_t i,
                                          const cull_layouts *b, int64_t j, double *labels,
                                          double *boxes) CULL_CHECKED;
/* For each of the m queries its k = exemplars most like layouts of the library: row, score (m, k), best
 * first, ties to the lower row, found[i] <= k of them; places past found[i] hold -1 and 0. What counts
 * is: types and relations, the labels; sizes, half the labels and half the boxes by (width, height);
 * completion, the known first boxes of both; refinement, half the labels and half the boxes. Layouts
 * with a box of no pixels are never exemplars. Bounds by common labels and by each box's best partner
 * spare most assignments, and change nothing. O(N) a query and the assignments; 12 N bytes for each
 * worker. EINPUT: numbers that the kind needs are missing in a query; EOPTION. */
CULL_API cull_status cull_layout_select(cull_ctx *cx, const cull_layouts *library,
                                        const cull_layouts *queries, const cull_layout_opts *o,
                                        int64_t *row, double *score, int64_t *found) CULL_CHECKED;

/* ---- text; free with cull_text_free ---- */
/* The constraint of layout i as one line, "text 0 40 12 | image 1 90 30": each box its label, its number
 * and what is known of it; relations follow as "image 1 top text 0": image 1 is above text 0. Those that
 * the record gives stand in its order, and its boxes need no numbers then; else they are drawn. Types,
 * sizes and relations name boxes by label, so that their order does not tell where they go; completion
 * and refinement by (top, left). What is drawn follows from cx's seed and i: relations, and the noise of
 * standard deviation 0.01 that refinement has where `example`. */
CULL_API cull_status cull_layout_sequence(cull_ctx *cx, const cull_layouts *l, int64_t i,
                                          const cull_layout_opts *o, bool example,
                                          char **out) CULL_CHECKED;
/* The layout as HTML: a div for the canvas, then one for each box, in the order of its sequence. */
CULL_API cull_status cull_layout_html(cull_ctx *cx, const cull_layouts *l, int64_t i,
                                      const cull_layout_opts *o, char **out) CULL_CHECKED;
/* A prompt for query q: what is asked, then layouts row[0..k) of the library in an order drawn by
 * cx's seed and q, each its sequence and its HTML, as long as no more than o->characters are written
 * (*used of them); then the sequence of the query. A blank line between. */
CULL_API cull_status cull_layout_prompt(cull_ctx *cx, const cull_layouts *library,
                                        const cull_layouts *queries, int64_t q, const int64_t *row,
                                        int64_t k, const cull_layout_opts *o, char **out,
                                        int64_t *used) CULL_CHECKED;

/* ---- what comes back ---- */
/* The boxes of one completion: its divs with a class and left, top, width, height in a style, whatever
 * the order, quotes, blanks and case; the canvas's own div and all other text are passed over. Labels
 * are those of `like`, as whole names. *out: the boxes in the order of the text, *n of them; free with
 * cull_boxes_free. EINPUT, by div: a number is missing or no number, an unknown label, a box beyond the
 * canvas, a div that does not end; no box. */
CULL_API cull_status cull_layout_parse(cull_ctx *cx, const char *text, size_t n,
                                       const cull_layouts *like, const cull_layout_opts *o,
                                       cull_box **out, int64_t *boxes) CULL_CHECKED;
CULL_API void cull_boxes_free(cull_box *b);

typedef struct {
    double
        alignment; /* A: mean over boxes of -ln(1 - least difference from another box's left, centre,
                         right, top, middle or bottom); 0 for a single box */
    double overlap;  /* O: sum over ordered pairs of intersection / area of the first, a box */
    double likeness; /* U: most of .2 labels + .8 boxes to a layout of valid; 0 without */
    double score;    /* q; lower is better */
} cull_layout_quality;
/* Candidates from the best: order (n), quality (n) by candidate. q = .2 A + .2 O + .6 (1 - U), or .2 A +
 * .2 O without valid, each brought to 0..1 over the candidates, 0 where all are equal; ties to the lower
 * candidate. valid must not hold what the result is tested on. O(n (b^2 + V)) time. */
CULL_API cull_status cull_layout_rank(cull_ctx *cx, const cull_layouts *candidates,
                                      const cull_layouts *valid, int64_t *order,
                                      cull_layout_quality *quality) CULL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

/* autopeft's check: what is adapted, and how much of it, is found by Bayesian optimisation of two objectives.
 *
 * (a) The search alone, on NAS-Bench-Macro: the share of the volume below 106 MFLOPs and above 85 % that the designs
 * evaluated so far cover, of what all designs do. (b) A small language model of characters is pretrained on a text, then
 * adapted to the same author's text in another spelling (ten letters change places, punctuation has new signs): serial and
 * parallel adapters of 11 sizes each, prefixes of 11 lengths, in any of 4 layers; 60 adaptations of 300 steps, by trained
 * numbers and loss. The front that is found must have, of each single kind in all layers at its best size, a point with no
 * more numbers and no larger loss on text that neither pretraining nor the search saw.
 *
 * Smaller than it could be, for two cores and minutes: width 64 and 32 characters, not 128 and 64; one pretrained net for
 * all seeds, which differ in spelling, batches, first numbers and the search. 64 has 7 halvings only: 3, 6 and 12 are added
 * so that there are 10 sizes. */
#include "claim/autopeft.h"
#include "claim/search_table.h"
#include "cull/front.h"
#include "io/io.h"
#include "num/num.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST = 64 };

/* ---- (a) volumes on a table ---- */
enum { TRIALS = 60, BUDGETS = 2, ARMS = 4 };
static const int64_t budgets[BUDGETS] = {40, TRIALS};
typedef struct {
    const char *method, *options;
    const char *what[BUDGETS];
} arm;
#define WHAT(name)                                                                                 \
    {                                                                                              \
        "(a) share of the volume, 40, " name, "(a) share of the volume, 60, " name                 \
    }
enum { PAPER, COMES, DRAWN };
static const arm arms[ARMS] = {[PAPER] = {"gp",
                                          "startup=20 even=no sparse=yes scale=ranks looks=2000",
                                          WHAT("gp as in the paper")},
                               [COMES] = {"gp", "", WHAT("gp as it comes")},
                               [DRAWN] = {"random-search", "", WHAT("random")},
                               {"linas", "", WHAT("linas as it comes")}};
/* gp beside random designs after 60 evaluations: how far ahead, and how often. */
static void ahead(cull_claim_result *out, const char *far, const char *often, const double *a,
                  const double *b)
{
    double gain[MOST], wins[MOST];
    for (int i = 0; i < out->seeds; i++) {
        gain[i] = a[out->seeds + i] - b[out->seeds + i];
        wins[i] = gain[i] > 0;
    }
    cull__claim_line(out, far, gain, false, .025, false);
    cull__claim_line(out, often, wins, false, 9. / 12, false);
}

static cull_status part_a(cull_ctx *cx, const cull__search_table *t, int seeds,
                          cull_claim_result *out)
{
    double *share[ARMS]; /* (BUDGETS, seeds) */
    for (int k = 0; k < ARMS; k++) {
        const cull__search_plan p = {arms[k].method,  arms[k].options, TRIALS, 0, 2,
                                     CULL_AGAIN_NEVER};
        CULL_TRY(CULL_TMP(cx, share[k], BUDGETS * seeds));
        CULL_TRY(cull__search_table_shares(cx, t, &p, seeds, budgets, BUDGETS, share[k]));
    }
    ahead(out, "(a) gp as in the paper, ahead of random by, at 60 evaluations",
          "(a) so, share of the seeds in which it is", share[PAPER], share[DRAWN]);
    ahead(out, "(a) gp as it comes, ahead of random by, at 60 evaluations",
          "(a) as it comes, share of the seeds in which it is", share[COMES], share[DRAWN]);
    for (int k = 0; k < ARMS; k++)
        for (int b = 0; b < BUDGETS; b++)
            cull__claim_figure(out, arms[k].what[b], share[k] + b * seeds);
    return CULL_OK;
}

/* ---- (b) adapters ---- */
enum { ADAPTED = 5 }; /* seeds */

static cull_status text_path(cull_ctx *cx, const char *dir, char *path, size_t size)
{
    static const char *const form[] = {"%s/text/tinyshakespeare.txt.gz",
                                       "%s/tinyshakespeare.txt.gz", "%s/tinyshakespeare.txt"};
    for (int i = 0; i < 3; i++) {
        const int n = snprintf(path, size, form[i], dir);
        if (n < 0 || (size_t)n >= size)
            return cull__fail(cx, CULL_EINPUT, "the data directory's name is too long");
        if (access(path, R_OK) == 0) return CULL_OK;
    }
    return cull__fail(
        cx, CULL_ENODATA,
        "%s is not there, nor compressed, nor in its folder text: no package has this "
        "text; take its author's (karpathy/char-rnn), and name the folder by --data",
        path);
}

static cull_status read_text(cull_ctx *cx, const char *dir, uint8_t **text, int64_t *n)
{
    enum { ROOM = 1 << 22 };
    char path[512];
    cull__reader *r;
    size_t got = 0, all = 0;
    CULL_TRY(text_path(cx, dir, path, sizeof path));
    CULL_TRY(CULL_TMP(cx, *text, ROOM));
    CULL_TRY(cull__reader_open(cx, path, &r));
    cull_status s;
    do {
        s = cull__read(cx, r, *text + all, ROOM - all, &got);
        all += got;
    } while (s == CULL_OK && got > 0 && all < ROOM);
    cull__reader_close(r);
    *n = (int64_t)all;
    return s;
}

/* Mean over the seeds with its interval; f: where in a verdict the number is. */
#define FIGURE(out, what, v, seeds, of)                                                            \
    do {                                                                                           \
        double d_[ADAPTED], lo_, hi_;                                                              \
        for (int i_ = 0; i_ < (seeds); i_++) d_[i_] = (double)(v)[i_].of;                          \
        lo_ = hi_ = d_[0];                                                                         \
        if ((seeds) > 1) cull__t_interval(d_, seeds, &lo_, &hi_);                                  \
        cull__claim_add_figure(out, what, cull__mean(d_, seeds), lo_, hi_);                        \
    } while (0)

static void report(cull_claim_result *out, const cull__peft_verdict *v, int seeds)
{
    double all = 0;
    for (int i = 0; i < seeds; i++)
        all += (double)(v[i].dominated[0] && v[i].dominated[1] && v[i].dominated[2]) / seeds;
    cull__claim_add_line(
        out, "(b) share of seeds whose front dominates each kind alone at its best size", all, NAN,
        NAN, false, 4. / 5);
    FIGURE(out, "(b) so of serial adapters alone, at their best size", v, seeds, dominated[0]);
    FIGURE(out, "(b) so of parallel adapters alone", v, seeds, dominated[1]);
    FIGURE(out, "(b) so of prefixes alone", v, seeds, dominated[2]);
    FIGURE(out, "(b) least loss of the front with no more numbers, less that of serial adapters", v,
           seeds, margin[0]);
    FIGURE(out, "(b) so less that of parallel adapters", v, seeds, margin[1]);
    FIGURE(out, "(b) so less that of prefixes", v, seeds, margin[2]);
    FIGURE(out, "(b) loss of the front's best", v, seeds, least.test);
    FIGURE(out, "(b) loss, serial adapters alone", v, seeds, single[0].test);
    FIGURE(out, "(b) loss, parallel adapters alone", v, seeds, single[1].test);
    FIGURE(out, "(b) loss, prefixes alone", v, seeds, single[2].test);
    FIGURE(out, "(b) loss, every tensor trained", v, seeds, whole.test);
    FIGURE(out, "(b) loss, nothing trained", v, seeds, before);
    FIGURE(out, "(b) numbers trained, the front's best", v, seeds, least.numbers);
    FIGURE(out, "(b) numbers trained, serial adapters alone", v, seeds, single[0].numbers);
    FIGURE(out, "(b) numbers trained, parallel adapters alone", v, seeds, single[1].numbers);
    FIGURE(out, "(b) numbers trained, prefixes alone", v, seeds, single[2].numbers);
    FIGURE(out, "(b) numbers trained, every tensor", v, seeds, whole.numbers);
    FIGURE(out, "(b) points of the front", v, seeds, front);
}

static cull_status part_b(cull_ctx *cx, const uint8_t *text, int64_t n, int seeds,
                          cull_claim_result *out)
{
    cull__peft_verdict v[ADAPTED];
    seeds = seeds < ADAPTED ? seeds : ADAPTED;
    CULL_TRY(cull__peft_judge(cx, text, n, &cull__peft_full, seeds, v));
    report(out, v, seeds);
    return CULL_OK;
}

static cull_status run(cull_ctx *cx, const char *dir, int seeds, cull_claim_result *out)
{
    uint8_t *text;
    int64_t n;
    CULL_TRY(read_text(cx, dir, &text, &n));
    CULL_TRY(cull__search_table_with(cx, dir, &cull__macro_flops, part_a, seeds, out));
    CULL_TRY(part_b(cx, text, n, seeds, out));
    out->note = "LINAS is said beside gp, on the same table; losses are nats a character on text "
                "that neither "
                "pretraining nor the search saw; GLUE and large models are not checked";
    return CULL_OK;
}

const cull__claim cull__claim_autopeft = {
    .about = {.slug = "autopeft",
              .claim =
                  "two objectives are searched in few evaluations; a mixture of adapters that is "
                  "found beats each kind alone with no more trained numbers",
              .setting =
                  "NAS-Bench-Macro, accuracy and FLOPs, 60 evaluations, 12 seeds; a language "
                  "model of characters (4 layers, width 64) adapted to another spelling, 60 "
                  "trainings of 300 steps, 5 seeds; some 25 minutes on two cores"},
    .seeds = 12,
    .run = run,
};

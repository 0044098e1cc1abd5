/* weights_diff.c - cull weights diff A B: which tensors two checkpoints have, and how far apart their numbers are. */
#include "weights_look.h"

#include "cull/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 64 };

typedef struct {
    cli *c;
    cull_checkpoint *a, *b;
    int64_t *of; /* of each tensor of a: b's; -1 = none */
    bool *used;  /* of b's: it is some tensor of a */
    double tolerance;
    bool tsv;
    int64_t equal, unequal, only_a, only_b, other; /* other: shape or dtype */
    cull_tensor_diff all;
    int rows;
    int wide;
} diffs;

static bool same_shape(const cull_tensor *x, const cull_tensor *y)
{
    return x->ndim == y->ndim && !memcmp(x->shape, y->shape, (size_t)x->ndim * sizeof *x->shape);
}

/* ---- rows ---- */

static void begin_row(diffs *w, const char *name)
{
    if (w->c->json) {
        printf("%s{\"tensor\":", w->rows ? ",\n" : "");
        say_json(stdout, name);
    } else {
        progress_end();
        if (!w->rows && w->tsv) puts("tensor\tdiffers\tabsmax\trel\tcosine\tsame");
        if (!w->rows && !w->tsv) {
            look_name("tensor", w->wide);
            printf("  %11s  %11s  %10s  %9s\n", "max |a - b|", "|a - b|/|a|", "cosine", "same");
        }
        look_name(name, w->tsv ? 0 : w->wide);
    }
    w->rows++;
}

static void only_row(diffs *w, const char *name, const char *side)
{
    begin_row(w, name);
    if (w->c->json)
        printf(",\"differs\":\"only %s\"}", side);
    else
        printf(w->tsv ? "\tonly %s\t\t\t\t\n" : "  only in %s\n", side);
}

static void shape_row(diffs *w, const cull_tensor *x, const cull_tensor *y)
{
    char a[208], b[208];
    begin_row(w, x->name);
    if (w->c->json) {
        fputs(",\"differs\":\"shape\",\"shapes\":[", stdout);
        look_shape_json(x);
        putchar(',');
        look_shape_json(y);
        fputs("]}", stdout);
    } else if (w->tsv) {
        puts("\tshape\t\t\t\t");
    } else {
        printf("  shape %s, %s\n", look_shape(x, a), look_shape(y, b));
    }
}

static void numbers_row(diffs *w, const cull_tensor *x, const cull_tensor *y,
                        const cull_tensor_diff *d)
{
    char a[32], r[32], k[32];
    double rel = cull_tensor_diff_rel(d), cosine = cull_tensor_diff_cosine(d);
    double same = d->n ? (double)d->same / (double)d->n : 1;
    bool dtype = strcmp(x->dtype, y->dtype);
    begin_row(w, x->name);
    if (w->c->json) {
        printf(",\"differs\":\"%s\",\"absmax\":", dtype ? "dtype" : "numbers");
        say_json_number(stdout, d->absmax);
        fputs(",\"rel\":", stdout);
        say_json_number(stdout, rel);
        fputs(",\"cosine\":", stdout);
        say_json_number(stdout, cosine);
        printf(",\"same\":%.6g,\"odd\":%" PRId64 "}", same, d->odd);
    } else if (w->tsv) {
        printf("\t%s\t%s\t%s\t%s\t%.6g\n", dtype ? "dtype" : "numbers",
               cull_format_number(d->absmax, a), cull_format_number(rel, r),
               cull_format_number(cosine, k), same);
    } else {
        printf("  %11s  %11s  %10.7f  %7.2f %%", look_number(d->absmax, a), look_number(rel, r),
               cosine, 100 * same);
        if (dtype) printf("  %s, %s", x->dtype, y->dtype);
        if (d->odd) printf("  %" PRId64 " pairs are not finite", d->odd);
        putchar('\n');
    }
}

/* ---- all tensors ---- */

static int one_pair(diffs *w, int64_t i)
{
    const cull_tensor *x = cull_checkpoint_at(w->a, i), *y = cull_checkpoint_at(w->b, w->of[i]);
    cull_tensor_diff d;
    bool dtype = strcmp(x->dtype, y->dtype);
    if (!same_shape(x, y) || (dtype && (!x->numeric || !y->numeric))) {
        w->other++;
        shape_row(w, x, y);
        return DONE;
    }
    TRY(check(w->c, cull_checkpoint_diff(w->c->cx, w->a, i, w->b, w->of[i], &d)));
    cull_tensor_diff_add(&w->all, &d);
    bool near =
        w->tolerance > 0 && !d.odd && x->numeric && cull_tensor_diff_rel(&d) <= w->tolerance;
    if (!dtype && (d.same == d.n || near)) {
        w->equal++;
        return DONE;
    }
    if (d.same == d.n || near)
        w->other++;
    else
        w->unequal++;
    numbers_row(w, x, y, &d);
    return DONE;
}

static int all_pairs(diffs *w)
{
    int64_t na = cull_checkpoint_count(w->a), nb = cull_checkpoint_count(w->b);
    for (int64_t i = 0; i < na; i++) {
        if (w->of[i] >= 0) w->used[w->of[i]] = true;
        if (w->of[i] >= 0) {
            TRY(one_pair(w, i));
        } else {
            w->only_a++;
            only_row(w, cull_checkpoint_at(w->a, i)->name, "A");
        }
    }
    for (int64_t k = 0; k < nb; k++)
        if (!w->used[k]) {
            w->only_b++;
            only_row(w, cull_checkpoint_at(w->b, k)->name, "B");
        }
    return DONE;
}

static void say_totals(const diffs *w, bool equal)
{
    char rel[32];
    if (w->c->json) {
        printf("],\"equal\":%s,\"tensors_equal\":%" PRId64 ",\"tensors_unequal\":%" PRId64
               ",\"other\":%" PRId64 ",\"only_a\":%" PRId64 ",\"only_b\":%" PRId64 ",\"rel\":",
               equal ? "true" : "false", w->equal, w->unequal, w->other, w->only_a, w->only_b);
        say_json_number(stdout, cull_tensor_diff_rel(&w->all));
        puts("}");
    } else if (!w->tsv) {
        printf("%s%s: %" PRId64 " tensors are equal, %" PRId64 " are not, %" PRId64
               " have another shape or dtype, %" PRId64 " are only in A, %" PRId64
               " only in B; |a - b|/|a| of all is %s\n",
               w->rows ? "\n" : "", equal ? "equal" : "different", w->equal, w->unequal, w->other,
               w->only_a, w->only_b, look_number(cull_tensor_diff_rel(&w->all), rel));
    }
}

static int run_diffs(diffs *w)
{
    cli *c = w->c;
    const char *rename[NAMES], *tie[NAMES];
    cull_checkpoint_pair_opts o = CULL_CHECKPOINT_PAIR_OPTS;
    if (c->inputs != 2) return fail(c, USAGE, "weights diff wants two checkpoints");
    o.renames = values_of(c, "rename", rename, NAMES);
    o.ties = values_of(c, "tied", tie, NAMES);
    if (o.renames > NAMES || o.ties > NAMES)
        return fail(c, USAGE, "at most %d of --rename and of --tied", NAMES);
    o.rename = rename, o.tie = tie;
    o.missing = o.extra = o.shapes = true;
    TRY(number_of(c, "tolerance", 0, 0, 1e30, false, &w->tolerance));
    w->tsv = has(c, "tsv");
    TRY(check(c, cull_checkpoint_open(c->cx, c->input[0], &w->a)));
    TRY(check(c, cull_checkpoint_open(c->cx, c->input[1], &w->b)));
    w->of = malloc(((size_t)cull_checkpoint_count(w->a) + 1) * sizeof *w->of);
    w->used = calloc((size_t)cull_checkpoint_count(w->b) + 1, sizeof *w->used);
    if (!w->of || !w->used) return fail(c, FAILED, "out of memory");
    TRY(check(c, cull_checkpoint_pair(c->cx, w->a, w->b, &o, w->of)));
    w->wide = look_width(w->a);
    if (c->json) fputs("{\"rows\":[", stdout);
    TRY(all_pairs(w));
    progress_end();
    bool equal = !w->unequal && !w->other && !w->only_a && !w->only_b;
    say_totals(w, equal);
    TRY(flush_out(c));
    return equal ? DONE : NOT_REACHED;
}

int weights_diff(cli *c)
{
    diffs w = {.c = c};
    int rc = run_diffs(&w);
    free(w.of);
    free(w.used);
    cull_checkpoint_free(w.a);
    cull_checkpoint_free(w.b);
    return rc;
}

/* weights_look.c - cull weights stat and verify: what is in a checkpoint, and whether it is sound. */
#include "weights_look.h"
#include "cull/pack.h"
#include "cull/weights.h"

#include "cull/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { RULES = 64, WIDEST = 64 };

/* ---- words ---- */

const char *look_number(double v, char buf[32])
{
    snprintf(buf, 32, "%.6g", v);
    return buf;
}

const char *look_shape(const cull_tensor *t, char buf[208])
{
    int k = 0;
    for (int d = 0; d < t->ndim && d < 8; d++)
        k += snprintf(buf + k, 208 - (size_t)k, "%s%" PRId64, d ? "x" : "", t->shape[d]);
    if (!t->ndim) snprintf(buf, 208, "1");
    return buf;
}

void look_shape_json(const cull_tensor *t)
{
    putchar('[');
    for (int d = 0; d < t->ndim; d++) printf("%s%" PRId64, d ? "," : "", t->shape[d]);
    putchar(']');
}

void look_name(const char *s, int wide)
{
    int n = 0;
    for (; *s; s++, n++) putchar((unsigned char)*s < 32 || *s == 127 ? '?' : *s);
    for (; n < wide; n++) putchar(' ');
}

int look_width(const cull_checkpoint *ck)
{
    int wide = 6;
    for (int64_t i = 0; i < cull_checkpoint_count(ck); i++) {
        size_t n = strlen(cull_checkpoint_at(ck, i)->name);
        if (n > (size_t)wide) wide = n > WIDEST ? WIDEST : (int)n;
    }
    return wide;
}

/* ---- stat ---- */

typedef struct {
    cli *c;
    cull_checkpoint *ck;
    cull_tensor_stat *stat; /* of each tensor; n 0 where it was not looked at */
    int64_t *order;         /* tensors, those of a group together */
    int by;                 /* 0 tensor, 1 role, 2 layer */
    bool numbers, tsv;
} stats;

/* A row of the answer: a tensor or a group. */
typedef struct {
    int64_t tensors, n;
    uint64_t bytes;
    cull_tensor_stat s;
    const cull_tensor *t; /* the first */
} row;

static int64_t key_of(const stats *w, int64_t i)
{
    const cull_tensor *t = cull_checkpoint_at(w->ck, i);
    return w->by == 0 ? i : w->by == 1 ? (int64_t)t->role : t->layer;
}

static int by_key(const void *a, const void *b, void *arg)
{
    const stats *w = arg;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b, x = key_of(w, i), y = key_of(w, j);
    return x != y ? (x < y ? -1 : 1) : i < j ? -1 : 1;
}

static void row_add(row *r, const cull_tensor *t, const cull_tensor_stat *s)
{
    if (!r->tensors++) r->t = t;
    r->n += t->n;
    r->bytes += t->bytes;
    cull_tensor_stat_add(&r->s, s);
}

/* The row that begins at order[*at]; *at goes on to the next. */
static row next_row(const stats *w, int64_t *at)
{
    row r = {0};
    int64_t key = key_of(w, w->order[*at]);
    for (; *at < cull_checkpoint_count(w->ck) && key_of(w, w->order[*at]) == key; (*at)++)
        row_add(&r, cull_checkpoint_at(w->ck, w->order[*at]), w->stat + w->order[*at]);
    return r;
}

static const char *row_name(const stats *w, const row *r, char buf[32])
{
    if (w->by == 0) return r->t->name;
    if (w->by == 1) return cull_role_name(r->t->role);
    if (r->t->layer < 0) return "-";
    snprintf(buf, 32, "%d", r->t->layer);
    return buf;
}

static double share(int64_t part, int64_t all) { return all ? (double)part / (double)all : 0; }

static void row_numbers_json(const cull_tensor_stat *s)
{
    fputs(",\"mean\":", stdout);
    say_json_number(stdout, s->mean);
    fputs(",\"std\":", stdout);
    say_json_number(stdout, cull_tensor_stat_std(s));
    fputs(",\"absmax\":", stdout);
    say_json_number(stdout, s->absmax);
    printf(",\"zeros\":%" PRId64 ",\"nan\":%" PRId64 ",\"infinite\":%" PRId64, s->zeros, s->nans,
           s->infs);
}

static void row_json(const stats *w, const row *r, bool first)
{
    char name[32];
    static const char *const what[] = {"tensor", "role", "layer"};
    printf("%s{\"%s\":", first ? "" : ",\n", what[w->by]);
    say_json(stdout, row_name(w, r, name));
    if (w->by == 0) {
        fputs(",\"dtype\":", stdout);
        say_json(stdout, r->t->dtype);
        fputs(",\"shape\":", stdout);
        look_shape_json(r->t);
        printf(",\"role\":\"%s\",\"layer\":%d,\"expert\":%d,\"file\":%d",
               cull_role_name(r->t->role), r->t->layer, r->t->expert, r->t->file);
    } else {
        printf(",\"tensors\":%" PRId64, r->tensors);
    }
    printf(",\"numbers\":%" PRId64 ",\"bytes\":%" PRIu64, r->n, r->bytes);
    if (r->s.n) row_numbers_json(&r->s);
    putchar('}');
}

static void row_tsv(const stats *w, const row *r)
{
    char name[32], shape[208], mean[32], std[32], most[32];
    look_name(row_name(w, r, name), 0);
    if (w->by == 0)
        printf("\t%s\t%s", r->t->dtype, look_shape(r->t, shape));
    else
        printf("\t%" PRId64, r->tensors);
    printf("\t%" PRId64 "\t%" PRIu64, r->n, r->bytes);
    if (w->numbers && !r->s.n) fputs("\t\t\t\t\t\t", stdout);
    if (r->s.n)
        printf("\t%s\t%s\t%s\t%" PRId64 "\t%" PRId64 "\t%" PRId64,
               cull_format_number(r->s.mean, mean),
               cull_format_number(cull_tensor_stat_std(&r->s), std),
               cull_format_number(r->s.absmax, most), r->s.zeros, r->s.nans, r->s.infs);
    putchar('\n');
}

static void row_text(const stats *w, const row *r, int wide)
{
    char name[32], shape[208], bytes[32], mean[32], std[32], most[32];
    look_name(row_name(w, r, name), wide);
    if (w->by == 0)
        printf("  %-8s  %-16s", r->t->dtype, look_shape(r->t, shape));
    else
        printf("  %7" PRId64, r->tensors);
    printf("  %13" PRId64 "  %10s", r->n, cull_format_bytes(r->bytes, bytes));
    if (r->s.n)
        printf("  %12s  %11s  %11s  %6.2f %%", look_number(r->s.mean, mean),
               look_number(cull_tensor_stat_std(&r->s), std), look_number(r->s.absmax, most),
               100 * share(r->s.zeros, r->s.n));
    if (r->s.nans) printf("  %" PRId64 " NaN", r->s.nans);
    if (r->s.infs) printf("  %" PRId64 " infinite", r->s.infs);
    putchar('\n');
}

static void head_text(const stats *w, int wide)
{
    static const char *const what[] = {"tensor", "role", "layer"};
    look_name(what[w->by], wide);
    if (w->by == 0)
        printf("  %-8s  %-16s", "dtype", "shape");
    else
        printf("  %7s", "tensors");
    printf("  %13s  %10s", "numbers", "bytes");
    if (w->numbers) printf("  %12s  %11s  %11s  %8s", "mean", "std", "absmax", "zeros");
    putchar('\n');
}

static void head_tsv(const stats *w)
{
    static const char *const what[] = {"tensor\tdtype\tshape", "role\ttensors", "layer\ttensors"};
    printf("%s\tnumbers\tbytes%s\n", what[w->by],
           w->numbers ? "\tmean\tstd\tabsmax\tzeros\tnan\tinfinite" : "");
}

static void totals_text(const stats *w, const row *all)
{
    char bytes[32], network[128];
    cull_checkpoint_network(w->c->cx, w->ck, network);
    if (*network) printf("network  %s\n", network);
    printf("total    %" PRId64 " tensors, %" PRId64 " numbers, %s in %d file%s", all->tensors,
           all->n, cull_format_bytes(all->bytes, bytes), cull_checkpoint_files(w->ck),
           cull_checkpoint_files(w->ck) == 1 ? "" : "s");
    if (w->numbers) printf("; %.2f %% zeros", 100 * share(all->s.zeros, all->s.n));
    if (all->s.nans) printf(", %" PRId64 " NaN", all->s.nans);
    if (all->s.infs) printf(", %" PRId64 " infinite", all->s.infs);
    putchar('\n');
}

static void say_json_stats(const stats *w, const row *all)
{
    char network[128];
    int64_t at = 0;
    fputs("{\"checkpoint\":", stdout);
    say_json(stdout, cull_checkpoint_path(w->ck));
    fputs(",\"network\":", stdout);
    say_json(stdout, cull_checkpoint_network(w->c->cx, w->ck, network));
    printf(",\"files\":%d,\"tensors\":%" PRId64 ",\"numbers\":%" PRId64 ",\"bytes\":%" PRIu64,
           cull_checkpoint_files(w->ck), all->tensors, all->n, all->bytes);
    if (all->s.n) row_numbers_json(&all->s);
    fputs(",\"rows\":[\n", stdout);
    for (bool first = true; at < all->tensors; first = false) {
        row r = next_row(w, &at);
        row_json(w, &r, first);
    }
    puts("]}");
}

static void say_stats(const stats *w)
{
    row all = {0};
    int64_t n = cull_checkpoint_count(w->ck), at = 0;
    int wide = w->by ? 10 : look_width(w->ck);
    for (int64_t i = 0; i < n; i++) row_add(&all, cull_checkpoint_at(w->ck, i), w->stat + i);
    if (w->c->json) {
        say_json_stats(w, &all);
        return;
    }
    if (w->tsv)
        head_tsv(w);
    else
        head_text(w, wide);
    while (at < n) {
        row r = next_row(w, &at);
        if (w->tsv)
            row_tsv(w, &r);
        else
            row_text(w, &r, wide);
    }
    if (w->tsv) return;
    putchar('\n');
    totals_text(w, &all);
}

static int look_at_all(stats *w)
{
    cli *c = w->c;
    int64_t n = cull_checkpoint_count(w->ck);
    w->stat = calloc((size_t)n + 1, sizeof *w->stat);
    w->order = malloc(((size_t)n + 1) * sizeof *w->order);
    if (!w->stat || !w->order) return fail(c, FAILED, "out of memory");
    for (int64_t i = 0; i < n; i++) {
        w->order[i] = i;
        if (w->numbers && cull_checkpoint_at(w->ck, i)->numeric)
            TRY(check(c, cull_checkpoint_stat(c->cx, w->ck, i, w->stat + i)));
    }
    if (n) qsort_r(w->order, (size_t)n, sizeof *w->order, by_key, w);
    progress_end();
    say_stats(w);
    return flush_out(c);
}

static int run_stats(stats *w)
{
    cli *c = w->c;
    const char *rule[RULES];
    int rules = values_of(c, "role", rule, RULES);
    if (c->inputs != 1) return fail(c, USAGE, "weights stat wants one checkpoint");
    if (rules > RULES) return fail(c, USAGE, "at most %d of --role", RULES);
    TRY(choice_of(c, "by", "tensor", "tensor|role|layer", &w->by));
    w->numbers = !has(c, "quick");
    w->tsv = has(c, "tsv");
    TRY(check(c, cull_checkpoint_open(c->cx, c->input[0], &w->ck)));
    TRY(check(c, cull_checkpoint_roles(c->cx, w->ck, rule, rules)));
    return look_at_all(w);
}

static int run_stat(cli *c)
{
    stats w = {.c = c};
    int rc = run_stats(&w);
    free(w.stat);
    free(w.order);
    cull_checkpoint_free(w.ck);
    return rc;
}

/* ---- verify ---- */

typedef struct {
    cli *c;
    int errors, warnings;
} verdict;

static void on_finding(void *user, const cull_finding *f)
{
    verdict *v = user;
    bool first = v->errors + v->warnings == 0;
    if (f->error)
        v->errors++;
    else
        v->warnings++;
    if (v->c->json) {
        printf("%s{\"level\":\"%s\",\"tensor\":", first ? "" : ",\n",
               f->error ? "error" : "warning");
        if (f->tensor)
            say_json(stdout, f->tensor);
        else
            fputs("null", stdout);
        fputs(",\"text\":", stdout);
        say_json(stdout, f->text);
        putchar('}');
        return;
    }
    progress_end();
    fputs(f->error ? "error    " : "warning  ", stdout);
    if (f->tensor) look_name(f->tensor, 0);
    if (f->tensor) fputs(": ", stdout);
    look_name(f->text, 0);
    putchar('\n');
}

/* A mask, or a manifest, and the model that it must be of. */
static int verify_of(cli *c)
{
    cull_checkpoint *mask = NULL, *ck;
    TRY(check(c, cull_checkpoint_open(c->cx, c->input[1], &ck)));
    const cull_checkpoint *const model[] = {ck};
    const cull_weights_problem p = {.model = model, .models = 1};
    int rc;
    if (cull_weights_is_manifest(c->input[0])) {
        rc = check(c, cull_weights_apply(c->cx, c->input[0], &p, NULL, NULL));
    } else {
        rc = check(c, cull_checkpoint_open(c->cx, c->input[0], &mask));
        if (rc == DONE) rc = check(c, cull_checkpoint_mask_of(c->cx, mask, ck));
    }
    progress_end();
    cull_checkpoint_free(mask);
    cull_checkpoint_free(ck);
    TRY(rc);
    if (c->json)
        puts("{\"findings\":[],\"errors\":0,\"warnings\":0}");
    else
        printf("sound: %s is of %s\n", c->input[0], c->input[1]);
    return flush_out(c);
}

static int run_verify(cli *c)
{
    verdict v = {.c = c};
    cull_checkpoint *ck;
    char bytes[32];
    if (c->inputs == 2) return verify_of(c);
    if (c->inputs != 1)
        return fail(c, USAGE,
                    "weights verify wants one checkpoint, or a mask or manifest and its model");
    TRY(check(c, cull_checkpoint_open(c->cx, c->input[0], &ck)));
    if (c->json) fputs("{\"findings\":[", stdout);
    int rc = check(c, cull_checkpoint_verify(c->cx, ck, !has(c, "quick"), on_finding, &v));
    progress_end();
    if (c->json)
        printf("],\"errors\":%d,\"warnings\":%d,\"tensors\":%" PRId64 "}\n", v.errors, v.warnings,
               cull_checkpoint_count(ck));
    else if (rc == DONE)
        printf("%s: %" PRId64 " tensors, %s: %d errors, %d warnings\n",
               v.errors ? "broken" : "sound", cull_checkpoint_count(ck),
               cull_format_bytes(cull_checkpoint_bytes_all(ck), bytes), v.errors, v.warnings);
    cull_checkpoint_free(ck);
    TRY(rc);
    TRY(flush_out(c));
    return v.errors ? FAILED : DONE;
}

/* ---- verbs ---- */

static const struct {
    const char *verb, *options; /* those that it takes, each between blanks */
    int (*run)(cli *);
} verbs[] = {{"stat", " by role quick tsv ", run_stat},
             {"diff", " rename tied tolerance tsv ", weights_diff},
             {"verify", " quick ", run_verify}};

static int only_own_options(cli *c, int verb)
{
    char name[64];
    for (int i = 0; i < c->sets; i++) {
        bool common = false;
        for (const cull_input *r = common_options; r->name; r++) common |= c->set[i].row == r;
        snprintf(name, sizeof name, " %s ", c->set[i].name);
        if (!common && !strstr(verbs[verb].options, name))
            return fail(c, USAGE, "weights %s takes no --%s", verbs[verb].verb, c->set[i].name);
    }
    if (c->outs) return fail(c, USAGE, "weights %s writes to standard output", verbs[verb].verb);
    return DONE;
}

bool weights_look(cli *c, int *rc)
{
    for (int i = 0; c->inputs && i < COUNT(verbs); i++) {
        if (strcmp(c->input[0], verbs[i].verb)) continue;
        c->input++;
        c->inputs--;
        *rc = only_own_options(c, i);
        if (*rc == DONE) *rc = verbs[i].run(c);
        c->input--;
        c->inputs++;
        return true;
    }
    return false;
}

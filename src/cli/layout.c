/* layout.c - cull layout: exemplars and prompts for layouts to be generated, and what to make of the
 * answers. */
#include "cull/layout.h"
#include "cli.h"
#include "cull/report.h"
#include "cull/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What an action works with; sets that it does not read stay NULL. */
typedef struct {
    cull_layout_opts o;
    cull_layouts *set, *queries, *other; /* of FILE, --queries, --valid or --library */
    int64_t *row, *found;
    double *score;
} work;

static int settings(cli *c, cull_layout_opts *o)
{
    double v;
    int kind;
    const char *canvas = value_of(c, "canvas", "webui");
    *o = (cull_layout_opts)CULL_LAYOUT_OPTS;
    TRY(choice_of(c, "constraint", "types", "types|sizes|relations|completion|refinement", &kind));
    o->kind = (cull_layout_kind)kind;
    if (!cull_layout_canvas(canvas, &o->width, &o->height))
        return fail(
            c, USAGE,
            "--canvas '%s' is none of rico, publaynet, posterlayout, webui, and no WxH of 1 to "
            "10000 pixels",
            canvas);
    TRY(number_of(c, "exemplars", 10, 1, 1000, true, &v));
    o->exemplars = (int64_t)v;
    TRY(number_of(c, "known", 1, 1, 1024, true, &v));
    o->known = (int64_t)v;
    TRY(number_of(c, "characters", 8000, 1, 1e9, true, &v));
    o->characters = (int64_t)v;
    o->domain = value_of(c, "domain", "page");
    return DONE;
}

static int open_set(cli *c, const char *path, const cull_layouts *like, bool partial,
                    cull_layouts **out)
{
    return check(c, cull_layouts_open(c->cx, path, like, partial, out));
}

/* ---- select, prompt ---- */

static int choose(cli *c, work *w)
{
    const char *queries = value_of(c, "queries", NULL);
    if (!queries)
        return fail(c, USAGE, "layout %s wants --queries: the layouts that are wanted",
                    c->input[0]);
    TRY(open_set(c, c->input[1], NULL, false, &w->set));
    TRY(open_set(c, queries, w->set, true, &w->queries));
    size_t m = (size_t)cull_layouts_n(w->queries), k = (size_t)w->o.exemplars;
    w->row = calloc(m * k, sizeof *w->row);
    w->score = calloc(m * k, sizeof *w->score);
    w->found = calloc(m, sizeof *w->found);
    if (!w->row || !w->score || !w->found) return fail(c, FAILED, "out of memory");
    TRY(check(c, cull_layout_select(c->cx, w->set, w->queries, &w->o, w->row, w->score, w->found)));
    progress_end();
    return DONE;
}

static void say_exemplar(const cli *c, const work *w, int64_t q, int64_t i)
{
    int64_t at = q * w->o.exemplars + i;
    const char *id = cull_layouts_at(w->set, w->row[at]).id;
    char number[32];
    cull_format_number(w->score[at], number);
    if (!c->json) {
        printf("%lld\t%lld\t%s\t%s\n", (long long)q, (long long)w->row[at], id, number);
        return;
    }
    printf("%s{\"row\":%lld,\"id\":", i ? "," : "", (long long)w->row[at]);
    say_json(stdout, id);
    printf(",\"score\":%s}", number);
}

static int select_exemplars(cli *c, work *w)
{
    TRY(choose(c, w));
    fputs(c->json ? "{\"queries\":[" : "query\trow\tid\tscore\n", stdout);
    for (int64_t q = 0; q < cull_layouts_n(w->queries); q++) {
        if (c->json) {
            printf("%s{\"id\":", q ? ",\n" : "");
            say_json(stdout, cull_layouts_at(w->queries, q).id);
            fputs(",\"exemplars\":[", stdout);
        }
        for (int64_t i = 0; i < w->found[q]; i++) say_exemplar(c, w, q, i);
        if (c->json) fputs("]}", stdout);
    }
    if (c->json) puts("]}");
    return DONE;
}

static int prompt_of(cli *c, work *w, int64_t q)
{
    char *text;
    int64_t used;
    TRY(check(c, cull_layout_prompt(c->cx, w->set, w->queries, q, w->row + q * w->o.exemplars,
                                    w->found[q], &w->o, &text, &used)));
    if (c->json) {
        fputs("{\"id\":", stdout);
        say_json(stdout, cull_layouts_at(w->queries, q).id);
        printf(",\"exemplars\":%lld,\"prompt\":", (long long)used);
        say_json(stdout, text);
        fputs("}", stdout);
    } else {
        fputs(text, stdout);
        talk_more(c, "%lld of %lld exemplars fit", (long long)used, (long long)w->found[q]);
    }
    cull_text_free(text);
    return DONE;
}

/* What a query lacks is said before anything is printed. */
static int has_sequence(cli *c, const work *w, int64_t q)
{
    char *text;
    TRY(check(c, cull_layout_sequence(c->cx, w->queries, q, &w->o, false, &text)));
    cull_text_free(text);
    return DONE;
}

static int prompt(cli *c, work *w)
{
    double v;
    TRY(number_of(c, "query", -1, 0, 1e12, true, &v));
    TRY(choose(c, w));
    int64_t n = cull_layouts_n(w->queries), first = v < 0 ? 0 : (int64_t)v;
    int64_t end = v < 0 ? n : first + 1;
    if (first >= n)
        return fail(c, FAILED, "--query %lld of %lld queries, which count from 0", (long long)first,
                    (long long)n);
    if (!c->json && end - first > 1)
        return fail(c, USAGE, "there are %lld queries; name one by --query, or take all by --json",
                    (long long)n);
    for (int64_t q = first; q < end; q++) TRY(has_sequence(c, w, q));
    if (c->json) fputs("{\"prompts\":[", stdout);
    for (int64_t q = first; q < end; q++) {
        if (q > first) puts(",");
        TRY(prompt_of(c, w, q));
    }
    if (c->json) puts("]}");
    return DONE;
}

/* ---- serialize ---- */

static int serialize_one(cli *c, const work *w, int64_t i)
{
    char *sequence, *html;
    TRY(check(c, cull_layout_sequence(c->cx, w->set, i, &w->o, true, &sequence)));
    int rc = check(c, cull_layout_html(c->cx, w->set, i, &w->o, &html));
    if (rc == DONE && c->json) {
        printf("%s{\"id\":", i ? ",\n" : "");
        say_json(stdout, cull_layouts_at(w->set, i).id);
        fputs(",\"sequence\":", stdout);
        say_json(stdout, sequence);
        fputs(",\"html\":", stdout);
        say_json(stdout, html);
        putchar('}');
    } else if (rc == DONE) {
        printf("%s%s\n%s", i ? "\n" : "", sequence, html);
    }
    cull_text_free(sequence);
    if (rc == DONE) cull_text_free(html);
    return rc;
}

static int serialize(cli *c, work *w)
{
    TRY(open_set(c, c->input[1], NULL, false, &w->set));
    progress_end();
    if (c->json) fputs("{\"layouts\":[", stdout);
    for (int64_t i = 0; i < cull_layouts_n(w->set); i++) TRY(serialize_one(c, w, i));
    if (c->json) puts("]}");
    return DONE;
}

/* ---- parse ---- */

typedef struct {
    cull_box **box;
    int64_t *count, n, cap, passed;
} answers;

static int take(cli *c, const work *w, const char *name, const char *text, size_t n, answers *a)
{
    if (a->n == a->cap) {
        int64_t cap = a->cap ? 2 * a->cap : 64;
        cull_box **box = realloc(a->box, (size_t)cap * sizeof *box);
        if (box) a->box = box;
        int64_t *count = realloc(a->count, (size_t)cap * sizeof *count);
        if (count) a->count = count;
        if (!box || !count) return fail(c, FAILED, "out of memory");
        a->cap = cap;
    }
    cull_status s =
        cull_layout_parse(c->cx, text, n, w->other, &w->o, &a->box[a->n], &a->count[a->n]);
    if (s == CULL_OK) {
        a->n++;
        return DONE;
    }
    if (s != CULL_EINPUT) return check(c, s);
    long long at = (long long)(a->n + a->passed++);
    if (!has(c, "skip")) return fail(c, FAILED, "%s: answer %lld: %s", name, at, cull_error(c->cx));
    talk(c, "%s: answer %lld is passed over: %s", name, at, cull_error(c->cx));
    return DONE;
}

/* Answers stand apart by blank lines. */
static int take_all(cli *c, const work *w, const char *name, const char *text, answers *a)
{
    while (*text) {
        size_t n = 0;
        while (text[n] && !(text[n] == '\n' && (text[n + 1] == '\n' || text[n + 1] == '\r'))) n++;
        if (strspn(text, " \t\r\n") < n) TRY(take(c, w, name, text, n, a));
        text += n;
        text += strspn(text, "\r\n");
    }
    return DONE;
}

static int read_text(cli *c, const char *path, char **out)
{
    FILE *f = strcmp(path, "-") ? fopen(path, "rb") : stdin;
    size_t n = 0, cap = 1 << 16, got;
    *out = NULL;
    if (!f) return fail(c, FAILED, "%s: cannot open: %s", path, strerror(errno));
    char *s = malloc(cap), *more = s;
    while (s && (got = fread(s + n, 1, cap - n - 1, f)) > 0) {
        n += got;
        if (n + 1 < cap) continue;
        if (!(more = realloc(s, cap *= 2))) break;
        s = more;
    }
    bool bad = ferror(f);
    if (f != stdin) fclose(f);
    if (s) s[n] = 0;
    if (s && more && !bad && !memchr(s, 0, n)) {
        *out = s;
        return DONE;
    }
    free(s);
    if (!s || !more) return fail(c, FAILED, "out of memory");
    return fail(c, FAILED, "%s: %s", path,
                bad ? "cannot be read" : "it is no text: it holds a NUL");
}

static int write_answers(cli *c, work *w, const answers *a)
{
    char *text;
    if (!a->n) return fail(c, FAILED, "%s: there is no answer to parse", c->input[1]);
    TRY(check(c, cull_layouts_of(c->cx, w->other, a->n, (const cull_box *const *)a->box, a->count,
                                 NULL, &w->set)));
    TRY(check(c, cull_layouts_text(c->cx, w->set, w->o.width, w->o.height, &text)));
    progress_end();
    fputs(text, stdout);
    cull_text_free(text);
    return DONE;
}

static int parse_answers(cli *c, work *w)
{
    const char *library = value_of(c, "library", NULL);
    answers a = {0};
    int rc = DONE;
    if (!library)
        return fail(c, USAGE, "layout parse wants --library: layouts that have the labels");
    TRY(open_set(c, library, NULL, true, &w->other));
    for (int i = 1; rc == DONE && i < c->inputs; i++) {
        char *text;
        rc = read_text(c, c->input[i], &text);
        if (rc == DONE) rc = take_all(c, w, c->input[i], text, &a);
        free(text);
    }
    if (rc == DONE) rc = write_answers(c, w, &a);
    for (int64_t i = 0; i < a.n; i++) cull_boxes_free(a.box[i]);
    free(a.box);
    free(a.count);
    return rc;
}

/* ---- rank ---- */

static void say_rank(const cli *c, const work *w, int64_t row, const cull_layout_quality *q,
                     bool first)
{
    char n[4][32];
    const double v[] = {q->score, q->alignment, q->overlap, q->likeness};
    const char *id = cull_layouts_at(w->set, row).id;
    for (int k = 0; k < 4; k++) cull_format_number(v[k], n[k]);
    if (!c->json) {
        printf("%lld\t%s\t%s\t%s\t%s\t%s\n", (long long)row, id, n[0], n[1], n[2],
               w->other ? n[3] : "");
        return;
    }
    printf("%s{\"row\":%lld,\"id\":", first ? "" : ",\n", (long long)row);
    say_json(stdout, id);
    printf(",\"score\":%s,\"alignment\":%s,\"overlap\":%s,\"likeness\":%s}", n[0], n[1], n[2],
           w->other ? n[3] : "null");
}

static int rank(cli *c, work *w)
{
    const char *valid = value_of(c, "valid", NULL);
    TRY(open_set(c, c->input[1], NULL, false, &w->set));
    if (valid) TRY(open_set(c, valid, w->set, false, &w->other));
    int64_t n = cull_layouts_n(w->set), *order = calloc((size_t)n, sizeof *order);
    cull_layout_quality *q = calloc((size_t)n, sizeof *q);
    int rc = order && q ? check(c, cull_layout_rank(c->cx, w->set, w->other, order, q))
                        : fail(c, FAILED, "out of memory");
    progress_end();
    if (rc == DONE)
        fputs(c->json ? "{\"ranked\":[" : "row\tid\tscore\talignment\toverlap\tlikeness\n", stdout);
    for (int64_t i = 0; rc == DONE && i < n; i++) say_rank(c, w, order[i], &q[order[i]], !i);
    if (rc == DONE && c->json) puts("]}");
    free(order);
    free(q);
    return rc;
}

/* ---- the command ---- */

static const struct {
    const char *name;
    int (*run)(cli *c, work *w);
    int files; /* at most; -1 = any number */
} actions[] = {{"select", select_exemplars, 1},
               {"prompt", prompt, 1},
               {"serialize", serialize, 1},
               {"parse", parse_answers, -1},
               {"rank", rank, 1}};

int run_layout(cli *c)
{
    work w = {0};
    const char *name[COUNT(actions)];
    int which = -1;
    for (int i = 0; i < COUNT(actions); i++) {
        name[i] = actions[i].name;
        if (!strcmp(c->input[0], name[i])) which = i;
    }
    if (which < 0) {
        const char *near = cull_nearest(c->input[0], name, COUNT(actions));
        return fail(c, USAGE, "layout cannot '%s'; %s%s%s", c->input[0],
                    near ? "did you mean " : "it can select, prompt, serialize, parse and rank",
                    near ? near : "", near ? "?" : "");
    }
    if (c->inputs < 2)
        return fail(c, USAGE, "layout %s wants a file: %s", name[which], c->cmd->usage);
    if (actions[which].files > 0 && c->inputs > 1 + actions[which].files)
        return fail(c, USAGE, "layout %s reads one file, and cannot use '%s'", name[which],
                    c->input[2]);
    TRY(settings(c, &w.o));
    int rc = actions[which].run(c, &w);
    free(w.row);
    free(w.score);
    free(w.found);
    cull_layouts_free(w.other);
    cull_layouts_free(w.queries);
    cull_layouts_free(w.set);
    return rc == DONE ? flush_out(c) : rc;
}

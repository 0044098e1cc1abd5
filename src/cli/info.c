/* info.c - cull info: describe a method or a file. */
#include "cull/text.h"
#include "job.h"

#include <stdlib.h>
#include <string.h>

/* What a file says must not steer the terminal. */
static void say_plain(const char *before, const char *s)
{
    fputs(before, stdout);
    for (; *s; s++) putchar((unsigned char)*s < 32 || *s == 127 ? '?' : *s);
}

static void file_json(const cull_input_file *f)
{
    fputs("\"file\":", stdout);
    say_json(stdout, f->path);
    printf(",\"bytes\":%llu,\"hash\":\"xxh3-128 %s\"", (unsigned long long)f->bytes, f->hash);
}

static void say_file(const cull_input_file *f)
{
    char size[32];
    printf("file      %s\nsize      %s\nhash      xxh3-128 %s\n", f->path,
           cull_format_bytes(f->bytes, size), f->hash);
}

/* ---- arrays ---- */

static void array_json(const cull_array *a, const cull_input_file *f)
{
    fputs("{\"kind\":\"array\",\"name\":", stdout);
    say_json(stdout, a->name);
    printf(",\"type\":\"%s\",\"shape\":[", cull_dtype_name(a->dtype));
    for (int i = 0; i < a->ndim; i++) printf("%s%lld", i ? "," : "", (long long)a->shape[i]);
    fputs("],", stdout);
    file_json(f);
    puts("}");
}

static int of_array(cli *c, const char *path)
{
    cull_array a;
    cull_input_file f;
    TRY(check(c, cull_array_open(c->cx, path, NULL, &a)));
    int rc = check(c, cull_file_hash(c->cx, path, &f));
    if (rc != DONE || c->json) {
        if (rc == DONE) array_json(&a, &f);
        cull_array_free(&a);
        return rc;
    }
    printf("kind      array%s%s\ntype      %s\nshape     (", a.name[0] ? " " : "", a.name,
           cull_dtype_name(a.dtype));
    for (int i = 0; i < a.ndim; i++) printf("%s%lld", i ? ", " : "", (long long)a.shape[i]);
    puts(a.ndim == 1 ? ",)" : ")");
    cull_array_free(&a);
    say_file(&f);
    return DONE;
}

/* ---- records ---- */

static int say_fields(cli *c, const cull_corpus *text)
{
    cull_strings f = {0};
    TRY(check(c, cull_corpus_fields(c->cx, text, &f)));
    for (int64_t i = 0; i < f.n; i++) {
        say_plain(i ? ", " : "fields    ", f.id[i]);
        if (strcmp(f.text[i], "column")) printf(" (%s)", f.text[i]);
    }
    if (f.n) puts("");
    cull_strings_free(&f);
    return DONE;
}

static int records_json(cli *c, const cull_corpus *text)
{
    cull_strings f = {0};
    const cull_input_file *file;
    TRY(check(c, cull_corpus_fields(c->cx, text, &f)));
    printf("{\"kind\":\"records\",\"rows\":%lld,\"text_bytes\":%llu,\"fields\":[",
           (long long)cull_corpus_n(text), (unsigned long long)cull_corpus_bytes(text));
    for (int64_t i = 0; i < f.n; i++) {
        fputs(i ? ",{\"name\":" : "{\"name\":", stdout);
        say_json(stdout, f.id[i]);
        fputs(",\"kind\":", stdout);
        say_json(stdout, f.text[i]);
        fputs("}", stdout);
    }
    fputs("],", stdout);
    cull_strings_free(&f);
    cull_corpus_files(text, &file);
    file_json(file);
    puts("}");
    return DONE;
}

static int of_records(cli *c, const char *path)
{
    char size[32];
    const cull_input_file *file;
    cull_corpus *text = NULL;
    cull_corpus_opts o = CULL_CORPUS_OPTS;
    o.paths = &path;
    o.npaths = 1;
    o.text = value_of(c, "text", "");
    TRY(check(c, cull_corpus_open(c->cx, &o, &text)));
    if (c->json) {
        int said = records_json(c, text);
        cull_corpus_free(text);
        return said;
    }
    printf("kind      records\nrecords   %lld\ntext      %s uncompressed\n",
           (long long)cull_corpus_n(text), cull_format_bytes(cull_corpus_bytes(text), size));
    int n = cull_corpus_files(text, &file), rc = say_fields(c, text);
    for (int i = 0; i < n; i++) say_file(&file[i]);
    cull_corpus_free(text);
    return rc;
}

/* ---- pick files ---- */

static int rows_json(const cull_pick_file *f)
{
    printf("{\"kind\":\"rows\",\"form\":\"%s\",\"rows\":%lld}\n", f->kind,
           (long long)f->run.pick->n);
    return DONE;
}

/* A pick file is JSON already: its facts without the rows. */
static int pick_json(const cull_pick_file *f)
{
    const cull_run *r = &f->run;
    fputs("{\"kind\":\"pick\",\"method\":", stdout);
    say_json(stdout, r->slug);
    printf(",\"rev\":%d,\"seed\":%llu,\"n\":%lld,\"kept\":%lld,\"budget\":", r->rev,
           (unsigned long long)r->seed, (long long)r->n, (long long)r->pick->n);
    say_json_number(stdout, r->budget);
    fputs(",\"spent\":", stdout), say_json_number(stdout, r->pick->spent);
    fputs(",\"cost_unit\":", stdout), say_json(stdout, r->cost_unit);
    fputs(",\"figures\":[", stdout);
    for (int i = 0; i < r->figures; i++) {
        fputs(i ? ",{\"name\":" : "{\"name\":", stdout);
        say_json(stdout, r->figure[i].name);
        fputs(",\"metric\":", stdout);
        say_json(stdout, r->figure[i].metric);
        fputs(",\"value\":", stdout), say_json_number(stdout, r->figure[i].value);
        fputs("}", stdout);
    }
    fputs("],\"argv\":", stdout);
    say_json_list(stdout, r->argv, r->argc);
    puts("}");
    return DONE;
}

static int of_pick(cli *c, const char *path)
{
    cull_pick_file f = {0};
    char *text = NULL;
    TRY(check(c, cull_pick_read(c->cx, path, &f)));
    int rc = DONE;
    if (c->json) {
        rc = f.bare ? rows_json(&f) : pick_json(&f);
    } else if (f.bare) {
        printf("kind      list of rows (%s)\nrows      %lld\n", f.kind, (long long)f.run.pick->n);
    } else {
        rc = check(c, cull_run_summary(c->cx, &f.run, 0, 0, &text));
        if (rc == DONE) printf("kind      pick\n%s", text);
        cull_text_free(text);
        for (int i = 0; rc == DONE && i < f.run.argc; i++)
            say_plain(i ? " " : "command   ", f.run.argv[i]);
        if (rc == DONE && f.run.argc) puts("");
    }
    cull_pick_file_free(&f);
    return rc;
}

static int of_file(cli *c, const char *path)
{
    switch (cull_file_kind_of(path)) {
    case CULL_FILE_RECORDS: return of_records(c, path);
    case CULL_FILE_ARRAY: return of_array(c, path);
    case CULL_FILE_PICK: return of_pick(c, path);
    case CULL_FILE_OTHER: break;
    }
    return fail(c, USAGE,
                "%s: its name does not say what it holds; cull reads .jsonl, .csv, .tsv, "
                ".txt, .npy, .npz, .safetensors and pick files (.json)",
                path);
}

static int method_json(cli *c, const cull_method *m)
{
    size_t n = cull_method_json(m, NULL, 0) + 1;
    char *buf = malloc(n);
    if (!buf) return fail(c, FAILED, "out of memory");
    cull_method_json(m, buf, n);
    puts(buf);
    free(buf);
    return DONE;
}

int run_info(cli *c)
{
    const char *name = c->input[0], *near = NULL;
    const cull_method *m = cull_method_find(name, &near);
    if (!m && (file_exists(name) || strpbrk(name, "./"))) return of_file(c, name);
    if (!m && near)
        return fail(c, USAGE, "'%s' is neither a method nor a file; did you mean %s?", name, near);
    if (!m) return fail(c, USAGE, "'%s' is neither a method nor a file; see cull list", name);
    if (c->json) return method_json(c, m);
    if (has(c, "markdown"))
        say_method_markdown(stdout, m);
    else
        say_method(stdout, m);
    return DONE;
}

/* manifest.c - what was chosen when a checkpoint was made smaller, read to be done again: see cull/weights.h. */
#include "cull/weights.h"
#include "io/io.h"

#include <stdio.h>
#include <string.h>

enum { HEAD = 512 };

/* Our manifests begin with {"cull":"manifest". */
bool cull_weights_is_manifest(const char *path)
{
    char head[HEAD + 1] = "", *p = head;
    FILE *f = cull__regular(path) ? fopen(path, "rb") : NULL; /* of a pipe nothing is taken */
    if (!f) return false;
    head[fread(head, 1, HEAD, f)] = 0;
    fclose(f);
    static const char *const want[] = {"{", "\"cull\"", ":", "\"manifest\""};
    for (int i = 0; i < 4; i++) {
        p += strspn(p, " \t\r\n");
        if (strncmp(p, want[i], strlen(want[i]))) return false;
        p += strlen(want[i]);
    }
    return true;
}

typedef struct {
    cull_ctx *cx;
    const char *path;
    const cull_method *m;
} reading;

static cull_status read_root(void *user, cull__json_value root)
{
    reading *r = user;
    cull__json_value v;
    size_t n;
    char slug[64];
    if (!cull__json_get(root, "method", &v) || cull__json_kind(v) != CULL__JSON_STRING)
        return cull__fail(r->cx, CULL_EINPUT, "%s: the manifest does not say its 'method'",
                          r->path);
    const char *s = cull__json_string(v, &n);
    r->m = cull_method_find(cull__quote(s, n, slug, sizeof slug), NULL);
    if (!r->m || r->m->task != CULL_TASK_WEIGHTS)
        return cull__fail(r->cx, CULL_EINPUT, "%s: '%s' is no method of task weights", r->path,
                          slug);
    return CULL_OK;
}

cull_status cull_weights_apply(cull_ctx *cx, const char *manifest, const cull_weights_problem *p,
                               const char *out, cull_weights_report *report)
{
    reading r = {.cx = cx, .path = manifest};
    cull_weights_problem own = *p;
    cull__bytes file;
    char *text = NULL;
    CULL_TRY(cull__bytes_open(cx, manifest, &file));
    cull__mark_t mark = cull__mark(cx);
    cull_status s = cull__json_file(cx, manifest, file.at, file.n, read_root, &r);
    if (s == CULL_OK) s = CULL_TMP(cx, text, (int64_t)file.n + 1);
    if (s == CULL_OK) {
        memcpy(text, file.at, file.n);
        text[file.n] = 0;
        own.manifest = text;
        s = out ? cull_weights_run(cx, r.m, NULL, &own, out, report)
                : cull_weights_plan(cx, r.m, NULL, &own, report);
    }
    cull__release(cx, mark);
    cull__bytes_close(&file);
    return s;
}

/* outputs.c - what each -o means, and whether it can be written. */
#include "job.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A run of minutes should not end with a file that could never have been written. */
int one_stdout(cli *c)
{
    int wants = c->json;
    for (int i = 0; i < c->outs; i++) wants += !strcmp(c->out[i], "-");
    if (wants < 2) return DONE;
    return fail(c, USAGE, "--json and -o - both want standard output; name a file for one");
}

int check_writable(cli *c, const char *path)
{
    char copy[4096];
    struct stat st;
    if (!strcmp(path, "-")) return DONE;
    if (strlen(path) >= sizeof copy) return fail(c, USAGE, "the name after -o is too long");
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return fail(c, FAILED, "%s: is a folder; name a file in it", path);
    strcpy(copy, path);
    const char *dir = dirname(copy);
    if (stat(dir, &st) || !S_ISDIR(st.st_mode))
        return fail(c, FAILED, "%s: there is no folder %s", path, dir);
    if (access(dir, W_OK | X_OK))
        return fail(c, FAILED, "%s: cannot write to %s: %s", path, dir, strerror(errno));
    return DONE;
}

static bool one_inode(const char *a, const char *b)
{
    struct stat s, t;
    return !stat(a, &s) && !stat(b, &t) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

/* The folder of a path that check_writable has found short enough. */
static const char *folder_of(const char *path, char buf[4096])
{
    snprintf(buf, 4096, "%s", path);
    return dirname(buf);
}

bool one_file(const char *path, const char *other)
{
    char file[4096], folder[2][4096];
    if (!strcmp(path, "-") || !strcmp(other, "-")) return !strcmp(path, other);
    if (!strcmp(path, other) || one_inode(path, other)) return true;
    const char *a = strrchr(path, '/'), *b = strrchr(other, '/');
    if (!strcmp(a ? a + 1 : path, b ? b + 1 : other) &&
        one_inode(folder_of(path, folder[0]), folder_of(other, folder[1])))
        return true;
    snprintf(file, sizeof file, "%s", other); /* of pool.npz:NAME the file */
    char *colon = file_exists(other) ? NULL : strrchr(file, ':');
    if (!colon) return false;
    *colon = 0;
    return one_file(path, file);
}

bool array_is_written(const char *path)
{
    char e[16];
    cull_file_ending(path, e);
    return !strcmp(e, "npy") || !strcmp(e, "npz") || !strcmp(e, "safetensors");
}

static bool same_form(const char *a, const char *b)
{
    if (!strcmp(a, b)) return true;
    return (!strcmp(a, "ndjson") && !strcmp(b, "jsonl")) ||
           (!strcmp(b, "ndjson") && !strcmp(a, "jsonl"));
}

static int one_output(cli *c, const char *path, output *out)
{
    char e[16], in[16];
    cull_file_ending(path, e);
    cull_file_ending(c->input[0], in);
    if (!strcmp(c->input[0], "-")) strcpy(in, "jsonl");
    bool array = cull_file_kind_of(c->input[0]) == CULL_FILE_ARRAY;
    *out = (output){.path = path};
    TRY(check_writable(c, path));
    if (!strcmp(path, "-")) {
        out->kind = array ? OUT_ARRAY : OUT_RECORDS;
        return DONE;
    }
    if (array && array_is_written(path)) {
        out->kind = OUT_ARRAY;
        return DONE;
    }
    if (!array && same_form(e, in)) {
        out->kind = OUT_RECORDS;
        return DONE;
    }
    out->kind = OUT_FORM;
    if (strcmp(e, "jsonl") && strcmp(e, "ndjson") && cull_form_find(path, &out->form)) return DONE;
    if (!*e && !*in) {
        out->kind = OUT_RECORDS; /* neither has an ending: plain text */
        return DONE;
    }
    return fail(c, USAGE,
                "-o %s: nothing is written as '%s'; kept rows go to .%s, a pick to .json, "
                "a report to .html",
                path, e,
                array ? "npy"
                : *in ? in
                      : "txt");
}

int outputs_of(cli *c, output *out)
{
    for (int i = 0; i < c->outs; i++) {
        for (int j = 0; j < i; j++)
            if (one_file(c->out[i], c->out[j]))
                return fail(c, USAGE, "-o %s is given twice", c->out[i]);
        TRY(one_output(c, c->out[i], &out[i]));
        if (!strcmp(c->out[i], "-")) continue;
        for (int j = 0; j < c->inputs; j++)
            if (one_file(c->out[i], c->input[j]))
                return fail(c, USAGE, "-o %s is also the input", c->out[i]);
        for (int j = 0; j < c->sets; j++)
            if (strcmp(c->set[j].name, "out") && one_file(c->out[i], c->set[j].value))
                return fail(c, USAGE, "-o %s is also the file of --%s", c->out[i], c->set[j].name);
    }
    return DONE;
}

int order_of(cli *c, bool *as_chosen)
{
    int at;
    TRY(choice_of(c, "order", "pool", "pool|pick", &at));
    *as_chosen = at;
    return DONE;
}

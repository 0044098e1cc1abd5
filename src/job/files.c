/* files.c - what kind of file a name says. Contents are judged by the readers of the library. */
#include "job.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool drop_ending(char *s, const char *ending)
{
    size_t n = strlen(s), m = strlen(ending);
    if (n <= m || strcasecmp(s + n - m, ending)) return false;
    s[n - m] = 0;
    return true;
}

static const struct {
    const char *ending;
    cull_file_kind kind;
} kinds[] = {
    {"jsonl", CULL_FILE_RECORDS}, {"ndjson", CULL_FILE_RECORDS},    {"csv", CULL_FILE_RECORDS},
    {"tsv", CULL_FILE_RECORDS},   {"txt", CULL_FILE_RECORDS},       {"npy", CULL_FILE_ARRAY},
    {"npz", CULL_FILE_ARRAY},     {"safetensors", CULL_FILE_ARRAY}, {"idx", CULL_FILE_ARRAY},
    {"bin", CULL_FILE_ARRAY},     {"svmlight", CULL_FILE_ARRAY},    {"libsvm", CULL_FILE_ARRAY},
    {"svm", CULL_FILE_ARRAY},     {"fvecs", CULL_FILE_ARRAY},       {"ivecs", CULL_FILE_ARRAY},
    {"bvecs", CULL_FILE_ARRAY},   {"json", CULL_FILE_PICK}};

static cull_file_kind kind_of(const char *ending)
{
    for (int i = 0; i < COUNT(kinds); i++)
        if (!strcmp(ending, kinds[i].ending)) return kinds[i].kind;
    return CULL_FILE_OTHER;
}

/* Of the first n bytes of a name without folder. */
static const char *ending_of(const char *base, size_t n, char buf[16])
{
    char name[256];
    snprintf(name, sizeof name, "%.*s", (int)n, base);
    buf[0] = 0;
    if (!drop_ending(name, ".gz")) drop_ending(name, ".zst");
    const char *dot = strrchr(name, '.');
    if (dot && strlen(dot) < 16) snprintf(buf, 16, "%s", dot + 1);
    for (char *s = buf; *s; s++)
        if (*s >= 'A' && *s <= 'Z') *s = (char)(*s | 32);
    /* train-images-idx3-ubyte has no dot */
    if (strstr(name, "-idx") && drop_ending(name, "-ubyte")) snprintf(buf, 16, "idx");
    return buf;
}

const char *cull_file_ending(const char *path, char buf[16])
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *s = base;
    bool there = access(path, F_OK) == 0;
    for (; !there && (s = strchr(s, ':')); s++) { /* pool.npz:NAME, but not 10:30.jsonl */
        cull_file_kind kind = kind_of(ending_of(base, (size_t)(s - base), buf));
        if (kind == CULL_FILE_ARRAY || kind == CULL_FILE_PICK) return buf;
    }
    return ending_of(base, strlen(base), buf);
}

cull_file_kind cull_file_kind_of(const char *path)
{
    char e[16];
    if (!strcmp(path, "-")) return CULL_FILE_RECORDS;
    if (strstr(path, ".safetensors.index.json")) return CULL_FILE_ARRAY;
    return kind_of(cull_file_ending(path, e));
}

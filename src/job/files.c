/* files.c - what kind of file a name says. Contents are judged by the readers of the library. */
#include "job.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool drop_ending(char *s, const char *ending)
{
    size_t n = strlen(s), m = strlen(ending);
    if (n <= m || strcasecmp(s + n - m, ending)) return false;
    s[n - m] = 0;
    return true;
}

const char *cull_file_ending(const char *path, char buf[16])
{
    const char *base = strrchr(path, '/');
    char name[256];
    snprintf(name, sizeof name, "%s", base ? base + 1 : path);
    buf[0] = 0;
    char *colon = strrchr(name, ':'); /* pool.npz:NAME */
    if (colon && colon > name) *colon = 0;
    if (!drop_ending(name, ".gz")) drop_ending(name, ".zst");
    const char *dot = strrchr(name, '.');
    if (dot && strlen(dot) < 16) snprintf(buf, 16, "%s", dot + 1);
    for (char *s = buf; *s; s++)
        if (*s >= 'A' && *s <= 'Z') *s = (char)(*s | 32);
    /* train-images-idx3-ubyte has no dot */
    if (strstr(name, "-idx") && drop_ending(name, "-ubyte")) snprintf(buf, 16, "idx");
    return buf;
}

cull_file_kind cull_file_kind_of(const char *path)
{
    static const struct {
        const char *ending;
        cull_file_kind kind;
    } of[] = {
        {"jsonl", CULL_FILE_RECORDS}, {"ndjson", CULL_FILE_RECORDS},    {"csv", CULL_FILE_RECORDS},
        {"tsv", CULL_FILE_RECORDS},   {"txt", CULL_FILE_RECORDS},       {"npy", CULL_FILE_ARRAY},
        {"npz", CULL_FILE_ARRAY},     {"safetensors", CULL_FILE_ARRAY}, {"idx", CULL_FILE_ARRAY},
        {"bin", CULL_FILE_ARRAY},     {"svmlight", CULL_FILE_ARRAY},    {"libsvm", CULL_FILE_ARRAY},
        {"json", CULL_FILE_PICK}};
    char e[16];
    cull_file_ending(path, e);
    if (!strcmp(path, "-")) return CULL_FILE_RECORDS;
    if (strstr(path, ".safetensors.index.json")) return CULL_FILE_ARRAY;
    for (int i = 0; i < COUNT(of); i++)
        if (!strcmp(e, of[i].ending)) return of[i].kind;
    return CULL_FILE_OTHER;
}

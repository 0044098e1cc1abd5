/* files.c - what kind of file a name says. Contents are judged by the readers of the library. */
#include "cli.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

static bool drop_ending(char *s, const char *ending)
{
    size_t n = strlen(s), m = strlen(ending);
    if (n <= m || strcasecmp(s + n - m, ending)) return false;
    s[n - m] = 0;
    return true;
}

const char *file_ending(const char *path, char buf[16])
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

file_kind file_kind_of(const char *path)
{
    static const struct {
        const char *ending;
        file_kind kind;
    } of[] = {{"jsonl", FILE_RECORDS}, {"ndjson", FILE_RECORDS},    {"csv", FILE_RECORDS},
              {"tsv", FILE_RECORDS},   {"txt", FILE_RECORDS},       {"npy", FILE_ARRAY},
              {"npz", FILE_ARRAY},     {"safetensors", FILE_ARRAY}, {"idx", FILE_ARRAY},
              {"bin", FILE_ARRAY},     {"svmlight", FILE_ARRAY},    {"libsvm", FILE_ARRAY},
              {"json", FILE_PICK}};
    char e[16];
    file_ending(path, e);
    if (!strcmp(path, "-")) return FILE_RECORDS;
    if (strstr(path, ".safetensors.index.json")) return FILE_ARRAY;
    for (int i = 0; i < COUNT(of); i++)
        if (!strcmp(e, of[i].ending)) return of[i].kind;
    return FILE_OTHER;
}

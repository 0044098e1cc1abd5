/* named.h - bytes as a file whose name tells the form. One anonymous file holds each input in turn;
 * the links to it, one for each ending, stay in a folder until the process ends. To make and remove
 * names for each input is slower than what is tested: ext4 shuns inodes freed just now. */
#ifndef CULL_FUZZ_NAMED_H
#define CULL_FUZZ_NAMED_H
#include "fuzz.h"

enum { FUZZ_NAMES = 8 };
static struct {
    int fd, count;
    char folder[32], name[FUZZ_NAMES][48];
} fuzz_links = {.folder = "/tmp/cull-fuzz-XXXXXX"};

static inline void fuzz_unlink(void)
{
    for (int i = 0; i < fuzz_links.count; i++) unlink(fuzz_links.name[i]);
    rmdir(fuzz_links.folder);
}

static inline void fuzz_link(const char *const *ext, int count)
{
    char path[64];
    fuzz_links.fd = fuzz_file(NULL, 0, path);
    if (count > FUZZ_NAMES || !mkdtemp(fuzz_links.folder) || atexit(fuzz_unlink) != 0) abort();
    for (int i = 0; i < count; i++) {
        char *name = fuzz_links.name[i];
        snprintf(name, sizeof fuzz_links.name[i], "%s/t.%s", fuzz_links.folder, ext[i]);
        if (symlink(path, name) != 0) abort();
        fuzz_links.count++;
    }
}

/* A name that opens all bytes but the first, which picks its ending; good until the next call. */
static inline const char *fuzz_named(const uint8_t *data, size_t n, const char *const *ext,
                                     int count)
{
    if (!fuzz_links.count) fuzz_link(ext, count);
    fuzz_fill(fuzz_links.fd, data + 1, n - 1);
    return fuzz_links.name[data[0] % count];
}
#endif

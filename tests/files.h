/* files.h - a folder of files for a test, and bytes put together piece by piece. */
#ifndef CULL_TEST_FILES_H
#define CULL_TEST_FILES_H
#include "test.h"

#include <dirent.h>
#include <unistd.h>

static char files_dir[64];

/* The folder's name for a file; good until the fourth call after. */
static inline const char *in_dir(const char *name)
{
    static char path[4][512];
    static int turn;
    char *p = path[turn++ & 3];
    snprintf(p, 512, "%s/%s", files_dir, name);
    return p;
}

static inline int make_dir(void **state)
{
    (void)state;
    strcpy(files_dir, "/tmp/cull-test-XXXXXX");
    return mkdtemp(files_dir) ? 0 : -1;
}

static inline int drop_dir(void **state)
{
    (void)state;
    DIR *d = opendir(files_dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.') unlink(in_dir(e->d_name));
    if (d) closedir(d);
    return rmdir(files_dir);
}

static inline const char *spit(const char *name, const void *p, size_t n)
{
    const char *path = in_dir(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
    return path;
}

typedef struct {
    unsigned char at[1 << 16];
    size_t n;
} bytes;

static inline void add(bytes *b, const void *p, size_t n)
{
    assert_true(b->n + n <= sizeof b->at);
    if (n) memcpy(b->at + b->n, p, n);
    b->n += n;
}
static inline void add_text(bytes *b, const char *s) { add(b, s, strlen(s)); }
static inline void add_int(bytes *b, uint64_t v, int width)
{
    for (int i = 0; i < width; i++) {
        unsigned char c = (unsigned char)(v >> 8 * i);
        add(b, &c, 1);
    }
}
static inline void add_big(bytes *b, uint64_t v, int width)
{
    for (int i = width; i--;) {
        unsigned char c = (unsigned char)(v >> 8 * i);
        add(b, &c, 1);
    }
}

/* An npy file of a dict and numbers. */
static inline void npy(bytes *b, int version, const char *dict, const void *data, size_t n)
{
    add(b, "\x93NUMPY", 6);
    add_int(b, (uint64_t)version, 1);
    add_int(b, 0, 1);
    add_int(b, strlen(dict), version == 1 ? 2 : 4);
    add_text(b, dict);
    add(b, data, n);
}
#endif

/* fuzz.h - bytes as a file for the code under test: an anonymous file, named through /proc. */
#ifndef CULL_FUZZ_H
#define CULL_FUZZ_H
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The bytes become all that fd holds. */
static inline void fuzz_fill(int fd, const uint8_t *data, size_t n)
{
    if (ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0) abort();
    while (n) {
        ssize_t k = write(fd, data, n);
        if (k <= 0) abort();
        data += k;
        n -= (size_t)k;
    }
}

/* A descriptor with the bytes; `path` becomes a name that opens them. */
static inline int fuzz_file(const uint8_t *data, size_t n, char path[64])
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0) abort();
    fuzz_fill(fd, data, n);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}
#endif

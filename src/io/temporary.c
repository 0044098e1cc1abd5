/* temporary.c - see temporary.h.
 *
 * A temporary is in use as long as its maker's descriptor, or a child's copy of it, is open: that holds a lock
 * (flock), which ends with the last of them however the process ends. Whoever can have the lock may remove it.
 * Process numbers say nothing: other containers have the same. On file systems of a network a lock may reach no
 * further than one machine; names therefore carry the start of the kernel that made them, and only what this one
 * made, of whose locks it knows, is ever removed. */
#define _GNU_SOURCE
#include "io/temporary.h"
#include "base/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES = 100000, PATH = 4096, DEPTH = 1 };

/* Another one whenever a machine is started; 0 = not known. */
uint32_t cull__boot(void)
{
    char id[36];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, id, sizeof id);
    if (fd >= 0) close(fd);
    return n == sizeof id ? (uint32_t)cull__hash128(id, sizeof id).lo : 0;
}

/* How much of target names the folder that it lies in, the slash included; 0 = the one we are in. */
static int parent(const char *target)
{
    const char *slash = strrchr(target, '/');
    return slash ? (int)(slash + 1 - target) : 0;
}

static int open_parent(const char *target)
{
    char dir[PATH];
    if (snprintf(dir, sizeof dir, "%.*s.", parent(target), target) >= (int)sizeof dir) return -1;
    return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* ---- making ---- */

static int make(const char *path, mode_t mode)
{
    if (!S_ISDIR(mode)) return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (mkdir(path, mode & 0777) != 0) return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), e = errno;
    if (fd < 0 && e != ENOENT) rmdir(path);
    errno = e == ENOENT ? EEXIST : e; /* swept already, and the name may be another's by now */
    return fd;
}

/* Between its making and its lock a sweep may have come: then it is the sweep's, and gone or about to go.
 * Where there are no locks it is used all the same, and never swept. */
static bool taken(int fd, const char *path)
{
    struct stat open, named;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;
    return fstat(fd, &open) == 0 && lstat(path, &named) == 0 && same(&open, &named);
}

int cull__temporary(const char *target, mode_t mode, char *path)
{
    uint32_t since = cull__boot();
    cull__temporary_sweep(target);
    for (int i = 0; i < 10000; i++) { /* names of other machines may be the same */
        snprintf(path, strlen(target) + CULL__TEMPORARY, "%.*s.cull-%ld-%08" PRIx32 "-%d.tmp",
                 parent(target), target, (long)getpid(), since, i);
        int fd = make(path, mode);
        if (fd >= 0 && taken(fd, path)) return fd;
        if (fd >= 0)
            close(fd);
        else if (errno != EEXIST)
            return -1;
    }
    errno = EEXIST;
    return -1;
}

/* ---- removing ---- */

/* The files of folder fd and of folders in it, down to `depth`, and then itself, which is called `name` in `in`. */
static void drop(int in, int fd, const char *name, int depth)
{
    DIR *d = fdopendir(fd);
    if (!d) close(fd);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        if (unlinkat(dirfd(d), e->d_name, 0) == 0 || !depth) continue;
        int inner = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner >= 0) drop(dirfd(d), inner, e->d_name, depth - 1);
    }
    unlinkat(in, name, AT_REMOVEDIR);
    if (d) closedir(d);
}

void cull__temporary_drop(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) drop(AT_FDCWD, fd, path, DEPTH);
}

static bool left(const char *name, uint32_t since)
{
    long pid;
    uint32_t made;
    int number, end = 0;
    if (strncmp(name, ".cull-", 6)) return false;
    return sscanf(name, ".cull-%ld-%8" SCNx32 "-%d.tmp%n", &pid, &made, &number, &end) == 3 &&
           end && !name[end] && made == since;
}

/* Nothing but a file or folder of this user's is opened, and links are not followed. The name is looked at again under
 * the lock: before it, another sweep may have removed that one and a writer made this. */
static void sweep_one(int in, const char *name)
{
    struct stat named, open;
    if (fstatat(in, name, &named, AT_SYMLINK_NOFOLLOW) != 0 || named.st_uid != geteuid()) return;
    if (!S_ISREG(named.st_mode) && !S_ISDIR(named.st_mode)) return;
    int how = S_ISDIR(named.st_mode) ? O_RDONLY | O_DIRECTORY : O_RDWR | O_NONBLOCK;
    int fd = openat(in, name, how | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return;
    bool ours = flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &open) == 0 &&
                fstatat(in, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && same(&open, &named);
    if (ours && S_ISDIR(open.st_mode)) {
        drop(in, fd, name, DEPTH);
        return;
    }
    if (ours) unlinkat(in, name, 0);
    close(fd);
}

void cull__temporary_sweep(const char *target)
{
    uint32_t since = cull__boot();
    int fd = since ? open_parent(target) : -1;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0) close(fd);
    struct dirent *e;
    for (int i = 0; d && i < NAMES && (e = readdir(d)); i++)
        if (left(e->d_name, since)) sweep_one(dirfd(d), e->d_name);
    if (d) closedir(d);
}

void cull__sync_folder(const char *target)
{
    int fd = open_parent(target);
    if (fd < 0) return;
    (void)fsync(fd); /* some file systems cannot */
    close(fd);
}

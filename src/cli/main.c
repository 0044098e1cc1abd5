/* main.c - cull: choose what to keep, under a budget. */
#include "cli.h"

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <sys/mman.h>
#include <unistd.h>

/* OpenBLAS maps two buffers of 128 MiB while it is loaded, and where it gets none it asks for ever, before main. This runs before
 * any library's constructor. */
static void room_for_libraries(void)
{
    static const char none[] = "cull: less than 257 MiB of address space is left to load OpenBLAS "
                               "in; a limit to it (ulimit -v) must be higher\n";
    size_t room = (size_t)257 << 20;
    void *at = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at != MAP_FAILED) {
        munmap(at, room);
        return;
    }
    (void)!write(STDERR_FILENO, none, sizeof none - 1); /* nobody else could be told */
    _exit(1);
}
__attribute__((section(".preinit_array"),
               used)) static void (*const first)(void) = room_for_libraries;
#endif

int main(int argc, char **argv) { return start(argc, argv, NULL); }

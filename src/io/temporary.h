/* temporary.h - files and folders under another name beside what they are to replace. */
#ifndef CULL__IO_TEMPORARY_H
#define CULL__IO_TEMPORARY_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A file, or a folder with mode S_IFDIR, that no one else has, in the folder of `target`; its name, .cull-PID-BOOT-N.tmp
 * behind target's folder, goes to path, which has CULL__TEMPORARY more bytes than target. The descriptor that comes back
 * holds a lock that says it is in use, so: rename or remove it before the descriptor is closed. -1 with errno.
 * What killed processes left in that folder is removed first (cull__temporary_sweep). */
int cull__temporary(const char *target, mode_t mode, char *path);
enum { CULL__TEMPORARY = 64 };

/* Removes a temporary folder, the files in it, and folders of files in it. */
void cull__temporary_drop(const char *path);

/* Removes temporaries in the folder of `target` that this user's processes made since the machine was started and that none
 * holds any more. Others stay, as does what cannot be read, locked or removed: no failure. One pass over the folder's names,
 * of the first 100,000. */
void cull__temporary_sweep(const char *target);

/* Of this start of this machine, so that numbers of processes of before are not taken for ones of now; 0 = not known. */
uint32_t cull__boot(void);

/* What was renamed in the folder of `target` survives a crash, where the file system can do that. */
void cull__sync_folder(const char *target);
#endif

/* Mounts that only this process sees. */
#ifndef PRIVATE_MOUNTS_H
#define PRIVATE_MOUNTS_H

#include <stdbool.h>

/* Returns true if this process may have private mounts: as root, or through a user namespace. Otherwise prints on standard error that
 * nothing is tested. */
bool can_unshare_mounts(void);

/* From here on, mounts of this process are private. */
void unshare_mounts(void);

/* Mounts an empty file system at `path`, in a process with private mounts. */
void mount_empty_over(const char *path);

#endif

/* Mounts that only this process sees. */
#ifndef PRIVATE_MOUNTS_H
#define PRIVATE_MOUNTS_H

/* Skips the test if this process may not have private mounts, neither as root nor through a user namespace. */
void require_private_mounts(void);

/* From here on, mounts of this process are private. */
void unshare_mounts(void);

/* Mounts an empty file system at `path`, in a process with private mounts. */
void mount_empty_over(const char *path);

#endif

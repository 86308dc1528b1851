#include "private_mounts.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"

/* A process that is not root becomes root in a user namespace, which only gives it this privilege. */
static bool try_unshare_mounts(void)
{
    char users[32], groups[32];
    if (geteuid() == 0)
        return unshare(CLONE_NEWNS) == 0;
    snprintf(users, sizeof users, "0 %u 1", geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", getegid());
    return unshare(CLONE_NEWNS | CLONE_NEWUSER) == 0 && write_to_file("/proc/self/setgroups", "deny")
        && write_to_file("/proc/self/uid_map", users) && write_to_file("/proc/self/gid_map", groups);
}

void require_private_mounts(void)
{
    int status = -1;
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0)
        _exit(try_unshare_mounts() ? EXIT_SUCCESS : EXIT_FAILURE);
    require(waitpid(pid, &status, 0) == pid);
    if (status != 0)
        skip_test("this process may not have mounts of its own");
}

void unshare_mounts(void)
{
    require(try_unshare_mounts());
    require(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0);
}

void mount_empty_over(const char *path)
{
    require(mount("none", path, "tmpfs", 0, NULL) == 0);
}

/* restricted [--user UID] [--filter] PROGRAM ARGUMENT…: runs a program as this user, or where the calls that set, query and move NUMA memory
 * fail with EPERM, as in a container with Docker's default seccomp profile. */

#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DENY(call) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

static int filter(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        DENY(SYS_get_mempolicy),
        DENY(SYS_set_mempolicy),
        DENY(SYS_mbind),
        DENY(SYS_move_pages),
        DENY(SYS_migrate_pages),
        DENY(450), /* set_mempolicy_home_node */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog rules = {sizeof program / sizeof *program, program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &rules) == 0;
}

int main(int argc, char **argv)
{
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--filter") == 0 && filter())
            continue;
        if (strcmp(argv[i], "--user") == 0 && i + 1 < argc) {
            unsigned user = (unsigned)atoi(argv[++i]);
            if (setgid(user) == 0 && setuid(user) == 0)
                continue;
        }
        perror(argv[i]);
        return 125;
    }
    if (i < argc)
        execvp(argv[i], argv + i);
    perror("restricted");
    return 127;
}

/* Runs a program with one system call failing: runs_under_a_filter CALL EPERM|ENOSYS|KILL PROGRAM... */
#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 4)
        return 125;
    uint32_t action = strcmp(argv[2], "KILL") == 0 ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(strcmp(argv[2], "EPERM") == 0 ? EPERM : ENOSYS);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (seccomp_rule_add(filter, action, seccomp_syscall_resolve_name(argv[1]), 0) || seccomp_load(filter))
        return 126;
    execvp(argv[3], argv + 3);
    return 127;
}

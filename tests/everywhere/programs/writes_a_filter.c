/* Writes a seccomp filter to a file, for bwrap: it denies calls that change memory policy, and old or dangerous ones. */
#include <errno.h>
#include <seccomp.h>

int main(void)
{
    static const char *const denied[] = { "set_mempolicy", "get_mempolicy", "mbind", "move_pages", "migrate_pages", "ptrace", "acct",
                                          "keyctl", "add_key", "request_key", "syslog", "uselib", "bpf", "perf_event_open" };
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    for (unsigned i = 0; i < sizeof denied / sizeof *denied; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), seccomp_syscall_resolve_name(denied[i]), 0))
            return 1;
    return seccomp_export_bpf(filter, 1) != 0;
}

/* Restricts itself to a few system calls, uses them, and exits; the calls of destructors in libraries are restricted too. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void at_end(void)
{
    puts("at exit");
}

int main(int argc, char **argv)
{
    static const char *const allowed[] = { "read", "write", "exit_group", "exit", "brk", "mmap", "munmap", "newfstatat", "fstat", "rt_sigreturn" };
    int kill = argc > 1 && strcmp(argv[1], "kill") == 0;
    scmp_filter_ctx filter = seccomp_init(kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));

    for (unsigned i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(allowed[i]), 0))
            return 1;
    atexit(at_end);
    if (seccomp_load(filter))
        return 2;
    void *volatile memory = malloc(1 << 22);

    memset(memory, 1, 1 << 22);
    free(memory);
    printf("confined, errno %d\n", errno);
    return 6;
}

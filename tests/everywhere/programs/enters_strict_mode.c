#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const char text[] = "written in strict mode\n";

    (void)argv;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
        return 2;
    if (write(1, text, strlen(text)) < 0)
        return 3;
    if (argc > 1)
        syscall(SYS_getppid);
    /* exit_group(2), which exit(3) calls, is not allowed. */
    syscall(SYS_exit, 4);
}

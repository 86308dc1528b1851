/* errno first, as constructors have left it. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    int left = errno;

    printf("errno %d\n", left);
    for (int i = 0; i < 64; i++)
        if (fcntl(i, F_GETFD) != -1)
            printf("descriptor %d, flags %d\n", i, fcntl(i, F_GETFD));
    for (int i = 1; i < NSIG; i++) {
        struct sigaction action;

        if (sigaction(i, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            printf("signal %d is handled\n", i);
    }
    unsigned long nodes[16] = { 0 };
    int mode = -1;

    if (syscall(SYS_get_mempolicy, &mode, nodes, 1024UL, NULL, 0) == 0)
        printf("policy %d of %lx\n", mode, nodes[0]);
    cpu_set_t cpus;

    if (sched_getaffinity(0, sizeof cpus, &cpus) == 0)
        printf("CPUs %d, policy %d, nice %d\n", CPU_COUNT(&cpus), sched_getscheduler(0), getpriority(PRIO_PROCESS, 0));
    printf("locale %s\n", setlocale(LC_ALL, NULL));
    printf("stack %d\n", (char *)&cpus > (char *)sbrk(0));
    struct rusage usage;

    if (getrusage(RUSAGE_CHILDREN, &usage) == 0)
        printf("children %ld\n", usage.ru_minflt);
    return 0;
}

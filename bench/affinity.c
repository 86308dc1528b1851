/* Preloaded on a machine that is made up: sched_getaffinity(2) tells of BENCH_CPUS CPUs, all of which may be used.
 *
 * That is the one thing about CPUs that both libraries ask the kernel itself; both do it by way of syscall(3). */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

long syscall(long number, ...)
{
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    /* Nothing is looked up for other calls: what opens files by way of this would pay for it. */
    const char *cpus = number == SYS_sched_getaffinity ? getenv("BENCH_CPUS") : NULL;
    if (cpus != NULL) {
        const size_t bytes = strtoul(cpus, NULL, 10) / 8;
        if ((size_t)a[1] >= bytes) {
            memset((void *)a[2], 0xff, bytes);
            return (long)bytes;
        }
        /* As the kernel says that there is too little room. */
        a[1] = 0;
    }
    static long (*kernel)(long, ...);
    if (kernel == NULL)
        *(void **)&kernel = dlsym(RTLD_NEXT, "syscall");
    return kernel(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

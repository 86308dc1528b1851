/* Preloaded on a synthetic machine: sched_getaffinity(2) reports BENCH_CPUS CPUs, all of which are allowed.
 *
 * This is the only information about CPUs that both libraries query from the kernel; both use syscall(3). */
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
    /* Other calls are passed on without a lookup, which would slow down opening files. */
    const char *cpus = number == SYS_sched_getaffinity ? getenv("BENCH_CPUS") : NULL;
    if (cpus != NULL) {
        const size_t bytes = strtoul(cpus, NULL, 10) / 8;
        if ((size_t)a[1] >= bytes) {
            memset((void *)a[2], 0xff, bytes);
            return (long)bytes;
        }
        /* As the kernel does if the buffer is too small. */
        a[1] = 0;
    }
    static long (*kernel)(long, ...);
    if (kernel == NULL)
        *(void **)&kernel = dlsym(RTLD_NEXT, "syscall");
    return kernel(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

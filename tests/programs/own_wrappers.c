/* System-call wrappers as a tracer or a test defines them: they count, and fail with `failure` if that is not 0. Linked into the program,
 * or preloaded. With -DFORWARD they call the next definition, which is the library's, otherwise the kernel. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int calls_of[5], failure;

#ifdef FORWARD
#define CALL(name, ...) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__)
#else
#define CALL(name, ...) syscall(SYS_##name, __VA_ARGS__)
#endif

/* Counts; what the kernel says, or the failure. */
#define WRAP(which, ...)          \
    do {                          \
        calls_of[which]++;        \
        if (failure == 0)         \
            return CALL(__VA_ARGS__); \
        errno = failure;          \
        return -1;                \
    } while (0)

long get_mempolicy(int *mode, unsigned long *nmask, unsigned long maxnode, void *addr, unsigned flags)
{
    WRAP(0, get_mempolicy, mode, nmask, maxnode, addr, flags);
}

long mbind(void *start, unsigned long len, int mode, const unsigned long *nmask, unsigned long maxnode, unsigned flags)
{
    WRAP(1, mbind, start, len, mode, nmask, maxnode, flags);
}

long set_mempolicy(int mode, const unsigned long *nmask, unsigned long maxnode)
{
    WRAP(2, set_mempolicy, mode, nmask, maxnode);
}

long migrate_pages(int pid, unsigned long maxnode, const unsigned long *from, const unsigned long *to)
{
    WRAP(3, migrate_pages, pid, maxnode, from, to);
}

long move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags)
{
    WRAP(4, move_pages, pid, count, pages, nodes, status, flags);
}

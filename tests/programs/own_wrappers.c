/* System-call wrappers as a tracer or a test defines them: they count, and fail with `failure` if that is not 0. Linked into the program,
 * or preloaded. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int calls_of[6], failure;

static long counted(int which, long result)
{
    calls_of[which]++;
    if (failure == 0)
        return result;
    errno = failure;
    return -1;
}

long get_mempolicy(int *mode, unsigned long *nmask, unsigned long maxnode, void *addr, unsigned flags)
{
    return counted(0, failure != 0 ? -1 : syscall(SYS_get_mempolicy, mode, nmask, maxnode, addr, flags));
}

long mbind(void *start, unsigned long len, int mode, const unsigned long *nmask, unsigned long maxnode, unsigned flags)
{
    return counted(1, failure != 0 ? -1 : syscall(SYS_mbind, start, len, mode, nmask, maxnode, flags));
}

long set_mempolicy(int mode, const unsigned long *nmask, unsigned long maxnode)
{
    return counted(2, failure != 0 ? -1 : syscall(SYS_set_mempolicy, mode, nmask, maxnode));
}

long migrate_pages(int pid, unsigned long maxnode, const unsigned long *from, const unsigned long *to)
{
    return counted(3, failure != 0 ? -1 : syscall(SYS_migrate_pages, pid, maxnode, from, to));
}

long move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags)
{
    return counted(4, failure != 0 ? -1 : syscall(SYS_move_pages, pid, count, pages, nodes, status, flags));
}

int set_mempolicy_home_node(void *start, unsigned long len, int home_node, int flags)
{
    return (int)counted(5, failure != 0 ? -1 : syscall(SYS_set_mempolicy_home_node, start, len, home_node, flags));
}

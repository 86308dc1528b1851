/* System calls that a kernel may lack, and those whose numbers or arguments differ between machines. */
#ifndef SYSTEM_CALLS_H
#define SYSTEM_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Returns true if the kernel has system calls for memory policies and moves. The answer is that of the first call. Leaves errno alone. */
bool has_numa_system_calls(void);

/* Queries where pages are, with move_pages(2), and repeats that for pages in flight: compaction may move pages at any time. Returns 0, or -1
 * with errno. 32-bit programs ask about so few pages at a time that every kernel answers correctly. */
int query_with_kernel(pid_t pid, size_t count, void *const *pages, int *status);

/* Whether the kernel answers longer queries correctly. */
bool answers_long_queries(void);

/* The calls behind mmap(3) and fstatat(3) of libc. */
#ifdef SYS_mmap2
#define SYS_MMAP SYS_mmap2
#else
#define SYS_MMAP SYS_mmap
#endif
#ifdef SYS_newfstatat
#define SYS_FSTATAT SYS_newfstatat
#else
#define SYS_FSTATAT SYS_fstatat64
#endif

/* Calls mmap(2), for programs that define mmap(3). */
static inline void *mmap_of_kernel(void *start, size_t length, int protection, int flags, int file, off_t offset)
{
#if defined SYS_mmap2
    /* The offset is in units of 4096 bytes, whatever the page size is. */
    return (void *)syscall(SYS_mmap2, start, length, protection, flags, file, (unsigned long)(offset / 4096));
#elif defined __s390x__
    const unsigned long arguments[] = { (unsigned long)start, length, (unsigned long)protection, (unsigned long)flags, (unsigned long)file,
                                        (unsigned long)offset };
    return (void *)syscall(SYS_mmap, arguments);
#else
    return (void *)syscall(SYS_mmap, start, length, protection, flags, file, offset);
#endif
}

#endif

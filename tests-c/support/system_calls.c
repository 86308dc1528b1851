#include "system_calls.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "environment.h"

/* As many pages as a kernel before 6.16 copies at once. */
enum { AT_ONCE = sizeof(long) == 4 ? 16 : 1 << 30 };

int query_with_kernel(pid_t pid, size_t count, void *const *pages, int *status)
{
    size_t done = 0;
    do {
        const size_t number = count - done < AT_ONCE ? count - done : AT_ONCE;
        if (syscall(SYS_move_pages, (long)pid, number, pages + done, NULL, status + done, 0L) != 0)
            return -1;
        done += number;
    } while (done < count);
    return 0;
}

bool answers_long_queries(void)
{
    struct utsname name;
    const bool is_64_bit_kernel = uname(&name) == 0 && strstr(name.machine, "64") != NULL;
    return sizeof(long) > 4 || !is_64_bit_kernel || !kernel_before(6, 16);
}

bool has_numa_system_calls(void)
{
    static enum { UNKNOWN, YES, NO } known;
    const int error = errno;
    if (known == UNKNOWN)
        /* Several, because tests make single ones fail. */
        known = (syscall(SYS_get_mempolicy, NULL, NULL, 0L, NULL, 0L) == 0 || errno != ENOSYS)
                     || (syscall(SYS_mbind, NULL, 0L, -1L, NULL, 0L, 0L) == 0 || errno != ENOSYS)
                     || (syscall(SYS_move_pages, 0L, 0L, NULL, NULL, NULL, 0L) == 0 || errno != ENOSYS)
                 ? YES
                 : NO;
    errno = error;
    return known == YES;
}

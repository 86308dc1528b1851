#include "system_calls.h"

#include <errno.h>

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

#include "system_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "environment.h"

/* As many pages as a kernel before 6.16 copies at once. */
enum { AT_ONCE = sizeof(long) == 4 ? 16 : 1 << 30 };

static int query_once(pid_t pid, size_t count, void *const *pages, int *status)
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

/* Part of the page tables of a process, from /proc/PID/pagemap. */
struct page_table {
    int file;
    size_t first, count;
    uint64_t words[512];
};

/* Returns 0 if the page tables cannot be read. */
static uint64_t page_table_entry(struct page_table *table, const void *page)
{
    const size_t number = (size_t)page / (size_t)sysconf(_SC_PAGESIZE);
    if (number < table->first || number - table->first >= table->count) {
        const ssize_t length = pread(table->file, table->words, sizeof table->words, (off_t)number * (off_t)sizeof *table->words);
        table->first = number;
        table->count = length > 0 ? (size_t)length / sizeof *table->words : 0;
    }
    return table->count > 0 ? table->words[number - table->first] : 0;
}

/* Returns true if a page that a query did not find may be in flight, or may have arrived since. */
static bool may_be_in_flight(uint64_t entry, int status, int attempt)
{
    /* Swap files have lower types, and the last type is that of markers. Without privileges, the type is 0. */
    enum { TYPES = 0x1f, FIRST_SPECIAL = 20 };
    const uint64_t present = 1ULL << 63, swapped = 1ULL << 62, type = entry & TYPES;
    /* Queries never find some pages that are present: those that NUMA balancing has marked (Linux 6.1), and those of [vvar]. */
    if (entry & present)
        return status == -ENOENT && attempt < 2;
    return entry & swapped && type >= FIRST_SPECIAL && type < TYPES;
}

int query_with_kernel(pid_t pid, size_t count, void *const *pages, int *status)
{
    enum { MAX_ATTEMPTS = 100 };
    char name[64];
    struct page_table table = { .file = -1 };
    int result = query_once(pid, count, pages, status);
    bool any = result == 0;
    for (int attempt = 0; any && attempt < MAX_ATTEMPTS; attempt++) {
        any = false;
        table.count = 0;
        for (size_t entry = 0; entry < count && result == 0; entry++) {
            if (status[entry] >= 0)
                continue;
            if (table.file < 0) {
                if (pid == 0)
                    strcpy(name, "/proc/self/pagemap");
                else
                    snprintf(name, sizeof name, "/proc/%d/pagemap", (int)pid);
                table.file = open(name, O_RDONLY | O_CLOEXEC);
            }
            if (!may_be_in_flight(page_table_entry(&table, pages[entry]), status[entry], attempt))
                continue;
            if (!any)
                usleep((useconds_t)attempt * 100);
            any = true;
            result = query_once(pid, 1, &pages[entry], &status[entry]);
        }
        if (table.file < 0)
            break;
    }
    if (table.file >= 0)
        close(table.file);
    return result;
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

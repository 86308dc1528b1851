#include "machine.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "system_calls.h"

size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Returns the number in the first line that has this format, or 0 if there is none. */
static size_t number_in(const char *path, const char *format)
{
    char line[256];
    size_t number = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    while (number == 0 && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, format, &number) != 1)
            number = 0;
    fclose(file);
    return number;
}

bool has_transparent_huge_pages(void)
{
    return access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) == 0;
}

/* 0 if there are none. */
static size_t find_huge_page_size(void)
{
    static size_t size;
    const int error = errno;
    if (size == 0)
        size = number_in("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "%zu");
    if (size == 0)
        size = number_in("/proc/meminfo", "Hugepagesize: %zu") * 1024;
    errno = error;
    return size;
}

bool has_huge_pages(void)
{
    return find_huge_page_size() != 0;
}

size_t huge_page_size(void)
{
    const size_t size = find_huge_page_size();
    if (size == 0)
        skip_test("the kernel has no huge pages");
    return size;
}

size_t pages_per_huge_page(void)
{
    return huge_page_size() / page_size();
}

size_t huge_pages_within(size_t count, size_t max_bytes, size_t min)
{
    const size_t fitting = max_bytes / huge_page_size();
    if (fitting < min)
        skip_test("huge pages of %zu KiB are too large for this machine's memory", huge_page_size() / 1024);
    return count < fitting ? count : fitting;
}

size_t pages_within(size_t count, size_t max_bytes)
{
    const size_t fitting = max_bytes / page_size();
    return count < fitting ? count : fitting;
}

void require_numa_system_calls(void)
{
    if (!has_numa_system_calls())
        skip_test("the kernel has no NUMA system calls");
}

int kernel_node_bits(void)
{
    char line[8192];
    int digits = 0;
    FILE *file = fopen("/proc/self/status", "r");
    require(file != NULL);
    while (digits == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "Mems_allowed:", 13) == 0)
            for (const char *text = line + 13; *text != '\0'; text++)
                digits += strchr("0123456789abcdef", *text) != NULL;
    fclose(file);
    return 4 * digits;
}

/* Returns true if the page at this address is mapped, or can be. */
static bool is_address_of_process(size_t address)
{
    void *const page = mmap((void *)address, page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (page == MAP_FAILED)
        return errno == EEXIST;
    require(munmap(page, page_size()) == 0);
    return page == (void *)address;
}

size_t end_of_addresses(void)
{
    static size_t end;
    if (end == 0) {
        const int error = errno;
        /* Page numbers: one in the middle that can be mapped, and one that cannot. */
        size_t inside = (size_t)&end / page_size(), outside = SIZE_MAX / page_size();
        while (outside - inside > 1) {
            const size_t middle = inside + (outside - inside) / 2;
            if (is_address_of_process(middle * page_size()))
                inside = middle;
            else
                outside = middle;
        }
        end = outside * page_size();
        errno = error;
    }
    return end;
}

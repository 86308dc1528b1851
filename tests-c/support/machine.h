/* Sizes and limits that differ between machines and kernels. Tests take them from here, never from constants.
 * The functions leave errno alone. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stddef.h>

/* Returns the size of a base page. */
size_t page_size(void);

/* Returns the size of a transparent huge page, which is the default size of a hugetlb page too, and how many base pages it has. Skips the
 * test if the kernel has no huge pages. */
size_t huge_page_size(void);
size_t pages_per_huge_page(void);

/* Returns true if the kernel has huge pages of any kind, or transparent ones. */
bool has_huge_pages(void);
bool has_transparent_huge_pages(void);

/* Returns `count`, or less if so many huge pages have more than `max_bytes`. Skips the test if that leaves less than `min`. */
size_t huge_pages_within(size_t count, size_t max_bytes, size_t min);

/* Returns `count`, or less if so many base pages have more than `max_bytes`. */
size_t pages_within(size_t count, size_t max_bytes);

/* Skips the test if the kernel has no system calls for memory policies and moves. */
void require_numa_system_calls(void);

/* Returns how many nodes the kernel can have: the bits of Mems_allowed. */
int kernel_node_bits(void);

/* Returns the first address that a process of this word size cannot map. */
size_t end_of_addresses(void);

#endif

/* What the kernel reports, without the library: policies, affinity, and where pages are. */
#ifndef MEMORY_H
#define MEMORY_H

#include "parity.h"

/* A multiple of one, two, three and four, so interleaved pages are distributed evenly wherever the kernel begins. */
enum { SOME_PAGES = 12 };

size_t page_size(void);
void *fresh_pages(size_t count);
void touch_pages(void *start, size_t count);

void print_thread_policy(void);
void print_affinity(void);
/* Print the policy of an address as get_mempolicy(2) returns it, and as numa_maps shows it for its mapping. */
void print_memory_policy(void *address);
/* Prints how many of these pages are on which node. For interleaved pages, use SOME_PAGES: on which node the kernel begins depends on the
 * address. */
void print_placement(void *start, size_t count);
/* Prints how many of these pages exist. */
void print_presence(void *start, size_t count);
void print_whether_mapped(const void *address);

void set_thread_policy(int mode, unsigned long nodes);
/* Local memory is that of the CPU that a case runs on, so it must stay on one. */
void stay_on_first_cpu(void);

#endif

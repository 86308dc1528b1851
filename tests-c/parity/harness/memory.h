/* What the kernel says, asked past the library: policies, affinity, and where pages are. */
#ifndef MEMORY_H
#define MEMORY_H

#include "parity.h"

/* Divides evenly among one, two, three and four nodes, wherever the kernel begins. */
enum { SOME_PAGES = 12 };

size_t page_size(void);
void *fresh_pages(size_t count);
void touch_pages(void *start, size_t count);

void print_thread_policy(void);
void print_affinity(void);
/* The policy of one address by get_mempolicy, and of its mapping by numa_maps. */
void print_memory_policy(void *address);
/* How many of these pages are on which node. For interleaved pages print it of SOME_PAGES only: on which node the
 * kernel begins depends on the address. */
void print_placement(void *start, size_t count);
/* How many of these pages exist. */
void print_presence(void *start, size_t count);
void print_whether_mapped(const void *address);

void set_thread_policy(int mode, unsigned long nodes);
/* Local memory is that of the CPU that a case runs on, so it must stay on one. */
void stay_on_first_cpu(void);

#endif

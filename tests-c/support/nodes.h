/* Sets of nodes, and assertions about where threads run and memory comes from. */
#ifndef NODES_H
#define NODES_H

#include <numars.h>
#include <stddef.h>
#include <sys/types.h>

/* Returns a set with these nodes: of the size of numa_allocate_nodemask(), or larger if the kernel has fewer possible nodes. */
struct bitmask *set_of(unsigned long nodes);

/* numars_move_process() with these masks; errno is that of the call. */
long move_process_between(pid_t pid, unsigned long from, unsigned long to, const struct numars_move_options *options,
                          struct numars_move_stats *stats);

/* Returns a set with one node. */
struct bitmask *only(unsigned node);

/* Returns the first members of a set, one bit each, and frees the set. */
unsigned long members(struct bitmask *set);

/* Returns the node that the calling thread currently runs on, according to the kernel. */
int running_on(void);

/* Returns how many of `count` new pages come from this node when they are touched. */
size_t fresh_on_node(size_t count, int node);

/* The same for pages that numa_alloc() or a similar call returned. They are freed. */
size_t allocated_on_node(void *pages, size_t count, int node);

/* Every call that takes a set must use the last node of a set of `bits` bits: bits - 1, which must exist. */
void assert_last_node_of_a_set_is_used(unsigned bits);

/* numa_distance() must return this table of `count` rows and columns, and 0 for the node after the last. */
void assert_distances(int count, const unsigned char *table);

/* Moves one page from each of these nodes, which have memory, to each other one and back with numa_move_pages(). */
void assert_pages_move_between(unsigned long nodes);

#endif

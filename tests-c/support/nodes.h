/* Sets of nodes, and what the library does with them: where a thread runs, where its memory comes from. */
#ifndef NODES_H
#define NODES_H

#include <numars.h>
#include <stddef.h>
#include <sys/types.h>

/* The set of the nodes whose bits are set, as large as numa_allocate_nodemask() makes it. */
struct bitmask *set_of(unsigned long nodes);

/* numars_move_process() with these masks; errno is that of the call. */
long move_process_between(pid_t pid, unsigned long from, unsigned long to, const struct numars_move_options *options,
                          struct numars_move_stats *stats);

/* The set of one node. */
struct bitmask *only(unsigned node);

/* The first members of a set, a bit each; the set is freed. */
unsigned long members(struct bitmask *set);

/* The node that the calling thread runs on at this moment, as the kernel says. */
int running_on(void);

/* How many of `count` fresh pages come from this node when they are touched? */
size_t fresh_on_node(size_t count, int node);

/* The same, for pages that numa_alloc() and its like gave. They are freed. */
size_t allocated_on_node(void *pages, size_t count, int node);

/* Every call that takes a set uses the last node of one of so many bits: bits - 1, which must exist. */
void assert_last_node_of_a_set_is_used(unsigned bits);

/* numa_distance() tells a table of `count` rows of so many distances; the node after the last is at no distance. */
void assert_distances(int count, const unsigned char *table);

/* Moves one page from each node to each other one and back with numa_move_pages(), which says so. `nodes` are those of memory. */
void assert_pages_move_between(unsigned long nodes);

#endif

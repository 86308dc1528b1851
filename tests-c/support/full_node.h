/* Fills a node except for a given number of base pages, and no huge page. */
#ifndef FULL_NODE_H
#define FULL_NODE_H

#include <stddef.h>

/* A full node: hugetlb pages fill most of it, pages of this process the rest. */
struct full_node {
    int node, spare;
    char *filler;
    size_t filler_pages;
};

/* Fills `node`. `spare` is another node, to which pages are moved to free memory. */
struct full_node fill_node_completely(int node, int spare);

/* Leaves about `pages` base pages free, of which a CPU that frees them may keep some 250 for itself. May be called repeatedly, in any state. */
void set_free_pages(const struct full_node *full, size_t pages);

/* Frees all memory: the node then has more free memory than before. */
void release_full_node(struct full_node *full);

#endif

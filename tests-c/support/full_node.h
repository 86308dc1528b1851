/* Nodes with room for a given number of base pages and for no huge page. */
#ifndef FULL_NODE_H
#define FULL_NODE_H

#include <stddef.h>

/* A node that is full but for so many base pages: the kernel's huge pages fill most of it, pages of this process the rest. */
struct full_node {
    int node, spare;
    char *filler;
    size_t filler_pages;
};

/* Fills `node`; `spare` is another node, on which the pages lie that make room again. */
struct full_node fill_node_completely(int node, int spare);

/* Leaves room for about `pages` base pages. May be called again and again, in any state. */
void set_free_pages(const struct full_node *full, size_t pages);

/* Gives back all of it: the node has more room than before. */
void release_full_node(struct full_node *full);

#endif

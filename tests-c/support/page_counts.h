/* Page counts of a range by raw queries, and whether numars_move_range() reports the same. */
#ifndef PAGE_COUNTS_H
#define PAGE_COUNTS_H

#include <numars.h>
#include <stddef.h>
#include <sys/types.h>

#include "pages.h"

struct page_counts {
    size_t on_node[NODES];
    /* -ENOENT, and every other error. */
    size_t absent, unmapped;
};

/* Queries each base page of a range, which nothing may move meanwhile. */
struct page_counts count_pages_raw(pid_t pid, const char *start, size_t count);

/* The result of a move of a range to one node. */
struct range_move {
    const char *start;
    size_t count;
    int node;
    long returned;
    int error;
    struct numars_move_stats stats;
};

/* Calls numars_move_range() for `count` base pages of the calling process. */
struct range_move move_range(char *start, size_t count, int node, const struct numars_move_options *options);

/* Fails the test unless the result agrees with raw queries: sums, return value and errno. All pages must have been present, on another node
 * than the target, and pages may only have stayed because the target is full. `what` describes the move. */
void assert_move_to_full_node(const struct range_move *move, const char *what);

/* Maps `count` consecutive transparent huge pages on a node, touched as by touch_pages(). */
char *transparent_huge_pages(size_t count, int node);

#endif

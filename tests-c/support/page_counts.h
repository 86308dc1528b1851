/* Where the pages of a range are, by raw queries page by page, and whether a call says the same. */
#ifndef PAGE_COUNTS_H
#define PAGE_COUNTS_H

#include <numars.h>
#include <stddef.h>
#include <sys/types.h>

#include "pages.h"

struct page_counts {
    size_t on_node[NODES];
    /* -ENOENT, and everything else that is no node. */
    size_t absent, unmapped;
};

/* Asks the kernel about each base page of a range, which must be at rest. */
struct page_counts count_pages_raw(pid_t pid, const char *start, size_t count);

/* How a move of a range to one node ended. */
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

/* Fails the test unless the move of pages that were all present on another node than the target is as raw queries say: sums, return
 * value and errno. Pages that stayed did so since the target is full. `what` says which move it is. */
void assert_move_to_full_node(const struct range_move *move, const char *what);

/* `count` transparent huge pages in a row on a node, touched as touch_pages does. */
char *transparent_huge_pages(size_t count, int node);

#endif

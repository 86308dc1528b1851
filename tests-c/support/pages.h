/* Memory to move: mapping it, putting it on a node, asking where it is. */
#ifndef PAGES_H
#define PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { HUGE_PAGE = 2 * 1024 * 1024 };

/* What the tests write into a status array beforehand: no node and no error has this number. */
enum { NOT_WRITTEN = -9999 };

size_t page_size(void);

/* Base pages, never merged into huge ones, not touched yet. The address may not be touched at all
 * when the mapping is made inaccessible afterwards. */
char *map_pages(size_t count);
char *map_shared_pages(size_t count);
char *map_file_pages(int file, size_t count);

/* Writes to each page so that it exists, on this node; the bytes differ from page to page. */
void touch_pages(char *start, size_t count, int node);

/* map_pages and touch_pages in one. */
char *pages_on_node(size_t count, int node);

/* Are the bytes that touch_pages wrote still there? */
bool pages_keep_contents(const char *start, size_t count);

/* Memory that was reserved and has gone: reading or writing there faults. */
void *unmapped_address(void);

/* An array of `count` elements whose end is the end of the mapping: reading element `count` faults. */
void *array_at_end_of_mapping(size_t count, size_t element_size);

/* The three arrays of move_pages for `count` pages in a row, all to one node; status is NOT_WRITTEN. */
enum { MAX_PAGES = 512 };
struct request {
    void *pages[MAX_PAGES];
    int nodes[MAX_PAGES];
    int status[MAX_PAGES];
    size_t count;
};
struct request request_move(char *start, size_t count, int node);

/* Adds one page to a request. */
void request_add(struct request *request, void *page, int node);

/* move_pages with the request's arrays, on the process itself. */
long perform(struct request *request, int flags);

/* The status a query gives for one page: its node, or a negative error number. */
int node_of(const void *page);
int node_of_pid(pid_t pid, const void *page);

/* The status that a request to move this one page gives; the request itself must succeed. */
int move_one(void *page, int node, int flags);

/* migrate_pages with masks of one word, of which `mask` makes the bit of a node. */
enum { MASK_BITS = 8 * sizeof(unsigned long) };
unsigned long mask(int node);
long migrate(pid_t pid, unsigned long from, unsigned long to);

/* How many of these pages are on the node? */
size_t count_on_node(const char *start, size_t count, int node);

/* Asks about every page of every mapping of a process: how many base pages are on each of nodes 0 to 3? Returns how
 * many there are at all. The process must not do anything meanwhile, and have no large mappings. */
enum { NODES = 4 };
size_t count_process_pages(pid_t pid, size_t on_node[NODES]);

/* AddressSanitizer maps terabytes for itself: too much for a census. */
#ifdef __SANITIZE_ADDRESS__
enum { PROCESS_SCAN_IS_SLOW = true };
#else
enum { PROCESS_SCAN_IS_SLOW = false };
#endif

/* Does one huge page of the kernel's own making back this address? */
bool is_transparent_huge_page(const void *address);

/* A transparent huge page on this node; touched as touch_pages does. */
char *transparent_huge_page(int node);

/* One page of hugetlbfs, on node 0, and room for it on node 1. */
char *hugetlb_page_for_node_1(void);

/* An unnamed file with room for so many pages: nothing to clean up, whatever happens. */
int file_in(const char *directory, size_t count);

/* Gives the page to a pipe, which holds on to it until it is unpinned: it cannot move meanwhile. Returns the end to
 * read from. */
int pin_in_pipe(char *page);
void unpin_from_pipe(int end);

#endif

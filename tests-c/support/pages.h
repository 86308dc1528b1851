/* Memory to be moved: mapping it, placing it on a node, querying it. */
#ifndef PAGES_H
#define PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

#include "machine.h"

/* Tests initialize status arrays with this: it is no node and no errno. */
enum { NOT_WRITTEN = -9999 };

/* Map base pages, which are never merged into huge ones, without touching them. */
char *map_pages(size_t count);
char *map_shared_pages(size_t count);
char *map_file_pages(int file, size_t count);

/* Writes to each page so that it is allocated on this node; the contents differ from page to page. */
void touch_pages(char *start, size_t count, int node);

/* The same by another policy than MPOL_BIND. */
void touch_pages_by(int mode, char *start, size_t count, int node);

/* map_pages() followed by touch_pages(). */
char *pages_on_node(size_t count, int node);

/* Returns true if the pages still contain what touch_pages() wrote. */
bool pages_keep_contents(const char *start, size_t count);

/* Returns an address that was mapped before: reading or writing there faults. */
void *unmapped_address(void);

/* An array of `count` elements that ends where the mapping ends: reading element `count` faults. */
void *array_at_end_of_mapping(size_t count, size_t element_size);

/* The three arrays of move_pages for `count` consecutive pages with one target; each status is NOT_WRITTEN. MAX_PAGES is for tests
 * that move some pages. */
enum { MAX_PAGES = 512, MAX_PAGES_OF_REQUEST = 2048 };
struct request {
    void *pages[MAX_PAGES_OF_REQUEST];
    int nodes[MAX_PAGES_OF_REQUEST];
    int status[MAX_PAGES_OF_REQUEST];
    size_t count;
};
struct request request_move(char *start, size_t count, int node);

/* Adds one page to a request. */
void request_add(struct request *request, void *page, int node);

/* Calls move_pages with the request's arrays, on the process itself. */
long perform(struct request *request, int flags);

/* Returns the status of one page from a query: its node, or a negative errno. */
int node_of(const void *page);
int node_of_pid(pid_t pid, const void *page);

/* Returns the status of a request to move this one page; the request itself must succeed. */
int move_one(void *page, int node, int flags);

/* migrate_pages with masks of one word; mask() returns the bit of a node. */
enum { MASK_BITS = 8 * sizeof(unsigned long) };
unsigned long mask(int node);
long migrate(pid_t pid, unsigned long from, unsigned long to);

/* Returns how many of these pages are on the node. */
size_t count_on_node(const char *start, size_t count, int node);

/* Asserts that a call of migrate_pages(2) for this process succeeds and moves all pages but the kernel's, which some architectures count. */
#define assert_migrates(call)                                                                                              \
    do {                                                                                                                   \
        errno = UNTOUCHED_ERRNO;                                                                                           \
        const long stayed_ = (call);                                                                                       \
        const int errno_ = errno;                                                                                          \
        expect(stayed_ >= 0 && (size_t)stayed_ <= pages_of_kernel(getpid()) && errno_ == UNTOUCHED_ERRNO,                  \
               "%s: returned %ld, errno %d", #call, stayed_, errno_);                                                      \
    } while (0)

/* Queries every page of every mapping of a process: how many base pages are on each of nodes 0 to 3. Returns how many there are in all. The
 * process must be idle, and have no large mappings. */
enum { NODES = 4 };
size_t count_process_pages(pid_t pid, size_t on_node[NODES]);

/* The same without those that belong to the kernel. */
size_t count_movable_pages(pid_t pid, size_t on_node[NODES]);

/* Returns how many pages the kernel's own mappings of a process have, such as [vdso]. Whether they count depends on which of them stay. */
size_t pages_of_kernel(pid_t pid);

/* AddressSanitizer maps terabytes for itself, too much to query page by page. */
#ifdef __SANITIZE_ADDRESS__
enum { PROCESS_SCAN_IS_SLOW = true };
#else
enum { PROCESS_SCAN_IS_SLOW = false };
#endif

/* Returns true if a transparent huge page backs this address. */
bool is_transparent_huge_page(const void *address);

/* Skips the test if the kernel has no transparent huge pages. The functions below do. */
void require_transparent_huge_pages(void);

/* Returns the first address from here on where a huge page can start. */
char *align_to_huge_page(char *start);

/* Maps a transparent huge page on this node, touched as by touch_pages(). */
char *transparent_huge_page(int node);

/* Maps a hugetlb page on node 0, and reserves one on node 1. */
char *hugetlb_page_for_node_1(void);

/* An unnamed file of `count` pages, which needs no cleanup. */
int file_in(const char *directory, size_t count);

/* Gives the page to a pipe, which pins it: it cannot move until it is unpinned. Returns the end to read from. */
int pin_in_pipe(char *page);
void unpin_from_pipe(int end);

#endif

/* Requests of any number of pages, and whether what a call says about them is true. */
#ifndef PAGE_LIST_H
#define PAGE_LIST_H

#include <stddef.h>
#include <sys/types.h>

/* The three arrays of move_pages; status is NOT_WRITTEN. */
struct page_list {
    void **pages;
    int *nodes;
    int *status;
    size_t count, capacity;
};
struct page_list page_list_with_capacity(size_t capacity);
void page_list_add(struct page_list *list, void *page, int node);
void page_list_add_range(struct page_list *list, char *start, size_t count, int node);
struct page_list page_list_of_range(char *start, size_t count, int node);

/* The pages in a row; the first goes to node 1, the next to node 2, then 3, then 1 again. */
struct page_list page_list_interleaved(char *start, size_t count);

/* numa_move_pages with these arrays, on the process itself. */
long page_list_move(struct page_list *list, int flags);

/* Where the kernel says that each page is: a node or a negative error number. The array is mapped and stays. */
int *page_list_query(pid_t pid, const struct page_list *list);

/* Every status that names a node, or says that there is no page, is what a query says now; every other one is an error
 * number and the page is not on its target. A status that was not written is none of these. */
void assert_true_statuses(pid_t pid, const struct page_list *list);

/* The same for the first `count` entries; those after it were not written. */
void assert_true_statuses_up_to(const struct page_list *list, size_t count);

/* Each page is on its target, and its status says so. */
void assert_all_on_target(pid_t pid, const struct page_list *list);

/* How many entries' pages are on their target? */
size_t page_list_on_target(pid_t pid, const struct page_list *list);

/* How many statuses are this one? */
size_t page_list_with_status(const struct page_list *list, int status);

#endif

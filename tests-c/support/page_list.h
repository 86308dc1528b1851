/* Lists of any number of pages for move_pages(2) and similar calls, and checks of their statuses. */
#ifndef PAGE_LIST_H
#define PAGE_LIST_H

#include <stddef.h>
#include <sys/types.h>

/* The three arrays of move_pages; each status is NOT_WRITTEN. */
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

/* Consecutive pages; the first one's target is node 1, then 2, 3, 1 and so on. */
struct page_list page_list_interleaved(char *start, size_t count);

/* Calls numa_move_pages with these arrays, on the process itself. */
long page_list_move(struct page_list *list, int flags);

/* Queries the pages: each element is a node or a negative errno. The array is mapped and not freed. */
int *page_list_query(pid_t pid, const struct page_list *list);

/* Every status that is a node, or that reports an absent page, must agree with a query now; for every other one, an errno, the page must
 * not be on its target. A status that was not written is neither. */
void assert_true_statuses(pid_t pid, const struct page_list *list);

/* The same for the first `count` entries; later ones must not have been written. */
void assert_true_statuses_up_to(const struct page_list *list, size_t count);

/* Each page must be on its target and have it as status. */
void assert_all_on_target(pid_t pid, const struct page_list *list);

/* Returns how many entries' pages are on their target. */
size_t page_list_on_target(pid_t pid, const struct page_list *list);

/* Returns how many statuses have this value. */
size_t page_list_with_status(const struct page_list *list, int status);

#endif

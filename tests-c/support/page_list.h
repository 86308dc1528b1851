/* Requests of any number of pages, and whether what a call says about them is true. */
#ifndef PAGE_LIST_H
#define PAGE_LIST_H

#include <stddef.h>
#include <sys/types.h>

/* The three arrays of move_pages; status is NOT_WRITTEN. */
struct bulk {
    void **pages;
    int *nodes;
    int *status;
    size_t count, room;
};
struct bulk bulk_with_room(size_t room);
void bulk_add(struct bulk *bulk, void *page, int node);
void bulk_add_pages(struct bulk *bulk, char *start, size_t count, int node);
struct bulk bulk_of_pages(char *start, size_t count, int node);

/* The pages in a row; the first goes to node 1, the next to node 2, then 3, then 1 again. */
struct bulk bulk_interleaved(char *start, size_t count);

/* numa_move_pages with these arrays, on the process itself. */
long bulk_move(struct bulk *bulk, int flags);

/* Where the kernel says that each page is: a node or a negative error number. The array is mapped and stays. */
int *bulk_places(pid_t pid, const struct bulk *bulk);

/* Every status that names a node, or says that there is no page, is what a query says now; every other one is an error
 * number and the page is not on its target. A status that was not written is none of these. */
void assert_true_statuses(pid_t pid, const struct bulk *bulk);

/* The same for the first `count` entries; those after it were not written. */
void assert_true_statuses_up_to(const struct bulk *bulk, size_t count);

/* Each page is on its target, and its status says so. */
void assert_all_arrived(pid_t pid, const struct bulk *bulk);

/* How many entries' pages are on their target? */
size_t bulk_on_target(pid_t pid, const struct bulk *bulk);

/* How many statuses are this one? */
size_t bulk_with_status(const struct bulk *bulk, int status);

#endif

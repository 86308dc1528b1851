#include "page_list.h"

#include <numa.h>
#include <numaif.h>
#include <sys/mman.h>

#include "harness.h"
#include "pages.h"
#include "system_calls.h"

static void *map_array(size_t count, size_t element_size)
{
    /* Never NULL, not even for an empty array. */
    void *start = mmap(NULL, count * element_size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(start != MAP_FAILED);
    return start;
}

struct page_list page_list_with_capacity(size_t capacity)
{
    return (struct page_list){
        .pages = map_array(capacity, sizeof(void *)),
        .nodes = map_array(capacity, sizeof(int)),
        .status = map_array(capacity, sizeof(int)),
        .capacity = capacity,
    };
}

void page_list_add(struct page_list *list, void *page, int node)
{
    require(list->count < list->capacity);
    list->pages[list->count] = page;
    list->nodes[list->count] = node;
    list->status[list->count] = NOT_WRITTEN;
    list->count++;
}

void page_list_add_range(struct page_list *list, char *start, size_t count, int node)
{
    for (size_t page = 0; page < count; page++)
        page_list_add(list, start + page * page_size(), node);
}

struct page_list page_list_of_range(char *start, size_t count, int node)
{
    struct page_list list = page_list_with_capacity(count);
    page_list_add_range(&list, start, count, node);
    return list;
}

struct page_list page_list_interleaved(char *start, size_t count)
{
    struct page_list list = page_list_with_capacity(count);
    for (size_t page = 0; page < count; page++)
        page_list_add(&list, start + page * page_size(), (int)(page % 3) + 1);
    return list;
}

long page_list_move(struct page_list *list, int flags)
{
    return numa_move_pages(0, list->count, list->pages, list->nodes, list->status, flags);
}

int *page_list_query(pid_t pid, const struct page_list *list)
{
    int *actual_nodes = map_array(list->count, sizeof *actual_nodes);
    require(query_with_kernel(pid, list->count, list->pages, actual_nodes) == 0);
    return actual_nodes;
}

static void unmap_nodes(int *actual_nodes, const struct page_list *list)
{
    require(munmap(actual_nodes, list->count * sizeof *actual_nodes + 1) == 0);
}

static void assert_true_status(const struct page_list *list, size_t entry, int actual_node)
{
    const int status = list->status[entry], target = list->nodes[entry];
    if (status >= 0 || status == -ENOENT || status == -EFAULT)
        expect(status == actual_node, "status %zu of %zu is %d, but a query says %d (target %d)", entry, list->count, status,
               actual_node, target);
    else
        expect(status > NOT_WRITTEN && actual_node != target, "status %zu of %zu is %d; a query says %d, the target is %d",
               entry, list->count, status, actual_node, target);
}

void assert_true_statuses(pid_t pid, const struct page_list *list)
{
    int *actual_nodes = page_list_query(pid, list);
    for (size_t entry = 0; entry < list->count; entry++)
        assert_true_status(list, entry, actual_nodes[entry]);
    unmap_nodes(actual_nodes, list);
}

void assert_true_statuses_up_to(const struct page_list *list, size_t count)
{
    int *actual_nodes = page_list_query(0, list);
    for (size_t entry = 0; entry < list->count; entry++)
        if (entry < count)
            assert_true_status(list, entry, actual_nodes[entry]);
        else
            expect(list->status[entry] == NOT_WRITTEN, "status %zu of %zu was written: %d", entry, list->count,
                   list->status[entry]);
    unmap_nodes(actual_nodes, list);
}

void assert_all_on_target(pid_t pid, const struct page_list *list)
{
    int *actual_nodes = page_list_query(pid, list);
    for (size_t entry = 0; entry < list->count; entry++)
        expect(actual_nodes[entry] == list->nodes[entry] && list->status[entry] == list->nodes[entry],
               "page %zu of %zu is on node %d and its status is %d; the target is %d", entry, list->count, actual_nodes[entry],
               list->status[entry], list->nodes[entry]);
    unmap_nodes(actual_nodes, list);
}

size_t page_list_on_target(pid_t pid, const struct page_list *list)
{
    int *actual_nodes = page_list_query(pid, list);
    size_t matches = 0;
    for (size_t entry = 0; entry < list->count; entry++)
        matches += actual_nodes[entry] == list->nodes[entry];
    unmap_nodes(actual_nodes, list);
    return matches;
}

size_t page_list_with_status(const struct page_list *list, int status)
{
    size_t matches = 0;
    for (size_t entry = 0; entry < list->count; entry++)
        matches += list->status[entry] == status;
    return matches;
}

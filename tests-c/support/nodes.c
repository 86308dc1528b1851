#include "nodes.h"

#include <numaif.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "pages.h"

struct bitmask *set_of(unsigned long nodes)
{
    struct bitmask *set = numa_allocate_nodemask();
    require(set != NULL);
    for (unsigned node = 0; node < MASK_BITS; node++)
        if (nodes >> node & 1)
            numa_bitmask_setbit(set, node);
    return set;
}

struct bitmask *only(unsigned node)
{
    return numa_bitmask_setbit(numa_allocate_nodemask(), node);
}

unsigned long members(struct bitmask *set)
{
    unsigned long found = 0;
    for (unsigned member = 0; member < MASK_BITS; member++)
        found |= (unsigned long)numa_bitmask_isbitset(set, member) << member;
    numa_bitmask_free(set);
    return found;
}

int running_on(void)
{
    unsigned node;
    require(syscall(SYS_getcpu, NULL, &node, NULL) == 0);
    return (int)node;
}

static size_t touched_on_node(char *pages, size_t count, int node)
{
    for (size_t page = 0; page < count; page++)
        pages[page * page_size()] = 1;
    return count_on_node(pages, count, node);
}

size_t fresh_on_node(size_t count, int node)
{
    return touched_on_node(map_pages(count), count, node);
}

size_t allocated_on_node(void *pages, size_t count, int node)
{
    require(pages != NULL);
    const size_t found = touched_on_node(pages, count, node);
    numa_free(pages, count * page_size());
    return found;
}

void assert_distances(int count, const unsigned char *table)
{
    for (int from = 0; from < count; from++)
        for (int to = 0; to < count; to++)
            assert_returns(numa_distance(from, to), table[from * count + to]);
    assert_returns(numa_distance(0, count), 0);
    assert_returns(numa_distance(count, 0), 0);
}

void assert_pages_move_between(unsigned long nodes)
{
    for (int from = 0; from < (int)MASK_BITS; from++)
        for (int to = 0; to < (int)MASK_BITS; to++) {
            if (!(nodes >> from & nodes >> to & 1))
                continue;
            char *page = pages_on_node(1, from);
            void *pages[] = { page, page };
            int targets[] = { from, to }, status[] = { NOT_WRITTEN, NOT_WRITTEN };
            /* A page that is named twice ends on the last of its targets. */
            assert_returns(numa_move_pages(0, 2, pages, targets, status, MPOL_MF_MOVE), 0);
            ck_assert_int_eq(status[1], to);
            ck_assert_int_eq(node_of(page), to);
            assert_returns(numa_move_pages(0, 1, pages, targets, status, MPOL_MF_MOVE), 0);
            ck_assert_int_eq(status[0], from);
            ck_assert_int_eq(node_of(page), from);
            ck_assert(pages_keep_contents(page, 1));
        }
}

#include "nodes.h"

#include <errno.h>
#include <numaif.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "pages.h"

/* Returns an empty set that has room for a node. */
static struct bitmask *set_with_room_for(unsigned node)
{
    const unsigned nodes = (unsigned)numa_num_possible_nodes();
    struct bitmask *set = numa_bitmask_alloc(node < nodes ? nodes : node + 1);
    require(set != NULL);
    return set;
}

struct bitmask *set_of(unsigned long nodes)
{
    unsigned last = 0;
    for (unsigned node = 0; node < MASK_BITS; node++)
        if (nodes >> node & 1)
            last = node;
    struct bitmask *set = set_with_room_for(last);
    for (unsigned node = 0; node < MASK_BITS; node++)
        if (nodes >> node & 1)
            numa_bitmask_setbit(set, node);
    return set;
}

long move_process_between(pid_t pid, unsigned long from, unsigned long to, const struct numars_move_options *options,
                          struct numars_move_stats *stats)
{
    struct bitmask *from_nodes = set_of(from), *to_nodes = set_of(to);
    errno = UNTOUCHED_ERRNO;
    const long returned = numars_move_process(pid, from_nodes, to_nodes, options, stats);
    const int error = errno;
    numa_bitmask_free(from_nodes);
    numa_bitmask_free(to_nodes);
    errno = error;
    return returned;
}

struct bitmask *only(unsigned node)
{
    return numa_bitmask_setbit(set_with_room_for(node), node);
}

unsigned long members(struct bitmask *set)
{
    unsigned long result = 0;
    for (unsigned member = 0; member < MASK_BITS; member++)
        result |= (unsigned long)numa_bitmask_isbitset(set, member) << member;
    numa_bitmask_free(set);
    return result;
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
    const size_t result = touched_on_node(pages, count, node);
    numa_free(pages, count * page_size());
    return result;
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

/* The set must contain the node only; it is freed. */
static void assert_node(struct bitmask *set, unsigned node)
{
    ck_assert_ptr_nonnull(set);
    ck_assert_uint_eq(numa_bitmask_weight(set), 1);
    ck_assert(numa_bitmask_isbitset(set, node));
    numa_bitmask_free(set);
}

/* New memory must come from the node once the policy is set. */
static void assert_memory_on_node(void (*give_policy)(void *, size_t, struct bitmask *), struct bitmask *set, int node)
{
    char *page = map_pages(1);
    give_policy(page, page_size(), set);
    *page = 1;
    ck_assert_int_eq(node_of(page), node);
}

void assert_last_node_of_a_set_is_used(unsigned bits)
{
    const int last = (int)bits - 1;
    struct bitmask *set = numa_bitmask_setbit(numa_bitmask_alloc(bits), bits - 1);
    struct bitmask *first = numa_bitmask_setbit(numa_bitmask_alloc(bits), 0);
    require(set != NULL && first != NULL);
    ck_assert_uint_eq(set->size, bits);
    numa_exit_on_error = 1;

    char *page = pages_on_node(1, 0);
    ck_assert_int_ge(numa_migrate_pages(0, first, set), 0);
    ck_assert_int_eq(node_of(page), last);

    numa_set_membind(set);
    assert_node(numa_get_membind(), bits - 1);
    ck_assert_uint_eq(fresh_on_node(1, last), 1);
    numa_set_localalloc();
    numa_set_membind_balancing(set);
    assert_node(numa_get_membind(), bits - 1);
    numa_set_localalloc();
    numa_set_interleave_mask(set);
    assert_node(numa_get_interleave_mask(), bits - 1);
    numa_set_localalloc();
    numa_set_preferred_many(set);
    assert_node(numa_preferred_many(), bits - 1);
    ck_assert_uint_eq(fresh_on_node(1, last), 1);
    numa_set_localalloc();

    assert_memory_on_node(numa_tonodemask_memory, set, last);
    assert_memory_on_node(numa_interleave_memory, set, last);
    const size_t size = 2 * page_size();
    ck_assert_uint_eq(allocated_on_node(numa_alloc_interleaved_subset(size, set), 2, last), 2);
    numa_set_bind_policy(0);
    assert_memory_on_node(numa_tonodemask_memory, set, last);
    numa_bitmask_free(set);
    numa_bitmask_free(first);
}

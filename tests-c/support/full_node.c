#include "full_node.h"

#include <numa.h>
#include <numaif.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"
#include "system_calls.h"

/* More than fill_node() leaves free: 32 MiB in huge pages, and the kernel's reserves. */
enum { MIN_FILLER_BYTES = 64 << 20, RESERVE_BYTES = 24 << 20, AT_ONCE = 64 };

/* Moves up to `max` filler pages from one node to another. Returns how many arrived. */
static size_t move_filler(const struct full_node *full, int from, int to, size_t max)
{
    size_t arrived = 0, fruitless = 0;
    for (size_t first = 0; first < full->filler_pages && arrived < max && fruitless < 4; first += AT_ONCE) {
        void *pages[AT_ONCE];
        int nodes[AT_ONCE], status[AT_ONCE];
        size_t count = 0, on_target = 0;
        for (size_t page = 0; page < AT_ONCE; page++)
            pages[page] = full->filler + (first + page) * page_size();
        require(query_with_kernel(0, AT_ONCE, pages, status) == 0);
        for (size_t page = 0; page < AT_ONCE; page++)
            if (status[page] == from && count < max - arrived) {
                pages[count] = pages[page];
                nodes[count++] = to;
            }
        if (count == 0)
            continue;
        syscall(SYS_move_pages, 0L, (long)count, pages, nodes, status, (long)MPOL_MF_MOVE);
        require(query_with_kernel(0, count, pages, status) == 0);
        for (size_t page = 0; page < count; page++)
            on_target += status[page] == to;
        arrived += on_target;
        fruitless = on_target == 0 ? fruitless + 1 : 0;
    }
    return arrived;
}

struct full_node fill_node_completely(int node, int spare)
{
    struct full_node full = { .node = node, .spare = spare, .filler_pages = MIN_FILLER_BYTES / page_size() };
    long long free_bytes = 0;
    fill_node(node);
    /* Huge pages leave more free if memory is fragmented. */
    require(numa_node_size64(node, &free_bytes) > 0);
    if (full.filler_pages < ((size_t)free_bytes + RESERVE_BYTES) / page_size())
        full.filler_pages = ((size_t)free_bytes + RESERVE_BYTES) / page_size();
    full.filler = pages_on_node(full.filler_pages, spare);
    set_free_pages(&full, 0);
    /* What a process that ended has just freed becomes available with a delay. */
    const struct timespec a_while = { .tv_nsec = 50000000 };
    require(nanosleep(&a_while, NULL) == 0);
    set_free_pages(&full, 0);
    return full;
}

void set_free_pages(const struct full_node *full, size_t pages)
{
    /* Until none moves any more: pages that another CPU has just freed become available with a delay. */
    while (move_filler(full, full->spare, full->node, full->filler_pages) > 0)
        continue;
    move_filler(full, full->node, full->spare, pages);
}

void release_full_node(struct full_node *full)
{
    require(munmap(full->filler, full->filler_pages * page_size()) == 0);
    full->filler = NULL;
    empty_node(full->node);
}

#include "full_node.h"

#include <numaif.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"

/* More than fill_node() leaves free: 16 huge pages, and what the kernel keeps for itself. */
enum { FILLER_PAGES = 16 * 512 + 8192, AT_ONCE = 64 };

/* Moves up to `most` filler pages from one node to another. Returns how many arrived. */
static size_t move_filler(const struct room *room, int from, int to, size_t most)
{
    size_t arrived = 0, fruitless = 0;
    for (size_t first = 0; first < room->filler_pages && arrived < most && fruitless < 4; first += AT_ONCE) {
        void *pages[AT_ONCE];
        int nodes[AT_ONCE], status[AT_ONCE];
        size_t count = 0, on_target = 0;
        for (size_t page = 0; page < AT_ONCE; page++)
            pages[page] = room->filler + (first + page) * page_size();
        require(syscall(SYS_move_pages, 0L, (long)AT_ONCE, pages, NULL, status, 0L) == 0);
        for (size_t page = 0; page < AT_ONCE; page++)
            if (status[page] == from && count < most - arrived) {
                pages[count] = pages[page];
                nodes[count++] = to;
            }
        if (count == 0)
            continue;
        syscall(SYS_move_pages, 0L, (long)count, pages, nodes, status, (long)MPOL_MF_MOVE);
        require(syscall(SYS_move_pages, 0L, (long)count, pages, NULL, status, 0L) == 0);
        for (size_t page = 0; page < count; page++)
            on_target += status[page] == to;
        arrived += on_target;
        fruitless = on_target == 0 ? fruitless + 1 : 0;
    }
    return arrived;
}

struct room fill_node_to_the_last_page(int node, int spare)
{
    struct room room = { .node = node, .spare = spare, .filler_pages = FILLER_PAGES };
    keep_few_free_pages_per_cpu(true);
    fill_node(node);
    room.filler = pages_on_node(FILLER_PAGES, spare);
    leave_room(&room, 0);
    return room;
}

void leave_room(const struct room *room, size_t pages)
{
    /* Until none goes any more: what another CPU has just freed comes a moment later. */
    while (move_filler(room, room->spare, room->node, FILLER_PAGES) > 0)
        continue;
    move_filler(room, room->node, room->spare, pages);
}

void end_room(struct room *room)
{
    require(munmap(room->filler, room->filler_pages * page_size()) == 0);
    room->filler = NULL;
    empty_node(room->node);
    keep_few_free_pages_per_cpu(false);
}

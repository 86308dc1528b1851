#include "page_list.h"

#include <numa.h>
#include <numaif.h>
#include <sys/mman.h>

#include "harness.h"
#include "pages.h"

static void *array(size_t count, size_t element_size)
{
    /* Never NULL, not even for an empty array. */
    void *start = mmap(NULL, count * element_size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(start != MAP_FAILED);
    return start;
}

struct bulk bulk_with_room(size_t room)
{
    return (struct bulk){
        .pages = array(room, sizeof(void *)),
        .nodes = array(room, sizeof(int)),
        .status = array(room, sizeof(int)),
        .room = room,
    };
}

void bulk_add(struct bulk *bulk, void *page, int node)
{
    require(bulk->count < bulk->room);
    bulk->pages[bulk->count] = page;
    bulk->nodes[bulk->count] = node;
    bulk->status[bulk->count] = NOT_WRITTEN;
    bulk->count++;
}

void bulk_add_pages(struct bulk *bulk, char *start, size_t count, int node)
{
    for (size_t page = 0; page < count; page++)
        bulk_add(bulk, start + page * page_size(), node);
}

struct bulk bulk_of_pages(char *start, size_t count, int node)
{
    struct bulk bulk = bulk_with_room(count);
    bulk_add_pages(&bulk, start, count, node);
    return bulk;
}

struct bulk bulk_interleaved(char *start, size_t count)
{
    struct bulk bulk = bulk_with_room(count);
    for (size_t page = 0; page < count; page++)
        bulk_add(&bulk, start + page * page_size(), (int)(page % 3) + 1);
    return bulk;
}

long bulk_move(struct bulk *bulk, int flags)
{
    return numa_move_pages(0, bulk->count, bulk->pages, bulk->nodes, bulk->status, flags);
}

int *bulk_places(pid_t pid, const struct bulk *bulk)
{
    int *places = array(bulk->count, sizeof *places);
    require(move_pages(pid, bulk->count, bulk->pages, NULL, places, 0) == 0);
    return places;
}

static void forget_places(int *places, const struct bulk *bulk)
{
    require(munmap(places, bulk->count * sizeof *places + 1) == 0);
}

static void assert_true_status(const struct bulk *bulk, size_t entry, int place)
{
    const int status = bulk->status[entry], target = bulk->nodes[entry];
    if (status >= 0 || status == -ENOENT || status == -EFAULT)
        expect(status == place, "status %zu of %zu is %d, but a query says %d (target %d)", entry, bulk->count, status,
               place, target);
    else
        expect(status > NOT_WRITTEN && place != target, "status %zu of %zu is %d; a query says %d, the target is %d",
               entry, bulk->count, status, place, target);
}

void assert_true_statuses(pid_t pid, const struct bulk *bulk)
{
    int *places = bulk_places(pid, bulk);
    for (size_t entry = 0; entry < bulk->count; entry++)
        assert_true_status(bulk, entry, places[entry]);
    forget_places(places, bulk);
}

void assert_true_statuses_up_to(const struct bulk *bulk, size_t count)
{
    int *places = bulk_places(0, bulk);
    for (size_t entry = 0; entry < bulk->count; entry++)
        if (entry < count)
            assert_true_status(bulk, entry, places[entry]);
        else
            expect(bulk->status[entry] == NOT_WRITTEN, "status %zu of %zu was written: %d", entry, bulk->count,
                   bulk->status[entry]);
    forget_places(places, bulk);
}

void assert_all_arrived(pid_t pid, const struct bulk *bulk)
{
    int *places = bulk_places(pid, bulk);
    for (size_t entry = 0; entry < bulk->count; entry++)
        expect(places[entry] == bulk->nodes[entry] && bulk->status[entry] == bulk->nodes[entry],
               "page %zu of %zu is on node %d and its status is %d; the target is %d", entry, bulk->count, places[entry],
               bulk->status[entry], bulk->nodes[entry]);
    forget_places(places, bulk);
}

size_t bulk_on_target(pid_t pid, const struct bulk *bulk)
{
    int *places = bulk_places(pid, bulk);
    size_t found = 0;
    for (size_t entry = 0; entry < bulk->count; entry++)
        found += places[entry] == bulk->nodes[entry];
    forget_places(places, bulk);
    return found;
}

size_t bulk_with_status(const struct bulk *bulk, int status)
{
    size_t found = 0;
    for (size_t entry = 0; entry < bulk->count; entry++)
        found += bulk->status[entry] == status;
    return found;
}

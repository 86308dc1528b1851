/* Pages that are swapped out, and processes whose control group has reached its memory limit: the results of moving them. */
#include <fcntl.h>
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"
#include "verified_moves.h"

enum { SECONDS = 3 };

/* How many pages move, of which the swap file takes half. */
static size_t pages_to_move(void)
{
    return pages_within(2000, 8 << 20);
}

/* How many pages the swap file has, which must fit on the disk. */
static size_t swap_pages(void)
{
    return pages_within(7000, 28 << 20);
}

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

/* Creates a swap file, which only takes base pages. */

static const char SWAP[] = "/mnt/ext4/numars-test-swap";

static void end_swap(void)
{
    swapoff(SWAP);
    unlink(SWAP);
}

static void begin_swap(void)
{
    enum { SIGNATURE = 10, HEADER = 1024 };
    const uint32_t header[3] = { 1, swap_pages() - 1, 0 };
    char *page = calloc(1, page_size());
    end_swap();
    const int file = open(SWAP, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    require(page != NULL && file >= 0);
    for (size_t number = 0; number < swap_pages(); number++)
        require(write(file, page, page_size()) == (ssize_t)page_size());
    memcpy(page + HEADER, header, sizeof header);
    memcpy(page + page_size() - SIGNATURE, "SWAPSPACE2", SIGNATURE);
    require(pwrite(file, page, page_size(), 0) == (ssize_t)page_size() && fsync(file) == 0 && close(file) == 0);
    require(swapon(SWAP, 0) == 0);
    free(page);
}

/* Swaps out the first half of every eight pages, as far as the kernel does. Returns how many pages are absent. */
static size_t swap_half(char *pages, size_t count)
{
    size_t absent = 0;
    for (size_t page = 0; page + 4 <= count; page += 8)
        require(madvise(pages + page * page_size(), 4 * page_size(), MADV_PAGEOUT) == 0);
    int *actual_nodes = query_range(0, pages, count);
    for (size_t page = 0; page < count; page++)
        absent += actual_nodes[page] < 0;
    return absent;
}

static void move_half_swapped_pages(char *pages)
{
    require(swap_half(pages, pages_to_move()) > pages_to_move() / 4);
    verified_count(0, pages, pages_to_move());
    ck_assert_int_eq(verified_move_range(0, pages, pages_to_move(), 1, NULL, NO_INTERFERENCE).returned, 0);
    struct page_list list = page_list_of_range(pages, pages_to_move(), 2);
    const struct move_result by_list = verified_move_list(0, &list, NULL, NO_INTERFERENCE);
    ck_assert_int_eq(by_list.returned, 0);
    ck_assert_uint_eq(by_list.stats.absent, by_list.nowhere);
    ck_assert_uint_gt(by_list.nowhere, pages_to_move() / 4);
    struct page_list other = page_list_interleaved(pages, pages_to_move());
    ck_assert_int_eq(verified_numa_move(0, &other, MPOL_MF_MOVE, NO_INTERFERENCE).returned, 0);
    ck_assert(pages_keep_contents(pages, pages_to_move()));
    /* They are present again, on some node. */
    ck_assert_int_eq(verified_move_range(0, pages, pages_to_move(), 3, NULL, NO_INTERFERENCE).returned, 0);
    ck_assert_uint_eq(count_on_node(pages, pages_to_move(), 3), pages_to_move());
}

START_TEST(pages_that_are_swapped_out_are_absent_and_the_others_move)
{
    begin_swap();
    move_half_swapped_pages(pages_on_node(pages_to_move(), 0));
    end_swap();
}
END_TEST

START_TEST(shared_pages_that_are_swapped_out_are_absent_and_the_others_move)
{
    begin_swap();
    char *pages = map_shared_pages(pages_to_move());
    touch_pages(pages, pages_to_move(), 0);
    move_half_swapped_pages(pages);
    end_swap();
}
END_TEST

/* A page in flight looks much the same in the page tables, and is queried repeatedly until it has arrived. */
static void look_for_swapped_pages(void)
{
    const size_t many = pages_within(5000, 20 << 20);
    char *pages = pages_on_node(many, 0);
    require(madvise(pages, many * page_size(), MADV_PAGEOUT) == 0);
    struct page_list list = page_list_of_range(pages, many, 1);
    const struct move_result by_list = verified_move_list(0, &list, NULL, NO_INTERFERENCE);
    const struct move_result by_range = verified_move_range(0, pages, many, 1, NULL, NO_INTERFERENCE);
    ck_assert_uint_gt(by_list.nowhere, many / 2);
    ck_assert_uint_lt(by_list.stats.kernel_calls, many);
    ck_assert_uint_lt(by_range.stats.kernel_calls, many);
    ck_assert(pages_keep_contents(pages, many));
}

START_TEST(pages_that_are_swapped_out_are_not_waited_for)
{
    begin_swap();
    look_for_swapped_pages();
    end_swap();
}
END_TEST

/* Its page tables do not show the kind of an entry to this user. */
static void look_for_swapped_pages_unprivileged(void)
{
    drop_privileges();
    look_for_swapped_pages();
}

START_TEST(pages_that_are_swapped_out_are_not_waited_for_without_privileges)
{
    static char output[1024];
    begin_swap();
    const int status = run_in_child(look_for_swapped_pages_unprivileged, output, sizeof output);
    expect(status == 0, "status %d, %s", status, output);
    end_swap();
}
END_TEST

struct area {
    char *start;
    size_t count;
    unsigned int seed;
};

static void swap_out_a_part(void *argument)
{
    enum { PART = 32 };
    struct area *area = argument;
    const size_t page = (size_t)rand_r(&area->seed) % (area->count - PART);
    madvise(area->start + page * page_size(), PART * page_size(), MADV_PAGEOUT);
}

static void touch_a_part(void *argument)
{
    enum { PART = 128 };
    struct area *area = argument;
    const size_t first = (size_t)rand_r(&area->seed) % (area->count - PART);
    for (size_t page = first; page < first + PART; page++) {
        volatile char *byte = area->start + page * page_size();
        *byte = *byte;
    }
}

START_TEST(pages_may_be_swapped_out_and_in_meanwhile)
{
    /* On Linux 6.1, a processor was seen to hang in the kernel while it touched such pages. */
    if (kernel_before(6, 2))
        return;
    begin_swap();
    char *pages = pages_on_node(pages_to_move(), 0);
    struct area areas[] = { { pages, pages_to_move(), 1 }, { pages, pages_to_move(), 2 }, { pages, pages_to_move(), 3 } };
    const unsigned long swapped_before = vmstat("pswpout");
    start_activity(swap_out_a_part, &areas[0], 1);
    start_activity(touch_a_part, &areas[1], 2);
    start_activity(touch_a_part, &areas[2], 3);
    const double end = test_deadline(SECONDS);
    for (unsigned int moves = 0; moves < 6 || seconds_now() < end; moves++) {
        const int node = (int)(moves % 4);
        struct page_list list = page_list_of_range(pages, pages_to_move(), node);
        struct move_result result = { .returned = 0 };
        if (moves % 3 == 0)
            result = verified_move_range(0, pages, pages_to_move(), node, NULL, ANY_INTERFERENCE);
        else if (moves % 3 == 1)
            result = verified_move_list(0, &list, NULL, ANY_INTERFERENCE);
        else
            result = verified_numa_move(0, &list, MPOL_MF_MOVE, ANY_INTERFERENCE);
        ck_assert_int_ge(result.returned, 0);
        page_list_unmap(&list);
    }
    end_activities();
    ck_assert_uint_gt(vmstat("pswpout"), swapped_before);
    verified_move_range(0, pages, pages_to_move(), 1, NULL, NO_INTERFERENCE);
    ck_assert(pages_keep_contents(pages, pages_to_move()));
    end_swap();
}
END_TEST

/* A control group with a limit. */

static char group[128];

static void set_in_group(const char *file, const char *value)
{
    char path[sizeof group + 32];
    snprintf(path, sizeof path, "%s/%s", group, file);
    require(write_to_file(path, value));
}

static void set_bytes_in_group(const char *file, size_t bytes)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", bytes);
    set_in_group(file, text);
}

static size_t bytes_in_group(const char *file)
{
    char path[sizeof group + 32];
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/%s", group, file);
    FILE *opened = fopen(path, "r");
    require(opened != NULL && fscanf(opened, "%zu", &bytes) == 1);
    fclose(opened);
    return bytes;
}

/* Removed at the end of the program if the test fails. */
static void make_group(void)
{
    require(write_to_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
    snprintf(group, sizeof group, "/sys/fs/cgroup/numars-test-%ld", (long)getpid());
    require(mkdir(group, 0755) == 0);
}

static void remove_group(void)
{
    for (int attempt = 0; rmdir(group) != 0; attempt++) {
        require(errno == EBUSY && attempt < 1000);
        usleep(10 * 1000);
    }
}

static void enter_group(void)
{
    set_in_group("cgroup.procs", "0");
}

/* Makes the kernel swap out part of the group. */
static void reclaim_in_group(size_t bytes)
{
    char path[sizeof group + 32], text[32];
    snprintf(path, sizeof path, "%s/memory.reclaim", group);
    if (access(path, F_OK) != 0) {
        /* Before Linux 5.19. */
        set_bytes_in_group("memory.high", bytes_in_group("memory.current") - bytes);
        set_in_group("memory.high", "max");
        return;
    }
    snprintf(text, sizeof text, "%zu", bytes);
    /* It fails if less could be reclaimed. */
    for (int attempt = 0; attempt < 10 && bytes_in_group("memory.swap.current") < bytes / 2; attempt++)
        write_to_file(path, text);
}

static void move_pages_of_limited_process(bool swaps)
{
    make_group();
    const struct child_process child = start_child(pages_to_move(), 0, enter_group);
    if (swaps)
        reclaim_in_group(pages_to_move() / 2 * page_size());
    else
        set_bytes_in_group("memory.swap.max", 0);
    /* Not a single page more. */
    set_bytes_in_group("memory.max", bytes_in_group("memory.current"));
    const struct move_result there = verified_move_range(child.pid, child.pages, pages_to_move(), 1, NULL, NO_INTERFERENCE);
    ck_assert_int_eq(there.returned, 0);
    ck_assert_uint_eq(there.nowhere > 0, swaps);
    struct page_list list = page_list_of_range(child.pages, pages_to_move(), 2);
    ck_assert_int_eq(verified_move_list(child.pid, &list, NULL, NO_INTERFERENCE).returned, 0);
    struct bitmask *from = numa_parse_nodestring("2"), *to = numa_parse_nodestring("3");
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    ck_assert_int_ge(numars_move_process(child.pid, from, to, NULL, &stats), 0);
    verified_count(child.pid, child.pages, pages_to_move());
    int *actual_nodes = query_range(child.pid, child.pages, pages_to_move());
    for (size_t page = 0; page < pages_to_move(); page++)
        ck_assert(actual_nodes[page] == 3 || (swaps && (actual_nodes[page] == -ENOENT || actual_nodes[page] == -EFAULT)));
    set_in_group("memory.max", "max");
    ck_assert(child_keeps_contents(child, pages_to_move()));
    end_child(child);
    remove_group();
}

START_TEST(pages_of_a_process_whose_group_is_full_and_partly_swapped_out_move)
{
    begin_swap();
    move_pages_of_limited_process(true);
    end_swap();
}
END_TEST

START_TEST(pages_of_a_process_whose_group_is_full_move)
{
    move_pages_of_limited_process(false);
}
END_TEST

START_TEST(a_caller_whose_group_has_eight_free_megabytes_moves_any_number_of_pages)
{
    enum { ROOM = 8 * 1024 * 1024 };
    const size_t many = pages_within(66000, 260 << 20);
    /* The pages and the arrays are charged to the previous group. */
    char *pages = pages_on_node(many, 0);
    struct page_list list = page_list_of_range(pages, many, 2);
    make_group();
    set_bytes_in_group("memory.swap.max", 0);
    enter_group();
    set_bytes_in_group("memory.max", bytes_in_group("memory.current") + ROOM);
    errno = UNTOUCHED_ERRNO;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, pages, many * page_size(), 1, NULL, &stats), 0);
    ck_assert_uint_eq(stats.moved, many);
    assert_returns(numars_move_pages(0, many, list.pages, list.nodes, list.status, NULL, &stats), 0);
    ck_assert_uint_eq(stats.moved, many);
    ck_assert_uint_eq(count_on_node(pages, MAX_PAGES, 2), MAX_PAGES);
    set_in_group("memory.max", "max");
    require(write_to_file("/sys/fs/cgroup/cgroup.procs", "0"));
    remove_group();
}
END_TEST

int main(void)
{
    const int status = run_tests("swap and memory limits", (const TTest *[]){
        pages_that_are_swapped_out_are_absent_and_the_others_move,
        shared_pages_that_are_swapped_out_are_absent_and_the_others_move,
        pages_that_are_swapped_out_are_not_waited_for,
        pages_that_are_swapped_out_are_not_waited_for_without_privileges,
        pages_may_be_swapped_out_and_in_meanwhile,
        pages_of_a_process_whose_group_is_full_and_partly_swapped_out_move,
        pages_of_a_process_whose_group_is_full_move,
        a_caller_whose_group_has_eight_free_megabytes_moves_any_number_of_pages,
        NULL });
    end_swap();
    write_to_file("/sys/fs/cgroup/cgroup.subtree_control", "-memory");
    return status;
}

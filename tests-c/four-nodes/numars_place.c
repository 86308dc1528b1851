/* numars_place_range() and numars_place_process(): each mode, in the own process and another one, compared with raw queries and with where
 * the kernel allocates pages by the same policy. */
#include <fcntl.h>
#include <numars.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "full_node.h"
#include "harness.h"
#include "move_stats.h"
#include "nodes.h"
#include "page_counts.h"
#include "pages.h"

enum { COUNT = 1000 };

static struct numars_placement placement_on(int mode, unsigned long nodes)
{
    struct numars_placement placement = NUMARS_PLACEMENT_INIT;
    placement.mode = mode;
    placement.nodes = set_of(nodes);
    return placement;
}

/* Pages of the process itself or of a child. */
struct memory {
    struct child_process child;
    pid_t pid;
    char *pages;
};

static struct memory memory_of(bool other, size_t count, int node)
{
    struct memory memory = { .pid = 0 };
    if (other) {
        memory.child = start_child(count, node, NULL);
        memory.pid = memory.child.pid;
        memory.pages = memory.child.pages;
    } else
        memory.pages = pages_on_node(count, node);
    return memory;
}

static void release(struct memory memory, size_t count)
{
    if (memory.pid != 0) {
        ck_assert(child_keeps_contents(memory.child, count));
        end_child(memory.child);
    } else {
        ck_assert(pages_keep_contents(memory.pages, count));
        require(munmap(memory.pages, count * page_size()) == 0);
    }
}

static int node_at(const struct memory *memory, size_t page)
{
    char *address = memory->pages + page * page_size();
    return memory->pid == 0 ? node_of(address) : node_of_pid(memory->pid, address);
}

static long place(const struct memory *memory, size_t count, const struct numars_placement *placement, struct numars_move_stats *stats)
{
    return numars_place_range(memory->pid, memory->pages, count * page_size(), placement, NULL, stats);
}

/* --- interleaving --- */

/* Where page number `index` goes, by the kernel's rule. */
static int turn(size_t index, const int *nodes, const unsigned char *weights, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += weights == NULL ? 1 : weights[nodes[i]];
    size_t rest = index % total;
    for (size_t i = 0;; i++) {
        const size_t weight = weights == NULL ? 1 : weights[nodes[i]];
        if (rest < weight)
            return nodes[i];
        rest -= weight;
    }
}

START_TEST(pages_are_interleaved_by_address_with_and_without_weights)
{
    static const unsigned char WEIGHTS[] = { 5, 1, 2, 1 };
    static const int NODES_USED[] = { 0, 2, 3 };
    for (int other = 0; other < 2; other++)
        for (int weighted = 0; weighted < 2; weighted++) {
            struct memory memory = memory_of(other, COUNT, 1);
            struct numars_placement placement = placement_on(weighted ? NUMARS_PLACE_WEIGHTED : NUMARS_PLACE_INTERLEAVE, 0xd);
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            if (weighted) {
                placement.weights = WEIGHTS;
                /* The last weight is missing: 1. */
                placement.n_weights = 3;
            }
            assert_returns(place(&memory, COUNT, &placement, &stats), 0);
            assert_stats(stats, .requested = COUNT, .moved = COUNT);
            for (size_t page = 0; page < COUNT; page++) {
                const size_t index = (uintptr_t)memory.pages / page_size() + page;
                const int expected = turn(index, NODES_USED, weighted ? WEIGHTS : NULL, 3), node = node_at(&memory, page);
                expect(node == expected, "page %zu is on node %d instead of %d", page, node, expected);
            }
            /* Once more: all are in place. */
            assert_returns(place(&memory, COUNT, &placement, &stats), 0);
            assert_stats(stats, .requested = COUNT, .in_place = COUNT);
            release(memory, COUNT);
        }
}
END_TEST

/* Places half of the pages, touches the other half afterwards, and expects all of them where a policy from the start would have put them. */
static void assert_agrees_with_policy(char *pages, size_t count, size_t step, const struct numars_placement *placement)
{
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    const int elsewhere = numa_bitmask_isbitset(placement->nodes, 0) ? 1 : 0;
    for (size_t page = 0; page < count; page += 2 * step)
        touch_pages(pages + page * page_size(), 1, elsewhere);
    assert_returns(numars_place_range(0, pages, count * page_size(), placement, NULL, &stats), 0);
    expect(stats.moved > 0 && stats.moved + stats.in_place == stats.requested, "%lu moved, %lu in place of %lu", stats.moved, stats.in_place,
           stats.requested);
    for (size_t page = step; page < count; page += 2 * step)
        pages[page * page_size()] = 1;
    int *before = calloc(count, sizeof *before);
    for (size_t page = 0; page < count; page += step)
        before[page] = node_of(pages + page * page_size());
    /* What the placement says of the later pages: they are in place. */
    assert_returns(numars_place_range(0, pages, count * page_size(), placement, NULL, &stats), 0);
    expect(stats.moved == 0 && stats.in_place == stats.requested, "%lu of %lu pages that were allocated later are elsewhere", stats.moved,
           stats.requested);
    free(before);
}

static char *file_pages(size_t count, off_t offset)
{
    char name[] = "/mnt/ext4/placeXXXXXX";
    const int file = mkstemp(name);
    require(file >= 0 && unlink(name) == 0 && ftruncate(file, offset + (off_t)(count * page_size())) == 0);
    char *pages = mmap(NULL, count * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE, file, offset);
    require(pages != MAP_FAILED && close(file) == 0);
    return pages;
}

START_TEST(later_pages_follow_a_policy_that_was_set_with_the_placement)
{
    for (int with_file = 0; with_file < 2; with_file++)
        for (unsigned long nodes = 5; nodes <= 15; nodes += 5) {
            struct numars_placement placement = placement_on(NUMARS_PLACE_INTERLEAVE, nodes);
            placement.flags = NUMARS_PLACE_SET_POLICY;
            /* At any offset, in the file as well as in memory. */
            char *pages = with_file ? file_pages(COUNT, 7 * (off_t)page_size()) : map_pages(COUNT + 1) + page_size();
            assert_agrees_with_policy(pages, COUNT, 1, &placement);
            int mode = -1;
            require(get_mempolicy(&mode, NULL, 0, pages, MPOL_F_ADDR) == 0);
            ck_assert_int_eq(mode, MPOL_INTERLEAVE);
        }
}
END_TEST

START_TEST(huge_pages_are_interleaved_as_wholes_and_later_ones_follow)
{
    const size_t count = huge_pages_within(8, 256 << 20, 3);
    struct numars_placement placement = placement_on(NUMARS_PLACE_INTERLEAVE, 0x7);
    placement.flags = NUMARS_PLACE_SET_POLICY;
    char *pages = transparent_huge_pages(count, 3);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_place_range(0, pages, count * huge_page_size(), &placement, NULL, &stats), 0);
    assert_stats(stats, .requested = count * pages_per_huge_page(), .moved = count * pages_per_huge_page());
    int on_node[8];
    for (size_t page = 0; page < count; page++) {
        on_node[page] = node_of(pages + page * huge_page_size());
        ck_assert(page == 0 || on_node[page] == (on_node[page - 1] + 1) % 3);
        const struct page_counts counts = count_pages_raw(0, pages + page * huge_page_size(), pages_per_huge_page());
        ck_assert_uint_eq(counts.on_node[on_node[page]], pages_per_huge_page());
    }
    /* The kernel allocates them at the same places. */
    require(madvise(pages, count * huge_page_size(), MADV_DONTNEED) == 0);
    for (size_t page = 0; page < count; page++) {
        pages[page * huge_page_size()] = 1;
        const int node = node_of(pages + page * huge_page_size());
        expect(node == on_node[page], "huge page %zu was placed on node %d and is allocated on node %d", page, on_node[page], node);
    }
}
END_TEST

START_TEST(hugetlb_pages_are_interleaved_as_wholes)
{
    const size_t count = huge_pages_within(4, 64 << 20, 2);
    for (int node = 0; node < NODES; node++)
        require(set_nr_huge_pages(node, (long)count) == (long)count);
    char *pages = mmap(NULL, count * huge_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    require(pages != MAP_FAILED);
    touch_pages(pages, count * pages_per_huge_page(), 0);
    struct numars_placement placement = placement_on(NUMARS_PLACE_INTERLEAVE, 0xc);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_place_range(0, pages, count * huge_page_size(), &placement, NULL, &stats), 0);
    assert_stats(stats, .requested = count * pages_per_huge_page(), .moved = count * pages_per_huge_page());
    /* They count as pages of a file that begins where the mapping does. */
    for (size_t page = 0; page < count; page++)
        ck_assert_int_eq(node_of(pages + page * huge_page_size()), 2 + (int)(page % 2));
    require(munmap(pages, count * huge_page_size()) == 0);
    for (int node = 0; node < NODES; node++)
        set_nr_huge_pages(node, 0);
}
END_TEST

static bool has_kernel_weights(void)
{
    return access("/sys/kernel/mm/mempolicy/weighted_interleave/node0", R_OK) == 0;
}

static void set_kernel_weight(int node, int weight)
{
    char path[96];
    snprintf(path, sizeof path, "/sys/kernel/mm/mempolicy/weighted_interleave/node%d", node);
    FILE *file = fopen(path, "w");
    require(file != NULL && fprintf(file, "%d", weight) > 0 && fclose(file) == 0);
}

START_TEST(without_weights_of_the_caller_the_kernels_weights_apply)
{
    struct numars_placement placement = placement_on(NUMARS_PLACE_WEIGHTED, 0xf);
    if (!has_kernel_weights()) {
        char *pages = pages_on_node(COUNT, 0);
        assert_fails(numars_place_range(0, pages, COUNT * page_size(), &placement, NULL, NULL), ENODATA);
        ck_assert_uint_eq(count_pages_raw(0, pages, COUNT).on_node[0], COUNT);
        return;
    }
    static const int WEIGHTS[] = { 3, 1, 5, 2 };
    for (int node = 0; node < NODES; node++)
        set_kernel_weight(node, WEIGHTS[node]);
    placement.flags = NUMARS_PLACE_SET_POLICY;
    char *pages = map_pages(COUNT + 5) + 5 * page_size();
    assert_agrees_with_policy(pages, COUNT, 1, &placement);
    const struct page_counts counts = count_pages_raw(0, pages, COUNT);
    for (int node = 0; node < NODES; node++)
        expect(counts.on_node[node] + 10 > COUNT * (size_t)WEIGHTS[node] / 11, "%zu pages on node %d", counts.on_node[node], node);
    for (int node = 0; node < NODES; node++)
        set_kernel_weight(node, 1);
}
END_TEST

/* --- packing --- */

START_TEST(packed_pages_stay_on_earlier_nodes_and_leave_the_others)
{
    for (int other = 0; other < 2; other++) {
        struct memory memory = memory_of(other, COUNT, 3);
        struct numars_placement placement = placement_on(NUMARS_PLACE_PACK, 0x6);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        assert_returns(place(&memory, COUNT, &placement, &stats), 0);
        assert_stats(stats, .requested = COUNT, .moved = COUNT);
        ck_assert_uint_eq(count_pages_raw(memory.pid, memory.pages, COUNT).on_node[1], COUNT);
        assert_returns(place(&memory, COUNT, &placement, &stats), 0);
        assert_stats(stats, .requested = COUNT, .in_place = COUNT);
        release(memory, COUNT);
    }
}
END_TEST

START_TEST(when_a_node_is_full_the_next_one_is_packed_and_only_when_all_are_it_is_ENOMEM)
{
    enum { MANY = 4000, FREE = 1000 };
    char *pages = pages_on_node(MANY, 0);
    struct full_node full = fill_node_completely(1, 3);
    set_free_pages(&full, FREE);
    struct numars_placement placement = placement_on(NUMARS_PLACE_PACK, 0x6);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_place_range(0, pages, MANY * page_size(), &placement, NULL, &stats), 0);
    assert_stats_add_up(stats);
    struct page_counts counts = count_pages_raw(0, pages, MANY);
    expect(stats.moved == MANY && counts.on_node[1] + counts.on_node[2] == MANY && counts.on_node[1] > 0 && counts.on_node[2] > 0,
           "moved %lu: %zu to node 1, %zu to node 2", stats.moved, counts.on_node[1], counts.on_node[2]);
    /* Those on node 2 stay there as long as node 1 is full; on node 1 alone, they do not fit. */
    assert_returns(numars_place_range(0, pages, MANY * page_size(), &placement, NULL, &stats), 0);
    placement = placement_on(NUMARS_PLACE_PACK, 0x2);
    assert_fails(numars_place_range(0, pages, MANY * page_size(), &placement, NULL, &stats), ENOMEM);
    assert_stats_add_up(stats);
    ck_assert_uint_gt(stats.no_memory, 0);
    ck_assert_uint_eq(stats.moved + stats.in_place, count_pages_raw(0, pages, MANY).on_node[1]);
    release_full_node(&full);
    ck_assert(pages_keep_contents(pages, MANY));
}
END_TEST

START_TEST(huge_pages_that_do_not_fit_are_packed_on_the_next_node)
{
    const size_t count = huge_pages_within(6, 256 << 20, 3);
    char *pages = transparent_huge_pages(count, 0);
    struct full_node full = fill_node_completely(1, 3);
    struct numars_placement placement = placement_on(NUMARS_PLACE_PACK, 0x6);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    set_free_pages(&full, 700);
    assert_returns(numars_place_range(0, pages, count * huge_page_size(), &placement, NULL, &stats), 0);
    assert_stats_add_up(stats);
    const struct page_counts counts = count_pages_raw(0, pages, count * pages_per_huge_page());
    expect(stats.moved == count * pages_per_huge_page() && counts.on_node[1] + counts.on_node[2] == count * pages_per_huge_page(),
           "moved %lu: %zu to node 1, %zu to node 2", stats.moved, counts.on_node[1], counts.on_node[2]);
    release_full_node(&full);
    ck_assert(pages_keep_contents(pages, count * pages_per_huge_page()));
}
END_TEST

/* --- balancing --- */

START_TEST(balancing_moves_only_what_is_too_much)
{
    for (int other = 0; other < 2; other++) {
        struct memory memory = memory_of(other, 1200, 0);
        struct numars_placement placement = placement_on(NUMARS_PLACE_BALANCE, 0x7);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        /* 700 on node 0, 100 on node 1, 400 on node 3. */
        assert_returns(numars_move_range(memory.pid, memory.pages + 300 * page_size(), 100 * page_size(), 1, NULL, NULL), 0);
        assert_returns(numars_move_range(memory.pid, memory.pages + 800 * page_size(), 400 * page_size(), 3, NULL, NULL), 0);
        assert_returns(place(&memory, 1200, &placement, &stats), 0);
        assert_stats(stats, .requested = 1200, .moved = 700, .in_place = 500);
        struct page_counts counts = count_pages_raw(memory.pid, memory.pages, 1200);
        ck_assert(counts.on_node[0] == 400 && counts.on_node[1] == 400 && counts.on_node[2] == 400 && counts.on_node[3] == 0);
        static const unsigned char WEIGHTS[] = { 1, 3, 2 };
        placement.weights = WEIGHTS;
        placement.n_weights = 3;
        assert_returns(place(&memory, 1200, &placement, &stats), 0);
        assert_stats(stats, .requested = 1200, .moved = 200, .in_place = 1000);
        counts = count_pages_raw(memory.pid, memory.pages, 1200);
        ck_assert(counts.on_node[0] == 200 && counts.on_node[1] == 600 && counts.on_node[2] == 400);
        release(memory, 1200);
    }
}
END_TEST

START_TEST(huge_pages_are_balanced_as_wholes)
{
    const size_t count = huge_pages_within(9, 256 << 20, 3) / 3 * 3;
    char *pages = transparent_huge_pages(count, 0);
    struct numars_placement placement = placement_on(NUMARS_PLACE_BALANCE, 0x7);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_place_range(0, pages, count * huge_page_size(), &placement, NULL, &stats), 0);
    const size_t third = count / 3 * pages_per_huge_page();
    assert_stats(stats, .requested = 3 * third, .moved = 2 * third, .in_place = third);
    const struct page_counts counts = count_pages_raw(0, pages, 3 * third);
    for (int node = 0; node < 3; node++)
        ck_assert_uint_eq(counts.on_node[node], third);
}
END_TEST

/* --- processes --- */

START_TEST(all_pages_of_a_process_are_placed)
{
    for (int other = 0; other < 2; other++)
        for (int mode = NUMARS_PLACE_PACK; mode <= NUMARS_PLACE_BALANCE; mode++) {
            struct memory memory = memory_of(other, COUNT, 1);
            struct numars_placement placement = placement_on(mode, 0xc);
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            static const unsigned char EQUAL[] = { 1, 1, 1, 1 };
            if (mode == NUMARS_PLACE_WEIGHTED) {
                placement.weights = EQUAL;
                placement.n_weights = 4;
            }
            const long returned = numars_place_process(memory.pid, &placement, NULL, &stats);
            /* Pages of libraries that others map, too, stay. */
            expect(returned >= 0 && (unsigned long)returned == stats.shared + stats.busy + stats.failed, "returned %ld", returned);
            assert_stats_add_up(stats);
            const struct page_counts counts = count_pages_raw(memory.pid, memory.pages, COUNT);
            ck_assert_uint_eq(counts.on_node[2] + counts.on_node[3], COUNT);
            ck_assert(mode != NUMARS_PLACE_PACK || counts.on_node[2] == COUNT);
            ck_assert(mode == NUMARS_PLACE_PACK || mode == NUMARS_PLACE_BALANCE || counts.on_node[2] == COUNT / 2);
            release(memory, COUNT);
        }
}
END_TEST

/* The policy of a file of tmpfs, which the guest's programs and libraries are, is that of all processes that map it. */
START_TEST(the_policy_of_a_process_is_set_for_its_memory_that_maps_no_file)
{
    const pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        char *pages = map_pages(COUNT), *later = map_pages(COUNT), *shared = map_shared_pages(1);
        memset(pages, 1, COUNT * page_size());
        struct numars_placement placement = placement_on(NUMARS_PLACE_PACK, 0x4);
        placement.flags = NUMARS_PLACE_SET_POLICY;
        const long returned = numars_place_process(getpid(), &placement, NULL, NULL);
        memset(later, 1, COUNT * page_size());
        int of_memory = -1, of_file = -1, of_shared = -1;
        require(get_mempolicy(&of_memory, NULL, 0, later, MPOL_F_ADDR) == 0);
        require(get_mempolicy(&of_file, NULL, 0, (void *)(uintptr_t)printf, MPOL_F_ADDR) == 0);
        require(get_mempolicy(&of_shared, NULL, 0, shared, MPOL_F_ADDR) == 0);
        const bool all = count_pages_raw(0, pages, COUNT).on_node[2] == COUNT && count_pages_raw(0, later, COUNT).on_node[2] == COUNT;
        _exit(returned < 0 ? errno : !all ? 253 : of_memory == MPOL_BIND && of_file == MPOL_DEFAULT && of_shared == MPOL_DEFAULT ? 0 : 254);
    }
    int status;
    require(waitpid(child, &status, 0) == child);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* --- options and errors --- */

static int count_reports(const struct numars_move_stats *so_far, void *argument)
{
    (void)so_far;
    ++*(unsigned *)argument;
    return 0;
}

START_TEST(options_and_counts_per_node_apply_to_placements)
{
    for (int other = 0; other < 2; other++) {
        struct memory memory = memory_of(other, COUNT, 0);
        unsigned reports = 0;
        unsigned long per_node[NODES];
        struct numars_placement placement = placement_on(NUMARS_PLACE_INTERLEAVE, 0xf);
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        options.threads = 2;
        options.max_pause_us = 5000;
        options.progress = count_reports;
        options.progress_arg = &reports;
        options.moved_per_node = per_node;
        options.n_nodes = NODES;
        assert_returns(numars_place_range(memory.pid, memory.pages, COUNT * page_size(), &placement, &options, &stats), 0);
        assert_stats(stats, .requested = COUNT, .moved = 3 * COUNT / 4, .in_place = COUNT / 4);
        ck_assert(reports > 0 && per_node[0] == 0 && per_node[1] == COUNT / 4 && per_node[2] == COUNT / 4 && per_node[3] == COUNT / 4);
        const int cancel = 1;
        options.cancel = &cancel;
        placement = placement_on(NUMARS_PLACE_PACK, 0x2);
        assert_fails(numars_place_range(memory.pid, memory.pages, COUNT * page_size(), &placement, &options, &stats), ECANCELED);
        assert_stats(stats, .requested = 0);
        release(memory, COUNT);
    }
}
END_TEST

START_TEST(invalid_placements_are_refused_and_nothing_moves)
{
    struct child_process child = start_child(1, 0, NULL);
    char *pages = pages_on_node(COUNT, 0);
    static const unsigned char WEIGHTS[] = { 1, 2 }, ZERO[] = { 1, 0 };
    const struct numars_placement valid = placement_on(NUMARS_PLACE_WEIGHTED, 0x2);
    struct numars_placement placement = valid;
#define REFUSED(code)                                                                                         \
    do {                                                                                                      \
        assert_fails(numars_place_range(0, pages, COUNT * page_size(), &placement, NULL, NULL), code);        \
        assert_fails(numars_place_process(0, &placement, NULL, NULL), code);                                  \
        placement = valid;                                                                                    \
    } while (0)
    assert_fails(numars_place_range(0, pages, COUNT * page_size(), NULL, NULL, NULL), EINVAL);
    assert_fails(numars_place_process(0, NULL, NULL, NULL), EINVAL);
    placement.size--;
    REFUSED(EINVAL);
    placement.mode = 4;
    REFUSED(EINVAL);
    placement.mode = -1;
    REFUSED(EINVAL);
    placement.flags = 2;
    REFUSED(EINVAL);
    placement.nodes = NULL;
    REFUSED(EINVAL);
    placement.nodes = set_of(0);
    REFUSED(EINVAL);
    placement.nodes = set_of(0x12);
    placement.weights = WEIGHTS;
    placement.n_weights = 2;
    REFUSED(ENODEV);
    placement.weights = ZERO;
    placement.n_weights = 2;
    REFUSED(EINVAL);
    placement.weights = WEIGHTS;
    placement.n_weights = 2;
    placement.flags = NUMARS_PLACE_SET_POLICY;
    REFUSED(EINVAL);
    placement.mode = NUMARS_PLACE_INTERLEAVE;
    placement.weights = WEIGHTS;
    placement.n_weights = 2;
    REFUSED(EINVAL);
    placement = placement_on(NUMARS_PLACE_PACK, 0x2);
    placement.flags = NUMARS_PLACE_SET_POLICY;
    assert_fails(numars_place_range(child.pid, child.pages, page_size(), &placement, NULL, NULL), EINVAL);
    assert_fails(numars_place_process(child.pid, &placement, NULL, NULL), EINVAL);
    assert_fails(numars_place_range(nonexistent_pid(), pages, 1, &placement, NULL, NULL), ESRCH);
    ck_assert_uint_eq(count_pages_raw(0, pages, COUNT).on_node[0], COUNT);
    /* No policy is set either. */
    placement = placement_on(NUMARS_PLACE_INTERLEAVE, 0x3);
    placement.flags = NUMARS_PLACE_SET_POLICY;
    assert_fails(numars_place_range(0, pages, SIZE_MAX, &placement, NULL, NULL), EINVAL);
    struct numars_move_options cancelled = NUMARS_MOVE_OPTIONS_INIT;
    const int one = 1;
    cancelled.cancel = &one;
    assert_fails(numars_place_range(0, pages, COUNT * page_size(), &placement, &cancelled, NULL), ECANCELED);
    int mode = -1;
    require(get_mempolicy(&mode, NULL, 0, pages, MPOL_F_ADDR) == 0);
    ck_assert_int_eq(mode, MPOL_DEFAULT);
    enter_cpuset("0-1");
    placement = placement_on(NUMARS_PLACE_PACK, 0x6);
    assert_fails(numars_place_range(0, pages, COUNT * page_size(), &placement, NULL, NULL), EACCES);
    leave_cpuset();
    ck_assert_uint_eq(count_pages_raw(0, pages, COUNT).on_node[0], COUNT);
    end_child(child);
}
END_TEST

/* This machine has a single tier: its firmware describes none. */
START_TEST(without_other_tiers_demotion_and_promotion_are_ENODATA)
{
    char *pages = pages_on_node(COUNT, 0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_fails(numars_demote_range(0, pages, COUNT * page_size(), NULL, &stats), ENODATA);
    assert_fails(numars_promote_range(0, pages, COUNT * page_size(), NULL, &stats), ENODATA);
    assert_stats(stats, .requested = 0);
}
END_TEST

int main(void)
{
    return run_tests("numars_place", (const TTest *[]){
        pages_are_interleaved_by_address_with_and_without_weights,
        later_pages_follow_a_policy_that_was_set_with_the_placement,
        huge_pages_are_interleaved_as_wholes_and_later_ones_follow,
        hugetlb_pages_are_interleaved_as_wholes,
        without_weights_of_the_caller_the_kernels_weights_apply,
        packed_pages_stay_on_earlier_nodes_and_leave_the_others,
        when_a_node_is_full_the_next_one_is_packed_and_only_when_all_are_it_is_ENOMEM,
        huge_pages_that_do_not_fit_are_packed_on_the_next_node,
        balancing_moves_only_what_is_too_much,
        huge_pages_are_balanced_as_wholes,
        all_pages_of_a_process_are_placed,
        the_policy_of_a_process_is_set_for_its_memory_that_maps_no_file,
        options_and_counts_per_node_apply_to_placements,
        invalid_placements_are_refused_and_nothing_moves,
        without_other_tiers_demotion_and_promotion_are_ENODATA,
        NULL });
}

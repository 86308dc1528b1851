/* numa_move_pages: the contract of move_pages(2), except that every page that can move does, and every status is true. */
#include <limits.h>
#include <numa.h>
#include <numaif.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "fault_injection.h"
#include "harness.h"
#include "page_list.h"
#include "pages.h"

enum { COUNT = 300, KTHREADD = 2 };

/* A pseudorandom sequence that is the same in each run. */
static unsigned long next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned long)(*state >> 33);
}

/* After an error: the first `arrived` pages are on their targets and their statuses say so. Later ones may be anywhere, but the statuses
 * that were written for them are true. */
static void assert_true_where_written(const struct page_list *list, size_t arrived)
{
    int *actual_nodes = page_list_query(0, list);
    for (size_t entry = 0; entry < list->count; entry++) {
        const int status = list->status[entry], actual_node = actual_nodes[entry], target = list->nodes[entry];
        if (entry < arrived)
            expect(status == target && actual_node == target, "page %zu is on node %d, status %d, target %d", entry, actual_node, status,
                   target);
        else
            expect(status == NOT_WRITTEN || (status >= 0 ? status == actual_node : actual_node != target),
                   "page %zu is on node %d, status %d, target %d", entry, actual_node, status, target);
    }
}

/* Where pages end up. */

START_TEST(interleaved_targets_are_reached)
{
    char *pages = pages_on_node(COUNT, 0);
    struct page_list list = page_list_interleaved(pages, COUNT);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
    ck_assert(pages_keep_contents(pages, COUNT));
}
END_TEST

START_TEST(targets_in_random_order_are_reached)
{
    enum { MANY = 3000 };
    uint64_t state = 1;
    char *pages = pages_on_node(MANY, 0);
    struct page_list list = page_list_of_range(pages, MANY, 0);
    for (size_t entry = 0; entry < MANY; entry++) {
        /* Half of them are already on their target. */
        if (next_random(&state) % 2 == 0)
            list.nodes[entry] = (int)(next_random(&state) % 4);
        const size_t other = next_random(&state) % (entry + 1);
        void *page = list.pages[entry];
        list.pages[entry] = list.pages[other];
        list.pages[other] = page;
    }
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
    ck_assert(pages_keep_contents(pages, MANY));
}
END_TEST

START_TEST(pages_for_one_node_are_moved_by_one_call_after_a_short_query)
{
    const int move_pages_only[] = { SYS_move_pages };
    const size_t lengths[] = { 100, 3000 };
    supervise_syscalls(move_pages_only, 1);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char *pages = pages_on_node(lengths[i], 0);
        struct page_list list = page_list_of_range(pages, lengths[i], 1);
        fail_syscalls(SYS_move_pages, UINT_MAX, 0, 0);
        assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
        ck_assert_uint_eq(syscalls_made(), 2);
        assert_all_on_target(0, &list);
    }
}
END_TEST

START_TEST(pages_already_on_their_target_have_its_node_as_status)
{
    struct page_list list = page_list_of_range(pages_on_node(COUNT, 2), COUNT, 2);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
}
END_TEST

START_TEST(requests_of_every_small_size_are_completed)
{
    /* Sizes around those at which the kernel or the library switches to another method. */
    for (size_t count = 1; count <= 70; count++) {
        char *pages = pages_on_node(count, 0);
        struct page_list list = page_list_interleaved(pages, count);
        assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
        assert_all_on_target(0, &list);
        require(munmap(pages, count * page_size()) == 0);
    }
}
END_TEST

START_TEST(a_pointer_into_a_page_names_that_page)
{
    char *pages = pages_on_node(COUNT, 0);
    struct page_list list = page_list_interleaved(pages, COUNT);
    for (size_t entry = 0; entry < COUNT; entry++)
        list.pages[entry] = (char *)list.pages[entry] + entry * 37 % page_size();
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
    ck_assert(pages_keep_contents(pages, COUNT));
}
END_TEST

START_TEST(flags_of_zero_move_as_MPOL_MF_MOVE_does)
{
    struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
    assert_returns(page_list_move(&list, 0), 0);
    assert_all_on_target(0, &list);
}
END_TEST

START_TEST(pages_of_another_process_move)
{
    struct child_process child = start_child(COUNT, 0, NULL);
    struct page_list list = page_list_interleaved(child.pages, COUNT);
    assert_returns(numa_move_pages(child.pid, COUNT, list.pages, list.nodes, list.status, MPOL_MF_MOVE), 0);
    assert_all_on_target(child.pid, &list);
    ck_assert(child_keeps_contents(child, COUNT));
    end_child(child);
}
END_TEST

/* The same page more than once. */

START_TEST(the_same_page_twice_is_moved_and_never_ebusy)
{
    char *pages = pages_on_node(COUNT, 0);
    struct page_list list = page_list_with_capacity(2 * COUNT);
    page_list_add_range(&list, pages, COUNT, 1);
    page_list_add_range(&list, pages, COUNT, 1);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
}
END_TEST

START_TEST(two_pointers_into_one_page_are_the_same_page_twice)
{
    char *page = pages_on_node(1, 0);
    struct page_list list = page_list_with_capacity(2);
    page_list_add(&list, page + 8, 1);
    page_list_add(&list, page + 4000, 1);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
}
END_TEST

/* A page and the pages next to it, each named several times; the last time counts. */
START_TEST(a_page_named_with_several_targets_ends_on_the_last_one)
{
    const int orders[][4] = { { 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 1, 1, 2, 1 }, { 1, 2, 1, 0 },
                              { 2, 0, 2, 0 }, { 0, 0, 3, 0 }, { 0, 1, 1, 1 }, { 3, 3, 0, 2 } };
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        char *pages = pages_on_node(8, 0);
        struct page_list list = page_list_with_capacity(32);
        for (size_t time = 0; time < 4; time++)
            page_list_add_range(&list, pages, 8, orders[i][time]);
        assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
        assert_true_statuses(0, &list);
        ck_assert_uint_eq(count_on_node(pages, 8, orders[i][3]), 8);
        for (size_t entry = 0; entry < 32; entry++)
            expect(list.status[entry] == orders[i][3], "order %zu, status %zu: %d", i, entry, list.status[entry]);
        ck_assert(pages_keep_contents(pages, 8));
    }
}
END_TEST

START_TEST(a_page_named_last_with_the_node_it_is_on_stays_there)
{
    char *page = pages_on_node(1, 0);
    struct page_list list = page_list_with_capacity(2);
    page_list_add(&list, page, 1);
    page_list_add(&list, page + 1, 0);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    ck_assert_int_eq(node_of(page), 0);
    ck_assert_int_eq(list.status[0], 0);
    ck_assert_int_eq(list.status[1], 0);
}
END_TEST

START_TEST(a_page_with_two_addresses_ends_on_the_last_one_named)
{
    /* Two mappings of one file: no address is named twice, but the page is. */
    const int file = memfd_create("twice", MFD_CLOEXEC);
    require(file >= 0 && ftruncate(file, (off_t)(8 * page_size())) == 0);
    char *pages = map_file_pages(file, 8), *again = map_file_pages(file, 8);
    touch_pages(pages, 8, 0);
    ck_assert(pages_keep_contents(again, 8));
    struct page_list list = page_list_with_capacity(32);
    page_list_add_range(&list, pages, 8, 1);
    page_list_add_range(&list, again, 8, 2);
    page_list_add_range(&list, again, 4, 3);
    page_list_add_range(&list, pages, 4, 1);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE_ALL), 0);
    ck_assert_uint_eq(count_on_node(pages, 4, 1), 4);
    ck_assert_uint_eq(count_on_node(pages + 4 * page_size(), 4, 2), 4);
    assert_true_statuses(0, &list);
}
END_TEST

/* Huge pages. */

START_TEST(all_base_pages_of_a_huge_page_have_its_node_as_status)
{
    char *huge = transparent_huge_page(0);
    struct page_list list = page_list_of_range(huge, pages_per_huge_page(), 1);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
    ck_assert(is_transparent_huge_page(huge));
    ck_assert(pages_keep_contents(huge, pages_per_huge_page()));
}
END_TEST

START_TEST(moving_some_base_pages_of_a_huge_page_moves_all_of_it)
{
    char *huge = transparent_huge_page(0), *others = pages_on_node(4, 0);
    struct page_list list = page_list_with_capacity(7);
    page_list_add_range(&list, others, 2, 3);
    page_list_add(&list, huge + pages_per_huge_page() / 5 * page_size(), 1);
    page_list_add(&list, huge + 7 * page_size() + 5, 1);
    page_list_add_range(&list, others + 2 * page_size(), 2, 2);
    page_list_add(&list, huge + (pages_per_huge_page() - 1) * page_size(), 1);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
    ck_assert_uint_eq(count_on_node(huge, pages_per_huge_page(), 1), pages_per_huge_page());
    ck_assert(is_transparent_huge_page(huge));
}
END_TEST

START_TEST(a_huge_page_with_several_targets_ends_where_the_system_call_leaves_it)
{
    enum { ENTRIES = 4, ROUNDS = 20 };
    char *theirs = transparent_huge_page(0), *ours = transparent_huge_page(0);
    uint64_t state = 7;
    for (int round = 0; round < ROUNDS; round++) {
        struct page_list bare = page_list_with_capacity(ENTRIES), list = page_list_with_capacity(ENTRIES);
        char order[128] = "";
        for (size_t entry = 0; entry < ENTRIES; entry++) {
            const size_t offset = next_random(&state) % 4 * (pages_per_huge_page() / 4) * page_size();
            const int node = (int)(next_random(&state) % 4);
            page_list_add(&bare, theirs + offset, node);
            page_list_add(&list, ours + offset, node);
            snprintf(order + strlen(order), sizeof order - strlen(order), " %zu->%d", offset / page_size(), node);
        }
        assert_returns(move_pages(0, ENTRIES, bare.pages, bare.nodes, bare.status, MPOL_MF_MOVE), 0);
        assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
        /* Both are still huge pages: each base page is on the node of all. */
        expect(node_of(ours) == node_of(theirs), "order%s: on node %d, and %d after the system call", order, node_of(ours),
               node_of(theirs));
        for (size_t entry = 0; entry < ENTRIES; entry++)
            expect(list.status[entry] == node_of(ours), "order%s: status %zu is %d, the page on node %d", order, entry,
                   list.status[entry], node_of(ours));
    }
    ck_assert(is_transparent_huge_page(theirs) && is_transparent_huge_page(ours));
}
END_TEST

START_TEST(all_base_pages_of_a_hugetlb_page_have_its_node_as_status)
{
    char *huge = hugetlb_page_for_node_1();
    struct page_list list = page_list_of_range(huge, pages_per_huge_page(), 1);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
    ck_assert(pages_keep_contents(huge, pages_per_huge_page()));
}
END_TEST

/* Unmovable pages. */

START_TEST(pinned_pages_are_counted_and_ebusy_and_all_others_move)
{
    char *pages = pages_on_node(COUNT, 0);
    const size_t pinned[] = { 0, 7, 8, 150, COUNT - 1 };
    enum { PINNED = sizeof pinned / sizeof *pinned };
    for (size_t i = 0; i < PINNED; i++)
        pin_in_pipe(pages + pinned[i] * page_size());
    struct page_list list = page_list_interleaved(pages, COUNT);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), PINNED);
    assert_true_statuses(0, &list);
    for (size_t i = 0; i < PINNED; i++)
        ck_assert_int_eq(list.status[pinned[i]], -EBUSY);
    ck_assert_uint_eq(page_list_on_target(0, &list), COUNT - PINNED);
    ck_assert(pages_keep_contents(pages, COUNT));
}
END_TEST

START_TEST(a_pinned_page_on_its_target_is_not_counted)
{
    char *pages = pages_on_node(COUNT, 1);
    pin_in_pipe(pages);
    struct page_list list = page_list_of_range(pages, COUNT, 2);
    list.nodes[0] = 1;
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
}
END_TEST

START_TEST(a_single_pinned_page_is_counted_and_ebusy)
{
    char *page = pages_on_node(1, 0);
    pin_in_pipe(page);
    struct page_list list = page_list_of_range(page, 1, 1);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 1);
    ck_assert_int_eq(list.status[0], -EBUSY);
    ck_assert_int_eq(node_of(page), 0);
}
END_TEST

START_TEST(shared_pages_are_eacces_and_do_not_count_as_failed)
{
    char *shared = pages_on_node(COUNT, 0);
    struct child_process child = share_with_child(shared, COUNT);
    char *own = pages_on_node(COUNT, 0);
    struct page_list list = page_list_with_capacity(2 * COUNT);
    for (size_t page = 0; page < COUNT; page++) {
        page_list_add(&list, shared + page * page_size(), (int)(page % 3) + 1);
        page_list_add(&list, own + page * page_size(), (int)(page % 3) + 1);
    }
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    for (size_t entry = 0; entry < list.count; entry++)
        ck_assert_int_eq(list.status[entry], entry % 2 == 0 ? -EACCES : list.nodes[entry]);
    ck_assert_uint_eq(count_on_node(shared, COUNT, 0), COUNT);
    assert_true_statuses(0, &list);

    assert_returns(page_list_move(&list, MPOL_MF_MOVE_ALL), 0);
    assert_all_on_target(0, &list);
    ck_assert(child_keeps_contents(child, COUNT));
    end_child(child);
}
END_TEST

START_TEST(absent_pages_are_reported_and_all_others_move)
{
    char *there = pages_on_node(COUNT, 0), *untouched = map_shared_pages(COUNT), *zeroes = map_pages(COUNT);
    for (size_t page = 0; page < COUNT; page++)
        (void)*(volatile char *)(zeroes + page * page_size());
    struct page_list list = page_list_with_capacity(4 * COUNT);
    for (size_t page = 0; page < COUNT; page++) {
        page_list_add(&list, untouched + page * page_size(), 1);
        page_list_add(&list, there + page * page_size(), (int)(page % 3) + 1);
        page_list_add(&list, zeroes + page * page_size(), 2);
        page_list_add(&list, page % 2 == 0 ? NULL : (void *)(UINTPTR_MAX - page_size() + 1), 3);
    }
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    for (size_t entry = 0; entry < list.count; entry++) {
        const int expected[] = { -ENOENT, list.nodes[entry], -EFAULT, -EFAULT };
        expect(list.status[entry] == expected[entry % 4], "status %zu: %d", entry, list.status[entry]);
    }
    assert_true_statuses(0, &list);
}
END_TEST

START_TEST(a_page_of_the_kernel_itself_is_ebusy_and_the_call_succeeds_as_the_system_call_does)
{
    void *vdso = (void *)getauxval(AT_SYSINFO_EHDR);
    require(vdso != NULL);
    const int elsewhere = (node_of(vdso) + 1) % 4;
    char *pages = pages_on_node(2, 0);
    for (int ours = 0; ours <= 1; ours++) {
        struct page_list list = page_list_with_capacity(3);
        page_list_add(&list, pages, 2 + ours);
        page_list_add(&list, vdso, elsewhere);
        page_list_add(&list, pages + page_size(), 2 + ours);
        if (ours)
            assert_returns(page_list_move(&list, MPOL_MF_MOVE_ALL), 0);
        else
            assert_returns(move_pages(0, 3, list.pages, list.nodes, list.status, MPOL_MF_MOVE_ALL), 0);
        ck_assert_int_eq(list.status[0], 2 + ours);
        ck_assert_int_eq(list.status[1], -EBUSY);
        ck_assert_int_eq(list.status[2], 2 + ours);
    }
}
END_TEST

/* Errors of the system call. */

START_TEST(no_such_node_is_enodev_and_the_pages_before_have_moved)
{
    const int none[] = { 4, 63, 64, 1023, 1024, INT_MAX, -1, INT_MIN };
    enum { BAD = 200 };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char *pages = pages_on_node(COUNT, 0);
        struct page_list list = page_list_interleaved(pages, COUNT);
        list.nodes[BAD] = none[i];
        assert_fails(page_list_move(&list, MPOL_MF_MOVE), ENODEV);
        assert_true_where_written(&list, BAD);
        ck_assert_int_eq(node_of(list.pages[BAD]), 0);
        require(munmap(pages, COUNT * page_size()) == 0);
    }
}
END_TEST

START_TEST(no_such_node_is_enodev_even_for_an_absent_page)
{
    struct page_list list = page_list_with_capacity(2);
    page_list_add(&list, NULL, 4);
    page_list_add(&list, unmapped_address(), 4);
    assert_fails(page_list_move(&list, MPOL_MF_MOVE), ENODEV);
}
END_TEST

START_TEST(a_node_outside_the_cpuset_is_eacces_and_the_pages_before_have_moved)
{
    enum { BAD = 100 };
    enter_cpuset("0-1");
    char *pages = pages_on_node(COUNT, 0);
    struct page_list list = page_list_of_range(pages, COUNT, 1);
    list.nodes[BAD] = 2;
    assert_fails(page_list_move(&list, MPOL_MF_MOVE), EACCES);
    assert_true_where_written(&list, BAD);
    ck_assert_int_eq(node_of(list.pages[BAD]), 0);
    leave_cpuset();
}
END_TEST

START_TEST(a_page_already_on_a_node_outside_the_cpuset_is_eacces_nevertheless)
{
    /* Pages of a file that were on node 3 before: pages that are mapped when a process enters its cpuset are moved. */
    const int file = memfd_create("before", MFD_CLOEXEC);
    require(file >= 0 && ftruncate(file, (off_t)(COUNT * page_size())) == 0);
    char *before = map_file_pages(file, COUNT);
    touch_pages(before, COUNT, 3);
    require(munmap(before, COUNT * page_size()) == 0);
    enter_cpuset("0-1");
    char *pages = map_file_pages(file, COUNT);
    for (size_t page = 0; page < COUNT; page++)
        (void)((volatile char *)pages)[page * page_size()];
    require(count_on_node(pages, COUNT, 3) == COUNT);
    struct page_list list = page_list_of_range(pages, COUNT, 3);
    assert_fails(move_pages(0, COUNT, list.pages, list.nodes, list.status, MPOL_MF_MOVE), EACCES);
    assert_fails(page_list_move(&list, MPOL_MF_MOVE), EACCES);
    leave_cpuset();
}
END_TEST

START_TEST(a_node_outside_the_cpuset_is_eacces_even_for_an_absent_page)
{
    enter_cpuset("0-1");
    struct page_list list = page_list_with_capacity(2);
    page_list_add(&list, NULL, 1);
    page_list_add(&list, NULL, 3);
    assert_fails(page_list_move(&list, MPOL_MF_MOVE), EACCES);
    leave_cpuset();
}
END_TEST

START_TEST(MPOL_MF_MOVE_ALL_without_privilege_is_eperm)
{
    drop_privileges();
    struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
    assert_fails(page_list_move(&list, MPOL_MF_MOVE_ALL), EPERM);
    assert_fails(page_list_move(&list, MPOL_MF_MOVE | MPOL_MF_MOVE_ALL), EPERM);
    assert_fails(numa_move_pages(0, COUNT, list.pages, NULL, list.status, MPOL_MF_MOVE_ALL), EPERM);
    assert_fails(numa_move_pages(0, 0, NULL, NULL, NULL, MPOL_MF_MOVE_ALL), EPERM);
    assert_true_where_written(&list, 0);
    ck_assert_uint_eq(page_list_on_target(0, &list), 0);
}
END_TEST

START_TEST(a_process_of_another_user_is_eperm)
{
    struct child_process of_root = start_child(COUNT, 0, NULL);
    struct page_list list = page_list_interleaved(of_root.pages, COUNT);
    drop_privileges();
    assert_fails(numa_move_pages(of_root.pid, COUNT, list.pages, list.nodes, list.status, MPOL_MF_MOVE), EPERM);
    assert_fails(numa_move_pages(of_root.pid, COUNT, list.pages, NULL, list.status, 0), EPERM);
    ck_assert_uint_eq(page_list_with_status(&list, NOT_WRITTEN), COUNT);
}
END_TEST

START_TEST(no_such_process_is_esrch)
{
    struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
    const pid_t gone[] = { nonexistent_pid(), -1, INT_MAX, INT_MIN };
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        assert_fails(numa_move_pages(gone[i], COUNT, list.pages, list.nodes, list.status, MPOL_MF_MOVE), ESRCH);
        assert_fails(numa_move_pages(gone[i], COUNT, list.pages, NULL, list.status, 0), ESRCH);
        assert_fails(numa_move_pages(gone[i], 0, NULL, NULL, NULL, 0), ESRCH);
        /* It is checked before the arrays. */
        assert_fails(numa_move_pages(gone[i], COUNT, NULL, list.nodes, NULL, MPOL_MF_MOVE), ESRCH);
    }
    ck_assert_uint_eq(page_list_with_status(&list, NOT_WRITTEN), COUNT);
}
END_TEST

START_TEST(unknown_flags_and_kernel_threads_are_einval)
{
    struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
    const int unknown[] = { MPOL_MF_STRICT, MPOL_MF_MOVE | MPOL_MF_STRICT, 1 << 3, 1 << 30, -1 };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_fails(page_list_move(&list, unknown[i]), EINVAL);
        assert_fails(numa_move_pages(0, COUNT, list.pages, NULL, list.status, unknown[i]), EINVAL);
        assert_fails(numa_move_pages(0, 0, NULL, NULL, NULL, unknown[i]), EINVAL);
        /* Flags are checked before the process. */
        assert_fails(numa_move_pages(-1, COUNT, list.pages, list.nodes, list.status, unknown[i]), EINVAL);
    }
    assert_fails(numa_move_pages(KTHREADD, COUNT, list.pages, list.nodes, list.status, MPOL_MF_MOVE), EINVAL);
    assert_fails(numa_move_pages(KTHREADD, COUNT, list.pages, NULL, list.status, 0), EINVAL);
    assert_true_where_written(&list, 0);
    ck_assert_uint_eq(page_list_on_target(0, &list), 0);
}
END_TEST

START_TEST(a_count_of_zero_does_nothing_and_reads_nothing)
{
    const int nodes[] = { -1 };
    assert_returns(numa_move_pages(0, 0, NULL, NULL, NULL, 0), 0);
    assert_returns(numa_move_pages(0, 0, NULL, NULL, NULL, MPOL_MF_MOVE), 0);
    assert_returns(numa_move_pages(0, 0, NULL, nodes, NULL, MPOL_MF_MOVE_ALL), 0);
}
END_TEST

/* Arrays that are missing, or partly unmapped. */

/* Addresses where no array can be: unmapped ones, and ones at which address arithmetic overflows. */
enum { BAD_POINTERS = 8 };
static void *bad_pointer(size_t which)
{
    void *const pointers[BAD_POINTERS] = {
        NULL, (void *)8, unmapped_address(), (void *)end_of_addresses(), (void *)(end_of_addresses() - 8),
        (void *)(UINTPTR_MAX / 2 + 1), (void *)(UINTPTR_MAX - page_size() + 1), (void *)(UINTPTR_MAX - 7),
    };
    return pointers[which];
}

START_TEST(a_bad_pointer_for_any_array_is_efault)
{
    struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
    for (size_t i = 0; i < BAD_POINTERS; i++) {
        void *bad = bad_pointer(i);
        assert_fails(numa_move_pages(0, COUNT, bad, list.nodes, list.status, MPOL_MF_MOVE), EFAULT);
        if (bad != NULL)
            assert_fails(numa_move_pages(0, COUNT, list.pages, bad, list.status, MPOL_MF_MOVE), EFAULT);
        ck_assert_uint_eq(page_list_with_status(&list, NOT_WRITTEN), COUNT);
        ck_assert_uint_eq(page_list_on_target(0, &list), 0);
        assert_fails(numa_move_pages(0, COUNT, bad, NULL, list.status, 0), EFAULT);
        assert_fails(numa_move_pages(0, COUNT, list.pages, NULL, bad, 0), EFAULT);
    }
    for (size_t i = 0; i < BAD_POINTERS; i++)
        assert_fails(numa_move_pages(0, COUNT, list.pages, list.nodes, bad_pointer(i), MPOL_MF_MOVE), EFAULT);
}
END_TEST

START_TEST(no_array_of_statuses_is_efault_but_the_pages_have_moved_as_with_the_system_call)
{
    struct page_list bare = page_list_of_range(pages_on_node(COUNT, 0), COUNT, 1), list = page_list_of_range(pages_on_node(COUNT, 0), COUNT, 1);
    assert_fails(move_pages(0, COUNT, bare.pages, bare.nodes, NULL, MPOL_MF_MOVE), EFAULT);
    assert_fails(numa_move_pages(0, COUNT, list.pages, list.nodes, NULL, MPOL_MF_MOVE), EFAULT);
    ck_assert_uint_eq(page_list_on_target(0, &list), page_list_on_target(0, &bare));
    ck_assert_uint_eq(page_list_on_target(0, &list), COUNT);
}
END_TEST

START_TEST(read_only_and_inaccessible_arrays_are_efault_if_they_cannot_be_used)
{
    struct page_list list = page_list_of_range(pages_on_node(COUNT, 0), COUNT, 1);
    int *status = (int *)map_pages(1);
    require(mprotect(status, page_size(), PROT_READ) == 0);
    assert_fails(numa_move_pages(0, COUNT, list.pages, list.nodes, status, MPOL_MF_MOVE), EFAULT);
    assert_fails(numa_move_pages(0, COUNT, list.pages, NULL, status, 0), EFAULT);
    require(mprotect(status, page_size(), PROT_NONE) == 0);
    assert_fails(numa_move_pages(0, COUNT, list.pages, status, list.status, MPOL_MF_MOVE), EFAULT);
    assert_fails(numa_move_pages(0, COUNT, (void **)status, list.nodes, list.status, MPOL_MF_MOVE), EFAULT);
}
END_TEST

START_TEST(read_only_pages_and_nodes_are_enough)
{
    struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
    require(mprotect(list.pages, COUNT * sizeof *list.pages, PROT_READ) == 0);
    require(mprotect(list.nodes, COUNT * sizeof *list.nodes, PROT_READ) == 0);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
}
END_TEST

START_TEST(an_array_of_pages_that_is_too_short_is_efault_and_the_pages_before_have_moved)
{
    const size_t readable[] = { 1, 2, 15, 16, 17, 200, COUNT - 1 };
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++) {
        struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
        void **some = array_at_end_of_mapping(readable[i], sizeof *some);
        memcpy(some, list.pages, readable[i] * sizeof *some);
        assert_fails(numa_move_pages(0, COUNT, some, list.nodes, list.status, MPOL_MF_MOVE), EFAULT);
        assert_true_statuses_up_to(&list, readable[i]);
        ck_assert_uint_eq(page_list_on_target(0, &list), readable[i]);
    }
}
END_TEST

START_TEST(an_array_of_nodes_that_is_too_short_is_efault_and_the_pages_before_have_moved)
{
    const size_t readable[] = { 1, 2, 15, 16, 17, 200, COUNT - 1 };
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++) {
        struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
        int *some = array_at_end_of_mapping(readable[i], sizeof *some);
        memcpy(some, list.nodes, readable[i] * sizeof *some);
        assert_fails(numa_move_pages(0, COUNT, list.pages, some, list.status, MPOL_MF_MOVE), EFAULT);
        assert_true_statuses_up_to(&list, readable[i]);
        ck_assert_uint_eq(page_list_on_target(0, &list), readable[i]);
    }
}
END_TEST

START_TEST(an_array_of_statuses_that_is_too_short_is_efault_but_its_contents_are_true)
{
    const size_t writable[] = { 1, 2, 15, 16, 17, 200, COUNT - 1 };
    for (size_t i = 0; i < sizeof writable / sizeof *writable; i++) {
        struct page_list list = page_list_of_range(pages_on_node(COUNT, 0), COUNT, 1);
        int *some = array_at_end_of_mapping(writable[i], sizeof *some);
        for (size_t entry = 0; entry < writable[i]; entry++)
            some[entry] = NOT_WRITTEN;
        assert_fails(numa_move_pages(0, COUNT, list.pages, list.nodes, some, MPOL_MF_MOVE), EFAULT);
        /* All have the same target, so the system call has moved all of them before it writes the first status. */
        ck_assert_uint_eq(page_list_on_target(0, &list), COUNT);
        for (size_t entry = 0; entry < writable[i]; entry++)
            expect(some[entry] == 1, "of %zu, status %zu: %d", writable[i], entry, some[entry]);
    }
}
END_TEST

START_TEST(an_array_is_not_read_beyond_its_end)
{
    struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
    void **pages = array_at_end_of_mapping(COUNT, sizeof *pages);
    int *nodes = array_at_end_of_mapping(COUNT, sizeof *nodes), *status = array_at_end_of_mapping(COUNT, sizeof *status);
    memcpy(pages, list.pages, COUNT * sizeof *pages);
    memcpy(nodes, list.nodes, COUNT * sizeof *nodes);
    assert_returns(numa_move_pages(0, COUNT, pages, nodes, status, MPOL_MF_MOVE), 0);
    memcpy(list.status, status, COUNT * sizeof *status);
    assert_all_on_target(0, &list);
    assert_returns(numa_move_pages(0, COUNT, pages, NULL, status, 0), 0);
}
END_TEST

START_TEST(an_array_that_ends_after_many_entries_is_efault_too)
{
    /* Larger than any chunk that a request may be divided into. */
    enum { READABLE = 70000, SAID = 100000, PAGES = 10 };
    char *pages = pages_on_node(PAGES, 0);
    void **array = array_at_end_of_mapping(READABLE, sizeof *array);
    struct page_list list = page_list_with_capacity(SAID);
    for (size_t entry = 0; entry < SAID; entry++)
        page_list_add(&list, pages + entry % PAGES * page_size(), (int)(entry / (READABLE / 2)) + 1);
    memcpy(array, list.pages, READABLE * sizeof *array);
    assert_fails(numa_move_pages(0, SAID, array, list.nodes, list.status, MPOL_MF_MOVE), EFAULT);
    ck_assert_uint_eq(count_on_node(pages, PAGES, 2), PAGES);
}
END_TEST

START_TEST(every_count_is_read_correctly)
{
    const uint64_t one = 1, counts[] = { 1 << 20, INT_MAX, INT_MAX + one, UINT_MAX, one << 32, (one << 32) + 4, one << 60,
                                         ULONG_MAX / 8, ULONG_MAX / 8 + 1, ULONG_MAX / 4 + 2, ULONG_MAX / 2 + 1, ULONG_MAX };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const unsigned long count = (unsigned long)counts[i];
        if (count != counts[i])
            continue;
        struct page_list list = page_list_interleaved(pages_on_node(40, 0), 40);
        void **pages = array_at_end_of_mapping(40, sizeof *pages);
        memcpy(pages, list.pages, 40 * sizeof *pages);
        assert_fails(numa_move_pages(0, count, pages, list.nodes, list.status, MPOL_MF_MOVE), EFAULT);
        assert_true_statuses_up_to(&list, 40);
        ck_assert_uint_eq(page_list_on_target(0, &list), 40);
        assert_fails(numa_move_pages(0, count, pages, NULL, list.status, 0), EFAULT);
    }
}
END_TEST

START_TEST(arrays_in_a_truncated_file_are_efault)
{
    /* Mapped, but a program that touches them gets SIGBUS. */
    const int file = memfd_create("cut short", MFD_CLOEXEC);
    require(file >= 0 && ftruncate(file, (off_t)page_size()) == 0);
    void *cut = map_file_pages(file, 1);
    require(ftruncate(file, 0) == 0);
    struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
    assert_fails(numa_move_pages(0, COUNT, cut, list.nodes, list.status, MPOL_MF_MOVE), EFAULT);
    assert_fails(numa_move_pages(0, COUNT, list.pages, cut, list.status, MPOL_MF_MOVE), EFAULT);
    assert_fails(numa_move_pages(0, COUNT, list.pages, list.nodes, cut, MPOL_MF_MOVE), EFAULT);
    assert_fails(numa_move_pages(0, COUNT, list.pages, NULL, cut, 0), EFAULT);
}
END_TEST

/* Queries. */

START_TEST(a_query_of_any_size_is_answered_completely)
{
    enum { MAX_COUNT = 100000, PAGES = 1000 };
    const size_t counts[] = { 1, 15, 16, 17, 31, 32, 33, 511, 512, 513, 4096, 65535, 65536, 65537, MAX_COUNT };
    char *pages = map_shared_pages(PAGES);
    for (size_t page = 0; page < PAGES; page += 3)
        touch_pages(pages + page * page_size(), 1, (int)(page % 4));
    struct page_list list = page_list_with_capacity(MAX_COUNT);
    for (size_t entry = 0; entry < MAX_COUNT; entry++)
        page_list_add(&list, pages + entry % PAGES * page_size() + entry % 100, 0);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (size_t entry = 0; entry < MAX_COUNT; entry++)
            list.status[entry] = NOT_WRITTEN;
        assert_returns(numa_move_pages(0, counts[i], list.pages, NULL, list.status, 0), 0);
        for (size_t entry = 0; entry < MAX_COUNT; entry++) {
            const size_t page = entry % PAGES;
            const int expected = entry >= counts[i] ? NOT_WRITTEN : page % 3 == 0 ? (int)(page % 4) : -ENOENT;
            expect(list.status[entry] == expected, "of %zu, status %zu: %d", counts[i], entry, list.status[entry]);
        }
    }
}
END_TEST

START_TEST(a_query_ignores_the_flags_for_moves)
{
    void *page = pages_on_node(1, 2);
    for (int flags = 0; flags <= (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL); flags += MPOL_MF_MOVE) {
        int status = NOT_WRITTEN;
        assert_returns(numa_move_pages(0, 1, &page, NULL, &status, flags), 0);
        ck_assert_int_eq(status, 2);
    }
}
END_TEST

int main(void)
{
    return run_tests("numa_move_pages", (const TTest *[]){
        interleaved_targets_are_reached,
        targets_in_random_order_are_reached,
        pages_for_one_node_are_moved_by_one_call_after_a_short_query,
        pages_already_on_their_target_have_its_node_as_status,
        requests_of_every_small_size_are_completed,
        a_pointer_into_a_page_names_that_page,
        flags_of_zero_move_as_MPOL_MF_MOVE_does,
        pages_of_another_process_move,
        the_same_page_twice_is_moved_and_never_ebusy,
        two_pointers_into_one_page_are_the_same_page_twice,
        a_page_named_with_several_targets_ends_on_the_last_one,
        a_page_named_last_with_the_node_it_is_on_stays_there,
        a_page_with_two_addresses_ends_on_the_last_one_named,
        all_base_pages_of_a_huge_page_have_its_node_as_status,
        moving_some_base_pages_of_a_huge_page_moves_all_of_it,
        a_huge_page_with_several_targets_ends_where_the_system_call_leaves_it,
        all_base_pages_of_a_hugetlb_page_have_its_node_as_status,
        pinned_pages_are_counted_and_ebusy_and_all_others_move,
        a_pinned_page_on_its_target_is_not_counted,
        a_single_pinned_page_is_counted_and_ebusy,
        shared_pages_are_eacces_and_do_not_count_as_failed,
        absent_pages_are_reported_and_all_others_move,
        a_page_of_the_kernel_itself_is_ebusy_and_the_call_succeeds_as_the_system_call_does,
        no_such_node_is_enodev_and_the_pages_before_have_moved,
        no_such_node_is_enodev_even_for_an_absent_page,
        a_node_outside_the_cpuset_is_eacces_and_the_pages_before_have_moved,
        a_page_already_on_a_node_outside_the_cpuset_is_eacces_nevertheless,
        a_node_outside_the_cpuset_is_eacces_even_for_an_absent_page,
        MPOL_MF_MOVE_ALL_without_privilege_is_eperm,
        a_process_of_another_user_is_eperm,
        no_such_process_is_esrch,
        unknown_flags_and_kernel_threads_are_einval,
        a_count_of_zero_does_nothing_and_reads_nothing,
        a_bad_pointer_for_any_array_is_efault,
        no_array_of_statuses_is_efault_but_the_pages_have_moved_as_with_the_system_call,
        read_only_and_inaccessible_arrays_are_efault_if_they_cannot_be_used,
        read_only_pages_and_nodes_are_enough,
        an_array_of_pages_that_is_too_short_is_efault_and_the_pages_before_have_moved,
        an_array_of_nodes_that_is_too_short_is_efault_and_the_pages_before_have_moved,
        an_array_of_statuses_that_is_too_short_is_efault_but_its_contents_are_true,
        an_array_is_not_read_beyond_its_end,
        an_array_that_ends_after_many_entries_is_efault_too,
        every_count_is_read_correctly,
        arrays_in_a_truncated_file_are_efault,
        a_query_of_any_size_is_answered_completely,
        a_query_ignores_the_flags_for_moves,
        NULL });
}

/* numars_count_pages: how many base pages of a range are on each node. */
#include <numars.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"

enum { COUNT = 100 };

/* The initial contents of per_node, which must be overwritten or left alone. */
enum { OLD = 777777 };

static void assert_counts(int pid, const void *start, size_t length, const unsigned long expected[NODES])
{
    unsigned long per_node[NODES] = { OLD, OLD, OLD, OLD }, sum = 0;
    for (int node = 0; node < NODES; node++)
        sum += expected[node];
    assert_returns(numars_count_pages(pid, start, length, per_node, NODES), (long)sum);
    for (int node = 0; node < NODES; node++)
        expect(per_node[node] == expected[node], "%lu pages on node %d, not %lu", per_node[node], node, expected[node]);
}

/* One page on node 0, two on 1, three on 2 and four on 3. */
static char *ten_pages(void)
{
    char *pages = map_pages(10), *next = pages;
    for (int node = 0; node < NODES; node++) {
        touch_pages(next, (size_t)node + 1, node);
        next += ((size_t)node + 1) * page_size();
    }
    return pages;
}

START_TEST(pages_are_counted_by_node)
{
    assert_counts(0, ten_pages(), 10 * page_size(), (unsigned long[]){ 1, 2, 3, 4 });
}
END_TEST

START_TEST(all_pages_that_overlap_the_range_count)
{
    char *pages = ten_pages();
    const size_t page = page_size();
    assert_counts(0, pages, 1, (unsigned long[]){ 1, 0, 0, 0 });
    assert_counts(0, pages + page - 1, 2, (unsigned long[]){ 1, 1, 0, 0 });
    assert_counts(0, pages + page, 2 * page, (unsigned long[]){ 0, 2, 0, 0 });
    assert_counts(0, pages + page + 5, 2 * page, (unsigned long[]){ 0, 2, 1, 0 });
    assert_counts(0, pages + 10 * page - 1, 1, (unsigned long[]){ 0, 0, 0, 1 });
    assert_counts(0, pages + 3, 0, (unsigned long[]){ 0, 0, 0, 0 });
}
END_TEST

START_TEST(holes_untouched_pages_and_the_zero_page_do_not_count)
{
    char *pages = pages_on_node(COUNT, 2), *untouched = map_shared_pages(COUNT), *zeroes = map_pages(COUNT);
    for (size_t page = 0; page < COUNT; page += 10)
        require(munmap(pages + page * page_size(), page_size()) == 0);
    assert_counts(0, pages, COUNT * page_size(), (unsigned long[]){ 0, 0, COUNT - COUNT / 10, 0 });
    assert_counts(0, untouched, COUNT * page_size(), (unsigned long[]){ 0, 0, 0, 0 });
    for (size_t page = 0; page < COUNT; page++)
        (void)*(volatile char *)(zeroes + page * page_size());
    assert_counts(0, zeroes, COUNT * page_size(), (unsigned long[]){ 0, 0, 0, 0 });
    assert_counts(0, unmapped_address(), 1, (unsigned long[]){ 0, 0, 0, 0 });
}
END_TEST

START_TEST(huge_pages_count_as_base_pages)
{
    char *huge = transparent_huge_page(3);
    assert_counts(0, huge, huge_page_size(), (unsigned long[]){ 0, 0, 0, pages_per_huge_page() });
    /* Only those inside the range. */
    assert_counts(0, huge + pages_per_huge_page() / 5 * page_size(), 10 * page_size(), (unsigned long[]){ 0, 0, 0, 10 });
    assert_counts(0, huge + huge_page_size() - 1, 1, (unsigned long[]){ 0, 0, 0, 1 });
}
END_TEST

START_TEST(pages_of_hugetlbfs_count_as_base_pages)
{
    assert_counts(0, hugetlb_page_for_node_1(), huge_page_size(), (unsigned long[]){ pages_per_huge_page(), 0, 0, 0 });
}
END_TEST

START_TEST(pages_of_files_and_shared_pages_count)
{
    char *file = map_file_pages(file_in("/mnt/ext4", COUNT), COUNT);
    touch_pages(file, COUNT, 1);
    struct child_process child = share_with_child(file, COUNT);
    assert_counts(0, file, COUNT * page_size(), (unsigned long[]){ 0, COUNT, 0, 0 });
    end_child(child);
}
END_TEST

START_TEST(pages_on_nodes_beyond_the_array_are_only_in_the_sum)
{
    char *pages = ten_pages();
    unsigned long per_node[NODES] = { OLD, OLD, OLD, OLD };
    assert_returns(numars_count_pages(0, pages, 10 * page_size(), per_node, 2), 10);
    ck_assert_uint_eq(per_node[0], 1);
    ck_assert_uint_eq(per_node[1], 2);
    ck_assert_uint_eq(per_node[2], OLD);
    ck_assert_uint_eq(per_node[3], OLD);
    assert_returns(numars_count_pages(0, pages, 10 * page_size(), per_node, 0), 10);
    ck_assert_uint_eq(per_node[0], 1);
    assert_returns(numars_count_pages(0, pages, 10 * page_size(), NULL, 0), 10);
    assert_returns(numars_count_pages(0, pages, 10 * page_size(), NULL, NODES), 10);
}
END_TEST

START_TEST(nodes_that_do_not_exist_have_no_pages)
{
    unsigned long per_node[2000];
    for (size_t node = 0; node < 2000; node++)
        per_node[node] = OLD;
    assert_returns(numars_count_pages(0, ten_pages(), 10 * page_size(), per_node, 2000), 10);
    for (size_t node = 0; node < 2000; node++)
        ck_assert_uint_eq(per_node[node], node < NODES ? node + 1 : 0);
}
END_TEST

START_TEST(pages_of_another_process_are_counted)
{
    struct child_process child = start_child(COUNT, 3, NULL);
    assert_counts(child.pid, child.pages, COUNT * page_size(), (unsigned long[]){ 0, 0, 0, COUNT });
    end_child(child);
}
END_TEST

START_TEST(a_whole_process_is_counted_at_once)
{
    if (PROCESS_SCAN_IS_SLOW)
        return;
    struct child_process child = start_child(COUNT, 3, NULL);
    size_t on_node[NODES];
    unsigned long per_node[NODES];
    const size_t all = count_process_pages(child.pid, on_node);
    ck_assert_uint_gt(all, COUNT);
    assert_returns(numars_count_pages(child.pid, NULL, end_of_addresses(), per_node, NODES), (long)all);
    for (int node = 0; node < NODES; node++)
        expect(per_node[node] == on_node[node], "node %d: %lu, not %zu", node, per_node[node], on_node[node]);
    end_child(child);
}
END_TEST

START_TEST(many_pages_are_counted_completely)
{
    const size_t many = pages_within(70001, 280 << 20);
    assert_counts(0, pages_on_node(many, 1), many * page_size(), (unsigned long[]){ 0, many, 0, 0 });
}
END_TEST

START_TEST(counting_moves_nothing_and_allocates_no_pages)
{
    char *pages = map_pages(COUNT);
    touch_pages(pages, COUNT / 2, 1);
    for (int time = 0; time < 2; time++)
        assert_counts(0, pages, COUNT * page_size(), (unsigned long[]){ 0, COUNT / 2, 0, 0 });
}
END_TEST

START_TEST(a_range_beyond_the_address_space_is_einval)
{
    unsigned long per_node[NODES];
    assert_fails(numars_count_pages(0, (void *)page_size(), UINTPTR_MAX, per_node, NODES), EINVAL);
    assert_fails(numars_count_pages(0, (void *)(UINTPTR_MAX - 4095), 8192, per_node, NODES), EINVAL);
}
END_TEST

START_TEST(no_such_process_is_esrch)
{
    unsigned long per_node[NODES];
    char *pages = ten_pages();
    assert_fails(numars_count_pages(nonexistent_pid(), pages, 10 * page_size(), per_node, NODES), ESRCH);
    assert_fails(numars_count_pages(-1, pages, 10 * page_size(), per_node, NODES), ESRCH);
}
END_TEST

START_TEST(a_process_of_another_user_is_eperm)
{
    struct child_process of_root = start_child(COUNT, 3, NULL);
    unsigned long per_node[NODES];
    drop_privileges();
    assert_fails(numars_count_pages(of_root.pid, of_root.pages, COUNT * page_size(), per_node, NODES), EPERM);
    assert_fails(numars_count_pages(of_root.pid, NULL, end_of_addresses(), per_node, NODES), EPERM);
}
END_TEST

START_TEST(own_pages_need_no_privilege)
{
    drop_privileges();
    assert_counts(0, ten_pages(), 10 * page_size(), (unsigned long[]){ 1, 2, 3, 4 });
}
END_TEST

int main(void)
{
    return run_tests("numars_count_pages", (const TTest *[]){
        pages_are_counted_by_node,
        all_pages_that_overlap_the_range_count,
        holes_untouched_pages_and_the_zero_page_do_not_count,
        huge_pages_count_as_base_pages,
        pages_of_hugetlbfs_count_as_base_pages,
        pages_of_files_and_shared_pages_count,
        pages_on_nodes_beyond_the_array_are_only_in_the_sum,
        nodes_that_do_not_exist_have_no_pages,
        pages_of_another_process_are_counted,
        a_whole_process_is_counted_at_once,
        many_pages_are_counted_completely,
        counting_moves_nothing_and_allocates_no_pages,
        a_range_beyond_the_address_space_is_einval,
        no_such_process_is_esrch,
        a_process_of_another_user_is_eperm,
        own_pages_need_no_privilege,
        NULL });
}

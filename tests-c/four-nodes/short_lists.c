/* Lists so short that they are submitted to the kernel unmodified. For some pages, the kernel reports another node than the final one. The
 * library reports a page that is on its target as being there, and a short list has the same statuses as a long one. */
#include <numars.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include "environment.h"
#include "harness.h"
#include "page_list.h"
#include "pages.h"

enum { PADDING = 200 };

START_TEST(later_base_pages_of_a_hugetlb_page_have_the_node_that_it_moved_to)
{
    const size_t firsts[] = { 0, 1, 5 };
    char *huge = hugetlb_page_for_node_1();
    for (size_t i = 0; i < 3; i++)
        for (size_t count = 1; count <= (pages_per_huge_page() < 60 ? pages_per_huge_page() - 5 : 60); count += 19) {
            for (int call = 0; call < 2; call++) {
                struct page_list list = page_list_with_capacity(count + 1);
                const int node = !node_of(huge);
                page_list_add(&list, huge, node);
                page_list_add_range(&list, huge + firsts[i] * page_size(), count, node);
                assert_returns(call == 0 ? page_list_move(&list, MPOL_MF_MOVE)
                                         : numars_move_pages(0, list.count, list.pages, list.nodes, list.status, NULL, NULL), 0);
                assert_all_on_target(0, &list);
            }
        }
    ck_assert(pages_keep_contents(huge, pages_per_huge_page()));
    require(munmap(huge, huge_page_size()) == 0);
}
END_TEST

START_TEST(later_base_pages_of_a_hugetlb_page_without_its_first_one_have_true_statuses)
{
    char *huge = hugetlb_page_for_node_1();
    for (size_t count = 1; count <= 3; count++)
        for (int call = 0; call < 2; call++) {
            struct page_list list = page_list_of_range(huge + 7 * page_size(), count, !node_of(huge));
            errno = UNTOUCHED_ERRNO;
            const long returned = call == 0 ? page_list_move(&list, MPOL_MF_MOVE)
                                            : numars_move_pages(0, list.count, list.pages, list.nodes, list.status, NULL, NULL);
            assert_true_statuses(0, &list);
            const size_t stayed = count - page_list_on_target(0, &list);
            expect(call == 0 ? returned >= 0 : returned == (long)stayed, "call %d of %zu entries returned %ld, errno %d; %zu stayed",
                   call, count, returned, errno, stayed);
        }
    require(munmap(huge, huge_page_size()) == 0);
}
END_TEST

/* Pages 0 to 7 of `start`, each named twice: with the first target and then with the second one, in every order. */
static void name_twice(struct page_list *list, char *start)
{
    for (int page = 0; page < 8; page++)
        page_list_add(list, start + (size_t)page * page_size(), page % 3);
    for (int page = 0; page < 8; page++)
        page_list_add(list, start + (size_t)page * page_size() + 5, page / 3);
}

START_TEST(a_page_named_twice_has_the_same_statuses_in_a_short_list_and_in_a_long_one)
{
    char *untouched = map_pages(PADDING);
    for (int shared = 0; shared < 2; shared++)
        for (int call = 0; call < 2; call++) {
            struct page_list list[2];
            long returned[2];
            for (int is_long = 0; is_long < 2; is_long++) {
                char *pages = pages_on_node(8, 0);
                const struct child_process child = shared ? share_with_child(pages, 8) : (struct child_process){ .pid = 0 };
                list[is_long] = page_list_with_capacity(16 + PADDING);
                name_twice(&list[is_long], pages);
                if (is_long)
                    page_list_add_range(&list[is_long], untouched, PADDING, 1);
                struct page_list *request = &list[is_long];
                returned[is_long] = call == 0
                    ? page_list_move(request, MPOL_MF_MOVE)
                    : numars_move_pages(0, request->count, request->pages, request->nodes, request->status, NULL, NULL);
                assert_true_statuses(0, request);
                ck_assert(pages_keep_contents(pages, 8));
                if (shared)
                    end_child(child);
            }
            ck_assert_int_eq(returned[0], returned[1]);
            for (size_t entry = 0; entry < 16; entry++)
                expect(list[0].status[entry] == list[1].status[entry],
                       "%s pages, call %d, entry %zu (target %d): status %d in a short list, %d in a long one",
                       shared ? "shared" : "own", call, entry, list[0].nodes[entry], list[0].status[entry], list[1].status[entry]);
        }
}
END_TEST

int main(void)
{
    return run_tests("short_lists", (const TTest *[]){
        later_base_pages_of_a_hugetlb_page_have_the_node_that_it_moved_to,
        later_base_pages_of_a_hugetlb_page_without_its_first_one_have_true_statuses,
        a_page_named_twice_has_the_same_statuses_in_a_short_list_and_in_a_long_one,
        NULL });
}

/* Nodes 0 to 2 have memory, node 3 has a CPU and no memory. */
#include <numaif.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"
#include "verified_moves.h"

enum { WITHOUT_MEMORY = 3 };

START_TEST(move_pages_to_it_is_enodev)
{
    struct request request = request_move(pages_on_node(3, 0), 3, 1);
    request.nodes[1] = WITHOUT_MEMORY;
    assert_fails(perform(&request, MPOL_MF_MOVE), ENODEV);
    ck_assert_int_eq(request.status[0], 1);
    ck_assert_int_eq(request.status[1], NOT_WRITTEN);
    ck_assert_int_eq(node_of(request.pages[1]), 0);
    ck_assert_int_eq(node_of(request.pages[2]), 0);
}
END_TEST

START_TEST(pages_move_between_the_other_nodes)
{
    char *page = pages_on_node(1, 0);
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE), 1);
    ck_assert_int_eq(node_of(page), 1);
}
END_TEST

START_TEST(migrate_pages_to_it_alone_is_einval)
{
    const unsigned long from = 1UL << 0, to = 1UL << WITHOUT_MEMORY;
    char *page = pages_on_node(1, 0);
    assert_fails(migrate_pages(0, MASK_BITS, &from, &to), EINVAL);
    ck_assert_int_eq(node_of(page), 0);
}
END_TEST

START_TEST(migrate_pages_to_it_is_eperm_without_privilege)
{
    const unsigned long from = 1UL << 0, to = 1UL << 1 | 1UL << WITHOUT_MEMORY;
    drop_privileges();
    assert_fails(migrate_pages(0, MASK_BITS, &from, &to), EPERM);
}
END_TEST

START_TEST(migrate_pages_with_privilege_ignores_it)
{
    const unsigned long from = 1UL << 0, to = 1UL << 1 | 1UL << WITHOUT_MEMORY;
    char *page = pages_on_node(1, 0);
    assert_returns(migrate_pages(0, MASK_BITS, &from, &to), 0);
    ck_assert_int_eq(node_of(page), 1);
}
END_TEST

START_TEST(a_program_running_there_has_its_pages_elsewhere)
{
    unsigned cpu, node = 0;
    cpu_set_t one;
    for (cpu = 0; cpu < CPU_SETSIZE && node != WITHOUT_MEMORY; cpu++) {
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof one, &one) == 0)
            require(syscall(SYS_getcpu, NULL, &node, NULL) == 0);
    }
    ck_assert_uint_eq(node, WITHOUT_MEMORY);
    char *page = map_pages(1);
    *page = 1;
    const int current_node = node_of(page);
    ck_assert(current_node >= 0 && current_node < WITHOUT_MEMORY);
    const int other = (current_node + 1) % WITHOUT_MEMORY;
    ck_assert_int_eq(move_one(page, other, MPOL_MF_MOVE), other);
}
END_TEST

START_TEST(each_call_of_numars_reports_correctly_to_a_program_running_there)
{
    enum { MANY = 3000 };
    char *pages = pages_on_node(MANY, 0);
    cpu_set_t cpu;
    CPU_ZERO(&cpu);
    CPU_SET(WITHOUT_MEMORY, &cpu);
    require(sched_setaffinity(0, sizeof cpu, &cpu) == 0);
    ck_assert_int_eq(verified_move_range(0, pages, MANY, 1, NULL, NO_INTERFERENCE).returned, 0);
    verified_count(0, pages, MANY);
    struct page_list list = page_list_with_capacity(MANY);
    for (size_t page = 0; page < MANY; page++)
        page_list_add(&list, pages + page * page_size(), (int)(page % 3));
    ck_assert_int_eq(verified_move_list(0, &list, NULL, NO_INTERFERENCE).returned, 0);
    /* Nothing moves there, but the entries before it in a list do move. */
    const struct move_result range = verified_move_range(0, pages, MANY, WITHOUT_MEMORY, NULL, NO_INTERFERENCE);
    ck_assert_int_eq(range.returned, -1);
    ck_assert_int_eq(range.error, ENODEV);
    ck_assert_uint_eq(range.stats.moved, 0);
    struct page_list wrong = page_list_of_range(pages, MANY, 2);
    wrong.nodes[MANY / 2] = WITHOUT_MEMORY;
    const struct move_result result = verified_move_list(0, &wrong, NULL, NO_INTERFERENCE);
    ck_assert_int_eq(result.returned, -1);
    ck_assert_int_eq(result.error, ENODEV);
    assert_true_statuses_up_to(&wrong, MANY / 2);
    ck_assert_uint_eq(count_on_node(pages, MANY / 2, 2), MANY / 2);
    ck_assert(pages_keep_contents(pages, MANY));
}
END_TEST

int main(void)
{
    return run_tests("node_without_memory", (const TTest *[]){
        move_pages_to_it_is_enodev,
        pages_move_between_the_other_nodes,
        migrate_pages_to_it_alone_is_einval,
        migrate_pages_to_it_is_eperm_without_privilege,
        migrate_pages_with_privilege_ignores_it,
        a_program_running_there_has_its_pages_elsewhere,
        each_call_of_numars_reports_correctly_to_a_program_running_there,
        NULL });
}

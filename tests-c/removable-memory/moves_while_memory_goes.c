/* Pages move from and to a node whose memory goes offline and online meanwhile: no status, sum or success is false. */
#include <numars.h>
#include <sys/mman.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"
#include "pages.h"
#include "verified_moves.h"

/* The node whose memory goes offline, in blocks. */
enum { GOING = 2, BLOCKS = 4, PAGES = 2000, SECONDS = 4 };

static void take_away_and_give_back(void *argument)
{
    const int *blocks = argument;
    set_memory_online(GOING, *blocks, false);
    set_memory_online(GOING, ALL_BLOCKS, true);
}

/* To node 1 from the others: taking memory offline moves pages off its own node only, and none from node 1. */
START_TEST(pages_that_leave_the_node_meanwhile_never_cause_false_success)
{
    int blocks = BLOCKS / 2;
    char *pages = pages_on_node(PAGES, 0);
    start_activity(take_away_and_give_back, &blocks, 0);
    const double end = test_deadline(SECONDS);
    size_t moved_away = 0;
    for (unsigned int moves = 0; moves < 4 || seconds_now() < end; moves++) {
        /* To the node as long as it has free memory, and back. */
        verified_move_range(0, pages, PAGES, GOING, NULL, ANY_INTERFERENCE);
        struct page_list list = page_list_of_range(pages, PAGES, 1);
        const struct move_result result = moves % 2 == 0 ? verified_move_range(0, pages, PAGES, 1, NULL, INTERFERENCE_TO_TARGET)
                                                         : verified_move_list(0, &list, NULL, INTERFERENCE_TO_TARGET);
        ck_assert_int_ge(result.returned, 0);
        moved_away += result.stats.moved;
        page_list_unmap(&list);
    }
    ck_assert_uint_gt(end_activities(), 0);
    ck_assert_uint_gt(moved_away, 0);
    ck_assert(pages_keep_contents(pages, PAGES));
}
END_TEST

START_TEST(moves_to_a_node_that_loses_all_its_memory_meanwhile_yield_true_results_or_an_error)
{
    int blocks = ALL_BLOCKS;
    char *pages = pages_on_node(PAGES, 0);
    start_activity(take_away_and_give_back, &blocks, 1);
    const double end = test_deadline(SECONDS);
    for (unsigned int moves = 0; moves < 4 || seconds_now() < end; moves++) {
        struct page_list list = page_list_of_range(pages, PAGES, GOING);
        const struct move_result result = moves % 2 == 0 ? verified_move_range(0, pages, PAGES, GOING, NULL, ANY_INTERFERENCE)
                                                         : verified_move_list(0, &list, NULL, ANY_INTERFERENCE);
        const int error = result.error;
        /* None of the usable nodes has memory, or this node has none, or no page is free. */
        expect(result.returned >= 0 || error == ENODEV || error == EACCES || error == ENOMEM, "errno %d (%s)", error,
               strerror(error));
        verified_move_range(0, pages, PAGES, 0, NULL, ANY_INTERFERENCE);
        page_list_unmap(&list);
    }
    ck_assert_uint_gt(end_activities(), 0);
    ck_assert_int_eq(verified_move_range(0, pages, PAGES, GOING, NULL, NO_INTERFERENCE).returned, 0);
    ck_assert(pages_keep_contents(pages, PAGES));
}
END_TEST

int main(void)
{
    const int status = run_tests("moves while memory goes", (const TTest *[]){
        pages_that_leave_the_node_meanwhile_never_cause_false_success,
        moves_to_a_node_that_loses_all_its_memory_meanwhile_yield_true_results_or_an_error,
        NULL });
    bring_all_online();
    return status;
}

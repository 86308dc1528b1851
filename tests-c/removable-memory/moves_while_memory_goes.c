/* Pages move from and to a node whose memory goes offline and comes back meanwhile: no status, sum or success is false. */
#include <numars.h>
#include <sys/mman.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"
#include "pages.h"
#include "verified_moves.h"

/* The node whose memory goes, in blocks. */
enum { GOING = 2, BLOCKS = 4, PAGES = 2000, SECONDS = 4 };

static void take_away_and_give_back(void *argument)
{
    const int *blocks = argument;
    put_memory_online(GOING, *blocks, false);
    put_memory_online(GOING, ALL_BLOCKS, true);
}

/* To node 1 from the others: offlining moves pages off its own node alone, and none from node 1. */
START_TEST(pages_that_leave_the_node_meanwhile_are_never_a_false_success)
{
    int blocks = BLOCKS / 2;
    char *pages = pages_on_node(PAGES, 0);
    start_activity(take_away_and_give_back, &blocks, 0);
    const double end = end_of_test(SECONDS);
    size_t left = 0;
    for (unsigned int moves = 0; moves < 4 || seconds_now() < end; moves++) {
        /* There as far as there is room, and back. */
        checked_move_range(0, pages, PAGES, GOING, NULL, OTHERS_DO_ANYTHING);
        struct bulk bulk = bulk_of_pages(pages, PAGES, 1);
        const struct move_result result = moves % 2 == 0 ? checked_move_range(0, pages, PAGES, 1, NULL, OTHERS_MOVE_TO_TARGET)
                                                         : checked_move_list(0, &bulk, NULL, OTHERS_MOVE_TO_TARGET);
        ck_assert_int_ge(result.returned, 0);
        left += result.stats.moved;
        unmap_bulk(&bulk);
    }
    ck_assert_uint_gt(end_activities(), 0);
    ck_assert_uint_gt(left, 0);
    ck_assert(pages_keep_contents(pages, PAGES));
}
END_TEST

START_TEST(moves_to_a_node_that_loses_all_its_memory_meanwhile_end_in_the_truth_or_an_error)
{
    int blocks = ALL_BLOCKS;
    char *pages = pages_on_node(PAGES, 0);
    start_activity(take_away_and_give_back, &blocks, 1);
    const double end = end_of_test(SECONDS);
    for (unsigned int moves = 0; moves < 4 || seconds_now() < end; moves++) {
        struct bulk bulk = bulk_of_pages(pages, PAGES, GOING);
        const struct move_result result = moves % 2 == 0 ? checked_move_range(0, pages, PAGES, GOING, NULL, OTHERS_DO_ANYTHING)
                                                         : checked_move_list(0, &bulk, NULL, OTHERS_DO_ANYTHING);
        const int error = result.error;
        /* Of the nodes that may be used there is none, the node has no memory, or no page is free. */
        expect(result.returned >= 0 || error == ENODEV || error == EACCES || error == ENOMEM, "errno %d (%s)", error,
               strerror(error));
        checked_move_range(0, pages, PAGES, 0, NULL, OTHERS_DO_ANYTHING);
        unmap_bulk(&bulk);
    }
    ck_assert_uint_gt(end_activities(), 0);
    ck_assert_int_eq(checked_move_range(0, pages, PAGES, GOING, NULL, OTHERS_MOVE_NOTHING).returned, 0);
    ck_assert(pages_keep_contents(pages, PAGES));
}
END_TEST

int main(void)
{
    const int status = run_tests("moves while memory goes", (const TTest *[]){
        pages_that_leave_the_node_meanwhile_are_never_a_false_success,
        moves_to_a_node_that_loses_all_its_memory_meanwhile_end_in_the_truth_or_an_error,
        NULL });
    put_all_online();
    return status;
}

/* A move with helper threads while other threads change the user or cancel the caller, and what its callback may do. */
#include <grp.h>
#include <numars.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "move_stats.h"
#include "nodes.h"
#include "pages.h"

/* Just enough for four threads: moving with several at once takes long in the guest. */
enum { PAGES = 2048, THREADS = 4 };

static struct numars_move_options with_threads(void)
{
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.threads = THREADS;
    return options;
}

/* setuid(2) and similar calls: libc sends a signal to every thread, and waits until each has handled it. */

static atomic_bool users_were_changed;

static void *change_users(void *argument)
{
    enum { ROUNDS = 50 };
    (void)argument;
    for (int round = 0; round < ROUNDS; round++) {
        const gid_t group = 0;
        require(setgid(0) == 0);
        require(setuid(0) == 0);
        require(setgroups(1, &group) == 0);
        require(initgroups("root", 0) == 0);
    }
    users_were_changed = true;
    return NULL;
}

START_TEST(another_thread_may_change_user_and_groups_while_helpers_move_pages)
{
    char *pages = pages_on_node(PAGES, 0);
    const struct numars_move_options options = with_threads();
    pthread_t thread;
    require(pthread_create(&thread, NULL, change_users, NULL) == 0);
    for (int move = 1; move <= 4 || !users_were_changed; move++) {
        assert_returns(numars_move_range(0, pages, PAGES * page_size(), move % 4, &options, NULL), 0);
        ck_assert_int_eq(node_of(pages), move % 4);
    }
    require(pthread_join(thread, NULL) == 0);
    ck_assert(pages_keep_contents(pages, PAGES));
}
END_TEST

/* Cancellation while the callback waits. */

enum wait { IN_NANOSLEEP, IN_READ, WAITS };

struct cancelled_move {
    char *pages;
    enum wait wait;
    /* The callback reports here that it waits, and is released here. */
    int waiting[2], go_on[2];
    unsigned int calls;
    long returned;
};

static int wait_where_threads_are_cancelled(const struct numars_move_stats *so_far, void *argument)
{
    struct cancelled_move *move = argument;
    char byte = 0;
    (void)so_far;
    if (move->calls++ > 0)
        return 0;
    require(write(move->waiting[1], &byte, 1) == 1);
    if (move->wait == IN_READ)
        require(read(move->go_on[0], &byte, 1) == 1);
    else
        /* The other thread has cancelled this one by then, or does so later: both are fine. */
        nanosleep(&(const struct timespec){ .tv_nsec = 50000000 }, NULL);
    return 0;
}

static void *move_and_be_cancelled(void *argument)
{
    struct cancelled_move *move = argument;
    struct numars_move_options options = with_threads();
    options.progress = wait_where_threads_are_cancelled;
    options.progress_arg = move;
    move->returned = numars_move_range(0, move->pages, PAGES * page_size(), 1, &options, NULL);
    /* The first cancellation point after the move. */
    for (;;)
        pause();
    return NULL;
}

START_TEST(a_thread_that_is_cancelled_while_its_callback_waits_finishes_the_move_and_ends_then)
{
    for (enum wait wait = 0; wait < WAITS; wait++) {
        struct cancelled_move move = { .pages = pages_on_node(PAGES, 0), .wait = wait, .returned = -2 };
        pthread_t thread;
        void *result;
        char byte = 0;
        require(pipe(move.waiting) == 0 && pipe(move.go_on) == 0);
        require(pthread_create(&thread, NULL, move_and_be_cancelled, &move) == 0);
        require(read(move.waiting[0], &byte, 1) == 1);
        require(pthread_cancel(thread) == 0);
        require(write(move.go_on[1], &byte, 1) == 1);
        require(pthread_join(thread, &result) == 0);
        ck_assert_ptr_eq(result, PTHREAD_CANCELED);
        ck_assert_int_eq(move.returned, 0);
        ck_assert_uint_gt(move.calls, 1);
        ck_assert_uint_eq(count_on_node(move.pages, MAX_PAGES, 1), MAX_PAGES);
        ck_assert(pages_keep_contents(move.pages, PAGES));
    }
}
END_TEST

/* What a callback may do. */

struct nested {
    char *pages, *others;
    unsigned int calls, inner_calls;
};

static int count_inner_calls(const struct numars_move_stats *so_far, void *argument)
{
    (void)so_far;
    ++*(unsigned int *)argument;
    return 0;
}

static int call_the_library(const struct numars_move_stats *so_far, void *argument)
{
    struct nested *nested = argument;
    const int node = (int)nested->calls + 2;
    struct numars_move_options options = with_threads();
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    unsigned long per_node[4];
    options.progress = count_inner_calls;
    options.progress_arg = &nested->inner_calls;
    (void)so_far;
    if (nested->calls++ >= 2)
        return 0;
    /* A move inside the move, with threads and a callback of its own. */
    assert_returns(numars_move_range(0, nested->others, PAGES * page_size(), node, &options, &stats), 0);
    ck_assert_uint_eq(stats.requested, PAGES);
    assert_returns(numars_count_pages(0, nested->others, PAGES * page_size(), per_node, 4), PAGES);
    ck_assert_uint_eq(per_node[node], PAGES);

    struct request request = request_move(nested->others, MAX_PAGES, node ^ 1);
    assert_returns(numa_move_pages(0, request.count, request.pages, request.nodes, request.status, MPOL_MF_MOVE), 0);
    ck_assert_int_eq(request.status[0], node ^ 1);
    /* A page of the move itself. */
    assert_returns(numa_move_pages(0, 1, (void *[]){ nested->pages }, NULL, request.status, 0), 0);

    assert_returns(numa_node_of_cpu(1), 1);
    struct bitmask *nodes = numa_parse_nodestring("0-3");
    ck_assert_uint_eq(members(nodes), 0xf);
    struct bitmask *before = numa_get_membind();
    numa_set_membind(before);
    numa_bitmask_free(before);
    numa_set_localalloc();
    ck_assert_uint_eq(allocated_on_node(numa_alloc_onnode(10 * page_size(), 3), 10, 3), 10);
    return 0;
}

START_TEST(a_callback_may_call_every_function_of_the_library)
{
    struct nested nested = { .pages = pages_on_node(PAGES, 0), .others = pages_on_node(PAGES, 0) };
    struct numars_move_options options = with_threads();
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    options.progress = call_the_library;
    options.progress_arg = &nested;
    assert_returns(numars_move_range(0, nested.pages, PAGES * page_size(), 1, &options, &stats), 0);
    assert_stats(stats, .requested = PAGES, .moved = PAGES);
    ck_assert_uint_gt(nested.calls, 0);
    ck_assert_uint_gt(nested.inner_calls, 0);
    ck_assert_uint_eq(count_on_node(nested.pages, MAX_PAGES, 1), MAX_PAGES);
    ck_assert(pages_keep_contents(nested.pages, PAGES) && pages_keep_contents(nested.others, PAGES));
}
END_TEST

int main(void)
{
    return run_tests("numars_move_and_other_threads", (const TTest *[]){
        another_thread_may_change_user_and_groups_while_helpers_move_pages,
        a_thread_that_is_cancelled_while_its_callback_waits_finishes_the_move_and_ends_then,
        a_callback_may_call_every_function_of_the_library,
        NULL });
}

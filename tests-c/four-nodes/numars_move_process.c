/* numars_move_process: migrate_pages(2) with statistics, progress and cancellation. */
#include <numars.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "move_stats.h"
#include "nodes.h"
#include "pages.h"
#include "system_calls.h"

enum { COUNT = 40 };

/* More pages than fill_node() leaves free. */
static size_t many(void)
{
    return pages_within(20000, 80 << 20);
}

static long move_process(pid_t pid, unsigned long from, unsigned long to, const struct numars_move_options *options,
                         struct numars_move_stats *stats)
{
    const long returned = move_process_between(pid, from, to, options, stats);
    expect(returned < 0 || errno == UNTOUCHED_ERRNO, "errno became %d", errno);
    return returned;
}

/* With MPOL_MF_MOVE_ALL, as migrate_pages does for root. */
static struct numars_move_options move_all(void)
{
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.flags = MPOL_MF_MOVE_ALL;
    return options;
}

static size_t count_of_process(struct child_process child, size_t count, int node)
{
    size_t matches = 0;
    for (size_t page = 0; page < count; page++)
        matches += node_of_pid(child.pid, child.pages + page * page_size()) == node;
    return matches;
}

/* The return value counts the pages that stayed: code that other processes run too, whichever node it is on. */
static void assert_is_what_is_on(long returned, pid_t pid, int node)
{
    size_t on_node[NODES];
    (void)count_movable_pages(pid, on_node);
    expect(returned == (long)on_node[node], "returned %ld (errno %d), but %zu pages are on node %d", returned, errno,
           on_node[node], node);
}

START_TEST(pages_on_the_old_node_arrive_on_the_new_one_and_others_stay)
{
    struct child_process child = start_child(COUNT, 3, NULL);
    char *mine = pages_on_node(COUNT, 3);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_is_what_is_on(move_process(child.pid, mask(2), mask(1), NULL, NULL), child.pid, 2);
    ck_assert_uint_eq(count_of_process(child, COUNT, 3), COUNT);
    assert_is_what_is_on(move_process(child.pid, mask(3), mask(1), NULL, &stats), child.pid, 3);
    ck_assert_uint_eq(count_of_process(child, COUNT, 1), COUNT);
    ck_assert_uint_ge(stats.moved, COUNT);
    ck_assert(child_keeps_contents(child, COUNT));
    ck_assert_uint_eq(count_on_node(mine, COUNT, 3), COUNT);
    end_child(child);
}
END_TEST

START_TEST(pid_zero_is_the_calling_process)
{
    char *pages = pages_on_node(COUNT, 3), *huge = transparent_huge_page(3);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    const long returned = move_process(0, mask(3), mask(2), NULL, &stats);
    ck_assert_int_eq(returned, (long)(stats.shared + stats.busy + stats.failed));
    ck_assert_uint_eq(count_on_node(pages, COUNT, 2), COUNT);
    ck_assert_uint_eq(count_on_node(huge, pages_per_huge_page(), 2), pages_per_huge_page());
    ck_assert(is_transparent_huge_page(huge));
    ck_assert(pages_keep_contents(pages, COUNT) && pages_keep_contents(huge, pages_per_huge_page()));
    ck_assert_uint_ge(stats.moved, COUNT + pages_per_huge_page());
    assert_stats_add_up(stats);
}
END_TEST

/* Four pages on each node, in the order of the nodes. */
enum { PER_NODE = 4, LAYOUT = NODES * PER_NODE };

static void move_back_to_start(struct child_process child)
{
    void *pages[LAYOUT];
    int targets[LAYOUT], status[LAYOUT];
    for (size_t page = 0; page < LAYOUT; page++) {
        pages[page] = child.pages + page * page_size();
        targets[page] = (int)(page / PER_NODE);
    }
    require(move_pages(child.pid, LAYOUT, pages, targets, status, MPOL_MF_MOVE) == 0);
}

static void nodes_of_layout(struct child_process child, int *nodes)
{
    void *pages[LAYOUT];
    for (size_t page = 0; page < LAYOUT; page++)
        pages[page] = child.pages + page * page_size();
    require(query_with_kernel(child.pid, LAYOUT, pages, nodes) == 0);
}

START_TEST(each_pair_of_masks_moves_pages_where_migrate_pages_moves_them)
{
    struct child_process theirs = start_child(LAYOUT, 0, NULL), ours = start_child(LAYOUT, 0, NULL);
    for (unsigned long from = 1; from < 16; from++)
        for (unsigned long to = 1; to < 16; to++) {
            move_back_to_start(theirs);
            move_back_to_start(ours);
            require(migrate(theirs.pid, from, to) >= 0);
            const long returned = move_process(ours.pid, from, to, NULL, NULL);
            expect(returned >= 0, "from %#lx to %#lx: returned %ld, errno %d", from, to, returned, errno);
            int actual[LAYOUT], expected[LAYOUT];
            nodes_of_layout(ours, actual);
            nodes_of_layout(theirs, expected);
            for (size_t page = 0; page < LAYOUT; page++)
                expect(actual[page] == expected[page], "from %#lx to %#lx: a page of node %zu went to %d, with migrate_pages to %d", from, to,
                       page / PER_NODE, actual[page], expected[page]);
        }
    ck_assert(child_keeps_contents(ours, LAYOUT));
    end_child(theirs);
    end_child(ours);
}
END_TEST

START_TEST(statistics_are_of_pages_that_were_on_old_nodes)
{
    /* Targets that are not among the old nodes: then the pages on the old nodes afterwards are those that stayed. */
    const struct {
        unsigned long from, to;
    } shapes[] = { { 0x8, 0x2 }, { 0x3, 0xc }, { 0x6, 0x1 }, { 0xe, 0x1 }, { 0x1, 0xe } };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct child_process child = start_child(LAYOUT, 0, NULL);
        move_back_to_start(child);
        const struct numars_move_options options = move_all();
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        size_t before[NODES], after[NODES], on_old = 0, stayed = 0;
        const size_t all = count_movable_pages(child.pid, before);
        const long returned = move_process(child.pid, shapes[i].from, shapes[i].to, &options, &stats);
        ck_assert_uint_eq(count_movable_pages(child.pid, after), all);
        for (int node = 0; node < NODES; node++)
            if (shapes[i].from >> node & 1) {
                on_old += before[node];
                stayed += after[node];
            }
        ck_assert_int_eq(returned, (long)stayed);
        ck_assert_uint_eq(stats.requested, on_old);
        ck_assert_uint_eq(stats.moved, on_old - stayed);
        ck_assert_uint_eq(stats.in_place, 0);
        assert_stats_add_up(stats);
        end_child(child);
    }
}
END_TEST

START_TEST(huge_pages_shared_pages_and_pinned_pages_are_counted_separately)
{
    char *shared = pages_on_node(COUNT, 3);
    struct child_process child = share_with_child(shared, COUNT);
    char *pinned = pages_on_node(2, 3), *huge = transparent_huge_page(3);
    pin_in_pipe(pinned);
    pin_in_pipe(pinned + page_size());
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    const long returned = move_process(0, mask(3), mask(1), &options, &stats);
    ck_assert_int_eq(returned, (long)(stats.shared + stats.busy + stats.failed));
    ck_assert_uint_ge(stats.shared, COUNT);
    ck_assert_uint_eq(stats.busy, 2);
    ck_assert_uint_eq(stats.retried, 2 * 3);
    ck_assert_uint_ge(stats.moved, pages_per_huge_page());
    assert_stats_add_up(stats);
    ck_assert_uint_eq(count_on_node(shared, COUNT, 3), COUNT);
    ck_assert_uint_eq(count_on_node(huge, pages_per_huge_page(), 1), pages_per_huge_page());

    options = move_all();
    ck_assert_int_ge(move_process(0, mask(3), mask(1), &options, &stats), 2);
    ck_assert_uint_eq(stats.shared, 0);
    ck_assert_uint_ge(stats.busy, 2);
    ck_assert_uint_eq(count_on_node(shared, COUNT, 1), COUNT);
    end_child(child);
}
END_TEST

START_TEST(no_old_nodes_move_nothing)
{
    char *pages = pages_on_node(COUNT, 0);
    struct bitmask *to = set_of(mask(1));
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_process(0, NULL, to, NULL, &stats), 0);
    assert_stats(stats, .requested = 0);
    assert_returns(move_process(0, 0, mask(1), NULL, &stats), 0);
    assert_stats(stats, .requested = 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);
    numa_bitmask_free(to);
}
END_TEST

START_TEST(no_new_nodes_are_einval)
{
    char *pages = pages_on_node(COUNT, 0);
    struct bitmask *from = set_of(mask(0));
    assert_fails(numars_move_process(0, from, NULL, NULL, NULL), EINVAL);
    assert_fails(move_process(0, mask(0), 0, NULL, NULL), EINVAL);
    assert_fails(move_process(0, 0, 0, NULL, NULL), EINVAL);
    assert_fails(numars_move_process(0, NULL, NULL, NULL, NULL), EINVAL);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);
    numa_bitmask_free(from);
}
END_TEST

START_TEST(old_nodes_that_do_not_exist_have_nothing_to_move)
{
    char *pages = pages_on_node(COUNT, 0);
    if (kernel_node_bits() > 7)
        assert_returns(migrate(0, mask(7), mask(1)), 0);
    assert_returns(move_process(0, mask(7), mask(1), NULL, NULL), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);
}
END_TEST

START_TEST(only_new_nodes_that_do_not_exist_are_an_error)
{
    char *pages = pages_on_node(COUNT, 0);
    const long returned = move_process(0, mask(0), mask(7), NULL, NULL);
    expect(returned == -1 && (errno == EINVAL || errno == ENODEV), "returned %ld, errno %d", returned, errno);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);
}
END_TEST

START_TEST(no_such_process_is_esrch)
{
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_fails(move_process(nonexistent_pid(), mask(0), mask(1), NULL, &stats), ESRCH);
    assert_stats(stats, .requested = 0);
    assert_fails(move_process(-1, mask(0), mask(1), NULL, NULL), ESRCH);
    /* As with migrate_pages, even if nothing would move. */
    assert_fails(migrate(nonexistent_pid(), 0, mask(1)), ESRCH);
    assert_fails(move_process(nonexistent_pid(), 0, mask(1), NULL, NULL), ESRCH);
}
END_TEST

START_TEST(a_process_of_another_user_is_eperm)
{
    struct child_process of_root = start_child(COUNT, 3, NULL);
    drop_privileges();
    assert_fails(move_process(of_root.pid, mask(3), mask(1), NULL, NULL), EPERM);
    const struct numars_move_options options = move_all();
    assert_fails(move_process(0, mask(3), mask(1), &options, NULL), EPERM);
}
END_TEST

START_TEST(a_process_of_the_same_user_is_allowed)
{
    drop_privileges();
    struct child_process unprivileged = start_child(COUNT, 3, NULL);
    ck_assert_int_ge(move_process(unprivileged.pid, mask(3), mask(1), NULL, NULL), 0);
    ck_assert_uint_eq(count_of_process(unprivileged, COUNT, 1), COUNT);
    end_child(unprivileged);
}
END_TEST

START_TEST(a_full_node_is_enomem_with_true_statistics)
{
    enum { FULL = 2 };
    struct child_process child = start_child(many(), 0, NULL);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    fill_node(FULL);
    assert_fails(move_process(child.pid, mask(0), mask(FULL), NULL, &stats), ENOMEM);
    const size_t moved = count_of_process(child, many(), FULL);
    empty_node(FULL);
    ck_assert_uint_gt(moved, 0);
    ck_assert_uint_lt(moved, many());
    ck_assert_uint_ge(stats.moved, moved);
    ck_assert_uint_ge(stats.no_memory, many() - moved);
    assert_stats_add_up(stats);
    end_child(child);
}
END_TEST

/* Progress. */

/* What a callback has recorded, and what it does once pages have moved. */
struct listener {
    struct numars_move_stats last;
    size_t calls;
    bool went_back, stop;
    pid_t end;
};

static int record_progress(const struct numars_move_stats *so_far, void *argument)
{
    struct listener *listener = argument;
    listener->calls++;
    listener->went_back |= so_far->moved < listener->last.moved || so_far->requested < listener->last.requested;
    listener->last = *so_far;
    if (so_far->moved == 0)
        return 0;
    if (listener->end != 0) {
        require(kill(listener->end, SIGKILL) == 0 && waitpid(listener->end, NULL, 0) == listener->end);
        listener->end = 0;
    }
    return listener->stop;
}

static struct numars_move_options recording_options(struct listener *listener)
{
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.progress = record_progress;
    options.progress_arg = listener;
    return options;
}

START_TEST(progress_is_reported_repeatedly_and_at_the_end)
{
    struct child_process child = start_child(many(), 3, NULL);
    struct listener listener = { .calls = 0 };
    const struct numars_move_options options = recording_options(&listener);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    ck_assert_int_ge(move_process(child.pid, mask(3), mask(1), &options, &stats), 0);
    ck_assert_uint_eq(count_of_process(child, many(), 1), many());
    ck_assert_uint_ge(listener.calls, 3);
    ck_assert(!listener.went_back);
    assert_same_stats(listener.last, stats);
    end_child(child);
}
END_TEST

START_TEST(a_nonzero_return_value_cancels_the_move)
{
    struct child_process child = start_child(many(), 3, NULL);
    struct listener listener = { .stop = true };
    const struct numars_move_options options = recording_options(&listener);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    size_t before[NODES], after[NODES];
    (void)count_movable_pages(child.pid, before);
    assert_fails(move_process(child.pid, mask(3), mask(1), &options, &stats), ECANCELED);
    (void)count_movable_pages(child.pid, after);
    ck_assert_uint_gt(stats.moved, 0);
    ck_assert_uint_eq(stats.moved, before[3] - after[3]);
    ck_assert_uint_gt(count_of_process(child, many(), 3), 0);
    ck_assert(child_keeps_contents(child, many()));
    end_child(child);
}
END_TEST

/* Concurrent changes of the process. */

START_TEST(a_process_that_ends_half_way_yields_the_statistics_until_then)
{
    struct child_process child = start_child(many(), 3, NULL);
    struct listener listener = { .end = child.pid };
    const struct numars_move_options options = recording_options(&listener);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    const long returned = move_process(child.pid, mask(3), mask(1), &options, &stats);
    expect(returned >= 0 && errno == UNTOUCHED_ERRNO, "returned %ld, errno %d (%s)", returned, errno, strerror(errno));
    ck_assert_int_eq(listener.end, 0);
    ck_assert_uint_gt(stats.moved, 0);
    ck_assert_uint_lt(stats.moved, many());
}
END_TEST

/* Kills a process from another one after a delay. */
static pid_t kill_later(pid_t victim, long milliseconds)
{
    const struct timespec time = { .tv_sec = 0, .tv_nsec = milliseconds * 1000000 };
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        nanosleep(&time, NULL);
        kill(victim, SIGKILL);
        _exit(EXIT_SUCCESS);
    }
    return pid;
}

START_TEST(a_process_that_ends_at_any_time_is_esrch_only_if_nothing_was_moved)
{
    /* No process has to wait for it, so it is gone at once. */
    const struct sigaction ignore = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
    require(sigaction(SIGCHLD, &ignore, NULL) == 0);
    for (long delay = 0; delay <= 64; delay = delay * 2 + 1) {
        struct child_process child = start_child(many() / 3, 3, NULL);
        kill_later(child.pid, delay);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        const long returned = move_process(child.pid, mask(3), mask(1), NULL, &stats);
        /* While it is exiting, the kernel returns EINVAL. */
        expect(returned >= 0 || ((errno == ESRCH || errno == EINVAL) && stats.moved == 0), "after %ld ms: returned %ld, errno %d (%s), %lu moved",
               delay, returned, errno, strerror(errno), stats.moved);
        kill(child.pid, SIGKILL);
    }
}
END_TEST

/* A process with some permanent pages that keeps mapping, unmapping and forking. */
static pid_t start_busy_child(size_t count, char **pages)
{
    int ready[2];
    require(pipe(ready) == 0);
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid != 0) {
        close(ready[1]);
        require(read(ready[0], pages, sizeof *pages) == sizeof *pages);
        close(ready[0]);
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* Not written to any more: a write would copy a page that a fork shares. */
    char *steady = pages_on_node(count, 3);
    if (write(ready[1], &steady, sizeof steady) != sizeof steady)
        _exit(EXIT_FAILURE);
    for (size_t time = 0;; time++) {
        const size_t size = (1 + time % 64) * page_size();
        char *passing = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (passing == MAP_FAILED)
            _exit(EXIT_FAILURE);
        memset(passing, 1, size);
        if (time % 8 == 0) {
            const pid_t child = fork();
            if (child == 0)
                _exit(EXIT_SUCCESS);
            waitpid(child, NULL, 0);
        }
        munmap(passing, size);
    }
}

START_TEST(a_process_that_maps_unmaps_and_forks_meanwhile_is_moved)
{
    enum { STEADY = 3000, TIMES = 10 };
    struct child_process restless;
    restless.pid = start_busy_child(STEADY, &restless.pages);
    for (int time = 0; time < TIMES; time++) {
        const int from = time % 2 == 0 ? 3 : 1, to = 4 - from;
        const struct numars_move_options options = move_all();
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        const long returned = move_process(restless.pid, mask(from), mask(to), &options, &stats);
        expect(returned >= 0, "returned %ld, errno %d (%s)", returned, errno, strerror(errno));
        const size_t arrived = count_of_process(restless, STEADY, to);
        expect(arrived + (size_t)returned >= STEADY, "%zu pages arrived, and %ld are said to have stayed", arrived, returned);
        /* The only pages that stay are those that a fork was reading at that moment. */
        ck_assert_uint_ge(arrived, STEADY - STEADY / 10);
        for (int again = 0; again < 20 && count_of_process(restless, STEADY, to) < STEADY; again++)
            (void)move_process(restless.pid, mask(from), mask(to), &options, NULL);
        ck_assert_uint_eq(count_of_process(restless, STEADY, to), STEADY);
    }
    ck_assert(child_keeps_contents(restless, STEADY));
    end_child(restless);
}
END_TEST

/* A page that is mapped at two addresses, with so many pages between them that it is encountered twice. */
static size_t pages_between(void)
{
    return pages_within(70000, 280 << 20);
}

static char *page_at_both_ends(void)
{
    const int file = file_in("/dev/shm", 1);
    char *start = map_pages(pages_between() + 2), *second_mapping = start + (pages_between() + 1) * page_size();
    require(mmap(start, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == start);
    require(mmap(second_mapping, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == second_mapping);
    touch_pages(start, 1, 0);
    require(*(volatile char *)second_mapping == *start);
    touch_pages(start + page_size(), pages_between(), 3);
    return start;
}

START_TEST(a_page_at_two_addresses_moves_once_even_if_targets_are_old_nodes_too)
{
    char *page = page_at_both_ends(), *other = pages_on_node(1, 1);
    const struct {
        unsigned long from, to;
        int start, end;
    } chains[] = { { 0x3, 0x6, 0, 1 }, { 0x6, 0x3, 2, 1 }, { 0x7, 0xe, 1, 2 } };
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        const unsigned long from = chains[i].from, to = chains[i].to;
        struct numars_move_options options = move_all();
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        ck_assert_int_eq(move_one(page, chains[i].start, MPOL_MF_MOVE_ALL), chains[i].start);
        require(migrate(0, from, to) >= 0);
        expect(node_of(page) == chains[i].end, "migrate_pages from %#lx to %#lx: node %d", from, to, node_of(page));
        ck_assert_int_eq(move_one(page, chains[i].start, MPOL_MF_MOVE_ALL), chains[i].start);
        ck_assert_int_ge(move_process(0, from, to, &options, &stats), 0);
        expect(node_of(page) == chains[i].end, "from %#lx to %#lx: node %d", from, to, node_of(page));
        assert_stats_add_up(stats);
    }
    ck_assert(pages_keep_contents(other, 1));
}
END_TEST

int main(void)
{
    return run_tests("numars_move_process", (const TTest *[]){
        pages_on_the_old_node_arrive_on_the_new_one_and_others_stay,
        pid_zero_is_the_calling_process,
        each_pair_of_masks_moves_pages_where_migrate_pages_moves_them,
        statistics_are_of_pages_that_were_on_old_nodes,
        huge_pages_shared_pages_and_pinned_pages_are_counted_separately,
        no_old_nodes_move_nothing,
        no_new_nodes_are_einval,
        old_nodes_that_do_not_exist_have_nothing_to_move,
        only_new_nodes_that_do_not_exist_are_an_error,
        no_such_process_is_esrch,
        a_process_of_another_user_is_eperm,
        a_process_of_the_same_user_is_allowed,
        progress_is_reported_repeatedly_and_at_the_end,
        a_nonzero_return_value_cancels_the_move,
        a_process_that_ends_half_way_yields_the_statistics_until_then,
        a_process_that_ends_at_any_time_is_esrch_only_if_nothing_was_moved,
        a_process_that_maps_unmaps_and_forks_meanwhile_is_moved,
        a_page_at_two_addresses_moves_once_even_if_targets_are_old_nodes_too,
        a_full_node_is_enomem_with_true_statistics,
        NULL });
}

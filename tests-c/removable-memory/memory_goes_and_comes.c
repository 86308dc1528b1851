/* Memory goes offline and online again while the program runs, at last all memory of a node: what each call returns then. */
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"
#include "pages.h"

/* The node whose memory can be taken offline, all of it, in blocks. */
enum { NODE = 2, BLOCKS = 4, PAGES = 200 };

/* Returns the size of a block of memory that can go offline. */
static long long block(void)
{
    long long bytes = 0;
    FILE *file = fopen("/sys/devices/system/memory/block_size_bytes", "r");
    require(file != NULL && fscanf(file, "%llx", (unsigned long long *)&bytes) == 1);
    fclose(file);
    return bytes;
}

static void assert_memory_is(long long bytes)
{
    long long free_bytes = -1;
    long free_again = -1;
    assert_returns(numa_node_size64(NODE, &free_bytes), bytes);
    expect(free_bytes >= 0 && free_bytes <= bytes, "%lld of %lld bytes are free", free_bytes, bytes);
    assert_returns(numa_node_size(NODE, &free_again), bytes);
}

START_TEST(memory_that_goes_offline_and_online_is_seen_at_once)
{
    assert_memory_is(BLOCKS * block());
    ck_assert_int_eq(set_memory_online(NODE, 1, false), 1);
    assert_memory_is((BLOCKS - 1) * block());
    ck_assert_int_eq(numa_num_configured_nodes(), 3);
    ck_assert_int_eq(set_memory_online(NODE, ALL_BLOCKS, true), 1);
    assert_memory_is(BLOCKS * block());
}
END_TEST

static char output[1024];

static void use_the_node(void)
{
    numa_set_preferred(NODE);
    char *memory = numa_alloc_onnode(page_size(), NODE);
    require(memory != NULL);
    memory[0] = 1;
    require(node_of(memory) == 0 || node_of(memory) == 1);
    numa_free(memory, page_size());
}

static void spread_memory(void)
{
    char *memory = numa_alloc_interleaved(8 * page_size());
    require(memory != NULL);
    memset(memory, 1, 8 * page_size());
    require(count_on_node(memory, 8, 0) == 4 && count_on_node(memory, 8, 1) == 4);
}

START_TEST(a_node_whose_memory_is_offline_has_none_and_no_page_can_be_placed_there)
{
    struct bitmask *node = numa_bitmask_setbit(numa_allocate_nodemask(), NODE), *other = numa_allocate_nodemask();
    numa_bitmask_setbit(other, 0);
    char *page = pages_on_node(1, 0);
    void *pages[] = { page };
    const int target = NODE;
    int status = NOT_WRITTEN;
    require(numa_available() == 0);
    for (int time = 0; time < 2; time++) {
        ck_assert_int_eq(set_memory_online(NODE, ALL_BLOCKS, false), BLOCKS);
        assert_memory_is(0);
        /* From the last reading. */
        ck_assert_int_eq(numa_num_configured_nodes(), 3);
        numa_node_to_cpu_update();
        ck_assert_int_eq(numa_num_configured_nodes(), 2);
        ck_assert_uint_eq(members(numa_get_mems_allowed()), 3);
        /* The node still exists, without memory. */
        ck_assert_int_eq(numa_max_node(), NODE);
        assert_returns(numa_distance(0, NODE), 20);
        assert_returns(numa_distance(NODE, NODE), 10);
        struct bitmask *cpus = numa_allocate_cpumask();
        assert_returns(numa_node_to_cpus(NODE, cpus), 0);
        ck_assert_uint_eq(members(cpus), 0);

        assert_fails(move_pages(0, 1, pages, &target, &status, MPOL_MF_MOVE), ENODEV);
        assert_fails(numa_move_pages(0, 1, pages, &target, &status, MPOL_MF_MOVE), ENODEV);
        assert_fails(numars_move_pages(0, 1, pages, &target, &status, NULL, NULL), ENODEV);
        assert_fails(numars_move_range(0, page, page_size(), NODE, NULL, NULL), ENODEV);
        assert_fails(numars_move_process(0, other, node, NULL, NULL), ENODEV);
        assert_fails(numars_set_membind(node), EINVAL);
        assert_fails(numars_set_preferred(NODE), EINVAL);
        assert_fails(numars_bind(node), EINVAL);
        assert_fails(numars_tonode_memory(page, page_size(), NODE), EINVAL);
        assert_fails(numa_migrate_pages(0, other, node), EINVAL);
        ck_assert_int_eq(node_of(page), 0);
        ck_assert_int_eq(run_in_child(use_the_node, output, sizeof output), 0);
        ck_assert_str_eq(output, "set_mempolicy: Invalid argument\nmbind: Invalid argument\n");
        ck_assert_int_eq(run_in_child(spread_memory, output, sizeof output), 0);
        ck_assert_str_eq(output, "");

        ck_assert_int_eq(set_memory_online(NODE, ALL_BLOCKS, true), BLOCKS);
        assert_memory_is(BLOCKS * block());
        ck_assert_int_eq(numa_num_configured_nodes(), 2);
        numa_node_to_cpu_update();
        ck_assert_int_eq(numa_num_configured_nodes(), 3);
        ck_assert_uint_eq(members(numa_get_mems_allowed()), 7);
        assert_returns(numars_set_membind(node), 0);
        assert_returns(numars_set_localalloc(), 0);
        assert_returns(numa_move_pages(0, 1, pages, &target, &status, MPOL_MF_MOVE), 0);
        ck_assert_int_eq(status, NODE);
        assert_returns(numars_move_range(0, page, page_size(), 0, NULL, NULL), 0);
    }
    numa_bitmask_free(node);
    numa_bitmask_free(other);
}
END_TEST

START_TEST(pages_on_memory_that_goes_offline_are_moved_and_keep_their_contents)
{
    char *pages = pages_on_node(PAGES, NODE);
    ck_assert_int_eq(set_memory_online(NODE, ALL_BLOCKS, false), BLOCKS);
    unsigned long on_node[3];
    assert_returns(numars_count_pages(0, pages, PAGES * page_size(), on_node, 3), PAGES);
    ck_assert_uint_eq(on_node[0] + on_node[1], PAGES);
    ck_assert_uint_eq(on_node[NODE], 0);
    ck_assert(pages_keep_contents(pages, PAGES));
    ck_assert_int_eq(set_memory_online(NODE, ALL_BLOCKS, true), BLOCKS);
    assert_returns(numars_move_range(0, pages, PAGES * page_size(), NODE, NULL, NULL), 0);
    ck_assert(pages_keep_contents(pages, PAGES));
}
END_TEST

static void *take_away_and_give_back(void *enough)
{
    for (bool online = false; !*(const volatile bool *)enough; online = !online)
        set_memory_online(NODE, BLOCKS / 2, online);
    set_memory_online(NODE, ALL_BLOCKS, true);
    return NULL;
}

START_TEST(moving_while_memory_goes_offline_and_online_yields_a_result_or_an_error)
{
    enum { MANY = 600, CALLS = 10 };
    const struct timespec moment = { .tv_nsec = 20 * 1000 * 1000 };
    volatile bool enough = false;
    char *pages = pages_on_node(MANY, 0);
    pthread_t thread;
    size_t went = 0;
    require(pthread_create(&thread, NULL, take_away_and_give_back, (void *)&enough) == 0);
    for (int call = 0; call < CALLS; call++) {
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        const long stayed = numars_move_range(0, pages, MANY * page_size(), call % 2 == 0 ? NODE : 1, NULL, &stats);
        const int error = errno;
        expect((stayed >= 0 && stayed <= MANY) || (stayed == -1 && (error == ENODEV || error == ENOMEM || error == EACCES)),
               "call %d: returned %ld, errno %d (%s)", call, stayed, error, strerror(error));
        /* Pages that the kernel is moving off the node are absent for a moment. */
        went += stats.moved;
        nanosleep(&moment, NULL);
    }
    enough = true;
    require(pthread_join(thread, NULL) == 0);
    ck_assert_uint_gt(went, 0);
    ck_assert_uint_eq(numars_count_pages(0, pages, MANY * page_size(), NULL, 0), MANY);
    ck_assert(pages_keep_contents(pages, MANY));
    assert_returns(numars_move_range(0, pages, MANY * page_size(), NODE, NULL, NULL), 0);
    ck_assert_uint_eq(count_on_node(pages, MAX_PAGES, NODE), MAX_PAGES);
}
END_TEST

/* Runs outside of a test: the program was started while the memory was offline. */
static int started_without_the_memory(void)
{
    int wrong = 0;
#define expect_true(condition) (wrong += !(condition) && fprintf(stderr, "not true: %s (errno %d)\n", #condition, errno))
    struct bitmask *node = numa_parse_nodestring("2"), *all = numa_parse_nodestring("0-2");
    expect_true(numa_num_task_nodes() == 2 && !numa_bitmask_isbitset(numa_all_nodes_ptr, NODE));
    /* It can be named, and the kernel decides. */
    expect_true(node != NULL && all != NULL);
    expect_true(numars_set_membind(node) == -1 && errno == EINVAL);
    expect_true(numars_set_membind(all) == 0);
    expect_true(numars_set_localalloc() == 0);
    expect_true(set_memory_online(NODE, ALL_BLOCKS, true) == BLOCKS);
    expect_true(numars_set_membind(node) == 0);
    expect_true(numars_set_localalloc() == 0);
    /* For a number out of range, the library asks the kernel which nodes exist now. */
    expect_true(numa_parse_nodestring("3") == NULL);
    expect_true(numa_bitmask_isbitset(numa_all_nodes_ptr, NODE) && numa_num_task_nodes() == 3);
    return wrong;
}

START_TEST(a_node_whose_memory_was_offline_at_the_start_can_be_named_and_used_later)
{
    ck_assert_int_eq(set_memory_online(NODE, ALL_BLOCKS, false), BLOCKS);
    const pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "memory_goes_and_comes", "started", NULL);
        _exit(127);
    }
    int status = -1;
    require(child > 0 && waitpid(child, &status, 0) == child);
    set_memory_online(NODE, ALL_BLOCKS, true);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
}
END_TEST

int main(int count, char **arguments)
{
    (void)arguments;
    if (count == 2)
        return started_without_the_memory();
    const int result = run_tests("memory_goes_and_comes", (const TTest *[]){
        memory_that_goes_offline_and_online_is_seen_at_once,
        a_node_whose_memory_is_offline_has_none_and_no_page_can_be_placed_there,
        pages_on_memory_that_goes_offline_are_moved_and_keep_their_contents,
        moving_while_memory_goes_offline_and_online_yields_a_result_or_an_error,
        a_node_whose_memory_was_offline_at_the_start_can_be_named_and_used_later,
        NULL });
    bring_all_online();
    return result;
}

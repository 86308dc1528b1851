/* CPUs go offline and online again, and the cpuset shrinks and grows, while the program runs: what each call returns then. */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"
#include "pages.h"
#include "syscall_filter.h"

/* One CPU per node, with the node's number. */
enum { LAST = 3 };

static unsigned long cpus_of(int node)
{
    struct bitmask *cpus = numa_allocate_cpumask();
    assert_returns(numa_node_to_cpus(node, cpus), 0);
    return members(cpus);
}

/* Receives what `call` prints on standard error in a child process, which must exit successfully. */
static char output[1024];
#define assert_says(call, text)                                           \
    do {                                                                  \
        ck_assert_int_eq(run_in_child((call), output, sizeof output), 0); \
        ck_assert_str_eq(output, (text));                                 \
    } while (0)

/* CPUs. */

START_TEST(a_cpu_that_goes_offline_and_online_is_seen_after_an_update)
{
    ck_assert_int_eq(numa_node_of_cpu(LAST), LAST);
    ck_assert_uint_eq(cpus_of(LAST), mask(LAST));
    set_cpu_online(LAST, false);
    /* Cached until an update, as documented in numa(3). */
    ck_assert_int_eq(numa_node_of_cpu(LAST), LAST);
    ck_assert_uint_eq(cpus_of(LAST), mask(LAST));
    numa_node_to_cpu_update();
    assert_fails(numa_node_of_cpu(LAST), EINVAL);
    ck_assert_uint_eq(cpus_of(LAST), 0);
    for (int other = 0; other < LAST; other++) {
        assert_returns(numa_node_of_cpu(other), other);
        ck_assert_uint_eq(cpus_of(other), mask(other));
    }
    set_cpu_online(LAST, true);
    numa_node_to_cpu_update();
    assert_returns(numa_node_of_cpu(LAST), LAST);
    ck_assert_uint_eq(cpus_of(LAST), mask(LAST));
}
END_TEST

/* Possible first calls of a process after the last CPU came online, which it knows to have been offline. */
static void query_node(void)
{
    assert_returns(numa_node_of_cpu(LAST), LAST);
}

static void query_cpus_there(void)
{
    cpu_set_t last;
    CPU_ZERO(&last);
    CPU_SET(LAST, &last);
    require(sched_setaffinity(0, sizeof last, &last) == 0);
    ck_assert_uint_eq(cpus_of(LAST), mask(LAST));
}

static void ask_for_nodes_to_run_on(void)
{
    ck_assert_uint_eq(members(numa_get_run_node_mask()), 0xf);
}

static void run_there(void)
{
    assert_returns(numa_run_on_node(LAST), 0);
    ck_assert_int_eq(sched_getcpu(), LAST);
}

static void run_there_by_mask(void)
{
    struct bitmask *last = numa_bitmask_setbit(numa_allocate_nodemask(), LAST);
    assert_returns(numa_run_on_node_mask(last), 0);
    ck_assert_int_eq(sched_getcpu(), LAST);
}

static void bind_there(void)
{
    numa_bind(numa_bitmask_setbit(numa_allocate_nodemask(), LAST));
    ck_assert_int_eq(sched_getcpu(), LAST);
}

START_TEST(a_cpu_that_comes_online_is_seen_by_the_first_call_whichever_it_is)
{
    void (*const calls[])(void) = { query_node,      query_cpus_there, ask_for_nodes_to_run_on, run_there,
                                    run_there_by_mask, bind_there };
    set_cpu_online(LAST, false);
    assert_fails(numa_node_of_cpu(LAST), EINVAL);
    ck_assert_uint_eq(cpus_of(LAST), 0);
    set_cpu_online(LAST, true);
    for (size_t call = 0; call < sizeof calls / sizeof *calls; call++)
        assert_says(calls[call], "");
}
END_TEST

/* Its files cannot be read, but getcpu(2) returns where the thread runs. */
START_TEST(the_cpu_that_a_thread_runs_on_has_its_node_even_if_no_file_names_it)
{
    require(unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    require(mount("none", "/sys", "tmpfs", 0, NULL) == 0);
    cpu_set_t last;
    CPU_ZERO(&last);
    CPU_SET(LAST, &last);
    require(sched_setaffinity(0, sizeof last, &last) == 0);
    assert_returns(numa_node_of_cpu(LAST), LAST);
    assert_fails(numa_node_of_cpu(0), EINVAL);
}
END_TEST

static void run_on_last_node_and_the_first(void)
{
    require(numa_run_on_node_mask(numa_parse_nodestring("0,3")) == 0);
    require(members(numa_get_run_node_mask()) == mask(0));
}

START_TEST(a_node_whose_cpus_are_offline_runs_nothing_but_has_memory)
{
    for (int update = 0; update < 2; update++) {
        set_cpu_online(LAST, false);
        if (update)
            numa_node_to_cpu_update();
        assert_fails(numa_run_on_node(LAST), EINVAL);
        ck_assert_uint_eq(members(numa_get_run_node_mask()), mask(0) | mask(1) | mask(2));
        assert_says(run_on_last_node_and_the_first, "");
        struct bitmask *last = numa_bitmask_setbit(numa_allocate_nodemask(), LAST);
        assert_fails(numars_bind(last), EINVAL);
        numa_bitmask_free(last);
        ck_assert_int_eq(numa_num_configured_cpus(), 4);
        ck_assert_int_eq(numa_num_configured_nodes(), 4);
        ck_assert_int_eq(numa_max_node(), LAST);
        ck_assert_int_gt(numa_node_size64(LAST, NULL), 0);
        char *page = pages_on_node(1, 0);
        void *pages[] = { page };
        int target = LAST, status = NOT_WRITTEN;
        assert_returns(numa_move_pages(0, 1, pages, &target, &status, MPOL_MF_MOVE), 0);
        ck_assert_int_eq(status, LAST);
        set_cpu_online(LAST, true);
    }
    numa_node_to_cpu_update();
    assert_returns(numa_run_on_node(LAST), 0);
    ck_assert_uint_eq(members(numa_get_run_node_mask()), mask(LAST));
}
END_TEST

/* The list of the last node's CPUs, and how this process replaces it. */
static const char LIST_OF_LAST[] = "/sys/devices/system/node/node3/cpulist";

static void replace_list(const char *path)
{
    require(mount(path, LIST_OF_LAST, NULL, MS_BIND, NULL) == 0);
}

/* A thread that the kernel suspends each time it closes a file, until this process lets it continue. */
struct suspended_thread {
    pthread_t thread;
    atomic_int listener; /* where the kernel notifies; -1: not created yet */
    atomic_bool done;
    int result;
};

static void *query_last_cpu(void *argument)
{
    struct suspended_thread *suspended = argument;
    suspended->listener = supervise_with_listener((const int[]){ SYS_close }, 1);
    suspended->result = numa_node_of_cpu(LAST);
    suspended->done = true;
    return NULL;
}

/* Waits until the thread is suspended. Returns false if it has finished and closed all files. */
static bool wait_for_close(struct suspended_thread *suspended, struct seccomp_notif *notification)
{
    while (!suspended->done) {
        struct pollfd ready = { suspended->listener, POLLIN, 0 };
        if (suspended->listener < 0 || poll(&ready, 1, 10) <= 0 || !(ready.revents & POLLIN))
            continue;
        memset(notification, 0, sizeof *notification);
        require(ioctl(suspended->listener, (int)SECCOMP_IOCTL_NOTIF_RECV, notification) == 0);
        return true;
    }
    return false;
}

static void continue_close(const struct suspended_thread *suspended, const struct seccomp_notif *notification)
{
    struct seccomp_notif_resp response = { .id = notification->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
    require(ioctl(suspended->listener, (int)SECCOMP_IOCTL_NOTIF_SEND, &response) == 0);
}

/* Returns true if the thread is about to close the list. */
static bool closes_the_list(const struct seccomp_notif *notification)
{
    char link[64], path[256] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", (int)notification->data.args[0]);
    return readlink(link, path, sizeof path - 1) > 0 && strcmp(path, LIST_OF_LAST) == 0;
}

/* A thread reads the list while the CPU is online, and is suspended; then the CPU goes offline. The update comes before or after the end of
 * the thread's work. */
static void assert_update_is_not_lost(bool ask_before_the_thread_is_done)
{
    char empty[] = "/tmp/numars-test-XXXXXX";
    struct suspended_thread suspended = { .listener = -1 };
    struct seccomp_notif notification;
    require(unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    require(close(mkstemp(empty)) == 0);
    /* Not on the last CPU, whose node getcpu(2) would return. */
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    require(sched_setaffinity(0, sizeof first, &first) == 0);

    require(pthread_create(&suspended.thread, NULL, query_last_cpu, &suspended) == 0);
    bool is_held;
    while ((is_held = wait_for_close(&suspended, &notification)) && !closes_the_list(&notification))
        continue_close(&suspended, &notification);
    require(is_held);

    replace_list(empty);
    numa_node_to_cpu_update();
    if (ask_before_the_thread_is_done)
        assert_fails(numa_node_of_cpu(LAST), EINVAL);
    do
        continue_close(&suspended, &notification);
    while (wait_for_close(&suspended, &notification));
    require(pthread_join(suspended.thread, NULL) == 0);
    /* The update has read newer data than the thread. */
    ck_assert_int_eq(suspended.result, -1);
    assert_fails(numa_node_of_cpu(LAST), EINVAL);
    ck_assert_uint_eq(cpus_of(LAST), 0);
    assert_returns(numa_node_of_cpu(0), 0);

    require(close(suspended.listener) == 0 && unlink(empty) == 0);
}

START_TEST(an_update_is_not_lost_to_a_concurrent_reader)
{
    assert_update_is_not_lost(false);
}
END_TEST

START_TEST(the_result_of_an_update_is_not_overwritten_by_an_earlier_reader)
{
    assert_update_is_not_lost(true);
}
END_TEST

static void *ask_and_update(void *argument)
{
    const volatile bool *enough = argument;
    while (!*enough) {
        numa_node_to_cpu_update();
        for (int cpu = 0; cpu < LAST; cpu++)
            expect(numa_node_of_cpu(cpu) == cpu, "CPU %d is on node %d", cpu, numa_node_of_cpu(cpu));
        ck_assert_uint_eq(cpus_of(1), mask(1));
        ck_assert_uint_eq(cpus_of(LAST) & ~mask(LAST), 0);
    }
    return NULL;
}

START_TEST(threads_see_the_other_cpus_unchanged_while_one_goes_offline_and_online)
{
    enum { THREADS = 4, TIMES = 6 };
    volatile bool enough = false;
    pthread_t threads[THREADS];
    for (int thread = 0; thread < THREADS; thread++)
        require(pthread_create(&threads[thread], NULL, ask_and_update, (void *)&enough) == 0);
    for (int time = 0; time < TIMES; time++) {
        set_cpu_online(LAST, time % 2 != 0);
        numa_node_to_cpu_update();
        ck_assert_int_eq(numa_node_of_cpu(LAST), time % 2 != 0 ? LAST : -1);
    }
    enough = true;
    for (int thread = 0; thread < THREADS; thread++)
        require(pthread_join(threads[thread], NULL) == 0);
}
END_TEST

/* Cpusets. */

static void use_last_node(void)
{
    numa_set_preferred(LAST);
    char *memory = numa_alloc_onnode(page_size(), LAST);
    require(memory != NULL);
    memory[0] = 1;
    require(node_of(memory) != LAST);
    numa_free(memory, page_size());
}

START_TEST(memory_nodes_that_the_cpuset_loses_and_regains_are_seen_at_once)
{
    enter_cpuset("0-3");
    char *page = pages_on_node(1, 0);
    void *pages[] = { page };
    int status = NOT_WRITTEN;
    const int target = LAST;
    struct bitmask *last = numa_bitmask_setbit(numa_allocate_nodemask(), LAST);
    for (int time = 0; time < 3; time++) {
        change_cpuset("cpuset.mems", "0-1");
        ck_assert_uint_eq(members(numa_get_mems_allowed()), mask(0) | mask(1));
        assert_fails(numars_set_membind(last), EINVAL);
        assert_fails(numars_tonode_memory(page, page_size(), LAST), EINVAL);
        assert_fails(numa_move_pages(0, 1, pages, &target, &status, MPOL_MF_MOVE), EACCES);
        assert_fails(numars_move_range(0, page, page_size(), LAST, NULL, NULL), EACCES);
        assert_says(use_last_node, "set_mempolicy: Invalid argument\nmbind: Invalid argument\n");
        /* What the program was allowed to use when it started, and what the machine has. */
        ck_assert_int_eq(numa_num_task_nodes(), 4);
        ck_assert_int_eq(numa_num_configured_nodes(), 4);
        ck_assert_int_gt(numa_node_size64(LAST, NULL), 0);

        change_cpuset("cpuset.mems", "0-3");
        ck_assert_uint_eq(members(numa_get_mems_allowed()), 0xf);
        assert_returns(numars_set_membind(last), 0);
        ck_assert_uint_eq(members(numa_get_membind()), mask(LAST));
        assert_returns(numars_set_localalloc(), 0);
        assert_returns(numa_move_pages(0, 1, pages, &target, &status, MPOL_MF_MOVE), 0);
        ck_assert_int_eq(status, LAST);
        assert_returns(numars_move_range(0, page, page_size(), 0, NULL, NULL), 0);
    }
    leave_cpuset();
}
END_TEST

static void spread_memory(void)
{
    char *memory = numa_alloc_interleaved(8 * page_size());
    require(memory != NULL);
    memset(memory, 1, 8 * page_size());
    ck_assert_uint_eq(count_on_node(memory, 8, 2) + count_on_node(memory, 8, LAST), 8);
    ck_assert_uint_eq(count_on_node(memory, 8, 2), 4);
}

START_TEST(memory_is_interleaved_over_the_nodes_that_remain_in_the_cpuset)
{
    enter_cpuset("0-3");
    change_cpuset("cpuset.mems", "2-3");
    assert_says(spread_memory, "");
    leave_cpuset();
}
END_TEST

/* What the kernel does, as docs/guide/containers.md describes it. */
START_TEST(pages_and_policies_follow_a_cpuset_that_gets_narrower_and_stay_when_it_gets_wider)
{
    enum { PAGES = 4 };
    enter_cpuset("0-2");
    assert_returns(numars_set_membind(numa_bitmask_setbit(numa_allocate_nodemask(), 2)), 0);
    char *pages = map_pages(PAGES);
    memset(pages, 1, PAGES * page_size());
    require(count_on_node(pages, PAGES, 2) == PAGES);
    change_cpuset("cpuset.mems", "0-1");
    /* 5.10, the only older kernel that was tried, leaves pages where they are. */
    const int node = kernel_before(6, 1) ? 2 : 0;
    ck_assert_uint_eq(count_on_node(pages, PAGES, node), PAGES);
    ck_assert_uint_eq(members(numa_get_membind()), mask(0));
    change_cpuset("cpuset.mems", "0-2");
    ck_assert_uint_eq(count_on_node(pages, PAGES, node), PAGES);
    ck_assert_uint_eq(members(numa_get_membind()), mask(0));
    leave_cpuset();
}
END_TEST

START_TEST(cpus_that_the_cpuset_loses_and_regains_are_seen_at_once)
{
    enter_cpuset("0-3");
    for (int time = 0; time < 3; time++) {
        change_cpuset("cpuset.cpus", "0-1");
        ck_assert_uint_eq(members(numa_get_run_node_mask()), mask(0) | mask(1));
        assert_fails(numa_run_on_node(LAST), EINVAL);
        assert_returns(numa_run_on_node(1), 0);
        ck_assert_uint_eq(members(numa_get_run_node_mask()), mask(1));
        assert_returns(numa_run_on_node(-1), 0);
        ck_assert_uint_eq(members(numa_get_run_node_mask()), mask(0) | mask(1));
        /* These describe the machine, and the state at the program's start. */
        ck_assert_uint_eq(cpus_of(LAST), mask(LAST));
        ck_assert_int_eq(numa_node_of_cpu(LAST), LAST);
        ck_assert_int_eq(numa_num_task_cpus(), 4);

        change_cpuset("cpuset.cpus", "0-3");
        assert_returns(numa_run_on_node(LAST), 0);
        assert_returns(numa_run_on_node(-1), 0);
        ck_assert_uint_eq(members(numa_get_run_node_mask()), 0xf);
    }
    leave_cpuset();
}
END_TEST

/* The library's sets describe the program's start, so the program is started again inside the cpuset. */
static void run_in_cpuset(const char *mems, const char *cpus, const char *test)
{
    enter_cpuset("0-3");
    change_cpuset("cpuset.mems", mems);
    change_cpuset("cpuset.cpus", cpus);
    const pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "cpus_and_cpusets_change", test, NULL);
        _exit(127);
    }
    int status = -1;
    require(child > 0 && waitpid(child, &status, 0) == child);
    leave_cpuset();
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x: %s", (unsigned)status, test);
}

/* Runs outside of a test. */
#define check(condition)                                                     \
    do {                                                                     \
        if (!(condition)) {                                                  \
            fprintf(stderr, "not true: %s (errno %d)\n", #condition, errno); \
            exit(EXIT_FAILURE);                                              \
        }                                                                    \
    } while (0)

/* Widens the cpuset of the process through files that are opened before it loses access to files. */
static void widen_own_cpuset(bool without_files)
{
    char group[256], path[512];
    int files[2];
    FILE *file = fopen("/proc/self/cgroup", "r");
    check(file != NULL && fscanf(file, "0::%255s", group) == 1 && fclose(file) == 0);
    static const char *const names[] = { "mems", "cpus" };
    for (size_t name = 0; name < 2; name++) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpuset.%s", group, names[name]);
        check((files[name] = open(path, O_WRONLY)) >= 0);
    }
    if (without_files) {
        char folder[] = "/tmp/numars-test-XXXXXX";
        check(mkdtemp(folder) != NULL && chroot(folder) == 0 && chdir("/") == 0);
    }
    for (size_t name = 0; name < 2; name++)
        check(write(files[name], "0-3", 3) == 3 && close(files[name]) == 0);
}

static bool names(const char *list, unsigned long nodes)
{
    struct bitmask *set = numa_parse_nodestring(list);
    return set != NULL && members(set) == nodes;
}

/* CPUs of nodes 0 to 3, memory of nodes 1 to 3. */
static void cpus_without_their_memory(void)
{
    struct bitmask *zero = numa_bitmask_setbit(numa_allocate_nodemask(), 0);
    check(members(numa_all_nodes_ptr) == 0xe);
    check(members(numa_get_run_node_mask()) == 0xe);
    check(numa_run_on_node(0) == 0);
    check(members(numa_get_run_node_mask()) == mask(0));
    check(numa_run_on_node(-1) == 0);
    check(numa_run_on_node_mask(zero) == 0 && sched_getcpu() == 0);
    check(members(numa_get_run_node_mask()) == mask(0));
    check(names("0", mask(0)) && names("0-3", 0xf) && names("all", 0xe) && names("!0", 0xe));
    errno = 0;
    check(numars_set_membind(zero) == -1 && errno == EINVAL);
}

START_TEST(cpus_of_nodes_whose_memory_the_cpuset_denies_can_be_named_and_run_on)
{
    run_in_cpuset("1-3", "0-3", "cpus_without_their_memory");
}
END_TEST

/* Nodes 0 and 1 at the start, later all. */
static void widen(bool without_files)
{
    check(members(numa_all_nodes_ptr) == 3 && numa_num_task_nodes() == 2 && numa_num_task_cpus() == 2);
    check(numa_parse_nodestring("3") == NULL && numa_parse_cpustring("3") == NULL);
    widen_own_cpuset(without_files);
    check(names("3", mask(3)));
    check(members(numa_all_nodes_ptr) == 0xf && numa_num_task_nodes() == 4);
    struct bitmask *cpus = numa_parse_cpustring("2-3");
    check(cpus != NULL && members(cpus) == (mask(2) | mask(3)));
    check(numa_num_task_cpus() == 4);
    struct bitmask *last = numa_bitmask_setbit(numa_allocate_nodemask(), 3);
    check(numa_run_on_node_mask(last) == 0 && sched_getcpu() == 3);
}

static void widened(void)
{
    widen(false);
}

static void widened_without_files(void)
{
    widen(true);
}

START_TEST(nodes_and_cpus_that_a_cpuset_gains_can_be_named)
{
    run_in_cpuset("0-1", "0-1", "widened");
    run_in_cpuset("0-1", "0-1", "widened_without_files");
}
END_TEST

int main(int count, char **arguments)
{
    if (count == 2) {
        if (strcmp(arguments[1], "widened") == 0)
            widened();
        else if (strcmp(arguments[1], "widened_without_files") == 0)
            widened_without_files();
        else
            cpus_without_their_memory();
        return EXIT_SUCCESS;
    }
    const int result = run_tests("cpus_and_cpusets_change", (const TTest *[]){
        a_cpu_that_goes_offline_and_online_is_seen_after_an_update,
        a_cpu_that_comes_online_is_seen_by_the_first_call_whichever_it_is,
        the_cpu_that_a_thread_runs_on_has_its_node_even_if_no_file_names_it,
        a_node_whose_cpus_are_offline_runs_nothing_but_has_memory,
        an_update_is_not_lost_to_a_concurrent_reader,
        the_result_of_an_update_is_not_overwritten_by_an_earlier_reader,
        threads_see_the_other_cpus_unchanged_while_one_goes_offline_and_online,
        memory_nodes_that_the_cpuset_loses_and_regains_are_seen_at_once,
        memory_is_interleaved_over_the_nodes_that_remain_in_the_cpuset,
        pages_and_policies_follow_a_cpuset_that_gets_narrower_and_stay_when_it_gets_wider,
        cpus_that_the_cpuset_loses_and_regains_are_seen_at_once,
        cpus_of_nodes_whose_memory_the_cpuset_denies_can_be_named_and_run_on,
        nodes_and_cpus_that_a_cpuset_gains_can_be_named,
        NULL });
    bring_all_online();
    return result;
}

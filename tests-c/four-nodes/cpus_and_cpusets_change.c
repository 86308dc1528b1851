/* CPUs go offline and come back, and the cpuset shrinks and grows, while the program runs: what each call then says. */
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

/* One CPU for each node, of the same number. */
enum { LAST = 3 };

static unsigned long cpus_of(int node)
{
    struct bitmask *cpus = numa_allocate_cpumask();
    assert_returns(numa_node_to_cpus(node, cpus), 0);
    return members(cpus);
}

/* What `call` says to standard error, in a process of its own, which must end well. */
static char output[1024];
#define assert_says(call, text)                                         \
    do {                                                                \
        ck_assert_int_eq(run_in_child((call), output, sizeof output), 0);  \
        ck_assert_str_eq(output, (text));                               \
    } while (0)

/* CPUs. */

START_TEST(a_cpu_that_goes_and_comes_is_seen_after_an_update)
{
    ck_assert_int_eq(numa_node_of_cpu(LAST), LAST);
    ck_assert_uint_eq(cpus_of(LAST), mask(LAST));
    set_cpu_online(LAST, false);
    /* Kept, as numa(3) says, until an update. */
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

/* What a process calls first after the last CPU came online, which it knows to be offline. */
static void ask_for_node(void)
{
    assert_returns(numa_node_of_cpu(LAST), LAST);
}

static void ask_for_cpus_there(void)
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

START_TEST(a_cpu_that_comes_online_is_seen_by_each_call_that_is_the_first)
{
    void (*const calls[])(void) = { ask_for_node,      ask_for_cpus_there, ask_for_nodes_to_run_on, run_there,
                                    run_there_by_mask, bind_there };
    set_cpu_online(LAST, false);
    assert_fails(numa_node_of_cpu(LAST), EINVAL);
    ck_assert_uint_eq(cpus_of(LAST), 0);
    set_cpu_online(LAST, true);
    for (size_t call = 0; call < sizeof calls / sizeof *calls; call++)
        assert_says(calls[call], "");
}
END_TEST

/* Its files can't be read, but getcpu(2) says where the thread is. */
START_TEST(the_cpu_that_a_thread_runs_on_has_its_node_even_if_no_file_says_so)
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

START_TEST(on_a_node_whose_cpus_are_offline_nothing_runs_but_its_memory_is_there)
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

/* Something else in place of the list of the last node's CPUs, for this process. */
static const char LIST_OF_LAST[] = "/sys/devices/system/node/node3/cpulist";

static void put_in_place_of_list(const char *path)
{
    require(mount(path, LIST_OF_LAST, NULL, MS_BIND, NULL) == 0);
}

/* A thread that the kernel holds up each time it closes a file, until this process says that it may. */
struct held_thread {
    pthread_t thread;
    atomic_int listener; /* where the kernel asks; -1: not there yet */
    atomic_bool done;
    int answer;
};

static void *ask_for_last_cpu(void *argument)
{
    struct held_thread *held = argument;
    struct sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { sizeof instructions / sizeof *instructions, instructions };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        held->listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    held->answer = numa_node_of_cpu(LAST);
    held->done = true;
    return NULL;
}

/* Waits until the thread is held up; false: it is done, and has closed all files. */
static bool wait_for_close(struct held_thread *held, struct seccomp_notif *notification)
{
    while (!held->done) {
        struct pollfd asked = { held->listener, POLLIN, 0 };
        if (held->listener < 0 || poll(&asked, 1, 10) <= 0 || !(asked.revents & POLLIN))
            continue;
        memset(notification, 0, sizeof *notification);
        require(ioctl(held->listener, SECCOMP_IOCTL_NOTIF_RECV, notification) == 0);
        return true;
    }
    return false;
}

static void let_close(const struct held_thread *held, const struct seccomp_notif *notification)
{
    struct seccomp_notif_resp response = { .id = notification->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
    require(ioctl(held->listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0);
}

/* Is it the list that the thread is about to close? */
static bool closes_the_list(const struct seccomp_notif *notification)
{
    char link[64], path[256] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", (int)notification->data.args[0]);
    return readlink(link, path, sizeof path - 1) > 0 && strcmp(path, LIST_OF_LAST) == 0;
}

/* A thread reads the list while the CPU is online, and is held up; the CPU goes, and the update is before or after the end of the
 * thread's work. */
static void assert_update_is_not_lost(bool ask_before_the_thread_is_done)
{
    char empty[] = "/tmp/numars-test-XXXXXX";
    struct held_thread held = { .listener = -1 };
    struct seccomp_notif notification;
    require(unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    require(close(mkstemp(empty)) == 0);
    /* Not on the last CPU, whose node getcpu(2) would tell. */
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    require(sched_setaffinity(0, sizeof first, &first) == 0);

    require(pthread_create(&held.thread, NULL, ask_for_last_cpu, &held) == 0);
    bool is_held;
    while ((is_held = wait_for_close(&held, &notification)) && !closes_the_list(&notification))
        let_close(&held, &notification);
    require(is_held);

    put_in_place_of_list(empty);
    numa_node_to_cpu_update();
    if (ask_before_the_thread_is_done)
        assert_fails(numa_node_of_cpu(LAST), EINVAL);
    do
        let_close(&held, &notification);
    while (wait_for_close(&held, &notification));
    require(pthread_join(held.thread, NULL) == 0);
    /* What the update found is newer than what the thread has read. */
    ck_assert_int_eq(held.answer, -1);
    assert_fails(numa_node_of_cpu(LAST), EINVAL);
    ck_assert_uint_eq(cpus_of(LAST), 0);
    assert_returns(numa_node_of_cpu(0), 0);

    require(close(held.listener) == 0 && unlink(empty) == 0);
}

START_TEST(an_update_is_not_lost_to_a_thread_that_asks_meanwhile)
{
    assert_update_is_not_lost(false);
}
END_TEST

START_TEST(what_an_update_found_is_not_overwritten_by_a_thread_that_read_before)
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

START_TEST(threads_that_ask_while_a_cpu_goes_and_comes_see_the_others_unchanged)
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

START_TEST(memory_nodes_that_the_cpuset_takes_away_and_gives_back_are_seen_at_once)
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
        /* What the program could use when it was started, and what the machine has. */
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

START_TEST(memory_is_spread_over_those_nodes_that_the_cpuset_has_left)
{
    enter_cpuset("0-3");
    change_cpuset("cpuset.mems", "2-3");
    assert_says(spread_memory, "");
    leave_cpuset();
}
END_TEST

START_TEST(cpus_that_the_cpuset_takes_away_and_gives_back_are_seen_at_once)
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
        /* These tell of the machine, and of the program's start. */
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

/* The library's sets are those of the program's start: the program is started again in the cpuset. */
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

/* Outside of a test. */
#define check(condition)                                                   \
    do {                                                                   \
        if (!(condition)) {                                                \
            fprintf(stderr, "not true: %s (errno %d)\n", #condition, errno); \
            exit(EXIT_FAILURE);                                            \
        }                                                                  \
    } while (0)

/* Widens the cpuset of the process, by files that are opened before it can see no files any more. */
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

START_TEST(cpus_of_nodes_whose_memory_the_cpuset_denies_are_named_and_run_on)
{
    run_in_cpuset("1-3", "0-3", "cpus_without_their_memory");
}
END_TEST

/* Nodes 0 and 1 at the start, then all. */
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
        a_cpu_that_goes_and_comes_is_seen_after_an_update,
        a_cpu_that_comes_online_is_seen_by_each_call_that_is_the_first,
        the_cpu_that_a_thread_runs_on_has_its_node_even_if_no_file_says_so,
        on_a_node_whose_cpus_are_offline_nothing_runs_but_its_memory_is_there,
        an_update_is_not_lost_to_a_thread_that_asks_meanwhile,
        what_an_update_found_is_not_overwritten_by_a_thread_that_read_before,
        threads_that_ask_while_a_cpu_goes_and_comes_see_the_others_unchanged,
        memory_nodes_that_the_cpuset_takes_away_and_gives_back_are_seen_at_once,
        memory_is_spread_over_those_nodes_that_the_cpuset_has_left,
        cpus_that_the_cpuset_takes_away_and_gives_back_are_seen_at_once,
        cpus_of_nodes_whose_memory_the_cpuset_denies_are_named_and_run_on,
        nodes_and_cpus_that_a_cpuset_gains_can_be_named,
        NULL });
    bring_all_online();
    return result;
}

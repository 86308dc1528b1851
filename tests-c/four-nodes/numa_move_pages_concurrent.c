/* numa_move_pages with many pages, with little memory, and under concurrent changes. */
#include <fcntl.h>
#include <numa.h>
#include <numaif.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "page_list.h"
#include "pages.h"

enum { COUNT = 300 };

static void sleep_ms(long milliseconds)
{
    const struct timespec time = { .tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000 };
    nanosleep(&time, NULL);
}

/* Large requests. */

START_TEST(many_pages_to_three_nodes_all_arrive)
{
    const size_t many = pages_within(70000, 280 << 20);
    struct page_list list = page_list_interleaved(pages_on_node(many, 0), many);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
}
END_TEST

START_TEST(pages_named_again_far_later_end_on_the_last_target)
{
    enum { TIMES = 5 };
    const size_t count = pages_within(14000, 64 << 20);
    char *pages = pages_on_node(count, 0);
    struct page_list list = page_list_with_capacity(TIMES * count);
    const int targets[TIMES] = { 1, 2, 3, 2, 1 };
    for (size_t time = 0; time < TIMES; time++)
        page_list_add_range(&list, pages, count, targets[time]);
    /* And some that are named last with their initial node. */
    for (size_t entry = list.count - 100; entry < list.count; entry++)
        list.nodes[entry] = 0;
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    ck_assert_uint_eq(count_on_node(pages, count, 1), count - 100);
    ck_assert_uint_eq(count_on_node(pages, count, 0), 100);
    assert_true_statuses(0, &list);
    ck_assert_uint_eq(page_list_with_status(&list, 1) + page_list_with_status(&list, 0), list.count);
    ck_assert(pages_keep_contents(pages, count));
}
END_TEST

START_TEST(some_pages_named_very_often_arrive)
{
    enum { PAGES = 16, REQUESTS = 200000 };
    char *pages = pages_on_node(PAGES, 0);
    struct page_list list = page_list_with_capacity(REQUESTS);
    for (size_t entry = 0; entry < REQUESTS; entry++)
        page_list_add(&list, pages + entry % PAGES * page_size(), 1);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
}
END_TEST

/* The environment of the call. */

/* This program, executed again with NUMARS_MOVE set. Its exit status reports whether the call behaved like the system call, for which the
 * second base page of a huge page is -EBUSY. */
enum { AS_THE_MOVER = 10, AS_THE_SYSTEM_CALL, AS_NEITHER };
static const char *const REPORT_WHICH = "--tell-which";
static const char *value_of_NUMARS_MOVE;
static char output[1024];

static int report_which(void)
{
    int *status = calloc(pages_per_huge_page(), sizeof *status), *nodes = calloc(pages_per_huge_page(), sizeof *nodes);
    void **pages = calloc(pages_per_huge_page(), sizeof *pages);
    char *start = aligned_alloc(huge_page_size(), huge_page_size());
    if (start == NULL || madvise(start, huge_page_size(), MADV_HUGEPAGE) != 0)
        return AS_NEITHER;
    memset(start, 1, huge_page_size());
    for (size_t page = 0; page < pages_per_huge_page(); page++)
        pages[page] = start + page * page_size();
    require(move_pages(0, 1, pages, NULL, status, 0) == 0);
    for (size_t page = 0; page < pages_per_huge_page(); page++)
        nodes[page] = (status[0] + 1) % 4;
    /* Changing it after the first call has no effect: it is read once. */
    void *const first[] = { pages[0], pages[1] };
    const int stay[] = { status[0], status[0] };
    if (numa_move_pages(0, 2, (void **)first, stay, status, MPOL_MF_MOVE) != 0)
        return AS_NEITHER;
    setenv("NUMARS_MOVE", getenv("NUMARS_MOVE") == NULL ? "kernel" : "other", 1);
    if (numa_move_pages(0, pages_per_huge_page(), pages, nodes, status, MPOL_MF_MOVE) != 0 || status[2] != nodes[2])
        return AS_NEITHER;
    return status[1] == -EBUSY ? AS_THE_SYSTEM_CALL : status[1] == nodes[1] ? AS_THE_MOVER : AS_NEITHER;
}

static void reexec_with_value(void)
{
    if (value_of_NUMARS_MOVE == NULL)
        unsetenv("NUMARS_MOVE");
    else
        setenv("NUMARS_MOVE", value_of_NUMARS_MOVE, 1);
    execl("/proc/self/exe", "numa_move_pages_concurrent", REPORT_WHICH, (char *)NULL);
    _exit(AS_NEITHER);
}

START_TEST(NUMARS_MOVE_of_kernel_makes_it_the_system_call_and_no_other_value_does)
{
    value_of_NUMARS_MOVE = NULL;
    ck_assert_int_eq(run_in_child(reexec_with_value, output, sizeof output), AS_THE_MOVER);
    value_of_NUMARS_MOVE = "kernel";
    ck_assert_int_eq(run_in_child(reexec_with_value, output, sizeof output), AS_THE_SYSTEM_CALL);
    static const char *const others[] = { "", "kernels", "kerne", "KERNEL", "1" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        value_of_NUMARS_MOVE = others[i];
        expect(run_in_child(reexec_with_value, output, sizeof output) == AS_THE_MOVER, "NUMARS_MOVE=%s", others[i]);
    }
    ck_assert_str_eq(output, "");
}
END_TEST

/* Touches the stack that a call needs, because it cannot grow under RLIMIT_AS. */
static void __attribute__((noinline)) use_stack(void)
{
    volatile char stack[256 * 1024];
    for (size_t byte = 0; byte < sizeof stack; byte += 512)
        stack[byte] = 1;
}

static void limit_address_space(size_t bytes)
{
    const struct rlimit limit = { .rlim_cur = bytes, .rlim_max = RLIM_INFINITY };
    use_stack();
    require(setrlimit(RLIMIT_AS, &limit) == 0);
}

START_TEST(pages_move_without_scratch_memory)
{
    enum { MANY = 3000 };
    struct page_list small = page_list_interleaved(pages_on_node(20, 0), 20);
    struct page_list large = page_list_interleaved(pages_on_node(MANY, 0), MANY);
    limit_address_space(page_size());
    require(mmap(NULL, page_size(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    errno = UNTOUCHED_ERRNO;
    const long returned_small = page_list_move(&small, MPOL_MF_MOVE), returned_large = page_list_move(&large, MPOL_MF_MOVE);
    const int error = errno;
    limit_address_space(RLIM_INFINITY);
    ck_assert_int_eq(returned_small, 0);
    ck_assert_int_eq(returned_large, 0);
    ck_assert_int_eq(error, UNTOUCHED_ERRNO);
    assert_all_on_target(0, &small);
    assert_all_on_target(0, &large);
}
END_TEST

START_TEST(four_megabytes_of_scratch_memory_suffice_for_any_count)
{
    enum { ENTRIES = 200000, SCRATCH = 4 * 1024 * 1024 };
    char *pages = pages_on_node(16, 0);
    char *huge = transparent_huge_page(0);
    struct page_list list = page_list_with_capacity(ENTRIES);
    while (list.count < ENTRIES - pages_per_huge_page())
        page_list_add(&list, pages + list.count % 16 * page_size(), 1);
    /* Reveals whether the mover or the system call moved them. */
    page_list_add_range(&list, huge, pages_per_huge_page(), 2);

    FILE *statm = fopen("/proc/self/statm", "r");
    size_t mapped;
    require(statm != NULL && fscanf(statm, "%zu", &mapped) == 1);
    fclose(statm);
    limit_address_space(mapped * page_size() + SCRATCH);
    const long returned = page_list_move(&list, MPOL_MF_MOVE);
    limit_address_space(RLIM_INFINITY);
    ck_assert_int_eq(returned, 0);
    assert_all_on_target(0, &list);
}
END_TEST

START_TEST(nothing_stays_mapped_afterwards)
{
    size_t mapped[2];
    for (int time = 0; time < 2; time++) {
        struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
        for (int call = 0; call < 50; call++)
            assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
        require(munmap(list.pages[0], COUNT * page_size()) == 0);
        FILE *statm = fopen("/proc/self/statm", "r");
        require(statm != NULL && fscanf(statm, "%zu", &mapped[time]) == 1);
        fclose(statm);
    }
    /* The three arrays of the second request, and nothing for each call. */
    ck_assert_uint_le(mapped[1] - mapped[0], 3);
}
END_TEST

/* Concurrent changes. */

/* Repeatedly replaces an array by an empty one. There is never a hole, because something else that was mapped into it would be
 * destroyed. */
struct replaced {
    void *array;
    size_t size;
    volatile bool stop;
};
static void *keep_replacing(void *argument)
{
    struct replaced *replaced = argument;
    for (int protection = PROT_NONE; !replaced->stop; protection ^= PROT_READ | PROT_WRITE)
        if (mmap(replaced->array, replaced->size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
            abort();
    return NULL;
}

START_TEST(an_array_that_another_thread_unmaps_meanwhile_is_efault_or_was_read_before)
{
    /* Of 16 KiB pages, an array needs one alone, which is rarely replaced while it is read. */
    enum { MANY = 2000, CALLS = 60, MAX_CALLS = 2000 };
    char *pages = pages_on_node(MANY, 0);
    for (int which = 0; which < 3; which++) {
        struct page_list list = page_list_interleaved(pages, MANY);
        void *const arrays[] = { list.pages, list.nodes, list.status };
        struct replaced replaced = { .array = arrays[which], .size = MANY * (which == 0 ? sizeof(void *) : sizeof(int)) };
        pthread_t thread_id;
        require(pthread_create(&thread_id, NULL, keep_replacing, &replaced) == 0);
        int in_time = 0;
        for (int call = 0; call < CALLS || (in_time == call && call < MAX_CALLS); call++) {
            errno = UNTOUCHED_ERRNO;
            const long returned = page_list_move(&list, MPOL_MF_MOVE);
            /* Zeros in the array of pages name absent pages; in the array of nodes they are node 0. */
            expect(returned == 0 ? errno == UNTOUCHED_ERRNO : returned == -1 && errno == EFAULT,
                   "array %d: returned %ld, errno %d", which, returned, errno);
            in_time += returned == 0;
        }
        replaced.stop = true;
        require(pthread_join(thread_id, NULL) == 0);
        /* Otherwise no array was replaced during a call. */
        expect(in_time < MAX_CALLS, "array %d was always in time", which);
    }
    ck_assert(pages_keep_contents(pages, MANY));
}
END_TEST

struct killer {
    pid_t pid;
    long after_ms;
};
static void *kill_later(void *argument)
{
    const struct killer *killer = argument;
    sleep_ms(killer->after_ms);
    require(kill(killer->pid, SIGKILL) == 0);
    require(waitpid(killer->pid, NULL, 0) == killer->pid);
    return NULL;
}

START_TEST(a_process_that_ends_meanwhile_yields_a_result_or_an_error)
{
    enum { MANY = 8000 };
    const long delays[] = { 0, 1, 3, 10, 20, 40, 80, 160 };
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
        struct child_process child = start_child(MANY, 0, NULL);
        struct page_list list = page_list_interleaved(child.pages, MANY);
        struct killer killer = { .pid = child.pid, .after_ms = delays[i] };
        pthread_t thread;
        require(pthread_create(&thread, NULL, kill_later, &killer) == 0);
        errno = UNTOUCHED_ERRNO;
        const long returned = numa_move_pages(child.pid, MANY, list.pages, list.nodes, list.status, MPOL_MF_MOVE);
        const int error = errno;
        require(pthread_join(thread, NULL) == 0);
        /* Until it is waited for, the kernel returns EINVAL. */
        expect((returned >= 0 && returned <= MANY) || (returned == -1 && (error == ESRCH || error == EINVAL)),
               "after %ld ms: returned %ld, errno %d (%s)", delays[i], returned, error, strerror(error));
    }
}
END_TEST

static void *keep_changing_cpuset(void *argument)
{
    const volatile bool *stop = argument;
    for (int time = 0; !*stop; time++) {
        change_cpuset("cpuset.mems", time % 2 == 0 ? "0-1" : "0-3");
        sleep_ms(time % 7);
    }
    return NULL;
}

START_TEST(a_cpuset_that_changes_meanwhile_yields_a_result_or_an_error)
{
    enum { MANY = 2000, CALLS = 40 };
    volatile bool stop = false;
    enter_cpuset("0-3");
    char *pages = pages_on_node(MANY, 0);
    pthread_t thread;
    require(pthread_create(&thread, NULL, keep_changing_cpuset, (void *)&stop) == 0);
    for (int call = 0; call < CALLS; call++) {
        struct page_list list = page_list_interleaved(pages, MANY);
        for (size_t entry = 0; entry < MANY; entry++)
            list.nodes[entry] = (list.nodes[entry] + call) % 4;
        errno = UNTOUCHED_ERRNO;
        const long returned = page_list_move(&list, MPOL_MF_MOVE);
        /* ENOMEM: the node was allowed when the kernel checked, and no longer when it allocated memory there. */
        expect((returned >= 0 && returned <= MANY) || (returned == -1 && (errno == EACCES || errno == ENOMEM)),
               "call %d: returned %ld, errno %d (%s)", call, returned, errno, strerror(errno));
    }
    stop = true;
    require(pthread_join(thread, NULL) == 0);
    leave_cpuset();

    ck_assert(pages_keep_contents(pages, MANY));
    struct page_list list = page_list_interleaved(pages, MANY);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
}
END_TEST

/* A full node. */

START_TEST(a_move_to_a_full_node_moves_what_fits_and_reports_the_rest)
{
    /* Three quarters to the full node, one quarter to another. */
    enum { FULL = 2, OTHER = 1 };
    const size_t count = pages_within(40000, 160 << 20);
    char *pages = pages_on_node(count, 0);
    struct page_list list = page_list_of_range(pages, count, FULL);
    for (size_t page = 0; page < count; page += 4)
        list.nodes[page] = OTHER;
    fill_node(FULL);
    assert_fails(page_list_move(&list, MPOL_MF_MOVE), ENOMEM);
    assert_true_statuses(0, &list);
    const size_t moved = page_list_with_status(&list, FULL);
    ck_assert_uint_gt(moved, 0);
    ck_assert_uint_lt(moved, count - count / 4);
    ck_assert_uint_eq(page_list_with_status(&list, OTHER), count / 4);
    ck_assert_uint_eq(page_list_with_status(&list, -ENOMEM), count - count / 4 - moved);
    empty_node(FULL);
    ck_assert(pages_keep_contents(pages, count));

    /* Once there is free memory again, the rest follows. */
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
}
END_TEST

START_TEST(a_pinned_page_and_a_full_node_are_enomem)
{
    enum { FULL = 2 };
    const size_t count = pages_within(30000, 160 << 20);
    char *pages = pages_on_node(count, 0);
    pin_in_pipe(pages);
    struct page_list list = page_list_of_range(pages, count, FULL);
    fill_node(FULL);
    assert_fails(page_list_move(&list, MPOL_MF_MOVE), ENOMEM);
    assert_true_statuses(0, &list);
    ck_assert_uint_eq(page_list_with_status(&list, -EBUSY) + page_list_with_status(&list, -ENOMEM) + page_list_with_status(&list, FULL),
                      count);
    empty_node(FULL);
}
END_TEST

int main(int argument_count, char **arguments)
{
    if (argument_count == 2 && strcmp(arguments[1], REPORT_WHICH) == 0)
        return report_which();
    return run_tests("numa_move_pages_concurrent", (const TTest *[]){
        many_pages_to_three_nodes_all_arrive,
        pages_named_again_far_later_end_on_the_last_target,
        some_pages_named_very_often_arrive,
        NUMARS_MOVE_of_kernel_makes_it_the_system_call_and_no_other_value_does,
        pages_move_without_scratch_memory,
        four_megabytes_of_scratch_memory_suffice_for_any_count,
        nothing_stays_mapped_afterwards,
        an_array_that_another_thread_unmaps_meanwhile_is_efault_or_was_read_before,
        a_process_that_ends_meanwhile_yields_a_result_or_an_error,
        a_cpuset_that_changes_meanwhile_yields_a_result_or_an_error,
        a_move_to_a_full_node_moves_what_fits_and_reports_the_rest,
        a_pinned_page_and_a_full_node_are_enomem,
        NULL });
}

/* The library in multithreaded programs, in their children, at their exit, and in signal handlers. */
#include <dirent.h>
#include <fcntl.h>
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "all_functions.h"
#include "environment.h"
#include "harness.h"
#include "pages.h"

enum { THREADS = 4 };

static const struct expectations usual;

static void assert_none(const struct violations *violations, const char *where)
{
    char text[4096];
    describe_violations(violations, text, sizeof text);
    ck_assert_msg(violations->count == 0, "%s: %s", where, text);
}

/* Threads that call every function until they are stopped. */
struct crowd {
    volatile bool enough;
    pthread_t threads[THREADS];
    struct violations violations[THREADS];
    unsigned int calls;
};

struct member {
    struct crowd *crowd;
    int number;
};

static void *keep_calling(void *argument)
{
    const struct member member = *(struct member *)argument;
    free(argument);
    while (!member.crowd->enough) {
        call_all_functions(&usual, &member.crowd->violations[member.number]);
        __atomic_add_fetch(&member.crowd->calls, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void start_crowd(struct crowd *crowd)
{
    memset(crowd, 0, sizeof *crowd);
    for (int thread = 0; thread < THREADS; thread++) {
        struct member *member = malloc(sizeof *member);
        require(member != NULL);
        *member = (struct member){ .crowd = crowd, .number = thread };
        require(pthread_create(&crowd->threads[thread], NULL, keep_calling, member) == 0);
    }
}

static void end_crowd(struct crowd *crowd)
{
    crowd->enough = true;
    for (int thread = 0; thread < THREADS; thread++) {
        require(pthread_join(crowd->threads[thread], NULL) == 0);
        assert_none(&crowd->violations[thread], "in a thread");
    }
    ck_assert_uint_ge(crowd->calls, THREADS);
}

/* --- children --- */

static void assert_child_ends_well(pid_t child, const char *what)
{
    int status;
    require(waitpid(child, &status, 0) == child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %#x", what, status);
}

START_TEST(a_child_of_a_multithreaded_process_can_call_every_function_at_once)
{
    enum { CHILDREN = 20 };
    static struct crowd crowd;
    start_crowd(&crowd);
    for (int child = 0; child < CHILDREN; child++) {
        const pid_t pid = fork();
        require(pid >= 0);
        if (pid == 0) {
            struct violations violations = { 0 };
            alarm(50);
            call_all_functions(&usual, &violations);
            _exit(violations.count > 0);
        }
        assert_child_ends_well(pid, "the child of a threaded process");
    }
    end_crowd(&crowd);
}
END_TEST

/* Threads of the parent do not exist in the child, so it must not wait for what they were doing. */
START_TEST(a_child_does_not_wait_for_a_thread_of_the_parent)
{
    enum { CHILDREN = 200, SECONDS = 5 };
    static struct crowd crowd;
    require_numa_system_calls();
    start_crowd(&crowd);
    const time_t end = time(NULL) + SECONDS;
    for (int child = 0; child < CHILDREN && time(NULL) < end; child++) {
        numa_node_to_cpu_update();
        const pid_t pid = fork();
        require(pid >= 0);
        if (pid == 0) {
            alarm(20);
            _exit(numa_node_of_cpu(sched_getcpu()) < 0 || numa_node_size64(numa_max_node(), NULL) < 0
                  || numa_distance(0, 0) != 10);
        }
        assert_child_ends_well(pid, "the child");
    }
    end_crowd(&crowd);
}
END_TEST

static const char *const TELL_POLICY = "--tell-policy";

static int tell_policy(void)
{
    unsigned long nodes = 0;
    int mode = -1;
    return get_mempolicy(&mode, &nodes, MASK_BITS, NULL, 0) == 0 && mode == MPOL_BIND && nodes == 1 ? 0 : 1;
}

START_TEST(a_child_of_vfork_sets_its_policy_and_executes_another_program)
{
    require_numa_system_calls();
    unsigned long words[16] = { 1 };
    struct bitmask first = { .size = 8 * sizeof words, .maskp = words };
    for (int time = 0; time < 5; time++) {
        const pid_t pid = vfork();
        require(pid >= 0);
        if (pid == 0) {
            if (numars_set_membind(&first) == 0 && numa_run_on_node(-1) == 0)
                execl("/proc/self/exe", "threads_and_processes", TELL_POLICY, (char *)NULL);
            _exit(2);
        }
        assert_child_ends_well(pid, "the program that the child became");
        ck_assert_int_eq(tell_policy(), 1);
    }
    struct violations violations = { 0 };
    call_all_functions(&usual, &violations);
    assert_none(&violations, "in the parent");
}
END_TEST

/* --- the end of threads --- */

static struct violations at_the_end;

static void call_at_the_end(void *value)
{
    (void)value;
    call_all_functions(&usual, &at_the_end);
}

static void *end_with_value(void *key)
{
    require(pthread_setspecific(*(pthread_key_t *)key, key) == 0);
    return NULL;
}

START_TEST(destructors_of_thread_specific_data_can_call_every_function)
{
    pthread_key_t key;
    pthread_t thread;
    require(pthread_key_create(&key, call_at_the_end) == 0);
    require(pthread_create(&thread, NULL, end_with_value, &key) == 0);
    require(pthread_join(thread, NULL) == 0);
    assert_none(&at_the_end, "in the destructor of a thread's data");
}
END_TEST

static size_t open_descriptors(void)
{
    size_t descriptors = 0;
    DIR *folder = opendir("/proc/self/fd");
    require(folder != NULL);
    while (readdir(folder) != NULL)
        descriptors++;
    closedir(folder);
    return descriptors;
}

static int calls_that_came_back;

/* A cancelled thread ends at a cancellation point; a call that ended half way would leak its file descriptor. */
static void *ask_while_cancelled(void *argument)
{
    (void)argument;
    unsigned long words[MAX_PAGES];
    struct bitmask cpus = { .size = 8192, .maskp = words };
    require(pthread_cancel(pthread_self()) == 0);
    numa_node_to_cpu_update();
    calls_that_came_back += numa_node_of_cpu(sched_getcpu()) >= 0;
    calls_that_came_back += numa_node_to_cpus(0, &cpus) == 0;
    calls_that_came_back += numa_node_size64(0, NULL) > 0;
    calls_that_came_back += numa_num_configured_nodes() > 0;
    calls_that_came_back += numa_distance(0, numa_max_node()) > 0;
    calls_that_came_back += numa_run_on_node(0) == 0;
    calls_that_came_back += numars_count_pages(0, words, sizeof words, NULL, 0) > 0;
    calls_that_came_back += numars_move_range(0, words, sizeof words, 0, NULL, NULL) == 0;
    pthread_testcancel();
    return NULL;
}

START_TEST(a_thread_that_is_cancelled_does_not_end_in_the_middle_of_a_call)
{
    if (numa_available() < 0)
        return;
    pthread_t thread;
    void *result;
    const size_t before = open_descriptors();
    require(pthread_create(&thread, NULL, ask_while_cancelled, NULL) == 0);
    require(pthread_join(thread, &result) == 0);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    ck_assert_int_eq(calls_that_came_back, 8);
    ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

/* --- signal handlers --- */

static char *handlers_page;
static volatile unsigned int handled, wrong_in_handler;
static volatile int wrong_line;

#define IN_HANDLER(condition)            \
    do {                                 \
        if (!(condition)) {              \
            wrong_in_handler++;          \
            wrong_line = __LINE__;       \
        }                                \
    } while (0)

/* System calls, and functions that read a file: none takes a lock or allocates. */
static void handler(int signal)
{
    (void)signal;
    const int before = errno;
    void *pages[] = { handlers_page };
    const int target = 0;
    int status = NOT_WRITTEN, mode = NOT_WRITTEN;
    unsigned long words[256] = { 1 };
    struct bitmask nodes = { .size = 64, .maskp = words }, cpus = { .size = 8192, .maskp = words };
    errno = UNTOUCHED_ERRNO;
    IN_HANDLER(numa_available() == 0);
    IN_HANDLER(move_pages(0, 1, pages, NULL, &status, 0) == 0 && status >= 0);
    IN_HANDLER(numa_move_pages(0, 1, pages, &target, &status, MPOL_MF_MOVE) == 0 && status == 0);
    IN_HANDLER(mbind(handlers_page, page_size(), MPOL_PREFERRED, words, 64, 0) == 0);
    IN_HANDLER(get_mempolicy(&mode, NULL, 0, handlers_page, MPOL_F_ADDR) == 0 && mode == MPOL_PREFERRED);
    IN_HANDLER(numars_tonodemask_memory(handlers_page, page_size(), &nodes) == 0);
    IN_HANDLER(numars_set_preferred(0) == 0 && numa_preferred() == 0);
    IN_HANDLER(set_mempolicy(MPOL_DEFAULT, NULL, 0) == 0);
    char *memory = numa_alloc_onnode(page_size(), 0);
    IN_HANDLER(memory != NULL);
    numa_free(memory, page_size());
    numa_node_to_cpu_update();
    IN_HANDLER(numa_node_of_cpu(sched_getcpu()) >= 0);
    IN_HANDLER(numa_node_to_cpus(0, &cpus) == 0);
    IN_HANDLER(numa_distance(0, 0) == 10);
    IN_HANDLER(numa_node_size64(0, NULL) > 0);
    IN_HANDLER(numa_run_on_node(-1) == 0);
    IN_HANDLER(errno == UNTOUCHED_ERRNO);
    handled++;
    errno = before;
}

/* Keeps running `work` while signals interrupt it. */
static void while_interrupted(void (*work)(void))
{
    enum { INTERRUPTIONS = 300 };
    const struct sigaction action = { .sa_handler = handler };
    const struct itimerval often = { .it_interval.tv_usec = 500, .it_value.tv_usec = 500 }, never = { .it_value.tv_sec = 0 };
    handlers_page = pages_on_node(1, 0);
    require(sigaction(SIGALRM, &action, NULL) == 0);
    require(setitimer(ITIMER_REAL, &often, NULL) == 0);
    while (handled < INTERRUPTIONS)
        work();
    require(setitimer(ITIMER_REAL, &never, NULL) == 0);
    ck_assert_msg(wrong_in_handler == 0, "%u results in the handler were wrong, the last in line %d", wrong_in_handler,
                  wrong_line);
}

static void allocate_and_free(void)
{
    void *memory[50];
    for (size_t i = 0; i < 50; i++)
        memory[i] = malloc(10 + 100 * i);
    struct bitmask *set = numa_allocate_nodemask();
    ck_assert(set != NULL);
    numa_bitmask_free(set);
    for (size_t i = 0; i < 50; i++)
        free(memory[i]);
}

START_TEST(signal_handlers_make_calls_while_malloc_is_interrupted)
{
    if (numa_available() == 0)
        while_interrupted(allocate_and_free);
}
END_TEST

static void make_the_same_calls(void)
{
    unsigned long words[256] = { 0 };
    struct bitmask cpus = { .size = 8192, .maskp = words };
    numa_node_to_cpu_update();
    assert_returns(numa_node_to_cpus(0, &cpus), 0);
    ck_assert_int_ge(numa_node_of_cpu(0), 0);
    assert_returns(numa_distance(0, 0), 10);
    ck_assert_int_gt(numa_node_size64(0, NULL), 0);
    assert_returns(numa_available(), 0);
    char *memory = numa_alloc_onnode(page_size(), 0);
    ck_assert(memory != NULL);
    memory[0] = 1;
    int status = NOT_WRITTEN;
    assert_returns(numa_move_pages(0, 1, (void *[]){ memory }, (int[]){ 0 }, &status, MPOL_MF_MOVE), 0);
    ck_assert_int_eq(status, 0);
    numa_free(memory, page_size());
}

START_TEST(signal_handlers_make_calls_while_the_same_calls_are_interrupted)
{
    if (numa_available() == 0)
        while_interrupted(make_the_same_calls);
}
END_TEST

/* --- constructors, and the end of the program --- */

static struct violations before_main;
static bool calls_at_the_end;

/* A program that calls every function in functions that run at exit. */
static const char *const CALL_AT_THE_END = "--call-at-the-end";

__attribute__((constructor(101))) static void call_in_constructor(void)
{
    call_all_functions(&usual, &before_main);
}

static void call_at_exit(void)
{
    if (!calls_at_the_end)
        return;
    struct violations violations = { 0 };
    char text[4096];
    call_all_functions(&usual, &violations);
    describe_violations(&violations, text, sizeof text);
    if (violations.count > 0)
        printf("%s\n", text);
    printf("called\n");
    fflush(stdout);
}

__attribute__((destructor(101))) static void call_in_destructor(void)
{
    call_at_exit();
}

static void run_to_the_end(void)
{
    dup2(STDERR_FILENO, STDOUT_FILENO);
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
    execl("/proc/self/exe", "threads_and_processes", CALL_AT_THE_END, (char *)NULL);
}

START_TEST(constructors_can_call_every_function)
{
    assert_none(&before_main, "in a constructor");
}
END_TEST

START_TEST(functions_at_exit_and_destructors_can_call_every_function)
{
    static char output[8192];
    ck_assert_int_eq(run_in_child(run_to_the_end, output, sizeof output), 0);
    ck_assert_str_eq(output, "called\ncalled\n");
}
END_TEST

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], TELL_POLICY) == 0)
        return tell_policy();
    if (count == 2 && strcmp(arguments[1], CALL_AT_THE_END) == 0) {
        calls_at_the_end = true;
        return atexit(call_at_exit);
    }
    return run_tests("threads_and_processes", (const TTest *[]){
        constructors_can_call_every_function,
        functions_at_exit_and_destructors_can_call_every_function,
        a_child_of_a_multithreaded_process_can_call_every_function_at_once,
        a_child_does_not_wait_for_a_thread_of_the_parent,
        a_child_of_vfork_sets_its_policy_and_executes_another_program,
        destructors_of_thread_specific_data_can_call_every_function,
        a_thread_that_is_cancelled_does_not_end_in_the_middle_of_a_call,
        signal_handlers_make_calls_while_malloc_is_interrupted,
        signal_handlers_make_calls_while_the_same_calls_are_interrupted,
        NULL });
}

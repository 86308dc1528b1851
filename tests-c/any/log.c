/* NUMARS_LOG: one line for each call about policy, placement, affinity or moving pages. */
#include <fcntl.h>
#include <fnmatch.h>
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "all_functions.h"
#include "environment.h"
#include "harness.h"

static char output[1 << 20];

/* The value of NUMARS_LOG (NULL: unset), and what the program does then. */
static const char *log_value, *calls;

static void load_with_log(void)
{
    if (log_value == NULL)
        unsetenv("NUMARS_LOG");
    else
        setenv("NUMARS_LOG", log_value, 1);
    reexec(calls);
}

/* Executes this program again; `output` receives what it prints. */
static void run_with_log(const char *log, const char *what)
{
    log_value = log;
    calls = what;
    ck_assert_int_eq(run_in_child(load_with_log, output, sizeof output), EXIT_SUCCESS);
}

/* Returns the next line of a text without its line feed, or NULL if there is none. */
static char *next_line(char **text)
{
    char *line = strsep(text, "\n");
    return line == NULL || (*text == NULL && *line == '\0') ? NULL : line;
}

/* --- one line per call --- */

static const char *const ONE_OF_EACH = "--one-of-each";

static int call_one_of_each(void)
{
    static char memory[1 << 16];
    char *page = memory + (1 << 14) - (unsigned long)memory % (1 << 14);
    const unsigned long first_node[64 / (8 * sizeof(long))] = { 1 };
    struct bitmask *none = numa_allocate_nodemask(), *many = numa_bitmask_alloc(8192);
    void *pages[] = { page, NULL };
    int nodes[] = { 0, 0 }, status[2];
    struct bitmask node_0 = { .size = 64, .maskp = (unsigned long *)first_node };
    struct numars_placement placement = NUMARS_PLACEMENT_INIT;
    placement.nodes = &node_0;
    for (unsigned node = 0; node < 8192; node += 2)
        numa_bitmask_setbit(many, node);
    page[0] = 1;

    numa_available();
    numa_set_preferred(0);
    numars_set_preferred(1 << 20);
    set_mempolicy(MPOL_BIND | MPOL_F_STATIC_NODES, first_node, 65);
    set_mempolicy(77, NULL, 0);
    mbind((void *)1, 4096, MPOL_DEFAULT, NULL, 0, MPOL_MF_STRICT | 8);
    mbind(page, 4096, MPOL_PREFERRED, (unsigned long *)16, 65, 0);
    numa_set_localalloc();
    numa_run_on_node(0);
    numa_sched_setaffinity(0, none);
    numars_alloc_onnode(4096, 0, NUMARS_ALLOC_NO_FALLBACK | NUMARS_ALLOC_POPULATE);
    numars_alloc_interleaved(4096, numa_no_nodes_ptr, 1U << 31);
    numars_set_membind(numa_all_nodes_ptr);
    numars_set_membind(many);
    numa_set_strict(1);
    numa_free(numa_alloc_local(4096), 4096);
    if (numa_alloc_onnode(0, 0) != NULL)
        return EXIT_FAILURE;
    move_pages(0, 2, pages, NULL, status, 0);
    move_pages(-1, 2, pages, nodes, status, MPOL_MF_MOVE);
    numa_move_pages(0, 1, pages, nodes, status, MPOL_MF_MOVE);
    numars_move_pages(0, 2, pages, nodes, status, NULL, NULL);
    numars_move_range(0, page, 4096, 0, NULL, NULL);
    numars_place_range(0, page, 4096, &placement, NULL, NULL);
    numars_place_process(-1, &placement, NULL, NULL);
    numars_demote_range(-1, page, 4096, NULL, NULL);
    numars_promote_range(-1, page, 4096, NULL, NULL);
    numa_bitmask_free(none);
    numa_bitmask_free(many);
    return EXIT_SUCCESS;
}

START_TEST(a_line_shows_arguments_result_and_error)
{
    static const char *const expected[] = {
        "numa_available() = 0",
        "numa_set_preferred(node=0) = 0",
        "numars_set_preferred(node=1048576) = -1 EINVAL",
        "set_mempolicy(mode=MPOL_BIND|MPOL_F_STATIC_NODES, nmask=0, maxnode=65) = 0",
        "set_mempolicy(mode=77, nmask=NULL, maxnode=0) = -1 EINVAL",
        "mbind(start=0x1, len=4096, mode=MPOL_DEFAULT, nmask=NULL, maxnode=0, flags=MPOL_MF_STRICT|0x8) = -1 EINVAL",
        "mbind(start=0x*, len=4096, mode=MPOL_PREFERRED, nmask=0x10, maxnode=65, flags=0) = -1 EFAULT",
        "numa_set_localalloc() = 0",
        "numa_run_on_node(node=0) = 0",
        "numa_sched_setaffinity(pid=0, mask=none) = -1 EINVAL",
        "numars_alloc_onnode(size=4096, node=0, flags=NUMARS_ALLOC_NO_FALLBACK|NUMARS_ALLOC_POPULATE) = 0x*",
        "numars_alloc_interleaved(size=4096, nodes=none, flags=0x80000000) = NULL EINVAL",
        "numars_set_membind(nodemask=0*) = 0",
        "numars_set_membind(nodemask=0,2,4,6,8,10,*…",
        "numa_set_strict(flag=1) = 0",
        "numa_alloc_local(size=4096) = 0x*",
        "numa_alloc_onnode(size=0, node=0) = NULL EINVAL",
        "move_pages(pid=0, count=2, pages=0x*, nodes=NULL, status=0x*, flags=0) = 0; 2 pages, 1 there, 1 unmapped",
        "move_pages(pid=-1, count=2, pages=0x*, nodes=0x*, status=0x*, flags=MPOL_MF_MOVE) = -1 E*",
        "numa_move_pages(pid=0, count=1, pages=0x*, nodes=0x*, status=0x*, flags=MPOL_MF_MOVE) = 0; 1 pages, 1 there",
        "numars_move_pages(pid=0, count=2, pages=0x*, nodes=0x*, status=0x*, options=NULL, stats=NULL) = 0; "
        "2 pages, 1 in place, 1 unmapped, * kernel calls, * us elapsed, * us longest call",
        "numars_move_range(pid=0, start=0x*, length=4096, node=0, options=NULL, stats=NULL) = 0; "
        "1 pages, 1 in place, * kernel calls, * us elapsed, * us longest call",
        "numars_place_range(pid=0, start=0x*, length=4096, placement=0x*, options=NULL, stats=NULL) = 0; "
        "1 pages, 1 in place, * kernel calls, * us elapsed, * us longest call",
        "numars_place_process(pid=-1, placement=0x*, options=NULL, stats=NULL) = -1 E*",
        "numars_demote_range(pid=-1, start=0x*, length=4096, options=NULL, stats=NULL) = -1 E*",
        "numars_promote_range(pid=-1, start=0x*, length=4096, options=NULL, stats=NULL) = -1 E*",
    };
    run_with_log("1", ONE_OF_EACH);
    char *rest = output;
    for (size_t line = 0; line < sizeof expected / sizeof *expected; line++) {
        char pattern[512];
        const char *text = next_line(&rest);
        snprintf(pattern, sizeof pattern, "numars [0-9]*: %s", expected[line]);
        ck_assert_msg(text != NULL && fnmatch(pattern, text, 0) == 0, "line %zu is \"%s\", expected \"%s\"", line,
                      text == NULL ? "missing" : text, pattern);
        ck_assert_uint_lt(strlen(text), 1024);
    }
    ck_assert_ptr_null(next_line(&rest));
}
END_TEST

START_TEST(nothing_is_traced_unless_NUMARS_LOG_is_set)
{
    static const char *const values[] = { NULL, "", "0" };
    for (size_t value = 0; value < sizeof values / sizeof *values; value++) {
        run_with_log(values[value], ONE_OF_EACH);
        ck_assert_str_eq(output, "");
    }
}
END_TEST

/* --- every function --- */

static const char *const EVERYTHING = "--everything", *const CLOSED = "--closed";

static int everything(void)
{
    const struct expectations usual = { 0 };
    struct violations violations = { 0 };
    call_all_functions(&usual, &violations);
    return violations.count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static char *log_file(void)
{
    static char name[] = "/tmp/numars-log-XXXXXX";
    const int file = mkstemp(name);
    require(file >= 0 && close(file) == 0);
    return name;
}

/* Returns what the file contains, and removes it. */
static char *read_and_remove(const char *name)
{
    static char text[1 << 20];
    const int file = open(name, O_RDONLY | O_CLOEXEC);
    require(file >= 0);
    const ssize_t size = read(file, text, sizeof text - 1);
    require(size >= 0 && size < (ssize_t)sizeof text - 1 && close(file) == 0 && unlink(name) == 0);
    text[size] = '\0';
    return text;
}

START_TEST(every_call_about_policy_placement_affinity_and_moves_is_traced)
{
    static const char *const traced[] = {
        "get_mempolicy", "mbind", "migrate_pages", "move_pages", "numa_alloc", "numa_alloc_interleaved", "numa_alloc_interleaved_subset",
        "numa_alloc_local", "numa_alloc_onnode", "numa_alloc_weighted_interleaved", "numa_alloc_weighted_interleaved_subset",
        "numa_available", "numa_bind", "numa_interleave_memory", "numa_migrate_pages", "numa_move_pages", "numa_run_on_node",
        "numa_run_on_node_mask", "numa_run_on_node_mask_all", "numa_sched_setaffinity", "numa_set_bind_policy",
        "numa_set_interleave_mask", "numa_set_localalloc", "numa_set_membind", "numa_set_membind_balancing",
        "numa_set_mempolicy_home_node", "numa_set_preferred", "numa_set_preferred_many", "numa_set_strict",
        "numa_set_weighted_interleave_mask", "numa_setlocal_memory", "numa_tonode_memory", "numa_tonodemask_memory",
        "numa_weighted_interleave_memory", "numars_alloc_interleaved", "numars_alloc_local", "numars_alloc_onnode",
        "numars_alloc_weighted", "numars_bind", "numars_demote_range", "numars_interleave_memory", "numars_move_pages",
        "numars_move_process", "numars_move_range", "numars_place_process", "numars_place_range", "numars_promote_range",
        "numars_set_interleave_mask", "numars_set_localalloc", "numars_set_membind", "numars_set_membind_balancing",
        "numars_set_node_weight", "numars_set_preferred", "numars_set_preferred_many", "numars_set_weighted_interleave_mask",
        "numars_setlocal_memory", "numars_tonode_memory", "numars_tonodemask_memory", "numars_weighted_interleave_memory",
        "set_mempolicy", "set_mempolicy_home_node",
    };
    enum { TRACED = sizeof traced / sizeof *traced };
    bool seen[TRACED] = { false };
    const char *name = log_file();
    run_with_log(name, EVERYTHING);
    char *rest = read_and_remove(name);
    for (char *line; (line = next_line(&rest)) != NULL;) {
        ck_assert_msg(fnmatch("numars [0-9]*: *(*) = *", line, 0) == 0, "%s", line);
        const char *call = strstr(line, ": ") + 2;
        size_t which = 0;
        while (which < TRACED && !(strncmp(call, traced[which], strlen(traced[which])) == 0 && call[strlen(traced[which])] == '('))
            which++;
        ck_assert_msg(which < TRACED, "unexpected line: %s", line);
        seen[which] = true;
    }
    for (size_t which = 0; which < TRACED; which++)
        ck_assert_msg(seen[which], "%s is not traced", traced[which]);
}
END_TEST

START_TEST(a_log_that_cannot_be_written_has_no_effect)
{
    run_with_log("/no such folder/log", EVERYTHING);
    ck_assert_ptr_null(strstr(output, "numars "));
    run_with_log("1", CLOSED);
    ck_assert_str_eq(output, "");
}
END_TEST

/* --- threads and children --- */

enum { THREADS = 8, TIMES = 300 };
static const char *const CROWD = "--crowd", *const FAMILY = "--family";

static void *call_often(void *unused)
{
    for (int time = 0; time < TIMES; time++)
        numars_set_localalloc();
    return unused;
}

static int call_as_a_crowd(void)
{
    pthread_t threads[THREADS];
    for (int thread = 0; thread < THREADS; thread++)
        if (pthread_create(&threads[thread], NULL, call_often, NULL) != 0)
            return EXIT_FAILURE;
    for (int thread = 0; thread < THREADS; thread++)
        pthread_join(threads[thread], NULL);
    return EXIT_SUCCESS;
}

START_TEST(lines_of_threads_are_complete_and_show_their_thread_id)
{
    const char *name = log_file();
    run_with_log(name, CROWD);
    char *rest = read_and_remove(name);
    int lines = 0;
    for (char *line; (line = next_line(&rest)) != NULL; lines++) {
        int process, thread, end = 0;
        sscanf(line, "numars %d/%d: numars_set_localalloc() = 0%n", &process, &thread, &end);
        ck_assert_msg(end != 0 && line[end] == '\0' && process != thread, "%s", line);
    }
    ck_assert_int_eq(lines, THREADS * TIMES);
}
END_TEST

static int call_as_a_family(void)
{
    numars_set_localalloc();
    const pid_t child = fork();
    if (child < 0)
        return EXIT_FAILURE;
    if (child == 0) {
        numars_set_localalloc();
        _exit(EXIT_SUCCESS);
    }
    return waitpid(child, NULL, 0) == child ? EXIT_SUCCESS : EXIT_FAILURE;
}

START_TEST(lines_of_a_child_show_its_own_process_id)
{
    int parent, child;
    run_with_log("1", FAMILY);
    ck_assert_int_eq(sscanf(output, "numars %d: numars_set_localalloc() = 0\nnumars %d: numars_set_localalloc() = 0", &parent, &child), 2);
    ck_assert_int_ne(parent, child);
}
END_TEST

static int call_without_standard_error(void)
{
    close(STDERR_FILENO);
    errno = UNTOUCHED_ERRNO;
    return numars_set_localalloc() == 0 && errno == UNTOUCHED_ERRNO ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int count, char **arguments)
{
    static const struct {
        const char *const *argument;
        int (*calls)(void);
    } programs[] = {
        { &ONE_OF_EACH, call_one_of_each }, { &EVERYTHING, everything }, { &CROWD, call_as_a_crowd }, { &FAMILY, call_as_a_family },
        { &CLOSED, call_without_standard_error },
    };
    for (size_t program = 0; count == 2 && program < sizeof programs / sizeof *programs; program++)
        if (strcmp(arguments[1], *programs[program].argument) == 0)
            return programs[program].calls();
    skip_without_numa_system_calls();
    return run_tests("log", (const TTest *[]){
        a_line_shows_arguments_result_and_error,
        nothing_is_traced_unless_NUMARS_LOG_is_set,
        every_call_about_policy_placement_affinity_and_moves_is_traced,
        a_log_that_cannot_be_written_has_no_effect,
        lines_of_threads_are_complete_and_show_their_thread_id,
        lines_of_a_child_show_its_own_process_id,
        NULL });
}

/* Each source of information about nodes and CPUs may be missing, alone or together with others: the results stay consistent and do not
 * depend on the order of the calls. The library is loaded without the sources, in a process that executes this program again. */
#include <limits.h>
#include <numa.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "fault_injection.h"
#include "harness.h"
#include "private_mounts.h"

#define NODES "/sys/devices/system/node"

/* Sizes of the recorded results. Fewer nodes and CPUs are queried: those of the machine, and one more. */
enum { MAX_NODES = 64, MAX_CPUS = 1024 };

/* --- the sources, and how each is removed --- */

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Replaces the file at `path` by one that cannot be opened: a socket that nothing listens on (ENXIO). */
static void make_unreadable(const char *path)
{
    static const char SOCKET[] = "/dev/shm/missing_sources";
    if (!exists(path))
        return;
    if (!exists(SOCKET)) {
        mount_empty_over("/dev/shm");
        require(mknod(SOCKET, S_IFSOCK | 0600, 0) == 0);
    }
    require(mount(SOCKET, path, "", MS_BIND, NULL) == 0);
}

static void make_cpus_unreadable(int first_node, int last_node)
{
    char path[64];
    for (int node = first_node; node <= last_node; node++) {
        snprintf(path, sizeof path, NODES "/node%d/cpulist", node);
        make_unreadable(path);
        snprintf(path, sizeof path, NODES "/node%d/cpumap", node);
        make_unreadable(path);
    }
}

static void hide_if_there(const char *path)
{
    if (exists(path))
        mount_empty_over(path);
}

static void deny(int call)
{
    deny_syscalls(&(struct denied_call){ call, EPERM }, 1);
}

static void without_online(void) { make_unreadable(NODES "/online"); }
static void without_has_memory(void) { make_unreadable(NODES "/has_memory"); }
static void without_cpus_of_node_0(void) { make_cpus_unreadable(0, 0); }
static void without_cpus_of_nodes(void) { make_cpus_unreadable(0, MAX_NODES - 1); }
static void without_cpus_possible(void) { make_unreadable("/sys/devices/system/cpu/possible"); }
static void without_node_directory(void) { hide_if_there(NODES); }
static void without_cpu_directory(void) { hide_if_there("/sys/devices/system/cpu"); }
static void without_sys(void) { hide_if_there("/sys"); }
static void without_status(void) { make_unreadable("/proc/self/status"); }
static void without_proc(void) { hide_if_there("/proc"); }
static void without_get_mempolicy(void) { deny(SYS_get_mempolicy); }
static void without_sched_getaffinity(void) { deny(SYS_sched_getaffinity); }
static void without_getcpu(void) { deny(SYS_getcpu); }
static void without_openat(void) { deny(SYS_openat); }

/* Files first, and files inside of a directory before the directory: then the calls that remove them work. */
enum source { ONLINE, HAS_MEMORY, CPUS_OF_NODE_0, CPUS_OF_NODES, CPUS_POSSIBLE, NODE_DIRECTORY, CPU_DIRECTORY, SYS, STATUS, PROC,
              GET_MEMPOLICY, SCHED_GETAFFINITY, GETCPU, OPENAT_AFTER_LOADING, SOURCES };

static const struct {
    const char *name;
    void (*remove_source)(void);
} sources[SOURCES] = {
    [ONLINE] = { "node/online", without_online },
    [HAS_MEMORY] = { "node/has_memory", without_has_memory },
    [CPUS_OF_NODE_0] = { "the CPUs of node 0", without_cpus_of_node_0 },
    [CPUS_OF_NODES] = { "the CPUs of all nodes", without_cpus_of_nodes },
    [CPUS_POSSIBLE] = { "cpu/possible", without_cpus_possible },
    [NODE_DIRECTORY] = { NODES, without_node_directory },
    [CPU_DIRECTORY] = { "/sys/devices/system/cpu", without_cpu_directory },
    [SYS] = { "/sys", without_sys },
    [STATUS] = { "/proc/self/status", without_status },
    [PROC] = { "/proc", without_proc },
    [GET_MEMPOLICY] = { "get_mempolicy(2)", without_get_mempolicy },
    [SCHED_GETAFFINITY] = { "sched_getaffinity(2)", without_sched_getaffinity },
    [GETCPU] = { "getcpu(2)", without_getcpu },
    [OPENAT_AFTER_LOADING] = { "openat(2) after loading", without_openat },
};

/* --- what the library returns --- */

struct cpus {
    long result;
    int error;
    bool has[MAX_CPUS];
};

/* No pointers, and no padding that may differ, so that two can be compared field by field. */
struct results {
    long max_node, task_nodes, configured_nodes, possible_nodes, task_cpus, configured_cpus, possible_cpus, available;
    bool nodes[MAX_NODES], all_nodes[MAX_NODES], all_cpus[MAX_CPUS], run_node_mask[MAX_NODES], membind[MAX_NODES],
        mems_allowed[MAX_NODES], all_in_list[MAX_NODES], all_in_list_of_all[MAX_NODES];
    bool is_usable[MAX_NODES], is_named[MAX_NODES];
    long node_of_cpu[MAX_CPUS], node_size[MAX_NODES];
    struct cpus cpus_of_node[MAX_NODES];
};

/* Shared between the test and the process that makes the calls. */
struct report {
    enum source missing[2];
    bool asks_about_own_node, backwards, is_complete;
    int nodes, cpus;
    /* The CPU on which the process runs meanwhile. */
    int cpu;
    struct results results;
    char problems[2048];
};

static struct report *report;

/* The results of the machine, with all sources. */
static int last_node, last_cpu, cpu_of_allowed_node;

static void add_problem(const char *format, ...)
{
    const size_t length = strlen(report->problems);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->problems + length, sizeof report->problems - length, format, arguments);
    va_end(arguments);
    strncat(report->problems, "; ", sizeof report->problems - strlen(report->problems) - 1);
}

static bool is_missing(enum source source)
{
    return report->missing[0] == source || report->missing[1] == source;
}

/* Calls of these two that a node list, or a denied system call, accounts for. */
static int expected_warnings, expected_errors;

void numa_warn(int number, char *format, ...)
{
    if (expected_warnings == 0)
        add_problem("warning %d: %s", number, format);
}

void numa_error(char *where)
{
    if (expected_errors == 0 || strcmp(where, "get_mempolicy") != 0)
        add_problem("numa_error(\"%s\"), errno %d", where, errno);
}

/* The result of a call that succeeds unless it returns -1 with one of two errnos. */
#define ASK(call, error_1, error_2) check_errno(#call, (errno = UNTOUCHED_ERRNO, (long)(call)), error_1, error_2)

static long check_errno(const char *call, long result, int error_1, int error_2)
{
    if (result == -1 ? errno != error_1 && errno != error_2 : errno != UNTOUCHED_ERRNO)
        add_problem("%s returned %ld with errno %d", call, result, errno);
    return result;
}

#define ASK_WELL(call) ASK(call, UNTOUCHED_ERRNO, UNTOUCHED_ERRNO)

static void keep_set(const char *call, const struct bitmask *set, bool *kept, unsigned count)
{
    if (set == NULL) {
        add_problem("%s returned NULL with errno %d", call, errno);
        return;
    }
    if (errno != UNTOUCHED_ERRNO)
        add_problem("%s succeeded with errno %d", call, errno);
    for (unsigned i = 0; i < set->size; i++)
        if (!numa_bitmask_isbitset(set, i))
            continue;
        else if (i < count)
            kept[i] = true;
        else
            add_problem("%s has %u", call, i);
}

/* A newly allocated set, and one of the library's own. */
#define KEEP_NEW(call, kept)                                                              \
    do {                                                                                  \
        errno = UNTOUCHED_ERRNO;                                                          \
        struct bitmask *set_ = (call);                                                    \
        keep_set(#call, set_, report->results.kept, sizeof report->results.kept);         \
        numa_bitmask_free(set_);                                                          \
    } while (0)
#define KEEP_OWN(set, kept)                                                               \
    do {                                                                                  \
        errno = UNTOUCHED_ERRNO;                                                          \
        keep_set(#set, set, report->results.kept, sizeof report->results.kept);           \
    } while (0)

static void ask_max_node(void) { report->results.max_node = ASK_WELL(numa_max_node()); }
static void ask_task_nodes(void) { report->results.task_nodes = ASK_WELL(numa_num_task_nodes()); }
static void ask_configured_nodes(void) { report->results.configured_nodes = ASK_WELL(numa_num_configured_nodes()); }
static void ask_possible_nodes(void) { report->results.possible_nodes = ASK_WELL(numa_num_possible_nodes()); }
static void ask_task_cpus(void) { report->results.task_cpus = ASK_WELL(numa_num_task_cpus()); }
static void ask_configured_cpus(void) { report->results.configured_cpus = ASK_WELL(numa_num_configured_cpus()); }
static void ask_possible_cpus(void) { report->results.possible_cpus = ASK_WELL(numa_num_possible_cpus()); }
static void ask_available(void) { report->results.available = ASK(numa_available(), EPERM, ENOSYS); }
static void ask_nodes(void) { KEEP_OWN(numa_nodes_ptr, nodes); }
static void ask_all_nodes(void) { KEEP_OWN(numa_all_nodes_ptr, all_nodes); }
static void ask_all_cpus(void) { KEEP_OWN(numa_all_cpus_ptr, all_cpus); }
static void ask_all_in_list(void) { KEEP_NEW(numa_parse_nodestring("all"), all_in_list); }
static void ask_all_in_list_of_all(void) { KEEP_NEW(numa_parse_nodestring_all("all"), all_in_list_of_all); }

static void run_on(int first, int last)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (int cpu = first; cpu <= last; cpu++)
        CPU_SET(cpu, &cpus);
    require(sched_setaffinity(0, sizeof cpus, &cpus) == 0);
}

static void ask_run_node_mask(void)
{
    run_on(0, report->cpus);
    KEEP_NEW(numa_get_run_node_mask(), run_node_mask);
    run_on(report->cpu, report->cpu);
}

/* If the kernel denies the call, these report it and return an empty set, and all nodes. */
static void ask_policy(void)
{
    expected_errors = is_missing(GET_MEMPOLICY);
    errno = UNTOUCHED_ERRNO;
    struct bitmask *mems_allowed = numa_get_mems_allowed();
    errno = is_missing(GET_MEMPOLICY) ? UNTOUCHED_ERRNO : errno;
    keep_set("numa_get_mems_allowed()", mems_allowed, report->results.mems_allowed, MAX_NODES);
    numa_bitmask_free(mems_allowed);
    errno = UNTOUCHED_ERRNO;
    struct bitmask *membind = numa_get_membind();
    errno = is_missing(GET_MEMPOLICY) ? UNTOUCHED_ERRNO : errno;
    keep_set("numa_get_membind()", membind, report->results.membind, MAX_NODES);
    numa_bitmask_free(membind);
    expected_errors = 0;
}

static bool is_accepted(struct bitmask *parse(const char *), unsigned node)
{
    char list[16];
    snprintf(list, sizeof list, "%u", node);
    expected_warnings++;
    struct bitmask *set = parse(list);
    expected_warnings--;
    if (set == NULL)
        return false;
    if (numa_bitmask_weight(set) != 1 || !numa_bitmask_isbitset(set, node))
        add_problem("the list %s names another node", list);
    numa_bitmask_free(set);
    return true;
}

static struct bitmask *parse_usable(const char *list) { return numa_parse_nodestring(list); }
static struct bitmask *parse_any(const char *list) { return numa_parse_nodestring_all(list); }

static void ask_lists(void)
{
    for (int node = 0; node < report->nodes; node++)
        report->results.is_usable[node] = is_accepted(parse_usable, (unsigned)node);
}

static void ask_lists_of_all(void)
{
    for (int node = 0; node < report->nodes; node++)
        report->results.is_named[node] = is_accepted(parse_any, (unsigned)node);
}

static void ask_nodes_of_cpus(void)
{
    for (int cpu = 0; cpu < report->cpus; cpu++)
        report->results.node_of_cpu[cpu] = ASK(numa_node_of_cpu(cpu), EINVAL, EINVAL);
}

static void ask_cpus_of_nodes(void)
{
    for (int node = 0; node < report->nodes; node++) {
        struct cpus *cpus = &report->results.cpus_of_node[node];
        struct bitmask *set = numa_allocate_cpumask();
        cpus->result = ASK(numa_node_to_cpus(node, set), ENOENT, ERANGE);
        cpus->error = cpus->result == -1 ? errno : 0;
        errno = UNTOUCHED_ERRNO;
        keep_set("numa_node_to_cpus()", set, cpus->has, MAX_CPUS);
        numa_bitmask_free(set);
    }
}

static void ask_sizes(void)
{
    long long free;
    for (int node = 0; node < report->nodes; node++)
        report->results.node_size[node] = ASK(numa_node_size64(node, &free), ENOENT, EPERM) == -1 ? -1 : 1;
}

static void (*const questions[])(void) = {
    ask_max_node, ask_task_nodes, ask_nodes, ask_all_nodes, ask_possible_nodes, ask_all_in_list, ask_available, ask_all_cpus,
    ask_task_cpus, ask_policy, ask_configured_nodes, ask_lists, ask_run_node_mask, ask_nodes_of_cpus, ask_sizes, ask_lists_of_all,
    ask_all_in_list_of_all, ask_cpus_of_nodes, ask_configured_cpus, ask_possible_cpus,
};

static void ask_all(void)
{
    enum { COUNT = sizeof questions / sizeof *questions };
    for (int i = 0; i < COUNT; i++)
        questions[report->backwards ? COUNT - 1 - i : i]();
}

/* --- consistency --- */

#define CHECK(condition, ...)         \
    do {                              \
        if (!(condition)) {           \
            add_problem(__VA_ARGS__); \
        }                             \
    } while (0)

static long count(const bool *members, int size)
{
    long total = 0;
    for (int i = 0; i < size; i++)
        total += members[i];
    return total;
}

static bool runs_on(const struct results *results, int node)
{
    for (int cpu = 0; cpu < report->cpus; cpu++)
        if (results->cpus_of_node[node].has[cpu] && results->all_cpus[cpu])
            return true;
    return false;
}

static void check_nodes(const struct results *results)
{
    CHECK(results->max_node < MAX_NODES && results->nodes[results->max_node], "the highest node, %ld, does not exist", results->max_node);
    for (int node = 0; node < report->nodes; node++) {
        const bool exists = results->nodes[node];
        const struct cpus *cpus = &results->cpus_of_node[node];
        CHECK(!exists || node <= results->max_node, "node %d is above the highest, %ld", node, results->max_node);
        CHECK(exists || !results->all_nodes[node], "node %d is in numa_all_nodes_ptr and not in numa_nodes_ptr", node);
        CHECK(exists || !results->run_node_mask[node], "numa_get_run_node_mask() has node %d, which does not exist", node);
        CHECK(exists || !results->mems_allowed[node], "numa_get_mems_allowed() has node %d, which does not exist", node);
        CHECK(exists || !results->membind[node], "numa_get_membind() has node %d, which does not exist", node);
        CHECK(results->all_in_list[node] == results->all_nodes[node], "node %d: 'all' is not numa_all_nodes_ptr", node);
        CHECK(results->all_in_list_of_all[node] == exists, "node %d: 'all' of numa_parse_nodestring_all is not numa_nodes_ptr", node);
        CHECK(results->is_named[node] == exists, "numa_parse_nodestring_all: node %d is %s", node, exists ? "refused" : "accepted");
        /* Whether a node without known CPUs that may not be allocated on is accepted depends on its memory. */
        const bool is_usable = results->all_nodes[node] || (exists && runs_on(results, node));
        CHECK(results->is_usable[node] == is_usable || (exists && count(cpus->has, MAX_CPUS) == 0),
              "numa_parse_nodestring: node %d is %s", node, is_usable ? "refused" : "accepted");
        CHECK(cpus->result != 0 || exists, "node %d does not exist and has CPUs", node);
        CHECK(exists || results->node_size[node] == -1, "node %d does not exist and has memory", node);
    }
    CHECK(count(results->all_nodes, MAX_NODES) >= 1, "no node is allowed");
    CHECK(results->task_nodes == count(results->all_nodes, MAX_NODES), "numa_num_task_nodes() is %ld", results->task_nodes);
    CHECK(results->configured_nodes >= 1 && results->configured_nodes <= count(results->nodes, MAX_NODES)
              && results->configured_nodes >= results->task_nodes,
          "numa_num_configured_nodes() is %ld, numa_num_task_nodes() %ld", results->configured_nodes, results->task_nodes);
    CHECK(results->possible_nodes > results->max_node, "%ld nodes are possible", results->possible_nodes);
}

/* If the CPUs of a node cannot be read, the CPU that the thread currently runs on still has a node. */
static bool is_in_set_of_node(const struct results *results, int cpu, long node)
{
    const struct cpus *cpus = &results->cpus_of_node[node];
    return cpus->has[cpu] || (cpus->result == -1 && cpus->error == ENOENT && count(cpus->has, MAX_CPUS) == 0);
}

static void check_cpus(const struct results *results)
{
    for (int cpu = 0; cpu < report->cpus; cpu++) {
        const long node = results->node_of_cpu[cpu];
        const bool exists = node >= 0 && node < MAX_NODES && results->nodes[node];
        CHECK(exists || node == -1, "CPU %d is on node %ld, which does not exist", cpu, node);
        CHECK(!exists || is_in_set_of_node(results, cpu, node), "CPU %d is not in the set of its node %ld", cpu, node);
        for (int other = 0; other < report->nodes; other++)
            CHECK(node != -1 || !results->cpus_of_node[other].has[cpu], "CPU %d has no node and is in the set of %d", cpu, other);
    }
    CHECK(results->task_cpus == count(results->all_cpus, MAX_CPUS), "numa_num_task_cpus() is %ld, numa_all_cpus_ptr has %ld",
          results->task_cpus, count(results->all_cpus, MAX_CPUS));
    CHECK(results->configured_cpus >= 1, "numa_num_configured_cpus() is %ld", results->configured_cpus);
    CHECK(results->possible_cpus >= results->configured_cpus, "%ld CPUs are possible, %ld configured", results->possible_cpus,
          results->configured_cpus);
}

/* What a process reports about the node it runs on, which only getcpu(2) shows. Its first call about nodes is the one about the CPU. */
static void query_own_node(void)
{
    struct results *results = &report->results;
    results->node_of_cpu[report->cpu] = ASK(numa_node_of_cpu(report->cpu), EINVAL, EINVAL);
    ask_max_node();
    ask_nodes();
    ask_lists_of_all();
    const long node = results->node_of_cpu[report->cpu];
    CHECK(node == -1 || (results->nodes[node] && node <= results->max_node && results->is_named[node]),
          "CPU %d is on node %ld, which does not exist afterwards", report->cpu, node);
}

/* --- one process per combination --- */

static const char *const ASK_ARGUMENT = "--ask";

static struct report *map_report(int file)
{
    void *mapped = mmap(NULL, sizeof(struct report), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    require(mapped != MAP_FAILED);
    return mapped;
}

/* What a process does that was executed without the sources. */
static void make_calls_if_reexecuted(int argument_count, char **arguments)
{
    const int errno_at_start = errno;
    if (argument_count != 3 || strcmp(arguments[1], ASK_ARGUMENT) != 0)
        return;
    report = map_report(atoi(arguments[2]));
    CHECK(errno_at_start == 0, "errno was %d when main began", errno_at_start);
    if (is_missing(OPENAT_AFTER_LOADING))
        sources[OPENAT_AFTER_LOADING].remove_source();
    run_on(report->cpu, report->cpu);
    if (report->asks_about_own_node) {
        query_own_node();
    } else {
        ask_all();
        check_nodes(&report->results);
        check_cpus(&report->results);
    }
    report->is_complete = true;
    _exit(EXIT_SUCCESS);
}

static bool is_in_cpuset, asks_about_own_node;

static const char *describe(const struct report *about)
{
    static char text[160];
    const char *first = sources[about->missing[0]].name, *second = sources[about->missing[1]].name;
    const char *const others[] = { first == second ? "" : " and ", first == second ? "" : second };
    snprintf(text, sizeof text, "%swithout %s%s%s%s", is_in_cpuset ? "in a cpuset, " : "", first, others[0], others[1],
             about->backwards ? ", asked backwards" : "");
    return text;
}

static void execute_without(const struct report *about, int report_file, int output, const char *program)
{
    char number[16];
    snprintf(number, sizeof number, "%d", report_file);
    require(dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDERR_FILENO) >= 0);
    unshare_mounts();
    for (int i = 0; i < 2; i++)
        if (about->missing[i] != OPENAT_AFTER_LOADING && (i == 0 || about->missing[1] != about->missing[0]))
            sources[about->missing[i]].remove_source();
    execve(program, (char *const[]){ "missing_sources", (char *)ASK_ARGUMENT, number, NULL }, environ);
    _exit(EXIT_FAILURE);
}

/* Makes the calls in a process without these sources. Returns the results, which the caller unmaps. */
static struct report *query_without(enum source first, enum source second, bool backwards)
{
    char program[PATH_MAX] = "", printed[512] = "";
    const int file = memfd_create("report", 0), output = memfd_create("output", MFD_CLOEXEC);
    require(file >= 0 && output >= 0 && ftruncate(file, sizeof(struct report)) == 0);
    require(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    struct report *result = map_report(file);
    result->missing[0] = first;
    result->missing[1] = second;
    result->backwards = backwards;
    result->nodes = last_node + 2;
    result->cpus = last_cpu + 2;
    result->asks_about_own_node = asks_about_own_node;
    result->cpu = cpu_of_allowed_node;
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0)
        execute_without(result, file, output, program);
    int status;
    require(waitpid(pid, &status, 0) == pid);
    require(pread(output, printed, sizeof printed - 1, 0) >= 0);
    close(file);
    close(output);
    expect(status == 0 && result->is_complete, "%s: ended with status %#x: %s", describe(result), status, printed);
    expect(printed[0] == '\0', "%s: printed: %s", describe(result), printed);
    expect(result->problems[0] == '\0', "%s: %s", describe(result), result->problems);
    return result;
}

/* Returns the name of the first result that differs, or NULL. */
static const char *first_difference(const struct results *one, const struct results *other)
{
#define COMPARE(field)                                              \
    if (memcmp(&one->field, &other->field, sizeof one->field) != 0) \
        return #field
    COMPARE(max_node);
    COMPARE(task_nodes);
    COMPARE(configured_nodes);
    COMPARE(possible_nodes);
    COMPARE(task_cpus);
    COMPARE(configured_cpus);
    COMPARE(possible_cpus);
    COMPARE(available);
    COMPARE(nodes);
    COMPARE(all_nodes);
    COMPARE(all_cpus);
    COMPARE(run_node_mask);
    COMPARE(membind);
    COMPARE(mems_allowed);
    COMPARE(all_in_list);
    COMPARE(all_in_list_of_all);
    COMPARE(is_usable);
    COMPARE(is_named);
    COMPARE(node_of_cpu);
    COMPARE(node_size);
    COMPARE(cpus_of_node);
#undef COMPARE
    return NULL;
}

static void assert_consistent_without(enum source first, enum source second)
{
    struct report *forwards = query_without(first, second, false), *backwards = query_without(first, second, true);
    const char *difference = first_difference(&forwards->results, &backwards->results);
    expect(difference == NULL, "%s: %s depends on the order of the calls", describe(forwards), difference);
    munmap(forwards, sizeof *forwards);
    munmap(backwards, sizeof *backwards);
}

static int first_cpu_of(int node)
{
    for (int cpu = 0; cpu <= last_cpu; cpu++)
        if (numa_node_of_cpu(cpu) == node)
            return cpu;
    require(!"a CPU of the node");
    return -1;
}

/* Returns true in the guest, where every node has memory. */
static bool can_have_own_cpuset(void)
{
    char controllers[256] = "";
    FILE *file = fopen("/sys/fs/cgroup/cgroup.subtree_control", "r");
    if (file == NULL)
        return false;
    const bool is_read = fgets(controllers, sizeof controllers, file) != NULL;
    fclose(file);
    return is_read && strstr(controllers, "cpuset") != NULL && geteuid() == 0 && numa_bitmask_isbitset(numa_all_nodes_ptr, 1)
        && numa_bitmask_isbitset(numa_all_nodes_ptr, 2);
}

/* Enters a cpuset with all CPUs in which the memory of some nodes is not allowed: only the node lists contain those nodes. */
static bool enter_own_cpuset(void)
{
    if (!can_have_own_cpuset())
        return false;
    enter_cpuset("1-2");
    is_in_cpuset = true;
    cpu_of_allowed_node = first_cpu_of(1);
    return true;
}

static void read_machine(void)
{
    last_node = numa_max_node();
    last_cpu = numa_num_configured_cpus() - 1;
    require(last_node + 2 <= MAX_NODES && last_cpu + 2 <= MAX_CPUS);
    cpu_of_allowed_node = sched_getcpu();
}

static void assert_consistent_without_and_with_each_after(enum source source)
{
    require_private_mounts();
    read_machine();
    for (enum source other = source; other < SOURCES; other++)
        assert_consistent_without(source, other);
    if (!enter_own_cpuset())
        return;
    for (enum source other = source; other < SOURCES; other++)
        assert_consistent_without(source, other);
    leave_cpuset();
}

/* One test per source: without it alone, and without it and each of those that follow it. */
#define TEST_WITHOUT(source, name)                                     \
    START_TEST(name)                                                   \
    {                                                                  \
        assert_consistent_without_and_with_each_after(source);         \
    }                                                                  \
    END_TEST

TEST_WITHOUT(ONLINE, results_are_consistent_without_the_list_of_nodes)
TEST_WITHOUT(HAS_MEMORY, results_are_consistent_without_the_list_of_nodes_with_memory)
TEST_WITHOUT(CPUS_OF_NODE_0, results_are_consistent_without_the_cpus_of_one_node)
TEST_WITHOUT(CPUS_OF_NODES, results_are_consistent_without_the_cpus_of_all_nodes)
TEST_WITHOUT(CPUS_POSSIBLE, results_are_consistent_without_the_list_of_possible_cpus)
TEST_WITHOUT(NODE_DIRECTORY, results_are_consistent_without_the_directory_of_nodes)
TEST_WITHOUT(CPU_DIRECTORY, results_are_consistent_without_the_directory_of_cpus)
TEST_WITHOUT(SYS, results_are_consistent_without_sys)
TEST_WITHOUT(STATUS, results_are_consistent_without_the_status_of_the_process)
TEST_WITHOUT(PROC, results_are_consistent_without_proc)
TEST_WITHOUT(GET_MEMPOLICY, results_are_consistent_without_get_mempolicy)
TEST_WITHOUT(SCHED_GETAFFINITY, results_are_consistent_without_sched_getaffinity)
TEST_WITHOUT(GETCPU, results_are_consistent_without_getcpu)
TEST_WITHOUT(OPENAT_AFTER_LOADING, results_are_consistent_if_no_file_can_be_opened_after_loading)

START_TEST(the_node_that_a_thread_runs_on_exists_also_without_sys)
{
    require_private_mounts();
    read_machine();
    if (!enter_own_cpuset())
        return;
    for (int cpu = 0; cpu <= last_cpu; cpu++) {
        cpu_of_allowed_node = cpu;
        asks_about_own_node = true;
        munmap(query_without(SYS, SYS, false), sizeof(struct report));
    }
    leave_cpuset();
}
END_TEST

int main(int argument_count, char **arguments)
{
    make_calls_if_reexecuted(argument_count, arguments);
    skip_without_numa_system_calls();
    return run_tests("missing_sources", (const TTest *[]){
        results_are_consistent_without_the_list_of_nodes,
        results_are_consistent_without_the_list_of_nodes_with_memory,
        results_are_consistent_without_the_cpus_of_one_node,
        results_are_consistent_without_the_cpus_of_all_nodes,
        results_are_consistent_without_the_list_of_possible_cpus,
        results_are_consistent_without_the_directory_of_nodes,
        results_are_consistent_without_the_directory_of_cpus,
        results_are_consistent_without_sys,
        results_are_consistent_without_the_status_of_the_process,
        results_are_consistent_without_proc,
        results_are_consistent_without_get_mempolicy,
        results_are_consistent_without_sched_getaffinity,
        results_are_consistent_without_getcpu,
        results_are_consistent_if_no_file_can_be_opened_after_loading,
        the_node_that_a_thread_runs_on_exists_also_without_sys,
        NULL });
}

/* Times calls of libnuma's interface, and the bare system calls that some of them consist of.
 *
 * Compiled once, against libnuma only: the loader selects the library that it runs on. Prints a line `name<TAB>nanoseconds` for each
 * sample, the mean of a batch of calls. Times are CPU times of this thread, so that they exclude other
 * processes. numars-bench evaluates them.
 *
 * With -m it only makes the calls, between functions at which callgrind splits its counts, and writes that strace shows. */
#include <errno.h>
#include <fcntl.h>
#include <numa.h>
#include <numaif.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BITS = 8192, MANY_CPUS = 8192, PAGE = 4096 };

/* Whether the call succeeded. */
typedef bool call(void);

struct row {
    const char *name;
    call *call;
    /* The same with bare system calls; measured alternately with it. */
    call *bare;
    /* Only on a machine with this many CPUs. */
    int cpus;
};

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "calls: %s\n", what);
    exit(EXIT_FAILURE);
}

/* --- arguments of the calls, created by prepare() --- */

static struct bitmask *bits, *same_bits, *to_fill, *cpus;
static int last_cpu, last_node;
static unsigned long node_words, cpu_words;
static unsigned long *words, *all_nodes, *first_node;
static char *node_list, *cpu_list, *every_second_cpu;

static void prepare(void)
{
    if (numa_available() < 0)
        give_up("the kernel has no memory policy");
    bits = numa_bitmask_alloc(BITS);
    same_bits = numa_bitmask_alloc(BITS);
    /* Every third is set: neither empty nor full words. */
    for (unsigned int bit = 0; bit < BITS; bit += 3) {
        numa_bitmask_setbit(bits, bit);
        numa_bitmask_setbit(same_bits, bit);
    }
    cpus = numa_allocate_cpumask();
    to_fill = numa_bitmask_alloc(BITS);
    last_cpu = numa_num_configured_cpus() - 1;
    last_node = numa_max_node();
    node_words = ((unsigned long)numa_num_possible_nodes() + 63) / 64;
    cpu_words = ((unsigned long)numa_num_possible_cpus() + 63) / 64;
    words = calloc(node_words > cpu_words ? node_words : cpu_words, sizeof *words);
    all_nodes = calloc(node_words, sizeof *all_nodes);
    first_node = calloc(node_words, sizeof *first_node);
    first_node[0] = 1;
    for (int node = 0; node <= last_node; node++)
        if (numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)node))
            all_nodes[node / 64] |= 1UL << node % 64;
    node_list = malloc(32);
    cpu_list = malloc(32);
    every_second_cpu = malloc(8 * (size_t)(last_cpu + 2));
    sprintf(node_list, "0-%d", last_node);
    sprintf(cpu_list, "0-%d", last_cpu);
    char *end = every_second_cpu + sprintf(every_second_cpu, "0");
    for (int cpu = 2; cpu <= last_cpu; cpu += 2)
        end += sprintf(end, ",%d", cpu);
}

/* --- bitmasks --- */

static bool weight(void)
{
    return numa_bitmask_weight(bits) == (BITS + 2) / 3;
}

static bool setall(void)
{
    return numa_bitmask_setall(to_fill) != NULL;
}

static bool clearall(void)
{
    return numa_bitmask_clearall(to_fill) != NULL;
}

static bool equal(void)
{
    return numa_bitmask_equal(bits, same_bits) == 1;
}

/* --- nodes and CPUs --- */

static bool node_of_cpu(void)
{
    return numa_node_of_cpu(last_cpu) >= 0;
}

static bool node_to_cpus(void)
{
    return numa_node_to_cpus(last_node, cpus) == 0;
}

static bool distance(void)
{
    return numa_distance(0, last_node) >= 10;
}

static bool node_size(void)
{
    long long left;
    return numa_node_size64(0, &left) > 0;
}

static bool bare_meminfo(void)
{
    static char text[PAGE];
    const int file = open("/sys/devices/system/node/node0/meminfo", O_RDONLY | O_CLOEXEC);
    const ssize_t length = read(file, text, sizeof text);
    return close(file) == 0 && length > 0;
}

/* --- queries of one system call --- */

static bool preferred(void)
{
    return numa_preferred() >= -1;
}

static bool bare_policy(void)
{
    int mode;
    return syscall(SYS_get_mempolicy, &mode, words, node_words * 64 + 1, NULL, 0) == 0;
}

static bool given_back(struct bitmask *set)
{
    const bool made = set != NULL;
    numa_bitmask_free(set);
    return made;
}

static bool mems_allowed(void)
{
    return given_back(numa_get_mems_allowed());
}

static bool bare_mems_allowed(void)
{
    return syscall(SYS_get_mempolicy, NULL, words, node_words * 64 + 1, NULL, MPOL_F_MEMS_ALLOWED) == 0;
}

static bool membind(void)
{
    return given_back(numa_get_membind());
}

static bool run_node_mask(void)
{
    return given_back(numa_get_run_node_mask());
}

static bool bare_affinity(void)
{
    return syscall(SYS_sched_getaffinity, 0, cpu_words * sizeof *words, words) > 0;
}

/* --- memory --- */

static bool freed(void *memory)
{
    if (memory == NULL)
        return false;
    numa_free(memory, PAGE);
    return true;
}

static bool alloc_onnode(void)
{
    return freed(numa_alloc_onnode(PAGE, 0));
}

static bool alloc_local(void)
{
    return freed(numa_alloc_local(PAGE));
}

static bool alloc_interleaved(void)
{
    return freed(numa_alloc_interleaved(PAGE));
}

static bool bare_allocation(int mode, const unsigned long *mask)
{
    void *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const unsigned long length = mask == NULL ? 0 : node_words * 64 + 1;
    return memory != MAP_FAILED && syscall(SYS_mbind, memory, PAGE, mode, mask, length, 0) == 0 && munmap(memory, PAGE) == 0;
}

static bool bare_onnode(void)
{
    return bare_allocation(MPOL_BIND, first_node);
}

static bool bare_local(void)
{
    return bare_allocation(MPOL_LOCAL, NULL);
}

static bool bare_interleaved(void)
{
    return bare_allocation(MPOL_INTERLEAVE, all_nodes);
}

/* --- node and CPU strings --- */

static bool parse_nodes(void)
{
    return given_back(numa_parse_nodestring(node_list));
}

static bool parse_cpus(void)
{
    return given_back(numa_parse_cpustring(cpu_list));
}

static bool parse_every_second_cpu(void)
{
    return given_back(numa_parse_cpustring(every_second_cpu));
}

static bool nothing(void)
{
    return true;
}

static const struct row ROWS[] = {
    { "nothing", nothing, NULL, 0 },
    { "numa_bitmask_weight", weight, NULL, 0 },
    { "numa_bitmask_setall", setall, NULL, 0 },
    { "numa_bitmask_clearall", clearall, NULL, 0 },
    { "numa_bitmask_equal", equal, NULL, 0 },
    { "numa_node_of_cpu", node_of_cpu, NULL, 0 },
    { "numa_node_to_cpus", node_to_cpus, NULL, 0 },
    { "numa_distance", distance, NULL, 0 },
    { "numa_node_size64", node_size, bare_meminfo, 0 },
    { "numa_parse_nodestring", parse_nodes, NULL, 0 },
    { "numa_parse_cpustring", parse_cpus, NULL, 0 },
    { "numa_parse_cpustring, every second", parse_every_second_cpu, NULL, MANY_CPUS },
    { "numa_preferred", preferred, bare_policy, 0 },
    { "numa_get_mems_allowed", mems_allowed, bare_mems_allowed, 0 },
    { "numa_get_membind", membind, bare_policy, 0 },
    { "numa_get_run_node_mask", run_node_mask, bare_affinity, 0 },
    { "numa_alloc_onnode", alloc_onnode, bare_onnode, 0 },
    { "numa_alloc_local", alloc_local, bare_local, 0 },
    { "numa_alloc_interleaved", alloc_interleaved, bare_interleaved, 0 },
};

/* --- measuring --- */

static uint64_t processor_time(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void repeat(const char *name, call *call, unsigned long times)
{
    /* Only the last call is checked; if another one failed, the last one would fail too. */
    bool good = true;
    for (unsigned long i = 0; i < times; i++)
        good = call();
    if (!good) {
        fprintf(stderr, "calls: %s: %s\n", name, strerror(errno));
        exit(EXIT_FAILURE);
    }
}

static uint64_t time_of(const char *name, call *call, unsigned long times)
{
    const uint64_t start = processor_time(CLOCK_THREAD_CPUTIME_ID);
    repeat(name, call, times);
    return processor_time(CLOCK_THREAD_CPUTIME_ID) - start;
}

/* The number of calls that take half a millisecond or more: short enough for most samples not to be interrupted. */
static unsigned long calibrated(const char *name, call *call)
{
    unsigned long times = 1;
    while (times < 1UL << 24 && time_of(name, call, times) < 500000)
        times *= 2;
    return times;
}

static void sample(const char *name, const char *kind, call *call, unsigned long times)
{
    printf("%s%s\t%.3f\n", name, kind, (double)time_of(name, call, times) / (double)times);
}

static void measure(const struct row *row, int samples, bool quick)
{
    repeat(row->name, row->call, 2);
    const unsigned long times = quick ? 1 : calibrated(row->name, row->call);
    for (int i = 0; i < samples; i++) {
        sample(row->name, "", row->call, times);
        if (row->bare != NULL)
            sample(row->name, " (bare)", row->bare, times);
    }
}

/* Callgrind dumps and resets its counts wherever this is called. */
__attribute__((noinline)) static void cut(void)
{
    __asm__ volatile("");
}

/* One system call, unlike with stdio. */
static void say(const char *word, const char *name)
{
    char line[128];
    const int length = snprintf(line, sizeof line, "%s %s\n", word, name);
    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        give_up("nobody listens");
}

static void begin(const char *name)
{
    say("begin", name);
    cut();
}

static void end(const char *name)
{
    cut();
    say("end", name);
}

static void mark(const struct row *row, unsigned long times)
{
    repeat(row->name, row->call, 2);
    begin(row->name);
    repeat(row->name, row->call, times);
    end(row->name);
}

/* What a program does first if it is started to run on the nodes of some CPUs. */
static void use_first(void)
{
    const char *started = getenv("BENCH_STARTED");
    const uint64_t before = started == NULL ? 0 : strtoull(started, NULL, 10);
    begin("first use");
    if (numa_available() < 0 || numa_node_of_cpu(numa_num_configured_cpus() - 1) != numa_max_node())
        give_up("the last CPU is not on the last node");
    end("first use");
    printf("first use\t%.3f\n", (double)(processor_time(CLOCK_PROCESS_CPUTIME_ID) - before));
}

int main(int argc, char **argv)
{
    bool quick = false, first = false;
    unsigned long marked = 0;
    const char *only = "";
    for (int option; (option = getopt(argc, argv, "qfm:r:")) != -1;) {
        switch (option) {
        case 'q':
            quick = true;
            break;
        case 'f':
            first = true;
            break;
        case 'm':
            marked = strtoul(optarg, NULL, 10);
            break;
        case 'r':
            only = optarg;
            break;
        default:
            fputs("usage: calls [-q] [-f] [-m TIMES] [-r ROW]\n"
                  "  -q  quick: one sample of one call of each\n"
                  "  -f  only the first use of the library\n"
                  "  -m  so many calls between marks, without times\n"
                  "  -r  only rows whose name begins so\n", stderr);
            return EXIT_FAILURE;
        }
    }
    if (first) {
        use_first();
        return EXIT_SUCCESS;
    }
    prepare();
    for (const struct row *row = ROWS; row < ROWS + sizeof ROWS / sizeof *ROWS; row++) {
        if (strncmp(row->name, only, strlen(only)) != 0 || row->cpus > last_cpu + 1)
            continue;
        if (marked > 0)
            mark(row, marked);
        else
            measure(row, quick ? 1 : 3, quick);
    }
    return EXIT_SUCCESS;
}

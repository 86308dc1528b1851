/* Times calls of libnuma's interface, and the bare system calls that some of them consist of. rows.h says what it prints. */
#include "rows.h"
#include <fcntl.h>
#include <numaif.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { BITS = 8192, MANY_CPUS = 8192, PAGE = 4096 };

/* --- arguments of the calls, created by prepare() --- */

static struct bitmask *bits, *same_bits, *to_fill, *cpus;
/* The first node that this process may use, usually 0. */
static int home;
static int last_cpu, last_node;
static unsigned long node_words, cpu_words;
static unsigned long *words, *all_nodes, *first_node;
static char home_meminfo[64];
static char *node_list, *cpu_list, *every_second_cpu;

static int prepare(void)
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
    while (home < last_node && !numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)home))
        home++;
    first_node[home / 64] |= 1UL << home % 64;
    sprintf(home_meminfo, "/sys/devices/system/node/node%d/meminfo", home);
    for (int node = home; node <= last_node; node++)
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
    return last_cpu + 1;
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
    return numa_distance(home, last_node) >= 10;
}

static bool node_size(void)
{
    long long left;
    return numa_node_size64(home, &left) > 0;
}

static bool bare_meminfo(void)
{
    static char text[PAGE];
    const int file = open(home_meminfo, O_RDONLY | O_CLOEXEC);
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
    return freed(numa_alloc_onnode(PAGE, home));
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

static const struct row ROWS[] = {
    { .name = "nothing", .call = nothing },
    { .name = "numa_bitmask_weight", .call = weight },
    { .name = "numa_bitmask_setall", .call = setall },
    { .name = "numa_bitmask_clearall", .call = clearall },
    { .name = "numa_bitmask_equal", .call = equal },
    { .name = "numa_node_of_cpu", .call = node_of_cpu },
    { .name = "numa_node_to_cpus", .call = node_to_cpus },
    { .name = "numa_distance", .call = distance },
    { .name = "numa_node_size64", .call = node_size, .bare = bare_meminfo },
    { .name = "numa_parse_nodestring", .call = parse_nodes },
    { .name = "numa_parse_cpustring", .call = parse_cpus },
    { .name = "numa_parse_cpustring, every second", .call = parse_every_second_cpu, .cpus = MANY_CPUS },
    { .name = "numa_preferred", .call = preferred, .bare = bare_policy },
    { .name = "numa_get_mems_allowed", .call = mems_allowed, .bare = bare_mems_allowed },
    { .name = "numa_get_membind", .call = membind, .bare = bare_policy },
    { .name = "numa_get_run_node_mask", .call = run_node_mask, .bare = bare_affinity },
    { .name = "numa_alloc_onnode", .call = alloc_onnode, .bare = bare_onnode },
    { .name = "numa_alloc_local", .call = alloc_local, .bare = bare_local },
    { .name = "numa_alloc_interleaved", .call = alloc_interleaved, .bare = bare_interleaved },
};

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
    return run(argc, argv, &(const struct program){ "calls", ROWS, sizeof ROWS / sizeof *ROWS, prepare, use_first });
}

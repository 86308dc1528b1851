#include "memory.h"

#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arguments.h"

enum { MAX_BITS = 4096, WORDS = MAX_BITS / (8 * sizeof(unsigned long)), MAX_PAGES = 64, MAX_NODES = 64 };

/* The names of the modes in numa_maps; the header may be older than the kernel. */
static const char *const modes[] = { "default", "prefer", "bind", "interleave", "local", "prefer-many", "weighted-interleave" };

static const struct {
    int bit;
    const char *name;
} mode_flags[] = { { 1 << 13, "balancing" }, { 1 << 14, "relative" }, { 1 << 15, "static" } };

size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void *fresh_pages(size_t count)
{
    void *start = mmap(NULL, count * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        abort();
    return start;
}

void touch_pages(void *start, size_t count)
{
    for (size_t page = 0; page < count; page++)
        ((volatile char *)start)[page * page_size()] = 1;
}

static void print_policy(const char *of, void *address, unsigned long flags)
{
    int mode = 0;
    unsigned long words[WORDS] = { 0 };
    if (syscall(SYS_get_mempolicy, &mode, words, MAX_BITS, address, flags) != 0) {
        printf("%s: %s\n", of, strerrorname_np(errno));
        return;
    }
    printf("%s: ", of);
    for (size_t flag = 0; flag < COUNT(mode_flags); flag++)
        if (mode & mode_flags[flag].bit) {
            printf("%s ", mode_flags[flag].name);
            mode &= ~mode_flags[flag].bit;
        }
    printf("%s ", (size_t)mode < COUNT(modes) ? modes[mode] : "unknown");
    print_bits(words, MAX_BITS);
    putchar('\n');
}

void print_thread_policy(void)
{
    print_policy("thread policy", NULL, 0);
}

void print_affinity(void)
{
    unsigned long words[WORDS] = { 0 };
    if (syscall(SYS_sched_getaffinity, 0, sizeof words, words) < 0)
        abort();
    printf("affinity: ");
    print_bits(words, MAX_BITS);
    putchar('\n');
}

/* Prints the second word of the mapping's line. */
static void print_numa_maps(const void *address)
{
    FILE *maps = fopen("/proc/self/numa_maps", "r");
    char line[512], policy_of_mapping[128] = "none", policy[128];
    if (maps == NULL) {
        puts("numa_maps: not there");
        return;
    }
    /* A line only has the start of its mapping: the last one that does not start after the address. */
    for (uintptr_t start; fgets(line, sizeof line, maps) != NULL;)
        if (sscanf(line, "%" SCNxPTR " %127s", &start, policy) == 2 && start <= (uintptr_t)address)
            memcpy(policy_of_mapping, policy, sizeof policy_of_mapping);
    fclose(maps);
    printf("numa_maps: %s\n", policy_of_mapping);
}

void print_memory_policy(void *address)
{
    print_policy("memory policy", address, MPOL_F_ADDR);
    print_numa_maps(address);
}

/* Queries each page: a node, or a negative errno. */
static void query_pages(void *start, size_t count, int status[static MAX_PAGES])
{
    void *pages[MAX_PAGES];
    if (count > MAX_PAGES)
        abort();
    for (size_t page = 0; page < count; page++)
        pages[page] = (char *)start + page * page_size();
    if (syscall(SYS_move_pages, 0, count, pages, NULL, status, 0) != 0)
        abort();
}

void print_presence(void *start, size_t count)
{
    int status[MAX_PAGES];
    size_t present = 0;
    query_pages(start, count, status);
    for (size_t page = 0; page < count; page++)
        present += status[page] >= 0;
    printf("%zu of %zu pages exist\n", present, count);
}

void print_placement(void *start, size_t count)
{
    int status[MAX_PAGES], on_node[MAX_NODES] = { 0 };
    query_pages(start, count, status);
    printf("pages:");
    for (size_t page = 0; page < count; page++)
        if (status[page] >= 0)
            on_node[status[page]]++;
        else
            printf(" %s", strerrorname_np(-status[page]));
    for (int node = 0; node < MAX_NODES; node++)
        if (on_node[node] > 0)
            printf(" %d on node %d", on_node[node], node);
    putchar('\n');
}

void print_whether_mapped(const void *address)
{
    unsigned char resident;
    const uintptr_t page = (uintptr_t)address & ~(page_size() - 1);
    puts(mincore((void *)page, 1, &resident) == 0 ? "mapped" : "not mapped");
}

void set_thread_policy(int mode, unsigned long nodes)
{
    if (syscall(SYS_set_mempolicy, mode, nodes != 0 ? &nodes : NULL, nodes != 0 ? 8 * sizeof nodes + 1 : 0) != 0)
        printf("set_mempolicy: %s\n", strerrorname_np(errno));
}

void stay_on_first_cpu(void)
{
    cpu_set_t cpu;
    CPU_ZERO(&cpu);
    CPU_SET(first_allowed_cpu(), &cpu);
    if (sched_setaffinity(0, sizeof cpu, &cpu) != 0)
        abort();
}

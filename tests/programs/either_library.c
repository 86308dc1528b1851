/* Linked with one library and run with the other: what libnuma and numars have in common is printed, and each must print the same. The last line
 * says which of them ran. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <string.h>

static void print_nodes(const char *what, struct bitmask *nodes)
{
    printf("%s:", what);
    for (unsigned node = 0; nodes != NULL && node < nodes->size; node++)
        if (numa_bitmask_isbitset(nodes, node))
            printf(" %u", node);
    printf("%s\n", nodes == NULL ? " NULL" : "");
    if (nodes != NULL)
        numa_bitmask_free(nodes);
}

static void place_memory(int node)
{
    char *memory = numa_alloc_onnode(2 * numa_pagesize(), node);
    void *pages[2] = { memory, memory + numa_pagesize() };
    int nodes[2] = { 0, numa_max_node() }, status[2] = { -1, -1 }, mode = -1;
    memset(memory, 1, 2 * numa_pagesize());
    printf("memory: %ld", move_pages(0, 2, pages, NULL, status, 0));
    printf(" %d %d", status[0], status[1]);
    printf(", moved: %d", numa_move_pages(0, 2, pages, nodes, status, MPOL_MF_MOVE));
    printf(" %d %d", status[0], status[1]);
    printf(", policy: %ld", get_mempolicy(&mode, NULL, 0, memory, MPOL_F_ADDR));
    printf(" %d\n", mode);
    numa_free(memory, 2 * numa_pagesize());
}

/* How many CPUs each node has: which of them is CPU 0 differs from boot to boot on riscv64. */
static void print_cpus_of_nodes(void)
{
    for (int node = 0; node <= numa_max_node(); node++) {
        int count = 0;
        for (int cpu = 0; cpu < numa_num_configured_cpus(); cpu++)
            count += numa_node_of_cpu(cpu) == node;
        printf("CPUs of node %d: %d\n", node, count);
    }
}

int main(void)
{
    const int available = numa_available();
    printf("available: %d\n", available);
    if (available >= 0) {
        printf("nodes: %d %d, CPUs: %d\n", numa_max_node(), numa_num_configured_nodes(), numa_num_configured_cpus());
        for (int node = 0; node <= numa_max_node(); node++)
            printf("%d: %d from 0, %s memory\n", node, numa_distance(0, node), numa_node_size64(node, NULL) > 0 ? "has" : "no");
        print_cpus_of_nodes();
        print_nodes("list", numa_parse_nodestring("0"));
        print_nodes("bad list", numa_parse_nodestring("x"));
        print_nodes("all", numa_get_mems_allowed());
        numa_set_preferred(0);
        printf("preferred: %d\n", numa_preferred());
        numa_set_interleave_mask(numa_all_nodes_ptr);
        print_nodes("interleave", numa_get_interleave_mask());
        numa_set_localalloc();
        place_memory(0);
    }
    printf("%s\n", dlsym(RTLD_DEFAULT, "numars_version") == NULL ? "libnuma" : "numars");
    return 0;
}

/* Uses libnuma: prints nodes, CPUs and policy. */
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    if (numa_available() < 0)
        return 77;
    printf("%d nodes up to %d, %d CPUs\n", numa_num_configured_nodes(), numa_max_node(), numa_num_configured_cpus());
    for (int node = 0; node <= numa_max_node(); node++) {
        struct bitmask *cpus = numa_allocate_cpumask();

        if (numa_node_to_cpus(node, cpus) == 0)
            printf("node %d: %lld bytes, %u CPUs\n", node, numa_node_size64(node, NULL), numa_bitmask_weight(cpus));
        numa_free_cpumask(cpus);
    }
    void *memory = numa_alloc_onnode(1 << 20, 0);
    int status = -1;
    int mode = -1;

    *(char *)memory = 1;
    printf("move_pages %ld", move_pages(0, 1, &memory, NULL, &status, 0));
    printf(" status %d\n", status);
    printf("get_mempolicy %ld", get_mempolicy(&mode, NULL, 0, memory, MPOL_F_ADDR));
    printf(" mode %d\n", mode);
    numa_free(memory, 1 << 20);
    struct bitmask *none = numa_parse_nodestring("7-3");
    printf("7-3 is %s\n", none ? "a list" : "no list");
    return EXIT_SUCCESS;
}

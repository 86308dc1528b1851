/* Lists the nodes of this machine with what the kernel states about their memory: size, tier, bandwidth, latency, and the weight for
 * weighted interleaving. Most firmware says nothing about speed; then all nodes are in one tier, and columns are empty.
 *
 *     cc -o memory_tiers memory_tiers.c $(pkg-config --cflags --libs numars)
 *     ./memory_tiers */

#include <errno.h>
#include <inttypes.h>
#include <numa.h>
#include <numars.h>
#include <stdio.h>
#include <stdlib.h>

/* Prints an attribute in multiples of `unit`, or - if the kernel does not state it. */
static void print_attribute(int node, int attribute, uint64_t unit, int width)
{
    uint64_t value;

    if (numars_node_attribute(node, -1, attribute, &value) == 0)
        printf(" %*" PRIu64, width, value / unit);
    else
        printf(" %*s", width, errno == ENODATA ? "-" : "?");
}

static void print_number(int number, int width)
{
    if (number >= 0)
        printf(" %*d", width, number);
    else
        printf(" %*s", width, errno == ENODATA ? "-" : "?");
}

static void print_kind(int kind)
{
    if (kind < 0) {
        printf(" ?");
        return;
    }
    printf("%s%s%s", kind & NUMARS_NODE_HAS_CPUS ? " CPUs" : "", kind & NUMARS_NODE_HAS_MEMORY ? " memory" : "",
           kind & NUMARS_NODE_DAX ? " dax" : "");
}

int main(void)
{
    struct bitmask *best = numa_allocate_nodemask();
    int tiers;

    if (best == NULL)
        return EXIT_FAILURE;
    printf("node   MiB  tier  MB/s read  write  ns read  write  weight  has\n");
    for (int node = 0; node <= numa_max_node(); node++) {
        if (!numa_bitmask_isbitset(numa_nodes_ptr, (unsigned int)node))
            continue;
        printf("%4d", node);
        print_attribute(node, NUMARS_CAPACITY, 1 << 20, 5);
        print_number(numars_node_tier(node), 5);
        print_attribute(node, NUMARS_READ_BANDWIDTH, 1, 10);
        print_attribute(node, NUMARS_WRITE_BANDWIDTH, 1, 6);
        print_attribute(node, NUMARS_READ_LATENCY, 1, 8);
        print_attribute(node, NUMARS_WRITE_LATENCY, 1, 6);
        print_number(numars_node_weight(node), 7);
        print_kind(numars_node_kind(node));
        putchar('\n');
    }

    tiers = numars_tiers(NULL, 0);
    if (tiers == 1)
        printf("All memory is in one tier: the firmware describes no difference, or the kernel ignores it.\n");
    else if (tiers > 1)
        printf("There are %d tiers; a smaller number is faster.\n", tiers);
    if (numars_best_nodes(-1, NUMARS_READ_LATENCY, best) == 0) {
        printf("Lowest latency of reads: node");
        for (unsigned int node = 0; node < best->size; node++)
            if (numa_bitmask_isbitset(best, node))
                printf(" %u", node);
        putchar('\n');
    }
    numa_bitmask_free(best);
    return EXIT_SUCCESS;
}

/* Distributes 64 MiB of its own memory over all NUMA nodes that it may use, and prints how many pages are on each node before and after.
 *
 *     cc -o place_memory place_memory.c $(pkg-config --cflags --libs numars)
 *     ./place_memory interleave
 *     ./place_memory balance */

#include <numa.h>
#include <numars.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t SIZE = 64UL << 20; /* bytes */

/* Prints the pages of the memory on each node. Returns 0 on success. */
static int print_pages(const char *when, const char *memory)
{
    const unsigned int nodes = (unsigned int)numa_max_node() + 1;
    unsigned long *pages = calloc(nodes, sizeof *pages);
    if (pages == NULL || numars_count_pages(0, memory, SIZE, pages, nodes) < 0) {
        perror("numars_count_pages");
        free(pages);
        return -1;
    }
    printf("%s:", when);
    for (unsigned int node = 0; node < nodes; node++)
        if (numa_bitmask_isbitset(numa_all_nodes_ptr, node))
            printf("  node %u %lu", node, pages[node]);
    printf("\n");
    free(pages);
    return 0;
}

int main(int argc, char **argv)
{
    struct numars_placement placement = NUMARS_PLACEMENT_INIT;
    if (argc == 2 && strcmp(argv[1], "interleave") == 0)
        placement.mode = NUMARS_PLACE_INTERLEAVE; /* as the policy would have allocated the pages */
    else if (argc == 2 && strcmp(argv[1], "balance") == 0)
        placement.mode = NUMARS_PLACE_BALANCE; /* with as few moves as possible */
    else {
        fprintf(stderr, "usage: %s interleave|balance\n", argv[0]);
        return EXIT_FAILURE;
    }
    char *memory = numa_available() < 0 ? NULL : numa_alloc(SIZE);
    if (memory == NULL) {
        fprintf(stderr, "no memory, or no NUMA policy\n");
        return EXIT_FAILURE;
    }
    memset(memory, 1, SIZE); /* allocates the pages, on the node that the program runs on */
    if (print_pages("before", memory) != 0)
        return EXIT_FAILURE;

    placement.flags = NUMARS_PLACE_SET_POLICY; /* for pages that are allocated later, and against automatic NUMA balancing */
    placement.nodes = numa_all_nodes_ptr;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    const long elsewhere = numars_place_range(0, memory, SIZE, &placement, NULL, &stats); /* 0: this process */
    if (elsewhere < 0)
        perror("numars_place_range");
    /* The statistics are valid after an error too. */
    printf("%lu moved, %lu were in place, %ld are elsewhere\n", stats.moved, stats.in_place, elsewhere);
    if (print_pages("after", memory) != 0)
        return EXIT_FAILURE;
    numa_free(memory, SIZE);
    return elsewhere == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

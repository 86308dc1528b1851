/* Allocates memory on a node and says where its pages are, or why that is impossible: without a message of the library, and without memory
 * that is silently somewhere else.
 *
 *     cc -o alloc_with_errors alloc_with_errors.c $(pkg-config --cflags --libs numars)
 *     ./alloc_with_errors NODE MEBIBYTES
 */

#include <errno.h>
#include <numars.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NODES = 64 };

/* Prints how many pages of the memory are on each node. */
static void show(const char *what, const void *memory, size_t size)
{
    unsigned long on_node[MAX_NODES];
    const long pages = numars_count_pages(0, memory, size, on_node, MAX_NODES);

    if (pages < 0) {
        printf("%s: %s\n", what, strerror(errno));
        return;
    }
    printf("%s: %ld pages", what, pages);
    for (int node = 0; node < MAX_NODES; node++)
        if (on_node[node] > 0)
            printf(", %lu %s %d", on_node[node], numars_status_string(node), node);
    printf("\n");
}

/* Allocates, shows and frees the memory. */
static int try_to_allocate(const char *what, size_t size, int node, unsigned int flags)
{
    void *memory = numars_alloc_onnode(size, node, flags);

    if (memory == NULL) {
        printf("%s: %s\n", what, strerror(errno));
        return 0;
    }
    show(what, memory, size);
    numa_free(memory, size);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s NODE MEBIBYTES\n", argv[0]);
        return EXIT_FAILURE;
    }
    const int node = atoi(argv[1]);
    const size_t size = strtoul(argv[2], NULL, 10) << 20;

    /* Pages are allocated when they are touched; other nodes are used if this one is full. */
    try_to_allocate("preferred", size, node, 0);
    /* The same, but all pages are allocated now. */
    try_to_allocate("preferred and populated", size, node, NUMARS_ALLOC_POPULATE);
    /* All pages are on the node, now and later, or the call fails. */
    return try_to_allocate("strict", size, node, NUMARS_ALLOC_STRICT | NUMARS_ALLOC_NO_FALLBACK) ? EXIT_SUCCESS : EXIT_FAILURE;
}

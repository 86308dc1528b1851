/* Parses a list of nodes and prints it as the kernel writes it, or points at the error.
 *
 *     cc -o parse_nodes parse_nodes.c $(pkg-config --cflags --libs numars)
 *     ./parse_nodes '!0'
 *     ./parse_nodes 0,7,2
 */

#include <numars.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct numars_parse_error error = NUMARS_PARSE_ERROR_INIT;
    struct bitmask *nodes;

    if (argc != 2) {
        fprintf(stderr, "usage: %s NODES\n", argv[0]);
        return EXIT_FAILURE;
    }
    nodes = numa_allocate_nodemask();
    if (nodes == NULL) {
        perror(argv[0]);
        return EXIT_FAILURE;
    }
    if (numars_parse_nodes(argv[1], nodes, &error) != 0) {
        fprintf(stderr, "%s\n%*s^ %s\n", argv[1], (int)error.offset, "", error.message);
        numa_bitmask_free(nodes);
        return EXIT_FAILURE;
    }

    /* The first call only returns the length. */
    const int length = numars_format_nodes(nodes, NULL, 0);
    char *text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (text == NULL) {
        perror(argv[0]);
        numa_bitmask_free(nodes);
        return EXIT_FAILURE;
    }
    numars_format_nodes(nodes, text, (size_t)length + 1);
    printf("%u nodes: %s\n", numa_bitmask_weight(nodes), text);
    free(text);
    numa_bitmask_free(nodes);
    return EXIT_SUCCESS;
}

/* Moves pages of this process between NUMA nodes and draws where they are: on one node, spread over all nodes, gathered on one again.
 *
 *     cc -o page_map page_map.c $(pkg-config --cflags --libs numars)
 *     ./page_map
 *
 * tests-c/four-nodes/example_page_map.c runs it in a guest with four nodes. */

#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 1024, PAGES_IN_A_LINE = 64, MAX_NODES = 64 };

static const char *memory;                 /* PAGES pages */
static void *pages[PAGES];                 /* the address of each */
static int status[PAGES];                  /* the node of each, or a negative errno */
static int nodes[MAX_NODES], node_count;  /* the nodes that this process may use */

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static double milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void find_nodes(void)
{
    struct bitmask *allowed = numa_allocate_nodemask();

    if (!allowed || get_mempolicy(NULL, allowed->maskp, allowed->size + 1, NULL, MPOL_F_MEMS_ALLOWED) != 0)
        fail("get_mempolicy");
    for (unsigned int node = 0; node < allowed->size && node_count < MAX_NODES; node++)
        if (numa_bitmask_isbitset(allowed, node))
            nodes[node_count++] = (int)node;
    numa_bitmask_free(allowed);
}

/* Maps the pages and allocates them all on one node (MPOL_BIND). */
static void fill_one_node(int node)
{
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
    struct bitmask *target = numa_allocate_nodemask();
    char *start = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (!target || start == MAP_FAILED)
        fail("mmap");
    madvise(start, PAGES * page_size, MADV_NOHUGEPAGE);
    numa_bitmask_setbit(target, (unsigned int)node);
    if (mbind(start, PAGES * page_size, MPOL_BIND, target->maskp, target->size + 1, 0) != 0)
        fail("mbind");
    numa_bitmask_free(target);
    for (int i = 0; i < PAGES; i++) {
        pages[i] = start + (size_t)i * page_size;
        memset(pages[i], i, page_size);
    }
    memory = start;
}

/* Draws one character per page: the last digit of its node, in the node's colour if the terminal supports colours. */
static void draw(void)
{
    int colours = getenv("CLICOLOR_FORCE") || (isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));

    if (numa_move_pages(0, PAGES, pages, NULL, status, 0) != 0)
        fail("numa_move_pages");
    for (int i = 0; i < PAGES; i++) {
        if (i % PAGES_IN_A_LINE == 0)
            printf("    ");
        if (status[i] < 0)
            putchar('?');
        else if (colours)
            printf("\033[97;4%dm%d\033[0m", 1 + status[i] % 6, status[i] % 10);
        else
            printf("%d", status[i] % 10);
        if (i % PAGES_IN_A_LINE == PAGES_IN_A_LINE - 1)
            putchar('\n');
    }
    for (int i = 0; i < PAGES; i++)
        if (status[i] < 0)
            printf("    page %d: %s\n", i, numars_status_string(status[i]));
    printf("    pages on");
    for (int n = 0; n < node_count; n++) {
        int on_node = 0;

        for (int i = 0; i < PAGES; i++)
            on_node += status[i] == nodes[n];
        printf("  node %d: %d", nodes[n], on_node);
    }
    printf("\n\n");
}

/* Moves each page to its target node, prints the result, and draws the pages. */
static void move(const char *what, const int *targets)
{
    int before[PAGES], moved = 0;
    double start, took;
    long left;

    memcpy(before, status, sizeof(before));
    start = milliseconds();
    left = numa_move_pages(0, PAGES, pages, targets, status, MPOL_MF_MOVE);
    took = milliseconds() - start;
    if (left < 0)
        fail("numa_move_pages");
    for (int i = 0; i < PAGES; i++)
        moved += status[i] != before[i];
    printf("%s: %d of %d pages moved, %ld stayed behind, in %.1f ms\n", what, moved, PAGES, left, took);
    draw();
}

static int contents_survived(void)
{
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);

    for (size_t i = 0; i < PAGES * page_size; i++)
        if ((unsigned char)memory[i] != (unsigned char)(i / page_size))
            return 0;
    return 1;
}

int main(void)
{
    int targets[PAGES];

    if (numa_available() < 0) {
        printf("NUMA policy is not available: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    find_nodes();
    fill_one_node(nodes[0]);
    printf("%d pages on node %d, one character per page:\n", PAGES, nodes[0]);
    draw();
    if (node_count < 2) {
        printf("This machine has only one node, so there is nowhere to move the pages.\n");
        return EXIT_SUCCESS;
    }

    for (int i = 0; i < PAGES; i++)
        targets[i] = nodes[i % node_count];
    move("Spread over all nodes", targets);

    for (int i = 0; i < PAGES; i++)
        targets[i] = nodes[node_count - 1];
    move("Gathered on the last node", targets);

    if (!contents_survived()) {
        printf("The contents of a page changed during the moves!\n");
        return EXIT_FAILURE;
    }
    printf("The contents of all pages are intact.\n");
    return EXIT_SUCCESS;
}

/* Moves 16 MiB from one NUMA node to another, with progress and statistics.
 *
 *     cc -o move_with_progress move_with_progress.c $(pkg-config --cflags --libs numars)
 *     ./move_with_progress 0 1 */

#include <numa.h>
#include <numars.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t SIZE = 16UL << 20; /* bytes */

/* Progress callback: runs every 64 MiB or 100 ms, and at the end. A nonzero result cancels the move (ECANCELED). */
static int show(const struct numars_move_stats *so_far, void *arg)
{
    printf("%s: %lu pages moved\n", (const char *)arg, so_far->moved);
    return 0;
}

int main(int argc, char **argv)
{
    if (numa_available() < 0 || argc != 3) {
        fprintf(stderr, "usage: %s FROM TO, on a machine with NUMA nodes\n", argv[0]);
        return EXIT_FAILURE;
    }
    const int from = atoi(argv[1]), to = atoi(argv[2]);
    char *memory = numa_alloc_onnode(SIZE, from);
    if (memory == NULL) {
        perror("numa_alloc_onnode");
        return EXIT_FAILURE;
    }
    memset(memory, 1, SIZE); /* allocates the pages */

    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.threads = 0; /* choose a number that suits the machine */
    options.progress = show;
    options.progress_arg = "so far";
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    const long left = numars_move_range(0, memory, SIZE, to, &options, &stats); /* 0: this process */
    if (left < 0)
        perror("numars_move_range");
    /* The statistics are valid after an error too. */
    printf("%lu moved, %lu were there, %lu busy, %lu found no memory\n", stats.moved, stats.in_place, stats.busy, stats.no_memory);
    numa_free(memory, SIZE);
    return left == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

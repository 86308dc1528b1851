/* Moves the memory of a process to one NUMA node while it works, without disturbing it much: short calls of the kernel, a limited rate, and
 * Ctrl-C ends the move. Without a process, this one moves 64 MiB of its own.
 *
 *     cc -o move_gently move_gently.c $(pkg-config --cflags --libs numars)
 *     ./move_gently 1 $(pidof postgres) */

#include <numa.h>
#include <numars.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t SIZE = 64UL << 20; /* bytes, of this process */

/* The move ends when this is not 0. It is read before each call of the kernel that moves pages. */
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

int main(int argc, char **argv)
{
    if (numa_available() < 0 || argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s NODE [PID], on a machine with NUMA nodes\n", argv[0]);
        return EXIT_FAILURE;
    }
    const pid_t pid = argc > 2 ? (pid_t)atoi(argv[2]) : 0; /* 0: this process */
    char *memory = pid == 0 ? numa_alloc(SIZE) : NULL;
    if (memory != NULL)
        memset(memory, 1, SIZE); /* allocates the pages */
    struct bitmask *from = numa_bitmask_alloc((unsigned int)numa_num_possible_nodes());
    struct bitmask *to = numa_parse_nodestring(argv[1]);
    if (from == NULL || to == NULL || numa_bitmask_weight(to) != 1)
        return EXIT_FAILURE;
    /* From all other nodes that have memory. */
    copy_bitmask_to_bitmask(numa_all_nodes_ptr, from);
    for (unsigned int node = 0; node < from->size; node++)
        if (numa_bitmask_isbitset(to, node))
            numa_bitmask_clearbit(from, node);

    signal(SIGINT, interrupt);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    options.max_pause_us = 1000;               /* target for calls of the kernel, and so for threads that wait for a page */
    options.max_bytes_per_second = 256UL << 20; /* leaves the rest of the memory bandwidth to others */
    options.cancel = &interrupted;
    const long stayed = numars_move_process(pid, from, to, &options, &stats);
    if (stayed < 0)
        perror("numars_move_process"); /* ECANCELED after Ctrl-C */
    /* The statistics are valid after an error too. */
    printf("%lu pages moved, %lu shared, %lu busy, %lu found no memory\n", stats.moved, stats.shared, stats.busy, stats.no_memory);
    printf("%.1f s, %lu calls, the longest took %.3f ms\n", (double)stats.elapsed_ns / 1e9, stats.kernel_calls,
           (double)stats.longest_call_ns / 1e6);
    numa_bitmask_free(from);
    numa_bitmask_free(to);
    if (memory != NULL)
        numa_free(memory, SIZE);
    return stayed < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

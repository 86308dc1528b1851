/* Moves the pages of processes without a break, in every way and with every limit that <numars.h> has, and counts what happens.
 *
 *     mover SECONDS PID...
 *
 * Prints a line `mover key=number ...`. Exits with 1 if a call fails with an error that is not documented for what was asked, its statistics do
 * not add up, or descriptors or mappings were leaked. */
#include <dirent.h>
#include <errno.h>
#include <numaif.h>
#include <numars.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_THREADS = 4 };

static uint64_t state = 88172645463325252;

static unsigned int random_below(unsigned int limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned int)(state >> 33) % limit;
}

static bool one_in(unsigned int number)
{
    return random_below(number) == 0;
}

static double seconds_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* --- what happened --- */

static struct {
    unsigned long moves, placements, pages, cancelled, timed_out, full, without_node, busy, longest_call_us;
} counts;

/* Ends a move at the progress report with this number; 0: none. */
struct cancellation {
    unsigned int report;
};

static int report(const struct numars_move_stats *so_far, void *argument)
{
    struct cancellation *cancellation = argument;
    (void)so_far;
    return cancellation->report > 0 && --cancellation->report == 0;
}

static struct bitmask *random_nodes(unsigned int nodes, bool all)
{
    struct bitmask *set = numa_allocate_nodemask();
    do {
        for (unsigned int node = 0; node < nodes; node++)
            if (all || one_in(2))
                numa_bitmask_setbit(set, node);
    } while (numa_bitmask_weight(set) == 0);
    return set;
}

static void check(const char *call, long returned, int error, const struct numars_move_options *options, bool may_cancel,
                  const struct numars_move_stats *stats)
{
    counts.pages += stats->moved;
    counts.busy += stats->busy;
    if (stats->longest_call_ns / 1000 > counts.longest_call_us)
        counts.longest_call_us = stats->longest_call_ns / 1000;
    const unsigned long finished =
        stats->moved + stats->in_place + stats->absent + stats->unmapped + stats->shared + stats->busy + stats->no_memory + stats->failed;
    bool good = finished <= stats->requested && (returned < 0 || finished == stats->requested);
    if (returned < 0)
        switch (error) {
        case ECANCELED:
            good &= may_cancel;
            counts.cancelled++;
            break;
        case ETIMEDOUT:
            good &= options->timeout_ms > 0;
            counts.timed_out++;
            break;
        case ENOMEM:
            counts.full++;
            break;
        /* The memory of a node went offline, or the cpuset of the process shrank. */
        case ENODEV:
        case EACCES:
            counts.without_node++;
            break;
        default:
            good = false;
        }
    if (!good) {
        fprintf(stderr, "mover: %s returned %ld, errno %d (%s); requested %lu, finished %lu\n", call, returned, returned < 0 ? error : 0,
                strerror(error), (unsigned long)stats->requested, finished);
        exit(EXIT_FAILURE);
    }
}

static void move_once(int pid, unsigned int nodes)
{
    struct cancellation cancellation = { one_in(8) ? 1 + random_below(20) : 0 };
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    options.flags = one_in(3) ? MPOL_MF_MOVE_ALL : MPOL_MF_MOVE;
    options.threads = random_below(MAX_THREADS);
    options.max_pause_us = one_in(2) ? 500 + random_below(5000) : 0;
    options.timeout_ms = one_in(6) ? 1 + random_below(200) : 0;
    options.max_bytes_per_second = one_in(6) ? (uint64_t)(20 + random_below(200)) << 20 : 0;
    if (one_in(2) || cancellation.report > 0) {
        options.progress = report;
        options.progress_arg = &cancellation;
    }
    const bool may_cancel = cancellation.report > 0;
    struct bitmask *from = random_nodes(nodes, one_in(2)), *to = random_nodes(nodes, false);
    long returned;
    if (one_in(3)) {
        static const int modes[] = { NUMARS_PLACE_PACK, NUMARS_PLACE_INTERLEAVE, NUMARS_PLACE_BALANCE };
        struct numars_placement placement = NUMARS_PLACEMENT_INIT;
        placement.mode = modes[random_below(3)];
        placement.nodes = to;
        errno = 0;
        returned = numars_place_process(pid, &placement, &options, &stats);
        check("numars_place_process", returned, errno, &options, may_cancel, &stats);
        counts.placements++;
    } else {
        errno = 0;
        returned = numars_move_process(pid, from, to, &options, &stats);
        check("numars_move_process", returned, errno, &options, may_cancel, &stats);
        counts.moves++;
    }
    numa_bitmask_free(from);
    numa_bitmask_free(to);
}

/* --- leaks --- */

static unsigned long lines_of(const char *name)
{
    unsigned long lines = 0;
    FILE *file = fopen(name, "r");
    for (int c; file != NULL && (c = getc(file)) != EOF;)
        lines += c == '\n';
    if (file != NULL)
        fclose(file);
    return lines;
}

static unsigned long open_descriptors(void)
{
    unsigned long entries = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory != NULL && readdir(directory) != NULL)
        entries++;
    if (directory != NULL)
        closedir(directory);
    return entries;
}

int main(int count, char **arguments)
{
    if (count < 3) {
        fputs("usage: mover SECONDS PID...\n", stderr);
        return 2;
    }
    const double end = seconds_now() + strtod(arguments[1], NULL);
    const unsigned int nodes = (unsigned int)numa_max_node() + 1;
    unsigned long descriptors = 0, mappings = 0;
    for (unsigned long turn = 0; seconds_now() < end; turn++) {
        move_once(atoi(arguments[2 + turn % (unsigned long)(count - 2)]), nodes);
        /* Malloc and stdio have what they need by now, and so do the stacks of helper threads, of which libc keeps some. */
        if (turn == 50) {
            descriptors = open_descriptors();
            mappings = lines_of("/proc/self/maps");
        }
    }
    const unsigned long descriptors_now = open_descriptors(), mappings_now = lines_of("/proc/self/maps");
    if (descriptors > 0 && (descriptors_now > descriptors || mappings_now > mappings + MAX_THREADS)) {
        fprintf(stderr, "mover: %lu descriptors and %lu mappings became %lu and %lu\n", descriptors, mappings, descriptors_now, mappings_now);
        return EXIT_FAILURE;
    }
    printf("mover moves=%lu placements=%lu pages=%lu cancelled=%lu timed_out=%lu full=%lu without_node=%lu busy=%lu longest_call_us=%lu\n",
           counts.moves, counts.placements, counts.pages, counts.cancelled, counts.timed_out, counts.full, counts.without_node, counts.busy,
           counts.longest_call_us);
    return EXIT_SUCCESS;
}

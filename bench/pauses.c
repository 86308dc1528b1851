/* Measures how long a process waits while its memory is moved to another node: with migrate_pages(2), and with numars_move_process() without
 * and with max_pause_us. Needs a machine with two nodes and two CPUs, by default the first ones.
 *
 * The process has 256 MiB in 8 mappings, of base pages or of huge pages, or in some 2,000 mappings of base pages. In a loop, it maps a page, touches it and unmaps it, and then
 * touches some pages of these 256 MiB; it notes the time of both. The first needs the lock of its address space, and waits for calls of
 * the kernel that hold it; the second waits for pages that are being moved.
 *
 * Prints one line of JSON about the machine, then one for each move: its duration and these times. numars-bench evaluates them. */
#include "place.h"
#include <errno.h>
#include <inttypes.h>
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* PREPARED_ROUNDS: so many times are written without a page fault. The others are for machines that are faster than a guest. */
enum { MAPPINGS = 8, PARTS = 256, TOUCHES = 16, MAX_ROUNDS = 1 << 23, PREPARED_ROUNDS = 1 << 20, MAX_QUERY = 4096 };

static size_t mapping_size = 32 << 20, huge_page = 2 << 20;
static useconds_t settle_us = 200 * 1000, quiet_us = 3000 * 1000;

/* The memory moves from the first node to the second. The first CPU is that of the program that moves it. */
static struct places nodes_used = { 2, { 0, 1 } }, cpus_used = { 2, { 0, 1 } };

/* What the process and the one that moves it share. The kernel does not move these pages, because both map them. */
struct shared {
    char *mappings[MAPPINGS];
    atomic_bool is_ready;
    /* The rounds of the loop so far, and the nanoseconds of each of the last ones. */
    atomic_size_t rounds;
    uint32_t mapping[MAX_ROUNDS], touch[MAX_ROUNDS];
};

static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void *map(size_t bytes, int flags)
{
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        give_up("mmap");
    return start;
}

static void run_on_cpu(int cpu)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus) != 0)
        give_up("sched_setaffinity");
}

/* --- the process that is moved --- */

/* A kind of memory. */
struct kind {
    const char *name;
    bool huge;
    /* So many mappings in place of each one. */
    size_t parts;
};

static const struct kind KINDS[] = {
    { "base pages", false, 1 },
    { "base pages, 2,048 mappings", false, PARTS },
    { "huge pages", true, 1 },
};

/* A mapping on the first node, with a gap to the next one, so that the kernel does not merge them. */
static char *fill_mapping(const struct kind *kind)
{
    char *start = map(mapping_size + 2 * huge_page, MAP_PRIVATE);
    char *aligned = (char *)(((uintptr_t)start + huge_page - 1) / huge_page * huge_page);
    if (mprotect(aligned + mapping_size, page_size(), PROT_NONE) != 0)
        give_up("mprotect");
    if (madvise(aligned, mapping_size, kind->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) != 0)
        give_up("madvise");
    /* Mappings that differ in whether a fork(2) would copy them. */
    const size_t part = mapping_size / kind->parts;
    for (size_t byte = part; kind->parts > 1 && byte < mapping_size; byte += 2 * part)
        if (madvise(aligned + byte, part, MADV_DONTFORK) != 0)
            give_up("madvise");
    for (size_t byte = 0; byte < mapping_size; byte += page_size())
        aligned[byte] = 1;
    return aligned;
}

static uint32_t limited(uint64_t nanoseconds)
{
    return nanoseconds < UINT32_MAX ? (uint32_t)nanoseconds : UINT32_MAX;
}

static _Noreturn void be_moved(struct shared *shared, const struct kind *kind)
{
    /* Only while the memory is filled. */
    allocate_on(nodes_used.numbers[0]);
    for (int i = 0; i < MAPPINGS; i++)
        shared->mappings[i] = fill_mapping(kind);
    allocate_on(-1);
    run_on_cpu(cpus_used.numbers[1]);
    atomic_store(&shared->is_ready, true);
    for (uint64_t number = 1;;) {
        const uint64_t start = now();
        volatile char *page = map(page_size(), MAP_PRIVATE);
        *page = 1;
        munmap((void *)page, page_size());
        const uint64_t mapped = now();
        for (int i = 0; i < TOUCHES; i++) {
            number = number * 6364136223846793005U + 1442695040888963407U;
            volatile char *byte = shared->mappings[number >> 61] + (number >> 16) % mapping_size;
            *byte = 1;
        }
        const uint64_t touched = now();
        const size_t round = atomic_load_explicit(&shared->rounds, memory_order_relaxed);
        shared->mapping[round % MAX_ROUNDS] = limited(mapped - start);
        shared->touch[round % MAX_ROUNDS] = limited(touched - mapped);
        atomic_store(&shared->rounds, round + 1);
    }
}

/* --- the process that moves it --- */

/* Returns the number of base pages of the mappings that are not on the node. */
static size_t elsewhere(pid_t pid, const struct shared *shared, int node)
{
    static void *pages[MAX_QUERY];
    static int status[MAX_QUERY];
    size_t count = 0;
    for (int i = 0; i < MAPPINGS; i++)
        for (size_t byte = 0; byte < mapping_size; byte += MAX_QUERY * page_size()) {
            size_t n = 0;
            for (; n < MAX_QUERY && byte + n * page_size() < mapping_size; n++)
                pages[n] = shared->mappings[i] + byte + n * page_size();
            if (move_pages(pid, n, pages, NULL, status, 0) != 0)
                give_up("move_pages");
            while (n-- > 0)
                count += status[n] != node;
        }
    return count;
}

/* Returns how many bytes of the process are in huge pages. */
static size_t bytes_in_huge_pages(pid_t pid)
{
    char path[64], line[256];
    size_t kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        give_up(path);
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "AnonHugePages: %zu", &kilobytes) == 1)
            break;
    fclose(file);
    return kilobytes * 1024;
}

struct side {
    const char *name;
    enum { NOTHING, MIGRATE_PAGES, NUMARS } how;
    unsigned max_pause_us;
};

static const struct side SIDES[] = {
    { "nothing", NOTHING, 0 },
    { "migrate_pages", MIGRATE_PAGES, 0 },
    { "0", NUMARS, 0 },
    { "5000", NUMARS, 5000 },
    { "1000", NUMARS, 1000 },
};

static long move(const struct side *side, pid_t pid, struct numars_move_stats *stats)
{
    struct nodes from = node_set(nodes_used.numbers[0]), to = node_set(nodes_used.numbers[1]);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    if (side->how == NOTHING)
        return usleep(quiet_us);
    if (side->how == MIGRATE_PAGES)
        return migrate_pages(pid, MAX_NODES + 1, from.words, to.words);
    struct bitmask from_mask = { .size = MAX_NODES, .maskp = from.words };
    struct bitmask to_mask = { .size = MAX_NODES, .maskp = to.words };
    options.max_pause_us = side->max_pause_us;
    /* Pages of libraries that other processes map too stay, and count. */
    const long stayed = numars_move_process(pid, &from_mask, &to_mask, &options, stats);
    return stayed > 0 && (unsigned long)stayed == stats->shared ? 0 : stayed;
}

static int compare(const void *one, const void *other)
{
    const uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

/* The longest time, and the one that only a thousandth of the others exceeds. */
struct waits {
    uint32_t longest, rare;
};

/* Of the rounds from the first to before the last one, which are all known. */
static struct waits waits_of(const uint32_t *nanoseconds, size_t first, size_t end)
{
    const size_t count = end - first;
    uint32_t *sorted = malloc(count * sizeof *sorted);
    if (sorted == NULL)
        give_up("malloc");
    for (size_t i = 0; i < count; i++)
        sorted[i] = nanoseconds[(first + i) % MAX_ROUNDS];
    qsort(sorted, count, sizeof *sorted, compare);
    const struct waits waits = { sorted[count - 1], sorted[count - 1 - count / 1000] };
    free(sorted);
    return waits;
}

static void take_sample(const struct side *side, const struct kind *kind)
{
    struct shared *shared = map(sizeof *shared, MAP_SHARED);
    memset(shared->mapping, 0, PREPARED_ROUNDS * sizeof *shared->mapping);
    memset(shared->touch, 0, PREPARED_ROUNDS * sizeof *shared->touch);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    const pid_t pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        be_moved(shared, kind);
    }
    while (!atomic_load(&shared->is_ready))
        usleep(1000);
    usleep(settle_us);
    const size_t bytes = MAPPINGS * mapping_size;
    const size_t in_huge_pages = bytes_in_huge_pages(pid);
    const size_t first = atomic_load(&shared->rounds);
    const uint64_t start = now();
    const long result = move(side, pid, &stats);
    const int error = errno;
    const uint64_t nanoseconds = now() - start;
    /* A wait counts when it has ended. */
    const size_t end = atomic_load(&shared->rounds) + 2;
    while (atomic_load(&shared->rounds) < end)
        usleep(1000);
    if (end - first > MAX_ROUNDS / 2)
        give_up("more rounds than there is room for");
    const struct waits mapping = waits_of(shared->mapping, first, end), touch = waits_of(shared->touch, first, end);
    const size_t wrong = elsewhere(pid, shared, nodes_used.numbers[side->how == NOTHING ? 0 : 1]);

    printf("{\"row\":\"%s\",\"side\":\"%s\",\"pages\":%zu,", kind->name, side->name, bytes / page_size());
    if (result < 0)
        printf("\"failed\":\"%s\"}\n", strerror(error));
    else if (result > 0 || wrong > 0 || in_huge_pages != (kind->huge ? bytes : 0))
        printf("\"failed\":\"returned %ld, %zu pages elsewhere, %zu bytes in huge pages\"}\n", result, wrong, in_huge_pages);
    else
        printf("\"taken\":{\"nanoseconds\":%" PRIu64 ",\"scratch\":0,\"waits\":{\"mapping\":[%" PRIu32 ",%" PRIu32 "],\"touch\":[%" PRIu32
               ",%" PRIu32 "],\"rounds\":%zu,\"calls\":%lu,\"longest_call\":%" PRIu64 "}}}\n",
               nanoseconds, mapping.rare, mapping.longest, touch.rare, touch.longest, end - first, stats.kernel_calls,
               (uint64_t)stats.longest_call_ns);
    fflush(stdout);
    kill(pid, SIGKILL);
    if (waitpid(pid, NULL, 0) != pid)
        give_up("waitpid");
    munmap(shared, sizeof *shared);
}

/* Why the row with huge pages cannot be measured here, or NULL. */
static const char *obstacle(void)
{
    const size_t size = huge_page_size();
    if (size == 0)
        return "transparent huge pages are off";
    huge_page = size;
    return huge_page > mapping_size ? "a huge page is larger than a mapping" : NULL;
}

int main(int argc, char **argv)
{
    int rounds = 5;
    bool is_quick = false;
    for (int option; (option = getopt(argc, argv, "qn:N:C:")) != -1;) {
        switch (option) {
        case 'q':
            rounds = 1;
            is_quick = true;
            mapping_size = 2 << 20;
            settle_us = 10 * 1000;
            quiet_us = 100 * 1000;
            break;
        case 'n':
            rounds = atoi(optarg);
            break;
        case 'N':
            nodes_used = read_places(optarg);
            break;
        case 'C':
            cpus_used = read_places(optarg);
            break;
        default:
            fputs("usage: pauses [-q] [-n ROUNDS] [-N NODES] [-C CPUS]\n"
                  "  -q  quick: little memory, one round\n"
                  "  -n  how often each move is measured\n"
                  "  -N  the node from which the memory moves, and the one to which it moves (0,1)\n"
                  "  -C  the CPU of the program that moves it, and that of the process (0,1)\n", stderr);
            return EXIT_FAILURE;
        }
    }
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct utsname system;
    if (numa_num_configured_nodes() < 2 || nodes_used.count < 2 || cpus < 2 || cpus_used.count < 2 || uname(&system) != 0) {
        fputs("pauses: this needs 2 nodes and 2 CPUs\n", stderr);
        return EXIT_FAILURE;
    }
    printf("{\"kernel\":\"%s\",\"cpus\":%ld,\"nodes\":%d,\"page_size\":%zu}\n", system.release, cpus, numa_num_configured_nodes(), page_size());
    fflush(stdout);
    run_on_cpu(cpus_used.numbers[0]);
    const char *why = obstacle();
    for (const struct kind *kind = KINDS; kind < KINDS + sizeof KINDS / sizeof *KINDS; kind++) {
        if (kind->huge && why != NULL) {
            printf("{\"skipped\":\"%s\",\"pages\":%zu,\"why\":\"%s\"}\n", kind->name, MAPPINGS * mapping_size / page_size(), why);
            continue;
        }
        if (is_quick)
            mapping_size = kind->huge ? huge_page : (kind->parts > 4 ? kind->parts : 4) * page_size();
        for (int round = 0; round < rounds; round++)
            for (size_t side = 0; side < sizeof SIDES / sizeof *SIDES; side++)
                take_sample(&SIDES[side], kind);
    }
    return EXIT_SUCCESS;
}

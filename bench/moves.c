/* Times page moves: the bare system call and numars alternately, on a machine with two or more nodes, by default the first four.
 *
 * Prints one line of JSON about the machine, then one for each sample: the time of one call, and how much the process's mappings
 * grew during it. numars-bench evaluates them. Each sample has its own process, so that a call that crashes affects only its
 * row. */
#include "place.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TARGETS = 3, CROWD = 3, MAX_ONLY = 32, MAX_SIDES = 5, NOT_WRITTEN = -9999 };

/* The pages are on the first node, and move to the others. Other threads run on all CPUs but the first. */
static struct places nodes_used = { 4, { 0, 1, 2, 3 } }, cpus_used = { 4, { 0, 1, 2, 3 } };

/* Entry i requests that pages[i], which is on home[i], moves to target[i]. */
struct request {
    size_t count;
    char *start;
    void **pages;
    int *home, *target, *status;
};

/* A call that moves the pages to these nodes, or only queries where they are. It returns what move_pages(2) does. */
typedef long call(struct request *request, const int *nodes);
/* The parts of a request. */
typedef void layout(struct request *request);

struct side {
    const char *name;
    call *call;
    layout *layout;
};

struct row {
    const char *name;
    size_t pages;
    int other_threads;
    int samples;
    /* The number of calls of a sample: one, or two to move the pages back and forth. */
    int calls;
    struct side sides[MAX_SIDES];
};

static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void *allocate(size_t bytes)
{
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        give_up("mmap");
    /* Fails if the kernel has no huge pages; then it is not needed. */
    (void)madvise(start, bytes, MADV_NOHUGEPAGE);
    return start;
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* --- the calls --- */

static long bare(struct request *request, const int *nodes)
{
    return move_pages(0, request->count, request->pages, nodes, request->status, MPOL_MF_MOVE);
}

static long ours(struct request *request, const int *nodes)
{
    return numa_move_pages(0, request->count, request->pages, nodes, request->status, MPOL_MF_MOVE);
}

static long bare_query(struct request *request, const int *nodes)
{
    (void)nodes;
    return bare(request, NULL);
}

static long our_query(struct request *request, const int *nodes)
{
    (void)nodes;
    return ours(request, NULL);
}

static long move_range(struct request *request, int node, unsigned int threads)
{
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.threads = threads;
    return numars_move_range(0, request->start, request->count * page_size(), node, &options, NULL);
}

static long range_by_one(struct request *request, const int *nodes)
{
    return move_range(request, nodes[0], 1);
}

static long range_by_two(struct request *request, const int *nodes)
{
    return move_range(request, nodes[0], 2);
}

static long range_by_four(struct request *request, const int *nodes)
{
    return move_range(request, nodes[0], 4);
}

static long range_by_eight(struct request *request, const int *nodes)
{
    return move_range(request, nodes[0], 8);
}

static long range_by_default(struct request *request, const int *nodes)
{
    return move_range(request, nodes[0], 0);
}

static bool is_query(const struct side *side)
{
    return side->call == bare_query || side->call == our_query;
}

/* --- the requests --- */

/* `home` and `target` are indices of nodes_used. */
static void set_entry(struct request *request, size_t entry, size_t page, int home, int target)
{
    request->pages[entry] = request->start + page * page_size();
    request->home[entry] = nodes_used.numbers[home];
    request->target[entry] = nodes_used.numbers[target];
}

/* The number of targets of a request that has several. */
static int targets(void)
{
    return nodes_used.count - 1 < TARGETS ? nodes_used.count - 1 : TARGETS;
}

static void one_target(struct request *request)
{
    for (size_t page = 0; page < request->count; page++)
        set_entry(request, page, page, 0, 1);
}

/* For numars_move_range(), which writes no statuses. */
static void one_range(struct request *request)
{
    one_target(request);
}

static void interleaved(struct request *request)
{
    for (size_t page = 0; page < request->count; page++)
        set_entry(request, page, page, 0, 1 + (int)(page % (size_t)targets()));
}

/* The entries of `interleaved`, grouped by target. */
static void grouped(struct request *request)
{
    const size_t step = (size_t)targets();
    size_t entry = 0;
    for (size_t first = 0; first < step; first++)
        for (size_t page = first; page < request->count; page += step)
            set_entry(request, entry++, page, 0, 1 + (int)first);
}

static void random_half_home(struct request *request)
{
    srand(1);
    for (size_t page = 0; page < request->count; page++) {
        const int target = 1 + rand() % targets();
        set_entry(request, page, page, rand() % 2 ? target : 0, target);
    }
}

static void every_second_home(struct request *request)
{
    for (size_t page = 0; page < request->count; page++)
        set_entry(request, page, page, page % 2 ? 1 : 0, 1);
}

static struct request new_request(size_t count, layout *layout)
{
    struct request request = {
        .count = count,
        .start = allocate(count * page_size()),
        .pages = allocate(count * sizeof(void *)),
        .home = allocate(count * sizeof(int)),
        .target = allocate(count * sizeof(int)),
        .status = allocate(count * sizeof(int)),
    };
    layout(&request);
    /* In the order of addresses, whatever the order of the entries, so that the pages are allocated in the same way. */
    int *home_of = allocate(count * sizeof(int));
    for (size_t entry = 0; entry < count; entry++)
        home_of[(size_t)((char *)request.pages[entry] - request.start) / page_size()] = request.home[entry];
    for (int i = 0; i < nodes_used.count; i++) {
        allocate_on(nodes_used.numbers[i]);
        for (size_t page = 0; page < count; page++)
            if (home_of[page] == nodes_used.numbers[i])
                request.start[page * page_size()] = 1;
    }
    allocate_on(-1);
    return request;
}

static size_t differing(const struct request *request, const int *nodes)
{
    size_t count = 0;
    for (size_t entry = 0; entry < request->count; entry++)
        count += request->status[entry] != nodes[entry];
    return count;
}

/* --- other threads of the process, and its memory usage --- */

static atomic_bool crowd_may_go;
static pthread_barrier_t crowd_is_there;
static pthread_t crowd[CROWD];

static void *spin(void *number)
{
    cpu_set_t cpu;
    CPU_ZERO(&cpu);
    CPU_SET(*(const int *)number, &cpu);
    if (sched_setaffinity(0, sizeof cpu, &cpu) != 0)
        give_up("sched_setaffinity");
    pthread_barrier_wait(&crowd_is_there);
    while (!atomic_load_explicit(&crowd_may_go, memory_order_relaxed))
        ;
    return NULL;
}

/* Each on its own CPU. */
static void start_crowd(int threads)
{
    pthread_barrier_init(&crowd_is_there, NULL, (unsigned int)threads + 1);
    for (int i = 0; i < threads; i++)
        if ((errno = pthread_create(&crowd[i], NULL, spin, &cpus_used.numbers[1 + i])) != 0)
            give_up("pthread_create");
    pthread_barrier_wait(&crowd_is_there);
}

static void end_crowd(int threads)
{
    atomic_store(&crowd_may_go, true);
    for (int i = 0; i < threads; i++)
        pthread_join(crowd[i], NULL);
}

/* A field of /proc/self/status in bytes. Allocates nothing. */
static uint64_t own_status(const char *name)
{
    char text[4096];
    const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    const ssize_t length = read(file, text, sizeof text - 1);
    if (length < 0)
        give_up("/proc/self/status");
    close(file);
    text[length] = '\0';
    const char *figure = strstr(text, name);
    return figure == NULL ? 0 : strtoull(figure + strlen(name), NULL, 10) * 1024;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* --- samples --- */

static void begin_line(const struct row *row, const struct side *side)
{
    printf("{\"row\":\"%s\",\"side\":\"%s\",\"pages\":%zu,", row->name, side->name, row->pages);
}

static void take_sample(const struct row *row, const struct side *side, struct request *request)
{
    const int *nodes = request->home;
    long result = 0;

    for (size_t entry = 0; entry < request->count; entry++)
        request->status[entry] = NOT_WRITTEN;
    start_crowd(row->other_threads);
    const uint64_t mapped_before = own_status("VmSize:");
    errno = 0;
    const uint64_t start = now();
    for (int i = 0; i < row->calls && result == 0; i++) {
        nodes = i % 2 == 0 ? request->target : request->home;
        result = side->call(request, nodes);
    }
    const uint64_t nanoseconds = now() - start;
    const int error = errno;
    const uint64_t peak = own_status("VmPeak:");
    end_crowd(row->other_threads);

    /* A query must return the right nodes; after a move, the pages must be on their targets, and the statuses must say so. */
    if (is_query(side))
        nodes = request->home;
    const bool tells = side->layout != one_range;
    const size_t wrong = tells ? differing(request, nodes) : 0;
    if (bare(request, NULL) != 0)
        give_up("move_pages");
    const size_t elsewhere = differing(request, nodes);

    begin_line(row, side);
    if (result < 0)
        printf("\"failed\":\"%s\"}\n", strerror(error));
    else if (result > 0 || elsewhere > 0 || wrong > 0)
        printf("\"failed\":\"returned %ld, %zu pages elsewhere, %zu wrong statuses\"}\n", result, elsewhere, wrong);
    else
        printf("\"taken\":{\"nanoseconds\":%" PRIu64 ",\"scratch\":%" PRIu64 "}}\n", nanoseconds / (uint64_t)row->calls,
               peak - mapped_before);
    fflush(stdout);
}

/* In its own process, which has its own pages. */
static void take_samples(const struct row *row, const struct side *sides, size_t count, int turns)
{
    const pid_t pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid == 0) {
        struct request request = new_request(row->pages, sides->layout);
        for (int turn = 0; turn < turns; turn++)
            for (size_t side = 0; side < count; side++)
                take_sample(row, &sides[side], &request);
        _exit(EXIT_SUCCESS);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid)
        give_up("waitpid");
    if (status != 0) {
        begin_line(row, &sides[count - 1]);
        printf("\"failed\":\"the process ended with status 0x%x\"}\n", (unsigned int)status);
        fflush(stdout);
    }
}

#define BARE_AND_OURS(layout) { { "bare", bare, layout }, { "ours", ours, layout } }
#define THREADS                                                                                                                                    \
    {                                                                                                                                              \
        { "1", range_by_one, one_range }, { "2", range_by_two, one_range }, { "4", range_by_four, one_range },                                     \
            { "8", range_by_eight, one_range }, { "0", range_by_default, one_range }                                                               \
    }
#define QUERIES { { "bare", bare_query, one_target }, { "ours", our_query, one_target } }

static const struct row ROWS[] = {
    { "one-target-none", 16384, 0, 15, 1, BARE_AND_OURS(one_target) },
    { "one-target-one", 16384, 1, 7, 1, BARE_AND_OURS(one_target) },
    { "hundred-pages", 100, 0, 101, 2, BARE_AND_OURS(one_target) },
    { "interleaved-none", 16384, 0, 15, 1, BARE_AND_OURS(interleaved) },
    { "interleaved-one", 16384, 1, 7, 1, BARE_AND_OURS(interleaved) },
    { "random-half-home-none", 16384, 0, 15, 1, BARE_AND_OURS(random_half_home) },
    { "random-half-home-one", 16384, 1, 15, 1, BARE_AND_OURS(random_half_home) },
    { "every-second-home-none", 16384, 0, 15, 1, BARE_AND_OURS(every_second_home) },
    { "every-second-home-one", 16384, 1, 7, 1, BARE_AND_OURS(every_second_home) },
    { "grouped", 16384, 0, 15, 1, BARE_AND_OURS(grouped) },
    { "by-hand", 16384, 1, 15, 1, { { "bare", bare, grouped }, { "ours", ours, interleaved } } },
    { "range", 16384, 0, 15, 1, { { "one thread", range_by_one, one_range }, { "two threads", range_by_two, one_range } } },
    { "one-page", 1, 0, 201, 10, BARE_AND_OURS(one_target) },
    { "few-pages", 16, 0, 201, 4, BARE_AND_OURS(one_target) },
    { "query", 1, 0, 401, 1000, QUERIES },
    { "query", 16, 0, 401, 200, QUERIES },
    { "query", 16384, 0, 101, 2, QUERIES },
    { "growth", 1024, 0, 5, 1, BARE_AND_OURS(interleaved) },
    { "growth", 4096, 0, 5, 1, BARE_AND_OURS(interleaved) },
    { "growth", 16384, 0, 5, 1, BARE_AND_OURS(interleaved) },
    { "growth", 65536, 0, 5, 1, BARE_AND_OURS(interleaved) },
    { "growth", 262144, 0, 5, 1, BARE_AND_OURS(interleaved) },
    { "threads-alone", 1024, 0, 5, 1, THREADS },
    { "threads-alone", 4096, 0, 5, 1, THREADS },
    { "threads-alone", 16384, 0, 5, 1, THREADS },
    { "threads-alone", 65536, 0, 5, 1, THREADS },
    { "threads-busy", 4096, 1, 5, 1, THREADS },
    { "threads-busy", 16384, 1, 5, 1, THREADS },
    { "interleaved-three", 0, CROWD, 5, 1, BARE_AND_OURS(interleaved) },
};

static bool has_several_targets(const struct row *row)
{
    layout *const layout = row->sides[0].layout;
    return layout == interleaved || layout == grouped || layout == random_half_home;
}

/* Why a row cannot be measured here, or NULL. Requests of increasing size say something with one target, too. */
static const char *obstacle(const struct row *row, size_t max_pages)
{
    if (targets() < 2 && has_several_targets(row) && strcmp(row->name, "growth") != 0)
        return "it needs three nodes";
    if (row->other_threads >= cpus_used.count)
        return "it needs more CPUs";
    return row->pages > max_pages ? "it needs more free memory" : NULL;
}

struct effort {
    bool quick;
    /* Of each row; 0: as the table says. */
    int samples;
    size_t crowded_pages, max_pages;
};

static void skip(const char *row, size_t pages, const char *why)
{
    printf("{\"skipped\":\"%s\",\"pages\":%zu,\"why\":\"%s\"}\n", row, pages, why);
    fflush(stdout);
}

static void measure(struct row row, const struct effort *effort)
{
    if (row.pages == 0)
        row.pages = effort->crowded_pages;
    if (effort->quick) {
        row.pages = row.pages >= 1024 ? row.pages / 256 : row.pages;
        row.samples = 1;
        row.calls = row.calls > 2 ? 2 : row.calls;
    }
    if (effort->samples > 0)
        row.samples = effort->samples;
    const char *why = obstacle(&row, effort->max_pages);
    if (why != NULL) {
        skip(row.name, row.pages, why);
        return;
    }
    /* Calls that leave the pages where they were can alternate on the same pages, each pair within milliseconds. */
    if (row.calls % 2 == 0) {
        take_samples(&row, row.sides, 2, row.samples);
        return;
    }
    for (int i = 0; i < row.samples; i++)
        for (size_t side = 0; side < MAX_SIDES && row.sides[side].call != NULL; side++)
            take_samples(&row, &row.sides[side], 1, 1);
}

/* --- moves of another process, and of one process with several threads --- */

struct subject {
    pid_t pid;
    /* NULL: it ended. */
    char *start;
    size_t pages;
};

/* A call that acts on all memory of a process. It returns a negative number if it fails. */
typedef long process_call(const struct subject *subject, const char *file);

struct process_side {
    const char *name;
    process_call *call;
    /* In /proc/PID. */
    const char *file;
};

struct process_row {
    const char *name;
    size_t pages;
    size_t mappings;
    int samples;
    bool huge;
    /* Whether the pages have to be on the second node afterwards. */
    bool moves;
    struct process_side sides[MAX_SIDES];
};

/* A process with pages on the first node, in mappings of equal size that the kernel cannot merge, which sleeps. */
static struct subject start_subject(const struct process_row *row)
{
    int address[2];
    struct subject subject = { .pages = row->pages };
    if (pipe(address) != 0 || (subject.pid = fork()) < 0)
        give_up("fork");
    if (subject.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const size_t huge_page = row->huge ? huge_page_size() : page_size(), bytes = row->pages * page_size();
        const size_t piece = row->pages / row->mappings * page_size();
        char *start = allocate(bytes + huge_page);
        start += -(uintptr_t)start % huge_page;
        if (row->huge)
            (void)madvise(start, bytes, MADV_HUGEPAGE);
        allocate_on(nodes_used.numbers[0]);
        memset(start, 1, bytes);
        for (size_t at = piece; row->mappings > 1 && at + piece <= bytes; at += 2 * piece)
            if (mprotect(start + at, piece, PROT_READ) != 0)
                give_up("mprotect");
        if (write(address[1], &start, sizeof start) != sizeof start)
            give_up("write");
        for (;;)
            pause();
    }
    close(address[1]);
    if (read(address[0], &subject.start, sizeof subject.start) != sizeof subject.start)
        subject.start = NULL;
    close(address[0]);
    return subject;
}

/* The set of one of the nodes that are used. */
static struct bitmask *mask_of(int index)
{
    return numa_bitmask_setbit(numa_allocate_nodemask(), (unsigned int)nodes_used.numbers[index]);
}

static long by_migrate_pages(const struct subject *subject, const char *file)
{
    (void)file;
    return numa_migrate_pages(subject->pid, mask_of(0), mask_of(1));
}

static long by_move_process(const struct subject *subject, const char *file)
{
    (void)file;
    return numars_move_process(subject->pid, mask_of(0), mask_of(1), NULL, NULL);
}

static long by_reading(const struct subject *subject, const char *file)
{
    static char text[1 << 16];
    char path[64];
    long total = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)subject->pid, file);
    const int opened = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t length; (length = read(opened, text, sizeof text)) != 0; total += length)
        if (length < 0)
            return -1;
    close(opened);
    return total;
}

static long by_count_pages(const struct subject *subject, const char *file)
{
    static unsigned long counts[MAX_NODES];
    (void)file;
    return numars_count_pages(subject->pid, subject->start, subject->pages * page_size(), counts, MAX_NODES);
}

/* The pages of the subject that are not on the second node. */
static size_t stayed(const struct subject *subject)
{
    enum { STEP = 4096 };
    static void *pages[STEP];
    static int status[STEP];
    size_t count = 0;
    for (size_t done = 0; done < subject->pages;) {
        size_t step = 0;
        for (; step < STEP && done < subject->pages; step++, done++)
            pages[step] = subject->start + done * page_size();
        if (move_pages(subject->pid, step, pages, NULL, status, 0) != 0)
            give_up("move_pages");
        for (size_t i = 0; i < step; i++)
            count += status[i] != nodes_used.numbers[1];
    }
    return count;
}

/* Why the row of a process cannot be measured here, or NULL. */
static const char *process_obstacle(const struct process_row *row, size_t max_pages)
{
    const size_t huge_page = row->huge ? huge_page_size() : page_size();
    if (huge_page == 0)
        return "transparent huge pages are off";
    if (row->pages / row->mappings * page_size() < huge_page)
        return "a huge page is larger than a mapping";
    return row->pages > max_pages ? "it needs more free memory" : NULL;
}

static void measure_process(struct process_row row, const struct effort *effort)
{
    if (effort->quick) {
        row.samples = 1;
        row.mappings = row.mappings > 16 ? row.mappings / 256 + 1 : row.mappings;
        row.pages = row.huge ? ((size_t)16 << 20) / page_size() : row.pages / 256 + row.mappings;
    }
    if (effort->samples > 0)
        row.samples = effort->samples;
    const char *why = process_obstacle(&row, effort->max_pages);
    if (why != NULL) {
        skip(row.name, row.pages, why);
        return;
    }
    for (int i = 0; i < row.samples; i++)
        for (const struct process_side *side = row.sides; side < row.sides + MAX_SIDES && side->call != NULL; side++) {
            const struct subject subject = start_subject(&row);
            const bool ended = subject.start == NULL;
            const uint64_t start = now();
            const long result = ended ? -1 : side->call(&subject, side->file);
            const uint64_t nanoseconds = now() - start;
            const size_t elsewhere = row.moves && !ended ? stayed(&subject) : 0;
            kill(subject.pid, SIGKILL);
            waitpid(subject.pid, NULL, 0);
            printf("{\"row\":\"%s\",\"side\":\"%s\",\"pages\":%zu,", row.name, side->name, row.pages);
            if (ended)
                printf("\"failed\":\"the process could not be prepared\"}\n");
            else if (result < 0 || elsewhere > 0)
                printf("\"failed\":\"returned %ld, %zu pages stayed\"}\n", result, elsewhere);
            else
                printf("\"taken\":{\"nanoseconds\":%" PRIu64 ",\"scratch\":0}}\n", nanoseconds);
            fflush(stdout);
        }
}

#define MOVERS { { "migrate_pages", by_migrate_pages, NULL }, { "ours", by_move_process, NULL } }
#define COUNTERS                                                                                                                                   \
    { { "numa_maps", by_reading, "numa_maps" }, { "smaps", by_reading, "smaps" }, { "ours", by_count_pages, NULL } }

static const struct process_row PROCESS_ROWS[] = {
    { "process-8", 16384, 8, 15, false, true, MOVERS },
    { "process-2000", 16000, 2000, 15, false, true, MOVERS },
    { "process-huge", 16384, 8, 15, true, true, MOVERS },
    { "mappings-1", 60000, 1, 3, false, true, MOVERS },
    { "mappings-100", 60000, 100, 3, false, true, MOVERS },
    { "mappings-10000", 60000, 10000, 3, false, true, MOVERS },
    { "mappings-60000", 60000, 60000, 3, false, true, MOVERS },
    { "count-1", 60000, 1, 5, false, false, COUNTERS },
    { "count-100", 60000, 100, 5, false, false, COUNTERS },
    { "count-10000", 60000, 10000, 5, false, false, COUNTERS },
    { "count-60000", 60000, 60000, 5, false, false, COUNTERS },
};

/* Moves a page to each node, or ends with a message: in a sandbox, these calls may be denied. */
static void try_moves(void)
{
    struct request request = new_request(1, one_target);
    for (int i = 0; i < nodes_used.count; i++) {
        const int node = nodes_used.numbers[i];
        errno = 0;
        if (bare(&request, &node) != 0 || (errno = -request.status[0]) > 0)
            give_up("move_pages");
    }
}

static bool is_selected(const char *name, const char *const *only_rows, size_t count)
{
    bool selected = count == 0;
    for (size_t i = 0; i < count; i++)
        selected |= strncmp(name, only_rows[i], strlen(only_rows[i])) == 0;
    return selected;
}

int main(int argc, char **argv)
{
    struct effort effort = { .crowded_pages = 1024, .max_pages = SIZE_MAX };
    const char *only_rows[MAX_ONLY];
    size_t only_count = 0, more_pages = 0;
    bool only_try = false;
    for (int option; (option = getopt(argc, argv, "qtc:p:r:n:m:N:C:")) != -1;) {
        switch (option) {
        case 'q':
            effort.quick = true;
            break;
        case 't':
            only_try = true;
            break;
        case 'c':
            effort.crowded_pages = strtoul(optarg, NULL, 10);
            break;
        case 'p':
            more_pages = strtoul(optarg, NULL, 10);
            break;
        case 'r':
            if (only_count < MAX_ONLY)
                only_rows[only_count++] = optarg;
            break;
        case 'n':
            effort.samples = atoi(optarg);
            break;
        case 'm':
            effort.max_pages = strtoul(optarg, NULL, 10);
            break;
        case 'N':
            nodes_used = read_places(optarg);
            break;
        case 'C':
            cpus_used = read_places(optarg);
            break;
        default:
            fputs("usage: moves [-q] [-t] [-c PAGES] [-p PAGES] [-r ROW]... [-n SAMPLES] [-m PAGES] [-N NODES] [-C CPUS]\n"
                  "  -q  quick: few pages, one sample of each\n"
                  "  -t  only try whether pages can be moved\n"
                  "  -c  pages of the row with three other threads\n"
                  "  -p  one more size of the rows that grow\n"
                  "  -r  only rows whose name begins so\n"
                  "  -n  samples of each row\n"
                  "  -m  skip rows with more pages\n"
                  "  -N  where the pages are, and up to three targets (0,1,2,3)\n"
                  "  -C  CPUs: all but the first for other threads (0,1,2,3)\n", stderr);
            return EXIT_FAILURE;
        }
    }
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct utsname system;
    if (nodes_used.count < 2 || numa_num_configured_nodes() < nodes_used.count || cpus < cpus_used.count || uname(&system) != 0) {
        fprintf(stderr, "moves: this needs %d nodes and %d CPUs\n", nodes_used.count < 2 ? 2 : nodes_used.count, cpus_used.count);
        return EXIT_FAILURE;
    }
    if (only_try) {
        try_moves();
        return EXIT_SUCCESS;
    }
    printf("{\"kernel\":\"%s\",\"cpus\":%ld,\"nodes\":%d,\"page_size\":%zu}\n", system.release, cpus, numa_num_configured_nodes(), page_size());
    fflush(stdout);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (is_selected(ROWS[i].name, only_rows, only_count))
            measure(ROWS[i], &effort);
    if (more_pages > 0)
        measure((struct row){ "growth", more_pages, 0, 1, 1, BARE_AND_OURS(interleaved) }, &effort);
    for (size_t i = 0; i < sizeof PROCESS_ROWS / sizeof *PROCESS_ROWS; i++)
        if (is_selected(PROCESS_ROWS[i].name, only_rows, only_count))
            measure_process(PROCESS_ROWS[i], &effort);
    return EXIT_SUCCESS;
}

/* Differential test with random memory layouts and random requests: numa_move_pages on one copy of the memory, the system call move_pages
 * on the other.
 *
 * If the system call succeeds, every page must end up on the same node and the return values must be the same; if it aborts,
 * numa_move_pages must have moved at least as many pages to their targets. Every status must be true.
 *
 * SEED=n repeats one round, as named in a failure message; ROUNDS=n makes n rounds of each kind. In a long run, for which TEST_SECONDS is
 * set, there are fifteen times as many; raise CK_TIMEOUT_MULTIPLIER too, since a test is limited to one minute. */
#include <fcntl.h>
#include <numa.h>
#include <numaif.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "page_list.h"
#include "pages.h"
#include "random.h"
#include "system_calls.h"

enum { MAX_MAPPINGS = 6, MAX_PAGES_OF_A_MAPPING = 96, MAX_ENTRIES = 600, MAX_PINS = 3 };

/* What the memory and the request of a round consist of, besides private memory. */
enum ingredients { ONLY_PRIVATE = 0, SHARED_MEMORY = 1, FILES = 2, HUGE_PAGES = 4, CHILD = 8, PINS = 16, BAD_NODES = 32 };

enum kind { PRIVATE, SHARED, MEMFD, FILE_ON_DISK, IN_HUGE_PAGES };

/* One mapping of a layout, which both copies have. */
struct mapping {
    enum kind kind;
    unsigned pages;
    bool shared_with_child;
    /* The initial node of each page, or one of these; of a huge page, that of the first stands for all. */
    signed char initial_nodes[MAX_PAGES_OF_A_MAPPING];
};
enum { UNTOUCHED = -1, INACCESSIBLE = -2, ONLY_READ = -3 };

struct layout {
    struct mapping mappings[MAX_MAPPINGS];
    unsigned count;
    struct {
        unsigned mapping, page;
    } pins[MAX_PINS];
    unsigned pin_count;
};

struct entry {
    unsigned mapping, page, byte;
    int node;
    /* Addresses that are not mapped, the same for both copies. */
    void *elsewhere;
};

struct plan {
    struct entry entries[MAX_ENTRIES];
    unsigned count;
    int flags;
    bool bad_node;
};

/* A layout in memory. */
struct copy {
    char *starts[MAX_MAPPINGS];
    int pipes[MAX_PINS];
};

static int disk_files[2];

static struct layout random_layout(enum ingredients ingredients)
{
    struct layout layout = { .count = 1 + below(MAX_MAPPINGS - 1) };
    enum kind kinds[8] = { PRIVATE };
    unsigned kind_count = 1;
    if (ingredients & SHARED_MEMORY) {
        kinds[kind_count++] = SHARED;
        kinds[kind_count++] = MEMFD;
    }
    for (unsigned m = 0; m < layout.count; m++) {
        struct mapping *mapping = &layout.mappings[m];
        mapping->kind = kinds[below(kind_count)];
        mapping->pages = 1 + below(one_in(4) ? MAX_PAGES_OF_A_MAPPING : 24);
        mapping->shared_with_child = (ingredients & CHILD) && one_in(2);
        const bool all_on_one_node = one_in(3);
        const int home = (int)below(4);
        for (unsigned page = 0; page < mapping->pages; page++)
            mapping->initial_nodes[page] = (signed char)(one_in(12)         ? -1 - (int)below(3)
                                                         : all_on_one_node ? home
                                                                    : (int)below(4));
    }
    /* At most one of these, and not the first: each copy has one file. */
    if ((ingredients & FILES) && layout.count > 1)
        layout.mappings[1].kind = FILE_ON_DISK;
    if ((ingredients & HUGE_PAGES)) {
        struct mapping *mapping = &layout.mappings[0];
        mapping->kind = IN_HUGE_PAGES;
        mapping->pages = pages_per_huge_page();
        mapping->initial_nodes[0] = (signed char)below(4);
    }
    if (ingredients & PINS)
        for (; layout.pin_count < MAX_PINS && !one_in(3); layout.pin_count++) {
            const unsigned m = below(layout.count), page = below(layout.mappings[m].pages);
            layout.pins[layout.pin_count].mapping = m;
            layout.pins[layout.pin_count].page = page;
        }
    return layout;
}

static struct plan random_plan(const struct layout *layout, enum ingredients ingredients)
{
    static const unsigned sizes[] = { 4, 20, 60, 200, MAX_ENTRIES };
    /* Moving a huge page back and forth takes many milliseconds each time on an emulated machine. */
    struct plan plan = { .count = 1 + below(ingredients & HUGE_PAGES ? 30 : sizes[below(one_in(4) ? 5 : 4)]) };
    plan.flags = one_in(3) ? MPOL_MF_MOVE_ALL : MPOL_MF_MOVE;
    const bool in_order = one_in(2), one_target = one_in(5), to_two_nodes = one_in(3);
    const unsigned home_in_100 = below(3) * 35, unaligned_in = 1 + below(8), duplicates_in = 3 + below(30);
    const int target = (int)below(4);
    unsigned m = below(layout->count), page = 0;
    for (unsigned i = 0; i < plan.count; i++) {
        struct entry *entry = &plan.entries[i];
        if (i > 0 && one_in(duplicates_in)) {
            *entry = plan.entries[below(i)];
        } else {
            if (!in_order || page >= layout->mappings[m].pages) {
                m = in_order ? (m + 1) % layout->count : below(layout->count);
                page = in_order ? 0 : below(layout->mappings[m].pages);
            }
            *entry = (struct entry){ .mapping = m, .page = page++ };
        }
        entry->byte = one_in(unaligned_in) ? below((unsigned)page_size()) : 0;
        const int initial_node = layout->mappings[entry->mapping].initial_nodes[entry->page];
        if (initial_node >= 0 && below(100) < home_in_100)
            entry->node = initial_node;
        else if (one_target)
            entry->node = target;
        else
            entry->node = to_two_nodes ? (target + (int)(i % 2)) % 4 : (int)below(4);
        if (one_in(80))
            entry->elsewhere = one_in(2) ? (void *)(uintptr_t)(1 + below(1000)) : (void *)(UINTPTR_MAX - below(5000));
    }
    if (ingredients & BAD_NODES) {
        static const int bad[] = { 4, -1, 1024, 63 };
        plan.bad_node = true;
        plan.entries[below(plan.count)].node = bad[below(4)];
    }
    return plan;
}

static void *map_fresh(const struct mapping *mapping, int disk_file, bool without_readahead)
{
    const size_t size = mapping->pages * page_size();
    int file = -1;
    switch (mapping->kind) {
    case PRIVATE:
        return map_pages(mapping->pages);
    case SHARED:
        return map_shared_pages(mapping->pages);
    case IN_HUGE_PAGES:
        return NULL;
    case MEMFD:
        file = memfd_create("twin", MFD_CLOEXEC);
        require(file >= 0);
        break;
    case FILE_ON_DISK:
        /* Drops its contents of the round before. */
        file = disk_file;
        require(ftruncate(file, 0) == 0);
    }
    require(ftruncate(file, (off_t)size) == 0);
    char *start = map_file_pages(file, mapping->pages);
    if (mapping->kind == MEMFD)
        close(file);
    if (without_readahead)
        require(madvise(start, size, MADV_RANDOM) == 0);
    return start;
}

static void populate(char *start, const struct mapping *mapping)
{
    for (int node = 0; node < 4; node++) {
        const unsigned long only_node = 1UL << node;
        if (memchr(mapping->initial_nodes, node, mapping->pages) == NULL)
            continue;
        require(set_mempolicy(MPOL_BIND, &only_node, 8 * sizeof only_node) == 0);
        for (unsigned page = 0; page < mapping->pages; page++)
            if (mapping->initial_nodes[page] == node)
                memset(start + page * page_size(), (int)(page % 251 + 1), 64);
    }
    require(set_mempolicy(MPOL_DEFAULT, NULL, 0) == 0);
    for (unsigned page = 0; page < mapping->pages; page++)
        if (mapping->initial_nodes[page] == INACCESSIBLE)
            /* Not a hole in the address space, into which a later mapping could be placed by chance. */
            require(mmap(start + page * page_size(), page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                         0) != MAP_FAILED);
        else if (mapping->initial_nodes[page] == ONLY_READ && mapping->kind == PRIVATE)
            (void)*(volatile char *)(start + page * page_size());
}

static struct copy make_copy(const struct layout *layout, int disk_file, bool without_readahead)
{
    struct copy copy;
    for (unsigned m = 0; m < layout->count; m++) {
        const struct mapping *mapping = &layout->mappings[m];
        if (mapping->kind == IN_HUGE_PAGES) {
            copy.starts[m] = transparent_huge_page(mapping->initial_nodes[0]);
        } else {
            copy.starts[m] = map_fresh(mapping, disk_file, without_readahead);
            populate(copy.starts[m], mapping);
        }
        if (!mapping->shared_with_child)
            require(madvise(copy.starts[m], mapping->pages * page_size(), MADV_DONTFORK) == 0);
    }
    for (unsigned pin = 0; pin < layout->pin_count; pin++) {
        const unsigned m = layout->pins[pin].mapping, page = layout->pins[pin].page;
        copy.pipes[pin] = layout->mappings[m].initial_nodes[page] >= 0 ? pin_in_pipe(copy.starts[m] + page * page_size()) : -1;
    }
    return copy;
}

static void destroy_copy(const struct layout *layout, struct copy *copy)
{
    for (unsigned pin = 0; pin < layout->pin_count; pin++)
        if (copy->pipes[pin] >= 0)
            close(copy->pipes[pin]);
    for (unsigned m = 0; m < layout->count; m++)
        require(munmap(copy->starts[m], layout->mappings[m].pages * page_size()) == 0);
}

/* The child maps the shared part of both copies, so one fork is enough. */
static pid_t fork_child(const struct layout *layout, const struct copy copies[2])
{
    const struct readiness readiness = make_readiness();
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int t = 0; t < 2; t++)
            for (unsigned m = 0; m < layout->count; m++)
                for (unsigned page = 0; page < layout->mappings[m].pages; page++)
                    if (layout->mappings[m].shared_with_child && layout->mappings[m].initial_nodes[page] >= 0)
                        (void)*(volatile char *)(copies[t].starts[m] + page * page_size());
        sleep_when_ready(readiness, NULL);
    }
    wait_until_ready(readiness);
    return pid;
}

static void fill_request(struct page_list *list, const struct plan *plan, const struct copy *copy)
{
    list->count = 0;
    for (unsigned i = 0; i < plan->count; i++) {
        const struct entry *entry = &plan->entries[i];
        void *page = entry->elsewhere;
        if (page == NULL)
            page = copy->starts[entry->mapping] + entry->page * page_size() + entry->byte;
        page_list_add(list, page, entry->node);
    }
}

/* All pages of the layout. */
static void fill_locations(struct page_list *list, const struct layout *layout, const struct copy *copy)
{
    list->count = 0;
    for (unsigned m = 0; m < layout->count; m++)
        page_list_add_range(list, copy->starts[m], layout->mappings[m].pages, 0);
}

static void query(struct page_list *list)
{
    require(query_with_kernel(0, list->count, list->pages, list->status) == 0);
}

static uint64_t word_at(int file, uint64_t index)
{
    uint64_t word;
    require(pread(file, &word, sizeof word, (off_t)(index * sizeof word)) == sizeof word);
    return word;
}

/* Returns whether the page is the head of a large folio, a tail, or neither. */
static uint64_t position_in_folio(int pagemap, int kpageflags, const char *page)
{
    const uint64_t entry = word_at(pagemap, (uintptr_t)page / page_size());
    const uint64_t present = UINT64_C(1) << 63, pfn = entry & ((UINT64_C(1) << 55) - 1), head_or_tail = 3 << 15;
    return entry & present ? word_at(kpageflags, pfn) & head_or_tail : 0;
}

/* Newer kernels read a file of ext4 ahead into large folios, which move as a whole, and map a whole folio when one of its pages is touched.
 * Their size depends on how fragmented memory is at that moment: then the copies differ from the start. */
static bool are_alike(const struct layout *layout, const struct copy copies[2], struct page_list locations[2])
{
    const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
    require(pagemap >= 0 && kpageflags >= 0);
    for (int t = 0; t < 2; t++) {
        fill_locations(&locations[t], layout, &copies[t]);
        query(&locations[t]);
    }
    bool alike = memcmp(locations[0].status, locations[1].status, locations[0].count * sizeof *locations[0].status) == 0;
    for (unsigned m = 0; m < layout->count; m++)
        for (unsigned page = 0; layout->mappings[m].kind == FILE_ON_DISK && page < layout->mappings[m].pages; page++)
            alike = alike
                && position_in_folio(pagemap, kpageflags, copies[0].starts[m] + page * page_size())
                    == position_in_folio(pagemap, kpageflags, copies[1].starts[m] + page * page_size());
    close(pagemap);
    close(kpageflags);
    return alike;
}

/* Returns how many pages are on the target that they are last named with. A huge page counts as one. */
static unsigned on_last_target(const struct layout *layout, const struct plan *plan, const int *actual_nodes)
{
    static bool seen[MAX_MAPPINGS][MAX_PAGES_OF_A_MAPPING];
    unsigned matches = 0;
    memset(seen, 0, sizeof seen);
    for (unsigned i = plan->count; i-- > 0;) {
        const struct entry *entry = &plan->entries[i];
        const unsigned page = layout->mappings[entry->mapping].kind == IN_HUGE_PAGES ? 0 : entry->page;
        if (entry->elsewhere != NULL || seen[entry->mapping][page])
            continue;
        seen[entry->mapping][page] = true;
        matches += actual_nodes[i] == entry->node;
    }
    return matches;
}

static unsigned long seed;

/* A call that does not return is reported by this limit, because the test's own does not print the seed. */
enum { SECONDS_PER_CALL = 20 };
static char timeout_message[128];

static void report_timeout(int signal)
{
    (void)signal;
    if (write(STDERR_FILENO, timeout_message, strlen(timeout_message)) >= 0)
        _exit(EXIT_FAILURE);
}

static void limit_time(const char *call)
{
    snprintf(timeout_message, sizeof timeout_message, "SEED=%lu: %s does not return\n", seed, call);
    alarm(SECONDS_PER_CALL);
}

/* A round is repeated with the seed in the message. */
#define expect_in_round(condition, format, ...) expect((condition), "SEED=%lu: " format, seed, __VA_ARGS__)

static void compare(const struct layout *layout, const struct plan *plan, struct page_list requests[2], const int *const actual_nodes[2],
                    struct page_list locations[2], const long returned[2], const int errors[2])
{
    const struct page_list *ours = &requests[1];
    if (returned[0] == 0) {
        expect_in_round(returned[1] == 0, "returned %ld, the system call 0", returned[1]);
        for (size_t page = 0; page < locations[0].count; page++)
            expect_in_round(locations[1].status[page] == locations[0].status[page],
                            "page %zu of the layout is on node %d, after the system call on %d", page,
                            locations[1].status[page], locations[0].status[page]);
    } else {
        const unsigned theirs = on_last_target(layout, plan, actual_nodes[0]), own = on_last_target(layout, plan, actual_nodes[1]);
        expect_in_round(own >= theirs, "%u pages are on their target, after the system call %u", own, theirs);
    }
    if (returned[0] < 0)
        expect_in_round(returned[1] == -1 && errors[1] == errors[0], "returned %ld, errno %d; the system call's errno is %d",
                        returned[1], errors[1], errors[0]);
    else {
        /* The system call counts a page once that is named twice and whose second entry it did not reach: here each entry counts. */
        long stayed = 0;
        for (unsigned i = 0; i < plan->count; i++)
            stayed += ours->status[i] < 0 && ours->status[i] != -ENOENT && ours->status[i] != -EFAULT;
        expect_in_round(returned[1] >= 0 && (returned[1] <= returned[0] || returned[1] == stayed),
                        "returned %ld, the system call %ld; %ld entries have pages that stayed", returned[1], returned[0], stayed);
    }

    for (unsigned i = 0; i < plan->count; i++) {
        const int status = ours->status[i], actual_node = actual_nodes[1][i];
        if (status == NOT_WRITTEN)
            expect_in_round(returned[1] == -1, "status %u of %u was not written", i, plan->count);
        else if (status >= 0 || status == -ENOENT || status == -EFAULT)
            expect_in_round(status == actual_node, "status %u of %u is %d, a query says %d (target %d, returned %ld)", i, plan->count,
                            status, actual_node, plan->entries[i].node, returned[1]);
        else
            expect_in_round(actual_node != plan->entries[i].node,
                            "status %u of %u is %d, but the page is on its target, node %d (returned %ld)", i, plan->count,
                            status, actual_node, returned[1]);
    }
}

/* After that, without readahead: each page has a folio of its own, and the copies must be the same. */
enum { ATTEMPTS_WITH_READAHEAD = 1 };

static void play_round(enum ingredients ingredients)
{
    static struct page_list requests[2], locations[2], actual_nodes[2];
    static struct layout layout;
    static struct plan plan;
    struct copy copies[2];
    long returned[2];
    int errors[2];
    if (requests[0].capacity == 0)
        for (int t = 0; t < 2; t++) {
            requests[t] = page_list_with_capacity(MAX_ENTRIES);
            actual_nodes[t] = page_list_with_capacity(MAX_ENTRIES);
            locations[t] = page_list_with_capacity(MAX_MAPPINGS * (pages_per_huge_page() + MAX_PAGES_OF_A_MAPPING));
        }

    seed_random(seed);
    layout = random_layout(ingredients);
    plan = random_plan(&layout, ingredients);
    for (unsigned attempt = 0;; attempt++) {
        for (int t = 0; t < 2; t++)
            copies[t] = make_copy(&layout, disk_files[t], attempt >= ATTEMPTS_WITH_READAHEAD);
        if (!(ingredients & FILES) || are_alike(&layout, copies, locations))
            break;
        expect_in_round(attempt < ATTEMPTS_WITH_READAHEAD, "the twins are not alike after %u attempts", attempt + 1);
        for (int t = 0; t < 2; t++)
            destroy_copy(&layout, &copies[t]);
    }
    const pid_t child = ingredients & CHILD ? fork_child(&layout, copies) : 0;

    for (int t = 0; t < 2; t++) {
        struct page_list *request = &requests[t];
        fill_request(request, &plan, &copies[t]);
        limit_time(t == 0 ? "move_pages" : "numa_move_pages");
        errno = UNTOUCHED_ERRNO;
        returned[t] = t == 0 ? move_pages(0, request->count, request->pages, request->nodes, request->status, plan.flags)
                             : numa_move_pages(0, request->count, request->pages, request->nodes, request->status, plan.flags);
        errors[t] = errno;
        alarm(0);
        expect_in_round(returned[t] < 0 || errors[t] == UNTOUCHED_ERRNO, "errno became %d", errors[t]);
    }
    for (int t = 0; t < 2; t++) {
        fill_locations(&locations[t], &layout, &copies[t]);
        query(&locations[t]);
        fill_request(&actual_nodes[t], &plan, &copies[t]);
        query(&actual_nodes[t]);
    }
    compare(&layout, &plan, requests, (const int *const[]){ actual_nodes[0].status, actual_nodes[1].status }, locations, returned, errors);

    if (child != 0) {
        require(kill(child, SIGKILL) == 0);
        require(waitpid(child, NULL, 0) == child);
    }
    for (int t = 0; t < 2; t++)
        destroy_copy(&layout, &copies[t]);
}

static unsigned long number_from_environment(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

static void play(unsigned long rounds, enum ingredients ingredients)
{
    require(signal(SIGALRM, report_timeout) != SIG_ERR);
    const unsigned long only = number_from_environment("SEED", 0);
    if (only != 0) {
        seed = only;
        play_round(ingredients);
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const unsigned long first = ((unsigned long)now.tv_sec * 1000003 + (unsigned long)now.tv_nsec) % 1000000000 + 1;
    rounds = number_from_environment("ROUNDS", getenv("TEST_SECONDS") == NULL ? rounds : 15 * rounds);
    fprintf(stderr, "%lu rounds, SEED=%lu to %lu\n", rounds, first, first + rounds - 1);
    for (unsigned long round = 0; round < rounds; round++) {
        seed = first + round;
        play_round(ingredients);
    }
}

START_TEST(with_private_memory)
{
    play(200, ONLY_PRIVATE);
}
END_TEST

START_TEST(with_shared_memory_and_pages_that_another_process_maps_too)
{
    play(66, SHARED_MEMORY | CHILD);
}
END_TEST

START_TEST(with_huge_pages)
{
    play(6, HUGE_PAGES | SHARED_MEMORY);
}
END_TEST

START_TEST(with_huge_pages_that_another_process_maps_too)
{
    play(4, HUGE_PAGES | CHILD);
}
END_TEST

START_TEST(with_pages_that_are_pinned)
{
    play(50, PINS | SHARED_MEMORY);
}
END_TEST

START_TEST(with_nodes_that_do_not_exist)
{
    play(30, BAD_NODES | SHARED_MEMORY);
}
END_TEST

START_TEST(with_pages_of_files)
{
    /* Nothing may be written to the disk meanwhile: writeback would hold some pages of one copy and not of the other. */
    FILE *period = fopen("/proc/sys/vm/dirty_writeback_centisecs", "r+");
    int before = 0;
    require(period != NULL && fscanf(period, "%d", &before) == 1);
    rewind(period);
    require(fprintf(period, "0") > 0 && fflush(period) == 0);
    for (int t = 0; t < 2; t++)
        disk_files[t] = file_in("/mnt/ext4", 1);
    play(50, FILES | SHARED_MEMORY);
    rewind(period);
    require(fprintf(period, "%d", before) > 0 && fclose(period) == 0);
}
END_TEST

int main(void)
{
    return run_tests("compared_with_kernel", (const TTest *[]){
        with_private_memory,
        with_shared_memory_and_pages_that_another_process_maps_too,
        with_huge_pages,
        with_huge_pages_that_another_process_maps_too,
        with_pages_that_are_pinned,
        with_nodes_that_do_not_exist,
        with_pages_of_files,
        NULL });
}

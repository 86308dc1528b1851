/* Random memory layouts and random calls under interference: threads that move the same pages, touch, protect, free, map and fork,
 * callbacks that cancel, nodes that are full. After each call, its result is compared with raw queries, as far as it can be predicted:
 *
 * - pages that only the call itself moves have exactly the status and the node that the call reports;
 * - pages that others move but never free are never reported as missing;
 * - whatever others do, the sums are consistent, 0 means that every page is on its target, and contents are kept.
 *
 * SEED=n in the environment repeats a run as far as threads allow; a failure message contains the seed, and VERBOSE=1 lists all rounds. A
 * run takes some seconds in all, or ten times TEST_SECONDS, divided among the tests; then raise CK_TIMEOUT_MULTIPLIER too. */
#include <fcntl.h>
#include <numars.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "environment.h"
#include "full_node.h"
#include "harness.h"
#include "move_stats.h"
#include "page_counts.h"
#include "page_list.h"
#include "pages.h"
#include "random.h"
#include "system_calls.h"

enum { USUAL_SECONDS = 12, TESTS = 4, FULL = 3, SPARE = 2, MAX_PINS = 4 };

/* What a test uses. */
enum ingredients { ALONE = 0, OTHERS = 1, FULL_NODES = 2, WHOLE_PROCESS = 4 };

/* --- randomness --- */

static unsigned long seed;

/* The current action, for messages. */
static char doing[300];
static unsigned long rounds;

static void describe(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void describe(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(doing, sizeof doing, format, arguments);
    va_end(arguments);
}

#define expect_now(condition, format, ...) \
    expect((condition), "SEED=%lu, round %lu: %s: " format, seed, rounds, doing, __VA_ARGS__)

/* --- memory --- */

enum kind { SMALL, HUGE_MADE, HUGETLB, SHARED, IN_FILE, KINDS };

/* The thread that moves and frees it. */
enum owner { NOTHING, MINE, MOVED_BY_OTHERS, FREED_BY_OTHERS };

struct area {
    enum kind kind;
    enum owner owner;
    char *start;
    size_t count;
};

enum { MAX_AREAS = 24, MAX_ARENA_PAGES = 16 * 512 };

/* How many pages the arena has: 16 huge pages, or less if these are large. */
static size_t arena_pages(void)
{
    return pages_within(huge_pages_within(16, 128 << 20, 4) * pages_per_huge_page(), (size_t)MAX_ARENA_PAGES * page_size());
}

static struct area areas[MAX_AREAS];
static size_t area_count;
static char *arena;

/* For each page of the arena. */
static struct {
    enum owner owner;
    enum kind kind;
} page_kinds[MAX_ARENA_PAGES];

static size_t page_number(const void *address)
{
    return (size_t)((const char *)address - arena) / page_size();
}

static unsigned char contents_of(size_t page)
{
    return (unsigned char)(page % 239 + 1);
}

static void write_contents(char *start, size_t count)
{
    for (size_t page = 0; page < count; page++)
        memset(start + page * page_size(), contents_of(page_number(start) + page), page_size());
}

static bool has_contents(const char *start, size_t count)
{
    for (size_t page = 0; page < count; page++) {
        const char *bytes = start + page * page_size();
        const unsigned char expected = contents_of(page_number(start) + page);
        for (size_t offset = 0; offset < page_size(); offset += 8 * sizeof(long))
            if (*(const unsigned char *)(bytes + offset) != expected)
                return false;
    }
    return true;
}

static void add_area(enum kind kind, enum owner owner, size_t first_page, size_t count)
{
    struct area *area = &areas[area_count++];
    require(area_count <= MAX_AREAS && first_page + count <= arena_pages());
    *area = (struct area){ .kind = kind, .owner = owner, .start = arena + first_page * page_size(), .count = count };
    int flags = MAP_FIXED, file = -1;
    const size_t size = count * page_size();
    if (kind == SMALL || kind == HUGE_MADE)
        flags |= MAP_PRIVATE | MAP_ANONYMOUS;
    else if (kind == HUGETLB)
        flags |= MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
    else {
        flags |= MAP_SHARED;
        file = kind == IN_FILE ? file_in("/mnt/ext4", count) : memfd_create("adversary", MFD_CLOEXEC);
        require(file >= 0 && ftruncate(file, (off_t)size) == 0);
    }
    require(mmap(area->start, size, PROT_READ | PROT_WRITE, flags, file, 0) == area->start);
    if (file >= 0)
        close(file);
    if (kind != HUGETLB)
        (void)madvise(area->start, size, kind == HUGE_MADE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    /* Not inherited by children: the first process to write to a shared page would get a copy on its own node. */
    if (owner == MINE)
        require(madvise(area->start, size, MADV_DONTFORK) == 0);
    write_contents(area->start, count);
    for (size_t page = 0; page < count; page++) {
        page_kinds[first_page + page].owner = owner;
        page_kinds[first_page + page].kind = kind;
    }
}

static void make_memory(enum ingredients ingredients)
{
    const size_t size = arena_pages() * page_size() + huge_page_size();
    char *start = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(start != MAP_FAILED);
    arena = align_to_huge_page(start);
    size_t next = 0;
    bool hugetlb = true;
    for (int node = 0; node < NODES - 1; node++)
        hugetlb &= set_nr_huge_pages(node, 3) >= 3;
    while (next < arena_pages() && area_count < MAX_AREAS) {
        enum kind kind = below(KINDS);
        enum owner owner = ingredients & OTHERS ? MINE + below(3) : MINE;
        if (kind == HUGETLB && (!hugetlb || owner == FREED_BY_OTHERS))
            kind = SMALL;
        /* One of hugetlbfs is enough. */
        if (kind == HUGETLB)
            hugetlb = false;
        size_t count = 1 + below(one_in(3) && arena_pages() >= 8 * 900 ? 900 : 100);
        if (kind == IN_FILE)
            count = pages_within(count, 4 << 20);
        if (kind == HUGE_MADE || kind == HUGETLB) {
            const unsigned of_huge_page = (unsigned)pages_per_huge_page(), few = of_huge_page < 100 ? of_huge_page : 100;
            next = (next + of_huge_page - 1) / of_huge_page * of_huge_page;
            count = kind == HUGETLB ? of_huge_page : of_huge_page * (1 + below(2)) - (one_in(3) ? below(few) : 0);
        }
        if (next + count > arena_pages())
            break;
        add_area(kind, owner, next, count);
        next += count + (one_in(3) ? 0 : below(30));
    }
}

/* --- raw queries --- */

/* Queries where pages are. A page that was never freed may be in flight, at least because of compaction: its query is repeated. */
static void query_pages(void **pages, size_t count, int *actual_nodes)
{
    require(query_with_kernel(0, count, pages, actual_nodes) == 0);
    for (size_t entry = 0; entry < count; entry++) {
        const size_t number = page_number(pages[entry]);
        const bool in_arena = (char *)pages[entry] >= arena && number < arena_pages();
        for (int attempt = 0; attempt < 100 && actual_nodes[entry] < 0 && in_arena && page_kinds[number].owner == MINE; attempt++) {
            usleep(attempt * 100);
            require(syscall(SYS_move_pages, 0L, 1L, &pages[entry], NULL, &actual_nodes[entry], 0L) == 0);
            if (page_kinds[number].kind == IN_FILE)
                break;
        }
    }
}

/* --- interference --- */

/* Held by the interfering threads while they act, and by the checking thread while none of them may. */
#ifdef __GLIBC__
static pthread_rwlock_t interference = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
#else
static pthread_rwlock_t interference = PTHREAD_RWLOCK_INITIALIZER;
#endif
static atomic_bool enough;

/* Calls `act` repeatedly, with pauses. */
struct other {
    pthread_t thread;
    void (*act)(void);
    unsigned long number;
};

static void *interfere(void *argument)
{
    const struct other *other = argument;
    seed_random(seed + other->number);
    while (!enough) {
        require(pthread_rwlock_rdlock(&interference) == 0);
        other->act();
        require(pthread_rwlock_unlock(&interference) == 0);
        /* On an emulated machine, each move of one thread delays all others. */
        usleep(below(8000));
    }
    return NULL;
}

static const struct area *random_area(enum owner owner)
{
    const size_t first = below((unsigned)area_count);
    for (size_t i = 0; i < area_count; i++)
        if (areas[(first + i) % area_count].owner == owner)
            return &areas[(first + i) % area_count];
    return NULL;
}

/* A part of an area. */
static char *random_part(const struct area *area, size_t *count)
{
    const size_t first = below((unsigned)area->count);
    *count = 1 + below((unsigned)(area->count - first));
    return area->start + first * page_size();
}

static void move_pages_fought_for(void)
{
    enum { MAX_COUNT = 200 };
    const struct area *area = random_area(MOVED_BY_OTHERS);
    if (area == NULL)
        return;
    void *pages[MAX_COUNT];
    int nodes[MAX_COUNT], status[MAX_COUNT];
    size_t count;
    char *start = random_part(area, &count);
    const int node = (int)below(NODES - 1);
    count = count < MAX_COUNT ? count : MAX_COUNT;
    for (size_t page = 0; page < count; page++) {
        pages[page] = start + page * page_size();
        nodes[page] = node;
    }
    syscall(SYS_move_pages, 0L, count, pages, nodes, status, (long)MPOL_MF_MOVE_ALL);
}

static void move_range_fought_for(void)
{
    const struct area *area = random_area(MOVED_BY_OTHERS);
    if (area == NULL)
        return;
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    size_t count;
    char *start = random_part(area, &count);
    options.flags = one_in(2) ? MPOL_MF_MOVE : MPOL_MF_MOVE_ALL;
    options.threads = 1 + below(2);
    numars_move_range(0, start, count * page_size(), (int)below(NODES - 1), &options, NULL);
}

static void touch(const struct area *area)
{
    size_t count;
    volatile unsigned char *start = (unsigned char *)random_part(area, &count);
    const bool write = one_in(2);
    for (size_t page = 0; page < count; page++) {
        volatile unsigned char *byte = start + page * page_size() + 8 * sizeof(long) * below(8);
        const unsigned char value = *byte;
        if (write)
            *byte = value;
    }
}

static void protect(const struct area *area)
{
    size_t count;
    char *start = random_part(area, &count);
    if (area->kind == HUGETLB)
        return;
    /* Only this thread writes to these areas, so no other one meets the protection. */
    require(mprotect(start, count * page_size(), PROT_READ) == 0);
    if (one_in(2))
        usleep(below(500));
    require(mprotect(start, count * page_size(), PROT_READ | PROT_WRITE) == 0);
}

static void free_or_rewrite(const struct area *area)
{
    size_t count;
    char *start = random_part(area, &count);
    switch (below(4)) {
    case 0:
        madvise(start, count * page_size(), MADV_FREE);
        break;
    case 1:
        madvise(start, count * page_size(), MADV_DONTNEED);
        break;
    case 2:
        require(mmap(start, count * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == start);
        break;
    default:
        write_contents(start, count);
    }
}

/* The only thread that changes mappings; it does not write to what it has protected. */
static void change_memory(void)
{
    const struct area *area = random_area(MOVED_BY_OTHERS);
    if (area != NULL && one_in(2))
        touch(area);
    else if (area != NULL)
        protect(area);
    area = random_area(FREED_BY_OTHERS);
    if (area != NULL && one_in(2))
        free_or_rewrite(area);
}

/* A child maps most of it too, for a while. */
static void fork_child(void)
{
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        usleep(below(5000));
        _exit(EXIT_SUCCESS);
    }
    require(waitpid(pid, NULL, 0) == pid);
    usleep(5000);
}

static struct other others[] = {
    { .act = move_pages_fought_for }, { .act = move_range_fought_for }, { .act = change_memory }, { .act = fork_child },
};
enum { OTHERS_COUNT = sizeof others / sizeof *others };

static void start_others(void)
{
    for (unsigned long i = 0; i < OTHERS_COUNT; i++) {
        others[i].number = i + 1;
        require(pthread_create(&others[i].thread, NULL, interfere, &others[i]) == 0);
    }
}

static void stop_others(void)
{
    enough = true;
    for (size_t i = 0; i < OTHERS_COUNT; i++)
        require(pthread_join(others[i].thread, NULL) == 0);
}

/* --- the checking thread --- */

static enum ingredients ingredients;
/* No interference in this round. */
static bool quiet;
static struct full_node full;
static bool has_full_node;

static struct {
    char *page;
    int end;
} pins[MAX_PINS];

static void pin_and_unpin(void)
{
    const size_t pin = below(MAX_PINS);
    if (pins[pin].page != NULL) {
        unpin_from_pipe(pins[pin].end);
        pins[pin].page = NULL;
        return;
    }
    const struct area *area = random_area(MINE);
    if (area == NULL || area->kind == HUGETLB)
        return;
    pins[pin].page = area->start + below((unsigned)area->count) * page_size();
    pins[pin].end = pin_in_pipe(pins[pin].page);
}

/* What is known about a page after a call: its node, if no other thread can have moved it since. */
enum knowledge { KNOWN, PRESENT, UNKNOWN };

static enum knowledge knowledge_of(const void *address)
{
    const size_t number = page_number(address);
    if ((const char *)address < arena || number >= arena_pages() || page_kinds[number].owner == NOTHING)
        return KNOWN;
    /* The kernel may drop pages of files at any time, and write them to the disk. */
    if (page_kinds[number].kind == IN_FILE)
        return UNKNOWN;
    switch (page_kinds[number].owner) {
    case MINE:
        return KNOWN;
    case MOVED_BY_OTHERS:
        return quiet ? KNOWN : PRESENT;
    default:
        /* After MADV_FREE, the kernel drops it as soon as a node is full. */
        return UNKNOWN;
    }
}

/* Numbers of entries or base pages: lower bounds of those whose result is known, and how many may have any result. */
struct bounds {
    size_t on_target, off_target, missing;
    size_t present, unknown;
};

static void count_page(struct bounds *bounds, const void *page, int actual_node, int target)
{
    switch (knowledge_of(page)) {
    case KNOWN:
        bounds->missing += actual_node < 0;
        bounds->on_target += actual_node >= 0 && actual_node == target;
        bounds->off_target += actual_node >= 0 && actual_node != target;
        break;
    case PRESENT:
        bounds->present++;
        break;
    case UNKNOWN:
        bounds->unknown++;
    }
}

static unsigned long sum_of(const struct numars_move_stats *stats)
{
    return stats->moved + stats->in_place + stats->absent + stats->unmapped + stats->shared + stats->busy + stats->no_memory
        + stats->failed;
}

enum { TEXT = 300 };

static const char *stats_text(const struct numars_move_stats *stats, char text[static TEXT])
{
    snprintf(text, TEXT,
             "requested %lu, moved %lu, in_place %lu, absent %lu, unmapped %lu, shared %lu, busy %lu, no_memory %lu, failed %lu, retried %lu",
             stats->requested, stats->moved, stats->in_place, stats->absent, stats->unmapped, stats->shared, stats->busy,
             stats->no_memory, stats->failed, stats->retried);
    return text;
}

struct progress {
    struct numars_move_stats last;
    unsigned calls, cancel_at;
    /* Describes the first inconsistent report; empty if there was none. */
    char wrong[2 * TEXT + 20];
};

static int check_progress(const struct numars_move_stats *so_far, void *argument)
{
    struct progress *progress = argument;
    const struct numars_move_stats *last = &progress->last;
    /* If others free or split memory meanwhile, pages that had moved may be gone, and a huge page that is split was reported as moved as a
     * whole. */
    const bool have_gone_back = quiet && !(ingredients & FULL_NODES) && (so_far->moved < last->moved || so_far->in_place < last->in_place);
    const bool is_wrong = sum_of(so_far) > so_far->requested || so_far->requested < last->requested || have_gone_back
        || so_far->retried < last->retried || so_far->kernel_calls < last->kernel_calls;
    char now[TEXT], before[TEXT];
    if (is_wrong && progress->wrong[0] == '\0')
        snprintf(progress->wrong, sizeof progress->wrong, "%s after %s", stats_text(so_far, now), stats_text(last, before));
    progress->last = *so_far;
    return ++progress->calls == progress->cancel_at;
}

static struct numars_move_options random_options(struct progress *progress)
{
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    *progress = (struct progress){ .cancel_at = one_in(4) ? 1 + below(4) : 0 };
    options.flags = one_in(2) ? MPOL_MF_MOVE : MPOL_MF_MOVE_ALL;
    /* With several threads, an emulated machine takes very long. */
    options.threads = one_in(6) ? below(5) : 1;
    options.retries = one_in(4) ? below(6) : 3;
    if (one_in(2)) {
        options.progress = check_progress;
        options.progress_arg = progress;
    }
    return options;
}

/* Invariants of every call of numars.h. `displaced` entries are those whose pages a later entry sent elsewhere. */
static void check_sums(long returned, int error, const struct numars_move_stats *stats, const struct progress *progress,
                       const struct bounds *bounds, size_t displaced)
{
    const size_t open = bounds->present + bounds->unknown;
    const size_t all = bounds->on_target + bounds->off_target + bounds->missing + open;
    const unsigned long stayed = stats->shared + stats->busy + stats->no_memory + stats->failed;
    char buffer[TEXT];
    const char *text = stats_text(stats, buffer);
    expect_now(progress->wrong[0] == '\0', "the callback's sums went back or exceed what was requested: %s", progress->wrong);
    expect_now(progress->calls == 0 || have_same_counts(&progress->last, stats), "the last call of the callback differs: %s", text);
    expect_now(stats->requested <= all && sum_of(stats) <= stats->requested, "at most %zu can be requested: %s", all, text);
    expect_now(stats->moved + stats->in_place <= bounds->on_target + displaced + open, "%zu are on the target, %zu unknown: %s",
               bounds->on_target, open, text);
    if (returned == -1 && error == ECANCELED) {
        expect_now(progress->cancel_at != 0 && progress->calls >= progress->cancel_at, "ECANCELED, but no callback cancelled: %s", text);
        return;
    }
    expect_now(sum_of(stats) == stats->requested, "returned %ld, errno %d, does not add up: %s", returned, error, text);
    expect_now(stats->requested >= all - bounds->unknown - bounds->missing, "%zu pages are there: %s", all - bounds->missing, text);
    expect_now(stats->absent + stats->unmapped <= bounds->missing + bounds->unknown, "%zu are missing, %zu unknown: %s", bounds->missing,
               bounds->unknown, text);
    expect_now(stats->moved + stats->in_place + displaced >= bounds->on_target, "%zu are on the target: %s", bounds->on_target, text);
    expect_now(stayed + displaced >= bounds->off_target && stayed <= bounds->off_target + displaced + open,
               "%zu are not on the target, %zu unknown: %s", bounds->off_target, open, text);
    if (returned == -1) {
        expect_now(error == ENOMEM && stats->no_memory > 0, "errno %d: %s", error, text);
        return;
    }
    expect_now(error == UNTOUCHED_ERRNO, "returned %ld, errno %d: %s", returned, error, text);
    expect_now(stats->no_memory == 0, "returned %ld, and pages had no room: %s", returned, text);
    expect_now(returned >= 0 && (unsigned long)returned + displaced >= stayed && (unsigned long)returned <= stayed + displaced,
               "returned %ld: %s", returned, text);
}

/* From one page of the arena to another one, whatever is in between. */
static void check_range(void)
{
    static void *pages[MAX_ARENA_PAGES];
    static int actual_nodes[MAX_ARENA_PAGES];
    size_t count;
    const struct area *area = random_area(MINE + below(3));
    char *start = area != NULL ? random_part(area, &count) : arena;
    if (area == NULL || one_in(4)) {
        start = arena + below(arena_pages()) * page_size();
        count = 1 + below((unsigned)(arena_pages() - page_number(start)));
    }
    struct progress progress;
    struct numars_move_options options = random_options(&progress);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    const int node = (int)below(NODES);
    describe("numars_move_range of pages %zu to %zu, node %d, flags %d, %u threads, %u retries, cancelled by call %u%s", page_number(start),
             page_number(start) + count, node, options.flags, options.threads, options.retries,
             options.progress != NULL ? progress.cancel_at : 0, quiet ? ", quiet" : "");
    errno = UNTOUCHED_ERRNO;
    const long returned = numars_move_range(0, start, count * page_size(), node, &options, &stats);
    const int error = errno;
    for (size_t page = 0; page < count; page++)
        pages[page] = start + page * page_size();
    query_pages(pages, count, actual_nodes);
    struct bounds bounds = { .missing = 0 };
    for (size_t page = 0; page < count; page++)
        count_page(&bounds, pages[page], actual_nodes[page], node);
    check_sums(returned, error, &stats, &progress, &bounds, 0);
}

static void check_count(void)
{
    static void *pages[MAX_ARENA_PAGES];
    static int actual_nodes[MAX_ARENA_PAGES];
    char *start = arena + below(arena_pages()) * page_size();
    const size_t count = 1 + below((unsigned)(arena_pages() - page_number(start)));
    unsigned long per_node[NODES];
    describe("numars_count_pages of pages %zu to %zu%s", page_number(start), page_number(start) + count, quiet ? ", quiet" : "");
    errno = UNTOUCHED_ERRNO;
    const long returned = numars_count_pages(0, start, count * page_size(), per_node, NODES);
    const int error = errno;
    for (size_t page = 0; page < count; page++)
        pages[page] = start + page * page_size();
    query_pages(pages, count, actual_nodes);
    size_t on_node[NODES] = { 0 };
    struct bounds bounds = { .missing = 0 };
    for (size_t page = 0; page < count; page++) {
        count_page(&bounds, pages[page], actual_nodes[page], 0);
        if (knowledge_of(pages[page]) == KNOWN && actual_nodes[page] >= 0)
            on_node[actual_nodes[page]]++;
    }
    const size_t least = bounds.on_target + bounds.off_target + bounds.present;
    expect_now(error == UNTOUCHED_ERRNO && returned >= (long)least && returned <= (long)(least + bounds.unknown),
               "returned %ld, errno %d, but %zu pages are there, and perhaps %zu more", returned, error, least, bounds.unknown);
    expect_now(per_node[0] + per_node[1] + per_node[2] + per_node[3] == (unsigned long)returned, "the sum of nodes is not %ld", returned);
    for (int node = 0; node < NODES; node++)
        expect_now(per_node[node] >= on_node[node] && per_node[node] <= on_node[node] + bounds.present + bounds.unknown,
                   "%lu pages on node %d, but %zu are there, and perhaps %zu more", per_node[node], node, on_node[node],
                   bounds.present + bounds.unknown);
}

/* Most parts of a huge page get the same target: it moves each time the target changes, which takes long on an emulated machine. */
static int random_target(const void *page)
{
    const enum kind kind = page_kinds[page_number(page)].kind;
    const bool is_huge = kind == HUGE_MADE || kind == HUGETLB;
    return is_huge && !one_in(100) ? (int)((uintptr_t)page / huge_page_size() % NODES) : (int)below(NODES);
}

/* Entries of several areas, of gaps and of addresses elsewhere, some of them repeated. */
static void fill_list(struct page_list *list)
{
    const size_t sizes[] = { 1, 3, 30, 64, 200, 1000, 3000 };
    const size_t count = 1 + below((unsigned)sizes[below(7)]);
    const bool in_order = one_in(2), one_target = one_in(2);
    const unsigned again_in = one_in(3) ? 1000000 : 5 + below(50);
    const int target = (int)below(NODES);
    const struct area *area = &areas[below((unsigned)area_count)];
    size_t page = 0;
    list->count = 0;
    while (list->count < count) {
        if (list->count > 0 && one_in(again_in)) {
            const unsigned entry = below((unsigned)list->count);
            page_list_add(list, list->pages[entry], one_in(2) ? list->nodes[entry] : random_target(list->pages[entry]));
        } else if (one_in(200)) {
            page_list_add(list, arena + below(arena_pages()) * page_size(), target);
        } else {
            if (page >= area->count || one_in(in_order ? 500 : 4)) {
                area = &areas[below((unsigned)area_count)];
                page = below((unsigned)area->count);
            }
            char *address = area->start + page++ * page_size() + (one_in(4) ? below(4000) : 0);
            page_list_add(list, address, one_target ? target : random_target(address));
        }
    }
}

static void check_list(void)
{
    enum { MAX_COUNT = 4000 };
    static struct page_list list;
    static int actual_nodes[MAX_COUNT], last_target[MAX_ARENA_PAGES];
    if (list.capacity == 0)
        list = page_list_with_capacity(MAX_COUNT);
    fill_list(&list);
    struct progress progress;
    struct numars_move_options options = random_options(&progress);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    const bool is_numa = one_in(2);
    describe("%s of %zu entries, flags %d, %u threads, %u retries, cancelled by call %u%s", is_numa ? "numa_move_pages" : "numars_move_pages",
             list.count, options.flags, options.threads, options.retries, options.progress != NULL ? progress.cancel_at : 0,
             quiet ? ", quiet" : "");
    errno = UNTOUCHED_ERRNO;
    const long returned = is_numa ? numa_move_pages(0, list.count, list.pages, list.nodes, list.status, options.flags)
                                  : numars_move_pages(0, list.count, list.pages, list.nodes, list.status, &options, &stats);
    const int error = errno;
    query_pages(list.pages, list.count, actual_nodes);
    const bool cancelled = returned == -1 && error == ECANCELED;

    for (size_t entry = 0; entry < list.count; entry++)
        last_target[page_number(list.pages[entry])] = list.nodes[entry];
    struct bounds bounds = { .missing = 0 };
    size_t displaced = 0, held = 0, full = 0;
    for (size_t entry = 0; entry < list.count; entry++) {
        const int status = list.status[entry], actual_node = actual_nodes[entry], target = list.nodes[entry];
        const enum knowledge knowledge = knowledge_of(list.pages[entry]);
        count_page(&bounds, list.pages[entry], actual_node, target);
        displaced += target != last_target[page_number(list.pages[entry])];
        held += knowledge == KNOWN && status == -EBUSY;
        full += status == -ENOMEM;
        if (status == NOT_WRITTEN && cancelled)
            continue;
        const bool says_missing = status == -ENOENT || status == -EFAULT;
        expect_now(status >= -4095 && status < NODES, "entry %zu (page %zu, target %d) has status %d", entry, page_number(list.pages[entry]),
                   target, status);
        if (knowledge == PRESENT)
            expect_now(!says_missing, "entry %zu (page %zu of kind %d, target %d) was there all the time, its status is %d", entry,
                       page_number(list.pages[entry]), page_kinds[page_number(list.pages[entry])].kind, target, status);
        /* If the call was cancelled, an earlier entry's status may predate a later move of the same page. */
        if (knowledge != KNOWN || cancelled)
            continue;
        if (status >= 0 || says_missing)
            expect_now(status == actual_node, "entry %zu (page %zu, target %d) has status %d, but a query says %d", entry,
                       page_number(list.pages[entry]), target, status, actual_node);
        else
            expect_now(actual_node >= 0 && actual_node != target, "entry %zu (page %zu, target %d) has status %d, but a query says %d", entry,
                       page_number(list.pages[entry]), target, status, actual_node);
    }
    if (!is_numa) {
        check_sums(returned, error, &stats, &progress, &bounds, displaced);
        return;
    }
    if (returned == -1)
        expect_now(error == ENOMEM && full > 0, "errno %d, %zu statuses say that a node is full", error, full);
    else
        expect_now(returned >= 0 && error == UNTOUCHED_ERRNO && full == 0 && (returned > 0 || held == 0),
                   "returned %ld, errno %d; %zu statuses say that a node is full, %zu that a page is busy", returned, error, full, held);
}

static struct bitmask *node_set(unsigned members)
{
    struct bitmask *set = numa_allocate_nodemask();
    require(set != NULL);
    for (unsigned node = 0; node < NODES; node++)
        if (members >> node & 1)
            numa_bitmask_setbit(set, node);
    return set;
}

/* All memory of this process; only the arena is checked. */
static void check_process(void)
{
    static void *pages[MAX_ARENA_PAGES];
    static int before[MAX_ARENA_PAGES], after[MAX_ARENA_PAGES];
    for (size_t page = 0; page < arena_pages(); page++)
        pages[page] = arena + page * page_size();
    const unsigned from = 1 + below(15), to = 1 << below(NODES);
    struct bitmask *from_set = node_set(from), *to_set = node_set(to);
    struct progress progress;
    struct numars_move_options options = random_options(&progress);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    describe("numars_move_process from nodes %#x to %#x, flags %d, %u threads, %u retries, cancelled by call %u%s", from, to, options.flags,
             options.threads, options.retries, options.progress != NULL ? progress.cancel_at : 0, quiet ? ", quiet" : "");
    query_pages(pages, arena_pages(), before);
    errno = UNTOUCHED_ERRNO;
    const long returned = numars_move_process(0, from_set, to_set, &options, &stats);
    const int error = errno;
    query_pages(pages, arena_pages(), after);
    numa_bitmask_free(from_set);
    numa_bitmask_free(to_set);
    char buffer[TEXT];
    const char *text = stats_text(&stats, buffer);
    size_t stayed = 0, arrived = 0;
    for (size_t page = 0; page < arena_pages(); page++) {
        if (knowledge_of(pages[page]) != KNOWN || before[page] < 0)
            continue;
        const bool should_go = from >> before[page] & 1 && !(to >> before[page] & 1);
        expect_now(after[page] >= 0, "page %zu was on node %d, now a query says %d", page, before[page], after[page]);
        expect_now(after[page] == before[page] || (should_go && to >> after[page] & 1), "page %zu was on node %d and is on node %d", page,
                   before[page], after[page]);
        arrived += after[page] != before[page];
        stayed += should_go && after[page] == before[page];
    }
    expect_now(progress.wrong[0] == '\0', "the callback's sums went back or exceed what was requested: %s", progress.wrong);
    expect_now(stats.moved >= arrived, "%zu pages have moved: %s", arrived, text);
    if (returned == -1 && error == ECANCELED) {
        expect_now(progress.cancel_at != 0 && progress.calls >= progress.cancel_at, "ECANCELED, but no callback cancelled: %s", text);
        return;
    }
    expect_now(sum_of(&stats) == stats.requested, "returned %ld, errno %d, does not add up: %s", returned, error, text);
    expect_now(stats.shared + stats.busy + stats.no_memory + stats.failed >= stayed, "%zu pages stayed: %s", stayed, text);
    if (returned == -1)
        expect_now(error == ENOMEM && stats.no_memory > 0, "errno %d: %s", error, text);
    else
        expect_now(error == UNTOUCHED_ERRNO && returned >= (long)stayed && stats.no_memory == 0, "returned %ld, errno %d, %zu pages stayed: %s",
                   returned, error, stayed, text);
}

static void check_contents(void)
{
    for (size_t i = 0; i < area_count; i++)
        if (areas[i].owner != FREED_BY_OTHERS)
            expect_now(has_contents(areas[i].start, areas[i].count), "the contents of area %zu (kind %d, owner %d, %zu pages) have changed", i,
                       areas[i].kind, areas[i].owner, areas[i].count);
}

static void change_room(void)
{
    if (!has_full_node) {
        full = fill_node_completely(FULL, SPARE);
        has_full_node = true;
    }
    if (one_in(8)) {
        release_full_node(&full);
        has_full_node = false;
    } else {
        set_free_pages(&full, below(one_in(2) ? 600 : 60));
    }
}

static void play_round(void)
{
    if (one_in(3))
        pin_and_unpin();
    switch (below(ingredients & WHOLE_PROCESS ? 10 : 8)) {
    case 0:
        check_count();
        break;
    case 1:
    case 2:
    case 3:
        check_range();
        break;
    case 8:
    case 9:
        check_process();
        break;
    default:
        check_list();
    }
    if (one_in(16))
        check_contents();
}

static void write_setting(const char *path, const char *value)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return;
    require(fputs(value, file) >= 0 && fclose(file) == 0);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void play(enum ingredients of_test)
{
    const char *long_run = getenv("TEST_SECONDS"), *only = getenv("SEED");
    const double end = seconds_now() + (long_run != NULL ? 10.0 * atoi(long_run) : USUAL_SECONDS) / TESTS;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    seed = only != NULL ? strtoul(only, NULL, 10) : ((unsigned long)now.tv_sec * 1000003 + (unsigned long)now.tv_nsec) % 1000000000 + 1;
    seed_random(seed);
    fprintf(stderr, "SEED=%lu\n", seed);
    /* khugepaged would collapse small pages into huge ones, on a node of its choice. */
    write_setting("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs", "1000000000");
    ingredients = of_test;
    make_memory(ingredients);
    if (ingredients & OTHERS)
        start_others();
    for (; seconds_now() < end; rounds++) {
        const double began = seconds_now();
        quiet = one_in(3) || !(ingredients & OTHERS);
        /* No interference while a node is filled either: that takes long enough. */
        require(pthread_rwlock_wrlock(&interference) == 0);
        if (ingredients & FULL_NODES && rounds % 8 == 0)
            change_room();
        if (!quiet)
            require(pthread_rwlock_unlock(&interference) == 0);
        play_round();
        if (getenv("VERBOSE") != NULL)
            fprintf(stderr, "%lu: %.3f s %s\n", rounds, seconds_now() - began, doing);
        if (quiet)
            require(pthread_rwlock_unlock(&interference) == 0);
    }
    if (ingredients & OTHERS)
        stop_others();
    describe("the end");
    check_contents();
    if (has_full_node)
        release_full_node(&full);
    write_setting("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs", "10000");
    fprintf(stderr, "%lu rounds\n", rounds);
    require(munmap(arena, arena_pages() * page_size()) == 0);
}

START_TEST(results_are_true_without_interference)
{
    play(ALONE | WHOLE_PROCESS);
}
END_TEST

START_TEST(results_are_true_while_a_node_is_full)
{
    play(FULL_NODES | WHOLE_PROCESS);
}
END_TEST

START_TEST(results_are_true_while_others_move_and_change_memory)
{
    play(OTHERS | WHOLE_PROCESS);
}
END_TEST

START_TEST(results_are_true_under_interference_while_a_node_is_full)
{
    play(OTHERS | FULL_NODES);
}
END_TEST

int main(void)
{
    return run_tests("adversary", (const TTest *[]){
        results_are_true_without_interference,
        results_are_true_while_a_node_is_full,
        results_are_true_while_others_move_and_change_memory,
        results_are_true_under_interference_while_a_node_is_full,
        NULL });
}

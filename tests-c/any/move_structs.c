/* The structs of numars.h may grow: programs and libraries of different releases work together. The size of a struct is that of the program,
 * whose struct may be smaller or larger than the library's. */
#include <numars.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "environment.h"
#include "harness.h"
#include "move_stats.h"
#include "pages.h"

/* The sizes at the first release, which never change. */
#if __SIZEOF_POINTER__ == 8
enum { FIRST_OPTIONS_SIZE = 80, FIRST_STATS_SIZE = 112, FIRST_PLACEMENT_SIZE = 40 };
#else
enum { FIRST_OPTIONS_SIZE = 56, FIRST_STATS_SIZE = 64, FIRST_PLACEMENT_SIZE = 24 };
#endif

#define END_OF(type, field) (offsetof(struct type, field) + sizeof(((struct type *)0)->field))

/* A program does not initialize padding: a field that is added there later would have any value. */
#define FOLLOWS(type, field, next) _Static_assert(END_OF(type, field) == offsetof(struct type, next), #next " follows " #field)
FOLLOWS(numars_move_options, size, flags);
FOLLOWS(numars_move_options, flags, threads);
FOLLOWS(numars_move_options, threads, retries);
FOLLOWS(numars_move_options, retries, max_pause_us);
FOLLOWS(numars_move_options, max_pause_us, timeout_ms);
FOLLOWS(numars_move_options, timeout_ms, reserved);
FOLLOWS(numars_move_options, reserved, cancel);
FOLLOWS(numars_move_options, cancel, max_bytes_per_second);
FOLLOWS(numars_move_options, max_bytes_per_second, progress);
FOLLOWS(numars_move_options, progress, progress_arg);
FOLLOWS(numars_move_options, progress_arg, moved_per_node);
FOLLOWS(numars_move_options, moved_per_node, n_nodes);
_Static_assert(END_OF(numars_move_options, n_nodes) == sizeof(struct numars_move_options), "no padding at the end");
FOLLOWS(numars_move_stats, size, requested);
FOLLOWS(numars_move_stats, requested, moved);
FOLLOWS(numars_move_stats, kernel_calls, elapsed_ns);
FOLLOWS(numars_move_stats, elapsed_ns, longest_call_ns);
_Static_assert(END_OF(numars_move_stats, longest_call_ns) == sizeof(struct numars_move_stats), "no padding at the end");
FOLLOWS(numars_placement, size, mode);
FOLLOWS(numars_placement, mode, flags);
FOLLOWS(numars_placement, flags, nodes);
FOLLOWS(numars_placement, nodes, weights);
FOLLOWS(numars_placement, weights, n_weights);
_Static_assert(END_OF(numars_placement, n_weights) == sizeof(struct numars_placement), "no padding at the end");
_Static_assert(sizeof(struct numars_move_options) >= FIRST_OPTIONS_SIZE, "options never shrink");
_Static_assert(sizeof(struct numars_move_stats) >= FIRST_STATS_SIZE, "statistics never shrink");
_Static_assert(sizeof(struct numars_placement) >= FIRST_PLACEMENT_SIZE, "placements never shrink");

enum { PAGES = 4, LARGEST_SIZE = 4096 };

/* A struct of `size` bytes at the end of a page, with nothing mapped after it: the first bytes are those of `known`, the rest is 0. The next
 * call overwrites it: thousands of mappings would make each walk over the mappings slow. */
static void *at_end_of_page(const void *known, size_t known_size, size_t size)
{
    static char *end;
    if (end == NULL) {
        const size_t room = 2 * page_size() + LARGEST_SIZE;
        char *mapped = mmap(NULL, room + page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        end = mapped + room / page_size() * page_size();
        require(mapped != MAP_FAILED && munmap(end, page_size()) == 0);
    }
    char *start = end - size;
    memset(start, 0, size);
    memcpy(start, known, size < known_size ? size : known_size);
    memcpy(start, &size, sizeof size);
    return start;
}

static long move_list(char *pages, const void *options, void *stats)
{
    void *list[PAGES];
    int nodes[PAGES] = { 0 };
    for (int page = 0; page < PAGES; page++)
        list[page] = pages + (size_t)page * page_size();
    return numars_move_pages(0, PAGES, list, nodes, NULL, options, stats);
}

static long move_range(char *pages, const void *options, void *stats)
{
    return numars_move_range(0, pages, PAGES * page_size(), 0, options, stats);
}

static long move_process(char *pages, const void *options, void *stats)
{
    (void)pages;
    struct bitmask *node_0 = numa_parse_nodestring("0");
    const long returned = numars_move_process(0, node_0, node_0, options, stats);
    numa_bitmask_free(node_0);
    return returned;
}

/* Node 0 alone, which all pages are placed on. */
static const struct numars_placement *on_node_0(void)
{
    static struct numars_placement placement = NUMARS_PLACEMENT_INIT;
    static unsigned long word = 1;
    static struct bitmask node_0 = { .size = 8 * sizeof word, .maskp = &word };
    placement.nodes = &node_0;
    return &placement;
}

static long place_range(char *pages, const void *options, void *stats)
{
    return numars_place_range(0, pages, PAGES * page_size(), on_node_0(), options, stats);
}

static long (*const CALLS[])(char *, const void *, void *) = { move_list, move_range, move_process, place_range };
enum { CALL_COUNT = sizeof CALLS / sizeof CALLS[0] };

static long place_range_as(char *pages, const void *placement)
{
    return numars_place_range(0, pages, PAGES * page_size(), placement, NULL, NULL);
}

/* Pages of libraries that other processes map, too, may be on other nodes, and stay there. */
static long place_process_as(char *pages, const void *placement)
{
    (void)pages;
    const long returned = numars_place_process(0, placement, NULL, NULL);
    return returned > 0 ? 0 : returned;
}

static char *touched_pages(void)
{
    char *pages = map_pages(PAGES);
    memset(pages, 1, PAGES * page_size());
    return pages;
}

START_TEST(structs_of_programs_of_every_release_are_accepted)
{
    require_numa_system_calls();
    char *pages = touched_pages();
    const struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    const struct numars_move_stats empty = NUMARS_MOVE_STATS_INIT;
    for (size_t size = FIRST_OPTIONS_SIZE; size <= LARGEST_SIZE; size += size < 200 || size > LARGEST_SIZE - 9 ? 1 : 97)
        for (int call = 0; call < CALL_COUNT; call++) {
            errno = UNTOUCHED_ERRNO;
            expect(CALLS[call](pages, at_end_of_page(&options, sizeof options, size), NULL) == 0 && errno == UNTOUCHED_ERRNO,
                   "options of %zu bytes in call %d: errno %d", size, call, errno);
        }
    for (size_t size = FIRST_STATS_SIZE; size <= LARGEST_SIZE; size += size < 200 || size > LARGEST_SIZE - 9 ? 1 : 97)
        for (int call = 0; call < CALL_COUNT; call++) {
            struct numars_move_stats stats = empty;
            /* Aligned only for some sizes. */
            char *const written = at_end_of_page(&empty, sizeof empty, size);
            expect(CALLS[call](pages, NULL, written) == 0, "statistics of %zu bytes in call %d: errno %d", size, call, errno);
            memcpy(&stats, written, size < sizeof stats ? size : sizeof stats);
            expect(stats.size == size, "the size of the statistics changed from %zu to %zu", size, stats.size);
            expect(stats.in_place > 0 && stats.requested == stats.in_place + stats.unmapped + stats.absent,
                   "statistics of %zu bytes in call %d are wrong", size, call);
            for (size_t byte = sizeof stats; byte < size; byte++)
                expect(written[byte] == 0, "byte %zu of statistics of %zu bytes was written", byte, size);
        }
}
END_TEST

START_TEST(structs_that_ask_for_what_the_library_does_not_know_are_E2BIG_and_nothing_is_done)
{
    char *pages = touched_pages();
    const struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    const struct numars_move_stats empty = NUMARS_MOVE_STATS_INIT;
    for (int call = 0; call < CALL_COUNT; call++)
        for (size_t byte = sizeof options; byte < LARGEST_SIZE; byte += 301) {
            char *newer = at_end_of_page(&options, sizeof options, LARGEST_SIZE);
            newer[byte] = 1;
            assert_fails(CALLS[call](pages, newer, NULL), E2BIG);
            if (byte < sizeof empty)
                continue;
            newer = at_end_of_page(&empty, sizeof empty, LARGEST_SIZE);
            newer[byte] = 1;
            assert_fails(CALLS[call](pages, NULL, newer), E2BIG);
            assert_stats(*(struct numars_move_stats *)newer, .requested = 0);
        }
}
END_TEST

START_TEST(structs_below_the_first_release_are_EINVAL_and_are_not_written)
{
    char *pages = touched_pages();
    const struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    for (int call = 0; call < CALL_COUNT; call++) {
        for (size_t size = sizeof size; size < FIRST_OPTIONS_SIZE; size++)
            assert_fails(CALLS[call](pages, at_end_of_page(&options, sizeof options, size), NULL), EINVAL);
        for (size_t size = sizeof size; size < FIRST_STATS_SIZE; size++) {
            struct numars_move_stats marked;
            memset(&marked, 0x77, sizeof marked);
            char *stats = at_end_of_page(&marked, sizeof marked, size);
            assert_fails(CALLS[call](pages, NULL, stats), EINVAL);
            for (size_t byte = sizeof size; byte < size; byte++)
                ck_assert_int_eq(stats[byte], 0x77);
        }
    }
}
END_TEST

static long (*const PLACE_CALLS[])(char *, const void *) = { place_range_as, place_process_as };
enum { PLACE_CALL_COUNT = sizeof PLACE_CALLS / sizeof PLACE_CALLS[0] };

START_TEST(placements_of_programs_of_every_release_are_accepted)
{
    require_numa_system_calls();
    char *pages = touched_pages();
    for (size_t size = FIRST_PLACEMENT_SIZE; size <= LARGEST_SIZE; size++)
        for (int call = 0; call < PLACE_CALL_COUNT; call++) {
            /* A process has many more pages than a range. */
            if (call > 0 && size % 200 != FIRST_PLACEMENT_SIZE)
                continue;
            errno = UNTOUCHED_ERRNO;
            void *placement = at_end_of_page(on_node_0(), sizeof *on_node_0(), size);
            expect(PLACE_CALLS[call](pages, placement) == 0 && errno == UNTOUCHED_ERRNO, "a placement of %zu bytes in call %d: errno %d", size,
                   call, errno);
        }
}
END_TEST

START_TEST(placements_that_the_library_does_not_know_are_E2BIG_and_those_below_the_first_release_EINVAL)
{
    char *pages = touched_pages();
    for (int call = 0; call < PLACE_CALL_COUNT; call++) {
        for (size_t size = sizeof size; size < FIRST_PLACEMENT_SIZE; size++)
            assert_fails(PLACE_CALLS[call](pages, at_end_of_page(on_node_0(), sizeof *on_node_0(), size)), EINVAL);
        for (size_t byte = sizeof *on_node_0(); byte < LARGEST_SIZE; byte += 61) {
            char *newer = at_end_of_page(on_node_0(), sizeof *on_node_0(), LARGEST_SIZE);
            newer[byte] = 1;
            assert_fails(PLACE_CALLS[call](pages, newer), E2BIG);
        }
    }
}
END_TEST

START_TEST(initializers_set_the_size_and_the_defaults)
{
    const struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    ck_assert_uint_eq(options.size, sizeof options);
    ck_assert(options.flags == MPOL_MF_MOVE && options.threads == 1 && options.retries == 3);
    ck_assert(options.max_pause_us == 0 && options.timeout_ms == 0 && options.max_bytes_per_second == 0 && options.cancel == NULL);
    const struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_stats(stats, .requested = 0);
    const struct numars_placement placement = NUMARS_PLACEMENT_INIT;
    ck_assert(placement.size == sizeof placement && placement.mode == NUMARS_PLACE_PACK && placement.flags == 0);
    ck_assert(placement.nodes == NULL && placement.weights == NULL && placement.n_weights == 0);
}
END_TEST

int main(void)
{
    return run_tests("move_structs", (const TTest *[]){
        structs_of_programs_of_every_release_are_accepted,
        structs_that_ask_for_what_the_library_does_not_know_are_E2BIG_and_nothing_is_done,
        structs_below_the_first_release_are_EINVAL_and_are_not_written,
        placements_of_programs_of_every_release_are_accepted,
        placements_that_the_library_does_not_know_are_E2BIG_and_those_below_the_first_release_EINVAL,
        initializers_set_the_size_and_the_defaults,
        NULL });
}

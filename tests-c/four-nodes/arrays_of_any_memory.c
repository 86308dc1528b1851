/* Arrays in memory that the kernel can read and write for move_pages(2) but process_vm_readv(2) and process_vm_writev(2) cannot: secret
 * memory (memfd_secret(2)), and write-only memory, which x86 processors can read nevertheless. Return value, statuses and sums are the same
 * as with ordinary arrays. */
#include <fcntl.h>
#include <numars.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "move_stats.h"
#include "page_list.h"
#include "pages.h"

enum memory { ORDINARY, SECRET, WRITE_ONLY, MEMORIES };
static const char *const NAMES[] = { "ordinary memory", "secret memory", "write-only memory" };

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

static bool is_available(enum memory memory)
{
    if (memory != SECRET)
        return true;
    const int file = (int)syscall(SYS_memfd_secret, 0);
    if (file < 0) {
        fprintf(stderr, "not tested: %s (memfd_secret: %s; the kernel may need secretmem.enable=1)\n", NAMES[memory], strerror(errno));
        return false;
    }
    close(file);
    return true;
}

/* An array in memory of one kind. The test fills and reads it as ordinary memory, or through the processor. */
struct array {
    enum memory memory;
    size_t bytes;
    void *start;
};

static struct array make_array(enum memory memory, const void *contents, size_t bytes)
{
    struct array array = { .memory = memory, .bytes = (bytes + page_size()) / page_size() * page_size() };
    int file = -1;
    if (memory == SECRET) {
        const struct rlimit any = { RLIM_INFINITY, RLIM_INFINITY };
        require(setrlimit(RLIMIT_MEMLOCK, &any) == 0);
        file = (int)syscall(SYS_memfd_secret, 0);
        require(file >= 0 && ftruncate(file, (off_t)array.bytes) == 0);
    }
    array.start = mmap(NULL, array.bytes, PROT_READ | PROT_WRITE, file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, file, 0);
    require(array.start != MAP_FAILED);
    if (file >= 0)
        close(file);
    memcpy(array.start, contents, bytes);
    if (memory == WRITE_ONLY)
        require(mprotect(array.start, array.bytes, PROT_WRITE) == 0);
    return array;
}

static void read_and_unmap(struct array array, void *contents, size_t bytes)
{
    require(mprotect(array.start, array.bytes, PROT_READ | PROT_WRITE) == 0);
    memcpy(contents, array.start, bytes);
    require(munmap(array.start, array.bytes) == 0);
}

/* Verifies that the memory is of the intended kind: the system call can read and write it. */
static void assert_kernel_takes_it(enum memory memory)
{
    char *page = pages_on_node(1, 0);
    int node = 1, status = NOT_WRITTEN;
    struct array pages = make_array(memory, &page, sizeof page), nodes = make_array(memory, &node, sizeof node);
    struct array statuses = make_array(memory, &status, sizeof status);
    require(syscall(SYS_move_pages, 0L, 1L, pages.start, nodes.start, statuses.start, (long)MPOL_MF_MOVE) == 0);
    read_and_unmap(statuses, &status, sizeof status);
    require(status == 1);
}

/* Which arrays are in that memory: one of them, or all. */
enum { PAGES_ARRAY = 1, NODES_ARRAY = 2, STATUS_ARRAY = 4 };
static const int CHOICES[] = { PAGES_ARRAY, NODES_ARRAY, STATUS_ARRAY, PAGES_ARRAY | NODES_ARRAY | STATUS_ARRAY };
enum { CHOICE_COUNT = sizeof CHOICES / sizeof *CHOICES };

enum call { NUMARS, NUMARS_WITHOUT_STATUS, NUMA, CALLS };
static const char *const CALL_NAMES[] = { "numars_move_pages", "numars_move_pages without statuses", "numa_move_pages" };

/* Returns true if the call counts pinned pages in its return value: numa_move_pages counts them if the kernel does. */
static bool is_counted(enum call call)
{
    return call != NUMA || kernel_counts_pinned_pages();
}

/* `count` entries, among them one pinned page, one page already on its target and one absent page, as far as `count` allows. */
static struct page_list make_request(size_t count, bool pinned)
{
    char *pages = pages_on_node(count, 0), *untouched = map_pages(1);
    struct page_list list = page_list_of_range(pages, count, 1);
    if (pinned)
        pin_in_pipe(pages + count / 2 * page_size());
    if (count > 2) {
        list.pages[1] = untouched;
        list.nodes[0] = 0;
    }
    return list;
}

/* The arguments of a call; the arrays that `which` names are in memory of this kind, the others in ordinary memory. */
struct arguments {
    struct array pages, nodes, status;
};

static struct arguments make_arguments(const struct page_list *list, enum memory memory, int which)
{
    const size_t count = list->count;
    return (struct arguments){
        .pages = make_array(which & PAGES_ARRAY ? memory : ORDINARY, list->pages, count * sizeof *list->pages),
        .nodes = make_array(which & NODES_ARRAY ? memory : ORDINARY, list->nodes, count * sizeof *list->nodes),
        .status = make_array(which & STATUS_ARRAY ? memory : ORDINARY, list->status, count * sizeof *list->status),
    };
}

static long make_call(enum call call, size_t count, const struct arguments *arguments, struct numars_move_stats *stats)
{
    if (call == NUMA)
        return numa_move_pages(0, count, arguments->pages.start, arguments->nodes.start, arguments->status.start, MPOL_MF_MOVE);
    return numars_move_pages(0, count, arguments->pages.start, arguments->nodes.start, call == NUMARS ? arguments->status.start : NULL,
                             NULL, stats);
}

/* Copies the arrays back to the list. */
static void read_arguments(struct arguments arguments, struct page_list *list)
{
    read_and_unmap(arguments.pages, list->pages, list->count * sizeof *list->pages);
    read_and_unmap(arguments.nodes, list->nodes, list->count * sizeof *list->nodes);
    read_and_unmap(arguments.status, list->status, list->count * sizeof *list->status);
}

static void assert_moved(struct page_list *list, bool pinned, enum memory memory, int which, enum call call)
{
    const struct arguments arguments = make_arguments(list, memory, which);
    const size_t others = list->count > 2 ? 1 : 0;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    char what[200];
    snprintf(what, sizeof what, "%s of %zu entries, pages, nodes, status in %s, %s, %s", CALL_NAMES[call], list->count,
             NAMES[arguments.pages.memory], NAMES[arguments.nodes.memory], NAMES[arguments.status.memory]);
    errno = UNTOUCHED_ERRNO;
    const long returned = make_call(call, list->count, &arguments, &stats);
    expect(returned == (pinned && is_counted(call) ? 1 : 0) && errno == UNTOUCHED_ERRNO,
           "%s: returned %ld, errno %d, with %d pinned pages", what, returned, errno, pinned);
    read_arguments(arguments, list);
    if (call != NUMARS_WITHOUT_STATUS) {
        assert_true_statuses(0, list);
        expect(page_list_with_status(list, -EBUSY) == pinned || !kernel_counts_pinned_pages(),
               "%s: with %d pinned pages the status of %zu is -EBUSY, and that of page %zu is %d", what, pinned,
               page_list_with_status(list, -EBUSY), list->count / 2, list->status[list->count / 2]);
    }
    ck_assert_uint_eq(page_list_on_target(0, list), list->count - pinned - others);
    if (call != NUMA)
        assert_stats(stats, .requested = list->count, .moved = list->count - pinned - 2 * others, .in_place = others,
                     .absent = stats.absent, .unmapped = others - stats.absent, .busy = kernel_counts_pinned_pages() ? pinned : 0,
                     .failed = kernel_counts_pinned_pages() ? 0 : pinned, .retried = stats.retried);
}

static void with_arrays_of(enum memory memory)
{
    const size_t counts[] = { 1, 2, 50, 100, 700 };
    if (!is_available(memory))
        return;
    assert_kernel_takes_it(memory);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int choice = 0; choice < CHOICE_COUNT; choice++)
            for (enum call call = 0; call < CALLS; call++)
                for (int pinned = 0; pinned <= 1; pinned++) {
                    struct page_list list = make_request(counts[i], pinned);
                    assert_moved(&list, pinned, memory, CHOICES[choice], call);
                }
}

START_TEST(arrays_in_secret_memory_work_like_others)
{
    with_arrays_of(SECRET);
}
END_TEST

START_TEST(write_only_arrays_work_like_others)
{
    with_arrays_of(WRITE_ONLY);
}
END_TEST

/* More entries than the library processes in one batch, with pinned pages among them. */
static void with_long_arrays_of(enum memory memory)
{
    enum { ABSENT = 70000, COUNT = 500 };
    if (!is_available(memory))
        return;
    for (enum call call = 0; call < CALLS; call++) {
        struct page_list list = page_list_with_capacity(ABSENT + 2 * COUNT);
        char *pages = pages_on_node(2 * COUNT, 0), *untouched = map_pages(ABSENT);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        pin_in_pipe(pages + 7 * page_size());
        pin_in_pipe(pages + (COUNT + 9) * page_size());
        page_list_add_range(&list, pages, COUNT, 1);
        page_list_add_range(&list, untouched, ABSENT, 2);
        page_list_add_range(&list, pages + COUNT * page_size(), COUNT, 3);
        const struct arguments arguments = make_arguments(&list, memory, PAGES_ARRAY | NODES_ARRAY | STATUS_ARRAY);
        const long returned = make_call(call, list.count, &arguments, &stats);
        expect(returned == (is_counted(call) ? 2 : 0), "%s in %s: returned %ld (errno %d), but 2 pages are pinned", CALL_NAMES[call],
               NAMES[memory], returned, errno);
        read_arguments(arguments, &list);
        if (call != NUMARS_WITHOUT_STATUS)
            assert_true_statuses(0, &list);
        ck_assert_uint_eq(page_list_on_target(0, &list), 2 * COUNT - 2);
        if (call != NUMA)
            assert_stats(stats, .requested = list.count, .moved = 2 * COUNT - 2, .absent = stats.absent,
                         .unmapped = ABSENT - stats.absent, .busy = kernel_counts_pinned_pages() ? 2 : 0,
                         .failed = kernel_counts_pinned_pages() ? 0 : 2, .retried = stats.retried);
    }
}

START_TEST(long_arrays_in_secret_memory_work_like_others)
{
    with_long_arrays_of(SECRET);
}
END_TEST

START_TEST(long_write_only_arrays_work_like_others)
{
    with_long_arrays_of(WRITE_ONLY);
}
END_TEST

/* A page named twice, and parts of a huge page: the statuses that the kernel alone returns are wrong. */
START_TEST(wrong_statuses_of_the_kernel_are_corrected_whatever_memory_the_arrays_are_in)
{
    enum { PAGES = 30 };
    for (enum memory memory = 0; memory < MEMORIES; memory++) {
        if (!is_available(memory))
            continue;
        for (enum call call = 0; call < CALLS; call++) {
            char *pages = pages_on_node(PAGES, 0), *huge = transparent_huge_page(0);
            struct page_list list = page_list_with_capacity(4 * PAGES);
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            page_list_add_range(&list, pages, PAGES, 1);
            page_list_add_range(&list, huge + 3 * page_size(), PAGES, 2);
            page_list_add_range(&list, pages, PAGES, 1);
            const struct arguments arguments = make_arguments(&list, memory, PAGES_ARRAY | NODES_ARRAY | STATUS_ARRAY);
            const long returned = make_call(call, list.count, &arguments, &stats);
            expect(returned == 0, "%s in %s: returned %ld, errno %d", CALL_NAMES[call], NAMES[memory], returned, errno);
            read_arguments(arguments, &list);
            if (call != NUMARS_WITHOUT_STATUS)
                assert_all_on_target(0, &list);
            if (call != NUMA)
                assert_stats(stats, .requested = 3 * PAGES, .moved = 3 * PAGES);
        }
    }
}
END_TEST

START_TEST(a_query_works_with_arrays_in_any_memory)
{
    enum { PAGES = 300 };
    for (enum memory memory = 0; memory < MEMORIES; memory++) {
        if (!is_available(memory))
            continue;
        for (enum call call = 0; call < CALLS; call++) {
            struct page_list list = page_list_of_range(pages_on_node(PAGES, 2), PAGES, 2);
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            struct array pages = make_array(memory, list.pages, list.count * sizeof *list.pages);
            struct array status = make_array(memory, list.status, list.count * sizeof *list.status);
            assert_returns(call == NUMA ? numa_move_pages(0, list.count, pages.start, NULL, status.start, 0)
                                        : numars_move_pages(0, list.count, pages.start, NULL, call == NUMARS ? status.start : NULL, NULL,
                                                            &stats), 0);
            read_and_unmap(status, list.status, list.count * sizeof *list.status);
            if (call != NUMARS_WITHOUT_STATUS)
                ck_assert_uint_eq(page_list_with_status(&list, 2), PAGES);
            if (call != NUMA)
                assert_stats(stats, .requested = PAGES, .in_place = PAGES);
        }
    }
}
END_TEST

int main(void)
{
    return run_tests("arrays_of_any_memory", (const TTest *[]){
        arrays_in_secret_memory_work_like_others,
        write_only_arrays_work_like_others,
        long_arrays_in_secret_memory_work_like_others,
        long_write_only_arrays_work_like_others,
        wrong_statuses_of_the_kernel_are_corrected_whatever_memory_the_arrays_are_in,
        a_query_works_with_arrays_in_any_memory,
        NULL });
}

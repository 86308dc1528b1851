/* The kernel moves or holds pages itself while the library moves them: memory compaction, automatic NUMA balancing, huge pages that are
 * collapsed and split, direct I/O, io_uring, a changing cpuset. */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"
#include "pages.h"
#include "verified_moves.h"

enum { PAGES = 3000, SECONDS = 3 };

/* Moves the pages to each node in turn, with each call. Returns the number of moves. */
static unsigned int move_back_and_forth(char *pages, size_t count, const int nodes[2], enum interference interference)
{
    const double end = test_deadline(SECONDS);
    unsigned int moves = 0;
    while (seconds_now() < end) {
        const int node = nodes[moves / 3 % 2];
        struct page_list list = page_list_of_range(pages, count, node);
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        options.threads = moves % 2 + 1;
        switch (moves % 3) {
        case 0:
            verified_move_range(0, pages, count, node, &options, interference);
            break;
        case 1:
            verified_move_list(0, &list, &options, interference);
            break;
        case 2:
            verified_numa_move(0, &list, MPOL_MF_MOVE, interference);
            break;
        }
        page_list_unmap(&list);
        moves++;
    }
    return moves;
}

/* Compaction. */

static void compact(void *unused)
{
    enum { FRAGMENTS = 512 };
    (void)unused;
    /* Fragments memory so that compaction has pages to move. */
    for (int node = 0; node < 2; node++) {
        char *pages = pages_on_node(FRAGMENTS, node);
        for (size_t page = 0; page < FRAGMENTS; page += 2)
            require(madvise(pages + page * page_size(), page_size(), MADV_DONTNEED) == 0);
        require(write_to_file("/proc/sys/vm/compact_memory", "1"));
        require(munmap(pages, FRAGMENTS * page_size()) == 0);
    }
}

/* Every second page of twice as many, so that compaction has work to do. */
static char *sparse_pages(size_t count, int node)
{
    char *pages = pages_on_node(2 * count, node);
    for (size_t page = 1; page < 2 * count; page += 2)
        require(madvise(pages + page * page_size(), page_size(), MADV_DONTNEED) == 0);
    return pages;
}

START_TEST(a_range_in_which_every_second_page_is_present_is_counted_once)
{
    const size_t many = pages_within(20000, 80 << 20);
    for (size_t count = 500; count <= many; count *= 2) {
        char *pages = sparse_pages(count, 0);
        verified_count(0, pages, 2 * count);
        ck_assert_int_eq(verified_move_range(0, pages, 2 * count, 1, NULL, NO_INTERFERENCE).returned, 0);
        require(munmap(pages, 2 * count * page_size()) == 0);
    }
}
END_TEST

START_TEST(pages_that_compaction_moves_are_never_reported_as_absent)
{
    char *pages = sparse_pages(PAGES, 0);
    const unsigned long before = vmstat("compact_isolated");
    start_activity(compact, NULL, 2);
    const double end = test_deadline(SECONDS);
    size_t moves = 0;
    for (; seconds_now() < end; moves++) {
        const int node = moves % 2 == 0;
        struct page_list list = page_list_with_capacity(PAGES);
        for (size_t page = 0; page < PAGES; page++)
            page_list_add(&list, pages + 2 * page * page_size(), node);
        const struct move_result result = moves % 4 < 2
                                            ? verified_move_range(0, pages, 2 * PAGES, node, NULL, NO_INTERFERENCE)
                                            : verified_move_list(0, &list, NULL, NO_INTERFERENCE);
        ck_assert_int_ge(result.returned, 0);
        page_list_unmap(&list);
    }
    ck_assert_uint_gt(end_activities(), 0);
    ck_assert_uint_gt(moves, 0);
    ck_assert_uint_gt(vmstat("compact_isolated"), before);
    /* The pages that are present kept their contents. */
    const unsigned char *bytes = (const unsigned char *)pages;
    char *same = pages_on_node(2 * PAGES, 0);
    for (size_t page = 0; page < 2 * PAGES; page += 2)
        ck_assert(memcmp(bytes + page * page_size(), same + page * page_size(), page_size()) == 0);
}
END_TEST

/* Automatic NUMA balancing. */

static void balance(const char *value)
{
    require(write_to_file("/proc/sys/kernel/numa_balancing", value));
}

/* The settings are in /proc/sys/kernel before Linux 5.13. */
static void scan_often(void)
{
    static const char *const settings[][2] = {
        { "scan_delay_ms", "1" }, { "scan_period_min_ms", "20" }, { "scan_period_max_ms", "40" }, { "scan_size_mb", "64" },
    };
    static char folder[] = "/tmp/debug-XXXXXX";
    require(mkdtemp(folder) != NULL && mount("none", folder, "debugfs", 0, NULL) == 0);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char path[128];
        if (kernel_before(5, 13))
            snprintf(path, sizeof path, "/proc/sys/kernel/numa_balancing_%s", settings[i][0]);
        else
            snprintf(path, sizeof path, "%s/sched/numa_balancing/%s", folder, settings[i][0]);
        require(write_to_file(path, settings[i][1]));
    }
    require(umount(folder) == 0 && rmdir(folder) == 0);
}

struct area {
    char *start;
    size_t count;
};

static void touch_area(void *argument)
{
    const struct area *area = argument;
    for (size_t page = 0; page < area->count; page++) {
        volatile char *byte = area->start + page * page_size();
        *byte = *byte;
    }
}

/* Counts the pages of the mapping at `start` per node. On Linux 6.1, move_pages(2) reports -ENOENT for pages that balancing has marked,
 * until a thread touches them; /proc/self/numa_maps counts them nevertheless. */
static void count_by_numa_maps(const char *start, size_t on_node[NODES])
{
    char *line = NULL;
    size_t capacity = 0;
    bool has_mapping = false;
    memset(on_node, 0, NODES * sizeof *on_node);
    FILE *file = fopen("/proc/self/numa_maps", "r");
    require(file != NULL);
    while (!has_mapping && getline(&line, &capacity, file) > 0)
        if (strtoull(line, NULL, 16) == (uintptr_t)start) {
            has_mapping = true;
            for (int node = 0; node < NODES; node++) {
                char name[16];
                snprintf(name, sizeof name, " N%d=", node);
                const char *number = strstr(line, name);
                on_node[node] = number == NULL ? 0 : strtoul(number + strlen(name), NULL, 10);
            }
        }
    require(has_mapping);
    free(line);
    fclose(file);
}

/* Moves each of them back to node 0. */
static void move_back(char *pages, size_t count)
{
    size_t on_node[NODES];
    struct page_list back = page_list_of_range(pages, count, 0);
    pause_activities();
    for (int attempt = 0; attempt == 0 || on_node[0] < count; attempt++) {
        require(attempt < 100);
        touch_area(&(struct area){ .start = pages, .count = count });
        require(move_pages(0, count, back.pages, back.nodes, back.status, MPOL_MF_MOVE) >= 0);
        count_by_numa_maps(pages, on_node);
    }
    resume_activities();
    page_list_unmap(&back);
}

START_TEST(pages_that_numa_balancing_marks_and_moves_never_cause_false_success)
{
    if (PROCESS_SCAN_IS_SLOW)
        skip_test("NUMA balancing scans AddressSanitizer's terabytes first");
    /* Between areas that cannot be merged with it. */
    char *memory = map_pages(PAGES + 2), *pages = memory + page_size();
    require(mprotect(memory, page_size(), PROT_NONE) == 0);
    require(mprotect(memory + (PAGES + 1) * page_size(), page_size(), PROT_NONE) == 0);
    touch_pages(pages, PAGES, 0);
    struct area area = { .start = pages, .count = PAGES };
    scan_often();
    balance("1");
    const unsigned long moved_before = vmstat("numa_pages_migrated"), marked_before = vmstat("numa_pte_updates");
    /* Only threads on node 1 touch the pages, so balancing moves them there and nowhere else. */
    require(numa_run_on_node(1) == 0);
    for (int thread = 0; thread < 2; thread++)
        start_activity(touch_area, &area, 1);
    const double end = test_deadline(SECONDS);
    for (unsigned int move = 0; move < 4 || seconds_now() < end; move++) {
        struct page_list there = page_list_of_range(pages, PAGES, 1);
        unsigned long counted[NODES];
        size_t on_node[NODES];
        move_back(pages, PAGES);
        /* Time for balancing to mark some. */
        usleep(move % 5 * 10 * 1000);
        const struct move_result result = move % 2 == 0 ? verified_move_range(0, pages, PAGES, 1, NULL, ANY_INTERFERENCE)
                                                        : verified_move_list(0, &there, NULL, ANY_INTERFERENCE);
        count_by_numa_maps(pages, on_node);
        const size_t elsewhere = PAGES - on_node[1];
        expect(result.returned >= 0 && (size_t)result.returned >= elsewhere,
               "a %s: returned %ld, but %zu of %d pages are elsewhere; moved %lu, absent %lu", move % 2 == 0 ? "range" : "list",
               result.returned, elsewhere, PAGES, result.stats.moved, result.stats.absent);
        const long count = numars_count_pages(0, pages, PAGES * page_size(), counted, NODES);
        /* On Linux 6.1, marked pages are not included. */
        expect(count == PAGES || (kernel_before(6, 2) && count >= 0 && count < PAGES), "%ld of %d pages are counted", count,
               PAGES);
        page_list_unmap(&there);
    }
    end_activities();
    balance("0");
    ck_assert_uint_gt(vmstat("numa_pte_updates"), marked_before);
    ck_assert_uint_gt(vmstat("numa_pages_migrated"), moved_before);
    ck_assert(pages_keep_contents(pages, PAGES));
}
END_TEST

/* Huge pages that are collapsed and split. */

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static void collapse_and_split(void *argument)
{
    const struct area *area = argument;
    for (size_t offset = 0; offset < area->count * page_size(); offset += huge_page_size()) {
        madvise(area->start + offset, huge_page_size(), MADV_COLLAPSE);
        /* Makes the kernel map its base pages individually. */
        require(mprotect(area->start + offset, page_size(), PROT_READ) == 0);
        require(mprotect(area->start + offset, page_size(), PROT_READ | PROT_WRITE) == 0);
    }
}

START_TEST(huge_pages_may_be_collapsed_and_split_meanwhile)
{
    require_transparent_huge_pages();
    const size_t huge_pages = huge_pages_within(4, 64 << 20, 1), count = huge_pages * pages_per_huge_page();
    char *memory = mmap(NULL, (huge_pages + 1) * huge_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(memory != MAP_FAILED);
    char *pages = align_to_huge_page(memory);
    touch_pages(pages, count, 0);
    struct area area = { .start = pages, .count = count };
    start_activity(collapse_and_split, &area, -1);
    move_back_and_forth(pages, count, (const int[2]){ 1, 0 }, ANY_INTERFERENCE);
    end_activities();
    /* Without activity, everything is exact. */
    verified_move_range(0, pages, count, 2, NULL, NO_INTERFERENCE);
    verified_count(0, pages, count);
    ck_assert(pages_keep_contents(pages, count));
}
END_TEST

/* Direct I/O: the disk writes into pages, which cannot move meanwhile. */

enum { BLOCK_PAGES = 64 };

struct reader {
    int file;
    char *pages;
    size_t count, at;
    unsigned int seed;
    /* For io_uring. */
    int ring;
    struct io_uring_sqe *entries;
    unsigned int *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
    struct io_uring_cqe *completed;
};

/* A file with the contents that touch_pages() writes. */
static int file_of_pages(const char *pages, size_t count)
{
    char path[64] = "/mnt/ext4/numars-test-XXXXXX";
    const int file = mkostemp(path, O_DIRECT);
    require(file >= 0 && unlink(path) == 0);
    for (size_t page = 0; page < count; page += BLOCK_PAGES)
        require(pwrite(file, pages + page * page_size(), BLOCK_PAGES * page_size(), (off_t)(page * page_size()))
                == (ssize_t)(BLOCK_PAGES * page_size()));
    return file;
}

static size_t next_block(struct reader *reader)
{
    return (size_t)rand_r(&reader->seed) % (reader->count / BLOCK_PAGES) * BLOCK_PAGES * page_size();
}

static void read_directly(void *argument)
{
    struct reader *reader = argument;
    const size_t offset = next_block(reader);
    require(pread(reader->file, reader->pages + offset, BLOCK_PAGES * page_size(), (off_t)offset)
            == (ssize_t)(BLOCK_PAGES * page_size()));
}

enum { IN_FLIGHT = 8 };

static void make_ring(struct reader *reader)
{
    struct io_uring_params params = { 0 };
    reader->ring = (int)syscall(SYS_io_uring_setup, IN_FLIGHT, &params);
    require(reader->ring >= 0);
    const size_t sq_size = params.sq_off.array + params.sq_entries * sizeof(unsigned int);
    const size_t cq_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    char *sq = mmap(NULL, sq_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, reader->ring, IORING_OFF_SQ_RING);
    char *cq = mmap(NULL, cq_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, reader->ring, IORING_OFF_CQ_RING);
    reader->entries = mmap(NULL, params.sq_entries * sizeof *reader->entries, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                           reader->ring, IORING_OFF_SQES);
    require(sq != MAP_FAILED && cq != MAP_FAILED && reader->entries != MAP_FAILED);
    reader->sq_tail = (unsigned int *)(sq + params.sq_off.tail);
    reader->sq_mask = (unsigned int *)(sq + params.sq_off.ring_mask);
    reader->sq_array = (unsigned int *)(sq + params.sq_off.array);
    reader->cq_head = (unsigned int *)(cq + params.cq_off.head);
    reader->cq_tail = (unsigned int *)(cq + params.cq_off.tail);
    reader->cq_mask = (unsigned int *)(cq + params.cq_off.ring_mask);
    reader->completed = (struct io_uring_cqe *)(cq + params.cq_off.cqes);
}

/* Several reads at a time. */
static void read_by_ring(void *argument)
{
    struct reader *reader = argument;
    unsigned int tail = *reader->sq_tail;
    for (int i = 0; i < IN_FLIGHT; i++, tail++) {
        const size_t offset = next_block(reader);
        const unsigned int entry = tail & *reader->sq_mask;
        reader->entries[entry] = (struct io_uring_sqe){
            .opcode = IORING_OP_READ,
            .fd = reader->file,
            .addr = (uintptr_t)(reader->pages + offset),
            .len = BLOCK_PAGES * (unsigned int)page_size(),
            .off = offset,
        };
        reader->sq_array[entry] = entry;
    }
    __atomic_store_n(reader->sq_tail, tail, __ATOMIC_RELEASE);
    require(syscall(SYS_io_uring_enter, reader->ring, IN_FLIGHT, IN_FLIGHT, IORING_ENTER_GETEVENTS, NULL, 0) == IN_FLIGHT);
    unsigned int head = *reader->cq_head;
    for (int i = 0; i < IN_FLIGHT; i++, head++) {
        require(head != __atomic_load_n(reader->cq_tail, __ATOMIC_ACQUIRE));
        errno = -reader->completed[head & *reader->cq_mask].res;
        require(reader->completed[head & *reader->cq_mask].res == (int)(BLOCK_PAGES * page_size()));
    }
    __atomic_store_n(reader->cq_head, head, __ATOMIC_RELEASE);
}

static void move_while_reading(void (*step)(void *), bool by_ring)
{
    enum { COUNT = 1024, READERS = 2 };
    balance("0");
    char *pages = pages_on_node(COUNT, 0);
    struct reader readers[READERS];
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){
            .file = file_of_pages(pages, COUNT),
            .pages = pages,
            .count = COUNT,
            .seed = (unsigned int)i,
        };
        if (by_ring)
            make_ring(&readers[i]);
        start_activity(step, &readers[i], 2 + i);
    }
    const unsigned int moves = move_back_and_forth(pages, COUNT, (const int[2]){ 1, 0 }, NO_INTERFERENCE);
    ck_assert_uint_gt(moves, 0);
    ck_assert_uint_gt(end_activities(), 0);
    ck_assert(pages_keep_contents(pages, COUNT));
    /* Without activity, nothing pins them. */
    ck_assert_int_eq(verified_move_range(0, pages, COUNT, 3, NULL, NO_INTERFERENCE).returned, 0);
}

START_TEST(pages_that_a_disk_writes_to_are_busy_or_move_and_keep_its_data)
{
    move_while_reading(read_directly, false);
}
END_TEST

START_TEST(pages_that_io_uring_reads_into_are_busy_or_move_and_keep_its_data)
{
    move_while_reading(read_by_ring, true);
}
END_TEST

/* A cpuset that changes: the kernel moves the pages of its processes to the remaining nodes. */

static void change_allowed_nodes(void *argument)
{
    static const char *const nodes[] = { "0-1", "1-2", "0-3", "0,2", "1" };
    unsigned int *seed = argument;
    change_cpuset("cpuset.mems", nodes[(size_t)rand_r(seed) % (sizeof nodes / sizeof *nodes)]);
}

START_TEST(the_cpuset_may_change_meanwhile)
{
    enum { COUNT = 1500 };
    unsigned int seed = 1;
    enter_cpuset("0-3");
    char *pages = pages_on_node(COUNT, 0);
    start_activity(change_allowed_nodes, &seed, -1);
    const double end = test_deadline(SECONDS);
    for (unsigned int moves = 0; seconds_now() < end; moves++) {
        const int node = (int)(moves % 3);
        struct page_list list = page_list_of_range(pages, COUNT, node);
        const struct move_result result = moves % 2 == 0 ? verified_move_range(0, pages, COUNT, node, NULL, ANY_INTERFERENCE)
                                                         : verified_move_list(0, &list, NULL, ANY_INTERFERENCE);
        /* Not allowed, or no longer allowed when the kernel wanted to allocate. */
        expect(result.returned >= 0 || result.error == EACCES || result.error == ENOMEM, "errno %d (%s)", result.error,
               strerror(result.error));
        page_list_unmap(&list);
    }
    end_activities();
    change_cpuset("cpuset.mems", "0-3");
    ck_assert_int_eq(verified_move_range(0, pages, COUNT, 3, NULL, NO_INTERFERENCE).returned, 0);
    ck_assert(pages_keep_contents(pages, COUNT));
    leave_cpuset();
}
END_TEST

int main(void)
{
    const int status = run_tests("moves while the kernel is busy", (const TTest *[]){
        a_range_in_which_every_second_page_is_present_is_counted_once,
        pages_that_compaction_moves_are_never_reported_as_absent,
        pages_that_numa_balancing_marks_and_moves_never_cause_false_success,
        huge_pages_may_be_collapsed_and_split_meanwhile,
        pages_that_a_disk_writes_to_are_busy_or_move_and_keep_its_data,
        pages_that_io_uring_reads_into_are_busy_or_move_and_keep_its_data,
        the_cpuset_may_change_meanwhile,
        NULL });
    write_to_file("/proc/sys/kernel/numa_balancing", "0");
    return status;
}

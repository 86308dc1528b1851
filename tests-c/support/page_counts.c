#include "page_counts.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "system_calls.h"

struct page_counts count_pages_raw(pid_t pid, const char *start, size_t count)
{
    enum { AT_ONCE = 512 };
    struct page_counts counts = { .absent = 0 };
    for (size_t first = 0; first < count; first += AT_ONCE) {
        const char *pages[AT_ONCE];
        int status[AT_ONCE];
        const size_t number = count - first < AT_ONCE ? count - first : AT_ONCE;
        for (size_t page = 0; page < number; page++)
            pages[page] = start + (first + page) * page_size();
        require(query_with_kernel(pid, number, (void *const *)pages, status) == 0);
        for (size_t page = 0; page < number; page++)
            if (status[page] >= 0 && status[page] < NODES)
                counts.on_node[status[page]]++;
            else if (status[page] == -ENOENT)
                counts.absent++;
            else
                counts.unmapped++;
    }
    return counts;
}

struct range_move move_range(char *start, size_t count, int node, const struct numars_move_options *options)
{
    struct range_move move = { .start = start, .count = count, .node = node, .stats = NUMARS_MOVE_STATS_INIT };
    errno = UNTOUCHED_ERRNO;
    move.returned = numars_move_range(0, start, count * page_size(), node, options, &move.stats);
    move.error = errno;
    return move;
}

void assert_move_to_full_node(const struct range_move *move, const char *what)
{
    const struct page_counts counts = count_pages_raw(0, move->start, move->count);
    const struct numars_move_stats *stats = &move->stats;
    const size_t on_target = counts.on_node[move->node];
    const size_t off_target = move->count - on_target - counts.absent - counts.unmapped;
    char text[512];
    snprintf(text, sizeof text,
             "%s: returned %ld, errno %d; requested %lu, moved %lu, in_place %lu, absent %lu, unmapped %lu, shared %lu, busy %lu, "
             "no_memory %lu, failed %lu; by raw queries, %zu pages are on the target, %zu elsewhere, %zu absent, %zu unmapped",
             what, move->returned, move->error, stats->requested, stats->moved, stats->in_place, stats->absent,
             stats->unmapped, stats->shared, stats->busy, stats->no_memory, stats->failed, on_target, off_target,
             counts.absent, counts.unmapped);
    const bool is_right_end = off_target == 0 ? move->returned == 0 && move->error == UNTOUCHED_ERRNO
                                              : move->returned == -1 && move->error == ENOMEM;
    expect(is_right_end, "%s", text);
    expect(stats->requested == move->count && stats->moved == on_target && stats->in_place == 0 && stats->shared == 0
               && stats->absent + stats->unmapped == counts.absent + counts.unmapped && stats->no_memory == off_target
               && stats->busy == 0 && stats->failed == 0,
           "%s", text);
}

char *transparent_huge_pages(size_t count, int node)
{
    require_transparent_huge_pages();
    const size_t size = count * huge_page_size();
    char *start = mmap(NULL, size + huge_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(start != MAP_FAILED);
    char *aligned = align_to_huge_page(start), *end = start + size + huge_page_size();
    require(aligned == start || munmap(start, (size_t)(aligned - start)) == 0);
    require(aligned + size == end || munmap(aligned + size, (size_t)(end - aligned - size)) == 0);
    require(madvise(aligned, size, MADV_HUGEPAGE) == 0);
    touch_pages(aligned, size / page_size(), node);
    require(is_transparent_huge_page(aligned));
    return aligned;
}

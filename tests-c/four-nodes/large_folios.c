/* Memory in folios of several sizes between a base page and a huge page, anonymous (Linux 6.8) and of files (ext4: Linux 6.16): one entry
 * moves a whole folio, and the statuses of its other base pages must be true as well. */
#include <fcntl.h>
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"
#include "verified_moves.h"

enum { SECONDS = 2, AREAS = 9, AREA_PAGES = 256, PAGES = AREAS * AREA_PAGES };

#define SIZES "/sys/kernel/mm/transparent_hugepage/hugepages-%zukB/enabled"

/* Folios of 4 to 256 base pages: 16 KiB to 1 MiB if these have 4 KiB. */
enum { SIZE_COUNT = 7 };

static size_t kilobytes(size_t size)
{
    return (page_size() / 1024) << (2 + size);
}

static bool allow_size(size_t kilobytes, bool allow)
{
    char path[128];
    snprintf(path, sizeof path, SIZES, kilobytes);
    return write_to_file(path, allow ? "madvise" : "never");
}

static void allow_no_size(void)
{
    for (size_t i = 0; i < SIZE_COUNT; i++)
        if (kilobytes(i) < huge_page_size() / 1024)
            allow_size(kilobytes(i), false);
}

static bool allow_huge_pages(const char *when)
{
    char path[128];
    snprintf(path, sizeof path, SIZES, huge_page_size() / 1024);
    return write_to_file(path, when);
}

/* Returns how many pages belong to folios of more than one page. */
static size_t pages_in_large_folios(const char *start, size_t count)
{
    enum { COMPOUND_HEAD = 15, COMPOUND_TAIL = 16 };
    const uint64_t present = 1ULL << 63, frame = (1ULL << 55) - 1;
    size_t in_large_folios = 0;
    const int pagemap = open("/proc/self/pagemap", O_RDONLY), flags = open("/proc/kpageflags", O_RDONLY);
    require(pagemap >= 0 && flags >= 0);
    for (size_t page = 0; page < count; page++) {
        uint64_t entry, flag;
        const off_t number = (off_t)((uintptr_t)start / page_size() + page);
        require(pread(pagemap, &entry, sizeof entry, number * (off_t)sizeof entry) == sizeof entry);
        if (entry & present) {
            require(pread(flags, &flag, sizeof flag, (off_t)(entry & frame) * (off_t)sizeof flag) == sizeof flag);
            in_large_folios += (flag & (1ULL << COMPOUND_HEAD | 1ULL << COMPOUND_TAIL)) != 0;
        }
    }
    close(pagemap);
    close(flags);
    return in_large_folios;
}

/* Maps base pages and folios of each size, next to each other; returns NULL if the kernel only has base pages and huge pages. */
static char *pages_of_all_sizes(void)
{
    require_transparent_huge_pages();
    char *memory = mmap(NULL, PAGES * page_size() + huge_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(memory != MAP_FAILED);
    char *start = align_to_huge_page(memory);
    require(madvise(start, PAGES * page_size(), MADV_HUGEPAGE) == 0);
    if (!allow_size(kilobytes(0), true))
        return NULL;
    require(allow_huge_pages("never"));
    for (size_t area = 0; area < AREAS; area++) {
        allow_no_size();
        /* The last ones are base pages only. */
        if (area < SIZE_COUNT && kilobytes(area) < huge_page_size() / 1024)
            require(allow_size(kilobytes(area), true));
        touch_pages(start + area * AREA_PAGES * page_size(), AREA_PAGES, 0);
    }
    allow_no_size();
    allow_huge_pages("inherit");
    ck_assert_uint_gt(pages_in_large_folios(start, PAGES), PAGES / 4);
    return start;
}

static bool areas_keep_contents(const char *start)
{
    for (size_t area = 0; area < AREAS; area++)
        if (!pages_keep_contents(start + area * AREA_PAGES * page_size(), AREA_PAGES))
            return false;
    return true;
}

/* Ranges that begin and end inside folios, and lists with one target or with one per base page, ordered and not. */
static void move_parts_of_folios(char *start, size_t count)
{
    unsigned int seed = 1;
    const double end = test_deadline(SECONDS);
    verified_count(0, start, count);
    ck_assert_int_eq(verified_move_range(0, start, count, 1, NULL, NO_INTERFERENCE).elsewhere, 0);
    for (unsigned int moves = 0; moves < 10 || seconds_now() < end; moves++) {
        const size_t first = (size_t)rand_r(&seed) % count, length = (size_t)rand_r(&seed) % (count - first) + 1;
        const size_t step = (size_t)rand_r(&seed) % 5 + 1;
        const int node = rand_r(&seed) % 4;
        char *part = start + first * page_size();
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        options.threads = moves % 2 + 1;
        struct page_list list = page_list_with_capacity(count);
        for (size_t page = first; page < first + length; page += step)
            page_list_add(&list, start + page * page_size(), moves % 3 == 0 ? node : rand_r(&seed) % 4);
        if (moves % 4 == 3)
            for (size_t entry = 0; entry + 1 < list.count; entry++) {
                const size_t other = entry + (size_t)rand_r(&seed) % (list.count - entry);
                void *page = list.pages[entry];
                list.pages[entry] = list.pages[other];
                list.pages[other] = page;
            }
        if (moves % 5 == 0)
            verified_move_range(0, part, length, node, &options, NO_INTERFERENCE);
        else if (moves % 5 == 1)
            verified_numa_move(0, &list, MPOL_MF_MOVE, NO_INTERFERENCE);
        else if (moves % 5 == 2)
            verified_count(0, part, length);
        else
            verified_move_list(0, &list, &options, NO_INTERFERENCE);
        page_list_unmap(&list);
    }
}

START_TEST(parts_of_anonymous_folios_of_all_sizes_are_moved)
{
    char *start = pages_of_all_sizes();
    if (start == NULL)
        return;
    move_parts_of_folios(start, PAGES);
    ck_assert(areas_keep_contents(start));
}
END_TEST

/* Batches have 4,096 base pages if pauses are limited. */
enum { SEVERAL_BATCHES = 10000, FOLIO_PAGES = 32 };

/* Returns NULL if the kernel has no such folios. */
static char *several_batches_of_folios(void)
{
    char *start = align_to_huge_page(map_pages(SEVERAL_BATCHES + huge_page_size() / page_size()));
    const size_t size = FOLIO_PAGES * page_size() / 1024;
    require(madvise(start, SEVERAL_BATCHES * page_size(), MADV_HUGEPAGE) == 0);
    if (!allow_size(size, true))
        return NULL;
    require(allow_huge_pages("never"));
    touch_pages(start, SEVERAL_BATCHES, 0);
    allow_size(size, false);
    allow_huge_pages("inherit");
    ck_assert_uint_gt(pages_in_large_folios(start, SEVERAL_BATCHES), SEVERAL_BATCHES - 2 * FOLIO_PAGES);
    return start;
}

/* The kernel moves a folio as a whole: a batch that began within one would find its part in place. */
START_TEST(batches_end_between_folios)
{
    require_transparent_huge_pages();
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.max_pause_us = 1000000;
    for (size_t first = 1; first < FOLIO_PAGES; first += 15) {
        const size_t count = SEVERAL_BATCHES - first;
        char *start = several_batches_of_folios();
        if (start == NULL)
            return;
        verified_move_range(0, start + first * page_size(), count, 1, &options, NO_INTERFERENCE);
        ck_assert(pages_keep_contents(start, SEVERAL_BATCHES));
        require(munmap(start, SEVERAL_BATCHES * page_size()) == 0);

        start = several_batches_of_folios();
        struct page_list list = page_list_with_capacity(count);
        for (size_t page = first; page < SEVERAL_BATCHES; page++)
            page_list_add(&list, start + page * page_size(), 1);
        verified_move_list(0, &list, &options, NO_INTERFERENCE);
        page_list_unmap(&list);
        ck_assert(pages_keep_contents(start, SEVERAL_BATCHES));
        require(munmap(start, SEVERAL_BATCHES * page_size()) == 0);
    }
}
END_TEST

START_TEST(folios_of_all_sizes_to_a_full_node_are_counted_page_by_page)
{
    enum { FULL = 2, REPEATS = 6 };
    char *parts[REPEATS];
    for (int part = 0; part < REPEATS; part++)
        if ((parts[part] = pages_of_all_sizes()) == NULL)
            return;
    fill_node(FULL);
    size_t full = 0;
    for (int part = 0; part < REPEATS; part++) {
        const struct move_result result = verified_move_range(0, parts[part], PAGES, FULL, NULL, NO_INTERFERENCE);
        const struct numars_move_stats *stats = &result.stats;
        if (result.returned < 0) {
            ck_assert_int_eq(result.error, ENOMEM);
            expect(stats->requested == PAGES && stats->moved + stats->in_place == result.on_target
                       && stats->no_memory == result.elsewhere && result.nowhere == 0,
                   "requested %lu, moved %lu, no_memory %lu; by raw queries %zu are on the target, %zu elsewhere",
                   stats->requested, stats->moved, stats->no_memory, result.on_target, result.elsewhere);
            full++;
        } else {
            ck_assert_uint_eq(result.elsewhere, 0);
        }
        ck_assert(areas_keep_contents(parts[part]));
    }
    empty_node(FULL);
    ck_assert_uint_gt(full, 0);
}
END_TEST

/* The kernel moves a folio as a whole, however far apart its parts are mapped. */
START_TEST(a_status_is_true_if_mremap_moved_another_part_of_the_folio_far_away)
{
    char *huge = transparent_huge_page(0);
    const size_t half = pages_per_huge_page() / 2, bytes = half * page_size();
    char *far_away = map_pages(64 * pages_per_huge_page()) + 32 * huge_page_size();
    require(mremap(huge + bytes, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, far_away) == far_away);
    struct page_list list = page_list_with_capacity(2 * half);
    page_list_add_range(&list, huge, half, 1);
    page_list_add_range(&list, far_away, half, 2);
    ck_assert_int_ge(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_true_statuses(0, &list);
    page_list_unmap(&list);
}
END_TEST

/* Files. */

static size_t file_pages(void)
{
    return pages_within(1024, 16 << 20);
}

static char *pages_of_file(const char *folder, size_t at_once)
{
    char *contents = pages_on_node(file_pages(), 0);
    const int file = file_in(folder, file_pages());
    const unsigned long node_0 = 1;
    require(set_mempolicy(MPOL_BIND, &node_0, 8 * sizeof node_0) == 0);
    for (size_t page = 0; page < file_pages(); page += at_once)
        require(pwrite(file, contents + page * page_size(), at_once * page_size(), (off_t)(page * page_size()))
                == (ssize_t)(at_once * page_size()));
    require(set_mempolicy(MPOL_DEFAULT, NULL, 0) == 0);
    char *start = mmap(NULL, file_pages() * page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    require(start != MAP_FAILED && pages_keep_contents(start, file_pages()));
    return start;
}

static void move_files_in(const char *folder, bool has_large_folios)
{
    size_t in_large_folios = 0;
    for (size_t at_once = 4; at_once <= 256; at_once *= 64) {
        char *start = pages_of_file(folder, at_once);
        in_large_folios += pages_in_large_folios(start, file_pages());
        move_parts_of_folios(start, file_pages());
        ck_assert(pages_keep_contents(start, file_pages()));
        require(munmap(start, file_pages() * page_size()) == 0);
    }
    if (has_large_folios)
        ck_assert_uint_gt(in_large_folios, 0);
}

START_TEST(parts_of_folios_of_ext4_files_are_moved)
{
    move_files_in("/mnt/ext4", !kernel_before(6, 16));
}
END_TEST

START_TEST(parts_of_folios_of_tmpfs_files_are_moved)
{
    char folder[] = "/tmp/huge-XXXXXX";
    require(mkdtemp(folder) != NULL && mount("none", folder, "tmpfs", 0, "huge=always") == 0);
    move_files_in(folder, true);
    umount2(folder, MNT_DETACH);
    rmdir(folder);
}
END_TEST

int main(void)
{
    const int status = run_tests("large folios", (const TTest *[]){
        parts_of_anonymous_folios_of_all_sizes_are_moved,
        batches_end_between_folios,
        folios_of_all_sizes_to_a_full_node_are_counted_page_by_page,
        a_status_is_true_if_mremap_moved_another_part_of_the_folio_far_away,
        parts_of_folios_of_ext4_files_are_moved,
        parts_of_folios_of_tmpfs_files_are_moved,
        NULL });
    /* The default setting. */
    allow_no_size();
    allow_huge_pages("inherit");
    return status;
}

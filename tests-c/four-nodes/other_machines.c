/* What the machines of other architectures have: hugetlb pages that are smaller than transparent huge pages (arm64, riscv64), and addresses with tags
 * (arm64). */
#include <numa.h>
#include <numars.h>
#include <stdint.h>
#include <sys/mman.h>

#include "environment.h"
#include "harness.h"
#include "machine.h"
#include "pages.h"

enum { SMALL_PAGES = 6 };

/* Keeps pages of this size on nodes 0 and 1, or none. Returns whether there are as many. */
static bool keep_pages(size_t size, int count)
{
    for (int node = 0; node < 2; node++)
        if (set_nr_huge_pages_of(size, node, count) != count)
            return false;
    return true;
}

static void move_pages_of(size_t size)
{
    const size_t base_pages = SMALL_PAGES * size / page_size();
    int log = 0;
    while ((size_t)1 << log < size)
        log++;
    require(keep_pages(size, SMALL_PAGES));
    char *pages = mmap(NULL, SMALL_PAGES * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | log << 26, -1, 0);
    require(pages != MAP_FAILED);
    numa_tonode_memory(pages, SMALL_PAGES * size, 0);
    touch_pages(pages, base_pages, 0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, pages, SMALL_PAGES * size, 1, NULL, &stats), 0);
    expect(stats.requested == base_pages && stats.moved == base_pages, "%zu KiB: requested %lu, moved %lu of %zu", size / 1024,
           stats.requested, stats.moved, base_pages);
    ck_assert_uint_eq(count_on_node(pages, base_pages, 1), base_pages);
    unsigned long on_node[NODES];
    ck_assert_int_eq(numars_count_pages(0, pages, SMALL_PAGES * size, on_node, NODES), (long)base_pages);
    ck_assert_uint_eq(on_node[1], base_pages);
    ck_assert(pages_keep_contents(pages, base_pages));
    require(munmap(pages, SMALL_PAGES * size) == 0);
    keep_pages(size, 0);
}

START_TEST(small_hugetlb_pages_move_and_count_as_base_pages)
{
    int sizes = 0;
    for (size_t size = 2 * page_size(); size < huge_page_size(); size *= 2)
        if (keep_pages(size, 0)) {
            move_pages_of(size);
            sizes++;
        }
    if (sizes == 0)
        skip_test("this machine has no hugetlb pages of another size than 2 MiB and 1 GiB");
}
END_TEST

START_TEST(addresses_may_have_tags)
{
#ifdef __aarch64__
    enum { COUNT = 40 };
    char *pages = pages_on_node(COUNT, 0), *tagged = (char *)((uintptr_t)pages | (uintptr_t)0xb4 << 56);
    unsigned long on_node[NODES];
    void *list[COUNT];
    int nodes[COUNT], status[COUNT];
    ck_assert_int_eq(numars_count_pages(0, tagged, COUNT * page_size(), on_node, NODES), COUNT);
    ck_assert_uint_eq(on_node[0], COUNT);
    assert_returns(numars_move_range(0, tagged, COUNT * page_size(), 1, NULL, NULL), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 1), COUNT);
    for (int page = 0; page < COUNT; page++) {
        list[page] = tagged + (size_t)page * page_size();
        nodes[page] = 2;
    }
    assert_returns(numa_move_pages(0, COUNT, list, nodes, status, 0), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 2), COUNT);
    assert_returns(numars_move_pages(0, COUNT, list, NULL, status, NULL, NULL), 0);
    for (int page = 0; page < COUNT; page++)
        ck_assert_int_eq(status[page], 2);
#else
    skip_test("this processor has no tags in addresses");
#endif
}
END_TEST

int main(void)
{
    return run_tests("other machines", (const TTest *[]){
        small_hugetlb_pages_move_and_count_as_base_pages,
        addresses_may_have_tags,
        NULL });
}

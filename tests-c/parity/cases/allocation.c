/* Memory from the library: where its pages are allocated, and which policy they have. */
#include <stdint.h>
#include <string.h>

#include "arguments.h"
#include "families.h"
#include "memory.h"

#define HUGE_SIZES                                                             \
    { "1-TiB", HUGE_SIZE(40) }, { "2^47", HUGE_SIZE(47) }, { "SSIZE_MAX", SSIZE_MAX }, \
    { "SIZE_MAX-page", SIZE_MAX - 4096 }, { "SIZE_MAX", SIZE_MAX }

static const struct size {
    const char *name;
    size_t bytes;
} sizes[] = {
    { "0", 0 }, { "1", 1 }, { "4096", 4096 }, { "4097", 4097 }, { "12-pages", SOME_PAGES * 4096 }, HUGE_SIZES, { NULL, 0 },
};

static size_t pages_of(size_t bytes)
{
    const size_t pages = bytes / page_size() + (bytes % page_size() != 0);
    return pages < SOME_PAGES ? pages : SOME_PAGES;
}

/* Only the first pages are touched. */
static void inspect(void *memory, size_t bytes)
{
    const size_t pages = pages_of(bytes);
    print_errno(errno);
    puts(memory == NULL ? "NULL" : (uintptr_t)memory % page_size() == 0 ? "memory" : "memory inside of a page");
    if (memory == NULL)
        return;
    print_memory_policy(memory);
    print_presence(memory, pages);
    touch_pages(memory, pages);
    if (pages == SOME_PAGES)
        print_placement(memory, pages);
}

#define ALLOCATE(call, bytes)                        \
    do {                                             \
        stay_on_first_cpu();                         \
        errno = UNTOUCHED_ERRNO;                     \
        void *memory_ = (call);                      \
        inspect(memory_, (bytes));                   \
        if (memory_ != NULL) {                       \
            CALL(numa_free(memory_, (bytes)));       \
            print_whether_mapped(memory_);           \
        }                                            \
        print_thread_policy();                       \
    } while (0)

static void reallocate(const char *name, void *(*allocate)(size_t), size_t from, size_t to)
{
    CASE("numa_realloc/%s:%zu-to-%zu-pages", name, from, to) {
        stay_on_first_cpu();
        char *memory = allocate(from * page_size());
        memset(memory, 7, from * page_size());
        errno = UNTOUCHED_ERRNO;
        char *again = numa_realloc(memory, from * page_size(), to * page_size());
        inspect(again, to * page_size());
        if (again != NULL)
            puts(again[(from < to ? from : to) * page_size() - 1] == 7 ? "contents kept" : "contents lost");
    }
}

static void *on_other_node(size_t bytes)
{
    return numa_alloc_onnode(bytes, other_allowed_node());
}

void allocation_cases(void)
{
    const size_t some = SOME_PAGES * page_size();

    FOR_EACH(size, sizes) {
        CASE("numa_alloc/%s", size->name)
            ALLOCATE(numa_alloc(size->bytes), size->bytes);
        CASE("numa_alloc_local/%s", size->name)
            ALLOCATE(numa_alloc_local(size->bytes), size->bytes);
        CASE("numa_alloc_interleaved/%s", size->name)
            ALLOCATE(numa_alloc_interleaved(size->bytes), size->bytes);
        CASE("numa_alloc_onnode/%s-on-0", size->name)
            ALLOCATE(numa_alloc_onnode(size->bytes, 0), size->bytes);
        CASE("numa_alloc_interleaved_subset/%s-on-online", size->name)
            ALLOCATE(numa_alloc_interleaved_subset(size->bytes, numa_all_nodes_ptr), size->bytes);
        CASE("numa_realloc/NULL:%s", size->name)
            ALLOCATE(numa_realloc(NULL, 0, size->bytes), size->bytes);
        CASE("numa_realloc/to-%s", size->name) {
            stay_on_first_cpu();
            void *memory = numa_alloc(2 * page_size());
            ALLOCATE(numa_realloc(memory, 2 * page_size(), size->bytes), size->bytes);
        }
    }
    FOR_EACH(node, node_numbers) {
        CASE("numa_alloc_onnode/%s", node->name) {
            ALLOCATE(numa_alloc_onnode(some, node->value), some);
            set_thread_policy(MPOL_BIND, 1UL << other_allowed_node());
            ALLOCATE(numa_alloc_onnode(some, node->value), some);
        }
    }
    FOR_EACH(nodes, node_sets)
        CASE("numa_alloc_interleaved_subset/%s", nodes->name)
            ALLOCATE(numa_alloc_interleaved_subset(some, make_set(nodes)), some);
    CASE("numa_alloc_interleaved_subset/NULL")
        ALLOCATE(numa_alloc_interleaved_subset(some, NULL), some);
    CASE("numa_alloc/bound") {
        set_thread_policy(MPOL_BIND, 1UL << other_allowed_node());
        ALLOCATE(numa_alloc(some), some);
    }
    CASE("numa_alloc_local/bound") {
        set_thread_policy(MPOL_BIND, 1UL << other_allowed_node());
        ALLOCATE(numa_alloc_local(some), some);
    }
    CASE("numa_alloc_interleaved/bound") {
        set_thread_policy(MPOL_BIND, 1UL << other_allowed_node());
        ALLOCATE(numa_alloc_interleaved(some), some);
    }
    for (size_t to = 0; to <= 3 * SOME_PAGES; to += SOME_PAGES) {
        reallocate("onnode", on_other_node, 2 * SOME_PAGES, to);
        reallocate("alloc", numa_alloc, 2 * SOME_PAGES, to);
        reallocate("interleaved", numa_alloc_interleaved, 2 * SOME_PAGES, to);
        reallocate("local", numa_alloc_local, 2 * SOME_PAGES, to);
    }
    CASE("numa_realloc/not-mapped")
        ALLOCATE(numa_realloc((void *)page_size(), page_size(), 2 * page_size()), 2 * page_size());
    CASE("numa_free/NULL,0")
        CALL(numa_free(NULL, 0));
    CASE("numa_free/NULL,page")
        CALL(numa_free(NULL, page_size()));
    CASE("numa_free/0-bytes") {
        void *memory = numa_alloc(page_size());
        CALL(numa_free(memory, 0));
        print_whether_mapped(memory);
    }
    CASE("numa_free/1-byte") {
        void *memory = numa_alloc(page_size());
        CALL(numa_free(memory, 1));
        print_whether_mapped(memory);
    }
    CASE("numa_free/inside-of-a-page") {
        char *memory = numa_alloc(page_size());
        CALL(numa_free(memory + 8, 100));
        print_whether_mapped(memory);
    }
    CASE("numa_free/half") {
        char *memory = numa_alloc(2 * page_size());
        CALL(numa_free(memory, page_size()));
        print_whether_mapped(memory);
        print_whether_mapped(memory + page_size());
    }
}

/* The allocators of numars.h: where pages are, when they are allocated, and what happens if a node is full. */
#include <numars.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "full_node.h"
#include "harness.h"
#include "nodes.h"
#include "pages.h"
#include "syscall_filter.h"

enum {
    NO_FALLBACK = NUMARS_ALLOC_NO_FALLBACK,
    POPULATE = NUMARS_ALLOC_POPULATE,
    STRICT = NUMARS_ALLOC_STRICT,
    IN_HUGE_PAGES = NUMARS_ALLOC_HUGE_PAGES,
    ALL_FLAGS = NO_FALLBACK | POPULATE | STRICT | IN_HUGE_PAGES,
    COUNT = 12,
    NO_NODE = 5,
};

/* Far more pages than fill_node_completely() leaves free, and than a THP has. */
enum { MANY = 3000 };

static size_t bytes(size_t pages)
{
    return pages * page_size();
}

/* The policy of memory. */
static void assert_policy_of(void *memory, int mode, unsigned long nodes)
{
    int found_mode = -1;
    unsigned long found_nodes[1024 / MASK_BITS] = { 0 };
    require(get_mempolicy(&found_mode, found_nodes, 1025, memory, MPOL_F_ADDR) == 0);
    ck_assert_int_eq(found_mode, mode);
    ck_assert_uint_eq(found_nodes[0], nodes);
}

/* How many pages are present: they are counted without being touched. */
static long present(const void *memory, size_t pages)
{
    return numars_count_pages(0, memory, bytes(pages), NULL, 0);
}

/* Pages of the address space of this process. */
static long mapped_pages(void)
{
    long pages = -1;
    FILE *file = fopen("/proc/self/statm", "r");
    require(file != NULL && fscanf(file, "%ld", &pages) == 1 && fclose(file) == 0);
    return pages;
}

static void deny_system_call(int call, int code)
{
    require(filter_syscalls(&(struct syscall_action){ call, SECCOMP_RET_ERRNO | (unsigned)code }, 1));
}

static int local_policy(void)
{
    /* Older kernels turn local allocation into a preferred policy without nodes. */
    return kernel_before(5, 14) ? MPOL_PREFERRED : MPOL_LOCAL;
}

/* Succeeds, and leaves errno alone. */
#define ALLOCATED(call)                                                                               \
    __extension__({                                                                                   \
        errno = UNTOUCHED_ERRNO;                                                                      \
        char *memory_ = (call);                                                                       \
        expect(memory_ != NULL && errno == UNTOUCHED_ERRNO, "%s: %p, errno %d", #call, (void *)memory_, errno); \
        memory_;                                                                                      \
    })

/* Returns NULL with this errno, and maps nothing. */
#define NOT_ALLOCATED(call, code)                                                                                \
    do {                                                                                                         \
        const long mapped_ = mapped_pages();                                                                     \
        errno = UNTOUCHED_ERRNO;                                                                                 \
        void *memory_ = (call);                                                                                  \
        const int errno_ = errno;                                                                                \
        expect(memory_ == NULL && errno_ == (code), "%s: %p, errno %d, expected %s", #call, memory_, errno_, #code); \
        ck_assert_int_le(mapped_pages(), mapped_);                                                               \
    } while (0)

static bool is_zero(const char *memory, size_t size)
{
    for (size_t byte = 0; byte < size; byte++)
        if (memory[byte] != 0)
            return false;
    return true;
}

/* Frees memory; nothing is mapped there any more. */
static void release(char *memory, size_t pages)
{
    unsigned char resident;
    errno = UNTOUCHED_ERRNO;
    numa_free(memory, bytes(pages));
    ck_assert_int_eq(errno, UNTOUCHED_ERRNO);
    for (size_t page = 0; page < pages; page++)
        assert_fails(mincore(memory + bytes(page), page_size(), &resident), ENOMEM);
}

static void touch(char *memory, size_t pages)
{
    for (size_t page = 0; page < pages; page++)
        memory[bytes(page)] = 1;
}

/* --- each combination of flags --- */

START_TEST(every_combination_of_flags_on_a_node_has_its_policy_and_its_pages)
{
    for (unsigned flags = 0; flags <= ALL_FLAGS; flags++) {
        char *memory = ALLOCATED(numars_alloc_onnode(bytes(COUNT), 2, flags));
        assert_policy_of(memory, flags & NO_FALLBACK ? MPOL_BIND : MPOL_PREFERRED, 1UL << 2);
        ck_assert_int_eq(present(memory, COUNT), flags & (POPULATE | STRICT) ? COUNT : 0);
        if (flags & IN_HUGE_PAGES)
            ck_assert_uint_eq((uintptr_t)memory % huge_page_size(), 0);
        ck_assert(is_zero(memory, bytes(COUNT)));
        touch(memory, COUNT);
        ck_assert_uint_eq(count_on_node(memory, COUNT, 2), COUNT);
        release(memory, COUNT);
    }
}
END_TEST

START_TEST(every_combination_of_flags_for_local_memory_has_its_policy_and_its_pages)
{
    assert_returns(numa_run_on_node(3), 0);
    for (unsigned flags = 0; flags <= ALL_FLAGS; flags++) {
        char *memory = ALLOCATED(numars_alloc_local(bytes(COUNT), flags));
        if (flags & NO_FALLBACK)
            assert_policy_of(memory, MPOL_BIND, 1UL << 3);
        else
            assert_policy_of(memory, local_policy(), 0);
        ck_assert_int_eq(present(memory, COUNT), flags & (POPULATE | STRICT) ? COUNT : 0);
        touch(memory, COUNT);
        ck_assert_uint_eq(count_on_node(memory, COUNT, 3), COUNT);
        release(memory, COUNT);
    }
}
END_TEST

START_TEST(every_combination_of_flags_for_interleaved_memory_has_its_policy_and_its_pages)
{
    for (unsigned flags = 0; flags <= ALL_FLAGS; flags++) {
        if (flags & NO_FALLBACK) {
            NOT_ALLOCATED(numars_alloc_interleaved(bytes(COUNT), set_of(0xa), flags), EINVAL);
            continue;
        }
        char *memory = ALLOCATED(numars_alloc_interleaved(bytes(COUNT), set_of(0xa), flags));
        assert_policy_of(memory, MPOL_INTERLEAVE, 0xa);
        ck_assert_int_eq(present(memory, COUNT), flags & (POPULATE | STRICT) ? COUNT : 0);
        touch(memory, COUNT);
        ck_assert_uint_eq(count_on_node(memory, COUNT, 1), COUNT / 2);
        ck_assert_uint_eq(count_on_node(memory, COUNT, 3), COUNT / 2);
        release(memory, COUNT);
    }
}
END_TEST

START_TEST(every_combination_of_flags_for_weighted_memory_has_its_policy_and_its_pages)
{
    const bool unsupported = kernel_before(6, 9);
    for (unsigned flags = 0; flags <= ALL_FLAGS; flags++) {
        if (flags & NO_FALLBACK || unsupported) {
            NOT_ALLOCATED(numars_alloc_weighted(bytes(COUNT), set_of(0x6), flags), EINVAL);
            continue;
        }
        char *memory = ALLOCATED(numars_alloc_weighted(bytes(COUNT), set_of(0x6), flags));
        assert_policy_of(memory, MPOL_WEIGHTED_INTERLEAVE, 0x6);
        ck_assert_int_eq(present(memory, COUNT), flags & (POPULATE | STRICT) ? COUNT : 0);
        touch(memory, COUNT);
        ck_assert_uint_eq(count_on_node(memory, COUNT, 1) + count_on_node(memory, COUNT, 2), COUNT);
        release(memory, COUNT);
    }
}
END_TEST

START_TEST(without_flags_pages_are_allocated_when_they_are_touched)
{
    char *memory = ALLOCATED(numars_alloc_onnode(bytes(MANY), 1, 0));
    ck_assert_int_eq(present(memory, MANY), 0);
    memory[bytes(7)] = 1;
    ck_assert_int_ge(present(memory, MANY), 1);
    ck_assert_int_eq(node_of(memory + bytes(7)), 1);
    release(memory, MANY);
}
END_TEST

START_TEST(a_size_is_rounded_up_to_whole_pages)
{
    for (unsigned flags = 0; flags <= ALL_FLAGS; flags++) {
        char *memory = ALLOCATED(numars_alloc_onnode(bytes(2) + 1, 1, flags));
        memory[bytes(3) - 1] = 1;
        release(memory, 3);
        NOT_ALLOCATED(numars_alloc_onnode(0, 1, flags), EINVAL);
    }
}
END_TEST

START_TEST(huge_pages_are_used_where_the_kernel_has_them)
{
    const size_t pages = huge_pages_within(3, 96 << 20, 1) * pages_per_huge_page();
    for (unsigned flags = IN_HUGE_PAGES; flags <= ALL_FLAGS; flags++) {
        char *memory = ALLOCATED(numars_alloc_onnode(bytes(pages), 3, flags));
        ck_assert_uint_eq((uintptr_t)memory % huge_page_size(), 0);
        touch(memory, pages);
        ck_assert(is_transparent_huge_page(memory));
        ck_assert_uint_eq(count_on_node(memory, pages, 3), pages);
        release(memory, pages);
    }
}
END_TEST

START_TEST(a_mebibyte_of_pages_and_more_is_checked_in_batches)
{
    const size_t count = pages_within(9000, 160 << 20);
    char *memory = ALLOCATED(numars_alloc_onnode(bytes(count), 3, STRICT | NO_FALLBACK));
    ck_assert_int_eq(present(memory, count), count);
    ck_assert_uint_eq(count_on_node(memory, count, 3), count);
    release(memory, count);
}
END_TEST

/* --- full nodes --- */

enum { FULL = 2, SPARE = 0 };

static void allocate_on_full_node(const struct full_node *full)
{
    unsigned long on_node[NODES];
    for (unsigned flags = 0; flags <= ALL_FLAGS; flags++) {
        /* What has been freed only now: the kernel frees the memory of an ended process with a delay. */
        set_free_pages(full, 0);
        const bool must_be_there = flags & STRICT || (flags & NO_FALLBACK && flags & POPULATE);
        if (must_be_there) {
            NOT_ALLOCATED(numars_alloc_onnode(bytes(MANY), FULL, flags), ENOMEM);
        } else {
            char *memory = ALLOCATED(numars_alloc_onnode(bytes(MANY), FULL, flags));
            /* Bound memory is not touched: that would start the OOM killer. */
            if (flags & POPULATE) {
                ck_assert_int_eq(numars_count_pages(0, memory, bytes(MANY), on_node, NODES), MANY);
                ck_assert_uint_lt(on_node[FULL], MANY);
            }
            release(memory, MANY);
        }
    }
}

START_TEST(on_a_full_node_calls_that_promise_placement_fail_and_others_fall_back)
{
    struct full_node full = fill_node_completely(FULL, SPARE);
    allocate_on_full_node(&full);
    /* The process still runs: neither it nor another one was killed, and the next call works. */
    release_full_node(&full);
    char *memory = ALLOCATED(numars_alloc_onnode(bytes(MANY), FULL, STRICT | NO_FALLBACK));
    ck_assert_uint_eq(count_on_node(memory, MANY, FULL), MANY);
    release(memory, MANY);
}
END_TEST

START_TEST(local_memory_of_a_full_node_fails_if_it_must_be_there)
{
    assert_returns(numa_run_on_node(FULL), 0);
    struct full_node full = fill_node_completely(FULL, SPARE);
    NOT_ALLOCATED(numars_alloc_local(bytes(MANY), STRICT), ENOMEM);
    NOT_ALLOCATED(numars_alloc_local(bytes(MANY), NO_FALLBACK | POPULATE), ENOMEM);
    char *memory = ALLOCATED(numars_alloc_local(bytes(MANY), POPULATE));
    ck_assert_int_eq(present(memory, MANY), MANY);
    release(memory, MANY);
    release_full_node(&full);
}
END_TEST

/* Pages that were populated on another node are moved as far as there is room. */
START_TEST(what_fits_into_an_almost_full_node_is_there)
{
    enum { FEW = 100, FREE = 1500 };
    struct full_node full = fill_node_completely(FULL, SPARE);
    set_free_pages(&full, FREE);
    for (unsigned flags = STRICT; flags <= ALL_FLAGS; flags++) {
        if (!(flags & STRICT) || flags & IN_HUGE_PAGES)
            continue;
        char *memory = ALLOCATED(numars_alloc_onnode(bytes(FEW), FULL, flags));
        ck_assert_uint_eq(count_on_node(memory, FEW, FULL), FEW);
        release(memory, FEW);
        NOT_ALLOCATED(numars_alloc_onnode(bytes(2 * MANY), FULL, flags), ENOMEM);
    }
    release_full_node(&full);
}
END_TEST

START_TEST(strictly_interleaved_memory_stays_within_its_nodes_if_one_is_full)
{
    struct full_node full = fill_node_completely(FULL, SPARE);
    char *memory = ALLOCATED(numars_alloc_interleaved(bytes(MANY), set_of(1UL << FULL | 1UL << 3), STRICT));
    ck_assert_uint_eq(count_on_node(memory, MANY, FULL) + count_on_node(memory, MANY, 3), MANY);
    ck_assert_uint_gt(count_on_node(memory, MANY, 3), MANY / 2);
    release(memory, MANY);
    NOT_ALLOCATED(numars_alloc_interleaved(bytes(MANY), only(FULL), STRICT), ENOMEM);
    if (!kernel_before(6, 9))
        NOT_ALLOCATED(numars_alloc_weighted(bytes(MANY), only(FULL), STRICT), ENOMEM);
    memory = ALLOCATED(numars_alloc_interleaved(bytes(MANY), only(FULL), POPULATE));
    ck_assert_int_eq(present(memory, MANY), MANY);
    release(memory, MANY);
    release_full_node(&full);
}
END_TEST

/* --- what is refused --- */

START_TEST(nodes_that_cannot_be_used_are_einval)
{
    static const int nodes[] = { NO_NODE, -1, -2, 1023, 1024, 100000 };
    for (unsigned flags = 0; flags <= ALL_FLAGS; flags++) {
        for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
            NOT_ALLOCATED(numars_alloc_onnode(bytes(1), nodes[i], flags), EINVAL);
        NOT_ALLOCATED(numars_alloc_interleaved(bytes(1), only(NO_NODE), flags), EINVAL);
        NOT_ALLOCATED(numars_alloc_interleaved(bytes(1), NULL, flags), EINVAL);
        NOT_ALLOCATED(numars_alloc_weighted(bytes(1), NULL, flags), EINVAL);
    }
    /* Such nodes are ignored next to others, also those that this kernel cannot have. */
    struct bitmask *nodes_and_others = numa_bitmask_alloc(2048);
    numa_bitmask_setbit(nodes_and_others, 1);
    numa_bitmask_setbit(nodes_and_others, NO_NODE);
    numa_bitmask_setbit(nodes_and_others, 2047);
    char *memory = ALLOCATED(numars_alloc_interleaved(bytes(COUNT), nodes_and_others, STRICT));
    ck_assert_uint_eq(count_on_node(memory, COUNT, 1), COUNT);
    release(memory, COUNT);
    if (!kernel_before(6, 9))
        release(ALLOCATED(numars_alloc_weighted(bytes(COUNT), nodes_and_others, 0)), COUNT);
    numa_bitmask_free(nodes_and_others);
}
END_TEST

START_TEST(a_node_outside_the_cpuset_is_einval)
{
    enter_cpuset("0-1");
    for (unsigned flags = 0; flags <= ALL_FLAGS; flags++)
        NOT_ALLOCATED(numars_alloc_onnode(bytes(1), 2, flags), EINVAL);
    char *memory = ALLOCATED(numars_alloc_interleaved(bytes(COUNT), set_of(0x6), STRICT));
    ck_assert_uint_eq(count_on_node(memory, COUNT, 1), COUNT);
    leave_cpuset();
}
END_TEST

START_TEST(unknown_flags_are_einval)
{
    static const unsigned flags[] = { ALL_FLAGS + 1, 1U << 31, ~0U };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        NOT_ALLOCATED(numars_alloc_onnode(bytes(1), 0, flags[i]), EINVAL);
        NOT_ALLOCATED(numars_alloc_local(bytes(1), flags[i]), EINVAL);
        NOT_ALLOCATED(numars_alloc_interleaved(bytes(1), only(0), flags[i]), EINVAL);
        NOT_ALLOCATED(numars_alloc_weighted(bytes(1), only(0), flags[i]), EINVAL);
    }
}
END_TEST

START_TEST(what_no_memory_can_hold_is_enomem)
{
    static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2, (SIZE_MAX / 16 + 1) * (sizeof(size_t) > 4 ? 1 : 15) };
    for (unsigned flags = 0; flags <= ALL_FLAGS; flags++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            NOT_ALLOCATED(numars_alloc_onnode(sizes[i], 0, flags), ENOMEM);
            NOT_ALLOCATED(numars_alloc_local(sizes[i], flags), ENOMEM);
        }
}
END_TEST

static void fail_with_settings(void)
{
    numa_exit_on_error = numa_exit_on_warn = 1;
    numa_set_strict(1);
    numa_set_bind_policy(0);
    if (numars_alloc_onnode(1, NO_NODE, 0) != NULL || numars_alloc_interleaved(1, NULL, STRICT) != NULL)
        exit(1);
    char *memory = numars_alloc_onnode(bytes(COUNT), 1, NO_FALLBACK | STRICT);
    assert_policy_of(memory, MPOL_BIND, 1UL << 1);
    exit(17);
}

START_TEST(settings_of_libnuma_have_no_effect_and_nothing_is_printed)
{
    char output[256];
    ck_assert_int_eq(run_in_child(fail_with_settings, output, sizeof output), 17);
    ck_assert_str_eq(output, "");
}
END_TEST

START_TEST(without_move_pages_only_calls_that_check_pages_fail)
{
    deny_system_call(SYS_move_pages, EPERM);
    release(ALLOCATED(numars_alloc_onnode(bytes(COUNT), 1, NO_FALLBACK)), COUNT);
    release(ALLOCATED(numars_alloc_onnode(bytes(COUNT), 1, POPULATE | IN_HUGE_PAGES)), COUNT);
    NOT_ALLOCATED(numars_alloc_onnode(bytes(COUNT), 1, STRICT), EPERM);
    NOT_ALLOCATED(numars_alloc_onnode(bytes(COUNT), 1, NO_FALLBACK | POPULATE), EPERM);
    NOT_ALLOCATED(numars_alloc_interleaved(bytes(COUNT), only(1), STRICT), EPERM);
}
END_TEST

START_TEST(without_mbind_every_call_fails)
{
    deny_system_call(SYS_mbind, ENOSYS);
    for (unsigned flags = 0; flags <= ALL_FLAGS; flags++) {
        NOT_ALLOCATED(numars_alloc_onnode(bytes(COUNT), 1, flags), ENOSYS);
        NOT_ALLOCATED(numars_alloc_local(bytes(COUNT), flags), ENOSYS);
    }
}
END_TEST

START_TEST(without_madvise_pages_are_touched)
{
    deny_system_call(SYS_madvise, EPERM);
    char *memory = ALLOCATED(numars_alloc_onnode(bytes(COUNT), 1, STRICT | IN_HUGE_PAGES));
    ck_assert_int_eq(present(memory, COUNT), COUNT);
    ck_assert_uint_eq(count_on_node(memory, COUNT, 1), COUNT);
    release(memory, COUNT);
}
END_TEST

int main(void)
{
    return run_tests("numars_alloc", (const TTest *[]){
        every_combination_of_flags_on_a_node_has_its_policy_and_its_pages,
        every_combination_of_flags_for_local_memory_has_its_policy_and_its_pages,
        every_combination_of_flags_for_interleaved_memory_has_its_policy_and_its_pages,
        every_combination_of_flags_for_weighted_memory_has_its_policy_and_its_pages,
        without_flags_pages_are_allocated_when_they_are_touched,
        a_size_is_rounded_up_to_whole_pages,
        huge_pages_are_used_where_the_kernel_has_them,
        a_mebibyte_of_pages_and_more_is_checked_in_batches,
        on_a_full_node_calls_that_promise_placement_fail_and_others_fall_back,
        local_memory_of_a_full_node_fails_if_it_must_be_there,
        what_fits_into_an_almost_full_node_is_there,
        strictly_interleaved_memory_stays_within_its_nodes_if_one_is_full,
        nodes_that_cannot_be_used_are_einval,
        a_node_outside_the_cpuset_is_einval,
        unknown_flags_are_einval,
        what_no_memory_can_hold_is_enomem,
        settings_of_libnuma_have_no_effect_and_nothing_is_printed,
        without_move_pages_only_calls_that_check_pages_fail,
        without_mbind_every_call_fails,
        without_madvise_pages_are_touched,
        NULL });
}

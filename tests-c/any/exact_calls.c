/* The system calls of <numaif.h> are the kernel's own: whatever the arguments, the library's function and syscall(2) give the same value,
 * errno and output. What the kernel returns does not matter here, so these tests hold on any machine; what it should return is tested in
 * the folders for machines with several nodes. */
#include <limits.h>
#include <numa.h>
#include <numaif.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"

enum { PAGES = 4, KTHREADD = 2 };

/* Everything that a call returns or writes. */
struct outcome {
    long returned;
    int error;
    int status[PAGES];
    int mode;
    unsigned long mask[4];
};

static struct outcome begin(void)
{
    struct outcome outcome = { .status = { NOT_WRITTEN, NOT_WRITTEN, NOT_WRITTEN, NOT_WRITTEN }, .mode = NOT_WRITTEN,
                               .mask = { 0x5555, 0x5555, 0x5555, 0x5555 } };
    errno = UNTOUCHED_ERRNO;
    return outcome;
}

static void end(struct outcome *outcome, long returned)
{
    outcome->error = errno;
    outcome->returned = returned;
}

static void assert_same(size_t which, const struct outcome *ours, const struct outcome *kernels)
{
    expect(ours->returned == kernels->returned && ours->error == kernels->error,
           "case %zu: ours gave %ld with errno %d, the kernel %ld with errno %d", which, ours->returned, ours->error,
           kernels->returned, kernels->error);
    expect(ours->returned == -1 || ours->error == UNTOUCHED_ERRNO, "case %zu: success, but errno is %d", which,
           ours->error);
    for (size_t i = 0; i < PAGES; i++)
        expect(ours->status[i] == kernels->status[i], "case %zu: status %zu is %d, not %d", which, i, ours->status[i],
               kernels->status[i]);
    expect(ours->mode == kernels->mode, "case %zu: mode %d, not %d", which, ours->mode, kernels->mode);
    expect(memcmp(ours->mask, kernels->mask, sizeof ours->mask) == 0, "case %zu: the masks differ", which);
}

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* In which way a pointer argument is invalid, if it is. */
enum pointer { GOOD, NONE, BAD };

static void *pointer(enum pointer kind, const void *good)
{
    return kind == GOOD ? (void *)(size_t)good : kind == NONE ? NULL : unmapped_address();
}

/* The policy of the calling thread, straight from the kernel. */
static void record_policy(struct outcome *outcome)
{
    syscall(SYS_get_mempolicy, &outcome->mode, outcome->mask, 8 * sizeof outcome->mask, NULL, 0);
}

static void record_policy_of(void *address, struct outcome *outcome)
{
    syscall(SYS_get_mempolicy, &outcome->mode, outcome->mask, 8 * sizeof outcome->mask, address, MPOL_F_ADDR);
}

/* --- move_pages --- */

typedef long move_function(int, unsigned long, void **, const int *, int *, int);

static long kernels_move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags)
{
    return syscall(SYS_move_pages, (long)pid, count, pages, nodes, status, (long)flags);
}

static long through_numa_move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status,
                                    int flags)
{
    return numa_move_pages(pid, count, pages, nodes, status, flags);
}

static const struct move_case {
    int pid;
    unsigned long count;
    enum pointer pages, nodes, status;
    int node;
    int flags;
} MOVES[] = {
    { 0, PAGES, GOOD, GOOD, GOOD, 0, MPOL_MF_MOVE },
    { 0, PAGES, GOOD, GOOD, GOOD, 1, MPOL_MF_MOVE },
    { 0, PAGES, GOOD, GOOD, GOOD, 1, MPOL_MF_MOVE_ALL },
    { 0, PAGES, GOOD, GOOD, GOOD, 1, 0 },
    { 0, PAGES, GOOD, NONE, GOOD, 0, 0 },
    { 0, 1, GOOD, NONE, GOOD, 0, MPOL_MF_MOVE },
    { 0, 0, GOOD, GOOD, GOOD, 0, MPOL_MF_MOVE },
    { 0, 0, NONE, NONE, NONE, 0, 0 },
    { 0, PAGES, NONE, GOOD, GOOD, 1, MPOL_MF_MOVE },
    { 0, PAGES, BAD, GOOD, GOOD, 1, MPOL_MF_MOVE },
    { 0, PAGES, GOOD, BAD, GOOD, 1, MPOL_MF_MOVE },
    { 0, PAGES, GOOD, GOOD, NONE, 1, MPOL_MF_MOVE },
    { 0, PAGES, GOOD, GOOD, BAD, 1, MPOL_MF_MOVE },
    { 0, PAGES, BAD, NONE, GOOD, 0, 0 },
    { 0, PAGES, GOOD, NONE, BAD, 0, 0 },
    { 0, PAGES, GOOD, GOOD, GOOD, -1, MPOL_MF_MOVE },
    { 0, PAGES, GOOD, GOOD, GOOD, 63, MPOL_MF_MOVE },
    { 0, PAGES, GOOD, GOOD, GOOD, INT_MAX, MPOL_MF_MOVE },
    { 0, PAGES, GOOD, GOOD, GOOD, 0, MPOL_MF_STRICT },
    { 0, PAGES, GOOD, GOOD, GOOD, 0, -1 },
    { 0, PAGES, GOOD, GOOD, GOOD, 0, INT_MIN },
    { -1, PAGES, GOOD, GOOD, GOOD, 0, MPOL_MF_MOVE },
    { INT_MAX, PAGES, GOOD, NONE, GOOD, 0, 0 },
    { KTHREADD, PAGES, GOOD, GOOD, GOOD, 0, MPOL_MF_MOVE },
};

/* A newly mapped page, the same page again, a page never touched, an address that is not mapped. */
static struct outcome try_move(move_function *move, const struct move_case *arguments)
{
    char *fresh = pages_on_node(1, 0);
    void *pages[PAGES] = { fresh, fresh, map_pages(1), unmapped_address() };
    const int nodes[PAGES] = { arguments->node, arguments->node, arguments->node, arguments->node };
    int status[PAGES];
    void *const bad_pages = pointer(arguments->pages, pages), *const bad_nodes = pointer(arguments->nodes, nodes);
    void *const bad_status = pointer(arguments->status, status);
    struct outcome outcome = begin();
    memcpy(status, outcome.status, sizeof outcome.status);
    end(&outcome, move(arguments->pid, arguments->count, bad_pages, bad_nodes, bad_status, arguments->flags));
    memcpy(outcome.status, status, sizeof outcome.status);
    return outcome;
}

START_TEST(move_pages_behaves_as_the_system_call)
{
    for (size_t i = 0; i < COUNT_OF(MOVES); i++) {
        const struct outcome kernels = try_move(kernels_move_pages, &MOVES[i]), ours = try_move(move_pages, &MOVES[i]);
        assert_same(i, &ours, &kernels);
    }
}
END_TEST

START_TEST(numa_move_pages_behaves_as_the_system_call_except_for_pages_named_twice)
{
    for (size_t i = 0; i < COUNT_OF(MOVES); i++) {
        struct outcome kernels = try_move(kernels_move_pages, &MOVES[i]);
        const struct outcome ours = try_move(through_numa_move_pages, &MOVES[i]);
        /* The second entry names the page that the first one moved. */
        if (kernels.status[1] == -EBUSY)
            kernels.status[1] = kernels.status[0];
        assert_same(i, &ours, &kernels);
    }
}
END_TEST

START_TEST(move_pages_without_privilege_behaves_as_the_system_call)
{
    if (getuid() == 0)
        drop_privileges();
    for (size_t i = 0; i < COUNT_OF(MOVES); i++) {
        const struct outcome kernels = try_move(kernels_move_pages, &MOVES[i]), ours = try_move(move_pages, &MOVES[i]);
        assert_same(i, &ours, &kernels);
    }
}
END_TEST

/* --- migrate_pages --- */

typedef long migrate_function(int, unsigned long, const unsigned long *, const unsigned long *);

static long kernels_migrate_pages(int pid, unsigned long maxnode, const unsigned long *from, const unsigned long *to)
{
    return syscall(SYS_migrate_pages, (long)pid, maxnode, from, to);
}

/* The bit of a node that no machine of the tests has: of node 40, or of node 20 in words of 32 bits. */
#define FAR_NODE (1UL << (sizeof(long) * 5))

static const struct migrate_case {
    int pid;
    unsigned long maxnode;
    enum pointer from, to;
    unsigned long from_bits, to_bits;
} MIGRATIONS[] = {
    { 0, 64, GOOD, GOOD, 1, 1 },
    { 0, 64, GOOD, GOOD, 1, 2 },
    { 0, 64, GOOD, GOOD, 0, 1 },
    { 0, 64, GOOD, GOOD, 1, 0 },
    { 0, 64, GOOD, GOOD, 1, FAR_NODE },
    { 0, 256, GOOD, GOOD, 1, 1 },
    { 0, 2, GOOD, GOOD, 1, 1 },
    { 0, 1, GOOD, GOOD, 1, 1 },
    { 0, 0, GOOD, GOOD, 1, 1 },
    { 0, ULONG_MAX, GOOD, GOOD, 1, 1 },
    { 0, 64, NONE, GOOD, 1, 1 },
    { 0, 64, GOOD, NONE, 1, 1 },
    { 0, 64, BAD, GOOD, 1, 1 },
    { 0, 64, GOOD, BAD, 1, 1 },
    { -1, 64, GOOD, GOOD, 1, 1 },
    { INT_MAX, 64, GOOD, GOOD, 1, 1 },
    { KTHREADD, 64, GOOD, GOOD, 1, 1 },
};

static struct outcome try_migrate(migrate_function *migrate, const struct migrate_case *arguments)
{
    const unsigned long from[4] = { arguments->from_bits }, to[4] = { arguments->to_bits };
    void *const bad_from = pointer(arguments->from, from), *const bad_to = pointer(arguments->to, to);
    struct outcome outcome = begin();
    end(&outcome, migrate(arguments->pid, arguments->maxnode, bad_from, bad_to));
    return outcome;
}

START_TEST(migrate_pages_behaves_as_the_system_call)
{
    for (size_t i = 0; i < COUNT_OF(MIGRATIONS); i++) {
        const struct outcome kernels = try_migrate(kernels_migrate_pages, &MIGRATIONS[i]);
        const struct outcome ours = try_migrate(migrate_pages, &MIGRATIONS[i]);
        assert_same(i, &ours, &kernels);
    }
}
END_TEST

START_TEST(migrate_pages_without_privilege_behaves_as_the_system_call)
{
    if (getuid() == 0)
        drop_privileges();
    for (size_t i = 0; i < COUNT_OF(MIGRATIONS); i++) {
        const struct outcome kernels = try_migrate(kernels_migrate_pages, &MIGRATIONS[i]);
        const struct outcome ours = try_migrate(migrate_pages, &MIGRATIONS[i]);
        assert_same(i, &ours, &kernels);
    }
}
END_TEST

START_TEST(numa_migrate_pages_behaves_as_the_system_call)
{
    static const struct { int pid, from, to; } cases[] = {
        { 0, 0, 0 }, { 0, 0, 1 }, { 0, 1, 0 }, { 0, 0, 60 }, { -1, 0, 0 }, { KTHREADD, 0, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bitmask *from = numa_allocate_nodemask(), *to = numa_allocate_nodemask();
        numa_bitmask_setbit(from, (unsigned int)cases[i].from);
        numa_bitmask_setbit(to, (unsigned int)cases[i].to);
        struct outcome kernels = begin();
        end(&kernels, kernels_migrate_pages(cases[i].pid, from->size + 1, from->maskp, to->maskp));
        struct outcome ours = begin();
        end(&ours, numa_migrate_pages(cases[i].pid, from, to));
        assert_same(i, &ours, &kernels);
        numa_bitmask_free(from);
        numa_bitmask_free(to);
    }
}
END_TEST

/* --- mbind --- */

typedef long mbind_function(void *, unsigned long, int, const unsigned long *, unsigned long, unsigned);

static long kernels_mbind(void *start, unsigned long length, int mode, const unsigned long *nodes,
                          unsigned long maxnode, unsigned flags)
{
    return syscall(SYS_mbind, start, length, (long)mode, nodes, maxnode, (unsigned long)flags);
}

static const struct mbind_case {
    size_t offset;
    unsigned long length;
    int mode;
    enum pointer nodes;
    unsigned long bits, maxnode;
    unsigned flags;
} BINDS[] = {
    { 0, 4096, MPOL_BIND, GOOD, 1, 64, 0 },
    { 0, 4096, MPOL_BIND, GOOD, 1, 64, MPOL_MF_MOVE },
    { 0, 4096, MPOL_BIND, GOOD, 2, 64, MPOL_MF_STRICT },
    { 0, 4096, MPOL_BIND, GOOD, 2, 64, MPOL_MF_MOVE | MPOL_MF_STRICT },
    { 0, 4096, MPOL_BIND, GOOD, 2, 64, MPOL_MF_MOVE_ALL },
    { 0, 4096, MPOL_PREFERRED, GOOD, 1, 64, 0 },
    { 0, 4096, MPOL_PREFERRED, NONE, 0, 0, 0 },
    { 0, 4096, MPOL_PREFERRED_MANY, GOOD, 3, 64, 0 },
    { 0, 4096, MPOL_INTERLEAVE, GOOD, 3, 64, 0 },
    { 0, 4096, MPOL_LOCAL, NONE, 0, 0, 0 },
    { 0, 4096, MPOL_DEFAULT, NONE, 0, 0, 0 },
    { 0, 4096, MPOL_DEFAULT, GOOD, 1, 64, 0 },
    { 0, 4096, MPOL_BIND, GOOD, 0, 64, 0 },
    { 0, 4096, MPOL_BIND, NONE, 1, 64, 0 },
    { 0, 4096, MPOL_BIND, BAD, 1, 64, 0 },
    { 0, 4096, MPOL_BIND, GOOD, 1, 0, 0 },
    { 0, 4096, MPOL_BIND, GOOD, 1, 1, 0 },
    { 0, 4096, MPOL_BIND, GOOD, 1, ULONG_MAX, 0 },
    { 0, 4096, MPOL_BIND, GOOD, FAR_NODE, 64, 0 },
    { 0, 4096, 99, GOOD, 1, 64, 0 },
    { 0, 4096, -1, GOOD, 1, 64, 0 },
    { 0, 4096, MPOL_BIND | 1 << 15, GOOD, 1, 64, 0 },
    { 0, 4096, MPOL_BIND | 1 << 14, GOOD, 1, 64, 0 },
    { 0, 4096, MPOL_BIND | 1 << 14 | 1 << 15, GOOD, 1, 64, 0 },
    { 0, 4096, MPOL_BIND, GOOD, 1, 64, 1 << 3 },
    { 0, 4096, MPOL_BIND, GOOD, 1, 64, UINT_MAX },
    { 0, 0, MPOL_BIND, GOOD, 1, 64, 0 },
    { 0, 1, MPOL_BIND, GOOD, 1, 64, 0 },
    { 0, ULONG_MAX, MPOL_BIND, GOOD, 1, 64, 0 },
    { 0, SIZE_MAX / (sizeof(size_t) > 4 ? 1 << 19 : 2) + 1, MPOL_BIND, GOOD, 1, 64, 0 },
    { 1, 4096, MPOL_BIND, GOOD, 1, 64, 0 },
};

static struct outcome try_mbind(mbind_function *bind, const struct mbind_case *arguments)
{
    const unsigned long nodes[4] = { arguments->bits };
    char *page = pages_on_node(1, 0);
    void *const bad_nodes = pointer(arguments->nodes, nodes);
    struct outcome outcome = begin();
    end(&outcome, bind(page + arguments->offset, arguments->length, arguments->mode, bad_nodes, arguments->maxnode,
                       arguments->flags));
    record_policy_of(page, &outcome);
    munmap(page, page_size());
    return outcome;
}

START_TEST(mbind_behaves_as_the_system_call)
{
    for (size_t i = 0; i < COUNT_OF(BINDS); i++) {
        const struct outcome kernels = try_mbind(kernels_mbind, &BINDS[i]), ours = try_mbind(mbind, &BINDS[i]);
        assert_same(i, &ours, &kernels);
    }
}
END_TEST

/* --- set_mempolicy --- */

typedef long set_function(int, const unsigned long *, unsigned long);

static long kernels_set_mempolicy(int mode, const unsigned long *nodes, unsigned long maxnode)
{
    return syscall(SYS_set_mempolicy, (long)mode, nodes, maxnode);
}

static const struct set_case {
    int mode;
    enum pointer nodes;
    unsigned long bits, maxnode;
} POLICIES[] = {
    { MPOL_DEFAULT, NONE, 0, 0 },
    { MPOL_DEFAULT, GOOD, 0, 64 },
    { MPOL_DEFAULT, GOOD, 1, 64 },
    { MPOL_BIND, GOOD, 1, 64 },
    { MPOL_BIND, GOOD, 3, 64 },
    { MPOL_BIND, GOOD, 1, 2 },
    { MPOL_BIND, GOOD, 1, 1 },
    { MPOL_BIND, GOOD, 1, 0 },
    { MPOL_BIND, GOOD, 0, 64 },
    { MPOL_BIND, NONE, 0, 0 },
    { MPOL_BIND, BAD, 0, 64 },
    { MPOL_BIND, GOOD, 1, 256 },
    { MPOL_BIND, GOOD, 1, ULONG_MAX },
    { MPOL_BIND, GOOD, FAR_NODE, 64 },
    { MPOL_PREFERRED, GOOD, 1, 64 },
    { MPOL_PREFERRED, NONE, 0, 0 },
    { MPOL_PREFERRED_MANY, GOOD, 3, 64 },
    { MPOL_INTERLEAVE, GOOD, 3, 64 },
    { 6, GOOD, 3, 64 },
    { MPOL_LOCAL, NONE, 0, 0 },
    { MPOL_LOCAL, GOOD, 1, 64 },
    { MPOL_BIND | MPOL_F_NUMA_BALANCING, GOOD, 1, 64 },
    { MPOL_INTERLEAVE | 1 << 15, GOOD, 1, 64 },
    { MPOL_INTERLEAVE | 1 << 14, GOOD, 1, 64 },
    { 99, GOOD, 1, 64 },
    { -1, GOOD, 1, 64 },
};

static struct outcome try_set(set_function *set, const struct set_case *arguments)
{
    const unsigned long nodes[4] = { arguments->bits };
    void *const bad_nodes = pointer(arguments->nodes, nodes);
    kernels_set_mempolicy(MPOL_DEFAULT, NULL, 0);
    struct outcome outcome = begin();
    end(&outcome, set(arguments->mode, bad_nodes, arguments->maxnode));
    record_policy(&outcome);
    kernels_set_mempolicy(MPOL_DEFAULT, NULL, 0);
    return outcome;
}

START_TEST(set_mempolicy_behaves_as_the_system_call)
{
    for (size_t i = 0; i < COUNT_OF(POLICIES); i++) {
        const struct outcome kernels = try_set(kernels_set_mempolicy, &POLICIES[i]);
        const struct outcome ours = try_set(set_mempolicy, &POLICIES[i]);
        assert_same(i, &ours, &kernels);
    }
}
END_TEST

/* --- get_mempolicy --- */

typedef long get_function(int *, unsigned long *, unsigned long, void *, unsigned);

static long kernels_get_mempolicy(int *mode, unsigned long *nodes, unsigned long maxnode, void *address,
                                  unsigned flags)
{
    return syscall(SYS_get_mempolicy, mode, nodes, maxnode, address, (unsigned long)flags);
}

static const struct get_case {
    enum pointer mode, nodes;
    unsigned long maxnode;
    enum pointer address;
    unsigned flags;
} QUESTIONS[] = {
    { GOOD, GOOD, 256, NONE, 0 },
    { GOOD, NONE, 0, NONE, 0 },
    { NONE, GOOD, 256, NONE, 0 },
    { NONE, NONE, 0, NONE, 0 },
    { GOOD, GOOD, 1025, NONE, 0 },
    { GOOD, GOOD, 1, NONE, 0 },
    { GOOD, GOOD, 0, NONE, 0 },
    { GOOD, GOOD, ULONG_MAX, NONE, 0 },
    { BAD, GOOD, 256, NONE, 0 },
    { GOOD, BAD, 256, NONE, 0 },
    { GOOD, GOOD, 256, GOOD, 0 },
    { GOOD, GOOD, 256, GOOD, MPOL_F_ADDR },
    { GOOD, NONE, 0, GOOD, MPOL_F_NODE | MPOL_F_ADDR },
    { GOOD, NONE, 0, NONE, MPOL_F_NODE },
    { GOOD, GOOD, 256, NONE, MPOL_F_ADDR },
    { GOOD, GOOD, 256, BAD, MPOL_F_ADDR },
    { NONE, GOOD, 256, NONE, MPOL_F_MEMS_ALLOWED },
    { GOOD, GOOD, 1024, NONE, MPOL_F_MEMS_ALLOWED },
    { NONE, NONE, 0, NONE, MPOL_F_MEMS_ALLOWED },
    { NONE, GOOD, 256, NONE, MPOL_F_MEMS_ALLOWED | MPOL_F_NODE },
    { NONE, GOOD, 256, GOOD, MPOL_F_MEMS_ALLOWED | MPOL_F_ADDR },
    { GOOD, GOOD, 256, NONE, 1 << 3 },
    { GOOD, GOOD, 256, NONE, UINT_MAX },
};

static struct outcome try_get(get_function *get, const struct get_case *arguments)
{
    char *page = pages_on_node(1, 0);
    /* Larger than the largest mask of a query that is meant to succeed. */
    unsigned long mask[64] = { 0 };
    int mode = NOT_WRITTEN;
    void *const bad_mode = pointer(arguments->mode, &mode), *const bad_nodes = pointer(arguments->nodes, mask);
    void *const address = pointer(arguments->address, page);
    const unsigned long node_0 = 1;
    kernels_set_mempolicy(MPOL_INTERLEAVE, &node_0, 64);
    struct outcome outcome = begin();
    memcpy(mask, outcome.mask, sizeof outcome.mask);
    end(&outcome, get(bad_mode, bad_nodes, arguments->maxnode, address, arguments->flags));
    outcome.mode = mode;
    memcpy(outcome.mask, mask, sizeof outcome.mask);
    kernels_set_mempolicy(MPOL_DEFAULT, NULL, 0);
    return outcome;
}

START_TEST(get_mempolicy_behaves_as_the_system_call)
{
    for (size_t i = 0; i < COUNT_OF(QUESTIONS); i++) {
        const struct outcome kernels = try_get(kernels_get_mempolicy, &QUESTIONS[i]);
        const struct outcome ours = try_get(get_mempolicy, &QUESTIONS[i]);
        assert_same(i, &ours, &kernels);
    }
}
END_TEST

int main(void)
{
    return run_tests("exact_calls", (const TTest *[]){
        move_pages_behaves_as_the_system_call,
        move_pages_without_privilege_behaves_as_the_system_call,
        numa_move_pages_behaves_as_the_system_call_except_for_pages_named_twice,
        migrate_pages_behaves_as_the_system_call,
        migrate_pages_without_privilege_behaves_as_the_system_call,
        numa_migrate_pages_behaves_as_the_system_call,
        mbind_behaves_as_the_system_call,
        set_mempolicy_behaves_as_the_system_call,
        get_mempolicy_behaves_as_the_system_call,
        NULL });
}

/* Prints, for each function that needs the kernel's policy and migration calls, how often it called the wrappers of own_wrappers.c,
 * and what came of it when they failed with ENOSYS. With -DNUMARS: of the functions that libnuma lacks too. With -DNO_WRAPPERS: there
 * are no wrappers. */
#define _GNU_SOURCE
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#ifdef NUMARS
#include <numars.h>
#endif

#ifdef NO_WRAPPERS
static int calls_of[5], failure;
#else
extern int calls_of[5], failure;
#endif

enum { SIZE = 1 << 16 };

static const char *const names[] = { "get_mempolicy", "mbind", "set_mempolicy", "migrate_pages", "move_pages" };
static char *memory;
static void *pages[2];
static int nodes[2], status[2];
static struct bitmask *zero;

static long result;
static int error;

/* Prints the calls, and the result if the function has one. */
static void show(const char *call)
{
    printf("%s:", call);
    for (int which = 0; which < 5; which++)
        if (calls_of[which] != 0)
            printf(" %s %d", names[which], calls_of[which]);
    if (failure != 0 && result == -1)
        printf(" = -1 %s", strerror(error));
    printf("\n");
}

#define SHOW(name, statement)                      \
    do {                                           \
        memset(calls_of, 0, sizeof calls_of);      \
        result = 0;                                \
        errno = 0;                                 \
        statement;                                 \
        error = errno;                             \
        show(name);                                \
    } while (0)
#define RETURNS(name, ...) SHOW(#name, result = (long)name(__VA_ARGS__))
#define IS_VOID(name, ...) SHOW(#name, name(__VA_ARGS__))
#define ALLOCATES(name, ...) SHOW(#name, numa_free(name(__VA_ARGS__), SIZE))
#define IS_SET(name) SHOW(#name, numa_bitmask_free(name()))

void numa_error(char *where)
{
    printf("  numa_error: %s: %s\n", where, strerror(errno));
}

static void call_each(void)
{
    RETURNS(numa_available);
    /* Whose result is 0 with numars and -1 with libnuma, when it fails. */
    IS_VOID(numa_preferred);
    IS_SET(numa_preferred_many);
    IS_SET(numa_get_interleave_mask);
    IS_SET(numa_get_membind);
    IS_SET(numa_get_mems_allowed);
    RETURNS(numa_get_interleave_node);
    IS_VOID(numa_set_preferred, 0);
    IS_VOID(numa_set_preferred, -1);
    IS_VOID(numa_set_interleave_mask, zero);
    IS_VOID(numa_set_interleave_mask, numa_no_nodes_ptr);
    IS_VOID(numa_set_membind, zero);
    IS_VOID(numa_bind, zero);
    IS_VOID(numa_set_localalloc);
    ALLOCATES(numa_alloc, SIZE);
    ALLOCATES(numa_alloc_local, SIZE);
    ALLOCATES(numa_alloc_onnode, SIZE, 0);
    ALLOCATES(numa_alloc_interleaved, SIZE);
    ALLOCATES(numa_alloc_interleaved_subset, SIZE, zero);
    IS_VOID(numa_interleave_memory, memory, SIZE, zero);
    IS_VOID(numa_tonode_memory, memory, SIZE, 0);
    IS_VOID(numa_tonodemask_memory, memory, SIZE, zero);
    IS_VOID(numa_setlocal_memory, memory, SIZE);
    IS_VOID(numa_police_memory, memory, SIZE);
    RETURNS(numa_migrate_pages, 0, zero, zero);
    RETURNS(numa_move_pages, 0, 2, pages, NULL, status, 0);
    RETURNS(numa_move_pages, 0, 1, pages, nodes, status, MPOL_MF_MOVE);
    RETURNS(numa_num_configured_nodes);
    RETURNS(numa_max_node);
    RETURNS(numa_num_task_nodes);
    RETURNS(numa_node_size64, 0, NULL);
    RETURNS(numa_run_on_node, 0);
    IS_VOID(numa_set_bind_policy, 0);
    IS_VOID(numa_tonode_memory, memory, SIZE, 0);
    IS_VOID(numa_set_bind_policy, 1);
#ifdef NUMARS
    RETURNS(numa_preferred_err);
    RETURNS(numa_has_preferred_many);
    IS_VOID(numa_set_preferred_many, zero);
    IS_VOID(numa_set_membind_balancing, zero);
    IS_VOID(numa_set_weighted_interleave_mask, numa_no_nodes_ptr);
    RETURNS(numars_bind, zero);
    RETURNS(numars_set_membind, zero);
    RETURNS(numars_set_interleave_mask, zero);
    RETURNS(numars_set_weighted_interleave_mask, numa_no_nodes_ptr);
    RETURNS(numars_set_preferred, 0);
    RETURNS(numars_set_localalloc);
    RETURNS(numars_interleave_memory, memory, SIZE, zero);
    RETURNS(numars_tonode_memory, memory, SIZE, 0);
    RETURNS(numars_tonodemask_memory, memory, SIZE, zero);
    RETURNS(numars_setlocal_memory, memory, SIZE);
    RETURNS(numars_move_pages, 0, 1, pages, nodes, status, NULL, NULL);
    RETURNS(numars_move_range, 0, memory, SIZE, 0, NULL, NULL);
    RETURNS(numars_move_process, 0, zero, zero, NULL, NULL);
    RETURNS(numars_count_pages, 0, memory, SIZE, NULL, 0);
    struct numars_placement placement = NUMARS_PLACEMENT_INIT;
    placement.nodes = zero;
    RETURNS(numars_place_range, 0, memory, SIZE, &placement, NULL, NULL);
    RETURNS(numars_place_process, 0, &placement, NULL, NULL);
    placement.flags = NUMARS_PLACE_SET_POLICY;
    RETURNS(numars_place_range, 0, memory, SIZE, &placement, NULL, NULL);
#endif
}

int main(void)
{
    memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory[0] = 1;
    pages[0] = memory;
    pages[1] = &pages;
    zero = numa_bitmask_setbit(numa_allocate_nodemask(), 0);
    call_each();
    failure = ENOSYS;
    call_each();
    return 0;
}

/* The same calls at unusual times: before any constructor has run, including the library's; from a constructor; inside of malloc; and, for
 * comparison, from main. */
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "memory.h"

void *__libc_malloc(size_t size);
static void (*in_malloc)(void);

void *malloc(size_t size)
{
    /* Only once: a library that allocates memory in the call would recurse here forever. */
    void (*const call)(void) = in_malloc;
    in_malloc = NULL;
    if (call != NULL)
        call();
    return __libc_malloc(size);
}

static void node_lists(void)
{
    MASK(numa_parse_nodestring("0-1"));
    MASK(numa_parse_nodestring("all"));
    MASK(numa_parse_cpustring_all("all"));
}

static void allocations(void)
{
    const size_t size = SOME_PAGES * page_size();
    void *const memory[] = { numa_alloc_onnode(size, other_allowed_node()), numa_alloc_interleaved(size), numa_alloc(size) };
    for (size_t kind = 0; kind < COUNT(memory); kind++) {
        print_memory_policy(memory[kind]);
        numa_free(memory[kind], size);
    }
}

static void sets(void)
{
    MASK(numa_allocate_nodemask());
    MASK(numa_allocate_cpumask());
    MASK(numa_bitmask_setbit(numa_bitmask_alloc(70), 69));
}

static void nodes_and_cpus(void)
{
    struct bitmask *cpus = numa_allocate_cpumask();
    INTEGER(numa_node_to_cpus(1, cpus));
    MASK(cpus);
    INTEGER(numa_node_of_cpu(1));
    INTEGER(numa_node_size64(0, NULL));
}

static void distance(void)
{
    INTEGER(numa_distance(0, last_node()));
}

static void run_node_mask(void)
{
    MASK(numa_get_run_node_mask());
}

static void counts(void)
{
    INTEGER(numa_max_node());
    INTEGER(numa_num_configured_nodes());
    INTEGER(numa_num_configured_cpus());
    INTEGER(numa_num_possible_nodes());
    INTEGER(numa_num_possible_cpus());
    INTEGER(numa_num_task_nodes());
    INTEGER(numa_num_task_cpus());
    INTEGER(numa_pagesize());
}

static void policies(void)
{
    CALL(numa_set_preferred(other_allowed_node()));
    print_thread_policy();
    INTEGER(numa_preferred());
    CALL(numa_set_interleave_mask(numa_get_mems_allowed()));
    print_thread_policy();
    MASK(numa_get_interleave_mask());
    CALL(numa_set_localalloc());
    MASK(numa_get_membind());
    MASK(numa_get_mems_allowed());
}

static void running(void)
{
    INTEGER(numa_run_on_node(other_allowed_node()));
    print_affinity();
    INTEGER(numa_run_on_node(-1));
    print_affinity();
}

static void data(void)
{
    print_mask(numa_all_nodes_ptr);
    print_mask(numa_no_nodes_ptr);
    print_mask(numa_nodes_ptr);
    print_mask(numa_all_cpus_ptr);
    print_nodemask(&numa_all_nodes);
}

static void available(void)
{
    INTEGER(numa_available());
}

static const struct {
    const char *name;
    void (*make)(void);
} calls[] = {
    { "numa_available", available }, { "counts", counts },
    { "sets", sets },                { "nodes-and-cpus", nodes_and_cpus },
    { "numa_distance", distance },   { "policies", policies },
    { "allocations", allocations },  { "running", running },
    { "lists", node_lists },         { "numa_get_run_node_mask", run_node_mask },
    { "data", data },                { NULL, NULL },
};

static const char *when;

static void plain_calls(void)
{
    FOR_EACH(call, calls)
        CASE("%s/%s", when, call->name)
            call->make();
}

static void calls_in_malloc(void)
{
    FOR_EACH(call, calls)
        CASE("in-malloc/%s", call->name) {
            in_malloc = call->make;
            free(malloc(1));
        }
}

static void make_calls(const char *now)
{
    static family *const families[] = { plain_calls, NULL };
    when = now;
    run_families(families, "");
}

/* The loader runs these before the constructor of any library. */
static void before_constructors(void)
{
    make_calls("before-constructors");
}
__attribute__((section(".preinit_array"), used)) static void (*const preinit)(void) = before_constructors;

__attribute__((constructor)) static void in_constructor(void)
{
    make_calls("in-constructor");
}

int main(void)
{
    static family *const families[] = { calls_in_malloc, NULL };
    make_calls("in-main");
    return run_families(families, "");
}

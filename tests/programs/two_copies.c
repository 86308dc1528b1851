/* Several copies of the library in one process: those at argv[1] and argv[2], which may be in the process already, and another one
 * of the first in a namespace of its own. Each answers, and what one makes it takes back itself. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(condition)                                                          \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

/* A function or object of a copy, with its type in the header. */
#define OF(copy, name) ((__typeof__(&name))of((copy), #name))

static void *of(void *copy, const char *name)
{
    void *const found = dlsym(copy, name);
    REQUIRE(found != NULL);
    return found;
}

static void use(void *copy)
{
    REQUIRE(OF(copy, numa_num_configured_nodes)() == numa_num_configured_nodes());
    REQUIRE(OF(copy, numa_num_task_cpus)() == numa_num_task_cpus());
    REQUIRE(OF(copy, numa_max_node)() == numa_max_node());
    OF(copy, numa_node_to_cpu_update)();
    REQUIRE(OF(copy, numa_node_of_cpu)(0) == numa_node_of_cpu(0));

    struct bitmask **const all_nodes = OF(copy, numa_all_nodes_ptr), **const all_cpus = OF(copy, numa_all_cpus_ptr);
    REQUIRE(OF(copy, numa_bitmask_equal)(*all_nodes, numa_all_nodes_ptr) == 1);
    REQUIRE(OF(copy, numa_bitmask_weight)(*all_cpus) == numa_bitmask_weight(numa_all_cpus_ptr));
    OF(copy, numa_bitmask_free)(*all_nodes);
    REQUIRE(OF(copy, numa_bitmask_equal)(*all_nodes, numa_all_nodes_ptr) == 1);
    struct bitmask *const set = OF(copy, numa_get_mems_allowed)();
    REQUIRE(set != NULL && OF(copy, numa_bitmask_equal)(set, numa_all_nodes_ptr) == 1);
    OF(copy, numa_bitmask_free)(set);

    /* What the kernel keeps, all see. */
    if (numa_available() == 0) {
        OF(copy, numa_set_preferred)(0);
        REQUIRE(numa_preferred() == 0 && OF(copy, numa_preferred)() == 0);
        numa_set_localalloc();
        REQUIRE(OF(copy, numa_preferred_err)() == -1);
        char *const memory = OF(copy, numa_alloc_onnode)(4096, 0);
        int status = -1;
        REQUIRE(memory != NULL);
        memory[0] = 1;
        REQUIRE(numa_move_pages(0, 1, (void *[]){ memory }, NULL, &status, 0) == 0 && status == 0);
        REQUIRE(OF(copy, numa_move_pages)(0, 1, (void *[]){ memory }, (int[]){ 0 }, &status, MPOL_MF_MOVE) == 0);
        numa_free(memory, 4096);
    }
}

int main(int count, char **arguments)
{
    REQUIRE(count == 3);
    void *const copies[] = {
        dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL),
        dlopen(arguments[2], RTLD_NOW | RTLD_LOCAL),
        dlmopen(LM_ID_NEWLM, arguments[1], RTLD_NOW | RTLD_LOCAL),
    };
    for (size_t copy = 0; copy < sizeof copies / sizeof *copies; copy++) {
        REQUIRE(copies[copy] != NULL);
        for (size_t other = 0; other < copy; other++)
            REQUIRE(of(copies[copy], "numa_max_node") != of(copies[other], "numa_max_node"));
    }
    for (int time = 0; time < 3; time++)
        for (size_t copy = 0; copy < sizeof copies / sizeof *copies; copy++)
            use(copies[copy]);
    for (size_t copy = 0; copy < sizeof copies / sizeof *copies; copy++)
        REQUIRE(dlclose(copies[copy]) == 0);
    REQUIRE(numa_max_node() >= 0 && numa_num_configured_nodes() > 0);
    printf("all answer alike\n");
    return 0;
}

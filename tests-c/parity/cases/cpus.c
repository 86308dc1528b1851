/* Which CPUs belong to which node. */
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "families.h"

/* Into a set of zeros and then one of ones, to see what is written and what is left alone. The second result may come from the library's
 * cache. */
static void node_to_cpus(int node, unsigned long size)
{
    static unsigned long words[2 * 8192 / (8 * sizeof(unsigned long))];
    struct bitmask set = { .size = size, .maskp = words };
    for (int byte = 0; byte <= 0xff; byte += 0xff) {
        memset(words, byte, sizeof words);
        INTEGER(numa_node_to_cpus(node, &set));
        print_mask(&set);
    }
}

void cpu_cases(void)
{
    static const unsigned long sizes[] = { 0, 1, 2, 4, 8, 63, 64, 65, 128, 255, 256, 1000, 1024, 4096, 8191, 8192, 16384 };

    FOR_EACH(node, node_numbers)
        CASE("numa_node_to_cpus/%s", node->name) {
            struct bitmask *cpus = numa_allocate_cpumask();
            INTEGER(numa_node_to_cpus(node->value, cpus));
            print_mask(cpus);
        }
    for (size_t size = 0; size < COUNT(sizes); size++)
        for (int node = 0; node <= 1; node++)
            CASE("numa_node_to_cpus/%lu-bits:%d", sizes[size], node)
                node_to_cpus(node, sizes[size]);
    CASE("numa_node_to_cpus/twice") {
        struct bitmask *cpus = numa_allocate_cpumask();
        INTEGER(numa_node_to_cpus(0, cpus));
        numa_bitmask_clearall(cpus);
        INTEGER(numa_node_to_cpus(0, cpus));
        print_mask(cpus);
        CALL(numa_node_to_cpu_update());
        INTEGER(numa_node_to_cpus(0, cpus));
        print_mask(cpus);
    }
    CASE("numa_node_to_cpus/NULL")
        INTEGER(numa_node_to_cpus(0, NULL));
    CASE("numa_node_to_cpu_update/twice") {
        CALL(numa_node_to_cpu_update());
        CALL(numa_node_to_cpu_update());
    }
    FOR_EACH(cpu, cpu_numbers)
        CASE("numa_node_of_cpu/%s", cpu->name)
            INTEGER(numa_node_of_cpu(cpu->value));
    CASE("numa_node_of_cpu/all")
        for (int cpu = 0; cpu <= last_cpu(); cpu++)
            INTEGER(numa_node_of_cpu(cpu));
}

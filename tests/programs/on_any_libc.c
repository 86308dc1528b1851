/* Calls functions that exist in two forms, of which the older one has other arguments, and prints what they return, and from which files
 * the process has libnuma. Any loader must bind the newer forms, also one that ignores the versions of symbols. */
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <string.h>

static void print_files(void)
{
    char line[4096], before[4096] = "";
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        char *const path = strchr(line, '/');
        if (path == NULL || strstr(path, "/libnuma") == NULL || strcmp(path, before) == 0)
            continue;
        strcpy(before, path);
        printf("loaded %s", path);
    }
}

static int is_set(struct bitmask *set, unsigned int bit)
{
    const int result = set != NULL && numa_bitmask_isbitset(set, bit);
    if (set != NULL)
        numa_bitmask_free(set);
    return result;
}

int main(void)
{
    char list[] = "00000001,00000002\n";
    struct bitmask *const set = numa_allocate_nodemask(), *const cpus = numa_allocate_cpumask();
    if (numa_available() != 0 || set == NULL || cpus == NULL)
        return 77;
    printf("parsed %d", numa_parse_bitmap(list, set));
    printf(" %d %d\n", numa_bitmask_isbitset(set, 32), numa_bitmask_isbitset(set, 1));
    numa_bitmask_clearall(set);
    numa_bitmask_setbit(set, 0);
    printf("cpus %d", numa_node_to_cpus(0, cpus));
    printf(" %d\n", numa_bitmask_weight(cpus) > 0);
    numa_bind(set);
    printf("bound %d %d\n", is_set(numa_get_membind(), 0), is_set(numa_get_run_node_mask(), 0));
    numa_set_interleave_mask(set);
    printf("interleaved %d\n", is_set(numa_get_interleave_mask(), 0));
    numa_set_membind(set);
    char *const memory = numa_alloc_interleaved_subset(1 << 16, set);
    if (memory == NULL)
        return 1;
    numa_interleave_memory(memory, 1 << 16, set);
    numa_tonodemask_memory(memory, 1 << 16, set);
    memory[0] = 1;
    void *pages[] = { memory };
    int status = -1000;
    printf("moved %ld", move_pages(0, 1, pages, NULL, &status, 0));
    printf(" %d\n", status);
    numa_free(memory, 1 << 16);
    printf("run %d\n", numa_run_on_node_mask(set));
    printf("affinity %d", numa_sched_getaffinity(0, cpus) > 0);
    printf(" %d\n", numa_sched_setaffinity(0, cpus));
    print_files();
    return 0;
}

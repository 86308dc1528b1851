/* Prints on how many nodes the process may have memory. */
#include <numa.h>
#include <stdio.h>

int main(void)
{
    if (numa_available() < 0)
        return puts("no NUMA policy on this machine") < 0;
    printf("%d nodes\n", numa_num_task_nodes());
    return numa_num_task_nodes() < 1;
}

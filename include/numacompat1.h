/* The names of libnuma's first version, for programs that define NUMA_VERSION1_COMPATIBILITY before they include numars' numa.h,
   which includes this. Each becomes the function of numa.h that takes what the name took then. */
#ifndef NUMACOMPAT1_H
#define NUMACOMPAT1_H

#define nodemask_zero(mask) nodemask_zero_compat(mask)
#define nodemask_equal(a, b) nodemask_equal_compat(a, b)
#define nodemask_set(mask, node) nodemask_set_compat(mask, node)
#define nodemask_clr(mask, node) nodemask_clr_compat(mask, node)
#define nodemask_isset(mask, node) nodemask_isset_compat(mask, node)
#define numa_bind(nodes) numa_bind_compat(nodes)
#define numa_set_membind(nodes) numa_set_membind_compat(nodes)
#define numa_get_membind() numa_get_membind_compat()
#define numa_set_interleave_mask(nodes) numa_set_interleave_mask_compat(nodes)
#define numa_get_interleave_mask() numa_get_interleave_mask_compat()
#define numa_alloc_interleaved_subset(size, nodes) numa_alloc_interleaved_subset_compat(size, nodes)
#define numa_interleave_memory(mem, size, nodes) numa_interleave_memory_compat(mem, size, nodes)
#define numa_tonodemask_memory(mem, size, nodes) numa_tonodemask_memory_compat(mem, size, nodes)
#define numa_run_on_node_mask(nodes) numa_run_on_node_mask_compat(nodes)
#define numa_get_run_node_mask() numa_get_run_node_mask_compat()
#define numa_sched_getaffinity(pid, bytes, words) numa_sched_getaffinity_compat(pid, bytes, words)
#define numa_sched_setaffinity(pid, bytes, words) numa_sched_setaffinity_compat(pid, bytes, words)
#define numa_node_to_cpus(node, words, bytes) numa_node_to_cpus_compat(node, words, bytes)

#endif /* NUMACOMPAT1_H */

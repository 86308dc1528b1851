#ifndef _NUMA_H
#define _NUMA_H


/* Part of numars, and made from src and cbindgen/numa.toml by `make headers`: change it there. */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/** The version of libnuma's interface. */
#define LIBNUMA_API_VERSION 2

/** Nodes that a nodemask_t has room for. */
#if defined(__x86_64__) || defined(__i386__)
#define NUMA_NUM_NODES 128
#else
#define NUMA_NUM_NODES 2048
#endif

/** The set of nodes of libnuma's first version: of one size for all programs. */
typedef struct nodemask_t {
  unsigned long n[NUMA_NUM_NODES / (8 * sizeof(unsigned long))];
} nodemask_t;

/**
 * A set of nodes or CPUs. Made by numa_bitmask_alloc() and its like, or by the program itself.
 *
 * Every call takes NULL, and a set whose maskp is NULL, for the empty set, into which nothing can be put. The kernel takes no set
 * of more than 32,768 bits for a policy, whatever is in it: EINVAL.
 */
struct bitmask {
  /**
   * number of bits in the set
   */
  unsigned long size;
  /**
   * the bits, in whole words
   */
  unsigned long *maskp;
};

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * The nodes on which the program may allocate memory: as when it was started, less nodes that have gone, and with nodes that a call has
 * found to be usable since, because memory came online or the cpuset was widened. Not to be changed or freed.
 *
 * Follows numa(3). Valid at any time, also before numa_available().
 */
extern struct bitmask *numa_all_nodes_ptr;

/**
 * The nodes that the kernel has, with memory or without. Not to be changed or freed.
 *
 * Follows numa(3). Valid at any time, also before numa_available().
 */
extern struct bitmask *numa_nodes_ptr;

/**
 * The empty set of nodes. Not to be changed or freed.
 *
 * Follows numa(3).
 */
extern struct bitmask *numa_no_nodes_ptr;

/**
 * The CPUs that the program may run on: as when it was started, and with CPUs that a call has found to be usable since. Not to be
 * changed or freed.
 *
 * Follows numa(3). Valid at any time, also before numa_available().
 */
extern struct bitmask *numa_all_cpus_ptr;

/**
 * The nodes that the kernel has, for programs written for libnuma's first version. Not to be changed.
 */
extern nodemask_t numa_all_nodes;

/**
 * The empty set of nodes, for programs written for libnuma's first version. Not to be changed.
 */
extern nodemask_t numa_no_nodes;

/**
 * Set by the program, not 0: numa_alloc_onnode() and its like return NULL where the memory could not be given its policy,
 * instead of memory with another one. 0 at the start.
 */
extern int numa_fail_alloc_on_error;

/**
 * Set by the program, not 0: numa_error() ends the program after it has printed. 0 at the start.
 *
 * Follows numa(3).
 */
extern int numa_exit_on_error;

/**
 * Set by the program, not 0: numa_warn() ends the program after it has printed. 0 at the start.
 *
 * Follows numa(3). libnuma ignores it.
 */
extern int numa_exit_on_warn;

/**
 * Return whether the kernel lets this program use NUMA policy. Silent, at any time, as often as you like.
 *
 * The first call of the library reads the files of /sys that later calls answer from, and this may be that call: after it, a program may
 * enter a chroot or a sandbox that forbids opening files. docs/differences.md lists what is read later.
 *
 * @return 0 if so; -1 with errno if not: ENOSYS (a kernel without NUMA), EPERM (forbidden, as container engines do)
 *
 * Follows numa(3). Unlike libnuma, calls that need no policy work also where this says -1.
 */
int numa_available(void);

/**
 * The highest node that the kernel could have.
 *
 * @return numa_num_possible_nodes() - 1
 *
 * Follows numa(3).
 */
int numa_max_possible_node(void);

/**
 * The size of the kernel's node mask in bits, and so of the sets of numa_allocate_nodemask().
 *
 * @return the number of nodes, present or not, that the kernel could have
 *
 * Follows numa(3).
 */
int numa_num_possible_nodes(void);

/**
 * The size of the kernel's CPU mask in bits, and so of the sets of numa_allocate_cpumask().
 *
 * @return the number of CPUs, present or not, that the kernel could have
 *
 * Follows numa(3).
 */
int numa_num_possible_cpus(void);

/**
 * The highest node that there is, with memory or without.
 *
 * @return its number; 0 where the kernel does not say
 *
 * Follows numa(3).
 */
int numa_max_node(void);

/**
 * Return the number of nodes that have memory, as of the last reading of the machine: numa_node_to_cpu_update() reads it again, and
 * so does a call that the kernel shows a node or CPU that is not known yet.
 *
 * @return the number of nodes
 *
 * Follows numa(3).
 */
int numa_num_configured_nodes(void);

/**
 * The nodes on which the calling task may allocate memory at this moment.
 *
 * @return a set, to be given back with numa_bitmask_free(); NULL with errno ENOMEM. Empty if the kernel refuses, which is reported by
 *         numa_error()
 *
 * Follows numa(3).
 */
struct bitmask *numa_get_mems_allowed(void);

/**
 * Return the number of CPUs, online or not, that the machine has, as of the last reading of the machine: see
 * numa_num_configured_nodes().
 *
 * @return the number of CPUs
 *
 * Follows numa(3).
 */
int numa_num_configured_cpus(void);

/**
 * Return the number of CPUs in numa_all_cpus_ptr as the library filled it.
 *
 * @return their number
 *
 * Follows numa(3).
 */
int numa_num_task_cpus(void);

/**
 * Return the number of nodes in numa_all_nodes_ptr as the library filled it.
 *
 * @return their number
 *
 * Follows numa(3).
 */
int numa_num_task_nodes(void);

/**
 * An older name of numa_num_task_cpus().
 *
 * @return as there
 */
int numa_num_thread_cpus(void);

/**
 * An older name of numa_num_task_nodes().
 *
 * @return as there
 */
int numa_num_thread_nodes(void);

/**
 * The memory of a node.
 *
 * @param node   the node
 * @param freep  where to put the bytes that are free, 0 if there is no such node; may be NULL
 * @return the bytes it has; -1 with errno ENOENT if there is no such node, or that of open(2)
 *
 * Follows numa(3).
 */
#ifdef __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wlong-long"
#endif
long long numa_node_size64(int node, long long *freep);
#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif

/**
 * The memory of a node, as numa_node_size64() for machines whose long is too short.
 *
 * @param node   the node
 * @param freep  where to put the bytes that are free, 0 if there is no such node; may be NULL
 * @return the bytes it has; -1 with errno ENOENT if there is no such node, or that of open(2)
 *
 * Follows numa(3).
 */
long numa_node_size(int node, long *freep);

/**
 * The size of a base page.
 *
 * @return bytes
 *
 * Follows numa(3).
 */
int numa_pagesize(void);

/**
 * The distance from one node to another as the firmware gives it: 10 for a node itself, more for others.
 *
 * @param node1  the one node
 * @param node2  the other
 * @return the distance; 0 if it is not known
 *
 * Follows numa(3).
 */
int numa_distance(int node1,
                  int node2);

/**
 * The CPUs of a node.
 *
 * @param node  the node
 * @param mask  where to put them; numa_allocate_cpumask() makes one that is large enough
 * @return 0, or -1 with errno: ERANGE (there is no such node, or mask is too small for its CPUs; it has those that fit),
 *         ENOENT (the kernel tells of no CPUs: /sys is not mounted, or cannot be read at the moment)
 *
 * Follows numa(3). The CPUs are read once, and again by numa_node_to_cpu_update(), when the calling thread runs on a CPU that is not
 * known yet, or when a call is about to fail although the kernel shows such a node or CPU.
 */
int numa_node_to_cpus(int node,
                      struct bitmask *mask);

/**
 * Read the nodes and their CPUs again, after CPUs or nodes came or went. What cannot be read stays as it was.
 *
 * Follows numa(3).
 */
void numa_node_to_cpu_update(void);

/**
 * The node that a CPU belongs to.
 *
 * @param cpu  the CPU
 * @return its node, the first of several that have it; -1 with errno EINVAL if no node has it
 *
 * Follows numa(3). A CPU that came online since the nodes were read is found if the calling thread may run on it.
 */
int numa_node_of_cpu(int cpu);

/**
 * Reads a bit map such as /sys/devices/system/node/node0/cpumap has.
 *
 * @param line  hexadecimal groups of 32 bits, the highest first, with commas between them and a line end behind them
 * @param mask  where to put the bits
 * @return 0, or -1 if line is none, also NULL, or mask is too small; errno stays as it is
 *
 * Follows numa(3).
 */
int numa_parse_bitmap(char *line,
                      struct bitmask *mask);

/**
 * Reads a list of nodes: 1-5,7,10 or all; !4-5 is all others, +0-3 counts among the nodes that the program may use.
 *
 * The last element may be a device, which stands for the node that it is near: netdev:eth0 and block:sda by the names that the
 * kernel gives them, file:/var/lib by a file on it, pci:0000:00:1f.2 by its address, ip:192.0.2.1 or ip:name by a host that is
 * reached through it.
 *
 * @param string  the list; empty: no nodes; NULL is no list
 * @return a set, to be given back with numa_bitmask_free(); NULL if the list is none or names a node that the program
 *         may neither allocate nor run on, which is reported by numa_warn(); or with errno ENOMEM
 *
 * Follows numa(3).
 */
struct bitmask *numa_parse_nodestring(const char *string);

/**
 * As numa_parse_nodestring(), of all nodes that the kernel has.
 *
 * @param string  the list; empty: no nodes; NULL is no list
 * @return as there
 *
 * Follows numa(3).
 */
struct bitmask *numa_parse_nodestring_all(const char *string);

/**
 * Reads a list of CPUs, written as for numa_parse_nodestring().
 *
 * @param string  the list; empty: no CPUs; NULL is no list
 * @return a set, to be given back with numa_bitmask_free(); NULL if the list is none or names a CPU that the program
 *         may not run on, which is reported by numa_warn(); or with errno ENOMEM
 *
 * Follows numa(3).
 */
struct bitmask *numa_parse_cpustring(const char *string);

/**
 * As numa_parse_cpustring(), of all CPUs that the machine has.
 *
 * @param string  the list; empty: no CPUs; NULL is no list
 * @return as there
 *
 * Follows numa(3).
 */
struct bitmask *numa_parse_cpustring_all(const char *string);

/**
 * Return the first node of the calling thread's policy.
 *
 * @return the node; 0 if the policy names none, or if the kernel refuses, which is reported by numa_error(). numa_preferred_err() tells
 *         these apart
 *
 * Follows the newest numa(3). libnuma 2.0.19 and older return -1, which programs use as an index.
 */
int numa_preferred(void);

/**
 * Return the first node of the calling thread's policy, silently.
 *
 * @return the node; -1 if the policy names none, or with errno if the kernel refuses
 *
 * Follows the newest numa(3).
 */
int numa_preferred_err(void);

/**
 * Tells whether the kernel knows MPOL_PREFERRED_MANY (Linux 5.15), which numa_set_preferred_many() needs.
 *
 * @return 1 if so, 0 if not
 *
 * Follows numa(3).
 */
int numa_has_preferred_many(void);

/**
 * The nodes of the calling thread's policy.
 *
 * @return a set, to be given back with numa_bitmask_free(), empty if the policy names none; NULL with errno ENOMEM
 *
 * Follows numa(3).
 */
struct bitmask *numa_preferred_many(void);

/**
 * Allocates on a node first, and on others when that is full.
 *
 * @param node  the node; a negative number: where the thread runs
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_preferred() returns it.
 */
void numa_set_preferred(int node);

/**
 * Allocate on some nodes first, and on others when those are full (MPOL_PREFERRED_MANY, Linux 5.15). On an older kernel, warn and
 * prefer the first of the nodes (MPOL_PREFERRED).
 *
 * @param nodemask  the nodes, at least one
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_preferred_many() returns it.
 */
void numa_set_preferred_many(struct bitmask *nodemask);

/**
 * The node on which the next page is put that the calling thread allocates, if it interleaves.
 *
 * @return the node; 0, with errno EINVAL, if the thread does not interleave
 *
 * Follows numa(3).
 */
int numa_get_interleave_node(void);

/**
 * The nodes on which the calling thread allocates in turn.
 *
 * @return a set, to be given back with numa_bitmask_free(), empty if the thread does not interleave; NULL with errno ENOMEM
 *
 * Follows numa(3).
 */
struct bitmask *numa_get_interleave_mask(void);

/**
 * Allocates on some nodes in turn.
 *
 * @param nodemask  the nodes; none: as usual
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_interleave_mask() returns it.
 */
void numa_set_interleave_mask(struct bitmask *nodemask);

/**
 * The nodes on which the calling thread allocates in turn as their weights say.
 *
 * @return a set, to be given back with numa_bitmask_free(), empty if the thread does not do so; NULL with errno ENOMEM
 *
 * Follows numa(3).
 */
struct bitmask *numa_get_weighted_interleave_mask(void);

/**
 * Allocates on some nodes in turn, on each as often as its weight in /sys/kernel/mm/mempolicy/weighted_interleave says
 * (Linux 6.9).
 *
 * @param nodemask  the nodes; none: as usual
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_weighted_interleave_mask() returns it.
 */
void numa_set_weighted_interleave_mask(struct bitmask *nodemask);

/**
 * Runs and allocates on some nodes alone.
 *
 * @param nodes  the nodes
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_bind() returns it.
 */
void numa_bind(struct bitmask *nodes);

/**
 * Allocates where the thread runs.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_localalloc() returns it.
 */
void numa_set_localalloc(void);

/**
 * Allocates on some nodes alone.
 *
 * @param nodemask  the nodes, at least one
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_membind() returns it.
 */
void numa_set_membind(struct bitmask *nodemask);

/**
 * Restrict allocations to some nodes, and let NUMA balancing move pages between them (MPOL_BIND with MPOL_F_NUMA_BALANCING,
 * Linux 5.12). On an older kernel, only restrict allocations.
 *
 * @param nodemask  the nodes, at least one
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_membind_balancing() returns it.
 */
void numa_set_membind_balancing(struct bitmask *nodemask);

/**
 * Return the nodes on which the calling thread may allocate: those it is bound to, or those of numa_all_nodes_ptr.
 *
 * @return a set, to be given back with numa_bitmask_free(); NULL with errno ENOMEM
 *
 * Follows numa(3).
 */
struct bitmask *numa_get_membind(void);

/**
 * Says whether numa_alloc_onnode() and its like may take memory of other nodes when theirs are full.
 *
 * @param strict  not 0: they may not, as at the start; 0: they may
 *
 * Follows numa(3). For the whole process.
 */
void numa_set_bind_policy(int strict);

/**
 * Says whether it is an error that pages are elsewhere already when memory gets a policy.
 *
 * @param flag  not 0: it is; 0: it is not, as at the start
 *
 * Follows numa(3). For the whole process.
 */
void numa_set_strict(int flag);

/**
 * Tells whether the kernel knows set_mempolicy_home_node(2) (Linux 5.17).
 *
 * @return 1 if so, 0 if not
 */
int numa_has_home_node(void);

/**
 * Sets the node from which a range's policy starts to look for memory, as set_mempolicy_home_node().
 *
 * @param start      the first byte, at the start of a page
 * @param len        length in bytes
 * @param home_node  the node
 * @param flags      0
 * @return 0, or -1 with errno as set_mempolicy_home_node(), which numa_error() is told too
 */
int numa_set_mempolicy_home_node(void *start,
                                 unsigned long len,
                                 int home_node,
                                 int flags);

/**
 * Allocates memory on a node.
 *
 * @param size  bytes, rounded up to whole pages
 * @param node  the node
 * @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
 *
 * Follows numa(3). A node that cannot be is reported by numa_error(); the memory has no policy then, unless
 * numa_fail_alloc_on_error is set.
 */
void *numa_alloc_onnode(size_t size,
                        int node);

/**
 * Allocates memory on the node where the thread runs that touches it first.
 *
 * @param size  bytes, rounded up to whole pages
 * @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
 *
 * Follows numa(3).
 */
void *numa_alloc_local(size_t size);

/**
 * Allocates memory whose pages lie on all nodes in turn.
 *
 * @param size  bytes, rounded up to whole pages
 * @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
 *
 * Follows numa(3).
 */
void *numa_alloc_interleaved(size_t size);

/**
 * Allocates memory whose pages lie on some nodes in turn.
 *
 * @param size      bytes, rounded up to whole pages
 * @param nodemask  the nodes
 * @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
 *
 * Follows numa(3). Nodes that cannot be are reported by numa_error(); the memory has no policy then, unless
 * numa_fail_alloc_on_error is set.
 */
void *numa_alloc_interleaved_subset(size_t size,
                                    struct bitmask *nodemask);

/**
 * Allocates memory whose pages lie on all nodes in turn, as often as their weights say (Linux 6.9).
 *
 * @param size  bytes, rounded up to whole pages
 * @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
 *
 * Follows numa(3).
 */
void *numa_alloc_weighted_interleaved(size_t size);

/**
 * Allocates memory whose pages lie on some nodes in turn, as often as their weights say (Linux 6.9).
 *
 * @param size      bytes, rounded up to whole pages
 * @param nodemask  the nodes
 * @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
 *
 * Follows numa(3). Nodes that cannot be are reported by numa_error(); the memory has no policy then, unless
 * numa_fail_alloc_on_error is set.
 */
void *numa_alloc_weighted_interleaved_subset(size_t size,
                                             struct bitmask *nodemask);

/**
 * Allocates memory with the calling thread's policy, at once: each page is touched.
 *
 * @param size  bytes, rounded up to whole pages
 * @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
 *
 * Follows numa(3).
 */
void *numa_alloc(size_t size);

/**
 * Changes the size of memory, which keeps its policy and may move.
 *
 * @param old_addr  memory of numa_alloc() and its like
 * @param old_size  its bytes
 * @param new_size  the bytes it shall have, rounded up to whole pages
 * @return the memory, to be given back with numa_free(); NULL with errno, and the old memory is still there: EFAULT (nothing is
 *         mapped there), EINVAL (an address inside of a page; new_size is 0, or no size that memory could have), ENOMEM
 *
 * Follows numa(3) and mremap(2).
 */
void *numa_realloc(void *old_addr,
                   size_t old_size,
                   size_t new_size);

/**
 * Gives memory back.
 *
 * @param mem   memory of numa_alloc() and its like; an address inside of a page: nothing is done, and errno is EINVAL
 * @param size  its bytes; 0, or a size that memory cannot have: the same
 *
 * Follows numa(3).
 */
void numa_free(void *mem,
               size_t size);

/**
 * Puts the pages of memory on some nodes in turn, those that are touched from now on.
 *
 * @param mem   the first byte, at the start of a page
 * @param size  bytes, rounded up to whole pages
 * @param mask  the nodes
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_interleave_memory() returns it.
 */
void numa_interleave_memory(void *mem, size_t size, struct bitmask *mask);

/**
 * Puts the pages of memory on some nodes in turn, as often as their weights say (Linux 6.9).
 *
 * @param mem   the first byte, at the start of a page
 * @param size  bytes, rounded up to whole pages
 * @param mask  the nodes
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_weighted_interleave_memory() returns it.
 */
void numa_weighted_interleave_memory(void *mem,
                                     size_t size,
                                     struct bitmask *mask);

/**
 * Puts memory on a node, the pages that are touched from now on.
 *
 * @param start  the first byte, at the start of a page
 * @param size   bytes, rounded up to whole pages
 * @param node   the node
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_tonode_memory() returns it.
 */
void numa_tonode_memory(void *start, size_t size, int node);

/**
 * Puts memory on some nodes, the pages that are touched from now on.
 *
 * @param mem   the first byte, at the start of a page
 * @param size  bytes, rounded up to whole pages
 * @param mask  the nodes
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_tonodemask_memory() returns it.
 */
void numa_tonodemask_memory(void *mem, size_t size, struct bitmask *mask);

/**
 * Puts memory on the node where the thread runs that touches it first, the pages that are touched from now on.
 *
 * @param start  the first byte, at the start of a page
 * @param size   bytes, rounded up to whole pages
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_setlocal_memory() returns it.
 */
void numa_setlocal_memory(void *start,
                          size_t size);

/**
 * Touches each page of memory, so that it is allocated now, as its policy says. The contents stay as they are.
 *
 * @param start  the first byte, anywhere in its page; NULL: nothing is done
 * @param size   bytes
 *
 * Follows numa(3).
 */
void numa_police_memory(void *start,
                        size_t size);

/**
 * Runs the calling thread on the CPUs of a node.
 *
 * @param node  the node; -1: on all CPUs again
 * @return 0, or -1 with errno: ERANGE (no such node, which numa_warn() is told too), EINVAL (a node that no kernel can have;
 *         none of its CPUs may be used)
 *
 * Follows numa(3).
 */
int numa_run_on_node(int node);

/**
 * Runs the calling thread on the CPUs of some nodes.
 *
 * @param mask  the nodes; those that the program may neither allocate nor run on are left out with a warning
 * @return 0, or -1 with errno: EINVAL (none of their CPUs may be used)
 *
 * Follows numa(3).
 */
int numa_run_on_node_mask(struct bitmask *mask);

/**
 * Runs the calling thread on the CPUs of some nodes, also of those that its cpuset does not name.
 *
 * @param mask  the nodes
 * @return 0, or -1 with errno: EINVAL (none of their CPUs may be used)
 *
 * Follows numa(3).
 */
int numa_run_on_node_mask_all(struct bitmask *mask);

/**
 * The nodes on whose CPUs the calling thread may run, of those that it may allocate on; if it may run on none of these, the nodes
 * of its CPUs.
 *
 * @return a set, to be given back with numa_bitmask_free(); NULL with errno ENOMEM
 *
 * Follows numa(3).
 */
struct bitmask *numa_get_run_node_mask(void);

/**
 * The CPUs on which a thread may run.
 *
 * @param pid   the thread; 0 is the calling one
 * @param mask  where to put the CPUs; numa_allocate_cpumask() makes one that is large enough
 * @return the bytes that the kernel's CPU mask has; -1 with errno: EINVAL (mask is too small), ESRCH (no such thread), EPERM
 *
 * Follows numa(3) and sched_getaffinity(2).
 */
int numa_sched_getaffinity(int pid,
                           struct bitmask *mask);

/**
 * Sets the CPUs on which a thread may run.
 *
 * @param pid   the thread; 0 is the calling one
 * @param mask  the CPUs
 * @return 0, or -1 with errno: EINVAL (none of the CPUs may be used), ESRCH (no such thread), EPERM
 *
 * Follows numa(3) and sched_setaffinity(2).
 */
int numa_sched_setaffinity(int pid, struct bitmask *mask);

/**
 * Makes an empty set.
 *
 * @param n  its size in bits
 * @return the set, to be given back with numa_bitmask_free(); NULL with errno: EINVAL (n is 0), ENOMEM
 *
 * Follows numa(3). libnuma ends the program where this returns NULL.
 */
struct bitmask *numa_bitmask_alloc(unsigned int n);

/**
 * Gives back a set and its bits.
 *
 * @param bmp  the set; NULL or one of the library's own, such as numa_all_nodes_ptr: nothing is done
 *
 * Follows numa(3).
 */
void numa_bitmask_free(struct bitmask *bmp);

/**
 * Makes an empty set as large as the kernel's node mask.
 *
 * @return the set, to be given back with numa_free_nodemask(); NULL with errno ENOMEM
 *
 * Follows numa(3).
 */
struct bitmask *numa_allocate_nodemask(void);

/**
 * Makes an empty set as large as the kernel's CPU mask.
 *
 * @return the set, to be given back with numa_free_cpumask(); NULL with errno ENOMEM
 *
 * Follows numa(3).
 */
struct bitmask *numa_allocate_cpumask(void);

/**
 * Tells whether a bit is set.
 *
 * @param bmp  the set; NULL is the empty set
 * @param n    the bit; one beyond the set is not set
 * @return 1 if it is, 0 if not
 *
 * Follows numa(3).
 */
int numa_bitmask_isbitset(const struct bitmask *bmp, unsigned int n);

/**
 * Sets all bits.
 *
 * @param bmp  the set; NULL: nothing is done
 * @return bmp
 *
 * Follows numa(3).
 */
struct bitmask *numa_bitmask_setall(struct bitmask *bmp);

/**
 * Clears all bits.
 *
 * @param bmp  the set; NULL: nothing is done
 * @return bmp
 *
 * Follows numa(3).
 */
struct bitmask *numa_bitmask_clearall(struct bitmask *bmp);

/**
 * Sets one bit.
 *
 * @param bmp  the set; NULL: nothing is done
 * @param n    the bit; one beyond the set: nothing is done
 * @return bmp
 *
 * Follows numa(3).
 */
struct bitmask *numa_bitmask_setbit(struct bitmask *bmp, unsigned int n);

/**
 * Clears one bit.
 *
 * @param bmp  the set; NULL: nothing is done
 * @param n    the bit; one beyond the set: nothing is done
 * @return bmp
 *
 * Follows numa(3).
 */
struct bitmask *numa_bitmask_clearbit(struct bitmask *bmp, unsigned int n);

/**
 * The memory that the bits of a set take.
 *
 * @param bmp  the set; NULL is the empty set
 * @return bytes, in whole words; UINT_MAX where it is more than that
 *
 * Follows numa(3).
 */
unsigned int numa_bitmask_nbytes(struct bitmask *bmp);

/**
 * Counts the bits that are set.
 *
 * @param bmp  the set; NULL is the empty set
 * @return their number
 *
 * Follows numa(3).
 */
unsigned int numa_bitmask_weight(const struct bitmask *bmp);

/**
 * Compares two sets.
 *
 * @param bmp1  a set of any size; NULL is the empty set
 * @param bmp2  another
 * @return 1 if both have the same bits set, 0 if not
 *
 * Follows numa(3).
 */
int numa_bitmask_equal(const struct bitmask *bmp1, const struct bitmask *bmp2);

/**
 * Copies a nodemask_t to a set: what does not fit is left out, what is missing becomes 0.
 *
 * @param nodemask  what to copy; NULL is the empty set
 * @param bmp       where to; NULL: nothing is done
 *
 * Follows numa(3).
 */
void copy_nodemask_to_bitmask(nodemask_t *nodemask, struct bitmask *bmp);

/**
 * Copies a set to a nodemask_t: what does not fit is left out, what is missing becomes 0.
 *
 * @param bmp       what to copy; NULL is the empty set
 * @param nodemask  where to; NULL: nothing is done
 *
 * Follows numa(3).
 */
void copy_bitmask_to_nodemask(struct bitmask *bmp, nodemask_t *nodemask);

/**
 * Copies a set to a set: what does not fit is left out, what is missing becomes 0.
 *
 * @param bmpfrom  what to copy; NULL is the empty set
 * @param bmpto    where to; NULL: nothing is done
 *
 * Follows numa(3).
 */
void copy_bitmask_to_bitmask(struct bitmask *bmpfrom, struct bitmask *bmpto);

/**
 * Moves all pages of a process that are on some nodes to other nodes.
 *
 * @param pid   the process; 0 is the calling one
 * @param from  the nodes to empty; NULL is the empty set
 * @param to    the nodes to fill, of any size; the i-th node of from goes to the i-th of to; NULL is the empty set
 * @return the number of pages that could not be moved (0: all are), or -1 with errno as migrate_pages()
 *
 * Follows numa(3) and migrate_pages(2).
 */
int numa_migrate_pages(int pid,
                       struct bitmask *from,
                       struct bitmask *to);

/**
 * Moves single pages of a process to nodes, or tells where they are.
 *
 * The kernel is asked first where the pages are; those that need no move are left alone, the others go to it grouped by target. It
 * goes on past pages that cannot be moved, tries busy ones again, and says of every page where it is. NUMARS_MOVE=kernel in the
 * environment makes this move_pages() again, which does none of that.
 *
 * @param pid     the process; 0 is the calling one
 * @param count   the number of entries in pages, nodes and status
 * @param pages   an address in each page: an array of addresses, not the start of the memory
 * @param nodes   the node that each page shall be on; a page that is named twice ends on the last; NULL: move nothing, only tell
 * @param status  where to put, for each page, the node it is on, or what is wrong as a negative errno: ENOENT (not there), EFAULT
 *                (nothing mapped), EACCES (other processes map it too), EBUSY (in use), ENOMEM (the node is full)
 * @param flags   MPOL_MF_MOVE or MPOL_MF_MOVE_ALL of <numaif.h>
 * @return 0; the number of entries whose pages were tried and stayed; or -1 with errno as move_pages(), of which ENOMEM says
 *         that a node is full: the statuses are true then too
 *
 * Follows numa(3) and move_pages(2).
 */
int numa_move_pages(int pid,
                    unsigned long count,
                    void **pages,
                    const int *nodes,
                    int *status,
                    int flags);

/**
 * Prints what errno means to stderr, and ends the program with status 1 if numa_exit_on_error is set. A program may define
 * its own numa_error() in its place.
 *
 * @param where  printed before it, with a colon; NULL: nothing
 *
 * Follows numa(3). errno stays as it is.
 */
void numa_error(char *where);

/**
 * Prints a warning to stderr, once for each number from 0 to 63 (others: each time), and ends the program with status 1 if
 * numa_exit_on_warn is set. A program may define its own numa_warn() in its place.
 *
 * @param number  which warning this is
 * @param where   a printf(3) format; its arguments follow
 *
 * Follows numa(3). errno stays as it is.
 */
void numa_warn(int number,
               char *where, ...);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#ifdef __cplusplus
extern "C" {
#endif

/* __inline, since there is no inline in C89; and the cast that each language has no warning of. */
#ifdef __cplusplus
#define NUMARS_UNSIGNED(number) static_cast<unsigned int>(number)
#else
#define NUMARS_UNSIGNED(number) ((unsigned int)(number))
#endif

/** Gives back a set made by numa_allocate_nodemask(). */
static __inline void numa_free_nodemask(struct bitmask *bmp) {
  numa_bitmask_free(bmp);
}

/** Gives back a set made by numa_allocate_cpumask(). */
static __inline void numa_free_cpumask(struct bitmask *bmp) {
  numa_bitmask_free(bmp);
}

/** Clears all nodes of a set. */
static __inline void nodemask_zero(nodemask_t *mask) {
  memset(mask, 0, sizeof(*mask));
}

/** Tells whether two sets are the same: 1 if so, 0 if not. */
static __inline int nodemask_equal(const nodemask_t *a, const nodemask_t *b) {
  return memcmp(a, b, sizeof(*a)) == 0;
}

/* The interface of libnuma's first version, for programs that define NUMA_VERSION1_COMPATIBILITY: the functions below take a
   nodemask_t, or words and a length, where those of today take a set. numacompat1.h gives them the old names. */

/** The set that a nodemask_t is, without a copy. */
static __inline struct bitmask numars_set_of_nodemask(const nodemask_t *mask) {
  struct bitmask set;
  const unsigned long *words = mask->n;

  set.size = NUMA_NUM_NODES;
  /* A set has no const: none of the functions below changes what it takes as const. */
  memcpy(&set.maskp, &words, sizeof words);
  return set;
}

/** The nodemask_t that a set is. The set is given back. */
static __inline nodemask_t numars_nodemask_of_set(struct bitmask *set) {
  nodemask_t mask;

  copy_bitmask_to_nodemask(set, &mask);
  numa_bitmask_free(set);
  return mask;
}

/** The set of so many bytes of words, without a copy. */
static __inline struct bitmask numars_set_of_words(unsigned long *words, unsigned int bytes) {
  struct bitmask set;

  set.size = 8ul * bytes;
  set.maskp = words;
  return set;
}

static __inline void nodemask_zero_compat(nodemask_t *mask) {
  nodemask_zero(mask);
}

static __inline int nodemask_equal_compat(const nodemask_t *a, const nodemask_t *b) {
  return nodemask_equal(a, b);
}

static __inline void nodemask_set_compat(nodemask_t *mask, int node) {
  struct bitmask set = numars_set_of_nodemask(mask);

  numa_bitmask_setbit(&set, NUMARS_UNSIGNED(node));
}

static __inline void nodemask_clr_compat(nodemask_t *mask, int node) {
  struct bitmask set = numars_set_of_nodemask(mask);

  numa_bitmask_clearbit(&set, NUMARS_UNSIGNED(node));
}

static __inline int nodemask_isset_compat(const nodemask_t *mask, int node) {
  struct bitmask set = numars_set_of_nodemask(mask);

  return numa_bitmask_isbitset(&set, NUMARS_UNSIGNED(node));
}

static __inline void numa_bind_compat(nodemask_t *nodes) {
  struct bitmask set = numars_set_of_nodemask(nodes);

  numa_bind(&set);
}

static __inline void numa_set_membind_compat(nodemask_t *nodes) {
  struct bitmask set = numars_set_of_nodemask(nodes);

  numa_set_membind(&set);
}

static __inline void numa_set_interleave_mask_compat(nodemask_t *nodes) {
  struct bitmask set = numars_set_of_nodemask(nodes);

  numa_set_interleave_mask(&set);
}

static __inline void *numa_alloc_interleaved_subset_compat(size_t size, const nodemask_t *nodes) {
  struct bitmask set = numars_set_of_nodemask(nodes);

  return numa_alloc_interleaved_subset(size, &set);
}

static __inline void numa_interleave_memory_compat(void *mem, size_t size, const nodemask_t *nodes) {
  struct bitmask set = numars_set_of_nodemask(nodes);

  numa_interleave_memory(mem, size, &set);
}

static __inline void numa_tonodemask_memory_compat(void *mem, size_t size, const nodemask_t *nodes) {
  struct bitmask set = numars_set_of_nodemask(nodes);

  numa_tonodemask_memory(mem, size, &set);
}

static __inline int numa_run_on_node_mask_compat(const nodemask_t *nodes) {
  struct bitmask set = numars_set_of_nodemask(nodes);

  return numa_run_on_node_mask(&set);
}

static __inline nodemask_t numa_get_membind_compat(void) {
  return numars_nodemask_of_set(numa_get_membind());
}

static __inline nodemask_t numa_get_interleave_mask_compat(void) {
  return numars_nodemask_of_set(numa_get_interleave_mask());
}

static __inline nodemask_t numa_get_run_node_mask_compat(void) {
  return numars_nodemask_of_set(numa_get_run_node_mask());
}

static __inline int numa_sched_getaffinity_compat(pid_t pid, unsigned int bytes, unsigned long *words) {
  struct bitmask set = numars_set_of_words(words, bytes);

  return numa_sched_getaffinity(pid, &set);
}

static __inline int numa_sched_setaffinity_compat(pid_t pid, unsigned int bytes, unsigned long *words) {
  struct bitmask set = numars_set_of_words(words, bytes);

  return numa_sched_setaffinity(pid, &set);
}

static __inline int numa_node_to_cpus_compat(int node, unsigned long *words, int bytes) {
  struct bitmask set = numars_set_of_words(words, NUMARS_UNSIGNED(bytes));

  return numa_node_to_cpus(node, &set);
}

#undef NUMARS_UNSIGNED

#ifdef NUMA_VERSION1_COMPATIBILITY
#include "numacompat1.h"
#endif

#ifdef __cplusplus
}
#endif

#endif /* _NUMA_H */

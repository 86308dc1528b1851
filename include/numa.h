#ifndef _NUMA_H
#define _NUMA_H


/* Part of numars, made from src and cbindgen/numa.toml by `make headers`. */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/*
 * Rules for all functions of numa.h, numaif.h and numars.h, unless their comments say otherwise:
 *
 * Scope: a memory policy or CPU affinity is that of the calling thread, and is inherited by threads
 * and processes that it creates later. It decides where pages are allocated from then on; pages
 * that are already allocated stay where they are. The policy of a range of memory holds for all
 * threads of the process.
 *
 * Masks: a struct bitmask may have any size. NULL stands for the empty mask.
 *
 * Errors: a call that succeeds leaves errno unchanged. Functions of libnuma that cannot return a
 * failure report it by numa_error(), which prints to stderr; functions of numars.h print nothing.
 * Policy calls fail with ENOSYS on a kernel without NUMA, and with EPERM if they are forbidden, as
 * in some containers.
 *
 * Thread-safe: threads may call the function at the same time. While one thread passes a mask or an
 * array, another one must not change it, and while it passes a range of memory, not unmap that.
 *
 * Async-signal-safe: a signal handler may call the function, whatever it interrupts, the same
 * function included. It takes no locks, does not call malloc(3), reads files with system calls
 * only, and needs less than 16 KiB of stack. A function that the program defines in place of the
 * library's, such as numa_error() or mbind(), has to be safe too.
 */

/** The version of libnuma's interface. */
#define LIBNUMA_API_VERSION 2

/** The number of nodes that a nodemask_t has room for. */
#if defined(__x86_64__) || defined(__i386__)
#define NUMA_NUM_NODES 128
#else
#define NUMA_NUM_NODES 2048
#endif

/** The node mask of libnuma's first version, of a fixed size. */
typedef struct nodemask_t {
  unsigned long n[NUMA_NUM_NODES / (8 * sizeof(unsigned long))];
} nodemask_t;

/**
 * A node mask or CPU mask. Returned by numa_bitmask_alloc() and other functions, or made by the
 * program. One that was returned is a single block of memory with its bits: only
 * numa_bitmask_free() frees it, and maskp must not be given to free(3).
 *
 * Every function takes NULL, or a mask whose maskp is NULL, for the empty mask, and ignores bits
 * that it would have to set there. Bits of the last word beyond size are neither read nor written.
 * For a memory policy, the kernel refuses masks of more than 32,768 bits (EINVAL).
 */
struct bitmask {
  /**
   * number of bits
   */
  unsigned long size;
  /**
   * the bits, in whole words: bit n is bit n % W of word n / W, W being the bits of an unsigned
   * long
   */
  unsigned long *maskp;
};

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * The nodes that the program may allocate on. Must not be changed or freed.
 *
 * They are those of the start, without nodes that no longer exist, and with nodes that a call has
 * found to be usable since, because memory came online or the cpuset was extended. A call by any
 * thread may update them while another one reads them.
 *
 * Follows numa(3). Valid at any time, even before numa_available().
 */
extern struct bitmask *numa_all_nodes_ptr;

/**
 * The nodes of the machine, with or without memory. Must not be changed or freed.
 *
 * Follows numa(3). Valid at any time, even before numa_available().
 */
extern struct bitmask *numa_nodes_ptr;

/**
 * The empty node mask. Must not be changed or freed.
 *
 * Follows numa(3).
 */
extern struct bitmask *numa_no_nodes_ptr;

/**
 * The CPUs that the program may run on. Must not be changed or freed.
 *
 * They are those of the start, and those that a call has found to be usable since. A call by any
 * thread may add some while another one reads them.
 *
 * Follows numa(3). Valid at any time, even before numa_available().
 */
extern struct bitmask *numa_all_cpus_ptr;

/**
 * The nodes of the machine, for programs written for libnuma's first version. Must not be changed.
 */
extern nodemask_t numa_all_nodes;

/**
 * The empty node mask, for programs written for libnuma's first version. Must not be changed.
 */
extern nodemask_t numa_no_nodes;

/**
 * If not 0, the numa_alloc_*() functions return NULL when the policy of the memory cannot be set,
 * instead of memory that has the calling thread's policy.
 *
 * Set by the program, for the whole process. 0 at the start.
 */
extern int numa_fail_alloc_on_error;

/**
 * If not 0, numa_error() ends the program after it has printed.
 *
 * Set by the program, for the whole process. 0 at the start.
 *
 * Follows numa(3).
 */
extern int numa_exit_on_error;

/**
 * If not 0, numa_warn() ends the program after it has printed.
 *
 * Set by the program, for the whole process. 0 at the start.
 *
 * Follows numa(3). libnuma 2.0.16 ignores it.
 */
extern int numa_exit_on_warn;

/**
 * Check whether the program may use NUMA policy. May be called at any time, any number of times.
 *
 * The first call of the library reads those files of /sys that later calls depend on, and this may
 * be that call: after it, a program may enter a chroot or a sandbox that forbids opening files.
 * docs/differences.md lists the calls that open files later.
 *
 * @return 0 if it may; -1 with errno if not: ENOSYS (a kernel without NUMA), EPERM (forbidden, as
 *         in some containers)
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3). Unlike with libnuma, calls that need no policy work even if this returns -1.
 */
int numa_available(void);

/**
 * Return the highest node number that the kernel supports.
 *
 * @return numa_num_possible_nodes() - 1
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_max_possible_node(void);

/**
 * Return the size of the kernel's node mask in bits, which is that of masks of
 * numa_allocate_nodemask().
 *
 * @return the number of nodes, present or not, that the kernel supports
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_num_possible_nodes(void);

/**
 * Return the size of the kernel's CPU mask in bits, which is that of masks of
 * numa_allocate_cpumask().
 *
 * @return the number of CPUs, present or not, that the kernel supports
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_num_possible_cpus(void);

/**
 * Return the highest node number of the machine, with or without memory.
 *
 * @return the node; 0 if the kernel does not list nodes
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_max_node(void);

/**
 * Return the number of nodes that have memory.
 *
 * It is that of the last time the machine was read: numa_node_to_cpu_update() reads it again, and
 * so does a call to which the kernel shows a node or CPU that is not known yet.
 *
 * @return the number of nodes
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_num_configured_nodes(void);

/**
 * Return the nodes that the calling thread's cpuset allows it to allocate on, as of now
 * (MPOL_F_MEMS_ALLOWED).
 *
 * @return a node mask, to be freed with numa_bitmask_free(), empty if get_mempolicy(2) fails,
 *         which is reported by numa_error(); NULL with errno ENOMEM
 *
 * Thread-safe. Not async-signal-safe: calls malloc(3).
 *
 * Follows numa(3).
 */
struct bitmask *numa_get_mems_allowed(void);

/**
 * Return the number of CPUs of the machine, online or not.
 *
 * It is that of the last time the machine was read: see numa_num_configured_nodes().
 *
 * @return the number of CPUs
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_num_configured_cpus(void);

/**
 * Return the number of CPUs that the program may run on: those that the library has set in
 * numa_all_cpus_ptr.
 *
 * @return the number of CPUs
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_num_task_cpus(void);

/**
 * Return the number of nodes that the program may allocate on: those that the library has set in
 * numa_all_nodes_ptr.
 *
 * @return the number of nodes
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_num_task_nodes(void);

/**
 * Older name of numa_num_task_cpus().
 *
 * @return the number of CPUs
 *
 * Thread-safe. Async-signal-safe.
 */
int numa_num_thread_cpus(void);

/**
 * Older name of numa_num_task_nodes().
 *
 * @return the number of nodes
 *
 * Thread-safe. Async-signal-safe.
 */
int numa_num_thread_nodes(void);

/**
 * Return the size of a node's memory in bytes.
 *
 * @param node   the node
 * @param freep  receives the free bytes, 0 on failure; may be NULL
 * @return bytes; -1 with errno: ENOENT (no such node), or that of open(2) of its file meminfo in
 *         /sys
 *
 * Thread-safe. Async-signal-safe.
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
 * Return the size of a node's memory in bytes, like numa_node_size64().
 *
 * A long of 32 bits cannot hold sizes of 2 GiB and more: they are LONG_MAX.
 *
 * @param node   the node
 * @param freep  receives the free bytes, 0 on failure; may be NULL
 * @return bytes; -1 with errno: ENOENT (no such node), or that of open(2) of its file meminfo in
 *         /sys
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
long numa_node_size(int node, long *freep);

/**
 * Return the size of a base page in bytes.
 *
 * @return bytes
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_pagesize(void);

/**
 * Return the distance from one node to another as the firmware states it: 10 from a node to
 * itself, more to others.
 *
 * @param node1  the node from which the distance is measured
 * @param node2  the node to which it is measured
 * @return the distance; 0 if it is not known
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_distance(int node1, int node2);

/**
 * Retrieve the CPUs of a node.
 *
 * CPUs are read once, and again by numa_node_to_cpu_update(), when the calling thread runs on a
 * CPU that is not known yet, and when a call would fail but the kernel shows a node or CPU that is
 * not known yet.
 *
 * @param node  the node
 * @param mask  receives the CPUs; one of numa_allocate_cpumask() is large enough
 * @return 0, or -1 with errno: ERANGE (no such node; mask is too small for the CPUs, of which it
 *         has those that fit), ENOENT (CPUs cannot be read: /sys is not mounted, or not readable
 *         now)
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_node_to_cpus(int node, struct bitmask *mask);

/**
 * Read the nodes and their CPUs again, after some were added or removed.
 *
 * The result is that of the whole process. What cannot be read stays as it was.
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
void numa_node_to_cpu_update(void);

/**
 * Return the node of a CPU.
 *
 * A CPU that came online after the CPUs were read is found if the calling thread may run on it.
 *
 * @param cpu  the CPU
 * @return its node, the first one if several nodes have it; -1 with errno: EINVAL (no node has it)
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_node_of_cpu(int cpu);

/**
 * Parse a bit map in the format of /sys/devices/system/node/node0/cpumap.
 *
 * @param line  groups of up to eight hexadecimal digits, the highest first, separated by commas
 *              and ended by a newline; not modified; NULL: not a bit map
 * @param mask  receives the bits
 * @return 0, or -1 with errno unchanged if line is not a bit map or mask is too small
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_parse_bitmap(char *line, struct bitmask *mask);

/**
 * Parse a list of nodes that the program may use, as numactl(8) takes it.
 *
 * Elements are separated by commas: a number, a range such as 1-5, or, as the last one, all for
 * those of numa_all_nodes_ptr. A ! before the list inverts it among the nodes that exist. From a +
 * on, numbers count within numa_all_nodes_ptr.
 *
 * The last element may be a device, which stands for its nearest node: netdev:eth0 and block:sda
 * by kernel name, file:/var/lib by a file on it, pci:0000:00:1f.2 by address, ip:192.0.2.1 or
 * ip:name by a host that is reached through it. A host's name is looked up by getaddrinfo(3),
 * which may take long. drm:card0 is a graphics or compute device, and dax:dax0.0 stands for the
 * node that the memory of a dax device becomes.
 *
 * Or the last element is the name of several nodes, of which those count that the program may use:
 * tier:4 for those of a memory tier, fastest and slowest for those of the tier with the lowest or
 * the highest number, cpus for those with CPUs, memory-only for those with memory and without
 * CPUs. libnuma has none of these names, nor drm: and dax:.
 *
 * @param string  the list; empty: no nodes; NULL: not a valid list
 * @return a node mask, to be freed with numa_bitmask_free(); NULL if string is not a valid list or
 *         names a node on which the program may neither allocate nor run, which is reported by
 *         numa_warn() unless string is NULL or has trailing text; NULL with errno ENOMEM
 *
 * Thread-safe. Not async-signal-safe: calls malloc(3).
 *
 * Follows numa(3).
 */
struct bitmask *numa_parse_nodestring(const char *string);

/**
 * Parse a list of nodes like numa_parse_nodestring(), but of all nodes of the machine.
 *
 * @param string  the list; empty: no nodes; NULL: not a valid list
 * @return a node mask, to be freed with numa_bitmask_free(); NULL if string is not a valid list or
 *         names a node that does not exist, reported as by numa_parse_nodestring(); NULL with
 *         errno ENOMEM
 *
 * Thread-safe. Not async-signal-safe: calls malloc(3).
 *
 * Follows numa(3).
 */
struct bitmask *numa_parse_nodestring_all(const char *string);

/**
 * Parse a list of CPUs that the program may run on, in the format of numa_parse_nodestring().
 *
 * all stands for the CPUs of numa_all_cpus_ptr, and + counts within these. There are no devices.
 *
 * @param string  the list; empty: no CPUs; NULL: not a valid list
 * @return a CPU mask, to be freed with numa_bitmask_free(); NULL if string is not a valid list or
 *         names a CPU on which the program may not run, reported as by numa_parse_nodestring();
 *         NULL with errno ENOMEM
 *
 * Thread-safe. Not async-signal-safe: calls malloc(3).
 *
 * Follows numa(3).
 */
struct bitmask *numa_parse_cpustring(const char *string);

/**
 * Parse a list of CPUs like numa_parse_cpustring(), but of all CPUs of the machine.
 *
 * @param string  the list; empty: no CPUs; NULL: not a valid list
 * @return a CPU mask, to be freed with numa_bitmask_free(); NULL if string is not a valid list or
 *         names a CPU that the machine does not have, reported as by numa_parse_nodestring(); NULL
 *         with errno ENOMEM
 *
 * Thread-safe. Not async-signal-safe: calls malloc(3).
 *
 * Follows numa(3).
 */
struct bitmask *numa_parse_cpustring_all(const char *string);

/**
 * Return the first node of the calling thread's memory policy.
 *
 * @return the node; 0 if the policy has no nodes, or if get_mempolicy(2) fails, which is reported
 *         by numa_error(). numa_preferred_err() distinguishes these
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows the newest numa(3). libnuma 2.0.19 and older return -1, which programs use as an index.
 */
int numa_preferred(void);

/**
 * Return the first node of the calling thread's memory policy, or -1.
 *
 * @return the node; -1 with errno unchanged if the policy has no nodes; -1 with errno if
 *         get_mempolicy(2) fails: ENOSYS (a kernel without NUMA), EPERM (forbidden, as in some
 *         containers)
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows the newest numa(3).
 */
int numa_preferred_err(void);

/**
 * Check whether the kernel supports MPOL_PREFERRED_MANY (Linux 5.15).
 *
 * The kernel is asked until it has answered once; later calls make no system call.
 *
 * @return 1 if it does, 0 if not or if mbind(2) is forbidden
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_has_preferred_many(void);

/**
 * Return the nodes of the calling thread's memory policy, whatever its mode.
 *
 * @return a node mask, to be freed with numa_bitmask_free(), empty if the policy has no nodes or
 *         if get_mempolicy(2) fails, which is reported by numa_error(); NULL with errno ENOMEM
 *
 * Thread-safe. Not async-signal-safe: calls malloc(3).
 *
 * Follows numa(3).
 */
struct bitmask *numa_preferred_many(void);

/**
 * Prefer one node for the calling thread's allocations (MPOL_PREFERRED).
 *
 * When the node is full, pages are allocated on other nodes. Pages that are already allocated stay
 * where they are.
 *
 * @param node  the node; any negative number sets local allocation (MPOL_LOCAL)
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_preferred() returns it.
 */
void numa_set_preferred(int node);

/**
 * Prefer several nodes for the calling thread's allocations (MPOL_PREFERRED_MANY, Linux 5.15).
 *
 * When these nodes are full, pages are allocated on others. Pages that are already allocated stay
 * where they are. On an older kernel, numa_warn() is called and the first of the nodes is
 * preferred (MPOL_PREFERRED).
 *
 * @param nodemask  the nodes; without any, the call fails with EINVAL, or sets local allocation
 *                  (MPOL_LOCAL) on an older kernel
 *
 * Thread-safe. Async-signal-safe unless it fails or warns: numa_error() and numa_warn() print with
 * stdio.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_preferred_many() returns it.
 */
void numa_set_preferred_many(struct bitmask *nodemask);

/**
 * Return the node of the calling thread's next interleaved page (MPOL_INTERLEAVE or
 * MPOL_WEIGHTED_INTERLEAVE).
 *
 * @return the node; 0 with errno if there is none: EINVAL (the thread does not interleave), ENOSYS
 *         (a kernel without NUMA), EPERM (forbidden, as in some containers)
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_get_interleave_node(void);

/**
 * Return the nodes that the calling thread's allocations are interleaved over (MPOL_INTERLEAVE).
 *
 * @return a node mask, to be freed with numa_bitmask_free(), empty if the policy is another one or
 *         if get_mempolicy(2) fails, which is reported by numa_error(); NULL with errno ENOMEM
 *
 * Thread-safe. Not async-signal-safe: calls malloc(3).
 *
 * Follows numa(3).
 */
struct bitmask *numa_get_interleave_mask(void);

/**
 * Interleave the calling thread's allocations page by page over the given nodes (MPOL_INTERLEAVE).
 *
 * When a node is full, pages are allocated on others. Pages that are already allocated stay where
 * they are.
 *
 * @param nodemask  the nodes; if it is empty, the default policy is set (MPOL_DEFAULT)
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_interleave_mask() returns it.
 */
void numa_set_interleave_mask(struct bitmask *nodemask);

/**
 * Return the nodes that the calling thread's allocations are interleaved over by weight
 * (MPOL_WEIGHTED_INTERLEAVE).
 *
 * @return a node mask, to be freed with numa_bitmask_free(), empty if the policy is another one or
 *         if get_mempolicy(2) fails, which is reported by numa_error(); NULL with errno ENOMEM
 *
 * Thread-safe. Not async-signal-safe: calls malloc(3).
 *
 * Follows numa(3).
 */
struct bitmask *numa_get_weighted_interleave_mask(void);

/**
 * Interleave the calling thread's allocations by weight (MPOL_WEIGHTED_INTERLEAVE, Linux 6.9).
 *
 * Each node in turn gets as many pages as its weight in
 * /sys/kernel/mm/mempolicy/weighted_interleave. Pages that are already allocated stay where they
 * are. An older kernel fails with EINVAL.
 *
 * @param nodemask  the nodes; if it is empty, the default policy is set (MPOL_DEFAULT)
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_weighted_interleave_mask()
 * returns it.
 */
void numa_set_weighted_interleave_mask(struct bitmask *nodemask);

/**
 * Restrict the calling thread to the CPUs and the memory of the given nodes (MPOL_BIND).
 *
 * Like numa_run_on_node_mask() followed by numa_set_membind(): if one of them fails, the other one
 * still takes effect. Pages that are already allocated stay where they are.
 *
 * @param nodes  the nodes
 *
 * Thread-safe. Async-signal-safe unless it fails or warns: numa_error() and numa_warn() print with
 * stdio.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_bind() returns it, and changes
 * nothing then.
 */
void numa_bind(struct bitmask *nodes);

/**
 * Allocate the calling thread's pages on the node of the CPU that it runs on (MPOL_LOCAL).
 *
 * When that node is full, pages are allocated on others. Pages that are already allocated stay
 * where they are.
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_localalloc() returns it.
 */
void numa_set_localalloc(void);

/**
 * Restrict the calling thread's allocations to the given nodes (MPOL_BIND).
 *
 * The kernel ignores nodes that the cpuset does not allow or that have no memory. Pages that are
 * already allocated stay where they are.
 *
 * @param nodemask  the nodes, at least one that is allowed and has memory
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_membind() returns it.
 */
void numa_set_membind(struct bitmask *nodemask);

/**
 * Restrict the calling thread's allocations to the given nodes, and let NUMA balancing move pages
 * between these (MPOL_BIND with MPOL_F_NUMA_BALANCING, Linux 5.12).
 *
 * On an older kernel, allocations are restricted without balancing, and nothing is reported;
 * numars_set_membind_balancing() returns 1 then.
 *
 * @param nodemask  the nodes, at least one that is allowed and has memory
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_set_membind_balancing() returns
 * it.
 */
void numa_set_membind_balancing(struct bitmask *nodemask);

/**
 * Return the nodes that the calling thread may allocate on: those of its policy if that is
 * MPOL_BIND, otherwise those of numa_all_nodes_ptr.
 *
 * @return a node mask, to be freed with numa_bitmask_free(); NULL with errno ENOMEM. If
 *         get_mempolicy(2) fails, which is reported by numa_error(), the nodes are those of
 *         numa_all_nodes_ptr
 *
 * Thread-safe. Not async-signal-safe: calls malloc(3).
 *
 * Follows numa(3).
 */
struct bitmask *numa_get_membind(void);

/**
 * Set whether memory bound to nodes may be allocated on other nodes when these are full.
 *
 * The setting is that of the process. It applies to later calls of numa_alloc_onnode(),
 * numa_tonode_memory(), numa_tonodemask_memory(), numars_tonode_memory() and
 * numars_tonodemask_memory().
 *
 * @param strict  not 0: it may not (MPOL_BIND), the initial setting; 0: it may
 *                (MPOL_PREFERRED_MANY, or before Linux 5.15 MPOL_PREFERRED with the first of the
 *                nodes)
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
void numa_set_bind_policy(int strict);

/**
 * Set whether giving memory a policy fails if pages are already on other nodes (MPOL_MF_STRICT).
 *
 * The setting is that of the process. It applies to later calls that give memory a policy, such as
 * numa_tonode_memory() and numa_interleave_memory(): they fail with EIO.
 *
 * @param flag  not 0: they fail; 0: they leave such pages where they are, the initial setting
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
void numa_set_strict(int flag);

/**
 * Check whether the kernel supports set_mempolicy_home_node(2) (Linux 5.17).
 *
 * @return 1 if it does, 0 if not
 *
 * Thread-safe. Async-signal-safe.
 */
int numa_has_home_node(void);

/**
 * Set the home node of a range of memory: the node that the kernel tries first (Linux 5.17).
 *
 * @param start      the first byte, at the start of a page; the range has the policy MPOL_BIND or
 *                   MPOL_PREFERRED_MANY
 * @param len        bytes, rounded up to whole pages; EINVAL if that is impossible
 * @param home_node  the node
 * @param flags      0
 * @return 0, or -1 with errno as set_mempolicy_home_node(), reported by numa_error() too
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 */
int numa_set_mempolicy_home_node(void *start, unsigned long len, int home_node, int flags);

/**
 * Allocate memory on one node (MPOL_BIND).
 *
 * The pages are allocated when they are first touched. After numa_set_bind_policy(0), other nodes
 * are used when the node is full (MPOL_PREFERRED_MANY, before Linux 5.15 MPOL_PREFERRED).
 *
 * @param size  bytes, rounded up to whole pages
 * @param node  the node
 * @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
 *         ENOMEM. A policy that cannot be set, as for a node that does not exist or has no memory,
 *         is reported by numa_error(): then the memory has the calling thread's policy, or, if
 *         numa_fail_alloc_on_error is set, NULL is returned
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3).
 */
void *numa_alloc_onnode(size_t size, int node);

/**
 * Allocate memory on the node of the CPU that touches it first (MPOL_LOCAL).
 *
 * The pages are allocated when they are first touched. When a node is full, others are used.
 *
 * @param size  bytes, rounded up to whole pages
 * @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
 *         ENOMEM. A policy that cannot be set is reported as by numa_alloc_onnode()
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3).
 */
void *numa_alloc_local(size_t size);

/**
 * Allocate memory interleaved page by page over all nodes (MPOL_INTERLEAVE).
 *
 * The nodes are those of numa_all_nodes_ptr. The pages are allocated when they are first touched.
 *
 * @param size  bytes, rounded up to whole pages
 * @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
 *         ENOMEM. A policy that cannot be set is reported as by numa_alloc_onnode()
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3).
 */
void *numa_alloc_interleaved(size_t size);

/**
 * Allocate memory interleaved page by page over the given nodes (MPOL_INTERLEAVE).
 *
 * The pages are allocated when they are first touched.
 *
 * @param size      bytes, rounded up to whole pages
 * @param nodemask  the nodes
 * @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
 *         ENOMEM. A policy that cannot be set is reported as by numa_alloc_onnode()
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3).
 */
void *numa_alloc_interleaved_subset(size_t size, struct bitmask *nodemask);

/**
 * Allocate memory interleaved by weight over all nodes (MPOL_WEIGHTED_INTERLEAVE, Linux 6.9).
 *
 * The nodes are those of numa_all_nodes_ptr, their weights are in
 * /sys/kernel/mm/mempolicy/weighted_interleave. The pages are allocated when they are first
 * touched. On an older kernel, the policy cannot be set.
 *
 * @param size  bytes, rounded up to whole pages
 * @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
 *         ENOMEM. A policy that cannot be set is reported as by numa_alloc_onnode()
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3).
 */
void *numa_alloc_weighted_interleaved(size_t size);

/**
 * Allocate memory interleaved by weight over the given nodes (MPOL_WEIGHTED_INTERLEAVE, Linux
 * 6.9).
 *
 * The weights are in /sys/kernel/mm/mempolicy/weighted_interleave. The pages are allocated when
 * they are first touched. On an older kernel, the policy cannot be set.
 *
 * @param size      bytes, rounded up to whole pages
 * @param nodemask  the nodes
 * @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
 *         ENOMEM. A policy that cannot be set is reported as by numa_alloc_onnode()
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3).
 */
void *numa_alloc_weighted_interleaved_subset(size_t size, struct bitmask *nodemask);

/**
 * Allocate memory by the calling thread's policy, and touch each page at once.
 *
 * @param size  bytes, rounded up to whole pages
 * @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
 *         ENOMEM
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
void *numa_alloc(size_t size);

/**
 * Change the size of memory, which may move to another address.
 *
 * Contents, policy and pages stay, up to the smaller of the two sizes. Pages that are added are
 * allocated by that policy when they are first touched.
 *
 * @param old_addr  memory of one of the numa_alloc*() functions
 * @param old_size  its size in bytes
 * @param new_size  the new size in bytes, rounded up to whole pages
 * @return the memory, to be freed with numa_free(); NULL with errno, and the old memory stays:
 *         EFAULT (nothing is mapped there), EINVAL (an address inside a page; new_size is 0 or
 *         exceeds the address space), ENOMEM
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3) and mremap(2).
 */
void *numa_realloc(void *old_addr, size_t old_size, size_t new_size);

/**
 * Free memory of the numa_alloc*() functions.
 *
 * @param mem   the memory; an address inside a page: nothing is freed, errno is EINVAL
 * @param size  its size in bytes, rounded up to whole pages; 0, or more than the address space:
 *              nothing is freed, errno is EINVAL
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3) and munmap(2).
 */
void numa_free(void *mem, size_t size);

/**
 * Interleave a range of memory page by page over the given nodes (MPOL_INTERLEAVE).
 *
 * The policy applies to pages that are allocated from now on. Pages that are already on other
 * nodes stay there; after numa_set_strict() of a value other than 0, they make the call fail with
 * EIO.
 *
 * @param mem   the first byte, at the start of a page
 * @param size  bytes, rounded up to whole pages
 * @param mask  the nodes
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_interleave_memory() returns it.
 */
void numa_interleave_memory(void *mem, size_t size, struct bitmask *mask);

/**
 * Interleave a range of memory by weight over the given nodes (MPOL_WEIGHTED_INTERLEAVE, Linux
 * 6.9).
 *
 * The weights are in /sys/kernel/mm/mempolicy/weighted_interleave. The policy applies to pages
 * that are allocated from now on; for others, see numa_interleave_memory(). An older kernel fails
 * with EINVAL.
 *
 * @param mem   the first byte, at the start of a page
 * @param size  bytes, rounded up to whole pages
 * @param mask  the nodes
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_weighted_interleave_memory()
 * returns it.
 */
void numa_weighted_interleave_memory(void *mem, size_t size, struct bitmask *mask);

/**
 * Bind a range of memory to one node (MPOL_BIND).
 *
 * The policy applies to pages that are allocated from now on; for others, see
 * numa_interleave_memory(). After numa_set_bind_policy(0), other nodes are used when the node is
 * full (MPOL_PREFERRED_MANY, before Linux 5.15 MPOL_PREFERRED).
 *
 * @param start  the first byte, at the start of a page
 * @param size   bytes, rounded up to whole pages
 * @param node   the node
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_tonode_memory() returns it.
 */
void numa_tonode_memory(void *start, size_t size, int node);

/**
 * Bind a range of memory to the given nodes (MPOL_BIND).
 *
 * The policy applies to pages that are allocated from now on; for others, see
 * numa_interleave_memory(). After numa_set_bind_policy(0), other nodes are used when these are
 * full (MPOL_PREFERRED_MANY, before Linux 5.15 MPOL_PREFERRED with the first of them).
 *
 * @param mem   the first byte, at the start of a page
 * @param size  bytes, rounded up to whole pages
 * @param mask  the nodes
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_tonodemask_memory() returns it.
 */
void numa_tonodemask_memory(void *mem, size_t size, struct bitmask *mask);

/**
 * Allocate each page of a range of memory on the node of the CPU that touches it first
 * (MPOL_LOCAL).
 *
 * The policy applies to pages that are allocated from now on; for others, see
 * numa_interleave_memory(). When a node is full, others are used.
 *
 * @param start  the first byte, at the start of a page
 * @param size   bytes, rounded up to whole pages
 *
 * Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
 *
 * Follows numa(3). A failure is reported by numa_error(); numars_setlocal_memory() returns it.
 */
void numa_setlocal_memory(void *start, size_t size);

/**
 * Touch each page of a range of memory, so that all of it is allocated now, by its policy.
 *
 * The contents do not change; what other threads write there during the call is kept. The range
 * must be mapped for reading and writing: as with libnuma, the call ends with SIGSEGV otherwise.
 *
 * @param start  the first byte, anywhere in its page; NULL: nothing is done
 * @param size   bytes
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
void numa_police_memory(void *start, size_t size);

/**
 * Run the calling thread on the CPUs of one node only.
 *
 * @param node  the node; -1: all CPUs
 * @return 0, or -1 with errno: ERANGE (no such node, also reported by numa_warn()), EINVAL (a
 *         number that no node of this kernel can have; the thread may use none of the CPUs)
 *
 * Thread-safe. Async-signal-safe unless it warns: numa_warn() prints with stdio.
 *
 * Follows numa(3).
 */
int numa_run_on_node(int node);

/**
 * Run the calling thread on the CPUs of the given nodes only.
 *
 * @param mask  the nodes; those on which the program may neither allocate nor run are left out,
 *              which is reported by numa_warn()
 * @return 0, or -1 with errno, also reported by numa_error(): EINVAL (the thread may use none of
 *         their CPUs)
 *
 * Thread-safe. Async-signal-safe unless it fails or warns: numa_error() and numa_warn() print with
 * stdio.
 *
 * Follows numa(3).
 */
int numa_run_on_node_mask(struct bitmask *mask);

/**
 * Run the calling thread on the CPUs of the given nodes only, without regard to the cpuset.
 *
 * Like numa_run_on_node_mask(), but no node that exists is left out. The kernel still limits the
 * thread to the CPUs of its cpuset.
 *
 * @param mask  the nodes; those that do not exist are left out, which is reported by numa_warn()
 * @return 0, or -1 with errno, also reported by numa_error(): EINVAL (the thread may use none of
 *         their CPUs)
 *
 * Thread-safe. Async-signal-safe unless it fails or warns: numa_error() and numa_warn() print with
 * stdio.
 *
 * Follows numa(3).
 */
int numa_run_on_node_mask_all(struct bitmask *mask);

/**
 * Return the nodes on whose CPUs the calling thread may run.
 *
 * Nodes on which the program may not allocate are included only if the thread may run on no other.
 *
 * @return a node mask, to be freed with numa_bitmask_free(); NULL with errno ENOMEM
 *
 * Thread-safe. Not async-signal-safe: calls malloc(3).
 *
 * Follows numa(3).
 */
struct bitmask *numa_get_run_node_mask(void);

/**
 * Retrieve the CPU affinity of a thread.
 *
 * @param pid   the thread ID; 0: the calling thread
 * @param mask  receives the CPUs; one of numa_allocate_cpumask() is large enough
 * @return the size of the kernel's CPU mask in bytes; -1 with errno: EINVAL (mask is too small),
 *         ESRCH (no such thread), EPERM
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3) and sched_getaffinity(2).
 */
int numa_sched_getaffinity(int pid, struct bitmask *mask);

/**
 * Set the CPU affinity of a thread.
 *
 * @param pid   the thread ID; 0: the calling thread
 * @param mask  the CPUs, of any size
 * @return 0, or -1 with errno: EINVAL (the thread may use none of the CPUs), ESRCH (no such
 *         thread), EPERM (another user's thread)
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3) and sched_setaffinity(2).
 */
int numa_sched_setaffinity(int pid, struct bitmask *mask);

/**
 * Allocate an empty mask.
 *
 * @param n  its size in bits
 * @return the mask, to be freed with numa_bitmask_free(); NULL with errno: EINVAL (n is 0), ENOMEM
 *
 * Thread-safe. Not async-signal-safe: calls malloc(3).
 *
 * Follows numa(3). libnuma ends the program instead of returning NULL.
 */
struct bitmask *numa_bitmask_alloc(unsigned int n);

/**
 * Free a mask and its bits.
 *
 * @param bmp  the mask; NULL or one of the library's own, such as numa_all_nodes_ptr: nothing is
 *             done
 *
 * Thread-safe. Not async-signal-safe: calls free(3).
 *
 * Follows numa(3).
 */
void numa_bitmask_free(struct bitmask *bmp);

/**
 * Allocate an empty mask of the size of the kernel's node mask.
 *
 * @return the mask, to be freed with numa_free_nodemask(); NULL with errno ENOMEM
 *
 * Thread-safe. Not async-signal-safe: calls malloc(3).
 *
 * Follows numa(3).
 */
struct bitmask *numa_allocate_nodemask(void);

/**
 * Allocate an empty mask of the size of the kernel's CPU mask.
 *
 * @return the mask, to be freed with numa_free_cpumask(); NULL with errno ENOMEM
 *
 * Thread-safe. Not async-signal-safe: calls malloc(3).
 *
 * Follows numa(3).
 */
struct bitmask *numa_allocate_cpumask(void);

/**
 * Test one bit of a mask.
 *
 * @param bmp  the mask; NULL: the empty mask
 * @param n    the bit; one beyond the size is not set
 * @return 1 if it is set, 0 if not
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_bitmask_isbitset(const struct bitmask *bmp, unsigned int n);

/**
 * Set all bits of a mask.
 *
 * @param bmp  the mask; NULL: nothing is done
 * @return bmp
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
struct bitmask *numa_bitmask_setall(struct bitmask *bmp);

/**
 * Clear all bits of a mask.
 *
 * @param bmp  the mask; NULL: nothing is done
 * @return bmp
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
struct bitmask *numa_bitmask_clearall(struct bitmask *bmp);

/**
 * Set one bit of a mask.
 *
 * @param bmp  the mask; NULL: nothing is done
 * @param n    the bit; one beyond the size: nothing is done
 * @return bmp
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
struct bitmask *numa_bitmask_setbit(struct bitmask *bmp, unsigned int n);

/**
 * Clear one bit of a mask.
 *
 * @param bmp  the mask; NULL: nothing is done
 * @param n    the bit; one beyond the size: nothing is done
 * @return bmp
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
struct bitmask *numa_bitmask_clearbit(struct bitmask *bmp, unsigned int n);

/**
 * Return the size of a mask's bits in bytes.
 *
 * @param bmp  the mask; NULL: the empty mask
 * @return bytes, in whole words; UINT_MAX if there are more
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
unsigned int numa_bitmask_nbytes(struct bitmask *bmp);

/**
 * Count the bits that are set in a mask.
 *
 * @param bmp  the mask; NULL: the empty mask
 * @return their number
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
unsigned int numa_bitmask_weight(const struct bitmask *bmp);

/**
 * Compare two masks, which may differ in size.
 *
 * @param bmp1  a mask; NULL: the empty mask
 * @param bmp2  another mask; NULL: the empty mask
 * @return 1 if the same bits are set in both, 0 if not
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
int numa_bitmask_equal(const struct bitmask *bmp1, const struct bitmask *bmp2);

/**
 * Copy a nodemask_t to a mask.
 *
 * Bits that do not fit are left out; those of bmp that nodemask has no room for are cleared.
 *
 * @param nodemask  the source; NULL: the empty mask
 * @param bmp       the destination; NULL: nothing is done
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
void copy_nodemask_to_bitmask(nodemask_t *nodemask, struct bitmask *bmp);

/**
 * Copy a mask to a nodemask_t.
 *
 * Bits that do not fit are left out; those of nodemask that bmp has no room for are cleared.
 *
 * @param bmp       the source; NULL: the empty mask
 * @param nodemask  the destination; NULL: nothing is done
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
void copy_bitmask_to_nodemask(struct bitmask *bmp, nodemask_t *nodemask);

/**
 * Copy a mask to another one, which may differ in size.
 *
 * Bits that do not fit are left out; those of bmpto that bmpfrom has no room for are cleared.
 *
 * @param bmpfrom  the source; NULL: the empty mask
 * @param bmpto    the destination; NULL: nothing is done
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3).
 */
void copy_bitmask_to_bitmask(struct bitmask *bmpfrom, struct bitmask *bmpto);

/**
 * Move all pages of a process from some nodes to others.
 *
 * Pages of the i-th node of from move to the i-th node of to. Pages that are mapped more than once
 * stay, and are not counted, unless the caller has CAP_SYS_NICE.
 *
 * @param pid   the process; 0: the calling process
 * @param from  the nodes to empty; NULL: the empty mask
 * @param to    the nodes to move to, of any size; NULL: the empty mask
 * @return the number of pages that could not be moved, 0 on full success; -1 with errno as
 *         migrate_pages()
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows numa(3) and migrate_pages(2).
 */
int numa_migrate_pages(int pid, struct bitmask *from, struct bitmask *to);

/**
 * Move single pages of a process to nodes, or query the nodes they are on.
 *
 * A short request is first submitted as it is, and so is a long one if its targets come in long
 * runs and a sample of its pages is elsewhere. For all others, the kernel is first queried for the
 * nodes of the pages, and those that have to move are moved in batches, one for each target; busy
 * pages are retried, and unmovable pages do not end the call. The status of every page is correct
 * in the end, also if the call fails with ENOMEM. With NUMARS_MOVE=kernel in the environment, this
 * is move_pages() unchanged.
 *
 * @param pid     the process; 0: the calling process
 * @param count   the number of entries of pages, nodes and status
 * @param pages   an address in each page: an array of addresses, not the start of the memory
 * @param nodes   the target node of each page; if a page is named more than once, the last one
 *                counts; NULL: query only
 * @param status  receives for each page the node that it is on, or a negative errno: -ENOENT (not
 *                present), -EFAULT (not mapped, the zero page, or an unmovable page), -EACCES
 *                (mapped more than once, without MPOL_MF_MOVE_ALL), -EBUSY (in use), -ENOMEM (the
 *                target is full)
 * @param flags   MPOL_MF_MOVE or MPOL_MF_MOVE_ALL of <numaif.h>; 0: as MPOL_MF_MOVE
 * @return 0; the number of entries whose page the kernel tried and failed to move; -1 with errno
 *         as move_pages()
 *
 * Thread-safe. Async-signal-safe.
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
 * Print a message for errno to stderr, like perror(3), and end the program with exit(3) and status
 * 1 if numa_exit_on_error is set.
 *
 * The library calls this for failures of functions that cannot return them. A program may define
 * its own numa_error() instead, which need not return.
 *
 * @param where  printed before the message, with a colon; NULL or empty: only the message
 *
 * Thread-safe. Not async-signal-safe: prints with stdio.
 *
 * Follows numa(3). errno is unchanged.
 */
void numa_error(char *where);

/**
 * Print a warning to stderr, and end the program with exit(3) and status 1 if numa_exit_on_warn is
 * set.
 *
 * A warning with a number from 0 to 63 is printed only the first time. A program may define its
 * own numa_warn() instead, which need not return.
 *
 * @param number  the number of the warning
 * @param where   a printf(3) format, followed by its arguments; NULL: nothing is printed
 *
 * Thread-safe. Not async-signal-safe: prints with stdio.
 *
 * Follows numa(3). errno is unchanged.
 */
void numa_warn(int number, char *where, ...);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#ifdef __cplusplus
extern "C" {
#endif

/* __inline because C89 has no inline; a cast that no compiler of either language warns about. */
#ifdef __cplusplus
#define NUMARS_UNSIGNED(number) static_cast<unsigned int>(number)
#else
#define NUMARS_UNSIGNED(number) ((unsigned int)(number))
#endif

/**
 * Free a mask returned by numa_allocate_nodemask(), like numa_bitmask_free().
 *
 * @param bmp  the mask; NULL: nothing is done
 *
 * Thread-safe. Not async-signal-safe: calls free(3).
 *
 * Follows numa(3).
 */
static __inline void numa_free_nodemask(struct bitmask *bmp) {
  numa_bitmask_free(bmp);
}

/**
 * Free a mask returned by numa_allocate_cpumask(), like numa_bitmask_free().
 *
 * @param bmp  the mask; NULL: nothing is done
 *
 * Thread-safe. Not async-signal-safe: calls free(3).
 *
 * Follows numa(3).
 */
static __inline void numa_free_cpumask(struct bitmask *bmp) {
  numa_bitmask_free(bmp);
}

/**
 * Clear all bits of a node mask.
 *
 * @param mask  the mask
 *
 * Thread-safe. Async-signal-safe.
 */
static __inline void nodemask_zero(nodemask_t *mask) {
  memset(mask, 0, sizeof(*mask));
}

/**
 * Compare two node masks.
 *
 * @param a  a mask
 * @param b  another mask
 * @return 1 if they are equal, 0 if not
 *
 * Thread-safe. Async-signal-safe.
 */
static __inline int nodemask_equal(const nodemask_t *a, const nodemask_t *b) {
  return memcmp(a, b, sizeof(*a)) == 0;
}

/* The interface of libnuma's first version, for programs that define NUMA_VERSION1_COMPATIBILITY.
   The functions below take a nodemask_t, or an array and its length in bytes, instead of a struct
   bitmask; otherwise each does the same as the function that it calls. numacompat1.h defines the
   old names. */

/** Return a struct bitmask that refers to the bits of a nodemask_t. Used by the functions below. */
static __inline struct bitmask numars_set_of_nodemask(const nodemask_t *mask) {
  struct bitmask set;
  const unsigned long *words = mask->n;

  set.size = NUMA_NUM_NODES;
  /* A struct bitmask has no const. No function below changes a mask that it takes as const. */
  memcpy(&set.maskp, &words, sizeof words);
  return set;
}

/** Convert a struct bitmask to a nodemask_t, and free it. Used by the functions below. */
static __inline nodemask_t numars_nodemask_of_set(struct bitmask *set) {
  nodemask_t mask;

  copy_bitmask_to_nodemask(set, &mask);
  numa_bitmask_free(set);
  return mask;
}

/** Return a struct bitmask that refers to an array. Used by the functions below. */
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

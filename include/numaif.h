#ifndef NUMAIF_H
#define NUMAIF_H

/* Part of numars, made from src/numaif.rs and cbindgen/numaif.toml by `make headers`. */


/*
 * The system calls for memory policy and page migration. What the comments mean by thread-safe and
 * async-signal-safe is defined at the top of numa.h.
 *
 * <linux/mempolicy.h> may be included before or after this header. Its enumeration of the policy
 * modes would not compile after the macros below, so this header defines its include guard, and
 * everything that it defines but RECLAIM_ZONE, RECLAIM_WRITE and RECLAIM_UNMAP. A program that
 * needs these three must include it first.
 */
#ifndef _LINUX_MEMPOLICY_H
#define _LINUX_MEMPOLICY_H
#ifndef MPOL_MODE_FLAGS
#define MPOL_MODE_FLAGS (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | MPOL_F_NUMA_BALANCING)
#endif
#ifndef MPOL_MF_LAZY
#define MPOL_MF_LAZY (1<<3)
#endif
#ifndef MPOL_MF_INTERNAL
#define MPOL_MF_INTERNAL (1<<4)
#endif
#ifndef MPOL_MF_VALID
#define MPOL_MF_VALID (MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)
#endif
#ifndef MPOL_F_SHARED
#define MPOL_F_SHARED (1<<0)
#endif
#ifndef MPOL_F_MOF
#define MPOL_F_MOF (1<<3)
#endif
#ifndef MPOL_F_MORON
#define MPOL_F_MORON (1<<4)
#endif
#endif

/*
 * A program may define macros of these names itself. Those that libnuma's header has are written as
 * there, so that they may be defined again after this header.
 */

/**
 * Policy mode: no policy. A thread allocates on the node of the CPU that it runs on; a range of
 * memory has the policy of the thread that touches it.
 */
#ifndef MPOL_DEFAULT
#define MPOL_DEFAULT 0
#endif

/**
 * Policy mode: allocate on one node, on others when that is full.
 */
#ifndef MPOL_PREFERRED
#define MPOL_PREFERRED 1
#endif

/**
 * Policy mode: allocate on the given nodes only.
 */
#ifndef MPOL_BIND
#define MPOL_BIND 2
#endif

/**
 * Policy mode: allocate page by page on the given nodes in turn.
 */
#ifndef MPOL_INTERLEAVE
#define MPOL_INTERLEAVE 3
#endif

/**
 * Policy mode: allocate on the node of the CPU that runs, also in ranges of memory whose thread
 * has another policy (Linux 3.8).
 */
#ifndef MPOL_LOCAL
#define MPOL_LOCAL 4
#endif

/**
 * Policy mode: allocate on the given nodes, on others when these are full (Linux 5.15).
 */
#ifndef MPOL_PREFERRED_MANY
#define MPOL_PREFERRED_MANY 5
#endif

/**
 * Policy mode: allocate on the given nodes in turn, on each as many pages as its weight in
 * /sys/kernel/mm/mempolicy/weighted_interleave (Linux 6.9).
 */
#ifndef MPOL_WEIGHTED_INTERLEAVE
#define MPOL_WEIGHTED_INTERLEAVE 6
#endif

/**
 * The number of policy modes.
 */
#ifndef MPOL_MAX
#define MPOL_MAX 7
#endif

/**
 * Mode flag of set_mempolicy() for MPOL_BIND: let NUMA balancing move pages between the nodes
 * (Linux 5.12).
 */
#ifndef MPOL_F_NUMA_BALANCING
#define MPOL_F_NUMA_BALANCING (1 << 13)
#endif

/**
 * Mode flag of set_mempolicy() and mbind(): node numbers count within the nodes that the cpuset
 * allows.
 */
#ifndef MPOL_F_RELATIVE_NODES
#define MPOL_F_RELATIVE_NODES (1 << 14)
#endif

/**
 * Mode flag of set_mempolicy() and mbind(): node numbers stay the same when the cpuset changes.
 */
#ifndef MPOL_F_STATIC_NODES
#define MPOL_F_STATIC_NODES (1 << 15)
#endif

/**
 * Flag of get_mempolicy(): return a node instead of the mode: with MPOL_F_ADDR that of the page at
 * addr, otherwise that of the thread's next interleaved page.
 */
#ifndef MPOL_F_NODE
#define MPOL_F_NODE (1<<0)
#endif

/**
 * Flag of get_mempolicy(): return the policy of the memory at addr instead of the thread's.
 */
#ifndef MPOL_F_ADDR
#define MPOL_F_ADDR (1<<1)
#endif

/**
 * Flag of get_mempolicy(): return the nodes that the cpuset allows instead of those of the policy.
 */
#ifndef MPOL_F_MEMS_ALLOWED
#define MPOL_F_MEMS_ALLOWED (1<<2)
#endif

/**
 * Flag of mbind(): fail with EIO if pages are on other nodes, or could not be moved.
 */
#ifndef MPOL_MF_STRICT
#define MPOL_MF_STRICT (1<<0)
#endif

/**
 * Flag of mbind() and move_pages(): move pages that are mapped only once.
 */
#ifndef MPOL_MF_MOVE
#define MPOL_MF_MOVE (1<<1)
#endif

/**
 * Flag of mbind() and move_pages(): move pages that are mapped more than once too (needs
 * CAP_SYS_NICE).
 */
#ifndef MPOL_MF_MOVE_ALL
#define MPOL_MF_MOVE_ALL (1<<2)
#endif

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Retrieve the memory policy of the calling thread, or that of the memory at an address.
 *
 * @param mode     receives the mode with its flags, or with MPOL_F_NODE the node; may be NULL
 * @param nmask    receives the nodes, an array of unsigned long; may be NULL
 * @param maxnode  the number of bits of nmask, plus one; at least that of the kernel's nodes
 * @param addr     the address for MPOL_F_ADDR, otherwise NULL
 * @param flags    0 or MPOL_F_NODE, MPOL_F_ADDR, MPOL_F_MEMS_ALLOWED
 * @return 0, or -1 with errno: EFAULT (an address is not mapped), EINVAL (unknown flags; addr
 *         without MPOL_F_ADDR; MPOL_F_NODE without MPOL_F_ADDR in a thread that does not
 *         interleave; maxnode is too small), ENOSYS (a kernel without NUMA), EPERM (forbidden, as
 *         in some containers)
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows get_mempolicy(2): the system call itself.
 */
long get_mempolicy(int *mode,
                   unsigned long *nmask,
                   unsigned long maxnode,
                   void *addr,
                   unsigned int flags);

/**
 * Set the memory policy of a range of memory.
 *
 * The policy holds for all threads of the process. It applies to pages that are allocated from now
 * on; flags say what happens to others, which stay where they are by default.
 *
 * @param start    the first byte, at the start of a page
 * @param len      bytes, rounded up to whole pages; if that wraps around, nothing is done
 * @param mode     a policy mode, with MPOL_F_STATIC_NODES or MPOL_F_RELATIVE_NODES
 * @param nmask    the nodes, an array of unsigned long; may be NULL if the mode takes none
 * @param maxnode  the number of bits of nmask, plus one
 * @param flags    0 or MPOL_MF_STRICT, MPOL_MF_MOVE, MPOL_MF_MOVE_ALL
 * @return 0, or -1 with errno: EFAULT (a part of the range or nmask is not mapped), EINVAL (a bad
 *         argument; no node of nmask is allowed and has memory), EIO (MPOL_MF_STRICT: pages are on
 *         other nodes), ENOMEM (no kernel memory), EPERM (MPOL_MF_MOVE_ALL without CAP_SYS_NICE)
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows mbind(2): the system call itself.
 */
long mbind(void *start,
           unsigned long len,
           int mode,
           const unsigned long *nmask,
           unsigned long maxnode,
           unsigned int flags);

/**
 * Set the memory policy of the calling thread.
 *
 * Threads and processes that it creates inherit the policy. It applies to pages that are allocated
 * from now on; others stay where they are.
 *
 * @param mode     a policy mode, with MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES or
 *                 MPOL_F_NUMA_BALANCING
 * @param nmask    the nodes, an array of unsigned long; may be NULL if the mode takes none
 * @param maxnode  the number of bits of nmask, plus one
 * @return 0, or -1 with errno: EFAULT (nmask is not mapped), EINVAL (a bad argument; no node of
 *         nmask is allowed and has memory), ENOMEM (no kernel memory)
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows set_mempolicy(2): the system call itself.
 */
long set_mempolicy(int mode, const unsigned long *nmask, unsigned long maxnode);

/**
 * Move all pages of a process from some nodes to others.
 *
 * Pages of the i-th node of frommask move to the i-th node of tomask. Pages that are mapped more
 * than once stay, and are not counted, unless the caller has CAP_SYS_NICE.
 *
 * @param pid       the process; 0: the calling process
 * @param maxnode   the number of bits of each mask, plus one
 * @param frommask  the nodes to empty, an array of unsigned long
 * @param tomask    the nodes to move to, an array of unsigned long
 * @return the number of pages that could not be moved, 0 on full success; -1 with errno: EFAULT (a
 *         mask is not mapped), EINVAL (a node number that the kernel does not support; no node of
 *         tomask is allowed and has memory; a kernel thread), ENOMEM (a target is full; pages may
 *         have moved), EPERM (another user's process; a node that the process may not use), ESRCH
 *         (no such process)
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows migrate_pages(2): the system call itself.
 */
long migrate_pages(int pid,
                   unsigned long maxnode,
                   const unsigned long *frommask,
                   const unsigned long *tomask);

/**
 * Move single pages of a process to nodes, or query the nodes they are on.
 *
 * The call stops at a page that cannot be moved: then pages after it may have moved or not, and
 * status is incomplete. To query where pages are then, call again with nodes NULL.
 * numa_move_pages() and numars_move_pages() do not stop there.
 *
 * @param pid     the process; 0: the calling process
 * @param count   the number of entries of pages, nodes and status
 * @param pages   an address in each page, in the process's address space
 * @param nodes   the target node of each page; NULL: query only
 * @param status  receives for each page the node that it is on, or a negative errno: -ENOENT (not
 *                present: never touched, or swapped out), -EFAULT (not mapped, or the zero page),
 *                -EACCES (mapped more than once, without MPOL_MF_MOVE_ALL), -EBUSY (in use, or
 *                named by an earlier entry)
 * @param flags   MPOL_MF_MOVE or MPOL_MF_MOVE_ALL; 0: as MPOL_MF_MOVE
 * @return 0; the number of pages that were not moved or not tried; -1 with errno: EACCES (a node
 *         outside the process's cpuset), EFAULT (an array is not mapped), EINVAL (unknown flags; a
 *         kernel thread), ENODEV (no such node, or one without memory), ENOMEM (a target is full;
 *         pages may have moved), EPERM (another user's process; MPOL_MF_MOVE_ALL without
 *         CAP_SYS_NICE), ESRCH (no such process)
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows move_pages(2): the system call itself.
 */
long move_pages(int pid,
                unsigned long count,
                void **pages,
                const int *nodes,
                int *status,
                int flags);

/**
 * Set the home node of a range of memory: the node that the kernel tries first (Linux 5.17).
 *
 * @param start      the first byte, at the start of a page; the range has the policy MPOL_BIND or
 *                   MPOL_PREFERRED_MANY
 * @param len        bytes, rounded up to whole pages; if that wraps around, nothing is done
 * @param home_node  the node
 * @param flags      0
 * @return 0, or -1 with errno: EINVAL (a bad argument; no such node), ENOENT (no memory with a
 *         policy), EOPNOTSUPP (another policy), ENOSYS (an older kernel)
 *
 * Thread-safe. Async-signal-safe.
 *
 * Follows set_mempolicy_home_node(2): the system call itself.
 */
int set_mempolicy_home_node(void *start, unsigned long len, int home_node, int flags);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif  /* NUMAIF_H */

#ifndef NUMAIF_H
#define NUMAIF_H

/* Part of numars, and made from src/numaif.rs by `make headers`: change it there. */


/*
 * <linux/mempolicy.h> may come before or after this header. It declares the policies as an enumeration, which the macros below would turn
 * into numbers if it came after, so that it is made empty then: what it has beside the macros below is here, but for RECLAIM_ZONE,
 * RECLAIM_WRITE and RECLAIM_UNMAP, for which it must come before.
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
 * A program may have macros of its own by these names. Those that libnuma's header has too are written as there, so that they may also
 * be defined once more after this header.
 */

/**
 * Policy: allocate on the node of the CPU that runs.
 */
#ifndef MPOL_DEFAULT
#define MPOL_DEFAULT 0
#endif

/**
 * Policy: try one node first, then the others.
 */
#ifndef MPOL_PREFERRED
#define MPOL_PREFERRED 1
#endif

/**
 * Policy: allocate on the given nodes only.
 */
#ifndef MPOL_BIND
#define MPOL_BIND 2
#endif

/**
 * Policy: allocate on the given nodes in turn.
 */
#ifndef MPOL_INTERLEAVE
#define MPOL_INTERLEAVE 3
#endif

/**
 * Policy: allocate on the node of the CPU that runs, whatever the process's policy is.
 */
#ifndef MPOL_LOCAL
#define MPOL_LOCAL 4
#endif

/**
 * Policy: try the given nodes first, then the others (Linux 5.15).
 */
#ifndef MPOL_PREFERRED_MANY
#define MPOL_PREFERRED_MANY 5
#endif

/**
 * Policy: allocate on the given nodes in turn, as often as their weights say (Linux 6.9).
 */
#ifndef MPOL_WEIGHTED_INTERLEAVE
#define MPOL_WEIGHTED_INTERLEAVE 6
#endif

/**
 * One more than the highest policy.
 */
#ifndef MPOL_MAX
#define MPOL_MAX 7
#endif

/**
 * Flag of a policy: let NUMA balancing move pages between the nodes of MPOL_BIND (Linux 5.12).
 */
#ifndef MPOL_F_NUMA_BALANCING
#define MPOL_F_NUMA_BALANCING (1 << 13)
#endif

/**
 * Flag of a policy: node numbers count within the nodes that the cpuset allows.
 */
#ifndef MPOL_F_RELATIVE_NODES
#define MPOL_F_RELATIVE_NODES (1 << 14)
#endif

/**
 * Flag of a policy: node numbers stay as they are when the cpuset changes.
 */
#ifndef MPOL_F_STATIC_NODES
#define MPOL_F_STATIC_NODES (1 << 15)
#endif

/**
 * Flag of get_mempolicy(): give a node instead of the policy.
 */
#ifndef MPOL_F_NODE
#define MPOL_F_NODE (1<<0)
#endif

/**
 * Flag of get_mempolicy(): ask about the memory at addr.
 */
#ifndef MPOL_F_ADDR
#define MPOL_F_ADDR (1<<1)
#endif

/**
 * Flag of get_mempolicy(): give the nodes that the cpuset allows.
 */
#ifndef MPOL_F_MEMS_ALLOWED
#define MPOL_F_MEMS_ALLOWED (1<<2)
#endif

/**
 * Flag of mbind(): fail where pages are not on the nodes asked for.
 */
#ifndef MPOL_MF_STRICT
#define MPOL_MF_STRICT (1<<0)
#endif

/**
 * Flag of mbind() and move_pages(): move the pages that only this process maps.
 */
#ifndef MPOL_MF_MOVE
#define MPOL_MF_MOVE (1<<1)
#endif

/**
 * Flag of mbind() and move_pages(): move pages that other processes map too; needs CAP_SYS_NICE.
 */
#ifndef MPOL_MF_MOVE_ALL
#define MPOL_MF_MOVE_ALL (1<<2)
#endif

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Reads the memory policy of the calling thread, or of the memory at an address.
 *
 * @param mode     where to put the policy, or with MPOL_F_NODE the node; may be NULL
 * @param nmask    where to put the policy's nodes, an array of unsigned long; may be NULL
 * @param maxnode  bits that nmask has room for, plus one
 * @param addr     the address to ask about with MPOL_F_ADDR, otherwise NULL
 * @param flags    0 or MPOL_F_NODE, MPOL_F_ADDR, MPOL_F_MEMS_ALLOWED
 * @return 0, or -1 with errno: EFAULT (a bad address), EINVAL (unknown flags; maxnode smaller than the kernel's nodes),
 *         ENOSYS (a kernel without NUMA), EPERM (forbidden, as container engines do)
 *
 * Follows get_mempolicy(2): the kernel's call, unchanged.
 */
long get_mempolicy(int *mode,
                   unsigned long *nmask,
                   unsigned long maxnode,
                   void *addr,
                   unsigned int flags);

/**
 * Sets the memory policy of a range of addresses.
 *
 * @param start    the first byte, at the start of a page
 * @param len      length in bytes, rounded up to whole pages; where that is beyond the end of all addresses, nothing
 * @param mode     MPOL_DEFAULT, MPOL_BIND …, with MPOL_F_STATIC_NODES or MPOL_F_RELATIVE_NODES
 * @param nmask    the policy's nodes, an array of unsigned long; may be NULL
 * @param maxnode  bits of nmask to look at, plus one
 * @param flags    0 or MPOL_MF_STRICT, MPOL_MF_MOVE, MPOL_MF_MOVE_ALL
 * @return 0, or -1 with errno: EFAULT (a bad address, a hole in the range), EINVAL (a bad argument), EIO (pages that are
 *         elsewhere, with MPOL_MF_STRICT), ENOMEM, EPERM (MPOL_MF_MOVE_ALL without CAP_SYS_NICE)
 *
 * Follows mbind(2): the kernel's call, unchanged.
 */
long mbind(void *start,
           unsigned long len,
           int mode,
           const unsigned long *nmask,
           unsigned long maxnode,
           unsigned int flags);

/**
 * Sets the memory policy of the calling thread and of the threads and processes that it starts.
 *
 * @param mode     MPOL_DEFAULT, MPOL_BIND …, with MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES or MPOL_F_NUMA_BALANCING
 * @param nmask    the policy's nodes, an array of unsigned long; may be NULL
 * @param maxnode  bits of nmask to look at, plus one
 * @return 0, or -1 with errno: EFAULT (nmask), EINVAL (a bad argument; no node of nmask is allowed and has memory), ENOMEM
 *
 * Follows set_mempolicy(2): the kernel's call, unchanged.
 */
long set_mempolicy(int mode,
                   const unsigned long *nmask,
                   unsigned long maxnode);

/**
 * Moves all pages of a process that are on some nodes to other nodes.
 *
 * @param pid        the process; 0 is the calling one
 * @param maxnode    bits of both masks to look at, plus one
 * @param frommask   the nodes to empty, an array of unsigned long
 * @param tomask     the nodes to fill, an array of unsigned long; the i-th node of frommask goes to the i-th of tomask
 * @return the number of pages that could not be moved (0: all are), or -1 with errno: EFAULT (a mask), EINVAL (a node that
 *         the kernel cannot have; no node of tomask is allowed and has memory), EPERM (another user's process; a node that
 *         the process may not use), ESRCH (no such process)
 *
 * Follows migrate_pages(2): the kernel's call, unchanged.
 */
long migrate_pages(int pid,
                   unsigned long maxnode,
                   const unsigned long *frommask,
                   const unsigned long *tomask);

/**
 * Moves single pages of a process to nodes, or tells where they are.
 *
 * @param pid     the process; 0 is the calling one
 * @param count   the number of entries in pages, nodes and status
 * @param pages   an address in each page, as the process sees it
 * @param nodes   the node that each page shall be on; NULL: move nothing, only tell
 * @param status  where to put, for each page, the node it is on, or what is wrong as a negative errno: -ENOENT (never
 *                touched), -EFAULT (not mapped, or the zero page), -EACCES (shared, without MPOL_MF_MOVE_ALL), -EBUSY
 * @param flags   MPOL_MF_MOVE or MPOL_MF_MOVE_ALL
 * @return 0; the number of pages that could not be moved; or -1 with errno: EACCES (a node outside the cpuset), EFAULT (an
 *         array), EINVAL (unknown flags; a kernel thread), ENODEV (no such node, or one without memory), ENOMEM (a node is
 *         full), EPERM (another user's process; MPOL_MF_MOVE_ALL without CAP_SYS_NICE), ESRCH (no such process). After an
 *         error status is not complete: ask again with nodes NULL
 *
 * Follows move_pages(2): the kernel's call, unchanged.
 */
long move_pages(int pid,
                unsigned long count,
                void **pages,
                const int *nodes,
                int *status,
                int flags);

/**
 * Sets the node from which a range's policy starts to look for memory (Linux 5.17).
 *
 * @param start      the first byte, at the start of a page; the range has the policy MPOL_BIND or MPOL_PREFERRED_MANY
 * @param len        length in bytes, rounded up to whole pages; where that is beyond the end of all addresses, nothing
 * @param home_node  the node
 * @param flags      0
 * @return 0, or -1 with errno: EINVAL (a bad argument; no such node), ENOENT (no memory with a policy), EOPNOTSUPP (another
 *         policy), ENOSYS (an older kernel)
 *
 * Follows set_mempolicy_home_node(2): the kernel's call, unchanged.
 */
int set_mempolicy_home_node(void *start,
                            unsigned long len,
                            int home_node,
                            int flags);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif  /* NUMAIF_H */

#ifndef NUMARS_H
#define NUMARS_H

/* Part of numars, and made from src/numars_policy.rs and numars_move.rs by `make headers`: change it there. */


#include "numa.h"
#include "numaif.h"

/**
 * What a struct numars_move_options begins with: MPOL_MF_MOVE, one thread, three retries, no callback.
 */
#define NUMARS_MOVE_OPTIONS_INIT { sizeof(struct numars_move_options), MPOL_MF_MOVE, 1, 3, NULL, NULL }

/**
 * The version of the numars headers that a program is compiled with: major * 10000 + minor * 100 + patch.
 */
#define NUMARS_VERSION 100

/**
 * What became of the pages of a request. Every page that was looked at is counted under requested, and once more under one of
 * the next eight; where a callback or an error ended the work, the pages that were not tried are under requested alone. Each sum is
 * that of the last look at the pages: a page that another process or thread moves later is counted where it was then.
 *
 * numars_move_pages() counts entries; the calls that take a range or a process count base pages, a huge page as those of its base
 * pages that lie in the range, each as what became of it where the kernel splits the huge page. Pages of the kernel's own mappings, such
 * as [vdso], which cannot move, don't count as having stayed.
 */
struct numars_move_stats {
  /**
   * looked at
   */
  unsigned long requested;
  /**
   * were elsewhere and are on their target now
   */
  unsigned long moved;
  /**
   * were on their target before
   */
  unsigned long in_place;
  /**
   * not there: never touched, or swapped out (-ENOENT)
   */
  unsigned long absent;
  /**
   * nothing is mapped there, or the kernel's page of zeros (-EFAULT)
   */
  unsigned long unmapped;
  /**
   * other processes map them too, and MPOL_MF_MOVE_ALL was not given (-EACCES)
   */
  unsigned long shared;
  /**
   * in use: written to disk, or pinned by a device or the kernel (-EBUSY)
   */
  unsigned long busy;
  /**
   * the target is full (-ENOMEM)
   */
  unsigned long no_memory;
  /**
   * there, and not on the target for another reason: its mapping's pages cannot move, or another entry names the page, or another part
   * of its huge page, with another node
   */
  unsigned long failed;
  /**
   * how many pages were tried a further time, each time counted
   */
  unsigned long retried;
  /**
   * calls of move_pages(2)
   */
  unsigned long kernel_calls;
};

/**
 * Progress callback. Called by the thread that called the move, at least every 64 MiB, also where no page has to move, and once at the
 * end. Huge pages count with their size; an entry of numars_move_pages() is taken to be a huge page of 2 MiB unless the next entry
 * names an address nearer than that. Within these 64 MiB, calls of the kernel that take longer than 40 ms are followed by smaller ones, so
 * that there is a call about every 100 ms, unless a single page takes longer. Threads that help move as much each meanwhile.
 *
 * so_far is what became of the pages so far, arg is progress_arg of the options. No sum becomes smaller from call to call, but where
 * parts of a request undo each other (entries that name one page, or parts of one huge page, with several nodes), or a huge page is split:
 * it may have been called moved as a whole. Of a list with several nodes, up to 64 MiB are counted late. An answer other than 0 cancels the
 * move, which then fails with ECANCELED; the answer of the call at the end, when nothing is left to cancel, is ignored.
 *
 * A callback may call every function of this library, also one that moves pages. It must return: no C++ exception may leave it, and it
 * must call neither longjmp(3) nor pthread_exit(3), because helper threads use the stack of the calling thread meanwhile. For the same
 * reason the calling thread cannot be cancelled during a move (pthread_setcancelstate(3)), which a callback must not change: a
 * pthread_cancel(3) takes effect at the first cancellation point after the move.
 */
typedef int (*numars_move_progress)(const struct numars_move_stats *so_far, void *arg);

/**
 * How to move. Begin with NUMARS_MOVE_OPTIONS_INIT, which is also what NULL stands for.
 */
struct numars_move_options {
  /**
   * the size of this structure in bytes, so that it can grow: a larger one whose further bytes are 0 is taken
   */
  size_t size;
  /**
   * MPOL_MF_MOVE, or MPOL_MF_MOVE_ALL to move pages that other processes map too (needs CAP_SYS_NICE)
   */
  int flags;
  /**
   * threads that move at the same time; 0: a number that suits the machine. Never more than the CPUs that the calling thread
   * may run on
   */
  unsigned int threads;
  /**
   * how often a page that is busy is tried again
   */
  unsigned int retries;
  /**
   * called while moving; NULL: nothing is
   */
  numars_move_progress progress;
  /**
   * handed to progress
   */
  void *progress_arg;
};

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * The version of the library that is loaded.
 *
 * @return a string such as "0.1.0", valid for ever
 */
const char *numars_version(void);

/**
 * Runs and allocates on some nodes alone. Where either is impossible, nothing is changed.
 *
 * @param nodes  the nodes
 * @return 0, or -1 with errno: EINVAL (no CPU or no memory that may be used), ENOMEM
 *
 * As numa_bind(), but silent: it neither prints nor ends the program.
 */
int numars_bind(struct bitmask *nodes);

/**
 * Allocates on some nodes alone.
 *
 * @param nodemask  the nodes, at least one
 * @return 0, or -1 with errno: EINVAL (no node that may be used), ENOMEM
 *
 * As numa_set_membind(), but silent: it neither prints nor ends the program.
 */
int numars_set_membind(struct bitmask *nodemask);

/**
 * Restrict allocations to some nodes, and let NUMA balancing move pages between them (MPOL_BIND with MPOL_F_NUMA_BALANCING,
 * Linux 5.12).
 *
 * @param nodemask  the nodes, at least one
 * @return 0; 1 if the kernel is older and allocations are restricted without balancing; -1 with errno: EINVAL (no node that may be
 *         used), ENOMEM
 *
 * As numa_set_membind_balancing(), but silent: it neither prints nor ends the program.
 */
int numars_set_membind_balancing(struct bitmask *nodemask);

/**
 * Allocates on some nodes in turn.
 *
 * @param nodemask  the nodes; none: as usual
 * @return 0, or -1 with errno: EINVAL (no node that may be used), ENOMEM
 *
 * As numa_set_interleave_mask(), but silent: it neither prints nor ends the program.
 */
int numars_set_interleave_mask(struct bitmask *nodemask);

/**
 * Allocates on some nodes in turn, on each as often as its weight says (Linux 6.9).
 *
 * @param nodemask  the nodes; none: as usual
 * @return 0, or -1 with errno: EINVAL (no node that may be used), ENOMEM
 *
 * As numa_set_weighted_interleave_mask(), but silent: it neither prints nor ends the program.
 */
int numars_set_weighted_interleave_mask(struct bitmask *nodemask);

/**
 * Allocates on a node first, and on others when that is full.
 *
 * @param node  the node; a negative number: where the thread runs
 * @return 0, or -1 with errno: EINVAL (no node that may be used), ENOMEM
 *
 * As numa_set_preferred(), but silent: it neither prints nor ends the program.
 */
int numars_set_preferred(int node);

/**
 * Allocate on some nodes first, and on others when those are full (MPOL_PREFERRED_MANY, Linux 5.15).
 *
 * @param nodemask  the nodes, at least one
 * @return 0; 1 if the kernel is older and only the first of the nodes is preferred (MPOL_PREFERRED); -1 with errno: EINVAL (no node that
 *         may be used), ENOMEM
 *
 * As numa_set_preferred_many(), but silent: it neither prints nor ends the program.
 */
int numars_set_preferred_many(struct bitmask *nodemask);

/**
 * Allocates where the thread runs.
 *
 * @return 0, or -1 with errno: ENOSYS or EPERM where policy cannot be used
 *
 * As numa_set_localalloc(), but silent: it neither prints nor ends the program.
 */
int numars_set_localalloc(void);

/**
 * Puts the pages of memory on some nodes in turn, those that are touched from now on.
 *
 * @param start     the first byte, at the start of a page
 * @param size      bytes, rounded up to whole pages
 * @param nodemask  the nodes
 * @return 0, or -1 with errno: EINVAL (a bad range, no node that may be used), EFAULT (nothing mapped there), EIO (pages are elsewhere and numa_set_strict() was called), ENOMEM
 *
 * As numa_interleave_memory(), but silent: it neither prints nor ends the program.
 */
int numars_interleave_memory(void *start,
                             size_t size,
                             struct bitmask *nodemask);

/**
 * Puts the pages of memory on some nodes in turn, as often as their weights say (Linux 6.9).
 *
 * @param start     the first byte, at the start of a page
 * @param size      bytes, rounded up to whole pages
 * @param nodemask  the nodes
 * @return 0, or -1 with errno: EINVAL (a bad range, no node that may be used), EFAULT (nothing mapped there), EIO (pages are elsewhere and numa_set_strict() was called), ENOMEM
 *
 * As numa_weighted_interleave_memory(), but silent: it neither prints nor ends the program.
 */
int numars_weighted_interleave_memory(void *start,
                                      size_t size,
                                      struct bitmask *nodemask);

/**
 * Puts memory on a node, the pages that are touched from now on.
 *
 * @param start  the first byte, at the start of a page
 * @param size   bytes, rounded up to whole pages
 * @param node   the node
 * @return 0, or -1 with errno: EINVAL (a bad range, no node that may be used), EFAULT (nothing mapped there), EIO (pages are elsewhere and numa_set_strict() was called), ENOMEM
 *
 * As numa_tonode_memory(), but silent: it neither prints nor ends the program.
 */
int numars_tonode_memory(void *start,
                         size_t size,
                         int node);

/**
 * Puts memory on some nodes, the pages that are touched from now on.
 *
 * @param start     the first byte, at the start of a page
 * @param size      bytes, rounded up to whole pages
 * @param nodemask  the nodes
 * @return 0; 1 if numa_set_bind_policy(0) was called, and the kernel is older than Linux 5.15, so that only the first of the nodes is
 *         preferred; -1 with errno: EINVAL (a bad range, no node that may be used), EFAULT (nothing mapped there), EIO (pages are elsewhere and numa_set_strict() was called), ENOMEM
 *
 * As numa_tonodemask_memory(), but silent: it neither prints nor ends the program.
 */
int numars_tonodemask_memory(void *start,
                             size_t size,
                             struct bitmask *nodemask);

/**
 * Puts memory on the node where the thread runs that touches it first, the pages that are touched from now on.
 *
 * @param start  the first byte, at the start of a page
 * @param size   bytes, rounded up to whole pages
 * @return 0, or -1 with errno: EINVAL (a bad range, no node that may be used), EFAULT (nothing mapped there), EIO (pages are elsewhere and numa_set_strict() was called), ENOMEM
 *
 * As numa_setlocal_memory(), but silent: it neither prints nor ends the program.
 */
int numars_setlocal_memory(void *start,
                           size_t size);

/**
 * Moves single pages of a process to nodes, keeps going past those that will not go, and tells what became of each.
 *
 * The kernel is asked first where the pages are; those that need no move are left alone, and the others go to it grouped by
 * target. A page that is named twice ends on the target that is named last.
 *
 * @param pid      the process; 0 is the calling one
 * @param count    the number of entries in pages, nodes and status
 * @param pages    an address in each page
 * @param nodes    the node that each page shall be on; NULL: move nothing, only tell
 * @param status   where to put, for each page, the node it is on now, or why not as a negative errno; NULL: nowhere
 * @param options  how to move; NULL: as NUMARS_MOVE_OPTIONS_INIT says
 * @param stats    where to put the sums; NULL: nowhere
 * @return the number of entries whose page is there and not on the node that the entry names (0: all are);
 *         -1 with errno: ECANCELED (progress stopped
 *         it), E2BIG (options of a size that this library does not know, and not all 0), EINVAL (flags, options that are too
 *         small), EFAULT (an array cannot be read or written), ENODEV (a node that is not there or has no memory), EACCES (a node
 *         outside of the process's cpuset), ENOMEM (a target is full, or no scratch memory), EPERM, ESRCH. Statuses and sums are
 *         true also then, as far as the arrays can be read and written. After ECANCELED, statuses of entries that were not looked
 *         at are not written, and a page that several entries name may have gone on since the status of the first was written
 *
 * As move_pages(2), but for what is said above.
 */
long numars_move_pages(int pid,
                       unsigned long count,
                       void *const *pages,
                       const int *nodes,
                       int *status,
                       const struct numars_move_options *options,
                       struct numars_move_stats *stats);

/**
 * Moves the pages of a range of addresses to one node: all whole pages that touch it. Holes, and pages that were never touched,
 * are passed over.
 *
 * @param pid      the process; 0 is the calling one
 * @param start    the first byte
 * @param length   bytes, up to the whole address space; 0: nothing
 * @param node     the node
 * @param options  how to move; NULL: as NUMARS_MOVE_OPTIONS_INIT says
 * @param stats    where to put the sums, in base pages; NULL: nowhere
 * @return the number of base pages that are there and not on the node (0: all are); -1 with errno as numars_move_pages(), and
 *         EINVAL for a range that goes beyond the last address, ENOENT for one of more than 64 GiB if /proc can't be
 *         read or doesn't show the process, the error of read(2) if /proc/PID/maps can only be read in part, ESRCH also if the
 *         process ends, or, where its /proc/PID/maps can be read, executes another program, before the end
 */
long numars_move_range(int pid,
                       void *start,
                       size_t length,
                       int node,
                       const struct numars_move_options *options,
                       struct numars_move_stats *stats);

/**
 * Moves the pages of a process that are on some nodes to other nodes, and tells how far it is. The process may go on meanwhile,
 * map and unmap memory, fork, execute another program and end.
 *
 * @param pid      the process; 0 is the calling one
 * @param from     the nodes to empty; NULL is the empty set
 * @param to       the nodes to fill: the i-th node of from goes to the i-th of to, beginning anew where to has fewer; where it does
 *                 not have as many, pages on nodes that are in both stay
 * @param options  how to move; NULL: as NUMARS_MOVE_OPTIONS_INIT says
 * @param stats    where to put the sums, in base pages that were on nodes of from; NULL: nowhere
 * @return the number of base pages that stayed on nodes of from although they should have gone (0: none); -1 with errno as
 *         numars_move_pages(), and EINVAL where to is empty, ENOENT if /proc can't be read or doesn't show the process, the error of
 *         read(2) if /proc/PID/maps can only be read in part, ESRCH only if the process ended before anything was moved (if it
 *         executes another program, that one's pages are moved), EOVERFLOW (a 32-bit program can't name all addresses of the process)
 *
 * As migrate_pages(2), which has no progress and no sums.
 */
long numars_move_process(int pid,
                         const struct bitmask *from,
                         const struct bitmask *to,
                         const struct numars_move_options *options,
                         struct numars_move_stats *stats);

/**
 * Counts the base pages of a range of addresses by the node they are on.
 *
 * @param pid       the process; 0 is the calling one
 * @param start     the first byte
 * @param length    bytes, up to the whole address space
 * @param per_node  where to put the number of base pages on each node; NULL: nowhere
 * @param nodes     the number of entries in per_node; pages on further nodes are counted in the answer alone
 * @return the number of base pages that are there; -1 with errno: EINVAL (a range that goes beyond the end of the address space),
 *         ENOENT (one of more than 64 GiB if /proc can't be read or doesn't show the process), EPERM, ESRCH (no such process, or
 *         it ended, or, where its /proc/PID/maps can be read, executed another program, before the end), ENOMEM (no scratch
 *         memory), the error of read(2) if /proc/PID/maps can only be read in part
 */
long numars_count_pages(int pid,
                        const void *start,
                        size_t length,
                        unsigned long *per_node,
                        unsigned int nodes);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif  /* NUMARS_H */

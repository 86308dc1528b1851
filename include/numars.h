#ifndef NUMARS_H
#define NUMARS_H

/* Made from src/abi/numars.rs by `make headers`: change it there. */


#include "numa.h"
#include "numaif.h"

/**
 * The version of the numars headers that a program is compiled with: major * 10000 + minor * 100 + patch.
 */
#define NUMARS_VERSION 100

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library that is loaded.
 *
 * @return a string such as "0.1.0", valid for ever
 */
const char *numars_version(void);

/**
 * Runs and allocates on some nodes alone. Nothing is changed if running there is impossible.
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
 * Allocates on some nodes alone, and lets NUMA balancing move pages between them (Linux 5.12).
 *
 * @param nodemask  the nodes, at least one
 * @return 0, or -1 with errno: EINVAL (no node that may be used), ENOMEM
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
 * @param node  the node; -1: where the thread runs
 * @return 0, or -1 with errno: EINVAL (no node that may be used), ENOMEM
 *
 * As numa_set_preferred(), but silent: it neither prints nor ends the program.
 */
int numars_set_preferred(int node);

/**
 * Allocates on some nodes first, and on others when those are full (Linux 5.15).
 *
 * @param nodemask  the nodes, at least one
 * @return 0, or -1 with errno: EINVAL (no node that may be used), ENOMEM
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
 * @return 0, or -1 with errno: EINVAL (a bad range, no node that may be used), EFAULT (nothing mapped there), EIO (pages are elsewhere and numa_set_strict() was called), ENOMEM
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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* NUMARS_H */

#ifndef _NUMA_H
#define _NUMA_H


/* Made from src/abi and cbindgen/numa.toml by `make headers`: change it there. */

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
#endif // __cplusplus

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
 * Tells whether the kernel lets this program use NUMA policy. Silent, at any time, as often as you like.
 *
 * @return 0 if so; -1 with errno if not: ENOSYS (a kernel without NUMA), EPERM (forbidden, as container engines do)
 *
 * Follows numa(3). Unlike libnuma, calls that need no policy work also where this says -1.
 */
int numa_available(void);

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
 * @param pid     the process; 0 is the calling one
 * @param count   the number of entries in pages, nodes and status
 * @param pages   an address in each page: an array of addresses, not the start of the memory
 * @param nodes   the node that each page shall be on; NULL: move nothing, only tell
 * @param status  where to put, for each page, the node it is on, or what is wrong as a negative errno
 * @param flags   MPOL_MF_MOVE or MPOL_MF_MOVE_ALL of <numaif.h>
 * @return 0; the number of pages that could not be moved; or -1 with errno as move_pages()
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
 * @param bmp  the set; NULL: nothing is done
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
}  // extern "C"
#endif  // __cplusplus

#ifdef __cplusplus
extern "C" {
#endif

/** Gives back a set made by numa_allocate_nodemask(). */
static inline void numa_free_nodemask(struct bitmask *bmp) {
  numa_bitmask_free(bmp);
}

/** Gives back a set made by numa_allocate_cpumask(). */
static inline void numa_free_cpumask(struct bitmask *bmp) {
  numa_bitmask_free(bmp);
}

/** Clears all nodes of a set. */
static inline void nodemask_zero(nodemask_t *mask) {
  memset(mask, 0, sizeof(*mask));
}

/** Tells whether two sets are the same: 1 if so, 0 if not. */
static inline int nodemask_equal(const nodemask_t *a, const nodemask_t *b) {
  return memcmp(a, b, sizeof(*a)) == 0;
}

#ifdef __cplusplus
}
#endif

#endif /* _NUMA_H */

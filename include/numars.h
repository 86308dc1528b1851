#ifndef NUMARS_H
#define NUMARS_H

/* Part of numars, made from src and cbindgen/numars.toml by `make headers`. */


/*
 * Calls that libnuma does not have: policies, affinity and allocation with errors instead of
 * messages; parsing and formatting lists of nodes; describing nodes that differ (CXL, HBM); moving
 * and placing pages. What the comments mean by thread-safe and async-signal-safe is defined at the
 * top of numa.h.
 */

#include <stdint.h>
#include <sys/types.h>

#include "numa.h"
#include "numaif.h"

/*
 * Initializers of structs: NUMARS_MOVE_OPTIONS_INIT stands for MPOL_MF_MOVE, one thread, three
 * retries, no limits and no callback, NUMARS_MOVE_STATS_INIT for counts of 0, NUMARS_PLACEMENT_INIT
 * for NUMARS_PLACE_PACK, no flags, no nodes and no weights, NUMARS_PARSE_ERROR_INIT for no error.
 * They name fields where the language allows it: in C since C99.
 */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L && !defined(__cplusplus)
#define NUMARS_MOVE_OPTIONS_INIT \
  { .size = sizeof(struct numars_move_options), .flags = MPOL_MF_MOVE, .threads = 1, .retries = 3 }
#define NUMARS_MOVE_STATS_INIT { .size = sizeof(struct numars_move_stats) }
#define NUMARS_PLACEMENT_INIT { .size = sizeof(struct numars_placement) }
#define NUMARS_PARSE_ERROR_INIT { .size = sizeof(struct numars_parse_error) }
#else
#define NUMARS_MOVE_OPTIONS_INIT \
  { sizeof(struct numars_move_options), MPOL_MF_MOVE, 1, 3, 0, 0, 0, NULL, 0, NULL, NULL, NULL, 0 }
#define NUMARS_MOVE_STATS_INIT \
  { sizeof(struct numars_move_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
#define NUMARS_PLACEMENT_INIT { sizeof(struct numars_placement), 0, 0, NULL, NULL, 0 }
#define NUMARS_PARSE_ERROR_INIT { sizeof(struct numars_parse_error), 0, 0, NULL }
#endif

/**
 * The version of these headers: major * 10000 + minor * 100 + patch.
 */
#define NUMARS_VERSION 100

/**
 * Never allocate pages on other nodes (MPOL_BIND), instead of only when the node is full.
 */
#define NUMARS_ALLOC_NO_FALLBACK (1 << 0)

/**
 * Allocate all pages before the call returns.
 */
#define NUMARS_ALLOC_POPULATE (1 << 1)

/**
 * Allocate all pages before the call returns, and fail unless all are on the given nodes.
 */
#define NUMARS_ALLOC_STRICT (1 << 2)

/**
 * Request transparent huge pages (MADV_HUGEPAGE), and align the memory to their size.
 */
#define NUMARS_ALLOC_HUGE_PAGES (1 << 3)

/**
 * Flag of numars_node_kind(): the node has CPUs that are online.
 */
#define NUMARS_NODE_HAS_CPUS (1 << 0)

/**
 * Flag of numars_node_kind(): the node has memory.
 */
#define NUMARS_NODE_HAS_MEMORY (1 << 1)

/**
 * Flag of numars_node_kind(): the node holds, or would hold, the memory of a dax device (CXL memory,
 * persistent memory, HBM), as named by a file target_node in /sys/bus/dax/devices.
 */
#define NUMARS_NODE_DAX (1 << 2)

/**
 * Flag of struct numars_placement: set the policy of the memory too, with mbind(2), so that pages
 * that are allocated later follow, and automatic NUMA balancing leaves them alone. MPOL_BIND for
 * NUMARS_PLACE_PACK, MPOL_INTERLEAVE for NUMARS_PLACE_INTERLEAVE and NUMARS_PLACE_BALANCE,
 * MPOL_WEIGHTED_INTERLEAVE for NUMARS_PLACE_WEIGHTED. Of the calling process only, and not with
 * weights, because the kernel knows its own weights only: set these with numars_set_node_weight()
 * and pass NULL, or place without this flag.
 */
#define NUMARS_PLACE_SET_POLICY (1 << 0)

/**
 * Attributes of the memory of a node, for numars_node_attribute() and numars_best_nodes().
 */
enum numars_attribute {
  /**
   * all memory of the node, in bytes
   */
  NUMARS_CAPACITY = 0,
  /**
   * memory that is free at this moment, in bytes
   */
  NUMARS_FREE = 1,
  /**
   * bandwidth of reads from the initiator, in MB/s
   */
  NUMARS_READ_BANDWIDTH = 2,
  /**
   * bandwidth of writes from the initiator, in MB/s
   */
  NUMARS_WRITE_BANDWIDTH = 3,
  /**
   * latency of reads from the initiator, in ns
   */
  NUMARS_READ_LATENCY = 4,
  /**
   * latency of writes from the initiator, in ns
   */
  NUMARS_WRITE_LATENCY = 5,
  /**
   * size of the cache in front of the memory, in bytes; of several levels, that of the largest
   */
  NUMARS_MEMORY_SIDE_CACHE = 6
};

/**
 * How numars_place_range() and numars_place_process() distribute pages: the mode of struct
 * numars_placement.
 */
enum numars_place_mode {
  /**
   * fill the nodes in numerical order, and continue with the next one when one is full. Pages on
   * a node before that one stay. ENOMEM only if all are full
   */
  NUMARS_PLACE_PACK = 0,
  /**
   * page by page, huge page by huge page, as MPOL_INTERLEAVE allocates them: the page number in a
   * file, or of the address for private anonymous memory, modulo the number of nodes; hugetlb
   * pages count as those of a file that begins where their mapping does. For shared memory and
   * memory that was moved by mremap(2), the kernel begins with another node
   */
  NUMARS_PLACE_INTERLEAVE = 1,
  /**
   * as MPOL_WEIGHTED_INTERLEAVE: with as many pages in a row on each node as its weight says
   */
  NUMARS_PLACE_WEIGHTED = 2,
  /**
   * move as few pages as possible, until each node holds its share: an equal one, or one by the
   * weights. Pages on other nodes all move
   */
  NUMARS_PLACE_BALANCE = 3
};

/**
 * Where and why a list was rejected, to be initialized with NUMARS_PARSE_ERROR_INIT.
 */
struct numars_parse_error {
  /**
   * the size of this structure in bytes, so that it can grow: a larger one is accepted if its
   * further bytes are 0
   */
  size_t size;
  /**
   * the first byte of the list that is at fault, counted from 0
   */
  size_t offset;
  /**
   * how many bytes are at fault; 0: something is missing there
   */
  size_t length;
  /**
   * a static string in English, such as "no such node"; not written if the size of this structure
   * is invalid
   */
  const char *message;
};

/**
 * Statistics of a move, to be initialized with NUMARS_MOVE_STATS_INIT.
 *
 * requested counts every page that was examined. Each of these counts in exactly one of the next
 * eight fields too, except for pages that were not tried because the callback, a limit or an error
 * ended the move. A page counts as of the last query during the call: if another thread or process
 * moves it later, the counts do not change.
 *
 * numars_move_pages() counts entries. The other calls count base pages: of a huge page those that
 * lie in the range, each by its own result if the kernel splits the huge page. Unmovable pages of
 * the kernel's own mappings, such as [vdso], do not count as unmoved.
 */
struct numars_move_stats {
  /**
   * the size of this structure in bytes, set by the caller: see numars_move_options. Fields that
   * lie beyond it are not written
   */
  size_t size;
  /**
   * examined
   */
  unsigned long requested;
  /**
   * were elsewhere, and are on their target now
   */
  unsigned long moved;
  /**
   * were on their target before
   */
  unsigned long in_place;
  /**
   * not present: never touched, or swapped out (-ENOENT)
   */
  unsigned long absent;
  /**
   * not mapped, or the zero page (-EFAULT)
   */
  unsigned long unmapped;
  /**
   * mapped more than once, and MPOL_MF_MOVE_ALL was not given (-EACCES)
   */
  unsigned long shared;
  /**
   * in use: under writeback, or pinned by a device or the kernel (-EBUSY)
   */
  unsigned long busy;
  /**
   * the target is full (-ENOMEM)
   */
  unsigned long no_memory;
  /**
   * present, and not on the target for another reason: unmovable (-EFAULT); another entry names
   * the page, or another part of its huge page, with another node (its status is the node that
   * it is on); the target cannot be used any more (-EACCES, -ENODEV)
   */
  unsigned long failed;
  /**
   * retries, summed over all pages
   */
  unsigned long retried;
  /**
   * calls of move_pages(2)
   */
  unsigned long kernel_calls;
  /**
   * nanoseconds since the call began
   */
  uint64_t elapsed_ns;
  /**
   * duration of the longest call of move_pages(2) in nanoseconds, whether it moved pages or
   * only queried them; includes the wait for other CPUs, which max_pause_us does not count. On
   * 32-bit machines at most 2^32 - 1
   */
  uint64_t longest_call_ns;
};

/**
 * Progress callback. Return 0 to continue, another value to cancel the move.
 *
 * It is called by the thread that called the move, at least every 64 MiB, even if no page has to
 * move, and once at the end. Huge pages count with their size; an entry of numars_move_pages() is
 * assumed to be a huge page of 512 base pages (2 MiB if these have 4 KiB) unless the next entry
 * names a higher address that is nearer. The number of pages that one call of the kernel moves
 * adapts to the CPU time of previous calls, so that it takes at most about 40 ms, and the callback
 * is called about every 100 ms, unless a single page takes longer or the CPUs are busy; also while
 * the move waits because of max_bytes_per_second. Helper threads move as much each meanwhile.
 *
 * so_far holds the statistics so far, arg is progress_arg of the options. No count becomes smaller
 * from call to call, with two exceptions: parts of a request undo each other (entries that name
 * one page, or parts of one huge page, with several nodes), and a huge page that was counted as
 * moved is split. If a list names several nodes, the latest 64 MiB may be counted later.
 *
 * A cancelled move fails with ECANCELED. The result of the call at the end is ignored: nothing is
 * left to cancel.
 *
 * A callback may call every function of this library, even one that moves pages. It must return:
 * no C++ exception may leave it, and it must not call longjmp(3) or pthread_exit(3), because
 * helper threads use the stack of the calling thread meanwhile. For the same reason, the calling
 * thread cannot be cancelled during a move, and a callback must not change that with
 * pthread_setcancelstate(3): a pthread_cancel(3) takes effect at the first cancellation point
 * after the move.
 */
typedef int (*numars_move_progress)(const struct numars_move_stats *so_far, void *arg);

/**
 * Options of a move, to be initialized with NUMARS_MOVE_OPTIONS_INIT. NULL stands for these
 * defaults.
 */
struct numars_move_options {
  /**
   * the size of this structure in bytes. Programs and libraries of different versions work
   * together: fields that the program's structure lacks have their defaults, and a larger one is
   * accepted if its further bytes are 0 (otherwise E2BIG). A size below that of numars 1.0 is
   * EINVAL
   */
  size_t size;
  /**
   * MPOL_MF_MOVE (also if 0), or MPOL_MF_MOVE_ALL to move pages that are mapped more than once
   * too (needs CAP_SYS_NICE)
   */
  int flags;
  /**
   * threads that move pages at the same time, the calling one included; 0: half as many as the
   * CPUs that the calling thread may run on, at least one and at most four. Never more than
   * these CPUs, and fewer for requests of less than 512 base pages for each thread. Helper
   * threads block all signals but those of libc, and have ended when the call returns
   */
  unsigned int threads;
  /**
   * how often busy pages are retried
   */
  unsigned int retries;
  /**
   * target for the longest call of move_pages(2) in microseconds; 0: none. The number of pages
   * per call adapts to the duration of previous calls, down to one page, which may be a huge
   * page. A page that is being moved is inaccessible, so that a thread that touches it waits for
   * the call at most. Only the CPU time of a call counts: before it moves pages, it sleeps until
   * other CPUs have run, and no page is inaccessible meanwhile
   */
  unsigned int max_pause_us;
  /**
   * milliseconds after which the move ends with ETIMEDOUT; 0: none. Checked, as cancel, before
   * each call that moves pages
   */
  unsigned int timeout_ms;
  /**
   * 0
   */
  unsigned int reserved;
  /**
   * address of an int or a volatile sig_atomic_t that another thread, a signal handler or the
   * callback sets to another value than 0 to end the move with ECANCELED; NULL: none
   */
  const volatile int *cancel;
  /**
   * bytes that are moved per second at most, on average from the start to the beginning of any
   * call of the kernel; 0: unlimited. A huge page of a list counts with its size; before Linux
   * 6.7, the sizes of pages of a list are estimated as for the callback
   */
  uint64_t max_bytes_per_second;
  /**
   * progress callback, or NULL
   */
  numars_move_progress progress;
  /**
   * passed to progress
   */
  void *progress_arg;
  /**
   * receives the pages that were moved to each node, as moved counts them; NULL: not wanted.
   * The elements are first set to 0. They are accurate when the move ends, also if it fails; the
   * callback sees those of earlier batches
   */
  unsigned long *moved_per_node;
  /**
   * number of elements of moved_per_node; pages that move to other nodes are not counted there
   */
  size_t n_nodes;
};

/**
 * Where numars_place_range() and numars_place_process() place pages, to be initialized with
 * NUMARS_PLACEMENT_INIT.
 */
struct numars_placement {
  /**
   * the size of this structure in bytes: see numars_move_options
   */
  size_t size;
  /**
   * one of enum numars_place_mode
   */
  int mode;
  /**
   * 0 or NUMARS_PLACE_SET_POLICY
   */
  unsigned int flags;
  /**
   * the nodes, at least one; each exists, has memory (otherwise ENODEV) and is in the cpuset of
   * the process (otherwise EACCES)
   */
  const struct bitmask *nodes;
  /**
   * the weights of the nodes by their numbers, 1 to 255 for each of nodes, for
   * NUMARS_PLACE_WEIGHTED and NUMARS_PLACE_BALANCE; NULL: the kernel's weights
   * (numars_node_weight()) for the former, equal ones for the latter
   */
  const unsigned char *weights;
  /**
   * number of weights; nodes without one have the weight 1
   */
  size_t n_weights;
};

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Return the version of the loaded library.
 *
 * @return a static string such as "0.1.0"
 *
 * Changes nothing. Thread-safe. Async-signal-safe.
 */
const char *numars_version(void);

/**
 * Return the version of the loaded library as a number: major * 10000 + minor * 100 + patch.
 *
 * @return NUMARS_VERSION of the headers of that release
 *
 * Changes nothing. Thread-safe. Async-signal-safe.
 */
int numars_version_number(void);

/**
 * Restrict the calling thread to the CPUs (sched_setaffinity(2)) and the memory (MPOL_BIND) of the
 * given nodes, or fail without changing anything.
 *
 * Pages that are already allocated stay where they are.
 *
 * @param nodes  the nodes
 * @return 0, or -1 with errno: EINVAL (the thread may use none of their CPUs; no node is allowed
 *         and has memory), ENOMEM (no kernel memory)
 *
 * Acts on the calling thread. Thread-safe. Async-signal-safe.
 *
 * Like numa_bind(), but prints nothing and never ends the program.
 */
int numars_bind(const struct bitmask *nodes);

/**
 * Restrict the calling thread's allocations to the given nodes (MPOL_BIND).
 *
 * @param nodemask  the nodes, at least one that is allowed and has memory
 * @return 0, or -1 with errno: EINVAL (no node is allowed and has memory), ENOMEM (no kernel
 *         memory)
 *
 * Acts on the calling thread. Thread-safe. Async-signal-safe.
 *
 * Like numa_set_membind(), but prints nothing and never ends the program.
 */
int numars_set_membind(const struct bitmask *nodemask);

/**
 * Restrict the calling thread's allocations to the given nodes, and let NUMA balancing move pages
 * between these (MPOL_BIND with MPOL_F_NUMA_BALANCING, Linux 5.12).
 *
 * @param nodemask  the nodes, at least one that is allowed and has memory
 * @return 0; 1 on an older kernel, if allocations are restricted without balancing; -1 with errno:
 *         EINVAL (no node is allowed and has memory), ENOMEM (no kernel memory)
 *
 * Acts on the calling thread. Thread-safe. Async-signal-safe.
 *
 * Like numa_set_membind_balancing(), but prints nothing and never ends the program.
 */
int numars_set_membind_balancing(const struct bitmask *nodemask);

/**
 * Interleave the calling thread's allocations page by page over the given nodes (MPOL_INTERLEAVE).
 *
 * @param nodemask  the nodes; if it is empty, the default policy is set (MPOL_DEFAULT)
 * @return 0, or -1 with errno: EINVAL (no node is allowed and has memory), ENOMEM (no kernel
 *         memory)
 *
 * Acts on the calling thread. Thread-safe. Async-signal-safe.
 *
 * Like numa_set_interleave_mask(), but prints nothing and never ends the program.
 */
int numars_set_interleave_mask(const struct bitmask *nodemask);

/**
 * Interleave the calling thread's allocations by weight (MPOL_WEIGHTED_INTERLEAVE, Linux 6.9).
 *
 * @param nodemask  the nodes; if it is empty, the default policy is set (MPOL_DEFAULT)
 * @return 0, or -1 with errno: EINVAL (no node is allowed and has memory; an older kernel), ENOMEM
 *         (no kernel memory)
 *
 * Acts on the calling thread. Thread-safe. Async-signal-safe.
 *
 * Like numa_set_weighted_interleave_mask(), but prints nothing and never ends the program.
 */
int numars_set_weighted_interleave_mask(const struct bitmask *nodemask);

/**
 * Prefer one node for the calling thread's allocations (MPOL_PREFERRED).
 *
 * @param node  the node; any negative number sets local allocation (MPOL_LOCAL)
 * @return 0, or -1 with errno: EINVAL (the node is not allowed or has no memory), ENOMEM (no
 *         kernel memory)
 *
 * Acts on the calling thread. Thread-safe. Async-signal-safe.
 *
 * Like numa_set_preferred(), but prints nothing and never ends the program.
 */
int numars_set_preferred(int node);

/**
 * Prefer several nodes for the calling thread's allocations (MPOL_PREFERRED_MANY, Linux 5.15).
 *
 * @param nodemask  the nodes, at least one that is allowed and has memory
 * @return 0; 1 on an older kernel, if the first of the nodes is preferred (MPOL_PREFERRED); -1
 *         with errno: EINVAL (no node is allowed and has memory), ENOMEM (no kernel memory)
 *
 * Acts on the calling thread. Thread-safe. Async-signal-safe.
 *
 * Like numa_set_preferred_many(), but prints nothing and never ends the program.
 */
int numars_set_preferred_many(const struct bitmask *nodemask);

/**
 * Allocate the calling thread's pages on the node of the CPU that it runs on (MPOL_LOCAL).
 *
 * @return 0, or -1 with errno: ENOSYS (a kernel without NUMA), EPERM (forbidden, as in some
 *         containers), ENOMEM (no kernel memory)
 *
 * Acts on the calling thread. Thread-safe. Async-signal-safe.
 *
 * Like numa_set_localalloc(), but prints nothing and never ends the program.
 */
int numars_set_localalloc(void);

/**
 * Interleave a range of memory page by page over the given nodes (MPOL_INTERLEAVE).
 *
 * The policy applies to pages that are allocated from now on. Pages that are already on other
 * nodes stay there; after numa_set_strict() of a value other than 0, they make the call fail with
 * EIO.
 *
 * @param start     the first byte, at the start of a page
 * @param size      bytes, rounded up to whole pages
 * @param nodemask  the nodes
 * @return 0, or -1 with errno: EINVAL (a bad range; no node is allowed and has memory), EFAULT (a
 *         part of the range is not mapped), EIO (pages are on other nodes, see numa_set_strict()),
 *         ENOMEM (no kernel memory)
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
 *
 * Like numa_interleave_memory(), but prints nothing and never ends the program.
 */
int numars_interleave_memory(void *start, size_t size, const struct bitmask *nodemask);

/**
 * Interleave a range of memory by weight over the given nodes (MPOL_WEIGHTED_INTERLEAVE, Linux
 * 6.9).
 *
 * The policy applies to pages that are allocated from now on; for others, see
 * numars_interleave_memory().
 *
 * @param start     the first byte, at the start of a page
 * @param size      bytes, rounded up to whole pages
 * @param nodemask  the nodes
 * @return 0, or -1 with errno: EINVAL (a bad range; no node is allowed and has memory; an older
 *         kernel), EFAULT (a part of the range is not mapped), EIO (pages are on other nodes, see
 *         numa_set_strict()), ENOMEM (no kernel memory)
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
 *
 * Like numa_weighted_interleave_memory(), but prints nothing and never ends the program.
 */
int numars_weighted_interleave_memory(void *start, size_t size, const struct bitmask *nodemask);

/**
 * Bind a range of memory to one node (MPOL_BIND).
 *
 * The policy applies to pages that are allocated from now on; for others, see
 * numars_interleave_memory(). After numa_set_bind_policy(0), other nodes are used when the node is
 * full (MPOL_PREFERRED_MANY, before Linux 5.15 MPOL_PREFERRED).
 *
 * @param start  the first byte, at the start of a page
 * @param size   bytes, rounded up to whole pages
 * @param node   the node
 * @return 0, or -1 with errno: EINVAL (a bad range; the node is not allowed or has no memory),
 *         EFAULT (a part of the range is not mapped), EIO (pages are on other nodes, see
 *         numa_set_strict()), ENOMEM (no kernel memory)
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
 *
 * Like numa_tonode_memory(), but prints nothing and never ends the program.
 */
int numars_tonode_memory(void *start, size_t size, int node);

/**
 * Bind a range of memory to the given nodes (MPOL_BIND).
 *
 * The policy applies to pages that are allocated from now on; for others, see
 * numars_interleave_memory(). After numa_set_bind_policy(0), other nodes are used when these are
 * full (MPOL_PREFERRED_MANY, before Linux 5.15 MPOL_PREFERRED with the first of them).
 *
 * @param start     the first byte, at the start of a page
 * @param size      bytes, rounded up to whole pages
 * @param nodemask  the nodes
 * @return 0; 1 if MPOL_PREFERRED was set because the kernel is older; -1 with errno: EINVAL (a bad
 *         range; no node is allowed and has memory), EFAULT (a part of the range is not mapped),
 *         EIO (pages are on other nodes, see numa_set_strict()), ENOMEM (no kernel memory)
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
 *
 * Like numa_tonodemask_memory(), but prints nothing and never ends the program.
 */
int numars_tonodemask_memory(void *start, size_t size, const struct bitmask *nodemask);

/**
 * Allocate each page of a range of memory on the node of the CPU that touches it first
 * (MPOL_LOCAL).
 *
 * The policy applies to pages that are allocated from now on; for others, see
 * numars_interleave_memory().
 *
 * @param start  the first byte, at the start of a page
 * @param size   bytes, rounded up to whole pages
 * @return 0, or -1 with errno: EINVAL (a bad range), EFAULT (a part of the range is not mapped),
 *         EIO (pages are on other nodes, see numa_set_strict()), ENOMEM (no kernel memory)
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
 *
 * Like numa_setlocal_memory(), but prints nothing and never ends the program.
 */
int numars_setlocal_memory(void *start, size_t size);

/**
 * Allocate memory on one node (MPOL_PREFERRED, or MPOL_BIND with NUMARS_ALLOC_NO_FALLBACK), or
 * fail without a message.
 *
 * Without flags, pages are allocated when they are first touched, and on other nodes when the node
 * is full.
 *
 * - NUMARS_ALLOC_NO_FALLBACK: pages are only allocated on the node, later ones too. Touching a
 *   page when the node is full may start the kernel's OOM killer.
 * - NUMARS_ALLOC_POPULATE: all pages are allocated when the call returns; with
 *   NUMARS_ALLOC_NO_FALLBACK, on the node, as with NUMARS_ALLOC_STRICT.
 * - NUMARS_ALLOC_STRICT: all pages are allocated and on the node when the call returns. If the
 *   node has no room for all of them, the call fails with ENOMEM, without starting the OOM killer,
 *   unless the memory of all nodes together is too small.
 * - NUMARS_ALLOC_HUGE_PAGES: the address is a multiple of the size of a transparent huge page, and
 *   such pages are requested (MADV_HUGEPAGE). If the kernel has none, base pages are used.
 *
 * numa_set_strict(), numa_set_bind_policy(), numa_fail_alloc_on_error and numa_exit_on_error have
 * no effect.
 *
 * @param size   bytes, rounded up to whole pages
 * @param node   the node
 * @param flags  0, or flags combined with |
 * @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0;
 *         unknown flags; the node is not allowed or has no memory), ENOMEM (no address space; not
 *         enough free memory), EPERM or ENOSYS (mbind(2) is forbidden, or move_pages(2), which
 *         checks pages)
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
 *
 * Unlike numa_alloc_onnode(), which binds by default and, on failure, calls numa_error() and returns
 * memory without the policy.
 */
void *numars_alloc_onnode(size_t size,
                          int node,
                          unsigned int flags);

/**
 * Allocate memory on the node of the thread that first touches each page (MPOL_LOCAL), or fail
 * without a message.
 *
 * With NUMARS_ALLOC_NO_FALLBACK or NUMARS_ALLOC_STRICT, it is the node that the calling thread
 * runs on at the start of the call, with the effects that numars_alloc_onnode() describes.
 *
 * @param size   bytes, rounded up to whole pages
 * @param flags  0, or flags of numars_alloc_onnode() combined with |
 * @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0;
 *         unknown flags; NUMARS_ALLOC_NO_FALLBACK or NUMARS_ALLOC_STRICT, and the node of the
 *         thread is not allowed or has no memory), ENOMEM, EPERM, ENOSYS (as
 *         numars_alloc_onnode())
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
 *
 * Unlike numa_alloc_local(), which, on failure, calls numa_error() and returns memory without the
 * policy.
 */
void *numars_alloc_local(size_t size, unsigned int flags);

/**
 * Allocate memory interleaved page by page over the given nodes (MPOL_INTERLEAVE), or fail without
 * a message.
 *
 * When a node is full, the kernel allocates its pages on other nodes, which need not be among the
 * given ones. No policy prevents that, so NUMARS_ALLOC_NO_FALLBACK is not accepted. With
 * NUMARS_ALLOC_STRICT, every page is on one of the given nodes when the call returns; how many
 * pages each of them has depends on their free memory.
 *
 * @param size   bytes, rounded up to whole pages
 * @param nodes  the nodes; those that are not allowed or have no memory are ignored
 * @param flags  0, or flags of numars_alloc_onnode() combined with |
 * @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0;
 *         unknown flags; NUMARS_ALLOC_NO_FALLBACK; no node is allowed and has memory), ENOMEM,
 *         EPERM, ENOSYS (as numars_alloc_onnode())
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
 *
 * Unlike numa_alloc_interleaved_subset(), which, on failure, calls numa_error() and returns memory
 * without the policy.
 */
void *numars_alloc_interleaved(size_t size, const struct bitmask *nodes, unsigned int flags);

/**
 * Allocate memory interleaved by weight over the given nodes (MPOL_WEIGHTED_INTERLEAVE, Linux
 * 6.9), or fail without a message.
 *
 * The weights are in /sys/kernel/mm/mempolicy/weighted_interleave. Otherwise like
 * numars_alloc_interleaved().
 *
 * @param size   bytes, rounded up to whole pages
 * @param nodes  the nodes; those that are not allowed or have no memory are ignored
 * @param flags  0, or flags of numars_alloc_onnode() combined with |
 * @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (an older
 *         kernel; and as numars_alloc_interleaved()), ENOMEM, EPERM, ENOSYS (as
 *         numars_alloc_onnode())
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
 *
 * Unlike numa_alloc_weighted_interleaved_subset(), which, on failure, calls numa_error() and returns
 * memory without the policy.
 */
void *numars_alloc_weighted(size_t size,
                            const struct bitmask *nodes,
                            unsigned int flags);

/**
 * Parse a list of nodes that the program may use, and say where and why it is rejected.
 *
 * The syntax is that of numa_parse_nodestring(): numbers, ranges, all, ! before the list, + before
 * indices, and a device, memory tier or kind of nodes as the last element.
 *
 * @param list   the list; empty: no nodes
 * @param nodes  receives the nodes; unchanged on failure
 * @param error  receives the position and the reason of a failure; unchanged on success; NULL: not
 *               wanted
 * @return 0, or -1 with errno: EINVAL (the syntax; list or nodes is NULL, or maskp of nodes; error
 *         is too small), ERANGE (a number that no node of this system can have; an index beyond
 *         the nodes that all stands for; a node beyond the size of nodes), ENODEV (no such node,
 *         or one on which the program may neither allocate nor run; a device whose node is
 *         unknown; no node of this kind), ENOENT (no such device, file, host or memory tier),
 *         E2BIG (error has unknown bytes that are not 0, or more than 4096 bytes)
 *
 * Changes nothing but its outputs. Thread-safe. Async-signal-safe unless the list names a host, which
 * getaddrinfo(3) looks up.
 *
 * Like numa_parse_nodestring(), but prints nothing, allocates nothing, and sets errno.
 */
int numars_parse_nodes(const char *list,
                       struct bitmask *nodes,
                       struct numars_parse_error *error);

/**
 * Parse a list of CPUs that the program may run on, and say where and why it is rejected.
 *
 * The syntax is that of numa_parse_cpustring(): numbers, ranges, all, ! before the list, and +
 * before indices.
 *
 * @param list   the list; empty: no CPUs
 * @param cpus   receives the CPUs; unchanged on failure
 * @param error  receives the position and the reason of a failure; unchanged on success; NULL: not
 *               wanted
 * @return 0, or -1 with errno: EINVAL (the syntax; list or cpus is NULL, or maskp of cpus; error
 *         is too small), ERANGE (a number that no CPU of this system can have; an index beyond the
 *         CPUs that all stands for; a CPU beyond the size of cpus), ENODEV (no such CPU, or one
 *         that the program may not run on), E2BIG (as numars_parse_nodes())
 *
 * Changes nothing but its outputs. Thread-safe. Async-signal-safe.
 *
 * Like numa_parse_cpustring(), but prints nothing, allocates nothing, and sets errno.
 */
int numars_parse_cpus(const char *list, struct bitmask *cpus, struct numars_parse_error *error);

/**
 * Format a set of nodes or CPUs as the kernel does, such as "0-3,8".
 *
 * @param set     the set; the empty set gives an empty string
 * @param buffer  receives the string, which is cut off if it does not fit, and always ends with a
 *                NUL; NULL if size is 0
 * @param size    bytes of buffer; 0: only the length is returned
 * @return the length of the whole string without the NUL, as snprintf(3); -1 with errno: EINVAL
 *         (buffer is NULL, and size is not 0), EOVERFLOW (the length exceeds INT_MAX; buffer is
 *         filled)
 *
 * Changes nothing but its outputs. Thread-safe. Async-signal-safe.
 */
int numars_format_nodes(const struct bitmask *set, char *buffer, size_t size);

/**
 * Get an attribute of the memory of a node, as the kernel's files in /sys state it.
 *
 * Bandwidth and latency are those of accesses from an initiator, a node with CPUs or devices. The
 * kernel lists only the initiators that are nearest to a node. The other attributes do not depend
 * on the initiator. Nothing is derived from distances, or from other nodes.
 *
 * Each call reads files, except for a node that does not exist.
 *
 * @param node       the node
 * @param initiator  the node from which the memory is accessed, or -1 for the nearest ones: those
 *                   with CPUs (access1), or if the kernel states nothing for these, any (access0)
 * @param attribute  one of enum numars_attribute
 * @param value      receives the value, in the unit of the attribute; unchanged on failure; may be
 *                   NULL
 * @return 0, or -1 with errno: EINVAL (unknown attribute), ENODEV (no such node or initiator),
 *         ENODATA (neither kernel nor firmware states the attribute; the kernel does not list the
 *         initiator for this node), or that of open(2), such as EMFILE
 *
 * Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
 */
int numars_node_attribute(int node, int initiator, int attribute, uint64_t *value);

/**
 * Get the nodes whose memory has the best value of an attribute: the lowest latency, or the highest
 * value of any other attribute.
 *
 * Nodes for which the kernel states no value do not count. Each call reads files.
 *
 * @param initiator  the node from which the memory is accessed: only nodes count for which the
 *                   kernel lists it as one of the nearest initiators (access1, access0); or -1:
 *                   all nodes count, each with the value for its nearest initiators
 * @param attribute  one of enum numars_attribute
 * @param nodes      receives the nodes, several if they have the same value; unchanged on failure;
 *                   one of numa_allocate_nodemask() is large enough
 * @return 0, or -1 with errno: EINVAL (unknown attribute), ENODEV (no such initiator), ENODATA
 *         (the kernel states no value for any of the nodes), ERANGE (nodes is NULL or too small),
 *         or that of open(2), such as EMFILE
 *
 * Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
 */
int numars_best_nodes(int initiator, int attribute, struct bitmask *nodes);

/**
 * Return the memory tier of a node. A tier with a smaller number is faster.
 *
 * The kernel forms tiers by what the firmware states about bandwidth and latency. All nodes in one
 * tier is common: the firmware states nothing (no HMAT, no CDAT), or the kernel does not use it for
 * tiers (6.12 does, 6.1 does not). Each call reads files.
 *
 * @param node  the node
 * @return the tier; ordinary memory is in tier 4; -1 with errno: ENODEV (no such node), ENODATA
 *         (the kernel has no tiers, as before Linux 6.1; the node has no memory), or that of
 *         open(2), such as EMFILE
 *
 * Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
 */
int numars_node_tier(int node);

/**
 * Get the nodes of a memory tier.
 *
 * Each call reads files.
 *
 * @param tier   the tier
 * @param nodes  receives the nodes; unchanged on failure; one of numa_allocate_nodemask() is large
 *               enough
 * @return 0, or -1 with errno: ENODATA (the kernel lists no such tier), ERANGE (nodes is NULL or
 *         too small), or that of open(2), such as EMFILE
 *
 * Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
 */
int numars_tier_nodes(int tier, struct bitmask *nodes);

/**
 * List the memory tiers that have nodes, in ascending order: the fastest first.
 *
 * Each call reads files.
 *
 * @param tiers  receives up to n tiers; may be NULL if n is 0
 * @param n      the number of tiers for which there is room
 * @return how many tiers there are, which may be more than n; -1 with errno: EINVAL (n is
 *         negative), EFAULT (tiers is NULL and n is not 0), ENODATA (the kernel has no tiers, as
 *         before Linux 6.1), or that of open(2), such as EMFILE
 *
 * Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
 */
int numars_tiers(int *tiers, int n);

/**
 * Return the weight of a node for weighted interleaving (MPOL_WEIGHTED_INTERLEAVE): how many pages
 * in a row are allocated on it.
 *
 * Since Linux 6.16, the kernel derives the weights from the bandwidths of the nodes until one is
 * set. Each call reads a file, /sys/kernel/mm/mempolicy/weighted_interleave/nodeN.
 *
 * @param node  the node
 * @return the weight, 1 to 255; -1 with errno: ENODEV (no such node), ENODATA (the kernel has no
 *         weight for it, as before Linux 6.9), or that of open(2), such as EMFILE
 *
 * Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
 */
int numars_node_weight(int node);

/**
 * Set the weight of a node for weighted interleaving (MPOL_WEIGHTED_INTERLEAVE), for all processes.
 *
 * Allocations from now on use it; pages that are allocated stay where they are. Since Linux 6.16,
 * setting one weight keeps the kernel from deriving any of them from bandwidths, until 1 is
 * written to /sys/kernel/mm/mempolicy/weighted_interleave/auto. Each call writes a file, which
 * only root may do.
 *
 * @param node    the node
 * @param weight  the weight, 1 to 255
 * @return 0, or -1 with errno: EINVAL (another weight), ENODEV (no such node), EOPNOTSUPP (the
 *         kernel has no weight for it, as before Linux 6.9), EROFS (/sys is mounted read-only, as
 *         in containers; or the environment variable NUMARS_FSROOT names another machine's files),
 *         EACCES (no permission), or another one of open(2) or write(2)
 *
 * Acts on the whole machine. Thread-safe. Async-signal-safe.
 */
int numars_set_node_weight(int node, unsigned int weight);

/**
 * Return what a node has: CPUs, memory, memory of a dax device.
 *
 * CPUs and memory are those of the last time the machine was read: see numa_node_to_cpu_update().
 * Each call reads files about dax devices.
 *
 * @param node  the node
 * @return a set of the flags NUMARS_NODE_HAS_CPUS, NUMARS_NODE_HAS_MEMORY and NUMARS_NODE_DAX,
 *         which may be 0; -1 with errno: ENODEV (no such node), ENODATA (its CPUs could not be
 *         read), or that of open(2), such as EMFILE
 *
 * Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
 */
int numars_node_kind(int node);

/**
 * Move single pages of a process to nodes, or query the nodes they are on, with statistics.
 *
 * The kernel is first asked where the pages are. Those that have to move are moved in batches, one
 * for each target; busy pages are retried, and unmovable pages do not end the call. If a page is
 * named more than once, it ends on the last target.
 *
 * @param pid      the process; 0: the calling process
 * @param count    the number of entries of pages, nodes and status
 * @param pages    an address in each page
 * @param nodes    the target node of each page; NULL: query only
 * @param status   receives for each page the node that it is on, or a negative errno: see the
 *                 fields of struct numars_move_stats; NULL: not wanted
 * @param options  options; NULL: NUMARS_MOVE_OPTIONS_INIT
 * @param stats    receives the statistics in entries; NULL: not wanted
 * @return the number of entries whose page is present and not on its target, 0 on full success; -1
 *         with errno: EACCES (a node outside the process's cpuset), ECANCELED (progress or cancel
 *         ended the move), E2BIG (options or stats with unknown bytes that are not 0, or larger
 *         than 4096 bytes), EFAULT (an array is not mapped), EINVAL (unknown flags; options or
 *         stats are too small; reserved is not 0; cancel or moved_per_node is not aligned; a
 *         kernel thread), ENODEV (no such node, or one without memory), ENOMEM (a target is full;
 *         no scratch memory), EPERM (another user's process; MPOL_MF_MOVE_ALL without
 *         CAP_SYS_NICE), ESRCH (no such process), ETIMEDOUT (timeout_ms is over). Statuses and
 *         statistics are correct then too, as far as the arrays are mapped. After ECANCELED and
 *         ETIMEDOUT, statuses of entries that were not looked at are not written, and a page that
 *         several entries name may have moved on after the status of the first one was written
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
 * one thread; with more, pthread_create(3) is called.
 *
 * Follows move_pages(2), except as stated above.
 */
long numars_move_pages(pid_t pid,
                       unsigned long count,
                       void *const *pages,
                       const int *nodes,
                       int *status,
                       const struct numars_move_options *options,
                       struct numars_move_stats *stats);

/**
 * Move the pages of a range of memory to one node.
 *
 * Every page that the range touches is moved as a whole. Unmapped parts, and pages that were never
 * touched, are skipped.
 *
 * @param pid      the process; 0: the calling process
 * @param start    the first byte, anywhere in its page
 * @param length   bytes, up to the whole address space; 0: nothing is moved
 * @param node     the target node
 * @param options  options; NULL: NUMARS_MOVE_OPTIONS_INIT
 * @param stats    receives the statistics in base pages; NULL: not wanted
 * @return the number of base pages that are present and not on the node, 0 on full success; -1
 *         with errno as numars_move_pages(), and: EINVAL (the range exceeds the address space),
 *         ENOENT (more than 64 GiB, and /proc cannot be read or does not show the process), ESRCH
 *         (the process ended, or, if its /proc/PID/maps can be read, executed another program), or
 *         that of read(2) if /proc/PID/maps can be read only in part
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
 * one thread; with more, pthread_create(3) is called.
 */
long numars_move_range(pid_t pid,
                       void *start,
                       size_t length,
                       int node,
                       const struct numars_move_options *options,
                       struct numars_move_stats *stats);

/**
 * Move the pages of a process from some nodes to others, like migrate_pages(2), with progress and
 * statistics.
 *
 * Pages of the i-th node of from move to the i-th node of to; if to has fewer nodes, these are
 * used again from the first on. If the numbers of nodes differ, pages on nodes that are in both
 * masks stay. The process may continue meanwhile, map and unmap memory, fork, execute another
 * program, whose pages are moved then, and end.
 *
 * @param pid      the process; 0: the calling process
 * @param from     the nodes to empty; NULL: the empty mask
 * @param to       the nodes to move to
 * @param options  options; NULL: NUMARS_MOVE_OPTIONS_INIT
 * @param stats    receives the statistics in base pages that were on nodes of from; NULL: not
 *                 wanted
 * @return the number of base pages that should have moved and are still on nodes of from, 0 on
 *         full success; -1 with errno as numars_move_pages(), and: EINVAL (to is empty), ENOENT
 *         (/proc cannot be read or does not show the process), EOVERFLOW (a process with addresses
 *         that this 32-bit program cannot hold), ESRCH only if there is no such process or it
 *         ended before any page on nodes of from was looked at, EAGAIN (it executed another
 *         program 16 times), or that of read(2) if /proc/PID/maps can be read only in part
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
 * one thread; with more, pthread_create(3) is called.
 *
 * Follows migrate_pages(2), except as stated above.
 */
long numars_move_process(pid_t pid,
                         const struct bitmask *from,
                         const struct bitmask *to,
                         const struct numars_move_options *options,
                         struct numars_move_stats *stats);

/**
 * Count the base pages of a range of memory by the node they are on.
 *
 * @param pid       the process; 0: the calling process
 * @param start     the first byte, anywhere in its page
 * @param length    bytes, up to the whole address space
 * @param per_node  receives the number of base pages on each node; NULL: not wanted
 * @param n_nodes   the number of elements of per_node; pages on other nodes count only in the
 *                  result
 * @return the number of base pages that are present; -1 with errno: EINVAL (the range exceeds the
 *         address space), ENOENT (more than 64 GiB, and /proc cannot be read or does not show the
 *         process), ENOMEM (no scratch memory), EPERM (another user's process), ESRCH (no such
 *         process; it ended, or, if its /proc/PID/maps can be read, executed another program), or
 *         that of read(2) if /proc/PID/maps can be read only in part
 *
 * Counts the memory of the whole process. Thread-safe. Async-signal-safe.
 */
long numars_count_pages(pid_t pid,
                        const void *start,
                        size_t length,
                        unsigned long *per_node,
                        size_t n_nodes);

/**
 * Place the pages of a range of memory on several nodes.
 *
 * Every page that the range touches is placed as a whole. Unmapped parts, and pages that were never
 * touched, are skipped; pages in place stay.
 *
 * @param pid        the process; 0: the calling process
 * @param start      the first byte, anywhere in its page
 * @param length     bytes, up to the whole address space; 0: nothing is moved
 * @param placement  the nodes, and how to distribute the pages
 * @param options    options; NULL: NUMARS_MOVE_OPTIONS_INIT
 * @param stats      receives the statistics in base pages; NULL: not wanted
 * @return the number of base pages that are present and not where the placement puts them, 0 on
 *         full success; -1 with errno as numars_move_range(), and: EINVAL (placement is NULL or too
 *         small; an unknown mode or flag; no nodes; weights that are 0, or that the mode or
 *         NUMARS_PLACE_SET_POLICY does not take; NUMARS_PLACE_SET_POLICY for another process),
 *         E2BIG (placement has unknown bytes that are not 0), ENODATA (the weights are the kernel's,
 *         and it has none: before Linux 6.9), ENOMEM (all nodes are full with NUMARS_PLACE_PACK,
 *         one of them with the other modes; no scratch memory), or that of mbind(2) if the policy
 *         cannot be set, before anything is moved
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
 * one thread; with more, pthread_create(3) is called.
 */
long numars_place_range(pid_t pid,
                        void *start,
                        size_t length,
                        const struct numars_placement *placement,
                        const struct numars_move_options *options,
                        struct numars_move_stats *stats);

/**
 * Place the pages of a process on several nodes.
 *
 * As numars_place_range() for all its memory. The process may continue meanwhile, map and unmap
 * memory, fork, execute another program, whose pages are placed then, and end.
 *
 * @param pid        the process; 0: the calling process
 * @param placement  the nodes, and how to distribute the pages. NUMARS_PLACE_SET_POLICY sets the
 *                   policy of memory that is mapped already and maps no file, shared memory
 *                   included: the policy of a file in memory (tmpfs) applies to all processes that
 *                   map it. For such memory, call numars_place_range()
 * @param options    options; NULL: NUMARS_MOVE_OPTIONS_INIT
 * @param stats      receives the statistics in base pages; NULL: not wanted
 * @return the number of base pages that are present and not where the placement puts them, 0 on
 *         full success; -1 with errno as numars_place_range() and numars_move_process()
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
 * one thread; with more, pthread_create(3) is called.
 */
long numars_place_process(pid_t pid,
                          const struct numars_placement *placement,
                          const struct numars_move_options *options,
                          struct numars_move_stats *stats);

/**
 * Move the pages of a range of memory to the next slower memory tier.
 *
 * Each page moves to the nearest node of the tier with the next higher number; if that node is full
 * or not in the cpuset of the process, to the next one. Pages of the slowest tier, and on nodes in
 * no tier, are in place. To reach the slowest tier at once, pass its nodes, from
 * numars_tier_nodes(), to numars_place_range() with NUMARS_PLACE_PACK.
 *
 * @param pid      the process; 0: the calling process
 * @param start    the first byte, anywhere in its page
 * @param length   bytes, up to the whole address space; 0: nothing is moved
 * @param options  options; NULL: NUMARS_MOVE_OPTIONS_INIT
 * @param stats    receives the statistics in base pages; NULL: not wanted
 * @return the number of base pages that are present and not in the next tier, 0 on full success; -1
 *         with errno as numars_move_range(), and: ENODATA (the kernel lists fewer than two tiers:
 *         before Linux 6.1, or if the firmware does not describe the memory), EACCES (no node of
 *         the tier is in the cpuset), ENOMEM (all nodes of the tier are full; no scratch memory),
 *         or that of open(2), such as EMFILE
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
 * one thread; with more, pthread_create(3) is called. Reads the files of the tiers at each call.
 */
long numars_demote_range(pid_t pid,
                         void *start,
                         size_t length,
                         const struct numars_move_options *options,
                         struct numars_move_stats *stats);

/**
 * Move the pages of a range of memory to the next faster memory tier.
 *
 * As numars_demote_range(), to the tier with the next lower number.
 *
 * @param pid      the process; 0: the calling process
 * @param start    the first byte, anywhere in its page
 * @param length   bytes, up to the whole address space; 0: nothing is moved
 * @param options  options; NULL: NUMARS_MOVE_OPTIONS_INIT
 * @param stats    receives the statistics in base pages; NULL: not wanted
 * @return the number of base pages that are present and not in the next tier, 0 on full success; -1
 *         with errno as numars_demote_range()
 *
 * Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
 * one thread; with more, pthread_create(3) is called. Reads the files of the tiers at each call.
 */
long numars_promote_range(pid_t pid,
                          void *start,
                          size_t length,
                          const struct numars_move_options *options,
                          struct numars_move_stats *stats);

/**
 * Describe the status of a page, as move_pages(2) and the calls that move or query pages store it.
 *
 * - 0 and more: "on node"; the status is the number of the node
 * - -ENOENT: not present (never touched, or swapped out)
 * - -EFAULT: not mapped, the zero page, or memory that cannot move
 * - -EACCES: mapped more than once without MPOL_MF_MOVE_ALL, or target node not allowed
 * - -EBUSY: in use (under writeback, or pinned by a device or the kernel)
 * - -ENOMEM: the target node is full
 * - -ENODEV: no such target node, or one without memory
 * - -EINVAL: dirty, and the file system can neither move nor write the page
 * - -EIO: the page could not be written back
 * - -EPERM: no permission to move the page
 * - any other number: "unknown status"
 *
 * @param status  the status
 * @return a static string in English; the texts of negative statuses may change
 *
 * Changes nothing. Thread-safe. Async-signal-safe.
 */
const char *numars_status_string(int status);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif  /* NUMARS_H */

//! Placing memory on several nodes and in memory tiers: part of numars.h.

use crate::mask::{bitmask, read};
use crate::numars_move::{move_with, numars_move_options, numars_move_stats};
use crate::sized::{self, SizedStruct, assert_no_padding};
use crate::trace::{Call, call};
use core::ffi::{c_int, c_long, c_uchar, c_uint, c_void};
use core::ptr::null;
use core::slice;
use libc::pid_t;
use numars::for_c::migrate::{self, MoveOptions, MoveReport, PlacementMode, PlacementRequest, Progress};
use numars::for_c::nodeset::MAX_NUMNODES;
use numars::for_c::sys::errno;
use numars::{Errno, TierMove};

/// How numars_place_range() and numars_place_process() distribute pages: the mode of struct
/// numars_placement.
#[repr(C)]
#[allow(non_camel_case_types, reason = "C's name")]
pub enum numars_place_mode {
    /// fill the nodes in numerical order, and continue with the next one when one is full. Pages on
    /// a node before that one stay. ENOMEM only if all are full
    NUMARS_PLACE_PACK = 0,
    /// page by page, huge page by huge page, as MPOL_INTERLEAVE allocates them: the page number in a
    /// file, or of the address for private anonymous memory, modulo the number of nodes; hugetlb
    /// pages count as those of a file that begins where their mapping does. For shared memory and
    /// memory that was moved by mremap(2), the kernel begins with another node
    NUMARS_PLACE_INTERLEAVE = 1,
    /// as MPOL_WEIGHTED_INTERLEAVE: with as many pages in a row on each node as its weight says
    NUMARS_PLACE_WEIGHTED = 2,
    /// move as few pages as possible, until each node holds its share: an equal one, or one by the
    /// weights. Pages on other nodes all move
    NUMARS_PLACE_BALANCE = 3,
}

/// Flag of struct numars_placement: set the policy of the memory too, with mbind(2), so that pages
/// that are allocated later follow, and automatic NUMA balancing leaves them alone. MPOL_BIND for
/// NUMARS_PLACE_PACK, MPOL_INTERLEAVE for NUMARS_PLACE_INTERLEAVE and NUMARS_PLACE_BALANCE,
/// MPOL_WEIGHTED_INTERLEAVE for NUMARS_PLACE_WEIGHTED. Of the calling process only, and not with
/// weights, because the kernel knows its own weights only: set these with numars_set_node_weight()
/// and pass NULL, or place without this flag.
pub const NUMARS_PLACE_SET_POLICY: c_uint = 1 << 0;

/// Where numars_place_range() and numars_place_process() place pages, to be initialized with
/// NUMARS_PLACEMENT_INIT.
#[repr(C)]
#[allow(non_camel_case_types, reason = "C's name")]
#[derive(Clone, Copy)]
pub struct numars_placement {
    /// the size of this structure in bytes: see numars_move_options
    pub size: usize,
    /// one of enum numars_place_mode
    pub mode: c_int,
    /// 0 or NUMARS_PLACE_SET_POLICY
    pub flags: c_uint,
    /// the nodes, at least one; each exists, has memory (otherwise ENODEV) and is in the cpuset of
    /// the process (otherwise EACCES)
    pub nodes: *const bitmask,
    /// the weights of the nodes by their numbers, 1 to 255 for each of nodes, for
    /// NUMARS_PLACE_WEIGHTED and NUMARS_PLACE_BALANCE; NULL: the kernel's weights
    /// (numars_node_weight()) for the former, equal ones for the latter
    pub weights: *const c_uchar,
    /// number of weights; nodes without one have the weight 1
    pub n_weights: usize,
}

assert_no_padding!(numars_placement: size mode flags nodes weights n_weights);

// SAFETY: integers and pointers, which are used as the program documents them, without padding.
unsafe impl SizedStruct for numars_placement {
    const MIN_SIZE: usize = if usize::BITS == 64 { 40 } else { 24 };
}

const _: () = assert!(size_of::<numars_placement>() == numars_placement::MIN_SIZE);

const NO_PLACEMENT: numars_placement =
    numars_placement { size: 0, mode: 0, flags: 0, nodes: null(), weights: null(), n_weights: 0 };

impl numars_placement {
    /// Returns the placement, or EINVAL.
    ///
    /// # Safety
    /// The pointers are NULL or valid, as long as the result is used.
    unsafe fn checked<'a>(&self) -> Result<PlacementRequest<'a>, c_int> {
        let mode = match self.mode {
            mode if mode == numars_place_mode::NUMARS_PLACE_PACK as c_int => PlacementMode::Pack,
            mode if mode == numars_place_mode::NUMARS_PLACE_INTERLEAVE as c_int => PlacementMode::Interleave,
            mode if mode == numars_place_mode::NUMARS_PLACE_WEIGHTED as c_int => PlacementMode::Weighted,
            mode if mode == numars_place_mode::NUMARS_PLACE_BALANCE as c_int => PlacementMode::Balance,
            _ => return Err(errno::EINVAL),
        };
        if self.flags & !NUMARS_PLACE_SET_POLICY != 0 {
            return Err(errno::EINVAL);
        }
        // No node has a higher number.
        let n_weights = self.n_weights.min(MAX_NUMNODES);
        // SAFETY: as the caller promises.
        unsafe {
            Ok(PlacementRequest {
                mode,
                nodes: read(self.nodes),
                weights: (!self.weights.is_null()).then(|| slice::from_raw_parts(self.weights, n_weights)),
                set_policy: self.flags & NUMARS_PLACE_SET_POLICY != 0,
            })
        }
    }
}

/// Returns the caller's placement, or EINVAL or E2BIG.
///
/// # Safety
/// `placement` is NULL or valid, as long as the result is used.
unsafe fn read_placement<'a>(placement: *const numars_placement) -> Result<PlacementRequest<'a>, c_int> {
    if placement.is_null() {
        return Err(errno::EINVAL);
    }
    // SAFETY: as the caller promises.
    unsafe { sized::read(placement, NO_PLACEMENT).and_then(|placement| placement.checked()) }
}

/// Place the pages of a range of memory on several nodes.
///
/// Every page that the range touches is placed as a whole. Unmapped parts, and pages that were never
/// touched, are skipped; pages in place stay.
///
/// @param pid        the process; 0: the calling process
/// @param start      the first byte, anywhere in its page
/// @param length     bytes, up to the whole address space; 0: nothing is moved
/// @param placement  the nodes, and how to distribute the pages
/// @param options    options; NULL: NUMARS_MOVE_OPTIONS_INIT
/// @param stats      receives the statistics in base pages; NULL: not wanted
/// @return the number of base pages that are present and not where the placement puts them, 0 on
///         full success; -1 with errno as numars_move_range(), and: EINVAL (placement is NULL or too
///         small; an unknown mode or flag; no nodes; weights that are 0, or that the mode or
///         NUMARS_PLACE_SET_POLICY does not take; NUMARS_PLACE_SET_POLICY for another process),
///         E2BIG (placement has unknown bytes that are not 0), ENODATA (the weights are the kernel's,
///         and it has none: before Linux 6.9), ENOMEM (all nodes are full with NUMARS_PLACE_PACK,
///         one of them with the other modes; no scratch memory), or that of mbind(2) if the policy
///         cannot be set, before anything is moved
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
/// one thread; with more, pthread_create(3) is called.
///
/// # Safety
/// placement and options are NULL or point to as many bytes as their sizes say, and what they point
/// to is valid; stats is NULL or points to as many bytes as its size says. The progress callback
/// returns, and is called with progress_arg.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_place_range(
    pid: pid_t,
    start: *mut c_void,
    length: usize,
    placement: *const numars_placement,
    options: *const numars_move_options,
    stats: *mut numars_move_stats,
) -> c_long {
    // SAFETY: as the caller promises.
    let mut work = move |options: MoveOptions, progress: Progress| match unsafe { read_placement(placement) } {
        Ok(placement) => migrate::place_range(pid, start as usize, length, placement, options, progress),
        Err(error) => MoveReport::failed(Errno::from_raw(error)),
    };
    call!(let call = numars_place_range(
        pid = int(pid),
        start = address(start),
        length = size(length),
        placement = address(placement.cast()),
        options = address(options.cast()),
        stats = address(stats.cast())
    ));
    // SAFETY: as the caller promises.
    unsafe { move_with(call, options, stats, &mut work) }
}

/// Place the pages of a process on several nodes.
///
/// As numars_place_range() for all its memory. The process may continue meanwhile, map and unmap
/// memory, fork, execute another program, whose pages are placed then, and end.
///
/// @param pid        the process; 0: the calling process
/// @param placement  the nodes, and how to distribute the pages. NUMARS_PLACE_SET_POLICY sets the
///                   policy of memory that is mapped already and maps no file, shared memory
///                   included: the policy of a file in memory (tmpfs) applies to all processes that
///                   map it. For such memory, call numars_place_range()
/// @param options    options; NULL: NUMARS_MOVE_OPTIONS_INIT
/// @param stats      receives the statistics in base pages; NULL: not wanted
/// @return the number of base pages that are present and not where the placement puts them, 0 on
///         full success; -1 with errno as numars_place_range() and numars_move_process()
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
/// one thread; with more, pthread_create(3) is called.
///
/// # Safety
/// As numars_place_range().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_place_process(
    pid: pid_t,
    placement: *const numars_placement,
    options: *const numars_move_options,
    stats: *mut numars_move_stats,
) -> c_long {
    // SAFETY: as the caller promises.
    let mut work = move |options: MoveOptions, progress: Progress| match unsafe { read_placement(placement) } {
        Ok(placement) => migrate::place_process(pid, placement, options, progress),
        Err(error) => MoveReport::failed(Errno::from_raw(error)),
    };
    call!(let call = numars_place_process(
        pid = int(pid),
        placement = address(placement.cast()),
        options = address(options.cast()),
        stats = address(stats.cast())
    ));
    // SAFETY: as the caller promises.
    unsafe { move_with(call, options, stats, &mut work) }
}

/// Move the pages of a range of memory to the next slower memory tier.
///
/// Each page moves to the nearest node of the tier with the next higher number; if that node is full
/// or not in the cpuset of the process, to the next one. Pages of the slowest tier, and on nodes in
/// no tier, are in place. To reach the slowest tier at once, pass its nodes, from
/// numars_tier_nodes(), to numars_place_range() with NUMARS_PLACE_PACK.
///
/// @param pid      the process; 0: the calling process
/// @param start    the first byte, anywhere in its page
/// @param length   bytes, up to the whole address space; 0: nothing is moved
/// @param options  options; NULL: NUMARS_MOVE_OPTIONS_INIT
/// @param stats    receives the statistics in base pages; NULL: not wanted
/// @return the number of base pages that are present and not in the next tier, 0 on full success; -1
///         with errno as numars_move_range(), and: ENODATA (the kernel lists fewer than two tiers:
///         before Linux 6.1, or if the firmware does not describe the memory), EACCES (no node of
///         the tier is in the cpuset), ENOMEM (all nodes of the tier are full; no scratch memory),
///         or that of open(2), such as EMFILE
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
/// one thread; with more, pthread_create(3) is called. Reads the files of the tiers at each call.
///
/// # Safety
/// As numars_move_range().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_demote_range(
    pid: pid_t,
    start: *mut c_void,
    length: usize,
    options: *const numars_move_options,
    stats: *mut numars_move_stats,
) -> c_long {
    call!(let call = numars_demote_range(
        pid = int(pid),
        start = address(start),
        length = size(length),
        options = address(options.cast()),
        stats = address(stats.cast())
    ));
    // SAFETY: as the caller promises.
    unsafe { move_to_tier(call, pid, start, length, TierMove::Demote, options, stats) }
}

/// Move the pages of a range of memory to the next faster memory tier.
///
/// As numars_demote_range(), to the tier with the next lower number.
///
/// @param pid      the process; 0: the calling process
/// @param start    the first byte, anywhere in its page
/// @param length   bytes, up to the whole address space; 0: nothing is moved
/// @param options  options; NULL: NUMARS_MOVE_OPTIONS_INIT
/// @param stats    receives the statistics in base pages; NULL: not wanted
/// @return the number of base pages that are present and not in the next tier, 0 on full success; -1
///         with errno as numars_demote_range()
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
/// one thread; with more, pthread_create(3) is called. Reads the files of the tiers at each call.
///
/// # Safety
/// As numars_move_range().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_promote_range(
    pid: pid_t,
    start: *mut c_void,
    length: usize,
    options: *const numars_move_options,
    stats: *mut numars_move_stats,
) -> c_long {
    call!(let call = numars_promote_range(
        pid = int(pid),
        start = address(start),
        length = size(length),
        options = address(options.cast()),
        stats = address(stats.cast())
    ));
    // SAFETY: as the caller promises.
    unsafe { move_to_tier(call, pid, start, length, TierMove::Promote, options, stats) }
}

/// Moves the pages of a range to another tier.
///
/// # Safety
/// As [`move_with`].
unsafe fn move_to_tier(
    call: Call,
    pid: pid_t,
    start: *mut c_void,
    length: usize,
    direction: TierMove,
    options: *const numars_move_options,
    stats: *mut numars_move_stats,
) -> c_long {
    let mut work = move |options: MoveOptions, progress: Progress| {
        migrate::move_to_tier(pid, start as usize, length, direction, options, progress)
    };
    // SAFETY: as the caller promises.
    unsafe { move_with(call, options, stats, &mut work) }
}

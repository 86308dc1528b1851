//! The functions of libnuma_1.1 that have another form in libnuma_1.2, for programs that were linked with libnuma's first version. No header
//! declares them.
//!
//! Each is exported under the name before `_v1` by build.rs or the Makefile: symbols.tsv lists them.

use super::bitmask::copy_bitmask_to_nodemask;
use super::mask::{NODEMASK_WORDS, bitmask, free, nodemask_t};
use super::{affinity, memory, nodes, parse, policy};
use crate::trace::{Mask, call};
use core::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use numars::for_c::bitmask::WORD_BITS;
use numars::for_c::nodeset::{CpuMask, MAX_CPUS, NodeMask};
use numars::for_c::sys::{errno, kernel};
use numars::for_c::topology::possible_cpus;

/// Defines functions that are exported under their own names unless build.rs gives them versions.
macro_rules! older {
    ($($(#[$attribute:meta])* fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? $body:block)*) => {
        $(
            $(#[$attribute])*
            ///
            /// # Safety
            /// Pointers are NULL or valid.
            #[cfg_attr(any(not(feature = "versioned"), feature = "capi"), unsafe(no_mangle))]
            #[allow(unused_unsafe, reason = "not every body needs it")]
            pub unsafe extern "C" fn $name($($argument: $type),*) $(-> $result)? {
                // SAFETY: as the caller promises; the sets that are made here point to the caller's arguments.
                unsafe { $body }
            }
        )*
    };
}

/// Returns a set with the words of `mask`, which are not written.
fn set_of(mask: *const nodemask_t) -> bitmask {
    words(mask.cast_mut().cast(), NODEMASK_WORDS * WORD_BITS)
}

/// Returns the set of `bits` bits at `maskp`; the empty set if that is NULL.
fn words(maskp: *mut c_ulong, bits: usize) -> bitmask {
    bitmask { size: bits as c_ulong, maskp }
}

/// Returns the nodes of `set`, which is freed.
///
/// # Safety
/// `set` is NULL or came from [`mask::allocate`](super::mask::allocate), and is not used any more.
#[inline(never)]
unsafe fn nodemask_of(set: *mut bitmask) -> nodemask_t {
    let mut mask = nodemask_t { n: [0; NODEMASK_WORDS] };
    // SAFETY: as the caller promises.
    unsafe {
        copy_bitmask_to_nodemask(set, &mut mask);
        free(set);
    }
    mask
}

older! {
    /// numa_bind() of libnuma_1.1.
    fn numa_bind_v1(nodes: *const nodemask_t) {
        policy::numa_bind(&mut set_of(nodes))
    }

    /// numa_set_interleave_mask() of libnuma_1.1.
    fn numa_set_interleave_mask_v1(nodes: *const nodemask_t) {
        policy::numa_set_interleave_mask(&mut set_of(nodes))
    }

    /// numa_get_interleave_mask() of libnuma_1.1.
    fn numa_get_interleave_mask_v1() -> nodemask_t {
        nodemask_of(policy::numa_get_interleave_mask())
    }

    /// numa_set_membind() of libnuma_1.1.
    fn numa_set_membind_v1(nodes: *const nodemask_t) {
        policy::numa_set_membind(&mut set_of(nodes))
    }

    /// numa_get_membind() of libnuma_1.1: the nodes of whatever policy there is.
    fn numa_get_membind_v1() -> nodemask_t {
        nodemask_of(policy::numa_preferred_many())
    }

    /// numa_alloc_interleaved_subset() of libnuma_1.1.
    fn numa_alloc_interleaved_subset_v1(size: usize, nodes: *const nodemask_t) -> *mut c_void {
        memory::numa_alloc_interleaved_subset(size, &mut set_of(nodes))
    }

    /// numa_interleave_memory() of libnuma_1.1.
    fn numa_interleave_memory_v1(start: *mut c_void, size: usize, nodes: *const nodemask_t) {
        memory::numa_interleave_memory(start, size, &mut set_of(nodes))
    }

    /// numa_tonodemask_memory() of libnuma_1.1.
    fn numa_tonodemask_memory_v1(start: *mut c_void, size: usize, nodes: *const nodemask_t) {
        memory::numa_tonodemask_memory(start, size, &mut set_of(nodes))
    }

    /// numa_run_on_node_mask() of libnuma_1.1, which looks at no set of allowed nodes and reports no failure.
    fn numa_run_on_node_mask_v1(nodes: *const nodemask_t) -> c_int {
        affinity::run_on_existing_nodes(&set_of(nodes))
    }

    /// numa_get_run_node_mask() of libnuma_1.1, of all nodes.
    fn numa_get_run_node_mask_v1() -> nodemask_t {
        let nodes = NodeMask::new();
        affinity::read_nodes_run_on(&nodes);
        nodemask_of(affinity::run_node_mask(&nodes))
    }

    /// numa_sched_getaffinity() of libnuma_1.1: the kernel's call, with a length in bytes.
    fn numa_sched_getaffinity_v1(pid: c_int, length: c_uint, mask: *mut c_ulong) -> c_int {
        kernel::sched_getaffinity_bytes(pid, length as usize, mask.cast()) as c_int
    }

    /// numa_sched_setaffinity() of libnuma_1.1: the kernel's call, with a length in bytes.
    fn numa_sched_setaffinity_v1(pid: c_int, length: c_uint, mask: *const c_ulong) -> c_int {
        let length = length as usize;
        let cpus = Mask::new(mask, length.saturating_mul(8));
        let result = kernel::sched_setaffinity_bytes(pid, length, mask.cast()) as c_int;
        call!(numa_sched_setaffinity(pid = int(pid), len = size(length), mask = mask(&cpus))).returns(result)
    }

    /// numa_node_to_cpus() of libnuma_1.1, which fills so many bytes, that may end within a word.
    fn numa_node_to_cpus_v1(node: c_int, buffer: *mut c_ulong, length: c_int) -> c_int {
        let length = usize::try_from(length).unwrap_or(0);
        let cpus = CpuMask::new();
        let mut set = words(cpus.words().as_ptr().cast_mut().cast(), MAX_CPUS);
        if buffer.is_null() || length * 8 < possible_cpus() || nodes::numa_node_to_cpus(node, &mut set) < 0 {
            errno::set(errno::ERANGE);
            return -1;
        }
        let source = cpus.words().as_ptr().cast::<u8>();
        let filled = length.min(MAX_CPUS / 8);
        buffer.cast::<u8>().copy_from_nonoverlapping(source, filled);
        buffer.cast::<u8>().add(filled).write_bytes(0, length - filled);
        0
    }

    /// numa_parse_bitmap() of libnuma_1.1, for `cpus` bits.
    fn numa_parse_bitmap_v1(line: *mut c_char, mask: *mut c_ulong, cpus: c_int) -> c_int {
        parse::numa_parse_bitmap(line, &mut words(mask, usize::try_from(cpus).unwrap_or(0)))
    }
}

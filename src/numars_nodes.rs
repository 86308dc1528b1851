//! Nodes that differ: attributes of their memory, memory tiers, interleave weights, kinds. Part of numars.h.

use super::mask::{bitmask, write};
use super::nodes::node_exists;
use crate::trace::call;
use core::ffi::{c_int, c_uint};
use core::slice;
use numars::Attribute;
use numars::for_c::bitmask::BitsMut;
use numars::for_c::nodeset::NodeMask;
use numars::for_c::sys::errno;
use numars::for_c::topology::{self, KernelTopology};

/// Attributes of the memory of a node, for numars_node_attribute() and numars_best_nodes().
#[repr(C)]
#[allow(non_camel_case_types, reason = "C's name")]
#[derive(Clone, Copy)]
pub enum numars_attribute {
    /// all memory of the node, in bytes
    NUMARS_CAPACITY = 0,
    /// memory that is free at this moment, in bytes
    NUMARS_FREE = 1,
    /// bandwidth of reads from the initiator, in MB/s
    NUMARS_READ_BANDWIDTH = 2,
    /// bandwidth of writes from the initiator, in MB/s
    NUMARS_WRITE_BANDWIDTH = 3,
    /// latency of reads from the initiator, in ns
    NUMARS_READ_LATENCY = 4,
    /// latency of writes from the initiator, in ns
    NUMARS_WRITE_LATENCY = 5,
    /// size of the cache in front of the memory, in bytes; of several levels, that of the largest
    NUMARS_MEMORY_SIDE_CACHE = 6,
}

/// Flag of numars_node_kind(): the node has CPUs that are online.
pub const NUMARS_NODE_HAS_CPUS: c_int = 1 << 0;
/// Flag of numars_node_kind(): the node has memory.
pub const NUMARS_NODE_HAS_MEMORY: c_int = 1 << 1;
/// Flag of numars_node_kind(): the node holds, or would hold, the memory of a dax device (CXL memory,
/// persistent memory, HBM), as named by a file target_node in /sys/bus/dax/devices.
pub const NUMARS_NODE_DAX: c_int = 1 << 2;

/// Returns what C gets for `result`: a number, or -1 with errno.
#[inline(never)]
fn value_or_errno(result: Result<c_int, c_int>) -> c_int {
    result.unwrap_or_else(|error| {
        errno::set(error);
        -1
    })
}

/// Returns a node that exists, or ENODEV.
#[inline(never)]
fn existing(node: c_int) -> Result<usize, c_int> {
    usize::try_from(node).ok().filter(|&node| node_exists(node)).ok_or(errno::ENODEV)
}

/// Returns the initiator that C means: `None` for -1; ENODEV if there is no such node.
fn initiator_of(node: c_int) -> Result<Option<usize>, c_int> {
    if node == -1 { Ok(None) } else { existing(node).map(Some) }
}

/// Returns the attribute of an enumerator, or EINVAL.
fn attribute_of(attribute: c_int) -> Result<Attribute, c_int> {
    use numars_attribute::*;
    const ATTRIBUTES: [(numars_attribute, Attribute); 7] = [
        (NUMARS_CAPACITY, Attribute::Capacity),
        (NUMARS_FREE, Attribute::Free),
        (NUMARS_READ_BANDWIDTH, Attribute::ReadBandwidth),
        (NUMARS_WRITE_BANDWIDTH, Attribute::WriteBandwidth),
        (NUMARS_READ_LATENCY, Attribute::ReadLatency),
        (NUMARS_WRITE_LATENCY, Attribute::WriteLatency),
        (NUMARS_MEMORY_SIDE_CACHE, Attribute::MemorySideCache),
    ];
    let entry = ATTRIBUTES.iter().find(|(enumerator, _)| *enumerator as c_int == attribute);
    entry.map(|&(_, attribute)| attribute).ok_or(errno::EINVAL)
}

/// Writes nodes to a set of C. Returns 0, or ERANGE if it is too small. The set is changed on success only.
#[inline(never)]
fn write_nodes(nodes: Result<NodeMask, c_int>, to: BitsMut) -> Result<c_int, c_int> {
    let nodes = nodes?;
    if nodes.bits().as_bits().highest().is_some_and(|highest| highest >= to.as_bits().length()) {
        return Err(errno::ERANGE);
    }
    to.copy_from(nodes.bits().as_bits());
    Ok(0)
}

/// Get an attribute of the memory of a node, as the kernel's files in /sys state it.
///
/// Bandwidth and latency are those of accesses from an initiator, a node with CPUs or devices. The
/// kernel lists only the initiators that are nearest to a node. The other attributes do not depend
/// on the initiator. Nothing is derived from distances, or from other nodes.
///
/// Each call reads files, except for a node that does not exist.
///
/// @param node       the node
/// @param initiator  the node from which the memory is accessed, or -1 for the nearest ones: those
///                   with CPUs (access1), or if the kernel states nothing for these, any (access0)
/// @param attribute  one of enum numars_attribute
/// @param value      receives the value, in the unit of the attribute; unchanged on failure; may be
///                   NULL
/// @return 0, or -1 with errno: EINVAL (unknown attribute), ENODEV (no such node or initiator),
///         ENODATA (neither kernel nor firmware states the attribute; the kernel does not list the
///         initiator for this node), or that of open(2), such as EMFILE
///
/// Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
///
/// # Safety
/// value is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_node_attribute(
    node: c_int,
    initiator: c_int,
    attribute: c_int,
    value: *mut u64,
) -> c_int {
    let read = || {
        // Before the topology is used: it may be read again for a node that it lacks.
        let (attribute, node, initiator) = (attribute_of(attribute)?, existing(node)?, initiator_of(initiator)?);
        KernelTopology::current().attribute(node, initiator, attribute)
    };
    value_or_errno(read().map(|read| {
        // SAFETY: as the caller promises.
        if let Some(value) = unsafe { value.as_mut() } {
            *value = read;
        }
        0
    }))
}

/// Get the nodes whose memory has the best value of an attribute: the lowest latency, or the highest
/// value of any other attribute.
///
/// Nodes for which the kernel states no value do not count. Each call reads files.
///
/// @param initiator  the node from which the memory is accessed: only nodes count for which the
///                   kernel lists it as one of the nearest initiators (access1, access0); or -1:
///                   all nodes count, each with the value for its nearest initiators
/// @param attribute  one of enum numars_attribute
/// @param nodes      receives the nodes, several if they have the same value; unchanged on failure;
///                   one of numa_allocate_nodemask() is large enough
/// @return 0, or -1 with errno: EINVAL (unknown attribute), ENODEV (no such initiator), ENODATA
///         (the kernel states no value for any of the nodes), ERANGE (nodes is NULL or too small),
///         or that of open(2), such as EMFILE
///
/// Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
///
/// # Safety
/// nodes is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_best_nodes(initiator: c_int, attribute: c_int, nodes: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { write(nodes) };
    let read = || {
        let (attribute, initiator) = (attribute_of(attribute)?, initiator_of(initiator)?);
        KernelTopology::current().best_nodes(initiator, attribute)
    };
    value_or_errno(write_nodes(read(), nodes))
}

/// Return the memory tier of a node. A tier with a smaller number is faster.
///
/// The kernel forms tiers by what the firmware states about bandwidth and latency. All nodes in one
/// tier is common: the firmware states nothing (no HMAT, no CDAT), or the kernel does not use it for
/// tiers (6.12 does, 6.1 does not). Each call reads files.
///
/// @param node  the node
/// @return the tier; ordinary memory is in tier 4; -1 with errno: ENODEV (no such node), ENODATA
///         (the kernel has no tiers, as before Linux 6.1; the node has no memory), or that of
///         open(2), such as EMFILE
///
/// Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn numars_node_tier(node: c_int) -> c_int {
    let tier = existing(node).and_then(|node| KernelTopology::current().tier_of_node(node));
    value_or_errno(tier.map(|tier| tier as c_int))
}

/// Get the nodes of a memory tier.
///
/// Each call reads files.
///
/// @param tier   the tier
/// @param nodes  receives the nodes; unchanged on failure; one of numa_allocate_nodemask() is large
///               enough
/// @return 0, or -1 with errno: ENODATA (the kernel lists no such tier), ERANGE (nodes is NULL or
///         too small), or that of open(2), such as EMFILE
///
/// Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
///
/// # Safety
/// nodes is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_tier_nodes(tier: c_int, nodes: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { write(nodes) };
    let tier = u32::try_from(tier).map_err(|_| errno::ENODATA);
    value_or_errno(write_nodes(tier.and_then(|tier| KernelTopology::current().nodes_of_tier(tier)), nodes))
}

/// List the memory tiers that have nodes, in ascending order: the fastest first.
///
/// Each call reads files.
///
/// @param tiers  receives up to n tiers; may be NULL if n is 0
/// @param n      the number of tiers for which there is room
/// @return how many tiers there are, which may be more than n; -1 with errno: EINVAL (n is
///         negative), EFAULT (tiers is NULL and n is not 0), ENODATA (the kernel has no tiers, as
///         before Linux 6.1), or that of open(2), such as EMFILE
///
/// Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
///
/// # Safety
/// tiers has room for n numbers, which no other thread accesses during the call; or n is 0, or
/// tiers NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_tiers(tiers: *mut c_int, n: c_int) -> c_int {
    let list = || {
        let room = usize::try_from(n).map_err(|_| errno::EINVAL)?;
        let tiers: &mut [u32] = match (room, tiers.is_null()) {
            (0, _) => &mut [],
            (_, true) => return Err(errno::EFAULT),
            // SAFETY: as the caller promises. Tiers are not negative, so that both types have the same values.
            _ => unsafe { slice::from_raw_parts_mut(tiers.cast(), room) },
        };
        KernelTopology::current().tiers(tiers)
    };
    value_or_errno(list().map(|count| count as c_int))
}

/// Return the weight of a node for weighted interleaving (MPOL_WEIGHTED_INTERLEAVE): how many pages
/// in a row are allocated on it.
///
/// Since Linux 6.16, the kernel derives the weights from the bandwidths of the nodes until one is
/// set. Each call reads a file, /sys/kernel/mm/mempolicy/weighted_interleave/nodeN.
///
/// @param node  the node
/// @return the weight, 1 to 255; -1 with errno: ENODEV (no such node), ENODATA (the kernel has no
///         weight for it, as before Linux 6.9), or that of open(2), such as EMFILE
///
/// Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn numars_node_weight(node: c_int) -> c_int {
    let weight = existing(node).and_then(|node| KernelTopology::current().interleave_weight(node));
    value_or_errno(weight.map(c_int::from))
}

/// Set the weight of a node for weighted interleaving (MPOL_WEIGHTED_INTERLEAVE), for all processes.
///
/// Allocations from now on use it; pages that are allocated stay where they are. Since Linux 6.16,
/// setting one weight keeps the kernel from deriving any of them from bandwidths, until 1 is
/// written to /sys/kernel/mm/mempolicy/weighted_interleave/auto. Each call writes a file, which
/// only root may do.
///
/// @param node    the node
/// @param weight  the weight, 1 to 255
/// @return 0, or -1 with errno: EINVAL (another weight), ENODEV (no such node), EOPNOTSUPP (the
///         kernel has no weight for it, as before Linux 6.9), EROFS (/sys is mounted read-only, as
///         in containers; or the environment variable NUMARS_FSROOT names another machine's files),
///         EACCES (no permission), or another one of open(2) or write(2)
///
/// Acts on the whole machine. Thread-safe. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn numars_set_node_weight(node: c_int, weight: c_uint) -> c_int {
    let set = || {
        let node = existing(node)?;
        topology::set_weight_of_node(node, u8::try_from(weight).map_err(|_| errno::EINVAL)?)
    };
    let result = value_or_errno(set().map(|()| 0));
    call!(numars_set_node_weight(node = int(node), weight = size(weight as usize))).returns(result)
}

/// Return what a node has: CPUs, memory, memory of a dax device.
///
/// CPUs and memory are those of the last time the machine was read: see numa_node_to_cpu_update().
/// Each call reads files about dax devices.
///
/// @param node  the node
/// @return a set of the flags NUMARS_NODE_HAS_CPUS, NUMARS_NODE_HAS_MEMORY and NUMARS_NODE_DAX,
///         which may be 0; -1 with errno: ENODEV (no such node), ENODATA (its CPUs could not be
///         read), or that of open(2), such as EMFILE
///
/// Describes the machine: the same for all processes. Thread-safe. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn numars_node_kind(node: c_int) -> c_int {
    let kind = existing(node).and_then(|node| KernelTopology::current().kind_of_node(node));
    value_or_errno(kind.map(|kind| {
        let flags = [
            (kind.has_cpus(), NUMARS_NODE_HAS_CPUS),
            (kind.has_memory(), NUMARS_NODE_HAS_MEMORY),
            (kind.is_dax(), NUMARS_NODE_DAX),
        ];
        flags.iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, flag)| all | flag)
    }))
}

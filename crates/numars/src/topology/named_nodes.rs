//! Names of nodes in lists: devices, memory tiers and kinds of nodes.

use super::KernelTopology;
use super::device_error::DeviceError;
use super::kernel_files::parse_decimal;
use crate::nodestring::NamedNodes;
use crate::sys::files::{strip_prefix, strip_prefix_cstr};
use core::ffi::CStr;

/// The result of looking up a name of nodes: the part of it that a message shows, and the nodes; `None` if the text is not of the form of a
/// name. See [`KernelTopology::nodes_by_name`].
pub type NodesLookup<'a> = Option<(&'a CStr, Result<NamedNodes, DeviceError>)>;

impl KernelTopology<'_> {
    /// Looks up the nodes of a name that a list of nodes may end with: a device, as for [`KernelTopology::node_of_device`], or one of these:
    ///
    /// | name | nodes |
    /// |---|---|
    /// | `tier:4` | those of this memory tier |
    /// | `fastest`, `slowest` | those of the tier with the lowest or the highest number |
    /// | `cpus` | those with CPUs |
    /// | `memory-only` | those with memory and without CPUs |
    ///
    /// Returns `None` if `name` is none of these.
    ///
    /// ```
    /// use numars::for_c::topology::KernelTopology;
    /// use numars::DeviceError;
    /// let topology = KernelTopology::current();
    /// match topology.nodes_by_name(c"fastest") {
    ///     Some((name, Ok(_))) => assert_eq!(name, c"fastest"),
    ///     Some((name, Err(error))) => assert_eq!((name, error), (c"fastest", DeviceError::NoTier)),
    ///     None => unreachable!(),
    /// }
    /// assert!(topology.nodes_by_name(c"0-3").is_none());
    /// ```
    pub fn nodes_by_name<'d>(&self, name: &'d CStr) -> NodesLookup<'d> {
        if let Some((device, node)) = self.node_of_device(name) {
            return Some((device, node.map(NamedNodes::One)));
        }
        if let Some(number) = strip_prefix_cstr(b"tier:", name) {
            let nodes = parse_decimal(number.to_bytes()).and_then(|tier| self.nodes_of_tier(tier).ok());
            return Some((number, nodes.map(NamedNodes::Several).ok_or(DeviceError::NoTier)));
        }
        let is = |word: &[u8]| strip_prefix(word, name.to_bytes()).is_some_and(<[u8]>::is_empty);
        let (nodes, error) = if is(b"fastest") || is(b"slowest") {
            (self.nodes_of_extreme_tier(is(b"slowest")).ok(), DeviceError::NoTier)
        } else if is(b"cpus") || is(b"memory-only") {
            (self.nodes_by_cpus(is(b"cpus")), DeviceError::NoNodes)
        } else {
            return None;
        };
        Some((name, nodes.map(NamedNodes::Several).ok_or(error)))
    }
}

/// Looks up the nodes of a name of this process's machine: see [`KernelTopology::nodes_by_name`].
///
/// ```
/// assert!(numars::for_c::topology::nodes_by_name(c"all").is_none());
/// ```
pub fn nodes_by_name(name: &CStr) -> NodesLookup<'_> {
    KernelTopology::current().nodes_by_name(name)
}

//! Why the node of a device is unknown.

use core::fmt;

/// The kind of a device whose node is looked up by [`Topology::node_of_device`](crate::Topology::node_of_device).
///
/// ```
/// use numars::{DeviceError, DeviceKind, Topology};
/// let node = Topology::read()?.node_of_device("block:none");
/// assert_eq!(node, Err(DeviceError::NoNode(DeviceKind::Block)));
/// assert_eq!(DeviceKind::Block.to_string(), "block device");
/// # Ok::<(), numars::Errno>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceKind {
    /// A network device.
    Network,
    /// A block device.
    Block,
    /// A PCI device.
    Pci,
    /// A graphics or compute device of the kernel's direct rendering manager.
    Drm,
    /// A dax device: memory that programs map directly, or that the kernel onlines as a node.
    Dax,
}

/// Why the node of a device, or the nodes of another name, are unknown. See [`Topology::node_of_device`](crate::Topology::node_of_device)
/// and [`Topology::nodes_by_name`](crate::Topology::nodes_by_name).
///
/// ```
/// use numars::{DeviceError, DeviceKind};
/// let error = DeviceError::NodeUnknown(DeviceKind::Block);
/// assert_eq!(error.to_string(), "the node of the block device is unknown");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceError {
    /// The text is not of the form of a device or another name.
    NotAName,
    /// The name contains a `/`, or is `.` or `..`.
    Illegal,
    /// The name is not the address of a PCI device.
    NoPciAddress,
    /// There is no such file.
    NoFile,
    /// The file is on no block device that the kernel shows.
    NoBlockDevice,
    /// There is no such host.
    NoHost,
    /// There is no route to the host.
    NoRoute,
    /// The kernel has no such device, or no node for this kind of device.
    NoNode(DeviceKind),
    /// The kernel does not know the node of the device, or it consists of devices of different nodes.
    NodeUnknown(DeviceKind),
    /// The kernel lists no such memory tier.
    NoTier,
    /// Files (`file:`) and routes to hosts (`ip:`) are those of this machine, and the topology is that of
    /// [another one](crate::Topology::read_from).
    OtherMachine,
    /// There is no node of this kind, or the kernel does not say which nodes have CPUs.
    NoNodes,
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeviceKind::Network => "network device",
            DeviceKind::Block => "block device",
            DeviceKind::Pci => "PCI device",
            DeviceKind::Drm => "DRM device",
            DeviceKind::Dax => "dax device",
        })
    }
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeviceError::NoNode(kind) => return write!(f, "there is no such {kind}, or it has no node"),
            DeviceError::NodeUnknown(kind) => return write!(f, "the node of the {kind} is unknown"),
            DeviceError::NotAName => "not the name of a device or of nodes",
            DeviceError::Illegal => "the name of a device is a single path component",
            DeviceError::NoPciAddress => "not the address of a PCI device",
            DeviceError::NoFile => "there is no such file",
            DeviceError::NoBlockDevice => "the file is on no block device",
            DeviceError::NoHost => "there is no such host",
            DeviceError::NoRoute => "there is no route to the host",
            DeviceError::NoTier => "the kernel lists no such memory tier",
            DeviceError::OtherMachine => "files and hosts are looked up only for this machine",
            DeviceError::NoNodes => "there is no node of this kind",
        })
    }
}

impl core::error::Error for DeviceError {}

//! The node of a device, by the names that numactl(8) gives devices in lists of nodes.

use super::read_bytes;
use super::text::Numbers;
use crate::lists::hexadecimal;
use crate::os::files::{self, Path, behind};
use crate::os::memory::position;
use crate::os::network;
use core::ffi::CStr;

/// What a device is called in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Network,
    Block,
    Pci,
}

/// Why the node of a device is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// The name has a `/`.
    Illegal,
    /// Not an address as PCI devices have them.
    NoPciAddress,
    /// There is no such file.
    NoFile,
    /// The file is on no block device that the kernel shows.
    NoBlockDevice,
    /// No such host, or no way to it.
    NoHost,
    /// The kernel has no such device, or no node for this kind of device.
    NoNode(Kind),
    /// The kernel does not know to which node the device is near.
    Nowhere(Kind),
}

/// What a text says of a device: what behind the colon is its name, and its node; none if the text is not of a device.
pub type Device<'a, Text> = Option<(&'a Text, Result<usize, Unknown>)>;

/// Reads `device`, such as netdev:eth0.
pub fn device(device: &CStr) -> Device<'_, CStr> {
    type Find = fn(&CStr) -> Result<usize, Unknown>;
    let kinds: [(&[u8], Find); 5] = [
        (b"netdev:", |name| class(b"net/", name.to_bytes(), Kind::Network)),
        (b"block:", |name| class(b"block/", name.to_bytes(), Kind::Block)),
        (b"file:", file),
        (b"ip:", host),
        (b"pci:", |address| pci(address.to_bytes())),
    ];
    kinds.iter().find_map(|(prefix, node)| behind(prefix, device).map(|name| (name, node(name))))
}

/// A network or block device, by the name that the kernel gives it.
fn class(class: &[u8], name: &[u8], kind: Kind) -> Result<usize, Unknown> {
    if position(b'/', name).is_some() {
        return Err(Unknown::Illegal);
    }
    above(Path::new(b"/sys/class/").text(class).text(name), kind)
}

/// The block device that a file is on; a block device itself if the file is one.
fn file(path: &CStr) -> Result<usize, Unknown> {
    let (major, minor) = files::block_device(path).ok_or(Unknown::NoFile)?;
    let mut device = Path::new(b"/sys/dev/block/");
    above(device.decimal(major as usize).text(b":").decimal(minor as usize), Kind::Block).map_err(|unknown| {
        match unknown {
            Unknown::NoNode(_) => Unknown::NoBlockDevice,
            unknown => unknown,
        }
    })
}

/// The network device behind which a host is.
fn host(name: &CStr) -> Result<usize, Unknown> {
    let interface = network::interface_towards(name).ok_or(Unknown::NoHost)?;
    let end = position(0, &interface).unwrap_or(interface.len());
    class(b"net/", interface.get(..end).unwrap_or_default(), Kind::Network)
}

/// A PCI device, by its address.
fn pci(address: &[u8]) -> Result<usize, Unknown> {
    let [segment, bus, device, function] = pci_address(address).ok_or(Unknown::NoPciAddress)?;
    let mut path = Path::new(b"/sys/bus/pci/devices/");
    path.hexadecimal(segment, 4).text(b":").hexadecimal(bus, 2).text(b":");
    above(path.hexadecimal(device, 2).text(b".").hexadecimal(function, 1), Kind::Pci)
}

/// Reads `[segment:]bus:device[.function]` as lspci writes it, or `segment:bus:device:function` as numactl(8) does.
pub fn pci_address(address: &[u8]) -> Option<[u32; 4]> {
    let dot = position(b'.', address).unwrap_or(address.len());
    let function = match address.get(dot + 1..) {
        Some(digits) => Some(hexadecimal(digits)?),
        None => None,
    };
    let (mut numbers, mut count) = ([0; 4], 0);
    let mut push = |number| {
        let [_, second, third, fourth] = numbers;
        numbers = [second, third, fourth, number];
    };
    for digits in address.get(..dot)?.split(|&byte| byte == b':') {
        push(hexadecimal(digits)?);
        count += 1;
    }
    match (count, function) {
        (2 | 3, function) => push(function.unwrap_or(0)),
        (4, None) => {}
        _ => return None,
    }
    Some(numbers)
}

/// The node of the device whose entry of /sys is `folder`: its own, or that of the nearest device it hangs on.
fn above(folder: &mut Path, kind: Kind) -> Result<usize, Unknown> {
    /// More than any device has above it: a partition of a disk behind a USB hub has twelve.
    const LEVELS: usize = 16;
    folder.text(b"/");
    let mut unknown = Unknown::NoNode(kind);
    for _ in 0..LEVELS {
        match node_in(folder.clone().text(b"numa_node")) {
            Some(Some(node)) => return Ok(node),
            // What it hangs on may be known better.
            Some(None) => unknown = Unknown::Nowhere(kind),
            None => {}
        }
        // An entry is a link into the tree of devices: `..` is the folder above where it leads.
        folder.text(b"../");
    }
    Err(unknown)
}

/// The node that a file numa_node tells: none where that is -1, and none at all if it tells nothing.
pub(super) fn node_in(file: &Path) -> Option<Option<usize>> {
    let (mut negative, mut number, mut node) = (false, Numbers::default(), None);
    read_bytes(file, &mut |byte| {
        negative |= byte == b'-';
        node = node.or(number.byte(byte));
        byte != b'\n'
    });
    node.map(|node| (!negative).then_some(node as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pci_addresses_are_read_as_lspci_and_numactl_write_them() {
        for (address, numbers) in [
            ("0000:00:1f.2", [0, 0, 0x1f, 2]),
            ("0001:80:00.0", [1, 0x80, 0, 0]),
            ("0:2", [0, 0, 2, 0]),
            ("0:2.1", [0, 0, 2, 1]),
            ("3:0:2", [3, 0, 2, 0]),
            ("3:0:2:1", [3, 0, 2, 1]),
        ] {
            assert_eq!(pci_address(address.as_bytes()), Some(numbers), "{address}");
        }
    }

    #[test]
    fn what_is_no_pci_address_is_refused() {
        for address in [
            "",
            "0",
            "0.2",
            "0:",
            ":2",
            "0:2.",
            "0:2.1.0",
            "0.0:2",
            "0:0:0:0:0",
            "0:0:0:0.0",
            "0:2x",
            "zz:0",
            "123456789:0",
        ] {
            assert_eq!(pci_address(address.as_bytes()), None, "{address}");
        }
    }

    #[test]
    fn what_is_no_device_is_told_from_devices_that_are_not_there() {
        for text in [c"", c"0", c"all", c"netdev", c"net:lo", c" netdev:lo"] {
            assert_eq!(device(text), None);
        }
        let unknown = |text| device(text).map(|(_, node)| node);
        assert_eq!(unknown(c"netdev:a name too long for a network device"), Some(Err(Unknown::NoNode(Kind::Network))));
        assert_eq!(unknown(c"netdev:../net/lo"), Some(Err(Unknown::Illegal)));
        assert_eq!(unknown(c"block:a/b"), Some(Err(Unknown::Illegal)));
        assert_eq!(unknown(c"block:"), Some(Err(Unknown::NoNode(Kind::Block))));
        assert_eq!(unknown(c"file:/there/is/no/such/file"), Some(Err(Unknown::NoFile)));
        assert_eq!(unknown(c"file:/proc/self/status"), Some(Err(Unknown::NoBlockDevice)));
        assert_eq!(unknown(c"pci:none"), Some(Err(Unknown::NoPciAddress)));
        assert_eq!(unknown(c"pci:ffff:ff:1f.7"), Some(Err(Unknown::NoNode(Kind::Pci))));
        assert_eq!(unknown(c"ip:999.0.0.1"), Some(Err(Unknown::NoHost)));
        assert_eq!(unknown(c"ip:"), Some(Err(Unknown::NoHost)));
    }

    #[test]
    fn the_loopback_device_has_no_node() {
        for text in [c"netdev:lo", c"ip:127.0.0.1"] {
            let (name, node) = device(text).unwrap();
            assert!(!name.is_empty());
            assert_eq!(node, Err(Unknown::NoNode(Kind::Network)));
        }
    }
}

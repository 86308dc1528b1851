//! The node of a device, by the names that numactl(8) gives devices in lists of nodes.

use super::read_bytes;
use super::text::Numbers;
use crate::nodestring::{hexadecimal, is_blank, skip_blanks};
use crate::sys::files::{self, File, FixedPath, strip_prefix, strip_prefix_cstr, without_leading_blanks};
use crate::sys::memory::position;
use crate::sys::network::{self, Unreachable};
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
    /// The name has a `/`, or is a directory's: `.` or `..`.
    Illegal,
    /// Not an address as PCI devices have them.
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
    NoNode(Kind),
    /// The kernel does not know to which node the device is near, or it consists of devices that are near different ones.
    Nowhere(Kind),
}

/// What a text says of a device: what behind the colon is its name, and its node; none if the text is not of a device.
pub type Device<'a, Text> = Option<(&'a Text, Result<usize, Unknown>)>;

/// Reads `device`, such as netdev:eth0.
pub fn device(device: &CStr) -> Device<'_, CStr> {
    // libnuma skips blanks before the names of these two: a shell often leaves one there, as in netdev:$(ip link | cut -d: -f2).
    for (prefix, folder, kind) in [(&b"netdev:"[..], &b"net/"[..], Kind::Network), (b"block:", b"block/", Kind::Block)]
    {
        if let Some(name) = strip_prefix_cstr(prefix, device) {
            let name = without_leading_blanks(name);
            return Some((name, class(folder, name.to_bytes(), kind)));
        }
    }
    if let Some(path) = strip_prefix_cstr(b"file:", device) {
        return Some((path, file(path)));
    }
    if let Some(name) = strip_prefix_cstr(b"ip:", device) {
        return Some((name, host(name)));
    }
    let address = strip_prefix_cstr(b"pci:", device)?;
    Some((address, pci(address.to_bytes())))
}

/// A network or block device, by the name that the kernel gives it.
fn class(class: &[u8], name: &[u8], kind: Kind) -> Result<usize, Unknown> {
    if position(b'/', name).is_some() || is_directory_itself(name) {
        return Err(Unknown::Illegal);
    }
    node_of(&class_entry(class, name), kind, LAYERS)
}

/// Whether a name is `.` or `..`.
fn is_directory_itself(name: &[u8]) -> bool {
    matches!(name, [b'.'] | [b'.', b'.'])
}

fn class_entry(class: &[u8], name: &[u8]) -> FixedPath<'static> {
    let mut entry = FixedPath::new(b"/sys/class/");
    entry.text(class).text(name);
    entry
}

/// The block device that a file is on; a block device itself if the file is one.
fn file(path: &CStr) -> Result<usize, Unknown> {
    let (major, minor) = files::block_device(path).ok_or(Unknown::NoFile)?;
    let mut entry = FixedPath::new(b"/sys/dev/block/");
    entry.decimal(major as usize).text(b":").decimal(minor as usize);
    node_of(&entry, Kind::Block, LAYERS).map_err(|unknown| match unknown {
        Unknown::NoNode(_) => Unknown::NoBlockDevice,
        unknown => unknown,
    })
}

/// The network device by which packets to a host leave.
fn host(name: &CStr) -> Result<usize, Unknown> {
    let interface = network::route_interface(name).map_err(|why| match why {
        Unreachable::NoHost => Unknown::NoHost,
        Unreachable::NoRoute => Unknown::NoRoute,
    })?;
    let end = position(0, &interface).unwrap_or(interface.len());
    class(b"net/", interface.get(..end).unwrap_or_default(), Kind::Network)
}

/// A PCI device, by its address.
fn pci(address: &[u8]) -> Result<usize, Unknown> {
    let [segment, bus, device, function] = pci_address(address).ok_or(Unknown::NoPciAddress)?;
    let mut entry = FixedPath::new(b"/sys/bus/pci/devices/");
    entry.hexadecimal(segment, 4).text(b":").hexadecimal(bus, 2).text(b":");
    entry.hexadecimal(device, 2).text(b".").hexadecimal(function, 1);
    node_of(&entry, Kind::Pci, LAYERS)
}

/// Reads `[segment:]bus:device[.function]` as lspci writes it, or `segment:bus:device:function` as numactl(8) does. Blanks
/// before a number and after the last one are skipped.
pub fn pci_address(address: &[u8]) -> Option<[u32; 4]> {
    let end = address.iter().rposition(|&byte| !is_blank(byte))? + 1;
    let address = address.get(..end)?;
    let hexadecimal = |digits| hexadecimal(skip_blanks(digits));
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

/// Upper bound for how many devices are followed downwards: LVM on dm-crypt on RAID on partitions takes four.
const LAYERS: u8 = 6;

/// Returns the node of the device whose entry in /sys is `entry`: its own, that of the nearest device above it, or the one of the
/// devices that it consists of, if it is a virtual one.
fn node_of(entry: &FixedPath, kind: Kind, layers: u8) -> Result<usize, Unknown> {
    let above = above(entry.clone(), kind);
    match above {
        Err(Unknown::NoNode(_)) if layers > 0 => node_of_parts(entry, kind, layers - 1),
        _ => above,
    }
}

/// Returns the node of the devices that a virtual device consists of. They must agree, except those whose node is not known:
/// no node would be right for a RAID over the disks of two nodes.
///
/// A loop device is not followed: the path of its file need not mean the same file to the caller.
fn node_of_parts(entry: &FixedPath, kind: Kind, layers: u8) -> Result<usize, Unknown> {
    let (mut node, mut agree) = (Err(Unknown::NoNode(kind)), true);
    let mut add = |part: &FixedPath| match (node, node_of(part, kind, layers)) {
        (Ok(one), Ok(another)) => agree &= one == another,
        (Err(_), Ok(first)) => node = Ok(first),
        (Err(_), Err(Unknown::Nowhere(_))) => node = Err(Unknown::Nowhere(kind)),
        _ => {}
    };
    match kind {
        // Of bonds, bridges and VLANs.
        Kind::Network => for_each_part(entry.clone().text(b"/"), b"lower_", false, b"net/", &mut add),
        Kind::Block => {
            // The second time, of the disk that a partition is on.
            let mut disk = entry.clone();
            for _ in 0..2 {
                // Of the device mapper, RAID and bcache.
                for_each_part(disk.clone().text(b"/slaves/"), b"", false, b"block/", &mut add);
                // Controllers, in the directory of the subsystem of an NVMe disk with several ports. It has the disks too: nvme0n1.
                for_each_part(disk.text(b"/../"), b"nvme", true, b"nvme/nvme", &mut add);
            }
        }
        Kind::Pci => {}
    }
    if agree { node } else { Err(Unknown::Nowhere(kind)) }
}

/// Calls `each` with the entries in /sys of the devices that `directory` lists: those whose names there begin with `prefix`. What
/// follows, digits alone if `numbered`, is the end of a name in /sys/class, which begins with `class`.
fn for_each_part(directory: &FixedPath, prefix: &[u8], numbered: bool, class: &[u8], each: &mut dyn FnMut(&FixedPath)) {
    let Some(directory) = File::open_of_machine(directory) else { return };
    directory.for_each_name(&mut |name| {
        if let Some(rest) = strip_prefix(prefix, name)
            && !is_directory_itself(rest)
            && !(numbered && rest.iter().any(|byte| !byte.is_ascii_digit()))
        {
            each(&class_entry(class, rest));
        }
        true
    });
}

/// Returns the node of the device whose entry in /sys is `entry`: its own, or that of the nearest device above it.
fn above(mut entry: FixedPath, kind: Kind) -> Result<usize, Unknown> {
    /// Upper bound for the devices above a device: a partition of a disk on a USB hub has twelve.
    const LEVELS: usize = 16;
    entry.text(b"/");
    let mut unknown = Unknown::NoNode(kind);
    for _ in 0..LEVELS {
        match node_in(entry.clone().text(b"numa_node")) {
            Some(Some(node)) => return Ok(node),
            // The device above may have one.
            Some(None) => unknown = Unknown::Nowhere(kind),
            None => {}
        }
        // An entry is a link into the tree of devices: `..` is the directory above the link's target.
        entry.text(b"../");
    }
    Err(unknown)
}

/// The node that a file numa_node tells: none where that is -1, and none at all if it tells nothing.
pub(super) fn node_in(file: &FixedPath) -> Option<Option<usize>> {
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
            (" 0000:00:1f.2", [0, 0, 0x1f, 2]),
            ("\t\u{b}3: 0:\n2. 1 \n", [3, 0, 2, 1]),
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
            " ",
            "0:2x",
            "0 :2",
            "0:2 1",
            "0x0:0x2",
            "+0:+2",
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
        assert_eq!(unknown(c"netdev: ."), Some(Err(Unknown::Illegal)));
        assert_eq!(unknown(c"block:.."), Some(Err(Unknown::Illegal)));
        assert_eq!(unknown(c"netdev:a.b"), Some(Err(Unknown::NoNode(Kind::Network))));
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
    fn blanks_before_the_name_of_a_network_or_block_device_are_no_part_of_it() {
        for (text, name) in [
            (c"netdev: lo", c"lo"),
            (c"netdev:\t\n\x0b\x0c\r lo ", c"lo "),
            (c"block: none", c"none"),
            (c"block: ", c""),
            (c"file: /", c" /"),
            (c"ip: ::", c" ::"),
            (c"pci: 0:2", c" 0:2"),
        ] {
            assert_eq!(device(text).unwrap().0, name);
        }
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

//! The node of a device, by the names that numactl(8) gives devices in lists of nodes.

use super::device_error::{DeviceError, DeviceKind};
use super::kernel_files::{self, read_bytes};
use super::parse::NumberParser;
use crate::sys::errno;
use crate::sys::files::{self, File, FixedPath, strip_prefix, strip_prefix_cstr, without_leading_blanks};
use crate::sys::memory::position;
use crate::sys::network::{self, Unreachable};
use crate::sys::root::Root;
use crate::text::{is_blank, parse_hex, skip_blanks};
use core::ffi::{CStr, c_int};

/// The result of looking up a device: its name, which is the text after the colon, and its node; `None` if the text is not of the form
/// of a device. See [`KernelTopology::node_of_device`](super::KernelTopology::node_of_device).
pub type DeviceLookup<'a> = Option<(&'a CStr, Result<usize, DeviceError>)>;

/// Looks up a device, such as netdev:eth0, below `root`. Unless `is_own_machine`, files and hosts are not: the kernel that is asked about them is the
/// running one.
pub(super) fn look_up<'a>(root: Root, is_own_machine: bool, device: &'a CStr) -> DeviceLookup<'a> {
    let on_this_machine = |look_up: fn(Root, &CStr) -> Result<usize, DeviceError>, name| match is_own_machine {
        true => look_up(root, name),
        false => Err(DeviceError::OtherMachine),
    };
    // As libnuma does, blanks before these two names are skipped: a shell often leaves one there, as in
    // netdev:$(ip link | cut -d: -f2).
    for (prefix, class_name, kind) in
        [(&b"netdev:"[..], &b"net/"[..], DeviceKind::Network), (b"block:", b"block/", DeviceKind::Block)]
    {
        if let Some(name) = strip_prefix_cstr(prefix, device) {
            let name = without_leading_blanks(name);
            return Some((name, class(root, class_name, name.to_bytes(), kind)));
        }
    }
    if let Some(name) = strip_prefix_cstr(b"drm:", device) {
        return Some((name, class(root, b"drm/", name.to_bytes(), DeviceKind::Drm)));
    }
    if let Some(name) = strip_prefix_cstr(b"dax:", device) {
        return Some((name, dax(root, name.to_bytes())));
    }
    if let Some(path) = strip_prefix_cstr(b"file:", device) {
        return Some((path, on_this_machine(file, path)));
    }
    if let Some(name) = strip_prefix_cstr(b"ip:", device) {
        return Some((name, on_this_machine(host, name)));
    }
    let address = strip_prefix_cstr(b"pci:", device)?;
    Some((address, pci(root, address.to_bytes())))
}

/// Looks up a network, block or DRM device by the name that the kernel gives it.
fn class(root: Root, class: &[u8], name: &[u8], kind: DeviceKind) -> Result<usize, DeviceError> {
    check_name(name)?;
    node_of(&class_entry(root, class, name), kind, MAX_LAYERS)
}

/// Looks up the node that the memory of a dax device becomes, or has become.
fn dax(root: Root, name: &[u8]) -> Result<usize, DeviceError> {
    check_name(name)?;
    match read_numa_node(&target_node(root, name)) {
        Some(node) => node.ok_or(DeviceError::NodeUnknown(DeviceKind::Dax)),
        None => Err(DeviceError::NoNode(DeviceKind::Dax)),
    }
}

/// Returns the path of the file with the node of the memory of a dax device.
fn target_node<'a>(root: Root<'a>, name: &[u8]) -> FixedPath<'a> {
    let mut file = root.path(DAX_DEVICES);
    file.text(b"/").text(name).text(b"/target_node");
    file
}

const DAX_DEVICES: &[u8] = b"/sys/bus/dax/devices";

/// Returns whether the memory of a node is, or was, that of a dax device. Errors are errnos: that of open(2), unless that says that there
/// are no dax devices.
pub(super) fn is_dax(root: Root, node: usize) -> Result<bool, c_int> {
    let devices = match kernel_files::open(&root.path(DAX_DEVICES)) {
        Ok(devices) => devices,
        Err(errno::ENODATA) => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut result = Ok(false);
    devices.for_each_name(&mut |name| {
        let file = target_node(root, name);
        match read_numa_node(&file) {
            Some(target) if target == Some(node) => result = Ok(true),
            Some(_) => {}
            None => match kernel_files::error_of_reading(&file) {
                errno::ENODATA => {}
                error => result = Err(error),
            },
        }
        matches!(result, Ok(false))
    });
    result
}

/// Refuses the name of a device that would name another file.
fn check_name(name: &[u8]) -> Result<(), DeviceError> {
    if position(b'/', name).is_some() || is_directory_itself(name) { Err(DeviceError::Illegal) } else { Ok(()) }
}

/// Returns whether a name is `.` or `..`.
fn is_directory_itself(name: &[u8]) -> bool {
    matches!(name, [b'.'] | [b'.', b'.'])
}

/// Returns the path of a device in /sys/class.
fn class_entry<'a>(root: Root<'a>, class: &[u8], name: &[u8]) -> FixedPath<'a> {
    let mut entry = root.path(b"/sys/class/");
    entry.text(class).text(name);
    entry
}

/// Looks up the block device that a file is on, or that the file itself is.
fn file(root: Root, path: &CStr) -> Result<usize, DeviceError> {
    let (major, minor) = files::block_device(path).ok_or(DeviceError::NoFile)?;
    let mut entry = root.path(b"/sys/dev/block/");
    entry.decimal(major as usize).text(b":").decimal(minor as usize);
    node_of(&entry, DeviceKind::Block, MAX_LAYERS).map_err(|error| match error {
        DeviceError::NoNode(_) => DeviceError::NoBlockDevice,
        error => error,
    })
}

/// Looks up the network device by which packets to a host leave.
fn host(root: Root, name: &CStr) -> Result<usize, DeviceError> {
    let interface = network::route_interface(name).map_err(|error| match error {
        Unreachable::NoHost => DeviceError::NoHost,
        Unreachable::NoRoute => DeviceError::NoRoute,
    })?;
    let end = position(0, &interface).unwrap_or(interface.len());
    class(root, b"net/", interface.get(..end).unwrap_or_default(), DeviceKind::Network)
}

/// Looks up a PCI device by its address.
fn pci(root: Root, address: &[u8]) -> Result<usize, DeviceError> {
    let [segment, bus, device, function] = pci_address(address).ok_or(DeviceError::NoPciAddress)?;
    let mut entry = root.path(b"/sys/bus/pci/devices/");
    entry.hexadecimal(segment, 4).text(b":").hexadecimal(bus, 2).text(b":");
    entry.hexadecimal(device, 2).text(b".").hexadecimal(function, 1);
    node_of(&entry, DeviceKind::Pci, MAX_LAYERS)
}

/// Parses `[segment:]bus:device[.function]` as lspci writes it, or `segment:bus:device:function` as numactl(8) does. Blanks
/// before a number and after the last one are skipped.
pub(crate) fn pci_address(address: &[u8]) -> Option<[u32; 4]> {
    let end = address.iter().rposition(|&byte| !is_blank(byte))? + 1;
    let address = address.get(..end)?;
    let number = |digits| parse_hex(skip_blanks(digits));
    let dot = position(b'.', address).unwrap_or(address.len());
    let function = match address.get(dot + 1..) {
        Some(digits) => Some(number(digits)?),
        None => None,
    };
    let (mut numbers, mut count) = ([0; 4], 0);
    let mut push = |number| {
        let [_, second, third, fourth] = numbers;
        numbers = [second, third, fourth, number];
    };
    for digits in address.get(..dot)?.split(|&byte| byte == b':') {
        push(number(digits)?);
        count += 1;
    }
    match (count, function) {
        (2 | 3, function) => push(function.unwrap_or(0)),
        (4, None) => {}
        _ => return None,
    }
    Some(numbers)
}

/// Upper bound for the layers of virtual devices: LVM on dm-crypt on RAID on partitions has four.
const MAX_LAYERS: u8 = 6;

/// Returns the node of the device whose entry in /sys is `entry`: its own, that of the nearest device above it, or, if it is virtual, the
/// one of the devices that it consists of.
fn node_of(entry: &FixedPath, kind: DeviceKind, layers: u8) -> Result<usize, DeviceError> {
    let nearest = nearest_numa_node(entry.clone(), kind);
    match nearest {
        Err(DeviceError::NoNode(_)) if layers > 0 => node_of_parts(entry, kind, layers - 1),
        _ => nearest,
    }
}

/// Returns the node of the devices that a virtual device consists of. They must agree, except those whose node is unknown: no node
/// would be right for a RAID over the disks of two nodes.
///
/// A loop device is not followed, because the path of its file need not mean the same file to the caller.
fn node_of_parts(entry: &FixedPath, kind: DeviceKind, layers: u8) -> Result<usize, DeviceError> {
    let (mut node, mut agree) = (Err(DeviceError::NoNode(kind)), true);
    let mut add = |part: &FixedPath| match (node, node_of(part, kind, layers)) {
        (Ok(one), Ok(another)) => agree &= one == another,
        (Err(_), Ok(first)) => node = Ok(first),
        (Err(_), Err(DeviceError::NodeUnknown(_))) => node = Err(DeviceError::NodeUnknown(kind)),
        _ => {}
    };
    match kind {
        // Of bonds, bridges and VLANs.
        DeviceKind::Network => for_each_part(entry.clone().text(b"/"), b"lower_", false, b"net/", &mut add),
        DeviceKind::Block => {
            // The second time, of the disk that a partition is on.
            let mut disk = entry.clone();
            for _ in 0..2 {
                // Of the device mapper, RAID and bcache.
                for_each_part(disk.clone().text(b"/slaves/"), b"", false, b"block/", &mut add);
                // Controllers, in the directory of the subsystem of an NVMe disk with several ports. It has the disks too: nvme0n1.
                for_each_part(disk.text(b"/../"), b"nvme", true, b"nvme/nvme", &mut add);
            }
        }
        DeviceKind::Pci | DeviceKind::Drm | DeviceKind::Dax => {}
    }
    if agree { node } else { Err(DeviceError::NodeUnknown(kind)) }
}

/// Calls `each` with the paths in /sys of devices that `directory` lists: those whose names there begin with `prefix`. The rest of the
/// name, which has to be digits if `numbered`, is the end of a name in /sys/class that begins with `class`.
fn for_each_part(directory: &FixedPath, prefix: &[u8], numbered: bool, class: &[u8], each: &mut dyn FnMut(&FixedPath)) {
    let root = directory.root();
    let Some(directory) = File::open_of_machine(directory) else { return };
    directory.for_each_name(&mut |name| {
        let is_fitting =
            |rest: &&[u8]| !is_directory_itself(rest) && (!numbered || rest.iter().all(u8::is_ascii_digit));
        if let Some(rest) = strip_prefix(prefix, name).filter(is_fitting) {
            each(&class_entry(root, class, rest));
        }
        true
    });
}

/// Returns the node of the device whose entry in /sys is `entry`: its own, or that of the nearest device above it.
fn nearest_numa_node(mut entry: FixedPath, kind: DeviceKind) -> Result<usize, DeviceError> {
    /// Upper bound for the devices above a device: a partition of a disk on a USB hub has twelve.
    const MAX_LEVELS: usize = 16;
    entry.text(b"/");
    let mut error = DeviceError::NoNode(kind);
    for _ in 0..MAX_LEVELS {
        match read_numa_node(entry.clone().text(b"numa_node")) {
            Some(Some(node)) => return Ok(node),
            // The device above may have one.
            Some(None) => error = DeviceError::NodeUnknown(kind),
            None => {}
        }
        // An entry is a link into the tree of devices: `..` is the directory above the link's target.
        entry.text(b"../");
    }
    Err(error)
}

/// Reads a file numa_node. Returns `Some(None)` if it has -1, and `None` if it cannot be read.
pub(super) fn read_numa_node(file: &FixedPath) -> Option<Option<usize>> {
    let (mut negative, mut number, mut node) = (false, NumberParser::default(), None);
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
    use crate::sys::testing::loopback_is_up;

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
    fn other_text_is_distinguished_from_devices_that_do_not_exist() {
        for text in [c"", c"0", c"all", c"netdev", c"net:lo", c" netdev:lo"] {
            assert_eq!(look_up(Root::RUNNING, true, text), None);
        }
        let unknown = |text| look_up(Root::RUNNING, true, text).map(|(_, node)| node);
        assert_eq!(
            unknown(c"netdev:a name too long for a network device"),
            Some(Err(DeviceError::NoNode(DeviceKind::Network)))
        );
        assert_eq!(unknown(c"netdev:../net/lo"), Some(Err(DeviceError::Illegal)));
        assert_eq!(unknown(c"netdev: ."), Some(Err(DeviceError::Illegal)));
        assert_eq!(unknown(c"block:.."), Some(Err(DeviceError::Illegal)));
        assert_eq!(unknown(c"netdev:a.b"), Some(Err(DeviceError::NoNode(DeviceKind::Network))));
        assert_eq!(unknown(c"block:a/b"), Some(Err(DeviceError::Illegal)));
        assert_eq!(unknown(c"block:"), Some(Err(DeviceError::NoNode(DeviceKind::Block))));
        assert_eq!(unknown(c"file:/there/is/no/such/file"), Some(Err(DeviceError::NoFile)));
        assert_eq!(unknown(c"file:/proc/self/status"), Some(Err(DeviceError::NoBlockDevice)));
        assert_eq!(unknown(c"pci:none"), Some(Err(DeviceError::NoPciAddress)));
        assert_eq!(unknown(c"pci:ffff:ff:1f.7"), Some(Err(DeviceError::NoNode(DeviceKind::Pci))));
        assert_eq!(unknown(c"ip:999.0.0.1"), Some(Err(DeviceError::NoHost)));
        assert_eq!(unknown(c"ip:"), Some(Err(DeviceError::NoHost)));
    }

    #[test]
    fn blanks_before_the_name_of_a_network_or_block_device_are_skipped() {
        for (text, name) in [
            (c"netdev: lo", c"lo"),
            (c"netdev:\t\n\x0b\x0c\r lo ", c"lo "),
            (c"block: none", c"none"),
            (c"block: ", c""),
            (c"file: /", c" /"),
            (c"ip: ::", c" ::"),
            (c"pci: 0:2", c" 0:2"),
        ] {
            assert_eq!(look_up(Root::RUNNING, true, text).unwrap().0, name);
        }
    }

    #[test]
    fn the_loopback_device_has_no_node() {
        let of_the_device = Err(DeviceError::NoNode(DeviceKind::Network));
        let of_the_address = if loopback_is_up() { of_the_device } else { Err(DeviceError::NoRoute) };
        for (text, expected) in [(c"netdev:lo", of_the_device), (c"ip:127.0.0.1", of_the_address)] {
            let (name, node) = look_up(Root::RUNNING, true, text).unwrap();
            assert!(!name.is_empty());
            assert_eq!(node, expected);
        }
    }
}

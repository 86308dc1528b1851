//! Parsing lists of nodes and CPUs, and bit maps.

use super::errors::{Warning, warn_with};
use super::globals;
use super::mask::{allocate, bitmask, free, write};
use super::nodes::long;
use core::ffi::{CStr, c_char, c_int};
use core::ptr::null_mut;
use numars::for_c::bitmask::{BitsMut, WORD_BITS};
use numars::for_c::nodeset::{FixedBitmask, MAX_CPUS, NodeMask};
use numars::for_c::nodestring::{self, ParseContext, ParsedDevice};
use numars::for_c::sys::memory;
use numars::for_c::topology::{self, NodesLookup, configured_cpus};
use numars::{DeviceError, DeviceKind};

/// Why a list is rejected.
// Not of the same name, which cbindgen would take for the other type.
type ListError<'a> = nodestring::ParseError<'a, DeviceError>;

/// Looks up a device, or another name of nodes, at the end of a list.
type LookUp<'a> = dyn Fn(&'a [u8]) -> ParsedDevice<'a, DeviceError> + 'a;

/// Parses a list into an empty set. The second argument finds the nodes of a name.
type ParseOnce = for<'a> fn(&'a [u8], &LookUp<'a>, BitsMut) -> Result<(), ListError<'a>>;

/// Allocates the set of `size` bits that `list` names. If the list is rejected, calls `rejected` with the reason and returns NULL.
/// `device` finds the nodes of a device or another name, if the list may have one.
///
/// # Safety
/// `list` is NULL or a string.
unsafe fn parse(
    list: *const c_char,
    attempt: ParseOnce,
    device: fn(&CStr) -> NodesLookup,
    size: usize,
    rejected: impl FnOnce(ListError),
) -> *mut bitmask {
    if list.is_null() {
        return null_mut();
    }
    // SAFETY: as the caller promises.
    let list = unsafe { memory::string(list) }.to_bytes();
    let device = |rest: &[u8]| {
        // A name begins with a letter and is the last element. Finding the end of the string at every element would be slow.
        rest.first().filter(|first| first.is_ascii_lowercase())?;
        // SAFETY: the rest of a string is a string.
        let parsed = device(unsafe { memory::string(rest.as_ptr().cast()) });
        parsed.map(|(name, nodes)| (name.to_bytes(), nodes))
    };
    let named = allocate(size);
    if named.is_null() || list.is_empty() {
        return named;
    }
    // SAFETY: a fresh set.
    let set = unsafe { write(named) };
    let mut result = attempt(list, &device, set);
    if let Err(ListError::OutOfRange { .. } | ListError::EndOutOfRange { .. }) = result
        && globals::catch_up()
    {
        set.fill(false);
        result = attempt(list, &device, set);
    }
    match result {
        Ok(()) => named,
        Err(error) => {
            // Before the warning, because the program's own numa_warn() may not return.
            // SAFETY: a set that no other code has.
            unsafe { free(named) };
            rejected(error);
            null_mut()
        }
    }
}

/// Allocates the set of nodes that `list` names.
///
/// # Safety
/// `list` is NULL or a string.
unsafe fn parse_nodes(list: *const c_char, attempt: ParseOnce) -> *mut bitmask {
    // SAFETY: as the caller promises; each format takes the one argument after it, and the rest of a string is a string.
    unsafe {
        let size = topology::possible_nodes();
        parse(list, attempt, topology::nodes_by_name, size, |error| match error {
            ListError::Unparseable(rest) => {
                warn_with(Warning::NODE_LIST, c"unparseable node description `%s'\n", rest.as_ptr())
            }
            ListError::Missing(rest) => warn_with(Warning::NODE_LIST, c"missing node argument %s\n", rest.as_ptr()),
            ListError::OutOfRange { number, .. } => {
                warn_with(Warning::NODE_LIST, c"node argument %ld is out of range\n", long(number))
            }
            ListError::EndOutOfRange { number, .. } => {
                warn_with(Warning::NODE_LIST, c"node argument %ld out of range\n", long(number))
            }
            ListError::Device(error, name) => {
                let (warning, format) = device_warning(error);
                warn_with(warning, format, name.as_ptr())
            }
            ListError::Trailing(_) => {}
        })
    }
}

/// Returns the warning for a failed lookup of a device or another name. The format takes the name.
fn device_warning(error: DeviceError) -> (Warning, &'static CStr) {
    match error {
        DeviceError::Illegal => (Warning::ILLEGAL_NAME, c"Illegal characters in `%s' specification"),
        DeviceError::NoPciAddress => (Warning::PCI_ADDRESS, c"Cannot parse PCI device `%s'"),
        DeviceError::NoFile => (Warning::NO_FILE, c"Cannot stat file %s"),
        DeviceError::NoBlockDevice => (Warning::NO_BLOCK_DEVICE, c"Cannot find block device in sysfs for `%s'"),
        DeviceError::NoHost => (Warning::NO_HOST, c"Cannot resolve %s"),
        DeviceError::NoRoute => (Warning::NO_ROUTE, c"Cannot request rtnetlink route to %s"),
        DeviceError::NoNode(DeviceKind::Network) => (Warning::NO_NODE, c"Cannot read node mask for net device `%s'"),
        DeviceError::NoNode(DeviceKind::Block) => (Warning::NO_NODE, c"Cannot read node mask for block device `%s'"),
        DeviceError::NoNode(DeviceKind::Drm) => (Warning::NO_NODE, c"Cannot read node mask for drm device `%s'"),
        DeviceError::NoNode(DeviceKind::Dax) => (Warning::NO_NODE, c"Cannot read node mask for dax device `%s'"),
        DeviceError::NoTier => (Warning::NO_NODE, c"Cannot find memory tier `%s'"),
        DeviceError::NoNode(_) => (Warning::NO_NODE, c"Cannot read node mask for  device `%s'"),
        DeviceError::NodeUnknown(DeviceKind::Network) => {
            (Warning::NOWHERE, c"Kernel does not know node mask for net device `%s'")
        }
        DeviceError::NodeUnknown(_) => (Warning::NOWHERE, c"Kernel does not know node mask for device `%s'"),
        // NoNodes, and what the lookup of a list's last element does not return.
        _ => (Warning::NO_NODE, c"Cannot find a node for `%s'"),
    }
}

/// Complements a set of nodes within the nodes that exist.
pub(super) fn invert_nodes(named: BitsMut) {
    let nodes = globals::nodes();
    nodestring::invert(named, |node| nodes.bits().as_bits().contains(node));
}

/// Complements a set of CPUs within the CPUs of the machine.
pub(super) fn invert_cpus(named: BitsMut) {
    let configured = configured_cpus();
    nodestring::invert(named, |cpu| cpu < configured);
}

/// Allocates the set of CPUs that `list` names.
///
/// # Safety
/// `list` is NULL or a string.
unsafe fn parse_cpus(list: *const c_char, attempt: ParseOnce) -> *mut bitmask {
    // SAFETY: as the caller promises; each format takes the one argument after it, and the rest of a string is a string.
    unsafe {
        let size = topology::possible_cpus();
        parse(
            list,
            attempt,
            |_| None,
            size,
            |error| match error {
                ListError::Unparseable(rest) => {
                    warn_with(Warning::CPU_LIST, c"unparseable cpu description `%s'\n", rest.as_ptr())
                }
                ListError::Missing(rest) => warn_with(Warning::CPU_LIST, c"missing cpu argument %s\n", rest.as_ptr()),
                ListError::OutOfRange { rest, .. } => {
                    warn_with(Warning::CPU_LIST, c"cpu argument %s is out of range\n", rest.as_ptr())
                }
                ListError::EndOutOfRange { rest, .. } => {
                    warn_with(Warning::CPU_LIST, c"cpu argument %s out of range\n", rest.as_ptr())
                }
                ListError::Device(..) | ListError::Trailing(_) => {}
            },
        )
    }
}

/// The words of a set of CPUs of a small machine. Clearing a larger one takes longer than what is done with it.
pub(super) const SMALL_WORDS: usize = 1024 / WORD_BITS;

/// Returns whether such a set has room for all CPUs.
pub(super) fn is_small() -> bool {
    topology::possible_cpus() <= SMALL_WORDS * WORD_BITS
}

/// Parse a bit map in the format of /sys/devices/system/node/node0/cpumap.
///
/// @param line  groups of up to eight hexadecimal digits, the highest first, separated by commas
///              and ended by a newline; not modified; NULL: not a bit map
/// @param mask  receives the bits
/// @return 0, or -1 with errno unchanged if line is not a bit map or mask is too small
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// line is NULL or points to a string. mask is NULL or valid: maskp is NULL or points to size bits,
/// which no other thread changes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_parse_bitmap(line: *mut c_char, mask: *mut bitmask) -> c_int {
    if line.is_null() {
        return -1;
    }
    // SAFETY: as the caller promises.
    let (line, mask) = unsafe { (memory::string(line), write(mask)) };
    if nodestring::parse_bitmap(line.to_bytes(), mask) { 0 } else { -1 }
}

/// Parse a list of nodes that the program may use, as numactl(8) takes it.
///
/// Elements are separated by commas: a number, a range such as 1-5, or, as the last one, all for
/// those of numa_all_nodes_ptr. A ! before the list inverts it among the nodes that exist. From a +
/// on, numbers count within numa_all_nodes_ptr.
///
/// The last element may be a device, which stands for its nearest node: netdev:eth0 and block:sda
/// by kernel name, file:/var/lib by a file on it, pci:0000:00:1f.2 by address, ip:192.0.2.1 or
/// ip:name by a host that is reached through it. A host's name is looked up by getaddrinfo(3),
/// which may take long. drm:card0 is a graphics or compute device, and dax:dax0.0 stands for the
/// node that the memory of a dax device becomes.
///
/// Or the last element is the name of several nodes, of which those count that the program may use:
/// tier:4 for those of a memory tier, fastest and slowest for those of the tier with the lowest or
/// the highest number, cpus for those with CPUs, memory-only for those with memory and without
/// CPUs. libnuma has none of these names, nor drm: and dax:.
///
/// @param string  the list; empty: no nodes; NULL: not a valid list
/// @return a node mask, to be freed with numa_bitmask_free(); NULL if string is not a valid list or
///         names a node on which the program may neither allocate nor run, which is reported by
///         numa_warn() unless string is NULL or has trailing text; NULL with errno ENOMEM
///
/// Thread-safe. Not async-signal-safe: calls malloc(3).
///
/// Follows numa(3).
///
/// # Safety
/// string is NULL or points to a string that no other thread changes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_parse_nodestring(string: *const c_char) -> *mut bitmask {
    let attempt: ParseOnce = |list, device, set| {
        let (all, usable);
        all = globals::all_nodes();
        let may = if globals::may_allocate_on_all_nodes() {
            &all
        } else {
            usable = globals::usable_nodes();
            &usable
        };
        nodestring::parse(
            list,
            ParseContext { allowed: may.bits().as_bits(), all: all.bits().as_bits(), invert: &invert_nodes },
            device,
            set,
        )
    };
    // SAFETY: as the caller promises.
    unsafe { parse_nodes(string, attempt) }
}

/// Parse a list of nodes like numa_parse_nodestring(), but of all nodes of the machine.
///
/// @param string  the list; empty: no nodes; NULL: not a valid list
/// @return a node mask, to be freed with numa_bitmask_free(); NULL if string is not a valid list or
///         names a node that does not exist, reported as by numa_parse_nodestring(); NULL with
///         errno ENOMEM
///
/// Thread-safe. Not async-signal-safe: calls malloc(3).
///
/// Follows numa(3).
///
/// # Safety
/// string is NULL or points to a string that no other thread changes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_parse_nodestring_all(string: *const c_char) -> *mut bitmask {
    let attempt: ParseOnce = |list, device, set| {
        let nodes = NodeMask::new();
        globals::read_nodes(nodes.bits());
        let nodes = nodes.bits().as_bits();
        nodestring::parse(
            list,
            ParseContext {
                allowed: nodes,
                all: nodes,
                invert: &|named| nodestring::invert(named, |node| nodes.contains(node)),
            },
            device,
            set,
        )
    };
    // SAFETY: as the caller promises.
    unsafe { parse_nodes(string, attempt) }
}

/// Parse a list of CPUs that the program may run on, in the format of numa_parse_nodestring().
///
/// all stands for the CPUs of numa_all_cpus_ptr, and + counts within these. There are no devices.
///
/// @param string  the list; empty: no CPUs; NULL: not a valid list
/// @return a CPU mask, to be freed with numa_bitmask_free(); NULL if string is not a valid list or
///         names a CPU on which the program may not run, reported as by numa_parse_nodestring();
///         NULL with errno ENOMEM
///
/// Thread-safe. Not async-signal-safe: calls malloc(3).
///
/// Follows numa(3).
///
/// # Safety
/// string is NULL or points to a string that no other thread changes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_parse_cpustring(string: *const c_char) -> *mut bitmask {
    fn attempt<'a, const WORDS: usize>(list: &'a [u8], device: &LookUp<'a>, set: BitsMut) -> Result<(), ListError<'a>> {
        let cpus = FixedBitmask::<WORDS>::new();
        globals::read_all_cpus(&cpus);
        let cpus = cpus.bits().as_bits();
        nodestring::parse(list, ParseContext { allowed: cpus, all: cpus, invert: &invert_cpus }, device, set)
    }
    let attempt = if is_small() { attempt::<SMALL_WORDS> } else { attempt::<{ MAX_CPUS / WORD_BITS }> };
    // SAFETY: as the caller promises.
    unsafe { parse_cpus(string, attempt) }
}

/// Parse a list of CPUs like numa_parse_cpustring(), but of all CPUs of the machine.
///
/// @param string  the list; empty: no CPUs; NULL: not a valid list
/// @return a CPU mask, to be freed with numa_bitmask_free(); NULL if string is not a valid list or
///         names a CPU that the machine does not have, reported as by numa_parse_nodestring(); NULL
///         with errno ENOMEM
///
/// Thread-safe. Not async-signal-safe: calls malloc(3).
///
/// Follows numa(3).
///
/// # Safety
/// string is NULL or points to a string that no other thread changes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_parse_cpustring_all(string: *const c_char) -> *mut bitmask {
    fn attempt<'a, const WORDS: usize>(list: &'a [u8], device: &LookUp<'a>, set: BitsMut) -> Result<(), ListError<'a>> {
        let cpus = FixedBitmask::<WORDS>::new();
        BitsMut::new(cpus.words(), configured_cpus()).fill(true);
        let cpus = cpus.bits().as_bits();
        nodestring::parse(list, ParseContext { allowed: cpus, all: cpus, invert: &invert_cpus }, device, set)
    }
    let attempt = if is_small() { attempt::<SMALL_WORDS> } else { attempt::<{ MAX_CPUS / WORD_BITS }> };
    // SAFETY: as the caller promises.
    unsafe { parse_cpus(string, attempt) }
}

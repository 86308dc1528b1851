//! Lists of nodes and CPUs as people write them.

use super::bitmask::{allocate, bitmask, numa_bitmask_free, write};
use super::errors::{Warning, warn_with};
use super::globals;
use core::ffi::{CStr, c_char, c_int};
use core::ptr::null_mut;
use numars::bitmask::{BitsMut, WORD_BITS};
use numars::nodestring::{self, Names, Refusal};
use numars::sys::memory;
use numars::topology::{self, Cpus, Device, Kind, MOST_CPUS, Set, Unknown, configured_cpus};

/// Reads a list into an empty set. The second argument finds the node of a device.
type ParseOnce = for<'a> fn(&'a [u8], &nodestring::ReadDevice<'a>, BitsMut) -> Result<(), Refusal<'a>>;

/// Makes the set of `size` bits that `list` names. If it is refused, calls `refused` with the reason and makes none. `device` finds the
/// node of a device, if it may be named.
///
/// # Safety
/// `list` is NULL or a string.
unsafe fn parse(
    list: *const c_char,
    attempt: ParseOnce,
    device: fn(&CStr) -> Device<CStr>,
    size: usize,
    refused: impl FnOnce(Refusal),
) -> *mut bitmask {
    if list.is_null() {
        return null_mut();
    }
    // SAFETY: as the caller promises.
    let list = unsafe { memory::string(list) }.to_bytes();
    let device = |rest: &[u8]| {
        // What begins with a letter ends the list. Of nothing else is the end looked for: a long list would take long.
        rest.first().filter(|first| first.is_ascii_lowercase())?;
        // SAFETY: the rest of a string is a string.
        let found = device(unsafe { memory::string(rest.as_ptr().cast()) });
        found.map(|(name, node)| (name.to_bytes(), node))
    };
    let named = allocate(size);
    if named.is_null() || list.is_empty() {
        return named;
    }
    // SAFETY: a fresh set.
    let set = unsafe { write(named) };
    let mut outcome = attempt(list, &device, set);
    if let Err(Refusal::OutOfRange { .. } | Refusal::EndOutOfRange { .. }) = outcome
        && globals::catch_up()
    {
        set.fill(false);
        outcome = attempt(list, &device, set);
    }
    match outcome {
        Ok(()) => named,
        Err(refusal) => {
            // Before the warning: a numa_warn() of the program's need not return.
            // SAFETY: a set that no other code has.
            unsafe { numa_bitmask_free(named) };
            refused(refusal);
            null_mut()
        }
    }
}

/// Makes the set of nodes that `list` names.
///
/// # Safety
/// `list` is NULL or a string.
unsafe fn parse_nodes(list: *const c_char, attempt: ParseOnce) -> *mut bitmask {
    // SAFETY: as the caller promises; each format takes the one argument behind it, and the rest of a string is a string.
    unsafe {
        let size = topology::possible_nodes();
        parse(list, attempt, topology::device, size, |refusal| match refusal {
            Refusal::Unparseable(rest) => {
                warn_with(Warning::NODE_LIST, c"unparseable node description `%s'\n", rest.as_ptr())
            }
            Refusal::Missing(rest) => warn_with(Warning::NODE_LIST, c"missing node argument %s\n", rest.as_ptr()),
            Refusal::OutOfRange { number, .. } => {
                warn_with(Warning::NODE_LIST, c"node argument %ld is out of range\n", number)
            }
            Refusal::EndOutOfRange { number, .. } => {
                warn_with(Warning::NODE_LIST, c"node argument %ld out of range\n", number)
            }
            Refusal::Device(unknown, name) => {
                let (warning, format) = unknown_device(unknown);
                warn_with(warning, format, name.as_ptr())
            }
            Refusal::Trailing => {}
        })
    }
}

/// How to tell that the node of a device is not known: the format takes the device's name.
fn unknown_device(unknown: Unknown) -> (Warning, &'static CStr) {
    match unknown {
        Unknown::Illegal => (Warning::ILLEGAL_NAME, c"Illegal characters in `%s' specification"),
        Unknown::NoPciAddress => (Warning::PCI_ADDRESS, c"Cannot parse PCI device `%s'"),
        Unknown::NoFile => (Warning::NO_FILE, c"Cannot stat file %s"),
        Unknown::NoBlockDevice => (Warning::NO_BLOCK_DEVICE, c"Cannot find block device in sysfs for `%s'"),
        Unknown::NoHost => (Warning::NO_HOST, c"Cannot resolve %s"),
        Unknown::NoRoute => (Warning::NO_ROUTE, c"Cannot request rtnetlink route to %s"),
        Unknown::NoNode(Kind::Network) => (Warning::NO_NODE, c"Cannot read node mask for net device `%s'"),
        Unknown::NoNode(Kind::Block) => (Warning::NO_NODE, c"Cannot read node mask for block device `%s'"),
        Unknown::NoNode(Kind::Pci) => (Warning::NO_NODE, c"Cannot read node mask for  device `%s'"),
        Unknown::Nowhere(Kind::Network) => (Warning::NOWHERE, c"Kernel does not know node mask for net device `%s'"),
        Unknown::Nowhere(_) => (Warning::NOWHERE, c"Kernel does not know node mask for device `%s'"),
    }
}

/// Replaces a set of CPUs by all others that the machine has.
fn invert_cpus(named: BitsMut) {
    let configured = configured_cpus();
    nodestring::invert(named, |cpu| cpu < configured);
}

/// Makes the set of CPUs that `list` names.
///
/// # Safety
/// `list` is NULL or a string.
unsafe fn parse_cpus(list: *const c_char, attempt: ParseOnce) -> *mut bitmask {
    // SAFETY: as the caller promises; each format takes the one argument behind it, and the rest of a string is a string.
    unsafe {
        let size = topology::possible_cpus();
        parse(
            list,
            attempt,
            |_| None,
            size,
            |refusal| match refusal {
                Refusal::Unparseable(rest) => {
                    warn_with(Warning::CPU_LIST, c"unparseable cpu description `%s'\n", rest.as_ptr())
                }
                Refusal::Missing(rest) => warn_with(Warning::CPU_LIST, c"missing cpu argument %s\n", rest.as_ptr()),
                Refusal::OutOfRange { rest, .. } => {
                    warn_with(Warning::CPU_LIST, c"cpu argument %s is out of range\n", rest.as_ptr())
                }
                Refusal::EndOutOfRange { rest, .. } => {
                    warn_with(Warning::CPU_LIST, c"cpu argument %s out of range\n", rest.as_ptr())
                }
                Refusal::Device(..) | Refusal::Trailing => {}
            },
        )
    }
}

/// Reads a bit map such as /sys/devices/system/node/node0/cpumap has.
///
/// @param line  hexadecimal groups of 32 bits, the highest first, with commas between them and a line end behind them
/// @param mask  where to put the bits
/// @return 0, or -1 if line is none, also NULL, or mask is too small; errno stays as it is
///
/// Follows numa(3).
///
/// # Safety
/// line is NULL or a string, mask NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_parse_bitmap(line: *mut c_char, mask: *mut bitmask) -> c_int {
    if line.is_null() {
        return -1;
    }
    // SAFETY: as the caller promises.
    let (line, mask) = unsafe { (memory::string(line), write(mask)) };
    if nodestring::parse_bitmap(line.to_bytes(), mask) { 0 } else { -1 }
}

/// Reads a list of nodes: 1-5,7,10 or all; !4-5 is all others, +0-3 counts among the nodes that the program may use.
///
/// The last element may be a device, which stands for the node that it is near: netdev:eth0 and block:sda by the names that the
/// kernel gives them, file:/var/lib by a file on it, pci:0000:00:1f.2 by its address, ip:192.0.2.1 or ip:name by a host that is
/// reached through it.
///
/// @param string  the list; empty: no nodes; NULL is no list
/// @return a set, to be given back with numa_bitmask_free(); NULL if the list is none or names a node that the program
///         may neither allocate nor run on, which is reported by numa_warn(); or with errno ENOMEM
///
/// Follows numa(3).
///
/// # Safety
/// string is NULL or a string.
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
        let invert = |named: BitsMut| {
            let nodes = globals::nodes();
            nodestring::invert(named, |node| nodes.bits().as_bits().contains(node));
        };
        nodestring::parse(
            list,
            Names { may: may.bits().as_bits(), all: all.bits().as_bits(), invert: &invert },
            device,
            set,
        )
    };
    // SAFETY: as the caller promises.
    unsafe { parse_nodes(string, attempt) }
}

/// As numa_parse_nodestring(), of all nodes that the kernel has.
///
/// @param string  the list; empty: no nodes; NULL is no list
/// @return as there
///
/// Follows numa(3).
///
/// # Safety
/// string is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_parse_nodestring_all(string: *const c_char) -> *mut bitmask {
    let attempt: ParseOnce = |list, device, set| {
        let nodes = globals::nodes();
        let nodes = nodes.bits().as_bits();
        nodestring::parse(
            list,
            Names { may: nodes, all: nodes, invert: &|named| nodestring::invert(named, |node| nodes.contains(node)) },
            device,
            set,
        )
    };
    // SAFETY: as the caller promises.
    unsafe { parse_nodes(string, attempt) }
}

/// Reads a list of CPUs, written as for numa_parse_nodestring().
///
/// @param string  the list; empty: no CPUs; NULL is no list
/// @return a set, to be given back with numa_bitmask_free(); NULL if the list is none or names a CPU that the program
///         may not run on, which is reported by numa_warn(); or with errno ENOMEM
///
/// Follows numa(3).
///
/// # Safety
/// string is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_parse_cpustring(string: *const c_char) -> *mut bitmask {
    fn attempt<'a, const WORDS: usize>(
        list: &'a [u8],
        device: &nodestring::ReadDevice<'a>,
        set: BitsMut,
    ) -> Result<(), Refusal<'a>> {
        let cpus = Set::<WORDS>::new();
        globals::read_all_cpus(&cpus);
        let cpus = cpus.bits().as_bits();
        nodestring::parse(list, Names { may: cpus, all: cpus, invert: &invert_cpus }, device, set)
    }
    // Clearing a set takes longer than reading a short list.
    const FEW: usize = 1024;
    let are_few = topology::possible_cpus() <= FEW;
    let attempt = if are_few { attempt::<{ FEW / WORD_BITS }> } else { attempt::<{ MOST_CPUS / WORD_BITS }> };
    // SAFETY: as the caller promises.
    unsafe { parse_cpus(string, attempt) }
}

/// As numa_parse_cpustring(), of all CPUs that the machine has.
///
/// @param string  the list; empty: no CPUs; NULL is no list
/// @return as there
///
/// Follows numa(3).
///
/// # Safety
/// string is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_parse_cpustring_all(string: *const c_char) -> *mut bitmask {
    let attempt: ParseOnce = |list, device, set| {
        let cpus = Cpus::new();
        (0..configured_cpus()).for_each(|cpu| cpus.bits().set(cpu));
        let cpus = cpus.bits().as_bits();
        nodestring::parse(list, Names { may: cpus, all: cpus, invert: &invert_cpus }, device, set)
    };
    // SAFETY: as the caller promises.
    unsafe { parse_cpus(string, attempt) }
}

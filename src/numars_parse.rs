//! Lists of nodes and CPUs, with the position of an error, and the reverse: part of numars.h.

use super::globals;
use super::mask::{bitmask, read, write};
use super::parse::{invert_cpus, invert_nodes};
use super::sized::{Output, SizedStruct, assert_no_padding};
use core::ffi::{CStr, c_char, c_int};
use numars::DeviceError;
use numars::for_c::bitmask::{Bits, BitsMut};
use numars::for_c::nodeset::{CpuMask, NodeMask};
use numars::for_c::nodestring::{self, ParseContext, ParseError};
use numars::for_c::parse_failure::{Members, ParseFailure};
use numars::for_c::radix::{DECIMAL, write_radix};
use numars::for_c::sys::errno;
use numars::for_c::sys::memory;
use numars::for_c::topology::{self, NodesLookup, configured_cpus, possible_cpus, possible_nodes};

/// Where and why a list was rejected, to be initialized with NUMARS_PARSE_ERROR_INIT.
#[repr(C)]
#[allow(non_camel_case_types, reason = "C's name")]
#[derive(Clone, Copy)]
pub struct numars_parse_error {
    /// the size of this structure in bytes, so that it can grow: a larger one is accepted if its
    /// further bytes are 0
    pub size: usize,
    /// the first byte of the list that is at fault, counted from 0
    pub offset: usize,
    /// how many bytes are at fault; 0: something is missing there
    pub length: usize,
    /// a static string in English, such as "no such node"; not written if the size of this structure
    /// is invalid
    pub message: *const c_char,
}

assert_no_padding!(numars_parse_error: size offset length message);

// SAFETY: integers and an address, without padding.
unsafe impl SizedStruct for numars_parse_error {
    const MIN_SIZE: usize = if usize::BITS == 64 { 32 } else { 16 };
}

const _: () = assert!(size_of::<numars_parse_error>() == numars_parse_error::MIN_SIZE);

/// Parses a list, and stores what it names in a set that is changed on success only.
type Parse = fn(&CStr, BitsMut) -> Result<(), ParseFailure>;

/// Parses a list for a C program.
///
/// # Safety
/// As for [`numars_parse_nodes`].
#[inline(never)]
unsafe fn parse(list: *const c_char, mask: *mut bitmask, error: *mut numars_parse_error, parse: Parse) -> c_int {
    // SAFETY: as the caller promises.
    let output = match unsafe { Output::new(error) } {
        Ok(output) => output,
        Err(code) => {
            errno::set(code);
            return -1;
        }
    };
    // SAFETY: as the caller promises.
    let has_words = unsafe { mask.as_ref() }.is_some_and(|mask| !mask.maskp.is_null());
    let result = if list.is_null() {
        Err(ParseFailure::NO_LIST)
    } else if !has_words {
        Err(ParseFailure::NO_SET)
    } else {
        // SAFETY: as the caller promises.
        let (list, mask) = unsafe { (memory::string(list), write(mask)) };
        errno::preserve_errno(|| parse(list, mask))
    };
    match result {
        Ok(()) => 0,
        Err(failure) => {
            output.write(&numars_parse_error {
                size: 0,
                offset: failure.span.start,
                length: failure.span.len(),
                message: failure.message().as_ptr(),
            });
            errno::set(failure.errno.raw());
            -1
        }
    }
}

/// Parses a list into an empty set. Numbers may be named that are below the given one.
type Attempt = for<'a> fn(&'a CStr, usize, BitsMut) -> Result<(), ParseError<'a, DeviceError>>;

/// Makes an attempt with the empty set `named`, again if the kernel shows a node or CPU that was not known before, and copies the result.
#[inline(never)]
fn finish(list: &CStr, mask: BitsMut, named: BitsMut, members: Members, attempt: Attempt) -> Result<(), ParseFailure> {
    let text = list.to_bytes();
    if !text.is_empty() {
        let mut result = attempt(list, usize::MAX, named);
        if let Err(ParseError::OutOfRange { .. } | ParseError::EndOutOfRange { .. }) = result
            && globals::catch_up()
        {
            named.fill(false);
            result = attempt(list, usize::MAX, named);
        }
        result.map_err(|error| ParseFailure::new(&error, text, members))?;
    }
    let room = mask.as_bits().length();
    if named.as_bits().highest().is_some_and(|highest| highest >= room) {
        named.fill(false);
        return Err(ParseFailure::beyond_set(text, attempt(list, room, named).err().as_ref()));
    }
    mask.copy_from(named.as_bits());
    Ok(())
}

/// Parses `list`, which may end with a name that `nodes_by_name` knows.
fn parse_in<'a>(
    list: &'a CStr,
    context: ParseContext,
    nodes_by_name: fn(&CStr) -> NodesLookup,
    named: BitsMut,
) -> Result<(), ParseError<'a, DeviceError>> {
    let name = |rest: &'a [u8]| {
        // A name begins with a letter, and is the last element. Finding the end of the list at every element would be slow.
        rest.first().filter(|first| first.is_ascii_lowercase())?;
        let list = list.to_bytes_with_nul();
        let rest = list.get(list.len().checked_sub(rest.len() + 1)?..)?;
        let (name, nodes) = nodes_by_name(CStr::from_bytes_with_nul(rest).ok()?)?;
        Some((name.to_bytes(), nodes))
    };
    nodestring::parse(list.to_bytes(), context, &name, named)
}

fn parse_nodes(list: &CStr, mask: BitsMut) -> Result<(), ParseFailure> {
    let named = NodeMask::new();
    let members = Members {
        cpus: false,
        possible: possible_nodes(),
        exists: &|node| globals::nodes().bits().as_bits().contains(node),
    };
    finish(list, mask, named.bits(), members, |list, below, named| {
        let (allowed, all) = (globals::usable_nodes(), globals::all_nodes());
        let allowed = Bits::new(allowed.words(), below);
        let context = ParseContext { allowed, all: all.bits().as_bits(), invert: &invert_nodes };
        parse_in(list, context, topology::nodes_by_name, named)
    })
}

fn parse_cpus(list: &CStr, mask: BitsMut) -> Result<(), ParseFailure> {
    let named = CpuMask::new();
    let members = Members { cpus: true, possible: possible_cpus(), exists: &|cpu| cpu < configured_cpus() };
    finish(list, mask, named.bits(), members, |list, below, named| {
        let cpus = CpuMask::new();
        globals::read_all_cpus(&cpus);
        let allowed = Bits::new(cpus.words(), below);
        let context = ParseContext { allowed, all: cpus.bits().as_bits(), invert: &invert_cpus };
        parse_in(list, context, |_| None, named)
    })
}

/// Parse a list of nodes that the program may use, and say where and why it is rejected.
///
/// The syntax is that of numa_parse_nodestring(): numbers, ranges, all, ! before the list, + before
/// indices, and a device, memory tier or kind of nodes as the last element.
///
/// @param list   the list; empty: no nodes
/// @param nodes  receives the nodes; unchanged on failure
/// @param error  receives the position and the reason of a failure; unchanged on success; NULL: not
///               wanted
/// @return 0, or -1 with errno: EINVAL (the syntax; list or nodes is NULL, or maskp of nodes; error
///         is too small), ERANGE (a number that no node of this system can have; an index beyond
///         the nodes that all stands for; a node beyond the size of nodes), ENODEV (no such node,
///         or one on which the program may neither allocate nor run; a device whose node is
///         unknown; no node of this kind), ENOENT (no such device, file, host or memory tier),
///         E2BIG (error has unknown bytes that are not 0, or more than 4096 bytes)
///
/// Changes nothing but its outputs. Thread-safe. Async-signal-safe unless the list names a host, which
/// getaddrinfo(3) looks up.
///
/// Like numa_parse_nodestring(), but prints nothing, allocates nothing, and sets errno.
///
/// # Safety
/// list is NULL or a string that no other thread changes during the call. nodes is NULL or valid:
/// maskp is NULL or points to size bits, which no other thread uses during the call. error is NULL
/// or points to as many bytes as its size says, which may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_parse_nodes(
    list: *const c_char,
    nodes: *mut bitmask,
    error: *mut numars_parse_error,
) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { parse(list, nodes, error, parse_nodes) }
}

/// Parse a list of CPUs that the program may run on, and say where and why it is rejected.
///
/// The syntax is that of numa_parse_cpustring(): numbers, ranges, all, ! before the list, and +
/// before indices.
///
/// @param list   the list; empty: no CPUs
/// @param cpus   receives the CPUs; unchanged on failure
/// @param error  receives the position and the reason of a failure; unchanged on success; NULL: not
///               wanted
/// @return 0, or -1 with errno: EINVAL (the syntax; list or cpus is NULL, or maskp of cpus; error
///         is too small), ERANGE (a number that no CPU of this system can have; an index beyond the
///         CPUs that all stands for; a CPU beyond the size of cpus), ENODEV (no such CPU, or one
///         that the program may not run on), E2BIG (as numars_parse_nodes())
///
/// Changes nothing but its outputs. Thread-safe. Async-signal-safe.
///
/// Like numa_parse_cpustring(), but prints nothing, allocates nothing, and sets errno.
///
/// # Safety
/// list is NULL or a string that no other thread changes during the call. cpus is NULL or valid:
/// maskp is NULL or points to size bits, which no other thread uses during the call. error is NULL
/// or points to as many bytes as its size says, which may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_parse_cpus(
    list: *const c_char,
    cpus: *mut bitmask,
    error: *mut numars_parse_error,
) -> c_int {
    // SAFETY: as the caller promises.
    unsafe { parse(list, cpus, error, parse_cpus) }
}

/// Format a set of nodes or CPUs as the kernel does, such as "0-3,8".
///
/// @param set     the set; the empty set gives an empty string
/// @param buffer  receives the string, which is cut off if it does not fit, and always ends with a
///                NUL; NULL if size is 0
/// @param size    bytes of buffer; 0: only the length is returned
/// @return the length of the whole string without the NUL, as snprintf(3); -1 with errno: EINVAL
///         (buffer is NULL, and size is not 0), EOVERFLOW (the length exceeds INT_MAX; buffer is
///         filled)
///
/// Changes nothing but its outputs. Thread-safe. Async-signal-safe.
///
/// # Safety
/// set is NULL or valid: maskp is NULL or points to size bits, which no other thread changes during
/// the call. size bytes may be written to buffer, which do not overlap the set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_format_nodes(set: *const bitmask, buffer: *mut c_char, size: usize) -> c_int {
    if buffer.is_null() && size > 0 {
        errno::set(errno::EINVAL);
        return -1;
    }
    let mut length = 0usize;
    let mut append = |byte: u8| {
        if length + 1 < size {
            // SAFETY: as the caller promises, inside of the buffer.
            unsafe { buffer.add(length).write(byte as c_char) };
        }
        length += 1;
        length
    };
    // SAFETY: as the caller promises.
    let mut ranges = nodestring::ranges(unsafe { read(set) }.iter());
    let mut next = ranges.next();
    while let Some((first, last)) = next {
        write_radix(first as u64, DECIMAL, 1, &mut |digit| _ = append(digit));
        if last != first {
            append(b'-');
            write_radix(last as u64, DECIMAL, 1, &mut |digit| _ = append(digit));
        }
        next = ranges.next();
        if next.is_some() && append(b',') > c_int::MAX as usize {
            break;
        }
    }
    if size > 0 {
        // SAFETY: as above.
        unsafe { buffer.add(length.min(size - 1)).write(0) };
    }
    c_int::try_from(length).unwrap_or_else(|_| {
        errno::set(errno::EOVERFLOW);
        -1
    })
}

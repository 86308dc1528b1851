//! NUMARS_LOG: a line for each call about policy, placement, affinity or moving pages, with its arguments and what came of it.
//!
//! A line is made on the stack and written at once, so that threads and signal handlers may come here, and nothing of it is left when
//! a process forks.

use core::cell::Cell;
use core::ffi::c_long;
use core::num::NonZeroU64;
use numars::bitmask::{Bits, WORD_BITS, Word};
use numars::error::SyscallError;
use numars::mempolicy::{Applied, MF_STRICT, NUMA_BALANCING};
use numars::migrate::Figures;
use numars::radix::{DECIMAL, HEXADECIMAL, write_radix};
use numars::sys::errno::{self, Errno};
use numars::sys::files::strip_prefix;
use numars::sys::user_memory::{self, Copied};
use numars::sys::{log_file, process};

/// Tells of a call, and is its answer. The arguments stand where the text has stars. Costs a comparison where nobody wants to know.
macro_rules! log {
    ($text:literal, [$($argument:expr),*], $answer:expr) => {{
        let answer = $answer;
        if $crate::trace::is_on() {
            $crate::trace::Answer::tell(answer, $text, &[$($crate::trace::Value::from(&$argument)),*]);
        }
        answer
    }};
}
pub(crate) use log;

/// Whether somebody wants to know, since [`begin`].
pub fn is_on() -> bool {
    log_file::is_open()
}

/// Looks into the environment. Before, nothing is logged.
pub fn begin() {
    process::environment(c"NUMARS_LOG", |value| {
        let is = |text: &[u8]| strip_prefix(text, value.to_bytes()).is_some_and(<[u8]>::is_empty);
        if !is(b"") && !is(b"0") {
            let is_standard_error = is(b"1") || is(b"/dev/stderr") || is(b"/dev/fd/2") || is(b"/proc/self/fd/2");
            log_file::open((!is_standard_error).then_some(value));
        }
        Some(())
    });
}

/// An argument.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Number(i64),
    Address(usize),
    Set(&'a Bits<'a>),
    /// A set of so many bits at an address that nobody has looked at.
    Mask(u32, usize),
    /// A policy with its flags.
    Policy(i32),
    /// MPOL_MF_STRICT and its like.
    Flags(u32),
}

/// A set as the kernel is given it: its address, and one more than it has bits.
#[cold]
#[inline(never)]
pub fn mask(address: usize, maxnode: usize) -> Value<'static> {
    Value::Mask(maxnode.saturating_sub(1).try_into().unwrap_or(u32::MAX), address)
}

impl From<&i32> for Value<'_> {
    fn from(&number: &i32) -> Self {
        Value::Number(number.into())
    }
}

impl From<&usize> for Value<'_> {
    fn from(&number: &usize) -> Self {
        Value::Number(number as i64)
    }
}

impl<T> From<&*mut T> for Value<'_> {
    fn from(&address: &*mut T) -> Self {
        Value::Address(address as usize)
    }
}

impl<'a> From<&'a Bits<'a>> for Value<'a> {
    fn from(set: &'a Bits<'a>) -> Self {
        Value::Set(set)
    }
}

impl<'a> From<&Value<'a>> for Value<'a> {
    fn from(&value: &Value<'a>) -> Self {
        value
    }
}

/// What comes of a call. Where it failed, errno says why.
pub trait Answer {
    fn tell(self, text: &str, arguments: &[Value]);
}

impl Answer for i64 {
    #[cold]
    #[inline(never)]
    fn tell(self, text: &str, arguments: &[Value]) {
        write(text, arguments, Value::Number(self), self < 0, Moves::None);
    }
}

impl Answer for i32 {
    fn tell(self, text: &str, arguments: &[Value]) {
        i64::from(self).tell(text, arguments);
    }
}

impl Answer for Result<(), SyscallError> {
    #[cold]
    #[inline(never)]
    fn tell(self, text: &str, arguments: &[Value]) {
        (if self.is_ok() { 0i64 } else { -1 }).tell(text, arguments);
    }
}

/// 0; 1 for the fallback of an older kernel; -1 for a failure.
impl Answer for Result<Applied, SyscallError> {
    #[cold]
    #[inline(never)]
    fn tell(self, text: &str, arguments: &[Value]) {
        self.map_or(-1, |applied| i64::from(applied == Applied::Fallback)).tell(text, arguments);
    }
}

/// A number, and what became of pages.
impl Answer for (c_long, Moves<'_>) {
    #[cold]
    #[inline(never)]
    fn tell(self, text: &str, arguments: &[Value]) {
        let (answer, moves) = self;
        #[allow(clippy::unnecessary_cast, reason = "where a long has 32 bits, it is none")]
        write(text, arguments, Value::Number(answer as i64), answer < 0, moves);
    }
}

/// What became of pages.
#[derive(Clone, Copy)]
pub enum Moves<'a> {
    None,
    Figures(&'a Figures),
    /// Where the arrays of a call are that moved or looked for so many pages: nodes, or 0, and statuses, or 0.
    Arrays {
        count: usize,
        nodes: usize,
        status: usize,
    },
}

/// Writes a line. Errno is left untouched: nothing that is called here changes it.
#[inline(never)]
pub fn write(text: &str, arguments: &[Value], answer: Value, failed: bool, moves: Moves) {
    let error = errno::get();
    if !write_lost() {
        return;
    }
    let mut line = Line::begin();
    let mut arguments = arguments.iter();
    for byte in text.bytes() {
        match byte {
            b'*' => arguments.next().into_iter().for_each(|&argument| line.value(argument)),
            _ => line.byte(byte),
        }
    }
    line.text(" = ");
    line.value(answer);
    if failed {
        line.text(" ");
        line.error(error);
    }
    line.moves(moves, failed);
    log_file::append(line.end(), 1);
}

/// Writes how many lines were lost, if any were. Returns false if that cannot be written either, and the line that was to follow is lost.
#[inline(never)]
fn write_lost() -> bool {
    let lost = log_file::take_lost();
    if lost == 0 {
        return true;
    }
    let mut line = Line::begin();
    line.number(lost as i64);
    line.text(" lines lost");
    log_file::append(line.end(), lost + 1)
}

/// A line that is cut where it gets too long.
struct Line {
    text: [u8; 1024],
    length: usize,
}

const POLICIES: [&str; 7] = [
    "MPOL_DEFAULT",
    "MPOL_PREFERRED",
    "MPOL_BIND",
    "MPOL_INTERLEAVE",
    "MPOL_LOCAL",
    "MPOL_PREFERRED_MANY",
    "MPOL_WEIGHTED_INTERLEAVE",
];
const POLICY_FLAGS: [(u32, &str); 3] = [
    (NUMA_BALANCING as u32, "MPOL_F_NUMA_BALANCING"),
    (1 << 14, "MPOL_F_RELATIVE_NODES"),
    (1 << 15, "MPOL_F_STATIC_NODES"),
];
const MEMORY_FLAGS: [(u32, &str); 3] = [(MF_STRICT, "MPOL_MF_STRICT"), (2, "MPOL_MF_MOVE"), (4, "MPOL_MF_MOVE_ALL")];

/// In the order of [`Figures`].
const FIGURES: [&str; 11] = [
    "pages",
    "moved",
    "in place",
    "absent",
    "unmapped",
    "shared",
    "busy",
    "no memory",
    "failed",
    "retried",
    "kernel calls",
];
/// In the order of [`count_statuses`].
const STATUSES: [&str; 9] =
    ["pages", "there", "elsewhere", "absent", "unmapped", "shared", "busy", "no memory", "failed"];

impl Line {
    fn new() -> Self {
        Line { text: [0; 1024], length: 0 }
    }

    /// A line with what all begin with: the process and, unless it is its first one, the thread. It ends one that was cut.
    #[inline(never)]
    fn begin() -> Self {
        let mut line = Line::new();
        let (process, thread) = process::ids();
        if log_file::is_cut() {
            line.text("\n");
        }
        line.text(log_file::LINE_START);
        line.number(process.into());
        if thread != process {
            line.text("/");
            line.number(thread.into());
        }
        line.text(": ");
        line
    }

    /// Room for what ends a line that was cut.
    const MOST: usize = 1024 - "…\n".len();

    fn is_full(&self) -> bool {
        self.length >= Self::MOST
    }

    fn byte(&mut self, byte: u8) {
        if !self.is_full() {
            self.push(byte);
        }
    }

    /// Appends a byte, for which there is room.
    fn push(&mut self, byte: u8) {
        debug_assert!(self.length < self.text.len());
        if let Some(place) = self.text.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.byte(byte));
    }

    /// The whole line.
    fn end(&mut self) -> &[u8] {
        let ending = if self.is_full() { "…\n" } else { "\n" };
        ending.bytes().for_each(|byte| self.push(byte));
        debug_assert!(self.length <= self.text.len());
        self.text.get(..self.length).unwrap_or_default()
    }

    fn digits(&mut self, number: u64, base: NonZeroU64) {
        write_radix(number, base, 1, &mut |digit| self.byte(digit));
    }

    fn number(&mut self, number: i64) {
        if number < 0 {
            self.text("-");
        }
        self.digits(number.unsigned_abs(), DECIMAL);
    }

    fn address(&mut self, address: usize) {
        if address == 0 {
            self.text("NULL");
        } else {
            self.text("0x");
            self.digits(address as u64, HEXADECIMAL);
        }
    }

    fn error(&mut self, error: i32) {
        match Errno(error).name() {
            Some(name) => self.text(name),
            None => {
                self.text("errno ");
                self.number(error.into());
            }
        }
    }

    fn value(&mut self, value: Value) {
        match value {
            Value::Number(number) => self.number(number),
            Value::Address(address) => self.address(address),
            Value::Set(&set) => self.set(set),
            Value::Mask(bits, address) => self.mask(address, bits as usize),
            Value::Policy(policy) => {
                let mode = policy & !POLICY_FLAGS.iter().fold(0, |all, &(flag, _)| all | flag as i32);
                match usize::try_from(mode).ok().and_then(|mode| POLICIES.get(mode)) {
                    Some(name) => self.text(name),
                    None => self.number(mode.into()),
                }
                self.flags((policy & !mode) as u32, &POLICY_FLAGS, "|");
            }
            Value::Flags(0) => self.text("0"),
            Value::Flags(flags) => self.flags(flags, &MEMORY_FLAGS, ""),
        }
    }

    /// The names of flags, with `before` before the first; those without a name as a number.
    fn flags(&mut self, flags: u32, names: &[(u32, &str)], mut before: &'static str) {
        let mut rest = flags;
        for &(flag, name) in names {
            if rest & flag != 0 {
                self.text(before);
                self.text(name);
                before = "|";
                rest &= !flag;
            }
        }
        if rest != 0 {
            self.text(before);
            self.text("0x");
            self.digits(rest.into(), HEXADECIMAL);
        }
    }

    /// A list of nodes or CPUs as numactl(8) takes it.
    fn set(&mut self, set: Bits) {
        let mut members = set.iter();
        let mut next = members.next();
        if next.is_none() {
            self.text("none");
        }
        while let Some(first) = next.filter(|_| !self.is_full()) {
            let mut last = first;
            loop {
                next = members.next();
                match next {
                    Some(member) if member == last + 1 => last = member,
                    _ => break,
                }
            }
            self.number(first as i64);
            if last != first {
                self.text("-");
                self.number(last as i64);
            }
            if next.is_some() {
                self.text(",");
            }
        }
    }

    fn mask(&mut self, address: usize, bits: usize) {
        const WORDS: usize = 16;
        let mut words: [Word; WORDS] = [0; WORDS];
        let used = bits.div_ceil(WORD_BITS).min(WORDS);
        let wanted = words.get_mut(..used).unwrap_or_default();
        let bytes = size_of_val(wanted);
        match user_memory::read(address, wanted, None) {
            _ if address == 0 || used == 0 => self.address(address),
            Copied::Bytes(copied) if copied == bytes => {
                self.set(Bits::new(&words.map(Cell::new), bits.min(WORDS * WORD_BITS)));
            }
            _ => self.address(address),
        }
    }

    fn moves(&mut self, moves: Moves, failed: bool) {
        match moves {
            Moves::Figures(figures) => self.counts(figures, &FIGURES),
            Moves::Arrays { count, nodes, status } if !failed && status != 0 => {
                self.counts(&count_statuses(count, nodes, status), &STATUSES);
            }
            _ => {}
        }
    }

    /// The first, and those others that are not 0.
    fn counts(&mut self, counts: &[usize], names: &[&str]) {
        let mut before = "; ";
        for (index, (&count, name)) in counts.iter().zip(names).enumerate() {
            if count != 0 || index == 0 {
                self.text(before);
                self.number(count as i64);
                self.text(" ");
                self.text(name);
                before = ", ";
            }
        }
    }
}

/// What the arrays of a call say that moved or looked for pages, as far as they can be read.
fn count_statuses(count: usize, nodes: usize, status: usize) -> [usize; 9] {
    const PIECE: usize = 64;
    let mut counts = [0; 9];
    let mut done = 0;
    while done < count {
        let (mut statuses, mut targets) = ([0i32; PIECE], [0i32; PIECE]);
        let here = PIECE.min(count - done);
        let at = |array: usize| array.wrapping_add(done * size_of::<i32>());
        let readable = |array: usize, to: &mut [i32; PIECE]| {
            let to = to.get_mut(..here).unwrap_or_default();
            let bytes = size_of_val(to);
            matches!(user_memory::read(at(array), to, None), Copied::Bytes(copied) if copied == bytes)
        };
        if !readable(status, &mut statuses) || nodes != 0 && !readable(nodes, &mut targets) {
            break;
        }
        for (&status, &target) in statuses.iter().zip(&targets).take(here) {
            let kind = match status {
                0.. if nodes == 0 || status == target => 1,
                0.. => 2,
                _ => match -status {
                    errno::ENOENT => 3,
                    errno::EFAULT => 4,
                    errno::EACCES => 5,
                    errno::EBUSY => 6,
                    errno::ENOMEM => 7,
                    _ => 8,
                },
            };
            for index in [0, kind] {
                debug_assert!(index < counts.len());
                if let Some(count) = counts.get_mut(index) {
                    *count += 1;
                }
            }
        }
        done += here;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a line says of a value.
    fn said(value: Value) -> String {
        let mut line = Line::new();
        line.value(value);
        let text = str::from_utf8(line.end()).unwrap();
        text.strip_suffix('\n').unwrap().to_owned()
    }

    fn set(members: &[usize]) -> String {
        let words = [const { Cell::new(0) }; 16];
        let bits = numars::bitmask::BitsMut::new(&words, 1024);
        members.iter().for_each(|&member| bits.set(member));
        said(Value::Set(&bits.as_bits()))
    }

    #[test]
    fn numbers_and_addresses_are_written_as_in_c() {
        for number in [0, 7, -7, 10, i64::MAX, i64::MIN] {
            assert_eq!(said(Value::Number(number)), number.to_string());
        }
        assert_eq!(said(Value::Address(0)), "NULL");
        assert_eq!(said(Value::Address(0x7fff_0000_1a0b)), "0x7fff00001a0b");
    }

    #[test]
    fn sets_are_lists() {
        assert_eq!(set(&[]), "none");
        assert_eq!(set(&[5]), "5");
        assert_eq!(set(&[0, 1, 2, 4, 63, 64, 1023]), "0-2,4,63-64,1023");
    }

    #[test]
    fn masks_that_cannot_be_read_are_addresses() {
        let words = [0b1011usize, 1];
        let address = words.as_ptr() as usize;
        assert_eq!(said(mask(address, 5)), "0-1,3");
        assert_eq!(said(mask(address, 129)), "0-1,3,64");
        assert_eq!(said(mask(0, 65)), "NULL");
        assert_eq!(said(mask(16, 65)), "0x10");
        assert_eq!(said(mask(16, 0)), "0x10");
    }

    #[test]
    fn policies_and_flags_have_their_names() {
        assert_eq!(said(Value::Policy(0)), "MPOL_DEFAULT");
        assert_eq!(
            said(Value::Policy(6 | 1 << 15 | 1 << 13)),
            "MPOL_WEIGHTED_INTERLEAVE|MPOL_F_NUMA_BALANCING|MPOL_F_STATIC_NODES"
        );
        assert_eq!(said(Value::Policy(7)), "7");
        assert_eq!(said(Value::Policy(!(7 << 13))), "-57345");
        assert_eq!(said(Value::Flags(0)), "0");
        assert_eq!(said(Value::Flags(6)), "MPOL_MF_MOVE|MPOL_MF_MOVE_ALL");
        assert_eq!(said(Value::Flags(0x11)), "MPOL_MF_STRICT|0x10");
    }

    #[test]
    fn a_line_that_gets_too_long_is_cut() {
        let all: Vec<usize> = (0..1024).step_by(2).collect();
        let text = set(&all);
        assert!(text.starts_with("0,2,4,") && text.ends_with('…') && text.len() == 1023, "{text}");
    }

    #[test]
    fn statuses_are_counted_as_far_as_they_can_be_read() {
        let statuses =
            [1, 0, -errno::ENOENT, -errno::EFAULT, -errno::EACCES, -errno::EBUSY, -errno::ENOMEM, -errno::EPERM];
        let nodes = [1; 8];
        let count = |nodes, status| count_statuses(8, nodes, status);
        let (nodes, status) = (nodes.as_ptr() as usize, statuses.as_ptr() as usize);
        assert_eq!(count(nodes, status), [8, 1, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(count(0, status), [8, 2, 0, 1, 1, 1, 1, 1, 1]);
        assert_eq!(count(nodes, 16), [0; 9]);
        let many = vec![0; 1000];
        assert_eq!(count_statuses(1000, 0, many.as_ptr() as usize), [1000, 1000, 0, 0, 0, 0, 0, 0, 0]);
    }
}

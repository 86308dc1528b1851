//! One line of the trace, formatted on the stack.

use super::sink;
use crate::numars_memory::{
    NUMARS_ALLOC_HUGE_PAGES, NUMARS_ALLOC_NO_FALLBACK, NUMARS_ALLOC_POPULATE, NUMARS_ALLOC_STRICT,
};
use core::cell::Cell;
use core::ffi::{c_ulong, c_void};
use core::marker::PhantomData;
use core::num::NonZeroU64;
use core::ptr;
use numars::for_c::bitmask::{Bits, WORD_BITS, Word};
use numars::for_c::mempolicy::{MF_STRICT, NUMA_BALANCING};
use numars::for_c::migrate::{MF_MOVE, MF_MOVE_ALL};
use numars::for_c::names::nth;
use numars::for_c::nodestring;
use numars::for_c::radix::{DECIMAL, HEXADECIMAL, write_radix};
use numars::for_c::sys::errno;
use numars::for_c::sys::process;
use numars::for_c::sys::uaccess::UserPtr;
use numars::{Errno, MoveStats};

/// An argument of a call: a word, of a kind that the text of the call says.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Argument<'a>(usize, PhantomData<&'a ()>);

/// A set of bits at an address that was not looked at yet, as the kernel is given it.
pub struct Mask {
    address: usize,
    bits: usize,
}

impl Mask {
    /// Returns a mask of which the kernel is told one more than the number of its bits.
    pub fn of_kernel(address: *const c_ulong, maxnode: c_ulong) -> Self {
        Mask::new(address, (maxnode as usize).saturating_sub(1))
    }

    /// Returns a mask of so many bits.
    pub fn new(address: *const c_ulong, bits: usize) -> Self {
        Mask { address: address as usize, bits }
    }
}

/// Defines the kinds of arguments, each with its letter in the text of a call, and what makes one of a value.
macro_rules! kinds {
    ($($(#[$comment:meta])* $kind:ident $letter:tt $byte:ident = |$value:ident: $type:ty| $word:expr;)*) => {
        impl<'a> Argument<'a> {
            $($(#[$comment])* #[inline(always)] pub fn $kind($value: $type) -> Self { Argument($word, PhantomData) })*
        }

        $(const $byte: u8 = $letter.as_bytes()[0];)*

        /// The letter of a kind of arguments.
        macro_rules! letter {
            $(($kind) => { $letter };)*
        }
        pub(crate) use letter;
    };
}

kinds! {
    /// A number that may be negative.
    int "d" INT = |number: i32| number as u32 as usize;
    /// A number of bytes or entries.
    size "u" SIZE = |number: usize| number;
    address "p" ADDRESS = |address: *const c_void| address as usize;
    set "s" SET = |set: &'a Bits<'a>| ptr::from_ref(set) as usize;
    mask "k" MASK = |mask: &'a Mask| ptr::from_ref(mask) as usize;
    /// A policy with its flags.
    policy "m" POLICY = |policy: i32| policy as u32 as usize;
    /// MPOL_MF_STRICT and the other flags of mbind() and move_pages().
    flags "f" FLAGS = |flags: u32| flags as usize;
    /// NUMARS_ALLOC_POPULATE and the other flags of the allocators of numars.h.
    alloc_flags "a" ALLOC = |flags: u32| flags as usize;
}

/// What a call did to pages.
#[derive(Clone, Copy)]
pub enum PageOutcome<'a> {
    None,
    Stats(&'a MoveStats),
    /// The arrays of a call that moved or queried `count` pages: the addresses of the nodes and the statuses, or 0.
    Arrays {
        count: usize,
        nodes: usize,
        status: usize,
    },
}

// Names in the order of the kernel's numbers, of the flags below, or of the counts that they are for.
const POLICIES: &str =
    "MPOL_DEFAULT,MPOL_PREFERRED,MPOL_BIND,MPOL_INTERLEAVE,MPOL_LOCAL,MPOL_PREFERRED_MANY,MPOL_WEIGHTED_INTERLEAVE";
const POLICY_FLAGS: [u32; 3] = [NUMA_BALANCING as u32, 1 << 14, 1 << 15];
const POLICY_FLAG_NAMES: &str = "MPOL_F_NUMA_BALANCING,MPOL_F_RELATIVE_NODES,MPOL_F_STATIC_NODES";
const MEMORY_FLAGS: [u32; 3] = [MF_STRICT, MF_MOVE as u32, MF_MOVE_ALL as u32];
const MEMORY_FLAG_NAMES: &str = "MPOL_MF_STRICT,MPOL_MF_MOVE,MPOL_MF_MOVE_ALL";
const ALLOC_FLAGS: [u32; 4] =
    [NUMARS_ALLOC_NO_FALLBACK, NUMARS_ALLOC_POPULATE, NUMARS_ALLOC_STRICT, NUMARS_ALLOC_HUGE_PAGES];
const ALLOC_FLAG_NAMES: &str =
    "NUMARS_ALLOC_NO_FALLBACK,NUMARS_ALLOC_POPULATE,NUMARS_ALLOC_STRICT,NUMARS_ALLOC_HUGE_PAGES";
/// In the order of [`LineBuf::stats`].
const STATS: &str = "pages,moved,in place,absent,unmapped,shared,busy,no memory,failed,retried,kernel calls,\
    us elapsed,us longest call";
/// As [`tally_statuses`] returns them.
const STATUSES: &str = "pages,there,elsewhere,absent,unmapped,shared,busy,no memory,failed";

/// A line that is being written. What does not fit is cut off.
pub(super) struct LineBuf {
    text: [u8; LineBuf::SIZE],
    length: usize,
}

impl LineBuf {
    const SIZE: usize = 1024;

    /// The bytes that a line has room for before what ends a line that was cut.
    const CAPACITY: usize = Self::SIZE - "…\n".len();

    fn new() -> Self {
        LineBuf { text: [0; Self::SIZE], length: 0 }
    }

    /// Returns a line with what all begin with: the process and, unless it is the main one, the thread. It ends a line that was cut.
    #[inline(never)]
    pub(super) fn begin() -> Self {
        let mut line = LineBuf::new();
        let (process, thread) = process::ids();
        if sink::is_cut() {
            line.text("\n");
        }
        line.text(sink::LINE_START);
        line.number(process.into());
        if thread != process {
            line.text("/");
            line.number(thread.into());
        }
        line.text(": ");
        line
    }

    fn is_full(&self) -> bool {
        self.length >= Self::CAPACITY
    }

    /// Appends a byte.
    pub(super) fn byte(&mut self, byte: u8) {
        if !self.is_full() {
            self.push(byte);
        }
    }

    /// Appends a byte that there is room for.
    fn push(&mut self, byte: u8) {
        debug_assert!(self.length < self.text.len());
        if let Some(place) = self.text.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    /// Appends a text.
    // Not inlined: it is called from many places.
    #[inline(never)]
    pub(super) fn text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.byte(byte));
    }

    /// Returns the whole line.
    pub(super) fn end(&mut self) -> &[u8] {
        let ending = if self.is_full() { "…\n" } else { "\n" };
        ending.bytes().for_each(|byte| self.push(byte));
        debug_assert!(self.length <= self.text.len());
        self.text.get(..self.length).unwrap_or_default()
    }

    fn digits(&mut self, number: u64, base: NonZeroU64) {
        write_radix(number, base, 1, &mut |digit| self.byte(digit));
    }

    /// Appends a number in decimal.
    pub(super) fn number(&mut self, number: i64) {
        if number < 0 {
            self.text("-");
        }
        self.digits(number.unsigned_abs(), DECIMAL);
    }

    pub(super) fn address(&mut self, address: usize) {
        if address == 0 {
            self.text("NULL");
        } else {
            self.text("0x");
            self.digits(address as u64, HEXADECIMAL);
        }
    }

    /// Appends the name of an errno.
    pub(super) fn error(&mut self, error: Errno) {
        match error.name() {
            Some(name) => self.text(name),
            None => {
                self.text("errno ");
                self.number(error.raw().into());
            }
        }
    }

    /// Appends a call with its arguments.
    ///
    /// # Safety
    /// As of [`super::Call::new`].
    pub(super) unsafe fn call(&mut self, mut text: *const u8, mut arguments: *const Argument) {
        // SAFETY: the text ends with a NUL, and as many arguments as it has equals signs are there, each of the kind whose letter follows.
        unsafe {
            while *text != 0 {
                self.byte(*text);
                if *text == b'=' {
                    text = text.add(1);
                    self.argument(*text, *arguments);
                    arguments = arguments.add(1);
                }
                text = text.add(1);
            }
        }
    }

    /// Appends an argument of a kind.
    ///
    /// # Safety
    /// It is of that kind.
    unsafe fn argument(&mut self, kind: u8, Argument(word, _): Argument) {
        match kind {
            INT => self.number((word as i32).into()),
            SIZE => self.number(word as i64),
            ADDRESS => self.address(word),
            // SAFETY: made of a reference that lives as long as the argument.
            SET => self.set(unsafe { *(word as *const Bits) }),
            // SAFETY: as above.
            MASK => self.mask(unsafe { &*(word as *const Mask) }),
            POLICY => self.policy(word as i32),
            FLAGS | ALLOC if word == 0 => self.text("0"),
            FLAGS => self.flags(word as u32, &MEMORY_FLAGS, MEMORY_FLAG_NAMES, ""),
            ALLOC => self.flags(word as u32, &ALLOC_FLAGS, ALLOC_FLAG_NAMES, ""),
            _ => debug_assert!(false, "no kind has the letter {kind}"),
        }
    }

    fn policy(&mut self, policy: i32) {
        let mode = policy & !POLICY_FLAGS.iter().fold(0, |all, &flag| all | flag as i32);
        match usize::try_from(mode).map_or("", |mode| nth(POLICIES, mode)) {
            "" => self.number(mode.into()),
            name => self.text(name),
        }
        self.flags((policy & !mode) as u32, &POLICY_FLAGS, POLICY_FLAG_NAMES, "|");
    }

    /// Appends the names of flags, with `before` before the first; those without a name as a number.
    fn flags(&mut self, flags: u32, known: &[u32], names: &'static str, mut before: &'static str) {
        let mut rest = flags;
        for (index, &flag) in known.iter().enumerate() {
            if rest & flag != 0 {
                self.text(before);
                self.text(nth(names, index));
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

    /// Appends a list of nodes or CPUs, as numactl(8) takes it.
    fn set(&mut self, set: Bits) {
        let mut before = "";
        for (first, last) in nodestring::ranges(set.iter()) {
            if self.is_full() {
                return;
            }
            self.text(before);
            self.number(first as i64);
            if last != first {
                self.text("-");
                self.number(last as i64);
            }
            before = ",";
        }
        if before.is_empty() {
            self.text("none");
        }
    }

    /// Appends a set that the program has, or its address if it cannot be read.
    fn mask(&mut self, &Mask { address, bits }: &Mask) {
        const WORDS: usize = 16;
        let mut words: [Word; WORDS] = [0; WORDS];
        let used = bits.div_ceil(WORD_BITS).min(WORDS);
        let copy = words.get_mut(..used).unwrap_or_default();
        // SAFETY: an argument of the call, which lends what it reads.
        let mask = unsafe { UserPtr::new(address as *const Word) };
        if used > 0 && mask.read(copy) == Ok(used) {
            self.set(Bits::new(&words.map(Cell::new), bits.min(WORDS * WORD_BITS)));
        } else {
            self.address(address);
        }
    }

    /// Appends the number of pages with each outcome.
    pub(super) fn pages(&mut self, pages: PageOutcome, failed: bool) {
        match pages {
            PageOutcome::Stats(stats) => self.stats(stats),
            PageOutcome::Arrays { count, nodes, status } if !failed && status != 0 => {
                self.counts(&tally_statuses(count, nodes, status), STATUSES);
            }
            _ => {}
        }
    }

    /// Appends the first count, and those of the others that are not 0.
    fn counts(&mut self, counts: &[usize], names: &'static str) {
        let mut before = "; ";
        for (index, &count) in counts.iter().enumerate() {
            if count != 0 || index == 0 {
                self.text(before);
                self.number(count as i64);
                self.text(" ");
                self.text(nth(names, index));
                before = ", ";
            }
        }
    }

    /// Appends the statistics of a move.
    fn stats(&mut self, stats: &MoveStats) {
        let counts = [
            stats.requested(),
            stats.moved(),
            stats.in_place(),
            stats.absent(),
            stats.unmapped(),
            stats.shared(),
            stats.busy(),
            stats.no_memory(),
            stats.failed(),
            stats.retried(),
            stats.kernel_calls(),
            stats.elapsed().as_micros() as usize,
            stats.longest_call().as_micros() as usize,
        ];
        self.counts(&counts, STATS);
    }
}

/// Counts the statuses in the arrays of a call that moved or queried pages, as far as they can be read.
fn tally_statuses(count: usize, nodes: usize, status: usize) -> [usize; 9] {
    const CHUNK: usize = 64;
    let mut counts = [0; 9];
    let mut done = 0;
    while done < count {
        let (mut statuses, mut targets) = ([0i32; CHUNK], [0i32; CHUNK]);
        let here = CHUNK.min(count - done);
        let at = |array: usize| array.wrapping_add(done * size_of::<i32>());
        let readable = |array: usize, to: &mut [i32; CHUNK]| {
            let to = to.get_mut(..here).unwrap_or_default();
            // SAFETY: an argument of the call, which lends what it reads.
            unsafe { UserPtr::new(at(array) as *const i32) }.read(to) == Ok(here)
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
    use super::super::{Call, call};
    use super::*;

    /// Returns how a line has the argument of a call.
    fn written(Call { text, arguments }: Call) -> String {
        let mut line = LineBuf::new();
        // SAFETY: a call has what it takes.
        unsafe { line.call(text, arguments) };
        let text = str::from_utf8(line.end()).unwrap().strip_prefix("f(x=").unwrap();
        text.strip_suffix(")\n").or(text.strip_suffix('\n')).unwrap().to_owned()
    }

    fn set(members: &[usize]) -> String {
        let words = [const { Cell::new(0) }; 16];
        let bits = numars::for_c::bitmask::BitsMut::new(&words, 1024);
        members.iter().for_each(|&member| bits.set(member));
        written(call!(f(x = set(&bits.as_bits()))))
    }

    #[test]
    fn numbers_and_addresses_are_written_as_in_c() {
        for number in [0, 7, -7, 10, i32::MAX, i32::MIN] {
            assert_eq!(written(call!(f(x = int(number)))), number.to_string());
        }
        for number in [0, 7, isize::MAX as usize] {
            assert_eq!(written(call!(f(x = size(number)))), number.to_string());
        }
        assert_eq!(written(call!(f(x = address(ptr::null())))), "NULL");
        assert_eq!(written(call!(f(x = address(0x7fff_0000_1a0b as *const c_void)))), "0x7fff00001a0b");
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
        let mask = |address: usize, maxnode| Mask::of_kernel(address as *const c_ulong, maxnode);
        assert_eq!(written(call!(f(x = mask(&mask(address, 5))))), "0-1,3");
        assert_eq!(written(call!(f(x = mask(&mask(address, 129))))), "0-1,3,64");
        assert_eq!(written(call!(f(x = mask(&mask(0, 65))))), "NULL");
        assert_eq!(written(call!(f(x = mask(&mask(16, 65))))), "0x10");
        assert_eq!(written(call!(f(x = mask(&mask(16, 0))))), "0x10");
    }

    #[test]
    fn policies_and_flags_have_their_names() {
        assert_eq!(written(call!(f(x = policy(0)))), "MPOL_DEFAULT");
        assert_eq!(
            written(call!(f(x = policy(6 | 1 << 15 | 1 << 13)))),
            "MPOL_WEIGHTED_INTERLEAVE|MPOL_F_NUMA_BALANCING|MPOL_F_STATIC_NODES"
        );
        assert_eq!(written(call!(f(x = policy(7)))), "7");
        assert_eq!(written(call!(f(x = policy(!(7 << 13))))), "-57345");
        assert_eq!(written(call!(f(x = flags(0)))), "0");
        assert_eq!(written(call!(f(x = flags(6)))), "MPOL_MF_MOVE|MPOL_MF_MOVE_ALL");
        assert_eq!(written(call!(f(x = flags(0x11)))), "MPOL_MF_STRICT|0x10");
    }

    #[test]
    fn a_line_that_gets_too_long_is_cut() {
        let all: Vec<usize> = (0..1024).step_by(2).collect();
        let text = set(&all);
        assert!(text.starts_with("0,2,4,") && text.ends_with('…') && text.len() == 1019, "{text}");
    }

    #[test]
    fn statuses_are_counted_as_far_as_they_can_be_read() {
        let statuses =
            [1, 0, -errno::ENOENT, -errno::EFAULT, -errno::EACCES, -errno::EBUSY, -errno::ENOMEM, -errno::ERANGE];
        let nodes = [1; 8];
        let count = |nodes, status| tally_statuses(8, nodes, status);
        let (nodes, status) = (nodes.as_ptr() as usize, statuses.as_ptr() as usize);
        assert_eq!(count(nodes, status), [8, 1, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(count(0, status), [8, 2, 0, 1, 1, 1, 1, 1, 1]);
        assert_eq!(count(nodes, 16), [0; 9]);
        let many = vec![0; 1000];
        assert_eq!(tally_statuses(1000, 0, many.as_ptr() as usize), [1000, 1000, 0, 0, 0, 0, 0, 0, 0]);
    }
}

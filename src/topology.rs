//! What the kernel and the machine have: for now, the sizes of the kernel's node and CPU masks.

use crate::os::{files, kernel};
use core::num::NonZeroUsize;
use once_cell::race::OnceNonZeroUsize;

/// Nodes that a Linux kernel can be built for at most (NODES_SHIFT is at most 10): large enough for any of them.
const MOST_NODES: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// CPUs of glibc's cpu_set_t, for where the kernel does not say how many it can have.
const USUAL_CPUS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// The size of the kernel's nodemask_t in bits: the length of the field Mems_allowed of /proc/self/status, as numa(3) says;
/// where that cannot be read, a size that fits every kernel.
pub fn possible_nodes() -> usize {
    static SIZE: OnceNonZeroUsize = OnceNonZeroUsize::new();
    SIZE.get_or_init(|| {
        let mut field = HexField::new(b"Mems_allowed:");
        files::read_in_chunks(c"/proc/self/status", |chunk| field.feed(chunk));
        field.bits().unwrap_or(MOST_NODES)
    })
    .get()
}

/// The size of the kernel's cpumask_t in bits: as much as sched_getaffinity(2) fills.
pub fn possible_cpus() -> usize {
    static SIZE: OnceNonZeroUsize = OnceNonZeroUsize::new();
    SIZE.get_or_init(|| {
        // 32,768 CPUs, four times what the largest kernel of a distribution is built for.
        let mut mask = [0u8; 4096];
        let filled = crate::os::errno::untouched(|| kernel::sched_getaffinity(&mut mask));
        usize::try_from(filled).ok().and_then(|bytes| NonZeroUsize::new(bytes * 8)).unwrap_or(USUAL_CPUS)
    })
    .get()
}

/// Finds a line such as `Mems_allowed:\t00000000,0000000f` in a text that comes in pieces, and counts its hex digits.
struct HexField<'a> {
    name: &'a [u8],
    place: Place,
    digits: usize,
}

enum Place {
    /// In a line that can still be the one: so many bytes of the name were there.
    Name(usize),
    /// In a line that is another one.
    OtherLine,
    /// Behind the name.
    Value,
    /// Behind the line.
    Done,
}

impl<'a> HexField<'a> {
    fn new(name: &'a [u8]) -> Self {
        HexField { name, place: Place::Name(0), digits: 0 }
    }

    /// Takes the next piece of the text; false when no more is needed.
    fn feed(&mut self, piece: &[u8]) -> bool {
        for &byte in piece {
            self.place = match (&self.place, byte) {
                (Place::Done, _) => return false,
                (Place::Value, b'\n') => Place::Done,
                (Place::Value, _) => {
                    self.digits += usize::from(byte.is_ascii_hexdigit());
                    Place::Value
                }
                (_, b'\n') => Place::Name(0),
                (&Place::Name(seen), _) if self.name.get(seen) == Some(&byte) => {
                    if seen + 1 == self.name.len() {
                        Place::Value
                    } else {
                        Place::Name(seen + 1)
                    }
                }
                _ => Place::OtherLine,
            };
        }
        !matches!(self.place, Place::Done)
    }

    /// The number of bits that the field's digits stand for, if the whole field was there.
    fn bits(&self) -> Option<NonZeroUsize> {
        match self.place {
            Place::Done => NonZeroUsize::new(self.digits * 4),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &[u8] = b"Name:\tMems_allowed:\nxMems_allowed:\tf\nGroups:\t1 2 3\nCpus_allowed:\tffff\n\
        Mems_allowed:\t00000000,00000000,0000000f\nMems_allowed_list:\t0-3\n";

    fn bits_of(text: &[u8], piece: usize) -> Option<usize> {
        let mut field = HexField::new(b"Mems_allowed:");
        let _ = text.chunks(piece).all(|piece| field.feed(piece));
        field.bits().map(NonZeroUsize::get)
    }

    #[test]
    fn the_mask_size_is_four_bits_a_digit_however_the_text_is_cut() {
        for piece in 1..=STATUS.len() {
            assert_eq!(bits_of(STATUS, piece), Some(96), "in pieces of {piece}");
        }
    }

    #[test]
    fn a_status_without_the_field_or_cut_within_it_gives_no_size() {
        assert_eq!(bits_of(b"Name:\tx\n", 8), None);
        assert_eq!(bits_of(b"", 8), None);
        assert_eq!(bits_of(b"Mems_allowed:\t0000", 8), None);
        assert_eq!(bits_of(b"Mems_allowed:\n", 8), None);
    }

    #[test]
    fn this_kernel_tells_sizes_that_hold_its_nodes_and_cpus() {
        assert_eq!(possible_nodes() % 4, 0);
        assert!(possible_cpus() >= std::thread::available_parallelism().unwrap().get());
    }
}

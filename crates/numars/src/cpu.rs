//! CPUs.

use crate::list_format::{self, ParseListError};
use crate::nodeset::MAX_CPUS;
use crate::sys::errno::{EINVAL, Errno};
use crate::sys::kernel;
use core::fmt;
use core::str::FromStr;

/// A CPU as the kernel counts them, by its number.
///
/// The number is one that a CPU can have, 0 to 16,383. The machine may not have it: see [`Topology::cpus`](crate::Topology::cpus).
///
/// ```
/// use numars::Cpu;
/// let cpu = Cpu::new(17).unwrap();
/// assert_eq!((cpu.number(), cpu.to_string(), "17".parse()), (17, "17".to_string(), Ok(cpu)));
/// assert_eq!((Cpu::new(16383), Cpu::new(16384)), (Some(Cpu::MAX), None));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu(u16);

impl Cpu {
    /// The CPU with the highest number that this crate supports: twice as many as the largest kernel of a distribution.
    pub const MAX: Cpu = Cpu(MAX_CPUS as u16 - 1);

    /// Returns the CPU with this number; `None` if it is beyond [`Cpu::MAX`].
    pub const fn new(number: usize) -> Option<Cpu> {
        if number < MAX_CPUS { Some(Cpu(number as u16)) } else { None }
    }

    /// Returns the number of the CPU.
    pub const fn number(self) -> usize {
        self.0 as usize
    }

    /// Returns the CPU that the calling thread runs on, using getcpu(2). The thread may run elsewhere a moment later.
    ///
    /// ```
    /// if let Some(cpu) = numars::Cpu::current() {
    ///     println!("this ran on CPU {cpu}");
    /// }
    /// ```
    pub fn current() -> Option<Cpu> {
        kernel::getcpu().and_then(|(cpu, _)| Cpu::new(cpu))
    }
}

impl From<Cpu> for usize {
    fn from(cpu: Cpu) -> usize {
        cpu.number()
    }
}

impl TryFrom<usize> for Cpu {
    type Error = Errno;

    /// Returns the CPU with this number; EINVAL if it is beyond [`Cpu::MAX`].
    fn try_from(number: usize) -> Result<Cpu, Errno> {
        Cpu::new(number).ok_or(Errno(EINVAL))
    }
}

impl FromStr for Cpu {
    type Err = ParseListError;

    /// Parses a number, which a newline may follow.
    fn from_str(number: &str) -> Result<Self, ParseListError> {
        list_format::parse_number(number, MAX_CPUS).map(|number| Cpu(number as u16))
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cpu({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_has_a_number_below_the_limit() {
        assert_eq!(Cpu::new(MAX_CPUS - 1), Some(Cpu::MAX));
        assert_eq!(Cpu::try_from(MAX_CPUS), Err(Errno(EINVAL)));
        assert_eq!(format!("{:?} {}", Cpu::MAX, Cpu::MAX), "Cpu(16383) 16383");
    }
}

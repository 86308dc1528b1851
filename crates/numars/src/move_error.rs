//! Why a move has failed, and how far it was.

use crate::migrate::MoveStats;
use crate::sys::errno::{Errno, Name};
use core::fmt;

/// Why a move has failed, and the statistics that it had reached. Pages that were moved stay where they are.
///
/// ```
/// use numars::{Errno, Move, NodeSet};
/// let nowhere = Move::new().process_pages(NodeSet::EMPTY, NodeSet::EMPTY).unwrap_err();
/// assert_eq!((nowhere.errno(), nowhere.stats().moved()), (Errno::EINVAL, 0));
/// assert_eq!(nowhere.to_string(), "EINVAL: invalid argument");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MoveError {
    errno: Errno,
    stats: MoveStats,
}

// Clippy objects to larger errors.
const _: () = assert!(size_of::<MoveError>() < 128);

impl MoveError {
    pub(crate) fn new(errno: Errno, stats: MoveStats) -> Self {
        MoveError { errno, stats }
    }

    /// Returns the error.
    pub fn errno(&self) -> Errno {
        self.errno
    }

    /// Returns the statistics up to the error.
    pub fn stats(&self) -> &MoveStats {
        &self.stats
    }

    /// Returns what the error means for a move, if it has one meaning.
    fn reason(&self) -> Option<&'static str> {
        Some(match self.errno {
            Errno::ENOMEM if self.stats.no_memory() > 0 => "a target node is full",
            Errno::ENOMEM => "no memory for the move",
            Errno::ECANCELED => "cancelled",
            Errno::ETIMEDOUT => "timed out",
            Errno::ESRCH => "no such process",
            Errno::EPERM => "not permitted",
            Errno::EACCES => "a target node is not allowed",
            Errno::ENODEV => "no such target node, or it has no memory",
            Errno::ENODATA => "the kernel has no such tiers or weights",
            Errno::ENOENT => "/proc does not show the process",
            Errno::EAGAIN => "the process keeps executing programs",
            Errno::EINVAL => "invalid argument",
            Errno::ENOSYS => "the kernel cannot move pages",
            _ => return None,
        })
    }
}

impl fmt::Display for MoveError {
    /// Writes a line such as "ENOMEM: a target node is full (1000 of 2000 pages moved)".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Name(self.errno).fmt(f)?;
        if let Some(reason) = self.reason() {
            write!(f, ": {reason}")?;
        }
        match (self.stats.moved(), self.stats.requested()) {
            (_, 0) => Ok(()),
            (moved, requested) => write!(f, " ({moved} of {requested} pages moved)"),
        }
    }
}

impl fmt::Debug for MoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MoveError({self})")
    }
}

impl core::error::Error for MoveError {}

impl From<MoveError> for Errno {
    /// Returns the error; the statistics are lost.
    fn from(error: MoveError) -> Self {
        error.errno
    }
}

#[cfg(feature = "std")]
impl From<MoveError> for std::io::Error {
    /// Returns the error of the errno; the statistics are lost.
    fn from(error: MoveError) -> Self {
        error.errno.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_why_and_how_many_pages_had_moved() {
        let nothing = MoveStats::default();
        assert_eq!(MoveError::new(Errno::ENOMEM, nothing).to_string(), "ENOMEM: no memory for the move");
        assert_eq!(MoveError::new(Errno(4711), nothing).to_string(), "errno 4711");
        assert_eq!(MoveError::new(Errno::ETIMEDOUT, nothing).to_string(), "ETIMEDOUT: timed out");
        let full = MoveError::new(Errno::ENOMEM, MoveStats::example(2000, 1000, 1000));
        assert_eq!(full.to_string(), "ENOMEM: a target node is full (1000 of 2000 pages moved)");
        assert_eq!(format!("{full:?}"), format!("MoveError({full})"));
        assert_eq!((Errno::from(full), full.stats().unmoved()), (Errno::ENOMEM, 1000));
    }
}

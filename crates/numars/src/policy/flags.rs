//! Flags of memory policies and of mbind(2).
//!
//! References: set_mempolicy(2), mbind(2).

use crate::mempolicy;
use core::fmt;
use core::ops::{BitOr, BitOrAssign};

/// Implements sets of flags that are combined with `|`.
macro_rules! flags {
    ($type:ident: $bits:ty { $($(#[$meta:meta])* $name:ident = $value:expr;)* }) => {
        impl $type {
            /// No flags.
            pub const NONE: $type = $type(0);
            $($(#[$meta])* pub const $name: $type = $type($value);)*

            /// Returns the flags as the kernel has them.
            pub(crate) const fn bits(self) -> $bits {
                self.0
            }

            /// Returns whether all of `flags` are set.
            pub const fn contains(self, flags: $type) -> bool {
                self.0 & flags.0 == flags.0
            }

            /// Returns whether no flag is set.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }
        }

        impl BitOr for $type {
            type Output = $type;

            fn bitor(self, other: $type) -> $type {
                $type(self.0 | other.0)
            }
        }

        impl BitOrAssign for $type {
            fn bitor_assign(&mut self, other: $type) {
                self.0 |= other.0;
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let named = [$((stringify!($name), $value)),*];
                let (mut rest, mut separator) = (self.0, "");
                write!(f, "{}(", stringify!($type))?;
                for (name, value) in named.into_iter().filter(|&(_, value)| self.0 & value != 0) {
                    write!(f, "{separator}{name}")?;
                    (rest, separator) = (rest & !value, " | ");
                }
                if rest != 0 {
                    write!(f, "{separator}{rest:#x}")?;
                }
                f.write_str(")")
            }
        }
    };
}

/// Flags of a policy's mode, combined with `|`. Flags of newer kernels are kept.
///
/// ```
/// use numars::ModeFlags;
/// let flags = ModeFlags::STATIC_NODES | ModeFlags::NUMA_BALANCING;
/// assert!(flags.contains(ModeFlags::STATIC_NODES) && !ModeFlags::NONE.contains(flags));
/// assert_eq!(format!("{flags:?}"), "ModeFlags(STATIC_NODES | NUMA_BALANCING)");
/// assert!(!flags.contains(ModeFlags::RELATIVE_NODES) && !flags.is_empty() && ModeFlags::NONE.is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ModeFlags(i32);

flags!(ModeFlags: i32 {
    /// MPOL_F_STATIC_NODES: the nodes keep their numbers when the nodes that the thread's cpuset allows change.
    STATIC_NODES = 1 << 15;
    /// MPOL_F_RELATIVE_NODES: the nodes are positions among those that the thread's cpuset allows.
    RELATIVE_NODES = 1 << 14;
    /// MPOL_F_NUMA_BALANCING (Linux 5.12): the kernel may move pages between the nodes of [`Policy::bind`](crate::Policy::bind) or, on newer
    /// kernels (6.12, not yet 6.1), of [`Policy::preferred_many`](crate::Policy::preferred_many).
    NUMA_BALANCING = mempolicy::NUMA_BALANCING;
});

impl ModeFlags {
    /// Returns the flags of the kernel's number of a mode.
    pub(super) const fn of(raw_mode: i32) -> Self {
        ModeFlags(raw_mode & !mempolicy::MODE_BITS)
    }
}

/// Flags of mbind(2), combined with `|`: what happens to pages that are allocated already. Without flags, they stay.
///
/// ```
/// use numars::MbindFlags;
/// let mut flags = MbindFlags::MOVE | MbindFlags::STRICT;
/// assert!(flags.contains(MbindFlags::MOVE) && !flags.contains(MbindFlags::MOVE_ALL));
/// flags |= MbindFlags::MOVE_ALL;
/// assert_eq!(format!("{flags:?}"), "MbindFlags(STRICT | MOVE | MOVE_ALL)");
/// assert!(MbindFlags::NONE.is_empty() && MbindFlags::NONE == MbindFlags::default());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MbindFlags(u32);

flags!(MbindFlags: u32 {
    /// MPOL_MF_STRICT: the call fails with EIO if pages are elsewhere; together with [`MbindFlags::MOVE`], if pages stay elsewhere.
    STRICT = mempolicy::MF_STRICT;
    /// MPOL_MF_MOVE: pages that are elsewhere are moved, unless other processes have mapped them, too.
    MOVE = 1 << 1;
    /// MPOL_MF_MOVE_ALL: as [`MbindFlags::MOVE`], with pages that other processes have mapped (CAP_SYS_NICE).
    MOVE_ALL = 1 << 2;
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_shown_by_name() {
        let flags = MbindFlags::MOVE | MbindFlags::STRICT;
        assert_eq!(format!("{flags:?} {:?}", MbindFlags::NONE), "MbindFlags(STRICT | MOVE) MbindFlags()");
        assert_eq!(format!("{:?}", ModeFlags::of(1 << 12 | 3)), "ModeFlags(0x1000)");
    }
}

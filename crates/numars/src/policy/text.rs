//! Memory policies as the kernel writes them, such as `interleave=static:0-3`.
//!
//! References: numa_maps in proc_pid_numa_maps(5), `mpol=` in tmpfs(5).

use super::{ModeFlags, Policy};
use crate::list_format::ParseListError;
use crate::mempolicy::{MODE_BITS, Mode};
use crate::node::NodeSet;
use core::fmt;
use core::str::FromStr;

/// The modes and their names.
const MODES: [(Mode, &str); 7] = [
    (Mode::Default, "default"),
    (Mode::Preferred, "prefer"),
    (Mode::Bind, "bind"),
    (Mode::Interleave, "interleave"),
    (Mode::Local, "local"),
    (Mode::PreferredMany, "prefer (many)"),
    (Mode::WeightedInterleave, "weighted interleave"),
];

/// The flags of modes and their names, in the kernel's order.
const FLAGS: [(ModeFlags, &str); 3] = [
    (ModeFlags::STATIC_NODES, "static"),
    (ModeFlags::RELATIVE_NODES, "relative"),
    (ModeFlags::NUMA_BALANCING, "balancing"),
];

impl fmt::Display for Policy {
    /// Writes the policy as the kernel does: the mode (`default`, `prefer`, `bind`, `interleave`, `local`, `prefer (many)`,
    /// `weighted interleave`), its flags and its nodes. The number stands for what this version of the crate does not name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match MODES.iter().find(|(mode, _)| *mode == self.mode()) {
            Some((_, name)) => f.write_str(name)?,
            None => write!(f, "mode {}", self.raw_mode() & !self.flags().bits())?,
        }
        let (mut rest, mut separator) = (self.flags().bits(), "=");
        for (flag, name) in FLAGS.iter().filter(|(flag, _)| self.flags().contains(*flag)) {
            write!(f, "{separator}{name}")?;
            (rest, separator) = (rest & !flag.bits(), "|");
        }
        if rest != 0 {
            write!(f, "{separator}{rest:#x}")?;
        }
        if self.nodes().is_empty() { Ok(()) } else { write!(f, ":{}", self.nodes()) }
    }
}

/// Why a string is not a memory policy.
///
/// ```
/// use numars::Policy;
/// let error = "bind=dynamic:0".parse::<Policy>().unwrap_err();
/// assert_eq!((error.position(), error.to_string()), (5, "unknown flag at position 5".to_string()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ParsePolicyError {
    position: usize,
    reason: Reason,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Reason {
    Mode,
    Flag,
    NodesOfMode,
    Nodes(ParseListError),
}

impl ParsePolicyError {
    /// Returns where the string is wrong, in bytes from its beginning.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for ParsePolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.reason {
            Reason::Mode => "unknown mode",
            Reason::Flag => "unknown flag",
            Reason::NodesOfMode => "the mode has no nodes",
            Reason::Nodes(error) => error.reason(),
        };
        write!(f, "{text} at position {}", self.position)
    }
}

impl core::error::Error for ParsePolicyError {}

impl FromStr for Policy {
    type Err = ParsePolicyError;

    /// Parses a policy as the kernel writes it: a mode, flags separated by `|` after `=`, and nodes in the kernel's list format after `:`. As for
    /// the kernel, `prefer` without nodes is [`Policy::LOCAL`]. What has no name is a number, as it is written: `mode 9=0x1000:0-3`.
    ///
    /// ```
    /// use numars::{NodeSet, Policy};
    /// let policy: Policy = "prefer (many):0-1".parse()?;
    /// assert_eq!(policy, Policy::preferred_many("0-1".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, ParsePolicyError> {
        let error = |position, reason| Err(ParsePolicyError { position, reason });
        let (policy, list) = text.split_once(':').map_or((text, None), |(policy, list)| (policy, Some(list)));
        let (name, names) = policy.split_once('=').map_or((policy, None), |(name, names)| (name, Some(names)));
        let number = || {
            name.strip_prefix("mode ")
                .and_then(|number| number.parse().ok())
                .filter(|mode| (0..=MODE_BITS).contains(mode))
        };
        let spelled = MODES.iter().find(|(_, spelled)| *spelled == name).map(|&(mode, _)| mode as i32);
        let Some(mode) = spelled.or_else(number) else {
            return error(0, Reason::Mode);
        };
        let (mut flags, mut position) = (ModeFlags::NONE, name.len() + 1);
        for name in names.into_iter().flat_map(|names| names.split('|')) {
            let number =
                || u32::from_str_radix(name.strip_prefix("0x")?, 16).ok().map(|bits| ModeFlags::of(bits as i32));
            let spelled = FLAGS.iter().find(|(_, spelled)| *spelled == name).map(|&(flag, _)| flag);
            let Some(flag) = spelled.or_else(number).filter(|flag| !flag.is_empty()) else {
                return error(position, Reason::Flag);
            };
            flags |= flag;
            position += name.len() + 1;
        }
        let start = policy.len() + 1;
        let nodes = match list.map(str::parse::<NodeSet>) {
            None => NodeSet::EMPTY,
            Some(Ok(_)) if mode == Mode::Default as i32 || mode == Mode::Local as i32 => {
                return error(start, Reason::NodesOfMode);
            }
            Some(Ok(nodes)) => nodes,
            Some(Err(of_list)) => return error(start + of_list.position(), Reason::Nodes(of_list)),
        };
        let is_local = mode == Mode::Preferred as i32 && nodes.is_empty();
        Ok(Policy::from_raw(if is_local { Mode::Local as i32 } else { mode }, nodes).with_flags(flags))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_error_says_where_and_why() {
        for (text, message) in [
            ("", "unknown mode at position 0"),
            ("bound:0", "unknown mode at position 0"),
            ("bind:", ""),
            ("bind=:0", "unknown flag at position 5"),
            ("bind=static|none:0", "unknown flag at position 12"),
            ("local:0", "the mode has no nodes at position 6"),
            ("default=static:", "the mode has no nodes at position 15"),
            ("bind=static:0-x", "expected a number at position 14"),
        ] {
            let said = text.parse::<Policy>().map_or_else(|error| error.to_string(), |_| String::new());
            assert_eq!(said, message, "{text:?}");
        }
        assert_eq!("prefer".parse(), Ok(Policy::LOCAL));
    }

    #[test]
    fn what_has_no_name_is_shown_as_a_number() {
        let policy = Policy::from_raw(9 | 1 << 12 | 1 << 15, "1".parse().unwrap());
        assert_eq!(format!("{policy:?}"), "Policy(mode 9=static|0x1000:1)");
        for text in ["mode 256", "mode -1", "mode x", "bind=0x1:0", "bind=0x:0", "bind=0xfffffffff:0"] {
            assert!(text.parse::<Policy>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_policy_that_was_written_is_parsed_as_the_same(
            mode in 0..256_i32,
            flags in any::<i32>(),
            nodes in proptest::collection::btree_set(0..1024_usize, 1..9)
        ) {
            let nodes: NodeSet = nodes.into_iter().filter_map(crate::Node::new).collect();
            let has_nodes = !matches!(Mode::of(mode), Mode::Default | Mode::Local);
            let policy = Policy::from_raw(mode | flags & !MODE_BITS, if has_nodes { nodes } else { NodeSet::EMPTY });
            prop_assert_eq!(policy.to_string().parse(), Ok(policy));
        }

        #[test]
        fn no_text_makes_parsing_panic(text in "(bind|prefer|local)?[=:|0-9static,-]{0,12}|.*") {
            let _ = text.parse::<Policy>();
        }
    }
}

//! Memory policies as the kernel writes them, such as `interleave=static:0-3`.
//!
//! References: numa_maps in proc_pid_numa_maps(5), `mpol=` in tmpfs(5).

use super::{ModeFlags, Policy};
use crate::list_format::ParseListError;
use crate::mempolicy::{MODE_BITS, Mode};
use crate::node::NodeSet;
use core::fmt;
use core::str::FromStr;

/// The modes, their names, and those of the constants.
const MODES: [(Mode, &str, &str); 7] = [
    (Mode::Default, "default", "MPOL_DEFAULT"),
    (Mode::Preferred, "prefer", "MPOL_PREFERRED"),
    (Mode::Bind, "bind", "MPOL_BIND"),
    (Mode::Interleave, "interleave", "MPOL_INTERLEAVE"),
    (Mode::Local, "local", "MPOL_LOCAL"),
    (Mode::PreferredMany, "prefer (many)", "MPOL_PREFERRED_MANY"),
    (Mode::WeightedInterleave, "weighted interleave", "MPOL_WEIGHTED_INTERLEAVE"),
];

/// The flags of modes, their names, and those of the constants, in the kernel's order.
const FLAGS: [(ModeFlags, &str, &str); 3] = [
    (ModeFlags::STATIC_NODES, "static", "MPOL_F_STATIC_NODES"),
    (ModeFlags::RELATIVE_NODES, "relative", "MPOL_F_RELATIVE_NODES"),
    (ModeFlags::NUMA_BALANCING, "balancing", "MPOL_F_NUMA_BALANCING"),
];

impl fmt::Display for Policy {
    /// Writes the policy as the kernel does: the mode (`default`, `prefer`, `bind`, `interleave`, `local`, `prefer (many)`,
    /// `weighted interleave`), its flags and its nodes. The number stands for what this version of the crate does not name.
    ///
    /// The text parses to an equal policy, except for policies that cannot be set: with a mode that needs nodes and none, or with nodes and
    /// [`Mode::Default`] or [`Mode::Local`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match MODES.iter().find(|(mode, ..)| *mode == self.mode()) {
            Some((_, name, _)) => f.write_str(name)?,
            None => write!(f, "mode {}", self.raw_mode() & !self.flags().bits())?,
        }
        let (mut rest, mut separator) = (self.flags().bits(), "=");
        for (flag, name, _) in FLAGS.iter().filter(|(flag, ..)| self.flags().contains(*flag)) {
            write!(f, "{separator}{name}")?;
            (rest, separator) = (rest & !flag.bits(), "|");
        }
        if rest != 0 {
            write!(f, "{separator}{rest:#x}")?;
        }
        if self.nodes().is_empty() { Ok(()) } else { write!(f, ":{}", self.nodes()) }
    }
}

/// Why a string is not a memory policy, a mode or flags.
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
    NoNodes,
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
            Reason::NoNodes => "the mode needs nodes",
            Reason::Nodes(error) => error.reason(),
        };
        write!(f, "{text} at position {}", self.position)
    }
}

impl core::error::Error for ParsePolicyError {}

impl Policy {
    /// Returns why the policy does not match its mode: it lacks nodes, or has nodes that the mode does not take.
    fn mismatch(&self) -> Option<Reason> {
        match self.mode() {
            Mode::Default | Mode::Local if !self.nodes.is_empty() => Some(Reason::NodesOfMode),
            Mode::Default | Mode::Local | Mode::Other => None,
            _ if self.nodes.is_empty() => Some(Reason::NoNodes),
            _ => None,
        }
    }

    /// Returns whether the policy is parsed from what is written.
    #[cfg(feature = "serde")]
    pub(crate) fn is_parsed_back(&self) -> bool {
        self.mismatch().is_none()
    }
}

/// Returns whether there are digits, and nothing else: std takes a `+` too.
fn are_digits(text: &str, radix: u32) -> bool {
    !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix))
}

/// Parses flags that are separated by `|`. `start` is the position of `text` in errors.
fn parse_flags(text: &str, start: usize, has_constants: bool) -> Result<ModeFlags, ParsePolicyError> {
    let (mut flags, mut position) = (ModeFlags::NONE, start);
    for name in text.split('|') {
        let number = || {
            let digits = name.strip_prefix("0x").filter(|digits| are_digits(digits, 16))?;
            let bits = u32::from_str_radix(digits, 16).ok()? as i32;
            (bits & MODE_BITS == 0 && bits != 0).then_some(ModeFlags::of(bits))
        };
        let is_name = |spelled: &str, constant: &str| spelled == name || has_constants && constant == name;
        let spelled = FLAGS.iter().find(|(_, spelled, constant)| is_name(spelled, constant)).map(|&(flag, ..)| flag);
        let Some(flag) = spelled.or_else(number) else {
            return Err(ParsePolicyError { position, reason: Reason::Flag });
        };
        flags |= flag;
        position += name.len() + 1;
    }
    Ok(flags)
}

impl FromStr for Mode {
    type Err = ParsePolicyError;

    /// Parses a mode by the kernel's name in numa_maps, such as `bind` or `prefer (many)`, or by that of the constant, such as `MPOL_BIND`.
    ///
    /// ```
    /// use numars::Mode;
    /// assert_eq!("MPOL_PREFERRED_MANY".parse(), Ok(Mode::PreferredMany));
    /// assert_eq!("prefer (many)".parse(), Ok(Mode::PreferredMany));
    /// assert!("MPOL_F_STATIC_NODES".parse::<Mode>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, ParsePolicyError> {
        let named = MODES.iter().find(|(_, name, constant)| [*name, *constant].contains(&text));
        named.map(|&(mode, ..)| mode).ok_or(ParsePolicyError { position: 0, reason: Reason::Mode })
    }
}

impl FromStr for ModeFlags {
    type Err = ParsePolicyError;

    /// Parses flags, separated by `|`, by the kernel's names in numa_maps, such as `static`, by those of the constants, such as
    /// `MPOL_F_STATIC_NODES`, or as hexadecimal numbers, such as `0x1000`.
    ///
    /// ```
    /// use numars::ModeFlags;
    /// assert_eq!("MPOL_F_STATIC_NODES".parse(), Ok(ModeFlags::STATIC_NODES));
    /// assert_eq!("static|balancing".parse(), Ok(ModeFlags::STATIC_NODES | ModeFlags::NUMA_BALANCING));
    /// assert_eq!("static|none".parse::<ModeFlags>().unwrap_err().position(), 7);
    /// ```
    fn from_str(text: &str) -> Result<Self, ParsePolicyError> {
        parse_flags(text, 0, true)
    }
}

impl FromStr for Policy {
    type Err = ParsePolicyError;

    /// Parses a policy as the kernel writes it in numa_maps: a mode, flags separated by `|` after `=`, and nodes in the kernel's list format
    /// after `:`, which all modes need except `default` and `local`, which have none. What has no name is a number, as it is written:
    /// `mode 9=0x1000:0-3`. A final newline is skipped.
    ///
    /// ```
    /// use numars::{NodeSet, Policy};
    /// let policy: Policy = "prefer (many):0-1".parse()?;
    /// assert_eq!(policy, Policy::preferred_many("0-1".parse()?));
    /// assert_eq!("bind".parse::<Policy>().unwrap_err().to_string(), "the mode needs nodes at position 4");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, ParsePolicyError> {
        let error = |position, reason| Err(ParsePolicyError { position, reason });
        let text = text.strip_suffix('\n').unwrap_or(text);
        let (policy, list) = text.split_once(':').map_or((text, None), |(policy, list)| (policy, Some(list)));
        let (name, flags) = policy.split_once('=').map_or((policy, None), |(name, flags)| (name, Some(flags)));
        let number = || {
            let digits = name.strip_prefix("mode ").filter(|digits| are_digits(digits, 10))?;
            digits.parse().ok().filter(|mode| (0..=MODE_BITS).contains(mode))
        };
        let spelled = MODES.iter().find(|(_, spelled, _)| *spelled == name).map(|&(mode, ..)| mode as i32);
        let Some(mode) = spelled.or_else(number) else {
            return error(0, Reason::Mode);
        };
        let flags = flags.map_or(Ok(ModeFlags::NONE), |flags| parse_flags(flags, name.len() + 1, false))?;
        let start = policy.len() + 1;
        let nodes = match list.map(str::parse::<NodeSet>) {
            None => NodeSet::EMPTY,
            Some(Ok(nodes)) => nodes,
            Some(Err(of_list)) => return error(start + of_list.position(), Reason::Nodes(of_list)),
        };
        let policy = Policy::from_raw(mode, nodes).with_flags(flags);
        match policy.mismatch() {
            None if list.is_some() && matches!(policy.mode(), Mode::Default | Mode::Local) => {
                error(start, Reason::NodesOfMode)
            }
            None => Ok(policy),
            Some(Reason::NodesOfMode) => error(start, Reason::NodesOfMode),
            Some(reason) => error(text.len(), reason),
        }
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
            ("bind:", "the mode needs nodes at position 5"),
            ("bind", "the mode needs nodes at position 4"),
            ("prefer", "the mode needs nodes at position 6"),
            ("interleave\n", "the mode needs nodes at position 10"),
            ("weighted interleave=static", "the mode needs nodes at position 26"),
            ("prefer (many)", "the mode needs nodes at position 13"),
            ("MPOL_BIND:0", "unknown mode at position 0"),
            ("bind=MPOL_F_STATIC_NODES:0", "unknown flag at position 5"),
            ("bind=:0", "unknown flag at position 5"),
            ("bind=static|none:0", "unknown flag at position 12"),
            ("local:0", "the mode has no nodes at position 6"),
            ("default=static:", "the mode has no nodes at position 15"),
            ("bind=static:0-x", "expected a number at position 14"),
        ] {
            let said = text.parse::<Policy>().map_or_else(|error| error.to_string(), |_| String::new());
            assert_eq!(said, message, "{text:?}");
        }
    }

    #[test]
    fn one_final_newline_is_skipped() {
        assert_eq!("default\n".parse(), Ok(Policy::DEFAULT));
        assert_eq!("bind=static:0-3\n".parse::<Policy>(), "bind=static:0-3".parse());
        for text in ["default\n\n", "default:\n", "\n", "bind\n:0"] {
            assert!(text.parse::<Policy>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn modes_and_flags_are_parsed_by_the_names_of_the_kernel_and_of_the_constants() {
        for (mode, name, constant) in MODES {
            assert_eq!([name.parse(), constant.parse()], [Ok(mode); 2]);
            // Written as the kernel does.
            assert!(Policy::new(mode, NodeSet::EMPTY).to_string() == name, "{name}");
        }
        for (flag, name, constant) in FLAGS {
            assert_eq!([name.parse(), constant.parse(), format!("{:#x}", flag.bits()).parse()], [Ok(flag); 3]);
        }
        for text in ["", "MPOL_", "mode 9", "Bind", "MPOL_BIND ", "bind:0"] {
            assert!(text.parse::<Mode>().is_err(), "{text:?}");
        }
        for text in ["", "|", "static|", "0x1", "4096", "MPOL_F_NODE"] {
            assert!(text.parse::<ModeFlags>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_has_no_name_is_shown_as_a_number() {
        let policy = Policy::from_raw(9 | 1 << 12 | 1 << 15, "1".parse().unwrap());
        assert_eq!(format!("{policy:?}"), "Policy(mode 9=static|0x1000:1)");
        for text in [
            "mode 256",
            "mode -1",
            "mode +9",
            "mode ",
            "mode x",
            "bind=0x1:0",
            "bind=0x:0",
            "bind=0x+1000:0",
            "bind=0x1001:0",
            "bind=0xfffffffff:0",
        ] {
            assert!(text.parse::<Policy>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_policy_that_was_written_is_parsed_as_the_same_or_says_why_not(
            mode in prop_oneof![0..8_i32, 0..256_i32],
            flags in prop_oneof![Just(0), any::<i32>()],
            nodes in proptest::collection::btree_set(0..1024_usize, 0..9)
        ) {
            let nodes: NodeSet = nodes.into_iter().filter_map(crate::Node::new).collect();
            let policy = Policy::from_raw(mode | flags & !MODE_BITS, nodes);
            let parsed = policy.to_string().parse::<Policy>();
            match policy.mismatch() {
                None => prop_assert_eq!(parsed, Ok(policy)),
                Some(reason) => prop_assert_eq!(parsed.map_err(|error| error.reason), Err(reason)),
            }
        }

        #[test]
        fn no_text_makes_parsing_panic(text in "(bind|prefer|local)?[=:|0-9static,-]{0,12}|.*") {
            let _ = text.parse::<Policy>();
        }
    }
}

//! Serialization: nodes, CPUs and distances as numbers, sets and policies as the kernel writes them, errors by name in formats that people read, and
//! statistics, tiers and memory as structures.
//!
//! References: the crate serde.

use crate::cpu::Cpu;
use crate::cpu_set::CpuSet;
use crate::migrate::MoveStats;
use crate::node::{Node, NodeSet};
use crate::page_status::PageStatus;
use crate::policy::Policy;
use crate::sys::errno::Errno;
use crate::topology::{Distance, NodeMemory, Tier};
use core::fmt::{self, Display};
use core::marker::PhantomData;
use core::str::FromStr;
use core::time::Duration;
use serde_core::de::{Deserialize, Deserializer, Error, Visitor};
use serde_core::ser::{Error as _, Serialize, SerializeStruct, Serializer};

/// Implements a type as its number.
macro_rules! as_number {
    ($type:ident) => {
        /// As a number.
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u32(self.number() as u32)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = u32::deserialize(deserializer)?;
                let value = usize::try_from(number).ok().and_then($type::new);
                value.ok_or_else(|| Error::custom(format_args!("{number} is above {}", $type::MAX)))
            }
        }
    };
}

as_number!(Node);
as_number!(Cpu);

/// Parses a type from a string.
struct Text<T>(PhantomData<T>, &'static str);

impl<T: FromStr<Err: Display>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// Implements a type as its string.
macro_rules! as_text {
    ($type:ident, $expected:literal) => {
        #[doc = concat!("As ", $expected, ".")]
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(PhantomData, $expected))
            }
        }
    };
}

as_text!(NodeSet, "a list of nodes such as \"0-3,8\"");
as_text!(CpuSet, "a list of CPUs such as \"0-3,8\"");
/// What a policy is.
const POLICY: &str = "a memory policy such as \"interleave:0-3\"";

/// As a memory policy such as "interleave:0-3". It is an error if the policy cannot be set, because its mode needs nodes and it has none, or the
/// opposite.
impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.is_parsed_back() {
            true => serializer.collect_str(self),
            false => Err(S::Error::custom(format_args!("the nodes do not match the mode of the policy {self}"))),
        }
    }
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(PhantomData, POLICY))
    }
}

/// As a number from 1 to 255.
impl Serialize for Distance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.value())
    }
}

impl<'de> Deserialize<'de> for Distance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u8::deserialize(deserializer)?;
        Distance::new(value).ok_or_else(|| Error::custom("a distance is not 0"))
    }
}

/// Implements serialization as a structure, whose fields have these names and values.
macro_rules! as_structure {
    ($type:ident, $(#[$meta:meta])* { $($field:literal: $value:expr,)* }) => {
        $(#[$meta])*
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut structure = serializer.serialize_struct(stringify!($type), [$($field),*].len())?;
                $({
                    let value: fn(&$type) -> _ = $value;
                    structure.serialize_field($field, &value(self))?;
                })*
                structure.end()
            }
        }
    };
}

as_structure!(Tier,
    /// As a structure with the tier's `number` and `nodes`.
    {
        "number": |tier| tier.number(),
        "nodes": |tier| tier.nodes(),
    }
);

as_structure!(NodeMemory,
    /// As a structure with `total` and `free` in bytes.
    {
        "total": |memory| memory.total(),
        "free": |memory| memory.free(),
    }
);

as_structure!(MoveStats,
    /// As a structure of numbers, which are named as the methods; those of times end with `_ns`, and are in nanoseconds. A later version may add
    /// others.
    {
        "requested": |stats| stats.requested(),
        "moved": |stats| stats.moved(),
        "in_place": |stats| stats.in_place(),
        "absent": |stats| stats.absent(),
        "unmapped": |stats| stats.unmapped(),
        "shared": |stats| stats.shared(),
        "busy": |stats| stats.busy(),
        "no_memory": |stats| stats.no_memory(),
        "failed": |stats| stats.failed(),
        "unmoved": |stats| stats.unmoved(),
        "retried": |stats| stats.retried(),
        "kernel_calls": |stats| stats.kernel_calls(),
        "elapsed_ns": |stats| nanoseconds(stats.elapsed()),
        "longest_call_ns": |stats| nanoseconds(stats.longest_call()),
    }
);

/// Formats without 128-bit numbers have room for 584 years.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What a status and an errno are in formats that people read.
trait Named: Sized {
    const EXPECTED: &'static str;

    fn from_number(number: i32) -> Self;

    fn from_name(name: &str) -> Option<Self>;
}

/// Parses a type from its number or its name.
struct NumberOrName<T>(PhantomData<T>);

impl<T: Named> Visitor<'_> for NumberOrName<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let in_range = i32::try_from(number).map(T::from_number);
        in_range.map_err(|_| E::custom(format_args!("expected {}", T::EXPECTED)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        T::from_name(name).ok_or_else(|| E::custom(format_args!("expected {}", T::EXPECTED)))
    }
}

fn number_or_name<'de, T: Named, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_any(NumberOrName(PhantomData))
    } else {
        i32::deserialize(deserializer).map(T::from_number)
    }
}

impl Named for Errno {
    const EXPECTED: &'static str = "an errno such as \"EINVAL\" or 22";

    fn from_number(number: i32) -> Self {
        Errno(number)
    }

    fn from_name(name: &str) -> Option<Self> {
        Errno::from_name(name)
    }
}

/// As a name such as "EINVAL" in formats that people read; as a number in others, or if it has no name. Numbers of errors differ between
/// architectures.
impl Serialize for Errno {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.name() {
            Some(name) if serializer.is_human_readable() => serializer.serialize_str(name),
            _ => serializer.serialize_i32(self.raw()),
        }
    }
}

impl<'de> Deserialize<'de> for Errno {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number_or_name(deserializer)
    }
}

/// The name of [`PageStatus::UNKNOWN`].
const UNKNOWN: &str = "unknown";

impl Named for PageStatus {
    const EXPECTED: &'static str = "a node, or an errno such as \"EBUSY\" or -16, or \"unknown\"";

    fn from_number(number: i32) -> Self {
        PageStatus::from_raw(number)
    }

    fn from_name(name: &str) -> Option<Self> {
        if name == UNKNOWN {
            return Some(PageStatus::UNKNOWN);
        }
        Errno::from_name(name).map(|errno| PageStatus::from_raw(-errno.raw()))
    }
}

/// As the number of a node; or, in formats that people read, as the name of an error such as "EBUSY" or as "unknown", in others as a negative
/// number.
impl Serialize for PageStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.error().and_then(Errno::name) {
            Some(name) if serializer.is_human_readable() => serializer.serialize_str(name),
            None if serializer.is_human_readable() && *self == PageStatus::UNKNOWN => serializer.serialize_str(UNKNOWN),
            _ => serializer.serialize_i32(self.raw()),
        }
    }
}

impl<'de> Deserialize<'de> for PageStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number_or_name(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_test::{Configure, Token, assert_de_tokens, assert_de_tokens_error, assert_ser_tokens, assert_tokens};

    fn nodes(list: &str) -> NodeSet {
        list.parse().unwrap()
    }

    #[test]
    fn nodes_and_cpus_are_numbers() {
        assert_tokens(&Node::MAX, &[Token::U32(1023)]);
        assert_tokens(&Cpu::MAX, &[Token::U32(16383)]);
        // As formats without types of numbers have them.
        assert_de_tokens(&Node::MAX, &[Token::I64(1023)]);
        assert_de_tokens_error::<Node>(&[Token::U64(1024)], "1024 is above 1023");
        assert_de_tokens_error::<Cpu>(&[Token::U32(16384)], "16384 is above 16383");
        assert_de_tokens_error::<Node>(&[Token::Str("0")], "invalid type: string \"0\", expected u32");
    }

    #[test]
    fn sets_and_policies_are_strings() {
        assert_tokens(&nodes("0-3,8"), &[Token::Str("0-3,8")]);
        assert_tokens(&NodeSet::EMPTY, &[Token::Str("")]);
        assert_tokens(&"0-3,5000".parse::<CpuSet>().unwrap(), &[Token::Str("0-3,5000")]);
        assert_tokens(&Policy::preferred_many(nodes("0-1")), &[Token::Str("prefer (many):0-1")]);
        assert_de_tokens(&nodes("1"), &[Token::BorrowedStr("1")]);
        assert_de_tokens_error::<NodeSet>(&[Token::Str("0-x")], "expected a number at position 2");
        assert_de_tokens_error::<Policy>(&[Token::Str("bound")], "unknown mode at position 0");
        let message = "invalid type: integer `3`, expected a list of CPUs such as \"0-3,8\"";
        assert_de_tokens_error::<CpuSet>(&[Token::U32(3)], message);
    }

    #[test]
    fn distances_are_numbers_and_0_is_none() {
        assert_tokens(&Distance::LOCAL, &[Token::U8(10)]);
        assert_de_tokens(&Distance::new(255).unwrap(), &[Token::U64(255)]);
        assert_de_tokens_error::<Distance>(&[Token::U8(0)], "a distance is not 0");
    }

    #[test]
    fn statistics_memory_and_tiers_are_structures() {
        let stats = MoveStats::example(9, 5, 4);
        let tokens = [
            ("requested", 9),
            ("moved", 5),
            ("in_place", 0),
            ("absent", 0),
            ("unmapped", 0),
            ("shared", 0),
            ("busy", 0),
            ("no_memory", 4),
            ("failed", 0),
            ("unmoved", 4),
            ("retried", 0),
            ("kernel_calls", 0),
            ("elapsed_ns", 0),
            ("longest_call_ns", 0),
        ];
        let fields = tokens.into_iter().flat_map(|(name, value)| [Token::Str(name), Token::U64(value)]);
        let structure = [Token::Struct { name: "MoveStats", len: 14 }].into_iter().chain(fields);
        assert_ser_tokens(&stats, &structure.chain([Token::StructEnd]).collect::<Vec<_>>());

        let topology = crate::Topology::read().unwrap();
        let node = topology.nodes_with_memory().first().unwrap();
        if let Ok(memory) = topology.memory(node) {
            let name = Token::Struct { name: "NodeMemory", len: 2 };
            let (total, free) = (Token::U64(memory.total()), Token::U64(memory.free()));
            assert_ser_tokens(&memory, &[name, Token::Str("total"), total, Token::Str("free"), free, Token::StructEnd]);
        }
        if let Ok(tier) = topology.tier_of(node) {
            let list: &'static str = tier.nodes().to_string().leak();
            let (name, number) = (Token::Struct { name: "Tier", len: 2 }, Token::U32(tier.number()));
            let nodes = [Token::Str("nodes"), Token::Str(list), Token::StructEnd];
            assert_ser_tokens(&tier, &[&[name, Token::Str("number"), number][..], &nodes].concat());
        }
    }

    #[test]
    fn a_policy_that_would_not_be_read_again_is_not_written() {
        for (policy, text) in [
            (Policy::from_raw(0, nodes("0-1")), "default:0-1"),
            (Policy::from_raw(4, nodes("1")), "local:1"),
            (Policy::bind(NodeSet::EMPTY), "bind"),
            (Policy::from_raw(1, NodeSet::EMPTY), "prefer"),
        ] {
            let message = format!("the nodes do not match the mode of the policy {text}");
            serde_test::assert_ser_tokens_error(&policy, &[], &message);
            assert!(text.parse::<Policy>().is_err(), "{text}");
        }
        assert_tokens(&Policy::from_raw(9, NodeSet::EMPTY), &[Token::Str("mode 9")]);
    }

    #[test]
    fn errors_have_names_in_formats_that_people_read_and_numbers_in_others() {
        for (errno, token) in [(Errno::EOPNOTSUPP, Token::Str("EOPNOTSUPP")), (Errno(4711), Token::I32(4711))] {
            assert_tokens(&errno.readable(), &[token]);
            assert_tokens(&errno.compact(), &[Token::I32(errno.raw())]);
        }
        for (status, token) in [
            (PageStatus::from(Node::MAX), Token::I32(1023)),
            (PageStatus::BUSY, Token::Str("EBUSY")),
            (PageStatus::from_raw(-4000), Token::I32(-4000)),
            (PageStatus::UNKNOWN, Token::Str("unknown")),
        ] {
            assert_tokens(&status.readable(), &[token]);
            assert_tokens(&status.compact(), &[Token::I32(status.raw())]);
        }
        assert_de_tokens(&PageStatus::BUSY.readable(), &[Token::I64((-Errno::EBUSY.raw()).into())]);
        assert_de_tokens(&PageStatus::from(Node::MAX).readable(), &[Token::U64(1023)]);
    }

    #[test]
    fn what_is_no_error_is_refused() {
        for token in [Token::Str("EWHAT"), Token::U64(u64::MAX), Token::I64(i64::MIN)] {
            let message = format!("expected {}", <Errno as Named>::EXPECTED);
            assert_de_tokens_error::<serde_test::Readable<Errno>>(&[token], &message);
            let message = format!("expected {}", <PageStatus as Named>::EXPECTED);
            assert_de_tokens_error::<serde_test::Readable<PageStatus>>(&[token], &message);
        }
    }
}

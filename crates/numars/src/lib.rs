//! NUMA policy, topology and page migration on Linux.
#![cfg_attr(not(any(test, fuzzing)), no_std)]
// Tests call libc to make what they look at.
#![cfg_attr(not(any(test, fuzzing)), deny(unsafe_code))]

pub mod affinity;
pub mod bitmask;
pub mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod mempolicy;
pub mod migrate;
pub mod names;
pub mod nodeset;
pub mod nodestring;
pub mod radix;
#[allow(unsafe_code, reason = "the one module that calls libc and the kernel")]
pub mod sys;
pub mod text;
pub mod topology;

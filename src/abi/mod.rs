//! What C sees: exported functions and data, in the order of numa(3), one file per family.
//!
//! These files are the source of the C headers: `numaif.rs` of `numaif.h`, `numars.rs` and `bulk.rs` of `numars.h`, the others of
//! `numa.h`. Their comments are copied there, so they speak to C programmers.

pub mod availability;
pub mod bitmask;
pub mod bulk;
pub mod memory;
pub mod moving;
pub mod nodes;
pub mod numaif;
pub mod numars;
pub mod older;
pub mod parsing;
pub mod policy;
pub mod reporting;
pub mod running;
pub mod sets;

//! NUMA on Linux: memory policy, CPU affinity, topology, and moving pages between nodes.
//!
//! The crate is no_std and needs no allocator: functions that need memory map it. Addresses of pages to move are plain numbers and safe to pass,
//! because moving a page does not change its contents; the functions of [`sys`] that take the address of a buffer are unsafe. A call does not
//! panic unless a callback of the caller does. libnuma's C interface (libnumars) is a thin layer above this crate.
//!
//! | module | what it does | see |
//! |---|---|---|
//! | [`topology`] | nodes, CPUs, distances, memory, tiers and devices of this machine, or of one below a directory | sysfs(5) |
//! | [`mempolicy`] | memory policy of threads and of ranges of addresses | set_mempolicy(2), mbind(2) |
//! | [`allocate`] | memory on given nodes, which may have to be there when the call returns | mmap(2), mbind(2) |
//! | [`affinity`] | on which CPUs and nodes threads run | sched_setaffinity(2) |
//! | [`migrate`] | moves pages of lists, ranges and processes, with progress and statistics | move_pages(2), migrate_pages(2) |
//! | [`error`] | which system call failed, and why | errno(3) |
//! | [`bitmask`], [`nodeset`] | sets of nodes and CPUs | numa(3) |
//! | [`nodestring`] | strings such as `0-3`, `!2`, `+0`, `file:/data` and `fastest` | numa(3) |
//! | [`parse_failure`] | where and why such a string was rejected | errno(3) |
//! | [`sys`] | the system calls and kernel files below all that, the one home of unsafe code | |
//!
//! ```
//! use numars::migrate::{self, MoveRequest};
//! use numars::topology::KernelTopology;
//!
//! // The node of a page of this process.
//! let page = [7u8; 1];
//! let (pages, mut status) = ([page.as_ptr() as usize], [0]);
//! let (result, _) = migrate::move_pages(0, MoveRequest::query(&pages, &mut status), 0);
//! if result.is_ok() {
//!     assert!(status[0] < 0 || KernelTopology::current().has_node(status[0] as usize));
//! }
//! ```
//!
//! Modules that the documentation does not show are public for libnumars, and may change in any release.
//!
//! # Features
//!
//! - `std`: conversions of [`Errno`] and [`SyscallError`](error::SyscallError) to `std::io::Error`, and `Topology::read_from_path`. Off by default.
//! - `c-symbols`: for libnumars alone. The system calls that a program may interpose are made by the C functions of these names, which
//!   whoever sets this feature has to define.
#![cfg_attr(not(any(test, fuzzing)), no_std)]
// Tests call libc to make what they examine.
#![cfg_attr(not(any(test, fuzzing)), deny(unsafe_code))]

#[cfg(all(feature = "std", not(any(test, fuzzing))))]
extern crate std;

/// Compiles and runs the Rust examples of README.md.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

#[cfg(feature = "allocator-api2")]
mod allocator;
mod cpu;
mod list_format;
mod mapping;
mod move_error;
mod moving;
mod node;
mod page_queries;
mod page_status;
mod placing;
mod policy;
mod process_id;
#[cfg(feature = "serde")]
mod serde;
mod support;
mod thread;

#[cfg(feature = "allocator-api2")]
pub use allocator::NodeAllocator;
pub use cpu::{Cpu, CpuSet, CpuSetIter};
pub use error::{Syscall, SyscallError};
pub use list_format::ParseListError;
pub use mapping::{MapOptions, Mapping};
pub use mempolicy::Mode;
pub use migrate::{MoveStats, TierMove};
pub use move_error::MoveError;
pub use moving::Move;
pub use node::{Node, NodeSet, NodeSetIter};
pub use page_queries::{count_pages, node_of, nodes_of_pages};
pub use page_status::PageStatus;
pub use placing::Placement;
pub use policy::{MbindFlags, ModeFlags, ParsePolicyError, Policy, PolicyGuard, node_of_address, set_home_node};
pub use process_id::Process;
pub use support::Support;
pub use sys::errno::Errno;
pub use thread::{bind_thread, run_on, set_thread_cpus, set_thread_cpus_of, thread_cpus, thread_cpus_of};
pub use topology::{
    Attribute, DeviceError, DeviceKind, Distance, NodeKind, NodeMemory, NodesByDistance, Tier, Tiers, Topology,
};

pub mod affinity;
pub mod allocate;
pub mod bitmask;
pub mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod mempolicy;
pub mod migrate;
#[doc(hidden)]
pub mod names;
pub mod nodeset;
pub mod nodestring;
pub mod parse_failure;
#[doc(hidden)]
pub mod radix;
#[allow(unsafe_code, reason = "the one module that calls libc and the kernel")]
pub mod sys;
#[doc(hidden)]
pub mod text;
pub mod topology;

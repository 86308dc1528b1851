//! NUMA on Linux: find out where memory is, decide where it comes from, and move it while it is in use.
//!
//! | what | items | man page |
//! |---|---|---|
//! | nodes and CPUs, and sets of them | [`Node`], [`NodeSet`], [`Cpu`], [`CpuSet`] | numa(7), cpuset(7) |
//! | what the machine is, and what of it this process may use | [`Topology`], [`Distance`], [`Tier`], [`NodeMemory`], [`Attribute`] | sysfs(5) |
//! | on which nodes memory is allocated | [`Policy`], [`PolicyGuard`], [`set_home_node`] | set_mempolicy(2), mbind(2) |
//! | memory on nodes | [`Mapping`], [`MapOptions`], `NodeAllocator` | mmap(2) |
//! | on which CPUs threads run | [`run_on`], [`bind_thread`], [`set_thread_cpus`] | sched_setaffinity(2) |
//! | where pages are | [`node_of`], [`nodes_of_pages`](nodes_of_pages()), [`count_pages`](count_pages()) | move_pages(2) |
//! | moving pages | [`Move`], [`Placement`], [`MoveStats`], [`PageStatus`], [`Process`] | move_pages(2), migrate_pages(2) |
//! | what this kernel, or this container, can do | [`Support`] | |
//!
//! Programs that know libnuma find its calls in [`from_libnuma`].
//!
//! # Guide
//!
//! **Pin a thread and its memory.** [`bind_thread`] restricts the calling thread to the CPUs of nodes, and its allocations to their memory. If
//! either is refused, nothing has changed.
//!
//! ```
//! # std::thread::spawn(|| {
//! use numars::{Node, bind_thread};
//! match bind_thread(Node::new(0).unwrap().into()) {
//!     Ok(()) => println!("this thread and what it allocates are on node 0"),
//!     Err(error) => println!("not bound: {error}"), // such as "set_mempolicy: EPERM" in a container
//! }
//! # }).join().unwrap();
//! ```
//!
//! **Interleave a table**, so that threads of all nodes share the bandwidth of all memory: one that is mapped, or one that is there already.
//!
//! ```
//! use numars::{MapOptions, Move, Placement, Policy, Topology};
//! let nodes = Topology::read()?.allowed_nodes();
//! let table = MapOptions::new().policy(Policy::interleave(nodes)).map(64 << 20);
//! println!("{:?}", table.map(|table| table.len()));
//!
//! let existing = vec![1u64; 1 << 17];
//! match Move::new().place_memory(&existing, &Placement::interleave(nodes)) {
//!     Ok(stats) => println!("{stats}"),
//!     Err(error) => println!("{error}"),
//! }
//! # Ok::<(), numars::Errno>(())
//! ```
//!
//! Such a move does not change the policy of the memory, by which pages are allocated later: [`Placement::set_policy`] and
//! [`Policy::set_for_range`] do.
//!
//! **Move a running process** from one node to others, throttled so that it barely notices.
//!
//! ```
//! use core::ops::ControlFlow;
//! use core::time::Duration;
//! use numars::{Errno, Move, NodeSet, Process};
//! # let pid = std::process::id();
//! let [from, to]: [NodeSet; 2] = ["0".parse()?, "0".parse()?];
//! let moved = Move::new()
//!     .process(Process::try_from(pid)?)
//!     .max_pause(Duration::from_millis(1))
//!     .bandwidth(1 << 30)
//!     .timeout(Duration::from_secs(60))
//!     .on_progress(|stats| {
//!         eprintln!("{stats}");
//!         ControlFlow::Continue(())
//!     })
//!     .process_pages(from, to);
//! match moved {
//!     Ok(stats) => println!("{} pages did not move", stats.unmoved()),
//!     Err(error) if error.errno() == Errno::ETIMEDOUT => println!("{} pages moved in time", error.stats().moved()),
//!     Err(error) => println!("{error}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Find out where memory is**: of a value, of each page, or of a range in numbers for each node.
//!
//! ```
//! use numars::{count_pages, node_of};
//! let table = vec![1u8; 1 << 20];
//! let mut per_node = [0; numars::Node::COUNT];
//! match (node_of(&table[..]), count_pages(&table, &mut per_node)) {
//!     (Ok(status), Ok(pages)) => println!("it begins {status}; {} of {pages} pages are on node 0", per_node[0]),
//!     (Err(error), _) | (_, Err(error)) => println!("this kernel does not say: {error}"),
//! }
//! ```
//!
//! # What every function keeps to
//!
//! - **Safe.** Addresses of pages are numbers and need not be valid: moving a page, or giving memory a policy, does not change its contents.
//! - **Errors are values**, [`Errno`] or one that has it. Nothing panics on any input (a callback of the caller may, and the operators and some
//!   other methods of [`CpuSet`] do if memory for CPUs from 1,024 on cannot be mapped, see there), nothing is printed, and errno(3) is left untouched by what succeeds.
//! - **No allocator.** What needs memory maps it, and unmaps it. An exception is the name of a host, such as `ip:example.org`, which
//!   [`Topology::node_of_device`], [`Topology::nodes_by_name`] and [`Topology::parse_nodes`] pass to getaddrinfo(3): that allocates, takes locks,
//!   and may ask a name server, for seconds.
//! - **Threads and signal handlers.** Every function may be called by several threads at the same time, and none takes a lock, except for names
//!   that begin with `ip:`. Signal handlers may call all except these, and moves with more than one thread, which create threads.
//! - **Containers** that forbid memory policy: [`Topology`] and sets work, policy calls fail with EPERM. [`Support::query`] asks once.
//! - **Another machine.** [`Topology::read_from`] reads the topology of a machine whose files of /proc and /sys are below a directory. No
//!   function reads the environment.
//!
//! # Features
//!
//! All are off by default.
//!
//! - `std`: conversions of errors to `std::io::Error`, `Topology::read_from_path`, `Process::from_pidfd`.
//! - `serde`: serializes sets as lists such as `"0-3,8"`, nodes, CPUs and distances as numbers, policies as the kernel writes them, and writes
//!   [`MoveStats`], [`NodeMemory`] and [`Tier`] as structures.
//! - `allocator-api2`: `NodeAllocator`, for collections of other crates.
//! - `__c-symbols`: private to the C library. The system calls that a program may interpose are made by the C functions of these names, which
//!   whoever sets this feature has to define: name features one by one, because with `--all-features` nothing links.
//!
//! # For the C library
//!
//! libnumars, libnuma's C interface, is made of the same parts. What C needs beyond this interface (sets of any length that other threads change,
//! the strings of numactl(8), statuses in a program's own arrays) is listed in the source of the module `for_c`, which the documentation does not show,
//! and which may change in any release.
#![cfg_attr(not(any(test, fuzzing)), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests call libc to make what they examine.
#![cfg_attr(not(any(test, fuzzing)), deny(unsafe_code))]

#[cfg(not(target_os = "linux"))]
compile_error!("numars is for Linux");

#[cfg(all(feature = "std", not(any(test, fuzzing))))]
extern crate std;

/// Compiles and runs the Rust examples of README.md.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

#[doc = include_str!("../docs/from-libnuma.md")]
pub mod from_libnuma {}

mod affinity;
mod allocate;
#[cfg(feature = "allocator-api2")]
mod allocator;
mod bitmask;
mod cpu;
mod cpu_set;
mod error;
#[doc(hidden)]
pub mod for_c;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod list_format;
mod mapping;
mod mempolicy;
mod migrate;
mod move_error;
mod moving;
mod names;
mod node;
mod nodeset;
mod nodestring;
mod page_queries;
mod page_status;
mod parse_failure;
mod placing;
mod policy;
mod process_id;
mod radix;
#[cfg(feature = "serde")]
mod serde;
mod support;
#[allow(unsafe_code, reason = "the one module that calls libc and the kernel")]
mod sys;
mod text;
mod thread;
mod topology;

#[cfg(feature = "allocator-api2")]
pub use allocator::NodeAllocator;
pub use cpu::Cpu;
pub use cpu_set::{CpuSet, CpuSetIter};
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
pub use sys::memory::page_size;
pub use thread::{bind_thread, run_on, set_thread_cpus, set_thread_cpus_of, thread_cpus, thread_cpus_of};
pub use topology::queries::set_interleave_weight;
pub use topology::{
    Attribute, DeviceError, DeviceKind, Distance, NodeKind, NodeMemory, NodesByDistance, ParseNodesError, Tier, Tiers,
    Topology,
};

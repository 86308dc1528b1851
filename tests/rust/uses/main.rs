//! Ports of what programs do about NUMA, on the Rust library, and its examples. Most need a machine with several nodes: `make test` runs these in
//! the guest (tests/rust_interface.rs).

mod container_runtime;
mod examples;
mod forbidden_calls;
mod rebalanced_table;
mod thread_pool;

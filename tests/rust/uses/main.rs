//! Ports of what programs do about NUMA, on the Rust library, and its examples. They need a machine with several nodes: `make test` runs them in
//! the guest (tests/rust_interface.rs).

mod container_runtime;
mod examples;
mod rebalanced_table;
mod thread_pool;

//! What the C library uses of this crate besides its interface.
//!
//! C has sets of any length, which other threads may change; strings as numactl(8) takes them; statuses and addresses in the program's own arrays; and
//! one topology for the process, whose exported copies it keeps up to date. Nothing here is documented for other programs, and any release may
//! change it.

/// CPU affinity by sets of any length.
pub mod affinity {
    pub use crate::affinity::{bind, get, run_on_all_cpus, run_on_nodes, set, set_bits};
}

/// Sets of any length, whose words belong to the program.
pub mod bitmask {
    pub use crate::bitmask::{Bits, BitsMut, WORD_BITS, Word};
}

/// Policies by the kernel's numbers, for sets of any length.
pub mod mempolicy {
    pub use crate::mempolicy::{
        MF_STRICT, MemRange, NUMA_BALANCING, has_home_node, has_preferred_many, lacks_preferred_many, set_home_node,
        set_memory_policy, set_task_policy, task_policy,
    };
}

/// Moves that read and write arrays of the program, whose addresses need not be valid.
pub mod migrate {
    pub use crate::migrate::{
        CancelFlag, DEFAULT_RETRIES, MF_MOVE, MF_MOVE_ALL, MoveOptions, MoveReport, MoveRequest, PlacementMode,
        PlacementRequest, Progress, count_pages, move_list, move_pages, move_pages_raw, move_process, move_range,
        move_to_tier, place_process, place_range, status_text,
    };

    /// The pairs of nodes of migrate_pages(2).
    pub mod node_map {
        pub use crate::migrate::node_map::{Masks, PADDED_BITS, masks, padded};
    }
}

/// Names of constants, for the log.
pub mod names {
    pub use crate::names::nth;
}

/// Sets of all nodes and CPUs that a kernel may have.
pub mod nodeset {
    pub use crate::nodeset::{CpuMask, FixedBitmask, MAX_CPUS, MAX_NUMNODES, NodeMask};
}

/// The strings of numactl(8).
pub mod nodestring {
    pub use crate::nodestring::{ParseContext, ParseError, ParsedDevice, invert, parse, parse_bitmap, ranges};
}

/// What is wrong with such a string.
pub mod parse_failure {
    pub use crate::parse_failure::{Members, ParseFailure};
}

/// Numbers as digits.
pub mod radix {
    pub use crate::radix::{DECIMAL, HEXADECIMAL, write_radix};
}

/// System calls, files, memory and the process.
pub mod sys {
    pub mod environment {
        pub use crate::sys::environment::variable;
    }

    pub mod errno {
        pub use crate::sys::errno::{
            E2BIG, EACCES, EBUSY, EFAULT, EINVAL, ENODATA, ENODEV, ENOENT, ENOMEM, EOVERFLOW, ERANGE, get,
            preserve_errno, set,
        };
    }

    pub mod files {
        pub use crate::sys::files::{
            File, FixedPath, Status, strip_prefix, strip_prefix_cstr, write_to_standard_error,
        };
    }

    pub mod kernel {
        #[cfg(feature = "__c-symbols")]
        pub use crate::sys::kernel::DEFAULT;
        pub use crate::sys::kernel::{
            Calls, current_cpu, has_policy, interpose, migrate_pages, next_interleave_node, sched_getaffinity_bytes,
            sched_setaffinity_bytes, set_mempolicy_home_node,
        };

        pub mod raw {
            pub use crate::sys::kernel::raw::{get_mempolicy, mbind, migrate_pages, move_pages, set_mempolicy};
        }
    }

    /// Memory of malloc(3) and of mmap(2), which the program frees.
    pub mod memory {
        pub use crate::sys::memory::{Arena, allocate, allocate_zeroed, free, map, prefault, remap, string, unmap};
    }

    pub mod output {
        pub use crate::sys::output::{Method, write};
    }

    pub mod process {
        pub use crate::sys::process::{abort, effective_user, exit_with_failure, ids, print_errno, print_formatted};
    }

    /// The directory that NUMARS_FSROOT names.
    pub mod root {
        pub use crate::sys::root::Root;
    }

    pub mod uaccess {
        pub use crate::sys::uaccess::{UserPtr, UserPtrMut};
    }
}

/// The topology of the process, which calls of all threads share.
pub mod topology {
    pub use crate::topology::{
        KernelTopology, NodesLookup, affinity_into, cached, catch_up, configured_cpus, distance, for_each_bit,
        memory_of_node, mems_allowed_into, node_of_current_cpu, nodes_by_name, possible_cpus, possible_nodes,
        set_weight_of_node, task_cpus, update,
    };
}

//! The weights of nodes for weighted interleaving (MPOL_WEIGHTED_INTERLEAVE, Linux 6.9).

use super::KernelTopology;
use super::kernel_files::read_number;
use crate::radix::{DECIMAL, write_radix};
use crate::sys::errno;
use crate::sys::files::{self, FixedPath};
use crate::sys::root::Root;
use core::ffi::c_int;

impl KernelTopology<'_> {
    /// Returns the weight of a node: how many pages in a row weighted interleaving allocates on it, 1 to 255.
    ///
    /// Errors are errnos: ENODEV if there is no such node; ENODATA if the kernel has no weight for it, as before Linux 6.9; or that of
    /// open(2), such as EMFILE.
    ///
    /// ```
    /// use numars::for_c::sys::errno::{ENODATA, ENODEV};
    /// use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// match topology.interleave_weight(topology.max_node()) {
    ///     Ok(weight) => assert!(weight >= 1),
    ///     Err(error) => assert_eq!(error, ENODATA),
    /// }
    /// assert_eq!(topology.interleave_weight(usize::MAX), Err(ENODEV));
    /// ```
    pub fn interleave_weight(&self, node: usize) -> Result<u8, c_int> {
        if !self.has_node(node) {
            return Err(errno::ENODEV);
        }
        let weight = read_number(&weight_path(self.root(), node))?;
        u8::try_from(weight).ok().filter(|&weight| weight > 0).ok_or(errno::ENODATA)
    }
}

/// Sets the weight of a node of this process's machine, for all processes. Allocations from now on use it; since Linux 6.16, the kernel
/// stops deriving the weights of all nodes from their bandwidths.
///
/// Errors are errnos: ENODEV if there is no such node; EINVAL if `weight` is 0; EOPNOTSUPP if the kernel has no weight for the node, as
/// before Linux 6.9; EROFS if NUMARS_FSROOT puts another machine in this one's place; or that of open(2) or write(2), such as EACCES.
///
/// ```no_run
/// // Five pages on node 0 for one on node 2.
/// numars::for_c::topology::set_weight_of_node(0, 5).unwrap();
/// numars::for_c::topology::set_weight_of_node(2, 1).unwrap();
/// ```
pub fn set_weight_of_node(node: usize, weight: u8) -> Result<(), c_int> {
    if !KernelTopology::current().has_node(node) {
        return Err(errno::ENODEV);
    }
    // The kernel takes 0 for a request to restore its own weight, or refuses it, depending on its version.
    if weight == 0 {
        return Err(errno::EINVAL);
    }
    let root = Root::of_process();
    if !root.is_running() {
        return Err(errno::EROFS);
    }
    let (mut text, mut length) = ([0u8; 3], 0);
    write_radix(weight.into(), DECIMAL, 1, &mut |digit| {
        text.get_mut(length).into_iter().for_each(|to| *to = digit);
        length += 1;
    });
    files::write_to_kernel_file(&weight_path(root, node), text.get(..length).unwrap_or_default()).map_err(|error| {
        match error {
            errno::ENOENT => errno::EOPNOTSUPP,
            error => error,
        }
    })
}

fn weight_path(root: Root<'_>, node: usize) -> FixedPath<'_> {
    let mut path = root.path(b"/sys/kernel/mm/mempolicy/weighted_interleave/node");
    path.decimal(node);
    path
}

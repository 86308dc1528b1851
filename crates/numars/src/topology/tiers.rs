//! Memory tiers: groups of nodes whose memory is about equally fast, as the kernel forms them.

use super::KernelTopology;
use super::kernel_files::{error_of_reading, number_after, open, read_list};
use crate::nodeset::NodeMask;
use crate::sys::errno;
use crate::sys::files::FixedPath;
use crate::sys::root::Root;
use core::ffi::c_int;

const TIERS: &[u8] = b"/sys/devices/virtual/memory_tiering";
const TIER: &[u8] = b"memory_tier";

impl KernelTopology<'_> {
    /// Calls `each` with the number and the nodes of every memory tier that has nodes, in any order. A tier with a smaller number is
    /// faster. Nodes without memory are in none.
    ///
    /// Errors are errnos: ENODATA if the kernel lists no tiers, as before Linux 6.1; or that of open(2), such as EMFILE.
    ///
    /// ```
    /// use numars::for_c::topology::KernelTopology;
    /// let result = KernelTopology::current().for_each_tier(&mut |tier, nodes| {
    ///     println!("tier {tier} has {} nodes", nodes.bits().as_bits().weight());
    /// });
    /// assert!(result.is_ok() || result == Err(numars::for_c::sys::errno::ENODATA));
    /// ```
    pub fn for_each_tier(&self, each: &mut dyn FnMut(u32, &NodeMask)) -> Result<(), c_int> {
        let root = self.root();
        let mut result = Err(errno::ENODATA);
        open(&root.path(TIERS))?.for_each_name(&mut |name| {
            let Some(tier) = number_after(TIER, name) else { return true };
            match read_tier(root, tier) {
                Ok(nodes) => {
                    each(tier, &nodes);
                    result = Ok(());
                    true
                }
                Err(errno::ENODATA) => true,
                Err(error) => {
                    result = Err(error);
                    false
                }
            }
        });
        result
    }

    /// Writes the numbers of the memory tiers to `tiers`, in ascending order and as far as they fit. Returns how many there are. Errors are
    /// those of [`KernelTopology::for_each_tier`].
    ///
    /// ```
    /// use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// let mut tiers = [0; 8];
    /// if let Ok(count @ 1..=8) = topology.tiers(&mut tiers) {
    ///     let slowest = topology.nodes_of_tier(tiers[count - 1]).unwrap();
    ///     assert!(!slowest.bits().as_bits().is_empty());
    /// }
    /// ```
    pub fn tiers(&self, tiers: &mut [u32]) -> Result<usize, c_int> {
        let mut count = 0;
        self.for_each_tier(&mut |tier, _| {
            let mut carried = tier;
            for kept in tiers.iter_mut().take(count).filter(|kept| **kept > tier) {
                core::mem::swap(kept, &mut carried);
            }
            tiers.get_mut(count).into_iter().for_each(|next| *next = carried);
            count += 1;
        })?;
        Ok(count)
    }

    /// Returns the memory tier of a node. Errors are errnos: ENODEV if there is no such node; ENODATA if it is in no tier, because it has no
    /// memory or the kernel lists no tiers; or that of open(2), such as EMFILE.
    ///
    /// ```
    /// use numars::for_c::sys::errno::ENODEV;
    /// use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// if let Ok(tier) = topology.tier_of_node(topology.max_node()) {
    ///     assert!(topology.nodes_of_tier(tier).unwrap().bits().as_bits().contains(topology.max_node()));
    /// }
    /// assert_eq!(topology.tier_of_node(usize::MAX), Err(ENODEV));
    /// ```
    pub fn tier_of_node(&self, node: usize) -> Result<u32, c_int> {
        if !self.has_node(node) {
            return Err(errno::ENODEV);
        }
        let mut tier_of_node = Err(errno::ENODATA);
        self.for_each_tier(&mut |tier, nodes| {
            if nodes.bits().as_bits().contains(node) {
                tier_of_node = Ok(tier);
            }
        })?;
        tier_of_node
    }

    /// Returns the nodes of a memory tier. Errors are errnos: ENODATA if the kernel lists no such tier; or that of open(2), such as EMFILE.
    ///
    /// ```
    /// use numars::for_c::sys::errno::ENODATA;
    /// use numars::for_c::topology::KernelTopology;
    /// assert_eq!(KernelTopology::current().nodes_of_tier(1 << 30).err(), Some(ENODATA));
    /// ```
    pub fn nodes_of_tier(&self, tier: u32) -> Result<NodeMask, c_int> {
        read_tier(self.root(), tier)
    }

    /// Returns the nodes of the tier with the lowest or the highest number. Errors are those of [`KernelTopology::for_each_tier`].
    pub(super) fn nodes_of_extreme_tier(&self, highest: bool) -> Result<NodeMask, c_int> {
        let (extreme, mut last) = (NodeMask::new(), None);
        self.for_each_tier(&mut |tier, nodes| {
            if last.is_none_or(|last| if highest { tier > last } else { tier < last }) {
                last = Some(tier);
                extreme.bits().copy_from(nodes.bits().as_bits());
            }
        })?;
        Ok(extreme)
    }
}

/// Reads the nodes of a tier. Errors are errnos: ENODATA if it has none.
#[inline(never)]
fn read_tier(root: Root, tier: u32) -> Result<NodeMask, c_int> {
    let (path, nodes) = (tier_path(root, tier), NodeMask::new());
    if !read_list(&path, nodes.bits()) {
        return Err(error_of_reading(&path));
    }
    if nodes.bits().as_bits().is_empty() { Err(errno::ENODATA) } else { Ok(nodes) }
}

/// Returns the path of the list of a tier's nodes. The kernel's documentation calls the file `nodes`; its name is `nodelist`.
fn tier_path(root: Root<'_>, tier: u32) -> FixedPath<'_> {
    let mut path = root.path(TIERS);
    path.text(b"/").text(TIER).decimal(tier as usize).text(b"/nodelist");
    path
}

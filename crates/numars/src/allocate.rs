//! Gives fresh memory a policy, and, if requested, makes sure that its pages are on the nodes of that.
//!
//! Pages are never populated under MPOL_BIND: on a node without free memory, that starts the kernel's OOM killer. They are populated under a
//! policy that falls back to other nodes, and then queried; those that are elsewhere are moved, which fails without any further effect if
//! there is no room.
//!
//! References: mmap(2), mbind(2), madvise(2), move_pages(2).

use crate::bitmask::Bits;
use crate::mempolicy::{self, MODE_BITS, MemRange, Mode};
use crate::migrate::{self, MoveRequest};
use crate::nodeset::NodeMask;
use crate::policy::{ModeFlags, Policy};
use crate::sys::errno::{EACCES, EFAULT, ENODEV, ENOENT, ENOMEM, Errno};
use crate::sys::kernel;
use crate::sys::memory::Scratch;

/// Which policies memory has, one after the other, by the kernel's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Plan {
    /// The policy under which pages are populated.
    first: i32,
    /// Whether pages are populated before the call returns.
    populate: bool,
    /// Whether populated pages must be on the nodes.
    check: bool,
    /// The policy when the call returns.
    last: i32,
}

impl Plan {
    /// Fails with EINVAL if the kernel does not say on which nodes the pages of this policy are.
    fn new(policy: &Policy, populate: bool, strict: bool) -> Result<Self, Errno> {
        let (mode, raw) = (policy.mode(), policy.raw_mode());
        let populate = populate || strict;
        let (mut first, mut check) = (raw, strict);
        match mode {
            Mode::Default => check = false,
            Mode::Local if strict => first = Mode::Preferred as i32,
            Mode::Bind if populate => {
                let prefer = if policy.nodes().len() == 1 { Mode::Preferred } else { Mode::PreferredMany };
                // NUMA balancing is for policies that bind.
                first = prefer as i32 | policy.flags().bits() & !mempolicy::NUMA_BALANCING;
                check = true;
            }
            _ => {}
        }
        if check && (mode == Mode::Other || policy.flags().contains(ModeFlags::RELATIVE_NODES)) {
            return Err(Errno::EINVAL);
        }
        Ok(Plan { first, populate, check, last: raw })
    }
}

/// Gives fresh memory, of pages of `page_size` bytes, a policy, and populates it if requested. With `strict`, all pages are on the nodes of the
/// policy then; for a local policy, on the node that the calling thread runs on.
///
/// # Errors
/// EINVAL if the kernel lacks the policy, if none of the nodes is allowed and has memory, or, with `strict`, if it is not clear which nodes those
/// are; ENOMEM if there is not enough memory, or not on the nodes; EPERM or ENOSYS if mbind(2), or move_pages(2) that `strict` needs, cannot be
/// used.
pub(crate) fn place(
    memory: &mut Scratch,
    policy: &Policy,
    populate: bool,
    strict: bool,
    page_size: usize,
) -> Result<(), Errno> {
    let mut plan = Plan::new(policy, populate, strict)?;
    let nodes = match policy.mode() {
        Mode::Local if plan.check => NodeMask::single(current_node()?),
        _ => policy.nodes().to_mask(),
    };
    if plan.check && nodes.bits().as_bits().is_empty() {
        return Err(Errno::EINVAL);
    }
    const MANY: i32 = Mode::PreferredMany as i32;
    if policy.mode() == Mode::Bind && plan.first & MODE_BITS == MANY && mempolicy::lacks_preferred_many() {
        plan.first = plan.first & !MODE_BITS | Mode::Preferred as i32;
    }
    carry_out(plan, memory, nodes.bits().as_bits(), page_size)
}

fn current_node() -> Result<usize, Errno> {
    kernel::getcpu().map(|(_, node)| node).ok_or_else(Errno::last)
}

/// Gives memory the policies of a plan.
fn carry_out(plan: Plan, memory: &mut Scratch, nodes: Bits, page_size: usize) -> Result<(), Errno> {
    let range = MemRange { start: memory.start() as usize, length: memory.bytes() };
    let set_policy = |raw_mode| {
        let nodes = if raw_mode & MODE_BITS == Mode::Local as i32 { Bits::EMPTY } else { nodes };
        mempolicy::set_memory_policy(range, raw_mode, nodes, 0).map_err(Errno::from)
    };
    // Fresh memory has the default policy, also where policies are forbidden.
    if plan.first != Mode::Default as i32 {
        set_policy(plan.first)?;
    }
    if plan.populate {
        populate(memory, plan.check.then_some(nodes), page_size)?;
    }
    if plan.last != plan.first {
        set_policy(plan.last)?;
    }
    Ok(())
}

/// Populates memory of such pages. Makes sure that they are on `nodes`, if given.
fn populate(memory: &mut Scratch, nodes: Option<Bits>, page_size: usize) -> Result<(), Errno> {
    /// How often pages are populated again that the kernel has swapped out meanwhile.
    const ROUNDS: usize = 4;
    for _ in 0..ROUNDS {
        memory.populate()?;
        let Some(nodes) = nodes else { return Ok(()) };
        let mut call = |pages: &[usize], targets: Option<&[i32]>, status: &mut [i32]| {
            let request = match targets {
                Some(targets) => MoveRequest::new(pages, targets, status),
                None => MoveRequest::query(pages, status),
            };
            migrate::move_pages(0, request, migrate::MF_MOVE).0.map(|_| ())
        };
        let range = MemRange { start: memory.start() as usize, length: memory.bytes() };
        if settle(range, page_size, nodes, &mut call)? {
            return Ok(());
        }
    }
    Err(Errno(ENOMEM))
}

/// Queries pages, or moves them to the given nodes: as move_pages(2), and continues past pages that do not move.
trait MovePages: FnMut(&[usize], Option<&[i32]>, &mut [i32]) -> Result<(), Errno> {}

impl<T: FnMut(&[usize], Option<&[i32]>, &mut [i32]) -> Result<(), Errno>> MovePages for T {}

/// Moves the pages of `memory`, each of `page_size` bytes, that are not on `nodes` to these. Returns whether all are there, or false if some
/// have to be populated again. Fails with ENOMEM if pages stay elsewhere.
fn settle(memory: MemRange, page_size: usize, nodes: Bits, call: &mut impl MovePages) -> Result<bool, Errno> {
    /// The pages of one call.
    const MAX_PAGES: usize = 4096;
    const BYTES_OF_PAGE: usize = size_of::<usize>() + 2 * size_of::<i32>();
    let count = memory.length.div_ceil(page_size).min(MAX_PAGES);
    let mut scratch = Scratch::new(count * BYTES_OF_PAGE).ok_or(Errno(ENOMEM))?;
    let mut arena = scratch.arena();
    let (pages, targets, status) =
        (arena.alloc_slice::<usize>(count), arena.alloc_slice::<i32>(count), arena.alloc_slice::<i32>(count));
    let mut addresses = (0..memory.length).step_by(page_size).map(|offset| memory.start + offset);
    let mut present = true;
    loop {
        let filled = pages.iter_mut().zip(&mut addresses).map(|(page, address)| *page = address).count();
        if filled == 0 {
            return Ok(present);
        }
        let mut batch = Batch { pages, targets, status, left: filled, present: true };
        batch.settle(nodes, call)?;
        present &= batch.present;
    }
}

/// Pages that may have to move.
struct Batch<'a> {
    pages: &'a mut [usize],
    targets: &'a mut [i32],
    status: &'a mut [i32],
    /// The number of pages, at the start of the array, that are not known to be on their nodes.
    left: usize,
    /// Whether no page was absent.
    present: bool,
}

impl Batch<'_> {
    fn settle(&mut self, nodes: Bits, call: &mut impl MovePages) -> Result<(), Errno> {
        self.submit(None, call)?;
        self.drop_settled(nodes);
        for node in nodes.iter() {
            if self.left == 0 {
                break;
            }
            match self.submit(Some(node as i32), call) {
                // Statuses are valid if the node is full, too.
                Ok(()) | Err(Errno(ENOMEM)) => self.drop_settled(nodes),
                // The policy ignores this node.
                Err(Errno(ENODEV | EACCES)) => {}
                Err(error) => return Err(error),
            }
        }
        if self.left == 0 { Ok(()) } else { Err(Errno(ENOMEM)) }
    }

    /// Moves the pages that are left to `node`, or queries them.
    fn submit(&mut self, node: Option<i32>, call: &mut impl MovePages) -> Result<(), Errno> {
        self.targets.fill(node.unwrap_or(0));
        // For a call that writes none: such a page is tried again on the next node.
        self.status.fill(-ENOMEM);
        let targets = node.and(self.targets.get(..self.left));
        let pages = self.pages.get(..self.left).unwrap_or_default();
        call(pages, targets, self.status.get_mut(..self.left).unwrap_or_default())
    }

    /// Drops the pages that are on `nodes`, and absent ones.
    fn drop_settled(&mut self, nodes: Bits) {
        let mut kept = 0;
        for index in 0..self.left {
            let (Some(&page), Some(&status)) = (self.pages.get(index), self.status.get(index)) else { break };
            match usize::try_from(status) {
                Ok(node) if nodes.contains(node) => continue,
                Err(_) if status == -ENOENT || status == -EFAULT => {
                    self.present = false;
                    continue;
                }
                _ => {}
            }
            if let Some(place) = self.pages.get_mut(kept) {
                *place = page;
            }
            kept += 1;
        }
        self.left = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Node, NodeSet};
    use crate::sys::memory::page_size;
    use std::collections::BTreeMap;

    #[test]
    fn memory_is_never_populated_under_a_policy_that_binds() {
        use Mode::{Bind, Default, Interleave, Local, Preferred, PreferredMany, WeightedInterleave};
        let node = Node::new(1).unwrap();
        let (one, two) = (NodeSet::from(node), [Node::new(0).unwrap(), node].into_iter().collect());
        const LAZY: (bool, bool) = (false, false);
        const POPULATE: (bool, bool) = (true, false);
        const STRICT: (bool, bool) = (false, true);
        for (policy, (populate, strict), first, is_populated, is_checked) in [
            (Policy::preferred(node), LAZY, Preferred, false, false),
            (Policy::preferred(node), POPULATE, Preferred, true, false),
            (Policy::preferred(node), STRICT, Preferred, true, true),
            (Policy::bind(one), LAZY, Bind, false, false),
            (Policy::bind(one), POPULATE, Preferred, true, true),
            (Policy::bind(one), STRICT, Preferred, true, true),
            (Policy::bind(two), POPULATE, PreferredMany, true, true),
            (Policy::LOCAL, LAZY, Local, false, false),
            (Policy::LOCAL, POPULATE, Local, true, false),
            (Policy::LOCAL, STRICT, Preferred, true, true),
            (Policy::DEFAULT, STRICT, Default, true, false),
            (Policy::interleave(two), LAZY, Interleave, false, false),
            (Policy::interleave(two), STRICT, Interleave, true, true),
            (Policy::weighted_interleave(two), POPULATE, WeightedInterleave, true, false),
        ] {
            let plan = Plan { first: first as i32, populate: is_populated, check: is_checked, last: policy.raw_mode() };
            assert_eq!(Plan::new(&policy, populate, strict), Ok(plan), "{policy}");
        }
    }

    #[test]
    fn flags_that_the_first_policy_cannot_have_are_left_out() {
        let nodes = NodeSet::from(Node::new(1).unwrap());
        let flags = ModeFlags::STATIC_NODES | ModeFlags::NUMA_BALANCING;
        let plan = Plan::new(&Policy::bind(nodes).with_flags(flags), true, false).unwrap();
        assert_eq!(plan.first, Mode::Preferred as i32 | ModeFlags::STATIC_NODES.bits());
    }

    #[test]
    fn pages_whose_nodes_have_no_number_cannot_be_checked() {
        let relative = Policy::bind(Node::MAX.into()).with_flags(ModeFlags::RELATIVE_NODES);
        for policy in [relative, Policy::from_raw(200, NodeSet::EMPTY)] {
            assert_eq!(Plan::new(&policy, false, true), Err(Errno::EINVAL));
            assert!(Plan::new(&policy, false, false).is_ok());
        }
    }

    /// A machine on which pages are, with so much room on each node; some nodes are no targets.
    struct Machine {
        /// The node of each page, or a negative errno.
        pages: BTreeMap<usize, i32>,
        room: BTreeMap<i32, usize>,
        moves: usize,
    }

    impl Machine {
        fn new(nodes: &[i32], room: &[(i32, usize)]) -> Self {
            let pages = nodes.iter().enumerate().map(|(index, &node)| (START + index * page_size(), node)).collect();
            Machine { pages, room: room.iter().copied().collect(), moves: 0 }
        }

        fn settle(&mut self, nodes: &[usize]) -> Result<bool, Errno> {
            let set = NodeMask::new();
            nodes.iter().for_each(|&node| set.bits().set(node));
            let range = MemRange { start: START, length: self.pages.len() * page_size() };
            settle(range, page_size(), set.bits().as_bits(), &mut |pages, targets, status| {
                self.call(pages, targets, status)
            })
        }

        fn call(&mut self, pages: &[usize], targets: Option<&[i32]>, status: &mut [i32]) -> Result<(), Errno> {
            let mut result = Ok(());
            for (index, (page, status)) in pages.iter().zip(status).enumerate() {
                let node = self.pages.get_mut(page).expect("a page of the memory");
                if let Some(&target) = targets.map(|targets| &targets[index]) {
                    let room = self.room.get_mut(&target).ok_or(Errno(ENODEV))?;
                    self.moves += 1;
                    if *node >= 0 && *room == 0 {
                        *status = -ENOMEM;
                        result = Err(Errno(ENOMEM));
                        continue;
                    }
                    if *node >= 0 {
                        *room -= 1;
                        *node = target;
                    }
                }
                *status = *node;
            }
            result
        }
    }

    const START: usize = 0x7000_0000;

    #[test]
    fn pages_that_are_on_their_nodes_are_not_moved() {
        let mut machine = Machine::new(&[1, 2, 1, 2], &[(1, 9), (2, 9)]);
        assert_eq!((machine.settle(&[1, 2]), machine.moves), (Ok(true), 0));
    }

    #[test]
    fn pages_elsewhere_are_moved_to_a_node_with_room() {
        let mut machine = Machine::new(&[0, 1, 3, 2], &[(1, 1), (2, 9)]);
        assert_eq!(machine.settle(&[1, 2]), Ok(true));
        assert!(machine.pages.values().eq(&[1, 1, 2, 2]));
        assert_eq!(machine.moves, 3);
    }

    #[test]
    fn without_room_settling_fails() {
        let mut machine = Machine::new(&[0, 1, 3], &[(1, 1)]);
        assert_eq!(machine.settle(&[1]), Err(Errno(ENOMEM)));
        assert_eq!(Machine::new(&[0], &[]).settle(&[1]), Err(Errno(ENOMEM)));
    }

    #[test]
    fn nodes_that_the_kernel_does_not_accept_are_skipped() {
        let mut machine = Machine::new(&[0, 2], &[(2, 1)]);
        assert_eq!(machine.settle(&[1, 2, 7]), Ok(true));
        assert!(machine.pages.values().eq(&[2, 2]));
    }

    #[test]
    fn absent_pages_have_to_be_populated_again() {
        let mut machine = Machine::new(&[1, -ENOENT, 0], &[(1, 5)]);
        assert_eq!(machine.settle(&[1]), Ok(false));
        assert!(machine.pages.values().eq(&[1, -ENOENT, 1]));
    }

    #[test]
    fn pages_of_several_batches_are_settled() {
        let mut machine = Machine::new(&vec![0; 10_000], &[(1, 10_000)]);
        assert_eq!(machine.settle(&[1]), Ok(true));
        assert!(machine.pages.values().all(|&node| node == 1));
        let mut machine = Machine::new(&vec![0; 10_000], &[(1, 9_999)]);
        assert_eq!(machine.settle(&[1]), Err(Errno(ENOMEM)));
    }
}

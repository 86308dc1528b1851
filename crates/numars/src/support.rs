//! What the running kernel supports, and allows this process to use.

use crate::mempolicy::{self, Mode, NUMA_BALANCING};
use crate::migrate;
use crate::sys::errno::preserve_errno;
use crate::sys::kernel;
use crate::sys::move_request::MoveRequest;

/// What the running kernel supports, and allows this process to use: containers often forbid memory policy.
///
/// ```
/// use numars::Support;
/// let support = Support::query();
/// if !support.policy() {
///     println!("this kernel or container forbids memory policy");
/// } else if support.weighted_interleave() {
///     println!("pages can be interleaved by the bandwidth of the nodes");
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Support {
    policy: bool,
    preferred_many: bool,
    weighted_interleave: bool,
    numa_balancing: bool,
    home_node: bool,
    move_pages: bool,
    migrate_pages: bool,
    pagemap_scan: bool,
}

impl Support {
    /// Asks the kernel, by calls without an effect: with ranges without pages, for example. Errno is left untouched.
    ///
    /// ```
    /// use numars::{Errno, Support};
    /// let before = Errno::last();
    /// assert_eq!(Support::query(), Support::query());
    /// assert_eq!(Errno::last(), before);
    /// ```
    pub fn query() -> Self {
        let has_policy = |raw_mode| mempolicy::error_of_policy(raw_mode) == 0;
        Support {
            policy: preserve_errno(kernel::has_policy)
                && has_policy(Mode::Default as i32)
                && mempolicy::may_set_task_policy(),
            preferred_many: has_policy(Mode::PreferredMany as i32),
            weighted_interleave: has_policy(Mode::WeightedInterleave as i32),
            numa_balancing: has_policy(Mode::Bind as i32 | NUMA_BALANCING),
            home_node: mempolicy::has_home_node(),
            move_pages: preserve_errno(|| kernel::move_pages(0, &MoveRequest::query(&[], &mut []), 0).is_ok()),
            migrate_pages: preserve_errno(kernel::may_migrate_pages),
            pagemap_scan: migrate::has_pagemap_scan(),
        }
    }

    /// Returns whether get_mempolicy(2), set_mempolicy(2) and mbind(2) can be used.
    ///
    /// ```
    /// use numars::{Policy, Support};
    /// if Support::query().policy() {
    ///     let guard = Policy::LOCAL.scoped()?;
    ///     assert_eq!(Policy::of_thread()?, Policy::LOCAL);
    ///     guard.restore()?;
    /// }
    /// # Ok::<(), numars::SyscallError>(())
    /// ```
    pub const fn policy(&self) -> bool {
        self.policy
    }

    /// Returns whether memory can have [`Policy::preferred_many`](crate::Policy::preferred_many) (Linux 5.15).
    ///
    /// ```
    /// use numars::{MapOptions, Policy, Support, Topology};
    /// let nodes = Topology::read()?.allowed_nodes();
    /// if Support::query().preferred_many() {
    ///     let policy = Policy::preferred_many(nodes);
    ///     assert!(MapOptions::new().policy(policy).map(1 << 20).is_ok());
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub const fn preferred_many(&self) -> bool {
        self.preferred_many
    }

    /// Returns whether memory can have [`Policy::weighted_interleave`](crate::Policy::weighted_interleave) (Linux 6.9).
    ///
    /// ```
    /// use numars::{MapOptions, Policy, Support, Topology};
    /// let nodes = Topology::read()?.allowed_nodes();
    /// if Support::query().weighted_interleave() {
    ///     let policy = Policy::weighted_interleave(nodes);
    ///     assert!(MapOptions::new().policy(policy).map(1 << 20).is_ok());
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub const fn weighted_interleave(&self) -> bool {
        self.weighted_interleave
    }

    /// Returns whether [`Policy::bind`](crate::Policy::bind) can have [`ModeFlags::NUMA_BALANCING`](crate::ModeFlags::NUMA_BALANCING)
    /// (Linux 5.12). Whether [`Policy::preferred_many`](crate::Policy::preferred_many) can have it too, as on Linux 6.12, is not said.
    ///
    /// ```
    /// use numars::{MapOptions, ModeFlags, Policy, Support, Topology};
    /// let nodes = Topology::read()?.allowed_nodes();
    /// if Support::query().numa_balancing() {
    ///     let policy = Policy::bind(nodes).with_flags(ModeFlags::NUMA_BALANCING);
    ///     assert!(MapOptions::new().policy(policy).map(1 << 20).is_ok());
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub const fn numa_balancing(&self) -> bool {
        self.numa_balancing
    }

    /// Returns whether [`set_home_node`](crate::set_home_node) can be used (Linux 5.17).
    ///
    /// ```
    /// use numars::{MapOptions, Policy, Support, Topology, set_home_node};
    /// let (support, nodes) = (Support::query(), Topology::read()?.allowed_nodes());
    /// if support.policy() && support.home_node() {
    ///     let table = MapOptions::new().policy(Policy::bind(nodes)).map(1 << 20)?;
    ///     assert!(set_home_node(table.as_ptr() as usize, table.len(), nodes.first().unwrap()).is_ok());
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub const fn home_node(&self) -> bool {
        self.home_node
    }

    /// Returns whether move_pages(2) can be used, which moves pages and says where they are.
    ///
    /// ```
    /// use numars::{Support, node_of};
    /// let table = vec![1u8; 1 << 16];
    /// assert_eq!(node_of(&table[..]).is_ok(), Support::query().move_pages());
    /// ```
    pub const fn move_pages(&self) -> bool {
        self.move_pages
    }

    /// Returns whether migrate_pages(2) can be used, as migratepages(8) does. [`Move::process_pages`](crate::Move::process_pages), which does the
    /// same, needs only [`move_pages`](Support::move_pages).
    ///
    /// ```
    /// use numars::Support;
    /// let support = Support::query();
    /// if support.move_pages() && !support.migrate_pages() {
    ///     println!("migratepages(8) is forbidden here, but pages can be moved");
    /// }
    /// ```
    pub const fn migrate_pages(&self) -> bool {
        self.migrate_pages
    }

    /// Returns whether the ioctl PAGEMAP_SCAN of /proc/PID/pagemap can be used (Linux 6.7), which finds present pages fast. Without it, moves of
    /// ranges and [`count_pages`](crate::count_pages) read the file, or query each page.
    ///
    /// ```
    /// use numars::Support;
    /// if !Support::query().pagemap_scan() {
    ///     println!("sparse memory takes longer to look through");
    /// }
    /// ```
    pub const fn pagemap_scan(&self) -> bool {
        self.pagemap_scan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::errno;
    use crate::{Node, Policy};

    #[test]
    fn asking_changes_neither_errno_nor_the_policy() {
        errno::set(7);
        let before = Policy::of_thread();
        errno::set(7);
        let support = Support::query();
        assert_eq!((errno::get(), Policy::of_thread()), (7, before));
        assert_eq!(support, Support::query());
    }

    #[test]
    fn pages_can_be_migrated_and_scanned_only_if_the_kernel_has_the_calls() {
        let support = Support::query();
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let mut numbers = release.split('.').map_while(|number| number.parse::<u32>().ok());
        let version = (numbers.next().unwrap(), numbers.next().unwrap());
        assert!(!support.pagemap_scan() || version >= (6, 7), "{release}");
        let nodes: [libc::c_ulong; 1] = [0];
        // SAFETY: sets of one word.
        let migrated =
            unsafe { kernel::migrate_pages(0, libc::c_ulong::BITS as usize - 1, nodes.as_ptr(), nodes.as_ptr()) };
        let is_refused = migrated < 0 && [libc::EPERM, libc::ENOSYS].contains(&errno::get());
        assert_eq!(support.migrate_pages(), !is_refused);
    }

    #[test]
    fn what_is_supported_can_be_used() {
        std::thread::spawn(|| {
            let (support, node) = (Support::query(), Node::current().unwrap());
            let expected = |supported: bool, policy: Policy| {
                assert_eq!(policy.set_for_thread().is_ok(), supported, "{policy}: {support:?}");
            };
            expected(support.policy(), Policy::bind(node.into()));
            expected(support.preferred_many(), Policy::preferred_many(node.into()));
            expected(support.weighted_interleave(), Policy::weighted_interleave(node.into()));
            expected(support.numa_balancing(), Policy::bind(node.into()).with_flags(crate::ModeFlags::NUMA_BALANCING));
        })
        .join()
        .unwrap();
    }
}

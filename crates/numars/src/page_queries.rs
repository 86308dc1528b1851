//! Where pages are.

use crate::migrate::{self, MoveRequest};
use crate::page_status::PageStatus;
use crate::process_id::Process;
use crate::sys::errno::{Errno, preserve_errno};
use crate::sys::pidfd::PidFd;
use core::slice;

/// Writes the status of the page at each address to the same index of `statuses`, for the calling process: the node that the page is on, or why it
/// is on none. See move_pages(2).
///
/// # Errors
/// EINVAL if the slices have different lengths, EPERM if move_pages(2) is not permitted, as in some containers, ENOSYS if the kernel lacks it,
/// ENOMEM. The statuses are [`PageStatus::UNKNOWN`] then, unless the kernel has written some of them.
///
/// ```
/// use numars::{PageStatus, nodes_of_pages};
/// let (table, page_size) = (vec![1u8; 1 << 16], 4096);
/// let addresses: Vec<usize> = table.chunks(page_size).map(|page| page.as_ptr() as usize).collect();
/// let mut statuses = vec![PageStatus::default(); addresses.len()];
/// if let Err(error) = nodes_of_pages(&addresses, &mut statuses) {
///     println!("move_pages(2): {error}");
/// }
/// for (address, status) in addresses.iter().zip(statuses) {
///     println!("{address:x}: {status}");
/// }
/// ```
pub fn nodes_of_pages(pages: &[usize], statuses: &mut [PageStatus]) -> Result<(), Errno> {
    Process::CURRENT.nodes_of_pages(pages, statuses)
}

/// Returns the status of the page that the first byte of a slice is on: its node, or why it has none. For an empty slice, it is that of the
/// page at its address, which need not be mapped.
///
/// # Errors
/// Those of [`nodes_of_pages`].
///
/// ```
/// let table = vec![1u8; 1 << 16];
/// match numars::node_of(&table[4096..]) {
///     Ok(status) => println!("the second page is {status}"),
///     Err(error) => println!("move_pages(2): {error}"),
/// }
/// ```
pub fn node_of<T>(memory: &[T]) -> Result<PageStatus, Errno> {
    let mut status = PageStatus::UNKNOWN;
    nodes_of_pages(&[memory.as_ptr() as usize], slice::from_mut(&mut status)).map(|()| status)
}

/// Counts the present pages that a slice overlaps: see [`Process::count_pages`].
///
/// # Errors
/// Those of [`Process::count_pages`].
///
/// ```
/// let (table, mut per_node) = (vec![1u64; 1 << 16], [0; 64]);
/// match numars::count_pages(&table, &mut per_node) {
///     Ok(pages) => println!("{} of {pages} pages are on node 0", per_node[0]),
///     Err(error) => println!("{error}"),
/// }
/// ```
pub fn count_pages<T>(memory: &[T], per_node: &mut [usize]) -> Result<usize, Errno> {
    Process::CURRENT.count_pages(memory.as_ptr() as usize, size_of_val(memory), per_node)
}

impl Process {
    /// Writes the status of the page at each address to the same index of `statuses`, as [`nodes_of_pages`](crate::nodes_of_pages()) does for
    /// the calling process.
    ///
    /// # Errors
    /// Those of [`nodes_of_pages`](crate::nodes_of_pages()), ESRCH if there is no such process or it has ended, EINVAL if it is a kernel thread,
    /// EPERM if the caller may not see its memory (ptrace(2)). Before Linux 5.3, EINVAL also for a process that has ended and was not waited for.
    ///
    /// ```
    /// use numars::{PageStatus, Process};
    /// let init = Process::from_pid(1)?;
    /// let mut statuses = [PageStatus::default(); 1];
    /// match init.nodes_of_pages(&[0x400000], &mut statuses) {
    ///     Ok(()) => println!("{}", statuses[0]),
    ///     Err(error) => println!("{error}"),
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn nodes_of_pages(self, pages: &[usize], statuses: &mut [PageStatus]) -> Result<(), Errno> {
        statuses.fill(PageStatus::UNKNOWN);
        if pages.len() != statuses.len() {
            return Err(Errno::EINVAL);
        }
        let queried = migrate::move_pages(self.raw(), MoveRequest::typed_query(pages, statuses), 0).0;
        queried.map(|_| ()).map_err(|error| self.error_of_call(error))
    }

    /// Returns the error of a call about pages of the process: ESRCH for EINVAL if it has ended and was not waited for.
    #[cold]
    pub(crate) fn error_of_call(self, error: Errno) -> Errno {
        let has_ended = || preserve_errno(|| PidFd::open(self.pid()).is_ok_and(|pidfd| pidfd.has_ended()));
        if error == Errno::EINVAL && has_ended() { Errno::ESRCH } else { error }
    }

    /// Counts the present pages that overlap `length` bytes at the address `start`: sets each element of `per_node` to the number of base pages on
    /// the node whose number is its index. Returns the number of base pages on all nodes, including those without an element. A huge page
    /// counts with those of its base pages that the range overlaps.
    ///
    /// # Errors
    /// EINVAL if the range exceeds the address space, ENOENT if it is larger than 64 GiB and /proc does not show the process, ESRCH if there is no
    /// such process, it has ended, or it ends or executes another program meanwhile, EINVAL if it is a kernel thread, EPERM if the caller may not see its memory, ENOMEM, or the errno of a
    /// failed read(2) of /proc/PID/maps. The counts are those up to the error.
    ///
    /// ```
    /// use numars::Process;
    /// let (table, mut per_node) = (vec![1u8; 1 << 16], [0; 64]);
    /// match Process::CURRENT.count_pages(table.as_ptr() as usize, table.len(), &mut per_node) {
    ///     Ok(pages) => println!("{} of {pages} pages are on node 0", per_node[0]),
    ///     Err(error) => println!("{error}"),
    /// }
    /// ```
    pub fn count_pages(self, start: usize, length: usize, per_node: &mut [usize]) -> Result<usize, Errno> {
        per_node.fill(0);
        migrate::count_pages(self.raw(), start, length, &mut |node, base_pages| {
            if let Some(count) = per_node.get_mut(node) {
                *count += base_pages;
            }
        })
    }
}

impl Process {
    /// Counts all present pages of the process, as [`count_pages`](Process::count_pages) with the range of all addresses.
    ///
    /// # Errors
    /// Those of [`count_pages`](Process::count_pages).
    ///
    /// ```
    /// use numars::{Node, Process};
    /// let mut per_node = [0; Node::COUNT];
    /// match Process::CURRENT.count_all(&mut per_node) {
    ///     Ok(pages) => println!("{} of {pages} pages are on node 0", per_node[0]),
    ///     Err(error) => println!("{error}"),
    /// }
    /// ```
    pub fn count_all(self, per_node: &mut [usize]) -> Result<usize, Errno> {
        self.count_pages(0, usize::MAX, per_node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moving::Move;
    use crate::node::Node;
    use proptest::prelude::*;

    /// Errors of a sandbox that forbids move_pages(2).
    const FORBIDDEN: [Errno; 2] = [Errno::EPERM, Errno::ENOSYS];

    #[test]
    fn slices_of_different_lengths_are_an_error_and_no_status_is_kept() {
        let on_node_0 = PageStatus::from(crate::Node::new(0).unwrap());
        for (pages, statuses) in [(0, 1), (1, 0), (3, 2)] {
            let (pages, mut statuses) = (vec![0; pages], vec![on_node_0; statuses]);
            assert_eq!(nodes_of_pages(&pages, &mut statuses), Err(Errno::EINVAL));
            assert!(statuses.iter().all(|&status| status == PageStatus::UNKNOWN));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_page_that_was_written_is_on_a_node_and_address_0_is_not_mapped() {
        let memory = vec![1u8; 1 << 20];
        let mut statuses = [PageStatus::ABSENT; 2];
        match nodes_of_pages(&[memory.as_ptr() as usize, 0], &mut statuses) {
            Ok(()) => {
                assert!(statuses[0].node().is_some(), "{statuses:?}");
                assert_eq!(statuses[1], PageStatus::NOT_MAPPED);
                assert_eq!(node_of(&memory[..]), Ok(statuses[0]));
                let mut per_node = vec![9; 1024];
                let pages = count_pages(&memory, &mut per_node).unwrap();
                assert!(pages >= memory.len() / crate::sys::memory::page_size(), "{pages}");
                assert_eq!(per_node.iter().sum::<usize>(), pages);
                assert_eq!(count_pages(&memory, &mut []), Ok(pages));
                let all = Process::CURRENT.count_all(&mut per_node).unwrap();
                assert!(all > pages && per_node.iter().sum::<usize>() == all, "{all} {pages}");
            }
            Err(error) => assert!(FORBIDDEN.contains(&error), "{error}"),
        }
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_process_that_does_not_exist_is_an_error() {
        // Above the highest PID that a kernel gives.
        let process = Process::from_pid(i32::MAX).unwrap();
        let errors = [FORBIDDEN[0], FORBIDDEN[1], Errno::ESRCH];
        let mut statuses = [PageStatus::ABSENT];
        assert!(errors.contains(&process.nodes_of_pages(&[0x1000], &mut statuses).unwrap_err()));
        assert_eq!(statuses, [PageStatus::UNKNOWN]);
        assert!(errors.contains(&process.count_pages(0x1000, 0x1000, &mut []).unwrap_err()));
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_process_that_has_ended_is_esrch_whether_or_not_it_was_waited_for() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = Process::try_from(child.id()).unwrap();
        let pidfd = PidFd::open(process.pid()).unwrap();
        while !pidfd.has_ended() {
            std::thread::yield_now();
        }
        let expected = [FORBIDDEN[0], FORBIDDEN[1], Errno::ESRCH];
        let refused = |error: Errno| assert!(expected.contains(&error), "{error}");
        for _ in 0..2 {
            let mut statuses = [PageStatus::ABSENT; 2];
            refused(process.nodes_of_pages(&[0x1000, 0x2000], &mut statuses).unwrap_err());
            refused(process.nodes_of_pages(&[], &mut []).unwrap_err());
            refused(process.count_pages(0x1000, 0x1000, &mut []).unwrap_err());
            let node = Node::new(0).unwrap();
            let moved = Move::new().process(process).pages(&[0x1000, 0x2000], &[node, node], &mut statuses);
            refused(moved.unwrap_err().errno());
            // The PID is known until the process was waited for.
            child.wait().unwrap();
        }
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_pidfd_has_a_process_until_that_was_waited_for() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pidfd = PidFd::open(child.id() as i32).unwrap();
        while !pidfd.has_ended() {
            std::thread::yield_now();
        }
        let of_descriptor = || Process::from_raw_pidfd(pidfd.descriptor() as i32);
        assert_eq!(of_descriptor(), Process::try_from(child.id()));
        child.wait().unwrap();
        assert_eq!(of_descriptor(), Err(Errno::ESRCH));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 0 } else { 64 }))]
        #[test]
        fn any_address_has_a_status_and_any_range_a_count(
            addresses in proptest::collection::vec(any::<usize>(), 0..100),
            start in any::<usize>(),
            length in prop_oneof![0..1_usize << 30, usize::MAX - 5000..=usize::MAX],
        ) {
            let mut statuses = vec![PageStatus::UNKNOWN; addresses.len()];
            match nodes_of_pages(&addresses, &mut statuses) {
                Ok(()) => prop_assert!(statuses.iter().all(|&status| status != PageStatus::UNKNOWN)),
                Err(error) => prop_assert!(FORBIDDEN.contains(&error), "{}", error),
            }
            let mut per_node = [0; 4];
            if let Ok(pages) = Process::CURRENT.count_pages(start, length, &mut per_node) {
                prop_assert!(per_node.iter().sum::<usize>() <= pages);
            }
        }
    }
}

//! The status of a page: the node that it is on, or why it is on none or did not move.

use crate::migrate::status_text;
use crate::node::Node;
use crate::sys::errno::{EACCES, EBUSY, EFAULT, ENOENT, ENOMEM, Errno, Name};
use core::fmt;

/// The status of a page, as move_pages(2) reports it: the node that the page is on, or an error.
///
/// ```
/// use numars::{PageStatus, nodes_of_pages};
/// let table = vec![1u8; 1 << 16];
/// let mut status = [PageStatus::default(); 1];
/// match nodes_of_pages(&[table.as_ptr() as usize], &mut status) {
///     Ok(()) => println!("{}", status[0]), // such as "on node 0"
///     Err(error) => println!("this kernel does not say: {error}"),
/// }
/// ```
// The kernel's type, so that a slice of these is the array that move_pages(2) writes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct PageStatus(i32);

impl PageStatus {
    /// The page is not present: it was never touched, or is swapped out.
    ///
    /// ```
    /// use numars::{MapOptions, PageStatus, node_of};
    /// let untouched = MapOptions::new().map(1 << 16)?;
    /// if let Ok(status) = node_of(&untouched[..]) {
    ///     assert_eq!(status, PageStatus::ABSENT);
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub const ABSENT: PageStatus = PageStatus(-ENOENT);
    /// Nothing is mapped there, or the zero page, or memory that cannot move.
    ///
    /// ```
    /// use numars::{PageStatus, nodes_of_pages};
    /// let mut status = [PageStatus::default()];
    /// if nodes_of_pages(&[0], &mut status).is_ok() {
    ///     assert_eq!(status, [PageStatus::NOT_MAPPED]);
    /// }
    /// ```
    pub const NOT_MAPPED: PageStatus = PageStatus(-EFAULT);
    /// Several processes have mapped the page, or the target node is not allowed.
    ///
    /// ```
    /// use numars::{Errno, PageStatus};
    /// assert_eq!(PageStatus::SHARED.error(), Some(Errno::EACCES));
    /// ```
    pub const SHARED: PageStatus = PageStatus(-EACCES);
    /// The page is in use: under writeback, or pinned by a device or the kernel.
    ///
    /// ```
    /// assert!(numars::PageStatus::BUSY.node().is_none());
    /// ```
    pub const BUSY: PageStatus = PageStatus(-EBUSY);
    /// The target node is full.
    ///
    /// ```
    /// assert_eq!(numars::PageStatus::NO_MEMORY.to_string(), "target node is full");
    /// ```
    pub const NO_MEMORY: PageStatus = PageStatus(-ENOMEM);
    /// Nothing was reported about the page.
    ///
    /// ```
    /// assert_eq!(numars::PageStatus::UNKNOWN, numars::PageStatus::default());
    /// ```
    pub const UNKNOWN: PageStatus = PageStatus(i32::MIN);

    /// Returns the node that the page is on.
    ///
    /// ```
    /// use numars::{Node, PageStatus};
    /// assert_eq!(PageStatus::from(Node::MAX).node(), Some(Node::MAX));
    /// assert_eq!(PageStatus::ABSENT.node(), None);
    /// ```
    pub fn node(self) -> Option<Node> {
        usize::try_from(self.0).ok().and_then(Node::new)
    }

    /// Returns why the page is on no node, or did not move. `None` if it is on a node, or nothing was reported.
    ///
    /// ```
    /// use numars::{Errno, PageStatus};
    /// assert_eq!(PageStatus::BUSY.error(), Some(Errno::EBUSY));
    /// assert_eq!(PageStatus::UNKNOWN.error(), None);
    /// ```
    pub fn error(self) -> Option<Errno> {
        const MAX_ERRNO: i32 = 4095;
        (-MAX_ERRNO..0).contains(&self.0).then(|| Errno(-self.0))
    }
}

impl PageStatus {
    /// Returns the status with the kernel's number.
    #[cfg(feature = "serde")]
    pub(crate) const fn from_raw(raw: i32) -> Self {
        PageStatus(raw)
    }

    /// Returns the kernel's number: a node, or a negative errno.
    #[cfg(feature = "serde")]
    pub(crate) const fn raw(self) -> i32 {
        self.0
    }
}

impl Default for PageStatus {
    /// Returns [`PageStatus::UNKNOWN`].
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl From<Node> for PageStatus {
    /// Returns the status of a page on a node.
    fn from(node: Node) -> Self {
        PageStatus(node.raw())
    }
}

impl fmt::Display for PageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(status_text(self.0).to_str().unwrap_or_default())?;
        self.node().map_or(Ok(()), |node| write!(f, " {node}"))
    }
}

impl fmt::Debug for PageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.node(), self.error()) {
            (Some(node), _) => write!(f, "PageStatus({node:?})"),
            (None, Some(error)) => write!(f, "PageStatus({})", Name(error)),
            (None, None) => f.write_str("PageStatus(UNKNOWN)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_node_or_an_error_and_says_which() {
        let on_node_3 = PageStatus::from(Node::new(3).unwrap());
        assert_eq!((on_node_3.node().map(usize::from), on_node_3.error()), (Some(3), None));
        assert_eq!(
            (on_node_3.to_string(), format!("{on_node_3:?}")),
            ("on node 3".into(), "PageStatus(Node(3))".into())
        );
        assert_eq!(
            format!("{:?} {}", PageStatus::BUSY, PageStatus::NO_MEMORY),
            "PageStatus(EBUSY) target node is full"
        );
        let unknown = PageStatus::default();
        assert_eq!((unknown.node(), unknown.error()), (None, None));
        assert_eq!(format!("{unknown:?} {unknown}"), "PageStatus(UNKNOWN) unknown status");
    }
}

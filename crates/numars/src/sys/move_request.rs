//! The arrays of move_pages(2).

use super::memory::Pod;
use super::uaccess::{Forbidden, UserPtr, UserPtrMut};
use core::sync::atomic::AtomicI32;

/// The pages to move, the node for each, and where to write their statuses: the arrays of move_pages(2).
///
/// ```
/// use numars::migrate::MoveRequest;
/// let (pages, nodes, mut status) = ([0x1000, 0x2000], [0, 1], [0; 2]);
/// let request = MoveRequest::new(&pages, &nodes, &mut status);
/// assert_eq!(request.count(), 2);
/// ```
// Invariant: no array that is not NULL is lent with fewer entries than `count`, and with `direct_access` all of them are there.
#[derive(Clone, Copy)]
pub struct MoveRequest<'a> {
    count: usize,
    pages: UserPtr<'a, usize>,
    /// NULL: nothing is moved.
    nodes: UserPtr<'a, i32>,
    status: UserPtrMut<'a, i32>,
    want_status: bool,
    direct_access: bool,
}

impl<'a> MoveRequest<'a> {
    /// No entries: submitting it only checks that the process exists and may be asked.
    pub const PROBE: MoveRequest<'static> = MoveRequest {
        count: 0,
        pages: UserPtr::NULL,
        nodes: UserPtr::NULL,
        status: UserPtrMut::NULL,
        want_status: false,
        direct_access: false,
    };

    /// Requests to move the page at each address of `pages` to the node at the same index of `nodes`, and to write into `status` the node
    /// that it is on afterwards, or a negative errno. The shortest of the slices determines the number of entries.
    pub fn new(pages: &'a [usize], nodes: &'a [i32], status: &'a mut [i32]) -> Self {
        Self::query(pages, status).with_nodes(nodes)
    }

    /// The same with statuses that several threads may write.
    pub(crate) fn shared(pages: &'a [usize], nodes: &'a [i32], status: &'a [AtomicI32]) -> Self {
        let count = pages.len().min(status.len());
        // SAFETY: atomics may be written by anyone.
        let status = unsafe { UserPtrMut::new(status.as_ptr().cast_mut().cast()) };
        MoveRequest { count, status, ..Self::query(pages, &mut []) }.with_nodes(nodes)
    }

    /// Requests to write into `status` the node of the page at each address of `pages`, and to move nothing.
    pub fn query(pages: &'a [usize], status: &'a mut [i32]) -> Self {
        let count = pages.len().min(status.len());
        // SAFETY: slices.
        let (pages, status) = unsafe { (UserPtr::new(pages.as_ptr()), UserPtrMut::new(status.as_mut_ptr())) };
        MoveRequest { count, pages, nodes: UserPtr::NULL, status, want_status: true, direct_access: true }
    }

    /// Requests the same of the arrays of a program. `nodes` may be NULL: nothing is moved. `status` is `None` if no statuses are wanted.
    ///
    /// # Safety
    /// The arrays have `count` entries, of which the program lends what the kernel can reach.
    pub unsafe fn from_arrays(
        count: usize,
        pages: UserPtr<'a, usize>,
        nodes: UserPtr<'a, i32>,
        status: Option<UserPtrMut<'a, i32>>,
    ) -> Self {
        let want_status = status.is_some();
        let status = status.unwrap_or(UserPtrMut::NULL);
        MoveRequest { count, pages, nodes, status, want_status, direct_access: false }
    }

    /// Allows this process to access the arrays itself where it may not have its memory copied by the kernel, as in some containers.
    ///
    /// # Safety
    /// All entries of the arrays are there, and can be read or written.
    pub unsafe fn with_direct_access(self) -> Self {
        MoveRequest { direct_access: true, ..self }
    }

    /// Returns the number of entries.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns whether the request has no nodes, so that nothing is moved.
    pub fn is_query(&self) -> bool {
        self.nodes.address() == 0
    }

    /// Returns whether statuses are wanted.
    pub(crate) fn wants_status(&self) -> bool {
        self.want_status
    }

    /// Returns the arrays as move_pages(2) takes them.
    pub(super) fn arrays(&self) -> (usize, usize, usize) {
        (self.pages.address(), self.nodes.address(), self.status.address())
    }

    /// The request with other nodes, and at most as many entries.
    pub(crate) fn with_nodes(self, nodes: &'a [i32]) -> Self {
        // SAFETY: a slice.
        MoveRequest { count: self.count.min(nodes.len()), nodes: unsafe { UserPtr::new(nodes.as_ptr()) }, ..self }
    }

    /// The request with other pages, and at most as many entries.
    pub(crate) fn with_pages(self, pages: &'a [usize]) -> Self {
        // SAFETY: a slice.
        MoveRequest { count: self.count.min(pages.len()), pages: unsafe { UserPtr::new(pages.as_ptr()) }, ..self }
    }

    /// The request with statuses elsewhere, and at most as many entries.
    pub(crate) fn with_status(self, status: &'a mut [i32]) -> Self {
        let count = self.count.min(status.len());
        // SAFETY: a slice.
        MoveRequest { count, status: unsafe { UserPtrMut::new(status.as_mut_ptr()) }, ..self }
    }

    /// The request to locate the same pages.
    pub(crate) fn without_nodes(self) -> Self {
        MoveRequest { nodes: UserPtr::NULL, ..self }
    }

    /// The request after its first `done` entries.
    pub(crate) fn skip(self, done: usize) -> Self {
        MoveRequest {
            count: self.count.saturating_sub(done),
            pages: self.pages.skip(done),
            nodes: self.nodes.skip(done),
            status: self.status.skip(done),
            ..self
        }
    }

    /// The request with at most its first `count` entries.
    pub(crate) fn truncate(self, count: usize) -> Self {
        MoveRequest { count: self.count.min(count), ..self }
    }

    /// Returns whether statuses are written over addresses or nodes.
    pub(crate) fn overlaps(self) -> bool {
        let end = |start: usize, size: usize| start.saturating_add(self.count.saturating_mul(size));
        let (pages, nodes, status) = self.arrays();
        let status_end = end(status, size_of::<i32>());
        let meets = |start: usize, size: usize| start < status_end && status < end(start, size);
        self.want_status && (meets(pages, size_of::<usize>()) || meets(nodes, size_of::<i32>()))
    }

    /// Reads the first addresses of pages, as many as `to` has room for and can be read. Returns their number.
    pub(crate) fn read_pages(self, to: &mut [usize]) -> Result<usize, Forbidden> {
        self.read(self.pages, to)
    }

    /// The same of nodes.
    pub(crate) fn read_nodes(self, to: &mut [i32]) -> Result<usize, Forbidden> {
        self.read(self.nodes, to)
    }

    /// The same of statuses.
    pub(crate) fn read_statuses(self, to: &mut [i32]) -> Result<usize, Forbidden> {
        self.read(self.status.as_const(), to)
    }

    /// Writes the first statuses, as many as can be written. Returns their number.
    pub(crate) fn write_statuses(self, from: &[i32]) -> Result<usize, Forbidden> {
        let from = from.get(..from.len().min(self.count)).unwrap_or_default();
        // SAFETY: no more entries than the array has.
        unsafe { self.status.write_directly(from, self.direct_access) }
    }

    fn read<T: Pod>(self, array: UserPtr<T>, to: &mut [T]) -> Result<usize, Forbidden> {
        let count = to.len().min(self.count);
        // SAFETY: as above.
        unsafe { array.read_directly(to.get_mut(..count).unwrap_or_default(), self.direct_access) }
    }
}

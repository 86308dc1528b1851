//! The arrays of a move_pages(2) call.

use super::memory::Pod;
use super::uaccess::{Forbidden, UserPtr, UserPtrMut};
use crate::node::Node;
use crate::page_status::PageStatus;
use core::sync::atomic::AtomicI32;

/// The pages to move, their target nodes, and the array for their statuses: the arrays of move_pages(2).
///
/// An address of a page is a number and need not be valid: no contents change. A status is the node of the page, or a negative errno.
///
/// ```
/// use numars::for_c::migrate::MoveRequest;
/// let (pages, nodes, mut status) = ([0x1000, 0x2000], [0, 1], [0; 2]);
/// let request = MoveRequest::new(&pages, &nodes, &mut status);
/// assert_eq!(request.count(), 2);
/// ```
// Invariant: each array that is not NULL has at least `count` entries lent for `'a`. With `direct_access`, this process can access all of them.
#[derive(Clone, Copy)]
pub struct MoveRequest<'a> {
    count: usize,
    pages: UserPtr<'a, usize>,
    /// NULL if no page is to be moved.
    nodes: UserPtr<'a, i32>,
    status: UserPtrMut<'a, i32>,
    want_status: bool,
    direct_access: bool,
}

impl<'a> MoveRequest<'a> {
    /// The request without entries, for which the kernel only checks that the process exists and the caller may move its pages.
    pub const PROBE: MoveRequest<'static> = MoveRequest {
        count: 0,
        pages: UserPtr::NULL,
        nodes: UserPtr::NULL,
        status: UserPtrMut::NULL,
        want_status: false,
        direct_access: false,
    };

    /// Creates a request to move the page at each address of `pages` to the node at the same index of `nodes`, and to write its status to the
    /// same index of `status`. The shortest slice determines the number of entries.
    pub fn new(pages: &'a [usize], nodes: &'a [i32], status: &'a mut [i32]) -> Self {
        Self::query(pages, status).with_nodes(nodes)
    }

    /// Creates a request as [`MoveRequest::new`], from nodes and for statuses of the types that users have.
    pub(crate) fn typed(pages: &'a [usize], nodes: &'a [Node], status: &'a mut [PageStatus]) -> Self {
        const { assert!(size_of::<Node>() == size_of::<i32>() && align_of::<Node>() == align_of::<i32>()) };
        // SAFETY: a Node is an i32 in a repr(transparent) structure, and the slice is only read.
        let nodes = unsafe { core::slice::from_raw_parts(nodes.as_ptr().cast::<i32>(), nodes.len()) };
        Self::typed_query(pages, status).with_nodes(nodes)
    }

    /// Creates a query as [`MoveRequest::query`], for statuses of the type that users have.
    pub(crate) fn typed_query(pages: &'a [usize], status: &'a mut [PageStatus]) -> Self {
        const { assert!(size_of::<PageStatus>() == size_of::<i32>() && align_of::<PageStatus>() == align_of::<i32>()) };
        // SAFETY: a PageStatus is an i32 in a repr(transparent) structure, and any i32 is a valid one.
        let status = unsafe { core::slice::from_raw_parts_mut(status.as_mut_ptr().cast::<i32>(), status.len()) };
        Self::query(pages, status)
    }

    /// Creates a request whose statuses several threads may write.
    pub(crate) fn shared(pages: &'a [usize], nodes: &'a [i32], status: &'a [AtomicI32]) -> Self {
        let count = pages.len().min(status.len());
        // SAFETY: other code may write to atomics.
        let status = unsafe { UserPtrMut::new(status.as_ptr().cast_mut().cast()) };
        MoveRequest { count, status, ..Self::query(pages, &mut []) }.with_nodes(nodes)
    }

    /// Creates a request to write the status of the page at each address of `pages` to the same index of `status`, and to move no page. The
    /// shorter slice determines the number of entries.
    ///
    /// ```
    /// use numars::for_c::migrate::MoveRequest;
    /// let (pages, mut status) = ([0x1000, 0x2000], [0; 2]);
    /// assert!(MoveRequest::query(&pages, &mut status).is_query());
    /// ```
    pub fn query(pages: &'a [usize], status: &'a mut [i32]) -> Self {
        let count = pages.len().min(status.len());
        // SAFETY: slices.
        let (pages, status) = unsafe { (UserPtr::new(pages.as_ptr()), UserPtrMut::new(status.as_mut_ptr())) };
        MoveRequest { count, pages, nodes: UserPtr::NULL, status, want_status: true, direct_access: true }
    }

    /// Creates a request of `count` entries for arrays in the memory of a C program. Without `nodes` (NULL) no page is moved. Without `status`
    /// no statuses are written.
    ///
    /// # Safety
    /// Each array has `count` entries. The program lends those of them that the kernel can access, for `'a`.
    ///
    /// ```
    /// use numars::for_c::migrate::{MoveRequest, move_pages};
    /// use numars::for_c::sys::uaccess::{UserPtr, UserPtrMut};
    /// let (pages, mut status) = ([0x1000_usize], [0]);
    /// // SAFETY: both arrays have one entry and live until the end of the call.
    /// let request = unsafe {
    ///     let (pages, status) = (UserPtr::new(pages.as_ptr()), UserPtrMut::new(status.as_mut_ptr()));
    ///     MoveRequest::from_arrays(1, pages, UserPtr::NULL, Some(status))
    /// };
    /// let _ = move_pages(0, request, 0);
    /// ```
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

    /// Allows this process to access the arrays directly if the kernel denies process_vm_readv(2) and pipe2(2), as in some containers.
    ///
    /// # Safety
    /// All entries of the arrays can be read; those of the statuses can be written too.
    pub unsafe fn with_direct_access(self) -> Self {
        MoveRequest { direct_access: true, ..self }
    }

    /// Returns the number of entries.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns whether the request has no target nodes, so that no page is moved.
    pub fn is_query(&self) -> bool {
        self.nodes.address() == 0
    }

    /// Returns whether the statuses are written.
    pub(crate) fn wants_status(&self) -> bool {
        self.want_status
    }

    /// Returns the addresses of the pages, nodes and statuses, for move_pages(2).
    pub(super) fn arrays(&self) -> (usize, usize, usize) {
        (self.pages.address(), self.nodes.address(), self.status.address())
    }

    /// Returns the request with other target nodes, and at most as many entries.
    pub(crate) fn with_nodes(self, nodes: &'a [i32]) -> Self {
        // SAFETY: a slice.
        MoveRequest { count: self.count.min(nodes.len()), nodes: unsafe { UserPtr::new(nodes.as_ptr()) }, ..self }
    }

    /// Returns the request with other pages, and at most as many entries.
    pub(crate) fn with_pages(self, pages: &'a [usize]) -> Self {
        // SAFETY: a slice.
        MoveRequest { count: self.count.min(pages.len()), pages: unsafe { UserPtr::new(pages.as_ptr()) }, ..self }
    }

    /// Returns the request with another array for the statuses, and at most as many entries.
    pub(crate) fn with_status(self, status: &'a mut [i32]) -> Self {
        let count = self.count.min(status.len());
        // SAFETY: a slice.
        MoveRequest { count, status: unsafe { UserPtrMut::new(status.as_mut_ptr()) }, ..self }
    }

    /// Returns the request without target nodes.
    pub(crate) fn without_nodes(self) -> Self {
        MoveRequest { nodes: UserPtr::NULL, ..self }
    }

    /// Returns the request after skipping `done` entries.
    #[inline(never)]
    pub(crate) fn skip(self, done: usize) -> Self {
        MoveRequest {
            count: self.count.saturating_sub(done),
            pages: self.pages.skip(done),
            nodes: self.nodes.skip(done),
            status: self.status.skip(done),
            ..self
        }
    }

    /// Returns the request with at most the first `count` entries.
    pub(crate) fn truncate(self, count: usize) -> Self {
        MoveRequest { count: self.count.min(count), ..self }
    }

    /// Returns whether the statuses overlap the pages or the nodes.
    pub(crate) fn overlaps(self) -> bool {
        let end = |start: usize, size: usize| start.saturating_add(self.count.saturating_mul(size));
        let (pages, nodes, status) = self.arrays();
        let status_end = end(status, size_of::<i32>());
        let meets = |start: usize, size: usize| start < status_end && status < end(start, size);
        self.want_status && (meets(pages, size_of::<usize>()) || meets(nodes, size_of::<i32>()))
    }

    /// Reads the first page addresses into `to`, up to one that cannot be read. Returns their number.
    pub(crate) fn read_pages(self, to: &mut [usize]) -> Result<usize, Forbidden> {
        self.read(self.pages, to)
    }

    /// Reads the first target nodes into `to`, up to one that cannot be read. Returns their number.
    pub(crate) fn read_nodes(self, to: &mut [i32]) -> Result<usize, Forbidden> {
        self.read(self.nodes, to)
    }

    /// Reads the first statuses into `to`, up to one that cannot be read. Returns their number.
    pub(crate) fn read_statuses(self, to: &mut [i32]) -> Result<usize, Forbidden> {
        self.read(self.status.as_const(), to)
    }

    /// Writes the first statuses from `from`, up to one that cannot be written. Returns their number.
    pub(crate) fn write_statuses(self, from: &[i32]) -> Result<usize, Forbidden> {
        let from = from.get(..from.len().min(self.count)).unwrap_or_default();
        // SAFETY: no more entries than the array has.
        unsafe { self.status.write_directly(from, self.direct_access) }
    }

    fn read<T: Pod>(self, array: UserPtr<T>, to: &mut [T]) -> Result<usize, Forbidden> {
        let count = to.len().min(self.count);
        // SAFETY: no more entries than the array has.
        unsafe { array.read_directly(to.get_mut(..count).unwrap_or_default(), self.direct_access) }
    }
}

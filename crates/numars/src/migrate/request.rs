//! Reading the arrays of a request, which other threads may overwrite or unmap meanwhile.

use super::batch::Batch;
use super::tagged;
use crate::sys::errno;
use crate::sys::memory::Scratch;
use crate::sys::move_request::MoveRequest;
use crate::sys::uaccess::Forbidden;

/// Fills a batch with the first entries of a request and truncates it to the entries that can be read. Returns their number, or EPERM if
/// the arrays may not be copied.
pub(super) fn read_entries(request: MoveRequest, batch: &mut Batch) -> Result<usize, i32> {
    batch.truncate(request.count());
    let mut readable = read_pages(request, batch.pages)?;
    if request.is_query() {
        batch.targets.clear();
    } else {
        let nodes = batch.targets.fill_with(|nodes| request.read_nodes(nodes));
        readable = readable.min(nodes.map_err(forbidden)?);
    }
    batch.truncate(readable);
    Ok(readable)
}

/// Reads the first page addresses of a request. Returns their number, or EPERM if they may not be copied.
///
/// Removes tags on arm64: the kernel ignores them when it moves pages, but not when it is queried.
pub(super) fn read_pages(request: MoveRequest, to: &mut [usize]) -> Result<usize, i32> {
    let count = request.read_pages(to).map_err(forbidden)?;
    if cfg!(target_arch = "aarch64") {
        to.iter_mut().for_each(|page| *page = tagged::without_top_byte(*page));
    }
    Ok(count)
}

/// Returns the errno for arrays that may not be copied.
pub(super) fn forbidden(_: Forbidden) -> i32 {
    errno::EPERM
}

/// A copy of the page addresses and nodes of a request whose statuses overwrite them.
pub(super) struct ArraysCopy {
    scratch: Scratch,
    /// The number of entries of the request.
    capacity: usize,
    /// The number of entries that could be read.
    count: usize,
}

impl ArraysCopy {
    /// Copies as many entries as can be read. Returns `None` if there is no memory for the copy, EPERM if the arrays may not be copied.
    pub(super) fn of(request: MoveRequest) -> Result<Option<ArraysCopy>, i32> {
        let bytes = request.count().checked_mul(size_of::<usize>() + size_of::<i32>());
        let Some(mut scratch) = bytes.and_then(Scratch::new) else { return Ok(None) };
        let mut arena = scratch.arena();
        let mut count = request.read_pages(arena.alloc_slice(request.count())).map_err(forbidden)?;
        if !request.is_query() {
            count = count.min(request.read_nodes(arena.alloc_slice(request.count())).map_err(forbidden)?);
        }
        Ok(Some(ArraysCopy { scratch, capacity: request.count(), count }))
    }

    /// Returns the first address of the copy and the one after its last.
    pub(super) fn range(&self) -> (usize, usize) {
        self.scratch.range()
    }

    /// Returns the request with the copies in place of its arrays. If no entry could be read, returns the request itself, so that the kernel
    /// reports the error.
    pub(super) fn request<'a>(&'a mut self, request: MoveRequest<'a>) -> MoveRequest<'a> {
        if self.count == 0 {
            return request;
        }
        let mut arena = self.scratch.arena();
        let copied = request.truncate(self.count).with_pages(arena.alloc_slice::<usize>(self.capacity));
        if request.is_query() { copied } else { copied.with_nodes(arena.alloc_slice::<i32>(self.capacity)) }
    }
}

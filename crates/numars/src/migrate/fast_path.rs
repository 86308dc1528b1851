//! The fast path of small requests: one move_pages(2) call if its statuses are final. Pages that it reports absent are queried again, and all
//! pages if they ended on different nodes.

use super::locate::{Locator, Usage, is_absent};
use super::meter::Meter;
use super::ops::MovePagesOps;
use super::request::read_pages;
use super::status::STATUS_UNSET;
use super::target::max_query;
use crate::sys::errno::{self, Errno};
use crate::sys::kernel::{self, Checked};
use crate::sys::move_request::MoveRequest;

/// Upper bound for the entries of a request on the fast path.
const FAST_PATH_MAX: usize = if max_query() < 64 { max_query() } else { 64 };

/// Upper bound for the entries of a request whose statuses are read where the kernel wrote them, instead of being copied.
const DIRECT_STATUS_MAX: usize = 16;

/// Submits a request unmodified. Returns whether every page has a node, or the number of pages that could not be moved.
pub fn submit_and_check(pid: i32, request: MoveRequest, flags: i32) -> Result<Checked, Errno> {
    if request.count() <= DIRECT_STATUS_MAX {
        return kernel::move_pages_checked(pid, &request, flags);
    }
    let unmoved = kernel::move_pages(pid, &request, flags)?;
    Ok(if unmoved == 0 && !has_negative_status(request) { Checked::AllOnNodes } else { Checked::Incomplete(unmoved) })
}

/// Returns whether any status of a request is negative. Returns false if the statuses cannot be copied.
fn has_negative_status(request: MoveRequest) -> bool {
    const CHUNK: usize = 512;
    let mut done = 0;
    while done < request.count() {
        let mut status = [0i32; CHUNK];
        let count = (request.count() - done).min(CHUNK);
        let Some(status) = status.get_mut(..count) else { return false };
        match request.skip(done).read_statuses(status) {
            Ok(copied) if copied == count && status.iter().all(|&status| status >= 0) => done += count,
            Ok(copied) => return copied == count,
            Err(_) => return false,
        }
    }
    false
}

/// Submits a request of at most [`FAST_PATH_MAX`] entries in one call. Returns `None` if the mover has to finish it: it is larger, or the
/// kernel's statuses are not final. Submitting the same entries again does no harm.
pub fn try_fast_path(kernel: &impl MovePagesOps, request: MoveRequest, flags: i32) -> Option<Result<(), i32>> {
    if request.count() > FAST_PATH_MAX {
        return None;
    }
    // Linux 5.10 may leave a page on its node, return success and write no status.
    let (mut status, mut current) = ([STATUS_UNSET; FAST_PATH_MAX], [0i32; FAST_PATH_MAX]);
    let (status, current) = (status.get_mut(..request.count())?, current.get_mut(..request.count())?);
    match kernel.submit(request.with_status(status), flags) {
        Ok(0) => {}
        Err(error @ (errno::EINVAL | errno::EPERM | errno::ESRCH)) => return Some(Err(error)),
        _ => return None,
    }
    if !is_final(kernel, request, status, flags) {
        return None;
    }
    let mut nodes = status.iter().filter(|&&status| status >= 0);
    let first = nodes.next();
    if !nodes.all(|node| Some(node) == first) {
        // A page that several entries name may have left its target node for that of a later entry.
        kernel.submit(request.without_nodes().with_status(current), flags).ok()?;
        if status.iter().zip(current).any(|(status, current)| *status >= 0 && status != current) {
            return None;
        }
    }
    let written = request.write_statuses(status).ok()?;
    Some(if written == status.len() { Ok(()) } else { Err(errno::EFAULT) })
}

/// Compares statuses one by one: for slices, the compiler calls bcmp(3), which the loader would have to bind.
fn equal(some: &[i32], others: &[i32]) -> bool {
    some.iter().zip(others).all(|(one, other)| one == other)
}

/// Returns whether the statuses of a call that succeeded are final. Nodes are. ENOENT and EFAULT are if the page is not in flight. All others
/// are left to the mover: EBUSY (on Linux 6.1 also EACCES), for example, may mean that another entry moved the page.
fn is_final(kernel: &impl MovePagesOps, request: MoveRequest, status: &[i32], flags: i32) -> bool {
    if status.iter().all(|&status| status >= 0) {
        return true;
    }
    if status.iter().any(|&status| status < 0 && !is_absent(status)) {
        return false;
    }
    let (mut pages, mut current) = ([0usize; FAST_PATH_MAX], [0i32; FAST_PATH_MAX]);
    let (Some(pages), Some(current)) = (pages.get_mut(..status.len()), current.get_mut(..status.len())) else {
        return false;
    };
    if read_pages(request, pages) != Ok(status.len()) {
        return false;
    }
    current.iter_mut().zip(status).for_each(|(current, status)| *current = *status);
    let locator = Locator { kernel, flags, usage: &Usage::new(Meter::untimed()) };
    locator.confirm_absent(pages, current, false).is_ok() && equal(current, status)
}

/// Queries pages again that a query reports absent, because the kernel reports the same for a page in flight. Leaves the statuses as they
/// are if the arrays cannot be copied.
pub fn confirm_query(kernel: &impl MovePagesOps, request: MoveRequest, flags: i32) {
    if request.overlaps() {
        return;
    }
    const CHUNK: usize = 128;
    let locator = Locator { kernel, flags, usage: &Usage::new(Meter::untimed()) };
    let mut done = 0;
    while done < request.count() {
        let (mut pages, mut status, mut current) = ([0usize; CHUNK], [0i32; CHUNK], [0i32; CHUNK]);
        let rest = request.skip(done);
        let count = rest.count().min(CHUNK);
        let (Some(pages), Some(status), Some(current)) =
            (pages.get_mut(..count), status.get_mut(..count), current.get_mut(..count))
        else {
            return;
        };
        if rest.read_statuses(status) != Ok(count) || read_pages(rest, pages) != Ok(count) {
            return;
        }
        current.iter_mut().zip(status.iter()).for_each(|(current, status)| *current = *status);
        if locator.confirm_absent(pages, current, false).is_err()
            || !equal(current, status) && rest.write_statuses(current).is_err()
        {
            return;
        }
        done += count;
    }
}

//! Threads that help for a while.

use super::signals;
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr::null_mut;

/// Threads that are started at once at most.
pub const MAX_HELPERS: usize = 63;

/// Enough for a system call and what a signal frame would take; more, since the program's thread-local storage lies there too.
const STACK: usize = 128 * 1024;

/// What helpers do.
struct Work<'a>(&'a (dyn Fn() + Sync));

extern "C" fn help(work: *mut c_void) -> *mut c_void {
    // SAFETY: the address of a `Work` that lives until this thread is joined.
    let work = unsafe { &*work.cast::<Work>() };
    (work.0)();
    null_mut()
}

/// Does `work`, in which the calling thread does not end if it is cancelled, but soon afterwards: helpers and the kernel look at its
/// stack meanwhile.
pub fn with_cancel_disabled<T>(work: impl FnOnce() -> T) -> T {
    unsafe extern "C" {
        fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    }
    const DISABLE: c_int = 1;
    let mut before = 0;
    // SAFETY: `before` is writable.
    unsafe { pthread_setcancelstate(DISABLE, &mut before) };
    let result = work();
    // SAFETY: NULL is taken too, and this is what the state was.
    unsafe { pthread_setcancelstate(before, null_mut()) };
    result
}

/// Does `helper` on so many threads, while the calling thread does `own`; fewer threads where the system does not give more. They
/// take no signals except those that libc uses itself, and have ended on return. Errno is left untouched by starting and ending them.
pub fn run_with_helpers(helpers: usize, helper: &(dyn Fn() + Sync), own: impl FnOnce()) {
    let mut threads = [const { MaybeUninit::<libc::pthread_t>::uninit() }; MAX_HELPERS];
    let work = Work(helper);
    let mut started = 0;
    let errno = super::errno::get();
    // SAFETY: all zeros is an attribute object that pthread_attr_init may fill; it is used as pthreads(7) says.
    unsafe {
        let mut attributes = MaybeUninit::<libc::pthread_attr_t>::zeroed();
        if helpers > 0 && libc::pthread_attr_init(attributes.as_mut_ptr()) == 0 {
            libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK);
            // Threads begin with the signal mask of the one that starts them.
            let before = signals::change_mask(libc::SIG_SETMASK, &signals::all_but_those_of_libc());
            for thread in threads.iter_mut().take(helpers) {
                let address = (&raw const work).cast_mut().cast();
                if libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), help, address) != 0 {
                    break;
                }
                started += 1;
            }
            signals::change_mask(libc::SIG_SETMASK, &before);
            // The attributes hold no memory: pthread_attr_destroy(3) would do nothing.
        }
    }
    own();
    for thread in threads.iter().take(started) {
        // SAFETY: started above, and joined once.
        unsafe { libc::pthread_join(thread.assume_init(), null_mut()) };
    }
    super::errno::set(errno);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn helpers_do_their_work_and_are_gone() {
        for helpers in [0, 1, 5] {
            let (helped, mut own) = (AtomicUsize::new(0), false);
            run_with_helpers(
                helpers,
                &|| {
                    helped.fetch_add(1, Ordering::Relaxed);
                },
                || own = true,
            );
            assert!(own);
            assert_eq!(helped.into_inner(), helpers);
        }
    }

    #[test]
    fn helpers_do_not_block_the_signals_that_libc_sends_to_all_threads() {
        // SAFETY: none of these calls takes a pointer, and the group stays what it is. Ends the process if setgid(2) waits forever.
        unsafe { libc::alarm(100) };
        let done = AtomicUsize::new(0);
        run_with_helpers(
            2,
            &|| {
                while done.load(Ordering::Relaxed) == 0 {
                    std::thread::yield_now();
                }
            },
            || {
                // SAFETY: as above.
                assert_eq!(unsafe { libc::setgid(libc::getgid()) }, 0);
                done.store(1, Ordering::Relaxed);
            },
        );
        // SAFETY: as above.
        unsafe { libc::alarm(0) };
    }
}

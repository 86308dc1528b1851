//! Helper threads that run for the duration of one call.
//!
//! References: pthreads(7), pthread_create(3), pthread_setcancelstate(3).

use super::signals;
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr::null_mut;

/// Upper bound for the number of helper threads of one call.
pub const MAX_HELPERS: usize = 63;

/// The stack size of a helper thread in bytes: room for a system call, a signal frame, and the thread-local storage of the program.
const STACK: usize = 128 * 1024;

/// The argument of a helper thread.
struct HelperArgument<'a>(&'a (dyn Fn() + Sync));

extern "C" fn helper_main(argument: *mut c_void) -> *mut c_void {
    // SAFETY: the address of a `HelperArgument` that lives until this thread is joined.
    let argument = unsafe { &*argument.cast::<HelperArgument>() };
    (argument.0)();
    null_mut()
}

/// Runs `work` with cancellation of the calling thread disabled, because helper threads and the kernel access its stack meanwhile. A
/// pthread_cancel(3) takes effect afterwards.
pub fn with_cancel_disabled<T>(work: impl FnOnce() -> T) -> T {
    unsafe extern "C" {
        fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    }
    const DISABLE: c_int = 1;
    /// The state to restore, also if `work` panics.
    struct Before(c_int);
    impl Drop for Before {
        fn drop(&mut self) {
            // SAFETY: the old state may be NULL; this one is valid, because it was in effect.
            unsafe { pthread_setcancelstate(self.0, null_mut()) };
        }
    }
    let mut before = Before(0);
    // SAFETY: the state is writable.
    unsafe { pthread_setcancelstate(DISABLE, &mut before.0) };
    work()
}

/// Helper threads, which are joined when this is dropped.
struct Helpers {
    threads: [MaybeUninit<libc::pthread_t>; MAX_HELPERS],
    started: usize,
}

impl Drop for Helpers {
    fn drop(&mut self) {
        super::errno::preserve_errno(|| {
            for thread in self.threads.iter().take(self.started) {
                // SAFETY: the thread was started and is joined once.
                unsafe { libc::pthread_join(thread.assume_init(), null_mut()) };
            }
        });
    }
}

/// Runs `helper` on up to `helpers` new threads (at most [`MAX_HELPERS`]) and `main` on the calling thread. Starts fewer threads if the system
/// refuses more.
///
/// The threads block all signals except those that libc uses internally. They have ended when this returns, and also if `main` panics. A
/// `helper` that panics aborts the process. Starting and joining them preserves errno.
pub fn run_with_helpers(helpers: usize, helper: &(dyn Fn() + Sync), main: impl FnOnce()) {
    let argument = HelperArgument(helper);
    let mut running = Helpers { threads: [const { MaybeUninit::uninit() }; MAX_HELPERS], started: 0 };
    // SAFETY: pthread_attr_init initialises the zeroed attribute object, which is used as pthread_attr_init(3) requires.
    super::errno::preserve_errno(|| unsafe {
        let mut attributes = MaybeUninit::<libc::pthread_attr_t>::zeroed();
        if helpers > 0 && libc::pthread_attr_init(attributes.as_mut_ptr()) == 0 {
            libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK);
            // A new thread inherits the signal mask.
            let before = signals::change_mask(libc::SIG_SETMASK, &signals::all_but_those_of_libc());
            for thread in running.threads.iter_mut().take(helpers) {
                let argument = (&raw const argument).cast_mut().cast();
                if libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), helper_main, argument) != 0 {
                    break;
                }
                running.started += 1;
            }
            signals::change_mask(libc::SIG_SETMASK, &before);
            // pthread_attr_destroy(3) is not needed, because the attributes own no memory.
        }
    });
    main();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn helpers_run_and_have_ended_on_return() {
        for helpers in [0, 1, 5] {
            let (runs, mut main_ran) = (AtomicUsize::new(0), false);
            run_with_helpers(
                helpers,
                &|| {
                    runs.fetch_add(1, Ordering::Relaxed);
                },
                || main_ran = true,
            );
            assert!(main_ran);
            assert_eq!(runs.into_inner(), helpers);
        }
    }

    #[test]
    fn helpers_have_ended_when_a_panic_of_main_reaches_the_caller() {
        let (runs, is_over) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let helper = || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            runs.fetch_add(1, Ordering::Relaxed);
            assert_eq!(is_over.load(Ordering::Relaxed), 0);
        };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run_with_helpers(3, &helper, || panic!("expected"));
        }));
        is_over.store(1, Ordering::Relaxed);
        assert!(result.is_err());
        assert_eq!(runs.into_inner(), 3);
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_panic_restores_cancellation() {
        unsafe extern "C" {
            fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
        }
        const ENABLE: c_int = 0;
        let result = std::panic::catch_unwind(|| with_cancel_disabled(|| panic!("expected")));
        assert!(result.is_err());
        let mut state = -1;
        // SAFETY: the state is writable, and is what it was.
        unsafe { pthread_setcancelstate(ENABLE, &raw mut state) };
        assert_eq!(state, ENABLE);
    }

    #[test]
    fn helpers_do_not_block_the_signals_that_libc_sends_to_all_threads() {
        // SAFETY: none of these calls takes a pointer, and the group does not change. The alarm ends the process if setgid(2) hangs.
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

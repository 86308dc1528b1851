//! NUMARS_LOG: a line for each call about policy, placement, affinity or moving pages, with its arguments and its result.
//!
//! A line is formatted on the stack and written at once, so that threads and signal handlers may trace calls, and nothing is left in a buffer
//! when a process forks.

mod line;
mod sink;

pub(crate) use line::letter;
pub use line::{Argument, Mask, PageOutcome};
pub use sink::is_open as is_on;

use core::ffi::{c_int, c_long, c_void};
use line::LineBuf;
use numars::Errno;
use numars::for_c::sys::environment;
use numars::for_c::sys::files::strip_prefix;

/// A call with its arguments, to be traced. It is made before the work of the call begins, as the arguments are in registers then, and
/// passed on in two of them.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    text: *const u8,
    arguments: *const Argument<'a>,
}

impl<'a> Call<'a> {
    /// # Safety
    /// The text ends with a NUL. It has a letter of [`LineBuf::argument`] after each equals sign, and there are as many arguments, of those
    /// kinds.
    #[inline(always)]
    pub const unsafe fn new(text: &'static str, arguments: &'a [Argument<'a>]) -> Self {
        Call { text: text.as_ptr(), arguments: arguments.as_ptr() }
    }

    /// Traces a call that returns a number, and returns it. If it is negative, errno says why.
    #[inline(always)]
    pub fn returns(self, result: c_int) -> c_int {
        if is_on() { self.traced(result) } else { result }
    }

    // Not inlined: it is called from many places, which are shorter if they need not keep the result.
    #[cold]
    #[inline(never)]
    fn traced(self, result: c_int) -> c_int {
        self.write(Outcome::Number(result.into()), result < 0, PageOutcome::None);
        result
    }

    /// Traces a call that returns a number and did something to pages.
    pub fn returns_pages(self, result: c_long, pages: PageOutcome) {
        if is_on() {
            #[allow(clippy::unnecessary_cast, reason = "not where a long has 32 bits")]
            self.write(Outcome::Number(result as i64), result < 0, pages);
        }
    }

    /// Traces a call that returns memory.
    pub fn returns_memory(self, address: *mut c_void, failed: bool) {
        if is_on() {
            self.write(Outcome::Memory(address as usize), failed, PageOutcome::None);
        }
    }

    /// Writes the line of the call. Errno is left untouched: nothing that is called here changes it.
    #[cold]
    #[inline(never)]
    fn write(self, outcome: Outcome, failed: bool, pages: PageOutcome) {
        let error = Errno::last();
        if !write_lost() {
            return;
        }
        let mut line = LineBuf::begin();
        // SAFETY: as the caller of `new` promises.
        unsafe { line.call(self.text, self.arguments) };
        line.text(" = ");
        match outcome {
            Outcome::Number(number) => line.number(number),
            Outcome::Memory(address) => line.address(address),
        }
        if failed {
            line.text(" ");
            line.error(error);
        }
        line.pages(pages, failed);
        sink::append(line.end(), 1);
    }
}

/// Calls a closure that makes and traces a call, in a function of its own: its caller needs no stack and saves no registers for it.
#[cold]
#[inline(never)]
pub fn out_of_line<T>(traced_call: impl FnOnce() -> T) -> T {
    traced_call()
}

/// The result of a call.
enum Outcome {
    Number(i64),
    Memory(usize),
}

/// Makes a [`Call`] of the name of a function and its arguments, each of a kind of [`Argument`]. It lasts as long as the statement, or with
/// `let` as its name.
macro_rules! call {
    (let $call:ident = $name:ident($($argument:ident = $kind:ident($value:expr)),*)) => {
        let arguments = [$($crate::trace::Argument::$kind($value)),*];
        // SAFETY: the text was made of these arguments.
        let $call = unsafe { $crate::trace::Call::new($crate::trace::text!($name($($argument = $kind),*)), &arguments) };
    };
    ($name:ident($($argument:ident = $kind:ident($value:expr)),*)) => {
        // A match, since what it looks at lives until the end of the statement.
        match &[$($crate::trace::Argument::$kind($value)),*] {
            // SAFETY: the text was made of these arguments.
            arguments => unsafe { $crate::trace::Call::new($crate::trace::text!($name($($argument = $kind),*)), arguments) },
        }
    };
}
pub(crate) use call;

/// The text of a [`Call`].
macro_rules! text {
    ($name:ident()) => {
        concat!(stringify!($name), "()\0")
    };
    ($name:ident($first:ident = $kind:ident $(, $next:ident = $next_kind:ident)*)) => {
        concat!(
            stringify!($name), "(", stringify!($first), "=", $crate::trace::letter!($kind),
            $(", ", stringify!($next), "=", $crate::trace::letter!($next_kind),)* ")\0"
        )
    };
}
pub(crate) use text;

/// Reads NUMARS_LOG. Before, nothing is traced.
pub fn init() {
    environment::variable(c"NUMARS_LOG", |value| {
        let is = |text: &[u8]| strip_prefix(text, value.to_bytes()).is_some_and(<[u8]>::is_empty);
        if !is(b"") && !is(b"0") {
            let is_standard_error = is(b"1") || is(b"/dev/stderr") || is(b"/dev/fd/2") || is(b"/proc/self/fd/2");
            sink::open((!is_standard_error).then_some(value));
        }
        Some(())
    });
}

/// Writes how many lines were lost, if any were. Returns false if that cannot be written either, and so the line that was to follow is lost.
#[inline(never)]
fn write_lost() -> bool {
    let lost = sink::take_lost();
    if lost == 0 {
        return true;
    }
    let mut line = LineBuf::begin();
    line.number(lost as i64);
    line.text(" lines lost");
    sink::append(line.end(), lost + 1)
}

//! NUMARS_LOG: a line for each call about policy, placement, affinity or moving pages, with its arguments and its result.
//!
//! A line is formatted on the stack and written at once, so that threads and signal handlers may trace calls, and nothing is left in a buffer
//! when a process forks.

mod line;
mod sink;

pub use line::{Arg, PageOutcome, mask};
pub use sink::is_open as is_on;

use super::mempolicy::Applied;
use core::ffi::c_long;
use line::LineBuf;
use numars::for_c::sys::environment;
use numars::for_c::sys::files::strip_prefix;
use numars::{Errno, SyscallError};

/// Traces a call, and returns its result. The arguments are written in place of the stars of the text. Costs a comparison if nothing is
/// traced.
macro_rules! trace_call {
    ($text:literal, [$($argument:expr),*], $result:expr) => {{
        let result = $result;
        if $crate::trace::is_on() {
            $crate::trace::CallResult::emit(result, $text, &[$($crate::trace::Arg::from(&$argument)),*]);
        }
        result
    }};
}
pub(crate) use trace_call;

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

/// The result of a call. If the call failed, errno says why.
pub trait CallResult {
    /// Writes the line of the call.
    fn emit(self, text: &str, arguments: &[Arg]);
}

impl CallResult for i64 {
    #[cold]
    #[inline(never)]
    fn emit(self, text: &str, arguments: &[Arg]) {
        write_call(text, arguments, Arg::Number(self), self < 0, PageOutcome::None);
    }
}

impl CallResult for i32 {
    fn emit(self, text: &str, arguments: &[Arg]) {
        i64::from(self).emit(text, arguments);
    }
}

impl CallResult for Result<(), SyscallError> {
    #[cold]
    #[inline(never)]
    fn emit(self, text: &str, arguments: &[Arg]) {
        (if self.is_ok() { 0i64 } else { -1 }).emit(text, arguments);
    }
}

/// 0; 1 for the fallback on an older kernel; -1 for a failure.
impl CallResult for Result<Applied, SyscallError> {
    #[cold]
    #[inline(never)]
    fn emit(self, text: &str, arguments: &[Arg]) {
        self.map_or(-1, |applied| i64::from(applied == Applied::Fallback)).emit(text, arguments);
    }
}

/// A number, and what the call did to pages.
impl CallResult for (c_long, PageOutcome<'_>) {
    #[cold]
    #[inline(never)]
    fn emit(self, text: &str, arguments: &[Arg]) {
        let (result, pages) = self;
        #[allow(clippy::unnecessary_cast, reason = "not where a long has 32 bits")]
        write_call(text, arguments, Arg::Number(result as i64), result < 0, pages);
    }
}

/// Writes the line of a call. Errno is left untouched: nothing that is called here changes it.
#[inline(never)]
pub fn write_call(text: &str, arguments: &[Arg], result: Arg, failed: bool, pages: PageOutcome) {
    let error = Errno::last();
    if !write_lost() {
        return;
    }
    let mut line = LineBuf::begin();
    let mut arguments = arguments.iter();
    for byte in text.bytes() {
        match byte {
            b'*' => arguments.next().into_iter().for_each(|&argument| line.arg(argument)),
            _ => line.byte(byte),
        }
    }
    line.text(" = ");
    line.arg(result);
    if failed {
        line.text(" ");
        line.error(error);
    }
    line.pages(pages, failed);
    sink::append(line.end(), 1);
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

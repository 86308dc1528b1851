//! Where NUMARS_LOG has lines written: to a regular file, a FIFO or a terminal, and as standard error also to a socket.
//!
//! A line neither blocks nor ends the program, and what cannot be written is lost. Nor is a file harmed that is not a trace, whoever chose its
//! name: an ordinary user can hand the variable to a program of root, through a setuid program that became root altogether.

use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use numars::for_c::sys::errno::preserve_errno;
use numars::for_c::sys::files::{File, FixedPath, Status, strip_prefix};
use numars::for_c::sys::memory::Arena;
use numars::for_c::sys::output::{self, Method};
use numars::for_c::sys::process;
use once_cell::race::OnceRef;

/// What every line begins with.
pub const LINE_START: &str = "numars ";

/// Where lines go.
#[derive(Clone, Copy)]
enum Sink {
    /// Standard error, as long as it is the file with this identity, which it was at the start.
    StandardError([usize; 2]),
    /// The file of that name in a directory.
    File { folder: &'static CStr, name: &'static CStr },
}

/// Set if calls are traced.
static SINK: OnceRef<Sink> = OnceRef::new();

/// Returns whether calls are traced.
#[inline(always)]
pub fn is_open() -> bool {
    SINK.get().is_some()
}

/// Makes lines go to the file of that name, or to standard error if that is open.
pub fn open(path: Option<&CStr>) {
    let sink = match path {
        Some(path) => open_file(path.to_bytes()),
        None => open_standard_error(),
    };
    // Of two threads, either has read the same variable.
    let _ = sink.map(|sink| SINK.set(sink));
}

fn open_standard_error() -> Option<&'static Sink> {
    let identity = File::standard_error().status()?.identity();
    Arena::leak(size_of::<Sink>())?.alloc(Sink::StandardError(identity)).map(|sink| &*sink)
}

/// Returns the sink with a copy of `path`, since the program may change its environment.
fn open_file(path: &[u8]) -> Option<&'static Sink> {
    let name_start = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let (folder, name) = path.split_at_checked(name_start)?;
    let mut arena = Arena::leak(size_of::<Sink>() + path.len() + "./\0\0".len())?;
    let sink = arena.alloc(Sink::StandardError([0; 2]))?;
    let folder = arena.alloc_cstr(if folder.is_empty() { b"./" } else { folder })?;
    *sink = Sink::File { folder, name: arena.alloc_cstr(name)? };
    Some(sink)
}

/// Whether a part of the last line is missing.
static IS_CUT: AtomicBool = AtomicBool::new(false);

/// Returns whether the next line has to end the last one first.
pub fn is_cut() -> bool {
    IS_CUT.load(Relaxed)
}

/// Lines that could not be written since the last one that could.
static LOST: AtomicUsize = AtomicUsize::new(0);

/// Returns how many lines were lost since the last one that was written, for the caller to write that.
pub fn take_lost() -> usize {
    LOST.swap(0, Relaxed)
}

/// Writes a line in one piece. The file is opened each time: the program might close a descriptor that is kept, and have another file in its
/// place. Errno is left untouched. Returns false if the line is lost, which counts as `worth` lines.
pub fn append(line: &[u8], worth: usize) -> bool {
    let Some(sink) = SINK.get() else { return false };
    let is_written = preserve_errno(|| match *sink {
        Sink::StandardError(identity) => append_to_standard_error(line, identity),
        Sink::File { folder, name } => open_trace(folder, name).is_some_and(|file| write(&file, Method::Write, line)),
    });
    if !is_written {
        LOST.fetch_add(worth, Relaxed);
    }
    is_written
}

/// Opens a file by name, if it has a type that lines are written to: it belongs to this user and has no other name, and if it is a regular
/// one, nothing but lines has been written to it. One that does not exist is created, and lines are written to an empty one; by root only in
/// directories where everybody may create files: elsewhere an empty file may have a meaning, and what an ordinary user mounts there may be
/// another file.
///
/// Everything about the file is checked in one directory, whatever becomes of links to that meanwhile.
fn open_trace(folder: &CStr, name: &CStr) -> Option<File> {
    const FLAGS: i32 = libc::O_APPEND | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW;
    const CREATE: i32 = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    const SHARED: u32 = libc::S_ISVTX | libc::S_IWOTH;
    let user = process::effective_user();
    let folder = File::open_at(None, folder, libc::O_PATH | libc::O_DIRECTORY)?;
    let may_begin = user != 0 || folder.status()?.mode() & SHARED == SHARED;
    let status = || Status::of(Some(&folder), name, libc::AT_SYMLINK_NOFOLLOW);
    // Before it is opened, which some devices take as a command.
    let mut before = status();
    if before.is_none() {
        if may_begin {
            let file = File::open_at(Some(&folder), name, CREATE | FLAGS);
            if file.is_some() {
                return file;
            }
        }
        // Another process may have created it meanwhile.
        before = status();
    }
    let before = before?;
    let access = match before.kind() {
        libc::S_IFREG if before.owner() == user && before.links() == 1 => libc::O_RDWR,
        libc::S_IFIFO if before.owner() == user => libc::O_WRONLY,
        // Consoles, the terminal of the process, and pseudo-terminals; no serial ports, and not what makes pseudo-terminals.
        libc::S_IFCHR if matches!(before.device(), (4, ..=63) | (5, ..=1) | (136..=143, _)) => libc::O_WRONLY,
        _ => return None,
    };
    let file = before.open(Some(&folder), name, access | FLAGS)?;
    let mut start = [0; LINE_START.len()];
    let is_trace = match before.kind() {
        libc::S_IFREG => {
            let length = file.read_from_start(&mut start).ok()?;
            length == 0 && may_begin && (user != 0 || !before.is_mounted())
                || strip_prefix(LINE_START.as_bytes(), &start).is_some()
        }
        libc::S_IFCHR => file.is_terminal(),
        _ => true,
    };
    is_trace.then_some(file)
}

/// Writes a line to standard error if that is the same file as at the start. Returns whether all of it was written.
fn append_to_standard_error(line: &[u8], identity: [usize; 2]) -> bool {
    const FLAGS: i32 = libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
    // By a descriptor of our own, if there is room for one: no other thread closes it and has another file in its place meanwhile.
    let standard_error = File::standard_error();
    let duplicate = standard_error.duplicate();
    let file = duplicate.as_ref().unwrap_or(&standard_error);
    let Some(status) = file.status() else { return false };
    if !status.is_of(identity) {
        return false;
    }
    match status.kind() {
        libc::S_IFREG => write(file, Method::Write, line),
        libc::S_IFSOCK => write(file, Method::Send, line),
        libc::S_IFIFO => write(file, Method::NoWait, line),
        libc::S_IFCHR if file.is_terminal() => {
            // The descriptor may block, and others use it too: opened again, it does not. That is impossible without /proc, and for the
            // terminal of another user.
            let mut path = FixedPath::new(b"/proc/self/fd/");
            match File::open_at(None, path.decimal(file.descriptor()).as_c_str(), FLAGS) {
                Some(terminal) => write(&terminal, Method::Write, line),
                None => write(file, Method::WaitAndWrite, line),
            }
        }
        _ => false,
    }
}

/// Milliseconds that a line waits at most for room in a pipe, socket or terminal.
const TIMEOUT: u16 = 100;

/// Whether the last line has waited in vain: the next one does not wait.
static IS_STALLED: AtomicBool = AtomicBool::new(false);

/// Writes a line, as far as that is possible. Returns whether all of it was written.
fn write(file: &File, method: Method, line: &[u8]) -> bool {
    let timeout = if IS_STALLED.load(Relaxed) { 0 } else { TIMEOUT };
    let written = output::write(file, method, line, timeout);
    let is_whole = written.bytes == line.len();
    if written.bytes > 0 {
        IS_CUT.store(!is_whole, Relaxed);
    }
    if is_whole || written.timed_out {
        IS_STALLED.store(!is_whole, Relaxed);
    }
    is_whole
}

//! Where NUMARS_LOG has lines go: to a regular file, a FIFO or a terminal, and as standard error also to a socket.
//!
//! A line neither blocks nor ends the program, and what cannot be written is lost. Nor does it harm a file that is none of the log's,
//! whoever chose the name: an ordinary user can hand the variable to a program of root, by way of a setuid program that became root
//! altogether.

use super::errno::{self, preserve_errno};
use super::files::{self, File, Status};
use super::signals::SignalsOfWrite;
use super::{memory, process};
use core::ffi::{CStr, c_char, c_int, c_long};
use core::ptr::null;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What every line begins with.
pub const LINE_START: &str = "numars ";

/// Nowhere, standard error, or the address of a file's name.
static PLACE: AtomicUsize = AtomicUsize::new(NOWHERE);
const NOWHERE: usize = 0;
const STANDARD_ERROR: usize = 1;

/// Of standard error the file that it was at the start, of a file by name the address of its folder's name.
static ORIGIN: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

pub fn is_open() -> bool {
    PLACE.load(Ordering::Relaxed) != NOWHERE
}

/// From now on, lines go to the file of that name, or to standard error if that is open.
pub fn open(name: Option<&CStr>) {
    let (place, origin) = match name {
        // Of the name, since the program may change its environment.
        Some(name) => {
            let bytes = name.to_bytes_with_nul();
            let last = bytes.iter().rposition(|&byte| byte == b'/');
            let folder = memory::leak_copy(match last {
                None => b"./\0",
                Some(_) => bytes,
            });
            if let Some(last) = last
                && !folder.is_null()
            {
                // SAFETY: inside of the copy, at least one byte before its NUL.
                unsafe { folder.cast_mut().add(last + 1).write(0) };
            }
            (if folder.is_null() { NOWHERE } else { memory::leak_copy(bytes) as usize }, [folder as usize, 0])
        }
        None => match Status::of(libc::STDERR_FILENO, c"", libc::AT_EMPTY_PATH) {
            Some(status) => (STANDARD_ERROR, status.identity()),
            None => (NOWHERE, [0; 2]),
        },
    };
    ORIGIN.iter().zip(origin).for_each(|(place, value)| place.store(value, Ordering::Relaxed));
    PLACE.store(place, Ordering::Release);
}

/// Whether the last line that was written to is not whole.
static IS_CUT: AtomicBool = AtomicBool::new(false);

/// Returns whether the next line has to end the last one first.
pub fn is_cut() -> bool {
    IS_CUT.load(Ordering::Relaxed)
}

/// Lines that could not be written since the last one that could.
static LOST: AtomicUsize = AtomicUsize::new(0);

/// Returns how many lines were lost since the last one that was written, for the caller to say so.
pub fn take_lost() -> usize {
    LOST.swap(0, Ordering::Relaxed)
}

/// Adds a line in one piece. The file is opened each time: a descriptor that is kept would be in a program's way, which may close it
/// and have another file in its place. Errno is left untouched. If the line is lost, so many lines are, and the result is false.
pub fn append(line: &[u8], worth: usize) -> bool {
    let place = PLACE.load(Ordering::Acquire);
    if place == NOWHERE {
        return false;
    }
    let origin = ORIGIN.each_ref().map(|place| place.load(Ordering::Relaxed));
    let is_written = preserve_errno(|| {
        if place == STANDARD_ERROR {
            return append_to_standard_error(line, origin);
        }
        // SAFETY: strings that live as long as the process.
        let [name, folder] = [place, origin[0]].map(|address| unsafe { memory::string(address as *const c_char) });
        open_log(name, folder).is_some_and(|file| write(file.0, Way::Write, line))
    });
    if !is_written {
        LOST.fetch_add(worth, Ordering::Relaxed);
    }
    is_written
}

/// Opens a file by name, with a type that lines are written to: one that this user owns and that has no other name, which nothing but
/// lines has been written to if it is a regular one. One that is not there is made and an empty one begun; by root only where everybody
/// may make files: elsewhere an empty file may be one that is read, and what an ordinary user mounts there may be from elsewhere.
///
/// All that is asked about the file is asked in one folder, whatever becomes of links to that meanwhile.
fn open_log(name: &CStr, folder: &CStr) -> Option<File> {
    const FLAGS: c_int = libc::O_APPEND | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW;
    const CREATE: c_int = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    let user = process::effective_user();
    let name = files::strip_prefix_cstr(folder.to_bytes(), name).unwrap_or(name);
    let folder = File::open_in(libc::AT_FDCWD, folder, libc::O_PATH | libc::O_DIRECTORY)?;
    const SHARED: u32 = libc::S_ISVTX | libc::S_IWOTH;
    let may_begin = user != 0 || Status::of(folder.0, c"", libc::AT_EMPTY_PATH)?.mode() & SHARED == SHARED;
    let status = || Status::of(folder.0, name, libc::AT_SYMLINK_NOFOLLOW);
    // Before it is opened, which some devices take as a command.
    let mut before = status();
    if before.is_none() {
        if may_begin {
            let file = File::open_in(folder.0, name, CREATE | FLAGS);
            if file.is_some() {
                return file;
            }
        }
        // Another process may have made it meanwhile.
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
    let file = before.open(folder.0, name, access | FLAGS)?;
    let mut start = [0; LINE_START.len()];
    let is_log = match before.kind() {
        libc::S_IFREG => {
            let length = file.read_from_start(&mut start).ok()?;
            length == 0 && may_begin && (user != 0 || !before.is_mounted())
                || files::strip_prefix(LINE_START.as_bytes(), &start).is_some()
        }
        libc::S_IFCHR => is_terminal(file.0),
        _ => true,
    };
    is_log.then_some(file)
}

/// Writes a line to standard error if that is the same file as at the start. Returns whether all of it was written.
fn append_to_standard_error(line: &[u8], origin: [usize; 2]) -> bool {
    const FLAGS: c_int = libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
    const ABOVE_STANDARD_STREAMS: c_int = 3;
    // A descriptor of our own, which no other thread closes and opens again meanwhile; if there is room for one.
    // SAFETY: numbers alone.
    let copy =
        unsafe { libc::syscall(libc::SYS_fcntl, libc::STDERR_FILENO, libc::F_DUPFD_CLOEXEC, ABOVE_STANDARD_STREAMS) };
    let copy = c_int::try_from(copy).ok().filter(|&copy| copy >= 0).map(File);
    let descriptor = copy.as_ref().map_or(libc::STDERR_FILENO, |copy| copy.0);
    let Some(status) = Status::of(descriptor, c"", libc::AT_EMPTY_PATH) else { return false };
    if !status.is_of(origin) {
        return false;
    }
    match status.kind() {
        libc::S_IFREG => write(descriptor, Way::Write, line),
        libc::S_IFSOCK => write(descriptor, Way::Send, line),
        libc::S_IFIFO => write(descriptor, Way::NoWait, line),
        libc::S_IFCHR if is_terminal(descriptor) => {
            // The descriptor may block, and others use it too: opened again, it does not. Not possible without /proc, and for the
            // terminal of another user.
            let mut path = files::FixedPath::new(b"/proc/self/fd/");
            match File::open_in(libc::AT_FDCWD, path.decimal(descriptor as usize).as_c_str(), FLAGS) {
                Some(terminal) => write(terminal.0, Way::Write, line),
                None => write(descriptor, Way::WaitAndWrite, line),
            }
        }
        _ => false,
    }
}

/// Returns whether a descriptor is that of a terminal, which has a size.
fn is_terminal(descriptor: c_int) -> bool {
    let mut size = [0u16; 4];
    // SAFETY: `size` is a struct winsize.
    unsafe { libc::syscall(libc::SYS_ioctl, descriptor, libc::TIOCGWINSZ as c_long, size.as_mut_ptr()) == 0 }
}

/// How a line is written, so that no call blocks.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// write(2) to a regular file or to a descriptor that does not block.
    Write,
    /// sendto(2).
    Send,
    /// pwritev2(2) to a pipe, which may be told not to wait since Linux 6.4; before, splice(2) from a pipe of our own.
    NoWait,
    /// write(2) where poll(2) says that there is room.
    WaitAndWrite,
}

/// Milliseconds that a line waits at most for room in a pipe, socket or terminal, however often.
const PATIENCE: c_long = 100;

/// Whether the last line has waited in vain: the next one waits for nothing.
static IS_STALLED: AtomicBool = AtomicBool::new(false);

/// Writes a line, as far as that is possible, without signals. Returns whether all of it was written.
fn write(descriptor: c_int, way: Way, mut rest: &[u8]) -> bool {
    const ATTEMPTS: u32 = 10;
    let signals = SignalsOfWrite::block();
    // The timespec of the system call ppoll has registers' width, whatever the width of time_t.
    let mut time = [0, if IS_STALLED.load(Ordering::Relaxed) { 0 } else { PATIENCE * 1_000_000 }];
    for _ in 0..ATTEMPTS {
        if way == Way::WaitAndWrite && !wait_for_room(descriptor, &mut time) {
            break;
        }
        match usize::try_from(write_once(descriptor, way, rest)) {
            Ok(written) => {
                rest = rest.get(written..).unwrap_or_default();
                IS_CUT.store(!rest.is_empty(), Ordering::Relaxed);
                if rest.is_empty() {
                    IS_STALLED.store(false, Ordering::Relaxed);
                    break;
                }
            }
            Err(_) => match errno::get() {
                libc::EINTR => {}
                libc::EAGAIN if wait_for_room(descriptor, &mut time) => {}
                error => {
                    signals.take(error);
                    break;
                }
            },
        }
    }
    rest.is_empty()
}

/// Returns how many bytes the kernel took, or a negative number, with errno.
fn write_once(descriptor: c_int, way: Way, line: &[u8]) -> c_long {
    let (start, length) = (line.as_ptr(), line.len());
    let nowhere = null::<u8>();
    // SAFETY: so many bytes can be read; there is room for two descriptors.
    unsafe {
        match way {
            Way::Write | Way::WaitAndWrite => libc::syscall(libc::SYS_write, descriptor, start, length),
            Way::Send => {
                const FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
                libc::syscall(libc::SYS_sendto, descriptor, start, length, FLAGS, nowhere, 0)
            }
            Way::NoWait => {
                const AT_ITS_END: usize = usize::MAX;
                let vector = libc::iovec { iov_base: start.cast_mut().cast(), iov_len: length };
                let written = libc::syscall(
                    libc::SYS_pwritev2,
                    descriptor,
                    &raw const vector,
                    1usize,
                    AT_ITS_END,
                    AT_ITS_END,
                    libc::RWF_NOWAIT as usize,
                );
                match errno::get() {
                    libc::EOPNOTSUPP | libc::ENOSYS | libc::EPERM if written < 0 => splice(descriptor, line),
                    _ => written,
                }
            }
        }
    }
}

/// Moves a line to a pipe without blocking, from one of our own: returns as [`write_once`].
fn splice(descriptor: c_int, line: &[u8]) -> c_long {
    let nowhere = null::<u8>();
    let mut ends: [c_int; 2] = [-1; 2];
    // SAFETY: there is room for two descriptors, and so many bytes can be read.
    unsafe {
        if libc::syscall(libc::SYS_pipe2, ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) != 0 {
            return -1;
        }
        let ends @ [reader, writer] = &ends.map(File);
        if ends.iter().any(|end| end.descriptor() <= libc::STDERR_FILENO as usize) {
            // The program closed one of the standard streams, and another thread might write to it all the same.
            return -1;
        }
        // No line is longer than what an empty pipe holds.
        libc::syscall(libc::SYS_write, writer.0, line.as_ptr(), line.len());
        const FLAGS: usize = libc::SPLICE_F_NONBLOCK as usize;
        libc::syscall(libc::SYS_splice, reader.0, nowhere, descriptor, nowhere, line.len(), FLAGS)
    }
}

/// Waits until there is room, for as much of the time as is left. Returns false if there is none.
fn wait_for_room(descriptor: c_int, time: &mut [c_long; 2]) -> bool {
    const INTERRUPTIONS: u32 = 10;
    let mut poll = libc::pollfd { fd: descriptor, events: libc::POLLOUT, revents: 0 };
    for _ in 0..INTERRUPTIONS {
        let nothing = null::<u8>();
        // SAFETY: one descriptor, and a time, of which the kernel leaves what has not passed.
        match unsafe { libc::syscall(libc::SYS_ppoll, &raw mut poll, 1usize, time.as_mut_ptr(), nothing, 0usize) } {
            1 => return true,
            -1 if errno::get() == libc::EINTR => {}
            _ => break,
        }
    }
    IS_STALLED.store(true, Ordering::Relaxed);
    false
}

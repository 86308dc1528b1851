//! The files in /proc of the process that a PID of move_pages(2) identifies.
//!
//! /proc may belong to another PID namespace than the calling process, so that the PID is that of another process there; and a new process may
//! get the PID while pages move. The process is therefore identified once, and its files are opened through a descriptor of its directory,
//! which never becomes the directory of another process.
//!
//! References: pidfd_open(2), pid_namespaces(7), proc_pid_status(5).

use crate::sys::errno;
use crate::sys::files::{File, FixedPath};
use crate::sys::pidfd::PidFd;
use crate::sys::process;
use crate::topology::Field;

/// Upper bound for the size of /proc/PID/status, as a number of reads.
const MAX_READS: usize = 1024;

/// Upper bound for the number of threads that are checked in a process whose first thread has ended.
const MAX_THREADS: usize = 64;

/// Upper bound for the number of searches for a living thread. A list of threads may lack living ones, because the kernel ends it at a thread that
/// ends meanwhile.
const MAX_SEARCHES: usize = 100;

/// A process that is identified by its directory in /proc, by a pidfd, or both.
pub enum ProcHandle {
    /// The calling process.
    Current,
    /// A process with this directory in /proc, and a pidfd if the kernel has pidfds.
    Visible(File, Option<PidFd>),
    /// A process that /proc does not show, by its pidfd.
    Hidden(PidFd),
    /// A process that could not be identified: it has only a PID.
    Unknown,
}

impl ProcHandle {
    /// Identifies the process or thread with this PID in the caller's PID namespace (0: the calling one).
    pub fn find(pid: i32) -> ProcHandle {
        let (own_pid, own_tid) = process::ids();
        if pid == 0 || pid == own_pid || pid == own_tid || process::is_own_thread(own_pid, pid) {
            return ProcHandle::Current;
        }
        let Ok(pidfd) = PidFd::open(pid) else {
            let directory = if proc_is_of_own_namespace() { directory(pid) } else { None };
            return directory.map_or(ProcHandle::Unknown, |directory| ProcHandle::Visible(directory, None));
        };
        match pid_in_proc(&pidfd).and_then(directory) {
            // If it has ended, the directory may be that of another process.
            Some(directory) if !pidfd.has_ended() => ProcHandle::Visible(directory, Some(pidfd)),
            _ => ProcHandle::Hidden(pidfd),
        }
    }

    /// Opens a file of the process in /proc. Returns `None` if /proc does not show it to this user.
    pub fn open_file(&self, name: &[u8]) -> Option<File> {
        match self {
            ProcHandle::Current => open_own(name),
            ProcHandle::Visible(directory, _) => File::open(FixedPath::inside(directory).text(name)),
            ProcHandle::Hidden(_) | ProcHandle::Unknown => None,
        }
    }

    /// Calls `work` with the directory of a thread that has not ended, until it returns true: threads may end and start meanwhile. If the first
    /// thread of a process has ended, maps and pagemap in the directory of the process are empty.
    #[inline(never)]
    pub fn with_living_thread(&self, work: &mut dyn FnMut(FixedPath<'_>) -> bool) {
        for _ in 0..MAX_SEARCHES {
            if self.living_thread().is_some_and(&mut *work) {
                break;
            }
        }
    }

    /// Returns the directory of a thread that has not ended.
    fn living_thread(&self) -> Option<FixedPath<'_>> {
        let ProcHandle::Visible(directory, _) = self else { return None };
        let mut thread = FixedPath::inside(directory);
        let (mut is_alive, mut threads) = (false, 0);
        File::open(thread.clone().text(b"task"))?.for_each_name(&mut |name| {
            thread = FixedPath::inside(directory);
            thread.text(b"task/").text(name).text(b"/");
            is_alive = name.first() != Some(&b'.') && has_memory(thread.clone());
            threads += 1;
            !is_alive && threads < MAX_THREADS
        });
        is_alive.then_some(thread)
    }

    /// Opens a file in the directory of a thread that has not ended.
    pub fn open_file_of_living_thread(&self, name: &[u8]) -> Option<File> {
        let mut file = None;
        self.with_living_thread(&mut |mut thread| {
            file = File::open(thread.text(name));
            file.is_some()
        });
        file
    }

    /// Returns the PID or TID to use for move_pages(2) after a call with `pid` failed with EINVAL: 0 for the calling process, otherwise the TID of
    /// a living thread, which may end at any time. It is `pid` if that was not the cause of the error. Returns ESRCH if the process is a
    /// zombie, EINVAL if it has no living thread.
    #[inline(never)]
    pub fn pid_for_calls(&self, pid: i32) -> Result<i32, i32> {
        if self.is_current() && pid != 0 {
            return Ok(0);
        }
        if self.has_ended() {
            return Err(errno::ESRCH);
        }
        // NSpid lists the PIDs from the PID namespace of /proc inwards (since Linux 4.1).
        let skipped = own_namespaces().map_or(usize::MAX, |levels| levels.saturating_sub(1));
        let mut tid = None;
        self.with_living_thread(&mut |mut thread| {
            let status = File::open(thread.text(b"status"));
            // The file says 0 if the thread has ended meanwhile; that would be the calling process.
            tid = status.and_then(|status| number_of(&status, b"NSpid:", skipped)).filter(|&tid| tid > 0);
            tid.is_some()
        });
        tid.ok_or(errno::EINVAL)
    }

    /// Returns whether the process is known to have ended, even if it is a zombie. Its PID may be that of another process then.
    #[inline(never)]
    pub fn has_ended(&self) -> bool {
        match self {
            ProcHandle::Current | ProcHandle::Unknown => false,
            ProcHandle::Visible(directory, None) => !directory.has_entry(c"stat"),
            // A pidfd may report this too early if a thread other than the first executes a program.
            ProcHandle::Visible(directory, Some(pidfd)) => {
                pidfd.has_ended() && !has_memory(FixedPath::inside(directory))
            }
            ProcHandle::Hidden(pidfd) => pidfd.has_ended(),
        }
    }

    /// Returns whether this is the calling process.
    pub fn is_current(&self) -> bool {
        matches!(self, ProcHandle::Current)
    }
}

/// Opens a file of the calling thread. The files in /proc/self are those of the first thread, which may have ended.
#[inline(never)]
fn open_own(name: &[u8]) -> Option<File> {
    // Linux before 3.17 has no /proc/thread-self.
    File::open(FixedPath::new(b"/proc/thread-self/").text(name)).or_else(|| {
        let tid = process::ids().1 as usize;
        File::open(FixedPath::new(b"/proc/self/task/").decimal(tid).text(b"/").text(name))
    })
}

/// Returns whether the ioctl PAGEMAP_SCAN works, by scanning no address.
pub fn has_pagemap_scan() -> bool {
    open_own(b"pagemap").is_some_and(|file| file.scan(0, 0, &mut [0; File::REGION], 0, false).is_ok())
}

/// Returns whether the thread with this directory has an address space.
fn has_memory(mut thread: FixedPath) -> bool {
    File::open(thread.text(b"maps")).is_some_and(|maps| matches!(maps.read(&mut [0]), Ok(1)))
}

/// Returns the number of nested PID namespaces from that of /proc to that of the calling process; ENOENT before Linux 4.1.
fn own_namespaces() -> Result<usize, i32> {
    let status = open_own(b"status").ok_or(errno::EIO)?;
    let mut words = Words::default();
    match read_field(&status, b"NSpid:", &mut |value| words.feed(value)) {
        Ok(true) => Ok(words.count),
        Ok(false) => Err(errno::ENOENT),
        Err(error) => Err(error),
    }
}

/// Opens the directory of the process with this PID in the PID namespace of /proc.
fn directory(pid: i32) -> Option<File> {
    File::open_directory(FixedPath::new(b"/proc/").decimal(usize::try_from(pid).ok()?))
}

/// Opens what the kernel says about a file descriptor of the calling thread.
fn open_fdinfo(descriptor: usize) -> Option<File> {
    let mut name = FixedPath::new(b"fdinfo/");
    open_own(name.decimal(descriptor).as_c_str().to_bytes())
}

/// Returns the PID of a process in the PID namespace of /proc.
fn pid_in_proc(pidfd: &PidFd) -> Option<i32> {
    let file = open_fdinfo(pidfd.descriptor())?;
    // The file says -1 or 0 if /proc does not show the process.
    number_of(&file, b"Pid:", 0).filter(|&pid| pid > 0)
}

/// Returns the PID, in the PID namespace of the caller, of the process that a descriptor of pidfd_open(2) refers to.
///
/// Errors are errnos: EBADF if the descriptor is not open, EINVAL if it is not that of a process, ESRCH if the process has ended or has no PID
/// in the caller's PID namespace, ENOENT if /proc is not mounted.
pub fn pid_of_descriptor(descriptor: i32) -> Result<i32, i32> {
    let descriptor = usize::try_from(descriptor).map_err(|_| errno::EBADF)?;
    let levels = own_namespaces().map_err(|_| errno::ENOENT)?;
    let info = open_fdinfo(descriptor).ok_or(errno::EBADF)?;
    if !read_field(&info, b"Pid:", &mut |_| {})? {
        return Err(errno::EINVAL);
    }
    // As in pid_for_calls(): the first PID is that in the namespace of /proc.
    let numbers = |name, skipped| open_fdinfo(descriptor).and_then(|info| number_of(&info, name, skipped));
    let pid = if levels == 1 { numbers(b"Pid:", 0) } else { numbers(b"NSpid:", levels.saturating_sub(1)) };
    let pid = pid.filter(|&pid| pid > 0).ok_or(errno::ESRCH)?;
    // In a namespace that is not an ancestor of the process, the PID is that of another one.
    if levels > 1 && PidFd::open(pid).ok().and_then(|pidfd| pid_in_proc(&pidfd)) != numbers(b"Pid:", 0) {
        return Err(errno::ESRCH);
    }
    Ok(pid)
}

/// Returns whether /proc belongs to the PID namespace of the calling process.
fn proc_is_of_own_namespace() -> bool {
    match own_namespaces() {
        Ok(levels) => return levels == 1,
        Err(errno::ENOENT) => {}
        Err(_) => return false,
    }
    // Linux before 4.1 has no NSpid. In another namespace, both numbers could only be equal by chance.
    let number = |name: &[u8]| open_own(b"status").and_then(|status| number_of(&status, name, 0));
    number(b"Tgid:") == Some(process::ids().0) && number(b"PPid:") == Some(process::parent())
}

/// Calls `each` with the parts of a field's value. Returns whether the file has the field, or the errno of a failed read(2).
pub fn read_field(file: &File, name: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<bool, i32> {
    let mut field = Field::new(0, name);
    let mut chunk = [0; 1024];
    for _ in 0..MAX_READS {
        let length = file.read(&mut chunk)?;
        each(field.feed(chunk.get(..length).unwrap_or_default()).0);
        if length == 0 || field.done() {
            break;
        }
    }
    Ok(field.done())
}

/// Returns the number in a field that follows `skipped` other numbers.
#[inline(never)]
fn number_of(file: &File, name: &[u8], skipped: usize) -> Option<i32> {
    let mut words = Words { wanted: skipped, ..Words::default() };
    let has_field = read_field(file, name, &mut |value| words.feed(value));
    if has_field == Ok(true) { words.number } else { None }
}

/// Counts the words of a text that is read in parts, and parses one of them as a decimal number.
#[derive(Default)]
struct Words {
    count: usize,
    inside: bool,
    /// The index of the word to parse.
    wanted: usize,
    /// The number; `None` if there is no such word or it does not fit in an i32.
    number: Option<i32>,
}

impl Words {
    fn feed(&mut self, text: &[u8]) {
        for &byte in text {
            let blank = byte == b' ' || byte == b'\t';
            if !blank && !self.inside {
                self.count += 1;
                self.number = if self.count == self.wanted + 1 { Some(0) } else { self.number };
            }
            self.inside = !blank;
            if !blank && self.count == self.wanted + 1 {
                let digit = Some(i32::from(byte.wrapping_sub(b'0'))).filter(|&digit| digit < 10);
                self.number = self.number.and_then(|number| number.checked_mul(10)?.checked_add(digit?));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::ops::PresentPages;
    use crate::sys::testing::MemoryFile;

    fn words(pieces: &[&str]) -> (usize, Option<i32>) {
        let mut words = Words::default();
        pieces.iter().for_each(|piece| words.feed(piece.as_bytes()));
        (words.count, words.number)
    }

    #[test]
    fn words_are_counted_across_the_parts_of_a_text() {
        assert_eq!(words(&["\t20293"]), (1, Some(20293)));
        assert_eq!(words(&["\t20", "293\t1"]), (2, Some(20293)));
        assert_eq!(words(&["\t1\t", "2", "\t3"]), (3, Some(1)));
        assert_eq!(words(&["\t-1"]), (1, None));
        assert_eq!(words(&["\t99999999999"]), (1, None));
        assert_eq!(words(&["", " "]), (0, None));
    }

    #[test]
    fn a_field_is_found_after_lines_of_any_length() {
        let groups = "4294967295 ".repeat(5000);
        let text = format!("Pid:\t7\nGroups:\t{groups}\nNSpid:\t20293\t17\n");
        let file = || File::open(&MemoryFile::holding(text.as_bytes()).path()).unwrap();
        assert_eq!(number_of(&file(), b"NSpid:", 0), Some(20293));
        assert_eq!(number_of(&file(), b"NSpid:", 1), Some(17));
        assert_eq!(number_of(&file(), b"NSpid:", 2), None);
        assert_eq!(number_of(&file(), b"Pid:", 0), Some(7));
        assert_eq!(number_of(&file(), b"untag_mask:", 0), None);
    }

    #[test]
    fn a_handle_opens_the_files_of_its_own_process() {
        let tgid = |handle: &ProcHandle| number_of(&handle.open_file(b"status").unwrap(), b"Tgid:", 0);
        let own = std::process::id() as i32;
        for pid in [0, own, process::ids().1] {
            assert_eq!(tgid(&ProcHandle::find(pid)), Some(own));
        }
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let handle = ProcHandle::find(child.id() as i32);
        assert!(matches!(handle, ProcHandle::Visible(..)) && !handle.has_ended());
        assert_eq!(tgid(&handle), Some(child.id() as i32));
        let is_alive = |handle: &ProcHandle| handle.open_file_of_living_thread(b"status").is_some();
        let was_alive = is_alive(&handle);
        let pid = handle.pid_for_calls(child.id() as i32);
        child.kill().unwrap();
        assert_eq!(pid, Ok(child.id() as i32));
        assert!(was_alive);
        // SAFETY: `information` can be written, and all zeros is a valid value.
        unsafe {
            let mut information = std::mem::zeroed::<libc::siginfo_t>();
            let options = libc::WEXITED | libc::WNOWAIT;
            assert_eq!(libc::waitid(libc::P_PID, child.id(), &raw mut information, options), 0);
        }
        for handle in [&handle, &ProcHandle::find(child.id() as i32)] {
            assert!(handle.has_ended() && !is_alive(handle));
            assert_eq!(handle.pid_for_calls(child.id() as i32), Err(errno::ESRCH));
        }
        child.wait().unwrap();
        assert!(handle.has_ended() && handle.open_file(b"status").is_none());
        assert!(matches!(ProcHandle::find(child.id() as i32), ProcHandle::Unknown));
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_pidfd_has_the_pid_of_its_process_until_that_has_ended() {
        let own = std::process::id() as i32;
        let descriptor = |pidfd: &PidFd| pid_of_descriptor(pidfd.descriptor() as i32);
        assert_eq!(descriptor(&PidFd::open(own).unwrap()), Ok(own));
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pidfd = PidFd::open(child.id() as i32).unwrap();
        assert_eq!(descriptor(&pidfd), Ok(child.id() as i32));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(descriptor(&pidfd), Err(errno::ESRCH));
        let other = File::open(&FixedPath::new(b"/proc/self/status")).unwrap();
        assert_eq!(pid_of_descriptor(other.descriptor() as i32), Err(errno::EINVAL));
        assert_eq!([-1, i32::MIN, i32::MAX].map(pid_of_descriptor), [Err(errno::EBADF); 3]);
    }

    extern "C" fn pause_forever(_: *mut libc::c_void) -> *mut libc::c_void {
        loop {
            // SAFETY: no conditions.
            unsafe { libc::pause() };
        }
    }

    /// Starts a process whose first thread ends while another one continues. Returns its PID.
    fn start_without_first_thread() -> i32 {
        // SAFETY: the child calls no function that takes locks of other threads. exit(2) ends its first thread only.
        unsafe {
            let pid = libc::fork();
            if pid == 0 {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                let mut thread = std::mem::zeroed();
                libc::pthread_create(&raw mut thread, std::ptr::null(), pause_forever, std::ptr::null_mut());
                libc::syscall(libc::SYS_exit, 0);
            }
            pid
        }
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn the_memory_of_a_process_whose_first_thread_has_ended_is_that_of_another_thread() {
        let pid = start_without_first_thread();
        assert!(pid > 0);
        let handle = ProcHandle::find(pid);
        while handle.pid_for_calls(pid) == Ok(pid) {
            std::thread::yield_now();
        }
        assert!(!handle.has_ended());
        let status = || handle.open_file_of_living_thread(b"status").unwrap();
        let tid = handle.pid_for_calls(pid).unwrap();
        assert_ne!(tid, pid);
        assert_eq!((number_of(&status(), b"Tgid:", 0), number_of(&status(), b"Pid:", 0)), (Some(pid), Some(tid)));

        let bits = crate::sys::memory::page_size().trailing_zeros();
        let mut walk = crate::migrate::page_walk::PageWalk::new(&handle, 0, usize::MAX, bits, (0, 0)).unwrap();
        let (mut count, mut pages, mut scratch) = (0, [0; 100], [0; 300]);
        while !walk.is_done() {
            count += walk.fill(&mut pages, usize::MAX, &mut scratch);
        }
        assert!(count > 10 && !walk.is_mm_gone() && walk.error() == 0);
        let mut states = [crate::migrate::page_state::PageState::Unknown; 1];
        let code = the_memory_of_a_process_whose_first_thread_has_ended_is_that_of_another_thread as fn() as usize;
        crate::migrate::page_state::page_states(&handle, &[code, usize::MAX], bits, &mut states);
        assert_ne!(states, [crate::migrate::page_state::PageState::Unknown]);

        // SAFETY: numbers, and an address that can be written or is NULL.
        unsafe {
            libc::kill(pid, libc::SIGKILL);
            libc::waitpid(pid, std::ptr::null_mut(), 0);
        }
        assert!(walk.is_mm_gone() && handle.has_ended());
        assert_eq!(handle.pid_for_calls(pid), Err(errno::ESRCH));
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn threads_are_searched_again_when_one_has_ended_meanwhile() {
        let folder = std::env::temp_dir().join(format!("numars-threads-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("task/7")).unwrap();
        let directory = File::open_directory(&FixedPath::new(folder.to_str().unwrap().as_bytes())).unwrap();
        let handle = ProcHandle::Visible(directory, None);
        let searches_until = |last| {
            let mut searches = 0;
            handle.with_living_thread(&mut |_| {
                searches += 1;
                searches == last
            });
            searches
        };
        assert_eq!(searches_until(1), 0, "no thread has memory");
        std::fs::write(folder.join("task/7/maps"), "a").unwrap();
        assert_eq!([searches_until(100), searches_until(0)], [100, MAX_SEARCHES]);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_thread_that_has_ended_is_not_mistaken_for_the_calling_process() {
        let folder = std::env::temp_dir().join(format!("numars-process-{}", std::process::id()));
        let thread = folder.join("task/7");
        std::fs::create_dir_all(&thread).unwrap();
        let write = |name: &str, text: &str| std::fs::write(thread.join(name), text).unwrap();
        let directory = File::open_directory(&FixedPath::new(folder.to_str().unwrap().as_bytes())).unwrap();
        std::fs::write(folder.join("stat"), "").unwrap();
        let handle = ProcHandle::Visible(directory, None);
        let numbers = |number| "\t".to_string() + &vec![number; own_namespaces().unwrap()].join("\t");
        write("status", &format!("Name:\ta\nNSpid:{}\n", numbers("9")));
        write("maps", "");
        assert_eq!(handle.pid_for_calls(5), Err(errno::EINVAL));
        write("maps", "1000-2000 r--p");
        assert_eq!(handle.pid_for_calls(5), Ok(9));
        write("status", &format!("Name:\ta\nNSpid:{}\n", numbers("0")));
        assert_eq!(handle.pid_for_calls(5), Err(errno::EINVAL));
        std::fs::remove_file(folder.join("stat")).unwrap();
        assert_eq!(handle.pid_for_calls(5), Err(errno::ESRCH));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_calling_process_is_addressed_by_zero() {
        assert_eq!(ProcHandle::Current.pid_for_calls(std::process::id() as i32), Ok(0));
        assert_eq!(ProcHandle::Current.pid_for_calls(0), Err(errno::EINVAL));
        assert_eq!(ProcHandle::Unknown.pid_for_calls(7), Err(errno::EINVAL));
    }

    #[test]
    fn proc_belongs_to_the_namespace_of_this_process() {
        assert!(proc_is_of_own_namespace());
    }
}

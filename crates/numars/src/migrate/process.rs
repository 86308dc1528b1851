//! The files in /proc about the process that move_pages(2) means by a PID.
//!
//! /proc may belong to another PID namespace than the caller, where the PID is another process's, and the PID may go to a new process
//! while pages move. So the process is identified first, and its files are opened by way of its directory, which never becomes
//! that of another process.

use crate::sys::errno;
use crate::sys::files::{File, FixedPath};
use crate::sys::pidfd::PidFd;
use crate::sys::process;
use crate::topology::Field;

/// Upper bound for the size of /proc/PID/status, as a number of reads.
const MAX_READS: usize = 1024;

/// Upper bound for the number of threads that are tried in a process whose first thread has ended.
const MAX_THREADS: usize = 64;

/// How often a thread that has not ended is looked for.
pub const MAX_SEARCHES: usize = 16;

/// What is known about the process.
pub enum ProcHandle {
    /// It is the calling one.
    Current,
    /// It has this directory in /proc. A descriptor tells whether it has ended, if the kernel has such descriptors.
    Visible(File, Option<PidFd>),
    /// /proc doesn't show it, but this tells whether it has ended.
    Hidden(PidFd),
    /// Nothing: its PID is all there is.
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
            // Otherwise the directory may be another process's.
            Some(directory) if !pidfd.has_ended() => ProcHandle::Visible(directory, Some(pidfd)),
            _ => ProcHandle::Hidden(pidfd),
        }
    }

    /// Opens a file about the process. Returns `None` if /proc doesn't show it to this user.
    pub fn open_file(&self, name: &[u8]) -> Option<File> {
        match self {
            ProcHandle::Current => open_own(name),
            ProcHandle::Visible(directory, _) => File::open(FixedPath::inside(directory).text(name)),
            ProcHandle::Hidden(_) | ProcHandle::Unknown => None,
        }
    }

    /// Returns the directory of a thread that has memory. Where the process's first thread has ended before the others, the files about
    /// memory in the process's own directory are empty.
    #[inline(never)]
    pub fn living_thread(&self) -> Option<FixedPath<'_>> {
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

    /// Returns the number by which move_pages(2) reaches the process's memory, after a call with `pid` failed with EINVAL: 0 for the calling
    /// process, the TID of a living thread for another one, which may end at any time. It is `pid` itself if that was not what was wrong.
    /// Errors are errnos: ESRCH if the process has ended but was not waited for, EINVAL if no thread is found.
    #[inline(never)]
    pub fn pid_for_calls(&self, pid: i32) -> Result<i32, i32> {
        if self.is_current() && pid != 0 {
            return Ok(0);
        }
        if self.has_ended() {
            return Err(errno::ESRCH);
        }
        // From the PID namespace of /proc inwards (since Linux 4.1).
        let skipped = own_namespaces().map_or(usize::MAX, |words| words.saturating_sub(1));
        let tid = || {
            let status = File::open(self.living_thread()?.text(b"status"))?;
            // 0, which would be the calling process, if it has ended meanwhile.
            number_of(&status, b"NSpid:", skipped).filter(|&tid| tid > 0)
        };
        // While threads are looked at, they may end, and others may begin.
        (0..MAX_SEARCHES).find_map(|_| tid()).ok_or(errno::EINVAL)
    }

    /// Returns true if the process is known to have ended, even if it was not waited for: from then on its PID may be another one's.
    #[inline(never)]
    pub fn has_ended(&self) -> bool {
        match self {
            ProcHandle::Current | ProcHandle::Unknown => false,
            ProcHandle::Visible(directory, None) => !directory.has_entry(c"stat"),
            // A descriptor may say so too early of a process of which a thread executes a program.
            ProcHandle::Visible(directory, Some(pidfd)) => {
                pidfd.has_ended() && !has_memory(FixedPath::inside(directory))
            }
            ProcHandle::Hidden(pidfd) => pidfd.has_ended(),
        }
    }

    pub fn is_current(&self) -> bool {
        matches!(self, ProcHandle::Current)
    }
}

/// Opens a file about the calling process. That of its first thread, /proc/self, has no memory any more if that thread has ended.
#[inline(never)]
fn open_own(name: &[u8]) -> Option<File> {
    // Before Linux 3.17 there is only the second.
    File::open(FixedPath::new(b"/proc/thread-self/").text(name)).or_else(|| {
        let tid = process::ids().1 as usize;
        File::open(FixedPath::new(b"/proc/self/task/").decimal(tid).text(b"/").text(name))
    })
}

/// Returns true if the thread with this directory has memory.
fn has_memory(mut thread: FixedPath) -> bool {
    File::open(thread.text(b"maps")).is_some_and(|maps| matches!(maps.read(&mut [0]), Ok(1)))
}

/// The number of PID namespaces from that of /proc to the caller's; fails with ENOENT where /proc doesn't show that (before Linux 4.1).
fn own_namespaces() -> Result<usize, i32> {
    let status = open_own(b"status").ok_or(errno::EIO)?;
    let mut words = Words::default();
    match read_field(&status, b"NSpid:", &mut |value| words.feed(value)) {
        Ok(true) => Ok(words.count),
        Ok(false) => Err(errno::ENOENT),
        Err(error) => Err(error),
    }
}

/// The directory of the process that has this PID in the PID namespace of /proc.
fn directory(pid: i32) -> Option<File> {
    File::open_directory(FixedPath::new(b"/proc/").decimal(usize::try_from(pid).ok()?))
}

/// The PID by which /proc knows the process.
fn pid_in_proc(pidfd: &PidFd) -> Option<i32> {
    let mut name = FixedPath::new(b"fdinfo/");
    let file = open_own(name.decimal(pidfd.descriptor()).as_c_str().to_bytes())?;
    // -1 or 0 where it doesn't show it.
    number_of(&file, b"Pid:", 0).filter(|&pid| pid > 0)
}

/// Returns true if the PIDs in /proc are those of the caller's PID namespace.
fn proc_is_of_own_namespace() -> bool {
    match own_namespaces() {
        Ok(words) => return words == 1,
        Err(errno::ENOENT) => {}
        Err(_) => return false,
    }
    // Linux before 4.1 doesn't say. In another namespace both would have to be the same by chance.
    let number = |name: &[u8]| open_own(b"status").and_then(|status| number_of(&status, name, 0));
    number(b"Tgid:") == Some(process::ids().0) && number(b"PPid:") == Some(process::parent())
}

/// Finds a field of a file of lines, and hands on its value. Returns whether it was there, or the errno of a failed read(2).
pub fn read_field(file: &File, name: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<bool, i32> {
    let mut field = Field::new(0, name);
    let mut chunk = [0; 1024];
    for _ in 0..MAX_READS {
        let length = file.read(&mut chunk)?;
        field.feed(chunk.get(..length).unwrap_or_default(), &mut *each);
        if length == 0 || field.done() {
            break;
        }
    }
    Ok(field.done())
}

/// The number of a field that follows `skipped` others.
#[inline(never)]
fn number_of(file: &File, name: &[u8], skipped: usize) -> Option<i32> {
    let mut words = Words { wanted: skipped, ..Words::default() };
    let has_field = read_field(file, name, &mut |value| words.feed(value));
    if has_field == Ok(true) { words.number } else { None }
}

/// Counts the words of a text that comes in pieces, and reads one of them as a decimal number.
#[derive(Default)]
struct Words {
    count: usize,
    inside: bool,
    /// The index of the word to read.
    wanted: usize,
    /// The number; `None` if there is no such word, or an i32 can't hold it.
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
    use crate::sys::testing::MemoryFile;

    fn words(pieces: &[&str]) -> (usize, Option<i32>) {
        let mut words = Words::default();
        pieces.iter().for_each(|piece| words.feed(piece.as_bytes()));
        (words.count, words.number)
    }

    #[test]
    fn numbers_of_namespaces_are_counted_across_pieces() {
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
    fn the_files_of_this_process_and_of_a_child_are_their_own() {
        let tgid = |handle: &ProcHandle| number_of(&handle.open_file(b"status").unwrap(), b"Tgid:", 0);
        let own = std::process::id() as i32;
        for pid in [0, own, process::ids().1] {
            assert_eq!(tgid(&ProcHandle::find(pid)), Some(own));
        }
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let handle = ProcHandle::find(child.id() as i32);
        assert!(matches!(handle, ProcHandle::Visible(..)) && !handle.has_ended());
        assert_eq!(tgid(&handle), Some(child.id() as i32));
        let thread = handle.living_thread();
        let pid = handle.pid_for_calls(child.id() as i32);
        child.kill().unwrap();
        assert_eq!(pid, Ok(child.id() as i32));
        assert!(thread.is_some());
        // SAFETY: `information` can be written, and all zeros is a valid value.
        unsafe {
            let mut information = std::mem::zeroed::<libc::siginfo_t>();
            let options = libc::WEXITED | libc::WNOWAIT;
            assert_eq!(libc::waitid(libc::P_PID, child.id(), &raw mut information, options), 0);
        }
        for handle in [&handle, &ProcHandle::find(child.id() as i32)] {
            assert!(handle.has_ended() && handle.living_thread().is_none());
            assert_eq!(handle.pid_for_calls(child.id() as i32), Err(errno::ESRCH));
        }
        child.wait().unwrap();
        assert!(handle.has_ended() && handle.open_file(b"status").is_none());
        assert!(matches!(ProcHandle::find(child.id() as i32), ProcHandle::Unknown));
    }

    extern "C" fn wait_for_ever(_: *mut libc::c_void) -> *mut libc::c_void {
        loop {
            // SAFETY: no conditions.
            unsafe { libc::pause() };
        }
    }

    /// Starts a process whose first thread ends, and which has another one. Returns its PID.
    fn start_without_first_thread() -> i32 {
        // SAFETY: the child calls nothing that needs what other threads may have locked. exit(2) ends its first thread alone.
        unsafe {
            let pid = libc::fork();
            if pid == 0 {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                let mut thread = std::mem::zeroed();
                libc::pthread_create(&raw mut thread, std::ptr::null(), wait_for_ever, std::ptr::null_mut());
                libc::syscall(libc::SYS_exit, 0);
            }
            pid
        }
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_process_whose_first_thread_has_ended_has_the_memory_of_another_thread() {
        let pid = start_without_first_thread();
        assert!(pid > 0);
        let handle = ProcHandle::find(pid);
        while handle.pid_for_calls(pid) == Ok(pid) {
            std::thread::yield_now();
        }
        assert!(!handle.has_ended());
        let status = || File::open(handle.living_thread().unwrap().text(b"status")).unwrap();
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
        let code = a_process_whose_first_thread_has_ended_has_the_memory_of_another_thread as fn() as usize;
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
    fn a_thread_that_has_no_number_any_more_is_not_taken_for_the_calling_process() {
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
    fn the_calling_process_is_reached_by_zero() {
        assert_eq!(ProcHandle::Current.pid_for_calls(std::process::id() as i32), Ok(0));
        assert_eq!(ProcHandle::Current.pid_for_calls(0), Err(errno::EINVAL));
        assert_eq!(ProcHandle::Unknown.pid_for_calls(7), Err(errno::EINVAL));
    }

    #[test]
    fn this_proc_is_of_the_own_namespace() {
        assert!(proc_is_of_own_namespace());
    }
}

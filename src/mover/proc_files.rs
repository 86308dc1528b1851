//! The files in /proc about the process that move_pages(2) means by a PID.
//!
//! /proc may belong to another PID namespace than the caller, where the PID is another process's, and the PID may go to a new process
//! while pages move. So the process is identified first, and its files are opened by way of its directory, which never becomes
//! that of another process.

use crate::os::files::{File, Path};
use crate::os::pidfd::PidFd;
use crate::os::process;
use crate::topology::Field;

/// Upper bound for the size of /proc/PID/status, as a number of reads.
const MAX_READS: usize = 1024;

/// What is known about the process.
pub enum ProcFiles {
    /// It is the calling one.
    Own,
    /// It has this directory in /proc.
    Directory(File),
    /// /proc doesn't show it, but this tells whether it has ended.
    Hidden(PidFd),
    /// Nothing: its PID is all there is.
    Unknown,
}

impl ProcFiles {
    /// Identifies the process or thread with this PID in the caller's PID namespace (0: the calling one).
    pub fn of(pid: i32) -> ProcFiles {
        let (own_pid, own_tid) = process::ids();
        if pid == 0 || pid == own_pid || pid == own_tid {
            return ProcFiles::Own;
        }
        let Ok(pidfd) = PidFd::open(pid) else {
            let directory = if proc_is_of_own_namespace() { directory(pid) } else { None };
            return directory.map_or(ProcFiles::Unknown, ProcFiles::Directory);
        };
        let directory = pid_in_proc(&pidfd).and_then(directory);
        if pidfd.has_ended() {
            // The directory may be another process's.
            return ProcFiles::Unknown;
        }
        directory.map_or(ProcFiles::Hidden(pidfd), ProcFiles::Directory)
    }

    /// Opens a file about the process. Returns `None` if /proc doesn't show it to this user.
    pub fn open(&self, name: &[u8]) -> Option<File> {
        match self {
            ProcFiles::Own => open_own(name),
            ProcFiles::Directory(directory) => File::open(Path::inside(directory).text(name)),
            ProcFiles::Hidden(_) | ProcFiles::Unknown => None,
        }
    }

    /// Returns true if the process is known to have ended, so that its PID may be another one's.
    #[inline(never)]
    pub fn has_ended(&self) -> bool {
        match self {
            ProcFiles::Own | ProcFiles::Unknown => false,
            ProcFiles::Directory(directory) => !directory.has_entry(c"stat"),
            ProcFiles::Hidden(pidfd) => pidfd.has_ended(),
        }
    }

    pub fn is_own(&self) -> bool {
        matches!(self, ProcFiles::Own)
    }
}

/// Opens a file about the calling process. That of its first thread, /proc/self, has no memory any more if that thread has ended.
#[inline(never)]
fn open_own(name: &[u8]) -> Option<File> {
    let own = |directory: &[u8]| File::open(Path::new(directory).text(name));
    // Before Linux 3.17 there is only the second.
    own(b"/proc/thread-self/").or_else(|| own(b"/proc/self/"))
}

/// The directory of the process that has this PID in the PID namespace of /proc.
fn directory(pid: i32) -> Option<File> {
    File::open_directory(Path::new(b"/proc/").decimal(usize::try_from(pid).ok()?))
}

/// The PID by which /proc knows the process.
fn pid_in_proc(pidfd: &PidFd) -> Option<i32> {
    let mut name = Path::new(b"fdinfo/");
    let file = open_own(name.decimal(pidfd.descriptor()).as_c_str().to_bytes())?;
    // -1 or 0 where it doesn't show it.
    first_number(&file, b"Pid:").filter(|&pid| pid > 0)
}

/// Returns true if the PIDs in /proc are those of the caller's PID namespace.
fn proc_is_of_own_namespace() -> bool {
    let Some(status) = open_own(b"status") else { return false };
    let mut levels = Words::default();
    match read_field(&status, b"NSpid:", &mut |value| levels.feed(value)) {
        // One for each namespace, from that of /proc to that of the process.
        Ok(true) => return levels.count == 1,
        Ok(false) => {}
        Err(_) => return false,
    }
    // Linux before 4.1 doesn't say. In another namespace both would have to be the same by chance.
    let number = |name: &[u8]| open_own(b"status").and_then(|status| first_number(&status, name));
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

/// The first number of a field.
#[inline(never)]
fn first_number(file: &File, name: &[u8]) -> Option<i32> {
    let mut words = Words::default();
    let has_field = read_field(file, name, &mut |value| words.feed(value));
    if has_field == Ok(true) { words.first } else { None }
}

/// Counts the decimal numbers of a text that comes in pieces.
#[derive(Default)]
struct Words {
    count: usize,
    inside: bool,
    /// The first of them; `None` if it is not a number that an i32 can hold.
    first: Option<i32>,
}

impl Words {
    fn feed(&mut self, text: &[u8]) {
        for &byte in text {
            let blank = byte == b' ' || byte == b'\t';
            if !blank && !self.inside {
                self.count += 1;
                self.first = if self.count == 1 { Some(0) } else { self.first };
            }
            self.inside = !blank;
            if !blank && self.count == 1 {
                let digit = Some(i32::from(byte.wrapping_sub(b'0'))).filter(|&digit| digit < 10);
                self.first = self.first.and_then(|number| number.checked_mul(10)?.checked_add(digit?));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::testing::MemoryFile;

    fn words(pieces: &[&str]) -> (usize, Option<i32>) {
        let mut words = Words::default();
        pieces.iter().for_each(|piece| words.feed(piece.as_bytes()));
        (words.count, words.first)
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
        assert_eq!(first_number(&file(), b"NSpid:"), Some(20293));
        assert_eq!(first_number(&file(), b"Pid:"), Some(7));
        assert_eq!(first_number(&file(), b"untag_mask:"), None);
    }

    #[test]
    fn the_files_of_this_process_and_of_a_child_are_their_own() {
        let tgid = |files: &ProcFiles| first_number(&files.open(b"status").unwrap(), b"Tgid:");
        let own = std::process::id() as i32;
        for pid in [0, own, process::ids().1] {
            assert_eq!(tgid(&ProcFiles::of(pid)), Some(own));
        }
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let files = ProcFiles::of(child.id() as i32);
        assert!(matches!(files, ProcFiles::Directory(_)) && !files.has_ended());
        assert_eq!(tgid(&files), Some(child.id() as i32));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(files.has_ended() && files.open(b"status").is_none());
        assert!(matches!(ProcFiles::of(child.id() as i32), ProcFiles::Unknown));
    }

    #[test]
    fn this_proc_is_of_the_own_namespace() {
        assert!(proc_is_of_own_namespace());
    }
}

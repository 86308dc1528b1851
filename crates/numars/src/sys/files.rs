//! Reading the kernel's files piece by piece, without allocating.

use super::errno::{self, preserve_errno};
use super::{memory, process};
use crate::nodestring::skip_blanks;
use crate::radix::{DECIMAL, HEXADECIMAL, write_radix};
use core::ffi::{CStr, c_char, c_int};
use core::mem::MaybeUninit;
use core::num::NonZeroU64;
use core::num::NonZeroUsize;
use core::slice;
use once_cell::race::OnceNonZeroUsize;

/// Small enough for a thread or signal handler with a 16 KiB stack, large enough to read /proc/self/status at once.
pub const CHUNK: usize = 2048;

/// An open file. Its calls leave errno untouched, and by way of syscall(2) a thread that is cancelled does not end in them, which
/// would keep the file open.
pub struct File(pub(super) c_int);

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the descriptor was opened by `open` and is closed once.
        preserve_errno(|| unsafe { libc::syscall(libc::SYS_close, self.0) });
    }
}

impl File {
    /// Opens the file at `path` for reading.
    ///
    /// That never waits: a FIFO in its place has nothing to read.
    #[inline(never)]
    pub fn open(path: &FixedPath) -> Option<File> {
        File::open_in(path.folder_descriptor(), path.as_c_str(), libc::O_RDONLY | libc::O_NONBLOCK)
    }

    /// Opens the directory at `path` as a place to look up other paths in; it can't be read.
    pub fn open_directory(path: &FixedPath) -> Option<File> {
        File::open_in(path.folder_descriptor(), path.as_c_str(), libc::O_PATH | libc::O_DIRECTORY)
    }

    /// The number of the file descriptor.
    pub fn descriptor(&self) -> usize {
        self.0 as usize
    }

    /// Returns false if the kernel says that this directory has no entry `name`.
    pub fn has_entry(&self, name: &CStr) -> bool {
        preserve_errno(|| {
            // SAFETY: `name` is a NUL-terminated string.
            let result = unsafe { libc::syscall(libc::SYS_faccessat, self.0, name.as_ptr(), libc::F_OK) };
            result == 0 || !matches!(errno::get(), libc::ENOENT | libc::ESRCH)
        })
    }

    /// Opens a file with the flags of openat(2). A `path` that does not begin with a slash begins in `folder`.
    pub(super) fn open_in(folder: c_int, path: &CStr, flags: c_int) -> Option<File> {
        /// Of a file that is made: its owner alone may read and write it.
        const MODE: c_int = 0o600;
        // SAFETY: `path` is a NUL-terminated string.
        let descriptor = preserve_errno(|| unsafe {
            libc::syscall(libc::SYS_openat, folder, path.as_ptr(), flags | libc::O_CLOEXEC, MODE)
        });
        c_int::try_from(descriptor).ok().filter(|&descriptor| descriptor >= 0).map(File)
    }

    /// Opens a file or folder that describes the machine: where there is [`fsroot`], the one of that name below it, if
    /// [it is to be trusted](Status::is_trusted), unless it is something that the kernel has in no such place, such as a device.
    pub fn open_of_machine(path: &FixedPath) -> Option<File> {
        let Some(root) = fsroot() else { return File::open(path) };
        let top;
        let (folder, name) = if let Some(folder) = path.folder {
            (folder.0, path.as_c_str())
        } else {
            top = open_root(root)?;
            // Without the slash that it begins with.
            (top.0, path.as_c_str_from(1))
        };
        let status = Status::of(folder, name, 0)?;
        (status.is_trusted() && matches!(status.kind(), libc::S_IFREG | libc::S_IFDIR))
            .then(|| status.open(folder, name, libc::O_RDONLY | libc::O_NONBLOCK))?
    }

    /// Reads what comes next: returns the number of bytes, 0 at the end, or an errno.
    pub fn read(&self, to: &mut [u8]) -> Result<usize, c_int> {
        preserve_errno(|| {
            loop {
                // SAFETY: `to` is writable for its length.
                let got = unsafe { libc::syscall(libc::SYS_read, self.0, to.as_mut_ptr(), to.len()) };
                match usize::try_from(got) {
                    Ok(got) => return Ok(got),
                    Err(_) if errno::get() == libc::EINTR => {}
                    Err(_) => return Err(errno::get()),
                }
            }
        })
    }

    /// Has [`File::read`] continue at the start of the file. Errors are errnos.
    pub fn rewind(&self) -> Result<(), c_int> {
        // SAFETY: numbers alone.
        preserve_errno(|| match unsafe { libc::syscall(libc::SYS_lseek, self.0, 0usize, libc::SEEK_SET) } {
            0 => Ok(()),
            _ => Err(errno::get()),
        })
    }

    /// Calls `each` with the name of every entry of a directory, including `.` and `..`, until it returns false. Does nothing if the
    /// directory cannot be read.
    pub fn for_each_name(&self, each: &mut dyn FnMut(&[u8]) -> bool) {
        /// struct linux_dirent64: an inode and an offset, the length of the entry, its type, its name and a NUL.
        const LENGTH: usize = 16;
        const NAME: usize = 19;
        // One entry has at most 280 bytes.
        let mut chunk = [0u64; 64];
        loop {
            let size = size_of_val(&chunk);
            // SAFETY: `chunk` is writable for its length, and any bits are valid for it.
            let got =
                preserve_errno(|| unsafe { libc::syscall(libc::SYS_getdents64, self.0, chunk.as_mut_ptr(), size) });
            let Ok(got @ 1..) = usize::try_from(got) else { return };
            // SAFETY: bytes of an array, which lives as long as they are used.
            let bytes = unsafe { slice::from_raw_parts(chunk.as_ptr().cast::<u8>(), got.min(size)) };
            let mut rest = bytes;
            while let Some(&[low, high]) = rest.get(LENGTH..LENGTH + 2) {
                let length = usize::from(u16::from_ne_bytes([low, high])).max(NAME);
                let name = rest.get(NAME..length).unwrap_or_default();
                if !each(name.get(..memory::position(0, name).unwrap_or(name.len())).unwrap_or_default()) {
                    return;
                }
                rest = rest.get(length..).unwrap_or_default();
            }
        }
    }

    /// Reads from the start of the file without changing where [`File::read`] continues: returns the number of bytes, or an errno.
    pub fn read_from_start(&self, to: &mut [u8]) -> Result<usize, c_int> {
        const OFFSET: usize = 0;
        // The offset is one word, two, or two after an unused one: the architectures differ, zero is the same.
        // SAFETY: `to` is writable for its length.
        preserve_errno(|| unsafe {
            let got = libc::syscall(libc::SYS_pread64, self.0, to.as_mut_ptr(), to.len(), OFFSET, OFFSET, OFFSET);
            usize::try_from(got).map_err(|_| errno::get())
        })
    }

    /// The values that [`File::read_words`] needs for each word.
    pub const WORD: usize = (u64::BITS / usize::BITS) as usize;

    /// Reads words of 64 bits, from the one with the number `first` on, into the first values of `to`: returns how many, or `None` if the
    /// file can't be read. Where values have 32 bits, they are the upper halves of the words.
    pub fn read_words(&self, first: usize, to: &mut [usize]) -> Option<usize> {
        const SIZE: usize = size_of::<u64>();
        let bytes = to.len() / File::WORD * SIZE;
        let offset = first.checked_mul(SIZE)?;
        // SAFETY: `to` is writable for its length, and any bits are valid for it.
        let got = preserve_errno(|| unsafe {
            if File::WORD == 1 {
                libc::syscall(libc::SYS_pread64, self.0, to.as_mut_ptr(), bytes, offset)
            } else {
                // In every architecture the lower and the upper half of the offset.
                let to = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: bytes };
                libc::syscall(libc::SYS_preadv, self.0, &raw const to, 1usize, offset, 0usize)
            }
        });
        let count = usize::try_from(got).ok()? / SIZE;
        if File::WORD > 1 {
            const UPPER: usize = if cfg!(target_endian = "little") { 1 } else { 0 };
            for word in 0..count {
                let upper = to.get(word * File::WORD + UPPER).copied().unwrap_or(0);
                if let Some(place) = to.get_mut(word) {
                    *place = upper;
                }
            }
        }
        Some(count)
    }

    /// The category of a huge page.
    pub const HUGE: usize = 1 << 6;

    /// Of a /proc/PID/pagemap, the regions of pages that are present or swapped, as a page that is being moved appears, and have the
    /// category `required` (0: any): three words for each, its start, its end and its categories. The page of zeros is not listed.
    /// Returns how many and up to where the kernel looked. Errors are errnos: ENOTTY before Linux 6.7, EFAULT if `end` is above all
    /// addresses that a program can have.
    pub fn scan(
        &self,
        start: usize,
        end: usize,
        regions: &mut [usize],
        required: usize,
    ) -> Result<(usize, usize), c_int> {
        const PRESENT: u64 = 1 << 3;
        const SWAPPED: u64 = 1 << 4;
        const PAGE_OF_ZEROS: u64 = 1 << 5;
        const PAGEMAP_SCAN: libc::c_ulong = 0xc060_6610;
        /// struct pm_scan_arg of <linux/fs.h>.
        #[repr(C)]
        struct Scan {
            size: u64,
            flags: u64,
            start: u64,
            end: u64,
            walk_end: u64,
            regions: u64,
            room: u64,
            most_pages: u64,
            inverted: u64,
            all_of: u64,
            any_of: u64,
            told: u64,
        }
        if usize::BITS != 64 {
            return Err(libc::ENOTTY);
        }
        let mut scan = Scan {
            size: size_of::<Scan>() as u64,
            flags: 0,
            start: start as u64,
            end: end as u64,
            walk_end: 0,
            regions: regions.as_mut_ptr() as u64,
            room: (regions.len() / 3) as u64,
            most_pages: 0,
            inverted: PAGE_OF_ZEROS,
            all_of: PAGE_OF_ZEROS | required as u64,
            any_of: PRESENT | SWAPPED,
            told: Self::HUGE as u64,
        };
        // SAFETY: the structure is the kernel's, and it has room for so many regions.
        let count = preserve_errno(|| unsafe {
            usize::try_from(libc::syscall(libc::SYS_ioctl, self.0, PAGEMAP_SCAN, &raw mut scan))
                .map_err(|_| errno::get())
        })?;
        Ok((count, scan.walk_end as usize))
    }
}

/// Writes to standard error, past what stdio has in its buffer, as far as that is possible. Errno is left untouched.
#[cfg(debug_assertions)]
pub fn write_to_standard_error(mut rest: &[u8]) {
    preserve_errno(|| {
        while !rest.is_empty() {
            // SAFETY: so many bytes can be read.
            let written = unsafe { libc::syscall(libc::SYS_write, libc::STDERR_FILENO, rest.as_ptr(), rest.len()) };
            match usize::try_from(written) {
                Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
                _ if errno::get() == libc::EINTR => {}
                _ => break,
            }
        }
    });
}

/// More than a file of /sys has: a list of 16,384 CPUs, each of them written out, is shorter.
pub const MAX_SYSFS_FILE: usize = 128 * 1024;

/// More than /proc/self/status has: 700 KB in a process that is in all groups that can be.
pub const MAX_STATUS_FILE: usize = 1024 * 1024;

/// The folder that is asked about the machine in place of `/`: what NUMARS_FSROOT said when the first file was to be read.
#[inline(never)]
pub fn fsroot() -> Option<&'static CStr> {
    /// Where a copy of its name is, since the program may change its environment.
    static ROOT: OnceNonZeroUsize = OnceNonZeroUsize::new();
    const NONE: NonZeroUsize = NonZeroUsize::MIN;
    let copy = |name: &CStr| {
        let folder = open_root(name)?;
        // The slash at its end has it be a folder.
        Status::of(folder.0, c"sys/devices/system/", 0)?
            .is_trusted()
            .then(|| NonZeroUsize::new(memory::leak_copy(name.to_bytes_with_nul()) as usize))?
    };
    let root = ROOT.get_or_init(|| process::environment(c"NUMARS_FSROOT", copy).unwrap_or(NONE));
    // SAFETY: a string that lives as long as the process.
    (root > NONE).then(|| unsafe { memory::string(root.get() as *const c_char) })
}

/// Opens the folder with the files of a machine. Its name may be a link that changes.
#[cold]
#[inline(never)]
fn open_root(name: &CStr) -> Option<File> {
    let folder = File::open_in(libc::AT_FDCWD, name, libc::O_PATH | libc::O_DIRECTORY)?;
    Status::of(folder.0, c"", libc::AT_EMPTY_PATH)?.is_trusted().then_some(folder)
}

/// Whether a file or folder that tells of the machine is there.
pub fn exists(path: &FixedPath) -> bool {
    File::open_of_machine(path).is_some()
}

/// Returns whether no file can be opened because descriptors or memory are short, which may pass; not because it is forbidden.
pub fn is_short_of_descriptors() -> bool {
    matches!(error_of_opening(c"/"), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM))
}

/// Returns the errno with which the kernel refuses to open a file or folder at this moment; `None` if it does not.
pub fn error_of_opening(path: &CStr) -> Option<c_int> {
    const FLAGS: c_int = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_CLOEXEC;
    preserve_errno(|| {
        // SAFETY: the path is NUL-terminated.
        let descriptor = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), FLAGS) };
        if descriptor < 0 {
            return Some(errno::get());
        }
        drop(File(descriptor as c_int));
        None
    })
}

/// Hands what a file that tells of the machine contains to `each`, in order, until `each` returns false. Errno is left untouched.
///
/// Returns whether the file could be read up to there. One with more than `most` bytes is none of the kernel's, and may have no end.
pub fn read_in_chunks(path: &FixedPath, most: usize, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    // Most files are short, and a signal handler's stack may be too: only /proc/self/status is worth more than that.
    if most > MAX_SYSFS_FILE { read_pieces::<CHUNK>(path, most, each) } else { read_pieces::<512>(path, most, each) }
}

/// The same, so many bytes at a time.
#[inline(never)]
fn read_pieces<const SIZE: usize>(path: &FixedPath, most: usize, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let Some(file) = File::open_of_machine(path) else { return false };
    let mut chunk = [0u8; SIZE];
    let mut left = most;
    while left > 0 {
        match file.read(&mut chunk) {
            Err(_) => return false,
            Ok(0) => return true,
            Ok(length) if !each(chunk.get(..length).unwrap_or_default()) => return true,
            Ok(length) => left = left.saturating_sub(length),
        }
    }
    false
}

/// Returns what follows `prefix` in `text`, if it begins with that. The method of slices needs bcmp, which the loader would look up.
#[inline(never)]
pub fn strip_prefix<'a>(prefix: &[u8], text: &'a [u8]) -> Option<&'a [u8]> {
    let same = text.iter().zip(prefix).take_while(|(byte, expected)| byte == expected).count();
    text.get(same..).filter(|_| same == prefix.len())
}

/// The same, of a string.
pub fn strip_prefix_cstr<'a>(prefix: &[u8], text: &'a CStr) -> Option<&'a CStr> {
    strip_prefix(prefix, text.to_bytes())?;
    // SAFETY: the rest of a string is one.
    Some(unsafe { memory::string(text.as_ptr().add(prefix.len())) })
}

/// Returns what follows the blanks at the start of `text`.
pub fn without_leading_blanks(text: &CStr) -> &CStr {
    let blanks = text.to_bytes().len() - skip_blanks(text.to_bytes()).len();
    // SAFETY: the rest of a string is one.
    unsafe { memory::string(text.as_ptr().add(blanks)) }
}

/// The major and minor number of the device that a file is on; of the file itself if it is a block device. None if there is no
/// such file. Errno is left untouched.
pub fn block_device(path: &CStr) -> Option<(u32, u32)> {
    let status = Status::of(libc::AT_FDCWD, path, 0)?;
    Some(if status.kind() == libc::S_IFBLK {
        status.device()
    } else {
        (status.0.stx_dev_major, status.0.stx_dev_minor)
    })
}

/// What the kernel says of a file.
pub struct Status(libc::statx);

impl Status {
    /// Calls statx(2) with these flags. Returns `None` if there is no such file. Errno is left untouched.
    #[inline(never)]
    pub fn of(folder: c_int, path: &CStr, flags: c_int) -> Option<Self> {
        let mut found = MaybeUninit::<libc::statx>::zeroed();
        // SAFETY: `path` is NUL-terminated and `found` writable, and any bits are valid for it.
        preserve_errno(|| unsafe {
            let wanted = libc::STATX_BASIC_STATS | libc::STATX_BTIME;
            match libc::syscall(libc::SYS_statx, folder, path.as_ptr(), flags, wanted, found.as_mut_ptr()) {
                0 => Some(Status(found.assume_init())),
                _ if errno::get() == libc::ENOENT => None,
                _ => Self::by_stat(folder, path, flags),
            }
        })
    }

    /// The same before Linux 4.11, which lacks statx(2), and in sandboxes that forbid it. libc's stat() would be a symbol more to look up
    /// while loading, and has other names in older versions; on these architectures its structure is the kernel's.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn by_stat(folder: c_int, path: &CStr, flags: c_int) -> Option<Self> {
        let (mut stat, mut status) = (MaybeUninit::<libc::stat>::zeroed(), MaybeUninit::<libc::statx>::zeroed());
        // SAFETY: as above.
        unsafe {
            let status = status.assume_init_mut();
            if libc::syscall(libc::SYS_newfstatat, folder, path.as_ptr(), stat.as_mut_ptr(), flags) != 0 {
                return None;
            }
            let stat = stat.assume_init();
            status.stx_mode = stat.st_mode as u16;
            (status.stx_uid, status.stx_nlink, status.stx_ino) = (stat.st_uid, stat.st_nlink as u32, stat.st_ino);
            (status.stx_dev_major, status.stx_dev_minor) = (libc::major(stat.st_dev), libc::minor(stat.st_dev));
            (status.stx_rdev_major, status.stx_rdev_minor) = (libc::major(stat.st_rdev), libc::minor(stat.st_rdev));
            Some(Status(*status))
        }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn by_stat(_: c_int, _: &CStr, _: c_int) -> Option<Self> {
        None
    }

    /// The type and the permissions of the file.
    pub fn mode(&self) -> u32 {
        self.0.stx_mode.into()
    }

    /// The type of the file: one of the constants S_IF….
    pub fn kind(&self) -> u32 {
        self.mode() & libc::S_IFMT
    }

    /// The user that owns the file.
    pub fn owner(&self) -> u32 {
        self.0.stx_uid
    }

    /// Whether the file or folder belongs to this user or to root, and not everybody may write to it. The name of one that describes the
    /// machine may come from an ordinary user, by way of a setuid program that became root altogether before it ran this one; by links
    /// and mounts of theirs such a user chooses among those that are to be trusted, and writes none.
    pub fn is_trusted(&self) -> bool {
        (self.owner() == 0 || self.owner() == process::effective_user()) && self.mode() & libc::S_IWOTH == 0
    }

    /// How many names the file has.
    pub fn links(&self) -> u32 {
        self.0.stx_nlink
    }

    /// Whether something is mounted there, as far as the kernel says so (since Linux 5.8).
    pub fn is_mounted(&self) -> bool {
        self.0.stx_attributes & libc::STATX_ATTR_MOUNT_ROOT as u64 != 0
    }

    /// The major and minor number of a device.
    pub fn device(&self) -> (u32, u32) {
        (self.0.stx_rdev_major, self.0.stx_rdev_minor)
    }

    /// The number of the file, and when it was made, in nanoseconds of a second; 0 if the kernel does not say that.
    pub fn identity(&self) -> [usize; 2] {
        let file_system = (self.0.stx_dev_major as usize) << 20 ^ self.0.stx_dev_minor as usize;
        [file_system.rotate_right(32) ^ self.0.stx_ino as usize, self.0.stx_btime.tv_nsec as usize]
    }

    /// Whether this is the file with that identity, and not one that has got its number after it was removed.
    pub fn is_of(&self, [number, made]: [usize; 2]) -> bool {
        let own = self.identity();
        own[0] == number && (own[1] == made || own[1] == 0 || made == 0)
    }

    /// Opens the file that has this status. Returns `None` if another one has taken its place.
    pub(super) fn open(&self, folder: c_int, path: &CStr, flags: c_int) -> Option<File> {
        let file = File::open_in(folder, path, flags)?;
        Status::of(file.0, c"", libc::AT_EMPTY_PATH)?.is_of(self.identity()).then_some(file)
    }
}

/// The name of a file of the kernel's, put together from texts and numbers without allocating.
#[derive(Clone)]
pub struct FixedPath<'a> {
    folder: Option<&'a File>,
    bytes: [u8; FixedPath::ROOM],
    length: usize,
}

impl<'a> FixedPath<'a> {
    /// Longer than any name that this library asks for; one that does not fit names no file.
    const ROOM: usize = 96;

    pub fn new(start: &[u8]) -> Self {
        let mut path = FixedPath { folder: None, bytes: [0; FixedPath::ROOM], length: 0 };
        path.text(start);
        path
    }

    /// The path of a file in an open directory.
    pub fn inside(folder: &'a File) -> Self {
        FixedPath { folder: Some(folder), ..FixedPath::new(b"") }
    }

    fn folder_descriptor(&self) -> c_int {
        self.folder.map_or(libc::AT_FDCWD, |folder| folder.0)
    }

    /// Appends `text`.
    #[inline(never)]
    pub fn text(&mut self, text: &[u8]) -> &mut Self {
        let end = self.length + text.len();
        if let Some(places) = self.bytes.get_mut(self.length..end) {
            places.iter_mut().zip(text).for_each(|(place, &byte)| *place = byte);
        }
        self.length = end;
        self
    }

    #[inline(never)]
    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
        }
        self.length += 1;
    }

    /// Appends `number` in decimal.
    pub fn decimal(&mut self, number: usize) -> &mut Self {
        self.number(number, DECIMAL, 1)
    }

    /// Appends `number` in hexadecimal, of at least so many digits.
    pub fn hexadecimal(&mut self, number: u32, digits: usize) -> &mut Self {
        self.number(number as usize, HEXADECIMAL, digits)
    }

    fn number(&mut self, number: usize, base: NonZeroU64, digits: usize) -> &mut Self {
        write_radix(number as u64, base, digits, &mut |digit| self.byte(digit));
        self
    }

    /// The name as C has it; the empty one, which no file has, if it does not fit.
    pub fn as_c_str(&self) -> &CStr {
        self.as_c_str_from(0)
    }

    /// The same without what is before `start`.
    fn as_c_str_from(&self, start: usize) -> &CStr {
        let with_nul = self.bytes.get(start..=self.length).unwrap_or(b"\0");
        // SAFETY: what follows the name is zero, and no name has a NUL in it.
        unsafe { CStr::from_bytes_with_nul_unchecked(with_nul) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_put_together_from_texts_and_numbers() {
        let mut path = FixedPath::new(b"/sys/node");
        assert_eq!(path.decimal(1023).text(b"/distance").as_c_str(), c"/sys/node1023/distance");
        let mut path = FixedPath::new(b"");
        assert_eq!(
            path.hexadecimal(0x1f, 4).text(b":").hexadecimal(0xabc, 2).hexadecimal(0, 1).as_c_str(),
            c"001f:abc0"
        );
        assert_eq!(FixedPath::new(b"").decimal(0).decimal(usize::MAX).as_c_str(), c"018446744073709551615");
    }

    #[test]
    fn a_path_that_does_not_fit_is_empty() {
        assert_eq!(FixedPath::new(&[b'x'; 95]).as_c_str().count_bytes(), 95);
        assert_eq!(FixedPath::new(&[b'x'; 96]).as_c_str(), c"");
        assert_eq!(FixedPath::new(&[b'x'; 1000]).decimal(7).as_c_str(), c"");
    }

    #[test]
    fn reading_stops_where_the_reader_has_enough() {
        let mut pieces = 0;
        let mut count = |_: &[u8]| {
            pieces += 1;
            false
        };
        assert!(read_in_chunks(&FixedPath::new(b"/proc/self/status"), MAX_STATUS_FILE, &mut count));
        assert_eq!(pieces, 1);
        assert!(!read_in_chunks(&FixedPath::new(b"/proc/there is no such file"), MAX_SYSFS_FILE, &mut |_| true));
    }

    #[test]
    fn a_file_without_end_cannot_be_read() {
        let mut bytes = 0;
        let mut count = |chunk: &[u8]| {
            bytes += chunk.len();
            true
        };
        assert!(!read_in_chunks(&FixedPath::new(b"/dev/zero"), MAX_SYSFS_FILE, &mut count));
        assert_eq!(bytes, MAX_SYSFS_FILE);
    }
}

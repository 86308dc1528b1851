//! What the kernel says about a file: statx(2).

use super::{File, descriptor_of};
use crate::sys::errno::{self, preserve_errno};
use crate::sys::process;
use core::ffi::{CStr, c_int};
use core::mem::MaybeUninit;

/// Returns the major and minor number of the device that a file is on; of the file itself if it is a block device. `None` if there is no
/// such file. Errno is left untouched.
pub fn block_device(path: &CStr) -> Option<(u32, u32)> {
    let status = Status::of(None, path, 0)?;
    Some(if status.kind() == libc::S_IFBLK {
        status.device()
    } else {
        (status.0.stx_dev_major, status.0.stx_dev_minor)
    })
}

/// What the kernel says about a file.
pub struct Status(libc::statx);

impl Status {
    /// Calls statx(2) with these flags; a `path` that does not begin with a slash begins in `folder`, or in the working directory. Returns
    /// `None` if there is no such file. Errno is left untouched.
    #[inline(never)]
    pub fn of(folder: Option<&File>, path: &CStr, flags: c_int) -> Option<Self> {
        let folder = descriptor_of(folder);
        let mut status = MaybeUninit::<libc::statx>::zeroed();
        // SAFETY: `path` is NUL-terminated and `status` writable, and any bits are valid for it.
        preserve_errno(|| unsafe {
            let fields = libc::STATX_BASIC_STATS | libc::STATX_BTIME;
            match libc::syscall(libc::SYS_statx, folder, path.as_ptr(), flags, fields, status.as_mut_ptr()) {
                0 => Some(Status(status.assume_init())),
                _ if errno::get() == libc::ENOENT => None,
                _ => Self::by_stat(folder, path, flags),
            }
        })
    }

    /// As [`Status::of`] before Linux 4.11, which lacks statx(2), and in sandboxes that forbid it. libc's stat() would be one more symbol to
    /// look up while loading, and has other names in older versions; its structure is the kernel's. LoongArch came after statx(2).
    #[cfg(not(target_arch = "loongarch64"))]
    fn by_stat(folder: c_int, path: &CStr, flags: c_int) -> Option<Self> {
        #[cfg(target_pointer_width = "32")]
        use libc::{SYS_fstatat64 as CALL, stat64 as Stat};
        #[cfg(target_pointer_width = "64")]
        use libc::{SYS_newfstatat as CALL, stat as Stat};
        let (mut stat, mut status) = (MaybeUninit::<Stat>::zeroed(), MaybeUninit::<libc::statx>::zeroed());
        // SAFETY: `path` is NUL-terminated and `stat` writable, and any bits are valid for both structures.
        unsafe {
            let status = status.assume_init_mut();
            if libc::syscall(CALL, folder, path.as_ptr(), stat.as_mut_ptr(), flags) != 0 {
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

    #[cfg(target_arch = "loongarch64")]
    fn by_stat(_: c_int, _: &CStr, _: c_int) -> Option<Self> {
        None
    }

    /// Returns the type and the permissions of the file.
    pub fn mode(&self) -> u32 {
        self.0.stx_mode.into()
    }

    /// Returns the type of the file: one of the constants S_IF….
    pub fn kind(&self) -> u32 {
        self.mode() & libc::S_IFMT
    }

    /// Returns the user that owns the file.
    pub fn owner(&self) -> u32 {
        self.0.stx_uid
    }

    /// Returns whether the file or directory belongs to this user or to root, and is not writable for everybody. The path of a file that
    /// describes the machine may come from an ordinary user, through a setuid program that became root altogether before it ran this one;
    /// with links and mounts of their own, such a user chooses among files that are to be trusted, and writes none.
    pub fn is_trusted(&self) -> bool {
        (self.owner() == 0 || self.owner() == process::effective_user()) && self.mode() & libc::S_IWOTH == 0
    }

    /// Returns the number of hard links.
    pub fn links(&self) -> u32 {
        self.0.stx_nlink
    }

    /// Returns whether something is mounted there, as far as the kernel says so (since Linux 5.8).
    pub fn is_mounted(&self) -> bool {
        self.0.stx_attributes & libc::STATX_ATTR_MOUNT_ROOT as u64 != 0
    }

    /// Returns the major and minor number of a device.
    pub fn device(&self) -> (u32, u32) {
        (self.0.stx_rdev_major, self.0.stx_rdev_minor)
    }

    /// Returns the inode, mixed with the file system, and the nanoseconds of the time when it was made; 0 if the kernel does not say that.
    pub fn identity(&self) -> [usize; 2] {
        let file_system = (self.0.stx_dev_major as usize) << 20 ^ self.0.stx_dev_minor as usize;
        [file_system.rotate_right(32) ^ self.0.stx_ino as usize, self.0.stx_btime.tv_nsec as usize]
    }

    /// Returns whether this is the file with that [identity](Status::identity), and not one that got its inode after it was removed.
    pub fn is_of(&self, [inode, made]: [usize; 2]) -> bool {
        let own = self.identity();
        own[0] == inode && (own[1] == made || own[1] == 0 || made == 0)
    }

    /// Opens the file that has this status. Returns `None` if another one has taken its place.
    pub fn open(&self, folder: Option<&File>, path: &CStr, flags: c_int) -> Option<File> {
        let file = File::open_at(folder, path, flags)?;
        file.status()?.is_of(self.identity()).then_some(file)
    }
}

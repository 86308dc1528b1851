//! What a guest needs besides the programs: QEMU, busybox, an ext4 disk and a kernel. The machine's own are used if it
//! has them; otherwise they are fetched into the cache directory.

use crate::apt::{self, Apt};
use crate::architectures::{self, Architecture, Machine};
use crate::elf;
use anyhow::{Context, Result, anyhow, ensure};
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Debian has two kernels of each version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Has NVMe and ext4 built in, and little else.
    Cloud,
    /// Has drivers for real machines as modules, and more features, such as NUMA emulation.
    Standard,
}

/// The modules of a standard kernel that guests get: directories and files.
const MODULES: &[&str] = &[
    "arch/arm64/crypto",
    "arch/powerpc/crypto",
    "arch/riscv/crypto",
    "arch/s390/crypto",
    "arch/x86/crypto",
    "block",
    "crypto",
    "drivers/block/virtio_blk",
    "drivers/char/virtio_console",
    "drivers/net/ethernet/intel/e1000",
    "drivers/nvme",
    "drivers/virtio",
    "fs/ext4",
    "fs/jbd2",
    "fs/mbcache",
    "lib",
];

const LIBNUMA: &str = "libnuma.so.1";

/// The Debian suite that programs are taken from.
const PROGRAMS: &str = "trixie";

/// The Debian suites that kernels are taken from; versions that are not listed here are searched for in the newest.
const KERNELS: &[(&str, &str)] = &[("5.10", "bullseye"), ("6.1", "bookworm"), ("6.12", "trixie"), (NEWEST, "sid")];
const NEWEST: &str = "newest";

/// 7.2, which Debian 12 has, corrupts the guest's registers under load.
const OLDEST_QEMU: u32 = 8;

const DISK_SIZE: u64 = 64 << 20;
/// By this, init.sh finds it among a shape's other disks.
const DISK_LABEL: &str = "numars";

pub struct Cache {
    pub directory: PathBuf,
    /// This machine.
    pub host: &'static Architecture,
    /// The architecture of the programs.
    pub target: &'static Architecture,
}

/// A program of this machine, or one that was unpacked from packages.
pub struct Program {
    path: PathBuf,
    /// Where the packages are unpacked. Such a program runs on the C library that was unpacked with it.
    root: Option<PathBuf>,
    host: &'static Architecture,
}

pub struct Parts {
    pub qemu: Program,
    pub busybox: PathBuf,
    pub disk: PathBuf,
    pub kernel: Kernel,
}

pub struct Kernel {
    pub image: PathBuf,
    /// The contents of /lib/modules, if the kernel does not have everything built in that a guest needs.
    pub modules: Option<PathBuf>,
}

impl Cache {
    pub fn new(directory: PathBuf, target: Option<&'static Architecture>) -> Result<Self> {
        let host = architectures::host()?;
        let directory = std::path::absolute(directory)?;
        fs::create_dir_all(&directory).with_context(|| format!("cannot create the cache {}", directory.display()))?;
        Ok(Self { directory, host, target: target.unwrap_or(host) })
    }

    fn machine(&self) -> Result<&'static Machine> {
        self.target.machine()
    }

    /// Returns `name` for a file that belongs to this machine's architecture, otherwise with the architecture's name.
    fn named(&self, name: &str, debian: &str) -> String {
        if debian == self.host.debian { name.into() } else { format!("{name}-{debian}") }
    }

    /// Returns everything for a guest with this kernel, and fetches what is missing.
    pub fn parts(&self, kernel: &str, flavour: Flavour) -> Result<Parts> {
        Ok(Parts {
            qemu: self.qemu()?,
            busybox: self.busybox()?,
            disk: self.disk()?,
            kernel: self.kernel(kernel, flavour)?,
        })
    }

    fn qemu(&self) -> Result<Program> {
        let machine = self.machine()?;
        if let Some(path) = on_path(machine.qemu) {
            let own = self.own(path);
            if own.qemu_version().is_ok_and(|major| major >= OLDEST_QEMU) {
                return Ok(own);
            }
        }
        let fetched = self.unpacked(machine.qemu_package, machine.qemu)?;
        fetched.qemu_version().context("cannot run the fetched QEMU")?;
        Ok(fetched)
    }

    /// The guest has nothing else at first, so it must be static.
    fn busybox(&self) -> Result<PathBuf> {
        let debian = self.machine()?.debian;
        if debian == self.host.debian {
            return self.own_busybox();
        }
        let root = self.keep(&self.named("busybox-static", debian), |work| {
            let root = work.join("root");
            open_apt(work, PROGRAMS, debian)?.unpack("busybox-static", &root)?;
            Ok(root)
        })?;
        program_in(&root, "busybox").context("busybox-static contains no busybox")
    }

    fn own_busybox(&self) -> Result<PathBuf> {
        if let Some(path) = on_path("busybox") {
            if elf::libraries_of_host(&path)?.is_empty() {
                return Ok(path);
            }
        }
        Ok(self.unpacked("busybox-static", "busybox")?.path)
    }

    /// An empty ext4 file system; guests write to a copy of their own.
    fn disk(&self) -> Result<PathBuf> {
        self.keep("labelled-ext4.img", |work| {
            let image = work.join("image");
            File::create(&image)?.set_len(DISK_SIZE)?;
            let mkfs = match on_path("mkfs.ext4") {
                Some(path) => self.own(path),
                None => self.unpacked("e2fsprogs", "mkfs.ext4")?,
            };
            apt::run(mkfs.command().args(["-q", "-F", "-L", DISK_LABEL]).arg(&image))?;
            Ok(image)
        })
    }

    /// Returns a kernel by version, or the newest, or a file, which must have everything built in.
    fn kernel(&self, kernel: &str, flavour: Flavour) -> Result<Kernel> {
        if kernel.contains('/') {
            ensure!(Path::new(kernel).is_file(), "there is no kernel {kernel}");
            return Ok(Kernel { image: std::path::absolute(kernel)?, modules: None });
        }
        let image = |root: &Path| {
            find(root, &|name| name.starts_with("vmlinuz") || name.starts_with("vmlinux"))
                .context("the kernel package contains no vmlinuz")
        };
        let machine = self.machine()?;
        let suffix = architectures::larger_pages(kernel).map_or("", |(suffix, _)| suffix);
        let version = kernel.trim_end_matches(suffix);
        let name = self.named(kernel, machine.debian);
        match machine.cloud_kernel.filter(|_| flavour == Flavour::Cloud && suffix.is_empty()) {
            Some(package) => {
                let image = self.keep(&format!("kernel-{name}"), |work| {
                    image(&self.unpacked_kernel(work, version, package, false)?)
                })?;
                Ok(Kernel { image, modules: None })
            }
            None => {
                let kept = self.keep(&format!("standard-kernel-{name}"), |work| {
                    let package = format!("{}{suffix}", machine.standard_kernel);
                    let root = self.unpacked_kernel(work, version, &package, true)?;
                    let kept = work.join("kept");
                    self.pick_modules(&root, &kept)?;
                    fs::rename(image(&root)?, kept.join("vmlinuz"))?;
                    Ok(kept)
                })?;
                Ok(Kernel { image: kept.join("vmlinuz"), modules: Some(kept.join("lib/modules")) })
            }
        }
    }

    /// Unpacks the kernel that `package` depends on, with its modules if `with_modules`.
    fn unpacked_kernel(&self, work: &Path, kernel: &str, package: &str, with_modules: bool) -> Result<PathBuf> {
        let suite = KERNELS.iter().find(|(name, _)| *name == kernel).map_or("sid", |(_, suite)| suite);
        let apt = open_apt(work, suite, self.machine()?.debian)?;
        let root = work.join("root");
        // linux-image-… is an empty package that needs linux-image-VERSION-…. Newer kernels are one step further, in
        // linux-binary-VERSION-…, their modules in linux-modules-VERSION-…, and the lists of modules in
        // linux-base-VERSION-….
        let mut package = package.to_string();
        loop {
            let dependencies = apt.dependencies(&package)?;
            let named = |prefix: &str| dependencies.iter().find(|name| name.starts_with(prefix)).cloned();
            if let Some(modules) = named("linux-modules-").filter(|_| with_modules) {
                for package in named("linux-base-").into_iter().chain([modules]) {
                    apt.unpack(&package, &root)?;
                }
            }
            match named("linux-image-").or_else(|| named("linux-binary-")) {
                Some(next) => package = next,
                None => break,
            }
        }
        ensure!(
            kernel == NEWEST || is_version(&package, kernel),
            "Debian has no kernel {kernel}: {suite} has {package}"
        );
        apt.unpack(&package, &root)?;
        Ok(root)
    }

    /// Moves the [`MODULES`] of an unpacked kernel to `kept`, with the indexes that modprobe reads.
    fn pick_modules(&self, root: &Path, kept: &Path) -> Result<()> {
        let order = find(root, &|name| name == "modules.order").context("the kernel package contains no modules")?;
        let all = order.parent().context("modules.order is in no directory")?;
        let release = all.file_name().context("the modules have no version")?;
        let picked = kept.join("lib/modules").join(release);
        fs::create_dir_all(&picked)?;
        // For built-in modules, modprobe succeeds without doing anything.
        fs::rename(all.join("modules.builtin"), picked.join("modules.builtin"))?;
        for module in MODULES {
            // A kernel without such a module may have it built in.
            for suffix in ["", ".ko", ".ko.xz"] {
                let file = format!("kernel/{module}{suffix}");
                let (from, to) = (all.join(&file), picked.join(&file));
                if from.exists() {
                    fs::create_dir_all(to.parent().unwrap_or(&picked))?;
                    fs::rename(from, to)?;
                }
            }
        }
        apt::run(Command::new(self.own_busybox()?).arg("depmod").arg("-b").arg(kept).arg(release))?;
        Ok(())
    }

    /// Returns a program from a Debian package, unpacked with everything that it depends on.
    fn unpacked(&self, package: &str, program: &str) -> Result<Program> {
        let root = self.keep(package, |work| {
            let root = work.join("root");
            let apt = open_apt(work, PROGRAMS, self.host.debian)?;
            apt.unpack_with_dependencies(&[package], &root)?;
            Ok(root)
        })?;
        let path = program_in(&root, program).with_context(|| format!("{package} contains no {program}"))?;
        Ok(Program { path, root: Some(root), host: self.host })
    }

    /// Returns a directory with a suite's libnuma, the C library that it needs, and its loader.
    pub fn reference(&self, suite: &str) -> Result<PathBuf> {
        self.keep(&self.named(&format!("libnuma-{suite}"), self.target.debian), |work| {
            let (root, libraries) = (work.join("root"), work.join("libraries"));
            let apt = open_apt(work, suite, self.target.debian)?;
            apt.unpack_with_dependencies(&["libnuma1"], &root)?;
            fs::create_dir(&libraries)?;
            for name in [LIBNUMA, "libc.so.6", self.target.loader] {
                // The name itself may be a link.
                let file =
                    find(&root, &|file| file.starts_with(name)).with_context(|| format!("there is no {name}"))?;
                fs::copy(file, libraries.join(name))?;
            }
            Ok(libraries)
        })
    }

    /// Returns the files of a suite's C library, including its loader.
    pub fn c_library(&self, suite: &str) -> Result<Vec<PathBuf>> {
        let files: Vec<_> =
            fs::read_dir(self.reference(suite)?)?.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
        Ok(files.into_iter().filter(|file| !file.ends_with(LIBNUMA)).collect())
    }

    /// Returns a directory with packages of a suite, for the target, and everything that they depend on.
    pub fn packages(&self, suite: &str, packages: &[String]) -> Result<PathBuf> {
        let name = self.named(&format!("{suite}-{}", packages.join("+")), self.target.debian);
        self.keep(&name, |work| {
            let root = work.join("root");
            open_apt(work, suite, self.target.debian)?.unpack_with_dependencies(packages, &root)?;
            Ok(root)
        })
    }

    fn own(&self, path: PathBuf) -> Program {
        Program { path, root: None, host: self.host }
    }

    /// Returns the file or directory `name` in the cache, and creates it if it is missing. It is created elsewhere and
    /// renamed when complete, so that an interruption leaves nothing incomplete and two processes do not interfere.
    pub fn keep(&self, name: &str, make: impl FnOnce(&Path) -> Result<PathBuf>) -> Result<PathBuf> {
        let kept = self.directory.join(name);
        if kept.exists() {
            return Ok(kept);
        }
        eprintln!("vm: fetching {name}");
        let work = TempDir::with_prefix_in("partial-", &self.directory)?;
        let made =
            make(work.path()).map_err(|why| anyhow!("cannot fetch {name}: {why:#}\n{}", self.what_to_install()))?;
        match fs::rename(made, &kept) {
            Err(_) if kept.exists() => {}
            renamed => renamed?,
        }
        Ok(kept)
    }

    /// The command that makes fetching programs unnecessary.
    fn what_to_install(&self) -> String {
        let Ok(machine) = self.machine() else { return String::new() };
        let qemu = machine.qemu;
        let commands = [
            (
                "apt-get",
                format!("apt-get install --no-install-recommends {} busybox-static e2fsprogs", machine.qemu_package),
            ),
            ("dnf", format!("dnf install {qemu}-core busybox e2fsprogs")),
            ("zypper", format!("zypper install {} busybox-static e2fsprogs", qemu.replace("-system-x86_64", "-x86"))),
            ("pacman", format!("pacman -S {} busybox e2fsprogs", qemu.replace("x86_64", "x86"))),
        ];
        let command = commands.iter().find(|(manager, _)| on_path(manager).is_some());
        let command = command.map_or_else(String::new, |(_, command)| format!(":\n    {command}\n"));
        format!(
            "Without fetching, a guest needs QEMU {OLDEST_QEMU} or newer, a static busybox and mkfs.ext4 on this \
             machine{command} and a kernel image with NVMe and ext4 built in: --kernel /path/to/vmlinuz"
        )
    }
}

impl Program {
    pub fn command(&self) -> Command {
        let Some(root) = &self.root else {
            return Command::new(&self.path);
        };
        let libraries = root.join("usr/lib").join(self.host.triplet);
        let mut command = Command::new(libraries.join(self.host.loader));
        command.arg("--library-path").arg(&libraries).arg(&self.path);
        command
    }

    /// A command for QEMU, which needs to be told where its firmware and modules are if it is not installed.
    pub fn qemu(&self) -> Command {
        let mut command = self.command();
        if let Some(root) = &self.root {
            let modules = root.join("usr/lib").join(self.host.triplet);
            command.env("QEMU_MODULE_DIR", modules.join("qemu"));
            for firmware in ["usr/share/qemu", "usr/share/seabios"] {
                command.arg("-L").arg(root.join(firmware));
            }
        }
        command
    }

    fn qemu_version(&self) -> Result<u32> {
        let output = apt::run(self.command().arg("--version"))?;
        major_version(&output).with_context(|| format!("cannot parse the version {output:?}"))
    }
}

/// `QEMU emulator version 10.0.2 (Debian …)`
fn major_version(output: &str) -> Option<u32> {
    let (_, version) = output.split_once("version ")?;
    version.split('.').next()?.parse().ok()
}

/// Returns true if, for example, `linux-image-6.1.0-56-cloud-amd64` is a `6.1`.
fn is_version(package: &str, version: &str) -> bool {
    let rest = package.trim_start_matches("linux-image-").trim_start_matches("linux-binary-").strip_prefix(version);
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Returns the file that a shell would run by this name.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // An unprivileged user's PATH often lacks the sbin directories, where mkfs is.
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

/// Opens a suite, with the files of apt below `work`.
pub fn open_apt(work: &Path, suite: &str, debian: &str) -> Result<Apt> {
    Apt::open(&work.join("apt"), suite, debian)
}

/// Returns a program in a root directory.
fn program_in(root: &Path, program: &str) -> Option<PathBuf> {
    let directories = ["usr/bin", "usr/sbin", "bin", "sbin"];
    directories.iter().map(|directory| root.join(directory).join(program)).find(|path| path.is_file())
}

/// Returns the first file below `directory` whose name matches.
fn find(directory: &Path, fits: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    let mut entries = fs::read_dir(directory).ok()?.flatten();
    entries.find_map(|entry| {
        let kind = entry.file_type().ok()?;
        if kind.is_dir() {
            return find(&entry.path(), fits);
        }
        (kind.is_file() && fits(entry.file_name().to_str()?)).then(|| entry.path())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qemus_major_version_is_read_from_its_first_line() {
        let output = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright";
        assert_eq!(major_version(output), Some(10));
        assert_eq!(major_version("no such thing"), None);
    }

    #[test]
    fn a_package_is_of_a_version_only_up_to_a_whole_number() {
        assert!(is_version("linux-image-6.1.0-56-cloud-amd64", "6.1"));
        assert!(is_version("linux-binary-7.2.13+deb14-cloud-amd64", "7.2"));
        assert!(!is_version("linux-image-6.12.107+deb13-cloud-amd64", "6.1"));
    }
}

//! The architectures that the library is built for: what Debian, Rust, compilers and QEMU call them, and their emulated machines.

use anyhow::{Context, Result};
use std::env;

/// An architecture of Debian, or one with musl in place of glibc.
pub struct Architecture {
    /// Debian's name; for musl, with a prefix.
    pub name: &'static str,
    /// The architecture of the packages.
    pub debian: &'static str,
    /// Rust's name of the target.
    pub rust_target: &'static str,
    /// The name in folders of libraries.
    pub triplet: &'static str,
    /// The compiler's name of the target.
    pub compiler_target: &'static str,
    pub loader: &'static str,
    /// The Debian suite of the C library that programs are linked with.
    pub suite: &'static str,
    /// The machine that runs programs; `None` if there is none.
    pub machine: Option<&'static Machine>,
}

/// An emulated machine.
pub struct Machine {
    /// The architecture of its kernel.
    pub debian: &'static str,
    pub qemu: &'static str,
    pub qemu_package: &'static str,
    /// The machine and its processor.
    pub arguments: &'static [&'static str],
    /// The kernel's name of the console.
    pub console: &'static str,
    /// Arguments for the line by which the guest talks to the host, in addition to the console.
    pub line_arguments: &'static [&'static str],
    /// The guest's name of that line.
    pub line: &'static str,
    pub disk: &'static str,
    /// Added to the kernel's command line.
    pub kernel_arguments: &'static str,
    /// Debian's package of a kernel that has everything built in that a guest needs; `None` if there is none.
    pub cloud_kernel: Option<&'static str>,
    pub standard_kernel: &'static str,
    /// The kernel's highest number of nodes.
    pub max_nodes: usize,
    /// Whether nodes may have no CPUs.
    pub has_memory_only_nodes: bool,
    /// Shapes beyond those of plain nodes.
    pub shapes: &'static [&'static str],
}

const ON_STDIO: &[&str] = &["-serial", "stdio"];
const VIRTIO_ON_STDIO: &[&str] =
    &["-chardev", "stdio,id=line", "-device", "virtio-serial-pci", "-device", "virtconsole,chardev=line"];

const NVME: &str = "nvme,serial=numars,drive=disk";

const PC: Machine = Machine {
    debian: "amd64",
    qemu: "qemu-system-x86_64",
    qemu_package: "qemu-system-x86",
    arguments: &["-cpu", "max"],
    console: "ttyS0",
    line_arguments: ON_STDIO,
    line: "ttyS1",
    // The other buses belong to shapes.
    disk: "nvme,serial=numars,drive=disk,bus=pci.0",
    // On a busy machine, the kernel's check that timer interrupts arrive may fail ("IO-APIC + timer doesn't work!").
    kernel_arguments: "no_timer_check",
    cloud_kernel: Some("linux-image-cloud-amd64"),
    standard_kernel: "linux-image-amd64",
    max_nodes: 1024,
    has_memory_only_nodes: true,
    shapes: &["tiers", "removable-memory", "shared-cpus", "gigantic-pages", "devices"],
};

const ARM64: Machine = Machine {
    debian: "arm64",
    qemu: "qemu-system-aarch64",
    qemu_package: "qemu-system-arm",
    // With `-cpu max`, instructions of newer processors are emulated, which is much slower.
    arguments: &["-machine", "virt,gic-version=3", "-cpu", "neoverse-n1"],
    console: "ttyAMA0",
    line_arguments: ON_STDIO,
    line: "ttyAMA1",
    disk: NVME,
    kernel_arguments: "",
    cloud_kernel: Some("linux-image-cloud-arm64"),
    standard_kernel: "linux-image-arm64",
    max_nodes: 16,
    has_memory_only_nodes: true,
    shapes: &["gigantic-pages"],
};

/// Neoverse processors have no 32-bit instructions.
const ARM64_WITH_32_BITS: Machine =
    Machine { arguments: &["-machine", "virt,gic-version=3", "-cpu", "cortex-a72"], ..ARM64 };

const RISCV64: Machine = Machine {
    debian: "riscv64",
    qemu: "qemu-system-riscv64",
    qemu_package: "qemu-system-riscv",
    arguments: &["-machine", "virt", "-cpu", "max"],
    console: "ttyS0",
    line_arguments: VIRTIO_ON_STDIO,
    line: "hvc0",
    disk: NVME,
    kernel_arguments: "",
    cloud_kernel: None,
    standard_kernel: "linux-image-riscv64",
    max_nodes: 4,
    has_memory_only_nodes: false,
    shapes: &[],
};

const POWER: Machine = Machine {
    debian: "ppc64el",
    qemu: "qemu-system-ppc64",
    qemu_package: "qemu-system-ppc",
    // The emulator has none of the mitigations that the machine has by default.
    arguments: &[
        "-machine",
        "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off",
        "-cpu",
        "power9",
    ],
    console: "hvc0",
    line_arguments: ON_STDIO,
    line: "hvc1",
    disk: NVME,
    kernel_arguments: "",
    cloud_kernel: None,
    standard_kernel: "linux-image-powerpc64le",
    max_nodes: 256,
    has_memory_only_nodes: true,
    shapes: &[],
};

const S390X: Machine = Machine {
    debian: "s390x",
    qemu: "qemu-system-s390x",
    qemu_package: "qemu-system-misc",
    arguments: &["-machine", "s390-ccw-virtio", "-cpu", "max"],
    console: "ttysclp0",
    line_arguments: &[
        "-chardev",
        "stdio,id=line",
        "-device",
        "virtio-serial-ccw",
        "-device",
        "virtconsole,chardev=line",
    ],
    line: "hvc0",
    disk: "virtio-blk-ccw,drive=disk",
    kernel_arguments: "",
    cloud_kernel: None,
    standard_kernel: "linux-image-s390x",
    // The kernel is built without NUMA.
    max_nodes: 1,
    has_memory_only_nodes: false,
    shapes: &[],
};

pub const ARCHITECTURES: &[Architecture] = &[
    Architecture {
        name: "amd64",
        debian: "amd64",
        rust_target: "x86_64-unknown-linux-gnu",
        triplet: "x86_64-linux-gnu",
        compiler_target: "x86_64-linux-gnu",
        loader: "ld-linux-x86-64.so.2",
        suite: "bookworm",
        machine: Some(&PC),
    },
    Architecture {
        name: "arm64",
        debian: "arm64",
        rust_target: "aarch64-unknown-linux-gnu",
        triplet: "aarch64-linux-gnu",
        compiler_target: "aarch64-linux-gnu",
        loader: "ld-linux-aarch64.so.1",
        suite: "bookworm",
        machine: Some(&ARM64),
    },
    Architecture {
        name: "riscv64",
        debian: "riscv64",
        rust_target: "riscv64gc-unknown-linux-gnu",
        triplet: "riscv64-linux-gnu",
        compiler_target: "riscv64-linux-gnu",
        loader: "ld-linux-riscv64-lp64d.so.1",
        suite: "trixie",
        machine: Some(&RISCV64),
    },
    Architecture {
        name: "ppc64el",
        debian: "ppc64el",
        rust_target: "powerpc64le-unknown-linux-gnu",
        triplet: "powerpc64le-linux-gnu",
        compiler_target: "powerpc64le-linux-gnu",
        loader: "ld64.so.2",
        suite: "bookworm",
        machine: Some(&POWER),
    },
    Architecture {
        name: "s390x",
        debian: "s390x",
        rust_target: "s390x-unknown-linux-gnu",
        triplet: "s390x-linux-gnu",
        compiler_target: "s390x-linux-gnu",
        loader: "ld64.so.1",
        suite: "bookworm",
        machine: Some(&S390X),
    },
    Architecture {
        name: "loong64",
        debian: "loong64",
        rust_target: "loongarch64-unknown-linux-gnu",
        triplet: "loongarch64-linux-gnu",
        compiler_target: "loongarch64-linux-gnu",
        loader: "ld-linux-loongarch-lp64d.so.1",
        suite: "sid",
        machine: None,
    },
    Architecture {
        name: "i386",
        debian: "i386",
        rust_target: "i686-unknown-linux-gnu",
        triplet: "i386-linux-gnu",
        compiler_target: "i686-linux-gnu",
        loader: "ld-linux.so.2",
        suite: "bookworm",
        machine: Some(&PC),
    },
    Architecture {
        name: "armhf",
        debian: "armhf",
        rust_target: "armv7-unknown-linux-gnueabihf",
        triplet: "arm-linux-gnueabihf",
        compiler_target: "arm-linux-gnueabihf",
        loader: "ld-linux-armhf.so.3",
        suite: "bookworm",
        machine: Some(&ARM64_WITH_32_BITS),
    },
    Architecture {
        name: "musl-amd64",
        debian: "amd64",
        rust_target: "x86_64-unknown-linux-musl",
        triplet: "x86_64-linux-musl",
        compiler_target: "x86_64-linux-musl",
        loader: "ld-musl-x86_64.so.1",
        suite: "bookworm",
        machine: Some(&PC),
    },
    Architecture {
        name: "musl-arm64",
        debian: "arm64",
        rust_target: "aarch64-unknown-linux-musl",
        triplet: "aarch64-linux-musl",
        compiler_target: "aarch64-linux-musl",
        loader: "ld-musl-aarch64.so.1",
        suite: "bookworm",
        machine: Some(&ARM64),
    },
];

/// Returns the suffix of a kernel with larger pages than the architecture's usual ones, and how many times the usual memory its guests
/// need.
pub fn larger_pages(kernel: &str) -> Option<(&'static str, u32)> {
    [("-16k", 2), ("-64k", 4)].into_iter().find(|(suffix, _)| kernel.ends_with(suffix))
}

/// Returns the architecture of this name.
pub fn find(name: &str) -> Result<&'static Architecture> {
    ARCHITECTURES.iter().find(|architecture| architecture.name == name).with_context(|| {
        let names: Vec<&str> = ARCHITECTURES.iter().map(|architecture| architecture.name).collect();
        format!("the architectures are {}", names.join(", "))
    })
}

/// Returns the architecture of this machine.
pub fn host() -> Result<&'static Architecture> {
    let is_host = |architecture: &&Architecture| architecture.rust_target.split('-').next() == Some(env::consts::ARCH);
    ARCHITECTURES.iter().find(is_host).with_context(|| {
        format!("no such machine as this one, {}, is known; add it to architectures.rs", env::consts::ARCH)
    })
}

impl Architecture {
    pub fn is_musl(&self) -> bool {
        self.triplet.ends_with("musl")
    }

    /// Returns the machine that runs programs of this architecture.
    pub fn machine(&self) -> Result<&'static Machine> {
        self.machine.with_context(|| format!("there is no guest for {}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for architecture in ARCHITECTURES {
            assert_eq!(find(architecture.name).unwrap().rust_target, architecture.rust_target);
        }
        assert!(find("vax").is_err());
    }

    #[test]
    fn the_host_is_one_of_them() {
        assert_eq!(host().unwrap().rust_target.split('-').next(), Some(env::consts::ARCH));
        assert!(!host().unwrap().is_musl());
    }
}

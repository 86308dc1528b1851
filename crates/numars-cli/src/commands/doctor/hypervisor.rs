//! Whether this is a virtual machine, and one whose CPUs are emulated by software.

use super::files::Files;

/// Returns the name of the hypervisor if this is a virtual machine.
pub fn hypervisor(files: &Files) -> Option<String> {
    if is_emulated(files) {
        return Some("QEMU without hardware support".into());
    }
    let dmi = |name: &str| files.read(format!("sys/class/dmi/id/{name}")).unwrap_or_default();
    let (vendor, product) = (dmi("sys_vendor"), dmi("product_name"));
    const NAMES: [&str; 9] =
        ["QEMU", "KVM", "VMware", "VirtualBox", "Bochs", "BHYVE", "Parallels", "OpenStack", "Apple Virtualization"];
    let hypervisor = NAMES.into_iter().find(|name| vendor.contains(name) || product.contains(name));
    if let Some(name) = hypervisor {
        return Some(name.to_owned());
    }
    if vendor.contains("Microsoft") && product.contains("Virtual Machine") {
        return Some("Hyper-V".into());
    }
    if let Ok(kind) = files.read("sys/hypervisor/type") {
        return Some(kind);
    }
    if let Ok(compatible) = files.read("proc/device-tree/hypervisor/compatible") {
        return Some(compatible.replace('\0', " "));
    }
    if files.read("proc/sysinfo").is_ok_and(|text| text.contains("VM00 Control Program")) {
        return files.field("proc/sysinfo", "VM00 Control Program");
    }
    let flags = files.field("proc/cpuinfo", "flags").unwrap_or_default();
    flags.split(' ').any(|flag| flag == "hypervisor").then(|| "a hypervisor".into())
}

/// Returns whether the CPUs are QEMU's own, which no hardware executes.
pub fn is_emulated(files: &Files) -> bool {
    let text = files.read("proc/cpuinfo").unwrap_or_default();
    // Of x86; ppc64 and riscv64 name the machine.
    ["QEMU TCG CPU", "QEMU Virtual CPU", "emulated by qemu"].iter().any(|name| text.contains(name))
}

#[cfg(test)]
mod tests {
    use super::super::files::fixture::Fixture;
    use super::*;

    #[test]
    fn virtual_and_emulated_machines_are_recognized() {
        let fixture = Fixture::new(&[("proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu vme\n")]);
        assert_eq!(hypervisor(&fixture.files), None);
        fixture.add(&[("proc/cpuinfo", "model name\t: AMD EPYC\nflags\t\t: fpu hypervisor vme\n")]);
        assert_eq!(hypervisor(&fixture.files).as_deref(), Some("a hypervisor"));
        fixture.add(&[("sys/class/dmi/id/sys_vendor", "VMware, Inc.\n")]);
        assert_eq!(hypervisor(&fixture.files).as_deref(), Some("VMware"));
        assert!(!is_emulated(&fixture.files));
        fixture.add(&[("proc/cpuinfo", "model name\t: QEMU TCG CPU version 2.5+\n")]);
        assert!(is_emulated(&fixture.files) && hypervisor(&fixture.files).is_some());
    }
}

//! What the user, the container and the security modules permit.

use super::files::Files;
use super::{Check, System};
use crate::process::{self, CAP_SYS_NICE, CAP_SYS_PTRACE};
use numars::Errno;

/// Returns the checks of permissions.
pub fn checks(system: &System) -> Vec<Check> {
    let files = &system.files;
    let mut checks = vec![seccomp(system), container(system), file_systems(files)];
    checks.extend(hidden_processes(files));
    checks.extend([user_namespace(files), nice(system), ptrace(files), ptrace_scope(files)]);
    checks
}

/// Returns whether this process has a capability. None: unknown.
pub fn has_capability(files: &Files, capability: u32) -> Option<bool> {
    process::has_capability(&files.read("proc/self/status").ok()?, capability)
}

/// Returns whether this process may see and move processes of other users. None: unknown.
pub fn may_trace(files: &Files) -> Option<bool> {
    has_capability(files, CAP_SYS_PTRACE)
}

fn seccomp(system: &System) -> Check {
    const NAME: &str = "seccomp";
    match system.files.field("proc/self/status", "Seccomp").as_deref() {
        Some("0") => Check::ok(NAME, "no filter of system calls"),
        Some("2") if system.calls.any_refused(Errno::EPERM) => {
            Check::note(NAME, "a filter of system calls is active, and the likely reason for EPERM above")
        }
        Some("2") => Check::ok(NAME, "a filter of system calls is active, and permits those above"),
        Some(mode) => Check::note(NAME, format!("mode {mode}")),
        None => Check::unknown(NAME, "/proc/self/status does not say"),
    }
}

fn container(system: &System) -> Check {
    const NAME: &str = "container";
    let files = &system.files;
    let by_variable = (system.variable)("container").filter(|name| !name.is_empty());
    let by_systemd = || files.read("run/systemd/container").ok().filter(|name| !name.is_empty());
    let kind = by_variable.or_else(by_systemd).or_else(|| {
        let marks = [
            (".dockerenv", "docker"),
            ("run/.containerenv", "podman"),
            ("var/run/secrets/kubernetes.io", "kubernetes"),
        ];
        marks.iter().find(|(file, _)| files.exist(file)).map(|(_, kind)| (*kind).to_owned())
    });
    match kind {
        Some(kind) => Check::note(NAME, format!("in a container ({kind}), which may hide nodes and forbid calls")),
        None => Check::ok(NAME, "no sign of a container"),
    }
}

/// Checks that /proc and /sys are there.
fn file_systems(files: &Files) -> Check {
    const NAME: &str = "proc_and_sys";
    let missing: Vec<&str> = [("/proc", "proc/self/status"), ("/sys", "sys/devices/system/node/online")]
        .into_iter()
        .filter(|(_, file)| !files.exist(file))
        .map(|(name, _)| name)
        .collect();
    if missing.is_empty() {
        return Check::ok(NAME, "/proc and /sys are mounted and have nodes");
    }
    if missing == ["/sys"] && files.exist("sys/devices/system/cpu") {
        return Check::note(NAME, "/sys has no nodes: the kernel was built without CONFIG_NUMA, or they are hidden");
    }
    Check::problem(NAME, format!("{} missing: nodes or CPUs and their sizes are not known", missing.join(" and ")))
        .remedy("mount them, read-only if need be, in the container or chroot")
}

/// Reports that /proc hides processes of other users.
fn hidden_processes(files: &Files) -> Option<Check> {
    let mounts = files.read("proc/self/mountinfo").ok()?;
    let proc = mounts.lines().rfind(|line| line.split(' ').nth(4) == Some("/proc"))?;
    let hidden = proc.split([' ', ',']).find_map(|option| option.strip_prefix("hidepid="))?;
    (!["0", "off"].contains(&hidden)).then(|| {
        Check::note("hidepid", format!("/proc hides processes of other users (hidepid={hidden})"))
            .remedy("add this user to the group of the mount option gid, or run as root")
    })
}

/// Reports a user namespace, whose capabilities do not count for NUMA.
fn user_namespace(files: &Files) -> Check {
    const NAME: &str = "user_namespace";
    let Ok(map) = files.read("proc/self/uid_map") else {
        return Check::unknown(NAME, "/proc/self/uid_map cannot be read");
    };
    let words: Vec<&str> = map.split_whitespace().collect();
    if words == ["0", "0", "4294967295"] {
        Check::ok(NAME, "the initial one")
    } else {
        Check::note(NAME, "not the initial one: its CAP_SYS_NICE does not permit moving shared pages")
    }
}

fn nice(system: &System) -> Check {
    const NAME: &str = "CAP_SYS_NICE";
    let remedy = "run as root, or give the program the capability: setcap cap_sys_nice+ep FILE";
    match (system.calls.move_shared, has_capability(&system.files, CAP_SYS_NICE)) {
        (Ok(()), _) => Check::ok(NAME, "pages that several processes share can be moved"),
        (Err(_), Some(true)) if system.calls.move_pages.is_err() => Check::ok(NAME, "present"),
        (Err(_), Some(true)) => Check::note(NAME, "present, but pages that several processes share cannot be moved"),
        (Err(_), _) => Check::note(NAME, "missing: pages that several processes share cannot be moved").remedy(remedy),
    }
}

fn ptrace(files: &Files) -> Check {
    const NAME: &str = "CAP_SYS_PTRACE";
    match has_capability(files, CAP_SYS_PTRACE) {
        Some(true) => Check::ok(NAME, "processes of other users can be moved and inspected"),
        Some(false) => Check::note(NAME, "missing: only processes of this user can be moved and inspected")
            .remedy("run as root, or setcap cap_sys_ptrace,cap_sys_nice+ep FILE"),
        None => Check::unknown(NAME, "/proc/self/status does not say"),
    }
}

/// Says what yama's setting means here: it restricts attaching, while moving and page maps need the right to read only.
fn ptrace_scope(files: &Files) -> Check {
    const NAME: &str = "ptrace_scope";
    match files.number("proc/sys/kernel/yama/ptrace_scope") {
        Some(0) => Check::ok(NAME, "0: not restricted"),
        Some(scope) => Check::ok(NAME, format!("{scope}: restricts debuggers; moves and page maps are not affected")),
        None => Check::ok(NAME, "the kernel has no such restriction (yama)"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::super::calls::Calls;
    use super::super::files::fixture::Fixture;
    use super::*;

    fn system(fixture: &Fixture, calls: Calls) -> System {
        System { files: fixture.files.clone(), topology: Err(String::new()), calls, variable: |_| None }
    }

    fn mark(fixture: &Fixture, calls: Calls, name: &str) -> Mark {
        checks(&system(fixture, calls)).iter().find(|check| check.name == name).unwrap().mark
    }

    #[test]
    fn a_filter_is_blamed_only_for_what_is_refused() {
        let fixture = Fixture::new(&[("proc/self/status", "Seccomp:\t2\nCapEff:\t00000000a80425fb\n")]);
        assert_eq!(mark(&fixture, Calls::all(Err(Errno::EPERM)), "seccomp"), Mark::Note);
        assert_eq!(mark(&fixture, Calls::all(Ok(())), "seccomp"), Mark::Ok);
        // Docker's capabilities are without both.
        assert_eq!(mark(&fixture, Calls::all(Err(Errno::EPERM)), "CAP_SYS_NICE"), Mark::Note);
        assert_eq!(mark(&fixture, Calls::all(Ok(())), "CAP_SYS_PTRACE"), Mark::Note);
        assert_eq!(mark(&fixture, Calls::all(Ok(())), "proc_and_sys"), Mark::Problem);
        fixture.add(&[("sys/devices/system/node/online", "0\n"), (".dockerenv", "")]);
        assert_eq!(mark(&fixture, Calls::all(Ok(())), "proc_and_sys"), Mark::Ok);
        assert_eq!(mark(&fixture, Calls::all(Ok(())), "container"), Mark::Note);
    }

    #[test]
    fn capabilities_are_bits_of_a_hexadecimal_number() {
        let fixture = Fixture::new(&[("proc/self/status", "CapEff:\t0000000000800000\n")]);
        assert_eq!(has_capability(&fixture.files, CAP_SYS_NICE), Some(true));
        assert_eq!(has_capability(&fixture.files, CAP_SYS_PTRACE), Some(false));
        fixture.add(&[("proc/self/status", "CapEff:\tx\n")]);
        assert_eq!(has_capability(&fixture.files, CAP_SYS_NICE), None);
    }

    #[test]
    fn namespaces_and_hidden_processes_are_noticed() {
        let mount = "24 28 0:22 / /proc rw,nosuid shared:5 - proc proc rw,gid=4,hidepid=invisible\n";
        let fixture = Fixture::new(&[("proc/self/uid_map", "0 1000 1\n"), ("proc/self/mountinfo", mount)]);
        assert_eq!(user_namespace(&fixture.files).mark, Mark::Note);
        assert!(hidden_processes(&fixture.files).unwrap().message.contains("invisible"));
        fixture.add(&[
            ("proc/self/uid_map", "         0          0 4294967295\n"),
            ("proc/self/mountinfo", "24 28 0:22 / /proc rw,nosuid shared:5 - proc proc rw\n"),
        ]);
        assert_eq!(user_namespace(&fixture.files).mark, Mark::Ok);
        assert!(hidden_processes(&fixture.files).is_none());
    }
}

//! Boots one guest and monitors it until it ends.

use crate::architectures;
use crate::cache::{Cache, Parts};
use crate::elf;
use crate::frames::{Frame, Frames};
use crate::shapes::Shape;
use crate::tap::Ending;
use crate::tree::Tree;
use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const INIT: &str = include_str!("init.sh");

/// How long a guest may be silent beyond its program's own time limit: while it boots, and between programs. A busy
/// machine is slow, so this is generous; only a guest that hangs reaches it.
pub const PATIENCE: Duration = Duration::from_secs(60);

const CONSOLE_LINES: usize = 60;

/// The failure of a guest whose emulator has ended too early.
const DIED: &str = "died";

/// The failure of a guest that is silent for too long.
const HANGS: &str = "hangs";

/// Options that are the same for all programs of a guest.
#[derive(clap::Args)]
pub struct Options {
    /// Copy a host file or directory to GUEST, or to the guest's root directory
    #[arg(long = "add", value_name = "HOST[:GUEST]")]
    adds: Vec<String>,
    /// Copy a directory tree over the guest's root directory
    #[arg(long = "overlay", value_name = "DIR")]
    overlays: Vec<PathBuf>,
    /// Search for the libraries of programs of another architecture here too, before those of the toolchain
    #[arg(long = "libraries", value_name = "DIR")]
    pub libraries: Vec<PathBuf>,
    /// Run all programs on the C library of this Debian suite
    #[arg(long, value_name = "SUITE")]
    c_library: Option<String>,
    /// Set an environment variable for the programs
    #[arg(long = "env", value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Memory of each node that has any, instead of the shape's own
    #[arg(long, value_name = "MIB")]
    memory: Option<u32>,
    /// Show the guest's console
    #[arg(long, short)]
    pub verbose: bool,
}

/// A host program to run in the guest.
pub struct Job {
    pub program: PathBuf,
    pub args: Vec<String>,
}

pub struct Guest<'a> {
    pub cache: &'a Cache,
    pub kernel: &'a str,
    pub shape: &'static Shape,
    pub options: &'a Options,
    pub jobs: &'a [Job],
    /// The time limit of each program.
    pub limit: Duration,
    /// Whether the programs' output is a pipe instead of a terminal.
    pub piped: bool,
    /// See [`PATIENCE`].
    pub patience: Duration,
}

pub enum Event<'a> {
    Begin,
    Output(&'a [u8]),
    /// The program with this number has ended, after this time.
    End(usize, Ending, Duration),
}

/// How a guest ended, and how long it took.
pub struct Report {
    pub release: String,
    pub first_program: Option<Duration>,
    pub total: Duration,
    /// Why the guest did not shut down properly.
    pub trouble: Option<String>,
    /// What the kernel reported while programs ran.
    pub complaints: Vec<String>,
    pub console: String,
}

impl Guest<'_> {
    /// Runs all jobs in order and reports each event to `on_event`. An error is one of this machine; failures in the guest
    /// are in the report.
    pub fn run(&self, on_event: &mut dyn FnMut(Event) -> Result<()>) -> Result<Report> {
        let start = Instant::now();
        let parts = self.cache.parts(self.kernel, self.shape.kernel)?;
        let work = TempDir::with_prefix("vm-")?;
        let token = token()?;
        let archive = File::create(work.path().join("initramfs"))?;
        self.tree(&parts, &token)?.write(BufWriter::new(archive))?;
        let mut command = self.command(&parts, work.path())?;
        self.boot(&mut command, work.path(), &token, start, on_event)
    }

    /// Runs the emulator until the guest has finished or failed. An emulator that crashes before the first program
    /// starts, or whose guest hangs there, is restarted once, because that says nothing about the programs.
    fn boot(
        &self,
        command: &mut Command,
        work: &Path,
        token: &str,
        start: Instant,
        on_event: &mut dyn FnMut(Event) -> Result<()>,
    ) -> Result<Report> {
        let mut report = Report {
            release: String::new(),
            first_program: None,
            total: Duration::ZERO,
            trouble: None,
            complaints: Vec::new(),
            console: String::new(),
        };
        let mut qemu = Qemu::start(command)?;
        report.trouble = self.follow(&mut qemu, token, start, &mut report, on_event)?;
        let failure = match report.trouble.as_deref() {
            _ if report.first_program.is_some() => None,
            Some(DIED) => qemu.crash().map(|crash| format!("QEMU crashed before the first program started, {crash}")),
            Some(HANGS) => Some("the guest hung before the first program started".into()),
            _ => None,
        };
        if let Some(failure) = failure {
            let log = fs::read(work.join("qemu.log")).unwrap_or_default();
            let last_words = String::from_utf8_lossy(&log).lines().last().map(|line| format!(" ({line})"));
            eprintln!(
                "vm: {} {}: {failure}{}; starting the guest once more",
                self.kernel,
                self.shape.name,
                last_words.unwrap_or_default()
            );
            drop(qemu);
            qemu = Qemu::start(command)?;
            report.trouble = self.follow(&mut qemu, token, start, &mut report, on_event)?;
        }
        // Killed, if it still runs: its logs are complete now.
        drop(qemu);

        report.total = start.elapsed();
        for log in ["qemu.log", "console.log"] {
            let log = fs::read(work.join(log)).unwrap_or_default();
            report.console += &String::from_utf8_lossy(&log).replace('\r', "");
        }
        report.complaints = complaints(&report.console);
        Ok(report)
    }

    /// Reads the second serial line up to the last mark; returns the reason if that never comes.
    fn follow(
        &self,
        qemu: &mut Qemu,
        token: &str,
        start: Instant,
        report: &mut Report,
        on_event: &mut dyn FnMut(Event) -> Result<()>,
    ) -> Result<Option<String>> {
        let mut frames = Frames::new(token);
        // Every program must start and end, in order: a lost mark must not become a pass.
        let mut program = 0;
        let mut running = false;
        let mut begun = Instant::now();
        let mut deadline = begun + self.patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let piece = match qemu.line.recv_timeout(left) {
                Ok(piece) => piece,
                Err(RecvTimeoutError::Timeout) => return Ok(Some(HANGS.into())),
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Some(DIED.into()));
                }
            };
            for frame in frames.feed(&piece) {
                let words = match &frame {
                    Frame::Output(output) => {
                        on_event(Event::Output(output))?;
                        continue;
                    }
                    Frame::Mark(words) => words.split(' ').collect::<Vec<_>>(),
                };
                deadline = Instant::now() + self.patience;
                match words.as_slice() {
                    ["kernel", release] => report.release = (*release).into(),
                    ["begin", number] if !running && number.parse() == Ok(program) => {
                        running = true;
                        begun = Instant::now();
                        deadline += self.limit;
                        report.first_program.get_or_insert(start.elapsed());
                        on_event(Event::Begin)?;
                    }
                    ["end", number, status] if running && number.parse() == Ok(program) => {
                        running = false;
                        let took = begun.elapsed();
                        on_event(Event::End(program, self.ending(status.parse()?, took), took))?;
                        program += 1;
                    }
                    ["done"] if program == self.jobs.len() => return Ok(None),
                    _ => return Ok(Some(format!("said {frame:?} out of turn"))),
                }
            }
        }
    }

    /// The guest kills a program that takes too long, which looks like any other SIGKILL from outside.
    fn ending(&self, status: i32, took: Duration) -> Ending {
        const KILLED: i32 = 128 + 9;
        // The two clocks may differ a little.
        if status == KILLED && took.as_secs_f64() > self.limit.as_secs_f64() * 0.95 {
            return Ending::Cut(format!("timed out after {} s", self.limit.as_secs()));
        }
        Ending::Status(status)
    }

    fn tree(&self, parts: &Parts, token: &str) -> Result<Tree> {
        let target = self.cache.target;
        let mut tree = Tree::new(&parts.busybox, INIT, target.triplet)?;
        if let Some(modules) = &parts.kernel.modules {
            tree.add(modules, Path::new("/lib/modules"))?;
        }
        let mut environment = String::new();
        for variable in &self.options.env {
            let (name, value) = variable.split_once('=').with_context(|| format!("--env {variable}: no \"=\""))?;
            writeln!(environment, "export {name}={}", quoted(value))?;
        }
        // The host's loader finds libraries for its own programs only.
        let is_foreign = target.name != self.cache.host.name;
        let folders = if is_foreign { Some(self.cache.library_folders(&self.options.libraries)?) } else { None };
        for (number, job) in self.jobs.iter().enumerate() {
            let program = program_in_guest(number, &job.program)?;
            let libraries = match &folders {
                None => elf::libraries_of_host(&job.program)?,
                Some(folders) => elf::libraries_in(folders, &job.program)?,
            };
            tree.program(&job.program, &program, libraries)?;
            let mut script = environment.clone();
            write!(script, "cd /tmp && exec {}", quoted(&program.to_string_lossy()))?;
            for arg in &job.args {
                write!(script, " {}", quoted(arg))?;
            }
            // Four digits: the shell runs them in the order of their names.
            tree.text(&format!("vm/jobs/{number:04}"), &script, 0o644);
        }
        let limit = self.limit.as_secs();
        let piped = if self.piped { "yes" } else { "no" };
        let line = target.machine()?.line;
        let settings = format!("token={token}\nlimit={limit}\npiped={piped}\nline={line}\n");
        tree.text("vm/settings", &settings, 0o600);

        for add in &self.options.adds {
            let (host, guest) = match add.split_once(':') {
                Some((host, guest)) => (Path::new(host), PathBuf::from(guest)),
                None => {
                    let host = Path::new(add);
                    let name = host.file_name();
                    let name = name.with_context(|| format!("--add {add} has no name"))?;
                    (host, PathBuf::from(name))
                }
            };
            tree.add(host, &guest)?;
        }
        if let Some(suite) = &self.options.c_library {
            for file in self.cache.c_library(suite)? {
                let name = file.file_name().context("a file has a name")?;
                tree.add(&file, &Path::new("/usr/lib").join(name))?;
            }
        }
        for overlay in &self.options.overlays {
            ensure!(overlay.is_dir(), "the overlay {} is not a directory", overlay.display());
            tree.add(overlay, Path::new("/"))?;
        }
        Ok(tree)
    }

    fn command(&self, parts: &Parts, work: &Path) -> Result<Command> {
        let machine = self.cache.target.machine()?;
        // QEMU splits this argument at commas; a comma is written twice.
        let disk = parts.disk.to_str().context("the cache's path")?;
        let disk = disk.replace(',', ",,");
        let mut command = parts.qemu.qemu();
        command
            .current_dir(work)
            .args(["-no-user-config", "-nodefaults"])
            // Never /dev/kvm: where it exists it may still hang the guest, and results must not depend on it.
            .args(["-accel", "tcg,thread=multi"])
            .args(machine.arguments)
            .args(self.shape.qemu_args(self.options.memory, memory_scale(self.kernel), machine))
            .args(["-display", "none", "-vga", "none", "-nic", "none"])
            .arg("-no-reboot")
            .args(["-serial", "file:console.log"])
            .args(machine.line_arguments)
            .arg("-drive")
            .arg(format!("if=none,id=disk,format=raw,snapshot=on,file={disk}"))
            .args(["-device", machine.disk])
            .arg("-kernel")
            .arg(&parts.kernel.image)
            .args(["-initrd", "initramfs", "-append"])
            // Removable memory only holds movable pages.
            .arg(format!(
                "console={} quiet panic=-1 oops=panic printk.devkmsg=on memhp_default_state=online_movable {} {}",
                machine.console, machine.kernel_arguments, self.shape.kernel_arguments
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(work.join("qemu.log"))?);
        Ok(command)
    }
}

impl Report {
    /// The end of the console, for a guest that failed.
    pub fn last_console_lines(&self) -> String {
        let lines: Vec<&str> = self.console.lines().collect();
        let shown = &lines[lines.len().saturating_sub(CONSOLE_LINES)..];
        shown.iter().map(|line| format!("  | {line}\n")).collect()
    }
}

/// A running QEMU, killed when dropped.
struct Qemu {
    child: Child,
    /// The contents of the guest's second serial line, piece by piece.
    line: Receiver<Vec<u8>>,
}

impl Qemu {
    fn start(command: &mut Command) -> Result<Self> {
        // SAFETY: the closure makes one system call and touches no memory of ours, as is required between fork
        // and exec. It keeps QEMU from outliving us, however we end.
        unsafe {
            command.pre_exec(|| {
                let signal = Some(rustix::process::Signal::KILL);
                Ok(rustix::process::set_parent_process_death_signal(signal)?)
            });
        }
        let mut child = command.spawn().context("cannot start QEMU")?;
        let mut stdout = child.stdout.take().context("QEMU has no output")?;
        let (sender, line) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(n @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, line })
    }
}

impl Qemu {
    /// Returns how QEMU ended if a signal ended it, as abort(3) does. When a guest panics, QEMU exits with a status
    /// instead.
    fn crash(&mut self) -> Option<ExitStatus> {
        // It has closed its output, so it ends soon.
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.signal().map(|_| status),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
                _ => return None,
            }
        }
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns how many times the usual memory a guest needs whose kernel has larger pages.
fn memory_scale(kernel: &str) -> u32 {
    architectures::larger_pages(kernel).map_or(1, |(_, scale)| scale)
}

/// Programs of the same name may come from different directories.
fn program_in_guest(number: usize, program: &Path) -> Result<PathBuf> {
    let name = program.file_name().context("a program has no name")?;
    Ok(Path::new("/vm").join(format!("{number:04}")).join(name))
}

fn token() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Quotes a word for the shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What the kernel reported after boot, each line with the program that ran. These lines are shown, but fail no test:
/// an oops ends the guest anyway (oops=panic), and the rest (a lockup because this machine is busy, a kernel's own
/// WARNING) says nothing about the results.
fn complaints(console: &str) -> Vec<String> {
    let mut program = None;
    let mut found = Vec::new();
    for line in console.lines() {
        if let Some((_, number)) = line.split_once("vm: program ") {
            program = number.trim().parse::<usize>().ok();
        } else if let Some(program) = program {
            if ["BUG:", "WARNING:", "Oops"].iter().any(|word| line.contains(word)) {
                found.push(format!("program {program}: {line}"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_is_one_word_to_the_shell() {
        let word = "it's $HOME; `x`\n\"";
        let echoed = Command::new("sh").args(["-c", &format!("printf %s {}", quoted(word))]).output().unwrap();
        assert_eq!(echoed.stdout, word.as_bytes());
    }

    /// Boots a guest with one program by an emulator that is a shell script. `$boot` is the number of this start, and
    /// `mark` prints a mark like the guest. Returns the guest's failure, and how often the emulator was started.
    fn boot_by(script: &str) -> (Option<String>, usize) {
        let work = TempDir::with_prefix("vm-test-").unwrap();
        let prepare = "echo >>boots; boot=$(wc -l <boots); mark() { printf '\\036t0k %s\\n' \"$*\"; }";
        let mut command = Command::new("sh");
        command.current_dir(work.path()).args(["-c", &format!("{prepare}\n{script}")]);
        command.stdout(Stdio::piped()).stderr(File::create(work.path().join("qemu.log")).unwrap());
        let guest = Guest {
            cache: &Cache::new(work.path().join("cache"), None).unwrap(),
            kernel: "6.12",
            shape: crate::shapes::find(crate::shapes::DEFAULT).unwrap(),
            options: &Options {
                adds: Vec::new(),
                libraries: Vec::new(),
                overlays: Vec::new(),
                c_library: None,
                env: Vec::new(),
                memory: None,
                verbose: false,
            },
            jobs: &[Job { program: "program".into(), args: Vec::new() }],
            limit: Duration::from_secs(60),
            piped: false,
            patience: Duration::from_secs(2),
        };
        let report = guest.boot(&mut command, work.path(), "t0k", Instant::now(), &mut |_| Ok(())).unwrap();
        (report.trouble, fs::read(work.path().join("boots")).unwrap().len())
    }

    const GOOD: &str = "mark kernel 6.12; mark begin 0; mark end 0 0; mark done; sleep 100";

    #[test]
    fn a_guest_is_started_once_more_if_the_emulator_crashes_while_it_boots() {
        assert_eq!(boot_by(&format!("[ $boot = 1 ] && kill -ABRT $$; {GOOD}")), (None, 2));
        assert_eq!(boot_by(&format!("[ $boot = 1 ] && mark kernel 6.12 && kill -SEGV $$; {GOOD}")), (None, 2));
        assert_eq!(boot_by(GOOD), (None, 1));
    }

    #[test]
    fn a_guest_that_hangs_while_it_boots_is_started_once_more() {
        assert_eq!(boot_by(&format!("[ $boot = 1 ] && sleep 100; {GOOD}")), (None, 2));
        assert_eq!(boot_by("mark kernel 6.12; sleep 100"), (Some(HANGS.into()), 2));
        assert_eq!(boot_by("mark begin 0; mark end 0 0; sleep 100"), (Some(HANGS.into()), 1));
    }

    #[test]
    fn a_second_crash_is_a_failure() {
        assert_eq!(boot_by("echo assertion failed >&2; kill -ABRT $$"), (Some(DIED.into()), 2));
    }

    #[test]
    fn a_guest_that_panics_or_whose_program_has_begun_is_not_started_again() {
        // As QEMU exits when a guest panics, or if its arguments are wrong.
        assert_eq!(boot_by("mark kernel 6.12; exit 0"), (Some(DIED.into()), 1));
        assert_eq!(boot_by("exit 1"), (Some(DIED.into()), 1));
        assert_eq!(boot_by("mark begin 0; kill -ABRT $$"), (Some(DIED.into()), 1));
    }

    #[test]
    fn kernel_complaints_count_from_the_first_program_on() {
        let console = "[1] WARNING: while booting\n[2] vm: program 0003\n[3] BUG: soft lockup\n";
        assert_eq!(complaints(console), ["program 3: [3] BUG: soft lockup"]);
    }
}

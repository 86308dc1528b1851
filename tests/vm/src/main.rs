//! The four-node machine: boots a Linux kernel with NUMA nodes under QEMU, runs programs of this machine in it and
//! returns their output and exit status. See README.md.

mod apt;
mod architectures;
mod cache;
mod elf;
mod frames;
mod guest;
mod shapes;
mod suite;
mod tap;
mod toolchain;
mod tree;

use anyhow::{Context, Result, bail};
use architectures::{ARCHITECTURES, Architecture};
use cache::Cache;
use clap::{Parser, Subcommand};
use guest::{Event, Guest, Job, Options};
use shapes::{SHAPES, Shape};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use suite::Suite;
use tap::Ending;

/// The exit status if the machine itself fails, as opposed to the program in it.
const MACHINE_FAILED: u8 = 125;

/// Runs programs on an emulated Linux machine with several NUMA nodes (QEMU)
#[derive(Parser)]
struct Cli {
    /// The directory for QEMU, kernels and other files that are fetched
    #[arg(long, global = true, env = "NUMARS_VM_CACHE", value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/vm"))]
    cache: PathBuf,
    /// The architecture of the programs, as Debian names it: arm64, riscv64, ppc64el, s390x, loong64, i386, armhf; musl-amd64, musl-arm64
    #[arg(long = "arch", global = true, value_name = "ARCH", value_parser = architectures::find)]
    architecture: Option<&'static Architecture>,
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Fetch what guests need, for later
    Fetch {
        /// A Debian kernel (5.10, 6.1, 6.12, newest) or the path of a vmlinuz
        #[arg(long = "kernel", value_name = "KERNEL", default_values = ["6.1", "6.12"])]
        kernels: Vec<String>,
        /// The shapes that will be used: some need a different kernel of the same version
        #[arg(long = "shape", value_name = "SHAPE", value_parser = shape, default_values = [shapes::DEFAULT])]
        shapes: Vec<&'static Shape>,
    },
    /// Run one program in a guest as if on the host
    Run {
        /// A Debian kernel (5.10, 6.1, 6.12, newest) or the path of a vmlinuz
        #[arg(long, default_value = "6.12")]
        kernel: String,
        #[arg(long, default_value = shapes::DEFAULT, value_parser = shape)]
        shape: &'static Shape,
        #[command(flatten)]
        options: Options,
        /// The program's time limit
        #[arg(long, value_name = "SECONDS", default_value_t = 600)]
        timeout: u64,
        program: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the test programs in DIR: DIR/any/* and those in subdirectories named after shapes
    Test {
        /// Debian kernels (5.10, 6.1, 6.12, newest) or paths of vmlinuz files
        #[arg(long = "kernel", value_name = "KERNEL", default_values = ["6.1", "6.12"])]
        kernels: Vec<String>,
        /// Run only this shape, with DIR/any/* too
        #[arg(long = "shape", value_name = "SHAPE", value_parser = shape)]
        shapes: Vec<&'static Shape>,
        /// Run only programs whose SUBDIRECTORY/NAME contains one of these
        #[arg(long = "filter", value_name = "SUBSTRING")]
        filters: Vec<String>,
        /// Skip programs with this in SUBDIRECTORY/NAME on this kernel (KERNEL:SUBSTRING)
        #[arg(long, value_name = "KERNEL:SUBSTRING")]
        skip: Vec<String>,
        /// Run DIR/any/* on the host, without a guest
        #[arg(long, conflicts_with_all = ["kernels", "shapes"])]
        host: bool,
        /// The number of guests, or of programs on the host, that run at the same time
        #[arg(long, default_value_t = 1)]
        jobs: usize,
        #[command(flatten)]
        options: Options,
        /// The time limit of each program
        #[arg(long, value_name = "SECONDS", default_value_t = 120)]
        timeout: u64,
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Fetch Debian's libnuma of a suite with the C library that it needs, and print the directory that contains both
    Reference {
        /// bookworm, trixie, …
        suite: String,
    },
    /// Fetch packages of a Debian suite with everything that they depend on, and print the directory that they are
    /// unpacked in
    Packages {
        /// bookworm, trixie, …
        suite: String,
        #[arg(required = true, value_name = "PACKAGE")]
        packages: Vec<String>,
    },
    /// Fetch compilers and the C library for another architecture (--arch), and print commands for sh(1) that set the variables that make
    /// needs
    Toolchain {
        /// Only what compiles Rust
        #[arg(long)]
        rust_only: bool,
    },
    /// List the architectures other than the host's that the library is built for
    Architectures,
    /// List the machines that a guest can have
    Shapes,
}

fn shape(name: &str) -> Result<&'static Shape> {
    let names: Vec<&str> = SHAPES.iter().map(|shape| shape.name).collect();
    shapes::find(name).with_context(|| format!("the shapes are {}", names.join(", ")))
}

fn main() -> ExitCode {
    match perform(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("vm: {error:#}");
            ExitCode::from(MACHINE_FAILED)
        }
    }
}

fn perform(cli: Cli) -> Result<ExitCode> {
    let cache = || Cache::new(cli.cache.clone(), cli.architecture);
    match cli.command {
        Action::Fetch { kernels, shapes } => {
            let cache = cache()?;
            for (kernel, shape) in kernels.iter().flat_map(|kernel| shapes.iter().map(move |shape| (kernel, shape))) {
                cache.parts(kernel, shape.kernel)?;
            }
        }
        Action::Run { kernel, shape, options, timeout, program, args } => {
            // As a shell would find it if it is not in the current directory: `sh` for example.
            let found =
                program.to_str().filter(|name| !name.contains('/') && !program.exists()).and_then(cache::on_path);
            let guest = Guest {
                cache: &cache()?,
                kernel: &kernel,
                shape,
                options: &options,
                jobs: &[Job { program: found.unwrap_or(program), args }],
                limit: Duration::from_secs(timeout),
                piped: !io::stdout().is_terminal(),
                patience: crate::guest::PATIENCE,
            };
            return run(&guest);
        }
        Action::Test { kernels, shapes, filters, skip, host, jobs, options, timeout, directory } => {
            let suite = Suite { directory, filters, skip, limit: Duration::from_secs(timeout) };
            let tally = if host {
                suite.on_host(jobs)?
            } else {
                let cache = cache()?;
                suite.in_guests(&cache, &kernels, &shapes, &options, jobs)?
            };
            if !tally.conclude() {
                return Ok(ExitCode::FAILURE);
            }
        }
        Action::Reference { suite } => println!("{}", cache()?.reference(&suite)?.display()),
        Action::Packages { suite, packages } => {
            println!("{}", cache()?.packages(&suite, &packages)?.display());
        }
        Action::Toolchain { rust_only: true } => print!("{}", cache()?.rust_settings()?),
        Action::Toolchain { .. } => print!("{}", cache()?.toolchain()?),
        Action::Architectures => {
            let host = architectures::host()?;
            for architecture in ARCHITECTURES.iter().filter(|architecture| architecture.name != host.name) {
                println!("{}", architecture.name);
            }
        }
        Action::Shapes => {
            let machine = cli.architecture.unwrap_or(architectures::host()?).machine()?;
            for shape in SHAPES.iter().filter(|shape| shape.fits(machine)) {
                println!("{:20} {}", shape.name, shape.about);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the guest's only program, and passes on its output as it comes and its exit status.
fn run(guest: &Guest) -> Result<ExitCode> {
    let mut ending = None;
    let report = guest.run(&mut |event| {
        match event {
            Event::Begin => {}
            Event::Output(piece) => {
                let mut stdout = io::stdout();
                stdout.write_all(piece)?;
                stdout.flush()?;
            }
            Event::End(_, how, _) => ending = Some(how),
        }
        Ok(())
    })?;
    if guest.options.verbose {
        let first = report.first_program.unwrap_or(report.total);
        eprintln!(
            "{}\nvm: {} {}: Linux {}, program started after {:.1} s, guest ended after {:.1} s",
            report.console,
            guest.kernel,
            guest.shape.name,
            report.release,
            first.as_secs_f64(),
            report.total.as_secs_f64()
        );
    }
    if let Some(trouble) = &report.trouble {
        bail!("the guest {trouble}. The end of its console:\n{}", report.last_console_lines());
    }
    match ending.context("the guest ended without running the program")? {
        Ending::Status(status) => Ok(ExitCode::from(u8::try_from(status)?)),
        Ending::Cut(why) => bail!("the program {why}"),
    }
}

//! `numars run`: runs a program with a memory policy and on CPUs, and on numars instead of libnuma.

mod cpu_binding;
pub mod environment;
mod inherited;
mod policy;
pub mod program;
pub mod script;

use crate::failure::{Failure, Result, Status};
use crate::json::{self, Report};
use crate::screen::Screen;
use clap::{ArgGroup, Args};
use environment::Library;
use numars::{NodeSet, Policy, Topology};
use schemars::JsonSchema;
use serde::Serialize;
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::Command;

/// The arguments of `numars run`. The options of numactl(8) have the same names.
#[derive(Args, Debug, Default)]
#[command(group = ArgGroup::new("policy"))]
#[command(
    override_usage = "numars run [OPTIONS] [--] PROGRAM [ARGUMENT]...",
    after_help = "NODES is a list such as 0-3,8 or all or !0, or a name such as fastest, tier:4, dax:dax0.0, drm:card0 or netdev:eth0; \
                  same stands for the nodes of the other option. CPUS is such a list of CPUs. With +, numbers count what is allowed.\n\n\
                  Exit status: that of PROGRAM; 127 if it does not exist, 126 if it cannot be executed, 125 if the system \
                  refuses what was asked for, 2 if the options are wrong."
)]
pub struct RunArguments {
    /// Allocate only on these nodes (MPOL_BIND)
    #[arg(short = 'm', long, value_name = "NODES", help_heading = "Memory")]
    #[arg(group = "policy", allow_hyphen_values = true)]
    membind: Option<String>,
    /// Allocate on these nodes in turn (MPOL_INTERLEAVE)
    #[arg(short, long, value_name = "NODES", help_heading = "Memory", group = "policy", allow_hyphen_values = true)]
    interleave: Option<String>,
    /// Allocate on these nodes in turn, as often as their weights say (MPOL_WEIGHTED_INTERLEAVE)
    #[arg(short, long, value_name = "NODES", help_heading = "Memory", group = "policy", allow_hyphen_values = true)]
    weighted_interleave: Option<String>,
    /// Allocate on this node as long as it has memory (MPOL_PREFERRED)
    #[arg(short, long, value_name = "NODE", help_heading = "Memory", group = "policy", allow_hyphen_values = true)]
    preferred: Option<String>,
    /// Allocate on the nearest of these nodes as long as they have memory (MPOL_PREFERRED_MANY)
    #[arg(short = 'P', long, value_name = "NODES", help_heading = "Memory")]
    #[arg(group = "policy", allow_hyphen_values = true)]
    preferred_many: Option<String>,
    /// Allocate on the node of the CPU that allocates (MPOL_LOCAL)
    #[arg(short, long, help_heading = "Memory", group = "policy")]
    localalloc: bool,
    /// Let the kernel move pages between the nodes of --membind or --preferred-many (MPOL_F_NUMA_BALANCING); ignored with other policies
    #[arg(short, long, help_heading = "Memory")]
    balancing: bool,
    /// A home node is one of a range of memory
    #[arg(long, value_name = "NODE", hide = true)]
    home_node: Option<String>,
    /// Which CPUs the program may run on.
    #[command(flatten)]
    cpu_binding: cpu_binding::CpuBinding,
    /// Lists may name all CPUs and nodes of the machine, not only those that this process may use now
    #[arg(short, long, help_heading = "CPUs")]
    all: bool,
    /// Substitute numars for libnuma, also if the program opens it with dlopen(3)
    #[arg(long, help_heading = "Library")]
    libnuma: bool,
    /// The file of numars for --libnuma, instead of the installed one
    #[arg(long, value_name = "FILE", help_heading = "Library", requires = "libnuma")]
    library: Option<PathBuf>,
    /// Log what the program asks numars for, to standard error or to a file (NUMARS_LOG)
    #[arg(long, value_name = "FILE", help_heading = "Library", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "1")]
    log: Option<OsString>,
    /// Show the policy and the CPUs that a program would have, and run none
    #[arg(long)]
    show: bool,
    /// The program and its arguments
    #[arg(value_name = "PROGRAM", trailing_var_arg = true, required_unless_present_any = ["show", "home_node"])]
    program: Vec<OsString>,
}

/// The result of `numars run --show`: what a program would have.
#[derive(Serialize, JsonSchema, Debug)]
pub struct RunReport {
    /// The memory policy, as the kernel writes it in /proc/PID/numa_maps: `bind:0-1`. null: policy calls are forbidden.
    pub policy: Option<String>,
    /// The nodes of the policy. null: it has none.
    pub policy_nodes: Option<String>,
    /// The CPUs that it would run on.
    pub cpus: String,
    /// The nodes that the cpuset allows it to allocate on.
    pub allowed_nodes: String,
    /// What would be added to its environment, or changed there.
    pub environment: Vec<EnvironmentVariable>,
}

/// A variable of the environment.
#[derive(Serialize, JsonSchema, Debug)]
pub struct EnvironmentVariable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Report for RunReport {
    const SCHEMA: &'static str = "numars.run/1";
}

/// Runs the program. Returns only if that fails, or if none is to be run.
pub fn run(arguments: &RunArguments, screen: &Screen) -> Result<Status> {
    if screen.json && !arguments.show {
        return Err(Failure::usage("--json needs --show, because the program writes the output")
            .hint("its own --json comes after its name"));
    }
    let variables = match arguments.program.first() {
        Some(name) => prepare(arguments, name)?,
        None => Vec::new(),
    };
    // Last, because it also applies to what is done here.
    policy::apply(arguments)?;
    if arguments.show {
        return show(variables, screen);
    }
    let Some((name, rest)) = arguments.program.split_first() else {
        return Err(Failure::usage("no program is given"));
    };
    let mut command = Command::new(name);
    command.args(rest).envs(variables);
    let error = inherited::exec(&mut command);
    let failed = program::Refusal::of_exec(name, &error);
    Err(failed.into())
}

/// Finds the program, and returns the variables that are set for it.
fn prepare(arguments: &RunArguments, name: &OsString) -> Result<Vec<(OsString, OsString)>> {
    let mut variables = Vec::new();
    let file = program::find(name)?;
    if arguments.libnuma {
        let library = Library::find(arguments.library.as_deref())?;
        let real = program::interpreter(&file);
        environment::must_be_preloadable(&real.file, &library)?;
        variables.extend(environment::substitute(&library));
    }
    if let Some(log) = &arguments.log {
        variables.push(("NUMARS_LOG".into(), environment::log_destination(log)));
    }
    Ok(variables)
}

/// Shows what this process, and so a program, has now.
fn show(variables: Vec<(OsString, OsString)>, screen: &Screen) -> Result<Status> {
    let policy = Policy::of_thread().ok();
    let nodes = policy.map_or(NodeSet::EMPTY, |policy| policy.nodes());
    let topology = Topology::read()?;
    let cpus = numars::thread_cpus()?;
    let report = RunReport {
        policy: policy.map(|policy| policy.to_string()),
        policy_nodes: (!nodes.is_empty()).then(|| nodes.to_string()),
        cpus: cpus.to_string(),
        allowed_nodes: topology.allowed_nodes().to_string(),
        environment: variables
            .into_iter()
            .map(|(name, value)| EnvironmentVariable {
                name: name.to_string_lossy().into_owned(),
                value: value.to_string_lossy().into_owned(),
            })
            .collect(),
    };
    if screen.json {
        json::print(&report)?;
    } else if !screen.quiet {
        let mut output = anstream::stdout().lock();
        writeln!(
            output,
            "policy         {}",
            report.policy.as_deref().unwrap_or("? (policy calls are forbidden here)")
        )?;
        writeln!(output, "CPUs           {}", report.cpus)?;
        writeln!(output, "allowed nodes  {}", report.allowed_nodes)?;
        for variable in &report.environment {
            writeln!(output, "environment    {}={}", variable.name, variable.value)?;
        }
    }
    Ok(Status::Done)
}

impl program::Refusal {
    /// Returns the reason for which a program could not be executed.
    fn of_exec(name: &OsString, error: &std::io::Error) -> Self {
        let name = name.to_string_lossy();
        if error.kind() == ErrorKind::NotFound {
            return program::Refusal::not_found(format!("{name}: it or its interpreter does not exist"));
        }
        let reason = error
            .raw_os_error()
            .map_or_else(|| error.to_string(), |errno| crate::failure::reason(numars::Errno::from_raw(errno)));
        program::Refusal::not_executable(format!("{name}: cannot be executed: {reason}"))
    }
}

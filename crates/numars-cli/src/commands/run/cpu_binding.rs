//! `--cpunodebind` and `--physcpubind`, of which the last one counts, as for numactl.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

/// The options.
#[derive(Args, Debug, Default)]
struct Options {
    /// Run on the CPUs of these nodes
    #[arg(short = 'N', long, value_name = "NODES", help_heading = "CPUs", allow_hyphen_values = true)]
    #[arg(overrides_with = "cpunodebind")]
    cpunodebind: Option<String>,
    /// Run on these CPUs; of --cpunodebind and --physcpubind, the last one counts
    #[arg(short = 'C', long, value_name = "CPUS", help_heading = "CPUs", allow_hyphen_values = true)]
    #[arg(overrides_with = "physcpubind")]
    physcpubind: Option<String>,
}

/// The options, with what their order means.
#[derive(Debug, Default)]
pub struct CpuBinding {
    /// The nodes of `--cpunodebind`, for which `same` stands, also if `--physcpubind` comes later.
    pub nodes: Option<String>,
    /// The CPUs of `--physcpubind`, unless `--cpunodebind` comes later.
    pub cpus: Option<String>,
}

impl FromArgMatches for CpuBinding {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let options = Options::from_arg_matches(matches)?;
        let [nodes_at, cpus_at] = ["cpunodebind", "physcpubind"].map(|name| matches.index_of(name));
        Ok(CpuBinding { nodes: options.cpunodebind, cpus: options.physcpubind.filter(|_| cpus_at > nodes_at) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = CpuBinding::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for CpuBinding {
    fn augment_args(command: Command) -> Command {
        Options::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Options::augment_args_for_update(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_both_options_names_the_cpus_and_same_stands_for_the_nodes() {
        let parse = |arguments: &str| {
            let command = CpuBinding::augment_args(Command::new("run").no_binary_name(true));
            let binding =
                CpuBinding::from_arg_matches(&command.get_matches_from(arguments.split_whitespace())).unwrap();
            (binding.nodes.unwrap_or_default(), binding.cpus.unwrap_or_default())
        };
        let expected = |nodes: &str, cpus: &str| (nodes.to_owned(), cpus.to_owned());
        assert_eq!(parse("-N 1 -C 0"), expected("1", "0"));
        assert_eq!(parse("-C 0 -N 1"), expected("1", ""));
        assert_eq!(parse("-C 0 -N 1 -C 2"), expected("1", "2"));
        assert_eq!(parse("--physcpubind=+0-1"), expected("", "+0-1"));
    }
}

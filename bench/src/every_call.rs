//! Every function of libnuma's interface beside numars's: `every_call.c` measures them on small arguments, and none may be slower.

use crate::calls::{BOTH, Cost, Costs, LIBNUMA, NUMARS, Times};
use crate::report::{cells, result, table};
use crate::samples::{readable, three_digits};

/// What is compared of a call.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Measure {
    Time,
    /// System calls and instructions: for calls that consist mainly of one system call, whose time is the kernel's.
    Cost,
}

/// A row of `every_call.c`: the function, and after a comma, the case.
struct Row {
    name: &'static str,
    by: Measure,
}

const fn time(name: &'static str) -> Row {
    Row { name, by: Measure::Time }
}

const fn cost(name: &'static str) -> Row {
    Row { name, by: Measure::Cost }
}

impl Row {
    fn call(&self) -> &'static str {
        self.name.split_once(", ").map_or(self.name, |(call, _)| call)
    }

    fn case(&self) -> &'static str {
        self.name.split_once(", ").map_or("", |(_, case)| case)
    }
}

const ROWS: &[Row] = &[
    time("numa_bitmask_alloc, 64 bits"),
    time("numa_bitmask_alloc, 1,024 bits"),
    time("numa_bitmask_alloc, 8,192 bits"),
    time("numa_bitmask_clearall, 64 bits"),
    time("numa_bitmask_clearall, 1,024 bits"),
    time("numa_bitmask_clearall, 8,192 bits"),
    time("numa_bitmask_setall, 64 bits"),
    time("numa_bitmask_setall, 1,024 bits"),
    time("numa_bitmask_setall, 8,192 bits"),
    time("numa_bitmask_equal, 64 bits"),
    time("numa_bitmask_equal, 1,024 bits"),
    time("numa_bitmask_equal, 8,192 bits"),
    time("numa_bitmask_weight, 64 bits"),
    time("numa_bitmask_weight, 1,024 bits"),
    time("numa_bitmask_weight, 8,192 bits"),
    time("copy_bitmask_to_bitmask, 64 bits"),
    time("copy_bitmask_to_bitmask, 1,024 bits"),
    time("copy_bitmask_to_bitmask, 8,192 bits"),
    time("copy_bitmask_to_bitmask, 64 bits to 1,024"),
    time("copy_bitmask_to_nodemask"),
    time("copy_nodemask_to_bitmask"),
    time("numa_bitmask_setbit"),
    time("numa_bitmask_clearbit"),
    time("numa_bitmask_isbitset, 64 bits"),
    time("numa_bitmask_isbitset, 1,024 bits"),
    time("numa_bitmask_nbytes"),
    time("numa_bitmask_free, 256 bits after numa_bitmask_alloc"),
    time("numa_allocate_cpumask"),
    time("numa_allocate_nodemask"),
    cost("numa_available"),
    time("numa_distance"),
    time("numa_has_home_node"),
    time("numa_has_preferred_many"),
    time("numa_max_node"),
    time("numa_max_possible_node"),
    time("numa_node_of_cpu"),
    time("numa_node_size"),
    time("numa_node_size64"),
    time("numa_node_to_cpu_update, and numa_node_to_cpus"),
    time("numa_node_to_cpus"),
    time("numa_num_configured_cpus"),
    time("numa_num_configured_nodes"),
    time("numa_num_possible_cpus"),
    time("numa_num_possible_nodes"),
    time("numa_num_task_cpus"),
    time("numa_num_task_nodes"),
    time("numa_num_thread_cpus"),
    time("numa_num_thread_nodes"),
    time("numa_pagesize"),
    time("numa_parse_bitmap"),
    time("numa_parse_cpustring, 0"),
    time("numa_parse_cpustring, all as a range"),
    time("numa_parse_cpustring_all, 0"),
    time("numa_parse_cpustring_all, all as a range"),
    time("numa_parse_nodestring, 0"),
    time("numa_parse_nodestring, all as a range"),
    time("numa_parse_nodestring_all, 0"),
    time("numa_parse_nodestring_all, all as a range"),
    cost("get_mempolicy"),
    cost("set_mempolicy"),
    cost("numa_bind"),
    cost("numa_get_interleave_mask, interleaving"),
    cost("numa_get_interleave_mask, default policy"),
    cost("numa_get_interleave_node"),
    cost("numa_get_membind"),
    cost("numa_get_mems_allowed"),
    cost("numa_get_run_node_mask"),
    cost("numa_get_weighted_interleave_mask"),
    cost("numa_preferred"),
    cost("numa_preferred_err"),
    cost("numa_preferred_many"),
    cost("numa_run_on_node"),
    cost("numa_run_on_node_mask"),
    cost("numa_run_on_node_mask_all"),
    cost("numa_sched_getaffinity"),
    cost("numa_sched_setaffinity"),
    time("numa_set_bind_policy"),
    cost("numa_set_interleave_mask"),
    cost("numa_set_localalloc"),
    cost("numa_set_membind"),
    cost("numa_set_membind_balancing"),
    cost("numa_set_preferred"),
    cost("numa_set_preferred_many"),
    time("numa_set_strict"),
    cost("numa_set_weighted_interleave_mask"),
    time("numa_alloc, 4 KiB and numa_free"),
    time("numa_alloc, 64 KiB and numa_free"),
    time("numa_alloc_interleaved, 64 KiB and numa_free"),
    time("numa_alloc_interleaved_subset, 64 KiB and numa_free"),
    time("numa_alloc_local, 64 KiB and numa_free"),
    time("numa_alloc_onnode, 64 KiB and numa_free"),
    time("numa_alloc_weighted_interleaved, 64 KiB and numa_free"),
    time("numa_alloc_weighted_interleaved_subset, 64 KiB and numa_free"),
    cost("numa_free, 64 KiB after mmap"),
    cost("numa_realloc, 64 KiB to 4 KiB and back"),
    cost("mbind"),
    cost("numa_interleave_memory"),
    time("numa_police_memory, 64 KiB"),
    cost("numa_set_mempolicy_home_node"),
    cost("numa_setlocal_memory"),
    cost("numa_tonode_memory"),
    cost("numa_tonodemask_memory"),
    cost("numa_weighted_interleave_memory"),
    cost("migrate_pages"),
    cost("move_pages, query of 1 page"),
    cost("numa_migrate_pages"),
    time("numa_move_pages, 1 page at home"),
    time("numa_move_pages, 16 pages at home"),
    time("numa_move_pages, query of 1 page"),
];

/// The functions that have no row, and why.
#[cfg(test)]
const EXCEPTIONS: &[(&str, &str)] = &[
    ("numa_error", "prints to stderr, and may end the program"),
    ("numa_warn", "prints to stderr, and may end the program"),
    ("numa_alloc_interleaved_subset@libnuma_1.1", FIRST_VERSION),
    ("numa_bind@libnuma_1.1", FIRST_VERSION),
    ("numa_get_interleave_mask@libnuma_1.1", FIRST_VERSION),
    ("numa_get_membind@libnuma_1.1", FIRST_VERSION),
    ("numa_get_run_node_mask@libnuma_1.1", FIRST_VERSION),
    ("numa_interleave_memory@libnuma_1.1", FIRST_VERSION),
    ("numa_node_to_cpus@libnuma_1.1", FIRST_VERSION),
    ("numa_parse_bitmap@libnuma_1.1", FIRST_VERSION),
    ("numa_run_on_node_mask@libnuma_1.1", FIRST_VERSION),
    ("numa_sched_getaffinity@libnuma_1.1", FIRST_VERSION),
    ("numa_sched_setaffinity@libnuma_1.1", FIRST_VERSION),
    ("numa_set_interleave_mask@libnuma_1.1", FIRST_VERSION),
    ("numa_set_membind@libnuma_1.1", FIRST_VERSION),
    ("numa_tonodemask_memory@libnuma_1.1", FIRST_VERSION),
];
#[cfg(test)]
const FIRST_VERSION: &str = "only programs linked with libnuma's first version call it, and the later form has a row";

/// What was measured of both libraries.
#[derive(Default)]
pub struct EveryCall {
    pub times: Times,
    /// Those of libnuma and of numars.
    pub costs: [Costs; 2],
}

/// The result of a row.
#[derive(PartialEq, Debug)]
enum Comparison {
    Judged {
        libnuma: String,
        numars: String,
        ratio: f64,
        met: bool,
    },
    /// This one has no such call, or the kernel lacks what it needs.
    Absent(&'static str),
}

/// Whether a call takes no more than 10 % and 2 ns longer than libnuma's. Times are in nanoseconds.
fn is_fast_enough(libnuma: f64, numars: f64) -> bool {
    numars <= libnuma * 1.1 + 2.0
}

/// Whether a call makes no more system calls than libnuma's, and executes no more than 10 % and 20 instructions more.
fn is_cheap_enough(libnuma: Cost, numars: Cost) -> bool {
    numars.system_calls <= libnuma.system_calls && numars.instructions <= libnuma.instructions * 1.1 + 20.0
}

fn readable_cost(cost: Cost) -> String {
    let plural = if cost.system_calls == 1.0 { "" } else { "s" };
    format!("{:.0} instructions, {} system call{plural}", cost.instructions, cost.system_calls)
}

impl EveryCall {
    fn compare(&self, row: &Row) -> Comparison {
        match row.by {
            Measure::Time => {
                let [libnuma, numars] = BOTH.map(|library| self.times.side(library, row.name));
                let Ok(libnuma) = libnuma else { return Comparison::Absent(LIBNUMA) };
                let Ok(numars) = numars else { return Comparison::Absent(NUMARS) };
                let (libnuma, numars) = (libnuma.lower_quartile(), numars.lower_quartile());
                Comparison::Judged {
                    libnuma: readable(libnuma),
                    numars: readable(numars),
                    ratio: numars / libnuma,
                    met: is_fast_enough(libnuma * 1e9, numars * 1e9),
                }
            }
            Measure::Cost => {
                let [libnuma, numars] = [&self.costs[0], &self.costs[1]].map(|costs| costs.get(row.name));
                let Some(&libnuma) = libnuma else { return Comparison::Absent(LIBNUMA) };
                let Some(&numars) = numars else { return Comparison::Absent(NUMARS) };
                Comparison::Judged {
                    libnuma: readable_cost(libnuma),
                    numars: readable_cost(numars),
                    ratio: numars.instructions / libnuma.instructions,
                    met: is_cheap_enough(libnuma, numars),
                }
            }
        }
    }

    /// The table of all rows, and a sentence on how many meet the rule.
    pub fn text(&self, version: &str) -> String {
        let head = ["call", "case", &format!("libnuma {version}"), "numars", "numars / libnuma", "result"];
        let mut rows = vec![cells(head)];
        let (mut missed, mut absent) = (Vec::new(), Vec::new());
        for row in ROWS {
            let mut line = cells([&format!("`{}`", row.call()), row.case()]);
            match self.compare(row) {
                Comparison::Judged { libnuma, numars, ratio, met } => {
                    if !met {
                        missed.push((ratio, row));
                    }
                    line.extend([libnuma, numars, three_digits(ratio), result(met).into()]);
                }
                Comparison::Absent(library) => {
                    absent.push(row);
                    line.extend([String::new(), String::new(), String::new(), format!("not with {library}")]);
                }
            }
            rows.push(line);
        }
        missed.sort_by(|(first, _), (second, _)| second.total_cmp(first));
        let missed: Vec<String> =
            missed.iter().map(|(ratio, row)| format!("{} ({})", named(row), three_digits(*ratio))).collect();
        let mut text = format!("{}\n{}", table(&rows), summary(rows.len() - 1 - absent.len(), &missed));
        if !absent.is_empty() {
            let names: Vec<String> = absent.into_iter().map(named).collect();
            text += &format!(
                "\nNot compared, because this libnuma or the kernel does not have the call: {}.\n",
                names.join("; ")
            );
        }
        text
    }
}

/// How many rows were compared, and which of them miss the rule.
fn summary(compared: usize, missed: &[String]) -> String {
    if missed.is_empty() {
        format!("All {compared} rows that were compared meet the rule.\n")
    } else {
        format!("{} of {compared} rows that were compared miss the rule: {}.\n", missed.len(), missed.join("; "))
    }
}

fn named(row: &Row) -> String {
    let case = if row.case().is_empty() { String::new() } else { format!(", {}", row.case()) };
    format!("`{}`{case}", row.call())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeSet, HashMap};

    /// The functions of libnuma in the table of symbols, older forms as `NAME@NODE`.
    fn functions() -> BTreeSet<String> {
        let table = include_str!("../../symbols.tsv");
        let rows = table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect::<Vec<_>>());
        let functions = rows.filter(|columns| columns[3] == "func" && columns[8] != "-");
        let name =
            |columns: Vec<&str>| if columns[2] == "older" { columns[..2].join("@") } else { columns[0].to_owned() };
        functions.map(name).collect()
    }

    fn calls() -> BTreeSet<String> {
        ROWS.iter().map(|row| row.call().to_owned()).collect()
    }

    fn exceptions() -> BTreeSet<String> {
        EXCEPTIONS.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    #[test]
    fn every_function_has_a_row_or_is_an_exception_with_a_reason() {
        let covered: BTreeSet<String> = calls().union(&exceptions()).cloned().collect();
        let missing: Vec<_> = functions().difference(&covered).cloned().collect();
        assert!(missing.is_empty(), "neither a row nor an exception: {missing:?}");
        assert!(EXCEPTIONS.iter().all(|(_, reason)| !reason.is_empty()));
    }

    #[test]
    fn no_function_is_both_a_row_and_an_exception() {
        let (calls, exceptions) = (calls(), exceptions());
        assert_eq!(calls.intersection(&exceptions).collect::<Vec<_>>(), [""; 0]);
        assert_eq!(exceptions.len(), EXCEPTIONS.len(), "an exception is listed twice");
    }

    #[test]
    fn rows_and_exceptions_name_functions_of_libnuma() {
        let functions = functions();
        let listed = calls().into_iter().chain(exceptions());
        assert_eq!(listed.filter(|name| !functions.contains(name)).collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn the_program_has_the_rows_that_are_listed_in_the_same_order() {
        let source = include_str!("../every_call.c");
        let named = source.lines().filter_map(|line| line.trim_start().strip_prefix("{ .name = \"")?.split('"').next());
        let listed: Vec<&str> = ["nothing"].into_iter().chain(ROWS.iter().map(|row| row.name)).collect();
        assert_eq!(named.collect::<Vec<_>>(), listed);
    }

    #[test]
    fn a_call_may_take_a_tenth_and_two_nanoseconds_more() {
        assert!(is_fast_enough(100.0, 112.0) && !is_fast_enough(100.0, 112.1));
        assert!(is_fast_enough(1.5, 3.6) && !is_fast_enough(1.5, 3.7));
        assert!(is_fast_enough(100.0, 1.0));
    }

    const fn of(instructions: f64, system_calls: f64) -> Cost {
        Cost { instructions, system_calls }
    }

    #[test]
    fn a_system_call_may_cost_a_tenth_and_twenty_instructions_more() {
        assert!(is_cheap_enough(of(100.0, 1.0), of(130.0, 1.0)) && !is_cheap_enough(of(100.0, 1.0), of(130.5, 1.0)));
        assert!(is_cheap_enough(of(0.0, 0.0), of(20.0, 0.0)) && !is_cheap_enough(of(0.0, 0.0), of(21.0, 0.0)));
    }

    #[test]
    fn fewer_instructions_do_not_make_up_for_one_more_system_call() {
        assert!(!is_cheap_enough(of(1000.0, 1.0), of(10.0, 1.1)));
        assert!(is_cheap_enough(of(1000.0, 2.0), of(1000.0, 1.0)));
    }

    fn measured() -> EveryCall {
        let mut times = String::new();
        for (library, max_node, distances) in [("libnuma", 2, [0, 10, 10, 10, 30]), ("numars", 9, [12, 40, 12, 12, 12])]
        {
            times += &format!("== {library}\nnuma_max_node\t{max_node}\n");
            times.extend(distances.map(|time| format!("numa_distance\t{time}\n")));
        }
        times += "numa_has_home_node\t1\n";
        let costs = |instructions| HashMap::from([("mbind".to_owned(), of(instructions, 1.0))]);
        EveryCall { times: Times::read(&times).unwrap(), costs: [costs(50.0), costs(40.0)] }
    }

    fn compare(name: &str) -> Comparison {
        measured().compare(ROWS.iter().find(|row| row.name == name).unwrap())
    }

    #[test]
    fn calls_are_compared_by_a_short_time_that_is_not_an_outlier() {
        let Comparison::Judged { libnuma, numars, ratio, met } = compare("numa_distance") else { panic!() };
        assert_eq!((libnuma.as_str(), numars.as_str(), met), ("10.0 ns", "12.0 ns", true));
        assert!((ratio - 1.2).abs() < 1e-9);
    }

    #[test]
    fn a_system_call_is_compared_by_its_cost() {
        let expected = Comparison::Judged {
            libnuma: "50 instructions, 1 system call".into(),
            numars: "40 instructions, 1 system call".into(),
            ratio: 0.8,
            met: true,
        };
        assert_eq!(compare("mbind"), expected);
    }

    #[test]
    fn a_call_that_a_library_does_not_have_is_not_judged() {
        assert_eq!(compare("numa_has_home_node"), Comparison::Absent(LIBNUMA));
        assert_eq!(compare("numa_set_mempolicy_home_node"), Comparison::Absent(LIBNUMA));
    }

    #[test]
    fn the_text_has_all_rows_and_lists_those_that_miss_the_rule() {
        let text = measured().text("2.0.16");
        assert_eq!(text.lines().filter(|line| line.starts_with('|')).count(), ROWS.len() + 2);
        assert!(text.contains("\n1 of 3 rows that were compared miss the rule: `numa_max_node` (4.50).\n"), "{text}");
        assert!(text.contains("`numa_bitmask_equal`, 64 bits; "));
        assert_eq!(summary(7, &[]), "All 7 rows that were compared meet the rule.\n");
    }
}

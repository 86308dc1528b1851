//! The examples of the crate print what they promise.

use numars_rust_tests::several_nodes;
use std::path::PathBuf;
use std::process::Command;

/// Returns the lines that an example prints. The directory of the built examples is in NUMARS_EXAMPLES.
fn lines_of(example: &str) -> Vec<String> {
    let directory = std::env::var_os("NUMARS_EXAMPLES").expect("NUMARS_EXAMPLES names the directory of the examples");
    let output = Command::new(PathBuf::from(directory).join(example)).output().expect("the example starts");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(str::to_string).collect()
}

#[test]
#[ignore = "needs several nodes"]
fn pin_thread_shows_a_thread_and_its_table_on_each_node() {
    let (lines, nodes) = (lines_of("pin_thread"), several_nodes());
    assert_eq!(lines.len(), nodes.len());
    for (line, node) in lines.iter().zip(nodes) {
        assert!(line.contains(&format!(" of node {node}, and its table is on node {node}")), "{line}");
    }
}

#[test]
#[ignore = "needs several nodes"]
fn interleave_table_shows_equal_parts() {
    let (lines, nodes) = (lines_of("interleave_table"), several_nodes());
    let pages: usize = lines[0].split(' ').next().unwrap().parse().unwrap();
    assert!(lines[0].ends_with(&format!("by the policy interleave:{nodes}")), "{lines:?}");
    for (line, node) in lines[1..].iter().zip(nodes) {
        assert_eq!(*line, format!("node {node}: {} pages", pages / nodes.len()));
    }
}

#[test]
#[ignore = "needs several nodes"]
fn move_process_moves_a_process_there_and_back() {
    let (lines, nodes) = (lines_of("move_process"), several_nodes());
    let (first, last) = (nodes.first().unwrap(), nodes.last().unwrap());
    let there = lines.iter().position(|line| line.contains(&format!(" to {last}: "))).expect("there");
    let back = lines.iter().position(|line| line.contains(&format!(" to {first}: "))).expect("back");
    let on = |lines: &[String], node| {
        let line = lines.iter().find_map(|line| line.strip_prefix(&format!("node {node}: "))).expect("a count");
        line.split(' ').next().unwrap().parse::<usize>().unwrap()
    };
    // 16 MiB in base pages of 4 KiB, at least.
    assert!(on(&lines[there..back], last) >= 4096, "{lines:?}");
    assert!(on(&lines[back..], first) >= 4096, "{lines:?}");
}

#[test]
#[ignore = "needs several nodes"]
fn where_is_memory_draws_a_table_on_four_nodes() {
    let (lines, nodes) = (lines_of("where_is_memory"), several_nodes());
    let expected: String = nodes.iter().cycle().take(4).map(|node| node.to_string().repeat(16)).collect();
    assert!(lines.contains(&expected), "{lines:?}");
    assert!(lines.last().unwrap().starts_with("64 pages: "), "{lines:?}");
}

//! `numars nodes` on captured machines and on this one.

mod support;

use std::fs;
use std::process::Command;
use support::{Machine, json, numars, stdout};

#[test]
fn nodes_with_the_same_distances_are_one_row_of_the_matrix() {
    let machine = Machine::new(&[("0-1", "10 20 80"), ("2-3", "20 10 80"), ("", "80 80 10")]);
    let text = stdout(&mut numars(&["nodes", "--root", machine.root()]));
    assert!(text.starts_with("3 nodes, 4 CPUs, 3.00 GiB of memory\n"), "{text}");
    let matrix: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("distance")).collect();
    assert_eq!(matrix, ["distance   0-1     2", "     0-1 10/20    80", "       2    80    10"]);
}

#[test]
fn a_machine_with_a_thousand_nodes_fits_into_80_columns() {
    let distances: Vec<String> = (0..1024)
        .map(|from| {
            (0..1024)
                .map(|to| {
                    if from == to {
                        "10"
                    } else if from / 8 == to / 8 {
                        "12"
                    } else {
                        "30"
                    }
                    .to_owned()
                        + " "
                })
                .collect()
        })
        .collect();
    let nodes: Vec<(String, &str)> =
        distances.iter().enumerate().map(|(node, row)| (node.to_string(), row.as_str())).collect();
    let nodes: Vec<(&str, &str)> = nodes.iter().map(|(cpus, row)| (cpus.as_str(), *row)).collect();
    let machine = Machine::new(&nodes);
    for ascii in [&["--ascii"][..], &[]] {
        let text = stdout(numars(&[&["nodes", "--root", machine.root()], ascii].concat()).env("COLUMNS", "80"));
        let too_long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(too_long.is_empty(), "{too_long:?}");
        assert!(ascii.is_empty() || text.is_ascii());
        // 128 groups of eight nodes, as a map with a character for each distance.
        assert!(text.contains("0: 10/12, 1: 30\n"), "{text}");
        assert!(text.lines().any(|line| line.trim_start().starts_with("0-7 0111111")), "{text}");
    }
}

#[test]
fn notes_about_the_machine_fit_into_the_terminal() {
    let machine = Machine::new(&[("0-1", "10 20"), ("", "20 10")]);
    for columns in [40, 80] {
        let text = stdout(numars(&["nodes", "--root", machine.root()]).env("COLUMNS", columns.to_string()));
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.join(" ").contains("the firmware gives no bandwidths and latencies"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
    }
}

#[test]
fn json_has_the_schema_that_it_names() {
    let machine = Machine::new(&[("0-1", "10 20"), ("2-3", "20 10")]);
    for arguments in [&["nodes"][..], &["nodes", "--root", machine.root()]] {
        let report = json(numars(arguments).arg("--json"));
        assert_eq!(report["schema"], "numars.nodes/1");
        let cpus = report["nodes"][0]["cpu_count"].as_u64().unwrap();
        assert!(cpus > 0, "{report}");
    }
}

#[test]
fn a_picture_has_a_box_for_each_node_and_a_field_for_each_distance() {
    let machine = Machine::new(&[("0-1", "10 20"), ("2-3", "20 10")]);
    let file = machine.folder.path().join("machine.svg");
    stdout(&mut numars(&["nodes", "--quiet", "--root", machine.root(), "--svg", file.to_str().unwrap()]));
    let picture = fs::read_to_string(file).unwrap();
    assert!(picture.contains("node 1") && picture.contains("from node 0 to node 1: 20"), "{picture}");
}

#[test]
fn what_cannot_be_read_is_one_line_with_a_hint() {
    let output = numars(&["nodes", "--root", "/there/is/no/such/directory"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(message.lines().count(), 1);
    assert!(
        message.starts_with("numars: cannot read a machine from /there/is") && message.contains("(it needs"),
        "{message}"
    );
}

#[test]
fn values_stay_whole_at_80_columns_and_the_rates_of_the_firmware_have_a_table_of_their_own() {
    let machine =
        Machine::new(&[("0-1", "10 20 40"), ("2,4,6,8,10,12,14,16,18,20,22,24,26", "20 10 30"), ("", "40 30 10")]);
    for (node, from, rate, latency) in [(0, 0, 204800, 80), (1, 1, 204800, 80), (2, 1, 30720, 250)] {
        let folder = format!("node/node{node}/access1/initiators");
        for (name, value) in [
            ("read_bandwidth", rate),
            ("write_bandwidth", rate),
            ("read_latency", latency),
            ("write_latency", latency),
            (&format!("node{from}"), 0),
        ] {
            machine.write(&format!("{folder}/{name}"), &format!("{value}\n"));
        }
    }
    machine.write("../virtual/memory_tiering/memory_tier4/nodelist", "0-1\n");
    machine.write("../virtual/memory_tiering/memory_tier93/nodelist", "2\n");
    let text = |columns: &str| stdout(numars(&["nodes", "--ascii", "--root", machine.root()]).env("COLUMNS", columns));
    let wide = text("120");
    assert!(wide.contains("tier  from       read      write  latency\n"), "{wide}");
    assert!(wide.contains("205 GB/s   205 GB/s    80 ns\n"), "{wide}");
    let narrow = text("80");
    let expected = "\
node  CPUs                       memory     free  used        kind         tier
   0  0-1                      1.00 GiB  512 MiB  #####.....                  4
   1  2,4,6,8,10,12,14,16,18,  1.00 GiB  512 MiB  #####.....                  4
      20,22,24,26
   2  -                        1.00 GiB  512 MiB  #####.....  memory only    93

node  from       read      write  latency
   0  0      205 GB/s   205 GB/s    80 ns
   1  1      205 GB/s   205 GB/s    80 ns
   2  1     30.7 GB/s  30.7 GB/s   250 ns
";
    assert!(narrow.contains(expected), "{narrow}");
    let smallest = text("50");
    assert!(smallest.lines().all(|line| line.len() <= 50 && !line.ends_with(' ')), "{smallest}");
    assert!(smallest.contains("no room for: used\n"), "{smallest}");
}

#[test]
fn a_kernel_that_makes_no_tiers_of_what_the_firmware_says_is_not_mistaken_for_a_firmware_that_says_nothing() {
    let machine = Machine::new(&[("0-1", "10 30"), ("", "30 10")]);
    machine.write("../virtual/memory_tiering/memory_tier4/nodelist", "0-1\n");
    let text = |columns: &str| stdout(numars(&["nodes", "--root", machine.root()]).env("COLUMNS", columns));
    assert!(text("120").contains("in one tier: the firmware says nothing about differences"), "{}", text("120"));
    for node in 0..2 {
        machine.write(&format!("node/node{node}/access1/initiators/node0"), "");
        machine.write(&format!("node/node{node}/access1/initiators/read_bandwidth"), "1000\n");
    }
    assert!(text("120").contains("in one tier: the kernel does not use what the firmware says"), "{}", text("120"));
    let narrow = text("60");
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
}

#[test]
fn without_sys_nothing_is_said_about_nodes() {
    let without_sys = |command: &str| {
        let script = format!("umount -l /sys && {command}");
        Command::new("unshare").args(["--mount", "sh", "-c", &script]).output().unwrap()
    };
    if !without_sys("true").status.success() {
        return; // Only root may, and not in every container.
    }
    let output = without_sys(&format!("{} nodes", env!("CARGO_BIN_EXE_numars")));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with("numars: there is no /sys/devices/system (/sys may not be mounted"), "{message}");
    assert_eq!((output.status.code(), output.stdout.len(), message.lines().count()), (Some(3), 0, 1));
}

#[test]
fn a_picture_that_cannot_be_written_is_a_failure_with_a_hint() {
    let output = numars(&["nodes", "--svg", "/nowhere/at/all.svg"]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.starts_with("numars: cannot write /nowhere/at/all.svg: ") && message.contains(" (--svg needs"),
        "{message}"
    );
    assert_eq!(output.status.code(), Some(3));
}

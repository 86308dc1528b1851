//! `make soak`: hours of moving the pages of a database and of a program with changing memory, in a guest, while memory and cpusets change.

use std::collections::HashMap;
use std::fs;
use support::{Packages, compile_file, root, run, stage, vm};

/// How long without SOAK_SECONDS.
const SECONDS: u32 = 600;

/// The numbers that the guest reports, by `WHAT.KEY`.
fn numbers(report: &str) -> HashMap<String, u64> {
    let mut numbers = HashMap::new();
    for line in report.lines() {
        let mut words = line.split_whitespace();
        let Some(what) = words.next() else { continue };
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            if let Ok(value) = value.parse() {
                numbers.insert(format!("{what}.{key}"), value);
            }
        }
    }
    numbers
}

#[test]
#[ignore = "runs for SOAK_SECONDS in a guest"]
fn a_database_and_a_changing_program_survive_being_moved_without_a_break() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(SECONDS, |seconds| seconds.parse().expect("SOAK_SECONDS"));
    let packages = Packages::fetch(&["mariadb-server-core", "mariadb-client-core"]);
    let folder = tempfile::tempdir().unwrap();
    // The archive: only the C library is needed in the guest.
    let numars =
        [format!("-I{}", stage().include().display()), stage().lib().join("libnumars.a").display().to_string()];
    let programs = [
        compile_file(folder.path(), "tests/soak/churn", &[]),
        compile_file(folder.path(), "tests/soak/mover", &numars),
    ];
    let of_packages = ["usr/sbin/mariadbd", "usr/bin/mariadb"];

    let mut guest = vm();
    // The guest boots, and the database starts and ends, besides.
    let timeout = (seconds + 600).to_string();
    guest.args(["run", "--kernel", "6.12", "--shape", "removable-memory", "--timeout", &timeout]);
    for program in &programs {
        let name = program.file_name().unwrap().to_str().unwrap();
        guest.arg("--add").arg(format!("{}:/usr/bin/{name}", program.display()));
    }
    for path in of_packages.iter().chain(&["usr/share/mariadb/english", "usr/share/mariadb/charsets"]) {
        guest.arg("--add").arg(format!("{}:/{path}", packages.root.join(path).display()));
    }
    let files = programs.into_iter().chain(of_packages.map(|path| packages.root.join(path)));
    let libraries = files.flat_map(|file| packages.libraries(&file)).collect();
    packages.add_libraries(&mut guest, &libraries);
    let script = fs::read_to_string(root().join("tests/soak/soak.sh")).unwrap();
    let report = run(guest.args(["--", "sh", "-c", &format!("SECONDS={seconds}\n{script}")]));
    println!("{report}");

    let numbers = numbers(&report);
    let number = |name: &str| *numbers.get(name).unwrap_or_else(|| panic!("no {name}: {report}"));
    println!(
        "{:.1} moves per second",
        (number("mover.moves") + number("mover.placements")) as f64 / f64::from(seconds)
    );
    for none in ["client.wrong", "table.wrong", "server.status", "kernel.complaints"] {
        assert_eq!(number(none), 0, "{none}: {report}");
    }
    for some in [
        "mover.moves",
        "mover.placements",
        "mover.pages",
        "client.statements",
        "table.rows",
        "churn.rounds",
        "churn.io_uring",
        "faults.memory_blocks",
        "faults.cpuset_changes",
    ] {
        assert!(number(some) > 0, "{some}: {report}");
    }
}

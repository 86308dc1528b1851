//! The documentation names its tests, and they are there.

use std::fs;
use std::path::PathBuf;
use support::root;

/// A C test that a document names: `page_status.c: `some_test`, `another``, for the folder four-nodes or the one given.
struct Mention {
    file: PathBuf,
    test: String,
}

/// Reads the mentions in a Markdown text: the names in backticks that follow the name of a C file and a colon, up to the next
/// semicolon, bar or line end.
fn mentions(text: &str) -> Vec<Mention> {
    let mut mentions = Vec::new();
    for part in text.split(['\n', ';', '|']) {
        let Some((before, names)) = part.split_once(".c: ").or_else(|| part.split_once(".c`: ")) else { continue };
        let file = before.rsplit([' ', '`', '(']).next().unwrap();
        let file = if file.contains('/') { format!("{file}.c") } else { format!("four-nodes/{file}.c") };
        let file = root().join("tests-c").join(file.trim_start_matches("tests-c/"));
        for name in names.split('`').skip(1).step_by(2) {
            mentions.push(Mention { file: file.clone(), test: name.to_owned() });
        }
    }
    mentions
}

#[test]
fn every_c_test_that_a_document_names_is_there() {
    for document in ["docs/moving-pages.md", "docs/differences.md"] {
        let mentions = mentions(&fs::read_to_string(root().join(document)).unwrap());
        assert!(mentions.len() > 3, "{document} names only {} tests", mentions.len());
        for Mention { file, test } in mentions {
            let source = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{document}: {file:?}: {error}"));
            let start = format!("START_TEST({test})");
            // Once where it is defined, and once in the list of tests that are run.
            assert!(source.contains(&start), "{document}: {file:?} has no test {test}");
            assert!(source.matches(&test).count() > 1, "{document}: {file:?} does not run {test}");
        }
    }
}

//! The documentation is consistent with the tests and sources that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Export, expected_exports, root, symbol_table};

/// A C test that a document names: `page_status.c: `some_test`, `another``, in the folder four-nodes or the given one.
struct Mention {
    file: PathBuf,
    test: String,
}

/// Finds the mentions in a Markdown text: the names in backticks after the name of a C file and a colon, up to the next
/// semicolon, bar or end of line.
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
fn every_c_test_that_a_document_names_exists() {
    for document in ["docs/moving-pages.md", "docs/differences.md", "docs/kernels.md", "docs/guide/containers.md"] {
        let mentions = mentions(&fs::read_to_string(root().join(document)).unwrap());
        assert!(mentions.len() > 3, "{document} names only {} tests", mentions.len());
        for Mention { file, test } in mentions {
            let source = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{document}: {file:?}: {error}"));
            let start = format!("START_TEST({test})");
            // Once in its definition, and once in the list of tests that are run.
            assert!(source.contains(&start), "{document}: {file:?} has no test {test}");
            assert!(source.matches(&test).count() > 1, "{document}: {file:?} does not run {test}");
        }
    }
}

#[test]
fn the_readme_shows_the_example_that_is_tested() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let example = fs::read_to_string(root().join("examples/move_with_progress.c")).unwrap();
    let blocks = readme.split("```c\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let shown = blocks.max_by_key(|block| block.len()).expect("no C in the README");
    assert!(example.ends_with(shown), "the README shows a program other than examples/move_with_progress.c");
    assert!(shown.contains("int main"));
}

/// Returns the links of a Markdown text that refer to files of the repository.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets.filter(|target| !target.contains("://") && !target.starts_with('#')).collect()
}

/// Returns the parts of a Markdown line in backticks, each with the text that follows it up to the next one.
fn quoted(line: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = line.split('`').collect();
    parts[1..].chunks(2).map(|pair| (pair[0], pair.get(1).copied().unwrap_or_default())).collect()
}

#[test]
fn paths_and_rust_tests_that_documents_name_exist() {
    let is_of_tree = |path: &&str| {
        ["crates/", "src/", "tests/", "tests-c/", "scripts/", "bin/"].iter().any(|folder| path.starts_with(folder))
    };
    for document in documents_in(&root().join("docs")) {
        for line in fs::read_to_string(&document).unwrap().lines() {
            for (path, after) in quoted(line).into_iter().filter(|(path, _)| is_of_tree(path)) {
                let file = root().join(path);
                assert!(file.exists(), "{document:?}: there is no {path}");
                // `some/file.rs`, name_of_a_test
                let name = after.strip_prefix(", ").unwrap_or_default();
                let name: String = name.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect();
                if path.ends_with(".rs") && name.contains('_') {
                    let text = fs::read_to_string(&file).unwrap();
                    let is_there = [format!("fn {name}("), format!("{name}: ")].iter().any(|form| text.contains(form));
                    assert!(is_there, "{document:?}: {path} has no test {name}");
                }
            }
        }
    }
}

/// The documents in `folder` and below.
fn documents_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| if path.is_dir() { documents_in(&path) } else { vec![path] };
    entries.flat_map(of).filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

#[test]
fn the_table_of_contents_lists_each_document() {
    let folder = root().join("docs");
    let contents = fs::read_to_string(folder.join("SUMMARY.md")).unwrap();
    let listed: BTreeSet<PathBuf> = links(&contents).into_iter().map(|link| folder.join(link)).collect();
    for document in documents_in(&folder) {
        let is_listed = document.ends_with("SUMMARY.md") || listed.contains(&document);
        assert!(is_listed, "docs/SUMMARY.md does not list {}", document.display());
    }
}

#[test]
fn functions_that_the_guide_names_are_declared_in_the_headers() {
    let header = |name| fs::read_to_string(root().join("include").join(name)).unwrap();
    let headers = ["numa.h", "numaif.h", "numars.h"].map(header).concat();
    let mut named = BTreeSet::new();
    for document in documents_in(&root().join("docs/guide")) {
        let text = fs::read_to_string(&document).unwrap();
        let calls = text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"_()".contains(letter));
        for name in calls.filter_map(|word| word.split_once('(')).map(|(name, _)| name.trim_start_matches('(')) {
            if ["numa_", "numars_"].iter().any(|start| name.starts_with(start)) {
                let is_page = text.contains(&format!("[{name}(3)]"));
                let is_declared = headers.contains(&format!("{name}("));
                assert!(is_declared || is_page, "{}: there is no {name}()", document.display());
                named.insert(name.to_owned());
            }
        }
    }
    assert!(named.len() > 60, "only {named:?}");
}

/// The names of the checks of `numars doctor` and the options of the command, as its manual pages and its source have them.
#[test]
fn checks_and_options_that_the_guide_names_exist() {
    let doctor = root().join("crates/numars-cli/src/commands/doctor");
    let source: String =
        fs::read_dir(doctor).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let pages = fs::read_dir(root().join("docs/man")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|page| page.extension().is_some_and(|section| section == "1"));
    let pages: String = pages.map(|page| fs::read_to_string(page).unwrap().replace("\\-", "-")).collect();
    let (mut checks, mut options) = (0, 0);
    for document in documents_in(&root().join("docs/guide")) {
        for line in fs::read_to_string(&document).unwrap().lines() {
            for (text, after) in quoted(line) {
                if text.starts_with("numars doctor") && after == ": " {
                    let what = line.split_once(&format!("`{text}`: `")).unwrap().1;
                    let name = what.split([' ', '`']).next().unwrap();
                    assert!(source.contains(&format!("\"{name}\"")), "{document:?}: there is no check {name}");
                    checks += 1;
                }
                if ["numars run", "numars move", "numars map", "numars ps"].iter().any(|start| text.starts_with(start))
                {
                    for option in text.split(' ').filter(|word| word.starts_with("--") && word.len() > 2) {
                        assert!(pages.contains(option), "{document:?}: there is no option {option}");
                        options += 1;
                    }
                }
            }
        }
    }
    assert!(checks > 5 && options > 15, "{checks} checks, {options} options");
}

#[test]
fn pictures_can_be_read_on_pages_of_any_colour_and_load_nothing() {
    for folder in ["docs/images", "docs/guide/images"] {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "svg")) {
            let text = fs::read_to_string(&file).unwrap();
            let sheet = text.split("<rect").nth(1).unwrap().split('>').next().unwrap().to_lowercase();
            let is_sheet = sheet.contains("fill=\"#ffffff\"");
            assert!(is_sheet, "{}: the first rectangle is no white sheet: {sheet}", file.display());
            assert!(!text.contains("href"), "{} refers to something", file.display());
        }
    }
}

#[test]
fn links_in_documents_refer_to_existing_files_and_headings() {
    let documents = documents_in(&root().join("docs")).into_iter();
    for document in documents.chain(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name))) {
        for link in links(&fs::read_to_string(&document).unwrap()) {
            let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
            let file = document.parent().unwrap().join(file);
            assert!(file.exists(), "{document:?}: {link} refers to no file");
            let Some(heading) = heading else { continue };
            let text = fs::read_to_string(&file).unwrap();
            let mut headings = text.lines().filter(|line| line.starts_with('#')).map(|line| {
                let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
                words.chars().filter(|&c| c.is_alphanumeric() || c == '-' || c == '_').collect::<String>()
            });
            assert!(headings.any(|found| found == heading), "{document:?}: {link} refers to no heading");
        }
    }
}

/// Returns how often `name` occurs in `text` as a word.
fn occurrences(text: &str, name: &str) -> usize {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let whole = |(at, _): &(usize, &str)| {
        let bytes = text.as_bytes();
        let before = at.checked_sub(1).map(|before| bytes[before]);
        let after = bytes.get(at + name.len()).copied();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    };
    text.match_indices(name).filter(whole).count()
}

/// Removes the comments of C code.
fn without_comments(text: &str) -> String {
    text.split("/*")
        .enumerate()
        .map(|(nth, part)| if nth == 0 { part } else { part.split_once("*/").unwrap().1 })
        .collect()
}

/// Adds the C files under `folder` whose text contains `name` as a word, by their paths under tests-c.
fn files_with(name: &str, folder: &Path, found: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files_with(name, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "c")
            && occurrences(&fs::read_to_string(&path).unwrap(), name) > 0
        {
            found.push(path.strip_prefix(root().join("tests-c")).unwrap().display().to_string());
        }
    }
}

#[test]
fn every_function_with_arguments_is_tested_with_bad_input() {
    let folder = root().join("include");
    let headers: String =
        ["numa.h", "numaif.h", "numars.h"].map(|name| fs::read_to_string(folder.join(name)).unwrap()).concat();
    let tried = without_comments(&fs::read_to_string(root().join("tests-c/any/bad_input.c")).unwrap());
    let functions: Vec<_> = expected_exports().into_iter().filter(|export| export.object_size.is_none()).collect();
    let mut takes_nothing = 0;
    for Export { name, default, .. } in &functions {
        if headers.contains(&format!("{name}(void)")) {
            takes_nothing += 1;
            continue;
        }
        // By its name, or an older version as the second argument of a macro.
        let is_older = |call: &str| call.split(',').nth(1).is_some_and(|argument| argument.trim() == name);
        let has_case =
            if *default { occurrences(&tried, name) > 0 } else { tried.split("OLDER(").skip(1).any(is_older) };
        assert!(has_case, "tests-c/any/bad_input.c has no case of {name} (older version: {})", !default);
    }
    assert!(takes_nothing > 20 && functions.len() > 2 * takes_nothing, "{takes_nothing} of {}", functions.len());
}

/// Generates docs/compatibility.md from the tables of symbols and differences and from the tests.
fn compatibility() -> String {
    let differences = fs::read_to_string(root().join("docs/differences.md")).unwrap();
    let excuses = differences.split("parity").skip(1).map(|text| text.split('|').next().unwrap()).collect::<String>();
    let mut text = String::from(
        "# Compatibility: every symbol of libnuma and its tests\n\n\
         Generated by `make docs` from `symbols.tsv`, `docs/differences.md` and the files in `tests-c`; a test fails if this\n\
         file is out of date. `tests/library.rs` checks that each symbol is exported with this version. `tests/parity.rs` runs\n\
         the programs in `tests-c/parity` and checks that each function returns what libnuma's does.\n\n\
         | symbol | version | kind | results | exercised in tests-c/ |\n|---|---|---|---|---|\n",
    );
    for export in expected_exports().iter().filter(|export| export.version.starts_with("libnuma_")) {
        let mut files = Vec::new();
        files_with(&export.name, &root().join("tests-c"), &mut files);
        let (binding, older) = if export.default { ("@@", false) } else { ("@", true) };
        if older {
            files.retain(|file| file == "parity/cases/first_version.c");
        }
        assert!(!files.is_empty(), "no test of {} in {}", export.name, export.version);
        let kind = export.object_size.map_or("function".to_owned(), |size| format!("data, {size} bytes"));
        let case = if older { format!("`{}@libnuma_1.1", export.name) } else { format!("`{}", export.name) };
        let differs = ["/", "`", "*"].iter().any(|end| excuses.contains(&format!("{case}{end}")));
        let comparison = match files.iter().any(|file| file.starts_with("parity/")) {
            _ if differs => "different in some cases: see [differences](differences.md)",
            true => "same as libnuma",
            false => "as documented in numa(3) and by the kernel: not in Debian's libnuma",
        };
        writeln!(
            text,
            "| `{}` | {binding}{} | {kind} | {comparison} | {} |",
            export.name,
            export.version,
            files.join(", ")
        )
        .unwrap();
    }
    text
}

/// Compares the document at `path` with the generated text, or writes it if NUMARS_WRITE_DOCS is set, as `make docs`
/// does.
fn is_up_to_date(path: &str, made: &str) {
    let file = root().join(path);
    if std::env::var_os("NUMARS_WRITE_DOCS").is_some() {
        fs::write(&file, made).unwrap();
    }
    let checked_in = fs::read_to_string(&file).unwrap_or_default();
    assert!(checked_in == made, "{path} is out of date: run `make docs` and check the diff");
}

#[test]
fn the_compatibility_table_is_up_to_date() {
    is_up_to_date("docs/compatibility.md", &compatibility());
}

/// Lists the Rust files under `folder`.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let of = |path: PathBuf| if path.is_dir() { rust_files(&path) } else { vec![path] };
    entries.into_iter().flat_map(of).filter(|path| path.file_name().unwrap() != "tests.rs").collect()
}

/// The name that follows `keyword` in a line of code.
fn name_after<'a>(keyword: &str, code: &'a str) -> Option<&'a str> {
    let (before, rest) = code.split_once(keyword)?;
    let starts_word = before.is_empty() || before.ends_with([' ', '(']);
    starts_word.then(|| rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap())
}

/// Lists the unsafe blocks and implementations of a file, without its tests: a row for each, with the item that
/// contains it, why it is sound, and what callers of that item must guarantee.
fn unsafe_code(text: &str) -> Vec<[String; 3]> {
    let mut rows = Vec::new();
    let (mut item, mut promise, mut reason, mut in_reason) = (String::new(), String::new(), None::<String>, false);
    let mut said = None::<String>;
    for whole_line in text.split("#[cfg(test)]\nmod tests").next().unwrap().lines() {
        let line = whole_line.trim();
        if let Some(doc) = line.strip_prefix("///") {
            match (doc.trim(), &mut said) {
                ("# Safety", _) => said = Some(String::new()),
                (doc, Some(said)) => *said = format!("{said} {doc}").trim().to_owned(),
                _ => {}
            }
        } else if let Some(comment) = line.strip_prefix("// ") {
            match (comment.split_once("SAFETY: "), &mut reason) {
                (Some((_, why)), _) => reason = Some(why.to_owned()),
                (None, Some(reason)) if in_reason => *reason = format!("{reason} {comment}"),
                _ => {}
            }
            in_reason = reason.is_some();
        } else {
            in_reason = false;
            let code = line.split(" // ").next().unwrap();
            let named = ["fn ", "macro_rules! "].iter().find_map(|keyword| name_after(keyword, code));
            if let Some(name) = named.filter(|name| !name.is_empty() && !code.ends_with(';') || code.contains(" = ")) {
                item = name.to_owned();
                promise = said.take().unwrap_or_default();
            }
            if code.contains("unsafe {") || code.contains("unsafe impl") {
                let item = code.strip_prefix("unsafe ").filter(|code| code.starts_with("impl")).unwrap_or(&item);
                let why = reason.take().unwrap_or_else(|| panic!("no SAFETY comment above: {line}"));
                rows.push([item.trim_end_matches(['{', '}', ' ']).to_owned(), why, promise.clone()]);
            }
        }
    }
    rows
}

/// Returns the system calls that a file makes by syscall(2), without its tests, by the names of their numbers in libc.
fn raw_calls(text: &str) -> BTreeSet<&str> {
    let code =
        text.split("#[cfg(test)]\nmod tests").next().unwrap().lines().map(|line| line.split("//").next().unwrap());
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let code = code.inspect(|line| {
        let by_number =
            line.split("syscall(").skip(1).any(|argument| argument.starts_with(|first: char| first.is_ascii_digit()));
        assert!(!by_number, "a system call by number instead of by name: {line}");
    });
    code.flat_map(|line| line.split(|letter| !is_part(letter))).filter_map(|word| word.strip_prefix("SYS_")).collect()
}

/// Reads tests/raw_calls.tsv: for each call, which state of libc it bypasses and why that is safe.
fn reasons_for_raw_calls() -> BTreeMap<String, [String; 2]> {
    let text = fs::read_to_string(root().join("tests/raw_calls.tsv")).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let columns: Vec<_> = line.split('\t').map(str::to_owned).collect();
        let [call, state, reason] = columns.try_into().unwrap_or_else(|_| panic!("not three columns: {line}"));
        assert!(!state.is_empty() && !reason.is_empty(), "tests/raw_calls.tsv has no reason for {call}");
        (call, [state, reason])
    });
    rows.collect()
}

/// The sources of the library: the C interface, and the Rust library below it.
fn library_files() -> impl Iterator<Item = PathBuf> {
    ["src", "crates/numars/src"].into_iter().flat_map(|folder| rust_files(&root().join(folder)))
}

/// The heading of the generated part of docs/safety.md.
const RAW_CALLS: &str = "\n## System calls that bypass libc\n";

/// The table of system calls that are made past libc's functions. Each must have a reason, and each reason a call.
fn table_of_raw_calls() -> String {
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for path in library_files() {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        for call in raw_calls(&fs::read_to_string(&path).unwrap()) {
            places.entry(call.to_owned()).or_default().push(format!("`{name}`"));
        }
    }
    let reasons = reasons_for_raw_calls();
    if let Some(call) = places.keys().find(|&call| !reasons.contains_key(call)) {
        panic!("{call} is called with syscall(2) in {:?}, but has no row in tests/raw_calls.tsv", places[call]);
    }
    let mut text = String::from(RAW_CALLS);
    text += "\n\
         Some system calls are made through syscall(2). libc keeps state that its own functions respect: signals that it needs itself,\n\
         threads, cancellation, buffers of streams, the size of time_t. This table is made by `make docs` from `tests/raw_calls.tsv`.\n\
         Everything else is called by libc's functions: threads by those of pthreads(7), memory by mmap(2) and munmap(2), which libraries\n\
         interpose.\n\n\
         | call | in | state of libc that is bypassed | why that is safe |\n|---|---|---|---|\n";
    for (call, [state, reason]) in &reasons {
        let places = places.get(call).unwrap_or_else(|| panic!("tests/raw_calls.tsv: nothing calls {call}"));
        writeln!(text, "| `{call}` | {} | {state} | {reason} |", places.join(", ")).unwrap();
    }
    text
}

#[test]
fn system_calls_that_bypass_libc_are_found_anywhere_in_the_code() {
    let text = "// SYS_read is none.\nfn f() {\n    system_call!(SYS_close, 1);\n    copy(libc::SYS_process_vm_readv, x);\n}\n\
                #[cfg(test)]\nmod tests {\n    fn g() { syscall(SYS_write) }\n}\n";
    assert_eq!(raw_calls(text).into_iter().collect::<Vec<_>>(), ["close", "process_vm_readv"]);
}

#[test]
fn unsafe_code_has_a_reason_and_is_only_where_it_may_be() {
    let mut blocks = 0;
    for path in library_files() {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let rows = unsafe_code(&fs::read_to_string(&path).unwrap());
        let may = name.starts_with("src/") || name.starts_with("crates/numars/src/sys/");
        assert!(may || rows.is_empty(), "{name} has unsafe code: {rows:?}");
        blocks += rows.len();
    }
    assert!(blocks > 100, "only {blocks} unsafe blocks are found");
}

/// The end of docs/safety.md is generated; what is before it, people write.
#[test]
fn the_table_of_raw_calls_is_what_the_sources_are() {
    let text = fs::read_to_string(root().join("docs/safety.md")).unwrap();
    let (written, _) = text.split_once(RAW_CALLS).expect("docs/safety.md has a table of raw calls");
    is_up_to_date("docs/safety.md", &(written.to_owned() + &table_of_raw_calls()));
}

#[test]
#[should_panic(expected = "no SAFETY comment above: unsafe { two() }")]
fn unsafe_code_without_a_reason_of_its_own_is_noticed() {
    let rows = unsafe_code(
        "/// # Safety\n/// None.\nunsafe fn f() {\n    // SAFETY: it is\n    // so.\n    unsafe { one() }\n}\n",
    );
    assert_eq!(rows, [["f", "it is so.", "None."]]);
    unsafe_code("fn f() {\n    // SAFETY: so.\n    unsafe { one() }\n    unsafe { two() }\n}\n");
}

/// The tests with injected faults call every function: `all_functions.c` names each symbol, and the older version of
/// those that have one.
#[test]
fn all_functions_c_calls_every_symbol() {
    let file = root().join("tests-c/support/all_functions.c");
    let text = fs::read_to_string(&file).unwrap();
    let exports = expected_exports();
    for Export { name, version, default, .. } in &exports {
        let has_two_forms = exports.iter().any(|other| other.name == *name && other.default != *default);
        let call = if *default { name.clone() } else { format!("older_{name}") };
        // If there are two versions, the file also declares the older one, with both names.
        let wanted = if has_two_forms { 2 } else { 1 };
        assert!(occurrences(&text, &call) >= wanted, "{call} of {version} is not called in {file:?}");
    }
}

/// The newest libnuma1 of the Debian releases that packages are built for, as numbers. A program built there that needs a newer one
/// can only run where numars-dropin is installed, or libnuma1 of a later release.
const LIBNUMA_OF_DEBIAN: [u32; 3] = [2, 0, 16];

/// Lines of a symbols file for dpkg-gensymbols, in its order.
fn dpkg_symbols(header: &str, version: impl Fn(&support::Symbol) -> String) -> String {
    let mut lines: Vec<String> = symbol_table()
        .iter()
        .map(|symbol| {
            // Only GNU's linkers make a symbol of each version node.
            let (tag, node) = if symbol.is_node { ("(optional)", &symbol.name) } else { ("", &symbol.version) };
            format!(" {tag}{}@{node} {}\n", symbol.name, version(symbol))
        })
        .collect();
    lines.sort();
    header.to_owned() + &lines.concat()
}

#[test]
fn the_symbols_files_of_debian_are_made_from_the_table() {
    let header = "libnumars.so.1 libnumars1 #MINVER#\n* Build-Depends-Package: libnumars-dev\n";
    is_up_to_date("debian/libnumars1.symbols", &dpkg_symbols(header, |symbol| symbol.numars.clone()));
    // A number after the version selects another line of the first three as the dependency.
    let header = "libnuma.so.1 libnuma1 #MINVER#\n| libnuma1 #MINVER# | numars-dropin\n| numars-dropin #MINVER#\n\
                  * Build-Depends-Package: libnuma-dev\n";
    let version = |symbol: &support::Symbol| match &symbol.libnuma {
        None => format!("{} 2", symbol.numars),
        Some(libnuma) => {
            let numbers: Vec<u32> = libnuma.split('.').map(|number| number.parse().unwrap()).collect();
            let alternative = if numbers > LIBNUMA_OF_DEBIAN.to_vec() { " 1" } else { "" };
            format!("{libnuma}{alternative}")
        }
    };
    is_up_to_date("debian/numars-dropin.symbols", &dpkg_symbols(header, version));
}

#[test]
fn make_check_leaves_out_tests_that_exist() {
    let script = fs::read_to_string(root().join("scripts/check.sh")).unwrap();
    // The names of Rust tests are its longest words.
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let names: BTreeSet<&str> =
        script.split(|letter| !is_part(letter)).filter(|word| word.matches('_').count() >= 3).collect();
    let tests: String = ["headers.rs", "library.rs", "linking.rs", "loading.rs", "manual/main.rs"]
        .map(|name| fs::read_to_string(root().join("tests").join(name)).unwrap())
        .concat();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(tests.contains(&format!("fn {name}()")), "scripts/check.sh: no test is named {name}");
    }
}

/// Returns the first `version` of a manifest, or what follows `start` in another file.
fn value(path: &str, start: &str) -> String {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let line =
        text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{path}: no line {start}"));
    line.trim_matches(['"', ' ']).to_owned()
}

/// The packages that have the version of the project.
const RELEASED: [&str; 4] = ["crates/numars", "crates/numars-cli", "tests/unit", "tests/unit-c"];

#[test]
fn set_version_sh_changes_every_version() {
    let folder = tempfile::tempdir().unwrap();
    let locks = ["Cargo.lock", "crates/Cargo.lock", "fuzz/Cargo.lock", "tests/Cargo.lock", "tests/rust/Cargo.lock"];
    let more = ["Cargo.toml", "CHANGELOG.md", "debian/changelog", "debian/control", "scripts/set-version.sh"];
    let recipes = [
        "packaging/alpine/APKBUILD",
        "packaging/arch/PKGBUILD",
        "packaging/conan/conandata.yml",
        "packaging/conan/conanfile.py",
        "packaging/nix/package.nix",
        "packaging/rpm/numars.spec",
        "packaging/spack/package.py",
        "packaging/vcpkg/vcpkg.json",
    ];
    let manifests = RELEASED.map(|package| format!("{package}/Cargo.toml"));
    for file in locks.into_iter().chain(more).chain(recipes).chain(manifests.iter().map(String::as_str)) {
        let copy = folder.path().join(file);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(root().join(file), copy).unwrap();
    }
    let set = |version: &str| {
        let script = folder.path().join("scripts/set-version.sh");
        Command::new(script).arg(version).output().unwrap().status.success()
    };
    assert!(!set("0.0.9") && !set("1.0") && !set("1..") && !set("1.0.x"));
    assert!(set("765.43.21"));
    let read = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
    let expected = "version = \"765.43.21\"\n";
    for manifest in manifests.iter().map(String::as_str).chain(["Cargo.toml"]) {
        assert!(read(manifest).contains(expected), "{manifest}");
    }
    for lock in locks {
        let text = read(lock);
        let ours = ["libnumars", "numars", "numars-cli"].map(|name| format!("name = \"{name}\"\n"));
        let parts = text.split("[[package]]\n").filter(|part| ours.iter().any(|name| part.starts_with(name)));
        assert!(parts.clone().count() > 0, "{lock}");
        parts.for_each(|part| assert!(part.contains(expected), "{lock}: {part}"));
    }
    assert!(read("debian/changelog").starts_with("numars (765.43.21) unstable"));
    let changes = read("CHANGELOG.md");
    assert!(changes.contains("\n## 765.43.21 - ") && !changes.contains("\n## Unreleased\n"));
    let old = value("Cargo.toml", "version = ");
    for recipe in recipes {
        // What was changed in older versions stays.
        let text = read(recipe);
        let text = text.split("\n- See CHANGELOG.md.\n").next().unwrap();
        assert!(text.contains("765.43.21") && !text.contains(&old), "{recipe}: {text}");
    }
    assert!(read("packaging/rpm/numars.spec").contains(" - 765.43.21-1\n- See CHANGELOG.md.\n\n* "));
}

#[test]
fn the_maintainer_of_the_packages_is_the_one_that_contributing_explains() {
    let maintainer = value("debian/control", "Maintainer: ");
    let explained = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    assert!(explained.contains(&format!("`{maintainer}`")), "CONTRIBUTING.md does not explain {maintainer}");
    let signature = value("debian/changelog", " -- ");
    assert!(signature.starts_with(&maintainer), "debian/changelog: {signature}");
}

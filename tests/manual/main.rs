//! The manual: pages that are made from topics and the comments of the headers, and those written by hand.

mod header;
mod page;
mod phrases;
mod prose;
mod results;
mod sections;
mod topic;

use page::Sources;
use prose::SYSTEM_CALLS;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{compile_c, make_well, root, run, stage};

/// The pages of section 3, with libnuma's names and with those of numars.
fn pages() -> Vec<PathBuf> {
    let folders = ["docs/man", "docs/man/libnuma"].map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let files = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = files.filter(|file| file.extension().is_some_and(|section| section == "3")).collect();
    pages.sort();
    pages
}

#[test]
fn the_pages_are_made_from_the_topics_and_the_headers() {
    let sources = Sources::read();
    let mut stale = Vec::new();
    for topic in &sources.topics {
        let (file, made) = (root().join(topic.path()), sources.page(topic));
        if std::env::var_os("NUMARS_WRITE_DOCS").is_some() {
            fs::write(&file, &made).unwrap();
        }
        if fs::read_to_string(&file).unwrap_or_default() != made {
            stale.push(topic.path());
        }
    }
    assert!(stale.is_empty(), "out of date: run `make docs` and check the diff: {stale:?}");
    let generated: BTreeSet<PathBuf> = sources.topics.iter().map(|topic| root().join(topic.path())).collect();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        assert_eq!(
            text.contains("make docs"),
            generated.contains(&page),
            "{}: no topic is of this name",
            page.display()
        );
    }
}

/// The list of all pages in docs/man/README.md: those of the calls, of the commands, and of libnuma's calls.
fn index() -> String {
    let topics = Sources::read().topics;
    let mut text = "# The manual\n\nMade by `make docs`; a test fails if it is out of date. `make install` installs the pages, except those with \
                    libnuma's names,\nwhich `make install-dropin-dev` does. `man -l FILE` shows one that is not installed.\n"
        .to_owned();
    let mut section = |heading: &str, folder: &str, is_of_it: &dyn Fn(&str) -> bool| {
        let files = fs::read_dir(root().join("docs/man").join(folder)).unwrap();
        let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| is_of_it(name)).collect();
        // Overviews first, then as a reader needs them.
        let place = |name: &str| topics.iter().position(|topic| name.strip_suffix(".3") == Some(&topic.name));
        names.sort_by_key(|name| (place(name), !name.starts_with("numars."), name.clone()));
        // Pages of commands have no other names.
        let has_names = !folder.is_empty() || is_of_it("numars_alloc.3");
        let (column, line) = if has_names { (" also about |", "---|") } else { ("", "") };
        text += &format!("\n## {heading}\n\n| page | about |{column}\n|---|---|{line}\n");
        for name in names {
            let page = fs::read_to_string(root().join("docs/man").join(folder).join(&name)).unwrap();
            let (stem, number) = name.rsplit_once('.').unwrap();
            // clap makes pages with the macros of man(7), which have the name and the subject in one line.
            let (described, about) = match page.split_once("\n.Nd ") {
                Some((_, rest)) => (page::names_of(&page), rest.lines().next().unwrap()),
                None => (vec![], page.lines().find_map(|line| line.split_once(" \\- ")).unwrap().1),
            };
            let described = described.into_iter().filter(|described| *described != stem);
            let described: Vec<String> = described.map(|name| format!("`{name}`")).collect();
            let about = about.replace("\\*(Aq", "'");
            text += &format!("| [{stem}({number})]({folder}{name}) | {about} |");
            text += &if has_names { format!(" {} |\n", described.join(", ")) } else { "\n".to_owned() };
        }
    };
    section("Overview and commands", "", &|name| name.ends_with(".1") || name.ends_with(".7"));
    section("Calls of numars.h", "", &|name| name.ends_with(".3"));
    section("Calls of numa.h and numaif.h", "libnuma/", &|name| name.ends_with(".3"));
    text
}

#[test]
fn the_list_of_pages_is_up_to_date() {
    let (file, made) = (root().join("docs/man/README.md"), index());
    if std::env::var_os("NUMARS_WRITE_DOCS").is_some() {
        fs::write(&file, &made).unwrap();
    }
    let is_made = fs::read_to_string(&file).unwrap_or_default() == made;
    assert!(is_made, "docs/man/README.md is out of date: run `make docs` and check the diff");
}

/// The pages have fewer words for the differences than docs/differences.md, which has the reasons and the tests.
#[test]
fn each_call_that_differs_from_libnuma_says_so_in_its_page() {
    let sources = Sources::read();
    let text = fs::read_to_string(root().join("docs/differences.md")).unwrap();
    let mut calls = 0;
    for row in text.lines().filter(|line| line.starts_with("| ") && line.split(" | ").count() >= 4) {
        let what = row.split(" | ").next().unwrap();
        for word in what.split('`').skip(1).step_by(2) {
            let name = word.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next().unwrap();
            let Some(topic) = sources.topics.iter().find(|topic| topic.symbols.iter().any(|symbol| symbol == name))
            else {
                continue;
            };
            let said = topic.section("COMPATIBILITY");
            let is_said = said.contains(name) || said.contains("All functions") || topic.symbols.len() == 1;
            assert!(
                !said.is_empty() && is_said,
                "COMPATIBILITY in docs/man/topics/{}: nothing about {what}",
                topic.name
            );
            calls += 1;
        }
    }
    assert!(calls > 40, "only {calls} calls are named");
}

/// The part of a page from a heading to the next one.
fn section<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("\n.Sh {name}\n"))?;
    Some(rest.split("\n.Sh ").next().unwrap())
}

#[test]
fn each_exported_symbol_has_a_page_that_names_it_and_shows_its_declaration() {
    let mut pages_of: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for name in page::names_of(&page) {
            pages_of.entry(name.to_owned()).or_default().push(path.clone());
            let synopsis = section(&page, "SYNOPSIS").unwrap();
            let declares = |start: &str| synopsis.lines().any(|line| line.split(' ').take(2).eq([start, name]));
            let is_overview =
                path.file_stem().is_some_and(|stem| stem == name) && page.contains(&format!(".In {name}.h"));
            assert!(
                is_overview || [".Fn", ".Fo", ".Va"].iter().any(|start| declares(start)),
                "{}: no synopsis of {name}",
                path.display()
            );
        }
    }
    for name in page::symbols() {
        let pages = pages_of.get(&name).unwrap_or_else(|| panic!("no page describes {name}"));
        assert_eq!(pages.len(), 1, "{name}");
        // Pages of libnuma's names are not where `make install` installs.
        let is_of_libnuma = pages[0].parent().unwrap().ends_with("libnuma");
        assert_eq!(is_of_libnuma, !name.starts_with("numars_"), "{name}");
    }
    assert!(SYSTEM_CALLS.iter().all(|name| !pages_of.contains_key(*name)), "a page of section 2");
    assert!(pages_of.len() > 120, "only {} names", pages_of.len());
}

#[test]
fn each_page_has_all_sections() {
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        let is_overview = ["numa.3", "numaif.3"].iter().any(|name| path.ends_with(name));
        for name in [
            "NAME",
            "LIBRARY",
            "SYNOPSIS",
            "DESCRIPTION",
            "RETURN VALUES",
            "EXAMPLES",
            "ERRORS",
            "ATTRIBUTES",
            "SEE ALSO",
            "HISTORY",
        ] {
            let may_lack = is_overview && ["RETURN VALUES", "ERRORS"].contains(&name);
            let has = section(&page, name).is_some_and(|text| !text.trim().is_empty());
            assert!(has || may_lack || name == "NAME", "{} has no {name}", path.display());
        }
    }
}

/// Returns what mandoc objects to in a page.
fn objections(page: &Path, level: &str) -> Vec<String> {
    let output = Command::new("mandoc").args(["-T", "lint", "-W", level]).arg(page).output().unwrap();
    // Which pages are installed here, and how NetBSD names its system, is of no interest.
    let expected = ["referenced manual not found", "operating system explicitly specified"];
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().filter(|line| !expected.iter().any(|text| line.contains(text))).map(str::to_owned).collect()
}

#[test]
fn the_pages_are_well_formed() {
    for path in pages() {
        let is_made = fs::read_to_string(&path).unwrap().contains("make docs");
        let mut problems = objections(&path, "all");
        // Lines of pages written by hand may be as long as those of the sources.
        problems.retain(|line| is_made || !line.contains("input text line longer than 80"));
        assert!(problems.is_empty(), "{problems:#?}");
    }
    let others = fs::read_dir(root().join("docs/man")).unwrap().map(|entry| entry.unwrap().path());
    for path in others.filter(|path| path.extension().is_some_and(|section| section == "1" || section == "7")) {
        let problems = objections(&path, "warning");
        assert!(problems.is_empty(), "{problems:#?}");
    }
}

#[test]
fn references_to_pages_of_numars_lead_to_one() {
    let texts: Vec<(PathBuf, String)> =
        pages().into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    let mut names: BTreeSet<&str> = texts.iter().flat_map(|(_, page)| page::names_of(page)).collect();
    names.extend(texts.iter().map(|(path, _)| path.file_stem().unwrap().to_str().unwrap()));
    for (path, page) in &texts {
        for line in page.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            for (at, _) in words.iter().enumerate().filter(|(_, word)| ["Xr", ".Xr"].contains(word)) {
                let (name, section) = (words[at + 1], words[at + 2]);
                let is_ours = section == "3" && (name.starts_with("numa") || name.starts_with("nodemask"));
                assert!(!is_ours || names.contains(name), "{}: there is no page of {name}", path.display());
            }
        }
    }
}

/// The programs among the examples of a page, without what roff interprets.
fn programs(page: &str) -> Vec<String> {
    let blocks = section(page, "EXAMPLES").unwrap().split(".Bd -literal -offset indent\n").skip(1);
    let code = blocks.map(|block| block.split("\n.Ed").next().unwrap());
    let escapes =
        [("\\&", ""), ("\\-", "-"), ("\\(aq", "'"), ("\\(ga", "`"), ("\\(ha", "^"), ("\\(ti", "~"), ("\\e", "\\")];
    let plain = |code: &str| escapes.iter().fold(code.to_owned(), |code, (from, to)| code.replace(from, to));
    code.filter(|code| code.contains("#include")).map(plain).collect()
}

#[test]
fn the_examples_are_programs_that_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut flags = stage().pkg_config("numars", &[]);
    flags.extend(["-std=c11", "-D_GNU_SOURCE"].map(str::to_owned));
    flags.push(format!("-Wl,-rpath,{}", stage().lib().display()));
    for path in pages() {
        let programs = programs(&fs::read_to_string(&path).unwrap());
        assert!(!programs.is_empty(), "{} has no program", path.display());
        for program in programs {
            // This changes the whole machine.
            let may_run = !program.contains("numars_set_node_weight");
            let executable = compile_c(folder.path(), &program, &flags);
            let output = may_run.then(|| Command::new(&executable).current_dir(folder.path()).output().unwrap());
            let Some(output) = output else { continue };
            // This machine may have one node, or forbid policies: the program says so and fails.
            let (status, said) = (output.status.code(), String::from_utf8_lossy(&output.stderr));
            let is_well = status == Some(0) || status == Some(1) && !said.is_empty();
            assert!(is_well, "{}: {output:?}\n{program}", path.display());
        }
    }
}

#[test]
fn man_finds_the_page_of_each_symbol() {
    let folder = tempfile::tempdir().unwrap();
    stage();
    let settings = ["PREFIX=/opt/numars", "LIBDIR=/opt/numars/lib"];
    make_well(
        &[&["install-dropin-dev", &format!("DESTDIR={}", folder.path().display())], settings.as_slice()].concat(),
    );
    let manual = folder.path().join("opt/numars/share/man");
    for name in page::symbols() {
        let file = run(Command::new("man").arg("-M").arg(&manual).args(["-w", "3", &name]));
        let text = fs::read_to_string(file.trim()).unwrap();
        // man follows such a line.
        let text = match text.lines().next().unwrap().strip_prefix(".so ") {
            Some(page) => fs::read_to_string(manual.join(page)).unwrap(),
            None => text,
        };
        assert!(page::names_of(&text).contains(&name.as_str()), "man {name} shows another page");
    }
    let shown = run(Command::new("man").arg("-M").arg(&manual).args(["3", "numa_alloc_local"]).env("MANWIDTH", "78"));
    assert!(shown.contains("numa_alloc_onnode,") && shown.contains("RETURN VALUES"), "{shown}");
}

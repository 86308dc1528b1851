//! The mappings of a process, as /proc/PID/maps lists them, and the selection of some of them by `--mapping` and `--range`.

use crate::failure::{Failure, Result};
use clap::Args;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A mapping of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The address of its first byte.
    pub start: usize,
    /// The address after its last byte.
    pub end: usize,
    /// Its permissions, such as `rw-p`.
    pub permissions: String,
    /// The offset of its first byte in the file.
    pub offset: u64,
    /// Whether it maps a file, or memory that the kernel keeps in one, such as that of several processes.
    pub is_file: bool,
    /// The file, or a name such as `[heap]`; empty for anonymous memory.
    pub name: String,
}

impl Mapping {
    /// Returns the size in bytes.
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Parses a line of /proc/PID/maps.
    fn parse(line: &str) -> Option<Mapping> {
        let mut rest = line;
        let mut word = || {
            let (word, after) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
            rest = after;
            word
        };
        let Range { start, end } = parse_range(word()).ok()?;
        let permissions = word().to_owned();
        let offset = u64::from_str_radix(word(), 16).ok()?;
        let (_device, inode) = (word(), word());
        let is_file = inode.parse::<u64>().ok()? != 0;
        Some(Mapping { start, end, permissions, offset, is_file, name: rest.trim_start().to_owned() })
    }
}

/// Returns the lines of a file such as maps as mappings. Lines that are not understood, and the page of vsyscalls, which is no memory of the
/// process, are left out.
pub fn parse(maps: &str) -> Vec<Mapping> {
    maps.lines().filter_map(Mapping::parse).filter(|mapping| mapping.name != "[vsyscall]").collect()
}

/// Reads the mappings of a process. Kernel threads and zombies have no mappings.
pub fn read(pid: i32) -> io::Result<Vec<Mapping>> {
    Ok(parse(&read_file(pid, "maps")?))
}

/// Reads a file of a process such as maps. That of a process whose first thread has ended is empty; it is read from another thread.
pub fn read_file(pid: i32, name: &str) -> io::Result<String> {
    let directory = PathBuf::from(format!("/proc/{pid}"));
    let text = read_lossy(&directory.join(name))?;
    if !text.is_empty() {
        return Ok(text);
    }
    let threads = std::fs::read_dir(directory.join("task"))?.flatten();
    let texts = threads.filter_map(|thread| read_lossy(&thread.path().join(name)).ok());
    Ok(texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default())
}

/// Reads a file whose names of files need not be UTF-8.
fn read_lossy(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}

/// The mappings that a command is about.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Selection of memory")]
pub struct Selection {
    /// Only mappings of this kind or file (repeatable): heap, stack, anon (memory without a file), a path or the name of a file
    #[arg(long = "mapping", value_name = "heap|stack|anon|FILE")]
    mappings: Vec<String>,
    /// Only these addresses (repeatable), in hexadecimal as in /proc/PID/maps
    #[arg(long = "range", value_name = "START-END", value_parser = parse_range)]
    ranges: Vec<Range<usize>>,
}

impl Selection {
    /// Returns whether everything is selected.
    pub fn is_everything(&self) -> bool {
        self.mappings.is_empty() && self.ranges.is_empty()
    }

    /// Returns the mappings that are selected, cut to the ranges. It is a failure if an argument selects nothing.
    pub fn select(&self, mappings: &[Mapping]) -> Result<Vec<Mapping>> {
        for name in &self.mappings {
            if !mappings.iter().any(|mapping| matches(mapping, name)) {
                return Err(Failure::new(format!("the process has no mapping \"{name}\""))
                    .hint("numars map lists its mappings; heap, stack, anon, a path or a file name select them"));
            }
        }
        let named =
            |mapping: &&Mapping| self.mappings.is_empty() || self.mappings.iter().any(|name| matches(mapping, name));
        let named: Vec<&Mapping> = mappings.iter().filter(named).collect();
        if self.ranges.is_empty() {
            return Ok(named.into_iter().cloned().collect());
        }
        for range in &self.ranges {
            if !named.iter().any(|mapping| mapping.start < range.end && range.start < mapping.end) {
                return Err(Failure::new(format!("nothing is mapped at {:x}-{:x}", range.start, range.end))
                    .hint("numars map lists the mappings with their addresses"));
            }
        }
        let cut = |mapping: &Mapping| -> Vec<Mapping> {
            let range_of = |range: &Range<usize>| range.start.max(mapping.start)..range.end.min(mapping.end);
            let parts = merge(self.ranges.iter().map(range_of).filter(|range| !range.is_empty()));
            let cut = |part: Range<usize>| Mapping {
                start: part.start,
                end: part.end,
                offset: mapping.offset.saturating_add((part.start - mapping.start) as u64),
                ..mapping.clone()
            };
            parts.into_iter().map(cut).collect()
        };
        Ok(named.into_iter().flat_map(cut).collect())
    }
}

/// Returns whether an argument of `--mapping` means a mapping.
fn matches(mapping: &Mapping, argument: &str) -> bool {
    let name = mapping.name.as_str();
    match argument {
        "heap" => name == "[heap]",
        "stack" => name == "[stack]" || name.starts_with("[stack:"),
        "anon" => name.is_empty() || name.starts_with("[anon:"),
        _ => {
            let path = name.strip_suffix(" (deleted)").unwrap_or(name);
            let file = path.rsplit_once('/').map(|(_, file)| file);
            !name.is_empty() && (name == argument || path == argument || file == Some(argument))
        }
    }
}

/// Returns ranges in ascending order, those that touch or overlap as one.
pub fn merge(ranges: impl IntoIterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut ranges: Vec<_> = ranges.into_iter().collect();
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// Parses a range of addresses: `7f0000000000-7f0000200000`, each with `0x` before it if one likes.
fn parse_range(text: &str) -> std::result::Result<Range<usize>, String> {
    let address = |text: &str| {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        // from_str_radix() accepts a sign.
        (!digits.starts_with('+')).then(|| usize::from_str_radix(digits, 16).ok()).flatten()
    };
    let range = text.split_once('-').and_then(|(start, end)| Some(address(start)?..address(end)?));
    range.filter(|range| !range.is_empty()).ok_or_else(|| {
        format!("\"{text}\" is not a range of addresses, such as 7f0000000000-7f0000200000 or 0x1000-0x3000")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
555555554000-555555558000 r--p 00000000 08:01 1234                       /usr/bin/a program
555555558000-55555555a000 rw-p 00000000 00:00 0                          [heap]
7ffff0000000-7ffff0021000 rw-p 00000000 00:00 0 
7ffff0021000-7ffff0030000 rw-p 00000000 00:00 0                          [anon:glibc: malloc]
7ffff7000000-7ffff7001000 rw-s 00000000 00:01 7                          /memfd:table (deleted)
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
nonsense
1-2 r--p
";

    fn select(mappings: &[&str], ranges: &[&str]) -> Result<Vec<String>> {
        let selection = Selection {
            mappings: mappings.iter().map(|name| name.to_string()).collect(),
            ranges: ranges.iter().map(|range| parse_range(range).unwrap()).collect(),
        };
        let selected = selection.select(&parse(MAPS))?;
        Ok(selected.iter().map(|mapping| format!("{:x}-{:x}", mapping.start, mapping.end)).collect())
    }

    #[test]
    fn maps_are_parsed_and_lines_that_are_not_understood_left_out() {
        let mappings = parse(MAPS);
        let names: Vec<&str> = mappings.iter().map(|mapping| mapping.name.as_str()).collect();
        assert_eq!(
            names,
            ["/usr/bin/a program", "[heap]", "", "[anon:glibc: malloc]", "/memfd:table (deleted)", "[stack]"]
        );
        assert_eq!((mappings[0].start, mappings[0].len()), (0x555555554000, 0x4000));
        assert_eq!((mappings[4].permissions.as_str(), mappings[4].is_file, mappings[2].is_file), ("rw-s", true, false));
        assert_eq!(parse(""), []);
    }

    #[test]
    fn mappings_are_selected_by_kind_path_and_name() {
        assert_eq!(select(&["heap"], &[]).unwrap(), ["555555558000-55555555a000"]);
        assert_eq!(select(&["anon"], &[]).unwrap(), ["7ffff0000000-7ffff0021000", "7ffff0021000-7ffff0030000"]);
        for program in ["/usr/bin/a program", "a program"] {
            assert_eq!(select(&[program], &[]).unwrap(), ["555555554000-555555558000"]);
        }
        assert_eq!(select(&["memfd:table"], &[]).unwrap(), ["7ffff7000000-7ffff7001000"]);
        assert_eq!(select(&["heap", "stack"], &[]).unwrap().len(), 2);
        assert_eq!(select(&[], &[]).unwrap().len(), 6);
        let failure = select(&["heap", "libc.so"], &[]).unwrap_err().to_string();
        assert!(failure.contains("no mapping \"libc.so\""), "{failure}");
    }

    #[test]
    fn ranges_cut_mappings() {
        assert_eq!(
            select(&[], &["555555556000-555555559000"]).unwrap(),
            ["555555556000-555555558000", "555555558000-555555559000"]
        );
        assert_eq!(select(&["heap"], &["0-0x555555559000"]).unwrap(), ["555555558000-555555559000"]);
        // Overlapping ranges select a page once.
        assert_eq!(
            select(&["heap"], &["555555558000-555555559000", "555555558000-55555555a000"]).unwrap(),
            ["555555558000-55555555a000"]
        );
        assert!(select(&["heap"], &["1000-2000"]).is_err());
        let selection = Selection { mappings: vec![], ranges: vec![parse_range("555555555000-555555556000").unwrap()] };
        assert_eq!(selection.select(&parse(MAPS)).unwrap()[0].offset, 0x1000);
    }

    #[test]
    fn ranges_are_hexadecimal() {
        assert_eq!(parse_range("1000-0x3000"), Ok(0x1000..0x3000));
        for wrong in ["", "1000", "3000-1000", "1000-1000", "x-y", "+1-2", "1-11111111111111111"] {
            assert!(parse_range(wrong).is_err(), "{wrong}");
        }
        assert_eq!(merge([5..7, 1..3, 3..4, 6..9]), [1..4, 5..9]);
    }

    #[test]
    fn the_mappings_of_this_process_have_its_stack() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(read(pid).unwrap().iter().any(|mapping| mapping.name == "[stack]"));
        assert!(read(i32::MAX).is_err());
    }
}

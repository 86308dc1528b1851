//! What an ELF file needs and defines, as far as libnuma is concerned.

use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionTable, Sym};
use object::{Endianness, FileKind, ReadRef, StringTable};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The name under which programs are linked with libnuma.
pub const SONAME: &str = "libnuma.so.1";

/// An ELF file.
#[derive(Debug, Default, Clone)]
pub struct Elf {
    /// Its class and architecture.
    pub machine: (bool, u16),
    /// The loader that it names (PT_INTERP), which programs that are linked statically do not.
    pub loader: Option<PathBuf>,
    /// Whether it has a dynamic section, which programs that are linked statically usually do not.
    pub is_dynamic: bool,
    /// The libraries that it needs.
    pub needed: Vec<String>,
    /// The directories of DT_RPATH, separated by colons.
    pub rpath: Option<String>,
    /// The directories of DT_RUNPATH, separated by colons.
    pub runpath: Option<String>,
    /// Its symbols that concern libnuma. `None`: it has no table of dynamic symbols that can be read.
    pub symbols: Option<Vec<Symbol>>,
    /// The versions that it needs of libnuma.
    pub versions: Vec<String>,
    /// How many functions of libnuma a program contains that is linked statically.
    pub contained: usize,
}

/// A symbol that concerns libnuma.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// Its version, such as libnuma_1.1; empty: none.
    pub version: String,
    /// What the file does with it.
    pub role: Role,
}

/// What a file does with a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It defines it.
    Defines,
    /// It uses it.
    Uses,
    /// It uses it if there is one (a weak reference).
    MayUse,
}

/// Returns whether a symbol without a version concerns libnuma.
fn is_of_libnuma(name: &str) -> bool {
    const PREFIXES: [&str; 6] =
        ["numa_", "numars_", "copy_bitmask_to_", "copy_nodemask_to_", "get_mempolicy", "set_mempolicy"];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || ["mbind", "move_pages", "migrate_pages"].contains(&name)
}

impl Elf {
    /// Reads a file.
    pub fn read(file: &Path) -> io::Result<Elf> {
        Elf::parse(&std::fs::read(file)?)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "is not an ELF file"))
    }

    /// Parses the contents of a file.
    pub fn parse(data: &[u8]) -> Option<Elf> {
        match FileKind::parse(data).ok()? {
            FileKind::Elf32 => read::<elf::FileHeader32<Endianness>>(data),
            FileKind::Elf64 => read::<elf::FileHeader64<Endianness>>(data),
            _ => None,
        }
    }
}

fn read<Header: FileHeader<Endian = Endianness>>(data: &[u8]) -> Option<Elf> {
    let header = Header::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let mut file = Elf { machine: (header.is_type_64(), header.e_machine(endian)), ..Elf::default() };
    for segment in header.program_headers(endian, data).unwrap_or_default() {
        if let Ok(Some(loader)) = segment.interpreter(endian, data) {
            file.loader = Some(PathBuf::from(OsStr::from_bytes(loader)));
        }
        if let Ok(Some(entries)) = segment.dynamic(endian, data) {
            file.is_dynamic = true;
            read_dynamic::<Header>(header, endian, data, entries, &mut file);
        }
    }
    if let Ok(sections) = header.sections(endian, data) {
        file.contained = contained_functions(&sections, endian, data);
        file.symbols = read_symbols(&sections, endian, data, &mut file.versions);
    }
    Some(file)
}

fn read_dynamic<Header: FileHeader<Endian = Endianness>>(
    header: &Header,
    endian: Endianness,
    data: &[u8],
    entries: &[Header::Dyn],
    file: &mut Elf,
) {
    let value = |tag: u32| {
        entries.iter().find(|entry| entry.tag32(endian) == Some(tag)).map(|entry| -> u64 { entry.d_val(endian).into() })
    };
    let segments = header.program_headers(endian, data).unwrap_or_default();
    let strings = value(elf::DT_STRTAB).zip(value(elf::DT_STRSZ)).and_then(|(address, size)| {
        segments.iter().find_map(|segment| segment.data_range(endian, data, address, size).ok().flatten())
    });
    let Some(strings) = strings else { return };
    let strings = StringTable::new(strings, 0, strings.len() as u64);
    for entry in entries {
        let text = || {
            let offset = u32::try_from(entry.d_val(endian).into()).ok()?;
            strings.get(offset).ok().map(|text| String::from_utf8_lossy(text).into_owned())
        };
        match entry.tag32(endian) {
            Some(elf::DT_NULL) => break,
            Some(elf::DT_NEEDED) => file.needed.extend(text()),
            Some(elf::DT_RPATH) => file.rpath = text(),
            Some(elf::DT_RUNPATH) => file.runpath = text(),
            _ => {}
        }
    }
}

/// Returns the symbols that concern libnuma, and adds the versions that the file needs of it.
fn read_symbols<'data, Header: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
    sections: &SectionTable<'data, Header, R>,
    endian: Endianness,
    data: R,
    needed: &mut Vec<String>,
) -> Option<Vec<Symbol>> {
    let table = sections.symbols(endian, data, elf::SHT_DYNSYM).ok().filter(|table| !table.is_empty())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    needed.extend(needed_versions(sections, endian, data).unwrap_or_default());
    let versions = sections.versions(endian, data).ok().flatten();
    let mut symbols = Vec::new();
    for (index, symbol) in table.enumerate() {
        let Ok(name) = symbol.name(endian, table.strings()) else { continue };
        if name.is_empty() || symbol.st_bind() == elf::STB_LOCAL {
            continue;
        }
        let version = versions
            .as_ref()
            .and_then(|versions| versions.version(versions.version_index(endian, index)).ok().flatten());
        let is_versioned = version.is_some_and(|version| version.file() == Some(SONAME.as_bytes()));
        let role = match (symbol.st_shndx(endian) == elf::SHN_UNDEF, symbol.st_bind()) {
            // A variable of a library that was copied into the program.
            (false, _) if is_versioned => Role::Uses,
            (false, _) => Role::Defines,
            (true, elf::STB_WEAK) => Role::MayUse,
            (true, _) => Role::Uses,
        };
        let (name, version) = (text(name), version.map_or(String::new(), |version| text(version.name())));
        // The node of a version is a symbol, too.
        if (is_versioned || is_of_libnuma(&name)) && name != version {
            symbols.push(Symbol { name, version, role });
        }
    }
    Some(symbols)
}

/// Returns the versions of libnuma without which the loader starts no program.
fn needed_versions<'data, Header: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
    sections: &SectionTable<'data, Header, R>,
    endian: Endianness,
    data: R,
) -> Option<Vec<String>> {
    let (mut needs, link) = sections.gnu_verneed(endian, data).ok().flatten()?;
    let strings = sections.strings(endian, data, link).ok()?;
    let mut versions = Vec::new();
    while let Ok(Some((need, mut entries))) = needs.next() {
        if need.file(endian, strings).ok() != Some(SONAME.as_bytes()) {
            continue;
        }
        while let Ok(Some(entry)) = entries.next() {
            let name = entry.name(endian, strings).unwrap_or_default();
            if entry.vna_flags.get(endian) & elf::VER_FLG_WEAK == 0 {
                versions.push(String::from_utf8_lossy(name).into_owned());
            }
        }
    }
    Some(versions)
}

/// Returns how many functions of libnuma's name the file's own table of symbols has.
fn contained_functions<'data, Header: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
    sections: &SectionTable<'data, Header, R>,
    endian: Endianness,
    data: R,
) -> usize {
    let Ok(table) = sections.symbols(endian, data, elf::SHT_SYMTAB) else { return 0 };
    let is_contained = |symbol: &&Header::Sym| {
        symbol.st_type() == elf::STT_FUNC
            && symbol.st_shndx(endian) != elf::SHN_UNDEF
            && symbol.name(endian, table.strings()).is_ok_and(|name| name.starts_with(b"numa_"))
    };
    table.iter().filter(is_contained).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_read() {
        let this = Elf::read(&std::env::current_exe().unwrap()).unwrap();
        assert!(this.loader.is_some() && this.is_dynamic && this.needed.iter().any(|name| name.starts_with("libc.")));
        assert!(this.symbols.is_some_and(|symbols| symbols.is_empty()) && this.versions.is_empty());
    }

    #[test]
    fn broken_files_are_no_elf_files_or_have_less() {
        let data = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        for end in [0, 3, 4, 17, 63, 64, 200, 1000, data.len() / 2] {
            let _ = Elf::parse(&data[..end]);
        }
        assert!(Elf::parse(b"#!/bin/sh\n").is_none());
        // Each byte of the headers, wrong.
        let mut data = data[..data.len().min(1 << 16)].to_vec();
        for index in 0..1024 {
            data[index] ^= 0xff;
            let _ = Elf::parse(&data);
            data[index] ^= 0xff;
        }
    }

    #[test]
    fn symbols_of_libnuma_are_known_by_name() {
        assert!(is_of_libnuma("numa_available") && is_of_libnuma("mbind") && is_of_libnuma("set_mempolicy_home_node"));
        assert!(!is_of_libnuma("mbindings") && !is_of_libnuma("malloc"));
    }
}

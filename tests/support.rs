//! Shared by the tests of the built library.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Runs a command that must succeed, and returns its standard output.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
    well(&format!("{command:?}"), &output)
}

/// Returns the standard output of a command, which must have succeeded.
fn well(command: &str, output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command} failed: {}\n{out}{err}", output.status);
    out.into_owned()
}

/// Runs make in the repository, which may fail, without the command numars unless an argument says CLI=…. Tests run in parallel, and files
/// that make generates for one directory do not fit another.
pub fn make(arguments: &[&str]) -> Output {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _until_it_ends = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Command::new("make").current_dir(root()).env("CLI", "no").args(arguments).output().unwrap()
}

/// The same if it must succeed.
pub fn make_well(arguments: &[&str]) {
    well(&format!("make {arguments:?}"), &make(arguments));
}

/// The library as `make install` installs it, in a directory under target.
pub struct Stage {
    pub prefix: PathBuf,
}

/// Builds and installs the library, once per test program.
pub fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let prefix = root().join("target/stage");
        make_well(&["stage", "DESTDIR="]);
        Stage { prefix }
    })
}

/// Builds and installs the library with the command numars, once per test program.
pub fn stage_with_command() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let prefix = root().join("target/stage-with-command");
        make_well(&["libraries", "cli", "CLI=dev"]);
        make_well(&["install", "CLI=dev", "DESTDIR=", "LDCONFIG=", &format!("PREFIX={}", prefix.display())]);
        Stage { prefix }
    })
}

impl Stage {
    pub fn lib(&self) -> PathBuf {
        self.prefix.join("lib")
    }

    /// The directory of the libnuma.so.1 flavour.
    pub fn flavour(&self) -> PathBuf {
        self.prefix.join("lib/numars")
    }

    pub fn include(&self) -> PathBuf {
        self.prefix.join("include/numars")
    }

    /// Returns the flags from pkg-config for `package`, numars or numa, as a user of the installed library gets them.
    pub fn pkg_config(&self, package: &str, options: &[&str]) -> Vec<String> {
        let search = [self.lib().join("pkgconfig"), self.flavour().join("pkgconfig")];
        let flags = run(Command::new("pkg-config")
            .env("PKG_CONFIG_PATH", std::env::join_paths(search).unwrap())
            .args(["--cflags", "--libs"])
            .args(options)
            .arg(package));
        flags.split_whitespace().map(str::to_owned).collect()
    }
}

/// Builds the library by cargo alone.
pub fn plain_cargo_library() -> PathBuf {
    let cargo = ["build", "--release", "--locked", "--package", "libnumars"];
    run(Command::new(env!("CARGO")).current_dir(root()).args(cargo));
    root().join("target/release/libnumars.so")
}

/// The command for the guest.
pub fn vm() -> Command {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        make_well(&["vm"]);
    });
    Command::new(root().join("target/release/vm"))
}

/// Unpacked Debian packages with everything that they depend on.
pub struct Packages {
    /// The directory that they are unpacked in.
    pub root: PathBuf,
}

impl Packages {
    /// The Debian suite with the newest libnuma that is available for the guest.
    pub const SUITE: &str = "trixie";

    /// Fetches packages, or uses those that were fetched before.
    pub fn fetch(names: &[impl AsRef<OsStr>]) -> Packages {
        Packages::fetch_from(Packages::SUITE, names)
    }

    /// As [`fetch`](Self::fetch), from another Debian suite.
    pub fn fetch_from(suite: &str, names: &[impl AsRef<OsStr>]) -> Packages {
        let root = run(vm().args(["packages", suite]).args(names));
        Packages { root: std::fs::canonicalize(root.trim_end()).unwrap() }
    }

    /// Adds libraries of the packages to a guest, by the names that the loader looks for, which may be links here.
    pub fn add_libraries(&self, guest: &mut Command, libraries: &BTreeSet<PathBuf>) {
        for library in libraries {
            let place = library.strip_prefix(&self.root).unwrap();
            // Debian's alternatives, of which one takes this place when the package is installed.
            let place: PathBuf = place.iter().filter(|folder| *folder != "blas" && *folder != "lapack").collect();
            guest.arg("--add").arg(format!("{}:/{}", library.display(), place.display()));
        }
    }

    /// Returns the path of a program, which is named by its file name or by its path in the package.
    pub fn program(&self, name: &str) -> PathBuf {
        let places = ["usr/bin", "usr/sbin", "bin", "sbin", ""];
        let mut files = places.iter().map(|place| self.root.join(place).join(name));
        files.find(|file| file.is_file()).unwrap_or_else(|| panic!("the packages have no {name}"))
    }

    fn library_folder(&self) -> PathBuf {
        let mut folders = std::fs::read_dir(self.root.join("usr/lib")).unwrap().map(|entry| entry.unwrap().path());
        folders.find(|folder| folder.join("libc.so.6").exists()).expect("the packages have no libc.so.6")
    }

    fn loader(&self) -> PathBuf {
        let mut files = std::fs::read_dir(self.library_folder()).unwrap().map(|entry| entry.unwrap().path());
        let is_loader = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().starts_with("ld-linux");
        files.find(is_loader).expect("the packages have no loader")
    }

    /// Returns the libraries that a program or a library needs, recursively, as the loader finds them: among the
    /// packages' own, some of which are in directories that only the programs know.
    pub fn libraries(&self, program: &Path) -> BTreeSet<PathBuf> {
        let main = self.library_folder();
        let inner = std::fs::read_dir(&main).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        let folders = [main.clone()].into_iter().chain(inner);
        let mut loader = Command::new(self.loader());
        loader.arg("--library-path").arg(std::env::join_paths(folders).unwrap()).arg("--list").arg(program);
        // For a static program, the loader reports that and fails.
        let listing = loader.output().unwrap();
        let listing = String::from_utf8(listing.stdout).unwrap();
        let files = listing.lines().filter_map(|line| line.split_once(" => ")?.1.split(' ').next());
        files.map(PathBuf::from).filter(|file| file.starts_with(&self.root)).collect()
    }

    /// Returns the version of a package.
    pub fn version(&self, package: &str) -> String {
        let versions = std::fs::read_to_string(self.root.join("versions")).unwrap();
        let mut lines = versions.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(name, _)| *name == package).unwrap_or_else(|| panic!("there is no {package}")).1.to_owned()
    }
}

/// The archives of captured machines, if they are available.
pub fn archives() -> Vec<PathBuf> {
    let named = std::env::var_os("NUMARS_TOPOLOGIES").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| root().join("../shared/topologies"));
    if !folder.is_dir() {
        println!("There are no captured machines at {}; NUMARS_TOPOLOGIES may name another folder.", folder.display());
        return Vec::new();
    }
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut archives: Vec<_> = entries.filter(|path| path.to_str().unwrap().ends_with(".tar.bz2")).collect();
    archives.sort();
    assert!(!archives.is_empty());
    archives
}

/// Returns true for those of a captured machine's files that are about nodes: there are thousands of others.
fn is_of_interest(path: &Path, is_file: bool) -> bool {
    let names: Vec<_> = path.iter().skip(1).map(|name| name.to_str().unwrap()).collect();
    let numbered = |name: &str, what: &str| {
        name.strip_prefix(what)
            .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()) && !number.is_empty())
    };
    names.first() == Some(&"sys")
        && !names.iter().any(|name| numbered(name, "cpu") || numbered(name, "memory"))
        && (!is_file || names.starts_with(&["sys", "devices", "system"]) || names.ends_with(&["numa_node"]))
}

/// Unpacks a captured machine, and returns the root of its files.
pub fn unpack(archive: &Path, folder: &Path) -> PathBuf {
    let mut name = PathBuf::new();
    let mut files = tar::Archive::new(bzip2::read::BzDecoder::new(std::fs::File::open(archive).unwrap()));
    for file in files.entries().unwrap() {
        let mut file = file.unwrap();
        let path = file.path().unwrap().into_owned();
        name = path.iter().next().unwrap().into();
        let kind = file.header().entry_type();
        if !is_of_interest(&path, kind.is_file()) {
            continue;
        }
        // Ignores owners and permissions in the archive: this process need not be root, and must be able to remove the
        // files.
        let place = folder.join(&path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        if kind.is_dir() {
            std::fs::create_dir_all(place).unwrap();
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(file.link_name().unwrap().unwrap(), place).unwrap();
        } else {
            std::io::copy(&mut file, &mut std::fs::File::create(place).unwrap()).unwrap();
        }
    }
    folder.join(name)
}

/// Writes `program` as C, compiles it with `flags` and returns the executable's path in `folder`.
pub fn compile_c(folder: &Path, program: &str, flags: &[String]) -> PathBuf {
    let (source, executable) = (folder.join("program.c"), folder.join("program"));
    std::fs::write(&source, program).unwrap();
    run(Command::new("gcc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-o"])
        .args([&executable, &source])
        .args(flags));
    executable
}

/// As [`compile_c`], a source file of this project, by its path there without `.c`; the executable has its file name.
pub fn compile_file(folder: &Path, source: &str, flags: &[String]) -> PathBuf {
    let source = root().join(source);
    let file = source.with_extension("c").display().to_string();
    let executable = folder.join(source.file_name().unwrap());
    std::fs::rename(compile_c(folder, "", &[&[file], flags].concat()), &executable).unwrap();
    executable
}

/// A C program that is linked with numars and compiled when it is first needed. It finds the library by itself, because
/// the loader ignores LD_LIBRARY_PATH if it runs with privileges.
pub struct LinkedProgram {
    source: &'static str,
    /// Its directory and its path.
    compiled: OnceLock<(tempfile::TempDir, PathBuf)>,
}

impl LinkedProgram {
    pub const fn new(source: &'static str) -> Self {
        LinkedProgram { source, compiled: OnceLock::new() }
    }

    pub fn path(&self) -> &Path {
        let (_, path) = self.compiled.get_or_init(|| {
            let directory = tempfile::tempdir().unwrap();
            let mut flags = stage().pkg_config("numars", &[]);
            flags.push(format!("-Wl,-rpath,{}", stage().lib().display()));
            let path = compile_c(directory.path(), self.source, &flags);
            (directory, path)
        });
        path
    }
}

/// Where the wrappers of tests/programs/own_wrappers.c are.
#[derive(PartialEq)]
pub enum Wrappers {
    InProgram,
    Preloaded,
    Nowhere,
}

/// Compiles tests/programs/calls_of_each.c with `flags`. A program that is not for libnuma calls all functions of
/// numars.
pub fn calls_of_each(folder: &Path, wrappers: Wrappers, flags: &[String]) -> PathBuf {
    let source = |name: &str| root().join("tests/programs").join(name).display().to_string();
    let mut all = vec![source("calls_of_each.c")];
    match wrappers {
        Wrappers::InProgram => all.push(source("own_wrappers.c")),
        Wrappers::Preloaded => {}
        Wrappers::Nowhere => all.push("-DNO_WRAPPERS".to_owned()),
    }
    if !flags.contains(&"-lnuma".to_owned()) {
        all.push("-DNUMARS".to_owned());
    }
    all.extend_from_slice(flags);
    compile_c(folder, "", &all)
}

/// A program, and where the loader must search for its libraries.
pub fn with_libraries(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", folder);
    command
}

/// A symbol that a library exports.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Export {
    pub name: String,
    pub version: String,
    pub default: bool,
    /// An object's size; `None` for a function.
    pub object_size: Option<u64>,
}

/// Returns what the shared library at `path` exports, without the symbols of the version nodes themselves.
pub fn exports(path: &Path) -> BTreeSet<Export> {
    use object::elf::{self, FileHeader64};
    use object::read::elf::{FileHeader, Sym};
    let data = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let header = FileHeader64::<object::Endianness>::parse(&*data).unwrap();
    let endian = header.endian().unwrap();
    let sections = header.sections(endian, &*data).unwrap();
    let symbols = sections.symbols(endian, &*data, elf::SHT_DYNSYM).unwrap();
    let versions = sections.versions(endian, &*data).unwrap();
    let mut exports = BTreeSet::new();
    for (index, symbol) in symbols.enumerate() {
        let name = String::from_utf8(symbols.symbol_name(endian, symbol).unwrap().to_vec()).unwrap();
        if symbol.is_undefined(endian) || symbol.is_local() || symbol.st_shndx(endian) == elf::SHN_ABS {
            continue;
        }
        let index = versions.as_ref().map(|table| (table, table.version_index(endian, index)));
        let (version, default) = match index {
            Some((table, index)) => match table.version(index).unwrap() {
                Some(version) => (String::from_utf8(version.name().to_vec()).unwrap(), !index.is_hidden()),
                None => (String::new(), true),
            },
            None => (String::new(), true),
        };
        let object_size = (symbol.st_type() == elf::STT_OBJECT).then(|| symbol.st_size(endian));
        exports.insert(Export { name, version, default, object_size });
    }
    exports
}

/// A row of symbols.tsv, which describes the columns.
pub struct Symbol {
    pub name: String,
    pub version: String,
    pub is_node: bool,
    pub is_default: bool,
    pub object_size: Option<u64>,
    pub is_weak: bool,
    /// The first version of numars that has it.
    pub numars: String,
    /// The version of Debian's libnuma1 that a program needs which uses it, unless libnuma does not have it.
    pub libnuma: Option<String>,
}

/// The table of symbols. Panics at a row that is not as the comment of the table says.
pub fn symbol_table() -> Vec<Symbol> {
    let table = std::fs::read_to_string(root().join("symbols.tsv")).unwrap();
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let columns: Vec<&str> = row.split('\t').collect();
        let [name, version, form, kind, size, binding, interposable, numars, libnuma] = columns[..] else {
            panic!("symbols.tsv: not a row of nine columns: {row:?}")
        };
        let is_valid = match kind {
            "node" => [form, size, binding, interposable] == ["-"; 4],
            "func" => size == "-",
            "object" => size.parse::<u64>().is_ok(),
            _ => false,
        };
        let is_symbol = ["default", "older"].contains(&form)
            && ["global", "weak"].contains(&binding)
            && ["yes", "no"].contains(&interposable);
        assert!(is_valid && (kind == "node" || is_symbol), "symbols.tsv: not as its comment says: {row:?}");
        Symbol {
            name: name.to_owned(),
            version: version.to_owned(),
            is_node: kind == "node",
            is_default: form == "default",
            object_size: size.parse().ok(),
            is_weak: binding == "weak",
            numars: numars.to_owned(),
            libnuma: (libnuma != "-").then(|| libnuma.to_owned()),
        }
    })
    .collect()
}

/// What the library exports by the table of symbols.
pub fn expected_exports() -> BTreeSet<Export> {
    let symbols = symbol_table().into_iter().filter(|symbol| !symbol.is_node);
    symbols
        .map(|symbol| Export {
            name: symbol.name,
            version: symbol.version,
            default: symbol.is_default,
            object_size: symbol.object_size,
        })
        .collect()
}

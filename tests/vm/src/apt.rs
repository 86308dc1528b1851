//! Unpacks Debian packages without installing anything: apt uses a source list, package lists and a dpkg state of its
//! own, dpkg only unpacks. Needs no root and leaves the machine's sources and packages as they are.

use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The file that lists the name and version of each unpacked package, one per line.
const VERSIONS: &str = "versions";

/// The security archive, as a suite. Debian puts new compilers there, which its browsers are built with.
pub const SECURITY: &str = "security";

/// One suite of the Debian mirror this machine uses.
pub struct Apt {
    work: PathBuf,
    options: Vec<String>,
}

/// The Debian archive in the machine's apt configuration.
struct Mirror {
    uri: String,
    signed_by: Option<String>,
    /// The suite, of a security archive.
    security_suite: Option<String>,
}

impl Apt {
    /// Reads the lists of `suite`, or of the security archive for this machine's suite if it is [`SECURITY`]. Everything is stored below
    /// `work`.
    pub fn open(work: &Path, suite: &str, architecture: &str) -> Result<Self> {
        let mirror = Mirror::find(suite == SECURITY)?;
        let suite = mirror.security_suite.as_deref().unwrap_or(suite);
        for directory in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(work.join(directory))?;
        }
        let signed_by = match mirror.signed_by {
            Some(keyring) => format!(" signed-by={keyring}"),
            None => String::new(),
        };
        fs::write(
            work.join("sources.list"),
            format!("deb [arch={architecture} target=Packages{signed_by}] {} {suite} main\n", mirror.uri),
        )?;
        // No package counts as installed, so what is fetched is complete on every machine.
        fs::write(work.join("status"), "")?;
        let at = |name: &str| work.join(name).display().to_string();
        let options = [
            ("Dir::Etc::SourceList", at("sources.list")),
            ("Dir::Etc::SourceParts", "/dev/null".into()),
            ("Dir::Etc::Preferences", "/dev/null".into()),
            ("Dir::Etc::PreferencesParts", "/dev/null".into()),
            ("Dir::State", work.display().to_string()),
            ("Dir::State::Lists", at("lists/")),
            ("Dir::State::Status", at("status")),
            ("Dir::Cache", at("cache/")),
            ("Dir::Cache::Archives", at("cache/archives/")),
            // Official container images clear this one, and then every call would read the lists again.
            ("Dir::Cache::PkgCache", "pkgcache.bin".into()),
            ("APT::Architecture", architecture.into()),
            ("APT::Architectures::", architecture.into()),
            ("APT::Default-Release", String::new()),
            ("Acquire::Languages", "none".into()),
            // root would otherwise download as the user _apt, who may not be able to access our directory.
            ("APT::Sandbox::User", "root".into()),
            ("Debug::NoLocking", "true".into()),
        ]
        .map(|(name, value)| format!("-o{name}={value}"));
        let apt = Self { work: work.into(), options: options.into() };
        let mut update = apt.command("apt-get");
        // A list that cannot be fetched is an error, not a warning.
        run(update.args(["update", "-qq", "--error-on=any"]))?;
        Ok(apt)
    }

    /// Unpacks packages and everything that they depend on into `root`.
    pub fn unpack_with_dependencies(&self, packages: &[impl AsRef<OsStr>], root: &Path) -> Result<()> {
        let mut install = self.command("apt-get");
        run(install.args(["install", "-qq", "--yes", "--no-install-recommends", "--download-only"]).args(packages))?;
        self.unpack_archives(&self.work.join("cache/archives"), root)
    }

    /// Unpacks a single package into `root`.
    pub fn unpack(&self, package: &str, root: &Path) -> Result<()> {
        self.unpack_only(&[package], root)
    }

    /// Unpacks packages into `root` without what they depend on.
    pub fn unpack_only(&self, packages: &[impl AsRef<OsStr>], root: &Path) -> Result<()> {
        let archives = self.work.join("downloads");
        fs::create_dir_all(&archives)?;
        let mut download = self.command("apt-get");
        run(download.args(["download", "-qq"]).args(packages).current_dir(&archives))?;
        self.unpack_archives(&archives, root)
    }

    /// Next to the packages' files, [`VERSIONS`] lists their versions.
    fn unpack_archives(&self, archives: &Path, root: &Path) -> Result<()> {
        fs::create_dir_all(root)?;
        let mut versions = String::new();
        for entry in fs::read_dir(archives)? {
            let archive = entry?.path();
            if archive.extension().is_some_and(|extension| extension == "deb") {
                unpack_archive(&archive, root)?;
                versions += &run(Command::new("dpkg-deb")
                    .args(["--show", "--showformat=${Package} ${Version}\\n"])
                    .arg(&archive))?;
                fs::remove_file(&archive)?;
            }
        }
        Ok(fs::write(root.join(VERSIONS), versions)?)
    }

    /// Returns the names of the packages that `package` depends on.
    pub fn dependencies(&self, package: &str) -> Result<Vec<String>> {
        let depends = run(self.command("apt-cache").args(["depends", "-i", package]))?;
        let names = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        Ok(names.map(String::from).collect())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DEBIAN_FRONTEND", "noninteractive").args(&self.options);
        command
    }
}

/// Unpacks the files of a package. A link to a directory in `root` stays what it is, as `lib` where it is a link to `usr/lib`.
fn unpack_archive(archive: &Path, root: &Path) -> Result<()> {
    let mut files = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(archive)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run dpkg-deb")?;
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--keep-directory-symlink", "--no-same-owner", "--directory"]).arg(root);
    run(tar.stdin(files.stdout.take().context("dpkg-deb has no output")?))?;
    let status = files.wait()?;
    ensure!(status.success(), "cannot unpack {}: dpkg-deb ended with {status}", archive.display());
    Ok(())
}

impl Mirror {
    fn find(security: bool) -> Result<Self> {
        let targets = run(Command::new("apt-get").args([
            "indextargets",
            "--no-release-info",
            "--format",
            "$(REPO_URI) $(RELEASE) $(COMPONENT) $(SOURCESENTRY)",
        ]))
        .context("apt is not installed on this machine")?;
        let os_release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let Some((uri, release, entry)) = mirror_among(&targets, &os_release, security) else {
            bail!(
                "apt on this machine has no Debian {} configured",
                if security { "security archive" } else { "archive" }
            );
        };
        let sources = entry.rsplit_once(':').map_or(entry, |(file, _line)| file);
        let sources = fs::read_to_string(sources).unwrap_or_default();
        let security_suite = security.then(|| release.to_string());
        Ok(Self { uri: uri.into(), signed_by: keyring(&sources).map(String::from), security_suite })
    }
}

/// Selects Debian's main archive among the machine's index targets, or its security archive, which does not contain whole suites; not a third
/// party's, which uses Debian's suite names but other components. Returns its address, suite and source list.
fn mirror_among<'a>(targets: &'a str, os_release: &str, security: bool) -> Option<(&'a str, &'a str, &'a str)> {
    let codename = os_release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .unwrap_or_default()
        .trim_matches('"');
    if !os_release.lines().any(|line| line == "ID=debian") {
        return None;
    }
    let whole = ["oldstable", "stable", "testing", "unstable", "sid"];
    targets.lines().find_map(|line| {
        let mut words = line.splitn(4, ' ');
        let (uri, release, component) = (words.next()?, words.next()?, words.next()?);
        let suite = if security { release.strip_suffix("-security").unwrap_or_default() } else { release };
        let archive = component == "main" && (suite == codename || whole.contains(&suite));
        archive.then_some((uri, release, words.next().unwrap_or_default()))
    })
}

/// Returns the keyring file that a source list names, in either format; without one, apt uses its trusted keys.
fn keyring(sources: &str) -> Option<&str> {
    sources.lines().filter(|line| !line.trim_start().starts_with('#')).find_map(|line| {
        let at = line.to_ascii_lowercase().find("signed-by")?;
        let value = line[at + "signed-by".len()..].trim_start_matches([':', '=', ' ']);
        let path = value.split([' ', ']', ',']).next()?;
        path.starts_with('/').then_some(path)
    })
}

/// Runs a command to its end and returns its output; what it prints on standard error becomes the error.
pub fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.env("LC_ALL", "C").output().with_context(|| format!("cannot run {name}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_debians_main_archive_and_no_other() {
        let targets = "http://other/debian bookworm stable /etc/apt/other.list:1\n\
            http://mirror/debian-security/ bookworm-security main /etc/apt/a.sources:2\n\
            http://mirror/debian/ bookworm main /etc/apt/a.sources:1\n";
        let debian = "ID=debian\nVERSION_CODENAME=bookworm\n";
        assert_eq!(
            mirror_among(targets, debian, false),
            Some(("http://mirror/debian/", "bookworm", "/etc/apt/a.sources:1"))
        );
        assert_eq!(
            mirror_among(targets, debian, true),
            Some(("http://mirror/debian-security/", "bookworm-security", "/etc/apt/a.sources:2"))
        );
        let derived = "ID=derived\nVERSION_CODENAME=bookworm\n";
        assert_eq!(mirror_among(targets, derived, false), None);
    }

    #[test]
    fn the_keyring_is_read_from_both_kinds_of_source_lists() {
        assert_eq!(keyring("Types: deb\nSigned-By: /k/debian.gpg\n"), Some("/k/debian.gpg"));
        assert_eq!(
            keyring("deb [arch=amd64 signed-by=/k/debian.gpg] http://mirror bookworm main"),
            Some("/k/debian.gpg")
        );
        assert_eq!(keyring("# signed-by=/k/x\ndeb http://mirror bookworm main"), None);
    }
}

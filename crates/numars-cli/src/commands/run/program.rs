//! The program to be run: where it is, and what interprets it.

use crate::failure::{Failure, Status};
use rustix::fs::{Access, access};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Why a program cannot be run, or not on numars.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One line.
    pub message: String,
    /// The same exit statuses as those of env(1), nohup(1) and timeout(1).
    pub status: Status,
}

impl Refusal {
    /// Returns the refusal of a program that would not run as asked for.
    pub fn cannot(message: impl Into<String>) -> Self {
        Refusal { message: message.into(), status: Status::NotRun }
    }

    /// Returns the refusal of what is not a program.
    pub fn not_executable(message: impl Into<String>) -> Self {
        Refusal { message: message.into(), status: Status::NotExecutable }
    }

    /// Returns the refusal of a program that does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Refusal { message: message.into(), status: Status::NotFound }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        let failure = Failure::new(refusal.message).with_status(refusal.status);
        match refusal.status {
            Status::NotFound => failure.hint("give the name of a program in PATH, or its path"),
            Status::NotExecutable => failure.hint("ls -l shows what it is; chmod +x lets a program be executed"),
            _ => failure,
        }
    }
}

/// Returns whether this is a file that this process may execute.
fn is_executable(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

/// Returns the program that execvp(3) would find in PATH.
fn search_path(name: &OsStr) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/local/bin:/usr/bin:/bin"));
    std::env::split_paths(&path)
        .map(|folder| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder })
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

/// Returns the file of the program with this name, which may be a path.
pub fn find(name: &OsStr) -> Result<PathBuf, Refusal> {
    let shown = name.to_string_lossy();
    let file = if name.as_bytes().contains(&b'/') {
        let file = PathBuf::from(name);
        // Also a symbolic link to nothing does not exist.
        if !file.exists() {
            return Err(Refusal::not_found(format!("{shown}: no such file")));
        }
        file
    } else {
        let missing = || Refusal::not_found(format!("{shown}: not found in PATH"));
        if name.is_empty() {
            return Err(Refusal::not_found("the name of the program is empty"));
        }
        search_path(name).ok_or_else(missing)?
    };
    if !file.is_file() {
        return Err(Refusal::not_executable(format!("{shown}: not a program")));
    }
    if !is_executable(&file) {
        return Err(Refusal::not_executable(format!("{shown}: may not be executed")));
    }
    Ok(file)
}

/// What is executed for a program.
#[derive(Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// For a script, its interpreter, or the program that env(1) starts for it; otherwise the program.
    pub file: PathBuf,
    /// Whether that is another file than the program.
    pub is_of_script: bool,
    /// The first line of a script, if the program that env(1) starts for it cannot be determined; `file` is env(1).
    pub unclear: Option<String>,
}

/// Returns what is executed for a program, as execve(2) finds it: interpreters may themselves be scripts.
pub fn interpreter(program: &Path) -> Interpreter {
    let mut file = program.to_owned();
    let mut is_of_script = false;
    // More than the kernel follows.
    for _ in 0..5 {
        let Some(line) = first_line(&file) else { break };
        let (name, rest) = split_word(&line);
        let interpreter = PathBuf::from(OsStr::from_bytes(name));
        if !interpreter.is_file() {
            break;
        }
        let is_env = interpreter.file_name() == Some(OsStr::new("env"));
        file = interpreter;
        is_of_script = true;
        if is_env {
            match program_of_env(rest) {
                Some(started) => file = started,
                None => {
                    let unclear = Some(format!("#!{}", String::from_utf8_lossy(&line)));
                    return Interpreter { file, is_of_script, unclear };
                }
            }
        }
    }
    Interpreter { file, is_of_script, unclear: None }
}

/// Returns the first line of a script without `#!` and blanks at its ends, and with single blanks.
fn first_line(file: &Path) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    // The kernel reads 256 bytes.
    File::open(file).ok()?.take(4096).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    Some(words.collect::<Vec<_>>().join(&b' '))
}

fn split_word(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|&byte| byte == b' ') {
        Some(end) => (line.get(..end).unwrap_or_default(), line.get(end + 1..).unwrap_or_default()),
        None => (line, &[]),
    }
}

/// Returns the program that env(1) starts if a script names it with these arguments, unless it changes what is preloaded or searched.
fn program_of_env(arguments: &[u8]) -> Option<PathBuf> {
    let words = match (arguments.strip_prefix(b"-S"), arguments.strip_prefix(b"--split-string=")) {
        (Some(words), _) | (_, Some(words)) => words,
        // Without these options, env receives everything as one argument.
        _ if arguments.contains(&b' ') => return None,
        _ => arguments,
    };
    // env(1) replaces these.
    if words.iter().any(|byte| matches!(byte, b'\'' | b'"' | b'\\' | b'$' | b'#')) {
        return None;
    }
    for word in words.split(|&byte| byte == b' ').filter(|word| !word.is_empty()) {
        let changes_the_search = [&b"-"[..], b"PATH=", b"LD_"].iter().any(|prefix| word.starts_with(prefix));
        if changes_the_search && (word.contains(&b'=') || word.starts_with(b"-")) {
            return None;
        }
        if word.contains(&b'=') {
            continue;
        }
        let name = OsStr::from_bytes(word);
        if word.contains(&b'/') {
            return Some(PathBuf::from(name)).filter(|file| file.is_file());
        }
        return search_path(name);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    fn script(line: &str) -> tempfile::TempPath {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "{line}").unwrap();
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o755)).unwrap();
        file.into_temp_path()
    }

    #[test]
    fn a_script_is_run_by_its_interpreter_or_by_what_env_starts() {
        let interpreter_of = |line: &str| interpreter(&script(line));
        for line in ["#!/bin/sh", "#! /bin/sh -e", "#!/usr/bin/env /bin/sh", "#!/usr/bin/env -S A=1 /bin/sh -e"] {
            let interpreter = interpreter_of(line);
            assert!(
                interpreter.file == Path::new("/bin/sh") && interpreter.unclear.is_none() && interpreter.is_of_script,
                "{line} {interpreter:?}"
            );
        }
        for line in ["-i sh", "A=1 sh", "", "sh\r", "-S -i sh", "-S LD_PRELOAD= sh", "-S 'sh'", "-S", "no-such-program"]
        {
            let interpreter = interpreter_of(&format!("#!/usr/bin/env {line}"));
            assert!(
                interpreter.unclear.is_some() && interpreter.file == Path::new("/usr/bin/env"),
                "{line} {interpreter:?}"
            );
        }
        let plain = script("no script");
        assert_eq!(interpreter(&plain), Interpreter { file: plain.to_path_buf(), is_of_script: false, unclear: None });
    }

    #[test]
    fn a_program_that_cannot_be_run_has_the_exit_status_of_env() {
        let status = |name: &str| find(OsStr::new(name)).unwrap_err().status;
        assert_eq!(status("/no such program"), Status::NotFound);
        assert_eq!(status("no-such-program"), Status::NotFound);
        assert_eq!(status(""), Status::NotFound);
        assert_eq!(status("/"), Status::NotExecutable);
        assert_eq!(status("/etc/passwd"), Status::NotExecutable);
        assert!(find(OsStr::new("sh")).is_ok());
    }
}

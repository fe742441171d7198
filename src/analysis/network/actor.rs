//! What kind of program talks to the network. A connection by itself says little: who holds it says more.

use bstr::{BStr, BString, ByteSlice};

use super::super::facts::{Facts, ProcessFacts, base};
use super::super::vocabulary::{FETCHERS, is_interpreter, is_world_writable};
use super::super::words::shown;

/// Programs that make connections by hand.
const RELAYS: [&str; 10] =
    ["nc", "ncat", "netcat", "nc.traditional", "nc.openbsd", "socat", "telnet", "cryptcat", "chisel", "rlwrap"];

/// The kind of program that a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    /// A shell.
    Shell,
    /// A program or script that does not belong to the image, by the words why.
    Odd(String),
    /// An interpreter with code in its arguments.
    OneLiner,
    /// A tool that fetches files, such as curl.
    Fetcher,
    /// A tool that makes connections by hand, such as netcat.
    Relay,
    /// Anything else.
    Ordinary,
}

impl Actor {
    /// The kind of a process.
    pub(super) fn of(process: &ProcessFacts<'_>) -> Self {
        let program = &process.program;
        let path = program.path.as_deref().map_or(&b""[..], |path| path.as_slice());
        // The runtime itself runs from a sealed copy for a moment.
        if program.memfd && !path.starts_with(b"/memfd:runc_cloned") {
            return Actor::Odd("it runs from memory, without a file".to_owned());
        }
        if is_world_writable(path) {
            return Actor::Odd(format!("its program is in a place that everyone may write to ({})", shown(path)));
        }
        if process.is_shell() {
            return Actor::Shell;
        }
        let name = program.base();
        let called = process.argv().first().map_or(name, |first| base(first).as_bstr());
        let is = |names: &[&str]| names.iter().any(|one| one.as_bytes() == name || one.as_bytes() == called);
        if is(&FETCHERS) {
            return Actor::Fetcher;
        }
        if is(&RELAYS) {
            return Actor::Relay;
        }
        if is_interpreter(name) && name != "java" {
            return match script(process) {
                Some(Code::Argument(code)) if !is_worker_code(code) => Actor::OneLiner,
                Some(Code::File(file)) if is_world_writable(&file) => {
                    Actor::Odd(format!("it runs a script from a place that everyone may write to ({})", shown(&file)))
                }
                _ => Actor::Ordinary,
            };
        }
        Actor::Ordinary
    }

    /// Whether the program is one that servers and clients of an image are not.
    pub(super) fn is_suspicious(&self) -> bool {
        matches!(self, Actor::Shell | Actor::Odd(_) | Actor::OneLiner)
    }

    /// Words for a sentence, after a comma. Empty for an ordinary program.
    pub(super) fn words(&self) -> String {
        match self {
            Actor::Shell => "a shell".to_owned(),
            Actor::Odd(why) => why.clone(),
            Actor::OneLiner => "an interpreter with code in its arguments".to_owned(),
            Actor::Fetcher => "a tool that fetches files".to_owned(),
            Actor::Relay => "a tool that makes connections by hand".to_owned(),
            Actor::Ordinary => String::new(),
        }
    }
}

/// What an interpreter runs.
#[derive(Debug, PartialEq, Eq)]
enum Code<'p> {
    /// Code in an argument.
    Argument(&'p BStr),
    /// A file, with the current directory before a relative path.
    File(BString),
}

fn script<'p>(process: &'p ProcessFacts<'_>) -> Option<Code<'p>> {
    let cwd = process.row.cwd.as_ref().map_or(&b""[..], |cwd| cwd.as_slice());
    code(process.argv(), cwd)
}

fn code<'p>(argv: &'p [BString], cwd: &[u8]) -> Option<Code<'p>> {
    let mut arguments = argv.iter().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_slice() {
            b"-c" | b"-e" | b"-r" | b"--eval" | b"-ne" | b"-pe" | b"-Bc" | b"-uc" | b"-Ec" | b"-Sc" | b"-Ic" => {
                return arguments.next().map(|code| Code::Argument(code.as_bstr()));
            }
            b"-m" | b"-jar" | b"--" => return None,
            [b'-', ..] => {}
            file if file.starts_with(b"/") => return Some(Code::File(file.into())),
            file => {
                let file = file.strip_prefix(b"./").unwrap_or(file);
                return Some(Code::File(bstr::join("/", [cwd.trim_end_with(|c| c == '/'), file]).into()));
            }
        }
    }
    None
}

/// Code by which libraries start workers of a program.
fn is_worker_code(code: &BStr) -> bool {
    ["multiprocessing", "billiard", "loky", "spawn_main", "resource_tracker", "forkserver", "ipykernel", "setuptools"]
        .iter()
        .any(|word| code.contains_str(word))
}

/// Whether the program was added to the container or changed in it, and not by a package manager into its place.
pub(super) fn is_added(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    const OF_PACKAGES: [&str; 8] =
        ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "/usr/lib/", "/lib/", "/usr/libexec/", "/lib64/"];
    let Some(path) = &process.program.path else { return false };
    !OF_PACKAGES.iter().any(|folder| path.starts_with(folder.as_bytes())) && facts.files().is_changed(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(words: &[&str]) -> Vec<BString> {
        words.iter().map(|word| BString::from(*word)).collect()
    }

    #[test]
    fn scripts_and_code_are_found_behind_options() {
        let file = |words: &[&str]| match code(&argv(words), b"/tmp/x/") {
            Some(Code::File(path)) => path.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(file(&["python3", "-u", "/srv/app.py"]), "/srv/app.py");
        assert_eq!(file(&["python3", "./implant.py"]), "/tmp/x/implant.py");
        assert_eq!(file(&["python3", "-m", "http.server"]), "None");
        let one = argv(&["perl", "-e", "use Socket;"]);
        assert_eq!(code(&one, b"/"), Some(Code::Argument(b"use Socket;".as_bstr())));
    }

    #[test]
    fn workers_of_python_are_no_one_liners() {
        assert!(is_worker_code(b"from multiprocessing.spawn import spawn_main; spawn_main(5)".as_bstr()));
        assert!(!is_worker_code(b"import socket,pty;pty.spawn('/bin/sh')".as_bstr()));
    }
}

//! What kind of program talks to the network. A connection by itself says little: who holds it says more.

use bstr::{BStr, BString, ByteSlice};

use super::super::facts::{Facts, ProcessFacts};
use super::super::vocabulary::{FETCHERS, is_hidden, is_interpreter, is_world_writable};
use super::super::words::shown;

/// Programs that make connections by hand.
const RELAYS: [&str; 10] =
    ["nc", "ncat", "netcat", "nc.traditional", "nc.openbsd", "socat", "telnet", "cryptcat", "chisel", "rlwrap"];

/// The kind of program that a process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::analysis) enum Actor {
    /// A shell.
    Shell,
    /// A program or script that does not belong to the image, by the words why.
    Odd(String),
    /// A script in a place that everyone may write to, by the words why. People try things there.
    Script(String),
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
    /// The kind of a process. A program or script that the specification of the container starts is what the container is
    /// for, wherever it is.
    pub(in crate::analysis) fn of(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> Self {
        let program = &process.program;
        let path = program.path.as_deref().map_or(&b""[..], |path| path.as_slice());
        // The runtime itself runs from a sealed copy for a moment.
        if program.memfd && !path.starts_with(b"/memfd:runc_cloned") {
            return Actor::Odd("it runs from memory, without a file".to_owned());
        }
        if is_world_writable(path) && !is_asked_for(facts, path) {
            return Actor::Odd(format!("its program is in a place that everyone may write to ({})", shown(path)));
        }
        if process.is_shell() {
            return Actor::Shell;
        }
        let name = program.base();
        let called = process.called();
        let is = |names: &[&str]| names.iter().any(|one| one.as_bytes() == name || one.as_bytes() == called);
        if is(&FETCHERS) {
            return Actor::Fetcher;
        }
        if is(&RELAYS) {
            return Actor::Relay;
        }
        if is_interpreter(name) && name != "java" {
            return match script(process) {
                Some(Code::Argument(code)) if !is_worker_code(code) && !is_asked_for(facts, code) => Actor::OneLiner,
                Some(Code::File(file)) if is_world_writable(&file) && !is_asked_for(facts, &file) => {
                    let path = shown(&file);
                    if is_hidden(&file) {
                        Actor::Odd(format!("it runs a script from a hidden place that everyone may write to ({path})"))
                    } else {
                        Actor::Script(format!("it runs a script from a place that everyone may write to ({path})"))
                    }
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
            Actor::Odd(why) | Actor::Script(why) => why.clone(),
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

/// Whether the specification of the container starts a program or script: its first process runs it, by its path or by the
/// end of it.
fn is_asked_for(facts: &Facts<'_>, what: &[u8]) -> bool {
    let args = facts.spec().spec.as_ref().and_then(|spec| spec.args.as_ref());
    args.into_iter().flatten().any(|argument| names(argument.as_bytes(), what))
}

/// Whether an argument names a file or is the code: it has the whole of it, or it is a relative path that ends it.
fn names(argument: &[u8], what: &[u8]) -> bool {
    let relative = argument.strip_prefix(b"./").unwrap_or(argument);
    let is_end = || what.strip_suffix(relative).is_some_and(|rest| rest.ends_with(b"/"));
    argument.contains_str(what) || relative.len() > 2 && is_end()
}

/// Code by which libraries start workers of a program.
fn is_worker_code(code: &BStr) -> bool {
    ["multiprocessing", "billiard", "loky", "spawn_main", "resource_tracker", "forkserver", "ipykernel", "setuptools"]
        .iter()
        .any(|word| code.contains_str(word))
}

/// Whether the program was added to the container or changed in it, and neither by a package manager nor to be what the
/// container is for. In the directories of the system, too: tools are hidden there. An entry point may have changed the
/// rights of the service's own program, which then counts as changed.
pub(in crate::analysis) fn is_added(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    const OF_PACKAGES: [&str; 8] =
        ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "/usr/lib/", "/lib/", "/usr/libexec/", "/lib64/"];
    let Some(path) = &process.program.path else { return false };
    let is_of_system = || OF_PACKAGES.iter().any(|folder| path.starts_with(folder.as_bytes()));
    let is_of_package = || {
        // The databases of some managers cannot be read here.
        facts.packages().unread().is_some() && is_of_system()
            || facts.files().at(path).any(|file| facts.packages().manager_of(facts.files(), file).is_some())
    };
    let is_first = || facts.init().is_some_and(|init| init.program.path.as_ref() == Some(path)) && is_of_system();
    facts.files().is_changed(path) && !is_of_package() && !is_first() && !is_asked_for(facts, path)
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
    fn the_service_itself_may_be_anywhere() {
        assert!(names(b"/tmp/api.py", b"/tmp/api.py") && names(b"exec node /tmp/app.js", b"/tmp/app.js"));
        assert!(names(b"app.js", b"/tmp/app.js") && names(b"./app.js", b"/tmp/app.js"));
        assert!(!names(b"p.js", b"/tmp/app.js") && !names(b"/srv/app.js", b"/tmp/app.js") && !names(b"", b"/tmp/x"));
    }

    #[test]
    fn workers_of_python_are_no_one_liners() {
        assert!(is_worker_code(b"from multiprocessing.spawn import spawn_main; spawn_main(5)".as_bstr()));
        assert!(!is_worker_code(b"import socket,pty;pty.spawn('/bin/sh')".as_bstr()));
    }
}

//! What kind of program talks to the network. A connection by itself says little: who holds it says more.

use bstr::ByteSlice;

use super::super::facts::{Facts, Invocation, ProcessFacts};
use super::super::vocabulary::{FETCHERS, is_hidden, is_interpreter, is_worker_code, is_world_writable};
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
        if program.memfd && !facts.is_runtime_copy(process) {
            return Actor::Odd("it runs from memory, without a file".to_owned());
        }
        if is_world_writable(path) && !facts.is_declared(path) && !facts.is_built_here(process) {
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
            return Actor::of_interpreter(facts, process);
        }
        Actor::Ordinary
    }

    fn of_interpreter(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> Self {
        if let Some(Invocation::Inline(code)) = process.invocation() {
            // Nearly all of awk's scripts are arguments, and few of them can open a connection.
            let is_filter = process.program.base().ends_with(b"awk") && !code.contains_str("/inet");
            let is_own = is_filter || is_worker_code(&code) || facts.is_declared_code(&code);
            return if is_own { Actor::Ordinary } else { Actor::OneLiner };
        }
        match process.script() {
            Some(file) if is_world_writable(&file) && !facts.is_declared(&file) => {
                let path = shown(&file);
                if is_hidden(&file) {
                    Actor::Odd(format!("it runs a script from a hidden place that everyone may write to ({path})"))
                } else {
                    Actor::Script(format!("it runs a script from a place that everyone may write to ({path})"))
                }
            }
            _ => Actor::Ordinary,
        }
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
    facts.files().is_changed(path)
        && !is_of_package()
        && !is_first()
        && !facts.is_declared(path)
        && !facts.is_built_here(process)
}

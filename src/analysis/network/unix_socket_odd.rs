//! NET-015: a socket for orders in a hidden place.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::traffic::{program, row};
use super::super::vocabulary::{is_hidden, is_world_writable};
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::actor::Actor;
use crate::tables::OpenSocket;

rule! {
    /// A process has bound a unix socket in a hidden directory below a place that everyone may write to, and is itself a shell, or
    /// a program or script that runs from such a place or from memory. Sockets there by programs of the image (X11, Java, tmux,
    /// browsers) are not meant, and neither are abstract names that look random. An abstract name that is that of a thread of
    /// the kernel is high, whoever has it.
    "NET-015", unix_socket_odd, version 2, Network, Incubating, Low,
    title: "A unix socket is bound in a hidden place",
    why: "Implants take orders over such sockets from their other parts.",
    benign: ["Programs that unpack themselves into a temporary directory."],
    attack: ["T1559"],
    cost: Free,
    tags: ["hiding"],
    check: check,
}

/// Whether an abstract name is that of a thread of the kernel: the kernel's threads have no such sockets.
fn is_of_kernel(path: &[u8]) -> bool {
    const THREADS: [&str; 9] =
        ["kworker/", "ksoftirqd/", "migration/", "kthreadd", "kswapd", "rcu_", "jbd2/", "cpuhp/", "watchdogd"];
    let name = path.strip_prefix(b"@").map(|name| name.strip_prefix(b"[").unwrap_or(name));
    name.is_some_and(|name| THREADS.iter().any(|thread| name.starts_with(thread.as_bytes())))
}

fn named_as_kernel(process: &ProcessFacts<'_>, socket: &OpenSocket, name: &BString) -> Finding {
    let owner = program(process);
    let finding = Finding::new(&RULE, Subject::Process(process.pid()))
        .severity(Severity::High)
        .confidence(Confidence::High)
        .identity([owner.clone(), name.clone()])
        .sentence(format!(
            "{} takes orders at the abstract name {}, which looks like a thread of the kernel.",
            process.title(),
            shown(name)
        ))
        .benign("No software that is known names its sockets so. Ask what this program is.")
        .next(Next::rows_of("process_open_sockets", process.pid()))
        .evidence(row(socket).with("path", Some(name)))
        .link(Link::Path(owner));
    match socket.socket {
        Some(number) => finding.link(Link::Socket(number)),
        None => finding,
    }
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let actor = Actor::of(facts, process);
        for socket in facts.sockets().of(process.pid()).filter(|socket| socket.family == "unix") {
            if !report.look() {
                return;
            }
            let is_bound = socket.state.as_deref() != Some("CONNECTED");
            let abstract_name = socket.path.as_ref().filter(|_| is_bound).filter(|path| is_of_kernel(path));
            if let Some(name) = abstract_name {
                report.add(named_as_kernel(process, socket, name));
                continue;
            }
            let Some(path) = socket.path.as_ref().filter(|_| is_bound && actor.is_suspicious()) else { continue };
            if !is_world_writable(path) || !is_hidden(path) {
                continue;
            }
            let owner = program(process);
            let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
                .severity(Severity::Low)
                .confidence(Confidence::Medium)
                .identity([owner.clone(), path.as_bstr().to_owned()])
                .sentence(format!("{} has bound a socket at {}; {}.", process.title(), shown(path), actor.words()))
                .next(Next::rows_of("process_open_sockets", process.pid()))
                .evidence(row(socket).with("path", Some(path)))
                .link(Link::Path(path.clone()));
            if let Some(number) = socket.socket {
                finding = finding.link(Link::Socket(number));
            }
            report.add(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_the_kernel_have_no_sockets() {
        assert!(is_of_kernel(b"@kworker/0:") && is_of_kernel(b"@[kthreadd]"));
        assert!(!is_of_kernel(b"@/tmp/dbus-8xKq2mP1") && !is_of_kernel(b"/run/kworker/0") && !is_of_kernel(b""));
    }
}

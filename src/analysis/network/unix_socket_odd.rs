//! NET-015: a socket for orders in a hidden place.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::vocabulary::{is_hidden, is_world_writable};
use super::super::words::shown;
use super::super::{Confidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::actor::Actor;
use super::traffic::{program, row};

rule! {
    /// A process has bound a unix socket in a hidden directory below a place that everyone may write to, and is itself a shell, or
    /// a program or script that runs from such a place or from memory. Sockets there by programs of the image (X11, Java, tmux,
    /// browsers) are not meant, and neither are abstract names that look random.
    "NET-015", unix_socket_odd, version 1, Network, Incubating, Low,
    title: "A unix socket is bound in a hidden place",
    why: "Implants take orders over such sockets from their other parts.",
    benign: ["Programs that unpack themselves into a temporary directory."],
    attack: ["T1559"],
    cost: Free,
    tags: ["hiding"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let actor = Actor::of(facts, process);
        for socket in facts.sockets().of(process.pid()).filter(|socket| socket.family == "unix") {
            if !report.look() {
                return;
            }
            let is_bound = socket.state.as_deref() != Some("CONNECTED");
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

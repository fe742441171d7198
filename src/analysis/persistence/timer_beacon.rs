//! PERS-002: a process that calls home by a timer.

use super::super::card::rule;
use super::super::facts::Facts;
use super::super::vocabulary::is_public;
use super::super::{Confidence, Evidence, Finding, Link, Next, Report, Severity, Subject};

rule! {
    /// A process with a connection to a public address, and with no port of its own, has a timer that repeats every ten seconds
    /// to every hour. Clients keep connections alive in the same way, so it is information and experimental.
    "PERS-002", timer_beacon, version 1, Persistence, Experimental, Info,
    title: "A process with a public connection has a repeating timer",
    why: "Implants ask for orders at intervals.",
    benign: ["Clients that keep a connection alive, and agents for monitoring."],
    attack: ["T1029", "T1071"],
    cost: Free,
    tags: ["beacon"],
    check: check,
}

/// The intervals that are looked for, in nanoseconds.
const INTERVALS: std::ops::RangeInclusive<u64> = 10_000_000_000..=3_600_000_000_000;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for timer in facts.checkpoint().rows().timers() {
        if !report.look() {
            return;
        }
        if !timer.armed || !INTERVALS.contains(&timer.interval_ns) {
            continue;
        }
        let Some(process) = facts.process(timer.pid) else { continue };
        let sockets = || facts.sockets().of(timer.pid);
        let listens = sockets().any(|socket| socket.state.as_deref() == Some("LISTEN"));
        let remote = sockets().find_map(|socket| {
            let address: std::net::IpAddr = socket.remote_address.as_deref()?.parse().ok()?;
            (is_public(address) && socket.state.as_deref() == Some("ESTABLISHED")).then_some((socket, address))
        });
        let Some((socket, address)) = remote.filter(|_| !listens) else { continue };
        let path = process.program.path.clone().unwrap_or_default();
        let seconds = timer.interval_ns / 1_000_000_000;
        report.add(
            Finding::new(&RULE, Subject::Process(timer.pid))
                .severity(Severity::Info)
                .confidence(Confidence::Low)
                .identity([path.clone(), process.name().into()])
                .sentence(format!(
                    "{} is connected to {address}, and has a timer of {seconds} seconds.",
                    process.title()
                ))
                .next(Next::rows_of("timers", timer.pid))
                .evidence(
                    Evidence::row("timers", [("pid", timer.pid.into())]).with("interval_ns", Some(timer.interval_ns)),
                )
                .evidence(
                    Evidence::descriptor(socket.pid, socket.fd.0)
                        .with("remote_address", socket.remote_address.as_deref()),
                )
                .link(Link::Path(path)),
        );
    }
}

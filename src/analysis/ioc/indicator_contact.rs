//! IOC-001: the thing that an indicator means is here.

use std::net::{IpAddr, SocketAddr};

use super::super::card::rule;
use super::super::facts::ProcessFacts;
use super::super::indicators::Kind;
use super::super::words::{listed, shown, shown_within};
use super::super::{Confidence, Facts, Finding, Foreign, Link, Next, Report, Severity, Subject};
use super::find::Spot;
use super::{How, Match, Matches};

rule! {
    /// The indicators that you gave with `--ioc` are compared with what is here: the other ends of sockets and of tracked
    /// connections, listening ports, programs, open, mapped, changed, deleted and recovered files with their hashes, names of
    /// unix sockets, keys for logins. The table `ioc_matches` has every match.
    ///
    /// An address, a network, a hash or a key is high, and critical if its list takes it for grave. A path is
    /// medium, and a name or a port alone is low. It is one step lower if the indicator had ceased to hold before the
    /// checkpoint. What is too general is passed over: see `--warninglists`.
    "IOC-001", indicator_contact, version 2, Indicators, Incubating, High,
    title: "An indicator of a list is in use, or its file is here",
    why: "Somebody else has seen this address, file or name in an attack.",
    benign: [
        "Lists age: an address may belong to somebody else by now. Look at the date and the source of the indicator.",
        "Lists have mistakes: shared hosting and content delivery networks serve good and bad from one address.",
    ],
    attack: [],
    cost: Memory,
    tags: ["indicator"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let matches = Matches::of(facts);
    coverage(&matches, report, How::Contact);
    for found in matches.all.iter().filter(|found| found.how == How::Contact && found.silenced_by.is_none()) {
        report.add(finding(facts, &matches, found));
    }
}

/// Says how far the comparison went.
pub(super) fn coverage(matches: &Matches, report: &mut Report<'_>, how: How) {
    for _ in 0..matches.looked_at {
        if !report.look() {
            break;
        }
    }
    if how == How::Text {
        for (why, count) in &matches.not_compared {
            (0..(*count).min(1000)).for_each(|_| report.not_checked(why));
        }
    }
    if matches.more {
        report.not_checked("there are more matches of indicators than are listed");
    }
    for found in matches.all.iter().filter(|found| found.how == how) {
        if let Some(name) = &found.silenced_by {
            report.skip_for(&format!("too general, says the list `{}`", shown(name.as_bytes())), found.count);
        }
    }
}

fn severity(found: &Match) -> Severity {
    let severity = match found.kind {
        Kind::Path | Kind::Directory | Kind::Socket | Kind::Text => Severity::Medium,
        Kind::Name | Kind::Process | Kind::Port => Severity::Low,
        _ => Severity::High,
    };
    let more = found.about.more.as_ref();
    let severity = if more.is_some_and(|more| more.is_grave) { severity.raised() } else { severity };
    if found.is_stale { severity.lowered() } else { severity }
}

/// The list and the indicator for columns of a finding.
pub(super) fn foreign(matches: &Matches, found: &Match) -> Foreign {
    let more = found.about.more.as_deref();
    Foreign {
        id: more.and_then(|more| more.id.clone()).unwrap_or_else(|| found.value.to_string()),
        name: more.and_then(|more| more.title.clone().or(more.description.clone())),
        author: more.and_then(|more| more.author.clone()),
        level: more.and_then(|more| more.level.clone()),
        file: matches.list(found).map(|list| list.file.display().to_string()),
    }
}

/// What the list says of an indicator, in parentheses: ` (feed.csv, line 7: "Emotet C2")`.
pub(super) fn said(matches: &Matches, found: &Match) -> String {
    let list = matches.list(found).map(|list| list.file.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let list = list.unwrap_or_default();
    let line = found.about.line.map_or_else(String::new, |line| format!(", line {line}"));
    let more = found.about.more.as_deref();
    let words = more.and_then(|more| more.title.as_deref().or(more.description.as_deref()));
    let words = words.map_or_else(String::new, |words| format!(": \u{201c}{}\u{201d}", shown(words.as_bytes())));
    format!(" ({}{line}{words})", shown(list.as_bytes()))
}

/// The other end of a connection, as in `203.0.113.7:443 (tcp), in 203.0.113.0/24`.
fn endpoint(found: &Match) -> String {
    let spot = &found.spot;
    let protocol = spot.protocol.as_deref().unwrap_or("ip");
    let value = shown_within(&found.value, 100);
    let Some((address, port)) = &spot.remote else { return format!("{value} ({protocol})") };
    let port = u16::try_from(*port).unwrap_or_default();
    let other = match address.parse::<IpAddr>() {
        Ok(address) if port != 0 => SocketAddr::new(address, port).to_string(),
        _ => address.clone(),
    };
    let within = if found.kind == Kind::Network { format!(", in {value}") } else { String::new() };
    format!("{other} ({protocol}){within}")
}

fn finding(facts: &Facts<'_>, matches: &Matches, found: &Match) -> Finding {
    let spot = &found.spot;
    let value = shown_within(&found.value, 100);
    let process = spot.pid.and_then(|pid| facts.process(pid));
    let who = process.map(ProcessFacts::title);
    let subject = match (spot.pid, &spot.path, &spot.remote) {
        (_, Some(path), _) if spot.place == "file" => Subject::File(path.clone()),
        (Some(pid), ..) => Subject::Process(pid),
        (None, Some(path), _) => Subject::File(path.clone()),
        (None, None, Some((address, port))) => {
            Subject::Socket(format!("{} {address}:{port}", spot.protocol.as_deref().unwrap_or("ip")))
        }
        _ => Subject::Archive,
    };
    let what = match spot.place {
        "socket" if spot.direction == Some("listening") => format!("listens on port {value}"),
        "socket" => {
            let verb = if spot.direction == Some("inbound") { "has a connection from" } else { "is connected to" };
            format!("{verb} {}", endpoint(found))
        }
        "unix socket" => format!("has the unix socket {value}"),
        "process" if matches!(found.kind, Kind::Command) => format!("has a command line of a list: {value}"),
        "process" => format!("runs {value}"),
        "working directory" => {
            let path = spot.path.as_ref().map_or_else(String::new, |path| shown(path));
            format!("works in {path}, which is {value} or in it")
        }
        "open file" => format!("has {value} open"),
        "mapped file" => format!("maps {value}"),
        "image in memory" => format!("has an image in memory with the SHA-256 {value}"),
        _ => String::new(),
    };
    let sentence = match (spot.place, who) {
        ("file", who) => {
            let path = spot.path.as_ref().map_or_else(String::new, |path| shown(path));
            let use_of = who.filter(|_| spot.in_use).map_or_else(String::new, |who| format!("; {who} uses it"));
            let kind = match found.kind {
                Kind::Tlsh => {
                    let how = spot
                        .distance
                        .filter(|far| *far > 0)
                        .map(|far| format!("is similar to a file with (distance {far})"));
                    format!("{} the TLSH {value}", how.unwrap_or_else(|| "has".to_owned()))
                }
                kind if kind.is_hash() => format!("has the {} {value}", name_of(kind)),
                Kind::SshKey => format!("lets the holder of the key {value} log in"),
                _ => format!("matches {value}"),
            };
            format!("{path} {kind}{use_of}")
        }
        ("tracked connection", _) => format!("The kernel tracks a connection with {}", endpoint(found)),
        (_, Some(who)) => format!("{who} {what}"),
        (_, None) => format!("Something {what}"),
    };
    let mut finding = Finding::new(&RULE, subject)
        .severity(severity(found))
        .confidence(if found.kind.is_hash() && spot.distance.is_none_or(|far| far == 0) || found.kind == Kind::SshKey {
            Confidence::High
        } else {
            Confidence::Medium
        })
        .identity([found.kind.as_str().as_bytes(), &found.value, spot.place.as_bytes()])
        .identity(spot.path.iter().cloned())
        .identity(other_end(spot))
        .identity(process.map_or_else(Vec::new, ProcessFacts::identity))
        .foreign(foreign(matches, found))
        .sentence(format!("{sentence}: an indicator of a list{}.", said(matches, found)))
        .next(next(found))
        .evidence(found.evidence(facts));
    if found.is_stale {
        finding = finding.benign("The indicator had ceased to hold before the checkpoint was made.");
    }
    let more = found.about.more.as_deref();
    let labels: Vec<&str> = more.map_or_else(Vec::new, |more| more.labels.iter().map(String::as_str).take(5).collect());
    if !labels.is_empty() {
        finding.reasons.push(format!("the list labels it {}", shown(listed(&labels).as_bytes())));
    }
    if let Some(pid) = spot.pid {
        finding = finding.process(pid);
    }
    if let Some(path) = spot.path.as_ref().filter(|_| spot.place != "unix socket") {
        finding = finding.link(Link::Path(path.clone()));
    }
    if let Some(number) = spot.socket {
        finding = finding.link(Link::Socket(number));
    }
    finding
}

/// What identifies the other end of a connection beyond this checkpoint. Where a client connects from is any port.
fn other_end(spot: &Spot) -> Vec<String> {
    let port = |port: u32| if spot.direction == Some("inbound") { String::new() } else { port.to_string() };
    spot.remote.as_ref().map_or_else(Vec::new, |(address, number)| vec![address.clone(), port(*number)])
}

/// The command that shows the row.
pub(super) fn next(found: &Match) -> Next {
    let spot = &found.spot;
    match (spot.table, &spot.path, spot.pid) {
        (table @ ("rootfs_changes" | "volume_files" | "recovered_files"), Some(path), _) => {
            Next::rows_where(table, "path", path.to_string())
        }
        (table, _, Some(pid)) => Next::rows_of(table, pid),
        (table, _, None) => Next::table(table),
    }
}

pub(super) fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Md5 => "MD5",
        Kind::Sha1 => "SHA-1",
        Kind::Sha256 => "SHA-256",
        Kind::Tlsh => "TLSH",
        Kind::Url => "URL",
        Kind::SshKey => "SSH key",
        Kind::Command => "command line",
        kind => kind.as_str(),
    }
}

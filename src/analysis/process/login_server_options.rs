//! PROC-037: an SSH server that was started with options that let others in.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{Facts, ProcessFacts, base};
use super::super::words::{listed, shown, shown_within};
use super::super::{Confidence, Finding, Link, Next, Report, Severity, Subject};
use super::common::{arguments, program, row_of};

rule! {
    /// An SSH server whose arguments let people in who should not come in: root, empty passwords, keys of a file outside of
    /// `/etc/ssh` and homes, no check of who may write to these files; or whose keys or settings are files elsewhere, or came
    /// into the container later. The command of the container itself does not count. Two such options are high, one is medium.
    "PROC-037", login_server_options, version 1, Process, Incubating, Medium,
    title: "An SSH server was started with options that let others in",
    why: "A second server beside the real one, or instead of it, lets the intruder in whatever the settings say.",
    benign: ["A tool for development or tests that starts a server of its own, on a port of its own."],
    attack: ["T1021.004", "T1098.004", "T1556"],
    cost: Files,
    tags: ["remote_control"],
    check: check,
}

/// Programs that let people log in over SSH.
const SERVERS: [&str; 4] = ["sshd", "sshd-session", "dropbear", "dropbearmulti"];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        let is_server = |name: &[u8]| SERVERS.iter().any(|server| server.as_bytes() == name);
        if !is_server(process.program.base()) && !is_server(process.called()) {
            continue;
        }
        if !report.look() {
            return;
        }
        let is_plain = facts.is_of_entry_point(process) && facts.is_declared(&program(process));
        let odd = odd(facts, &words(process.argv()));
        if odd.is_empty() || is_plain {
            report.skip();
            continue;
        }
        report.add(found(process, &odd));
    }
}

/// The arguments. A server writes over them what it does: `sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups`.
fn words(argv: &[BString]) -> Vec<BString> {
    let title = argv.first().and_then(|first| first.strip_prefix(b"sshd: "));
    match title {
        Some(title) => title.fields().take_while(|word| !word.starts_with(b"[")).take(256).map(BString::from).collect(),
        None => argv.iter().take(256).cloned().collect(),
    }
}

/// An option that opens the server, in words, with the file that it names.
type Odd = (String, Option<BString>);

/// What is odd about the options of a server.
fn odd(facts: &Facts<'_>, argv: &[BString]) -> Vec<Odd> {
    let mut found: Vec<Odd> = Vec::new();
    let mut rest = argv.iter().skip(1).take(256).map(|word| word.as_slice());
    while let Some(word) = rest.next() {
        let Some((letter, value)) = word.strip_prefix(b"-").and_then(|option| option.split_first()) else { continue };
        if !b"ofhr".contains(letter) {
            // Letters that have a value.
            if value.is_empty() && b"pEgbCckuPI".contains(letter) {
                rest.next();
            }
            continue;
        }
        let value = if value.is_empty() { rest.next().unwrap_or_default() } else { value };
        let one = match letter {
            b'o' => setting(facts, value),
            b'f' => foreign_file(facts, value).then(|| (format!("settings of {}", shown(value)), Some(value.into()))),
            _ => foreign_file(facts, value).then(|| (format!("the key {}", shown(value)), Some(value.into()))),
        };
        found.extend(one.filter(|one| !found.contains(one)));
    }
    found
}

/// A setting of the form `Name=value` or `Name value`.
fn setting(facts: &Facts<'_>, text: &[u8]) -> Option<Odd> {
    let text = text.trim_ascii();
    let end = text.iter().position(|byte| *byte == b'=' || byte.is_ascii_whitespace())?;
    let (name, value) = text.split_at_checked(end)?;
    let value = value.trim_with(|c| c == '=' || c == '"' || c.is_ascii_whitespace());
    let shown = || shown_within(text, 60);
    let is_yes = value.eq_ignore_ascii_case(b"yes");
    match name.to_ascii_lowercase().as_slice() {
        b"permitrootlogin" | b"permitemptypasswords" | b"permituserenvironment" if is_yes => Some((shown(), None)),
        b"strictmodes" if value.eq_ignore_ascii_case(b"no") => Some((shown(), None)),
        b"authorizedkeyscommand" | b"forcecommand" if !value.eq_ignore_ascii_case(b"none") => {
            Some((shown(), value.starts_with(b"/").then(|| value.into())))
        }
        b"authorizedkeysfile" | b"hostkey" | b"trustedusercakeys" | b"include" => {
            let mut files = value.fields().filter(|file| file.starts_with(b"/"));
            files.find(|file| foreign_file(facts, file)).map(|file| (shown(), Some(file.into())))
        }
        _ => None,
    }
}

/// Whether a file is none of the usual ones of the server, or came into the container later.
fn foreign_file(facts: &Facts<'_>, path: &[u8]) -> bool {
    const USUAL: [&str; 5] = ["/etc/ssh/", "/etc/dropbear/", "/run/sshd", "/usr/etc/ssh/", "/config/"];
    let is_usual = USUAL.iter().any(|folder| path.starts_with(folder.as_bytes())) || path.contains_str("/.ssh/");
    // Keys of hosts are made when the container starts.
    let is_key = base(path).starts_with(b"ssh_host_") || base(path).starts_with(b"dropbear_");
    path.starts_with(b"/") && (!is_usual || facts.files().is_changed(path) && !is_key && !path.contains_str("/.ssh/"))
}

fn found(process: &ProcessFacts<'_>, odd: &[Odd]) -> Finding {
    let words: Vec<String> = odd.iter().take(6).map(|(words, _)| format!("`{words}`")).collect();
    let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
        .severity(if odd.len() > 1 { Severity::High } else { Severity::Medium })
        .confidence(Confidence::High)
        .identity([program(process), arguments(process)])
        .sentence(format!("{} was started with options that let others in: {}.", process.title(), listed(&words)))
        .next(Next::rows_of("process_open_sockets", process.pid()))
        .evidence(row_of(process));
    for path in odd.iter().filter_map(|(_, path)| path.as_ref()) {
        finding = finding.link(Link::Path(path.clone()));
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Checkpoint;

    fn of(line: &str) -> usize {
        let checkpoint = Checkpoint::open("fixtures/forms-reference/podman-runc.tar").unwrap();
        let facts = Facts::new(&checkpoint, std::sync::Arc::default(), None);
        odd(&facts, &words(&line.split('|').map(BString::from).collect::<Vec<_>>())).len()
    }

    #[test]
    fn options_that_let_others_in_are_counted() {
        assert_eq!(
            of(
                "/usr/sbin/sshd|-p|2222|-h|/var/lib/misc/hk|-o|PermitRootLogin=yes|-o|StrictModes=no|-o|AuthorizedKeysFile=/var/lib/misc/ak"
            ),
            4
        );
        assert_eq!(
            of("sshd: /usr/sbin/sshd -o PermitRootLogin=yes -o StrictModes=no [listener] 0 of 10-100 startups"),
            2
        );
        assert_eq!(of("sshd|-oPermitRootLogin yes"), 1);
        assert_eq!(of("sshd|-f|/opt/x/conf"), 1);
        assert_eq!(of("dropbear|-F|-r|/usr/share/k|-p|22"), 1);
    }

    #[test]
    fn the_usual_options_are_none() {
        for line in [
            "/usr/sbin/sshd|-D|-e",
            "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups",
            "sshd|-D|-p|2222|-h|/etc/ssh/ssh_host_rsa_key|-o|PasswordAuthentication=no|-o|AuthorizedKeysFile=.ssh/authorized_keys",
            "sshd|-o|PermitRootLogin=no|-o|UsePAM=no",
        ] {
            assert_eq!(of(line), 0, "{line}");
        }
    }
}

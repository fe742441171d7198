//! FS-003: keys that let someone log in, and a changed server for logins.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::commands;
use super::super::facts::{ChangedFile, Place, base};
use super::super::words::{count, shown};
use super::super::{Facts, Report, Severity};
use super::common::{about, changed, everywhere, hidden_part, is_late, line, quoted, runs_changed, text, when};

rule! {
    /// `authorized_keys` files among the changes, in volumes and in file systems in memory, with the comment of each
    /// key, and a changed `sshd_config` with lines that open a way in: logins as root, empty passwords, a command that
    /// supplies keys, keys in an odd place. In a container that serves logins from its image, a key that is there from
    /// the start is part of the setup. Keys that may only run one command, as those of git servers, are low.
    "FS-003", authorized_keys, version 1, Files, Stable, High,
    title: "A key for logins was added",
    why: "Whoever has the private key can log in wherever the directory is used: in this container, or through a volume elsewhere.",
    benign: [
        "A container that serves logins (sshd, a git server, a bastion) has keys from its start.",
        "An administrator's key in a home directory that was copied into the container.",
    ],
    attack: ["T1098.004"],
    cost: Files,
    tags: ["persistence", "credential"],
    check: check,
}

/// Servers that use these files.
const SERVERS: [&str; 6] = ["sshd", "sshd-session", "dropbear", "gitea", "gogs", "gitlab-sshd"];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, _) in everywhere(facts) {
        let is_kept = matches!(file.place, Place::Rootfs | Place::Volume | Place::Tmpfs | Place::Ghost);
        if !is_kept || file.file_type != "regular" || file.engine_noise || file.size == 0 {
            continue;
        }
        let name = base(&file.path);
        if name.starts_with(b"authorized_keys") && file.path.contains_str(".ssh/")
            || file.path.contains_str("/dropbear/authorized_keys")
        {
            if !report.look() {
                return;
            }
            keys(facts, file, report);
        }
    }
    for (file, _) in changed(facts, report) {
        if file.path == "/etc/ssh/sshd_config" || file.path.starts_with(b"/etc/ssh/sshd_config.d/") {
            if !report.look() {
                return;
            }
            server(facts, file, report);
        }
    }
}

fn keys(facts: &Facts<'_>, file: &ChangedFile, report: &mut Report<'_>) {
    let text = text(facts, file, report);
    let all: Vec<_> = commands::lines(&text).filter_map(|line| Some((line, key(line.text)?))).take(256).collect();
    if all.is_empty() {
        report.skip();
        return;
    }
    let server = facts.runs_from_image(&SERVERS);
    let is_forced = all.iter().all(|(_, key)| key.is_forced);
    let dangerous = all.iter().find_map(|(at, key)| Some((*at, commands::danger(key.command)?)));
    let mut finding = about(facts, &RULE, file);
    for (at, key) in &all {
        finding = finding.evidence(line(facts, file, *at)).identity([key.body]);
    }
    let (severity, benign) = match server {
        _ if dangerous.is_some() => {
            (Severity::High, "A command like this is rarely anything but an intruder's: ask who wrote it.".to_owned())
        }
        _ if is_forced => (Severity::Low, "Each key may only run one command, as on git servers.".to_owned()),
        Some(server) if !is_late(facts, file) => (
            Severity::Low,
            format!(
                "The container serves logins ({}, of the image), and the file was written as it started.",
                shown(server.program.base())
            ),
        ),
        Some(server) => (
            Severity::Medium,
            format!(
                "The container serves logins ({}, of the image): ask its owner whose key this is.",
                shown(server.program.base())
            ),
        ),
        None if file.place == Place::Volume => {
            (Severity::Medium, "A volume with home directories, which another container or the host serves.".to_owned())
        }
        None => (
            Severity::High,
            "Nothing in this container serves logins, so ask its owner what the key is for.".to_owned(),
        ),
    };
    let comments: Vec<String> =
        all.iter().filter(|(_, key)| !key.comment.is_empty()).map(|(_, key)| shown(key.comment)).take(3).collect();
    let of = if comments.is_empty() { String::new() } else { format!(" ({})", super::super::words::listed(&comments)) };
    let runs =
        dangerous.map_or_else(String::new, |(at, words)| format!("; the command of its line {} {words}", at.number));
    report.add(finding.severity(severity).benign(benign).sentence(format!(
        "{} lets the holder of {}{of} log in{runs}{}.",
        shown(&file.path),
        count(all.len(), "key"),
        when(facts, file)
    )));
}

/// A key of a file.
#[derive(Debug, PartialEq, Eq)]
struct Key<'t> {
    /// The key in base64.
    body: &'t [u8],
    /// Its comment.
    comment: &'t [u8],
    /// Whether it may only run one command.
    is_forced: bool,
    /// The command that runs at a login with it.
    command: &'t [u8],
}

/// The key of a line, if it has one.
fn key(line: &[u8]) -> Option<Key<'_>> {
    const TYPES: [&str; 6] = ["ssh-rsa", "ssh-dss", "ssh-ed25519", "ecdsa-sha2-", "sk-ssh-ed25519@", "sk-ecdsa-sha2-"];
    let line = line.trim_ascii();
    if line.starts_with(b"#") {
        return None;
    }
    let at = TYPES.iter().filter_map(|kind| line.find(kind)).min()?;
    let options = line.get(..at)?;
    let mut words = line.get(at..)?.splitn_str(3, " ").map(<[u8]>::trim_ascii);
    let (_, body) = (words.next()?, words.next()?);
    (body.len() > 16).then(|| Key {
        body,
        comment: words.next().unwrap_or_default(),
        is_forced: options.contains_str("command="),
        command: forced(options),
    })
}

/// The command in the options of a key.
fn forced(options: &[u8]) -> &[u8] {
    let command = options.split_once_str("command=\"").map(|(_, rest)| rest).unwrap_or_default();
    command.rsplit_once_str("\"").map_or(command, |(command, _)| command)
}

fn server(facts: &Facts<'_>, file: &ChangedFile, report: &mut Report<'_>) {
    let text = text(facts, file, report);
    let wrong = commands::lines(&text).filter_map(|line| {
        let (severity, words) = setting(line.text)?;
        let runs = severity == Severity::Medium && runs_changed(facts, line.text).is_some();
        Some((
            line,
            if runs {
                (Severity::High, "has a command that is itself among the changes supply keys for logins")
            } else {
                (severity, words)
            },
        ))
    });
    let Some((at, (severity, words))) = wrong.max_by_key(|(_, (severity, _))| *severity) else {
        report.skip();
        return;
    };
    let is_served = facts.runs_from_image(&SERVERS).is_some() && !is_late(facts, file);
    let severity = match severity {
        Severity::High if is_served => Severity::Medium,
        severity if is_served => severity.min(Severity::Low),
        // A way in where nothing let anybody in.
        Severity::Low => Severity::Medium,
        severity => severity,
    };
    report.add(
        about(facts, &RULE, file)
            .severity(severity)
            .evidence(line(facts, file, at))
            .sentence(format!("{} {words}: {}{}.", shown(&file.path), quoted(at.text), when(facts, file)))
            .benign("An image for logins whose entry point writes the settings of its server: the image runs sshd."),
    );
}

/// What is wrong with a setting of sshd.
fn setting(line: &[u8]) -> Option<(Severity, &'static str)> {
    let line = commands::code(line).to_ascii_lowercase();
    let (key, value) = line.split_once_str(" ").or_else(|| line.split_once_str("="))?;
    let value = value.trim_ascii();
    match key.trim_ascii() {
        b"permitemptypasswords" if value == b"yes" => Some((Severity::High, "lets users without a password log in")),
        b"authorizedkeyscommand" if value != b"none" => {
            Some((Severity::Medium, "has a command supply keys for logins"))
        }
        b"authorizedkeysfile"
            if value.contains_str("/tmp")
                || value.contains_str("/dev/")
                || value.contains_str("/var/")
                || value.fields().any(|path| hidden_part(path).is_some()) =>
        {
            Some((Severity::High, "reads keys for logins from an odd place"))
        }
        b"forcecommand" if commands::danger(value).is_some() => {
            Some((Severity::High, "runs a dangerous command at each login"))
        }
        b"permitrootlogin" if value == b"yes" => Some((Severity::Low, "lets root log in with a password")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_with_options_and_comments() {
        let key_of = |line: &'static str| key(line.as_bytes());
        let body: &[u8] = b"AAAAC3NzaC1lZDI1NTE5AAAAICryoLab";
        let read = key_of("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICryoLab eve@example.com").unwrap();
        assert_eq!(read, Key { body, comment: b"eve@example.com", is_forced: false, command: b"" });
        let forced = key_of("command=\"/x serv\",no-pty ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ").unwrap();
        assert!(forced.is_forced && forced.command == b"/x serv");
        assert!(key_of("# ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ").is_none() && key_of("hello").is_none());
    }

    #[test]
    fn settings_that_open_a_way_in() {
        assert_eq!(setting(b"PermitEmptyPasswords yes").map(|found| found.0), Some(Severity::High));
        assert_eq!(setting(b"AuthorizedKeysFile /tmp/.k/%u").map(|found| found.0), Some(Severity::High));
        assert_eq!(setting(b"AuthorizedKeysFile /etc/ssh/.keys/%u").map(|found| found.0), Some(Severity::High));
        assert_eq!(setting(b"AuthorizedKeysFile .ssh/authorized_keys"), None);
        assert_eq!(setting(b"AuthorizedKeysFile %h/.ssh/authorized_keys /etc/ssh/keys/%u"), None);
        assert_eq!(setting(b"#PermitRootLogin yes"), None);
        assert_eq!(setting(b"UsePAM yes"), None);
    }
}

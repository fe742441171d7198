//! FS-009: programs of the system that were replaced, or that something stands before.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{ChangedFile, Kind, Place, base};
use super::super::vocabulary::is_world_writable;
use super::super::words::shown;
use super::super::{Facts, Report, Severity};
use super::common::{
    OLD_TIME, about, bytes, described, everywhere, is_older, is_system, replaced_with_old_time, when, with_users,
};

rule! {
    /// A program that people and scripts trust (`ls`, `ps`, `ss`, `sshd`, `sudo`, `login`, a shell, the C library, the
    /// library of PAM, …) that was added or changed in a directory of the system without a package that lists it, and a
    /// file with the name of such a program in a directory that `PATH` has before those of the system. A link to a place
    /// that everyone may write to counts too. Links that alternatives and busybox make do not. One that is older than the
    /// container is low if its rights or its owner are unusual, or if many files of its directory were changed with it: then its
    /// contents may be those of the image. Otherwise its time was set; it is medium, and high if a process uses it or the image
    /// differs.
    "FS-009", replaced_binary, version 2, Files, Stable, High,
    title: "A program of the system was replaced or shadowed",
    why: "A replaced program hides processes and files from whoever looks, or takes the passwords that are typed into it.",
    benign: [
        "A package that was upgraded: its database lists the file.",
        "An entry point that changed only the rights or the owner of the file: it has unusual ones and an old time.",
    ],
    attack: ["T1554", "T1574.007", "T1036.005"],
    cost: Files,
    tags: ["rootkit"],
    check: check,
}

/// Programs that people and scripts trust.
const WATCHED: [&str; 58] = [
    "ls",
    "ps",
    "ss",
    "netstat",
    "top",
    "htop",
    "find",
    "lsof",
    "du",
    "df",
    "cat",
    "grep",
    "id",
    "whoami",
    "who",
    "w",
    "last",
    "lastlog",
    "login",
    "su",
    "sudo",
    "passwd",
    "chsh",
    "sshd",
    "ssh",
    "scp",
    "bash",
    "sh",
    "dash",
    "ash",
    "zsh",
    "cron",
    "crond",
    "init",
    "systemctl",
    "journalctl",
    "ip",
    "ifconfig",
    "iptables",
    "nft",
    "mount",
    "kill",
    "killall",
    "pgrep",
    "pkill",
    "pidof",
    "stat",
    "md5sum",
    "sha256sum",
    "sha1sum",
    "chattr",
    "lsattr",
    "rsyslogd",
    "auditctl",
    "useradd",
    "apt",
    "dpkg",
    "rpm",
];

/// Libraries that nearly all programs load.
const LIBRARIES: [&str; 8] =
    ["libc.so", "libc-2.", "libpam.so", "libpthread", "libcrypto.so", "libssl.so", "libselinux.so", "libdl.so"];

/// Whether a path is that of a program or library that this rule watches, in a directory of the system.
pub(super) fn is_watched(path: &[u8]) -> bool {
    let name = base(path);
    let is_library = LIBRARIES.iter().any(|library| name.starts_with(library.as_bytes())) && !is_below_bin(path);
    is_system(path) && is_direct(path) && (is_library || is_name(name) && is_below_bin(path))
}

fn is_name(name: &[u8]) -> bool {
    WATCHED.iter().any(|watched| watched.as_bytes() == name)
}

fn is_below_bin(path: &[u8]) -> bool {
    path.contains_str("/bin/") || path.contains_str("/sbin/")
}

/// Whether a path is not deep below a directory of the system, such as `/usr/lib/chroot/bin/sh`.
fn is_direct(path: &[u8]) -> bool {
    path.split_str("/").count() <= 5
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let before = searched_first(facts);
    if !facts.files().has_rootfs() {
        report.not_checked("the archive has no record of changes to the root file system");
    }
    for (file, kind) in everywhere(facts) {
        if file.engine_noise || !matches!(file.place, Place::Rootfs | Place::Tmpfs) {
            continue;
        }
        let name = base(&file.path);
        let stands_before = is_name(name) && before.iter().any(|folder| is_in(&file.path, folder));
        if !(is_watched(&file.path) || stands_before) {
            continue;
        }
        let is_code = kind.is_code() && file.mode & 0o111 != 0 || kind == Kind::Elf;
        let is_link = file.file_type == "symlink" && file.link.as_ref().is_some_and(|link| is_world_writable(link));
        if !report.look() {
            return;
        }
        if !(is_code || is_link) || facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        found(facts, file, kind, stands_before, report);
    }
}

fn found(facts: &Facts<'_>, file: &ChangedFile, kind: Kind, stands_before: bool, report: &mut Report<'_>) {
    let (severity, benign) = if let Some(manager) = facts.packages().unread() {
        let benign = format!("{} ran, and its database cannot be read here: ask it for the file.", manager.as_str());
        (Severity::Low, benign)
    } else if let Some(severity) = replaced_with_old_time(facts, file).filter(|_| !is_world_writable(&file.path)) {
        (severity, OLD_TIME.to_owned())
    } else if is_older(facts, file) && !is_world_writable(&file.path) {
        let benign =
            "The file is older than the container: perhaps only its rights changed. Compare it with the image.";
        // Images seldom have a second program of this name, and more seldom run it.
        let is_second = stands_before && !is_watched(&file.path) && !facts.uses().running(&file.path).is_empty();
        (if is_second { Severity::Medium } else { Severity::Low }, benign.to_owned())
    } else {
        (Severity::High, RULE.benign.first().copied().unwrap_or_default().to_owned())
    };
    let what = if let Some(link) = file.link.as_ref().filter(|_| file.file_type == "symlink") {
        format!("{} is now a link to {}", shown(&file.path), shown(link))
    } else if stands_before && !is_watched(&file.path) {
        format!("{} has the name of a program of the system, and its directory comes earlier in PATH", described(file))
    } else {
        format!("{} was added or changed, and no package lists it", described(file))
    };
    let mut finding = about(facts, &RULE, file).severity(severity).benign(benign);
    if file.file_type == "regular" {
        let head = facts.files().head(file, 64).into_owned();
        finding =
            finding.evidence(bytes(facts, file, 0, &head).with_note(format!("the beginning of {}", kind.words())));
    }
    let finding = finding.sentence(format!("{what}{}.", when(facts, file)));
    report.add(with_users(facts, finding, &file.path));
}

/// Whether a file is in a directory itself.
fn is_in(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder).and_then(|rest| rest.strip_prefix(b"/")).is_some_and(|name| !name.contains(&b'/'))
}

/// Folders that `PATH` has before those of the system, in any process or in the specification.
fn searched_first(facts: &Facts<'_>) -> Vec<BString> {
    let mut folders: Vec<BString> = vec!["/usr/local/sbin".into(), "/usr/local/bin".into()];
    let mut seen = std::collections::HashSet::new();
    for value in facts.living().filter_map(|process| process.var("PATH")) {
        if !seen.insert(value) || seen.len() > 64 {
            continue;
        }
        let early = value
            .split_str(":")
            .take_while(|folder| !matches!(*folder, b"/usr/bin" | b"/bin" | b"/usr/sbin" | b"/sbin"));
        for folder in early.take(32) {
            let folder = folder.strip_suffix(b"/").unwrap_or(folder);
            if folder.starts_with(b"/") && folder.len() > 1 && !folders.iter().any(|known| known == folder) {
                folders.push(folder.into());
            }
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watched_are_programs_and_libraries_of_the_system() {
        for path in ["/bin/ls", "/usr/sbin/sshd", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/lib/libpam.so.0"] {
            assert!(is_watched(path.as_bytes()), "{path}");
        }
        for path in ["/usr/local/bin/ls", "/srv/ls", "/usr/bin/python3", "/usr/lib/a/b/c/bin/sh", "/usr/lib/ls"] {
            assert!(!is_watched(path.as_bytes()), "{path}");
        }
        assert!(is_in(b"/usr/local/bin/ls", b"/usr/local/bin") && !is_in(b"/usr/local/bin/a/ls", b"/usr/local/bin"));
    }
}

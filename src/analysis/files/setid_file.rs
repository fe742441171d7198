//! FS-010: files that give rights to whoever runs them.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::facts::{ChangedFile, Kind, Place, base};
use super::super::vocabulary::is_world_writable;
use super::super::{Facts, Report, Severity};
use super::common::{
    OLD_TIME, about, described, everywhere, hidden_part, is_older, is_system, replaced_with_old_time, when, with_users,
};
use crate::abi::capability;
use crate::abi::file_capability::FileCapabilities;

rule! {
    /// Files among the changes that run as their owner or group whoever starts them, and files with capabilities. Files
    /// of packages do not count. One that is older than the container and has the name of a program that is always so
    /// (`su`, `passwd`, `mount`) is low if many files of its directory were changed with it, or if its owner or rights are
    /// unusual; otherwise it was replaced and its time was set: medium, and high if a process uses it or the image differs.
    /// Capabilities that only let a service use a low port are low.
    "FS-010", setid_file, version 2, Files, Stable, High,
    title: "A file that gives rights to whoever runs it was added",
    why: "A copy of a shell with this bit makes every user root again.",
    benign: [
        "A package such as sudo or ping: its database lists the file.",
        "An entry point that lets a service use a low port (cap_net_bind_service).",
    ],
    attack: ["T1548.001"],
    cost: Files,
    tags: ["persistence", "privilege"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    if !facts.files().has_rootfs() {
        report.not_checked("the archive has no record of changes to the root file system");
    }
    for (file, kind) in everywhere(facts) {
        let is_kept = matches!(file.place, Place::Rootfs | Place::Volume | Place::Tmpfs | Place::Ghost);
        if !is_kept || file.file_type != "regular" || file.engine_noise {
            continue;
        }
        if !report.look() {
            return;
        }
        let is_set = file.mode & 0o4000 != 0 || file.mode & 0o2010 == 0o2010;
        if !(is_set && file.mode & 0o111 != 0 || file.has_capabilities) {
            continue;
        }
        if facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        found(facts, file, kind, report);
    }
}

fn found(facts: &Facts<'_>, file: &ChangedFile, kind: Kind, report: &mut Report<'_>) {
    let capabilities = capabilities(file);
    let is_odd = is_world_writable(&file.path) || hidden_part(&file.path).is_some();
    let (severity, what) = if file.mode & 0o4000 != 0 {
        let severity = if file.uid.unwrap_or_default() == 0 { Severity::High } else { Severity::Medium };
        (severity, "runs as its owner, whoever starts it".to_owned())
    } else if let Some((severity, text)) = capabilities {
        (severity, format!("has capabilities ({text}), whoever starts it"))
    } else {
        (Severity::Medium, "runs as its group, whoever starts it".to_owned())
    };
    let (severity, benign) = if is_odd {
        (Severity::High, "Practically none: no package puts such a file there.".to_owned())
    } else if let Some(manager) = facts.packages().unread().filter(|_| is_system(&file.path)) {
        (
            Severity::Low,
            format!(
                "{} ran, and its database cannot be read here: ask it which package has the file.",
                manager.as_str()
            ),
        )
    } else if let Some(old) = replaced_with_old_time(facts, file)
        && is_system(&file.path)
        && is_usual(base(&file.path))
    {
        (old, OLD_TIME.to_owned())
    } else if is_system(&file.path) && is_older(facts, file) && is_usual(base(&file.path)) {
        (
            Severity::Low,
            "The file is older than the container: an entry point may have changed its rights or owner.".to_owned(),
        )
    } else if kind == Kind::Script {
        // The kernel ignores the bit of scripts.
        (Severity::Low, "The kernel ignores this bit on scripts.".to_owned())
    } else {
        (severity, RULE.benign.first().copied().unwrap_or_default().to_owned())
    };
    let finding = about(facts, &RULE, file).severity(severity).benign(benign).sentence(format!(
        "{} {what}{}.",
        described(file),
        when(facts, file)
    ));
    report.add(with_users(facts, finding, &file.path));
}

/// The capabilities of a file, as `getcap` prints them, with their severity.
fn capabilities(file: &ChangedFile) -> Option<(Severity, String)> {
    const MILD: [&str; 7] = [
        "CAP_NET_BIND_SERVICE",
        "CAP_NET_RAW",
        "CAP_IPC_LOCK",
        "CAP_SYS_NICE",
        "CAP_SYS_TIME",
        "CAP_SYS_RESOURCE",
        "CAP_NET_ADMIN",
    ];
    let (_, value) = file.xattrs.iter().find(|(name, _)| name == "security.capability")?;
    let Some(read) = FileCapabilities::parse(value) else {
        return Some((Severity::Medium, value.as_bstr().escape_ascii().to_string()));
    };
    let names = capability::names(read.permitted | read.inheritable);
    let is_mild = names.iter().all(|name| MILD.iter().any(|mild| mild.eq_ignore_ascii_case(name)));
    Some((if is_mild { Severity::Low } else { Severity::High }, read.text()))
}

/// Whether a file has capabilities, and all of them are such as services are given.
pub(in crate::analysis) fn has_mild_capabilities(file: &ChangedFile) -> bool {
    capabilities(file).is_some_and(|(severity, _)| severity == Severity::Low)
}

/// Programs that run as root in most images.
fn is_usual(name: &[u8]) -> bool {
    const USUAL: [&str; 34] = [
        "su",
        "sudo",
        "mount",
        "umount",
        "passwd",
        "chsh",
        "chfn",
        "newgrp",
        "gpasswd",
        "ping",
        "chage",
        "expiry",
        "unix_chkpwd",
        "ssh-keysign",
        "ssh-agent",
        "dbus-daemon-launch-helper",
        "wall",
        "bbsuid",
        "auth_pam_tool",
        "postdrop",
        "postqueue",
        "fusermount",
        "fusermount3",
        "pkexec",
        "polkit-agent-helper-1",
        "chrome-sandbox",
        "newuidmap",
        "newgidmap",
        "crontab",
        "exim4",
        "ntfs-3g",
        "mount.nfs",
        "mount.cifs",
        "at",
    ];
    USUAL.iter().any(|usual| usual.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_programs_are_known() {
        assert!(
            is_usual(b"su")
                && is_usual(b"auth_pam_tool")
                && is_usual(b"passwd")
                && !is_usual(b"bash")
                && !is_usual(b"find")
        );
    }
}

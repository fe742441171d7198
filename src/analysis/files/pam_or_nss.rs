//! FS-007: changes to how users are checked.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::commands;
use super::super::facts::{ChangedFile, Kind, Place, base};
use super::super::words::shown;
use super::super::{Facts, Report, Severity};
use super::common::{
    OLD_TIME, about, changed, is_below, is_older, line, quoted, replaced_with_old_time, runs_changed, text, when,
    with_users,
};

rule! {
    /// Modules of PAM and NSS that no package lists, rules of `/etc/pam.d` that let everyone in or run a program, and
    /// an `/etc/nsswitch.conf` that asks a module which is itself among the changes. Other changes to these settings
    /// are ordinary, such as those of images that serve logins.
    "FS-007", pam_or_nss, version 1, Files, Stable, High,
    title: "User authentication was changed",
    why: "A module of PAM sees every password, and may let an intruder in with one of his own.",
    benign: ["A package that brought the module: its database lists the file."],
    attack: ["T1556.003"],
    cost: Files,
    tags: ["persistence", "credential"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, kind) in changed(facts, report) {
        let name = base(&file.path);
        let is_module = kind == Kind::Elf
            && (name.starts_with(b"pam_") || name.starts_with(b"libpam") || name.starts_with(b"libnss_"));
        let is_rules = is_below(&file.path, &["/etc/pam.d/"]) || file.path == "/etc/pam.conf";
        let is_switch = file.path == "/etc/nsswitch.conf";
        // A copy in the folder of a service that is locked into it.
        let is_jail = is_module && !is_below(&file.path, &["/lib", "/usr/", "/etc/", "/opt/", "/tmp/", "/dev/"]);
        if !(is_module || is_rules || is_switch) || file.file_type != "regular" || is_jail {
            continue;
        }
        if !report.look() {
            return;
        }
        if facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
        } else if is_module {
            module(facts, file, report);
        } else {
            rules(facts, file, is_rules, report);
        }
    }
}

fn module(facts: &Facts<'_>, file: &ChangedFile, report: &mut Report<'_>) {
    let (severity, benign) = match facts.packages().unread() {
        Some(manager) => (
            Severity::Low,
            format!(
                "{} ran, and its database cannot be read here: ask it which package has the file.",
                manager.as_str()
            ),
        ),
        None if is_older(facts, file) => match replaced_with_old_time(facts, file) {
            Some(severity) => (severity, OLD_TIME.to_owned()),
            None => {
                (Severity::Medium, "The file is older than the container: only its rights may have changed.".to_owned())
            }
        },
        None => (Severity::High, RULE.benign.first().copied().unwrap_or_default().to_owned()),
    };
    let finding = about(facts, &RULE, file).severity(severity).benign(benign).sentence(format!(
        "{}, a module that checks or looks up users, was added or changed, and no package lists it{}.",
        shown(&file.path),
        when(facts, file)
    ));
    report.add(with_users(facts, finding, &file.path));
}

fn rules(facts: &Facts<'_>, file: &ChangedFile, is_pam: bool, report: &mut Report<'_>) {
    let text = text(facts, file, report);
    let wrong = commands::lines(&text).find_map(|line| {
        let words = if is_pam { pam(line.text).map(str::to_owned) } else { None };
        let words = words.or_else(|| {
            let module = if is_pam {
                pam_module(facts, line.text).or_else(|| runs_changed(facts, line.text))?
            } else {
                switch(facts, line.text)?
            };
            Some(format!("uses {}, which is itself among the changes", shown(&module.path)))
        });
        Some((line, words?))
    });
    let Some((at, words)) = wrong else {
        report.skip();
        return;
    };
    report.add(about(facts, &RULE, file).evidence(line(facts, file, at)).sentence(format!(
        "{} has the line {}, which {words}{}.",
        shown(&file.path),
        quoted(at.text),
        when(facts, file)
    )));
}

/// What is wrong with a rule of PAM.
fn pam(line: &[u8]) -> Option<&'static str> {
    let line = commands::code(line);
    let line = line.strip_prefix(b"-").unwrap_or(line);
    let words: Vec<&[u8]> = line.fields().take(32).collect();
    let is_auth = words.first().is_some_and(|kind| kind.eq_ignore_ascii_case(b"auth"));
    let is_permit = words.iter().any(|word| base(word) == b"pam_permit.so");
    let lets_in =
        words.iter().any(|word| matches!(*word, b"sufficient" | b"binding") || word.starts_with(b"[success=done"));
    if is_auth && is_permit && lets_in {
        return Some("lets everyone in without a password");
    }
    let runs = words.iter().position(|word| base(word) == b"pam_exec.so");
    if let Some(at) = runs {
        let reads = words.contains(&&b"expose_authtok"[..]);
        if reads {
            return Some("gives passwords to a program");
        }
        let rest = words.get(at.saturating_add(1)..).unwrap_or_default();
        if rest.iter().any(|word| commands::danger(word).is_some()) {
            return Some("runs a program of a place that everyone may write to at each login");
        }
    }
    let is_odd = |word: &&[u8]| word.ends_with(b".so") && word.starts_with(b"/") && commands::danger(word).is_some();
    words.iter().any(is_odd).then_some("loads a module of a place that everyone may write to")
}

/// Folders of libraries.
const FOLDERS: [&str; 8] = [
    "/lib/x86_64-linux-gnu/",
    "/usr/lib/x86_64-linux-gnu/",
    "/lib/aarch64-linux-gnu/",
    "/usr/lib/aarch64-linux-gnu/",
    "/lib/",
    "/usr/lib/",
    "/lib64/",
    "/usr/lib64/",
];

/// A changed library in one of the usual folders, or in a folder there.
fn library<'f>(facts: &'f Facts<'_>, folder: &str, name: &[u8]) -> Option<&'f ChangedFile> {
    FOLDERS.iter().find_map(|top| {
        let path = bstr::concat([top.as_bytes(), folder.as_bytes(), name]);
        let is_own = |file: &&ChangedFile| {
            !file.engine_noise
                && file.place != Place::Deleted
                && facts.packages().manager_of(facts.files(), file).is_none()
        };
        facts.files().at(&path).find(is_own)
    })
}

/// The changed module of PAM that a line uses by its name alone: `auth sufficient pam_x.so`.
fn pam_module<'f>(facts: &'f Facts<'_>, line: &[u8]) -> Option<&'f ChangedFile> {
    let words = commands::code(line).fields().skip(1).take(16);
    words
        .filter(|word| word.ends_with(b".so") && !word.contains(&b'/'))
        .find_map(|name| library(facts, "security/", name))
}

/// The changed module of NSS that a line asks.
fn switch<'f>(facts: &'f Facts<'_>, line: &[u8]) -> Option<&'f ChangedFile> {
    let (_, services) = commands::code(line).split_once_str(":")?;
    services.fields().take(16).find_map(|service| library(facts, "", &bstr::concat([b"libnss_", service, b".so.2"])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_let_people_in() {
        for line in [
            "auth sufficient pam_permit.so",
            "auth optional pam_exec.so expose_authtok quiet /usr/local/bin/log",
            "session optional pam_exec.so /tmp/.x/run",
            "auth required /dev/shm/pam_x.so",
        ] {
            assert!(pam(line.as_bytes()).is_some(), "{line}");
        }
        for line in [
            "auth [success=1 default=ignore] pam_unix.so nullok",
            "auth requisite pam_deny.so",
            "auth required pam_permit.so",
            "session optional pam_loginuid.so",
            "# auth sufficient pam_permit.so",
            "@include common-auth",
        ] {
            assert_eq!(pam(line.as_bytes()), None, "{line}");
        }
    }
}

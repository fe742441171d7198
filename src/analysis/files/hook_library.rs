//! FS-032: a library that takes the place of functions of the C library.

use super::super::card::rule;
use super::super::facts::Place;
use super::super::vocabulary::is_world_writable;
use super::super::words::{listed, shown, size};
use super::super::{Confidence, Facts, Report, Severity};
use super::common::{about, bytes, each_foreign_elf, hidden_part, with_users};
use crate::elf::abilities;

rule! {
    /// A library that is not of the image offers functions under the names that the C library has them, and asks the dynamic
    /// loader for those that come next. That is how programs are hooked: `readdir` to hide files, `accept` to let somebody in,
    /// `pam_authenticate` to read passwords. High if it is mapped, hides things, or lies where everyone may write or nobody
    /// looks. Libraries of packages do not count.
    "FS-032", hook_library, version 1, Files, Stable, Medium,
    title: "A library that hooks the C library was added",
    why: "Loaded first into every program, it decides what the programs see of files, processes and connections.",
    benign: [
        "A library for tests, for redirecting traffic or for changing the time, such as libfaketime: it is loaded on purpose.",
        "A run-time library of a sanitizer.",
    ],
    attack: ["T1574.006", "T1014"],
    cost: Files,
    tags: ["rootkit"],
    basis: Program,
    check: check,
}

/// Bytes of a library that are read. Its symbols for the loader stand at its beginning.
const HEAD: u64 = 8 << 20;
/// Functions by which files, processes and sessions are hidden, or passwords are read.
const HIDING: [&str; 17] = [
    "readdir",
    "readdir64",
    "getdents64",
    "lstat",
    "lstat64",
    "__lxstat",
    "__lxstat64",
    "__xstat",
    "fopen",
    "fopen64",
    "accept",
    "unlinkat",
    "getspnam",
    "pam_authenticate",
    "pam_get_item",
    "pam_open_session",
    "crypt",
];
/// Libraries that hook for a good purpose, by the beginning of their name.
const KNOWN: [&str; 14] = [
    "libfaketime",
    "libfakeroot",
    "libfakechroot",
    "libeatmydata",
    "libasan",
    "libtsan",
    "libhwasan",
    "libubsan",
    "liblsan",
    "libtsocks",
    "libtorsocks",
    "libproxychains",
    "libclang_rt.",
    "libsegfault",
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    each_foreign_elf(facts, HEAD, report, |file, elf, head, report| {
        let symbols = elf.symbols();
        if symbols.as_ref().is_some_and(|symbols| symbols.fault.is_some()) && file.size > HEAD {
            report.not_checked("libraries whose symbols are behind what is read");
        }
        let hooks = abilities(elf, symbols.as_ref()).hooks;
        if hooks.is_empty() {
            return;
        }
        let name = super::super::facts::base(&file.path);
        let is_known = KNOWN.iter().any(|known| name.starts_with(known.as_bytes()));
        let is_mapped = !facts.uses().mapping(&file.path).is_empty();
        let hides = hooks.iter().any(|name| HIDING.contains(name));
        let is_odd = is_world_writable(&file.path) || hidden_part(&file.path).is_some() || file.place == Place::Memfd;
        let severity = match (is_known && !is_odd, hides, is_mapped || is_odd) {
            (true, ..) => Severity::Low,
            (false, true, _) | (false, _, true) => Severity::High,
            _ => Severity::Medium,
        };
        let names: Vec<String> = hooks.iter().take(6).map(|name| format!("`{name}`")).collect();
        let sentence = format!(
            "The library {} ({}), {}, offers {} in place of the C library{}.",
            shown(&file.path),
            size(file.size),
            file.place.words(),
            listed(&names),
            if is_mapped { "; a process has loaded it" } else { "" },
        );
        let finding = about(facts, &RULE, file)
            .severity(severity)
            .confidence(if hides { Confidence::High } else { Confidence::Medium })
            .benign(
                "A library for tests or for redirecting traffic that somebody loads on purpose: ask who put it there.",
            )
            .evidence(
                bytes(facts, file, 0, head.get(..64.min(head.len())).unwrap_or_default()).with_note("the ELF header"),
            )
            .identity(facts.files().sha256(file))
            .sentence(sentence);
        report.add(with_users(facts, finding, &file.path));
    });
}

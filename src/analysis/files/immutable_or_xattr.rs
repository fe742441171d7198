//! FS-024: files that cannot be changed, and attributes that no software of the system sets.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::words::{listed, shown};
use super::super::{Facts, Report};
use super::common::{about, changed, is_system};

rule! {
    /// Extended attributes of changed files in directories of the system that neither the kernel, nor security modules, nor
    /// engines set. Most archives have no flags of files such as immutable, so their absence says nothing.
    "FS-024", immutable_or_xattr, version 1, Files, Incubating, Low,
    title: "A file of the system has an unusual extended attribute",
    why: "Attributes can hold data that no listing shows.",
    benign: ["Labels of security modules, checksums of file systems and marks of downloads are attributes too."],
    attack: ["T1564.014", "T1222.002"],
    cost: Files,
    tags: ["hidden"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, _) in changed(facts, report) {
        if file.xattrs.is_empty() {
            continue;
        }
        if !report.look() {
            return;
        }
        let odd: Vec<String> =
            file.xattrs.iter().filter(|(name, _)| !is_known(name)).map(|(name, _)| shown(name)).take(8).collect();
        if odd.is_empty() || !(is_system(&file.path) || file.path.starts_with(b"/etc/")) {
            report.skip();
            continue;
        }
        let mut finding = about(facts, &RULE, file).sentence(format!(
            "{} has the extended attribute {}.",
            shown(&file.path),
            listed(&odd)
        ));
        if let Some(row) = finding.evidence.first_mut() {
            *row = row.clone().with("xattrs", Some(odd.join(" ")));
        }
        report.add(finding);
    }
}

fn is_known(name: &[u8]) -> bool {
    const KNOWN: [&str; 10] = [
        "security.",
        "system.posix_acl",
        "trusted.overlay",
        "user.overlay",
        "user.containers.",
        "user.mime_type",
        "user.xdg.",
        "user.pax.",
        "user.checksum",
        "user.coreos",
    ];
    KNOWN.iter().any(|known| name.starts_with(known.as_bytes())) || name.contains_str("selinux")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_the_system_are_known() {
        assert!(is_known(b"security.selinux") && is_known(b"user.overlay.opaque") && !is_known(b"user.payload"));
    }
}

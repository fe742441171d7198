//! FS-022: certificates that programs trust.

use bstr::ByteSlice;

use super::super::card::rule;
use super::super::facts::ChangedFile;
use super::super::words::{count, shown};
use super::super::{Facts, Report, Severity};
use super::common::{about, bytes, changed, is_below, is_late, text, when};

rule! {
    /// New certificates in the directories from which the list of trusted authorities is made. The list itself is made anew
    /// by packages and by entry points, so only a new source counts. A certificate that was there in the first minutes
    /// of a container is low: images take the authority of a company that way.
    "FS-022", trust_store_changed, version 1, Files, Incubating, Medium,
    title: "A certificate authority was added to those that are trusted",
    why: "Who has the key of a trusted authority can read and change encrypted connections.",
    benign: ["The authority of a company, which an entry point adds at the start."],
    attack: ["T1553.004"],
    cost: Files,
    tags: ["credential"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for (file, _) in changed(facts, report) {
        if file.file_type != "regular" || file.size == 0 || !is_source(&file.path) {
            continue;
        }
        if !report.look() {
            return;
        }
        if facts.packages().manager_of(facts.files(), file).is_some() {
            report.skip();
            continue;
        }
        added(facts, file, report);
    }
}

fn added(facts: &Facts<'_>, file: &ChangedFile, report: &mut Report<'_>) {
    let text = text(facts, file, report);
    let certificates = text.find_iter("-----BEGIN CERTIFICATE-----").count();
    let Some(at) = text.find("-----BEGIN CERTIFICATE-----").or_else(|| text.starts_with(b"\x30\x82").then_some(0))
    else {
        report.skip();
        return;
    };
    let severity = if is_late(facts, file) { Severity::Medium } else { Severity::Low };
    let piece = text.get(at..).unwrap_or_default();
    report.add(
        about(facts, &RULE, file)
            .severity(severity)
            .identity(facts.files().sha256(file))
            .evidence(bytes(facts, file, at, piece).with_note("the first certificate"))
            .sentence(format!(
                "{} adds {} to those that programs trust{}.",
                shown(&file.path),
                count(certificates.max(1), "certificate"),
                when(facts, file)
            )),
    );
}

fn is_source(path: &[u8]) -> bool {
    is_below(
        path,
        &[
            "/usr/local/share/ca-certificates/",
            "/usr/share/ca-certificates/",
            "/etc/pki/ca-trust/source/",
            "/usr/share/pki/ca-trust-source/anchors/",
            "/etc/ca-certificates/trust-source/anchors/",
            "/usr/share/pki/trust/anchors/",
            "/etc/pki/trust/anchors/",
        ],
    )
}

//! Files: hashes, paths, names, and keys for logins. Code in memory.

use std::collections::{BTreeMap, BTreeSet};

use bstr::{BStr, BString, ByteSlice};

use super::super::facts::{ChangedFile, Kind as FileKind, Place, base};
use super::super::indicators::Kind;
use super::super::ioc::keys::fingerprints;
use super::super::vocabulary::{is_hidden, is_world_writable};
use super::super::{Confidence, Severity};
use super::{Hunt, Observable, as_text, observable, of_finding, paths_of};

/// Bytes of a file of keys.
const KEYS: u64 = 256 << 10;

/// Files with fewer bytes have the same contents in many places.
const SMALL: u64 = 64;

/// What findings say of a path.
#[derive(Debug, Default)]
struct About {
    findings: BTreeSet<(&'static str, String)>,
    worst: Option<Severity>,
    /// Whether a finding is about the file itself.
    is_subject: bool,
}

pub(super) fn add(hunt: &mut Hunt<'_, '_>) {
    let mut paths: BTreeMap<BString, About> = BTreeMap::new();
    for finding in hunt.findings.clone() {
        let subject = match &finding.subject {
            super::Subject::File(path) => Some(path),
            _ => None,
        };
        for path in paths_of(finding) {
            let (path, _) = super::super::facts::without_deleted(&path);
            if path.is_empty() {
                continue;
            }
            let about = paths.entry(path.into()).or_default();
            about.findings.extend(of_finding(finding));
            about.worst = about.worst.max(Some(finding.severity));
            about.is_subject |= subject.is_some_and(|subject| *subject == path);
        }
    }
    for (pid, findings) in &hunt.actors {
        let path = hunt.facts.process(*pid).and_then(|process| process.program.path.clone());
        if let Some(path) = path {
            let about = paths.entry(path).or_default();
            about.findings.extend(findings.iter().cloned());
            about.worst = about.worst.max(hunt.worst.get(pid).copied());
        }
    }
    for (path, about) in &paths {
        file(hunt, path.as_bstr(), about);
    }
    carved(hunt);
}

fn file(hunt: &mut Hunt<'_, '_>, path: &BStr, about: &About) {
    let facts = hunt.facts;
    let all: Vec<(ChangedFile, FileKind)> = facts
        .files()
        .all()
        .iter()
        .zip(facts.kinds().all())
        .filter(|(file, _)| file.path == path && file.file_type == "regular" && file.place != Place::Deleted)
        .map(|(file, kind)| (file.clone(), *kind))
        .collect();
    let confidence = match about.worst {
        Some(Severity::High | Severity::Critical) => Confidence::High,
        _ => Confidence::Medium,
    };
    let is_odd =
        is_world_writable(path) || is_hidden(path) || path.starts_with(b"/memfd:") || path.starts_with(b"/dev/");
    for (file, kind) in &all {
        let is_code = matches!(kind, FileKind::Elf | FileKind::Script | FileKind::Archive(_));
        let from = format!("{} ({}): {}", file.path, file.place.words(), file.member.clone().unwrap_or_default());
        let is_web = about.findings.iter().any(|(rule, _)| *rule == "FS-011");
        let left_out = if file.size < SMALL {
            Some("a few bytes, as many files have".to_owned())
        } else if !is_code && !is_odd && !is_web {
            Some("a file of this container that was changed: elsewhere it has other contents".to_owned())
        } else {
            None
        };
        if let Some(digests) = facts.files().digests(file).filter(|_| file.size > 0) {
            for (kind, value) in [(Kind::Sha256, digests.sha256), (Kind::Sha1, digests.sha1), (Kind::Md5, digests.md5)]
            {
                hunt.add(Observable {
                    left_out: left_out.clone(),
                    findings: about.findings.clone(),
                    ..observable(kind, value, confidence, from.clone())
                });
            }
        }
        if file.path.contains_str("authorized_keys") && about.is_subject {
            keys(hunt, file, about, confidence);
        }
    }
    let (text, not_text) = as_text(path);
    let text = text.as_ref();
    let is_folder = facts.files().at(path).any(|file| file.file_type == "directory");
    let is_code = all.iter().any(|(_, kind)| matches!(kind, FileKind::Elf | FileKind::Script));
    let is_usual = [&b"/etc/"[..], b"/root/", b"/home/", b"/var/log/"].iter().any(|folder| path.starts_with(folder));
    let is_here = is_folder || !all.is_empty();
    let left_out = if !is_odd && !is_here {
        Some("a file of the image")
    } else if !is_odd && !about.is_subject {
        Some("no finding is about the file itself")
    } else if !is_odd && is_usual && !is_code {
        Some("a path that many systems have")
    } else if text.trim_start_matches("/memfd:").trim().is_empty() {
        Some("it has no name")
    } else {
        None
    };
    let count = if about.findings.len() == 1 { "a finding is" } else { "findings are" };
    let kind = if is_folder { Kind::Directory } else { Kind::Path };
    hunt.add(Observable {
        left_out: left_out.map(str::to_owned).or(not_text),
        findings: about.findings.clone(),
        ..observable(
            kind,
            text,
            if is_odd { confidence } else { Confidence::Low },
            format!("{} that {count} about", if is_folder { "a directory" } else { "a file" }),
        )
    });
    let name = base(path).to_str().unwrap_or_default();
    let is_named = text.starts_with('/') && !text.starts_with("/memfd:");
    if is_odd && is_code && is_named && left_out.is_none() {
        hunt.add(Observable {
            findings: about.findings.clone(),
            ..observable(Kind::Name, name, Confidence::Low, format!("name of {text}"))
        });
    }
}

fn keys(hunt: &mut Hunt<'_, '_>, file: &ChangedFile, about: &About, confidence: Confidence) {
    let text = hunt.facts.files().head(file, KEYS).into_owned();
    for (print, line, _) in fingerprints(&text) {
        let from = format!("{}, line {line}", file.path);
        hunt.add(Observable { findings: about.findings.clone(), ..observable(Kind::SshKey, print, confidence, from) });
    }
}

/// Images in memory without a file, that can be executed.
fn carved(hunt: &mut Hunt<'_, '_>) {
    let facts = hunt.facts;
    for one in super::super::memory::carved(facts) {
        let of =
            hunt.findings.iter().filter(|finding| finding.pid == Some(one.pid) && finding.rule.id.starts_with("MEM-"));
        let findings: BTreeSet<_> = of.flat_map(|finding| of_finding(finding)).collect();
        if findings.is_empty() {
            continue;
        }
        let from = format!("image in memory of process {} at {:#x}, {} bytes", one.pid, one.address, one.len);
        hunt.add(Observable { findings, ..observable(Kind::Sha256, one.sha256, Confidence::Low, from) });
    }
}

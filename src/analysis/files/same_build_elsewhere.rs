//! FS-029: one program under several names.

use std::collections::BTreeMap;

use super::super::card::rule;
use super::super::facts::{ChangedFile, Kind, Place, base};
use super::super::vocabulary::is_world_writable;
use super::super::words::{listed, shown};
use super::super::{Confidence, Facts, Finding, Link, Report, Subject};
use super::common::{everywhere, hidden_part, next, row};

rule! {
    /// The same program under different names: files whose contents are equal, one of which is in a place that everyone
    /// may write to, in a hidden place, deleted, or a memfd. The bytes of programs of the image are not in archives, so
    /// a copy of one of those is seen only if the original is among the changes too. Equal libraries beside each other
    /// do not count.
    "FS-029", same_build_elsewhere, version 1, Files, Incubating, Low,
    title: "One program has several names",
    why: "Copies under other names are spares, or a way to look like something else. They belong to one story.",
    benign: ["A build, or an installer, that left a copy."],
    attack: ["T1036.003"],
    cost: Files,
    tags: ["masquerade"],
    check: check,
}

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let mut by_size: BTreeMap<u64, Vec<&ChangedFile>> = BTreeMap::new();
    for (file, _) in everywhere(facts)
        .filter(|(file, kind)| *kind == Kind::Elf && !file.engine_noise && file.place != Place::Deleted)
    {
        if !report.look() {
            break;
        }
        by_size.entry(file.size).or_default().push(file);
    }
    // Only files of equal size are hashed.
    for files in by_size.values().filter(|files| files.len() > 1 && files.iter().any(|file| is_odd(file))) {
        let mut by_hash: BTreeMap<String, Vec<&ChangedFile>> = BTreeMap::new();
        for file in files.iter().take(256) {
            match facts.files().sha256(file) {
                Some(hash) => by_hash.entry(hash).or_default().push(file),
                None => report.not_checked("the contents of the file are not all in the archive"),
            }
        }
        for (hash, same) in by_hash {
            let Some(odd) = same.iter().find(|file| is_odd(file)) else { continue };
            if !same.iter().any(|file| base(&file.path) != base(&odd.path)) {
                continue;
            }
            let names: Vec<String> = same.iter().map(|file| shown(&file.path)).take(6).collect();
            let mut finding = Finding::new(&RULE, Subject::File(odd.path.clone()))
                .confidence(Confidence::High)
                .identity([hash])
                .next(next(odd))
                .sentence(format!("{} are the same program.", listed(&names)));
            for file in &same {
                finding = finding.link(Link::Path(file.path.clone())).evidence(row(facts, file));
            }
            report.add(finding);
        }
    }
}

fn is_odd(file: &ChangedFile) -> bool {
    matches!(file.place, Place::Ghost | Place::Memfd)
        || is_world_writable(&file.path)
        || hidden_part(&file.path).is_some()
}

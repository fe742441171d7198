//! FS-027: files that were made unreadable for money.

use std::collections::{BTreeSet, HashMap};

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{ChangedFile, Kind, Place, base, without_deleted};
use super::super::words::shown;
use super::super::{Confidence, Evidence, Facts, Finding, Report, Severity, Subject};
use super::common::{everywhere, extension, is_below, next, row};
use crate::int::u64_of;
use crate::model::ids::Pid;

rule! {
    /// Many files with one new extension behind their own (`orders.db.locked`), whose contents are random, together
    /// with a note that says how to get them back, or with the originals deleted. All three are critical, two are high.
    /// A note is known by its name, or by its text if it lies beside the files or above them: it says that they are
    /// encrypted, and how to pay. A process that has several of the files open is named. Extensions of packed files do not
    /// count.
    "FS-027", ransom_signs, version 2, Files, Incubating, Critical,
    title: "Many files were encrypted",
    why: "Files are being held for ransom. The key may still be in memory.",
    benign: ["A bulk converter or a backup that encrypts: there is no note, and the originals are still there."],
    attack: ["T1486"],
    cost: Files,
    tags: ["ransomware"],
    check: check,
}

/// Fewest files with an extension.
const FEWEST: usize = 50;
/// Files whose contents are looked at.
const SAMPLE: usize = 16;

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    let mut by_extension: HashMap<Vec<u8>, Vec<&ChangedFile>> = HashMap::new();
    let mut notes: Vec<&ChangedFile> = Vec::new();
    for (file, kind) in everywhere(facts) {
        if !matches!(file.place, Place::Rootfs | Place::Volume | Place::Tmpfs)
            || file.file_type != "regular"
            || file.engine_noise
        {
            continue;
        }
        if !report.look() {
            break;
        }
        if is_note(base(&file.path)) && notes.len() < 16 {
            notes.push(file);
        }
        if kind == Kind::Other
            && let Some(extension) = second(&file.path)
        {
            by_extension.entry(extension).or_default().push(file);
        }
    }
    let mut suspects: Vec<_> = by_extension.into_iter().filter(|(_, files)| files.len() >= FEWEST).collect();
    suspects.sort_by(|a, b| a.0.cmp(&b.0));
    for (extension, files) in suspects {
        let texts = beside(facts, &files);
        let notes: Vec<&ChangedFile> = notes.iter().copied().chain(texts).collect();
        found(facts, &extension, &files, &notes, report);
    }
}

/// Notes by their text, in directories of encrypted files and above them.
fn beside<'f>(facts: &'f Facts<'_>, files: &[&ChangedFile]) -> Vec<&'f ChangedFile> {
    /// Longest note.
    const LONGEST: u64 = 64 << 10;
    let mut folders: BTreeSet<&[u8]> = BTreeSet::new();
    for file in files.iter().take(4096) {
        let mut folder = file.path.as_slice();
        while let Some((above, _)) = folder.rsplit_once_str("/").filter(|(above, _)| !above.is_empty()) {
            folder = above;
            if !folders.insert(folder) {
                break;
            }
        }
    }
    let is_beside = |(file, kind): &(&ChangedFile, Kind)| {
        let folder = file.path.rsplit_once_str("/").map(|(folder, _)| folder).unwrap_or_default();
        *kind == Kind::Other
            && file.size <= LONGEST
            && !file.engine_noise
            && (folders.contains(folder) || is_below(folder, &["/root", "/home"]))
    };
    let texts = everywhere(facts).filter(is_beside).map(|(file, _)| file).take(4096);
    texts.filter(|file| asks(&facts.files().head(file, LONGEST))).take(4).collect()
}

/// Whether a text says that files are encrypted, and how to pay.
fn asks(text: &[u8]) -> bool {
    const TAKEN: [&str; 8] =
        ["encrypted", "decrypt", "locked", "stolen", "exfiltrated", "recover your", "restore your", "leaked"];
    const PAY: [&str; 12] = [
        ".onion",
        "bitcoin",
        "btc",
        "monero",
        "xmr",
        "ransom",
        "tor browser",
        "bc1q",
        "qtox",
        "tox id",
        "protonmail",
        "onionmail",
    ];
    if text.contains(&0) {
        return false;
    }
    let text = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains_str(word));
    has(&TAKEN) && has(&PAY) && has(&["files", "data", "network", "documents", "server"])
}

/// The processes that have several of the files open, with how many, most first.
fn holders(facts: &Facts<'_>, extension: &[u8]) -> Vec<(Pid, usize, Evidence)> {
    let end = bstr::concat([b".", extension]);
    let mut all: Vec<(Pid, usize, Evidence)> = Vec::new();
    for process in facts.living() {
        let is_one = |path: &BString| without_deleted(path).0.ends_with(&end);
        let held = || process.files().iter().filter(|file| file.path.as_ref().is_some_and(is_one));
        if let Some(first) = held().next().filter(|_| held().count() >= 3) {
            let evidence = Evidence::descriptor(process.pid(), u64::from(first.fd.0)).with("path", first.path.as_ref());
            all.push((process.pid(), held().count(), evidence));
        }
    }
    all.sort_by_key(|(pid, held, _)| (std::cmp::Reverse(*held), *pid));
    all.truncate(8);
    all
}

fn found(facts: &Facts<'_>, extension: &[u8], files: &[&ChangedFile], notes: &[&ChangedFile], report: &mut Report<'_>) {
    let sample: Vec<&&ChangedFile> = files.iter().take(SAMPLE).collect();
    let is_random = |file: &&&ChangedFile| is_random(&facts.files().head(file, 4096));
    let random = sample.iter().filter(|file| is_random(file)).count();
    let gone = sample
        .iter()
        .filter(|file| {
            let original =
                file.path.get(..file.path.len().saturating_sub(extension.len().saturating_add(1))).unwrap_or_default();
            facts.files().at(original).any(|other| other.place == Place::Deleted)
        })
        .count();
    let most = sample.len() / 2;
    let severity = match (random > most, gone > most, !notes.is_empty()) {
        (true, true, true) => Severity::Critical,
        (true, _, true) | (true, true, false) => Severity::High,
        _ => {
            report.skip();
            return;
        }
    };
    let note = match notes.first() {
        Some(note) => format!(" A note lies beside them: {}.", shown(&note.path)),
        None => String::new(),
    };
    let Some(first) = files.first() else { return };
    let holders = holders(facts, extension);
    let held = match holders.first().and_then(|(pid, held, _)| Some((facts.process(*pid)?, held))) {
        Some((process, held)) => format!(" {} has {held} of them open.", process.title()),
        None => String::new(),
    };
    let mut finding = Finding::new(&RULE, Subject::File(first.path.clone()))
        .severity(severity)
        .confidence(Confidence::High)
        .identity([extension])
        .next(next(first))
        .sentence(format!(
            "{} files have the extension .{} behind their own, and their contents are random.{note}{held}",
            files.len(),
            shown(extension)
        ));
    for file in notes.iter().take(2).chain(files.iter().take(8)) {
        finding = finding.evidence(row(facts, file));
    }
    if gone > most {
        finding = finding.benign("A backup that encrypts and removes what it was made of: then its owner has the key.");
    }
    for (number, (pid, _, evidence)) in holders.into_iter().enumerate() {
        finding = if number == 0 { finding.process(pid) } else { finding.also(pid) };
        finding = finding.evidence(evidence);
    }
    finding.evidence_more = u64_of(files.len().saturating_sub(8));
    report.add(finding);
}

/// The last extension of a name that has another before it, unless it is one of packed files.
fn second(path: &[u8]) -> Option<Vec<u8>> {
    const PACKED: [&str; 22] = [
        "gz", "br", "zst", "xz", "bz2", "lz4", "gpg", "asc", "sig", "part", "tmp", "bak", "map", "pyc", "js", "css",
        "json", "html", "php", "so", "jpg", "png",
    ];
    let last = extension(path);
    let stem = base(path).strip_suffix(last.as_slice())?.strip_suffix(b".")?;
    let before: BString = extension(stem).into();
    let is_extension = |part: &[u8]| {
        (2..=10).contains(&part.len())
            && part.iter().all(u8::is_ascii_alphanumeric)
            && !part.iter().all(u8::is_ascii_digit)
    };
    let is_one = is_extension(&last) && (2..=5).contains(&before.len()) && before.iter().all(u8::is_ascii_alphanumeric);
    (is_one && !PACKED.iter().any(|packed| packed.as_bytes() == last)).then_some(last)
}

fn is_note(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let has = |word: &str| name.contains_str(word);
    let asks = has("decrypt")
        || has("restore_files")
        || has("restore-files")
        || has("recover_files")
        || has("recover-files")
        || has("ransom")
        || has("your_files")
        || has("unlock_files");
    let is_text = [".txt", ".html", ".hta", ".md", ".json"].iter().any(|end| name.ends_with(end.as_bytes()))
        || !name.contains(&b'.');
    asks && is_text
        && (has("readme")
            || has("how")
            || has("note")
            || has("restore")
            || has("recover")
            || has("your_files")
            || has("unlock"))
}

/// Whether bytes look random: many different ones, none of them frequent.
fn is_random(bytes: &[u8]) -> bool {
    if bytes.len() < 256 {
        return false;
    }
    let mut counts = [0_usize; 256];
    for &byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
        }
    }
    let most = counts.iter().max().copied().unwrap_or_default();
    let kinds = counts.iter().filter(|count| **count > 0).count();
    most.saturating_mul(32) < bytes.len().max(512) && kinds > 140
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_extensions_and_notes() {
        assert_eq!(second(b"/data/orders.db.locked").as_deref(), Some(&b"locked"[..]));
        assert_eq!(second(b"/data/a.tar.gz"), None);
        assert_eq!(second(b"/data/orders.db"), None);
        assert!(is_note(b"README_DECRYPT.txt") && is_note(b"HOW_TO_RECOVER_FILES.html"));
        assert!(!is_note(b"README.md") && !is_note(b"decrypt.py") && !is_note(b"restore_files.sh"));
    }

    #[test]
    fn notes_are_known_by_their_text() {
        assert!(asks(b"Your files are encrypted. Pay 2 BTC to bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"));
        assert!(asks(b"All DATA was stolen and encrypted! Install Tor Browser, http://abc.onion"));
        assert!(!asks(b"This archive is encrypted; the key for your files is in the safe."));
        assert!(!asks(b"We accept bitcoin donations.") && !asks(b"files encrypted .onion \0"));
    }

    #[test]
    fn random_bytes_are_told_from_text() {
        let mut state: u32 = 1;
        let random: Vec<u8> = (0..4096)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            })
            .collect();
        assert!(is_random(&random) && !is_random(&b"hello world ".repeat(300)) && !is_random(&[0; 4096]));
    }
}

//! The types in which the engine takes bytes and gives rules and matches.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::analysis::Severity;

/// What is known about a rule without running it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RuleInfo {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its metadata, in order.
    pub(in crate::analysis) meta: Vec<(String, MetaValue)>,
    /// The file that it is in, as the user named it.
    pub file: String,
    /// Whether it is one of ours.
    pub is_builtin: bool,
}

/// A value of metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::analysis) enum MetaValue {
    /// Text.
    Text(Vec<u8>),
    /// A number.
    Number(i64),
    /// A boolean.
    Bool(bool),
}

impl fmt::Display for MetaValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetaValue::Text(text) => f.write_str(&String::from_utf8_lossy(text)),
            MetaValue::Number(number) => number.fmt(f),
            MetaValue::Bool(on) => on.fmt(f),
        }
    }
}

/// Bytes with holes: the recorded parts of an address space, by address.
pub(in crate::analysis) trait Regions: Sync + fmt::Debug {
    /// The parts, in order and without overlaps.
    fn ranges(&self) -> &[Range<u64>];
    /// The bytes of a part, by its number. `None` if they cannot be read.
    fn bytes(&self, number: usize) -> Option<Cow<'_, [u8]>>;
}

/// What is scanned.
#[derive(Clone, Copy, Debug)]
pub(in crate::analysis) enum Scanned<'s> {
    /// A file or a queue.
    Whole(&'s [u8]),
    /// The memory of a process.
    Memory(&'s dyn Regions),
}

/// The external variables of rules.
#[derive(Clone, Debug, Default)]
pub(in crate::analysis) struct Variables {
    /// The process, 0 for files.
    pub(in crate::analysis) pid: u32,
    /// Name of the process, empty for files.
    pub(in crate::analysis) name: Vec<u8>,
    /// Path of the program or of the file.
    pub(in crate::analysis) path: Vec<u8>,
    /// `process`, `file`, `ghost`, ….
    pub(in crate::analysis) kind: &'static str,
    /// User id of the owner, as text.
    pub(in crate::analysis) owner: String,
}

impl Variables {
    /// All of them that are text, by name. Public sets use the names from `filename` on.
    pub(super) fn texts(&self) -> [(&'static str, Vec<u8>); 9] {
        let is_file = self.kind != "process";
        let base = self.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let dot = base.iter().rposition(|&byte| byte == b'.').filter(|&at| at > 0);
        let extension = dot.and_then(|at| base.get(at..)).unwrap_or_default();
        let of_file = |bytes: &[u8]| if is_file { bytes.to_vec() } else { Vec::new() };
        [
            ("name", self.name.clone()),
            ("path", self.path.clone()),
            ("kind", self.kind.into()),
            ("filename", of_file(base)),
            ("filepath", of_file(&self.path)),
            ("extension", of_file(extension)),
            ("filetype", Vec::new()),
            ("owner", self.owner.clone().into_bytes()),
            ("md5", Vec::new()),
        ]
    }
}

/// What one scan found.
#[derive(Debug, Default)]
pub(in crate::analysis) struct Outcome {
    /// The rules that match.
    pub(in crate::analysis) matches: Vec<RawMatch>,
    /// Why the scan ended early, if it did.
    pub(in crate::analysis) stopped: Option<String>,
}

/// A rule that matches.
#[derive(Debug)]
pub(in crate::analysis) struct RawMatch {
    /// Number of the rule.
    pub(in crate::analysis) rule: usize,
    /// Its strings that were found.
    pub(in crate::analysis) strings: Vec<RawString>,
}

/// A match of a string.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct RawString {
    /// Identifier of the string: `$a`.
    pub(in crate::analysis) id: String,
    /// Address, or offset in the file.
    pub(in crate::analysis) at: u64,
    /// Length in bytes.
    pub(in crate::analysis) length: u64,
    /// The first bytes.
    pub(in crate::analysis) bytes: Vec<u8>,
    /// Number of matches of the string. Not all of them are listed.
    pub(in crate::analysis) count: u64,
}

impl RuleInfo {
    /// A value of its metadata. The case of the key does not matter.
    pub(in crate::analysis) fn meta(&self, key: &str) -> Option<&MetaValue> {
        self.meta.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
    }

    /// A value of its metadata as text, if it is not empty.
    pub(in crate::analysis) fn text(&self, key: &str) -> Option<String> {
        self.meta(key).map(MetaValue::to_string).filter(|text| !text.is_empty())
    }

    /// The severity that its metadata say, and in which words.
    pub(in crate::analysis) fn severity(&self) -> Option<(Severity, String)> {
        let number = |key: &str| match self.meta(key) {
            Some(MetaValue::Number(number)) => Some(*number),
            Some(value) => value.to_string().trim().parse().ok(),
            None => None,
        };
        if let Some(word) = self.text("severity").or_else(|| self.text("level"))
            && let Some(severity) = word_of(&word)
        {
            return Some((severity, word));
        }
        // Scores are from 0 to 100.
        for key in ["score", "severity"] {
            if let Some(score) = number(key) {
                return Some((of_score(score), format!("{key} {score}")));
            }
        }
        // Levels of threat are from 0 to 10.
        let level = number("threat_level")?;
        Some((of_score(level.saturating_mul(10)), format!("threat_level {level}")))
    }
}

fn word_of(word: &str) -> Option<Severity> {
    let word = word.trim().to_ascii_lowercase();
    Severity::find(&word).or(match word.as_str() {
        "informational" | "information" => Some(Severity::Info),
        "moderate" | "suspicious" => Some(Severity::Medium),
        "severe" => Some(Severity::Critical),
        _ => None,
    })
}

fn of_score(score: i64) -> Severity {
    match score {
        90.. => Severity::Critical,
        75..=89 => Severity::High,
        50..=74 => Severity::Medium,
        1..=49 => Severity::Low,
        _ => Severity::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(meta: &[(&str, MetaValue)]) -> RuleInfo {
        let meta = meta.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        RuleInfo { meta, ..RuleInfo::default() }
    }

    #[test]
    fn severity_is_read_from_words_and_scores() {
        let text = |text: &str| MetaValue::Text(text.into());
        let severity = |meta: &[(&str, MetaValue)]| with(meta).severity().map(|(severity, _)| severity);
        assert_eq!(severity(&[("Severity", text("HIGH"))]), Some(Severity::High));
        assert_eq!(severity(&[("score", MetaValue::Number(95))]), Some(Severity::Critical));
        assert_eq!(severity(&[("score", text("60"))]), Some(Severity::Medium));
        assert_eq!(severity(&[("severity", MetaValue::Number(40))]), Some(Severity::Low));
        assert_eq!(severity(&[("threat_level", MetaValue::Number(8))]), Some(Severity::High));
        assert_eq!(severity(&[("author", text("somebody"))]), None);
    }

    #[test]
    fn variables_of_public_sets_are_those_of_files() {
        let file = Variables { path: b"/tmp/.x/run.SH".to_vec(), kind: "file", ..Variables::default() };
        let of = |variables: &Variables, wanted: &str| {
            variables.texts().into_iter().find(|(name, _)| *name == wanted).map(|(_, value)| value)
        };
        assert_eq!(of(&file, "filename").as_deref(), Some(&b"run.SH"[..]));
        assert_eq!(of(&file, "extension").as_deref(), Some(&b".SH"[..]));
        let process = Variables { kind: "process", ..file };
        assert_eq!(of(&process, "filename").as_deref(), Some(&b""[..]));
        assert_eq!(of(&process, "path").as_deref(), Some(&b"/tmp/.x/run.SH"[..]));
    }
}

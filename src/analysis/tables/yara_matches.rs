//! Table `yara_matches`.

use std::borrow::Cow;

use bstr::BString;

use super::super::foreign::{Matched, Matches, Target};
use super::super::secrets::redacted;
use super::super::yara::{MetaValue, RawString, RuleInfo};
use super::super::{Brought, Severity};
use crate::Checkpoint;
use crate::memory::Origin;
use crate::model::ids::{Address, Pid};
use crate::tables::{Mappings, table};

table! {
    "yara_matches", key(rule, namespace, kind, pid, path, string, address),
    brief(rule, kind, pid, name, path, string, address, text, severity);
    /// Matches of YARA rules, which `--yara` brings: one row for each match of a string of a rule, at
    /// most 16 for a string in a process or file, and one for a rule that has none. Rules whose strings are in a database of
    /// signatures are here, too.
    pub struct YaraMatch {
        /// Name of the rule.
        #[to(ecs("rule.name"))]
        pub rule: String,
        /// Namespace of the rule: the file that was named or that includes it.
        pub namespace: String,
        /// File of the rule.
        pub file: String,
        /// Whether the rule is part of this program.
        pub builtin: bool,
        /// Tags of the rule.
        pub tags: Vec<String>,
        /// Metadata of the rule: `author=…`.
        pub meta: Vec<BString>,
        /// Severity by the metadata: `info`, `low`, `medium`, `high` or `critical`.
        pub severity: &'static str,
        /// What matches: `process` (its memory), `elf` (an image in memory that no file backs, as a file), `file`, `volume`,
        /// `tmpfs`, `ghost`, `memfd`, `sysv`, `pipe`, `socket`, `terminal` or `message`.
        pub kind: &'static str,
        /// The process. For a queue, the first that holds it.
        pub pid: Option<Pid>,
        /// The process's name.
        #[to(ecs("process.name"))]
        pub name: Option<BString>,
        /// The program, the file, or the queue. Of an ELF image, the name that `extract --what elf` gives it.
        #[to(ecs("file.path").path())]
        pub path: Option<BString>,
        /// Identifier of the string: `$a`. Null if the rule has no strings that were found.
        pub string: Option<String>,
        /// Address of the match in memory; offset in a file, ELF image or queue.
        pub address: Option<Address>,
        /// Length of the match in bytes.
        pub length: Option<u64>,
        /// The first bytes of the match, 64 at most. Secrets that the detectors know are cut as everywhere.
        pub text: Option<BString>,
        /// The same bytes in hexadecimal. Null if they have a secret.
        pub hex: Option<String>,
        /// Number of matches of the string there; not more than 1000 are counted.
        pub matches: Option<u64>,
        /// First address of the mapping, or of the ELF image.
        pub mapping: Option<Address>,
        /// Permissions of the mapping.
        pub permissions: Option<String>,
        /// What is mapped there, as `maps` prints it.
        pub mapped: Option<BString>,
        /// Member of the archive with the bytes.
        pub member: Option<BString>,
        /// Offset of the match in the member. For compressed pages, the offset of their block.
        pub member_offset: Option<u64>,
        /// Whether all strings of the rule are in a database of signatures there.
        pub in_database: bool,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint, take: &mut dyn FnMut(YaraMatch) -> bool) {
    let brought = Brought::of(checkpoint);
    let Some(rules) = brought.yara() else { return };
    let matches = Matches::of(checkpoint);
    if matches.all.is_empty() {
        return;
    }
    let mappings = Mappings::of(checkpoint);
    for matched in &matches.all {
        let (Some(info), Some(target)) = (rules.infos().get(matched.rule), matches.targets.get(matched.target)) else {
            continue;
        };
        let maker = Maker { checkpoint, mappings: &mappings, info, target, matched };
        if matched.strings.is_empty() && !take(maker.row(None)) {
            return;
        }
        for string in &matched.strings {
            if !take(maker.row(Some(string))) {
                return;
            }
        }
    }
}

/// Makes the rows of one match.
struct Maker<'m> {
    checkpoint: &'m Checkpoint,
    mappings: &'m Mappings,
    info: &'m RuleInfo,
    target: &'m Target,
    matched: &'m Matched,
}

impl Maker<'_> {
    fn row(&self, string: Option<&RawString>) -> YaraMatch {
        let (info, target) = (self.info, self.target);
        let text = string.map(|string| redacted(&string.bytes));
        let process = target.pid.and_then(|pid| self.checkpoint.model().process(pid));
        let in_memory = target.pid.filter(|_| target.kind == "process").zip(string);
        let mapping = in_memory.and_then(|(pid, string)| self.mappings.at(pid, string.at));
        let run = in_memory.and_then(|(pid, string)| {
            let space = self.checkpoint.memory().space_of(pid)?;
            space.runs(string.at, string.at.saturating_add(1)).next()
        });
        let (member, member_offset) = if let Some(Origin::Recorded { image, offset, .. }) = run.map(|run| run.origin) {
            (Some(image.to_owned()), Some(offset))
        } else {
            let offset = target.offset.zip(string).map(|(offset, string)| offset.saturating_add(string.at));
            (target.member.clone(), offset)
        };
        YaraMatch {
            rule: info.name.clone(),
            namespace: info.namespace.clone(),
            file: info.file.clone(),
            builtin: info.is_builtin,
            tags: info.tags.clone(),
            meta: info.meta.iter().map(|(key, value)| pair(key, value)).collect(),
            severity: info.severity().map_or(Severity::Medium, |(severity, _)| severity).as_str(),
            kind: target.kind,
            pid: target.pid,
            name: process.and_then(|process| process.name()).map(BString::from),
            path: target.path.clone(),
            string: string.map(|string| string.id.clone()),
            address: string.map(|string| Address(string.at)),
            length: string.map(|string| string.length),
            text: text.clone().map(|text| text.into_owned().into()),
            hex: text.and_then(|text| match text {
                Cow::Borrowed(bytes) => Some(data_encoding::HEXLOWER.encode(bytes)),
                Cow::Owned(_) => None,
            }),
            matches: string.map(|string| string.count),
            mapping: mapping.map(|mapping| mapping.start).or(target.image.map(Address)),
            permissions: mapping.map(|mapping| mapping.permissions.clone()),
            mapped: mapping.map(|mapping| mapping.path.clone()).filter(|path| !path.is_empty()),
            member,
            member_offset,
            in_database: self.matched.is_in_database(),
        }
    }
}

fn pair(key: &str, value: &MetaValue) -> BString {
    let mut text = BString::from(format!("{key}="));
    match value {
        MetaValue::Text(bytes) => text.extend_from_slice(bytes),
        other => text.extend_from_slice(other.to_string().as_bytes()),
    }
    text
}

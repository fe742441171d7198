//! Findings of matches of YARA rules.

use bstr::{BString, ByteSlice as _};

use super::super::facts::ProcessFacts;
use super::super::words::{count, shown, shown_within};
use super::super::yara::{RawString, RuleInfo, Rules};
use super::super::{Confidence, Evidence, Fact, Facts, Finding, Foreign, Next, Report, Rule, Severity, Subject};
use super::yara_database::Inside;
use super::{Matched, Matches, Target};
use crate::int::u64_of;
use crate::model::ids::Pid;

/// Pieces of evidence of one match.
const EVIDENCE: usize = 8;
/// Bytes before a match that the next command shows, and after it.
const AROUND: u64 = 64;

/// Reports the matches of our rules, or of the user's.
pub(super) fn report(facts: &Facts<'_>, rule: &'static Rule, is_builtin: bool, report: &mut Report<'_>) {
    let Some(rules) = facts.brought().yara() else { return };
    let matches = Matches::of(facts.checkpoint());
    for _ in 0..matches.looked_at {
        if !report.look() {
            break;
        }
    }
    for why in &matches.not_checked {
        report.not_checked(why);
    }
    let mut in_databases: Vec<&Matched> = Vec::new();
    for matched in &matches.all {
        let Some(info) = rules.infos().get(matched.rule).filter(|info| info.is_builtin == is_builtin) else { continue };
        let Some(target) = matches.targets.get(matched.target) else { continue };
        if matched.is_in_database() {
            in_databases.push(matched);
        } else {
            report.add(finding(facts, rule, info, matched, target));
        }
    }
    for of_target in in_databases.chunk_by(|a, b| a.target == b.target) {
        if let Some(finding) = database(facts, rule, rules, &matches, of_target) {
            report.add(finding);
        }
    }
}

fn finding(facts: &Facts<'_>, rule: &'static Rule, info: &RuleInfo, matched: &Matched, target: &Target) -> Finding {
    let (severity, level) = match info.severity() {
        Some((severity, level)) => (severity, Some(level)),
        None => (Severity::Medium, None),
    };
    let foreign = Foreign {
        id: info.name.clone(),
        name: info.text("description").filter(|_| !info.is_builtin),
        author: info.text("author"),
        level,
        file: Some(info.file.clone()),
    };
    let mut identity = vec![BString::from(info.file.as_str()), BString::from(info.name.as_str())];
    identity.extend(identity_of(facts, target));
    let mut sentence = format!("{} matches YARA rule {}", title(facts, target), shown(info.name.as_bytes()));
    if let Some(first) = matched.strings.first() {
        let at = if target.kind == "process" { "at" } else { "at offset" };
        sentence =
            format!("{sentence}: {} {at} {:#x} is {}", shown(first.id.as_bytes()), first.at, text_of(&first.bytes));
        let others = matched.strings.len().saturating_sub(1);
        if others > 0 {
            sentence = format!("{sentence}, and {}", count(others, "more match").replace("matchs", "matches"));
        }
    }
    if let Some(description) = info.text("description") {
        sentence = format!("{sentence}. The rule is for: {}", shown_within(description.as_bytes(), 160));
    }
    let sentence = format!("{}.", sentence.trim_end_matches('.'));
    let mut finding = Finding::new(rule, subject(target))
        .severity(severity)
        .confidence(Confidence::Medium)
        .identity(identity)
        .sentence(sentence)
        .foreign(foreign)
        .next(next(facts, matched, target));
    if matched.inside == Inside::Crowd {
        finding = finding.tag("many_signatures").benign(
            "What many rules look for stands side by side there: a scanner and its signatures have that, and tools of attackers with many functions, too.",
        );
    }
    if target.kind != "process" {
        finding = finding.evidence(row_of(target));
        if let Some(pid) = target.pid {
            finding = finding.process(pid);
        }
    }
    for string in matched.strings.iter().take(EVIDENCE) {
        let mut evidence = evidence_of(facts, target, string);
        if evidence.bytes.is_empty() {
            evidence.bytes.clone_from(&string.bytes);
        }
        let note =
            if string.count > 1 { format!("{}, {} matches", string.id, string.count) } else { string.id.clone() };
        finding = finding.evidence(evidence.with_note(shown(note.as_bytes())));
    }
    finding
}

/// The bytes of a match of a string.
fn evidence_of(facts: &Facts<'_>, target: &Target, string: &RawString) -> Evidence {
    if let Some(pid) = target.pid.filter(|_| target.kind == "process") {
        return Evidence::memory(facts, pid, string.at, string.length);
    }
    if target.image.is_some() {
        return Evidence { length: Some(string.length), ..row_of(target) };
    }
    let offset = target.offset.map(|offset| offset.saturating_add(string.at));
    let member = target.member.clone().unwrap_or_default();
    let mut evidence = Evidence::file(facts, &member, offset.unwrap_or(string.at), &string.bytes);
    if offset.is_none() {
        (evidence.member_offset, evidence.archive_offset) = (None, None);
    }
    evidence.length = Some(string.length);
    evidence
}

/// The one finding about a database of signatures.
fn database(
    facts: &Facts<'_>,
    rule: &'static Rule,
    rules: &Rules,
    matches: &Matches,
    in_it: &[&Matched],
) -> Option<Finding> {
    let number = in_it.first()?.target;
    let target = matches.targets.get(number)?;
    let range = matches.databases.get(&number)?.clone();
    let names = in_it.iter().take(5).filter_map(|one| rules.infos().get(one.rule)).map(|info| info.name.as_str());
    let names: Vec<String> = names.map(|name| shown(name.as_bytes())).collect();
    let sentence = format!(
        "{} has what {} look for side by side ({}): a database of signatures, or the text of rules.",
        title(facts, target),
        if in_it.len() == 1 { "1 YARA rule".to_owned() } else { format!("{} YARA rules", in_it.len()) },
        names.join(", "),
    );
    let mut identity = vec![BString::from("signature_database")];
    identity.extend(identity_of(facts, target));
    let evidence = match target.pid.filter(|_| target.kind == "process") {
        Some(pid) => {
            let length = range.end.saturating_sub(range.start);
            Evidence::memory(facts, pid, range.start, length).with_note("where their strings are")
        }
        None => row_of(target),
    };
    let first = *in_it.first()?;
    Some(
        Finding::new(rule, subject(target))
            .severity(Severity::Info)
            .confidence(Confidence::High)
            .identity(identity)
            .sentence(sentence)
            .benign("A scanner, its signatures, or a copy of rules: see what program it is.")
            .tag("signature_database")
            .next(next(facts, first, target))
            .evidence(evidence),
    )
}

fn subject(target: &Target) -> Subject {
    if let Some((pid, address)) = target.pid.zip(target.image) {
        return Subject::Mapping(pid, address);
    }
    match (target.kind, target.pid, &target.path) {
        ("process", Some(pid), _) => Subject::Process(pid),
        (_, _, Some(path)) if target.row.is_none() => Subject::File(path.clone()),
        (_, Some(pid), _) => Subject::Process(pid),
        (kind, None, path) => {
            Subject::Socket(format!("{kind} {}", path.as_ref().map_or_else(String::new, |path| shown(path))))
        }
    }
}

fn title(facts: &Facts<'_>, target: &Target) -> String {
    let process = target.pid.and_then(|pid| facts.process(pid));
    let path = target.path.as_ref().map_or_else(|| "without a name".to_owned(), |path| shown(path));
    let of_process = process.map_or_else(
        || target.pid.map_or_else(|| "nobody".to_owned(), |pid| format!("process {pid}")),
        |process| {
            let title = process.title();
            title.strip_prefix('P').map_or_else(|| title.clone(), |rest| format!("p{rest}"))
        },
    );
    match target.kind {
        "process" => format!("The memory of {of_process}"),
        "file" => format!("The changed file {path}"),
        "volume" => format!("The file {path} of a volume"),
        "tmpfs" => format!("The file {path} in memory"),
        "ghost" => format!("The deleted file {path}"),
        "memfd" => format!("The memfd {path}"),
        "sysv" => format!("The System V segment {path}"),
        "elf" => format!("The ELF image at {:#x} in the memory of {of_process}", target.image.unwrap_or_default()),
        kind => format!("What waits in a {kind} of {of_process} ({path})"),
    }
}

/// What identifies a target beyond this checkpoint.
fn identity_of(facts: &Facts<'_>, target: &Target) -> Vec<BString> {
    let of_process =
        |pid: Option<Pid>| pid.and_then(|pid| facts.process(pid)).map_or_else(Vec::new, ProcessFacts::identity);
    match target.kind {
        "process" => of_process(target.pid),
        kind if target.row.is_some() || target.image.is_some() => {
            let mut parts = vec![BString::from(kind)];
            parts.extend(of_process(target.pid));
            parts
        }
        kind => vec![BString::from(kind), target.path.clone().unwrap_or_default()],
    }
}

fn next(facts: &Facts<'_>, matched: &Matched, target: &Target) -> Next {
    let path = || target.path.as_ref().map_or_else(String::new, BString::to_string);
    if let Some((table, column, key)) = target.row {
        return Next::rows_where(table, column, key.to_string());
    }
    match (target.kind, target.pid) {
        ("process", Some(pid)) => match matched.strings.first() {
            Some(string) => {
                let start = string.at.saturating_sub(AROUND) & !0xf;
                let end = string.at.saturating_add(string.length.min(4096)).saturating_add(AROUND);
                // A dump begins where there is memory.
                let mapping = facts.process(pid).and_then(|process| {
                    process.mappings().iter().find(|mapping| mapping.start.0 <= string.at && string.at < mapping.end.0)
                });
                let (from, to) = mapping.map_or((start, end), |mapping| (mapping.start.0, mapping.end.0));
                Next::Memory { pid, start: start.max(from), end: end.min(to) }
            }
            None => Next::rows_of("process_memory_map", pid),
        },
        ("elf", Some(pid)) => Next::rows_of("elf_files", pid),
        ("file", _) => Next::Extract { what: "rootfs", path: Some(path()) },
        ("volume", _) => Next::Extract { what: "volumes", path: Some(path()) },
        _ => Next::rows_where("recovered_files", "path", path()),
    }
}

/// The row of a file or a queue.
fn row_of(target: &Target) -> Evidence {
    if let Some((table, column, key)) = target.row {
        return Evidence::row(table, [(column, key.into())]);
    }
    if let Some((pid, address)) = target.pid.zip(target.image) {
        return Evidence::row("elf_files", [("pid", pid.into()), ("address", Fact::Address(address))]);
    }
    let path = target.path.clone().unwrap_or_default();
    let table = match target.kind {
        "file" => "rootfs_changes",
        "volume" => "volume_files",
        _ => "recovered_files",
    };
    Evidence::row(table, [("path", path.into())])
}

/// Bytes for a sentence: text in quotes, or hexadecimal.
fn text_of(bytes: &[u8]) -> String {
    let is_text = bytes.iter().all(|&byte| byte == b' ' || byte.is_ascii_graphic());
    if is_text && !bytes.is_empty() {
        let quote = if bytes.contains(&b'"') { '\'' } else { '"' };
        return format!("{quote}{}{quote}", shown_within(bytes, 48));
    }
    let head = bytes.get(..16.min(bytes.len())).unwrap_or_default();
    let more = if u64_of(bytes.len()) > 16 { "…" } else { "" };
    format!("{}{more}", data_encoding::HEXLOWER.encode(head).as_bytes().as_bstr())
}

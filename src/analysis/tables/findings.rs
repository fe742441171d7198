//! Table `findings`.

use bstr::BString;

use super::super::{Evidence, Fact, Finding};
use crate::model::ids::{Pid, Tid};
use crate::tables::{attack, table};

table! {
    "findings", key(id, subject), brief(severity, rule, pid, name, sentence),
    event(Event::finding());
    /// What is wrong in the container, by the rules of `docs/rules.md`: one row for each rule and thing. Findings of one
    /// story follow each other, the worst story first.
    pub struct FindingRow {
        /// Stable id, 32 hexadecimal digits. The same thing has the same id in every checkpoint of the container.
        pub id: String,
        /// Id of the rule: `MEM-001`.
        #[to(ecs("rule.id"))]
        pub rule: &'static str,
        /// Name of the rule: `anonymous_elf`.
        #[to(ecs("rule.name"))]
        pub rule_name: &'static str,
        /// Version of the rule. It is raised when the meaning changes.
        #[to(ecs("rule.version").text())]
        pub rule_version: u32,
        /// `info`, `low`, `medium`, `high` or `critical`.
        pub severity: &'static str,
        /// `low`, `medium` or `high`: how sure the reading of the facts is, not how bad they are.
        pub confidence: &'static str,
        /// 0 to 100, to sort by.
        pub score: u32,
        /// What it is, without anything from the archive.
        #[to(ecs("rule.description"))]
        pub title: &'static str,
        /// One sentence with the facts. Text from the archive is escaped.
        #[to(ecs("event.reason"))]
        pub sentence: String,
        /// The most likely innocent cause, and what would confirm it.
        pub benign: String,
        /// A command line that shows more.
        pub next: String,
        /// Number of the story that it belongs to. Findings of one story are about things that belong together.
        pub story: u32,
        /// The process it is about; joins `processes`.
        pub pid: Option<Pid>,
        /// The thread it is about.
        pub tid: Option<Tid>,
        /// Name of the process.
        pub name: Option<BString>,
        /// Path of the program or the file.
        pub path: Option<BString>,
        /// Protocol of the connection that is evidence.
        #[to(flow("transport"))]
        pub protocol: Option<BString>,
        /// The other end of that connection.
        #[to(flow("remote.ip"))]
        pub remote_address: Option<BString>,
        /// Its port.
        #[to(flow("remote.port"))]
        pub remote_port: Option<u32>,
        /// What it is about: `process`, `mapping`, `file`, `socket`, `mount`, `container` or `archive`.
        pub subject_kind: &'static str,
        /// The key of that: a pid, a pid and an address, a path, an address and a port.
        pub subject: BString,
        /// Other processes of which the same is true, such as forked workers.
        pub also_pids: Vec<u32>,
        /// Number of pieces of evidence in `evidence`.
        pub evidence_count: u64,
        /// Pieces of evidence that were left out.
        pub evidence_more: u64,
        /// Ids of ATT&CK techniques, the most specific first.
        pub attack: Vec<BString>,
        /// Names of the tactics of these techniques.
        pub tactics: Vec<BString>,
        /// Words for searches: `jit`, `fileless`, `credential`, `escape`, `miner`, `persistence`, `hygiene`.
        pub tags: Vec<BString>,
        /// Id or name of the rule or indicator that the user brought, if the finding rests on one.
        pub foreign_rule: Option<String>,
        /// Its title, if it has one.
        pub foreign_name: Option<String>,
        /// Who wrote it.
        pub foreign_author: Option<String>,
        /// Its severity in its own words.
        pub foreign_level: Option<String>,
        /// The file that it is in.
        pub foreign_file: Option<String>,
        /// Why the severity is not what the rule gives by itself.
        pub reasons: Vec<BString>,
        /// What hides it on screens: a baseline or a suppression. Null if nothing does.
        pub suppressed: Option<String>,
    }
}

/// The connection that is the first evidence of a finding: its protocol, the address of the other end, its port.
fn connection(finding: &Finding) -> (Option<BString>, Option<BString>, Option<u32>) {
    let text = |evidence: &Evidence, name: &str| match evidence.column(name) {
        Some(Fact::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let port = |evidence: &Evidence| match evidence.column("remote_port") {
        Some(Fact::Number(port)) => u32::try_from(*port).ok(),
        _ => None,
    };
    let of = |evidence: &Evidence| {
        Some((text(evidence, "protocol"), Some(text(evidence, "remote_address")?), Some(port(evidence)?)))
    };
    finding.evidence.iter().find_map(of).unwrap_or_default()
}

/// The row of a finding.
pub(super) fn row(finding: &Finding, archive: &str) -> FindingRow {
    let rule = finding.rule;
    let foreign = finding.foreign.as_ref();
    let (protocol, remote_address, remote_port) = connection(finding);
    let words = |words: &[&str]| words.iter().map(|word| super::text(word)).collect();
    FindingRow {
        id: finding.id(),
        rule: rule.id,
        rule_name: rule.slug,
        rule_version: rule.version,
        severity: finding.severity.as_str(),
        confidence: finding.confidence.as_str(),
        score: finding.score.into(),
        title: rule.title,
        sentence: finding.sentence.clone(),
        benign: finding.benign.clone(),
        next: finding.next.command(archive),
        story: finding.story,
        pid: finding.pid,
        tid: finding.tid,
        name: finding.name.clone(),
        path: finding.path.clone(),
        protocol,
        remote_address,
        remote_port,
        subject_kind: finding.subject.kind(),
        subject: finding.subject.text(),
        also_pids: finding.also_pids.iter().map(|pid| pid.0).collect(),
        evidence_count: crate::int::u64_of(finding.evidence.len()),
        evidence_more: finding.evidence_more,
        attack: words(rule.attack),
        tactics: attack::tactics(rule.attack).into_iter().map(super::text).collect(),
        tags: words(&finding.tags),
        foreign_rule: foreign.map(|rule| rule.id.clone()),
        foreign_name: foreign.and_then(|rule| rule.name.clone()),
        foreign_author: foreign.and_then(|rule| rule.author.clone()),
        foreign_level: foreign.and_then(|rule| rule.level.clone()),
        foreign_file: foreign.and_then(|rule| rule.file.clone()),
        reasons: finding.reasons.iter().map(|reason| super::text(reason)).collect(),
        suppressed: finding.suppressed.clone(),
    }
}

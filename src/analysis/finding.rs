//! A finding: one rule, one thing, and the bytes that prove it.

use std::collections::HashSet;

use bstr::BString;
use sha2::{Digest, Sha256};

use super::evidence::Evidence;
use super::next::Next;
use super::{Basis, Confidence, Rule, Severity};
use crate::model::ids::{Pid, Tid};

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Subject {
    /// A process.
    Process(Pid),
    /// A mapping: the process and the first address.
    Mapping(Pid, u64),
    /// A file: the path in the container.
    File(BString),
    /// A socket, in words: `tcp 10.0.0.1:4444`.
    Socket(String),
    /// A mount: the path in the container.
    Mount(BString),
    /// The container, and which of its properties: `capabilities`.
    Container(&'static str),
    /// The archive itself.
    Archive,
}

impl Subject {
    /// `process`, `mapping`, `file`, `socket`, `mount`, `container` or `archive`.
    pub fn kind(&self) -> &'static str {
        match self {
            Subject::Process(_) => "process",
            Subject::Mapping(..) => "mapping",
            Subject::File(_) => "file",
            Subject::Socket(_) => "socket",
            Subject::Mount(_) => "mount",
            Subject::Container(_) => "container",
            Subject::Archive => "archive",
        }
    }

    /// Its key as text.
    pub fn text(&self) -> BString {
        match self {
            Subject::Process(pid) => pid.to_string().into(),
            Subject::Mapping(pid, start) => format!("{pid} {start:#x}").into(),
            Subject::File(path) | Subject::Mount(path) => path.clone(),
            Subject::Socket(text) => text.as_str().into(),
            Subject::Container(what) => (*what).into(),
            Subject::Archive => "archive".into(),
        }
    }
}

/// Something that findings of one story have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Link {
    /// A process.
    Process(Pid),
    /// A file, by its path in the container without ` (deleted)`.
    Path(BString),
    /// A connection, by the kernel's or CRIU's number of the socket.
    Socket(u64),
}

/// A rule of another tool or list that a finding rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Foreign {
    /// Its id or name there, which identifies it: a YARA rule, the UUID of a Sigma rule, an indicator.
    pub id: String,
    /// Its title, if it has one besides the id.
    pub name: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Its severity in its own words.
    pub level: Option<String>,
    /// The file that it is in.
    pub file: Option<String>,
}

/// A finding.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How bad it is.
    pub severity: Severity,
    /// How sure the reading of the facts is.
    pub confidence: Confidence,
    /// 0 to 100, to sort by.
    pub score: u8,
    /// One sentence with the facts.
    pub sentence: String,
    /// Why the severity is not what the rule gave: raised by another family, for example. Each is a clause.
    pub reasons: Vec<String>,
    /// The most likely innocent cause in this case, in one sentence that also says what would confirm it.
    pub benign: String,
    /// The rule of another tool that it rests on.
    pub foreign: Option<Foreign>,
    /// The command that shows more.
    pub next: Next,
    /// What it is about.
    pub subject: Subject,
    /// The process.
    pub pid: Option<Pid>,
    /// The thread.
    pub tid: Option<Tid>,
    /// Name of the process (comm).
    pub name: Option<BString>,
    /// Path of the program or file.
    pub path: Option<BString>,
    /// Other processes for which the same is true.
    pub also_pids: Vec<Pid>,
    /// What proves it.
    pub evidence: Vec<Evidence>,
    /// Pieces of evidence that were left out.
    pub evidence_more: u64,
    /// Words for searches, in addition to those of the rule.
    pub tags: Vec<&'static str>,
    /// What it has in common with others.
    pub links: Vec<Link>,
    /// Number of its story. Findings of one story belong together.
    pub story: u32,
    /// The suppression or baseline that hides it, in words.
    pub suppressed: Option<String>,
    /// What it rests on, if that is not what its rule does.
    told_from: Option<Basis>,
    identity: Vec<BString>,
    /// The same as `links` and `also_pids`, to look them up: a hundred thousand workers may share a finding.
    linked: HashSet<Link>,
    also: HashSet<Pid>,
}

impl Finding {
    /// Creates a finding with the rule's severity.
    pub fn new(rule: &'static Rule, subject: Subject) -> Self {
        let (pid, path) = match &subject {
            Subject::Process(pid) | Subject::Mapping(pid, _) => (Some(*pid), None),
            Subject::File(path) | Subject::Mount(path) => (None, Some(path.clone())),
            _ => (None, None),
        };
        let mut links: Vec<Link> = pid.into_iter().map(Link::Process).collect();
        if let Subject::File(path) = &subject {
            links.push(Link::Path(path.clone()));
        }
        Finding {
            rule,
            severity: rule.severity,
            confidence: Confidence::Medium,
            score: 0,
            sentence: rule.title.to_owned(),
            reasons: Vec::new(),
            benign: rule.benign.first().copied().unwrap_or_default().to_owned(),
            foreign: None,
            next: Next::Inspect,
            subject,
            pid,
            tid: None,
            name: None,
            path,
            also_pids: Vec::new(),
            evidence: Vec::new(),
            evidence_more: 0,
            tags: rule.tags.to_vec(),
            linked: links.iter().cloned().collect(),
            also: HashSet::new(),
            links,
            story: 0,
            suppressed: None,
            told_from: None,
            identity: Vec::new(),
        }
    }

    /// Sets the severity.
    #[must_use]
    pub fn severity(self, severity: Severity) -> Self {
        Finding { severity, ..self }
    }

    /// Sets what it rests on, if that is not what its rule does.
    #[must_use]
    pub fn basis_of(self, basis: Basis) -> Self {
        Finding { told_from: Some(basis), ..self }
    }

    /// What it rests on.
    pub fn basis(&self) -> Basis {
        self.told_from.unwrap_or(self.rule.basis())
    }

    /// Sets the confidence.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        Finding { confidence, ..self }
    }

    /// Sets the sentence. Text from the archive in it must have been escaped.
    #[must_use]
    pub fn sentence(self, sentence: impl Into<String>) -> Self {
        Finding { sentence: sentence.into(), ..self }
    }

    /// Sets the innocent cause.
    #[must_use]
    pub fn benign(self, benign: impl Into<String>) -> Self {
        Finding { benign: benign.into(), ..self }
    }

    /// Sets the rule of another tool that it rests on.
    #[must_use]
    pub fn foreign(self, rule: Foreign) -> Self {
        Finding { foreign: Some(rule), ..self }
    }

    /// Sets the next command.
    #[must_use]
    pub fn next(self, next: Next) -> Self {
        Finding { next, ..self }
    }

    /// Adds what identifies the thing beyond this checkpoint: names, paths, arguments, ports, content hashes. Never a
    /// pid, an address, an inode, a descriptor or a time.
    #[must_use]
    pub fn identity<I: Into<BString>>(mut self, parts: impl IntoIterator<Item = I>) -> Self {
        self.identity.extend(parts.into_iter().map(Into::into));
        self
    }

    /// Sets the process, if it is not the subject.
    #[must_use]
    pub fn process(mut self, pid: Pid) -> Self {
        self.pid = Some(pid);
        self.link(Link::Process(pid))
    }

    /// Sets the thread.
    #[must_use]
    pub fn thread(self, tid: Tid) -> Self {
        Finding { tid: Some(tid), ..self }
    }

    /// Sets the path.
    #[must_use]
    pub fn path(self, path: impl Into<BString>) -> Self {
        Finding { path: Some(path.into()), ..self }
    }

    /// Adds a piece of evidence.
    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// Adds a word for searches.
    #[must_use]
    pub fn tag(mut self, tag: &'static str) -> Self {
        self.tags.push(tag);
        self
    }

    /// Adds something that it has in common with other findings.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.add_link(link);
        self
    }

    /// Adds a process of which the same is true.
    #[must_use]
    pub fn also(mut self, pid: Pid) -> Self {
        self.add_also(pid);
        self
    }

    fn add_link(&mut self, link: Link) {
        if self.linked.insert(link.clone()) {
            self.links.push(link);
        }
    }

    fn add_also(&mut self, pid: Pid) {
        if self.pid != Some(pid) && self.also.insert(pid) {
            self.also_pids.push(pid);
        }
    }

    /// Its stable id, 32 hexadecimal digits: the same for the same thing in any checkpoint of the container.
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.rule.id.as_bytes());
        for part in &self.identity {
            hash.update([0]);
            hash.update(part);
        }
        let digest = hash.finalize();
        data_encoding::HEXLOWER.encode(digest.get(..16).unwrap_or_default())
    }

    /// Joins another finding of the same rule about the same kind of thing: its processes and evidence.
    pub(super) fn absorb(&mut self, other: Finding) {
        other.pid.into_iter().chain(other.also_pids).for_each(|pid| self.add_also(pid));
        other.links.into_iter().for_each(|link| self.add_link(link));
        self.severity = self.severity.max(other.severity);
        self.confidence = self.confidence.max(other.confidence);
        self.evidence.extend(other.evidence);
        self.evidence_more = self.evidence_more.saturating_add(other.evidence_more);
    }
}

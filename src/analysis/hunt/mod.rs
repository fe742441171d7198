//! What an archive yields to hunt for elsewhere: addresses, domains, files, command lines, keys of those whom findings are
//! about. What belongs to the container itself, or to everybody, is left out with the reason.

mod files;
mod network;
mod text;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use bstr::BString;

use super::facts::ProcessFacts;
use super::finding::{Finding, Subject};
use super::indicators::Kind;
use super::indicators::value::Value;
use super::network::actor::{Actor, is_added};
use super::secrets::redacted;
use super::{Confidence, Facts, Family, Scan, Severity, plan};
use crate::Checkpoint;
use crate::model::ids::Pid;

/// Observables of one archive.
const MOST: usize = 10_000;
/// Characters of a value that is too long to be an indicator.
const SHOWN: usize = 200;
/// Places of one observable that are listed.
const FROM: usize = 8;

/// Something to look for elsewhere.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Observable {
    /// What it is.
    pub kind: Kind,
    /// Its value.
    pub value: String,
    /// `outbound`, `inbound` or `listening`.
    pub direction: Option<&'static str>,
    /// `tcp`, `udp`, ….
    pub protocol: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// How sure it is that it belongs to an attack.
    pub confidence: Confidence,
    /// Where it is from, each in words.
    pub from: Vec<String>,
    /// The rules whose findings lead to it, with the ids of the findings.
    pub findings: BTreeSet<(&'static str, String)>,
    /// Why it is left out.
    pub left_out: Option<String>,
}

/// What an archive yields.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Yield {
    /// All observables, the surest first.
    pub all: Vec<Observable>,
    /// Whether there are more than are listed.
    pub more: bool,
}

impl Yield {
    /// What a checkpoint yields by the findings of its scan.
    pub fn of(checkpoint: &Checkpoint, scan: &Scan) -> Self {
        let facts = plan::facts(checkpoint);
        let mut hunt = Hunt::new(&facts, scan);
        network::add(&mut hunt);
        files::add(&mut hunt);
        text::add(&mut hunt);
        hunt.finish()
    }

    /// Those that are not left out.
    pub fn shown(&self) -> impl Iterator<Item = &Observable> {
        self.all.iter().filter(|one| one.left_out.is_none())
    }
}

/// A hunt for observables.
struct Hunt<'f, 'c> {
    facts: &'f Facts<'c>,
    /// Findings that say that something happened, of medium and above.
    findings: Vec<&'f Finding>,
    /// The processes of an attacker, with the rules and findings that say so.
    actors: BTreeMap<Pid, BTreeSet<(&'static str, String)>>,
    worst: HashMap<Pid, Severity>,
    general: super::indicators::General,
    all: Vec<Observable>,
    by_value: HashMap<(Kind, String, Option<u16>), usize>,
    more: bool,
}

impl<'f, 'c> Hunt<'f, 'c> {
    fn new(facts: &'f Facts<'c>, scan: &'f Scan) -> Self {
        let tells = |finding: &&Finding| {
            finding.severity >= Severity::Medium
                && !finding.rule.posture
                && !matches!(finding.rule.family, Family::Evidence | Family::Secrets | Family::Indicators)
        };
        let findings: Vec<&Finding> = scan.shown().filter(tells).collect();
        let mut about: BTreeMap<Pid, BTreeSet<(&'static str, String)>> = BTreeMap::new();
        let mut worst: HashMap<Pid, Severity> = HashMap::new();
        for finding in &findings {
            let id = finding.id();
            for pid in finding.pid.into_iter().chain(finding.also_pids.iter().copied()) {
                about.entry(pid).or_default().insert((finding.rule.id, id.clone()));
                let here = worst.entry(pid).or_insert(finding.severity);
                *here = (*here).max(finding.severity);
            }
        }
        // A service that was attacked is not the attacker: what it connects to is its business.
        about.retain(|pid, _| facts.process(*pid).is_some_and(|process| is_foreign(facts, process)));
        let general = super::indicators::General::shipped();
        Hunt { facts, findings, actors: about, worst, general, all: Vec::new(), by_value: HashMap::new(), more: false }
    }

    /// How sure it is that what a process has belongs to an attack.
    fn confidence(&self, pid: Pid) -> Confidence {
        match self.worst.get(&pid) {
            Some(severity) if *severity >= Severity::High => Confidence::Medium,
            _ => Confidence::Low,
        }
    }

    /// Adds an observable, or another place of one.
    fn add(&mut self, new: Observable) {
        let mut new = match Value::new(new.kind, &new.value) {
            Ok(value) => Observable { kind: value.kind, value: value.text, ..new },
            Err(_) if new.value.trim().is_empty() => return,
            // What cannot be an indicator is told as far as it can be shown.
            Err(why) => {
                let value = new.value.chars().take(SHOWN).collect();
                Observable { value, left_out: Some(why.to_owned()), ..new }
            }
        };
        // What is given to others has no secrets, and without them it is found nowhere.
        if matches!(new.kind, Kind::Command | Kind::Url | Kind::Text)
            && let Cow::Owned(masked) = redacted(new.value.as_bytes())
        {
            new.value = String::from_utf8_lossy(&masked).into_owned();
            new.left_out = Some("it has a secret".to_owned());
        }
        let key = (new.kind, new.value.clone(), new.port);
        let left_out = self.general_reason(&key).or(new.left_out);
        if let Some(old) = self.by_value.get(&key).and_then(|&place| self.all.get_mut(place)) {
            old.confidence = old.confidence.max(new.confidence);
            old.direction = old.direction.or(new.direction);
            old.protocol = old.protocol.take().or(new.protocol);
            for from in new.from {
                if old.from.len() < FROM && !old.from.contains(&from) {
                    old.from.push(from);
                }
            }
            old.findings.extend(new.findings);
            // One place that speaks for it is enough.
            if left_out.is_none() {
                old.left_out = None;
            }
            return;
        }
        if self.all.len() >= MOST {
            self.more = true;
            return;
        }
        self.by_value.insert(key, self.all.len());
        self.all.push(Observable { left_out, ..new });
    }

    /// Why a value is too general to hunt for.
    fn general_reason(&self, (kind, value, _): &(Kind, String, Option<u16>)) -> Option<String> {
        let name = self.general.name_of(*kind, value)?;
        Some(format!("it is on the list of {name}"))
    }

    fn finish(mut self) -> Yield {
        // A port or an address that is there with its port says less by itself.
        let order = |kind: Kind| Kind::ALL.iter().position(|other| *other == kind);
        self.all.sort_by(|a, b| {
            (a.left_out.is_some(), b.confidence, order(a.kind), &a.value, a.port).cmp(&(
                b.left_out.is_some(),
                a.confidence,
                order(b.kind),
                &b.value,
                b.port,
            ))
        });
        Yield { all: self.all, more: self.more }
    }
}

/// Whether a process is none that the container is for.
fn is_foreign(facts: &Facts<'_>, process: &ProcessFacts<'_>) -> bool {
    let deleted = process.program.deleted && !process.program.memfd;
    deleted || Actor::of(facts, process) != Actor::Ordinary || is_added(facts, process)
}

/// Bytes as text, and why they are left out if they are none: formats of indicators are text.
fn as_text(bytes: &[u8]) -> (Cow<'_, str>, Option<String>) {
    let text = String::from_utf8_lossy(bytes);
    let left_out = matches!(text, Cow::Owned(_)).then(|| "it is not UTF-8".to_owned());
    (text, left_out)
}

/// An observable of a finding or a process.
fn observable(kind: Kind, value: impl Into<String>, confidence: Confidence, from: String) -> Observable {
    Observable {
        kind,
        value: value.into(),
        direction: None,
        protocol: None,
        port: None,
        confidence,
        from: vec![from],
        findings: BTreeSet::new(),
        left_out: None,
    }
}

/// The files that findings are about.
fn paths_of(finding: &Finding) -> Vec<BString> {
    let subject = match &finding.subject {
        Subject::File(path) => Some(path.clone()),
        _ => None,
    };
    let links = finding.links.iter().filter_map(|link| match link {
        super::Link::Path(path) => Some(path.clone()),
        _ => None,
    });
    subject.into_iter().chain(links).chain(finding.path.clone()).collect()
}

fn of_finding(finding: &Finding) -> BTreeSet<(&'static str, String)> {
    BTreeSet::from([(finding.rule.id, finding.id())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_shown_and_left_out() {
        assert_eq!(as_text(b"/tmp/x"), (Cow::Borrowed("/tmp/x"), None));
        let (text, left_out) = as_text(b"/tmp/\xff");
        assert_eq!((text.as_ref(), left_out.as_deref()), ("/tmp/\u{fffd}", Some("it is not UTF-8")));
    }
}

//! What YARA rules find in a checkpoint, target by target.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::yara::{RawString, Regions as _, Rules, Scanned};
use super::yara_database::{self, Databases, Inside, Judged};
use super::yara_targets::{Bytes, Target};
use crate::Checkpoint;
use crate::int::usize_of;
use crate::limits::Limits;
use crate::warning::Place;

/// What is told of targets for which no time is left.
pub(super) const OUT_OF_TIME: &str = "the limit on the time of all YARA scans of a checkpoint was reached";

/// A rule that matches a target.
#[derive(Debug)]
pub(in crate::analysis) struct Matched {
    /// Number of the rule.
    pub(in crate::analysis) rule: usize,
    /// Number of the target.
    pub(in crate::analysis) target: usize,
    /// The strings that were found, a few of each.
    pub(in crate::analysis) strings: Vec<RawString>,
    /// Where all of them stand.
    pub(in crate::analysis) inside: Inside,
}

impl Matched {
    /// Whether all of its strings are in a database of signatures.
    pub(in crate::analysis) fn is_in_database(&self) -> bool {
        self.inside == Inside::Database
    }
}

/// What rules found in a checkpoint.
#[derive(Debug, Default)]
pub(in crate::analysis) struct Matches {
    /// What was scanned and something matched, and the rest, in order.
    pub(in crate::analysis) targets: Vec<Target>,
    /// Matches by target, then in the order of the rules.
    pub(in crate::analysis) all: Vec<Matched>,
    /// The places of databases of signatures, by target.
    pub(in crate::analysis) databases: BTreeMap<usize, Range<u64>>,
    /// Why something was not scanned, or not wholly.
    pub(in crate::analysis) not_checked: Vec<String>,
    /// Number of targets that could not be read.
    pub(super) not_read: u64,
    /// Number of targets that were scanned.
    pub(in crate::analysis) looked_at: u64,
}

/// What one scan came to.
#[derive(Default)]
pub(super) struct Done {
    pub(super) matched: Vec<Matched>,
    database: Option<Range<u64>>,
    not_checked: Option<String>,
    is_read: bool,
}

/// What is kept while targets are scanned, in any order. Of too many matches, those of the first targets stay, so the
/// result is always the same.
#[derive(Debug)]
pub(super) struct Kept {
    /// Most matches.
    most: usize,
    matched: BTreeMap<usize, Vec<Matched>>,
    /// Number of all in there.
    count: usize,
    /// Whether some were left out.
    more: bool,
    databases: BTreeMap<usize, Range<u64>>,
    not_checked: BTreeMap<usize, String>,
    not_read: u64,
}

impl Kept {
    pub(super) fn new(checkpoint: &Checkpoint) -> Self {
        Kept::up_to(usize_of(checkpoint.limits().yara_matches))
    }

    pub(super) fn up_to(most: usize) -> Self {
        Kept {
            most,
            matched: BTreeMap::new(),
            count: 0,
            more: false,
            databases: BTreeMap::new(),
            not_checked: BTreeMap::new(),
            not_read: 0,
        }
    }

    /// Adds what the scan of a target came to.
    pub(super) fn add(&mut self, number: usize, done: Done) {
        self.not_read = self.not_read.saturating_add((!done.is_read).into());
        self.not_checked.extend(done.not_checked.map(|why| (number, why)));
        self.databases.extend(done.database.map(|range| (number, range)));
        if done.matched.is_empty() {
            return;
        }
        self.count = self.count.saturating_add(done.matched.len());
        self.matched.insert(number, done.matched);
        while let Some(last) = self.matched.last_entry().filter(|_| self.count > self.most) {
            let over = self.count.saturating_sub(self.most);
            let list = last.into_mut();
            let stays = list.len().saturating_sub(over);
            self.count = self.count.saturating_sub(list.len().saturating_sub(stays));
            list.truncate(stays);
            self.more = true;
            if stays == 0 {
                self.matched.pop_last();
            }
        }
    }

    /// All matches so far.
    pub(super) fn matched(&self) -> impl Iterator<Item = &Matched> {
        self.matched.values().flatten()
    }

    /// What was found, without the targets.
    pub(super) fn finish(self, checkpoint: &Checkpoint) -> Matches {
        let mut not_checked: Vec<String> = self.not_checked.into_values().collect();
        if self.more {
            let limit = checkpoint.limits().yara_matches;
            checkpoint.warn(&Limits::YARA_MATCHES, Place::archive(), || {
                format!("there are more than {limit} matches of YARA rules; the rest were left out")
            });
            not_checked.push(format!("there are more than {limit} matches"));
        }
        Matches {
            all: self.matched.into_values().flatten().collect(),
            databases: self.databases,
            not_checked,
            not_read: self.not_read,
            ..Matches::default()
        }
    }
}

impl Done {
    /// Matches of a target that was read.
    #[cfg(test)]
    pub(super) fn of(matched: Vec<Matched>) -> Self {
        Done { matched, is_read: true, ..Done::default() }
    }

    /// A target for which no time is left.
    pub(super) fn out_of_time() -> Self {
        Done { not_checked: Some(OUT_OF_TIME.to_owned()), ..Done::default() }
    }

    /// Whether there is nothing to tell of a target but that it was scanned.
    pub(super) fn is_quiet(&self) -> bool {
        self.matched.is_empty() && self.not_checked.is_none() && self.is_read
    }
}

/// Runs the rules over the bytes of a target, which has a number.
pub(super) fn scan(bytes: &Bytes<'_>, number: usize, target: &Target, rules: &Rules) -> Done {
    let what = match bytes {
        Bytes::Whole(bytes) => Scanned::Whole(bytes),
        Bytes::Memory(space) => Scanned::Memory(space),
        Bytes::Missing(why) => return Done { not_checked: Some(why.clone()), ..Done::default() },
    };
    let outcome = rules.scan(what, &target.variables());
    let not_checked = outcome.stopped.map(|why| match target.kind {
        "process" => format!("the memory of a process was not scanned to the end: {why}"),
        "elf" => format!("an ELF image in memory was not scanned to the end: {why}"),
        _ => format!("a file or queue was not scanned to the end: {why}"),
    });
    let ending = target.path.as_ref().and_then(|path| path.rsplit(|&byte| byte == b'.').next());
    let is_named = ending.is_some_and(|ending| [&b"yar"[..], b"yara", b"rule", b"rules"].contains(&ending));
    let may_be_rules = target.kind == "process" || is_named;
    let is_program = |at: u64| match bytes {
        Bytes::Whole(bytes) => bytes.starts_with(b"\x7fELF") || bytes.starts_with(b"#!"),
        Bytes::Memory(space) => space.is_of_program(at),
        Bytes::Missing(_) => false,
    };
    let judged = Judged { may_be_rules, is_program: &is_program, bytes: &|range| part(bytes, range) };
    let Databases { inside, range } = yara_database::judge(&outcome.matches, rules.infos(), &judged);
    let matched = outcome.matches.into_iter().zip(inside).map(|(one, inside)| Matched {
        rule: one.rule,
        target: number,
        strings: one.strings,
        inside,
    });
    let matched: Vec<Matched> = matched.collect();
    let database = range.filter(|_| matched.iter().any(Matched::is_in_database));
    Done { matched, database, not_checked, is_read: true }
}

/// Bytes of a range of a target, as far as they are there.
fn part(bytes: &Bytes<'_>, range: Range<u64>) -> Vec<u8> {
    match bytes {
        Bytes::Missing(_) => Vec::new(),
        Bytes::Whole(bytes) => {
            let end = usize_of(range.end).min(bytes.len());
            bytes.get(usize_of(range.start)..end).unwrap_or_default().to_vec()
        }
        Bytes::Memory(space) => {
            let mut all = Vec::new();
            let ranges = space.ranges();
            let first = ranges.partition_point(|region| region.end <= range.start);
            let touched = ranges.iter().enumerate().skip(first).take_while(|(_, region)| region.start < range.end);
            for (_, region) in touched {
                all.extend(space.read(range.start.max(region.start)..range.end.min(region.end)));
            }
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(number: usize, rules: usize) -> Done {
        let one = |rule| Matched { rule, target: number, strings: Vec::new(), inside: Inside::Nothing };
        Done::of((0..rules).map(one).collect())
    }

    #[test]
    fn of_too_many_matches_those_of_the_first_targets_stay() {
        let kept = |order: &[(usize, usize)]| -> (Vec<(usize, usize)>, bool) {
            let mut kept = Kept::up_to(5);
            for &(number, rules) in order {
                kept.add(number, done(number, rules));
            }
            (kept.matched().map(|one| (one.target, one.rule)).collect(), kept.more)
        };
        let first = (vec![(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)], true);
        assert_eq!(kept(&[(0, 2), (1, 4), (2, 9)]), first);
        assert_eq!(kept(&[(2, 9), (1, 4), (0, 2)]), first);
        assert_eq!(kept(&[(1, 4), (2, 9), (0, 2)]), first);
        assert!(!kept(&[(7, 1), (3, 4)]).1);
    }
}

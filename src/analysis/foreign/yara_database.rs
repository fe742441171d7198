//! Databases of signatures, such as those of scanners: they contain what rules look for, and are nothing by themselves.
//! They are known by what no program has: the text of rules or what YARA makes of it, or many variants of one thing that
//! our rules look for. Different strings of many rules side by side are a hint only: an attacker's tool may match as many.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use bstr::ByteSlice;

use super::super::yara::{RawMatch, RawString, RuleInfo};

/// Bytes within which strings of different rules make a crowd.
const NEAR: u64 = 64 << 10;
/// Number of rules that are enough by themselves.
const MANY: usize = 24;
/// Number of rules that are enough if they are of [`KINDS`] kinds: files of rules, or categories of ours.
const SOME: usize = 8;
const KINDS: usize = 4;
/// Number of different texts that one string of our rules finds, side by side, that are a list.
const VARIANTS: usize = 8;
/// Number of names of strings that compiled rules have, at least.
const NAMES: usize = 4;
/// Bytes before a match in which the name of its string is looked for.
const BEFORE: u64 = 256;
/// Bytes of a match that make it one with those that overlap it.
const OVERLAP: u64 = 256;

/// Where a match stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::analysis) enum Inside {
    /// By itself, or next to few.
    Nothing,
    /// Next to what many other rules look for.
    Crowd,
    /// In a database of signatures.
    Database,
}

/// What is found of databases among the matches of one target.
#[derive(Debug, Default)]
pub(super) struct Databases {
    /// For each match, where all of its strings stand.
    pub(super) inside: Vec<Inside>,
    /// The first and the last address of the strings that are in databases.
    pub(super) range: Option<Range<u64>>,
}

/// What a target may be.
pub(super) struct Judged<'t> {
    /// Whether text of rules may be nothing but that: a file of another name may be a program, too, such as a page in PHP.
    pub(super) may_be_rules: bool,
    /// Whether an address is in a program. Programs are run, whatever else they contain.
    pub(super) is_program: &'t dyn Fn(u64) -> bool,
    /// Gives the bytes of a range, as far as they are there.
    pub(super) bytes: &'t dyn Fn(Range<u64>) -> Vec<u8>,
}

/// A place at which a rule matches.
struct Point {
    at: u64,
    /// Number of the match.
    number: usize,
    /// Number of the text there. Rules that look for the same bytes have one.
    signature: usize,
    inside: Inside,
}

/// Judges the matches of one target.
pub(super) fn judge(matches: &[RawMatch], infos: &[RuleInfo], target: &Judged<'_>) -> Databases {
    let mut points = points(matches);
    let mut texts = Texts { bytes: target.bytes, may_be_rules: target.may_be_rules, known: HashMap::new() };
    let variants = variants(matches, infos);
    let mut window = Window::default();
    let (mut from, mut crowded, mut in_database) = (0_usize, 0_usize, 0_usize);
    for to in 0..points.len() {
        let Some(&Point { at, number, signature, .. }) = points.get(to) else { break };
        window.add(number, signature, infos, matches);
        while let Some(gone) = points.get(from).filter(|first| at.saturating_sub(first.at) > NEAR) {
            window.remove(gone.number, gone.signature, infos, matches);
            from = from.saturating_add(1);
        }
        let is_crowded = window.is_crowded();
        let own = infos.get(matches.get(number).map_or(usize::MAX, |one| one.rule));
        let is_program = (target.is_program)(at);
        let mut mark = |begin: usize, inside: Inside| {
            points.get_mut(begin..=to).unwrap_or_default().iter_mut().for_each(|point| {
                let is_worse = inside == Inside::Database && (target.is_program)(point.at);
                if !is_worse && point.inside != Inside::Database {
                    point.inside = inside;
                }
            });
        };
        if is_crowded {
            mark(crowded.max(from), Inside::Crowd);
            crowded = to.saturating_add(1);
        }
        if is_program {
            continue;
        }
        match texts.rules_at(at, own) {
            Some(Rules::Own) => mark(to, Inside::Database),
            Some(Rules::Others) if is_crowded => {
                mark(in_database.max(from), Inside::Database);
                in_database = to.saturating_add(1);
            }
            _ if variants.contains(&(at, number)) => mark(to, Inside::Database),
            _ => {}
        }
    }
    let mut inside = vec![Inside::Database; matches.len()];
    let mut range: Option<Range<u64>> = None;
    for point in &points {
        if let Some(all) = inside.get_mut(point.number) {
            *all = match (*all, point.inside) {
                (Inside::Nothing, _) | (_, Inside::Nothing) => Inside::Nothing,
                (Inside::Database, Inside::Database) => Inside::Database,
                _ => Inside::Crowd,
            };
        }
        if point.inside == Inside::Database {
            let end = point.at.saturating_add(1);
            range = Some(range.map_or(point.at..end, |range| range.start..end));
        }
    }
    for (all, _) in inside.iter_mut().zip(matches).filter(|(_, one)| one.strings.is_empty()) {
        *all = Inside::Nothing;
    }
    Databases { inside, range }
}

/// The places of all matches, in order. Matches that overlap, and those of the same text elsewhere, are one signature.
fn points(matches: &[RawMatch]) -> Vec<Point> {
    let mut places: Vec<(u64, usize, &RawString)> = matches
        .iter()
        .enumerate()
        .flat_map(|(number, one)| one.strings.iter().map(move |string| (string.at, number, string)))
        .collect();
    places.sort_unstable_by_key(|&(at, number, _)| (at, number));
    let mut by_text: HashMap<&[u8], usize> = HashMap::new();
    let (mut end, mut signature, mut count) = (0_u64, 0_usize, 0_usize);
    let mut points: Vec<Point> = Vec::with_capacity(places.len());
    for (at, number, string) in places {
        if at >= end {
            // Without its bytes, each place is a text of its own.
            let known = by_text.get(string.bytes.as_slice()).copied().filter(|_| !string.bytes.is_empty());
            signature = known.unwrap_or(count);
            if known.is_none() {
                by_text.insert(&string.bytes, count);
                count = count.saturating_add(1);
            }
        }
        end = end.max(at.saturating_add(string.length.clamp(1, OVERLAP)));
        if points.last().is_none_or(|last| (last.at, last.number) != (at, number)) {
            points.push(Point { at, number, signature, inside: Inside::Nothing });
        }
    }
    points
}

/// Places of strings of our rules that find many different texts side by side, with the numbers of the matches.
fn variants(matches: &[RawMatch], infos: &[RuleInfo]) -> HashSet<(u64, usize)> {
    let mut found = HashSet::new();
    for (number, one) in matches.iter().enumerate() {
        if !infos.get(one.rule).is_some_and(|info| info.is_builtin) {
            continue;
        }
        for of_string in one.strings.chunk_by(|a, b| a.id == b.id) {
            for (place, first) in of_string.iter().enumerate() {
                let near = of_string.iter().skip(place).take_while(|other| other.at.saturating_sub(first.at) <= NEAR);
                let near: Vec<_> = near.collect();
                let texts: HashSet<&[u8]> = near.iter().map(|string| string.bytes.as_slice()).collect();
                if texts.len() >= VARIANTS {
                    found.extend(near.iter().map(|string| (string.at, number)));
                }
            }
        }
    }
    found
}

/// The matches whose strings are near each other.
#[derive(Default)]
struct Window {
    rules: HashMap<usize, usize>,
    /// Different texts that they look for.
    signatures: HashMap<usize, usize>,
    kinds: HashMap<String, usize>,
    /// Kinds of our own rules, of which four are enough.
    own_kinds: usize,
}

impl Window {
    fn kind(number: usize, infos: &[RuleInfo], matches: &[RawMatch]) -> Option<(String, bool)> {
        let info = infos.get(matches.get(number)?.rule)?;
        let category = info.text("category").filter(|_| info.is_builtin);
        Some((category.unwrap_or_else(|| info.namespace.clone()), info.is_builtin))
    }

    fn add(&mut self, number: usize, signature: usize, infos: &[RuleInfo], matches: &[RawMatch]) {
        let texts = self.signatures.entry(signature).or_default();
        *texts = texts.saturating_add(1);
        let count = self.rules.entry(number).or_default();
        *count = count.saturating_add(1);
        if *count == 1
            && let Some((kind, is_own)) = Self::kind(number, infos, matches)
        {
            let rules = self.kinds.entry(kind).or_default();
            *rules = rules.saturating_add(1);
            if *rules == 1 && is_own {
                self.own_kinds = self.own_kinds.saturating_add(1);
            }
        }
    }

    fn remove(&mut self, number: usize, signature: usize, infos: &[RuleInfo], matches: &[RawMatch]) {
        if let Some(texts) = self.signatures.get_mut(&signature) {
            *texts = texts.saturating_sub(1);
            if *texts == 0 {
                self.signatures.remove(&signature);
            }
        }
        let Some(count) = self.rules.get_mut(&number) else { return };
        *count = count.saturating_sub(1);
        if *count > 0 {
            return;
        }
        self.rules.remove(&number);
        let Some((kind, is_own)) = Self::kind(number, infos, matches) else { return };
        let Some(rules) = self.kinds.get_mut(&kind) else { return };
        *rules = rules.saturating_sub(1);
        if *rules == 0 {
            self.kinds.remove(&kind);
            if is_own {
                self.own_kinds = self.own_kinds.saturating_sub(1);
            }
        }
    }

    /// Whether so many different things stand together. Rules that look for the same text count as one.
    fn is_crowded(&self) -> bool {
        let texts = self.signatures.len();
        self.rules.len().min(texts) >= MANY
            || self.rules.len().min(texts) >= SOME && self.kinds.len() >= KINDS
            || self.own_kinds.min(texts) >= KINDS
    }
}

/// Rules whose text is somewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// The string there is one of a rule, or the rule that matches is there itself.
    Own,
    /// Others.
    Others,
}

/// Text of rules in memory, block by block.
struct Texts<'b> {
    bytes: &'b dyn Fn(Range<u64>) -> Vec<u8>,
    may_be_rules: bool,
    /// For each block of [`NEAR`] bytes: its bytes, if they are text of rules, or what YARA makes of it.
    known: HashMap<u64, Option<(Vec<u8>, Form)>>,
}

/// A form of rules.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Compiled,
}

/// The form of rules that are in some bytes.
fn form_of(bytes: &[u8]) -> Option<Form> {
    if bytes.contains_str("condition:") && bytes.contains_str("strings:") {
        return Some(Form::Text);
    }
    let is_name = |place: usize| {
        let rest = bytes.get(place.saturating_add(2)..)?;
        let len = rest.iter().position(|byte| !is_of_name(*byte))?;
        (rest.get(len) == Some(&0)).then_some(())
    };
    let names = bytes.find_iter("\0$").filter(|&place| is_name(place).is_some());
    (names.take(NAMES).count() == NAMES).then_some(Form::Compiled)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether bytes end with a string of a rule that has begun: in text, `$a = "…`; compiled, the name between two NULs.
fn is_defined(before: &[u8], form: Form) -> bool {
    let begins_with_name = |text: &[u8]| {
        text.strip_prefix(b"$").map(|rest| rest.trim_start_with(|c| c.is_ascii_alphanumeric() || c == '_').len())
    };
    match form {
        Form::Text => {
            let line = before.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
            line.split_once_str("=").is_some_and(|(name, value)| {
                let name = name.trim();
                let name = name.rfind_byte(b'$').and_then(|at| name.get(at..)).unwrap_or_default();
                begins_with_name(name) == Some(0)
                    && matches!(value.trim_start().first(), Some(b'"' | b'{' | b'/') | None)
            })
        }
        Form::Compiled => {
            let mut parts = before.rsplit(|&byte| byte == 0).skip(1);
            parts.next().is_some_and(|name| begins_with_name(name) == Some(0))
        }
    }
}

impl Texts<'_> {
    /// The rules in whose text an address is. `own` is the one that matches there.
    fn rules_at(&mut self, at: u64, own: Option<&RuleInfo>) -> Option<Rules> {
        let block = at.checked_div(NEAR).unwrap_or(0);
        let bytes = self.bytes;
        let read = || {
            // Rules may begin before the block, and end behind it.
            let start = block.saturating_mul(NEAR).saturating_sub(NEAR / 8);
            let text = bytes(start..start.saturating_add(NEAR.saturating_add(NEAR / 4)));
            form_of(&text).map(|form| (text, form))
        };
        let (text, form) = self.known.entry(block).or_insert_with(read).as_ref()?;
        let is_own = self.may_be_rules && is_defined(&bytes(at.saturating_sub(BEFORE)..at), *form)
            || *form == Form::Text && own.is_some_and(|info| text.contains_str(format!("rule {}", info.name)));
        Some(if is_own { Rules::Own } else { Rules::Others })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::yara::{MetaValue, RawString};
    use super::*;

    fn rules(count: usize, kinds: usize, is_builtin: bool) -> Vec<RuleInfo> {
        (0..count)
            .map(|number| RuleInfo {
                name: format!("rule_{number}"),
                namespace: format!("file_{}", number % kinds),
                meta: vec![("category".to_owned(), MetaValue::Text(format!("kind_{}", number % kinds).into_bytes()))],
                is_builtin,
                ..RuleInfo::default()
            })
            .collect()
    }

    fn matched(rule: usize, at: &[u64]) -> RawMatch {
        let string = |&at: &u64| RawString { id: "$a".to_owned(), at, length: 4, bytes: Vec::new(), count: 1 };
        RawMatch { rule, strings: at.iter().map(string).collect() }
    }

    fn nothing(_: Range<u64>) -> Vec<u8> {
        Vec::new()
    }

    /// What becomes of matches in memory that is no program.
    fn judged(matches: &[RawMatch], infos: &[RuleInfo], bytes: &dyn Fn(Range<u64>) -> Vec<u8>) -> Databases {
        judge(matches, infos, &Judged { may_be_rules: true, is_program: &|_| false, bytes })
    }

    fn all(databases: &Databases, inside: Inside) -> bool {
        databases.inside.iter().all(|one| *one == inside)
    }

    /// Memory that has rules of others everywhere.
    fn with_rules(_: Range<u64>) -> Vec<u8> {
        b"rule other { strings: $x = /a/ condition: $x }\n".to_vec()
    }

    #[test]
    fn strings_of_many_rules_side_by_side_are_a_crowd_and_with_text_of_rules_a_database() {
        let infos = rules(9, 4, false);
        let mut matches: Vec<RawMatch> = (0..9).map(|rule| matched(rule, &[0x1000 + 500 * rule as u64])).collect();
        let crowd = judged(&matches, &infos, &nothing);
        assert!(all(&crowd, Inside::Crowd) && crowd.range.is_none());
        let database = judged(&matches, &infos, &with_rules);
        assert!(all(&database, Inside::Database));
        assert_eq!(database.range, Some(0x1000..0x1000 + 4001));
        // A rule that also matches elsewhere stays.
        matches[3] = matched(3, &[0x1000 + 1500, 0x90_0000]);
        let database = judged(&matches, &infos, &with_rules);
        assert_eq!(database.inside.iter().filter(|&&inside| inside != Inside::Database).count(), 1);
        assert_eq!(database.inside[3], Inside::Nothing);
    }

    #[test]
    fn a_program_is_no_database_whatever_it_contains() {
        let infos = rules(9, 4, false);
        let matches: Vec<RawMatch> = (0..9).map(|rule| matched(rule, &[0x1000 + 500 * rule as u64])).collect();
        let of = |is_program: &dyn Fn(u64) -> bool| {
            judge(&matches, &infos, &Judged { may_be_rules: true, is_program, bytes: &with_rules }).inside
        };
        assert!(of(&|_| true).iter().all(|inside| *inside == Inside::Crowd));
        let half = of(&|at| at < 0x1000 + 2000);
        assert_eq!(half.iter().filter(|inside| **inside == Inside::Database).count(), 5, "{half:?}");
    }

    #[test]
    fn rules_that_look_for_the_same_text_are_one_signature() {
        let infos = rules(30, 10, false);
        let string = |at: u64, text: &[u8]| RawString {
            id: "$a".to_owned(),
            at,
            length: text.len() as u64,
            bytes: text.to_vec(),
            count: 1,
        };
        let matches: Vec<RawMatch> = (0..30)
            .map(|rule| {
                // Two texts, one of which some rules know with more around it, and which is there again and again.
                let strings = match rule % 3 {
                    0 => vec![string(0x1000, b"donate-level"), string(0x3000, b"donate-level")],
                    1 => vec![string(0x1002, b"nate-level=1"), string(0x5000, b"donate-level")],
                    _ => vec![string(0x2000, b"stratum+tcp")],
                };
                RawMatch { rule, strings }
            })
            .collect();
        assert!(all(&judged(&matches, &infos, &with_rules), Inside::Nothing));
    }

    #[test]
    fn several_rules_about_one_thing_are_none() {
        // One family of malware, and rules of three files about it.
        let infos = rules(20, 3, false);
        let matches: Vec<RawMatch> = (0..20).map(|rule| matched(rule, &[0x1000 + 64 * rule as u64])).collect();
        assert!(all(&judged(&matches, &infos, &nothing), Inside::Nothing));
        // Different rules far from each other.
        let infos = rules(40, 10, false);
        let matches: Vec<RawMatch> = (0..40).map(|rule| matched(rule, &[0x10_0000 * rule as u64])).collect();
        assert!(all(&judged(&matches, &infos, &nothing), Inside::Nothing));
    }

    #[test]
    fn our_own_rules_of_four_kinds_are_a_crowd() {
        let infos = rules(4, 4, true);
        let matches: Vec<RawMatch> = (0..4).map(|rule| matched(rule, &[0x1000 + 3000 * rule as u64])).collect();
        assert!(all(&judged(&matches, &infos, &nothing), Inside::Crowd));
    }

    #[test]
    fn rules_of_others_are_known_by_the_names_of_their_strings() {
        let infos = rules(1, 1, true);
        let inside = |memory: &'static [u8], at: u64, may_be_rules: bool| {
            let bytes = |range: Range<u64>| {
                let end = usize::try_from(range.end).unwrap().min(memory.len());
                memory.get(usize::try_from(range.start).unwrap()..end).unwrap_or_default().to_vec()
            };
            let target = Judged { may_be_rules, is_program: &|_| false, bytes: &bytes };
            judge(&[matched(0, &[at])], &infos, &target).inside[0] == Inside::Database
        };
        // In the second case, the match is in the condition or elsewhere.
        let text = b"rule other {\n strings: $x = \"<?php eval\"\n $y = /a/\n condition: any of them }\n<?php eval";
        assert!(inside(text, 29, true) && !inside(text, 77, true));
        assert!(!inside(text, 29, false), "a page may look like rules, and be run");
        let compiled = b"default\0web\0$a\0<?php eval($_POST\0$b\0x\0$c\0y\0$dd_1\0z\0<?php eval";
        assert!(inside(compiled, 15, true) && inside(compiled, 21, true) && !inside(compiled, 56, true));
        assert!(!inside(b"\0$a\0<?php eval($_POST\0$b\0", 4, true), "too few names");
    }

    #[test]
    fn many_variants_of_one_thing_are_a_list() {
        let infos = rules(1, 1, true);
        let of = |texts: usize, is_builtin: bool| {
            let string = |number: usize| RawString {
                id: "$a".to_owned(),
                at: 0x1000 + 100 * number as u64,
                length: 4,
                bytes: format!("sh {}", number % texts).into_bytes(),
                count: 16,
            };
            let one = RawMatch { rule: 0, strings: (0..16).map(string).collect() };
            let infos: Vec<RuleInfo> = infos.iter().map(|info| RuleInfo { is_builtin, ..info.clone() }).collect();
            judged(&[one], &infos, &nothing).inside[0] == Inside::Database
        };
        assert!(of(16, true) && of(8, true));
        assert!(!of(1, true), "the same text many times");
        assert!(!of(16, false), "rules of the user's may look for anything");
    }

    #[test]
    fn a_rule_does_not_match_its_own_text() {
        let infos = rules(2, 1, false);
        let text = |range: Range<u64>| {
            let text = b"rule rule_0 { strings: $a = \"evil\" condition: $a }";
            let place = |at: u64| usize::try_from(at.saturating_sub(0x20_0000)).unwrap().min(text.len());
            text[place(range.start)..place(range.end)].to_vec()
        };
        let two = judged(&[matched(0, &[0x20_0010]), matched(1, &[0x90_0000])], &infos, &text);
        assert_eq!(two.inside, [Inside::Database, Inside::Nothing]);
        let one = judged(&[matched(1, &[0x20_0010])], &infos, &text);
        assert_eq!(one.inside, [Inside::Nothing], "it is the text of another rule");
    }
}

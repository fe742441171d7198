//! Databases of signatures, such as those of scanners: they contain what rules look for, and are nothing by themselves.
//! They are known by what no program has: strings of many different rules side by side, the text of rules or what YARA
//! makes of it, or many variants of one thing that our rules look for.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use bstr::ByteSlice;

use super::super::yara::{RawMatch, RuleInfo};

/// Bytes within which strings of different rules make a database.
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

/// What is found of databases among the matches of one target.
#[derive(Debug, Default)]
pub(super) struct Databases {
    /// For each match, whether all of its strings are in a database.
    pub(super) inside: Vec<bool>,
    /// The first and the last address of their strings.
    pub(super) range: Option<Range<u64>>,
}

/// Judges the matches of one target. `bytes` gives bytes of a range, as far as they are there. `may_be_rules` says whether
/// text of rules may be nothing but that: a file of another name may be a program, too, such as a page in PHP.
pub(super) fn judge(
    matches: &[RawMatch],
    infos: &[RuleInfo],
    may_be_rules: bool,
    bytes: &dyn Fn(Range<u64>) -> Vec<u8>,
) -> Databases {
    let mut points: Vec<(u64, usize)> = matches
        .iter()
        .enumerate()
        .flat_map(|(number, one)| one.strings.iter().map(move |string| (string.at, number)))
        .collect();
    points.sort_unstable();
    points.dedup();
    let mut texts = Texts { bytes, may_be_rules, known: HashMap::new() };
    let variants = variants(matches, infos);
    let mut is_inside = vec![false; points.len()];
    let mut window = Window::default();
    let (mut from, mut marked) = (0_usize, 0_usize);
    for (to, &(at, number)) in points.iter().enumerate() {
        window.add(number, infos, matches);
        while let Some(&(first, gone)) = points.get(from).filter(|(first, _)| at.saturating_sub(*first) > NEAR) {
            debug_assert!(first <= at);
            window.remove(gone, infos, matches);
            from = from.saturating_add(1);
        }
        if variants.contains(&(at, number)) {
            is_inside.get_mut(to).into_iter().for_each(|inside| *inside = true);
        }
        if window.is_crowded() || texts.has_rules(at, &window, infos, matches) {
            let begin = marked.max(from);
            is_inside.get_mut(begin..=to).unwrap_or_default().fill(true);
            marked = to.saturating_add(1);
        }
    }
    let mut outside: HashSet<usize> = HashSet::new();
    let mut range: Option<Range<u64>> = None;
    for (&(at, number), &inside) in points.iter().zip(&is_inside) {
        if !inside {
            outside.insert(number);
            continue;
        }
        range = Some(range.map_or(at..at.saturating_add(1), |range| range.start..at.saturating_add(1)));
    }
    let is_in = |(number, one): (usize, &RawMatch)| !one.strings.is_empty() && !outside.contains(&number);
    Databases { inside: matches.iter().enumerate().map(is_in).collect(), range }
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

    fn add(&mut self, number: usize, infos: &[RuleInfo], matches: &[RawMatch]) {
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

    fn remove(&mut self, number: usize, infos: &[RuleInfo], matches: &[RawMatch]) {
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

    fn is_crowded(&self) -> bool {
        self.rules.len() >= MANY || self.rules.len() >= SOME && self.kinds.len() >= KINDS || self.own_kinds >= KINDS
    }
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
    /// Whether an address is in the text of rules: of several, or of the rule that matches there.
    fn has_rules(&mut self, at: u64, window: &Window, infos: &[RuleInfo], matches: &[RawMatch]) -> bool {
        let block = at.checked_div(NEAR).unwrap_or(0);
        let bytes = self.bytes;
        let read = || {
            // Rules may begin before the block, and end behind it.
            let start = block.saturating_mul(NEAR).saturating_sub(NEAR / 8);
            let text = bytes(start..start.saturating_add(NEAR.saturating_add(NEAR / 4)));
            form_of(&text).map(|form| (text, form))
        };
        let Some((text, form)) = self.known.entry(block).or_insert_with(read) else { return false };
        if self.may_be_rules && is_defined(&bytes(at.saturating_sub(BEFORE)..at), *form) {
            return true;
        }
        if *form == Form::Compiled {
            return false;
        }
        if window.rules.len() > 1 {
            return true;
        }
        let only = window.rules.keys().next().and_then(|&number| infos.get(matches.get(number)?.rule));
        only.is_some_and(|info| text.contains_str(format!("rule {}", info.name)))
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

    #[test]
    fn strings_of_many_rules_side_by_side_are_a_database() {
        let infos = rules(9, 4, false);
        let mut matches: Vec<RawMatch> = (0..9).map(|rule| matched(rule, &[0x1000 + 500 * rule as u64])).collect();
        let judged = judge(&matches, &infos, true, &nothing);
        assert!(judged.inside.iter().all(|&inside| inside));
        assert_eq!(judged.range, Some(0x1000..0x1000 + 4001));
        // A rule that also matches elsewhere stays.
        matches[3] = matched(3, &[0x1000 + 1500, 0x90_0000]);
        let judged = judge(&matches, &infos, true, &nothing);
        assert_eq!(judged.inside.iter().filter(|&&inside| !inside).count(), 1);
        assert!(!judged.inside[3]);
    }

    #[test]
    fn several_rules_about_one_thing_are_none() {
        // One family of malware, and rules of three files about it.
        let infos = rules(20, 3, false);
        let matches: Vec<RawMatch> = (0..20).map(|rule| matched(rule, &[0x1000 + 64 * rule as u64])).collect();
        assert!(judge(&matches, &infos, true, &nothing).inside.iter().all(|&inside| !inside));
        // Different rules far from each other.
        let infos = rules(40, 10, false);
        let matches: Vec<RawMatch> = (0..40).map(|rule| matched(rule, &[0x10_0000 * rule as u64])).collect();
        assert!(judge(&matches, &infos, true, &nothing).inside.iter().all(|&inside| !inside));
    }

    #[test]
    fn our_own_rules_of_four_kinds_are_a_database() {
        let infos = rules(4, 4, true);
        let matches: Vec<RawMatch> = (0..4).map(|rule| matched(rule, &[0x1000 + 3000 * rule as u64])).collect();
        assert!(judge(&matches, &infos, true, &nothing).inside.iter().all(|&inside| inside));
    }

    #[test]
    fn rules_of_others_are_known_by_the_names_of_their_strings() {
        let infos = rules(1, 1, true);
        let inside = |memory: &'static [u8], at: u64, may_be_rules: bool| {
            let bytes = |range: Range<u64>| {
                let end = usize::try_from(range.end).unwrap().min(memory.len());
                memory.get(usize::try_from(range.start).unwrap()..end).unwrap_or_default().to_vec()
            };
            judge(&[matched(0, &[at])], &infos, may_be_rules, &bytes).inside[0]
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
            judge(&[one], &infos, true, &nothing).inside[0]
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
        let judged = judge(&[matched(0, &[0x20_0010]), matched(1, &[0x90_0000])], &infos, true, &text);
        assert_eq!(judged.inside, [true, false]);
        let judged = judge(&[matched(1, &[0x20_0010])], &infos, true, &text);
        assert_eq!(judged.inside, [false], "it is the text of another rule");
    }
}

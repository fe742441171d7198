//! Databases of signatures, such as those of scanners: they contain what rules look for, and are nothing by themselves.
//! They are known by what no program has: strings of many different rules side by side, or the text of rules.

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

/// What is found of databases among the matches of one target.
#[derive(Debug, Default)]
pub(super) struct Databases {
    /// For each match, whether all of its strings are in a database.
    pub(super) inside: Vec<bool>,
    /// The first and the last address of their strings.
    pub(super) range: Option<Range<u64>>,
}

/// Judges the matches of one target. `bytes` gives bytes of a range, as far as they are there.
pub(super) fn judge(matches: &[RawMatch], infos: &[RuleInfo], bytes: &dyn Fn(Range<u64>) -> Vec<u8>) -> Databases {
    let mut points: Vec<(u64, usize)> = matches
        .iter()
        .enumerate()
        .flat_map(|(number, one)| one.strings.iter().map(move |string| (string.at, number)))
        .collect();
    points.sort_unstable();
    points.dedup();
    let mut texts = Texts { bytes, known: HashMap::new() };
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
    /// For each block of [`NEAR`] bytes: its bytes, if they are text of rules.
    known: HashMap<u64, Option<Vec<u8>>>,
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
            (text.contains_str("condition:") && text.contains_str("strings:")).then_some(text)
        };
        let Some(text) = self.known.entry(block).or_insert_with(read) else { return false };
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
        let judged = judge(&matches, &infos, &nothing);
        assert!(judged.inside.iter().all(|&inside| inside));
        assert_eq!(judged.range, Some(0x1000..0x1000 + 4001));
        // A rule that also matches elsewhere stays.
        matches[3] = matched(3, &[0x1000 + 1500, 0x90_0000]);
        let judged = judge(&matches, &infos, &nothing);
        assert_eq!(judged.inside.iter().filter(|&&inside| !inside).count(), 1);
        assert!(!judged.inside[3]);
    }

    #[test]
    fn several_rules_about_one_thing_are_none() {
        // One family of malware, and rules of three files about it.
        let infos = rules(20, 3, false);
        let matches: Vec<RawMatch> = (0..20).map(|rule| matched(rule, &[0x1000 + 64 * rule as u64])).collect();
        assert!(judge(&matches, &infos, &nothing).inside.iter().all(|&inside| !inside));
        // Different rules far from each other.
        let infos = rules(40, 10, false);
        let matches: Vec<RawMatch> = (0..40).map(|rule| matched(rule, &[0x10_0000 * rule as u64])).collect();
        assert!(judge(&matches, &infos, &nothing).inside.iter().all(|&inside| !inside));
    }

    #[test]
    fn our_own_rules_of_four_kinds_are_a_database() {
        let infos = rules(4, 4, true);
        let matches: Vec<RawMatch> = (0..4).map(|rule| matched(rule, &[0x1000 + 3000 * rule as u64])).collect();
        assert!(judge(&matches, &infos, &nothing).inside.iter().all(|&inside| inside));
    }

    #[test]
    fn a_rule_does_not_match_its_own_text() {
        let infos = rules(2, 1, false);
        let text = |range: Range<u64>| {
            let text = "rule rule_0 { strings: $a = \"evil\" condition: $a }";
            if range.contains(&0x20_0000) { text.as_bytes().to_vec() } else { Vec::new() }
        };
        let judged = judge(&[matched(0, &[0x20_0010]), matched(1, &[0x90_0000])], &infos, &text);
        assert_eq!(judged.inside, [true, false]);
        let judged = judge(&[matched(1, &[0x20_0010])], &infos, &text);
        assert_eq!(judged.inside, [false], "it is the text of another rule");
    }
}

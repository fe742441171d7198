//! Finds many patterns in a slice of bytes, each independently of the others: all occurrences of a literal, even
//! overlapping ones, and the leftmost non-overlapping matches of a regular expression.

use std::ops::Range;
use std::sync::Arc;

use aho_corasick::packed;
use memchr::memmem;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternSet};

use super::mask::Mask;
use super::pattern::{Pattern, PatternError, Shape, escaped};
use super::sieve::{Sieve, Sifter};
use super::table::Table;
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;

/// More literals than this are found faster as one regular expression.
const PACKED_MOST: usize = 64;
/// Bytes that the expression for a few hundred literals may use.
const FINDER: u64 = 64 << 20;
/// More literals than this make the expression too large.
const REGEX_MOST: usize = 2000;
/// Bytes that the caches of all expressions may use in one thread, and the least and most for one expression.
const CACHES: usize = 64 << 20;
const CACHE: std::ops::RangeInclusive<usize> = (64 << 10)..=(2 << 20);

/// Matches in one slice after which later patterns are not searched for, if fewer are wanted in total.
const ENOUGH: usize = 1 << 20;

/// A match: the pattern, and the place in the slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Match {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) pattern: usize,
}

/// Compiled patterns. Clone it for each thread: clones do not share caches.
#[derive(Clone, Debug)]
pub struct Matcher {
    literals: Option<Literals>,
    masks: Vec<(usize, Mask)>,
    regexes: Vec<(usize, Regex)>,
    sifters: Vec<Sifter>,
    /// All expressions as one, to skip blocks in which none matches, and to tell which ones do.
    any: Option<(Regex, Regex)>,
    names: Vec<String>,
    /// The shapes it was compiled from.
    shapes: Arc<[Shape]>,
    /// Bytes of the longest literal.
    longest_literal: usize,
    /// Length of the longest pattern with matches of fixed length, in bytes.
    longest_fixed: usize,
}

impl Matcher {
    /// Compiles patterns. Matches refer to them by their position in the list.
    ///
    /// # Errors
    ///
    /// Fails if a regular expression is not valid or matches only the empty string, or if the patterns are too large
    /// together.
    pub fn new(patterns: &[Pattern]) -> Result<Self, PatternError> {
        Self::within(patterns, &Limits::default())
    }

    /// The same with other limits: `pattern_bytes` bounds what the patterns compile to.
    ///
    /// # Errors
    ///
    /// As [`Matcher::new`].
    pub fn within(patterns: &[Pattern], limits: &Limits) -> Result<Self, PatternError> {
        let mut literals = Vec::new();
        let mut masks = Vec::new();
        let mut regexes = Vec::new();
        let mut sifters: Vec<Sifter> = Vec::new();
        let mut sources = Vec::new();
        let mut room = limits.pattern_bytes;
        let expressions = patterns.iter().filter(|pattern| matches!(pattern.shape, Shape::Regex(_))).count();
        for (number, pattern) in patterns.iter().enumerate() {
            let fail = |why: Why| PatternError::of(&pattern.name, number, why, limits);
            let taken = match &pattern.shape {
                Shape::Literal { bytes, any_case } => {
                    literals.push(Literal { number, bytes: bytes.clone(), any_case: *any_case });
                    bytes.len()
                }
                Shape::Kind(kind) => {
                    if kind.number == 0 {
                        sifters.push(Sifter::new(&kind.sieve, number));
                    }
                    0
                }
                Shape::Mask(pairs) => {
                    masks.push((number, Mask::new(pairs)));
                    pairs.len()
                }
                Shape::Regex(source) => {
                    let regex = compile(&[source], MatchKind::LeftmostFirst, room, expressions).map_err(fail)?;
                    if matches_only_nothing(source) {
                        return Err(fail(Why::Not("it matches only the empty string".to_owned())));
                    }
                    let taken = regex.memory_usage();
                    if let Some(mask) = Mask::of_regex(source, &bytes_syntax()) {
                        masks.push((number, mask));
                    } else {
                        regexes.push((number, regex));
                        sources.push(source.as_str());
                    }
                    taken
                }
            };
            room = room.checked_sub(u64_of(taken)).ok_or_else(|| fail(Why::TooLarge))?;
        }
        let all = |kind| compile(&sources, kind, limits.pattern_bytes, 1).ok();
        let both = || Some((all(MatchKind::LeftmostFirst)?, all(MatchKind::All)?));
        let any = if sources.len() > 1 { both() } else { None };
        let longest_literal = literals.iter().map(|literal| literal.bytes.len()).max().unwrap_or(0);
        let longest_mask = masks.iter().map(|(_, mask)| mask.len()).max().unwrap_or(0);
        let names = patterns.iter().map(|pattern| pattern.name.clone()).collect();
        let shapes = patterns.iter().map(|pattern| pattern.shape.clone()).collect();
        let longest_thing = sifters.iter().map(Sifter::reach).max().unwrap_or(0);
        let longest_fixed = longest_literal.max(longest_mask).max(longest_thing);
        // A sieve that looks at all bytes anyway finds literals with little more work.
        let exact: Option<Vec<(usize, &[u8])>> =
            literals.iter().map(|one| (!one.any_case).then_some((one.number, one.bytes.as_slice()))).collect();
        if exact.is_some_and(|exact| !exact.is_empty() && sifters.iter_mut().any(|sifter| sifter.take(&exact))) {
            literals.clear();
        }
        let literals = Literals::new(literals);
        Ok(Matcher { literals, masks, regexes, sifters, any, names, shapes, longest_literal, longest_fixed })
    }

    /// Whether another matcher finds the same: it has the same patterns in the same order, whatever their names.
    pub(super) fn is_same(&self, other: &Matcher) -> bool {
        self.shapes == other.shapes
    }

    /// The patterns' names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Length in bytes of the longest pattern with matches of fixed length: a literal, or bytes with wildcards.
    pub(super) fn longest_fixed(&self) -> usize {
        self.longest_fixed
    }

    /// Whether there are regular expressions.
    pub(super) fn has_regexes(&self) -> bool {
        !self.regexes.is_empty()
    }

    /// The sieve that finds a pattern. `None` if the pattern is not a kind of thing.
    pub(super) fn sieve_of(&self, pattern: usize) -> Option<&dyn Sieve> {
        match self.shapes.get(pattern)? {
            Shape::Kind(kind) => Some(&*kind.sieve),
            _ => None,
        }
    }

    /// Most things that are kept of a kind that a sieve finds. `None` if the pattern is not one.
    pub(super) fn most_of(&self, pattern: usize) -> Option<usize> {
        self.sieve_of(pattern).map(Sieve::most)
    }

    /// Whether a pattern's matches never overlap.
    pub(super) fn is_regex(&self, pattern: usize) -> bool {
        let number_of = |list: &[(usize, Regex)]| list.binary_search_by_key(&pattern, |(number, _)| *number).is_ok();
        number_of(&self.regexes) || self.mask(pattern).is_some()
    }

    fn mask(&self, pattern: usize) -> Option<&Mask> {
        let place = self.masks.binary_search_by_key(&pattern, |(number, _)| *number).ok()?;
        self.masks.get(place).map(|(_, mask)| mask)
    }

    /// All matches that begin in `span`; they may continue to the end of the slice. Returns at most about `most` of
    /// each pattern or, for literals, in total. If there are more than that and a million, not all patterns are
    /// searched for. Empty matches are skipped.
    pub(super) fn find(&self, haystack: &[u8], span: Range<usize>, most: usize) -> Vec<Match> {
        let mut found = Vec::new();
        if let Some(literals) = &self.literals {
            literals.find(haystack, span.clone(), self.longest_literal, most, &mut found);
        }
        // If there are far more matches than wanted, thousands of patterns must not each add theirs.
        let enough = most.max(ENOUGH);
        for (number, mask) in &self.masks {
            if found.len() <= enough {
                find_mask(*number, mask, haystack, span.clone(), most, &mut found);
            }
        }
        for sifter in &self.sifters {
            sifter.find(haystack, span.clone(), most, &mut |pattern, range| {
                found.push(Match { start: range.start, end: range.end, pattern });
            });
        }
        let candidates = self.candidates(haystack, &span);
        for (place, (number, regex)) in self.regexes.iter().enumerate() {
            let may_match = candidates.as_ref().is_none_or(|set| set.get(place).copied().unwrap_or(true));
            if may_match && found.len() <= enough {
                find_regex(*number, regex, haystack, span.clone(), most, &mut found);
            }
        }
        found
    }

    /// The matches of one regular expression, from a place in the span.
    pub(super) fn find_one(&self, pattern: usize, haystack: &[u8], span: Range<usize>, most: usize) -> Vec<Match> {
        let mut found = Vec::new();
        if let Some(mask) = self.mask(pattern) {
            find_mask(pattern, mask, haystack, span, most, &mut found);
        } else if let Ok(place) = self.regexes.binary_search_by_key(&pattern, |(number, _)| *number)
            && let Some((number, regex)) = self.regexes.get(place)
        {
            find_regex(*number, regex, haystack, span, most, &mut found);
        }
        found
    }

    /// Which expressions match at all; `None` if that was not checked.
    fn candidates(&self, haystack: &[u8], span: &Range<usize>) -> Option<Vec<bool>> {
        let (any, which) = self.any.as_ref()?;
        let input = Input::new(haystack).range(span.start..haystack.len());
        let mut matching = PatternSet::new(which.pattern_len());
        if any.is_match(input.clone()) {
            which.which_overlapping_matches(&input, &mut matching);
        }
        let mut list = vec![false; any.pattern_len()];
        for pattern in matching.iter() {
            if let Some(entry) = list.get_mut(pattern.as_usize()) {
                *entry = true;
            }
        }
        Some(list)
    }
}

/// The syntax of regular expressions over bytes: any byte is one character.
fn bytes_syntax() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true)
}

/// Why a pattern cannot be compiled.
#[derive(Debug)]
enum Why {
    /// The pattern, with those before it, exceeds the limit.
    TooLarge,
    /// The pattern is not valid.
    Not(String),
}

impl PatternError {
    fn of(pattern: &str, number: usize, why: Why, limits: &Limits) -> Self {
        let limit = matches!(why, Why::TooLarge).then_some(&Limits::PATTERN_BYTES);
        let why = match why {
            Why::Not(why) => why,
            Why::TooLarge => {
                let before =
                    if number == 0 { "the pattern compiles" } else { "this pattern and those before it compile" };
                format!("{before} to more than {} bytes; give fewer or shorter patterns", limits.pattern_bytes)
            }
        };
        PatternError { pattern: pattern.to_owned(), why, limit }
    }
}

/// Compiles expressions into one, which may use `most` bytes and is one of `count`.
fn compile(sources: &[&str], kind: MatchKind, most: u64, count: usize) -> Result<Regex, Why> {
    let cache = CACHES.checked_div(count).unwrap_or(CACHES).clamp(*CACHE.start(), *CACHE.end());
    let config = Regex::config()
        .match_kind(kind)
        .utf8_empty(false)
        .nfa_size_limit(Some(usize_of(most)))
        .hybrid_cache_capacity(cache);
    Regex::builder().syntax(bytes_syntax()).configure(config).build_many(sources).map_err(|error| {
        match error.syntax_error() {
            // The last line says what is wrong; those before show where.
            Some(error) => {
                let error = error.to_string();
                let what = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                Why::Not(format!("not a regular expression: {what}"))
            }
            None if error.size_limit().is_some() => Why::TooLarge,
            None => Why::Not(format!("cannot compile the pattern: {error}")),
        }
    })
}

/// Whether an expression can match only the empty string.
fn matches_only_nothing(source: &str) -> bool {
    syntax::parse_with(source, &bytes_syntax()).is_ok_and(|hir| hir.properties().maximum_len() == Some(0))
}

fn find_regex(number: usize, regex: &Regex, haystack: &[u8], span: Range<usize>, most: usize, found: &mut Vec<Match>) {
    let before = found.len();
    let input = Input::new(haystack).range(span.start..haystack.len());
    for m in regex.find_iter(input).take_while(|m| m.start() < span.end).filter(|m| !m.is_empty()) {
        found.push(Match { start: m.start(), end: m.end(), pattern: number });
        if found.len().saturating_sub(before) >= most {
            break;
        }
    }
}

fn find_mask(number: usize, mask: &Mask, haystack: &[u8], span: Range<usize>, most: usize, found: &mut Vec<Match>) {
    let (end, mut at) = (span.end, span.start);
    for _ in 0..most {
        let Some(start) = mask.find(haystack, at..end) else { break };
        at = start.saturating_add(mask.len());
        found.push(Match { start, end: at, pattern: number });
    }
}

#[derive(Clone, Debug)]
struct Literal {
    number: usize,
    bytes: Vec<u8>,
    any_case: bool,
}

impl Literal {
    fn is_at(&self, haystack: &[u8]) -> bool {
        match haystack.get(..self.bytes.len()) {
            Some(here) if self.any_case => here.eq_ignore_ascii_case(&self.bytes),
            Some(here) => here == self.bytes,
            None => false,
        }
    }
}

/// All literals: a fast way to the next place where any of them begins, and a slow one to tell which.
#[derive(Clone, Debug)]
struct Literals {
    finder: Finder,
    all: Vec<Literal>,
    /// Literals by their first byte in lower case.
    by_first: Vec<Vec<usize>>,
}

#[derive(Clone, Debug)]
enum Finder {
    One(memmem::Finder<'static>),
    Packed(packed::Searcher),
    Regex(Regex),
    /// All occurrences of thousands of literals.
    Many(Table),
}

impl Finder {
    fn next(&self, haystack: &[u8], span: Range<usize>) -> Option<usize> {
        match self {
            Finder::One(finder) => {
                let at = finder.find(haystack.get(span.clone())?)?;
                span.start.checked_add(at)
            }
            Finder::Packed(searcher) => searcher.find_in(haystack, aho_corasick::Span::from(span)).map(|m| m.start()),
            Finder::Regex(regex) => regex.find(Input::new(haystack).range(span)).map(|m| m.start()),
            // This finder finds all of them by itself.
            Finder::Many(_) => None,
        }
    }
}

impl Literals {
    fn new(literals: Vec<Literal>) -> Option<Self> {
        if literals.is_empty() {
            return None;
        }
        let mut by_first = vec![Vec::new(); 256];
        for (place, literal) in literals.iter().enumerate() {
            if let Some(list) =
                literal.bytes.first().and_then(|b| by_first.get_mut(usize::from(b.to_ascii_lowercase())))
            {
                list.push(place);
            }
        }
        let finder = Self::finder(&literals);
        Some(Literals { finder, all: literals, by_first })
    }

    fn finder(literals: &[Literal]) -> Finder {
        let exact = literals.iter().all(|literal| !literal.any_case);
        match literals {
            [one] if exact => return Finder::One(memmem::Finder::new(&one.bytes).into_owned()),
            _ if exact && literals.len() <= PACKED_MOST => {
                if let Some(searcher) = packed::Searcher::new(literals.iter().map(|literal| &literal.bytes)) {
                    return Finder::Packed(searcher);
                }
            }
            _ if literals.len() > REGEX_MOST => return Self::many(literals, exact),
            _ => {}
        }
        let alternatives: Vec<String> = literals
            .iter()
            .map(|literal| {
                let flag = if literal.any_case { "i" } else { "" };
                format!("(?{flag}:{})", escaped(&literal.bytes))
            })
            .collect();
        let regex = compile(&[&alternatives.join("|")], MatchKind::LeftmostFirst, FINDER, 1);
        regex.map_or_else(|_| Self::many(literals, exact), Finder::Regex)
    }

    fn many(literals: &[Literal], exact: bool) -> Finder {
        Finder::Many(Table::new(literals.iter().map(|literal| literal.bytes.as_slice()), !exact))
    }

    fn find(&self, haystack: &[u8], span: Range<usize>, longest: usize, most: usize, found: &mut Vec<Match>) {
        let end = span.end.saturating_add(longest.saturating_sub(1)).min(haystack.len());
        if let Finder::Many(table) = &self.finder {
            let before = found.len();
            for start in span {
                let Some(here) = haystack.get(start..) else { break };
                table.at(here, |place, len| {
                    if let Some(literal) = self.all.get(place).filter(|literal| literal.is_at(here)) {
                        found.push(Match { start, end: start.saturating_add(len), pattern: literal.number });
                    }
                });
                if found.len().saturating_sub(before) >= most {
                    break;
                }
            }
            return;
        }
        let before = found.len();
        let mut at = span.start;
        while let Some(start) = self.finder.next(haystack, at..end).filter(|&start| start < span.end) {
            at = start.saturating_add(1);
            let Some(here) = haystack.get(start..) else { break };
            let first = here.first().map_or(0, u8::to_ascii_lowercase);
            let candidates = self.by_first.get(usize::from(first)).map_or(&[][..], Vec::as_slice);
            for literal in candidates.iter().filter_map(|&place| self.all.get(place)) {
                if literal.is_at(here) {
                    let end = start.saturating_add(literal.bytes.len());
                    found.push(Match { start, end, pattern: literal.number });
                }
            }
            if found.len().saturating_sub(before) >= most {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Encoding;
    use super::*;

    fn find(patterns: &[Pattern], haystack: &[u8]) -> Vec<(usize, usize, usize)> {
        let matcher = Matcher::new(patterns).unwrap();
        let mut found = matcher.find(haystack, 0..haystack.len(), usize::MAX);
        found.sort_unstable();
        found.iter().map(|m| (m.pattern, m.start, m.end)).collect()
    }

    fn text(text: &str) -> Pattern {
        Pattern::text(text, Encoding::Utf8, false).unwrap()
    }

    #[test]
    fn occurrences_that_overlap_are_all_found() {
        assert_eq!(find(&[text("aa")], b"aaaa"), [(0, 0, 2), (0, 1, 3), (0, 2, 4)]);
    }

    #[test]
    fn no_pattern_hides_another() {
        let found = find(&[text("pass"), text("password"), text("swo"), Pattern::regex("p.*d", false)], b"a password");
        assert_eq!(found, [(0, 2, 6), (1, 2, 10), (3, 2, 10), (2, 5, 8)]);
    }

    #[test]
    fn hundreds_of_literals_are_found_as_few_are() {
        let many: Vec<Pattern> = (0..200).map(|n| text(&format!("needle-{n:03}"))).collect();
        let found = find(&many, b"..needle-007..needle-199needle-200");
        assert_eq!(found, [(7, 2, 12), (199, 14, 24)]);
    }

    #[test]
    fn cases_and_bytes_that_are_no_text() {
        let any = Pattern::text("SeCret", Encoding::Utf8, true).unwrap();
        assert_eq!(find(&[any], b"\xffsecretSECRET"), [(0, 1, 7), (0, 7, 13)]);
        assert_eq!(find(&[Pattern::hex("ff ?? 0?").unwrap()], b"\xff\n\x07"), [(0, 0, 3)]);
        assert_eq!(find(&[Pattern::regex("a.b", false)], b"a\nb a\xffb a\0b"), [(0, 0, 3), (0, 4, 7), (0, 8, 11)]);
    }

    #[test]
    fn empty_matches_are_passed_over() {
        assert_eq!(find(&[Pattern::regex("a*", false)], b"baab"), [(0, 1, 3)]);
        assert!(Matcher::new(&[Pattern::regex("()", false)]).is_err());
        assert!(Matcher::new(&[Pattern::regex("(", false)]).unwrap_err().to_string().contains("not a regular"));
    }

    #[test]
    fn several_expressions_are_each_found() {
        let found =
            find(&[Pattern::regex("ab+", false), Pattern::regex("b+c", false), Pattern::regex("x", false)], b"abbc");
        assert_eq!(found, [(0, 0, 3), (1, 1, 4)]);
    }

    #[test]
    fn matches_begin_in_the_span_and_may_end_behind_it() {
        let matcher = Matcher::new(&[text("abc"), Pattern::regex("abc+", false)]).unwrap();
        let found = matcher.find(b"abcabccc", 1..4, usize::MAX);
        assert_eq!(found.iter().map(|m| (m.start, m.end)).collect::<Vec<_>>(), [(3, 6), (3, 8)]);
    }
}

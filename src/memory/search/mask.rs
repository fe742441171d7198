//! Byte patterns with wildcards, and regular expressions equivalent to them: fixed digits at some places, any digit at
//! others. A pattern of any length uses memory in proportion to its digits, and a search only examines places where its
//! longest run of whole bytes occurs.

use std::ops::Range;

use memchr::memmem;
use regex_automata::util::syntax;
use regex_syntax::hir::{self, Hir, HirKind};

/// A byte pattern with wildcards.
#[derive(Clone, Debug)]
pub(super) struct Mask {
    /// Length of a match in bytes.
    len: usize,
    /// The longest run of whole bytes and its offset; `None` if there is no whole byte.
    anchor: Option<(usize, memmem::Finder<'static>)>,
    /// The other constrained places: offset, mask and value.
    others: Vec<(usize, u8, u8)>,
    /// Places at which one of several bytes must be.
    classes: Vec<(usize, Class)>,
}

/// Allowed bytes at a place: ranges, in order.
type Class = std::sync::Arc<[(u8, u8)]>;

/// Shorter patterns are found faster as regular expressions, which are searched together with others.
const SHORT: usize = 32;

impl Mask {
    /// A pattern of nibbles, high nibble of each byte first; `None` means any.
    pub(super) fn new(pairs: &[[Option<u8>; 2]]) -> Self {
        let bits = |[high, low]: [Option<u8>; 2]| {
            let part = |nibble: Option<u8>| nibble.map_or((0, 0), |value| (0xf, value & 0xf));
            let ((high_mask, high), (low_mask, low)) = (part(high), part(low));
            (high_mask << 4 | low_mask, high.wrapping_shl(4) | low)
        };
        Self::of(&pairs.iter().copied().map(bits).collect::<Vec<_>>())
    }

    /// For each place, its mask and value.
    fn of(all: &[(u8, u8)]) -> Self {
        let anchor = longest_run(all);
        let bytes: Vec<u8> = all.get(anchor.clone()).unwrap_or_default().iter().map(|&(_, value)| value).collect();
        let others = all.iter().enumerate().filter(|(place, (mask, _))| *mask != 0 && !anchor.contains(place));
        Mask {
            len: all.len(),
            others: others.map(|(place, &(mask, value))| (place, mask, value)).collect(),
            anchor: (!bytes.is_empty()).then(|| (anchor.start, memmem::Finder::new(&bytes).into_owned())),
            classes: Vec::new(),
        }
    }

    /// A long regular expression that has one byte, or one of some bytes, at each place, and a certain byte at some. An
    /// automaton for such an expression has too many states.
    pub(super) fn of_regex(source: &str, config: &syntax::Config) -> Option<Self> {
        let hir = syntax::parse_with(source, config).ok()?;
        let len = hir.properties().minimum_len().filter(|&len| len >= SHORT)?;
        if hir.properties().maximum_len() != Some(len) || !hir.properties().look_set().is_empty() {
            return None;
        }
        let mut places = Vec::with_capacity(len);
        flatten(&hir, &mut places)?;
        let exact: Vec<(u8, u8)> = places
            .iter()
            .map(|class| match class.as_ref() {
                [(from, to)] if from == to => (0xff, *from),
                _ => (0, 0),
            })
            .collect();
        let mut mask = Mask::of(&exact);
        let is_any = |class: &Class| matches!(class.as_ref(), [(0, 0xff)]);
        let classes = places.into_iter().enumerate().zip(exact).filter(|(_, (bits, _))| *bits == 0);
        mask.classes = classes.map(|(place, _)| place).filter(|(_, class)| !is_any(class)).collect();
        mask.anchor.is_some().then_some(mask)
    }

    /// Length of a match in bytes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first match that begins in a range; it may continue to the end of the slice.
    pub(super) fn find(&self, haystack: &[u8], span: Range<usize>) -> Option<usize> {
        let mut at = span.start;
        while at < span.end {
            let start = match &self.anchor {
                None => at,
                Some((place, finder)) => {
                    let from = at.checked_add(*place)?;
                    let to = span.end.saturating_add(*place).saturating_add(finder.needle().len()).saturating_sub(1);
                    at.checked_add(finder.find(haystack.get(from..to.min(haystack.len()))?)?)?
                }
            };
            if self.is_at(haystack, start) {
                return Some(start);
            }
            at = start.checked_add(1)?;
        }
        None
    }

    /// Whether everything but the anchor matches at a place.
    fn is_at(&self, haystack: &[u8], start: usize) -> bool {
        let Some(here) = start.checked_add(self.len).and_then(|end| haystack.get(start..end)) else { return false };
        let is_of = |byte: &u8, class: &Class| class.iter().any(|(from, to)| (from..=to).contains(&byte));
        self.others.iter().all(|&(place, mask, value)| here.get(place).is_some_and(|byte| byte & mask == value))
            && self.classes.iter().all(|(place, class)| here.get(*place).is_some_and(|byte| is_of(byte, class)))
    }
}

/// The allowed bytes at each place of an expression of fixed length; `None` if the expression is anything else.
fn flatten(hir: &Hir, places: &mut Vec<Class>) -> Option<()> {
    match hir.kind() {
        HirKind::Empty => Some(()),
        HirKind::Literal(literal) => {
            places.extend(literal.0.iter().map(|&byte| Class::from([(byte, byte)])));
            Some(())
        }
        HirKind::Class(hir::Class::Bytes(class)) => {
            places.push(class.ranges().iter().map(|range| (range.start(), range.end())).collect());
            Some(())
        }
        HirKind::Capture(capture) => flatten(&capture.sub, places),
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| flatten(part, places)),
        HirKind::Repetition(repetition) if repetition.max == Some(repetition.min) => {
            let from = places.len();
            flatten(&repetition.sub, places)?;
            let once = places.split_off(from);
            if !once.is_empty() {
                (0..repetition.min).for_each(|_| places.extend(once.iter().cloned()));
            }
            Some(())
        }
        HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) | HirKind::Alternation(_) => None,
    }
}

/// The longest run of bytes without wildcard bits.
fn longest_run(all: &[(u8, u8)]) -> Range<usize> {
    let (mut longest, mut start) = (0..0, 0);
    for (place, (mask, _)) in all.iter().enumerate() {
        if *mask != 0xff {
            start = place.saturating_add(1);
        } else if place.saturating_sub(start) >= longest.len() {
            longest = start..place.saturating_add(1);
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a1??`, as the user writes it.
    fn mask(text: &str) -> Mask {
        let nibbles: Vec<Option<u8>> =
            text.chars().filter(|c| *c != ' ').map(|c| Some(u8::try_from(c.to_digit(16)?).unwrap())).collect();
        Mask::new(nibbles.as_chunks::<2>().0)
    }

    #[test]
    fn matches_are_those_of_looking_everywhere() {
        let haystack: Vec<u8> = (0..4000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2] & 0x33).collect();
        for text in ["3?", "?2", "11 ?? 2?", "?? 33", "0? ?? ?? 11 22", "?1 ?? 33 ?? ?0", "22 22", "?? ?? ?? 1?"] {
            let mask = mask(text);
            let naive: Vec<usize> = (5..3900)
                .filter(|&at| {
                    let nibbles: Vec<char> = text.chars().filter(|c| *c != ' ').collect();
                    let shown: Vec<char> = haystack[at..]
                        .iter()
                        .take(mask.len())
                        .flat_map(|b| format!("{b:02x}").chars().collect::<Vec<_>>())
                        .collect();
                    shown.len() == nibbles.len() && nibbles.iter().zip(&shown).all(|(n, s)| *n == '?' || n == s)
                })
                .collect();
            let mut found = Vec::new();
            let mut at = 5;
            while let Some(start) = mask.find(&haystack, at..3900) {
                found.push(start);
                at = start + 1;
            }
            assert_eq!(found, naive, "{text}");
        }
    }

    #[test]
    fn expressions_of_one_length_are_masks() {
        let config = syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true);
        let of = |source: &str| Mask::of_regex(source, &config);
        let mask = of("[a-c]x.{30}(?:yz)").unwrap();
        let mut text = vec![b'.'; 50];
        (text[7], text[8], text[39], text[40]) = (b'b', b'x', b'y', b'z');
        assert_eq!((mask.len(), mask.find(&text, 0..50)), (34, Some(7)));
        text[7] = b'd';
        assert_eq!(mask.find(&text, 0..50), None);
        for other in ["a.{10}", "a.{40}|b", "a.{40,50}b", r"a.{40}\b", ".{50}", "a+.{40}"] {
            assert!(of(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_match_must_be_whole_and_may_end_behind_the_range() {
        let mask = mask("41 ?? 42");
        assert_eq!(mask.find(b"..AxBAxB", 0..3), Some(2));
        assert_eq!(mask.find(b"..AxBAxB", 3..5), None);
        assert_eq!(mask.find(b"..AxB", 0..5), Some(2));
        assert_eq!(mask.find(b"..Ax", 0..4), None);
    }
}
